"""The command line: `python -m dino_lite train ...` and `python -m dino_lite evaluate DIR`."""

import argparse
import dataclasses
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

from dino_lite.batches import steps_per_epoch
from dino_lite.checkpoint import load_checkpoint
from dino_lite.config import DinoConfig
from dino_lite.console import announce, closing_bar, interruptible, plain_warnings, say, show, table
from dino_lite.data import NAMES, Pictures, load_pictures
from dino_lite.distributed import rank, start_processes, stop_processes
from dino_lite.run import RunFolder, evaluate_run, record, scores_of
from dino_lite.train import Dino

Facts = dict[str, Any]
PRESETS = {name: getattr(DinoConfig, name) for name in ("lab", "small", "emoji", "paper_vit_s16")}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it worked, 1 when the run died, 2 for a bad argument, 130 after Ctrl-C."""
    options = parser().parse_args(arguments)
    before = torch.get_num_threads()
    if "OMP_NUM_THREADS" not in os.environ:  # two busy threads on two busy cores wait for each other: leave one free
        torch.set_num_threads(max(1, before - 1))
    try:
        code: int = options.command(options)
        sys.stdout.flush()  # while a closed pipe can still be caught
        return code
    except BrokenPipeError:  # what reads our output has read enough, like `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        return 1
    except KeyboardInterrupt:
        print("dino_lite: Stopped.", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"dino_lite: {error}", file=sys.stderr)
        return 2
    except FloatingPointError as error:
        print(f"dino_lite: {error} The last checkpoint is kept.", file=sys.stderr)
        return 1
    finally:
        torch.set_num_threads(before)  # a notebook may have called this, and goes on
        stop_processes()


def parser() -> argparse.ArgumentParser:
    """All options, with what they mean."""
    top = argparse.ArgumentParser(prog="python -m dino_lite", description="DINO: self-distillation with no labels.")
    commands = top.add_subparsers(required=True, metavar="train | evaluate")
    run = commands.add_parser("train", help="train on a data set or a folder of pictures")
    run.set_defaults(command=train_command)
    run.add_argument("--data", help="emoji (the default), a torchvision set, or a folder of pictures")
    run.add_argument("--root", help="folder where a torchvision set lies or goes")
    run.add_argument("--preset", help=f"one of {', '.join(PRESETS)}; default: lab")
    change = run.add_argument("--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE")
    change.help = "settings over the preset: lr=0.001"
    run.add_argument("--steps", type=int, help="default: the preset's epochs")
    run.add_argument("--seed", type=int, help="default: 0")
    run.add_argument("--device", help="cpu, cuda, mps; default: the best there is")
    run.add_argument("--out", required=True, help="folder for the run")
    run.add_argument("--resume", action="store_true", help="go on with the run in --out")
    run.add_argument("--log-every", type=int, default=0, metavar="N", help="print a line every N steps")
    run.add_argument("--checkpoint-every", type=int, default=100, metavar="N", help="steps between checkpoints")
    judge = commands.add_parser("evaluate", help="scores of a run as JSON")
    judge.set_defaults(command=evaluate_command)
    judge.add_argument("dir")
    judge.add_argument("--device", help="cpu, cuda, mps; default: the best there is")
    return top


def train_command(options: argparse.Namespace) -> int:
    """Start or resume a run, show its progress, and end with a summary."""
    device = start_processes(options.device)
    folder = RunFolder(options.out)
    dino, pictures, facts = (resume if options.resume else start)(options, folder, device)
    announce(dino, len(pictures), facts["steps"])
    before = time.perf_counter() - sum(log["seconds"] for log in folder.logs())
    logs = record(folder, dino, pictures, facts, max(1, options.checkpoint_every))
    with interruptible(logs) as steps, closing_bar(dino.step, facts["steps"]) as bar:
        for log in steps:
            show(bar, log, options.log_every)
    if dino.step < facts["steps"]:
        say(f"Stopped after step {dino.step} of {facts['steps']}: --resume goes on from here.")
        return 130
    wall, first = time.perf_counter() - before, rank() == 0
    stop_processes()  # what follows is for one of them
    if first:
        say("Scoring what it has learnt, beside its floors ...")
        summary = summarize(folder, dino, pictures, wall)
        folder.write("summary.json", json.dumps(summary, indent=2) + "\n")
        say(table(summary))
        say(f"{wall:.0f} s. The run is in {folder.path}: dino-notebooks report {folder.path} draws it.")
    return 0


def evaluate_command(options: argparse.Namespace) -> int:
    """Print a run's scores as one JSON object."""
    print(json.dumps(evaluate_run(options.dir, options.device), indent=2))
    return 0


def start(options: argparse.Namespace, folder: RunFolder, device: torch.device) -> tuple[Dino, Pictures, Facts]:
    """A new run in a fresh folder."""
    config, seed = settings(options, DinoConfig.lab()), options.seed or 0
    if not 0 <= seed < 2**63:
        raise ValueError(f"--seed must be a whole number from 0 to 2^63 - 1, got {seed}.")
    data, root = full_path("emoji" if options.data is None else options.data), options.root and full_path(options.root)
    pictures = load_pictures(data, size=config.picture_size, root=root)
    per_epoch = steps_per_epoch(config, len(pictures))
    steps = options.steps if options.steps is not None else config.epochs * per_epoch
    if steps < 1:
        raise ValueError(f"--steps must be at least 1, got {steps}.")
    dino = Dino(config, seed, device)
    facts = {"data": data, "root": root, "pictures": len(pictures), "steps": steps}
    if rank() == 0:
        folder.create(config)
    folder.save(dino, facts)
    return dino, pictures, facts


def resume(options: argparse.Namespace, folder: RunFolder, device: torch.device) -> tuple[Dino, Pictures, Facts]:
    """The run that a folder holds, at its last checkpoint; its settings and data are those it began with."""
    facts, dino = folder.facts(), load_checkpoint(folder.checkpoint, device)
    asked = settings(options, dino.config), options.seed, options.data and full_path(options.data)
    for wanted, known in zip(asked, (dino.config, dino.seed, facts["data"]), strict=True):
        if wanted not in (None, known):
            raise ValueError(
                "--resume goes on with the settings, seed and data that the run began with: leave out what differs, "
                "or choose another --out for a new run."
            )
    facts["steps"] = options.steps if options.steps is not None else facts["steps"]
    if facts["steps"] < dino.step:
        raise ValueError(f"The run has done {dino.step} steps already: --steps must be at least that.")
    pictures = load_pictures(facts["data"], size=dino.config.picture_size, root=facts["root"])
    if len(pictures) != facts["pictures"]:
        raise ValueError(
            f"{facts['data']} now holds {len(pictures)} pictures, and the run began with {facts['pictures']}: "
            "bring the old ones back, or start a new run."
        )
    folder.drop_after(dino.step)
    say(f"Resuming {folder.path} at step {dino.step} of {facts['steps']}, with the settings that it began with.")
    return dino, pictures, facts


def full_path(data: str) -> str:
    """A folder's full path, so that a run can go on from anywhere; any other name as it is."""
    is_folder = data not in ("", *NAMES) and Path(data).expanduser().is_dir()
    return str(Path(data).expanduser().resolve()) if is_folder else data


def settings(options: argparse.Namespace, default: DinoConfig) -> DinoConfig:
    """The preset, or else the default, with the `--set name=value` changes."""
    if options.preset not in (None, *PRESETS):
        raise ValueError(f"There is no preset {options.preset!r}: choose one of {', '.join(PRESETS)}.")
    config = PRESETS[options.preset]() if options.preset else default
    known = {field.name for field in dataclasses.fields(config)}
    changes = {}
    for pair in options.set:
        name, equals, text = pair.partition("=")
        if name not in known or not equals:
            raise ValueError(f"--set takes name=value with a field of DinoConfig, got {pair!r}.")
        changes[name] = parsed(name, text, getattr(config, name))
    return dataclasses.replace(config, **changes)


def parsed(name: str, text: str, default: Any) -> Any:
    """The text as a value of the default's type: true/false, numbers, words, or numbers with commas."""
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[text.lower()]
        if isinstance(default, tuple):
            values = tuple(float(part) for part in text.split(","))
            if len(values) != len(default):
                raise ValueError
            return values
        return type(default)(text)
    except (KeyError, ValueError):
        example = ",".join(map(str, default)) if isinstance(default, tuple) else str(default).lower()
        raise ValueError(f"--set {name} takes something like {example}, got {text!r}.") from None


def summarize(folder: RunFolder, dino: Dino, pictures: Pictures, wall: float) -> dict[str, Any]:
    """What summary.json holds: diagnosis, scores and their floors, wall time of the training in seconds."""
    last: dict[str, Any] = (folder.logs() or [{}])[-1]
    state = {name: last.get(name, "unknown") for name in ("diagnosis", "reason")}
    return {**state, "wall_seconds": wall, **scores_of(dino, pictures)}


if __name__ == "__main__":
    plain_warnings()
    sys.exit(main())
