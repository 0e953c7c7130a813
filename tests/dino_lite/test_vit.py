"""Our ViT against timm's VisionTransformer with the same random weights, at its own and at other picture sizes.

Compared: features, all tokens and gradients, to 1e-5; the way there (`from_timm`) and back (`to_timm`); the path
that names its intermediates against the fused one. Then what the names hold, stochastic depth, and what is refused.
Run: pytest tests/dino_lite/test_vit.py
"""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dino_lite.attention import attention_maps
from dino_lite.vit import DropPath, ViT

TINY = dict(img_size=32, patch_size=8, embed_dim=24, depth=3, num_heads=3, num_classes=0)
CLOSE = dict(rtol=1e-5, atol=1e-5)


def timm_vit(seed: int = 0, **options: Any) -> nn.Module:
    """A timm ViT with every parameter random, norms and biases too: fresh ones are 1 and 0 and hide mistakes."""
    from timm.models.vision_transformer import VisionTransformer

    torch.manual_seed(seed)
    vit = VisionTransformer(**TINY | dict(dynamic_img_size=True) | options)
    with torch.no_grad():
        for parameter in vit.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return vit


def pictures(height: int, width: int | None = None, count: int = 3, seed: int = 0) -> Tensor:
    """Pictures (B, 3, H, W) of random numbers."""
    return torch.randn(count, 3, height, width or height, generator=torch.Generator().manual_seed(seed))


def small_vit(seed: int = 0, drop_path: float = 0.0) -> ViT:
    """A fresh ViT of ours: 32 px, 16 patches."""
    torch.manual_seed(seed)
    return ViT(32, 8, 24, 3, 3, drop_path)


# --- the same numbers as timm -------------------------------------------------------------------------------

SIZES = [
    (32, 32),
    (16, 16),
    (48, 48),
    (64, 64),
    (8, 8),
    (16, 40),
    (64, 16),
    (16, 64),
]  # 16 × 64: 16 patches too


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("training", [False, True])
def test_outputs_equal_timms(height: int, width: int, training: bool) -> None:
    theirs = timm_vit().train(training)
    ours = ViT.from_timm(theirs)
    assert ours.training is training
    x = pictures(height, width)
    expected = theirs.forward_features(x)
    assert expected.shape == (3, 1 + height * width // 64, 24)
    torch.testing.assert_close(ours.forward_features(x), expected, **CLOSE)
    torch.testing.assert_close(ours(x), theirs(x), **CLOSE)
    torch.testing.assert_close(ours(x), expected[:, 0], **CLOSE)


@pytest.mark.parametrize(
    "options",
    [
        dict(img_size=24, patch_size=4, embed_dim=20, depth=1, num_heads=1),
        dict(img_size=28, patch_size=14, embed_dim=32, depth=2, num_heads=8),
        dict(img_size=16, patch_size=16, embed_dim=12, depth=4, num_heads=2),
        dict(num_classes=10),
        dict(dynamic_img_size=False),
        dict(drop_path_rate=0.5),
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", range(2))
def test_outputs_equal_timms_for_other_shapes_of_network(options: dict[str, Any], seed: int) -> None:
    theirs = timm_vit(seed, **options).eval()
    x = pictures(options.get("img_size", 32), seed=seed)
    torch.testing.assert_close(ViT.from_timm(theirs).forward_features(x), theirs.forward_features(x), **CLOSE)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("vit_tiny_patch16_224", 224),
        ("vit_tiny_patch16_224", 96),
        ("vit_small_patch32_224", 64),
        ("deit_tiny_patch16_224", 48),
    ],
)
def test_outputs_equal_those_of_timms_named_models(name: str, size: int) -> None:
    import timm

    torch.manual_seed(0)
    theirs = timm.create_model(name, dynamic_img_size=True, num_classes=0).eval()
    x = pictures(size, count=2)
    with torch.no_grad():
        ours = ViT.from_timm(theirs)
        torch.testing.assert_close(ours.forward_features(x), theirs.forward_features(x), **CLOSE)
        torch.testing.assert_close(ours(x), theirs(x), **CLOSE)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (16, 48)])
def test_gradients_equal_timms(height: int, width: int) -> None:
    theirs = timm_vit(1)
    ours = ViT.from_timm(theirs)
    x = pictures(height, width, seed=1)
    aim = torch.randn(3, 1 + height * width // 64, 24, generator=torch.Generator().manual_seed(2))
    for vit in (ours, theirs):
        (vit.forward_features(x) * aim).sum().backward()
    for name, parameter in theirs.named_parameters():
        assert parameter.grad is not None
        scale = float(parameter.grad.abs().max())
        torch.testing.assert_close(ours.get_parameter(name).grad, parameter.grad, rtol=1e-4, atol=1e-5 * scale)


def test_parameters_carry_timms_names_and_shapes() -> None:
    ours, theirs = small_vit().state_dict(), timm_vit().state_dict()
    assert {k: v.shape for k, v in ours.items()} == {k: v.shape for k, v in theirs.items()}


def test_there_and_back_again() -> None:
    theirs = timm_vit(2).eval()
    ours = ViT.from_timm(theirs)
    back = ours.to_timm()
    assert not back.training
    for name, value in theirs.state_dict().items():
        assert back.state_dict()[name].equal(value)
    for size in (32, 16):
        torch.testing.assert_close(back(pictures(size)), theirs(pictures(size)), **CLOSE)
        torch.testing.assert_close(ours(pictures(size)), theirs(pictures(size)), **CLOSE)


@pytest.mark.parametrize("training", [False, True])
def test_reading_a_timm_model_leaves_it_as_it_was(training: bool) -> None:
    theirs = timm_vit().train(training)
    before = {k: v.clone() for k, v in theirs.state_dict().items()}
    ViT.from_timm(theirs)
    assert all(module.training is training for module in theirs.modules())
    assert all(p.grad is None and p.requires_grad for p in theirs.parameters())
    torch.testing.assert_close(dict(theirs.state_dict()), before, rtol=0, atol=0)


@pytest.mark.parametrize("way", ["from_timm", "to_timm"])
def test_converted_weights_are_copies(way: str) -> None:
    theirs = timm_vit()
    ours = ViT.from_timm(theirs)
    source, result = (theirs, ours) if way == "from_timm" else (ours, ours.to_timm())
    before = result(pictures(32))
    with torch.no_grad():
        for parameter in source.parameters():
            parameter.zero_()
    assert result(pictures(32)).equal(before)


@pytest.mark.parametrize("way", ["from_timm", "to_timm", "attention_maps", "refused"])
def test_torchs_generator_is_somebody_elses(way: str) -> None:
    """A network begins with random weights, even one that is to get others."""
    theirs, ours = timm_vit(), small_vit()
    other = timm_vit(global_pool="avg")
    state = torch.get_rng_state()
    if way == "attention_maps":
        attention_maps(theirs, pictures(32))
    elif way == "refused":
        with pytest.raises(ValueError, match="Only plain"):
            ViT.from_timm(other)
    else:
        ours.to_timm() if way == "to_timm" else ViT.from_timm(theirs)
    assert torch.get_rng_state().equal(state)


def test_frozen_weights_can_be_trained() -> None:
    ours = ViT.from_timm(timm_vit().requires_grad_(False))
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in ours.parameters())


def test_our_own_vit_equals_its_timm_twin() -> None:
    ours = small_vit(3)
    x = pictures(32)
    torch.testing.assert_close(ours.to_timm()(x), ours(x), **CLOSE)


# --- intermediates ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(32, 32), (16, 24)])
def test_seen_names_and_shapes(height: int, width: int) -> None:
    seen: dict[str, Tensor] = {}
    small_vit().forward_features(pictures(height, width), seen)
    n = height * width // 64
    blocks = {f"block{i}": (3, 1 + n, 24) for i in range(3)}
    attention = {f"block{i}/attention": (3, 3, 1 + n, 1 + n) for i in range(3)}
    expected = {
        "patches": (3, n, 24),
        "tokens": (3, 1 + n, 24),
        "norm": (3, 1 + n, 24),
        **blocks,
        **attention,
    }
    assert {name: tuple(value.shape) for name, value in seen.items()} == expected


def test_seen_holds_what_timm_computes() -> None:
    theirs = timm_vit(dynamic_img_size=False).eval()
    seen: dict[str, Tensor] = {}
    ours = ViT.from_timm(theirs)
    x = pictures(32)
    ours.forward_features(x, seen)
    patches = theirs.patch_embed(x)
    tokens = torch.cat([theirs.cls_token.expand(3, -1, -1), patches], 1) + theirs.pos_embed
    torch.testing.assert_close(seen["patches"], patches, **CLOSE)
    torch.testing.assert_close(seen["tokens"], tokens, **CLOSE)
    for i, block in enumerate(theirs.blocks):
        q, k, _ = block.attn.qkv(block.norm1(tokens)).view(3, 17, 3, 3, 8).permute(2, 0, 3, 1, 4)
        attention = F.softmax(torch.einsum("bhid,bhjd->bhij", q, k) / 8**0.5, -1)
        torch.testing.assert_close(seen[f"block{i}/attention"], attention, **CLOSE)
        tokens = block(tokens)
        torch.testing.assert_close(seen[f"block{i}"], tokens, **CLOSE)
    torch.testing.assert_close(seen["norm"], theirs.norm(tokens), **CLOSE)


@pytest.mark.parametrize("seed", range(3))
def test_attention_rows_sum_to_one(seed: int) -> None:
    seen: dict[str, Tensor] = {}
    ViT.from_timm(timm_vit(seed)).forward_features(pictures(32, seed=seed), seen)
    for i in range(3):
        attention = seen[f"block{i}/attention"]
        assert attention.min() >= 0
        assert attention.std() > 1e-3  # not the even attention of a network of zeros
        torch.testing.assert_close(attention.sum(-1), torch.ones(3, 3, 17))


@pytest.mark.parametrize(("height", "width"), [(32, 32), (16, 48)])
@pytest.mark.parametrize("seed", range(2))
def test_naming_intermediates_changes_no_number(height: int, width: int, seed: int) -> None:
    """Written-out attention against the fused one, gradients included."""
    vit, x = ViT.from_timm(timm_vit(seed)), pictures(height, width, seed=seed)
    fused, named = vit.forward_features(x), vit.forward_features(x, {})
    torch.testing.assert_close(named, fused, **CLOSE)
    aim = torch.randn(fused.shape, generator=torch.Generator().manual_seed(seed))
    weights = list(vit.parameters())
    ours = torch.autograd.grad((named * aim).sum(), weights)
    for a, b in zip(ours, torch.autograd.grad((fused * aim).sum(), weights), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5 * float(b.abs().max()))


# --- position embedding and first values --------------------------------------------------------------------


def test_position_is_the_learned_grid_at_its_own_size() -> None:
    vit = small_vit()
    assert vit.position(4, 4) is vit.pos_embed


@pytest.mark.parametrize(("h", "w"), [(2, 2), (6, 6), (8, 2), (2, 8), (1, 3)])
def test_position_at_other_sizes_keeps_cls_and_constants(h: int, w: int) -> None:
    vit = small_vit()
    position = vit.position(h, w)
    assert position.shape == (1, 1 + h * w, 24)
    assert position[:, 0].equal(vit.pos_embed[:, 0])
    with torch.no_grad():
        vit.pos_embed[:, 1:] = torch.linspace(-1, 1, 24)  # the same everywhere: nothing to interpolate
    torch.testing.assert_close(vit.position(h, w)[:, 1:], torch.linspace(-1, 1, 24).expand(1, h * w, 24))


def test_position_keeps_rows_and_columns_apart() -> None:
    vit = small_vit()
    with torch.no_grad():
        grid = torch.zeros(4, 4, 24)
        grid[..., 0] = torch.arange(4.0)[:, None]  # dimension 0 says the row
        grid[..., 1] = torch.arange(4.0)  # dimension 1 the column
        vit.pos_embed[0, 1:] = grid.flatten(0, 1)
    position = vit.position(2, 6)[0, 1:].unflatten(0, (2, 6))
    assert (position[1, :, 0] > position[0, :, 0] + 1).all()
    assert (position[:, 1:, 1] > position[:, :-1, 1]).all()
    torch.testing.assert_close(position[:, :, 0], position[:, :1, 0].expand(2, 6))


def test_two_blocks_of_a_fresh_vit_differ() -> None:
    """Every block would start alike if all were made from one random key or as one list times its depth."""
    first, second = (dict(block.named_parameters()) for block in small_vit().blocks[:2])
    for name, parameter in first.items():
        if parameter.ndim > 1:
            assert not parameter.equal(second[name])


@pytest.mark.parametrize(("init_std", "position_std"), [(0.02, 0.02), (0.05, 0.5), (0.0, 0.1)])
def test_first_values(init_std: float, position_std: float) -> None:
    torch.manual_seed(0)
    vit = ViT(64, 8, 192, 2, 3, 0.0, init_std, position_std)
    for module in vit.modules():
        if isinstance(module, nn.Linear):
            expected = init_std or module.in_features**-0.5  # 0: what comes in leaves as strong as it came
            assert float(module.weight.detach().std()) == pytest.approx(expected, rel=0.03)
            assert module.bias.eq(0).all()
        elif isinstance(module, nn.LayerNorm):
            assert module.weight.eq(1).all()
            assert module.bias.eq(0).all()
    assert float(vit.pos_embed.detach().std()) == pytest.approx(position_std, rel=0.03)
    assert float(vit.cls_token.detach().std()) == pytest.approx(0.02, rel=0.2)
    bound = (3 * 8 * 8) ** -0.5  # torch's own for a convolution
    assert float(vit.patch_embed.proj.weight.detach().abs().max()) == pytest.approx(bound, rel=0.01)


def test_official_sizes() -> None:
    with torch.device("meta"):
        vit = ViT(224, 16, 384, 12, 6)
    assert sum(p.numel() for p in vit.parameters()) == 21_665_664  # ViT-S/16


# --- stochastic depth ---------------------------------------------------------------------------------------


def test_drop_path_leaves_whole_pictures_out_and_keeps_the_mean() -> None:
    drop = DropPath(0.3)
    drop.generator = torch.Generator().manual_seed(0)
    x = pictures(4, 5, count=4000).flatten(1, 2)
    ratio = (drop(x) / x).flatten(1)
    kept = ratio[:, 0] != 0
    torch.testing.assert_close(ratio, (kept / 0.7)[:, None].expand_as(ratio))
    assert float(kept.float().mean()) == pytest.approx(0.7, abs=4 * (0.21 / 4000) ** 0.5)
    ones = drop(torch.ones(4000, 1, 1))
    assert float(ones.mean()) == pytest.approx(1, abs=4 * (0.21 / 4000) ** 0.5 / 0.7)


@pytest.mark.parametrize(("drop_prob", "training"), [(0.0, True), (0.5, False)])
def test_drop_path_is_nothing_when_off(drop_prob: float, training: bool) -> None:
    x = pictures(4).flatten(1, 2)
    state = torch.get_rng_state()
    assert DropPath(drop_prob).train(training)(x) is x
    assert torch.get_rng_state().equal(state)  # and draws nothing


def test_drop_path_of_everything_leaves_zeros() -> None:
    """Not 0 / 0."""
    assert DropPath(1.0)(torch.ones(4, 2, 3)).eq(0).all()


def test_drop_path_repeats_with_its_generator() -> None:
    vit, x, generator = small_vit(drop_path=0.6), pictures(32, count=8), torch.Generator()
    for module in vit.modules():
        if isinstance(module, DropPath):
            module.generator = generator
    state = torch.get_rng_state()
    outputs = [vit.forward_features(x) for _ in map(generator.manual_seed, (1, 1, 2))]
    assert torch.get_rng_state().equal(state), "torch's global generator is somebody else's"
    assert outputs[0].equal(outputs[1])
    assert not outputs[0].equal(outputs[2])
    assert not vit.eval()(x).allclose(outputs[0][:, 0])


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_deeper_blocks_are_dropped_more_often(depth: int) -> None:
    from timm.models.vision_transformer import VisionTransformer

    ours = ViT(32, 8, 24, depth, 3, drop_path=0.4)
    theirs = VisionTransformer(**TINY | dict(depth=depth, drop_path_rate=0.4))
    rates = [block.drop_path.drop_prob for block in ours.blocks]
    assert rates == pytest.approx([getattr(block.drop_path1, "drop_prob", 0.0) for block in theirs.blocks])
    assert max(rates) == (0.4 if depth > 1 else 0.0)


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(33, 32), (32, 36), (4, 4), (32, 4)])
def test_sizes_that_patches_do_not_fill(height: int, width: int) -> None:
    with pytest.raises(ValueError, match=rf"8 px patches .* multiple .* got {height} × {width} px\.$"):
        small_vit()(pictures(height, width))


def with_options(**options: Any) -> nn.Module:
    """A timm ViT that ours is not."""
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(**TINY | options)


def with_parallel_blocks() -> nn.Module:
    """timm's blocks with several attentions side by side."""
    from timm.models.vision_transformer import ParallelThingsBlock

    return with_options(block_fn=ParallelThingsBlock)


def quick_gelu() -> nn.Module:
    """Same weights, same names, another activation."""
    return with_options(act_layer="quick_gelu")


def other_eps() -> nn.Module:
    """Same weights, same names, another constant in the norms."""
    from functools import partial

    return with_options(norm_layer=partial(nn.LayerNorm, eps=1e-3))


def resnet() -> nn.Module:
    """No ViT at all."""
    import timm

    return timm.create_model("test_resnet")


UNSUPPORTED = {
    "registers": lambda: with_options(reg_tokens=4),
    "LayerScale": lambda: with_options(init_values=1e-5),
    "no [CLS]": lambda: with_options(class_token=False, global_pool="avg"),
    "position not added to [CLS]": lambda: with_options(no_embed_class=True),
    "no bias": lambda: with_options(qkv_bias=False),
    "normalised q and k": lambda: with_options(qk_norm=True),
    "norm before the blocks": lambda: with_options(pre_norm=True),
    "other MLP width": lambda: with_options(mlp_ratio=2),
    "grey pictures": lambda: with_options(in_chans=1),
    "not square": lambda: with_options(img_size=(32, 16)),
    "patches not square": lambda: with_options(patch_size=(8, 16)),
    "mean pooling": lambda: with_options(global_pool="avg"),
    "parallel blocks": with_parallel_blocks,
    "no ViT": resnet,
}


@pytest.mark.parametrize("what", UNSUPPORTED)
def test_unsupported_timm_models_get_one_sentence(what: str) -> None:
    with pytest.raises(ValueError, match=r"^Only plain timm ViTs [^\n]*$"):
        ViT.from_timm(UNSUPPORTED[what]())


SILENT = {
    "another activation": quick_gelu,
    "another epsilon": other_eps,
    "mean pooling after the norm": lambda: with_options(global_pool="avg", fc_norm=False),
}


@pytest.mark.parametrize("what", SILENT)
def test_models_that_differ_without_a_parameter_are_refused(what: str) -> None:
    """The weights fit, but the outputs would be others."""
    with pytest.raises(ValueError, match="Only plain timm ViTs"):
        ViT.from_timm(SILENT[what]())
