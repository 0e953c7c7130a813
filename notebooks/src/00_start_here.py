# %% [markdown]
# # Start here
#
# You will train a network that nobody tells what it is looking at. At the end you will have its curves, its opinion on which emoji are alike, and a score that says how far to trust it.
#
# The method is DINO, *self-distillation with no labels* ([Caron et al. 2021](https://arxiv.org/abs/2104.14294)). You need Python and a little PyTorch. A laptop takes a minute or two and downloads nothing. Shift and Enter run a cell.

# %%
import torch

import dino_lite
from dino_notebooks import setup, show, steps, watch
from dino_notebooks.plots import plot_curves, plot_neighbours, plot_views

setup()

# %% [markdown]
# ## The pictures
#
# Emoji, each thing drawn by three vendors, one vendor a row. They have names and groups, such as *Food & Drink*. Those are for testing, never for training.

# %%
from PIL import Image

config = dino_lite.DinoConfig.lab()
pictures = dino_lite.load_pictures("emoji", size=config.picture_size)
print(pictures)

vendors = pictures.images.unflatten(0, (3, -1))  # (vendor, thing, channel, height, width)
sheet = vendors[:, 34::95].permute(0, 3, 1, 4, 2)  # (vendor, height, thing, width, channel)
Image.fromarray(sheet.flatten(0, 1).flatten(1, 2).numpy())

# %% [markdown]
# ## One picture, two views
#
# What can be learnt from pictures alone? That two pieces of one picture belong together. DINO cuts random pieces, *views*, and changes their colours a little. Our pictures are transparent, so each view also gets a ground of its own colour: a white one would be what all views share.
#
# **Predict:** what will two views of the dog still share?

# %%
names = ["grinning face", "dog face", "slice of pizza", "rocket", "red apple"]
queries = [pictures.names.index(f"noto/{name}") for name in names]  # noto is the first vendor
plot_views(pictures.images[queries], config, count=len(queries))

# %% [markdown]
# ## One step
#
# There are two networks of one shape. The **student** learns. The **teacher** is a slow average of what the student has been. The student has to say about one view what the teacher says about another view of the same picture.
#
# Here is the library's own step. It is the paper's Algorithm 1, which its comments quote. Find the views, the teacher without a gradient, its targets, the loss, and the line where the teacher follows.

# %%
show(dino_lite.Dino.train_step)

# %% [markdown]
# What do they say about a view? A distribution over K *prototypes*, classes that nobody named. The loss is the cross-entropy between the teacher's distribution and the student's, over all pairs of different views.

# %%
show(dino_lite.dino_loss)

# %% [markdown]
# **Predict:** if both gave every prototype the same share, what would this loss be? Three pictures are enough to ask.

# %%
import math

K = config.out_dim
even = torch.full((2, 3, K), 1 / K)  # (view, picture, prototype)
loss = dino_lite.dino_loss(torch.zeros(2, 3, K), even, config.student_temp)
print(f"K = {K}: the loss is {loss:.3f}, and ln K = {math.log(K):.3f}")

# %% [markdown]
# Remember that number, ln K. A run whose loss stays there tells no picture from another.
#
# ## Before training
#
# First we ask a network that has learnt nothing, to compare with later. Each picture is put on a ground of random colour, as in training. `features` gives a row of numbers for each, and pictures that are alike should have similar rows.
#
# **Predict:** what will a network with random weights take for alike?

# %%
import dataclasses

from dino_lite.evaluate import on_background

on_colours = (on_background(pictures.images, "random") * 255).to(torch.uint8)
coloured = dataclasses.replace(pictures, images=on_colours)

dino = dino_lite.Dino(config, seed=0)
before = dino_lite.features(dino.teacher, coloured)
plot_neighbours(before, coloured, queries)

# %% [markdown]
# Along a row the ground hardly changes: the largest patch of colour wins, whatever lies on it.
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
#
# **Predict:** will the ground still decide?

# %%
after = dino_lite.features(dino.teacher, coloured)
plot_neighbours(after, coloured, queries)

# %% [markdown]
# Now the grounds differ along a row, and the things in front have more in common: colours, rough shapes, faces. The ground was another one in every view, so it never helped to say what the teacher says.
#
# ## How far to trust it
#
# Five rows can flatter, so count them all. For a picture by the first vendor, is the nearest picture by the second the same thing? Beside our network stand chance and two floors: the random network, and the bare pixels.

# %%
pixels = dino_lite.pixel_features(coloured, config.global_size)
things = len(pictures) // 3
print(f"{'chance':16} {1 / things:6.1%}")
for name, rows in {"random network": before, "after training": after, "raw pixels": pixels}.items():
    first, second, _ = rows.split(things)
    print(f"{name:16} {dino_lite.retrieval_accuracy(first, second):6.1%}")

# %% [markdown]
# The pixels are hard to beat here, since emoji are drawn upright and in the middle, and 600 steps are few. Without the floors we could not have told.
#
# ## Change something
#
# A low *teacher temperature* sharpens the targets. **Predict:** what will h, KL and the loss do if it equals the student's, so that nothing is sharpened?

# %%
same = config.student_temp
blunt = dataclasses.replace(config, teacher_temp=same, warmup_teacher_temp=same)
short = steps(150)
blunt_logs = watch(dino_lite.train(blunt, pictures, steps=short), short, K)
for name, run in {"sharp": logs, "blunt": blunt_logs}.items():
    print(f"{name}: a target tells {run[-1].mutual_information:.2f} nats about its picture")

# %% [markdown]
# ## What you now know
#
# - DINO trains a student to agree with its own slow average, on different views of one picture.
# - Its loss is h + KL. A low loss does not say that anything was learnt; a loss of ln K says that nothing was.
# - A score is read beside its floors.
#
# **Your turn.** Set `seed=1` where the network is made and run all again: how far do the scores move? Then train longer in a terminal, with `dino-notebooks train --preset small --out runs/mine`, and look at it with `dino-notebooks report runs/mine`. `--data FOLDER` takes your own pictures.
