"""`watch(logs, steps)`: a run made visible in the cell that trains, or as lines of text in a terminal.

While it runs, one ipywidgets HTML is updated in place; at the end the same cell shows the last picture as plain HTML,
which stays when the kernel restarts, and which nbconvert and a notebook that nobody watches show too.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from dino_lite import StepLog
from dino_notebooks.live_picture import Frame, diagnosis, picture, sentence
from dino_notebooks.machine import in_notebook

FRAME_SECONDS = 0.1  # between two pictures: ten a second look smooth
LINE_SECONDS = 5.0  # between two lines of text


class Screen(Protocol):
    """What shows frames."""

    seconds: float  # that should pass between two frames

    def draw(self, frame: Frame) -> None:
        """Show a frame while the run goes on."""

    def finish(self, frame: Frame) -> None:
        """Show the last frame and leave it there."""


def watch(logs: Iterable[StepLog], steps: int, out_dim: int | None = None) -> list[StepLog]:
    """Run through `logs`, show how it goes, and return them as a list.

    steps: of the whole run. out_dim: K, for the line ln K. The stop button (or Ctrl-C) ends it between two steps:
    then the list is shorter, and the network has learnt what it has learnt.
    """
    if steps < 1:
        raise ValueError(f"watch needs the number of steps of the run, at least 1, got {steps}.")
    screen: Screen = WidgetScreen() if in_notebook() else TextScreen()
    seen: list[StepLog] = []
    start, note = time.perf_counter(), ""

    def frame() -> Frame:
        """What there is to show now."""
        return Frame(seen, steps, out_dim, time.perf_counter() - start, note)

    screen.draw(frame())
    drawn = start
    try:
        with stop_button() as stopped:
            for log in logs:
                seen.append(log)
                if stopped():
                    raise KeyboardInterrupt
                if time.perf_counter() - drawn >= screen.seconds:
                    screen.draw(frame())
                    drawn = time.perf_counter()
    except KeyboardInterrupt:
        note = f"Stopped after step {frame().done} of {steps}. What was trained until then is kept."
    except Exception as error:
        note = f"The run ended with an error: {error}"
        raise
    finally:
        screen.finish(frame())
    return seen


@contextmanager
def stop_button() -> Iterator[Callable[[], bool]]:
    """Gives a function that says whether the stop button or Ctrl-C was pressed, instead of breaking into a step.

    A step that is cut in the middle leaves a student that has moved and a teacher that has not. Pressed twice, it
    interrupts at once. Outside the main thread signals do not arrive, and this does nothing.
    """
    pressed = threading.Event()

    def press(number: int, frame: FrameType | None) -> None:
        """Take the interrupt, in Python's stead."""
        if pressed.is_set():
            raise KeyboardInterrupt
        pressed.set()

    if threading.current_thread() is not threading.main_thread():
        yield pressed.is_set
        return
    before = signal.signal(signal.SIGINT, press)
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, before or signal.default_int_handler)  # None: one that is not Python's


class WidgetScreen:
    """A widget that is updated in place; its output becomes plain HTML at the end."""

    seconds = FRAME_SECONDS

    def __init__(self) -> None:
        from IPython.display import display
        from ipywidgets import HTML

        self.view = HTML()
        self.handle = display(self.view, display_id=True)

    def draw(self, frame: Frame) -> None:
        """Update the widget."""
        self.view.value = picture(frame)

    def finish(self, frame: Frame) -> None:
        """Put the last picture in the widget's place."""
        self.handle.update({"text/html": picture(frame), "text/plain": text(frame)}, raw=True)
        self.view.close()


class TextScreen:
    """Lines of text, now and then."""

    seconds = LINE_SECONDS

    def draw(self, frame: Frame) -> None:
        """Print a line, once there is something to say."""
        if frame.logs:
            print(text(frame), flush=True)

    def finish(self, frame: Frame) -> None:
        """Print the last line."""
        print(text(frame), flush=True)


def text(frame: Frame) -> str:
    """The frame as a line of text."""
    state = ["{}: {}".format(*diagnosis(frame.logs))] if frame.logs else []
    return " · ".join([sentence(frame), *state, *([frame.note] if frame.note else [])])
