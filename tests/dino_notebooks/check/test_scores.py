"""The checks of k-NN and retrieval: every usual mistake is named, and right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_scores.py
"""

from collections import Counter

import numpy as np
import pytest
import torch
from wrong_answers import Wrong, assert_named, assert_right

from dino_notebooks import check


def one_by_one(weight, count=lambda k: k, furthest=False, worst=False, skip=0):
    """A vote in loops: the weight of a neighbour by its cosine, how many vote, and who wins."""

    def does(train_x, train_y, test_x, test_y, k, temperature):
        hits = 0
        cosines, labels = (test_x @ train_x.T).tolist(), train_y.tolist()
        for row, wanted in zip(cosines, test_y.tolist(), strict=True):
            order = sorted(range(len(row)), key=lambda i, row=row: row[i], reverse=not furthest)
            votes = dict.fromkeys(range(max(labels) + 1), 0.0)
            for i in order[skip : skip + count(k)]:
                votes[labels[i]] += weight(row[i], temperature)
            best = (min if worst else max)(votes, key=votes.get)
            hits += best == wanted
        return hits / len(test_y)

    return does


def w(c, tau):
    """The right vote, safe at small temperatures."""
    return float(np.exp((c - 1) / tau))


def by_counter(train_x, train_y, test_x, test_y, k, temperature):
    """The most common label."""
    near = torch.argsort(test_x @ train_x.T, dim=1, descending=True)[:, :k]
    found = [Counter(train_y[row].tolist()).most_common(1)[0][0] for row in near]
    return (torch.tensor(found) == test_y).float().mean()


def by_mode(train_x, train_y, test_x, test_y, k, temperature):
    """torch's most common value."""
    near = torch.cdist(test_x, train_x).topk(min(k, len(train_x)), largest=False).indices
    return (train_y[near].mode(dim=1).values == test_y).float().mean()


def matrix(train_x, train_y, test_x, test_y, k, temperature, scale=1.0):
    """One-hot labels and a softmax over the neighbours."""
    c, near = torch.topk(torch.einsum("td,nd->tn", test_x, train_x), min(k, len(train_x)))
    one_hot = torch.eye(int(train_y.max()) + 1)[train_y]
    votes = torch.einsum("tk,tkc->tc", torch.softmax(c / temperature, 1), one_hot[near])
    return (votes.argmax(-1) == test_y).float().mean() * scale


def overflowing(train_x, train_y, test_x, test_y, k, temperature):
    """exp(cosine / τ), as in many scripts."""
    c, near = (test_x @ train_x.t()).topk(min(k, len(train_x)))
    votes = torch.zeros(len(test_x), train_y.max() + 1).scatter_add(1, train_y[near], (c / temperature).exp())
    return (votes.argmax(1) == test_y).float().mean()


def strict_k(train_x, train_y, test_x, test_y, k, temperature):
    """k without a look at how many rows there are."""
    c, near = (test_x @ train_x.t()).topk(k)
    votes = torch.zeros(len(test_x), train_y.max() + 1).scatter_add(1, train_y[near], ((c - 1) / temperature).exp())
    return (votes.argmax(1) == test_y).float().mean()


def per_class_mean(train_x, train_y, test_x, test_y, k, temperature):
    """The mean vote of each class."""
    c, near = (test_x @ train_x.t()).topk(min(k, len(train_x)))
    labels, weights = train_y[near], ((c - 1) / temperature).exp()
    votes = [
        torch.where(labels == one, weights, 0).sum(1) / (labels == one).sum(1).clamp(min=1)
        for one in range(int(train_y.max()) + 1)
    ]
    return (torch.stack(votes, 1).argmax(1) == test_y).float().mean()


def one_vote_a_label(train_x, train_y, test_x, test_y, k, temperature):
    """+= by index, where the same place comes up twice."""
    c, near = (test_x @ train_x.t()).topk(min(k, len(train_x)))
    votes, rows = torch.zeros(len(test_x), int(train_y.max()) + 1), torch.arange(len(test_x)).unsqueeze(1)
    votes[rows, train_y[near]] += ((c - 1) / temperature).exp()
    return (votes.argmax(1) == test_y).float().mean()


def places(count):
    """A right vote, but for the number of its places."""

    def does(train_x, train_y, test_x, test_y, k, temperature):
        c, near = (test_x @ train_x.t()).topk(min(k, len(train_x)))
        votes = torch.zeros(len(test_x), count(train_y, test_y))
        votes = votes.scatter_add(1, train_y[near], ((c - 1) / temperature).exp())
        return (votes.argmax(1) == test_y).float().mean()

    return does


WRONG_VOTES: Wrong = {
    "most common": (by_counter, "same vote"),
    "mode": (by_mode, "same vote"),
    "ones": (one_by_one(lambda c, tau: 1.0), "same vote"),
    "cosine": (one_by_one(lambda c, tau: c), "cosines themselves"),
    "no temperature": (one_by_one(lambda c, tau: float(np.exp(c - 1))), "temperature changes nothing"),
    "brackets": (one_by_one(lambda c, tau: float(np.exp(c - 1 / tau))), "look at the brackets"),
    "fixed temperature": (one_by_one(lambda c, tau: w(c, 0.07)), "always the same"),
    "one vote a label": (one_vote_a_label, "only one vote counts: use scatter_add_"),
    "as many places as labels": (places(lambda a, b: len(a.unique())), "labels have gaps"),
    "ten places": (places(lambda a, b: 10), "labels have gaps"),
    "times temperature": (one_by_one(lambda c, tau: float(np.exp(c * tau))), "multiplied by the temperature"),
    "distance": (
        one_by_one(lambda c, tau: float(np.exp(-(max(0, 2 - 2 * c) ** 0.5) / tau))),
        "made of distances",
    ),
    "sign": (one_by_one(lambda c, tau: float(np.exp((1 - c) / tau))), "sign in the exponential"),
    "furthest": (one_by_one(w, furthest=True), "furthest away"),
    "one more": (one_by_one(w, count=lambda k: k + 1), "too many"),
    "one less": (one_by_one(w, count=lambda k: k - 1), "too few"),
    "without the first": (one_by_one(w, skip=1), "nearest row is left out"),
    "only one": (one_by_one(w, count=lambda k: 1), "Only the nearest"),
    "all": (one_by_one(w, count=lambda k: 10**6), "All training rows"),
    "fewest": (one_by_one(w, worst=True), "fewest votes"),
    "mean vote": (per_class_mean, "averaged"),
    "no labels": (
        lambda a, b, c, d, k, tau: (torch.cdist(c, a).argmin(1) == d).float().mean(),
        "*labels* of these rows",
    ),
    "exchanged": (lambda a, b, c, d, k, tau: matrix(c, d, a, b, k, tau), "exchanged"),
    "wrong ones": (lambda *case: 1 - matrix(*case), "share of wrong"),
    "a number": (lambda *case: matrix(*case) * len(case[2]), "number of right"),
    "percent": (lambda *case: matrix(*case, scale=100), "100 times"),
    "overflow": (overflowing, "overflow"),
    "few rows": (strict_k, "fewer training rows than k"),
}


def test_places_by_the_test_rows_are_refused():
    """With some seeds it stops in the first question already."""
    answer = places(lambda a, b: int(b.max()) + 1)
    assert "largest is in no test row" in check.knn_accuracy(answer).message
    assert not any(check.knn_accuracy(answer, seed=seed).ok for seed in range(1, 5))


@pytest.mark.parametrize("what", WRONG_VOTES)
def test_knn_accuracy_names(what):
    assert_named(check.knn_accuracy, *WRONG_VOTES[what])


def in_double(train_x, train_y, test_x, test_y, k, temperature):
    """numpy, in double precision."""
    a, b = train_x.numpy().astype(np.float64), test_x.numpy().astype(np.float64)
    cosine = b @ a.T
    near = np.argsort(-cosine, axis=1)[:, :k]
    votes = np.zeros((len(b), int(train_y.max()) + 1))
    for row in range(len(b)):
        for i in near[row]:
            votes[row, train_y[i]] += np.exp((cosine[row, i] - 1) / temperature)
    return np.mean(votes.argmax(1) == test_y.numpy())


@pytest.mark.parametrize("right", [matrix, in_double, one_by_one(w)])
def test_knn_accuracy_takes(right):
    assert_right(check.knn_accuracy, right)


def looked_up(q, g):
    """Row by row: the number of the nearest gallery row."""
    return [max(range(len(g)), key=lambda j, row=row: float(row @ g[j])) for row in q]


def ranks(q, g):
    """How many gallery rows are nearer than the partner."""
    c = q @ g.T
    return (c > c.diagonal()[:, None]).sum(1)


def mutual(q, g):
    """Pairs that find each other."""
    there, back = looked_up(q, g), looked_up(g, q)
    return sum(there[i] == i and back[i] == i for i in range(len(q))) / len(q)


def no_diagonal(q, g):
    """The partner may not be found."""
    c = q @ g.T - 10 * torch.eye(len(q))
    return sum(int(c[i].argmax()) == i for i in range(len(q))) / len(q)


WRONG_RETRIEVALS: Wrong = {
    "other way": (lambda q, g: ((q @ g.T).argmax(0) == torch.arange(len(q))).float().mean(), "other way round"),
    "both ways": (
        lambda q, g: np.mean(np.array([looked_up(q, g), looked_up(g, q)]) == np.arange(len(q))),
        "Both directions",
    ),
    "mutual": (mutual, "find each other"),
    "furthest": (lambda q, g: (torch.cdist(q, g).argmax(1) == torch.arange(len(q))).float().mean(), "furthest"),
    "itself": (lambda q, g: (torch.cdist(q, q).argmin(1) == torch.arange(len(q))).float().mean(), "among themselves"),
    "no diagonal": (no_diagonal, "partner is left out"),
    "mean cosine": (lambda q, g: torch.cosine_similarity(q, g).mean(), "mean cosine"),
    "first five": (lambda q, g: (ranks(q, g) <= 4).float().mean(), "first five"),
    "first two": (lambda q, g: (ranks(q, g) < 2).float().mean(), "first two"),
    "a number": (lambda q, g: int((ranks(q, g) == 0).sum()), "number of rows"),
    "missed": (lambda q, g: (ranks(q, g) > 0).float().mean(), "*not* found"),
    "each": (lambda q, g: ranks(q, g) == 0, "for each query"),
    "percent": (lambda q, g: 100 * (ranks(q, g) == 0).float().mean(), "percent"),
}


@pytest.mark.parametrize("what", WRONG_RETRIEVALS)
def test_retrieval_accuracy_names(what):
    assert_named(check.retrieval_accuracy, *WRONG_RETRIEVALS[what])


@pytest.mark.parametrize(
    "right",
    [
        lambda q, g: np.mean(np.array(looked_up(q, g)) == np.arange(len(q))),
        lambda q, g: (ranks(q, g) == 0).double().mean(),
        lambda q, g: torch.eye(len(q))[torch.cdist(q.double(), g.double()).argmin(1)].trace() / len(q),
    ],
)
def test_retrieval_accuracy_takes(right):
    assert_right(check.retrieval_accuracy, right)
