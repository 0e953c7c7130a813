"""Several maps of the same pictures side by side: what other features, or another method, make of them."""

from collections.abc import Mapping

import numpy as np
from matplotlib.patches import Rectangle
from PIL import Image

from dino_lite import Pictures
from dino_notebooks.plots.embedding import legend_places, thin
from dino_notebooks.plots.style import PALETTE, WIDTH, Plot, new_plot, pixels, style_axes, write

CANVAS = (780, 520)  # px of a map; two of them stand side by side
PITCH, TILE = 26, 24  # px from one picture to the next, and of a picture with its frame
BORDER = 2  # px of a frame
GREY = "#969696"
STRIP = 0.3  # inches, a row of the legend


def plot_maps(maps: Mapping[str, np.ndarray], pictures: Pictures, same_scale: bool = False) -> Plot:
    """Places (N, 2) by title, each with the N pictures drawn at theirs, in frames of their class's colour.

    See in it: what lies together is alike to these features. Each map fills its panel; with `same_scale` a unit is
    equally long in all of them, so that features which are all nearly the same become a dot in the middle.
    """
    centred = {title: _centred(places, pictures) for title, places in maps.items()}
    if not centred:
        raise ValueError("There is nothing to plot: give at least one map by its title.")
    reach = {title: _reach(places) for title, places in centred.items()}
    largest = np.max(list(reach.values()), axis=0)
    colors, legend = _colors(pictures)
    lines = -(-len(centred) // 2)
    height = WIDTH / 2 * CANVAS[1] / CANVAS[0] + 0.3
    free = len(centred) % 2  # the place beside the last map: the legend goes there, else below all of them
    swatches = _column(legend) if free else legend_places([name for name, _ in legend])
    strip = 0.0 if free else STRIP * (1 + max((row for _, row in swatches), default=-1))
    plot = new_plot(lines * height + strip, finding(centred))
    share = strip / plot.get_figheight()
    plot.set_layout_engine("constrained", rect=(0, share, 1, 1 - share))
    for place, (title, places) in enumerate(centred.items(), start=1):
        ax = plot.add_subplot(lines, 2, place)
        style_axes(ax, title)
        ax.imshow(_canvas(places, largest if same_scale else reach[title], pictures, colors))
        ax.set_xticks([])
        ax.set_yticks([])
    box = (0.5, 0, 0.5, height / plot.get_figheight()) if free else (0, 0, 1, share or 0.01)
    names = plot.add_axes(box)
    names.set_in_layout(False)
    names.set(xlim=(0, box[2]), ylim=(box[3] * plot.get_figheight() / STRIP, 0))
    names.set_axis_off()
    for (name, color), (x, row) in zip(legend, swatches, strict=True):
        names.add_patch(Rectangle((x, row + 0.25), 0.012, 0.5, fill=False, edgecolor=color, linewidth=2))
        write(names, x + 0.018, row + 0.5, name, va="center")
    return plot


def finding(maps: Mapping[str, np.ndarray]) -> str:
    """The maps in words: how wide each one is."""
    widths = ", ".join(f"{title} {np.ptp(places[:, 0]):.2g} wide" for title, places in maps.items())
    return f"Maps of {len(next(iter(maps.values())))} pictures: {widths}."


def _column(legend: list[tuple[str, str]]) -> list[tuple[float, int]]:
    """Places below one another, in the same units as `legend_places`."""
    return [(0.03, row + 2) for row in range(len(legend))]


def _centred(places: np.ndarray, pictures: Pictures) -> np.ndarray:
    places = np.asarray(places, dtype=np.float64)
    if places.shape != (len(pictures), 2) or not np.isfinite(places).all():
        raise ValueError(f"{len(pictures)} pictures need finite places ({len(pictures)}, 2), got {places.shape}.")
    low, high = np.percentile(places, [0.5, 99.5], axis=0)
    return places - (low + high) / 2


def _reach(places: np.ndarray) -> np.ndarray:
    """Half of the width and height (2,) that a map fills, but for a few strays."""
    return np.maximum(np.percentile(np.abs(places), 99, axis=0), 1e-12)


def _colors(pictures: Pictures) -> tuple[np.ndarray, list[tuple[str, str]]]:
    """The frame's colour of each picture, uint8 (N, 3), and the legend: grey without classes, or with too many."""
    names = pictures.label_names or []
    if pictures.labels is None or not 0 < len(names) <= len(PALETTE):
        return np.full((len(pictures), 3), 150, dtype=np.uint8), []
    hexes = [*PALETTE[: len(names)], GREY]  # the last one for label -1
    table = np.array([[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in hexes], dtype=np.uint8)
    return table[pictures.labels.cpu().numpy()], list(zip(names, hexes, strict=False))


def _canvas(places: np.ndarray, reach: np.ndarray, pictures: Pictures, colors: np.ndarray) -> np.ndarray:
    """The pictures in a grid, of those in one cell the one nearest its middle: uint8 (height, width, 4)."""
    share = (places * [1, -1] / reach / 2 + 0.5).clip(0, 1)  # up is up
    drawn, corners = thin(share * (np.array(CANVAS) // PITCH * PITCH - 1), PITCH)
    canvas = np.zeros((CANVAS[1], CANVAS[0], 4), dtype=np.uint8)
    inner = TILE - 2 * BORDER
    for number, (x, y) in zip(drawn.tolist(), corners.tolist(), strict=True):
        tile = canvas[y : y + TILE, x : x + TILE]
        tile[..., :3], tile[..., 3] = colors[number], 255
        small = Image.fromarray(pixels(pictures.images[number : number + 1])[0])
        tile[BORDER:-BORDER, BORDER:-BORDER, :3] = np.asarray(small.resize((inner, inner), Image.Resampling.LANCZOS))
    return canvas
