"""What Python and the page of the explorer tell each other: one trait for each thing that can be seen or chosen."""

import pathlib
from typing import Any

import anywidget
import traitlets as t

from dino_lite import Pictures
from dino_notebooks.explorer.sprites import picture
from dino_notebooks.widgets.static_twin import StaticTwin

HERE = pathlib.Path(__file__).parent
METHODS = {"pca": "PCA", "umap": "UMAP"}

AnyWidget: Any = anywidget.AnyWidget


class _Page(AnyWidget):
    """An anywidget whose MIME bundle is a dict, as that of other widgets."""

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any]:
        found: Any = super()._repr_mimebundle_(**kwargs)
        return dict(found[0] if isinstance(found, tuple) else found or {})


class ExplorerPage(StaticTwin, _Page):
    """The traits. ValueError for a row, a snapshot, a coloring or a method that there is not."""

    pictures: Pictures

    _esm = HERE / "explorer.js"
    _css = HERE / "explorer.css"

    sheet = t.Bytes().tag(sync=True)  # all pictures
    tile = t.Int(32).tag(sync=True)  # px a picture on it
    columns = t.Int(1).tag(sync=True)
    places = t.Bytes().tag(sync=True)  # little-endian float32: x y x y ...
    names = t.List(t.Unicode()).tag(sync=True)
    notes = t.List(t.Unicode()).tag(sync=True)  # the group of each picture, as far as it has one
    height = t.Int(520).tag(sync=True)
    methods = t.List(t.Unicode()).tag(sync=True)  # that there are enough pictures for
    method = t.Unicode("pca").tag(sync=True)  # asked for
    shown_method = t.Unicode("pca").tag(sync=True)  # that `places` are by
    colorings = t.List(t.Unicode()).tag(sync=True)
    color_by = t.Unicode("nothing").tag(sync=True)
    coloring = t.Dict().tag(sync=True)  # see colorings.py
    snapshots = t.List(t.Unicode()).tag(sync=True)
    snapshot = t.Unicode().tag(sync=True)
    progress = t.Unicode().tag(sync=True)  # what is being waited for
    finding = t.Unicode().tag(sync=True)  # the map in words
    selected = t.Int(None, allow_none=True).tag(sync=True)  # row of the picture that was clicked
    neighbours: Any = t.List().tag(sync=True)  # [row, cosine] of those nearest to it
    selection = t.List(t.Int()).tag(sync=True)  # rows that were lassoed

    @t.validate("selected")
    def _check_selected(self, proposal: Any) -> int | None:
        row = proposal["value"]
        if row is not None and not 0 <= row < len(self.pictures):
            raise ValueError(f"selected is a row from 0 to {len(self.pictures) - 1}, or None, got {row}.")
        return row

    @t.validate("selection")
    def _check_selection(self, proposal: Any) -> list[int]:
        wrong = [row for row in proposal["value"] if not 0 <= row < len(self.pictures)]
        if wrong:
            raise ValueError(f"selection is a list of rows from 0 to {len(self.pictures) - 1}, got {wrong[0]}.")
        return list(dict.fromkeys(proposal["value"]))

    @t.validate("snapshot", "color_by", "method")
    def _check_name(self, proposal: Any) -> str:
        trait = proposal["trait"].name
        known = getattr(self, {"snapshot": "snapshots", "color_by": "colorings", "method": "methods"}[trait])
        if known and proposal["value"] not in known:
            raise ValueError(f"{trait} must be one of {', '.join(known)}, got {proposal['value']!r}.")
        return proposal["value"]

    def _asked(self, _: Any, content: Any, buffers: Any) -> None:
        """The page wants one picture in its own size."""
        row = content.get("picture") if isinstance(content, dict) else None
        if isinstance(row, int) and 0 <= row < len(self.pictures):
            self.send({"picture": row}, [picture(self.pictures, row)])
