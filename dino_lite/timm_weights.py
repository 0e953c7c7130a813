"""Weights from timm and back: our ViT is a plain timm VisionTransformer under the same parameter names.

Pretrained weights are read from the local cache, or fetched; where they can be neither, that is said in seconds: left
to themselves, the libraries try again for most of a minute.
"""

import re
import threading
from typing import Any

import torch

from dino_lite.vit import ViT

NOT_PLAIN = "Only plain timm ViTs (square, [CLS] token, no registers, no LayerScale) become a dino_lite.ViT"
PATIENCE = 5.0  # seconds for the first sign of the server that has the weights


class WeightsNotFetched(ValueError):
    """Pretrained weights are neither in the local cache nor to be had; `what` says which and why, without a stop."""

    def __init__(self, name: str, why: str) -> None:
        self.what = f"The weights of {name} could not be fetched ({why})"
        plain = name.partition(".")[0]
        super().__init__(f"{self.what}: they need the network once. Without a tag, {plain} has random ones.")


def timm_model(name: str, **options: Any) -> Any:
    """timm.create_model(name, **options), with pretrained weights where the name has a tag, as in "vit.dino".

    `WeightsNotFetched` when these cannot be had; whatever timm raises for a name or options that it does not know.
    """
    import timm

    if "." not in name:
        return timm.create_model(name, pretrained=False, **options)
    source = timm.get_pretrained_cfg(name)
    if source is None or not source.hf_hub_id or source.hf_hub_filename:  # another place or format: timm's own affair
        return timm.create_model(name, pretrained=True, **options)
    # As a file: timm would ask the hub even for what is in the cache. "custom_load", as older versions of timm do not
    # know by themselves, is for the originals of some weights, not for the hub's.
    file = {"file": _weights_file(name, source.hf_hub_id), "custom_load": False}
    return timm.create_model(name, pretrained=True, pretrained_cfg_overlay=file, **options)


def vit_from_timm(timm_vit: Any) -> ViT:
    """Our ViT with the weights of a timm one; ValueError when that computes anything else, tried on one picture."""
    try:
        patch, grid = timm_vit.patch_embed.patch_size[0], timm_vit.patch_embed.grid_size[0]
        heads = timm_vit.blocks[0].attn.num_heads
        with torch.device("meta"):  # no random numbers, neither drawn from somebody's generator nor waited for
            vit = ViT(grid * patch, patch, timm_vit.embed_dim, len(timm_vit.blocks), heads)
        weights = {k: v.clone() for k, v in timm_vit.state_dict().items() if not k.startswith("head.")}
        vit.load_state_dict(weights, assign=True)
        same = _agree(vit, timm_vit)
    except (AttributeError, RuntimeError) as error:
        raise ValueError(f"{NOT_PLAIN} ({str(error).splitlines()[-1].strip()})") from error
    if not same:
        raise ValueError(f"{NOT_PLAIN} (the weights fit, but the outputs differ)")
    return vit.train(timm_vit.training)


def vit_to_timm(vit: ViT) -> Any:
    """A timm VisionTransformer without classifier, for pictures of any size, with our ViT's weights."""
    from timm.models.vision_transformer import VisionTransformer

    with torch.random.fork_rng(devices=[]):  # it begins with random weights, from torch's global generator
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


def _weights_file(name: str, where: str) -> str:
    """The file with a timm model's weights in the cache of the hub; it is fetched when it is not there."""
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    repository, _, version = where.partition("@")
    revision, files = version or None, ("model.safetensors", "pytorch_model.bin")  # of old models the second
    for file in files:
        if isinstance(found := try_to_load_from_cache(repository, file, revision=revision), str):
            return found
    why = _silence()
    for file in () if why else files:
        try:
            return hf_hub_download(repository, file, revision=revision)
        except Exception as error:  # the hub, the network and the disk raise a dozen kinds
            why = why or _in_short(error)
    raise WeightsNotFetched(name, why)


def _silence() -> str:
    """Why the hub gives no sign; nothing when it does, whatever it answers.

    Asked through its library's own session, and thus through a proxy where there is one. In a thread, since the look-up
    of a host's name knows no time limit.
    """
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    answers: list[str] = []

    def ask() -> None:
        try:
            get_session().head(constants.ENDPOINT, timeout=PATIENCE)
            answers.append("")
        except Exception as error:  # of two libraries for HTTP, by the version of the hub's
            answers.append(_in_short(error))

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return answers[0] if answers else f"no answer in {PATIENCE:g} seconds"


def _in_short(error: BaseException) -> str:
    """The first line of an error's message, without its number and full stop."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.sub(r"^\[Errno -?\d+\] ", "", line).rstrip(".:")
