"""Exercises graded by what a run does: the answer is a run as a line of text, which is made again here."""

from collections.abc import Callable
from functools import cache
from typing import Any

from dino_notebooks.check.checks import Check
from dino_notebooks.check.result import Result
from dino_notebooks.session import Session
from dino_notebooks.session.run_line import Run, read_line

RECIPE = "lab"  # the small one that every laptop runs
Unmet = Callable[[Session], str | None]  # a sentence on what is missing at the end of the run, or None


def run_check(
    name: str,
    limit: int,
    allowed: Callable[[Run], str | None],
    unmet: Unmet,
    because: str,
    hints: tuple[str, str, str],
    solution: str,
) -> Check:
    """A check of a run: a `Session`, a panel that has one, or the `run_line()`.

    limit: steps that it may have, so that a grader knows how long it takes at most. allowed(run): None, or which rule
    its changes break; looked at before anything is computed. unmet(session): None, or what is missing at the end.
    because: said when all is well. solution: a run line that does it.
    """

    def judged(answer: Any, seed: int) -> Result:
        """What is wrong with the line, its run, or where it ends."""
        if isinstance(panel_session := getattr(answer, "session", None), Session):
            answer = panel_session
        if isinstance(answer, Session):
            answer = answer.run_line()
        if not isinstance(answer, str) or not answer.strip():
            said = "It takes a run: the Session, the panel, or its line of text, session.run_line()."
            return Result(name, False, said, empty=answer is None or answer is Ellipsis)
        try:
            run = read_line(answer)
        except ValueError as error:
            return Result(name, False, f"This line can't be read as a run. {error}")
        if run.recipe != RECIPE:
            return Result(name, False, f"The run is of the recipe {run.recipe!r}; it should be of {RECIPE!r}.")
        if run.steps > limit:
            return Result(name, False, f"The run has {run.steps} steps, and {limit} are allowed.")
        if broken := allowed(run):
            return Result(name, False, broken)
        return played(run.line())

    @cache  # a grader asks again with other seeds, and a run is the same whatever they are
    def played(line: str) -> Result:
        """The run, made again."""
        try:
            session = Session.replay(line)
        except (ValueError, FloatingPointError) as error:  # the loss became infinite, say
            return Result(name, False, f"The run can't be made again. {error}")
        missing = unmet(session)
        return Result(name, missing is None, missing or because)

    return Check(name, judged, hints, solution)
