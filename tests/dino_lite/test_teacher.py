"""The EMA teacher against its closed form and a float64 loop; that it is a module of its own, which nothing trains.

Run: pytest tests/dino_lite/test_teacher.py
"""

import dataclasses

import pytest
import torch
from torch import Tensor, nn

from dino_lite.config import DinoConfig
from dino_lite.network import Network
from dino_lite.teacher import ema_update, make_teacher

CONFIG = DinoConfig(
    picture_size=32, global_size=32, local_size=16, patch_size=8, dim=12, depth=3, heads=2, drop_path=0.5,
    head_hidden=10, bottleneck=6, out_dim=14, head_bn=True, norm_last_layer=False,
)  # fmt: skip


def network(seed: int = 0, backbone: str = "vit") -> Network:
    """A small student with everything that a student can have."""
    torch.manual_seed(seed)
    return Network(dataclasses.replace(CONFIG, backbone=backbone))


def crops(seed: int = 0) -> tuple[Tensor, Tensor]:
    """Two global and two local views of 5 pictures."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(2, 5, 3, 32, 32, generator=generator), torch.randn(2, 5, 3, 16, 16, generator=generator)


def move(module: nn.Module, seed: int) -> None:
    """Every parameter somewhere else."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))


def values(module: nn.Module) -> dict[str, Tensor]:
    """Copies of all parameters in float64."""
    return {name: parameter.detach().double().clone() for name, parameter in module.named_parameters()}


# --- the moving average -------------------------------------------------------------------------------------


@pytest.mark.parametrize("momentum", [0.5, 0.9, 0.996])
@pytest.mark.parametrize("steps", [1, 2, 25])
def test_closed_form_with_a_student_that_stands_still(momentum: float, steps: int) -> None:
    """θ_n = mⁿ θ_0 + (1 - mⁿ) θ_s."""
    student, teacher = network(0), make_teacher(network(1))
    first, goal = values(teacher), values(student)
    for _ in range(steps):
        ema_update(teacher, student, momentum)
    left = momentum**steps
    for name, value in values(teacher).items():
        torch.testing.assert_close(value, left * first[name] + (1 - left) * goal[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("momentum", [0.3, 0.9, 0.99])
def test_a_moving_student_as_a_slow_loop(momentum: float) -> None:
    """θ_t ← m θ_t + (1 - m) θ_s, with a momentum that changes on the way."""
    student = network(0)
    teacher = make_teacher(student)
    expected = values(teacher)
    for step in range(12):
        move(student, step)
        m = momentum + (1 - momentum) * step / 24
        ema_update(teacher, student, m)
        for name, theirs in values(student).items():
            expected[name] = m * expected[name] + (1 - m) * theirs
        for name, value in values(teacher).items():
            torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5)


def test_momentum_of_zero_copies_and_of_one_stays() -> None:
    student, teacher = network(0), make_teacher(network(1))
    before = values(teacher)
    ema_update(teacher, student, 1.0)
    torch.testing.assert_close(values(teacher), before, rtol=0, atol=0)
    ema_update(teacher, student, 0.0)
    torch.testing.assert_close(values(teacher), values(student), rtol=0, atol=0)


def test_parameters_are_matched_by_name() -> None:
    """The same parameters, registered in another order: side by side they would be mixed up."""
    student = nn.ModuleDict({"a": nn.Linear(3, 3), "b": nn.Linear(3, 3)})
    teacher = nn.ModuleDict({"b": nn.Linear(3, 3), "a": nn.Linear(3, 3)}).requires_grad_(False)
    ema_update(teacher, student, 0.0)
    assert teacher["a"].weight.equal(student["a"].weight)
    assert teacher["b"].weight.equal(student["b"].weight)
    assert not student["a"].weight.equal(student["b"].weight)


def test_the_student_and_the_buffers_stay_as_they_are() -> None:
    student, teacher = network(0), make_teacher(network(1))
    student(*crops())  # moves the student's batch-norm statistics
    before = values(student)
    buffers = {name: buffer.clone() for name, buffer in teacher.named_buffers()}
    assert buffers
    ema_update(teacher, student, 0.5)
    torch.testing.assert_close(values(student), before, rtol=0, atol=0)
    torch.testing.assert_close(dict(teacher.named_buffers()), buffers, rtol=0, atol=0)
    assert any(not buffer.equal(buffers[name]) for name, buffer in student.named_buffers())


def test_update_is_in_place() -> None:
    student, teacher = network(0), make_teacher(network(1))
    pointers = [p.data_ptr() for p in teacher.parameters()]
    ema_update(teacher, student, 0.5)
    assert [p.data_ptr() for p in teacher.parameters()] == pointers


# --- a module of its own ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backbone", ["vit", "timm:test_vit"])
def test_the_teacher_shares_no_memory_with_the_student(backbone: str) -> None:
    student = network(backbone=backbone)
    teacher = make_teacher(student)
    mine = {x.untyped_storage().data_ptr() for x in [*student.parameters(), *student.buffers()]}
    yours = {x.untyped_storage().data_ptr() for x in [*teacher.parameters(), *teacher.buffers()]}
    assert len(yours) == len(mine) > 20
    assert not mine & yours
    before = values(teacher)
    move(student, 0)
    torch.testing.assert_close(values(teacher), before, rtol=0, atol=0)


@pytest.mark.parametrize("backbone", ["vit", "timm:test_vit"])
def test_the_teacher_begins_as_the_student(backbone: str) -> None:
    """Heads that were made apart would differ. Stochastic depth aside, which the teacher does not have."""
    student = network(backbone=backbone)
    teacher = make_teacher(student)
    assert teacher.training
    logits, features = teacher(*crops())
    assert not student(*crops())[0].allclose(logits, atol=1e-3)  # the student leaves blocks out
    for module in student.modules():
        if hasattr(module, "drop_prob"):
            module.drop_prob = 0.0
    torch.testing.assert_close(student(*crops()), (logits, features), rtol=0, atol=0)
    assert not network(1, backbone)(*crops())[0].allclose(logits, atol=1e-3)


@pytest.mark.parametrize("backbone", ["vit", "timm:test_vit"])
def test_the_teacher_has_no_stochastic_depth_and_the_student_keeps_its_own(backbone: str) -> None:
    student = network(backbone=backbone)
    rates = [m.drop_prob for m in student.modules() if hasattr(m, "drop_prob")]
    teacher = make_teacher(student)
    assert max(rates) == pytest.approx(0.5)
    assert [m.drop_prob for m in student.modules() if hasattr(m, "drop_prob")] == rates
    assert [m.drop_prob for m in teacher.modules() if hasattr(m, "drop_prob")] == [0.0] * len(rates)
    assert teacher(*crops())[0].equal(teacher(*crops())[0])


# --- no gradient --------------------------------------------------------------------------------------------


def test_no_gradient_reaches_the_teacher() -> None:
    student = network()
    teacher = make_teacher(student)
    assert not any(p.requires_grad for p in teacher.parameters())
    assert all(p.requires_grad for p in student.parameters())
    logits = teacher(*crops())[0]
    assert not logits.requires_grad
    (student(*crops())[0] * logits).sum().backward()
    assert all(p.grad is None for p in teacher.parameters())
    ema_update(teacher, student, 0.9)
    assert all(p.grad is None and p.grad_fn is None and not p.requires_grad for p in teacher.parameters())


def test_the_update_leaves_the_students_gradients_alone() -> None:
    student = network()
    teacher = make_teacher(student)
    loss = student(*crops())[0].square().sum()
    ema_update(teacher, student, 0.9)  # between forward and backward: no parameter of the student was touched
    loss.backward()
    gradients = [p.grad.clone() for p in student.parameters() if p.grad is not None]
    ema_update(teacher, student, 0.9)
    assert len(gradients) == len(list(student.parameters()))
    for parameter, gradient in zip(student.parameters(), gradients, strict=True):
        assert parameter.grad is not None
        assert parameter.grad.equal(gradient)


# --- what does not fit --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("teacher", "student"),
    [
        (nn.Linear(3, 2), nn.Linear(3, 2, bias=False)),
        (nn.Linear(3, 2, bias=False), nn.Linear(3, 2)),
        (nn.Linear(3, 2), nn.Sequential(nn.Linear(3, 2))),
        (nn.Linear(3, 2), nn.Linear(4, 2)),
        (nn.Linear(3, 2), nn.Linear(1, 2)),  # would be broadcast
    ],
    ids=["student lacks one", "teacher lacks one", "other names", "other shapes", "shapes that broadcast"],
)
def test_modules_that_do_not_match_get_one_sentence(teacher: nn.Module, student: nn.Module) -> None:
    teacher.requires_grad_(False)
    before = values(teacher)
    with pytest.raises(ValueError, match=r"^ema_update needs a teacher with the student's parameters.*\.$"):
        ema_update(teacher, student, 0.5)
    torch.testing.assert_close(values(teacher), before, rtol=0, atol=0)
