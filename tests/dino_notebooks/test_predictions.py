"""Guesses before answers: what is noted, compared, kept in the file, and what a damaged file costs.

Run: pytest tests/dino_notebooks/test_predictions.py
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dino_notebooks import predict, reveal
from dino_notebooks.journal import journal_path, read_journal, write_entry

OPTIONS = ["rises", "falls", "stays"]


@pytest.fixture(autouse=True)
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of its own, and no questions from other tests."""
    from dino_notebooks.predictions import _asked

    path = tmp_path / "deep" / "journal.json"
    monkeypatch.setenv("DINO_NB_JOURNAL", str(path))
    _asked.clear()
    yield path
    _asked.clear()


@pytest.mark.parametrize(
    ("guess", "said", "right"),
    [
        ("falls", "You said falls, and so it is. h went from 4.2 to 0.1.", True),
        ("rises", "You said rises. Measured: falls. h went from 4.2 to 0.1.", False),
    ],
)
def test_a_guess_is_compared_and_kept(journal: Path, guess: str, said: str, right: bool) -> None:
    asked = predict("What does the entropy do?", OPTIONS)
    asked.field.value = guess
    assert asked.said.value == "Noted. Now run the next cell."
    assert json.loads(journal.read_text())["predictions"] == {"What does the entropy do?": {"guess": guess}}
    assert str(reveal("falls", "h went from 4.2 to 0.1.")) == said
    entry = {"guess": guess, "measured": "falls", "right": right}
    assert read_journal()["predictions"] == {"What does the entropy do?": entry}
    assert asked.field.disabled


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("5.5", "You said 5.5. Measured: 5.545. K = 256."),
        ("5,545", "You said 5.545, and so it is. K = 256."),
        ("1", "You said 1. Measured: 5.545. K = 256."),
    ],
)
def test_numbers(typed: str, said: str) -> None:
    asked = predict("What is ln K?")
    asked.field.value = typed
    assert str(reveal(5.5452, "K = 256.")) == said
    assert read_journal()["predictions"]["What is ln K?"]["right"] is (typed != "1")


def test_what_is_no_number() -> None:
    asked = predict("What is ln K?")
    asked.field.value = "about five"
    assert "no number" in asked.said.value
    assert asked.guess is None


def test_nobody_has_to_guess(journal: Path) -> None:
    predict("What does the entropy do?", OPTIONS)
    assert str(reveal("stays")) == "Measured: stays."
    assert not journal.exists()


def test_the_answer_finds_its_question() -> None:
    """A cell further up is run again: its options tell which question it belongs to."""
    first = predict("What does the entropy do?", OPTIONS)
    first.field.value = "rises"
    second = predict("Which is larger?", ["h", "KL"])
    assert str(reveal("falls")) == "You said rises. Measured: falls."
    assert not second.field.disabled
    again = predict("What does the entropy do?", OPTIONS)
    assert again.guess is None


def test_a_question_that_is_run_again_keeps_the_guess_until_it_is_answered() -> None:
    """A click makes the question's own cell the current one, and Shift and Enter run it again."""
    predict("What does the entropy do?", OPTIONS).field.value = "rises"
    again = predict("What does the entropy do?", OPTIONS)
    assert again.guess == "rises"
    assert str(reveal("falls")) == "You said rises. Measured: falls."
    assert predict("What does the entropy do?", OPTIONS).guess is None
    assert predict("What does the entropy do?", OPTIONS[:2]).guess is None


def test_static_twin_has_the_question_and_no_widget() -> None:
    """What nbconvert shows: escaped, with the choices."""
    bundle = predict("Is h < KL?", ["yes", "no"])._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert "Is h &lt; KL?" in bundle["text/html"]
    assert "<li>yes</li>" in bundle["text/html"]
    assert bundle["text/plain"] == "Predict: Is h < KL? (yes / no)"
    assert "a &lt; b" in reveal("yes", "a < b")._repr_html_()


@pytest.mark.parametrize("options", [[], ["one"], ["same", "same"]])
def test_bad_options(options: list[str]) -> None:
    with pytest.raises(ValueError, match="two or more different options"):
        predict("?", options)


def test_bad_answers() -> None:
    with pytest.raises(ValueError, match="Nothing was asked"):
        reveal("falls")
    predict("What does the entropy do?", OPTIONS)
    with pytest.raises(ValueError, match=r"one of \['rises', 'falls', 'stays'\], got 'vanishes'"):
        reveal("vanishes")
    predict("What is ln K?")
    with pytest.raises(ValueError, match="a finite number, got nan"):
        reveal(float("nan"))


# --- the file -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"format": 2}', '{"format": 1, "predictions": [1]}', '{"format": 1, "predictions": {"a": 1}}'],
)
def test_a_damaged_file_is_put_aside(journal: Path, text: str) -> None:
    journal.parent.mkdir(parents=True)
    journal.write_text(text)
    assert read_journal() == {"predictions": {}, "exercises": {}}
    assert journal.read_text() == text  # reading touches nothing
    write_entry("exercises", "crop", solved=True)
    write_entry("exercises", "patchify", solved=True)
    assert journal.with_name("journal.1.json").read_text() == text
    assert set(read_journal()["exercises"]) == {"crop", "patchify"}
    assert [path.name for path in sorted(journal.parent.iterdir())] == ["journal.1.json", "journal.json"]


def test_unknown_parts_of_the_file_stay(journal: Path) -> None:
    journal.parent.mkdir(parents=True)
    journal.write_text('{"format": 1, "predictions": {}, "later": {"a": {}}}')
    write_entry("exercises", "crop", solved=True)
    assert json.loads(journal.read_text())["later"] == {"a": {}}


def test_a_disk_that_takes_no_file_does_not_stop_the_lesson(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINO_NB_JOURNAL", "/proc/no/journal.json")
    asked = predict("What does the entropy do?", OPTIONS)
    asked.field.value = "falls"
    assert "and so it is" in str(reveal("falls"))


def test_no_file_where_none_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINO_NB_JOURNAL", "off")
    assert journal_path() is None
    write_entry("exercises", "crop", solved=True)
    assert read_journal() == {"predictions": {}, "exercises": {}}


def test_the_file_lies_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DINO_NB_JOURNAL")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert journal_path() == tmp_path / ".dino_notebooks" / "journal.json"
