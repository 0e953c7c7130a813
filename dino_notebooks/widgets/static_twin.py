"""Widgets that leave a still of themselves in the notebook, for readers without a kernel.

A saved widget is a number that only a running kernel can look up. Beside it goes the same picture as plain HTML:
nbconvert and GitHub show that, JupyterLab shows the widget.
"""

from typing import Any

import ipywidgets as widgets

from dino_notebooks.machine import somebody_watches


class StaticTwin(widgets.DOMWidget):
    """Put it before the class of the widget, `class Panel(StaticTwin, widgets.VBox)`, and say what to show."""

    def static_html(self) -> str:
        """The widget as it stands, as HTML that needs no JavaScript."""
        raise NotImplementedError

    def sentence(self) -> str:
        """The widget in a short sentence of plain text, for where there is no HTML either."""
        return f"{type(self).__name__}: run this cell in JupyterLab to see it."

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        """What a cell that ends with the widget puts out: the live view, its still and its sentence.

        Where nobody watches there is no live view: nbconvert would prefer it, and fetch its code from the network.
        """
        live = (super()._repr_mimebundle_(**kwargs) or {}) if somebody_watches() else {}
        return {**live, "text/html": self.static_html(), "text/plain": self.sentence()}
