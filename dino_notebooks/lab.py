"""`dino-notebooks lab`: find the notebooks, or put a copy of them here, and open JupyterLab on the first."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from dino_notebooks.machine import threads

FIRST = "00_start_here.ipynb"
COPY = "dino-notebooks"  # the folder that a copy goes into
PACKAGE = Path(__file__).parent
DEFAULTS = PACKAGE / "jupyter"  # no question about news at the first start; what the user has set counts more


def open_lab(here: Path, port: int | None, browser: bool) -> None:
    """Run JupyterLab until it is told to end, on the notebooks that belong to the folder `here`."""
    folder = find_notebooks(here)
    if port is not None:
        require_free(port)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads()))  # for every thread of every kernel
    more = os.environ.get("JUPYTER_CONFIG_PATH")
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join([str(DEFAULTS), *([more] if more else [])])
    jupyterlab()(lab_arguments(folder, port, browser))


def find_notebooks(here: Path) -> Path:
    """The nearest folder with the notebooks: here, in a folder around here, or a fresh copy in here."""
    return nearest_notebooks(here) or copy_notebooks(here / COPY)


def existing_notebooks(here: Path) -> Path:
    """The nearest folder with the notebooks, or that of the package: for reading, so nothing is copied."""
    return nearest_notebooks(here) or packed_notebooks()


def nearest_notebooks(here: Path) -> Path | None:
    """The folder with the notebooks that is here or around here, or None."""
    for folder in (here, *here.parents):
        for found in (folder, folder / "notebooks"):
            if (found / FIRST).is_file():
                return found
    beside = here / COPY / "notebooks"  # here / COPY is a clone of the repository
    return beside if (beside / FIRST).is_file() else None


def packed_notebooks() -> Path:
    """The notebooks that came with the package."""
    for folder in (PACKAGE / "notebooks", PACKAGE.parent / "notebooks"):
        if folder.is_dir():
            return folder
    raise ValueError("The notebooks are not where the package is: run this in a clone of the repository.")


def copy_notebooks(folder: Path) -> Path:
    """Copy the notebooks into `folder` and return it; a file that is there already stays as it is."""
    source = packed_notebooks()
    new = [path for path in sorted(source.rglob("*.ipynb")) if not (folder / path.relative_to(source)).exists()]
    new = [path for path in new if ".ipynb_checkpoints" not in path.parts]
    for path in new:
        target = folder / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    if new:
        print(f"Copied {len(new)} notebooks into {folder}.")
    return folder


def lab_arguments(folder: Path, port: int | None, browser: bool) -> list[str]:
    """JupyterLab's command line: the folder's parent as the root, and its first notebook open."""
    root = folder.parent
    arguments = [
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{quote((folder / FIRST).relative_to(root).as_posix())}",
    ]
    if port is not None:
        arguments += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if not browser:
        arguments.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")  # as in containers; Jupyter refuses root otherwise
    return arguments


def require_free(port: int) -> None:
    """ValueError when another program listens on the port."""
    with socket.socket() as try_out:
        try_out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that has just been freed is free
        try:
            try_out.bind(("127.0.0.1", port))
        except OSError as error:
            cure = "choose another, or leave --port out"
            raise ValueError(f"Port {port} is not free ({error.strerror}): {cure}.") from None


def jupyterlab() -> Callable[[list[str]], None]:
    """JupyterLab's own start, imported only here; ValueError when it is missing."""
    try:
        from jupyterlab.labapp import main  # type: ignore[import-untyped]  # ships no type information
    except ImportError as error:
        raise ValueError(f"JupyterLab does not load ({error}): dino-notebooks doctor says what to do.") from None
    return main
