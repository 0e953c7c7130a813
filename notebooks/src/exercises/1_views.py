# %% [markdown]
# # Assignment 1 · Views
#
# At the end you will have written the parts of DINO's multi-crop yourself, from the numbers of a pixel to the list of pairs that the loss compares, and mended a version with two bugs from public code.
#
# 100 minutes, 20 points. Read before: [01 · Augmentation](../01_augmentation.ipynb).
#
# Each exercise is a text, a cell for your code, and a cell that tests it. A test says what is wrong and shows the smallest input that it goes wrong with. `check.normalize.hint()` in a cell of your own gives a hint on the first exercise, call it again for the next one, and so on with the names of the others. After three hints comes the solution.
#
# Pictures are tensors. (B, 3, H, W) are B pictures of three channels, red, green and blue, with H rows and W columns of pixels. Where nothing else is said, values are from 0, dark, to 1, bright.

# %%
import torch
from IPython.display import display

import dino_lite
from dino_lite.colors import GREY_WEIGHTS, IMAGENET_MEAN, IMAGENET_STD
from dino_notebooks import check, setup
from dino_notebooks.plots import plot_pictures

setup()
cat = dino_lite.load_cat() / 255  # (3, 224, 224)
emoji = dino_lite.load_pictures("emoji", size=64).images  # uint8 (N, 4, 64, 64)


def in_bytes(pictures):
    """Pictures with values from 0 to 1 as whole numbers from 0 to 255, for drawing."""
    return (pictures.clamp(0, 1) * 255).to(torch.uint8)


# %% [markdown]
# ## 1 · The units of a network (5 minutes, 1 point)
#
# A network learns best from numbers around 0 that are neither tiny nor huge. So the last step of every view is a change of units: minus a mean, divided by a standard deviation. Each channel has its own two numbers. They were measured once, on the photographs of ImageNet, and are the same for every picture: a picture may stay dark.
#
# In slow motion, for a value in channel c:
#
#     result = (value - IMAGENET_MEAN[c]) / IMAGENET_STD[c]
#
# There may be any number of dimensions before the last three, or none: (3, H, W) is one picture, (B, 3, H, W) a batch, (V, B, 3, H, W) are V views of a batch. We write (..., 3, H, W) for all of these. `IMAGENET_MEAN` and `IMAGENET_STD` are tuples of three numbers.
#
# torch compares shapes from the right. A tensor (3, 1, 1) meets (..., 3, H, W) at the channels, a tensor (3,) would meet the columns.


# %% part="answer" exercise="normalize"
def my_normalize(x):
    """Pictures (..., 3, H, W), values from 0 to 1 → the same shape, in the units of a network."""
    ### BEGIN SOLUTION
    mean, std = torch.tensor([IMAGENET_MEAN, IMAGENET_STD]).reshape(2, 3, 1, 1)
    return (x - mean) / std
    ### END SOLUTION


# %% part="test" exercise="normalize" points=1
check.normalize(my_normalize)

# %% [markdown]
# Once it is right, the next cell prints the mean of each channel of the cat, before and after.

# %%
if check.normalize(my_normalize).ok:
    for name, x in {"before": cat, "after": my_normalize(cat)}.items():
        red, green, blue = x.mean((1, 2))
        print(f"{name:7} red {red:5.2f}  green {green:5.2f}  blue {blue:5.2f}")

# %% [markdown]
# ## 2 · A thing on a ground (10 minutes, 2 points)
#
# An emoji has a fourth channel, **alpha**: how solid each pixel is. 255 is solid, 0 is transparent, and along soft edges it is something between. Before a network can see an emoji, there must be something behind it. For DINO that is a colour that differs from view to view, since what all views share is what a network will agree on.
#
# The pictures come as whole numbers from 0 to 255. In slow motion, for each pixel:
#
#     alpha = pixel[3] / 255
#     for c in 0, 1, 2:
#         result[c] = alpha * (pixel[c] / 255) + (1 - alpha) * color[c]
#
# Each picture has a colour of its own, with values from 0 to 1. Pictures without alpha, (N, 3, H, W), are only divided by 255. Mind that whole numbers of 8 bits start again at 0 when a product is above 255: make floats first.


# %% part="answer" exercise="composite"
def my_composite(images, colors):
    """uint8 pictures (N, 4, H, W) or (N, 3, H, W), colours (N, 3) from 0 to 1 → float (N, 3, H, W), from 0 to 1."""
    ### BEGIN SOLUTION
    pixels = images / 255  # floats
    if pixels.shape[1] == 3:
        return pixels
    thing, alpha = pixels.split([3, 1], dim=1)
    return torch.lerp(colors[..., None, None], thing, alpha)
    ### END SOLUTION


# %% part="test" exercise="composite" points=2
check.composite(my_composite)

# %% [markdown]
# Once it is right: five emoji on grounds of random colour.

# %%
if check.composite(my_composite).ok:
    grounds = torch.rand(5, 3, generator=torch.Generator().manual_seed(0))
    display(
        plot_pictures(
            {"yours": in_bytes(my_composite(emoji[:1000:200], grounds))}, [f"ground {i}" for i in range(1, 6)]
        )
    )

# %% [markdown]
# ## 3 · Bright becomes dark (10 minutes, 2 points)
#
# **Solarizing** turns bright values into their opposite and leaves dark ones. After it, brightness alone says little about what one sees. DINO does it to some of the second global views, and to no others.
#
# In slow motion, with an `amount` for each picture, which is 1 or 0:
#
#     for each picture:
#         for each value, in each channel by itself:
#             result = value
#             if the picture's amount is 1, and value >= threshold:
#                 result = 1 - value
#
# With pictures (..., 3, H, W), the amounts are (...): (B,) for a batch (B, 3, H, W), a tensor with no dimension for one picture. `amount[..., None, None, None]` adds three dimensions of length 1, whatever was there before.


# %% part="answer" exercise="solarize"
def my_solarize(x, amount, threshold=128 / 255):
    """Pictures (..., 3, H, W), amounts (...) of 0.0 or 1.0, a number → the same shape as the pictures."""
    ### BEGIN SOLUTION
    chosen = (x >= threshold) & (amount[..., None, None, None] == 1)
    return torch.where(chosen, 1 - x, x)
    ### END SOLUTION


# %% part="test" exercise="solarize" points=2
check.solarize(my_solarize)

# %% [markdown]
# Once it is right: the cat with three thresholds.

# %%
if check.solarize(my_solarize).ok:
    one = torch.tensor(1.0)
    variants = torch.stack([cat, *(my_solarize(cat, one, threshold) for threshold in (0.25, 0.5, 0.75))])
    display(plot_pictures({"yours": in_bytes(variants)}, ["the cat", "0.25", "0.5", "0.75"]))

# %% [markdown]
# ## 4 · Contrast (15 minutes, 3 points)
#
# Light and camera change the **contrast** of a photograph, and not what is on it. So DINO changes it at random, by a factor for each view. 1 leaves the picture as it is. 0 would leave an even grey, just as bright as the picture is on average. Above 1, differences grow.
#
# How bright is a pixel? Green looks brighter than red, and red brighter than blue, so its grey is a weighted sum of the channels. `GREY_WEIGHTS` holds the three weights. In slow motion:
#
#     for each picture:
#         grey = GREY_WEIGHTS[0] * red + GREY_WEIGHTS[1] * green + GREY_WEIGHTS[2] * blue
#         mean = the mean of grey over all pixels of the picture, one number
#         for each value, in each channel:
#             result = factor * value + (1 - factor) * mean
#             cut off what is below 0 or above 1
#
# Shapes are as before: pictures (..., 3, H, W), factors (...). A mean with `keepdim=True` keeps its dimensions at length 1, and so fits to the picture it came from.


# %% part="answer" exercise="contrast"
def my_contrast(x, factor):
    """Pictures (..., 3, H, W), factors (...) from 0 → the same shape as the pictures, from 0 to 1."""
    ### BEGIN SOLUTION
    grey = torch.einsum("...chw,c->...hw", x, torch.tensor(GREY_WEIGHTS))
    mean, factor = (number[..., None, None, None] for number in (grey.mean((-2, -1)), factor))
    return (mean + factor * (x - mean)).clip(0, 1)
    ### END SOLUTION


# %% part="test" exercise="contrast" points=3
check.contrast(my_contrast)

# %% [markdown]
# Once it is right: factors from 0 to 3. The paper's are from 0.6 to 1.4.

# %%
if check.contrast(my_contrast).ok:
    factors = torch.tensor([0.0, 0.6, 1.0, 1.4, 3.0])
    variants = my_contrast(cat.expand(5, 3, 224, 224), factors)
    display(plot_pictures({"yours": in_bytes(variants)}, [f"{factor:.1f}" for factor in factors]))

# %% [markdown]
# ## 5 · Cut and mirror (10 minutes, 2 points)
#
# Now the crop itself. A box is given by its first row, `top`, its first column, `left`, and by how many rows and columns it has, `height` and `width`. Half of all crops are then mirrored left to right. In slow motion:
#
#     for y in 0 ... height - 1:
#         for x in 0 ... width - 1:
#             result[:, y, x] = image[:, top + y, left + x]
#     if flip:
#         reverse the columns of result
#
# `flip` is `True` or `False`. The picture may have any number of channels, and the crop has as many. (The library also resizes all crops to one size, so that they fit in one tensor. We leave that out.)


# %% part="answer" exercise="crop"
def my_crop(image, top, left, height, width, flip):
    """A picture (C, H, W), four whole numbers in px, True or False → (C, height, width)."""
    ### BEGIN SOLUTION
    piece = image.narrow(1, top, height).narrow(2, left, width)
    return torch.fliplr(piece.movedim(0, 2)).movedim(2, 0) if flip else piece
    ### END SOLUTION


# %% part="test" exercise="crop" points=2
check.crop(my_crop)

# %% [markdown]
# Once it is right: four crops of the cat, the last two of one box.

# %%
if check.crop(my_crop).ok:
    places = {
        "from 0, 0": (0, 0, False),
        "from 60, 20": (60, 20, False),
        "from 60, 90": (60, 90, False),
        "mirrored": (60, 90, True),
    }
    crops = torch.stack([my_crop(cat, top, left, 120, 120, flip) for top, left, flip in places.values()])
    display(plot_pictures({"yours": in_bytes(crops)}, list(places)))

# %% [markdown]
# ## 6 · Which views are compared (10 minutes, 2 points)
#
# Each picture has 2 global views, with the numbers 0 and 1, and `n_local` local views, with the numbers from 2 on. The teacher sees the global views only. The student sees all of them. The loss compares what the teacher says of one view with what the student says of **another**, in all combinations. Teacher and student are two networks, so 0 for the teacher with 1 for the student is one term, and 1 for the teacher with 0 for the student another.
#
# Write the list of all pairs (teacher's view, student's view). Their order does not matter.


# %% part="answer" exercise="view_pairs"
def my_view_pairs(n_local):
    """The number of local views → a list of pairs (teacher's view, student's view), counted from 0."""
    ### BEGIN SOLUTION
    pairs = []
    for student in range(n_local + 2):
        pairs += [(teacher, student) for teacher in (0, 1) if teacher != student]
    return pairs
    ### END SOLUTION


# %% part="test" exercise="view_pairs" points=2
check.view_pairs(my_view_pairs)

# %% [markdown]
# Once it is right: how many terms the loss has, and how many of them compare a global view with a local one.

# %%
if check.view_pairs(my_view_pairs).ok:
    for n_local in (0, 2, 4, 8, 10):
        pairs = my_view_pairs(n_local)
        to_local = sum(student > 1 for _, student in pairs)
        print(f"{n_local:2} local views: {len(pairs):2} pairs, {to_local / len(pairs):4.0%} of them global with local")

# %% [markdown]
# ## 7 · How much two views share (15 minutes, 3 points)
#
# Can the student find out what the teacher saw by comparing pixels? That depends on how much two crops overlap. A common measure is **intersection over union**: the area that belongs to both boxes, divided by the area that belongs to at least one of them. It is 1 for equal boxes and 0 for boxes that don't meet.
#
# A box is a row of four numbers: top, left, height, width. In slow motion:
#
#     for each pair of boxes:
#         first_row  = the larger of the two tops
#         end_row    = the smaller of the two places where a box ends, top + height
#         first_column and end_column likewise, with left and width
#         if end_row <= first_row or end_column <= first_column:
#             common = 0
#         else:
#             common = (end_row - first_row) * (end_column - first_column)
#         result = common / (area of the one + area of the other - common)
#
# Take all N pairs at once. `torch.maximum(x, y)` gives the larger number at each place, and `.clamp(min=0)` cuts off what is below 0. Think twice about *what* to cut off: minus times minus is plus.


# %% part="answer" exercise="box_overlap"
def my_box_overlap(a, b):
    """Boxes (N, 4) and boxes (N, 4), in px → (N,), the share of row i of `a` with row i of `b`, from 0 to 1."""
    ### BEGIN SOLUTION
    common = 1
    for start, length in ((0, 2), (1, 3)):  # rows, columns
        begin = torch.maximum(a[:, start], b[:, start])
        end = torch.minimum(a[:, start] + a[:, length], b[:, start] + b[:, length])
        common = common * (end - begin).clamp(min=0)
    return common / (a[:, 2] * a[:, 3] + b[:, 2] * b[:, 3] - common)
    ### END SOLUTION


# %% part="test" exercise="box_overlap" points=3
check.box_overlap(my_box_overlap)

# %% [markdown]
# Once it is right: what the paper's settings draw, for ten thousand photographs.

# %%
if check.box_overlap(my_box_overlap).ok:
    config = dino_lite.DinoConfig(n_local=2)
    generator = torch.Generator().manual_seed(0)
    large, small = dino_lite.views.draw_views(10_000, (224, 224), config, generator)
    for name, (a, b) in {
        "global with global": (large.box[0], large.box[1]),
        "global with local": (large.box[0], small.box[0]),
        "local with local": (small.box[0], small.box[1]),
    }.items():
        shares = my_box_overlap(a, b)
        nothing = (shares == 0).float().mean()
        print(f"{name:18} {shares.mean():4.0%} in common on average, nothing at all in {nothing:.1%} of the pairs")

# %% [markdown]
# ## 8 · Find the bugs (15 minutes, 3 points)
#
# The function below should cut all views of one picture. It runs, and its views look like views. It has two bugs all the same. Both were in public code: one in a popular re-implementation, the other in the code of DINO's own successors, there with the blur instead of solarizing.
#
# What it should do, for view v:
#
# - begin with the picture as it came,
# - cut out `boxes[v]`, which is top, left, height, width,
# - multiply by `factors[v]`, and cut off what is above 1,
# - solarize the view with the probability `probs[v]`. For that there is a number `chance[v]`, drawn evenly from 0 to 1. (With a probability of 0 it never happens, with 1 always.)
#
# It may change the brightness of the whole picture first, and cut afterwards: that gives the same view. The random numbers come from outside, so a wrong view is wrong every time. Mend the function.


# %% part="answer" exercise="multi_crop"
### BEGIN SOLUTION
def my_multi_crop(image, boxes, factors, chance, probs):
    """A picture (C, H, W), boxes (V, 4), three tensors (V,) → a list of V views, each (C, height, width) of its box."""
    views = []
    for v in range(len(boxes)):
        top, left, height, width = boxes[v].tolist()
        view = image[:, top : top + height, left : left + width]
        view = (view * factors[v]).clamp(0, 1)
        if chance[v] < probs[v]:
            view = torch.where(view >= 0.5, 1 - view, view)
        views.append(view)
    return views


### END SOLUTION
### BEGIN STUB
# def my_multi_crop(image, boxes, factors, chance, probs):
#     """A picture (C, H, W), boxes (V, 4), three tensors (V,) → a list of V views, each (C, height, width) of its box."""
#     views = []
#     for v in range(len(boxes)):
#         top, left, height, width = boxes[v].tolist()
#         image = (image * factors[v]).clamp(0, 1)
#         if chance[v] > probs[v]:
#             image = torch.where(image >= 0.5, 1 - image, image)
#         views.append(image[:, top : top + height, left : left + width])
#     return views
### END STUB

# %% part="test" exercise="multi_crop" points=3
check.multi_crop(my_multi_crop)

# %% [markdown]
# The next cell draws six views, whether the function is right or not: two global ones, then four local ones. All factors are 0.8, and only the second view may be solarized. What do you see with the bugs, and what without?

# %%
boxes = torch.tensor([[0, 0, 200, 200], [20, 20, 200, 200]] + [[80, 30, 90, 90], [70, 110, 90, 90]] * 2)
settings = {
    "factors": torch.full((6,), 0.8),
    "chance": torch.full((6,), 0.1),
    "probs": torch.tensor([0, 0.2, 0, 0, 0, 0]),
}
views = my_multi_crop(cat, boxes, **settings)
if views:
    sized = torch.cat([dino_lite.resample.resize(view[None], 96) for view in views])
    heads = ["global 1", "global 2", *(f"local {i}" for i in range(1, 5))]
    display(plot_pictures({"yours": in_bytes(sized)}, heads))

# %% [markdown]
# ## 9 · Explain (10 minutes, 2 points)
#
# Someone trains with a mild form of the first bug: each picture gets *one* random tint, and then all its views are cut from the tinted picture. The tint differs from picture to picture. The loss falls faster than without the bug. Explain in two or three sentences why that is no good sign.

# %% [markdown] part="words" exercise="why_shared_tint" points=2
# The tint is the same in all views of a picture and differs between pictures, so teacher and student can agree by reading off the tint alone, and the loss falls without either of them looking at the thing (1 point). A lower loss only says that the views are easier to predict from each other; the network learns to tell tints apart, and is not taught to ignore them, which is what a fresh change in every view is for (1 point).

# %% [markdown]
# You have all parts of the multi-crop now, and two habits: ask of every view what it is cut from, and of every probability which way round it is compared.
#
# Next: [Assignment 2 · ViT and head](2_vit_and_head.ipynb).
