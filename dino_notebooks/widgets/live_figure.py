"""What the small widgets share: controls above a drawing, a line of numbers below it, and a still of both."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import ipywidgets as widgets

from dino_notebooks.drawing import Drawing
from dino_notebooks.widgets.plain_keys import PlainKeys
from dino_notebooks.widgets.static_twin import StaticTwin

WIDTH = 620.0  # px, of the drawings: all of it fits beside the prompts of a notebook in a narrow window

CONTROL = "254px"  # wide: two of them beside one another in the same window


@dataclass(frozen=True)
class Figure:
    """What a widget shows: a drawing, the numbers in it by name, and the line that says them."""

    drawing: Drawing
    numbers: dict[str, float]
    line: str


class LiveFigure(StaticTwin, widgets.VBox):
    """A widget that draws itself anew at every change. `numbers` holds what it shows, by name.

    A subclass makes its controls, hands them over with `super().__init__(rows)`, calls `refresh` when one of them
    changes, and defines `figure`.
    """

    def __init__(self, rows: Sequence[widgets.Widget]) -> None:
        self.numbers: dict[str, float] = {}
        self.picture = widgets.HTML(layout={"margin": "6px 0 0 0", "max_width": f"{WIDTH:g}px"})
        self.line = widgets.HTML(layout={"margin": "4px 0 0 0"})
        self._figure: Figure | None = None
        self._lock = threading.RLock()  # JupyterLab may call from several threads
        # ipywidgets' boxes show scroll bars as soon as a margin sticks out
        super().__init__([*rows, self.picture, self.line, PlainKeys()], layout={"overflow": "visible", "width": "100%"})
        self.refresh()

    def figure(self) -> Figure:
        """What the controls ask for."""
        raise NotImplementedError

    def refresh(self, _: Any = None) -> None:
        """Draw anew; what cannot be drawn is said instead, since an error in a callback would be lost."""
        with self._lock:
            try:
                self._figure = self.figure()
            except Exception as error:
                self.line.value = said(f"Not drawn: {error}")
                return
            self.numbers = self._figure.numbers
            self.picture.value = self._figure.drawing.svg()
            self.line.value = said(self._figure.line)

    def static_html(self) -> str:
        """The drawing and the line as they stand."""
        return f'<div style="max-width: {WIDTH:g}px">{self.picture.value}{self.line.value}</div>'

    def sentence(self) -> str:
        """What the drawing shows, in words."""
        return self._figure.drawing.title if self._figure else super().sentence()


def said(line: str) -> str:
    """A line of text that screen readers read out when it changes."""
    return f'<div aria-live="polite" style="line-height: 1.4; white-space: normal">{escape(line)}</div>'


def row(*parts: widgets.Widget) -> widgets.HBox:
    """Controls side by side, below one another where there is no room."""
    layout = {"flex_flow": "row wrap", "overflow": "visible", "align_items": "flex-start", "grid_gap": "0 20px"}
    return widgets.HBox(list(parts), layout=layout)


def number(value: float, digits: int = 2) -> str:
    """The number to so many places, never as -0.00."""
    return f"{round(value, digits) + 0.0:.{digits}f}"
