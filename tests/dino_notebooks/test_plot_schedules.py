"""Schedules: what is drawn is what the library uses at each step, read back from the figure.

Run: pytest tests/dino_notebooks/test_plot_schedules.py
"""

import dataclasses

import numpy as np
import pytest
from matplotlib.axes import Axes

from dino_lite import DinoConfig
from dino_lite.knobs import scheduled_knobs
from dino_notebooks.plots import Plot, plot_schedules
from dino_notebooks.plots.schedules import TITLES

LAB, PAPER = DinoConfig.lab(), DinoConfig.paper_vit_s16()


def panels(plot: Plot) -> dict[str, Axes]:
    """The axes of each schedule by title."""
    return {ax.get_title(loc="left"): ax for ax in plot.axes if ax.get_title(loc="left")}


def test_the_lines_are_what_each_step_uses() -> None:
    found = panels(plot_schedules({"lab": LAB, "paper": PAPER}, 50))
    assert list(found) == list(TITLES.values())
    for knob, title in TITLES.items():
        for line, config in zip(found[title].get_lines(), (LAB, PAPER), strict=True):
            np.testing.assert_allclose(
                line.get_ydata(), [scheduled_knobs(config, step, 50)[knob] for step in range(50)]
            )


def test_every_schedule_of_the_library_has_a_panel() -> None:
    """A knob that changes during a run, of settings that use all there is, is drawn."""
    config = dataclasses.replace(PAPER, freeze_last_layer_share=0.1)
    first, later = (scheduled_knobs(config, step, 100) for step in (0, 60))
    assert {knob for knob in first if first[knob] != later[knob]} == set(TITLES)


def test_settings_have_their_names_and_different_lines() -> None:
    plot = plot_schedules({"lab": LAB, "$paper$": PAPER}, 20)
    assert [text.get_text() for text in plot.axes[-1].texts] == ["lab", "$paper$"]
    first, second = plot.axes[0].get_lines()
    assert first.get_color() != second.get_color()
    assert first.get_linestyle() != second.get_linestyle()


def test_the_finding_says_where_each_begins_peaks_and_ends() -> None:
    found = plot_schedules({"lab": LAB}, 100).finding
    assert "learning rate: lab 0 to " in found
    assert f"by way of {LAB.peak_lr:.3g} at step 9" in found
    assert "teacher momentum: lab 0.99 to 1;" in found


def test_one_step_can_be_drawn() -> None:
    assert plot_schedules({"lab": LAB}, 1)._repr_png_()[0].startswith(b"\x89PNG")


def test_nothing_to_draw_is_a_sentence() -> None:
    with pytest.raises(ValueError, match="at least 1 step, got 0 settings"):
        plot_schedules({}, 10)
    with pytest.raises(ValueError, match="got 1 settings, 0 steps"):
        plot_schedules({"lab": LAB}, 0)
