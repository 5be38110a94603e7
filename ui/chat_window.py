"""A window of its own for one chat, beside the main one: both show the same core live."""

from __future__ import annotations

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from localstory.words import _
from ui import theme
from ui.base_window import BaseWindow, run_at_most
from ui.bridge import Bridge
from ui.layout_memory import Memory
from ui.pages.chat.page import ChatPage
from ui.room_actions import add_chat_actions
from ui.widgets.folding import FoldingFrame

SIZE = "chat_window.size"
USUAL_SIZE = [720, 760]


class ChatWindow(BaseWindow):
    """The room of chats alone: no rail, the list folded away."""

    closed = Signal()

    def __init__(self, bridge: Bridge, memory: Memory, chat_id: int, beside: QWidget) -> None:
        super().__init__(bridge, memory)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumSize(480, 400)
        self.is_closed = False
        size = memory.get(SIZE, USUAL_SIZE)
        width, height = size if len(size) == 2 else USUAL_SIZE
        self._stand_beside(beside, min(max(width, 480), 8000), min(max(height, 400), 5000))
        self._folds = (True, True)
        self._build(chat_id)

    def _stand_beside(self, other: QWidget, width: int, height: int) -> None:
        """To the right of the other window where there is room, else a little aside of it."""
        screen = other.screen() or QGuiApplication.primaryScreen()
        room = screen.availableGeometry() if screen is not None else QRect(0, 0, 1280, 800)
        width, height = min(width, room.width()), min(height, room.height())
        right = other.frameGeometry().right() + 8
        x = right if right + width <= room.right() else min(other.x() + 48, max(room.left(), room.right() - width))
        y = min(max(other.y() + (0 if x == right else 48), room.top()), max(room.top(), room.bottom() - height))
        self.setGeometry(x, y, width, height)

    def _build(self, chat_id: int) -> None:
        self.desk = self._make_desk()
        self.chat = ChatPage(self.desk)
        self.frame = FoldingFrame((self.memory.layout.pane_width, self.memory.layout.side_width), self._folds)
        self.frame.add(self.chat.pane, self.chat.place, self.chat.side)
        whole = QWidget()
        rows = QVBoxLayout(whole)
        rows.setContentsMargins(0, 0, 0, 0)
        columns = QHBoxLayout()
        edge = QFrame()
        edge.setObjectName("rail")
        edge.setFixedWidth(0)
        columns.addWidget(edge)
        columns.addWidget(self.frame, 1)
        rows.addLayout(columns, 1)
        self._whole = whole
        self.setCentralWidget(whole)
        self.frame.show_page(0, has_pane=True, has_side=True)
        self._register_actions()
        self._actions.enter("chat")
        self.chat.entered(chat_id or "new")
        self._show_title()
        self.chat.titled.connect(self._show_title)
        self.setWindowIcon(theme.icon("chat"))

    def _register_actions(self) -> None:
        add, part = self._actions.add, "view"
        add_chat_actions(self.desk, self.chat, self.chat.new_chat, lambda: self.desk.open_window(self.chat.chat_id or 0))
        add("view.pane", _("Fold the list"), lambda: self.frame.fold(0, not self.frame.is_folded(0)), shortcut="Ctrl+B", icon="panel-left", menu=part)
        add(
            "view.side", _("Fold the side panel"), lambda: self.frame.fold(1, not self.frame.is_folded(1)), shortcut="Ctrl+Alt+B", icon="panel-right", menu=part
        )
        self._base_actions()
        add("help.menu", _("Menu"), self._open_menu, shortcut="F10")
        add("window.close", _("Close this window"), self.close, shortcut="Ctrl+W", icon="close", menu="quit")
        self._actions.use_shortcuts(self._app.settings.shortcuts)

    def _open_menu(self) -> None:
        self._open_menu_at(self.mapToGlobal(self.rect().topLeft()))

    def open_chat(self, chat_id: int) -> None:
        self.chat.open(chat_id)

    def _show_title(self) -> None:
        self.setWindowTitle(f"{self.chat.heading.text()} – localstory")

    def rebuild(self) -> None:
        """Speak and look as the settings say from now on."""
        self._folds = (self.frame.is_folded(0), self.frame.is_folded(1))
        self.chat.left()
        run_at_most(1.0, lambda: self.chat.is_storing)
        chat_id = self.chat.chat_id or 0  # a new chat is one now, if something was typed into it
        self._actions.clear()
        old_desk, old = self.desk, self._whole
        self.takeCentralWidget()
        old_desk.deleteLater()
        old.hide()
        old.deleteLater()
        self._build(chat_id)

    def closeEvent(self, event: QCloseEvent) -> None:
        if not self.is_closed:
            self.is_closed = True
            self._write_timer.stop()
            self.chat.left()
            run_at_most(1.0, lambda: self.chat.is_storing)
            self.desk.remember(SIZE, [self.width(), self.height()])
            self.desk.deleteLater()  # with the page: it hears nothing more of the core
            self.closed.emit()
        event.accept()
