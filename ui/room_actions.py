"""What can be done with the chat on the screen, in whichever window it is."""

from __future__ import annotations

from collections.abc import Callable

from localstory.words import _
from ui.desk import Desk
from ui.pages.chat.page import ChatPage


def add_chat_actions(desk: Desk, chat: ChatPage, new_chat: Callable[[], object], open_window: Callable[[], object]) -> None:
    """Register them; the page itself registers what belongs to its messages and its list."""
    add, part = desk.actions.add, "chat"

    def no_chat() -> str:
        return "" if chat.chat_id is not None else _("No chat is open.")

    def writes_nothing() -> str:
        return "" if chat.box.is_busy else _("Nothing is being written.")

    add("chat.new", _("New chat"), new_chat, shortcut="Ctrl+N", icon="plus", menu=part, also="conversation begin")
    add(
        "chat.again",
        _("Write the last reply again"),
        chat.again_last,
        shortcut="Ctrl+R",
        icon="again",
        menu=part,
        room="chat",
        also="regenerate retry",
        why_not=no_chat,
    )
    add("chat.stop", _("Stop writing"), chat.stop, shortcut="Ctrl+.", icon="stop", menu=part, room="chat", also="cancel abort", why_not=writes_nothing)
    add("chat.rename", _("Rename the chat"), chat.list.rename_current, icon="pencil", menu=part, room="chat", also="title", why_not=no_chat)
    add("chat.delete", _("Delete the chat"), chat.delete_current, icon="trash", menu=part, room="chat", also="remove bin", why_not=no_chat)
    add("chat.window", _("Open in a second window"), open_window, shortcut="Ctrl+Shift+N", menu=part, also="split beside compare detach")
