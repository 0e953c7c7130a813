"""The first notebook in real JupyterLab in real Chromium, opened by the command that readers type.

Screenshots of both themes go into the test's temporary folder, or into $DINO_SHOTS: look at them.
Run: DINO_SHOTS=/tmp/shots pytest tests/notebooks/test_browser.py
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyterlab_browser import Lab, jupyterlab

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LIVE = ".jp-OutputArea .dino-run"  # a live picture, or its still
LIVE_STEPS = f"() => [...document.querySelectorAll('{LIVE}')].map(run => Number(run.dataset.step))"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Lab]:
    """JupyterLab on a fresh copy of the notebooks, all cells run once in fast mode."""
    with jupyterlab(tmp_path_factory.mktemp("lab"), chromium, DINO_NB_FAST="1") as lab:
        yield lab


def test_it_opens_on_the_first_notebook_and_nothing_pops_up(lab: Lab) -> None:
    assert "/lab/tree/dino-notebooks/00_start_here.ipynb?token=" in lab.address
    assert lab.page.locator(".jp-Notebook h1").first.inner_text().startswith("00 · Start here")
    assert not lab.page.locator(".jp-Dialog").count()
    lab.page.wait_for_timeout(2000)  # the question about news comes late
    assert not lab.page.locator(".Toastify__toast").count()


def test_the_picture_moves_while_the_cell_trains(lab: Lab) -> None:
    lab.start_all()
    seen: set[int] = set()
    while 20 not in seen:
        seen.update(lab.page.evaluate(LIVE_STEPS))
        lab.page.wait_for_timeout(50)
    assert len(seen) >= 4, seen


def test_all_cells_run_and_nothing_complains(lab: Lab, shots: Path) -> None:
    lab.run_all()
    assert lab.page.locator(LIVE).count() == 2
    assert not lab.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count()
    assert not lab.page.get_by_text("Error displaying widget").count()
    assert not lab.page.locator(".jupyter-widgets .dino-run").count()  # they have become plain pictures
    for theme in ("Light", "Dark"):
        lab.theme(f"JupyterLab {theme}")
        lab.photograph(shots / f"start-here-{theme.lower()}.png")
    lab.theme("JupyterLab Light")
    assert lab.complaints == []


def test_the_stop_button_stops_and_keeps(lab: Lab) -> None:
    """Without fast mode, since 20 steps are over before one has found the button."""
    assert lab.kernel("import os; os.environ['DINO_NB_FAST'] = '0'") == ""
    lab.start_all()
    for run in range(2):
        lab.page.wait_for_function(
            f"run => Number(document.querySelectorAll('{LIVE}')[run]?.dataset.step) >= 30"
            f" && document.querySelectorAll('{LIVE}')[run].closest('.jupyter-widgets')",
            arg=run,
            timeout=120_000,
        )
        lab.page.locator("[data-jp-item-name='interrupt'] >> visible=true").click()
        picture = lab.page.locator(LIVE).nth(run)
        picture.get_by_text("What was trained until then is kept.").wait_for(timeout=30_000)
    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.info")
    assert int(lab.kernel("print(dino.step)")) == int(lab.kernel("print(len(logs))")) < 600
    assert lab.complaints == []


def test_a_reload_keeps_the_pictures(lab: Lab) -> None:
    """After a restart of the kernel a widget would be an error message; the still is not."""
    lab.command("docmanager:save")
    lab.open()
    lab.page.locator(LIVE).first.wait_for()
    assert not lab.page.get_by_text("Error displaying widget").count()


def test_readers_settings_are_their_own(lab: Lab) -> None:
    """What keeps the news away is not written into the user's settings."""
    settings = Path(lab.kernel("import os; print(os.environ['JUPYTERLAB_SETTINGS_DIR'])"))
    written = {path.name for path in settings.rglob("*.jupyterlab-settings")}
    assert written <= {"themes.jupyterlab-settings"}  # this test's own change of theme
