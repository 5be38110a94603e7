"""Every action of a window, once: menus, the command palette, shortcuts and the shortcut editor are made from this list.

To add an action: `desk.actions.add("chat.new", _("New chat"), handler, shortcut="Ctrl+N", icon="plus", menu="chat")`, from
anywhere while the window is being built. With `room="chat"` it can only be done in that room. With `why_not` it says why it
can't be done now: the palette and the menu show it grey with the reason, and its shortcut tells the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from localstory.words import _
from ui.theme import icon as draw

BETWEEN = " | "
"""Between several shortcuts of one action in the settings."""
PARTS = ("chat", "message", "list", "story", "models", "go", "view", "help", "quit")
"""The parts of the menu, in their order; others come before "help"."""
LEADING = ("chat.new", "chat.window", "go.jump")
"""These stand first in their part, whoever registered before them."""
SHOWN = QKeySequence.SequenceFormat.NativeText
KEPT = QKeySequence.SequenceFormat.PortableText


@dataclass(frozen=True, slots=True)
class Entry:
    """An action with where it stands."""

    id: str
    action: QAction
    menu: str
    """Its part of the menu; "" for none."""
    room: str
    """The only room where it can be done; "" for everywhere."""
    also: str
    """Other words that the palette finds it by."""
    defaults: tuple[str, ...]
    """Its shortcuts unless the person chose others, as Qt writes them portably ("Ctrl+N")."""
    why_not: Callable[[], str] | None

    @property
    def text(self) -> str:
        """What it is called, without the mark of a menu key."""
        return self.action.text().replace("&", "")

    @property
    def shortcuts(self) -> tuple[str, ...]:
        """As they are now, portably written."""
        return tuple(one.toString(KEPT) for one in self.action.shortcuts())

    @property
    def shortcut_words(self) -> str:
        """As the person reads them."""
        return ", ".join(one.toString(SHOWN) for one in self.action.shortcuts())

    def meets(self, room: str) -> bool:
        """Whether a shortcut of an action of that room could be meant for this one."""
        return not self.room or not room or self.room == room


def part_title(part: str) -> str:
    """What a part of the menu is called in the palette and in the shortcut editor."""
    titles = {
        "chat": _("Chat"), "message": _("Message"), "list": _("List of chats"), "story": _("Story"), "models": _("Models"), "go": _("Go"), "view": _("View"),
        "help": _("Help"),
    }  # fmt: skip
    return titles.get(part, _("Window"))


def readable(shortcut: str) -> str:
    """A shortcut from the settings file as Qt writes it; "" for one that no keyboard can give."""
    sequence = QKeySequence(shortcut, KEPT)
    if sequence.isEmpty() or sequence.count() != 1 or len(shortcut) > 60:
        return ""
    keys = sequence[0]  # type: ignore[index]
    strong = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
    if not keys.keyboardModifiers() & strong and not Qt.Key.Key_F1 <= keys.key() <= Qt.Key.Key_F35:
        return ""  # one writes with it
    written = sequence.toString(KEPT)
    return written if written and written.isprintable() else ""


class Actions(QObject):
    """The registry. Two actions that can be done in one room never share a shortcut."""

    done = Signal(str)
    """The id of an action that was just done, however the person came to it."""
    refused = Signal(str)
    """Why an action can't be done now, to be told."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._entries: dict[str, Entry] = {}
        self._room = ""
        self._chosen: dict[str, str] = {}

    def add(
        self,
        identity: str,
        text: str,
        handler: Callable[[], object],
        *,
        shortcut: str | Sequence[str] = (),
        icon: str = "",
        menu: str = "",
        room: str = "",
        also: str = "",
        why_not: Callable[[], str] | None = None,
    ) -> QAction:
        """Register an action and give its shortcuts to the window. Raises ValueError for a taken id or shortcut.

        `why_not` says in a sentence why it can't be done now, "" when it can; it is asked often, so it must be quick.
        """
        if identity in self._entries:
            raise ValueError(f"{identity} exists")
        action = QAction(text, self._window)
        action.setObjectName(identity)
        if icon:
            action.setIcon(draw(icon))
        given = [shortcut] if isinstance(shortcut, str) and shortcut else list(shortcut)
        defaults = tuple(QKeySequence(one).toString(KEPT) for one in given)
        entry = Entry(identity, action, menu, room, also, defaults, why_not)
        for other in self._entries.values():
            if other.meets(room) and (taken := set(other.defaults) & set(defaults)):
                raise ValueError(f"{', '.join(sorted(taken))} is taken by {other.id}")
        action.triggered.connect(lambda _checked=False: self._do(identity, handler))
        self._window.addAction(action)
        self._entries[identity] = entry
        action.setEnabled(not room or room == self._room)
        self._give_shortcuts()
        return action

    def _do(self, identity: str, handler: Callable[[], object]) -> None:
        reason = self.why_not(identity)
        if reason:
            self.refused.emit(reason)
            return
        handler()
        self.done.emit(identity)

    def __getitem__(self, identity: str) -> QAction:
        return self._entries[identity].action

    def __contains__(self, identity: str) -> bool:
        return identity in self._entries

    def entry(self, identity: str) -> Entry:
        """An action with where it stands. Raises KeyError."""
        return self._entries[identity]

    def all(self) -> list[Entry]:
        """Every action, by the parts of the menu, in the order they were added."""
        return sorted(self._entries.values(), key=_rank)

    # -- what can be done now --------------------------------------------------------------------------------------------

    @property
    def room(self) -> str:
        """Where the person is."""
        return self._room

    def enter(self, room: str) -> None:
        """The person is in this room now: the actions of others rest."""
        self._room = room
        for entry in self._entries.values():
            entry.action.setEnabled(not entry.room or entry.room == room)

    def why_not(self, identity: str) -> str:
        """Why an action can't be done now; "" when it can."""
        entry = self._entries[identity]
        if entry.room and entry.room != self._room:
            place = self._entries.get(f"go.{entry.room}")
            return _("Only in: {room}").format(room=place.action.data() if place is not None else entry.room)
        return entry.why_not() if entry.why_not is not None else ""

    def menu(self, parent: QWidget) -> QMenu:
        """The menu: every action that has a place in it, by part."""
        made = QMenu(parent)
        made.setToolTipsVisible(True)
        part = None
        for entry in self.all():
            if not entry.menu:
                continue
            if part is not None and entry.menu != part:
                made.addSeparator()
            part = entry.menu
            reason = self.why_not(entry.id)
            if not reason:
                made.addAction(entry.action)
                continue
            # Not the action itself: disabled, its shortcut would be dead until somebody enabled it again.
            resting = made.addAction(entry.action.icon(), entry.action.text())
            resting.setEnabled(False)
            resting.setToolTip(reason)
        return made

    def tip(self, identity: str, text: str = "") -> str:
        """A tool tip for a button that does the same: the words with the shortcut as it is now."""
        entry = self._entries[identity]
        words, keys = text or entry.text, entry.shortcut_words
        return _("{action} ({shortcut})").format(action=words, shortcut=keys) if keys else words

    # -- shortcuts -------------------------------------------------------------------------------------------------------

    def use_shortcuts(self, chosen: Mapping[str, str]) -> None:
        """Give the person's own shortcuts (id -> shortcuts joined by " | ") to the window at once.

        Whatever makes no sense in there is passed over: an action that we don't have, keys that no keyboard has. Of two
        actions that want the same keys in one room a chosen one goes before a default, then the one that stands first.
        """
        self._chosen = {identity: keys for identity, keys in chosen.items() if isinstance(keys, str)}
        self._give_shortcuts()

    def _give_shortcuts(self) -> None:
        taken: dict[str, list[Entry]] = {}
        entries = self._entries.values()
        for entry in [one for one in entries if one.id in self._chosen] + [one for one in entries if one.id not in self._chosen]:
            keys = []
            for key in self.wanted(entry.id):
                if key not in keys and not any(other.meets(entry.room) for other in taken.get(key, ())):
                    keys.append(key)
                    taken.setdefault(key, []).append(entry)
            if tuple(keys) != entry.shortcuts:
                entry.action.setShortcuts([QKeySequence(key, KEPT) for key in keys])

    def wanted(self, identity: str) -> tuple[str, ...]:
        """The shortcuts that were chosen for an action, else its defaults."""
        if identity not in self._chosen:
            return self._entries[identity].defaults
        given = [readable(part.strip()) for part in self._chosen[identity].split(BETWEEN)]
        return tuple(key for key in given if key)

    def holders(self, shortcut: str, identity: str) -> list[Entry]:
        """The other actions that have this shortcut where the action could be meant."""
        room = self._entries[identity].room
        return [entry for entry in self.all() if entry.id != identity and entry.meets(room) and shortcut in entry.shortcuts]

    def chosen_with(self, changes: Mapping[str, Iterable[str] | None]) -> dict[str, str]:
        """What the settings hold once these actions have these shortcuts; None: the defaults again."""
        chosen = dict(self._chosen)
        for identity, keys in changes.items():
            own = tuple(keys) if keys is not None else None
            if own is None or own == self._entries[identity].defaults:
                chosen.pop(identity, None)
            else:
                chosen[identity] = BETWEEN.join(own)
        return chosen

    def clear(self) -> None:
        """Forget all (before the window is built again in another language)."""
        for entry in self._entries.values():
            self._window.removeAction(entry.action)
            entry.action.deleteLater()
        self._entries.clear()


def _rank(entry: Entry) -> tuple[float, int]:
    """Where it stands in the menu. What has no part (F10) comes with the help."""
    leading = LEADING.index(entry.id) if entry.id in LEADING else len(LEADING)
    if entry.menu in PARTS:
        return PARTS.index(entry.menu), leading
    return PARTS.index("help") + (-0.5 if entry.menu else 0.5), leading
