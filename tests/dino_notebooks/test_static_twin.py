"""A widget leaves a still of itself: in its MIME bundle, and in a page that nbconvert makes of an executed notebook.

Run: pytest tests/dino_notebooks/test_static_twin.py
"""

import re

import ipywidgets as widgets
import nbclient
import nbformat
import pytest
from nbconvert import HTMLExporter

from dino_notebooks.widgets import static_twin
from dino_notebooks.widgets.live_figure import LiveFigure, number
from dino_notebooks.widgets.static_twin import StaticTwin

VIEW = "application/vnd.jupyter.widget-view+json"


class Counted(StaticTwin, widgets.VBox):
    """A widget that shows how often it was asked."""

    asked = 0

    def static_html(self) -> str:
        self.asked += 1
        return f"<p>asked {self.asked}</p>"


def test_the_still_goes_beside_the_live_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_twin, "somebody_watches", lambda: True)
    widget = Counted()
    bundle = widget._repr_mimebundle_(include=None, exclude=None)
    assert bundle[VIEW]["model_id"] == widget.model_id
    assert bundle["text/html"] == "<p>asked 1</p>"
    assert bundle["text/plain"] == "Counted: run this cell in JupyterLab to see it."
    assert widget._repr_mimebundle_()["text/html"] == "<p>asked 2</p>"  # as it stands now


def test_where_nobody_watches_there_is_only_the_still() -> None:
    """nbconvert prefers a live view, whose code it asks the network for, and shows nothing without."""
    assert set(Counted()._repr_mimebundle_()) == {"text/html", "text/plain"}


def test_a_still_is_required() -> None:
    class Forgot(StaticTwin, widgets.VBox):
        """Defines no still."""

    with pytest.raises(NotImplementedError):
        Forgot()._repr_mimebundle_()


def test_an_error_is_said_and_not_raised() -> None:
    class Broken(LiveFigure):
        """Can draw nothing."""

        def figure(self) -> None:  # type: ignore[override]
            raise ValueError("a <b> scale")

    widget = Broken([])
    widget.refresh()
    assert "Not drawn: a &lt;b&gt; scale" in widget.line.value
    assert 'aria-live="polite"' in widget.line.value
    assert widget._repr_mimebundle_()["text/plain"].startswith("Broken")


@pytest.mark.parametrize(("value", "shown"), [(-0.0001, "0.00"), (-0.006, "-0.01"), (1.005, "1.00"), (2, "2.00")])
def test_number(value: float, shown: str) -> None:
    assert number(value) == shown


@pytest.mark.slow
def test_nbconvert_shows_the_drawing() -> None:
    """As `jupyter nbconvert --execute` does it, with the state of widgets stored."""
    code = "from dino_notebooks.widgets import EMAWidget\nw = EMAWidget(momentum=0.5)\nw.momentum.set(0.9)\nw"
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert {"text/html", "text/plain"} == output.data.keys()
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert re.search('<svg [^>]*role="img"', page)
    assert "<title>Momentum 0.9: the teacher is the mean of about the last 10 steps" in page
    assert "memory 1/(1 − m) = 10 steps" in page
