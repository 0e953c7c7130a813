# %% [markdown]
# # Assignment 5 · Collapse and evaluation
#
# At the end you will have written the numbers that tell whether a run is alive and what its features are worth, found the fault in four runs by their curves alone, and steered runs into a collapse and out of one.
#
# About two and a half hours, 30 points. On one free core the runs of 7 to 14 compute for about two minutes altogether, and a check that repeats a run for up to half a minute; a busy machine takes twice as long. Before this: [05 · Training](../05_training.ipynb), [06 · The collapse lab](../06_collapse_lab.ipynb), [07 · Embeddings](../07_embeddings.ipynb) and [08 · Attention](../08_attention.ipynb).
#
# Each `check` says what is wrong and what to look at. `check.NAME.hint()` gives a hint; a second and a third call say more, the fourth shows a solution. Hints cost no points.

# %%
import torch

import dino_lite
from dino_notebooks import CollapseLab, Session, check, setup  # noqa: F401, the panel is for you
from dino_notebooks.check.collapse_and_evaluation.reports import curves

setup()

# %% [markdown]
# ## 1 · Prototypes in use (8 minutes, 2 points)
#
# DINO's head has K prototypes, and a *target* says how strongly the teacher asks for each of them. When a run collapses, a few prototypes may win all pictures. How many are in use? Counting those that are ever asked for does not help, since a softmax gives a little to each.
#
# Take the *mean target*: average over both views and all pictures, K numbers that sum to 1. If n prototypes shared the pictures evenly and no other got anything, its entropy would be ln n. So read the entropy backwards: the *effective number* of prototypes is e to the power of the mean target's entropy. It lies between 1 and K and need not be whole.
#
#     n_rows = 0
#     mean = [0.0] * K
#     for every view, for every picture:
#         n_rows += 1
#         for k in range(K):
#             mean[k] += probs[view, picture, k]
#     divide every mean[k] by n_rows
#     entropy = 0.0
#     for k in range(K):
#         if mean[k] > 0:                      # 0 · log 0 counts as 0
#             entropy -= mean[k] * log(mean[k])     # natural logarithm: nats
#     return exp(entropy)
#
# Write it without loops. A probability may be exactly 0.


# %% part="answer" exercise="effective_prototypes"
def my_effective_prototypes(probs):
    """Targets (2, B, K) → the effective number of prototypes, one number from 1 to K."""
    ### BEGIN SOLUTION
    mean = probs.mean(dim=(0, 1))
    return (-torch.xlogy(mean, mean).sum()).exp()
    ### END SOLUTION


# %% part="test" exercise="effective_prototypes" points=2
check.effective_prototypes(my_effective_prototypes)

# %% [markdown]
# ## 2 · What a target tells about its picture (10 minutes, 3 points)
#
# The loss cannot tell a collapse from success, and neither can the entropy of the targets. But in a *whole* collapse all pictures have the same target; in one that is under way few targets are left, and information is at most the logarithm of their number. The *mutual information* measures just that: how much a target tells about its picture, in nats.
#
# It compares two entropies. One is the mean entropy of the single targets: how undecided the teacher is about one picture. The other is the entropy of the mean target, of exercise 1 (`my_effective_prototypes` is e to the power of it): how undecided one is about a picture that one has not seen. What is left of the second when the first is taken away is the information.
#
#     total = 0.0
#     for every view, for every picture:
#         for k in range(K):
#             p = probs[view, picture, k]
#             if p > 0:
#                 total -= p * log(p)
#     mean_entropy = total / (number of views · number of pictures)
#     return entropy of the mean target - mean_entropy
#
# It is never negative, and 0 when all rows are the same. A probability may be exactly 0.


# %% part="answer" exercise="mutual_information"
def my_mutual_information(probs):
    """Targets (2, B, K) → one number in nats."""
    ### BEGIN SOLUTION
    rows = probs.reshape(-1, probs.shape[-1])
    mean = rows.mean(dim=0)
    # the same as the mean KL from each target to the mean target
    return (torch.xlogy(rows, rows) - torch.xlogy(rows, mean)).sum(dim=1).mean()
    ### END SOLUTION


# %% part="test" exercise="mutual_information" points=3
check.mutual_information(my_mutual_information)

# %% [markdown]
# Both collapses in numbers, by your functions: one row for targets that tell pictures apart, one for uniform targets, one for a single prototype. Which column tells the first from the other two?

# %%
sharp = torch.softmax(8 * torch.randn(2, 24, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
kinds = {
    "healthy": sharp,
    "uniform": torch.full((2, 24, 16), 1 / 16),
    "one prototype": torch.eye(16)[3].expand(2, 24, 16),
}
if check.mutual_information(my_mutual_information).ok and check.effective_prototypes(my_effective_prototypes).ok:
    for name, probs in kinds.items():
        h = float(torch.special.entr(probs).sum(-1).mean())
        information, used = float(my_mutual_information(probs)), float(my_effective_prototypes(probs))
        print(f"{name:14} h {h:4.2f}   prototypes {used:4.1f}   information {information:4.2f}")

# %% [markdown]
# ## 3 · Retrieval (8 minutes, 2 points)
#
# What are features worth? One question needs no labels: the emoji are drawn by three vendors, so for a picture by one vendor there is *the* picture of the same thing by another. Is it the nearest?
#
# Features are rows of length 1, so their dot product is the cosine of the angle between them: 1 when they point the same way. Row i of both tensors is the same thing.
#
#     found = 0
#     for i in range(N):
#         nearest = the number j of the gallery row with the largest dot product with query_x[i]
#         if nearest == i:
#             found += 1
#     return found / N


# %% part="answer" exercise="retrieval_accuracy"
def my_retrieval_accuracy(query_x, gallery_x):
    """Unit rows (N, D) and (N, D) → the share of queries whose nearest gallery row is their partner, 0 to 1."""
    ### BEGIN SOLUTION
    nearest = torch.cdist(query_x, gallery_x).argmin(dim=1)  # for unit rows the nearest has the largest cosine
    return float((nearest == torch.arange(len(query_x))).double().mean())
    ### END SOLUTION


# %% part="test" exercise="retrieval_accuracy" points=2
check.retrieval_accuracy(my_retrieval_accuracy)

# %% [markdown]
# ## 4 · The vote of the neighbours (20 minutes, 4 points)
#
# The paper's first score is *k-NN*: a test picture gets the class for which its k nearest training pictures vote. Nothing is trained for it, so it measures the features and nothing else. A nearer neighbour has more to say: its vote is exp((cosine - 1) / temperature). The 1 is the largest cosine there is; it changes no winner, and keeps the exponential from overflowing.
#
#     right = 0
#     for every test row x with label y:
#         cosines = dot products of x with all training rows
#         votes = [0.0] * (largest label in train_y + 1)
#         for the k training rows with the largest cosine (all, if there are fewer than k):
#             votes[label of that row] += exp((its cosine - 1) / temperature)
#         if the class with most votes == y:
#             right += 1
#     return right / number of test rows
#
# The labels are whole numbers from 0, of which some may be missing. `topk` finds the largest values *and* where they are; `scatter_add_` adds up votes by class, or you may compare with each class in turn.


# %% part="answer" exercise="knn_accuracy"
def my_knn_accuracy(train_x, train_y, test_x, test_y, k=20, temperature=0.07):
    """Unit rows (N, D), labels (N,), unit rows (M, D), labels (M,) → the share of right test rows, 0 to 1."""
    ### BEGIN SOLUTION
    cosine = torch.einsum("md,nd->mn", test_x, train_x)
    last = cosine.sort(dim=1, descending=True).values[:, min(k, len(train_x)) - 1]
    votes = ((cosine - 1) / temperature).exp() * (cosine >= last[:, None])  # those beyond the k-th have none
    by_class = votes @ torch.nn.functional.one_hot(train_y).to(votes.dtype)
    return float((by_class.argmax(dim=1) == test_y).double().mean())
    ### END SOLUTION


# %% part="test" exercise="knn_accuracy" points=4
check.knn_accuracy(my_knn_accuracy)

# %% [markdown]
# Your two scores, for the trained model in the package and for raw pixels, on a part of the emoji, on backgrounds of random colour. k-NN predicts the group of the second vendor's picture from the first vendor's pictures.

# %%
pictures = dino_lite.load_pictures("emoji", size=32)
things = len(pictures) // 3  # vendor after vendor, the things in one order
some = torch.arange(0, things, 4)
if check.retrieval_accuracy(my_retrieval_accuracy).ok and check.knn_accuracy(my_knn_accuracy).ok:
    first, second, group = pictures[some], pictures[some + things], pictures.labels[some]
    model = dino_lite.pretrained("emoji")
    for name, rows in {
        "trained": [dino_lite.features(model, part, "random", seed=seed) for seed, part in enumerate((first, second))],
        "pixels": [
            dino_lite.pixel_features(part, background="random", seed=seed) for seed, part in enumerate((first, second))
        ],
    }.items():
        found, voted = my_retrieval_accuracy(*rows), my_knn_accuracy(rows[0], group, rows[1], group)
        print(f"{name:8} retrieval {found:.3f}   k-NN {voted:.3f}")

# %% [markdown]
# k-NN asks for groups, and pixels tell these about as well as the model does. The gain shows in retrieval.
#
# ## 5 · How well do two masks fit? (6 minutes, 2 points)
#
# Where a network looks can be compared with where the thing is, if both are *masks*: True or False at each pixel. *Intersection over union* (IoU, also Jaccard) is the number of pixels in both, divided by the number of pixels in at least one.
#
#     for every pair of masks:
#         both = either = 0
#         for every pixel:
#             if mask and truth: both += 1
#             if mask or truth: either += 1
#         iou = both / either, or 0 if either is 0
#
# The masks may have any number of dimensions before the last two, height and width. One true mask may be compared with several: then `truth` has a 1 there, and broadcasting does the rest.


# %% part="answer" exercise="mask_iou"
def my_mask_iou(masks, truth):
    """Bool (..., H, W) and (..., H, W) → (...), 0 to 1."""
    ### BEGIN SOLUTION
    both = torch.logical_and(masks, truth).flatten(-2).count_nonzero(dim=-1)
    either = torch.logical_or(masks, truth).flatten(-2).count_nonzero(dim=-1)
    return torch.where(either > 0, both / either, 0.0)
    ### END SOLUTION


# %% part="test" exercise="mask_iou" points=2
check.mask_iou(my_mask_iou)

# %% [markdown]
# ## 6 · From attention to a mask (15 minutes, 3 points)
#
# An attention map gives each patch a number, not True or False. The paper's Figure 4 keeps the fewest patches that together hold a share of the map, for example 0.6 of its sum. The strongest come first, and the patch with which the share is reached belongs to the mask.
#
#     for every map:
#         total = sum of the map            # less than 1: [CLS] looks at itself, too
#         running = 0.0
#         for every patch, from the weakest to the strongest:
#             running += value of the patch / total
#             mask at the place of the patch = (running > 1 - mass)
#
# `sort` gives the values in order and the place that each came from. The mask has to have every patch at its own place again.


# %% part="answer" exercise="mass_mask"
def my_mass_mask(maps, mass=0.6):
    """Maps (..., h, w) → bool (..., h, w): the fewest patches that hold a share `mass` of each map."""
    ### BEGIN SOLUTION
    flat = maps.flatten(-2)
    order = flat.argsort(dim=-1)
    running = torch.take_along_dim(flat, order, dim=-1).cumsum(dim=-1) / flat.sum(dim=-1, keepdim=True)
    rank = order.argsort(dim=-1)  # the place of each patch in the order
    return (torch.take_along_dim(running, rank, dim=-1) > 1 - mass).unflatten(-1, maps.shape[-2:])
    ### END SOLUTION


# %% part="test" exercise="mass_mask" points=3
check.mass_mask(my_mass_mask)

# %% [markdown]
# Both together: where each head of the trained model looks, on a few pictures, and how well that fits the thing. The last column is the best head of each picture, which flatters.

# %%
if check.mass_mask(my_mass_mask).ok and check.mask_iou(my_mask_iou).ok:
    model = dino_lite.pretrained("emoji")
    for name in ("noto/dog face", "noto/rocket", "noto/red apple"):
        place = pictures.names.index(name)
        shown = dino_lite.evaluate.on_background(pictures.images[place : place + 1])
        maps = dino_lite.attention_maps(model, dino_lite.colors.normalize(shown))[0]
        masks = dino_lite.attention.enlarge(my_mass_mask(maps, 0.6), 32)
        fit = my_mask_iou(masks, pictures.masks[place])
        print(f"{name:16}", *(f"{x:.2f}" for x in fit.tolist()), f"  best {float(fit.max()):.2f}")

# %% [markdown]
# ## 7 to 10 · Diagnose the curve (20 minutes, 4 points)
#
# Four people wrote that their DINO run goes wrong. Of each report we tell the symptom in our own words, and show the curves of a run of *ours* on the emoji that shows it: there we know the fault, since we set it, before the first step where nothing else is said. What was wrong in *their* run we don't know, unless the thread says so.
#
# Read in this order: where does the loss end, between 0 and ln K? Which part of it is h, which KL? Is the information high, and does it stay? With n prototypes in use it is about ln n at most. How many prototypes are in use, and *when* did they go? The dashed lines are 0 and the largest that is possible: K prototypes, a uniform target's entropy ln K, and a target that names its picture among all those of the step.
#
# Each answer is one of these six, as a text:
#
# - `"uniform: teacher_temp is too high"`
# - `"few prototypes: centering is off"`
# - `"few prototypes: center_momentum is too high"`
# - `"one middling target: centering and sharpening are off"`
# - `"no collapse, but lr is too low"`
# - `"no collapse, and no knob is wrong"`
#
# You may try a fault in a run of your own, with `Session` or the panel of 06.
#
# ### Report A (1 point)
#
# Somebody trains on pictures of their own. Soon all features look the same. To sharpen the targets they chose a larger teacher temperature, and it collapsed all the same ([dino 43](https://github.com/facebookresearch/dino/issues/43)).

# %%
curves("report_a")

# %% [markdown]
# Which collapse is it, and which knob?

# %% part="answer" exercise="report_a"
### BEGIN SOLUTION
my_report_a = "uniform: teacher_temp is too high"
### END SOLUTION
### BEGIN STUB
# my_report_a = None  # one of the six answers, in quotes
### END STUB

# %% part="test" exercise="report_a" points=1
check.report_a(my_report_a)

# %% [markdown]
# ### Report B (1 point)
#
# Some seventy thousand pictures of seven kinds. The first epochs look well, then it collapses. Other sizes of the output were tried, and a sharper teacher; neither helped ([esvit 7](https://github.com/microsoft/esvit/issues/7)).

# %%
curves("report_b")

# %% [markdown]
# Here the fault begins at step 60. Look at how many prototypes are left at the end, and at how they go. To compare, switch centering off at step 60 of a run of your own.

# %% part="answer" exercise="report_b"
### BEGIN SOLUTION
my_report_b = "few prototypes: center_momentum is too high"
### END SOLUTION
### BEGIN STUB
# my_report_b = None  # one of the six answers, in quotes
### END STUB

# %% part="test" exercise="report_b" points=1
check.report_b(my_report_b)

# %% [markdown]
# ### Report C (1 point)
#
# A reader of the paper asks: a KL of zero means that student and teacher say the same. Is that not the goal? Why does the paper call it a collapse? ([dino 235](https://github.com/facebookresearch/dino/issues/235))

# %%
curves("report_c")

# %% [markdown]
# Here KL is as good as zero, and the loss is neither at 0 nor at ln K.

# %% part="answer" exercise="report_c"
### BEGIN SOLUTION
my_report_c = "one middling target: centering and sharpening are off"
### END SOLUTION
### BEGIN STUB
# my_report_c = None  # one of the six answers, in quotes
### END STUB

# %% part="test" exercise="report_c" points=1
check.report_c(my_report_c)

# %% [markdown]
# ### Report D (1 point)
#
# Two hundred thousand pictures of chromosomes, fifty epochs: the loss has changed by a ten-thousandth. So says a comment in a thread of others whose loss does not fall ([dinov2 143](https://github.com/facebookresearch/dinov2/issues/143)).

# %%
curves("report_d")

# %% [markdown]
# The loss of our run is near ln K, as it happens. Which part of it is h?

# %% part="answer" exercise="report_d"
### BEGIN SOLUTION
my_report_d = "no collapse, but lr is too low"
### END SOLUTION
### BEGIN STUB
# my_report_d = None  # one of the six answers, in quotes
### END STUB

# %% part="test" exercise="report_d" points=1
check.report_d(my_report_d)

# %% [markdown]
# ## 11 · In a sentence (5 minutes, 2 points)
#
# In almost all of deep learning, a lower loss is a better network. Somebody's DINO loss has fallen to 0.05 within an epoch, and they are glad. Explain in one or two sentences why a DINO loss near 0 is no success, and name one number that would show it.

# %% [markdown] part="words" exercise="loss_near_zero" points=2
# The loss compares the student with targets that the network itself makes. It comes near 0 when every target is the same one prototype: that is trivial to predict, h and KL are both 0, and nothing is known about the picture (1 point). The mutual information, or the number of prototypes in use, or a score such as k-NN or retrieval would show it (1 point).

# %% [markdown]
# ## 12 · Collapse it (10 minutes, 2 points)
#
# Now make it happen. Bring the lab recipe into the *uniform* collapse, within 200 steps, by moving one knob, once.
#
# Work in cells of your own, or in a panel. With the panel, `panel = CollapseLab()`, hand in `panel`. A run in cells looks like this:
#
#     session = Session("lab", seed=0)
#     session.advance(steps=60)
#     session.set(lr=0.001)                        # from the next step on
#     print(session.advance(steps=40).diagnosis)   # of the last 20 steps
#     session.rewind(60)                           # before the change, to try another
#     print(session.run_line())                    # the run as a line of text
#
# Hand in the session, the panel, or the line of text. The check makes the run again, which takes as long as it took you. The knobs are `student_temp`, `teacher_temp`, `center_momentum`, `ema_momentum`, `lr`, `weight_decay`, `centering`, `sharpening`, `ema`, `target` and `freeze_last_layer` (`target`: "center", "sinkhorn", "batch_softmax", as in 06).

# %% part="answer" exercise="collapse_uniformly"
### BEGIN SOLUTION
my_collapse = "dino-run/1 lab seed=0 steps=120; 60 sharpening=off"
### END SOLUTION
### BEGIN STUB
# my_collapse = None  # a session, a panel, or a run_line()
### END STUB

# %% part="test" exercise="collapse_uniformly" points=2
check.collapse_uniformly(my_collapse)

# %% [markdown]
# ## 13 · Rescue it (25 minutes, 3 points)
#
# This run had a teacher temperature of 0.3 for ninety steps. It is in the uniform collapse, and its features have shrunk: `feature_std` says how far they spread; it would be 0.125 if they spread evenly in all directions.

# %%
ill = "dino-run/1 lab seed=0 steps=150; 60 teacher_temp=0.3"
session = Session.replay(ill)
print(session.snapshot().reason)
print(
    f"The spread of the features fell from {session.history[0].feature_std:.3f} to {session.history[-1].feature_std:.3f}."
)

# %% [markdown]
# Go on from there and make it well, in at most 300 steps more. The rules: what happened before step 150 stays as it is. For the last 50 steps all knobs are the recipe's own again (`session.set(**session.usual)`), since a patient is well when it needs no medicine. It is well if the diagnosis is *healthy*, and targets tell at least 1.2 nats about their picture in the mean of the last 20 steps.
#
# To set the knobs right and wait is not enough. Try it, go back with `session.rewind(150)`, which the cell below begins with so that you can run it again, and look at what keeps it ill: pictures differ only a little. What makes much out of a small difference?

# %% part="answer" exercise="rescue"
### BEGIN SOLUTION
my_rescue = "dino-run/1 lab seed=0 steps=400; 60 teacher_temp=0.3; 150 teacher_temp=0.01; 250 teacher_temp=0.04"
### END SOLUTION
### BEGIN STUB
# session.rewind(150)  # the patient again, so that this cell can be run as often as you like
# my_rescue = None  # before this line session.set(...) and session.advance(steps=...); then session instead of None
### END STUB

# %% part="test" exercise="rescue" points=3
check.rescue(my_rescue)

# %% [markdown]
# ## 14 · The best retrieval without a slow teacher (30 minutes, 3 points)
#
# The paper's Table 15 has a line that many overlook: with the teacher as a mere copy of the student, DINO gets 0.1% on ImageNet. Try it: begin afresh with `session = Session("lab", seed=0)`, then `session.set(ema=False)` before the first step, and look at the diagnosis after fifty.
#
# Make a run of 300 steps that learns all the same. The EMA has to be off in every step; each other knob is yours, and you may move it as often as you like. The seed is 0 for everyone, so that nobody wins by luck.
#
# The score is the retrieval across vendors, on 256 things, which a session measures every 50 steps: `session.snapshot().now.score` lists (step, share). Such a share of 256 things goes up and down by chance. So what counts is the mean at steps 200, 250 and 300, and it has to be at least twice what the random weights reach at step 0, `session.snapshot().floor`.

# %% part="answer" exercise="best_retrieval"
### BEGIN SOLUTION
my_run = "dino-run/1 lab seed=0 steps=300; 0 ema=off target=sinkhorn"
### END SOLUTION
### BEGIN STUB
# my_run = None  # a session, or its run_line()
### END STUB

# %% part="test" exercise="best_retrieval" points=3
check.best_retrieval(my_run)

# %% [markdown]
# That was the last assignment. A loss says little about a DINO run; its parts, the information and a score say the rest, and you have written them all.
