"""The models in the package: what their files say is what they do.

Scores are computed anew here from the shipped weights, so a card that no longer belongs to them cannot stand.
Run: pytest tests/dino_lite/test_shipped.py
"""

import math
from pathlib import Path

import pytest
import torch

from dino_lite import (
    DinoConfig,
    ViT,
    features,
    fine_tune,
    knn_accuracy,
    load_pictures,
    pixel_features,
    pretrained,
    recording,
    retrieval_accuracy,
)
from dino_lite.scorecard import compare, moved, vendor_rows
from dino_lite.scorecard import test_rows as held_out_rows
from dino_lite.shipped import MODELS, SNAPSHOTS, save_backbone

LARGEST = 8_000_000  # bytes of a checkpoint


def emoji_of(model: ViT) -> torch.Tensor:
    """Features of the emoji on random backgrounds."""
    return features(model, load_pictures("emoji", recording().config.picture_size), "random")


def test_end_is_better_than_pixels_and_a_random_network() -> None:
    """On random backgrounds: retrieval across vendors, and k-NN by group on concepts that were held out."""
    pictures = load_pictures("emoji", recording().config.picture_size)
    test, y = held_out_rows(pictures), pictures.labels
    assert y is not None
    a, b, c = vendor_rows(pictures)
    pairs = [(p, q) for p in (a, b, c) for q in (a, b, c) if p is not q]
    scores = {}
    for name, x in (("end", emoji_of(pretrained())), ("start", emoji_of(pretrained(snapshot="start"))),
                    ("pixels", pixel_features(pictures, background="random"))):  # fmt: skip
        found = sum(retrieval_accuracy(x[p], x[q]) for p, q in pairs) / 6
        scores[name] = found, knn_accuracy(x[~test], y[~test], x[test], y[test])
    card = recording().card
    for name, key in (("end", "model"), ("start", "random_init"), ("pixels", "pixels")):
        written = card[key]["random"]
        assert scores[name] == pytest.approx((written["retrieval"], written["knn"]), abs=0.004), name
    assert scores["end"][0] > 1.2 * scores["pixels"][0] > 5 * scores["start"][0]
    assert scores["end"][1] > scores["pixels"][1] + 0.03 > scores["start"][1] + 0.06


def test_snapshots_are_moments_of_one_training() -> None:
    """Each is another network, and the features learn from one to the next."""
    found = recording()
    assert list(found.steps) == list(SNAPSHOTS)
    start, middle, end = found.steps.values()
    assert 0 == start < middle < end == found.logs[-1]["step"] + 1
    assert list(found.backbones()) == [f"step {step}" for step in (start, middle, end)]
    pictures = load_pictures("emoji", found.config.picture_size)
    a, b, _ = vendor_rows(pictures)
    rows = [features(model, pictures, "random") for model in found.backbones().values()]
    hits = [retrieval_accuracy(x[a], x[b]) for x in rows]
    assert hits[0] < hits[1]
    assert hits[0] < hits[2]


def test_logs_are_of_a_healthy_run_and_of_a_collapse() -> None:
    """CE = h + KL in every line of both; the collapse comes with the switch and is named."""
    for name in ("emoji", "collapsed"):
        for log in recording(name).logs:
            assert log["loss"] == pytest.approx(log["entropy"] + log["kl"], abs=1e-4)
    assert recording().logs[-1]["diagnosis"] == "healthy"
    lost = recording("collapsed")
    switch = lost.steps["middle"]
    assert all(log["knobs"]["centering"] == (log["step"] < switch) for log in lost.logs)
    assert lost.logs[-1]["diagnosis"] == "dominant"
    assert lost.logs[-1]["effective_prototypes"] < 0.2 * lost.config.out_dim


def test_recorded_collapse_is_its_run_line() -> None:
    """The line repeats the run: 20 steps of it, to what the file keeps."""
    from dino_notebooks import Session

    lost = recording("collapsed")
    assert lost.facts["run_line"].endswith(f"{lost.steps['middle']} centering=off")
    session = Session("lab", lost.facts["seed"], "cpu")
    session.advance(steps=21)
    kept = {log["step"]: log for log in lost.logs}
    assert session.history[20].loss == pytest.approx(kept[20]["loss"], rel=2e-3)


def test_files_are_small_and_in_half_precision() -> None:
    from safetensors.torch import load_file

    for folder in filter(Path.is_dir, MODELS.iterdir()):
        for name in SNAPSHOTS:
            path = folder / f"{name}.safetensors"
            assert path.stat().st_size < LARGEST
            assert {value.dtype for value in load_file(path).values()} == {torch.float16}
    assert sum(path.stat().st_size for path in MODELS.rglob("*") if path.is_file()) < LARGEST


def test_a_backbone_survives_the_file(tmp_path: Path) -> None:
    """Half precision moves a feature by less than a hundredth of a degree's worth; the file is readable by all."""
    model = pretrained()
    save_backbone(model, tmp_path / "copy.safetensors")
    assert (tmp_path / "copy.safetensors").read_bytes() == (MODELS / "emoji" / "end.safetensors").read_bytes()
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_timm_gives_the_same_features_and_the_way_back() -> None:
    """The export is a plain timm ViT; its weights come back as ours."""
    import timm

    model = pretrained()
    theirs = model.to_timm()
    image = torch.randn(2, 3, model.img_size, model.img_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ours = model(image)
        torch.testing.assert_close(theirs.forward_head(theirs.forward_features(image)), ours, rtol=1e-5, atol=1e-5)
    fresh = timm.create_model(
        "vit_tiny_patch16_224", img_size=model.img_size, patch_size=model.patch_size, embed_dim=model.num_features,
        depth=len(model.blocks), num_heads=model.heads, num_classes=0,
    )  # fmt: skip
    fresh.load_state_dict(theirs.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(ViT.from_timm(fresh.eval())(image), ours, rtol=1e-4, atol=1e-4)


def test_it_can_be_tuned_and_stays_as_it_was() -> None:
    model, config = pretrained(), DinoConfig.lab()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images = torch.randint(0, 256, (6, 3, 32, 32), dtype=torch.uint8)
    fine_tune(model, images, torch.tensor([0, 1, 0, 1, 0, 1]), config, steps=1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_loading_leaves_the_random_numbers_alone() -> None:
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    pretrained()
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("imagenet",), r"There is no shipped model 'imagenet': choose one of collapsed, emoji\."),
        (("",), r"There is no shipped model '': choose one of collapsed, emoji\."),
        (("emoji", "last"), r"snapshot must be one of start, middle, end, got 'last'\."),
    ],
)
def test_unknown_names(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        pretrained(*arguments)


# --- pictures that are moved, and the card ---------------------------------------------------------------------


def test_moved_pictures_are_smaller_turned_and_elsewhere() -> None:
    """Every one keeps its colours and about 0.36 to 0.81 of its area, and lies elsewhere; the seed says where."""
    pictures = load_pictures("emoji", 64)[:200]
    shown = moved(pictures, seed=1)
    area = pictures.images[:, 3].double().sum((1, 2))
    share = shown.images[:, 3].double().sum((1, 2)) / area
    assert float(share.min()) > 0.33
    assert float(share.max()) < 0.84
    assert float(share.std()) > 0.05
    assert torch.equal(shown.masks, shown.images[:, 3] > 127)
    color = [
        (p.images[:, :3].double() * p.images[:, 3:]).sum((2, 3)) / p.images[:, 3:].double().sum((2, 3))
        for p in (pictures, shown)
    ]
    assert float((color[0] - color[1]).abs().max()) < 12  # of 255: the same paint
    grid = torch.arange(64).double()
    middle = [
        torch.stack(
            [(p.images[:, 3].double().sum(d) * grid).sum(1) / p.images[:, 3].double().sum((1, 2)) for d in (1, 2)]
        )
        for p in (pictures, shown)
    ]
    assert float((middle[0] - middle[1]).norm(dim=0).max()) > 8  # px
    assert torch.equal(moved(pictures, seed=1).images, shown.images)
    assert not torch.equal(moved(pictures, seed=2).images, shown.images)


def test_retrieval_of_held_out_concepts() -> None:
    """Against a loop: only test concepts ask, all concepts answer."""
    pictures = load_pictures("emoji", 16)
    card = compare({"pixels": None}, pictures, ["random", "moved"], held_out=True)
    rows = pixel_features(pictures, background="random")
    test, vendors = held_out_rows(pictures), vendor_rows(pictures)
    asking = [
        (a, b, place) for a in vendors for b in vendors if a is not b for place in range(len(a)) if test[a[place]]
    ]
    hits = [int((rows[b] @ rows[a[place]]).argmax()) == place for a, b, place in asking]
    assert card["pixels"]["random"]["retrieval_held"] == pytest.approx(sum(hits) / len(hits))
    assert card["pixels"]["moved"]["retrieval"] < card["pixels"]["random"]["retrieval"]
    assert math.isfinite(card["pixels"]["moved"]["knn"])
