"""What SearchWidget searches in: pictures with names, and an index of their features."""

import copy
import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dino_lite import Dino, Pictures, VectorIndex, features, load_checkpoint, load_pictures, pretrained
from dino_lite.evaluate import background_colors
from dino_lite.scorecard import vendor_rows
from dino_notebooks.widgets.attention_network import UNTRAINED
from dino_notebooks.widgets.search_query import OwnPicture

DEEPEST = 5000  # neighbours that are ranked: all emoji; of a larger set the rest is "not among the nearest"
SURE = 0.99  # cosine of a picture in an index with itself, at least: less is another network's, or another background


@dataclass(frozen=True)
class Ranking:
    """What a search found: M pictures in the order in which they are listed.

    rows int64, cosines, and whether each shows the same as the query (`same`: its concept, or its class where there are
    no vendors) or is of its group: (M,). targets: rows of the query's concept by other vendors → rank, None beyond M.
    """

    query: int | OwnPicture
    rows: Tensor
    cosines: Tensor
    others_first: bool
    targets: dict[int, int | None]
    same: Tensor
    same_group: Tensor


class Gallery:
    """N pictures and an index of their features by a network as it is now: a copy, which learns no more.

    `by_vendor` int64 (V, C): the row of each of C concepts by each of V vendors; pictures that are not named
    "vendor/concept" have one nameless vendor. `vendor` and `concept` int64 (N,) are the way back. `group` int64 (N,)
    numbers the classes, -1 for none; `groups` has their names.
    """

    def __init__(
        self,
        model: Any,
        pictures: Pictures | None,
        kind: str = "flat",
        background: str = "white",
        pool: str = "cls",
        index: VectorIndex | None = None,
    ) -> None:
        from dino_notebooks.explorer.colorings import groups_of, notes  # the explorer is built on this package

        self.pictures = _checked(load_pictures("emoji", 64) if pictures is None else pictures)
        VectorIndex(1, kind)  # an unknown kind, or no faiss: to be said before features are computed for minutes
        self.network, self.warning = network_of(model)
        self.background, self.pool = background, pool
        self.rows = self.embed(self.pictures)  # (N, D)
        self.colors = background_colors(len(self.pictures), background)
        names = self.pictures.names
        if index is None:
            index = VectorIndex(self.rows.shape[1], kind)
            index.add(self.rows, names)
            self._place = torch.arange(len(names))  # row of the index → row of the pictures
        else:
            self._place = _places(index, names, self.rows)
        self.index = index
        self.groups, known = notes(self.pictures), groups_of(self.pictures)
        self.group = known[0] if known else torch.full((len(names),), -1)
        parts = vendor_rows(self.pictures)
        self.by_vendor = torch.stack(parts) if parts else torch.arange(len(names))[None]
        first = self.by_vendor[:, 0].tolist()
        self.vendors = [names[row].partition("/")[0] if parts else "" for row in first]
        self.concepts = [names[row].partition("/")[2] if parts else names[row] for row in self.by_vendor[0].tolist()]
        self.vendor, self.concept = torch.empty(2, len(names), dtype=torch.int64)
        for number, part in enumerate(self.by_vendor):
            self.vendor[part], self.concept[part] = number, torch.arange(len(part))

    def embed(self, pictures: Pictures | Tensor) -> Tensor:
        """Features (N, D) of pictures, or of uint8 (N, 3 or 4, H, W)."""
        return features(self.network, pictures, self.background, self.pool)

    def search(self, query: int | OwnPicture, others_first: bool) -> Ranking:
        """All other pictures, nearest first, to a depth of DEEPEST.

        query: a row, or a picture from outside. others_first: what other vendors drew before what the query's own did.
        """
        row = query if isinstance(query, int) else -1
        feature = self.embed(query.image[None]) if isinstance(query, OwnPicture) else self.rows[row : row + 1]
        cosines, found = self.index.search(feature, min(len(self.pictures), DEEPEST))
        rows = self._place[found[0]]
        order = (rows != row).nonzero()[:, 0]
        others_first = others_first and row >= 0 and len(self.vendors) > 1
        if others_first:
            order = order[(self.vendor[rows[order]] == self.vendor[row]).int().argsort(stable=True)]
        rows, cosines = rows[order], cosines[0, order]
        group = self.group[row] if row >= 0 else -1
        same_group = (self.group[rows] == group) & (group >= 0)
        targets = {} if row < 0 else {int(i): _rank(rows, i) for i in self.by_vendor[:, self.concept[row]] if i != row}
        same = torch.isin(rows, torch.tensor(list(targets))) if len(self.vendors) > 1 else same_group
        return Ranking(query, rows, cosines, others_first, targets, same, same_group)

    def title(self, row: int) -> str:
        """What a picture is called without its vendor, or without its folder."""
        name = self.concepts[int(self.concept[row])]
        return name if len(self.vendors) > 1 else name.rpartition("/")[2] or name

    def vendor_of(self, row: int) -> str:
        """Who drew it; nothing where nobody is known."""
        return self.vendors[int(self.vendor[row])]

    def said(self, row: int) -> str:
        """A picture's name in a sentence: "dog face by noto"."""
        return f"{self.title(row)} by {self.vendor_of(row)}" if len(self.vendors) > 1 else self.pictures.names[row]

    def matches(self, text: str) -> list[int]:
        """Concepts with all words of the text in their names: the same name, then what begins so, then the others."""
        text = " ".join(text.casefold().split())

        def order(concept: int) -> tuple[bool, bool, bool]:
            name = self.concepts[concept].casefold()
            return name != text, not name.startswith(text), f" {text}" not in name

        found = [i for i, name in enumerate(self.concepts) if all(word in name.casefold() for word in text.split())]
        return sorted(found, key=order) if text else found

    def row(self, name: str) -> int:
        """The row of a picture by its name; ValueError when there is none."""
        if name not in self.pictures.names:
            raise ValueError(f"No picture is called {name!r}{close_to(name, self.pictures.names)}.")
        return self.pictures.names.index(name)


def close_to(text: str, names: Sequence[str]) -> str:
    """Names that are spelled nearly so, as a question to be said after one that is not known."""
    close = difflib.get_close_matches(text, names[:DEEPEST], 3)
    return f" (did you mean {' or '.join(map(repr, close))}?)" if close else ""


def network_of(model: Any) -> tuple[nn.Module, str]:
    """A backbone of its own, and a sentence where it has learnt nothing; ValueError for what is no network.

    None: the shipped one. A Dino gives its teacher, a folder the run that it holds.
    """
    if model is None:
        return pretrained("emoji"), ""
    warning = ""
    if isinstance(model, str | Path):
        path = Path(model).expanduser()
        model = load_checkpoint(path / "checkpoint.safetensors" if path.is_dir() else path)
    if isinstance(model, Dino):
        warning = UNTRAINED if model.step == 0 else ""
        model = model.teacher
    backbone = getattr(model, "backbone", model)
    if not isinstance(backbone, nn.Module) or not hasattr(backbone, "forward_features"):
        kinds = "a Dino, a Network, a ViT, a timm ViT or a run folder"
        raise ValueError(f"model must be {kinds}, got {type(model).__name__}.")
    return copy.deepcopy(backbone), warning


def _rank(rows: Tensor, row: Tensor) -> int | None:
    """Place of a row among rows (M,), from 1 on, if it is there."""
    found = (rows == row).nonzero()
    return int(found[0, 0]) + 1 if len(found) else None


def _checked(pictures: Any) -> Pictures:
    """Pictures on the CPU; ValueError unless there are two or more, each with a name of its own."""
    if not isinstance(pictures, Pictures):
        got = type(pictures).__name__
        raise ValueError(f"pictures must be Pictures, which load_pictures makes of a folder, got {got}.")
    if len(pictures) < 2:
        raise ValueError(f"A search needs at least two pictures, one to look for and one to find, got {len(pictures)}.")
    if twice := [name for name, count in Counter(pictures.names).items() if count > 1]:
        raise ValueError(f"A picture is found by its name, but {twice[0]!r} comes twice: give each a name of its own.")
    return pictures.to("cpu")


def _places(index: Any, names: list[str], rows: Tensor) -> Tensor:
    """Row of the index → row of the pictures, int64 (N,); ValueError for an index of something else."""
    if not isinstance(index, VectorIndex):
        raise ValueError(f"index must be a VectorIndex, got {type(index).__name__}.")
    if index.dim != rows.shape[1]:
        raise ValueError(f"The index has {index.dim} features a picture, the network {rows.shape[1]}: use its own.")
    place = {name: row for row, name in enumerate(names)}
    if strangers := set(index.names) ^ place.keys():
        raise ValueError(f"The index must hold the names of the pictures and no other, unlike {min(strangers)!r}.")
    places, some = torch.tensor([place[name] for name in index.names]), torch.arange(0, len(rows), -(-len(rows) // 16))
    cosines, found = index.search(rows[some], min(len(rows), DEEPEST))
    itself = (places[found] == some[:, None]) & (cosines >= SURE)
    if itself.any(1).double().mean() < 0.5:  # a graph may miss one
        raise ValueError("The index holds other features than this network gives: add those of features(model, ...).")
    return places
