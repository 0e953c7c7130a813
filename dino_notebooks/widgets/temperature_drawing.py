"""The drawing of TemperatureWidget: the calculation as a table, probabilities as bars, the loss as a sum."""

import math

from torch import Tensor

from dino_notebooks.drawing import BLUE, ORANGE, Drawing
from dino_notebooks.widgets.live_figure import WIDTH, number

LEFT = 68.0  # px, of the drawing and of the sliders above it: names of the rows
TOP, BOTTOM = 122.0, 232.0  # px: probability 1 and 0


def draw_temperature(
    rows: dict[str, Tensor], probs: tuple[list[float], list[float]], numbers: dict[str, float]
) -> Drawing:
    """The calculation's rows by name, one number a prototype; probabilities of teacher and student; the numbers."""
    drawing = Drawing(WIDTH, 306, _finding(numbers, *probs))
    _numbers(drawing, rows)
    _bars(drawing, *probs)
    _sum(drawing, numbers)
    return drawing


def _finding(numbers: dict[str, float], target: list[float], student: list[float]) -> str:
    first = max(range(len(target)), key=target.__getitem__)
    words = f"The teacher gives prototype {first + 1} {target[first]:.0%}, the student {student[first]:.0%}. "
    if numbers["kl"] < 0.005:
        return words + "They agree: KL = 0, and the cross-entropy is the teacher's entropy."
    gap = numbers["student_entropy"] - numbers["entropy"]
    shape = "as flat as" if abs(gap) < 0.005 else "flatter than" if gap > 0 else "more peaked than"
    return words + f"The student is {shape} the teacher; KL = {number(numbers['kl'])} nats."


def _middle(place: int, count: int) -> float:
    return LEFT + (WIDTH - LEFT) * (place + 0.5) / count


def _numbers(drawing: Drawing, rows: dict[str, Tensor]) -> None:
    """The calculation, one row a step, one column a prototype."""
    count = len(rows["logit z"])
    for place in range(count):
        drawing.text(_middle(place, count), 12, str(place + 1), "middle", size=11, bold=True)
    drawing.text(0, 12, "prototype", size=11, bold=True)
    for height, (name, values) in enumerate(rows.items(), start=1):
        drawing.text(0, 12 + 17 * height, name, size=11)
        for place, value in enumerate(values.tolist()):
            drawing.text(_middle(place, count), 12 + 17 * height, number(value), "middle", size=11)


def _bars(drawing: Drawing, target: list[float], student: list[float]) -> None:
    """Two bars a prototype, as high as its probabilities: the teacher's solid, the student's pale with a dashed rim."""
    count = len(target)
    width = min(34.0, (WIDTH - LEFT) / count / 2 - 6)
    drawing.line([(LEFT, BOTTOM), (WIDTH, BOTTOM)], width=1, opacity=0.5)
    drawing.line([(LEFT, TOP), (WIDTH, TOP)], width=1, dash=(1, 4))
    drawing.text(LEFT - 4, TOP + 4, "1", "end", size=11)
    drawing.text(LEFT - 4, BOTTOM + 4, "0", "end", size=11)
    for place in range(count):
        for side, share in ((-1, target[place]), (1, student[place])):
            middle = _middle(place, count) + side * (width / 2 + 2)
            _bar(drawing, middle - width / 2, BOTTOM, width, share * (BOTTOM - TOP), side < 0)
            drawing.text(middle, BOTTOM - share * (BOTTOM - TOP) - 3, number(share), "middle", size=10)
    for height, name in ((TOP + 30, "Pt teacher"), (TOP + 62, "Ps student")):
        drawing.text(0, height, name, size=11)
        _bar(drawing, 0, height + 16, 20, 11, name == "Pt teacher")


def _bar(drawing: Drawing, x: float, y: float, w: float, h: float, teacher: bool) -> None:
    """A bar that stands on (x, y)."""
    drawing.rect(x, y - h, w, h, BLUE if teacher else ORANGE, 1.0 if teacher else 0.45)
    if not teacher:
        drawing.line([(x, y), (x, y - h), (x + w, y - h), (x + w, y)], ORANGE, 1.5, dash=(3, 2))


def _sum(drawing: Drawing, numbers: dict[str, float]) -> None:
    """The loss as a bar of two parts: what the target leaves open, and what the student misses."""
    h, kl, flat = numbers["entropy"], numbers["kl"], numbers["uniform_entropy"]
    px = (WIDTH - LEFT - 2) / max(1.5 * flat, h + kl)
    y, height = 262.0, 16.0
    drawing.text(0, y + 12, "loss, nats", size=11)
    _bar(drawing, LEFT, y + height, h * px, height, True)
    _bar(drawing, LEFT + h * px, y + height, kl * px, height, False)
    drawing.line([(LEFT + flat * px, y - 4), (LEFT + flat * px, y + height + 4)], dash=(2, 2))
    drawing.text(LEFT + flat * px, y - 8, f"ln {_count(flat)} = {number(flat)}, uniform", "middle", size=11)
    words = f"cross-entropy {number(h + kl)}  =  h(Pt) {number(h)} (solid)  +  KL {number(kl)} (dashed)"
    drawing.text(LEFT, y + height + 18, words, size=12)


def _count(flat: float) -> int:
    return round(math.exp(flat))
