# %% [markdown]
# # 03 · Centering and sharpening
#
# At the end you will have turned a table of logits into targets and back, let that table learn with one of DINO's two safeguards missing, seen which way it dies, and seen a real network die the same two ways.
#
# Before this: [02 · Student and teacher](02_student_and_teacher.ipynb). One thread of a laptop computes for less than a minute, nearly all of it on the last page. Nothing is downloaded.

# %%
import torch

import dino_lite
from dino_notebooks import CenterWidget, Session, TemperatureWidget, predict, reveal, setup, show, steps
from dino_notebooks.plots import plot_lines, plot_table

setup()

# %% [markdown]
# ## Four pictures, sixteen prototypes
#
# A **logit** says how well a picture fits a *prototype*. It is the cosine between the two, so it lies between -1 and 1. Below is what a teacher might say about four pictures, one a row. We made it up: prototype 3 suits every picture, and each picture has one more of its own.

# %%
PICTURES = ["dog", "pizza", "rocket", "apple"]
table = 0.05 * torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
table[:, 2] += 0.4  # prototype 3, which suits them all
for picture, own in enumerate((5, 8, 11, 14)):
    table[picture, own] += 0.3  # prototypes 6, 9, 12 and 15, each for one picture
plot_table({"logits of the teacher": table}, PICTURES, "mean")

# %% [markdown]
# Blue is above zero, red below. Column 3 is dark in every row. This table is all we need until the last page.
#
# ## From logits to a target
#
# The student has no labels to learn. What it learns instead is the **target**: how the teacher divides a share of 1 among the prototypes. Softmax makes shares of logits, and the *temperature* τ divides the logits before that. Here is the library's own line. It also subtracts a *centre*. That comes later, so for now our centre is zero.

# %%
show(dino_lite.teacher_probs)

# %% [markdown]
# First without any help from the temperature: τ = 1 leaves the logits as they are.

# %%
predict(
    "At τ = 1, what share of the dog's target goes to prototype 3?",
    ["nearly all", "about half", "little more than one in sixteen"],
)

# %% [markdown]
# The function wants the logits of two views. Ours are twice the same.

# %%
both, nothing = table.expand(2, -1, -1), torch.zeros(16)
TAUS = (1.0, 0.1, 0.04, 0.01)
dog = {tau: dino_lite.teacher_probs(both, nothing, tau)[0, 0] for tau in TAUS}
share = float(dog[1.0][2])
answer = "nearly all" if share > 0.8 else "about half" if share > 0.3 else "little more than one in sixteen"
reveal(answer, f"It gets {share:.2f}, and one in sixteen is {1 / 16:.2f}: logits so close make nearly equal shares.")

# %% [markdown]
# A lower temperature makes more of the same differences. This is **sharpening**. Each row below is the dog's target at another τ.

# %%
plot_table({"the dog's target": torch.stack(list(dog.values()))}, [f"τ = {tau}" for tau in TAUS])

# %% [markdown]
# One number says how sharp a target is: its *entropy* h, in nats. It is 0 when one prototype has all, and ln K when all K prototypes have the same.

# %%
from math import log

from dino_lite import collapse

for tau, target in dog.items():
    print(f"τ = {tau:4}: h = {collapse.entropy(target):.2f}")
print(f"ln 16    = {log(16):.2f}")

# %% [markdown]
# Here is the same calculation to play with, on the dog's first eight logits. Move τt, the teacher's temperature. Then set τs, the student's, to the same value. What happens to KL, the dashed part of the bar at the bottom?

# %%
TemperatureWidget(logits=table[0, :8].tolist())

# %% [markdown]
# KL goes to zero: student and teacher had the same logits, and now they make the same of them.
#
# ## What the student pays
#
# The student sees another view and gives its own shares. The loss is the *cross-entropy* H between target and answer, the average of minus the logarithm of what the student gave to each prototype, weighted by what the teacher gave.

# %%
show(dino_lite.dino_loss)

# %% [markdown]
# Suppose the student says exactly what the teacher says. It cannot do better.

# %%
predict("What is the loss of a student whose answer is the target?", ["0", "h, the target's entropy", "ln 16"])

# %% [markdown]
# To try it we need that student's logits, so we go from the target **back**. The student divides by its temperature τs and applies softmax. Logarithm and times τs undoes both.

# %%
config = dino_lite.DinoConfig.lab()
tau_t, tau_s = config.teacher_temp, config.student_temp
target = dino_lite.teacher_probs(both, nothing, tau_t)
back = tau_s * target.log()
h = float(collapse.entropy(target).mean())
students = {"says the target": back, "has the teacher's logits": both, "says the same of all": torch.zeros_like(both)}
losses = {name: float(dino_lite.dino_loss(logits, target, tau_s)) for name, logits in students.items()}
least, candidates = losses["says the target"], {"0": 0.0, "h, the target's entropy": h, "ln 16": log(16)}
answer = min(candidates, key=lambda name: abs(candidates[name] - least))
reveal(answer, f"The loss is {least:.3f} and h is {h:.3f}. No student gets below h: only the teacher can lower it.")

# %% [markdown]
# What a student pays above h is the *divergence* KL between target and answer. We compute it by itself and add up.

# %%
for name, logits in students.items():
    kl = collapse.kl_divergence(target, (logits / tau_s).log_softmax(-1)).mean().clamp_min(0)
    print(f"a student that {name:24}: loss {losses[name]:.3f} = h {h:.3f} + KL {kl:.3f}")

# %% [markdown]
# So H = h + KL, always. Remember it when you watch a loss fall: the student may have come nearer (KL), or the teacher may only have become surer (h).
#
# ## Why the student's temperature is higher
#
# Look at the second student above. It has the teacher's very logits, and still it pays. The config says τt and τs; the teacher divides by the smaller one. So what logits would satisfy it? We have them: `back`.

# %%
print(f"τt = {tau_t}, τs = {tau_s}")
predict("How many times as far apart as the teacher's logits must the student's be, to give the target?")

# %% [markdown]
# Take the dog's two best prototypes, 3 and 6, and compare the gaps.

# %%
gap_teacher = float(table[0, 2] - table[0, 5])
gap_student = float(back[0, 0, 2] - back[0, 0, 5])
reveal(
    round(gap_student / gap_teacher, 3),
    f"The teacher's gap is {gap_teacher:.3f}, the student needs {gap_student:.3f}: as many times as τs is larger than τt.",
)

# %% [markdown]
# This is the motor of sharpening. The student is always asked for wider gaps than the teacher has. The teacher follows the student, its gaps widen, and it asks for wider ones still. The cosines end it: no logit goes beyond 1. With τt above τs everything runs backwards, and the gaps shrink to nothing.
#
# ## The logarithm of a softmax, or log-softmax?
#
# `dino_loss` calls `log_softmax`. Pseudo-code often has `log(softmax(x))`, which is the same in mathematics. Take a head without unit length, whose logits can be large: 20 for the right prototype, 0 for the other. The student is right, so its loss should be 0.

# %%
predict("What does -(target · log(softmax(logits / τs))) give?", ["0", "200", "infinite", "NaN"])

# %% [markdown]
# Both ways, on the same numbers.

# %%
logits, sure = torch.tensor([20.0, 0.0]), torch.tensor([1.0, 0.0])
naive = -(sure * torch.log(torch.softmax(logits / tau_s, -1))).sum()
stable = -(sure * torch.log_softmax(logits / tau_s, -1)).sum()
answer = "NaN" if naive.isnan() else "infinite" if naive.isinf() else f"{naive.abs():.0f}"
rest = torch.softmax(logits / tau_s, -1)[1]
reveal(
    answer,
    f"The second share is too small for its 32 bits and becomes {rest:.0f}. Its logarithm is {rest.log():.0f}, "
    f"and 0 times that is no number. log_softmax gives {stable.abs():.0f}.",
)

# %% [markdown]
# One NaN in the loss and all weights are NaN a step later. How far apart may logits be before a share becomes 0? It depends on the kind of number.

# %%
gaps = torch.arange(0, 20, 0.01)
pairs = torch.stack([gaps, torch.zeros_like(gaps)], -1) / tau_s
for kind in (torch.float32, torch.float16):
    lost = torch.softmax(pairs.to(kind), -1)[:, 1] == 0
    print(f"{kind!s:13} a gap of {gaps[lost][0]:.2f} is too much; two cosines are at most 2.00 apart")

# %% [markdown]
# **Write it.** Below is the naive version, which you are to mend. Softmax does not change when all logits of a row move by the same amount. Move them so that the largest is 0. Then log softmax(z) = z − log Σ exp(z), and no sum is ever 0. The cell after it compares yours with PyTorch's.


# %% tags=["exercise"]
def my_log_softmax(logits):
    """The logarithm of softmax over the last dimension: (..., K) → (..., K)."""
    return torch.log(torch.softmax(logits, dim=-1))


# %% [markdown]
# A harmless row and a hard one:

# %%
for row in (torch.tensor([3.0, 1.0]), torch.tensor([200.0, 0.0])):
    mine, theirs = my_log_softmax(row), torch.log_softmax(row, -1)
    verdict = "the same" if torch.allclose(mine, theirs, atol=1e-5) else f"not yet: PyTorch has {theirs.tolist()}"
    print(f"{row.tolist()}: yours {[round(x, 3) for x in mine.tolist()]}, {verdict}")

# %% [markdown]
# ## Centering
#
# Back to the targets at the teacher's own temperature. There is something wrong with them.

# %%
plot_table({f"targets at τt = {tau_t}": target[0]}, PICTURES, "mean")

# %% [markdown]
# Every picture gets nearly the same target. A student can learn that by heart without looking at any picture. The *mutual information* I says how much a target tells about its picture. At most it is ln 4, since there are four pictures.

# %%
print(f"I = {collapse.mutual_information(target):.2f} nats of at most ln 4 = {log(4):.2f}")

# %% [markdown]
# The cure is to subtract what the teacher says on average: the **centre** C, the last row of the first figure. In [issue 32](https://github.com/facebookresearch/dino/issues/32) of the authors' repository a reader objects that softmax is blind to a shift. We used that very fact a minute ago. So can it help?

# %%
predict(
    "What changes in the targets when the centre is subtracted from the logits?",
    ["nothing, softmax is blind to it", "only how sharp they are", "also which prototype wins"],
)

# %% [markdown]
# We try both: the same number from all logits, and the centre.

# %%
center = table.mean(dim=0)  # (16,): a number a prototype
shifted = dino_lite.teacher_probs(both, torch.full((16,), float(center.mean())), tau_t)
centered = dino_lite.teacher_probs(both, center, tau_t)
by_number, by_center = (float((new - target).abs().max()) for new in (shifted, centered))
turned = bool((centered.argmax(-1) != target.argmax(-1)).any())
answer = "also which prototype wins" if turned else "only how sharp they are"
reveal(
    answer if by_center > 1e-4 else "nothing, softmax is blind to it",
    f"One number for all changes a share by {by_number:.4f} at most, the centre by {by_center:.2f}: it is a vector.",
)

# %% [markdown]
# Softmax is blind to one number taken from a whole *row*. The centre takes another number from each *column*.

# %%
print(f"I = {collapse.mutual_information(centered):.2f} nats of at most {log(4):.2f}")
plot_table({"before": target[0], "after": centered[0]}, PICTURES, "mean")

# %% [markdown]
# Prototype 3 has lost what it won from everybody, and each picture is left with what is its own.
#
# ## The centre has a memory
#
# One batch is a poor average, and a training has thousands. So the centre is a moving average too: it keeps a share m, the *momentum*, and takes the rest from the new batch. It begins at zero.

# %%
show(dino_lite.update_center)

# %% [markdown]
# **Predict.** We feed our table again and again, with the paper's m.

# %%
print(f"m = {config.center_momentum}")
predict("After how many updates of the centre does prototype 3 no longer win any of the four pictures?")

# %% [markdown]
# For comparison, the same for other momenta. The paper tried 0.999 as well, and its score fell to that of chance (appendix D).

# %%
ways, turns = {}, {}
for m in (0.0, config.center_momentum, 0.99, 0.999):
    center, way = torch.zeros(16), []
    for _ in range(400):
        way.append(dino_lite.teacher_probs(both, center, tau_t)[0])
        center = dino_lite.update_center(center, both, m)
    ways[f"m = {m}"] = [float(target[:, 2].mean()) for target in way[:100]]
    turns[m] = next((step for step, target in enumerate(way) if (target.argmax(-1) != 2).all()), len(way))
words = ", ".join(f"{count} for m = {m}" for m, count in turns.items())
reveal(turns[config.center_momentum], f"All four: {words}.")

# %% [markdown]
# Too long a memory, and the centre comes too late. Meanwhile the student learns to say "prototype 3".

# %%
plot_lines({"share of prototype 3, mean over the pictures": ways}, xlabel="updates of the centre")

# %% [markdown]
# In the panel below the favour to prototype 3 is a slider. Change it, press *ten steps*, and watch the centre run after the mean. Then tick *subtract only the mean of C*.

# %%
CenterWidget(momentum=config.center_momentum, steps=10)

# %% [markdown]
# ## The table comes to life
#
# Until now nothing has learnt. Let the table be the weights of a network, sixty-four of them. A view of the dog is half a dog, and for the rest a random mix of all four: crops are like that, and some show little of their thing. The rest is DINO as it is, with the library's functions.


# %%
def lesson(centering, temperature, count=400):
    """Teach a copy of the table; yields the targets of each step, (2, 4, 16)."""
    student = torch.nn.Linear(4, 16, bias=False)
    student.weight.data.copy_(table.T)
    teacher, center = dino_lite.make_teacher(student), torch.zeros(16)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(count):
        mix = torch.rand(2, 4, 4, generator=generator)
        views = 0.5 * torch.eye(4) + 0.5 * mix / mix.sum(-1, keepdim=True)
        logits = teacher(views)
        target = dino_lite.teacher_probs(logits, center if centering else nothing, temperature)
        optimizer.zero_grad()
        dino_lite.dino_loss(student(views), target, tau_s).backward()
        optimizer.step()
        dino_lite.ema_update(teacher, student, 0.9)
        center = dino_lite.update_center(center, logits, config.center_momentum)
        yield target


# %% [markdown]
# First **sharpening alone**: the low teacher temperature, and no centre.

# %%
ENDS = ["each picture has its own prototype", "one prototype for all pictures", "all prototypes alike for all pictures"]
predict("Sharpening alone: what do the targets say at the end?", ENDS)


# %% [markdown]
# The end is read from the last targets: are they flat, and do they agree?


# %%
def end_of(target):
    """Which of the three ENDS these targets show."""
    if collapse.entropy(target).mean() > collapse.UNIFORM_ENTROPY * log(16):
        return ENDS[2]
    return ENDS[1] if len(target.argmax(-1).unique()) == 1 else ENDS[0]


lessons = {"sharpening alone": list(lesson(False, tau_t))}
last = lessons["sharpening alone"][-1]
winners = sorted({int(winner) + 1 for winner in last.argmax(-1).flatten()})
reveal(end_of(last), f"The winners: {winners}, with h = {collapse.entropy(last).mean():.2f}. Sure, but of nothing.")

# %% [markdown]
# Now **centering alone**: the centre is subtracted, and the teacher's temperature equals the student's, so that nothing is sharpened.

# %%
predict("Centering alone: what do the targets say at the end?", ENDS)

# %% [markdown]
# With it we run the two remaining cases, both together and neither.

# %%
lessons["centering alone"] = list(lesson(True, tau_s))
lessons["both"] = list(lesson(True, tau_t))
lessons["neither"] = list(lesson(False, tau_s))
last = lessons["centering alone"][-1]
reveal(end_of(last), f"h is {collapse.entropy(last).mean():.2f}, and ln 16 is {log(16):.2f}.")

# %% [markdown]
# The last targets of all four, in the same colours.

# %%
plot_table({name: targets[-1][0] for name, targets in lessons.items()}, PICTURES, "mean")

# %% [markdown]
# Why flat? A view of the dog is partly a pizza, so the student cannot know what the teacher saw. Its best answer is an *average* of the targets that are possible. An average is flatter than what it is made of, and it makes the pictures more alike. The teacher becomes that average, and so on. Sharpening undoes the flattening, centering takes away what the pictures have in common. Each alone overshoots.

# %%
measures = {"entropy h, nats": collapse.entropy, "information I, nats": collapse.mutual_information}
curves = {
    title: {name: [float(measure(step).mean()) for step in targets] for name, targets in lessons.items()}
    for title, measure in measures.items()
}
plot_lines(curves, guides={"entropy h, nats": {"ln 16": log(16)}, "information I, nats": {"ln 4": log(4)}})

# %% [markdown]
# Entropy alone does not tell the living from the dead. On the left two curves lie together at the bottom; on the right one of the two tells its pictures apart, and the other does not.
#
# ## A real network
#
# Does it hold for a network that sees pictures? A `Session` is a real run of the lab's recipe on emoji, whose knobs can be moved. It runs well for a while. From that point on we take away one safeguard at a time.

# %%
CASES = {"both": {}, "sharpening alone": {"centering": False}, "centering alone": {"sharpening": False}}
predict("In which of the three will KL be lowest at the end?", list(CASES))

# %% [markdown]
# `rewind` brings the run back to the point where they part, with its knobs.

# %%
session = Session("lab", seed=0)
begin = session.advance(steps=steps(150)).step
ends = {}
for name, fault in CASES.items():
    session.set(**fault)
    ends[name] = session.advance(steps=steps(100))
    session.rewind(begin)
    last = ends[name].logs[-1]
    numbers = f"h {last.entropy:.2f}  KL {last.kl:.2f}  I {last.mutual_information:.2f}"
    print(f"{name:16} {numbers}  {last.effective_prototypes:3.0f} prototypes in use  {ends[name].diagnosis}")
kls = {name: end.logs[-1].kl for name, end in ends.items()}
reveal(min(kls, key=kls.get), "The nearer KL is to 0, the less there is left for the student to learn.")

# %% [markdown]
# Compare the two panels with those of the table. This network has more prototypes, so ln K is higher.

# %%
panels = {
    "entropy h, nats": {name: [log.entropy for log in end.logs] for name, end in ends.items()},
    "information I, nats": {name: [log.mutual_information for log in end.logs] for name, end in ends.items()},
}
plot_lines(panels, guides={"entropy h, nats": {f"ln {config.out_dim}": log(config.out_dim)}})

# %% [markdown]
# Entropies part as they did in the table. The information may differ: here no single prototype suits all pictures from the start, so sharpening alone can leave a handful instead of one, and a handful still tells a little about its picture. The diagnosis therefore counts the prototypes too.
#
# ## What you now know
#
# - The loss is H = h + KL. The teacher's lower temperature asks the student for wider gaps than the teacher's own: that is sharpening.
# - The centre is a vector. It takes from each prototype what it wins from all pictures, and softmax is not blind to that.
# - Sharpening alone ends on few prototypes for all pictures, centering alone on a flat target for all. Together they balance.
#
# **Your turn.** In `lesson`, raise the temperature from τt to τs in small steps, with centering on. At which does the end change from "its own" to "all alike"? Then take the favour away from prototype 3 (`table[:, 2] -= 0.4`) and ask whether sharpening alone still kills.
#
# Next: [04 · The EMA teacher](04_the_ema_teacher.ipynb), the third safeguard. All knobs at once are in [06 · The collapse lab](06_collapse_lab.ipynb).
