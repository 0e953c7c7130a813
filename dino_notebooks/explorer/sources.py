"""Features from whatever an explorer was given: a table, a network, a run, or several of them by name."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from dino_lite import Dino, Pictures, Recording, features, load_checkpoint, recording
from dino_notebooks.plots.neighbours import checked_rows

KINDS = "a table of features (N, D), a Dino, a network, a run folder, a Recording, or a dict of these by name"


def features_by_name(source: Any, pictures: Pictures) -> dict[str, Tensor]:
    """Name → features (N, D) float32 on the CPU; one thing alone gets the name "features".

    None: the shipped model's recording. ValueError, one sentence, for what is no features of these pictures.
    """
    if source is None:
        source = recording()
    if isinstance(source, Recording):
        source = source.backbones()
    if not isinstance(source, dict):
        return {"features": _features(source, pictures, "")}
    if not source:
        raise ValueError("The dict of snapshots is empty: give it features by name, such as {'step 0': rows}.")
    return {str(name): _features(one, pictures, f" (snapshot {str(name)!r})") for name, one in source.items()}


def _features(source: Any, pictures: Pictures, where: str) -> Tensor:
    """Features of one thing; where: its name, for the message."""
    if isinstance(source, str | Path):
        source = _loaded(Path(source).expanduser())
    if isinstance(source, Dino):
        source = source.teacher
    if isinstance(source, nn.Module):
        return features(source, pictures)
    if not isinstance(source, Tensor | np.ndarray):
        raise ValueError(f"An explorer needs {KINDS}, got {type(source).__name__}{where}.")
    table = torch.as_tensor(source)
    if table.ndim != 2 or not table.numel() or table.is_complex():
        raise ValueError(f"Features are a table (N, D), one row a picture, got {tuple(table.shape)}{where}.")
    if len(table) != len(pictures):
        raise ValueError(f"{len(pictures)} pictures need {len(pictures)} rows of features, got {len(table)}{where}.")
    if not bool(table.isfinite().all()):
        raise ValueError(
            f"The features hold NaN or infinite values{where}: was the network trained with a finite loss?"
        )
    return checked_rows(table)


def _loaded(path: Path) -> Dino:
    """The run in a folder, or in a checkpoint file."""
    if not path.exists():
        raise ValueError(f"There is no run folder {path}: check the spelling, or give its full path.")
    return load_checkpoint(path / "checkpoint.safetensors" if path.is_dir() else path)
