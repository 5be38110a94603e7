"""Markdown to the HTML that Qt's text understands. Nothing in a text is ever loaded: pictures become their names.

markdown-it and Pygments are imported at the first need (`warm_up` does it on another thread).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ui.widgets.segments import soften

_BIDI = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""Marks that turn the direction of writing: they can make a link's text lie about where it goes."""
COPY_SCHEME = "copy:"
DEEPEST_QUOTE = 3
"""A quotation is a table in Qt's HTML, and laying out tables in tables doubles in cost with each level: five thousand
levels never ended."""


@dataclass(frozen=True, slots=True)
class Colours:
    """What the HTML needs to know of the look, as #rrggbb, and the family for code."""

    text: str
    quiet: str
    accent: str
    raised: str
    line: str
    code_style: str
    mono: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """HTML, and the code blocks in it: `copy:0` is the link that copies the first."""

    html: str
    codes: tuple[str, ...]


class Markdown:
    """Turns markdown into HTML in one set of colours. `copy_word` is the word on the link that copies code, or ""."""

    def __init__(self, colours: Colours, copy_word: str = "", image_word: str = "{name}") -> None:
        self._colours = colours
        self._copy_word = copy_word
        self._image_word = image_word
        self._parser: Any = None

    def render(self, text: str, *, at_rest: bool = True) -> Rendered:
        """HTML for a text. Code is coloured only `at_rest`: a fence that still grows would be coloured anew each time."""
        parser = self._parser = self._parser or self._make_parser()
        environment: dict[str, Any] = {"codes": [], "at_rest": at_rest, "quotes": 0}
        html = parser.render(soften(text), environment)
        return Rendered(html.strip(), tuple(environment["codes"]))

    def as_written(self, text: str) -> Rendered:
        """HTML that shows a text letter by letter, marks of Markdown and all."""
        shown = escape(soften(text.rstrip("\n")))
        return Rendered(f"<pre style=\"font-family:'{self._colours.mono}'; font-size:13px; white-space:pre-wrap; margin:0;\">{shown}</pre>", ())

    def _make_parser(self) -> Any:
        from markdown_it import MarkdownIt

        parser = MarkdownIt("gfm-like", {"linkify": False, "html": False, "breaks": True, "maxNesting": 30})
        colours = self._colours
        rules: dict[str, Any] = parser.renderer.rules  # type: ignore[attr-defined]

        def code(tokens: Sequence[Any], index: int, _options: Any, environment: Any) -> str:
            token = tokens[index]
            language = token.info.strip().split(" ")[0] if token.info else ""
            return self._code(token.content.replace("\u200b", ""), language, environment)

        def inline_code(tokens: Sequence[Any], index: int, _options: Any, _environment: Any) -> str:
            return f"<code style=\"background-color:{colours.raised}; font-family:'{colours.mono}';\">&nbsp;{escape(tokens[index].content)}&nbsp;</code>"

        def image(tokens: Sequence[Any], index: int, _options: Any, _environment: Any) -> str:
            token = tokens[index]
            name = (token.content or str(token.attrs.get("src", ""))).translate(_BIDI)
            return f'<span style="color:{colours.quiet}">[{escape(self._image_word.format(name=name))}]</span>'

        def text_rule(tokens: Sequence[Any], index: int, _options: Any, environment: Any) -> str:
            content = tokens[index].content
            return escape(content.translate(_BIDI) if environment.get("in_link") else content)

        def link_open(tokens: Sequence[Any], index: int, _options: Any, environment: Any) -> str:
            environment["in_link"] = True
            return f'<a href="{escape(str(tokens[index].attrs.get("href", "")))}">'

        def link_close(_tokens: Sequence[Any], _index: int, _options: Any, environment: Any) -> str:
            environment["in_link"] = False
            return "</a>"

        def heading(tokens: Sequence[Any], index: int, _options: Any, _environment: Any) -> str:
            pixels = {"h1": 20, "h2": 18, "h3": 16}.get(tokens[index].tag, 14)
            return f'<p style="font-size:{pixels}px; font-weight:600; margin-top:14px; margin-bottom:6px;">'

        def quote_open(_tokens: Sequence[Any], _index: int, _options: Any, environment: Any) -> str:
            environment["quotes"] += 1
            if environment["quotes"] > DEEPEST_QUOTE:
                return ""
            return (
                f'<table cellspacing="0" cellpadding="0" style="margin-top:6px; margin-bottom:6px;"><tr><td width="3" bgcolor="{colours.accent}"></td>'
                f'<td style="padding-left:12px; color:{colours.quiet};">'
            )

        def quote_close(_tokens: Sequence[Any], _index: int, _options: Any, environment: Any) -> str:
            environment["quotes"] -= 1
            return "</td></tr></table>\n" if environment["quotes"] < DEEPEST_QUOTE else ""

        rules["fence"] = rules["code_block"] = code
        rules["code_inline"] = inline_code
        rules["image"] = image
        rules["text"] = text_rule
        rules["link_open"] = link_open
        rules["link_close"] = link_close
        rules["heading_open"] = heading
        rules["heading_close"] = lambda *_arguments: "</p>\n"
        rules["table_open"] = lambda *_arguments: (
            '<table border="1" cellspacing="0" cellpadding="6" '
            f'style="border-collapse:collapse; border-style:solid; border-color:{colours.line}; margin-top:8px; margin-bottom:8px;">'
        )
        rules["blockquote_open"] = quote_open
        rules["blockquote_close"] = quote_close
        return parser

    def _code(self, content: str, language: str, environment: dict[str, Any]) -> str:
        number = len(environment["codes"])
        environment["codes"].append(content)
        shown = soften(content.rstrip("\n"))
        body = (highlight(shown, language, self._colours.code_style) if environment["at_rest"] and language else "") or escape(shown)
        colours = self._colours
        copy = f'<a href="{COPY_SCHEME}{number}" style="color:{colours.accent}; text-decoration:none;">{escape(self._copy_word)}</a>' if self._copy_word else ""
        head = (
            f'<table width="100%" cellspacing="0" cellpadding="0"><tr><td style="font-size:12px; color:{colours.quiet};">{escape(language)}</td>'
            f'<td align="right" style="font-size:12px;">{copy}</td></tr></table>'
            if language or copy
            else ""
        )
        return (
            f'<table width="100%" cellspacing="0" cellpadding="10" bgcolor="{colours.raised}" style="margin-top:8px; margin-bottom:8px;"><tr><td>{head}'
            f"<pre style=\"font-family:'{colours.mono}'; font-size:13px; white-space:pre-wrap; margin:0;\">{body}</pre></td></tr></table>\n"
        )


def highlight(code: str, language: str, style: str) -> str:
    """Coloured HTML for code in a named language; "" when the language is unknown (it is never guessed)."""
    from pygments import highlight as colour
    from pygments.formatters.html import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    if not re.fullmatch(r"[\w+#.-]{1,32}", language):
        return ""
    try:
        lexer = get_lexer_by_name(language, stripnl=False)
    except ClassNotFound:
        return ""
    html: str = colour(code, lexer, HtmlFormatter(noclasses=True, nowrap=True, style=style))
    return html.rstrip("\n")


def warm_up() -> None:
    """Import what rendering needs; a tenth of a second that belongs on another thread."""
    colours = Colours("#000000", "#000000", "#000000", "#ffffff", "#000000", "default", "monospace")
    Markdown(colours).render("warm `up`\n\n```python\npass\n```\n")
