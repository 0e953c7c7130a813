"""What the fields of a settings class may hold; each refusal is one sentence."""

from typing import Any


def require_range(config: Any, names: str, low: float, high: float) -> None:
    """ValueError unless each of the fields in `names`, separated by spaces, lies between low and high."""
    for name in names.split():
        value = getattr(config, name)
        if not low <= value <= high:  # also false for NaN
            wanted = f"at least {low:g}" if high == float("inf") else f"between {low:g} and {high:g}"
            raise ValueError(f"{name} must be {wanted}, got {value}.")


def require_kind(name: str, value: Any, default: Any) -> None:
    """ValueError unless a field's value is of its default's type, or a tuple of as many numbers."""
    if isinstance(default, tuple):
        fits = isinstance(value, tuple) and len(value) == len(default) and all(type(x) in (int, float) for x in value)
        wanted = f"a tuple of {len(default)} numbers"
    else:
        fits = type(value) in ((int, float) if type(default) is float else (type(default),))
        wanted = {int: "a whole number", float: "a number", bool: "True or False", str: "a text"}[type(default)]
    if not fits:
        raise ValueError(f"{name} must be {wanted}, got {value!r}.")
