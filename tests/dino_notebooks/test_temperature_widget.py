"""Every number and bar of TemperatureWidget against softmax, entropy and KL in plain Python.

Run: pytest tests/dino_notebooks/test_temperature_widget.py
"""

import math

import drawn
import pytest

from dino_notebooks.drawing import BLUE, ORANGE
from dino_notebooks.widgets import TemperatureWidget
from dino_notebooks.widgets.temperature import CENTER, LOGITS
from dino_notebooks.widgets.temperature_drawing import BOTTOM, TOP

SETTINGS = [
    (LOGITS, CENTER, 0.04, 0.1),
    (LOGITS, CENTER, 0.07, 0.05),
    ((0.9, -0.9, 0.3), (0.1, -0.2, 0.6), 0.2, 0.3),
    ((0.1, 0.2), (0.2, 0.0), 1.0, 0.02),
]


def softmax(values: list[float]) -> list[float]:
    top = max(values)
    weights = [math.exp(v - top) for v in values]
    return [w / sum(weights) for w in weights]


def reference(
    z: tuple[float, ...], center: tuple[float, ...], tau_t: float, tau_s: float
) -> tuple[dict[str, float], list[float], list[float]]:
    """The paper's §3.1, one number after the other."""
    target = softmax([(a - c) / tau_t for a, c in zip(z, center, strict=True)])
    student = softmax([a / tau_s for a in z])
    numbers = {
        "entropy": -sum(p * math.log(p) for p in target),
        "student_entropy": -sum(p * math.log(p) for p in student),
        "cross_entropy": -sum(p * math.log(q) for p, q in zip(target, student, strict=True)),
        "kl": sum(p * math.log(p / q) for p, q in zip(target, student, strict=True)),
        "uniform_entropy": math.log(len(z)),
    }
    return numbers, target, student


@pytest.mark.parametrize(("z", "center", "tau_t", "tau_s"), SETTINGS)
def test_numbers(z: tuple[float, ...], center: tuple[float, ...], tau_t: float, tau_s: float) -> None:
    widget = TemperatureWidget(z, center, tau_t, tau_s)
    expected, *_ = reference(z, center, tau_t, tau_s)
    assert widget.numbers == pytest.approx(expected, abs=1e-5)
    for name in ("entropy", "student_entropy", "cross_entropy", "kl"):
        assert f"{expected[name]:.2f}" in widget.line.value
    assert f"cross-entropy {expected['cross_entropy']:.2f}" in " ".join(drawn.texts(widget.picture.value))


@pytest.mark.parametrize(("z", "center", "tau_t", "tau_s"), SETTINGS)
def test_bars_are_as_high_as_the_probabilities(
    z: tuple[float, ...], center: tuple[float, ...], tau_t: float, tau_s: float
) -> None:
    svg = TemperatureWidget(z, center, tau_t, tau_s).picture.value
    _, target, student = reference(z, center, tau_t, tau_s)
    for color, probs in ((BLUE, target), (ORANGE, student)):
        bars = [box for box in drawn.areas(svg, color) if box[1] + box[3] == BOTTOM]
        assert [box[3] / (BOTTOM - TOP) for box in bars] == pytest.approx(probs, abs=1e-3)
        assert [box[0] for box in bars] == sorted(box[0] for box in bars)
    numbers = " ".join(f"{p:.2f} {q:.2f}" for p, q in zip(target, student, strict=True))
    assert numbers in " ".join(drawn.texts(svg))


def test_the_loss_is_drawn_as_two_parts() -> None:
    """The solid part to the dashed one as h to KL, on one line."""
    widget = TemperatureWidget()
    h, kl = (
        next(box for box in drawn.areas(widget.picture.value, color) if box[1] > BOTTOM) for color in (BLUE, ORANGE)
    )
    assert h[2] / kl[2] == pytest.approx(widget.numbers["entropy"] / widget.numbers["kl"], rel=2e-3)
    assert h[0] + h[2] == pytest.approx(kl[0], abs=0.2)


def test_every_step_of_the_calculation_is_there() -> None:
    words = drawn.texts(TemperatureWidget((0.3, -0.5), (0.1, 0.0), 0.05, 0.1).picture.value)
    for name, numbers in {
        "logit z": ["0.30", "-0.50"],
        "centre C": ["0.10", "0.00"],
        "z − C": ["0.20", "-0.50"],
        "(z − C) / τt": ["4.00", "-10.00"],
        "z / τs": ["3.00", "-5.00"],
    }.items():
        place = words.index(name)
        assert words[place + 1 : place + 3] == numbers


def test_same_temperature_and_no_centre_agree() -> None:
    widget = TemperatureWidget(center=[0.0] * 6, teacher_temp=0.1, student_temp=0.1)
    assert widget.numbers["kl"] == pytest.approx(0, abs=1e-6)
    assert widget.numbers["cross_entropy"] == pytest.approx(widget.numbers["entropy"], abs=1e-6)
    assert "They agree: KL = 0" in drawn.title(widget.picture.value)
    widget.set_center(0, 0.2)  # the centre alone makes them differ
    assert widget.numbers["kl"] > 0.1


def test_lower_is_more_peaked() -> None:
    """Moved by its slider, as a browser does it."""
    widget, entropies = TemperatureWidget(), []
    for position in range(0, widget.teacher_temp.range.positions + 1, 10):
        widget.teacher_temp.slider.set_state({"value": position})
        entropies.append(widget.numbers["entropy"])
    assert entropies == sorted(entropies)
    assert entropies[0] < 0.05
    assert entropies[-1] > 0.95 * math.log(6)


def test_title_says_who_is_flatter() -> None:
    widget = TemperatureWidget()
    assert "The teacher gives prototype 2 87%, the student 27%. The student is flatter" in widget.sentence()
    widget.teacher_temp.set(0.8)
    assert "The student is more peaked than the teacher" in widget.sentence()


def test_logits_by_slider_and_field_and_reset() -> None:
    widget = TemperatureWidget()
    widget.logit_sliders[4].set_state({"value": 0.6000000000000001})
    assert widget.logits[4] == widget.logit_fields[4].value == 0.6
    assert "gives prototype 5 100%" in widget.sentence()
    widget.logit_fields[4].set_state({"value": -0.3})
    assert widget.logit_sliders[4].value == -0.3
    widget.center_fields[2].set_state({"value": -0.9})
    assert widget.center[2] == -0.9
    assert "gives prototype 3" in widget.sentence()
    widget.reset.click()
    assert (tuple(widget.logits), tuple(widget.center)) == (LOGITS, CENTER)
    assert widget.numbers == TemperatureWidget().numbers


@pytest.mark.parametrize("value", [math.nan, math.inf, 7.0, -7.0])
def test_impossible_logits_are_mended(value: float) -> None:
    widget = TemperatureWidget()
    widget.set_logit(0, value)
    assert abs(widget.logits[0]) <= 1
    assert widget.logit_fields[0].value == widget.logits[0]


def test_extremes_stay_numbers() -> None:
    widget = TemperatureWidget((1, -1, 1), (-1, 1, 1), 0.01, 0.01)
    assert all(map(math.isfinite, widget.numbers.values()))
    assert not {"nan", "inf"} & set(widget.picture.value.replace(",", " ").split())


def test_ink_follows_the_theme_and_students_bars_are_dashed() -> None:
    svg = TemperatureWidget().picture.value
    assert drawn.inks(svg) == {"currentColor"}
    assert all(stroke.dashed for stroke in drawn.strokes(svg, ORANGE))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [({"logits": [1]}, "2 to 8"), ({"logits": [0, 2]}, "-1 to 1"), ({"center": [0.0]}, "got 6 and 1")],
)
def test_bad_arguments(arguments: dict[str, list[float]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TemperatureWidget(**arguments)
