"""What the room of chats shows. Pure, no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from localstory.chats.kept import told, warnings_in
from localstory.chats.store import Chat
from localstory.chats.tree import ChatMessage, Tree
from localstory.events import Progress
from localstory.models.library import TextModel
from localstory.words import _, duration, mark, ngettext, number, percent, size
from ui import errors
from ui.pages.chat import message_actions
from ui.widgets.palette_score import fold
from ui.widgets.values import MessageAction, Shown

_ENDINGS = {"end": mark("the model"), "stop": mark("a stop word"), "length": mark("the longest length"), "context": mark("the end of its context")}


@dataclass(frozen=True, slots=True)
class ChatRow:
    """A line of the list of chats."""

    id: int
    title: str
    note: str
    """ "Draft" when something stands unsent in it."""


def title_of(chat: Chat) -> str:
    """A chat's name, also when it has none yet."""
    return chat.title or _("New chat")


def chat_rows(chats: Sequence[Chat], query: str = "") -> list[ChatRow]:
    """The list of chats whose titles hold the query's words, marks and case aside."""
    wanted = fold(query).split()
    rows = [ChatRow(chat.id, title_of(chat), _("Draft") if chat.draft.strip() else "") for chat in chats]
    return [row for row in rows if all(word in fold(row.title) for word in wanted)]


def messages(tree: Tree, chat: Chat, waiting: str, level: str = "user") -> list[Shown]:
    """The branch of a chat that is in sight. `waiting` says why a reply that began has no words yet."""
    path = tree.path(chat.tip_id)
    return [_message(tree, message, place, waiting, level, is_last=place == len(path)) for place, message in enumerate(path, 1)]


def _message(tree: Tree, message: ChatMessage, place: int, waiting: str, level: str, *, is_last: bool) -> Shown:
    mine = message.role == "user"
    speaker = (_("Your message {number}") if mine else _("Reply {number}")).format(number=place)
    live = message.state == "streaming"
    actions = [MessageAction("copy", _("Copy"), "copy")] if message.text else []
    if not mine:
        actions.append(MessageAction("again", _("Write again"), "again"))
    trouble = None
    if message.trouble is not None:
        trouble = errors.kept_trouble(message.trouble, _ways_out(message))
        if message.engine in _SERVERS and message.trouble["code"] in _NOT_THERE:
            server = _(_SERVERS[message.engine])
            trouble = replace(
                trouble,
                title=_("{server} is not there").format(server=server),
                detail=_("Nobody answers at its address; {model} can't write. Your words are kept.").format(model=message.model or server),
                hint=_("Start {server} and try again, or go on with the built-in engine.").format(server=server),
            )
        actions = [action for action in actions if action.id != "again"]
    actions += message_actions.actions_of(message, level)
    if message.text:
        actions += [
            MessageAction("copy_text", _("Copy without Markdown"), more=True),
            MessageAction("copy_chat", _("Copy the whole chat"), more=True),
            MessageAction("text", _("Select text…"), more=True),
            MessageAction("raw", _("Show as it was written"), more=True),
        ]
    return Shown(
        key=message.id, text=message.text, mine=mine, speaker=speaker, note="" if mine else reply_note(message, is_last=is_last), actions=tuple(actions),
        place=tree.place(message.id), live=live, waiting=waiting, trouble=trouble, notices=notices(message.made_of, is_last=is_last) if not live else (),
        note_tip="" if mine or live else "\n".join(f"{what}: {value}" for what, value in made_with_facts(message.made_of)),
    )  # fmt: skip


_SERVERS = {
    "ollama": "Ollama",
    "lmstudio": "LM Studio",
    "llama_server": "llama-server",
    "koboldcpp": "KoboldCpp",
    "localstory": "localstory",
    "openai": mark("The server"),
}
_NOT_THERE = ("no_connection", "host_not_found")
_ABOUT_THE_CHAT = ("prompt_too_long", "bad_request", "not_offered")


def _ways_out(message: ChatMessage) -> tuple[tuple[str, str], ...]:
    """The buttons of a failed reply's card, as (id, words)."""
    code = str(message.trouble["code"]) if message.trouble else ""
    if code == "hidden":
        return ()  # another try would be by the chat's own model
    if code in ("context_full", "context_ask"):
        return (
            ("when:summarise", _("Summarise the beginning")),
            ("when:drop_oldest", _("Leave out the oldest")),
            ("when:keep_middle_out", _("Leave out the middle")),
        )
    again = ("again", _("Load again") if code in ("child_died", "child_hung", "quarantined") else _("Try again"))
    if message.engine in _SERVERS and code not in _ABOUT_THE_CHAT:
        return (again, ("built_in", _("Use the built-in engine")))
    return (again,)


def notices(made_of: dict[str, Any], *, is_last: bool) -> tuple[str, ...]:
    """What a person should know of a reply: what its server did otherwise than asked, and (of the last one: it would be
    the same under each) what could not be summarised."""
    missing = made_of.get("context", {}).get("not_summarised") if is_last else None
    said = [" ".join(part for part in (f"{told(missing).title}.", told(missing).detail) if part)] if missing else []
    return (*warnings_in(made_of), *said)


_MADE_WITH = {
    "flash_attention": mark("Flash attention"),
    "kv_type": mark("How the conversation is kept"),
    "context_length": mark("Context"),
    "threads": mark("Threads"),
    "gpu_layers": mark("Layers on the graphics card"),
    "lookup": mark("Guessed from the prompt"),
    "draft_model": mark("Guessed by a small model"),
    "pack": mark("Engine pack"),
    "template": mark("Chat template"),
}


def made_with_facts(made_of: dict[str, Any]) -> list[tuple[str, str]]:
    """What decided a reply's text besides the words, as (what, value): what the engine told of itself, and the seed."""
    facts = [(_(_MADE_WITH[name]) if name in _MADE_WITH else name.replace("_", " "), _value(value)) for name, value in made_of.get("made_with", {}).items()]
    return [*facts, *([(_("Seed"), str(made_of["seed"]))] if "seed" in made_of else [])]


def _value(value: object) -> str:
    match value:
        case bool():
            return _("yes") if value else _("no")
        case None | "" | [] | {}:
            return "–"
        case int() | float():
            return number(value, 0 if float(value).is_integer() else 2)
        case list() | tuple():
            return ", ".join(_value(one) for one in value)
        case dict():
            return ", ".join(f"{name} {_value(one)}" for name, one in value.items())
        case _:
            return str(value)


def reply_note(message: ChatMessage, *, is_last: bool) -> str:
    """The quiet words under a reply: who wrote it, how fast, and whether it was cut short."""
    if message.state == "streaming":
        return ""
    parts = [message.model] if message.model else []
    if "hidden" in message.made_of:
        parts.append(_("Answer {number}, its name is hidden until your vote").format(number=message.made_of["hidden"]))
    speed = message.made_of.get("timing", {}).get("tokens_per_second")
    if speed and is_last:
        parts.append(speed_words(speed))
    if message.state == "stopped":
        parts.append(_("stopped"))
    elif message.made_of.get("stop_reason") == "length":
        parts.append(_("cut off at the longest length"))
    elif message.made_of.get("stop_reason") == "context":
        parts.append(_("cut off: the context is full"))
    return " · ".join(parts)


def speed_words(tokens_per_second: float) -> str:
    """ "34 tokens a second"."""
    return ngettext("{count} token a second", "{count} tokens a second", round(tokens_per_second)).format(count=number(tokens_per_second))


def tokens_words(count: int) -> str:
    """ "8,192 tokens"."""
    return ngettext("{count} token", "{count} tokens", count).format(count=number(count))


def waiting_words(progress: Progress | None) -> str:
    """Why there are no words yet: "Loading the model… 40 %"."""
    if progress is None:
        return _("One moment…")
    words = f"{_(progress.stage)}…"
    return f"{words} {percent(progress.share)}" if progress.share is not None and progress.share < 1 else words


def choose_model(models: Sequence[TextModel], wanted: Sequence[str]) -> TextModel | None:
    """The first usable model that is wanted (paths or titles, first wins), or the first usable one."""
    usable = [model for model in models if model.usable]
    for name in wanted:
        for model in usable:
            if name and name in (str(model.path), model.title):
                return model
    return usable[0] if usable else None


def model_facts(model: TextModel) -> list[tuple[str, str]]:
    """What a person may want to know of a model, as (what, value); unknown is left out."""
    facts = [(_("Size"), size(model.size_bytes)), (_("Kind"), f"{model.architecture} {model.quantisation}".strip())]
    if model.parameters:
        facts.append((_("Parameters"), parameters_words(model.parameters)))
    if model.context_length:
        facts.append((_("Context"), tokens_words(model.context_length)))
    if model.licence:
        facts.append((_("Licence"), model.licence))
    return facts


def parameters_words(parameters: int) -> str:
    """ "135 million", "7.2 billion"."""
    if parameters >= 1_000_000_000:
        return _("{number} billion").format(number=number(parameters / 1e9, 1))
    return _("{number} million").format(number=number(parameters / 1e6))


def reply_facts(made_of: dict[str, Any]) -> list[tuple[str, str]]:
    """The numbers of the last reply, for developers, as (what, value)."""
    usage, timing = made_of.get("usage", {}), made_of.get("timing", {})
    if not usage or not timing:
        return []
    facts = [
        (_("Prompt"), tokens_words(usage["prompt_tokens"])),
        (_("Of these reused"), tokens_words(usage["reused_tokens"])),
        (_("Written"), tokens_words(usage["generated_tokens"])),
        (_("Loading"), _seconds(timing["load_s"])),
        (_("Reading the prompt"), _seconds(timing["prompt_s"])),
        (_("First word after"), _seconds(timing["first_token_s"])),
    ]
    if timing.get("tokens_per_second"):
        facts.append((_("Speed"), speed_words(timing["tokens_per_second"])))
    return [*facts, *made_with_facts(made_of), (_("Ended by"), _(_ENDINGS.get(made_of.get("stop_reason", ""), "–")))]


def _seconds(seconds: float) -> str:
    return duration(seconds) if seconds >= 10 else _("{seconds} s").format(seconds=number(seconds, 2))


def safe_link(address: str) -> str | None:
    """The address if it is one a click may open (after asking), else None."""
    scheme = address.split(":", 1)[0].lower()
    return address if scheme in ("http", "https", "mailto") and ":" in address and "\n" not in address else None


def host_of(address: str) -> str:
    """Where a link really goes: the host, in its ASCII form, so that look-alike letters show."""
    from urllib.parse import urlsplit

    parts = urlsplit(address)
    host = parts.hostname or parts.path
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:
        return host


def model_name(path: str) -> str:
    """What to call a model of which only the path is known."""
    return Path(path).stem
