"""Every notebook runs from top to bottom, unattended and in fast mode, and leaves what a reader should find there.

nbclient has no browser, so this also tests what nbconvert and GitHub show of the live picture.
Run: pytest tests/notebooks/test_execution.py
"""

import json
from pathlib import Path

import nbclient
import nbformat
import pytest
from claims import CLAIMS, FULL

ROOT = Path(__file__).parent.parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CELL_SECONDS = 120


ASK = """import json

print(json.dumps([claim for claim in {claims!r} if not eval(claim)]))"""


def execute(path: Path, claims: list[str], until: str = "", fast: bool = True) -> nbformat.NotebookNode:
    """The notebook with its outputs; nbclient's error names the cell that failed.

    claims: those that do not hold at the end are in the metadata, as "broken". until: run no further than the first
    cell that has this in it.
    """
    notebook = nbformat.read(path, as_version=nbformat.NO_CONVERT)
    if until:
        last = next(i for i, cell in enumerate(notebook.cells) if until in cell.source)
        notebook.cells = notebook.cells[: last + 1]
    notebook.cells.append(nbformat.v4.new_code_cell(ASK.format(claims=claims)))
    client = nbclient.NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        store_widget_state=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DINO_NB_FAST", str(int(fast)))
        client.execute()
    notebook.metadata["broken"] = json.loads(notebook.cells.pop().outputs[0].text)
    return notebook


def outputs(notebook: nbformat.NotebookNode, mime: str) -> list[str]:
    """Everything of one MIME type that the cells have put out."""
    found = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output["data"][mime] for output in found if mime in output.get("data", {})]


def results(cell: nbformat.NotebookNode) -> list[str]:
    """What the cell's last line is, in words: those of `predict`, `reveal` and the widgets; not where it lies."""
    found = [
        output["data"]["text/plain"] for output in cell.get("outputs", []) if output.output_type == "execute_result"
    ]
    return [text for text in found if " at 0x" not in text]


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    """One notebook after the other."""
    return request.param


@pytest.fixture(scope="module")
def executed(path: Path) -> nbformat.NotebookNode:
    """The notebook, executed once for all tests of this file."""
    return execute(path, CLAIMS[path.stem])


@pytest.mark.slow
def test_what_it_claims_holds(executed: nbformat.NotebookNode, path: Path) -> None:
    """The collapse happens, the retrieval beats its floor: claims.py."""
    assert CLAIMS[path.stem]
    assert executed.metadata["broken"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", FULL)
def test_what_it_claims_of_whole_runs_holds(name: str) -> None:
    until, claims = FULL[name]
    assert execute(ROOT / "notebooks" / f"{name}.ipynb", claims, until, fast=False).metadata["broken"] == []


@pytest.mark.slow
def test_runs_without_complaints(executed: nbformat.NotebookNode) -> None:
    """No error, and nothing on standard error: a warning would be the first thing that a reader sees."""
    found = [output for cell in executed.cells for output in cell.get("outputs", [])]
    assert not [output for output in found if output.output_type == "error"]
    assert not [output.text for output in found if output.get("name") == "stderr"]


@pytest.mark.slow
def test_the_live_picture_ends_as_plain_html(executed: nbformat.NotebookNode) -> None:
    """That of `watch`: no widget is left of it."""
    pages = [page for page in outputs(executed, "text/html") if 'class="dino-run"' in page]
    assert len(pages) == sum("watch(" in cell.source for cell in executed.cells)
    assert all("<svg" in page and "ln K" in page and 'role="progressbar"' in page for page in pages)


@pytest.mark.slow
def test_every_panel_leaves_a_still_of_a_run_that_was_made(executed: nbformat.NotebookNode) -> None:
    """And no widget, which would show nothing without a kernel, and which nbconvert would prefer."""
    pages = [page for page in outputs(executed, "text/html") if 'class="dino-run"' not in page]  # those of `watch`
    stills = [page for page in pages if "<svg" in page and "step 10" in page]
    assert len(stills) == sum("CollapseLab(" in cell.source for cell in executed.cells if cell.cell_type == "code")
    assert not outputs(executed, "application/vnd.jupyter.widget-view+json")


@pytest.mark.slow
def test_pictures_are_drawn(executed: nbformat.NotebookNode) -> None:
    assert outputs(executed, "image/png")


@pytest.mark.slow
def test_twice_gives_the_same(executed: nbformat.NotebookNode, path: Path) -> None:
    """Every printed number, every result in words and every pixel; the live picture tells the time, and may differ."""
    again = execute(path, CLAIMS[path.stem])
    for first, second in zip(executed.cells, again.cells, strict=True):
        # joined: a line may come in one message or in two
        texts = ["".join(output.get("text", "") for output in cell.get("outputs", [])) for cell in (first, second)]
        assert texts[0] == texts[1]
        assert results(first) == results(second)
    assert outputs(executed, "image/png") == outputs(again, "image/png")
