"""The exercise on attention: what each token takes from the others."""

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake, Rule, carries_gradient


def attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Queries, keys, values (B, H, T, d) → mixed values (B, H, T, d), as in `dino_lite.vit.Attention`."""
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # (B, H, T, T): a row a query, a column a key
    return F.softmax(scores, dim=-1) @ v


def attention_cases(generator: Generator) -> list[Arguments]:
    """(q, k, v), each (B, H, T, d); the first with T = d, so that a k that is not transposed gets a result, too."""
    cases: list[Arguments] = []
    for shape in ((1, 1, 3, 3), (1, 2, 5, 4), (3, 2, 4, 6)):
        q, k, v = torch.randn(3, *shape, generator=generator)
        cases.append((2 * q, 2 * k, v))
    return cases


def scores(q: Tensor, k: Tensor) -> Tensor:
    """q·k of all pairs of tokens, not yet divided (B, H, T, T)."""
    return q @ k.transpose(-2, -1)


def mix(scores: Tensor, v: Tensor, width: int, dim: int = -1) -> Tensor:
    """Values mixed by a softmax of scores that are divided by the root of a width."""
    return F.softmax(scores / width**0.5, dim) @ v


def one_head(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The mistake of putting all heads into one."""
    heads = q.shape[1]
    q, k, v = (x.transpose(1, 2).flatten(2) for x in (q, k, v))
    return mix(scores(q, k), v, q.shape[-1]).unflatten(-1, (heads, -1)).transpose(1, 2)


def causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The mistake of a language model: no token sees those after it."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def without_keepdim(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The mistake of a softmax by hand whose sums are a row; it works only where sizes happen to fit."""
    shares = (scores(q, k) / q.shape[-1] ** 0.5).exp()
    return shares / shares.sum(-1) @ v


def overflows(function: Function) -> bool:
    """Whether large products end as NaN."""
    q, v = torch.full((1, 1, 2, 4), 20.0), torch.ones(1, 1, 2, 4)
    return bool(torch.as_tensor(function(q, q, v)).isnan().any())


def no_gradient(function: Function) -> bool:
    """Whether queries and keys would learn nothing."""
    q, k, v = torch.randn(3, 1, 2, 3, 4, generator=Generator().manual_seed(0))
    return not carries_gradient(function(q.requires_grad_(), k, v))


ATTENTION = Exercise(
    name="attention",
    right=attention,
    cases=attention_cases,
    argument_names=("q", "k", "v"),
    mistakes=(
        Mistake(
            "The products are not divided by √d: they are as large as d makes them, and one token gets nearly all.",
            lambda q, k, v: mix(scores(q, k), v, 1),
        ),
        Mistake(
            "The products are divided by d. Their spread grows with the *root* of d.",
            lambda q, k, v: mix(scores(q, k), v, q.shape[-1] ** 2),
        ),
        Mistake(
            "The products are multiplied by √d, and should be divided.",
            lambda q, k, v: mix(scores(q, k) * q.shape[-1], v, q.shape[-1]),
        ),
        Mistake(
            "The products are divided by √T, the number of tokens. How many numbers are added up in one product?",
            lambda q, k, v: mix(scores(q, k), v, q.shape[-2]),
        ),
        Mistake(
            "The products are divided by the root of the whole width, H·d. A head adds up only its own d numbers.",
            lambda q, k, v: mix(scores(q, k), v, q.shape[1] * q.shape[-1]),
        ),
        Mistake(
            "The division comes after the softmax: the shares don't sum to 1 any more.",
            lambda q, k, v: mix(scores(q, k), v, 1) / q.shape[-1] ** 0.5,
        ),
        Mistake(
            "The softmax runs over the queries (dim=-2). Each token hands out shares of *its own* attention: each row "
            "has to sum to 1.",
            lambda q, k, v: mix(scores(q, k), v, q.shape[-1], -2),
        ),
        Mistake(
            "The softmax runs over the heads (dim=1). Heads know nothing of each other: the shares of one query over "
            "all keys have to sum to 1.",
            lambda q, k, v: mix(scores(q, k), v, q.shape[-1], 1),
        ),
        Mistake(
            "The softmax is missing: these are raw products, not shares.",
            lambda q, k, v: scores(q, k) / q.shape[-1] ** 0.5 @ v,
        ),
        Mistake(
            "The sums are not kept as a column: each score is divided by another row's sum.",
            without_keepdim,
        ),
        Mistake(
            "The keys are not transposed. Every query has to meet every key: (T, d) by (d, T) gives (T, T).",
            lambda q, k, v: mix(q @ k, v, q.shape[-1]),
        ),
        Mistake(
            "The keys are reshaped to (d, T), which mixes their numbers. Exchange the two dimensions instead.",
            lambda q, k, v: mix(q @ k.reshape(*k.shape[:2], k.shape[3], k.shape[2]), v, q.shape[-1]),
        ),
        Mistake(
            "Queries and keys are exchanged: rows belong to the tokens that ask.",
            lambda q, k, v: mix(scores(k, q), v, q.shape[-1]),
        ),
        Mistake(
            "The shares weigh the keys. Keys are for finding, values are what is taken.",
            lambda q, k, v: mix(scores(q, k), k, q.shape[-1]),
        ),
        Mistake(
            "These are the shares (B, H, T, T). They still have to mix the values.",
            lambda q, k, v: F.softmax(scores(q, k) / q.shape[-1] ** 0.5, -1),
        ),
        Mistake(
            "All heads are put into one. Each head compares its own d numbers and has shares of its own.",
            one_head,
        ),
        Mistake(
            "A token sees only those before it, as in a language model. In a ViT every token sees all.",
            causal,
        ),
    ),
    rules=(
        Rule(
            "But products in the hundreds give NaN: exp overflows. Take the largest of each row away first, or use "
            "torch's softmax, which does.",
            overflows,
            "queries and keys of four numbers, each of them 20",
        ),
        Rule(
            "But no gradient reaches the queries, so the network could not learn them: what detaches it?",
            no_gradient,
            "queries with requires_grad=True",
        ),
    ),
    hints=(
        "A score is a sum of products over d, which is a matrix product. Which two matrices?",
        "q @ (k with its last two dimensions exchanged) gives (B, H, T, T), a row for each query. Divide by √d, "
        "softmax over the keys, the last dimension; these shares @ v is the answer.",
        "shares = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(dim=-1), and then shares @ v.",
    ),
)
