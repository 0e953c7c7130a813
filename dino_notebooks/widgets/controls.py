"""A knob as people turn it: a slider, a number field beside it, a reset, and a sentence on what it does.

A slider alone has no accessible name, shows 0.04000000000000001 and cannot be set to 0.0413; the field can. Each
control calls `changed(value)` when its user changes it, and never when `show(value)` does.
"""

import math
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from dino_notebooks.widgets.ranges import Range

WIDTH = "246px"


class NumberControl(widgets.VBox):
    """Slider, field and reset for a `Range`; `value` is what they show."""

    def __init__(self, range_: Range, value: float, changed: Callable[[float], None], width: str = WIDTH) -> None:
        value = range_.mended(value)
        self.range, self.usual, self.value, self._changed, self._quiet = range_, value, value, changed, False
        name = range_.name_in_words
        words = f"<b>{range_.symbol}</b> {range_.words}" if range_.symbol else range_.words
        one_line = f'<span style="white-space: nowrap">{words}</span>'
        self.label = widgets.HTML(one_line, layout={"flex": "1 1 auto", "margin": "0"})
        self.field = widgets.BoundedFloatText(
            value, min=range_.low, max=range_.high, step=range_.step, layout={"width": "73px", "margin": "0"}
        )
        self.field.tooltip = f"{name}, from {range_.low:g} to {range_.high:g}"
        self.slider = widgets.IntSlider(
            range_.position_of(value),
            0,
            range_.positions,
            readout=False,
            layout={"flex": "1 1 auto", "margin": "0 6px 0 2px"},
        )
        self.reset = widgets.Button(
            icon="undo", tooltip=f"reset {name} to {value:g}", layout={"width": "30px", "margin": "0", "padding": "0"}
        )
        self.slider.observe(self._slid, "value")
        self.field.observe(self._typed, "value")
        self.reset.on_click(lambda _: self.set(self.usual))
        rows: list[Any] = [
            widgets.HBox([self.label, self.field]),
            widgets.HBox([self.slider, self.reset], layout={"align_items": "center"}),
        ]
        if range_.sentence:
            rows.append(note(f"{range_.sentence} {range_.low:g} to {range_.high:g}."))
        super().__init__(rows, layout={"width": width, "margin": "0 0 6px 0"})

    def show(self, value: float) -> None:
        """Show a value that was set elsewhere."""
        self._show(value, slide=True)

    def set(self, value: float) -> None:
        """Set a value, as its user does with the field."""
        self.show(value)
        self._changed(self.value)

    def lock(self, locked: bool = True) -> None:
        """Show the value, but let nobody change it."""
        for part in (self.field, self.slider, self.reset):
            part.disabled = locked

    def _slid(self, change: Any) -> None:
        if not self._quiet:
            self._show(self.range.value_at(change["new"]), slide=False)  # a slider that is being dragged stays put
            self._changed(self.value)

    def _typed(self, change: Any) -> None:
        if not self._quiet:
            self.set(change["new"])

    def _show(self, value: float, slide: bool) -> None:
        if math.isfinite(value):
            self.value = self.range.mended(value)
        self._quiet = True
        try:
            self.field.value = self.value
            if slide:
                self.slider.value = self.range.position_of(self.value)
        finally:
            self._quiet = False


class SwitchControl(widgets.VBox):
    """A tick box and a sentence."""

    def __init__(
        self, words: str, sentence: str, value: bool, changed: Callable[[bool], None], width: str = WIDTH
    ) -> None:
        self.usual, self._changed, self._quiet = value, changed, False
        self.box = widgets.Checkbox(value, description=words, indent=False, layout={"width": "auto", "margin": "0"})
        self.box.observe(self._ticked, "value")
        super().__init__([self.box, note(sentence)], layout={"width": width, "margin": "0 0 6px 0"})

    def show(self, value: bool) -> None:
        """Show a value that was set elsewhere."""
        self._quiet = True
        try:
            self.box.value = value
        finally:
            self._quiet = False

    def lock(self, locked: bool = True) -> None:
        """Show the value, but let nobody change it."""
        self.box.disabled = locked

    def _ticked(self, change: Any) -> None:
        if not self._quiet:
            self._changed(change["new"])


class ChoiceControl(widgets.VBox):
    """One of a few named values, and a sentence."""

    def __init__(
        self, words: str, options: dict[str, str], sentence: str, value: str, changed: Callable[[str], None]
    ) -> None:
        self.usual, self._changed, self._quiet = value, changed, False
        self.menu = widgets.Dropdown(
            options=[(shown, name) for name, shown in options.items()],
            value=value,
            description=words,
            layout={"width": "auto", "margin": "0"},
        )
        self.menu.style.description_width = "initial"
        self.menu.observe(self._chosen, "value")
        super().__init__([self.menu, note(sentence)], layout={"width": WIDTH, "margin": "0 0 6px 0"})

    def show(self, value: str) -> None:
        """Show a value that was set elsewhere."""
        self._quiet = True
        try:
            self.menu.value = value
        finally:
            self._quiet = False

    def lock(self, locked: bool = True) -> None:
        """Show the value, but let nobody change it."""
        self.menu.disabled = locked

    def _chosen(self, change: Any) -> None:
        if not self._quiet:
            self._changed(change["new"])


def note(sentence: str) -> widgets.HTML:
    """A sentence in small type."""
    style = "font-size: 11.5px; line-height: 1.35; opacity: 0.75; white-space: normal"
    return widgets.HTML(f'<div style="{style}">{sentence}</div>', layout={"margin": "0"})
