"""The exercise on heads: queries, keys and values out of one row of numbers."""

from torch import Generator, Tensor

from dino_notebooks.check.exercise import Arguments, Exercise, Function, Mistake
from dino_notebooks.check.vit_and_head.tokens import shuffled


def split_heads(qkv: Tensor, heads: int) -> tuple[Tensor, Tensor, Tensor]:
    """Rows (B, T, 3·D) → q, k, v, each (B, H, T, d): what a row holds is ordered as in timm, (3, H, d)."""
    q, k, v = qkv.unflatten(-1, (3, heads, -1)).unbind(2)  # each (B, T, H, d)
    return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)


def split_cases(generator: Generator) -> list[Arguments]:
    """(qkv (B, T, 3·H·d), H): the first can be followed number by number."""
    return [
        (shuffled(b, t, 3 * h * d, generator=generator), h) for b, t, h, d in ((1, 3, 2, 2), (2, 5, 3, 4), (3, 4, 2, 6))
    ]


def three(function: Function, arguments: Arguments) -> tuple[Tensor, ...] | None:
    """q, k, v, whether they come as a tuple, a list or one tensor that can be unpacked."""
    given = function(*arguments)
    if given is None:
        return None
    q, k, v = given
    return q, k, v


def split(x: Tensor, heads: int, pattern: str) -> Tensor:
    """(3, B, H, T, d) when a row is taken to be ordered as the pattern says, such as "3hd"."""
    sizes = {"3": 3, "h": heads, "d": x.shape[-1] // 3 // heads}
    apart = x.unflatten(-1, [sizes[letter] for letter in pattern])
    three, h, d = (2 + pattern.index(letter) for letter in "3hd")
    return apart.permute(three, 0, h, 1, d)


def reshaped(x: Tensor, heads: int) -> list[Tensor]:
    """The mistake of reshaping across the tokens."""
    return [part.reshape(len(x), heads, x.shape[1], -1) for part in x.chunk(3, -1)]


SPLIT_HEADS = Exercise(
    name="split_heads",
    right=split_heads,
    cases=split_cases,
    ask=three,
    argument_names=("qkv", "heads"),
    mistakes=(
        Mistake(
            "A reshape straight to (B, H, T, d) mixes the tokens: it goes on filling where the row of a token ends. "
            "Split the last dimension only, then move the heads before the tokens.",
            reshaped,
        ),
        Mistake(
            "One reshape to (3, B, H, T, d) mixes everything: it never moves a number, it only counts on. Split the "
            "last dimension, then permute.",
            lambda x, h: x.reshape(3, len(x), h, x.shape[1], -1),
        ),
        Mistake(
            "It takes each head to hold its own q, k and v side by side. Here all queries of all heads come first, "
            "then all keys, then all values.",
            lambda x, h: split(x, h, "h3d"),
        ),
        Mistake(
            "It takes q, k and v to change places from number to number. They are three whole blocks of the row.",
            lambda x, h: split(x, h, "hd3"),
        ),
        Mistake(
            "Within q, k and v the heads change from number to number. A head is a block of d neighbours.",
            lambda x, h: split(x, h, "3dh"),
        ),
        Mistake(
            "The heads are still behind the tokens, (B, T, H, d). Move them before: every head does a matrix product "
            "of its own.",
            lambda x, h: split(x, h, "3hd").transpose(2, 3),
        ),
        Mistake(
            "The tokens are the last dimension, (B, H, d, T). The numbers of a head come last.",
            lambda x, h: split(x, h, "3hd").transpose(3, 4),
        ),
        Mistake("Queries and keys are exchanged.", lambda x, h: split(x, h, "3hd")[[1, 0, 2]]),
        Mistake("Queries and values are exchanged.", lambda x, h: split(x, h, "3hd").flip(0)),
        Mistake("Keys and values are exchanged.", lambda x, h: split(x, h, "3hd")[[0, 2, 1]]),
        Mistake(
            "These are q, k and v as a whole. Each has still to be split into its heads.",
            lambda x, h: x.chunk(3, -1),
        ),
    ),
    hints=(
        "Reshaping never moves a number, it only cuts the last dimension differently. What is the order within a row?",
        "A row holds (3, H, d). Reshape to (B, T, 3, H, d), and then bring the dimensions into the order in which you "
        "need them: first what tells q, k and v apart, then B, H, T, d.",
        "q, k, v = qkv.reshape(B, T, 3, heads, -1).permute(2, 0, 3, 1, 4): unpacking goes along the first dimension.",
    ),
)
