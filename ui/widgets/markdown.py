"""Markdown to the HTML that Qt's text understands. Nothing in a text is ever loaded: pictures become their names.

markdown-it and Pygments are imported at the first need (`warm_up` does it on another thread).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ui.widgets.formulas import Formulas
from ui.widgets.markdown_rules import add_rules
from ui.widgets.markdown_text import BIDI, language_of, picture_words, plain, shown_lines, web_host
from ui.widgets.segments import soften

COPY_SCHEME = "copy:"
NOTE_SCHEME = "note:"
"""Links from the mark of a footnote to its words."""
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
    pixels: int = 14
    """How high the letters of the text are; headings and code follow."""
    edge: str = ""
    """Around code, where `raised` is the colour of the page; "" for none."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """HTML, and the code blocks in it: `copy:0` is the link that copies the first."""

    html: str
    codes: tuple[str, ...] = ()
    widest: int = 0
    """Pixels that its widest formula would like; 0: there is none."""
    waits: bool = False
    """Some formula is not drawn yet; render again when `Formulas.ready` says so."""


class Markdown:
    """Turns markdown into HTML in one set of colours. `copy_word` is the word on the link that copies code, or "";
    `image_word` says that a picture is not loaded. Without `formulas`, TeX stays as it was written."""

    def __init__(self, colours: Colours, copy_word: str = "", image_word: str = "{name}", formulas: Formulas | None = None) -> None:
        self._colours = colours
        self._copy_word = copy_word
        self._image_word = image_word
        self._parser: Any = None
        self.formulas = formulas

    def render(self, text: str, *, at_rest: bool = True, room: int = 760, from_above: bool = False, goes_on: bool = False) -> Rendered:
        """HTML for a text, its formulas no wider than `room` pixels. Code is coloured only `at_rest`: a fence that still
        grows would be coloured anew each time. `from_above`, `goes_on`: it is a part of a longer text and begins, or
        ends, within a block of code, which is drawn as one with its other parts."""
        parser = self._parser = self._parser or self._make_parser()
        environment: dict[str, Any] = {
            "codes": [],
            "at_rest": at_rest,
            "quotes": 0,
            "room": room,
            "widest": 0,
            "waits": False,
            "from_above": from_above,
            "goes_on": goes_on,
        }
        html = parser.render(soften(text), environment)
        return Rendered(html.strip(), tuple(environment["codes"]), environment["widest"], environment["waits"])

    def lines(self, text: str, *, from_above: bool = False) -> list[str]:
        """The words that `render` shows, paragraph by paragraph: what a person can find in it."""
        parser = self._parser = self._parser or self._make_parser()
        return shown_lines(parser.parse(soften(text), {}), self._image_word, self._is_drawn, from_above=from_above)

    def _is_drawn(self, token: Any) -> bool:
        tex = token.content.replace("\u200b", "")
        return self.formulas is not None and self.formulas.find(tex, in_line=not token.meta["alone"])[0] is not None

    def plain(self, text: str) -> str:
        """A text without its marks, to be pasted where no Markdown is read."""
        parser = self._parser = self._parser or self._make_parser()
        return plain(parser.parse(text, {}), self._image_word)

    def as_written(self, text: str) -> Rendered:
        """HTML that shows a text letter by letter, marks of Markdown and all."""
        shown, pixels = escape(soften(text.rstrip("\n"))), round(13 * self._colours.pixels / 14)
        style = f"font-family:'{self._colours.mono}'; font-size:{pixels}px; white-space:pre-wrap; margin:0;"
        return Rendered(f'<pre style="{style}">{shown}</pre>')

    def _make_parser(self) -> Any:
        from markdown_it import MarkdownIt

        parser = MarkdownIt("gfm-like", {"linkify": False, "html": False, "breaks": True, "maxNesting": 30})
        add_rules(parser)
        colours = self._colours
        rules: dict[str, Any] = parser.renderer.rules  # type: ignore[attr-defined]

        def code(tokens: Sequence[Any], index: int, _options: Any, environment: Any) -> str:
            token = tokens[index]
            return self._code(token.content.replace("\u200b", ""), language_of(token), environment, is_last=index == len(tokens) - 1)

        def inline_code(tokens: Sequence[Any], index: int, _options: Any, _environment: Any) -> str:
            return f"<code style=\"background-color:{colours.raised}; font-family:'{colours.mono}';\">&nbsp;{escape(tokens[index].content)}&nbsp;</code>"

        def image(tokens: Sequence[Any], index: int, _options: Any, _environment: Any) -> str:
            return f'<span style="color:{colours.quiet}">{_image(tokens[index], self._image_word)}</span>'

        def text_rule(tokens: Sequence[Any], index: int, _options: Any, environment: Any) -> str:
            content = tokens[index].content
            return escape(content.translate(BIDI) if environment.get("in_link") else content)

        def link_open(tokens: Sequence[Any], index: int, _options: Any, environment: Any) -> str:
            environment["in_link"] = True
            return f'<a href="{escape(str(tokens[index].attrs.get("href", "")))}">'

        def link_close(_tokens: Sequence[Any], _index: int, _options: Any, environment: Any) -> str:
            environment["in_link"] = False
            return "</a>"

        def heading(tokens: Sequence[Any], index: int, _options: Any, _environment: Any) -> str:
            pixels = round({"h1": 20, "h2": 18, "h3": 16}.get(tokens[index].tag, 14) * colours.pixels / 14)
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

        def note_mark(tokens: Sequence[Any], index: int, _options: Any, _environment: Any) -> str:
            label = tokens[index].content.translate(BIDI)
            return f'<sup><a href="{NOTE_SCHEME}{escape(label)}">{escape(label)}</a></sup>'

        def note_open(tokens: Sequence[Any], index: int, _options: Any, _environment: Any) -> str:
            label = escape(tokens[index].content.translate(BIDI))
            return f'<p style="font-size:{small}px; margin-top:2px; margin-bottom:2px;"><span style="color:{colours.quiet}">{label}.</span> '

        def formula(tokens: Sequence[Any], index: int, _options: Any, environment: Any) -> str:
            return self._formula(tokens[index], environment)

        def item_open(tokens: Sequence[Any], index: int, _options: Any, _environment: Any) -> str:
            box = tokens[index].attrs.get("class", "")
            return f'<li class="{box}">' if box in ("checked", "unchecked") else "<li>"

        small = round(12 * colours.pixels / 14)
        rules["formula"] = formula
        rules["note_mark"] = note_mark
        rules["note_open"] = note_open
        rules["note_close"] = lambda *_arguments: "</p>\n"
        rules["list_item_open"] = item_open
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

    def _formula(self, token: Any, environment: dict[str, Any]) -> str:
        tex, alone = token.content.replace("\u200b", ""), token.meta["alone"]
        drawing, waits = self.formulas.find(tex, in_line=not alone) if self.formulas is not None else (None, False)
        environment["waits"] = environment["waits"] or waits
        colours = self._colours
        if drawing is None or self.formulas is None:
            shown = f"<code style=\"background-color:{colours.raised}; font-family:'{colours.mono}';\">&nbsp;{escape(soften(tex))}&nbsp;</code>"
        else:
            environment["widest"] = max(environment["widest"], int(drawing.width) + 1)
            shown = self.formulas.html(tex, drawing, environment["room"], in_line=not alone)
        if token.block:
            return f'<p align="center" style="margin-top:8px; margin-bottom:8px;">{shown}</p>\n'
        return shown

    def _code(self, content: str, language: str, environment: dict[str, Any], *, is_last: bool) -> str:
        number = len(environment["codes"])
        environment["codes"].append(content)
        shown = soften(content.rstrip("\n"))
        body = (highlight(shown, language, self._colours.code_style) if environment["at_rest"] and language else "") or escape(shown)
        colours = self._colours
        small = round(12 * colours.pixels / 14)
        edge = ' border="1"' if colours.edge else ""
        edge_style = f"border-collapse:collapse; border-style:solid; border-color:{colours.edge}; " if colours.edge else ""
        is_part = number == 0 and environment["from_above"]
        above, below = 0 if is_part else 8, 0 if is_last and environment["goes_on"] else 8
        copy = f'<a href="{COPY_SCHEME}{number}" style="color:{colours.accent}; text-decoration:none;">{escape(self._copy_word)}</a>' if self._copy_word else ""
        head = (
            f'<table width="100%" cellspacing="0" cellpadding="0"><tr><td style="font-size:{small}px; color:{colours.quiet};">{escape(language)}</td>'
            f'<td align="right" style="font-size:{small}px;">{copy}</td></tr></table>'
            if (language or copy) and not is_part
            else ""
        )
        return (
            f'<table width="100%" cellspacing="0" cellpadding="10" bgcolor="{colours.raised}"{edge} '
            f'style="{edge_style}margin-top:{above}px; margin-bottom:{below}px;"><tr><td>{head}'
            f"<pre style=\"font-family:'{colours.mono}'; font-size:{small + 1}px; white-space:pre-wrap; margin:0;\">{body}</pre></td></tr></table>\n"
        )


def _image(token: Any, word: str) -> str:
    """What stands for a picture: its name, and where it would come from, as a link where that is on the web."""
    shown, address = escape(picture_words(token, word)), str(token.attrs.get("src", ""))
    return f'<a href="{escape(address)}">{shown}</a>' if web_host(address) else shown


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
