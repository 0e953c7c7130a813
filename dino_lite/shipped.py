"""The models in the package: a backbone that was trained on the emoji, and what was recorded while it was.

models/NAME/ holds
    config.json                      the settings
    run.json                         seed, steps, held-out concepts, the command that makes it anew, machine, versions
    metrics.jsonl                    some of the steps' logs, evenly spaced
    scorecard.json                   scores beside floors ("emoji" only)
    start, middle, end.safetensors   the teacher's backbone, half precision
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import nn

from dino_lite.checkpoint import atomic
from dino_lite.config import DinoConfig
from dino_lite.network import build_backbone
from dino_lite.vit import ViT

MODELS = Path(__file__).parent / "models"
SNAPSHOTS = ("start", "middle", "end")


@dataclass(frozen=True)
class Recording:
    """What was kept of a run: its settings, facts, some of its steps' logs, scores, and the steps of its snapshots."""

    name: str
    config: DinoConfig
    facts: dict[str, Any]  # run.json
    logs: list[dict[str, Any]]  # as in a run folder's metrics.jsonl
    card: dict[str, Any]  # scorecard.json, or nothing

    @property
    def steps(self) -> dict[str, int]:
        """Snapshot → training steps done."""
        return self.facts["snapshots"]

    def backbones(self) -> dict[str, ViT]:
        """The backbone at each snapshot, by "step 0" and the like, oldest first: what an explorer takes."""
        return {f"step {step}": pretrained(self.name, snapshot) for snapshot, step in self.steps.items()}


def pretrained(name: str = "emoji", snapshot: str = "end") -> ViT:
    """A backbone from the package, in evaluation mode, on the CPU, ready for `features`.

    name: "emoji", trained with the recipe of its `recording`, or "collapsed", a run that lost its centering. snapshot:
    "start", "middle" or "end" of the run. ValueError for any other.
    """
    folder = _folder(name)
    if snapshot not in SNAPSHOTS:
        raise ValueError(f"snapshot must be one of {', '.join(SNAPSHOTS)}, got {snapshot!r}.")
    with torch.random.fork_rng(devices=[]):  # it begins with random weights, which are then replaced
        backbone: ViT = build_backbone(DinoConfig.from_json((folder / "config.json").read_text()))
    backbone.load_state_dict(load_file(folder / f"{snapshot}.safetensors"))  # copied into float32
    return backbone.eval()


def recording(name: str = "emoji") -> Recording:
    """Settings, logs and scores of a shipped run."""
    folder = _folder(name)
    config = DinoConfig.from_json((folder / "config.json").read_text())
    logs = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    facts = json.loads((folder / "run.json").read_text())
    card = folder / "scorecard.json"
    return Recording(name, config, facts, logs, json.loads(card.read_text()) if card.exists() else {})


def save_backbone(backbone: nn.Module, path: Path) -> None:
    """Write a backbone's weights in half precision."""
    weights = {name: value.detach().cpu().half().contiguous() for name, value in backbone.state_dict().items()}
    with atomic(path) as temporary:
        temporary.write_bytes(save(weights))


def _folder(name: str) -> Path:
    names = sorted(path.name for path in MODELS.iterdir() if path.is_dir())
    if name not in names:
        raise ValueError(f"There is no shipped model {name!r}: choose one of {', '.join(names)}.")
    return MODELS / name
