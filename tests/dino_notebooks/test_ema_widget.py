"""EMAWidget against θt ← m·θt + (1 - m)·θs in a loop and the cosine of the paper, §3.1.

Run: pytest tests/dino_notebooks/test_ema_widget.py
"""

import math
from itertools import pairwise

import drawn
import pytest
import torch

from dino_notebooks.drawing import ORANGE, Text
from dino_notebooks.drawing.axes import text_width
from dino_notebooks.widgets import EMAWidget


def average(student: list[float], momenta: list[float]) -> list[float]:
    place, way = student[0], []
    for value, m in zip(student, momenta, strict=True):
        place = m * place + (1 - m) * value
        way.append(place)
    return way


def cosine(start: float, total: int) -> list[float]:
    return [1 + (start - 1) / 2 * (1 + math.cos(math.pi * step / total)) for step in range(total + 1)]


def heights(svg: str, dashed: bool, top: float, bottom: float) -> list[tuple[float, float]]:
    """The points of the orange curve between two heights in px (there is one of each kind)."""
    (curve,) = [
        stroke.points
        for stroke in drawn.strokes(svg, ORANGE)
        if stroke.dashed == dashed and len(stroke.points) > 2 and top <= stroke.box[1] <= bottom
    ]
    return curve


@pytest.mark.parametrize(("momentum", "steps", "on"), [(0.98, 300, False), (0.5, 40, False), (0.9, 250, True)])
def test_numbers(momentum: float, steps: int, on: bool) -> None:
    widget = EMAWidget(momentum, steps, on)
    schedule = cosine(momentum, steps)
    way = average(widget.student, schedule if on else [momentum] * (steps + 1))
    assert widget.numbers == pytest.approx(
        {
            "memory": 1 / (1 - momentum),
            "half_life": math.log(2) / -math.log(momentum),
            "left_after_100": momentum**100,
            "middle_momentum": schedule[steps // 2],
            "behind": widget.student[-1] - way[-1],
        }
    )
    assert f"The cosine is at {schedule[steps // 2]:.6g} at step {steps // 2} and at 1 at step {steps}." in (
        widget.line.value
    )


def test_the_papers_momentum_in_words() -> None:
    """0.996 remembers 250 steps; 0.996 to the hundredth is 0.67."""
    said = EMAWidget(0.996).line.value
    assert "m = 0.996: memory 1/(1 − m) = 250 steps, half forgotten after 173 steps" in said
    assert "of step 0 67% is left after 100 steps" in said


@pytest.mark.parametrize(("momentum", "words"), [(0, "1 step,"), (0.9, "10 steps,"), (0.9999, "10,000 steps,")])
def test_memory_in_words(momentum: float, words: str) -> None:
    assert f"memory 1/(1 − m) = {words}" in EMAWidget(momentum).line.value


def test_curves_are_where_the_numbers_are() -> None:
    """The teacher's way, and the schedule from its lowest point to its highest."""
    widget = EMAWidget(0.9, steps=100)
    svg = widget.picture.value
    way = average(widget.student, [0.9] * 101)
    low, high = min(*widget.student, *way), max(*widget.student, *way)
    curve = heights(svg, True, 20, 190)
    assert [(186 - y) / 160 * (high - low) + low for _, y in curve] == pytest.approx(way, abs=2e-3)
    schedule = heights(svg, False, 225, 320)
    assert [1 - 0.1 * (y - 234) / 84 for _, y in schedule] == pytest.approx(cosine(0.9, 100), abs=1e-4)
    assert [x for x, _ in schedule] == pytest.approx([64 + 436 * step / 100 for step in range(101)], abs=0.06)


def test_momentum_0_is_the_student() -> None:
    widget = EMAWidget()
    widget.momentum.slider.set_state({"value": 0})
    assert widget.numbers["behind"] == 0
    assert widget.numbers["memory"] == 1
    assert widget.numbers["left_after_100"] == 0
    assert "the teacher is the student" in widget.sentence()


def test_momentum_1_never_moves() -> None:
    widget = EMAWidget()
    widget.momentum.slider.set_state({"value": widget.momentum.range.positions})
    assert widget.momentum.value == 1
    assert widget.numbers["behind"] == widget.student[-1] - widget.student[0]
    assert widget.numbers["memory"] == math.inf
    assert widget.numbers["left_after_100"] == 1
    assert "never moves" in widget.sentence()
    assert "memory 1/(1 − m) = for ever, half forgotten after never" not in widget.line.value
    assert "nothing is ever forgotten" in widget.line.value


def test_a_teacher_is_smoother_than_its_student() -> None:
    widget = EMAWidget(0.9)
    way = average(widget.student, [0.9] * len(widget.student))

    def roughness(path: list[float]) -> float:
        return sum((b - a) ** 2 for a, b in pairwise(path))

    assert roughness(way) < 0.05 * roughness(widget.student)


def test_switch_and_run_length() -> None:
    widget = EMAWidget(0.9, 100)
    constant = widget.numbers["behind"]
    widget.cosine.box.set_state({"value": True})
    assert widget.numbers["behind"] > constant  # it slows down and is left behind
    assert "cosine: used" in drawn.texts(widget.picture.value)
    assert "rises from 0.9 to 1" in widget.sentence()
    widget.steps.slider.set_state({"value": 480})
    assert len(widget.student) == 501
    assert "500" in drawn.texts(widget.picture.value)


def test_the_name_of_the_lower_axis_stands_clear_of_the_momentum() -> None:
    """Both are at the lower left: the step's name goes before the middle tick."""
    marks = [mark for mark in EMAWidget().figure().drawing.marks if isinstance(mark, Text)]
    (step,) = [mark for mark in marks if mark.words == "step"]
    (momentum,) = [mark for mark in marks if mark.words == "0.98"]
    (middle,) = [mark for mark in marks if mark.words == "150" and mark.y == step.y]
    assert momentum.x + text_width("step") < step.x < middle.x - text_width("150") / 2


def test_no_randomness_of_others() -> None:
    before = torch.random.get_rng_state()
    assert EMAWidget(seed=1).student == EMAWidget(seed=1).student != EMAWidget(seed=2).student
    assert torch.equal(before, torch.random.get_rng_state())


def test_ink_follows_the_theme() -> None:
    assert drawn.inks(EMAWidget().picture.value) == {"currentColor"}


@pytest.mark.parametrize(("momentum", "steps"), [(0, 20), (1, 20), (0.9999, 1000), (5, -3)])
def test_ends_draw_numbers(momentum: float, steps: int) -> None:
    widget = EMAWidget(momentum, steps)
    assert "Not drawn" not in widget.line.value
    assert "nan" not in widget.picture.value
