"""The drawing of SearchWidget: the query, beside it what should be found, below it what is found."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from dino_lite.evaluate import background_colors, composite
from dino_notebooks.drawing import GREEN, INK, Drawing
from dino_notebooks.drawing.axes import PALE, SMALL
from dino_notebooks.widgets.live_figure import WIDTH
from dino_notebooks.widgets.search_gallery import Gallery, Ranking
from dino_notebooks.widgets.search_query import OwnPicture, shorten

COLUMNS, GAP = 6, 10.0
SIDE = (WIDTH - (COLUMNS - 1) * GAP) / COLUMNS  # px, of a tile
LARGE, TOP = 140.0, 22.0  # px, of the query, and where it begins
TARGETS = 3  # the column where they begin
STEP = 13.5  # px, from a line of words to the next
FINER = 2  # px of a picture for one of the drawing, at most
LETTERS, WORDS, LARGE_LETTERS = 15, 16, 22  # on a line: a name, what else is below a tile, beside the query
WHITE = "#ffffff"


@dataclass(frozen=True)
class Tile:
    """A picture as its PNG, words above its left and right end, lines below it, and whether it shows the same."""

    png: bytes
    above: tuple[str, str]
    below: list[str]
    same: bool = False


def draw_ranking(gallery: Gallery, ranking: Ranking, k: int, title: str) -> Drawing:
    """The query, the same by others, the k nearest, and the nearest of its own vendor where others come first."""
    shown = list(range(min(k, len(ranking.rows))))
    heading = "nearest, other vendors first" if ranking.others_first else "nearest"
    rows = [(heading, [_found(gallery, ranking, place, place + 1) for place in shown])]
    if ranking.others_first and isinstance(ranking.query, int):
        vendor = gallery.vendor[ranking.query]
        own = (gallery.vendor[ranking.rows] == vendor).nonzero()[:, 0].tolist()
        few = [(place, rank) for rank, place in enumerate(own, start=1) if place >= len(shown)][:COLUMNS]
        if few:
            heading = f"nearest by {gallery.vendors[int(vendor)]} itself"
            rows.append((heading, [_found(gallery, ranking, place, rank) for place, rank in few]))
    targets = [_target(gallery, ranking, row) for row in list(ranking.targets)[: COLUMNS - TARGETS]]
    top = TOP + LARGE + 28
    height = top + sum(_height(tiles) + 26 for _, tiles in rows)
    drawing = Drawing(WIDTH, height + (0 if targets or ranking.same.any() else -20), title)
    _draw_query(drawing, gallery, ranking.query)
    if targets:
        drawing.text(_left(TARGETS), 14, "the same by others, with their ranks", size=12, bold=True)
        for column, tile in enumerate(targets, start=TARGETS):
            _draw_tile(drawing, _left(column), TOP - 2, tile)
    for heading, tiles in rows:
        drawing.text(0, top, heading, size=12, bold=True)
        _draw_tiles(drawing, top + 4, tiles)
        top += _height(tiles) + 26
    if targets or ranking.same.any():
        _draw_mark(drawing, 0, height - 21)
        drawing.text(22, height - 10, "the same by another vendor" if targets else "of the same class", size=SMALL)
    return drawing


def thumbnail(image: Tensor, color: Tensor, side: float) -> bytes:
    """The PNG of a picture uint8 (3 or 4, H, W) over a colour (3,), no larger than a place of side px needs."""
    pixels = composite(image[None], color[None])[0].mul(255).round().to(torch.uint8)
    picture = Image.fromarray(pixels.permute(1, 2, 0).contiguous().numpy())
    longer = max(picture.size)
    square = Image.new("RGB", (longer, longer), WHITE)
    square.paste(picture, ((longer - picture.width) // 2, (longer - picture.height) // 2))
    square.thumbnail((round(FINER * side),) * 2)
    file = io.BytesIO()
    square.save(file, "png", compress_level=1)
    return file.getvalue()


def wrapped(words: str, letters: int) -> list[str]:
    """The words on at most two lines."""
    return textwrap.wrap(words, letters, max_lines=2, placeholder="…") or [""]


def _found(gallery: Gallery, ranking: Ranking, place: int, rank: int) -> Tile:
    """The tile of what is at a place of the list, from 0 on."""
    row = int(ranking.rows[place])
    words = [shorten(part, WORDS) for part in (gallery.vendor_of(row), gallery.groups[row]) if part]
    return Tile(
        thumbnail(gallery.pictures.images[row], gallery.colors[row], SIDE),
        (str(rank), f"{float(ranking.cosines[place]):.2f}"),
        wrapped(gallery.title(row), LETTERS) + words,
        bool(ranking.same[place]),
    )


def _target(gallery: Gallery, ranking: Ranking, row: int) -> Tile:
    """The tile of the query's concept by another vendor, however far down the list it is."""
    rank = ranking.targets[row]
    above = (str(rank), f"{float(ranking.cosines[rank - 1]):.2f}") if rank else ("far", "")
    png = thumbnail(gallery.pictures.images[row], gallery.colors[row], SIDE)
    return Tile(png, above, [shorten(gallery.vendor_of(row), WORDS)], True)


def _draw_query(drawing: Drawing, gallery: Gallery, query: int | OwnPicture) -> None:
    """The picture that was looked for, large, as the network gets it."""
    if isinstance(query, int):
        words = [*wrapped(gallery.title(query), LARGE_LETTERS), gallery.vendor_of(query), gallery.groups[query]]
        png = thumbnail(gallery.pictures.images[query], gallery.colors[query], LARGE)
    else:
        words = [*wrapped(query.name, LARGE_LETTERS), "your upload"]
        png = thumbnail(query.image, background_colors(1, gallery.background)[0], LARGE)
    drawing.text(0, 14, "looked for", size=12, bold=True)
    drawing.picture(0, TOP, LARGE, LARGE, png)
    _edge(drawing, 0, TOP, LARGE, INK, 1.0, 0.3)
    for place, line in enumerate(filter(None, words)):
        drawing.text(LARGE + 10, TOP + 12 + place * 17, shorten(line, LARGE_LETTERS), size=12, bold=not place)


def _left(column: int) -> float:
    return column * (SIDE + GAP)


def _lines(tiles: Sequence[Tile]) -> list[tuple[Sequence[Tile], float]]:
    """Tiles in rows of COLUMNS, and the height of each row, which depends on its longest words."""
    rows = [tiles[i : i + COLUMNS] for i in range(0, len(tiles), COLUMNS)]
    return [(row, 17 + SIDE + max(len(tile.below) for tile in row) * STEP + 10) for row in rows]


def _height(tiles: Sequence[Tile]) -> float:
    return sum(height for _, height in _lines(tiles))


def _draw_tiles(drawing: Drawing, y: float, tiles: Sequence[Tile]) -> None:
    for line, height in _lines(tiles):
        for column, tile in enumerate(line):
            _draw_tile(drawing, _left(column), y, tile)
        y += height


def _draw_tile(drawing: Drawing, x: float, y: float, tile: Tile) -> None:
    drawing.text(x, y + 13, tile.above[0], size=SMALL, bold=True)
    drawing.text(x + SIDE, y + 13, tile.above[1], "end", size=SMALL)
    top = y + 17
    drawing.picture(x, top, SIDE, SIDE, tile.png)
    if tile.same:
        _edge(drawing, x, top, SIDE, GREEN, 3.0, 1.0)
        _draw_mark(drawing, x + SIDE - 16, top)
    else:
        _edge(drawing, x, top, SIDE, INK, 1.0, 0.3)
    for place, words in enumerate(tile.below):
        drawing.text(x, top + SIDE + 12 + place * STEP, words, size=10.5, opacity=1.0 if place == 0 else PALE)


def _edge(drawing: Drawing, x: float, y: float, side: float, color: str, width: float, opacity: float) -> None:
    inset = width / 2  # inside of the picture, so that the outermost is not cut off
    left, top, right, bottom = x + inset, y + inset, x + side - inset, y + side - inset
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    drawing.line(corners, color, width, opacity=opacity)


def _draw_mark(drawing: Drawing, x: float, y: float) -> None:
    """A tick on a green square: read without colour, too."""
    drawing.rect(x, y, 16, 14, GREEN)
    drawing.line([(x + 4, y + 7), (x + 7, y + 10.5), (x + 12.5, y + 3.5)], WHITE, 2.2)
