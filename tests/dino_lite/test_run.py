"""A run folder one can trust: its files; a run that was killed, interrupted or out of disk goes on bit for bit.

Real processes are killed with SIGKILL, SIGINT and SIGTERM, then resumed; what they leave is compared with a run that
was left in peace. Run: pytest tests/dino_lite/test_run.py
"""

import itertools
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import dino_lite.__main__
from dino_lite import Dino, DinoConfig, StepLog, load_checkpoint, save_checkpoint
from dino_lite.__main__ import main
from dino_lite.checkpoint import read
from dino_lite.run import RunFolder

TINY = [
    "picture_size=16", "global_size=16", "local_size=8", "n_local=1", "patch_size=8", "dim=16", "depth=2", "heads=2",
    "head_hidden=16", "bottleneck=8", "out_dim=24", "batch_size=4", "drop_path=0.5",
]  # fmt: skip
TIMES = ("seconds", "images_per_second")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures of noise in two classes."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("noise") / "pictures"
    for i in range(10):
        (folder / "ab"[i % 2]).mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "ab"[i % 2] / f"{'ab'[i % 2]}{i}.png")
    return folder


def arguments(pictures: Path, out: Path, steps: int, *more: str) -> list[str]:
    """A run with stochastic depth and a checkpoint every 7 steps."""
    fixed = ["--data", str(pictures), "--device", "cpu", "--out", str(out), "--steps", str(steps), "--seed", "3"]
    return ["train", *fixed, "--checkpoint-every", "7", "--set", *TINY, *more]


def lines(out: Path) -> list[str]:
    """The lines of metrics.jsonl."""
    return (out / "metrics.jsonl").read_text().splitlines()


def metrics(out: Path) -> list[dict[str, Any]]:
    """The metrics but for the times."""
    return [{k: v for k, v in json.loads(line).items() if k not in TIMES} for line in lines(out)]


def scores(out: Path) -> dict[str, Any]:
    """The summary but for the time."""
    return {k: v for k, v in json.loads((out / "summary.json").read_text()).items() if k != "wall_seconds"}


def assert_same_run(out: Path, other: Path) -> None:
    """Settings, metrics, checkpoint and scores, bit for bit."""
    assert metrics(out) == metrics(other)
    assert_same_checkpoint(out / "checkpoint.safetensors", other / "checkpoint.safetensors")
    assert (out / "config.json").read_bytes() == (other / "config.json").read_bytes()
    assert scores(out) == scores(other)
    assert names(out) == ["checkpoint.safetensors", "config.json", "metrics.jsonl", "summary.json"]


def assert_same_checkpoint(path: Path, other: Path) -> None:
    """The same facts and tensors, bit for bit (safetensors writes the facts in any order)."""
    (facts, tensors), (other_facts, other_tensors) = read(path), read(other)
    assert facts == other_facts
    assert tensors.keys() == other_tensors.keys()
    for name, values in tensors.items():
        assert torch.equal(values, other_tensors[name]), name


def names(out: Path) -> list[str]:
    """All files of a folder, hidden ones too."""
    return sorted(path.name for path in out.iterdir())


def refused(capsys: pytest.CaptureFixture[str], command: list[str], sentence: str) -> None:
    """Exit code 2 and one line on standard error."""
    capsys.readouterr()
    assert main(command) == 2
    err = capsys.readouterr().err
    assert re.fullmatch(f"dino_lite: .*{sentence}.*\n", err), err


@pytest.fixture(scope="module")
def peaceful(pictures: Path) -> Path:
    """A run of 40 steps that nobody disturbs."""
    assert main(arguments(pictures, pictures.parent / "peaceful", 40)) == 0
    return pictures.parent / "peaceful"


@pytest.fixture
def stopped(peaceful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same run, stopped by SIGTERM after step 17 of 40."""
    send_signal(monkeypatch, {16: signal.SIGTERM})
    assert main(arguments(peaceful.parent / "pictures", tmp_path / "run", 40)) == 130
    monkeypatch.undo()
    return tmp_path / "run"


def send_signal(monkeypatch: pytest.MonkeyPatch, when: dict[int, signal.Signals]) -> None:
    """Send this process signals while it shows the given steps."""
    show = dino_lite.__main__.show

    def show_and_send(bar: Any, log: StepLog, every: int) -> None:
        show(bar, log, every)
        if log.step in when:
            os.kill(os.getpid(), when[log.step])

    monkeypatch.setattr(dino_lite.__main__, "show", show_and_send)


# --- the files ----------------------------------------------------------------------------------------------


def test_files(peaceful: Path) -> None:
    """Four files; one line a step with the promised keys; settings that load; finite numbers in strict JSON."""
    assert names(peaceful) == ["checkpoint.safetensors", "config.json", "metrics.jsonl", "summary.json"]
    logs = [json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is no JSON")) for line in lines(peaceful)]
    assert [log["step"] for log in logs] == list(range(40))
    wanted = {"step", "loss", "entropy", "kl", "seconds", "images_per_second", "knobs", "diagnosis", "reason"}
    knobs = {"student_temp", "teacher_temp", "center_momentum", "ema_momentum", "lr", "centering", "sharpening", "ema"}
    for log in logs:
        assert log.keys() >= wanted
        assert log["knobs"].keys() >= knobs
        assert log["loss"] == pytest.approx(log["entropy"] + log["kl"])
    config = DinoConfig.from_json((peaceful / "config.json").read_text())
    dino = load_checkpoint(peaceful / "checkpoint.safetensors", "cpu")
    assert dino.config == config
    assert (dino.step, dino.seed, config.dim) == (40, 3, 16)


def test_summary(peaceful: Path) -> None:
    """Diagnosis of the last step, wall time, scores and their two floors."""
    summary, last = json.loads((peaceful / "summary.json").read_text()), json.loads(lines(peaceful)[-1])
    assert summary.keys() >= {"diagnosis", "reason", "wall_seconds", "step", "knn", "linear", "floors"}
    assert (summary["diagnosis"], summary["reason"], summary["step"]) == (last["diagnosis"], last["reason"], 40)
    assert summary["floors"].keys() == {"random_init", "pixels"}
    assert all(floor.keys() >= {"knn", "linear"} for floor in summary["floors"].values())
    assert summary["wall_seconds"] >= sum(json.loads(line)["seconds"] for line in lines(peaceful))


def test_facts(peaceful: Path) -> None:
    """What the checkpoint says beside the state, with full paths, so that a run goes on from anywhere."""
    assert RunFolder(peaceful).facts() == {
        "data": str((peaceful.parent / "pictures").resolve()), "root": None, "pictures": 10, "steps": 40,
    }  # fmt: skip


def test_emoji_summary_has_retrieval_and_both_backgrounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default pictures, a step of a tiny network: k-NN and retrieval on random and white backgrounds."""
    # half a minute of probes is not the point; the module hides behind its function of the same name
    monkeypatch.setattr(sys.modules["dino_lite.scorecard"], "linear_probe", lambda *data: 0.0)
    emoji = ["train", "--data", "emoji", "--device", "cpu", "--out", str(tmp_path / "run"), "--steps", "1"]
    assert main([*emoji, "--set", *TINY]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["background"] == "random"
    for some in (summary, *summary["floors"].values(), *summary["white"].values()):
        assert some.keys() >= {"knn", "linear", "knn_sub", "retrieval"}
    assert summary["white"].keys() == {"model", "random_init", "pixels"}


# --- real processes, killed ---------------------------------------------------------------------------------


class Process:
    """python -m dino_lite train ... in the background; always ended."""

    def __init__(self, command: list[str]) -> None:
        self.run = subprocess.Popen(
            [sys.executable, "-m", "dino_lite", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *error: object) -> None:
        self.run.kill()
        self.run.communicate()

    def kill_at(self, out: Path, step: int, number: signal.Signals, later: float = 0.0) -> tuple[int, str]:
        """Once so many steps are in the metrics, and some seconds later, send the signal; exit code and errors."""
        end = time.monotonic() + 120
        while not (out / "metrics.jsonl").exists() or len(lines(out)) < step:
            assert self.run.poll() is None, self.run.communicate()
            assert time.monotonic() < end
            time.sleep(0.002)
        time.sleep(later)
        self.run.send_signal(number)
        _, errors = self.run.communicate(timeout=60)
        return self.run.returncode, errors


@pytest.mark.slow
def test_killed_again_and_again(pictures: Path, tmp_path: Path) -> None:
    """SIGKILL twice at random moments, then SIGINT and SIGTERM; what the fifth process ends is bit for bit the same.

    After every kill the checkpoint is whole, and at most the steps since it was written are lost.
    """
    out, quiet = tmp_path / "run", tmp_path / "quiet"
    command = arguments(pictures, out, 600)
    chance = random.Random()  # another moment in every test run
    for step, number in ((30, signal.SIGKILL), (150, signal.SIGKILL), (300, signal.SIGINT), (450, signal.SIGTERM)):
        resumed = ["--resume"] if out.exists() else []
        with Process(command + resumed) as process:
            code, errors = process.kill_at(out, step, number, later=chance.random() * 0.1)
        dino = load_checkpoint(out / "checkpoint.safetensors", "cpu")
        if number == signal.SIGKILL:
            assert code == -signal.SIGKILL
            assert 0 <= len(lines(out)) - dino.step <= 7
        else:
            assert (code, errors) == (130, "")
            assert dino.step == len(lines(out)) >= step
        assert dino.step < 600
        assert not (out / "summary.json").exists()
    with Process([*command, "--resume"]) as process:
        output, errors = process.run.communicate(timeout=120)
    assert (process.run.returncode, errors) == (0, "")
    assert f"Resuming {out} at step {dino.step} of 600" in output
    assert main(arguments(pictures, quiet, 600)) == 0
    assert_same_run(out, quiet)


# --- interrupted --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_between_two_steps(
    peaceful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: Any
) -> None:
    """Exit code 130, a checkpoint of just that step, and a word on how to go on; then the same run as ever."""
    out, command = tmp_path / "run", arguments(peaceful.parent / "pictures", tmp_path / "run", 40)
    handler = signal.getsignal(number)
    send_signal(monkeypatch, {9: number})
    assert main(command) == 130
    assert "Stopped after step 11 of 40: --resume goes on from here." in capsys.readouterr().out
    assert signal.getsignal(number) is handler
    assert load_checkpoint(out / "checkpoint.safetensors", "cpu").step == len(lines(out)) == 11
    monkeypatch.undo()
    assert main([*command, "--resume"]) == 0
    assert_same_run(out, peaceful)


def test_second_ctrl_c_ends_at_once(
    peaceful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 130; what is there can go on."""
    out, command = tmp_path / "run", arguments(peaceful.parent / "pictures", tmp_path / "run", 40)
    show = dino_lite.__main__.show

    def twice(bar: Any, log: StepLog, every: int) -> None:
        show(bar, log, every)
        if log.step == 9:
            os.kill(os.getpid(), signal.SIGTERM)  # a polite kill and then Ctrl-C, as torchrun may send
            os.kill(os.getpid(), signal.SIGINT)
            pytest.fail("the second signal did not end the run")

    monkeypatch.setattr(dino_lite.__main__, "show", twice)
    assert main(command) == 130
    assert capsys.readouterr().err == "dino_lite: Stopped.\n"
    monkeypatch.undo()
    assert main([*command, "--resume"]) == 0
    assert_same_run(out, peaceful)


def test_interrupted_in_the_last_step(peaceful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left to stop: the run ends as usual."""
    send_signal(monkeypatch, {38: signal.SIGTERM})
    assert main(arguments(peaceful.parent / "pictures", tmp_path / "run", 40)) == 0
    assert_same_run(tmp_path / "run", peaceful)


def test_killed_while_scoring(peaceful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All steps are done but no summary is written: --resume writes it."""

    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    command = arguments(peaceful.parent / "pictures", tmp_path / "run", 40)
    monkeypatch.setattr(dino_lite.__main__, "scores_of", interrupted)
    assert main(command) == 130
    assert not (tmp_path / "run" / "summary.json").exists()
    monkeypatch.undo()
    assert main([*command, "--resume"]) == 0
    assert_same_run(tmp_path / "run", peaceful)
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["wall_seconds"] > 0


# --- resumed ------------------------------------------------------------------------------------------------


def test_resume_needs_no_settings(stopped: Path, peaceful: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings, seed, data and length come from the run, from any current folder."""
    monkeypatch.chdir("/")
    assert main(["train", "--out", str(stopped), "--resume", "--device", "cpu"]) == 0
    assert_same_run(stopped, peaceful)


def test_relative_paths(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run on ./pictures is scored from elsewhere."""
    shutil.copytree(pictures, tmp_path / "here" / "mine")
    monkeypatch.chdir(tmp_path / "here")
    assert main(arguments(Path("mine"), Path("run"), 2)) == 0
    monkeypatch.chdir("/")
    assert main(["evaluate", str(tmp_path / "here" / "run"), "--device", "cpu"]) == 0


def test_resume_with_more_steps(stopped: Path) -> None:
    """A longer --steps stretches the schedules of what is left, and is remembered."""
    assert main(["train", "--out", str(stopped), "--resume", "--device", "cpu", "--steps", "60"]) == 0
    assert [log["step"] for log in metrics(stopped)] == list(range(60))
    assert RunFolder(stopped).facts()["steps"] == 60
    assert scores(stopped)["step"] == 60


def test_resume_a_finished_run(peaceful: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Changes nothing; more steps go on; fewer steps than are done are refused."""
    out = tmp_path / "run"
    shutil.copytree(peaceful, out)
    resume = ["train", "--out", str(out), "--resume", "--device", "cpu"]
    assert main(resume) == 0
    assert_same_run(out, peaceful)
    refused(capsys, [*resume, "--steps", "39"], "The run has done 40 steps already: --steps must be at least that")
    assert_same_run(out, peaceful)
    assert main([*resume, "--steps", "42"]) == 0
    assert metrics(out)[:40] == metrics(peaceful)
    assert len(lines(out)) == 42


@pytest.mark.parametrize("more", [["--set", "lr=0.5"], ["--seed", "4"], ["--data", "emoji"], ["--preset", "small"]])
def test_resume_with_other_settings(stopped: Path, capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    """They would be ignored in silence: refused, and nothing is changed."""
    before = {path: path.read_bytes() for path in stopped.iterdir()}
    resume = ["train", "--out", str(stopped), "--resume", "--device", "cpu", *more]
    refused(capsys, resume, "--resume goes on with the settings, seed and data that the run began with")
    assert {path: path.read_bytes() for path in stopped.iterdir()} == before


def test_resume_with_other_pictures(stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A picture more in the folder would change every batch: refused."""
    facts = RunFolder(stopped).facts()
    shutil.copytree(facts["data"], tmp_path / "grown")
    shutil.copy(tmp_path / "grown" / "a" / "a0.png", tmp_path / "grown" / "a" / "extra.png")
    dino = load_checkpoint(stopped / "checkpoint.safetensors", "cpu")
    save_checkpoint(dino, stopped / "checkpoint.safetensors", **(facts | {"data": str(tmp_path / "grown")}))
    resume = ["train", "--out", str(stopped), "--resume", "--device", "cpu"]
    refused(capsys, resume, "grown now holds 11 pictures, and the run began with 10")


def test_folder_that_holds_a_run(peaceful: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --resume nothing of it is touched."""
    before = {path: path.read_bytes() for path in peaceful.iterdir()}
    refused(capsys, arguments(pictures, peaceful, 5), "already holds a run: add --resume .* or choose another --out")
    assert {path: path.read_bytes() for path in peaceful.iterdir()} == before


def test_folder_with_other_files(pictures: Path, tmp_path: Path) -> None:
    """A folder with notes may be used, and they stay."""
    (tmp_path / "notes.txt").write_text("mine")
    assert main(arguments(pictures, tmp_path, 1)) == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_resume_in_an_empty_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to go on with, and nothing is made."""
    for out in (tmp_path, tmp_path / "gone"):
        refused(capsys, ["train", "--out", str(out), "--resume", "--device", "cpu"], "There is no checkpoint")
    assert names(tmp_path) == []


def damage_half(path: Path) -> None:
    """Cut a file in half."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damage_foreign(path: Path) -> None:
    """Put a library's checkpoint, which knows no pictures, in its place."""
    save_checkpoint(load_checkpoint(path, "cpu"), path)


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (damage_half, "is not a whole checkpoint"),
        (lambda path: path.write_text("not mine"), "is not a whole checkpoint"),
        (lambda path: path.unlink(), "There is no checkpoint"),
        (damage_foreign, "does not say which pictures it was trained on"),
    ],
)
def test_resume_from_a_wrong_checkpoint(
    stopped: Path, capsys: pytest.CaptureFixture[str], damage: Callable[[Path], Any], sentence: str
) -> None:
    """One sentence; the metrics stay as they are."""
    damage(stopped / "checkpoint.safetensors")
    before = (stopped / "metrics.jsonl").read_bytes()
    refused(capsys, ["train", "--out", str(stopped), "--resume", "--device", "cpu"], sentence)
    refused(capsys, ["evaluate", str(stopped), "--device", "cpu"], sentence)
    assert (stopped / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", '{"dim": 8}', "not settings"])
def test_resume_does_not_depend_on_config_json(stopped: Path, peaceful: Path, text: str) -> None:
    """The settings are in the checkpoint; config.json is for people, whatever became of it."""
    (stopped / "config.json").write_text(text)
    assert main(["train", "--out", str(stopped), "--resume", "--device", "cpu"]) == 0
    assert metrics(stopped) == metrics(peaceful)


@pytest.mark.parametrize("tail", ['{"step": 18, "loss": 3.', '{"step": 18}\n{"st', "\0\0\0\0", "\xff\xfe"])
def test_resume_with_half_a_line(stopped: Path, peaceful: Path, tail: str) -> None:
    """What a killed process wrote of its last line is dropped, whatever it is."""
    with open(stopped / "metrics.jsonl", "a", encoding="latin-1") as file:
        file.write(tail)
    assert len(RunFolder(stopped).logs()) == (19 if tail.startswith('{"step": 18}') else 18)
    assert main(["train", "--out", str(stopped), "--resume", "--device", "cpu"]) == 0
    assert_same_run(stopped, peaceful)


def test_resume_cleans_up(stopped: Path, peaceful: Path) -> None:
    """Halves of killed writes and a summary of fewer steps go."""
    (stopped / ".checkpoint.safetensors.1.part").write_bytes(b"half")
    (stopped / ".metrics.jsonl.77.part").write_bytes(b"half")
    (stopped / "summary.json").write_text('{"step": 3}')
    assert main(["train", "--out", str(stopped), "--resume", "--device", "cpu"]) == 0
    assert_same_run(stopped, peaceful)


# --- no space -----------------------------------------------------------------------------------------------


@pytest.fixture
def largest_file() -> Iterator[Callable[[int], None]]:
    """Let the kernel refuse files of this process that grow beyond so many bytes (EFBIG), as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


RESUME = ("--resume", "--checkpoint-every", "7")


def test_no_space_for_the_checkpoint(
    stopped: Path, peaceful: Path, capsys: pytest.CaptureFixture[str], largest_file: Callable[[int], None]
) -> None:
    """Exit code 2, one sentence, the old checkpoint whole; with space again the run goes on."""
    before = (stopped / "checkpoint.safetensors").read_bytes()
    largest_file(len(before) // 2)
    resume = ["train", "--out", str(stopped), "--device", "cpu", *RESUME]
    refused(capsys, resume, r"checkpoint.safetensors could not be written \(File too large\): free some disk space")
    largest_file(resource.RLIM_INFINITY)
    assert (stopped / "checkpoint.safetensors").read_bytes() == before
    assert not list(stopped.glob(".*"))
    assert main(resume) == 0
    assert_same_run(stopped, peaceful)


def test_no_space_for_the_metrics(
    stopped: Path, peaceful: Path, capsys: pytest.CaptureFixture[str], largest_file: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The same when a line of metrics does not fit any more."""
    monkeypatch.setattr(RunFolder, "save", lambda *args: None)  # larger than the metrics: it would fail first
    largest_file((stopped / "metrics.jsonl").stat().st_size + 2000)
    resume = ["train", "--out", str(stopped), "--device", "cpu", *RESUME]
    refused(capsys, resume, r"metrics.jsonl could not be written \(File too large\)")
    largest_file(resource.RLIM_INFINITY)
    monkeypatch.undo()
    assert main(resume) == 0
    assert_same_run(stopped, peaceful)


def test_no_space_at_the_very_start(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], largest_file: Callable[[int], None]
) -> None:
    """Before the first step: one sentence, and the folder can be used once there is space."""
    largest_file(10)
    refused(capsys, arguments(pictures, tmp_path / "run", 2), r"config.json could not be written")
    largest_file(resource.RLIM_INFINITY)
    assert main(arguments(pictures, tmp_path / "run", 2)) == 0


def test_killed_in_the_middle_of_a_checkpoint(
    pictures: Path, peaceful: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the third checkpoint is on disk when the process ends: the second stands, the run goes on from it."""
    out, command, writes = tmp_path / "run", arguments(pictures, tmp_path / "run", 40), itertools.count(1)

    class Killed(BaseException):
        """Nothing catches it, as nothing catches SIGKILL."""

    def half(path: Path, data: bytes) -> int:
        last = next(writes) == 3
        with open(path, "wb") as file:
            file.write(data[: len(data) // 2] if last else data)
        if last:
            monkeypatch.setattr(Path, "unlink", lambda *args, **more: None)  # a killed process cleans nothing up
            raise Killed
        return len(data)

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(Killed):
        main(command)
    monkeypatch.undo()
    assert len(list(out.glob(".checkpoint.safetensors.*.part"))) == 1
    assert load_checkpoint(out / "checkpoint.safetensors", "cpu").step == 7
    assert main([*command, "--resume"]) == 0
    assert_same_run(out, peaceful)


def test_read_only_folder(stopped: Path) -> None:
    """One sentence and exit code 2, whether the run is new or old. A process of its own: root may write anywhere."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    stopped.chmod(0o555)
    try:
        for out, more in ((stopped, ["--resume"]), (stopped / "new", ["--data", "emoji"])):
            command = ["train", "--out", str(out), "--device", "cpu", *more]
            done = subprocess.run(
                [*drop, sys.executable, "-m", "dino_lite", *command],
                capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            assert done.returncode == 2, done.stderr
            assert re.fullmatch(
                r"dino_lite: .*(could not be written|cannot be made) \(Permission denied\).*\n", done.stderr
            )
    finally:
        stopped.chmod(0o755)


# --- the steps between --------------------------------------------------------------------------------------


def test_checkpoints_come_in_time(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start, every 7 steps and at the end; each after its step's line is in the metrics."""
    saved: list[tuple[int, int]] = []
    save = RunFolder.save

    def note(folder: RunFolder, dino: Dino, facts: dict[str, Any]) -> None:
        save(folder, dino, facts)
        saved.append((dino.step, len(folder.logs())))

    monkeypatch.setattr(RunFolder, "save", note)
    assert main(arguments(pictures, tmp_path / "run", 15)) == 0
    assert saved == [(0, 0), (7, 7), (14, 14), (15, 15)]


def test_weights_that_are_not_finite_replace_no_checkpoint(stopped: Path) -> None:
    """FloatingPointError, and the good file stays."""
    folder = RunFolder(stopped)
    dino, before = load_checkpoint(folder.checkpoint, "cpu"), folder.checkpoint.read_bytes()
    with torch.no_grad():
        next(dino.student.parameters()).fill_(torch.inf)
    with pytest.raises(FloatingPointError, match="not finite after step"):
        folder.save(dino, folder.facts())
    assert folder.checkpoint.read_bytes() == before


def test_a_call_leaves_torch_its_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a notebook: not one fewer after each call."""
    monkeypatch.delenv("OMP_NUM_THREADS")
    torch.set_num_threads(2)
    assert main(["evaluate", str(tmp_path / "nothing")]) == 2
    assert torch.get_num_threads() == 2
