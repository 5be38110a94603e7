"""Which image models and voices suit this machine. Pure: the catalogue's entries and the machine in, ranked entries out."""

from __future__ import annotations

from collections.abc import Sequence

from localstory.fit.budget import budget_of
from localstory.hardware.machine import Machine
from localstory.models.catalogue import ImageEntry, VoiceEntry
from localstory.words import _, size

_TIERS = ("sketch", "standard", "characters", "best")
WORKING_SHARE = 1.25
"""Weights and what stable-diffusion.cpp works with at 512 x 512: about a quarter more (facts/story.md, §3)."""
_VOICE_QUALITY = ("x_low", "low", "medium", "high")


def image_picks(entries: Sequence[ImageEntry], machine: Machine, *, extra_memory_bytes: int = 0) -> list[tuple[ImageEntry, bool, str]]:
    """(entry, whether it runs, why in the language in use): what runs first, the better tier first.

    Only the least demanding tier is worth waiting for on a processor; the others want a graphics card.
    """
    budget = budget_of(machine, extra_memory_bytes=extra_memory_bytes)
    card = max((card.pool.budget_bytes for card in budget.cards), default=0)
    memory = budget.memory.budget_bytes if budget.memory is not None else 0
    rows = []
    for entry in entries:
        need = round(entry.size_bytes * WORKING_SHARE)
        if need <= card:
            rows.append((entry, True, _("fits on the graphics card: about {need} of {have}").format(need=size(need), have=size(card))))
        elif need > memory:
            rows.append((entry, False, _("needs about {need}, {have} can be had").format(need=size(need), have=size(max(card, memory)))))
        elif entry.tier == "sketch":
            rows.append((entry, True, _("runs on the processor: about {need} of {have}").format(need=size(need), have=size(memory))))
        else:
            rows.append((entry, False, _("would fit into the memory, but takes minutes for a picture without a graphics card")))
    return sorted(rows, key=lambda row: (not row[1], -_TIERS.index(row[0].tier) if row[0].tier in _TIERS else 0, row[0].size_bytes))


def voice_picks(entries: Sequence[VoiceEntry], language: str) -> list[VoiceEntry]:
    """Voices of a language: every one runs on every computer (a Piper voice takes some 100 MB), the better quality first."""
    own = [entry for entry in entries if entry.language.split("-")[0].split("_")[0] == language]
    return sorted(own, key=lambda entry: (-_VOICE_QUALITY.index(entry.quality) if entry.quality in _VOICE_QUALITY else 0, not entry.commercial_use))
