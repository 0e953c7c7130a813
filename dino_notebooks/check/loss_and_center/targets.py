"""Exercises on the targets: from the teacher's logits to a distribution, and the centre (paper §3.1)."""

import torch
import torch.nn.functional as F
from torch import Generator

from dino_lite import loss
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Rule, carries_gradient


def target_cases(generator: Generator) -> list[Arguments]:
    """(teacher logits (2, B, K), centre (K,), τt): uneven centres, and two temperatures."""
    return [
        (torch.randn(2, b, k, generator=generator), torch.randn(k, generator=generator), temperature)
        for b, k, temperature in ((1, 3, 0.5), (3, 5, 0.1), (4, 7, 0.2))
    ]


def has_gradient(function: Function) -> bool:
    """Whether the targets would carry a gradient into the teacher."""
    logits = torch.randn(2, 3, 4, generator=Generator().manual_seed(0), requires_grad=True)
    return carries_gradient(function(logits, torch.zeros(4), 0.1))


def overflows(function: Function) -> bool:
    """Whether large logits end as NaN."""
    logits = torch.tensor([[[200.0, 0.0, -200.0]]] * 2)
    return bool(torch.as_tensor(function(logits, torch.zeros(3), 0.04)).isnan().any())


TEACHER_PROBS = Exercise(
    name="teacher_probs",
    right=loss.teacher_probs,
    cases=target_cases,
    argument_names=("teacher_logits", "center", "temperature"),
    mistakes=(
        Mistake(
            "The centre is added. Which prototypes would that favour: those that win too often, or the others?",
            lambda t, c, tau: F.softmax((t + c) / tau, -1),
        ),
        Mistake(
            "The centre is missing: without it one prototype can win every picture.",
            lambda t, c, tau: F.softmax(t / tau, -1),
        ),
        Mistake(
            "The temperature is missing: what makes these targets sharper than the student's?",
            lambda t, c, tau: F.softmax(t - c, -1),
        ),
        Mistake(
            "The logits are multiplied by the temperature. Dividing by a small number is what sharpens.",
            lambda t, c, tau: F.softmax((t - c) * tau, -1),
        ),
        Mistake(
            "Only the logits are divided by the temperature, and the centre is taken away after it. The centre is in "
            "the units of the logits: take it away first.",
            lambda t, c, tau: F.softmax(t / tau - c, -1),
        ),
        Mistake(
            "The softmax runs over the pictures (dim=1). Each *picture* needs a distribution over prototypes: which "
            "dimension are the prototypes?",
            lambda t, c, tau: F.softmax((t - c) / tau, 1),
        ),
        Mistake(
            "The softmax runs over the two views (dim=0). Which dimension are the prototypes?",
            lambda t, c, tau: F.softmax((t - c) / tau, 0),
        ),
        Mistake(
            "These are logarithms of the probabilities. The target is the probabilities themselves.",
            lambda t, c, tau: F.log_softmax((t - c) / tau, -1),
        ),
        Mistake(
            "These are logits: the softmax is missing, so the rows don't sum to 1.",
            lambda t, c, tau: (t - c) / tau,
        ),
    ),
    rules=(
        Rule(
            "But the targets carry a gradient, which would flow into the teacher: detach them, after the softmax.",
            has_gradient,
        ),
        Rule(
            "But logits of 200 give NaN: exp overflows. Take the largest logit of each row away first, or use "
            "torch's softmax, which does.",
            overflows,
        ),
    ),
    hints=(
        "Three things happen to a row of logits, one after the other: something is taken away, it is sharpened, and "
        "it becomes a distribution.",
        "Take the centre away from every row, divide by the temperature, then a softmax over the prototypes, the last "
        "dimension. A (K,) tensor broadcasts over (2, B, K) by itself.",
        "F.softmax((... - ...) / ..., dim=-1), and nothing of it may lead a gradient back into the teacher: .detach().",
    ),
)


def center_cases(generator: Generator) -> list[Arguments]:
    """(centre (K,), teacher logits (2, B, K), momentum)."""
    return [
        (torch.randn(k, generator=generator), torch.randn(2, b, k, generator=generator) + 0.5, momentum)
        for b, k, momentum in ((2, 3, 0.9), (5, 4, 0.6), (3, 6, 0.99))
    ]


def center_keeps_graph(function: Function) -> bool:
    """Whether the centre would carry the graph of every teacher pass so far."""
    logits = torch.randn(2, 3, 4, generator=Generator().manual_seed(0), requires_grad=True)
    return carries_gradient(function(torch.zeros(4), logits, 0.9))


UPDATE_CENTER = Exercise(
    name="update_center",
    right=loss.update_center,
    cases=center_cases,
    argument_names=("center", "teacher_logits", "momentum"),
    mistakes=(
        Mistake(
            "The momentum is on the wrong side: with 0.9 the centre should keep nine tenths of itself.",
            lambda c, t, m: (1 - m) * c + m * t.mean((0, 1)),
        ),
        Mistake(
            "The mean of the logits is added whole. The two weights have to sum to 1, or the centre ends far above "
            "the mean.",
            lambda c, t, m: m * c + t.mean((0, 1)),
        ),
        Mistake(
            "It is the mean of this batch alone. What does the momentum do?",
            lambda c, t, m: t.mean((0, 1)),
        ),
        Mistake(
            "It uses the mean of the first view only. The teacher has seen two.",
            lambda c, t, m: m * c + (1 - m) * t[0].mean(0),
        ),
        Mistake(
            "It adds up where it should average.",
            lambda c, t, m: m * c + (1 - m) * t.sum((0, 1)),
        ),
        Mistake(
            "The two views are added up: only the pictures are averaged.",
            lambda c, t, m: m * c + (1 - m) * t.mean(1).sum(0),
        ),
        Mistake(
            "It is one number for all prototypes. A number taken away from all logits changes no softmax: the centre "
            "needs one for each prototype.",
            lambda c, t, m: m * c + (1 - m) * t.mean(),
        ),
        Mistake(
            "It averages probabilities. The centre is a mean of the raw logits, since it is taken away from them.",
            lambda c, t, m: m * c + (1 - m) * F.softmax(t, -1).mean((0, 1)),
        ),
        Mistake(
            "The old centre was taken from the logits before their mean. The centre follows the raw logits; centred "
            "ones would bring it to half of where it belongs.",
            lambda c, t, m: m * c + (1 - m) * (t - c).mean((0, 1)),
        ),
        Mistake(
            "The mean is taken away instead of added.",
            lambda c, t, m: m * c - (1 - m) * t.mean((0, 1)),
        ),
    ),
    rules=(
        Rule(
            "But the centre keeps a gradient, and with it the graph of every teacher pass so far: memory grows with "
            "each step. Detach it, or work under torch.no_grad().",
            center_keeps_graph,
        ),
    ),
    hints=(
        "The centre is an average over many steps: a large part of what it was, and a small part of this batch.",
        "This batch's part is the mean over both views and all pictures, dim=(0, 1): one number a prototype.",
        "momentum * center + (1 - momentum) * mean, without a gradient.",
    ),
)
