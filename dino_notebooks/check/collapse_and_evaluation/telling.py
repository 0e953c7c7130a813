"""The exercise on mutual information: how much a target tells about its picture."""

import math

from torch import Tensor

from dino_lite import collapse
from dino_notebooks.check.collapse_and_evaluation.usage import NAN_AT_ZERO, h, mean_row, target_cases, unsafe
from dino_notebooks.check.exercise import Exercise, Mistake


def mi(p: Tensor) -> Tensor:
    """The right information, to be spoilt."""
    return h(mean_row(p)) - h(p).mean()


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
        Mistake(
            "This takes nats from a *number of prototypes*: undo the exp first.",
            lambda p: h(mean_row(p)).exp() - h(p).mean(),
        ),
        Mistake(
            "Divided by the pictures, but there are two views of each.",
            lambda p: h(mean_row(p)) - h(p).sum() / p.shape[-2],
            (
                lambda p: h(p.mean(1).sum(0)) - h(p).mean(),
                lambda p: h(p.mean(1).sum(0)) - h(p).sum() / p.shape[-2],
            ),
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
