"""What watches and steers dino_lite in JupyterLab, and the command line `dino-notebooks`.

    from dino_notebooks import CollapseLab, setup, show, steps, watch
    CollapseLab()                      a run to be steered until it collapses, and back
    setup()                            threads, and one line on the machine
    show(dino_lite.dino_loss)          the library's source, in the notebook
    logs = watch(dino_lite.train(config, pictures, steps=steps(600), resume=dino), steps(600))

Reading order:

    machine.py     setup, steps: what the machine can do
    source.py      show
    predictions.py predict, reveal: a guess before each answer (journal.py keeps them)
    check/         check.NAME(answer): what is right or wrong with it; solved.py: progress()
    live_run.py    watch (live_picture.py: its numbers and words, live_chart.py: its chart)
    session/       Session: a run that is steered while it goes on
    collapse_lab/  the panel around it; meters/: its charts; drawing/: how live charts are drawn
    explorer/      Explorer: a map of an embedding to walk about in
    widgets/       TemperatureWidget, CenterWidget, EMAWidget, MultiCropWidget, AttentionWidget, SearchWidget
    plots/         the figures of the notebooks; report/: those of a run, on one page
    lab.py, doctor.py, build.py, course.py, cli.py      the commands
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dino_notebooks import check
    from dino_notebooks.collapse_lab import CollapseLab
    from dino_notebooks.explorer import Explorer
    from dino_notebooks.live_run import watch
    from dino_notebooks.machine import setup, steps
    from dino_notebooks.predictions import predict, reveal
    from dino_notebooks.session import Session
    from dino_notebooks.solved import progress
    from dino_notebooks.source import show
    from dino_notebooks.widgets import (
        AttentionWidget,
        CenterWidget,
        EMAWidget,
        MultiCropWidget,
        SearchWidget,
        TemperatureWidget,
    )

__all__ = [
    "AttentionWidget",
    "CenterWidget",
    "CollapseLab",
    "EMAWidget",
    "Explorer",
    "MultiCropWidget",
    "SearchWidget",
    "Session",
    "TemperatureWidget",
    "check",
    "predict",
    "progress",
    "reveal",
    "setup",
    "show",
    "steps",
    "watch",
]

_HOMES = {
    "AttentionWidget": "widgets",
    "CenterWidget": "widgets",
    "CollapseLab": "collapse_lab",
    "EMAWidget": "widgets",
    "Explorer": "explorer",
    "MultiCropWidget": "widgets",
    "SearchWidget": "widgets",
    "Session": "session",
    "TemperatureWidget": "widgets",
    "predict": "predictions",
    "progress": "solved",
    "reveal": "predictions",
    "setup": "machine",
    "show": "source",
    "steps": "machine",
    "watch": "live_run",
}


def __getattr__(name: str) -> Any:
    # On demand: `dino-notebooks doctor` has to run where PyTorch does not, and the other commands start at once.
    if name == "check":
        return import_module("dino_notebooks.check")
    if name in _HOMES:
        return getattr(import_module(f"dino_notebooks.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
