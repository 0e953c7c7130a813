"""The command `dino-notebooks` as a user types it: in processes of their own, from folders of their own.

Run: pytest tests/dino_notebooks/test_cli.py. The real JupyterLab is started in tests/notebooks/test_browser.py.
"""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs `dino-notebooks ARGUMENTS` in a fresh folder."""

    def run(*arguments: str, cwd: Path = tmp_path, **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "dino_notebooks.cli", *arguments]
        return subprocess.run(
            command, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, check=False, timeout=120
        )

    return run


def assert_one_sentence(process: subprocess.CompletedProcess[str], words: str) -> None:
    """Exit code 2, nothing on standard output, one line with the words on standard error."""
    assert process.returncode == 2, process.stderr
    assert process.stdout == ""
    assert process.stderr.count("\n") == 1
    assert process.stderr.startswith("dino-notebooks")
    assert words in process.stderr


# --- arguments ----------------------------------------------------------------------------------------------


def test_help_names_every_command(run: Run) -> None:
    process = run("--help")
    assert process.returncode == 0
    assert all(f"    {name} " in process.stdout for name in ("lab", "train", "report", "book", "doctor", "build"))


def test_help_needs_no_torch(run: Run) -> None:
    """The doctor has to speak where PyTorch is broken, and --help has to come at once."""
    code = "import sys; from dino_notebooks.cli import parser; parser(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "COMMAND"),
        (["larb"], "invalid choice: 'larb'"),
        (["lab", "--port", "http"], "a port is a number from 1 to 65535, got 'http'"),
        (["lab", "--port", "65536"], "a port is a number from 1 to 65535, got '65536'"),
        (["lab", "notebook.ipynb"], "unrecognized arguments: notebook.ipynb"),
        (["report"], "DIR"),
        (["build"], "There is no notebooks/src in"),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else "",
)
def test_bad_arguments_get_one_sentence(run: Run, arguments: list[str], words: str) -> None:
    assert_one_sentence(run(*arguments), words)


def test_a_port_in_use_gets_one_sentence(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number = str(server.getsockname()[1])
        process = run("lab", "--no-browser", "--port", number, cwd=ROOT)
    assert_one_sentence(process, f"Port {number} is not free")


def test_report_of_no_run_gets_one_sentence(run: Run, tmp_path: Path) -> None:
    assert_one_sentence(run("report", str(tmp_path / "nothing")), "nothing")


def test_train_is_that_of_dino_lite(run: Run, tmp_path: Path) -> None:
    """All options pass through, errors too."""
    process = run(
        "train",
        "--preset",
        "lab",
        "--steps",
        "2",
        "--set",
        "batch_size=8",
        "--out",
        str(tmp_path / "run"),
        "--preset",
        "no",
    )
    assert process.returncode == 2
    assert "There is no preset 'no'" in process.stderr
    assert "--checkpoint-every" in run("train", "--help").stdout


def test_build_check_passes_from_inside_the_checkout(run: Run) -> None:
    process = run("build", "--check", cwd=ROOT / "notebooks")
    assert process.returncode == 0, process.stderr
    assert process.stdout == "The notebooks agree with their sources.\n"
