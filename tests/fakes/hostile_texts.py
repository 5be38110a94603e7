"""Texts as a hostile or a broken model writes them."""

from __future__ import annotations

from pathlib import Path

MARK = "leak-"
"""In the name of everything that must not be asked for."""

_FORMS = (
    "![x](@)",
    "![x][r]\n\n[r]: @",
    "| ![x](@) |\n|---|\n| <img src='@'> |",
    "- ![x](@)\n\n> ![y](<@>)",
    "<img src='@'>",
    "<b>bold</b><img src=@ width=9 height=9>",
    "<link rel=stylesheet href='@'>",
    "<style>@import url('@'); body { background: url(@) }</style>words",
    "<div style=\"background-image:url('@')\">x</div>",
    "<table background='@'><tr><td>x</td></tr></table>",
    "<object data='@'></object><iframe src='@'></iframe><video poster='@'></video>",
    '[a link](@ "a tip") and <@>',
    "$\\href{@}{x}$ and $$\\includegraphics{@}$$",
    "```html\n<img src='@'>\n```",
    "text[^1]\n\n[^1]: ![x](@)",
)
"""Each asks for what stands at the @."""


def loading_texts(folder: Path, port: int) -> list[str]:
    """120 texts that ask for something to be loaded: pictures in `folder`, hosts, a server on this machine's `port`."""
    addresses = (
        "http://127.0.0.1:{port}/leak-{n}.png", "file://{folder}/leak-{n}.png", "{folder}/leak-{n}.png", "file://leak-host-{n}/share/x.png",
        "//leak-host-{n}/share/x.png", "\\\\leak-host-{n}\\share\\x.png", "leak-{n}.png", "qrc:/leak-{n}.png",
    )  # fmt: skip
    found: list[str] = []
    for form in _FORMS:
        for address in addresses:
            where = address.format(port=port, folder=folder, n=len(found))
            found.append(form.replace("@import", "\x01").replace("@", where).replace("\x01", "@import"))
    return found


def endless_texts() -> dict[str, str]:
    """20 texts that a looping model may stream, each up to 1 MB."""
    return {
        "one line": "x" * 1_000_000,
        "one line of words": "word " * 200_000,
        "one line of code": "```\n" + "y" * 1_000_000,
        "many lines": "l\n" * 500_000,
        "pictures": "![a](b) " * 10_000,
        "quotes": ">" * 5_000 + " deep",
        "quotes in lines": "> " * 40 + "q\n" * 5_000,
        "zalgo": "Z" + "".join(chr(0x300 + at % 0x6F) for at in range(200)) + "a\u0335\u0336" * 50_000,
        "emoji": "🐉👩‍👩‍👧‍👦" * 40_000,
        "turned": "\u202eabc\u2066\u202d" * 60_000,
        "right to left": "مرحبا بالعالم שלום " * 20_000,
        "nothing": "a\x00b" * 100_000,
        "halves": "\ud800a\udfff" * 60_000,
        "table": "| a | b | c |\n|---|---|---|\n" + "| 1 | 2 | 3 |\n" * 10_000,
        "wide table": "|" + " a |" * 3_000 + "\n|" + "---|" * 3_000 + "\n|" + " b |" * 3_000,
        "list": "1. an item\n" * 20_000,
        "deep list": "".join("  " * min(depth, 400) + "- deep\n" for depth in range(2_000)),
        "stars": "*" * 100_000 + "_" * 100_000 + "`" * 100_000 + "[" * 100_000,
        "formulas": "$x_{1}$ and $$\\frac{a}{b}$$ " * 10_000,
        "heads": "# h\n" * 50_000 + "$" * 50_000,
    }
