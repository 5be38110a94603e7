"""Links in messages: only the web and mail, only after asking, with the real host in sight."""

from __future__ import annotations

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox, QWidget

from localstory.words import _
from ui.pages.chat import state


def open_link(safe: str, parent: QWidget) -> None:
    """Ask, then open an address that `state.safe_link` let pass."""
    box = QMessageBox(QMessageBox.Icon.Question, _("Open a link"), _("Open this address in your browser?"), parent=parent)
    box.setInformativeText(f"{state.host_of(safe)}\n\n{safe[:500]}")
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setStandardButtons(QMessageBox.StandardButton.Open | QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(QMessageBox.StandardButton.Cancel)
    if box.exec() == QMessageBox.StandardButton.Open:
        QDesktopServices.openUrl(QUrl(safe))
    box.deleteLater()
