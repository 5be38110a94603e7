"""Model servers in the settings: what was found, and what the person names, with their keys. A key is never shown again."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from localstory.models.servers import Server
from localstory.runtime import Job
from localstory.words import _
from ui import errors, theme
from ui.desk import Desk
from ui.pages.settings import state
from ui.widgets.cards import Card, button, clear, label


class ServersCard(Card):
    """The servers with their state; fields to name another one, or to give a key."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self._busy = False
        self._wanted: Server | None = None
        self._shown: tuple[Server, ...] | None = None
        self.column.addWidget(label(_("Model servers"), "head"))
        self.column.addWidget(label(_("Programs that run models, such as Ollama or LM Studio. Their models stand beside your own in every chat."), "quiet"))
        self._list = QVBoxLayout()
        self._list.setSpacing(8)
        self.column.addLayout(self._list)
        self._none = label(_("No server was found on this computer."), "small")
        self.column.addWidget(self._none)
        self.look = button(_("Look again"), "link")
        self.look.setIcon(theme.icon("again", theme.look().accent))
        self.look.clicked.connect(self.look_again)
        row = QHBoxLayout()
        row.addWidget(self.look)
        row.addStretch(1)
        self.column.addLayout(row)
        self._build_fields()
        desk.bridge.heard.connect(self._heard)
        self.show_servers()

    def _build_fields(self) -> None:
        self.column.addWidget(label(_("Add a server by its address"), "head"))
        fields = QHBoxLayout()
        fields.setSpacing(8)
        self.address = QLineEdit()
        self.address.setPlaceholderText("http://192.168.1.20:11434")
        self.address.setAccessibleName(_("Address of the server"))
        self.address.returnPressed.connect(self._add)
        self.key = QLineEdit()
        self.key.setEchoMode(QLineEdit.EchoMode.Password)
        self.key.setPlaceholderText(_("Key, if it wants one"))
        self.key.setAccessibleName(_("Key of the server, if it wants one"))
        self.key.returnPressed.connect(self._add)
        self.add = button(_("Add the server"), "main")
        self.add.clicked.connect(self._add)
        fields.addWidget(self.address, 3)
        fields.addWidget(self.key, 2)
        fields.addWidget(self.add)
        holder = QWidget()
        holder.setLayout(fields)
        fields.setContentsMargins(0, 0, 0, 0)
        self.column.addWidget(holder)
        self.column.addWidget(label(_("The key goes into the system's keyring, to this server only, and is not shown again."), "small"))
        self.said = label("")
        self.said.hide()
        self.column.addWidget(self.said)

    def _heard(self, event: object) -> None:
        if getattr(event, "what", "") == "servers":
            self.show_servers()

    def show_servers(self) -> None:
        """Show what is known now."""
        known = self._desk.app.servers.known
        if known == self._shown:
            return
        self._shown = known
        clear(self._list)
        for server in known:
            self._list.addWidget(self._row(server))
        self._none.setVisible(not known)
        off = _("Servers are not looked for: the switch above is off.")
        self._none.setText(_("No server was found on this computer.") if self._desk.app.settings.look_for_servers else off)

    def _row(self, server: Server) -> QWidget:
        shown = state.server_row(server)
        made = QWidget()
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(label(shown.title))
        words.addWidget(label(shown.note, "warn" if shown.is_trouble else "small"))
        row.addLayout(words, 1)
        if server.needs_key or server.has_key:
            give = button(_("Give a key") if server.needs_key else _("Forget the key"), "link", name=f"{shown.title}: {shown.key_words}")
            give.clicked.connect(lambda: self._ask_for_key(server) if server.needs_key else self._keep_key(server.url, ""))
            row.addWidget(give)
        if server.is_named:
            remove = button(_("Remove"), "link", name=_("Remove {server}").format(server=shown.title))
            remove.clicked.connect(lambda: self._remove(server))
            row.addWidget(remove)
        return made

    # -- what the person does ------------------------------------------------------------------------------------------------

    def look_again(self) -> None:
        """Look for servers now."""
        if not self._busy:
            self._start(lambda _job: self._desk.app.servers.look(), self._looked)

    def _looked(self, job: Job[Any]) -> None:
        self._end(job)
        self.show_servers()

    def _ask_for_key(self, server: Server) -> None:
        self.address.setText(server.url)
        self.key.setFocus()

    def _add(self) -> None:
        typed, key = self.address.text(), self.key.text()
        if self._busy or not typed.strip():
            return
        servers = self._desk.app.servers

        async def work(_job: Job[Server]) -> Server:
            found = await servers.check(typed, key)
            if key.strip():
                await servers.keep_key(found.url, key)
            return found

        self._start(work, self._added)

    def _added(self, job: Job[Server]) -> None:
        self._end(job)
        if job.error is not None or job.result is None:
            return
        found = job.result
        self.key.clear()
        self.address.clear()
        if found.needs_key:
            self._say(_("{server} wants another key.").format(server=found.title))
            self.address.setText(found.url)
            return
        kept = self._desk.app.settings.servers
        if found.url not in kept:
            self._desk.change_setting("servers", (*kept, found.url))
        self._say(_("{server} was added.").format(server=found.title))
        self.look_again()

    def _remove(self, server: Server) -> None:
        self._desk.change_setting("servers", tuple(url for url in self._desk.app.settings.servers if url != server.url))
        if server.has_key:
            self._keep_key(server.url, "")
        else:
            self.look_again()

    def _keep_key(self, url: str, key: str) -> None:
        async def work(_job: Job[Any]) -> object:
            await self._desk.app.servers.keep_key(url, key)
            return await self._desk.app.servers.look()

        self._start(work, self._looked)

    def _start(self, work: Any, on_end: Any) -> None:
        self._busy = True
        for one in (self.add, self.look):
            one.setEnabled(False)
        self.said.hide()
        self._desk.bridge.start("", work, on_end=on_end)

    def _end(self, job: Job[Any]) -> None:
        self._busy = False
        for one in (self.add, self.look):
            one.setEnabled(True)
        if job.error is not None:
            said = errors.trouble(job.error)
            self._say(" ".join(part for part in (f"{said.title}.", said.detail, said.hint) if part))

    def _say(self, words: str) -> None:
        self.said.setText(words)
        self.said.setVisible(bool(words))
