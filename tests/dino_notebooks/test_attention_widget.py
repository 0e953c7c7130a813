"""AttentionWidget against timm's own attention, and slow loops over patches and pixels for mask, fit and edges.

Run: pytest tests/dino_notebooks/test_attention_widget.py
"""

import base64
import datetime
import io
import itertools
import math
import re
import time
from pathlib import Path
from typing import Any

import drawn
import numpy as np
import pytest
import timm
import torch
from huggingface_hub import constants
from matplotlib import colormaps
from PIL import Image
from torch import Tensor, nn

from dino_lite import Dino, DinoConfig, Pictures, ViT, load_pictures, pretrained, timm_weights
from dino_notebooks.drawing import BLUE, ORANGE
from dino_notebooks.widgets import AttentionWidget
from dino_notebooks.widgets.attention_drawing import SHOWN, TOP, outlines, percent
from dino_notebooks.widgets.attention_network import MOST_PICTURES

Cell = tuple[int, int]


def vit(patch: int = 8) -> ViT:
    """Built for 32 px, weights so large that attention is far from even."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return ViT(img_size=32, patch_size=patch, dim=24, depth=3, heads=3, init_std=0.3, position_std=1.0)


def picture(channels: int = 4, height: int = 40, width: int = 40, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (channels, height, width), dtype=torch.uint8, generator=generator)


def masked(size: int = 32) -> Pictures:
    """Three pictures, each with a mask of another shape."""
    masks = torch.zeros(3, size, size, dtype=torch.bool)
    masks[0, 3:20, 5:30], masks[1, :9], masks[2, 20:, 20:] = True, True, True
    images = torch.stack([picture(4, size, size, seed) for seed in range(3)])
    return Pictures(images, ["first", "second <b>", "third"], masks=masks)


@pytest.fixture(scope="module")
def shared() -> AttentionWidget:
    """For tests that only look."""
    return AttentionWidget(vit(), masked())


def timm_rows(network: ViT, image: Tensor, size: int) -> Tensor:
    """(blocks, heads, tokens) of [CLS]: what goes into timm's dropouts, on the picture over white, resized by PIL."""
    pixels = image[:3].float() / 255
    if len(image) == 4:
        pixels = pixels * (image[3] / 255) + 1 - image[3] / 255
    planes = [Image.fromarray(p.numpy()).resize((size, size), Image.Resampling.BICUBIC) for p in pixels]
    x = torch.stack([torch.from_numpy(np.array(plane)) for plane in planes]).clamp(0, 1)
    mean, std = (torch.tensor(v)[:, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    found: list[Tensor] = []
    model: Any = network.to_timm().eval()
    for block in model.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0][0, :, 0]))
    with torch.no_grad():
        model.forward_features(((x - mean) / std)[None])
    return torch.stack(found)


def slow_mask(flat: list[float], mass: float) -> list[bool]:
    """The brightest patches one by one, until they hold the mass."""
    kept, held = [False] * len(flat), 0.0
    for i in sorted(range(len(flat)), key=lambda i: -flat[i]):
        if held >= mass * sum(flat):
            break
        kept[i], held = True, held + flat[i]
    return kept


def slow_iou(kept: list[bool], side: int, truth: Tensor) -> float:
    """Over sets of pixels; the mask and the truth on as many px."""
    size = len(truth)
    mine = {(y, x) for y in range(size) for x in range(size) if kept[(y * side // size) * side + x * side // size]}
    true = {(y, x) for y in range(size) for x in range(size) if truth[y, x]}
    return len(mine & true) / max(1, len(mine | true))


def edges(cells: set[Cell]) -> set[tuple[Cell, Cell]]:
    """The sides of cells (y, x) that have no neighbour there, each from its upper left end."""
    found = set()
    for y, x in cells:
        for other, side in (
            ((y - 1, x), ((x, y), (x + 1, y))),
            ((y + 1, x), ((x, y + 1), (x + 1, y + 1))),
            ((y, x - 1), ((x, y), (x, y + 1))),
            ((y, x + 1), ((x + 1, y), (x + 1, y + 1))),
        ):
            if other not in cells:
                found.add(side)
    return found


def sides_of(loop: list[tuple[float, float]]) -> list[tuple[Cell, Cell]]:
    """A loop of corners, cut into sides of one cell."""
    found = []
    for (x0, y0), (x1, y1) in itertools.pairwise(loop):
        assert (x0 == x1) != (y0 == y1)
        count = round(abs(x1 - x0) + abs(y1 - y0))
        points = [(round(x0 + (x1 - x0) * i / count), round(y0 + (y1 - y0) * i / count)) for i in range(count + 1)]
        found += [(min(a, b), max(a, b)) for a, b in itertools.pairwise(points)]
    return found


def pictures_in(svg: str) -> list[np.ndarray]:
    """The pictures of a drawing, decoded."""
    found = re.findall(r'href="data:image/png;base64,([^"]+)"', svg)
    return [np.array(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


# --- numbers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(("layer", "head"), [(0, 1), (2, 0), (2, None)])
@pytest.mark.parametrize("mass", [0.2, 0.6, 1.0])
def test_numbers(shared: AttentionWidget, place: int, layer: int, head: int | None, mass: float) -> None:
    """Every number that it shows, at the size that the network was built for."""
    pictures = masked()
    shared.picture_menu.menu.value = str(place)
    shared.layer_menu.menu.value = str(layer)
    shared.head_menu.menu.value = "mean" if head is None else str(head)
    shared.mass.set(mass)
    rows = timm_rows(vit(), pictures.images[place], 32)[layer]
    row = (rows.mean(0) if head is None else rows[head]).tolist()
    kept = slow_mask(row[1:], mass)
    assert pictures.masks is not None
    truth = pictures.masks[place]
    n = shared.numbers
    assert n == pytest.approx(
        {
            "patches": sum(kept),
            "all_patches": 16,
            "even_patches": math.ceil(16 * mass - 1e-9),
            "held": sum(p for p, keep in zip(row[1:], kept, strict=True) if keep) / sum(row[1:]),
            "to_itself": row[0],
            "largest": max(row[1:]),
            "iou": slow_iou(kept, 4, truth),
            "iou_of_all": float(truth.double().mean()),
        },
        abs=1e-4,
    )
    said = shared.line.value
    assert f"own mask: {n['iou']:.2f} (all patches: {n['iou_of_all']:.2f})" in said
    assert f"{sum(kept)} of 16 patches" in said
    assert f"an IoU of {n['iou']:.2f}, {'better' if n['iou'] > n['iou_of_all'] else 'no better'} than" in (
        shared.sentence()
    )
    assert f"Block {layer + 1}, {'mean of the heads' if head is None else f'head {head + 1}'}, on " in shared.sentence()


@pytest.mark.parametrize(("choice", "size", "side"), [(0, 32, 4), (1, 64, 8), (3, 128, 16)])
def test_other_sizes(choice: int, size: int, side: int) -> None:
    """The position embedding is interpolated as timm does it; the true mask is resized to what the network sees."""
    pictures, network = masked(), vit()
    widget = AttentionWidget(network, pictures)
    assert [words for words, _ in widget.size_menu.menu.options] == [
        "32 px, 4 × 4 patches",
        "64 px, 8 × 8 patches",
        "96 px, 12 × 12 patches",
        "128 px, 16 × 16 patches",
    ]
    widget.size_menu.menu.value = str(choice)
    row = timm_rows(network, pictures.images[0], size)[-1].mean(0).tolist()
    kept = slow_mask(row[1:], 0.6)
    assert pictures.masks is not None
    assert widget.numbers["all_patches"] == side * side
    assert widget.numbers["patches"] == sum(kept)
    assert widget.numbers["largest"] == pytest.approx(max(row[1:]), abs=1e-4)
    truth = pictures.masks[0].repeat_interleave(size // 32, 0).repeat_interleave(size // 32, 1)
    assert widget.numbers["iou"] == pytest.approx(slow_iou(kept, side, truth), abs=0.03)  # cubic, not by squares


def test_a_fine_grid_has_no_larger_inputs() -> None:
    """16 × 16 patches doubled are 1,024, which is the most; tripled they would be more."""
    widget = AttentionWidget(vit(patch=2), picture())
    assert [words for words, _ in widget.size_menu.menu.options] == ["32 px, 16 × 16 patches", "64 px, 32 × 32 patches"]


# --- drawing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_outlines_are_the_edges(seed: int) -> None:
    """Of random cells: closed loops along every open side once, the inside to the right."""
    mask = torch.rand(7, 9, generator=torch.Generator().manual_seed(seed)) < 0.15 + 0.1 * seed
    cells = {(y, x) for y, x in mask.nonzero().tolist()}
    loops = outlines(mask)
    assert all(loop[0] == loop[-1] for loop in loops)
    found = [side for loop in loops for side in sides_of(loop)]
    assert len(found) == len(set(found))
    assert set(found) == edges(cells)
    area = sum((x0 * y1 - x1 * y0) / 2 for lp in loops for (x0, y0), (x1, y1) in itertools.pairwise(lp))
    assert area == len(cells)  # clockwise on a screen around cells, the other way around holes


def test_outlines_of_simple_masks() -> None:
    """Nothing; a square; two cells that meet in a corner, which stay two."""
    assert outlines(torch.zeros(3, 3, dtype=torch.bool)) == []
    assert outlines(torch.ones(2, 2, dtype=torch.bool)) == [[(0, 0), (2, 0), (2, 2), (0, 2), (0, 0)]]
    assert len(outlines(torch.eye(2, dtype=torch.bool))) == 2
    assert len(outlines(torch.eye(2, dtype=torch.bool).flip(0))) == 2


def test_edges_lie_on_both_panels() -> None:
    """The mask's in blue on each, the true one dashed on the left, where they belong."""
    widget = AttentionWidget(vit(), masked())
    svg = widget.picture.value
    row = timm_rows(vit(), masked().images[0], 32)[-1].mean(0).tolist()
    kept = slow_mask(row[1:], 0.6)
    blue = [s for s in drawn.strokes(svg, BLUE) if s.points[0] == s.points[-1]]
    for left in (2.0, 320.0):
        inside = [s for s in blue if left <= s.box[0] + 1 and s.box[0] < left + SHOWN]
        loops = [[((x - left) / SHOWN * 4, (y - TOP) / SHOWN * 4) for x, y in s.points] for s in inside]
        rounded = [[(float(round(x)), float(round(y))) for x, y in loop] for loop in loops]
        assert np.allclose(np.concatenate(loops), np.concatenate(rounded), atol=0.01)
        cells = {divmod(i, 4) for i, keep in enumerate(kept) if keep}
        assert {side for loop in rounded for side in sides_of(loop)} == edges(cells)
    (true,) = [s for s in drawn.strokes(svg, ORANGE) if s.points[0] == s.points[-1]]
    assert true.dashed
    assert true.box == pytest.approx(
        (2 + 5 / 32 * SHOWN, TOP + 3 / 32 * SHOWN, 25 / 32 * SHOWN, 17 / 32 * SHOWN), abs=0.2
    )


def test_heat_map_and_veil() -> None:
    """A patch a square in viridis, as see-through as the slider says; outside of the mask lies a shade."""
    widget = AttentionWidget(vit(), masked())
    widget.strength.set(0.5)
    row = torch.tensor(timm_rows(vit(), masked().images[0], 32)[-1].mean(0)[1:].tolist())
    _, veil, _, heat, bar = pictures_in(widget.picture.value)
    kept = slow_mask(row.tolist(), 0.6)
    scaled = ((row - row.min()) / (row.max() - row.min())).numpy()
    for patch in range(16):
        y, x = (round((place + 0.5) * SHOWN / 4) for place in divmod(patch, 4))
        assert np.abs(heat[y, x, :3] - 255 * np.array(colormaps["viridis"](scaled[patch])[:3])).max() <= 4
        assert heat[y, x, 3] == 128
        assert (veil[y, x, 3] == 0) == kept[patch]
    assert bar[5, 0].tolist() == [68, 1, 84]
    assert bar[5, -1].tolist() == [253, 231, 37]
    words = drawn.texts(widget.picture.value)
    assert percent(float(row.max())) in words
    assert percent(float(row.min())) in words


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_strength_of_the_heat_map(shared: AttentionWidget, strength: float) -> None:
    shared.strength.set(strength)
    assert set(np.unique(pictures_in(shared.picture.value)[3][..., 3])) == {round(255 * strength)}


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.003, "0.30%"), (0.0096, "0.96%"), (0.00999, "1.0%"), (0.0999, "10%"), (0.6, "60%"), (1.0, "100%"), (0, "0%")],
)
def test_percent(share: float, words: str) -> None:
    assert percent(share) == words


# --- pictures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize(("height", "width"), [(40, 40), (30, 90), (300, 40), (1, 5)])
def test_one_picture_of_any_shape(channels: int, height: int, width: int) -> None:
    """It is shown in its own proportions, and the line says that the network sees a square."""
    image = picture(channels, height, width)
    widget = AttentionWidget(vit(), image)
    row = timm_rows(vit(), image, 32)[-1].mean(0).tolist()
    assert widget.numbers["largest"] == pytest.approx(max(row[1:]), abs=1e-4)
    seen = channels == 4 and bool((image[3] > 127).any() & (image[3] <= 127).any())
    assert ("iou" in widget.numbers) == seen
    assert ("no mask of its own" in widget.line.value) == (not seen)
    assert ("squeezed to 32 × 32 px" in widget.line.value) == (height != width)
    scale = SHOWN / max(height, width)
    still = pictures_in(widget.picture.value)[0]
    assert still.shape == (max(1, round(height * scale)), max(1, round(width * scale)), 3)
    assert bool(drawn.strokes(widget.picture.value, ORANGE)) == seen


@pytest.mark.parametrize("alpha", [0, 255, None])
def test_alpha_is_a_mask(alpha: int | None) -> None:
    """As of emoji; not where it is the same everywhere."""
    image = picture(4, 32, 32)
    image[3] = 127 if alpha is None else alpha
    if alpha is None:
        image[3, 8:24, :16] = 128
    widget = AttentionWidget(vit(), image)
    assert ("iou" in widget.numbers) == (alpha is None)
    if alpha is None:
        kept = slow_mask(timm_rows(vit(), image, 32)[-1].mean(0).tolist()[1:], 0.6)
        assert widget.numbers["iou"] == pytest.approx(slow_iou(kept, 4, image[3] > 127), abs=1e-4)
        assert widget.numbers["iou_of_all"] == pytest.approx(0.25)


def test_menu_of_pictures(shared: AttentionWidget) -> None:
    """By name, and a name is text, not HTML."""
    assert [words for words, _ in shared.picture_menu.menu.options] == ["first", "second <b>", "third"]
    shared.picture_menu.menu.value = "1"
    assert "on second <b>:" in drawn.title(shared.picture.value)
    assert "<b>" not in shared.picture.value


def test_menu_of_many_pictures() -> None:
    """The first ones, and it says so."""
    images = picture(3, 8, 8)[None].repeat(MOST_PICTURES + 1, 1, 1, 1)
    widget = AttentionWidget(vit(), Pictures(images, [str(i) for i in range(MOST_PICTURES + 1)]))
    assert len(widget.picture_menu.menu.options) == MOST_PICTURES
    assert f"The first {MOST_PICTURES} of {MOST_PICTURES + 1}:" in widget.picture_menu.children[1].value


@pytest.mark.parametrize("wrong", [torch.zeros(3, 8, 8), torch.zeros(2, 8, 8, dtype=torch.uint8), 3])
def test_other_pictures_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="pictures must be Pictures, a file's path or one picture"):
        AttentionWidget(vit(), wrong)


def test_a_path(tmp_path: Path) -> None:
    """The same picture as from its pixels."""
    image = picture(3, 30, 40)
    Image.fromarray(image.permute(1, 2, 0).numpy()).save(tmp_path / "mine.png")
    for path in (tmp_path / "mine.png", str(tmp_path / "mine.png")):
        widget = AttentionWidget(vit(), path)
        assert widget.numbers == AttentionWidget(vit(), image).numbers
        assert "on mine.png:" in widget.sentence()
    with pytest.raises(ValueError, match=r"none\.png cannot be read \(No such file or directory\)"):
        AttentionWidget(vit(), tmp_path / "none.png")


# --- pictures of one's own ----------------------------------------------------------------------------------


def choose(widget: AttentionWidget, data: bytes, name: str = "mine <1>.png") -> None:
    """What JupyterLab sends when a file was chosen."""
    facts = {"name": name, "type": "image/png", "size": len(data), "last_modified": datetime.datetime.now(datetime.UTC)}
    widget.upload.button.value = (facts | {"content": memoryview(data)},)


def png(image: Tensor) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image.permute(1, 2, 0).contiguous().numpy()).save(buffer, "PNG")
    return buffer.getvalue()


def test_an_upload() -> None:
    """It is shown, with its numbers, and stays in the menu beside the others; drawn once."""
    widget = AttentionWidget(vit(), masked())
    widget.picture_menu.menu.value = "1"  # not the first, which a menu with other entries would fall back to
    before, drawn_before = dict(widget.numbers), widget.picture.value
    pictures: list[str] = []
    widget.picture.observe(lambda change: pictures.append(change["new"]), "value")
    image = picture(4, 30, 50)
    choose(widget, png(image))
    assert widget.numbers == AttentionWidget(vit(), image).numbers
    assert "iou" in widget.numbers
    assert len(pictures) == 1
    assert "on mine <1>.png:" in widget.sentence()
    names = ["first", "second <b>", "third", "mine <1>.png"]
    assert [words for words, _ in widget.picture_menu.menu.options] == names
    assert widget.picture_menu.menu.value == "3"
    assert "mine &lt;1&gt;.png: 50 × 30 px." in widget.upload.line.value
    widget.picture_menu.menu.value = "1"
    assert (widget.numbers, widget.picture.value) == (before, drawn_before)
    assert "mine" not in widget.upload.line.value
    choose(widget, png(picture(3, 20, 20)), "other.png")
    widget.picture_menu.menu.value = "3"
    assert widget.numbers == AttentionWidget(vit(), image).numbers


def test_an_upload_that_is_no_picture() -> None:
    """It is said, and the view stays; so it does while other heads are looked at."""
    widget = AttentionWidget(vit(), masked())
    widget.picture_menu.menu.value = "1"
    before = widget.picture.value, widget.line.value, list(widget.picture_menu.menu.options)
    choose(widget, b"no picture", "notes.txt")
    assert (widget.picture.value, widget.line.value, list(widget.picture_menu.menu.options)) == before
    assert "⚠ notes.txt is not a picture" in widget.upload.line.value
    widget.head_menu.menu.value = "0"
    assert "notes.txt" in widget.upload.line.value


# --- networks -----------------------------------------------------------------------------------------------


def test_without_arguments() -> None:
    """The shipped network, of which there is nothing to say; emoji with masks, and a cat."""
    widget = AttentionWidget()
    assert widget.children[0].value == ""
    assert widget.sentence().startswith("Block 4, mean of the heads, on dog face: ")
    names = [words for words, _ in widget.picture_menu.menu.options]
    assert (names[0], names[-1], len(names)) == ("dog face", "photograph of a cat", 9)
    assert "iou" in widget.numbers
    assert widget.numbers == AttentionWidget(pretrained("emoji")).numbers
    widget.picture_menu.menu.value = "8"
    assert "iou" not in widget.numbers
    assert "Not drawn" not in widget.line.value
    assert AttentionWidget().picture.value == AttentionWidget().picture.value


def test_random_weights_are_said() -> None:
    """To readers, listeners and those who read the notebook without a kernel, until something has been learnt."""
    dino = Dino(DinoConfig.lab(), seed=0, device="cpu")
    widget = AttentionWidget(dino, picture())
    assert "nothing has been learnt yet" in widget.children[0].value
    assert "⚠ The weights are random" in widget.static_html()
    assert widget.sentence().startswith("The weights are random, nothing has been learnt yet")
    dino.step = 1
    widget.look_again()
    assert widget.children[0].value == ""
    assert "random" not in widget.sentence()


def test_kinds_of_networks() -> None:
    """A Dino shows its teacher, a Network its backbone, a timm ViT itself: the same numbers as its ViT."""
    dino, image = Dino(DinoConfig.lab(), seed=3, device="cpu"), picture()
    with torch.no_grad():
        dino.teacher.backbone.pos_embed.mul_(20)  # unlike the student
    dino.step = 1
    expected = AttentionWidget(dino.teacher.backbone, image).numbers
    assert expected != AttentionWidget(dino.student, image).numbers
    for model in (dino, dino.teacher, dino.teacher.backbone.to_timm()):
        widget = AttentionWidget(model, image)
        assert widget.numbers == pytest.approx(expected, rel=1e-4)
        assert "random" not in widget.sentence()


def test_look_again() -> None:
    """Numbers stay while the network learns, until they are asked for."""
    network = vit()
    widget = AttentionWidget(network, picture())
    before = dict(widget.numbers)
    with torch.no_grad():
        network.pos_embed.neg_()
    widget.mass.set(0.5)
    widget.mass.set(0.6)
    assert widget.numbers == before
    widget.look_again()
    assert widget.numbers == AttentionWidget(network, picture()).numbers != before


def test_the_network_and_torchs_generator_stay() -> None:
    """Training mode, weights, random numbers."""
    network = vit().train()
    weights, generator = [p.clone() for p in network.parameters()], torch.random.get_rng_state()
    widget = AttentionWidget(network, picture())
    widget.size_menu.menu.value = "1"
    AttentionWidget(None, picture())
    AttentionWidget("vit_tiny_patch16_224", picture())
    assert all(module.training for module in network.modules())
    assert all(torch.equal(a, b) for a, b in zip(weights, network.parameters(), strict=True))
    assert torch.equal(generator, torch.random.get_rng_state())


def test_a_name_of_timm() -> None:
    """Without a tag the weights are random, and it says so; "timm:" as in a config may stand before it."""
    widget = AttentionWidget("timm:vit_tiny_patch16_224", picture())
    assert "nothing has been learnt yet" in widget.sentence()
    assert [words for words, _ in widget.size_menu.menu.options] == [
        "224 px, 14 × 14 patches",
        "448 px, 28 × 28 patches",
    ]
    assert len(widget.layer_menu.menu.options) == 12


@pytest.mark.offline
@pytest.mark.parametrize("name", ["vit_small_patch16_224.dino", "timm:vit_small_patch16_224.dino"])
def test_weights_that_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    """In seconds, the shipped network and a sentence, in every form in which the widget is read."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    start = time.perf_counter()
    widget = AttentionWidget(name)
    assert time.perf_counter() - start < 10
    said = re.escape("The weights of vit_small_patch16_224.dino could not be fetched (tests run without a network (")
    said += r".+\)\): the shipped emoji model is shown instead\. "
    assert re.match(said, widget.sentence())
    assert re.search(f"⚠ {said}", widget.warning.value)
    assert re.search(f"⚠ {said}", widget.static_html())
    assert widget.numbers == AttentionWidget().numbers
    widget.look_again()
    assert re.match(said, widget.sentence())


def test_a_reason_is_text_and_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a library or a server says, it is no HTML and no page of words."""
    monkeypatch.setattr(timm_weights, "_silence", lambda: "<b>no</b> " + "really " * 200)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", "/no/such/folder")
    widget = AttentionWidget("vit_small_patch16_224.dino", picture())
    assert "(&lt;b&gt;no&lt;/b&gt; really" in widget.warning.value
    assert "<b>" not in widget.warning.value
    assert len(widget.warning.value) < 700


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (3, "model must be a Dino, a Network, a ViT, a timm ViT or the name of one, got int"),
        (nn.Linear(2, 2), "Only plain timm ViTs"),
        ("vit_of_no_make", "timm could not build 'vit_of_no_make'"),
        ("resnet18", "timm could not build 'resnet18'"),
    ],
)
def test_other_models_are_refused(model: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        AttentionWidget(model, picture())


def test_a_vit_of_another_make_is_refused_shortly() -> None:
    """torch names every parameter that does not fit; the sentence does not."""
    with pytest.raises(ValueError, match="Only plain timm ViTs") as caught:
        AttentionWidget(timm.create_model("vit_small_patch14_dinov2", img_size=56, num_classes=0), picture())
    assert len(str(caught.value)) <= 400


def test_broken_weights_are_said() -> None:
    network = vit()
    with torch.no_grad():
        network.pos_embed.fill_(torch.nan)
    widget = AttentionWidget(network, picture())
    assert "Not drawn: the attention is not finite" in widget.line.value


# --- as a page ----------------------------------------------------------------------------------------------


def test_still_and_words(shared: AttentionWidget) -> None:
    """The static twin has the drawing and the line; the drawing's title is the finding."""
    html = shared.static_html()
    assert shared.picture.value in html
    assert shared.line.value in html
    assert drawn.title(shared.picture.value) == shared.sentence()
    assert re.search(r"% of the attention lies on \d+ of 16 patches", shared.sentence())


def test_it_fits_its_place() -> None:
    """The widest panels end before the drawing does; words too."""
    widget = AttentionWidget(vit(), load_pictures("emoji", 32)[:2])
    boxes = [s.box for color in (BLUE, ORANGE) for s in drawn.strokes(widget.picture.value, color)]
    assert min(x for x, _, _, _ in boxes) >= 0
    assert max(x + w for x, _, w, _ in boxes) <= 619
