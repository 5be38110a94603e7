"""From the fit check's answers to what widgets show: badge, bars, words for lengths and speeds. Pure, no Qt; for every room."""

from __future__ import annotations

from collections.abc import Mapping

from localstory.fit.need import DeviceNeed
from localstory.fit.report import WORDS_PER_PAGE, FitReport
from localstory.fit.speed import Speed
from localstory.fit.verdict import Verdict
from localstory.words import _, language, ngettext, number, size
from ui.widgets.values import Badge, Bar, BarPart


def badge(verdict: Verdict) -> Badge:
    """The verdict as a badge."""
    return Badge(verdict.level, verdict.title())


def bars(report: FitReport) -> tuple[Bar, ...]:
    """One bar for each memory that holds a part: a card that shares the computer's memory stands in the computer's bar."""
    cards = {card.name: card for card in report.budget.cards}
    memory = report.budget.memory
    shared = [device for device in report.need.graphics if device.name in cards and cards[device.name].shared]
    own = [device for device in report.need.graphics if device not in shared]
    found = [
        _bar(cards[device.name].gpu.name or device.name if device.name in cards else device.name, [device], _budget(report, device.name)) for device in own
    ]
    held = [report.need.processor, *shared]
    budget = memory.budget_bytes if memory is not None else None
    if shared and report.need.processor.total_bytes < sum(device.total_bytes for device in shared):
        # Metal lends less than there is: then the smaller budget is the one to stay under.
        lent = [cards[device.name].pool.budget_bytes for device in shared]
        budget = min([*lent, *([budget] if budget is not None else [])])
    name = _("This computer's memory, shared with graphics") if shared else _("This computer's memory")
    return (*found, _bar(name, held, budget))


def _budget(report: FitReport, name: str) -> int | None:
    return next((card.pool.budget_bytes for card in report.budget.cards if card.name == name), None)


def _bar(name: str, devices: list[DeviceNeed], budget: int | None) -> Bar:
    sums = (
        (_("Model"), sum(device.weights_bytes for device in devices)),
        (_("Conversation"), sum(device.kv_bytes + device.recurrent_bytes for device in devices)),
        (_("Work"), sum(device.compute_bytes + device.output_bytes for device in devices)),
        (_("Engine"), sum(device.overhead_bytes for device in devices)),
    )
    total = sum(amount for _name, amount in sums)
    parts = tuple(BarPart(part, amount, size(amount), kind) for kind, (part, amount) in enumerate(sums) if amount)
    listed = ", ".join(f"{part.name} {part.text}" for part in parts)
    if budget is None:
        return Bar(name, parts, None, "", size(total), _("{device}: {total}. {parts}.").format(device=name, total=size(total), parts=listed))
    told = _("{total} of {budget}").format(total=size(total), budget=size(budget))
    line = _("{size} too much").format(size=size(total - budget)) if total > budget else _("room for {size} more").format(size=size(budget - total))
    return Bar(name, parts, float(budget), line, told, _("{device}: {total}, {room}. {parts}.").format(device=name, total=told, room=line, parts=listed))


def length_words(tokens: int, tokens_per_word: Mapping[str, float]) -> str:
    """ "8,192 tokens, about 20 pages": what a context holds, in the language in use, by the model's own vocabulary; tokens alone where that is not known."""
    told = ngettext("{count} token", "{count} tokens", tokens).format(count=number(tokens))
    cost = tokens_per_word.get(language())
    if not cost:
        return told  # vocabularies differ by three times: a guess would be none
    pages = tokens / cost / WORDS_PER_PAGE
    if pages < 1:
        return _("{length}, less than a page").format(length=told)
    return _("{length}, about {pages}").format(length=told, pages=ngettext("{count} page", "{count} pages", round(pages)).format(count=number(_rounded(pages))))


def _rounded(pages: float) -> int:
    """An estimate is told with two digits."""
    step: int = 10 ** max(0, len(str(int(pages))) - 2)
    return round(pages / step) * step


def speed_words(speed: Speed) -> str:
    """ "about 12 tokens a second" with how it is known, where that is more than computed."""
    middle = speed.middle_tps
    told = _("about {tps} tokens a second").format(tps=number(middle, 0 if middle >= 3 else 1))
    how = {"measured": _("measured here"), "rehearsed": _("rehearsed here"), "guessed": _("a guess: this computer tells too little")}.get(speed.confidence, "")
    return f"{told} ({how})" if how else told


def method_words(method: str) -> str:
    """How the memory is known."""
    return {
        "exact": _("exact: llama.cpp was asked"),
        "computed": _("computed"),
        "rehearsed": _("rehearsed on this computer"),
        "measured": _("measured on this computer"),
    }.get(method, method)
