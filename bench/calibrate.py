"""Moves one knob of a running lab preset and moves it back, over several seeds, and records what the meters show.

    python -m bench.calibrate --first-seed 10 --out calibration.json

The knobs are constant, as in a live session: `base_knobs`, no schedules. Runs already in the file are kept, so the
command goes on where it was cut short, and prints the tables by today's `dino_lite.collapse.diagnose`.
docs/calibration.md shows the figures.
"""

import argparse
import copy
import json
import math
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from dino_lite import Dino, DinoConfig, StepLog, load_pictures
from dino_lite.batches import batch_rows
from dino_lite.collapse import diagnose

OVER = "over-centering"  # not a knob: the batch's mean counts 25 times in the centre
SCENARIOS: dict[str, dict[str, Any]] = {
    "healthy": {},
    "no centering": {"centering": False},
    "no sharpening": {"sharpening": False},
    "no EMA": {"ema": False},
    "neither": {"centering": False, "sharpening": False},
    "teacher temperature 0.3": {"teacher_temp": 0.3},
    "centre momentum 0.999": {"center_momentum": 0.999},
    OVER: {},
    "sinkhorn": {"target": "sinkhorn"},
    "batch softmax": {"target": "batch_softmax"},
}
NAMES = {  # where the run goes while the knob is moved
    "no centering": "dominant",
    "no sharpening": "uniform",
    "no EMA": "dominant",
    "neither": "dominant",
    "teacher temperature 0.3": "uniform",
    "centre momentum 0.999": "dominant",
    OVER: "dominant",
}  # else healthy
NUMBERS = ("loss", "entropy", "kl", "marginal_entropy", "feature_std", "center_norm", "effective_rank")
RECENT = 20  # steps that vote on the name, as in the live picture

Run = dict[str, list[Any]]


def train(dino: Dino, pictures: torch.Tensor, until: int, scenario: str = "healthy") -> list[StepLog]:
    """Steps with the scenario's knobs until step `until`."""
    logs = []
    while dino.step < until:
        before, m = dino.center, dino.config.center_momentum
        images = pictures[batch_rows(len(pictures), dino.config.batch_size, dino.seed, dino.step)]
        logs.append(dino.train_step(images, **SCENARIOS[scenario]))
        if scenario == OVER:
            dino.center = m * before + 25 * (dino.center - m * before)
    return logs


def record(logs: list[StepLog]) -> Run:
    """The numbers of a run, a list each."""
    return {name: [getattr(log, name) for log in logs] for name in NUMBERS}


def states(run: Run, config: DinoConfig) -> list[str]:
    """Today's name for each step by itself."""
    rows = zip(run["entropy"], run["kl"], run["marginal_entropy"], strict=True)
    return [diagnose(*row, config.out_dim, 2 * config.batch_size).state for row in rows]


def votes(states: Sequence[str]) -> list[str]:
    """What a reader is told after each step: the state that most of the last steps were in."""
    return [Counter(states[max(0, i - RECENT + 1) : i + 1]).most_common(1)[0][0] for i in range(len(states))]


def stays_from(told: Sequence[str], right: str) -> int | None:
    """The step from which the name is right to the end; None when the last one is wrong."""
    wrong = [i for i, name in enumerate(told) if name != right]
    first = wrong[-1] + 1 if wrong else 0
    return first if first < len(told) else None


def while_moved(runs: dict[str, dict[str, Run]], begin: int, undo: int, config: DinoConfig) -> str:
    """Markdown, a row a scenario: the name that stays, in how many steps, and the meters' last steps before `undo`."""
    lines = [
        "| scenario | named | steps to it | h | KL | information | prototypes | feature std | rank |",
        f"|{'---|' * 9}",
    ]
    for scenario, seeds in runs.items():
        right, each = NAMES.get(scenario, "healthy"), [*seeds.values()]
        named = [stays_from(votes(states(run, config))[begin:undo], right) for run in each]
        h, kl, wide, std = (
            [recent(run, name, undo) for run in each] for name in ("entropy", "kl", "marginal_entropy", "feature_std")
        )
        told = [w - x for w, x in zip(wide, h, strict=True)]
        cells = [scenario, f"{len(each) - named.count(None)} of {len(each)} {right}", spread(named, 0)]
        cells += [spread(h), spread(kl), spread(told), spread([math.exp(w) for w in wide], 0), spread(std, 3)]
        cells.append(spread([last_rank(run, undo) for run in each], 0))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def after_undo(runs: dict[str, dict[str, Run]], undo: int, steps: int, config: DinoConfig) -> str:
    """Markdown, a row a scenario: the name at the end, steps to "healthy" that stays, and what the features are."""
    lines = [
        "| scenario | at the end | steps to healthy | feature std, lowest | feature std, end | rank, end "
        "| information, end |",
        f"|{'---|' * 7}",
    ]
    for scenario, seeds in runs.items():
        each = [*seeds.values()]
        told = [votes(states(run, config))[undo:] for run in each]
        ends = ", ".join(f"{n} {name}" for name, n in Counter(names[-1] for names in told).most_common())
        back = spread([stays_from(names, "healthy") for names in told], 0)
        lowest = [min(recent(run, "feature_std", i) for i in range(undo, steps + 1)) for run in each]
        end_std = [recent(run, "feature_std", steps) for run in each]
        end_told = [recent(run, "marginal_entropy", steps) - recent(run, "entropy", steps) for run in each]
        cells = [scenario, ends, back, spread(lowest, 3), spread(end_std, 3)]
        cells += [spread([last_rank(run, steps) for run in each], 0), spread(end_told)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def recent(run: Run, name: str, end: int) -> float:
    """Mean of a number over the `RECENT` steps before step `end`."""
    return statistics.fmean(run[name][end - RECENT : end])


def last_rank(run: Run, end: int) -> float:
    """The last effective rank that was measured before step `end`."""
    return next(float(x) for x in reversed(run["effective_rank"][:end]) if x is not None)


def false_alarms(runs: dict[str, dict[str, Run]], begin: int, config: DinoConfig) -> str:
    """How often a run that should be healthy was called a collapse: whole healthy runs, others from the knob on."""
    told, single = Counter[str](), Counter[str]()
    for scenario, seeds in runs.items():
        if scenario not in NAMES:
            for run in seeds.values():
                first = 0 if scenario == "healthy" else begin
                told.update(votes(states(run, config))[first:])
                single.update(states(run, config)[first:])
    wrong, alone = (each["uniform"] + each["dominant"] for each in (told, single))
    return f"Of {told.total()} healthy steps {wrong} were called a collapse, {alone} where a step speaks for itself."


def spread(values: Sequence[float | None], digits: int = 2) -> str:
    """Median and range of the values that are not None."""
    known = [value for value in values if value is not None]
    if not known:
        return "never"
    low, high = min(known), max(known)
    return f"{statistics.median(known):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def main() -> None:
    """Run all scenarios of a seed from one healthy beginning, then the next seed's."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--steps", type=int, default=700)
    options.add_argument("--begin", type=int, default=150, help="step at which the knob is moved")
    options.add_argument("--undo", type=int, default=350, help="step at which it is moved back")
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--first-seed", type=int, default=0)
    options.add_argument("--only", nargs="*", default=list(SCENARIOS))
    options.add_argument("--out", type=Path, required=True)
    chosen = options.parse_args()
    torch.set_num_threads(1)
    chosen.out.parent.mkdir(parents=True, exist_ok=True)
    config, pictures = DinoConfig.lab(), load_pictures("emoji", size=64).images
    runs: dict[str, dict[str, Run]] = json.loads(chosen.out.read_text()) if chosen.out.exists() else {}
    for seed in range(chosen.first_seed, chosen.first_seed + chosen.seeds):
        left = [name for name in chosen.only if str(seed) not in runs.get(name, {})]
        if not left:
            continue
        root = Dino(config, seed, "cpu")
        beginning = train(root, pictures, chosen.begin)
        state = copy.deepcopy(root.state_dict())
        for name in left:
            started, dino = time.perf_counter(), Dino(config, seed, "cpu")
            dino.load_state_dict(state)
            logs = beginning + train(dino, pictures, chosen.undo, name) + train(dino, pictures, chosen.steps)
            runs.setdefault(name, {})[str(seed)] = record(logs)
            chosen.out.write_text(json.dumps(runs))  # after every run: a long search may be cut short
            rate = (chosen.steps - chosen.begin) / (time.perf_counter() - started)
            print(f"{name:24} seed {seed} {rate:.1f} steps/s, {logs[chosen.undo - 1].reason}", flush=True)

    print(while_moved(runs, chosen.begin, chosen.undo, config))
    print(after_undo(runs, chosen.undo, chosen.steps, config))
    print(false_alarms(runs, chosen.begin, config))


if __name__ == "__main__":
    main()
