"""Which notebooks `dino-notebooks lab` opens, and with which command line it starts JupyterLab.

The real JupyterLab is started in tests/notebooks/test_browser.py. Run: pytest tests/dino_notebooks/test_lab.py
"""

import os
import socket
from pathlib import Path

import pytest

from dino_notebooks import lab

ROOT = Path(__file__).parent.parent.parent
NOTEBOOKS = sorted(str(path.relative_to(ROOT / "notebooks")) for path in (ROOT / "notebooks").rglob("*.ipynb"))

# --- which notebooks JupyterLab opens -----------------------------------------------------------------------


@pytest.mark.parametrize("start", [".", "notebooks", "notebooks/src", "dino_lite"])
def test_in_a_checkout_its_own_notebooks_open(start: str) -> None:
    assert lab.find_notebooks(ROOT / start) == ROOT / "notebooks"


def test_elsewhere_a_copy_opens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = lab.find_notebooks(tmp_path)
    assert folder == tmp_path / "dino-notebooks"
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == NOTEBOOKS
    assert capsys.readouterr().out == f"Copied {len(NOTEBOOKS)} notebooks into {folder}.\n"


def test_a_readers_own_work_is_never_overwritten(tmp_path: Path) -> None:
    mine = lab.find_notebooks(tmp_path) / NOTEBOOKS[0]
    mine.write_text("my answers")
    assert lab.find_notebooks(tmp_path) == mine.parent  # called again where it was called first
    assert lab.find_notebooks(mine.parent) == mine.parent  # called inside the copy
    assert mine.read_text() == "my answers"


def test_a_new_notebook_joins_an_old_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after an update of the package."""
    shipped = tmp_path / "site-packages" / "dino_notebooks" / "notebooks"
    shipped.mkdir(parents=True)
    monkeypatch.setattr(lab, "PACKAGE", shipped.parent)
    (shipped / lab.FIRST).write_text("first")
    home = tmp_path / "home"
    home.mkdir()
    lab.find_notebooks(home)
    (shipped / "01_new.ipynb").write_text("new")
    (home / "dino-notebooks" / lab.FIRST).write_text("mine")
    folder = lab.find_notebooks(home)
    assert (folder / "01_new.ipynb").read_text() == "new"
    assert (folder / lab.FIRST).read_text() == "mine"


def test_a_clone_beside_is_used_and_not_filled(tmp_path: Path) -> None:
    """The repository itself is called dino-notebooks, so a clone of it often lies where a copy would."""
    clone = tmp_path / "dino-notebooks" / "notebooks"
    clone.mkdir(parents=True)
    (clone / lab.FIRST).write_text("{}")
    assert lab.find_notebooks(tmp_path) == clone
    assert list(clone.parent.iterdir()) == [clone]


def test_without_any_notebooks_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "PACKAGE", tmp_path / "site-packages" / "dino_notebooks")
    with pytest.raises(ValueError, match="run this in a clone"):
        lab.find_notebooks(tmp_path)


# --- how JupyterLab is started ------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Collects JupyterLab's command lines instead of starting it."""
    lines: list[list[str]] = []
    monkeypatch.setattr(lab, "jupyterlab", lambda: lines.append)
    return lines


def test_lab_opens_the_first_notebook(started: list[list[str]]) -> None:
    lab.open_lab(ROOT, port=None, browser=True)
    (arguments,) = started
    assert f"--ServerApp.root_dir={ROOT}" in arguments
    assert f"--LabApp.default_url=/lab/tree/notebooks/{lab.FIRST}" in arguments
    assert not [argument for argument in arguments if "port" in argument or "browser" in argument]


def test_lab_takes_a_port_and_leaves_the_browser_closed(started: list[list[str]]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    lab.open_lab(ROOT, port=number, browser=False)
    assert {f"--ServerApp.port={number}", "--ServerApp.port_retries=0", "--no-browser"} <= set(started[0])


@pytest.mark.parametrize(("user", "allowed"), [(0, True), (1000, False)])
def test_only_root_is_allowed_to_be_root(
    monkeypatch: pytest.MonkeyPatch, started: list[list[str]], user: int, allowed: bool
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    lab.open_lab(ROOT, port=None, browser=False)
    assert ("--allow-root" in started[0]) == allowed


def test_a_folder_with_a_blank_in_its_name(started: list[list[str]], tmp_path: Path) -> None:
    folder = tmp_path / "my course" / "the notebooks"
    folder.mkdir(parents=True)
    (folder / lab.FIRST).write_text("{}")
    lab.open_lab(folder, port=None, browser=False)
    assert f"--LabApp.default_url=/lab/tree/the%20notebooks/{lab.FIRST}" in started[0]


@pytest.fixture(autouse=True)
def restore_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """`open_lab` sets variables for the kernels: they end with the test."""
    monkeypatch.setattr(os, "environ", os.environ.copy())


def test_kernels_leave_a_core_free_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    monkeypatch.setattr(lab, "threads", lambda: 7)
    os.environ["OMP_NUM_THREADS"] = "3"
    lab.open_lab(ROOT, port=None, browser=False)
    assert os.environ["OMP_NUM_THREADS"] == "3"
    del os.environ["OMP_NUM_THREADS"]
    lab.open_lab(ROOT, port=None, browser=False)
    assert os.environ["OMP_NUM_THREADS"] == "7"


def test_a_users_own_jupyter_settings_count_more(started: list[list[str]]) -> None:
    """Ours come before theirs in the path, but they are defaults only."""
    os.environ["JUPYTER_CONFIG_PATH"] = "/their/own"
    lab.open_lab(ROOT, port=None, browser=False)
    assert os.environ["JUPYTER_CONFIG_PATH"].split(os.pathsep) == [str(lab.DEFAULTS), "/their/own"]
    assert [path.name for path in lab.DEFAULTS.rglob("*.json")] == ["default_setting_overrides.json"]
