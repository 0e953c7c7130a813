"""Changes of knobs on their way into a run: asked for by any thread, or planned by a run line."""

from collections import deque
from collections.abc import Iterator
from queue import SimpleQueue

from dino_notebooks.session.snapshot import Change, Value


class Wishes:
    """A queue that any thread may write to, since widgets' callbacks arrive in several; one thread reads it."""

    def __init__(self) -> None:
        self._asked: SimpleQueue[dict[str, Value]] = SimpleQueue()
        self._planned: deque[Change] = deque()

    def ask(self, knobs: dict[str, Value]) -> None:
        """Change knobs as soon as possible."""
        self._asked.put(knobs)

    def plan(self, changes: tuple[Change, ...]) -> None:
        """Change knobs at given steps, in ascending order."""
        self._planned.extend(changes)

    @property
    def planned(self) -> bool:
        """Whether there are changes to come by plan."""
        return bool(self._planned)

    def forget_plan(self) -> None:
        """Change nothing more by plan."""
        self._planned.clear()

    def due(self, step: int) -> Iterator[tuple[str, Value]]:
        """The changes (knob, value) for this step, in order: first those planned, then those asked for."""
        while self._planned and self._planned[0].step <= step:
            change = self._planned.popleft()
            yield change.knob, change.value
        while not self._asked.empty():
            yield from self._asked.get().items()
