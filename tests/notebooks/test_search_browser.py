"""The search widget in real JupyterLab in real Chromium: a name is typed, a vendor chosen, files are uploaded.

On all 3348 emoji by the shipped network. Screenshots of both themes go into the test's temporary folder, or into
$DINO_SHOTS: look at them. Run: DINO_SHOTS=/tmp/shots pytest tests/notebooks/test_search_browser.py
"""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyterlab_browser import Lab, jupyterlab
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from dino_lite import load_cat, load_pictures

pytestmark = [pytest.mark.browser, pytest.mark.slow]

LONG = 30_000  # ms; the machine may be busy
CELLS = ["from dino_notebooks import SearchWidget\nwidget = SearchWidget()\nwidget"]
TITLE = ".jp-OutputArea-output svg[role=img] > title"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Lab]:
    """JupyterLab on a notebook that ends with a search, run."""
    folder = tmp_path_factory.mktemp("lab")
    with jupyterlab(folder, chromium, DINO_NB_FAST="1") as lab:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
        nbformat.write(notebook, folder / "work" / "dino-notebooks" / "search.ipynb")
        lab.page.set_viewport_size({"width": 1280, "height": 1500})
        lab.go_to("search.ipynb")
        lab.run_all()
        lab.page.locator(TITLE).wait_for(state="attached", timeout=LONG)
        yield lab


def area(lab: Lab) -> Locator:
    """The widget."""
    return lab.page.locator(".jp-OutputArea-child", has=lab.page.locator(TITLE)).last


def shows(lab: Lab, beginning: str) -> None:
    """Wait until the drawing's title begins so."""
    lab.page.wait_for_function(
        "([title, words]) => document.querySelector(title).textContent.startsWith(words)",
        arg=[TITLE, beginning],
        timeout=LONG,
    )


def options(lab: Lab, menu: str) -> list[str]:
    """The words of a menu; ipywidgets writes spaces that do not break."""
    found = area(lab).get_by_role("combobox", name=menu).locator("option").all_inner_texts()
    return [words.replace("\xa0", " ") for words in found]


def choose(lab: Lab, menu: str, words: str) -> None:
    area(lab).get_by_role("combobox", name=menu).select_option(index=options(lab, menu).index(words))


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def animation() -> bytes:
    file, frames = io.BytesIO(), [Image.new("RGB", (40, 40), color) for color in ("red", "blue")]
    frames[0].save(file, "WEBP", save_all=True, append_images=frames[1:])
    return file.getvalue()


def give(page: Page, name: str, data: bytes, kind: str = "image/png") -> None:
    """Choose a file in the browser's own dialog."""
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="upload a picture").click()
    chooser.value.set_files({"name": name, "mimeType": kind, "buffer": data})


def test_it_opens_on_the_dog(lab: Lab, shots: Path) -> None:
    shows(lab, "Nearest to dog face by noto, other vendors first")
    text = area(lab).inner_text()
    assert "by twemoji at rank" in text
    assert area(lab).locator("svg image").count() == 1 + 2 + 12 + 6
    area(lab).screenshot(path=shots / "search-light.png")


def test_every_control_has_a_name(lab: Lab) -> None:
    """As a screen reader finds them."""
    for role, name in (
        ("textbox", "find"),
        ("combobox", "picture"),
        ("combobox", "drawn by"),
        ("combobox", "go on from"),
        ("checkbox", "other vendors first"),
        ("button", "upload a picture"),
        ("spinbutton", "neighbours"),
    ):
        assert area(lab).get_by_role(role, name=name).count() >= 1, (role, name)


def test_typing_a_name(lab: Lab, shots: Path) -> None:
    """Results change while one types; the menu holds the matches."""
    field = area(lab).get_by_role("textbox", name="find")
    field.click()
    field.press_sequentially("gui")
    shows(lab, "Nearest to guide dog by noto")
    field.press_sequentially("tar")
    shows(lab, "Nearest to guitar by noto")
    assert options(lab, "picture") == ["guitar"]
    field.fill("dog")
    shows(lab, "Nearest to dog by noto")
    assert options(lab, "picture") == ["dog", "dog face", "guide dog", "service dog", "hot dog"]
    expected = """if True:
        from dino_lite import features, load_pictures, pretrained
        pictures = load_pictures("emoji", 64)
        rows, query = features(pretrained("emoji"), pictures), pictures.names.index("noto/dog")
        others = [i for i in (rows @ rows[query]).argsort(descending=True).tolist() if pictures.names[i][:4] != "noto"]
        print([name for name, _ in widget.results] == [pictures.names[i] for i in others[:12]])"""
    assert lab.kernel(expected) == "True"
    choose(lab, "picture", "hot dog")
    shows(lab, "Nearest to hot dog by noto")
    area(lab).screenshot(path=shots / "search-typed.png")
    field.fill("dragonn")
    expect(area(lab).get_by_role("alert")).to_contain_text("did you mean 'dragon'", timeout=LONG)
    shows(lab, "Nearest to hot dog by noto")
    area(lab).screenshot(path=shots / "search-no-match.png")
    field.fill("")
    expect(area(lab).get_by_role("alert")).to_have_count(0, timeout=LONG)


def test_vendor_switch_and_number(lab: Lab) -> None:
    choose(lab, "drawn by", "fluent")
    shows(lab, "Nearest to hot dog by fluent, other vendors first")
    area(lab).get_by_role("checkbox", name="other vendors first").uncheck()
    shows(lab, "Nearest to hot dog by fluent, with")
    assert area(lab).locator("svg image").count() == 1 + 2 + 12
    number = area(lab).get_by_role("spinbutton", name="neighbours").first
    number.fill("18")
    number.press("Enter")
    lab.page.wait_for_function(
        "() => document.querySelectorAll('.jp-OutputArea svg image').length === 21", timeout=LONG
    )
    area(lab).get_by_role("checkbox", name="other vendors first").check()
    number.fill("12")
    number.press("Enter")
    shows(lab, "Nearest to hot dog by fluent, other vendors first")


def test_going_on_by_keyboard(lab: Lab) -> None:
    """From the query to its nearest neighbour."""
    first = json.loads(lab.kernel("import json; print(json.dumps(widget.results[0][0]))"))
    menu = area(lab).get_by_role("combobox", name="go on from")
    menu.focus()
    lab.page.keyboard.press("ArrowDown")  # JupyterLab would go to another cell
    vendor, _, concept = first.partition("/")
    shows(lab, f"Nearest to {concept} by {vendor}")


def test_upload(lab: Lab, shots: Path) -> None:
    """A picture of the set finds itself; a photograph is doubted; both through the browser's own dialog."""
    pictures = load_pictures("emoji", 64)
    row = pictures.names.index("twemoji/guitar")
    give(lab.page, "my guitar.png", png(Image.fromarray(pictures.images[row].permute(1, 2, 0).numpy())))
    shows(lab, "Nearest to your upload my guitar.png, with their cosines: guitar by twemoji (1.00)")
    assert "is not known here" in area(lab).inner_text()
    assert area(lab).get_by_role("combobox", name="drawn by").is_disabled()
    photograph = Image.fromarray(load_cat().permute(1, 2, 0).numpy()).resize((900, 600))
    file = io.BytesIO()
    photograph.save(file, "JPEG")
    give(lab.page, "cat.jpg", file.getvalue(), "image/jpeg")
    shows(lab, "Nearest to your upload cat.jpg")
    assert "its background counts too" in area(lab).inner_text()
    area(lab).screenshot(path=shots / "search-upload.png")


def test_uploads_that_are_no_pictures(lab: Lab, shots: Path) -> None:
    """Each is said, and the cat stays."""
    for name, data, words in (
        ("broken.png", png(Image.new("RGB", (300, 300)))[:200], "broken.png is broken ("),
        ("empty.png", b"", "empty.png is empty"),
        ("text.png", b"hello", "text.png is not a picture"),
        ("animated.webp", animation(), "animated.webp is animated"),
        ("wide.png", png(Image.new("1", (9000, 9001))), "wide.png is 9000 × 9001 px: make it smaller"),
    ):
        give(lab.page, name, data)
        expect(area(lab).get_by_role("alert")).to_contain_text(words, timeout=LONG)
        shows(lab, "Nearest to your upload cat.jpg")
    area(lab).screenshot(path=shots / "search-refused.png")


def test_photographs_in_both_themes(lab: Lab, shots: Path) -> None:
    lab.kernel("widget.search('noto/red apple')")
    shows(lab, "Nearest to red apple by noto")
    inks = {}
    for theme in ("Light", "Dark"):
        lab.theme(f"JupyterLab {theme}")
        lab.page.wait_for_timeout(1000)
        inks[theme] = area(lab).locator("svg text").first.evaluate("text => getComputedStyle(text).fill")
        area(lab).screenshot(path=shots / f"search-apple-{theme.lower()}.png")
    assert inks["Light"] != inks["Dark"]
    lab.theme("JupyterLab Light")
    lab.page.set_viewport_size({"width": 800, "height": 1500})
    lab.page.wait_for_timeout(700)
    over = area(lab).evaluate("""area => [...area.querySelectorAll('.widget-box, .widget-html, .jp-OutputArea-output')]
        .filter(part => part.scrollWidth > part.clientWidth + 1).map(part => part.className)""")
    assert over == []
    area(lab).screenshot(path=shots / "search-narrow.png")
    lab.page.set_viewport_size({"width": 1280, "height": 1500})


def test_nothing_complains(lab: Lab) -> None:
    assert [text for text in lab.complaints if "WebSocket" not in text] == []
    assert not lab.page.locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']").count()
