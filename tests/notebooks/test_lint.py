"""What a notebook must be before it runs: bare, in step with the library, and in the rhythm of prose and code.

Rhythm is counted as in the project's rubric: prose before 95% of the code cells, at most two code cells in a row, a
median of at most 12 lines, and 6 to 16 words of prose a line of code. Every rule is tried on a notebook that breaks it.
Run: pytest tests/notebooks/test_lint.py
"""

import ast
import json
import re
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

import dino_lite
import dino_notebooks

ROOT = Path(__file__).parent.parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
ASSIGNMENTS = sorted((ROOT / "notebooks" / "exercises").glob("*.ipynb"))  # code to be written: another rhythm
NAMES = {*dino_lite.__all__, *dino_notebooks.__all__}
Notebook = dict[str, Any]
Rule = Callable[[Notebook], Iterator[str]]


def cells(notebook: Notebook, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(source, cell) of every cell of a kind that holds something."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == kind and (source := "".join(cell["source"])).strip():
            yield source, cell


def lines(source: str) -> int:
    """Lines that are not blank."""
    return sum(bool(line.strip()) for line in source.split("\n"))


# --- the rules ----------------------------------------------------------------------------------------------


def bare(notebook: Notebook) -> Iterator[str]:
    """No outputs, no widgets, no traces of who ran it; ids that the next build gives again."""
    if set(notebook["metadata"]) != {"kernelspec", "language_info"}:
        yield f"metadata {sorted(notebook['metadata'])}"
    for number, cell in enumerate(notebook["cells"]):
        if cell.get("outputs") or cell.get("execution_count"):
            yield f"cell {number} has been run"
        if cell["id"] != f"cell-{number:02d}":
            yield f"cell {number} has the id {cell['id']}"
        if not set(cell["metadata"]) <= {"tags", "nbgrader"}:
            yield f"cell {number} has metadata {sorted(cell['metadata'])}"


def retypes_nothing(notebook: Notebook) -> Iterator[str]:
    """No function or class of the libraries is defined again; a learner's own begins with my_."""
    for source, cell in cells(notebook, "code"):
        for node in ast.parse(source).body:
            is_definition = isinstance(node, ast.FunctionDef | ast.ClassDef)
            if is_definition and node.name in NAMES and "exercise" not in cell["metadata"].get("tags", []):
                yield f"defines {node.name}, which the library has: show({node.name})"


def shows_alone(notebook: Notebook) -> Iterator[str]:
    """A cell that shows source shows one thing and does nothing else."""
    for source, _ in cells(notebook, "code"):
        if "show(" in source and not re.fullmatch(r"show\([\w.]+\)", source):
            yield f"more than one show: {source}"


def links_lead_somewhere(notebook: Notebook, folder: Path = ROOT / "notebooks") -> Iterator[str]:
    """A link goes to the web, to a heading of the page, or to a file of the notebooks, which readers have too."""
    for source, _ in cells(notebook, "markdown"):
        for target in re.findall(r"\]\(([^)\s]+)\)", source):
            file = (folder / target.partition("#")[0]).resolve()
            ours = file.is_file() and file.is_relative_to(ROOT / "notebooks")
            if not target.startswith(("https://", "#")) and not ours:
                yield f"no file {target}"


def in_rhythm(notebook: Notebook) -> Iterator[str]:
    """Prose first, and enough of it; short cells."""
    code = [lines(source) for source, _ in cells(notebook, "code")]
    words = sum(len(source.split()) for source, _ in cells(notebook, "markdown"))
    kinds = "".join(cell["cell_type"][0] for cell in notebook["cells"] if "".join(cell["source"]).strip())
    if kinds.count("mc") < 0.95 * len(code):
        yield f"prose before {kinds.count('mc')} of {len(code)} code cells"
    if "ccc" in kinds:
        yield "three code cells in a row"
    if statistics.median(code) > 12 or max(code) > 30:
        yield f"code cells of {statistics.median(code)} lines (median) to {max(code)} lines"
    if not 6 <= words / sum(code) <= 16:
        yield f"{words / sum(code):.1f} words of prose a line of code"


def teaches(notebook: Notebook) -> Iterator[str]:
    """Says what it takes, asks before it shows, and ends with what one knows, an exercise and where to go on."""
    code = "\n".join(source for source, _ in cells(notebook, "code"))
    prose = [source for source, _ in cells(notebook, "markdown")]
    asked, answered = len(re.findall(r"\bpredict\(", code)), len(re.findall(r"\breveal\(", code))
    if asked < 3 or asked != answered:
        yield f"{asked} predictions and {answered} answers"
    if "minute" not in prose[0]:
        yield "no minutes"
    end = "\n".join(prose[-4:])  # an exercise may have cells of its own
    yield from (f"no {what} at the end" for what in ("What you now know", "Your turn", ".ipynb)") if what not in end)


RULES = [bare, retypes_nothing, shows_alone, links_lead_somewhere, in_rhythm, teaches]


# --- the rules, on the notebooks ----------------------------------------------------------------------------


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_rule_holds(rule: Rule, path: Path) -> None:
    notebook = json.loads(path.read_text())
    nbformat.validate(notebook)
    assert not list(rule(notebook))


@pytest.mark.parametrize("path", ASSIGNMENTS, ids=lambda path: path.stem)
def test_an_assignment_is_bare_and_its_links_lead_somewhere(path: Path) -> None:
    notebook = json.loads(path.read_text())
    nbformat.validate(notebook)
    assert not [*bare(notebook), *shows_alone(notebook), *links_lead_somewhere(notebook, path.parent)]


def test_there_are_notebooks() -> None:
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{number:02}" for number in range(10)]
    assert len(ASSIGNMENTS) == 5


@pytest.mark.parametrize("path", NOTEBOOKS + ASSIGNMENTS, ids=lambda path: path.stem)
def test_what_a_notebook_shows_fits_a_screen(path: Path) -> None:
    """At most 40 lines: if a function is longer, the library is wrong, not the notebook."""
    from dino_notebooks.source import source_of

    for source, _ in cells(json.loads(path.read_text()), "code"):
        if found := re.fullmatch(r"show\(([\w.]+)\)", source):
            thing = eval(found[1], {"dino_lite": dino_lite, "dino_notebooks": dino_notebooks})
            assert source_of(thing).code.count("\n") < 40, found[1]


# --- the rules, on notebooks that break them ----------------------------------------------------------------


def made(*sources: str, **changes: Any) -> Notebook:
    """A notebook of these cells; one that begins with # is prose. `changes` go into the last cell."""
    made = [
        {"cell_type": "markdown", "id": f"cell-{number:02d}", "metadata": {}, "source": [source]}
        if source.startswith("#")
        else {
            "cell_type": "code",
            "id": f"cell-{number:02d}",
            "metadata": {},
            "source": [source],
            "outputs": [],
            "execution_count": None,
        }
        for number, source in enumerate(sources)
    ]
    made[-1] |= changes
    return {"cells": made, "metadata": {"kernelspec": {}, "language_info": {}}}


TEACHES = (
    "# Title. A minute.",
    *3 * ("predict()", "reveal()"),
    "# What you now know. Your turn. [next](01_augmentation.ipynb)",
)
PROSE = "# One two three four five six seven"


@pytest.mark.parametrize(
    ("rule", "notebook", "complaint"),
    [
        (bare, made("x"), None),
        (bare, made("x", outputs=[{"text": "1"}]), "has been run"),
        (bare, made("x", execution_count=3), "has been run"),
        (bare, made("x", id="0a1b2c3d"), "has the id 0a1b2c3d"),
        (bare, made("x", metadata={"collapsed": True}), "has metadata"),
        (bare, made("x") | {"metadata": {"widgets": {}}}, "metadata ['widgets']"),
        (retypes_nothing, made("def dino_loss(x): ..."), "defines dino_loss"),
        (retypes_nothing, made("class ViT: ..."), "defines ViT"),
        (retypes_nothing, made("def my_dino_loss(x): ..."), None),
        (retypes_nothing, made("def dino_loss(x): ...", metadata={"tags": ["exercise"]}), None),
        (shows_alone, made("show(dino_lite.ViT)"), None),
        (shows_alone, made("x = 1\nshow(dino_lite.ViT)"), "more than one show"),
        (links_lead_somewhere, made("# [a](https://a.b) [b](#here) [c](00_start_here.ipynb)"), None),
        (links_lead_somewhere, made("# [a](no_such.ipynb)"), "no file no_such.ipynb"),
        (links_lead_somewhere, made("# [a](../README.md)"), "no file ../README.md"),  # not beside a copy
        (in_rhythm, made(PROSE, "x", PROSE, "x"), None),
        (in_rhythm, made(PROSE * 2, "x", "x"), "prose before 1 of 2"),
        (in_rhythm, made("# Title", "x"), "2.0 words of prose"),
        (in_rhythm, made(PROSE * 3, "x"), "words of prose a line"),
        (in_rhythm, made(PROSE * 13, "x\n" * 13), "13 lines"),
        (teaches, made(*TEACHES), None),
        (teaches, made(*TEACHES[:5], *TEACHES[7:]), "2 predictions and 2 answers"),
        (teaches, made(*TEACHES[:6], *TEACHES[7:]), "3 predictions and 2 answers"),
        (teaches, made("# Title", *TEACHES[1:]), "no minutes"),
        (teaches, made(*TEACHES[:7], "# What you now know. [next](01_augmentation.ipynb)"), "no Your turn"),
        (teaches, made(*TEACHES[:7], "# What you now know. Your turn."), "no .ipynb)"),
    ],
)
def test_rule_catches(rule: Rule, notebook: Notebook, complaint: str | None) -> None:
    complaints = list(rule(notebook))
    assert bool(complaints) == (complaint is not None)
    assert complaint is None or complaint in complaints[0]
