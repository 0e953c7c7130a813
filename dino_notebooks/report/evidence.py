"""All that a report is made of: what the run folder holds, and what its network says about the pictures."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dino_lite import Dino, DinoConfig, Pictures, features, load_checkpoint, load_pictures, pixel_features
from dino_lite.data import NAMES
from dino_lite.evaluate import image_size
from dino_lite.network import without_weights
from dino_lite.run import RunFolder
from dino_lite.scorecard import vendor_rows
from dino_notebooks.plots import winners

MOST = 3400  # pictures that are embedded: all emoji; UMAP takes longer than linearly
MOST_LARGE = 1000  # when a view is larger than 64 px, so that a ViT-S still embeds them in a minute or so
NEEDED = {"step", "loss", "diagnosis", "reason", "knobs", "seconds", "images_per_second"}  # in every log
QUERIES, LOOKS = 8, 6  # pictures whose neighbours, and whose attention, are shown


@dataclass(frozen=True)
class Evidence:
    """A run: folder, facts (data, steps ...), logs, summary (None when it did not finish), network, pictures."""

    folder: Path
    facts: dict[str, Any]
    logs: list[dict[str, Any]]
    summary: dict[str, Any] | None
    dino: Dino
    pictures: Pictures  # all, or a sample evenly spread over the set
    total: int  # pictures in the set

    @property
    def config(self) -> DinoConfig:
        """The run's settings."""
        return self.dino.config

    @property
    def folder_data(self) -> bool:
        """Whether the pictures are from a folder rather than from a data set with a name."""
        return self.facts["data"] not in NAMES

    @cached_property
    def untrained(self) -> Dino:
        """The same network with random weights."""
        return Dino(without_weights(self.config), self.dino.seed, self.dino.device)

    @cached_property
    def rows(self) -> Tensor:
        """The teacher's features of the pictures on white, (N, D)."""
        return features(self.dino.teacher, self.pictures)

    @cached_property
    def floors(self) -> dict[str, Tensor]:
        """The same of the untrained network and of raw pixels."""
        size = image_size(self.dino.teacher.backbone)
        before = features(self.untrained.teacher, self.pictures)
        return {"the untrained network": before, "raw pixels": pixel_features(self.pictures, size)}

    @cached_property
    def won(self) -> tuple[Tensor, Tensor]:
        """The prototype that wins for each picture, (N,), after and before training."""
        return winners(self.dino, self.pictures), winners(self.untrained, self.pictures)

    @property
    def diagnosis(self) -> tuple[str, str]:
        """The diagnosis and its reason, from the summary or else from the last step."""
        source = self.summary or self.logs[-1]
        return str(source["diagnosis"]), str(source["reason"])

    def queries(self, count: int) -> list[int]:
        """Pictures to show, chosen by their place in the set and not by the result: all classes, one vendor."""
        vendors = vendor_rows(self.pictures)
        rows = vendors[0] if vendors else torch.arange(len(self.pictures))
        labels = self.pictures.labels
        if labels is None:
            return spread(rows, count)
        found: list[int] = []
        groups = [rows[labels[rows] == label] for label in labels[rows].unique()]
        for number, group in enumerate(groups):
            share = count * (number + 1) // len(groups) - count * number // len(groups)
            found += spread(group, share)
        return found


def spread(rows: Tensor, count: int) -> list[int]:
    """At most `count` of the rows, evenly spaced, none twice."""
    count = min(count, len(rows))
    return [int(rows[(2 * i + 1) * len(rows) // (2 * count)]) for i in range(count)]


def gather(run_dir: str | Path) -> Evidence:
    """Read a run folder. ValueError, one sentence, when it is not one or a part of it is missing or damaged."""
    folder = RunFolder(run_dir)
    if not folder.path.is_dir():
        raise ValueError(f"There is no run folder {folder.path}: give the --out of a training run.")
    dino, facts = load_checkpoint(folder.checkpoint), folder.facts()
    logs = read_logs(folder)
    if not logs:
        raise ValueError(f"{folder.metrics} holds no step: there is nothing to report before the first one.")
    pictures = load_pictures(facts["data"], size=dino.config.picture_size, root=facts["root"])
    most = MOST if dino.config.global_size <= 64 else MOST_LARGE
    sample = pictures if len(pictures) <= most else pictures[spread(torch.arange(len(pictures)), most)]
    return Evidence(folder.path, facts, logs, read_summary(folder), dino, sample, len(pictures))


def read_logs(folder: RunFolder) -> list[dict[str, Any]]:
    """The metrics; ValueError when they can't be read."""
    try:
        logs = folder.logs()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{folder.metrics} can't be read ({error}).") from error
    if not all(isinstance(log, dict) and log.keys() >= NEEDED for log in logs):
        raise ValueError(f"{folder.metrics} holds lines that are not a step of dino_lite: use another copy of it.")
    return logs


def read_summary(folder: RunFolder) -> dict[str, Any] | None:
    """The summary, None when the run has not finished; ValueError when it is damaged."""
    path = folder.path / "summary.json"
    if not path.exists():
        return None
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        if not {"diagnosis", "reason", "step", "floors", "background"} <= summary.keys():
            raise ValueError("it lacks the scores")
        return summary
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error}): delete it, and the report does without scores.") from error
