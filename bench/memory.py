"""How much memory the kernel of a student takes, for whoever sizes a shared server.

    python -m bench.memory            # three kernels for each stage, one after the other; about ten minutes

Every stage runs in real kernels of its own, with one thread. Read from /proc/PID/status (Linux): VmHWM, the most that
the kernel ever held; VmRSS, what it holds afterwards; RssAnon, the part that is its own. The rest are files that
were mapped, PyTorch's libraries above all, which kernels on one machine share.
"""

import argparse
import json
import os
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import torch
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel

from bench.rounds import machine

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
KINDS = ("VmHWM", "VmRSS", "RssAnon")
QUIET = {"OMP_NUM_THREADS": "1", "DINO_NB_FAST": "1", "DINO_NB_DRIVER": "inline", "DINO_NB_JOURNAL": "off"}
LIMIT = 900  # seconds a cell


def cells(name: str) -> list[str]:
    """The code of a notebook, cell by cell."""
    found = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    return ["".join(cell["source"]) for cell in found if cell["cell_type"] == "code"]


PANEL = 'CollapseLab(line="dino-run/1 lab seed=0 steps=100", driver="inline")'
MAP = "from dino_notebooks.plots.places import layout\n_ = layout(features(pretrained(), load_pictures('emoji')))"
STAGES = {
    "a kernel that has done nothing": ["pass"],
    "import dino_lite": ["import dino_lite"],
    "setup() of dino_notebooks": ["from dino_notebooks import setup\nsetup()"],
    "notebook 00, fast mode": cells("00_start_here"),
    "CollapseLab, 100 steps": [f"from dino_notebooks import CollapseLab\nlab = {PANEL}\nlab"],
    "UMAP of 3,348 emoji": ["from dino_lite import features, load_pictures, pretrained", MAP],
    "notebook 07, fast mode": cells("07_embeddings"),
}


@contextmanager
def kernel() -> Iterator[tuple[BlockingKernelClient, int]]:
    """A kernel as JupyterLab starts it, and its process."""
    manager, client = start_new_kernel(kernel_name="python3", env=os.environ | QUIET, cwd=str(NOTEBOOKS))
    try:
        yield client, manager.provisioner.pid
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def memory(code: list[str]) -> dict[str, float]:
    """MB of a fresh kernel that has run these cells, by KINDS. RuntimeError when one of them fails."""
    with kernel() as (client, process):
        for cell in code:
            reply = client.execute_interactive(cell, output_hook=lambda _: None, allow_stdin=False, timeout=LIMIT)
            if reply["content"]["status"] != "ok":
                raise RuntimeError(f"{reply['content'].get('ename')} in this cell:\n{cell}")
        lines = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
        return {kind: int(lines[kind].split()[0]) * 1024 / 1e6 for kind in KINDS}


def main(rounds: int, wanted: str) -> None:
    """Measure and print, stage by stage."""
    versions = ", ".join(f"{name} {version(name)}" for name in ("ipykernel", "ipywidgets", "numba", "umap-learn"))
    print(f"{machine()}, {versions}; {rounds} kernels each\n")
    print("| MB: median (range) | most | afterwards | of it its own |\n|---|---|---|---|")
    for name, code in STAGES.items():
        if wanted in name:
            found = [memory(code) for _ in range(rounds)]
            parts = [sorted(one[kind] for one in found) for kind in KINDS]
            spans = [f"{statistics.median(part):.0f} ({part[0]:.0f} to {part[-1]:.0f})" for part in parts]
            print(f"| {name} | {' | '.join(spans)} |", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--only", default="", help="a part of a stage's name")
    chosen = options.parse_args()
    main(chosen.rounds, chosen.only)
