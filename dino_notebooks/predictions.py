"""Ask before showing: `predict` notes a guess, `reveal` puts the measured answer beside it.

    predict("What is the loss of two equal networks?", ["0", "about 1", "ln K"])
    ...                                                     # a cell that measures
    reveal("ln K" if close else "0", f"It is {loss:.4f}.")  # the answer is computed, never written down before

Without options the guess is a number. Nobody has to guess: `reveal` then only says what was measured.
"""

import math
from collections.abc import Sequence
from html import escape

import ipywidgets as widgets

from dino_notebooks.journal import write_entry
from dino_notebooks.widgets.static_twin import StaticTwin

Answer = str | float
_asked: list["Prediction"] = []  # the last one is what `reveal` answers


class Prediction(StaticTwin, widgets.VBox):
    """A question with its choices, or with a field for a number. `guess`: what was chosen last, or None."""

    def __init__(self, question: str, options: Sequence[str] | None) -> None:
        self.question, self.options = question, None if options is None else list(options)
        self.guess: Answer | None = None
        self.said = widgets.HTML(layout={"margin": "0"})
        self.said.add_class("dino-said")
        head = widgets.HTML(f"<b>Predict.</b> {escape(question)}", layout={"margin": "0 0 2px 0"})
        self.field: widgets.RadioButtons | widgets.Text
        if self.options is None:
            self.field = widgets.Text(placeholder="a number, then Enter", continuous_update=False)
        else:
            self.field = widgets.RadioButtons(options=self.options, value=None, layout={"width": "max-content"})
        self.field.tooltip = question
        self.field.observe(self._guessed, "value")
        super().__init__([head, self.field, self.said], layout={"margin": "4px 0"})

    def takes(self, measured: Answer) -> bool:
        """Whether this can be the answer."""
        if self.options is not None:
            return measured in self.options
        return isinstance(measured, int | float) and math.isfinite(measured)

    def close_question(self) -> None:
        """No more guesses: the answer is out."""
        self.field.disabled = True

    def _guessed(self, change: dict[str, str]) -> None:
        text = change["new"]
        if self.options is None:
            try:
                self.guess = float(str(text).replace(",", "."))
            except ValueError:
                self.said.value = "That is no number: write something like 0.5."
                return
        else:
            self.guess = text
        self.said.value = "Noted. Now run the next cell."
        write_entry("predictions", self.question, guess=self.guess, measured=None, right=None)

    def static_html(self) -> str:
        """The question and its choices."""
        items = "".join(f"<li>{escape(option)}</li>" for option in self.options or [])
        return f"<div><b>Predict.</b> {escape(self.question)}{f'<ul>{items}</ul>' if items else ''}</div>"

    def sentence(self) -> str:
        """The question in one line."""
        return f"Predict: {self.question}" + (f" ({' / '.join(self.options)})" if self.options else "")


class Revealed:
    """The measured answer beside the guess, in words."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return f'<div style="border-left: 3px solid #0072B2; padding: 2px 0 2px 10px">{escape(self.text)}</div>'


def predict(question: str, options: Sequence[str] | None = None) -> Prediction:
    """Ask; options: what can be chosen, None: a number. ValueError for fewer than two options, or equal ones."""
    if options is not None and (len(options) < 2 or len(set(options)) < len(options)):
        raise ValueError(f"A prediction needs two or more different options, got {list(options)}.")
    asked = Prediction(question, options)
    before = next((one for one in _asked if one.question == question), None)
    _asked[:] = [one for one in _asked if one.question != question] + [asked]
    # A click on a choice makes this cell the current one, so that Shift and Enter run it again: the guess stays.
    if before is not None and before.options == asked.options and not before.field.disabled:
        asked.field.value = before.field.value
    return asked


def reveal(measured: Answer, because: str = "", close: float = 0.1) -> Revealed:
    """Compare the last prediction with what was measured: one of its options, or a number.

    because: why it is so, with the measured numbers. close: a guessed number counts as right within this share of the
    measured one. ValueError when nothing was asked, or the answer is none that could be chosen.
    """
    if not _asked:
        raise ValueError("Nothing was asked: call predict(question, options) in a cell above.")
    # a cell further up may be run again: the last question that this can be the answer to
    asked = next((one for one in reversed(_asked) if one.takes(measured)), None)
    if asked is None:
        wanted = "a finite number" if _asked[-1].options is None else f"one of {_asked[-1].options}"
        raise ValueError(f"The answer to {_asked[-1].question!r} must be {wanted}, got {measured!r}.")
    asked.close_question()
    answer = measured if isinstance(measured, str) else f"{measured:.4g}"
    if asked.guess is None:
        return Revealed(f"Measured: {answer}. {because}".strip())
    right = asked.guess == measured
    if isinstance(asked.guess, float) and isinstance(measured, int | float):
        right = abs(asked.guess - measured) <= close * abs(measured) + 1e-12
    write_entry("predictions", asked.question, guess=asked.guess, measured=measured, right=right)
    guess = asked.guess if isinstance(asked.guess, str) else f"{asked.guess:g}"
    said = f"You said {guess}, and so it is." if right and guess == answer else f"You said {guess}. Measured: {answer}."
    return Revealed(f"{said} {because}".strip())
