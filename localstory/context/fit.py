"""The one function that decides what a model is sent. Pure: the same texts, window and counts give the same messages."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from localstory.context.items import (
    BETWEEN,
    NO_TEMPLATE,
    Assembled,
    DraftTooLong,
    Fits,
    Full,
    Item,
    Line,
    MustAsk,
    NextStep,
    Outcome,
    PinnedTooLong,
    Policy,
    Report,
    Shortened,
    State,
    Template,
    Why,
    Window,
)  # fmt: skip
from localstory.context.steps import tokens_to_leave_out
from localstory.context.summaries import Checkpoint, SummaryDue, best_of, due
from localstory.context.trimming import trimmed
from localstory.engines.base import Message, Role

Count = Callable[[str], int]
"""How many tokens a text is, as (part of) a message's content."""
Turn = list[int]
"""Indexes of the messages from one question to before the next."""


def fit_into(
    items: Sequence[Item], window: Window, policy: Policy, count: Count, template: Template = NO_TEMPLATE, checkpoints: Iterable[Checkpoint] = ()
) -> Assembled:
    """Put the items together so that they fit into the window, and say what became of each.

    The messages are: the texts at the top (those with one role share a message), the conversation in the order given with
    the others at their places, the draft. What does not fit is decided by the policy; the texts around the conversation get
    room by `order`: the first that does not fit is trimmed or left out, and then everything of a lower order is, so that
    nothing less important takes the place of something more important. The conversation loses whole turns.

    The draft and what is pinned are never cut: when they do not fit, the outcome says so with the numbers.
    The report's total is what the messages hold, by `count` and `template`, and never more than the window's room.
    """
    wanted = _Wanted(items, policy, count, template)
    room = window.room_tokens
    if room is None or wanted.size(wanted.whole) <= room:
        return wanted.answer(window, wanted.whole, {}, _early_due(wanted, window, policy, checkpoints))
    if policy.when_full in ("ask", "stop"):
        return _refused(wanted, window, policy)
    if policy.when_full == "summarise" and (best := best_of(checkpoints, wanted.history_items)) is not None:
        with_summary = wanted.under(best)
        size = with_summary.size(with_summary.whole)
        if size <= room:
            summary_due = _due(with_summary, window, policy, best) if _is_nearly_full(size, window, policy) else None
            return with_summary.answer(window, with_summary.whole, {}, summary_due)
        if with_summary.size(with_summary.must) <= room:
            return _shortened(with_summary, window, policy, best)
    return _refused(wanted, window, policy) if wanted.size(wanted.must) > room else _shortened(wanted, window, policy, None)


Selection = dict[int, str]
"""Index of an item -> the text of it that is sent."""


@dataclass(frozen=True, slots=True)
class _Block:
    """One message in the making: the items in it."""

    role: Role
    parts: list[int]


class _Wanted:
    """The items with what is known of them before anybody asks for room."""

    def __init__(self, items: Sequence[Item], policy: Policy, count: Count, template: Template, summary: Checkpoint | None = None) -> None:
        self.items = [*items, Item("summary", summary.text, id=summary.id, pinned=True)] if summary else list(items)
        self._policy, self._template, self._summary = policy, template, summary
        self.count = count
        self.whole: Selection = {}
        """Everything, each text within its own budget."""
        self.why_not: dict[int, Why] = {}
        self.history_items = [item for item in items if item.kind == "history" and self._text(item)]
        covered = len(summary.covers) if summary else 0
        for index, item in enumerate(self.items):
            text = self._text(item)
            if item.kind == "history" and text and covered:
                covered -= 1
                if not item.pinned:
                    self.why_not[index] = "summarised"
                    continue
            if not text and item.kind != "draft":
                self.why_not[index] = "empty"
                continue
            if item.budget is not None and not item.pinned and not item.is_conversation:
                text = trimmed(text, item.budget, item.trim, count)
                if not text:
                    self.why_not[index] = "budget"
                    continue
            self.whole[index] = text
        turns = _turns([(index, self.items[index]) for index in self.whole if self.items[index].kind == "history"])
        self.turns = [turn for turn in turns if not any(self.items[index].pinned for index in turn)]
        """Turns that may go, oldest first."""
        may_go = {index for turn in self.turns for index in turn}
        self.around = [index for index in self.whole if not self.items[index].is_conversation and not self.items[index].pinned]
        """Texts around the conversation that may go."""
        self._drafts = {index for index in self.whole if self.items[index].kind == "draft"}
        self.draft_tokens = sum(self.cost(index) for index in self._drafts)
        self.talk_tokens = sum(self.cost(index) for index in may_go)
        self.must = {index: text for index, text in self.whole.items() if index not in may_go and index not in set(self.around)}

    def _text(self, item: Item) -> str:
        return item.reasoning + item.text if self._policy.resend_reasoning else item.text

    def under(self, summary: Checkpoint) -> _Wanted:
        """The same with a summary in the place of the messages it stands for."""
        return _Wanted(self.items, self._policy, self.count, self._template, summary)

    def cost(self, index: int) -> int:
        """At most what an item takes in a prompt: alone in a message, or sharing one."""
        text = self.whole[index]
        alone = self.count(text) + self._template.per_message
        return alone if self.items[index].is_conversation and not self._template.strict else max(alone, self.count(BETWEEN + text))

    # -- what is sent --------------------------------------------------------------------------------------------------

    def _blocks(self, chosen: Selection) -> list[_Block]:
        conversation = [index for index in chosen if self.items[index].kind == "history"]
        drafts = [index for index in chosen if self.items[index].kind == "draft"]
        spoken = [*sorted(conversation), *sorted(drafts)]
        before: dict[int, list[int]] = {}
        line: list[int] = []
        for index in sorted(index for index in chosen if not self.items[index].is_conversation):
            position = self.items[index].position
            if position == "top":
                line.append(index)
            else:
                at = len(conversation) if position == "bottom" else max(0, len(spoken) - int(position))
                before.setdefault(at, []).append(index)
        for at, index in enumerate(spoken):
            line += [*before.get(at, ()), index]
        line += before.get(len(spoken), ())
        blocks: list[_Block] = []
        for index in line:
            item = self.items[index]
            last = blocks[-1] if blocks else None
            if self._template.strict:
                role: Role = "user" if item.role == "system" and any(block.role != "system" for block in blocks) else item.role
                shares = last is not None and last.role == role
            else:
                role = item.role
                shares = last is not None and last.role == role and not item.is_conversation and not self.items[last.parts[0]].is_conversation
            if shares and last is not None:
                last.parts.append(index)
            else:
                blocks.append(_Block(role, [index]))
        return blocks

    def size(self, chosen: Selection) -> int:
        """Tokens of the prompt with just these texts, template included."""
        blocks = self._blocks(chosen)
        texts = sum(self.count(BETWEEN.join(chosen[index] for index in block.parts)) for block in blocks)
        return texts + self._template.per_message * len(blocks) + self._template.per_prompt

    def answer(self, window: Window, chosen: Selection, why: dict[int, Why], summary_due: SummaryDue | None = None) -> Assembled:
        """The messages of a choice, and the report on it."""
        blocks = self._blocks(chosen)
        sent: dict[int, int] = {}
        for block in blocks:
            held = 0
            for number, index in enumerate(block.parts, 1):
                # What a text adds to the message it shares: so the sum is right to the token.
                upto = self.count(BETWEEN.join(chosen[part] for part in block.parts[:number]))
                sent[index], held = upto - held, upto
        messages = tuple(Message(block.role, BETWEEN.join(chosen[index] for index in block.parts)) for block in blocks)
        report = Report(
            tuple(self._line(index, sent.get(index, 0), chosen.get(index), self.why_not | why) for index in range(len(self.items))),
            self._template.per_prompt + self._template.per_message * len(blocks),
            window,
        )
        report = replace(report, next_step=self.next_step(report, chosen))
        left_out = sum(line.tokens - line.sent_tokens for line in report.lines if line.state != "in" and line.why != "empty")
        shortened = any(line.state != "in" and line.why not in ("empty", "summarised") for line in report.lines)
        return Assembled(messages, report, Shortened(left_out) if shortened else Fits(), summary_due)

    def refused(self, window: Window, outcome: Outcome) -> Assembled:
        """Nothing is sent; the report tells how large everything is."""
        lines = [self._line(index, 0, None, self.why_not) for index in range(len(self.items))]
        report = Report(tuple(line if line.why == "empty" else replace(line, why="not_sent") for line in lines), 0, window)
        return Assembled((), report, outcome)

    def _line(self, index: int, sent: int, text: str | None, why: dict[int, Why]) -> Line:
        item = self.items[index]
        whole = self._text(item)
        state: State = "left_out" if text is None else "in" if text == whole else "trimmed"
        thoughts = 0 if self._policy.resend_reasoning or not item.reasoning else self.count(item.reasoning)
        reason: Why = "fits" if state == "in" else why.get(index, "budget")
        return Line(item.id, item.kind, item.role, self.count(whole), sent, state, reason, thoughts)

    # -- what goes -----------------------------------------------------------------------------------------------------

    def rooms(self, room: int, slack: int = 0) -> tuple[int, int]:
        """(room for the conversation, room for the texts around it) beside what is pinned.

        The conversation's room depends on what the others want, not on what they get: so it never shrinks when the window
        grows. The draft counts with the conversation, so that a long one moves the cut no more than a long turn.
        """
        rest = max(0, room - self.size({index: text for index, text in self.must.items() if index not in self._drafts}) - slack)
        for_talk = rest - min(sum(self.cost(index) for index in self.around), int(self._policy.fixed_share * rest))
        return for_talk, max(0, rest - max(self.draft_tokens, min(self.draft_tokens + self.talk_tokens, for_talk)))

    def turns_to_leave_out(self, room: int, more_tokens: int = 0) -> list[Turn]:
        """Which turns go so that the others, the draft and `more_tokens` to come fit into `room`."""
        costs = [sum(self.cost(index) for index in turn) for turn in self.turns]
        first = 0
        if self._policy.when_full == "keep_middle_out":
            head = int(self._policy.head_share * room)
            while first < len(costs) and costs[first] <= head:
                head -= costs[first]
                first += 1
        gone: list[Turn] = []
        to_go = tokens_to_leave_out(sum(costs) + self.draft_tokens + more_tokens, room)
        for turn, cost in zip(self.turns[first:], costs[first:], strict=True):
            if to_go <= 0:
                break
            gone.append(turn)
            to_go -= cost
        return gone

    def next_step(self, report: Report, chosen: Selection) -> NextStep:
        """Which turns the policy leaves out next, and how much the conversation may grow before that."""
        free, room = report.free_tokens, report.window.room_tokens
        if free is None or room is None or self._policy.when_full in ("ask", "stop"):
            return NextStep()
        for_talk, _around = self.rooms(room)
        talk = self.talk_tokens + self.draft_tokens
        gone = sum(self.cost(index) for turn in self.turns for index in turn if index not in chosen)
        low, high = (0, free) if gone else (free, free)
        # The cut follows the steps, and a turn that went for one may be longer than it: so not simply what is free.
        while low < high:
            middle = (low + high) // 2
            if tokens_to_leave_out(talk + middle + 1, for_talk) > gone:
                high = middle
            else:
                low = middle + 1
        next_gone = self.turns_to_leave_out(for_talk, max(low + 1, for_talk - talk + 1))
        ids = [index for turn in next_gone for index in turn if index in chosen]
        return NextStep(tuple(self.items[index].id for index in ids), sum(self.count(self.whole[index]) for index in ids), low)

    def around_within(self, room: int) -> tuple[Selection, dict[int, Why]]:
        """The texts around the conversation that fit into `room`, by their order, and why the others do not."""
        chosen: Selection = {}
        why: dict[int, Why] = {}
        by_order = sorted(self.around, key=lambda index: (-self.items[index].order, index))
        granted: dict[int, int] = {}
        pool = room
        for index in by_order:
            granted[index] = min(max(0, self.items[index].reserve), self.cost(index), pool)
            pool -= granted[index]
        for index in by_order:
            has, cost, text = granted[index] + pool, self.cost(index), self.whole[index]
            if cost <= has:
                chosen[index] = text
                pool -= max(0, cost - granted[index])
                continue
            pool = 0
            why[index] = "no_room"
            if rest := trimmed(text, has - (cost - self.count(text)), self.items[index].trim, self.count):
                chosen[index] = rest
        return chosen, why


def _turns(history: Sequence[tuple[int, Item]]) -> list[Turn]:
    turns: list[Turn] = []
    before: Role | None = None
    for index, item in history:
        if not turns or (item.role == "user" and before != "user"):
            turns.append([])
        turns[-1].append(index)
        before = item.role
    return turns


def _refused(wanted: _Wanted, window: Window, policy: Policy) -> Assembled:
    room = window.room_tokens or 0
    drafts = {index: text for index, text in wanted.must.items() if wanted.items[index].kind == "draft"}
    if drafts and (alone := wanted.size(drafts)) > room:
        return wanted.refused(window, DraftTooLong(alone, room))
    if (must := wanted.size(wanted.must)) > room:
        return wanted.refused(window, PinnedTooLong(must, room))
    needed = wanted.size(wanted.whole)
    return wanted.refused(window, MustAsk(needed, room) if policy.when_full == "ask" else Full(needed, room))


def _shortened(wanted: _Wanted, window: Window, policy: Policy, previous: Checkpoint | None) -> Assembled:
    room = window.room_tokens or 0
    slack = 0
    while True:
        for_talk, for_around = wanted.rooms(room, slack)
        gone = {index for turn in wanted.turns_to_leave_out(for_talk) for index in turn}
        around, why = wanted.around_within(for_around)
        turns = {index: wanted.whole[index] for turn in wanted.turns for index in turn if index not in gone}
        chosen = wanted.must | turns | around
        over = wanted.size(chosen) - room
        # Texts that share a message can be a token more together than apart.
        if over <= 0 or len(chosen) == len(wanted.must):
            break
        slack += over
    reason: Why = "middle" if policy.when_full == "keep_middle_out" else "oldest"
    why |= dict.fromkeys(gone, reason)
    summary_due = _due(wanted, window, policy, previous) if policy.when_full == "summarise" else None
    return wanted.answer(window, chosen, why, summary_due)


# -- summaries ---------------------------------------------------------------------------------------------------------


def _is_nearly_full(size: int, window: Window, policy: Policy) -> bool:
    room = window.room_tokens
    return room is not None and size > policy.summarise_at * room


def _early_due(wanted: _Wanted, window: Window, policy: Policy, checkpoints: Iterable[Checkpoint]) -> SummaryDue | None:
    if policy.when_full != "summarise" or not _is_nearly_full(wanted.size(wanted.whole), window, policy):
        return None
    best = best_of(checkpoints, wanted.history_items)
    if best is not None:
        wanted = wanted.under(best)
        if not _is_nearly_full(wanted.size(wanted.whole), window, policy):
            return None  # it is written already, and waits until it is needed
    return _due(wanted, window, policy, best)


def _due(wanted: _Wanted, window: Window, policy: Policy, previous: Checkpoint | None) -> SummaryDue | None:
    """The next summary: of as many turns as leave room for it and for a good while more. None when no turn can go."""
    room = window.room_tokens or 0
    # The new summary takes the place of the previous one.
    beside = wanted.size(wanted.whole) - wanted.talk_tokens - wanted.draft_tokens - (wanted.cost(len(wanted.items) - 1) if previous else 0)
    rest = int(policy.summarise_at * room) - beside - policy.summary_tokens
    gone = wanted.turns_to_leave_out(max(0, rest))
    if not gone:
        return None
    last = gone[-1][-1]
    up_to = sum(1 for index, item in enumerate(wanted.items) if index <= last and item.kind == "history" and wanted.why_not.get(index) != "empty")
    return due(wanted.history_items, up_to, previous, policy.summary_tokens)
