"""The other implementations as training steps on the same pictures, for bench/step.py. Nothing of them is shipped.

facebookresearch/dino and lucidrains/vit-pytorch are looked for as clones under one folder (`--peers`), lightly as an
installed package. Each contender is a function without arguments that does one whole step: views from pictures in
memory, forward, loss, backward, clipping where it has it, AdamW, teacher.
"""

import dataclasses
import importlib
import os
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from PIL import Image
from torch import Tensor, nn

from bench.views import pil_views
from dino_lite import Dino, DinoConfig

Step = Callable[[], Any]


def ours(config: DinoConfig, images: Tensor, peers: Path) -> Step:
    """dino_lite."""
    return partial(Dino(config, 0, "cpu").train_step, images)


def ours_compiled(config: DinoConfig, images: Tensor, peers: Path) -> Step:
    """dino_lite with `compile=True`; needs a C++ compiler."""
    return ours(dataclasses.replace(config, compile=True), images, peers)


def ours_bf16(config: DinoConfig, images: Tensor, peers: Path) -> Step:
    """dino_lite with `precision="bf16"`: half the digits in matrix products, for processors that know bf16."""
    return ours(dataclasses.replace(config, precision="bf16"), images, peers)


def official(config: DinoConfig, images: Tensor, peers: Path) -> Step:
    """facebookresearch/dino: its ViT, head, loss, multi-crop wrapper and clipping around its training step."""
    sys.path.insert(0, str(peers / "dino"))
    main, tools, vits = (importlib.import_module(name) for name in ("main_dino", "utils", "vision_transformer"))
    if not dist.is_initialized():  # its loss all-reduces the centre
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        dist.init_process_group("gloo", init_method=f"file://{tempfile.mktemp()}", rank=0, world_size=1)

    def network(drop_path: float) -> nn.Module:
        norm = partial(nn.LayerNorm, eps=1e-6)
        shape = {"patch_size": config.patch_size, "embed_dim": config.dim, "depth": config.depth}
        vit = vits.VisionTransformer(
            [config.global_size],
            num_heads=config.heads,
            qkv_bias=True,
            norm_layer=norm,
            drop_path_rate=drop_path,
            **shape,
        )
        head = vits.DINOHead(
            config.dim, config.out_dim, hidden_dim=config.head_hidden, bottleneck_dim=config.bottleneck
        )
        return tools.MultiCropWrapper(vit, head)

    student, teacher = network(config.drop_path), network(0.0)
    teacher.load_state_dict(student.state_dict())
    teacher.requires_grad_(False)
    criterion = main.DINOLoss(config.out_dim, config.n_views, 0.04, 0.04, 0, 1)
    optimizer = torch.optim.AdamW(tools.get_params_groups(student), lr=5e-4)
    views = pil_views(config, images)

    def step() -> float:
        crops = views()
        loss = criterion(student(crops), teacher(crops[:2]), 0)
        value = loss.item()
        optimizer.zero_grad()
        loss.backward()
        tools.clip_gradients(student, 3.0)
        optimizer.step()
        with torch.no_grad():
            for theirs, mine in zip(student.parameters(), teacher.parameters(), strict=True):
                mine.data.mul_(0.996).add_(0.004 * theirs.detach().data)
        return value

    return step


def lightly(config: DinoConfig, images: Tensor, peers: Path) -> Step:
    """lightly: its DINO transform, head and loss around timm's ViT, as in its example."""
    from lightly.loss import DINOLoss
    from lightly.models.modules import DINOProjectionHead
    from lightly.models.utils import update_momentum
    from lightly.transforms.dino_transform import DINOTransform
    from timm.models.vision_transformer import VisionTransformer

    def network(freeze: int) -> nn.Sequential:
        vit = VisionTransformer(
            img_size=config.global_size,
            patch_size=config.patch_size,
            embed_dim=config.dim,
            depth=config.depth,
            num_heads=config.heads,
            num_classes=0,
            dynamic_img_size=True,
        )
        sizes = config.dim, config.head_hidden, config.bottleneck, config.out_dim
        return nn.Sequential(vit, DINOProjectionHead(*sizes, freeze_last_layer=freeze))

    student, teacher = network(1), network(-1)
    teacher.requires_grad_(False)
    criterion = DINOLoss(output_dim=config.out_dim, warmup_teacher_temp_epochs=5)
    optimizer = torch.optim.AdamW(student.parameters(), lr=5e-4)
    transform = DINOTransform(
        global_crop_size=config.global_size,
        global_crop_scale=config.global_scale,
        local_crop_size=config.local_size,
        local_crop_scale=config.local_scale,
        n_local_views=config.n_local,
    )
    pictures = as_pil(images)

    def step() -> float:
        crops = [torch.stack(view) for view in zip(*map(transform, pictures), strict=True)]
        update_momentum(student, teacher, 0.996)
        loss = criterion([teacher(crop) for crop in crops[:2]], [student(crop) for crop in crops], epoch=0)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    return step


def lucidrains(config: DinoConfig, images: Tensor, peers: Path) -> Step:
    """vit-pytorch: its `Dino` around its ViT; two views fewer (one local, one global a network, swapped)."""
    sys.path.insert(0, str(peers / "vit-pytorch"))
    dino, vit = (importlib.import_module(f"vit_pytorch.{name}") for name in ("dino", "vit"))
    backbone = vit.ViT(
        image_size=config.global_size,
        patch_size=config.patch_size,
        num_classes=10,
        dim=config.dim,
        depth=config.depth,
        heads=config.heads,
        dim_head=config.dim // config.heads,
        mlp_dim=4 * config.dim,
    )
    learner = dino.Dino(
        backbone,
        image_size=config.global_size,
        hidden_layer="to_latent",
        projection_hidden_size=config.head_hidden,
        projection_layers=3,
        num_classes_K=config.out_dim,
    )
    optimizer = torch.optim.AdamW(learner.parameters(), lr=5e-4)
    x = images.float() / 255

    def step() -> float:
        loss = learner(x)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        learner.update_moving_average()
        return loss.item()

    return step


def as_pil(images: Tensor) -> list[Image.Image]:
    """uint8 (N, 3, H, W) as PIL pictures, which is what the peers' loaders keep."""
    return [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
