"""The log of a run as columns of numbers, thinned to what a plot can show."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from dino_lite import StepLog

BINS = 300  # points a line: more than the pixels of a panel can tell apart
WINDOWS = 10  # stretches of a run that get one diagnosis each: as many words as fit side by side
NEEDED = ("step", "loss", "entropy", "kl", "marginal_entropy", "mutual_information", "effective_prototypes")


@dataclass(frozen=True)
class Line:
    """One quantity over a run: the mean, the lowest and the highest value of each bin of steps."""

    step: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Series:
    """The logs of a run, `StepLog`s or objects read from metrics.jsonl, by column. ValueError when there are none."""

    def __init__(self, logs: Iterable[StepLog | Mapping[str, Any]]) -> None:
        self.logs = [log.to_dict() if isinstance(log, StepLog) else log for log in logs]
        if not self.logs:
            raise ValueError("There is nothing to plot: the log holds no step yet.")
        for name in NEEDED:
            self.column(name)

    def column(self, name: str) -> np.ndarray:
        """A quantity at every step, (steps,). ValueError when a step lacks it or it is not a finite number."""
        return self._numbers(name, [log.get(name) for log in self.logs])

    def knob(self, name: str) -> np.ndarray:
        """A knob's value at every step, (steps,)."""
        return self._numbers(name, [log.get("knobs", {}).get(name) for log in self.logs])

    def line(self, values: np.ndarray) -> Line:
        """The steps and these values (steps,), in at most `BINS` bins; values that are NaN were not measured."""
        steps, known = self.column("step"), ~np.isnan(values)
        bins = np.array_split(np.flatnonzero(known), min(BINS, max(1, int(known.sum()))))
        mean, low, high = ([f(values[b]) for b in bins if len(b)] for f in (np.mean, np.min, np.max))
        return Line(np.array([steps[b].mean() for b in bins if len(b)]), *map(np.array, (mean, low, high)))

    def effective_rank(self) -> np.ndarray:
        """The effective rank (steps,), NaN where it was not measured."""
        return np.array([np.nan if (r := log.get("effective_rank")) is None else float(r) for log in self.logs])

    def targets(self) -> int:
        """Targets behind a step's mutual information: two for each picture of the batch."""
        first = self.logs[0]
        return 2 * max(1, round(first.get("seconds", 0) * first.get("images_per_second", 0)))

    def stretches(self) -> list[tuple[float, float, str]]:
        """(first step, last step, diagnosis) of each stretch of the run, by the majority in a tenth of it."""
        parts = np.array_split(np.arange(len(self.logs)), min(WINDOWS, len(self.logs)))
        words = [[str(self.logs[i].get("diagnosis", "unknown")) for i in part] for part in parts]
        named = [(max(word, key=word.count), part) for word, part in zip(words, parts, strict=True)]
        steps, found = self.column("step"), []
        for word, group in groupby(named, key=lambda pair: pair[0]):
            rows = np.concatenate([part for _, part in group])
            found.append((float(steps[rows[0]]), float(steps[rows[-1]]), word))
        return found

    def _numbers(self, name: str, values: list[Any]) -> np.ndarray:
        for log, value in zip(self.logs, values, strict=True):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not np.isfinite(value):
                raise ValueError(f"Step {log.get('step', '?')} of the log has no usable {name}: it says {value!r}.")
        return np.array(values, dtype=float)
