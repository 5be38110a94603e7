"""Exact counts from an engine, asked for as seldom as can be, around the pure function."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from localstory.context.fit import fit_into
from localstory.context.items import BETWEEN, Assembled, Item, Policy, Template, Window
from localstory.context.summaries import Checkpoint
from localstory.engines.base import Message, OnProgress, TextEngine

_REMEMBERED = 50_000
_SAMPLE = "a"
_PAGE_BEGIN = 1
"""Many models begin every text with a token of its own."""


class Counts:
    """What one engine has counted already: texts by their content (a finished message never changes), and its template.

    Belongs to one engine with one model; make another for another.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._templates: dict[bool, Template] = {}

    async def learn(self, engine: TextEngine, texts: Iterable[str], report: OnProgress | None = None) -> dict[str, int]:
        """The tokens of these texts; those not known yet in one question to the engine, which may have to load."""
        keys = {text: _key(text) for text in texts}
        new = [text for text, key in keys.items() if key not in self._known]
        if new:
            counted = await engine.count_many(new, report)
            for text, count in zip(new, counted, strict=True):
                self._known[keys[text]] = count
        found = {text: self._known[key] for text, key in keys.items()}
        while len(self._known) > _REMEMBERED:
            del self._known[next(iter(self._known))]
        return found

    async def template(self, engine: TextEngine, *, has_system: bool, strict: bool = False) -> Template:
        """What the model's chat template adds, measured on two small conversations. Some templates write a system message of
        their own where there is none, so the two cases are kept apart."""
        if has_system not in self._templates:
            start = [Message("system", _SAMPLE)] if has_system else []
            user, assistant = Message("user", _SAMPLE), Message("assistant", _SAMPLE)
            sample = (await self.learn(engine, [_SAMPLE]))[_SAMPLE]
            one = await engine.count_prompt([*start, user])
            three = await engine.count_prompt([*start, user, assistant, user])
            per_message = max(0, -(-(three - one - 2 * sample) // 2))
            self._templates[has_system] = Template(per_message, one - (len(start) + 1) * (sample + per_message))
        known = self._templates[has_system]
        return Template(known.per_message, known.per_prompt, strict)


async def assemble(
    engine: TextEngine,
    counts: Counts,
    items: Sequence[Item],
    window: Window,
    policy: Policy,
    *,
    checkpoints: Sequence[Checkpoint] = (),
    strict: bool = False,
    page: bool = False,
    report: OnProgress | None = None,
) -> Assembled:
    """`fit_into` with the engine's own counts; the report's total is what the engine will evaluate, to the token.

    With `page` the items, all of one role, become one text to go on with (`TextRequest.prompt`), which no template frames.
    Loads the model when it must (`report` hears it). Raises what the engine raises.
    """
    texts = [text for item in items for text in (item.text, item.reasoning, item.reasoning + item.text) if text]
    texts += [BETWEEN + item.text for item in items if item.text and (strict or page or not item.is_conversation)]
    known = await counts.learn(engine, texts, report)
    if page:
        template = Template(0, _PAGE_BEGIN, strict=True)
    else:
        template = await counts.template(engine, has_system=any(item.role == "system" and item.text for item in items), strict=strict)
    missing: list[str] = []

    def count(text: str) -> int:
        if text and text not in known:
            missing.append(text)
            return len(text.encode("utf-8", "surrogatepass"))  # a guess, asked below
        return known.get(text, 0)

    while True:
        missing.clear()
        assembled = fit_into(items, window, policy, count, template, checkpoints)
        if missing:
            known.update(await counts.learn(engine, missing))
            continue
        if not assembled.messages:
            return assembled
        # A template may treat a message by its place; only the engine can tell what the whole comes to.
        if page:
            exact = _PAGE_BEGIN + (await counts.learn(engine, [assembled.messages[0].text]))[assembled.messages[0].text]
        else:
            exact = await engine.count_prompt(assembled.messages)
        room = window.room_tokens
        if room is None or exact <= room:
            return Assembled(assembled.messages, assembled.report.with_total(exact), assembled.outcome, assembled.summary_due)
        template = Template(template.per_message, template.per_prompt + max(exact - assembled.report.total_tokens, exact - room), template.strict)


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
