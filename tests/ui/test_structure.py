"""The walls inside the window: widgets know no localstory, rooms don't know each other, what decides has no Qt."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
UI = REPOSITORY / "ui"


def imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("file", sorted((UI / "widgets").glob("*.py")), ids=lambda file: file.stem)
def test_widgets_know_nothing_of_localstory(file: Path) -> None:
    allowed = {name for name in imports(file) if name.startswith("ui.widgets")}
    assert not {name for name in imports(file) - allowed if name.split(".")[0] in ("localstory", "ui")}


@pytest.mark.parametrize("room", sorted(folder.name for folder in (UI / "pages").iterdir() if (folder / "page.py").exists()))
def test_rooms_do_not_know_each_other(room: str) -> None:
    for file in (UI / "pages" / room).glob("*.py"):
        others = {name for name in imports(file) if name.startswith("ui.pages.") and name.split(".")[2] != room}
        assert not others, file


def test_what_decides_has_no_qt() -> None:
    states = [str(file.relative_to(REPOSITORY).with_suffix("")).replace("/", ".") for file in UI.rglob("state.py")]
    assert len(states) >= 5
    code = f"import importlib, sys\nfor name in {states!r}: importlib.import_module(name)\nprint([name for name in sys.modules if name.startswith('PySide6')])"
    ended = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


@pytest.mark.parametrize("file", sorted(UI.rglob("*.py")), ids=lambda file: str(file.relative_to(UI)))
def test_no_label_guesses_that_a_text_is_html(file: Path) -> None:
    """A QLabel with rich text opens files that the text names; `cards.label` makes plain ones."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("QLabel", "QTextBrowser"):
            assert file.name == "cards.py", f"{file}:{node.lineno}"
