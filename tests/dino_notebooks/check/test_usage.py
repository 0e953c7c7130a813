"""The checks of mutual information and effective prototypes: every usual mistake is named, right answers are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_usage.py
"""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from wrong_answers import Wrong, assert_named, assert_right

from dino_notebooks import check


def h(p):
    """The entropy by xlogy."""
    return -torch.xlogy(p, p).sum(-1)


def rows_of(p):
    """All targets below each other (N, K)."""
    return p.reshape(-1, p.shape[-1])


def middle(p):
    """The mean target."""
    return rows_of(p).mean(dim=0)


def each_view_for_itself(p):
    """The information of the first view and of the second, averaged."""
    return sum(h(view.mean(0)) - h(view).mean() for view in p) / 2


def between_views(p):
    """How much the two views of a picture disagree."""
    return h((p[0] + p[1]) / 2).mean() - h(rows_of(p)).mean()


def with_log(p):
    """p log p written out, which is NaN for a zero."""
    mean = p.mean((0, 1))
    return (p * p.log()).sum(-1).mean() - (mean * mean.log()).sum()


WRONG_INFORMATION: Wrong = {
    "conditional alone": (lambda p: h(p).sum() / len(rows_of(p)), "mean entropy of the targets alone"),
    "marginal alone": (lambda p: h(middle(p)), "entropy of the mean target alone"),
    "sign": (lambda p: h(rows_of(p)).mean() - h(middle(p)), "wrong sign"),
    "bits": (lambda p: (h(middle(p)) - h(p).mean()) * math.log2(math.e), "in bits"),
    "views apart": (each_view_for_itself, "Each view has a mean target of its own"),
    "between views": (between_views, "how much they disagree"),
    "from uniform": (lambda p: torch.tensor(p.shape[2]).log() - h(p).mean(), "uniform distribution (ln K)"),
    "marginal from uniform": (
        lambda p: (middle(p) * p.shape[-1]).log().mul(middle(p)).nansum(),
        "how unevenly prototypes are used",
    ),
    "one a row": (lambda p: h(middle(p)) - h(p), "for each target"),
    "entropies summed": (lambda p: h(middle(p)) - h(rows_of(p)).sum(), "entropies of the targets are summed"),
    "targets summed": (lambda p: h(rows_of(p).sum(0)) - h(p).mean(), "The targets are summed up"),
    "over K": (lambda p: torch.xlogy(p, p).mean(-1).mean() + h(middle(p)) / p.shape[-1], "divided by K"),
    "a share": (
        lambda p: (h(middle(p)) - h(p).mean()) / math.log(min(p.shape[-1], len(rows_of(p)))),
        "it is a share",
    ),
    "NaN": (with_log, "0 · log 0"),
    "exp left": (lambda p: h(middle(p)).exp() - h(rows_of(p)).mean(), "nats from a *number of prototypes*"),
    "over the pictures": (lambda p: h(middle(p)) - h(p).sum() / p.shape[1], "two views of each"),
    "twice": (lambda p: 2 * (h(middle(p)) - h(p).mean()), "2 times"),
    "first picture": (lambda p: h(p[:, 0]), "The shape is (2,), and should be ()"),
}


@pytest.mark.parametrize("what", WRONG_INFORMATION)
def test_mutual_information_names(what):
    assert_named(check.mutual_information, *WRONG_INFORMATION[what])


def as_mean_kl(p):
    """The same as a mean KL to the mean target."""
    mean = middle(p)
    return (torch.xlogy(p, p) - torch.xlogy(p, mean)).sum(-1).mean()


def in_loops(p):
    """Number by number."""
    rows = rows_of(p).tolist()
    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    total = 0.0
    for row in rows:
        for x, m in zip(row, mean, strict=True):
            total += x * math.log(x / m) if x > 0 else 0.0
    return total / len(rows)


def with_scipy(p):
    """scipy's entropy, in double precision."""
    rows = rows_of(p).numpy().astype(np.float64)
    return scipy.stats.entropy(rows.mean(0)) - scipy.stats.entropy(rows, axis=1).mean()


@pytest.mark.parametrize("right", [as_mean_kl, in_loops, with_scipy, lambda p: h(middle(p.double())) - h(p).mean()])
def test_mutual_information_takes(right):
    assert_right(check.mutual_information, right)


WRONG_PROTOTYPES: Wrong = {
    "entropy": (lambda p: h(p.mean((0, 1))), "entropy itself"),
    "of the mean entropy": (lambda p: torch.e ** h(p).mean(), "share *one* picture"),
    "mean of each": (lambda p: torch.stack([h(row).exp() for row in rows_of(p)]).mean(), "how many prototypes each"),
    "one a row": (lambda p: torch.exp(h(p)), "a number for each target"),
    "winners": (lambda p: len(set(p.argmax(-1).flatten().tolist())), "counts the winners"),
    "above average": (lambda p: (middle(p) * p.shape[-1] > 1).sum(), "more than the average use"),
    "ever used": (lambda p: (rows_of(p).max(0).values > 1e-5).sum(), "ever given anything"),
    "views apart": (lambda p: (h(p[0].mean(0)).exp() + h(p[1].mean(0)).exp()) / 2, "Each view"),
    "power of two": (lambda p: torch.exp2(h(middle(p))), "don't belong together"),
    "participation": (lambda p: 1 / (middle(p) ** 2).sum(), "another measure"),
    "share": (lambda p: h(middle(p)).exp() / p.size(2), "share of K"),
    "sign": (lambda p: torch.exp(torch.xlogy(middle(p), middle(p)).sum()), "never above 1"),
    "summed": (lambda p: h(p.sum((0, 1))).exp(), "The mean target does not sum to 1"),
    "views averaged": (lambda p: h(p.mean(0).sum(0)).exp(), "The mean target does not sum to 1"),
    "a table": (lambda p: h(p.mean(0)).sum().exp(), "The mean target does not sum to 1"),
    "NaN": (lambda p: torch.exp(-(middle(p) * middle(p).log()).sum()), "0 · log 0"),
    "nothing": (lambda p: None, "gives back None"),
}


@pytest.mark.parametrize("what", WRONG_PROTOTYPES)
def test_effective_prototypes_names(what):
    assert_named(check.effective_prototypes, *WRONG_PROTOTYPES[what])


@pytest.mark.parametrize(
    "right",
    [
        lambda p: math.exp(scipy.stats.entropy(p.numpy().mean((0, 1)))),
        lambda p: 2 ** (h(middle(p)) / math.log(2)),
        lambda p: math.prod((1 / m) ** m for m in middle(p).tolist() if m),
        lambda p: torch.einsum("vbk->k", p.double()).div(len(rows_of(p))).pow(-middle(p)).nan_to_num(1.0).prod(),
    ],
)
def test_effective_prototypes_takes(right):
    assert_right(check.effective_prototypes, right)
