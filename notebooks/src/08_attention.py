# %% [markdown]
# # 08 · Attention: what it sees
#
# At the end you will have seen where each head of a trained network looks, made masks of it, measured how well they fit, and found out how much of a good-looking fit means nothing.
#
# Before this: [07 · Embeddings](07_embeddings.ipynb). One thread computes for about a quarter of a minute. Nothing is trained and nothing is downloaded.

# %%
import torch

import dino_lite
from dino_notebooks import AttentionWidget, predict, reveal, setup, show
from dino_notebooks.plots import plot_attention, plot_lines, plot_pictures

setup()

# %% [markdown]
# ## Look first
#
# The network in the package, trained on emoji without labels. The brighter a patch, the more the network looks at it. Change the head, then the picture, then the block.

# %%
AttentionWidget()

# %% [markdown]
# The paper's most famous figure shows maps like these from a large network. There the attention lies on the bird, the boat, the dog, though nobody ever told the network what is an object. Does it here? The maps look suggestive. Below we measure.
#
# ## One row of one table
#
# This picture stays with us. A transformer cuts it into **patches**, makes a **token** of each, a row of numbers, and adds one more token, called **[CLS]**, which is to stand for the whole picture.

# %%
from dino_lite.colors import normalize
from dino_lite.resample import resize

model, untrained = dino_lite.pretrained("emoji"), dino_lite.pretrained("emoji", "start")
emoji = dino_lite.load_pictures("emoji", size=64)
dog = emoji.names.index("noto/dog face")


def inputs(pictures, background="random"):
    """What the network is shown (N, 3, S, S), and the true masks of the things, bool (N, S, S)."""
    x = normalize(resize(dino_lite.on_background(pictures.images, background), model.img_size))
    return x, resize(pictures.masks[:, None].float(), model.img_size)[:, 0] > 0.5


x, truth = inputs(emoji[[dog]], "white")
seen = {}
model.forward_features(x, seen)
print({name: tuple(value.shape) for name, value in seen.items() if name.startswith("block3")})

# %% [markdown]
# The first shape is (picture, head, token, token): in each **head** a table in which every token says how much it takes from every other. A row sums to 1. The row of [CLS] in the last block is what people call *the attention map*.

# %%
tokens = seen["block3/attention"].shape[-1]
print(f"{tokens} tokens: [CLS] and {tokens - 1} patches. An even share is {1 / tokens:.3f}.")
SHARES = ["less than half of an even share", "about an even share", "more than double an even share"]
predict("Which share does [CLS] give to itself, in the mean of the heads on the dog?", SHARES)

# %% [markdown]
# The library's function takes that row, leaves out the first entry, and folds the rest into the grid of patches.

# %%
show(dino_lite.attention_maps)

# %% [markdown]
# So a map sums to a little less than 1, and what is missing is what [CLS] keeps.

# %%
own = 1 - float(dino_lite.attention_maps(model, x)[0].mean(0).sum())
answer = SHARES[0] if own < 0.5 / tokens else SHARES[2] if own > 2 / tokens else SHARES[1]
reveal(answer, f"It keeps {own:.3f}, where an even share is {1 / tokens:.3f}. The rest lies on the patches.")

# %% [markdown]
# ## Four heads
#
# Each head has a softmax of its own and may look elsewhere. Here are the dog and a few others, on white, one head a column. Each map has its own scale, from its weakest patch, dark, to its strongest, yellow. The masks at the right and the numbers below come later.

# %%
NAMES = ["dog face", "fish", "guitar", "rocket"]
few = [emoji.names.index(f"noto/{name}") for name in NAMES]
plot_attention(model, emoji, few)

# %% [markdown]
# Four pictures prove nothing, so we ask many. The emoji have transparent grounds, and what is not transparent is the **true mask** of the thing. If a head looked everywhere alike, it would give the thing as much attention as the thing has area. From now on every picture has a random colour behind it, as in training, and we take every fourth thing: those that the network was never trained on.

# %%
COUNTS = ["none", "one", "two", "three", "all four"]
predict("How many of the four heads give the thing more than its share of the picture?", COUNTS)

# %% [markdown]
# `cover` says how much of each patch belongs to the thing, from 0 to 1.

# %%
some = emoji[3::4]
x, truth = inputs(some)
maps = dino_lite.attention_maps(model, x)
cover = torch.nn.functional.avg_pool2d(truth[:, None].float(), model.patch_size)  # (N, 1, h, w)
on_thing = ((maps * cover).sum((-2, -1)) / maps.sum((-2, -1))).mean(0)
area = float(cover.mean())
for head, share in enumerate(on_thing.tolist(), start=1):
    print(f"head {head}: {share:.0%} of its attention is on the thing, which fills {area:.0%} of the picture")
answer = COUNTS[int((on_thing > area).sum())]
reveal(answer, f"The head that looks at it most gives it {on_thing.max():.0%}, the one least {on_thing.min():.0%}.")

# %% [markdown]
# A head that gives the thing much less than its share is not blind: to avoid the thing it must find it. But a mask made of its brightest patches will be the ground.
#
# ## From a map to a mask
#
# A map is soft. The paper makes a mask of it with one number, the **mass**: keep the fewest patches that together hold this share of the attention, 60% in its figure.

# %%
show(dino_lite.mass_mask)

# %% [markdown]
# How many patches this keeps depends on how concentrated the map is.

# %%
patches = tokens - 1
predict(f"If the attention is even over all {patches} patches, how many are kept for a mass of 0.6?")

# %% [markdown]
# An even map, and for comparison the dog's, head by head:

# %%
kept = int(dino_lite.mass_mask(torch.full((4, 4), 1 / patches), 0.6).sum())
dog_maps = dino_lite.attention_maps(model, inputs(emoji[[dog]])[0])[0]
counts = dino_lite.mass_mask(dog_maps).flatten(1).sum(1).tolist()
reveal(kept, f"So many even shares just reach {0.6:.0%}. The heads on the dog keep {counts}.", close=0)

# %% [markdown]
# **Write it.** The first version keeps every patch that has more than the mean, whatever the mass. Change it: sort the values, largest first, and go on until their sum reaches the mass. On an exact tie the library may decide otherwise; that does not happen here.


# %% tags=["exercise"]
def my_mask(attention, mass):
    """The fewest patches of a map (h, w) that hold a share `mass` of it: bool (h, w)."""
    return attention > attention.mean()


# %% [markdown]
# It is compared with the library on many maps.

# %%
for mass in (0.3, 0.6, 0.9):
    theirs = dino_lite.mass_mask(maps[:200, 0], mass)
    same = sum(bool((my_mask(one, mass) == two).all()) for one, two in zip(maps[:200, 0], theirs, strict=True))
    print(f"mass {mass}: {same} of {len(theirs)} masks are the library's")

# %% [markdown]
# ## How well does it fit?
#
# **IoU**, intersection over union, compares a mask with the true one: what they have in common, as a part of what they cover together. It is 1 for a perfect fit and 0 for none.

# %%
show(dino_lite.mask_iou)

# %% [markdown]
# A score needs floors. Ours are the same network with the random weights it began with, and a mask that takes no thought at all: the whole picture. We average the maps of the heads, so that nobody picks the head that happens to fit.

# %%
RIVALS = ["the trained network", "the random network", "the whole picture"]
predict("Whose masks fit the true ones best, at a mass of 0.6?", RIVALS)

# %% [markdown]
# `fit` gives one IoU a picture. The last line is a ceiling: a mask of whole patches that knows the truth.


# %%
def masks_of(network, x, mass=0.6):
    """The mask (N, S, S) that the mean of the heads gives; no network: the whole picture."""
    if network is None:
        return torch.ones(len(x), x.shape[-2], x.shape[-1], dtype=torch.bool)
    return dino_lite.enlarge(dino_lite.mass_mask(dino_lite.attention_maps(network, x).mean(1), mass), x.shape[-1])


networks = dict(zip(RIVALS, (model, untrained, None), strict=True))
found = {}
for name, network in networks.items():
    masks = masks_of(network, x)
    found[name] = float(dino_lite.mask_iou(masks, truth).mean())
    print(f"{name:20} IoU {found[name]:.2f}, the mask covers {masks.float().mean():.0%} of the picture")
ceiling = dino_lite.mask_iou(dino_lite.enlarge(cover[:, 0] > 0.5, x.shape[-1]), truth).mean()
print(f"{'ceiling':20} IoU {ceiling:.2f}")
words = ", ".join(f"{name} {value:.2f}" for name, value in found.items())
reveal(max(found, key=found.get), f"Mean IoU: {words}. The things fill {area:.0%} of their pictures.")

# %% [markdown]
# That is not how the paper's figure reads. Look at the second column before you give up: the masks have different sizes. When a thing fills much of its picture, a large mask fits whatever it is based on. So let the mass vary.

# %%
MASSES = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0]


def curve(network, x, truth):
    """Mean IoU at each mass."""
    mean = dino_lite.attention_maps(network, x).mean(1)
    masks = [dino_lite.enlarge(dino_lite.mass_mask(mean, mass), x.shape[-1]) for mass in MASSES]
    return [float(dino_lite.mask_iou(mask, truth).mean()) for mask in masks]


lines = {name: curve(network, x, truth) for name, network in networks.items() if network is not None}
guides = {"IoU by mass": {"the whole picture": found["the whole picture"]}}
plot_lines({"IoU by mass": lines}, x=[100 * mass for mass in MASSES], xlabel="mass, percent", guides=guides)

# %% [markdown]
# Both lines must end at the guide, where the mask is the whole picture. Where a line lies below it, more mask would have been better than this mask. On these pictures the IoU at 60% says above all how large a mask is.
#
# ## Is it about *this* picture?
#
# Here is a fairer question. Compare each mask with the true mask of *another* picture. A mask that only follows a habit, such as looking at the middle, fits the other just as well. What is lost by the swap is what the mask knew about its own picture.

# %%
CHANGES = ["only the trained one's", "only the random one's", "both", "neither"]
predict("Whose mean IoU falls by more than 0.02 when the true masks are swapped?", CHANGES)

# %% [markdown]
# The whole picture is a check of the method: it knows nothing, so its IoU should hardly move.


# %%
def swap(network, x, truth):
    """Mean IoU with the own true masks, and with those of other pictures."""
    masks = masks_of(network, x)
    other = truth.roll(len(truth) // 2, 0)
    return float(dino_lite.mask_iou(masks, truth).mean()), float(dino_lite.mask_iou(masks, other).mean())


lost = {}
for name, network in networks.items():
    mine, other = swap(network, x, truth)
    lost[name] = mine - other
    print(f"{name:20} own {mine:.3f}, another's {other:.3f}, lost {lost[name]:.3f}")
trained, random = (lost[name] > 0.02 for name in RIVALS[:2])
answer = CHANGES[2 if trained and random else 0 if trained else 1 if random else 3]
reveal(answer, f"Lost by the swap: trained {lost[RIVALS[0]]:.3f}, random {lost[RIVALS[1]]:.3f}.")

# %% [markdown]
# The score that one would print in a table and the question that one has in mind are two things.
#
# ## Smaller things, anywhere
#
# Emoji sit in the middle and fill their picture. `moved` makes each smaller, turns it a little and puts it somewhere. Nothing is trained anew. This is what the network is shown:

# %%
from dino_lite.scorecard import moved

away = moved(emoji)
plot_pictures({"as they are": inputs(emoji[few])[0], "moved": inputs(away[few])[0]}, NAMES)

# %% [markdown]
# Now a mask of the whole picture wastes more.

# %%
predict("On the moved pictures, whose masks fit best at a mass of 0.6?", RIVALS)

# %% [markdown]
# The same function on the other pictures:

# %%
far_x, far_truth = inputs(away[3::4])
far = {name: swap(network, far_x, far_truth) for name, network in networks.items()}
for name, (mine, other) in far.items():
    print(f"{name:20} own {mine:.3f}, another's {other:.3f}, lost {mine - other:.3f}")
best = max(far, key=lambda name: far[name][0])
reveal(best, f"The things now fill {far_truth.float().mean():.0%} of their pictures, before it was {area:.0%}.")

# %% [markdown]
# The network is the same, and so is the score. Only the pictures changed, and with them the order.
#
# ## Through training
#
# The run of the shipped network was kept at its start, in its middle and at its end. For each we take the IoU with the own mask and with another's: the gap between both lines is what the attention knows.

# %%
run = dino_lite.recording("emoji")
panels = {}
for title, data in {"IoU, as they are": (x, truth), "IoU, moved": (far_x, far_truth)}.items():
    pairs = [swap(network, *data) for network in run.backbones().values()]
    panels[title] = {"own mask": [mine for mine, _ in pairs], "another's": [other for _, other in pairs]}
plot_lines(panels, x=list(run.steps.values()))

# %% [markdown]
# **Look:** at step 0 the lines begin together. Where does the gap open, in the left panel too? The height of the left lines alone would have told you that training spoils the attention.
#
# ## What the patches say
#
# [CLS] is one token. Each patch has its own features too, after the last block. They have many dimensions; a **PCA** finds the three directions in which they differ most, and these become red, green and blue. Patches of one colour have similar features; each network has colours of its own. A larger input gives more patches: the network then interpolates what it has learnt about positions.


# %%
def patch_colors(network, x):
    """The three largest principal components of all patch features, as pictures uint8 (N, 3, h, w)."""
    with torch.inference_mode():
        rows = network.forward_features(x)[:, 1:]
    side = x.shape[-1] // network.patch_size
    centred = (rows - rows.mean((0, 1))).flatten(0, 1).double()
    found = centred @ torch.linalg.eigh(centred.T @ centred).eigenvectors[:, -3:].flip(1)
    low, high = found.quantile(0.02, 0), found.quantile(0.98, 0)
    colors = ((found - low) / (high - low)).clamp(0, 1).mul(255).to(torch.uint8)
    return colors.unflatten(0, (len(x), side, side)).permute(0, 3, 1, 2)


large = normalize(resize(dino_lite.on_background(emoji.images[few], "white"), 4 * model.img_size))
rows = {"picture": emoji.images[few]}
rows |= {name: patch_colors(network, large) for name, network in list(networks.items())[:2]}
plot_pictures({name.removeprefix("the "): row for name, row in rows.items()}, NAMES, smooth=False)

# %% [markdown]
# Both rows show outlines, also that of the network which has learnt nothing. A white patch and a brown one get different numbers from any weights at all. A pretty PCA is no proof of learning.
#
# So again a question with an answer. Shift a picture by one patch to the right. Every piece of it then lies one place further.

# %%
PLACES = ["the one at the same place", "the one with the same piece of the picture"]
predict("Which patch of the shifted picture is most often nearest to a patch of the old one?", PLACES)

# %% [markdown]
# The last column goes round to the left side.

# %%
grid = torch.arange(patches).view(4, 4)
targets = {PLACES[0]: grid.flatten(), PLACES[1]: grid.roll(-1, 1).flatten()}  # where the nearest one should lie
shares = {}
for name, network in list(networks.items())[:2]:
    with torch.inference_mode():
        old, new = (network.forward_features(one)[:, 1:] for one in (x[:300], x[:300].roll(model.patch_size, -1)))
    unit = torch.nn.functional.normalize
    closest = (unit(old, dim=-1) @ unit(new, dim=-1).transpose(1, 2)).argmax(2)
    shares[name] = {place: float((closest == target).float().mean()) for place, target in targets.items()}
    print(f"{name:20} same place {shares[name][PLACES[0]]:.0%}, same piece {shares[name][PLACES[1]]:.0%}")
mine = shares[RIVALS[0]]
words = f"In the trained network the same piece is nearest for {mine[PLACES[1]]:.0%} of the patches,"
reveal(max(mine, key=mine.get), f"{words} in the random one for {shares[RIVALS[1]][PLACES[1]]:.0%}.")

# %% [markdown]
# Again the random network is the floor that keeps us modest. What training adds is the difference between its line and ours.
#
# ## Where it fails
#
# Sort the moved pictures by the IoU of the trained network's masks. Here are the three worst and the three best, on white.

# %%
data = away[3::4]
white_x, white_truth = inputs(data, "white")
order = dino_lite.mask_iou(masks_of(model, white_x), white_truth).argsort(stable=True).tolist()
plot_attention(model, data, order[:3] + order[-3:])

# %% [markdown]
# **Look** for what the bad ones have in common: how large are they, how thin, how pale on the white ground?

# %%
CAUSES = ["how large the thing is", "how well whole patches can fit it at all", "neither"]
predict("With which of these does a picture's IoU go, with a correlation above 0.2?", CAUSES)

# %% [markdown]
# The second is the ceiling from above, picture by picture. Grounds are coloured again.

# %%
iou = dino_lite.mask_iou(masks_of(model, far_x), far_truth)
large = far_truth.float().mean((-2, -1))
cover = torch.nn.functional.avg_pool2d(far_truth.float(), model.patch_size)
ceilings = dino_lite.mask_iou(dino_lite.enlarge(cover > 0.5, far_x.shape[-1]), far_truth)
both = [float(torch.corrcoef(torch.stack([iou, cause]))[0, 1]) for cause in (large, ceilings)]
answer = CAUSES[int(both[1] > both[0])] if max(both) > 0.2 else CAUSES[2]
reveal(answer, f"Correlation with the size: {both[0]:.2f}, with the ceiling: {both[1]:.2f}.")

# %% [markdown]
# The ceiling of a thing that is thin or lies across patches is low, and no attention of sixteen patches can do better.
#
# ## And in the paper?
#
# The paper's masks, made in the same way and taken from the head that fits best, reach a mean IoU of 45.9 on PASCAL VOC12 with a ViT-S/16. The same network trained with labels reaches 27.3, with random weights 22.0. What is different there?
#
# - **Patches.** The authors draw their maps at 480 pixels with patches of 8: a grid of 60 × 60. Ours has 4 × 4, and a true outline cannot be made of those: remember the ceiling.
# - **Pictures.** Their photographs show things among other things, so a mask of everything is a bad mask. An emoji is a thing and nothing else.
# - **Training.** More than a million photographs and some forty times our weights. To tell a dog's breed on any lawn, a network has to find the dog. Ours can often tell emoji by their colours.
# - **Not DINO alone.** In the paper's appendix MoCo-v2, BYOL and SwAV reach the same: 46.3, 47.8, 46.8.
#
# With network access, `AttentionWidget("timm:vit_small_patch16_224.dino")` fetches the authors' own weights. Look at the cat with both networks. We have not repeated the paper's numbers here.
#
# ## What you now know
#
# - An attention map is one row of a table in each head, and a mask is its largest entries up to a mass. Heads differ; some look at the ground.
# - An IoU needs floors: random weights, and the whole picture. Where things fill their pictures it rewards large masks.
# - Swapping the true masks shows what the attention knows about its own picture. That grew with training, even where the IoU did not.
#
# **Your turn.** The best head of each picture flatters, since the truth chooses it. Choose *one* head on half of the moved pictures, and measure its IoU on the other half. How much is left of the lead of the best head over the mean?
#
# Next: [09 · Your own pictures](09_your_own_pictures.ipynb).
