"""`dino-notebooks build`: notebooks/src/*.py, percent scripts, → notebooks/*.ipynb, always to the same bytes.

The scripts are what one edits, reviews and lints; the notebooks are what readers open. jupytext alone gives new
random cell ids at every call, and a notebook that was opened carries outputs and the reader's versions.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dino_notebooks.assignments import student_cell

Change = tuple[Path, str]  # a notebook, and what is the matter with it

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def find_sources(here: Path) -> Path:
    """The folder notebooks/src of the checkout around `here`."""
    for folder in (here, *here.parents):
        if (folder / "notebooks" / "src").is_dir():
            return folder / "notebooks" / "src"
    raise ValueError(f"There is no notebooks/src in {here} or around it: run this in a clone of the repository.")


def build_all(sources: Path, write: bool = True) -> list[Change]:
    """Compare every notebook with its source, and write those that differ; returns them, with what is the matter."""
    folder, changed = sources.parent, []
    built = {folder / path.relative_to(sources).with_suffix(".ipynb"): path for path in sorted(sources.rglob("*.py"))}
    if not built:
        raise ValueError(f"There are no percent scripts (*.py) in {sources}.")
    for path, source in built.items():
        prepare = student_cell if source.parent.name == "exercises" else None
        text = build(source.read_text(encoding="utf-8"), prepare)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            what = f"differs from {source.name}" if path.exists() else "is missing"
            changed.append((path, f"{what}, so it is written" if write else what))
            if write:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
    strays = sorted(set(folder.rglob("*.ipynb")) - set(built))
    return changed + [(path, "has no source") for path in strays if ".ipynb_checkpoints" not in path.parts]


def build(script: str, prepare: Callable[[dict[str, Any]], dict[str, Any]] | None = None) -> str:
    """A percent script as the text of a notebook: cells numbered, no outputs, no traces of a machine.

    prepare: changes each cell before, for assignments.
    """
    try:
        import jupytext
    except ImportError:
        raise ValueError("Building needs jupytext, which make check installs: pip install jupytext.") from None
    found = jupytext.reads(script, fmt="py:percent").cells
    cells = [cell(number, prepare(one) if prepare else one) for number, one in enumerate(found)]
    notebook = {"cells": cells, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def cell(number: int, found: dict[str, Any]) -> dict[str, Any]:
    """One cell in the form that JupyterLab itself writes. Of its metadata only tags and nbgrader's marks stay."""
    kind = found["cell_type"]
    built = {
        "cell_type": kind,
        "id": f"cell-{number:02d}",
        "metadata": {key: found["metadata"][key] for key in ("nbgrader", "tags") if key in found["metadata"]},
        "source": found["source"].splitlines(keepends=True),
    }
    return built | ({"execution_count": None, "outputs": []} if kind == "code" else {})
