"""Axes: numbers become places, ticks are round, labels do not lie on one another.

Run: pytest tests/dino_notebooks/test_axes.py
"""

import math
from itertools import pairwise

import pytest
from read_svg import curve, paths, place, said, words

from dino_notebooks.drawing import BLUE, ORANGE, Drawing
from dino_notebooks.drawing.axes import Axes, Label, apart, roomy, short, thinned, ticks


def axes(x: tuple[float, float] = (0, 100), y: tuple[float, float] = (0, 10)) -> Axes:
    """100 px wide from x = 20, 50 px high from y = 10."""
    return Axes(Drawing(200, 80, "t"), (20, 10, 120, 60), x, y)


@pytest.mark.parametrize(
    ("number", "where"),
    [((0, 0), (20, 60)), ((100, 10), (120, 10)), ((50, 5), (70, 35)), ((25, 8), (45, 20))],
)
def test_numbers_become_places(number: tuple[float, float], where: tuple[float, float]) -> None:
    assert axes().at(*number) == pytest.approx(where)


def test_what_lies_outside_is_on_the_edge() -> None:
    assert axes().at(-5, 12) == (20, 10)
    assert axes().at(500, -math.inf) == (120, 60)


def test_axes_that_begin_elsewhere() -> None:
    assert axes((100, 200), (-1, 1)).at(150, 0) == (70, 35)


def test_axes_without_a_span_do_not_divide_by_zero() -> None:
    assert all(map(math.isfinite, axes((3, 3), (0, 0)).at(3, 0)))


def test_a_curve_leaves_out_what_is_no_number() -> None:
    a = axes()
    a.curve([(0, 0), (10, math.nan), (20, math.inf), (30, -math.inf), (math.nan, 1), (50, 5)], BLUE)
    assert curve(a.drawing, BLUE).points == [(20, 60), (70, 35)]


def test_one_point_is_a_dot() -> None:
    a = axes()
    a.curve([(50, 5)], BLUE)
    (dot,) = paths(a.drawing)
    assert dot.fill == BLUE
    xs, ys = zip(*dot.points, strict=True)
    assert (min(xs) + max(xs)) / 2 == 70
    assert (min(ys) + max(ys)) / 2 == 35


def test_no_points_are_nothing() -> None:
    a = axes()
    assert a.curve([], BLUE) == []
    assert a.drawing.marks == []


def test_a_level_is_at_its_height_with_its_words_above() -> None:
    a = axes()
    a.level(8, "eight")
    (line,) = paths(a.drawing)
    assert line.points == [(20, 20), (120, 20)]
    assert line.dash
    assert place(a.drawing, "eight").y < 20


def test_an_upright_line_spares_the_words_of_a_level() -> None:
    a = axes()
    a.level(8, "eight")  # about 35 px of words, up to x = 116
    a.upright(30)
    a.upright(110)
    assert [path.points[0][1] for path in paths(a.drawing) if path.is_upright] == [10, 20]


def test_ticks_stand_at_their_numbers() -> None:
    a = axes()
    a.frame([0, 50], [5], "step", "nats")
    assert place(a.drawing, "50").x == 70
    assert place(a.drawing, "50").anchor == "middle"
    assert place(a.drawing, "5").y == pytest.approx(35, abs=5)
    assert {"step", "nats"} <= set(said(a.drawing))


def test_ticks_on_the_right() -> None:
    a = axes()
    a.y_ticks([(5, "five")], right=True)
    assert place(a.drawing, "five").x > 120


def test_end_labels_keep_their_order_and_distance() -> None:
    """Three curves that end at the same height, near the floor."""
    a = axes()
    a.end_labels([Label(0.1, "low"), Label(0.3, "high", BLUE), Label(0.2, "middle", ORANGE, (2, 2))])
    assert [text.words for text in sorted(words(a.drawing), key=lambda text: text.y)] == ["high", "middle", "low"]
    heights = sorted(text.y for text in words(a.drawing))
    assert min(b - a for a, b in pairwise(heights)) >= 14
    assert heights[-1] <= 60 + 4


def test_end_labels_show_the_look_of_their_curve() -> None:
    a = axes()
    a.end_labels([Label(5, "five", ORANGE, (2, 3)), Label(math.nan, "nothing")])
    assert said(a.drawing) == ["five"]
    (key,) = paths(a.drawing)
    assert (key.stroke, key.dash) == (ORANGE, "2 3")
    assert key.points[0][1] == key.points[1][1] == 35


def test_apart_moves_no_more_than_it_must() -> None:
    assert apart([10, 40], 14, 100) == [10, 40]
    assert apart([10, 12], 14, 100) == [10, 24]
    assert apart([90, 95, 99], 14, 100) == [72, 86, 100]
    assert apart([], 14, 100) == []


@pytest.mark.parametrize("length", [0, 1, 2, 9, 10, 11, 19, 20, 21, 1000, 4999])
def test_thinned_keeps_first_and_last(length: int) -> None:
    items = list(range(length))
    chosen = thinned(items, 10)
    assert len(chosen) <= 10
    assert chosen == sorted(set(chosen))
    assert chosen[:1] == items[:1]
    assert chosen[-1:] == items[-1:]
    assert len(chosen) >= min(length, 5)


def test_thinned_does_not_flicker() -> None:
    """One item more keeps all the others: a noisy curve must not jump in every frame."""
    for length in range(1100, 1200):
        assert set(thinned(range(length), 50)[:-1]) <= set(thinned(range(length + 1), 50))


@pytest.mark.parametrize(
    ("number", "end"), [(1, 1), (1.01, 1.5), (50, 50), (51, 60), (61, 80), (0.07, 0.08), (999, 1000), (1001, 1500)]
)
def test_roomy_is_the_next_round_number(number: float, end: float) -> None:
    assert roomy(number) == pytest.approx(end)


@pytest.mark.parametrize("number", [0, -1, math.nan, math.inf])
def test_roomy_without_a_number(number: float) -> None:
    assert roomy(number) == 1


@pytest.mark.parametrize(
    ("low", "high", "found"),
    [
        (0, 6.3, [0, 2, 4, 6]),
        (0, 1000, [0, 500, 1000]),
        (0, 0.1, [0, 0.05, 0.1]),
        (2, 2, [2]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
    ],
)
def test_ticks_are_round(low: float, high: float, found: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(found)


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0"), (0.1 + 0.2, "0.3"), (0.05, "0.05"), (5000.0, "5000"), (12000, "12000")]
)
def test_short_numbers(number: float, words: str) -> None:
    assert short(number) == words
