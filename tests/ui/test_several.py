"""Asking several models in the window: choosing, the strip, side by side, the vote with hidden names, the leaderboard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from localstory.engines.base import EngineFacts
from localstory.engines.text.fake import FakeTextEngine
from localstory.errors import CannotContinue
from localstory.fit.verdict import Verdict
from tests.ui.conftest import MODEL, Opened
from tests.ui.test_chat_window import ask, texts
from ui.pages.chat import choices, several_state
from ui.pages.chat.several_answers import AnswersDialog
from ui.widgets.safe_browser import SafeBrowser

NAMES = ("Gemma Zwölf 🐉", "Thỏ trắng 7B", "Qwen Mini")


class Down(CannotContinue):
    code = "down"

    def __init__(self) -> None:
        super().__init__(title="Qwen Mini is down", detail="", hint="")


class Writer(FakeTextEngine):
    def describe(self) -> EngineFacts:
        facts = super().describe()
        return EngineFacts("llama_cpp", "1", facts.model, context_length=facts.context_length, details={"file": f"{facts.model}.gguf"})


def several(opened: Opened, *, seconds: float = 0.0, last: object = "Ba.") -> dict[str, Writer]:
    """A window with three models, each with words of its own."""
    said: tuple[object, ...] = ("Một **con** cáo 🐉.", "Two.", last)
    engines = {name: Writer(words, name=name, seconds_per_token=seconds) for name, words in zip(NAMES, said, strict=True)}  # type: ignore[arg-type]
    opened.models = [replace(MODEL, path=Path(f"/nowhere/{number}.gguf"), title=name) for number, name in enumerate(NAMES)]
    opened.open()
    opened.app.text_engine = lambda model, settings=None: engines[model.title]  # type: ignore[method-assign]
    opened.window.go("chat")
    return engines


def choose(opened: Opened, count: int = 3, *, blind: bool = False) -> None:
    """Open the dialog, tick the first ones, ask."""
    assert opened.window.desk.actions.why_not("chat.several") == ""
    opened.chat.several.open()
    opened.settle()
    dialog = opened.chat.several.dialog
    assert dialog is not None
    for row, box in enumerate(dialog.boxes):
        box.setChecked(row < count)
    dialog.blind.setChecked(blind)
    dialog.ask.click()


def answers(opened: Opened) -> AnswersDialog:
    opened.until(lambda: opened.chat.several.answers is not None)
    opened.settle()
    dialog = opened.chat.several.answers
    assert dialog is not None
    return dialog


def all_words(widget: QWidget) -> str:
    """Everything that a person can see, hover or hear of a window and its dialogs."""
    said = []
    for one in [widget, *widget.findChildren(QWidget)]:
        said += [one.toolTip(), one.accessibleName(), one.accessibleDescription(), one.windowTitle(), one.statusTip()]
        for name in ("text", "toPlainText", "currentText"):
            if hasattr(one, name):
                said.append(str(getattr(one, name)()))
    return "\n".join(said)


def chat_words(opened: Opened) -> str:
    """Of the room of chats with its dialogs, its list and side panel, and the status bar. The rooms of models list all models."""
    parts = (opened.chat.place, opened.chat.pane, opened.chat.side, opened.window.status)
    return "\n".join(all_words(part) for part in parts if part is not None)


def test_a_question_from_the_input_goes_to_several_and_their_answers_stand_side_by_side(opened: Opened) -> None:
    engines = several(opened)
    opened.chat.box.input.setPlainText("Kể chuyện đi 🐉")
    choose(opened)
    dialog = answers(opened)
    assert [card.head.text() for card in dialog.cards] == list(NAMES)
    assert [card.view.text_of(card.message_id) for card in dialog.cards] == ["Một **con** cáo 🐉.", "Two.", "Ba."]
    assert [engine.requests[0].messages[-1].text for engine in engines.values()] == ["Kể chuyện đi 🐉"] * 3
    assert opened.chat.box.input.toPlainText() == ""
    assert opened.chat.several.strip.isVisible() and not opened.chat.several.strip.stop.isVisible()
    dialog.cards[1].best.click()
    opened.settle()
    assert dialog.cards[1].head.text() == "Thỏ trắng 7B: the best" and not dialog.cards[0].best.isVisible()
    assert dialog.says.text() == "Your vote: Thỏ trắng 7B is best."
    dialog.cards[0].go_on.click()
    opened.settle()
    assert opened.chat.several.answers is None and not opened.chat.several.strip.isVisible()
    assert texts(opened) == ["Kể chuyện đi 🐉", "Một con cáo 🐉."]
    assert opened.chat.view.rows[-1].entry.shown.place == (1, 3)


def test_names_are_nowhere_in_the_window_until_the_vote_also_after_a_restart(opened: Opened) -> None:
    several(opened, last=[Down()])
    # The chat's own model is one that is not asked, and may be named.
    opened.models.append(replace(MODEL, path=Path("/nowhere/own.gguf"), title="Own"))
    opened.chat.chooser._load_models()
    opened.settle()
    opened.chat._model_chosen(("", "", "/nowhere/own.gguf"))
    opened.settle()
    opened.app.change_settings(replace(opened.app.settings, level="developer"))
    opened.window.desk.settings_changed.emit("level")
    opened.chat.box.input.setPlainText("Ai?")
    said: list[str] = []
    opened.window.desk.model_state.connect(said.append)
    opened.app.hub.listen(lambda event: said.append(repr(event)))
    choose(opened, blind=True)
    dialog = answers(opened)
    assert sorted(card.head.text() for card in dialog.cards) == ["Answer 1", "Answer 2", "Answer 3"]

    def told(words: str) -> list[str]:
        listed = "\n".join(opened.chat.box.models.itemText(at) for at in range(opened.chat.box.models.count()))
        return [name for name in NAMES if name in words.replace(listed, "")]

    assert told(chat_words(opened)) == [] and told("\n".join(said)) == []
    assert told("\n".join(repr(one) for one in opened.chat.view.rows[0].entry.shown.actions)) == []
    assert "its name is hidden" in opened.chat.view.rows[-1].entry.shown.note
    assert told("\n".join(job.title + repr(job.progress) for job in opened.whole.bridge.jobs)) == []
    dialog.close()
    opened.reopen()
    assert told(chat_words(opened)) == []
    assert opened.chat.several.strip.isVisible() and "names are hidden" in opened.chat.several.strip.words.text()
    opened.chat.several.compare()
    dialog = answers(opened)
    failed = [card for card in dialog.cards if not card.best.isEnabled()]
    assert len(failed) == 1 and "could not answer" in all_words(failed[0])
    next(card for card in dialog.cards if card.view.text_of(card.message_id) == "Two.").best.click()
    opened.settle()
    assert {card.head.text() for card in dialog.cards} == {NAMES[0], "Thỏ trắng 7B: the best", NAMES[2]}
    assert "Qwen Mini is down" in all_words(dialog)
    assert not opened.chat.several.strip.isVisible()


def test_stop_in_the_strip_keeps_what_is_there(opened: Opened) -> None:
    engines = several(opened, seconds=0.02)
    engines[NAMES[1]]._script = "chậm " * 500
    ask(opened, "Đi")
    opened.settle()
    choose(opened)
    strip = opened.chat.several.strip
    opened.until(lambda: strip.isVisible() and strip.words.text() == "2 of 3: Thỏ trắng 7B is answering" and "chậm" in texts(opened)[-1])
    assert opened.chat.box.is_busy
    assert opened.window.desk.actions.why_not("chat.several") == "A reply is being written here."
    strip.stop.click()
    strip.stop.click()
    opened.settle()
    assert not engines[NAMES[2]].requests
    assert opened.chat.view.rows[-1].entry.shown.place == (3, 3)
    assert not opened.chat.box.is_busy and opened.chat.several.answers is None
    assert strip.words.text() == "2 answers wait for your vote"
    strip.later.click()
    opened.settle()
    assert not strip.isVisible()


def test_answers_can_be_watched_while_they_are_written(opened: Opened) -> None:
    engines = several(opened, seconds=0.01)
    engines[NAMES[1]]._script = "từng chữ " * 60
    opened.chat.box.input.setPlainText("Đi")
    choose(opened)
    opened.until(lambda: opened.chat.several.strip.compare.isVisible())
    opened.chat.several.strip.compare.click()
    dialog = opened.chat.several.answers
    assert dialog is not None
    opened.until(lambda: len(dialog.cards) == 2 and "từng chữ" in "".join(one.toPlainText() for one in dialog.cards[1].view.browsers))
    assert not dialog.same.isEnabled() and not dialog.cards[0].best.isEnabled()
    opened.settle()
    assert [card.view.text_of(card.message_id).split()[0] for card in dialog.cards] == ["Một", "từng", "Ba."]
    assert dialog.same.isEnabled()
    dialog.same.click()
    opened.settle()
    assert dialog.says.text() == "Your vote: all the same."


def test_the_dialog_counts_and_remembers(opened: Opened) -> None:
    several(opened)
    part = opened.chat.several
    assert opened.window.desk.actions.why_not("chat.several") == "Write a question first."
    opened.chat.box.input.setPlainText("Đi")
    part.open()
    opened.settle()
    dialog = part.dialog
    assert dialog is not None and not dialog.ask.isEnabled() and dialog.count.text() == "Choose at least two models."
    dialog.boxes[2].setChecked(True)
    assert dialog.ask.isEnabled() and dialog.count.text() == "2 models are asked, one after the other."
    dialog.blind.setChecked(True)
    dialog.ask.click()
    answers(opened).close()
    opened.reopen()
    part = opened.chat.several
    part.open()
    opened.settle()
    assert part.dialog is not None and part.dialog.blind.isChecked()
    assert [box.isChecked() for box in part.dialog.boxes] == [True, False, True]
    part.dialog.reject()


def test_models_that_do_not_fit_say_why_and_servers_say_where_they_are(opened: Opened) -> None:
    too_big = Verdict("does_not_fit", "memory", 64 << 30, 16 << 30)
    here = choices.choices([replace(MODEL, title="Huge", path=Path("/nowhere/huge.gguf")), MODEL], [])
    away = replace(here[1], engine="ollama", server="http://127.0.0.1:1", group="Ollama, 127.0.0.1:1", note="Q8_0", model="x")
    huge, small, server, *gone = several_state.model_lines(
        [*here, away, replace(away, is_away=True)], {str(MODEL.path): 1 << 30}, {"/nowhere/huge.gguf": too_big}
    )
    assert not gone and not huge.has_room and huge.why == too_big.why() and "Does not fit" in huge.note
    assert (small.note, small.why, small.has_room) == ("Q4_K_M · 1.0 GiB", "", True)
    assert server.note == "Q8_0 · Ollama, 127.0.0.1:1"
    several(opened)
    opened.chat.box.input.setPlainText("Đi")
    opened.chat.several.open()
    dialog = opened.chat.several.dialog
    assert dialog is not None
    dialog.show_lines([huge, small, server])
    assert too_big.why() in all_words(dialog) and dialog.boxes[0].accessibleDescription() == too_big.why()
    dialog.reject()


def test_the_leaderboard_says_what_to_do_and_then_ranks(opened: Opened) -> None:
    several(opened)
    opened.chat.several.open_leaderboard()
    opened.settle()
    board = opened.chat.several.leaderboard
    assert board is not None and "vote for the best answer" in board.says.text() and not board.table.isVisible() and not board.copy.isEnabled()
    for _round in range(3):
        opened.chat.box.input.setPlainText("Đi")
        choose(opened)
        dialog = answers(opened)
        dialog.cards[2].best.click()
        opened.settle()
        dialog.close()
    opened.settle()
    rows = board.table.rows
    assert [row[:2] for row in rows] == [("1", NAMES[2]), ("–", NAMES[0]), ("–", NAMES[1])]
    assert rows[0][3] == "6, 0, 0" and rows[1][2] == "too few votes" and rows[0][2].endswith("%)") and rows[0][7] == "3"
    board.copy.click()
    copied = QGuiApplication.clipboard().text().split("\n")
    assert len(copied) == 4 and copied[1].split("\t")[1] == NAMES[2]
    board.close()


@pytest.mark.parametrize(("width", "count", "across"), [(960, 2, 2), (960, 4, 3), (1400, 8, 4), (500, 3, 1), (100, 2, 1), (2400, 3, 3)])
def test_columns_stand_under_one_another_when_there_is_no_room(width: int, count: int, across: int) -> None:
    assert several_state.columns_that_fit(width, count) == across


def test_everything_in_the_dialogs_has_a_name_of_its_own(opened: Opened) -> None:
    several(opened)
    opened.chat.box.input.setPlainText("Đi")
    choose(opened)
    dialog = answers(opened)
    focusable = [one for one in dialog.findChildren(QWidget) if one.focusPolicy() != Qt.FocusPolicy.NoFocus and one.isVisible() and not isinstance(one, QLabel)]
    names = [one.accessibleName() or getattr(one, "text", str)() for one in focusable]
    assert all(names) and len(set(names)) == len(names), names


def test_a_text_is_as_high_as_it_is_shown_also_when_it_was_measured_in_a_wider_place_before(qtbot: QtBot) -> None:
    """A card gets its width when the dialog is laid out; a hidden browser then told the height of its old width, and the text was cut off."""
    place = QWidget()
    qtbot.addWidget(place)
    browser = SafeBrowser(place)
    browser.setGeometry(0, 0, 592, browser.set_html(f"<p>{'Nó đi mãi trong rừng. ' * 20}</p>", 592))
    browser.show()
    assert not browser.isVisible()
    fitted = browser.fit(310)
    assert browser.document().textWidth() == 310
    place.show()
    assert browser.fit(310) == fitted


def test_the_window_closed_in_the_middle_keeps_the_words(opened: Opened) -> None:
    engines = several(opened, seconds=0.01)
    for engine in engines.values():
        engine._script = "chậm " * 400
    opened.chat.box.input.setPlainText("Đi")
    choose(opened, blind=True)
    opened.until(lambda: "chậm" in "".join(texts(opened)))
    opened.reopen()
    assert "chậm" in texts(opened)[-1]
    # One answer alone hides nothing: the round ended with it.
    assert opened.chat.view.rows[-1].entry.shown.note.split(" · ")[0] in NAMES
    assert opened.chat.box.models.isEnabled() and not opened.chat.box.is_busy and not opened.chat.several.strip.isVisible()


def test_a_round_by_keys_alone(opened: Opened) -> None:
    engines = several(opened)
    opened.chat.box.input.setFocus()
    QTest.keyClicks(opened.chat.box.input, "Which one?")
    QTest.keyClick(opened.window, Qt.Key.Key_R, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    opened.settle()
    dialog = opened.chat.several.dialog
    assert dialog is not None and dialog.boxes[0].isChecked()
    assert dialog.focusWidget() is dialog.boxes[0]
    for _step in range(2):
        QTest.keyClick(dialog.focusWidget(), Qt.Key.Key_Tab)
        QTest.keyClick(dialog.focusWidget(), Qt.Key.Key_Space)
    QTest.keyClick(dialog.focusWidget(), Qt.Key.Key_Return)
    shown = answers(opened)
    assert all(engine.requests for engine in engines.values())
    QTest.keyClick(shown.focusWidget(), Qt.Key.Key_Return)
    opened.settle()
    assert shown.isVisible() and shown.vote is not None and shown.vote.is_open  # Enter alone votes for nothing
    seen = []
    for _step in range(14):
        QTest.keyClick(shown.focusWidget(), Qt.Key.Key_Tab)
        seen.append(shown.focusWidget())
    assert shown.cards[1].best in seen and seen.index(shown.cards[0].best) < seen.index(shown.cards[1].best)
    shown.cards[1].best.setFocus()
    QTest.keyClick(shown.cards[1].best, Qt.Key.Key_Space)
    opened.settle()
    assert shown.says.text() == "Your vote: Thỏ trắng 7B is best."
    QTest.keyClick(shown.focusWidget(), Qt.Key.Key_Escape)
    assert opened.chat.several.answers is None
    assert texts(opened)[-1] == "Two."
