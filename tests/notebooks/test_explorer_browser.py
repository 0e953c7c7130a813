"""The embedding explorer in real JupyterLab in real Chromium: hovered, clicked, lassoed, searched, walked by keyboard.

On all 3348 emoji by their raw pixels, as two snapshots. Screenshots of both themes go into the test's temporary
folder, or into $DINO_SHOTS: look at them. Run: DINO_SHOTS=/tmp/shots pytest tests/notebooks/test_explorer_browser.py
"""

import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyterlab_browser import Lab, jupyterlab
from playwright.sync_api import Locator

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LONG = 120_000  # ms; the machine may be busy
CELLS = [
    "from dino_lite import load_pictures, pixel_features\nfrom dino_notebooks import Explorer\n"
    "pictures = load_pictures('emoji', 64)\n"
    "rows = {'8 px': pixel_features(pictures, 8), '16 px': pixel_features(pictures, 16)}",
    "explorer = Explorer(rows, pictures, method='pca')\nexplorer",
]
MAP = "document.querySelector('.dx').dinoMap"
ACTIVE = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
CELL_COUNT = "() => window.jupyterapp.shell.currentWidget.content.model.cells.length"  # those off the page too


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Lab]:
    """JupyterLab on a notebook that ends with an explorer, all cells run."""
    folder = tmp_path_factory.mktemp("lab")
    with jupyterlab(folder, chromium, DINO_NB_FAST="1") as lab:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, folder / "work" / "dino-notebooks" / "explorer.ipynb")
        lab.go_to("explorer.ipynb")
        lab.run_all()
        stage(lab).wait_for(timeout=LONG)
        stage(lab).evaluate("stage => stage.parentElement.scrollIntoView()")
        lab.page.wait_for_function(f"() => {MAP}.frames > 0 && {MAP}.sprites", timeout=LONG)
        yield lab


def stage(lab: Lab) -> Locator:
    """What the map is drawn on."""
    return lab.page.locator(".dx-stage")


def place_of(lab: Lab, row: int) -> tuple[float, float]:
    """Where a picture is on the page."""
    box = stage(lab).bounding_box()
    assert box
    x, y = lab.page.evaluate(f"row => {MAP}.toScreen(row)", row)
    return box["x"] + 1 + x, box["y"] + 1 + y  # inside the border


def drawn_rows(lab: Lab) -> list[int]:
    """The pictures that are drawn as pictures, well inside the map, largest free first."""
    return lab.page.evaluate(f"""() => {{
        const map = {MAP};
        return map.shown().rows.filter(i => {{ const [x, y] = map.toScreen(i);
            return x > 150 && y > 100 && x < map.width - 150 && y < map.height - 100; }});
    }}""")


def asked(lab: Lab, question: str, answer: object) -> None:
    """Ask the kernel until it answers so: messages take their time."""
    for _ in range(400):
        if (said := lab.kernel(f"import json; print(json.dumps({question}))")) == json.dumps(answer):
            return
        lab.page.wait_for_timeout(50)
    raise AssertionError(f"{question} is {said}, not {json.dumps(answer)}")


def pixel(lab: Lab, x: int, y: int) -> list[int]:
    """The colour of a point of the canvas, RGBA."""
    return lab.page.evaluate(
        "([x, y]) => [...document.querySelector('.dx canvas').getContext('2d').getImageData(x, y, 1, 1).data]", [x, y]
    )


def test_it_opens_as_a_map_with_words(lab: Lab, shots: Path) -> None:
    assert lab.page.evaluate(f"() => {MAP}.places.length") == 2 * 3348
    assert len(drawn_rows(lab)) > 20
    label = stage(lab).get_attribute("aria-label") or ""
    assert "PCA of 3348 pictures by 768 features, 16 px" in label
    assert "same group for 67%, by chance 16%" in label
    assert lab.page.locator(".dx-legend button").count() == 7
    assert all(lab.page.evaluate(f"() => Object.values({MAP}.theme)"))  # were empty before the page had the style
    lab.page.locator(".dx").screenshot(path=shots / "explorer-first.png")


def test_hover_shows_the_picture_and_its_name(lab: Lab, shots: Path) -> None:
    row = drawn_rows(lab)[0]
    lab.page.mouse.move(*place_of(lab, row))
    tip = lab.page.locator(".dx-tip")
    tip.locator("img.dx-large").wait_for(timeout=LONG)  # has come from the kernel, larger than on the sheet
    assert tip.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
    name = lab.kernel(f"print(explorer.names[{row}])")
    assert name.partition("/")[2] in tip.inner_text()
    assert lab.kernel(f"print(explorer.notes[{row}])") in tip.inner_text()
    lab.page.locator(".dx").screenshot(path=shots / "explorer-hover.png")


def test_click_gives_the_nearest_by_the_features(lab: Lab, shots: Path) -> None:
    row = drawn_rows(lab)[0]
    lab.page.mouse.click(*place_of(lab, row))
    asked(lab, "explorer.selected", row)
    expected = "(lambda x, r: (x @ x[r]).topk(12).indices[1:].tolist())(rows['16 px'], explorer.selected)"
    assert lab.kernel(f"print([row for row, _ in explorer.neighbours] == {expected})") == "True"
    strip = lab.page.get_by_role("region", name="Nearest neighbours")
    assert strip.locator(".dx-thumbs .dx-thumb").count() == 11
    assert "." in strip.locator(".dx-thumbs .dx-thumb").first.inner_text()
    lab.page.mouse.move(5, 5)
    lab.page.locator(".dx").screenshot(path=shots / "explorer-click.png")
    second = int(strip.locator(".dx-thumbs .dx-thumb").nth(1).get_attribute("data-row") or -1)
    strip.locator(".dx-thumbs .dx-thumb").nth(1).click()
    asked(lab, "explorer.selected", second)


@pytest.mark.parametrize("way", ["shift", "button"])
def test_lasso_gives_a_selection(lab: Lab, shots: Path, way: str) -> None:
    lab.kernel("explorer.selection = []")
    asked(lab, "explorer.selection", [])
    if way == "shift":
        lab.page.keyboard.down("Shift")
    else:
        lab.page.get_by_role("button", name="Draw around pictures").click()  # may scroll
    box = stage(lab).bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    lab.page.mouse.move(x - 80, y - 60)
    lab.page.mouse.down()
    for dx, dy in [(80, -60), (80, 60), (-80, 60)]:
        lab.page.mouse.move(x + dx, y + dy, steps=4)
    lab.page.mouse.up()
    if way == "shift":
        lab.page.keyboard.up("Shift")
    expected = lab.page.evaluate(f"""() => [...Array(3348).keys()].filter(i => {{
        const map = {MAP}, [x, y] = map.toScreen(i);
        return Math.abs(x - map.width / 2) < 80 && Math.abs(y - map.height / 2) < 60; }})""")
    lab.page.locator(".dx-strip", has_text="selected").wait_for(timeout=LONG)
    got = json.loads(lab.kernel("import json; print(json.dumps(explorer.selection))"))
    assert len(set(got) ^ set(expected)) <= 0.1 * len(expected)  # the border of the box is 1 px
    assert len(expected) > 20
    assert lab.kernel("print(len(explorer.chosen()) == len(explorer.selection))") == "True"
    lab.page.locator(".dx").screenshot(path=shots / f"explorer-lasso-{way}.png")


def test_search_leaves_what_is_called_so(lab: Lab, shots: Path) -> None:
    field = lab.page.get_by_role("searchbox", name="Find by name")
    field.fill("cat")
    count = int(lab.kernel("print(sum('cat' in name for name in explorer.names))"))
    assert lab.page.locator(".dx-found").inner_text() == f"{count} found"
    assert lab.page.evaluate(f"() => {MAP}.shown().rows.length") <= count
    lab.page.locator(".dx").screenshot(path=shots / "explorer-search.png")
    field.press("Enter")
    first = int(lab.kernel("print([i for i, name in enumerate(explorer.names) if 'cat' in name][0])"))
    asked(lab, "explorer.selected", first)
    field.press("Escape")
    assert field.input_value() == ""
    lab.page.locator(".dx-legend button").first.click()  # one group alone
    sizes = json.loads(lab.kernel("import json; print(json.dumps(explorer.coloring['sizes']))"))
    assert lab.page.evaluate(f"() => {MAP}.matching.size") == sizes[0]
    lab.page.locator(".dx-legend button").first.click()
    assert lab.page.evaluate(f"() => {MAP}.matching") is None


def test_wheel_zooms_once_the_map_has_the_focus(lab: Lab) -> None:
    box = stage(lab).bounding_box()
    assert box
    lab.page.evaluate("() => document.activeElement.blur()")
    lab.page.mouse.move(box["x"] + 300, box["y"] + 200)
    before = lab.page.evaluate(f"() => {MAP}.scale")
    stage(lab).focus()
    lab.page.mouse.wheel(0, -300)
    lab.page.wait_for_function(f"before => {MAP}.scale > 1.2 * before", arg=before)
    center = lab.page.evaluate(f"() => {MAP}.center")
    lab.page.mouse.down()
    lab.page.mouse.move(box["x"] + 400, box["y"] + 250, steps=5)
    lab.page.mouse.up()
    assert lab.page.evaluate(f"() => {MAP}.center") != center
    lab.page.get_by_role("button", name="Show the whole map").click()
    assert lab.page.evaluate(f"() => {MAP}.scale") == pytest.approx(before)


def test_two_fingers_zoom_and_one_pans(lab: Lab) -> None:
    """A pinch keeps the middle of the fingers on its place of the map; it selects and lassoes nothing."""
    lab.kernel("explorer.selected = None")
    asked(lab, "explorer.selected", None)
    stage(lab).evaluate("stage => stage.scrollIntoView({block: 'center'})")
    box = stage(lab).bounding_box()
    assert box
    x, y = box["x"] + 300, box["y"] + 200
    touch = lab.page.context.new_cdp_session(lab.page)

    def fingers(kind: str, **places: float) -> None:
        points = [{"x": at, "y": y, "id": int(name[1])} for name, at in places.items()]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch.send("Emulation.setTouchEmulationEnabled", {"enabled": True, "maxTouchPoints": 2})
    try:
        before = lab.page.evaluate(f"() => {MAP}.scale")
        fingers("touchStart", f0=x - 40)
        fingers("touchStart", f0=x - 40, f1=x + 40)
        for gap in (60, 80, 100, 120):
            fingers("touchMove", f0=x - gap, f1=x + gap)
        lab.page.wait_for_function(f"before => {MAP}.scale > 2.9 * before", arg=before)
        center = lab.page.evaluate(f"() => {MAP}.center")
        fingers("touchEnd", f0=x - 120)  # the one that is taken away
        fingers("touchMove", f1=x + 60)
        lab.page.wait_for_function(f"center => {MAP}.center[0] > center[0] + 0.01", arg=center)
        assert lab.page.evaluate(f"() => {MAP}.scale") == pytest.approx(3 * before, rel=0.05)
        fingers("touchEnd")
    finally:
        touch.send("Emulation.setTouchEmulationEnabled", {"enabled": False})
    asked(lab, "[explorer.selected, explorer.selection]", [None, json.loads(lab.kernel("print(explorer.selection)"))])
    lab.page.get_by_role("button", name="Show the whole map").click()
    assert lab.page.evaluate(f"() => {MAP}.scale") == pytest.approx(before)


def test_by_keyboard_alone(lab: Lab, shots: Path) -> None:
    lab.kernel("explorer.selected = None; explorer.selection = []")
    asked(lab, "[explorer.selected, explorer.selection]", [None, []])
    cells = lab.page.evaluate(CELL_COUNT)
    stage(lab).focus()
    lab.page.wait_for_timeout(300)
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        before = lab.page.evaluate(f"() => {MAP}.marks.focus")
        start = place_of(lab, before) if before is not None else None
        active = lab.page.evaluate(ACTIVE)
        lab.page.keyboard.press(key)
        assert lab.page.evaluate(ACTIVE) == active  # JupyterLab would go to another cell
        end = place_of(lab, lab.page.evaluate(f"() => {MAP}.marks.focus"))
        if start is not None:
            assert end[0] > start[0] if key == "ArrowRight" else end[1] > start[1]
    row = lab.page.evaluate(f"() => {MAP}.marks.focus")
    name = lab.kernel(f"print(explorer.names[{row}])")
    assert name.partition("/")[2] in lab.page.locator(".dx [aria-live=polite]").inner_text()
    lab.page.locator(".dx").screenshot(path=shots / "explorer-keyboard.png")
    lab.page.keyboard.press("Enter")
    asked(lab, "explorer.selected", row)
    lab.page.keyboard.press("Space")
    asked(lab, "explorer.selection", [row])
    scale = lab.page.evaluate(f"() => {MAP}.scale")
    lab.page.keyboard.press("+")
    assert lab.page.evaluate(f"() => {MAP}.scale") > scale
    lab.page.keyboard.press("0")
    for element in (stage(lab), lab.page.get_by_role("button", name="Zoom in"), lab.page.locator(".dx-thumb").first):
        element.focus()
        lab.page.keyboard.press("d")  # twice, JupyterLab would delete the cell
        lab.page.keyboard.press("d")
    stage(lab).focus()
    assert lab.page.evaluate(CELL_COUNT) == cells
    lab.page.keyboard.press("Escape")
    lab.page.keyboard.press("Escape")
    asked(lab, "[explorer.selected, explorer.selection]", [None, []])


def test_snapshots_glide(lab: Lab) -> None:
    before = lab.page.evaluate(f"() => [...{MAP}.places]")
    lab.page.evaluate(f"() => {{ {MAP}.seen = 0; const old = {MAP}.move.bind({MAP});"
                      f" {MAP}.move = now => {{ {MAP}.seen++; old(now); }}; }}")  # fmt: skip
    slider = lab.page.get_by_role("slider", name="Snapshot")
    slider.focus()
    lab.page.keyboard.press("ArrowLeft")
    asked(lab, "explorer.snapshot", "8 px")
    lab.page.wait_for_function(f"() => {MAP}.seen > 3 && !{MAP}.glide", timeout=LONG)
    assert lab.page.evaluate(f"() => [...{MAP}.places]") != before
    assert "192 features, 8 px" in lab.page.locator(".dx-finding").inner_text()
    lab.page.emulate_media(reduced_motion="reduce")
    lab.page.evaluate(f"() => {{ {MAP}.seen = 0; }}")
    lab.page.keyboard.press("ArrowRight")
    asked(lab, "explorer.snapshot", "16 px")
    lab.page.wait_for_timeout(300)
    assert lab.page.evaluate(f"() => {MAP}.seen") == 0
    lab.page.emulate_media(reduced_motion="no-preference")


def test_umap_comes_when_it_is_ready(lab: Lab, shots: Path) -> None:
    lab.page.get_by_role("button", name="UMAP").click()
    lab.page.locator(".dx-progress").wait_for(timeout=LONG)
    assert "UMAP of 3348 pictures is being computed" in lab.page.locator(".dx-progress").inner_text()
    lab.page.locator(".dx").screenshot(path=shots / "explorer-progress.png")
    assert lab.kernel("print(6 * 7)") == "42"  # other cells run meanwhile
    lab.page.locator(".dx-finding", has_text="UMAP of 3348").wait_for(timeout=LONG)
    assert lab.page.locator(".dx-progress").is_hidden()
    lab.page.wait_for_timeout(1500)


def test_photographs_in_both_themes(lab: Lab, shots: Path) -> None:
    """The canvas takes the theme's colours too: the lines to the neighbours, the ground of a card."""
    lab.page.set_viewport_size({"width": 1280, "height": 1100})
    lab.kernel("explorer.selected = 30; explorer.selection = list(range(100, 190))")
    asked(lab, "len(explorer.selection)", 90)
    inks = {}
    for theme in ("Light", "Dark"):
        lab.theme(f"JupyterLab {theme}")
        lab.page.wait_for_timeout(1000)
        inks[theme] = lab.page.evaluate(f"() => ({{...{MAP}.theme}})")
        lab.page.locator(".dx").screenshot(path=shots / f"explorer-umap-{theme.lower()}.png")
    assert inks["Light"]["ink"] != inks["Dark"]["ink"]
    assert inks["Light"]["card"] != inks["Dark"]["card"]
    lab.page.get_by_role("combobox", name="Colour").select_option("cluster")
    asked(lab, "explorer.color_by", "cluster")
    lab.page.wait_for_timeout(500)
    for _ in range(4):
        lab.page.get_by_role("button", name="Zoom in").click()
    lab.page.wait_for_timeout(500)
    lab.page.locator(".dx").screenshot(path=shots / "explorer-zoomed-dark.png")
    lab.theme("JupyterLab Light")
    lab.page.set_viewport_size({"width": 800, "height": 1000})
    lab.page.wait_for_timeout(700)
    over = lab.page.evaluate("""() => [...document.querySelectorAll('.dx, .dx > *')]
        .filter(part => part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 1).map(part => part.className)""")
    assert over == []
    lab.page.locator(".dx").screenshot(path=shots / "explorer-narrow.png")
    lab.page.set_viewport_size({"width": 1280, "height": 900})


def test_it_follows_a_lab(lab: Lab, shots: Path) -> None:
    """A second map, which moves by itself while the lab beside it trains; other cells run meanwhile."""
    code = """
from dino_notebooks import CollapseLab
panel = CollapseLab(name='followed', driver='thread')
live = Explorer(panel, pictures[::6])
panel.transport.play.click()
"""
    assert lab.kernel(code) == ""
    asked(lab, "len(live.snapshots) >= 4", True)
    assert lab.kernel("print(live.snapshot == live.snapshots[-1] != 'step 0')") == "True"
    assert "features, step" in lab.kernel("print(live.finding)")
    assert lab.kernel("panel.stop(); live.close()") == ""


def test_nothing_complains(lab: Lab) -> None:
    assert [text for text in lab.complaints if "WebSocket" not in text] == []
    assert not lab.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count()
