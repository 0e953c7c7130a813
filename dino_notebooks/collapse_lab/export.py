"""A steered run to take away: metrics as CSV, the panel as SVG or PNG, and links to them for a page."""

import base64
import csv
import io

from dino_lite import StepLog
from dino_notebooks.session.snapshot import Future, Snapshot

NUMBERS = (
    "loss",
    "entropy",
    "kl",
    "marginal_entropy",
    "mutual_information",
    "effective_prototypes",
    "center_norm",
    "feature_std",
    "effective_rank",
    "diagnosis",
    "seconds",
)


def metrics_csv(snapshot: Snapshot) -> str:
    """Every step of every future as CSV: a future that was left behind has its own steps, from its fork on, only.

    Columns: future, step, the numbers of a `StepLog`, its knobs, and what is measured at some steps only.
    """
    knobs = tuple(snapshot.knobs)
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["future", "step", *NUMBERS, *knobs, "student_teacher_distance", "retrieval"])
    for future in (snapshot.now, *snapshot.others):
        distance, score = dict(future.distance), dict(future.score)
        for log in future.logs if future is snapshot.now else future.logs[future_start(future, snapshot) :]:
            after = log.step + 1  # distance and retrieval are those of the network after the step
            rows.writerow([future.name, *_cells(log, knobs), distance.get(after, ""), score.get(after, "")])
    return file.getvalue()


def future_start(future: Future, snapshot: Snapshot) -> int:
    """The first step of a future that is not also in the one that goes on."""
    pairs = zip(future.logs, snapshot.now.logs, strict=False)
    return next((i for i, (mine, theirs) in enumerate(pairs) if mine is not theirs), len(snapshot.now.logs))


def link(name: str, kind: str, content: bytes) -> str:
    """A link that saves `content` as a file, for an HTML widget."""
    uri = f"data:{kind};base64,{base64.b64encode(content).decode()}"
    return f'<a download="{name}" href="{uri}" style="text-decoration: underline">{name}</a>'


def _cells(log: StepLog, knobs: tuple[str, ...]) -> list[object]:
    measured = ["" if (value := getattr(log, name)) is None else value for name in NUMBERS]
    return [log.step, *measured, *(log.knobs[knob] for knob in knobs)]
