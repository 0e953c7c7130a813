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


def note(text: str) -> str:
    """A remark as HTML."""
    return f'<p class="note">{escape(text)}</p>'


def finding(text: str) -> str:
    """What was found, under a figure, as HTML."""
    return f'<p class="finding">{escape(text)}</p>'


def figure(draw: Callable[[], Plot], plotter: Callable[..., Plot], name: str) -> str:
    """A figure with what to see in it, from the docstring of its plotter; or the sentence why it can't be drawn."""
    try:
        plot = draw()
    except ValueError as error:
        return note(str(error))
    see = re.search(r"See in it: (.)(.*)", " ".join((inspect.getdoc(plotter) or "").split()))
    caption = escape(see[1].upper() + see[2]) if see else ""
    return f"<figure><figcaption>{caption}</figcaption>{inline_svg(plot, name)}</figure>{finding(plot.finding)}"


def drawn(body: str) -> bool:
    """Whether `figure` gave a figure and not a sentence."""
    return body.startswith("<figure>")


def worth(run: Evidence) -> Section:
    """The scores beside their floors."""
    if run.summary is None:
        finished = run.dino.step >= run.facts["steps"]
        command = f"evaluate {run.folder} prints them" if finished else f"train --resume --out {run.folder} goes on"
        state = "has not been scored" if finished else f"stopped after step {run.dino.step} of {run.facts['steps']}"
        return Section(
            "scores", "What it is worth", note(f"No scores: the run {state}. python -m dino_lite {command}.")
        )
    told = (
        "A score means little alone. Beside it stand its two floors: the same network before its first step, and raw "
        "pixels without any network. What is below them was not learnt. Differences up to "
        f"{scores.LEVEL} count as level: this is one run with one seed."
    )
    body = f"<p><strong>{escape(scores.headline(run.summary))}</strong> {told}</p>"
    if run.summary["step"] != run.dino.step:
        body += note(
            f"These scores are from step {run.summary['step']}; the network below is from step {run.dino.step}."
        )
    found = scores.backgrounds(run.summary)[run.summary["background"]]
    lines = [
        f'<li class="{scores.standing(name, found)}">{escape(scores.sentence(name, found))}</li>'
        for name in scores.names(run.summary)
    ]
    body += f'{scores.table(run.summary)}<ul class="told">{"".join(lines)}</ul>' if lines else ""
    return Section("scores", "What it is worth", body)


def curves(run: Evidence) -> Section:
    """How it trained."""
    body = figure(lambda: plot_curves(run.logs, run.config.out_dim), plot_curves, "curves")
    last, saved = int(run.logs[-1]["step"]) + 1, run.dino.step
    if last != saved:
        body += note(f"The log goes to step {last}; the network below is from the checkpoint at step {saved}.")
    return Section("curves", "How it trained", body)


def prototypes(run: Evidence) -> Section:
    """How many prototypes are in use."""
    after, before = run.won
    body = figure(lambda: plot_prototypes(after, run.config.out_dim, before), plot_prototypes, "prototypes")
    return Section("prototypes", "Prototypes in use", body)


def embedding(run: Evidence) -> Section:
    """The map."""
    body = figure(lambda: plot_umap(run.rows, run.pictures), plot_umap, "map")
    if len(run.pictures) < run.total:
        body += note(f"These are {len(run.pictures)} of the {run.total} pictures, evenly spread over the set.")
    return Section("map", "A map of what it sees", body)


def neighbours(run: Evidence) -> Section:
    """The nearest neighbours, counted beside those of the floors."""
    queries = run.queries(QUERIES)
    body = figure(lambda: plot_neighbours(run.rows, run.pictures, queries), plot_neighbours, "neighbours")
    marks = same_thing(run.pictures, queries)
    if marks.kind and drawn(body):
        told = []
        for name, rows in run.floors.items():
            places = nearest(rows, queries)
            found = sum(bool(mark[place].any()) for mark, place in zip(marks.same, places, strict=True))
            told.append(f"by {name}, {found} of {len(queries)}")
        chosen = "The queries were chosen by their place in the set, not by the result."
        body += finding(f"The same count {'; '.join(told)}. {chosen}")
    return Section("neighbours", "What it finds alike", body)


def attention(run: Evidence) -> Section:
    """The attention maps, with the IoU of the untrained network."""
    indices = run.queries(LOOKS)
    body = figure(lambda: plot_attention(run.dino.teacher, run.pictures, indices), plot_attention, "attention")
    before = look_at(run.untrained.teacher, run.pictures, indices) if drawn(body) else None
    if before and before.iou is not None and before.mean_iou is not None:
        best, mean = float(before.iou.amax(1).mean()), float(before.mean_iou.mean())
        text = f"On the same pictures the untrained network has an IoU of {best:.2f} (best head), {mean:.2f} (mean)."
        body += finding(text)
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
        text = "This page shows pictures of the data set: see what their licence and people allow before you share it."
        return Section("credits", "The pictures", f"<p>{text}</p>")
    source = (BUNDLED / "LICENSES.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in source if line.startswith("| `")]
    items = [
        f"<li>{plain(what)}. {plain(by)}. {plain(licence.removesuffix(', below'))}.</li>"
        for file, what, by, licence in rows
        if file.endswith(".webp`")
    ]
    line = " ".join(part.removeprefix("> ") for part in source if part.startswith("> "))
    return Section("credits", "The pictures", f"<p>{escape(line)}</p><ul>{''.join(items)}</ul>")


def plain(markdown: str) -> str:
    """A line of Markdown as HTML text, its links written out: a report loads and links nothing."""
    return escape(re.sub(r"\[([^]]*)\]\(([^)]*)\)", r"\1 (\2)", markdown).replace("`", ""))


SECTIONS = (worth, curves, prototypes, embedding, neighbours, attention, views, settings_table, credits)
