"""Exercises on the numbers of a picture: alpha over a colour, and the units that a network gets."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from dino_lite import colors, evaluate
from dino_notebooks.check.exercise import Arguments, Exercise, Mistake

MEAN, STD = (torch.tensor(numbers)[:, None, None] for numbers in (colors.IMAGENET_MEAN, colors.IMAGENET_STD))


def normalize_cases(generator: Generator) -> list[Arguments]:
    """(x (..., 3, H, W),): a picture as wide as it has channels, a batch, views of a batch, a picture without batch."""
    return [
        (torch.rand(shape, generator=generator),) for shape in ((1, 3, 2, 3), (4, 3, 5, 2), (2, 5, 3, 4, 6), (3, 4, 2))
    ]


NORMALIZE = Exercise(
    name="normalize",
    right=colors.normalize,
    cases=normalize_cases,
    argument_names=("x",),
    mistakes=(
        Mistake(
            "The three numbers are spread along the width, the last dimension. They belong to the channels: give "
            "them two more dimensions at their end.",
            lambda x: (x - MEAN.flatten()) / STD.flatten(),
        ),
        Mistake("The mean is missing: values around 0 are what a network wants.", lambda x: x / STD),
        Mistake("The standard deviation is missing: the mean is taken away, and nothing else.", lambda x: x - MEAN),
        Mistake("The mean is added. After it, the values should be around 0.", lambda x: (x + MEAN) / STD),
        Mistake(
            "The values are multiplied by the standard deviation, and should be divided.", lambda x: (x - MEAN) * STD
        ),
        Mistake(
            "The mean is taken away after the division. It is in the units of the pixels: take it away first.",
            lambda x: x / STD - MEAN,
        ),
        Mistake("Mean and standard deviation are exchanged.", lambda x: (x - STD) / MEAN),
        Mistake(
            "The values are divided by the variance. Its square root, the standard deviation, is given already.",
            lambda x: (x - MEAN) / STD**2,
        ),
        Mistake(
            "The channels' numbers are in the order blue, green, red. Pictures here are red, green, blue.",
            lambda x: (x - MEAN.flip(0)) / STD.flip(0),
        ),
        Mistake(
            "Each picture is measured by its own mean and standard deviation. That would take its brightness and "
            "contrast away; the numbers are the same for all pictures.",
            lambda x: (x - x.mean((-2, -1), keepdim=True)) / x.std((-2, -1), keepdim=True),
        ),
        Mistake(
            "One half is used for every channel. Each channel has a mean and a standard deviation of its own.",
            lambda x: (x - 0.5) / 0.5,
        ),
        Mistake(
            "The picture is multiplied by 255 first. Its values and the mean are both from 0 to 1.",
            lambda x: (255 * x - MEAN) / STD,
        ),
    ),
    hints=(
        "One subtraction and one division. The question is only how three numbers meet a tensor of (..., 3, H, W).",
        "Shapes are compared from the right. For a number a channel, make a tensor of shape (3, 1, 1) of the three "
        "means, and another one of the three standard deviations.",
        "mean = torch.tensor(IMAGENET_MEAN)[:, None, None], std likewise, then (x - ...) / ...",
    ),
)


def composite_cases(generator: Generator) -> list[Arguments]:
    """(uint8 pictures (N, 4 or 3, H, W), colours (N, 3)): alpha from 0 to 255 with both ends; the last has none."""
    cases: list[Arguments] = []
    for shape in ((1, 4, 3, 2), (5, 4, 4, 6), (2, 3, 5, 4)):
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
