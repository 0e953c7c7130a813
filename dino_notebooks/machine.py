"""The machine under a notebook: how many threads to use, which device there is, how long a run may take.

PyTorch loads inside the functions: the doctor asks for cores where PyTorch is broken.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FAST = "DINO_NB_FAST"  # set to 1, `steps` gives a thirtieth: CI executes the notebooks that readers see
CGROUP = Path("/sys/fs/cgroup/cpu.max")


def setup() -> None:
    """Prepare a notebook: leave a core to the browser, and say which device there is."""
    import torch

    torch.set_num_threads(threads())
    print(device_line())


def steps(count: int) -> int:
    """`count`, or a thirtieth of it in fast mode."""
    return max(5, count // 30) if fast() else count


def fast() -> bool:
    """Whether the environment says DINO_NB_FAST=1."""
    return os.environ.get(FAST, "0") not in ("", "0")


def cores() -> int:
    """CPU cores that this process may use: those it is bound to, or fewer where a container has a quota."""
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(bound, _quota() or bound)


def threads() -> int:
    """How many threads to compute with: one core stays free for the browser and the notebook server."""
    return max(1, cores() - 1)


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for PyTorch's work in this thread, and as many as before afterwards.

    PyTorch keeps the number for each thread apart. One adds up in the same order on every machine, so that a run can be
    repeated to the last bit, and leaves the other cores to the browser.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def device_line() -> str:
    """One sentence on PyTorch, its device and its threads."""
    import torch

    from dino_lite.distributed import pick_device

    device = pick_device(None)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else {"mps": "Apple's GPU"}.get(device.type)
    used = f"{torch.get_num_threads()} of {cores()} cores"
    return f"PyTorch {torch.__version__} on {f'{name}, and' if name else 'the CPU:'} {used}."


def in_notebook() -> bool:
    """Whether this runs in a Jupyter kernel."""
    from IPython import get_ipython

    return hasattr(get_ipython(), "kernel")


def somebody_watches() -> bool:
    """Whether the cell that runs was sent by a page with a person in front of it, not by nbconvert, nbgrader or CI.

    Those who execute notebooks forbid questions (`input()`), pages that people look at allow them.
    """
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    return kernel is not None and bool(kernel.get_parent("shell").get("content", {}).get("allow_stdin"))


def _quota() -> int | None:
    """Whole cores that a container's quota allows, or None: 64 threads on a share of 2 cores crawl."""
    try:
        quota, period = CGROUP.read_text().split()[:2]
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):  # no such file, or "max"
        return None
