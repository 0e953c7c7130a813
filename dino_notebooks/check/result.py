"""What a check says: one object, as text for a terminal and as HTML for a notebook."""

from dataclasses import dataclass
from html import escape

# two colours that a colour-blind reader can tell apart, and a word beside them
GREEN, ORANGE, BLUE = "#009E73", "#D55E00", "#0072B2"


class WrongAnswer(AssertionError):
    """What a strict check raises, so that a grader sees a failed cell."""


@dataclass(frozen=True)
class Result:
    """ok: whether the answer is right. message: what is wrong and what to look at.

    example: lines (what, text) on the smallest input that shows it, with what was expected and what came.
    empty: whether nothing was written or chosen yet.
    """

    name: str
    ok: bool
    message: str
    example: tuple[tuple[str, str], ...] = ()
    empty: bool = False

    def __repr__(self) -> str:
        lines = [f"{self._word()}: {self.name}. {self.message}"]
        for what, text in self.example:
            lines.append(f"{what}:" + ("\n" + text if "\n" in text else f" {text}"))
        return "\n".join(lines).replace("\n", "\n  ")

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><td style="text-align:left;vertical-align:top;opacity:.8">{escape(what)}</td>'
            f'<td style="text-align:left"><pre style="margin:0">{escape(text)}</pre></td></tr>'
            for what, text in self.example
        )
        table = f'<table style="margin:4px 0 0">{rows}</table>' if rows else ""
        return boxed(GREEN if self.ok else ORANGE, f"{self._word()}: {self.name}.", self.message, table)

    def _word(self) -> str:
        return "Solved" if self.ok else "Not yet"


@dataclass(frozen=True)
class Note:
    """A title and a few sentences, such as a hint."""

    title: str
    text: str

    def __repr__(self) -> str:
        return f"{self.title}: {self.text}"

    def _repr_html_(self) -> str:
        return boxed(BLUE, f"{self.title}.", self.text)


def boxed(color: str, title: str, text: str, more: str = "") -> str:
    """HTML: a line of colour at the left, a bold title, text; `more` is HTML already."""
    return (
        f'<div style="border-left:3px solid {color};padding:2px 0 2px 10px">'
        f"<b>{escape(title)}</b> {escape(text)}{more}</div>"
    )
