"""The exercise on the projection head (paper §3.2, appendix C): an MLP, and a row of unit length."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from dino_notebooks.check.exercise import Arguments, Exercise, Mistake
from dino_notebooks.check.vit_and_head.cosines import unit


def mlp(x: Tensor, *weights: Tensor, gelu: tuple[bool, ...] = (True, True, False)) -> Tensor:
    """The head's MLP without biases; gelu: after which layers one comes."""
    for weight, bent in zip(weights, gelu, strict=True):
        x = x @ weight.T
        x = F.gelu(x) if bent else x
    return x


def projection(features: Tensor, first: Tensor, second: Tensor, third: Tensor) -> Tensor:
    """Features (N, D) → rows of length 1: three linear layers, a GELU between each two of them."""
    x = features
    weights = [first, second, third]
    for i, weight in enumerate(weights):
        is_last = i == len(weights) - 1
        x = x @ weight.T
        if not is_last:
            x = F.gelu(x)
    return F.normalize(x, dim=-1)


def projection_cases(generator: Generator) -> list[Arguments]:
    """(features (N, D), three weights (out, in)), all widths different."""
    cases: list[Arguments] = []
    for n, *widths in ((2, 3, 5, 4, 2), (3, 4, 7, 6, 5), (5, 6, 8, 9, 4)):
        weights = [torch.randn(b, a, generator=generator) / a**0.5 for a, b in pairwise(widths)]
        for weight in weights:
            weight[0].abs_()  # with features above 0 this number stays there: no row is all zeros after a ReLU
        cases.append((torch.randn(n, widths[0], generator=generator).abs(), *weights))
    return cases


PROJECTION = Exercise(
    name="projection",
    right=projection,
    cases=projection_cases,
    argument_names=("features", "first", "second", "third"),
    mistakes=(
        Mistake(
            "What the last layer gives goes through a GELU, too. That lets nothing far below zero through: all "
            "pictures come to point into one corner of the space. Which line should prevent that?",
            lambda x, *w: unit(mlp(x, *w, gelu=(True, True, True))),
            untouched=True,
        ),
        Mistake(
            "Now the second layer counts as the last. What is i at the third?",
            lambda x, *w: unit(mlp(x, *w, gelu=(True, False, True))),
        ),
        Mistake(
            "There is no GELU at all. Three linear layers in a row are no more than one.",
            lambda x, *w: unit(mlp(x, *w, gelu=(False, False, False))),
        ),
        Mistake(
            "Only the first layer is followed by a GELU. There is one between each two layers.",
            lambda x, *w: unit(mlp(x, *w, gelu=(True, False, False))),
        ),
        Mistake(
            "The first layer is not followed by a GELU. There is one between each two layers.",
            lambda x, *w: unit(mlp(x, *w, gelu=(False, True, False))),
        ),
        Mistake(
            "Only the last layer is followed by a GELU: it is the wrong way round.",
            lambda x, *w: unit(mlp(x, *w, gelu=(False, False, True))),
        ),
        Mistake(
            "The GELU comes before each layer: the features themselves go through it. The first layer gets them as "
            "they are.",
            lambda x, *w: unit(mlp(F.gelu(x), *w)),
        ),
        Mistake(
            "The layers are right, but the row has not yet unit length.",
            mlp,
        ),
        Mistake(
            "The unit length is taken over the pictures (dim=0). Each row has length 1.",
            lambda x, *w: unit(mlp(x, *w), 0),
        ),
        Mistake(
            "The unit length comes before the last layer. It is the very last step.",
            lambda x, *w: unit(mlp(x, *w[:2], gelu=(True, True))) @ w[2].T,
        ),
        Mistake(
            "The last layer is left out: one fewer than there should be.",
            lambda x, *w: unit(mlp(x, *w[:2], gelu=(True, True))),
        ),
        Mistake(
            "The last layer is left out, and with it its neighbour's GELU.",
            lambda x, *w: unit(mlp(x, *w[:2], gelu=(True, False))),
        ),
        Mistake(
            "These are ReLUs. The authors' head has GELUs.",
            lambda x, *w: unit(F.relu(F.relu(x @ w[0].T) @ w[1].T) @ w[2].T),
        ),
    ),
    hints=(
        "Take three layers through the loop by hand. For which i is is_last true?",
        "i goes from 0 to 2, and len(weights) is 3. What is i at the last layer?",
        "The last layer has i == len(weights) - 1.",
    ),
)
