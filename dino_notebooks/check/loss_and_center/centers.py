"""The exercise on the centre: a mean of the teacher's logits over many steps (paper §3.1, Eq. 4)."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from dino_lite import loss
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Rule, carries_gradient


def update_center(center: Tensor, teacher_logits: Tensor, momentum: float) -> Tensor:
    """Centre (K,) and teacher logits (2, B, K) → the centre after this batch (K,), without a gradient."""
    mean = teacher_logits.detach().mean(dim=(0, 1))  # over both views and all pictures
    return momentum * center + (1 - momentum) * mean


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
            "teacher logits with requires_grad=True",
        ),
    ),
    hints=(
        "The centre is an average over many steps: a large part of what it was, and a small part of this batch.",
        "This batch's part is the mean over both views and all pictures, dim=(0, 1): one number a prototype.",
        "momentum * center + (1 - momentum) * mean, without a gradient.",
    ),
    solution=update_center,
)
