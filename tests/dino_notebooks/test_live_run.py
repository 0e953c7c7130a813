"""What `watch` shows, keeps and says: on a screen that remembers, and with real signals for the stop button.

JupyterLab itself is in tests/notebooks/test_browser.py, nbclient in test_execution.py beside it.
Run: pytest tests/dino_notebooks/test_live_run.py
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from made_logs import FIRST, K, logs

from dino_lite import StepLog
from dino_notebooks import live_run, watch
from dino_notebooks.live_picture import Frame


class Record:
    """A screen that remembers."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.drawn: list[int] = []
        self.last: Frame | None = None

    def draw(self, frame: Frame) -> None:
        self.drawn.append(frame.done)

    def finish(self, frame: Frame) -> None:
        self.last = replace(frame, logs=list(frame.logs))


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Record:
    """What `watch` draws on in this test."""
    record = Record()
    monkeypatch.setattr(live_run, "TextScreen", lambda: record)
    return record


def test_watch_returns_every_log(screen: Record) -> None:
    assert watch(iter(logs(5)), 5, K) == logs(5)
    assert screen.drawn == [0, 1, 2, 3, 4, 5]
    assert screen.last
    assert (screen.last.done, screen.last.note, screen.last.out_dim) == (5, "", K)


def test_frames_are_rare_and_the_last_always_comes(screen: Record) -> None:
    screen.seconds = 60.0
    watch(logs(500), 500)
    assert screen.drawn == [0]
    assert screen.last
    assert screen.last.done == 500


def interrupted_at(step: int) -> Iterator[StepLog]:
    """A run in whose middle the stop button is pressed: it arrives as SIGINT, as from JupyterLab."""
    for log in logs(100):
        if log.step == step:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)  # the handler runs here, in the middle of a step
        yield log


def test_stop_ends_between_two_steps_and_keeps_them(screen: Record) -> None:
    run = interrupted_at(7)
    assert watch(run, 100) == logs(8)  # the step that was under way is finished
    assert screen.last
    assert screen.last.note == "Stopped after step 8 of 100. What was trained until then is kept."
    assert next(run).step == 8  # and one can go on


def test_after_watch_an_interrupt_is_an_interrupt_again(screen: Record) -> None:
    before = signal.getsignal(signal.SIGINT)
    watch(interrupted_at(2), 100)
    assert signal.getsignal(signal.SIGINT) is before


def test_stopping_twice_interrupts_at_once(screen: Record) -> None:
    def stuck() -> Iterator[StepLog]:
        yield FIRST
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(30)
        yield FIRST

    begin = time.perf_counter()
    assert watch(stuck(), 100) == [FIRST]
    assert time.perf_counter() - begin < 10


def test_an_error_is_shown_and_raised(screen: Record) -> None:
    def dies() -> Iterator[StepLog]:
        yield FIRST
        raise FloatingPointError("The loss is nan at step 1: the learning rate is too high.")

    with pytest.raises(FloatingPointError, match="too high"):
        watch(dies(), 100)
    assert screen.last
    assert screen.last.note == "The run ended with an error: The loss is nan at step 1: the learning rate is too high."


def test_watch_works_in_a_thread(screen: Record) -> None:
    """Signals arrive in the main thread only, and cells may run in others."""
    found: list[StepLog] = []
    thread = threading.Thread(target=lambda: found.extend(watch(logs(3), 3)))
    thread.start()
    thread.join(10)
    assert found == logs(3)


def test_no_steps_get_one_sentence() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        watch([], 0)


def test_a_terminal_gets_lines(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_run.TextScreen, "seconds", 0.0)
    watch(logs(2), 2, K)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("step 1 of 2 · loss 3.50 = h 2.00 + KL 1.50 · 640 images/s")
    assert lines[-1].endswith("healthy: 49 prototypes in use")
