"""Logits become probabilities, for teacher and student at once: centre, temperature, entropy, CE = h + KL."""

import math
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import torch

from dino_lite import collapse, loss
from dino_notebooks.widgets.controls import NumberControl
from dino_notebooks.widgets.live_figure import CONTROL, WIDTH, Figure, LiveFigure, number, row
from dino_notebooks.widgets.ranges import Range
from dino_notebooks.widgets.temperature_drawing import LEFT, draw_temperature

LOGITS = (0.32, 0.25, 0.10, -0.05, -0.20, 0.15)  # DINO's are cosines: between -1 and 1
CENTER = (0.20, 0.0, 0.0, 0.0, 0.0, 0.0)  # what the teacher prefers for every picture: here prototype 1
TEACHER_TEMP = Range("teacher_temp", "τt", "teacher temperature", 0.01, 1.0, "Low: a peaked target.", "log")
STUDENT_TEMP = Range("student_temp", "τs", "student temperature", 0.01, 1.0, "Above τt: the student is flatter.", "log")


class TemperatureWidget(LiveFigure):
    """One row of logits on its way to probabilities. The teacher subtracts the centre and divides by τt, the student
    divides by τs; below, how the loss between them is made.

    logits, center: 2 to 8 numbers from -1 to 1, one a prototype. `teacher_temp` and `student_temp` are controls;
    `logit_sliders` and `center_fields` are lists of them. Try: τt = τs and a centre of zeros.
    """

    def __init__(
        self,
        logits: Sequence[float] = LOGITS,
        center: Sequence[float] | None = None,
        teacher_temp: float = 0.04,
        student_temp: float = 0.1,
    ) -> None:
        center = center if center is not None else CENTER if tuple(logits) == LOGITS else [0.0] * len(logits)
        _require(logits, center)
        self.logits, self.center = [float(x) for x in logits], [float(x) for x in center]
        self._first = (list(self.logits), list(self.center))
        self._quiet = False
        self.teacher_temp = NumberControl(TEACHER_TEMP, teacher_temp, self.refresh, CONTROL)
        self.student_temp = NumberControl(STUDENT_TEMP, student_temp, self.refresh, CONTROL)
        self.logit_sliders = [
            widgets.FloatSlider(
                x, min=-1, max=1, step=0.01, orientation="vertical", readout=False, layout={"height": "96px"}
            )
            for x in self.logits
        ]
        self.logit_fields = [_field(x, f"logit {i}") for i, x in enumerate(self.logits, start=1)]
        self.center_fields = [_field(x, f"centre {i}") for i, x in enumerate(self.center, start=1)]
        self.reset = widgets.Button(description="reset logits and centre", icon="undo", layout={"width": "190px"})
        for place in range(len(self.logits)):
            for part in (self.logit_sliders[place], self.logit_fields[place]):
                part.observe(lambda change, place=place: self.set_logit(place, change["new"]), "value")
            self.center_fields[place].observe(
                lambda change, place=place: self.set_center(place, change["new"]), "value"
            )
        self.reset.on_click(self._reset)
        super().__init__([row(self.teacher_temp, self.student_temp), self._table(), self.reset])

    def set_logit(self, place: int, value: float) -> None:
        """Set the logit of the prototype at this place, counted from 0."""
        self._set(self.logits, place, value)

    def set_center(self, place: int, value: float) -> None:
        """Set the centre of the prototype at this place, counted from 0."""
        self._set(self.center, place, value)

    def figure(self) -> Figure:
        """The calculation as the controls are set, through the library's own functions."""
        tau_t, tau_s = self.teacher_temp.value, self.student_temp.value
        z, center = torch.tensor(self.logits), torch.tensor(self.center)
        views = z.expand(2, 1, -1)  # the library wants both views of a batch: twice the same row
        target = loss.teacher_probs(views, center, tau_t)
        student = loss.teacher_probs(views, torch.zeros_like(z), tau_s)  # the student has no centre
        entropy_t, entropy_s = float(collapse.entropy(target)[0, 0]), float(collapse.entropy(student)[0, 0])
        cross = float(loss.dino_loss(views, target, tau_s))
        numbers = {
            "entropy": entropy_t,
            "student_entropy": entropy_s,
            "cross_entropy": cross,
            "kl": max(0.0, cross - entropy_t),
            "uniform_entropy": math.log(len(z)),
        }
        line = (
            f"Entropy: teacher {number(entropy_t)}, student {number(entropy_s)} nats (uniform: "
            f"{number(numbers['uniform_entropy'])}). Cross-entropy {number(cross)} = h(Pt) {number(entropy_t)} "
            f"+ KL {number(numbers['kl'])}."
        )
        probs = (target[0, 0].tolist(), student[0, 0].tolist())
        rows = {
            "logit z": z,
            "centre C": center,
            "z − C": z - center,
            "(z − C) / τt": (z - center) / tau_t,
            "z / τs": z / tau_s,
        }
        drawing = draw_temperature(rows, probs, numbers)
        return Figure(drawing, numbers, line)

    def _set(self, values: list[float], place: int, value: float) -> None:
        if self._quiet:
            return
        if math.isfinite(value):
            values[place] = round(min(1.0, max(-1.0, value)), 3)  # a slider gives 0.060000000000000005
        self._show()

    def _reset(self, _: Any) -> None:
        self.logits, self.center = list(self._first[0]), list(self._first[1])
        self._show()

    def _show(self) -> None:
        self._quiet = True
        try:
            for parts, values in (
                (self.logit_sliders, self.logits),
                (self.logit_fields, self.logits),
                (self.center_fields, self.center),
            ):
                for part, value in zip(parts, values, strict=True):
                    part.value = value
        finally:
            self._quiet = False
        self.refresh()

    def _table(self) -> widgets.GridBox:
        """The sliders and fields, in columns that stand above those of the drawing."""
        sliders = [widgets.HBox([s], layout={"justify_content": "center"}) for s in self.logit_sliders]
        names = [widgets.HTML(name, layout={"margin": "0"}) for name in ("", "logit z", "centre C")]
        cells = [names[0], *sliders, names[1], *self.logit_fields, names[2], *self.center_fields]
        columns = f"{100 * LEFT / WIDTH:.2f}% repeat({len(self.logits)}, minmax(0, 1fr))"
        return widgets.GridBox(
            cells,
            layout={
                "grid_template_columns": columns,
                "max_width": f"{WIDTH:g}px",
                "overflow": "visible",
                "grid_gap": "2px 0",
            },
        )


def _field(value: float, name: str) -> widgets.BoundedFloatText:
    field = widgets.BoundedFloatText(
        value, min=-1, max=1, step=0.01, layout={"width": "auto", "margin": "0 8px 0 4px", "min_width": "0"}
    )
    field.tooltip = f"{name}, from -1 to 1"
    return field


def _require(logits: Sequence[float], center: Sequence[float]) -> None:
    if not 2 <= len(logits) <= 8 or len(center) != len(logits):
        raise ValueError(f"Give 2 to 8 logits and as many numbers of a centre, got {len(logits)} and {len(center)}.")
    if not all(-1 <= x <= 1 for x in (*logits, *center)):  # also false for NaN
        raise ValueError(f"Logits and centre must lie from -1 to 1, got {list(logits)} and {list(center)}.")
