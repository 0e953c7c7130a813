"""`CollapseLab()`: a real DINO run in a panel, to be steered until it collapses, and back.

    CollapseLab()                                      a run of the lab recipe, seed 0, waiting for play
    CollapseLab(scene="no centering", lock=["lr"])     begins with a scene; hide and lock are for lecturers
    CollapseLab(line="dino-run/1 lab seed=0 ...")      repeats somebody's run

The run is a `Session`, a driver makes it go on, `LabView` shows it; this file says what each control does. Callbacks
come from several threads, so all that they do is to give the driver an order.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any

from dino_lite.knobs import Knobs
from dino_notebooks.collapse_lab.view import LabView
from dino_notebooks.machine import steps
from dino_notebooks.session.drivers import TICK_MILLISECONDS, Driver, TickDriver
from dino_notebooks.session.engine import CHECKPOINT_EVERY, Session
from dino_notebooks.session.registry import choose_driver, make_driver, release
from dino_notebooks.session.run_line import Run, read_line, recipe_config, usual_knobs
from dino_notebooks.session.scenes import scene as find_scene
from dino_notebooks.session.snapshot import Value

INLINE_STEPS = 300  # where nobody presses play
HEARTBEAT_MILLISECONDS = 4000  # between two signs of life from the browser


class CollapseLab(LabView):
    """The panel. Where nobody watches (nbconvert, CI) it trains for a while and leaves a still.

    recipe, seed: the run. scene: the name of a scene to begin with. line: a run line to repeat instead.
    hide, lock: names of knobs that are not shown, or cannot be changed: a locked one stays where scene or line have put
    it, whatever is chosen, pasted or rewound later; `all_but` names the others. name: a panel stops the one before of
    the same name. driver: "thread", "ticks" or "inline"; by itself it chooses. ValueError for what does not exist.
    """

    def __init__(
        self,
        recipe: str = "lab",
        seed: int = 0,
        scene: str | None = None,
        line: str | None = None,
        hide: Iterable[str] = (),
        lock: Iterable[str] = (),
        name: str = "lab",
        driver: str | None = None,
    ) -> None:
        self._kind, self._name, self._changing = driver or choose_driver(), name, threading.RLock()
        begin = None if scene is None else find_scene(scene)
        session = Session(recipe, seed) if line is None else Session.from_line(line)
        given = None if line is None else read_line(line)
        until = None if given is None else given.steps
        wanted: dict[str, Callable[..., None]] = {
            "turn": self._turn,
            "play": self._play,
            "step": self._step,
            "restart": self._restart,
            "stop": self.stop,
            "rate": self._set_rate,
            "scene": self._choose,
            "rewind": self._rewind,
            "switch": self._switch,
            "replay": self._replay,
        }
        super().__init__(session.usual, session.snapshot(), wanted, hide, lock)
        start = at_the_end(given) if given else session.usual
        start = begin.apply(session.usual) if begin else start
        self._held = {knob: start[knob] for knob in self.knobs.locked}
        self.clock.observe(self._tick, "value")
        self.clock.observe(self._shown, "_view_count")
        self._begin(session, until)
        if begin is not None:
            self.transport.scene.value = begin.name  # as a person would choose it
        if self._kind == "inline" and until is None:
            self.driver.play(steps(INLINE_STEPS))

    def stop(self) -> None:
        """End the run; its last picture stays."""
        release(self._name)

    def draw(self) -> None:
        """Look at the session and show it: called by the driver, between two steps."""
        if self.driver.session is self.session:  # else a run is taking the place of another, and is drawn after that
            self.show(self.session.snapshot(), self.driver)

    def _begin(self, session: Session, until: int | None) -> None:
        """Put a session into the panel, under a driver of its own; with `until` it plays up to there."""
        with self._changing:
            if hasattr(self, "driver"):
                self.driver.ended = lambda: None  # it makes room for another, and has no last word
            release(self._name)
            self.session, self._until = session, until
            self._replaying = session.planned  # even if all of it is done before the first picture
            self.driver: Driver = make_driver(self._kind, self._name, session, self.draw)
            self.driver.ended = self._ended
            ticks = isinstance(self.driver, TickDriver)
            self.clock.interval = TICK_MILLISECONDS if ticks else HEARTBEAT_MILLISECONDS
            self._start_clock()
            self.knobs.lock(False)
            self._move(lambda: None)
            if until is not None:
                self.driver.play(until)

    # What people do.

    def _turn(self, knob: str, value: Value) -> None:
        self.session.set(**{knob: value})
        self.transport.explain(None)
        self.driver.order(lambda: None)  # shows it even while the run stands still

    def _play(self, playing: bool) -> None:
        if playing:
            ahead = self._until is not None and self._until > self.session.step
            self.driver.play(self._until if ahead else None)
        else:
            self.driver.pause()

    def _step(self) -> None:
        self.driver.step()

    def _set_rate(self, rate: float | None) -> None:
        def change() -> None:
            self.driver.rate = rate

        self.driver.order(change)

    def _choose(self, name: str) -> None:
        chosen = find_scene(name)
        self.transport.explain(chosen)
        self._move(lambda: self.session.set(**(chosen.apply(self.session.usual) | self._held)))

    def _rewind(self, step: int) -> None:
        """To that very step where a checkpoint is near, else to the last one before it: a page does not wait."""
        gap = step - max((at for at in self.snapshot.checkpoints if at <= step), default=0)
        self._go(lambda: self.session.rewind(step, exact=gap <= CHECKPOINT_EVERY))

    def _switch(self, name: str) -> None:
        self._go(lambda: self.session.switch(name))

    def _go(self, where: Callable[[], Any]) -> None:
        """To another point of the run; knobs that are locked stay as they are."""

        def go() -> None:
            where()
            self.session.set(**self._held)

        self._move(go)

    def _move(self, what: Callable[[], Any]) -> None:
        """Do something to the session after which its knobs stand elsewhere."""

        def move() -> None:
            what()
            self.knobs.show(self.session.snapshot().knobs)

        self.driver.order(move)

    def _restart(self) -> None:
        """The same seed from step 0; the knobs stay where they are."""
        with self._changing:
            playing, rate = self.driver.playing, self.driver.rate
            self.driver.ended = lambda: None
            release(self._name)  # from here on nobody else reads the old session
            session = Session(self.session.recipe, self.session.seed)
            session.set(**(self.session.knobs | self._held))
            self._begin(session, None)
            self.driver.rate = rate
            if playing:
                self.driver.play()

    def _replay(self, line: str) -> None:
        run = read_line(line)  # refuses a wrong line before anything is touched
        moved = {change.knob for change in run.changes if self._held.get(change.knob, change.value) != change.value}
        end = at_the_end(run)
        moved |= {knob for knob, value in self._held.items() if end[knob] != value}
        if moved:
            raise ValueError(f"In this panel {', '.join(sorted(moved))} is locked, and in the line it is elsewhere.")
        self._begin(Session.from_line(line), run.steps)

    def _ended(self) -> None:
        """The driver was stopped: by the button, or by another panel of the same name."""
        self.clock.playing = False
        self.knobs.lock(True)
        self.show(self.snapshot, self.driver)

    def _shown(self, change: Any) -> None:
        """A page began to show the panel, at first or after a reload; or it ceased to."""
        if (change["new"] or 0) > (change["old"] or 0):
            self._start_clock()

    def _start_clock(self) -> None:
        """The browser starts a clock when it sees `playing` change, and only while it shows it."""
        self.clock.playing = False
        self.clock.playing = self._kind != "inline" and not self.driver.over

    def _tick(self, change: Any) -> None:
        self.driver.alive()
        if isinstance(self.driver, TickDriver):
            self.driver.tick()


def at_the_end(run: Run) -> Knobs:
    """All knobs at the end of a run."""
    return usual_knobs(recipe_config(run.recipe)) | {change.knob: change.value for change in run.changes}
