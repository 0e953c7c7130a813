"""The live picture of a run as one HTML string: progress bar, the numbers, the diagnosis, the loss = h + KL.

Colours follow JupyterLab's theme through its CSS variables; none of them says anything that a word does not.
"""

from collections import Counter
from dataclasses import dataclass
from html import escape

from dino_lite import StepLog
from dino_notebooks.live_chart import WIDTH, chart
from dino_notebooks.plots.words import verdict

RECENT = 20  # steps that the rate and the diagnosis look back on


@dataclass(frozen=True)
class Frame:
    """What the picture shows: the logs so far, of how many steps, K, seconds since the start, and a last word."""

    logs: list[StepLog]
    steps: int
    out_dim: int | None = None
    seconds: float = 0.0
    note: str = ""

    @property
    def done(self) -> int:
        """Steps of the run that are done, those before a resume included."""
        return self.logs[-1].step + 1 if self.logs else 0


def sentence(frame: Frame) -> str:
    """The state of the run in one line of text."""
    if not frame.logs:
        return f"step 0 of {frame.steps}: the first step is on its way"
    log = frame.logs[-1]
    parts = [
        f"step {frame.done} of {frame.steps}",
        f"loss {log.loss:.2f} = h {log.entropy:.2f} + KL {log.kl:.2f}",
        f"{images_per_second(frame.logs):.0f} images/s",
    ]
    if frame.done < frame.steps and not frame.note:
        parts.append(f"{duration(frame.seconds / len(frame.logs) * (frame.steps - frame.done))} left")
    else:
        parts.append(duration(frame.seconds))
    return " · ".join(parts)


def diagnosis(logs: list[StepLog]) -> tuple[str, str]:
    """The state that most of the last steps were in, and the newest reason for it: single steps flicker."""
    recent = logs[-RECENT:]
    (state, _), *_ = Counter(log.diagnosis for log in recent).most_common(1)
    return state, next(log.reason for log in reversed(recent) if log.diagnosis == state)


def images_per_second(logs: list[StepLog]) -> float:
    """Over the last steps together."""
    recent = logs[-RECENT:]
    seconds = sum(log.seconds for log in recent)
    return sum(log.images_per_second * log.seconds for log in recent) / max(seconds, 1e-9)


def duration(seconds: float) -> str:
    """Seconds as people say them: 9 s, 2 min 05 s."""
    whole = round(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60} min {whole % 60:02d} s"


def picture(frame: Frame) -> str:
    """The frame as HTML."""
    share = min(1.0, frame.done / frame.steps)
    rows = [
        f'<div role="progressbar" aria-label="training" aria-valuemin="0" aria-valuemax="{frame.steps}" '
        f'aria-valuenow="{frame.done}" style="height: 6px; border-radius: 3px; overflow: hidden; '
        'background: var(--jp-border-color2, #8884)">'
        f'<div style="height: 100%; width: {100 * share:.1f}%; background: var(--jp-brand-color1, #1976d2)"></div>'
        "</div>",
        f'<div style="margin-top: 6px">{escape(sentence(frame))}</div>',
    ]
    if frame.logs:
        state, reason = diagnosis(frame.logs)
        shown = verdict(state)
        rows.append(
            f'<div style="margin-top: 4px; padding-left: 8px; border-left: 4px solid {shown.color}">'
            f"<b>{escape(shown.title)}</b>. {escape(reason)}</div>"
        )
    rows.append(chart(frame.logs, frame.steps, frame.out_dim, sentence(frame)))
    if frame.note:
        rows.append(f"<div><b>{escape(frame.note)}</b></div>")
    font = "var(--jp-ui-font-family, system-ui, sans-serif)"
    style = f"max-width: {WIDTH}px; font: 13px/1.4 {font}; font-variant-numeric: tabular-nums; color: inherit"
    return f'<div class="dino-run" data-step="{frame.done}" style="{style}">{"".join(rows)}</div>'
