"""The panel without a browser: controls are moved as a page moves them, by state that arrives for a widget.

Run: pytest tests/dino_notebooks/test_collapse_lab.py
"""

import base64
import csv
import io
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets as widgets
import pytest
from PIL import Image
from test_drivers import trainers, wait

from dino_notebooks import CollapseLab, Session
from dino_notebooks.collapse_lab import all_but, panel
from dino_notebooks.collapse_lab.export import metrics_csv
from dino_notebooks.collapse_lab.knobs import STEERED
from dino_notebooks.session import drivers, registry


@pytest.fixture(autouse=True)
def _nothing_runs_on() -> Iterator[None]:
    yield
    registry.stop_all()
    assert trainers() == []


def step_of(lab: CollapseLab) -> int:
    """The step that the panel shows."""
    return int(re.findall(r'data-step="(\d+)"', lab.status.value)[0])


def state_of(lab: CollapseLab) -> str:
    """The state that the banner shows."""
    return re.findall(r'data-state="(\w+)"', lab.banner.value)[0]


def settled(lab: CollapseLab) -> None:
    """Wait until every order is carried out and shown: the first picture to come may have been begun before them."""
    for _ in range(2):
        before = lab.driver._drawn
        lab.driver.order(lambda: None)
        wait(lambda before=before: lab.driver._drawn != before)  # type: ignore[misc]


def play(lab: CollapseLab, steps: int) -> None:
    """Press play until so many more steps are shown, then pause."""
    goal = step_of(lab) + steps
    lab.transport.play.click()
    wait(lambda: step_of(lab) >= goal)
    lab.transport.play.click()
    wait(lambda: not lab.driver.playing)
    settled(lab)


@pytest.fixture
def lab(tiny_recipe: str) -> CollapseLab:
    """A panel with a thread."""
    lab = CollapseLab(tiny_recipe, driver="thread")
    settled(lab)
    return lab


def test_it_waits_for_play_and_says_so(lab: CollapseLab) -> None:
    assert step_of(lab) == 0
    assert lab.transport.play.description == "Play"
    assert "Press play" in lab.banner.value


def test_play_pause_and_step(lab: CollapseLab) -> None:
    lab.transport.play.click()
    wait(lambda: step_of(lab) > 2)
    assert lab.transport.play.description == "Pause"
    lab.transport.play.click()
    wait(lambda: lab.transport.play.description == "Play")
    settled(lab)
    step = step_of(lab)
    lab.transport.step.click()
    wait(lambda: step_of(lab) == step + 1)
    settled(lab)
    assert lab.session.step == step + 1


KNOBS: dict[str, Any] = {
    "student_temp": 0.2,
    "teacher_temp": 0.0413,
    "center_momentum": 0.95,
    "ema_momentum": 0.9,
    "lr": 0.003,
    "center_gain": 25.0,
    "centering": False,
    "sharpening": False,
    "ema": False,
    "target": "sinkhorn",
}


def part(lab: CollapseLab, knob: str) -> Any:
    """The widget in which a knob's value is."""
    control: Any = lab.knobs.controls[knob]
    return next(getattr(control, name) for name in ("field", "box", "menu") if hasattr(control, name))


@pytest.mark.parametrize("knob", STEERED)
def test_a_control_moves_its_own_knob_and_no_other(lab: CollapseLab, knob: str) -> None:
    control, value = part(lab, knob), KNOBS[knob]
    state = {"index": control.index + 1} if knob == "target" else {"value": value}
    control.set_state(state)
    lab.transport.step.click()
    wait(lambda: step_of(lab) == 1)
    changed = {k: v for k, v in lab.session.history[0].knobs.items() if v != lab.session.usual[k]}
    assert changed == {knob: value}
    assert lab.line().endswith(f"; 0 {knob}={'off' if value is False else value}")


def test_every_knob_has_a_control() -> None:
    assert set(KNOBS) == set(STEERED)


def test_a_slider_moves_field_and_knob(lab: CollapseLab) -> None:
    control: Any = lab.knobs.controls["teacher_temp"]
    control.slider.set_state({"value": control.slider.value + 40})
    settled(lab)
    assert control.field.value == lab.snapshot.knobs["teacher_temp"] > 0.04
    control.reset.click()
    settled(lab)
    assert control.field.value == lab.snapshot.knobs["teacher_temp"] == 0.04


def test_a_knob_that_a_person_holds_is_not_moved_by_a_picture(lab: CollapseLab) -> None:
    control: Any = lab.knobs.controls["lr"]
    lab.driver.order(lambda: None)
    control.field._property_lock = {}
    control.show(0.0123)  # the page is ahead of the kernel
    play(lab, 3)
    assert control.field.value == 0.0123


def test_a_scene_sets_its_knobs_shows_them_and_says_what_to_watch(lab: CollapseLab) -> None:
    part(lab, "ema").set_state({"value": False})
    lab.transport.scene.value = "over-centering"
    settled(lab)
    assert lab.snapshot.knobs == lab.session.usual | {"center_momentum": 0.996, "center_gain": 25.0}
    assert part(lab, "center_gain").value == 25
    assert part(lab, "ema").value is True
    assert lab.knobs.controls["center_gain"].layout.display is None
    assert "Watch:" in lab.transport.words.value
    lab.transport.scene.value = "the recipe"
    settled(lab)
    assert lab.snapshot.knobs == lab.session.usual
    assert lab.knobs.controls["center_gain"].layout.display == "none"
    part(lab, "ema").set_state({"value": False})
    assert lab.transport.scene.value is None  # so that the scene can be chosen again


def test_rewind_puts_the_knobs_back_and_keeps_the_other_future(lab: CollapseLab) -> None:
    play(lab, 5)
    step = lab.session.step
    part(lab, "centering").set_state({"value": False})
    play(lab, 5)
    end = lab.session.step
    lab.futures.before.click()
    settled(lab)
    assert lab.session.step == step == step_of(lab)
    assert part(lab, "centering").value is True
    assert lab.futures.future.options == ((f"A, left at step {end}", "A"),)
    assert lab.futures.future.value == "A"
    lab.futures.switch.click()
    settled(lab)
    assert step_of(lab) == end
    assert part(lab, "centering").value is False
    lab.futures.to.value = 3
    lab.futures.rewind.click()
    settled(lab)
    assert step_of(lab) == 3


def test_restart_keeps_seed_and_knobs(lab: CollapseLab) -> None:
    part(lab, "teacher_temp").set_state({"value": 0.3})
    play(lab, 4)
    lab.transport.restart.click()
    settled(lab)
    assert (step_of(lab), lab.session.seed, lab.snapshot.knobs["teacher_temp"]) == (0, 0, 0.3)
    assert part(lab, "teacher_temp").value == 0.3
    assert len(trainers()) == 1


def test_stop_ends_the_thread_and_restart_begins_again(lab: CollapseLab) -> None:
    lab.transport.play.click()
    wait(lambda: step_of(lab) > 0)
    lab.transport.stop.click()
    assert trainers() == []
    assert "stopped" in lab.status.value
    assert lab.transport.play.disabled
    assert part(lab, "lr").disabled
    assert not lab.clock.playing
    lab.transport.restart.click()
    settled(lab)
    assert not lab.transport.play.disabled
    assert not part(lab, "lr").disabled
    play(lab, 2)


def test_the_cell_run_ten_times_leaves_one_trainer(tiny_recipe: str) -> None:
    labs = [CollapseLab(tiny_recipe, driver="thread") for _ in range(10)]
    assert len(trainers()) == 1
    assert all("stopped" in lab.status.value for lab in labs[:-1])
    settled(labs[-1])
    play(labs[-1], 2)


def test_a_line_goes_out_and_comes_back(lab: CollapseLab) -> None:
    play(lab, 3)
    part(lab, "ema").set_state({"value": False})
    play(lab, 4)
    lab.text.write.click()
    line, losses = lab.text.area.value, [log.loss for log in lab.session.history]
    assert line == lab.session.run_line()
    part(lab, "ema").set_state({"value": True})
    play(lab, 2)
    lab.text.replay.click()
    wait(lambda: not lab.driver.playing and lab.session.step == len(losses))
    settled(lab)
    assert [log.loss for log in lab.session.history] == losses
    assert part(lab, "ema").value is False


def test_a_replay_that_is_over_before_the_first_picture_shows_its_knobs(
    tiny_recipe: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, live = threading.Event(), drivers.ThreadDriver._live
    monkeypatch.setattr(drivers.ThreadDriver, "_live", lambda driver: (gate.wait(), live(driver)))
    monkeypatch.setattr(drivers, "SLICE_SECONDS", 60.0)
    lab = CollapseLab(line="dino-run/1 tiny seed=0 steps=4; 2 ema=off", driver="thread")
    gate.set()
    wait(lambda: lab.session.step == 4 and not lab.driver.playing)
    settled(lab)
    assert part(lab, "ema").value is False


def test_a_picture_begun_while_one_run_takes_the_place_of_another_hides_no_knob(
    lab: CollapseLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new driver's thread is alive a moment before the panel knows it."""
    play(lab, 2)
    real = panel.make_driver

    def slow(kind: str, name: str, session: Session, draw: Callable[[], None]) -> drivers.Driver:
        driver = real(kind, name, session, draw)
        draw()  # as its thread may do here
        return driver

    with monkeypatch.context() as patch:
        patch.setattr(panel, "make_driver", slow)
        patch.setattr(drivers, "SLICE_SECONDS", 60.0)  # all steps before the next picture
        patch.setattr(drivers.ThreadDriver, "order", lambda driver, what: driver._orders.put(what))
        lab.text.area.value = "dino-run/1 tiny seed=0 steps=4; 2 ema=off"
        lab.text.replay.click()
    lab.driver.order(lambda: None)
    wait(lambda: lab.session.step == 4 and not lab.driver.playing)
    settled(lab)
    assert part(lab, "ema").value is False


def test_a_hostile_line_gets_a_sentence_and_nothing_else_happens(lab: CollapseLab) -> None:
    play(lab, 3)
    before, session = lab.session.run_line(), lab.session
    lab.text.area.value = "dino-run/1 <script>alert(1)</script> seed=0 steps=5; 1 lr=9"
    lab.text.replay.click()
    assert "This is not a run line" in lab.text.message.value
    lab.text.area.value = "dino-run/1 lab seed=0 steps=5; 1 lr=<b>; 2"
    lab.text.replay.click()
    assert "<b>lr" not in lab.text.message.value
    assert lab.session is session
    assert lab.session.run_line() == before


def test_files_hold_what_is_on_show(lab: CollapseLab) -> None:
    play(lab, 12)
    lab.text.files.click()
    found = re.findall(r'download="([^"]+)" href="data:([^;]+);base64,([^"]+)"', lab.text.message.value)
    names, kinds, contents = zip(*found, strict=True)
    stem = f"dino-tiny-seed0-step{lab.session.step}"
    assert names == (f"{stem}.csv", f"{stem}.svg", f"{stem}.png")
    assert kinds == ("text/csv", "image/svg+xml", "image/png")
    table, drawing, png = map(base64.b64decode, contents)
    rows = list(csv.DictReader(io.StringIO(table.decode())))
    assert [float(row["loss"]) for row in rows] == [log.loss for log in lab.session.history]
    assert drawing.decode().startswith("<svg")
    assert Image.open(io.BytesIO(png)).size[0] >= 900


def test_a_csv_holds_every_future_once(tiny_recipe: str) -> None:
    session = Session(tiny_recipe)
    session.advance(steps=25)
    session.rewind(20)
    session.set(ema=False)
    rows = list(csv.DictReader(io.StringIO(metrics_csv(session.advance(steps=3)))))
    assert [(row["future"], int(row["step"])) for row in rows] == [
        *[("B", step) for step in range(23)],
        *[("A", step) for step in range(20, 25)],
    ]
    assert [row["ema"] for row in rows] == ["True"] * 20 + ["False"] * 3 + ["True"] * 5
    assert float(rows[9]["student_teacher_distance"]) == dict(session.snapshot().now.distance)[10]
    assert rows[8]["student_teacher_distance"] == ""


def test_an_exception_is_a_sentence_with_the_traceback_folded(lab: CollapseLab) -> None:
    play(lab, 3)
    lab.session.set(lr=1e30)
    lab.transport.play.click()
    wait(lambda: "learning rate" in lab.status.value)
    settled(lab)
    assert lab.trace.value.startswith("<details>")
    assert "Traceback" in lab.trace.value
    lab.futures.before.click()
    settled(lab)
    play(lab, 2)
    assert lab.trace.value == ""


def test_a_lecturer_hides_and_locks(tiny_recipe: str) -> None:
    lab = CollapseLab(tiny_recipe, hide=["lr", "target"], lock="ema_momentum", scene="aliased teacher", driver="thread")
    settled(lab)
    shown = list(lab.knobs.children)
    assert lab.knobs.controls["lr"] not in shown
    assert lab.knobs.controls["teacher_temp"] in shown
    assert part(lab, "ema_momentum").disabled
    assert lab.snapshot.knobs["ema_momentum"] == 0.0  # as the lecturer's scene has it
    with pytest.raises(ValueError, match="hide: there is no knob 'cat'; the knobs are student_temp"):
        CollapseLab(tiny_recipe, hide=["cat"], driver="thread")
    with pytest.raises(ValueError, match="There is no scene 'cat'"):
        CollapseLab(tiny_recipe, scene="cat", driver="thread")


def test_a_locked_knob_stays_where_the_lecturers_scene_has_put_it(tiny_recipe: str) -> None:
    """Whatever a student does in the panel: another scene, a rewind to before the fault, a restart, a switch back."""
    lab = CollapseLab(tiny_recipe, scene="no EMA", lock=all_but("teacher_temp"), driver="thread")
    settled(lab)
    assert [name for name in STEERED if not part(lab, name).disabled] == ["teacher_temp"]
    play(lab, 4)
    lab.transport.scene.value = "teacher temperature 0.3"  # it sets the free knob, and leaves the locked ones
    settled(lab)
    assert lab.snapshot.knobs == lab.session.usual | {"ema": False, "teacher_temp": 0.3}
    lab.futures.to.value = 0
    for button in (lab.futures.rewind, lab.futures.switch, lab.transport.restart):
        button.click()
        settled(lab)
        assert lab.snapshot.knobs["ema"] is False
        assert part(lab, "ema").value is False
        assert part(lab, "ema").disabled


def test_a_locked_knob_stays_where_the_lecturers_line_has_put_it(tiny_recipe: str) -> None:
    """Even for who stops the line before its end, and goes on from there."""
    lab = CollapseLab(line="dino-run/1 tiny seed=0 steps=8; 4 lr=0.002 ema=off", lock=["ema"], driver="thread")
    wait(lambda: lab.session.step == 8 and not lab.driver.playing)
    settled(lab)
    lab.futures.to.value = 2
    lab.futures.rewind.click()
    settled(lab)
    assert (lab.session.step, lab.snapshot.knobs["ema"], lab.snapshot.knobs["lr"]) == (
        2,
        False,
        lab.session.usual["lr"],
    )


@pytest.mark.parametrize(
    ("rest", "word"),
    [("", "ema is locked"), ("; 1 ema=off; 3 ema=on; 4 ema=off", "ema is locked"), ("; 2 ema=off lr=0.1", "")],
    ids=["left out", "moved and put back", "as it is here"],
)
def test_a_line_may_not_move_a_locked_knob(rest: str, word: str, tiny_recipe: str) -> None:
    lab = CollapseLab(tiny_recipe, scene="no EMA", lock=["ema"], driver="thread")
    settled(lab)
    before = lab.session
    lab.text.area.value = f"dino-run/1 tiny seed=1 steps=5{rest}"
    lab.text.replay.click()
    assert word in lab.text.message.value
    assert bool(word) == bool(lab.text.message.value)
    assert (lab.session is before) == bool(word)


def test_all_but_names_the_others() -> None:
    assert set(all_but("lr", "ema")) == set(STEERED) - {"lr", "ema"}
    with pytest.raises(ValueError, match="all_but: there is no knob 'teacher_tmp'; the knobs are student_temp"):
        all_but("teacher_tmp")


def test_every_control_has_a_name_for_a_screen_reader(lab: CollapseLab) -> None:
    """A label, a text or a tooltip for each part that can be focused; the slider's is that of the field beside it."""

    def parts(widget: Any) -> Iterator[Any]:
        yield widget
        for child in getattr(widget, "children", ()):
            yield from parts(child)

    for each in parts(lab):
        if isinstance(each, widgets.Button | widgets.Dropdown | widgets.BoundedFloatText | widgets.Checkbox):
            assert each.description or each.tooltip, each
    assert "aria-live" in lab.spoken.value


def test_where_nobody_watches_it_trains_and_leaves_a_still(tiny_recipe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINO_NB_FAST", "1")
    lab = CollapseLab(tiny_recipe, scene="no centering", driver="inline")
    assert lab.session.step == 10
    assert lab.session.history[0].knobs["centering"] is False
    still = lab._repr_mimebundle_()["text/html"]
    assert "<svg" in still
    assert "step 10" in still
    assert trainers() == []


def test_a_line_is_played_to_its_end_where_nobody_watches(tiny_recipe: str) -> None:
    lab = CollapseLab(line="dino-run/1 tiny seed=5 steps=14; 6 ema=off", driver="inline")
    assert (lab.session.step, lab.session.seed) == (14, 5)
    assert state_of(lab) == lab.snapshot.diagnosis


def test_ticks_of_the_page_let_the_run_go_on(tiny_recipe: str) -> None:
    lab = CollapseLab(tiny_recipe, driver="ticks")
    lab.transport.play.click()
    before = lab.session.step
    lab.clock.set_state({"value": 1})
    lab.clock.set_state({"value": 2})
    assert lab.session.step > before
    lab.transport.play.click()
    step = lab.session.step
    lab.clock.set_state({"value": 3})
    assert lab.session.step == step


def test_the_clock_starts_when_a_page_shows_the_panel(tiny_recipe: str) -> None:
    lab = CollapseLab(tiny_recipe, driver="thread")
    seen: list[bool] = []
    lab.clock.observe(lambda change: seen.append(change["new"]), "playing")
    lab.clock.set_state({"_view_count": 1})
    assert seen == [False, True]
    lab.clock.set_state({"value": 1})
    assert lab.driver._seen is not None
