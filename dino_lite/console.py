"""What a run shows in a terminal: the pre-flight, a progress bar, lines on request, scores beside their floors."""

import contextlib
import itertools
import signal
import sys
import threading
import warnings
from collections.abc import Generator, Iterator
from types import FrameType
from typing import Any, NoReturn

import torch
from tqdm import tqdm

from dino_lite.distributed import any_process, rank
from dino_lite.preflight import preflight
from dino_lite.steplog import StepLog
from dino_lite.train import Dino


def announce(dino: Dino, count: int, steps: int) -> None:
    """The pre-flight: facts and warnings, before the first step."""
    facts, warnings = preflight(dino.config, count, steps)
    for line in [f"Training on {dino.device}, {torch.get_num_threads()} threads.", *facts]:
        say(line)
    for line in warnings:
        say(f"Warning: {line}")


def plain_warnings() -> None:
    """From now on a warning, such as one about a broken picture, is one line without its place in the code."""

    def show(message: Warning | str, *place: Any, **more: Any) -> None:
        print(f"Warning: {message}", file=sys.stderr)

    warnings.showwarning = show


def table(summary: dict[str, Any]) -> str:
    """The scores beside their floors, for the terminal."""
    columns = list(summary["floors"]["random_init"])
    lines = [f"{'':12}" + "".join(f"{name:>20}" for name in columns)]
    for title, scores in [("trained", summary), *summary["floors"].items()]:
        cells = (f"{scores[name]:20.3f}" if name in scores else f"{'-':>20}" for name in columns)
        lines.append(f"{title:12}" + "".join(cells))
    return "\n".join([f"{summary['diagnosis']}: {summary['reason']}", *lines])


def show(bar: "tqdm[NoReturn]", log: StepLog, every: int) -> None:
    """Move the progress bar, and print a line every so many steps."""
    bar.set_postfix_str(
        f"loss {log.loss:.2f} = h {log.entropy:.2f} + KL {log.kl:.2f}, {log.diagnosis}, "
        f"{log.images_per_second:.0f} images/s",
        refresh=False,
    )
    bar.update()
    if every and log.step % every == 0:
        say(
            f"step {log.step}: loss {log.loss:.4f} entropy {log.entropy:.4f} kl {log.kl:.4f} "
            f"{log.diagnosis} {log.images_per_second:.0f} images/s"
        )


def closing_bar(step: int, steps: int) -> "tqdm[NoReturn]":
    """A progress bar on standard error; none when that is not a terminal, or in all but the first process."""
    return tqdm(total=steps, initial=step, unit="step", disable=True if rank() else None, dynamic_ncols=True)


@contextlib.contextmanager
def interruptible(logs: Generator[StepLog]) -> Iterator[Iterator[StepLog]]:
    """Ends the iteration between two steps on Ctrl-C or a polite kill; closing `logs` then saves a checkpoint.

    Of several processes all stop after the same step. A second Ctrl-C ends the run at once, within a step.
    """
    wanted = threading.Event()

    def ask(number: int, frame: FrameType | None) -> None:
        if wanted.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        wanted.set()

    old = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield itertools.takewhile(lambda _: not any_process(wanted.is_set()), logs)
    finally:
        logs.close()
        for number, handler in old.items():
            signal.signal(number, handler)


def say(text: str) -> None:
    """Print on standard output, from the first process only, without tearing the progress bar."""
    if rank() == 0:
        tqdm.write(text, file=sys.stdout)
