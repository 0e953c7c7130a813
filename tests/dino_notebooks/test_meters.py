"""The meters of the lab: curves, marks and words read back from the SVG and compared with the numbers given.

Run: pytest tests/dino_notebooks/test_meters.py
"""

import base64
import io
import math
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from made_snapshots import KNOBS, K, future, log, probe, snapshot
from PIL import Image
from read_svg import NAMESPACE, Path, curve, parse, paths, place, said, words

from dino_notebooks.drawing import BLUE, GREEN, ORANGE, PURPLE, VERMILION, Drawing
from dino_notebooks.drawing.axes import POINTS, text_width
from dino_notebooks.meters import METERS, banner, distance, loss, page, prototypes, score, sheet, targets, use
from dino_notebooks.meters.changes import knob_line, knob_words, merged
from dino_notebooks.meters.mass import hold, peaks
from dino_notebooks.meters.panel import ICONS
from dino_notebooks.meters.timeline import BOTTOM, DASH_OTHER, HEIGHT, LEFT, RIGHT, TOP, WIDTH, horizon, trend
from dino_notebooks.plots.words import VERDICTS
from dino_notebooks.session.snapshot import Change, Snapshot

FLOOR, END = HEIGHT - BOTTOM, WIDTH - RIGHT  # px, of the axes
TIME_CHARTS = (loss, prototypes, distance, score)
LN_K = math.log(K)


def height(y: float, top: float) -> float:
    """Where y lies, in px, on an axis from 0 to top."""
    return FLOOR - (FLOOR - TOP) * y / top


def across(step: float, span: float, end: float = END) -> float:
    """Where a step lies, in px, on an axis from 0 to span."""
    return LEFT + (end - LEFT) * step / span


def uprights(drawing: Drawing, dashed: bool = False) -> list[Path]:
    """The vertical lines, without the axis on the right of `prototypes`."""
    return [path for path in paths(drawing) if path.is_upright and path.opacity != 0.5 and bool(path.dash) is dashed]


def dashed_others(drawing: Drawing) -> list[Path]:
    """The curves of futures left behind."""
    dash = " ".join(f"{d:g}" for d in DASH_OTHER)
    return [path for path in paths(drawing) if path.stroke == "currentColor" and path.dash == dash]


def changed(*changes: Change, steps: int = 100) -> Snapshot:
    """A run in which knobs were turned."""
    return snapshot(future(steps, changes=changes))


def forked() -> Snapshot:
    """A went 90 steps; B left it at 40 and is at 60, with other numbers."""
    a = future(90, entropy=1.0, kl=0.5, marginal=2.0)
    b = replace(future(60, "B", 40), logs=(*a.logs[:40], *(log(step) for step in range(40, 60))))
    return snapshot(b, others=(a,))


# --- loss ---------------------------------------------------------------------------------------------------


def test_loss_curves_lie_where_the_numbers_say() -> None:
    """Loss 3, h 2, KL 1; the axis ends a little above ln K."""
    drawing, top = loss(snapshot(future(50))), 1.14 * LN_K
    for color, number in ((BLUE, 3), (ORANGE, 2), (GREEN, 1)):
        points = curve(drawing, color).points
        assert [y for _, y in points] == pytest.approx([height(number, top)] * 50, abs=0.06)
        assert points[0][0] == pytest.approx(across(1, 50), abs=0.06)
        assert points[-1][0] == pytest.approx(END, abs=0.06)
    assert {"loss 3.00", "h 2.00", "KL 1.00"} <= set(said(drawing))


def test_loss_curves_differ_without_their_colours() -> None:
    drawing = loss(snapshot(future(50)))
    assert len({curve(drawing, color).dash for color in (BLUE, ORANGE, GREEN)}) == 3


def test_ln_k_is_at_its_height() -> None:
    drawing = loss(snapshot(future(50)))
    (line,) = [path for path in paths(drawing) if path.dash == "1 4"]
    assert line.points[0] == (LEFT, pytest.approx(height(LN_K, 1.14 * LN_K), abs=0.06))
    assert line.points[1] == (END, line.points[0][1])
    assert place(drawing, "ln K = 5.55: uniform").y < line.points[0][1]


def test_a_loss_above_ln_k_is_on_the_chart() -> None:
    drawing = loss(snapshot(future(50, entropy=5.0, kl=2.0)))
    assert curve(drawing, BLUE).points[-1][1] == pytest.approx(height(7, 8), abs=0.06)


def test_loss_title_says_the_finding() -> None:
    falling = tuple(log(step, kl=3.0 - max(0, step - 100) / 100) for step in range(300))
    title = loss(snapshot(replace(future(300), logs=falling))).title
    found = re.match(r"Loss 3\.01 = h 2\.00 \+ KL 1\.01 nats, falling since step (\d+);", title)
    assert found
    assert abs(int(found[1]) - 100) <= 24  # a twelfth of the run
    assert "ln K is 5.55" in title
    assert title.endswith(".")


def test_title_names_the_last_change() -> None:
    title = loss(changed(Change(20, "teacher_temp", 0.3), Change(50, "centering", False))).title
    assert title.endswith("Last change: centering off at step 50.")


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ([1.0] * 60, ", level"),
        ([5 - i / 20 for i in range(60)], ", falling since step 4"),
        ([1.0] * 30 + [1 + i / 10 for i in range(30)], ", rising since step 29"),
        ([1.0, 2.0, 3.0], ""),
        ([], ""),
        ([math.nan] * 60, ""),
    ],
)
def test_trend(numbers: list[float], words: str) -> None:
    """Five steps are one block; a trend begins at the end of a block."""
    assert trend(list(enumerate(numbers))) == words


# --- changed knobs ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("meter", TIME_CHARTS)
def test_a_change_is_marked_at_its_step(meter: Any) -> None:
    drawing = meter(changed(Change(30, "centering", False)))
    (line,) = uprights(drawing)
    frame = max((p for p in paths(drawing) if p.opacity == 0.5 and len(p.points) == 3), key=lambda p: p.points[2][0])
    assert line.points[0][0] == pytest.approx(across(30, 100, frame.points[2][0]), abs=0.06)
    assert line.points[1][1] == FLOOR
    assert ("centering off" in said(drawing)) is (meter is loss)


def test_a_dragged_slider_is_one_mark_with_its_last_value() -> None:
    """Forty changes in successive steps."""
    drag = tuple(Change(20 + i, "teacher_temp", 0.04 + i / 1000) for i in range(40))
    drawing = loss(changed(*drag))
    (line,) = uprights(drawing)
    assert line.points[0][0] == pytest.approx(across(59, 100), abs=0.06)
    assert [text for text in said(drawing) if text.startswith("τt")] == ["τt 0.079"]


def test_merging_keeps_knobs_and_distant_changes_apart() -> None:
    a, b, c, d = (
        Change(10, "lr", 0.1),
        Change(11, "centering", False),
        Change(12, "lr", 0.2),
        Change(30, "lr", 0.3),
    )
    assert merged([a, b, c, d], near=5) == [b, c, d]


def test_many_changes_do_not_become_a_block() -> None:
    """Ten knobs turned in turn, at every step of 2,000: marks stay at least 4 px apart, words do not overlap."""
    names = list(KNOBS)
    changes = tuple(Change(step, names[step % len(names)], step / 1000) for step in range(2000))
    drawing = loss(changed(*changes, steps=2000))
    xs = sorted(path.points[0][0] for path in uprights(drawing))
    assert 1 <= len(xs) <= (END - LEFT) / 4 + 1
    assert all(b - a >= 3.9 for a, b in pairwise(xs))


def test_notes_do_not_overlap_and_stay_inside_newest_first() -> None:
    changes = tuple(Change(10 * i, "teacher_temp", i / 100) for i in range(1, 10))
    drawing = loss(changed(*changes))
    notes = [text for text in words(drawing) if text.words.startswith("τt")]
    assert "τt 0.09" in [note.words for note in notes]
    assert 4 <= len(notes) < 18
    for row in {note.y for note in notes}:
        spans = sorted((n.x - text_width(n.words) / 2, n.x + text_width(n.words) / 2) for n in notes if n.y == row)
        assert spans[0][0] >= LEFT
        assert spans[-1][1] <= WIDTH
        assert all(a[1] <= b[0] for a, b in pairwise(spans))


def test_changes_at_one_step_are_told_together() -> None:
    two = loss(changed(Change(30, "centering", False), Change(30, "teacher_temp", 0.1)))
    assert "τt 0.1, centering off" in said(two)
    preset = loss(changed(*(Change(30, knob, value) for knob, value in KNOBS.items())))
    assert "frozen prototypes off +10" in said(preset)


@pytest.mark.parametrize(
    ("knob", "value", "shown"),
    [
        ("teacher_temp", 0.30000000000000004, "τt 0.3"),
        ("ema_momentum", 0.99995, "λ 0.99995"),
        ("centering", False, "centering off"),
        ("ema", True, "EMA on"),
        ("target", "batch_softmax", "target batch softmax"),
        ("unheard_of", 3.0, "unheard_of 3"),
    ],
)
def test_knobs_in_words(knob: str, value: float | bool | str, shown: str) -> None:
    assert knob_words(knob, value) == shown


def test_knob_line_marks_what_is_unusual() -> None:
    line = knob_line(KNOBS | {"teacher_temp": 0.3, "centering": False}, KNOBS).replace("\N{NO-BREAK SPACE}", " ")
    assert "▸ τt 0.3 (usual 0.04)" in line
    assert "▸ centering off (usual on)" in line
    assert line.count("▸") == 2
    assert "τs 0.1 ·" in line


# --- futures ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("meter", TIME_CHARTS)
def test_a_future_left_behind_is_dashed_from_the_fork_on(meter: Any) -> None:
    drawing = meter(forked())
    (curve_of_a,) = dashed_others(drawing)
    (tick,) = uprights(drawing, dashed=True)
    assert curve_of_a.points[0][0] == pytest.approx(tick.points[0][0], abs=0.06)
    assert curve_of_a.opacity < 1
    name = place(drawing, "A")
    assert name.x == pytest.approx(curve_of_a.points[-1][0], abs=5)
    assert "rewound to 40" in said(drawing)


def test_the_future_left_behind_has_its_own_numbers() -> None:
    """A's loss is 1.5 at its 90th step, on an axis of 100."""
    (points,) = (path.points for path in dashed_others(loss(forked())))
    assert points[-1] == pytest.approx((across(90, 100), height(1.5, 1.14 * LN_K)), abs=0.06)


def test_a_future_begins_where_the_next_one_left_it() -> None:
    """A to 90; B left it at 40; C left B at 20: A is drawn from 40 on, B from 20 on."""
    a, b, c = future(90, "A"), future(60, "B", 40), future(30, "C", 20)
    drawing = loss(snapshot(c, others=(a, b)))
    assert [path.points[0][0] for path in dashed_others(drawing)] == pytest.approx(
        [across(40, 100), across(20, 100)], abs=0.06
    )
    assert "rewound to 20" in said(drawing)


def test_time_axis_spans_all_futures_in_jumps() -> None:
    assert horizon(forked()) == 100
    spans = [horizon(snapshot(future(steps))) for steps in (0, 1, 50, 51, 60, 61, 80, 81, 100, 101, 5000)]
    assert spans == [50, 50, 50, 60, 60, 80, 80, 100, 100, 150, 5000]


def test_only_the_newest_of_many_futures_are_drawn() -> None:
    many = tuple(future(50 + i, f"F{i}", min(i, 1) * 10) for i in range(9))
    drawing = loss(snapshot(future(60, "now", 10), others=many))
    assert [text for text in said(drawing) if re.fullmatch(r"F\d", text)] == ["F5", "F6", "F7", "F8"]


# --- prototypes ---------------------------------------------------------------------------------------------


def test_one_curve_has_two_scales() -> None:
    """ln 64 = 4.16 nats on the left is 64 prototypes on the right."""
    drawing, top = prototypes(snapshot(future(50, marginal=math.log(64)))), 1.14 * LN_K
    assert curve(drawing, BLUE).points[-1][1] == pytest.approx(height(math.log(64), top), abs=0.06)
    assert curve(drawing, PURPLE).points[-1][1] == pytest.approx(height(math.log(64) - 2, top), abs=0.06)
    assert curve(drawing, PURPLE).dash
    for number in (1, 4, 16, 64, 256):
        (tick,) = [text for text in words(drawing) if text.words == str(number) and text.x > WIDTH / 2]
        assert tick.y == pytest.approx(height(math.log(number), top) + (4 if number > 1 else 1), abs=0.06)
    assert {"64 used", f"MI {math.log(64) - 2:.2f}"} <= set(said(drawing))
    assert drawing.title.startswith("64 of 256 prototypes in use")


# --- use ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [256, 1024, 1000])
def test_a_dominant_prototype_stands_out(k: int) -> None:
    drawing = use(snapshot(out_dim=k, probe=probe(k, spike=0.8)))
    (spike,) = [path for path in paths(drawing) if path.fill == VERMILION]
    assert spike.points[1][0] - spike.points[0][0] == pytest.approx(3, abs=0.11)
    assert (spike.points[0][0] + spike.points[1][0]) / 2 == pytest.approx(across(5.5, k), abs=0.11)
    assert spike.points[0][1] == pytest.approx(height(0.8 + 0.2 / k, 1.0), abs=0.06)
    assert "number 5: 80%" in said(drawing)
    assert "has 80%" in drawing.title


def test_even_use_is_a_block_as_high_as_the_line() -> None:
    drawing = use(snapshot(probe=probe(spike=0.0)))
    (block,) = [path for path in paths(drawing) if path.fill == BLUE]
    line = max((p for p in paths(drawing) if p.dash == "1 4"), key=lambda p: p.points[1][0] - p.points[0][0])
    assert {y for _, y in block.points} == {FLOOR, line.points[0][1]}
    assert line.points[0][1] == pytest.approx(height(1 / K, 2 / K), abs=7)
    assert "even 0.4%" in said(drawing)
    assert not [path for path in paths(drawing) if path.fill == VERMILION]


def test_how_many_hold_the_mass() -> None:
    use_ = torch.zeros(K)
    use_[[7, 90, 200]] = torch.tensor([0.5, 0.3, 0.2])
    drawing = use(snapshot(probe=replace(probe(), use=use_)))
    assert "3 of 256 prototypes hold 90% of the mass" in said(drawing)
    assert drawing.title.startswith("3 of 256 prototypes hold 90%")
    one = torch.eye(K)[3]
    assert use(snapshot(probe=replace(probe(), use=one))).title.startswith("1 of 256 prototypes holds 90%")


def test_hold_counts_the_largest_first() -> None:
    assert hold(torch.tensor([0.05, 0.85, 0.05, 0.05]).double().numpy()) == 2
    assert hold(torch.full((10,), 0.1).double().numpy()) == 9


def test_peaks_lose_no_spike() -> None:
    values = torch.zeros(1000).numpy()
    values[777] = 1.0
    few = peaks(values, 256)
    assert len(few) <= 256
    assert few.argmax() == 777 // 4
    assert few.max() == 1.0


# --- targets ------------------------------------------------------------------------------------------------


def test_targets_show_pictures_and_entropies() -> None:
    """Even: ln 256; one prototype: 0; half and half in between."""
    drawing = targets(snapshot(probe=probe(pictures=3)))
    images = parse(drawing).findall(f"{NAMESPACE}image")
    assert len(images) == 3
    half = (1 + 1 / K) / 2
    middle = -half * math.log(half) - (K - 1) / (2 * K) * math.log(1 / (2 * K))
    entropies = [text.words for text in sorted(words(drawing), key=lambda t: (t.y, t.x)) if text.words[:2] == "h "]
    assert entropies == ["h 5.55", f"h {middle:.2f}", "h 0.00"] * 3
    assert f"{LN_K:.2f} nats" in drawing.title
    assert "0.00 as the target" in drawing.title


@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_row_belongs_to_its_picture(row: int) -> None:
    """Target `row` has its spike at prototype `row`, beside the picture of that colour."""
    sharp = torch.zeros(3, K)
    for i, place_ in enumerate((0, 100, 250)):
        sharp[i, place_] = 1.0
    drawing = targets(snapshot(probe=replace(probe(), target=sharp)))
    spike = sorted((p for p in paths(drawing) if p.fill == GREEN), key=lambda p: max(y for _, y in p.points))[row]
    top = min(y for _, y in spike.points)
    x = next(x for x, y in spike.points if y == top)
    left, right = spike.points[0][0], spike.points[-1][0]
    assert (x - left) / (right - left) == pytest.approx((0, 100 / 256, 250 / 256)[row], abs=0.03)
    image = parse(drawing).findall(f"{NAMESPACE}image")[row]
    assert float(image.get("y", "")) == pytest.approx(top, abs=0.06)
    png = base64.b64decode(image.get("href", "").split(",")[1])
    grey = 60 * (row + 1)
    assert Image.open(io.BytesIO(png)).getpixel((3, 3)) == (grey, grey, grey)


@pytest.mark.parametrize(
    ("knobs", "centre", "target"),
    [
        ({}, "÷ τs 0.1", "÷ τt 0.04"),
        ({"teacher_temp": 0.3}, "÷ τs 0.1", "÷ τt 0.3"),
        ({"centering": False}, "OFF, not used", "÷ τt 0.04"),
        ({"centering": False, "target": "sinkhorn"}, "OFF, not used", "÷ τt 0.04"),
        ({"sharpening": False}, "÷ τs 0.1", "sharpening OFF"),
        ({"target": "sinkhorn"}, "not used", "÷ τt 0.04"),
        ({"target": "sinkhorn", "sharpening": False}, "not used", "sharpening OFF"),
        ({"target": "batch_softmax"}, "not used", "÷ τt 0.04"),
    ],
)
def test_heads_are_true_to_the_knobs(knobs: dict[str, Any], centre: str, target: str) -> None:
    drawing = targets(snapshot(knobs=KNOBS | knobs))
    heads = sorted((text for text in words(drawing) if text.y == 48), key=lambda text: text.x)
    assert [head.words for head in heads] == ["÷ τs 0.1", centre, target]
    way = {"sinkhorn": "= Sinkhorn", "batch_softmax": "= batch softmax"}.get(knobs.get("target", ""), "= target")
    assert way in said(drawing)
    pale = {path.opacity < 1 for path in paths(drawing) if path.fill == BLUE}
    assert pale == {centre != "÷ τs 0.1"}


@pytest.mark.parametrize("pictures", [1, 2, 4, 8])
def test_every_picture_has_a_row_inside(pictures: int) -> None:
    drawing = targets(snapshot(probe=probe(pictures=pictures)))
    images = parse(drawing).findall(f"{NAMESPACE}image")
    assert len(images) == pictures
    assert all(float(i.get("y", "")) + float(i.get("height", "")) <= drawing.height for i in images)


# --- distance and score -------------------------------------------------------------------------------------


def test_distance_is_where_the_numbers_say() -> None:
    drawing = distance(snapshot(future(50)))
    assert curve(drawing, BLUE).points == [
        (pytest.approx(across(x, 50), abs=0.06), height(0.05, 0.1)) for x in range(0, 51, 10)
    ]
    assert "0.050" in drawing.title


def test_score_stands_beside_start_and_chance() -> None:
    """0.3 at step 0, 0.5 after; chance 0.002; the axis ends at 0.6."""
    drawing = score(snapshot(future(50)))
    points = curve(drawing, GREEN).points
    assert [y for _, y in points] == pytest.approx([height(0.3, 0.6)] + [height(0.5, 0.6)] * 5, abs=0.06)
    guides = [p.points for p in paths(drawing) if p.dash == "1 4" and p.points[0][0] == LEFT]
    assert [y for (_, y), _ in guides] == pytest.approx([height(0.002, 0.6), height(0.3, 0.6)], abs=0.06)
    assert {"now 50%", "start 30%", "chance <1%"} <= set(said(drawing))
    assert "50%" in drawing.title
    assert "random network at step 0 had 30%" in drawing.title


def test_a_score_not_measured_yet() -> None:
    drawing = score(snapshot(replace(future(5), score=())))
    assert "not measured yet" in drawing.title
    assert "chance <1%" in said(drawing)


# --- all of them --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [0, 1, 2, 49, 5000])
@pytest.mark.parametrize("meter", METERS)
def test_any_number_of_steps(meter: Any, steps: int) -> None:
    drawing = meter(snapshot(future(steps)))
    parse(drawing)
    assert re.match(r"[A-Z\d].*\.$", drawing.title)
    assert max(len(path.points) for path in paths(drawing)) <= max(2 * POINTS, 520)
    assert len(drawing.svg()) < 40_000


@pytest.mark.parametrize("meter", METERS)
def test_words_stay_on_the_sheet(meter: Any) -> None:
    """Ends of words, estimated on the wide side."""
    worst = replace(
        forked(), out_dim=1024, probe=probe(1024), knobs=KNOBS | {"target": "batch_softmax", "sharpening": False}
    )
    for text in words(meter(forked())) + words(meter(worst)):
        width = text_width(text.words, text.size)
        left = text.x - {"start": 0, "middle": width / 2, "end": width}[text.anchor]
        assert left >= -2, text
        assert left + width <= WIDTH + 2, text


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("meter", METERS)
def test_what_is_no_number_breaks_nothing(meter: Any, bad: float) -> None:
    logs = (*future(20).logs, log(20, bad, bad, bad), log(21))
    now = replace(future(22), logs=logs, distance=((0, 0.1), (10, bad)), score=((0, 0.3), (10, bad)))
    hole = replace(probe(), use=torch.full((K,), bad), target=torch.full((3, K), bad))
    for shown in (snapshot(now, probe=hole), snapshot(replace(now, logs=logs[:-1]), others=(now,), probe=hole)):
        drawing = meter(shown)
        numbers = [xy for path in paths(drawing) for point in path.points for xy in point]
        assert numbers
        assert all(map(math.isfinite, numbers))


def test_the_band_of_the_kl_leaves_out_what_is_no_number() -> None:
    """A step without numbers is no dip to the floor, and the names at the end are of the last that had some."""
    drawing = loss(snapshot(replace(future(21), logs=(*future(20).logs, log(20, kl=math.nan)))))
    (band,) = [path for path in paths(drawing) if path.fill == GREEN]
    top = 1.14 * LN_K
    assert len(band.points) == 2 * 20
    assert {y for _, y in band.points} == {round(height(3, top), 1), round(height(2, top), 1)}
    assert "loss 3.00" in said(drawing)


def test_one_step_shows_as_a_dot() -> None:
    drawing = loss(snapshot(future(1)))
    dots = [path for path in paths(drawing) if path.fill in (BLUE, ORANGE, GREEN) and len(path.points) == 4]
    assert {dot.fill for dot in dots} == {BLUE, ORANGE, GREEN}


def test_no_step_says_so() -> None:
    drawing = loss(snapshot())
    assert "no step yet" in said(drawing)
    assert "no step yet" in drawing.title
    assert "no step yet" not in said(loss(snapshot(future(1))))


# --- banner, page and sheet ---------------------------------------------------------------------------------


@pytest.mark.parametrize("diagnosis", list(VERDICTS))
def test_banner_has_sign_word_and_colour(diagnosis: str) -> None:
    shown = banner(snapshot(future(3), diagnosis=diagnosis))
    root = ET.fromstring(shown)
    everything = " ".join(root.itertext())
    assert VERDICTS[diagnosis].title in everything
    assert ICONS[diagnosis] in everything
    assert f"solid {VERDICTS[diagnosis].color}" in root.get("style", "")
    assert "About 55 of 256 prototypes" in everything
    assert "Turn a knob" in everything


def test_signs_differ() -> None:
    assert set(ICONS) == set(VERDICTS)
    assert len(set(ICONS.values())) == len(ICONS)


def test_banner_before_the_first_step() -> None:
    assert "Ready" in banner(snapshot())
    assert "Healthy" not in banner(snapshot())


def test_banner_says_which_future_it_is() -> None:
    assert "step 60, future B, rewound to 40" in banner(forked())
    assert "future" not in banner(snapshot(future(3)))


def test_words_cannot_become_markup() -> None:
    hostile = '<script>alert("1")</script>'
    bad = forked()
    bad = replace(
        bad,
        reason=hostile,
        advice=hostile,
        diagnosis=hostile,
        now=replace(bad.now, name=hostile, changes=(Change(3, hostile, hostile),)),
        others=(replace(bad.others[0], name=hostile),),
    )
    for shown in (banner(bad), page(bad), sheet(bad).svg()):
        ET.fromstring(shown)
        assert "<script" not in shown
        assert "&lt;script" in shown


def test_page_holds_every_meter_and_follows_the_theme() -> None:
    shown = page(snapshot(future(3)))
    root = ET.fromstring(shown)
    titles = [title.text for title in root.iter(f"{NAMESPACE}title")]
    assert titles == [meter(snapshot(future(3))).title for meter in METERS]
    style = root.get("style", "")
    assert "display: grid" in style
    assert "auto-fit" in style
    assert "272px" in style
    assert "var(--jp-ui-font-color1, inherit)" in style


@pytest.mark.parametrize("shown", [snapshot(), snapshot(future(1)), forked()], ids=["empty", "one step", "forked"])
def test_sheet_is_everything_in_one_drawing(shown: Snapshot) -> None:
    drawing = sheet(replace(shown, knobs=KNOBS | {"teacher_temp": 0.3}))
    assert drawing.width == 900
    inside = parse(drawing).findall(f"{NAMESPACE}g")
    assert len(inside) == len(METERS)
    for group in inside:
        found = re.fullmatch(r"translate\(([\d.]+) ([\d.]+)\) scale\(([\d.]+)\)", group.get("transform", ""))
        assert found
        x, y, scale = map(float, found.groups())
        assert x + scale * WIDTH <= drawing.width
        assert y + scale * HEIGHT <= drawing.height
    text = " ".join(said(drawing)).replace("\N{NO-BREAK SPACE}", " ")
    assert "About 55 of 256 prototypes share the pictures." in text
    assert "▸ τt 0.3 (usual 0.04)" in text
    assert all(meter(shown).title in drawing.title for meter in (loss, score))


def test_a_long_reason_is_wrapped_and_makes_room() -> None:
    short, long = sheet(snapshot()), sheet(snapshot(reason="word " * 100))
    lines = [text for text in words(long) if text.words.startswith("word")]
    assert len(lines) > 3
    assert all(text.x + text_width(text.words, text.size) * 0.94 <= 900 for text in lines)
    assert long.height > short.height + 40


def test_sheet_as_png() -> None:
    drawing = sheet(forked())
    picture = Image.open(io.BytesIO(drawing.png()))
    assert picture.size == (1800, 2 * drawing.height)
    colors = picture.convert("RGB").getcolors(1 << 24)
    assert colors
    found = {color for _, color in colors}
    assert {(0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00), (0x00, 0x9E, 0x73), (255, 255, 255)} <= found
