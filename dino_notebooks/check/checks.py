"""A check that can be called, and its hints."""

from collections.abc import Callable
from functools import partial
from typing import Any

from dino_notebooks.check.exercise import Exercise, Function
from dino_notebooks.check.judge import judge
from dino_notebooks.check.result import Note, Result, WrongAnswer
from dino_notebooks.journal import write_entry
from dino_notebooks.source import Source, source_of

Judge = Callable[[Any, int], Result]  # (answer, seed) → what is right or wrong with it


class Check:
    """`check.NAME(answer)`: right or not, and what is wrong. `check.NAME.hint()`: the next hint, then the solution."""

    def __init__(self, name: str, judged: Judge, hints: tuple[str, str, str], solution: Function | str) -> None:
        self.name, self.hints, self.hints_taken = name, hints, 0
        self._judged, self._solution = judged, solution

    @classmethod
    def of(cls, exercise: Exercise) -> "Check":
        """The check of a function to be written."""
        return cls(exercise.name, partial(judge, exercise), exercise.hints, exercise.solution or exercise.right)

    def __call__(self, answer: Any, strict: bool = False, seed: int = 0) -> Result:
        """Judge an answer, with random questions drawn by `seed`. It raises only if strict: `WrongAnswer`, for graders.

        What is solved or tried goes into the journal, for `progress()`. A strict check leaves no trace there, and
        neither does an answer that is not begun.
        """
        result = self._judged(answer, seed)
        if strict and not result.ok:
            raise WrongAnswer(repr(result))
        if not strict and not result.empty:
            write_entry("exercises", self.name, **({"solved": True} if result.ok else {"tried": True}))
        return result

    def hint(self, level: int | None = None) -> Note | Source:
        """The next hint, or one of three by its number; after the third, the solution."""
        self.hints_taken = self.hints_taken + 1 if level is None else level
        if self.hints_taken < 1:
            raise ValueError(f"Hints are numbered from 1, got {self.hints_taken}.")
        if self.hints_taken <= len(self.hints):
            return Note(f"Hint {self.hints_taken} of {len(self.hints)}", self.hints[self.hints_taken - 1])
        return Note("Solution", self._solution) if isinstance(self._solution, str) else source_of(self._solution)

    def __repr__(self) -> str:
        return f"check.{self.name}(your_answer) says what is wrong; check.{self.name}.hint() gives the next hint."
