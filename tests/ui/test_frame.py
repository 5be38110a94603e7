"""The frame that all rooms use: remembered, reachable by keyboard, readable by a screen reader, whole in every language."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QPushButton, QToolButton, QWidget

from localstory import words
from localstory.engines.base import PromptTooLong
from localstory.engines.text.fake import FakeTextEngine
from localstory.settings import Settings, read_settings
from tests.ui.conftest import Opened
from ui import looks, theme

ROOMS = ("home", "chat", "story", "models", "machine", "settings")


def focusable(root: QWidget) -> list[QWidget]:
    return [
        widget
        for widget in root.findChildren(QWidget)
        if widget.isVisible() and widget.focusPolicy() & Qt.FocusPolicy.TabFocus and widget.isEnabled() and widget.focusProxy() is None
    ]


def fill(opened: Opened) -> None:
    """A chat with siblings and trouble, so that every kind of row is there."""
    opened.engine = FakeTextEngine(["One.", "Two, `code`.\n\n```python\nprint(1)\n```\n", PromptTooLong(9132, 8192)])
    opened.open(Settings(level="developer"), size=(1200, 800))
    opened.window.go("chat")
    for action in ("first", "again", "second"):
        if action == "again":
            opened.chat.again_last()
        else:
            opened.chat.box.input.setPlainText(action)
            opened.chat.send()
        opened.settle()
    opened.window.frame.fold(1, False)


def test_tab_reaches_everything(opened: Opened) -> None:
    fill(opened)
    with opened.qtbot.waitActive(opened.window):
        opened.window.activateWindow()
    for room in ROOMS:
        opened.window.go(room)
        opened.settle()
        wanted = set(map(id, focusable(opened.window)))
        reached = set()
        for _press in range(3 * len(wanted)):
            focus = QApplication.focusWidget()
            assert focus is not None
            reached.add(id(focus))
            QTest.keyClick(focus, Qt.Key.Key_Tab)
        missing = [widget.accessibleName() or repr(widget) for widget in focusable(opened.window) if id(widget) in wanted - reached]
        # One button of the rail stands for all: the arrows go between them, as between radio buttons.
        missing = [name for name in missing if not name.startswith("Room:")]
        assert not missing, f"{room}: {missing}"


def test_a_chat_by_keyboard_alone(opened: Opened) -> None:
    opened.open()
    with opened.qtbot.waitActive(opened.window):
        opened.window.activateWindow()

    def press(key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        QTest.keyClick(QApplication.focusWidget() or opened.window, key, modifier)
        opened.qtbot.wait(20)

    control = Qt.KeyboardModifier.ControlModifier
    press(Qt.Key.Key_N, control)
    assert opened.window.room == "chat"
    QTest.keyClicks(opened.chat.box.input, "hello")
    assert opened.chat.box.input.hasFocus()
    press(Qt.Key.Key_Return)
    opened.settle()
    assert len(opened.chat.view.browsers) == 2
    press(Qt.Key.Key_R, control)
    opened.settle()
    assert opened.chat._chats.tree(opened.app.chats.all()[0].id).siblings(opened.app.chats.all()[0].tip_id)[1:]  # type: ignore[arg-type]
    press(Qt.Key.Key_Comma, control)
    assert opened.window.room == "settings"
    press(Qt.Key.Key_F6)
    press(Qt.Key.Key_F6)
    for number, room in enumerate(ROOMS[:-1], 1):
        press(Qt.Key(Qt.Key.Key_0.value + number), control)
        assert opened.window.room == room
    press(Qt.Key.Key_P, control | Qt.KeyboardModifier.ShiftModifier)
    palette = QApplication.activePopupWidget()
    assert palette is not None
    line = opened.window.findChildren(QWidget, "popup")
    assert line
    QTest.keyClicks(palette.line, "settings")  # type: ignore[attr-defined]
    QTest.keyClick(palette.line, Qt.Key.Key_Return)  # type: ignore[attr-defined]
    opened.qtbot.wait(20)
    assert opened.window.room == "settings"


def test_the_palette_knows_every_action_and_no_shortcut_is_taken_twice(opened: Opened) -> None:
    opened.open()
    entries = opened.window.desk.actions.all()
    assert len(entries) > 15
    shortcuts = [entry.action.shortcut().toString() for entry in entries if not entry.action.shortcut().isEmpty()]
    assert len(shortcuts) == len(set(shortcuts))
    assert all(entry.action.text() for entry in entries)
    with pytest.raises(ValueError, match="taken"):
        opened.window.desk.actions.add("other", "Other", lambda: None, shortcut="Ctrl+N")


def test_jump_finds_a_chat_by_a_part_of_its_name(opened: Opened) -> None:
    opened.open()
    opened.window.go("chat")
    opened.chat.box.input.setPlainText("Đường về nhà")
    opened.chat.send()
    opened.settle()
    chat = opened.chat.chat_id
    opened.window._new_chat()
    opened.window.go("home")
    opened.window.desk.actions["go.jump"].trigger()
    palette = QApplication.activePopupWidget()
    assert palette is not None
    palette.line.setText("duong nha")  # type: ignore[attr-defined]
    QTest.keyClick(palette.line, Qt.Key.Key_Return)  # type: ignore[attr-defined]
    opened.settle()  # Enter came before the chats were read: it waits for them
    assert opened.window.room == "chat"
    assert opened.chat.chat_id == chat


def test_widths_folds_size_and_the_last_place_are_remembered(opened: Opened) -> None:
    window = opened.open(size=(1280, 720))
    window.go("chat")
    window.frame.fold(1, False)
    opened.settle()
    window.frame.setSizes([300, 700, 280])
    window.frame._moved()
    left, right = window.frame.widths
    assert abs(left - 300) < 20
    window.go("models")
    again = opened.reopen()
    assert again.room == "models"
    assert again.frame.widths == (left, right)
    assert not again.frame.is_folded(1)


def test_a_broken_memory_of_the_window_is_no_trouble(opened: Opened) -> None:
    opened.home.mkdir(parents=True)
    (opened.home / "window.json").write_text('{"width": "wide", "room": "cellar", "pane_width": -5, "chat": 99}')
    assert opened.open().room == "home"


def test_language_and_look_change_at_once_and_are_kept(opened: Opened) -> None:
    window = opened.open(Settings(language="en", theme="light"))
    window.go("settings")
    light = QApplication.palette().color(QPalette.ColorRole.Window).name()
    window.desk.change_setting("theme", "dark")
    opened.settle()
    assert QApplication.palette().color(QPalette.ColorRole.Window).name() == theme.DARK.desk != light
    assert window.room == "settings"
    window.desk.change_setting("language", "vi")
    opened.settle()
    assert words.language() == "vi"
    kept = read_settings(opened.app.home.settings_file)
    assert (kept.theme, kept.language) == ("dark", "vi")
    assert opened.reopen().room == "settings"
    assert words.language() == "vi"
    assert theme.look() is theme.DARK


def test_words_typed_in_this_moment_survive_a_change_of_look(opened: Opened) -> None:
    window = opened.open()
    window.go("chat")
    for words_typed in ("nửa câu 🦊", "nửa câu 🦊 nữa"):
        opened.chat.box.input.setPlainText(words_typed)
        for theme_name in ("dark", "contrast", "light"):
            window.desk.change_setting("theme", theme_name)
        opened.settle()
        assert opened.chat.box.input.toPlainText() == words_typed


def test_changing_the_language_while_a_reply_streams_loses_nothing(opened: Opened) -> None:
    opened.engine = FakeTextEngine("word " * 120, seconds_per_token=0.005)
    window = opened.open()
    window.go("chat")
    opened.chat.box.input.setPlainText("Go")
    opened.chat.send()
    opened.until(lambda: len(opened.chat.view.browsers) == 2)
    window.desk.change_setting("theme", "contrast")
    opened.settle()
    assert window.room == "chat"
    assert opened.chat.view.browsers[1].toPlainText().count("word") == 120


def test_each_setting_has_a_default_and_a_reset(opened: Opened) -> None:
    window = opened.open(Settings(enter_sends=False, level="power"))
    window.go("settings")
    for name in ("enter_sends", "level"):
        (reset,) = [each for each in window.findChildren(QPushButton) if each.accessibleIdentifier() == f"reset.{name}"]
        assert reset.isVisible()
        reset.click()
        assert not reset.isVisible()
    assert read_settings(opened.app.home.settings_file) == Settings()
    (choice,) = [each for each in window.findChildren(QComboBox) if each.accessibleIdentifier() == "setting.level"]
    assert choice.currentText() == "User"


def test_a_setting_that_cannot_be_kept_is_told_and_shows_what_it_still_is(opened: Opened) -> None:
    window = opened.open()
    window.go("settings")

    def full(_settings: Settings) -> None:
        raise OSError(28, "No space left on device")

    opened.app.change_settings = full  # type: ignore[method-assign,assignment]
    (choice,) = [each for each in window.findChildren(QComboBox) if each.accessibleIdentifier() == "setting.level"]
    choice.setCurrentIndex(1)
    choice.activated.emit(1)
    assert choice.currentText() == "User"
    assert "No space left" in window.toasts.said()[-1]


def test_the_level_decides_what_the_side_panel_shows(opened: Opened) -> None:
    fill(opened)
    opened.chat.open(opened.app.chats.all()[0].id)
    panel = opened.chat.panel
    for level, power, developer in (("user", False, False), ("power", True, False), ("developer", True, True)):
        opened.window.desk.change_setting("level", level)
        opened.settle()
        assert (panel._power.isVisible(), panel._developer.isVisible()) == (power, developer)
    panel._spins["temperature"].setValue(0.2)  # type: ignore[arg-type]
    opened.settle()
    assert opened.app.chats.all()[0].parameters == {"temperature": 0.2}


def test_the_side_panel_leaves_parameters_alone_that_it_does_not_show(opened: Opened) -> None:
    fill(opened)
    opened.chat.open(opened.app.chats.all()[0].id)
    opened.chat._change_chat({"parameters": {"when_full": "stop"}})
    opened.settle()
    opened.chat.panel._spins["temperature"].setValue(0.2)  # type: ignore[arg-type]
    opened.settle()
    assert opened.app.chats.all()[0].parameters == {"when_full": "stop", "temperature": 0.2}


def test_qts_own_words_are_there_in_both_languages(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    from PySide6.QtWidgets import QDialogButtonBox

    both = QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
    opened.open(Settings(language="en"))
    box = QDialogButtonBox(both)
    assert sorted(button.text().replace("&", "") for button in box.buttons()) == ["Cancel", "OK"]
    opened.reopen(Settings(language="vi"))
    monkeypatch.setattr("ui.qt_words._", lambda message: {"Cancel": "Hủy", "OK": "Được"}[message])
    box = QDialogButtonBox(both)
    assert sorted(button.text() for button in box.buttons()) == ["Hủy", "Được"]


def pseudo(message: str) -> str:
    """A text 40 % longer, its placeholders whole."""
    return message + "~" * max(2, round(len(message) * 0.4))


SMALL, LARGE = (1024, 640), (2560, 1440)


@pytest.mark.parametrize(
    ("language", "size", "text_size"),
    [("en", SMALL, 100), ("vi", LARGE, 100), ("pseudo", SMALL, 100), ("pseudo", LARGE, 100), ("en", SMALL, 160), ("vi", SMALL, 160), ("vi", SMALL, 90)],
)
def test_no_button_is_clipped(opened: Opened, monkeypatch: pytest.MonkeyPatch, language: str, size: tuple[int, int], text_size: int) -> None:
    if language == "pseudo":
        real = words._Current.translations.gettext
        monkeypatch.setattr(words, "use_language", lambda _choice="en": "en")

        class Longer:
            def gettext(self, message: str) -> str:
                return pseudo(real(message))

            def ngettext(self, singular: str, plural: str, count: int) -> str:
                return pseudo(singular if count == 1 else plural)

        monkeypatch.setattr(words._Current, "translations", Longer())
    chosen = "en" if language == "pseudo" else language
    window = opened.open(Settings(language=chosen, level="developer", text_size=text_size), size=size)
    window.go("chat")
    opened.chat.box.input.setPlainText("hello")
    opened.chat.send()
    opened.settle()
    window.frame.fold(1, False)
    for room in ROOMS:
        window.go(room)
        opened.settle()
        assert (window.width(), window.height()) == size, "the content makes the window larger than it should be"
        for widget in window.findChildren(QWidget):
            if not widget.isVisible() or not isinstance(widget, (QPushButton, QToolButton, QComboBox)):
                continue
            words_wide = widget.sizeHint().width()
            if isinstance(widget, QComboBox) and text_size > 100:
                words_wide = 120  # it shortens its own words and tells them in full in its list
            assert words_wide <= widget.width(), f"{room}: {widget.accessibleName()!r} needs {words_wide}, has {widget.width()}"
            if text_size != 100:
                assert widget.sizeHint().height() <= widget.height() + 1, f"{room}: {widget.accessibleName()!r} is too low"
            right = widget.mapTo(window, widget.rect().bottomRight())
            assert right.x() <= window.width(), f"{room}: {widget.accessibleName()!r} reaches over the edge"


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_no_label_is_cut_at_the_largest_text_in_the_smallest_window(opened: Opened, language: str) -> None:
    window = opened.open(Settings(language=language, level="developer", text_size=160), size=SMALL)
    window.go("chat")
    opened.chat.box.input.setPlainText("hello")
    opened.chat.send()
    opened.settle()
    cut, looked_at = set(), 0
    for room in ROOMS:
        window.go(room)
        opened.settle()
        assert (window.width(), window.height()) == SMALL
        for label in window.findChildren(QLabel):
            if label.isVisible() and label.text() and not label.text().endswith("…"):
                looked_at += 1
                too_wide = not label.wordWrap() and label.fontMetrics().horizontalAdvance(label.text()) > label.width() + 1
                if too_wide or (label.wordWrap() and label.heightForWidth(label.width()) > label.height() + 1):
                    cut.add(f"{room}: {label.text()}")
    assert looked_at > 60
    assert cut == set()


def test_text_size_width_and_font_change_at_once_everywhere(opened: Opened) -> None:
    window = opened.open(size=(1600, 900))
    window.go("chat")
    opened.chat.box.input.setPlainText("hello")
    opened.chat.send()
    opened.settle()

    def seen() -> tuple[int, int, str, int]:
        browser = opened.chat.view.browsers[1]
        return QApplication.font().pixelSize(), browser.width(), browser.font().family(), window.status.height()

    before = seen()
    window.desk.change_setting("text_size", 140)
    opened.settle()
    assert seen()[0] == 20 and seen()[1] > before[1] and seen()[3] > before[3]
    window.desk.change_setting("message_width", "narrow")
    opened.settle()
    assert seen()[1] == pytest.approx(600 * 1.4, abs=40)
    window.desk.change_setting("chat_font", "mono")
    opened.settle()
    assert "Mono" in seen()[2] and "Mono" not in QApplication.font().family()
    window.desk.actions["view.smaller"].trigger()
    opened.settle()
    assert opened.app.settings.text_size == 125
    for _press in range(9):
        opened.window.desk.actions["view.larger"].trigger()
        opened.settle()
    assert opened.app.settings.text_size == 160
    for name, value in (("text_size", 100), ("message_width", "normal"), ("chat_font", "sans")):
        opened.window.desk.change_setting(name, value)
    opened.settle()
    assert seen() == before


@pytest.mark.parametrize("look", [theme.LIGHT, theme.DARK, theme.CONTRAST], ids=lambda look: look.name)
def test_every_text_can_be_read_on_its_ground(look: theme.Look) -> None:
    """WCAG 2 AA: 4.5 to 1 for texts; 7 to 1 in high contrast."""
    least = 7.0 if look.name == "contrast" else 4.5
    for ground in (look.desk, look.page, look.raised, look.hover, look.chosen):
        for ink in (look.text, look.quiet, look.accent):
            ratio = theme.contrast_ratio(ink, ground)
            assert ratio >= least, f"{ink} on {ground}: {ratio:.1f}"
    assert theme.contrast_ratio(look.on_accent, look.accent) >= least
    assert theme.contrast_ratio(look.warn, look.page) >= least


def test_home_says_what_the_computer_is_and_what_to_do_without_a_model(opened: Opened) -> None:
    opened.models = []
    opened.open()
    said = " ".join(label.text() for label in opened.window.pages["home"].place.findChildren(QLabel))
    assert "Memory" in said
    assert "GiB" in said
    assert "python3 packaging/dev.py demo" in said


def test_home_goes_on_with_the_last_chat(opened: Opened) -> None:
    opened.open()
    opened.window.go("chat")
    opened.chat.box.input.setPlainText("A boat")
    opened.chat.send()
    opened.settle()
    opened.window._new_chat()
    opened.window.go("home")
    opened.settle()
    (button,) = [each for each in opened.window.pages["home"].place.findChildren(QPushButton) if each.text() == "Go on: A boat" and each.isVisible()]
    button.click()
    assert opened.window.room == "chat"
    assert opened.chat.heading.text() == "A boat"


def test_jobs_show_what_runs_and_stop_it(opened: Opened) -> None:
    opened.engine = FakeTextEngine("word " * 5000, seconds_per_token=0.005)
    window = opened.open()
    window.go("chat")
    opened.chat.box.input.setPlainText("Go")
    opened.chat.send()
    opened.until(lambda: window.status.jobs.text() == "1 job")
    window.status.open_jobs()
    stop = [button for button in window.status.jobs_list.findChildren(QPushButton) if button.text() == "Stop"]
    stop[0].click()
    opened.settle()
    window.status.jobs_list.hide()
    assert window.status.jobs.text() == "No jobs"
    assert not opened.app.chats.is_writing(opened.app.chats.all()[0].id)


@pytest.mark.parametrize("look", [theme.LIGHT, theme.DARK, theme.CONTRAST], ids=lambda look: look.name)
def test_verdicts_bubbles_notices_and_bars_can_be_read(opened: Opened, look: theme.Look) -> None:
    opened.open(Settings(theme=look.name))
    least = 7.0 if look.name == "contrast" else 4.5
    colours = looks.badge_colours()
    pairs = [(ink, ground) for ink, ground in (colours.good, colours.fair, colours.poor, colours.no, colours.unknown)]
    pairs += [(look.text, looks.bubble()[0]), (look.page, look.text), (look.text, look.raised), (look.warn, look.page)]
    for ink, ground in pairs:
        assert theme.contrast_ratio(ink, ground) >= least, f"{ink} on {ground}: {theme.contrast_ratio(ink, ground):.1f}"
    # What is no text must stand out by 3 to 1 (WCAG 2.1, 1.4.11): the line around what has the keyboard, the parts of a bar.
    for ground in (look.desk, look.page, look.raised):
        assert theme.contrast_ratio(look.accent, ground) >= 3.0


@pytest.mark.parametrize("look", ["light", "dark", "contrast"])
def test_the_place_of_the_keyboard_can_be_seen(opened: Opened, look: str) -> None:
    """With and without the keyboard a control does not look the same."""
    window = opened.open(Settings(theme=look))
    with opened.qtbot.waitActive(window):
        window.activateWindow()
    window.go("settings")
    opened.settle()
    seen = 0
    for widget in focusable(window):
        if not isinstance(widget, (QPushButton, QToolButton, QComboBox)) or not widget.visibleRegion().boundingRect().contains(widget.rect().center()):
            continue
        window.status.jobs.setFocus() if widget is not window.status.jobs else window.status.level.setFocus()
        without = widget.grab().toImage()
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        assert widget.grab().toImage() != without, widget.accessibleName()
        seen += 1
    assert seen > 8
