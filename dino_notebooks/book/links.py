"""Where the links of a notebook lead on a page: to the page of another notebook, to a copy of a file, or nowhere."""

import html
import re
from collections.abc import Collection
from pathlib import Path, PurePosixPath
from urllib.parse import quote, unquote, urlsplit

COPIES = "copied"  # the folder of the book for files of the repository; nbconvert would cut off files/
LINK = re.compile(r'(<a\b[^>]*?)\s+href="([^"]*)"')


class Links:
    """Turns the links of the notebooks in one folder. `copied`: the files that links now lead to, and their sources."""

    def __init__(self, folder: Path, pages: Collection[str]) -> None:
        self.folder, self.pages = folder.resolve(), set(pages)
        # Files around the notebooks are the book's business in a checkout, not in the folder of a reader.
        checkout = (self.folder.parent / "pyproject.toml").is_file()
        self.root = self.folder.parent if checkout else self.folder
        self.copied: dict[PurePosixPath, Path] = {}
        self.dead: list[str] = []

    def turn(self, page: str) -> str:
        """HTML made of a Markdown cell, with links that work in the book; one to nowhere is only its words."""

        def turned(link: re.Match[str]) -> str:
            """One link's opening tag."""
            target = self.target(html.unescape(link[2]))
            if target is None:
                self.dead.append(html.unescape(link[2]))
                return link[1]
            return f'{link[1]} href="{html.escape(target)}"'

        return LINK.sub(turned, page)

    def target(self, link: str) -> str | None:
        """The link as it must be in the book, or None when it leads nowhere."""
        parts = urlsplit(link)
        if parts.scheme or parts.netloc or not parts.path:
            return link  # the web, or a heading of the same page
        file = (self.folder / unquote(parts.path)).resolve()
        fragment = f"#{parts.fragment}" if parts.fragment else ""
        if file.parent == self.folder and file.suffix == ".ipynb":
            page = f"{file.stem}.html"
            return quote(page) + fragment if page in self.pages else None
        if not (file.is_file() and file.is_relative_to(self.root)):
            return None
        copy = PurePosixPath(COPIES, file.relative_to(self.root).as_posix())
        self.copied[copy] = file
        return quote(str(copy)) + fragment
