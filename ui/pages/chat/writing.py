"""Where a message is written: the growing input with the model's name and the button that sends or stops."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QComboBox, QFrame, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from localstory.words import _
from ui import theme
from ui.pages.chat.choices import Choice
from ui.widgets.cards import button, label
from ui.widgets.combo import ComboBox
from ui.widgets.growing_input import GrowingInput


class WritingBox(QFrame):
    """The input and what stands below it."""

    sent = Signal()
    stopped = Signal()
    model_chosen = Signal(object)
    """A `Choice.key`."""
    look_wanted = Signal(bool)
    """Look for models and servers: True when the person says so, False when the list opens."""
    memory_wanted = Signal(bool)
    """Load the chosen model (True), or free its memory."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("writing")
        self._busy = self._moving = False
        self._chosen: Choice | None = None
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
        row = self._row = QHBoxLayout()
        row.setSpacing(8)
        self.models = ComboBox()
        self.models.setProperty("kind", "plain")
        self.models.setAccessibleName(_("Model for the next reply"))
        self.models.setToolTip(_("Model for the next reply"))
        self.models.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.models.setMinimumContentsLength(14)
        self.models.setMaximumWidth(320)
        self.models.activated.connect(self._model_activated)
        self.models.opening.connect(self._list_opens)
        self._choices: list[Choice] = []
        self._look = QToolButton()
        self._look.setIcon(theme.icon("again", theme.look().quiet, size=16))
        self._look.setIconSize(theme.icon_size(16))
        self._look.setToolTip(_("Look for models and servers again"))
        self._look.setAccessibleName(_("Look for models and servers again"))
        self._look.clicked.connect(self._look_pressed)
        self._memory = button("", "link")
        self._memory.clicked.connect(self._memory_pressed)
        self._memory.hide()
        self.hint = label("", "small", wrap=False)
        self.button = QToolButton()
        self.button.setProperty("kind", "send")
        self.button.setIconSize(theme.icon_size(20))
        self.button.clicked.connect(self._pressed)
        row.addWidget(self.models)
        row.addWidget(self._look)
        row.addWidget(self._memory)
        row.addStretch(1)
        row.addWidget(self.hint)
        row.addWidget(self.button)
        column.addLayout(row)
        self.set_busy(False)

    def set_enter_sends(self, enter_sends: bool) -> None:
        """Say and do what Enter means."""
        self.input.enter_sends = enter_sends
        self.hint.setText(_("Enter sends, Shift+Enter is a new line") if enter_sends else _("Ctrl+Enter sends"))
        self._make_room()

    def set_choices(self, choices: Sequence[Choice], chosen: Choice | None) -> None:
        """Who can write, in groups, and who does."""
        listed = [*choices, *([chosen] if chosen is not None and chosen.is_away else [])]
        if listed != self._choices or self.models.count() == 0:
            self._choices = listed
            self.models.show_groups(_grouped(listed), none=_("No model yet"))
        self._chosen = chosen
        if chosen is not None:
            self.models.choose(chosen.key)
        self.models.setToolTip(f"{chosen.group}\n{chosen.line}" if chosen is not None else _("Model for the next reply"))
        self._show_memory()
        self._refresh()

    def _show_memory(self) -> None:
        chosen = self._chosen
        loads = chosen is not None and chosen.can_load and not chosen.loaded
        frees = chosen is not None and chosen.can_unload and bool(chosen.loaded)
        self._memory.setVisible(loads or frees)
        self._memory.setText(_("Load") if loads else _("Unload"))
        title = chosen.title if chosen is not None else ""
        self._memory.setAccessibleName((_("Load {model} now") if loads else _("Free the memory of {model}")).format(model=title))
        self._memory.setToolTip(self._memory.accessibleName())
        self._memory.setEnabled(not self._busy and not self._moving)
        self._make_room()

    def set_moving(self, moving: bool) -> None:
        """While a model is being loaded or unloaded."""
        self._moving = moving
        self._show_memory()

    def _list_opens(self) -> None:
        self.look_wanted.emit(False)

    def _look_pressed(self) -> None:
        self.look_wanted.emit(True)

    def _memory_pressed(self) -> None:
        self.memory_wanted.emit(self._chosen is not None and not self._chosen.loaded)

    @property
    def model_path(self) -> str:
        """The path of the chosen model, or a server's name for it; "" when there is none."""
        key = self.models.currentData()
        return str(key[2]) if key else ""

    @property
    def is_busy(self) -> bool:
        """True while a reply is written here."""
        return self._busy

    def set_busy(self, busy: bool) -> None:
        """While a reply is written the button stops it."""
        self._busy = busy
        words = _("Stop writing (Esc)") if busy else _("Send")
        self.button.setIcon(theme.icon("stop" if busy else "send", theme.look().on_accent, stateful=True))
        self.button.setToolTip(words)
        self.button.setAccessibleName(words)
        self._show_memory()
        self._refresh()

    def _refresh(self) -> None:
        self.button.setEnabled(self._busy or bool(self.input.toPlainText().strip()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._make_room()

    def _make_room(self) -> None:
        """The hint gives way to the buttons."""
        parts = (self.models, self._look, self.button, *((self._memory,) if not self._memory.isHidden() else ()))
        taken = sum(part.sizeHint().width() + self._row.spacing() for part in parts) + 24
        self.hint.setVisible(taken + self.hint.sizeHint().width() <= self.width())

    def _pressed(self) -> None:
        if self._busy:
            self.stopped.emit()
        else:
            self.sent.emit()

    def _pressed_enter(self) -> None:
        if not self._busy and self.input.toPlainText().strip():
            self.sent.emit()

    def _model_activated(self) -> None:
        if (key := self.models.currentData()) is not None:
            self.model_chosen.emit(tuple(key))

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


def _grouped(choices: Sequence[Choice]) -> list[tuple[str, list[tuple[str, tuple[str, str, str]]]]]:
    groups: dict[str, list[tuple[str, tuple[str, str, str]]]] = {}
    for one in choices:
        groups.setdefault(one.group, []).append((one.line, one.key))
    return list(groups.items())
