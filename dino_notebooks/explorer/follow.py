"""A map that moves while a collapse lab trains: every few seconds a copy of the teacher looks at the pictures.

The lab draws itself between two steps, in the thread that trains. That is the moment at which the weights hold still
and can be copied; the rest happens in a thread of the map's own.
"""

import copy
import re
import time
from typing import Any

from dino_lite import Pictures, features
from dino_notebooks.explorer.background import Background
from dino_notebooks.machine import one_thread

MOST = 40  # snapshots kept: the oldest go first, but for the very first


def is_lab(source: Any) -> bool:
    """Whether this is a collapse lab."""
    return hasattr(source, "session") and hasattr(source, "status")


def snapshot_name(step: int) -> str:
    """What the map after so many steps is called."""
    return f"step {step}"


class Follower:
    """Adds a snapshot to an explorer at most every so many seconds, as long as the lab makes steps."""

    def __init__(self, explorer: Any, lab: Any, seconds: float) -> None:
        self.explorer, self.lab, self.seconds = explorer, lab, seconds
        self._background = Background(explorer.complain)
        self._last, self._step = 0.0, int(lab.session.step)
        lab.status.observe(self._drawn, "value")

    def stop(self) -> None:
        """Leave the map as it is."""
        self.lab.status.unobserve(self._drawn, "value")
        self._background.drop()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until what was seen of the run is on the map; whether it is."""
        return self._background.wait(seconds)

    def _drawn(self, _: Any) -> None:
        """In the thread that trains, between two steps: copy the teacher, if it is time."""
        session = self.lab.session
        step, now = int(session.step), time.monotonic()
        if step == self._step or (step > self._step and now - self._last < self.seconds) or self._background.busy:
            return
        self._last, self._step = now, step
        teacher = copy.deepcopy(session.dino.teacher)
        self._background.do(lambda: self._look(step, teacher))

    def _look(self, step: int, teacher: Any) -> None:
        """In the map's own thread: what the copy finds alike."""
        pictures: Pictures = self.explorer.pictures
        with one_thread():
            rows = features(teacher, pictures)
        self.explorer.go_on(snapshot_name(step), rows, kept(list(self.explorer.rows), step))


def kept(names: list[str], step: int) -> list[str]:
    """The snapshots that stay when one at `step` comes: none of a future that a rewind has left, and not too many."""

    def before(name: str) -> bool:
        found = re.fullmatch(r"step (\d+)", name)
        return found is None or int(found[1]) < step

    names = [name for name in names if before(name)]
    return names[:1] + names[1:][-(MOST - 2) :]
