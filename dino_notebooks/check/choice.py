"""Questions with one right answer among several, each wrong one with its reason."""

from collections.abc import Callable, Mapping
from typing import Any

from dino_notebooks.check.checks import Check
from dino_notebooks.check.result import Result


def choice(
    name: str, options: Mapping[str, str], right: Callable[[], str], because: str, hints: tuple[str, str, str]
) -> Check:
    """A check of a word or a sentence that is chosen.

    options: what can be answered → for a wrong one, what speaks against it. right(): the option that is right, found
    by running or computing it. because: why, said when it was found, and as the solution.
    """

    def judged(answer: Any, seed: int) -> Result:
        """The answer that was chosen, and what speaks against a wrong one."""
        listed = ", ".join(repr(option) for option in options)
        if answer is None or answer is Ellipsis or (isinstance(answer, str) and not answer):
            return Result(name, False, f"Nothing is chosen yet. There are {listed}.", empty=True)
        chosen = next((option for option in options if option.casefold() == str(answer).strip().casefold()), None)
        if chosen is None:
            return Result(name, False, f"{answer!r} is not among the answers. There are {listed}.")
        return Result(name, True, because) if chosen == right() else Result(name, False, options[chosen])

    return Check(name, judged, hints, because)
