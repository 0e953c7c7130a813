"""Schedules against numpy's arrays for a whole run, as the authors' code lays them out, and against golden values.

Then the knobs that follow them, and what `check_knobs` refuses. Run: pytest tests/dino_lite/test_schedules.py
"""

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from dino_lite.config import DinoConfig
from dino_lite.knobs import base_knobs, check_knobs, scheduled_knobs
from dino_lite.schedules import cosine, linear_warmup, warmup_cosine


def cosine_array(total: int, start: float, end: float) -> np.ndarray:
    """end + (start - end) · (1 + cos(π i / T)) / 2 for i = 0 ... T - 1."""
    return end + 0.5 * (start - end) * (1 + np.cos(np.pi * np.arange(total) / total))


def lr_array(total: int, warmup: int, peak: float, end: float) -> np.ndarray:
    """The authors' layout: linspace(0, peak, warmup), then a cosine over the rest."""
    return np.concatenate([np.linspace(0, peak, warmup), cosine_array(total - warmup, peak, end)])


def temperature_array(total: int, warmup: int, start: float, end: float) -> np.ndarray:
    """linspace over the warm-up, then constant."""
    return np.concatenate([np.linspace(start, end, warmup), np.full(total - warmup, end)])


# --- golden values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("percent", "momentum"),
    [(0, 0.996), (25, 0.9965858), (50, 0.998), (75, 0.9994142), (90, 0.9999021), (100, 1.0)],
)
@pytest.mark.parametrize("total", [100, 125_100])
def test_momentum_of_the_teacher(percent: int, momentum: float, total: int) -> None:
    assert cosine(percent * total // 100, total, 0.996, 1.0) == pytest.approx(momentum, abs=1e-7)


@pytest.mark.parametrize(("percent", "decay"), [(0, 0.04), (50, 0.22), (100, 0.4)])
def test_weight_decay(percent: int, decay: float) -> None:
    assert cosine(10 * percent, 1000, 0.04, 0.4) == pytest.approx(decay)


def test_learning_rate_at_the_joints() -> None:
    """ViT-S/16 in the paper: batch 1024, so 0.002 at the top, after 10 of 100 epochs."""
    rates = [warmup_cosine(step, 1000, 100, 0.002, 1e-6) for step in range(1000)]
    assert rates[0] == 0
    assert rates[1] == pytest.approx(0.002 / 99)
    assert rates[99] == rates[100] == 0.002  # the end of the warm-up and the beginning of the cosine
    assert rates[98] < 0.002 > rates[101]
    assert 1e-6 < rates[999] < 1.1e-6  # just above the end, which step 1000 would have
    assert warmup_cosine(1000, 1000, 100, 0.002, 1e-6) == pytest.approx(1e-6)


# --- whole runs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("total", [1, 2, 7, 100])
@pytest.mark.parametrize(("start", "end"), [(0.996, 1.0), (0.04, 0.4), (0.002, 1e-6), (0.5, 0.5)])
def test_cosine_as_numpys_array(total: int, start: float, end: float) -> None:
    found = [cosine(step, total, start, end) for step in range(total)]
    np.testing.assert_allclose(found, cosine_array(total, start, end), rtol=1e-12)


@pytest.mark.parametrize("warmup", [0, 2, 3, 30, 100])
def test_linear_warmup_as_numpys_array(warmup: int) -> None:
    found = [linear_warmup(step, warmup, 0.04, 0.07) for step in range(100)]
    np.testing.assert_allclose(found, temperature_array(100, warmup, 0.04, 0.07), rtol=1e-12)


@pytest.mark.parametrize(("total", "warmup"), [(100, 0), (100, 2), (100, 10), (7, 3), (5, 5)])
def test_warmup_cosine_as_numpys_array(total: int, warmup: int) -> None:
    found = [warmup_cosine(step, total, warmup, 0.002, 1e-6) for step in range(total)]
    np.testing.assert_allclose(found, lr_array(total, warmup, 0.002, 1e-6), rtol=1e-12)


# --- the ends -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("warmup", [0, 1])
def test_no_warmup_to_speak_of_begins_at_the_end(warmup: int) -> None:
    """numpy's linspace(0, peak, 1) is [0]: a whole first step with a learning rate of zero."""
    assert linear_warmup(0, warmup, 0.04, 0.07) == 0.07
    assert warmup_cosine(0, 10, warmup, 0.002, 1e-6) == 0.002


@pytest.mark.parametrize("beyond", [0, 1, 1000])
def test_steps_beyond_the_run_keep_the_last_value(beyond: int) -> None:
    assert cosine(50 + beyond, 50, 0.996, 1.0) == 1.0
    assert linear_warmup(50 + beyond, 10, 0.04, 0.07) == 0.07
    assert warmup_cosine(50 + beyond, 50, 10, 0.002, 1e-6) == pytest.approx(1e-6)


def test_runs_of_no_length() -> None:
    assert cosine(0, 0, 0.996, 1.0) == 1.0
    assert warmup_cosine(5, 5, 5, 0.002, 1e-6) == 1e-6  # nothing but warm-up, and then past it
    assert warmup_cosine(4, 3, 5, 0.002, 1e-6) == 0.002  # a warm-up longer than the run is a warm-up still


# --- knobs --------------------------------------------------------------------------------------------------

CONFIG = DinoConfig(
    batch_size=512,
    lr=0.001,
    min_lr=1e-5,
    teacher_temp=0.07,
    warmup_share=0.1,
    warmup_teacher_temp_share=0.3,
    freeze_last_layer_share=0.05,
    student_temp=0.2,
    center_momentum=0.8,
    ema_momentum=0.99,
    target="sinkhorn",
)


@pytest.mark.parametrize("total", [40, 100])
def test_scheduled_knobs_over_a_run(total: int) -> None:
    knobs = [scheduled_knobs(CONFIG, step, total) for step in range(total)]
    expected = {
        "lr": lr_array(total, total // 10, 0.002, 1e-5),  # 0.001 · 512 / 256
        "teacher_temp": temperature_array(total, total * 3 // 10, 0.04, 0.07),
        "ema_momentum": cosine_array(total, 0.99, 1.0),
        "weight_decay": cosine_array(total, 0.04, 0.4),
    }
    for name, values in expected.items():
        np.testing.assert_allclose([k[name] for k in knobs], values, rtol=1e-12, err_msg=name)
    assert [k["freeze_last_layer"] for k in knobs] == [step < total // 20 for step in range(total)]
    for k in knobs:
        check_knobs(k)
        assert (k["student_temp"], k["center_momentum"], k["target"]) == (0.2, 0.8, "sinkhorn")
        assert k["centering"] is k["sharpening"] is k["ema"] is True


def test_scheduled_knobs_of_the_shortest_run() -> None:
    knobs = scheduled_knobs(CONFIG, 0, 1)
    assert knobs["lr"] == pytest.approx(0.002)
    assert knobs["freeze_last_layer"] is False


def test_base_knobs_are_the_configs_values() -> None:
    assert base_knobs(CONFIG) == {
        "student_temp": 0.2,
        "teacher_temp": 0.07,
        "center_momentum": 0.8,
        "ema_momentum": 0.99,
        "lr": 0.002,
        "weight_decay": 0.04,
        "centering": True,
        "sharpening": True,
        "ema": True,
        "target": "sinkhorn",
        "freeze_last_layer": False,
    }
    assert base_knobs(CONFIG).keys() == scheduled_knobs(CONFIG, 3, 10).keys()
    check_knobs(base_knobs(CONFIG))


@pytest.mark.parametrize("batch_size", [32, 256, 1024])
def test_learning_rate_grows_with_the_batch(batch_size: int) -> None:
    config = dataclasses.replace(CONFIG, batch_size=batch_size)
    assert scheduled_knobs(config, 9, 100)["lr"] == pytest.approx(0.001 * batch_size / 256)


@pytest.mark.parametrize(
    "knobs",
    [
        {},
        {"center_momentum": 0, "ema_momentum": 1},
        {"center_momentum": 1.0, "ema_momentum": 0.0, "lr": 0, "weight_decay": 0.0},
        {"student_temp": 10, "teacher_temp": 1e-3},
        {"centering": False, "sharpening": False, "ema": False, "freeze_last_layer": True},
        {"target": "batch_softmax"},
    ],
    ids=str,
)
def test_knobs_at_the_ends_of_their_ranges(knobs: dict[str, Any]) -> None:
    check_knobs(knobs)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("center_momentum", 1.1, r"center_momentum must be a number from 0 to 1, got 1\.1\."),
        ("center_momentum", -0.1, r"center_momentum must be a number from 0 to 1, got -0\.1\."),
        ("ema_momentum", math.nan, r"ema_momentum must be a number from 0 to 1, got nan\."),
        ("ema_momentum", "0.9", r"ema_momentum must be a number .*, got '0\.9'\."),
        ("ema_momentum", None, r"ema_momentum must be a number .*, got None\."),
        ("ema_momentum", True, r"ema_momentum must be a number .*, got True\."),
        ("student_temp", 0, r"student_temp must be a number from 1e-06 .*, got 0\."),
        ("teacher_temp", -0.04, r"teacher_temp must be a number .*, got -0\.04\."),
        ("lr", -1e-3, r"lr must be a number from 0 .*, got -0\.001\."),
        ("weight_decay", [0.1], r"weight_decay must be a number .*, got \[0\.1\]\."),
        ("centering", 1, r"centering must be True or False, got 1\."),
        ("sharpening", None, r"sharpening must be True or False, got None\."),
        ("ema", "no", r"ema must be True or False, got 'no'\."),
        ("freeze_last_layer", 0, r"freeze_last_layer must be True or False, got 0\."),
        ("target", "centre", r"target must be one of center, sinkhorn, batch_softmax, got 'centre'\."),
        (
            "teacher_temperature",
            0.04,
            r"There is no knob 'teacher_temperature'; the knobs are .*teacher_temp,.*\.",
        ),
    ],
)
def test_knobs_that_cannot_be(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        check_knobs({"lr": 0.1, name: value})


def test_every_knob_is_checked() -> None:
    """No knob of a run passes with a value of the wrong kind."""
    for name in base_knobs(CONFIG):
        with pytest.raises(ValueError, match=f"^{name} must be"):
            check_knobs({name: ()})
