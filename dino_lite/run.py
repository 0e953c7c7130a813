"""A run folder: settings, one line of metrics a step, a checkpoint that is always whole, and a summary.

config.json             the settings
metrics.jsonl           one JSON object a step
checkpoint.safetensors  all that a resumed run needs
summary.json            scores beside their floors, diagnosis, wall time; written at the end
"""

import json
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from dino_lite.checkpoint import atomic, load_checkpoint, read, save_checkpoint, unwritable
from dino_lite.config import DinoConfig
from dino_lite.data import Pictures, load_pictures
from dino_lite.distributed import rank
from dino_lite.scorecard import scorecard
from dino_lite.steplog import StepLog
from dino_lite.train import Dino, train


class RunFolder:
    """The files of one run. Only the first process of several writes."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.checkpoint = self.path / "checkpoint.safetensors"
        self.metrics = self.path / "metrics.jsonl"

    def create(self, config: DinoConfig) -> None:
        """Make the folder; ValueError when it already holds a run."""
        if self.checkpoint.exists() or self.metrics.exists():
            raise ValueError(
                f"{self.path} already holds a run: add --resume to go on with it, or choose another --out."
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(
                f"The folder {self.path} cannot be made ({error.strerror}): choose another --out."
            ) from error
        self.write("config.json", config.to_json() + "\n")

    def write(self, name: str, text: str) -> None:
        """Put a text file in place, whole."""
        if rank() == 0:
            with atomic(self.path / name) as temporary:
                temporary.write_text(text)

    def facts(self) -> dict[str, Any]:
        """What the checkpoint says about the run besides its state: data, root, number of pictures, total steps."""
        header, _ = read(self.checkpoint)
        try:
            facts = json.loads(header["more"])
            return {name: facts[name] for name in ("data", "root", "pictures", "steps")}
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{self.checkpoint} does not say which pictures it was trained on, so another program saved it: "
                "load it with dino_lite.load_checkpoint."
            ) from error

    def save(self, dino: Dino, facts: dict[str, Any]) -> None:
        """Write the checkpoint; FloatingPointError instead of replacing a good one by weights that are not finite."""
        if not all(bool(p.isfinite().all()) for p in dino.student.parameters()):
            raise FloatingPointError(
                f"The weights are not finite after step {dino.step - 1}: the learning rate is probably too high."
            )
        if rank() == 0:
            save_checkpoint(dino, self.checkpoint, **facts)

    def logs(self) -> list[dict[str, Any]]:
        """The metrics so far; a last line that was cut off half-way is left out."""
        return list(self._whole_lines()) if self.metrics.exists() else []

    def drop_after(self, step: int) -> None:
        """Forget what a resumed run makes anew: metrics from `step` on, the summary, halves of killed writes."""
        kept = [json.dumps(log) for log in self.logs() if log["step"] < step]
        if rank() == 0:
            for name in ("summary.json", ".*.part"):
                for path in self.path.glob(name):
                    path.unlink()
        self.write("metrics.jsonl", "".join(line + "\n" for line in kept))

    def _whole_lines(self) -> Iterator[dict[str, Any]]:
        for line in self.metrics.read_text(errors="replace").splitlines():
            try:
                log = json.loads(line)
            except json.JSONDecodeError:
                return
            yield log


def record(folder: RunFolder, dino: Dino, pictures: Pictures, facts: dict[str, Any], every: int) -> Generator[StepLog]:
    """Train to `facts["steps"]`, write each step's metrics and every so many steps a checkpoint; yields the logs.

    Closing the iterator, as a Ctrl-C does between two steps, also saves a checkpoint. A run that dies of a loss
    that is not finite keeps the last good one.
    """
    path = folder.metrics if rank() == 0 else os.devnull
    try:
        with open(path, "a", buffering=1) as lines:  # a line at a time, so that a kill cuts off at most the last one
            try:
                for log in train(dino.config, pictures, steps=facts["steps"], resume=dino):
                    lines.write(json.dumps(log.to_dict()) + "\n")
                    if dino.step % every == 0:
                        folder.save(dino, facts)
                    yield log
            except GeneratorExit:
                folder.save(dino, facts)
                raise
            folder.save(dino, facts)
    except OSError as error:
        raise unwritable(path, error) from error


def evaluate_run(path: str | Path, device: str | None = None) -> dict[str, Any]:
    """Load a run's checkpoint and its pictures and return the scores of its teacher, beside their floors.

    The first four numbers are on random backgrounds where the pictures have alpha.
    """
    folder = RunFolder(path)
    facts = folder.facts()
    dino = load_checkpoint(folder.checkpoint, device)
    pictures = load_pictures(facts["data"], size=dino.config.picture_size, root=facts["root"])
    return scores_of(dino, pictures)


def scores_of(dino: Dino, pictures: Pictures) -> dict[str, Any]:
    """The teacher's scores, flat, with `floors` and, for pictures with alpha, the scores on `white`."""
    card = scorecard(dino.teacher, dino.config, pictures, seed=dino.seed)
    hardest = "random" if "random" in card["model"] else "white"
    return {
        "step": dino.step,
        **card["model"][hardest],
        "background": hardest if pictures.images.shape[1] == 4 else "own",
        "floors": {name: card[name][hardest] for name in ("random_init", "pixels")},
        **({"white": {name: card[name]["white"] for name in card}} if hardest == "random" else {}),
    }
