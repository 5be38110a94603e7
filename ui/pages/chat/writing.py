"""Where a message is written: the growing input with the model's name and the button that sends or stops."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from localstory.models.library import TextModel
from localstory.words import _
from ui import theme
from ui.widgets.cards import label
from ui.widgets.combo import ComboBox
from ui.widgets.growing_input import GrowingInput


class WritingBox(QFrame):
    """The input and what stands below it."""

    sent = Signal()
    stopped = Signal()
    model_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("writing")
        self._busy = False
        column = QVBoxLayout(self)
        column.setContentsMargins(12, 8, 8, 8)
        column.setSpacing(4)
        self.input = GrowingInput()
        self.input.setAccessibleName(_("Your message"))
        self.input.setPlaceholderText(_("Write a message"))
        self.input.sent.connect(self._pressed_enter)
        self.input.stopped.connect(self.stopped)
        self.input.focused.connect(self._focus_changed)
        self.input.textChanged.connect(self._refresh)
        column.addWidget(self.input)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.models = ComboBox()
        self.models.setProperty("kind", "plain")
        self.models.setAccessibleName(_("Model for the next reply"))
        self.models.setToolTip(_("Model for the next reply"))
        self.models.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.models.activated.connect(self._model_activated)
        self.hint = label("", "small", wrap=False)
        self.button = QToolButton()
        self.button.setProperty("kind", "send")
        self.button.setIconSize(theme.icon_size(20))
        self.button.clicked.connect(self._pressed)
        row.addWidget(self.models)
        row.addStretch(1)
        row.addWidget(self.hint)
        row.addWidget(self.button)
        column.addLayout(row)
        self.set_busy(False)

    def set_enter_sends(self, enter_sends: bool) -> None:
        """Say and do what Enter means."""
        self.input.enter_sends = enter_sends
        self.hint.setText(_("Enter sends, Shift+Enter is a new line") if enter_sends else _("Ctrl+Enter sends"))

    def set_models(self, models: Sequence[TextModel], chosen: TextModel | None) -> None:
        """The models to choose from."""
        self.models.clear()
        for model in models:
            if model.usable:
                self.models.addItem(model.title, str(model.path))
        if self.models.count() == 0:
            self.models.addItem(_("No model yet"), "")
        if chosen is not None:
            self.models.setCurrentIndex(max(0, self.models.findData(str(chosen.path))))
        self._refresh()

    @property
    def model_path(self) -> str:
        """The path of the chosen model; "" when there is none."""
        return str(self.models.currentData() or "")

    def set_busy(self, busy: bool) -> None:
        """While a reply is written the button stops it."""
        self._busy = busy
        words = _("Stop writing (Esc)") if busy else _("Send")
        self.button.setIcon(theme.icon("stop" if busy else "send", theme.look().on_accent, stateful=True))
        self.button.setToolTip(words)
        self.button.setAccessibleName(words)
        self._refresh()

    def _refresh(self) -> None:
        self.button.setEnabled(self._busy or bool(self.input.toPlainText().strip()))

    def _pressed(self) -> None:
        if self._busy:
            self.stopped.emit()
        else:
            self.sent.emit()

    def _pressed_enter(self) -> None:
        if not self._busy and self.input.toPlainText().strip():
            self.sent.emit()

    def _model_activated(self) -> None:
        self.model_chosen.emit(self.model_path)

    def _focus_changed(self, focused: bool) -> None:
        self.setProperty("focused", "true" if focused else "false")
        self.style().unpolish(self)
        self.style().polish(self)

    def keep_to(self, height: int) -> None:
        """Let the input grow to a third of the room's height."""
        self.input.set_most(height // 3)

    def focus(self) -> None:
        """Put the keyboard here."""
        self.input.setFocus(Qt.FocusReason.OtherFocusReason)
