"""The exercise on prototypes in use: how many, by the entropy of the mean target."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torch.special import entr

from dino_lite import collapse
from dino_notebooks.check.exercise import Arguments, Exercise, Mistake


def target_cases(generator: Generator) -> list[Arguments]:
    """(P (2, B, K),): uneven prototypes, and exact zeros in the last."""
    cases: list[Arguments] = []
    for b, k in ((2, 3), (3, 5), (5, 4)):
        leaning = 1.5 * torch.randn(k, generator=generator)  # some prototypes win more often
        cases.append((F.softmax(1.5 * torch.randn(2, b, k, generator=generator) + leaning, -1),))
    sharp = torch.tensor([[[1.0, 0.0, 0.0], [0.5, 0.5, 0.0]], [[1.0, 0.0, 0.0], [0.25, 0.75, 0.0]]])
    return [*cases, (sharp,)]


def h(p: Tensor) -> Tensor:
    """The entropy of each row."""
    return entr(p).sum(-1)


def mean_row(p: Tensor) -> Tensor:
    """The mean target of all rows (K,)."""
    return p.flatten(0, -2).mean(0)


def unsafe(p: Tensor) -> Tensor:
    """An entropy that is NaN where a probability is 0."""
    return -(p * p.log()).sum(-1)


NAN_AT_ZERO = "Where a probability is 0 it gives NaN: 0 · log 0 counts as 0, as torch.special.entr knows."


def winners(p: Tensor) -> float:
    """How many prototypes are the largest of some row."""
    return float(p.flatten(0, -2).argmax(-1).unique().numel())


EFFECTIVE_PROTOTYPES = Exercise(
    name="effective_prototypes",
    right=collapse.effective_prototypes,
    cases=target_cases,
    argument_names=("probs",),
    mistakes=(
        Mistake(
            "This is the entropy itself, in nats. What undoes the logarithm, and gives a number of prototypes?",
            lambda p: h(mean_row(p)),
        ),
        Mistake(
            "The entropy is taken of each target, and then averaged: that is the number of prototypes that share *one* "
            "picture. Average first, for those that are shared by all pictures.",
            lambda p: h(p).mean().exp(),
        ),
        Mistake(
            "It is the mean over the targets of how many prototypes each one uses. Average the targets first.",
            lambda p: h(p).exp().mean(),
        ),
        Mistake("It is a number for each target. Average the targets first.", lambda p: h(p).exp()),
        Mistake(
            "It counts the winners. A prototype that is second everywhere is in use too: let the mean target decide.",
            winners,
        ),
        Mistake(
            "It counts the prototypes of more than the average use. With exp(entropy) rare ones count a little.",
            lambda p: float((mean_row(p) > 1 / p.shape[-1]).sum()),
        ),
        Mistake(
            "It counts the prototypes that are ever given anything, which is nearly always all of them.",
            lambda p: float((mean_row(p) > 1e-6).sum()),
        ),
        Mistake(
            "Each view has a mean target of its own here. There is one mean, over both views and all pictures.",
            lambda p: h(p.mean(1)).exp().mean(),
        ),
        Mistake(
            "2 to the power of an entropy in nats: base and logarithm don't belong together.",
            lambda p: 2 ** h(mean_row(p)),
        ),
        Mistake(
            "It is 1 / Σ p², another measure of how many are in use, with less weight on the rare ones. Here it is the "
            "one by entropy.",
            lambda p: 1 / mean_row(p).square().sum(),
        ),
        Mistake(
            "It is a share of K. It is asked as a number of prototypes, from 1 to K.",
            lambda p: h(mean_row(p)).exp() / p.shape[-1],
        ),
        Mistake(
            "The sign of the entropy is wrong: this is never above 1.",
            lambda p: (-h(mean_row(p))).exp(),
        ),
        Mistake(
            "The mean target does not sum to 1. Its mean is over both: the views and the pictures.",
            lambda p: h(p.flatten(0, -2).sum(0)).exp(),
            (
                lambda p: h(p.mean(0).sum(0)).exp(),
                lambda p: h(p.mean(1).sum(0)).exp(),
                lambda p: entr(p.mean(0)).sum().exp(),
                lambda p: entr(p.mean(1)).sum().exp(),
            ),
        ),
        Mistake(NAN_AT_ZERO, lambda p: unsafe(mean_row(p)).exp()),
    ),
    hints=(
        "If n prototypes were used evenly, the entropy of the mean target would be ln n. Read it backwards.",
        "First the mean target over both views and all pictures, then its entropy, then what undoes a logarithm.",
        "torch.exp(h(probs.flatten(0, -2).mean(0))), with h(p) = torch.special.entr(p).sum(-1).",
    ),
)
