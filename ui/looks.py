"""The look of the theme in the words of the widgets that know no theme."""

from __future__ import annotations

from PySide6.QtGui import QIcon

from localstory.words import _
from ui import theme
from ui.widgets.markdown import Colours, Markdown
from ui.widgets.values import ViewWords


def markdown() -> Markdown:
    """Markdown in the colours in use."""
    look = theme.look()
    colours = Colours(look.text, look.quiet, look.accent, look.raised, look.line, look.code_style, theme.mono_family())
    return Markdown(colours, copy_word=_("Copy"), image_word=_("picture: {name}"))


def message_icons() -> dict[str, QIcon]:
    """The icons under messages, quiet."""
    return {name: theme.icon(name, theme.look().quiet, size=16, stateful=name in ("left", "right")) for name in ("left", "right", "copy", "text", "again")}


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
        image=_("picture: {name}"),
        list=_("Messages"),
    )


def bubble() -> tuple[str, str]:
    """Fill and edge of the bubble behind the person's own words."""
    look = theme.look()
    return look.chosen, look.line if look.name == "contrast" else look.chosen
