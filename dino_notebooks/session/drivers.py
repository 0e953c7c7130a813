"""What makes a session go on: a thread of its own, ticks of the browser, or the cell itself.

A cell that trains would block the sliders, so the usual driver is a thread. Colab shows nothing that a thread sends;
there the browser asks for a few steps at a time. Where nobody watches (nbconvert, nbgrader, CI) the cell trains.
All three make the same steps: which one it was cannot be seen in the numbers.
"""

import contextlib
import threading
import time
import traceback
from collections.abc import Callable
from queue import SimpleQueue

from dino_notebooks.session.engine import Session

SLICE_SECONDS = 0.1  # of training between two looks at the orders
FRAME_SECONDS = 0.2  # between two pictures
TICK_MILLISECONDS, TICK_SECONDS = 30, 0.08  # between two ticks, and of training in each
LIMIT_SECONDS = 600.0  # of training without a touch, then it pauses: a forgotten notebook must not heat a laptop
UNSEEN_SECONDS = 60.0  # without a sign of life from the browser, then it pauses


class Driver:
    """Holds a session and carries out orders between its steps; `draw` shows what there is to see.

    Orders may come from any thread. `note` says why it stands still, `trace` is the traceback of an error.
    """

    def __init__(self, session: Session, draw: Callable[[], None]) -> None:
        self.session, self.draw = session, draw
        self.playing, self.over, self.note, self.trace = False, False, "", ""
        self.per_second = 0.0  # steps, over about the last second; 0 until it is known
        self.ended: Callable[[], None] = lambda: None  # called when it was stopped for good
        self.rate: float | None = None  # steps a second; None: as fast as it goes
        self.until: int | None = None  # the step at which it pauses
        self._orders: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._left, self._next, self._drawn, self._stale = LIMIT_SECONDS, 0.0, 0.0, True
        self._seen: float | None = None
        self._pace = (0.0, 0)  # when and at which step the present second began

    def order(self, what: Callable[[], None]) -> None:
        """Do something between two steps, and show the result."""
        self._orders.put(what)
        self._woken()

    def play(self, until: int | None = None) -> None:
        """Go on, up to a step if one is given."""
        self.order(lambda: self._set_playing(until))

    def pause(self, note: str = "") -> None:
        """Stand still."""
        self.order(lambda: self._halt(note))

    def step(self) -> None:
        """Make one step, and stand still."""
        self.order(lambda: self._set_playing(self.session.step + 1))

    def alive(self) -> None:
        """A sign of life from the browser. Once there was one, a long silence pauses the run."""
        self._seen = time.monotonic()

    def stop(self) -> None:
        """End for good."""
        self.playing, self.over = False, True
        self.ended()

    def turn(self, seconds: float) -> float | None:
        """Carry out the orders, train for some `seconds`, show; how long to wait then (None: for the next order)."""
        wait: float | None = 0.0
        try:
            while not self._orders.empty():
                self._stale, self._left = True, LIMIT_SECONDS  # somebody touched it
                self._orders.get()()
            wait = self._train(seconds) if self.playing else None
        except Exception as error:  # whatever it is, it belongs on the panel: in a thread nobody else would see it
            self.trace, wait = traceback.format_exc(), None
            self._halt(str(error) or type(error).__name__)
        if self._stale and (not self.playing or time.perf_counter() - self._drawn >= FRAME_SECONDS):
            self._show()
        return wait

    def _train(self, seconds: float) -> float | None:
        now = time.perf_counter()
        if self.rate is not None:
            if now < self._next:
                return self._next - now
            self._next = max(now, self._next) + 1 / self.rate
        steps = None if self.until is None else self.until - self.session.step
        self.session.run(1 if self.rate is not None else steps, seconds)
        self._stale = True
        self._measure(time.perf_counter())
        self._left -= time.perf_counter() - now
        if self.until is not None and self.session.step >= self.until:
            self._halt("")
        elif self._left <= 0:
            self._halt(f"Paused after {LIMIT_SECONDS / 60:.0f} minutes without a touch: press play to go on.")
        elif self._seen is not None and time.monotonic() - self._seen > UNSEEN_SECONDS:
            self._halt("Paused, since the page was closed or hidden: press play to go on.")
        return 0.0 if self.playing else None

    def _set_playing(self, until: int | None) -> None:
        self.playing, self.until, self.note, self.trace = True, until, "", ""
        self._next = 0.0
        self._pace, self.per_second = (time.perf_counter(), self.session.step), 0.0
        self._seen = None if self._seen is None else time.monotonic()

    def _measure(self, now: float) -> None:
        then, step = self._pace
        if now - then >= 1.0:
            self.per_second = max(0.0, (self.session.step - step) / (now - then))
            self._pace = (now, self.session.step)

    def _halt(self, note: str) -> None:
        self.playing, self.until, self.note, self._stale = False, None, note, True

    def _show(self) -> None:
        self._stale = False
        with contextlib.suppress(Exception):  # a page that has gone away must not end the run
            self.draw()
        self._drawn = time.perf_counter()

    def _woken(self) -> None:
        """There is an order."""


class ThreadDriver(Driver):
    """A thread of its own, which sleeps while the run stands still."""

    def __init__(self, session: Session, draw: Callable[[], None]) -> None:
        super().__init__(session, draw)
        self._wake, self._ended = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._live, name="dino-lab", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread, after the step that it is in."""
        self._ended.set()
        self._wake.set()
        if self._thread is not threading.current_thread():
            self._thread.join(10)
        super().stop()

    def _live(self) -> None:
        while not self._ended.is_set():
            wait = self.turn(SLICE_SECONDS)
            if wait is None or wait > 0:
                self._wake.wait(wait)
            self._wake.clear()

    def _woken(self) -> None:
        self._wake.set()


class TickDriver(Driver):
    """The browser's clock calls `tick`; an order is carried out at once, unless a step is being made."""

    def __init__(self, session: Session, draw: Callable[[], None]) -> None:
        super().__init__(session, draw)
        self._busy = threading.Lock()

    def tick(self) -> None:
        """Train for a moment."""
        if self._busy.acquire(blocking=False):  # ticks may arrive in several threads
            try:
                self.turn(TICK_SECONDS)
            finally:
                self._busy.release()

    def _woken(self) -> None:
        self.tick()


class InlineDriver(Driver):
    """Orders are carried out in the cell that gives them; without an end to `play` the cell would never be done."""

    def play(self, until: int | None = None) -> None:
        """Go on up to a step."""
        if until is None:
            self.pause("Nobody watches here, so say until which step the run is to play.")
        else:
            super().play(until)

    def _woken(self) -> None:
        while self.turn(SLICE_SECONDS) is not None:
            pass
