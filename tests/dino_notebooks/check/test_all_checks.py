"""What every check must have: mistakes that can be told apart, three hints, a solution, and a place in an assignment.

Run: pytest tests/dino_notebooks/check/test_all_checks.py
"""

import re
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import jupytext
import pytest
import torch

from dino_notebooks import check
from dino_notebooks.check.checks import Check
from dino_notebooks.check.exercise import Exercise
from dino_notebooks.check.judge import judge
from dino_notebooks.check.result import WrongAnswer
from dino_notebooks.source import Source

SOURCES = sorted((Path(__file__).parents[3] / "notebooks" / "src" / "exercises").glob("*.py"))
MODULES = [import_module(found.name) for found in walk_packages(check.__path__, "dino_notebooks.check.")]
EXERCISES = sorted(
    {one.name: one for module in MODULES for one in vars(module).values() if isinstance(one, Exercise)}.values(),
    key=lambda one: one.name,
)
CHECKS = [one for one in vars(check).values() if isinstance(one, Check)]
SEEDS = 5


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.name)
def test_every_mistake_is_told_from_the_others_and_from_the_right_answer(exercise: Exercise) -> None:
    assert len(exercise.mistakes) >= 6
    assert len({mistake.says for mistake in exercise.mistakes}) == len(exercise.mistakes)
    for seed in range(SEEDS):
        assert judge(exercise, exercise.right, seed).ok
        for mistake in exercise.mistakes:
            result = judge(exercise, mistake.does, seed)
            assert not result.ok
            assert result.message == mistake.says, f"seed {seed}: {result!r}"


@pytest.mark.parametrize("exercise", EXERCISES, ids=lambda one: one.name)
def test_the_smallest_example_can_be_followed_by_hand(exercise: Exercise) -> None:
    first = exercise.cases(torch.Generator().manual_seed(0))[0]
    assert len(first) == len(exercise.argument_names)
    assert sum(x.numel() for x in first if isinstance(x, torch.Tensor)) <= 96


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.name)
def test_three_hints_then_the_solution(one: Check) -> None:
    hints = [one.hint(level) for level in (1, 2, 3)]
    assert len({hint.text for hint in hints}) == 3
    assert [hint.title for hint in hints] == [f"Hint {n} of 3" for n in (1, 2, 3)]
    solution = one.hint(4)
    assert isinstance(solution, Source) or solution.title == "Solution"
    assert getattr(check, one.name) is one
    assert one.name in repr(one)


@pytest.mark.parametrize("one", CHECKS, ids=lambda one: one.name)
@pytest.mark.parametrize("answer", [None, 3, "?", lambda: 1 / 0, lambda *given: None, lambda *given: exit(3), ...])
def test_nothing_that_is_handed_in_raises_but_for_graders(one: Check, answer: object) -> None:
    result = one(answer)
    assert not result.ok
    assert "<lambda>" not in result._repr_html_()  # what was handed in is escaped
    assert len(result.message) > 20
    with pytest.raises(WrongAnswer, match=one.name):
        one(answer, strict=True)


def test_hints_count_up_by_themselves() -> None:
    check.entropy.hints_taken = 0
    assert [getattr(check.entropy.hint(), "title", "source") for _ in range(4)][:2] == ["Hint 1 of 3", "Hint 2 of 3"]
    assert isinstance(check.entropy.hint(), Source)
    with pytest.raises(ValueError, match="from 1"):
        check.entropy.hint(0)


def test_every_check_is_an_exercise_of_one_assignment_and_the_other_way_round() -> None:
    asked = {}
    for source in SOURCES:
        cells = jupytext.read(source, fmt="py:percent").cells
        tests = [cell for cell in cells if cell.metadata.get("part") == "test"]
        asked[source.stem] = [cell.metadata["exercise"] for cell in tests]
        for cell in tests:
            assert re.fullmatch(r"check\.(\w+)\(\w+\)", cell.source)[1] == cell.metadata["exercise"]
    assert list(asked.values()) == [list(names) for names in check.ASSIGNMENTS.values()]
    names = [name for part in asked.values() for name in part]
    assert sorted(names) == sorted(one.name for one in CHECKS)
    assert len(names) >= 20
