"""`show(f)`: the library's own source in a notebook, so that what one reads is what runs."""

import inspect
import textwrap
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent  # of the packages: file names are shown from here


class Source:
    """The source of one function or class: highlighted in a notebook, plain in a terminal."""

    def __init__(self, code: str, place: str) -> None:
        self.code, self.place = code, place

    def __repr__(self) -> str:
        return f"# {self.place}\n{self.code}"

    def _repr_html_(self) -> str:
        return (
            '<div style="margin: 0.3em 0">'
            f'<div style="font: 12px monospace; opacity: 0.8">{escape(self.place)}</div>{highlight(self.code)}</div>'
        )


def show(thing: Callable[..., Any]) -> None:
    """Display the source of a function, a method or a class, with its file and line."""
    from IPython.display import display

    display(source_of(thing))


def source_of(thing: Callable[..., Any]) -> Source:
    """What `show` displays; ValueError for a thing that has no Python source."""
    name = getattr(thing, "__qualname__", repr(thing))
    if not (inspect.isclass(thing) or inspect.isroutine(thing)):
        raise ValueError(f"show takes a function or a class, got {thing!r} ({type(thing).__name__}).")
    inner = inspect.unwrap(thing)  # behind decorators such as torch.no_grad()
    try:
        lines, first = inspect.getsourcelines(inner)
        file = inspect.getsourcefile(inner) or inspect.getfile(inner)
    except (OSError, TypeError):
        raise ValueError(f"{name} is not written in Python, or its file is gone: there is no source to show.") from None
    return Source(textwrap.dedent("".join(lines)).rstrip(), f"{_shown(file)}, line {first}")


def highlight(code: str) -> str:
    """Python code as HTML in JupyterLab's own colours, which follow its light and dark theme."""
    # None of these ships type information. They come with JupyterLab.
    from jupyterlab_pygments import JupyterStyle  # type: ignore[import-untyped]
    from pygments import highlight as colour  # type: ignore[import-untyped]
    from pygments.formatters import HtmlFormatter  # type: ignore[import-untyped]
    from pygments.lexers import PythonLexer  # type: ignore[import-untyped]

    box = "font-size: 12px; line-height: 1.35; white-space: pre; overflow-x: auto; padding: 8px 10px; "
    box += "border: 1px solid #8884"
    return colour(code, PythonLexer(), HtmlFormatter(style=JupyterStyle, noclasses=True, prestyles=box))


def _shown(file: str) -> str:
    path = Path(file)
    if file.startswith("<") or "ipykernel_" in file:
        return "this notebook"
    ours = path.is_relative_to(ROOT) and "site-packages" not in path.relative_to(ROOT).parts  # .venv may lie in ROOT
    return path.relative_to(ROOT).as_posix() if ours else path.name
