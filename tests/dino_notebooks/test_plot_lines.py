"""Lines by name: what is drawn is what was given, read back from the figure.

Run: pytest tests/dino_notebooks/test_plot_lines.py
"""

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from dino_notebooks.plots import Plot, plot_lines

PANELS = {"entropy": {"sharp": [2.0, 1.0, 0.5], "flat": [2.0, 2.5, 2.7]}, "KL": {"flat": [0.5, 0.2, 0.1]}}


def drawn(ax: Axes, count: int = 3) -> list[Line2D]:
    """The lines of so many points: guides have two."""
    return [line for line in ax.get_lines() if len(np.asarray(line.get_xdata())) == count]


def x_of(line: Line2D) -> list[float]:
    """Where its points are."""
    return [float(x) for x in np.asarray(line.get_xdata())]


def y_of(line: Line2D) -> list[float]:
    """How high its points are."""
    return [float(y) for y in np.asarray(line.get_ydata())]


def names(plot: Plot, panel: int) -> dict[str, float]:
    """The height of each name on the page, from 0 to the top."""
    plot.canvas.draw()
    return {text.get_text(): text.get_window_extent().y0 for text in plot.axes[panel].texts if len(text.get_text()) > 1}


def test_lines_are_the_numbers() -> None:
    plot = plot_lines(PANELS, x=[0, 50, 100])
    for ax, (title, lines) in zip(plot.axes, PANELS.items(), strict=True):
        assert ax.get_title(loc="left") == title
        for line, values in zip(drawn(ax), lines.values(), strict=True):
            assert x_of(line) == [0, 50, 100]
            assert y_of(line) == values


def test_a_name_looks_the_same_in_all_panels() -> None:
    first, second = plot_lines(PANELS).axes
    assert drawn(first)[1].get_color() == drawn(second)[0].get_color() != drawn(first)[0].get_color()
    assert drawn(first)[1].get_linestyle() == drawn(second)[0].get_linestyle()


def test_steps_count_from_zero_and_lines_may_differ_in_length() -> None:
    ax = plot_lines({"loss": {"a": [1.0, 2.0, 3.0], "b": [3.0] * 5}}).axes[0]
    assert x_of(drawn(ax)[0]) == [0, 1, 2]
    assert x_of(drawn(ax, 5)[0]) == [0, 1, 2, 3, 4]
    assert ax.get_xlabel() == "step"


def test_names_do_not_cover_one_another() -> None:
    """Lines that end at one height, at the top of the panel and in the middle."""
    ends = {"one": [0.0, 9.0], "two": [0.0, 9.0], "three": [0.0, 8.9], "four": [0.0, 5.0], "five": [0.0, 5.0]}
    heights = sorted(names(plot_lines({"loss": ends}), 0).values())
    assert len(heights) == 5
    assert min(np.diff(heights)) > 12 * 100 / 72  # a line of text of 9 points, at 100 dots an inch


def test_guides_stand_where_they_belong() -> None:
    """And only in their own panel."""
    first, second = plot_lines(PANELS, guides={"entropy": {"ln 16": 2.77}}).axes
    assert [y_of(line) for line in drawn(first, 2)] == [[2.77, 2.77]]
    assert not drawn(second, 2)
    assert "ln 16" in [text.get_text() for text in first.texts]


def test_thin_lines_are_thinner() -> None:
    ax = plot_lines({"weight": {"student": [0.0, 1.0, 0.5], "teacher": [0.0, 0.1, 0.2]}}, thin=["student"]).axes[0]
    assert drawn(ax)[0].get_linewidth() < drawn(ax)[1].get_linewidth()


def test_finding_says_where_lines_begin_and_end() -> None:
    assert plot_lines(PANELS).finding == "entropy: sharp from 2 to 0.5, flat from 2 to 2.7; KL: flat from 0.5 to 0.1."


@pytest.mark.parametrize(
    ("panels", "x", "sentence"),
    [
        ({}, None, "nothing to plot"),
        ({"loss": {}}, None, "nothing to plot"),
        ({"loss": {"a": []}}, None, "a needs at least one number"),
        ({"loss": {"a": [float("nan")]}}, None, "finite ones"),
        ({"loss": {"a": [1.0]}}, [0, 1], "a has 1 numbers for 2 places x"),
    ],
)
def test_bad_lines_get_a_sentence(
    panels: dict[str, dict[str, list[float]]], x: list[float] | None, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        plot_lines(panels, x)
