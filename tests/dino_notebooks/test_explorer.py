"""The embedding explorer without a browser: what goes to the page, what comes back, and what is said of bad input.

Neighbours, agreement and lassoed rows are compared with slow loops, PCA with the one of the static plot (another
method), clusters with scikit-learn's k-means. Run: pytest tests/dino_notebooks/test_explorer.py
"""

import io
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.cluster import KMeans
from torch import Tensor

from dino_lite import Dino, DinoConfig, Pictures, features, save_checkpoint
from dino_notebooks import CollapseLab, Explorer
from dino_notebooks.explorer import places, sprites, widget
from dino_notebooks.explorer.alike import agreement, clusters, neighbours
from dino_notebooks.explorer.background import Background
from dino_notebooks.explorer.colorings import MOST, coloring
from dino_notebooks.explorer.follow import kept
from dino_notebooks.explorer.still import drawn
from dino_notebooks.plots.places import LOCK, layout
from dino_notebooks.widgets import static_twin

VIEW = "application/vnd.jupyter.widget-view+json"


def made_pictures(count: int, channels: int = 3, classes: int = 3) -> Pictures:
    """Random pictures of 20 px in a few classes."""
    generator = torch.Generator().manual_seed(count)
    images = torch.randint(0, 256, (count, channels, 20, 20), generator=generator, dtype=torch.uint8)
    labels = torch.arange(count) % classes
    names = [f"folder/picture {i}" for i in range(count)]
    return Pictures(images, names, labels, [f"class {c}" for c in range(classes)])


def made_rows(count: int, width: int = 6, seed: int = 0) -> Tensor:
    """Random features in three heaps, one a class."""
    generator = torch.Generator().manual_seed(seed)
    heaps = 2 * torch.randn(3, width, generator=generator)
    return heaps[torch.arange(count) % 3] + torch.randn(count, width, generator=generator)


def explorer(count: int = 40, **arguments: Any) -> Explorer:
    """A small one, without UMAP."""
    return Explorer(made_rows(count), made_pictures(count), **{"method": "pca", **arguments})


def places_of(explorer: Explorer) -> np.ndarray:
    """What the page reads."""
    return np.frombuffer(explorer.places, dtype="<f4").reshape(-1, 2)


def send(explorer: Explorer, **state: Any) -> None:
    """What the page does when somebody chooses."""
    explorer.set_state(state)


# --- what it begins with ------------------------------------------------------------------------------------


def test_it_begins_as_a_pca() -> None:
    shown = explorer()
    expected = layout(made_rows(40), method="pca")
    scale = np.ptp(places_of(shown)[:, 0]) / np.ptp(expected[:, 0])
    assert np.ptp(places_of(shown) - scale * expected, axis=0) == pytest.approx([0, 0], abs=1e-4)
    low, high = np.percentile(places_of(shown), [0.5, 99.5], axis=0)
    assert (high - low).max() == pytest.approx(2, abs=1e-4)
    assert low + high == pytest.approx(np.zeros(2), abs=1e-4)
    assert shown.color_by == "group"
    assert shown.coloring["values"] == [i % 3 for i in range(40)]
    assert shown.coloring["sizes"] == [14, 13, 13]
    assert shown.names[7] == "folder/picture 7"
    assert shown.notes[7] == "class 1"


@pytest.mark.parametrize(("count", "channels"), [(7, 3), (700, 4), (2001, 3)])
def test_the_sheet_holds_every_picture(count: int, channels: int) -> None:
    pictures = made_pictures(count, channels)
    data, tile, columns = sprites.sheet(pictures)
    with Image.open(io.BytesIO(data)) as sheet:
        pixels = np.asarray(sheet.convert("RGB"), dtype=float)
    assert tile == {7: 64, 700: 48, 2001: 32}[count]
    rows = -(-count // columns)
    assert pixels.shape == (rows * tile, columns * tile, 3)
    for i in (0, columns, count - 1):
        x, y = i % columns * tile, i // columns * tile
        if channels == 3:
            own = pictures.images[i].float().mean((1, 2)).numpy()
            assert pixels[y : y + tile, x : x + tile].mean((0, 1)) == pytest.approx(own, abs=12)


def test_a_picture_in_its_own_size_comes_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    shown, sent = explorer(), []
    monkeypatch.setattr(shown, "send", lambda content, buffers=None: sent.append((content, buffers)))
    for content in ({"picture": 3}, {"picture": 40}, {"picture": "3"}, {}, None):
        shown._handle_custom_msg(content, [])
    ((content, buffers),) = sent
    assert content == {"picture": 3}
    with Image.open(io.BytesIO(buffers[0])) as image:
        assert image.size == (20, 20)


# --- neighbours, clusters, agreement ------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "width", "k"), [(3, 2, 5), (40, 6, 4), (200, 17, 12)])
def test_neighbours_are_those_of_a_slow_loop(count: int, width: int, k: int) -> None:
    rows = torch.randn(count, width, generator=torch.Generator().manual_seed(1))
    for query in (0, count - 1):
        cosines = []
        for i in range(count):
            if i != query:
                dot = sum(float(a) * float(b) for a, b in zip(rows[query], rows[i], strict=True))
                cosines.append((dot / float(rows[query].norm() * rows[i].norm()), i))
        expected = sorted(cosines, reverse=True)[:k]
        found = neighbours(rows, query, k)
        assert [row for row, _ in found] == [row for _, row in expected]
        assert [cosine for _, cosine in found] == pytest.approx([cosine for cosine, _ in expected], abs=1e-5)


def test_agreement_is_that_of_a_slow_loop() -> None:
    rows = torch.randn(50, 4, generator=torch.Generator().manual_seed(2))
    groups = torch.randint(-1, 3, (50,), generator=torch.Generator().manual_seed(3))
    known = [i for i in range(50) if groups[i] >= 0]
    hits, pairs = 0, []
    for i in known:
        others = [j for j in known if j != i]
        pairs += [bool(groups[i] == groups[j]) for j in others]
        nearest = max(others, key=lambda j: float(torch.cosine_similarity(rows[i], rows[j], dim=0)))
        hits += int(groups[nearest] == groups[i])
    found = agreement(rows, groups)
    assert found is not None
    assert (found.share, found.chance) == pytest.approx((hits / len(known), sum(pairs) / len(pairs)))
    assert agreement(rows, torch.full((50,), -1)) is None


def test_clusters_are_as_tight_as_those_of_scikit_learn() -> None:
    rows = torch.nn.functional.normalize(made_rows(300, 8), dim=1)
    numbers = clusters(rows, 5)
    assert torch.equal(numbers, clusters(3 * rows, 5))  # by direction alone, and the same every time
    sizes = torch.bincount(numbers)
    assert len(sizes) == 5
    assert torch.equal(sizes, sizes.sort(descending=True).values)

    def looseness(owner: Tensor) -> float:
        return sum(float((rows[owner == c] - rows[owner == c].mean(0)).square().sum()) for c in range(5))

    theirs = torch.as_tensor(KMeans(5, n_init=10, random_state=0).fit_predict(rows.numpy()))
    assert looseness(numbers) < 1.1 * looseness(theirs.long())


def test_a_coloring_of_many_classes_ends_with_others() -> None:
    groups = torch.cat([torch.arange(20).repeat_interleave(2), torch.tensor([-1, 5])])
    found = coloring(groups, [f"c{i}" for i in range(20)])
    assert len(found["names"]) == MOST == len(found["colors"])
    assert found["names"][-1] == "7 others"
    assert found["values"][-2:] == [-1, 5]
    assert sum(found["sizes"]) == 41


# --- messages in and out ------------------------------------------------------------------------------------


def test_a_click_gives_neighbours() -> None:
    shown = explorer()
    send(shown, selected=5)
    expected = neighbours(made_rows(40), 5, widget.NEIGHBOURS)
    assert [row for row, _ in shown.neighbours] == [row for row, _ in expected]
    shown.selected = None
    assert shown.neighbours == []


def test_a_lasso_gives_a_selection() -> None:
    shown = explorer()
    with pytest.raises(ValueError, match="Nothing is selected yet: drag with Shift"):
        shown.chosen()
    send(shown, selection=[3, 1, 3])
    assert shown.selection == [3, 1]
    assert shown.chosen().names == ["folder/picture 3", "folder/picture 1"]
    send(shown, selection=[])
    assert shown.selection == []


def test_colours_follow() -> None:
    shown = explorer(color_by="nothing")
    assert set(shown.coloring["values"]) == {-1}
    send(shown, color_by="cluster")
    assert shown.coloring["names"][0] == "cluster 1"
    assert sum(shown.coloring["sizes"]) == 40


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"selected": 40}, "selected is a row from 0 to 39, or None, got 40"),
        ({"selection": [0, -1]}, "selection is a list of rows from 0 to 39, got -1"),
        ({"color_by": "vendor"}, "color_by must be one of group, cluster, nothing, got 'vendor'"),
        ({"snapshot": "x"}, "snapshot must be one of features, got 'x'"),
        ({"method": "tsne"}, "method must be one of pca, umap, got 'tsne'"),
    ],
)
def test_what_does_not_exist_is_refused(change: dict[str, Any], sentence: str) -> None:
    shown = explorer()
    ((name, value),) = change.items()
    before = getattr(shown, name)
    with pytest.raises(ValueError, match=sentence):
        setattr(shown, name, value)
    assert getattr(shown, name) == before


# --- layouts and snapshots ----------------------------------------------------------------------------------


def test_a_mirrored_snapshot_stays_where_it_is() -> None:
    """A PCA may turn when nothing has moved; then nothing glides."""
    rows = made_rows(40)
    turn, _ = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(4)))
    shown = Explorer({"a": rows @ turn, "b": rows}, made_pictures(40), method="pca")
    assert shown.snapshot == "b"
    before = places_of(shown)
    send(shown, snapshot="a")
    assert places_of(shown) == pytest.approx(before, abs=1e-4)


def test_a_snapshot_brings_its_own_neighbours() -> None:
    first, second = made_rows(40, seed=1), made_rows(40, seed=2)
    shown = Explorer({"a": first, "b": second}, made_pictures(40), method="pca", color_by="cluster")
    shown.selected = 7
    before, colors = shown.neighbours, shown.coloring
    send(shown, snapshot="a")
    assert [row for row, _ in shown.neighbours] == [row for row, _ in neighbours(first, 7, widget.NEIGHBOURS)]
    assert shown.neighbours != before
    assert shown.coloring != colors
    assert "features, a." in shown.finding
    shown.add_snapshot("c", second)
    assert shown.snapshots == ["a", "b", "c"]
    assert shown.neighbours == before


@pytest.fixture
def slow_umap(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """A UMAP that takes a moment and notes how many there are at once."""
    seen: list[tuple[str, int]] = []
    running: list[int] = []

    def made(rows: Tensor, start: np.ndarray, warm: bool, seed: int) -> np.ndarray:
        with LOCK:
            running.append(1)
            seen.append(("warm" if warm else "cold", len(running)))
            time.sleep(0.1)
            running.pop()
        return start + np.float32(1)

    monkeypatch.setattr(widget, "umap_places", made)
    return seen


def test_umap_follows_and_begins_where_the_pictures_are(slow_umap: list[tuple[str, int]]) -> None:
    shown = Explorer({"a": made_rows(40, seed=1), "b": made_rows(40, seed=2)}, made_pictures(40), method="pca")
    before = places_of(shown)
    send(shown, method="umap")
    assert "UMAP of 40 pictures is being computed" in shown.progress
    assert shown.shown_method == "pca"
    assert shown.wait(10)
    assert (shown.progress, shown.shown_method) == ("", "umap")
    assert "UMAP of 40 pictures" in shown.finding
    assert places_of(shown) == pytest.approx(before + 1)
    send(shown, snapshot="a")
    assert shown.wait(10)
    assert slow_umap == [("cold", 1), ("warm", 1)]
    send(shown, snapshot="b")  # is known: nothing is computed again
    assert places_of(shown) == pytest.approx(before + 1)
    assert len(slow_umap) == 2


def test_only_one_umap_at_a_time_and_the_newest_wins(slow_umap: list[tuple[str, int]]) -> None:
    many = {str(i): made_rows(40, seed=i) for i in range(8)}
    first, second = (Explorer(many, made_pictures(40), method="pca") for _ in range(2))
    for name in many:
        for shown in (first, second):
            send(shown, method="umap", snapshot=name)
    for shown in (first, second):
        assert shown.wait(10)
        assert (shown.snapshot, shown.shown_method, shown.progress) == ("7", "umap", "")
    assert {at_once for _, at_once in slow_umap} == {1}
    assert len(slow_umap) < 10  # those that were asked for in passing are left out


def test_a_umap_that_is_no_longer_wanted_does_not_show(slow_umap: list[tuple[str, int]]) -> None:
    shown = explorer()
    before = places_of(shown)
    send(shown, method="umap")
    send(shown, method="pca")
    assert shown.progress == ""
    assert shown.wait(10)
    assert places_of(shown) == pytest.approx(before)
    assert shown.shown_method == "pca"


def test_the_error_of_a_umap_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> np.ndarray:
        raise RuntimeError("numba is broken")

    monkeypatch.setattr(widget, "umap_places", broken)
    shown = explorer()
    shown.method = "umap"
    assert shown.wait(10)
    assert shown.progress == "No UMAP: numba is broken"
    assert "RuntimeError" in shown._background.trace


def test_background_keeps_the_newest_task() -> None:
    began, go, done = threading.Event(), threading.Event(), []

    def first() -> None:
        began.set()
        go.wait(10)

    work = Background(lambda reason: None)
    work.do(first)
    assert began.wait(10)
    task: Callable[[int], Callable[[], None]] = lambda i: lambda: done.append(i)  # noqa: E731 (one line)
    for i in range(3):
        work.do(task(i))
    assert work.busy
    go.set()
    assert work.wait(10)
    assert done == [2]


@pytest.mark.slow
def test_a_real_umap_keeps_heaps_together_and_its_bearings() -> None:
    rows = 4 * made_rows(60, 10)
    start = places.pca_places(rows)
    found = places.umap_places(rows, start, warm=False)
    assert found.shape == (60, 2)
    near = neighbours(torch.as_tensor(found - found.mean(0)), 0, 1)  # in the plane, by direction from the middle
    assert near[0][0] % 3 == 0
    again = places.umap_places(rows, found, warm=True)
    assert float((again * found).sum()) > 0.5 * float(np.sqrt((again**2).sum() * (found**2).sum()))


# --- following a lab ----------------------------------------------------------------------------------------


def test_it_follows_a_lab(tiny_recipe: str) -> None:
    lab = CollapseLab(recipe=tiny_recipe, name="followed", driver="inline")
    lab.driver.play(3)
    shown = Explorer(lab, made_pictures(12), method="pca")
    first = lab.driver.session.step
    assert shown.snapshots == [f"step {first}"]
    shown.follow(lab, seconds=0)
    follower = shown._follower
    assert follower is not None
    for step in (first + 2, first + 4):
        lab.driver.play(step)
        assert follower.wait(10)
        assert shown.snapshot == f"step {step}"
        expected = features(lab.driver.session.dino.teacher, made_pictures(12))
        assert shown.rows[shown.snapshot] == pytest.approx(expected, abs=1e-6)
    shown.snapshot = f"step {first + 2}"  # somebody looks back, and is left there
    lab.driver.play(first + 6)
    assert follower.wait(10)
    assert shown.snapshot == f"step {first + 2}"
    assert shown.snapshots[-1] == f"step {first + 6}"
    lab._rewind(first + 3)
    assert follower.wait(10)
    assert shown.snapshots == [f"step {step}" for step in (first, first + 2, first + 3)]
    shown.close()
    lab.driver.play(first + 8)
    assert follower.wait(10)
    assert shown.snapshots[-1] == f"step {first + 3}"
    lab.stop()


def test_of_a_long_run_the_first_and_the_last_snapshots_stay() -> None:
    names = [f"step {10 * i}" for i in range(60)]
    assert kept(names, 600) == ["step 0", *names[-38:]]
    assert kept(names, 25) == ["step 0", "step 10", "step 20"]
    assert kept(["pixels", "step 50"], 50) == ["pixels"]


# --- where features come from -------------------------------------------------------------------------------


def test_features_of_a_run_however_it_comes(tmp_path: Path) -> None:
    config = DinoConfig(
        global_size=16, local_size=8, n_local=0, patch_size=8, dim=16, depth=1, heads=2, head_hidden=16, bottleneck=8,
        out_dim=32,
    )  # fmt: skip
    dino, pictures = Dino(config, seed=3, device="cpu"), made_pictures(12)
    save_checkpoint(dino, tmp_path / "checkpoint.safetensors")
    expected = features(dino.teacher, pictures)
    sources = {"dino": dino, "network": dino.teacher, "folder": tmp_path, "array": expected.numpy()}
    shown = Explorer(sources, pictures, method="pca")
    for rows in shown.rows.values():
        assert rows == pytest.approx(expected, abs=1e-5)
    file = Explorer(str(tmp_path / "checkpoint.safetensors"), pictures, method="pca")
    assert file.rows["features"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (torch.randn(40), r"Features are a table \(N, D\), one row a picture, got \(40,\)\.$"),
        (torch.randn(40, 0), r"got \(40, 0\)\.$"),
        (torch.randn(39, 4), r"^40 pictures need 40 rows of features, got 39\.$"),
        (torch.full((40, 4), torch.nan), r"NaN or infinite values: was the network trained"),
        (torch.ones(40, 4), r"^All 40 rows are the same, so there is no map: the network collapsed"),
        ({"a": torch.randn(40, 4), "b": torch.randn(3, 4)}, r"got 3 \(snapshot 'b'\)\.$"),
        ({}, r"^The dict of snapshots is empty"),
        ([1, 2], r"^An explorer needs a table of features \(N, D\), a Dino, .* got list\.$"),
        ("no/such/folder", r"^There is no run folder no/such/folder"),
    ],
    ids=["one row", "no columns", "too few", "NaN", "all the same", "snapshot", "empty", "list", "folder"],
)
def test_bad_features_are_refused_in_a_sentence(source: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Explorer(source, made_pictures(40), method="pca")


def test_one_picture_is_no_map_and_few_have_no_umap() -> None:
    with pytest.raises(ValueError, match=r"^A map needs at least two pictures, got one\.$"):
        Explorer(torch.randn(1, 4), made_pictures(1))
    few = Explorer(torch.randn(5, 1), made_pictures(5))
    assert (few.method, few.methods) == ("pca", ["pca"])
    with pytest.raises(ValueError, match="method must be"):
        Explorer(torch.randn(5, 4), made_pictures(5), method="tsne")
    with pytest.raises(ValueError, match="color_by must be one of group"):
        explorer(color_by="kind")


def test_twins_are_fine() -> None:
    rows = made_rows(40)
    rows[1] = rows[0]
    shown = Explorer(rows, made_pictures(40), method="pca")
    shown.selected = 0
    assert shown.neighbours[0] == [1, 1.0]


def test_snapshots_of_which_one_collapsed_stay_where_they_are() -> None:
    shown = Explorer({"collapsed": torch.ones(40, 6), "fine": made_rows(40)}, made_pictures(40), method="pca")
    before = places_of(shown)
    send(shown, snapshot="collapsed")
    assert shown.progress.startswith("No map: All 40 rows are the same")
    assert places_of(shown) == pytest.approx(before)
    send(shown, snapshot="fine")
    assert shown.progress == ""


# --- the still ----------------------------------------------------------------------------------------------


def test_the_still_has_the_map_and_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DINO_NB_FAST", "1")
    shown = explorer()
    bundle = shown._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert '<img alt="PCA of 40 pictures by 6 features. The nearest neighbour is of the same' in bundle["text/html"]
    assert "data:image/webp;base64," in bundle["text/html"]
    assert "class 2" in bundle["text/html"]
    assert bundle["text/plain"] == f"Explorer: {shown.finding}"
    monkeypatch.setattr(static_twin, "somebody_watches", lambda: True)
    assert shown._repr_mimebundle_()[VIEW]["model_id"] == shown.model_id


def test_the_still_has_the_frames_of_the_page() -> None:
    shown = explorer(count=3, color_by="group")
    image, count = drawn(places_of(shown), (shown.sheet, shown.tile, shown.columns), shown.coloring)
    assert count == 3
    colors = {f"#{r:02X}{g:02X}{b:02X}" for _, (r, g, b, a) in image.getcolors(1 << 20) or [] if a}
    assert set(shown.coloring["colors"]) <= colors


def test_where_nobody_watches_the_still_waits_for_the_umap(
    slow_umap: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DINO_NB_FAST", raising=False)
    shown = explorer(method="umap")
    assert slow_umap == []  # nobody asked yet
    assert "UMAP of 40 pictures" in shown.static_html()
    assert len(slow_umap) == 1


def test_the_page_is_in_the_package() -> None:
    folder = Path(widget.__file__).parent
    assert (folder / "explorer.js").is_file()
    script = (folder / "explorer.js").read_text()
    assert "export default { render }" in script
    assert "http" not in script  # no CDN
    assert "import " not in script
