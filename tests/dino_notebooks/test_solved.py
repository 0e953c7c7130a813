"""`progress()` says what the journal says, and takes any journal: none, damaged, of another version, edited by hand.

Run: pytest tests/dino_notebooks/test_solved.py
"""

import copy
import json
from pathlib import Path

import jupytext
import pytest
import torch

from dino_notebooks import check, progress
from dino_notebooks.assignments import student_cell
from dino_notebooks.journal import write_entry
from dino_notebooks.solved import MARKS

SOURCES = sorted((Path(__file__).parents[2] / "notebooks" / "src" / "exercises").glob("*.py"))


@pytest.fixture(autouse=True)
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of its own."""
    monkeypatch.setenv("DINO_NB_JOURNAL", str(tmp_path / "journal.json"))
    return tmp_path / "journal.json"


def entropy(probs: torch.Tensor) -> torch.Tensor:
    return -torch.xlogy(probs, probs).sum(-1)


def test_nothing_yet(journal: Path) -> None:
    shown = progress()
    total = sum(len(names) for names in check.ASSIGNMENTS.values())
    assert shown.sentence() == f"0 of {total} exercises solved. No predictions yet: the walkthrough asks for them."
    assert str(journal) in repr(shown)
    assert not journal.exists()


def test_what_is_solved_tried_and_predicted_is_counted() -> None:
    assert check.entropy(entropy).ok
    assert not check.kl_divergence(lambda p, q: p).ok
    write_entry("predictions", "A?", guess="x", measured="x", right=True)
    write_entry("predictions", "B?", guess="x", measured="y", right=False)
    write_entry("predictions", "C?", guess="x")
    shown = progress()
    assert shown.sentence().startswith("1 of ")
    assert shown.sentence().endswith("3 predictions; 1 of 2 revealed so far were right.")
    assert f"{MARKS['solved']} entropy" in repr(shown)
    assert f"{MARKS['tried']} kl_divergence" in repr(shown)
    assert f"{MARKS['open']} dino_loss" in repr(shown)
    assert f"{MARKS['solved']}&nbsp;entropy" in shown._repr_html_()


def test_each_assignment_has_its_count_and_words_are_not_counted() -> None:
    check.entropy(entropy)
    names = check.ASSIGNMENTS["3 · Loss, temperatures and centre"]
    assert f"3 · Loss, temperatures and centre: 1 of {len(names)}\n" in repr(progress())
    assert f">1 of {len(names)}<" in progress()._repr_html_()
    for shown in (repr(progress()), progress()._repr_html_()):
        assert "Answers in words are not counted." in shown


@pytest.mark.parametrize("answer", [None, ...])
def test_what_is_not_begun_is_not_tried(journal: Path, answer: object) -> None:
    for names in check.ASSIGNMENTS.values():
        for name in names:
            getattr(check, name)(answer)
    assert not journal.exists()


@pytest.mark.parametrize("source", SOURCES[:3], ids=lambda one: one.stem)
def test_run_all_on_untouched_cells_tries_nothing(journal: Path, source: Path) -> None:
    names: dict[str, object] = {"torch": torch, "F": torch.nn.functional, "copy": copy, "check": check}
    cells = jupytext.read(source, fmt="py:percent").cells
    parts = [(cell["metadata"].get("part"), student_cell(cell)["source"]) for cell in cells]
    asked = 0
    for part, text in parts:
        if part in ("answer", "test"):
            exec(text, names)
            asked += part == "test"
    assert asked >= 8
    assert not journal.exists()


def test_what_is_written_is_tried() -> None:
    check.multi_crop(lambda image, boxes, factors, chance, probs: [image])
    check.uniform_loss("12")
    assert sum(state == "tried" for states in progress().assignments.values() for state in states.values()) == 2


def test_a_later_wrong_try_takes_nothing_away() -> None:
    check.entropy(entropy)
    check.entropy(lambda p: p)
    assert progress().solved == 1


def test_a_strict_check_leaves_no_trace(journal: Path) -> None:
    check.entropy(entropy, strict=True)
    assert not journal.exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 99, "exercises": {}}', '{"format": 1, "exercises": [1]}', ""])
def test_a_file_that_cannot_be_read_is_named_and_kept(journal: Path, text: str) -> None:
    journal.write_text(text)
    assert str(journal) in repr(progress())
    assert "damaged, or of another version" in repr(progress())
    assert journal.read_text() == text
    check.entropy(entropy)
    assert progress().solved == 1
    assert journal.with_name("journal.1.json").read_text() == text


def test_entries_edited_by_hand_are_taken_for_what_they_are(journal: Path) -> None:
    pages = {"format": 1, "exercises": {"entropy": {"solved": "yes"}, "gone": {"solved": True}}, "predictions": {}}
    journal.write_text(json.dumps(pages))
    assert progress().solved == 0


def test_without_a_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINO_NB_JOURNAL", "off")
    check.entropy(entropy)
    assert "DINO_NB_JOURNAL is off" in repr(progress())
