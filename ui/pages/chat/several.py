"""Asking several models in the chat on the screen: the action, the strip above the input, and the two dialogs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QWidget

from localstory.chats.service import Waiting, Wrote
from localstory.chats.several import FEWEST, AtWork, Contender
from localstory.chats.store import Chat
from localstory.chats.tree import ChatId, MessageId, Tree
from localstory.chats.votes import Vote, VoteId
from localstory.events import Changed
from localstory.gguf.header import BadGguf
from localstory.runtime import Job
from localstory.words import _
from ui.desk import Desk
from ui.pages.chat import several_state, state
from ui.pages.chat.choices import Choice
from ui.pages.chat.chooser import Chooser
from ui.pages.chat.leaderboard import Leaderboard
from ui.pages.chat.several_answers import AnswersDialog
from ui.pages.chat.several_dialog import SeveralDialog
from ui.widgets.cards import Card, button, label

if TYPE_CHECKING:
    from localstory.fit.verdict import Verdict

_QUESTION_LETTERS = 300


class Shown(Protocol):
    """What has to be known of the page."""

    def __call__(self) -> tuple[Chat | None, str, dict[str, Any]]:
        """The chat on the screen (None: a new one), what stands in the input, and what its last reply was made of."""


class Strip(Card):
    """Says which model is at work, or that answers wait for a vote."""

    def __init__(self) -> None:
        super().__init__("soft")
        self.column.setContentsMargins(12, 6, 8, 6)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.words = label("", wrap=True)
        row.addWidget(self.words, 1)
        self.compare = button(_("Compare the answers"))
        self.names = button(_("Show the names"), "link")
        self.later = button(_("No vote"), "link", name=_("No vote on these answers"))
        self.stop = button(_("Stop"), name=_("Stop asking the models"))
        for made in (self.compare, self.names, self.later, self.stop):
            row.addWidget(made)
        self.column.addLayout(row)
        self.hide()


class SeveralPart(QObject):
    """Made with the page. `say_wanted` asks it to send what stands in the input and to call back with the chat."""

    say_wanted = Signal(object)
    troubled = Signal(object)

    def __init__(self, parent: QObject, desk: Desk, chooser: Chooser, shown: Shown, over: QWidget, open_link: Callable[[str], object]) -> None:
        super().__init__(parent)
        self._desk, self._chooser, self._shown, self._over, self._link = desk, chooser, shown, over, open_link
        self._chats, self._several = desk.app.chats, desk.app.several
        self._verdicts: dict[str, Verdict] = {}
        self._waiting: dict[int, str] = {}
        self._asked_in: ChatId | None = None
        self.dialog: SeveralDialog | None = None
        self.answers: AnswersDialog | None = None
        self.leaderboard: Leaderboard | None = None
        self.strip = Strip()
        self.strip.stop.clicked.connect(self.stop)
        self.strip.compare.clicked.connect(self.compare)
        self.strip.names.clicked.connect(self._no_vote)
        self.strip.later.clicked.connect(self._no_vote)
        chooser.changed.connect(self._fill)
        desk.bridge.heard.connect(self._heard)
        add = desk.actions.add
        add(
            "chat.several", _("Ask several models…"), self.open, shortcut="Ctrl+Shift+R", menu="chat", room="chat", also="compare blind vote arena",
            why_not=self._why_not,
        )  # fmt: skip
        add("chat.answers", _("Compare the models' answers"), self.compare, menu="chat", room="chat", also="vote several", why_not=self._nothing_to_compare)
        add("chat.leaderboard", _("Leaderboard of your models"), self.open_leaderboard, menu="chat", also="ranking votes speed best model")

    # -- what there is -------------------------------------------------------------------------------------------------

    @property
    def _chat(self) -> Chat | None:
        return self._shown()[0]

    def at_work(self) -> AtWork | None:
        """Which model answers in the chat on the screen, when several are asked there."""
        chat = self._chat
        return self._several.at_work(chat.id) if chat is not None else None

    def _tree(self) -> Tree:
        chat = self._chat
        return self._chats.tree(chat.id) if chat is not None and self._chats.is_open else Tree(())

    def _question(self) -> str:
        """What would be asked: what stands in the input, or the last question of the chat."""
        chat, draft, _made_of = self._shown()
        if draft.strip() or chat is None:
            return draft.strip()
        path = self._tree().path(chat.tip_id)
        return next((message.text for message in reversed(path) if message.role == "user"), "")

    def _why_not(self) -> str:
        chat, draft, _made_of = self._shown()
        if chat is not None and self._chats.is_writing(chat.id):
            return _("A reply is being written here.")
        if not draft.strip() and (chat is None or chat.tip_id is None):
            return _("Write a question first.")
        if len([one for one in self._chooser.choices if not one.is_away]) < FEWEST:
            return _("There is only one model here. Get another one in Models.")
        return ""

    def _nothing_to_compare(self) -> str:
        return "" if self._newest() is not None else _("No question was put to several models in this branch.")

    def _newest(self) -> Vote | None:
        chat = self._chat
        return several_state.newest_vote(self._several.votes(chat.id), self._tree(), chat.tip_id) if chat is not None and self._chats.is_open else None

    def show(self, tree: Tree | None = None) -> None:
        """The chat on the screen is another one, or changed; `tree` is its own, if it was just read."""
        chat = self._chat
        at_work = self.at_work()
        vote = None
        if at_work is None and chat is not None and self._chats.is_open:
            votes = self._several.votes(chat.id)
            vote = several_state.open_vote(votes, tree or self._tree(), chat.tip_id) if any(one.is_open for one in votes) else None
        self.strip.setVisible(at_work is not None or vote is not None)
        if at_work is not None:
            self.strip.words.setText(several_state.work_words(at_work))
        elif vote is not None:
            self.strip.words.setText(several_state.waits_words(vote))
        self.strip.stop.setVisible(at_work is not None)
        self.strip.compare.setVisible(vote is not None or (at_work is not None and at_work.number > 1))
        self.strip.names.setVisible(vote is not None and vote.blind)
        self.strip.later.setVisible(vote is not None and not vote.blind)

    def _heard(self, event: object) -> None:
        if isinstance(event, Changed) and event.what in ("votes", "chats"):
            if event.what == "votes":  # of a chat the page says it
                self.show()
            if self.answers is not None:
                self._show_answers()
            at_work = self.at_work()
            if at_work is not None and event.what == "votes":
                self._desk.model_state.emit(several_state.work_words(at_work))
        elif isinstance(event, Wrote) and self.answers is not None:
            view = self.answers.view_of(event.message_id)
            if view is not None:
                view.append(event.message_id, event.text, event.at)
        elif isinstance(event, Waiting):
            self._waiting = {event.message_id: state.waiting_words(event.progress)}
            view = self.answers.view_of(event.message_id) if self.answers is not None else None
            if view is not None:
                view.set_waiting(event.message_id, self._waiting[event.message_id])

    # -- asking --------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Choose who is asked."""
        if self.dialog is not None:
            self.dialog.activateWindow()
            return
        remembered: list[object] = self._desk.remembered("several.models", [])
        wanted = [one.key for one in self._chooser.choices if json.dumps(one.key) in remembered]
        if not wanted and self._chooser.chosen is not None:
            wanted = [self._chooser.chosen.key]
        question = " ".join(self._question()[:_QUESTION_LETTERS].split())
        self.dialog = SeveralDialog(question, wanted, self._desk.remembered("several.blind", False), self._over)
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.chosen.connect(self._chosen)
        self.dialog.finished.connect(self._dialog_closed)
        self._fill()
        self.dialog.open()
        self._desk.bridge.start("", self._check, on_end=self._checked)

    def _dialog_closed(self) -> None:
        self.dialog = None

    def _fill(self) -> None:
        if self.dialog is not None:
            sizes = {one.model: bytes_ for one in self._chooser.choices if (bytes_ := _size_of(one)) is not None}
            self.dialog.show_lines(several_state.model_lines(self._chooser.choices, sizes, self._verdicts))

    async def _check(self, _job: Job[dict[str, Verdict]]) -> dict[str, Verdict]:
        app = self._desk.app
        machine = await app.machine()

        def work() -> dict[str, Verdict]:
            from localstory.fit.check import formula_report  # not at the start of the program

            found = {}
            for one in app.fitting.candidates():
                if one.on_disk:
                    try:
                        report = formula_report(one.subject, machine, measured=app.records, brief=True, build=app.build_for(one))
                    except BadGguf:
                        continue  # nobody can say
                    found[one.source] = report.verdict
            return found

        return await asyncio.to_thread(work)

    def _checked(self, job: Job[dict[str, Verdict]]) -> None:
        if job.result is not None:
            self._verdicts = job.result
            self._fill()

    def _chosen(self, keys: Sequence[tuple[str, str, str]], blind: bool) -> None:
        self._desk.remember("several.models", [json.dumps(key) for key in keys])
        self._desk.remember("several.blind", blind)
        chosen = [one for one in self._chooser.choices if one.key in set(keys)]
        contenders = [
            Contender(one.engine, one.server, one.model, one.title, self._chooser.opener(one), stays=bool(one.engine and one.loaded is not False))
            for one in chosen
        ]

        def ask(chat_id: ChatId) -> None:
            self._ask(chat_id, contenders, blind)

        chat, draft, _made_of = self._shown()
        if draft.strip() or chat is None:
            self.say_wanted.emit(ask)
        else:
            ask(chat.id)

    def _ask(self, chat_id: ChatId, contenders: Sequence[Contender], blind: bool) -> None:
        async def work(job: Job[Any]) -> Any:
            return await self._several.ask(chat_id, contenders, blind=blind, report=job.report)

        self._asked_in = chat_id
        title = _("The same question for {count} models").format(count=len(contenders))
        self._desk.bridge.start(title, work, on_end=self._asked)

    def _asked(self, job: Job[Any]) -> None:
        self._waiting.clear()
        self._desk.model_state.emit(_("The model is not loaded"))
        if job.error is not None:
            self.troubled.emit(job.error)
        self.show()
        chat = self._chat
        if job.result is not None and chat is not None and chat.id == self._asked_in and self.answers is None and self._over.isVisible():
            self.compare()

    def stop(self) -> None:
        """Keep what is there and ask no more."""
        chat = self._chat
        if chat is not None:
            chat_id = chat.id
            self._desk.bridge.start("", lambda _job: self._chats.stop(chat_id))

    # -- comparing and voting --------------------------------------------------------------------------------------------

    def compare(self) -> None:
        """The answers side by side."""
        chat, at_work = self._chat, self.at_work()
        vote = self._several.vote(at_work.vote_id) if at_work is not None else self._newest()
        if chat is None or vote is None or self.answers is not None:
            return
        tree = self._tree()
        question = tree.messages.get(vote.question_id) if vote.question_id is not None else None
        self.answers = AnswersDialog(" ".join(question.text[:_QUESTION_LETTERS].split()) if question is not None else "", self._over)
        self.answers.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.answers.vote = vote
        self.answers.finished.connect(self._answers_closed)
        self.answers.voted.connect(self._voted)
        self.answers.continue_wanted.connect(self._continue)
        self.answers.acted.connect(self._copy)
        self.answers.link_wanted.connect(self._link)
        self.answers.open()
        self._show_answers()  # after `open`: texts are measured in the font that a window has only when it is shown

    def _answers_closed(self) -> None:
        self.answers = None

    def _show_answers(self) -> None:
        if self.answers is None or self.answers.vote is None:
            return
        vote = self._several.vote(self.answers.vote.id)
        if vote is None or vote.chat_id is None:
            self.answers.close()
            return
        at_work = self._several.at_work(vote.chat_id)
        is_at_work = at_work is not None and at_work.vote_id == vote.id
        waiting = next(iter(self._waiting.values()), "")
        self.answers.show_vote(vote, several_state.columns(self._chats.tree(vote.chat_id), vote, waiting), is_at_work=is_at_work)

    def _voted(self, vote_id: int, verdict: object) -> None:
        several, where = self._several, VoteId(vote_id)
        if verdict == "names":
            self._desk.bridge.start("", lambda _job: several.show_names(where), on_end=self._given)
            return
        chosen: Any = verdict if isinstance(verdict, str) else MessageId(verdict)  # type: ignore[arg-type]
        self._desk.bridge.start("", lambda _job: several.give(where, chosen), on_end=self._given)
        bridge = self._desk.bridge
        self._desk.say_undo(_("Your vote is kept"), lambda: bridge.start("", lambda _job: several.show_names(where)))

    def _given(self, job: Job[Any]) -> None:
        if job.error is not None:
            self.troubled.emit(job.error)

    def _no_vote(self) -> None:
        chat = self._chat
        vote = several_state.open_vote(self._several.votes(chat.id), self._tree(), chat.tip_id) if chat is not None else None
        if vote is not None:
            self._voted(vote.id, "names")

    def _continue(self, message_id: int) -> None:
        self._desk.bridge.start("", lambda _job: self._chats.choose(MessageId(message_id)), on_end=self._given)
        if self.answers is not None:
            self.answers.close()

    def _copy(self, text: str) -> None:
        QGuiApplication.clipboard().setText(text)
        self._desk.say(_("Copied"))

    # -- the leaderboard -------------------------------------------------------------------------------------------------

    def open_leaderboard(self) -> None:
        """This person's own ranking of models."""
        self.leaderboard = Leaderboard(self._desk, self._over.window())
        self.leaderboard.finished.connect(self._leaderboard_closed)
        self.leaderboard.open()

    def _leaderboard_closed(self) -> None:
        self.leaderboard = None


def _size_of(choice: Choice) -> int | None:
    """Bytes of a model's first file, for the list; None for servers and files that are gone."""
    try:
        return Path(choice.model).stat().st_size if not choice.engine else None
    except OSError:
        return None
