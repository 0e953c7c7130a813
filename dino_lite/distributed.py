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


def any_process(flag: bool) -> bool:
    """Whether `flag` is True in any process: all of them then stop after the same step."""
    if world_size() == 1:
        return flag
    on_gpu = dist.get_backend() == "nccl"
    return bool(all_reduce_sum(torch.tensor(float(flag), device="cuda" if on_gpu else "cpu")) > 0)


def all_reduce_logsumexp(values: Tensor) -> Tensor:
    """log Σ exp of the columns of (N, K) over all rows of all processes: (K,)."""
    if world_size() == 1:
        return values.logsumexp(dim=0)
    top = values.amax(dim=0)
    dist.all_reduce(top, op=dist.ReduceOp.MAX)
    return top + all_reduce_sum(torch.exp(values - top).sum(dim=0)).log()


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


def start_processes(device: str | None = None) -> torch.device:
    """This process's device, as `pick_device` picks it; under `torchrun` also joins the group and takes its own GPU."""
    chosen = pick_device(device)
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return chosen
    if chosen.type != "cuda":
        dist.init_process_group("gloo")
        return torch.device("cpu")
    local, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
    if local >= gpus:
        raise ValueError(f"Process {local} finds no GPU of its own among {gpus}: lower --nproc-per-node.")
    chosen = torch.device("cuda", local)
    torch.cuda.set_device(chosen)
    dist.init_process_group("nccl", device_id=chosen)
    return chosen


def stop_processes() -> None:
    """Leave the group, if there is one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
