"""A person's hand at the real window: finds things by the words a person sees or hears, clicks, types, and takes pictures.

Nothing here calls a page's own methods: what has no place on the screen and no key can't be done with it.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from PySide6.QtCore import QKeyCombination, QModelIndex, QPoint, Qt
from PySide6.QtGui import QAction, QImage, QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractItemView, QApplication, QCheckBox, QLineEdit, QMenu, QPlainTextEdit, QTextEdit, QWidget

from tests.ui.conftest import Opened

PATIENCE_S = 20.0


class NotThere(AssertionError):
    """What a person looked for is not on the screen; the words that are there are listed."""


class Hand:
    """Pictures go into the folder named by LOCALSTORY_PICTURES, or into `pictures`."""

    def __init__(self, opened: Opened, pictures: Path) -> None:
        self.opened = opened
        self.folder = Path(os.environ.get("LOCALSTORY_PICTURES") or pictures)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.taken: list[Path] = []

    # -- looking -------------------------------------------------------------------------------------------------------

    @property
    def front(self) -> QWidget:
        """What has the person's attention: an open menu or dialog before the window below it."""
        popup = QApplication.activePopupWidget()
        if popup is not None:
            return popup
        modal = QApplication.activeModalWidget()
        if modal is not None:
            return modal
        active = QApplication.activeWindow()
        return active if active is not None and active.isVisible() else self.opened.window

    def seen(self, within: QWidget | None = None) -> Iterator[QWidget]:
        """Every visible widget of the front window, outermost first."""
        root = within if within is not None else self.front
        yield root
        for widget in root.findChildren(QWidget):
            if widget.isVisible():
                yield widget

    def find(self, words: str, kind: type[QWidget] = QWidget, within: QWidget | None = None) -> QWidget:
        """The one visible widget of this kind whose accessible name or text is `words`, or begins so. Raises NotThere."""
        exact, begins = [], []
        for widget in self.seen(within):
            if isinstance(widget, kind):
                names = names_of(widget)
                if words in names:
                    exact.append(widget)
                elif any(name.startswith(words) for name in names):
                    begins.append(widget)
        for found in (exact, begins):
            usable = [widget for widget in found if widget.isEnabled() and widget.focusPolicy() != Qt.FocusPolicy.NoFocus] or found
            if usable:
                return usable[0]
        raise NotThere(
            f"{words!r} as {kind.__name__}; there is: " + "; ".join(sorted({name for widget in self.seen(within) for name in names_of(widget)}))[:3000]
        )

    def sees(self, words: str, within: QWidget | None = None) -> bool:
        """True when these words stand anywhere in the front window (in texts, too)."""
        return any(words in text for widget in self.seen(within) for text in [*names_of(widget), *texts_of(widget)])

    def wait_for(self, what: str | Callable[[], object], seconds: float = PATIENCE_S) -> None:
        """Until these words are seen, or this is true."""
        end = time.monotonic() + seconds
        while not (self.sees(what) if isinstance(what, str) else what()):
            if time.monotonic() > end:
                shown = "; ".join(sorted({name for widget in self.seen() for name in names_of(widget)}))
                raise NotThere(f"waited {seconds:.0f} s for {what!r}; there is: {shown[:3000]}")
            self.opened.qtbot.wait(10)

    # -- doing ---------------------------------------------------------------------------------------------------------

    def click(self, what: str | QWidget, kind: type[QWidget] = QWidget, *, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
        """Click the middle of a widget, given or found by its words."""
        widget = what if isinstance(what, QWidget) else self.find(what, kind)
        assert widget.isEnabled(), f"{what!r} is greyed out: {widget.toolTip()}"
        # A check box takes clicks on its box and words alone, which may be much narrower than the widget.
        place = QPoint(10, widget.height() // 2) if isinstance(widget, QCheckBox) else widget.rect().center()
        QTest.mouseClick(widget, button, Qt.KeyboardModifier.NoModifier, place)
        self.settle()

    def click_row(self, view: QAbstractItemView, words: str, *, with_keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier, twice: bool = False) -> None:
        """Click the row that shows these words."""
        at = self.row(view, words)
        view.scrollTo(at)
        place = view.visualRect(at).center()
        (QTest.mouseDClick if twice else QTest.mouseClick)(view.viewport(), Qt.MouseButton.LeftButton, with_keys, place)
        self.settle()

    def row(self, view: QAbstractItemView, words: str) -> QModelIndex:
        """The first row, at any depth, whose text has these words. Raises NotThere."""
        shown = []
        for at in rows_of(view):
            text = str(at.data(Qt.ItemDataRole.DisplayRole) or "")
            shown.append(text)
            if words in text:
                return at
        raise NotThere(f"a row with {words!r}; there is: {shown[:60]}")

    def choose(self, *path: str) -> None:
        """Choose from the open menu, by words; sub-menus one after another. The `…` and the `&` of a text don't matter."""
        for words in path:
            menu = self.front
            assert isinstance(menu, QMenu), f"no menu is open for {words!r}"
            action = next((one for one in menu.actions() if plain(one.text()) == plain(words)), None)
            if action is None:
                raise NotThere(f"{words!r} in the menu; there is: {[plain(one.text()) for one in menu.actions()]}")
            assert action.isEnabled(), f"{words!r} is greyed out: {action.toolTip()}"
            self._press(menu, action)

    def _press(self, menu: QMenu, action: QAction) -> None:
        sub = action.menu()
        QTest.mouseClick(menu, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, menu.actionGeometry(action).center())
        if isinstance(sub, QMenu) and not sub.isVisible():
            menu.setActiveAction(action)
            QTest.keyClick(menu, Qt.Key.Key_Right)
        self.settle()

    def right_click(self, view: QAbstractItemView, words: str) -> None:
        """The context menu of a row. The menu must not block (`popup`, not `exec`)."""
        at = self.row(view, words)
        view.scrollTo(at)
        place = view.visualRect(at).center()
        QTest.mouseClick(view.viewport(), Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, place)
        view.customContextMenuRequested.emit(place)
        self.settle()
        self.wait_for(lambda: isinstance(QApplication.activePopupWidget(), QMenu), 3)

    def key(self, keys: str, times: int = 1) -> None:
        """Press keys ("Ctrl+Shift+P", "F6", "Down") where the keyboard is."""
        self.settle()
        for _time in range(times):
            popup = QApplication.activePopupWidget()
            target = popup if isinstance(popup, QMenu) else (popup.focusWidget() if popup is not None else None) or QApplication.focusWidget() or self.front
            pressed = QKeyCombination.fromCombined(QKeySequence(keys)[0].toCombined())  # type: ignore[index]
            QTest.keyClick(target, pressed.key(), pressed.keyboardModifiers())
            self.settle()

    def tab_to(self, words: str, kind: type[QWidget] = QWidget) -> None:
        """With Tab to the widget of these words: what Tab does not reach can't be used without a mouse."""
        wanted = self.find(words, kind)
        for _step in range(80):
            if QApplication.focusWidget() is wanted:
                return
            self.key("Tab")
        raise NotThere(f"{words!r} by Tab")

    def type(self, text: str) -> None:
        """Type where the keyboard is; letters that no key event can carry are put in as an input method does."""
        self.settle()
        target = QApplication.focusWidget()
        assert target is not None, "the keyboard is nowhere"
        if text.isascii():
            QTest.keyClicks(target, text)
        elif isinstance(target, QLineEdit):
            target.insert(text)
        elif isinstance(target, QPlainTextEdit | QTextEdit):
            cursor = target.textCursor()
            cursor.insertText(text)
        else:
            raise NotThere(f"a place to write, not {type(target).__name__}")
        self.settle()

    def clear(self) -> None:
        """Empty the line or the text that has the keyboard."""
        self.key("Ctrl+A")
        self.key("Backspace")

    def act(self, words: str) -> None:
        """Find an action in the palette by its words and take it, as a person does who doesn't know its key."""
        self.key("Ctrl+Shift+P")
        self.type(words)
        self.key("Return")

    def drag(self, view: QAbstractItemView, words: str, onto: str) -> None:
        """Drag a row onto the middle of another. Qt's own drag loop can't run in a test, so its events are sent to the view."""
        from PySide6.QtCore import QMimeData, QPointF
        from PySide6.QtGui import QDragEnterEvent, QDragMoveEvent, QDropEvent

        source, target = self.row(view, words), self.row(view, onto)
        self.click_row(view, words)
        data = view.model().mimeData([source])
        assert isinstance(data, QMimeData), "this list can't be dragged"
        view.scrollTo(target)
        place = view.visualRect(target).center()
        given = (Qt.DropAction.MoveAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
        QApplication.sendEvent(view.viewport(), QDragEnterEvent(place, *given))
        QApplication.sendEvent(view.viewport(), QDragMoveEvent(place, *given))
        QApplication.sendEvent(view.viewport(), QDropEvent(QPointF(place), *given))
        self.settle()

    def settle(self) -> None:
        """Let the window and the core finish what can be finished; a reply that is being written is not waited for."""
        modal, active = QApplication.activeModalWidget(), QApplication.activeWindow()
        if QApplication.activePopupWidget() is None and (active is None or (modal is not None and active is not modal)):
            (modal or self.opened.window).activateWindow()  # as a desktop does when a menu closes
        self.opened.qtbot.wait(15)

    # -- pictures ------------------------------------------------------------------------------------------------------

    def picture(self, name: str) -> Path:
        """The whole window as a PNG, with an open dialog or menu on top of it. Asserts that there is something on it."""
        window = self.opened.window
        image = window.grab().toImage()
        front = self.front
        if front.window() is not window and front is not window:
            from PySide6.QtGui import QPainter

            painter = QPainter(image)
            at = window.mapFromGlobal(front.mapToGlobal(QPoint(0, 0)))
            painter.drawImage(QPoint(max(0, at.x()), max(0, at.y())), front.grab().toImage())
            painter.end()
        assert colours_of(image) > 20, f"{name}: an empty picture"
        path = self.folder / f"{name}.png"
        assert image.save(str(path)), path
        self.taken.append(path)
        return path


def colours_of(image: QImage) -> int:
    """How many colours a coarse grid over the picture meets."""
    return len({image.pixel(x, y) for x in range(0, image.width(), 7) for y in range(0, image.height(), 7)})


def plain(text: str) -> str:
    """A text of a menu or button without its mnemonic, dots and shortcut."""
    return re.sub(r"&(?!&)", "", text).split("\t")[0].removesuffix("…").strip()


def names_of(widget: QWidget) -> list[str]:
    """The names that a person sees or hears for a widget."""
    made = [widget.accessibleName()]
    for reader in ("text", "placeholderText", "title"):
        got = getattr(widget, reader, None)
        if callable(got) and not isinstance(widget, QTextEdit | QPlainTextEdit):
            said = got()
            if isinstance(said, str):
                made.append(plain(said))
    return [name for name in made if name]


def texts_of(widget: QWidget) -> list[str]:
    """The longer texts that stand in a widget."""
    if isinstance(widget, QTextEdit | QPlainTextEdit):
        return [widget.toPlainText()]
    if isinstance(widget, QMenu):
        return [plain(action.text()) for action in widget.actions()]
    if isinstance(widget, QAbstractItemView):
        return [str(at.data(Qt.ItemDataRole.DisplayRole) or "") for at in rows_of(widget)]
    return []


def rows_of(view: QAbstractItemView) -> Iterator[QModelIndex]:
    """Every index of the first column, depth first."""
    model = view.model()
    if model is None:
        return

    def under(parent: QModelIndex) -> Iterator[QModelIndex]:
        for number in range(model.rowCount(parent)):
            at = model.index(number, 0, parent)
            yield at
            yield from under(at)

    yield from under(QModelIndex())
