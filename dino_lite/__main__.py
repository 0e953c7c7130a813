"""The command line: `python -m dino_lite train ...` and `python -m dino_lite evaluate DIR`."""

import argparse
import dataclasses
import json
import sys
import time
from typing import Any

import torch

from dino_lite.batches import steps_per_epoch
from dino_lite.checkpoint import load_checkpoint
from dino_lite.config import DinoConfig
from dino_lite.console import announce, closing_bar, interruptible, say, show, table
from dino_lite.data import Pictures, load_pictures
from dino_lite.distributed import rank, start_processes, stop_processes
from dino_lite.run import RunFolder, evaluate_run, record, scores_of
from dino_lite.steplog import StepLog
from dino_lite.train import Dino

Device = str | torch.device | None
Facts = dict[str, Any]
PRESETS = {"lab": DinoConfig.lab, "small": DinoConfig.small, "paper_vit_s16": DinoConfig.paper_vit_s16}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it worked, 1 when the run died, 2 for a bad argument, 130 after Ctrl-C."""
    options = parser().parse_args(arguments)
    try:
        return options.command(options)
    except (ValueError, OSError) as error:
        print(f"dino_lite: {error}", file=sys.stderr)
        return 2
    except FloatingPointError as error:
        print(f"dino_lite: {error} The last checkpoint is kept.", file=sys.stderr)
        return 1
    finally:
        stop_processes()


def parser() -> argparse.ArgumentParser:
    """All options, with what they mean."""
    top = argparse.ArgumentParser(prog="python -m dino_lite", description="DINO: self-distillation with no labels.")
    commands = top.add_subparsers(required=True, metavar="train | evaluate")
    run = commands.add_parser("train", help="train on a data set or a folder of pictures")
    run.set_defaults(command=train_command)
    run.add_argument("--data", default="emoji", help="emoji, a torchvision set, or a folder of pictures")
    run.add_argument("--root", help="folder where a torchvision set lies or goes")
    run.add_argument("--preset", default="lab", help=f"one of {', '.join(PRESETS)}")
    run.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE", help="settings over the preset: lr=0.001")
    run.add_argument("--steps", type=int, help="default: the preset's epochs")
    run.add_argument("--seed", type=int, default=0)
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
    device = start_processes() or options.device
    folder = RunFolder(options.out)
    dino, pictures, facts = (resume if options.resume else start)(options, folder, device)
    announce(dino, len(pictures), facts["steps"])
    before, last = time.perf_counter(), None
    logs = record(folder, dino, pictures, facts, max(1, options.checkpoint_every))
    with interruptible(logs) as steps, closing_bar(dino.step, facts["steps"]) as bar:
        for last in steps:
            show(bar, last, options.log_every)
    if dino.step < facts["steps"]:
        say(f"Stopped after step {dino.step} of {facts['steps']}: --resume goes on from here.")
        return 130
    if rank() == 0 and last is not None:
        wall = time.perf_counter() - before
        summary = summarize(dino, pictures, last, wall)
        folder.write("summary.json", json.dumps(summary, indent=2) + "\n")
        say(table(summary))
        say(f"{wall:.0f} s. The run is in {folder.path}: dino-notebooks report {folder.path} draws it.")
    return 0


def evaluate_command(options: argparse.Namespace) -> int:
    """Print a run's scores as one JSON object."""
    print(json.dumps(evaluate_run(options.dir, options.device), indent=2))
    return 0


def start(options: argparse.Namespace, folder: RunFolder, device: Device) -> tuple[Dino, Pictures, Facts]:
    """A new run in a fresh folder."""
    config = settings(options)
    pictures = load_pictures(options.data, size=config.picture_size, root=options.root)
    steps = options.steps if options.steps is not None else config.epochs * steps_per_epoch(config, len(pictures))
    if steps < 1:
        raise ValueError(f"--steps must be at least 1, got {steps}.")
    dino = Dino(config, options.seed, device)
    facts = {"data": options.data, "root": options.root, "steps": steps}
    steps_per_epoch(config, len(pictures))
    if rank() == 0:
        folder.create(config)
    folder.save(dino, facts)
    return dino, pictures, facts


def resume(options: argparse.Namespace, folder: RunFolder, device: Device) -> tuple[Dino, Pictures, Facts]:
    """The run that a folder holds, at its last checkpoint; its settings and data are those it began with."""
    dino, facts = load_checkpoint(folder.checkpoint, device), folder.facts()
    if options.steps is not None:
        facts["steps"] = options.steps
    folder.drop_after(dino.step)
    say(f"Resuming {folder.path} at step {dino.step} of {facts['steps']}, with the settings in its config.json.")
    return dino, load_pictures(facts["data"], size=dino.config.picture_size, root=facts["root"]), facts


def settings(options: argparse.Namespace) -> DinoConfig:
    """The preset with the `--set name=value` changes."""
    if options.preset not in PRESETS:
        raise ValueError(f"There is no preset {options.preset!r}: choose one of {', '.join(PRESETS)}.")
    config = PRESETS[options.preset]()
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


def summarize(dino: Dino, pictures: Pictures, last: StepLog, wall: float) -> dict[str, Any]:
    """What summary.json holds: diagnosis, scores and their floors, wall time of the training in seconds."""
    return {"diagnosis": last.diagnosis, "reason": last.reason, "wall_seconds": wall, **scores_of(dino, pictures)}


if __name__ == "__main__":
    sys.exit(main())
