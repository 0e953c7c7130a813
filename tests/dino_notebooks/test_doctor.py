"""The doctor says that a whole machine is whole, and of each broken one what is broken and how to mend it.

Every fault is made, in this process, by breaking what the check asks. Run: pytest tests/dino_notebooks/test_doctor.py
"""

import builtins
import importlib.metadata
import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import jupyter_core.paths
import pytest
import torch

import dino_lite
from dino_notebooks import doctor

Break = Callable[[pytest.MonkeyPatch, Path], None]


def version(package: str, found: str | None) -> Break:
    """A machine with this version of a package, or without it."""

    def break_it(patch: pytest.MonkeyPatch, folder: Path) -> None:
        real = importlib.metadata.version

        def answer(name: str) -> str:
            if name != package:
                return real(name)
            if found is None:
                raise importlib.metadata.PackageNotFoundError(name)
            return found

        patch.setattr(importlib.metadata, "version", answer)

    return break_it


def module(name: str, error: Exception) -> Break:
    """A machine on which a module does not load."""

    def break_it(patch: pytest.MonkeyPatch, folder: Path) -> None:
        real = builtins.__import__

        def load(asked: str, *rest: object) -> object:
            if asked == name:
                raise error
            return real(asked, *rest)

        for loaded in [key for key in sys.modules if key.split(".")[0] == name]:
            patch.delitem(sys.modules, loaded)
        patch.setattr(builtins, "__import__", load)
        patch.setattr(doctor, "import_module", load)

    return break_it


def wrong_numbers(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr(torch, "ones", lambda *shape, device: torch.zeros(*shape, device=device))


def threads(asked: str) -> Break:
    return lambda patch, folder: patch.setenv("OMP_NUM_THREADS", asked)


def no_front_end(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr(jupyter_core.paths, "jupyter_path", lambda *names: [str(folder / "nowhere")])


def front_end_switched_off(patch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "labconfig").mkdir()
    off = {"disabledExtensions": {"@jupyter-widgets/jupyterlab-manager": True}}
    (folder / "labconfig" / "page_config.json").write_text(json.dumps(off))
    patch.setattr(jupyter_core.paths, "jupyter_config_path", lambda: [str(folder)])


def another_kernel(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """One that another environment has left in the user's own folder, which comes first."""
    kernel = folder / "kernels" / "python3"
    kernel.mkdir(parents=True)
    argv = [str(folder / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernel / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}))
    patch.setenv("JUPYTER_PATH", str(folder))


def full_disk(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=0.3e9))


def slow_machine(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr(dino_lite, "train", lambda *_, steps: [SimpleNamespace(seconds=2.0)] * steps)


def old_python(patch: pytest.MonkeyPatch, folder: Path) -> None:
    patch.setattr(sys, "version_info", (3, 10, 4))


@pytest.mark.parametrize(
    ("name", "break_it", "finding", "cure"),
    [
        ("Python", old_python, "3.10.4 is too old", "PYTHON=python3.12"),
        ("PyTorch", version("torch", None), "is not installed", "pip install torch"),
        ("PyTorch", version("torch", "2.9.1"), "2.9.1 is too old", "pip install --upgrade torch"),
        ("PyTorch", module("torch", OSError("libc10.so: no such file")), "libc10.so", "--force-reinstall torch"),
        ("PyTorch", wrong_numbers, "computes wrong numbers", "Update the driver"),
        ("threads", threads("64"), "OMP_NUM_THREADS is 64", "unset OMP_NUM_THREADS"),
        ("threads", threads("many"), "OMP_NUM_THREADS is many", "unset OMP_NUM_THREADS"),
        ("JupyterLab", version("jupyterlab", "3.6.8"), "3.6.8 is too old", "pip install --upgrade jupyterlab"),
        ("ipywidgets", version("ipywidgets", "7.8.5"), "7.8.5 is too old", "pip install --upgrade ipywidgets"),
        ("ipywidgets", no_front_end, "JupyterLab lacks its half", "--force-reinstall jupyterlab_widgets"),
        ("ipywidgets", front_end_switched_off, "switched off in", "jupyter labextension enable"),
        ("anywidget", version("anywidget", None), "is not installed", "pip install anywidget"),
        ("anywidget", no_front_end, "JupyterLab lacks its half", "--force-reinstall anywidget"),
        ("ipykernel", version("ipykernel", "7.0.1"), "7.0.1 loses updates", "pip install --upgrade ipykernel"),
        ("ipykernel", version("ipykernel", "6.20.0"), "6.20.0 is too old", "pip install --upgrade ipykernel"),
        ("ipykernel", another_kernel, "starts another Python", "jupyter kernelspec remove python3"),
        ("disk", full_disk, "0.3 GB free", "Free some disk space"),
        ("UMAP", version("umap-learn", None), "is not installed", "pip install umap-learn"),
        ("UMAP", module("umap", SystemError("numba: initialization failed")), "initialization failed", "numba"),
        ("training", slow_machine, "0.5 steps a second", "Close what else is computing"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_fault_is_found_and_has_a_cure(
    name: str, break_it: Break, finding: str, cure: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    break_it(monkeypatch, tmp_path)
    with pytest.raises(doctor.Ill) as ill:
        doctor.CHECKS[name]()
    assert finding in ill.value.finding
    assert cure in ill.value.cure
    assert "\n" not in ill.value.finding + ill.value.cure


def test_versions_of_tomorrow_are_fine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Ten is more than nine, and a build's suffix means nothing."""
    for package, found in {"torch": "2.14.0a0+git12ab", "jupyterlab": "10.0.0", "ipykernel": "7.10.0"}.items():
        with monkeypatch.context() as patch:
            version(package, found)(patch, tmp_path)
            names = {"torch": "PyTorch", "jupyterlab": "JupyterLab", "ipykernel": "ipykernel"}
            doctor.CHECKS[names[package]]()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Only checks that are done at once."""
    monkeypatch.setattr(doctor, "CHECKS", {"Python": doctor.python, "disk": doctor.disk})
    return monkeypatch


def test_all_is_well(quick: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.examine() == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["ok", "ok", "All"]


def test_one_fault_does_not_hide_the_next(quick: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Even a check that itself breaks."""

    def broken() -> str:
        raise KeyError("no such thing")

    quick.setitem(doctor.CHECKS, "broken", broken)
    quick.setitem(doctor.CHECKS, "last", lambda: "fine")
    full_disk(quick, Path())
    assert doctor.examine() == 1
    printed = capsys.readouterr().out
    assert "WRONG  disk           0.3 GB free here\n                      Free some disk space" in printed
    assert "WRONG  broken         KeyError" in printed
    assert "ok     last           fine" in printed
    assert printed.endswith("2 of 4 need a cure.\n")


@pytest.mark.slow
def test_this_machine_is_well(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The real checks, UMAP's import and all; but a busy machine may be slow."""
    monkeypatch.setattr(doctor, "SLOW", 0.1)
    assert doctor.examine() == 0, capsys.readouterr().out
