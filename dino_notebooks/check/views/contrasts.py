"""The exercise on contrast: towards the mean grey of a picture, or away from it."""

import torch
from torch import Generator, Tensor

from dino_lite import colors
from dino_lite.colors import GREY_WEIGHTS, grey
from dino_notebooks.check.exercise import Arguments, Exercise, Mistake
from dino_notebooks.check.views.solarizing import each


def contrast(x: Tensor, factor: Tensor) -> Tensor:
    """Pictures (..., 3, H, W) with factors (...): 0 gives the mean grey of each picture, 1 the picture itself."""
    weights, factor = torch.tensor(GREY_WEIGHTS)[:, None, None], factor[..., None, None, None]
    grey = (x * weights).sum(-3, keepdim=True)  # (..., 1, H, W)
    mean = grey.mean((-2, -1), keepdim=True)  # (..., 1, 1, 1)
    return (factor * x + (1 - factor) * mean).clamp(0, 1)


def contrast_cases(generator: Generator) -> list[Arguments]:
    """(x (..., 3, H, W), factor (...)): more contrast and less, in pictures that are not grey on average."""
    cases: list[Arguments] = []
    for shape in ((1, 3, 2, 4), (2, 3, 2, 4), (2, 3, 3, 4, 5), (3, 2, 5)):
        tint = torch.rand(3, 1, 1, generator=generator)
        x = 0.6 * torch.rand(shape, generator=generator) + 0.4 * tint
        cases.append((x, 0.2 + 1.8 * torch.rand(shape[:-3], generator=generator)))
    cases[0][1][:] = 0.25
    cases[1][1][:] = torch.tensor([1.75, 2.5])  # beyond 0 and 1, so that they have to be cut off
    return cases


def blend(x: Tensor, other: Tensor | float, factor: Tensor) -> Tensor:
    """Between another picture (factor 0) and this one (1), and beyond."""
    return (each(factor) * x + (1 - each(factor)) * other).clamp(0, 1)


def mean_grey(x: Tensor) -> Tensor:
    """The mean grey of each picture (..., 1, 1, 1)."""
    return grey(x).mean((-3, -2, -1), keepdim=True)


def uncut(x: Tensor, factor: Tensor) -> Tensor:
    """The mistake of cutting nothing off."""
    return mean_grey(x) + each(factor) * (x - mean_grey(x))


CONTRAST = Exercise(
    name="contrast",
    right=colors.contrast,
    cases=contrast_cases,
    argument_names=("x", "factor"),
    tolerance=3e-3,  # 0.299 for 0.2989 is as good
    mistakes=(
        Mistake(
            "Each channel goes to its own mean, so a picture keeps its tint. There is one grey for all three channels.",
            lambda x, f: blend(x, x.mean((-2, -1), keepdim=True), f),
        ),
        Mistake(
            "The three channels count the same in the mean. Green looks brighter than blue: take the mean of the "
            "*grey* picture.",
            lambda x, f: blend(x, x.mean((-3, -2, -1), keepdim=True), f),
        ),
        Mistake(
            "One mean is taken over all pictures. Each picture has its own.",
            lambda x, f: blend(x, grey(x).mean(), f),
        ),
        Mistake(
            "The values go to 0.5. The aim is the mean grey of each picture, so that it stays as bright as it is.",
            lambda x, f: blend(x, 0.5, f),
        ),
        Mistake(
            "The values go to black: that is brightness. Contrast goes to the mean grey.", lambda x, f: blend(x, 0, f)
        ),
        Mistake(
            "Each pixel goes to its own grey: that is saturation. The mean over the pixels is missing.",
            lambda x, f: blend(x, grey(x), f),
        ),
        Mistake(
            "The factor is turned round. With 1 the picture should stay as it is, with 0 it should be all grey.",
            lambda x, f: blend(x, mean_grey(x), 1 - f),
        ),
        Mistake(
            "Some values are below 0 or above 1. Cut them off at the end.",
            uncut,
        ),
        Mistake("Values below 0 are left. Cut them off, too.", lambda x, f: uncut(x, f).clamp(max=1)),
        Mistake("Values above 1 are left. Cut them off, too.", lambda x, f: uncut(x, f).clamp(min=0)),
        Mistake(
            "The three weighted channels are averaged, and should be added: the grey is a third of what it should be.",
            lambda x, f: blend(x, mean_grey(x) / 3, f),
        ),
        Mistake(
            "The mean grey is added whole. With a factor of 1, nothing of it should be added.",
            lambda x, f: (each(f) * x + mean_grey(x)).clamp(0, 1),
        ),
        Mistake(
            "The mean grey is taken away and not given back: the picture gets dark.",
            lambda x, f: (each(f) * (x - mean_grey(x))).clamp(0, 1),
        ),
        Mistake(
            "The result has no colours: it is the grey picture that is blended. Only the mean is of grey.",
            lambda x, f: blend(grey(x).expand_as(x), mean_grey(x), f),
        ),
        Mistake(
            "The grey weights are in the order blue, green, red. The channels here are red, green, blue.",
            lambda x, f: blend(x, mean_grey(x.flip(-3)), f),
        ),
        Mistake(
            "All pictures get the factor of the first. Each has its own.",
            lambda x, f: blend(x, mean_grey(x), f.flatten()[0].expand(x.shape[:-3])),
        ),
    ),
    hints=(
        "Three steps: the grey of each pixel, one mean of it a picture, and a blend of that mean with the picture.",
        "Keep the channel's dimension in the grey (sum with keepdim=True). Its mean then runs over rows and columns, "
        "dim=(-2, -1), again with keepdim=True. In the blend the picture counts by the factor, the mean by 1 - factor.",
        "factor[..., None, None, None] * x + (1 - ...) * mean, then .clamp(0, 1). For the grey, keep the channel's "
        "dimension: with weights = torch.tensor(GREY_WEIGHTS), (x * weights[:, None, None]).sum(-3, keepdim=True).",
    ),
    solution=contrast,
)
