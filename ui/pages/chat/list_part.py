"""The list of chats and folders as a whole: what stands in it, its menus, dragging, and keeping in step with the store."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QPoint, QTimer, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu

from localstory.chats.organising import Folder
from localstory.chats.search import Filters
from localstory.chats.sorting import SORTS, SortBy
from localstory.chats.store import Chat, FolderId
from localstory.chats.tree import ChatId
from localstory.errors import CannotContinue
from localstory.words import _, language, ngettext
from ui.desk import Desk
from ui.jump import folder_paths
from ui.pages.chat import state
from ui.pages.chat.list_acts import ListActs
from ui.pages.chat.list_pane import ListPane
from ui.pages.chat.list_rows import Arranged, Line, Look, arrange, in_words, short_time
from ui.pages.chat.list_search import SPANS, Searching, with_time
from ui.widgets.row_list import Key, Shown
from ui.widgets.tips import tip as plain_tip

_LOOK = "chats.list"
_KINDS = {"section": "section", "folder": "folder", "chat": "row"}
_MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class _Narrowed:
    """What the menu narrows a search to."""

    role: str = ""
    days: int | None = None
    mark: str = ""
    here: bool = False
    """Only in the folder of what is chosen."""


class ListPart(QObject):
    """Made with the page: `pane` stands on the left. It reads the chats itself; the page asks `get` and hears `changed`."""

    opened = Signal(int)
    entered = Signal()
    """A chat was clicked, or Enter was pressed on it: the keyboard belongs to what is written."""
    hit_opened = Signal(object, str)
    """A search's Hit and what was looked for."""
    new_wanted = Signal(object, bool)
    """A new chat in a folder (None: in none), temporary or not."""
    changed = Signal()
    """The chats were read again."""
    troubled = Signal(object)

    def __init__(self, parent: QObject, desk: Desk) -> None:
        super().__init__(parent)
        self._desk = desk
        self._chats: dict[int, Chat] = {}
        self._folders: list[Folder] = []
        self._tags: dict[ChatId, tuple[str, ...]] = {}
        self._arranged = Arranged([], [], {})
        self._current: int | None = None
        self._followed: int | None = None
        """The chat on the screen when the list chose its line last."""
        self._naming: int | None = None
        """A folder that was just made and is to be named."""
        self._look = _remembered(desk)
        self._narrowed = _Narrowed()
        self.pane = ListPane(self._shown)
        self.rows = self.pane.rows
        self.acts = ListActs(self, desk, self.pane, self.chosen)
        self.searching = Searching(desk, self.pane, self.filters)
        self._connect()
        self._clock = QTimer(self)
        self._clock.setInterval(_MINUTE_MS)  # "Today" becomes "Yesterday" also while nobody does anything
        self._clock.timeout.connect(self._show)
        self._clock.start()
        self._fill_menus()
        self._register()

    def _connect(self) -> None:
        pane, acts = self.pane, self.acts
        pane.rows.opened.connect(self._open_line)
        pane.rows.entered.connect(self._enter_line)
        pane.rows.toggled.connect(self._toggle)
        pane.rows.delete_wanted.connect(acts.delete)
        pane.rows.chosen_changed.connect(self._show_bar)
        pane.rows.menu_wanted.connect(self._menu)
        pane.model.renamed.connect(self._renamed)
        pane.model.dropped.connect(self._dropped)
        pane.new.clicked.connect(self._new)
        pane.filter.clicked.connect(self._open_filter)
        pane.left_search.connect(self.rows.setFocus)
        pane.bar.move_to.clicked.connect(acts.move)
        pane.bar.tag.clicked.connect(acts.tags)
        pane.bar.archive.clicked.connect(acts.archive)
        pane.bar.delete.clicked.connect(acts.delete)
        pane.bar.more.clicked.connect(self._bar_menu)
        acts.renaming.connect(self._rename_in_place)
        acts.folder_made.connect(self._name_folder)
        acts.opened.connect(self.opened)
        self.searching.opened.connect(self.hit_opened)
        self.searching.ended.connect(self._show)

    def _register(self) -> None:
        add = self._desk.actions.add
        add("list.search", _("Search all chats"), self.focus_search, shortcut="Ctrl+Shift+F", icon="search", menu="list", room="chat", also="find everywhere")

    # -- reading -------------------------------------------------------------------------------------------------------

    def reload(self, ids: Sequence[int] = ()) -> None:
        """Read the chats again: those with these ids, or all of them. A few milliseconds on the read-only connection."""
        chats = self._desk.app.chats
        if not chats.is_open:
            return
        try:
            if ids and self._chats:
                there = {chat.id: chat for chat in chats.several(ids)}
                for one in ids:
                    if one in there:
                        self._chats[one] = there[ChatId(one)]
                    else:
                        self._chats.pop(one, None)
            else:
                self._chats = {chat.id: chat for chat in chats.all()}
            self._folders = self._desk.app.organiser.folders()
            self._tags = self._desk.app.organiser.tags_by_chat()
        except CannotContinue as error:
            self.troubled.emit(error)
            return
        self._show()
        self.changed.emit()

    def reload_folders(self) -> None:
        """Read the folders again; the chats are as they were."""
        if self._desk.app.chats.is_open:
            try:
                self._folders = self._desk.app.organiser.folders()
            except CannotContinue as error:
                self.troubled.emit(error)
                return
            self._show()

    def get(self, chat_id: int) -> Chat | None:
        """A chat as it was last read."""
        return self._chats.get(chat_id)

    def all(self) -> list[Chat]:
        """Every chat as last read, in no order."""
        return list(self._chats.values())

    def folder_path(self, folder: FolderId | None) -> str:
        """ "Book / Chapter 2"; "" for none."""
        return folder_paths(self._folders).get(folder, "") if folder is not None else ""

    def show_current(self, chat_id: int | None) -> None:
        """This chat is on the screen now."""
        self._current = chat_id
        if self.pane.stack.currentWidget() is self.rows:
            self._follow()

    def _follow(self) -> None:
        """The line of the chat on the screen is chosen, unless the person has chosen something else since that chat came."""
        chosen = self.rows.chosen()
        current = ("row", self._current) if self._current is not None else None
        if self._current != self._followed or not chosen or chosen == [current]:
            self._followed = self._current
            self.rows.choose(current)

    # -- what stands in it -----------------------------------------------------------------------------------------------

    def _show(self) -> None:
        if self.searching.is_on:
            self.searching.again()
            return
        self._now = datetime.datetime.now().astimezone()
        self._arranged = arrange(self._chats.values(), self._folders, self._look, self._tags, self._now, language())
        self.pane.model.set_keys([(_KINDS[line.kind], line.id) for line in self._arranged.lines])
        self._lines = {(_KINDS[line.kind], line.id): line for line in self._arranged.lines}
        narrowed = _("Archived chats") if self._look.archived else ""
        if self._look.tag:
            narrowed = " · ".join(part for part in (narrowed, _("Tag: {tag}").format(tag=self._look.tag)) if part)
        self.pane.said.setText(narrowed)
        self.pane.said.setVisible(bool(narrowed))
        if self._arranged.lines:
            self.pane.stack.setCurrentWidget(self.rows)
            self._follow()
        else:
            self.pane.show_empty(_("No chat is so.") if narrowed else _("Your chats will stand here. Write a message to begin one."))
        self._show_bar()
        if self._naming is not None and self.pane.model.index_of(("folder", self._naming)).isValid():
            naming, self._naming = self._naming, None
            self.rows.rename(("folder", naming))

    def _shown(self, key: Key) -> Shown:
        """What stands in a line; asked only for lines in sight."""
        kind, identity = key
        line = self._lines.get(key, Line("chat", 0, 0))
        if kind == "section":
            sections = self._arranged.sections
            return Shown(sections[identity] if identity < len(sections) else "")
        if kind == "folder":
            return self._shown_folder(identity, line.depth)
        chat = self._chats.get(identity)
        if chat is None:
            return Shown("", depth=line.depth)
        title = " ".join(state.title_of(chat).split())[:300]
        writing = self._desk.app.chats.is_writing(chat.id)
        notes = [short_time(chat.used_at if self._look.sort != "created" else chat.created_at, self._now)]
        if chat.draft.strip():
            notes.insert(0, _("Draft"))
        tags = self._tags.get(chat.id, ())
        heard = [title, *notes, *(_("Tag: {tag}").format(tag=tag) for tag in tags)]
        heard += [_("Pinned")] if chat.pinned else []
        heard += [_("A reply is being written")] if writing else []
        tip = "\n".join([title, *([" · ".join(tags)] if tags else []), *([chat.note[:300]] if chat.note else [])])
        note = " · ".join(([_("Draft")] if chat.draft.strip() else []) + ([tags[0]] if tags else []) or notes)
        return Shown(title, note, "●" if writing else "", line.depth, tip=plain_tip(tip), heard=", ".join(heard))

    def _shown_folder(self, identity: int, depth: int) -> Shown:
        folder = next((one for one in self._folders if one.id == identity), None)
        count = self._arranged.inside.get(identity, 0)
        is_open = identity in self._look.open_folders or bool(self._look.tag) or self._look.archived
        name = folder.name if folder is not None else ""
        chats = ngettext("{count} chat", "{count} chats", count).format(count=count)
        heard = _("Folder {name}, {chats}, {state}").format(name=name, chats=chats, state=_("open") if is_open else _("closed"))
        return Shown(name, str(count) if count else "", "", depth, is_open, strong=True, tip=plain_tip(name), heard=heard)

    # -- choosing --------------------------------------------------------------------------------------------------------

    def chosen(self) -> tuple[list[Chat], list[FolderId]]:
        """The chats and folders that are chosen in the list; without any the chat on the screen."""
        keys = self.rows.chosen() if self.pane.stack.currentWidget() is self.rows else []
        chats = [self._chats[identity] for kind, identity in keys if kind == "row" and identity in self._chats]
        folders = [FolderId(identity) for kind, identity in keys if kind == "folder"]
        if not chats and not folders and self._current is not None and self._current in self._chats:
            chats = [self._chats[self._current]]
        return chats, folders

    def _show_bar(self) -> None:
        count = sum(kind == "row" for kind, _identity in self.rows.chosen())
        several = len(self.rows.chosen()) > 1
        self.pane.bar.setVisible(several)
        self.pane.bar.count.setText(in_words(count))

    def _open_line(self, key: Key) -> None:
        if key[0] == "row":
            self.opened.emit(key[1])

    def _enter_line(self, key: Key) -> None:
        if key[0] == "row":
            self.entered.emit()

    def _toggle(self, key: Key, is_open: bool) -> None:
        folders = set(self._look.open_folders)
        (folders.add if is_open else folders.discard)(key[1])
        self._change(open_folders=frozenset(folders))

    def _change(self, **given: Any) -> None:
        self._look = replace(self._look, **given)
        look = self._look
        self._desk.remember(_LOOK, {"sort": look.sort, "reverse": look.reverse, "open": sorted(look.open_folders)})
        self._fill_menus()
        self._show()

    def _rename_in_place(self, kind: str, identity: int) -> None:
        key = (kind, identity)
        if self.searching.is_on:
            self.pane.search.clear()
        parents = {one.id: one.parent_id for one in self._folders}
        inside = self._chats[identity].folder_id if kind == "row" and identity in self._chats else parents.get(FolderId(identity))
        while inside is not None and inside not in self._look.open_folders:  # what lies in a closed folder must be seen to be renamed
            self._look = replace(self._look, open_folders=self._look.open_folders | {inside})
            inside = parents.get(inside)
        self._show()
        self.rows.rename(key)

    def _renamed(self, key: Key, words: str) -> None:
        self.acts.renamed(key[0], key[1], words)

    def _name_folder(self, folder: int) -> None:
        self._naming = folder
        parent = next((one.parent_id for one in self._desk.app.organiser.folders() if one.id == folder), None)
        if parent is not None:
            self._look = replace(self._look, open_folders=self._look.open_folders | {parent})
        self.reload_folders()

    def rename_current(self) -> None:
        """Let the chat on the screen, or what is chosen, be renamed in the list."""
        self.acts.rename()

    def focus_search(self) -> None:
        """The keyboard into the search line."""
        self.pane.search.setFocus()
        self.pane.search.selectAll()

    def search_for(self, query: str) -> None:
        """Look for words in all chats."""
        self.pane.search.setText(query)
        self.focus_search()

    # -- menus -----------------------------------------------------------------------------------------------------------

    def _menu(self, at: QPoint) -> None:
        index = self.rows.indexAt(at)
        if index.isValid() and not self.rows.selectionModel().isSelected(index):
            self.rows.setCurrentIndex(index)
        self.acts.menu(self.rows.viewport().mapToGlobal(at))

    def _bar_menu(self) -> None:
        button = self.pane.bar.more
        self.acts.menu(button.mapToGlobal(button.rect().bottomLeft()))

    def _new(self) -> None:
        self.new_wanted.emit(None, False)

    def _folder_here(self) -> FolderId | None:
        """The folder that is chosen, or in which the chosen chat lies."""
        chats, folders = self.chosen()
        return folders[0] if folders else chats[0].folder_id if chats else None

    def _fill_menus(self) -> None:
        menu = QMenu(self.pane.new)
        menu.addAction(_("New chat")).triggered.connect(self._new)
        self._here_action = menu.addAction("")
        self._here_action.triggered.connect(self._new_here)
        menu.addAction(_("New folder")).triggered.connect(lambda _checked=False: self.acts.new_folder())
        menu.aboutToShow.connect(self._name_here)
        self._replace_menu(self.pane.new, menu)

    @staticmethod
    def _replace_menu(button: Any, menu: QMenu) -> None:
        old = button.menu()
        button.setMenu(menu)
        if old is not None:
            old.deleteLater()

    def _name_here(self) -> None:
        folder = self._folder_here()
        path = self.folder_path(folder)
        self._here_action.setText(_("New chat in “{folder}”").format(folder=path) if path else _("New chat in a folder"))
        self._here_action.setEnabled(bool(path))

    def _new_here(self) -> None:
        self.new_wanted.emit(self._folder_here(), False)

    def _open_filter(self) -> None:
        menu = QMenu(self.pane.filter)
        menu.aboutToHide.connect(menu.deleteLater)
        self._fill_filter(menu)
        menu.popup(self.pane.filter.mapToGlobal(self.pane.filter.rect().bottomLeft()))

    def _fill_filter(self, menu: QMenu) -> None:
        """The menu of order and filters, as they are now."""
        names: dict[SortBy, str] = {
            "used": _("Last used"), "created": _("Created"), "title": _("Title"), "length": _("Length"), "hand": _("By hand"),
        }  # fmt: skip
        _heading(menu, _("Order"))
        group = QActionGroup(menu)
        for by in SORTS:
            self._choice(menu, names[by], self._look.sort == by, partial(self._change, sort=by), group)
        self._choice(menu, _("The other way round"), self._look.reverse, partial(self._change, reverse=not self._look.reverse))
        _heading(menu, _("Show"))
        self._choice(menu, _("Archived chats"), self._look.archived, partial(self._change, archived=not self._look.archived))
        tags = self._desk.app.organiser.tags() if self._desk.app.chats.is_open else []
        if tags:
            part = menu.addMenu(_("Tag"))
            group = QActionGroup(part)
            self._choice(part, _("Any tag"), not self._look.tag, partial(self._change, tag=""), group)
            for tag in tags:
                self._choice(part, tag.name.replace("&", "&&"), self._look.tag == tag.name, partial(self._change, tag=tag.name), group)
        _heading(menu, _("Search"))
        self._filter_part(menu, _("Written by"), "role", (("", _("Anybody")), ("user", _("Me")), ("assistant", _("The model"))))
        self._filter_part(menu, _("Written when"), "days", tuple((span.days, _span(span.id)) for span in SPANS))
        self._filter_part(menu, _("Marked"), "mark", (("", _("Anyhow")), ("good", _("Good")), ("bad", _("Bad"))))
        path = self.folder_path(self._folder_here())
        if path:
            text = _("Only in “{folder}”").format(folder=path.replace("&", "&&"))
            self._choice(menu, text, self._narrowed.here, partial(self._narrow, here=not self._narrowed.here))

    def _filter_part(self, menu: QMenu, title: str, field: str, values: Sequence[tuple[Any, str]]) -> None:
        part = menu.addMenu(title)
        group = QActionGroup(part)
        for value, text in values:
            self._choice(part, text, getattr(self._narrowed, field) == value, partial(self._narrow, **{field: value}), group)

    @staticmethod
    def _choice(menu: QMenu, text: str, checked: bool, act: Any, group: QActionGroup | None = None) -> None:
        action = QAction(text, menu)
        action.setCheckable(True)
        action.setChecked(checked)
        action.triggered.connect(lambda _checked=False: act())
        if group is not None:
            group.addAction(action)
        menu.addAction(action)

    def _narrow(self, **given: Any) -> None:
        self._narrowed = replace(self._narrowed, **given)
        self.searching.again()

    def filters(self) -> Filters:
        """What a search is narrowed to."""
        narrowed = self._narrowed
        where = Filters(
            folder=self._folder_here() if narrowed.here else None, tag=self._look.tag, role=narrowed.role or None,  # type: ignore[arg-type]
            mark=narrowed.mark, archived=True if self._look.archived else None,  # type: ignore[arg-type]
        )  # fmt: skip
        return with_time(where, narrowed.days)

    # -- dragging ----------------------------------------------------------------------------------------------------------

    def _dropped(self, keys: Sequence[Key], target: Key | None, where: str) -> None:
        """Onto a folder: into it. Between lines: to where the neighbours are, and by hand behind the one above."""
        chats = [ChatId(identity) for kind, identity in keys if kind == "row"]
        folders = [FolderId(identity) for kind, identity in keys if kind == "folder"]
        if target is not None and target[0] == "folder" and where == "on":
            into = FolderId(target[1])
            if chats:
                self.acts.move_to([self._chats[one] for one in chats if one in self._chats], [], into)
            for folder in folders:
                if folder != into:
                    self.acts.move_folder_into(folder, into)
            return
        parent, chat_above, folder_above = self._neighbours(target, where, keys)
        if chats and self._look.sort == "hand":
            self.acts.move_at(chats, parent, chat_above)
        elif chats:
            self.acts.move_to([self._chats[one] for one in chats if one in self._chats], [], parent)
        for folder in folders:
            self.acts.move_folder_at(folder, parent, folder_above)

    def _neighbours(self, target: Key | None, where: str, dragged: Sequence[Key]) -> tuple[FolderId | None, ChatId | None, FolderId | None]:
        """Of a place between two lines: the folder it is in, and the chat and the folder right above it on the same level."""
        keys = self.pane.model.keys
        at = self.pane.model.index_of(target).row() if target is not None else len(keys)
        if where == "after":
            at += 1
        while at > 0 and keys[at - 1] in dragged:  # what is dragged is no neighbour of itself
            at -= 1
        above = keys[at - 1] if at > 0 else None
        if above is None or above[0] == "section":
            return None, None, None
        if above[0] == "folder":
            folder = next((one for one in self._folders if one.id == above[1]), None)
            if above[1] in self._look.open_folders:  # right below an open folder: first in it
                return FolderId(above[1]), None, None
            return (folder.parent_id if folder is not None else None), None, FolderId(above[1])
        chat = self._chats.get(above[1])
        parent = chat.folder_id if chat is not None and not chat.pinned else None
        return parent, ChatId(above[1]), None


def _heading(menu: QMenu, words: str) -> None:
    if menu.actions():
        menu.addSeparator()
    menu.addAction(words).setEnabled(False)


def _span(identity: str) -> str:
    return {
        "any": _("Any time"), "today": _("Today"), "week": _("The last 7 days"), "month": _("The last 30 days"), "year": _("The last 365 days"),
    }[identity]  # fmt: skip


def _remembered(desk: Desk) -> Look:
    kept = desk.remembered(_LOOK, dict[str, Any]())
    sort, folders = kept.get("sort"), kept.get("open")
    return Look(
        sort=sort if sort in SORTS else "used",
        reverse=kept.get("reverse") is True,
        open_folders=frozenset(one for one in folders if isinstance(one, int)) if isinstance(folders, list) else frozenset(),
    )
