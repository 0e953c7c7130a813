"""The pre-flight: its facts for a run worked out by hand, and each warning exactly when it should come.

Run: pytest tests/dino_lite/test_preflight.py
"""

import dataclasses
import math
from typing import Any

import pytest

from dino_lite import DinoConfig
from dino_lite.preflight import memory, preflight

# no cause for any warning: 1000 steps of 20 an epoch
CALM = dataclasses.replace(DinoConfig.lab(), batch_size=50, ema_momentum=0.99, center_momentum=0.9, out_dim=256)
COUNT, STEPS = 1000, 1000
WARNINGS = {
    "one batch": "One epoch is one batch",
    "teacher": "The teacher remembers",
    "centre": "The centre remembers",
    "sharpening": "nothing sharpens the targets",
    "hot start": "A teacher temperature above 0.06 from the start",
    "no teacher": "the teacher is nearly the student itself",
    "shares": "cannot share",
}


def warned(count: int = COUNT, steps: int = STEPS, **changes: Any) -> set[str]:
    """Which warnings come, by their short names."""
    _, warnings = preflight(dataclasses.replace(CALM, **changes), count, steps)
    found = {name for name, text in WARNINGS.items() for warning in warnings if text in warning}
    assert len(found) == len(warnings)  # each has one of the names
    return found


def test_memory() -> None:
    """1 / (1 - m): what the paper's momentums look back on."""
    assert [round(memory(m)) for m in (0.0, 0.5, 0.9, 0.99, 0.996)] == [1, 2, 10, 100, 250]
    assert memory(1.0) == math.inf


def test_facts() -> None:
    """The numbers of a run by hand: 1010 pictures in batches of 50, 100 steps."""
    facts, warnings = preflight(CALM, 1010, 250)
    text = " ".join(facts)
    for part in (
        "1010 pictures, batches of 50: 20 steps an epoch, 250 steps = 12.5 epochs.",
        "teacher remembers 100 steps (momentum 0.99), the centre 10 (momentum 0.9).",
        "teacher 0.04, student 0.1. 256 prototypes, 100 targets a step; ln K = 5.55.",
    ):
        assert part in text
    assert warnings == []


def test_momentum_one() -> None:
    """Remembers all, not "inf"."""
    facts, warnings = preflight(dataclasses.replace(CALM, ema_momentum=1.0, center_momentum=1.0), COUNT, STEPS)
    assert "The teacher remembers all steps (momentum 1.0), the centre all (momentum 1.0)." in facts
    assert [warning.split(" and")[0] for warning in warnings] == [
        "The teacher remembers all of 1000 steps",
        "The centre remembers all of 1000 steps",
    ]


@pytest.mark.parametrize("preset", [DinoConfig.lab, DinoConfig.small])
def test_presets_on_the_emoji_need_no_warning(preset: Any) -> None:
    """Their whole runs; the paper's on ImageNet too."""
    config = preset()
    assert preflight(config, 3348, config.epochs * (3348 // config.batch_size))[1] == []
    paper = DinoConfig.paper_vit_s16()
    assert preflight(paper, 1_281_167, paper.epochs * (1_281_167 // 1024))[1] == []


def test_calm_run() -> None:
    """Nothing to say."""
    assert warned() == set()


@pytest.mark.parametrize(
    ("name", "just", "not_yet"),
    [
        ("one batch", dict(count=99), dict(count=100)),  # dino#246: one step an epoch, and the loss rises to ln K
        ("teacher", dict(steps=199), dict(steps=200)),
        ("teacher", dict(ema_momentum=0.9985), dict(ema_momentum=0.998)),
        ("centre", dict(center_momentum=0.995), dict(center_momentum=0.99)),
        ("sharpening", dict(teacher_temp=0.1), dict(teacher_temp=0.0999)),
        ("sharpening", dict(teacher_temp=0.3), dict(teacher_temp=0.3, student_temp=0.4)),  # dino#61
        ("hot start", dict(teacher_temp=0.07, warmup_teacher_temp=0.07), dict(teacher_temp=0.07)),
        ("no teacher", dict(ema_momentum=0.49), dict(ema_momentum=0.5)),
        ("no teacher", dict(ema_momentum=0.0), dict(ema_momentum=0.9)),
        ("shares", dict(target="sinkhorn", out_dim=3201), dict(target="sinkhorn", out_dim=3200)),
        ("shares", dict(target="batch_softmax", out_dim=3201), dict(target="center", out_dim=3201)),
    ],
)
def test_warning_comes_exactly_then(name: str, just: dict[str, Any], not_yet: dict[str, Any]) -> None:
    """On one side of its limit alone, on the other not at all."""
    assert warned(**just) == {name}
    assert name not in warned(**not_yet)


def test_centre_matters_only_where_it_is_used() -> None:
    """Sinkhorn-Knopp and batch softmax have none, and so no memory and no hot start."""
    for target in ("sinkhorn", "batch_softmax"):
        changes = dict(target=target, center_momentum=0.999, teacher_temp=0.07, warmup_teacher_temp=0.07)
        assert warned(**changes) == set()


@pytest.mark.parametrize("steps", [12, 20, 50, 199])
def test_advice_works(steps: int) -> None:
    """The momentum that the warning about the teacher names brings no warning of its own."""
    _, warnings = preflight(dataclasses.replace(CALM, center_momentum=0.0), COUNT, steps)
    (advice,) = warnings
    assert f"remembers 100 of {steps} steps" in advice
    momentum = float(advice.rsplit(" ", 1)[1].rstrip("."))
    assert warned(steps=steps, ema_momentum=momentum, center_momentum=0.0) == set()


def test_several_at_once() -> None:
    """The user of dino#246: a data set of hardly more than a batch, for few steps."""
    assert warned(count=60, steps=20, ema_momentum=0.996, teacher_temp=0.2) == {
        "one batch", "teacher", "centre", "sharpening",
    }  # fmt: skip


def test_batch_larger_than_the_data_set() -> None:
    """An error, not a warning."""
    with pytest.raises(ValueError, match="larger than the data set"):
        preflight(CALM, 49, 100)
