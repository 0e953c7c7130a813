"""`Session`: a DINO run to be steered while it goes on. No Jupyter in here: tests, notebooks and panels share it.

session = Session("lab", seed=0)
session.advance(steps=150)
session.set(centering=False)             # from the next step on
session.advance(steps=50).diagnosis      # "dominant"
session.rewind(150)                      # before the change; what came after stays in `.others`
print(session.run_line())                # the run as a line of text, which `Session.replay` repeats to the last bit
"""

import copy
import time
from typing import Any

from dino_lite import Dino, StepLog
from dino_lite.batches import batch_rows
from dino_notebooks.live_picture import diagnosis
from dino_notebooks.machine import one_thread
from dino_notebooks.session.advice import advice
from dino_notebooks.session.probe import THINGS, Prober, steered_pictures
from dino_notebooks.session.run_line import LONGEST_RUN, Run, read_line, recipe_config, require_knobs, usual_knobs
from dino_notebooks.session.slip import step_with_gain
from dino_notebooks.session.snapshot import Change, Snapshot
from dino_notebooks.session.timeline import Branch, Timeline
from dino_notebooks.session.wishes import Wishes

CHECKPOINT_EVERY = 20  # steps
CLOSE = 5  # steps: a change of knobs this soon after a checkpoint makes no other one
CHECKPOINT_BYTES = 150e6  # for all checkpoints together


class Session:
    """A run under steering. One thread may call it; only `set` may be called from any other.

    recipe: "lab" or "small". Its knobs have no schedules: each stays where it is put. ValueError for an unknown one.
    """

    def __init__(self, recipe: str = "lab", seed: int = 0, device: str | None = None) -> None:
        self.recipe, self.seed, self.config = recipe, seed, recipe_config(recipe)
        self.dino = Dino(self.config, seed, device)
        pictures = steered_pictures(self.config)
        self._images = pictures.images.to(self.dino.device)
        self._prober = Prober(pictures, self.config.global_size, self.dino.device)
        self.usual = usual_knobs(self.config)
        self.knobs = dict(self.usual)
        self._wishes = Wishes()
        weights = sum(p.numel() * p.element_size() for p in self.dino.student.parameters())
        capacity = min(40, max(8, int(CHECKPOINT_BYTES / (4 * weights))))  # student, teacher, AdamW's two averages
        self._timeline = Timeline(capacity)
        self._keep()
        with one_thread():
            self._prober.measure(self.dino, self._now)

    @property
    def step(self) -> int:
        """Steps done."""
        return self.dino.step

    @property
    def planned(self) -> bool:
        """Whether a run line still has changes to make."""
        return self._wishes.planned

    @property
    def history(self) -> list[StepLog]:
        """The log of every step of the run that goes on."""
        return list(self._now.logs)

    def set(self, **knobs: Any) -> None:
        """Change knobs from the next step on; ValueError, and no change at all, when one of them is wrong.

        Names as in `StepLog.knobs`, and `center_gain` (1 in a correct DINO). May be called from any thread.
        """
        require_knobs(knobs)
        self._wishes.ask(knobs)

    def advance(self, steps: int | None = None, seconds: float | None = None) -> Snapshot:
        """Run `steps` steps, or as many as begin within `seconds`, and return what there is to see then.

        FloatingPointError when the loss is no number any more: the run then stands before that step.
        """
        if (steps is None) == (seconds is None):
            raise ValueError("advance needs either steps or seconds.")
        self.run(steps, seconds)
        return self.snapshot()

    def run(self, steps: int | None = None, seconds: float | None = None) -> None:
        """As `advance`, without looking."""
        end = None if seconds is None else time.perf_counter() + seconds
        with one_thread():
            while steps is None or steps > 0:
                if end is not None and time.perf_counter() >= end:
                    break
                self._one_step()
                steps = None if steps is None else steps - 1

    def snapshot(self) -> Snapshot:
        """What there is to see now."""
        self._take_wishes()
        logs, knobs = self._now.logs, dict(self.knobs)
        state, reason = diagnosis(logs) if logs else ("not_learning", "No step has been made yet.")
        with one_thread():
            probe = self._prober.look(self.dino, knobs)
        return Snapshot(
            step=self.step,
            out_dim=self.config.out_dim,
            knobs=knobs,
            usual=dict(self.usual),
            now=self._now.seen(),
            others=tuple(branch.seen() for branch in self._timeline.others),
            checkpoints=self._now.checkpoints.steps(),
            probe=probe,
            chance=1 / THINGS,
            diagnosis=state,
            reason=reason,
            advice=advice(state, knobs, self.usual, logs, self._now.changes, self.config.dim),
        )

    def rewind(self, step: int, exact: bool = True) -> int:
        """Go back to before `step` was made, and return where that is. What was changed from there on is undone.

        exact: the steps since the last checkpoint are made again; otherwise the run stands at that checkpoint. The
        future that is left stays in view, and `switch` takes it up again.
        """
        self._take_wishes()
        step, left = min(step, self.step), self._now
        at, state = self._timeline.rewind(step, self.step, self._state())
        self._restore(state)
        if exact and at < step:
            self._wishes.plan(tuple(change for change in left.changes if at <= change.step < step))
            self.run(step - at)
            self._now.logs[at:], self._now.fork = left.logs[at:step], step
        return self.step

    def switch(self, name: str) -> None:
        """Go on with a future that was left behind, from where it was left. ValueError when there is none."""
        self._take_wishes()
        self._restore(self._timeline.switch(name, self.step, self._state()))

    def run_line(self) -> str:
        """The run that goes on, as a line of text."""
        self._take_wishes()
        return Run(self.recipe, self.seed, self.step, tuple(self._now.changes)).line()

    @classmethod
    def from_line(cls, line: str, device: str | None = None) -> "Session":
        """A session at step 0 that will make the line's changes by itself. ValueError for a line that is none."""
        run = read_line(line)
        session = cls(run.recipe, run.seed, device)
        session._wishes.plan(run.changes)
        return session

    @classmethod
    def replay(cls, line: str, device: str | None = None) -> "Session":
        """A session at the line's last step, with the same numbers: on a CPU of the same kind, to the last bit."""
        session = cls.from_line(line, device)
        session.run(read_line(line).steps)
        session._take_wishes()
        return session

    def _one_step(self) -> None:
        if self.step >= LONGEST_RUN:
            raise ValueError(f"This run has made its {LONGEST_RUN:,} steps: rewind it, or begin another.")
        if self.step % CHECKPOINT_EVERY == 0:
            self._keep()
        self._take_wishes()
        rows = batch_rows(len(self._images), self.config.batch_size, self.seed, self.step)
        images = self._images[rows.to(self._images.device)]
        self._now.logs.append(step_with_gain(self.dino, images, self.knobs))
        self._prober.measure(self.dino, self._now)

    def _take_wishes(self) -> None:
        """Put every change that has been asked for into force, in order, and on record."""
        for knob, value in self._wishes.due(self.step):
            if value != self.knobs[knob]:
                self._change(knob, value)

    def _change(self, knob: str, value: Any) -> None:
        if self.step - self._now.checkpoints.steps()[-1] >= CLOSE:
            self._keep()
        self.knobs[knob] = value
        self._now.changes.append(Change(self.step, knob, value))

    def _keep(self) -> None:
        if self.step not in self._now.checkpoints:
            self._now.checkpoints.add(self.step, self._state())

    def _restore(self, state: dict[str, Any]) -> None:
        self.dino.load_state_dict(state)
        self._wishes.forget_plan()  # who rewinds a run that was being repeated steers from here on
        self.knobs = self.usual | {change.knob: change.value for change in self._now.changes}

    def _state(self) -> dict[str, Any]:
        return copy.deepcopy(self.dino.state_dict())

    @property
    def _now(self) -> Branch:
        return self._timeline.now
