"""Building is reproducible, drops what readers and machines leave behind, and --check names what is out of date.

Run: pytest tests/dino_notebooks/test_build.py
"""

import json
import shutil
from pathlib import Path

import nbformat
import pytest

from dino_notebooks import build
from dino_notebooks.cli import main

ROOT = Path(__file__).parent.parent.parent

SCRIPT = """# %% [markdown]
# # A title
# With *prose*.

# %% tags=["exercise"] collapsed=true
x = 1

print(x, "ä")
# %%
x
"""


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the notebooks and their sources, and the working folder."""
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "notebooks"


def test_a_notebook_is_valid_and_bare() -> None:
    text = build.build(SCRIPT)
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", "code", "code"]
    assert [cell.source for cell in notebook.cells] == ["# A title\nWith *prose*.", 'x = 1\n\nprint(x, "ä")', "x"]
    assert [cell.id for cell in notebook.cells] == ["cell-00", "cell-01", "cell-02"]
    assert notebook.cells[1].metadata == {"tags": ["exercise"]}
    assert notebook.metadata == build.METADATA
    assert all(cell.outputs == [] and cell.execution_count is None for cell in notebook.cells[1:])
    assert "ä" in text  # diffs can be read


def test_two_builds_are_the_same_bytes() -> None:
    assert build.build(SCRIPT) == build.build(SCRIPT)


def test_check_passes_on_the_notebooks_as_built(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--check"]) == 0
    assert capsys.readouterr().out == "The notebooks agree with their sources.\n"


def change_prose(notebooks: Path) -> str:
    source = next((notebooks / "src").glob("*.py"))
    source.write_text(source.read_text().replace("# # ", "# # A new title: ", 1))
    return f"{notebooks / source.stem}.ipynb: differs from {source.name}"


def execute_a_cell(notebooks: Path) -> str:
    path = next(notebooks.glob("*.ipynb"))
    notebook = json.loads(path.read_text())
    cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["1\n"]}]
    path.write_text(json.dumps(notebook, indent=1) + "\n")
    return f"{path}: differs from {path.stem}.py"


def delete_a_notebook(notebooks: Path) -> str:
    path = next(notebooks.glob("*.ipynb"))
    path.unlink()
    return f"{path}: is missing"


def delete_a_source(notebooks: Path) -> str:
    (notebooks / "src" / "other.py").write_text(SCRIPT)
    path = next(notebooks.glob("*.ipynb"))
    (notebooks / "src" / f"{path.stem}.py").unlink()
    shutil.copy(path, notebooks / "other.ipynb")
    return f"{path}: has no source"


@pytest.mark.parametrize("drift", [change_prose, execute_a_cell, delete_a_notebook, delete_a_source])
def test_check_fails_on_drift_and_names_it(drift, checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    complaint = drift(checkout)
    before = {path: path.read_bytes() for path in checkout.rglob("*.ipynb")}
    assert main(["build", "--check"]) == 1
    error = capsys.readouterr().err
    assert complaint in error
    assert "Run dino-notebooks build" in error
    assert before == {path: path.read_bytes() for path in checkout.rglob("*.ipynb")}  # --check writes nothing


@pytest.mark.parametrize("drift", [change_prose, execute_a_cell, delete_a_notebook])
def test_build_mends_drift(drift, checkout: Path) -> None:
    drift(checkout)
    assert main(["build"]) == 0
    assert main(["build", "--check"]) == 0


def test_checkpoints_of_jupyter_are_no_notebooks(checkout: Path) -> None:
    (checkout / ".ipynb_checkpoints").mkdir()
    (checkout / ".ipynb_checkpoints" / "old.ipynb").write_text("{}")
    assert main(["build", "--check"]) == 0


def test_a_folder_of_sources_becomes_a_folder_of_notebooks(checkout: Path) -> None:
    (checkout / "src" / "more").mkdir()
    (checkout / "src" / "more" / "one.py").write_text(SCRIPT)
    assert main(["build"]) == 0
    assert (checkout / "more" / "one.ipynb").read_text() == build.build(SCRIPT)


def test_no_sources_get_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "notebooks" / "src").mkdir(parents=True)
    with pytest.raises(ValueError, match="no percent scripts"):
        build.build_all(build.find_sources(tmp_path))
