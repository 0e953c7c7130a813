"""The report of a run: one HTML page that needs nothing else, in the run folder.

    evidence.py   what the run folder holds, and what the network says about the pictures
    scores.py     each score beside its floors
    settings.py   the settings beside the paper's
    sections.py   the sections in reading order; their figures are those of dino_notebooks.plots (svg.py)
    page.html, style.css, icons.py      how it looks
"""

import datetime
import statistics
from html import escape
from pathlib import Path
from string import Template

from dino_lite.checkpoint import atomic
from dino_notebooks.plots.words import verdict
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
    heading = f"{data_name(run)}, {run.dino.step} step{'s' * (run.dino.step != 1)}"
    return Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(f"DINO on {heading}: {words.title.lower()}"),
        style=(HERE / "style.css").read_text(encoding="utf-8"),
        heading=escape(heading),
        icon=icon(diagnosis),
        verdict=escape(words.title),
        color=words.color,
        meaning=escape(words.meaning),
        reason=escape(f"Measured in the last step: {reason}"),
        facts="".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts(run).items()),
        links="".join(f'<a href="#{s.anchor}">{escape(s.title)}</a>' for s in sections),
        sections="\n".join(
            f'<section id="{s.anchor}"><h2>{escape(s.title)}</h2>\n{s.body}</section>' for s in sections
        ),
        footer=escape(f"Written by dino-notebooks from {run.folder.name}. All figures are in this file; it loads nothing."),
    )


def data_name(run: Evidence) -> str:
    """What the run was trained on: the name of a data set, or of a folder without the path to it."""
    name = str(run.facts["data"])
    return Path(name).expanduser().resolve().name if run.folder_data else name


def facts(run: Evidence) -> dict[str, str]:
    """The run in a few words each."""
    config, summary = run.config, run.summary or {}
    planned = run.facts.get("steps", run.dino.step)
    network = f"ViT, {config.dim} wide, {config.depth} deep, {config.heads} heads" if config.backbone == "vit" else config.backbone
    weights = sum(p.numel() for p in run.dino.teacher.parameters())
    speed = statistics.median(float(log["images_per_second"]) for log in run.logs)
    day = datetime.datetime.fromtimestamp((run.folder / "metrics.jsonl").stat().st_mtime)
    found = {
        "Pictures": f"{run.total} at {config.picture_size} px",
        "Network": network,
        "Views": f"2 of {config.global_size} px" + (f", {config.n_local} of {config.local_size} px" if config.n_local else ""),
        "Patches": f"{config.patch_size} px, {weights / 1e6:.2f} M weights with the head",
        "Prototypes (K)": str(config.out_dim),
        "Steps": f"{run.dino.step}" if run.dino.step == planned else f"{run.dino.step} of {planned}, interrupted",
        "Batch": f"{config.batch_size} pictures",
        "Seed": str(run.dino.seed),
        "Speed": f"{speed:.0f} pictures/s",
        "Training time": f"{summary['wall_seconds']:.0f} s" if "wall_seconds" in summary else "not known",
        "Machine": str(summary.get("machine") or run.facts.get("machine") or "not recorded"),
        "Trained": f"{day:%d %B %Y, %H:%M}",
        "Preset": preset(config),
    }
    return found
