"""The walkthrough as a web site: every notebook executed and drawn as a page, for any web server, or for a disk.

contents.py   the notebooks in reading order, and what their first cells promise
execute.py    a notebook with its outputs, or the sentence why there are none
links.py      where the links of a notebook lead on a page
pages.py      an executed notebook as a page, and the contents, by nbconvert
*.html.j2, style.css      how they look; the colours are the report's

Nothing in it is loaded from elsewhere, and no page holds a script.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from dino_lite.checkpoint import atomic
from dino_notebooks.book.contents import Chapter, chapters, choose
from dino_notebooks.book.execute import NotExecuted, execute
from dino_notebooks.book.pages import Book, is_missing

__all__ = ["write_book"]


def write_book(folder: Path, out: Path, names: Sequence[str] = ()) -> bool:
    """Execute the notebooks of `folder`, all or those named, and write their pages and index.html into `out`.

    Says on the way how far it is. Returns whether all went well: a notebook that fails gets a sentence on standard
    error and keeps the page that it has, the others are written. A page is replaced in one step, when the new one is
    whole; a notebook that has none yet gets one that says so, and no link leads nowhere. ValueError, one sentence, for
    a name that no notebook has, or a folder that cannot be written.
    """
    everything = chapters(folder)
    chosen = choose(everything, names)
    book, failed = Book(folder, everything), 0
    make(out)  # before minutes of computing
    for chapter in everything:
        if not (out / chapter.page).is_file():
            write(out / chapter.page, book.missing(chapter))
    write_contents(book, out)
    try:
        for number, chapter in enumerate(chosen, start=1):
            print(f"{number:2} of {len(chosen)}  {chapter.name}: ", end="", flush=True)
            start = time.perf_counter()
            try:
                page = book.page(chapter, execute(chapter.path))
            except NotExecuted as error:
                failed += 1
                print("failed", flush=True)
                print(f"dino-notebooks: {error}", file=sys.stderr, flush=True)
            else:
                write(out / chapter.page, page)
                print(f"{time.perf_counter() - start:.0f} s", flush=True)
    finally:  # also after Ctrl-C
        for name, source in book.copied.items():
            write(out / name, source.read_bytes())
        pages = write_contents(book, out)
    for remark in book.remarks:
        print(remark, file=sys.stderr)
    size = sum((out / chapter.page).stat().st_size for chapter in pages) / 1e6
    print(f"{out / 'index.html'}: {len(pages)} pages, {size:.0f} MB")
    return not failed


def write_contents(book: Book, out: Path) -> list[Chapter]:
    """Write index.html for the pages that are there, and return whose they are."""
    pages = [chapter for chapter in book.chapters if not is_missing((out / chapter.page).read_bytes())]
    write(out / "index.html", book.contents(pages))
    return pages


def make(out: Path) -> None:
    """Make the folder, and try whether it can be written."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise ValueError(f"The book cannot be written into {out} ({error.strerror}): choose another --out.") from None


def write(path: Path, content: bytes) -> None:
    """Put a file in place in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as temporary:
        temporary.write_bytes(content)
