"""What an exercise is to its check: the right function, inputs that tell right from wrong, and the usual mistakes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Generator, Tensor

Arguments = tuple[Any, ...]
Function = Callable[..., Any]


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that people give.

    says: what is wrong and what to look at, in a sentence or two; never the right code.
    does: a function that makes this mistake. An answer with the same outputs has made it too, however it is written.
    also: other forms of it, whose outputs differ. untouched: it is what students were given to mend.
    """

    says: str
    does: Function
    also: tuple[Function, ...] = ()
    untouched: bool = False


@dataclass(frozen=True)
class Rule:
    """What must hold beside the values: `broken(function)` is true for an answer that breaks it.

    tried: with which input, in words, shown as its example.
    """

    says: str
    broken: Callable[[Function], bool]
    tried: str = ""


class Trouble(Exception):
    """An answer that gives nothing to compare, and why, in a sentence.

    example: whether an input helps to see it. empty: whether nothing has been written yet.
    """

    def __init__(self, message: str, example: bool = True, empty: bool = False) -> None:
        super().__init__(message)
        self.message, self.example, self.empty = message, example, empty


def carries_gradient(value: Any) -> bool:
    """Whether an output, of whatever kind, has a gradient behind it."""
    return isinstance(value, Tensor) and value.requires_grad


def call(function: Function, arguments: Arguments) -> Any:
    """The plain way to ask a function."""
    return function(*arguments)


@dataclass(frozen=True)
class Exercise:
    """A function to be written, and all that its check knows about it.

    name: of the check, and of the library's function where there is one. right: a correct function.
    cases(generator): inputs, the smallest first; drawn anew for every seed, so that no answer can be learnt by heart.
    They must be random and uneven enough to tell every mistake from the right answer, and from the others.
    ask(function, arguments): its output; for functions that change something in place, what they have changed. It may
    raise Trouble, with a sentence of its own.
    hints: three, each saying more than the one before. solution: whose source is shown after the last one.
    argument_names: for the example that is shown. output_names: the same, where there are several outputs.
    so_far: said before a rule that is broken. general: said where values differ and no mistake is known, instead of the
    words that fit any exercise.
    """

    name: str
    right: Function
    cases: Callable[[Generator], Sequence[Arguments]]
    mistakes: tuple[Mistake, ...]
    hints: tuple[str, str, str]
    argument_names: tuple[str, ...]
    rules: tuple[Rule, ...] = ()
    ask: Callable[[Function, Arguments], Any] = call
    changes_input: bool = False
    solution: Function | None = None
    output_names: tuple[str, ...] = ()
    tolerance: float = 1e-4
    so_far: str = "The values are right."
    general: str = ""
