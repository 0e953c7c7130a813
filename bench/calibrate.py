"""Runs the lab preset healthy and with each way to break it, over several seeds, and records what the meters show.

    python -m bench.calibrate --steps 300 --seeds 5 --out calibration.json

The thresholds of `dino_lite.collapse.diagnose` were set on such runs; docs/calibration.md shows the figures.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from dino_lite import Dino, DinoConfig, load_pictures
from dino_lite.batches import batch_rows
from dino_lite.collapse import diagnose
from dino_lite.knobs import scheduled_knobs

SCENARIOS: dict[str, dict[str, Any]] = {
    "healthy": {},
    "no centering": {"centering": False},
    "no sharpening": {"sharpening": False},
    "neither": {"centering": False, "sharpening": False},
    "no EMA": {"ema": False},
    "sinkhorn": {"target": "sinkhorn"},
    "batch softmax": {"target": "batch_softmax"},
    "centre momentum 0.999": {"center_momentum": 0.999},
    "teacher temperature 0.3": {"teacher_temp": 0.3},
}
NUMBERS = ("loss", "entropy", "kl", "marginal_entropy", "feature_std", "center_norm", "effective_rank")


def run(scenario: dict[str, Any], seed: int, steps: int, pictures: torch.Tensor, begin: int) -> dict[str, Any]:
    """One run; the scenario's knobs count from step `begin` on."""
    dino, started = Dino(DinoConfig.lab(), seed, "cpu"), time.perf_counter()
    logs = []
    for step in range(steps):
        knobs = scheduled_knobs(dino.config, step, dino.config.epochs * 52)
        images = pictures[batch_rows(len(pictures), dino.config.batch_size, seed, step)]
        logs.append(dino.train_step(images, **(knobs | (scenario if step >= begin else {}))))
    return {
        "seconds": time.perf_counter() - started,
        "diagnosis": [log.diagnosis for log in logs],
        **{name: [getattr(log, name) for log in logs] for name in NUMBERS},
    }


NAMES = {"healthy": "healthy", "no sharpening": "uniform", "teacher temperature 0.3": "uniform"}  # else dominant


def table(curves: dict[str, list[dict[str, Any]]], begin: int, out_dim: int, rows: int) -> str:
    """Markdown: for each scenario, over its seeds, when the right name first stays, and what the last steps show.

    The name is worked out again from the recorded numbers by today's `diagnose`.
    """
    lines = [
        "| scenario | named | steps from the knob to the name that stays | h(P_t) | KL | information | prototypes |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, runs in curves.items():
        delays, last = [], []
        for run in runs:
            numbers = list(zip(run["entropy"], run["kl"], run["marginal_entropy"], strict=True))
            states = [diagnose(*each, out_dim, rows).state for each in numbers]
            wrong = [i for i, state in enumerate(states) if state != NAMES.get(name, "dominant")]
            delays.append(max(0, (wrong[-1] + 1 if wrong else 0) - begin))
            last.append([sum(column) / 20 for column in zip(*numbers[-20:], strict=True)])
        right = sum(begin + delay < len(run["entropy"]) for delay, run in zip(delays, runs, strict=True))
        entropy, kl, wide = zip(*last, strict=True)
        told = [w - h for w, h in zip(wide, entropy, strict=True)]
        columns = (spread(entropy), spread(kl), spread(told), spread([math.exp(w) for w in wide], 0))
        cells = [name, f"{right} of {len(runs)} {NAMES.get(name, 'dominant')}", spread(delays, 0), *columns]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median and range."""
    low, high = min(values), max(values)
    return f"{statistics.median(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def main() -> None:
    """Run all scenarios and write their curves."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--steps", type=int, default=300)
    options.add_argument("--begin", type=int, default=0, help="step at which the knob is moved")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--only", nargs="*", default=list(SCENARIOS))
    options.add_argument("--out", type=Path, required=True)
    chosen = options.parse_args()
    torch.set_num_threads(1)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    pictures = load_pictures("emoji", size=64).images
    curves: dict[str, list[dict[str, Any]]] = {}
    for name in chosen.only:
        curves[name] = []
        for seed in range(chosen.seeds):
            curve = run(SCENARIOS[name], seed, chosen.steps, pictures, chosen.begin)
            curves[name].append(curve)
            chosen.out.write_text(json.dumps(curves))  # after every run: a long search may be cut short
            last = {key: round(curve[key][-1], 3) for key in NUMBERS[:4]}
            states = [curve["diagnosis"][i] for i in range(0, chosen.steps, max(1, chosen.steps // 8))]
            print(f"{name:24} seed {seed} {curve['seconds']:.0f} s {last} {states}", flush=True)

    print(table(curves, chosen.begin, DinoConfig.lab().out_dim, 2 * DinoConfig.lab().batch_size))


if __name__ == "__main__":
    main()
