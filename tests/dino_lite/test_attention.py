"""Attention maps against the weights that timm's own attention computes, masks and IoU against slow loops over sets.

Run: pytest tests/dino_lite/test_attention.py
"""

from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn

from dino_lite import Dino, DinoConfig, ViT, attention_iou, attention_maps, enlarge, mask_iou, mass_mask


def own_vit(depth: int = 2) -> ViT:
    """Sixteen patches at its native 32 px, large weights so that attention is far from even."""
    torch.manual_seed(0)
    return ViT(img_size=32, patch_size=8, dim=24, depth=depth, heads=3, init_std=0.3, position_std=1.0)


def pictures(height: int, width: int, batch: int = 2) -> Tensor:
    """Noise, normalised (batch, 3, height, width)."""
    return torch.randn(batch, 3, height, width, generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def timm_attention(vit: Any, images: Tensor) -> Tensor:
    """(B, H, T, T) of a timm ViT's last block: what goes into its dropout after the softmax."""
    found: list[Tensor] = []
    attention = vit.blocks[-1].attn
    attention.fused_attn = False
    hook = attention.attn_drop.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0]))
    vit.eval().forward_features(images)
    hook.remove()
    return found[0]


# --- maps ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(32, 32), (48, 48), (16, 16), (24, 40)])
def test_maps_are_timms_attention(height: int, width: int) -> None:
    """At the native size and others: the row of [CLS] without its own entry, as h × w."""
    vit, images = own_vit(), pictures(height, width)
    maps = attention_maps(vit, images)
    rows = timm_attention(vit.to_timm(), images)[:, :, 0]
    assert maps.shape == (2, 3, height // 8, width // 8)
    torch.testing.assert_close(maps.flatten(2), rows[:, :, 1:], rtol=0, atol=1e-5)
    torch.testing.assert_close(maps.sum((2, 3)), 1 - rows[:, :, 0], rtol=0, atol=1e-5)
    assert maps.std() > 0.01  # far from even, or a wrong row would look right


def test_maps_by_hand() -> None:
    """One block, from its weights: softmax of q of [CLS] against every k."""
    vit, images = own_vit(depth=1), pictures(32, 32, batch=1)
    tokens = torch.cat([vit.cls_token, vit.patch_embed(images).flatten(2).transpose(1, 2)], 1) + vit.pos_embed
    block = vit.blocks[0]
    qkv = block.attn.qkv(block.norm1(tokens))[0]  # (T, 72): q, k and v one after the other, in each the heads
    for head in range(3):
        q, k = (qkv[:, part * 24 + head * 8 : part * 24 + head * 8 + 8] for part in (0, 1))
        weights = torch.stack([(q[0] * k[token]).sum() / 8**0.5 for token in range(17)]).softmax(0)
        torch.testing.assert_close(attention_maps(vit, images)[0, head].flatten(), weights[1:].detach())


@pytest.mark.parametrize("wrapped", [False, True])
def test_maps_of_a_timm_vit(wrapped: bool) -> None:
    """A timm model, alone or as the backbone of a network, gives its own attention."""
    config = DinoConfig(backbone="timm:vit_tiny_patch16_224", global_size=32, local_size=16, out_dim=16)
    network, images = Dino(config, device="cpu").teacher, pictures(32, 32)
    maps = attention_maps(network if wrapped else network.backbone, images)
    rows = timm_attention(network.backbone, images)[:, :, 0, 1:]
    torch.testing.assert_close(maps.flatten(2), rows, rtol=0, atol=1e-5)


def test_order_of_patches() -> None:
    """Row by row: with values that single out one patch, the map's place is the picture's place."""
    vit = own_vit(depth=1)
    with torch.no_grad():
        for p in vit.parameters():
            p.zero_()
        vit.patch_embed.proj.weight[:8] = 1.0 / 64  # 8 of 24: a layer norm sees brightness
        vit.blocks[0].norm1.weight.fill_(1.0)
        vit.blocks[0].attn.qkv.bias[:24] = 1.0  # q of every token
        vit.blocks[0].attn.qkv.weight[24:48].copy_(torch.eye(24))  # k: the token itself
        vit.blocks[0].attn.qkv.weight[24:32] *= 9.0
    images = torch.zeros(1, 3, 32, 32)
    images[:, :, 8:16, 24:32] = 1.0  # second row, fourth column
    maps = attention_maps(vit, images)[0, 0]
    assert divmod(int(maps.argmax()), 4) == (1, 3)


def test_maps_leave_the_model_as_it_was() -> None:
    """Training mode comes back, no gradient is kept."""
    for training in (True, False):
        vit = own_vit().train(training)
        maps = attention_maps(vit, pictures(32, 32))
        assert vit.training is training
        assert all(module.training is training for module in vit.modules())
        assert not maps.requires_grad


def test_maps_of_what_is_no_plain_vit() -> None:
    """One sentence for another network, for a ViT of another make, and for a picture of no whole patches."""
    with pytest.raises(ValueError, match="Only plain timm ViTs"):
        attention_maps(nn.Linear(2, 2), pictures(32, 32))
    with pytest.raises(ValueError, match="Only plain timm ViTs"):
        attention_maps(timm.create_model("test_vit", img_size=32, num_classes=0), pictures(32, 32))
    with pytest.raises(ValueError, match="multiple"):
        attention_maps(own_vit(), pictures(32, 30))


# --- masks --------------------------------------------------------------------------------------------------


def slow_mask(flat: list[float], mass: float) -> list[bool]:
    """From the weakest on, entries go while their sum stays within 1 - mass of the whole."""
    kept, gone = [True] * len(flat), 0.0
    for i in sorted(range(len(flat)), key=lambda i: flat[i]):
        gone += flat[i]
        if gone <= (1 - mass) * sum(flat):
            kept[i] = False
    return kept


@pytest.mark.parametrize("mass", [0.05, 0.6, 0.8, 0.999])
@pytest.mark.parametrize("shape", [(4, 4), (3, 2, 5, 7), (1, 1)])
def test_mass_mask_is_the_slow_loop(mass: float, shape: tuple[int, ...]) -> None:
    """For maps of any sum; and the fewest patches that hold the mass, which any fewer would not."""
    maps = torch.rand(*shape, generator=torch.Generator().manual_seed(0)).double() ** 3
    masks = mass_mask(maps, mass)
    assert masks.shape == maps.shape
    for values, kept in zip(maps.flatten(0, -3).flatten(-2) if maps.ndim > 2 else maps.flatten()[None],
                            masks.flatten(0, -3).flatten(-2) if maps.ndim > 2 else masks.flatten()[None],
                            strict=True):  # fmt: skip
        assert kept.tolist() == slow_mask(values.tolist(), mass)
        assert values[kept].sum() >= mass * values.sum()
        assert values[kept].sum() - values[kept].min() < mass * values.sum()


def test_mass_mask_by_hand() -> None:
    """Ten tenths: the strongest first; all of the mass is all patches that have any."""
    maps = torch.tensor([[0.1, 0.4], [0.3, 0.2]])
    assert mass_mask(maps, 0.3).tolist() == [[False, True], [False, False]]
    assert mass_mask(maps, 0.6).tolist() == [[False, True], [True, False]]
    assert mass_mask(maps, 0.8).tolist() == [[False, True], [True, True]]
    assert mass_mask(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), 1.0).tolist() == [[False, True], [True, False]]


@pytest.mark.parametrize("mass", [0.0, -0.1, 1.01, float("nan")])
def test_mass_out_of_range(mass: float) -> None:
    """A share of nothing or of more than all."""
    with pytest.raises(ValueError, match="mass must be in"):
        mass_mask(torch.rand(2, 2), mass)


def test_enlarge_is_squares() -> None:
    """Pixel (y, x) shows patch (y // 8, x // 8), for maps and masks alike."""
    maps = torch.rand(2, 3, 4, 4)
    large = enlarge(maps, 32)
    assert large.shape == (2, 3, 32, 32)
    for y, x in ((0, 0), (7, 8), (8, 7), (31, 16)):
        assert torch.equal(large[..., y, x], maps[..., y // 8, x // 8])
    assert enlarge(maps > 0.5, 8).dtype == torch.bool
    with pytest.raises(ValueError, match="30 px is not a multiple of the map's 4 × 4 patches"):
        enlarge(maps, 30)


def test_iou_is_that_of_sets() -> None:
    """Each pair by Python's sets of pixels; two empty masks share nothing."""
    generator = torch.Generator().manual_seed(0)
    masks, truth = (torch.rand(3, 2, 5, 6, generator=generator) > 0.6 for _ in range(2))
    masks[0, 0], truth[0, 0] = False, False
    masks[0, 1] = truth[0, 1]
    found = mask_iou(masks, truth)
    for i in range(3):
        for j in range(2):
            a, b = ({tuple(p) for p in m[i, j].nonzero().tolist()} for m in (masks, truth))
            assert float(found[i, j]) == pytest.approx(len(a & b) / max(1, len(a | b)))
    assert found[0].tolist() == [0.0, 1.0]


@pytest.mark.parametrize("size", [32, 48])
def test_attention_iou_picture_by_picture(size: int) -> None:
    """Best head of each picture, or the mean map without a look at the truth, then the mean over pictures."""
    vit, images = own_vit(), pictures(size, size, batch=3)
    truth = torch.rand(3, size, size, generator=torch.Generator().manual_seed(2)) > 0.5
    truth[:, : size // 2] = False
    maps = attention_maps(vit, images)
    best, mean = [], []
    for picture in range(3):
        heads = [mask_iou(enlarge(mass_mask(m, 0.7), size), truth[picture]) for m in maps[picture]]
        best.append(max(map(float, heads)))
        mean.append(float(mask_iou(enlarge(mass_mask(maps[picture].mean(0), 0.7), size), truth[picture])))
    assert attention_iou(vit, images, truth, 0.7, "best") == pytest.approx(sum(best) / 3)
    assert attention_iou(vit, images, truth, 0.7, "mean") == pytest.approx(sum(mean) / 3)
    assert sum(best) != sum(mean)
