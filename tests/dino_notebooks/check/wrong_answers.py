"""What a test of a check needs: answers that are wrong, and the words by which each must be named."""

from collections.abc import Callable
from typing import Any

from dino_notebooks.check.checks import Check

Wrong = dict[str, tuple[Callable[..., Any], str]]  # what is wrong with it → (the answer, words its message must have)


def assert_named(check: Check, answer: Callable[..., Any], words: str) -> None:
    """The answer is refused with these words, and whatever the seed."""
    for seed in range(5):
        result = check(answer, seed=seed)
        assert not result.ok, f"{check.name} takes a wrong answer at seed {seed}"
        assert words in result.message, f"wanted {words!r}, got {result.message!r} at seed {seed}"


def assert_right(check: Check, answer: Callable[..., Any]) -> None:
    """The answer is taken, whatever the seed."""
    for seed in range(5):
        result = check(answer, seed=seed)
        assert result.ok, f"seed {seed}: {result!r}"
