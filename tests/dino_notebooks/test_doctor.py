"""The doctor says that a whole machine is whole, and of each broken one what is broken and how to mend it.

Every fault is made, in this process, by breaking what the check asks. Run: pytest tests/dino_notebooks/test_doctor.py
"""

import builtins
import importlib.metadata
import json
import os
import shutil
import sys
import time
import webbrowser
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


def slow_disk(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """One that takes four seconds for what the check writes; the clock is a made-up one, and nothing waits."""
    now = [0.0]

    def sync(number: int) -> None:
        now[0] += 4.0

    patch.chdir(folder)
    patch.setattr(os, "fsync", sync)
    patch.setattr(time, "perf_counter", lambda: now[0])


def no_browser(patch: pytest.MonkeyPatch, folder: Path) -> None:
    def none(using: str | None = None) -> None:
        raise webbrowser.Error("could not locate runnable browser")

    patch.setattr(webbrowser, "get", none)


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
        ("browser", no_browser, "none is found", "dino-notebooks lab --no-browser"),
        ("disk", full_disk, "0.3 GB free", "Free some disk space"),
        ("disk's speed", slow_disk, "writes 2.0 MB a second", "a folder on a disk of this machine"),
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


def test_what_one_can_do_without_is_not_severe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A server has no browser, and a slow disk only costs patience; a full one ends a run."""
    for name, break_it, severe in (
        ("browser", no_browser, False),
        ("disk's speed", slow_disk, False),
        ("disk", full_disk, True),
    ):
        with monkeypatch.context() as patch:
            break_it(patch, tmp_path)
            with pytest.raises(doctor.Ill) as ill:
                doctor.CHECKS[name]()
        assert ill.value.severe is severe, name


def test_the_disk_is_measured_and_left_clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(doctor, "SLOW_MB", 0.0)  # the machine of a test may be busy
    assert doctor.disk_speed().endswith("MB a second")
    assert list(tmp_path.iterdir()) == []


def test_a_browser_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "get", lambda using=None: webbrowser.GenericBrowser("lynx"))
    assert doctor.browser() == "GenericBrowser"


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


def test_a_note_is_printed_and_does_not_count(quick: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What is not severe gets its cure too, but the machine is well."""
    quick.setitem(doctor.CHECKS, "browser", doctor.browser)
    no_browser(quick, Path())
    assert doctor.examine() == 0
    printed = capsys.readouterr().out
    assert "note   browser        none is found\n                      dino-notebooks lab --no-browser" in printed
    assert "WRONG" not in printed
    assert printed.endswith("All is well: dino-notebooks lab opens the notebooks.\n")


def test_a_quick_look_leaves_out_what_takes_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a notebook: a browser is open, and nobody wants to wait for UMAP. A fault is found all the same."""
    left_out = {name for name, check in doctor.CHECKS.items() if check in doctor.LEFT_OUT}
    assert left_out == {"browser", "disk's speed", "UMAP", "training"}
    run: list[str] = []

    def noted(name: str) -> Callable[[], str]:
        def check() -> str:
            run.append(name)
            return "fine"

        return check

    made = {name: noted(name) for name in doctor.CHECKS}
    monkeypatch.setattr(doctor, "LEFT_OUT", tuple(made[name] for name in left_out))
    monkeypatch.setattr(doctor, "CHECKS", made)
    assert doctor.examine(quick=True) == 0
    assert set(run) == set(made) - left_out
    assert capsys.readouterr().out.endswith("All is well.\n")
    full_disk(monkeypatch, Path())
    monkeypatch.setitem(made, "disk", doctor.disk)
    assert doctor.examine(quick=True) == 1
    assert capsys.readouterr().out.endswith(f"1 of {len(made) - len(left_out)} need a cure.\n")


@pytest.mark.slow
def test_this_machine_is_well(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The real checks, UMAP's import and all; but a busy machine may be slow."""
    monkeypatch.setattr(doctor, "SLOW", 0.1)
    assert doctor.examine() == 0, capsys.readouterr().out
