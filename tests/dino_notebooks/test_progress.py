"""What `watch` shows, keeps and says: its numbers by hand, its SVG by an XML parser, the stop button by a real signal.

JupyterLab itself is in tests/notebooks/test_browser.py, nbclient in test_execution.py beside it.
Run: pytest tests/dino_notebooks/test_progress.py
"""

import math
import os
import re
import signal
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dino_lite import StepLog
from dino_notebooks import live_chart, machine, progress, steps, watch
from dino_notebooks.live_picture import Frame, diagnosis, duration, images_per_second, picture, sentence

K = 64
FIRST = StepLog(
    step=0,
    loss=3.5,
    entropy=2.0,
    kl=1.5,
    marginal_entropy=3.9,
    mutual_information=1.9,
    effective_prototypes=49.4,
    center_norm=0.1,
    feature_std=0.1,
    effective_rank=None,
    knobs={},
    diagnosis="healthy",
    reason="49 prototypes in use",
    seconds=0.1,
    images_per_second=640.0,
)


def logs(count: int, **changes: Any) -> list[StepLog]:
    """So many steps, all alike."""
    return [replace(FIRST, step=step, **changes) for step in range(count)]


def svg(page: str) -> ET.Element:
    """The chart in a picture, parsed: which fails unless it is well-formed."""
    found = re.search("<svg.*</svg>", page)
    assert found
    return ET.fromstring(found[0])


# --- numbers and words --------------------------------------------------------------------------------------


def test_sentence_counts_steps_rate_and_time() -> None:
    """30 steps in 6 s, 60 to go: 12 s. The rate is that of training, 64 pictures in 0.1 s."""
    frame = Frame(logs(30), steps=90, seconds=6.0)
    assert sentence(frame) == "step 30 of 90 · loss 3.50 = h 2.00 + KL 1.50 · 640 images/s · 12 s left"


def test_sentence_at_the_end_says_how_long_it_took() -> None:
    assert sentence(Frame(logs(30), steps=30, seconds=125.4)).endswith(" · 2 min 05 s")
    assert sentence(Frame(logs(3), steps=30, seconds=8.0, note="Stopped.")).endswith(" · 8 s")


def test_a_resumed_run_counts_from_its_beginning() -> None:
    """20 of 100 steps were done before, 10 more took 5 s: 70 to go take 35 s."""
    frame = Frame([replace(log, step=log.step + 20) for log in logs(10)], steps=100, seconds=5.0)
    assert sentence(frame).startswith("step 30 of 100")
    assert sentence(frame).endswith("35 s left")


def test_rate_weighs_steps_by_their_time() -> None:
    """64 pictures in 0.1 s and 64 in 0.3 s are 128 in 0.4 s, not the mean of both rates."""
    two = [FIRST, replace(FIRST, seconds=0.3, images_per_second=64 / 0.3)]
    assert images_per_second(two) == pytest.approx(320)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (99.4, "99 s"), (99.6, "1 min 40 s"), (3600, "60 min 00 s")]
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_diagnosis_does_not_flicker() -> None:
    """One odd step changes nothing; the reason is the newest of the state that is shown."""
    newest = replace(FIRST, reason="newest")
    odd = replace(FIRST, diagnosis="uniform", reason="odd")
    assert diagnosis([*logs(30), newest, odd]) == ("healthy", "newest")
    assert diagnosis(logs(30) + [odd] * 15)[0] == "uniform"


# --- the picture --------------------------------------------------------------------------------------------


def test_picture_says_everything_in_words() -> None:
    page = picture(Frame(logs(30), steps=90, out_dim=K, seconds=6.0))
    assert "<b>Healthy</b>. 49 prototypes in use" in page
    assert 'role="progressbar"' in page
    assert 'aria-valuenow="30"' in page
    chart = svg(page)
    assert chart.get("role") == "img"
    (title,) = [element.text for element in chart if element.tag == "title"]
    assert title.startswith("step 30 of 90 · loss 3.50 = h 2.00 + KL 1.50")
    words = [element.text for element in chart if element.tag == "text"]
    assert {"loss 3.50", "KL 1.50", "h 2.00", "nats", "step", "0", "45", "90"} <= set(words)
    assert f"ln K = {math.log(K):.2f}, all prototypes alike" in words


def test_chart_has_no_colour_of_the_page() -> None:
    """Text and lines in the page's own colour can be read in both themes."""
    chart = svg(picture(Frame(logs(30), steps=90, out_dim=K)))
    assert {element.get("fill") for element in chart if element.tag == "text"} == {"currentColor"}
    strokes = {element.get("stroke") for element in chart if element.tag == "path"}
    assert strokes == {None, "currentColor"}


def test_before_the_first_step_there_are_axes_and_a_word() -> None:
    page = picture(Frame([], steps=90, out_dim=K))
    assert "the first step is on its way" in page
    assert svg(page).tag == "svg"


def test_without_k_there_is_no_line() -> None:
    assert "ln K" not in picture(Frame(logs(3), steps=90))


def test_reasons_cannot_inject_html() -> None:
    page = picture(Frame(logs(2, reason="<script>alert(1)</script>"), steps=9, note="<b>"))
    assert "<script" not in page
    assert "&lt;script" in page


@pytest.mark.parametrize("count", [1, 2, 299, 300, 301, 5000])
def test_chart_stays_small_and_ends_at_the_newest_step(count: int) -> None:
    thinned = live_chart.thinned(logs(count))
    assert len(thinned) <= live_chart.POINTS
    assert thinned[-1].step == count - 1
    assert len(live_chart.chart(logs(count), count, K, "")) < 25_000


def test_curves_lie_where_the_numbers_are() -> None:
    """h below the loss, the line ln K above both, and the last step of the run at the right end."""
    chart = svg(picture(Frame(logs(90), steps=90, out_dim=K)))
    heights = {e.text: float(e.get("y", "")) for e in chart if e.tag == "text" and e.text}
    assert heights["h 2.00"] > heights["loss 3.50"] > heights[f"ln K = {math.log(K):.2f}, all prototypes alike"]
    (loss,) = [e.get("d", "") for e in chart if e.get("stroke-width") == "1.6"]
    last_x = float(loss.split("L")[-1].split()[0])
    assert last_x == live_chart.WIDTH - live_chart.RIGHT


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_left_out(loss: float) -> None:
    page = picture(Frame([*logs(3), replace(FIRST, step=3, loss=loss, kl=loss)], steps=9, out_dim=K))
    drawn = " ".join(element.get("d", "") for element in svg(page))
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_a_picture_takes_no_time() -> None:
    """Ten a second must leave the core to the training: under 20 ms each even here, where all is shared."""
    frame = Frame(logs(600), steps=600, out_dim=K)
    picture(frame)
    times = []
    for _ in range(10):
        before = time.perf_counter()
        picture(frame)
        times.append(time.perf_counter() - before)
    assert min(times) < 0.02


# --- watch --------------------------------------------------------------------------------------------------


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
    monkeypatch.setattr(progress, "TextScreen", lambda: record)
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
    monkeypatch.setattr(progress.TextScreen, "seconds", 0.0)
    watch(logs(2), 2, K)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("step 1 of 2 · loss 3.50 = h 2.00 + KL 1.50 · 640 images/s")
    assert lines[-1].endswith("healthy: 49 prototypes in use")


# --- the machine --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fast", "count", "expected"), [("", 600, 600), ("0", 600, 600), ("1", 600, 20), ("1", 30, 5)])
def test_steps_are_fewer_in_fast_mode(fast: str, count: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(machine.FAST, fast)
    assert steps(count) == expected


@pytest.mark.parametrize(("cores", "expected"), [(1, 1), (2, 1), (8, 7)])
def test_a_core_stays_free(cores: int, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cores", lambda: cores)
    assert machine.threads() == expected


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("200000 100000", 2), ("50000 100000", 1), ("max 100000", 8), (None, 8), ("6400000 100000", 8)],
)
def test_a_containers_quota_counts(quota: str | None, expected: int, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """Eight cores, of which a container may use a share."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)
    monkeypatch.setattr(machine, "CGROUP", tmp_path / "cpu.max")
    if quota:
        (tmp_path / "cpu.max").write_text(quota + "\n")
    assert machine.cores() == expected


def test_setup_says_what_it_works_with(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "threads", lambda: 1)
    machine.setup()
    assert re.fullmatch(r"PyTorch \S+ on .*1 of \d+ cores\.\n", capsys.readouterr().out)
