from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton

from localstory.children.last_words import ChildDied
from localstory.engines.base import PromptTooLong
from localstory.engines.text.fake import FakeTextEngine
from localstory.errors import CannotContinue
from localstory.settings import Settings
from tests.ui.conftest import Opened
from ui.widgets.message_view import all_buttons


def texts(opened: Opened) -> list[str]:
    return [browser.toPlainText() for browser in opened.chat.view.browsers]


def lines(opened: Opened) -> list[str]:
    model = opened.chat.list.pane.model
    return [model.index(at).data() for at in range(model.rowCount())]


def ask(opened: Opened, words: str) -> None:
    opened.window.go("chat")
    opened.chat.box.input.setPlainText(words)
    QTest.keyClick(opened.chat.box.input, Qt.Key.Key_Return)


def press(opened: Opened, name: str) -> None:
    buttons = [*all_buttons(opened.chat.view), *opened.chat.view.findChildren(QPushButton)]
    found = [button for button in buttons if button.isVisibleTo(opened.chat.view) and button.accessibleName() == name]
    assert found, [button.accessibleName() for button in buttons]
    found[0].click()


def test_a_question_is_answered_in_the_window_and_is_there_after_a_restart(opened: Opened) -> None:
    opened.engine = FakeTextEngine("Ngày xửa ngày xưa có một con **cáo** 🐉.", seconds_per_token=0.01)
    opened.open()
    ask(opened, "Kể chuyện đi 🐉")
    opened.until(lambda: len(texts(opened)) == 2 and "Ngày" in texts(opened)[1])
    assert opened.chat.box.button.accessibleName().startswith("Stop")
    opened.settle()
    assert texts(opened) == ["Kể chuyện đi 🐉", "Ngày xửa ngày xưa có một con cáo 🐉."]
    assert opened.chat.box.input.toPlainText() == ""
    opened.reopen()
    assert texts(opened) == ["Kể chuyện đi 🐉", "Ngày xửa ngày xưa có một con cáo 🐉."]
    assert opened.window.room == "chat"


def test_escape_stops_the_reply_and_keeps_its_words(opened: Opened) -> None:
    opened.engine = FakeTextEngine("word " * 2000, seconds_per_token=0.005)
    opened.open()
    ask(opened, "Go")
    opened.until(lambda: len(texts(opened)) == 2 and texts(opened)[1].count("word") > 5)
    QTest.keyClick(opened.chat.box.input, Qt.Key.Key_Escape)
    opened.settle()
    assert 5 < texts(opened)[1].count("word") < 2000
    assert opened.chat.box.button.accessibleName() == "Send"
    opened.reopen()
    assert 5 < texts(opened)[1].count("word") < 2000


def test_closing_while_a_reply_streams_keeps_its_words(opened: Opened) -> None:
    opened.engine = FakeTextEngine("word " * 2000, seconds_per_token=0.005)
    opened.open()
    ask(opened, "Go")
    opened.until(lambda: len(texts(opened)) == 2 and texts(opened)[1].count("word") > 5)
    opened.reopen()
    assert texts(opened)[1].count("word") > 5


def test_write_again_makes_a_sibling_and_the_arrows_go_between(opened: Opened) -> None:
    opened.engine = FakeTextEngine(["First try.", "Second try."])
    opened.open()
    ask(opened, "Hello")
    opened.settle()
    press(opened, "Write again: Reply 2")
    opened.settle()
    assert texts(opened)[1] == "Second try."
    press(opened, "Earlier version of: Reply 2")
    opened.settle()
    assert texts(opened)[1] == "First try."
    press(opened, "Later version of: Reply 2")
    opened.settle()
    assert texts(opened)[1] == "Second try."
    opened.reopen()
    assert texts(opened)[1] == "Second try."


def test_copy_gives_the_text_as_it_was_written(opened: Opened) -> None:
    opened.engine = FakeTextEngine("Some **bold** words.")
    opened.open()
    ask(opened, "Hello")
    opened.settle()
    press(opened, "Copy: Reply 2")
    assert QGuiApplication.clipboard().text() == "Some **bold** words."


def test_a_prompt_that_is_too_long_is_told_in_place_with_both_numbers(opened: Opened) -> None:
    opened.engine = FakeTextEngine([PromptTooLong(9132, 8192)])
    opened.open()
    ask(opened, "Long")
    opened.settle()
    said = " ".join(label.text() for label in opened.chat.view.findChildren(QLabel))
    assert "9132" in said
    assert "8192" in said


def test_a_dead_engine_is_a_card_with_load_again_and_never_a_dialog(opened: Opened) -> None:
    opened.engine = FakeTextEngine([ChildDied("text", -9, ["boom"]), "Alive again."])
    opened.open()
    ask(opened, "Hello")
    opened.settle()
    assert texts(opened) == ["Hello"]
    press(opened, "Load again (Reply 2)")
    opened.settle()
    assert texts(opened) == ["Hello", "Alive again."]


def test_without_a_model_the_words_stay_and_the_command_is_told(opened: Opened) -> None:
    opened.models = []
    opened.open()
    ask(opened, "Hello?")
    opened.settle()
    assert opened.chat.box.input.toPlainText() == "Hello?"
    assert any("packaging/dev.py" in label.text() for label in opened.chat.place.findChildren(QLabel))


def test_when_nothing_can_be_saved_the_words_come_back_into_the_input(opened: Opened) -> None:
    opened.open()

    async def full(_chat: object, _text: str) -> tuple[object, object]:
        raise CannotContinue(title="Not saved: the disk is full")

    opened.app.chats.say = full  # type: ignore[method-assign,assignment]
    ask(opened, "Precious words")
    opened.settle()
    assert opened.chat.box.input.toPlainText() == "Precious words"


def test_a_draft_is_there_after_a_restart(opened: Opened) -> None:
    opened.open()
    opened.window.go("chat")
    QTest.keyClicks(opened.chat.box.input, "half a sentence")
    opened.reopen()
    assert opened.chat.box.input.toPlainText() == "half a sentence"


def test_drafts_belong_to_their_chats(opened: Opened) -> None:
    opened.open()
    ask(opened, "First chat")
    opened.settle()
    first = opened.chat.chat_id
    assert first is not None
    QTest.keyClicks(opened.chat.box.input, "unsent")
    opened.window._new_chat()
    opened.settle()
    assert opened.chat.box.input.toPlainText() == ""
    opened.chat.open(first)
    opened.settle()
    assert opened.chat.box.input.toPlainText() == "unsent"


def test_enter_is_a_new_line_when_the_person_wants_it(opened: Opened) -> None:
    opened.open(Settings(enter_sends=False))
    opened.window.go("chat")
    box = opened.chat.box
    QTest.keyClicks(box.input, "one")
    QTest.keyClick(box.input, Qt.Key.Key_Return)
    assert box.input.toPlainText() == "one\n"
    QTest.keyClick(box.input, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    opened.settle()
    assert len(texts(opened)) == 2


def test_shift_enter_is_a_new_line_and_the_input_grows_to_a_third(opened: Opened) -> None:
    opened.open()
    opened.window.go("chat")
    box = opened.chat.box
    one_line = box.input.height()
    for _line in range(40):
        QTest.keyClick(box.input, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    assert box.input.toPlainText() == "\n" * 40
    assert box.input.height() > 3 * one_line
    assert box.input.height() <= opened.chat.place.height() // 3
    box.input.setPlainText("")
    assert box.input.height() == one_line


def test_delete_and_undo(opened: Opened) -> None:
    opened.open()
    ask(opened, "Keep me")
    opened.settle()
    opened.chat.delete_current()
    opened.settle()
    assert lines(opened) == []
    opened.window.toasts.press()
    opened.settle()
    assert len(lines(opened)) == 2


def test_search_finds_titles_without_their_marks(opened: Opened) -> None:
    opened.open()
    for title in ("Đường về nhà", "Names for a boat"):
        opened.window._new_chat()
        ask(opened, title)
        opened.settle()
    opened.chat.list.pane.search.setText("duong")
    opened.until(lambda: opened.chat.list.pane.stack.currentWidget() is opened.chat.list.pane.hits)
    first = opened.chat.list.pane.hits.hits.lines[0]
    assert (first.head, first.text) == ("Đường về nhà", "The title has these words")


def test_two_fast_enters_send_once(opened: Opened) -> None:
    opened.open()
    opened.window.go("chat")
    opened.chat.box.input.setPlainText("once")
    for _turn in range(2):
        QTest.keyClick(opened.chat.box.input, Qt.Key.Key_Return)
    opened.settle()
    assert len(opened.app.chats.all()) == 1
    assert texts(opened).count("once") == 1


def test_a_reply_goes_on_while_another_chat_is_looked_at(opened: Opened) -> None:
    opened.engine = FakeTextEngine("word " * 100, seconds_per_token=0.004)
    opened.open()
    ask(opened, "First")
    opened.until(lambda: len(texts(opened)) == 2)
    first = opened.chat.chat_id
    assert first is not None
    opened.window._new_chat()
    assert texts(opened) == []
    opened.settle()
    opened.chat.open(first)
    opened.settle()
    assert texts(opened)[1].count("word") == 100


def test_a_link_is_opened_only_after_asking_and_only_on_the_web() -> None:
    from ui.pages.chat.state import host_of, safe_link

    assert safe_link("https://example.org/a") is not None
    assert safe_link("mailto:mai@example.org") is not None
    for bad in ("file:///etc/passwd", "javascript:alert(1)", "\\\\host\\share", "smb://host/x", "data:text/html,x", "ftp://x", "https"):
        assert safe_link(bad) is None
    assert host_of("https://example.org@evil.example/x") == "evil.example"
    assert host_of("https://аррle.com").startswith("xn--")


def test_a_damaged_database_is_put_aside_and_told(opened: Opened) -> None:
    opened.home.mkdir(parents=True)
    (opened.home / "localstory.db").write_bytes(b"no database at all" * 100)
    opened.open()
    opened.window.go("chat")
    opened.until(lambda: any("damaged" in label.text() for label in opened.window.findChildren(QLabel) if label.isVisible()))
    assert opened.chat.box.isEnabled()
    kept = [path for path in opened.home.glob("damaged-*/*") if path.read_bytes().startswith(b"no database at all")]
    assert len(kept) == 1
    ask(opened, "Still here?")
    opened.settle()
    assert "Still here?" in texts(opened)
