"""The exercise on the numbers of a picture: the units that a network gets."""

import torch
from torch import Generator

from dino_lite import colors
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
