"""What the room of settings shows. Pure, no Qt.

To add a setting: a field in localstory/settings.py, and a row in `rows`.
"""

from __future__ import annotations

from dataclasses import dataclass

from localstory.models.servers import Server
from localstory.settings import ALLOWED, Settings
from localstory.words import _, ngettext, number, percent, tell
from ui.widgets.palette_score import fold

TEXT_SIZES: tuple[int, ...] = ALLOWED["text_size"]


@dataclass(frozen=True, slots=True)
class Row:
    """A setting: its name in Settings, words, the choices as (value, words), its value now and its default."""

    name: str
    title: str
    text: str
    choices: tuple[tuple[object, str], ...]
    value: object
    default: object

    @property
    def is_default(self) -> bool:
        return self.value == self.default

    def words_for(self, value: object) -> str:
        """What a value is called."""
        return next((words for choice, words in self.choices if choice == value), str(value))

    @property
    def origin(self) -> str:
        """Where the value comes from, and what the default is."""
        if self.is_default:
            return _("This is the default.")
        return _("You chose this. Default: {default}.").format(default=self.words_for(self.default))


@dataclass(frozen=True, slots=True)
class ServerRow:
    """A model server in words."""

    title: str
    note: str
    is_trouble: bool
    key_words: str


def server_row(server: Server) -> ServerRow:
    """Who it is, where, and what it has or why it does not answer."""
    name = f"{server.title} {server.version}".strip() if server.title != server.host else server.host
    title = name if name == server.host else _("{server}, {host}").format(server=name, host=server.host)
    key_words = _("Give a key") if server.needs_key else _("Forget the key")
    if server.trouble is not None:
        said = tell(server.trouble)
        return ServerRow(title, " ".join(part for part in (f"{said.title}.", said.hint) if part), True, key_words)
    if server.needs_key:
        return ServerRow(title, _("It wants a key."), True, key_words)
    count = len(server.models)
    notes = [ngettext("{count} model", "{count} models", count).format(count=number(count))]
    loaded = [model.title or model.name for model in server.models if model.loaded]
    if loaded:
        notes.append(_("loaded: {models}").format(models=", ".join(loaded)))
    if server.is_elsewhere:
        notes.append(_("on another computer"))
    if server.has_key:
        notes.append(_("with a key"))
    return ServerRow(title, " · ".join(notes), False, key_words)


def rows(settings: Settings, query: str = "") -> list[Row]:
    """Every setting whose words hold the query's words."""
    default = Settings()
    system = ("system", _("As the system"))
    choices: dict[str, tuple[str, str, tuple[tuple[object, str], ...]]] = {
        "language": (_("Language"), _("Of the window. Stories can be in other languages."), (system, ("en", "English"), ("vi", "Tiếng Việt"))),
        "theme": (
            _("Appearance"),
            _("Light, dark, or with the strongest contrast."),
            (system, ("light", _("Light")), ("dark", _("Dark")), ("contrast", _("High contrast"))),
        ),
        "text_size": (
            _("Text size"),
            _("Of everything in the window. Ctrl and + or - change it too."),
            tuple((value, percent(value / 100)) for value in TEXT_SIZES),
        ),
        "message_width": (
            _("Message width"),
            _("The longest line in a chat."),
            (("narrow", _("Narrow")), ("normal", _("Normal")), ("wide", _("Wide")), ("full", _("As wide as the window"))),
        ),
        "chat_font": (
            _("Chat font"),
            _("What messages are shown in."),
            (("sans", _("Plain (sans serif)")), ("serif", _("Book (serif)")), ("mono", _("Typewriter (monospace)"))),
        ),
        "level": (
            _("Level"),
            _("How much the window shows: User is for chatting; Power User adds how a model writes; Developer adds numbers."),
            (("user", _("User")), ("power", _("Power User")), ("developer", _("Developer"))),
        ),
        "enter_sends": (
            _("Enter key"),
            _("Shift+Enter is always a new line, Ctrl+Enter always sends."),
            ((True, _("Sends the message")), (False, _("Begins a new line"))),
        ),
        "automatic_titles": (
            _("Titles by the model"),
            _("After the first reply in a new chat the model gives it a title, while nobody waits for it. Your own titles stay."),
            ((True, _("Yes")), (False, _("No"))),
        ),
        "look_for_servers": (
            _("Look for servers on this computer"),
            _("Asks the usual ports of Ollama, LM Studio and others on this computer whether somebody is there. Nothing leaves it."),
            ((True, _("Yes")), (False, _("No"))),
        ),
    }
    every = [Row(name, *said, getattr(settings, name), getattr(default, name)) for name, said in choices.items()]
    wanted = fold(query).split()
    return [row for row in every if all(word in fold(" ".join((row.title, row.text, *(words for _value, words in row.choices)))) for word in wanted)]
