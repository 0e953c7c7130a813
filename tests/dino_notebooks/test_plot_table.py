"""Tables as heat maps: colours, numbers and names are those of the table, read back from the figure.

Run: pytest tests/dino_notebooks/test_plot_table.py
"""

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgb
from torch import Tensor

from dino_notebooks.plots import plot_table
from dino_notebooks.plots.style import BLUE, VERMILION

TABLE = torch.tensor([[0.8, -0.4, 0.0], [0.2, 0.1, -0.2]])
ROWS = ["dog", "pizza"]


def test_colours_are_the_numbers() -> None:
    ax = plot_table({"logits": TABLE}, ROWS).axes[0]
    for image, row in zip(ax.get_images(), TABLE.tolist(), strict=True):
        cells = np.asarray(image.get_array())[0]
        np.testing.assert_allclose(cells[:, 3], np.abs(row) / 0.8, atol=1e-6)
        for cell, x in zip(cells, row, strict=True):
            if x:
                np.testing.assert_allclose(cell[:3], to_rgb(BLUE if x > 0 else VERMILION))


def test_numbers_and_names_are_written() -> None:
    ax = plot_table({"logits": TABLE - 1e-9}, ROWS, "mean").axes[0]
    mean = ["0.50", "-0.15", "-0.10"]
    assert [text.get_text() for text in ax.texts] == ["0.80", "-0.40", "0.00", "0.20", "0.10", "-0.20", *mean]
    assert [label.get_text() for label in ax.get_yticklabels()] == [*ROWS, "mean"]
    assert ax.get_title(loc="left") == "logits"
    dark = ax.texts[0]
    assert dark.get_color() == "white"
    assert dark.get_position() == (1, 0)  # the first column is 1


def test_a_colour_means_the_same_in_all_tables() -> None:
    plot = plot_table({"large": TABLE, "small": TABLE / 4}, ROWS)
    strongest = [max(np.asarray(image.get_array())[0, :, 3].max() for image in ax.get_images()) for ax in plot.axes]
    np.testing.assert_allclose(strongest, [1, 0.25])


def test_many_tables_stand_in_two_columns_without_numbers() -> None:
    plot = plot_table(dict.fromkeys("abcd", TABLE), ROWS)
    assert not any(ax.texts for ax in plot.axes)
    plot.canvas.draw()
    boxes = [ax.get_position() for ax in plot.axes]
    assert boxes[0].x1 < boxes[1].x0
    assert boxes[0].y0 > boxes[2].y1


def test_nothing_but_zeros_is_drawn() -> None:
    assert "from 0.00 to 0.00" in plot_table({"zeros": torch.zeros(2, 3)}, ROWS).finding


def test_finding_names_the_largest_of_each_row() -> None:
    assert plot_table({"logits": TABLE}, ROWS).finding == (
        "logits: from -0.40 to 0.80, largest of each row in column 1, 1."
    )


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ({}, "nothing to plot"),
        ({"t": TABLE[0]}, r"t must be a table \(R, K\) of R = 2"),
        ({"t": TABLE.T}, r"got shape \(3, 2\)"),
        ({"t": torch.zeros(2, 0)}, r"got shape \(2, 0\)"),
        ({"t": torch.zeros(2, 25)}, "too large to read"),
        ({"t": TABLE / 0}, "not finite"),
    ],
)
def test_bad_tables_get_a_sentence(tables: dict[str, Tensor], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        plot_table(tables, ROWS)
