"""A list of many lines with headings and folders: recycled, dragged, renamed in place. Knows nothing of what the lines are."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from PySide6.QtCore import QAbstractListModel, QByteArray, QMimeData, QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFocusEvent, QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPalette, QPen, QPolygon
from PySide6.QtWidgets import QAbstractItemDelegate, QAbstractItemView, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from ui.widgets.proportion import in_proportion
from ui.widgets.tips import tip

Key = tuple[str, int]
"""What a line is: its kind ("section", "folder", "row") and a number that is its own among its kind."""
Where = Literal["on", "before", "after", "end"]

KEY = Qt.ItemDataRole.UserRole
_MIME = "application/x-localstory-lines"
_INDENT = 16


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in a line."""

    text: str
    note: str = ""
    """Quiet, at the right edge."""
    mark: str = ""
    """One sign before the words: something is going on here."""
    depth: int = 0
    is_open: bool | None = None
    """Of a folder."""
    strong: bool = False
    tip: str = ""
    heard: str = ""
    """What a screen reader says; the text and note where it is empty."""


class RowModel(QAbstractListModel):
    """Lines by their keys; what stands in one is asked for when it is seen."""

    renamed = Signal(object, str)
    """A key and the new words."""
    dropped = Signal(object, object, str)
    """Keys that were dragged, the key they were dropped at (None: at the end), and where: "on", "before", "after", "end"."""

    def __init__(self, shown: Callable[[Key], Shown], parent: QWidget) -> None:
        super().__init__(parent)
        self._ask = shown
        self.keys: list[Key] = []
        self._at: dict[Key, int] = {}
        self.editable: Callable[[Key], bool] = lambda key: key[0] != "section"

    def set_keys(self, keys: Sequence[Key]) -> None:
        """Show these lines. What is chosen stays chosen, and only what moved is moved."""
        keys = list(keys)
        if keys == self.keys:
            self.refresh()
            return
        old = self.keys
        front = next((at for at, (one, other) in enumerate(zip(old, keys, strict=False)) if one != other), min(len(old), len(keys)))
        back = 0
        while back < min(len(old), len(keys)) - front and old[-1 - back] == keys[-1 - back]:
            back += 1
        gone, come = old[front : len(old) - back], keys[front : len(keys) - back]
        if not come:
            self.beginRemoveRows(QModelIndex(), front, front + len(gone) - 1)
            self._take(keys)
            self.endRemoveRows()
        elif not gone:
            self.beginInsertRows(QModelIndex(), front, front + len(come) - 1)
            self._take(keys)
            self.endInsertRows()
        else:
            self.layoutAboutToBeChanged.emit()
            before = self.persistentIndexList()
            kept = [self.keys[index.row()] for index in before]
            self._take(keys)
            self.changePersistentIndexList(before, [self.index_of(key) for key in kept])
            self.layoutChanged.emit()
        self.refresh()

    def _take(self, keys: list[Key]) -> None:
        self.keys = keys
        self._at = {key: at for at, key in enumerate(keys)}

    def refresh(self) -> None:
        """What stands in the lines may be other words now: those in sight are asked for again."""
        if self.keys:
            self.dataChanged.emit(self.index(0), self.index(len(self.keys) - 1))

    def index_of(self, key: Key) -> QModelIndex:
        """Where a line is; an invalid index when it is not shown."""
        at = self._at.get(key)
        return self.index(at) if at is not None else QModelIndex()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        return 0 if parent.isValid() else len(self.keys)

    def data(self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self.keys):
            return None
        key = self.keys[index.row()]
        if role == KEY:
            return key
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return self._ask(key).text
        if role == Qt.ItemDataRole.ToolTipRole:
            return tip(self._ask(key).tip)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            shown = self._ask(key)
            return shown.heard or ", ".join(part for part in (shown.text, shown.note) if part)
        return None

    def shown(self, index: QModelIndex | QPersistentModelIndex) -> Shown:
        """What stands in a line."""
        return self._ask(self.keys[index.row()])

    def flags(self, index: QModelIndex | QPersistentModelIndex) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.ItemIsDropEnabled
        key = self.keys[index.row()]
        if key[0] == "section":
            return Qt.ItemFlag.ItemNeverHasChildren
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsDragEnabled | Qt.ItemFlag.ItemNeverHasChildren
        if key[0] == "folder":
            flags |= Qt.ItemFlag.ItemIsDropEnabled
        return flags | Qt.ItemFlag.ItemIsEditable if self.editable(key) else flags

    def setData(self, index: QModelIndex | QPersistentModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        if role != Qt.ItemDataRole.EditRole or not index.isValid():
            return False
        key = self.keys[index.row()]
        words = str(value).strip()
        if words != self._ask(key).text:
            self.renamed.emit(key, words)
        return True

    def supportedDropActions(self) -> Qt.DropAction:
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:
        return [_MIME]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        made = QMimeData()
        keys = [self.keys[index.row()] for index in sorted(indexes, key=lambda index: index.row())]
        made.setData(_MIME, QByteArray(json.dumps([key for key in keys if key[0] != "section"]).encode()))
        return made

    def dropMimeData(self, data: QMimeData, _action: Qt.DropAction, row: int, _column: int, parent: QModelIndex | QPersistentModelIndex) -> bool:
        if not data.hasFormat(_MIME):
            return False
        keys: list[Key] = [(str(kind), int(number)) for kind, number in json.loads(bytes(data.data(_MIME).data()))]
        if parent.isValid():
            self.dropped.emit(keys, self.keys[parent.row()], "on")
        elif 0 <= row < len(self.keys):
            self.dropped.emit(keys, self.keys[row], "before")
        elif self.keys:
            self.dropped.emit(keys, self.keys[-1], "after")
        else:
            self.dropped.emit(keys, None, "end")
        return False  # the lines move when the store says so


class RowView(QListView):
    """The list itself. Folders open by click, Enter, Right and Left; F2 renames in place, Delete asks to delete."""

    opened = Signal(object)
    """A line was chosen alone, by click or keys."""
    entered = Signal(object)
    """A line was clicked, or Enter was pressed on it: the person is done with the list."""
    toggled = Signal(object, bool)
    """A folder is to be open, or not."""
    delete_wanted = Signal()
    chosen_changed = Signal()
    menu_wanted = Signal(QPoint)

    def __init__(self, model: RowModel, name: str) -> None:
        super().__init__()
        self.rows = model
        self.setModel(model)
        self.setAccessibleName(name)
        self.setItemDelegate(RowDelegate(self))
        self.setUniformItemSizes(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setDragEnabled(True)
        self.setAcceptDrops(True)
        self.setDropIndicatorShown(True)
        self.setDragDropMode(QAbstractItemView.DragDropMode.DragDrop)
        self.setDefaultDropAction(Qt.DropAction.MoveAction)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self.menu_wanted)
        self.selectionModel().selectionChanged.connect(self._chosen)
        self._quiet = False

    def chosen(self) -> list[Key]:
        """The lines that are chosen, from the top."""
        rows = sorted(index.row() for index in self.selectionModel().selectedIndexes())
        return [self.rows.keys[row] for row in rows]

    def current(self) -> Key | None:
        """Where the keyboard is."""
        index = self.currentIndex()
        return self.rows.keys[index.row()] if index.isValid() and index.row() < len(self.rows.keys) else None

    def choose(self, key: Key | None) -> None:
        """Choose a line from outside; nothing is said of it. Several that are chosen by hand stay chosen."""
        index = self.rows.index_of(key) if key is not None else QModelIndex()
        if self.state() == QAbstractItemView.State.EditingState or len(self.chosen()) > 1 or (self.chosen() == [key] and key is not None):
            return
        self._quiet = True
        if index.isValid():
            self.setCurrentIndex(index)
        else:
            self.clearSelection()
        self._quiet = False
        self.chosen_changed.emit()

    def rename(self, key: Key) -> None:
        """Let a line be renamed in place."""
        index = self.rows.index_of(key)
        if index.isValid():
            self.scrollTo(index)
            self.edit(index)

    def dataChanged(self, first: QModelIndex | QPersistentModelIndex, last: QModelIndex | QPersistentModelIndex, roles: Sequence[int] = ()) -> None:
        # An editor would be filled anew, and what was typed would be gone.
        if self.state() != QAbstractItemView.State.EditingState:
            super().dataChanged(first, last, list(roles))

    def closeEditor(self, editor: QWidget, hint: QAbstractItemDelegate.EndEditHint) -> None:
        super().closeEditor(editor, hint)
        self.viewport().update()

    def _chosen(self) -> None:
        if self._quiet:
            return
        self.chosen_changed.emit()
        chosen = self.chosen()
        if len(chosen) == 1:
            self.opened.emit(chosen[0])

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index = self.indexAt(event.position().toPoint())
        plain = event.button() == Qt.MouseButton.LeftButton and event.modifiers() == Qt.KeyboardModifier.NoModifier
        if plain and index.isValid() and self.state() == QAbstractItemView.State.NoState and not self._toggle(index):
            self.entered.emit(self.rows.keys[index.row()])

    def _toggle(self, index: QModelIndex, wanted: bool | None = None) -> bool:
        key = self.rows.keys[index.row()]
        is_open = self.rows.shown(index).is_open
        if is_open is None or wanted is is_open:
            return False
        self.toggled.emit(key, not is_open)
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        key = event.key()
        if key == Qt.Key.Key_Delete or (key == Qt.Key.Key_Backspace and event.modifiers() & Qt.KeyboardModifier.ControlModifier):
            self.delete_wanted.emit()
        elif index.isValid() and key in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.state() != QAbstractItemView.State.EditingState:
            if not self._toggle(index):
                self.opened.emit(self.rows.keys[index.row()])
                self.entered.emit(self.rows.keys[index.row()])
        elif index.isValid() and key == Qt.Key.Key_Right and self._toggle(index, True):
            pass
        elif index.isValid() and key == Qt.Key.Key_Left:
            if not self._toggle(index, False):
                self._to_parent(index)
        elif key in (Qt.Key.Key_Menu,):
            self.menu_wanted.emit(self.visualRect(index).center() if index.isValid() else QPoint(8, 8))
        else:
            super().keyPressEvent(event)

    def _to_parent(self, index: QModelIndex) -> None:
        depth = self.rows.shown(index).depth
        for row in range(index.row() - 1, -1, -1):
            above = self.rows.index(row)
            if self.rows.keys[row][0] == "folder" and self.rows.shown(above).depth < depth:
                self.setCurrentIndex(above)
                return

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._ring(event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._ring(False)

    def _ring(self, shown: bool) -> None:
        self.setProperty("keyboard", "true" if shown else "false")
        self.style().unpolish(self)
        self.style().polish(self)


class RowDelegate(QStyledItemDelegate):
    """Paints a line: the triangle of a folder, a mark, the words, a quiet note."""

    def sizeHint(self, option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(80, QFontMetrics(option.font).height() + 14)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        model = index.model()
        assert isinstance(model, RowModel)
        shown, kind = model.shown(index), model.keys[index.row()][0]
        box, palette = option.rect, option.palette
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        quiet, text = palette.color(QPalette.ColorRole.PlaceholderText), palette.color(QPalette.ColorRole.Text)
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        if kind != "section" and (chosen or hovered):
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(palette.color(QPalette.ColorRole.Highlight if chosen else QPalette.ColorRole.Light))
            painter.drawRoundedRect(box.adjusted(0, 1, 0, -1), 6, 6)
        if option.state & QStyle.StateFlag.State_HasFocus and kind != "section":
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(palette.color(QPalette.ColorRole.Accent), 1.4))
            painter.drawRoundedRect(box.adjusted(1, 2, -1, -2), 6, 6)
        if chosen:
            text = palette.color(QPalette.ColorRole.HighlightedText)
        room = box.adjusted(8 + shown.depth * _INDENT, 0, -8, 0)
        font = option.font
        if kind == "section":
            font.setPixelSize(in_proportion(font, 12))
            painter.setFont(font)
            painter.setPen(quiet)
            painter.drawText(
                room.adjusted(0, 6, 0, 0), Qt.AlignmentFlag.AlignVCenter, QFontMetrics(font).elidedText(shown.text, Qt.TextElideMode.ElideRight, room.width())
            )
            painter.restore()
            return
        if shown.is_open is not None:
            _triangle(painter, QPoint(room.left() + 4, room.center().y()), shown.is_open, quiet)
            room.setLeft(room.left() + 16)
        if shown.mark:
            painter.setPen(palette.color(QPalette.ColorRole.Accent))
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, shown.mark)
            room.setLeft(room.left() + QFontMetrics(font).horizontalAdvance(shown.mark) + 6)
        if shown.note:
            small = type(font)(font)
            small.setPixelSize(in_proportion(font, 12))
            wide = min(QFontMetrics(small).horizontalAdvance(shown.note) + 4, room.width() // 2)
            painter.setFont(small)
            painter.setPen(text if chosen else quiet)
            corner = QRect(room.right() - wide, room.top(), wide + 1, room.height())
            painter.drawText(
                corner,
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
                QFontMetrics(small).elidedText(shown.note, Qt.TextElideMode.ElideRight, wide),
            )
            room.setRight(room.right() - wide - 8)
        font.setBold(shown.strong)
        painter.setFont(font)
        painter.setPen(text)
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, QFontMetrics(font).elidedText(shown.text, Qt.TextElideMode.ElideRight, room.width()))
        painter.restore()


def _triangle(painter: QPainter, at: QPoint, is_open: bool, colour: QColor) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    points = [(-4, -2), (4, -2), (0, 3)] if is_open else [(-2, -4), (3, 0), (-2, 4)]
    painter.drawPolygon(QPolygon([at + QPoint(x, y) for x, y in points]))
