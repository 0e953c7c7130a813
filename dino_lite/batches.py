"""Which pictures a step sees, and from which seeds its random numbers come: pure functions of (seed, step)."""

import hashlib

import torch
from torch import Tensor

from dino_lite.config import DinoConfig
from dino_lite.distributed import world_size


def batch_rows(count: int, batch_size: int, seed: int, step: int) -> Tensor:
    """Which pictures step `step` sees (batch_size,): each epoch a new order, the rest of it left out."""
    epoch, place = divmod(step, count // batch_size)
    generator = torch.Generator().manual_seed(stream_seed(seed, epoch, "order"))
    return torch.randperm(count, generator=generator)[place * batch_size : (place + 1) * batch_size]


def steps_per_epoch(config: DinoConfig, count: int) -> int:
    """How many batches `count` pictures give; ValueError when not even one."""
    if config.batch_size > count:
        raise ValueError(
            f"The batch ({config.batch_size}) is larger than the data set ({count} pictures): "
            f"choose a batch_size of at most {count}."
        )
    if config.batch_size % (world_size() * config.accumulate):
        raise ValueError(
            f"The batch ({config.batch_size}) must split evenly over {world_size()} processes "
            f"and {config.accumulate} parts."
        )
    return count // config.batch_size


def stream_seed(seed: int, number: int, what: str) -> int:
    """A 32-bit seed for one stream of random numbers, the same on every machine."""
    return int.from_bytes(hashlib.sha256(f"{seed} {number} {what}".encode()).digest()[:4], "big")
