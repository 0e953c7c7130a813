"""What a reader has predicted and solved: one small JSON file, which may be read, edited and deleted.

It lies in ~/.dino_notebooks/journal.json, or where DINO_NB_JOURNAL says. A file that is damaged, or of a later version,
is put aside under another name and never overwritten; a disk that takes no file costs the memory, not the lesson.
"""

import contextlib
import json
import os
from pathlib import Path
from typing import Any

FORMAT = 1
PLACE = "DINO_NB_JOURNAL"  # environment variable: path of the file; "off" keeps none
PARTS = ("predictions", "exercises")
Entries = dict[str, dict[str, Any]]


def journal_path() -> Path | None:
    """The file, or None where none is wanted."""
    asked = os.environ.get(PLACE)
    if asked == "off":
        return None
    return Path(asked).expanduser() if asked else Path.home() / ".dino_notebooks" / "journal.json"


def read_journal() -> dict[str, Entries]:
    """Part → entry → facts; empty parts where there is no file, or none that can be read."""
    found = _read()
    return {part: found.get(part, {}) if found else {} for part in PARTS}


def unreadable() -> str | None:
    """What is wrong with the file and what happens to it, in a sentence; None where there is none, or a good one."""
    path = journal_path()
    if path is None or not path.exists() or _read() is not None:
        return None
    return (
        f"{path} can't be read: it is damaged, or of another version. The next thing that is solved or predicted puts "
        "it aside under another name and begins a new one."
    )


def write_entry(part: str, name: str, **facts: Any) -> None:
    """Add facts to an entry of "predictions" or "exercises"; None takes one away."""
    path = journal_path()
    if path is None:
        return
    found = _read()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if found is None and path.exists():
            path.replace(_free_name(path))
        pages = found or {"format": FORMAT, **{part: {} for part in PARTS}}
        entry = pages.setdefault(part, {}).setdefault(name, {})
        entry |= facts
        pages[part][name] = {key: value for key, value in entry.items() if value is not None}
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(json.dumps(pages, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(path)


def _read() -> dict[str, Any] | None:
    """The whole file, or None where there is none of this version."""
    path = journal_path()
    try:
        found = json.loads(path.read_text(encoding="utf-8")) if path else None
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        return None
    pages = [found.get(part, {}) for part in PARTS]
    whole = all(isinstance(page, dict) and all(isinstance(entry, dict) for entry in page.values()) for page in pages)
    return found if whole else None


def _free_name(path: Path) -> Path:
    """journal.1.json and so on: the first that is free."""
    number = 1
    while (other := path.with_name(f"{path.stem}.{number}{path.suffix}")).exists():
        number += 1
    return other
