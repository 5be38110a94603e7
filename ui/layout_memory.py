"""How the person left the window: size, place, widths, what is folded, the last room. Losing it costs nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from localstory.system import write_whole

T = TypeVar("T")

_MOST_LETTERS = 200_000
"""A file that is larger was not written by us."""
_NOWHERE = -100_000


@dataclass(frozen=True, slots=True)
class Layout:
    """Pixels; `chat` is the id of the last chat, 0 for a new one."""

    width: int = 1180
    height: int = 760
    x: int = _NOWHERE
    y: int = _NOWHERE
    maximized: bool = False
    pane_width: int = 248
    side_width: int = 264
    pane_folded: bool = False
    side_folded: bool = True
    room: str = "home"
    chat: int = 0
    rooms: dict[str, Any] = field(default_factory=dict)
    """What rooms want to find again by a name of theirs: how a list is sorted, which folders are open."""

    @property
    def has_place(self) -> bool:
        """Whether it is known where on the screens the window stood."""
        return self.x != _NOWHERE and self.y != _NOWHERE


def read_layout(path: Path) -> Layout:
    """What was kept; anything missing or strange is the default."""
    try:
        if path.stat().st_size > _MOST_LETTERS:
            return Layout()
        kept: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return Layout()
    if not isinstance(kept, dict):
        return Layout()
    default = Layout()
    good = {one.name: kept[one.name] for one in fields(Layout) if type(kept.get(one.name)) is type(getattr(default, one.name))}
    layout = replace(default, **good)
    return replace(
        layout,
        width=min(max(layout.width, 800), 8000), height=min(max(layout.height, 500), 5000),
        x=layout.x if abs(layout.x) < 50_000 else _NOWHERE, y=layout.y if abs(layout.y) < 50_000 else _NOWHERE,
        pane_width=min(max(layout.pane_width, 160), 600), side_width=min(max(layout.side_width, 200), 700),
        chat=layout.chat if 0 <= layout.chat < 1 << 62 else 0,
    )  # fmt: skip


def write_layout(path: Path, layout: Layout) -> None:
    """Keep it. A full disk is no reason to bother anybody about widths."""
    try:
        text = json.dumps(asdict(layout))
        if len(text) > _MOST_LETTERS:
            text = json.dumps(asdict(replace(layout, rooms={})))
        write_whole(path, text.encode())
    except (OSError, TypeError, ValueError):
        return


class Memory:
    """What a window remembers while it is open, and where it is kept. Values are what JSON holds."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.layout = read_layout(path)
        self.is_changed = False
        """Something is to be written."""

    def get(self, name: str, default: T) -> T:
        """What was remembered under a name; the default when there is nothing, or something of another kind."""
        value = self.layout.rooms.get(name, default)
        if type(value) is not type(default):
            return default
        if isinstance(value, list):
            # Of a list of ids somebody may have made a list of lists.
            kinds = {type(one) for one in default} if isinstance(default, list) and default else {int, str}
            return [one for one in value if type(one) in kinds]  # type: ignore[return-value]
        return value

    def put(self, name: str, value: object) -> None:
        """Remember a bool, number, text, or a list or dict of them under a name ("list.sort")."""
        if name not in self.layout.rooms or self.layout.rooms[name] != value:
            self.layout = replace(self.layout, rooms=self.layout.rooms | {name: value})
            self.is_changed = True

    def change(self, **given: Any) -> None:
        """Change the layout itself."""
        changed = replace(self.layout, **given)
        if changed != self.layout:
            self.layout = changed
            self.is_changed = True

    def write(self) -> None:
        """Keep it on the disk if something changed; some milliseconds."""
        if self.is_changed:
            self.is_changed = False
            write_layout(self.path, self.layout)
