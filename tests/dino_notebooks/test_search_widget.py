"""SearchWidget against a plain sort of cosines in numpy, slow counts of ranks, and uploads that Pillow wrote.

Run: pytest tests/dino_notebooks/test_search_widget.py
"""

import base64
import dataclasses
import datetime
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import drawn
import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from dino_lite import (
    Dino,
    DinoConfig,
    Pictures,
    VectorIndex,
    ViT,
    features,
    load_pictures,
    pretrained,
    save_checkpoint,
)
from dino_lite.evaluate import on_background
from dino_notebooks.drawing import GREEN
from dino_notebooks.widgets import SearchWidget, search_gallery
from dino_notebooks.widgets.live_figure import WIDTH
from dino_notebooks.widgets.search_gallery import Gallery

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
VENDORS, CONCEPTS = ("anna", "bo", "carl"), ("dog", "dog face", "hot dog", "cat", "Éclair <b>", "red apple")


def vit() -> ViT:
    """Built for 32 px, weights so large that features of noise differ."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ViT(img_size=32, patch_size=8, dim=24, depth=2, heads=3, init_std=0.3, position_std=1.0)


def noise(count: int, channels: int = 4, height: int = 40, width: int = 40, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, channels, height, width), dtype=torch.uint8, generator=generator)


def made(channels: int = 4) -> Pictures:
    """Six concepts by three vendors, in two groups."""
    names = [f"{vendor}/{concept}" for vendor in VENDORS for concept in CONCEPTS]
    labels = torch.tensor([0, 0, 1, 0, 1, 1] * 3)
    return Pictures(noise(18, channels), names, labels, ["Animals", "Food & Drink"])


def plain(count: int = 20, labelled: bool = True) -> Pictures:
    """Without vendors."""
    names = [f"{('cats', 'dogs')[i % 2]}/picture {i}.png" for i in range(count)]
    labels = torch.arange(count) % 2
    labels[-1] = -1
    return Pictures(noise(count), names, *((labels, ["cats", "dogs"]) if labelled else ()))


@pytest.fixture
def widget() -> SearchWidget:
    """On "anna/dog"."""
    return SearchWidget(vit(), made(), k=5)


def cosines_to(rows: Tensor, query: Tensor) -> np.ndarray:
    x, q = rows.double().numpy(), query.double().numpy()
    return x @ q / np.linalg.norm(x, axis=1) / np.linalg.norm(q)


def sorted_names(pictures: Pictures, rows: Tensor, query: int, others_first: bool) -> list[str]:
    """All other pictures by a plain argsort of cosines."""
    cosines = cosines_to(rows, rows[query])
    order = [i for i in np.argsort(-cosines, kind="stable").tolist() if i != query]
    vendor = [name.split("/")[0] for name in pictures.names]
    if others_first:
        order = [i for i in order if vendor[i] != vendor[query]] + [i for i in order if vendor[i] == vendor[query]]
    return [pictures.names[i] for i in order]


def png_of(image: Tensor, file_format: str = "PNG", **how: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).save(file, file_format, **how)
    return file.getvalue()


def upload(widget: SearchWidget, *files: bytes, name: str = "mine.png") -> str:
    """As the browser does it; what the line below the button says then."""
    widget.upload.button.value = tuple(
        {"name": name, "type": "", "size": len(data), "content": memoryview(data), "last_modified": NOW}
        for data in files
    )
    return said_below(widget.upload)


def said_below(control: Any) -> str:
    return re.sub("<[^>]*>", "", control.children[1].value)


def state(widget: SearchWidget) -> tuple[Any, ...]:
    """All that is in view."""
    return widget.results, widget.picture.value, widget.line.value, widget.picture_menu.menu.value


def pictures_in(svg: str) -> list[np.ndarray]:
    found = re.findall(r'href="data:image/png;base64,([^"]+)"', svg)
    return [np.array(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


# --- what is found ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
@pytest.mark.parametrize(("background", "pool"), [("white", "cls"), ("random", "cls"), ("white", "both")])
def test_neighbours_are_the_largest_cosines(kind: str, background: str, pool: str) -> None:
    """Every picture as query, with and without other vendors first; and the query itself is never there."""
    pictures, network = made(), vit()
    rows = features(network, pictures, background, pool)
    widget = SearchWidget(network, pictures, kind, background, k=7, pool=pool)
    for others_first in (True, False):
        widget.others_first.box.value = others_first
        for query, name in enumerate(pictures.names):
            found = widget.search(name)
            assert [other for other, _ in found] == sorted_names(pictures, rows, query, others_first)[:7]
            expected = cosines_to(rows, rows[query])
            for other, cosine in found:
                assert cosine == pytest.approx(expected[pictures.names.index(other)], abs=1e-5)


def test_all_emoji_by_the_shipped_network() -> None:
    """Without arguments: the package's pictures and network, begun with the dog."""
    widget, pictures = SearchWidget(), load_pictures("emoji", 64)
    rows = features(pretrained("emoji"), pictures)
    query = pictures.names.index("noto/dog face")
    expected = sorted_names(pictures, rows, query, others_first=True)
    assert [name for name, _ in widget.results] == expected[:12]
    assert widget.ranks == {f"{v}/dog face": expected.index(f"{v}/dog face") + 1 for v in ("twemoji", "fluent")}
    assert "of 2,232 pictures by others" in widget.line.value
    assert len(widget.gallery.index) == 3348


@pytest.mark.parametrize("others_first", [True, False])
def test_ranks_and_words(widget: SearchWidget, others_first: bool) -> None:
    """Slow counts: how many are nearer than the same by each other vendor, and how many are of the group."""
    pictures = made()
    rows = features(vit(), pictures)
    widget.others_first.box.value = others_first
    query = pictures.names.index("bo/dog face")
    widget.search("bo/dog face")
    cosines = cosines_to(rows, rows[query])
    for vendor in ("anna", "carl"):
        target = pictures.names.index(f"{vendor}/dog face")
        nearer = [
            name
            for i, name in enumerate(pictures.names)
            if cosines[i] > cosines[target] and i != query and not (others_first and name.startswith("bo/"))
        ]
        assert widget.ranks[f"{vendor}/dog face"] == len(nearer) + 1
        assert widget.numbers[f"rank_{vendor}"] == len(nearer) + 1
        assert f"by {vendor} at rank {len(nearer) + 1}" in widget.line.value
    assert ("of 12 pictures by others" if others_first else "of 17 other pictures") in widget.line.value
    assert list(widget.ranks) == ["anna/dog face", "carl/dog face"]
    animals = {"dog", "dog face", "cat"}
    same = sum(name.partition("/")[2] in animals for name, _ in widget.results)
    assert f"Of its group, Animals: {same} of the 5 nearest, and 47% of all others" in widget.line.value
    assert widget.numbers["group"] == pytest.approx(8 / 17)
    assert widget.numbers["nearest"] == pytest.approx(np.delete(cosines, query).max(), abs=1e-5)


def test_fewer_by_others_than_asked_for(widget: SearchWidget) -> None:
    """Then its own vendor's follow; and k ends at all others."""
    widget.k.set(15)
    vendors = [name.split("/")[0] for name, _ in widget.results]
    assert vendors.index("anna") == 12
    assert vendors.count("anna") == 3
    assert drawn.texts(widget.picture.value).count("nearest by anna itself") == 1
    widget.k.set(17)
    assert len(widget.results) == 17
    assert "nearest by anna itself" not in drawn.texts(widget.picture.value)  # nobody is left for it


def test_pictures_that_are_alike_are_found() -> None:
    """The same pixels under another name have a cosine of 1, and are no reason to list the query."""
    pictures = plain(8)
    twins = dataclasses.replace(pictures, images=torch.cat([pictures.images[:4]] * 2))
    for kind in ("flat", "hnsw"):
        widget = SearchWidget(vit(), twins, kind, k=3)
        for i, name in enumerate(twins.names):
            found = widget.search(name)
            assert found[0] == (twins.names[(i + 4) % 8], pytest.approx(1, abs=1e-5))
            assert name not in dict(found)


def test_pictures_that_are_all_the_same() -> None:
    """A collapsed network gives such features: it is said."""
    pictures = dataclasses.replace(made(), images=noise(1).repeat(18, 1, 1, 1))
    widget = SearchWidget(vit(), pictures)
    assert len(widget.results) == 12
    assert "hardly tell the pictures apart" in widget.line.value
    assert "hardly tell" not in SearchWidget(vit(), made()).line.value


def test_only_so_many_are_ranked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large set the rest is not sorted: a rank beyond is not known, and not made up."""
    monkeypatch.setattr(search_gallery, "DEEPEST", 3)
    widget = SearchWidget(vit(), made(), k=5)
    widget.others_first.box.value = False
    for name in made().names:
        found = [other for other, _ in widget.search(name)]
        assert len(found) == 2  # the query is the third
        for other, rank in widget.ranks.items():
            assert rank == (found.index(other) + 1 if other in found else None)
            assert (rank is None) == (f"by {other.split('/')[0]} further down" in widget.line.value)
    assert "far" in drawn.texts(widget.picture.value)


def test_without_vendors() -> None:
    """Classes are marked instead, nothing is put first, and two controls are not there."""
    pictures, network = plain(), vit()
    widget = SearchWidget(network, pictures, k=6)
    rows = features(network, pictures)
    assert [name for name, _ in widget.results] == sorted_names(pictures, rows, 0, others_first=False)[:6]
    assert widget.ranks == {}
    shown = [control for column in widget.children[0].children for control in column.children]
    assert widget.vendor_menu not in shown
    assert widget.others_first not in shown
    assert widget.upload in shown
    same = sum(name.startswith("cats") for name, _ in widget.results)
    assert f"Of its group, cats: {same} of the 6 nearest" in widget.line.value
    assert len(drawn.strokes(widget.picture.value, GREEN)) == same
    assert "of the same class" in drawn.texts(widget.picture.value)
    widget.search(pictures.names[-1])  # has no class
    assert "Of its group" not in widget.line.value
    bare = SearchWidget(network, plain(labelled=False), k=6)
    assert [name for name, _ in bare.results] == [name for name, _ in SearchWidget(network, pictures, k=6).results]
    assert not drawn.strokes(bare.picture.value, GREEN)
    assert "of the same class" not in drawn.texts(bare.picture.value)


def test_two_pictures_are_enough() -> None:
    widget = SearchWidget(vit(), plain(2))
    assert len(widget.results) == 1
    assert "Not drawn" not in widget.line.value


def test_the_index_is_built_once(widget: SearchWidget, monkeypatch: pytest.MonkeyPatch) -> None:
    """Menus ask the index, an upload the network for one picture."""
    asked: list[int] = []
    embed = Gallery.embed
    monkeypatch.setattr(Gallery, "embed", lambda self, images: asked.append(len(images)) or embed(self, images))
    monkeypatch.setattr(VectorIndex, "add", lambda *_: pytest.fail("indexed anew"))
    widget.find.field.value = "cat"
    widget.vendor_menu.menu.value = "1"
    widget.k.set(3)
    assert asked == []
    widget.search(noise(1, seed=4)[0])
    assert asked == [1]


# --- controls -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "concepts"),
    [
        ("dog", ["dog", "dog face", "hot dog"]),
        ("  DOG ", ["dog", "dog face", "hot dog"]),
        ("face dog", ["dog face"]),
        ("ppl", ["red apple"]),
        ("éclair", ["Éclair <b>"]),
    ],
)
def test_find_by_name(widget: SearchWidget, text: str, concepts: list[str]) -> None:
    """All words of it, in any order and case; the closest is looked for at once, by the vendor that was chosen."""
    widget.search("bo/red apple")
    widget.find.field.value = text
    assert [words for words, _ in widget.picture_menu.menu.options] == concepts
    assert widget.picture_menu.menu.label == concepts[0]
    assert widget.vendor_menu.menu.label == "bo"
    results = widget.results
    assert f"Nearest to {concepts[0]} by bo, other vendors first" in widget.sentence()
    assert said_below(widget.find) == (f"{len(concepts)} names hold it." if len(concepts) > 1 else "One name holds it.")
    assert results == widget.search(f"bo/{concepts[0]}")
    assert widget.find.field.value == ""
    assert len(widget.picture_menu.menu.options) == len(CONCEPTS)


def test_a_name_that_is_not_there(widget: SearchWidget) -> None:
    """What is in view stays; close names are offered; what was typed is text."""
    before = state(widget)
    widget.find.field.value = "dof face"
    assert "No name holds 'dof face' (did you mean 'dog face'" in said_below(widget.find).replace("&#x27;", "'")
    assert 'role="alert"' in widget.find.children[1].value
    assert state(widget) == before
    widget.find.field.value = "<script>"
    assert "<script>" not in widget.find.children[1].value
    widget.find.field.value = ""
    assert "must be in the name" in said_below(widget.find)
    assert state(widget) == before


def test_menus(widget: SearchWidget) -> None:
    """Picture and vendor choose together; a neighbour becomes the query."""
    widget.picture_menu.menu.value = str(CONCEPTS.index("cat"))
    assert widget.sentence().startswith("Nearest to cat by anna,")
    widget.vendor_menu.menu.value = "2"
    assert widget.sentence().startswith("Nearest to cat by carl,")
    third = widget.results[2][0]
    options = widget.onward_menu.menu.options
    assert len(options) == 6
    assert options[3][0] == f"3. {third.split('/')[1]} by {third.split('/')[0]}"
    widget.onward_menu.menu.value = options[3][1]
    assert widget.sentence().startswith(f"Nearest to {options[3][0][3:]},")
    assert widget.vendor_menu.menu.label == third.split("/")[0]
    assert widget.picture_menu.menu.label == third.split("/")[1]
    assert widget.onward_menu.menu.value == ""


def test_a_long_menu_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """And still holds the query."""
    monkeypatch.setattr("dino_notebooks.widgets.search.MOST_LISTED", 4)
    widget = SearchWidget(vit(), plain(), query="dogs/picture 9.png")
    assert [words.split()[1] for words, _ in widget.picture_menu.menu.options] == [
        "9.png",
        "0.png",
        "1.png",
        "2.png",
        "3.png",
    ]
    assert widget.picture_menu.menu.label == "dogs/picture 9.png"


def test_controls_have_names(widget: SearchWidget) -> None:
    """What a screen reader calls them."""
    assert widget.find.field.description == "find"
    names = [c.menu.description for c in (widget.picture_menu, widget.vendor_menu, widget.onward_menu)]
    assert names == ["picture", "drawn by", "go on from"]
    assert widget.upload.button.description == "upload a picture"
    assert widget.upload.button.tooltip  # else the browser shows "null"
    assert 'role="status"' in widget.upload.children[1].value
    assert 'aria-live="polite"' in widget.line.value


# --- uploads ------------------------------------------------------------------------------------------------


def test_an_upload_finds_its_like(widget: SearchWidget) -> None:
    """A picture of the set, with its alpha: the same features, so that it is found first with a cosine of 1."""
    pictures = made()
    assert upload(widget, png_of(pictures.images[7])) == "mine.png: 40 × 40 px."
    assert widget.results[0] == (pictures.names[7], pytest.approx(1, abs=1e-5))
    rows = features(vit(), pictures)
    order = np.argsort(-cosines_to(rows, rows[7]))[:5]
    assert [name for name, _ in widget.results] == [pictures.names[i] for i in order]
    assert widget.upload.button.value == ()
    assert widget.ranks == {}
    assert widget.vendor_menu.menu.disabled
    assert widget.others_first.box.disabled
    assert "What mine.png shows is not known here" in widget.line.value
    assert "no transparency" not in widget.line.value
    assert "Of its group" not in widget.line.value
    assert widget.sentence().startswith("Nearest to your upload mine.png, with")
    assert not drawn.strokes(widget.picture.value, GREEN)


def test_back_from_an_upload(widget: SearchWidget) -> None:
    """It stays in the menu of pictures."""
    upload(widget, png_of(noise(1, seed=5)[0]), name="a <i>.png")
    found = widget.results
    assert "<i>" not in widget.line.value + widget.picture.value
    assert widget.picture_menu.menu.label == "upload: a <i>.png"
    widget.picture_menu.menu.value = "3"
    assert widget.sentence().startswith("Nearest to cat by anna")
    assert not widget.vendor_menu.menu.disabled
    widget.picture_menu.menu.value = "upload"
    assert widget.results == found
    assert widget.vendor_menu.menu.disabled
    widget.find.field.value = "apple"
    assert widget.sentence().startswith("Nearest to red apple by anna")
    assert [words for words, _ in widget.picture_menu.menu.options] == ["red apple"]


def test_two_uploads_of_the_same_file(widget: SearchWidget) -> None:
    data = png_of(noise(1, seed=6)[0])
    upload(widget, data)
    found = widget.results
    widget.search("bo/cat")
    upload(widget, data)
    assert widget.results == found


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_kinds_of_files(widget: SearchWidget, file_format: str) -> None:
    """An opaque picture of the set's size: the pixels are those that Pillow reads."""
    data = png_of(noise(1, 3, seed=8)[0], file_format)
    assert "⚠" not in upload(widget, data)
    read = torch.from_numpy(np.array(Image.open(io.BytesIO(data)).convert("RGB"))).permute(2, 0, 1)
    rows = features(vit(), made())
    best = cosines_to(rows, features(vit(), read[None])[0])
    assert widget.results[0] == (made().names[best.argmax()], pytest.approx(best.max(), abs=1e-5))
    assert "no transparency, unlike the others" in widget.line.value


def test_shapes_of_uploads(widget: SearchWidget) -> None:
    """Of an opaque one the middle square, as of pictures in a folder; a see-through one whole, with room around it."""
    wide = noise(1, 3, 40, 100, seed=9)[0]
    upload(widget, png_of(wide))
    assert "Only its middle square" in widget.line.value
    found = widget.results
    assert found == [(n, pytest.approx(c, abs=1e-5)) for n, c in widget.search(wide[:, :, 30:70].contiguous())]
    assert "middle square" not in widget.line.value
    clear = torch.cat([wide, torch.full((1, 40, 100), 90, dtype=torch.uint8)])[:, :, :40]
    tall = torch.zeros(4, 80, 40, dtype=torch.uint8)
    tall[:, 20:60] = clear
    square = torch.zeros(4, 80, 80, dtype=torch.uint8)
    square[:, :, 20:60] = tall
    upload(widget, png_of(tall))
    assert "middle square" not in widget.line.value
    found = widget.results
    assert [name for name, _ in found] == [name for name, _ in widget.search(square)]
    assert found[0][1] == pytest.approx(widget.results[0][1], abs=1e-3)


def test_a_phones_photograph(widget: SearchWidget) -> None:
    """Turned as its EXIF tag says; of a JPEG with two shots in it (MPO) the first."""
    picture, exif = Image.fromarray(noise(1, 3, seed=10)[0].permute(1, 2, 0).numpy()), Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    picture.save(file, "PNG", exif=exif)
    assert "⚠" not in upload(widget, file.getvalue())
    found, turned = widget.results, torch.from_numpy(np.array(picture.rotate(-90))).permute(2, 0, 1)
    assert found == [(n, pytest.approx(c, abs=1e-5)) for n, c in widget.search(turned)]
    file = io.BytesIO()
    picture.save(file, "MPO", save_all=True, append_images=[Image.new("RGB", (40, 40))])
    assert "⚠" not in upload(widget, file.getvalue(), name="phone.jpg")
    assert "What phone.jpg shows" in widget.line.value
    assert widget.results[0][1] < 0.999


def animated(file_format: str) -> bytes:
    file = io.BytesIO()
    frames = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in noise(3, 3)]
    frames[0].save(file, file_format, save_all=True, append_images=frames[1:])
    return file.getvalue()


def blank(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "mine.png is empty"),
        (b"not a picture", "mine.png is not a picture"),
        (png_of(noise(1)[0])[:900], "mine.png is broken ("),
        (png_of(noise(1, 3)[0], "JPEG")[:700], "mine.png is broken ("),
        (animated("PNG"), "mine.png is animated: save one of its pictures as a PNG."),
        (animated("WEBP"), "mine.png is animated"),
        (animated("GIF"), "mine.png is animated"),
        (blank(9000, 9001), "mine.png is 9000 × 9001 px: make it smaller"),
        (blank(20000, 20000), "mine.png has too many pixels: make it smaller"),
        (blank(7, 300), "mine.png is 7 × 300 px"),
    ],
    ids=["empty", "text", "cut PNG", "cut JPEG", "APNG", "WebP", "GIF", "huge", "bomb", "thin"],
)
def test_uploads_that_are_refused(widget: SearchWidget, data: bytes, sentence: str) -> None:
    """In one sentence; what is in view stays, and the next upload works."""
    before = state(widget)
    said = upload(widget, data)
    assert said.startswith(f"⚠ {sentence}")
    assert said.count(". ") == 0
    assert state(widget) == before
    assert widget.upload.button.value == ()
    assert "⚠" not in upload(widget, png_of(noise(1)[0]))


def test_what_was_wrong_is_past(widget: SearchWidget) -> None:
    """The sentence goes when something else is looked for."""
    for change in (
        lambda: widget.search("bo/cat"),
        lambda: setattr(widget.picture_menu.menu, "value", "0"),
        lambda: setattr(widget.find.field, "value", "dog"),
        lambda: setattr(widget.onward_menu.menu, "value", widget.onward_menu.menu.options[1][1]),
    ):
        assert "⚠" in upload(widget, b"")
        change()
        assert "⚠" not in said_below(widget.upload)


def test_two_files_at_once(widget: SearchWidget) -> None:
    before, data = state(widget), png_of(noise(1)[0])
    assert upload(widget, data, data) == "⚠ These are 2 files: upload one picture at a time."
    assert state(widget) == before


# --- drawing ------------------------------------------------------------------------------------------------


def test_pictures_are_those_that_are_named(widget: SearchWidget) -> None:
    """The query, the same by the two others, the neighbours in order, and those of its own vendor, all on white."""
    pictures, rows = made(), features(vit(), made())
    expected = sorted_names(pictures, rows, 0, others_first=True)
    order = ["anna/dog", "bo/dog", "carl/dog", *expected[:5], *expected[12:]]
    found = pictures_in(widget.picture.value)
    assert len(found) == len(order)
    for pixels, name in zip(found, order, strict=True):
        image = on_background(pictures.images[pictures.names.index(name)][None])[0] * 255
        assert np.abs(pixels - image.permute(1, 2, 0).numpy()).max() <= 1
    texts = drawn.texts(widget.picture.value)
    ranks = widget.ranks
    assert texts[4:7] == [
        "the same by others, with their ranks",
        str(ranks["bo/dog"]),
        f"{dict_of(widget, 'bo/dog'):.2f}",
    ]
    start = texts.index("nearest, other vendors first")
    name, cosine = widget.results[0]
    assert texts[start + 1 : start + 5] == ["1", f"{cosine:.2f}", name.split("/")[1], name.split("/")[0]]
    start = texts.index("nearest by anna itself")
    assert texts[start + 1] == "1"
    assert texts[start + 3] == expected[12].split("/")[1]


def dict_of(widget: SearchWidget, name: str) -> float:
    """The cosine of a picture to the query, from the whole ranking."""
    rows = features(vit(), made())
    return float(cosines_to(rows, rows[0])[made().names.index(name)])


def test_the_same_is_marked_by_colour_and_sign(widget: SearchWidget) -> None:
    """A green frame, a green square and a tick on it: on both targets, on each that is among the k, and in the key."""
    widget.k.set(17)
    svg = widget.picture.value
    frames, squares = drawn.strokes(svg, GREEN), drawn.areas(svg, GREEN)
    ticks = [stroke for stroke in drawn.strokes(svg, "#ffffff") if len(stroke.points) == 3]
    assert len(frames) == 4
    assert len(squares) == len(ticks) == 5
    assert "the same by another vendor" in drawn.texts(svg)
    places = [widget.ranks[name] or 0 for name in ("bo/dog", "carl/dog")]
    columns = sorted(round(frame.box[0] / 105) for frame in frames[2:])
    assert columns == sorted((place - 1) % 6 for place in places)
    assert widget.sentence().count(", the same)") == 2


@pytest.mark.parametrize("k", [1, 6, 7, 36])
def test_it_fits_its_place(k: int) -> None:
    """Nothing sticks out, however long the names are."""
    names = [f"{vendor}/{'a very long name of one thing ' * 3}{i}" for vendor in ("x" * 50, "y") for i in range(30)]
    pictures = Pictures(noise(60), names, torch.zeros(60, dtype=torch.int64), ["w" * 80])
    widget = SearchWidget(vit(), pictures, k=k)
    svg = widget.picture.value
    root = drawn.parsed(svg)
    height = float(root.get("viewBox", "").split()[3])
    for element in root:
        if element.tag.endswith(("image", "text")):
            x, y = float(element.get("x", "0")), float(element.get("y", "0"))
            w, h = float(element.get("width", "0")), float(element.get("height", "0"))
            if element.tag.endswith("text") and element.get("text-anchor") is None:
                w = 0.55 * float(element.get("font-size", "0")) * len(element.text or "")
            assert x >= 0
            assert x + w <= WIDTH + 1
            assert 0 < y + h <= height
    assert len(widget.results) == k


@pytest.mark.parametrize("shape", [(300, 40), (40, 300), (9, 9)])
def test_pictures_of_other_shapes(shape: tuple[int, int]) -> None:
    """Whole, in the middle of a square."""
    pictures = dataclasses.replace(plain(4), images=noise(4, 3, *shape))
    widget = SearchWidget(vit(), pictures)
    assert len(widget.results) == 3
    assert all(pixels.shape[0] == pixels.shape[1] <= 280 for pixels in pictures_in(widget.picture.value))


def test_still_and_words(widget: SearchWidget) -> None:
    """The static twin has the drawing and the line and runs nothing; the drawing's title names the neighbours."""
    html = widget.static_html()
    assert widget.picture.value in html
    assert widget.line.value in html
    assert "<script" not in html
    assert drawn.title(widget.picture.value) == widget.sentence()
    listed = [f"{name.split('/')[1]} by {name.split('/')[0]} ({cosine:.2f}" for name, cosine in widget.results]
    assert all(words in widget.sentence() for words in listed)
    assert drawn.inks(widget.picture.value) == {"currentColor"}
    widget.search("anna/Éclair <b>")
    assert "<b>" not in widget.picture.value
    assert set(widget._repr_mimebundle_()) == {"text/html", "text/plain"}  # nobody watches a test


# --- networks and indexes -----------------------------------------------------------------------------------


def test_kinds_of_networks(tmp_path: Path) -> None:
    """A Dino's teacher, a Network, its ViT, that ViT as timm's, and a run folder: the same numbers."""
    config = dataclasses.replace(DinoConfig.lab(), picture_size=32)
    dino, pictures = Dino(config, seed=3, device="cpu"), made()
    with torch.no_grad():
        dino.teacher.backbone.pos_embed.mul_(20)  # unlike the student
    assert "nothing has been learnt yet" in SearchWidget(dino, pictures).sentence()
    dino.step = 1
    save_checkpoint(dino, tmp_path / "checkpoint.safetensors")
    expected = SearchWidget(dino, pictures)
    assert "nothing has been learnt" not in expected.line.value
    assert expected.results != SearchWidget(dino.student, pictures).results
    teacher = dino.teacher
    for model in (teacher, teacher.backbone, teacher.backbone.to_timm(), tmp_path, str(tmp_path)):
        found = SearchWidget(model, pictures).results
        assert found == [(name, pytest.approx(cosine, abs=1e-4)) for name, cosine in expected.results]


def test_look_again() -> None:
    """The widget keeps a network of its own until it is asked: uploads and the index would not fit otherwise."""
    dino, pictures = Dino(DinoConfig.lab(), seed=3, device="cpu"), made()
    dino.step = 1
    widget, image = SearchWidget(dino, pictures, query="bo/cat"), noise(1, seed=3)[0]
    before = widget.results
    uploaded = widget.search(image)
    with torch.no_grad():
        for p in dino.teacher.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=torch.Generator().manual_seed(0)))
    assert widget.search("bo/cat") == before
    assert widget.search(image) == uploaded
    widget.look_again()
    fresh = SearchWidget(dino, pictures, query="bo/cat")
    assert widget.search("bo/cat") == fresh.results != before
    assert widget.search(image) == fresh.search(image) != uploaded


def test_the_network_and_torchs_generator_stay() -> None:
    network = vit().train()
    weights, generator = [p.clone() for p in network.parameters()], torch.random.get_rng_state()
    SearchWidget(network, made(), background="random").search(noise(1)[0])
    SearchWidget(None, made())
    assert all(module.training for module in network.modules())
    assert all(torch.equal(a, b) for a, b in zip(weights, network.parameters(), strict=True))
    assert torch.equal(generator, torch.random.get_rng_state())


@pytest.mark.parametrize("kind", ["flat", "hnsw"])
def test_a_ready_index(kind: str) -> None:
    """In an order of its own: names say which is which."""
    pictures, network = made(), vit()
    rows, order = features(network, pictures), torch.randperm(18, generator=torch.Generator().manual_seed(1))
    index = VectorIndex(24, kind)
    index.add(rows[order], [pictures.names[i] for i in order.tolist()])
    widget = SearchWidget(network, pictures, index=index)
    assert widget.gallery.index is index
    for query, name in enumerate(pictures.names):
        assert [other for other, _ in widget.search(name)] == sorted_names(pictures, rows, query, True)[:12]


def index_of(rows: Tensor, names: list[str]) -> VectorIndex:
    index = VectorIndex(rows.shape[1])
    index.add(rows, names)
    return index


def test_indexes_of_something_else_are_refused() -> None:
    """Of other features, other names, mixed-up names, another width, or no index at all."""
    pictures, network = made(), vit()
    rows, names = features(network, pictures), made().names
    wrong: list[tuple[Any, str]] = [
        (index_of(torch.randn(18, 24, generator=torch.Generator().manual_seed(0)), names), "holds other features"),
        (index_of(rows, names[1:] + names[:1]), "holds other features"),
        (index_of(features(network, pictures, pool="patches"), names), "holds other features"),
        (index_of(rows[:-1], names[:-1]), "must hold the names of the pictures and no other, unlike 'carl/red apple'"),
        (index_of(rows[:, :20], names), "The index has 20 features a picture, the network 24"),
        (VectorIndex(24), "must hold the names of the pictures"),
        (rows, "index must be a VectorIndex, got Tensor"),
    ]
    for index, sentence in wrong:
        with pytest.raises(ValueError, match=sentence):
            SearchWidget(network, pictures, index=index)


# --- what is refused ----------------------------------------------------------------------------------------

TWICE = Pictures(noise(2), ["a", "a"])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"kind": "tree"}, 'kind must be "flat" or "hnsw", got \'tree\''),
        ({"background": "black"}, 'background must be "white" or "random"'),
        ({"pool": "mean"}, "pool must be cls, patches or both"),
        ({"k": 0}, "k must be a whole number from 1 to 36"),
        ({"k": 37}, "k must be a whole number from 1 to 36"),
        ({"k": 2.5}, "k must be a whole number"),
        ({"k": True}, "k must be a whole number"),
        ({"query": "bo/dig"}, r"No picture is called 'bo/dig' \(did you mean 'bo/dog'"),
        ({"pictures": noise(3)}, "pictures must be Pictures, which load_pictures makes of a folder, got Tensor"),
        ({"pictures": "emoji"}, "pictures must be Pictures"),
        ({"pictures": Pictures(noise(0), [])}, "at least two pictures, one to look for and one to find, got 0"),
        ({"pictures": Pictures(noise(1), ["a"])}, "at least two pictures, one to look for and one to find, got 1"),
        ({"pictures": TWICE}, "'a' comes twice: give each a name of its own"),
        ({"model": 3}, "model must be a Dino, a Network, a ViT, a timm ViT or a run folder, got int"),
        ({"model": nn.Linear(2, 2)}, "model must be a Dino, .* got Linear"),
        ({"model": "no/such/run"}, "There is no checkpoint no/such/run"),
    ],
)
def test_bad_arguments(arguments: dict[str, Any], sentence: str) -> None:
    """One sentence each."""
    with pytest.raises(ValueError, match=sentence) as caught:
        SearchWidget(**{"model": vit(), "pictures": made(), **arguments})
    assert "\n" not in str(caught.value)


def test_features_that_are_not_finite() -> None:
    """At first, and after more training: then what was there stays."""
    network, broken = vit(), vit()
    with torch.no_grad():
        broken.pos_embed.fill_(torch.nan)
    with pytest.raises(ValueError, match="NaN or infinite values: was the network trained with a finite loss"):
        SearchWidget(broken, made())
    widget = SearchWidget(network, made())
    before = state(widget)
    with torch.no_grad():
        network.pos_embed.fill_(torch.nan)
    with pytest.raises(ValueError, match="NaN or infinite"):
        widget.look_again()
    assert state(widget) == before


@pytest.mark.parametrize("query", ["bo/dig", torch.zeros(3, 8, 8), torch.zeros(2, 8, 8, dtype=torch.uint8), 7, None])
def test_other_queries_are_refused(widget: SearchWidget, query: Any) -> None:
    before = state(widget)
    with pytest.raises(ValueError, match=r"No picture is called|A query is a picture's name or torch.uint8"):
        widget.search(query)
    assert state(widget) == before


def test_without_faiss_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any features are computed."""
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr(Gallery, "embed", lambda *_: pytest.fail("computed features for nothing"))
    with pytest.raises(ValueError, match=r"VectorIndex needs faiss .*: pip install faiss-cpu"):
        SearchWidget(vit(), made())


def test_imports_in_any_order() -> None:
    """The search uses the explorer's words for groups, the explorer is built on the widgets: here it comes first."""
    code = "import dino_notebooks.explorer, dino_notebooks; print(dino_notebooks.SearchWidget.__name__)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout == "SearchWidget\n"
