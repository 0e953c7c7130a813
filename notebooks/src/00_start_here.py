# %% [markdown]
# # 00 · Start here
#
# At the end you will have run the whole method twice: once as twenty lines that you can read in a minute, once as the library does it. You will have a network that nobody told what it is looking at, its opinion on which emoji are alike, and a score that says how far to trust it.
#
# The method is DINO, *self-distillation with no labels* ([Caron et al. 2021](https://arxiv.org/abs/2104.14294)). You need Python and a little PyTorch. A laptop computes for about a minute, on one thread, and downloads nothing. Shift and Enter run a cell.

# %%
import torch

import dino_lite
from dino_notebooks import predict, reveal, setup, show, steps, watch
from dino_notebooks.plots import plot_curves, plot_labels, plot_lines, plot_neighbours, plot_views

setup()

# %% [markdown]
# ## What a trained model sees
#
# Emoji, each thing drawn by three vendors. They have names and groups, such as *Food & Drink*. Those are for testing, never for training. Here each one lies on a ground of random colour.
#
# A small network trained with DINO comes with this package. In each row, the first picture is a question, and the others are what this network finds most alike. A tick marks the same thing by another vendor.

# %%
import dataclasses

from dino_lite.evaluate import on_background

emoji = dino_lite.load_pictures("emoji", size=64)
coloured = dataclasses.replace(emoji, images=(on_background(emoji.images, "random") * 255).to(torch.uint8))
shipped = dino_lite.pretrained("emoji")
trained = dino_lite.features(shipped, coloured)

NAMES = ["grinning face", "dog face", "slice of pizza", "rocket", "red apple"]
queries = [emoji.names.index(f"noto/{name}") for name in NAMES]  # noto is the first vendor
plot_neighbours(trained, coloured, queries)

# %% [markdown]
# Nobody told it what a face or a fruit is. How does one get there?
#
# ## Is this machine ready?
#
# First a look at your own machine. Where something is wrong, the line says the cure. In a terminal, `dino-notebooks doctor` looks closer.

# %% tags=["machine"]
from dino_notebooks.doctor import examine

problems = examine(quick=True)

# %% [markdown]
# ## One picture, two views
#
# What can be learnt from pictures alone? That two pieces of one picture belong together. DINO cuts random pieces, *views*, and changes their colours a little. Our pictures are transparent, so each view also gets a ground of its own: a white one would be what all views share.
#
# **Look:** what do two views of the dog still share?

# %%
config = dino_lite.DinoConfig.lab()
pictures = dino_lite.load_pictures("emoji", size=config.picture_size)
plot_views(pictures.images[queries], config, count=len(queries))

# %% [markdown]
# ## The method on one page
#
# There are two networks of one shape. The **student** gs learns. The **teacher** gt is a slow average of what the student has been. For each view they give K numbers, *logits*, one for each of K *prototypes*: classes that nobody named. The student has to say about one view what the teacher says about another view of the same picture.
#
# This is the paper's pseudo-code, made to run. Two networks that start equal, the centre C, the temperatures tps and tpt, and the rates alpha and beta:

# %%
from dino_lite.network import build_network


def network():
    """A ViT and a projection head: pictures (n, 3, size, size) → logits (n, K)."""
    both = build_network(config, seed=0)
    return torch.nn.Sequential(both.backbone, both.head)


gs, gt = network(), network()  # two networks, the same random weights
gt.requires_grad_(False)  # the teacher is never trained, it only follows
K = config.out_dim
C = torch.zeros(K)  # the centre
tps, tpt = config.student_temp, config.teacher_temp  # temperatures of student and teacher
alpha, beta = config.ema_momentum, config.center_momentum  # how much of themselves teacher and centre keep
print(f"K = {K}, tps = {tps}, tpt = {tpt}, alpha = {alpha}, beta = {beta}")

# %% [markdown]
# Next the loss. The teacher's logits become a distribution: minus the centre, divided by a small temperature, which makes it *sharp*. The student's become one with a larger temperature. H is the cross-entropy between the two. It is small where the student gives much to what the teacher is sure of.

# %%
from torch.nn.functional import log_softmax, softmax


def H(t, s):
    """Cross-entropy of the student's distribution with the teacher's: logits (n, K) → a number."""
    t = softmax((t - C) / tpt, dim=-1)  # center + sharpen
    return -(t * log_softmax(s / tps, dim=-1)).sum(dim=-1).mean()


augment = torch.Generator().manual_seed(0)


def two_views(x):
    """Two random views of each picture, (n, 3, size, size) each."""
    return dino_lite.make_views(x, config, augment).global_views


# %% [markdown]
# At first, student and teacher are equal, and so they say much the same about two views of one picture. If both gave every prototype the same share, H would be ln K.

# %%
FIRST = ["at 0: they are equal", "well above 0, below ln K", "at ln K or above"]
predict("Where does the loss of two equal networks begin?", FIRST)

# %% [markdown]
# One batch of real pictures, and the first line of the loop:

# %%
import math

x = pictures.images[: config.batch_size]
x1, x2 = two_views(x)
with torch.no_grad():
    first = float(H(gt(x1), gs(x2)))
answer = FIRST[0] if first < 0.05 else FIRST[1] if first < 0.95 * math.log(K) else FIRST[2]
with torch.no_grad():
    own = float(H(gt(x1), gs(x1)))
reveal(answer, f"It is {first:.2f}, and ln K is {math.log(K):.2f}. On the very same view it would still be {own:.2f}.")

# %% [markdown]
# Even on the same view it is not 0: the teacher is sharpened, the student is not, and random networks are sure of little. So a loss says nothing by itself. Now the loop, line by line as in the paper.

# %%
optimizer = torch.optim.AdamW(gs.parameters(), lr=config.lr / 4)
shuffle, losses, pseudo = torch.Generator().manual_seed(0), [], steps(100)
for _ in range(pseudo):  # for x in loader
    x = pictures.images[torch.randperm(len(pictures), generator=shuffle)[: config.batch_size]]
    x1, x2 = two_views(x)  # random views
    s1, s2 = gs(x1), gs(x2)  # student, n by K
    t1, t2 = gt(x1), gt(x2)  # teacher, n by K
    loss = H(t1, s2) / 2 + H(t2, s1) / 2
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()  # update(gs)
    with torch.no_grad():
        for theirs, ours in zip(gt.parameters(), gs.parameters(), strict=True):
            theirs.mul_(alpha).add_((1 - alpha) * ours)  # gt = alpha * gt + (1 - alpha) * gs
        C = beta * C + (1 - beta) * torch.cat([t1, t2]).mean(dim=0)
    losses.append(loss.item())
plot_lines({"loss": {"twenty lines": losses}}, guides={"loss": {"ln K": math.log(K)}})

# %% [markdown]
# That is DINO. What is in the library's own step beyond this? Find the same lines: its comments quote them. The rest is small views, schedules, and numbers that tell you whether the run is alive.

# %%
show(dino_lite.Dino.train_step)

# %% [markdown]
# Its loss is ours, over all pairs of different views. Two views, the last batch, the same centre:

# %%
with torch.no_grad():
    targets = dino_lite.teacher_probs(torch.stack([t1, t2]), C, tpt)
    library = dino_lite.dino_loss(torch.stack([s1, s2]), targets, tps)
    print(f"twenty lines {float(H(t1, s2) / 2 + H(t2, s1) / 2):.5f}, the library {float(library):.5f}")

# %% [markdown]
# ## Before training
#
# Now we train properly, and measure. First we ask a network that has learnt nothing, to compare with later. `features` gives a row of numbers for each picture. Pictures that are alike should have similar rows.

# %%
GOES_BY = ["the thing in front", "the colour of the ground"]
predict("What will a network with random weights take for alike?", GOES_BY)

# %% [markdown]
# We look at five rows, then at all pictures: how often is the nearest one the same thing, and how far apart are the two grounds, compared with any two?

# %%
dino = dino_lite.Dino(config, seed=0)
before = dino_lite.features(dino.teacher, coloured)
plot_neighbours(before, coloured, queries)

# %% [markdown]
# Along a row, what stays the same?

# %%
grounds = coloured.images[:, :, 0, 0].float()  # a corner of each picture
things = len(emoji) // 3


def goes_by(rows):
    """How often the nearest picture shows the same thing; and the distance of grounds, as a share of the usual one."""
    nearest = (rows @ rows.T).fill_diagonal_(-1).argmax(1)
    same = (nearest % things == torch.arange(len(rows)) % things).float().mean()
    apart = (grounds - grounds[nearest]).norm(dim=1).mean() / (grounds - grounds.roll(1, 0)).norm(dim=1).mean()
    return float(same), float(apart)


same, apart = goes_by(before)
answer = GOES_BY[1] if apart < 0.5 else GOES_BY[0]
reveal(answer, f"The nearest is the same thing in {same:.1%}; its ground is {apart:.2f} of the usual distance away.")

# %% [markdown]
# The largest patch of colour wins, whatever lies on it.
#
# ## Training
#
# Now it learns, for half a minute to a minute. The loss has two parts: the entropy **h** of the teacher's targets, small when the teacher is sure, and the distance **KL** between student and teacher. The dotted line is ln K.
#
# The square button in the toolbar stops it, and what it has learnt is kept.

# %%
count = steps(600)
run = dino_lite.train(config, pictures, steps=count, resume=dino)
logs = watch(run, count, config.out_dim)

# %% [markdown]
# ## Reading the curves
#
# A low loss alone is no good sign. If the teacher said the same about every picture, the student would soon agree, and both would be useless. That is *collapse*. So look also at the prototypes in use.

# %%
plot_curves(logs, config.out_dim)

# %% [markdown]
# The same in numbers. The last one is the *mutual information*: how much a target tells about its picture, in nats. After a collapse it is zero.

# %%
for log in logs[:: max(1, count // 5)] + logs[-1:]:
    print(
        f"step {log.step + 1:3}: loss {log.loss:.2f} = h {log.entropy:.2f} + KL {log.kl:.2f},"
        f" {log.effective_prototypes:3.0f} prototypes in use, information {log.mutual_information:.2f}"
    )
print(f"Diagnosis at the end: {logs[-1].diagnosis}")

# %% [markdown]
# At the first step it is high as well: random weights do tell pictures apart, by their ground. So what is it about now?
#
# ## After training
#
# The same pictures on the same colours. We ask the teacher: an average over many steps is steadier than the student of the last one.

# %%
print(f"Before: the nearest picture's ground is {apart:.2f} of the usual distance away.")
predict("And after? 1 would mean that the ground no longer matters.")

# %% [markdown]
# The five rows again. What do the pictures of a row share now?

# %%
after = dino_lite.features(dino.teacher, coloured)
plot_neighbours(after, coloured, queries)

# %% [markdown]
# And all pictures, also for the network of the first figure:

# %%
trained_here = f"{count} steps"
measured = {name: goes_by(rows) for name, rows in {trained_here: after, "shipped": trained}.items()}
for name, (same, apart) in measured.items():
    print(f"{name:9} the nearest is the same thing in {same:5.1%}, its ground {apart:.2f} of the usual distance away")
reveal(round(measured[trained_here][1], 2), f"For the shipped network it is {measured['shipped'][1]:.2f}.")

# %% [markdown]
# The ground was another one in every view, so it never helped to say what the teacher says. What is in front is the same in both views. A short run begins to drop the one for the other, a long one goes further, and neither is quite free of the ground.
#
# ## How far to trust it
#
# Five rows can flatter, so count. For a picture by the first vendor, is the nearest picture by the second the same thing? Beside our network stand two floors: the random network, and the bare pixels.

# %%
RIVALS = ["random network", trained_here, "raw pixels"]
predict("Which of the three finds the same thing most often?", RIVALS)

# %% [markdown]
# The shipped network stands in the last line. It had many more steps with larger batches, a larger net, and targets balanced as in DINOv2. Three quarters of these things were in its training.

# %%
tables = {"random network": before, trained_here: after}
tables |= {"raw pixels": dino_lite.pixel_features(coloured), "shipped network": trained}
found = {}
for name, rows in tables.items():
    one, two, _ = rows.split(things)
    found[name] = dino_lite.retrieval_accuracy(one, two)
    print(f"{name:16} {found[name]:6.1%}")
best = max(RIVALS, key=found.get)
reveal(best, f"By chance it would be {1 / things:.1%}. Emoji are drawn upright and in the middle, which suits pixels.")

# %% [markdown]
# Without the floors we could not have told. A short run on a laptop shows how the method works; how good it gets takes longer.
#
# ## What it is for
#
# A DINO network is an *embedding model*: a picture goes in, a row of numbers comes out, and everything else is done with the rows.
#
# - **Vector search**: the nearest rows are the most similar pictures. That was the first figure.
# - **A linear classifier** on frozen rows, when there are a few labels.
# - **A start for fine-tuning**, when there are more.
#
# Take the second. The pictures have seven groups. Give a linear classifier a few labelled pictures of each, and test it on things that the network has never seen.

# %%
from dino_lite.scorecard import test_rows

test = test_rows(emoji)
scores = {}
for name in ("random network", "raw pixels", "shipped network"):
    rows, labels = tables[name], emoji.labels
    data = rows[~test], labels[~test], rows[test], labels[test]
    scores[name] = dino_lite.few_label_probe(*data, per_class=(1, 5, 20, 50), seeds=range(3))
plot_labels(scores)

# %% [markdown]
# Each line is a mean over three choices of the labelled pictures. How many labels do pixels need to come as far as the shipped network does with few? Notebook 07 does the same with fine-tuning, and with a real search index.
#
# ## Change something
#
# A low *teacher temperature* sharpens the targets. What if it equals the student's, so that nothing is sharpened?

# %%
TELLS = ["as much about its picture as before", "less than half of it", "more"]
predict("What will a target tell then, at the end of a short run?", TELLS)

# %% [markdown]
# One number changes; seed and pictures stay.

# %%
short = steps(150)
blunt = dataclasses.replace(config, teacher_temp=tps, warmup_teacher_temp=tps)
blunt_logs = watch(dino_lite.train(blunt, pictures, steps=short), short, K)
sharp_nats = logs[min(short, len(logs)) - 1].mutual_information  # fewer where you have stopped it
blunt_nats = blunt_logs[-1].mutual_information
answer = TELLS[1] if blunt_nats < sharp_nats / 2 else TELLS[2] if blunt_nats > sharp_nats else TELLS[0]
reveal(answer, f"Sharp {sharp_nats:.2f} nats, blunt {blunt_nats:.2f}. Diagnosis: {blunt_logs[-1].diagnosis}.")

# %% [markdown]
# ## What you now know
#
# - DINO trains a student to agree with its own slow average, on different views of one picture. Twenty lines are enough to say so.
# - Its loss is h + KL. A low loss does not say that anything was learnt; a loss that stays at ln K says that nothing was.
# - What comes out is an embedding, and a score of it is read beside its floors.
#
# **Your turn.** In the twenty lines, leave the centre out: `t / tpt` instead of `(t - C) / tpt`. Say first what the loss will do, then run them again from the cell with the two networks on. What does a loss near zero mean here?
#
# To train longer, in a terminal: `dino-notebooks train --preset small --out runs/mine`, then `dino-notebooks report runs/mine`. `--data FOLDER` takes your own pictures.
#
# Next: [01 · Augmentation](01_augmentation.ipynb)
