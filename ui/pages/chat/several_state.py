"""What asking several models shows: the list to choose from, the answers side by side, the strip above the input. Pure, no Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from localstory.chats.leaderboard import Rated, Who
from localstory.chats.several import FEWEST, MOST, AtWork
from localstory.chats.tree import ChatMessage, MessageId, Tree
from localstory.chats.votes import Answer, Vote
from localstory.words import _, mark, ngettext, number, percent, size
from ui import errors
from ui.pages.chat import state
from ui.pages.chat.choices import Choice
from ui.widgets.values import MessageAction, Shown

if TYPE_CHECKING:
    from localstory.fit.verdict import Verdict

HEADS = (
    mark("Place"), mark("Model"), mark("Preferred"), mark("Won, tied, lost"), mark("Tokens a second"), mark("First word"), mark("Memory"),
    mark("Replies"), mark("Good, bad"),
)  # fmt: skip
_UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class ModelLine:
    """A model that can be asked."""

    key: tuple[str, str, str]
    title: str
    note: str
    """Its size, and whether it fits."""
    why: str = ""
    """Why it does not run well here; "" when it does."""
    has_room: bool = True


def model_lines(choices: Sequence[Choice], sizes: Mapping[str, int], verdicts: Mapping[str, Verdict]) -> list[ModelLine]:
    """Everyone who can write; `sizes` (bytes) and `verdicts` of files by path, as far as they are known."""
    lines = []
    for one in choices:
        if one.is_away:
            continue
        parts = [one.note] if one.note else []
        why, has_room = "", True
        if one.engine:
            parts.append(one.group)
        else:
            if one.model in sizes:
                parts.append(size(sizes[one.model]))
            verdict = verdicts.get(one.model)
            if verdict is not None:
                parts.append(verdict.title())
                has_room = verdict.runs
                why = "" if verdict.level == "good" else verdict.why()
        lines.append(ModelLine(one.key, one.title, " · ".join(parts), why, has_room))
    return lines


def chosen_words(count: int) -> str:
    """How many are chosen, and whether that will do."""
    if count < FEWEST:
        return _("Choose at least two models.")
    if count > MOST:
        return _("Choose at most eight models.")
    return ngettext("{count} model is asked, one after the other.", "{count} models are asked, one after the other.", count).format(count=count)


def may_ask(count: int) -> bool:
    """Whether so many can be asked."""
    return FEWEST <= count <= MOST


def work_words(at_work: AtWork) -> str:
    """ "2 of 4: Gemma 3 is answering"."""
    if not at_work.title:
        return _("{number} of {count}: a model is answering, its name is hidden").format(number=at_work.number, count=at_work.of)
    return _("{number} of {count}: {model} is answering").format(number=at_work.number, count=at_work.of, model=at_work.title)


def waits_words(vote: Vote) -> str:
    """For the strip, when a vote is open."""
    count = len(vote.messages)
    if vote.blind:
        return ngettext("{count} answer waits for your vote; its name is hidden", "{count} answers wait for your vote; their names are hidden", count).format(
            count=count
        )
    return ngettext("{count} answer waits for your vote", "{count} answers wait for your vote", count).format(count=count)


def open_vote(votes: Sequence[Vote], tree: Tree, tip: MessageId | None) -> Vote | None:
    """The vote that the branch on the screen waits for: the newest open one whose answers are on it. One that hides names counts wherever
    its answer stands, another only at the end."""
    path = tree.path(tip)
    here = {message.id for message in path}
    last = path[-1].id if path else None
    for vote in votes:
        on_it = here.intersection(vote.messages)
        if vote.is_open and on_it and (vote.blind or last in on_it):
            return vote
    return None


def newest_vote(votes: Sequence[Vote], tree: Tree, tip: MessageId | None) -> Vote | None:
    """The newest round whose question is on the branch on the screen, voted or not, with two answers or more."""
    here = {message.id for message in tree.path(tip)}
    return next((vote for vote in votes if vote.question_id in here and len([one for one in vote.messages if one in tree.messages]) >= FEWEST), None)


# -- side by side ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """One answer. `title` is its model, or its number while names are hidden."""

    message_id: MessageId
    title: str
    note: str
    shown: Shown
    won: bool
    can_win: bool
    """It has words and is finished, or was stopped."""


def columns(tree: Tree, vote: Vote, waiting: str = "") -> list[Column]:
    """The answers that are there, by place. `waiting` says why the one that began has no words yet."""
    titles = answer_titles(vote)
    found = []
    for answer in vote.answers:
        message = tree.messages.get(answer.message_id) if answer.message_id is not None else None
        if message is not None:
            title = _("Answer {number}").format(number=answer.place) if vote.hides else titles[answer.place]
            found.append(_column(message, title, vote, answer, waiting))
    return found


def _column(message: ChatMessage, title: str, vote: Vote, answer: Answer, waiting: str) -> Column:
    live = message.state == "streaming"
    shown = Shown(
        key=message.id,
        text=message.text,
        mine=False,
        speaker=title,
        note=_("stopped") if message.state == "stopped" else "",
        actions=(MessageAction("copy", _("Copy"), "copy"),) if message.text and not live else (),
        live=live,
        waiting=waiting or _("One moment…"),
        trouble=errors.kept_trouble(message.trouble) if message.trouble is not None else None,
    )
    note = "" if vote.hides or live else " · ".join(figures(message))
    return Column(message.id, title, note, shown, answer.won and vote.verdict == "best", not live and bool(message.text.strip()))


def answer_titles(vote: Vote) -> dict[int, str]:
    """Place -> the model's name; with its file's name where two models have one name."""
    names = [answer.model for answer in vote.answers]
    return {one.place: name_of(Who(one.engine, one.model, one.file), names.count(one.model) > 1) for one in vote.answers}


def name_of(who: Who, with_file: bool) -> str:
    """What to call a model among others."""
    return f"{who.model} ({Path(who.file).stem})" if with_file and who.file else who.model


def figures(message: ChatMessage) -> list[str]:
    """How fast an answer was, in words."""
    timing = message.made_of.get("timing", {})
    found = []
    if timing.get("tokens_per_second"):
        found.append(state.speed_words(timing["tokens_per_second"]))
    if timing.get("first_token_s") is not None:
        found.append(_("first word after {seconds} s").format(seconds=number(timing["first_token_s"], 1 if timing["first_token_s"] >= 1 else 2)))
    return found


def verdict_words(vote: Vote) -> str:
    """What was decided, or what there is to decide."""
    if vote.is_open:
        return _("Which answer is best? The names are shown after your vote.") if vote.blind else _("Which answer is best?")
    return {
        "best": _("Your vote: {model} is best.").format(model=next((answer_titles(vote)[one.place] for one in vote.answers if one.won), _UNKNOWN)),
        "same": _("Your vote: all the same."),
        "none": _("Your vote: none is good."),
        "skipped": _("No vote was kept; it does not count."),
    }[vote.verdict]


def columns_that_fit(width: int, count: int, least: int = 260) -> int:
    """How many columns stand side by side: at most four, each at least `least` pixels wide; one under another when there is no room for two."""
    return max(1, min(4, count, width // least))


# -- the leaderboard -------------------------------------------------------------------------------------------------------


def leaderboard_rows(lines: Sequence[Rated]) -> list[tuple[str, ...]]:
    """One row for each model, as `HEADS`."""
    names = [line.who.model for line in lines]
    rows: list[tuple[str, ...]] = []
    place = 0
    for line in lines:
        place += line.has_rank
        rows.append(
            (
                number(place) if line.has_rank else _UNKNOWN,
                name_of(line.who, names.count(line.who.model) > 1),
                score_words(line),
                f"{number(line.wins)}, {number(line.ties)}, {number(line.losses)}" if line.games else _UNKNOWN,
                number(line.tokens_per_second, 1 if line.tokens_per_second < 3 else 0) if line.tokens_per_second is not None else _UNKNOWN,
                _("{seconds} s").format(seconds=number(line.first_token_s, 1 if line.first_token_s >= 1 else 2))
                if line.first_token_s is not None
                else _UNKNOWN,
                size(line.memory_bytes) if line.memory_bytes is not None else _UNKNOWN,
                number(line.replies),
                f"{number(line.good)}, {number(line.bad)}" if line.good or line.bad else _UNKNOWN,
            )
        )
    return rows


def score_words(line: Rated) -> str:
    """ "64 % (41 to 82 %)", or that there are too few votes."""
    if not line.games or line.score is None:
        return _("no votes yet")
    if not line.has_rank:
        return _("too few votes")
    low, high = number(line.score.low * 100), percent(line.score.high)
    return _("{share} ({low} to {high})").format(share=percent(line.score.share), low=low, high=high)


def as_text(rows: Sequence[tuple[str, ...]]) -> str:
    """The table to paste elsewhere: lines with tabs between the columns, the heads first."""
    return "\n".join("\t".join(row) for row in [tuple(_(head) for head in HEADS), *rows])
