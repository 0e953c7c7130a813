"""What makes a session go on: the same numbers from every driver, orders in between, and nothing left running.

Run: pytest tests/dino_notebooks/test_drivers.py
"""

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from test_session import numbers

from dino_notebooks import Session
from dino_notebooks.session import drivers, registry
from dino_notebooks.session.drivers import Driver, InlineDriver, ThreadDriver, TickDriver


@pytest.fixture(autouse=True)
def _nothing_runs_on() -> Iterator[None]:
    yield
    registry.stop_all()
    assert trainers() == []


def trainers() -> list[threading.Thread]:
    """The threads that train."""
    return [thread for thread in threading.enumerate() if thread.name == "dino-lab"]


def wait(until: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that another thread does; generous, since the machine may be busy."""
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


def nothing() -> None:
    """Draws nothing."""


def run_to(driver: Driver, step: int) -> None:
    """Let it play up to a step."""
    driver.play(step)
    while isinstance(driver, TickDriver) and driver.playing:
        driver.tick()
    wait(lambda: not driver.playing and driver.session.step == step)


@pytest.mark.parametrize("kind", list(registry.DRIVERS))
def test_every_driver_makes_the_same_run(tiny_recipe: str, kind: str) -> None:
    line = "dino-run/1 tiny seed=3 steps=30; 8 centering=off; 15 centering=on lr=0.002; 25 ema=off"
    driver = registry.make_driver(kind, "lab", Session.from_line(line), nothing)
    run_to(driver, 11)
    run_to(driver, 30)
    assert numbers(driver.session.history) == numbers(Session.replay(line).history)


@pytest.mark.parametrize("kind", list(registry.DRIVERS))
def test_it_pauses_and_steps(tiny_recipe: str, kind: str) -> None:
    driver = registry.make_driver(kind, "lab", Session(tiny_recipe), nothing)
    run_to(driver, 4)
    driver.step()
    wait(lambda: isinstance(driver, TickDriver) or driver.session.step == 5)
    if isinstance(driver, TickDriver):
        driver.tick()
    wait(lambda: driver.session.step == 5 and not driver.playing)
    time.sleep(0.1)
    assert driver.session.step == 5


def test_orders_are_carried_out_between_two_steps(tiny_recipe: str) -> None:
    driver = ThreadDriver(Session(tiny_recipe), nothing)
    seen: list[tuple[str, int]] = []
    driver.play()
    wait(lambda: driver.session.step > 3)
    for _ in range(20):
        driver.order(lambda: seen.append((threading.current_thread().name, len(driver.session.history))))
    wait(lambda: len(seen) == 20)
    driver.stop()
    assert {name for name, _ in seen} == {"dino-lab"}
    assert [step for _, step in seen] == sorted(step for _, step in seen)


def test_standing_still_costs_nothing(tiny_recipe: str) -> None:
    driver = ThreadDriver(Session(tiny_recipe), nothing)
    turns = 0
    turn = driver.turn

    def counted(seconds: float) -> float | None:
        nonlocal turns
        turns += 1
        return turn(seconds)

    driver.turn = counted  # type: ignore[method-assign]
    run_to(driver, 3)
    time.sleep(0.1)
    before = turns
    time.sleep(0.5)
    assert turns == before
    driver.stop()


def test_pictures_are_few_and_the_last_one_always_comes(tiny_recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "FRAME_SECONDS", 3600.0)
    drawn: list[int] = []
    session = Session(tiny_recipe)
    driver = ThreadDriver(session, lambda: drawn.append(session.step))
    wait(lambda: drawn == [0])
    run_to(driver, 60)
    wait(lambda: drawn[-1] == 60)
    driver.stop()
    assert len(drawn) <= 3, drawn  # at the start, perhaps when play was ordered, at the end


def test_an_error_is_kept_and_the_run_can_be_saved(tiny_recipe: str) -> None:
    driver = ThreadDriver(Session(tiny_recipe), nothing)
    run_to(driver, 5)
    driver.session.set(lr=1e30)
    driver.play()
    wait(lambda: bool(driver.note))
    assert "learning rate" in driver.note
    assert "Traceback" in driver.trace
    assert not driver.playing
    driver.order(lambda: driver.session.rewind(5))
    run_to(driver, 8)
    assert (driver.note, driver.trace) == ("", "")
    driver.stop()


def test_a_wrong_order_is_said_and_does_not_end_the_thread(tiny_recipe: str) -> None:
    driver = ThreadDriver(Session(tiny_recipe), nothing)
    driver.order(lambda: driver.session.switch("Z"))
    wait(lambda: "no future 'Z'" in driver.note)
    run_to(driver, 2)
    driver.stop()


def test_a_picture_that_cannot_be_drawn_does_not_end_the_run(tiny_recipe: str) -> None:
    def broken() -> None:
        raise RuntimeError("the page has gone away")

    driver = ThreadDriver(Session(tiny_recipe), broken)
    run_to(driver, 3)
    driver.stop()


def test_a_speed_limit(tiny_recipe: str) -> None:
    """Of one step an hour: the first step comes at once, the next does not, and pause still works."""
    driver = ThreadDriver(Session(tiny_recipe), nothing)
    driver.rate = 1 / 3600
    driver.play()
    wait(lambda: driver.session.step == 1)
    time.sleep(0.3)
    assert driver.session.step == 1
    driver.pause("enough")
    wait(lambda: driver.note == "enough")
    driver.stop()


def test_it_pauses_when_nobody_touches_it(tiny_recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "LIMIT_SECONDS", 0.5)
    driver = ThreadDriver(Session(tiny_recipe), nothing)
    driver.play()
    for _ in range(12):  # a touch in time, again and again
        time.sleep(0.1)
        driver.order(nothing)
        assert driver.playing
    wait(lambda: "without a touch" in driver.note)
    step = driver.session.step
    run_to(driver, step + 1)
    driver.stop()


def test_it_pauses_when_the_page_has_gone(tiny_recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drivers, "UNSEEN_SECONDS", 0.5)
    driver = ThreadDriver(Session(tiny_recipe), nothing)
    run_to(driver, 40)  # without any sign of life it does not ask for one
    driver.play()
    for _ in range(10):
        driver.alive()
        time.sleep(0.1)
        assert driver.playing
    wait(lambda: "page was closed" in driver.note)
    driver.stop()


def test_ten_times_the_same_cell_leaves_one_trainer(tiny_recipe: str) -> None:
    ended: list[int] = []
    for i in range(10):
        driver = registry.make_driver("thread", "lab", Session(tiny_recipe), nothing)
        driver.ended = lambda i=i: ended.append(i)
        driver.play()
    assert len(trainers()) == 1
    assert ended == list(range(9))
    registry.make_driver("thread", "another", Session(tiny_recipe), nothing)
    assert len(trainers()) == 2
    registry.release("lab")
    assert len(trainers()) == 1
    registry.release("lab")  # a second time does nothing


def test_a_tick_during_a_tick_does_nothing(tiny_recipe: str) -> None:
    driver = TickDriver(Session(tiny_recipe), nothing)
    inside: list[int] = []

    def order() -> None:
        before = driver.session.step
        driver.tick()
        inside.append(driver.session.step - before)

    driver.play()
    driver.tick()
    driver.order(order)
    assert inside == [0]


def test_an_order_from_another_thread_during_a_tick_is_not_lost(tiny_recipe: str) -> None:
    driver = TickDriver(Session(tiny_recipe), nothing)
    seen: list[str] = []

    def order() -> None:
        thread = threading.Thread(target=lambda: driver.order(lambda: seen.append("inner")))
        thread.start()
        thread.join()
        seen.append("outer")

    driver.order(order)
    driver.tick()
    assert seen == ["outer", "inner"]


def test_inline_without_an_end_is_refused_in_a_sentence(tiny_recipe: str) -> None:
    driver = InlineDriver(Session(tiny_recipe), nothing)
    driver.play()
    assert driver.session.step == 0
    assert "until which step" in driver.note


def test_the_environment_chooses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DINO_NB_DRIVER", raising=False)
    assert registry.choose_driver() == "inline"  # no kernel here, so nobody watches
    for kind in registry.DRIVERS:
        monkeypatch.setenv("DINO_NB_DRIVER", kind)
        assert registry.choose_driver() == kind
    monkeypatch.setenv("DINO_NB_DRIVER", "magic")
    with pytest.raises(ValueError, match="DINO_NB_DRIVER must be one of thread, ticks, inline, got 'magic'"):
        registry.choose_driver()


def test_it_chooses_by_who_watches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DINO_NB_DRIVER", raising=False)
    monkeypatch.setattr(registry, "somebody_watches", lambda: True)
    assert registry.choose_driver() == "thread"
    monkeypatch.setitem(registry.sys.modules, "google.colab", threading)
    assert registry.choose_driver() == "ticks"
