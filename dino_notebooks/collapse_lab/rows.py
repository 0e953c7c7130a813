"""The rows of controls of `CollapseLab`: transport and scenes, rewind and futures, the run as text and as files."""

import html
from collections.abc import Callable

import ipywidgets as widgets

from dino_notebooks.session.scenes import SCENES, Scene
from dino_notebooks.session.snapshot import Snapshot
from dino_notebooks.widgets.controls import note

RATES = {"as fast as it goes": None, "5 steps a second": 5.0, "1 step a second": 1.0}
ROW = {"flex_flow": "row wrap", "align_items": "center", "margin": "2px 0"}


def button(words: str, tooltip: str, pressed: Callable[[], None], icon: str = "") -> widgets.Button:
    """A button that is as wide as its words."""
    made = widgets.Button(description=words, tooltip=tooltip, icon=icon, layout={"width": "auto"})
    made.on_click(lambda _: pressed())
    return made


class Transport(widgets.VBox):
    """Play, step, restart, stop, speed; and the scenes, with what to watch in the one that was chosen."""

    def __init__(self, wanted: dict[str, Callable[..., None]]) -> None:
        self.play = button("Play", "let the run go on", lambda: wanted["play"](not self._playing), "play")
        self.step = button("Step", "make one step", wanted["step"], "step-forward")
        self.restart = button("Restart", "same seed, from step 0, the knobs as they are", wanted["restart"], "refresh")
        self.stop = button("Stop", "end the run, and leave the picture", wanted["stop"], "stop")
        self.rate = widgets.Dropdown(options=RATES, description="speed", layout={"width": "230px"})
        self.rate.observe(lambda change: wanted["rate"](change["new"]), "value")
        names = [(f"{'✓' if each.good else '✗'} {each.name}", each.name) for each in SCENES]
        self.scene = widgets.Dropdown(
            options=[("choose one …", None), *names], description="scene", layout={"width": "330px"}
        )
        self.scene.observe(lambda change: wanted["scene"](change["new"]) if change["new"] else None, "value")
        for labelled in (self.rate, self.scene):
            labelled.style.description_width = "initial"
        self.words = note("")
        self._playing = False
        buttons = widgets.HBox([self.play, self.step, self.restart, self.stop, self.rate, self.scene], layout=ROW)
        super().__init__([buttons, self.words])

    def show(self, playing: bool, over: bool) -> None:
        """Name the play button by what it does next; after the end only a restart is left."""
        self._playing = playing
        self.play.description, self.play.icon = ("Pause", "pause") if playing else ("Play", "play")
        for part in (self.play, self.step, self.stop, self.rate, self.scene):
            part.disabled = over

    def explain(self, scene: Scene | None) -> None:
        """The words of a scene; None: a knob was moved since, and the menu names no scene any more."""
        if scene is None:
            self.scene.value = None
            return
        source = f" ({html.escape(scene.source)})" if scene.source else ""
        self.words.value = note(
            f"<b>{html.escape(scene.name)}</b>: {html.escape(scene.what)}{source} "
            f"<b>Watch:</b> {html.escape(scene.watch)}"
        ).value


class FutureControls(widgets.VBox):
    """Back to a checkpoint, and on with a future that was left behind."""

    def __init__(self, rewind: Callable[[int], None], switch: Callable[[str], None]) -> None:
        self.to = widgets.BoundedIntText(0, min=0, max=10**6, description="back to step", layout={"width": "200px"})
        self.rewind = button(
            "Rewind", "to that step, or to the last checkpoint before it", lambda: rewind(self.to.value), "backward"
        )
        self.before = button(
            "Before the last change",
            "back to where a knob was moved last",
            lambda: rewind(self._last_change),
            "step-backward",
        )
        self.future = widgets.Dropdown(options=[], description="futures", layout={"width": "290px"})
        self.switch = button(
            "Go on with it",
            "take up a future that was left behind",
            lambda: switch(self.future.value) if self.future.value else None,
            "code-fork",
        )
        self.words = note("")
        for labelled in (self.to, self.future):
            labelled.style.description_width = "initial"
        self._last_change, self._other = 0, widgets.HBox([self.future, self.switch])
        super().__init__([widgets.HBox([self.to, self.rewind, self.before, self._other], layout=ROW), self.words])

    def show(self, snapshot: Snapshot, over: bool) -> None:
        """What there is to go back to."""
        earlier = [change.step for change in snapshot.now.changes]
        self._last_change = earlier[-1] if earlier else 0
        options = [(f"{each.name}, left at step {len(each.logs)}", each.name) for each in snapshot.others]
        if tuple(options) != tuple(self.future.options):
            self.future.options = options
            self.future.value = options[-1][1] if options else None  # the one left last
        self._other.layout.display = None if options else "none"
        nothing = over or not snapshot.checkpoints
        for part in (self.rewind, self.before, self.switch):
            part.disabled = nothing
        self.before.disabled = nothing or not earlier
        at = ", ".join(map(str, snapshot.checkpoints[-8:]))
        more = "…, " if len(snapshot.checkpoints) > 8 else ""
        words = "A rewind undoes what was changed from that step on; the old future stays on the charts. "
        self.words.value = note(f"{words}Far back it goes to the last checkpoint before: {more}{at}.").value


class RunText(widgets.Accordion):
    """The run as a line of text, out and in, and as files. `actions`: replay(line), line() and files() as HTML."""

    def __init__(self, replay: Callable[[str], None], line: Callable[[], str], files: Callable[[], str]) -> None:
        self.area = widgets.Textarea(
            placeholder="dino-run/1 lab seed=0 steps=200; 100 centering=off",
            rows=3,
            layout={"width": "100%", "margin": "0 0 4px 0"},
        )
        self.write = button("Write this run", "put the run line into the field", self._guard(self._write(line)), "edit")
        self.replay = button(
            "Replay what is written",
            "begin the run of the line in the field",
            self._guard(lambda: replay(self.area.value)),
            "repeat",
        )
        self.files = button(
            "Files", "metrics as CSV, the panel as SVG and PNG", self._guard(self._links(files)), "save"
        )
        self.message = widgets.HTML()
        words = note(
            "A run is its seed and the list of its changes: whoever pastes the line here gets the same numbers. "
            "CSV holds every step of every future."
        )
        buttons = widgets.HBox([self.write, self.replay, self.files], layout=ROW)
        super().__init__([widgets.VBox([words, self.area, buttons, self.message])], selected_index=None)
        self.set_title(0, "The run as a line of text, and as files")

    def _write(self, line: Callable[[], str]) -> Callable[[], None]:
        def write() -> None:
            self.area.value = line()

        return write

    def _links(self, files: Callable[[], str]) -> Callable[[], None]:
        def show() -> None:
            self.message.value = files()

        return show

    def _guard(self, what: Callable[[], None]) -> Callable[[], None]:
        """Carry it out; what is wrong with the input is said here, in a sentence."""

        def guarded() -> None:
            self.message.value = ""
            try:
                what()
            except ValueError as error:
                self.message.value = f'<div role="alert"><b>{html.escape(str(error))}</b></div>'

        return guarded


def folded(trace: str) -> str:
    """A traceback, folded."""
    body = f'<pre style="white-space: pre-wrap; font-size: 11px">{html.escape(trace)}</pre>'
    return f"<details><summary>For whoever mends it: the traceback</summary>{body}</details>" if trace else ""
