"""`dino-notebooks doctor`: is this machine ready for the notebooks, and if not, what to do about it.

A check returns what it found, or raises `Ill` with what is wrong and the cure.
"""

import importlib.metadata
import json
import os
import re
import shutil
import sys
import tempfile
import time
import webbrowser
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from dino_notebooks.machine import cores, device_line, threads

FREE_GB = 1.0  # a run folder takes megabytes; a torchvision set up to a few hundred
WRITTEN_MB, SLOW_MB = 8.0, 5.0  # how much is written for a try; a second, below which saving is felt
SLOW = 3.0  # steps a second of the lab preset, below which the first notebook takes minutes


class Ill(Exception):
    """Something is wrong: what, and the cure. severe: whether the notebooks can't do without it."""

    def __init__(self, finding: str, cure: str, severe: bool = True) -> None:
        super().__init__(finding)
        self.finding, self.cure, self.severe = finding, cure, severe


def examine(quick: bool = False) -> int:
    """Run and print every check; 0 when all is well, 1 when something needs a cure. quick: only those of a moment."""
    ill = 0
    checks = {name: check for name, check in CHECKS.items() if not (quick and check in LEFT_OUT)}
    for name, check in checks.items():
        try:
            print(f"ok     {name:14} {check()}", flush=True)
        except Ill as found:
            ill += found.severe
            word = "WRONG" if found.severe else "note"
            print(f"{word:6} {name:14} {found.finding}\n       {'':14} {found.cure}", flush=True)
        except Exception as error:  # a check must not end the others
            ill += 1
            print(f"WRONG  {name:14} {type(error).__name__}: {error}\n       {'':14} {REINSTALL}", flush=True)
    well = "All is well." if quick else "All is well: dino-notebooks lab opens the notebooks."
    print(f"{ill} of {len(checks)} need a cure." if ill else well)
    return 1 if ill else 0


REINSTALL = "Install again what is asked for: in a clone, make clean and then make lab."


def python() -> str:
    """Python is new enough."""
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036 (pip refuses it, but nothing else does)
        raise Ill(f"{found} is too old", "Use Python 3.11 or newer: make clean, then make lab PYTHON=python3.12.")
    return f"{found} at {sys.executable}"


def pytorch() -> str:
    """PyTorch loads and computes on its device."""
    version = required("torch", "2.10")
    try:
        import torch

        from dino_lite.distributed import pick_device

        device = pick_device(None)
        ones = torch.ones(64, 64, device=device)
        if float((ones @ ones).sum()) != 64.0**3:
            raise Ill(f"{version} computes wrong numbers on {device}", "Update the driver of the GPU.")
    except (ImportError, OSError, RuntimeError) as error:
        cure = f"Reinstall it: {pip('--force-reinstall torch')}"
        raise Ill(f"{version} does not work: {first_line(error)}", cure) from None
    return device_line()


def thread_count() -> str:
    """No more threads than cores."""
    asked = os.environ.get("OMP_NUM_THREADS")
    if asked is not None and not (asked.isdecimal() and 0 < int(asked) <= cores()):
        raise Ill(
            f"OMP_NUM_THREADS is {asked}, and there are {cores()} cores",
            f"More threads than cores crawl: unset OMP_NUM_THREADS, or set it to {threads()}.",
        )
    return f"{threads()} of {cores()} cores to compute with"


def kernel() -> str:
    """ipykernel is not the one that loses updates of widgets, and notebooks run in this Python."""
    version = required("ipykernel", "6.29")
    if numbers(version) == (7, 0):
        raise Ill(f"{version} loses updates of widgets", f"Update it: {pip('--upgrade ipykernel')}")
    from jupyter_client.kernelspec import KernelSpecManager

    program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    here = {"python", "python3", f"python3.{sys.version_info[1]}", sys.executable}  # Jupyter puts its own there
    if program not in here and os.path.realpath(program) != os.path.realpath(sys.executable):
        raise Ill(
            f"the kernel python3 starts another Python, {program}",
            "Remove it: jupyter kernelspec remove python3 (this Python's own is used then).",
        )
    return version


def jupyterlab() -> str:
    """JupyterLab is of the version whose widgets we use."""
    return required("jupyterlab", "4")


def widgets() -> str:
    """ipywidgets and its half in the browser are both there, and that half is not switched off."""
    version = required("ipywidgets", "8")
    require_front_end("@jupyter-widgets/jupyterlab-manager", version, "jupyterlab_widgets")
    return version


def explorer() -> str:
    """What the embedding explorer is drawn with."""
    version = required("anywidget", "0.9")
    require_front_end("anywidget", version, "anywidget")
    return version


def require_front_end(name: str, version: str, package: str) -> None:
    """Ill unless JupyterLab has this extension, and has not switched it off."""
    from jupyter_core.paths import jupyter_config_path, jupyter_path

    places = [Path(path, name) for path in jupyter_path("labextensions")]
    if not any((place / "package.json").is_file() for place in places):
        raise Ill(
            f"{version}, but JupyterLab lacks its half of it, so widgets show as text",
            f"Reinstall it: {pip(f'--force-reinstall {package}')}",
        )
    for file in (Path(path, "labconfig", "page_config.json") for path in jupyter_config_path()):
        if file.is_file() and json.loads(file.read_text()).get("disabledExtensions", {}).get(name):
            raise Ill(f"switched off in {file}", f"Switch it on: jupyter labextension enable {name}")


def disk() -> str:
    """Room for runs and data."""
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    if free < FREE_GB:
        raise Ill(f"{free:.1f} GB free here", f"Free some disk space: runs and data want {FREE_GB:.0f} GB.")
    return f"{free:.1f} GB free here"


def disk_speed() -> str:
    """Writing is fast enough: a home folder on a busy network drive can make every save a pause."""
    with tempfile.TemporaryFile(dir=Path.cwd()) as file:
        before = time.perf_counter()
        file.write(b"\0" * int(WRITTEN_MB * 1e6))
        file.flush()
        os.fsync(file.fileno())
        speed = WRITTEN_MB / (time.perf_counter() - before)
    if speed < SLOW_MB:
        cure = "Work in a folder on a disk of this machine: here every save of a notebook or of a run is a pause."
        raise Ill(f"writes {speed:.1f} MB a second, which is slow", cure, severe=False)
    return f"writes {speed:.0f} MB a second"


def browser() -> str:
    """JupyterLab can be opened by itself."""
    try:
        return webbrowser.get().__class__.__name__
    except webbrowser.Error:
        cure = "dino-notebooks lab --no-browser prints an address to open; on a server, through an SSH tunnel."
        raise Ill("none is found", cure, severe=False) from None


def umap() -> str:
    """UMAP loads; it compiles at its first import, which takes longest."""
    version, before = required("umap-learn", "0.5"), time.perf_counter()
    try:
        import_module("umap")
    except Exception as error:  # numba and llvmlite raise many kinds
        cure = f"Reinstall it: {pip('--upgrade umap-learn numba')}"
        raise Ill(f"{version} does not load: {first_line(error)}", cure) from None
    return f"{version}, loaded in {time.perf_counter() - before:.0f} s"


def training() -> str:
    """A few steps of DINO on the built-in pictures."""
    import dino_lite

    config, count = dino_lite.DinoConfig.lab(), 8
    pictures = dino_lite.load_pictures("emoji", size=config.picture_size)
    logs = list(dino_lite.train(config, pictures, steps=count))
    rate = (count - 2) / sum(log.seconds for log in logs[2:])  # the first steps warm up
    if rate < SLOW:
        raise Ill(f"{rate:.1f} steps a second are few", "Close what else is computing, and plug the laptop in.")
    return f"{len(pictures)} pictures, {rate:.0f} steps a second"


def required(package: str, oldest: str) -> str:
    """The version of an installed package; Ill when it is missing or older."""
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        raise Ill("is not installed", f"Install it: {pip(package)}") from None
    if numbers(version) < numbers(oldest):
        raise Ill(f"{version} is too old", f"Update it: {pip(f'--upgrade {package}')}")
    return version


def numbers(version: str) -> tuple[int, ...]:
    """The first two numbers of a version, to be compared."""
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


def pip(what: str) -> str:
    """The command that installs something into this Python."""
    return f"{sys.executable} -m pip install {what}"


def first_line(error: BaseException) -> str:
    """The first line of what an error says."""
    return (str(error).splitlines() or [type(error).__name__])[0]


CHECKS: dict[str, Callable[[], str]] = {
    "Python": python,
    "PyTorch": pytorch,
    "threads": thread_count,
    "JupyterLab": jupyterlab,
    "ipywidgets": widgets,
    "anywidget": explorer,
    "ipykernel": kernel,
    "browser": browser,
    "disk": disk,
    "disk's speed": disk_speed,
    "UMAP": umap,
    "training": training,
}
LEFT_OUT = (browser, disk_speed, umap, training)  # of a quick look, in a notebook: one is open, and these take seconds
