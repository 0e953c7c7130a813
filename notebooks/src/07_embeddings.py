# %% [markdown]
# # 07 · Embeddings
#
# At the end you will have walked about in the map of a trained network, compared it with a random, a half-trained and two collapsed ones, and put numbers on what the maps only suggest: k-NN, a linear probe, a vector search, and training with few labels.
#
# Before this: [06 · The collapse lab](06_collapse_lab.ipynb). One thread of a laptop computes for a good minute, spread over many cells. Nothing is downloaded.

# %%
import dino_lite
from dino_notebooks import Explorer, SearchWidget, Session, predict, reveal, setup, show, steps
from dino_notebooks.plots import layout, plot_labels, plot_maps, plot_neighbours

setup()

# %% [markdown]
# ## Walk about
#
# Every third thing of the emoji, drawn by three vendors, as the network in the package sees it. What lies together is alike to it. Move the slider of snapshots to the start of the training and back, and click on a picture. Three quarters of these things were in its training, without names or groups.

# %%
import torch

emoji = dino_lite.load_pictures("emoji", size=64)
third = torch.zeros(3, len(emoji) // 3, dtype=torch.bool)  # (vendor, thing)
third[:, 2::3] = True
some = emoji[third.flatten()]
recorded = dino_lite.recording("emoji")
Explorer(recorded.backbones(), some)

# %% [markdown]
# ## Five networks
#
# Where does such a map come from? A network turns a picture into a row of numbers, its **features**. All rows together are the **embedding**. Here every picture is put on a random colour, as in training, so that the ground is no help.
#
# Three rows come from the run of the shipped network. Two come from runs that went wrong: one from the package lost its *centering* half-way, and one is made now, *without the EMA teacher*. Notebook 06 showed how such runs collapse.

# %%
start, half, trained = recorded.backbones().values()
lost = dino_lite.recording("collapsed")
untrained, before_loss, after_loss = lost.backbones().values()
session = Session("lab", seed=0)
session.set(ema=False)
session.run(steps=steps(100))

networks = {"random": start, "half-trained": half, "trained": trained}
networks |= {"no centering": after_loss, "no EMA": session.dino.teacher}
rows = {name: dino_lite.features(network, emoji, "random") for name, network in networks.items()}
print({name: tuple(table.shape) for name, table in rows.items()})

# %% [markdown]
# A row for each picture, as wide as the network. The rows have length 1, so the product of two is their **cosine**: 1 for the same direction. The neighbours of a picture are those with the highest cosine. These few stay with us.

# %%
NAMES = ["dog face", "fish", "slice of pizza", "rocket", "automobile"]
queries = [some.names.index(f"noto/{name}") for name in NAMES]
few = {name: table[third.flatten()] for name, table in rows.items()}
plot_neighbours(few["trained"], some, queries)

# %% [markdown]
# ## From many dimensions to two
#
# A page has two. **PCA** turns the embedding so that we look at it from where it is widest. Before you trust the picture, ask how much of the width that is.

# %%
width = rows["trained"].shape[1]
predict(f"How many percent of the variance of the trained network's {width} dimensions are in the two widest?")

# %% [markdown]
# The squares of the singular values are the variances in each direction.

# %%
shares = {}
for name, table in few.items():
    variances = torch.linalg.svdvals(table - table.mean(0)).square()
    shares[name] = float(variances[:2].sum() / variances.sum())
words = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
reveal(round(100 * shares["trained"]), f"Two directions hold: {words}.")

# %% [markdown]
# What is left out can hide everything. Here are the maps of the five networks, each from its own widest side, but all in the same units. Where several pictures fall into one place, one of them is drawn.

# %%
pca = {name: layout(table, method="pca") for name, table in few.items()}
plot_maps(pca, some, same_scale=True)

# %% [markdown]
# **Look:** is there a network whose pictures are nearly all in one place? It has lost its features. A map of middling width is another matter: compare with the percents above. Where two directions hold little, most of the width is out of sight, and the pictures may lie far apart all the same. And the run without centering? We come back to that one.
#
# **UMAP** is the other method. It asks only who is near to whom, and lays the pictures out so that neighbours stay neighbours. It may bend and stretch what lies between.

# %%
FATES = ["a dot, as in the PCA", "a map as wide as the others"]
predict("What will UMAP make of the network without EMA, where all pictures are nearly the same?", FATES)

# %% [markdown]
# Again all maps in the same units:

# %%
import numpy as np

umap = {name: layout(table) for name, table in few.items()}
widths = {name: float(np.ptp(places[:, 0])) for name, places in umap.items()}
print({name: round(value, 1) for name, value in widths.items()})
answer = FATES[0] if widths["no EMA"] < 0.2 * widths["trained"] else FATES[1]
reveal(answer, "UMAP sees ranks: somebody is always nearest, however near all the others are.")

# %% [markdown]
# With the pictures:

# %%
plot_maps(umap, some, same_scale=True)

# %% [markdown]
# UMAP finds neighbours in every embedding, also in one that has learnt nothing, and its widths say nothing. Whether an island *means* something, you see only from the pictures on it. So never judge a network by how good its map looks. Measure.
#
# ## Three questions to an embedding
#
# - **k-NN**: the 20 nearest pictures vote for the group, such as *Food & Drink*.
# - **Linear probe**: can one linear layer find the group from the features?
# - **Retrieval**: is the nearest picture by another vendor the same thing? This needs no labels at all.
#
# Every fourth thing is kept for the test. The shipped network was never trained on these, in any vendor's drawing. The other three quarters were in its training, without labels; they vote in k-NN, and in a search they lie among the rest. The two runs that went wrong saw all things.
#
# Here is the vote of the neighbours: one counts more, the nearer it is.

# %%
show(dino_lite.knn_accuracy)

# %% [markdown]
# Two floors belong beside every score: the random network, and no network at all, only the **pixels** of a small copy.

# %%
RIVALS = ["trained", "random", "pixels"]
predict("Which of the three has the best retrieval on things that the network has never seen?", RIVALS)

# %% [markdown]
# `score` is the library's own score card for one table of features. In retrieval a test thing is looked for among *all* things of another vendor.

# %%
from dino_lite.scorecard import score, test_rows

rows["pixels"] = dino_lite.pixel_features(emoji, background="random")
scores = {name: score(table, emoji, held_out=True) for name, table in rows.items()}
for name, found in scores.items():
    print(f"{name:12} k-NN {found['knn']:.1%}, probe {found['linear']:.1%}, retrieval {found['retrieval_held']:.1%}")
retrieval = {name: scores[name]["retrieval_held"] for name in RIVALS}
words = ", ".join(f"{name} {value:.1%}" for name, value in retrieval.items())
reveal(max(retrieval, key=retrieval.get), f"{words}. By chance it would be {3 / len(emoji):.1%}.")

# %% [markdown]
# Read a column from top to bottom. Where does the training help more: in telling seven groups apart, or in finding the very same thing? And did you expect that of the last two networks?
#
# The shipped score card has the last column on other grounds too. *supervised* is the same network, trained as long on the group labels:

# %%
for ground in ("white", "random", "moved"):
    line = [f"{name} {recorded.card[name][ground]['retrieval_held']:.1%}" for name in recorded.card]
    print(f"{ground:7} {', '.join(line)}")

# %% [markdown]
# *moved* means smaller, turned a little, somewhere in the picture, on random colours. Vendors draw a thing upright, in the middle and of one size, so that pixels need only be laid over one another. A score without its floors would have hidden that.
#
# ## A collapse that the features survive
#
# The run that lost its centering is recorded: what its targets said, and its network before and after.

# %%
loss_step = lost.steps["middle"]
for log in (lost.logs[loss_step - 1], lost.logs[-1]):
    print(f"step {log['step'] + 1}: {log['effective_prototypes']:5.1f} prototypes in use, {log['diagnosis']}")
CHANGES = ["falls by more than 5 points", "stays within 5 points", "rises by more than 5 points"]
predict("Between these two steps, what does the k-NN accuracy of its features do?", CHANGES)

# %% [markdown]
# The same network with its random weights, before and after, and the run without EMA for comparison. The cosine is the mean over all pairs of pictures; at 1 all features would be the same.

# %%
stages = {"random weights": untrained, "with centering": before_loss}
fates = {name: dino_lite.features(network, emoji, "random") for name, network in stages.items()}
fates |= {"150 steps without": rows["no centering"], "no EMA": rows["no EMA"]}
knn = {name: score(table, emoji)["knn"] for name, table in fates.items()}
for name, table in fates.items():
    print(f"{name:18} k-NN {knn[name]:.1%}, mean cosine {table.mean(0).square().sum():.3f}")
change = knn["150 steps without"] - knn["with centering"]
error = (knn["with centering"] * (1 - knn["with centering"]) / int(test_rows(emoji).sum())) ** 0.5
answer = CHANGES[(change > -0.05) + (change > 0.05)]
reveal(answer, f"It changes by {100 * change:+.1f} points, where a score is uncertain by ±{100 * error:.1f}.")

# %% [markdown]
# Compare with what the targets did. The head names a few prototypes, whatever it is shown, while the backbone before it still gives other features to other pictures. (In so short a run it had not learnt much by then: look at the first line.) Features and targets are two things. Without the EMA it is the features that go: look at its cosine, and at the PCA again.
#
# So a score on features can miss a collapse, at least for a while. That is why the lab logs the entropy and the prototypes as well.
#
# ## Vector search
#
# Finding neighbours by comparing with every row is exact, and fast enough for a few thousand. For millions one builds an **index**. Ours uses faiss. *flat* compares with every row. *hnsw* is a graph: each row keeps links to a few neighbours, and a search walks along them, seeing only a small part.

# %%
table = rows["trained"]
flat, graph = (dino_lite.VectorIndex(table.shape[1], kind) for kind in ("flat", "hnsw"))
for index in (flat, graph):
    index.add(table, emoji.names)
cosines, found = flat.search(table[[emoji.names.index("noto/dog face")]], k=6)
for cosine, place in zip(cosines[0].tolist(), found[0].tolist(), strict=True):
    print(f"{cosine:.3f}  {flat.names[place]}")

# %% [markdown]
# The first is the query itself. How much does a graph miss? `search_width` says how many candidates it keeps in hand.

# %%
graph.search_width = 10
predict("How many percent of the true ten nearest does the graph find, with ten candidates in hand?")

# %% [markdown]
# This is called **recall**. Every picture is a query once.

# %%
true = flat.search(table, k=10)[1]
recall = {}
for candidates in (10, 20, 40, 80):
    graph.search_width = candidates
    near = graph.search(table, k=10)[1]
    recall[candidates] = float((near[:, :, None] == true[:, None]).any(1).float().mean())
    print(f"{candidates:2} candidates: recall {recall[candidates]:.1%}")
reveal(round(100 * recall[10], 1), "With more candidates in hand it misses less and takes longer.", close=0.02)

# %% [markdown]
# The panel searches in the same way, on white grounds and with the other vendors first. Choose a picture, or upload one of your own: which emoji is nearest to your face?

# %%
SearchWidget(pictures=some)

# %% [markdown]
# ## When labels are few
#
# The promise of self-supervised learning: labels are dear, pictures are cheap. So learn from the pictures, and then from few labels. We take 1, 5 and 20 labelled pictures a group, three times with other pictures, and fit a linear probe on each.

# %%
held, groups = test_rows(emoji), emoji.labels


def parts(table):
    """Rows and groups to learn from, rows and groups to test."""
    return table[~held], groups[~held], table[held], groups[held]


probes = {name: dino_lite.few_label_probe(*parts(rows[name]), per_class=(1, 5, 20), seeds=range(3)) for name in RIVALS}
plot_labels(probes, 1 / len(emoji.label_names), "Accuracy of a linear probe")

# %% [markdown]
# **Look** at the bands: where two overlap, nothing has been shown.
#
# ## Fine-tuning
#
# A probe leaves the network alone. *Fine-tuning* trains all of it on the labels. The question for whoever has five labels a group: begin from the trained network, or from random weights with the same steps?

# %%
STARTS = ["fine-tuned from trained", "trained from scratch", "linear probe on trained"]
predict("Five labels a group: which has the highest accuracy on the test pictures?", STARTS)

# %% [markdown]
# Three draws of labels, the same for all.

# %%
import dataclasses

from dino_lite.finetune import accuracy

config = dataclasses.replace(recorded.config, batch_size=32)
images, labels, test_images, test_labels = parts(emoji.images)
got = {STARTS[0]: [], STARTS[1]: [], STARTS[2]: probes["trained"][5]}
for seed in range(3):
    chosen = dino_lite.few_labels(labels, 5, seed)
    for name, network in zip(STARTS, (trained, start), strict=False):
        tuned = dino_lite.fine_tune(network, images[chosen], labels[chosen], config, steps(60), seed=seed)
        got[name].append(accuracy(tuned, test_images, test_labels, "random"))
means = {name: sum(values) / len(values) for name, values in got.items()}
for name, values in got.items():
    print(f"{name:24} mean {means[name]:.1%}, from {min(values):.1%} to {max(values):.1%}")
reveal(max(means, key=means.get), "Compare the difference of the means with how far the draws lie apart.")

# %% [markdown]
# Three draws are few, and the learning rate is one that was not tuned for either start. Longer training from scratch may come closer.
#
# **Write it.** Many use the *centroid* of each class in place of a probe: the mean of its labelled rows, and a test picture gets the class whose mean is nearest. The first version always answers with the first group.


# %% tags=["exercise"]
def my_centroids(train_x, train_y, test_x):
    """The class, int64 (M,), of each test row (M, D), from labelled rows (N, D) and their classes (N,)."""
    return torch.zeros(len(test_x), dtype=torch.int64)


# %% [markdown]
# Beside the probe, with the same labels:

# %%
x, y, test_x, test_y = parts(rows["trained"])
for seed in range(3):
    chosen = dino_lite.few_labels(y, 5, seed)
    mine = float((my_centroids(x[chosen], y[chosen], test_x) == test_y).float().mean())
    print(f"yours {mine:.1%}, probe {probes['trained'][5][seed]:.1%}")

# %% [markdown]
# ## What you now know
#
# - A map is a projection. PCA leaves most directions out, UMAP invents distances; both need a look at the pictures and a number beside them.
# - k-NN, probe and retrieval ask different things. Each is read beside random weights and pixels, and the background decides much.
# - Targets and features can go different ways in a collapse. Watch both.
#
# **Your turn.** Take `background="white"` where the features are made, and run all again. Which conclusions hold, and which were about the ground?
#
# Next: [08 · Attention: what it sees](08_attention.ipynb).
