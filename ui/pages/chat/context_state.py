"""What the window tells of the context: how full it is, what is in it, and what was left out and why. Pure, no Qt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localstory.chats.kept import told
from localstory.chats.service import Standing
from localstory.context import DraftTooLong, Full, Line, MustAsk, PinnedTooLong
from localstory.words import _, mark, ngettext, number
from ui.widgets.values import Bar, BarPart, Strip

AROUND, TALK, DRAFT, RESERVED = 0, 1, 2, 3
"""Kinds of parts: what stands around the conversation, the conversation, the new message, what is kept for the reply."""

_KINDS = {
    "system": mark("System prompt"), "persona": mark("Persona"), "memory": mark("Things to remember"), "lore": mark("Lore"), "document": mark("Document"),
    "authors_note": mark("Author's note"), "summary": mark("Summary"), "history": mark("Conversation"), "draft": mark("Your new message"),
    "template": mark("The model's own marks"),
}  # fmt: skip
_WHY = {
    "fits": mark("In"),
    "empty": mark("Empty"),
    "budget": mark("Longer than its own room"),
    "no_room": mark("No room: others are more important"),
    "oldest": mark("Left out: the oldest make room"),
    "middle": mark("Left out: the middle makes room"),
    "summarised": mark("A summary stands for it"),
    "not_sent": mark("Nothing is sent"),
}
POLICIES: tuple[tuple[str, str, str], ...] = (
    ("drop_oldest", mark("Leave out the oldest"), mark("The oldest messages are left out, many at a time, so that replies stay quick.")),
    ("summarise", mark("Summarise the beginning"), mark("The model writes a summary that stands for the oldest messages. You can read and change it.")),
    ("keep_middle_out", mark("Leave out the middle"), mark("The first messages stay, those after them are left out.")),
    ("ask", mark("Ask me"), mark("Nothing is sent before you have chosen.")),
    ("stop", mark("Stop"), mark("Nothing is left out; the chat ends here.")),
)
"""What a chat does when it is full: its name in the core, its words, and what they mean."""


def tokens_words(count: int) -> str:
    """ "8,192 tokens"."""
    return ngettext("{count} token", "{count} tokens", count).format(count=number(count))


def policy_words(when_full: str) -> tuple[str, str]:
    """(name, meaning) of a policy."""
    return next(((_(name), _(meaning)) for one, name, meaning in POLICIES if one == when_full), (when_full, ""))


def _parts(by_kind: Mapping[str, int], reserve: int) -> tuple[BarPart, ...]:
    sums = [(kind, count) for kind, count in by_kind.items() if count > 0]
    found = [
        BarPart(_(_KINDS.get(kind, kind)), count, number(count), TALK if kind == "history" else DRAFT if kind == "draft" else AROUND) for kind, count in sums
    ]
    found.sort(key=lambda part: part.kind)
    return (*found, *((BarPart(_("Kept for the reply"), reserve, number(reserve), RESERVED),) if reserve else ()))


def strip(standing: Standing) -> Strip:
    """The bar of the next request."""
    report = standing.report
    length, total, reserve = report.window.context_length, report.total_tokens, report.window.reply_reserve
    refused = isinstance(standing.outcome, MustAsk | Full | DraftTooLong | PinnedTooLong)
    by_kind = report.by_kind
    if refused:  # nothing was put together: what it would take
        total, by_kind = report.wanted_tokens, {}
        for line in report.lines:
            if line.why != "empty":
                by_kind[line.kind] = by_kind.get(line.kind, 0) + line.tokens
    return _strip(by_kind, total, length, reserve, is_exact=standing.is_exact, is_over=refused, outside=0 if refused else _outside(report.lines))


def strip_of_record(context: Mapping[str, Any]) -> Strip:
    """The bar of a reply that was written, from what was kept with it."""
    outside = sum(row["items"] for row in context.get("rows", ()) if row["state"] == "left_out" and row["kind"] == "history")
    return _strip(context["by_kind"], context["total"], context["context_length"], context["reply_reserve"], is_exact=True, is_over=False, outside=outside)


def _outside(lines: tuple[Line, ...]) -> int:
    return sum(1 for line in lines if line.state == "left_out" and line.kind == "history" and line.why != "empty")


def _strip(by_kind: Mapping[str, int], total: int, length: int | None, reserve: int, *, is_exact: bool, is_over: bool, outside: int) -> Strip:
    parts = _parts(by_kind, reserve if length is not None else 0)
    if length is None:
        text = tokens_words(total)
    else:
        text = ngettext("{total} of {count} token", "{total} of {count} tokens", length).format(total=number(total), count=number(length))
    text = text if is_exact else _("about {amount}").format(amount=text)
    if outside:
        text += " · " + ngettext("{count} message not sent", "{count} messages not sent", outside).format(count=number(outside))
    listed = "\n".join(f"{part.name}: {part.text}" for part in parts)
    whole = float(length or 0)
    sentence = _("What the model is sent: {text}.").format(text=text) + " " + ", ".join(f"{part.name} {part.text}" for part in parts)
    return Strip(parts, whole, text, "\n".join(line for line in (_("Press for the whole account"), listed) if line), sentence, is_over)


def bar(name: str, shown: Strip) -> Bar:
    """The same as a large bar with its parts named."""
    if not shown.whole:  # nobody knows how much there is room for
        return Bar(name, shown.parts, None, "", shown.text, shown.description)
    free = shown.whole - sum(part.amount for part in shown.parts)
    room = _("{count} free").format(count=number(max(0, free))) if free > 0 else ""
    return Bar(name, shown.parts, shown.whole, room if not shown.is_over else _("too much"), shown.text, shown.description)


HEADS = (mark("What"), mark("Begins with"), mark("Tokens"), mark("Sent"), mark("What became of it"))


def rows(standing: Standing) -> list[tuple[str, ...]]:
    """The account of the next request: a row for every text, as `HEADS`."""
    found: list[tuple[str, ...]] = [
        (_line_name(line), standing.texts.get(line.id, ""), number(line.tokens), number(line.sent_tokens), _fate(line.state, line.why))
        for line in standing.report.lines
        if line.why != "empty"
    ]
    template = standing.report.template_tokens
    return found + ([(_(_KINDS["template"]), "", number(template), number(template), _(_WHY["fits"]))] if template else [])


def _line_name(line: Line) -> str:
    if line.kind == "history":
        return _("Your message") if line.role == "user" else _("Reply")
    return _(_KINDS.get(line.kind, line.kind))


def rows_of_record(context: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """The account that was kept with a reply; messages of one fate share a row."""
    found: list[tuple[str, ...]] = []
    for row in context["rows"]:
        if row["why"] == "empty":
            continue
        name = _(_KINDS.get(row["kind"], row["kind"]))
        many = ngettext("{count} message", "{count} messages", row["items"]).format(count=number(row["items"])) if row["kind"] == "history" else ""
        found.append((name, many, number(row["tokens"]), number(row["sent"]), _fate(row["state"], row["why"])))
    if context.get("template"):
        found.append((_(_KINDS["template"]), "", number(context["template"]), number(context["template"]), _(_WHY["fits"])))
    return found


def _fate(state: str, why: str) -> str:
    words = _(_WHY.get(why, why))
    return _("Shortened: {why}").format(why=words) if state == "trimmed" else words


def not_summarised(context: Mapping[str, Any]) -> str:
    """Why no summary stood for what was left out; "" when there is nothing to tell."""
    trouble = context.get("not_summarised")
    if not trouble:
        return ""
    said = told(trouble)
    return " ".join(part for part in (said.title.rstrip(".") + ".", said.detail, said.hint) if part)
