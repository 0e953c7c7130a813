"""An executed notebook as a page of its own, and the contents: nbconvert with our templates, and no JavaScript."""

import datetime
import logging
import re
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
from jinja2 import pass_context
from nbconvert import HTMLExporter
from traitlets.config import Config

from dino_notebooks.book.contents import Chapter
from dino_notebooks.book.links import Links
from dino_notebooks.machine import FAST, fast
from dino_notebooks.report.svg import as_webp

HERE = Path(__file__).parent
PALETTE = HERE.parent / "report" / "palette.css"
# What is shown of an output, the first that it has. Live widgets and scripts are not on the list: nbconvert would
# prefer them, and fetch their code from a CDN. Our widgets leave a still beside them.
SHOWN = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain"]
TITLE = "DINO, step by step"
MISSING = b'<main class="missing">'
SECTION = re.compile(r'<h2 id="([^"]+)">(.*?)<a class="anchor-link"')


class Exporter(HTMLExporter):
    """nbconvert's, with our templates, and with links that work in the book."""

    def __init__(self, links: Links) -> None:
        self.links = links
        logger = logging.getLogger(__name__)
        logger.setLevel(logging.ERROR)  # it warns of pictures without words for those who do not see them
        super().__init__(
            config=Config(
                {
                    "NbConvertBase": {"display_data_priority": SHOWN},
                    "CoalesceStreamsPreprocessor": {"enabled": True},  # what is printed bit by bit is one text
                }
            ),
            template_name="basic",
            template_file=str(HERE / "chapter.html.j2"),
            embed_images=True,
            anchor_link_text="#",
            filters={"as_webp": as_webp},
            log=logger,
        )

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        """Markdown as HTML, links turned."""
        return self.links.turn(super().markdown2html(context, source))


class Book:
    """The pages of one call. `copied`: files that links lead to. `remarks`: what its makers should know."""

    def __init__(self, folder: Path, chapters: list[Chapter]) -> None:
        self.folder, self.chapters = folder, chapters
        self.links = Links(folder, [chapter.page for chapter in chapters])
        self.exporter = Exporter(self.links)
        self.remarks: list[str] = []

    @property
    def copied(self) -> dict[PurePosixPath, Path]:
        """Name in the book → file."""
        return self.links.copied

    def page(self, chapter: Chapter, notebook: nbformat.NotebookNode) -> bytes:
        """The page of an executed notebook."""
        notebook.metadata.pop("widgets", None)
        self.links.dead.clear()
        resources = {"metadata": {"name": chapter.name, "path": str(self.folder)}, "book": self.around(chapter)}
        html, _ = self.exporter.from_notebook_node(notebook, resources)
        self.remarks += [f"{chapter.path.name}: the link to {link} leads nowhere." for link in self.links.dead]
        sections = [f'<li><a href="#{anchor}">{words}</a></li>' for anchor, words in SECTION.findall(html)]
        return html.replace("<!-- sections -->", "".join(sections), 1).encode()

    def missing(self, chapter: Chapter) -> bytes:
        """The page of a notebook that has not been executed yet."""
        return self.drawn("missing.html.j2", self.around(chapter))

    def contents(self, pages: list[Chapter]) -> bytes:
        """The page that lists all others. pages: the chapters that are not missing."""
        return self.drawn("contents.html.j2", {"title": TITLE, "chapters": self.chapters, "pages": pages} | self.look())

    def drawn(self, template: str, book: dict[str, Any]) -> bytes:
        """A page that is not made of a notebook."""
        # `resources` and `book` are what nbconvert gives to the template of a chapter
        return self.exporter.environment.get_template(template).render(resources={"book": book}).encode()

    def around(self, chapter: Chapter) -> dict[str, Any]:
        """What a chapter's page needs beside its cells."""
        place = self.chapters.index(chapter)
        before, after = self.chapters[:place][-1:], self.chapters[place + 1 :][:1]
        neighbours = {"before": before[0] if before else None, "after": after[0] if after else None}
        return self.look() | {"title": f"{chapter.title} · {TITLE}", "chapter": chapter} | neighbours

    def look(self) -> dict[str, Any]:
        """What all pages have."""
        return {
            "style": "\n".join(path.read_text(encoding="utf-8") for path in (PALETTE, HERE / "style.css")),
            "code_style": code_style(),
            "day": f"{datetime.date.today():%d %b %Y}",
            "fast": FAST if fast() else "",
        }


def is_missing(page: bytes) -> bool:
    """Whether a page is one that `Book.missing` wrote."""
    return MISSING in page


def code_style() -> str:
    """The colours of Python code: those of JupyterLab's style, which are variables that style.css fills in."""
    # None of these ships type information. They come with JupyterLab.
    from jupyterlab_pygments import JupyterStyle  # type: ignore[import-untyped]
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]

    return HtmlFormatter(style=JupyterStyle).get_style_defs(".highlight")
