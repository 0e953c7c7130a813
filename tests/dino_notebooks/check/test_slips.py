"""The checks of the two losses to be mended: each slip that is left is named, and what people mend it into.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_slips.py
"""

import numpy as np
import pytest
import scipy.special
import torch
from torch.nn.functional import log_softmax, softmax
from wrong_answers import Wrong, assert_named, assert_right

from dino_notebooks import check


def as_printed(t, s, c, tau_t, tau_s):
    """All the slips of the pseudo-code."""
    t = t.detach()
    s = softmax(s / tau_s, dim=1)
    t = softmax((t - c) / tau_t, dim=1)
    return -(t * torch.log(s)).sum(dim=1).mean()


def dims(a, b, c_):
    """Only the dimensions are left to be mended: of the target, the student, the sum."""

    def h(t, s, c, tau_t, tau_s):
        p, q = softmax((t - c) / tau_t, dim=a).detach(), softmax(s / tau_s, dim=b)
        return -(p * torch.log(q)).sum(dim=c_).mean()

    return h


def target(t, c, tau_t):
    """The right target."""
    return softmax((t - c) / tau_t, dim=-1).detach()


def early_detach(t, s, c, tau_t, tau_s):
    """The centre comes in after the detach."""
    return -(softmax((t.detach() - c) / tau_t, -1) * log_softmax(s / tau_s, -1)).sum(-1).mean()


def center_detached(t, s, c, tau_t, tau_s):
    """The other way round: only the centre is detached."""
    return -(softmax((t - c.detach()) / tau_t, -1) * log_softmax(s / tau_s, -1)).sum(-1).mean()


def with_log(log):
    """Right but for how the logarithm of the shares is taken."""
    return lambda t, s, c, tau_t, tau_s: -(target(t, c, tau_t) * log(softmax(s / tau_s, -1))).sum(-1).mean()


WRONG_ENTROPIES: Wrong = {
    "as printed": (as_printed, "as you found it"),
    "sum left": (dims(-1, -1, 1), "Not over the prototypes yet: the sum."),
    "student left": (dims(2, 1, 2), "Not over the prototypes yet: the student's softmax."),
    "teacher left": (dims(1, 2, 2), "Not over the prototypes yet: the teacher's softmax."),
    "softmaxes left": (dims(1, 1, -1), "yet: the teacher's softmax and the student's softmax."),
    "student and sum left": (dims(-1, 1, 1), "yet: the student's softmax and the sum."),
    "teacher and sum left": (dims(1, -1, 1), "yet: the teacher's softmax and the sum."),
    "centre's gradient": (early_detach, "into the centre"),
    "teacher's gradient": (center_detached, "into the teacher's logits"),
    "log of softmax": (dims(-1, -1, -1), "large logits"),
    "with 1e-8": (with_log(lambda q: torch.log(q + 1e-8)), "it is finite, but capped"),
    "clamped": (with_log(lambda q: q.clamp(min=1e-8).log()), "no gradient is left"),
    "with 1e-3": (with_log(lambda q: torch.log(q + 1e-3)), "added to the shares"),
    "crossed again": (
        lambda t, s, c, tau_t, tau_s: -(target(t, c, tau_t).flip(0) * log_softmax(s / tau_s, -1)).sum(-1).mean(),
        "The views are crossed twice: the caller has done it.",
    ),
    "log of log": (
        lambda t, s, c, tau_t, tau_s: -(target(t, c, tau_t) * torch.log(torch.log_softmax(s / tau_s, 2))).sum(2).mean(),
        "what is one already",
    ),
    "log of target": (
        lambda t, s, c, tau_t, tau_s: -(target(t, c, tau_t).log() * log_softmax(s / tau_s, -1)).sum(-1).mean(),
        "targets are logarithms",
    ),
    "no log": (
        lambda t, s, c, tau_t, tau_s: -torch.einsum("vbk,vbk->vb", target(t, c, tau_t), softmax(s / tau_s, -1)).mean(),
        "lost their logarithm",
    ),
    "mean of all": (
        lambda t, s, c, tau_t, tau_s: -(target(t, c, tau_t) * log_softmax(s / tau_s, -1)).mean(),
        "The sum is gone",
    ),
    "sign": (
        lambda t, s, c, tau_t, tau_s: (target(t, c, tau_t) * log_softmax(s / tau_s, -1)).sum(-1).mean(),
        "minus has got lost",
    ),
    "all detached": (
        lambda t, s, c, tau_t, tau_s: -(target(t, c, tau_t) * log_softmax(s / tau_s, -1)).sum(-1).mean().detach(),
        "no gradient for the student",
    ),
    "no mean": (
        lambda t, s, c, tau_t, tau_s: -(target(t, c, tau_t) * log_softmax(s / tau_s, -1)).sum(-1),
        "The shape is (2, 1), and should be ()",
    ),
}


@pytest.mark.parametrize("what", WRONG_ENTROPIES)
def test_cross_entropy_names(what):
    assert_named(check.cross_entropy, *WRONG_ENTROPIES[what])


def in_loops(t, s, c, tau_t, tau_s):
    """Row by row, by logsumexp."""
    total = s.new_zeros(())
    for one, other in zip(t.flatten(0, 1), s.flatten(0, 1), strict=True):
        z = other / tau_s
        total = total - (torch.softmax((one - c) / tau_t, 0).detach() * (z - z.logsumexp(0))).sum()
    return total / (t.shape[0] * t.shape[1])


def targets_by_scipy(t, s, c, tau_t, tau_s):
    """numpy detaches by itself."""
    p = scipy.special.softmax((t.detach().numpy().astype(np.float64) - c.detach().numpy()) / tau_t, axis=-1)
    return -(torch.from_numpy(p) * log_softmax(s.double() / tau_s, -1)).sum(-1).mean()


def by_torch(t, s, c, tau_t, tau_s):
    """torch's own cross-entropy takes probabilities as targets."""
    with torch.no_grad():
        p = softmax((t - c) / tau_t, dim=2)
    return torch.nn.functional.cross_entropy((s / tau_s).flatten(0, 1), p.flatten(0, 1))


@pytest.mark.parametrize("right", [in_loops, targets_by_scipy, by_torch])
def test_cross_entropy_takes(right):
    assert_right(check.cross_entropy, right)


def products(s, p, tau):
    """-p log q for all pairs (2, V, B, K)."""
    return -torch.einsum("qbk,vbk->qvbk", p, log_softmax(s / tau, -1))


def different(s):
    """Pairs that stay."""
    q, v = torch.arange(2)[:, None], torch.arange(len(s))[None]
    return q != v


def zeroed(s, p, tau):
    """The table with the two pairs set to zero."""
    out = products(s, p, tau)
    out[0, 0] = 0
    out[1, 1] = 0
    return out


WRONG_PAIRS: Wrong = {
    "as found": (lambda s, p, tau: products(s, p, tau).sum(dim=1).mean(), "Both slips"),
    "same view kept": (lambda s, p, tau: products(s, p, tau).sum(3).mean(), "compared with itself"),
    "only zeroed": (lambda s, p, tau: zeroed(s, p, tau).sum(dim=1).mean(), "still adds up the views"),
    "masked, sum of pictures": (lambda s, p, tau: products(s, p, tau)[different(s)].sum(dim=1).mean(), "after a mask"),
    "masked, sum of pairs": (lambda s, p, tau: products(s, p, tau)[different(s)].sum(0).mean(), "pairs are added up"),
    "mask, but no sum": (
        lambda s, p, tau: products(s, p, tau)[different(s)].mean(),
        "averages over the prototypes, too",
    ),
    "with 1e-8": (
        lambda s, p, tau: -(p[:, None] * (softmax(s / tau, -1) + 1e-8).log()).sum(-1)[different(s)].mean(),
        "added to the shares",
    ),
    "zeros counted": (lambda s, p, tau: zeroed(s, p, tau).sum(dim=-1).mean(), "still counted"),
    "two sums": (lambda s, p, tau: products(s, p, tau).sum(-1).sum(1).mean(), "student's views still are"),
    "teacher's views": (lambda s, p, tau: products(s, p, tau).sum(dim=0).mean(), "teacher's views"),
    "pictures": (lambda s, p, tau: products(s, p, tau).sum(dim=2).mean(), "adds up the pictures"),
    "only locals": (lambda s, p, tau: products(s[2:], p, tau).sum(-1).mean(), "nothing left but the local views"),
    "sum of pairs": (lambda s, p, tau: zeroed(s, p, tau).sum(-1).mean(-1).sum(), "sum over all pairs"),
    "log of softmax": (
        lambda s, p, tau: -(p[:, None] * softmax(s / tau, -1).log()).sum(-1)[different(s)].mean(),
        "keep log_softmax",
    ),
    "a number": (lambda s, p, tau: float(products(s, p, tau).sum(-1)[different(s)].mean()), "no gradient"),
}


@pytest.mark.parametrize("what", WRONG_PAIRS)
def test_all_pairs_names(what):
    assert_named(check.all_pairs, *WRONG_PAIRS[what])


def two_loops(s, p, tau):
    """As the paper writes it."""
    q = log_softmax(s / tau, -1)
    terms = [-(p[i] * q[v]).sum(-1).mean() for i in range(2) for v in range(len(s)) if i != v]
    return sum(terms) / len(terms)


def all_minus_same(s, p, tau):
    """All pairs, less the two that should not be there."""
    full, same = products(s, p, tau).sum(-1), -(p * log_softmax(s[:2] / tau, -1)).sum(-1)
    return (full.sum() - same.sum()) / (full.numel() - same.numel())


@pytest.mark.parametrize(
    "right",
    [two_loops, all_minus_same, lambda s, p, tau: products(s.double(), p.double(), tau).sum(-1)[different(s)].mean()],
)
def test_all_pairs_takes(right):
    assert_right(check.all_pairs, right)
