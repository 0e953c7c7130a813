"""`Explorer(features, pictures)`: a map of an embedding to walk about in.

    Explorer()                                          the shipped model: three snapshots of its training
    Explorer(rows, pictures)                            features (N, D), a Dino, a network or a run folder
    Explorer(CollapseLab(), pictures)                   moves while the lab trains
    Explorer({"step 0": a, "step 600": b}, pictures)    snapshots of a training run: the pictures glide
    explorer.selected, explorer.neighbours              the picture that was clicked, and what is nearest to it
    explorer.selection, explorer.chosen()               what was lassoed: rows, and the pictures

Everything that can be seen is in a trait, so what Python sets is shown and what the page sets can be observed.
"""

import copy
import threading
from typing import Any

import numpy as np
from torch import Tensor

from dino_lite import Pictures, load_pictures
from dino_notebooks.explorer.alike import Agreement, agreement, clusters, neighbours
from dino_notebooks.explorer.background import Background
from dino_notebooks.explorer.colorings import colorings, groups_of, notes
from dino_notebooks.explorer.follow import Follower, is_lab, snapshot_name
from dino_notebooks.explorer.page import METHODS, ExplorerPage
from dino_notebooks.explorer.places import as_bytes, pca_places, require_spread, turned, umap_places
from dino_notebooks.explorer.sources import features_by_name
from dino_notebooks.explorer.sprites import sheet
from dino_notebooks.machine import one_thread, somebody_watches, steps
from dino_notebooks.plots.places import FEWEST, LOCK

NEIGHBOURS = 11  # fill a row of an ordinary notebook
EMOJI_SIZE = 64  # px, as they are in the package
FULL = 600  # steps; fewer in fast mode, which has no time for a UMAP


class Explorer(ExplorerPage):
    """The map. It begins as a PCA; a UMAP follows from a thread of its own when it is ready.

    source: features (N, D), or a Dino, network or run folder to compute them with; a dict of these: snapshots, of which
    the last is shown first; a `Recording` (the shipped one for None); or a CollapseLab to follow. pictures: the emoji
    for None. method: "umap" or "pca". color_by: "group", "vendor", "cluster"
    or "nothing", by itself the first that there is. height: of the map, px. ValueError, one sentence, for what is no
    map.
    """

    _follower: Follower | None = None  # here, since one that was refused by __init__ is closed too

    def __init__(
        self,
        source: Any = None,
        pictures: Pictures | None = None,
        method: str = "umap",
        color_by: str | None = None,
        height: int = 520,
        seed: int = 0,
    ) -> None:
        if method not in METHODS:
            raise ValueError(f'method must be "umap" or "pca", got {method!r}.')
        if pictures is None:
            pictures = load_pictures("emoji", EMOJI_SIZE)
        if len(pictures) < 2:
            raise ValueError("A map needs at least two pictures, got one.")
        self.pictures, self.seed = pictures, seed
        lab = source if is_lab(source) else None
        if lab is not None:
            source = {snapshot_name(lab.session.step): copy.deepcopy(lab.session.dino.teacher)}
        self.rows: dict[str, Tensor] = features_by_name(source, pictures)  # features by snapshot
        last = list(self.rows)[-1]
        first = pca_places(self.rows[last])  # refuses features that are all the same
        self._changing = threading.RLock()  # callbacks and UMAP come in threads of their own
        self._known: dict[tuple[str, str], np.ndarray] = {(last, "pca"): first}
        self._clusters: dict[str, Tensor] = {}
        self._coming: tuple[str, str] | None = None  # the map that the thread computes, or will next
        self._at, self._background = first, Background(self._failed)
        self._meanings = colorings(pictures, self._cluster_numbers)
        names = list(self._meanings)
        if color_by is not None and color_by not in names:
            raise ValueError(f"color_by must be one of {', '.join(names)}, got {color_by!r}.")
        enough = len(pictures) >= FEWEST
        drawn, px, columns = sheet(pictures)
        super().__init__(
            sheet=drawn,
            tile=px,
            columns=columns,
            places=as_bytes(first),
            names=pictures.names,
            notes=notes(pictures),
            height=height,
            methods=[name for name in METHODS if enough or name == "pca"],
            method=method if enough else "pca",
            colorings=names,
            snapshots=list(self.rows),
            snapshot=last,
        )
        self.color_by = color_by or names[0]
        self.coloring = self._meanings[self.color_by]()
        self.finding = self._words()
        self.observe(self._moved, ["snapshot", "method"])
        self.observe(self._recolored, "color_by")
        self.observe(self._clicked, "selected")
        self.on_msg(self._asked)
        if lab is not None:
            self.follow(lab)
        if somebody_watches():
            self._place()

    def chosen(self) -> Pictures:
        """The pictures of `selection`; ValueError when it is empty."""
        if not self.selection:
            raise ValueError("Nothing is selected yet: drag with Shift held down around some pictures of the map.")
        return self.pictures[self.selection]

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until the map that was asked for is on show; whether it is."""
        self._place()
        return self._background.wait(seconds)

    def add_snapshot(self, name: str, source: Any) -> None:
        """Add a snapshot, or replace one, and go to it: the pictures glide there."""
        rows = features_by_name(source, self.pictures)["features"]
        with self._changing:
            self._put(name, rows)
            self._go_to(name)

    def follow(self, lab: Any, seconds: float = 2.0) -> None:
        """Add a snapshot every so many seconds while a CollapseLab trains; `unfollow` ends it."""
        self.unfollow()
        self._follower = Follower(self, lab, seconds)

    def unfollow(self) -> None:
        """Follow no lab any more."""
        if self._follower is not None:
            self._follower.stop()
        self._follower = None

    def go_on(self, name: str, rows: Tensor, keep: list[str]) -> None:
        """A run that is followed has come to a new snapshot: go there, unless somebody looks at an older one."""
        with self._changing:
            at_end = self.snapshot == list(self.rows)[-1] or self.snapshot not in keep
            for other in [other for other in self.rows if other not in keep]:
                del self.rows[other]
                self._forget(other)
            self._put(name, rows)
            if at_end:
                self._go_to(name)
            self.snapshots = list(self.rows)

    def complain(self, reason: str) -> None:
        """Say on the map why it does not go on."""
        self.progress = f"No map: {reason}"

    def close(self) -> None:
        """End the widget, and what it follows."""
        self.unfollow()
        super().close()

    def static_html(self) -> str:
        """The map as it stands, as a picture, and what it shows in words."""
        from dino_notebooks.explorer.still import still

        if not somebody_watches() and steps(FULL) == FULL:
            self.wait()
        return still(self._at, (bytes(self.sheet), self.tile, self.columns), self.coloring, self.finding)

    def sentence(self) -> str:
        """The map in a line of text."""
        return f"Explorer: {self.finding}"

    # What is asked for: from Python, or by the page, whose messages may come in any thread.

    def _moved(self, change: Any) -> None:
        with self._changing:
            if change["name"] == "snapshot":
                self._show_snapshot()
            else:
                self._place()

    def _recolored(self, change: Any) -> None:
        with self._changing:
            self.coloring = self._meanings[self.color_by]()

    def _clicked(self, change: Any) -> None:
        with self._changing:
            row = self.selected
            found = [] if row is None else neighbours(self.rows[self.snapshot], row, NEIGHBOURS)
            self.neighbours = [[other, round(cosine, 4)] for other, cosine in found]

    # The map.

    def _show_snapshot(self) -> None:
        self._place()
        self._clicked(None)
        if self.color_by == "cluster":
            self._recolored(None)

    def _place(self) -> None:
        """Show the map that is asked for, or begin to compute it."""
        with self._changing:
            key, rows = (self.snapshot, self.method), self.rows[self.snapshot]
            if key == self._coming:
                return
            self._background.drop()
            self._coming = None
            if key not in self._known:
                try:
                    require_spread(rows)
                except ValueError as error:  # one snapshot of several may have collapsed
                    self.progress = f"No map: {error}"
                    return
            if key not in self._known and self.method == "pca":
                self._known[key] = turned(pca_places(rows), self._at)
            if key in self._known:
                self._show(key)
                return
            self.progress = _waiting(len(self.pictures))
            start, warm, self._coming = self._at, self.shown_method == "umap", key
            self._background.do(lambda: self._compute(key, rows, start, warm))

    def _put(self, name: str, rows: Tensor) -> None:
        self.rows[name] = rows
        self._forget(name)
        self._coming = None
        self.snapshots = list(dict.fromkeys([*self.snapshots, name]))

    def _go_to(self, name: str) -> None:
        if self.snapshot == name:
            self._show_snapshot()  # under its old name it has other features
        else:
            self.snapshot = name

    def _forget(self, name: str) -> None:
        """What was made of the snapshot's features."""
        self._clusters.pop(name, None)
        for method in METHODS:
            self._known.pop((name, method), None)

    def _compute(self, key: tuple[str, str], rows: Tensor, start: np.ndarray, warm: bool) -> None:
        """In the thread: a UMAP, which is shown unless something else is wanted by then."""
        found = self._known[key] if key in self._known else umap_places(rows, start, warm, self.seed)
        with self._changing:
            self._coming = None if self._coming == key else self._coming
            if self.rows.get(key[0]) is rows:
                self._known[key] = found
                if (self.snapshot, self.method) == key:
                    self._show(key)

    def _show(self, key: tuple[str, str]) -> None:
        self._at, self.progress = self._known[key], ""
        with self.hold_sync():
            self.places, self.shown_method = as_bytes(self._at), key[1]
            self.finding = self._words()

    def _failed(self, reason: str) -> None:
        self._coming = None
        self.progress = f"No UMAP: {reason}"

    def _cluster_numbers(self) -> Tensor:
        if self.snapshot not in self._clusters:
            with one_thread():
                self._clusters[self.snapshot] = clusters(self.rows[self.snapshot], seed=self.seed)
        return self._clusters[self.snapshot]

    def _words(self) -> str:
        """What the map shows, in a sentence or two."""
        rows = self.rows[self.snapshot]
        at = f", {self.snapshot}" if len(self.rows) > 1 else ""
        said = f"{METHODS[self.shown_method]} of {len(rows)} pictures by {rows.shape[1]} features{at}."
        known = groups_of(self.pictures)
        found: Agreement | None = None
        if known is not None:
            with one_thread():
                found = agreement(rows, known[0])
        if found is not None:
            said += f" The nearest neighbour is of the same group for {found.share:.0%}, by chance {found.chance:.0%}."
        return said


def _waiting(count: int) -> str:
    """The line while a UMAP is being computed."""
    if LOCK.locked():
        return "UMAP waits for another one to finish; the map stays as it is until then."
    return f"UMAP of {count} pictures is being computed; the map stays as it is until then."
