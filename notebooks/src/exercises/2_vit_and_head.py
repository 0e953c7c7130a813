# %% [markdown]
# # Assignment 2 · ViT and head
#
# At the end you will have written the parts that lead from the pixels of a picture to its logits, each checked against the network in this package, and mended two bugs that published DINO code really had.
#
# Before this: [02 · Student and teacher](../02_student_and_teacher.ipynb). For the picture after exercise 5, [08 · Attention](../08_attention.ipynb) helps. Nine exercises, about 70 minutes, 20 points. One thread computes for some seconds, and nothing is downloaded.
#
# After each exercise, `check.NAME(...)` says at once what is wrong and shows the smallest example of it; you may ask as often as you like. `check.NAME.hint()` gives a hint, again gives the next one, and after three you are shown a solution. Hints cost nothing.

# %%
import copy

import torch
import torch.nn.functional as F

import dino_lite
from dino_lite.colors import normalize
from dino_notebooks import check, setup
from dino_notebooks.plots import plot_pictures

setup()

# %% [markdown]
# We keep one picture and one network at hand: the dog face, and the Vision Transformer (ViT) in the package, trained on emoji without labels. `seen` holds all that the network computes on its way. Your functions will be held against it.

# %%
vit = dino_lite.pretrained("emoji")
emoji = dino_lite.load_pictures("emoji", size=32)
dog = emoji.names.index("noto/dog face")
image = normalize(dino_lite.on_background(emoji.images[[dog]], "random", seed=11))  # (1, 3, 32, 32)
seen = {}
with torch.no_grad():
    vit.forward_features(image, seen)
print({name: tuple(value.shape) for name, value in seen.items()})

# %% [markdown]
# ## 1 · How many tokens? (3 minutes, 1 point)
#
# A ViT cuts a square picture into square *patches* that lie side by side, and turns each into one row of numbers, a *token*. One token more, called [CLS], is put before them; it belongs to no patch and ends as the feature of the whole picture.
#
# In attention every token meets every token. So the number of tokens says what a ViT costs, and why DINO with 8 px patches is so much slower than with 16 px.
#
# Write `my_token_count(size, patch_size)`: how many tokens, [CLS] among them, go into the first block. `size` is the side of the picture in px, `patch_size` the side of a patch, and `size` is a multiple of it. A picture of 6 px with patches of 3 px has 5.


# %% part="answer" exercise="token_count"
def my_token_count(size, patch_size):
    """Sides of picture and patch in px → the number of tokens."""
    ### BEGIN SOLUTION
    per_side = size // patch_size
    patches = sum(1 for _ in range(per_side) for _ in range(per_side))
    return 1 + patches
    ### END SOLUTION


# %% part="test" exercise="token_count" points=1
check.token_count(my_token_count)

# %% [markdown]
# Three sizes: our dog, and the paper's pictures of 224 px in patches of 16 px and of 8 px. *Pairs* are the products of one query with one key.

# %%
if check.token_count(my_token_count).ok:
    for size, patch_size in ((32, vit.patch_size), (224, 16), (224, 8)):
        tokens = my_token_count(size, patch_size)
        print(f"{size} px in patches of {patch_size:2} px: {tokens:3} tokens, {tokens**2:6} pairs a head")

# %% [markdown]
# ## 2 · Patches (10 minutes, 3 points)
#
# A ViT has no eyes: before anything else, each patch becomes one long row of numbers. The network does this inside a convolution. Written out it is a matrix product, and the order of the numbers in a row has to be the order of the weights.
#
# Write `my_patchify(images, patch_size)`. It takes pictures (B, 3, height, width) and the side p of a patch in px. It gives (B, N, 3·p·p): a row for each of the N patches of each picture. Height and width are multiples of p, and need not be equal.
#
# - The patches come row by row, from left to right, as one reads.
# - Within a patch all of red comes first, then green, then blue: channel 0, 1, 2.
# - Within a channel the pixels come row by row, from left to right.
#
# So a picture of 2 × 4 px with p = 2 has two patches. With R as its red channel, the first row begins with R[0, 0], R[0, 1], R[1, 0], R[1, 1], then the same four places of green, then of blue. The second row begins with R[0, 2], R[0, 3], R[1, 2], R[1, 3].
#
# Loops over the patches are a right answer. Try it without any loop: a `reshape` that splits a dimension in two, and `permute`, which changes the order of dimensions, are enough.


# %% part="answer" exercise="patchify"
def my_patchify(images, patch_size):
    """Pictures (B, 3, height, width) → patches (B, N, 3·p·p)."""
    ### BEGIN SOLUTION
    # unfold gives the patches as columns, (B, 3·p·p, N), in the order of the weights
    return F.unfold(images, patch_size, stride=patch_size).transpose(1, 2)
    ### END SOLUTION


# %% part="test" exercise="patchify" points=3
check.patchify(my_patchify)

# %% [markdown]
# The dog in patches. Times the network's weights, your rows are its tokens.

# %%
figure = None
if check.patchify(my_patchify).ok:
    p, weights = vit.patch_size, vit.patch_embed.proj
    rows = my_patchify(image, p)
    with torch.no_grad():
        tokens = rows @ weights.weight.flatten(1).T + weights.bias
    print(f"your tokens and the network's: at most {(tokens - seen['patches']).abs().max():.6f} apart")
    grid = rows[0].reshape(4, 4, 3, p, p)
    figure = plot_pictures(
        {f"row {i + 1}": grid[i] for i in range(4)}, [f"column {i + 1}" for i in range(4)], smooth=False
    )
figure

# %% [markdown]
# ## 3 · [CLS] and positions (5 minutes, 1 point)
#
# Two learned things are added before the first block. [CLS] is one row of D numbers, the same for every picture; after the last block DINO compares only this token. And each token gets a *position*, a row of D numbers that says where it stands: without it the network could not tell the ears from the chin.
#
# Write `my_add_tokens(patches, cls_token, position)`. It takes the patches of B pictures, (B, N, D), the row of [CLS], (1, 1, D), and the positions, (1, 1 + N, D). It gives (B, 1 + N, D). In each picture the token 0 is [CLS] plus position 0, and token i is patch i - 1 plus position i.


# %% part="answer" exercise="add_tokens"
def my_add_tokens(patches, cls_token, position):
    """(B, N, D), (1, 1, D), (1, 1 + N, D) → tokens (B, 1 + N, D)."""
    ### BEGIN SOLUTION
    first = (cls_token + position[:, :1]).repeat(patches.shape[0], 1, 1)
    return torch.hstack([first, patches + position[:, 1:]])
    ### END SOLUTION


# %% part="test" exercise="add_tokens" points=1
check.add_tokens(my_add_tokens)

# %%
if check.add_tokens(my_add_tokens).ok:
    with torch.no_grad():
        tokens = my_add_tokens(seen["patches"], vit.cls_token, vit.pos_embed)
    print(f"your tokens and the network's: at most {(tokens - seen['tokens']).abs().max():.6f} apart")

# %% [markdown]
# ## 4 · Attention (10 minutes, 3 points)
#
# Here tokens learn from one another. Each token has a *query*, a *key* and a *value*, rows of d numbers. Where the query of one token and the key of another point the same way, much of that other's value is taken. Several *heads* do this side by side, and know nothing of each other.
#
# Write `my_attention(q, k, v)`. All three are (B, H, T, d): B pictures, H heads, T tokens, d numbers. So is the answer. In words, for one picture and one head:
#
# - The *score* of token t for token s is the sum of the products of their numbers, q[t, 0]·k[s, 0] + q[t, 1]·k[s, 1] + …, divided by √d. Of random numbers such a sum is about √d in size, so this keeps the scores equally large for any width.
# - The *shares* of token t are the softmax of its scores for all T tokens: T positive numbers that sum to 1.
# - The answer for token t is the sum of all tokens' values, each times its share.
#
# Matrix products do this for all pictures and heads at once: `@` works on the last two dimensions, and leaves those before alone. The network learns through this function, so a gradient has to pass. Write it yourself, though torch has one ready.


# %% part="answer" exercise="attention"
def my_attention(q, k, v):
    """Queries, keys, values (B, H, T, d) → mixed values (B, H, T, d)."""
    ### BEGIN SOLUTION
    scores = torch.einsum("bhtd,bhsd->bhts", q, k) / q.shape[3] ** 0.5
    shares = torch.softmax(scores, dim=3)  # over s, the tokens that are looked at
    return torch.einsum("bhts,bhsd->bhtd", shares, v)
    ### END SOLUTION


# %% part="test" exercise="attention" points=3
check.attention(my_attention)

# %% [markdown]
# ## 5 · One row, many heads (10 minutes, 3 points)
#
# In a real ViT, queries, keys and values of all heads come out of one linear layer, as one long row for each token. Whoever loads trained weights, the paper's for instance, has to cut the row exactly where they were trained. A wrong cut raises no error and gives numbers of the right shape.
#
# Write `my_split_heads(qkv, heads)`. It takes (B, T, 3·H·d) and H, the number of heads. It gives three tensors, `return q, k, v`, each (B, H, T, d). A token's row of 3·H·d numbers is ordered like this:
#
# - the first third are queries, the second keys, the last values;
# - each third holds head 0, head 1 and so on, one after the other;
# - each head holds its d numbers side by side.
#
# With H = 2 and d = 2 a row of twelve is q q q q k k k k v v v v, and in each group of four the first two belong to head 0.
#
# Mind what a `reshape` does: it never moves a number. It reads them all in order, and only counts them off differently. To move a dimension before another takes `transpose` or `permute`.


# %% part="answer" exercise="split_heads"
def my_split_heads(qkv, heads):
    """Rows (B, T, 3·H·d) → q, k, v, each (B, H, T, d)."""
    ### BEGIN SOLUTION
    batch, tokens, _ = qkv.shape
    q, k, v = (third.reshape(batch, tokens, heads, -1).transpose(1, 2) for third in qkv.chunk(3, dim=2))
    return q, k, v
    ### END SOLUTION


# %% part="test" exercise="split_heads" points=3
check.split_heads(my_split_heads)

# %% [markdown]
# With both functions you have the last block's attention. To see the shares themselves, we give each token a value with a 1 at its own place and 0 elsewhere: what is mixed of those is the shares. The first row, without [CLS] itself, is where [CLS] looks: most at the bright patches. Each head is drawn to its own maximum.

# %%
figure = None
if check.attention(my_attention).ok and check.split_heads(my_split_heads).ok:
    layer, last = vit.blocks[-1], len(vit.blocks) - 1
    with torch.no_grad():
        inside = layer.norm1(seen[f"block{last - 1}"])
        q, k, v = my_split_heads(layer.attn.qkv(inside), vit.heads)
        mixture = layer.attn.proj(my_attention(q, k, v).transpose(1, 2).flatten(2))
        marks = torch.eye(q.shape[2], q.shape[3]).expand(q.shape)  # a 1 at the token's own place
        shares = my_attention(q, k, marks)[0, :, 0, 1 : q.shape[2]]
        print(f"your layer and the network's: at most {(mixture - layer.attn(inside)).abs().max():.6f} apart")
    maps = (255 * shares / shares.amax(1, keepdim=True)).byte().reshape(-1, 1, 4, 4).expand(-1, 3, -1, -1)
    figure = plot_pictures(maps, [f"head {i + 1}" for i in range(vit.heads)], smooth=False)
figure

# %% [markdown]
# ## 6 · Shuffled (5 minutes, 2 points)
#
# Somebody leaves the positions out, and shuffles the patches of every picture before they go into the network. Each patch is embedded as before.
#
# In two or three sentences: why does the [CLS] token come out of an attention layer the same as without shuffling? And name two different pictures, real or made up, that such a network cannot tell apart.

# %% [markdown] part="words" exercise="why_positions" points=2
# [CLS] takes a sum of all tokens' values, each times a share. A share depends only on the query of [CLS] and on that token's key, so on what is in the patch and not on where it stands. A shuffled sum has the same terms, so it is the same sum; the MLP and the norms see each token by itself. *(1 point: the sum over tokens does not depend on their order, since shares depend on content alone.)*
#
# It cannot tell two pictures apart that are made of the same patches in other places, such as a face and the same face with its upper and lower half exchanged, cut between patches. *(1 point: any pair with the same patches in another arrangement. Pictures that differ within a patch, such as a mirrored face, are no such pair.)*

# %% [markdown]
# ## 7 · Logits (6 minutes, 2 points)
#
# The backbone's feature is not what DINO's loss compares. The *projection head* turns it into K numbers, the *logits*, one for each *prototype*. A prototype is a row of weights, a learned direction. The last step of the head is a cosine: how much does the feature point where the prototype points?
#
# A cosine lies between -1 and 1, whatever the network does. The paper's head does not learn at all without this, and the temperatures of DINO are made for numbers of this size.
#
# Write `my_head_logits(features, prototypes)`. It takes features (N, D), a row a picture, and prototypes (K, D). It gives (N, K): at place n, k the sum of the products of row n and row k, after each of the two rows was divided by its own length. The length of a row is the root of the sum of its squares. Both should learn, so let gradients pass to both.


# %% part="answer" exercise="head_logits"
def my_head_logits(features, prototypes):
    """Features (N, D), prototypes (K, D) → cosines (N, K)."""
    ### BEGIN SOLUTION
    lengths = torch.outer(features.norm(dim=1), prototypes.norm(dim=1))  # (N, K)
    return torch.einsum("nd,kd->nk", features, prototypes) / lengths
    ### END SOLUTION


# %% part="test" exercise="head_logits" points=2
check.head_logits(my_head_logits)

# %% [markdown]
# A student that has learnt nothing, and what its head says of the dog.

# %%
student = dino_lite.Dino(dino_lite.DinoConfig.lab(), seed=0, device="cpu").student
if check.head_logits(my_head_logits).ok:
    with torch.no_grad():
        feature = student.backbone(image)
        mine = my_head_logits(student.head.mlp(feature), student.head.last_layer.weight)
        print(f"your logits and the head's: at most {(mine - student.head(feature)).abs().max():.6f} apart")
    print(f"{mine.shape[1]} logits from {mine.min():.2f} to {mine.max():.2f}")

# %% [markdown]
# ## 8 · Find the bug: the end of the head (8 minutes, 2 points)
#
# Before the cosines the head is an MLP: three linear layers, with a GELU between each two of them. (A *GELU* is a smooth ReLU: it keeps what is far above zero and makes nearly zero of what is far below.) What comes out of the last layer is divided by its length, and nothing else happens to it. We leave the biases out, to keep it short.
#
# The function below does something else. A well-known re-implementation of DINO does the same, for the same reason. The code runs without an error, and while all numbers are near zero, where a GELU is nearly a straight line, one sees little of it. But the larger they get in training, the more all rows come to point into one corner of the space, with no number far below zero: even features that have nothing in common end with a large cosine.
#
# Find the line and mend it.


# %% part="answer" exercise="projection"
### BEGIN SOLUTION
def my_projection(features, first, second, third):
    """Features (N, D) and three weights (out, in) → rows of length 1 (N, outputs of the third)."""
    x = features
    for weight in (first, second):
        x = F.gelu(F.linear(x, weight))
    return F.normalize(F.linear(x, third), dim=-1)


### END SOLUTION
### BEGIN STUB
# def my_projection(features, first, second, third):
#     """Features (N, D) and three weights (out, in) → rows of length 1 (N, outputs of the third)."""
#     x = features
#     weights = [first, second, third]
#     for i, weight in enumerate(weights):
#         is_last = i == len(weights)
#         x = x @ weight.T
#         if not is_last:
#             x = F.gelu(x)
#     return F.normalize(x, dim=-1)
### END STUB

# %% part="test" exercise="projection" points=2
check.projection(my_projection)

# %% [markdown]
# How much does one line do? We send random features through a random head and look at the cosines of all pairs. Then we take the weights of the last layer ten times as large. In a mended head this changes only lengths, which are divided away. (The GELUs before make rows a little alike, so fewer than half are below zero.)

# %%
if check.projection(my_projection).ok:
    generator = torch.Generator().manual_seed(0)
    first, second, third = (
        torch.randn(out, n, generator=generator) / n**0.5 for n, out in ((64, 128), (128, 128), (128, 32))
    )
    features = torch.randn(100, 64, generator=generator)
    last = F.gelu(F.gelu(features @ first.T) @ second.T) @ third.T  # what comes out of the third layer
    for name, rows in {
        "mended": my_projection(features, first, second, third),
        "mended, third layer × 10": my_projection(features, first, second, 10 * third),
        "bug": F.normalize(F.gelu(last), dim=-1),
        "bug, third layer × 10": F.normalize(F.gelu(10 * last), dim=-1),
    }.items():
        cosines = (rows @ rows.T)[~torch.eye(100, dtype=torch.bool)]
        below = (cosines < 0).float().mean()
        print(
            f"{name:24}: cosines {cosines.mean():5.2f} on average, lowest {cosines.min():5.2f}, below zero {below:4.0%}"
        )

# %% [markdown]
# ## 9 · Find the bug: the teacher (12 minutes, 3 points)
#
# Training begins with two networks. The student learns. The teacher makes its targets, and follows the student slowly as a moving average; no gradient ever reaches it. `make_teacher(student)` builds it, once. Bug reports and published code show what can go wrong in these few lines. None of it raises an error.
#
# What must hold:
#
# 1. The teacher begins with the student's weights, in the backbone *and* in the head.
# 2. It is another object: when the student's weights change, its own do not.
# 3. None of its parameters asks for a gradient.
# 4. It has no *stochastic depth*, which leaves parts of the student out at random while it learns: every module of the teacher with a `drop_prob` has it at 0.
# 5. The student stays as it was.
#
# The function below gets 4 right, and with three mistakes breaks all the others. The check shows two numbers for the backbone and, below, two for the head: the first is 1 if the weights do not begin equal, the second is 1 if they move when the student learns. All four should be 0.


# %% part="answer" exercise="make_teacher"
### BEGIN SOLUTION
def my_make_teacher(student):
    """A teacher for this student, a network with .backbone and .head."""
    teacher = copy.deepcopy(student)
    for parameter in teacher.parameters():
        parameter.requires_grad = False
    for module in teacher.modules():
        if hasattr(module, "drop_prob"):
            module.drop_prob = 0.0
    return teacher


### END SOLUTION
### BEGIN STUB
# def my_make_teacher(student):
#     """A teacher for this student, a network with .backbone and .head."""
#     teacher = copy.deepcopy(student)
#     teacher.backbone = student.backbone  # so that both begin with the same features
#     for layer in teacher.head.mlp:
#         if hasattr(layer, "reset_parameters"):
#             layer.reset_parameters()  # draws the weights of a linear layer anew
#     for module in teacher.modules():
#         if hasattr(module, "drop_prob"):
#             module.drop_prob = 0.0
#     return teacher
### END STUB

# %% part="test" exercise="make_teacher" points=3
check.make_teacher(my_make_teacher)

# %% [markdown]
# And the teacher of the student from above:

# %%
if check.make_teacher(my_make_teacher).ok:
    teacher = my_make_teacher(student)
    with torch.no_grad():
        gap = (teacher(image[None])[0] - student(image[None])[0]).abs().max()
    learns = [sum(x.numel() for x in net.parameters() if x.requires_grad) for net in (student, teacher)]
    print(f"their logits of the dog are at most {gap:.6f} apart; numbers that learn: {learns[0]:,} and {learns[1]:,}")

# %% [markdown]
# From pixels to logits and two networks: with the loss of the next assignment, that is DINO. `dino_lite/vit.py` and `dino_lite/head.py` have little in them that you have not written here.
#
# Next: [Assignment 3 · Loss, temperatures and centre](3_loss_and_center.ipynb).
