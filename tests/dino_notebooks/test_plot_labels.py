"""Accuracy by labels: what is drawn is what was measured, read back from the figure.

Run: pytest tests/dino_notebooks/test_plot_labels.py
"""

import numpy as np
import pytest

from dino_notebooks.plots import plot_labels

RESULTS: dict[str, dict[int | None, list[float]]] = {
    "model": {1: [0.2, 0.3, 0.4], 5: [0.4, 0.5, 0.6], None: [0.7]},
    "random network": {1: [0.1, 0.2, 0.15], 5: [0.2, 0.25, 0.3], None: [0.69]},
}


def test_lines_are_means_and_bands_the_seeds() -> None:
    plot = plot_labels(RESULTS, chance=1 / 7)
    ax = plot.axes[0]
    lines = [line for line in ax.get_lines() if len(line.get_xdata()) == 3 and line.get_linewidth() == 1.8]
    for line, found in zip(lines, RESULTS.values(), strict=True):
        np.testing.assert_allclose(line.get_ydata(), [np.mean(values) for values in found.values()])
    for band, found in zip(ax.collections, RESULTS.values(), strict=True):
        heights = band.get_paths()[0].vertices[:, 1]
        assert heights.min() == pytest.approx(min(map(min, found.values())))
        assert heights.max() == pytest.approx(max(map(max, found.values())))
    dots = [y for line in ax.get_lines() if line.get_marker() == "." for y in line.get_ydata()]
    assert sorted(dots) == sorted(value for found in RESULTS.values() for values in found.values() for value in values)
    assert [label.get_text() for label in ax.get_xticklabels()] == ["1", "5", "all"]
    assert ax.get_xlabel() == "labels a class"


def test_finding_says_it_in_words() -> None:
    finding = plot_labels(RESULTS).finding
    assert "model: 30% (20% to 40%, 3 seeds) with 1, 70% with all labels" in finding
    assert "random network: 15%" in finding


def test_names_do_not_cover_one_another() -> None:
    """Two lines that end at 70% and 69%."""
    plot = plot_labels(RESULTS)
    plot.canvas.draw()
    boxes = [text.get_window_extent() for text in plot.axes[0].texts if text.get_text() in RESULTS]
    assert len(boxes) == 2
    assert not boxes[0].overlaps(boxes[1])


def test_the_scale_says_what_it_means() -> None:
    """No tick at 12.5% that reads 12%."""
    plot = plot_labels({"model": {1: [0.11, 0.2], 20: [0.29, 0.31]}})
    plot.canvas.draw()
    axis = plot.axes[0].yaxis
    for place, label in zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True):
        assert float(label.get_text().rstrip("%")) == pytest.approx(100 * place)


def test_one_number_of_labels_is_a_column_of_dots() -> None:
    assert "with 5." in plot_labels({"model": {5: [0.5, 0.6]}}).finding


@pytest.mark.parametrize(
    ("results", "sentence"),
    [
        ({}, "nothing to plot"),
        ({"model": {}}, "nothing to plot"),
        ({"a": {1: [0.1]}, "b": {5: [0.1]}}, r"same numbers of labels, got \[1\]"),
        ({"a": {1: []}}, "a needs at least one accuracy"),
        ({"a": {1: [float("nan")]}}, "no NaN"),
    ],
)
def test_bad_results_get_a_sentence(results: dict[str, dict[int | None, list[float]]], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        plot_labels(results)
