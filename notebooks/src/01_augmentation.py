# %% [markdown]
# # 01 · Augmentation
#
# At the end you will have taken DINO's views apart, one operation at a time, on a photograph of a cat. You will have counted which views overlap, and measured, on networks that you train here, what each operation teaches a network to ignore.
#
# Before this: [00 · Start here](00_start_here.ipynb). One thread of a laptop computes for a minute and a half to two minutes, nearly all of it in the last three sections. Nothing is downloaded.

# %%
import torch

import dino_lite
from dino_notebooks import MultiCropWidget, predict, reveal, setup, show, steps
from dino_notebooks.plots import plot_pictures, plot_views

setup()

# %% [markdown]
# ## Eight views of one cat
#
# A **view** is a random piece of a picture with its colours changed at random. These are the views of one training step. *Global* views have a solid frame and are large pieces, *local* views have a dashed one and are small. Press **new crops** a few times, then move the sliders.

# %%
MultiCropWidget()

# %% [markdown]
# Why all this? DINO has no labels. All it knows is that these pieces come from one picture, and it trains a network to say the same about them. Whatever differs between the views can't help with that. So the operations decide what the network may ignore, and what it has to find.
#
# ## One operation at a time
#
# The library first draws all random numbers, then applies them. In between one can look at them, and change them. Here are ten copies of the cat, with the numbers for two views of each.

# %%
from dino_lite.views import NEUTRAL, apply_views, draw_views

cat = dino_lite.load_cat()
paper = dino_lite.DinoConfig(n_local=0)  # its defaults are the paper's
names = ["as it is", "crop", "flip", "brightness", "contrast", "saturation", "hue", "grey", "blur", "solarize"]
cats = cat.expand(len(names), -1, -1, -1)
drawn, local = draw_views(len(names), (224, 224), paper, torch.Generator().manual_seed(0))
print({name: tuple(values.shape) for name, values in vars(drawn).items() if name != "order"})

# %% [markdown]
# Each entry begins with (view, picture). A box has four numbers: top, left, height and width. There are four colour factors: brightness, contrast, saturation and hue.
#
# Now we switch everything off, and then on again for one operation a copy. The first view gets the one end of its range, the second view the other end. Where there is only off and on, the first view is off.

# %%
drawn.box[:] = torch.tensor([0.0, 0.0, 224.0, 224.0])
drawn.factors[:] = torch.tensor(NEUTRAL)
for off in (drawn.flip, drawn.sigma, drawn.solarize):
    off[:] = 0
drawn.color[:] = 1  # in colour

drawn.box[1, 1] = torch.tensor([30.0, 60.0, 142.0, 142.0])  # the paper's smallest global crop
drawn.flip[1, 2] = True
for i, most in enumerate(paper.jitter):
    drawn.factors[:, 3 + i, i] += torch.tensor([-most, most])
drawn.color[1, 7] = 0
drawn.sigma[:, 8] = torch.tensor(paper.blur_sigma)
drawn.solarize[1, 9] = 1

# %% [markdown]
# `apply_views` does the rest, without any chance in it. Solarizing turns bright values into their opposite. Hue turns the circle of colours: a full turn is 1, so this is a tenth of a turn each way.

# %%
views = apply_views(cats, paper, drawn, local).global_views  # (view, cat, channel, height, width)
plot_pictures({"one end": views[0], "other end": views[1]}, names)

# %% [markdown]
# You know the cat in all of them. A network has only the numbers of the pixels.

# %%
predict("Which operation changes the pixels most, in the lower row?", names[1:])

# %% [markdown]
# We compare the lower row with the untouched cat, pixel by pixel. The unit is a standard deviation of pixels, which is how views are given to a network.

# %%
change = (views[1] - views[1, :1]).abs().mean((1, 2, 3))
by_name = dict(zip(names, change.tolist(), strict=True))
for name in sorted(names, key=by_name.get, reverse=True):
    print(f"{name:10} {by_name[name]:.2f} {'█' * round(20 * by_name[name])}")
most = max(names[1:], key=by_name.get)
reveal(most, f"It moves a value by {by_name[most]:.2f} on average, the flip by {by_name['flip']:.2f}.")

# %% [markdown]
# Mirroring a cat leaves all of the cat and moves its pixels far. So distances between pixels say little about cats, and learning to see past such changes is worth something.
#
# ## In colour, one after another
#
# The four colour operations follow one another, in an order that is drawn anew for each batch. Each is a line or two on a whole batch of pictures; `hue` alone is longer.

# %%
show(dino_lite.colors.jitter)

# %% [markdown]
# All together now, with the paper's numbers. The two global views are treated unequally: the first is always blurred, the second rarely, but that one may be solarized. How much of each operation is drawn too, so some of it is too little to see. Here are the chances, and three sets of views; the frames in the first column show where each was cut.

# %%
multi = dino_lite.DinoConfig(n_local=4)
print("blurred: global 1 {}, global 2 {}, local {}".format(*multi.blur_probs))
print(f"solarized: global 2 {multi.solarize_prob}; colours changed {multi.jitter_prob}; grey {multi.grey_prob}")
plot_views(cats, multi, seed=3, count=3)

# %% [markdown]
# Look along a row: what do all six views have in common? Not the place, not the size, not the light, and now and then not even the colour. Still you would say of each: a cat, and the same one.
#
# ## How much of the picture
#
# A crop's **scale** is the share of the picture's area that it keeps. It is drawn evenly between two limits. The shape varies too, from 3:4 to 4:3. This is the whole rule, for all crops of a batch at once.

# %%
show(dino_lite.views.random_boxes)

# %% [markdown]
# Ten thousand pictures will do for statistics, and we need no pixels, only boxes.

# %%
plan, small = draw_views(10_000, (224, 224), multi, torch.Generator().manual_seed(0))
for name, box in {"global": plan.box, "local": small.box}.items():
    share = box[..., 2] * box[..., 3] / 224**2
    print(f"{name:6} {share.min():.2f} to {share.max():.2f} of the picture, on average {share.mean():.2f}")

# %% [markdown]
# So a global view may lose more than half of the picture, and a local one nearly all. Two views need not show the same part of the cat.

# %%
predict("Of 10,000 pairs of global views, how many share no pixel at all?", ["none", "a few", "more than 500"])

# %% [markdown]
# Two boxes overlap by what is left between the lower of their tops and the higher of their bottoms, and likewise from left to right.


# %%
def common_area(a, b):
    """The area that boxes (..., 4) have in common, in square pixels."""
    start = torch.maximum(a[..., :2], b[..., :2])
    end = torch.minimum(a[..., :2] + a[..., 2:], b[..., :2] + b[..., 2:])
    return (end - start).clamp_min(0).prod(-1)


apart = int((common_area(plan.box[0], plan.box[1]) == 0).sum())
answer = "none" if apart == 0 else "a few" if apart <= 500 else "more than 500"
side = plan.box[..., 2:].min()
reveal(answer, f"{apart} of 10,000 pairs are apart: the shortest side of any box is {side:.0f} px, half of 224 is 112.")

# %% [markdown]
# Two pieces that are both longer than half a side must meet in the middle. The paper's global views are just large enough. Two other numbers are of interest: a global and a local view, which the loss compares too, and the scale that the authors recommend where there are no local views.

# %%
import dataclasses

wide = dataclasses.replace(paper, global_scale=(0.14, 1.0))
lone, _ = draw_views(10_000, (224, 224), wide, torch.Generator().manual_seed(0))
kinds = {
    "global and global": common_area(plan.box[0], plan.box[1]),
    "global and local": common_area(plan.box[:, None], small.box[None]),
    "local and local": common_area(small.box[0], small.box[1]),
    "global and global, scale from 0.14": common_area(lone.box[0], lone.box[1]),
}
for kind, area in kinds.items():
    print(f"{kind:35} {(area == 0).float().mean():6.2%} share nothing")

# %% [markdown]
# Local views can miss each other, but no pair of the loss has two of them. In the other lines it happens too, rarely. Let us look for a cat to which it happens: we try seeds until a local view lies outside a global one.

# %%
for seed in range(1000):
    large, little = draw_views(1, (224, 224), multi, torch.Generator().manual_seed(seed))
    outside = (common_area(large.box[:, None], little.box[None]) == 0)[..., 0].nonzero()  # (global, local) from 0
    if len(outside):
        break
print("Nothing in common: global {}, local {}".format(*(1 + outside[0]).tolist()))
plot_views(cat[None], multi, seed=seed, count=1)

# %% [markdown]
# The loss asks the student, from this local view, what the teacher makes of that global one. Comparing pixels can't help here. What helps is to know that such fur belongs to such a face. The paper calls this *local-to-global* correspondence.
#
# ## Which pairs the loss compares
#
# The teacher sees the two global views, the student sees all V. Each view of the teacher is compared with every view of the student, except with itself. The table at the bottom of the first picture of this page shows it for eight views.

# %%
predict("With 2 global and 10 local views, how many pairs does the loss compare?")

# %% [markdown]
# Write down the pairs. The function below gives too many: mend it, until the next cell finds no difference.


# %% tags=["exercise"]
def my_pairs(views):
    """(teacher's view, student's view) of every term of the loss, counted from 0; the global views are 0 and 1."""
    return [(q, v) for q in range(2) for v in range(views)]


# %% [markdown]
# With logits at random, the mean cross-entropy over your pairs should be the library's loss.

# %%
generator = torch.Generator().manual_seed(0)
logits = torch.randn(12, 3, 16, generator=generator)  # (view, picture, prototype)
targets = torch.randn(2, 3, 16, generator=generator).softmax(-1)
log_probs = (logits / 0.1).log_softmax(-1)
pairs = my_pairs(12)
yours = sum(-(targets[q] * log_probs[v]).sum(-1).mean() for q, v in pairs) / len(pairs)
library = dino_lite.dino_loss(logits, targets, 0.1)
print(f"{len(pairs)} pairs give {yours:.4f}, the library says {library:.4f}: {abs(yours - library):.4f} apart")

# %% [markdown]
# The loops in the docstring below are the answer. The code under them gives the same number without any loop.

# %%
show(dino_lite.dino_loss)

# %% [markdown]
# For twelve views, these loops count:

# %%
terms = sum(v != q for q in range(2) for v in range(12))
reveal(terms, f"2V pairs, less 2 of a view with itself: 2V − 2. Only {2 / terms:.0%} compare two global views.")

# %% [markdown]
# ## Why an emoji needs a ground
#
# A photograph fills its frame. An emoji is transparent around the thing, so something must be put there. We could paint each emoji a ground of its own, once and for all.

# %%
pictures = dino_lite.load_pictures("emoji", size=32)
ours = [pictures.names.index(f"noto/{name}") for name in ("dog face", "slice of pizza", "rocket")]
coloured = dino_lite.on_background(pictures.images, "random")  # a colour a picture, values from 0 to 1
painted = dataclasses.replace(pictures, images=(coloured * 255).to(torch.uint8))
lab = dataclasses.replace(dino_lite.DinoConfig.lab(), picture_size=32)
plot_views(painted.images[ours], lab, count=3)

# %% [markdown]
# Or we leave them transparent, and a new colour is drawn for each view. The library does this with every picture that has an alpha channel.

# %%
plot_views(pictures.images[ours], lab, count=3)

# %% [markdown]
# We train two small networks, one with each kind of ground. All other operations are off, except for the flip, which the library always has. (*Sinkhorn-Knopp*, another way to make targets than the usual centre, serves short runs well: notebook 03 has more on both.)

# %%
predict("Which run will end with the lower loss?", ["painted once", "fresh in each view"])

# %% [markdown]
# This takes some seconds.

# %%
recipe = dataclasses.replace(lab, target="sinkhorn", head_bn=True, ema_momentum=0.9)
bare = dataclasses.replace(recipe, global_scale=(1.0, 1.0), jitter=(0.0, 0.0, 0.0, 0.0))


def trained(config, pictures):
    """The teacher's backbone after a short run, and the log of its last step."""
    dino = dino_lite.Dino(config, seed=0, device="cpu")
    *_, log = dino_lite.train(config, pictures, steps=steps(200), resume=dino)
    return dino.teacher.backbone.eval(), log


on_painted, painted_log = trained(bare, painted)
on_fresh, fresh_log = trained(bare, pictures)
for name, log in {"painted": painted_log, "fresh": fresh_log}.items():
    print(f"{name:7} loss {log.loss:.2f}, information {log.mutual_information:.2f} nats, {log.diagnosis}")
lower = "painted once" if painted_log.loss < fresh_log.loss else "fresh in each view"
reveal(lower, f"The losses differ by {abs(painted_log.loss - fresh_log.loss):.2f}.")

# %% [markdown]
# Is the run with the lower loss the better one? We ask what each has learnt to ignore. Take every thing twice, with one difference between the two copies, and see how far that moves its features.

# %%
things = pictures.images[: len(pictures) // 3]  # by the first vendor
generator = torch.Generator().manual_seed(1)
base, none = draw_views(len(things), (32, 32), bare, generator)
base.flip[:] = False
base.background[1] = base.background[0]


def changed(field, value):
    """Two views of each thing (2, thing, 3, 32, 32), equal but for one field of the second."""
    values = getattr(base, field).clone()
    values[1] = value
    return apply_views(things, bare, dataclasses.replace(base, **{field: values}), none).global_views


changes = {"ground": changed("background", torch.rand(len(things), 3, generator=generator))}

# %% [markdown]
# To know how far is far, we divide by the mean distance between two *different* things. At 0 the network does not notice the change. At 1 the dog on red is as far from the dog on blue as from any other thing.


# %%
@torch.inference_mode()
def how_far(backbone, views):
    """How far a change moves a picture, in mean distances between different pictures (1 - cosine)."""
    before, after = (torch.nn.functional.normalize(backbone(view), dim=-1) for view in views)
    return float((1 - (before * after).sum(-1).mean()) / (1 - (before @ before.T).mean()))


untrained = dino_lite.Dino(bare, seed=0, device="cpu").teacher.backbone
for name, net in {"untrained": untrained, "painted once": on_painted, "fresh": on_fresh}.items():
    print(f"{name:13} another ground moves a thing by {how_far(net, changes['ground']):.2f}")

# %% [markdown]
# A ground that stays is shared by both views, and nothing is easier to agree on. Who reads it off need not look at the thing. No meter of the run warns of that: loss, information and diagnosis only say that the views of one picture agree, not on what.
#
# ## What each operation makes the network ignore
#
# Now the same for the other operations, with seven more changes. All runs have met the flip in training, and each of the others only in a run of its own, if at all.

# %%
zoomed, _ = draw_views(len(things), (32, 32), dataclasses.replace(bare, global_scale=(0.6, 0.6)), generator)
changes |= {
    "flip": changed("flip", True),
    "hue": changed("factors", torch.tensor([1, 1, 1, 0.25])),
    "darker": changed("factors", torch.tensor([0.6, 1, 1, 0])),
    "grey": changed("color", 0.0),
    "blur": changed("sigma", 1.5),
    "solarize": changed("solarize", 1.0),
    "crop": changed("box", zoomed.box[0]),
}
plot_pictures(torch.stack([both[1, ours[0]] for both in changes.values()]), list(changes))

# %% [markdown]
# Five more runs, each with one operation on, and stronger than usual, since they are short. Before they start, think about the one that gets many of its views in grey. It can't go by colours.

# %%
predict("Grey views on: does darkness now move the network less or more?", ["less", "about as much", "more"])

# %% [markdown]
# This is the longest cell of the page.

# %%
runs = {
    "grey": dataclasses.replace(bare, grey_prob=0.5),
    "hue": dataclasses.replace(bare, jitter=(0.0, 0.0, 0.0, 0.5), jitter_prob=1.0),
    "brightness": dataclasses.replace(bare, jitter=(0.6, 0.0, 0.0, 0.0), jitter_prob=1.0),
    "solarize": dataclasses.replace(bare, solarize_prob=0.5),
    "crop": dataclasses.replace(bare, global_scale=(0.4, 1.0)),
}
nets = {"untrained": untrained, "only ground": on_fresh}
nets |= {name: trained(run, pictures)[0] for name, run in runs.items()}
far = {name: {change: how_far(net, both) for change, both in changes.items()} for name, net in nets.items()}
print(" " * 12, *(f"{change:>8}" for change in changes))
for name, row in far.items():
    print(f"{name:12}", *(f"{value:8.2f}" for value in row.values()))

# %% [markdown]
# Rows are networks by what they were trained with, columns are changes. Above 1, a thing is farther from its changed copy than from another thing. Flip and blur hardly move any network, even the untrained one: most emoji are nearly symmetric, and drawn in a few large areas. Now the same network with an operation off and on, each in the column of its own change.

# %%
for name, change in zip(runs, ["grey", "hue", "darker", "solarize", "crop"], strict=True):
    off, on = far["only ground"][change], far[name][change]
    print(f"{name:10} off {off:.2f}, on {on:.2f}: {'now ignored more' if on < off / 1.2 else 'not learnt to ignore'}")

# %% [markdown]
# An operation that is on can teach its lesson, and need not: in a short run a change may be too hard to see past. And what does a lesson cost in another column? That was the question about darkness.

# %%
off, on = far["only ground"]["darker"], far["grey"]["darker"]
answer = "more" if on > 1.2 * off else "less" if on < off / 1.2 else "about as much"
own = f"the change to grey by {far['grey']['grey']:.2f} instead of {far['only ground']['grey']:.2f}"
why = " Without colours it goes by what is left: how bright things are." if answer == "more" else ""
reveal(answer, f"Darkness moves it by {on:.2f} instead of {off:.2f}, {own}.{why}")

# %% [markdown]
# ## Change it
#
# The network in the package was trained with crops and weak changes of colour. What did it learn to ignore, and when? Its snapshots are from the start, the middle and the end of its run.

# %%
print(" " * 12, *(f"{change:>8}" for change in changes))
for snapshot in ("start", "middle", "end"):
    net = dino_lite.pretrained("emoji", snapshot)
    print(f"{snapshot:12}", *(f"{how_far(net, both):8.2f}" for both in changes.values()))

# %% [markdown]
# From start to middle, another ground and darkness lose most of their power, and then little happens. Hue and grey keep most of theirs: this recipe never changes the hue. Crop and blur are a surprise. They move the network more than at the start, though the recipe has crops. Perhaps a network that looks at parts notices more when parts are cut off or blurred; we have not measured why.
#
# Now add a row for a recipe of your own, such as two operations at once.
#
# ## What you now know
#
# - Views are random crops with changed colours. What differs between them can be ignored, what they share will be learnt, wanted or not.
# - The teacher sees global views, the student all, and 2V − 2 pairs are compared: never a view with itself, and now and then two without a common pixel.
# - A lower loss may only mean that the task was easier.
#
# **Your turn.** Should a network for flowers ignore hue? One for handwriting flips? Choose pictures that you care about, and write down for each operation whether it keeps what you would call the same. Then look at your choice with `plot_views`.
#
# Next: [02 · Student and teacher](02_student_and_teacher.ipynb), the networks that look at these views.
