"""Search by a picture: which others a network finds most alike, and where the same by other vendors is among them.

SearchWidget()                                   the emoji, by the shipped network
SearchWidget("runs/mine", pictures, "hnsw")      your network and pictures, in an index that is a graph
widget.search("noto/dog face")                   or a picture, uint8 (3 or 4, H, W): the names and cosines that it shows
"""

from typing import Any

import ipywidgets as widgets
from torch import Tensor

from dino_lite import Pictures, VectorIndex
from dino_notebooks.widgets.controls import ChoiceControl, NumberControl, SwitchControl
from dino_notebooks.widgets.live_figure import Figure, LiveFigure, row
from dino_notebooks.widgets.ranges import Range
from dino_notebooks.widgets.search_drawing import draw_ranking
from dino_notebooks.widgets.search_gallery import Gallery, Ranking, close_to
from dino_notebooks.widgets.search_query import FindControl, OneUpload, OwnPicture, own_picture, shorten
from dino_notebooks.widgets.search_words import finding, line_of, numbers_of

MOST, MOST_LISTED = 36, 2000  # neighbours that are shown, names in a menu
FIRST = "noto/dog face"  # the query to begin with, where there is one
UPLOADED = "upload"  # its value in the menu of pictures


class SearchWidget(LiveFigure):
    """A picture and its k nearest neighbours by a network's features. `results` holds their names and cosines.

    model: a `Dino` (its teacher), a `Network`, a `ViT`, a plain timm ViT, or a run's folder; None is the shipped one.
    pictures: two or more `Pictures`; None is the emoji. kind: of the index, "flat" or "hnsw". background: behind alpha,
    "white" or "random". k: 1 to 36. query: the name of a picture. index: a ready `VectorIndex` of the features under
    the pictures' names. pool: as in `features`. Where pictures are called "vendor/concept", what other vendors drew
    comes first; `ranks` says where the query's concept is. After more training call `look_again()`. ValueError else.
    """

    def __init__(
        self,
        model: Any = None,
        pictures: Pictures | None = None,
        kind: str = "flat",
        background: str = "white",
        k: int = 12,
        query: str | None = None,
        index: VectorIndex | None = None,
        pool: str = "cls",
    ) -> None:
        if not isinstance(k, int) or isinstance(k, bool) or not 1 <= k <= MOST:
            raise ValueError(f"k must be a whole number from 1 to {MOST}, the neighbours that are shown, got {k!r}.")
        self._model, self._kind = model, kind
        self.gallery = Gallery(model, pictures, kind, background, pool, index)
        names = self.gallery.pictures.names
        first = names.index(FIRST) if FIRST in names else 0
        self._query: int | OwnPicture = first if query is None else self.gallery.row(query)
        self._own: OwnPicture | None = None  # the last one
        self._ranking: Ranking | None = None
        self._quiet = False  # while controls are changed from here
        self._make_controls(k)
        look, then, list_ = [self.find, self.picture_menu], [self.upload, self.onward_menu], [self.k]
        if len(self.gallery.vendors) > 1:
            look, list_ = [*look, self.vendor_menu], [*list_, self.others_first]
        boxes = [widgets.VBox(controls, layout={"overflow": "visible"}) for controls in (look, then, list_)]
        super().__init__([row(*boxes)])

    @property
    def results(self) -> list[tuple[str, float]]:
        """The neighbours in the order in which they are listed: name, cosine."""
        found, k = self._ranking, round(self.k.value)
        pairs = zip(found.rows[:k].tolist(), found.cosines[:k].tolist(), strict=True) if found else ()
        return [(self.gallery.pictures.names[row], cosine) for row, cosine in pairs]

    @property
    def ranks(self) -> dict[str, int | None]:
        """The query's concept by other vendors: name → its place in the whole list, from 1 on; None: far down."""
        targets = self._ranking.targets if self._ranking else {}
        return {self.gallery.pictures.names[row]: rank for row, rank in targets.items()}

    def search(self, query: str | Tensor) -> list[tuple[str, float]]:
        """Look for a picture by its name, or for another, uint8 (3 or 4, H, W); `results` of it, or ValueError."""
        if isinstance(query, str):
            self._go_to(self.gallery.row(query))
        else:
            self._go_to(own_picture(query, "your picture", self._side))
        return self.results

    def look_again(self) -> None:
        """Ask the network anew, after more training."""
        old = self.gallery
        self.gallery = Gallery(self._model, old.pictures, self._kind, old.background, old.pool)
        self.refresh()

    def figure(self) -> Figure:
        """A search as the controls are set."""
        found = self.gallery.search(self._query, self.others_first.box.value)
        self._ranking, k = found, round(self.k.value)
        drawing = draw_ranking(self.gallery, found, k, finding(self.gallery, found, k))
        return Figure(drawing, numbers_of(self.gallery, found, k), line_of(self.gallery, found, k))

    def refresh(self, _: Any = None) -> None:
        """Search and draw anew; what was found is offered as the next query."""
        with self._lock:
            super().refresh()
            rows = self._ranking.rows[: round(self.k.value)].tolist() if self._ranking else []
            offers = {str(i): f"{rank}. {self.gallery.said(i)}" for rank, i in enumerate(rows, start=1)}
            self._show(self.onward_menu, {"": "a neighbour …"} | offers, "")

    def _make_controls(self, k: int) -> None:
        gallery = self.gallery
        self.find = FindControl(self._typed)
        options, value = self._options(gallery.matches(""))
        self.picture_menu = ChoiceControl("picture", options, "What is looked for.", value, self._picked)
        vendors = {str(i): vendor for i, vendor in enumerate(gallery.vendors)}
        self.vendor_menu = ChoiceControl("drawn by", vendors, "Others drew the same.", self._vendor, self._picked)
        self._side = max(gallery.pictures.images.shape[-2:])  # px
        self.upload = OneUpload(lambda file: self._go_to(own_picture(file.picture, file.name, self._side)))
        most = max(2, min(MOST, len(gallery.pictures) - 1))  # a slider needs two ends
        self.k = NumberControl(Range("k", "k", "neighbours", 1, most, scale="whole"), k, self.refresh)
        words = "Its own vendor's then have a line of their own."
        self.others_first = SwitchControl("other vendors first", words, len(gallery.vendors) > 1, self.refresh)
        self.onward_menu = ChoiceControl("go on from", {"": ""}, "Look for what was found.", "", self._went_on)

    # What people do; messages may come in any thread.

    def _typed(self, text: str) -> str:
        """Look for the first picture with this text in its name; what to say about it. ValueError for none."""
        found = self.gallery.matches(text)
        if not found:
            raise ValueError(f"No name holds {shorten(text, 40)!r}{close_to(text, self.gallery.concepts)}.")
        with self._lock:
            if text:
                self._query = int(self.gallery.by_vendor[int(self._vendor), found[0]])
            self._show_query(found)
        self.refresh()
        return (f"{len(found):,} names hold it." if len(found) > 1 else "One name holds it.") if text else ""

    def _picked(self, _: Any) -> None:
        with self._lock:
            if self._quiet:
                return
            concept = self.picture_menu.menu.value
            if concept != UPLOADED:
                self._query = int(self.gallery.by_vendor[int(self.vendor_menu.menu.value), int(concept)])
            elif self._own:
                self._query = self._own
            self._settle()
        self.refresh()

    def _went_on(self, value: str) -> None:
        with self._lock:
            if not self._quiet and value:
                self._go_to(int(value))

    # The controls follow.

    def _go_to(self, query: int | OwnPicture) -> None:
        with self._lock:
            self._query = query
            if isinstance(query, OwnPicture):
                self._own = query
            self.find.clear()
            self._show_query(self.gallery.matches(""))
        self.refresh()

    def _show_query(self, concepts: list[int]) -> None:
        """The menus, with these concepts to choose from, stand on the query."""
        self._show(self.picture_menu, *self._options(concepts))
        if isinstance(self._query, int):
            self.vendor_menu.show(self._vendor)
        self._settle()

    def _show(self, control: ChoiceControl, options: dict[str, str], value: str) -> None:
        self._quiet = True
        with control.menu.hold_sync():
            control.menu.options = [(shown, name) for name, shown in options.items()]
            control.menu.value = value
        self._quiet = False

    def _options(self, concepts: list[int]) -> tuple[dict[str, str], str]:
        """What the menu of pictures offers, value → words, and the value that is the query's."""
        gallery, query = self.gallery, self._query
        there = len(concepts) == len(gallery.concepts) or isinstance(query, OwnPicture)
        upload = {UPLOADED: f"upload: {self._own.name}"} if self._own and there else {}
        value = UPLOADED if isinstance(query, OwnPicture) else str(int(gallery.concept[query]))
        listed = concepts[:MOST_LISTED]
        if value != UPLOADED and int(value) not in listed:
            listed = [int(value), *listed]
        return upload | {str(i): gallery.concepts[i] for i in listed}, value

    @property
    def _vendor(self) -> str:
        """The vendor of the query, or of the last one that had any."""
        query = self._query
        return self.vendor_menu.menu.value if isinstance(query, OwnPicture) else str(int(self.gallery.vendor[query]))

    def _settle(self) -> None:
        """Nobody is known to have drawn an upload; what was wrong with another file is past."""
        self.upload.rest()
        for control in (self.vendor_menu, self.others_first):
            control.lock(isinstance(self._query, OwnPicture))
