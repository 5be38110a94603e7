"""Choosing the models that are asked the same question."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from localstory.words import _
from ui.pages.chat import several_state
from ui.pages.chat.several_state import ModelLine
from ui.widgets.cards import button, label

_KEY = Qt.ItemDataRole.UserRole


class SeveralDialog(QDialog):
    """Emits `chosen` with the keys in their order, and whether the names are to be hidden."""

    chosen = Signal(object, bool)

    def __init__(self, question: str, wanted: Collection[tuple[str, str, str]], blind: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self._wanted = set(wanted)
        self.setWindowTitle(_("Ask several models"))
        window = parent.window()
        self.resize(min(560, window.width() - 48), min(560, window.height() - 48))
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(8)
        column.addWidget(label(_("The same question for each of them. The answers stay in this chat, side by side."), "quiet"))
        asked = label(question)
        asked.setMaximumHeight(asked.fontMetrics().lineSpacing() * 3 + 4)
        column.addWidget(asked)
        self.list = QListWidget()
        self.list.setAccessibleName(_("Models to ask"))
        self.list.setWordWrap(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setSpacing(2)
        self.list.itemChanged.connect(self._changed)
        self.list.itemActivated.connect(self._toggle)
        column.addWidget(self.list, 1)
        self.count = label("", "small")
        column.addWidget(self.count)
        self.blind = QCheckBox(_("Hide the names until I have voted"))
        self.blind.setToolTip(_("They answer in an order drawn by lot; speed and names are shown after your vote."))
        self.blind.setChecked(blind)
        column.addWidget(self.blind)
        buttons = QDialogButtonBox()
        self.ask = button(_("Ask them"), "main")
        self.ask.setDefault(True)
        self.ask.clicked.connect(self._ask)
        buttons.addButton(self.ask, QDialogButtonBox.ButtonRole.AcceptRole)
        buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self._count()

    def show_lines(self, lines: Sequence[ModelLine]) -> None:
        """Show these models; who is ticked stays ticked, and so does the place of the keyboard."""
        ticked = set(self._ticked()) | (self._wanted if not self.list.count() else set())
        at = self.list.currentRow()
        self.list.blockSignals(True)
        self.list.clear()
        for line in lines:
            said = [part for part in (line.note, line.why) if part]
            item = QListWidgetItem("\n".join([line.title, *said]))
            item.setData(_KEY, line.key)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, ". ".join([line.title, *said]))
            item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Checked if line.key in ticked else Qt.CheckState.Unchecked)
            self.list.addItem(item)
        self.list.setCurrentRow(max(0, at))
        self.list.blockSignals(False)
        self._count()

    def _ticked(self) -> list[tuple[str, str, str]]:
        items = [self.list.item(row) for row in range(self.list.count())]
        return [tuple(item.data(_KEY)) for item in items if item.checkState() == Qt.CheckState.Checked]

    def _changed(self, _item: QListWidgetItem) -> None:
        self._count()

    def _toggle(self, item: QListWidgetItem) -> None:
        is_on = item.checkState() == Qt.CheckState.Checked
        item.setCheckState(Qt.CheckState.Unchecked if is_on else Qt.CheckState.Checked)

    def _count(self) -> None:
        count = len(self._ticked())
        self.count.setText(several_state.chosen_words(count))
        self.ask.setEnabled(several_state.may_ask(count))

    def _ask(self) -> None:
        ticked = self._ticked()
        if several_state.may_ask(len(ticked)):
            self.accept()
            self.chosen.emit(ticked, self.blind.isChecked())
