"""Checkpoints: one safetensors file with tensors by name and the rest as JSON in its header; nothing in it can run.

Writing is atomic: a file beside it is written, forced to disk and put in place in one step, so a run that is killed
at any moment leaves the old checkpoint or the new one, never half of one.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from dino_lite.config import DinoConfig
from dino_lite.distributed import pick_device
from dino_lite.network import without_weights
from dino_lite.train import Dino

FORMAT = "dino_lite 1"


def save_checkpoint(dino: Dino, path: str | Path, **more: Any) -> None:
    """Write all of a run's state to `path`, with `more` JSON-able facts (such as the data set's name)."""
    tensors, rest = split(dino.state_dict())
    header = {"format": FORMAT, "config": dino.config.to_json(), "state": json.dumps(rest), "more": json.dumps(more)}
    with atomic(path) as temporary:
        temporary.write_bytes(save(tensors, header))


def load_checkpoint(path: str | Path, device: str | torch.device | None = None) -> Dino:
    """The run that `save_checkpoint` wrote, ready to go on; ValueError when the file is anything else."""
    header, tensors = read(path)
    device = pick_device(device)
    try:
        config = DinoConfig.from_json(header["config"])
        dino = Dino(without_weights(config), device=device)  # all its weights are in the file: nothing is fetched
        dino.config = config
        dino.load_state_dict(join(tensors, json.loads(header["state"])))
    except Exception as error:  # a foreign header can be wrong in any way
        missing = "there is no " if isinstance(error, KeyError) else ""
        raise ValueError(f"{path} does not hold a run that can go on: {missing}{first_line(error)}") from error
    return dino


def read(path: str | Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Header and tensors of a checkpoint, unchecked beyond their format."""
    try:
        with safe_open(path, "pt") as file:
            header, tensors = file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except FileNotFoundError:
        raise ValueError(f"There is no checkpoint {path}.") from None
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} is not a whole checkpoint ({first_line(error)}): use another copy of it.") from error
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} is a safetensors file, but not a checkpoint that this dino_lite wrote.")
    return header, tensors


def split(state: Any, prefix: str = "") -> tuple[dict[str, Tensor], Any]:
    """A nested state → its tensors by dotted name, and the same nesting with None in their places."""
    if isinstance(state, Tensor):
        return {prefix: state.detach().cpu().contiguous()}, None
    if isinstance(state, (dict, list)):
        items = state.items() if isinstance(state, dict) else enumerate(state)
        tensors: dict[str, Tensor] = {}
        rest: dict[str, Any] = {}
        for key, value in items:
            found, rest[str(key)] = split(value, f"{prefix}.{key}" if prefix else str(key))
            tensors |= found
        return tensors, rest if isinstance(state, dict) else list(rest.values())
    return {}, state


def join(tensors: dict[str, Tensor], rest: Any, prefix: str = "") -> Any:
    """The reverse of `split`. Whole-number keys, as in an optimizer's state, become numbers again."""
    if prefix in tensors:
        return tensors[prefix]
    if isinstance(rest, dict):
        return {
            int(k) if k.isdigit() else k: join(tensors, v, f"{prefix}.{k}" if prefix else k) for k, v in rest.items()
        }
    if isinstance(rest, list):
        return [join(tensors, v, f"{prefix}.{i}" if prefix else str(i)) for i, v in enumerate(rest)]
    return rest


@contextlib.contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """A temporary path to write to; in the end it replaces `path` in one step. ValueError when the disk is full."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def unwritable(path: str | Path, error: OSError) -> ValueError:
    """The sentence for a file that the disk, or its owner, does not take."""
    reason = error.strerror or error
    return ValueError(
        f"{path} could not be written ({reason}): free some disk space or choose another folder; "
        "the last checkpoint is untouched."
    )


def first_line(error: BaseException) -> str:
    """The first line of an error's message, for a sentence of our own."""
    return (str(error).splitlines() or [type(error).__name__])[0]
