"""The meters together: the state as HTML, the meters as a grid of a page, and all of it as one drawing."""

import textwrap
from collections.abc import Callable
from html import escape
from typing import NamedTuple

from dino_notebooks.drawing import Drawing
from dino_notebooks.meters.changes import knob_line
from dino_notebooks.meters.curves import loss, prototypes
from dino_notebooks.meters.mass import targets, use
from dino_notebooks.meters.timeline import WIDTH
from dino_notebooks.meters.tracks import distance, score
from dino_notebooks.plots.style import INK as GREY
from dino_notebooks.plots.words import verdict
from dino_notebooks.session.snapshot import Snapshot

Meter = Callable[[Snapshot], Drawing]
METERS: tuple[Meter, ...] = (loss, prototypes, use, targets, distance, score)
# A shape for each state, that of its targets: many peaks, not yet, flat, one spike. Characters, not emoji.
ICONS = {"healthy": "✓", "not_learning": "…", "uniform": "▬", "dominant": "▲"}
GROW = 1.17  # a meter is at most so many times as large as it is drawn
SHEET, MARGIN, GAP = 900.0, 18.0, 22.0  # px, width of the sheet, its margin, between two meters
LINE, LETTER = 18.0, 13.0  # px, of the sheet's text


class State(NamedTuple):
    """The state in words."""

    icon: str
    word: str
    color: str
    where: str  # step and future


def state(snapshot: Snapshot) -> State:
    """What banner and sheet say about the run as a whole."""
    where = f"step {snapshot.step}"
    if snapshot.others:
        where += f", future {snapshot.now.name}, rewound to {snapshot.now.fork}"
    if not snapshot.step and not snapshot.logs:
        return State("▷", "Ready", GREY, where)
    shown = verdict(snapshot.diagnosis)
    return State(ICONS.get(snapshot.diagnosis, "?"), shown.title, shown.color, where)


def banner(snapshot: Snapshot) -> str:
    """The state as HTML: a sign, a word and a colour, the reason, and what to do."""
    now = state(snapshot)
    # The colour is a bar and a disc, never that of text: orange words cannot be read on white.
    rows = [
        f'<div style="display: flex; align-items: baseline; gap: 8px; flex-wrap: wrap">'
        f'<span aria-hidden="true" style="font-weight: 700; color: {now.color}">{now.icon}</span>'
        f'<b style="font-size: 15px">{escape(now.word)}</b>'
        f'<span style="opacity: 0.75">{escape(now.where)}</span></div>'
    ]
    rows += [f"<div>{escape(words)}</div>" for words in (snapshot.reason, snapshot.advice) if words]
    style = (
        "font: 13px/1.45 var(--jp-ui-font-family, system-ui, sans-serif); font-variant-numeric: tabular-nums; "
        "color: var(--jp-ui-font-color1, inherit); white-space: normal; padding: 6px 10px; "
        "min-height: 4.4em; box-sizing: content-box; "  # three lines: what lies below must not jump
        f"border-left: 6px solid {now.color}; background: var(--jp-layout-color2, #8882); border-radius: 3px"
    )
    name = f'class="dino-state" data-state="{escape(snapshot.diagnosis)}"'
    return f'<div {name} style="{style}">{"".join(rows)}</div>'


def page(snapshot: Snapshot) -> str:
    """All meters as HTML, in one to three columns."""
    # 30%: never more than three columns, so that six meters fill their rows
    columns = "repeat(auto-fit, minmax(min(100%, max(272px, 30%)), 1fr))"
    style = (
        f"display: grid; grid-template-columns: {columns}; gap: 12px; align-items: start; "
        "color: var(--jp-ui-font-color1, inherit); font-variant-numeric: tabular-nums; line-height: normal"
    )
    return f'<div class="dino-meters" data-step="{snapshot.step}" style="{style}">{"".join(_figures(snapshot))}</div>'


def sheet(snapshot: Snapshot) -> Drawing:
    """The whole panel as one drawing: state, reason, knobs and all meters."""
    now, meters = state(snapshot), [meter(snapshot) for meter in METERS]
    title = f"{now.word}, {now.where}. {snapshot.reason} {' '.join(meter.title for meter in meters)}"
    drawing = Drawing(SHEET, 0, title)
    drawing.text(MARGIN + 12, MARGIN + 14, f"{now.icon} {now.word}", size=18, bold=True)
    drawing.text(SHEET - MARGIN, MARGIN + 14, now.where, "end", size=LETTER)
    y = MARGIN + 36
    for words, opacity in ((snapshot.reason, 1.0), (snapshot.advice, 1.0), (_knobs(snapshot), 0.8)):
        for line in textwrap.wrap(words, round((SHEET - 2 * MARGIN - 12) / (0.56 * LETTER))):
            drawing.text(MARGIN + 12, y, line, size=LETTER, opacity=opacity)
            y += LINE
    drawing.rect(MARGIN, MARGIN - 2, 5, y - LINE - MARGIN + 8, now.color)
    column = (SHEET - 2 * MARGIN - GAP) / 2
    scale = column / WIDTH
    for left, right in zip(meters[::2], meters[1::2], strict=True):
        drawing.place(MARGIN, y, left, scale)
        drawing.place(MARGIN + column + GAP, y, right, scale)
        y += max(left.height, right.height) * scale + GAP / 2
    drawing.height = round(y + MARGIN / 2)
    return drawing


def _figures(snapshot: Snapshot) -> list[str]:
    return [f"<div>{meter(snapshot).svg(GROW)}</div>" for meter in METERS]


def _knobs(snapshot: Snapshot) -> str:
    return f"Knobs: {knob_line(snapshot.knobs, snapshot.usual)}"
