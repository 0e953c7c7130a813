"""The report of a run: one HTML page that needs nothing else, in the run folder.

evidence.py   what the run folder holds, and what the network says about the pictures
scores.py     each score beside its floors
settings.py   the settings beside the paper's
sections.py   the sections in reading order; their figures are those of dino_notebooks.plots (svg.py)
page.html, palette.css, style.css, icons.py      how it looks
"""

import datetime
import statistics
from html import escape
from pathlib import Path
from string import Template

from dino_lite.checkpoint import atomic
from dino_notebooks.plots.words import verdict
from dino_notebooks.report import scores
from dino_notebooks.report.evidence import Evidence, gather
from dino_notebooks.report.icons import icon
from dino_notebooks.report.sections import SECTIONS
from dino_notebooks.report.settings import preset

HERE = Path(__file__).parent

__all__ = ["write_report"]


def write_report(run_dir: str | Path) -> Path:
    """Write report.html into a run folder, from a finished or an interrupted run; returns its path.

    ValueError, one sentence, when the folder is not a run's or a part of it is missing or damaged.
    """
    run = gather(run_dir)
    path = run.folder / "report.html"
    text = page(run)
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def page(run: Evidence) -> str:
    """The report as HTML."""
    diagnosis, reason = run.diagnosis
    words = verdict(diagnosis)
    sections = [section(run) for section in SECTIONS]
    heading = f"DINO on {data_name(run)}, {run.dino.step} step{'s' * (run.dino.step != 1)}"
    return Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"{heading}: {words.title.lower()}"),
        style="".join((HERE / name).read_text(encoding="utf-8") for name in ("palette.css", "style.css")),
        heading=escape(heading),
        icon=icon(diagnosis),
        verdict=escape(words.title),
        color=words.color,
        meaning=escape(words.meaning),
        worth=escape(scores.headline(run.summary)) if run.summary else "Not scored yet.",
        reason=escape(f"Last step: {reason}"),
        facts="".join(
            f"<div{' class=wide' if len(v) > 24 else ''}><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>"
            for k, v in facts(run).items()
        ),
        links="".join(f'<a href="#{s.anchor}">{s.anchor.capitalize()}</a>' for s in sections),
        sections="\n".join(
            f'<section id="{s.anchor}"><h2>{escape(s.title)}</h2>\n{s.body}</section>' for s in sections
        ),
        footer=escape(
            f"Written by dino-notebooks from the run folder {run.folder.resolve().name}; it loads nothing else."
        ),
    )


def data_name(run: Evidence) -> str:
    """What the run was trained on: the name of a data set, or of a folder without the path to it."""
    name = str(run.facts["data"])
    return Path(name).expanduser().resolve().name if run.folder_data else name


def facts(run: Evidence) -> dict[str, str]:
    """The run in a few words each."""
    config, summary, dino = run.config, run.summary or {}, run.dino
    planned, then = run.facts["steps"], run.facts["pictures"]
    patches = f"{config.patch_size}\N{NO-BREAK SPACE}px patches"
    shape = f"ViT, {config.dim} wide, {config.depth} deep, {config.heads} heads, {patches}"
    network = shape if config.backbone == "vit" else config.backbone
    weights = sum(p.numel() for p in dino.teacher.parameters()) / 1e6
    speed = statistics.median(float(log["images_per_second"]) for log in run.logs)
    wall = summary.get("wall_seconds", sum(float(log["seconds"]) for log in run.logs))
    day = datetime.datetime.fromtimestamp((run.folder / "metrics.jsonl").stat().st_mtime)
    local = f" and {config.n_local} of {config.local_size} px" if config.n_local else ""
    found = {
        "Preset": preset(config),
        "Network": f"{network}, {weights:.2f} M weights with the head",
        "Pictures": f"{run.total} at {config.picture_size} px" + (f", {then} in training" if then != run.total else ""),
        "Views of each": f"2 of {config.global_size} px{local}",
        "Prototypes (K)": str(config.out_dim),
        "Steps": str(dino.step) if dino.step == planned else f"{dino.step} of {planned}, interrupted",
        "Batch": f"{config.batch_size} pictures",
        "Seed": str(dino.seed),
        "Time": f"{wall:.0f} s, {speed:.0f} pictures/s",
        "Trained": f"{day:%d %b %Y, %H:%M}",
    }
    return found | ({"Machine": str(summary["machine"])} if "machine" in summary else {})
