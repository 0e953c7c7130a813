"""AdamW's two groups, per-tensor clipping against torch's own clip of one tensor at a time, and the frozen last layer.

Run: pytest tests/dino_lite/test_optimizer.py
"""

import copy
import dataclasses

import pytest
import torch
from torch import Tensor, nn

from dino_lite.config import DinoConfig
from dino_lite.knobs import base_knobs
from dino_lite.network import Network
from dino_lite.optimizer import clip_gradients, freeze_last_layer, make_optimizer, set_rates

CONFIG = DinoConfig(
    picture_size=32, global_size=16, local_size=8, patch_size=8, dim=12, depth=2, heads=2,
    head_hidden=10, bottleneck=6, out_dim=14, head_bn=True, batch_size=128, lr=0.01,
)  # fmt: skip


def network(norm_last_layer: bool = True) -> Network:
    """A small student."""
    torch.manual_seed(0)
    return Network(dataclasses.replace(CONFIG, norm_last_layer=norm_last_layer))


def random_gradients(module: nn.Module, seed: int = 0, scale: float = 1.0) -> None:
    """Gradients of very different lengths, some below and some above any limit used here."""
    generator = torch.Generator().manual_seed(seed)
    for i, parameter in enumerate(module.parameters()):
        if parameter.requires_grad:
            gradient = torch.randn(parameter.shape, generator=generator)
            parameter.grad = scale * gradient * 10.0 ** (i % 4 - 2)


def by_name(module: nn.Module) -> dict[str, Tensor]:
    """Copies of all parameters."""
    return {name: parameter.detach().clone() for name, parameter in module.named_parameters()}


# --- what decays --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm_last_layer", [True, False])
def test_all_but_biases_and_norms_decay(norm_last_layer: bool) -> None:
    """As in the authors' code, [CLS], the positions and free prototype lengths (2-D or 3-D) decay too."""
    student = network(norm_last_layer)
    names = {id(parameter): name for name, parameter in student.named_parameters()}
    decayed, free = ({names[id(p)] for p in group["params"]} for group in make_optimizer(student, CONFIG).param_groups)
    blocks = [f"backbone.blocks.{i}." for i in range(2)]
    linears = [b + name for b in blocks for name in ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2")]
    linears += ["backbone.patch_embed.proj", "head.mlp.0", "head.mlp.3", "head.mlp.6"]
    norms = [b + name for b in blocks for name in ("norm1", "norm2")]
    norms += ["backbone.norm", "head.mlp.1", "head.mlp.4"]
    last = "head.last_layer.parametrizations.weight.original"
    expected = {f"{name}.weight" for name in linears} | {
        "backbone.cls_token",
        "backbone.pos_embed",
        f"{last}1",
    }
    assert decayed == expected | (set() if norm_last_layer else {f"{last}0"})
    assert free == {f"{name}.bias" for name in linears + norms} | {f"{name}.weight" for name in norms}


def test_decay_shrinks_the_first_group_only() -> None:
    """With gradients of zero, AdamW multiplies by 1 - lr · wd and does nothing else."""
    student = network()
    for parameter in student.parameters():
        parameter.data.add_(1.0)
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    before, optimizer = by_name(student), make_optimizer(student, CONFIG)
    set_rates(optimizer, base_knobs(CONFIG) | {"lr": 0.1, "weight_decay": 0.3})
    optimizer.step()
    decayed = {id(p) for p in optimizer.param_groups[0]["params"]}
    for name, parameter in student.named_parameters():
        factor = 1 - 0.1 * 0.3 if id(parameter) in decayed else 1.0
        torch.testing.assert_close(parameter.detach(), factor * before[name])


def test_first_rates_are_the_configs() -> None:
    first, second = make_optimizer(network(), CONFIG).param_groups
    assert first["lr"] == second["lr"] == pytest.approx(0.005)  # 0.01 · 128 / 256
    assert (first["weight_decay"], second["weight_decay"]) == (CONFIG.weight_decay, 0.0)
    assert first["betas"] == second["betas"] == (0.9, 0.999)
    assert first["eps"] == second["eps"] == 1e-8


def test_set_rates_reaches_both_groups_and_decay_only_one() -> None:
    optimizer = make_optimizer(network(), CONFIG)
    set_rates(optimizer, base_knobs(CONFIG) | {"lr": 0.123, "weight_decay": 0.456})
    assert [group["lr"] for group in optimizer.param_groups] == [0.123, 0.123]
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.456, 0.0]


def test_steps_as_adam_by_hand() -> None:
    """Three steps with decoupled decay, in float64, on every parameter."""
    student = network()
    optimizer = make_optimizer(student, CONFIG)
    decayed = {id(p) for p in optimizer.param_groups[0]["params"]}
    parameters = {name: p for name, p in student.named_parameters() if p.requires_grad}
    expected = {name: p.detach().double() for name, p in parameters.items()}
    m = {name: torch.zeros_like(value) for name, value in expected.items()}
    v = {name: torch.zeros_like(value) for name, value in expected.items()}
    for t in range(1, 4):
        random_gradients(student, seed=t)
        lr, decay = 0.01 * t, 0.1 * t
        set_rates(optimizer, base_knobs(CONFIG) | {"lr": lr, "weight_decay": decay})
        optimizer.step()
        for name, p in parameters.items():
            assert p.grad is not None
            g = p.grad.double()
            expected[name] = expected[name] * (1 - lr * decay if id(p) in decayed else 1)
            m[name], v[name] = 0.9 * m[name] + 0.1 * g, 0.999 * v[name] + 0.001 * g * g
            expected[name] -= lr * (m[name] / (1 - 0.9**t)) / ((v[name] / (1 - 0.999**t)).sqrt() + 1e-8)
            torch.testing.assert_close(p.detach().double(), expected[name], rtol=1e-4, atol=1e-6)


# --- clipping -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("largest", [0.3, 3.0])
@pytest.mark.parametrize("seed", range(3))
def test_clips_each_tensor_as_torch_clips_one(largest: float, seed: int) -> None:
    student = network()
    random_gradients(student, seed)
    twin = copy.deepcopy(student)
    for ours, theirs in zip(student.parameters(), twin.parameters(), strict=True):
        theirs.grad = None if ours.grad is None else ours.grad.clone()
    norms = [float(torch.nn.utils.clip_grad_norm_([p], largest)) for p in twin.parameters() if p.grad is not None]
    assert min(norms) < largest < max(norms)
    clip_gradients(student, largest)
    for ours, theirs in zip(student.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad)
        assert ours.grad is None or ours.grad.norm() <= largest * (1 + 1e-5)


def test_short_gradients_are_not_touched_and_missing_ones_stay_missing() -> None:
    student = network()
    random_gradients(student, scale=1e-4)
    missing = student.backbone.norm.weight
    missing.grad = None
    before = {name: p.grad.clone() for name, p in student.named_parameters() if p.grad is not None}
    clip_gradients(student, 3.0)
    assert missing.grad is None
    after = {name: p.grad for name, p in student.named_parameters() if p.grad is not None}
    torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_zero_means_no_clipping() -> None:
    student = network()
    random_gradients(student, scale=100.0)
    before = [p.grad.clone() for p in student.parameters() if p.grad is not None]
    clip_gradients(student, 0.0)
    after = [p.grad for p in student.parameters() if p.grad is not None]
    torch.testing.assert_close(after, before, rtol=0, atol=0)


def test_clipping_without_any_gradient() -> None:
    student = network()
    clip_gradients(student, 3.0)
    assert all(p.grad is None for p in student.parameters())


def test_a_gradient_of_zero_stays_zero() -> None:
    student = network()
    random_gradients(student)
    bias = student.backbone.norm.bias
    bias.grad = torch.zeros_like(bias)
    clip_gradients(student, 0.1)
    assert bias.grad.eq(0).all()


# --- the frozen last layer ----------------------------------------------------------------------------------


@pytest.mark.parametrize("norm_last_layer", [True, False])
def test_a_frozen_last_layer_keeps_its_weights_and_has_no_adam_state(norm_last_layer: bool) -> None:
    """Also weight decay passes it by, which a gradient of zero would not achieve."""
    student = network(norm_last_layer)
    before, optimizer = by_name(student), make_optimizer(student, CONFIG)
    for seed in range(3):
        random_gradients(student, seed)
        freeze_last_layer(student.head)
        set_rates(optimizer, base_knobs(CONFIG) | {"lr": 0.1, "weight_decay": 0.3})
        optimizer.step()
    for name, parameter in student.named_parameters():
        frozen = name.startswith("head.last_layer.")
        assert parameter.equal(before[name]) is frozen, name
        assert (parameter not in optimizer.state) is frozen, name
    random_gradients(student, 3)  # thawed
    optimizer.step()
    for name, parameter in student.head.last_layer.named_parameters(prefix="head.last_layer"):
        assert parameter.equal(before[name]) is not parameter.requires_grad
        assert (parameter in optimizer.state) is parameter.requires_grad
        assert not parameter.requires_grad or optimizer.state[parameter]["step"] == 1


def test_freezing_later_leaves_the_moments_as_they_are() -> None:
    student = network()
    optimizer = make_optimizer(student, CONFIG)
    random_gradients(student)
    optimizer.step()
    direction = student.head.last_layer.parametrizations.weight.original1
    weights = direction.detach().clone()
    state = {name: value.clone() for name, value in optimizer.state[direction].items()}
    assert state["exp_avg"].abs().sum() > 0
    random_gradients(student, 1)
    freeze_last_layer(student.head)
    optimizer.step()
    assert direction.equal(weights)
    torch.testing.assert_close(optimizer.state[direction], state, rtol=0, atol=0)


def test_freezing_takes_gradients_from_the_last_layer_only() -> None:
    student = network(norm_last_layer=False)
    random_gradients(student)
    freeze_last_layer(student.head)
    for name, parameter in student.named_parameters():
        assert (parameter.grad is None) is name.startswith("head.last_layer.")
