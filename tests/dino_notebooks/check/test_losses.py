"""The check of the loss: every usual mistake is named, and right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_losses.py
"""

import pytest
import torch
from torch.nn.functional import cross_entropy, log_softmax, softmax
from wrong_answers import Wrong, assert_named, assert_right

from dino_notebooks import check


def cross(s, p, tau):
    """Cross-entropies of all teacher views with all student views (2, V, B)."""
    return -torch.einsum("qbk,vbk->qvb", p, log_softmax(s / tau, -1))


def others(v):
    """Which of them are pairs of different views (2, V)."""
    return ~torch.eye(v, dtype=torch.bool)[:2]


def with_einsum(s, p, tau):
    """All pairs at once, then a mask."""
    return cross(s, p, tau)[others(len(s))].mean()


def with_torch_cross_entropy(s, p, tau):
    """torch's own loss, which takes distributions as targets."""
    pairs = [(q, v) for v in range(s.shape[0]) for q in (0, 1) if q != v]
    return sum(cross_entropy(s[v] / tau, p[q]) for q, v in pairs) / len(pairs)


def number_by_number(s, p, tau):
    """Four loops."""
    total, count = s.new_zeros(()), 0
    for q in range(2):
        for v in range(s.shape[0]):
            if v == q:
                continue
            for b in range(s.shape[1]):
                row = s[v, b] / tau
                log_sum = row.max() + (row - row.max()).exp().sum().log()
                for k in range(s.shape[2]):
                    total = total - p[q, b, k] * (row[k] - log_sum)
                count += 1
    return total / count


def only_globals(s, p, tau):
    """Forgets the local views."""
    q = log_softmax(s / tau, -1)
    return -((p[0] * q[1]).sum(-1).mean() + (p[1] * q[0]).sum(-1).mean()) / 2


def log_of_softmax(s, p, tau):
    """The numerically weak form."""
    q = torch.log(softmax(s / tau, -1))
    pairs = [-(p[i] * q[v]).sum(-1).mean() for i in range(2) for v in range(len(s)) if i != v]
    return torch.stack(pairs).mean()


def with_log(log):
    """The weak form, with another logarithm of the shares."""

    def loss(s, p, tau):
        q = log(softmax(s / tau, -1))
        return -torch.einsum("qbk,vbk->qvb", p, q)[others(len(s))].mean()

    return loss


def locals_in_loops(s, p, tau, least=0):
    """Begins with the first local view."""
    total, count = 0.0, 0
    for q in (0, 1):
        for v in range(2, len(s)):
            total = total + cross_entropy(s[v] / tau, p[q])
            count += 1
    return total / max(count, least)


def exchanged(s, p, tau):
    """The student's distribution weighs the logarithms of the targets."""
    q = softmax(s / tau, -1)
    return -torch.einsum("vbk,qbk->qvb", q, p.log())[others(len(s))].mean()


def views_added_classes_averaged(s, p, tau):
    """A public re-implementation's slip: .sum(dim=1).mean() on a tensor (T, V, B, K)."""
    return (-p[:, None] * log_softmax(s / tau, -1)[None]).sum(dim=1).mean()


def divergence(s, p, tau):
    """KL instead of cross-entropy."""
    return (cross(s, p, tau)[others(len(s))]).mean() - torch.special.entr(p).sum(-1).mean()


WRONG_LOSSES: Wrong = {
    "same view kept": (lambda s, p, tau: cross(s, p, tau).mean(), "compared with itself"),
    "divided by all pairs": (
        lambda s, p, tau: cross(s, p, tau).mean(-1)[others(len(s))].sum() / (2 * s.shape[0]),
        "still counted in the mean",
    ),
    "sum of pairs": (lambda s, p, tau: cross(s, p, tau).mean(-1)[others(len(s))].sum(), "sum over the pairs"),
    "sum of pictures": (lambda s, p, tau: cross(s, p, tau).sum(-1)[others(len(s))].mean(), "sum over the pictures"),
    "sum of all": (lambda s, p, tau: cross(s, p, tau)[others(len(s))].sum(), "Nothing is averaged"),
    "mean of prototypes": (lambda s, p, tau: with_einsum(s, p, tau) / s.shape[-1], "averaged over the prototypes"),
    "views added": (views_added_classes_averaged, "summed over the views"),
    "no temperature": (lambda s, p, tau: with_einsum(s, p, 1), "temperature is missing"),
    "times temperature": (lambda s, p, tau: with_einsum(s * tau, p, 1), "multiplied by the temperature"),
    "exchanged": (exchanged, "exchanged"),
    "no logarithm": (
        lambda s, p, tau: -torch.einsum("qbk,vbk->qvb", p, softmax(s / tau, -1))[others(len(s))].mean(),
        "without their logarithm",
    ),
    "only locals": (lambda s, p, tau: cross(s, p, tau)[:, 2:].mean(), "Only the local views"),
    "only globals": (only_globals, "two global views"),
    "softmax twice": (lambda s, p, tau: with_einsum(s, softmax(p / tau, -1), tau), "probabilities already"),
    "sign": (lambda s, p, tau: -with_einsum(s, p, tau), "wrong sign"),
    "KL": (divergence, "This is the KL"),
    "over the pictures": (
        lambda s, p, tau: -torch.einsum("qbk,vbk->qvb", p, log_softmax(s / tau, 1))[others(len(s))].mean(),
        "runs over the pictures",
    ),
    "with 1e-8": (with_log(lambda q: (q + 1e-8).log()), "added to the shares"),
    "with 1e-30": (with_log(lambda q: (q + 1e-30).log()), "finite, but capped"),
    "clamped": (with_log(lambda q: q.clamp(min=1e-7).log()), "cut off from below"),
    "softmax of the targets": (
        lambda s, p, tau: with_einsum(s, p.softmax(-1), tau),
        "A softmax is taken of the targets",
    ),
    "locals in loops": (locals_in_loops, "Only the local views are compared"),
    "locals, nothing without": (lambda s, p, tau: locals_in_loops(s, p, tau, 1), "Only the local views are compared"),
    "locals among all": (
        lambda s, p, tau: cross(s, p, tau)[:, 2:].mean(-1).sum() / (2 * len(s) - 2),
        "divided by the number of all pairs",
    ),
    "log of softmax": (log_of_softmax, "log(0)"),
    "detached": (lambda s, p, tau: with_einsum(s.detach(), p, tau), "no gradient"),
    "a number": (lambda s, p, tau: with_einsum(s, p, tau).item(), "no gradient"),
    "a row each": (lambda s, p, tau: cross(s, p, tau)[others(len(s))].mean(0), "The shape is (1,), and should be ()"),
    "twice": (lambda s, p, tau: 2 * with_einsum(s, p, tau), "2 times"),
}


@pytest.mark.parametrize("what", WRONG_LOSSES)
def test_names(what):
    assert_named(check.dino_loss, *WRONG_LOSSES[what])


@pytest.mark.parametrize("right", [with_einsum, with_torch_cross_entropy, number_by_number])
def test_takes(right):
    assert_right(check.dino_loss, right)
    assert_right(check.dino_loss, lambda s, p, tau: right(s.double(), p.double(), tau))


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_large_logits_may_be_rounded(kind):
    assert_right(check.dino_loss, lambda s, p, tau: with_einsum(s, p, tau).to(kind))


def test_a_cap_on_the_gradient_alone_is_seen():
    """The value is right, but the slope is that of a share with something added."""

    def loss(s, p, tau):
        weak = with_log(lambda q: (q + 1e-30).log())(s, p, tau)
        return weak + (with_einsum(s, p, tau) - weak).detach()

    assert_named(check.dino_loss, loss, "no gradient is left")
