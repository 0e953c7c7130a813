"""Multi-crop alone: ours as batched tensor operations beside torchvision on PIL pictures, one process, one thread.

python -m bench.views            # 64 pictures of 32 px, 2 + 4 views
"""

import random
from collections.abc import Callable

import torch
from PIL import Image, ImageFilter, ImageOps
from torch import Tensor
from torchvision import transforms

from bench.rounds import alternate, report
from dino_lite import DinoConfig, make_views
from dino_lite.colors import IMAGENET_MEAN, IMAGENET_STD


def pil_views(config: DinoConfig, images: Tensor) -> Callable[[], list[Tensor]]:
    """A function that makes the paper's views of uint8 (N, 3, H, W) with torchvision, one PIL picture at a time."""
    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    change = [
        transforms.RandomHorizontalFlip(0.5),
        transforms.RandomApply([transforms.ColorJitter(*config.jitter)], p=config.jitter_prob),
        transforms.RandomGrayscale(config.grey_prob),
    ]
    end = [transforms.ToTensor(), transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)]

    def view(size: int, scale: tuple[float, float], blur: float, sun: float) -> transforms.Compose:
        crop = transforms.RandomResizedCrop(size, scale, interpolation=transforms.InterpolationMode.BICUBIC)
        return transforms.Compose([crop, *change, lambda x: blurred(x, blur), lambda x: solarized(x, sun), *end])

    first, second, local = config.blur_probs
    kinds = [view(config.global_size, config.global_scale, first, 0.0)]
    kinds += [view(config.global_size, config.global_scale, second, config.solarize_prob)]
    kinds += [view(config.local_size, config.local_scale, local, 0.0)] * config.n_local
    return lambda: [torch.stack([kind(picture) for picture in pictures]) for kind in kinds]


def blurred(picture: Image.Image, chance: float) -> Image.Image:
    """Blurred by PIL with a radius of 0.1 to 2 px, sometimes."""
    return picture.filter(ImageFilter.GaussianBlur(random.uniform(0.1, 2.0))) if random.random() < chance else picture


def solarized(picture: Image.Image, chance: float) -> Image.Image:
    """Solarized by PIL, sometimes."""
    return ImageOps.solarize(picture) if random.random() < chance else picture


def small_config() -> DinoConfig:
    """Row 1 of the design's table: ViT 96 wide × 4 deep, 32 px, patch 8, 2 + 4 views, batch 64."""
    return DinoConfig(
        picture_size=32,
        global_size=32,
        local_size=16,
        n_local=4,
        patch_size=8,
        dim=96,
        depth=4,
        heads=3,
        head_hidden=512,
        bottleneck=128,
        out_dim=1024,
        batch_size=64,
    )


def made_up_pictures(count: int, size: int) -> Tensor:
    """Smooth random pictures, uint8 (count, 3, size, size)."""
    rough = torch.rand(count, 3, size // 8, size // 8, generator=torch.Generator().manual_seed(0))
    return (torch.nn.functional.interpolate(rough, size=size, mode="bilinear") * 255).to(torch.uint8)


def main(rounds: int = 9) -> dict[str, dict[str, float]]:
    """Measure and print; milliseconds a batch, ratio to torchvision."""
    config = small_config()
    images, generator = made_up_pictures(config.batch_size, 32), torch.Generator().manual_seed(0)
    contenders = {
        "torchvision on PIL": pil_views(config, images),
        "dino_lite": lambda: make_views(images, config, generator),
    }
    return report("multi-crop, 64 pictures × (2 of 32 px + 4 of 16 px)", alternate(contenders, rounds), 64)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
