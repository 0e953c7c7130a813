"""Pictures side by side: what is drawn is what was given, pixel for pixel and in its place.

Run: pytest tests/dino_notebooks/test_plot_pictures.py
"""

import numpy as np
import pytest
import torch

from dino_lite import load_cat
from dino_lite.colors import normalize
from dino_notebooks.plots import plot_pictures
from dino_notebooks.plots.style import SIDE

CAT = load_cat(size=16)


def test_pictures_stand_under_their_heads_in_true_colours() -> None:
    pictures = torch.stack([CAT, CAT.flip(-1)])
    plot = plot_pictures(pictures, ["as it is", "flipped"])
    ax = plot.axes[0]
    for column, (drawn, picture) in enumerate(zip(ax.images, pictures, strict=True)):
        np.testing.assert_array_equal(drawn.get_array(), picture.permute(1, 2, 0).numpy())
        assert drawn.get_extent() == [column, column + SIDE, SIDE, 0]
    assert {"as it is", "flipped"} <= {text.get_text() for text in ax.texts}
    assert plot.finding == "Pictures side by side: as it is, flipped."


def test_normalised_views_are_drawn_as_the_pictures_they_were() -> None:
    view = normalize(CAT.float() / 255)[None]
    np.testing.assert_array_equal(
        plot_pictures(view, ["cat"]).axes[0].images[0].get_array(), CAT.permute(1, 2, 0).numpy()
    )


def test_rows_have_their_names_at_the_left() -> None:
    plot = plot_pictures({"less": CAT[None], "more": CAT[None]}, ["cat"])
    ax = plot.axes[0]
    assert [drawn.get_extent()[:3:2] for drawn in ax.images] == [[1, SIDE], [1, 1 + SIDE]]
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert places["less"] == (SIDE, SIDE / 2)
    assert places["more"] == (SIDE, 1 + SIDE / 2)
    assert plot.finding == "Pictures side by side: cat; row by row: less, more."


def test_alpha_is_on_white() -> None:
    nothing = torch.zeros(1, 4, 8, 8, dtype=torch.uint8)
    assert (plot_pictures(nothing, ["nothing"]).axes[0].images[0].get_array() == 255).all()


@pytest.mark.parametrize(
    ("rows", "heads"),
    [
        ({}, ["a"]),
        (CAT[None], ["a", "b"]),
        (CAT, ["a"]),
        (CAT[None].int(), ["a"]),
        (torch.zeros(1, 4, 8, 8), ["a"]),
    ],
)
def test_bad_pictures(rows: torch.Tensor, heads: list[str]) -> None:
    with pytest.raises(ValueError, match=r"nothing to plot|one picture a head"):
        plot_pictures(rows, heads)
