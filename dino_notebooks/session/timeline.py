"""The futures of a steered run: the one that goes on, those that were left behind, and the checkpoints between them."""

from dataclasses import dataclass, field, replace
from typing import Any

from dino_lite import StepLog
from dino_notebooks.session.snapshot import Change, Future

State = dict[str, Any]  # of Dino.state_dict(), copied
LEFT_BEHIND = 4  # futures that are remembered besides the one that goes on


class Checkpoints:
    """At most `capacity` states of a run, close together for the last steps and further apart the older they are."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._states: dict[int, State] = {}  # by step, in ascending order

    def __contains__(self, step: int) -> bool:
        """Whether there is one at this very step."""
        return step in self._states

    def steps(self) -> tuple[int, ...]:
        """The steps that there are states of, in ascending order."""
        return tuple(self._states)

    def add(self, step: int, state: State) -> None:
        """Keep a state; when there are too many, the one that is missed least goes. The first and the last stay."""
        self._states[step] = state
        if len(self._states) > self.capacity:
            at = list(self._states)
            # What its loss would leave as a gap, measured by how long ago it was: recent steps are wanted most.
            missed = [(at[i + 1] - at[i - 1]) / (step - at[i] + 1) for i in range(1, len(at) - 1)]
            del self._states[at[1 + missed.index(min(missed))]]

    def last(self, step: int) -> tuple[int, State]:
        """The last one at or before a step. ValueError when there is none."""
        before = [at for at in self._states if at <= step]
        if not before:
            raise ValueError(f"There is no checkpoint at or before step {step}.")
        return before[-1], self._states[before[-1]]

    def until(self, step: int) -> "Checkpoints":
        """Those at or before a step; the states are shared."""
        kept = Checkpoints(self.capacity)
        kept._states = {at: state for at, state in self._states.items() if at <= step}
        return kept


@dataclass
class Branch:
    """A `Future` while it grows."""

    name: str
    checkpoints: Checkpoints
    fork: int = 0
    logs: list[StepLog] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    distance: list[tuple[int, float]] = field(default_factory=list)
    score: list[tuple[int, float]] = field(default_factory=list)

    def until(self, step: int, name: str) -> "Branch":
        """Another future, the same until `step`: what was changed there or later has not happened."""
        return Branch(
            name,
            self.checkpoints.until(step),
            step,
            self.logs[:step],
            [change for change in self.changes if change.step < step],
            [point for point in self.distance if point[0] <= step],
            [point for point in self.score if point[0] <= step],
        )

    def left_behind(self, fork: int, step: int, tip: State) -> "Branch":
        """The same future to be come back to at `step`, with no more than two states of its own in memory."""
        kept = self.checkpoints.until(fork)
        kept.add(step, tip)
        return replace(self, checkpoints=kept)

    def seen(self) -> Future:
        """What there is to see, in a form that does not change."""
        return Future(
            self.name,
            self.fork,
            tuple(self.logs),
            tuple(self.changes),
            tuple(self.distance),
            tuple(self.score),
        )


class Timeline:
    """All futures of a run. The caller brings the states; the timeline says which one to go on from."""

    def __init__(self, capacity: int) -> None:
        self.now, self.others, self._named = Branch("A", Checkpoints(capacity)), list[Branch](), 1

    def rewind(self, step: int, here: int, tip: State) -> tuple[int, State]:
        """Begin another future at the last checkpoint at or before `step`; gives its step and state.

        here, tip: the step and the state at which the present future is left.
        """
        at, state = self.now.checkpoints.last(step)
        if at < here:
            self._leave(at, here, tip)
            self._named += 1
        self.now = self.now.until(at, letters(self._named))
        return at, state

    def switch(self, name: str, here: int, tip: State) -> State:
        """Go on with a future that was left behind; gives its state. ValueError when there is none of that name."""
        found = next((branch for branch in self.others if branch.name == name), None)
        if found is None:
            known = ", ".join(branch.name for branch in self.others) or "none"
            raise ValueError(f"There is no future {name!r} to go on with; left behind: {known}.")
        self.others.remove(found)
        self._leave(self.now.fork, here, tip)
        self.now = found
        return found.checkpoints.last(len(found.logs))[1]

    def _leave(self, fork: int, here: int, tip: State) -> None:
        self.others.append(self.now.left_behind(fork, here, tip))
        del self.others[:-LEFT_BEHIND]


def letters(number: int) -> str:
    """1 → A, 26 → Z, 27 → AA."""
    name = ""
    while number:
        number, letter = divmod(number - 1, 26)
        name = chr(ord("A") + letter) + name
    return name
