"""What the shipped model saves in labels: linear probes on a few, and fine-tuning beside training from scratch.

    python -m bench.labels --seeds 5
    python -m bench.labels --seeds 3 --steps 200 --figure docs/images/labels.png

Emoji on random backgrounds, 7 groups, tested on the concepts that the model's training never saw.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from bench.rounds import machine
from dino_lite import (
    Pictures,
    features,
    few_label_probe,
    few_labels,
    fine_tune,
    load_pictures,
    pixel_features,
    pretrained,
    recording,
)
from dino_lite.finetune import accuracy
from dino_lite.network import build_network
from dino_lite.scorecard import test_rows

COUNTS = (1, 5, 20, None)
BACKGROUND = "random"
CLASSES = 7  # Unicode's groups that are left
Found = dict[str, dict[int | None, list[float]]]


def probes(pictures: Pictures, test: torch.Tensor, seeds: int) -> Found:
    """Linear probes on frozen features, beside their floors."""
    config, y = recording().config, pictures.labels
    assert y is not None
    networks = {"shipped model": pretrained(), "random network": build_network(config, 0).backbone}
    rows = {name: features(network, pictures, BACKGROUND) for name, network in networks.items()}
    rows["pixels"] = pixel_features(pictures, background=BACKGROUND)
    return {
        name: few_label_probe(x[~test], y[~test], x[test], y[test], COUNTS, range(seeds)) for name, x in rows.items()
    }


def tuned(pictures: Pictures, test: torch.Tensor, seeds: int, steps: int, lr: float) -> Found:
    """Fine-tuning of the whole network from the shipped weights and from random ones: same labels, steps, views."""
    config, train = dataclasses.replace(recording().config, batch_size=64), pictures[~test]
    found: Found = {"from the shipped model": {}, "from scratch": {}}
    for count in COUNTS:
        for seed in range(seeds):
            rows = few_labels(train.labels, count, seed)
            starts: dict[str, nn.Module] = dict(
                zip(found, (pretrained(), build_network(config, seed).backbone), strict=True)
            )
            for name, start in starts.items():
                model = fine_tune(start, train.images[rows], train.labels[rows], config, steps, lr, seed)
                right = accuracy(model, pictures.images[test], pictures.labels[test], BACKGROUND)
                found[name].setdefault(count, []).append(right)
    return found


def table(found: Found) -> str:
    """Markdown: mean, and the range over the seeds."""
    heads = ["all" if count is None else str(count) for count in COUNTS]
    lines = ["| labels a class | " + " | ".join(heads) + " |", "|---|" + "---|" * len(heads)]
    for name, values in found.items():
        cells = [f"{sum(v) / len(v):.3f} ({min(v):.3f} to {max(v):.3f})" for v in (values[count] for count in COUNTS)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print both tables; with --figure also draw them."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seeds", type=int, default=5)
    options.add_argument("--steps", type=int, default=200, help="of each fine-tuning")
    options.add_argument("--lr", type=float, default=1e-3)
    options.add_argument("--figure", type=Path, help="PNG to write (needs matplotlib)")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    pictures = load_pictures("emoji", recording().config.picture_size)
    test, title = test_rows(pictures), f"Fine-tuning, {chosen.steps} steps"
    print(f"{machine()}, {chosen.seeds} seeds")
    report("Linear probe on frozen features", "probe", lambda: probes(pictures, test, chosen.seeds), chosen.figure)
    report(title, "tuned", lambda: tuned(pictures, test, chosen.seeds, chosen.steps, chosen.lr), chosen.figure)


def report(title: str, short: str, measure: Callable[[], Found], figure: Path | None) -> None:
    """Measure, print the table, and then draw it."""
    began = time.process_time()
    found = measure()
    print(f"\n{title}, {time.process_time() - began:.0f} CPU seconds\n\n{table(found)}", flush=True)
    if figure:
        from dino_notebooks.plots import plot_labels

        figure.parent.mkdir(parents=True, exist_ok=True)
        plot = plot_labels(found, chance=1 / CLASSES, title=title)
        plot.savefig(figure.with_stem(f"{figure.stem}_{short}"), dpi=120, facecolor="white")


if __name__ == "__main__":
    main()
