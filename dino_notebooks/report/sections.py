"""The sections of a report, in reading order. Each says what to see before it shows it."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

from dino_lite.data import BUNDLED
from dino_notebooks.plots import (
    Plot,
    nearest,
    plot_attention,
    plot_curves,
    plot_neighbours,
    plot_prototypes,
    plot_umap,
    plot_views,
)
from dino_notebooks.plots.attention import look_at
from dino_notebooks.plots.neighbours import same_thing
from dino_notebooks.report import scores, settings
from dino_notebooks.report.evidence import LOOKS, QUERIES, Evidence
from dino_notebooks.report.svg import inline_svg

SHOWN_VIEWS = 4  # pictures whose crops are shown


@dataclass(frozen=True)
class Section:
    """A part of the page: its anchor, its title, and its HTML."""

    anchor: str
    title: str
    body: str


def figure(draw: Callable[[], Plot], plotter: Callable[..., Plot], name: str) -> str:
    """A figure with what to see in it, from the docstring of its plotter; or the sentence why it can't be drawn."""
    try:
        plot = draw()
    except ValueError as error:
        return f'<p class="note">{escape(str(error))}</p>'
    see = re.search(r"See in it: (.*)", " ".join((inspect.getdoc(plotter) or "").split()))
    caption = see[1][:1].upper() + see[1][1:] if see else ""
    return f"<figure>{inline_svg(plot, name)}<figcaption>{escape(caption)}</figcaption></figure><p>{escape(plot.finding)}</p>"


def worth(run: Evidence) -> Section:
    """The scores beside their floors."""
    title = "What it is worth"
    if run.summary is None:
        text = (
            f"There are no scores: the run stopped after step {run.dino.step} of {run.facts.get('steps', '?')}. "
            f"<code>python -m dino_lite train --resume --out {escape(str(run.folder))}</code> finishes it and scores it."
        )
        return Section("scores", title, f'<p class="note">{text}</p>')
    found = scores.backgrounds(run.summary)[run.summary["background"]]
    known = scores.names(run.summary)
    lines = "".join(f"<li>{escape(scores.sentence(name, found))}</li>" for name in known)
    told = (
        "A score means little alone. Beside it stand its two floors: the same network before its first step, and raw "
        "pixels without any network. What is below them was not learnt. Differences up to "
        f"{scores.LEVEL} count as level: this is one run with one seed."
    )
    key = (
        '<p class="key"><span class="dot"></span> trained <span class="bar"></span> random initialisation '
        '<span class="diamond"></span> raw pixels; each line runs from 0 to the largest of the three</p>'
    )
    stale = "" if run.summary["step"] == run.dino.step else (
        f'<p class="note">These scores are from step {run.summary["step"]}; the network below is from step {run.dino.step}.</p>'
    )
    body = f"<p><strong>{escape(scores.headline(run.summary))}</strong> {told}</p>{stale}"
    if known:
        body += f"{scores.table(run.summary)}{key}<ul>{lines}</ul>"
    return Section("scores", title, body)


def curves(run: Evidence) -> Section:
    """How it trained."""
    body = figure(lambda: plot_curves(run.logs, run.config.out_dim), plot_curves, "curves")
    last = int(run.logs[-1]["step"]) + 1
    if last != run.dino.step:
        body += f'<p class="note">The log goes to step {last}; the network below is from the checkpoint at step {run.dino.step}.</p>'
    return Section("curves", "How it trained", body)


def prototypes(run: Evidence) -> Section:
    """How many prototypes are in use."""
    after, before = run.won
    body = figure(lambda: plot_prototypes(after, run.config.out_dim, before), plot_prototypes, "prototypes")
    return Section("prototypes", "Prototypes in use", body)


def embedding(run: Evidence) -> Section:
    """The map."""
    part = "" if len(run.pictures) == run.total else f"<p>{len(run.pictures)} of the {run.total} pictures, evenly spread over the set.</p>"
    body = figure(lambda: plot_umap(run.rows, run.pictures), plot_umap, "map")
    return Section("map", "A map of what it sees", part + body)


def neighbours(run: Evidence) -> Section:
    """The nearest neighbours, counted beside those of the floors."""
    queries = run.queries(QUERIES)
    body = figure(lambda: plot_neighbours(run.rows, run.pictures, queries), plot_neighbours, "neighbours")
    marks = same_thing(run.pictures, queries)
    if marks.kind and len(run.pictures) > 1:
        told = []
        for name, rows in run.floors.items():
            found = sum(bool(mark[place].any()) for mark, place in zip(marks.same, nearest(rows, queries), strict=True))
            told.append(f"by {name}, {found} of {len(queries)}")
        body += f"<p>The same count {'; '.join(told)}. The queries were chosen by their place in the set, not by the result.</p>"
    return Section("neighbours", "What it finds alike", body)


def attention(run: Evidence) -> Section:
    """The attention maps, with the IoU of the untrained network."""
    indices = run.queries(LOOKS)
    body = figure(lambda: plot_attention(run.dino.teacher, run.pictures, indices), plot_attention, "attention")
    before = look_at(run.untrained.teacher, run.pictures, indices)
    if before.iou is not None and before.mean_iou is not None:
        best, mean = float(before.iou.amax(1).mean()), float(before.mean_iou.mean())
        body += f"<p>On the same pictures the untrained network has an IoU of {best:.2f} (best head), {mean:.2f} (mean).</p>"
    return Section("attention", "Where it looks", body)


def views(run: Evidence) -> Section:
    """What it was trained on."""
    chosen = run.pictures[run.queries(SHOWN_VIEWS)]
    body = figure(lambda: plot_views(chosen, run.config, run.dino.seed), plot_views, "views")
    return Section("views", "What it was trained on", body)


def settings_table(run: Evidence) -> Section:
    """All settings."""
    differ = len(settings.changes(run.config, type(run.config)()))
    text = (
        f"<p>{differ} settings differ from the paper's (ViT-S/16 on ImageNet), and are marked with ≠; the smaller the "
        f"network and the shorter the run, the more have to.</p>{settings.tables(run.config)}"
    )
    return Section("settings", "Settings", text)


def credits(run: Evidence) -> Section:
    """Whose pictures these are."""
    if run.facts["data"] != "emoji":
        text = "<p>This page contains pictures of the data set: before you share it, see what its licence, or its people, allow.</p>"
        return Section("credits", "The pictures", text)
    source = (BUNDLED / "LICENSES.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in source.splitlines() if line.startswith("| `") and ".webp" in line
    ]
    items = "".join(f"<li>{plain(what)}. {plain(by)}. {plain(licence.removesuffix(', below'))}.</li>" for _, what, by, licence in rows)
    line = " ".join(part.removeprefix("> ") for part in source.splitlines() if part.startswith("> "))
    return Section("credits", "The pictures", f"<p>{escape(line)}</p><ul>{items}</ul>")


def plain(markdown: str) -> str:
    """A line of Markdown as HTML text, its links written out: a report loads and links nothing."""
    return escape(re.sub(r"\[([^]]*)\]\(([^)]*)\)", r"\1 (\2)", markdown).replace("`", ""))


SECTIONS = (worth, curves, prototypes, embedding, neighbours, attention, views, settings_table, credits)
