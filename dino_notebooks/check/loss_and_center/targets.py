"""The exercise on the targets: from the teacher's logits to a distribution (paper §3.1)."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from dino_lite import loss
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Rule, carries_gradient


def teacher_probs(teacher_logits: Tensor, center: Tensor, temperature: float) -> Tensor:
    """Logits (2, B, K), centre (K,), τt → targets (2, B, K): minus the centre, sharpened, a softmax, no gradient."""
    return F.softmax((teacher_logits - center) / temperature, dim=-1).detach()


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


def gradient_into_center(function: Function) -> bool:
    """Whether the targets would carry a gradient into the centre; what is written with numpy can't."""
    logits = torch.randn(2, 3, 4, generator=Generator().manual_seed(0))
    try:
        return carries_gradient(function(logits, torch.zeros(4, requires_grad=True), 0.1))
    except RuntimeError:
        return False


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
            "The centre has no effect: it is missing, or only one number, such as its mean, is taken away. Softmax is "
            "blind to that.",
            lambda t, c, tau: F.softmax(t / tau, -1),
        ),
        Mistake(
            "The centre is taken from the shares. It belongs to the logits, before the softmax.",
            lambda t, c, tau: F.softmax(t / tau, -1) - c,
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
            "teacher logits with requires_grad=True",
        ),
        Rule(
            "But a gradient still flows into the centre, and with it into the teacher's logits of all steps before: "
            "detach what comes out last, not what comes in first.",
            gradient_into_center,
            "a centre with requires_grad=True",
        ),
        Rule(
            "But logits of 200 give NaN: exp overflows. Take the largest logit of each row away first, or use "
            "torch's softmax, which does.",
            overflows,
            "a row (200, 0, -200), with a temperature of 0.04",
        ),
    ),
    hints=(
        "Three things happen to a row of logits, one after the other: something is taken away, it is sharpened, and "
        "it becomes a distribution.",
        "Take the centre away from every row, divide by the temperature, then a softmax over the prototypes, the last "
        "dimension. A (K,) tensor broadcasts over (2, B, K) by itself.",
        "F.softmax((... - ...) / ..., dim=-1), and nothing of it may lead a gradient back into the teacher: .detach().",
    ),
    solution=teacher_probs,
)
