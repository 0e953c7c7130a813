"""Devices and processes: which device to use, and sums over all processes of a `torchrun` run."""

import os

import torch
import torch.distributed as dist
from torch import Tensor


def world_size() -> int:
    """Number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Number of this process, from 0."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def all_reduce_sum(values: Tensor) -> Tensor:
    """The sum of `values` over all processes; carries no gradient when there are several."""
    if world_size() > 1:
        values = values.detach().clone()
        dist.all_reduce(values)
    return values


def all_reduce_mean(values: Tensor) -> Tensor:
    """The mean of `values` over all processes."""
    return all_reduce_sum(values) / world_size()


def all_reduce_logsumexp(values: Tensor) -> Tensor:
    """log Σ exp of the columns of (N, K) over all rows of all processes: (K,)."""
    if world_size() == 1:
        return values.logsumexp(dim=0)
    top = values.amax(dim=0)
    dist.all_reduce(top, op=dist.ReduceOp.MAX)
    return top + all_reduce_sum(torch.exp(values - top).sum(dim=0)).log()


def start_processes() -> torch.device | None:
    """Join the group that `torchrun` started and return this process's GPU, if any; None without torchrun."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return None
    cuda = torch.cuda.is_available()
    dist.init_process_group("nccl" if cuda else "gloo")
    if not cuda:
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(device)
    return device


def stop_processes() -> None:
    """Leave the group, if there is one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def pick_device(device: str | torch.device | None) -> torch.device:
    """The device asked for, or the best there is: CUDA, then MPS, then the CPU; ValueError when it is missing."""
    if device is None:
        mps = torch.backends.mps.is_available()
        return torch.device("cuda" if torch.cuda.is_available() else "mps" if mps else "cpu")
    try:
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(f"There is no device {str(device)!r} on this machine: use --device cpu.") from error
    return torch.device(device)
