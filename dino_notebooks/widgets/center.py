"""The centre follows the teacher's outputs and takes away what they prefer for every picture."""

from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor

from dino_lite import collapse, loss
from dino_notebooks.drawing import BLUE, ORANGE, Drawing
from dino_notebooks.drawing.axes import Axes, ticks
from dino_notebooks.widgets.controls import NumberControl, SwitchControl
from dino_notebooks.widgets.live_figure import CONTROL, WIDTH, Figure, LiveFigure, number, row
from dino_notebooks.widgets.ranges import Range

PICTURES, PROTOTYPES = 6, 8  # the two views of six pictures: twelve rows
FAVOURED = 2  # the place of the prototype that the teacher likes for every picture, counted from 0
CELL, TALL = 22.0, 16.0  # px, of a probability on the sheet
TOP, BASE = 40.0, 290.0  # px, of the sheets, and where the bars below them stand
LEFT_SHEET, RIGHT_SHEET, CHART = 12.0, 222.0, 452.0  # px, where the three parts begin
MOMENTUM = Range("momentum", "m", "momentum", 0.0, 1.0, "0: the centre is the batch mean after one step.", "memory")
OFFSET = Range("offset", "", f"favour to prototype {FAVOURED + 1}", 0.0, 1.0, "Added to its logit in all rows.")


class CenterWidget(LiveFigure):
    """Twelve teacher outputs over eight prototypes, before and after the centre is subtracted.

    momentum: of the centre. offset: what is added to one prototype's logits in every row. teacher_temp: τt. Press
    "one step" and the centre moves towards the batch's mean (paper Eq. 4). `scalar` is the switch that subtracts one
    and the same number, the centre's mean, from every logit instead: softmax does not see it.
    """

    def __init__(
        self, momentum: float = 0.9, offset: float = 0.4, teacher_temp: float = 0.04, steps: int = 0, seed: int = 0
    ) -> None:
        if not teacher_temp > 0:
            raise ValueError(f"teacher_temp must be above 0, got {teacher_temp}.")
        generator = torch.Generator().manual_seed(seed)
        pictures = 0.2 * torch.randn(1, PICTURES, PROTOTYPES, generator=generator)
        self._own = pictures + 0.05 * torch.randn(2, PICTURES, PROTOTYPES, generator=generator)  # two views differ
        self.teacher_temp = teacher_temp
        self.momentum = NumberControl(MOMENTUM, momentum, self.refresh, CONTROL)
        self.offset = NumberControl(OFFSET, offset, self.refresh, CONTROL)
        words = "It moves all logits of a row alike, so their softmax stays."
        self.scalar = SwitchControl("subtract only the mean of C", words, False, self.refresh)
        self.one = widgets.Button(description="one step", layout={"width": "90px"})
        self.ten = widgets.Button(description="ten steps", layout={"width": "90px"})
        self.reset = widgets.Button(description="centre to 0", icon="undo", layout={"width": "110px"})
        self.one.on_click(lambda _: self.step(1))
        self.ten.on_click(lambda _: self.step(10))
        self.reset.on_click(self.restart)
        self.centers = [torch.zeros(PROTOTYPES)]  # one a step
        buttons = widgets.HBox([self.one, self.ten, self.reset], layout={"overflow": "visible"})
        super().__init__([row(self.momentum, self.offset), row(buttons, self.scalar)])
        if steps:
            self.step(steps)

    @property
    def logits(self) -> Tensor:
        """The teacher's outputs (2, 6, 8) as the offset makes them."""
        favour = torch.zeros(PROTOTYPES)
        favour[FAVOURED] = self.offset.value
        return self._own + favour

    def step(self, count: int = 1) -> None:
        """So many updates of the centre on this batch."""
        with self._lock:
            for _ in range(count):
                self.centers.append(loss.update_center(self.centers[-1], self.logits, self.momentum.value))
        self.refresh()

    def restart(self, _: Any = None) -> None:
        """The centre is zero again."""
        self.centers = [torch.zeros(PROTOTYPES)]
        self.refresh()

    def figure(self) -> Figure:
        """Both probabilities and the centre's way, through the library's own functions."""
        center, logits, zero = self.centers[-1], self.logits, torch.zeros(PROTOTYPES)
        mean = loss.update_center(zero, logits, 0.0)  # without memory the centre is the mean of the batch
        taken = center.mean().expand(PROTOTYPES) if self.scalar.box.value else center
        before = loss.teacher_probs(logits, zero, self.teacher_temp)
        after = loss.teacher_probs(logits, taken, self.teacher_temp)
        shares = collapse.marginal(before), collapse.marginal(after)
        numbers = {
            "steps": float(len(self.centers) - 1),
            "center": float(center[FAVOURED]),
            "batch_mean": float(mean[FAVOURED]),
            "share_before": float(shares[0][FAVOURED]),
            "share_after": float(shares[1][FAVOURED]),
            "prototypes_before": float(collapse.effective_prototypes(before)),
            "prototypes_after": float(collapse.effective_prototypes(after)),
            "largest_change": float((after - before).abs().max()),
        }
        name = "z − mean C" if self.scalar.box.value else "z − C"
        drawing = Drawing(WIDTH, 340, _finding(numbers, self.scalar.box.value))
        _sheet(drawing, LEFT_SHEET, "before", "softmax(z / τt)", before, shares[0])
        _sheet(drawing, RIGHT_SHEET, "after", f"softmax(({name}) / τt)", after, shares[1])
        _vectors(drawing, center, mean)
        _way(drawing, [float(c[FAVOURED]) for c in self.centers], numbers["batch_mean"])
        return Figure(drawing, numbers, _line(numbers))


def _finding(numbers: dict[str, float], scalar: bool) -> str:
    named = f"prototype {FAVOURED + 1}"
    if scalar:
        return (
            f"Subtracting one number from all logits changes no probability: {named} keeps "
            f"{numbers['share_after']:.0%} of the batch, softmax is blind to a shift."
        )
    if numbers["largest_change"] < 0.005:
        return (
            f"The centre is (nearly) zero and changes nothing: {named} gets {numbers['share_before']:.0%} of the batch."
        )
    return (
        f"After {numbers['steps']:.0f} steps the centre has changed the share of {named} from "
        f"{numbers['share_before']:.0%} to {numbers['share_after']:.0%}: subtracting a vector is no shift of a row."
    )


def _line(numbers: dict[str, float]) -> str:
    n = numbers
    return (
        f"Step {n['steps']:.0f}: centre of prototype {FAVOURED + 1} {number(n['center'])}, mean of its logits "
        f"{number(n['batch_mean'])}. Its share of the batch: {n['share_before']:.0%} before, {n['share_after']:.0%} "
        f"after; prototypes in use {number(n['prototypes_before'], 1)} before, {number(n['prototypes_after'], 1)} "
        f"after. Largest change of a probability: {number(n['largest_change'], 4)}."
    )


def _sheet(drawing: Drawing, x: float, when: str, name: str, probs: Tensor, shares: Tensor) -> None:
    """A square a probability, its area the probability; below, what share of the batch each prototype gets."""
    drawing.text(x, 14, name, size=12, bold=True)
    for place in range(PROTOTYPES):
        words = str(place + 1)
        drawing.text(x + (place + 0.5) * CELL, TOP - 8, words, "middle", size=11, bold=place == FAVOURED)
    rows = probs.transpose(0, 1).flatten(0, 1).tolist()  # both views of a picture below one another
    for height, line in enumerate(rows):
        y = TOP + (height + 0.5) * TALL
        if height and height % 2 == 0:
            drawing.line([(x, y - TALL / 2), (x + PROTOTYPES * CELL, y - TALL / 2)], width=0.5, opacity=0.3)
        for place, share in enumerate(line):
            side = (TALL - 1) * share**0.5
            if side >= 0.5:
                drawing.rect(x + (place + 0.5) * CELL - side / 2, y - side / 2, side, side, BLUE)
    drawing.line([(x, BASE), (x + PROTOTYPES * CELL, BASE)], width=1, opacity=0.5)
    for place, share in enumerate(shares.tolist()):
        drawing.rect(x + place * CELL + 4, BASE - 44 * share, CELL - 8, 44 * share, BLUE)
        words = f"{100 * share:.0f}"
        drawing.text(x + (place + 0.5) * CELL, BASE + 13, words, "middle", size=11, bold=place == FAVOURED)
    drawing.text(x, BASE + 29, f"share of the batch {when}, in %", size=11)
    drawing.text(x, BASE + 45, "area = probability, per view", size=11)


def _vectors(drawing: Drawing, center: Tensor, mean: Tensor) -> None:
    """Centre and mean of the batch, a pair of bars a prototype around zero."""
    drawing.text(CHART, 14, "centre C and mean of z", size=12, bold=True)
    width, zero = (WIDTH - CHART) / PROTOTYPES, 108.0
    px = 58 / max(0.1, float(torch.stack([center, mean]).abs().max()))
    drawing.line([(CHART, zero), (WIDTH, zero)], width=1, opacity=0.5)
    for place, (c, m) in enumerate(zip(center.tolist(), mean.tolist(), strict=True)):
        x = CHART + place * width
        drawing.rect(x + 2, zero - max(0.0, c * px), width / 2 - 2, abs(c * px), BLUE)
        outline = [(x + width / 2, zero), (x + width / 2, zero - m * px), (x + width - 2, zero - m * px)]
        drawing.line([*outline, (x + width - 2, zero)], ORANGE, 1.5, dash=(3, 2))
        drawing.text(x + width / 2, TOP - 8, str(place + 1), "middle", size=11, bold=place == FAVOURED)
    _key(drawing, 166)


def _key(drawing: Drawing, y: float) -> None:
    drawing.line([(CHART, y - 4), (CHART + 16, y - 4)], BLUE, 5)
    drawing.text(CHART + 21, y, "centre", size=11)
    drawing.line([(CHART + 74, y - 4), (CHART + 90, y - 4)], ORANGE, 1.8, dash=(3, 2))
    drawing.text(CHART + 95, y, "batch mean", size=11)


def _way(drawing: Drawing, way: list[float], mean: float) -> None:
    """The centre of the favoured prototype over the steps, and the mean that it runs after."""
    last = max(10, len(way) - 1)
    values = [0.0, mean, *way]
    box = (CHART + 30, 206.0, WIDTH - 12, 310.0)
    low, high = min(values), max(0.1, *values)
    axes = Axes(drawing, box, (0.0, float(last)), (low, high + 0.1 * (high - low)))
    axes.frame([0, last], ticks(low, high, 3), "steps")
    drawing.text(CHART, 194, f"prototype {FAVOURED + 1}", size=11, bold=True)
    axes.curve([(0.0, mean), (float(last), mean)], ORANGE, (3, 2))
    axes.curve([(float(step), value) for step, value in enumerate(way)], BLUE)
