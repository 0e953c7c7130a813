"""The checks of attention and heads: every usual mistake is named, and right answers of any style are taken.

The wrong answers are written as a student would, and not as the check's own list has them.
Run: pytest tests/dino_notebooks/check/test_self_attention.py
"""

import math

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention
from wrong_answers import Wrong, assert_named, assert_right

from dino_lite.vit import Attention
from dino_notebooks import check


def products(q, k):
    """Products of all queries (t) with all keys (s)."""
    return torch.einsum("bhtd,bhsd->bhts", q, k)


def mixed(shares, v):
    """Values in these shares."""
    return torch.einsum("bhts,bhsd->bhtd", shares, v)


def torchs(scale=None, **more):
    """torch's own attention, with another scale."""
    return lambda q, k, v: scaled_dot_product_attention(q, k, v, scale=None if scale is None else scale(q), **more)


def naive(q, k, v):
    """exp without the largest: right until it overflows."""
    e = torch.exp(products(q, k) / math.sqrt(q.shape[-1]))
    return mixed(e / e.sum(-1, keepdim=True), v)


def token_by_token(q, k, v):
    """Loops over pictures, heads and queries."""
    out = []
    for b in range(q.shape[0]):
        for h in range(q.shape[1]):
            for t in range(q.shape[2]):
                scores = torch.stack([(q[b, h, t] * key).sum() for key in k[b, h]]) / q.shape[3] ** 0.5
                shares = torch.softmax(scores, 0)
                out.append(sum(share * value for share, value in zip(shares, v[b, h], strict=True)))
    return torch.stack(out).view(q.shape)


def joined(q, k, v):
    """The heads glued together before attention, and cut apart again after it."""
    b, h, t, d = q.shape
    q, k, v = (x.permute(0, 2, 1, 3).reshape(b, 1, t, h * d) for x in (q, k, v))
    return scaled_dot_product_attention(q, k, v).reshape(b, t, h, d).permute(0, 2, 1, 3)


def only_past(q, k, v):
    """A mask from a tutorial on language models."""
    later = torch.triu(torch.ones(q.shape[2], q.shape[2]), 1).bool()
    return mixed((products(q, k) * q.shape[-1] ** -0.5).masked_fill(later, -math.inf).softmax(-1), v)


def sums_in_a_row(q, k, v):
    """A softmax by hand, without keepdim."""
    e = torch.exp(products(q, k) / math.sqrt(q.shape[-1]))
    return mixed(e / e.sum(dim=3), v)


WRONG: Wrong = {
    "no scale": (torchs(lambda q: 1.0), "not divided by √d"),
    "scale by d": (torchs(lambda q: 1 / q.shape[-1]), "divided by d."),
    "times the root": (torchs(lambda q: q.shape[-1] ** 0.5), "multiplied by √d"),
    "root of T": (torchs(lambda q: q.shape[2] ** -0.5), "number of tokens"),
    "root of the whole width": (torchs(lambda q: (q.shape[1] * q.shape[3]) ** -0.5), "whole width"),
    "scale too late": (
        lambda q, k, v: mixed(products(q, k).softmax(-1) / math.sqrt(q.shape[-1]), v),
        "after the softmax",
    ),
    "over the queries": (
        lambda q, k, v: mixed(torch.softmax(products(q / q.shape[-1] ** 0.5, k), dim=2), v),
        "over the queries",
    ),
    "over the heads": (
        lambda q, k, v: mixed(torch.softmax(products(q / q.shape[-1] ** 0.5, k), dim=1), v),
        "over the heads",
    ),
    "no softmax": (lambda q, k, v: mixed(products(q, k) / math.sqrt(q.shape[-1]), v), "softmax is missing"),
    "sums in a row": (sums_in_a_row, "The sums are not kept as a column"),
    "not transposed": (
        lambda q, k, v: torch.matmul(torch.matmul(q, k).div(q.shape[-1] ** 0.5).softmax(-1), v),
        "not transposed",
    ),
    "reshaped": (
        lambda q, k, v: (q @ k.reshape(k.shape[0], k.shape[1], k.shape[3], -1) / q.shape[-1] ** 0.5).softmax(-1) @ v,
        "reshaped to (d, T)",
    ),
    "exchanged": (lambda q, k, v: scaled_dot_product_attention(k, q, v), "exchanged"),
    "keys mixed": (lambda q, k, v: scaled_dot_product_attention(q, k, k), "weigh the keys"),
    "shares": (lambda q, k, v: torch.softmax(products(q, k) / q.shape[-1] ** 0.5, -1), "These are the shares"),
    "heads joined": (joined, "put into one"),
    "only the past": (only_past, "language model"),
    "overflow": (naive, "NaN"),
    "detached": (lambda q, k, v: scaled_dot_product_attention(q, k, v).detach(), "no gradient"),
    "numpy": (lambda q, k, v: torchs()(q, k, v).numpy(), "no gradient"),
    "mean of heads": (lambda q, k, v: scaled_dot_product_attention(q, k, v).mean(1), "should be (1, 1, 3, 3)"),
    "shares as well": (
        lambda q, k, v: (torch.softmax(products(q, k), -1), scaled_dot_product_attention(q, k, v)),
        "The shape is [(1, 1, 3, 3), (1, 1, 3, 3)], and should be (1, 1, 3, 3)",
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_attention_names(what):
    assert_named(check.attention, *WRONG[what])


@pytest.mark.parametrize(
    "right",
    [
        torchs(),
        token_by_token,
        lambda q, k, v: mixed(torch.softmax(products(q, k) * q.size(-1) ** -0.5, -1), v),
        lambda q, k, v: torchs()(q.double(), k.double(), v.double()),
    ],
)
def test_attention_takes(right):
    assert_right(check.attention, right)


def head_by_head(x, heads):
    """Cuts every head out by its place in the row."""
    width = x.shape[-1] // 3
    d = width // heads
    return [
        torch.stack([x[:, :, at + i * d : at + (i + 1) * d] for i in range(heads)], dim=1)
        for at in (0, width, 2 * width)
    ]


def chunked(x, heads, swap=True):
    """torch.chunk, then the heads."""
    b, t, _ = x.shape
    parts = [part.reshape(b, t, heads, -1) for part in x.chunk(3, dim=-1)]
    return tuple(part.transpose(1, 2) for part in parts) if swap else tuple(parts)


def as_tutorials_of_language_models(x, heads):
    """(B, T, H, 3·d), then a chunk: the order of other checkpoints."""
    b, t, _ = x.shape
    return x.reshape(b, t, heads, -1).permute(0, 2, 1, 3).chunk(3, dim=-1)


WRONG_SPLITS: Wrong = {
    "reshape across tokens": (
        lambda x, h: [part.reshape(x.shape[0], h, x.shape[1], -1) for part in x.tensor_split(3, -1)],
        "mixes the tokens",
    ),
    "one reshape": (lambda x, h: x.reshape(3, x.shape[0], h, x.shape[1], -1), "One reshape"),
    "heads first": (as_tutorials_of_language_models, "each head to hold its own q, k and v"),
    "every third": (lambda x, h: [chunked(x[:, :, i::3].repeat(1, 1, 3), h)[0] for i in range(3)], "number to number"),
    "every H-th": (
        lambda x, h: [torch.stack([p[..., i::h] for i in range(h)], 1) for p in x.chunk(3, -1)],
        "the heads change from number",
    ),
    "tokens before heads": (lambda x, h: chunked(x, h, swap=False), "behind the tokens"),
    "tokens last": (lambda x, h: [part.mT for part in head_by_head(x, h)], "tokens are the last"),
    "k first": (lambda x, h: [head_by_head(x, h)[i] for i in (1, 0, 2)], "Queries and keys"),
    "v first": (lambda x, h: [head_by_head(x, h)[i] for i in (2, 1, 0)], "Queries and values"),
    "v second": (lambda x, h: [head_by_head(x, h)[i] for i in (0, 2, 1)], "Keys and values"),
    "not split": (lambda x, h: x.split(x.shape[-1] // 3, dim=-1), "as a whole"),
    "only q": (lambda x, h: head_by_head(x, h)[:1], "stops with ValueError"),
    "nothing": (lambda x, h: None, "gives back None"),
    "only the order of the heads": (
        lambda x, h: [part.flip(1) for part in head_by_head(x, h)],
        "The shape is right, the values are not",
    ),
}


@pytest.mark.parametrize("what", WRONG_SPLITS)
def test_split_heads_names(what):
    assert_named(check.split_heads, *WRONG_SPLITS[what])


def as_the_library(x, heads):
    """One tensor that can be unpacked, as timm has it."""
    b, t, _ = x.shape
    return x.reshape(b, t, 3, heads, -1).permute(2, 0, 3, 1, 4)


@pytest.mark.parametrize("right", [head_by_head, chunked, as_the_library, lambda x, h: chunked(x.double(), h)])
def test_split_heads_takes(right):
    assert_right(check.split_heads, right)


def test_both_together_are_the_library():
    """Right answers of the two exercises make the library's layer."""
    layer = Attention(12, heads=3)
    x = torch.randn(2, 5, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        mixture = token_by_token(*chunked(layer.qkv(x), 3))
        torch.testing.assert_close(layer.proj(mixture.transpose(1, 2).flatten(2)), layer(x))
