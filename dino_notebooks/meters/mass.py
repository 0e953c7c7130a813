"""Meters of the probe pictures: which prototypes are used, and how a target is made from what the teacher says."""

import io
import math
from functools import lru_cache

import numpy as np
from PIL import Image
from torch import Tensor

from dino_notebooks.drawing import BLUE, GREEN, ORANGE, VERMILION, Drawing, Point
from dino_notebooks.drawing.axes import PALE, SMALL, Axes, roomy, ticks
from dino_notebooks.meters.timeline import HEIGHT, LEFT, RIGHT, TOP, WIDTH, dotted, sheet_with
from dino_notebooks.meters.tracks import percent
from dino_notebooks.session.snapshot import Snapshot

COLUMNS = 256  # of the histogram; with more prototypes a column shows the largest of its neighbours
SMALL_COLUMNS = 56  # the same for the small charts
MASS = 0.9  # the share whose prototypes are counted
SPIKE = 0.1  # of the mass on one prototype is worth a word
FEWEST_ROW, ROW, HEAD = 30.0, 38.0, 54.0  # px, of a picture's row, and above the first one


def use(snapshot: Snapshot) -> Drawing:
    """How often each prototype is asked for, beside the share that all would have if they were used evenly."""
    shares, k = _finite(snapshot.probe.use), snapshot.out_dim
    first, largest = int(shares.argmax()), float(shares.max())
    holding = hold(shares)
    heading = f"{holding} of {k} prototype{'s' * (k > 1)} hold{'s' * (holding == 1)} {MASS:.0%} of the mass"
    title = f"{heading}; the most used one, number {first}, has {percent(largest)}, even would be {even_share(k)}."
    drawing = sheet_with(heading, title)
    box = (LEFT, TOP, WIDTH - RIGHT, HEIGHT - 22)
    axes = Axes(drawing, box, (0, k), (0, min(1.0, roomy(max(1.05 * largest, 2 / k)))))
    axes.frame([0, k], [])
    drawing.text((axes.left + axes.right) / 2, axes.bottom + 14, "prototype", "middle", size=SMALL, opacity=PALE)
    axes.y_ticks((tick, _fine(tick)) for tick in ticks(*axes.y, about=3))
    columns = peaks(shares, COLUMNS)
    drawing.area(stairs(axes, columns), BLUE)
    if largest > max(SPIKE, 2 / k):
        x, y = axes.at(first + 0.5, largest)
        drawing.rect(x - 1.5, y, 3, axes.bottom - y, VERMILION)
        side = "end" if x > (axes.left + axes.right) / 2 else "start"
        words = f"number {first}: {percent(largest)}"
        drawing.text(x + (-6 if side == "end" else 6), y + 10, words, side, size=SMALL, bold=True)
    axes.level(1 / k)
    axes.end_labels([dotted(1 / k, f"even {_fine(1 / k, 1)}")])
    return drawing


def targets(snapshot: Snapshot) -> Drawing:
    """How targets are made: for each probe picture what the teacher says, minus the centre, as the target in use.

    Each chart shows the K prototypes and is scaled to its own peak; the number is its entropy.
    """
    probe, pictures = snapshot.probe, len(snapshot.probe.pictures)
    stages = [_finite(stage) for stage in (probe.raw, probe.centered, probe.target)]
    means = [float(np.mean([entropy(row) for row in stage])) if pictures else math.nan for stage in stages]
    heads = stage_heads(snapshot)
    title = (
        f"Targets of {pictures} picture{'s' * (pictures != 1)}: mean entropy {means[0]:.2f} nats as the teacher says "
        f"it, {means[1]:.2f} minus the centre ({heads[1][1]}), {means[2]:.2f} as the target ({' '.join(heads[2])})."
    )
    row = max(FEWEST_ROW, min(ROW, (HEIGHT - HEAD) / max(1, pictures)))
    drawing = sheet_with("From the teacher to the target", title, max(HEIGHT, HEAD + row * pictures + 4))
    side, pitch = row - 5, (WIDTH - 44) / 3
    for column, (name, how) in enumerate(heads):
        x = 44 + column * pitch
        drawing.text(x, 36, name, size=SMALL, bold=True)
        drawing.text(x, 48, how, size=SMALL, opacity=PALE)
    unused = not _centre_counts(snapshot)
    looks = [(ORANGE, 1.0), (BLUE, 0.5 if unused else 1.0), (GREEN, 1.0)]
    for i in range(pictures):
        y = HEAD + i * row
        drawing.picture(4, y, side, side, thumbnail(probe.pictures[i]))
        for column, (stage, (color, opacity)) in enumerate(zip(stages, looks, strict=True)):
            x, values = 44 + column * pitch, stage[i]
            axes = Axes(drawing, (x, y, x + 58, y + side), (0, len(values)), (0, max(float(values.max()), 1e-12)))
            drawing.area(stairs(axes, peaks(values, SMALL_COLUMNS)), color, opacity)
            drawing.line([axes.at(0, 0), axes.at(len(values), 0)], width=1, opacity=0.5)
            drawing.text(x + 62, y + side / 2 + 4, f"h {entropy(values):.2f}", size=SMALL, opacity=PALE)
    return drawing


def stage_heads(snapshot: Snapshot) -> list[tuple[str, str]]:
    """Name and way of each column of `targets`, true to the knobs: what is switched off says so."""
    knobs = snapshot.knobs
    student, teacher = f"τs {knobs['student_temp']:.3g}", f"τt {knobs['teacher_temp']:.3g}"
    used = f"÷ {teacher}" if knobs["sharpening"] else "sharpening OFF"
    way = {"sinkhorn": "= Sinkhorn", "batch_softmax": "= batch softmax"}.get(knobs["target"], "= target")
    centre = f"÷ {student}" if _centre_counts(snapshot) else "not used"
    if not knobs["centering"]:
        centre = "OFF, not used"
    return [("teacher", f"÷ {student}"), ("− centre", centre), (way, used)]


def hold(shares: np.ndarray, mass: float = MASS) -> int:
    """How many of the shares (K,), the largest first, it takes to have `mass` of their sum."""
    falling = np.sort(shares)[::-1].cumsum()
    return int((falling < mass * falling[-1] - 1e-9).sum()) + 1


def entropy(probs: np.ndarray) -> float:
    """-Σ p ln p in nats of (K,)."""
    positive = probs[probs > 0]
    return float(max(0.0, -(positive * np.log(positive)).sum()))


def peaks(values: np.ndarray, columns: int) -> np.ndarray:
    """(K,) → at most `columns` numbers, each the largest of its neighbours, so that no spike is lost."""
    size = math.ceil(len(values) / columns)
    padded = np.zeros(math.ceil(len(values) / size) * size)
    padded[: len(values)] = values
    return padded.reshape(-1, size).max(axis=1)


def stairs(axes: Axes, values: np.ndarray) -> list[Point]:
    """The outline of bars side by side; neighbours of one height are one bar."""
    edges = np.linspace(axes.left, axes.right, len(values) + 1).tolist()
    heights = [round(axes.at(0, value)[1], 1) for value in values.tolist()]
    points = [(edges[0], axes.bottom)]
    for i, height in enumerate(heights):
        if i and height == heights[i - 1]:
            points[-1] = (edges[i + 1], height)
        else:
            points += [(edges[i], height), (edges[i + 1], height)]
    return [*points, (edges[-1], axes.bottom)]


def even_share(k: int) -> str:
    """1/K in words."""
    return f"1/{k} = {_fine(1 / k)}"


def thumbnail(picture: Tensor) -> bytes:
    """PNG bytes of a picture (3, S, S) uint8; encoded once, since probe pictures stay the same."""
    rows = picture.cpu().permute(1, 2, 0).contiguous().numpy()
    return _encoded(rows.tobytes(), rows.shape[1], rows.shape[0])


@lru_cache(maxsize=64)
def _encoded(rgb: bytes, width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.frombytes("RGB", (width, height), rgb).save(file, "png")
    return file.getvalue()


def _centre_counts(snapshot: Snapshot) -> bool:
    return bool(snapshot.knobs["centering"]) and snapshot.knobs["target"] == "center"


def _finite(probs: Tensor) -> np.ndarray:
    """As float64, with 0 for what is not a number."""
    return np.nan_to_num(probs.detach().cpu().double().numpy(), nan=0.0, posinf=0.0, neginf=0.0)


def _fine(share: float, digits: int = 2) -> str:
    return f"{float(f'{100 * share:.{digits}g}'):g}%"
