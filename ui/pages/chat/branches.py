"""The branches of the open chat as a list in the side panel: where each left, its first words, and what to do with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QMenu, QVBoxLayout, QWidget

from localstory.chats.organising import BranchName
from localstory.chats.outline import Branch, branches
from localstory.chats.tree import ChatId, MessageId, Tree
from localstory.runtime import Job
from localstory.words import _, ngettext
from ui import errors
from ui.desk import Desk
from ui.pages.chat.compare import CompareDialog
from ui.pages.chat.doing import Doing
from ui.widgets.cards import label
from ui.widgets.tips import tip

_LINES = 7
"""The list is as high as so many branches."""


def outline(tree: Tree, shown: MessageId | None, names: Sequence[BranchName]) -> list[Branch]:
    """The branches, pinned ones first. Pure."""
    found = branches(tree, shown, names)
    return [branch for branch in found if branch.pinned] + [branch for branch in found if not branch.pinned]


def own_beginning(tree: Tree, tip: MessageId) -> MessageId:
    """The first message that no other branch goes through: deleting it deletes this branch alone. Pure."""
    path = tree.path(tip)
    at = len(path) - 1
    while at > 0 and len(tree.children(path[at - 1].id)) == 1:
        at -= 1
    return path[at].id


class _List(QListWidget):
    delete_wanted = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete:
            self.delete_wanted.emit()
        else:
            super().keyPressEvent(event)


class BranchesCard(QWidget):
    """A heading, a sentence, the list. A click or Enter shows a branch; F2 names it; the menu has the rest."""

    opened = Signal(int)
    """Another chat was made of a branch."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._doing = Doing(self, desk)
        self._chat: ChatId | None = None
        self._tree = Tree(())
        self._branches: list[Branch] = []
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(6)
        column.addWidget(label(_("Branches"), "head"))
        self.said = label("", "small")
        column.addWidget(self.said)
        self.list = _List()
        self.list.setAccessibleName(_("Branches of this chat"))
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setUniformItemSizes(True)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.list.customContextMenuRequested.connect(self._menu)
        self.list.itemClicked.connect(self._clicked)
        self.list.itemActivated.connect(self._clicked)
        self.list.itemChanged.connect(self._renamed)
        self.list.delete_wanted.connect(self.delete_current)
        column.addWidget(self.list)
        self._register()

    def _register(self) -> None:
        add, part = self._desk.actions.add, "chat"
        add("branch.compare", _("Compare two branches"), self.compare_current, menu=part, room="chat", also="diff side by side", why_not=self._one_branch)
        add("branch.outline", _("Go to the branches"), self.focus_list, menu=part, room="chat", also="outline tree", why_not=self._one_branch)

    def _one_branch(self) -> str:
        return "" if len(self._branches) > 1 else _("This chat has one branch.")

    def show_chat(self, chat: ChatId | None, tree: Tree, shown: MessageId | None) -> None:
        """Show the branches of a chat (None: a new one)."""
        self._chat, self._tree = chat, tree
        forked = any(len(tree.children(one)) > 1 for one in (None, *tree.messages))
        names = self._desk.app.organiser.branch_names(chat) if chat is not None and forked else []
        found = outline(tree, shown, names) if forked else []
        if found == self._branches:
            return
        self._branches = found
        self.list.blockSignals(True)
        self.list.clear()
        for branch in found:
            self.list.addItem(self._item(branch))
        current = next((at for at, branch in enumerate(found) if branch.is_shown), -1)
        self.list.setCurrentRow(current)
        self.list.blockSignals(False)
        self.list.setVisible(bool(found))
        if found:
            high = self.list.sizeHintForRow(0) + 2 * self.list.spacing()
            self.list.setFixedHeight(min(len(found), _LINES) * max(high, 24) + 4)
            self.said.setText(ngettext("{count} branch", "{count} branches", len(found)).format(count=len(found)))
        else:
            self.said.setText(_("One branch. Edit a message or write a reply again, and there are two."))

    def _item(self, branch: Branch) -> QListWidgetItem:
        place = len(self._tree.path(branch.left_after))
        where = _("from the beginning") if branch.left_after is None else _("after message {number}").format(number=place)
        count = ngettext("{count} message", "{count} messages", branch.messages).format(count=branch.messages)
        sign = "▸ " if branch.is_shown else ""
        name = branch.name or branch.first_words or _("(no words)")
        item = QListWidgetItem(f"{sign}{'★ ' if branch.pinned else ''}{name}\n{where} · {count}")
        item.setData(Qt.ItemDataRole.UserRole, branch.tip)
        item.setToolTip(tip(branch.first_words))
        shown = _("shown") if branch.is_shown else ""
        item.setData(Qt.ItemDataRole.AccessibleTextRole, ", ".join(part for part in (name, where, count, shown) if part))
        return item

    # -- doing ---------------------------------------------------------------------------------------------------------

    def _current(self) -> Branch | None:
        at = self.list.currentRow()
        return self._branches[at] if 0 <= at < len(self._branches) else None

    def focus_list(self) -> None:
        """The keyboard into the list."""
        self.list.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _clicked(self, item: QListWidgetItem) -> None:
        branch = self._branches[self.list.row(item)]
        if not branch.is_shown:
            self._doing.do(partial(self._desk.app.chats.choose, branch.tip))

    def _menu(self, at: QPoint) -> None:
        item = self.list.itemAt(at)
        if item is None:
            return
        self.list.setCurrentItem(item)
        branch = self._branches[self.list.row(item)]
        organiser = self._desk.app.organiser
        menu = QMenu(self)
        menu.aboutToHide.connect(menu.deleteLater)
        entries: list[tuple[str, Callable[[], object]]] = [
            (_("Show"), partial(self._clicked, item)),
            (_("Name…"), self.rename_current),
            (_("Unpin") if branch.pinned else _("Pin"), partial(self._doing.do, partial(organiser.pin_branch, branch.begins, not branch.pinned))),
            (_("Make it the main branch"), partial(self._doing.do, partial(self._promote, branch))),
            (_("Compare with the shown one"), partial(self.compare, branch)),
            (_("Copy into a new chat"), partial(self._copy, branch)),
            (_("Delete this branch"), self.delete_current),
            (_("Delete all other branches"), partial(self._prune, branch)),
        ]
        for text, act in entries:
            action = menu.addAction(text)
            action.triggered.connect(lambda _checked=False, act=act: act())
        menu.actions()[4].setEnabled(not branch.is_shown)
        menu.popup(self.list.viewport().mapToGlobal(at))

    async def _promote(self, branch: Branch) -> None:
        """The main branch is the one that is shown and stands first: the order of versions is their age, and stays."""
        for other in self._branches:
            if other.pinned and other.tip != branch.tip:
                await self._desk.app.organiser.pin_branch(other.begins, False)
        await self._desk.app.organiser.pin_branch(branch.begins, True)
        await self._desk.app.chats.choose(branch.tip)

    def rename_current(self) -> None:
        """Name the chosen branch in place."""
        item, branch = self.list.currentItem(), self._current()
        if item is None or branch is None:
            return
        self.list.blockSignals(True)
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        item.setText(branch.name or branch.first_words)
        self.list.blockSignals(False)
        self.list.editItem(item)

    def _renamed(self, item: QListWidgetItem) -> None:
        branch = self._branches[self.list.row(item)]
        name = " ".join(item.text().split())
        self._branches = []  # the line is drawn anew
        self._doing.do(partial(self._desk.app.organiser.name_branch, branch.begins, "" if name == branch.first_words else name))

    def delete_current(self) -> None:
        """Delete what only this branch has."""
        branch = self._current()
        if branch is not None:
            beginning = own_beginning(self._tree, branch.tip)
            self._doing.do(
                partial(self._desk.app.organiser.delete_message, beginning), _("Branch deleted: {words}").format(words=branch.name or branch.first_words)
            )

    def _prune(self, branch: Branch) -> None:
        if self._chat is not None:
            self._doing.do(partial(self._desk.app.organiser.prune, self._chat, branch.tip), _("All other branches are deleted"))

    def _copy(self, branch: Branch) -> None:
        chat = self._chat
        if chat is not None:
            self._desk.bridge.start("", lambda _job: self._desk.app.organiser.duplicate_branch(chat, branch.tip), on_end=self._copied)

    def _copied(self, job: Job[Any]) -> None:
        if job.error is not None:
            self._desk.say(errors.trouble(job.error).title)
        elif job.result is not None:
            self.opened.emit(job.result)

    def compare_current(self) -> None:
        """Compare the chosen branch with the shown one; the shown one itself with the next in the list."""
        branch = self._current()
        if branch is None or branch.is_shown:
            branch = next((one for one in self._branches if not one.is_shown), None)
        if branch is not None:
            self.compare(branch)

    def compare(self, branch: Branch) -> None:
        """Side by side with the shown one."""
        shown = next((one for one in self._branches if one.is_shown), None)
        if shown is not None and self._chat is not None:
            CompareDialog(self._desk, self._tree, shown.tip, branch.tip, self.window()).open()
