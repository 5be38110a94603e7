"""What somebody looks like, always: shape and colours from name, kind, colours and item, never from the scene or its seed."""

from __future__ import annotations

import hashlib
import unicodedata
from dataclasses import dataclass

from localstory.engines.base import Figure
from localstory.engines.image.kinds import BEASTS, BIRDS, CREATURES, PEOPLE, SYNONYMS, Person
from localstory.engines.image.lexicon import COLOUR_NAMES, item_of, singular
from localstory.engines.image.paint.colour import Colour, mix, parse, rgb, tone

SKINS = tuple(rgb(c) for c in ("#f7d7bb", "#f0c39d", "#e0a878", "#c68657", "#9a623c", "#75482d"))
HAIRS = tuple(rgb(c) for c in ("#2c1f1d", "#4a2f22", "#74482a", "#a8652e", "#d49a48", "#b5482c", "#1f2430"))
CLOTHES = (
    ("#d94f45", "#f3c55b", "#3c5a80"),
    ("#2f7f86", "#f2e3c2", "#d96b4a"),
    ("#e8a33d", "#7a3b4f", "#f6ead0"),
    ("#5a4f9a", "#f0b8a8", "#f3d36b"),
    ("#3f8a5b", "#f3d9a0", "#b5483d"),
    ("#c65a86", "#fbe6d0", "#51518f"),
    ("#35679c", "#f4cf7c", "#dd6650"),
    ("#8a4b8f", "#f2d5e0", "#4f9a90"),
)


@dataclass(frozen=True, slots=True)
class Look:
    """How a figure is cut: which body, which colours. Equal for equal name, kind, colours and item."""

    kind: str
    """A kind we can draw: "fox", "girl", … or "friend", the round creature for everything else."""
    body: str
    """"person", "beast", "bird" or "creature": which scissors cut it."""
    main: Colour
    second: Colour
    accent: Colour
    skin: Colour
    hair: Colour
    variant: int
    """0 to 999, from the name: hair cut, freckles, patterns."""
    item: str
    item_colour: Colour
    known: bool
    """False when the kind is none of ours and "friend" stands in."""


def kind_of(word: str) -> str | None:
    """The kind we draw for a word or two of English ("little foxes", "grandma"); None when we have none."""
    text = " ".join(unicodedata.normalize("NFC", word).lower().split())
    words = text.replace("-", " ").split()
    for start in range(len(words)):
        for end in range(len(words), start, -1):
            part = " ".join([*words[start : end - 1], words[end - 1]])
            for form in (part, " ".join([*words[start : end - 1], singular(words[end - 1])])):
                known = SYNONYMS.get(form, form)
                if known in PEOPLE or known in BEASTS or known in BIRDS or known in CREATURES:
                    return known
    return None


def look_of(figure: Figure) -> Look:
    """The look of a figure; the same for the same name, kind, colours and item, in every scene."""
    kind = kind_of(figure.kind)
    known = kind is not None
    kind = kind or "friend"
    name = unicodedata.normalize("NFC", figure.name).strip().lower()
    luck = hashlib.sha256(f"{name}|{kind}".encode()).digest()
    wear = [rgb(c) for c in CLOTHES[luck[0] % len(CLOTHES)]]
    given = [colour for colour in (parse(text) for text in figure.colours) if colour is not None]
    skin, hair = SKINS[luck[1] % len(SKINS)], HAIRS[luck[2] % len(HAIRS)]
    if skin in SKINS[3:]:
        hair = HAIRS[luck[2] % 2]
    if kind in PEOPLE:
        person = PEOPLE[kind]
        body, (main, second, accent) = "person", _person_colours(person, wear, bool(name))
        if person.grey:
            hair = rgb("#d9d5d2")
        if person.skin:
            skin = rgb(person.skin)
    else:
        if kind in BEASTS:
            body = "beast"
            main, second, accent = (rgb(c) for c in BEASTS[kind].colours)
        elif kind in BIRDS:
            body = "bird"
            main, second, accent = (rgb(c) for c in BIRDS[kind].colours)
        else:
            body = "creature"
            main, second, accent = (rgb(c) for c in CREATURES[kind][:3])
        if kind == "friend":
            main, second, accent = wear[0], mix(wear[1], (255, 255, 255), 0.3), wear[2]
        elif name and not given:
            # A named animal is a little warmer or cooler, lighter or darker than the next of its kind.
            main = tone(main, (luck[3] % 9 - 4) / 120, 1.0, (luck[4] % 7 - 3) / 260)
    if given:
        main = given[0]
        if len(given) > 1:
            second = given[1]
        elif body != "person":
            second = mix(main, (255, 250, 238), 0.72)
        if len(given) > 2:
            accent = given[2]
    item, item_colour = item_of(figure.item)
    chosen = COLOUR_NAMES.get(item_colour) if item_colour else None
    ink = rgb(chosen) if chosen else (wear[0] if abs(sum(wear[0]) - sum(main)) > 90 else wear[2])
    return Look(kind, body, main, second, accent, skin, hair, int.from_bytes(luck[5:7], "big") % 1000, item, ink, known)


def _person_colours(person: Person, wear: list[Colour], named: bool) -> tuple[Colour, Colour, Colour]:
    fixed = [rgb(colour) for colour in person.colours]
    return (fixed[0], fixed[1], fixed[2]) if person.uniform or not named else (wear[0], wear[1], wear[2])
