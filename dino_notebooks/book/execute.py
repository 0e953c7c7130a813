"""A notebook from top to bottom in a kernel of its own, as a reader would run it, except that nobody watches."""

import os
from pathlib import Path
from typing import Any

import nbclient
import nbformat

from dino_notebooks.journal import PLACE
from dino_notebooks.machine import threads

CELL_SECONDS = 1800  # a cell that takes longer hangs


class NotExecuted(Exception):
    """One sentence: which notebook, which cell, what happened."""


def execute(path: Path) -> nbformat.NotebookNode:
    """The notebook with its outputs; NotExecuted when a cell fails. The file stays as it is."""
    notebook = nbformat.read(path, as_version=4)
    reached = [0]  # the cell that is being executed

    def start(cell: Any, cell_index: int) -> None:
        """Note how far it is."""
        reached[0] = cell_index

    client = nbclient.NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        store_widget_state=False,  # panels leave stills: see widgets/static_twin.py
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=start,
        extra_arguments=["--IPKernelApp.log_level=40"],  # errors; its warnings are about networks of many users
    )
    # A core stays free, and guesses of a reader's journal are not asked for: see machine.py and journal.py.
    environment = {"OMP_NUM_THREADS": str(threads()), **os.environ, PLACE: "off"}
    try:
        return client.execute(env=environment)
    except Exception as error:  # the cell's own, a dead kernel, none at all, or too long a cell
        raise NotExecuted(sentence(path, notebook, reached[0], error)) from error


def sentence(path: Path, notebook: nbformat.NotebookNode, index: int, error: Exception) -> str:
    """What happened in the cell, with its first line of code, since JupyterLab does not number cells."""
    cell = notebook.cells[index]
    code = next((line for line in cell.source.splitlines() if line.strip()), "")
    found = [output for output in cell.get("outputs", []) if output.output_type == "error"]
    if found:
        what = f"{found[-1].ename}: {found[-1].evalue}"
    elif isinstance(error, nbclient.exceptions.CellTimeoutError):
        what = f"it took longer than {CELL_SECONDS // 60} minutes"
    else:
        what = f"{type(error).__name__}: {error}"
    first = " ".join(what.strip().split("\n", 1)[0].split())
    return f"{path.name} failed in cell {index + 1} of {len(notebook.cells)}, which begins {code.strip()!r}: {first}"
