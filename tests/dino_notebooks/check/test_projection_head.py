"""The checks of the projection head: every usual mistake is named, and right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_projection_head.py
"""

import pytest
import torch
from torch import nn
from torch.nn.functional import cosine_similarity, gelu, linear, normalize, relu
from wrong_answers import Wrong, assert_named, assert_right

from dino_lite import DinoHead
from dino_notebooks import check


def scaled(x, dim=-1):
    """Length 1, by hand."""
    return x / (x * x).sum(dim, keepdim=True).sqrt()


WRONG_LOGITS: Wrong = {
    "products": (linear, "Nothing has unit length"),
    "only features": (lambda f, p: linear(scaled(f), p), "Only the features"),
    "only prototypes": (lambda f, p: linear(f, scaled(p)), "Only the prototypes"),
    "columns": (lambda f, p: linear(scaled(f, 0), scaled(p, 0)), "taken over dim=0"),
    "F.normalize transposed": (lambda f, p: normalize(f, dim=0) @ normalize(p.T, dim=1), "taken over dim=0"),
    "features by columns": (lambda f, p: scaled(f, 0) @ scaled(p).T, "over the pictures (dim=0)"),
    "prototypes by columns": (lambda f, p: scaled(f) @ normalize(p.T).clone(), "column by column"),
    "one length for all": (lambda f, p: f @ p.T / f.norm() / p.norm(), "all rows together"),
    "sum of absolute values": (
        lambda f, p: (f / f.abs().sum(1, keepdim=True)) @ (p / p.abs().sum(1, keepdim=True)).T,
        "absolute values",
    ),
    "no root": (lambda f, p: (f / (f**2).sum(1, True)) @ (p / (p**2).sum(1, True)).T, "square of their length"),
    "distance": (lambda f, p: (scaled(f)[:, None] - scaled(p)[None]).norm(dim=-1), "small for a prototype"),
    "negative distance": (lambda f, p: -(scaled(f)[:, None] - scaled(p)[None]).norm(dim=-1), "negative distances"),
    "softmax": (lambda f, p: (scaled(f) @ scaled(p).T).softmax(1), "softmax is taken already"),
    "exchanged": (lambda f, p: scaled(p) @ scaled(f).T, "exchanged"),
    "no gradient": (lambda f, p: scaled(f) @ scaled(p.detach()).T, "no gradient reaches"),
    "wrong sign": (lambda f, p: -scaled(f) @ scaled(p).T, "wrong sign"),
    "no transpose": (lambda f, p: scaled(f) @ scaled(p), "stops with RuntimeError"),
}


@pytest.mark.parametrize("what", WRONG_LOGITS)
def test_head_logits_names(what):
    assert_named(check.head_logits, *WRONG_LOGITS[what])


def one_by_one(f, p):
    """Two loops."""
    return torch.stack([torch.stack([(a @ b) / a.norm() / b.norm() for b in p]) for a in f])


@pytest.mark.parametrize(
    "right",
    [
        one_by_one,
        lambda f, p: cosine_similarity(f[:, None], p[None], dim=-1),
        lambda f, p: torch.einsum("nd,kd->nk", scaled(f.double()), scaled(p.double())),
        lambda f, p: f @ p.T / torch.outer(f.norm(dim=1), p.norm(dim=1)),
    ],
)
def test_head_logits_takes(right):
    assert_right(check.head_logits, right)


def in_a_loop(*weights, after=(0, 1), end=scaled):
    """The layers in a loop, GELUs after some of them."""
    x, *layers = weights
    for i, weight in enumerate(layers):
        x = linear(x, weight)
        if i in after:
            x = x * 0.5 * (1 + torch.erf(x / 2**0.5))  # a GELU, written out
    return end(x)


def never_the_last(features, first, second, third):
    """A public re-implementation's slip in other words: i never reaches the number of layers."""
    x, weights = features, [first, second, third]
    for i, weight in enumerate(weights):
        x = x @ weight.T
        if i != len(weights):
            x = gelu(x)
    return normalize(x, dim=-1)


WRONG_ROWS: Wrong = {
    "never the last": (never_the_last, "goes through a GELU, too"),
    "one too early": (lambda *all: in_a_loop(*all, after=[0, 2]), "the second layer counts as the last"),
    "no GELU": (lambda x, a, b, c: scaled(x @ (c @ b @ a).T), "no GELU at all"),
    "first only": (lambda *all: in_a_loop(*all, after=[0]), "Only the first layer"),
    "second only": (lambda *all: in_a_loop(*all, after=[1]), "first layer is not followed"),
    "turned round": (lambda *all: in_a_loop(*all, after=[2]), "wrong way round"),
    "before each": (
        lambda x, a, b, c: normalize(gelu(gelu(gelu(x) @ a.T) @ b.T) @ c.T, dim=1),
        "before each layer",
    ),
    "no length": (lambda *all: in_a_loop(*all, end=lambda x: x), "not yet unit length"),
    "columns": (lambda *all: in_a_loop(*all, end=lambda x: scaled(x, 0)), "over the pictures"),
    "length before the last": (lambda x, a, b, c: linear(in_a_loop(x, a, b), c), "before the last layer"),
    "last left out": (lambda x, a, b, c: in_a_loop(x, a, b), "one fewer"),
    "last left out, GELU too": (lambda x, a, b, c: in_a_loop(x, a, b, after=[0]), "its neighbour's GELU"),
    "ReLU": (lambda x, a, b, c: scaled(relu(relu(x @ a.T) @ b.T) @ c.T), "ReLUs"),
    "weights not transposed": (lambda x, a, b, c: scaled(gelu(gelu(x @ a) @ b) @ c), "stops with RuntimeError"),
}


@pytest.mark.parametrize("what", WRONG_ROWS)
def test_projection_names(what):
    assert_named(check.projection, *WRONG_ROWS[what])


def as_modules(x, *weights):
    """torch's own layers with these weights."""
    layers = []
    for weight in weights:
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
        layer.weight.data = weight
        layers += [layer, nn.GELU()]
    return normalize(nn.Sequential(*layers[:-1])(x), dim=-1)


def by_the_library(x, first, second, third):
    """The head itself, asked before its last layer."""
    head = DinoHead(x.shape[1], 1, hidden=7, bottleneck=third.shape[0])
    for place, weight in zip((0, 3, 6), (first, second, third), strict=True):
        head.mlp[place].weight.data = weight
        head.mlp[place].bias.data = torch.zeros(len(weight))
    return normalize(head.mlp(x), dim=-1)


@pytest.mark.parametrize(
    "right", [in_a_loop, as_modules, by_the_library, lambda *all: in_a_loop(*(x.double() for x in all))]
)
def test_projection_takes(right):
    assert_right(check.projection, right)
