"""A run as one line of text: recipe, seed, steps and every change of a knob. Whoever pastes it gets the same numbers.

    dino-run/1 lab seed=0 steps=420; 150 centering=off; 350 centering=on teacher_temp=0.07

The line is read as data by a regular expression, never evaluated, and a wrong one gets a sentence.
"""

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from dino_lite import DinoConfig
from dino_lite.config import TARGETS
from dino_lite.knobs import Knobs, base_knobs, check_knobs
from dino_notebooks.session.slip import CENTER_GAIN, GAINS
from dino_notebooks.session.snapshot import Change, Value

RECIPES = {"lab": DinoConfig.lab, "small": DinoConfig.small}
LONGEST_RUN = 20_000  # steps: a quarter of an hour of the lab recipe
LONGEST_LINE = 500_000  # characters
HEAD = re.compile(r"dino-run/1 ([a-z_]{1,20}) seed=([0-9]{1,10}) steps=([0-9]{1,9})", re.ASCII)
PART = re.compile(r"([0-9]{1,9})((?: [a-z_]{1,30}=[A-Za-z0-9_.+-]{1,30}){1,20})", re.ASCII)
EXAMPLE = "dino-run/1 lab seed=0 steps=200; 100 centering=off"


@dataclass(frozen=True)
class Run:
    """All that a run consists of."""

    recipe: str
    seed: int
    steps: int
    changes: tuple[Change, ...] = ()

    def line(self) -> str:
        """The run as text; of several changes of a knob at one step only the last one counts, and is written."""
        parts = [f"dino-run/1 {self.recipe} seed={self.seed} steps={self.steps}"]
        for step, knobs in grouped(self.changes):
            parts.append(f"{step} " + " ".join(f"{knob}={_written(value)}" for knob, value in knobs.items()))
        return "; ".join(parts)


def read_line(text: str) -> Run:
    """The run that a line describes; ValueError, one sentence, when it describes none."""
    if not isinstance(text, str) or len(text) > LONGEST_LINE:
        raise ValueError(f"A run line is one line of text of at most {LONGEST_LINE:,} characters.")
    head, *parts = [part.strip() for part in text.strip().split(";")]
    found = HEAD.fullmatch(head)
    if found is None:
        raise ValueError(f"This is not a run line; one looks like this: {EXAMPLE}")
    recipe, seed, steps = found[1], int(found[2]), int(found[3])
    recipe_config(recipe)  # refuses one that there is not
    if steps > LONGEST_RUN:
        raise ValueError(f"The run line asks for {steps:,} steps; a run has at most {LONGEST_RUN:,}.")
    changes = tuple(change for part in parts if part for change in _read_part(part))
    order = [change.step for change in changes]
    if order != sorted(order):
        raise ValueError("The changes in a run line go from the first step to the last, and these do not.")
    if order and order[-1] > steps:
        raise ValueError(f"The run line changes a knob at step {order[-1]}, and the run ends at step {steps}.")
    return Run(recipe, seed, steps, changes)


def recipe_config(recipe: str) -> DinoConfig:
    """The settings of a recipe; ValueError when there is none of this name."""
    if recipe not in RECIPES:
        raise ValueError(f"There is no recipe {recipe!r}; the recipes are {', '.join(RECIPES)}.")
    return RECIPES[recipe]()


def usual_knobs(config: DinoConfig) -> Knobs:
    """The recipe's own values of all knobs. A steered run has no schedules: a knob stays where it is put."""
    return base_knobs(config) | {CENTER_GAIN: 1.0}


def require_knobs(knobs: dict[str, Any]) -> None:
    """ValueError for a knob that a steered run does not have, or a value that it cannot have."""
    gain = knobs.get(CENTER_GAIN, 1.0)
    number = isinstance(gain, (int, float)) and not isinstance(gain, bool)
    if not (number and GAINS[0] <= gain <= GAINS[1]):
        raise ValueError(f"{CENTER_GAIN} must be a number from {GAINS[0]:g} to {GAINS[1]:g}, got {gain!r}.")
    check_knobs({name: value for name, value in knobs.items() if name != CENTER_GAIN})
    for name, value in knobs.items():
        if isinstance(value, (int, float)) and not math.isfinite(value):
            raise ValueError(f"{name} must be a finite number, got {value!r}.")


def grouped(changes: Iterable[Change]) -> Iterator[tuple[int, dict[str, Value]]]:
    """The changes by step, as (step, {knob: its last value at this step})."""
    together: dict[int, dict[str, Value]] = {}
    for change in changes:
        together.setdefault(change.step, {})[change.knob] = change.value
    yield from together.items()


def _read_part(part: str) -> Iterator[Change]:
    found = PART.fullmatch(part)
    if found is None:
        raise ValueError(f"A run line's changes look like '100 centering=off'; this one does not: {part[:60]!r}.")
    for pair in found[2].split():
        knob, _, written = pair.partition("=")
        value = _read_value(knob, written)
        require_knobs({knob: value})
        yield Change(int(found[1]), knob, value)


def _read_value(knob: str, written: str) -> Value:
    if written in ("on", "off"):
        return written == "on"
    if written in TARGETS:
        return written
    try:
        return float(written)
    except ValueError:
        raise ValueError(f"{written!r} in the run line is no value for {knob}: write a number, on or off.") from None


def _written(value: Value) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return value if isinstance(value, str) else repr(float(value))
