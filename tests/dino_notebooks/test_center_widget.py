"""CenterWidget against loops in plain Python over its own logits: the centre's way, probabilities, shares.

Run: pytest tests/dino_notebooks/test_center_widget.py
"""

import math

import drawn
import pytest
import torch

from dino_notebooks.drawing import BLUE
from dino_notebooks.widgets import CenterWidget
from dino_notebooks.widgets.center import BASE, FAVOURED, LEFT_SHEET, PROTOTYPES, RIGHT_SHEET, TALL, TOP

Rows = list[list[float]]


def rows(widget: CenterWidget) -> Rows:
    """The twelve rows of logits, both views of a picture below one another."""
    first, second = widget.logits.tolist()
    return [row for pair in zip(first, second, strict=True) for row in pair]


def mean(table: Rows) -> list[float]:
    return [sum(column) / len(table) for column in zip(*table, strict=True)]


def softmax(row: list[float], center: list[float], tau: float) -> list[float]:
    scaled = [(z - c) / tau for z, c in zip(row, center, strict=True)]
    weights = [math.exp(s - max(scaled)) for s in scaled]
    return [w / sum(weights) for w in weights]


def effective(shares: list[float]) -> float:
    return math.exp(-sum(p * math.log(p) for p in shares if p))


@pytest.mark.parametrize(
    ("momentum", "offset", "steps", "tau"), [(0.9, 0.4, 10, 0.04), (0.5, 0.1, 3, 0.1), (0, 1, 1, 1)]
)
def test_numbers(momentum: float, offset: float, steps: int, tau: float) -> None:
    """The batch stays the same, so after n steps the centre is (1 - m^n) of its mean."""
    widget = CenterWidget(momentum, offset, tau, steps)
    table = rows(widget)
    center = [(1 - momentum**steps) * value for value in mean(table)]
    before = [softmax(row, [0.0] * PROTOTYPES, tau) for row in table]
    after = [softmax(row, center, tau) for row in table]
    change = max(abs(p - q) for a, b in zip(before, after, strict=True) for p, q in zip(a, b, strict=True))
    assert widget.numbers == pytest.approx(
        {
            "steps": steps,
            "center": center[FAVOURED],
            "batch_mean": mean(table)[FAVOURED],
            "share_before": mean(before)[FAVOURED],
            "share_after": mean(after)[FAVOURED],
            "prototypes_before": effective(mean(before)),
            "prototypes_after": effective(mean(after)),
            "largest_change": change,
        },
        abs=2e-4,
    )
    said = widget.line.value
    assert f"Step {steps}: centre of prototype 3 {center[FAVOURED]:.2f}" in said
    assert f"Largest change of a probability: {widget.numbers['largest_change']:.4f}" in said


def test_squares_and_shares_show_the_probabilities() -> None:
    """Area of a square: the probability; height of a bar and the number below it: the mean of its column."""
    widget = CenterWidget(steps=10)
    svg, table = widget.picture.value, rows(widget)
    center = [(1 - 0.9**10) * value for value in mean(table)]
    for left, c in ((LEFT_SHEET, [0.0] * PROTOTYPES), (RIGHT_SHEET, center)):
        probs = [softmax(row, c, 0.04) for row in table]
        inside = [box for box in drawn.areas(svg, BLUE) if left <= box[0] < left + 180]
        squares = [box for box in inside if box[1] + box[3] < TOP + 12 * TALL + 1]
        large = [p for row in probs for p in row if (TALL - 1) * p**0.5 >= 0.5]
        assert [box[2] * box[3] / (TALL - 1) ** 2 for box in squares] == pytest.approx(large, abs=0.02)
        bars = [box for box in inside if box[1] + box[3] == BASE]
        assert [box[3] / 44 for box in bars] == pytest.approx(mean(probs), abs=2e-3)
        assert " ".join(f"{100 * share:.0f}" for share in mean(probs)) in " ".join(drawn.texts(svg))


def test_a_vector_centre_is_felt_and_a_scalar_is_not() -> None:
    """Softmax cancels what is taken from all logits of a row, and nothing else."""
    widget = CenterWidget(steps=30)
    assert widget.numbers["largest_change"] > 0.5
    assert widget.numbers["share_after"] < 0.5 * widget.numbers["share_before"]
    assert "subtracting a vector is no shift of a row" in widget.sentence()
    widget.scalar.box.set_state({"value": True})
    assert widget.centers[-1].mean().abs() > 0.01  # it does subtract something
    assert widget.numbers["largest_change"] < 1e-5
    assert widget.numbers["share_after"] == pytest.approx(widget.numbers["share_before"], abs=1e-5)
    assert "changes no probability" in widget.sentence()
    assert "Largest change of a probability: 0.0000." in widget.line.value
    assert "softmax((z − mean C) / τt)" in drawn.texts(widget.picture.value)


def test_buttons() -> None:
    widget = CenterWidget()
    assert widget.numbers["steps"] == widget.numbers["center"] == widget.numbers["largest_change"] == 0
    assert "changes nothing" in widget.sentence()
    widget.one.click()
    widget.ten.click()
    assert widget.numbers["steps"] == 11
    assert widget.numbers["center"] == pytest.approx((1 - 0.9**11) * widget.numbers["batch_mean"], rel=1e-4)
    widget.reset.click()
    assert widget.numbers["steps"] == widget.numbers["center"] == 0


@pytest.mark.parametrize(("momentum", "share"), [(0.0, 1.0), (1.0, 0.0)])
def test_ends_of_the_momentum(momentum: float, share: float) -> None:
    widget = CenterWidget(steps=0)
    widget.momentum.slider.set_state({"value": round(momentum * widget.momentum.range.positions)})
    widget.one.click()
    assert widget.numbers["center"] == pytest.approx(share * widget.numbers["batch_mean"])


def test_the_offset_is_added_to_one_prototype() -> None:
    """And the centre follows only with the next steps."""
    widget = CenterWidget(offset=0.1, steps=50)
    old, center = widget.logits, widget.numbers["center"]
    widget.offset.field.set_state({"value": 0.7})
    added = torch.zeros(PROTOTYPES)
    added[FAVOURED] = 0.6
    assert torch.allclose(widget.logits - old, added.expand(2, 6, PROTOTYPES), atol=1e-6)
    assert widget.numbers["center"] == center
    widget.ten.click()
    assert widget.numbers["center"] > center + 0.3


def test_no_randomness_of_others() -> None:
    before = torch.random.get_rng_state()
    assert torch.equal(CenterWidget(seed=3).logits, CenterWidget(seed=3).logits)
    assert not torch.equal(CenterWidget(seed=3).logits, CenterWidget(seed=4).logits)
    assert torch.equal(before, torch.random.get_rng_state())


def test_ink_follows_the_theme() -> None:
    assert drawn.inks(CenterWidget(steps=5).picture.value) == {"currentColor"}


def test_bad_temperature() -> None:
    with pytest.raises(ValueError, match="above 0, got 0"):
        CenterWidget(teacher_temp=0)
