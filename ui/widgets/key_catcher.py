"""A field that takes the next keys pressed as a shortcut."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QKeyCombination, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence
from PySide6.QtWidgets import QLineEdit

_ALONE = {Qt.Key.Key_Control, Qt.Key.Key_Shift, Qt.Key.Key_Alt, Qt.Key.Key_Meta, Qt.Key.Key_AltGr, Qt.Key.Key_CapsLock, Qt.Key.Key_unknown}
_WALKING = {Qt.Key.Key_Tab, Qt.Key.Key_Backtab, Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter}
"""Alone or with Shift they leave the field: whoever has no mouse must get out of it."""


class KeyCatcher(QLineEdit):
    """Emits the keys in Qt's portable writing. Letters without Ctrl, Alt or Meta are no shortcuts: one writes with them."""

    caught = Signal(str)
    refused = Signal()

    def __init__(self, placeholder: str) -> None:
        super().__init__()
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(placeholder)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)

    def event(self, event: QEvent) -> bool:
        # The window's own shortcuts rest while the field has the keyboard.
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, modifiers = Qt.Key(event.key()), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if key in _ALONE:
            return
        if key in _WALKING and not modifiers & ~Qt.KeyboardModifier.ShiftModifier:
            event.ignore()
            return
        if event.text() and event.text().isprintable() and modifiers & Qt.KeyboardModifier.ShiftModifier and not key.name[4:].isalpha():
            # Shift is what made "+" of "=": the shortcut is Ctrl++, whatever keyboard it is pressed on.
            modifiers &= ~Qt.KeyboardModifier.ShiftModifier
        strong = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier
        is_function = Qt.Key.Key_F1 <= key <= Qt.Key.Key_F35
        if not modifiers & strong and not is_function:
            self.refused.emit()
            return
        written = QKeySequence(QKeyCombination(modifiers, key)).toString(QKeySequence.SequenceFormat.PortableText)
        if written:
            self.caught.emit(written)
