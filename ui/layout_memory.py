"""How the person left the window: size, widths, what is folded, the last place. Losing it costs nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from localstory.system import write_whole


@dataclass(frozen=True, slots=True)
class Layout:
    """Pixels; `chat` is the id of the last chat, 0 for a new one."""

    width: int = 1180
    height: int = 760
    maximized: bool = False
    pane_width: int = 248
    side_width: int = 264
    pane_folded: bool = False
    side_folded: bool = True
    room: str = "home"
    chat: int = 0


def read_layout(path: Path) -> Layout:
    """What was kept; anything missing or strange is the default."""
    try:
        kept: Any = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return Layout()
    if not isinstance(kept, dict):
        return Layout()
    good = {field.name: kept[field.name] for field in fields(Layout) if type(kept.get(field.name)) is type(field.default)}
    layout = replace(Layout(), **good)
    return replace(
        layout,
        width=min(max(layout.width, 800), 8000), height=min(max(layout.height, 500), 5000),
        pane_width=min(max(layout.pane_width, 160), 600), side_width=min(max(layout.side_width, 200), 700),
    )  # fmt: skip


def write_layout(path: Path, layout: Layout) -> None:
    """Keep it. A full disk is no reason to bother anybody about widths."""
    try:
        write_whole(path, json.dumps(asdict(layout)).encode())
    except OSError:
        return
