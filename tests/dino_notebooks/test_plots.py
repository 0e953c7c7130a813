"""Figures against what they claim: a line at ln K is at ln K, a box is where the crop was cut, a tick marks a twin.

Neighbours and PCA are compared with scikit-learn's, IoU with dino_lite's, crops with a resize of the whole picture.
Run: pytest tests/dino_notebooks/test_plots.py
"""

import dataclasses
import io
import math
import subprocess
import sys
import threading
import warnings
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from dino_lite import Dino, DinoConfig, Pictures, attention_maps, enlarge, load_pictures, mask_iou, mass_mask, train
from dino_lite.colors import normalize
from dino_lite.evaluate import on_background
from dino_lite.resample import resize
from dino_lite.views import draw_views
from dino_notebooks.plots import (
    layout,
    nearest,
    plot_attention,
    plot_curves,
    plot_neighbours,
    plot_prototypes,
    plot_umap,
    plot_views,
    winners,
)
from dino_notebooks.plots.crops import denormalized
from dino_notebooks.plots.embedding import CANVAS, draw_map, thin
from dino_notebooks.plots.neighbours import same_thing
from dino_notebooks.plots.prototypes import ranked
from dino_notebooks.plots.series import BINS, Series
from dino_notebooks.plots.style import GREEN, SIDE
from dino_notebooks.plots.words import VERDICTS, verdict

CONFIG = dataclasses.replace(DinoConfig.lab(), picture_size=32, dim=16, depth=2, heads=2, out_dim=64, batch_size=8)
K = 64


@pytest.fixture(scope="module")
def emoji() -> Pictures:
    """Every concept by every vendor, 32 px."""
    return load_pictures("emoji", size=32)


@pytest.fixture(scope="module")
def few(emoji: Pictures) -> Pictures:
    """12 concepts by 3 vendors."""
    count = len(emoji) // 3
    return emoji[
        [vendor * count + concept for vendor in range(3) for concept in range(0, 1200, 100) if concept < count]
    ]


@pytest.fixture(scope="module")
def dino() -> Dino:
    """A network as it starts."""
    return Dino(CONFIG, seed=0, device="cpu")


def logs(count: int, **changes: Any) -> list[dict[str, Any]]:
    """Made-up logs in which every number moves, and the rank is measured every 20 steps."""
    rng = np.random.default_rng(0)
    entropy, kl = 3 + rng.normal(0, 0.1, count), 1 + rng.normal(0, 0.1, count)
    return [
        {
            "step": i,
            "loss": float(entropy[i] + kl[i]),
            "entropy": float(entropy[i]),
            "kl": float(kl[i]),
            "marginal_entropy": 3.9,
            "mutual_information": float(3.9 - entropy[i]),
            "effective_prototypes": 40.0 + i / count,
            "feature_std": 0.1,
            "effective_rank": 10.0 + i if i % 20 == 0 else None,
            "knobs": {"teacher_temp": 0.04, "ema_momentum": 0.99, "lr": 0.001 * i},
            "diagnosis": "not_learning" if i < count // 2 else "healthy",
            "reason": "because",
            "seconds": 0.1,
            "images_per_second": 80.0,
        }
        | changes
        for i in range(count)
    ]


def words(figure: Figure) -> list[str]:
    """Every text of a figure."""
    return [text.get_text() for ax in figure.axes for text in [*ax.texts, ax.title, ax._left_title]]


def heights(ax: Axes) -> list[float]:
    """The heights of the horizontal lines that cross an axis."""
    lines = [np.asarray(line.get_ydata(), float) for line in ax.lines if list(line.get_xdata()) == [0, 1]]
    return [float(y[0]) for y in lines if len(set(y)) == 1]


def frames(ax: Axes, color: str) -> list[tuple[float, float]]:
    """Upper left corners of the frames of a colour around whole pictures."""
    boxes = [p for p in ax.patches if isinstance(p, Rectangle) and math.isclose(p.get_width(), SIDE)]
    return [p.get_xy() for p in boxes if to_hex(p.get_edgecolor()) == color.lower()]


def panel(figure: Figure, title: str) -> Axes:
    """The axes whose title begins like this."""
    return next(ax for ax in figure.axes if ax.get_title(loc="left").startswith(title))


# --- every figure -------------------------------------------------------------------------------------------


def all_figures(dino: Dino, few: Pictures) -> list[Any]:
    """One of each kind."""
    rows = torch.randn(len(few), 8, generator=torch.Generator().manual_seed(0))
    return [
        plot_curves(logs(30), K),
        plot_views(few, CONFIG, count=2),
        plot_neighbours(rows, few, [0, 1]),
        plot_attention(dino.teacher, few, [0, 1]),
        plot_prototypes(winners(dino, few), K),
        plot_umap(rows[:9], few[range(9)]),
    ]


def test_figures_are_transparent_say_what_they_show_and_change_nothing_global(dino: Dino, few: Pictures) -> None:
    before = dict(matplotlib.rcParams)
    for figure in all_figures(dino, few):
        assert isinstance(figure, Figure)
        assert figure.finding.endswith(".")
        png, facts = figure._repr_png_()
        assert facts["alt"] == figure.finding
        with Image.open(io.BytesIO(png)) as picture:
            assert picture.mode == "RGBA"
            assert picture.getchannel("A").getextrema()[0] == 0  # the page shows through
            assert abs(picture.width - 2 * facts["width"]) <= 1
        assert all(to_hex(ax.get_facecolor(), keep_alpha=True).endswith("00") or not ax.axison for ax in figure.axes)
    assert dict(matplotlib.rcParams) == before


def test_no_pyplot() -> None:
    code = "import sys, dino_notebooks.plots, dino_notebooks.report; print('matplotlib.pyplot' in sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert process.stdout.strip() == "False"


def test_names_are_never_read_as_mathematics_and_unknown_letters_do_not_warn(few: Pictures) -> None:
    names = [f"a/$x_{i}^$ 猫 & <b>" for i in range(len(few))]
    figure = plot_neighbours(torch.eye(len(few)), dataclasses.replace(few, names=names, labels=None), [0])
    assert figure._repr_png_()[0].startswith(b"\x89PNG")  # warnings are errors here
    assert "$x_0^$ 猫 & <b>" in words(figure)


def test_every_diagnosis_of_the_library_has_its_words() -> None:
    from typing import get_args

    from dino_lite.collapse import State

    assert set(VERDICTS) == set(get_args(State))
    assert verdict("something new").word == "something new"


# --- curves -------------------------------------------------------------------------------------------------


def test_curves_show_ln_k_zero_and_the_two_parts_of_the_loss() -> None:
    history = logs(50)
    figure = plot_curves(history, K)
    ax = panel(figure, "Cross-entropy")
    assert heights(ax) == pytest.approx([math.log(K), 0])
    assert any(text.startswith(f"ln K = {math.log(K):.2f}") for text in words(figure))
    h, loss = (line.get_ydata() for line in ax.lines[:2])
    np.testing.assert_allclose(h, [log["entropy"] for log in history])
    np.testing.assert_allclose(loss, [log["loss"] for log in history])
    assert f"h {history[-1]['entropy']:.2f}" in words(figure)
    assert f"KL {history[-1]['kl']:.2f}" in words(figure)
    assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()  # not told apart by colour alone


@pytest.mark.parametrize(("out_dim", "ceiling"), [(64, 16), (8, 8)])
def test_mutual_information_has_its_ceiling(out_dim: int, ceiling: int) -> None:
    """80 pictures a second for 0.1 seconds are 8 pictures, 16 targets."""
    figure = plot_curves(logs(5), out_dim)
    assert max(heights(panel(figure, "Mutual"))) == pytest.approx(math.log(ceiling))
    assert f"at most ln {ceiling} = {math.log(ceiling):.2f}" in words(figure)


def test_curves_of_a_real_run_are_the_same_from_step_logs_and_from_json(few: Pictures) -> None:
    steps = list(train(CONFIG, few, steps=3, device="cpu"))
    ours, theirs = plot_curves(steps, K), plot_curves([step.to_dict() for step in steps], K)
    assert words(ours) == words(theirs)
    assert ours.finding == theirs.finding
    assert max(heights(panel(ours, "Mutual"))) == pytest.approx(math.log(16))


def test_twenty_thousand_steps_are_thinned_without_losing_their_mean_or_a_spike() -> None:
    history = logs(20_000)
    history[7777]["loss"] = 55.0
    figure = plot_curves(history, K)
    assert all(len(line.get_xdata()) <= BINS for ax in figure.axes for line in ax.lines)
    line = Series(history).line(Series(history).column("loss"))
    assert len(line.mean) == BINS
    assert line.high.max() == 55
    losses = np.array([log["loss"] for log in history])
    sizes = [len(part) for part in np.array_split(losses, BINS)]
    assert np.average(line.mean, weights=sizes) == pytest.approx(losses.mean())
    assert panel(figure, "Cross-entropy").get_ylim()[1] > 55


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("dim", [None, 16])
def test_the_shortest_runs(count: int, dim: int | None) -> None:
    figure = plot_curves(logs(count), K, dim)
    figure.canvas.draw()
    for ax in figure.axes:
        left, right = ax.get_xlim()
        assert left < right
        assert all(tick == int(tick) for tick in ax.get_xticks() if left <= tick <= right)


def test_without_an_effective_rank_the_spread_is_shown() -> None:
    assert panel(plot_curves(logs(5, effective_rank=None), K), "Spread")
    assert panel(plot_curves(logs(30), K), "Effective rank").lines[0].get_ydata().tolist() == [10.0, 30.0]
    with_dim = panel(plot_curves(logs(5), K, dim=16), "Spread of the features × √D")
    assert with_dim.lines[0].get_ydata() == pytest.approx([0.4] * 5)


def test_changes_of_diagnosis_are_in_words() -> None:
    history = logs(120)
    assert Series(history).stretches() == [(0, 59, "not_learning"), (60, 119, "healthy")]
    texts = words(plot_curves(history, K))
    assert texts.index("not learning yet") < texts.index("healthy")
    history[5]["diagnosis"] = "dominant"  # one step in sixty is noise
    assert len(Series(history).stretches()) == 2


def test_words_of_the_diagnosis_never_overlap() -> None:
    history = logs(120)
    for i, log in enumerate(history):
        log["diagnosis"] = list(VERDICTS)[i // 12 % 4]
    figure = plot_curves(history, K)
    figure.canvas.draw()
    shown = {v.word for v in VERDICTS.values()}
    ax = panel(figure, "Cross-entropy")
    boxes = [t.get_window_extent() for t in ax.texts if t.get_text() in shown]
    assert len(boxes) == 10
    assert not [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


@pytest.mark.parametrize(
    ("history", "complaint"),
    [
        ([], "holds no step"),
        (logs(3, kl=None), "Step 0 of the log has no usable kl"),
        (logs(3, loss=math.nan), "no usable loss: it says nan"),
        (logs(3, entropy="low"), "no usable entropy: it says 'low'"),
        (logs(3, knobs={}), "no usable teacher_temp"),
    ],
)
def test_bad_logs(history: list[dict[str, Any]], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        plot_curves(history, K)


# --- views --------------------------------------------------------------------------------------------------


def test_boxes_are_where_the_crops_were_cut(few: Pictures) -> None:
    config = dataclasses.replace(CONFIG, n_local=3)
    figure = plot_views(few, config, seed=5, count=2)
    params = draw_views(2, (32, 32), config, torch.Generator().manual_seed(5))
    boxes = torch.cat([part.box for part in params]).transpose(0, 1).flatten(0, 1).numpy()  # picture by picture
    drawn = [p for p in figure.axes[0].patches if isinstance(p, Rectangle) and not math.isclose(p.get_width(), SIDE)]
    drawn += [p for p in figure.axes[0].patches if p.get_x() == 0 and p not in drawn]  # a crop of the full width
    assert len(drawn) == 2 * 5
    found = np.array([[p.get_y() % 1, p.get_x(), p.get_height(), p.get_width()] for p in drawn]) * 32 / SIDE
    assert sorted(map(tuple, found.round(3).tolist())) == sorted(map(tuple, boxes.tolist()))
    assert len(figure.axes[0].images) == 2 * (1 + 2 + 3)
    assert {"picture", "global 1", "global 2", "local 3"} <= set(words(figure))


def test_a_view_is_drawn_in_its_true_colours() -> None:
    """With no augmentation and a crop of everything the view is the picture, made smaller."""
    off = {"jitter_prob": 0.0, "grey_prob": 0.0, "solarize_prob": 0.0, "blur_probs": (0.0, 0.0, 0.0)}
    config = dataclasses.replace(CONFIG, global_scale=(1.0, 1.0), n_local=0, **off)
    pictures = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    images = plot_views(pictures, config, count=1).axes[0].images
    whole = pictures[0].permute(1, 2, 0).numpy()
    shown = [np.asarray(image.get_array()) for image in images]
    np.testing.assert_array_equal(shown[0], whole)
    for view in shown[1:]:
        assert min(abs(view.astype(int) - w).max() for w in (whole, whole[:, ::-1])) <= 1  # perhaps flipped


def test_denormalized_undoes_normalize() -> None:
    x = torch.randint(0, 256, (2, 3, 3, 4, 4), dtype=torch.uint8)
    np.testing.assert_array_equal(denormalized(normalize(x.float() / 255)), x.movedim(-3, -1).numpy())


def test_the_seed_decides_the_views(few: Pictures) -> None:
    first, again, other = (plot_views(few, CONFIG, seed=seed).axes[0].images[1].get_array() for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("images", "count", "complaint"),
    [
        (torch.zeros(2, 3, 8, 8), 2, "uint8"),
        (torch.zeros(2, 2, 8, 8, dtype=torch.uint8), 2, "3 or 4"),
        (torch.zeros(0, 3, 8, 8, dtype=torch.uint8), 2, "N >= 1"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), 0, "count must be at least 1"),
    ],
)
def test_bad_views(images: torch.Tensor, count: int, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        plot_views(images, CONFIG, count=count)


# --- neighbours ---------------------------------------------------------------------------------------------


def test_nearest_agrees_with_scikit_learn() -> None:
    rows = torch.randn(50, 8, generator=torch.Generator().manual_seed(0)) * torch.rand(50, 1)
    theirs = NearestNeighbors(n_neighbors=6, metric="cosine").fit(rows).kneighbors(rows[[3, 40]], return_distance=False)
    assert nearest(rows, [3, 40], k=5).tolist() == theirs[:, 1:].tolist()
    assert nearest(rows[:3], [0], k=8).shape == (1, 2)  # no more than there are


def test_a_twin_of_the_query_is_a_neighbour_and_the_query_is_not() -> None:
    rows = torch.tensor([[1.0, 0], [1, 0], [0, 1], [-1, 0]])
    assert nearest(rows, [0, 1], k=3)[:, 0].tolist() == [1, 0]
    assert all(query not in found for query, found in enumerate(nearest(rows, range(4), k=3).tolist()))


def test_the_same_concept_by_another_vendor_is_marked(few: Pictures) -> None:
    rows = torch.randn(12, 8, generator=torch.Generator().manual_seed(1)).repeat(3, 1)  # vendors agree exactly
    figure = plot_neighbours(rows, few, [2, 14], k=4)
    ticks = [text for text in figure.axes[0].texts if text.get_text() == "✓"]
    assert len(ticks) == len(frames(figure.axes[0], GREEN)) == 2 * 2  # the two other vendors, first and second
    assert {round(x) for x, _ in frames(figure.axes[0], GREEN)} == {1, 2}
    assert "2 of them find another vendor's drawing" in figure.finding
    marks = same_thing(few, [2]).same[0]
    assert marks.nonzero().flatten().tolist() == [14, 26]
    assert {few.names[i].split("/")[1] for i in (2, 14, 26)} == {few.names[2].split("/")[1]}


def test_without_vendors_the_class_is_marked_and_without_classes_nothing(few: Pictures) -> None:
    plain = dataclasses.replace(few, names=[f"{i}.png" for i in range(36)])
    marks = same_thing(plain, [0, 5])
    for row, query in zip(marks.same, (0, 5), strict=True):
        expected = [i for i in range(36) if i != query and few.labels[i] == few.labels[query]]
        assert row.nonzero().flatten().tolist() == expected
    unlabelled = dataclasses.replace(plain, labels=torch.full((36,), -1))
    assert not same_thing(unlabelled, [0]).same.any()
    nothing = dataclasses.replace(plain, labels=None)
    figure = plot_neighbours(torch.eye(36), nothing, [0])
    assert "✓" not in words(figure)
    assert figure.finding == "1 queries with their 8 nearest neighbours."


@pytest.mark.parametrize(
    ("rows", "queries", "complaint"),
    [
        (torch.zeros(36), [0], "features \\(N, D\\)"),
        (torch.eye(36)[:35], [0], "36 pictures need 36 rows"),
        (torch.full((36, 4), math.nan), [0], "NaN"),
        (torch.eye(36), [], "different picture numbers"),
        (torch.eye(36), [1, 1], "different picture numbers from 0 to 35, got \\[1, 1\\]"),
        (torch.eye(36), [36], "different picture numbers"),
        (torch.eye(36), [-1], "different picture numbers"),
    ],
)
def test_bad_neighbours(few: Pictures, rows: torch.Tensor, queries: list[int], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        plot_neighbours(rows, few, queries)


def test_one_picture_has_no_neighbours(few: Pictures) -> None:
    with pytest.raises(ValueError, match="at least two pictures"):
        plot_neighbours(torch.ones(1, 4), few[[0]], [0])


# --- attention ----------------------------------------------------------------------------------------------


def test_attention_shows_the_library_s_iou(dino: Dino, few: Pictures) -> None:
    indices, mass = [0, 7, 20], 0.5
    figure = plot_attention(dino.teacher, few, indices, mass)
    x = normalize(resize(on_background(few.images[indices]), 32))
    maps = attention_maps(dino.teacher, x)
    iou = mask_iou(enlarge(mass_mask(maps, mass), 32), few.masks[indices][:, None])
    texts = [text for text in words(figure) if text.startswith("IoU")]
    for row in iou:
        for head, value in enumerate(row):
            assert f"IoU {value:.2f}" + (" best" if head == int(row.argmax()) else "") in texts
    assert len(texts) == 3 * (2 + 1)
    corners = [(int(row.argmax()) + 1, y) for y, row in enumerate(iou)]
    assert [(round(x), y // 1.18) for x, y in frames(figure.axes[0], GREEN)] == corners
    assert f"{float(iou.amax(1).mean()):.2f} (best head)" in figure.finding
    assert "50% of the mean" in words(figure)


def test_attention_without_masks(dino: Dino, few: Pictures) -> None:
    figure = plot_attention(dino.teacher, dataclasses.replace(few, masks=None), [0])
    assert not [text for text in words(figure) if "IoU" in text or "true" in text]
    assert len(figure.axes[0].images) == 1 + 2 + 1
    with pytest.raises(ValueError, match="mass must be"):
        plot_attention(dino.teacher, few, [0], mass=0)
    with pytest.raises(ValueError, match="different picture numbers"):
        plot_attention(dino.teacher, few, [0, 0])


def test_many_heads_are_cut_to_six_columns(few: Pictures) -> None:
    wide = Dino(dataclasses.replace(CONFIG, heads=8), device="cpu")
    figure = plot_attention(wide.teacher, few, [0])
    assert "head 6" in words(figure)
    assert "head 7" not in words(figure)
    assert "8 heads" in figure.finding


# --- layout and map -----------------------------------------------------------------------------------------


def clusters(count: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """Three directions with some noise, (3 × count, 6), and which is which."""
    rng = np.random.default_rng(0)
    return np.repeat(np.eye(6)[:3], count, 0) + rng.normal(0, 0.05, (3 * count, 6)), np.repeat(range(3), count)


def test_umap_puts_what_is_alike_together_and_repeats_itself() -> None:
    rows, kind = clusters()
    places, again = layout(rows, seed=3), layout(torch.from_numpy(rows), seed=3)
    assert places.shape == (60, 2)
    assert places.dtype == np.float32
    np.testing.assert_array_equal(places, again)
    assert not np.array_equal(places, layout(rows, seed=4))
    near = NearestNeighbors(n_neighbors=6).fit(places).kneighbors(return_distance=False)
    assert (kind[near] == kind[:, None]).mean() > 0.98
    lengths = np.random.default_rng(1).uniform(0.5, 2, (60, 1))  # cosine: lengths say nothing
    near = NearestNeighbors(n_neighbors=6).fit(layout(rows * lengths)).kneighbors(return_distance=False)
    assert (kind[near] == kind[:, None]).mean() > 0.98


def test_two_threads_may_ask_for_a_map_at_once() -> None:
    rows, _ = clusters(10)
    alone, found = layout(rows), []
    threads = [threading.Thread(target=lambda: found.append(layout(rows))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [np.array_equal(alone, places) for places in found] == [True, True]


@pytest.mark.parametrize("dim", [1, 2, 7])
def test_pca_agrees_with_scikit_learn(dim: int) -> None:
    rows = np.random.default_rng(0).normal(size=(30, dim)).astype(np.float32)
    ours = layout(rows, method="pca")
    theirs = PCA(min(2, dim)).fit_transform(rows)
    np.testing.assert_allclose(np.abs(ours[:, : min(2, dim)]), np.abs(theirs), atol=1e-4)
    assert (ours[np.abs(ours).argmax(0), [0, 1]] >= 0).all()


def test_few_pictures_get_a_pca_and_a_sentence() -> None:
    rows = np.random.default_rng(0).normal(size=(9, 4))
    with pytest.warns(UserWarning, match=r"UMAP needs 10 pictures, got 9: this map is a PCA\.") as caught:
        places = layout(rows)
    assert caught[0].filename == __file__
    np.testing.assert_array_equal(places, layout(rows, method="pca"))
    assert layout(np.random.default_rng(0).normal(size=(10, 4))).shape == (10, 2)


def test_some_twins_do_no_harm() -> None:
    rows, _ = clusters(10)
    rows[5:25] = rows[5]
    assert np.isfinite(layout(rows)).all()


@pytest.mark.parametrize(
    ("rows", "method", "complaint"),
    [
        (np.ones((12, 3)), "umap", "All 12 rows are the same"),
        (np.ones((1, 3)), "umap", "at least two pictures"),
        (np.ones(12), "umap", "features \\(N, D\\)"),
        (np.ones((0, 3)), "umap", "features \\(N, D\\)"),
        (np.full((12, 3), np.nan), "pca", "NaN or infinite"),
        (np.full((12, 3), np.inf), "pca", "NaN or infinite"),
        (np.eye(12), "tsne", 'method must be "umap" or "pca"'),
    ],
)
def test_bad_rows(rows: np.ndarray, method: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        layout(rows, method=method)


@pytest.mark.parametrize("count", [1, 7, 300, 3348])
def test_pictures_on_the_map_never_cover_each_other(emoji: Pictures, count: int) -> None:
    places = np.random.default_rng(0).normal(size=(count, 2)) ** 3  # crowded in the middle
    drawn = draw_map(places, emoji[range(count)])
    x, y = drawn.corners.T
    apart = np.maximum(abs(x[:, None] - x), abs(y[:, None] - y)) + drawn.tile * np.eye(len(x), dtype=int)
    assert apart.min() >= drawn.tile
    assert drawn.corners.min() >= 0
    assert (drawn.corners + drawn.tile <= CANVAS).all()
    painted = (drawn.canvas[..., 3] > 0).sum()
    assert painted == len(drawn.drawn) * drawn.tile**2  # nothing else, and nothing over anything
    assert len(set(drawn.drawn.tolist())) == len(drawn.drawn)
    if count <= 7:
        assert drawn.tile > 100  # few are drawn large


def test_thinning_keeps_the_middle_one_of_every_cell() -> None:
    points = np.random.default_rng(0).uniform(0, 200, (500, 2))
    drawn, corners = thin(points, 20)
    cells = {tuple(cell) for cell in (points // 20).astype(int)}
    assert {tuple(corner // 20) for corner in corners} == cells
    for number, corner in zip(drawn, corners, strict=True):
        inside = points[((points // 20) == corner // 20).all(1)]
        off = np.square(inside - corner - 10).sum(1)
        assert np.square(points[number] - corner - 10).sum() == off.min()


def test_frames_have_the_class_s_colour_and_pattern(few: Pictures) -> None:
    places = np.stack([np.arange(36) % 6, np.arange(36) // 6], 1).astype(float)
    names = [f"class {i}" for i in range(9)]
    labels = torch.arange(36) % 9
    drawn = draw_map(places, dataclasses.replace(few, labels=labels, label_names=names))
    assert [name for name, _, _ in drawn.legend] == names
    assert len({(color, dashed) for _, color, dashed in drawn.legend}) == 9
    for number, (x, y) in zip(drawn.drawn, drawn.corners, strict=True):
        _, color, dashed = drawn.legend[labels[number]]
        assert to_hex(drawn.canvas[y, x, :3] / 255) == color.lower()
        edge = drawn.canvas[y, x : x + drawn.tile, :3]
        assert (len(np.unique(edge, axis=0)) == 2) == dashed


def test_too_many_classes_or_none_have_no_legend(few: Pictures) -> None:
    places = np.random.default_rng(0).normal(size=(36, 2))
    many = dataclasses.replace(few, labels=torch.arange(36), label_names=[str(i) for i in range(36)])
    for pictures in (many, dataclasses.replace(few, labels=None, label_names=None)):
        assert draw_map(places, pictures).legend == []


def test_umap_leaves_torch_its_threads() -> None:
    """numba sets OpenMP's number of threads, which is torch's too: two busy ones on two busy cores crawl."""
    torch.set_num_threads(1)
    layout(torch.randn(40, 8, generator=torch.Generator().manual_seed(0)))
    assert torch.get_num_threads() == 1


def test_plot_umap_says_how_many_it_drew_and_names_the_classes(few: Pictures) -> None:
    rows = torch.randn(36, 6, generator=torch.Generator().manual_seed(0))
    figure = plot_umap(rows, few)
    assert figure.finding.startswith("UMAP of the embeddings of 36 pictures, ")
    assert set(few.label_names) <= set(words(figure))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small = plot_umap(rows[:4], few[range(4)])
    assert "PCA" in small.finding
    assert "too few for UMAP" in small.finding
    with pytest.raises(ValueError, match="36 pictures need 36 rows"):
        plot_umap(rows[:35], few)


# --- prototypes ---------------------------------------------------------------------------------------------


def test_winners_are_the_largest_centred_logits(few: Pictures) -> None:
    dino = Dino(CONFIG, seed=0, device="cpu")
    dino.center = torch.randn(K, generator=torch.Generator().manual_seed(0)) * 0.3
    x = normalize(resize(on_background(few.images), 32))
    logits, _ = dino.teacher.eval()(x[None])
    won = winners(dino, few, batch_size=7)
    assert won.tolist() == (logits[0] - dino.center).argmax(1).tolist()
    assert won.tolist() != logits[0].argmax(1).tolist()


def test_prototypes_are_counted_and_ranked() -> None:
    won = torch.tensor([3, 3, 3, 9, 9, 0])
    assert ranked(won, 12).tolist() == [3, 2, 1] + [0] * 9
    figure = plot_prototypes(won, 12, before=torch.zeros(6, dtype=torch.int64))
    assert figure.finding.startswith("3 of 12 prototypes win at least one of 6 pictures; the busiest wins 50.0%")
    assert "Before training it was 1 prototypes, the busiest with 100.0%" in figure.finding
    heights_ = figure.axes[0].lines[0].get_ydata()
    assert list(heights_) == [3, 3, 2, 1, 0]
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()][:2] == ["trained", "before training"]
    with pytest.raises(ValueError, match="prototype from 0 to 11"):
        plot_prototypes(torch.tensor([12]), 12)
