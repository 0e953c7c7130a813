# %% [markdown]
# # 04 · The EMA teacher
#
# At the end you will have followed one weight through a run, seen what a teacher keeps and what it forgets, broken it in several ways, asked whether it is better than its student, and found a slip that is handed on with DINO's pseudo-code.
#
# Before this: [03 · Centering and sharpening](03_centering_and_sharpening.ipynb). One thread of a laptop computes for about two minutes, spread over a few cells. Nothing is downloaded.

# %%
import torch

import dino_lite
from dino_notebooks import EMAWidget, Session, predict, reveal, setup, show, steps
from dino_notebooks.plots import plot_lines

setup()

# %% [markdown]
# ## One weight
#
# A run of the lab's recipe on emoji. After every step we write down one number: the same weight in the student and in the teacher.

# %%
session = Session("lab", seed=0)
weight = {"student": [], "teacher": []}
for _ in range(steps(150)):
    session.run(steps=1)
    for name, way in weight.items():
        way.append(getattr(session.dino, name).head.mlp[0].weight[0, 0].item())
plot_lines({"one weight of student and teacher": weight}, thin=["student"])

# %% [markdown]
# The student goes where the gradients push it. The teacher glides after it. No gradient ever reaches the teacher: it is an *exponential moving average*, **EMA**, of what the student has been.
#
# ## The update
#
# After each step the teacher keeps a share m of itself and takes the rest from the student. m is called its **momentum**.

# %%
show(dino_lite.ema_update)

# %% [markdown]
# With the paper's momentum a single update hardly moves the teacher. But there are many.

# %%
paper, lab = dino_lite.DinoConfig(), dino_lite.DinoConfig.lab()
print(f"m = {paper.ema_momentum}")
predict(
    "Teacher and student begin at 1, then the student jumps to 0 and stays. Where is the teacher 100 updates later?"
)

# %% [markdown]
# `follow` takes a student of one weight along a path and calls the library's `ema_update` at every step. It needs the path and the momenta.

# %%
from dino_notebooks.widgets.ema import follow

left = follow([1.0] + [0.0] * 100, [paper.ema_momentum] * 101)[-1]
reveal(round(left, 3), f"After 100 updates the teacher is still made of its start for {left:.0%}.")

# %% [markdown]
# ## What it averages
#
# Let the student be 1 at one step only and 0 at all others. How much of that one student is in the teacher, and for how long?

# %%
MOMENTA = (0.95, 0.98, 0.99, 0.996)
shares = {m: follow([0.0, 1.0] + [0.0] * 300, [m] * 302)[1:] for m in MOMENTA}
plot_lines({"share of one student in the teacher": {f"m = {m}": way for m, way in shares.items()}}, xlabel="steps ago")

# %% [markdown]
# The newest student always counts most, and none is forgotten whole. A higher momentum spreads the weight over more of them. A common measure is the **memory**, 1 / (1 − m) steps.

# %%
for m, share in shares.items():
    half = next(age for age in range(len(share)) if sum(share[: age + 1]) >= 0.5)
    print(f"m = {m:5}: memory {1 / (1 - m):3.0f} steps; half of the teacher is from the last {half + 1} steps")

# %% [markdown]
# **Write it.** Can you give the teacher's last weight from the student's path alone, without an update? In the first version every student counts the same. Change `share` so that it is the curve of the figure. The shares must sum to 1, and what is left over belongs to `path[0]`, where both began.


# %% tags=["exercise"]
def my_teacher(path, momentum):
    """The teacher's weight at the end of the student's path (T,)."""
    age = torch.arange(len(path) - 1.0, -1.0, -1.0)  # of each student in steps; the last one is 0 steps old
    share = torch.ones_like(age) / len(age)
    return float((share * path).sum())


# %% [markdown]
# It is compared with the library on the path that our student took.

# %%
path = torch.tensor(weight["student"])
for m in (0.5, 0.9, 0.99):
    mine, theirs = my_teacher(path, m), follow(path.tolist(), [m] * len(path))[-1]
    print(f"m = {m:4}: yours {mine:.4f}, library {theirs:.4f},", "the same" if abs(mine - theirs) < 1e-4 else "not yet")

# %% [markdown]
# ## Smooth or up to date
#
# One student may have many teachers. Here is our path again, with three of them.

# %%
teachers = {f"teacher, m = {m}": follow(path.tolist(), [m] * len(path)) for m in (0.9, 0.99, 0.999)}
plot_lines({"one weight": {"student": weight["student"], **teachers}}, thin=["student"])

# %% [markdown]
# A high momentum gives a smooth teacher that comes late. A low one is up to date and copies every wiggle. The panel shows the same for a made-up student. Move the momentum to both ends of its slider: what is the teacher at 0, and what at 1?

# %%
EMAWidget(momentum=0.98)

# %% [markdown]
# ## From moderate to 1
#
# The paper does not choose. It begins with a moderate momentum, while the student is young and there is much to forget, and raises it to 1 by a cosine. The switch in the panel above draws it.

# %%
show(dino_lite.schedules.cosine)

# %% [markdown]
# The distance of the momentum from 1 is what matters.

# %%
print(f"At the start m = {paper.ema_momentum}, a memory of {1 / (1 - paper.ema_momentum):.0f} steps.")
predict("How many steps does the teacher remember half-way through the run, with m of that step?")

# %% [markdown]
# The schedule of a run of 1000 steps:

# %%
momenta = {step: dino_lite.schedules.cosine(step, 1000, paper.ema_momentum, 1.0) for step in (0, 250, 500, 750, 900)}
for step, m in momenta.items():
    print(f"step {step:3}: m = {m:.5f}, memory {1 / (1 - m):6,.0f} steps")
reveal(
    round(1 / (1 - momenta[500])),
    f"m is then {momenta[500]:.4f}. At the very end it is 1, and the teacher stands still.",
)

# %% [markdown]
# The paper's runs have more than a hundred thousand steps. One of a few hundred needs a shorter memory, or the teacher never gets rid of the random network that it began as. That is why the lab has a momentum of its own.

# %%
for name, m in {"paper": paper.ema_momentum, "lab": lab.ema_momentum}.items():
    rest = follow([1.0] + [0.0] * 150, [m] * 151)[-1]
    print(f"{name:5}: m = {m:5}, after 150 steps {rest:.0%} of the teacher is its random start")

# %% [markdown]
# ## Parameters by name, buffers not at all
#
# A network has more than weights. Batch norm keeps running means in *buffers*. Below is a small network with both, whose student has changed and has seen data.

# %%
student = torch.nn.Sequential(torch.nn.Linear(1, 1, bias=False), torch.nn.BatchNorm1d(1))
teacher = dino_lite.make_teacher(student)
student[0].weight.data.fill_(5.0)
student(torch.linspace(1, 3, 8)[:, None])  # batch norm in training mode notes the mean
print("parameters:", *dict(student.named_parameters()))
print("buffers:   ", *dict(student.named_buffers()))
predict(
    "After one update with m = 0, whose is the teacher's running mean?",
    ["the student's", "still its own", "half of each"],
)

# %% [markdown]
# At m = 0 nothing of the teacher's parameters is left.

# %%
mean = {"student": float(student[1].running_mean), "before": float(teacher[1].running_mean)}
dino_lite.ema_update(teacher, student, 0.0)
now = float(teacher[1].running_mean)
print(f"weight: student {student[0].weight.item():.2f}, teacher {teacher[0].weight.item():.2f}")
answer = "the student's" if now == mean["student"] else "still its own" if now == mean["before"] else "half of each"
reveal(answer, f"The student's is {mean['student']:.2f}, the teacher's was {mean['before']:.2f} and is {now:.2f}.")

# %% [markdown]
# `make_teacher` copies everything once, buffers too. After that `ema_update` leaves them alone, as in the authors' code: there both networks stay in training mode, so each uses the mean of its own batch. A teacher that you put into evaluation mode would use stale ones.
#
# Parameters are matched by name. Two lists that are merely zipped can differ in their order without anybody noticing. Here a teacher of another shape gets a sentence:

# %%
try:
    dino_lite.ema_update(torch.nn.Linear(1, 2), torch.nn.Linear(1, 1), 0.99)
except ValueError as error:
    print(error)

# %% [markdown]
# ## The wrong way round
#
# No sentence helps against two other mistakes. The arguments can change places, `ema_update(student, teacher, m)`, and so can the two shares, which is to use 1 − m for m. First with one weight, where the student has just learnt to be 1 and both were 0.


# %%
def pair():
    """A student of one weight, 1, and its teacher, 0."""
    student, teacher = torch.nn.Linear(1, 1, bias=False), torch.nn.Linear(1, 1, bias=False)
    student.weight.data.fill_(1.0)
    teacher.weight.data.fill_(0.0)
    return student, teacher


for name in ("right", "arguments swapped", "shares swapped"):
    student, teacher = pair()
    pupil, master, m = (student, teacher, 0.99) if name == "arguments swapped" else (teacher, student, 0.99)
    dino_lite.ema_update(pupil, master, 1 - m if name == "shares swapped" else m)
    print(f"{name:17}: student {student.weight.item():.2f}, teacher {teacher.weight.item():.2f}")

# %% [markdown]
# With swapped arguments the teacher never moves, and the student is pulled back to it: each step takes away a little of what was learnt. With swapped shares the teacher is as good as the student of the last step. Neither raises an error. What do they look like in a run?
#
# ## Four teachers, four runs
#
# Our run from the top had the lab's momentum. Three others begin with the very same weights. With m = 0 the teacher is the student of the step before, with m = 1 it stays the random network that it was.

# %%
RUNS = ["the lab's m", "m = 0", "m = 1", "arguments swapped"]
predict("Which of the four runs has the lowest loss at the end, over its last 30 steps?", RUNS)

# %% [markdown]
# For the last one the library's own step is told to leave the teacher alone, and then we make the mistake ourselves.

# %%
from dino_lite.batches import batch_rows

runs, students = {"the lab's m": session.history}, {"the lab's m": session.dino.student}
for m in (0.0, 1.0):
    other = Session("lab", seed=0)
    other.set(ema_momentum=m)
    other.run(steps=steps(150))
    runs[f"m = {m:.0f}"], students[f"m = {m:.0f}"] = other.history, other.dino.student

emoji = dino_lite.load_pictures("emoji", size=lab.picture_size)
wrong, logs = dino_lite.Dino(lab, seed=0), []
for step in range(steps(150)):
    rows = batch_rows(len(emoji), lab.batch_size, 0, step)
    logs.append(wrong.train_step(emoji.images[rows].to(wrong.device), ema_momentum=1.0))
    dino_lite.ema_update(wrong.student, wrong.teacher, lab.ema_momentum)
runs["arguments swapped"], students["arguments swapped"] = logs, wrong.student

# %% [markdown]
# The feature std says how far the teacher's features are spread out.

# %%
for name, logs in runs.items():
    log = logs[-1]
    parts = f"loss {log.loss:.2f} = h {log.entropy:.2f} + KL {log.kl:.2f}, information {log.mutual_information:.2f}"
    print(f"{name:17} {parts}, feature std {log.feature_std:.3f}, {log.diagnosis}")
final = {name: sum(log.loss for log in logs[-30:]) / len(logs[-30:]) for name, logs in runs.items()}
words = ", ".join(f"{name} {loss:.2f}" for name, loss in final.items())
reveal(min(final, key=final.get), f"Mean loss: {words}. Now read the other columns of that run.")

# %% [markdown]
# The curves of the same four:

# %%
panels = {
    "loss": {name: [log.loss for log in logs] for name, logs in runs.items()},
    "feature std of the teacher": {name: [log.feature_std for log in logs] for name, logs in runs.items()},
}
plot_lines(panels)

# %% [markdown]
# With m = 0 the loss goes to nothing, jumps up and falls again, and the features shrink: all pictures move together. A teacher that is the student of a step ago is easily agreed with, if both say the same of everything; only what they say changes. The paper's table 7 has this run too, at chance.
#
# The two teachers that stand still are the opposite. Nothing collapses, and the diagnosis finds nothing wrong: their targets do tell pictures apart. But they are what a random network says, today and for ever. So what can their students have learnt?
#
# ## Is the teacher better than its student?
#
# In the paper it is, all through the training (Fig. 6), and so it is the teacher that one keeps. Averaging over many steps takes the noise out of the weights. Does it hold in a run as short as ours? Two scores, on pictures with random backgrounds: **k-NN** asks the 20 nearest pictures for the group, such as *Food & Drink*, and **retrieval** looks for the same thing by another vendor.

# %%
some = emoji[::2]
things = len(some) // 3
test = (torch.arange(things) % 4 == 0).repeat(3)  # whole things: no test picture has a twin among the others


def knn_and_retrieval(network):
    """k-NN accuracy and retrieval, 0 to 1."""
    rows = dino_lite.features(network, some, background="random")
    knn = dino_lite.knn_accuracy(rows[~test], some.labels[~test], rows[test], some.labels[test])
    vendors = rows.split(things)
    found = [dino_lite.retrieval_accuracy(a, b) for a in vendors for b in vendors if a is not b]
    return knn, sum(found) / len(found)


# %% [markdown]
# First the students of the four runs, beside the random network that all of them began as. Two of them have had that network for a teacher.

# %%
ANSWERS = ["yes, and clearly", "no, or not by more than the uncertainty"]
predict("Has a student become better than the random teacher that it imitates?", ANSWERS)

# %% [markdown]
# With so few test pictures a k-NN score is uncertain, by one standard error ±.

# %%
start = knn_and_retrieval(dino_lite.Dino(lab, seed=0).student)
error = (start[0] * (1 - start[0]) / int(test.sum())) ** 0.5
print(f"{'the random start':17} k-NN {start[0]:.1%} ± {error:.1%}, retrieval {start[1]:.1%}")
found = {name: knn_and_retrieval(network) for name, network in students.items()}
for name, (knn, retrieval) in found.items():
    print(f"{name:17} k-NN {knn:.1%} ± {error:.1%}, retrieval {retrieval:.1%}")
gain = (found["m = 1"][0] + found["arguments swapped"][0]) / 2 - start[0]
reveal(
    ANSWERS[0] if gain > 2 * error else ANSWERS[1], f"k-NN has changed by {100 * gain:+.1f} points, the mean of both."
)

# %% [markdown]
# That imitating a random network can teach something has been seen before: BYOL, a relative of DINO, began with this observation ([Grill et al. 2020](https://arxiv.org/abs/2006.07733)). The student has to say the same about two views of a picture, and for that it must find out what they share. If the student is then better, why not make it the next teacher? And the one after it? A teacher that follows slowly does just that, a little at every step. How soon this pays is another question: compare the lab's run with the two above before you answer.
#
# Now the question. Two runs with the lab's momentum, held constant, and other random numbers. Every 50 steps both networks are measured.

# %%
predict("Who is ahead in more of the measurements?", ["the teacher", "the student", "neither"])

# %% [markdown]
# This cell takes longest on the page.

# %%
measured = []  # (seed, step, score, student's, teacher's)
for seed in (0, 1):
    run = Session("lab", seed=seed)
    for _ in range(8):
        run.run(steps=steps(50))
        pairs = zip(
            ("k-NN", "retrieval"), knn_and_retrieval(run.dino.student), knn_and_retrieval(run.dino.teacher), strict=True
        )
        measured += [(seed, run.step, *pair) for pair in pairs]
ahead = sum((teacher > student) - (teacher < student) for *_, student, teacher in measured)
won = sum(teacher > student for *_, student, teacher in measured)
reveal(
    "the teacher" if ahead > 0 else "the student" if ahead < 0 else "neither",
    f"The teacher is ahead in {won} of {len(measured)} measurements.",
)

# %% [markdown]
# Their means over the two seeds. Look at whole lines, not at single dots.

# %%
at = sorted({step for _, step, *_ in measured})


def mean_at_steps(score, place):
    """Means over the seeds at each step; place: 3 for the student, 4 for the teacher."""
    return [sum(row[place] for row in measured if row[1:3] == (step, score)) / 2 for step in at]


panels = {
    score: {"student": mean_at_steps(score, 3), "teacher": mean_at_steps(score, 4)} for score in ("k-NN", "retrieval")
}
plot_lines(panels, x=at)

# %% [markdown]
# Why might a teacher fall behind? An average is late, by about its memory, and a young student learns much in so many steps. So we also compare the teacher with the student of a hundred steps before, two measurements back. If it is ahead in about half of the cases, it is just as good as what it averages, and late. If it is ahead in most, averaging has added something.

# %%
late = [pair for lines in panels.values() for pair in zip(lines["student"], lines["teacher"][2:], strict=False)]
won = sum(teacher > student for student, teacher in late)
print(f"The teacher is ahead of the student of two measurements before in {won} of {len(late)} cases.")

# %% [markdown]
# In the paper's runs of a hundred epochs the student hardly changes within the teacher's memory. Being late costs nothing there, and being smooth can pay. We cannot show that with runs as short as ours. What they do show is the teacher's other task: without one that stands still for a while there is nothing to agree with.
#
# ## A slip that is handed on
#
# Here is pseudo-code of DINO that goes round, in short. One of its lines is not what it looks like.
#
# ```python
# loss = H(t1, s2) / 2 + H(t2, s1) / 2
# gt.params = alpha * gt.params + (1 - alpha) * gs.params
# C = alpha * C + (1 - beta) * cat([t1, t2]).mean(dim=0)
# ```

# %%
predict("Which line is wrong?", ["the loss", "the teacher", "the centre"])

# %% [markdown]
# Try it with numbers: an average of ones should come to rest at 1.

# %%
alpha, beta = paper.ema_momentum, paper.center_momentum
teacher = center = 0.0
for _ in range(5000):
    teacher = alpha * teacher + (1 - alpha) * 1.0
    center = alpha * center + (1 - beta) * 1.0
rests = {"the teacher": teacher, "the centre": center}
off = {name: abs(rest - 1) for name, rest in rests.items()}
words = f"α = {alpha}, β = {beta}: with ones for input the teacher rests at {teacher:.2f}, the centre at {center:.2f}."
reveal(max(off, key=off.get) if max(off.values()) > 0.01 else "the loss", words)

# %% [markdown]
# Keep and take must sum to 1, and α and 1 − β do not. The centre heads for (1 − β) / (1 − α) times what it should be. So far too much is subtracted from the prototypes that the teacher likes. What will that do to our run from the top? A `Session` has a knob for it, `center_gain`, which is 1 in a correct DINO.

# %%
FATES = [
    "prototypes are used evenly",
    "a few prototypes share the pictures",
    "one has most of the pictures, and it changes",
]
predict("What happens to the prototypes?", FATES)

# %% [markdown]
# After each step we ask which prototype has the largest share over some fixed pictures.

# %%
begin = session.step
session.set(center_momentum=alpha, center_gain=(1 - beta) / (1 - alpha))
busiest = []
for _ in range(steps(120)):
    use = session.advance(steps=1).probe.use
    busiest.append((int(use.argmax()), float(use.max())))
later = busiest[len(busiest) // 2 :]
largest, kinds = sum(share for _, share in later) / len(later), len({prototype for prototype, _ in later})
fate = FATES[2] if largest > 0.5 and kinds > 1 else FATES[1] if largest > 0.1 else FATES[0]
reveal(fate, f"In the second half the busiest has {largest:.0%} of the pictures; prototypes that took turns: {kinds}.")

# %% [markdown]
# On the left, which prototype it was: each jump of the line is a new favourite. On the right, what the targets tell.

# %%
slip = session.history[begin:]
panels = {
    "number of the busiest prototype": {"busiest": [float(prototype) for prototype, _ in busiest]},
    "mutual information, nats": {"information": [log.mutual_information for log in slip]},
}
plot_lines(panels, xlabel="steps since the slip")

# %% [markdown]
# A favourite is pushed down far below the others, so another one wins everything. The student learns it, its mean rises, and it is pushed down in turn. Centering was to balance the prototypes; overdone, it only changes who dominates.
#
# The slip depends on two numbers that look harmless. What if they are the other way round, α = 0.9 and β = 0.996?

# %%
session.rewind(begin)
session.set(center_momentum=beta, center_gain=(1 - alpha) / (1 - beta))
swapped = session.advance(steps=steps(120))
print(f"the centre is {(1 - alpha) / (1 - beta):.2f} times what it should be, from then on: {swapped.diagnosis}")
print(swapped.reason)

# %% [markdown]
# That is a run without centering, as in [notebook 03](03_centering_and_sharpening.ipynb), and no loss curve will say why. Two averages need two momenta, and each its own 1 minus.
#
# ## What you now know
#
# - The teacher is an average of past students, the newest counting most. It remembers about 1 / (1 − m) steps, and that must fit the length of the run.
# - Its parameters follow by name, its buffers do not. Arguments or shares in the wrong order give no error; read more than the loss.
# - A teacher that follows at once lets the run collapse, one that never moves goes on teaching what a random network says. Whether a teacher is better than its student has to be measured.
#
# **Your turn.** Between 0 and the lab's momentum lies the lowest one with which the run survives. Find it: set `ema_momentum` in a fresh `Session("lab", seed=0)`, make 150 steps and read `.diagnosis`. Then try another seed. If you have ten minutes, let the lab's momentum and m = 1 run on for 600 steps, and compare their students by `scores`.
#
# Next: [05 · Training, end to end](05_training.ipynb).
