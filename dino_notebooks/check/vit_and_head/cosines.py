"""The exercise on logits: cosines of features with prototypes (paper §3.2, appendix C)."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Rule, carries_gradient


def head_logits(features: Tensor, prototypes: Tensor) -> Tensor:
    """Rows (N, D) and prototypes (K, D) → cosines (N, K), as `DinoHead` ends."""
    return F.normalize(features, dim=-1) @ F.normalize(prototypes, dim=-1).T


def logit_cases(generator: Generator) -> list[Arguments]:
    """(features (N, D), prototypes (K, D)), of lengths far from 1."""
    return [
        (3 * torch.randn(n, d, generator=generator), 0.5 * torch.randn(k, d, generator=generator))
        for n, k, d in ((2, 3, 4), (5, 4, 3), (4, 7, 6))
    ]


def unit(x: Tensor, dim: int = -1) -> Tensor:
    """Rows of length 1."""
    return F.normalize(x, dim=dim)


def learns(function: Function) -> tuple[bool, bool]:
    """Whether a gradient reaches the features, and the prototypes."""
    features, prototypes = torch.randn(2, 3, 4, generator=Generator().manual_seed(0))
    return (
        carries_gradient(function(features.clone().requires_grad_(), prototypes)),
        carries_gradient(function(features, prototypes.clone().requires_grad_())),
    )


HEAD_LOGITS = Exercise(
    name="head_logits",
    right=head_logits,
    cases=logit_cases,
    argument_names=("features", "prototypes"),
    mistakes=(
        Mistake(
            "Nothing has unit length: these are plain products, and a long row gets large logits for being long.",
            lambda f, p: f @ p.T,
        ),
        Mistake(
            "Only the features have unit length. A long prototype still wins every picture.",
            lambda f, p: unit(f) @ p.T,
        ),
        Mistake(
            "Only the prototypes have unit length. A long feature still gets large logits.",
            lambda f, p: f @ unit(p).T,
        ),
        Mistake(
            "The unit length is taken over dim=0, for columns. Each *row*, a picture or a prototype, has length 1.",
            lambda f, p: unit(f, 0) @ unit(p, 0).T,
        ),
        Mistake(
            "The features have unit length over the pictures (dim=0). Which dimension has the numbers of one picture?",
            lambda f, p: unit(f, 0) @ unit(p).T,
        ),
        Mistake(
            "The prototypes have unit length over dim=0, column by column. Each prototype, a row, has length 1.",
            lambda f, p: unit(f) @ unit(p, 0).T,
        ),
        Mistake(
            "One length is taken of all rows together. Each row has its own: which dimension, and with keepdim?",
            lambda f, p: f / f.norm() @ (p / p.norm()).T,
        ),
        Mistake(
            "The rows are divided by the sum of their absolute values. The length is the root of the sum of squares.",
            lambda f, p: F.normalize(f, p=1, dim=-1) @ F.normalize(p, p=1, dim=-1).T,
        ),
        Mistake(
            "The rows are divided by the square of their length: a root is missing.",
            lambda f, p: f / f.square().sum(-1, keepdim=True) @ (p / p.square().sum(-1, keepdim=True)).T,
        ),
        Mistake(
            "These are distances, which are small for a prototype that is near. A logit is large for it.",
            lambda f, p: torch.cdist(unit(f), unit(p)),
        ),
        Mistake(
            "These are negative distances. A cosine is a product of two rows.",
            lambda f, p: -torch.cdist(unit(f), unit(p)),
        ),
        Mistake(
            "A softmax is taken already. Logits come before it: centre and temperature need them raw.",
            lambda f, p: F.softmax(head_logits(f, p), -1),
        ),
        Mistake(
            "Pictures and prototypes are exchanged: a row should be a picture, and a column a prototype.",
            lambda f, p: head_logits(p, f),
        ),
    ),
    rules=(
        Rule(
            "But no gradient reaches the features and the prototypes, so the head would learn nothing: what detaches "
            "them?",
            lambda function: learns(function) == (False, False),
            "features and prototypes with requires_grad=True",
        ),
        Rule(
            "But no gradient reaches the prototypes, so they would stay as they were drawn: what detaches them?",
            lambda function: not learns(function)[1],
            "prototypes with requires_grad=True",
        ),
        Rule(
            "But no gradient reaches the features, so the backbone would learn nothing: what detaches them?",
            lambda function: not learns(function)[0],
            "features with requires_grad=True",
        ),
    ),
    hints=(
        "A cosine is a product of two rows that have length 1. How do you make a row of length 1?",
        "F.normalize(x, dim=-1) divides each row by its length. Do so for both, then comes a matrix product.",
        "F.normalize(features, dim=-1) @ F.normalize(prototypes, dim=-1).T",
    ),
)
