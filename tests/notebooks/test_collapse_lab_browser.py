"""The collapse lab in real JupyterLab in real Chromium: played, steered by mouse and by keyboard, rewound, left alone.

Screenshots of both themes go into the test's temporary folder, or into $DINO_SHOTS: look at them.
Run: DINO_SHOTS=/tmp/shots pytest tests/notebooks/test_collapse_lab_browser.py
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyterlab_browser import READY, Lab, jupyterlab
from playwright.sync_api import Locator

pytestmark = [pytest.mark.browser, pytest.mark.slow]

DRIVER = "from dino_notebooks.session.registry import _running; driver = _running['lab']; session = driver.session; "
TRAINERS = "import threading; print(sum(t.name == 'dino-lab' for t in threading.enumerate()))"
LONG = 120_000  # ms; the machine may be busy


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Lab]:
    """JupyterLab on the notebook of the collapse lab, all cells run once in fast mode."""
    with jupyterlab(tmp_path_factory.mktemp("lab"), chromium, DINO_NB_FAST="1") as lab:
        lab.go_to("06_collapse_lab.ipynb")
        lab.run_all()
        come_to(lab)
        yield lab


def panel(lab: Lab) -> Locator:
    """The first panel of the notebook."""
    return lab.page.locator(".dino-collapse-lab").first


def come_to(lab: Lab) -> None:
    """Scroll to the panel: JupyterLab does not lay out what is far off."""
    panel(lab).wait_for(state="attached", timeout=LONG)
    panel(lab).evaluate("panel => panel.scrollIntoView()")
    panel(lab).locator(".dino-state").wait_for(timeout=LONG)


def button(lab: Lab, name: str) -> Locator:
    """A button by the words on it; its name for a screen reader has the icon's character too."""
    return panel(lab).locator("button").filter(has_text=re.compile(rf"^\s*{name}\s*$"))


def press(lab: Lab, name: str) -> None:
    """Click a button of the panel."""
    button(lab, name).click()


def shown_step(lab: Lab) -> int:
    """The step that the panel shows."""
    return int(panel(lab).locator(".dino-status").get_attribute("data-step") or -1)


def wait_for_step(lab: Lab, step: int) -> None:
    """Wait until the panel shows a step or a later one."""
    lab.page.wait_for_function(
        "step => Number(document.querySelector('.dino-collapse-lab .dino-status').dataset.step) >= step",
        arg=step,
        timeout=LONG,
    )


def wait_for_state(lab: Lab, state: str) -> None:
    """Wait until the banner names a state."""
    panel(lab).locator(f".dino-state[data-state='{state}']").wait_for(timeout=LONG)


def wait_for_kernel(lab: Lab, question: str, answer: str) -> None:
    """Ask the kernel until it answers so."""
    for _ in range(600):
        if (said := lab.kernel(DRIVER + f"print({question})")) == answer:
            return
        lab.page.wait_for_timeout(100)
    raise AssertionError(f"{question} is {said}, not {answer}")


def test_it_waits_and_then_plays(lab: Lab, shots: Path) -> None:
    assert shown_step(lab) == 0
    assert "Press play" in panel(lab).inner_text()
    lab.page.screenshot(path=shots / "lab-at-first.png")
    press(lab, "Play")
    wait_for_step(lab, 60)
    assert lab.kernel("print(6 * 7)") == "42"  # other cells run meanwhile
    assert lab.kernel(DRIVER + "print(driver.playing)") == "True"


def test_dragging_the_temperature_makes_the_targets_uniform(lab: Lab) -> None:
    handle = panel(lab).locator(".widget-slider .noUi-handle").nth(1)  # τs, τt
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    lab.page.mouse.move(x, y)
    lab.page.mouse.down()
    lab.page.mouse.move(x + 110, y, steps=8)
    lab.page.mouse.up()
    wait_for_state(lab, "uniform")
    value = float(lab.kernel(DRIVER + "print(session.knobs['teacher_temp'])"))
    assert value > 0.1
    field = panel(lab).locator("input[type=number]").nth(1)
    assert float(field.input_value()) == value
    assert "not well below the student's" in panel(lab).locator(".dino-state").inner_text()


def test_before_the_last_change_it_was_another_future(lab: Lab) -> None:
    before = lab.kernel(DRIVER + "print(session.knobs['teacher_temp'])")
    for _ in range(20):  # a drag is a dozen changes, and each has a before
        press(lab, "Before the last change")
        lab.page.wait_for_timeout(400)
        if (now := lab.kernel(DRIVER + "print(session.knobs['teacher_temp'])")) == "0.04":
            break
    assert now == "0.04" != before
    wait_for_kernel(lab, "session.snapshot().now.name != 'A' and bool(session.snapshot().others)", "True")
    panel(lab).get_by_text("future B", exact=False).or_(panel(lab).get_by_text("future", exact=False)).first.wait_for()


def test_by_keyboard_alone(lab: Lab) -> None:
    """The tick box of centering, the step button, and a number typed into a field."""
    box = panel(lab).get_by_role("checkbox", name="centering")
    box.focus()
    lab.page.keyboard.press("Space")
    wait_for_state(lab, "dominant")
    assert "centering is off" in panel(lab).locator(".dino-state").inner_text()
    lab.page.keyboard.press("Space")
    wait_for_kernel(lab, "session.knobs['centering']", "True")
    pause = button(lab, "Pause")
    pause.focus()
    lab.page.keyboard.press("Enter")
    wait_for_kernel(lab, "driver.playing", "False")
    step = int(lab.kernel(DRIVER + "print(session.step)"))
    lab.page.keyboard.press("Tab")
    lab.page.keyboard.press("Enter")
    wait_for_kernel(lab, "session.step", str(step + 1))
    field = panel(lab).locator("input[type=number]").nth(3)  # λ
    field.focus()
    lab.page.keyboard.press("Control+A")
    lab.page.keyboard.type("0.9735")
    lab.page.keyboard.press("Enter")
    wait_for_kernel(lab, "session.snapshot().knobs['ema_momentum']", "0.9735")


def test_photographs(lab: Lab, shots: Path) -> None:
    """In both themes and at 900 px; nothing of the panel is wider than the page."""
    panel(lab).get_by_role("combobox", name="scene").select_option(label="✗ no sharpening")
    press(lab, "Play")
    wait_for_state(lab, "uniform")
    for width in (1280, 900):
        lab.page.set_viewport_size({"width": width, "height": 900})
        for theme in ("Light", "Dark"):
            lab.theme(f"JupyterLab {theme}")
            lab.page.wait_for_timeout(500)
            height = int((panel(lab).bounding_box() or {})["height"])
            lab.page.set_viewport_size({"width": width, "height": height + 200})
            come_to(lab)
            lab.page.wait_for_timeout(1000)
            panel(lab).screenshot(path=shots / f"lab-{width}-{theme.lower()}.png")
            lab.page.set_viewport_size({"width": width, "height": 900})
        over = lab.page.evaluate("""() => {
            const panel = document.querySelector('.dino-collapse-lab');
            return [...panel.querySelectorAll('*')].filter(part => part.scrollWidth > part.clientWidth + 1
                && getComputedStyle(part).overflowX !== 'visible' && part.clientWidth > 1)
                .map(part => part.outerHTML.slice(0, 200));
        }""")
        assert over == [], (width, over)
    lab.page.set_viewport_size({"width": 1280, "height": 900})
    lab.theme("JupyterLab Light")


def test_charts_have_words_for_those_who_do_not_see_them(lab: Lab) -> None:
    titles = panel(lab).locator("svg[role=img] > title").all_text_contents()
    assert len(titles) == 6
    assert all(len(title) > 20 and re.search(r"\d", title) for title in titles), titles


def test_an_interrupt_does_no_harm(lab: Lab) -> None:
    wait_for_kernel(lab, "driver.playing", "True")
    lab.page.locator("[data-jp-item-name='interrupt'] >> visible=true").click()
    step = shown_step(lab)
    wait_for_step(lab, step + 5)
    assert lab.kernel("print('alive')") == "alive"


def test_after_a_reload_it_goes_on(lab: Lab) -> None:
    lab.command("docmanager:save")
    lab.page.reload()
    lab.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=LONG)
    lab.page.evaluate(READY)
    come_to(lab)
    step = shown_step(lab)
    wait_for_step(lab, step + 5)
    press(lab, "Pause")
    wait_for_kernel(lab, "driver.playing", "False")
    assert not lab.page.get_by_text("Error displaying widget").count()


def test_ten_runs_of_the_cell_leave_one_trainer(lab: Lab) -> None:
    code = ["from dino_notebooks import CollapseLab", "for _ in range(10):", "    last = CollapseLab()"]
    assert lab.kernel("\n".join([*code, "    last.transport.play.click()"])) == ""
    assert lab.kernel(TRAINERS) == "2"  # the other panel of the notebook has a name of its own
    assert lab.kernel("last.stop(); " + TRAINERS) == "1"


def test_when_the_page_is_closed_the_run_pauses(lab: Lab) -> None:
    """With short times; the page that comes back shows the panel of the last run as it stands, and plays on."""
    lab.run_all()
    come_to(lab)
    press(lab, "Play")
    wait_for_step(lab, 5)
    code = "import dino_notebooks.session.drivers as d; d.UNSEEN_SECONDS = 3.0; "
    assert lab.kernel(DRIVER + code + "print(driver._seen is not None)") == "True"  # the browser gives signs of life
    address = lab.page.url
    lab.command("docmanager:save")
    lab.page.goto("about:blank")
    lab.page.wait_for_timeout(8000)
    lab.page.goto(address)
    lab.page.locator(".jp-Notebook .jp-Cell").first.wait_for(timeout=LONG)
    lab.page.evaluate(READY)
    assert lab.kernel(DRIVER + "print(driver.playing)") == "False"
    come_to(lab)
    panel(lab).get_by_text("the page was closed").wait_for(timeout=LONG)
    assert lab.kernel(DRIVER + "d.UNSEEN_SECONDS = 60.0") == ""
    step = shown_step(lab)
    press(lab, "Play")
    wait_for_step(lab, step + 5)
    press(lab, "Stop")
    panel(lab).get_by_text("stopped").wait_for(timeout=LONG)
    assert lab.kernel(TRAINERS) == "1"


def test_after_a_restart_of_the_kernel_the_cell_runs_again(lab: Lab) -> None:
    assert "Run this cell again" in panel(lab).inner_text()
    lab.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    lab.page.evaluate(READY)
    lab.run_all()
    come_to(lab)
    press(lab, "Play")
    wait_for_step(lab, 3)
    press(lab, "Stop")
    panel(lab).get_by_text("stopped").wait_for()


def test_nothing_complains(lab: Lab) -> None:
    assert [text for text in lab.complaints if "WebSocket" not in text] == []
