# %% [markdown]
# # Assignment 3 · Loss, temperatures and centre
#
# At the end you will have written the whole of DINO's loss: from logits to targets, the centre, and the cross-entropy over pairs of views. And you will have found the slips in two losses that others wrote.
#
# Read before: [03 · Centering and sharpening](../03_centering_and_sharpening.ipynb). About 90 minutes, 20 points. Nothing is downloaded, and a cell computes for a few seconds at most.

# %%
import math

import torch
import torch.nn.functional as F
from IPython.display import display

import dino_lite
from dino_notebooks import check, setup
from dino_notebooks.plots import plot_lines, plot_table

setup()

# %% [markdown]
# Write each function where it says so, and run the cell below it. A check says whether the function is right. If it is not, it says what to look at, and shows the smallest input on which it fails. `check.NAME.hint()` gives a hint, up to three, each saying more than the one before; after that it shows a solution. Hints cost nothing, but try first.
#
# Words that all exercises use:
#
# - A **view** is a random crop of a picture. The teacher sees 2 *global* views, which come first. The student sees all V of them.
# - B is the number of pictures in a batch, and K the number of **prototypes**, classes that nobody named. **Logits** are scores, one a prototype. In all tensors here the prototypes are the last dimension.
# - The **temperature** τ divides logits before a softmax. The teacher's is τt, the student's τs.
#
# ## 1 · The logarithm of a softmax (8 minutes, 1 point)
#
# The loss needs logarithms of the student's shares. The softmax of a row z of K numbers has the share exp(z_k) / Σ_j exp(z_j) for prototype k. Written down as it stands it breaks: exp of a large number is infinite in the computer, and a share that becomes 0 has no logarithm. One infinite loss, and all weights are lost.
#
# Two facts help. The logarithm of a fraction is a difference. And a softmax does not change when the same number is taken from all logits of a row, so you may take away the largest one.
#
# In: logits (..., K), with any dimensions before the last, and τ. Out: the logarithms of the softmax of logits / τ over the last dimension, (..., K). It must stay finite when logits / τ are in the thousands.


# %% part="answer" exercise="log_softmax"
def my_log_softmax(logits, temperature):
    """(..., K), number → logarithms of shares (..., K)."""
    ### BEGIN SOLUTION
    scaled = logits / temperature
    largest = scaled.max(dim=-1, keepdim=True).values
    total = torch.exp(scaled - largest).sum(dim=-1, keepdim=True)
    return scaled - largest - torch.log(total)
    ### END SOLUTION


# %% part="test" exercise="log_softmax" points=1
check.log_softmax(my_log_softmax)

# %% [markdown]
# From here on you may use PyTorch's own: `F.softmax(z, dim=-1)` and `F.log_softmax(z, dim=-1)`.
#
# ## 2 · The targets (8 minutes, 2 points)
#
# A **target** is what the student has to predict: a distribution over prototypes, made from the teacher's logits. Three things are done to each row of logits:
#
# 1. The **centre** is taken away: a vector (K,), what the teacher says on average. This is *centering*.
# 2. The rest is divided by the teacher's temperature. This is *sharpening*.
# 3. A softmax turns the row into shares, which sum to 1.
#
# ```python
# for view in range(2):
#     for picture in range(B):
#         z = (teacher_logits[view, picture] - center) / temperature      # (K,)
#         targets[view, picture] = exp(z) / exp(z).sum()
# ```
#
# In: teacher logits (2, B, K), centre (K,), τt. Out: targets (2, B, K). No loops are needed. Large logits must do no harm, and the targets must carry no gradient: only the student learns.


# %% part="answer" exercise="teacher_probs"
def my_teacher_probs(teacher_logits, center, temperature):
    """(2, B, K), (K,), number → the targets (2, B, K)."""
    ### BEGIN SOLUTION
    with torch.no_grad():
        sharpened = (teacher_logits - center).div(temperature)
        return sharpened.log_softmax(dim=-1).exp()
    ### END SOLUTION


# %% part="test" exercise="teacher_probs" points=2
check.teacher_probs(my_teacher_probs)

# %% [markdown]
# Once it is right, this cell shows what your function makes of the made-up logits of notebook 03: four pictures, and one prototype that suits them all.

# %%
PICTURES = ["dog", "pizza", "rocket", "apple"]
table = 0.05 * torch.randn(4, 16, generator=torch.Generator().manual_seed(0))
table[:, 2] += 0.4  # prototype 3, which suits them all
for picture, own in enumerate((5, 8, 11, 14)):
    table[picture, own] += 0.3
both = table.expand(2, -1, -1)  # the same logits for two views
if check.teacher_probs(my_teacher_probs).ok:
    without, centered = (my_teacher_probs(both, center, 0.04)[0] for center in (torch.zeros(16), table.mean(0)))
    display(plot_table({"no centre": without, "their mean for a centre": centered}, PICTURES, "mean"))

# %% [markdown]
# ## 3 · Entropy (5 minutes, 1 point)
#
# Is a run alive? The loss alone does not say. The **entropy** of a target says how flat it is: h(P) = −Σ_k P_k · log P_k, with the natural logarithm. It is 0 when one prototype has everything, and ln K when all have the same.
#
# A share can be exactly 0, and 0 · log 0 counts as 0 here. The computer has another opinion. `torch.special.entr(p)` or `torch.xlogy(p, p)` may help.
#
# In: distributions (..., K). Out: the entropy of each, (...).


# %% part="answer" exercise="entropy"
def my_entropy(probs):
    """(..., K) → (...)."""
    ### BEGIN SOLUTION
    return -torch.xlogy(probs, probs).sum(dim=-1)
    ### END SOLUTION


# %% part="test" exercise="entropy" points=1
check.entropy(my_entropy)

# %% [markdown]
# ## 4 · Divergence (6 minutes, 1 point)
#
# The loss of DINO is a **cross-entropy**: H(P, Q) = −Σ_k P_k · log Q_k, for a target P and a student's answer Q. It is never below h(P). What lies above is the **Kullback-Leibler divergence**, KL(P‖Q) = Σ_k P_k · (log P_k − log Q_k), so H = h + KL. KL is 0 when the student says just what the target says.
#
# In: targets P (..., K), which may have zeros, and the *logarithms* log Q (..., K), as log-softmax gives them. Out: KL of each, (...).


# %% part="answer" exercise="kl_divergence"
def my_kl_divergence(probs, log_probs):
    """P (..., K), log Q (..., K) → KL(P‖Q) (...)."""
    ### BEGIN SOLUTION
    cross = -torch.einsum("...k,...k->...", probs, log_probs)
    return cross - my_entropy(probs)
    ### END SOLUTION


# %% part="test" exercise="kl_divergence" points=1
check.kl_divergence(my_kl_divergence)

# %% [markdown]
# ## 5 · A number to know by heart (4 minutes, 1 point)
#
# A run has K = 4096 prototypes. It has collapsed to *uniform* targets: the teacher gives every prototype the same share for every picture, and the student does so, too. Which value does the loss have (the loss is a mean over pairs and pictures)?
#
# Choose one of "0", "1", "3.61", "8.32", "12", "4096".


# %% part="answer" exercise="uniform_loss"
### BEGIN SOLUTION
my_uniform_loss = "8.32"
### END SOLUTION
### BEGIN STUB
# my_uniform_loss = None  # one of the six
### END STUB


# %% part="test" exercise="uniform_loss" points=1
check.uniform_loss(my_uniform_loss)

# %% [markdown]
# ## 6 · The centre (8 minutes, 2 points)
#
# The centre is the teacher's mean output. One batch is a poor mean, so it is averaged over steps: of momentum m, the centre keeps the share m of itself and takes the rest from this batch.
#
# ```python
# for k in range(K):
#     mean = sum(teacher_logits[view, picture, k] for all views and pictures) / (2 * B)
#     new_center[k] = m * center[k] + (1 - m) * mean
# ```
#
# The mean is one of *raw* logits, before centre, temperature and softmax. In: centre (K,), teacher logits (2, B, K), m. Out: the new centre (K,), a new tensor. It must not keep the graph that the logits come from.


# %% part="answer" exercise="update_center"
def my_update_center(center, teacher_logits, momentum):
    """(K,), (2, B, K), number → (K,)."""
    ### BEGIN SOLUTION
    rows = teacher_logits.detach().flatten(0, 1)  # all rows of both views
    return torch.lerp(rows.mean(dim=0), center, momentum)
    ### END SOLUTION


# %% part="test" exercise="update_center" points=2
check.update_center(my_update_center)

# %% [markdown]
# Your centre and your targets on the table of four pictures, for three momenta. How fast does prototype 3 lose what it won from everybody?

# %%
if check.update_center(my_update_center).ok and check.teacher_probs(my_teacher_probs).ok:
    ways = {}
    for m in (0.5, 0.9, 0.99):
        center, way = torch.zeros(16), []
        for _ in range(100):
            way.append(float(my_teacher_probs(both, center, 0.04)[..., 2].mean()))
            center = my_update_center(center, both, m)
        ways[f"m = {m}"] = way
    display(plot_lines({"share of prototype 3, mean over the pictures": ways}, xlabel="updates of the centre"))

# %% [markdown]
# ## 7 · In a sentence or two (6 minutes, 2 points)
#
# A reader of the paper objects: "A softmax does not change when a number is taken from all its logits. So centering does nothing." Why is he wrong, and why must the centre be a vector and not a number? Say also what centering does to a prototype that wins every picture. Two or three sentences.

# %% [markdown] part="words" exercise="why_center" points=2
# The softmax is blind only to *one* number that is taken from all logits of a row. The centre is a vector with another number for each prototype, so it changes the differences between logits, and with them the shares; a centre of equal numbers would indeed do nothing. (1 point)
#
# A prototype that is high for every picture has a high mean, so much is taken from it in every row: it loses its lead, and what is left in a row is what is special to its picture. That is how centering keeps one prototype from winning everything. (1 point)

# %% [markdown]
# ## 8 · The loss (20 minutes, 4 points)
#
# For every picture the student predicts the teacher's view of *another* crop. So all pairs of a teacher's view q and a student's view v are compared, but for those with q = v.
#
# ```python
# total = 0
# for q in range(2):                      # the teacher's views are 0 and 1
#     for v in range(V):                  # the student's are 0 to V - 1, the global ones first
#         if v != q:
#             for picture in range(B):
#                 log_q = log_softmax(student_logits[v, picture] / temperature)            # (K,)
#                 total += -(teacher_probs[q, picture] * log_q).sum() / B
# loss = total / number of pairs that were added
# ```
#
# In: the student's logits (V, B, K), the targets (2, B, K), τs. Out: one number, as a tensor through which a gradient flows to the student. V may be 2 or more. Loops over views are fine, loops over pictures would be slow.


# %% part="answer" exercise="dino_loss"
def my_dino_loss(student_logits, teacher_probs, temperature):
    """(V, B, K), (2, B, K), number → the loss, a tensor ()."""
    ### BEGIN SOLUTION
    log_probs = F.log_softmax(student_logits / temperature, dim=-1)
    crossed = -torch.einsum("qbk,vbk->qvb", teacher_probs, log_probs)  # every pair, each picture
    same = torch.eye(len(student_logits), dtype=torch.bool)[:2]
    return crossed[~same].mean()
    ### END SOLUTION


# %% part="test" exercise="dino_loss" points=4
check.dino_loss(my_dino_loss)

# %% [markdown]
# Once it is right: your functions on real views of emoji, and a network that has learnt nothing yet. Compare its loss with the one of exercise 5, ln K.

# %%
if check.dino_loss(my_dino_loss).ok and check.teacher_probs(my_teacher_probs).ok:
    config = dino_lite.DinoConfig.lab()
    dino, emoji = dino_lite.Dino(config, device="cpu"), dino_lite.load_pictures("emoji", size=config.picture_size)
    with torch.no_grad():
        views = next(dino.views(emoji.images[::80]))
        logits = dino.teacher(views.global_views)[0], dino.student(*views.crops)[0]
    target = my_teacher_probs(logits[0], dino.center, config.teacher_temp)
    print(
        f"loss {float(my_dino_loss(logits[1], target, config.student_temp)):.2f}, ln K {math.log(config.out_dim):.2f}"
    )

# %% [markdown]
# ## 9 · Find the bugs: pseudo-code taken at its word (15 minutes, 3 points)
#
# The function below is how DINO's pseudo-code writes the cross-entropy of targets and student, H(t, s), for logits (B, K). Somebody has taken it over for logits that have the two views in front, (2, B, K). Row by row, `teacher_logits` and `student_logits` belong together: the caller has crossed the views already. The result should be the cross-entropy of each row with its partner, and the mean of that over views and pictures.
#
# It runs, and gives a number. Three things are wrong with it:
#
# - The number is not the right one.
# - In the pseudo-code the centre is computed from the teacher's logits of earlier steps, and nobody detached it. A gradient goes where none should go.
# - With large logits the result is not finite, and a small number added to the share does not help: the loss and its gradient would be wrong.
#
# Mend it, one thing after the other. The check says what is still wrong.


# %% part="answer" exercise="cross_entropy"
### BEGIN SOLUTION
def my_cross_entropy(teacher_logits, student_logits, center, teacher_temp, student_temp):
    """H(t, s), mean over views and pictures. Logits (2, B, K) each, centre (K,) → a tensor ()."""
    t = F.softmax((teacher_logits - center) / teacher_temp, dim=-1).detach()
    log_s = F.log_softmax(student_logits / student_temp, dim=-1)
    return -(t * log_s).sum(dim=-1).mean()


### END SOLUTION
### BEGIN STUB
# def my_cross_entropy(teacher_logits, student_logits, center, teacher_temp, student_temp):
#     """H(t, s), mean over views and pictures. Logits (2, B, K) each, centre (K,) → a tensor ()."""
#     t = teacher_logits.detach()
#     s = F.softmax(student_logits / student_temp, dim=1)
#     t = F.softmax((t - center) / teacher_temp, dim=1)
#     return -(t * torch.log(s)).sum(dim=1).mean()
### END STUB


# %% part="test" exercise="cross_entropy" points=3
check.cross_entropy(my_cross_entropy)

# %% [markdown]
# ## 10 · Find the bugs: a loss that is far too small (12 minutes, 3 points)
#
# A public re-implementation computes all pairs at once, in one large tensor. The first line below is right. In the last one there are two slips. The first makes the loss far smaller than it should be. The common optimizer, AdamW, does not care about the scale of a loss, so the run goes on, and nobody notices until somebody compares the loss with ln K. The second is a rule of exercise 8 that has been forgotten.
#
# In and out are those of exercise 8. Mend what the code does with the large tensor. A loss of your own is taken as well, but you learn more from this line.


# %% part="answer" exercise="all_pairs"
### BEGIN SOLUTION
def my_all_pairs(student_logits, teacher_probs, temperature):
    """(V, B, K), (2, B, K), number → the loss, a tensor ()."""
    terms = -teacher_probs[:, None] * F.log_softmax(student_logits / temperature, dim=-1)[None]  # (2, V, B, K)
    losses = terms.sum(dim=-1)  # (2, V, B)
    keep = torch.ones(losses.shape[:2], dtype=torch.bool)
    keep[0, 0] = keep[1, 1] = False
    return losses[keep].mean()


### END SOLUTION
### BEGIN STUB
# def my_all_pairs(student_logits, teacher_probs, temperature):
#     """(V, B, K), (2, B, K), number → the loss, a tensor ()."""
#     terms = -teacher_probs[:, None] * F.log_softmax(student_logits / temperature, dim=-1)[None]  # (2, V, B, K)
#     return terms.sum(dim=1).mean()
### END STUB


# %% part="test" exercise="all_pairs" points=3
check.all_pairs(my_all_pairs)

# %% [markdown]
# ## What you now have
#
# - The targets: logits, less the centre, sharpened, without a gradient.
# - The loss, H = h + KL, over pairs of different views, and the number ln K to compare it with.
# - Two habits: count dimensions from the end, and ask of every mean what it divides by.
#
# Next: [Assignment 4 · EMA and schedules](4_ema_and_schedules.ipynb).
