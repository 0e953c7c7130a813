"""Exercises on tokens: how many there are, and what is added to those of the patches."""

import torch
from torch import Generator, Tensor

from dino_notebooks.check.exercise import Arguments, Exercise, Mistake


def shuffled(*shape: int, generator: Generator) -> Tensor:
    """The whole numbers from 0 on in random order, so that one sees in an example where each of them went."""
    return torch.randperm(torch.Size(shape).numel(), generator=generator).view(shape).float()


def token_count(size: int, patch_size: int) -> int:
    """Tokens of a picture `size` px wide and high: its patches and [CLS]."""
    side = size // patch_size
    return side * side + 1


def count_cases(generator: Generator) -> list[Arguments]:
    """(size, patch size): three pictures, the smallest first, with unequal numbers of px and patches."""
    patch_sizes = torch.randperm(4, generator=generator)[:3].sort().values + 3
    return [(int(p) * (int(p) + extra), int(p)) for p, extra in zip(patch_sizes, (1, 2, 4), strict=True)]


TOKEN_COUNT = Exercise(
    name="token_count",
    right=token_count,
    cases=count_cases,
    argument_names=("size", "patch_size"),
    mistakes=(
        Mistake(
            "These are the patches alone. Which token belongs to no patch?",
            lambda s, p: (s // p) ** 2,
        ),
        Mistake(
            "This counts the patches along one side, and [CLS]. A picture has rows of patches *and* columns.",
            lambda s, p: s // p + 1,
        ),
        Mistake(
            "It adds the patches of two sides. How many little squares has a board with as many rows as columns?",
            lambda s, p: 2 * (s // p) + 1,
        ),
        Mistake(
            "[CLS] is added to each side before squaring. There is one [CLS] for the whole picture.",
            lambda s, p: (s // p + 1) ** 2,
        ),
        Mistake(
            "The pixels of the picture are divided by the *side* of a patch. How many pixels has a patch?",
            lambda s, p: s * s // p + 1,
        ),
        Mistake(
            "One side of the picture is divided by all the pixels of a patch. Divide sides by sides, or pixels by "
            "pixels.",
            lambda s, p: s // p**2 + 1,
        ),
        Mistake(
            "These are the pixels. A token is made of a whole patch.",
            lambda s, p: s * s + 1,
        ),
        Mistake(
            "Each channel is counted by itself. A patch holds its three channels together, and becomes one token.",
            lambda s, p: 3 * (s // p) ** 2 + 1,
        ),
        Mistake(
            "These patches overlap: they begin at every pixel. A ViT's patches lie side by side.",
            lambda s, p: (s - p + 1) ** 2 + 1,
        ),
    ),
    hints=(
        "Draw a square board. How many patches fit along one side?",
        "The patches along a side, squared, are all patches. One token more stands for the whole picture.",
        "(size // patch_size) ** 2, and 1 for [CLS].",
    ),
)


def add_tokens(patches: Tensor, cls_token: Tensor, position: Tensor) -> Tensor:
    """Patches (B, N, D), [CLS] (1, 1, D), positions (1, 1 + N, D) → tokens (B, 1 + N, D), as in `ViT`."""
    return torch.cat([cls_token.expand(len(patches), -1, -1), patches], dim=1) + position


def add_cases(generator: Generator) -> list[Arguments]:
    """(patches (B, N, D), [CLS] (1, 1, D), positions (1, 1 + N, D)), whole numbers of different size."""
    cases: list[Arguments] = []
    for b, n, d in ((1, 3, 2), (2, 3, 4), (3, 6, 5)):
        patches, cls = shuffled(b, n, d, generator=generator), 100 + shuffled(1, 1, d, generator=generator)
        cases.append((patches, cls, 1000 * (1 + shuffled(1, 1 + n, d, generator=generator))))
    return cases


def before(x: Tensor, cls: Tensor) -> Tensor:
    """[CLS] before the patches of each picture, and no position."""
    return torch.cat([cls.repeat(len(x), 1, 1), x], 1)


ADD_TOKENS = Exercise(
    name="add_tokens",
    right=add_tokens,
    cases=add_cases,
    argument_names=("patches", "cls_token", "position"),
    tolerance=1e-6,  # the numbers are whole, and far apart in size
    mistakes=(
        Mistake(
            "The positions are missing: without them the network can't tell where a patch was.",
            lambda x, cls, pos: before(x, cls),
        ),
        Mistake(
            "[CLS] has no position. It gets the first one, like any other token.",
            lambda x, cls, pos: before(x + pos[:, 1:], cls),
        ),
        Mistake(
            "The patches get the positions from the first on. The first belongs to [CLS].",
            lambda x, cls, pos: before(x + pos[:, :-1], cls),
        ),
        Mistake(
            "Token i gets another token's position.",
            lambda x, cls, pos: before(x, cls) + pos.roll(1, 1),
            also=(
                lambda x, cls, pos: before(x, cls) + pos.roll(-1, 1),
                lambda x, cls, pos: before(x, cls) + pos.flip(1),
            ),
        ),
        Mistake(
            "[CLS] is the last token. It comes first, before the patches.",
            lambda x, cls, pos: torch.cat([x, cls.repeat(len(x), 1, 1)], 1) + pos,
        ),
        Mistake(
            "Each token has its own position, but [CLS] is put at the end. It comes first.",
            lambda x, cls, pos: (before(x, cls) + pos).roll(-1, 1),
        ),
        Mistake(
            "[CLS] is added to the patches. It is a token of its own, so there is one more than before.",
            lambda x, cls, pos: x + cls + pos[:, 1:],
        ),
        Mistake(
            "[CLS] is missing: these are the patches with their positions.",
            lambda x, cls, pos: x + pos[:, 1:],
        ),
        Mistake(
            "The tokens are multiplied by the positions. Positions are added.",
            lambda x, cls, pos: before(x, cls) * pos,
        ),
        Mistake(
            "The positions are set beside the tokens, which are twice as wide now. They are added.",
            lambda x, cls, pos: torch.cat([before(x, cls), pos.expand(len(x), -1, -1)], 2),
        ),
        Mistake(
            "[CLS] is taken to be zeros. It is a row that is learned, and comes as the second argument.",
            lambda x, cls, pos: before(x, 0 * cls) + pos,
        ),
    ),
    hints=(
        "Two things happen: a row is put before the rows of each picture, then a row of positions is added to each.",
        "cls_token has one picture, patches have B: expand it to (B, 1, D), then join the two along dimension 1 with "
        "torch.cat. The positions broadcast over the pictures by themselves.",
        "torch.cat([cls_token.expand(B, -1, -1), patches], dim=1), plus position.",
    ),
)
