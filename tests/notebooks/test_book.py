"""The book: notebooks executed and drawn as pages that need no network, no script and no kernel.

Tiny notebooks are made here, one of them fails; one of the walkthrough is executed in fast mode; a Chromium looks at
what came out. Run: pytest tests/notebooks/test_book.py
"""

import base64
import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
from jupyterlab_browser import FLAGS
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from PIL import Image

from dino_notebooks import book
from dino_notebooks.book.contents import chapter, chapters, choose
from dino_notebooks.book.links import Links
from dino_notebooks.cli import main
from dino_notebooks.lab import existing_notebooks

ROOT = Path(__file__).parent.parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
REAL = "08_attention"  # short, with a widget, figures, listings, questions and answers


def png() -> str:
    """A small picture in base64."""
    file = io.BytesIO()
    Image.new("RGBA", (900, 60), "#0072B280").save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


BUNDLE = {
    "application/vnd.jupyter.widget-view+json": {"model_id": "f00", "version_major": 2, "version_minor": 0},
    "application/javascript": "alert('f00')",
    "image/png": png(),
    "text/plain": "f00",
}
FIRST = [
    "# Start *here* & now\n\nYou will see **two** things. Not three.\n\n"
    "A laptop takes a minute or two, and sleeps. Next: [Second](01_second.ipynb), [its end](01_second.ipynb#The-end), "
    "[broken](02_broken.ipynb), [beside](a%20note.txt), [around](../docs/around.md), [outside](../../outside.txt), "
    "[gone](03_gone.ipynb), [the web](https://example.org/a.ipynb?b=1&c=2), [below](#A-table).",
    "## A table\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n![a picture](dot.png)",
]
CODE = [
    "import os\nprint(os.environ['OMP_NUM_THREADS'], os.environ['DINO_NB_JOURNAL'])\nprint('a line ' * 60)",
    "from IPython.display import display\ndisplay("
    f"{BUNDLE}, raw=True, metadata={{'image/png': {{'width': 900, 'height': 60, 'alt': 'A \"blue\" bar'}}}})",
    "from dino_notebooks.predictions import predict\npredict('Which is it?', ['this', 'that'])",
    "print('one'); import sys; sys.stdout.flush(); print('two')",
]


def write(path: Path, prose: list[str], code: list[str]) -> None:
    """A notebook: prose, then code."""
    cells = [*map(new_markdown_cell, prose), *map(new_code_cell, code)]
    nbformat.write(new_notebook(cells=cells, metadata={"language_info": {"name": "python"}}), path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with three notebooks, of which the last fails, and what they link to."""
    root = tmp_path_factory.mktemp("all") / "checkout"
    (root / "docs").mkdir(parents=True)
    (root / "notebooks").mkdir()
    (root / "pyproject.toml").touch()
    (root / "docs" / "around.md").write_text("around")
    (root.parent / "outside.txt").write_text("outside")
    (root / "notebooks" / "a note.txt").write_text("beside")
    Image.new("RGB", (40, 40)).save(root / "notebooks" / "dot.png")
    write(root / "notebooks" / "00_start_here.ipynb", FIRST, CODE)
    write(root / "notebooks" / "01_second.ipynb", ["# 01 · Second\n\nIt ends.", "## The end"], [])
    write(root / "notebooks" / "02_broken.ipynb", ["# 02 · Broken"], ["\nx = 1\n", "\n1 / 0  # why not\n", "x"])
    write(root / "notebooks" / "untitled.ipynb", ["# A reader's own"], [])
    return root / "notebooks"


@pytest.fixture(scope="module")
def made(folder: Path) -> tuple[Path, bool, str, str]:
    """The book of these notebooks: folder, whether all went well, what was printed, what was complained about."""
    out, said, complaints = folder.parent / "build" / "book", io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DINO_NB_FAST", raising=False)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complaints):
            well = book.write_book(folder, out)
    return out, well, said.getvalue(), complaints.getvalue()


# --- what is executed ---------------------------------------------------------------------------------------


def test_a_line_for_each_notebook(made: tuple[Path, bool, str, str]) -> None:
    lines = [re.sub(r"\d+ s$", "N s", line) for line in made[2].splitlines()]
    assert lines[:-1] == [" 1 of 3  00_start_here: N s", " 2 of 3  01_second: N s", " 3 of 3  02_broken: failed"]
    assert lines[-1] == f"{made[0] / 'index.html'}: 2 pages, 0 MB"


def test_a_notebook_that_fails_gets_a_sentence_and_the_others_their_pages(made: tuple[Path, bool, str, str]) -> None:
    out, well, _, complaints = made
    assert not well
    assert complaints.splitlines()[0] == (
        "dino-notebooks: 02_broken.ipynb failed in cell 3 of 4, which begins '1 / 0  # why not': "
        "ZeroDivisionError: division by zero"
    )
    assert "<h1>Broken</h1>\n<p>This notebook is not in this copy of the book" in (out / "02_broken.html").read_text()
    index = (out / "index.html").read_text()
    assert "Not in this copy of the book." in index
    assert [name for name in ("00_start_here", "01_second", "02_broken") if f'href="{name}.html"' in index] == [
        "00_start_here",
        "01_second",
    ]


def test_an_old_page_stays_when_the_notebook_fails(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    (tmp_path / "02_broken.html").write_text("as it was")
    assert main(["book", "--out", str(tmp_path), "02"]) == 1
    assert (tmp_path / "02_broken.html").read_text() == "as it was"
    index = (tmp_path / "index.html").read_text()
    assert 'href="02_broken.html"' in index
    assert 'href="00_start_here.html"' not in index
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_notebooks_stay_as_they_are(made: tuple[Path, bool, str, str], folder: Path) -> None:
    notebook = nbformat.read(folder / "00_start_here.ipynb", as_version=4)
    assert not [cell for cell in notebook.cells if cell.get("outputs") or cell.get("execution_count")]


def test_a_dead_kernel_is_a_sentence(tmp_path: Path) -> None:
    write(tmp_path / "00_dies.ipynb", ["# Dies"], ["import os; os._exit(1)"])
    with pytest.raises(book.NotExecuted, match=r"^00_dies.ipynb failed in cell 2 of 2, .*: DeadKernelErr"):
        book.execute(tmp_path / "00_dies.ipynb")


# --- bad arguments ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["03"], "There is no notebook '03': there are 00_start_here, 01_second, 02_broken."),
        (["untitled"], "There is no notebook 'untitled'"),
        (["--out", "a note.txt/book"], "The book cannot be written into a note.txt/book (Not a directory): choose"),
        (["--out", "a note.txt"], "The book cannot be written into a note.txt (File exists): choose"),
    ],
)
def test_bad_arguments_get_one_sentence_before_anything_is_executed(
    arguments: list[str],
    words: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(book, "execute", lambda path: pytest.fail(f"executed {path}"))
    assert main(["book", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert words in said.err
    assert said.err.count("\n") == 1


def test_ctrl_c_ends_it(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def press(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.chdir(folder)
    monkeypatch.setattr(book, "execute", press)
    assert main(["book", "--out", str(tmp_path / "out")]) == 130
    assert (tmp_path / "out" / "index.html").read_text().count("Not in this copy of the book.") == 3


def test_notebooks_are_called_by_name_or_number(folder: Path) -> None:
    everything = chapters(folder)
    assert choose(everything, []) == everything
    for name in ("01", "01_second", "01_second.ipynb", "notebooks/01_second.ipynb"):
        assert choose(everything, [name]) == [everything[1]]
    assert choose(everything, ["02", "00"]) == [everything[0], everything[2]]  # in reading order


def test_elsewhere_the_notebooks_of_the_package_are_read_where_they_are(tmp_path: Path) -> None:
    assert existing_notebooks(tmp_path) == ROOT / "notebooks"
    assert not list(tmp_path.iterdir())  # `lab` would copy them


# --- the contents -------------------------------------------------------------------------------------------


def test_contents_of_a_first_cell(folder: Path) -> None:
    first, second, _ = chapters(folder)
    assert (first.number, first.title, first.line) == ("00", "Start here & now", "You will see **two** things.")
    assert first.minutes == "a minute or two"
    assert (second.title, second.line, second.minutes) == ("Second", "It ends.", "")


@pytest.mark.parametrize(
    ("says", "minutes"),
    [
        ("A laptop takes a minute or two and downloads nothing.", "a minute or two"),
        (
            "One thread computes for a minute and a half to two minutes, mostly at the end.",
            "a minute and a half to two minutes",
        ),
        ("It computes for an hour and a half. A step takes long.", "an hour and a half"),
        ("It needs about 40 seconds; nothing is downloaded.", "about 40 seconds"),
        ("It makes twenty steps a second.", ""),
    ],
)
def test_the_promise_of_a_first_cell(tmp_path: Path, says: str, minutes: str) -> None:
    write(tmp_path / "00_a.ipynb", [f"# A\n\nOne thing.\n\n{says}"], [])
    assert chapter(tmp_path / "00_a.ipynb").minutes == minutes


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_notebook_says_what_it_is_and_what_it_promises(path: Path) -> None:
    found = chapter(path)
    assert len(found.title) > 4
    assert found.line.endswith(".")
    says = nbformat.read(path, as_version=4).cells[0].source
    assert bool(found.minutes) == ("minute" in says)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_there_are_no_formulas(path: Path) -> None:
    """TeX would have to be drawn by MathJax, which nbconvert fetches from a CDN; the book would show its source."""
    prose = [cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown"]
    assert not [text for text in prose if re.search(r"\$\S[^$`]*\$|\\\(|\\\[|\\begin\{", text)]


def test_a_file_that_is_no_notebook_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "00_a.ipynb").write_text("{")
    with pytest.raises(ValueError, match=r"00_a.ipynb is not a notebook"):
        chapters(tmp_path)


# --- the pages ----------------------------------------------------------------------------------------------


def test_links_lead_to_pages_to_copies_or_nowhere(made: tuple[Path, bool, str, str]) -> None:
    out, _, _, complaints = made
    page = (out / "00_start_here.html").read_text()
    links = {words: href for href, words in re.findall(r'<a(?: href="([^"]*)")?>(\w[\w ]*)</a>', page)}
    assert links["Second"] == "01_second.html"
    assert links["its end"] == "01_second.html#The-end"
    assert links["the web"] == "https://example.org/a.ipynb?b=1&amp;c=2"
    assert links["below"] == "#A-table"
    assert (out / unquote(links["beside"])).read_text() == "beside"
    assert (out / unquote(links["around"])).read_text() == "around"
    assert links["broken"] == "02_broken.html"
    assert links["outside"] == links["gone"] == ""
    for dead in ("../../outside.txt", "03_gone.ipynb"):
        assert f"00_start_here.ipynb: the link to {dead} leads nowhere." in complaints


def test_a_folder_of_a_reader_gives_away_nothing_around_it(folder: Path) -> None:
    alone = folder.parent.parent / "alone"
    alone.mkdir()
    (alone / "near.txt").touch()
    links = Links(alone, [])
    assert links.target("../outside.txt") is None
    assert links.target("near.txt") == "copied/near.txt"


def test_a_page_shows_stills_and_loads_nothing(made: tuple[Path, bool, str, str]) -> None:
    page = (made[0] / "00_start_here.html").read_text()
    body = page[page.index("<main") :]
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?:https?:)?//(?!example\.org)', page)
    assert not re.search(r"url\((?!data:)|@import", page)
    bar = re.search(r"<img[^>]*width=\"900\"[^>]*>", body)
    assert bar
    assert "data:image/webp" in bar[0]
    assert re.search(r"alt='A \"blue\" bar'|A &quot;blue&quot; bar", bar[0])
    assert re.search(r'<img alt="a picture" src="data:image/png', body)
    assert "<li>this</li>" in body
    assert "one\ntwo" in body  # printed in two pieces
    shown = re.sub(r'<div class="input">.*?</pre>', "", body, flags=re.DOTALL)
    assert "f00" not in shown
    assert "Loading widget" not in page
    assert re.search(r"<pre>\s*\d+ off", shown)  # threads, and no journal


def test_pages_lead_from_one_to_the_next(made: tuple[Path, bool, str, str]) -> None:
    first, second = ((made[0] / f"{name}.html").read_text() for name in ("00_start_here", "01_second"))
    assert first.count('href="01_second.html"') == 3  # before and after the text, and in it
    assert 'rel="prev"' not in first
    assert second.count('rel="prev"') == 2
    assert second.count('rel="next"') == 2
    assert first.count('href="index.html"') == second.count('href="index.html"') == 2
    assert '<li><a href="#A-table">A table</a></li>' in first


def test_fast_mode_is_said(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINO_NB_FAST", "1")
    assert book.write_book(folder, tmp_path, ["01"])
    for name in ("index", "01_second"):
        assert "Executed in fast mode (DINO_NB_FAST=1)" in (tmp_path / f"{name}.html").read_text()


# --- in a browser -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A notebook of the walkthrough, in fast mode."""
    out = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DINO_NB_FAST", "1")
        assert book.write_book(ROOT / "notebooks", out, [REAL])
    return out


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """A running Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield opened
        opened.close()


LOOK = """() => ({
    width: document.documentElement.scrollWidth,
    pictures: [...document.images].map(image => image.naturalWidth),
    drawings: [...document.querySelectorAll('.output_html svg')].map(svg => svg.getBoundingClientRect().height),
    links: [...document.links].map(link => link.href),
    ids: [...document.querySelectorAll('[id]')].map(one => one.id),
    colors: [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color],
    empty: [...document.querySelectorAll('.output_subarea')].filter(box => !box.getBoundingClientRect().height).length,
})"""


def looked_at(browser: Any, path: Path, width: int, theme: str) -> dict[str, Any]:
    """What a browser finds on a page; nothing must have been complained about or asked of the network."""
    context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 800})
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri())
    found = page.evaluate(LOOK)
    context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    return found


def links_exist(found: dict[str, Any]) -> None:
    """Every link of a page leads to the web, to a heading, or to a file."""
    for link in found["links"]:
        parts = urlsplit(link)
        if parts.scheme == "file":
            assert Path(unquote(parts.path)).is_file(), link
        else:
            assert parts.scheme == "https", link


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_tiny_pages_in_a_browser(browser: Any, made: tuple[Path, bool, str, str], theme: str, width: int) -> None:
    for name, pictures in (("index", 0), ("00_start_here", 2), ("01_second", 0), ("02_broken", 0)):
        found = looked_at(browser, made[0] / f"{name}.html", width, theme)
        assert found["width"] == width
        assert len(found["pictures"]) == pictures
        assert all(found["pictures"])
        links_exist(found)
        ground, ink = (sum(map(int, re.findall(r"\d+", color)[:3])) for color in found["colors"])
        assert (ground > ink) == (theme == "light")
        assert abs(ground - ink) > 500


@pytest.mark.browser
@pytest.mark.slow
def test_a_real_page_in_a_browser(browser: Any, real: Path) -> None:
    """With its figures, its listings and the still of its widget."""
    for width in (390, 1280):
        found = looked_at(browser, real / f"{REAL}.html", width, "light")
        assert found["width"] == width
        assert len(found["pictures"]) >= 5
        assert all(found["pictures"])
        assert found["drawings"]
        assert all(found["drawings"])
        assert not found["empty"]
        links_exist(found)
        assert len(found["ids"]) == len(set(found["ids"]))
