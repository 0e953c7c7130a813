"""Logs of a run that was never run: every step alike, with numbers that are easy to check by hand."""

from dataclasses import replace
from typing import Any

from dino_lite import StepLog

K = 64
FIRST = StepLog(
    step=0,
    loss=3.5,
    entropy=2.0,
    kl=1.5,
    marginal_entropy=3.9,
    mutual_information=1.9,
    effective_prototypes=49.4,
    center_norm=0.1,
    feature_std=0.1,
    effective_rank=None,
    knobs={},
    diagnosis="healthy",
    reason="49 prototypes in use",
    seconds=0.1,
    images_per_second=640.0,
)


def logs(count: int, **changes: Any) -> list[StepLog]:
    """So many steps, all alike."""
    return [replace(FIRST, step=step, **changes) for step in range(count)]
