"""`progress()`: what one has solved and predicted so far, from the journal."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from dino_notebooks.check.result import Note
from dino_notebooks.journal import journal_path, read_journal, unreadable


class Progress:
    """Assignment by assignment what is solved, and how the guesses went: as text, and as HTML."""

    def __init__(self, assignments: Mapping[str, Sequence[str]], journal: Mapping[str, Mapping[str, Any]]) -> None:
        exercises, guesses = journal["exercises"], journal["predictions"].values()
        self.assignments = {
            title: {name: _state(exercises.get(name, {})) for name in names} for title, names in assignments.items()
        }
        answered = [guess["right"] for guess in guesses if "right" in guess]
        self.solved = sum(state == "solved" for states in self.assignments.values() for state in states.values())
        self.total = sum(len(states) for states in self.assignments.values())
        self.guessed, self.answered, self.right = len(guesses), len(answered), sum(answered)

    def sentence(self) -> str:
        """All in one line."""
        words = f"{self.solved} of {self.total} exercises solved. "
        if not self.guessed:
            return words + "No predictions yet: the walkthrough asks for them."
        plural = "" if self.guessed == 1 else "s"
        return words + f"{self.guessed} prediction{plural}; {self.right} of {self.answered} revealed so far were right."

    def __repr__(self) -> str:
        lines = [self.sentence()]
        for title, states in self.assignments.items():
            lines.append(f"{title}: {solved(states)}")
            lines += [f"  {MARKS[state]} {name}" for name, state in states.items()]
        return "\n".join([*lines, f"{WORDS} {kept()}"])

    def _repr_html_(self) -> str:
        rows = ""
        for title, states in self.assignments.items():
            names = " &nbsp; ".join(f"{MARKS[state]}&nbsp;{escape(name)}" for name, state in states.items())
            rows += (
                f'<tr><td style="text-align:left;vertical-align:top">{escape(title)}</td>'
                f'<td style="vertical-align:top">{solved(states)}</td>'
                f'<td style="text-align:left">{names}</td></tr>'
            )
        legend = " &nbsp; ".join(f"{mark} {word}" for word, mark in MARKS.items())
        head = f'<p style="margin:0">{escape(self.sentence())}</p><table style="margin:4px 0">{rows}</table>'
        return f'{head}<p style="margin:0;opacity:.8">{legend}. {WORDS} {escape(kept())}</p>'


MARKS = {"solved": "✓", "tried": "·", "open": "○"}
WORDS = "Answers in words are not counted."


def progress() -> Progress | Note:
    """What is solved and predicted so far. A file that can't be read is named, with what to do."""
    from dino_notebooks.check import ASSIGNMENTS

    if problem := unreadable():
        return Note("No progress can be shown", problem)
    return Progress(ASSIGNMENTS, read_journal())


def solved(states: Mapping[str, str]) -> str:
    """How many of an assignment's exercises are solved: "3 of 8"."""
    return f"{sum(state == 'solved' for state in states.values())} of {len(states)}"


def kept() -> str:
    """Where the file lies, and that it is the reader's own."""
    path = journal_path()
    return f"Kept in {path}, which may be read and deleted." if path else "Nothing is kept: DINO_NB_JOURNAL is off."


def _state(entry: Mapping[str, Any]) -> str:
    return "solved" if entry.get("solved") is True else "tried" if entry.get("tried") is True else "open"
