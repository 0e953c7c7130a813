"""Exercises on what all targets together tell: information about the picture, and prototypes in use."""

import math

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

MUTUAL_INFORMATION = Exercise(
    name="mutual_information",
    right=collapse.mutual_information,
    cases=target_cases,
    argument_names=("probs",),
    mistakes=(
        Mistake(
            "This is the mean entropy of the targets alone. It is small where a single target is sharp, also when all "
            "pictures get the same one. What must it be compared with?",
            lambda p: h(p).mean(),
        ),
        Mistake(
            "This is the entropy of the mean target alone. It is large when many prototypes are in use, also when "
            "every single target is flat. What must be taken away?",
            lambda p: h(mean_row(p)),
        ),
        Mistake(
            "It has the wrong sign: information is never negative, since averaging targets only makes them flatter.",
            lambda p: h(p).mean() - h(mean_row(p)),
        ),
        Mistake("It is in bits. Here information is in nats, by the natural logarithm.", lambda p: mi(p) / math.log(2)),
        Mistake(
            "Each view has a mean target of its own here. There is one mean, over both views and all pictures.",
            lambda p: (h(p.mean(1)) - h(p).mean(1)).mean(),
        ),
        Mistake(
            "The mean is over the two views of a picture: that tells how much they disagree. The mean target is over "
            "the pictures, too.",
            lambda p: h(p.mean(0)).mean() - h(p).mean(),
        ),
        Mistake(
            "The targets are compared with the uniform distribution (ln K). A run where all pictures share one sharp "
            "target would look full of information. Compare with the mean target.",
            lambda p: math.log(p.shape[-1]) - h(p).mean(),
        ),
        Mistake(
            "This compares the mean target with the uniform distribution: it tells how unevenly prototypes are used, "
            "and nothing about a single picture.",
            lambda p: math.log(p.shape[-1]) - h(mean_row(p)),
        ),
        Mistake(
            "It is a number for each target. It is asked of all together: their entropies are averaged.",
            lambda p: h(mean_row(p)) - h(p),
        ),
        Mistake(
            "The entropies of the targets are summed up where they should be averaged.",
            lambda p: h(mean_row(p)) - h(p).sum(),
        ),
        Mistake(
            "The targets are summed up where they should be averaged: such a sum is no distribution.",
            lambda p: h(p.flatten(0, -2).sum(0)) - h(p).mean(),
        ),
        Mistake("It is divided by K. An entropy is a sum over the prototypes.", lambda p: mi(p) / p.shape[-1]),
        Mistake(
            "It is divided by its largest possible value, so that it is a share. It is asked in nats.",
            lambda p: mi(p) / math.log(min(p.shape[-1], p[..., 0].numel())),
        ),
        Mistake(NAN_AT_ZERO, lambda p: unsafe(mean_row(p)) - unsafe(p).mean()),
    ),
    hints=(
        "Two entropies are compared: that of a single target, and that of a target about which one knows only that it "
        "is one of them. When are the two the same?",
        "The mean target is a row of K numbers, the mean over both views and all pictures. Take the mean of the "
        "targets' entropies away from the entropy of the mean target.",
        "mean = probs.flatten(0, -2).mean(0); then h(mean) - h(probs).mean(), with h(p) = torch.special.entr(p)"
        ".sum(-1), which takes exact zeros.",
    ),
)


def mi(p: Tensor) -> Tensor:
    """The right information, to be spoilt."""
    return h(mean_row(p)) - h(p).mean()


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
        Mistake(NAN_AT_ZERO, lambda p: unsafe(mean_row(p)).exp()),
    ),
    hints=(
        "If n prototypes were used evenly, the entropy of the mean target would be ln n. Read it backwards.",
        "First the mean target over both views and all pictures, then its entropy, then what undoes a logarithm.",
        "torch.exp(h(probs.flatten(0, -2).mean(0))), with h(p) = torch.special.entr(p).sum(-1).",
    ),
)
