"""Maps side by side: pictures where their places are, one scale when it is asked for.

Run: pytest tests/dino_notebooks/test_plot_maps.py
"""

import dataclasses
from itertools import combinations

import numpy as np
import pytest
import torch

from dino_lite import Pictures
from dino_notebooks.plots import plot_maps
from dino_notebooks.plots.maps import CANVAS, PITCH, TILE
from dino_notebooks.plots.style import BLUE

CORNERS = np.array([[-1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]])
COLORS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)]
IMAGES = torch.tensor(COLORS, dtype=torch.uint8)[:, :, None, None].expand(4, 3, 8, 8).contiguous()
PICTURES = Pictures(IMAGES, list("abcd"), torch.tensor([0, 0, 1, -1]), ["first", "second"])


def test_pictures_are_drawn_at_their_places_and_up_is_up() -> None:
    canvas = plot_maps({"a": CORNERS}, PICTURES).axes[0].images[0].get_array()
    columns, rows = CANVAS[0] // PITCH - 1, CANVAS[1] // PITCH - 1
    for color, (column, row) in zip(COLORS, [(0, 0), (columns, 0), (0, rows), (columns, rows)], strict=True):
        assert tuple(canvas[row * PITCH + TILE // 2, column * PITCH + TILE // 2]) == (*color, 255)
    assert tuple(canvas[0, 0, :3]) == tuple(int(BLUE[i : i + 2], 16) for i in (1, 3, 5))


def test_one_scale_makes_a_dot_of_what_is_nearly_the_same() -> None:
    maps = {"wide": CORNERS, "narrow": CORNERS / 1000 + 5}
    apart, together = (plot_maps(maps, PICTURES, same_scale=same) for same in (False, True))
    filled = [[int((ax.images[0].get_array()[..., 3] > 0).sum()) for ax in plot.axes[:2]] for plot in (apart, together)]
    assert filled[0][0] == filled[0][1] == filled[1][0] == 4 * TILE**2
    assert filled[1][1] < filled[0][1]  # the same cells


def test_titles_legend_and_finding() -> None:
    plot = plot_maps({"before": CORNERS, "after": CORNERS}, PICTURES)
    assert [ax.get_title(loc="left") for ax in plot.axes[:2]] == ["before", "after"]
    assert [text.get_text() for text in plot.axes[-1].texts] == ["first", "second"]
    assert plot.finding == "Maps of 4 pictures: before 2 wide, after 2 wide."
    assert not plot_maps({"a": CORNERS}, dataclasses.replace(PICTURES, labels=None)).axes[-1].texts


@pytest.mark.parametrize("count", [1, 2, 5])
def test_names_of_seven_classes_do_not_touch(count: int) -> None:
    """Below an even number of maps they stand side by side, in the free place of an odd number below one another."""
    names = ["Smileys & Emotion", "People & Body", "Animals & Nature", "Food & Drink", "Travel & Places", "Activities"]
    pictures = dataclasses.replace(PICTURES, label_names=[*names, "Objects"])
    plot = plot_maps({f"map {number}": CORNERS for number in range(count)}, pictures)
    plot.canvas.draw()
    legend = plot.axes[-1]
    assert len(legend.texts) == len(legend.patches) == 7
    boxes = [mark.get_window_extent() for mark in (*legend.texts, *legend.patches)]
    assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))
    page = plot.bbox
    assert all(page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1 for box in boxes)


@pytest.mark.parametrize("maps", [{}, {"a": CORNERS[:3]}, {"a": CORNERS * np.nan}])
def test_what_is_no_map_is_refused(maps: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"maps?|places"):
        plot_maps(maps, PICTURES)
