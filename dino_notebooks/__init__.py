"""What watches and steers dino_lite in JupyterLab, and the command line `dino-notebooks`.

    from dino_notebooks import setup, show, steps, watch
    setup()                            threads, and one line on the machine
    show(dino_lite.dino_loss)          the library's source, in the notebook
    logs = watch(dino_lite.train(config, pictures, steps=steps(600), resume=dino), steps(600))

Reading order:

    machine.py     setup, steps: what the machine can do
    source.py      show
    progress.py    watch (live_picture.py: its numbers and words, live_chart.py: its chart)
    plots/         the figures of the notebooks; report/: those of a run, on one page
    lab.py, doctor.py, build.py, cli.py      the commands
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dino_notebooks.machine import setup, steps
    from dino_notebooks.progress import watch
    from dino_notebooks.source import show

__all__ = ["setup", "show", "steps", "watch"]

_HOMES = {"setup": "machine", "steps": "machine", "show": "source", "watch": "progress"}


def __getattr__(name: str) -> Any:
    # On demand: `dino-notebooks doctor` has to run where PyTorch does not, and the other commands start at once.
    if name in _HOMES:
        return getattr(import_module(f"dino_notebooks.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
