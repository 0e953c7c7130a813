# %% [markdown]
# # 06 · The collapse lab
#
# At the end you will have steered a real DINO run until it collapsed, told three collapses apart by their meters, brought back those that can be brought back, put the paper's claims and two popular ones to the test, and found the cause of four bug reports.
#
# Before this: [05 · Training, end to end](05_training.ipynb). One thread of a laptop computes for about four minutes, spread over many cells, besides the time that you play. Nothing is downloaded.

# %%
import dino_lite
from dino_notebooks import CollapseLab, Session, predict, reveal, setup, show, steps
from dino_notebooks.plots import plot_lines

setup()

# %% [markdown]
# ## The panel
#
# A network of 0.2 million weights trains on the built-in emoji, about twenty steps a second, while you hold its knobs. Press **Play** and wait for about ten seconds, until the banner says *Healthy*. Then go through the trials below it.

# %%
CollapseLab()

# %% [markdown]
# Before each trial, say aloud what you expect: will the entropy *h* rise or fall, and what will KL do?
#
# 1. Untick *centering*. How many prototypes are left? Tick it again: does the run come back?
# 2. Untick *sharpening*. Bug reports say "my loss is stuck at 8.3178": what is K in theirs?
# 3. Untick *EMA teacher* for a hundred steps. Tick it again, read the banner, and press **Before the last change** twice: both futures are on the charts.
# 4. Choose the scene *loss near 0*. The loss has never been better. What is the score?
#
# ## Why the loss cannot tell
#
# The loss is h + KL: the entropy of the teacher's targets, and how far the student is from them. A target that is the same for every picture is easily learnt, so a collapse can have any loss: near 0 when one prototype has all, ln K when all K have the same. What separates a collapse from a healthy run is how much a target says about *its* picture. That is the information, below.

# %%
show(dino_lite.diagnose)

# %% [markdown]
# ## Three faults, made and undone
#
# The panel is a `Session` with buttons. In code it is better for measuring: set a knob, make some steps, look. Every trial begins at the same healthy moment, is ill for a while, and then gets its knobs back. Single steps are noisy, so `late` takes the mean of the last twenty. We show one seed. With five others the diagnoses were the same (`docs/calibration.md` in the repository).

# %%
session = Session("lab", seed=0)
healthy = session.advance(steps=steps(150))
trials = {}


def late(logs, name):
    """The mean of a number over the last 20 steps."""
    return sum(getattr(log, name) for log in logs[-20:]) / len(logs[-20:])


def trial(name, **fault):
    """The run with a fault, and after the knobs have been put right; then back to the healthy moment."""
    session.set(**fault)
    ill = session.advance(steps=steps(100))
    session.set(**session.usual)
    trials[name] = ill, session.advance(steps=steps(120))
    session.rewind(healthy.step)
    return ill


# %% [markdown]
# The healthy moment itself, for comparison:

# %%
K = session.config.out_dim
NUMBERS = {"entropy": "h", "kl": "KL", "mutual_information": "information", "effective_prototypes": "prototypes"}


def meters(logs):
    """The four meters in words."""
    return ", ".join(f"{word} {late(logs, name):.2f}" for name, word in NUMBERS.items())


print(meters(healthy.logs), "→", healthy.diagnosis)
predict(
    f"Centering off for a hundred steps: how many of the {K} prototypes will be in use?",
    ["under 10", "10 to 99", "100 or more"],
)

# %% [markdown]
# **No centering.** Nothing takes from a prototype what it wins from all pictures.

# %%
ill = trial("no centering", centering=False)
used = late(ill.logs, "effective_prototypes")
answer = "under 10" if used < 10 else "10 to 99" if used < 100 else "100 or more"
reveal(answer, f"{meters(ill.logs)}. Diagnosis: {ill.diagnosis}.")

# %% [markdown]
# **No sharpening** is next: the teacher's temperature is made equal to the student's, and centering is left alone.

# %%
from math import log

print(f"ln K = {log(K):.2f}")
predict("No sharpening for a hundred steps: where will the loss be?", ["near 0", "near ln K", "well between the two"])

# %% [markdown]
# We call it near when it is within a tenth of ln K.

# %%
ill = trial("no sharpening", sharpening=False)
part = late(ill.logs, "loss") / log(K)
answer = "near 0" if part < 0.1 else "near ln K" if 0.9 < part < 1.1 else "well between the two"
reveal(answer, f"It is {part:.0%} of ln K. {meters(ill.logs)}. Diagnosis: {ill.diagnosis}.")

# %% [markdown]
# **No EMA**: the teacher is the student of the step before. "A KL equal to zero indicates a constant output", says the paper (§5.3). Read it the other way round, too.

# %%
predict(
    "Without EMA all pictures will get the same target. What will KL do?",
    ["fall to nearly 0, there is nothing left to learn", "stay well above 0"],
)

# %% [markdown]
# The diagnosis takes a KL below the value printed here for nearly 0.

# %%
ill = trial("no EMA", ema=False)
kl = late(ill.logs, "kl")
print(
    f"nearly 0: below {dino_lite.collapse.NO_DIVERGENCE}; information {late(ill.logs, 'mutual_information'):.2f} nats"
)
answer = (
    "stay well above 0" if kl > dino_lite.collapse.NO_DIVERGENCE else "fall to nearly 0, there is nothing left to learn"
)
reveal(answer, f"{meters(ill.logs)}. Diagnosis: {ill.diagnosis}.")

# %% [markdown]
# A constant target can be a moving one. When the teacher copies the student at once, the one target of all pictures may jump from step to step, and the student runs after it. KL is then no alarm. The information is.
#
# **The cure.** In each trial the knobs were put right afterwards. One of the three did not come back.

# %%
predict("Which fault has left the least information after its knobs were put right?", list(trials))

# %% [markdown]
# The feature std says how far the teacher's features, before the head, are spread out. The network itself is there.

# %%
for name, (ill, cured) in trials.items():
    std = [late(snapshot.logs, "feature_std") for snapshot in (healthy, ill, cured)]
    print(f"{name:13} {ill.diagnosis:12} → {cured.diagnosis:12} feature std {std[0]:.3f} → {std[1]:.3f} → {std[2]:.3f}")
left = {name: late(cured.logs, "mutual_information") for name, (_, cured) in trials.items()}
reveal(min(left, key=left.get), ", ".join(f"{name} {nats:.2f}" for name, nats in left.items()) + " nats.")

# %% [markdown]
# From left to right: a hundred ill steps, and then the steps with all knobs as they should be.

# %%
CURVES = {"loss": "loss", "information, nats": "mutual_information", "feature std": "feature_std"}


def side_by_side(runs):
    """Loss, information and feature std of logs by name."""
    panels = {
        title: {name: [getattr(step, number) for step in logs] for name, logs in runs.items()}
        for title, number in CURVES.items()
    }
    return plot_lines(panels, guides={"loss": {"ln K": log(K)}})


side_by_side({name: cured.logs[healthy.step :] for name, (_, cured) in trials.items()})

# %% [markdown]
# Where the features stay apart, the fault is in the head only, and the knob undoes it. Where the features themselves run together, no gradient soon tells the pictures apart again. Then only an earlier checkpoint helps.
#
# ## Two forces
#
# Why do centering and sharpening pull in opposite directions? First with nothing learnt: the same weights, the same pictures, one step. Only what is made of the logits differs.

# %%
predict(
    "The very step in which a knob is moved: how does the entropy h of the targets change?",
    ["both knobs off: h falls", "both: h rises", "centering off: falls, sharpening off: rises", "the other way round"],
)

# %% [markdown]
# `at_once` is h in that step, and `later` h after the hundred steps of learning above.

# %%
at_once = {"both on": session.advance(steps=1).logs[-1].entropy}
session.rewind(healthy.step)
later = {}
for name in ("no centering", "no sharpening"):
    logs = trials[name][0].logs
    at_once[name], later[name] = logs[healthy.step].entropy, late(logs, "entropy")
    print(f"{name}: h {at_once['both on']:.2f} → {at_once[name]:.2f} at once → {later[name]:.2f} later")
falls = tuple(at_once[name] < at_once["both on"] for name in later)
ANSWERS = {(True, True): "both knobs off: h falls", (False, False): "both: h rises"}
ANSWERS |= {(True, False): "centering off: falls, sharpening off: rises", (False, True): "the other way round"}
reveal(ANSWERS[falls], f"The end of the scale is ln K = {log(K):.2f}.")

# %% [markdown]
# Learning turns a push into a landslide. The student learns the targets, and the teacher becomes the student. With a sharper target than its own answer the student is asked to be surer, and soon the teacher is surer too: h falls, and the first prototypes that lead win everything. Centering takes from each prototype what it gets from all pictures, so the leaders lose their lead and the shares even out: h rises. Each force feeds on itself. Together they leave only one way to be sure, and that is to be sure of *different* prototypes for different pictures.
#
# ## The paper's figure 7, at our scale
#
# The paper trains from the start with both, and with only one of the two (Fig. 7). It says that with one missing KL goes to zero. The entropy goes to 0 without centering, and to ln K without sharpening. We do the same for 150 steps. A score comes along: **k-NN** asks the 20 nearest pictures for the group, such as *Food & Drink*.

# %%
import torch

some = dino_lite.load_pictures("emoji", size=session.config.picture_size)[::2]
test = (torch.arange(len(some) // 3) % 4 == 0).repeat(3)  # whole things, by all three vendors


def knn(network):
    """k-NN accuracy of a network's features, 0 to 1."""
    rows = dino_lite.features(network, some, background="random")
    return dino_lite.knn_accuracy(rows[~test], some.labels[~test], rows[test], some.labels[test])


def run(**knobs):
    """A run of the lab's recipe with these knobs from its first step on; its last snapshot and its student's k-NN."""
    fresh = Session("lab", seed=0)
    fresh.set(**knobs)
    return fresh.advance(steps=steps(150)), knn(fresh.dino.student)


# %% [markdown]
# We count KL as gone by the same value as above.

# %%
predict(
    "In which runs will KL be gone after 150 steps?", ["only centering", "only sharpening", "both of these", "none"]
)

# %% [markdown]
# The run with both is the one that our trials began with.

# %%
runs = {"both": (healthy, knn(session.dino.student))}
runs["only centering"], runs["only sharpening"] = run(sharpening=False), run(centering=False)
PAPER = {"both": "they balance", "only centering": "h → ln K, KL → 0", "only sharpening": "h → 0, KL → 0"}
random = knn(dino_lite.Dino(session.config, seed=0).student)
error = (random * (1 - random) / int(test.sum())) ** 0.5
for name, said in PAPER.items():
    snapshot, score = runs[name]
    h, kl = late(snapshot.logs, "entropy"), late(snapshot.logs, "kl")
    print(f"{name:16} h {h:.2f} KL {kl:.2f} {snapshot.diagnosis:8} k-NN {score:.1%} | paper: {said}")
print(f"random network: k-NN {random:.1%}; one standard error is {error:.1%}")
limit = dino_lite.collapse.NO_DIVERGENCE
gone = [name for name in ("only centering", "only sharpening") if late(runs[name][0].logs, "kl") < limit]
reveal(
    "both of these" if len(gone) == 2 else gone[0] if gone else "none",
    f"ln K is {log(K):.2f}, and gone means below {limit}.",
)

# %% [markdown]
# Compare the shapes with the paper's figure: there as here two entropies part, one to each end of the scale.

# %%
panels = {
    "entropy h, nats": {name: [step.entropy for step in snapshot.logs] for name, (snapshot, _) in runs.items()},
    "KL, nats": {name: [step.kl for step in snapshot.logs] for name, (snapshot, _) in runs.items()},
}
plot_lines(panels, guides={"entropy h, nats": {"ln K": log(K)}})

# %% [markdown]
# The entropies go where the paper says. KL goes down in all three, so a falling KL is no alarm by itself: look at where it settles. The paper's curves are of many epochs, ours of 150 steps, and a KL that is on its way need not have arrived.
#
# Now the column k-NN. If the collapsed runs are not far below the run with both, that is no slip. k-NN reads the features *before* the head, and so early they are little better than random ones anywhere. A collapse of the head stops the teaching. The score shows it much later.
#
# ## Why a momentum teacher as well
#
# The paper's table 15 asks which safeguard can do without the EMA. Its other two ways to balance the targets are **Sinkhorn-Knopp** and **softmax over the batch**: both share out the prototypes within each batch, while the centre looks back over many batches.

# %%
TARGETS = {"centering": "center", "batch softmax": "batch_softmax", "Sinkhorn": "sinkhorn"}
MIXES = {(): "none", ("centering",): "only centering", ("batch softmax", "Sinkhorn"): "only the other two"}
MIXES |= {tuple(TARGETS): "all three", None: "another mix"}
predict("The teacher is a copy of the student. Which of the three collapse?", list(MIXES.values()))

# %% [markdown]
# Six runs, as in the table, and a seventh that is not in it: a teacher that never moves from its random start. The paper's figures are linear-probe accuracies on ImageNet, in percent. Ours are k-NN on emoji after 150 steps. Only who lives and who dies can be compared.

# %%
TABLE_15 = {"centering": (76.1, 0.1), "batch softmax": (75.8, 72.2), "Sinkhorn": (76.0, 71.8)}
with_ema = {name: run(target=target) for name, target in list(TARGETS.items())[1:]} | {"centering": runs["both"]}
without = {name: run(target=target, ema=False) for name, target in TARGETS.items()}
for name, said in TABLE_15.items():
    for word, found, paper in zip(("with", "without"), (with_ema, without), said, strict=True):
        (snapshot, score), nats = found[name], late(found[name][0].logs, "mutual_information")
        print(f"{name:13} {word:7} EMA: {snapshot.diagnosis:12} {nats:.2f} nats, k-NN {score:.1%} | paper {paper}")
frozen, score = run(ema_momentum=1.0)
nats = late(frozen.logs, "mutual_information")
print(f"{'centering':13} frozen teacher: {frozen.diagnosis}, {nats:.2f} nats, k-NN {score:.1%}")
dead = tuple(name for name, (snapshot, _) in without.items() if snapshot.diagnosis in ("uniform", "dominant"))
gains = ", ".join(f"{name} {100 * (with_ema[name][1] - without[name][1]):+.1f}" for name in TARGETS)
reveal(
    MIXES.get(dead, MIXES[None]),
    f"What the EMA adds to k-NN, in points: {gains}. One standard error: {100 * error:.1f}.",
)

# %% [markdown]
# A centre is an average of the past. Does a teacher that changes at every step leave it time to answer? Sharing out within the batch needs no past. So the momentum teacher is what *centering* needs, rather than what collapse needs in general.
#
# Two remarks, to be fair. In the paper the EMA is worth a few points to the other two as well. Look at the signs above: a run of 150 steps can lose by a teacher that comes late, as [notebook 04](04_the_ema_teacher.ipynb) has measured. And the frozen teacher, which teaches what a random network says, does not collapse and hardly scores less. In runs as short as these we cannot show that a moving teacher is better. The paper's have about a thousand times as many steps.
#
# ## Claim 1: centering prevents collapse
#
# You can read that centering prevents collapse, as if it were enough. Let us leave it on and try every combination of the other two.

# %%
predict(
    "Centering is on. Of the four combinations of sharpening and EMA, how many are not collapsed?",
    ["0", "1", "2", "3", "4"],
)

# %% [markdown]
# Three of the four have been made already.

# %%
runs["centering, no EMA"] = without["centering"]
runs["centering and nothing else"] = run(sharpening=False, ema=False)
centered = {name: runs[name][0] for name in runs if name != "only sharpening"}
for name, snapshot in centered.items():
    print(f"{name:27} {snapshot.diagnosis:12} {meters(snapshot.logs)}")
dead = [name for name, snapshot in centered.items() if snapshot.diagnosis in ("uniform", "dominant")]
reveal(str(len(centered) - len(dead)), f"Collapsed: {', '.join(dead) or 'none'}.")

# %% [markdown]
# The paper claims less: centering prevents that *one dimension dominates*, "but encourages a uniform output" (§3.1). And its sentence that centering and sharpening together are enough goes on "in presence of a momentum teacher". With another loss, mean squared error in the manner of BYOL, centering did lift its runs from chance to a working one (table 14). So the claim is about one combination, not about centering as such.
#
# ## Claim 2: batch norm prevents collapse
#
# An [article on BYOL](https://imbue.com/research/2020-08-24-understanding-self-supervised-contrastive-learning/), a relative of DINO, explains why it does not collapse: with batch normalisation, "all samples in the mini-batch cannot take on the same value". BYOL's authors [answered](https://arxiv.org/abs/2010.10241) that it also works without. `head_bn` puts batch norm into our head. We take away one safeguard at a time, with it and without.

# %%
WORDS = ["the targets stay apart, and the features too", "the targets stay apart, the features do not", "neither"]
predict("No EMA, but batch norm in the head: what happens to targets and features?", WORDS)

# %% [markdown]
# A `Session` has the lab's head only, so here the library's own step is called in a loop. "Apart" means at least half of what the healthy run has.

# %%
from dataclasses import replace

from dino_lite.batches import batch_rows

emoji = dino_lite.load_pictures("emoji", size=session.config.picture_size)
config = replace(session.config, head_bn=True)


def run_with_norm(**knobs):
    """The logs of a run with batch norm in the head, on the same pictures in the same order."""
    dino = dino_lite.Dino(config, seed=0)
    rows = [batch_rows(len(emoji), config.batch_size, 0, step) for step in range(steps(150))]
    return [dino.train_step(emoji.images[chosen].to(dino.device), **knobs) for chosen in rows]


FAULTS = {"no centering": {"centering": False}, "no sharpening": {"sharpening": False}, "no EMA": {"ema": False}}
same = {"no centering": "only sharpening", "no sharpening": "only centering", "no EMA": "centering, no EMA"}
plain = {name: runs[other][0].logs for name, other in same.items()}
normed = {name: run_with_norm(**fault) for name, fault in FAULTS.items()}

# %% [markdown]
# Read the last two columns of the last two lines.

# %%
for name in FAULTS:
    for word, logs in (("plain", plain[name]), ("batch norm", normed[name])):
        nats, std = late(logs, "mutual_information"), late(logs, "feature_std")
        used = late(logs, "effective_prototypes")
        print(f"{name:13} {word:10} prototypes {used:6.1f}  information {nats:.2f}  feature std {std:.3f}")
apart = {
    number: late(normed["no EMA"], number) > 0.5 * late(healthy.logs, number)
    for number in ("mutual_information", "feature_std")
}
kept = {number: f"{late(normed['no EMA'], number):.3f} of {late(healthy.logs, number):.3f}" for number in apart}
reveal(
    WORDS[2] if not apart["mutual_information"] else WORDS[0] if apart["feature_std"] else WORDS[1],
    f"Information {kept['mutual_information']} nats, feature std {kept['feature_std']}: now and in the healthy run.",
)

# %% [markdown]
# The sentence of the article is true to the letter, for what stands behind the norm: within a batch it pulls apart whatever comes, so not all pictures can get one target. But it will do so with features that hardly differ, and it then enlarges what is left, be it noise. So compare the columns: what batch norm holds up are the numbers *after* it. Against a flat target and against few prototypes it helps a little. Which of the three collapses has it prevented? The diagnoses say it in a word.

# %%
for name, logs in normed.items():
    words = [step.diagnosis for step in logs[-20:]]
    print(f"{name:13} with batch norm, over the last 20 steps mostly: {max(set(words), key=words.count)}")

# %% [markdown]
# ## A run is a line
#
# Recipe, seed and the list of changes are the whole run. `replay` makes it again, to the last bit on a machine of the same kind. That is how to send somebody your bug.

# %%
short = Session("lab", seed=0)
short.advance(steps=10)
short.set(center_momentum=0.999)
short.advance(steps=10)
line = short.run_line()
again = Session.replay(line)
print(line)
print("the same losses:", [step.loss for step in again.history] == [step.loss for step in short.history])

# %% [markdown]
# ## Four bug reports
#
# Real people asked for help with the four curves below, and ours are runs that show the same. They come as run lines, sealed by rot13, so that you do not read the cause by accident. `CAUSES` lists what is behind them, in another order.

# %%
import codecs

CAUSES = {
    "centering=off": "centering is off",
    "ema_momentum=0.9999": "the teacher hardly moves",
    "teacher_temp=0.07": "a schedule raises the teacher's temperature",
    "teacher_temp=0.3": "the teacher's temperature is far above the student's",
}
SEALED = {
    "report 1": "qvab-eha/1 yno frrq=0 fgrcf=120; 0 grnpure_grzc=0.3",
    "report 2": "qvab-eha/1 yno frrq=0 fgrcf=120; 0 pragrevat=bss grnpure_grzc=0.02",
    "report 3": "qvab-eha/1 yno frrq=0 fgrcf=120; 0 rzn_zbzraghz=0.9999",
    "report 4": "qvab-eha/1 yno frrq=0 fgrcf=120; 40 grnpure_grzc=0.05; 60 grnpure_grzc=0.06; 80 grnpure_grzc=0.07",
}
patients = {name: Session.from_line(codecs.decode(line, "rot13")) for name, line in SEALED.items()}


def first_look(name):
    """What the person saw, and what a better log would have shown."""
    patients[name].run(steps=steps(120))
    logs = patients[name].history
    loss = {"loss": [step.loss for step in logs], "h": [step.entropy for step in logs]}
    used = {"prototypes": [step.effective_prototypes for step in logs]}
    title, count = f"{name}: loss and h, nats", "prototypes in use"
    return plot_lines({title: loss, count: used}, guides={title: {"ln K": log(K), "0": 0.0}, count: {"K": K}})


# %% [markdown]
# **Report 1.** The loss hardly changes, though the same pictures train well with labels. The person asks why ([dino issue 61](https://github.com/facebookresearch/dino/issues/61)).

# %%
first_look("report 1")

# %% [markdown]
# KL is the gap between the two lines on the left. Is there one?

# %%
predict("Report 1: what is the cause?", list(CAUSES.values()))

# %% [markdown]
# `treat` opens the line, puts the knobs right, and lets the run go on. The score is that of `knn`, before and after.


# %%
def treat(name):
    """The cause of a report, and what a treatment of 80 steps does."""
    session, line = patients[name], codecs.decode(SEALED[name], "rot13")
    before = session.snapshot().diagnosis, meters(session.history), knn(session.dino.student)
    words = [f"The line says {line.split('; ', 1)[1]}. Before: {before[0]}, {before[1]}."]
    session.set(**session.usual)
    after = session.advance(steps=steps(80))
    words.append(f"After: {after.diagnosis}, {meters(after.logs)}.")
    words.append(f"k-NN {before[2]:.1%} → {knn(session.dino.student):.1%}.")
    if after.diagnosis in ("uniform", "dominant"):
        words.append(f"It has not come back: begin again. With the knobs right from the start: {healthy.diagnosis}.")
    return next(cause for knob, cause in CAUSES.items() if knob in line), " ".join(words)


reveal(*treat("report 1"))

# %% [markdown]
# The settings posted with the report contain this very value; that it was the cause is our reading.
#
# **Report 2.** Somebody trains on pictures of cells. Whatever the settings, the loss drops to 0.05 within an epoch, and every picture gets the same output ([dinov2 issue 272](https://github.com/facebookresearch/dinov2/issues/272)).

# %%
first_look("report 2")

# %% [markdown]
# We found no answer in the thread, so we cannot know theirs. Our run has a fault that gives such curves.

# %%
predict("Report 2: what is the cause in our run?", list(CAUSES.values()))

# %% [markdown]
# The same treatment:

# %%
reveal(*treat("report 2"))

# %% [markdown]
# **Report 3.** With time series of 100,000 samples for pictures, the loss would not decrease, until one parameter was changed: a comment in [dino issue 246](https://github.com/facebookresearch/dino/issues/246).

# %%
first_look("report 3")

# %% [markdown]
# Compare h, the number of prototypes and the gap between the lines with those of the other reports.

# %%
predict("Report 3: what is the cause?", list(CAUSES.values()))

# %% [markdown]
# And treated:

# %%
reveal(*treat("report 3"))

# %% [markdown]
# A diagnosis of *healthy* is no comfort here. What a random teacher says does tell pictures apart, and it will do so for ever. The sign is a KL that stays wide while nothing else moves.
#
# **Report 4.** The loss falls at first and then rises, and does not come down again. Is this normal? ([lightly-train issue 442](https://github.com/lightly-ai/lightly-train/issues/442))

# %%
first_look("report 4")

# %% [markdown]
# Which of the two lines has risen, and has the gap between them?

# %%
predict("Report 4: what is the cause?", list(CAUSES.values()))

# %% [markdown]
# A treatment is to hold the knob where it was.

# %%
reveal(*treat("report 4"))

# %% [markdown]
# A maintainer answered that a rise is normal, and named this kind of schedule. A flatter target has more entropy, and the loss contains it. That alone says nothing about the network: look at a score as well. All four, ill for 120 steps and then treated:

# %%
side_by_side({name: patient.history for name, patient in patients.items()})

# %% [markdown]
# Three of the four come back from their knobs alone, if yours went as ours did. The other one lost its features, and has to be rewound. Try it in the panel, which begins with the fault of report 1: let it run, put the knob right, and then rewind.

# %%
CollapseLab(scene="teacher temperature 0.3", name="bug report")

# %% [markdown]
# ## What you now know
#
# - Centering evens out, sharpening makes sure, and each alone runs away to its own end of the scale. With the centre they also need a teacher that stands still for a while; Sinkhorn-Knopp does without.
# - A loss of ln K, a loss near 0 and a constant target with a large KL can all be collapses. Read h, KL, information and prototypes together, and the features for what batch norm may hide.
# - Some collapses are undone by the knobs, others only by an earlier checkpoint. A loss that rises can be harmless.
#
# **Your turn.** Find a pair of temperatures with which the run lives, but barely. The function says which pair is tried from the healthy moment on.


# %% tags=["exercise"]
def my_temperatures():
    """The student's and the teacher's temperature."""
    return 0.1, 0.07


# %% [markdown]
# What it makes of a hundred steps:

# %%
student, teacher = my_temperatures()
session.set(student_temp=student, teacher_temp=teacher)
mine = session.advance(steps=steps(100))
session.rewind(healthy.step)
print(f"τs {student}, τt {teacher}: {mine.diagnosis}, {meters(mine.logs)}")

# %% [markdown]
# And a riddle: in [dinov2 issue 407](https://github.com/facebookresearch/dinov2/issues/407) the loss always ended at 8.317765, and `teacher = student` was found in the code. Does a run without EMA end at ln K in the lab? What else would have to be wrong?
#
# Next: [07 · Embeddings](07_embeddings.ipynb).
