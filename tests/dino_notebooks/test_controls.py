"""Controls as people use them: sliders moved as a browser does it, fields typed into, resets pressed.

Run: pytest tests/dino_notebooks/test_controls.py
"""

import math
from typing import Any

import pytest

from dino_notebooks.widgets.controls import ChoiceControl, NumberControl, SwitchControl
from dino_notebooks.widgets.ranges import Range, handy

LINEAR = Range("offset", "", "offset", -0.5, 1.0)
LOG = Range("teacher_temp", "τt", "teacher temperature", 0.01, 1.0, "A sentence.", "log")
NARROW = Range("teacher_temp", "τt", "teacher temperature", 0.02, 0.1, "", "log")
MEMORY = Range("momentum", "m", "momentum", 0.0, 1.0, "", "memory")
WHOLE = Range("n_local", "L", "local views", 0, 8, "", "whole")
RANGES = [LINEAR, LOG, NARROW, MEMORY, WHOLE]


class Heard(list[Any]):
    """What a control has told."""

    def __call__(self, value: Any) -> None:
        self.append(value)


@pytest.fixture
def heard() -> Heard:
    return Heard()


# --- numbers of a slider ------------------------------------------------------------------------------------


@pytest.mark.parametrize("range_", RANGES, ids=lambda r: f"{r.scale} {r.low} to {r.high}")
def test_every_position_is_another_number_and_comes_back(range_: Range) -> None:
    """An arrow key that changes nothing would look broken."""
    values = [range_.value_at(position) for position in range(range_.positions + 1)]
    assert (values[0], values[-1]) == (range_.low, range_.high)
    assert values == sorted(set(values))
    assert [range_.position_of(value) for value in values] == pytest.approx(list(range(len(values))), abs=1)


def test_scales() -> None:
    """The middle of a slider: the mean; the geometric mean; 1 - value geometric, from 1 to 1e-4."""
    middle = {r.scale: r.value_at(r.positions // 2) for r in (LINEAR, LOG, MEMORY, WHOLE)}
    assert middle["linear"] == 0.25
    assert middle["log"] == pytest.approx(math.sqrt(0.01 * 1.0), rel=0.06)
    assert 1 - middle["memory"] == pytest.approx(math.sqrt(1 * 1e-4), rel=0.06)
    assert middle["whole"] == 4
    assert WHOLE.positions == 8


def test_numbers_are_short() -> None:
    for range_ in RANGES:
        assert max(len(f"{range_.value_at(p):.12g}") for p in range(range_.positions + 1)) <= 8  # such as 0.999825


@pytest.mark.parametrize(
    ("value", "near"),
    [(1.0, 1.0), (1.03, 1.05), (1.99, 2.0), (2.04, 2.0), (0.0437, 0.044), (9.97, 10.0), (0.00126, 0.00125)],
)
def test_handy(value: float, near: float) -> None:
    assert handy(value) == near


@pytest.mark.parametrize(("value", "inside"), [(-3, 0), (99, 8), (3.4, 3), (3, 3)])
def test_mended(value: float, inside: float) -> None:
    assert WHOLE.mended(value) == inside


# --- a number -----------------------------------------------------------------------------------------------


def test_a_slider_moves_the_field_and_tells_once(heard: Heard) -> None:
    control = NumberControl(LOG, 0.04, heard)
    control.slider.set_state({"value": 80})
    assert heard == [LOG.value_at(80)]
    assert control.field.value == control.value == LOG.value_at(80) != 0.04
    assert control.slider.value == 80  # not moved under the hand that holds it


def test_a_field_moves_the_slider_and_keeps_what_was_typed(heard: Heard) -> None:
    control = NumberControl(LOG, 0.04, heard)
    control.field.set_state({"value": 0.0413})
    assert heard == [0.0413]
    assert control.value == 0.0413
    assert control.slider.value == LOG.position_of(0.0413)


def test_reset(heard: Heard) -> None:
    control = NumberControl(LOG, 0.04, heard)
    control.set(0.5)
    control.reset.click()
    assert heard == [0.5, 0.04]
    assert (control.field.value, control.slider.value) == (0.04, LOG.position_of(0.04))


def test_show_tells_nobody(heard: Heard) -> None:
    control = NumberControl(LOG, 0.04, heard)
    control.show(0.5)
    assert (control.value, control.field.value, control.slider.value) == (0.5, 0.5, LOG.position_of(0.5))
    assert not heard


@pytest.mark.parametrize(("typed", "taken"), [(7.0, 1.0), (-1.0, 0.01), (math.nan, 0.04), (math.inf, 0.04)])
def test_impossible_numbers_are_mended(heard: Heard, typed: float, taken: float) -> None:
    control = NumberControl(LOG, 0.04, heard)
    control.set(typed)
    assert (control.value, control.field.value) == (taken, taken)
    assert heard == [taken]


def test_a_browser_cannot_send_nonsense(heard: Heard) -> None:
    control = NumberControl(LOG, 0.04, heard)
    control.field.set_state({"value": math.nan})
    assert control.field.value == control.value == 0.04


def test_the_first_value_is_mended_too(heard: Heard) -> None:
    assert NumberControl(LOG, 9, heard).value == 1.0


def test_whole_numbers(heard: Heard) -> None:
    control = NumberControl(WHOLE, 6, heard)
    control.field.set_state({"value": 2.6})
    control.slider.set_state({"value": 8})
    assert heard == [3, 8]


def test_lock(heard: Heard) -> None:
    control = NumberControl(LOG, 0.04, heard)
    control.lock()
    assert control.field.disabled
    assert control.slider.disabled
    assert control.reset.disabled
    control.lock(False)
    assert not control.field.disabled


def test_screen_readers_get_names(heard: Heard) -> None:
    control = NumberControl(LOG, 0.04, heard)
    assert control.field.tooltip == "teacher temperature τt, from 0.01 to 1"
    assert control.reset.tooltip == "reset teacher temperature τt to 0.04"


# --- a switch and a choice ----------------------------------------------------------------------------------


def test_switch(heard: Heard) -> None:
    control = SwitchControl("a switch", "What it does.", False, heard)
    control.box.set_state({"value": True})
    assert heard == [True]
    control.show(False)
    assert heard == [True]
    assert control.box.value is False
    control.lock()
    assert control.box.disabled


def test_choice(heard: Heard) -> None:
    control = ChoiceControl("target", {"center": "centring", "sinkhorn": "Sinkhorn-Knopp"}, "How.", "center", heard)
    control.menu.set_state({"index": 1})
    assert heard == ["sinkhorn"]
    control.show("center")
    assert heard == ["sinkhorn"]
    assert control.menu.value == "center"
    control.lock()
    assert control.menu.disabled
