"""The room of chats: a branch of messages, the place to write, and what belongs to both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from localstory.chats.search import Hit
from localstory.chats.service import Waiting, Wrote
from localstory.chats.store import Chat, FolderId
from localstory.chats.summarising import SUMMARISING, Summarising
from localstory.chats.tree import ChatId, MessageId, Tree
from localstory.engines.base import TextEngine
from localstory.errors import CannotContinue
from localstory.events import Changed
from localstory.models.names import NoStarter
from localstory.net.errors import NetTrouble
from localstory.runtime import Job
from localstory.words import _
from ui import errors, looks, theme
from ui.bridge import Place
from ui.desk import Desk, Page
from ui.pages.chat import state
from ui.pages.chat.account import Account
from ui.pages.chat.choices import Choice
from ui.pages.chat.chooser import Chooser
from ui.pages.chat.finding import Finding
from ui.pages.chat.greeting import Greeting
from ui.pages.chat.links import open_link
from ui.pages.chat.list_part import ListPart
from ui.pages.chat.message_acts import MessageActs
from ui.pages.chat.several import SeveralPart
from ui.pages.chat.side import ChatSide
from ui.pages.chat.trouble_place import TroublePlace
from ui.pages.chat.view_parts import ViewParts
from ui.pages.chat.writing import WritingBox
from ui.widgets.cards import label
from ui.widgets.message_view import MessageView
from ui.widgets.text_dialog import TextDialog

DRAFT_MS = 500


class ChatPage(Page):
    """Shows one chat at a time; a reply goes on being written while another chat is looked at."""

    name = "chat"
    icon = "chat"
    titled = Signal()
    """The heading may say something else now."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._chats = desk.app.chats
        self._chat: Chat | None = None
        self._waiting: dict[int, str] = {}
        self._storing = False
        self._stored_for = 0
        self._folder: FolderId | None = None
        """Where a new chat is to lie."""
        self._ask: Callable[[ChatId], object] | None = None
        self._tree = Tree(())
        self._page_number = 0
        """Counts the chats that stood on the screen: what was begun for an earlier one must not change this one."""
        self._then: list[Callable[[], None]] = []
        self._draft_timer = QTimer(self)
        self._draft_timer.setSingleShot(True)
        self._draft_timer.setInterval(DRAFT_MS)
        self._draft_timer.timeout.connect(self._keep_draft)
        self._build()
        desk.bridge.heard.connect(self._heard)
        desk.settings_changed.connect(self._setting_changed)
        self.chooser.begin()
        self._reload()

    @property
    def title(self) -> str:
        return _("Chat")

    # -- building ------------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        self.list = ListPart(self, self.desk)
        self.list.opened.connect(self._open_from_list)
        self.list.entered.connect(self.focus_first)
        self.list.hit_opened.connect(self._open_hit)
        self.list.new_wanted.connect(self._new_in)
        self.list.changed.connect(self._list_read)
        self.list.acts.deleted.connect(self._leave_deleted)
        self.pane = self.list.pane
        self.panel = ChatSide(self.desk)
        self.panel.changed.connect(self._change_chat)
        self.panel.branches.opened.connect(self._open_from_list)
        self.side = self.panel
        self.place = QWidget()
        self.place.installEventFilter(self)
        column = QVBoxLayout(self.place)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self.heading = label("", "head", wrap=False)
        self.heading.setMinimumWidth(40)
        top = QHBoxLayout()
        top.setContentsMargins(24, 12, 24, 8)
        self.heading.setMaximumWidth(theme.column())
        top.addStretch(1)
        top.addWidget(self.heading, 1000)
        top.addStretch(1)
        column.addLayout(top)
        self.view = MessageView(looks.view_words(), looks.markdown(), looks.message_icons(), looks.bubble())
        looks.dress(self.view)
        self.view.acted.connect(self._acted)
        self.view.stepped.connect(self._stepped)
        self.view.link_wanted.connect(self._link)
        self.view.code_copied.connect(self._code_copied)
        self.view_parts = ViewParts(self, self.desk, self.view)
        self.acts = MessageActs(self, self.desk, self.view, self.place, self._tree_shown)
        self.acts.answer_wanted.connect(self.answer)
        self.acts.go_on_wanted.connect(self.go_on)
        self.acts.input_wanted.connect(self.focus_first)
        self.acts.troubled.connect(self._show_trouble)
        self.finding = Finding(self, self.desk, self.view)
        self.finding.everywhere_wanted.connect(self.list.search_for)
        column.addLayout(self.finding.row)
        column.addWidget(self.view, 1)
        self.empty = Greeting()
        column.addWidget(self.empty, 1)
        self._foot = QHBoxLayout()
        self._foot.setContentsMargins(24, 4, 24, 16)
        centred = QWidget()
        centred.setMaximumWidth(theme.column())
        self._below = QVBoxLayout(centred)
        self._below.setContentsMargins(0, 0, 0, 0)
        self._below.setSpacing(8)
        self.trouble = TroublePlace(self._below)
        self.box = WritingBox()
        self.box.set_enter_sends(self.desk.app.settings.enter_sends)
        self.box.sent.connect(self.send)
        self.box.stopped.connect(self.stop)
        self.box.model_chosen.connect(self._model_chosen)
        self.box.input.textChanged.connect(self._draft_timer.start)
        self.chooser = Chooser(self, self.desk, self.box)
        self.chooser.changed.connect(self._choice_changed)
        self.chooser.troubled.connect(self.trouble.show)
        self.account = Account(self, self.desk, self.chooser, self._shown, self._change_chat, self.place)
        self.account.troubled.connect(self.trouble.show)
        self.context = self.account.line
        self.box.input.textChanged.connect(self.context.changed)
        self.several = SeveralPart(self, self.desk, self.chooser, self._shown, self.place, self._link)
        self.several.say_wanted.connect(self.send)
        self.several.troubled.connect(self.trouble.show)
        self._below.addWidget(self.several.strip)
        self._below.addWidget(self.context)
        self._below.addWidget(self.box)
        self._foot.addStretch(1)
        self._foot.addWidget(centred, 1000)
        self._foot.addStretch(1)
        column.addLayout(self._foot)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.place and event.type() == QEvent.Type.Resize:
            self.box.keep_to(self.place.height())
        return False

    # -- what the core says --------------------------------------------------------------------------------------------

    def _heard(self, event: object) -> None:
        if isinstance(event, Wrote):
            if self._chat is not None and event.chat_id == self._chat.id:
                self.view.append(event.message_id, event.text, event.at)
                if self.several.at_work() is None:
                    self.desk.model_state.emit(_("{model} is loaded").format(model=self._model_title()))
        elif isinstance(event, Waiting):
            words = state.waiting_words(event.progress)
            self._waiting[event.message_id] = words
            self.desk.model_state.emit(words)
            if self._chat is not None and event.chat_id == self._chat.id:
                self.view.set_waiting(event.message_id, words)
                is_summary = event.progress.stage == SUMMARISING
                self.context.show_summarising(Summarising(event.chat_id, event.progress.share) if is_summary else None, blocks=True)
        elif isinstance(event, Summarising):
            if self._chat is not None and event.chat_id == self._chat.id:
                self.context.show_summarising(event)
        elif isinstance(event, Changed) and event.what == "servers":
            self.chooser.show()
        elif isinstance(event, Changed) and event.what == "summaries":
            self.context.changed()
        elif isinstance(event, Changed) and event.what == "chats":
            self._reload(event.ids)
        elif isinstance(event, Changed) and event.what == "folders":
            self.list.reload_folders()

    def _setting_changed(self, name: str) -> None:
        if name == "enter_sends":
            self.box.set_enter_sends(self.desk.app.settings.enter_sends)
        elif name == "level":
            self._show_chat()
            self._show_side()
        elif name in ("model", "servers", "look_for_servers"):
            self.chooser.show()

    def _reload(self, ids: Sequence[int] = ()) -> None:
        """Read the chats again (all, or those with these ids): a few milliseconds on the read-only connection."""
        if self._chats.is_open:
            self.list.reload(ids)
            if self._chat is None or not ids or self._chat.id in ids:
                self._show_chat()

    def _list_read(self) -> None:
        if self._chat is not None:
            # A chat that was deleted elsewhere leaves the screen.
            self._chat = self.list.get(self._chat.id)
        self.list.show_current(self._chat.id if self._chat is not None else None)

    def _show_chat(self) -> None:
        chat = self._chat
        self._tree = self._chats.tree(chat.id) if chat is not None else Tree(())
        shown = state.messages(self._tree, chat, _("One moment…"), self.desk.app.settings.level) if chat is not None else []
        self.view.set_messages(shown)
        for key, words in self._waiting.items():
            self.view.set_waiting(key, words)
        self.heading.setText(state.title_of(chat) if chat is not None else _("New chat"))
        self.titled.emit()
        self.panel.branches.show_chat(chat.id if chat is not None else None, self._tree, chat.tip_id if chat is not None else None)
        self.view.setVisible(bool(shown))
        self.empty.setVisible(not shown)
        self.box.set_busy(chat is not None and self._chats.is_writing(chat.id))
        made_of = self._last_made_of()
        speed = made_of.get("timing", {}).get("tokens_per_second")
        if speed:
            self.desk.speed.emit(state.speed_words(speed))
        self.chooser.show_for(chat)
        self.several.show(self._tree)
        if not self.box.is_busy:
            self.context.show_summarising(None)
        self.context.changed()

    def _last_made_of(self) -> dict[str, Any]:
        if self._chat is None:
            return {}
        path = self._tree.path(self._chat.tip_id)
        return next((message.made_of for message in reversed(path) if message.made_of.get("usage")), {})

    # -- who writes, and what it is sent -----------------------------------------------------------------------------------

    def _choice_changed(self) -> None:
        self.empty.show_for(self.chooser.chosen)
        self._show_side()
        self.context.changed()

    def _tree_shown(self) -> Tree:
        return self._tree

    def _show_trouble(self, error: BaseException) -> None:
        self.trouble.show(error)

    def _show_side(self) -> None:
        self.panel.show_chat(self._chat, self.chooser.chosen, self._last_made_of())

    def _model_title(self) -> str:
        chosen = self.chooser.chosen
        return chosen.title if chosen is not None else ""

    def _model_chosen(self, key: tuple[str, str, str]) -> None:
        self.chooser.wanted = key
        if self._chat is not None:
            self._change_chat(dict(zip(("engine", "server", "model"), key, strict=True)))
        self.chooser.show()
        self.context.forget()

    def _shown(self) -> tuple[Chat | None, str, dict[str, Any]]:
        return self._chat, self.box.input.toPlainText(), self._last_made_of()

    # -- going about ---------------------------------------------------------------------------------------------------

    def entered(self, what: object = None) -> None:
        if what == "new":
            self.new_chat()
        elif isinstance(what, int):
            self.open(what)
        elif isinstance(what, Path):
            self.new_chat()
            self.chooser.wanted = ("", "", str(what))
            self.chooser.show()
        if self.desk.app.chats.read_only_because is not None:
            self.trouble.show(self.desk.app.chats.read_only_because)
        self.focus_first()

    def focus_first(self) -> None:
        self.box.focus()

    def left(self) -> None:
        self.chooser.end()
        self.context.end()
        self._leave_draft()

    def _leave_draft(self) -> None:
        if self._draft_timer.isActive():
            self._draft_timer.stop()
            self._keep_draft()

    @property
    def chat_id(self) -> int | None:
        """The chat on the screen; None for a new one."""
        return self._chat.id if self._chat is not None else None

    @property
    def is_storing(self) -> bool:
        """True while something is on its way to the disk; the window waits for it before it closes."""
        return self._storing or bool(self._then)

    def open_last(self, chat_id: int) -> None:
        """The chat that was on the screen when the window was closed; 0: a new one, of which there may be a draft."""
        if not chat_id:
            begun = next((chat for chat in self._chats.all() if chat.tip_id is None and chat.draft), None)
            chat_id = begun.id if begun is not None else 0
        if chat_id:
            self.open(chat_id)

    def new_chat(self) -> None:
        """An empty page; the chat begins with its first words."""
        self._new_in(None, False)

    def _new_in(self, folder: FolderId | None, _temporary: bool) -> None:
        self._folder = folder
        self._switch(None)

    def open(self, chat_id: int, *, focus: bool = True) -> None:
        """Show a chat; with `focus` the keyboard goes to the input."""
        if self._chats.is_open and (self._chat is None or self._chat.id != chat_id):
            self._switch(self._chats.get(ChatId(chat_id)), focus=focus)

    def _open_from_list(self, chat_id: int) -> None:
        self.open(chat_id, focus=False)

    def _open_hit(self, hit: Hit, query: str) -> None:
        self.open(hit.chat_id)
        if hit.message_id is not None:
            self.show_message(hit.message_id, query)

    def show_message(self, message: MessageId, query: str = "") -> None:
        """Go to a message of the open chat in its branch, and light the words that were looked for."""

        async def work(_job: Job[Any]) -> tuple[MessageId, str]:
            await self._chats.show(message)
            return message, query

        self.desk.bridge.start("", work, on_end=self._message_there)

    def _message_there(self, job: Job[Any]) -> None:
        if job.error is not None:
            self.trouble.show(job.error)
        elif job.result is not None:
            self._reload((self._chat.id,) if self._chat is not None else ())
            self.view.show_hit(*job.result)

    def _switch(self, chat: Chat | None, *, focus: bool = True) -> None:
        if self._storing:
            self._then.append(lambda: self._switch(chat, focus=focus))
            return
        self._leave_draft()
        self.trouble.hide()
        self._page_number += 1
        self._chat = chat
        self.finding.chat_changed()
        self.chooser.wanted = None
        draft = chat.draft if chat is not None else ""
        self.box.input.blockSignals(True)
        self.box.input.setPlainText(draft)
        self.box.input.blockSignals(False)
        self.box.input.setPlainText(draft)
        self._draft_timer.stop()
        self.list.show_current(self.chat_id)
        self._show_chat()
        self.context.forget()
        self.view.scroll_to_end()
        if focus and self.place.isVisible():
            self.focus_first()

    # -- writing -------------------------------------------------------------------------------------------------------

    def _store(self, work: Callable[[Job[Any]], Awaitable[Any]], on_end: Callable[[Job[Any]], None]) -> None:
        """One change at a time, in order: two at once could both begin a new chat."""
        self._storing = True
        self._stored_for = self._page_number
        self._on_stored = on_end
        self.desk.bridge.start("", work, on_end=self._stored)

    def _stored(self, job: Job[Any]) -> None:
        self._storing = False
        self._on_stored(job)
        while self._then and not self._storing:
            self._then.pop(0)()

    def _keep_draft(self) -> None:
        if self._storing:
            self._then.append(self._keep_draft)
            return
        text, chat_id = self.box.input.toPlainText(), self.chat_id
        if not self._chats.is_open or self._chats.read_only_because is not None or (self._chat.draft if self._chat else "") == text:
            return
        folder = self._folder
        self._store(lambda _job: self._chats.keep_draft(ChatId(chat_id) if chat_id is not None else None, text, folder), self._draft_kept)

    def _draft_kept(self, job: Job[Any]) -> None:
        if job.error is not None:
            self.trouble.show(job.error)
        else:
            self._adopt(job.result)

    def _adopt(self, chat_id: ChatId | None) -> None:
        """The new chat on the screen is on the disk now."""
        if self._chat is None and chat_id is not None and self._stored_for == self._page_number:
            self._chat = self._chats.get(chat_id)
            self._reload()

    def send(self, ask: Callable[[ChatId], object] | None = None) -> None:
        """Send what stands in the input; then `ask(chat)` sees to the answers, or the chosen model answers."""
        if self._storing:
            self._then.append(lambda: self.send(ask))
            return
        text, chosen = self.box.input.toPlainText(), self.chooser.chosen
        if not text.strip() or not self._chats.is_open or (self._chat is not None and self._chats.is_writing(self._chat.id)):
            return
        if chosen is None and ask is None:
            self.trouble.show(NoStarter())
            return
        self._ask = ask
        self._draft_timer.stop()
        self.trouble.hide()
        chat_id = ChatId(self._chat.id) if self._chat is not None else None
        self._sending = text
        self.box.input.setPlainText("")
        self._draft_timer.stop()
        folder = self._folder if chat_id is None else None
        self._store(lambda _job: self._chats.say(chat_id, text, folder), self._said)

    def _said(self, job: Job[Any]) -> None:
        if job.error is not None or job.result is None:
            if not self.box.input.toPlainText():
                self.box.input.setPlainText(self._sending)
            if job.error is not None:
                self.trouble.show(job.error)
            return
        chat_id, chosen = job.result[0], self.chooser.chosen
        if self._stored_for == self._page_number:
            self._chat = self._chats.get(chat_id)
            self._reload()
            self.view.scroll_to_end()
        if chosen is not None and self.chooser.wanted and self._stored_for == self._page_number:
            self._change_chat(dict(zip(("engine", "server", "model"), self.chooser.wanted, strict=True)))
        if self._ask is not None:
            self._ask(chat_id)
        elif chosen is not None:
            self._answer(chosen, lambda engine, job: self._chats.reply(chat_id, engine, report=job.report), chat_id)

    def _answer(self, chosen: Choice, reply: Callable[[TextEngine, Job[Any]], Awaitable[Any]], chat_id: int | None = None) -> None:
        open_engine = self.chooser.opener(chosen)
        place = Place("chat", chat_id or self.chat_id)

        async def work(job: Job[Any]) -> Any:
            return await reply(await open_engine(), job)

        self.desk.bridge.start(_("A reply from {model}").format(model=chosen.title), work, on_end=self._answered, place=lambda _result: place)
        self.box.set_busy(True)
        self.view.scroll_to_end()

    def _answered(self, job: Job[Any]) -> None:
        # A failed reply tells its trouble in its own card; what is not kept with a message is told here.
        if isinstance(job.error, CannotContinue) and job.error.code in ("bad_request", "database_trouble", "newer_database"):
            self.trouble.show(job.error)
        elif job.error is not None and not isinstance(job.error, CannotContinue):
            errors.trouble(job.error)  # into the log; the card is in the chat
        if isinstance(job.error, NetTrouble):
            self.chooser.look(now=True)  # the list should not go on to name who is not there
        self._waiting.clear()
        self.desk.model_state.emit(
            _("The model is not loaded") if isinstance(job.error, CannotContinue) else _("{model} is loaded").format(model=self._model_title())
        )
        self._reload()

    def stop(self) -> None:
        """Stop the reply that is being written here."""
        chat = self._chat
        if chat is not None and self._chats.is_writing(chat.id):
            self.desk.bridge.start("", lambda _job: self._chats.stop(chat.id))

    def again(self, key: int) -> None:
        """Another try at a reply, beside the old one."""
        chosen = self.chooser.chosen
        if chosen is None:
            self.trouble.show(NoStarter())
        elif self._chat is not None and not self._chats.is_writing(self._chat.id):
            self._answer(chosen, lambda engine, job: self._chats.regenerate(MessageId(key), engine, report=job.report))

    def answer(self, chat_id: int) -> None:
        """Have the model answer at a chat's tip; a reply that is being written there is stopped first."""
        chosen = self.chooser.chosen
        if chosen is None:
            self.trouble.show(NoStarter())
            return

        async def reply(engine: TextEngine, job: Job[Any]) -> Any:
            await self._chats.stop(ChatId(chat_id))
            return await self._chats.reply(ChatId(chat_id), engine, report=job.report)

        self._answer(chosen, reply)

    def go_on(self, key: int) -> None:
        """A longer version of a reply, beside it."""
        chosen = self.chooser.chosen
        if chosen is None:
            self.trouble.show(NoStarter())
        elif self._chat is not None and not self._chats.is_writing(self._chat.id):
            self._answer(chosen, lambda engine, job: self._chats.go_on(MessageId(key), engine, report=job.report))

    def _again_after(self, key: int, given: dict[str, Any]) -> None:
        """Change the chat, then try a reply again."""
        if self._chat is None or self._storing:
            return
        chat_id = self._chat.id

        async def work(_job: Job[ChatId]) -> ChatId:
            await self._chats.change(chat_id, **given)
            return chat_id

        self._then.append(lambda: self.again(key))
        self._store(work, self._chat_made)

    def _built_in(self, key: int) -> None:
        """The chat's server is away: the built-in engine goes on."""
        choice = self.chooser.built_in
        if choice is None:
            self.trouble.show(NoStarter())
            return
        self.chooser.wanted = None
        self._again_after(key, dict(zip(("engine", "server", "model"), choice.key, strict=True)))

    def again_last(self) -> None:
        """Another try at the last reply."""
        if self._chat is not None:
            path = self._chats.tree(self._chat.id).path(self._chat.tip_id)
            if path and path[-1].role == "assistant":
                self.again(path[-1].id)

    # -- messages ------------------------------------------------------------------------------------------------------

    def _acted(self, key: int, action: str) -> None:
        if action == "copy":
            QGuiApplication.clipboard().setText(self.view.text_of(key))
            self.desk.say(_("Copied"))
        elif action == "text":
            self._select_text(self.view.text_of(key))
        elif action == "again":
            self.again(key)
        elif action == "built_in":
            self._built_in(key)
        elif action.startswith("when:") and self._chat is not None:
            self._again_after(key, {"parameters": self._chat.parameters | {"when_full": action.removeprefix("when:")}})

    def _stepped(self, key: int, step: int) -> None:
        if self._chat is not None:
            other = self._chats.tree(self._chat.id).beside(MessageId(key), step)
            if other is not None:
                self.desk.bridge.start("", lambda _job: self._chats.choose(other), on_end=self._changed)

    def _select_text(self, text: str) -> None:
        TextDialog(_("The whole message"), text, self.place).open()

    def _link(self, address: str) -> None:
        safe = state.safe_link(address)
        if safe is None:
            self.desk.say(_("This link is not opened: only web and mail addresses are."))
            return
        open_link(safe, self.place)

    def _code_copied(self) -> None:
        self.desk.say(_("Copied"))

    # -- the chat itself -----------------------------------------------------------------------------------------------

    def delete(self, chat_id: int) -> None:
        """Take a chat out of sight, with undo."""
        chat = self._chats.get(ChatId(chat_id)) if self._chats.is_open else None
        if chat is not None:
            self.list.acts.delete_these([chat])

    def _leave_deleted(self, ids: list[ChatId]) -> None:
        if self._chat is not None and self._chat.id in ids:
            if not self._storing:
                self._leave_draft()  # brought back, the chat has its unsent words
            self._draft_timer.stop()
            self._page_number += 1
            self._chat = None
            self._folder = None
            self.box.input.setPlainText("")
            self._draft_timer.stop()

    def delete_current(self) -> None:
        """Delete the chat on the screen."""
        if self._chat is not None:
            self.delete(self._chat.id)

    def _change_chat(self, given: dict[str, Any]) -> None:
        """Keep a model, a system prompt or parameters with this chat; makes one when there is none yet."""
        chat = self._chat

        async def work(_job: Job[ChatId]) -> ChatId:
            where = chat.id if chat is not None else await self._chats.new(self._folder)
            await self._chats.change(where, **given)
            return where

        if self._storing:
            self._then.append(lambda: self._change_chat(given))
        else:
            self._store(work, self._chat_made)

    def _chat_made(self, job: Job[Any]) -> None:
        if job.error is not None:
            self.trouble.show(job.error)
        else:
            self._adopt(job.result)

    def _changed(self, job: Job[Any]) -> None:
        if job.error is not None:
            self.trouble.show(job.error)

    def cannot_open(self, error: BaseException) -> None:
        """The chats can't be opened: say why, and take no words that could not be kept."""
        self.box.setEnabled(False)
        self.trouble.show(error)
