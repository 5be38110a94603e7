"""Shows every action with its shortcuts, and changes them: at once, kept in the settings, a conflict solved by one click."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QHBoxLayout, QHeaderView, QLineEdit, QTreeWidget, QTreeWidgetItem, QTreeWidgetItemIterator, QVBoxLayout, QWidget

from localstory.words import _, english_of
from ui import theme
from ui.actions import KEPT, SHOWN, Entry, part_title
from ui.desk import Desk
from ui.widgets.cards import button, clear, label
from ui.widgets.key_catcher import KeyCatcher
from ui.widgets.palette_score import fold

_ID = Qt.ItemDataRole.UserRole
WRITING = ("Ctrl+C", "Ctrl+V", "Ctrl+X", "Ctrl+A", "Ctrl+Y", "Ctrl+Shift+Z", "Ctrl+Left", "Ctrl+Right", "Ctrl+Backspace", "Ctrl+Del")
"""What every text field keeps for itself: as shortcuts they would not work while somebody writes."""


def spoken(shortcut: str) -> str:
    """A shortcut as this system shows it."""
    return QKeySequence(shortcut, KEPT).toString(SHOWN)


class ShortcutEditor(QDialog):
    """`open` it; it deletes itself."""

    def __init__(self, desk: Desk, parent: QWidget) -> None:
        super().__init__(parent)
        self._desk = desk
        self._actions = desk.actions
        self._wanted = ""
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(_("Shortcuts"))
        self.resize(min(theme.scaled(680), parent.width() - 48), min(theme.scaled(560), parent.height() - 48))
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(8)
        self.search = QLineEdit()
        self.search.setPlaceholderText(_("Search actions or keys"))
        self.search.setAccessibleName(_("Search actions or keys"))
        self.search.textChanged.connect(self._fill)
        column.addWidget(self.search)
        self.tree = QTreeWidget()
        self.tree.setAccessibleName(_("Actions with their shortcuts"))
        self.tree.setColumnCount(2)
        self.tree.setHeaderLabels([_("Action"), _("Shortcut")])
        self.tree.setRootIsDecorated(False)
        self.tree.setUniformRowHeights(True)
        self.tree.setIndentation(theme.scaled(12))
        self.tree.setTabKeyNavigation(False)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.tree.header().setSectionsMovable(False)
        self.tree.currentItemChanged.connect(self._chosen)
        self.tree.itemActivated.connect(self._activated)
        column.addWidget(self.tree, 1)
        self.title = label("", "head")
        column.addWidget(self.title)
        self._keys = QHBoxLayout()
        self._keys.setSpacing(8)
        column.addLayout(self._keys)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.catcher = KeyCatcher(_("Press the new keys here"))
        self.catcher.caught.connect(self._caught)
        self.catcher.refused.connect(self._refused)
        row.addWidget(self.catcher, 1)
        self.reset = button(_("Reset"))
        self.reset.clicked.connect(self._reset_one)
        row.addWidget(self.reset)
        column.addLayout(row)
        trouble = QHBoxLayout()
        self.said = label("", "warn")
        self.said.setAccessibleName(_("What is in the way"))
        trouble.addWidget(self.said, 1)
        self.take = button("")
        self.take.clicked.connect(self._take)
        trouble.addWidget(self.take)
        column.addLayout(trouble)
        foot = QHBoxLayout()
        self.reset_all = button(_("Reset all"), "link")
        self.reset_all.clicked.connect(self._reset_all)
        foot.addWidget(self.reset_all)
        foot.addStretch(1)
        close = button(_("Close"), "main")
        close.clicked.connect(self.accept)
        foot.addWidget(close)
        column.addLayout(foot)
        self._fill("")
        self.search.setFocus()

    # -- the list --------------------------------------------------------------------------------------------------------

    def _fill(self, query: str) -> None:
        wanted, chosen = fold(query).split(), self.chosen
        self.tree.blockSignals(True)
        self.tree.clear()
        parts: dict[str, QTreeWidgetItem] = {}
        current = first = None
        for entry in self._actions.all():
            title = part_title(entry.menu)
            words = fold(f"{entry.text} {entry.also} {english_of(entry.text)} {title} {entry.shortcut_words} {' '.join(entry.shortcuts)}")
            if not all(word in words for word in wanted):
                continue
            if title not in parts:
                parts[title] = QTreeWidgetItem([title])
                parts[title].setFlags(Qt.ItemFlag.ItemIsEnabled)
                font = parts[title].font(0)
                font.setBold(True)
                parts[title].setFont(0, font)
                self.tree.addTopLevelItem(parts[title])
            item = QTreeWidgetItem([entry.text, self._shortcuts_of(entry)])
            item.setData(0, _ID, entry.id)
            keys = entry.shortcut_words or _("no shortcut")
            item.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"{entry.text}: {keys}")
            parts[title].addChild(item)
            first = first or item
            current = item if entry.id == chosen else current
        self.tree.expandAll()
        self.tree.blockSignals(False)
        found = current or first
        if found is not None:
            self.tree.setCurrentItem(found)
        self._show()

    @staticmethod
    def _shortcuts_of(entry: Entry) -> str:
        changed = "" if entry.shortcuts == entry.defaults else " *"
        return entry.shortcut_words + changed

    @property
    def chosen(self) -> str:
        """The id of the chosen action; "" for none."""
        item = self.tree.currentItem()
        return str(item.data(0, _ID) or "") if item is not None else ""

    def choose(self, identity: str) -> None:
        """Choose an action."""
        walk = QTreeWidgetItemIterator(self.tree)
        while (item := walk.value()) is not None:
            if item.data(0, _ID) == identity:
                self.tree.setCurrentItem(item)
            walk += 1

    def _chosen(self) -> None:
        self._forget_trouble()
        self._show()

    def _activated(self) -> None:
        if self.chosen:
            self.catcher.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- the chosen one --------------------------------------------------------------------------------------------------

    def _show(self) -> None:
        identity = self.chosen
        clear(self._keys)
        entry = self._actions.entry(identity) if identity else None
        self.title.setText(entry.text if entry is not None else _("Choose an action above."))
        for each in (self.catcher, self.reset):
            each.setEnabled(entry is not None)
        if entry is not None:
            for key in entry.shortcuts:
                self._keys.addWidget(label(spoken(key), "command", wrap=False))
                remove = button(_("Remove"), "link", name=_("Remove {shortcut} from: {action}").format(shortcut=spoken(key), action=entry.text))
                remove.setObjectName(key)
                remove.clicked.connect(self._remove)
                self._keys.addWidget(remove)
            if not entry.shortcuts:
                self._keys.addWidget(label(_("It has no shortcut."), "small", wrap=False))
            self._keys.addStretch(1)
            self.reset.setEnabled(entry.shortcuts != entry.defaults)
            self.reset.setAccessibleName(_("Reset: {setting}").format(setting=entry.text))
            self.reset.setToolTip(", ".join(spoken(key) for key in entry.defaults) or _("no shortcut"))
        self.reset_all.setEnabled(any(each.shortcuts != each.defaults for each in self._actions.all()))
        self._show_trouble()

    def _caught(self, keys: str) -> None:
        entry = self._actions.entry(self.chosen)
        self._forget_trouble()
        if keys in entry.shortcuts:
            self._say(_("It has these keys already."))
        elif keys in WRITING:
            self._say(_("{shortcut} belongs to writing: it would not work in a text.").format(shortcut=spoken(keys)))
        elif self._actions.holders(keys, entry.id):
            self._wanted = keys
            self._show_trouble()
            self.take.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self._change({entry.id: (*entry.shortcuts, keys)})

    def _refused(self) -> None:
        self._forget_trouble()
        self._say(_("A shortcut needs Ctrl, Alt or a function key."))

    def _say(self, words: str) -> None:
        self.said.setText(words)

    def _forget_trouble(self) -> None:
        self._wanted = ""
        self.said.setText("")
        self._show_trouble()

    def _show_trouble(self) -> None:
        holders = self._actions.holders(self._wanted, self.chosen) if self._wanted and self.chosen else []
        self.take.setVisible(bool(holders))
        if holders:
            names = ", ".join(each.text for each in holders)
            self._say(_("{shortcut} is taken: {action}").format(shortcut=spoken(self._wanted), action=names))
            self.take.setText(_("Take it from there"))
            self.take.setAccessibleName(_("Take {shortcut} from: {action}").format(shortcut=spoken(self._wanted), action=names))

    def _take(self) -> None:
        entry, keys = self._actions.entry(self.chosen), self._wanted
        changes: dict[str, tuple[str, ...] | None] = {
            each.id: tuple(key for key in each.shortcuts if key != keys) for each in self._actions.holders(keys, entry.id)
        }
        self._wanted = ""
        self._say("")
        self._change({entry.id: (*entry.shortcuts, keys)} | changes)
        self.catcher.setFocus(Qt.FocusReason.OtherFocusReason)

    def _remove(self) -> None:
        sender = self.sender()
        entry = self._actions.entry(self.chosen)
        self.catcher.setFocus(Qt.FocusReason.OtherFocusReason)  # the button is about to go
        if sender is not None:
            self._change({entry.id: tuple(key for key in entry.shortcuts if key != sender.objectName())})

    def _reset_one(self) -> None:
        entry = self._actions.entry(self.chosen)
        self.catcher.setFocus(Qt.FocusReason.OtherFocusReason)
        taken = [each for key in entry.defaults for each in self._actions.holders(key, entry.id)]
        changes: dict[str, tuple[str, ...] | None] = {entry.id: None}
        for each in taken:
            # Whoever took one of the defaults gives it back.
            changes[each.id] = tuple(key for key in each.shortcuts if key not in entry.defaults)
        self._change(changes)

    def _reset_all(self) -> None:
        self.search.setFocus(Qt.FocusReason.OtherFocusReason)
        self._desk.change_setting("shortcuts", {})
        self._fill(self.search.text())

    def _change(self, changes: dict[str, tuple[str, ...] | None] | dict[str, tuple[str, ...]]) -> None:
        self._desk.change_setting("shortcuts", self._actions.chosen_with(dict(changes)))
        self._fill(self.search.text())
