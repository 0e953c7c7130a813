# %% [markdown]
# # 05 · Training, end to end
#
# At the end you will have read one training step line by line, watched a run, kept checkpoints of it and scored them, checked settings before the first step, and stopped and resumed a run without a trace.
#
# Before this: [04 · The EMA teacher](04_the_ema_teacher.ipynb). One thread of a laptop computes for a good minute, spread over a few cells. Nothing is downloaded.

# %%
import dino_lite
from dino_notebooks import predict, reveal, setup, show, steps, watch
from dino_notebooks.plots import plot_curves, plot_lines, plot_schedules

setup()

# %% [markdown]
# ## A run of an hour
#
# A network in the package was trained on the built-in emoji for longer than a notebook should take. Its log came along. This is the whole run:

# %%
hour = dino_lite.recording("emoji")
print(
    f"{hour.logs[-1]['step'] + 1} steps in {hour.facts['seconds'] / 60:.0f} minutes, {hour.facts['pictures']} pictures"
)
plot_curves(hour.logs, hour.config.out_dim)

# %% [markdown]
# At the upper left, the loss is the entropy **h** of the teacher's targets plus the distance **KL** from student to teacher. At the lower right are three numbers that follow a *schedule*: they change by plan during a run, unless the plan is a flat line. By the end of this notebook you can read every panel, and make such a run.
#
# ## The step
#
# A run is one step, many times. Here it is. The comments are the lines of the paper's Algorithm 1. Find the four things that it changes: the centre, the optimizer's memory of earlier gradients, the student and the teacher.

# %%
show(dino_lite.Dino.train_step)

# %% [markdown]
# A step takes pictures and returns a log. Its *knobs* are numbers that may differ from step to step; those that are not given have the values of the settings. Let us give one: a learning rate of zero.

# %%
config = dino_lite.DinoConfig.lab()
pictures = dino_lite.load_pictures("emoji", size=config.picture_size)
predict(
    "After one step with lr=0 from the very start: which of these have changed?",
    ["none of them", "only the centre", "the centre and the teacher", "all: student, teacher, centre"],
)

# %% [markdown]
# `state_dict` gives all that a run consists of. We copy it, make the step, and compare.

# %%
import copy

import torch


def equal_states(a, b):
    """Whether two states hold equal tensors."""
    return all(torch.equal(a[name], b[name]) for name in a)


trial = dino_lite.Dino(config, seed=0)
old = copy.deepcopy(trial.state_dict())
log = trial.train_step(pictures.images[:48], lr=0.0)
new = trial.state_dict()
moved = [part for part in ("student", "teacher") if not equal_states(old[part], new[part])]
moved += ["centre"] if not torch.equal(old["center"], new["center"]) else []
answers = {(): "none of them", ("centre",): "only the centre", ("teacher", "centre"): "the centre and the teacher"}
answer = answers.get(tuple(moved), "all: student, teacher, centre")
reveal(
    answer, f"Changed: {', '.join(moved)}. The centre is now {float(trial.center.norm()):.3f} long. It is no weight."
)

# %% [markdown]
# The centre is a running mean of what the teacher says, so it needs no gradient. The teacher follows the student, and here there was nothing to follow.
#
# ## Training, with one more watcher
#
# `train` repeats the step. It is a *generator*: it yields a log after each step and waits until somebody asks for the next. Between two steps the run stands still, and anyone may look at it. `watch` does so to draw. We put a second watcher in between, which writes a checkpoint now and then. The pictures are shuffled anew in each *epoch*, one pass over all of them.

# %%
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())
count = steps(300)
stops = [count * part // 6 for part in range(7)]
dino = dino_lite.Dino(config, seed=0)


def keeping(logs):
    """The same logs; at some steps a checkpoint is written first."""
    for log in logs:
        if dino.step in stops:
            dino_lite.save_checkpoint(dino, folder / f"{dino.step}.safetensors")
        yield log


# %% [markdown]
# The first checkpoint is the random start. Then it runs. The square button in the toolbar ends a run between two steps; let this one reach its end.

# %%
dino_lite.save_checkpoint(dino, folder / "0.safetensors")
logs = watch(keeping(dino_lite.train(config, pictures, steps=count, resume=dino)), count, config.out_dim)

# %% [markdown]
# ## Reading the curves
#
# Five questions, in this order.
#
# 1. Is the loss at the dotted line, ln K? Then no picture is told from another.
# 2. Is h near zero, and are few prototypes in use? Then a few prototypes have taken everything.
# 3. Is KL above zero? The student must have something left to learn.
# 4. Is the mutual information well above zero? It says, in nats, how much a target tells about *its* picture.
# 5. Do the features spread over many directions? That is the effective rank.

# %%
plot_curves(logs, config.out_dim)

# %% [markdown]
# Some of these lines may fall at first, also in a healthy run: the features of random weights are spread out and the targets differ, only not by anything worth knowing. In the run of an hour above, information and rank are far higher in the end than in the beginning. A short run does not get that far.
#
# `diagnose`, which writes the word at the top, asks the first four for you.

# %%
print(logs[-1].diagnosis, "·", logs[-1].reason)

# %% [markdown]
# ## Why the loss is not the score
#
# In most of deep learning a lower loss is a better network. Here the targets are made by the teacher, and it changes too. The package holds a second recording: the lab's recipe, with centering switched off half-way.

# %%
ill = dino_lite.recording("collapsed")
NAMES = ["the run of an hour", "the run that lost its centering"]
predict("Which of the two runs ends with the lower loss?", NAMES)

# %% [markdown]
# Beside the loss we want a score. Pictures are put on random colours. **k-NN** asks the 20 nearest pictures for the group, such as *Food & Drink*; **retrieval** looks for the same thing by another vendor. Labels serve only here, never in training.
#
# Every fourth thing is kept for the test of k-NN: the run of an hour never saw these. The other three quarters were in its training, and in the retrieval they count too. The short runs of the lab saw all things.

# %%
from dino_lite.scorecard import score, test_rows


def knn_and_retrieval(network):
    """k-NN accuracy and retrieval, 0 to 1."""
    card = score(dino_lite.features(network, pictures, background="random"), pictures)
    return card["knn"], card["retrieval"]


# %% [markdown]
# Both recordings kept the network at the start and at the end.

# %%
final = {}
for name, run, kind in zip(NAMES, (hour, ill), ("emoji", "collapsed"), strict=True):
    final[name] = sum(log["loss"] for log in run.logs[-10:]) / 10
    for snapshot in ("start", "end"):
        knn, found = knn_and_retrieval(dino_lite.pretrained(kind, snapshot))
        print(f"{name:31} {snapshot:5}: k-NN {knn:.1%}, retrieval {found:.1%}")
reveal(min(final, key=final.get), ", ".join(f"{name} {loss:.2f}" for name, loss in final.items()) + ".")

# %% [markdown]
# A loss can be low because the network is good, or because the question has become easy. Never rank two runs by it. The second network is no worse than at its start, by the way: this collapse is one of the head, as [the lab](06_collapse_lab.ipynb) shows.
#
# Is it at least a guide *within* one healthy run? Our own run kept seven checkpoints, and its loss is lower at the last than at the first.

# %%
MOVES = ["it falls by more than 3 points", "it stays within 3 points", "it rises by more than 3 points"]
predict("What does the k-NN score do from the first checkpoint to the last?", MOVES)

# %% [markdown]
# For the loss we take the mean of the ten steps around a checkpoint. `load_checkpoint` gives back a whole run, and we ask its teacher.

# %%
mean_loss, knn, found = [], [], []
for stop in stops:
    near = logs[max(0, stop - 5) : stop + 5]
    mean_loss.append(sum(log.loss for log in near) / len(near))
    row = knn_and_retrieval(dino_lite.load_checkpoint(folder / f"{stop}.safetensors").teacher)
    knn.append(row[0])
    found.append(row[1])
error = (knn[-1] * (1 - knn[-1]) / int(test_rows(pictures).sum())) ** 0.5
change = knn[-1] - knn[0]
words = f"Loss {mean_loss[0]:.2f} to {mean_loss[-1]:.2f}, k-NN {knn[0]:.1%} to {knn[-1]:.1%}"
reveal(MOVES[(change > -0.03) + (change > 0.03)], f"{words}, which is uncertain by ±{error:.1%}.")

# %% [markdown]
# Side by side. Read the scales at the left: k-NN scores that differ by less than their uncertainty are the same.

# %%
plot_lines({"loss": {"loss": mean_loss}, "k-NN": {"k-NN": knn}, "retrieval": {"retrieval": found}}, x=stops)

# %% [markdown]
# A falling loss says that the student guesses its teacher's answers better, or that they have become easier to guess. Whether they are worth guessing it does not say. The run of an hour, many times as long and with a larger network, got there; its scores are above. So the rule is: the curves say whether a run is alive, and the score says what it is worth. Keep checkpoints and score them.
#
# ## Five schedules
#
# A young network and an old one need different numbers. Five of them follow a plan, each a function of the step. The *warm-up* keeps the first steps small, while the gradients of a random network mean little. **Predict** for each, before you look: does it rise, fall, or both?

# %%
paper = dino_lite.DinoConfig.paper_vit_s16()
plot_schedules({"the lab": config, "the paper, ViT-S/16": paper}, steps=1000)

# %% [markdown]
# - The **learning rate** climbs along a line, then falls by a cosine.
# - **Weight decay** pulls all weights to zero; more so later, when there is something to overfit.
# - A low **teacher temperature** makes sharp targets. Where the line climbs, the sharpest come first; a flat line means that these settings do not use the schedule.
# - The **teacher's momentum** goes to one: the teacher slows down and stands still at the end.
# - At the very start the **prototypes are frozen**, for so few steps that it is hardly more than a tick.
#
# Three functions do it all. This one is the learning rate's:

# %%
show(dino_lite.schedules.warmup_cosine)

# %% [markdown]
# **Write it.** The learning rate of a run from scratch: up along a line, down by a cosine. The first version is constant. `math.cos` and `math.pi` are all that you need; the code above uses `linear_warmup` and `cosine`, whose values you saw drawn.


# %% tags=["exercise"]
def my_lr(step, total, warmup, peak, end):
    """The learning rate at a step."""
    return peak


# %% [markdown]
# The library's own values for a run of 200 steps beside yours:

# %%
from dino_lite.knobs import scheduled_knobs

warmup = round(config.warmup_share * 200)
for step in (0, 10, 19, 20, 110, 199):
    mine = my_lr(step, 200, warmup, config.peak_lr, config.min_lr)
    theirs = scheduled_knobs(config, step, 200)["lr"]
    print(
        f"step {step:3}: yours {mine:.6f}, library {theirs:.6f},",
        "the same" if abs(mine - theirs) < 1e-8 else "not yet",
    )

# %% [markdown]
# ## Pre-flight
#
# Many failed runs were doomed before their first step. A few sums would have told: how many batches an epoch has, how far back the averages look, whether anything is sharpened. `preflight` does them. First for what we trained above:

# %%
from dino_lite.preflight import preflight

facts, warnings = preflight(config, len(pictures), steps=300)
print(*facts, *warnings, sep="\n")
print(f"{len(warnings)} warnings")

# %% [markdown]
# The paper's settings were made for more than a million pictures. Somebody takes them as they are, for a folder of 1200 pictures and a run of 400 steps.

# %%
predict("How many warnings do they get?")

# %% [markdown]
# Facts first, then what looks wrong:

# %%
facts, warnings = preflight(paper, 1200, steps=400)
print(*facts, sep="\n")
print(*("Warning: " + warning for warning in warnings), sep="\n")
reveal(len(warnings), "A good recipe is good for its own number of pictures and steps.")

# %% [markdown]
# Is the pre-flight right? And does it find everything? Here are four changes to the lab's settings, for a run of 300 steps as above.

# %%
import dataclasses
from itertools import islice

BAD = {
    "nothing sharpens": {"teacher_temp": 0.1, "warmup_teacher_temp": 0.1},
    "a teacher that follows at once": {"ema_momentum": 0.3},
    "a teacher that stands still": {"ema_momentum": 0.9999},
    "a learning rate 30 times as high": {"lr": 30 * config.lr},
}
predict("One of them gets past the pre-flight. Which?", list(BAD))

# %% [markdown]
# Each gets its pre-flight, the first hundred steps of its run, and then the diagnosis. A run whose loss is no longer a number stops itself.

# %%
short, warned = steps(100), {}
for name, change in BAD.items():
    bad = dataclasses.replace(config, **change)
    warned[name] = len(preflight(bad, len(pictures), 300)[1])
    try:
        last = list(islice(dino_lite.train(bad, pictures, steps=300), short))[-1]
        end = f"{last.diagnosis}, loss {last.loss:.2f}, information {last.mutual_information:.2f}"
    except FloatingPointError as error:
        end = str(error)
    print(f"{name:33} warnings: {warned[name]}   {end}")
missed = [name for name in BAD if not warned[name]]
reveal(missed[0] if missed else min(warned, key=warned.get), f"Without a warning: {', '.join(missed) or 'none'}.")

# %% [markdown]
# Warnings and diagnoses see different things. The pre-flight knows the settings and nothing of the pictures; the diagnosis sees whether targets differ, not whether they are any good. So a setting may slip through either. Whether anything useful was learnt, only a score says, and late. Use all three.
#
# ## Checkpoint and resume
#
# Runs are interrupted: a lid is closed, a machine is needed by others. What must be written down, so that it can go on as if nothing had happened?

# %%
show(dino_lite.save_checkpoint)

# %% [markdown]
# The file is written beside the old one and put in its place in one move, so there is never half a checkpoint. Its state has six parts:

# %%
print(*dino.state_dict())
predict(
    "We load the last checkpoint but one and train to the end. How far are its weights from our run's, at most?",
    ["exactly 0", "below 0.00001", "more"],
)

# %% [markdown]
# The random numbers of a step are drawn from the seed and the step's number alone. So there is no random state to be saved.


# %%
def far(one, other):
    """The largest difference between two runs, in the weights of student and teacher."""
    pairs = [(one.student, other.student), (one.teacher, other.teacher)]
    gaps = [(a - b).detach().abs().max() for m, n in pairs for a, b in zip(m.parameters(), n.parameters(), strict=True)]
    return float(max(gaps))


checkpoint, left = folder / f"{stops[-2]}.safetensors", stops[-1] - stops[-2]
again = dino_lite.load_checkpoint(checkpoint)
resumed = list(dino_lite.train(config, pictures, steps=count, resume=again))
gap = far(dino, again)
losses = [log.loss for log in resumed] == [log.loss for log in logs[-left:]]
answer = "exactly 0" if gap == 0 else "below 0.00001" if gap < 1e-5 else "more"
centre = torch.equal(dino.center, again.center)
reveal(answer, f"The difference is {gap:g} after {left} steps. Losses equal: {losses}; centres equal: {centre}.")

# %% [markdown]
# Homemade checkpoints often hold the networks only. What does each omission cost? Three times we resume the same run, and forget one part.

# %%
PARTS = ["optimizer", "center", "step"]
predict("Which omission leads furthest away from the uninterrupted run?", PARTS)

# %% [markdown]
# A forgotten part begins as it did in a new run. With the step forgotten the schedules begin again too, and so does the order of the pictures.

# %%
fresh, gaps = dino_lite.Dino(config, seed=0).state_dict(), {}
for part in PARTS:
    other = dino_lite.load_checkpoint(checkpoint)
    other.load_state_dict(other.state_dict() | {part: fresh[part]})
    went = list(islice(dino_lite.train(config, pictures, steps=count, resume=other), left))
    gaps[part] = far(dino, other)
    print(f"without {part:9}: first loss {went[0].loss:.3f} instead of {resumed[0].loss:.3f}, {went[-1].diagnosis}")
reveal(max(gaps, key=gaps.get), ", ".join(f"{part} {gap:.4f}" for part, gap in gaps.items()) + " at the end.")

# %% [markdown]
# None of them stops with an error, and that is what makes them bad.
#
# ## A run folder
#
# `RunFolder` keeps the settings, a line of numbers for every step, and the checkpoint in one place; `record` is `train` with these files. Ctrl-C closes the generator. We do it here by hand, in the middle.

# %%
from dino_lite.run import RunFolder, record

place, total = RunFolder(folder / "run"), steps(30)
place.create(config)
facts = {"data": "emoji", "root": None, "pictures": len(pictures), "steps": total}
run = record(place, dino_lite.Dino(config, seed=1), pictures, facts, every=10)
list(islice(run, total // 2))
run.close()
print(f"{len(place.logs())} of {place.facts()['steps']} steps:", *sorted(file.name for file in place.path.iterdir()))

# %% [markdown]
# Now go on. Nothing of the interrupted run is left in memory; all comes from the folder.

# %%
back = dino_lite.load_checkpoint(place.checkpoint)
place.drop_after(back.step)
list(record(place, back, pictures, place.facts(), every=10))
numbers = [log["step"] for log in place.logs()]
print(f"each of the {total} steps is there once:", numbers == list(range(total)))

# %% [markdown]
# The command line does just that, with a progress bar. In a terminal:
#
# ```
# python -m dino_lite train --data emoji --preset small --out runs/mine
# python -m dino_lite train --out runs/mine --resume
# dino-notebooks report runs/mine
# ```
#
# ## What you now know
#
# - A run is one step repeated under five schedules. Whatever watches it, stands between two steps.
# - Pre-flight, curves and score answer three questions: can it work, is it alive, what is it worth? The loss alone answers none.
# - A checkpoint needs networks, centre, optimizer, step and seed. Then a resumed run can be compared with an uninterrupted one, number by number.
#
# **Your turn.** The pre-flight has no rule for the learning rate. Find the highest `lr` with which the lab's recipe is still healthy after 100 steps, then try it with a second seed, `train(..., seed=1)`. Would you dare to write a rule?
#
# Next: [06 · The collapse lab](06_collapse_lab.ipynb).
