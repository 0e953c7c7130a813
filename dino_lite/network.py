"""A backbone with its head: what student and teacher are two copies of."""

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from dino_lite.config import DinoConfig
from dino_lite.head import DinoHead
from dino_lite.timm_weights import WeightsNotFetched, timm_model
from dino_lite.vit import DropPath, ViT

Backbone = Any  # a ViT, ours or timm's: an nn.Module with forward, forward_features and num_features


class Network(nn.Module):
    """Crops of any sizes → logits; each size goes through the backbone once, all views through the head at once."""

    def __init__(self, config: DinoConfig) -> None:
        super().__init__()
        self.backbone: Backbone = build_backbone(config)
        self.head = DinoHead(
            self.backbone.num_features,
            config.out_dim,
            config.head_hidden,
            config.bottleneck,
            config.head_bn,
            config.norm_last_layer,
            config.init_std,
        )

    def forward(self, *crops: Tensor) -> tuple[Tensor, Tensor]:
        """Crops (v, B, 3, S, S), one tensor a size → logits (V, B, K) and features (V, B, D), V the sum of all v."""
        batch = crops[0].shape[1]
        features = torch.cat([self.backbone(crop.flatten(0, 1)) for crop in crops])
        return self.head(features).unflatten(0, (-1, batch)), features.unflatten(0, (-1, batch))


def build_network(config: DinoConfig, seed: int) -> Network:
    """A network with random weights by `seed`, on the CPU; torch's global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Network(config)


def build_backbone(config: DinoConfig) -> Backbone:
    """Our ViT, or for "timm:NAME" that timm ViT, with its pretrained weights where NAME has a ".TAG".

    ValueError for any other name, and `WeightsNotFetched`, which is one too, for weights that cannot be had.
    """
    if config.backbone == "vit":
        shape = config.global_size, config.patch_size, config.dim, config.depth, config.heads
        return ViT(*shape, config.drop_path, config.init_std, config.position_std)
    library, _, name = config.backbone.partition(":")
    if library != "timm" or not name:
        raise ValueError(f'backbone must be "vit" or "timm:NAME", got {config.backbone!r}.')
    try:
        model = timm_model(
            name,
            img_size=config.global_size,
            num_classes=0,
            dynamic_img_size=True,
            drop_path_rate=config.drop_path,
        )
    except WeightsNotFetched:
        raise
    except Exception as error:  # timm raises a dozen kinds
        raise ValueError(
            f"timm could not build {name!r} at {config.global_size} px ({error}). "
            "It must be a ViT of timm.list_models('vit*')."
        ) from error
    patch = model.patch_embed.patch_size[0]
    if config.global_size % patch or (config.n_local and config.local_size % patch):
        raise ValueError(f"{name} has patches of {patch} px: global_size and local_size must be multiples of it.")
    return own_drop_path(model)


def without_weights(config: DinoConfig) -> DinoConfig:
    """The same network with random weights in place of timm's pretrained ones: for what is to be overwritten."""
    timms = config.backbone.startswith("timm:") and config.backbone.count(":") == 1  # no path, no hub's own name
    return replace(config, backbone=config.backbone.partition(".")[0]) if timms else config


def own_drop_path(model: Any) -> Any:
    """Replaces timm's stochastic depth by ours, which draws from the run's own generator."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child).__name__ == "DropPath":
                setattr(parent, name, DropPath(child.drop_prob))
    return model
