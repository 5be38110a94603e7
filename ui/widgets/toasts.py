"""Small passing notices, stacked at the top of a window: eight seconds each, longer while somebody is at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QEnterEvent, QKeyEvent
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QWidget

from ui.widgets.cards import button, label

SECONDS = 8
AFTER_LOOK_SECONDS = 3
"""What a notice has at least once the mouse or the keyboard has left it."""
AT_ONCE = 3
MOST_WAITING = 30
MOST_UNDO = 50
_LETTERS = 160


@dataclass(eq=False)
class Undo:
    """What can be undone: its words and how. `done` once it was."""

    words: str
    act: Callable[[], object]
    done: bool = field(default=False)


@dataclass(frozen=True, slots=True)
class ToastWords:
    """What a notice says by itself: of the button that takes it away, and "{action}: {notice}" for a screen reader."""

    dismiss: str
    named: str = "{action}: {notice}"


def announce(widget: QWidget, words: str) -> None:
    """Have it read aloud by a screen reader, without moving the keyboard."""
    if QAccessible.isActive():
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, words))


class Notice(QFrame):
    """One notice. Its time stands still while it is `held`."""

    gone = Signal()
    touched = Signal()
    """The mouse or the keyboard came or left."""

    def __init__(self, words: str, button_text: str, act: Callable[[], object] | None, said: ToastWords, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("toast")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.act = act
        self.words = words
        self.button_text = button_text
        self.remaining_ms = SECONDS * 1000
        self.hovered = False
        self.setAccessibleName(words)
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 8, 8)
        row.setSpacing(12)
        self.label = label(words)
        row.addWidget(self.label, 1)
        shown = words if len(words) <= 60 else words[:58] + "…"
        self.button = button(button_text, name=said.named.format(action=button_text, notice=shown))
        self.button.setVisible(bool(button_text))
        self.button.clicked.connect(self.press)
        row.addWidget(self.button)
        self.dismiss = button("×", "dismiss", name=said.named.format(action=said.dismiss, notice=shown))
        self.dismiss.setToolTip(said.dismiss)
        self.dismiss.clicked.connect(self.gone)
        row.addWidget(self.dismiss)
        for each in (self.button, self.dismiss):
            each.installEventFilter(self)

    def press(self) -> None:
        """Do what the button says; the notice goes."""
        act, self.act = self.act, None
        self.gone.emit()
        if act is not None:
            act()

    @property
    def held(self) -> bool:
        """Somebody is looking at it."""
        return self.hovered or self.button.hasFocus() or self.dismiss.hasFocus()

    def wide(self, most: int) -> None:
        """As wide as its words, at most this many pixels; then they stand on several lines."""
        margins = self._row.contentsMargins()
        others = sum(each.sizeHint().width() + 12 for each in (self.button, self.dismiss) if not each.isHidden())
        words_wide = self.label.fontMetrics().horizontalAdvance(self.words) + 4
        width = min(most, words_wide + others + margins.left() + margins.right())
        self.setFixedWidth(width)
        room = width - others - margins.left() - margins.right()
        high = self.label.heightForWidth(room) if self.label.hasHeightForWidth() else self.label.sizeHint().height()
        self.setFixedHeight(max(high, self.dismiss.sizeHint().height()) + margins.top() + margins.bottom())

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.hovered = True
        self.touched.emit()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.hovered = False
        self.touched.emit()

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self.touched.emit()
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Escape:
            self.gone.emit()
            return True
        return False


class Toasts(QObject):
    """The notices of one window. They are no part of its content: it may be built anew below them."""

    TICK_MS = 100

    def __init__(self, window: QWidget, words: ToastWords) -> None:
        super().__init__(window)
        self._window = window
        self.words = words
        self.shown: list[Notice] = []
        self._waiting: list[tuple[str, str, Callable[[], object] | None]] = []
        self._undo: list[Undo] = []
        self._back: QWidget | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(self.TICK_MS)
        self._timer.timeout.connect(self._tick)

    def say(self, words: str, button_text: str = "", act: Callable[[], object] | None = None) -> None:
        """Show a notice with a button or without. One that says the same only begins its time anew."""
        words = words if len(words) <= _LETTERS else words[: _LETTERS - 2] + "…"
        if act is None and any(notice.words == words and notice.act is None for notice in self.shown):
            for notice in self.shown:
                if notice.words == words:
                    notice.remaining_ms = SECONDS * 1000
            announce(self._window, words)
            return
        if len(self.shown) >= AT_ONCE:
            # A plain notice gives way at once; what can be undone is waited for.
            plain = next((notice for notice in self.shown if notice.act is None and not notice.held), None)
            if plain is None:
                self._waiting = [*self._waiting, (words, button_text, act)][-MOST_WAITING:]
                return
            self._take_away(plain)
        self._show(words, button_text, act)

    def say_undo(self, words: str, button_text: str, act: Callable[[], object]) -> Undo:
        """Show a notice with a button that undoes. `undo_last` can do it later too."""
        undo = Undo(words, act)
        self._undo = [*self._undo, undo][-MOST_UNDO:]
        self.say(words, button_text, lambda: self._do(undo))
        return undo

    @property
    def can_undo(self) -> bool:
        """Whether there is anything that `undo_last` would undo."""
        return bool(self._undo)

    def undo_last(self) -> bool:
        """Undo what was done last and is not undone yet; False when there is nothing."""
        if not self._undo:
            return False
        undo = self._undo[-1]
        self._waiting = [one for one in self._waiting if one[0] != undo.words]
        for notice in self.shown:
            if notice.words == undo.words and notice.act is not None:
                self._take_away(notice)
                break
        self._do(undo)
        return True

    def _do(self, undo: Undo) -> None:
        if not undo.done:
            undo.done = True
            self._undo.remove(undo)
            undo.act()

    def said(self) -> list[str]:
        """The words of the notices in sight, the oldest first."""
        return [notice.words for notice in self.shown]

    def press(self) -> None:
        """Press the button of the newest notice that has one."""
        for notice in reversed(self.shown):
            if notice.act is not None:
                notice.press()
                return

    def focus(self) -> bool:
        """Put the keyboard on the newest notice; False when there is none. It goes back where it was when the notice goes."""
        if not self.shown:
            return False
        notice = self.shown[-1]
        self._back = QApplication.focusWidget()
        (notice.button if notice.act is not None else notice.dismiss).setFocus(Qt.FocusReason.ShortcutFocusReason)
        return True

    def raise_(self) -> None:
        """Bring the notices above what was built below them."""
        for notice in self.shown:
            notice.raise_()

    def _show(self, words: str, button_text: str, act: Callable[[], object] | None) -> None:
        notice = Notice(words, button_text, act, self.words, self._window)
        notice.gone.connect(lambda: self._take_away(notice))
        self.shown.append(notice)
        self._place()
        notice.show()
        notice.raise_()
        self._timer.start()
        announce(self._window, f"{words} {button_text}".strip())

    def _take_away(self, notice: Notice) -> None:
        if notice not in self.shown:
            return
        had_focus = notice.button.hasFocus() or notice.dismiss.hasFocus()
        self.shown.remove(notice)
        notice.hide()
        notice.deleteLater()
        if had_focus and self._back is not None:
            try:
                self._back.setFocus(Qt.FocusReason.OtherFocusReason)
            except RuntimeError:  # what had the keyboard is gone
                self._window.setFocus()
        while self._waiting and len(self.shown) < AT_ONCE:
            self._show(*self._waiting.pop(0))
        self._place()
        if not self.shown:
            self._timer.stop()

    def _tick(self) -> None:
        if any(notice.held for notice in self.shown):
            for notice in self.shown:
                notice.remaining_ms = max(notice.remaining_ms, AFTER_LOOK_SECONDS * 1000)
            return
        for notice in list(self.shown):
            notice.remaining_ms -= self.TICK_MS
            if notice.remaining_ms <= 0:
                self._take_away(notice)

    def _place(self) -> None:
        top = 12
        for notice in self.shown:
            notice.wide(min(640, self._window.width() - 48))
            notice.move((self._window.width() - notice.width()) // 2, top)
            top += notice.height() + 8

    def place(self) -> None:
        """Stand where they belong; the window calls it when its size changes."""
        if self.shown:
            self._place()
