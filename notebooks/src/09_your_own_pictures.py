# %% [markdown]
# # 09 · Your own pictures
#
# At the end you will have trained on a folder of pictures with settings that fit its size, scored the network beside its floors, and handed it to another library as a file.
#
# Before this: [08 · Attention](08_attention.ipynb). One thread of a laptop computes for about a minute, spread over a few cells. Nothing is downloaded.

# %%
import dino_lite
from dino_notebooks import predict, reveal, setup, show, steps, watch
from dino_notebooks.plots import plot_curves, plot_neighbours, plot_pictures, plot_views

setup()

# %% [markdown]
# ## A folder
#
# All that is needed is a folder of pictures. We make one from the built-in emoji, as it might lie on your disk: PNG files, a sub-folder for each *class*, which is a group of things that belong together. One vendor's drawings, four groups.

# %%
import tempfile
from pathlib import Path

from PIL import Image

made = Path(tempfile.mkdtemp()) / "pictures"
CLASSES = {"Animals & Nature": "animals", "Food & Drink": "food", "Travel & Places": "travel", "Objects": "objects"}
emoji = dino_lite.load_pictures("emoji")
for image, name, label in zip(emoji.images, emoji.names, emoji.labels.tolist(), strict=True):
    vendor, _, thing = name.partition("/")
    group = CLASSES.get(emoji.label_names[label])
    if vendor == "noto" and group:
        (made / group).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(made / group / f"{thing}.png")
for group in CLASSES.values():
    print(f"{group:8} {len(list((made / group).iterdir()))} files")

# %% [markdown]
# Real folders are never clean. We add a file that is no picture at all, one that was cut off while it was copied, and a tracking pixel from a web page.

# %%
whole = (made / "animals" / "dog face.png").read_bytes()
(made / "animals" / "notes.jpg").write_text("buy milk")
(made / "food" / "cut off.png").write_bytes(whole[: len(whole) // 2])
Image.new("RGB", (1, 1)).save(made / "travel" / "pixel.png")
CHOICES = ["it stops with an error", "it leaves them out in silence", "it names them and goes on"]
predict("What does load_pictures do with these three?", CHOICES)

# %% [markdown]
# Write the path of a folder of your own between the quotation marks, and the rest of the notebook is about your pictures. With classes as sub-folders it can also be scored; DINO itself never sees a class.

# %%
MINE = ""  # for example "~/Pictures/birds"
config = dino_lite.DinoConfig.lab()

# %% [markdown]
# The loader's remarks come as Python warnings. We catch them to read them at leisure.

# %%
import warnings

folder = Path(MINE).expanduser() if MINE else made
pictures, said = None, []
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    try:
        pictures = dino_lite.load_pictures(folder, size=config.picture_size)
    except ValueError as error:
        said.append(str(error))
said += [str(warning.message) for warning in caught]
print(*(text.replace(str(folder), "the folder") for text in said), sep="\n")
answer = CHOICES[0] if pictures is None else CHOICES[2] if said else CHOICES[1]
reveal(answer, f"It gave {pictures}.")

# %% [markdown]
# Each picture was turned as its camera says, its shorter side resized, and its middle cut out, once. All of them stay in memory; at this size a laptop has room for a hundred thousand. We delete the three files, so that we need not read about them again.

# %%
for path in ("animals/notes.jpg", "food/cut off.png", "travel/pixel.png"):
    (made / path).unlink()
shown = list(range(0, len(pictures), max(1, len(pictures) // 8)))[:8]
plot_pictures(pictures.images[shown], [pictures.names[row].rpartition("/")[2].partition(".")[0][:14] for row in shown])

# %% [markdown]
# ## What will two views share?
#
# This is the question to ask of every new set of pictures. DINO learns what two views of one picture share, and to ignore what they do not. So look at some.

# %%
plot_views(pictures.images[shown], config, count=5)

# %% [markdown]
# - Can *you* tell that two views are of one thing? If not, raise the first number of `global_scale`.
# - Does colour matter to you, as with birds or fruit? Keep `jitter` weak. If only shape matters, strengthen it.
# - Our files are transparent, so each view gets a ground of its own. Photographs keep theirs, and two views share it: a network may learn the lawn in place of the dog.
# - Are left and right different, as in writing? Views are mirrored at random, so the network will not know.
#
# ## Settings from the size
#
# Preset recipes were made for a certain number of pictures. `epochs` counts passes over the folder, so a small folder gives few steps. Here is the lab's recipe for folders of several sizes, with the number of steps and what the pre-flight says.

# %%
from dino_lite.batches import steps_per_epoch
from dino_lite.preflight import preflight

for size in (100, len(pictures), 5000, 50000):
    total = config.epochs * steps_per_epoch(config, size)
    _, wrong = preflight(config, size, total)
    print(f"{size:5} pictures: {total:5} steps, {len(wrong)} warnings", *wrong, sep="\n    ")

# %% [markdown]
# What should fit what?
#
# - **Steps**: a network needs some hundreds to learn anything, whatever the folder's size. Ask for `steps`, not for epochs.
# - **Batch**: several batches an epoch. The learning rate is scaled with it by itself.
# - **Teacher's momentum m**: its memory, 1 / (1 − m) steps, should be a modest part of the run.
# - **Centre's momentum**: ten steps of memory suit nearly every run.
# - **Warm-ups** are shares of the run, so they fit by themselves.
#
# **Write it.** Settings for a folder of `count` pictures and a run of `total` steps. The first version takes the paper's defaults. Change it with `dataclasses.replace` until no run below has a warning.

# %%
import dataclasses


# %% tags=["exercise"]
def my_settings(count, total):
    """A DinoConfig for so many pictures and steps."""
    return dino_lite.DinoConfig()


# %% [markdown]
# Three folders are tried, from tiny to large:

# %%
for count, total in ((60, 150), (700, 400), (20000, 10000)):
    try:
        _, wrong = preflight(my_settings(count, total), count, total)
    except ValueError as error:
        wrong = [str(error)]
    print(f"{count} pictures, {total} steps: {len(wrong)} warnings", *wrong, sep="\n    ")

# %% [markdown]
# ## How many prototypes?
#
# The pre-flight has no opinion on K, the number of *prototypes* that pictures are sorted by. The paper has 65536 for 1.28 million pictures. Let us try three values, for a hundred steps each.

# %%
TRIED = (16, 256, 4096)
predict("Which K gives the best k-NN after a hundred steps?", [f"K = {K}" for K in TRIED])

# %% [markdown]
# `score` is what the report of a run uses. It keeps every fourth picture as a test and asks the 20 nearest of the others for the class. Pictures without classes have no such score, and get zero here.

# %%
from dino_lite.scorecard import score, test_rows

short, ends = steps(100), {}
tested = int(test_rows(pictures).sum())
for K in TRIED:
    trial = dino_lite.Dino(dataclasses.replace(config, out_dim=K), seed=0)
    log = list(dino_lite.train(trial.config, pictures, steps=short, resume=trial))[-1]
    rows = dino_lite.features(trial.teacher, pictures, background="random")
    ends[f"K = {K}"] = score(rows, pictures).get("knn", 0.0)
    told = f"information {log.mutual_information:.2f} nats"
    print(f"K = {K:4}: {log.effective_prototypes:4.0f} in use, {told}, k-NN {ends[f'K = {K}']:.1%}")
best = max(ends.values())
error = (best * (1 - best) / tested) ** 0.5
reveal(max(ends, key=ends.get), f"Each score is uncertain by ±{error:.1%}, since there are {tested} test pictures.")

# %% [markdown]
# Compare the differences with the uncertainty before you believe the order. And note that each choice made by a score on labels is a small leak: a final score should then come from pictures that took no part in choosing.
#
# ## Training
#
# We stay with the lab's K. First the facts, then the run.

# %%
count = steps(300)
facts, wrong = preflight(config, len(pictures), 300)
print(*facts, *wrong, sep="\n")
dino = dino_lite.Dino(config, seed=0)
logs = watch(dino_lite.train(config, pictures, steps=count, resume=dino), count, config.out_dim)

# %% [markdown]
# Is it alive? The five questions of [notebook 05](05_training.ipynb) are asked of this:

# %%
plot_curves(logs, config.out_dim)

# %% [markdown]
# ## What is it worth?
#
# A score alone says nothing. It stands beside its *floors*: the same network with random weights, the bare pixels, and always naming the largest class. We also ask the network of the package, which was trained on emoji for an hour. Many of ours were among them, so for this folder it has an advantage that it would not have for your photographs.

# %%
from dino_lite.scorecard import scorecard

NAMES = {"model": "trained here", "random_init": "random network", "pixels": "raw pixels"}
predict("Which has the best k-NN?", [*NAMES.values(), "network of the package"])

# %% [markdown]
# Transparent pictures are scored on white and on a random colour behind each. The second is harder, since the ground is of no help. Photographs have one condition, their own ground.

# %%
card = scorecard(dino.teacher, config, pictures)
condition = list(card["model"])[-1]
rows = dino_lite.features(dino_lite.pretrained("emoji"), pictures, background=condition)
table = {NAMES[name]: found[condition] for name, found in card.items()} | {
    "network of the package": score(rows, pictures)
}
for name, found in table.items():
    print(f"{name:22}", *(f"{what} {found[what]:.1%}" for what in ("knn", "linear") if what in found), sep="  ")
if pictures.labels is not None:
    print(f"{'the largest class':22}  knn {pictures.labels.bincount().max() / len(pictures):.1%}")
knn = {name: found.get("knn", 0.0) for name, found in table.items()}
lead = knn["trained here"] - max(knn["random network"], knn["raw pixels"])
words = ", ".join(f"{name} {value:.1%}" for name, value in knn.items())
reveal(max(knn, key=knn.get), f"{words}, each ±{error:.1%}. Ours is {100 * lead:+.1f} points from its higher floor.")

# %% [markdown]
# *linear* is a linear classifier on the frozen features. Where ours is behind a floor, or within the uncertainty of it, we have to say so: so few pictures and steps may teach no more than that. The line above is then the result, and no curve that says *healthy* can better it. The network of the package had more pictures, a larger size and an hour; compare what that is worth. More steps alone need not help on a small folder. A network that is already trained, as below, often does more.
#
# Numbers hide what goes wrong. What does it find alike?

# %%
rows = dino_lite.features(dino.teacher, pictures)
plot_neighbours(rows, pictures, shown[1::2])

# %% [markdown]
# A green frame marks the class of the query. Read the others: do they share a colour, a shape, an empty background? That tells you which augmentation to change.
#
# ## Take it along
#
# Our backbone, the network without its head, has the layers and the parameter names of a plain Vision Transformer in [timm](https://timm.fast.ai), a large library of vision models. `to_timm` gives that model, with our weights in it:

# %%
show(dino_lite.timm_weights.vit_to_timm)

# %% [markdown]
# The weights go into a *safetensors* file: numbers by name and nothing that could run.

# %%
from safetensors.torch import load_file, save_file

backbone = dino.teacher.backbone
file = Path(tempfile.mkdtemp()) / "backbone.safetensors"
save_file(backbone.to_timm().state_dict(), file)
print(f"{len(load_file(file))} tensors, {sum(p.numel() for p in backbone.parameters()):,} weights")
CHOICES = ["exactly 0", "below 0.00001", "more"]
predict("timm computes with code of its own. How far are its features from ours, at most?", CHOICES)

# %% [markdown]
# Now pretend to be somebody who has timm and the file, but not this library. The shape of the network is all they need to know.

# %%
from timm.models.vision_transformer import VisionTransformer

shape = {"img_size": config.global_size, "patch_size": config.patch_size, "embed_dim": config.dim}
theirs = VisionTransformer(**shape, depth=config.depth, num_heads=config.heads, num_classes=0)
theirs.load_state_dict(load_file(file))
theirs.to(dino.device)
gap = float((dino_lite.features(theirs, pictures) - rows).abs().max())
answer = CHOICES[0] if gap == 0 else CHOICES[1] if gap < 1e-5 else CHOICES[2]
reveal(answer, f"The largest difference between two features is {gap:.1g}. They are unit vectors.")

# %% [markdown]
# The same road leads back. `ViT.from_timm` takes a plain timm ViT, and a run can start from one: `backbone="timm:vit_small_patch16_224.dino"` is the paper's own network, fetched once over the network. For photographs that is a far better start than random weights.
#
# ## A GPU
#
# Nothing in the code changes. A `Dino` goes to the best device that it finds, makes its views there, and computes the networks in half precision on a CUDA GPU.

# %%
from dino_lite.distributed import pick_device

device = pick_device(None)
half = dino.autocast().fast_dtype if device.type == "cuda" else "no"
print(f"This machine trains on: {device.type}; half precision: {half}")

# %% [markdown]
# Take a preset for larger pictures then, such as `DinoConfig.paper_vit_s16()`, and lower `batch_size` until it fits; `accumulate` sends a batch through in parts and adds the gradients. Does a batch in two parts give the same network?

# %%
predict("After 3 steps, how far are the weights of batches in one part and in two parts apart?", CHOICES)

# %% [markdown]
# Two runs from the same start, on the same pictures:

# %%
ends = []
for parts in (1, 2):
    trial = dino_lite.Dino(dataclasses.replace(config, accumulate=parts), seed=0)
    for log in dino_lite.train(trial.config, pictures, steps=300, resume=trial):
        if log.step == 2:
            break
    ends.append(trial.student)
gap = max(float((a - b).detach().abs().max()) for a, b in zip(*(end.parameters() for end in ends), strict=True))
answer = CHOICES[0] if gap == 0 else CHOICES[1] if gap < 1e-5 else CHOICES[2]
reveal(
    answer, f"The largest difference is {gap:.1g}. Sums in another order round differently, and Adam may enlarge that."
)

# %% [markdown]
# Several GPUs do the same side by side. Each process takes its share of a batch, and gradients, centre and diagnosis are combined over all. PyTorch's starter for that is `torchrun`; `batch_size` is that of all processes together:
#
# ```
# torchrun --nproc-per-node 2 -m dino_lite train --data FOLDER --out runs/two
# ```
#
# ## From the command line
#
# Long runs belong in a terminal. This is the whole of what we did, with changes to the settings behind `--set`:
#
# ```
# python -m dino_lite train --data FOLDER --set batch_size=32 ema_momentum=0.98 --steps 300 --out runs/mine
# python -m dino_lite evaluate runs/mine
# dino-notebooks report runs/mine
# ```
#
# The last one draws the run on one page, `report.html`, that you can send to somebody. The first one is a function as well. We call it here, for a few steps.

# %%
import contextlib
import io

from dino_lite.__main__ import main

run, said = Path(tempfile.mkdtemp()) / "mine", io.StringIO()
command = f"--set batch_size=32 ema_momentum=0.98 --steps {steps(20)} --seed 0"
with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
    code = main(["train", "--data", str(folder), *command.split(), "--out", str(run)])
print(*said.getvalue().splitlines()[:-1], sep="\n")  # the last line tells the time

# %% [markdown]
# Facts, warnings, scores beside floors. A run so short deserves its warnings. The folder holds all of it:

# %%
print("exit code", code, "·", *sorted(path.name for path in run.iterdir()))

# %% [markdown]
# A mistake in the settings is answered before anything is computed, in a sentence:

# %%
said = io.StringIO()
with contextlib.redirect_stderr(said):
    code = main(["train", "--data", str(folder), "--set", "global_size=30", "--out", str(run) + "2"])
print("exit code", code, "·", said.getvalue())

# %% [markdown]
# ## What you now know
#
# - A folder is enough. Look at two views of each picture first: what they share is what will be learnt.
# - Steps, batch and momentum have to fit one another; the pre-flight does those sums. K and augmentation are found by trying, with the uncertainty in view.
# - A network is worth what it scores above its floors, and it leaves as a file that others can load.
#
# **Your turn.** Put a folder of your own into `MINE` and run this notebook again. Before the scores appear, look at the views and write down what the network will find alike. Were you right?
#
# ## Where to go from here
#
# - **Longer.** `python -m dino_lite train --preset emoji --data FOLDER --out runs/long` takes the recipe of the network in the package, for an hour or more.
# - **Labels.** A few labelled pictures go a long way on such features: `dino_lite.few_label_probe` and `dino_lite.fine_tune`. For search among many pictures there is `dino_lite.VectorIndex`.
# - **Play.** [The collapse lab](06_collapse_lab.ipynb) steers a run by hand.
# - **Read.** The library was made to be read in an evening. `dino_lite/__init__.py` has the order. Then the paper, [Caron et al. 2021](https://arxiv.org/abs/2104.14294): you know every line of its Algorithm 1.
# - **What came after.** [DINOv2](https://arxiv.org/abs/2304.07193) adds masked patches, more data, and the term that spreads features. [DINOv3](https://arxiv.org/abs/2508.10104) scales it up.
