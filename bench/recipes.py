"""Which settings teach the emoji best in minutes on one thread: named trials, scored beside their floors.

    python -m bench.recipes --list
    python -m bench.recipes base batch64 --out trials.jsonl
    python -m bench.recipes best --seconds 1200 --keep /tmp/recipes/best --out trials.jsonl

Every fifth concept in the emoji's order, in all its drawings, is held out of the training. A trial's length is wall
time: a few steps are timed, and the schedules then span as many steps as fit. One JSON line a trial goes to `--out`;
bench/RECIPES.md shows them all, those that lost too.
"""

import argparse
import dataclasses
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import dino_lite.vit
from bench.rounds import machine
from dino_lite import Dino, DinoConfig, Pictures, features, knn_accuracy, load_pictures, pixel_features, scorecard
from dino_lite.batches import batch_rows
from dino_lite.run import RunFolder, record
from dino_lite.scorecard import moved, vendor_rows

Changes = dict[str, Any]
Rows = dict[str, dict[str, Tensor]]  # features (N, D) by condition ("random", "white", "moved") and pool

# the start: what the design's small trials found, without the stem, which the library has not
BASE: Changes = dict(
    n_local=0,
    global_scale=(0.6, 1.0),
    dim=96,
    depth=4,
    head_hidden=128,
    bottleneck=32,
    head_bn=True,
    out_dim=1024,
    target="sinkhorn",
    ema_momentum=0.9,
    batch_size=128,
    lr=0.008,  # 0.004 at a batch of 128
)
# each is BASE with these changes; "stem" is no setting of the library: see `ConvStem`
TRIALS: dict[str, Changes] = {
    "base": {},
    "stem": dict(stem=True),
    "batch64": dict(batch_size=64, lr=0.016),
    "batch64lr2": dict(batch_size=64, lr=0.008),
    "patch4": dict(patch_size=4),
    "crop0.3": dict(global_scale=(0.3, 1.0)),
    "crop0.8": dict(global_scale=(0.8, 1.0)),
    "lr8": dict(lr=0.016),
    "nojitter": dict(jitter_prob=0.0),
    "jitter": dict(jitter=(0.3, 0.3, 0.2, 0.05)),
    "k256": dict(out_dim=256),
    "k4096": dict(out_dim=4096),
    "m0.97": dict(ema_momentum=0.97),
    "nobn": dict(head_bn=False),
    "head512": dict(head_hidden=512, bottleneck=64),
    "koleo": dict(koleo_weight=0.1),
    "koleo0.5": dict(koleo_weight=0.5),
    "koleo2": dict(koleo_weight=2.0),
    "h512k": dict(head_hidden=512, bottleneck=128, koleo_weight=0.5),
    "h512klocal2": dict(head_hidden=512, bottleneck=128, koleo_weight=0.5, n_local=2, local_scale=(0.2, 0.6)),
    "h512kjitter": dict(head_hidden=512, bottleneck=128, koleo_weight=0.5, jitter=(0.3, 0.3, 0.2, 0.05)),
    "h512kcrop0.4": dict(head_hidden=512, bottleneck=128, koleo_weight=0.5, global_scale=(0.4, 1.0)),
    "h512kpx48": dict(head_hidden=512, bottleneck=128, koleo_weight=0.5, global_size=48),
    "h512klr2": dict(head_hidden=512, bottleneck=128, koleo_weight=0.5, lr=0.004),
    "h512kk4096": dict(head_hidden=512, bottleneck=128, koleo_weight=0.5, out_dim=4096),
    "h512ksharp": dict(head_hidden=512, bottleneck=128, koleo_weight=0.5, teacher_temp=0.02, warmup_teacher_temp=0.02),
    "h512ksharp64": dict(
        head_hidden=512, bottleneck=128, koleo_weight=0.5, teacher_temp=0.02, warmup_teacher_temp=0.02, batch_size=64
    ),
    "h512kcold": dict(
        head_hidden=512,
        bottleneck=128,
        koleo_weight=0.5,
        student_temp=0.05,
        teacher_temp=0.025,
        warmup_teacher_temp=0.025,
    ),
    "koleo.5local2": dict(koleo_weight=0.5, n_local=2, local_scale=(0.2, 0.6)),
    "koleo.5wide192": dict(koleo_weight=0.5, dim=192, depth=3),
    "head512koleo": dict(head_hidden=512, bottleneck=128, koleo_weight=0.1),
    "head512stem": dict(head_hidden=512, bottleneck=128, koleo_weight=0.1, stem=True),
    "local2": dict(n_local=2, local_scale=(0.2, 0.6)),
    "px48": dict(global_size=48),
    "depth2": dict(depth=2),
    "wide192": dict(dim=192, depth=2),
    "center": dict(target="center", ema_momentum=0.99, out_dim=512),
    "temp0.07": dict(teacher_temp=0.07, warmup_teacher_temp=0.07),
}


class ConvStem(dino_lite.vit.PatchEmbed):
    """Two overlapping convolutions in place of the one that cuts patches: a trial only, not in the library."""

    def __init__(self, patch_size: int, dim: int) -> None:
        nn.Module.__init__(self)
        first, second = nn.Conv2d(3, dim // 2, 7, patch_size // 2, 3), nn.Conv2d(dim // 2, dim, 3, 2, 1)
        self.proj: Any = nn.Sequential(first, nn.BatchNorm2d(dim // 2), nn.GELU(), second)


def config_of(changes: Changes) -> DinoConfig:
    """The lab preset with BASE and these changes; "stem" switches the library's patch embedding."""
    settings = BASE | changes
    dino_lite.vit.PatchEmbed = ConvStem if settings.pop("stem", False) else PLAIN  # type: ignore[misc]
    return dataclasses.replace(DinoConfig.lab(), **settings)


PLAIN = dino_lite.vit.PatchEmbed


def held_out(pictures: Pictures) -> Tensor:
    """Every fifth concept in all its drawings: bool (N,)."""
    held = torch.zeros(len(pictures), dtype=torch.bool)
    for rows in vendor_rows(pictures):
        held[rows[4::5]] = True
    return held


def conditions(pictures: Pictures) -> dict[str, tuple[Tensor, str]]:
    """The pictures and the background of each condition; "moved" ones have random backgrounds too."""
    images = pictures.images
    return {"random": (images, "random"), "white": (images, "white"), "moved": (moved(pictures).images, "random")}


def model_rows(model: nn.Module, pictures: Pictures) -> Rows:
    """Features for every condition and pool; "sphered": patch means whitened by all pictures' covariance."""
    rows: Rows = {}
    for name, (images, background) in conditions(pictures).items():
        both = features(model, images, background, "both")
        cls, patches = (F.normalize(part, dim=-1) for part in both.chunk(2, dim=1))
        rows[name] = {"cls": cls, "patches": patches, "both": both, "sphered": sphered(patches)}
    return rows


def sphered(x: Tensor) -> Tensor:
    """Rows (N, D) without their mean, whitened (a tenth of the mean variance added to each), of unit length."""
    x = (x - x.mean(0)).double()
    values, vectors = torch.linalg.eigh(x.T @ x / len(x))
    return F.normalize(x @ vectors / (values + 0.1 * values.mean()).sqrt(), dim=-1).float()


def pixel_rows(pictures: Pictures) -> Rows:
    """The floor of raw pixels, for every condition."""
    return {name: {"pixels": pixel_features(x, background=b)} for name, (x, b) in conditions(pictures).items()}


def scores(rows: Rows, pictures: Pictures) -> dict[str, dict[str, float]]:
    """{pool: {"random/retrieval": share, ...}}; "_held": only held-out concepts ask, and look among all pictures."""
    held, vendors = held_out(pictures), vendor_rows(pictures)
    test = held[vendors[0]]
    labels = {"knn": pictures.labels, "knn_sub": pictures.sublabels}
    found: dict[str, dict[str, float]] = {}
    for condition, pools in rows.items():
        for pool, x in pools.items():
            hits = torch.stack([hit(x[a], x[b]) for a in vendors for b in vendors if a is not b])
            mine = found.setdefault(pool, {})
            mine[f"{condition}/retrieval"] = float(hits.mean())
            mine[f"{condition}/retrieval_held"] = float(hits[:, test].mean())
            for name, y in labels.items():
                if y is not None:
                    mine[f"{condition}/{name}_held"] = knn_accuracy(x[~held], y[~held], x[held], y[held])
    return found


def hit(query: Tensor, gallery: Tensor) -> Tensor:
    """1.0 for each row whose nearest gallery row has the same number."""
    return ((query @ gallery.T).argmax(1) == torch.arange(len(query))).double()


def steps_in(config: DinoConfig, pictures: Pictures, seconds: float, seed: int) -> int:
    """How many training steps fit into the time, by the median of a few that are thrown away."""
    dino, times = Dino(config, seed, "cpu"), []
    for step in range(8):
        images = pictures.images[batch_rows(len(pictures), config.batch_size, seed, step)]
        times.append(dino.train_step(images).seconds)
    return max(1, int(seconds / statistics.median(times[2:])))


def trial(name: str, seconds: float, steps: int | None, seed: int, keep: Path | None) -> dict[str, Any]:
    """Train one trial, so many seconds or steps, and score its teacher; with `keep` its run folder stays there."""
    config = config_of(TRIALS[name])
    pictures = load_pictures("emoji", config.picture_size)
    seen = pictures[~held_out(pictures)]
    total = steps or steps_in(config, seen, seconds, seed)
    dino, start, cpu = Dino(config, seed, "cpu"), time.perf_counter(), time.process_time()
    folder = RunFolder(keep or Path(f"/tmp/recipes/trials/{name}-{seed}-{time.time_ns()}"))
    folder.create(config)
    facts = {"data": "emoji", "root": None, "pictures": len(seen), "steps": total}
    logs = list(record(folder, dino, seen, facts, every=500))
    taken, cpu = time.perf_counter() - start, time.process_time() - cpu
    last = logs[-20:]
    result = {
        "trial": name,
        "changes": TRIALS[name],
        "base": BASE,
        "seed": seed,
        "seconds": round(taken, 1),
        "cpu_seconds": round(cpu, 1),  # other programs share the cores
        "steps": total,
        "machine": machine(),
        "loss": statistics.fmean(log.loss for log in last),
        "entropy": statistics.fmean(log.entropy for log in last),
        "diagnosis": logs[-1].diagnosis,
        "scores": scores(model_rows(dino.teacher, pictures), pictures),
        "folder": str(folder.path),
    }
    folder.write("summary.json", json.dumps(result, indent=1))
    if keep:
        folder.write("scorecard.json", json.dumps(scorecard(dino.teacher, config, pictures, seed), indent=1))
    return result


def floors(seed: int) -> dict[str, Any]:
    """The scores of raw pixels and of BASE before its first step."""
    pictures = load_pictures("emoji", DinoConfig.lab().picture_size)
    untrained = Dino(config_of({}), seed, "cpu").teacher
    rows = model_rows(untrained, pictures)
    for name, pools in pixel_rows(pictures).items():
        rows[name] |= pools
    return {"trial": "floors", "seed": seed, "seconds": 0.0, "steps": 0, "scores": scores(rows, pictures)}


def line(result: dict[str, Any]) -> str:
    """A trial in one line a pool."""
    names = ("random/retrieval", "random/retrieval_held", "white/retrieval", "moved/retrieval")
    names += ("random/knn_held", "random/knn_sub_held")
    head = f"{result['trial']:14} {result['steps']:5} steps {result['seconds']:6.0f} s"
    lines = [head + f"  loss {result.get('loss', 0):.2f} h {result.get('entropy', 0):.2f}  {' '.join(names)}"]
    for pool, found in result["scores"].items():
        lines.append(f"    {pool:8}" + "".join(f"{found[name]:8.3f}" for name in names))
    return "\n".join(lines)


def table(results: list[dict[str, Any]]) -> str:
    """Markdown, a row a trial and pool."""
    names = [f"{c}/{s}" for c in ("random", "white", "moved") for s in ("retrieval", "retrieval_held")]
    names += ["random/knn_held", "random/knn_sub_held"]
    heads = ["trial", "seed", "steps", "s", "CPU s", "loss", "h", "pool", *(name.replace("/", " ") for name in names)]
    lines = ["| " + " | ".join(heads) + " |", f"|{'---|' * len(heads)}"]
    for r in results:
        first = [r["trial"], r["seed"], r["steps"], round(r["seconds"]), round(r.get("cpu_seconds", 0)) or "?"]
        first += [f"{r[key]:.2f}" if key in r else "" for key in ("loss", "entropy")]
        for pool, found in r["scores"].items():
            lines.append("| " + " | ".join(map(str, [*first, pool, *(f"{found[name]:.3f}" for name in names)])) + " |")
    return "\n".join(lines)


def main() -> None:
    """Run the named trials one after another."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", help="trials, or floors")
    options.add_argument("--list", action="store_true")
    options.add_argument("--table", action="store_true", help="print what --out holds as Markdown")
    options.add_argument("--seconds", type=float, default=120)
    options.add_argument("--steps", type=int, help="in place of seconds: fairer while other programs are busy")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--keep", type=Path, help="where the run folder stays")
    options.add_argument("--out", type=Path, default=Path("trials.jsonl"))
    chosen = options.parse_args()
    torch.set_num_threads(1)
    if chosen.list:
        print("\n".join(f"{name:14} {changes}" for name, changes in TRIALS.items()))
    if chosen.table:
        print(table([json.loads(text) for text in chosen.out.read_text().splitlines()]))
    for name in chosen.names:
        length = chosen.seconds, chosen.steps, chosen.seed
        result = floors(chosen.seed) if name == "floors" else trial(name, *length, chosen.keep)
        with chosen.out.open("a") as lines:
            lines.write(json.dumps(result) + "\n")
        print(line(result), flush=True)


if __name__ == "__main__":
    main()
