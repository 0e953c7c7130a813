"""`show` displays what Python itself finds, highlighted without losing a character, and refuses in one sentence.

Run: pytest tests/dino_notebooks/test_source.py
"""

import functools
import html
import inspect
import re
import textwrap

import pytest
import torch

import dino_lite
from dino_notebooks import show
from dino_notebooks.source import highlight, source_of


def visible(page: str) -> str:
    """What a browser shows of HTML."""
    return html.unescape(re.sub("<[^>]*>", "", page))


@pytest.mark.parametrize(
    ("thing", "file"),
    [
        (dino_lite.dino_loss, "dino_lite/loss.py"),
        (dino_lite.update_center, "dino_lite/loss.py"),  # behind a decorator of torch
        (dino_lite.Dino.train_step, "dino_lite/train.py"),
        (dino_lite.DinoConfig.lab, "dino_lite/config.py"),  # a class method
        (dino_lite.Diagnosis, "dino_lite/collapse.py"),
        (torch.nn.functional.softmax, "functional.py"),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_source_is_pythons_own(thing, file: str) -> None:
    found = source_of(thing)
    lines, first = inspect.getsourcelines(inspect.unwrap(thing))
    assert found.place == f"{file}, line {first}"
    assert found.code == textwrap.dedent("".join(lines)).rstrip()
    assert visible(found._repr_html_()).strip() == f"{found.place}{found.code}"
    assert repr(found) == f"# {found.place}\n{found.code}"


def test_code_is_coloured_by_the_theme_alone() -> None:
    """A colour of our own would vanish in one of the themes."""
    page = highlight("def f(x):  # why\n    return x < 1 & 'a'\n")
    assert "var(--jp-mirror-editor-keyword-color)" in page
    assert "background: #" not in page
    assert visible(page).rstrip() == "def f(x):  # why\n    return x < 1 & 'a'"


def test_show_prints_in_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert show(dino_lite.ema_update) is None
    assert capsys.readouterr().out.startswith("# dino_lite/teacher.py, line ")


@pytest.mark.parametrize(
    ("thing", "sentence"),
    [
        (5, "show takes a function or a class, got 5 (int)."),
        (torch.zeros(1), "show takes a function or a class, got tensor"),
        (functools.partial(print), "show takes a function or a class, got functools.partial"),
        (torch.softmax, "is not written in Python"),
        (int, "int is not written in Python"),
        (eval("lambda: 1"), "is not written in Python, or its file is gone"),
    ],
    ids=["number", "tensor", "partial", "builtin", "type", "eval"],
)
def test_without_source_there_is_one_sentence(thing, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        show(thing)
