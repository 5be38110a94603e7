"""Choosing the models that are asked the same question."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QDialog, QDialogButtonBox, QScrollArea, QVBoxLayout, QWidget

from localstory.words import _
from ui.pages.chat import several_state
from ui.pages.chat.several_state import ModelLine
from ui.widgets.cards import button, clear, label

_INDENT = 26
"""Pixels, so that what is said of a model stands below its name."""


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
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        inside = QWidget()
        inside.setAutoFillBackground(False)
        self._rows = QVBoxLayout(inside)
        self._rows.setContentsMargins(0, 0, 8, 0)
        self._rows.setSpacing(2)
        self.area.setWidget(inside)
        self.area.viewport().setAutoFillBackground(False)
        column.addWidget(self.area, 1)
        self.boxes: list[QCheckBox] = []
        self._lines: list[ModelLine] = []
        self.count = label("", "small")
        column.addWidget(self.count)
        self.blind = QCheckBox(_("Hide the names until I have voted"))
        self.blind.setToolTip(_("They answer in an order drawn by lot; speed and names are shown after your vote."))
        self.blind.setChecked(blind)
        column.addWidget(self.blind)
        buttons = QDialogButtonBox()
        self.ask = button(_("Ask them"), "main")
        self.ask.clicked.connect(self._ask)
        buttons.addButton(self.ask, QDialogButtonBox.ButtonRole.AcceptRole)
        self.cancel = buttons.addButton(QDialogButtonBox.StandardButton.Cancel)
        self.cancel.setAutoDefault(False)  # else Enter would be "Cancel"
        self.ask.setAutoDefault(True)
        self.ask.setDefault(True)
        buttons.rejected.connect(self.reject)
        column.addWidget(buttons)
        self._count()

    def show_lines(self, lines: Sequence[ModelLine]) -> None:
        """Show these models; who is ticked stays ticked, and so does the place of the keyboard."""
        if list(lines) == self._lines:
            return
        ticked = set(self._ticked()) | (self._wanted if not self._lines else set())
        at = next((line.key for line, box in zip(self._lines, self.boxes, strict=True) if box.hasFocus()), None)
        clear(self._rows)
        self._lines, self.boxes = list(lines), []
        before: QWidget = self.area
        for line in lines:
            box = QCheckBox(line.title.replace("&", "&&"))
            box.setAccessibleName(", ".join(part for part in (line.title, line.note) if part))
            box.setAccessibleDescription(line.why)
            box.setChecked(line.key in ticked)
            box.toggled.connect(self._count)
            self.boxes.append(box)
            self._rows.addWidget(box)
            for words, kind in ((line.note, "small"), (line.why, "small" if line.has_room else "warn")):
                if words:
                    said = label(words, kind)
                    said.setIndent(_INDENT)
                    self._rows.addWidget(said)
            self._rows.addSpacing(6)
            self.setTabOrder(before, box)
            before = box
            if line.key == at:
                box.setFocus()
        for after in (self.blind, self.ask, self.cancel):
            self.setTabOrder(before, after)
            before = after
        self._rows.addStretch(1)
        if at is None and self.boxes:
            self.boxes[0].setFocus()
        self._count()

    def _ticked(self) -> list[tuple[str, str, str]]:
        return [line.key for line, box in zip(self._lines, self.boxes, strict=True) if box.isChecked()]

    def _count(self) -> None:
        count = len(self._ticked())
        self.count.setText(several_state.chosen_words(count))
        self.ask.setEnabled(several_state.may_ask(count))

    def _ask(self) -> None:
        ticked = self._ticked()
        if several_state.may_ask(len(ticked)):
            self.accept()
            self.chosen.emit(ticked, self.blind.isChecked())
