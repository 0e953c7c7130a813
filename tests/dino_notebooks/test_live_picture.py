"""What the live picture says and draws: its numbers by hand, its SVG by an XML parser.

Run: pytest tests/dino_notebooks/test_live_picture.py
"""

import math
import re
import time
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from made_logs import FIRST, K, logs

from dino_notebooks import live_chart
from dino_notebooks.drawing import BLUE, GREEN, ORANGE
from dino_notebooks.drawing.axes import POINTS, thinned
from dino_notebooks.live_picture import Frame, diagnosis, duration, images_per_second, picture, sentence


def svg(page: str) -> ET.Element:
    """The chart in a picture, parsed: which fails unless it is well-formed."""
    found = re.search("<svg.*</svg>", page)
    assert found
    return ET.fromstring(found[0].replace(' xmlns="http://www.w3.org/2000/svg"', ""))  # so that tags have short names


# --- numbers and words --------------------------------------------------------------------------------------


def test_sentence_counts_steps_rate_and_time() -> None:
    """30 steps in 6 s, 60 to go: 12 s. The rate is that of training, 64 pictures in 0.1 s."""
    frame = Frame(logs(30), steps=90, seconds=6.0)
    assert sentence(frame) == "step 30 of 90 · loss 3.50 = h 2.00 + KL 1.50 · 640 images/s · 12 s left"


def test_sentence_at_the_end_says_how_long_it_took() -> None:
    assert sentence(Frame(logs(30), steps=30, seconds=125.4)).endswith(" · 2 min 05 s")
    assert sentence(Frame(logs(3), steps=30, seconds=8.0, note="Stopped.")).endswith(" · 8 s")


def test_a_resumed_run_counts_from_its_beginning() -> None:
    """20 of 100 steps were done before, 10 more took 5 s: 70 to go take 35 s."""
    frame = Frame([replace(log, step=log.step + 20) for log in logs(10)], steps=100, seconds=5.0)
    assert sentence(frame).startswith("step 30 of 100")
    assert sentence(frame).endswith("35 s left")


def test_rate_weighs_steps_by_their_time() -> None:
    """64 pictures in 0.1 s and 64 in 0.3 s are 128 in 0.4 s, not the mean of both rates."""
    two = [FIRST, replace(FIRST, seconds=0.3, images_per_second=64 / 0.3)]
    assert images_per_second(two) == pytest.approx(320)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "0 s"), (99.4, "99 s"), (99.6, "1 min 40 s"), (3600, "60 min 00 s")]
)
def test_duration(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_diagnosis_does_not_flicker() -> None:
    """One odd step changes nothing; the reason is the newest of the state that is shown."""
    newest = replace(FIRST, reason="newest")
    odd = replace(FIRST, diagnosis="uniform", reason="odd")
    assert diagnosis([*logs(30), newest, odd]) == ("healthy", "newest")
    assert diagnosis(logs(30) + [odd] * 15)[0] == "uniform"


# --- the picture --------------------------------------------------------------------------------------------


def test_picture_says_everything_in_words() -> None:
    page = picture(Frame(logs(30), steps=90, out_dim=K, seconds=6.0))
    assert "<b>Healthy</b>. 49 prototypes in use" in page
    assert 'role="progressbar"' in page
    assert 'aria-valuenow="30"' in page
    chart = svg(page)
    assert chart.get("role") == "img"
    (title,) = [element.text for element in chart if element.tag == "title"]
    assert title.startswith("step 30 of 90 · loss 3.50 = h 2.00 + KL 1.50")
    words = [element.text for element in chart if element.tag == "text"]
    assert {"loss 3.50", "KL 1.50", "h 2.00", "nats", "step", "0", "45", "90"} <= set(words)
    assert f"ln K = {math.log(K):.2f}, all prototypes alike" in words


def test_chart_has_no_colour_of_one_theme() -> None:
    """Text and axes in the page's own colour can be read in both themes, and so can the curves' three."""
    chart = svg(picture(Frame(logs(30), steps=90, out_dim=K)))
    assert {element.get("fill") for element in chart if element.tag == "text"} == {"currentColor"}
    strokes = {element.get("stroke") for element in chart if element.tag == "path"}
    assert strokes == {None, "currentColor", BLUE, ORANGE, GREEN}


def test_curves_differ_without_their_colours() -> None:
    chart = svg(picture(Frame(logs(30), steps=90, out_dim=K)))
    looks = {e.get("stroke"): e.get("stroke-dasharray") for e in chart if e.get("stroke") in (BLUE, ORANGE, GREEN)}
    assert len(set(looks.values())) == 3


def test_before_the_first_step_there_are_axes_and_a_word() -> None:
    page = picture(Frame([], steps=90, out_dim=K))
    assert "the first step is on its way" in page
    assert svg(page).tag == "svg"


def test_without_k_there_is_no_line() -> None:
    assert "ln K" not in picture(Frame(logs(3), steps=90))


def test_reasons_cannot_inject_html() -> None:
    page = picture(Frame(logs(2, reason="<script>alert(1)</script>"), steps=9, note="<b>"))
    assert "<script" not in page
    assert "&lt;script" in page


@pytest.mark.parametrize("count", [1, 2, POINTS - 1, POINTS, POINTS + 1, 5000])
def test_chart_stays_small_and_ends_at_the_newest_step(count: int) -> None:
    points = thinned(logs(count))
    assert len(points) <= POINTS
    assert points[-1].step == count - 1
    assert len(live_chart.chart(logs(count), count, K, "")) < 25_000


def test_curves_lie_where_the_numbers_are() -> None:
    """h below the loss, the line ln K above both, and the last step of the run at the right end."""
    chart = svg(picture(Frame(logs(90), steps=90, out_dim=K)))
    heights = {e.text: float(e.get("y", "")) for e in chart if e.tag == "text" and e.text}
    assert heights["h 2.00"] > heights["loss 3.50"] > heights[f"ln K = {math.log(K):.2f}, all prototypes alike"]
    loss = next(e.get("d", "") for e in chart if e.get("stroke") == BLUE)
    last_x = float(loss.split("L")[-1].split()[0])
    assert last_x == live_chart.WIDTH - live_chart.RIGHT


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_is_left_out(loss: float) -> None:
    page = picture(Frame([*logs(3), replace(FIRST, step=3, loss=loss, kl=loss)], steps=9, out_dim=K))
    drawn = " ".join(element.get("d", "") for element in svg(page))
    assert "nan" not in drawn
    assert "inf" not in drawn


def test_a_picture_takes_no_time() -> None:
    """Ten a second must leave the core to the training: under 20 ms each even here, where all is shared."""
    frame = Frame(logs(600), steps=600, out_dim=K)
    picture(frame)
    times = []
    for _ in range(10):
        before = time.perf_counter()
        picture(frame)
        times.append(time.perf_counter() - before)
    assert min(times) < 0.02
