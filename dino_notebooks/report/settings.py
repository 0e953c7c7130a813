"""The settings of a run, as the library documents them, with the differences from the paper's marked."""

import dataclasses
import inspect
import re
from html import escape
from typing import Any

from dino_lite import DinoConfig

PRESETS = {name: getattr(DinoConfig, name) for name in ("lab", "small", "emoji", "paper_vit_s16")}
FIELD = re.compile(r"^    (\w+): [^=]+ = .*?(?:  # (.*))?$")


def documented() -> dict[str, dict[str, str]]:
    """Each group of DinoConfig's fields with what its source says of each field."""
    groups: dict[str, dict[str, str]] = {}
    for line in inspect.getsource(DinoConfig).splitlines():
        field = FIELD.match(line)
        if line.startswith("    # "):
            groups[line.removeprefix("    # ")] = {}
        elif field and groups:
            groups[list(groups)[-1]][field[1]] = field[2] or ""
        elif line.startswith("    @property"):
            break
    return groups


def changes(config: DinoConfig, other: DinoConfig) -> dict[str, tuple[Any, Any]]:
    """Fields that differ: name → (here, there)."""
    here, there = dataclasses.asdict(config), dataclasses.asdict(other)
    return {name: (here[name], there[name]) for name in here if here[name] != there[name]}


def preset(config: DinoConfig) -> str:
    """The nearest preset, and what was changed in it: "lab with lr = 0.016"."""
    near = {name: changes(config, make()) for name, make in PRESETS.items()}
    name = min(near, key=lambda name: len(near[name]))
    if len(near[name]) > 8:
        return "none"
    changed = [
        f"{field}\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{shown(value)}" for field, (value, _) in near[name].items()
    ]
    return f"{name} with {', '.join(changed)}" if changed else name


def shown(value: Any) -> str:
    """A setting's value as one would write it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list)):
        return ", ".join(map(shown, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def tables(config: DinoConfig) -> str:
    """The settings as HTML, a table a group; where they differ from the paper's its value stands beside."""
    differ = changes(config, DinoConfig())
    parts = []
    for group, fields in documented().items():
        rows = []
        for name, note in fields.items():
            paper = f"paper {escape(shown(differ[name][1]))}" if name in differ else ""
            head = f'<th scope="row">{name}<small>{escape(note)}</small></th>'
            cell = f"<td>{escape(shown(getattr(config, name)))}<small>{paper}</small></td>"
            rows.append(f"<tr{' class=differs' if paper else ''}>{head}{cell}</tr>")
        parts.append(f"<table><caption>{escape(group)}</caption><tbody>{''.join(rows)}</tbody></table>")
    return f'<div class="settings">{"".join(parts)}</div>'
