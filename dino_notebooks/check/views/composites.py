"""The exercise on what is behind a picture: alpha over a colour."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from dino_lite import evaluate
from dino_notebooks.check.exercise import Arguments, Exercise, Mistake


def composite_cases(generator: Generator) -> list[Arguments]:
    """(uint8 pictures (N, 4 or 3, H, W), colours (N, 3)): alpha from 0 to 255 with both ends; the last has none."""
    cases: list[Arguments] = []
    for shape in ((1, 4, 3, 2), (2, 4, 3, 2), (5, 4, 4, 6), (2, 3, 2, 4)):
        images = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        if shape[1] == 4:
            images[0, 3, 0] = torch.tensor([0, 255] * (shape[3] // 2), dtype=torch.uint8)
        cases.append((images, torch.rand(shape[0], 3, generator=generator)))
    return cases


def blended(blend: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """A composite of this rule (colours of the picture, its alpha, the colour behind); pictures without alpha stay."""

    def composite(images: Tensor, colors: Tensor) -> Tensor:
        x = images / 255
        return x if x.shape[1] == 3 else blend(x[:, :3], x[:, 3:], colors[..., None, None])

    return composite


def wraps(images: Tensor, colors: Tensor) -> Tensor:
    """The mistake of multiplying whole numbers of 8 bits."""
    if images.shape[1] == 3:
        return images / 255
    return images[:, :3] * images[:, 3:] / 255**2 + (1 - images[:, 3:] / 255) * colors[..., None, None]


def all_in_bytes(scale: float, whole: int = 255) -> Callable[[Tensor, Tensor], Tensor]:
    """The mistake of mixing whole numbers of 8 bits, and dividing at the end; whole: what alpha is taken from."""

    def composite(images: Tensor, colors: Tensor) -> Tensor:
        if images.shape[1] == 3:
            return images / 255
        alpha = images[:, 3:]
        return (images[:, :3] * alpha + (whole - alpha) * colors[..., None, None]) / scale

    return composite


def large_picture(images: Tensor, colors: Tensor) -> Tensor:
    """The mistake of dividing alpha alone."""
    alpha = images[:, 3:] / 255
    return images / 255 if images.shape[1] == 3 else images[:, :3] * alpha + (1 - alpha) * colors[..., None, None]


COMPOSITE = Exercise(
    name="composite",
    right=evaluate.composite,
    cases=composite_cases,
    argument_names=("images", "colors"),
    mistakes=(
        Mistake(
            "The alpha is left out: where a picture is transparent, its hidden colours show.",
            blended(lambda x, a, c: x),
        ),
        Mistake(
            "The weights are exchanged: the colour behind shows where the picture is solid. Alpha is how solid it is.",
            blended(lambda x, a, c: x * (1 - a) + c * a),
        ),
        Mistake(
            "The picture is added whole, also where it is transparent. Its colours have to be weighed by alpha.",
            blended(lambda x, a, c: x + (1 - a) * c),
        ),
        Mistake(
            "The colour behind is added whole, also where the picture hides it. The two weights sum to 1.",
            blended(lambda x, a, c: x * a + c),
        ),
        Mistake("There is black behind the picture: the colour is left out.", blended(lambda x, a, c: x * a)),
        Mistake(
            "The values go up to 255. The colours behind are from 0 to 1, and so is what comes back.",
            lambda images, colors: 255 * evaluate.composite(images, colors),
        ),
        Mistake(
            "Alpha is used from 0 to 255. As a weight it has to be from 0 to 1, like the colours.",
            blended(lambda x, a, c: x * 255 * a + (1 - 255 * a) * c),
        ),
        Mistake(
            "It is divided by 256. The largest value of a byte is 255, and that should become 1.",
            lambda images, colors: (
                images / 256
                if images.shape[1] == 3
                else images[:, :3] / 256 * images[:, 3:] / 256 + (1 - images[:, 3:] / 256) * colors[..., None, None]
            ),
        ),
        Mistake(
            "Each pixel is either the picture or the colour. Half transparent pixels, as at soft edges, are a mixture.",
            blended(lambda x, a, c: torch.where(a >= 0.5, x, c)),
        ),
        Mistake(
            "A pixel with the least alpha is taken as solid. Half transparent pixels are a mixture.",
            blended(lambda x, a, c: torch.where(a > 0, x, c)),
        ),
        Mistake(
            "All pictures have the first one's colour behind them. Each has its own, a row of `colors`.",
            blended(lambda x, a, c: x * a + (1 - a) * c[:1]),
        ),
        Mistake(
            "What is left of alpha is reckoned in bytes: 1 minus a number up to 255. Make alpha a number from 0 to 1 "
            "before.",
            lambda images, colors: (
                images / 255
                if images.shape[1] == 3
                else images[:, :3] / 255 * (images[:, 3:] / 255) + (1 - images[:, 3:]) * colors[..., None, None]
            ),
        ),
        Mistake(
            "Bytes are multiplied by bytes, and what is above 255 starts again at 0. Make them floats first.",
            wraps,
            also=(
                all_in_bytes(255),
                all_in_bytes(255**2),
                all_in_bytes(1, 1),
                all_in_bytes(255, 1),
            ),
        ),
        Mistake(
            "The picture's values are still from 0 to 255, and the colours behind from 0 to 1. Divide the picture too, "
            "not only its alpha.",
            large_picture,
            also=(lambda images, colors: images.float() if images.shape[1] == 3 else large_picture(images, colors),),
        ),
        Mistake(
            "Pictures without alpha come back from 0 to 255. They, too, should be from 0 to 1.",
            lambda images, colors: images.float() if images.shape[1] == 3 else evaluate.composite(images, colors),
        ),
    ),
    hints=(
        "Make floats from 0 to 1 first. Then a pixel is a mean of two colours: how much does each of them count?",
        "The first three channels are the colours, x[:, :3], the last is alpha, x[:, 3:]. The picture counts by "
        "alpha, the colour behind by what is left of 1. Pictures with three channels have nothing to mix.",
        "x[:, :3] * x[:, 3:] + (1 - ...) * colors[:, :, None, None], after images.float() / 255. With three channels "
        "give back the floats.",
    ),
)
