"""The exercise on solarizing: bright becomes dark."""

import torch
from torch import Generator, Tensor

from dino_lite import colors
from dino_lite.colors import grey
from dino_notebooks.check.exercise import Arguments, Exercise, Mistake


def each(values: Tensor) -> Tensor:
    """A number a picture (...), to be used with pictures (..., 3, H, W)."""
    return values[..., None, None, None]


def solarize(x: Tensor, amount: Tensor, threshold: float = 128 / 255) -> Tensor:
    """Values from `threshold` on become their opposite where `amount` (...) is 1; pictures (..., 3, H, W)."""
    takes_part = amount[..., None, None, None] == 1  # (..., 1, 1, 1)
    return torch.where((x >= threshold) & takes_part, 1 - x, x)


def solarize_cases(generator: Generator) -> list[Arguments]:
    """(x (..., 3, H, W), amount (...), threshold): eighths, so that some values are just the threshold."""
    cases: list[Arguments] = []
    for shape, threshold in (
        ((1, 3, 2, 4), 0.5),
        ((2, 3, 2, 4), 0.375),
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
            "Bright values of pictures with amount 0 become 0; they should stay.",
            lambda x, a, t: torch.where(x >= t, each(a) * (1 - x), x),
        ),
        Mistake(
            "`threshold` is ignored. The values from one half on are turned, whatever it says.",
            lambda x, a, t: some(x, a, x >= 0.5, 1 - x),
            also=(lambda x, a, t: some(x, a, x > 0.5, 1 - x),),
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
    solution=solarize,
)
