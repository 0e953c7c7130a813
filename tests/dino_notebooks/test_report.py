"""The report of a run: it says what the run folder says, needs nothing else, and refuses folders that are not runs.

Runs of a few steps are made here; numbers are read back from the HTML and compared with summary.json. One test looks
at the page in a browser. Run: pytest tests/dino_notebooks/test_report.py
"""

import base64
import dataclasses
import io
import itertools
import json
import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dino_lite import Dino, DinoConfig, load_pictures
from dino_lite.run import RunFolder, record
from dino_notebooks.plots import plot_curves
from dino_notebooks.plots.style import INK, new_plot, write
from dino_notebooks.plots.words import VERDICTS
from dino_notebooks.report import scores, settings, write_report
from dino_notebooks.report.evidence import gather, spread
from dino_notebooks.report.icons import icon
from dino_notebooks.report.svg import as_webp, inline_svg

TINY = dataclasses.replace(DinoConfig.lab(), dim=16, depth=2, heads=2, out_dim=64, batch_size=4, n_local=1)
ANCHORS = ["scores", "curves", "prototypes", "map", "neighbours", "attention", "views", "settings", "credits"]
FIGURES = 6


def make_run(folder: Path, data: str, steps: int = 2, stop: int | None = None, **changes: Any) -> Path:
    """A run folder as the command line leaves it, without summary.json; `stop`: interrupted after so many steps."""
    config = dataclasses.replace(TINY, **changes)
    run, pictures, dino = RunFolder(folder), load_pictures(data, size=config.picture_size), Dino(config, device="cpu")
    facts = {"data": data, "root": None, "pictures": len(pictures), "steps": steps}
    run.create(config)
    run.save(dino, facts)
    logs = record(run, dino, pictures, facts, every=100)
    for _ in itertools.islice(logs, stop or steps):
        pass
    logs.close()
    return folder


def make_summary(folder: Path, **changes: Any) -> dict[str, Any]:
    """A summary with made-up scores for a run that has one, written into its folder."""
    last = RunFolder(folder).logs()[-1]
    model = {"knn": 0.4123456, "linear": 0.55, "retrieval": 0.02, "attention_iou_best": 0.31}
    floor = {"knn": 0.2, "linear": 0.545, "retrieval": 0.03, "attention_iou_best": 0.45}
    pixels = {"knn": 0.5, "linear": 0.3, "retrieval": 0.1}
    white = {"model": {k: v / 2 for k, v in model.items()}, "random_init": floor, "pixels": pixels}
    summary = {
        "diagnosis": last["diagnosis"],
        "reason": last["reason"],
        "wall_seconds": 61.4,
        "step": int(last["step"]) + 1,
        **model,
        "background": "random",
        "floors": {"random_init": floor, "pixels": pixels},
        "white": white,
    }
    summary |= changes
    (folder / "summary.json").write_text(json.dumps(summary))
    return summary


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of seven pictures with names that could break a page, and no classes."""
    folder = tmp_path_factory.mktemp("data") / "my <i>pictures & $more$"
    folder.mkdir()
    for i in range(7):
        noise = np.random.default_rng(i).integers(0, 256, (5, 5, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((40, 40)).save(folder / f'$x_{i}$ "a" <script>alert({i})<b> 猫.png')
    return folder


@pytest.fixture(scope="module")
def plain_run(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Path:
    """A run of two steps on that folder."""
    return make_run(tmp_path_factory.mktemp("runs") / "plain", str(pictures))


@pytest.fixture
def run(plain_run: Path, tmp_path: Path) -> Path:
    """The same run in a folder that a test may spoil."""
    return Path(shutil.copytree(plain_run, tmp_path / "run"))


@pytest.fixture(scope="module")
def emoji_report(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The report of a run on the emoji, and its summary."""
    folder = make_run(tmp_path_factory.mktemp("runs") / "emoji", "emoji", steps=3, batch_size=16)
    return folder, make_summary(folder) | {"path": write_report(folder)}


class Page(HTMLParser):
    """The parts of a page that the tests ask about."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag with its attributes."""
        self.tags.append((tag, dict(attrs)))

    handle_startendtag = handle_starttag

    def handle_data(self, data: str) -> None:
        """Note text between tags."""
        self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every tag of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def words(self) -> str:
        """All text, with single spaces."""
        return " ".join(" ".join(self.text).split())


def page_of(path: Path) -> Page:
    """A report, parsed."""
    return Page(path.read_text(encoding="utf-8"))


# --- what a report says -------------------------------------------------------------------------------------


def test_all_sections_in_order_with_a_heading_each(emoji_report: tuple[Path, dict[str, Any]]) -> None:
    page = page_of(emoji_report[1]["path"])
    assert [section["id"] for section in page.all("section")] == ANCHORS
    assert [a["href"] for a in page.all("a")] == [f"#{anchor}" for anchor in ANCHORS]
    assert len(page.all("h1")) == 1
    assert len(page.all("h2")) == 1 + len(ANCHORS)
    assert len(page.all("figcaption")) == FIGURES
    assert "DINO on emoji, 3 steps" in page.words


def test_every_number_of_the_summary_stands_beside_its_floors(emoji_report: tuple[Path, dict[str, Any]]) -> None:
    _, summary = emoji_report
    values = [float(data["value"] or "nan") for data in page_of(summary["path"]).all("data")]
    expected = []
    for name in ("knn", "linear", "retrieval", "attention_iou_best"):
        random = [summary[name], *(summary["floors"][floor].get(name) for floor in ("random_init", "pixels"))]
        white = [summary["white"][who].get(name) for who in ("model", "random_init", "pixels")]
        expected += [value for value in random + white if value is not None]
    assert values == expected  # exactly: the attribute holds every digit


def test_every_score_has_its_sentence(emoji_report: tuple[Path, dict[str, Any]]) -> None:
    words = page_of(emoji_report[1]["path"]).words
    for sentence in (
        "k-NN 0.412: above random initialisation (0.200), below raw pixels (0.500).",
        "Linear probe 0.550: level with random initialisation (0.545), above raw pixels (0.300).",
        "Retrieval 0.020: level with random initialisation (0.030), below raw pixels (0.100).",
        "Attention IoU, best head 0.310: below random initialisation (0.450).",
        "0 of 4 scores on random backgrounds beat every floor.",
    ):
        assert sentence in words


def test_the_verdict_has_a_word_a_reason_a_colour_and_a_drawing(emoji_report: tuple[Path, dict[str, Any]]) -> None:
    _, summary = emoji_report
    text, shown = summary["path"].read_text(encoding="utf-8"), VERDICTS[summary["diagnosis"]]
    assert f"<h2>{shown.title}</h2>" in text
    assert f"--verdict: {shown.color}" in text
    assert icon(summary["diagnosis"]) in text
    assert summary["reason"] in page_of(summary["path"]).words
    assert len({icon(word) for word in [*VERDICTS, "new"]}) == len(VERDICTS) + 1


def test_the_emoji_get_their_credits(emoji_report: tuple[Path, dict[str, Any]]) -> None:
    words = page_of(emoji_report[1]["path"]).words
    assert "Emoji graphics by Twitter, Inc and other contributors (Twemoji), licensed under CC BY 4.0" in words
    for part in ("Noto Emoji", "Apache License 2.0", "Fluent Emoji", "Microsoft Corporation", "MIT"):
        assert part in words.rpartition("The pictures")[2]


def test_settings_that_differ_from_the_paper_are_marked(emoji_report: tuple[Path, dict[str, Any]]) -> None:
    text = emoji_report[1]["path"].read_text(encoding="utf-8").partition('id="settings"')[2]
    config, paper = dataclasses.replace(TINY, batch_size=16), DinoConfig()
    marked = re.findall(r'<tr class=differs><th scope="row">(\w+)', text)
    names = [field.name for field in dataclasses.fields(config)]
    assert marked == [name for name in names if getattr(config, name) != getattr(paper, name)]
    assert re.findall(r'<tr(?: class=differs)?><th scope="row">(\w+)<small>', text) == names
    assert "<td>16<small>paper 64</small></td>" in text


def test_a_page_needs_nothing_else(emoji_report: tuple[Path, dict[str, Any]]) -> None:
    """No address to load from: every src and href is data or a place on the page, and so is every url() of the CSS."""
    path = emoji_report[1]["path"]
    text, page = path.read_text(encoding="utf-8"), page_of(path)
    for _, attributes in page.tags:
        for name, value in attributes.items():
            if name.split(":")[-1] in ("src", "href", "srcset", "data", "action", "poster", "background"):
                assert (value or "").startswith(("#", "data:image/")), (name, value)
    assert not re.findall(r"url\((?!#)", text)
    assert "@import" not in text
    assert not {"script", "link", "iframe", "object", "embed"} & {tag for tag, _ in page.tags}
    assert path.stat().st_size < 3e6


def test_ids_are_unique_and_every_reference_has_its_target(emoji_report: tuple[Path, dict[str, Any]]) -> None:
    text = emoji_report[1]["path"].read_text(encoding="utf-8")
    ids = [attributes["id"] for _, attributes in Page(text).tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(|href=")#([^")]+)', text)) <= set(ids)


def test_figures_have_alternative_texts_that_state_the_finding(emoji_report: tuple[Path, dict[str, Any]]) -> None:
    page = page_of(emoji_report[1]["path"])
    labels = [svg["aria-label"] for svg in page.all("svg") if svg.get("aria-hidden") != "true"]
    assert all(labels)
    for start in (
        "Curves of 3 steps: ",
        "UMAP of the embeddings of 3348",
        "8 queries with their 8",
        "Attention of 2 heads",
    ):
        assert [label for label in labels if label.startswith(start)]
    assert page.all("html") == [{"lang": "en"}]


def test_the_untrained_network_stands_beside_neighbours_attention_and_prototypes(
    emoji_report: tuple[Path, dict[str, Any]],
) -> None:
    words = page_of(emoji_report[1]["path"]).words
    assert re.search(r"The same count by the untrained network, \d of 8; by raw pixels, \d of 8\.", words)
    assert re.search(r"the untrained network has an IoU of 0\.\d\d \(best head\), 0\.\d\d \(mean\)\.", words)
    assert re.search(r"Before training it was \d+ prototypes", words)


# --- all kinds of runs --------------------------------------------------------------------------------------


def test_a_folder_without_classes_or_masks(run: Path, pictures: Path) -> None:
    text = write_report(run).read_text(encoding="utf-8")
    assert "No scores: the run has not been scored." in text
    assert "PCA of the embeddings of 7 pictures (fewer than 10 are too few for UMAP)" in text
    assert "<script" not in text
    assert "&lt;scri" in text  # a name, as text
    assert "$x_0$" in text
    assert pictures.parent.as_posix() not in text.replace(
        str(run), ""
    )  # where one's pictures lie is one's own business
    assert "IoU 0" not in text
    assert list(run.glob(".*")) == []  # nothing half-written is left


def test_an_interrupted_run(tmp_path: Path, pictures: Path) -> None:
    folder = make_run(tmp_path / "run", str(pictures), steps=9, stop=4)
    words = page_of(write_report(folder)).words
    step = gather(folder).dino.step
    assert (
        f"the run stopped after step {step} of 9. python -m dino_lite train --resume --out {folder} goes on." in words
    )
    assert f"{step} of 9, interrupted" in words


def test_a_killed_run_whose_log_is_ahead_of_its_checkpoint(run: Path) -> None:
    lines = (run / "metrics.jsonl").read_text().splitlines()
    ahead = [json.dumps(json.loads(lines[-1]) | {"step": step}) for step in (2, 3, 4)]
    (run / "metrics.jsonl").write_text("\n".join([*lines, *ahead, '{"step": 5, "lo']))
    words = page_of(write_report(run)).words
    assert "The log goes to step 5; the network below is from the checkpoint at step 2." in words


def test_one_step(tmp_path: Path, pictures: Path) -> None:
    text = write_report(make_run(tmp_path / "run", str(pictures), steps=1)).read_text(encoding="utf-8")
    assert text.count("<figure>") == FIGURES
    assert ", 1 step</h1>" in text


def test_a_collapsed_run_has_no_map_but_a_report(run: Path) -> None:
    folder = RunFolder(run)
    dino, facts = gather(run).dino, folder.facts()
    with torch.no_grad():
        for name, parameter in dino.teacher.named_parameters():
            if name == "backbone.norm.weight":
                parameter.zero_()  # every picture gets the same feature
            if name == "backbone.norm.bias":
                parameter.fill_(1)
    folder.save(dino, facts)
    words = page_of(write_report(run)).words
    assert "All 7 rows are the same, so there is no map: the network collapsed, or it is one picture." in words
    assert "What it finds alike" in words


def test_one_picture_twice_over(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20), "red").save(tmp_path / "red.png")
    folder = make_run(tmp_path / "run", str(tmp_path), batch_size=1)
    words = page_of(write_report(folder)).words
    assert "A map needs at least two pictures, got one." in words
    assert "Neighbours need at least two pictures" in words


def test_classes_without_vendors_and_grey_pictures(tmp_path: Path) -> None:
    for kind, i in itertools.product("ab", range(5)):
        (tmp_path / "data" / kind).mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(i).integers(0, 256, (6, 6), dtype=np.uint8)
        Image.fromarray(noise).resize((32, 32)).save(tmp_path / "data" / kind / f"{i}.png")
    folder = make_run(tmp_path / "run", str(tmp_path / "data"))
    floors = {"random_init": {"knn": 0.5}, "pixels": {"knn": 0.5}}
    scored = {"diagnosis": "healthy", "reason": "why", "step": 2, "knn": 0.75, "background": "own", "floors": floors}
    (folder / "summary.json").write_text(json.dumps(scored))
    text = write_report(folder).read_text(encoding="utf-8")
    assert "1 of 1 scores beat every floor: k-NN." in text
    assert "their own backgrounds" in text
    assert "find a picture of the same class" in text
    assert "UMAP of the embeddings of 10 pictures" in text


def test_scores_from_another_step_are_pointed_out(run: Path) -> None:
    make_summary(run, step=1)
    assert "These scores are from step 1; the network below is from step 2." in page_of(write_report(run)).words


def test_an_unknown_score_and_an_unknown_diagnosis_are_shown_as_they_are(run: Path) -> None:
    floors = {"random_init": {"new_score": 0.1}, "pixels": {}}
    make_summary(run, diagnosis="wobbly", new_score=0.3, floors=floors, white=floors | {"model": {"new_score": 0.2}})
    words = page_of(write_report(run)).words
    assert "Wobbly" in words
    assert "new score 0.300: above random initialisation (0.100)." in words


def test_a_report_is_the_same_again(run: Path) -> None:
    first = write_report(run).read_bytes()
    assert write_report(run).read_bytes() == first


def test_a_large_set_is_sampled_evenly(monkeypatch: pytest.MonkeyPatch, run: Path) -> None:
    monkeypatch.setattr("dino_notebooks.report.evidence.MOST", 4)
    assert "These are 4 of the 7 pictures, evenly spread over the set." in page_of(write_report(run)).words
    assert spread(torch.arange(100), 4) == [12, 37, 62, 87]
    assert spread(torch.arange(3), 8) == [0, 1, 2]


@pytest.mark.slow
def test_a_timm_backbone(tmp_path: Path, pictures: Path) -> None:
    timm = {"backbone": "timm:vit_tiny_patch16_224", "patch_size": 16}
    words = page_of(write_report(make_run(tmp_path / "run", str(pictures), **timm))).words
    assert "Attention of 3 heads on 6 pictures" in words
    assert "timm:vit_tiny_patch16_224, 5." in words


def test_a_backbone_whose_attention_is_out_of_reach(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise ValueError("Only plain timm ViTs become a dino_lite.ViT.")

    monkeypatch.setattr("dino_notebooks.plots.attention.attention_maps", refuse)
    words = page_of(write_report(run)).words
    assert "Only plain timm ViTs become a dino_lite.ViT." in words
    assert "What it was trained on" in words


# --- what is not a run --------------------------------------------------------------------------------------


def spoil(run: Path, what: str) -> None:
    """Damage one part of a run folder."""
    checkpoint, metrics = run / "checkpoint.safetensors", run / "metrics.jsonl"
    if what == "no folder":
        shutil.rmtree(run)
    elif what == "no checkpoint":
        checkpoint.unlink()
    elif what == "half a checkpoint":
        checkpoint.write_bytes(checkpoint.read_bytes()[:5000])
    elif what == "no metrics":
        metrics.unlink()
    elif what == "empty metrics":
        metrics.write_text("")
    elif what == "foreign metrics":
        metrics.write_text('{"epoch": 1}\n[2]\n')
    elif what == "half a summary":
        (run / "summary.json").write_text('{"diagnosis": "healthy", "re')
    elif what == "foreign summary":
        (run / "summary.json").write_text('["a", "b"]')


@pytest.mark.parametrize(
    ("what", "complaint"),
    [
        ("no folder", "There is no run folder .*run: give the --out of a training run"),
        ("no checkpoint", "There is no checkpoint"),
        ("half a checkpoint", "is not a whole checkpoint"),
        ("no metrics", "holds no step"),
        ("empty metrics", "holds no step"),
        ("foreign metrics", "lines that are not a step of dino_lite"),
        ("half a summary", "summary.json is damaged .*: delete it"),
        ("foreign summary", "summary.json is damaged .*: delete it"),
    ],
)
def test_damaged_runs_get_one_sentence(run: Path, what: str, complaint: str) -> None:
    spoil(run, what)
    with pytest.raises(ValueError, match=complaint) as caught:
        write_report(run)
    assert "\n" not in str(caught.value)
    assert not (run / "report.html").exists()


def test_pictures_that_are_gone(tmp_path: Path, pictures: Path) -> None:
    moved = Path(shutil.copytree(pictures, tmp_path / "pictures"))
    folder = make_run(tmp_path / "run", str(moved))
    shutil.rmtree(moved)
    with pytest.raises(ValueError, match="there is no folder"):
        write_report(folder)


def test_a_failed_report_leaves_the_old_one(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_report(run)
    before = path.read_bytes()
    monkeypatch.setattr("dino_notebooks.report.page", lambda run: "\ud800")  # cannot be encoded
    with pytest.raises(UnicodeEncodeError):
        write_report(run)
    assert path.read_bytes() == before
    assert list(run.glob(".*")) == []


# --- its parts ----------------------------------------------------------------------------------------------


def test_preset_names_the_nearest_one() -> None:
    assert settings.preset(DinoConfig.lab()) == "lab"
    assert settings.preset(DinoConfig.paper_vit_s16()) == "paper_vit_s16"
    changed = dataclasses.replace(DinoConfig.lab(), lr=0.25, head_bn=True)
    assert settings.preset(changed).replace("\N{NO-BREAK SPACE}", " ") == "lab with head_bn = yes, lr = 0.25"


def test_every_setting_is_documented_from_the_source() -> None:
    names = [name for fields in settings.documented().values() for name in fields]
    assert names == [field.name for field in dataclasses.fields(DinoConfig)]
    notes = {name: note for fields in settings.documented().values() for name, note in fields.items()}
    assert notes["out_dim"] == "prototypes [K]"


@pytest.mark.parametrize(
    ("value", "floor", "word"), [(0.5, 0.3, "above"), (0.3, 0.5, "below"), (0.5, 0.495, "level with")]
)
def test_compared(value: float, floor: float, word: str) -> None:
    assert scores.compared(value, floor) == word


def test_a_picture_of_few_pixels_is_kept_exactly() -> None:
    exact = np.random.default_rng(0).integers(0, 256, (8, 8, 4), dtype=np.uint8)
    exact[..., 3] = 255
    file = io.BytesIO()
    Image.fromarray(exact).save(file, "PNG")
    uri = as_webp(base64.b64encode(file.getvalue()).decode())
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as picture:
        np.testing.assert_array_equal(np.asarray(picture.convert("RGBA")), exact)


def test_svg_ink_follows_the_page_and_text_stays_text() -> None:
    plot = new_plot(1, 'It "says" <so>.', width=5)
    write(plot.add_subplot(), 0.5, 0.5, "a < b & $c$")
    text = inline_svg(plot, "here")
    assert 'aria-label="It &quot;says&quot; &lt;so&gt;."' in text
    assert "a &lt; b &amp; $c$" in text
    assert "var(--soft)" in text
    assert INK not in text
    assert "width:50%" in text
    assert "font-family" not in text
    assert "<style" not in text  # an inline style sheet would hold for the whole page
    assert all(found.startswith("here-") for found in re.findall(r'id="([^"]+)"', text))


def test_curves_of_twenty_thousand_steps_stay_small(plain_run: Path) -> None:
    logs = RunFolder(plain_run).logs()
    many = [log | {"step": step} for step, log in zip(range(20_000), itertools.cycle(logs), strict=False)]
    assert len(inline_svg(plot_curves(many, TINY.out_dim), "curves")) < 150_000


# --- in a browser -------------------------------------------------------------------------------------------

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Any]:
    """A running Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS.split())
        yield opened
        opened.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [900, 1280, 1400])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_in_a_browser(browser: Any, emoji_report: tuple[Path, dict[str, Any]], theme: str, width: int) -> None:
    """Nothing is asked for, nothing sticks out, every figure is there and has a size, ink differs from the page."""
    context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 900})
    page, asked, said = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(emoji_report[1]["path"].as_uri())
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
    sizes = page.evaluate("[...document.querySelectorAll('figure svg')].map(s => s.getBoundingClientRect().height)")
    assert len(sizes) == FIGURES
    assert min(sizes) > 100
    loaded = page.evaluate("[...document.querySelectorAll('image')].map(i => i.getBoundingClientRect().width)")
    assert len(loaded) > 100
    assert min(loaded) > 10
    ground, ink = page.evaluate(
        """[document.body, document.querySelector('figure text')].map(e => getComputedStyle(e))
        .map((style, i) => i ? style.fill : style.backgroundColor)"""
    )
    bright = [sum(map(int, re.findall(r"\d+", color)[:3])) / 3 for color in (ground, ink)]
    assert (bright[0] > bright[1]) == (theme == "light")
    assert abs(bright[0] - bright[1]) > 100
    context.close()
