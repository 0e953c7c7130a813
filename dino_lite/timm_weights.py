"""Weights from timm and back: our ViT is a plain timm VisionTransformer under the same parameter names."""

from typing import Any

import torch

from dino_lite.vit import ViT

NOT_PLAIN = "Only plain timm ViTs (square, [CLS] token, no registers, no LayerScale) become a dino_lite.ViT"


def vit_from_timm(timm_vit: Any) -> ViT:
    """Our ViT with the weights of a timm one; ValueError when that computes anything else, tried on one picture."""
    try:
        patch, grid = timm_vit.patch_embed.patch_size[0], timm_vit.patch_embed.grid_size[0]
        heads = timm_vit.blocks[0].attn.num_heads
        vit = ViT(grid * patch, patch, timm_vit.embed_dim, len(timm_vit.blocks), heads)
        vit.load_state_dict({k: v for k, v in timm_vit.state_dict().items() if not k.startswith("head.")})
        vit.to(next(timm_vit.parameters()).device)
        same = _agree(vit, timm_vit)
    except (AttributeError, RuntimeError) as error:
        raise ValueError(f"{NOT_PLAIN} ({str(error).splitlines()[-1].strip()})") from error
    if not same:
        raise ValueError(f"{NOT_PLAIN} (the weights fit, but the outputs differ)")
    return vit.train(timm_vit.training)


def vit_to_timm(vit: ViT) -> Any:
    """A timm VisionTransformer without classifier, for pictures of any size, with our ViT's weights."""
    from timm.models.vision_transformer import VisionTransformer

    timm_vit = VisionTransformer(
        img_size=vit.img_size,
        patch_size=vit.patch_size,
        embed_dim=vit.num_features,
        depth=len(vit.blocks),
        num_heads=vit.heads,
        num_classes=0,
        dynamic_img_size=True,
    )
    timm_vit.load_state_dict(vit.state_dict())
    return timm_vit.to(vit.pos_embed.device).train(vit.training)


@torch.no_grad()
def _agree(vit: ViT, timm_vit: Any) -> bool:
    image = torch.randn(1, 3, vit.img_size, vit.img_size, generator=torch.Generator().manual_seed(0))
    image, training = image.to(vit.pos_embed.device), timm_vit.training
    theirs = timm_vit.eval().forward_head(timm_vit.forward_features(image), pre_logits=True)
    timm_vit.train(training)
    return torch.allclose(vit.eval()(image), theirs, rtol=1e-4, atol=1e-4)
