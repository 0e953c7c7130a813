"""Whether an answer is right, and if not, what is wrong with it.

The answer and the right function are asked the same random questions. Where they differ, every known mistake is asked
too: the one that says the same as the answer is what was done wrong. So an answer may be written in any style, and a
mistake is known by what it does.
"""

import math
import traceback
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dino_notebooks.check.examples import example
from dino_notebooks.check.exercise import Arguments, Exercise, Function
from dino_notebooks.check.result import Result

HALF = {torch.float16, torch.bfloat16}


class Trouble(Exception):
    """An answer that gives no numbers, and why, in a sentence. example: whether an input helps to see it."""

    def __init__(self, message: str, example: bool = True) -> None:
        super().__init__(message)
        self.message, self.example = message, example


def judge(exercise: Exercise, answer: Any, seed: int = 0) -> Result:
    """Ask, compare, and name the mistake. Never raises for what an answer does, but for KeyboardInterrupt."""
    if not callable(answer):
        said = f"It takes your function itself, and got {type(answer).__name__}: write its name without calling it."
        return Result(exercise.name, False, said)
    cases = list(exercise.cases(torch.Generator().manual_seed(seed)))
    wanted = [numbers(exercise.ask(exercise.right, copied(case))) for case in cases]
    given: list[list[Tensor]] = []
    trouble = None
    for case in cases:
        try:
            given.append(outcome(exercise, answer, case))
        except Trouble as error:
            trouble = error
            break
    wrong = [i for i, got in enumerate(given) if not alike(got, wanted[i], exercise.tolerance)]
    if trouble and not wrong:
        shown = example(exercise, cases[len(given)], wanted[len(given)], None) if trouble.example else ()
        return Result(exercise.name, False, trouble.message, shown)
    if not wrong:
        return judge_rules(exercise, answer)
    shown = example(exercise, cases[wrong[0]], wanted[wrong[0]], given[wrong[0]])
    return Result(exercise.name, False, explain(exercise, cases, wanted, given), shown)


def judge_rules(exercise: Exercise, answer: Function) -> Result:
    """The values are right: does all else hold?"""
    for rule in exercise.rules:
        try:
            broken = rule.broken(answer)
        except Exception as error:
            return Result(exercise.name, False, f"{rule.says} It stopped there with {in_short(error)}.")
        if broken:
            return Result(exercise.name, False, f"The values are right. {rule.says}")
    return Result(exercise.name, True, "It is right on every input that was tried.")


def outcome(exercise: Exercise, answer: Function, case: Arguments) -> list[Tensor]:
    """What an answer gives for one case, as tensors; Trouble, where it gives nothing that can be compared."""
    arguments, name = copied(case), getattr(answer, "__name__", "<")
    name = "Your function" if name.startswith("<") else name  # a lambda, or an object that is called
    hint = f"check.{exercise.name}.hint() helps with a first step."
    try:
        given = exercise.ask(answer, arguments)
    except (Exception, SystemExit) as error:
        if type(error) is NotImplementedError and not error.args:  # with words it is torch's, of a type it can't take
            raise Trouble(
                f"{name} is not written yet. check.{exercise.name}.hint() helps with a first step.", False
            ) from None
        raise Trouble(f"{name} stops with {in_short(error)}{line_of(error, answer)}.") from None
    if given is None:
        raise Trouble(f"{name} gives back None: is it not written yet, or is there no return? {hint}", False)
    if not exercise.changes_input and any(
        isinstance(before, Tensor) and not torch.equal(before, after)
        for before, after in zip(case, arguments, strict=True)
    ):
        raise Trouble(f"{name} changes its own input in place. Make a new tensor: the caller still needs the old one.")
    try:
        return numbers(given)
    except (TypeError, ValueError):
        raise Trouble(
            f"{name} gives back {type(given).__name__}, which is no tensor, number or list of them."
        ) from None


def explain(exercise: Exercise, cases: list[Arguments], wanted: list[list[Tensor]], given: list[list[Tensor]]) -> str:
    """Why the values differ: a known mistake, or what can be said without knowing it."""
    for mistake in exercise.mistakes:
        try:
            same = all(
                alike(got, numbers(exercise.ask(mistake.does, copied(case))), exercise.tolerance)
                for case, got in zip(cases, given, strict=False)  # fewer, where it stopped
            )
        except Exception:  # a mistake may not work on every input
            continue
        if same:
            return mistake.says
    for got, expected in zip(given, wanted, strict=False):
        shapes = [tuple(x.shape) for x in got], [tuple(x.shape) for x in expected]
        if shapes[0] != shapes[1]:
            yours, right = (one[0] if len(one) == 1 else one for one in shapes)
            return f"The shape is {yours}, and should be {right}."
    if any(bool(x.isnan().any()) for got in given for x in got):
        return "There is a NaN in what comes back: look for 0/0, log(0) or an exp that overflows."
    factor = common_factor(wanted, given)
    if factor is not None and math.isclose(factor, -1, rel_tol=1e-3):
        return "Every value has the wrong sign."
    if factor is not None:
        return f"Every value is {factor:.4g} times what it should be: a sum for a mean, or a factor that is left out?"
    return "The shape is right, the values are not. Work the example below through by hand, and compare each step."


def common_factor(wanted: list[list[Tensor]], given: list[list[Tensor]]) -> float | None:
    """The one number by which all values are off, or None."""
    right = torch.cat([x.flatten().double() for one in wanted[: len(given)] for x in one])
    yours = torch.cat([x.flatten().double() for one in given for x in one])
    factor = float((right * yours).sum() / right.square().sum().clamp_min(1e-30))
    close = torch.allclose(yours, factor * right, rtol=1e-3, atol=1e-6 + 1e-4 * abs(factor))
    return factor if close and math.isfinite(factor) and abs(factor) > 1e-6 else None


def numbers(given: Any) -> list[Tensor]:
    """A tensor, an array, a number, or a tuple or list of them, as a list of double tensors; TypeError for others.

    Half precision stays what it is: it can't be compared to four digits.
    """
    if isinstance(given, tuple) or (isinstance(given, list) and any(isinstance(part, Tensor) for part in given)):
        return [one for part in given for one in numbers(part)]
    if isinstance(given, Tensor):
        values = given.detach().cpu()
        return [values if values.dtype in HALF else values.double()]
    if isinstance(given, bool | int | float | list | np.ndarray | np.generic):
        return [torch.as_tensor(np.asarray(given, dtype=np.float64))]
    raise TypeError(type(given).__name__)


def alike(yours: list[Tensor], right: list[Tensor], tolerance: float) -> bool:
    """Whether all tensors have the same shapes, and the same values but for rounding."""
    if len(yours) != len(right):
        return False
    for a, b in zip(yours, right, strict=True):
        close = 2e-2 if HALF & {a.dtype, b.dtype} else tolerance
        if a.shape != b.shape or not torch.allclose(
            a.double(), b.double(), rtol=close, atol=close / 10, equal_nan=True
        ):
            return False
    return True


def copied(case: Arguments) -> Arguments:
    """Arguments of its own for every call."""
    return tuple(x.clone() if isinstance(x, Tensor) else x for x in case)


def in_short(error: BaseException) -> str:
    """An error in one line."""
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def line_of(error: BaseException, answer: Function) -> str:
    """Where in the answer's own file the error began."""
    code = getattr(answer, "__code__", None)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if code is not None and frame.filename == code.co_filename and frame.line:
            return f", at its line {(frame.lineno or 0) - code.co_firstlineno + 1}: {frame.line}"
    return ""
