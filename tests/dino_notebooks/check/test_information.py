"""The checks of entropy and KL: every usual mistake is named, and right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_information.py
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


WRONG_ENTROPIES: Wrong = {
    "NaN at zero": (lambda p: (p * torch.log(1 / p)).sum(dim=-1), "0 · log 0"),
    "sign": (lambda p: torch.xlogy(p, p).sum(-1), "never negative"),
    "bits": (lambda p: h(p) / math.log(2), "in bits"),
    "mean of prototypes": (lambda p: -torch.xlogy(p, p).mean(dim=-1), "averaged over the prototypes"),
    "mean of rows": (lambda p: h(p).mean(), "one number for all rows"),
    "sum of rows": (lambda p: -torch.xlogy(p, p).sum(), "rows are summed"),
    "first dimension": (lambda p: -torch.xlogy(p, p).sum(dim=0), "prototypes are the last"),
    "kept dimension": (lambda p: -torch.xlogy(p, p).sum(-1, keepdim=True), "The shape is (2, 1), and should be (2,)"),
    "with an epsilon": (lambda p: -(p * (p + 1e-2).log()).sum(-1), "not"),
}


@pytest.mark.parametrize("what", WRONG_ENTROPIES)
def test_entropy_names(what):
    assert_named(check.entropy, *WRONG_ENTROPIES[what])


@pytest.mark.parametrize(
    "right",
    [
        h,
        lambda p: scipy.stats.entropy(p.numpy(), axis=-1),
        lambda p: -(p * p.clamp_min(1e-30).log()).sum(-1),
        lambda p: np.array(
            [-sum(x * math.log(x) for x in row if x) for row in p.reshape(-1, p.shape[-1]).tolist()]
        ).reshape(p.shape[:-1]),
    ],
)
def test_entropy_takes(right):
    assert_right(check.entropy, right)


def kl(p, q):
    """KL from the entropy and the cross-entropy."""
    return -(p * q).sum(-1) - h(p)


WRONG_KLS: Wrong = {
    "NaN at zero": (lambda p, q: (p * p.log() - p * q).sum(-1), "0 · log 0"),
    "cross-entropy": (lambda p, q: torch.einsum("...k,...k->...", p, -q), "cross-entropy"),
    "sign": (lambda p, q: h(p) + (p * q).sum(-1), "never negative"),
    "exchanged": (lambda p, q: (q.exp() * q - torch.xlogy(q.exp(), p)).sum(-1), "exchanged"),
    "exchanged, written out": (
        lambda p, q: (q.exp() * (q - p.clamp(min=1e-9).log())).sum(-1),
        "exchanged",
    ),
    "exchanged, by torch": (
        lambda p, q: torch.nn.functional.kl_div((p + 1e-12).log(), q.exp(), reduction="none").sum(-1),
        "exchanged",
    ),
    "entropy of Q": (lambda p, q: -(p * q).sum(-1) - h(q.exp()), "entropy of Q is taken away"),
    "logarithm twice": (lambda p, q: (torch.xlogy(p, p) - p * torch.log(q)).sum(-1), "second argument is log Q"),
    "entropy added": (lambda p, q: h(p) - (p * q).sum(-1), "minus"),
    "mean of rows": (lambda p, q: kl(p, q).mean(), "one number for all rows"),
    "mean of prototypes": (lambda p, q: (torch.xlogy(p, p) - p * q).mean(-1), "averaged over the prototypes"),
    "batchmean": (
        lambda p, q: torch.nn.functional.kl_div(q, p, reduction="batchmean"),
        "should be (2,)",
    ),
}


@pytest.mark.parametrize("what", WRONG_KLS)
def test_kl_names(what):
    assert_named(check.kl_divergence, *WRONG_KLS[what])


@pytest.mark.parametrize(
    "right",
    [kl, lambda p, q: torch.nn.functional.kl_div(q, p, reduction="none").sum(-1), lambda p, q: -h(p) - (p * q).sum(-1)],
)
def test_kl_takes(right):
    assert_right(check.kl_divergence, right)
