"""AttentionWidget in real JupyterLab in real Chromium: picture, head, layer and mass by keyboard, pictures uploaded.

Screenshots of both themes go into the test's temporary folder, or into $DINO_SHOTS: look at them.
Run: DINO_SHOTS=/tmp/shots pytest tests/notebooks/test_attention_browser.py
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyterlab_browser import Lab, jupyterlab
from PIL import Image
from playwright.sync_api import Locator

from dino_lite.data import BUNDLED

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LONG = 120_000  # ms; the machine may be busy
CELL_COUNT = "() => window.jupyterapp.shell.currentWidget.content.model.cells.length"  # those off the page too
CELLS = [
    "from dino_notebooks import AttentionWidget\nwidget = AttentionWidget()\nwidget",
    'named = AttentionWidget("timm:vit_small_patch16_224.dino")\nnamed',
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Lab]:
    """JupyterLab on a notebook with two widgets, all cells run. The weights of the second cannot be fetched."""
    folder = tmp_path_factory.mktemp("lab")
    with jupyterlab(folder, chromium, DINO_NB_FAST="1") as lab:
        lab.page.on("filechooser", lambda _: None)  # Playwright listens from now on: asked late, it can miss one
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, folder / "work" / "dino-notebooks" / "attention.ipynb")
        lab.go_to("attention.ipynb")
        lab.run_all()
        shown(lab).locator("svg[role=img]").wait_for(timeout=LONG)
        yield lab


@pytest.fixture
def photograph(tmp_path: Path) -> Path:
    """What a phone saves: a landscape picture on its side, and a tag that says so."""
    with Image.open(BUNDLED / "cat.png") as cat:
        picture = cat.convert("RGB").resize((1600, 1600)).crop((0, 200, 1600, 1400))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "holiday <1>.jpg", exif=exif)
    return tmp_path / "holiday <1>.jpg"


def shown(lab: Lab, number: int = 0) -> Locator:
    """A cell's widget."""
    return lab.page.locator(".jp-OutputArea-output .widget-vbox:has(> .widget-html svg[role=img])").nth(number)


def asked(lab: Lab, question: str, answer: object) -> None:
    """Ask the kernel until it answers so: messages take their time."""
    for _ in range(400):
        if (said := lab.kernel(f"import json; print(json.dumps({question}))")) == json.dumps(answer):
            return
        lab.page.wait_for_timeout(50)
    raise AssertionError(f"{question} is {said}, not {json.dumps(answer)}")


def title(lab: Lab) -> str:
    """What the figure says to a screen reader."""
    return shown(lab).locator("svg[role=img] > title").text_content() or ""


def said(lab: Lab) -> str:
    """The line below the figure."""
    return shown(lab).locator("[aria-live]").inner_text()


def iou(lab: Lab) -> str:
    """The number in that line."""
    found = re.search(r"own mask: (\d\.\d\d)", said(lab))
    assert found, said(lab)
    return found[1]


def by_keyboard(lab: Lab, menu: str, keys: str, condition: str) -> None:
    """Press keys on one of the menus, one by one, until the page shows what comes of them."""
    shown(lab).get_by_role("combobox", name=menu).focus()
    for key in keys.split():
        lab.page.keyboard.press(key)
    shown(lab).locator("svg[role=img] > title", has_text=condition).wait_for(state="attached", timeout=LONG)


def choose(lab: Lab, path: Path) -> None:
    """Choose a file with the button, by keyboard."""
    shown(lab).get_by_role("button", name="upload a picture").focus()
    with lab.page.expect_file_chooser() as chooser:
        lab.page.keyboard.press("Enter")
    chooser.value.set_files(path)


def test_it_opens_with_the_shipped_model(lab: Lab, shots: Path) -> None:
    assert "random" not in title(lab)
    assert "Block 4, mean of the heads, on dog face" in title(lab)
    assert 0 < float(iou(lab)) < 1
    shown(lab).screenshot(path=shots / "attention-first.png")


def test_head_layer_and_picture_by_keyboard(lab: Lab) -> None:
    """The figure, its words and the IoU change with each, as the kernel has them."""
    seen = {iou(lab): lab.kernel("print(widget.picture.value)")}
    for menu, keys, condition in (
        ("head", "ArrowDown ArrowDown", "Block 4, head 2"),
        ("layer", "ArrowUp", "Block 3, head 2"),
        ("picture", "ArrowDown", "on cat face"),
    ):
        by_keyboard(lab, menu, keys, condition)
        words = lab.kernel("print(f'own mask: {widget.numbers[\"iou\"]:.2f} ')")
        shown(lab).locator("[aria-live]", has_text=words).wait_for(timeout=LONG)  # comes after the figure
        seen[iou(lab)] = lab.kernel("print(widget.picture.value)")
    assert len(set(seen.values())) == 4
    assert len(seen) > 1


def test_keys_are_not_the_notebooks(lab: Lab) -> None:
    """D D would delete the cell. With Ctrl, JupyterLab still has its own."""
    cells = lab.page.evaluate(CELL_COUNT)
    for control in (
        shown(lab).get_by_role("combobox", name="head"),
        shown(lab).get_by_role("button", name="upload a picture"),
    ):
        control.focus()
        lab.page.keyboard.press("d")
        lab.page.keyboard.press("d")
    assert lab.page.evaluate(CELL_COUNT) == cells
    bar = lab.page.locator("#jp-left-stack")
    before = bar.is_visible()
    for state in ("hidden", "visible") if before else ("visible", "hidden"):
        lab.page.keyboard.press("Control+B")
        bar.wait_for(state=state, timeout=LONG)


def test_mass_by_keyboard(lab: Lab) -> None:
    """Typed into the field, and moved with the slider: a smaller mass has fewer patches."""
    patches = []
    for mass in ("0.9", "0.3"):
        shown(lab).locator("input[type=number]").first.focus()
        lab.page.keyboard.press("Control+A")
        lab.page.keyboard.type(mass)
        lab.page.keyboard.press("Enter")
        asked(lab, "widget.mass.value", float(mass))
        patches.append(int(lab.kernel("print(int(widget.numbers['patches']))")))
        shown(lab).locator("[aria-live]", has_text=f"mask has {patches[-1]} of 16").wait_for(timeout=LONG)
        assert f"{mass[2]}0% of the attention lies on {patches[-1]} of 16 patches" in title(lab)
    assert patches[0] > patches[1]
    before = float(lab.kernel("print(widget.mass.value)"))
    shown(lab).locator(".noUi-handle").first.focus()
    lab.page.keyboard.press("ArrowRight")
    asked(lab, f"widget.mass.value > {before}", True)


def test_other_sizes(lab: Lab) -> None:
    by_keyboard(lab, "input", "ArrowDown ArrowDown ArrowDown", "of 256 patches")
    by_keyboard(lab, "input", "ArrowUp ArrowUp ArrowUp", "of 16 patches")


def test_an_upload_is_shown_upright(lab: Lab, photograph: Path, shots: Path) -> None:
    choose(lab, photograph)
    shown(lab).locator("[role=status]", has_text="holiday <1>.jpg: 1024 × 768 px").wait_for(timeout=LONG)
    assert "on holiday <1>.jpg:" in title(lab)
    assert "no mask of its own" in said(lab)
    chosen = shown(lab).get_by_role("combobox", name="picture").locator("option:checked")
    assert chosen.get_attribute("data-value") == "holiday%20%3C1%3E.jpg"  # with spaces that do not break, it shows
    box = shown(lab).locator("svg[role=img] image").first.bounding_box()
    assert box
    assert box["width"] / box["height"] == pytest.approx(4 / 3, rel=0.01)
    shown(lab).screenshot(path=shots / "attention-upload.png")
    choose(lab, photograph)  # the same once more is no less welcome
    asked(lab, "len(widget.picture_menu.menu.options)", 11)


def test_what_is_no_picture_is_said_and_the_view_stays(lab: Lab, tmp_path: Path, shots: Path) -> None:
    before = title(lab)
    (tmp_path / "notes.png").write_text("no picture")
    choose(lab, tmp_path / "notes.png")
    alert = shown(lab).get_by_role("alert")
    alert.wait_for(timeout=LONG)
    assert "notes.png is not a picture that Pillow can read" in alert.inner_text()
    assert title(lab) == before
    shown(lab).screenshot(path=shots / "attention-no-picture.png")


def test_weights_that_cannot_be_fetched_are_said(lab: Lab, shots: Path) -> None:
    words = "could not be fetched (HF_HUB_OFFLINE is set): the shipped emoji model is shown instead."
    assert words in shown(lab, 1).inner_text()
    shown(lab, 1).screenshot(path=shots / "attention-instead.png")


def test_photographs(lab: Lab, shots: Path) -> None:
    """In both themes and in a narrow window; nothing is wider than its place."""
    by_keyboard(lab, "picture", "Home", "on dog face")
    for width in (1280, 800):
        lab.page.set_viewport_size({"width": width, "height": 1100})
        for theme in ("Light", "Dark"):
            lab.theme(f"JupyterLab {theme}")
            lab.page.wait_for_timeout(700)
            shown(lab).scroll_into_view_if_needed()
            shown(lab).screenshot(path=shots / f"attention-{width}-{theme.lower()}.png")
        over = shown(lab).evaluate("""widget => [widget, ...widget.querySelectorAll('*')].filter(part =>
            part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).overflowX !== 'visible'
            && part.clientWidth > 1).map(part => part.className)""")
        assert over == [], (width, over)
    lab.theme("JupyterLab Light")
    lab.page.set_viewport_size({"width": 1280, "height": 900})


def test_nothing_complains(lab: Lab) -> None:
    assert [text for text in lab.complaints if "WebSocket" not in text] == []
    assert not lab.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count()
