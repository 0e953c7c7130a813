"""The command line: exit codes, what goes to which stream, and one sentence instead of a traceback for bad input.

Most tests call `main` in this process; the last ones start real processes.
Run: pytest tests/dino_lite/test_command_line.py
"""

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import dino_lite.__main__
from dino_lite import DinoConfig, load_checkpoint
from dino_lite.__main__ import main

TINY = [
    "picture_size=16", "global_size=16", "local_size=8", "patch_size=8", "dim=16", "depth=1", "heads=2",
    "head_hidden=16", "bottleneck=8", "out_dim=24", "batch_size=4",
]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten pictures of noise in two classes."""
    rng = np.random.default_rng(0)
    for i in range(10):
        path = tmp_path / "pictures" / "ab"[i % 2] / f"{'ab'[i % 2]}{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    return tmp_path / "pictures"


def arguments(folder: Path, *more: str, settings: tuple[str, ...] = ()) -> list[str]:
    """A short run on the folder's pictures into the folder `run` beside it."""
    fixed = ["--data", str(folder), "--device", "cpu", "--out", str(folder.parent / "run")]
    return ["train", *fixed, "--set", *TINY, *settings, *more]


# --- a run that works ---------------------------------------------------------------------------------------


def test_train_and_evaluate(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 0; pre-flight, scores and the place on standard output; nothing on standard error; no bar."""
    assert main(arguments(folder, "--steps", "5")) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "\r" not in out
    for part in ("Training on cpu", "10 pictures, batches of 4: 2 steps an epoch, 5 steps = 2.5 epochs", "random_init"):
        assert part in out
    assert f"The run is in {folder.parent / 'run'}" in out.splitlines()[-1]
    assert main(["evaluate", str(folder.parent / "run"), "--device", "cpu"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    summary, scores = json.loads((folder.parent / "run" / "summary.json").read_text()), json.loads(out)
    assert scores.items() <= summary.items()  # the same scores as at the end of the run
    assert scores.keys() >= {"step", "knn", "linear", "floors", "background"}


def test_log_every(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line every so many steps, with the numbers of metrics.jsonl."""
    assert main(arguments(folder, "--steps", "7", "--log-every", "3")) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("step ")]
    logs = [json.loads(line) for line in (folder.parent / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [line.split(":")[0] for line in lines] == ["step 0", "step 3", "step 6"]
    for line, log in zip(lines, logs[::3], strict=True):
        assert f"loss {log['loss']:.4f} entropy {log['entropy']:.4f} kl {log['kl']:.4f} {log['diagnosis']}" in line


class Terminal(io.StringIO):
    """Standard error that says that it is a terminal."""

    def isatty(self) -> bool:
        """Whether a progress bar may be drawn."""
        return True


def test_bar_on_a_terminal(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss, entropy, KL, diagnosis, images a second, step and time left."""
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    assert main(arguments(folder, "--steps", "5")) == 0
    bar = terminal.getvalue()
    assert "5/5" in bar
    for part in ("loss ", "= h ", "+ KL ", "images/s", "step/s"):
        assert part in bar
    last = json.loads((folder.parent / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert f"loss {last['loss']:.2f}" in bar
    assert last["diagnosis"] in bar


def test_settings_reach_the_run(folder: Path) -> None:
    """Numbers, switches, words and tuples, in one --set or several; the seed too."""
    more = ["--set", "lr=0.25", "--set", "head_bn=true", "target=sinkhorn", "blur_probs=0.5,0,1", "--seed", "41"]
    assert main(arguments(folder, "--steps", "1", *more)) == 0
    dino = load_checkpoint(folder.parent / "run" / "checkpoint.safetensors", "cpu")
    config = dino.config
    assert (config.lr, config.head_bn, config.target, config.blur_probs) == (0.25, True, "sinkhorn", (0.5, 0.0, 1.0))
    assert (config.dim, dino.seed) == (16, 41)
    assert DinoConfig.from_json((folder.parent / "run" / "config.json").read_text()) == config


def test_default_length_is_the_presets_epochs(folder: Path) -> None:
    """3 epochs of 2 whole batches."""
    assert main(arguments(folder, settings=("epochs=3",))) == 0
    assert len((folder.parent / "run" / "metrics.jsonl").read_text().splitlines()) == 6


def test_teacher_warmer_than_student_runs_with_a_warning(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what will happen, and goes on."""
    assert main(arguments(folder, "--steps", "2", settings=("teacher_temp=0.2",))) == 0
    assert "Warning: The teacher's temperature (0.2) is not below the student's (0.1)" in capsys.readouterr().out


def test_few_pictures_without_any_score(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A data set too small to score still ends well, with a summary."""
    for path in [*folder.rglob("*.png")][3:]:
        path.unlink()
    assert main(arguments(folder, "--steps", "2", settings=("batch_size=2",))) == 0
    summary = json.loads((folder.parent / "run" / "summary.json").read_text())
    assert summary["floors"] == {"random_init": {}, "pixels": {}}


# --- bad input ----------------------------------------------------------------------------------------------

BAD: dict[str, tuple[list[str], str]] = {
    "unknown data set": (["--data", "emojis"], "no pictures are called 'emojis' .*did you mean 'emoji'"),
    "no data set": (["--data", ""], "pictures have a name"),
    "missing folder": (["--data", "/no/such/folder"], "there is no folder /no/such/folder"),
    "a file as folder": (["--data", __file__], "is a file: give the path to a folder"),
    "unknown preset": (["--preset", "huge"], "no preset 'huge': choose one of lab, small, emoji, paper_vit_s16"),
    "missing GPU": (["--device", "cuda:99"], "no device 'cuda:99' on this machine: use --device cpu"),
    "unknown device": (["--device", "abacus"], "no device 'abacus'"),
    "no steps": (["--steps", "0"], "--steps must be at least 1, got 0"),
    "negative steps": (["--steps", "-3"], "--steps must be at least 1, got -3"),
    "negative seed": (["--seed", "-1"], "--seed must be a whole number from 0"),
    "huge seed": (["--seed", str(2**70)], "--seed must be a whole number from 0"),
    "batch larger than the data set": (["--set", "batch_size=11"], r"batch \(11\) is larger than the data set \(10 "),
    "size that is no multiple": (["--set", "global_size=20"], r"global_size must be a multiple of patch_size \(8 px\)"),
    "local size that is no multiple": (["--set", "local_size=12"], "local_size must be a multiple of patch_size"),
    "momentum above 1": (["--set", "ema_momentum=1.5"], "ema_momentum must be between 0 and 1, got 1.5"),
    "momentum below 0": (["--set", "center_momentum=-0.1"], "center_momentum must be between 0 and 1"),
    "warm-up longer than the run": (["--set", "warmup_share=1.5"], "warmup_share must be between 0 and 1, got 1.5"),
    "temperature of 0": (["--set", "teacher_temp=0"], "teacher_temp must be at least 1e-06"),
    "NaN": (["--set", "lr=nan"], "lr must be at least 0, got nan"),
    "unknown field": (["--set", "learning_rate=1"], "--set takes name=value with a field of DinoConfig, got 'learn"),
    "no value": (["--set", "lr"], "--set takes name=value"),
    "no name": (["--set", "=1"], "--set takes name=value"),
    "text for a number": (["--set", "lr=fast"], "--set lr takes something like 0.008, got 'fast'"),
    "fraction for a count": (["--set", "depth=1.5"], "--set depth takes something like 3, got '1.5'"),
    "number for a switch": (["--set", "head_bn=1"], "--set head_bn takes something like false, got '1'"),
    "two numbers for three": (["--set", "blur_probs=0,1"], "--set blur_probs takes something like"),
    "unknown target": (["--set", "target=kmeans"], "target must be one of center, sinkhorn, batch_softmax"),
    "unknown backbone": (["--set", "backbone=resnet"], 'backbone must be "vit" or "timm:NAME"'),
    "patches of 0 px": (["--set", "patch_size=0"], "patch_size must be at least 1"),
    "unknown timm model": (["--set", "backbone=timm:vit_of_mine"], "timm could not build 'vit_of_mine'"),
}


def refused(capsys: pytest.CaptureFixture[str], command: list[str], sentence: str) -> None:
    """Exit code 2, one line on standard error, nothing on standard output."""
    assert main(command) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("dino_lite: ")
    assert err.count("\n") == 1
    assert re.search(sentence, err), err


@pytest.mark.parametrize("case", BAD)
def test_bad_input(folder: Path, capsys: pytest.CaptureFixture[str], case: str) -> None:
    """One sentence; no folder is made."""
    more, sentence = BAD[case]
    refused(capsys, arguments(folder, *more), sentence)
    assert not (folder.parent / "run").exists()


def test_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without pictures there is nothing to train on."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "notes.txt").write_text("none yet")
    refused(capsys, arguments(tmp_path / "pictures"), "holds no pictures")


def test_output_that_cannot_be_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file is in its place, or on the way to it."""
    file = folder.parent / "file"
    file.write_text("mine")
    for out in (file, file / "run"):
        refused(capsys, arguments(folder, "--out", str(out)), f"The folder {out} cannot be made")
    assert file.read_text() == "mine"


@pytest.mark.parametrize("command", [["train"], ["train", "--out", "x", "--steps", "many"], ["paint"], []])
def test_usage(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What argparse refuses: exit code 2 and how to use it."""
    with pytest.raises(SystemExit) as error:
        main(command)
    assert error.value.code == 2
    assert "usage: python -m dino_lite" in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Every option of train has its help."""
    with pytest.raises(SystemExit) as error:
        main(["train", "--help"])
    assert error.value.code == 0
    text = capsys.readouterr().out
    options = {word.strip("[],") for word in text.split() if word.startswith(("--", "[--"))}
    assert options >= {
        "--data",
        "--preset",
        "--set",
        "--steps",
        "--seed",
        "--device",
        "--out",
        "--resume",
        "--log-every",
    }


def test_evaluate_what_is_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder without a checkpoint, and none at all."""
    for place in (tmp_path, tmp_path / "gone"):
        refused(capsys, ["evaluate", str(place), "--device", "cpu"], "There is no checkpoint")


# --- a run that dies ----------------------------------------------------------------------------------------


def test_loss_that_is_not_finite(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 1, one sentence with the likely cause; the last checkpoint is from before, and whole."""
    settings = ("lr=1e40", "warmup_share=0.3", "freeze_last_layer_share=0")
    assert main(arguments(folder, "--steps", "10", "--checkpoint-every", "1", settings=settings)) == 1
    out, err = capsys.readouterr()
    assert "learning rate" in err
    assert "The last checkpoint is kept." in err
    assert err.count("\n") == 1
    assert "Traceback" not in out + err
    dino = load_checkpoint(folder.parent / "run" / "checkpoint.safetensors", "cpu")
    assert dino.step == 1  # after the first step, whose learning rate is 0
    assert all(bool(p.isfinite().all()) for p in [*dino.student.parameters(), *dino.teacher.parameters(), dino.center])
    assert not (folder.parent / "run" / "summary.json").exists()


def test_ctrl_c_outside_the_steps(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """While the pictures load: exit code 130, no traceback."""

    def interrupted(*args: Any, **more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dino_lite.__main__, "load_pictures", interrupted)
    assert main(arguments(folder)) == 130
    assert capsys.readouterr().err == "dino_lite: Stopped.\n"


# --- real processes -----------------------------------------------------------------------------------------


def process(*command: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """python -m dino_lite ..., to its end."""
    return subprocess.run(
        [sys.executable, "-m", "dino_lite", *command], capture_output=True, text=True, timeout=120, check=False, **more
    )


def test_process_with_bad_input(folder: Path) -> None:
    """The exit code reaches the shell, one line reaches the terminal."""
    done = process(*arguments(folder, "--set", "ema_momentum=2"))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "dino_lite: ema_momentum must be between 0 and 1, got 2.0.\n"


def test_process_with_a_broken_picture(folder: Path) -> None:
    """The file is named in one line, without a place in our code; the run goes on without it."""
    (folder / "a" / "broken.png").write_bytes(b"no picture")
    done = process(*arguments(folder, "--steps", "1"))
    assert done.returncode == 0
    assert done.stderr.startswith("Warning: skipped 1 of 11 pictures")
    assert "a/broken.png" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "10 pictures" in done.stdout


def test_pipe_that_closes_early(folder: Path) -> None:
    """`| head -1` ends the run in silence, with a checkpoint to go on from."""
    command = [sys.executable, "-m", "dino_lite", *arguments(folder, "--steps", "100000", "--log-every", "1")]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert run.stdout is not None
    assert run.stderr is not None
    while not (line := run.stdout.readline()).startswith("step 0:"):
        assert line, run.stderr.read()
    run.stdout.close()
    assert run.stderr.read() == ""
    run.stderr.close()
    assert run.wait(timeout=60) == 1
    step = load_checkpoint(folder.parent / "run" / "checkpoint.safetensors", "cpu").step
    assert step == len((folder.parent / "run" / "metrics.jsonl").read_text().splitlines())
    shut = f"{sys.executable} -m dino_lite evaluate {folder.parent / 'run'} --device cpu | true"
    done = subprocess.run(["bash", "-c", shut], capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""
