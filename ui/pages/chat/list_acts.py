"""What a person does with chats and folders in the list: each act in the store's one transaction, with "Undo" where something went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QPoint, Signal
from PySide6.QtWidgets import QMenu, QWidget

from localstory.chats.sorting import sort_key
from localstory.chats.store import Chat, FolderId
from localstory.chats.tree import ChatId
from localstory.runtime import Job
from localstory.words import _, language, ngettext
from ui import errors, theme
from ui.desk import Desk
from ui.jump import folder_paths
from ui.pages.chat import state
from ui.pages.chat.doing import Doing
from ui.pages.chat.list_dialogs import NoteDialog, TagDialog
from ui.pages.chat.trash_dialog import TrashDialog
from ui.widgets.palette import Choice, Palette


class ListActs(QObject):
    """Acts on what is chosen in the list, or on the chat on the screen where nothing is. `chosen` says what that is."""

    renaming = Signal(str, int)
    """("row" or "folder", its id): to be renamed in place."""
    folder_made = Signal(int)
    deleted = Signal(object)
    """The ids of chats that are about to go."""
    opened = Signal(int)

    def __init__(self, parent: QObject, desk: Desk, over: QWidget, chosen: Callable[[], tuple[list[Chat], list[FolderId]]]) -> None:
        super().__init__(parent)
        self._desk = desk
        self._doing = Doing(self, desk)
        self._over = over
        self._chosen = chosen
        self._organiser = desk.app.organiser
        self._register()

    # -- actions -------------------------------------------------------------------------------------------------------

    def _register(self) -> None:
        add, part = self._desk.actions.add, "list"
        add("list.folder", _("New folder"), self.new_folder, shortcut="Ctrl+Alt+N", icon="folder", menu=part, room="chat", also="directory group create")
        add("list.pin", _("Pin the chat, or unpin it"), self.pin, icon="pin", menu=part, room="chat", also="favourite star top", why_not=self._no_chat)
        add("list.move", _("Move to a folder…"), self.move, shortcut="Ctrl+Shift+M", icon="folder", menu=part, room="chat", why_not=self._no_choice)
        add("list.tags", _("Tags…"), self.tags, shortcut="Ctrl+T", icon="tag", menu=part, room="chat", also="label", why_not=self._no_chat)
        add("list.note", _("Note…"), self.note, menu=part, room="chat", also="remark comment", why_not=self._no_chat)
        add("list.archive", _("Archive the chat, or bring it back"), self.archive, icon="archive", menu=part, room="chat", also="hide", why_not=self._no_chat)
        add("list.duplicate", _("Duplicate"), self.duplicate, shortcut="Ctrl+D", icon="copy", menu=part, room="chat", also="copy", why_not=self._no_choice)
        add("list.clear", _("Clear the messages"), self.clear, menu=part, room="chat", also="empty reset", why_not=self._no_chat)
        add("list.delete_all", _("Delete all chats"), self.delete_all, menu=part, room="chat", also="clear remove everything")
        add("list.trash", _("Trash"), self.trash, icon="trash", menu=part, room="chat", also="restore recover deleted bin")

    def _no_chat(self) -> str:
        return "" if self._chosen()[0] else _("No chat is chosen.")

    def _no_choice(self) -> str:
        return "" if any(self._chosen()) else _("No chat is chosen.")

    def menu(self, at: QPoint) -> QMenu:
        """The menu for what is chosen, at a place on the screen."""
        chats, folders = self._chosen()
        menu = QMenu(self._over)
        menu.aboutToHide.connect(menu.deleteLater)
        one_chat = len(chats) == 1 and not folders

        def entry(text: str, act: Callable[[], object], icon: str = "") -> None:
            action = menu.addAction(theme.icon(icon), text) if icon else menu.addAction(text)
            action.triggered.connect(lambda _checked=False: act())

        if one_chat:
            entry(_("Rename"), self.rename, "pencil")
            entry(_("Unpin") if chats[0].pinned else _("Pin"), self.pin, "pin")
        elif len(folders) == 1 and not chats:
            entry(_("Rename"), self.rename, "pencil")
            entry(_("New folder in it"), partial(self.new_folder, folders[0]), "folder")
        if chats or folders:
            entry(_("Move to a folder…"), self.move, "folder")
        if chats:
            entry(_("Tags…"), self.tags, "tag")
        if one_chat:
            entry(_("Note…"), self.note)
        if chats:
            entry(_("Bring back from the archive") if all(chat.archived_at for chat in chats) else _("Archive"), self.archive, "archive")
        if (one_chat or len(folders) == 1) and not (chats and folders):
            entry(_("Duplicate"), self.duplicate, "copy")
        if one_chat:
            entry(_("Open in a second window"), partial(self._desk.open_window, chats[0].id))
            menu.addSeparator()
            entry(_("Clear the messages"), self.clear)
        if chats or folders:
            entry(_("Delete"), self.delete, "trash")
        else:
            entry(_("New folder"), self.new_folder, "folder")
            entry(_("Trash"), self.trash, "trash")
        menu.popup(at)
        return menu

    # -- doing ---------------------------------------------------------------------------------------------------------

    def rename(self) -> None:
        """Let the chosen chat or folder be renamed where it stands."""
        chats, folders = self._chosen()
        if folders and not chats:
            self.renaming.emit("folder", folders[0])
        elif chats:
            self.renaming.emit("row", chats[0].id)

    def renamed(self, kind: str, identity: int, words: str) -> None:
        """New words for a chat or a folder."""
        if kind == "folder":
            if words:
                self._doing.do(lambda: self._organiser.rename_folder(FolderId(identity), words))
        else:
            self._doing.do(lambda: self._organiser.rename(ChatId(identity), words))

    def pin(self) -> None:
        """Pin the chosen chats; all of them pinned already: unpin."""
        chats, _folders = self._chosen()
        pinned = not all(chat.pinned for chat in chats)
        self._doing.do(lambda: self._organiser.pin([chat.id for chat in chats], pinned))

    def archive(self) -> None:
        """Into the archive; all of them there already: back."""
        chats, _folders = self._chosen()
        archived = not all(chat.archived_at for chat in chats)
        ids = [chat.id for chat in chats]
        if archived:
            said = _("Archived: {title}").format(title=state.title_of(chats[0])) if len(chats) == 1 else _archived(len(chats))
        else:
            said = _("Back in the list: {title}").format(title=state.title_of(chats[0])) if len(chats) == 1 else _unarchived(len(chats))
        self._doing.do(lambda: self._organiser.archive(ids, archived), said)

    def delete(self) -> None:
        """What is chosen goes to the trash."""
        chats, folders = self._chosen()
        self.delete_these(chats, folders)

    def delete_these(self, chats: Sequence[Chat], folders: Sequence[FolderId] = ()) -> None:
        """Chats, and folders with what is in them."""
        if folders:
            names = {folder.id: folder.name for folder in self._organiser.folders()}
            for folder in folders:
                self._doing.do(partial(self._organiser.delete_folder, folder), _("Deleted with its chats: {title}").format(title=names.get(folder, "")))
        if chats:
            ids = [chat.id for chat in chats]
            self.deleted.emit(ids)
            said = _("Deleted: {title}").format(title=state.title_of(chats[0])) if len(chats) == 1 else _deleted(len(chats))
            self._doing.do(lambda: self._organiser.delete(ids), said)

    def delete_all(self) -> None:
        """Every chat; folders stay."""
        chats = self._desk.app.chats.all()
        self.deleted.emit([chat.id for chat in chats])
        self._doing.do(self._organiser.delete_all, _deleted(len(chats)))

    def clear(self) -> None:
        """Every message of the chosen chat."""
        chats, _folders = self._chosen()
        if chats:
            chat = chats[0]
            self._doing.do(lambda: self._organiser.clear(chat.id), _("All messages are gone from: {title}").format(title=state.title_of(chat)))

    def duplicate(self) -> None:
        """A copy of the chosen chat or folder, behind it."""
        chats, folders = self._chosen()
        if folders and not chats:
            self._doing.do(lambda: self._organiser.duplicate_folder(folders[0]))
        elif chats:
            self._desk.bridge.start("", lambda _job: self._organiser.duplicate(chats[0].id), on_end=self._copied)

    def _copied(self, job: Job[Any]) -> None:
        if job.error is not None:
            self._desk.say(errors.trouble(job.error).title)
        elif job.result is not None:
            self.opened.emit(job.result)

    def new_folder(self, parent: FolderId | None = None) -> None:
        """A folder with a usual name, to be renamed at once."""
        self._desk.bridge.start("", lambda _job: self._organiser.add_folder(_("New folder"), parent), on_end=self._folder_there)

    def _folder_there(self, job: Job[Any]) -> None:
        if job.error is not None:
            self._desk.say(errors.trouble(job.error).title)
        elif job.result is not None:
            self.folder_made.emit(job.result)

    # -- moving ----------------------------------------------------------------------------------------------------------

    def move(self) -> None:
        """Ask where to, by typing."""
        chats, folders = self._chosen()
        every = self._organiser.folders()
        paths = folder_paths(every)
        choices = [Choice(_("No folder"), "", partial(self.move_to, chats, folders, None))]
        for folder in sorted(every, key=lambda folder: sort_key(paths[folder.id], language())):
            if folder.id not in folders:
                choices.append(Choice(paths[folder.id], "", partial(self.move_to, chats, folders, folder.id)))
        choices.append(Choice(_("A new folder"), "", partial(self._into_new, chats, folders), also=_("New folder")))
        Palette(choices, _("Move where? Type a part of the folder's name"), _("Folders"), self._over.window()).open_here()

    def move_to(self, chats: Sequence[Chat], folders: Sequence[FolderId], where: FolderId | None) -> None:
        """Into a folder, or out of all."""
        for folder in folders:
            self._doing.do(partial(self._organiser.move_folder, folder, where))
        if chats:
            ids = [chat.id for chat in chats]
            names = {folder.id: folder.name for folder in self._organiser.folders()}
            place = names.get(where, "") if where is not None else _("No folder")
            said = _("Moved to {folder}: {title}").format(folder=place, title=state.title_of(chats[0])) if len(chats) == 1 else _moved(len(chats), place)
            self._doing.do(lambda: self._organiser.move(ids, where), said)

    def _into_new(self, chats: Sequence[Chat], folders: Sequence[FolderId]) -> None:
        async def work(_job: Job[Any]) -> FolderId:
            made = await self._organiser.add_folder(_("New folder"))
            for folder in folders:
                await self._organiser.move_folder(folder, made)
            await self._organiser.move([chat.id for chat in chats], made)
            return made

        self._desk.bridge.start("", work, on_end=self._folder_there)

    def move_at(self, chats: Sequence[ChatId], folder: FolderId | None, after: ChatId | None) -> None:
        """To a place in the order by hand."""
        self._doing.do(lambda: self._organiser.move(chats, folder, after))

    def move_folder_at(self, folder: FolderId, parent: FolderId | None, after: FolderId | None) -> None:
        """A folder behind another one."""
        self._doing.do(lambda: self._organiser.move_folder(folder, parent, after))

    def move_folder_into(self, folder: FolderId, parent: FolderId | None) -> None:
        """A folder to the end of another one."""
        self._doing.do(lambda: self._organiser.move_folder(folder, parent))

    # -- dialogs -----------------------------------------------------------------------------------------------------------

    def tags(self) -> None:
        """Which tags the chosen chats have."""
        chats, _folders = self._chosen()
        if chats:
            TagDialog(self._desk, [chat.id for chat in chats], self._over.window()).open()

    def note(self) -> None:
        """The note of the chosen chat."""
        chats, _folders = self._chosen()
        if chats:
            NoteDialog(self._desk, chats[0], self._over.window()).open()

    def trash(self) -> None:
        """What was deleted and can be brought back."""
        TrashDialog(self._desk, self._over.window()).open()


def _deleted(count: int) -> str:
    return ngettext("{count} chat deleted", "{count} chats deleted", count).format(count=count)


def _archived(count: int) -> str:
    return ngettext("{count} chat archived", "{count} chats archived", count).format(count=count)


def _unarchived(count: int) -> str:
    return ngettext("{count} chat is back in the list", "{count} chats are back in the list", count).format(count=count)


def _moved(count: int, folder: str) -> str:
    return ngettext("{count} chat moved to {folder}", "{count} chats moved to {folder}", count).format(count=count, folder=folder)
