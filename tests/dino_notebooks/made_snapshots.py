"""Snapshots of runs that were never run, with numbers that are easy to check by hand."""

from dataclasses import replace
from typing import Any

import torch
from made_logs import FIRST

from dino_lite import DinoConfig, StepLog
from dino_lite.knobs import base_knobs
from dino_notebooks.session.snapshot import Change, Future, Probe, Snapshot

K = 256
KNOBS = base_knobs(DinoConfig.lab())


def log(step: int, entropy: float = 2.0, kl: float = 1.0, marginal: float = 4.0) -> StepLog:
    """One step."""
    return replace(
        FIRST,
        step=step,
        loss=entropy + kl,
        entropy=entropy,
        kl=kl,
        marginal_entropy=marginal,
        mutual_information=marginal - entropy,
        knobs=KNOBS,
    )


def future(steps: int, name: str = "A", fork: int = 0, changes: tuple[Change, ...] = (), **numbers: float) -> Future:
    """A way of so many steps, all alike, measured every ten."""
    return Future(
        name,
        fork,
        tuple(log(step, **numbers) for step in range(steps)),
        changes,
        tuple((step, 0.05) for step in range(0, steps + 1, 10)),
        tuple((step, 0.3 + 0.2 * (step > 0)) for step in range(0, steps + 1, 10)),
    )


def probe(out_dim: int = K, pictures: int = 3, spike: float = 0.0) -> Probe:
    """Pictures of one colour each; `spike` of the mass of `use` is on prototype 5, the rest is even."""
    colors = torch.arange(1, pictures + 1, dtype=torch.uint8) * 60
    even = torch.full((pictures, out_dim), 1 / out_dim)
    sharp = torch.zeros(pictures, out_dim)
    for row in range(pictures):
        sharp[row, row % out_dim] = 1.0
    use = torch.full((out_dim,), (1 - spike) / out_dim)
    use[min(5, out_dim - 1)] += spike
    return Probe(colors[:, None, None, None].expand(-1, 3, 8, 8).contiguous(), even, (even + sharp) / 2, sharp, use)


def snapshot(now: Future | None = None, **changes: Any) -> Snapshot:
    """A run at one moment; no steps unless there is a future."""
    now = now or future(0)
    given = Snapshot(
        step=len(now.logs),
        out_dim=K,
        knobs=KNOBS,
        usual=KNOBS,
        now=now,
        others=(),
        checkpoints=(0,),
        probe=probe(),
        chance=0.002,
        diagnosis="healthy",
        reason="About 55 of 256 prototypes share the pictures.",
        advice="Turn a knob and see what happens.",
    )
    return replace(given, **changes)
