"""What can be done with one message. Pure, no Qt."""

from __future__ import annotations

from localstory.chats.tree import ChatMessage
from localstory.words import _
from ui.widgets.values import MessageAction


def actions_of(message: ChatMessage, level: str) -> list[MessageAction]:
    """What can be done with a message beside copying it and writing it again. Pure."""
    if message.state == "streaming" or "hidden" in message.made_of:
        return []
    mine = message.role == "user"
    made = [MessageAction("edit", _("Edit"), "pencil", more=not mine)] if message.text or mine else []
    if not mine:
        made += [
            MessageAction("good", _("Good reply"), "good", on=message.mark == "good"),
            MessageAction("bad", _("Bad reply"), "bad", on=message.mark == "bad"),
        ]
        if message.text:
            made.append(MessageAction("go_on", _("Continue this reply"), more=True))
    made.append(MessageAction("branch", _("New branch from here"), more=True))
    if level != "user":
        made += [
            MessageAction("insert_user", _("Insert a message of yours after it"), more=True),
            MessageAction("insert_reply", _("Insert a reply after it"), more=True),
        ]
    made.append(MessageAction("delete", _("Delete it and what follows"), more=True))
    return made
