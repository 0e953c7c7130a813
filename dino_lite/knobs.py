"""The knobs of a running DINO: what may change from one step to the next, and where schedules put it.

A plain dict, so that a step log can be printed, stored and replayed:
    student_temp, teacher_temp     τs, τt
    center_momentum, ema_momentum  m, λ
    lr, weight_decay               of this step, the batch's size already in them
    centering, sharpening, ema     False: no centre is subtracted; τt = τs; the teacher is the student's copy
    target                         "center", "sinkhorn" or "batch_softmax"
    freeze_last_layer              True: the prototypes stay as they are
"""

from typing import Any

from dino_lite.config import TARGETS, DinoConfig
from dino_lite.schedules import cosine, linear_warmup, warmup_cosine

Knobs = dict[str, Any]

_RANGES = {
    "student_temp": (1e-6, float("inf")),
    "teacher_temp": (1e-6, float("inf")),
    "center_momentum": (0.0, 1.0),
    "ema_momentum": (0.0, 1.0),
    "lr": (0.0, float("inf")),
    "weight_decay": (0.0, float("inf")),
}
_SWITCHES = ("centering", "sharpening", "ema", "freeze_last_layer")


def base_knobs(config: DinoConfig) -> Knobs:
    """The config's values without any schedule: what `Dino.train_step` uses for knobs it is not given."""
    return {
        "student_temp": config.student_temp,
        "teacher_temp": config.teacher_temp,
        "center_momentum": config.center_momentum,
        "ema_momentum": config.ema_momentum,
        "lr": config.peak_lr,
        "weight_decay": config.weight_decay,
        "centering": True,
        "sharpening": True,
        "ema": True,
        "target": config.target,
        "freeze_last_layer": False,
    }


def scheduled_knobs(config: DinoConfig, step: int, total: int) -> Knobs:
    """All knobs at `step` of a run of `total` steps: the paper's schedules (§3.1, §4.1), by step."""
    warmup = round(config.warmup_share * total)
    temp_warmup = round(config.warmup_teacher_temp_share * total)
    return base_knobs(config) | {
        "teacher_temp": linear_warmup(step, temp_warmup, config.warmup_teacher_temp, config.teacher_temp),
        "ema_momentum": cosine(step, total, config.ema_momentum, 1.0),
        "lr": warmup_cosine(step, total, warmup, config.peak_lr, config.min_lr),
        "weight_decay": cosine(step, total, config.weight_decay, config.weight_decay_end),
        "freeze_last_layer": step < round(config.freeze_last_layer_share * total),
    }


def check_knobs(knobs: Knobs) -> None:
    """ValueError for a knob that does not exist or a value it cannot have."""
    for name, value in knobs.items():
        if name in _RANGES:
            low, high = _RANGES[name]
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (number and low <= value <= high):  # the comparison is also false for NaN
                raise ValueError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}.")
        elif name in _SWITCHES:
            if not isinstance(value, bool):
                raise ValueError(f"{name} must be True or False, got {value!r}.")
        elif name == "target":
            if value not in TARGETS:
                raise ValueError(f"target must be one of {', '.join(TARGETS)}, got {value!r}.")
        else:
            known = ", ".join([*_RANGES, *_SWITCHES, "target"])
            raise ValueError(f"There is no knob {name!r}; the knobs are {known}.")
