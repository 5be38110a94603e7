"""The look of the theme in the words of the widgets that know no theme."""

from __future__ import annotations

from PySide6.QtGui import QFontInfo, QIcon
from PySide6.QtWidgets import QApplication

from localstory.words import _
from ui import theme
from ui.widgets.badge import BadgeColours
from ui.widgets.formulas import Formulas
from ui.widgets.markdown import Colours, Markdown
from ui.widgets.memory_bars import BarColours
from ui.widgets.message_view import MessageView
from ui.widgets.values import ViewWords


def markdown() -> Markdown:
    """Markdown in the colours in use."""
    look = theme.look()
    font = QApplication.font()
    pixels, edge = QFontInfo(font).pixelSize(), look.line if look.raised == look.page else ""
    colours = Colours(look.text, look.quiet, look.accent, look.raised, look.line, look.code_style, theme.mono_family(), pixels, edge)
    return Markdown(colours, copy_word=_("Copy"), image_word=_("picture not loaded: {name}"), formulas=Formulas(font, look.text))


def message_icons() -> dict[str, QIcon]:
    """The icons under messages, quiet."""
    names = ("left", "right", "copy", "text", "again", "more", "good", "bad", "pencil")
    return {name: theme.icon(name, theme.look().quiet, size=16, stateful=name in ("left", "right", "good", "bad")) for name in names}


def dress(view: MessageView) -> None:
    """The width and the font of messages as the settings have them."""
    view.set_column(theme.column())
    view.setFont(theme.chat_font())


def view_words() -> ViewWords:
    """What a list of messages says by itself."""
    return ViewWords(
        part=_("{speaker}, part {number}"),
        previous=_("Earlier version of: {speaker}"),
        next=_("Later version of: {speaker}"),
        place=_("Version {number} of {count}"),
        action=_("{action}: {speaker}"),
        new_text=_("↓ New text"),
        details=_("Details"),
        copy=_("Copy details"),
        copy_code=_("Copy"),
        list=_("Messages"),
        more=_("More"),
    )


def bubble() -> tuple[str, str]:
    """Fill and edge of the bubble behind the person's own words."""
    look = theme.look()
    return look.chosen, look.line if look.name == "contrast" else look.chosen


def badge_colours() -> BadgeColours:
    """Of verdicts: the accent for good news, the warning colour for bad, each on a pale ground of its own."""
    look = theme.look()
    if look.name == "contrast":
        plain = look.page
        return BadgeColours((look.accent, plain), (look.text, plain), (look.warn, plain), (look.on_accent, look.warn), (look.text, plain), look.line)
    pale, warm = theme.blend(look.accent, look.page, 0.14), theme.blend(look.warn, look.page, 0.14)
    return BadgeColours((look.accent, pale), (look.text, look.raised), (look.warn, warm), (look.page, look.warn), (look.quiet, look.raised), "")


def bar_colours() -> BarColours:
    """Of the parts of a memory bar: the accent in four depths, each with its own pattern."""
    look = theme.look()
    if look.name == "contrast":
        fills = (look.accent, look.page, look.page, look.page)
        return BarColours(fills, (look.accent, look.text, look.text, look.accent), look.page, look.line, look.text, look.quiet, look.warn)
    accent, page = look.accent, look.page
    fills = (accent, theme.blend(accent, page, 0.45), theme.blend(accent, page, 0.20), theme.blend(look.quiet, page, 0.35))
    inks = (accent, theme.blend(accent, page, 0.80), theme.blend(accent, page, 0.60), theme.blend(look.quiet, page, 0.7))
    return BarColours(fills, inks, look.raised, look.line, look.text, look.quiet, look.warn)
