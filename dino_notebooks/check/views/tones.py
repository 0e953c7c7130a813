"""Exercises on how bright a picture is: solarizing, and contrast."""

import torch
from torch import Generator, Tensor

from dino_lite import colors
from dino_lite.colors import grey
from dino_notebooks.check.exercise import Arguments, Exercise, Mistake


def each(values: Tensor) -> Tensor:
    """A number a picture (...), to be used with pictures (..., 3, H, W)."""
    return values[..., None, None, None]


def solarize_cases(generator: Generator) -> list[Arguments]:
    """(x (..., 3, H, W), amount (...), threshold): eighths, so that some values are just the threshold."""
    cases: list[Arguments] = []
    for shape, threshold in (
        ((1, 3, 2, 4), 0.5),
        ((4, 3, 5, 2), 0.375),
        ((2, 3, 3, 4, 5), 0.625),
        ((3, 2, 5), 0.25),
    ):
        x = torch.randint(0, 9, shape, generator=generator) / 8
        x[..., 0, 0, :2] = torch.tensor([threshold, threshold + 0.125])
        turn = torch.rand(shape[:-3], generator=generator).argsort(-1)  # 0, 1, 2 ... in a random order
        cases.append((x, (turn % 2 == 0).float(), threshold))
    return cases


def some(x: Tensor, amount: Tensor, chosen: Tensor, other: Tensor) -> Tensor:
    """The other value where a pixel is chosen, in the pictures whose amount is 1."""
    return torch.where(chosen & (each(amount) == 1), other, x)


SOLARIZE = Exercise(
    name="solarize",
    right=colors.solarize,
    cases=solarize_cases,
    argument_names=("x", "amount", "threshold"),
    mistakes=(
        Mistake(
            "The dark values are turned, and the bright ones left. It should be the other way round.",
            lambda x, a, t: some(x, a, x < t, 1 - x),
        ),
        Mistake(
            "All values are turned, as in a negative. Only those from the threshold on should be.",
            lambda x, a, t: some(x, a, x >= 0, 1 - x),
        ),
        Mistake(
            "A value that is just the threshold is left as it is. The spec says from the threshold *on*.",
            lambda x, a, t: some(x, a, x > t, 1 - x),
        ),
        Mistake(
            "All pictures are solarized. `amount` says which: 1 for yes, 0 for no.",
            lambda x, a, t: torch.where(x >= t, 1 - x, x),
        ),
        Mistake(
            "The wrong pictures are solarized: those whose amount is 0.",
            lambda x, a, t: some(x, 1 - a, x >= t, 1 - x),
        ),
        Mistake(
            "Pictures with amount 0 come back black. They should stay as they are.",
            lambda x, a, t: torch.where(x >= t, 1 - x, x) * each(a),
        ),
        Mistake(
            "Bright values are cut off at the threshold. They should be turned into their opposite, 0 for 1.",
            lambda x, a, t: some(x, a, x >= t, torch.full_like(x, t)),
        ),
        Mistake(
            "Bright values are mirrored at the threshold. Their opposite is seen from the middle of 0 and 1: "
            "what does 1 become?",
            lambda x, a, t: some(x, a, x >= t, 2 * t - x),
        ),
        Mistake(
            "Bright values become black. Their opposite is not 0 for all of them: only 1 becomes 0.",
            lambda x, a, t: some(x, a, x >= t, torch.zeros_like(x)),
        ),
        Mistake(
            "Bright values get a minus sign. In values from 0 to 1 the opposite of 1 is 0.",
            lambda x, a, t: some(x, a, x >= t, -x),
        ),
        Mistake(
            "Bright values are turned as if 255 were the largest. Here it is 1.",
            lambda x, a, t: some(x, a, x >= t, 255 - x),
        ),
        Mistake(
            "The whole pixel is turned if its grey value is bright. Each channel is looked at by itself.",
            lambda x, a, t: some(x, a, (grey(x) >= t).expand_as(x), 1 - x),
        ),
    ),
    hints=(
        "Two questions for every value: does its picture take part, and is it bright? Only if both are true it becomes "
        "its opposite, which is 1 for 0 and 0 for 1.",
        "x >= threshold is a mask of x's shape. amount has a number a picture: amount[..., None, None, None] has "
        "three dimensions more and fits to x.",
        "torch.where((x >= threshold) & (amount[..., None, None, None] == 1), the opposite of x, x).",
    ),
)


def contrast_cases(generator: Generator) -> list[Arguments]:
    """(x (..., 3, H, W), factor (...)): more contrast and less, in pictures that are not grey on average."""
    cases: list[Arguments] = []
    for shape in ((1, 3, 2, 4), (4, 3, 5, 2), (2, 3, 3, 4, 5), (3, 2, 5)):
        tint = torch.rand(3, 1, 1, generator=generator)
        x = 0.6 * torch.rand(shape, generator=generator) + 0.4 * tint
        cases.append((x, 0.2 + 1.8 * torch.rand(shape[:-3], generator=generator)))
    cases[0][1][:] = 0.25
    cases[1][1][:2] = torch.tensor([1.75, 2.5])  # beyond 0 and 1, so that they have to be cut off
    return cases


def blend(x: Tensor, other: Tensor | float, factor: Tensor) -> Tensor:
    """Between another picture (factor 0) and this one (1), and beyond."""
    return (each(factor) * x + (1 - each(factor)) * other).clamp(0, 1)


def mean_grey(x: Tensor) -> Tensor:
    """The mean grey of each picture (..., 1, 1, 1)."""
    return grey(x).mean((-3, -2, -1), keepdim=True)


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
            lambda x, f: mean_grey(x) + each(f) * (x - mean_grey(x)),
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
        "Grey is a weighted sum of the channels. Its mean runs over the last three dimensions, with keepdim=True, so "
        "that it still fits to x. In the blend the picture counts by the factor, the mean by 1 - factor.",
        "factor[..., None, None, None] * x + (1 - ...) * mean, then .clamp(0, 1). For the grey, keep the channel's "
        "dimension: with weights = torch.tensor(GREY_WEIGHTS), (x * weights[:, None, None]).sum(-3, keepdim=True).",
    ),
)
