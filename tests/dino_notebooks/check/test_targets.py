"""The checks of targets and centre: every usual mistake is named, and right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_targets.py
"""

import numpy as np
import pytest
import torch
from wrong_answers import Wrong, assert_named, assert_right

from dino_notebooks import check


def softmax(x):
    """A softmax by hand."""
    e = (x - x.amax(-1, keepdim=True)).exp()
    return e / e.sum(-1, keepdim=True)


def naive(t, c, tau):
    """exp without its largest logit: right until it overflows."""
    e = torch.exp((t - c) / tau).detach()
    return e / e.sum(dim=-1, keepdim=True)


def rows_in_a_loop(t, c, tau):
    """Row by row, in a Python loop."""
    return torch.stack([torch.stack([softmax((row - c) / tau) for row in view]) for view in t]).detach()


def in_numpy(t, c, tau):
    """The same with numpy, in double precision."""
    x = (t.detach().numpy().astype(np.float64) - c.numpy()) / tau
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def overwritten(t, c, tau):
    """Works in the caller's tensor."""
    t -= c
    return torch.softmax(t / tau, -1).detach()


WRONG_TARGETS: Wrong = {
    "centre added": (lambda t, c, tau: softmax((t + c) / tau).detach(), "centre is added"),
    "no centre": (lambda t, c, tau: torch.softmax(t / tau, 2).detach(), "The centre has no effect: it is missing"),
    "mean of the centre": (lambda t, c, tau: softmax((t - c.mean()) / tau).detach(), "Softmax is blind to that"),
    "centre from the shares": (lambda t, c, tau: softmax(t / tau).detach() - c, "taken from the shares"),
    "detached too early": (lambda t, c, tau: torch.softmax((t.detach() - c) / tau, -1), "flows into the centre"),
    "no temperature": (lambda t, c, tau: softmax(t - c).detach(), "temperature is missing"),
    "times temperature": (lambda t, c, tau: softmax(tau * t - tau * c).detach(), "multiplied by the temperature"),
    "centre after temperature": (lambda t, c, tau: softmax(t / tau - c).detach(), "take it away first"),
    "over the pictures": (lambda t, c, tau: torch.softmax((t - c) / tau, dim=1).detach(), "over the pictures"),
    "over the views": (lambda t, c, tau: torch.softmax((t - c) / tau, dim=0).detach(), "over the two views"),
    "logarithm": (lambda t, c, tau: softmax((t - c) / tau).log().detach(), "logarithms"),
    "logits": (lambda t, c, tau: ((t - c) / tau).detach(), "softmax is missing"),
    "gradient": (lambda t, c, tau: torch.softmax((t - c) / tau, -1), "carry a gradient"),
    "half detached": (lambda t, c, tau: torch.softmax((t - c.detach()) / tau, -1), "carry a gradient"),
    "overflow": (naive, "NaN"),
    "in place": (overwritten, "changes its own input"),
    "one view": (lambda t, c, tau: softmax((t[0] - c) / tau).detach(), "The shape is (1, 3), and should be (2, 1, 3)"),
    "nothing": (lambda t, c, tau: None, "gives back None"),
    "text": (lambda t, c, tau: "softmax", "gives back str"),
    "error": (lambda t, c, tau: t.softmax(-1) @ c[None, None], "stops with RuntimeError"),
}


@pytest.mark.parametrize("what", WRONG_TARGETS)
def test_teacher_probs_names(what):
    assert_named(check.teacher_probs, *WRONG_TARGETS[what])


@pytest.mark.parametrize(
    "right",
    [
        rows_in_a_loop,
        in_numpy,
        lambda t, c, tau: softmax((t - c) / tau).detach(),
        lambda t, c, tau: torch.softmax((t - c).double() / tau, -1).detach(),
        lambda t, c, tau: torch.softmax((t - c) / tau, -1).half().detach(),
    ],
)
def test_teacher_probs_takes(right):
    assert_right(check.teacher_probs, right)


WRONG_CENTERS: Wrong = {
    "turned round": (lambda c, t, m: c + m * (t.mean((0, 1)) - c), "wrong side"),
    "no convex mean": (lambda c, t, m: m * c + t.flatten(0, 1).mean(0), "sum to 1"),
    "batch alone": (lambda c, t, m: t.flatten(0, 1).mean(0), "mean of this batch alone"),
    "one view": (lambda c, t, m: m * c + (1 - m) * t[0].mean(dim=0), "first view only"),
    "sum": (lambda c, t, m: m * c + (1 - m) * t.sum(0).sum(0), "adds up where it should average"),
    "views summed": (lambda c, t, m: m * c + (1 - m) * (t[0].mean(0) + t[1].mean(0)), "two views are added"),
    "a number": (lambda c, t, m: m * c + (1 - m) * t.mean(), "one number for all"),
    "probabilities": (lambda c, t, m: m * c + (1 - m) * softmax(t).mean((0, 1)), "raw logits"),
    "centred": (lambda c, t, m: c * m + (1 - m) * (t - c).mean(1).mean(0), "half of where it belongs"),
    "minus": (lambda c, t, m: m * c - (1 - m) * t.mean((0, 1)), "taken away instead"),
    "graph": (lambda c, t, m: m * c + (1 - m) * t.mean((0, 1)), "graph of every teacher pass"),
    "kept shape": (lambda c, t, m: m * c + (1 - m) * t.mean((0, 1), keepdim=True), "should be (3,)"),
}


@pytest.mark.parametrize("what", WRONG_CENTERS)
def test_update_center_names(what):
    assert_named(check.update_center, *WRONG_CENTERS[what])


def picture_by_picture(c, t, m):
    """The mean as a sum over pictures, divided at the end."""
    total = torch.zeros_like(c)
    for view in t.detach():
        for row in view:
            total = total + row
    return c.lerp(total / (t.shape[0] * t.shape[1]), 1 - m)


@pytest.mark.parametrize("right", [picture_by_picture, lambda c, t, m: (c + (1 - m) * (t.mean((0, 1)) - c)).detach()])
def test_update_center_takes(right):
    assert_right(check.update_center, right)
