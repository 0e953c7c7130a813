"""Notebook 03 in real JupyterLab in real Chromium: a guess is made, a slider is dragged, and both are answered.

Screenshots of both themes go into the test's temporary folder, or into $DINO_SHOTS: look at them.
Run: DINO_SHOTS=/tmp/shots pytest tests/notebooks/test_walkthrough_browser.py
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyterlab_browser import Lab, jupyterlab
from playwright.sync_api import Locator

pytestmark = [pytest.mark.browser, pytest.mark.slow]

QUESTION = "At τ = 1, what share of the dog's target goes to prototype 3?"


MEASURES = "dog = {"  # in the cell below the question
SELECT = """text => {  // make the cell with this text the current one
    const notebook = window.jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = notebook.widgets.findIndex(cell => cell.model.sharedModel.source.includes(text));
}"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Lab]:
    """JupyterLab on the notebook, in fast mode, nothing run yet."""
    folder = tmp_path_factory.mktemp("lab")
    with jupyterlab(folder, chromium, DINO_NB_FAST="1", DINO_NB_JOURNAL=str(folder / "journal.json")) as lab:
        lab.go_to("03_centering_and_sharpening.ipynb")
        yield lab


def temperatures(lab: Lab) -> Locator:
    """The widget of the two temperatures."""
    return lab.page.locator(".jp-OutputArea-output .jupyter-widgets:has(.widget-slider):has(svg[role=img])").first


def test_a_guess_is_taken_and_answered(lab: Lab) -> None:
    """As a reader does it: guess, then run the cell that measures."""
    lab.page.evaluate(SELECT, MEASURES)
    lab.command("notebook:run-all-above")
    lab.page.locator(".widget-html", has_text=QUESTION).wait_for()
    lab.page.get_by_label("about half").check()
    lab.page.get_by_text("Noted. Now run the next cell.").wait_for()
    lab.page.keyboard.press(
        "Shift+Enter"
    )  # the click has made the question's own cell the current one: the guess stays
    lab.page.get_by_text("Noted. Now run the next cell.").wait_for()
    lab.page.evaluate(SELECT, MEASURES)
    lab.command("notebook:run-cell")
    lab.page.get_by_text("You said about half. Measured: little more than one in sixteen.").wait_for()
    assert lab.kernel("from dino_notebooks import progress; print(progress().answered)") == "1"


def test_a_dragged_slider_moves_the_figure(lab: Lab, shots: Path) -> None:
    lab.run_all()
    widget = temperatures(lab)
    before = widget.locator("svg[role=img]").first.inner_html()
    handle = widget.locator(".noUi-handle").first
    handle.scroll_into_view_if_needed()
    lab.page.wait_for_timeout(500)  # cells far off are drawn late, and move it
    box = handle.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    lab.page.mouse.move(x + 60, y, steps=12)
    lab.page.mouse.up()
    for _ in range(200):  # the drawing is replaced as a whole
        if widget.locator("svg[role=img]").first.inner_html() != before:
            break
        lab.page.wait_for_timeout(50)
    assert widget.locator("svg[role=img]").first.inner_html() != before
    for theme in ("Light", "Dark"):
        lab.theme(f"JupyterLab {theme}")
        lab.photograph(shots / f"temperatures-{theme.lower()}.png")
    assert lab.complaints == []
