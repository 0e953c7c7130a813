# %% [markdown]
# # 02 · Student and teacher
#
# At the end you will have followed a tiny picture through a Vision Transformer, computed its attention by hand, and checked the whole network against another library. Then you will make two networks of one, and plant the bug that most often spoils that.
#
# Before this: [01 · Augmentation](01_augmentation.ipynb). One thread of a laptop computes for less than a minute, nearly all of it in the last two sections. Nothing is downloaded.

# %%
import torch

import dino_lite
from dino_notebooks import predict, reveal, setup, show, steps
from dino_notebooks.plots import plot_attention, plot_lines, plot_pictures, plot_table

setup()

# %% [markdown]
# ## What a network looks at
#
# This is the network in the package, trained on emoji without labels, and what it looks at in a picture of a dog. Each of its **heads** decides for itself from which parts of the picture to take. Bright squares are the parts from which it takes most. (The two columns at the right compare all heads with the dog's outline; notebook 08 has more on that.)

# %%
vit = dino_lite.pretrained("emoji")
pictures = dino_lite.load_pictures("emoji", size=32)
dog = pictures.names.index("noto/dog face")
plot_attention(vit, pictures, [dog])

# %% [markdown]
# By the middle of this page you will have computed such a row of squares yourself.
#
# ## A picture as four words
#
# Our example is the same dog at 16 px, the size of a local view, on a coloured ground. A Vision Transformer (ViT) cuts a picture into **patches**, here of 8 px, and reads them like the words of a sentence.

# %%
from dino_lite.colors import normalize
from dino_lite.resample import resize

scene = dino_lite.on_background(pictures.images[[dog]], "random", seed=11)  # values from 0 to 1
tiny = normalize(resize(scene, 16))  # (picture, channel, height, width)
side = vit.patch_size
patches = tiny.unfold(2, side, side).unfold(3, side, side)  # (1, 3, row, column, 8, 8)
patches = patches.permute(0, 2, 3, 1, 4, 5).flatten(1, 2)  # (1, patch, 3, 8, 8)
plot_pictures({"patches 1, 2": patches[0, :2], "patches 3, 4": patches[0, 2:]}, ["left", "right"], smooth=False)

# %% [markdown]
# From left to right and row by row: that is the order of the words. Each patch becomes a row of numbers, a **token**. The library passes a patch through one convolution that never overlaps itself.

# %%
show(dino_lite.vit.PatchEmbed)

# %% [markdown]
# Such a convolution is a matrix product: the numbers of a patch in, the numbers of a token out. With a dict in hand, `forward_features` notes everything that it computes on its way. We compare.

# %%
seen = {}
with torch.no_grad():
    vit.forward_features(tiny, seen)
    weight, bias = vit.patch_embed.proj.weight, vit.patch_embed.proj.bias
    by_hand = patches.flatten(2) @ weight.flatten(1).T + bias
print(f"{patches.flatten(2).shape[-1]} numbers of a patch become {by_hand.shape[-1]} of a token")
print(f"by hand and in the library at most {(by_hand - seen['patches']).abs().max():.6f} apart")

# %% [markdown]
# These tokens go through several **blocks**, in which they exchange what they know.

# %%
predict("How many tokens go into the first block?")

# %% [markdown]
# We make by hand what the first block gets, and compare it with what the library has noted.

# %%
with torch.no_grad():
    tokens = torch.cat([vit.cls_token, by_hand], dim=1) + vit.position(2, 2)
gap = (tokens - seen["tokens"]).abs().max()
reveal(
    seen["tokens"].shape[1], f"[CLS] and {patches.shape[1]} patches. By hand we get the same, {gap:.6f} apart at most."
)

# %% [markdown]
# [CLS] belongs to no patch and begins with the same numbers for every picture. After the last block it is the feature of the whole picture. The other thing that we added is a *position* for each token: numbers that say where its patch was.
#
# ## Does it matter where a patch was?
#
# Shuffle the four patches of the dog. A sum over words would not notice. Would the network?

# %%
predict("The patches are shuffled. How does the feature change?", ["not at all", "somewhat", "like for another thing"])

# %% [markdown]
# We measure once with the learned positions and once with all positions set to zero. As in notebook 01, a distance of 1 is that between two things chosen at random.

# %%
import copy

order = [3, 0, 1, 2]
halves = patches[:, order].unflatten(1, (2, 2)).permute(0, 3, 1, 4, 2, 5)  # (1, 3, row, 8, column, 8)
mixed = halves.reshape(1, 3, 16, 16)
placeless = copy.deepcopy(vit)
placeless.pos_embed.data.zero_()
others = normalize(resize(dino_lite.on_background(pictures.images[::20], "random"), 16))
far = {}
for name, net in {"with positions": vit, "without": placeless}.items():
    with torch.no_grad():
        rows = torch.nn.functional.normalize(net(torch.cat([tiny, mixed, others])), dim=-1)
    far[name] = float((1 - rows[0] @ rows[1]) / (1 - rows[2:] @ rows[2:].T).mean())
shift = far["with positions"]
answer = "not at all" if shift < 0.01 else "like for another thing" if shift > 0.8 else "somewhat"
reveal(answer, f"It moves by {shift:.2f}; without positions by {abs(far['without']):.6f}: the blocks know no order.")

# %% [markdown]
# ## Attention by hand
#
# In a block, each token asks the others for what it needs. It makes three short rows of numbers: a *query*, a *key* and a *value*. Where a query and a key point the same way, much of that value is taken. Softmax makes shares of these products that add up to 1.
#
# Here are queries, keys and values of the first block, for the first of its heads.

# %%
block = vit.blocks[0]
with torch.no_grad():
    qkv = block.attn.qkv(block.norm1(tokens))[0]  # (token, 3 × heads × width of a head)
q, k, v = qkv.unflatten(-1, (3, vit.heads, -1))[:, :, 0].unbind(1)
print(f"{vit.heads} heads, each with queries of {q.shape[-1]} numbers: q {tuple(q.shape)}, k {tuple(k.shape)}")

# %% [markdown]
# **Write it.** The function below forgets one thing, which the library does not. Run it, look at the difference, and mend it.


# %% tags=["exercise"]
def my_attention(q, k, v):
    """Shares (T, T) that each token gives to each token, and the mixed values (T, d), from q, k, v (T, d)."""
    shares = (q @ k.T).softmax(dim=-1)
    return shares, shares @ v


# %% [markdown]
# All rows must sum to 1, and the shares must be those that the network has noted.

# %%
shares, mixture = my_attention(q, k, v)
library = seen["block0/attention"][0, 0]
print(f"sum of each row: {[round(x, 4) for x in shares.sum(-1).tolist()]}")
print(f"your shares and the library's: at most {(shares - library).abs().max():.4f} apart")

# %% [markdown]
# The answer stands in the line of the library that fills `seen["attention"]`.

# %%
show(dino_lite.vit.Attention)

# %% [markdown]
# It divides by √d, the root of a head's width. A query times a key is a sum of d products, and for random numbers such a sum grows with √d.

# %%
predict("What would the shares be without the division by √d?", ["more even", "more one-sided"])

# %% [markdown]
# *Entropy* measures how even shares are: 0 if one token gets all, ln 5 = 1.61 if all five get the same.

# %%
undivided = (q @ k.T).softmax(dim=-1)
without, divided = (torch.special.entr(shares).sum(-1).mean() for shares in (undivided, library))
answer = "more one-sided" if without < divided else "more even"
reveal(
    answer,
    f"The mean entropy is {without:.2f} without the division and {divided:.2f} with it: products that are "
    f"{q.shape[-1] ** 0.5:.1f} times as far apart leave nearly all to the largest.",
)

# %% [markdown]
# Now the library's shares as a table. A row is what a token takes from. Token 1 is [CLS], tokens 2 to 5 are the patches.

# %%
words = ["[CLS]", "patch 1", "patch 2", "patch 3", "patch 4"]
last = len(vit.blocks) - 1
plot_table({"first block, head 1": library, f"block {last + 1}, head 1": seen[f"block{last}/attention"][0, 0]}, words)

# %% [markdown]
# In the last block all five take most from columns 2 and 3, the upper half of the dog.
#
# The bright squares at the top of the page were such a row: the first, without [CLS] itself, from the last block, for each head. `attention_maps` cuts it out.

# %%
maps = dino_lite.attention_maps(vit, tiny)  # (picture, head, row, column)
by_hand = seen[f"block{last}/attention"][:, :, 0, 1:].unflatten(-1, (2, 2))
print(f"{tuple(maps.shape)}, {(maps - by_hand).abs().max():.6f} apart")
print("what the pass has noted:", {name: tuple(value.shape) for name, value in list(seen.items())[:4]}, "...")

# %% [markdown]
# ## Is it really a ViT?
#
# Checking one head by hand is good, checking everything is better. `timm` is the library that most people take their ViTs from. Our weights carry its names, so they can move there and back.

# %%
predict("The same weights in timm's code: how far apart are the features?", ["exactly 0", "below 0.0001", "above"])

# %% [markdown]
# We ask both about the emoji from above, more than a hundred. And we go back again.

# %%
theirs = vit.to_timm()
back = dino_lite.ViT.from_timm(theirs)
with torch.no_grad():
    rows, timm_rows, back_rows = vit(others), theirs(others), back(others)
gap = float((rows - timm_rows).abs().max())
answer = "exactly 0" if gap == 0 else "below 0.0001" if gap < 1e-4 else "above"
print(f"{type(theirs).__module__}.{type(theirs).__name__}; there and back {(rows - back_rows).abs().max():.1e} apart")
why = "Both do the same sums in the same order." if gap == 0 else f"Rounding makes {gap:.0e} of it."
reveal(answer, f"{why} Numbers of a feature are about {rows.abs().mean():.1f} in size.")

# %% [markdown]
# So what you learn here holds for the ViTs that others use, and their trained weights run in ours.
#
# ## From a feature to an opinion
#
# A student needs one thing more. The **projection head** turns a feature into K numbers, one for each *prototype*, a direction that is learned like all weights. Here is its last step.

# %%
show(dino_lite.DinoHead.forward)

# %% [markdown]
# `F.normalize` brings the row to length 1, and the last layer keeps its rows at length 1 too. The product of two such rows is a cosine. We make a student that has learnt nothing, and look.

# %%
import dataclasses

config = dataclasses.replace(dino_lite.DinoConfig.lab(), picture_size=32)
dino = dino_lite.Dino(config, seed=0, device="cpu")
head, big = dino.student.head, normalize(scene)
with torch.no_grad():
    short = torch.nn.functional.normalize(head.mlp(dino.student.backbone(big)), dim=-1)
    prototypes = head.last_layer.weight  # (K, width)
    logits = short @ prototypes.T
    print(f"as the library: {(logits - head(dino.student.backbone(big))).abs().max():.6f} apart")
print(f"{config.dim} → {short.shape[-1]} → {logits.shape[-1]} numbers, from {logits.min():.2f} to {logits.max():.2f}")

# %% [markdown]
# Those are small numbers. How large could one get, for the luckiest of all pictures?

# %%
predict("What is the largest logit that this head can give?")

# %% [markdown]
# The best that a row can do is to point exactly where a prototype points.

# %%
reveal(float((prototypes @ prototypes.T).max()), "It is the cosine of a prototype with itself. No picture gets more.")

# %% [markdown]
# That bound is why DINO has temperatures. A softmax over numbers between -1 and 1 stays nearly even, so logits are divided by a small number first. Notebook 03 is about that.
#
# ## Two networks of one
#
# The teacher begins as the student's copy.

# %%
show(dino_lite.make_teacher)

# %% [markdown]
# Equal numbers, but other memory, and no gradients.

# %%
pairs = list(zip(dino.student.parameters(), dino.teacher.parameters(), strict=True))
print("equal numbers:   ", all(torch.equal(s, t) for s, t in pairs))
print("the same memory: ", any(s.data_ptr() == t.data_ptr() for s, t in pairs))
print("learns by itself:", any(t.requires_grad for _, t in pairs))

# %% [markdown]
# Two equal networks, then, and the loss says how far the one is from the other.

# %%
predict("What is the loss of the first step, when both are equal?", ["0", "between 0 and ln K", "ln K or more"])

# %% [markdown]
# We take the step's own parts, one after another: first the same view and the same temperature for both, then the teacher's lower temperature, then other views too. The loss compares view 1 with view 2, so for the first two lines we swap the student's views.

# %%
import math

batch = pictures.images[:: len(pictures) // 48][:48]
with torch.no_grad():
    said, _ = dino.teacher(next(dino.views(batch)).global_views)  # (view, picture, prototype)
for what, student, tau in [
    ("same view, same temperature ", said.flip(0), config.student_temp),
    ("same view, teacher sharpened", said.flip(0), config.teacher_temp),
    ("other view, sharpened       ", said, config.teacher_temp),
]:
    target = dino_lite.teacher_probs(said, dino.center, tau)
    loss, h = dino_lite.dino_loss(student, target, config.student_temp), torch.special.entr(target).sum(-1).mean()
    print(f"{what}: loss {loss:.2f} = h {h:.2f} + KL {loss - h:.2f}")
flat = math.log(config.out_dim)
answer = "0" if loss < 0.01 else "between 0 and ln K" if loss < flat else "ln K or more"
reveal(
    answer,
    f"The last line is the step's loss, {loss:.2f}; ln K is {flat:.2f}. Equal distributions cost their entropy h.",
)

# %% [markdown]
# A cross-entropy is h + KL, and only KL is a distance. It is not zero here, though the networks are equal: they see different views, and the teacher's answer is sharpened. That is what the student has to learn.
#
# ## Who sees what
#
# With local views, the two see different things. The network takes each size in one go, and positions shrink to fit: `vit.position(2, 2)` above was the grid of a 32 px picture, resampled for our 16 px dog.

# %%
predict("2 global and 4 local views, 48 pictures: how many crops go through the student in a step?")

# %% [markdown]
# We count what comes out on the other side.

# %%
multi = dataclasses.replace(config, n_local=4)
views = dino_lite.make_views(batch, multi, torch.Generator().manual_seed(0))
with torch.no_grad():
    s, _ = dino.student(*views.crops)
    t, _ = dino.teacher(views.global_views)
for name, rows in {"student": s, "teacher": t}.items():
    print(f"{name}: {rows.shape[0]} views × {rows.shape[1]} pictures, a row of {rows.shape[2]} logits each")
reveal(s.shape[0] * s.shape[1], f"The teacher answers for {t.shape[0] * t.shape[1]}, and never sees a local view.")

# %% [markdown]
# The teacher is asked about large pieces only, where there is enough to see for a good answer. The student has to reach that answer from every piece.
#
# ## The mirror
#
# Now the bug. `teacher = student` looks like a copy in Python, and is none: two names, one network. Whoever writes DINO from memory may write it, and no line of code complains. We make one step with a copy and with such a *mirror*.


# %%
def mirrored():
    """A Dino with the bug."""
    one = dino_lite.Dino(config, seed=0, device="cpu")
    one.teacher = one._teacher = one.student  # a Dino keeps its teacher under two names
    return one


mirror = mirrored()
for name, one in {"copy": dino, "mirror": mirror}.items():
    log = one.train_step(batch)
    apart = dino_lite.collapse.student_teacher_distance(one.student, one.teacher)
    print(f"{name:6}: loss {log.loss:.4f}; after the step student and teacher are {apart:.4f} apart")

# %% [markdown]
# The first loss is the same, so it doesn't give the bug away. One often reads that the loss then stands at ln K for good. We let both train on, with the same pictures.

# %%
predict("Where does the mirror's loss go?", ["to 0", "to ln K, and stays", "up and down"])

# %% [markdown]
# *Information* is what a target tells about its picture. At zero it is the same for all pictures, and nothing can be learnt.


# %%
def trained(one, count, **knobs):
    """The logs of some more steps with fixed knobs."""
    generator, logs = torch.Generator().manual_seed(0), []
    for _ in range(count):
        rows = torch.randperm(len(pictures), generator=generator)[: config.batch_size]
        logs.append(one.train_step(pictures.images[rows], **knobs))
    return logs


runs = {"copy": trained(dino, steps(100)), "mirror": trained(mirror, steps(100))}
panels = {"loss": "loss", "information": "mutual_information", "spread of the features": "feature_std"}
measured = {
    title: {name: [getattr(log, key) for log in logs] for name, logs in runs.items()} for title, key in panels.items()
}
plot_lines(measured, guides={"loss": {"ln K": flat}})

# %% [markdown]
# Read the three panels from right to left: does the network still tell pictures apart, do its targets, and what does the loss say about it?


# %%
def end_of(losses):
    """Where a loss goes, in one of our three words, and in numbers, from the last third of its steps."""
    late = torch.tensor(losses[-max(1, len(losses) // 3) :])
    low, high = float(late.min()), float(late.max())
    numbers = f"In the last third it lies between {low:.3f} and {high:.3f}; ln K is {flat:.3f}."
    if flat - 0.25 < low and high < flat + 0.25:
        return "to ln K, and stays", numbers
    return "to 0" if high < 0.5 else "up and down", numbers


reveal(*end_of(measured["loss"]["mirror"]))

# %% [markdown]
# Why? A mirror agrees with every whim at once. If a prototype is a little ahead for all pictures, student and "teacher" run after it in the same step. The *centre* should take such a lead away, but it is a mean over some ten steps, and comes too late. If that is the reason, a centre that forgets at once should help.

# %%
told = dict(measured["information"])
quick = trained(mirrored(), steps(100), center_momentum=0.0)
told["mirror, quick centre"] = [log.mutual_information for log in quick]
for name, nats in told.items():
    late = nats[len(nats) // 2 :]
    print(f"{name:21} a target tells {sum(late) / len(late):.2f} nats about its picture, in the second half")

# %% [markdown]
# What the quick centre saves had been lost to the lag. So a good part of it is who lags behind whom: the centre has to be quicker than the teacher. A copy that follows the student slowly leaves it the time, a mirror does not.
#
# ## What a loss of exactly ln K means
#
# A [bug report](https://github.com/facebookresearch/dinov2/issues/407) tells of a loss that always ended at 8.3178, which is ln 4096. Somebody noticed that both backbones in it were one object, and a real copy was a part of the cure. So where does ln K come from?

# %%
predict(
    "If the student's logits are all equal, which target gives a loss of ln K?", ["an even one", "a sure one", "any"]
)

# %% [markdown]
# Three targets for a student without any opinion: one that is sure of a single prototype, the untrained teacher's, and an even one.

# %%
sure = torch.zeros_like(said)
sure[..., 0] = 1
targets = {"sure": sure, "teacher's": target, "even": torch.full_like(said, 1 / config.out_dim)}
exact = []
for name, target in targets.items():
    loss = float(dino_lite.dino_loss(torch.zeros_like(said), target, config.student_temp))
    exact += [name] * (abs(loss - flat) < 1e-4)
    print(f"{name:9} target: loss {loss:.5f}, ln K {flat:.5f}")
answer = "any" if len(exact) == 3 else "an even one" if exact == ["even"] else "a sure one"
reveal(answer, "Each prototype gets 1/K from such a student, and -ln(1/K) = ln K, wherever the target lies.")

# %% [markdown]
# So a loss that stands at ln K describes the student: it gives every prototype the same share. What can teach it that? Let us do as in the report, and make only the backbones one object. The heads stay two, and the teacher's follows slowly.

# %%
predict("Where does it go if only the backbones are one?", ["to 0", "to ln K, and stays", "up and down"])

# %% [markdown]
# It takes longer, so we make more steps.

# %%
half = dino_lite.Dino(config, seed=0, device="cpu")
half.teacher.backbone = half.student.backbone
logs = trained(half, steps(350))
keys = ["loss", "entropy", "mutual_information", "feature_std"]
loss, h, nats, spread = ([getattr(log, key) for log in logs] for key in keys)
plot_lines(
    {
        "loss": {"one backbone": loss, "its h": h},
        "information": {"one backbone": nats},
        "spread of the features": {"one backbone": spread},
    },
    guides={"loss": {"ln K": flat}},
)

# %% [markdown]
# Begin at the right again. Then follow h, the entropy of the targets, which is ln K when they are even.

# %%
answer, numbers = end_of(loss)
reveal(answer, f"{numbers} At the end h is {h[-1]:.3f}, KL {loss[-1] - h[-1]:.3f}, information {nats[-1]:.3f}.")

# %% [markdown]
# Why ln K here, and not in the whole mirror? A target is made of the teacher's logits minus the centre. So we split what is left: into what differs between pictures, and what all pictures have in common because the centre has missed it. Both in units of the teacher's temperature, so that numbers well below 1 leave a target even.

# %%
print(f"{'':13} differs  missed by the centre")
for name, one in {"copy": dino, "mirror": mirror, "one backbone": half}.items():
    with torch.no_grad():
        said, _ = one.teacher(next(one.views(batch)).global_views)
    common = said.mean(dim=(0, 1))  # of all views and pictures
    differs, missed = ((x / config.teacher_temp).std() for x in (said - common, common - one.center))
    print(f"{name:13} {differs:7.2f} {missed:7.2f}")

# %% [markdown]
# In the copy, the differences are larger than what the centre misses: targets that tell pictures apart. In both others the pictures have fallen together: a shared backbone moves faster than the centre can follow. In the mirror a lead that all share is left, which is one sure target for all pictures. With one backbone, once the pictures are alike, only the teacher's head still moves. It is slow, so the centre catches up, and nothing is left: even targets, which make the student even, and its loss is ln K.
#
# With one object or two, then, what a loss looks like depends on the rest of the code. Look at the information, and at whether two parameters share their memory.
#
# ## What you now know
#
# - A ViT reads patches as words, with [CLS] as the word for all of them; attention is shares from queries and keys, and ours is timm's to rounding.
# - The teacher starts as a copy that shares no memory with the student. It sees the global views, the student all of them.
# - A loss of ln K says that the student's answer is even. It does not say why.
#
# **Your turn.** There is another way to ln K, without any mirror: `trained(dino_lite.Dino(config), 100, teacher_temp=0.3)`. What is different on the way there? Look at h, and at the spread of the features.
#
# Next: [03 · Centering and sharpening](03_centering_and_sharpening.ipynb), the two safeguards of the targets.
