"""The notebooks in reading order, and what the first cell of each says about it: title, what for, how long."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat

WALK = "[0-9][0-9]_*.ipynb"  # the walkthrough; what readers add beside it is theirs
# "computes for about two minutes, spread over a few cells": the words from the preposition to the unit
PROMISE = re.compile(r"\b(?:for|takes?|needs?) ([^.,;:]*\b(?:seconds?|minutes?|hours?)\b(?: or \w+| and a half)?)")


@dataclass(frozen=True)
class Chapter:
    """A notebook of the walkthrough; line and minutes are empty where its first cell does not say them."""

    path: Path
    title: str  # without its number
    line: str  # Markdown
    minutes: str

    @property
    def name(self) -> str:
        """The file's name without its ending."""
        return self.path.stem

    @property
    def number(self) -> str:
        """Two digits."""
        return self.name[:2]

    @property
    def page(self) -> str:
        """The name of its page."""
        return f"{self.name}.html"


def chapters(folder: Path) -> list[Chapter]:
    """All notebooks of the walkthrough in `folder`."""
    found = [chapter(path) for path in sorted(folder.glob(WALK))]
    if not found:
        raise ValueError(f"There are no notebooks {WALK} in {folder}.")
    return found


def chapter(path: Path) -> Chapter:
    """What the first cell of a notebook says; ValueError when the file is no notebook."""
    try:
        cells = nbformat.read(path, as_version=4).cells
    except Exception as error:  # nbformat's own, of several kinds
        raise ValueError(f"{path} is not a notebook ({type(error).__name__}): dino-notebooks build mends it.") from None
    first = cells[0].source if cells and cells[0].cell_type == "markdown" else ""
    heading, _, rest = first.partition("\n")
    title = re.sub(r"[*_`]", "", heading.lstrip("# ").strip()) or path.stem
    promise = PROMISE.search(rest)
    return Chapter(
        path,
        re.sub(r"^\d+ · ", "", title),
        re.split(r"(?<=[.!?])\s", rest.strip(), maxsplit=1)[0],
        promise[1] if promise else "",
    )


def choose(everything: list[Chapter], names: Sequence[str]) -> list[Chapter]:
    """The chapters called by their names, with or without ending, or by their numbers; all of them without names."""
    calls = {call: one for one in everything for call in (one.number, one.name, one.path.name)}
    unknown = [name for name in names if Path(name).name not in calls]
    if unknown:
        known = ", ".join(one.name for one in everything)
        raise ValueError(f"There is no notebook {unknown[0]!r}: there are {known}.")
    wanted = {calls[Path(name).name] for name in names}
    return [one for one in everything if one in wanted or not names]
