"""DinoConfig: the paper's defaults, what is refused and in which words, presets, copies and JSON.

Run: pytest tests/dino_lite/test_config.py
"""

import dataclasses
import json
import math
from typing import Any

import pytest

from dino_lite.config import DinoConfig

PRESETS = [DinoConfig, DinoConfig.lab, DinoConfig.small, DinoConfig.paper_vit_s16]


# --- values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("global_size", 224),
        ("local_size", 96),
        ("n_local", 8),
        ("global_scale", (0.4, 1.0)),
        ("local_scale", (0.05, 0.4)),
        ("jitter", (0.4, 0.4, 0.2, 0.1)),
        ("jitter_prob", 0.8),
        ("grey_prob", 0.2),
        ("blur_probs", (1.0, 0.1, 0.5)),
        ("blur_sigma", (0.1, 2.0)),
        ("solarize_prob", 0.2),
        ("patch_size", 16),
        ("dim", 384),
        ("depth", 12),
        ("heads", 6),
        ("drop_path", 0.1),
        ("head_hidden", 2048),
        ("bottleneck", 256),
        ("out_dim", 65536),
        ("head_bn", False),
        ("norm_last_layer", True),
        ("student_temp", 0.1),
        ("warmup_teacher_temp", 0.04),
        ("teacher_temp", 0.04),
        ("center_momentum", 0.9),
        ("koleo_weight", 0.0),
        ("ema_momentum", 0.996),
        ("batch_size", 64),
        ("epochs", 100),
        ("lr", 0.0005),
        ("min_lr", 1e-6),
        ("weight_decay", 0.04),
        ("weight_decay_end", 0.4),
        ("clip_grad", 3.0),
    ],
)
def test_defaults_are_the_official_ones(name: str, value: Any) -> None:
    """From main_dino.py, as listed in the project's notes on the paper."""
    assert getattr(DinoConfig(), name) == value


def test_shares_are_the_papers_epochs_of_a_hundred() -> None:
    config = DinoConfig()
    shares = (config.warmup_share, config.warmup_teacher_temp_share, config.freeze_last_layer_share)
    assert [100 * share for share in shares] == pytest.approx([10, 30, 1])


def test_the_papers_run() -> None:
    config = DinoConfig.paper_vit_s16()
    assert (config.batch_size, config.warmup_teacher_temp, config.teacher_temp) == (1024, 0.04, 0.07)
    assert config.peak_lr == pytest.approx(0.002)
    assert config.n_views == 10


@pytest.mark.parametrize("batch_size", [64, 256, 512])
def test_peak_learning_rate_is_linear_in_the_batch(batch_size: int) -> None:
    assert DinoConfig(lr=0.001, batch_size=batch_size).peak_lr == pytest.approx(0.001 * batch_size / 256)


@pytest.mark.parametrize("n_local", [0, 2, 10])
def test_number_of_views(n_local: int) -> None:
    assert DinoConfig(n_local=n_local).n_views == 2 + n_local


def test_lab_is_small_enough_for_a_core() -> None:
    from dino_lite.network import Network

    config = DinoConfig.lab()
    assert sum(p.numel() for p in Network(config).parameters()) < 1_000_000
    assert config.global_size <= config.picture_size <= 64
    assert config.out_dim <= 4096


# --- a frozen dataclass -------------------------------------------------------------------------------------


def test_it_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        DinoConfig().lr = 0.1  # type: ignore[misc]


def test_replace_makes_a_checked_copy() -> None:
    config = DinoConfig.lab()
    other = dataclasses.replace(config, n_local=6, ema_momentum=0.9)
    assert (other.n_local, other.ema_momentum, other.dim) == (6, 0.9, config.dim)
    assert config == DinoConfig.lab() != other
    assert hash(config) == hash(DinoConfig.lab())
    with pytest.raises(ValueError, match=r"^ema_momentum must be between 0 and 1, got 1\.5\.$"):
        dataclasses.replace(config, ema_momentum=1.5)


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"global_size": 100}, r"global_size must be a multiple of patch_size \(16 px\), got 100: try 96\."),
        ({"local_size": 8}, r"local_size must be a multiple of patch_size \(16 px\), got 8: try 16\."),
        ({"patch_size": 14}, r"local_size must be a multiple of patch_size \(14 px\), got 96: try 98\."),
        ({"local_size": 0}, r"local_size must be a multiple of .*, got 0: try 16\."),
        ({"global_size": -224}, r"global_size must be a multiple of .*, got -224: try 16\."),
        ({"patch_size": 0}, r"patch_size must be at least 1, got 0\."),
        ({"patch_size": -16}, r"patch_size must be at least 1, got -16\."),
        ({"dim": 100}, r"dim must be a multiple of heads \(6\), got 100\."),
        ({"heads": 0}, r"heads must be at least 1, got 0\."),
        ({"depth": 0}, r"depth must be at least 1, got 0\."),
        ({"out_dim": 0}, r"out_dim must be at least 1, got 0\."),
        ({"n_local": -1}, r"n_local must be at least 0, got -1\."),
        ({"batch_size": 0}, r"batch_size must be at least 1, got 0\."),
        ({"epochs": 0}, r"epochs must be at least 1, got 0\."),
        ({"accumulate": 0}, r"accumulate must be at least 1, got 0\."),
        ({"accumulate": 3}, r"batch_size \(64\) must be a multiple of accumulate, got 3\."),
        ({"ema_momentum": 1.01}, r"ema_momentum must be between 0 and 1, got 1\.01\."),
        ({"center_momentum": -0.1}, r"center_momentum must be between 0 and 1, got -0\.1\."),
        ({"ema_momentum": math.nan}, r"ema_momentum must be between 0 and 1, got nan\."),
        ({"jitter_prob": 2}, r"jitter_prob must be between 0 and 1, got 2\."),
        ({"drop_path": -0.1}, r"drop_path must be between 0 and 0\.999, got -0\.1\."),
        (
            {"drop_path": 1.0},
            r"drop_path must be between 0 and 0\.999, got 1\.0\.",
        ),  # would leave nothing to learn
        ({"warmup_share": 1.5}, r"warmup_share must be between 0 and 1, got 1\.5\."),
        ({"student_temp": 0}, r"student_temp must be at least 1e-06, got 0\."),
        ({"teacher_temp": -0.04}, r"teacher_temp must be at least 1e-06, got -0\.04\."),
        ({"warmup_teacher_temp": math.nan}, r"warmup_teacher_temp must be at least 1e-06, got nan\."),
        ({"koleo_weight": -0.1}, r"koleo_weight must be at least 0, got -0\.1\."),
        ({"lr": -1.0}, r"lr must be at least 0, got -1\.0\."),
        ({"clip_grad": -1.0}, r"clip_grad must be at least 0, got -1\.0\."),
        ({"global_scale": (0.0, 1.0)}, r"global_scale must be \(low, high\) with .*, got \(0\.0, 1\.0\)\."),
        ({"global_scale": (0.5, 1.1)}, r"global_scale must be \(low, high\) with .*, got \(0\.5, 1\.1\)\."),
        ({"local_scale": (0.4, 0.05)}, r"local_scale must be \(low, high\) with .*, got \(0\.4, 0\.05\)\."),
        ({"target": "centre"}, r"target must be one of center, sinkhorn, batch_softmax, got 'centre'\."),
        ({"precision": "fp16"}, r"precision must be auto, bf16 or fp32, got 'fp16'\."),
    ],
    ids=str,
)
def test_refused_in_one_sentence(fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        DinoConfig(**fields)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_local", 1.5),
        ("out_dim", 64.0),
        ("batch_size", "8"),
        ("lr", "0.1"),
        ("lr", None),
        ("jitter", (0.4, 0.4)),
        ("jitter", 0.4),
        ("blur_probs", (1.0,)),
        ("blur_probs", (1.5, 0.1, 0.5)),
        ("global_scale", (0.4,)),
        ("local_scale", 0.4),
    ],
)
def test_values_of_another_kind_or_number_are_refused_as_well(name: str, value: Any) -> None:
    """Or they would stop the run in its first step, with a message about tensors."""
    with pytest.raises(ValueError, match=rf"^[^\n]*{name}[^\n]* must [^\n]*\.$"):
        DinoConfig(**{name: value})


@pytest.mark.parametrize(
    "fields",
    [
        {"n_local": 0},
        {"ema_momentum": 0.0, "center_momentum": 1.0},
        {"global_scale": (1.0, 1.0)},
        {"patch_size": 32},
        {"global_size": 16, "local_size": 16},
        {"drop_path": 0.0, "clip_grad": 0.0, "warmup_share": 0.0, "freeze_last_layer_share": 1.0},
        {"batch_size": 1, "accumulate": 1},
        {"teacher_temp": 0.5},  # above the student's: a warning before the run says what will happen
    ],
    ids=str,
)
def test_values_at_the_edge_are_taken(fields: dict[str, Any]) -> None:
    config = DinoConfig(**fields)
    assert {name: getattr(config, name) for name in fields} == fields


# --- JSON ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.__name__)
def test_json_round_trip(preset: Any) -> None:
    config = dataclasses.replace(preset(), lr=0.1 + 0.2, local_scale=(0.1, 0.2), backbone="timm:vit_tiny_patch16_224")
    text = config.to_json()
    assert DinoConfig.from_json(text) == config
    assert hash(DinoConfig.from_json(text)) == hash(config)  # pairs are tuples again, not lists
    assert json.loads(text).keys() == {field.name for field in dataclasses.fields(DinoConfig)}
    assert '\n  "lr": 0.30000000000000004,\n' in text  # one field a line


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "no JSON",
        "[]",
        "null",
        "3",
        '"lab"',
        '{"learning_rate": 0.1}',
        '{"lr": 0.1, "momentum": 0.9}',
        '{"dim": "64"}',
        '{"lr": null}',
        '{"lr": NaN}',
        '{"ema_momentum": 2}',
        '{"global_scale": 0.4}',
        '{"global_scale": [0.1, 0.2, 0.3]}',
        '{"patch_size": 0}',
    ],
)
def test_foreign_json_gets_one_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"^These are not the settings of a DINO run: .+"):
        DinoConfig.from_json(text)
