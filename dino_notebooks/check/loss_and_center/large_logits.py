"""What the rules on large logits look at: log(softmax) breaks there, and what people add to it caps the loss."""

from collections.abc import Callable

import torch
from torch import Tensor

from dino_notebooks.check.exercise import Arguments, Function, Mistake, Rule, carries_gradient

CAPPED = (
    "With large logits it is finite, but capped: what is added to the share hides how wrong the student is, and no "
    "gradient is left. Take softmax and logarithm in one go."
)


def about_large_logits(says: str, right: Function, case: Arguments, place: int, tried: str) -> tuple[Rule, Rule]:
    """Two rules: finite with this case, and there the same value and gradient as the right function.

    says: of an answer that is not finite. place: of the logits among the arguments. tried: the case in words.
    """
    return (
        Rule(says, lambda function: not finite(function, case), tried),
        Rule(CAPPED, lambda function: capped(function, right, case, place), tried),
    )


def finite(function: Function, case: Arguments) -> bool:
    """Whether no number that comes out is infinite or NaN."""
    return bool(torch.isfinite(torch.as_tensor(function(*case))).all())


def capped(function: Function, right: Function, case: Arguments, place: int) -> bool:
    """Whether the value differs from the right one, or the gradient, if there is any; half precision may be rounded."""
    (yours, slope), (wanted, wanted_slope) = value_and_slope(function, case, place), value_and_slope(right, case, place)
    pairs = [(yours, wanted)] if slope is None or wanted_slope is None else [(yours, wanted), (slope, wanted_slope)]
    return not all(torch.allclose(a, b, rtol=2e-2, atol=2e-2) for a, b in pairs)


def value_and_slope(function: Function, case: Arguments, place: int) -> tuple[Tensor, Tensor | None]:
    """What comes out, and the gradient of its last column with regard to one argument; None where there is none."""
    leaf = case[place].clone().requires_grad_()
    try:
        value = function(*case[:place], leaf, *case[place + 1 :])
    except RuntimeError:  # numpy takes no tensor that requires a gradient
        value = function(*case)
    if not carries_gradient(value):
        return torch.as_tensor(value).detach().double(), None
    (slope,) = torch.autograd.grad(value[..., -1].sum() if value.ndim else value, leaf, allow_unused=True)
    return value.detach().double(), slope


ADDED = (
    "Something is added to the shares, or they are cut off from below, which changes small ones. Take softmax and "
    "logarithm in one go."
)
SMALL = (1e-8, 1e-4, 1e-5, 1e-6, 1e-7, 1e-9, 1e-10, 1e-12)  # what people take; the first is the most usual


def something_added(of_logs: Callable[[Function], Function], small: tuple[float, ...] = SMALL) -> Mistake:
    """The mistake of log(softmax + small), and of log(softmax.clamp(min=small)).

    of_logs: makes the exercise's function of one that gives the logarithms for logits and τ.
    """
    forms = [of_logs(form(number)) for form in (with_addition, cut_off) for number in small]
    return Mistake(ADDED, forms[0], tuple(forms[1:]))


def with_addition(small: float) -> Function:
    """log(softmax + small), of logits and τ."""
    return lambda logits, temperature: (torch.softmax(logits / temperature, -1) + small).log()


def cut_off(small: float) -> Function:
    """log of the softmax, but not below log(small), of logits and τ."""
    return lambda logits, temperature: torch.softmax(logits / temperature, -1).clamp(min=small).log()
