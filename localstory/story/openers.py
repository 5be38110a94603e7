"""How each scene begins: a sentence that states its beat, and the start of one that the model goes on with. Pure.

A very small model can't follow instructions, but it continues a page. So the page carries the plan: whoever and whatever
the idea names stands in an opener, the arc holds whatever the model adds, and the heroes stay who they are.
To add an opener: a line in the tables below; `{hero}`, `{friend}` … are explained at `_values`.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

from localstory.story.bible import Bible, Character, nouns_of, with_article
from localstory.story.lexicon import DETERMINERS


@dataclass(frozen=True, slots=True)
class Opener:
    """The beginning of a scene. `lead` is the unfinished sentence that the model takes up; both are template words."""

    beat: str
    """begin, event, meet, thing, journey, rest, trouble, turn, end."""
    sentence: str
    lead: str


_SENTENCES: dict[str, tuple[str, ...]] = {
    "begin": (
        "Once upon a time, {place}, there lived {hero_full}.",
        "Long ago, {place}, there lived {hero_full}.",
        "Once, {place}, there {hero_was} {hero_full}.",
    ),
    "wish": ("More than anything, {subject} {event}.", "All year long, {subject} {event}.", "But most of all, {subject} {event}."),
    "state": ("But {subject} {event}.", "Everybody knew that {subject} {event}.", "One thing was true: {subject} {event}."),
    "event": ("One day, {subject} {event}.", "One morning, {subject} {event}.", "And one day, {subject} {event}."),
    "sound": ("One day, {hero} heard a strange sound outside.", "One morning, {hero} woke up with a wonderful plan."),
    "meet": ("{Route}{hero} met {friend_full}.", "Soon {hero} met {friend_full}.", "Then {hero} met {friend_full}."),
    "thing": ("Soon {group} found {thing}.", "There {group} saw {thing}.", "Not far away, {group} came upon {thing}."),
    "journey": ("{Route}{group} walked for a long time.", "The next day, {group} went a little farther.", "{Group} followed a narrow path."),
    "rest": ("In the evening, {group} sat down to rest.", "At noon, {group} stopped under a tall tree.", "That night, {group} looked up at the stars."),
    "trouble": (
        "Suddenly, the sky grew dark and a cold wind blew.",
        "But then {group} lost the way, and it began to rain.",
        "But soon {hero} {was} tired, and the way was long.",
    ),
    "turn": ("Then {hero} had a good idea.", "But {hero} did not give up.", "Just then, {hero} saw a small light far away."),
    "end": (
        "At last, {group} came home, tired and happy.",
        "In the end, everything was well for {group_object}.",
        "And so {group} had found what mattered most.",
    ),
}

_LEADS: dict[str, tuple[str, ...]] = {
    "begin": ("Every day, {pron}", "{Hero} loved to", "{Hero} liked"),
    "wish": ("{Pron}", "Every night, {pron}", "So {pron}"),
    "state": ("{Pron}", "So {pron}", "{Hero}"),
    "event": ("{Hero} {was}", "So {pron}", "{Pron}"),
    "sound": ("{Hero} ran", "So {pron}", "{Pron}"),
    "meet": ("{Friend} {friend_was}", "{Friend} smiled and", "{Friend}"),
    "thing": ("It was", "{Hero} looked", "It"),
    "journey": ("{Group_pron} saw", "The", "{Hero}"),
    "rest": ("{Hero} said that", "The", "{Hero} felt"),
    "trouble": ("{Hero} {was} afraid, but", "{Hero}", "But {pron}"),
    "turn": ("{Pron}", "So {pron}", "{Hero}"),
    "end": ("{Group_pron} {group_was}", "From that day on, {group_pron}", "{Hero} {was}"),
}


def make_openers(bible: Bible, scenes: int, *, seed: int) -> list[Opener]:
    """One opener for each scene. Every noun of the idea stands in one of them. Same input, same openers."""
    rng = random.Random(f"openers/{seed}/{bible.idea}")
    heroes = list(bible.characters)
    pair = _subject_is_a_pair(bible)
    met = heroes[2 if pair else 1 :]
    met = [friend for friend in met if not _names(bible.event, friend)]
    beats: list[tuple[str, Character | str | None]] = [("begin", None)]
    if bible.event:
        beats.append((_event_kind(bible.event), None))
    beats += [("meet", friend) for friend in met]
    beats += [("thing", thing) for thing in bible.things]
    if len(beats) == 1:
        beats.append(("sound", None))
    told: list[Opener] = []
    used: set[str] = set()
    known = heroes[: 2 if pair else 1]
    for index, group in enumerate(_fitted(beats, scenes, rng)):
        sentences: list[str] = []
        lead = ""
        for kind, about in group:
            friend = about if isinstance(about, Character) else next((one for one in heroes[1:] if one in known or _names(bible.event, one)), None)
            if isinstance(about, Character):
                known = [*known, about]
            values = _values(bible, known, friend, about if isinstance(about, str) else "", pair)
            sentence = _fresh(_SENTENCES[kind], used, rng).format_map(values)
            if index == 1 and values["Route"] and not sentence.startswith(values["Route"]) and not sentences:
                sentence = values["Route"] + re.sub(r"^(Then|Soon|There|And|But|One day,|One morning,|And one day,) ", "", sentence)
            lead_values = values if not isinstance(about, Character) else values | {"Friend": _capital(about.short)}
            lead = _fresh(_LEADS[kind], used, rng).format_map(lead_values)
            sentences.append(_capital(sentence))
            if kind == "event":
                known = [*known, *(one for one in heroes if one not in known and _names(bible.event, one))]
        told.append(Opener(group[-1][0] if index else "begin", " ".join(sentences), _capital(lead)))
    return _complete(told, bible)


_Beat = tuple[str, "Character | str | None"]


def _fitted(beats: list[_Beat], scenes: int, rng: random.Random) -> list[list[_Beat]]:
    """Beats spread over exactly `scenes` scenes: joined when there are too many, an arc of middles when there are too few."""
    if scenes == 1:
        return [beats]
    groups: list[list[_Beat]] = [[beat] for beat in beats]
    room = scenes - 1  # the last scene is the end
    while len(groups) > room:
        # The last two beats share a scene: the beginning stays short.
        groups[-2:] = [groups[-2] + groups[-1]] if len(groups) > 1 else groups
        if len(groups) == 1:
            break
    missing = room - len(groups)
    if missing > 0:
        # Trouble comes late and the turn right before the end; in between, the way.
        arc = ["trouble", "turn"][-missing:] if missing < 2 else ["trouble", "turn"]
        if missing == 1:
            arc = ["trouble"]
        way = [rng.choice(("journey", "rest")) if i % 2 else "journey" for i in range(missing - len(arc))]
        groups += [[(kind, None)] for kind in [*way, *arc]]
    return [*groups, [("end", None)]]


def _fresh(choices: tuple[str, ...], used: set[str], rng: random.Random) -> str:
    """One of the choices, preferring what the story hasn't used."""
    left = [choice for choice in choices if choice not in used] or list(choices)
    chosen = rng.choice(left)
    used.add(chosen)
    return chosen


def _event_kind(event: str) -> str:
    """Whether the idea tells of a wish ("wanted to see the sea"), a state ("was afraid") or of something that happens."""
    first = event.split()[0]
    if first in {"wanted", "wished", "dreamed", "longed", "loved", "hoped", "liked", "yearned"}:
        return "wish"
    return "state" if first in {"had", "could", "lived", "hated"} or re.match(r"(was|were) (?!caught|lost|stuck|taken|given)", event) else "event"


def _subject_is_a_pair(bible: Bible) -> bool:
    """ "An old sailor and his parrot are caught": both are there from the start."""
    return (
        len(bible.characters) > 1
        and bible.event.split(" ")[0] in {"were"}
        or bool(
            len(bible.characters) > 1
            and re.match(rf".*{re.escape(bible.characters[0].phrase)}\W+and\W.*{re.escape(bible.characters[1].phrase)}", bible.idea, re.IGNORECASE | re.DOTALL)
            and bible.event
        )
    )


def _names(text: str, character: Character) -> bool:
    return bool(text) and (character.phrase.lower() in text.lower() or character.name.lower() in text.lower())


def _values(bible: Bible, known: list[Character], friend: Character | None, thing: str, pair: bool) -> dict[str, str]:
    """What openers may name: {hero}, {hero_full} (with article and name), {friend}, {friend_full}, {group} (all heroes so
    far), {group_object}, {subject} of {event}, {pron}, {place}, {Route} ("On the way to the sea, "), {thing}."""
    hero = known[0]
    names = [one.short for one in known]
    group = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if len(names) < 4 else "they"
    on_the_way = bible.place.startswith("on the way")
    # An animal the person named has no pronoun we know: its name is always right.
    pronoun = hero.pronoun if hero.pronoun != "it" else hero.short
    full = f"{known[0].introduced} and {known[1].introduced}" if pair and len(known) > 1 else hero.introduced
    event = bible.event
    for one in bible.characters:
        if one not in known and not one.plural and not one.named_by_person and one.phrase in event:
            event = event.replace(one.phrase, f"{one.phrase} named {one.name}", 1)
    several = pair or len(known) > 1
    hero_was = "were" if hero.plural else "was"
    return {
        "was": hero_was, "hero_was": "were" if hero.plural or pair else "was", "friend_was": "were" if friend and friend.plural else "was",
        "group_pron": "they" if several else pronoun, "Group_pron": _capital("they" if several else pronoun),
        "group_was": "were" if several or hero.plural else "was",
        "hero": hero.short, "Hero": _capital(hero.short), "hero_full": full,
        "pron": "they" if pair else pronoun, "Pron": _capital("they" if pair else pronoun),
        "friend": friend.short if friend else hero.short, "Friend": _capital(friend.short if friend else hero.short),
        "friend_full": friend.introduced if friend else "",
        "group": group, "Group": _capital(group), "group_object": "them" if group == "they" else group,
        "subject": group if pair else hero.short, "event": event,
        "place": bible.place if not on_the_way else "in a small village", "Route": f"{_capital(bible.place)}, " if on_the_way else "",
        "thing": thing and (thing if thing.split()[0].endswith("'s") or thing[0].isupper() else _some(thing)),
    }  # fmt: skip


def _some(thing: str) -> str:
    last = thing.split()[-1]
    if (
        thing.split()[0] in DETERMINERS
        or last.endswith(("ship", "ness", "ity", "dom", "hood"))
        or last in {"love", "hope", "peace", "courage", "magic", "time", "music", "luck", "fear"}
    ):
        return thing
    return f"the {thing}" if last.endswith("s") and not last.endswith("ss") else with_article(thing)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _complete(openers: list[Opener], bible: Bible) -> list[Opener]:
    """See to it that every noun of the idea is told; what the reading above missed gets a sentence of its own."""
    told = " ".join(opener.sentence for opener in openers).lower()
    missing = [noun for noun in nouns_of(bible.idea) if not re.search(rf"\b{re.escape(noun.lower())}\b", told)]
    if not missing:
        return openers
    at = min(1, len(openers) - 1)
    listed = " and ".join(noun if noun[0].isupper() else f"the {noun}" for noun in missing)
    opener = openers[at]
    return [*openers[:at], Opener(opener.beat, f"{opener.sentence} Everybody talked about {listed}.", opener.lead), *openers[at + 1 :]]
