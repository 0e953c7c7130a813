"""The checks of log-softmax and of the loss at a uniform collapse: mistakes are named, right answers are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_log_softmax.py
"""

import math

import pytest
import scipy.special
import torch
from wrong_answers import Wrong, assert_named, assert_right

from dino_notebooks import check


def shares(z):
    """A softmax by hand, that overflows."""
    e = z.exp()
    return e / e.sum(-1, keepdim=True)


def one_maximum(x, tau):
    """Takes the largest of all logits away, not that of each row."""
    z = x / tau - (x / tau).max()
    return z - z.exp().sum(-1, keepdim=True).log()


def maximum_of_rows(x, tau):
    """Right, but the temperature comes after the shift."""
    z = (x - x.max(-1, keepdim=True).values) / tau
    return z - torch.log(torch.exp(z).sum(-1, keepdim=True))


WRONG_LOGS: Wrong = {
    "no temperature": (lambda x, tau: torch.log_softmax(x, -1), "temperature is missing"),
    "times temperature": (lambda x, tau: maximum_of_rows(x, 1 / tau), "multiplied by the temperature"),
    "temperature late": (lambda x, tau: maximum_of_rows(x, 1) / tau, "comes too late"),
    "shares": (lambda x, tau: shares(x / tau), "logarithm is missing"),
    "first dimension": (lambda x, tau: (x / tau) - torch.logsumexp(x / tau, dim=0), "first dimension"),
    "dimension 1": (lambda x, tau: torch.softmax(x / tau, dim=1).log(), "Count from the end"),
    "one sum": (lambda x, tau: x / tau - (x / tau).exp().sum().log(), "over all rows"),
    "only shifted": (lambda x, tau: (x - x.max(-1, keepdim=True)[0]) / tau, "and nothing else"),
    "sum as it is": (lambda x, tau: x / tau - (x / tau).exp().sum(-1)[..., None], "without its logarithm"),
    "sign": (lambda x, tau: torch.logsumexp(x / tau, -1, keepdim=True) - x / tau, "wrong sign"),
    "naive": (lambda x, tau: torch.log(torch.softmax(x / tau, -1)), "infinity or NaN"),
    "exp overflows": (lambda x, tau: x / tau - (x / tau).exp().sum(-1, keepdim=True).log(), "infinity or NaN"),
    "with 1e-8": (lambda x, tau: torch.log(torch.softmax(x / tau, -1) + 1e-8), "added to the shares"),
    "with 1e-30": (lambda x, tau: torch.log(torch.softmax(x / tau, -1) + 1e-30), "finite, but capped"),
    "clamped": (lambda x, tau: torch.softmax(x / tau, dim=-1).clamp(min=1e-8).log(), "cut off from below"),
    "one maximum": (one_maximum, "each *row*"),
    "in place": (lambda x, tau: torch.log_softmax(x.div_(tau), -1), "changes its own input"),
    "kept out of the sum": (lambda x, tau: x / tau - (x / tau).logsumexp(-1), "stops with RuntimeError"),
}


@pytest.mark.parametrize("what", WRONG_LOGS)
def test_log_softmax_names(what):
    assert_named(check.log_softmax, *WRONG_LOGS[what])


def row_by_row(x, tau):
    """Numbers in a loop, with math."""
    rows = []
    for row in (x.double() / tau).reshape(-1, x.shape[-1]).tolist():
        top = max(row)
        total = sum(math.exp(z - top) for z in row)
        rows.append([z - top - math.log(total) for z in row])
    return torch.tensor(rows).view(x.shape)


@pytest.mark.parametrize(
    "right",
    [
        maximum_of_rows,
        row_by_row,
        lambda x, tau: torch.nn.functional.log_softmax(x.double() / tau, dim=-1),
        lambda x, tau: scipy.special.log_softmax(x.numpy() / tau, axis=-1),
        lambda x, tau: x / tau - torch.logsumexp(x / tau, dim=-1, keepdim=True),
    ],
)
def test_log_softmax_takes(right):
    assert_right(check.log_softmax, right)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("0", "other collapse"),
        (0, "other collapse"),
        ("3.61", "base 10"),
        ("12", "in bits"),
        (4096, "number of prototypes"),
        ("1", "sum of the shares"),
        (None, "Nothing is chosen"),
        ("9.01", "not among the answers"),
    ],
)
def test_uniform_loss_names(answer, words):
    assert_named(check.uniform_loss, answer, words)


@pytest.mark.parametrize("answer", ["8.32", 8.32, " 8.32 "])
def test_uniform_loss_takes(answer):
    assert_right(check.uniform_loss, answer)
