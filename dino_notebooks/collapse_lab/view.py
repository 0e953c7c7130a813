"""What `CollapseLab` looks like: its rows of widgets, and how a moment of a run is shown in them."""

import html
import time
from collections.abc import Callable, Iterable

import ipywidgets as widgets

from dino_lite.knobs import Knobs
from dino_notebooks.collapse_lab.export import link, metrics_csv
from dino_notebooks.collapse_lab.knobs import KnobPanel
from dino_notebooks.collapse_lab.rows import FutureControls, RunText, Transport, folded
from dino_notebooks.meters import banner, page, sheet
from dino_notebooks.session.drivers import Driver
from dino_notebooks.session.run_line import Run
from dino_notebooks.session.snapshot import Snapshot
from dino_notebooks.widgets.static_twin import StaticTwin

SPOKEN_SECONDS = 5.0  # between two sentences for a screen reader
FOOTER = (
    "Training goes on in the background while you run other cells. The toolbar's ■ does not stop it, Pause and Stop "
    "do; it pauses by itself when the page is closed, or nobody touches it for ten minutes. "
    "<b>Kernel restarted, or nothing reacts? Run this cell again.</b>"
)


class LabView(StaticTwin, widgets.VBox):
    """The widgets of the panel.

    wanted: what to call for turn, play, step, restart, stop, rate, scene, rewind, switch and replay.
    hide, lock: names of knobs that are not shown, or cannot be changed.
    """

    def __init__(
        self,
        usual: Knobs,
        snapshot: Snapshot,
        wanted: dict[str, Callable[..., None]],
        hide: Iterable[str],
        lock: Iterable[str],
    ) -> None:
        self.snapshot, self._spoken, self._run = snapshot, 0.0, ("lab", 0)
        self._replaying = False  # a run line moves the knobs
        self.knobs = KnobPanel(usual, wanted["turn"], hide, lock)
        self.transport = Transport(wanted)
        self.futures = FutureControls(wanted["rewind"], wanted["switch"])
        self.text = RunText(wanted["replay"], self.line, self.files)
        self.banner, self.status, self.trace = widgets.HTML(), widgets.HTML(), widgets.HTML()
        self.charts = widgets.HTML()
        self.spoken = widgets.HTML(layout={"height": "1px", "overflow": "hidden", "margin": "0"})
        self.clock = widgets.Play(min=0, max=2**31 - 1, layout={"display": "none"})  # the browser's sign of life
        self.clock._view_count = 0  # asks the browser to count, so that one knows when the panel is on show
        foot = widgets.HTML(f'<div style="opacity: 0.75; font-size: 11.5px; line-height: 1.4">{FOOTER}</div>')
        # Side by side where both have room; else the knobs lie above, in as many columns as fit.
        right = widgets.VBox([self.charts, self.futures, self.text, foot], layout={"flex": "24 1 564px"})
        self.knobs.layout.flex = "1 1 240px"
        main = widgets.HBox([self.knobs, right], layout={"flex_flow": "row wrap"})
        rows = [self.banner, self.transport, self.status, self.trace, main]
        super().__init__([*rows, self.spoken, self.clock], layout={"max_width": "1280px"})
        self.add_class("dino-collapse-lab")

    def show(self, snapshot: Snapshot, driver: Driver) -> None:
        """Show a moment of the run, and how the driver is doing."""
        self.snapshot, self._run = snapshot, (driver.session.recipe, driver.session.seed)
        if driver.session.planned or self._replaying:  # otherwise a person may be holding a knob right now
            self.knobs.show(snapshot.knobs)
        self._replaying = driver.session.planned
        self.banner.value, self.charts.value = banner(snapshot), page(snapshot)
        where = html.escape(f"{pace(driver)} · recipe {driver.session.recipe}, seed {driver.session.seed}")
        self.status.value = f'<div class="dino-status" data-step="{snapshot.step}">{where}</div>'
        self.trace.value = folded(driver.trace)
        self.transport.show(driver.playing, driver.over)
        self.futures.show(snapshot, driver.over)
        now = time.perf_counter()
        if now - self._spoken >= SPOKEN_SECONDS or not driver.playing:
            self._spoken = now
            self.spoken.value = f'<div aria-live="polite">{html.escape(self.sentence())}</div>'

    def line(self) -> str:
        """The run line of what is on show."""
        return Run(*self._run, self.snapshot.step, self.snapshot.now.changes).line()

    def files(self) -> str:
        """Links to what is on show, as files."""
        recipe, seed = self._run
        stem, drawing = f"dino-{recipe}-seed{seed}-step{self.snapshot.step}", sheet(self.snapshot)
        links = (
            link(f"{stem}.csv", "text/csv", metrics_csv(self.snapshot).encode()),
            link(f"{stem}.svg", "image/svg+xml", drawing.svg().encode()),
            link(f"{stem}.png", "image/png", drawing.png()),
        )
        return f"Save: {' · '.join(links)}"

    def static_html(self) -> str:
        """The panel as it stands, as one drawing."""
        return sheet(self.snapshot).svg()

    def sentence(self) -> str:
        """The state in a line of text."""
        return f"Collapse lab, step {self.snapshot.step}, {self.snapshot.diagnosis}: {self.snapshot.reason}"


def pace(driver: Driver) -> str:
    """How fast the run goes, or why it stands still."""
    if driver.over:
        return "stopped: Restart begins again from step 0"
    if driver.playing:
        return f"{driver.per_second:.0f} steps/s" if driver.per_second else "running"
    return driver.note or "paused"
