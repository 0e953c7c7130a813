"""Whether an answer is right, and if not, what is wrong with it.

The answer and the right function are asked the same random questions. Where they differ, every known mistake is asked
too: the one that says the same as the answer is what was done wrong. So an answer may be written in any style, and a
mistake is known by what it does.
"""

import math
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from dino_notebooks.check.compare import alike, common_factor, copied, finite, has_nan, numbers, shapes
from dino_notebooks.check.examples import can_be_shown, example
from dino_notebooks.check.exercise import Arguments, Exercise, Function, Trouble
from dino_notebooks.check.result import Result


def judge(exercise: Exercise, answer: Any, seed: int = 0) -> Result:
    """Ask, compare, and name the mistake. Never raises for what an answer does, but for KeyboardInterrupt."""
    if not callable(answer):
        said = f"It takes your function itself, and got {type(answer).__name__}: write its name without calling it."
        return Result(exercise.name, False, said, empty=answer is None or answer is Ellipsis)
    asked = Asked.of(exercise, answer, seed)
    if asked.wrong:
        return explain(asked)
    if asked.trouble:
        shown = asked.example(len(asked.given)) if asked.trouble.example else ()
        return Result(exercise.name, False, asked.trouble.message, shown, asked.trouble.empty)
    return judge_rules(exercise, answer)


@dataclass(frozen=True)
class Asked:
    """The questions, what should come and what came; `given` ends where there was trouble. wrong: numbers of cases."""

    exercise: Exercise
    cases: list[Arguments]
    wanted: list[list[Tensor]]
    given: list[list[Tensor]]
    wrong: list[int]
    trouble: Trouble | None

    @classmethod
    def of(cls, exercise: Exercise, answer: Function, seed: int) -> "Asked":
        """Ask an answer all questions of a seed."""
        cases = list(exercise.cases(Generator().manual_seed(seed)))
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
        return cls(exercise, cases, wanted, given, wrong, trouble)

    def can_be_shown(self, i: int) -> bool:
        """Whether all numbers of a case are few enough to be read."""
        return can_be_shown(*self.cases[i], *self.wanted[i], *self.given[i])

    def example(self, i: int) -> tuple[tuple[str, str], ...]:
        """A case in words, with what came, if anything did."""
        given = self.given[i] if i < len(self.given) else None
        return example(self.exercise, self.cases[i], self.wanted[i], given)

    def says(self, message: str, among: Sequence[int], empty: bool = False) -> Result:
        """Not right, with the first of these cases that can be read."""
        best = next((i for i in among if self.can_be_shown(i)), among[0])
        return Result(self.exercise.name, False, message, self.example(best), empty)


def judge_rules(exercise: Exercise, answer: Function) -> Result:
    """The values are right: does all else hold?"""
    for rule in exercise.rules:
        shown = (("tried with", rule.tried),) if rule.tried else ()
        try:
            broken = rule.broken(answer)
        except Exception as error:
            return Result(exercise.name, False, f"{rule.says} It stopped there with {in_short(error)}.", shown)
        if broken:
            return Result(exercise.name, False, f"{exercise.so_far} {rule.says}", shown)
    return Result(exercise.name, True, "It is right on every input that was tried.")


def outcome(exercise: Exercise, answer: Function, case: Arguments) -> list[Tensor]:
    """What an answer gives for one case, as tensors; Trouble, where it gives nothing that can be compared."""
    arguments, name = copied(case), getattr(answer, "__name__", "<")
    name = "Your function" if name.startswith("<") else name  # a lambda, or an object that is called
    hint = f"check.{exercise.name}.hint() helps with a first step."
    try:
        given = exercise.ask(answer, arguments)
    except Trouble:
        raise
    except (Exception, SystemExit) as error:
        if type(error) is NotImplementedError and not error.args:  # with words it is torch's, of a type it can't take
            raise Trouble(f"{name} is not written yet. {hint}", example=False, empty=True) from None
        raise Trouble(f"{name} stops with {in_short(error)}{line_of(error, answer)}.") from None
    if given is None:
        said = f"{name} gives back None: is it not written yet, or is there no return? {hint}"
        raise Trouble(said, example=False, empty=True)
    if not exercise.changes_input and any(
        isinstance(before, Tensor) and not torch.equal(before, after)
        for before, after in zip(case, arguments, strict=True)
    ):
        raise Trouble(f"{name} changes its own input in place. Make a new tensor: the caller still needs the old one.")
    try:
        return numbers(given)
    except (TypeError, ValueError, OverflowError):
        raise Trouble(
            f"{name} gives back {type(given).__name__}, which is no tensor, number or list of them."
        ) from None


def explain(asked: Asked) -> Result:
    """Why the values differ: a known mistake, or what can be said without knowing it; with a case that shows it."""
    for loose in (False, True):
        for mistake in asked.exercise.mistakes:
            if any(makes(asked, does, loose) for does in (mistake.does, *mistake.also)):
                return asked.says(mistake.says, asked.wrong, mistake.untouched)
    for i in asked.wrong:
        yours, right = (one[0] if len(one) == 1 else one for one in (shapes(asked.given[i]), shapes(asked.wanted[i])))
        if yours != right:
            return asked.says(f"The shape is {yours}, and should be {right}.", [i])
    if nans := [i for i in asked.wrong if has_nan(asked.given[i])]:
        return asked.says("There is a NaN in what comes back: look for 0/0, log(0) or an exp that overflows.", nans)
    factor = common_factor(asked.wanted, asked.given)
    if factor is not None and math.isclose(factor, -1, rel_tol=1e-3):
        return asked.says("Every value has the wrong sign.", asked.wrong)
    if factor is not None:
        said = f"Every value is {factor:.4g} times what it should be: a sum for a mean, or a factor that is left out?"
        return asked.says(said, asked.wrong)
    if asked.exercise.general:
        return asked.says(asked.exercise.general, asked.wrong)
    if any(asked.can_be_shown(i) for i in asked.wrong):
        said = "Work the example below through by hand, and compare each step."
    else:
        said = "The smallest input that shows it is too large to be printed: try your function on a small one by hand."
    return asked.says(f"The shape is right, the values are not. {said}", asked.wrong)


def makes(asked: Asked, does: Function, loose: bool) -> bool:
    """Whether the answer is as wrong as this function.

    loose: only where that gives numbers, and only if the answer is wrong there. What an answer does where the mistake
    itself ends with NaN is a matter of style.
    """
    compared = []
    for i, (case, got) in enumerate(zip(asked.cases, asked.given, strict=False)):  # fewer, where it stopped
        try:
            theirs = numbers(asked.exercise.ask(does, copied(case)))
        except Exception:  # a mistake may not work on every input
            if loose:
                continue
            return False
        if loose and not finite(theirs):
            continue
        if not alike(got, theirs, asked.exercise.tolerance):
            return False
        compared.append(i)
    return any(i in asked.wrong for i in compared)


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
