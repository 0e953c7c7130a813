"""The projection head against a rewrite in plain functions and against lightly's `DINOProjectionHead`.

timm has no DINO head (searched in 1.0.31), so lightly's is the second source: same parameters, same outputs after
its weights are copied over, same gradients. Run: pytest tests/dino_lite/test_head.py
"""

import copy
import math
import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dino_lite.head import DinoHead

SIZES = {"dim": 12, "out_dim": 30, "hidden": 20, "bottleneck": 8}
LENGTH, DIRECTION = (
    "last_layer.parametrizations.weight.original0",
    "last_layer.parametrizations.weight.original1",
)


def random_head(seed: int = 0, **options: bool) -> DinoHead:
    """A small head in which no parameter keeps the value it starts with: biases, norms and lengths are random."""
    torch.manual_seed(seed)
    head = DinoHead(**SIZES, **options)
    with torch.no_grad():
        for name, parameter in head.named_parameters():
            if name != LENGTH or not options.get("norm_last_layer", True):
                parameter.copy_(torch.randn_like(parameter) * 0.5 + (0.1 if parameter.ndim == 1 else 0))
    return head


def random_features(rows: int = 7, seed: int = 1) -> Tensor:
    """Features (N, D)."""
    return torch.randn(rows, SIZES["dim"], generator=torch.Generator().manual_seed(seed))


def slow_batch_norm(x: Tensor, norm: nn.Module) -> Tensor:
    """What batch norm does while training, for (N, D)."""
    assert isinstance(norm, nn.BatchNorm1d)
    variance = ((x - x.mean(0)) ** 2).mean(0)
    return (x - x.mean(0)) / torch.sqrt(variance + 1e-5) * norm.weight + norm.bias


def slow_head(head: DinoHead, x: Tensor, batch_norm: bool) -> Tensor:
    """The head in plain functions: (N, D) → (N, K)."""
    norms = [module for module in head.mlp if isinstance(module, nn.BatchNorm1d)]
    linears = [module for module in head.mlp if isinstance(module, nn.Linear)]
    assert len(linears) == 3
    assert len(norms) == (2 if batch_norm else 0)
    for i in range(2):
        x = F.linear(x, linears[i].weight, linears[i].bias)
        if batch_norm:
            x = slow_batch_norm(x, norms[i])
        x = x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))  # GELU, the exact one
    x = F.linear(x, linears[2].weight, linears[2].bias)
    z = x / (x**2).sum(-1, keepdim=True).sqrt()
    length, direction = head.get_parameter(LENGTH), head.get_parameter(DIRECTION)
    prototypes = length * direction / (direction**2).sum(-1, keepdim=True).sqrt()
    return z @ prototypes.T


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("norm_last_layer", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_matches_plain_functions(batch_norm: bool, norm_last_layer: bool, seed: int) -> None:
    head = random_head(seed, batch_norm=batch_norm, norm_last_layer=norm_last_layer)
    x = random_features(seed=seed).requires_grad_()
    logits, expected = head(x), slow_head(head, x, batch_norm)
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-6)
    aim = torch.randn(logits.shape, generator=torch.Generator().manual_seed(seed))
    ours = [x, *(p for p in head.parameters() if p.requires_grad)]
    for a, b in zip(
        torch.autograd.grad((logits * aim).sum(), ours),
        torch.autograd.grad((expected * aim).sum(), ours),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


# --- against lightly ----------------------------------------------------------------------------------------


def lightly_head(batch_norm: bool, norm_last_layer: bool) -> nn.Module:
    """lightly's head of the same sizes; it uses torch's former weight_norm, which says so in a warning."""
    from lightly.models.modules.heads import DINOProjectionHead

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return DINOProjectionHead(
            SIZES["dim"],
            SIZES["hidden"],
            SIZES["bottleneck"],
            SIZES["out_dim"],
            batch_norm=batch_norm,
            norm_last_layer=norm_last_layer,
        )


def copy_from_lightly(head: DinoHead, theirs: nn.Module, batch_norm: bool) -> None:
    """Copies every parameter: the MLP's in order, then the length and the direction of the prototypes.

    Before a batch norm lightly's layers have no bias; ours do, as in the authors' code, and it makes no difference.
    """
    names = [name for name, _ in head.named_parameters() if name.startswith("mlp.")]
    if batch_norm:
        names = [name for name in names if name not in ("mlp.0.bias", "mlp.3.bias")]
    values = [*theirs.layers.parameters(), theirs.last_layer.weight_g, theirs.last_layer.weight_v]
    with torch.no_grad():
        for name, value in zip([*names, LENGTH, DIRECTION], values, strict=True):
            assert head.get_parameter(name).shape == value.shape
            head.get_parameter(name).copy_(value)


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("norm_last_layer", [False, True])
def test_matches_lightly(batch_norm: bool, norm_last_layer: bool) -> None:
    torch.manual_seed(3)
    theirs = lightly_head(batch_norm, norm_last_layer)
    head = DinoHead(**SIZES, batch_norm=batch_norm, norm_last_layer=norm_last_layer)
    copy_from_lightly(head, theirs, batch_norm)
    for seed in range(2):  # twice, so that batch norm's running statistics are compared below as well
        x = random_features(seed=seed)
        logits, expected = head(x), theirs(x)
        torch.testing.assert_close(logits, expected, rtol=1e-5, atol=1e-6)
    logits.square().sum().backward()
    expected.square().sum().backward()
    mine = {tuple(p.shape): p.grad for p in head.parameters() if p.grad is not None and p.ndim > 1}
    yours = {tuple(p.shape): p.grad for p in theirs.parameters() if p.grad is not None and p.ndim > 1}
    assert len(mine) == 4 + (not norm_last_layer)  # three linear layers, directions, and lengths if they learn
    torch.testing.assert_close(mine, yours, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(head.eval()(x), theirs.eval()(x), rtol=1e-5, atol=1e-6)


# --- the bounds of the logits, and what is frozen -----------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_logits_are_cosines_with_unit_prototypes(seed: int) -> None:
    head, x = random_head(seed, norm_last_layer=True), 100 * random_features(200, seed)
    logits = head(x)
    assert logits.abs().max() <= 1 + 1e-6
    assert logits.abs().max() > 0.8  # the bound is nearly reached in 8 dimensions
    expected = F.cosine_similarity(head.mlp(x)[:, None], head.get_parameter(DIRECTION)[None], dim=-1)
    torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-6)


def test_free_lengths_leave_the_bound() -> None:
    head = random_head(norm_last_layer=False)
    with torch.no_grad():
        head.get_parameter(LENGTH).fill_(3.0)
    assert head(random_features(200)).abs().max() > 1.5


@pytest.mark.parametrize("norm_last_layer", [False, True])
def test_lengths_learn_only_without_norm_last_layer(norm_last_layer: bool) -> None:
    head = DinoHead(**SIZES, norm_last_layer=norm_last_layer)
    length, direction = head.get_parameter(LENGTH), head.get_parameter(DIRECTION)
    assert length.shape == (30, 1)
    assert length.eq(1).all()
    assert length.requires_grad is (not norm_last_layer)
    optimizer = torch.optim.SGD(head.parameters(), lr=1.0)
    before = length.detach().clone(), direction.detach().clone()
    head(random_features()).square().sum().backward()
    optimizer.step()
    assert length.equal(before[0]) is norm_last_layer
    assert not direction.equal(before[1])


def test_last_layer_has_no_bias() -> None:
    assert {name for name, _ in DinoHead(**SIZES).last_layer.named_parameters()} == {
        name.removeprefix("last_layer.") for name in (LENGTH, DIRECTION)
    }


# --- batch norm ---------------------------------------------------------------------------------------------


def test_batch_norm_comes_after_the_hidden_layers_before_gelu() -> None:
    kinds = [type(module).__name__ for module in DinoHead(**SIZES, batch_norm=True).mlp]
    assert kinds == ["Linear", "BatchNorm1d", "GELU", "Linear", "BatchNorm1d", "GELU", "Linear"]
    plain = DinoHead(**SIZES)
    assert not any(isinstance(module, nn.BatchNorm1d) for module in plain.modules())


@pytest.mark.parametrize("batch_norm", [False, True])
def test_rows_depend_on_one_another_only_through_batch_norm(batch_norm: bool) -> None:
    head, x = random_head(batch_norm=batch_norm), random_features()
    other = torch.cat([x[:1], random_features(seed=5)[1:]])
    assert head(x)[0].allclose(head(other)[0], atol=1e-6) is (not batch_norm)


# --- copies and the first values ----------------------------------------------------------------------------


@pytest.mark.parametrize("batch_norm", [False, True])
def test_deepcopy_is_equal_and_separate(batch_norm: bool) -> None:
    """The former weight_norm refuses to be copied once it has run."""
    head, x = random_head(batch_norm=batch_norm), random_features()
    before = head(x)
    twin = copy.deepcopy(head)
    assert twin(x).equal(before)
    pointers = {p.data_ptr() for p in head.parameters()}
    assert not pointers & {p.data_ptr() for p in twin.parameters()}
    with torch.no_grad():
        twin.get_parameter(DIRECTION).neg_()
    assert head(x).equal(before)
    torch.testing.assert_close(twin(x), -before)


def test_state_dict_round_trip() -> None:
    head, other, x = random_head(0), random_head(1), random_features()
    assert not other(x).allclose(head(x))
    other.load_state_dict(head.state_dict())
    assert other(x).equal(head(x))


@pytest.mark.parametrize("init_std", [0.02, 0.1, 0.0])
def test_first_values(init_std: float) -> None:
    """MLP: normal (0.02 in the paper; 0 asks for 1/√inputs), no bias. Directions: torch's own, within 1/√bottleneck."""
    torch.manual_seed(0)
    head = DinoHead(300, 2000, hidden=400, bottleneck=64, init_std=init_std)
    for layer in head.mlp:
        if isinstance(layer, nn.Linear):
            weight, std = layer.weight.detach(), init_std or layer.in_features**-0.5
            assert float(weight.std()) == pytest.approx(std, rel=0.03)
            assert float(weight.mean().abs()) < 4 * std / weight.numel() ** 0.5
            assert weight.abs().max() > 3 * std  # not cut off near its spread
            assert layer.bias.eq(0).all()
    direction = head.get_parameter(DIRECTION).detach()
    assert float(direction.abs().max()) == pytest.approx(1 / 8, rel=0.01)
    assert float(direction.std()) == pytest.approx(1 / 8 / 3**0.5, rel=0.02)


def test_papers_first_values_are_the_default() -> None:
    torch.manual_seed(0)
    assert float(DinoHead(300, 10, hidden=400).mlp[0].weight.detach().std()) == pytest.approx(0.02, rel=0.03)


def test_official_sizes() -> None:
    """ViT-S with 65,536 prototypes: 5.5 million parameters in the MLP and 16.8 million in the last layer."""
    with torch.device("meta"):
        head = DinoHead(384, 65536)
    assert [tuple(m.weight.shape) for m in head.mlp if isinstance(m, nn.Linear)] == [
        (2048, 384),
        (2048, 2048),
        (256, 2048),
    ]
    counts = [sum(p.numel() for p in part.parameters()) for part in (head.mlp, head.last_layer)]
    assert counts == [5_509_376, 65536 * 257]
