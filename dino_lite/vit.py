"""A Vision Transformer one can read: patches → tokens → attention blocks → one feature a picture.

Parameters carry timm's names, so weights move both ways, and the outputs agree to 1e-5. On request a forward
pass names everything it computed on the way. Shapes: B pictures, N = h·w patches, D width, H heads.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dino_lite.head import init_linear_layers

Seen = dict[str, Tensor]


class PatchEmbed(nn.Module):
    """Cuts the picture into patches and maps each to D numbers."""

    def __init__(self, patch_size: int, dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, dim, kernel_size=patch_size, stride=patch_size)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) → (B, D, h, w)."""
        return self.proj(images)


class Attention(nn.Module):
    """Multi-head self-attention: each token mixes the values of all tokens, weighted by softmax(q·k / √d)."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor, seen: Seen | None = None) -> Tensor:
        """(B, T, D) → (B, T, D); with `seen`, also notes "attention" (B, H, T, T)."""
        batch, tokens, dim = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, dim // self.heads).permute(2, 0, 3, 1, 4)
        if seen is None:
            mixed = F.scaled_dot_product_attention(q, k, v)  # the same sum, fused
        else:
            seen["attention"] = F.softmax(q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5, dim=-1)
            mixed = seen["attention"] @ v
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, dim))


class Mlp(nn.Module):
    """Two linear layers with a GELU between them, four times as wide inside."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, 4 * dim)
        self.fc2 = nn.Linear(4 * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) → (B, T, D)."""
        return self.fc2(F.gelu(self.fc1(x)))


class DropPath(nn.Module):
    """Stochastic depth: leaves a residual branch out for a random part of the pictures while training."""

    def __init__(self, drop_prob: float) -> None:
        super().__init__()
        self.drop_prob = drop_prob
        self.generator: torch.Generator | None = None  # set by Dino, so that a run can be repeated

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) → (B, T, D), each picture whole or zero, scaled so that the mean stays."""
        if not self.training or self.drop_prob == 0:
            return x
        keep = 1 - self.drop_prob
        # torch.compile cannot trace a generator and would break the graph here: compiled, torch's own is used
        generator = None if torch.compiler.is_compiling() else self.generator
        chance = torch.rand(len(x), 1, 1, device=x.device, generator=generator)
        return x * (chance < keep).to(x.dtype) / max(keep, 1e-9)


class Block(nn.Module):
    """Attention, then an MLP, each on normalised tokens and added to what was there."""

    def __init__(self, dim: int, heads: int, drop_path: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.norm2 = nn.LayerNorm(dim, eps=1e-6)
        self.mlp = Mlp(dim)
        self.drop_path = DropPath(drop_path)

    def forward(self, x: Tensor, seen: Seen | None = None) -> Tensor:
        """(B, T, D) → (B, T, D)."""
        x = x + self.drop_path(self.attn(self.norm1(x), seen))
        return x + self.drop_path(self.mlp(self.norm2(x)))


class ViT(nn.Module):
    """Pictures (B, 3, S, S) → features (B, D): the [CLS] token after the last block and norm."""

    def __init__(
        self,
        img_size: int,
        patch_size: int,
        dim: int,
        depth: int,
        heads: int,
        drop_path: float = 0.0,
        init_std: float = 0.02,
        position_std: float = 0.02,
    ) -> None:
        super().__init__()
        self.img_size, self.patch_size, self.num_features, self.heads = img_size, patch_size, dim, heads
        self.patch_embed = PatchEmbed(patch_size, dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + (img_size // patch_size) ** 2, dim))
        rates = [drop_path * i / max(1, depth - 1) for i in range(depth)]  # deeper blocks are dropped more often
        self.blocks = nn.ModuleList(Block(dim, heads, rate) for rate in rates)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        init_linear_layers(self, init_std)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.pos_embed, std=position_std)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) → (B, D); S may be any multiple of the patch size."""
        return self.forward_features(images)[:, 0]

    def forward_features(self, images: Tensor, seen: Seen | None = None) -> Tensor:
        """(B, 3, S, S) → normalised tokens (B, 1 + N, D), [CLS] first.

        Pass an empty dict as `seen` to find in it, by name: "patches" (B, N, D), "tokens" (with [CLS] and
        position), for each block "block0/attention" (B, H, 1 + N, 1 + N) and "block0" (its output), "norm".
        """
        if images.shape[-1] % self.patch_size or images.shape[-2] % self.patch_size:
            raise ValueError(
                f"A ViT with {self.patch_size} px patches needs sides that are a multiple of it, "
                f"got {images.shape[-2]} × {images.shape[-1]} px."
            )
        grid = self.patch_embed(images)
        patches = grid.flatten(2).transpose(1, 2)  # (B, N, D), row by row
        x = torch.cat([self.cls_token.expand(len(images), -1, -1), patches], dim=1)
        x = x + self.position(grid.shape[-2], grid.shape[-1])
        if seen is not None:
            seen["patches"], seen["tokens"] = patches, x
        for i, block in enumerate(self.blocks):
            inside: Seen | None = None if seen is None else {}
            x = block(x, inside)
            if seen is not None and inside is not None:
                seen[f"block{i}/attention"], seen[f"block{i}"] = inside["attention"], x
        x = self.norm(x)
        if seen is not None:
            seen["norm"] = x
        return x

    def position(self, h: int, w: int) -> Tensor:
        """Position embedding (1, 1 + h·w, D): the learned grid, resampled when the picture has another size.

        A local crop gets the whole grid squeezed into its few patches: positions are relative to the crop.
        """
        side = self.img_size // self.patch_size
        if (h, w) == (side, side):
            return self.pos_embed
        cls, grid = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        grid = grid.reshape(1, side, side, -1).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, size=(h, w), mode="bicubic", antialias=True)  # antialias: as timm does it
        return torch.cat([cls, grid.flatten(2).transpose(1, 2)], dim=1)

    @classmethod
    def from_timm(cls, timm_vit: Any) -> "ViT":
        """The same network with timm's weights; ValueError for a timm model that computes anything else."""
        from dino_lite.timm_weights import vit_from_timm

        return vit_from_timm(timm_vit)

    def to_timm(self) -> Any:
        """A timm VisionTransformer (no classifier) with these weights: it gives the same features (B, D)."""
        from dino_lite.timm_weights import vit_to_timm

        return vit_to_timm(self)
