"""Which runs go on in this kernel: one a name, so that a cell that is run again replaces its run."""

import atexit
import os
import sys
from collections.abc import Callable

from dino_notebooks.machine import somebody_watches
from dino_notebooks.session.drivers import Driver, InlineDriver, ThreadDriver, TickDriver
from dino_notebooks.session.engine import Session

DRIVERS = {"thread": ThreadDriver, "ticks": TickDriver, "inline": InlineDriver}
_running: dict[str, Driver] = {}


def make_driver(kind: str, name: str, session: Session, draw: Callable[[], None]) -> Driver:
    """A driver of a kind ("thread", "ticks", "inline"); another one of this name is stopped first."""
    release(name)
    _running[name] = DRIVERS[kind](session, draw)
    return _running[name]


def release(name: str) -> None:
    """Stop the driver of this name, if there is one."""
    if (old := _running.pop(name, None)) is not None:
        old.stop()


def stop_all() -> None:
    """Stop every run of this kernel."""
    for name in list(_running):
        release(name)


atexit.register(stop_all)


def choose_driver() -> str:
    """The kind of driver for where this runs; the environment variable DINO_NB_DRIVER decides otherwise."""
    wanted = os.environ.get("DINO_NB_DRIVER", "")
    if wanted:
        if wanted not in DRIVERS:
            raise ValueError(f"DINO_NB_DRIVER must be one of {', '.join(DRIVERS)}, got {wanted!r}.")
        return wanted
    if not somebody_watches():
        return "inline"
    return "ticks" if "google.colab" in sys.modules else "thread"  # Colab loads it before the first cell
