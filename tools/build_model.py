"""Train the model that ships with dino_lite, score it, and record a collapse: remakes dino_lite/models/.

    python tools/build_model.py                    everything; hours on one CPU core, and stopped it goes on
    python tools/build_model.py --runs /tmp/runs   where the run folders lie
    python tools/build_model.py --only collapsed   one part: train, supervised, score, collapsed

Each part leaves its result behind and is not made again. The same machine and thread number give the same weights.
"""

import argparse
import json
import math
import platform
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from dino_lite import Dino, DinoConfig, Pictures, fine_tune, load_checkpoint, load_pictures
from dino_lite.batches import steps_per_epoch
from dino_lite.console import closing_bar, show
from dino_lite.network import build_network
from dino_lite.run import RunFolder, record
from dino_lite.scorecard import compare, test_rows
from dino_lite.shipped import MODELS, SNAPSHOTS, save_backbone
from dino_lite.train import RANK_INTERVAL
from dino_notebooks import Session

SEED = 0
COMMAND = "python tools/build_model.py"
SPLIT = "every fourth concept (places 3, 7, 11, ... of the emoji's order), in all its drawings, was never trained on"
KEPT = 400  # lines of metrics that are shipped, at most
COLLAPSE = (0, 150, 300)  # steps of its snapshots; from the second on there is no centering
SUPERVISED_LR = 1e-3


def train(runs: Path) -> Dino:
    """The run, from the start or from where it was stopped; snapshots of the teacher's backbone beside it."""
    config, folder = DinoConfig.emoji(), RunFolder(runs / "emoji")
    pictures = seen(load_pictures("emoji", config.picture_size))
    steps = planned(config, pictures)
    if folder.checkpoint.exists():
        dino = load_checkpoint(folder.checkpoint, "cpu")
        if dino.config != config:
            raise SystemExit(f"{folder.path} holds a run with other settings: choose another --runs.")
        folder.drop_after(dino.step)
    else:
        dino = Dino(config, SEED, "cpu")
        folder.create(config)
        save_backbone(dino.teacher.backbone, folder.path / "start.safetensors")
    facts = {"data": "emoji", "root": None, "pictures": len(pictures), "steps": steps}
    at = dict(zip((0, steps // 2, steps), SNAPSHOTS, strict=True))
    with closing_bar(dino.step, steps) as bar:
        for log in record(folder, dino, pictures, facts, every=500):
            show(bar, log, 500)
            if name := at.get(dino.step):
                save_backbone(dino.teacher.backbone, folder.path / f"{name}.safetensors")
    return dino


def seen(pictures: Pictures) -> Pictures:
    """The pictures to train on."""
    return pictures[~test_rows(pictures)]


def supervised(runs: Path) -> nn.Module:
    """The same ViT, trained on the groups of the same pictures with the same views for as much time."""
    path, config = runs / "supervised.pt", DinoConfig.emoji()
    network = build_network(config, SEED)
    if path.exists():
        network.backbone.load_state_dict(torch.load(path, weights_only=True)["backbone"])
        return network
    pictures = seen(load_pictures("emoji", config.picture_size))
    labels = pictures.labels
    assert labels is not None
    ratio = step_ratio(config, pictures)
    steps = round(ratio * planned(config, pictures))
    print(f"Supervised: {steps} steps, each {1 / ratio:.2f} of a DINO step.", flush=True)
    model = fine_tune(network.backbone, pictures.images, labels, config, steps, SUPERVISED_LR, SEED)
    runs.mkdir(parents=True, exist_ok=True)
    facts = {"steps": steps, "step_ratio": ratio, "lr": SUPERVISED_LR}
    torch.save({"backbone": model.backbone.state_dict(), "facts": facts}, path)
    network.backbone.load_state_dict(model.backbone.state_dict())
    return network


def step_ratio(config: DinoConfig, pictures: Pictures) -> float:
    """CPU seconds of a DINO step over those of a supervised one, taken in turn."""
    dino, spent = Dino(config, SEED, "cpu"), [0.0, 0.0]
    images = pictures.images[: config.batch_size]
    for _ in range(4):
        began = time.process_time()
        for _ in range(10):
            dino.train_step(images)
        middle = time.process_time()
        fine_tune(dino.teacher.backbone, pictures.images, pictures.labels, config, 10, SUPERVISED_LR, SEED)
        spent = [spent[0] + middle - began, spent[1] + time.process_time() - middle]
    return spent[0] / spent[1]


def score(runs: Path) -> None:
    """Everything that is shipped, from the finished runs."""
    folder, network, target = RunFolder(runs / "emoji"), supervised(runs), MODELS / "emoji"
    dino = load_checkpoint(folder.checkpoint, "cpu")
    config, pictures = dino.config, load_pictures("emoji", dino.config.picture_size)
    untrained = build_network(config, SEED)
    # what is scored is what is shipped, rounded to half precision
    dino.teacher.backbone.load_state_dict(load_file(folder.path / "end.safetensors"))
    contestants = {"model": dino.teacher, "random_init": untrained, "pixels": None, "supervised": network}
    card = compare(contestants, pictures, seed=SEED, held_out=True)
    target.mkdir(parents=True, exist_ok=True)
    for name in SNAPSHOTS:
        shutil.copyfile(folder.path / f"{name}.safetensors", target / f"{name}.safetensors")
    write(target / "config.json", config.to_json())
    write(target / "scorecard.json", json.dumps(card, indent=1))
    logs = folder.logs()
    keep(target, logs)
    facts = {
        "seed": SEED,
        "command": COMMAND,
        "held_out": SPLIT,
        "pictures": len(seen(pictures)),
        "diagnosis": logs[-1]["diagnosis"],
        "snapshots": dict(zip(SNAPSHOTS, (0, len(logs) // 2, len(logs)), strict=True)),
        "seconds": round(sum(log["seconds"] for log in logs)),
        "supervised": torch.load(runs / "supervised.pt", weights_only=True)["facts"],
    }
    write(target / "run.json", json.dumps(facts | machine(), indent=1))


def collapsed() -> None:
    """The lab recipe, half of it healthy, half without centering; the snapshots are its teacher's."""
    target, session, at = MODELS / "collapsed", Session("lab", SEED, "cpu"), dict(zip(SNAPSHOTS, COLLAPSE, strict=True))
    target.mkdir(parents=True, exist_ok=True)
    for name, step in at.items():
        if name == "end":
            session.set(centering=False)
        session.advance(steps=step - session.step)
        save_backbone(session.dino.teacher.backbone, target / f"{name}.safetensors")
    write(target / "config.json", session.config.to_json())
    logs = [log.to_dict() for log in session.history]
    keep(target, logs)
    facts = {"seed": SEED, "command": f"{COMMAND} --only collapsed", "run_line": session.run_line(), "snapshots": at}
    write(target / "run.json", json.dumps(facts | {"diagnosis": logs[-1]["diagnosis"]} | machine(), indent=1))


def keep(target: Path, logs: list[dict[str, Any]]) -> None:
    """Some of the logs, evenly spaced, and the last one; numbers to 6 digits."""
    every = math.ceil(len(logs) / KEPT)
    if every > 1:  # of a long run those that have an effective rank
        every = RANK_INTERVAL * math.ceil(every / RANK_INTERVAL)
    chosen = [log for log in logs if log["step"] % every == 0 or log is logs[-1]]
    write(target / "metrics.jsonl", "\n".join(json.dumps(rounded(log)) for log in chosen))


def rounded(value: Any) -> Any:
    """Numbers to 6 digits, at any depth."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    return float(f"{value:.6g}") if isinstance(value, float) else value


def planned(config: DinoConfig, pictures: Pictures) -> int:
    """Training steps of the model."""
    return config.epochs * steps_per_epoch(config, len(pictures))


def machine() -> dict[str, str]:
    """Where and with what it was made."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    cpu = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.machine())
    words = f"{cpu}, {torch.get_num_threads()} thread, torch {torch.__version__}, Python {platform.python_version()}"
    return {"machine": words, "date": time.strftime("%Y-%m-%d")}


def write(path: Path, text: str) -> None:
    """A text file with a newline at its end."""
    path.write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Everything that is not there yet."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--runs", type=Path, default=Path("runs/shipped"))
    options.add_argument("--only", choices=("train", "supervised", "score", "collapsed"))
    chosen = options.parse_args()
    torch.set_num_threads(1)  # the same sums in the same order on every machine
    for name, part in (("train", train), ("supervised", supervised), ("score", score)):
        if chosen.only in (None, name):
            part(chosen.runs)
    if chosen.only in (None, "collapsed"):
        collapsed()


if __name__ == "__main__":
    main()
