"""The exercise on log-softmax: the logarithm of a softmax that never is minus infinity."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from dino_notebooks.check.exercise import Arguments, Exercise, Mistake
from dino_notebooks.check.loss_and_center.large_logits import about_large_logits, something_added


def log_softmax(logits: Tensor, temperature: float) -> Tensor:
    """The logarithm of the softmax of logits / τ over the last dimension, (..., K) → (..., K)."""
    z = logits / temperature
    z = z - z.amax(dim=-1, keepdim=True)  # softmax does not change, and exp can't overflow
    return z - z.exp().sum(dim=-1, keepdim=True).log()  # the sum is at least 1


def softmax_cases(generator: Generator) -> list[Arguments]:
    """(logits (..., K), τ)."""
    return [
        (torch.randn(*shape, generator=generator), temperature)
        for shape, temperature in (((2, 3), 0.5), ((2, 3, 4), 0.1), ((5, 2), 2.0))
    ]


LARGE = torch.tensor([[300.0, 0.0], [0.0, -300.0]])  # one row, and rows that are far apart


LOG_SOFTMAX = Exercise(
    name="log_softmax",
    right=log_softmax,
    cases=softmax_cases,
    argument_names=("logits", "temperature"),
    mistakes=(
        Mistake("The temperature is missing.", lambda x, tau: F.log_softmax(x, -1)),
        Mistake(
            "The logits are multiplied by the temperature, and should be divided.",
            lambda x, tau: F.log_softmax(x * tau, -1),
        ),
        Mistake(
            "The temperature comes too late: what is divided are the logarithms of the shares, which then don't sum "
            "to 1. The logits are divided.",
            lambda x, tau: F.log_softmax(x, -1) / tau,
        ),
        Mistake("These are the shares themselves: the logarithm is missing.", lambda x, tau: F.softmax(x / tau, -1)),
        Mistake(
            "It runs over the first dimension. The prototypes are the last.", lambda x, tau: F.log_softmax(x / tau, 0)
        ),
        Mistake(
            "It runs over dimension 1, which is the last only where there are two. Count from the end: -1.",
            lambda x, tau: F.log_softmax(x / tau, 1),
        ),
        Mistake(
            "The sum runs over all rows. Each row has a sum of its own.",
            lambda x, tau: x / tau - (x / tau).flatten().logsumexp(0),
        ),
        Mistake(
            "The largest logit is taken away, and nothing else. What about the logarithm of the sum?",
            lambda x, tau: x / tau - (x / tau).amax(-1, keepdim=True),
        ),
        Mistake(
            "The sum is taken away without its logarithm.",
            lambda x, tau: x / tau - (x / tau).exp().sum(-1, keepdim=True),
        ),
        Mistake(
            "It has the wrong sign: a share is at most 1, so its logarithm is never positive.",
            lambda x, tau: -F.log_softmax(x / tau, -1),
        ),
        something_added(lambda log: log),
        Mistake(
            "The largest logit is taken away twice: from the logits and once more at the end.",
            lambda x, tau: F.log_softmax(x / tau, -1) - (x / tau).amax(-1, keepdim=True),
        ),
    ),
    rules=about_large_logits(
        "But large logits give infinity or NaN. Either exp overflows, or a share becomes 0 and has no logarithm. "
        "Take the largest logit of each *row* away first, and take no logarithm of a share.",
        log_softmax,
        (LARGE, 0.1),
        0,
        "rows (300, 0) and (0, -300), with a temperature of 0.1",
    ),
    hints=(
        "Write down the logarithm of a fraction: log(a / b) = log a - log b. What is log(exp(z))?",
        "Divide by the temperature, then take away the largest logit of each row: amax(dim=-1, keepdim=True). After "
        "that the sum of exp(z) is at least 1.",
        "z - z.exp().sum(dim=-1, keepdim=True).log(), with the z of the second hint. torch.log_softmax does the same.",
    ),
)
