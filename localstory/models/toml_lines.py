"""On which line each key of a TOML text stands. tomllib tells values without places; this tells places without values.

The text must be valid TOML (tomllib has read it): what is here is only taken apart, never judged.
"""

from __future__ import annotations

from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""("text", 3, "files", 0, "sha256"): keys, and numbers inside lists."""


def lines_of(text: str) -> dict[Path, int]:
    """The line, from 1, of every table, key and list element."""
    return _Scan(text).run()


class _Scan:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        """How many tables each list of tables has so far."""

    def run(self) -> dict[Path, int]:
        table: Path = ()
        self._pass_blank()
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._pass_blank()
        return self._lines

    def _step(self, count: int = 1) -> None:
        self._line += self._text.count("\n", self._at, self._at + count)
        self._at += count

    def _pass_blank(self) -> None:
        """Go to the next thing that means something: past spaces, line ends, commas and comments."""
        while self._at < len(self._text):
            sign = self._text[self._at]
            if sign == "#":
                end = self._text.find("\n", self._at)
                self._step((len(self._text) if end < 0 else end) - self._at)
            elif sign in " \t\r\n,":
                self._step()
            else:
                return

    def _header(self) -> Path:
        line, is_list = self._line, self._text.startswith("[[", self._at)
        self._step(2 if is_list else 1)
        keys = self._keys("]")
        self._step(2 if is_list else 1)
        path: Path = ()
        for number, key in enumerate(keys):
            path = (*path, key)
            if is_list and number == len(keys) - 1:
                self._counts[path] = self._counts.get(path, 0) + 1
                self._lines.setdefault(path, line)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        self._lines[path] = line
        return path

    def _pair(self, table: Path) -> None:
        line = self._line
        path = table
        for key in self._keys("="):
            path = (*path, key)
            self._lines.setdefault(path, line)
        self._step()
        self._value(path)

    def _keys(self, end: str) -> list[str]:
        """A key with its dots, up to the sign `end`, which is left there."""
        keys: list[str] = []
        while self._at < len(self._text):
            sign = self._text[self._at]
            if sign == end:
                break
            if sign in " \t.":
                self._step()
            elif sign in "\"'":
                start = self._at + 1
                self._string()
                inner = self._text[start : self._at - 1]
                keys.append(inner.encode().decode("unicode_escape") if sign == '"' and "\\" in inner else inner)
            else:
                start = self._at
                while self._at < len(self._text) and self._text[self._at] not in " \t.=]":
                    self._step()
                keys.append(self._text[start : self._at])
        return keys

    def _value(self, path: Path) -> None:
        while self._at < len(self._text) and self._text[self._at] in " \t":
            self._step()
        sign = self._text[self._at] if self._at < len(self._text) else ""
        if sign in "\"'":
            self._string()
        elif sign == "[":
            self._step()
            index = 0
            self._pass_blank()
            while self._at < len(self._text) and self._text[self._at] != "]":
                self._lines[(*path, index)] = self._line
                self._value((*path, index))
                index += 1
                self._pass_blank()
            self._step()
        elif sign == "{":
            self._step()
            self._pass_blank()
            while self._at < len(self._text) and self._text[self._at] != "}":
                self._pair(path)
                self._pass_blank()
            self._step()
        else:
            while self._at < len(self._text) and self._text[self._at] not in ",]}\n#":
                self._step()

    def _string(self) -> None:
        quote = self._text[self._at]
        if self._text.startswith(quote * 3, self._at):
            self._step(3)
            while not self._text.startswith(quote * 3, self._at) and self._at < len(self._text):
                self._step(2 if quote == '"' and self._text[self._at] == "\\" else 1)
            self._step(3)
            # Up to two quotes may stand before the closing three.
            while self._text.startswith(quote, self._at):
                self._step()
            return
        self._step()
        while self._at < len(self._text) and self._text[self._at] != quote:
            self._step(2 if quote == '"' and self._text[self._at] == "\\" else 1)
        self._step()
