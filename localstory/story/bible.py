"""From an idea to its bible: who the heroes are, where it plays, what happens, and every thing that was named. Pure.

The idea's own words are kept: a small model follows what is on the page, and a person wants to meet what they asked for.
"""

from __future__ import annotations

import random
import re
import unicodedata
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from localstory.engines.base import Figure
from localstory.errors import BadRequest
from localstory.story import lexicon
from localstory.words import mark

_LEAD_IN = re.compile(
    r"^\s*(?:please\s+)?(?:(?:can|could)\s+you\s+)?(?:(?:write|tell|make|create|give)\s+(?:me\s+|us\s+)?)?(?:an?\s+|the\s+)?(?:\w+\s+){0,3}?"
    r"(?:story|tale|fairy tale|film|movie)\s+(?:about|of|in which|where)\s+",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[,.;:!?—–-]", re.UNICODE)


_COUNTS = {"two": 2, "three": 3, "four": 4, "five": 4, "six": 4, "seven": 4, "many": 4, "several": 3}
_OTHER_COLOURS = ("#c8553d", "#588b8b", "#d9a441")


@dataclass(frozen=True, slots=True)
class Character:
    """Somebody of the story. `phrase` is how the idea calls it, without its article ("sleepy dragon")."""

    name: str
    kind: str
    phrase: str
    pronoun: str = "it"
    """he, she, it or they."""
    plural: bool = False
    named_by_person: bool = False
    look: str = ""
    colours: tuple[str, ...] = ()
    item: str = ""

    @property
    def introduced(self) -> str:
        """ "a sleepy dragon named Otto"; "Tom the cat" keeps what the person wrote."""
        if self.plural:
            return self.phrase
        if self.phrase.lower() == self.name.lower():
            return f"a {self.kind} named {self.name}" if self.kind in {"girl", "boy", "child"} else self.name
        return f"{with_article(self.phrase)} named {self.name}"

    @property
    def short(self) -> str:
        """How the story goes on calling it."""
        return self.name

    def figures(self) -> tuple[Figure, ...]:
        """For the pictures: one, or as many as "two robots" says, of one name and different colours."""
        if not self.plural:
            return (Figure(self.name, self.kind, self.colours, self.item),)
        count = _COUNTS.get(self.phrase.split()[0].lower(), 2)
        return tuple(Figure(self.name, self.kind, self.colours or (() if not number else (_OTHER_COLOURS[number - 1],)), self.item) for number in range(count))


@dataclass(frozen=True, slots=True)
class Bible:
    """What must stay the same through a story."""

    idea: str
    title: str
    characters: tuple[Character, ...]
    place: str
    """With its preposition: "in a snowy village"."""
    event: str = ""
    """What the idea says happens, in the past, without its subject: "wanted to see the sea"; "" when it doesn't say."""
    things: tuple[str, ...] = ()
    """Noun phrases of the idea that are neither heroes nor place nor in the event."""
    language: str = "en"
    style: str = "paper-cut"
    pronunciations: dict[str, str] = field(default_factory=dict)
    written_by: str = "template"
    """ "template": read from the idea by code; "model": proposed by the model."""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, table: dict[str, Any]) -> Bible:
        """The inverse of `to_json`; unknown keys are ignored. Raises KeyError and TypeError on a wrong shape."""
        names = set(cls.__dataclass_fields__)
        known = {key: value for key, value in table.items() if key in names}
        fields = set(Character.__dataclass_fields__)
        known["characters"] = tuple(_character_from(one, fields) for one in table["characters"])
        known["things"] = tuple(table.get("things", ()))
        return cls(**known)


def _character_from(table: dict[str, Any], fields: set[str]) -> Character:
    known: dict[str, Any] = {key: value for key, value in table.items() if key in fields}
    known["colours"] = tuple(known.get("colours", ()))
    return Character(**known)


@dataclass(frozen=True, slots=True)
class _Phrase:
    """A noun phrase of the idea: its words without article, and where it stands."""

    words: tuple[str, ...]
    start: int
    end: int
    before: str
    """The function word before it ("in", "to", "")."""
    article: str = ""
    """Its own determiner, lower case ("a", "the", "his"), or ""."""
    head_at: int = -1
    """Which of the words is the noun itself: "baker" in "baker of Paris"."""

    @property
    def text(self) -> str:
        return " ".join(self.words)

    @property
    def noun(self) -> str:
        return self.words[self.head_at]

    @property
    def head(self) -> str:
        return singular(self.noun.lower())


def clean_idea(idea: str) -> str:
    """The idea as plain words: emoji become their names, "write me a story about" goes. Raises BadRequest when nothing is left."""
    text = "".join(f", {unicodedata.name(char, '').lower().removesuffix(' face')}, " if unicodedata.category(char) == "So" else char for char in idea)
    text = unicodedata.normalize("NFC", text)
    text = "".join(char if unicodedata.category(char)[0] != "C" or char in "\n\t" else " " for char in text)
    text = " ".join(_LEAD_IN.sub("", " ".join(text.split())).split()).strip(" ,.!?…\"'“”")
    if not any(char.isalpha() for char in text):
        raise BadRequest(
            title=mark("There is no idea to tell"),
            detail=mark("The text holds no words."),
            hint=mark('Say who the story is about, like "a girl named Mai and a sleepy dragon".'),
        )
    return text


def singular(noun: str) -> str:
    """A noun's singular, well enough for looking it up."""
    special = {"mice": "mouse", "wolves": "wolf", "geese": "goose", "children": "child", "men": "man", "women": "woman", "fairies": "fairy", "puppies": "puppy"}
    if noun in special:
        return special[noun]
    if noun.endswith("ies") and len(noun) > 4:
        return noun[:-3] + "y"
    if noun.endswith(("ches", "shes", "xes")):
        return noun[:-2]
    if noun.endswith("s") and not noun.endswith(("ss", "us", "is")) and len(noun) > 3:
        return noun[:-1]
    return noun


def with_article(phrase: str) -> str:
    """ "sleepy dragon" -> "a sleepy dragon", "owl" -> "an owl"."""
    first = phrase.split()[0].lower()
    if first.endswith("'s") or first in lexicon.DETERMINERS:
        return phrase
    vowel = first[0] in "aeiou" and not first.startswith(("uni", "use", "one", "eu")) or first.startswith(("hour", "honest"))
    return f"{'an' if vowel else 'a'} {phrase}"


def nouns_of(idea: str) -> list[str]:
    """The head nouns and names of an idea, in order, as written: each must appear in its story."""
    words = _words(clean_idea(idea))
    return [phrase.noun for phrase in _phrases(words)]


def make_bible(idea: str, *, seed: int, language: str = "en") -> Bible:
    """Read an idea. Same idea and seed, same bible. Raises BadRequest when it has no words."""
    rng = random.Random(f"bible/{seed}/{idea}")
    text = clean_idea(idea)
    words = _words(text)
    phrases = _joined(_phrases(words), words)
    characters: list[Character] = []
    used: set[int] = set()
    taken: set[str] = set()
    for index, phrase in enumerate(phrases):
        if index in used:
            continue
        made = _character(phrase, phrases, index, words, used, rng, taken)
        if made is not None and len(characters) < 4:
            characters.append(made)
            taken.add(made.name)
    if not characters and phrases:
        alive = next((i for i, phrase in enumerate(phrases) if phrase.head in lexicon.THINGS_ALIVE_WHEN_ALONE), None)
        if (
            alive is None
            and phrases[0].head not in lexicon.PLACES
            and any(_is_verb(i, words) for i in range(phrases[0].end, min(phrases[0].end + 2, len(words))))
        ):
            alive = 0  # "Grandpa's clock stops at midnight": what does something is somebody
        if alive is not None:
            characters.append(_named(phrases[alive], rng, taken))
            used.add(alive)
    if not characters:
        name = rng.choice(lexicon.NAMES["she"])
        characters.append(Character(name, "girl", "girl", "she"))
    characters[0] = _agreeing(characters[0], words, rng, taken)
    place, place_index = _place(phrases, used, rng, characters[0].kind)
    if place_index is not None:
        used.add(place_index)
    event, event_span = _event(words, phrases, characters)
    if place_index is not None and event.endswith(f" {place}"):
        event = event.removesuffix(f" {place}")
    covered = event.lower()
    things = tuple(_owned(phrase) for index, phrase in enumerate(phrases) if index not in used and not _said(phrase, covered, event_span))
    return Bible(
        idea=idea.strip(),
        title=_title(characters, things, place, event, rng),
        characters=tuple(characters),
        place=place,
        event=event,
        things=things,
        language=language,
    )


def _agreeing(hero: Character, words: list[str], rng: random.Random, taken: set[str]) -> Character:
    """The hero with the pronoun the idea uses, when its kind leaves that open: "the baker loses his book"."""
    if hero.plural or hero.kind in lexicon.SHE | lexicon.HE:
        return hero
    lower = {word.lower() for word in words}
    he, she = bool(lower & {"he", "his", "him"}), bool(lower & {"she", "her", "hers"})
    if he == she or hero.pronoun == ("he" if he else "she"):
        return hero
    pronoun = "he" if he else "she"
    name = hero.name if hero.named_by_person else rng.choice([name for name in lexicon.NAMES[pronoun] if name not in taken])
    return replace(hero, pronoun=pronoun, name=name)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.replace("’", "'"))


def _is_name(word: str, position: int, words: list[str]) -> bool:
    if not word[0].isupper() or word.lower() in lexicon.STOP | lexicon.DETERMINERS:
        return False
    if position > 0 and words[position - 1] not in {".", "!", "?"}:
        return True
    # A capital at the beginning says little: it is a name if it is no word we know and an article doesn't precede it.
    lower = word.lower()
    known = lower in lexicon.VERBS or singular(lower) in lexicon.ANIMATE or singular(lower) in lexicon.PLACES
    after = words[position + 1].lower() if position + 1 < len(words) else ""
    return not known and (after in {"the", "and", "is", "was", "who", ","} or after in lexicon.THIRD_PERSON)


def _is_verb(position: int, words: list[str]) -> bool:
    word = words[position].lower()
    if position and words[position - 1].lower() in lexicon.DETERMINERS - {"that", "this", "no"}:
        return False
    before = words[position - 1].lower() if position else ""
    if word in lexicon.VERBS:
        # "the brave mouse": a word we know as a verb can stand as an adjective or noun after an article's adjective.
        if word in {
            "light",
            "water",
            "phone",
            "magic",
            "land",
            "brave",
            "lost",
            "star",
            "train",
            "rest",
            "race",
            "trip",
            "wish",
            "play",
            "plant",
            "work",
            "dream",
            "dress",
        }:
            return before in {"to", "who", "that", "and", "they", "he", "she", "it", "must", "will", "can"}
        return True
    if (
        word.endswith("ing")
        and len(word) > 5
        and word not in {"morning", "evening", "building", "wedding", "painting", "feeling", "ceiling", "clothing", "darling", "duckling"}
    ):
        return not (before in lexicon.DETERMINERS or (position + 1 < len(words) and singular(words[position + 1].lower()) in lexicon.ANIMATE | lexicon.PLACES))
    return word.endswith("ed") and len(word) > 4 and not (position + 1 < len(words) and singular(words[position + 1].lower()) in lexicon.ANIMATE)


def _phrases(words: list[str]) -> list[_Phrase]:
    """Noun phrases: runs of words that are neither function words nor verbs."""
    found: list[_Phrase] = []
    run: list[str] = []
    start = 0

    def end(at: int) -> None:
        nonlocal run
        while run and run[-1].lower().endswith("ly") and len(run) > 1:
            run.pop()
        if (
            run
            and not all(word.isdigit() for word in run)
            and (run[-1].lower() not in _ADJECTIVES or len(run) == 1 and start and words[start - 1].lower() == "the")
        ):
            before = next((words[i].lower() for i in range(start - 1, -1, -1) if words[i].lower() not in lexicon.DETERMINERS), "")
            article = words[start - 1].lower() if start and words[start - 1].lower() in lexicon.DETERMINERS else ""
            found.append(_Phrase(tuple(run), start, at, before, article))
        run = []

    for position, word in enumerate(words):
        lower = word.lower()
        number = lower in {"two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
        possessive = lower.endswith("'s")
        name = _is_name(word, position, words)
        after_the = position and words[position - 1].lower() == "the" and run == []
        if run and name and not run[-1][0].isupper():
            end(position)
        if (name or number or possessive or lower not in lexicon.STOP) and word[0].isalnum() and (name or after_the or not _is_verb(position, words)):
            if not run:
                start = position
            run.append(word)
        else:
            end(position)
    end(len(words))
    return found


_OF_PLACE = frozenset("way edge bottom top middle end shore foot side heart center centre corner mouth".split())


def _joined(phrases: list[_Phrase], words: list[str]) -> list[_Phrase]:
    """Phrases that belong together made one: "baker" + "of Paris", "way" + "to the mountain"."""
    joined: list[_Phrase] = []
    for phrase in phrases:
        last = joined[-1] if joined else None
        between = [word.lower() for word in words[last.end : phrase.start]] if last else []
        if last and between and set(between) <= {"of", "to", "the", "a", "an", "his", "her", "their", "its"} and (
            between[0] == "of" and phrase.head not in lexicon.ANIMATE or between[0] == "to" and last.head == "way"
        ):  # fmt: skip
            joined[-1] = _Phrase(
                (*last.words, *words[last.end : phrase.end]),
                last.start,
                phrase.end,
                last.before,
                last.article,
                len(last.words) - 1 if last.head_at == -1 else last.head_at,
            )
        else:
            joined.append(phrase)
    return joined


_ADJECTIVES = frozenset(
    "afraid alone lonely brave shy little big small tiny old young happy sad sleepy lost alive dark scared hungry tired angry lazy curious clever kind magical "
    "beautiful ready careful proud sick blind deaf cold warm hot early late far near asleep awake high low long short good bad new best".split()
)


def _character(phrase: _Phrase, phrases: list[_Phrase], index: int, words: list[str], used: set[int], rng: random.Random, taken: set[str]) -> Character | None:
    """The character a noun phrase stands for, together with its name beside it; None when it is a thing or a place."""
    follows = phrases[index + 1] if index + 1 < len(phrases) else None
    between = [word.lower() for word in words[phrase.end : follows.start]] if follows else []
    if phrase.head_at == -1 and phrase.noun[0].isupper() and _is_name(phrase.noun, phrase.end - 1, words):
        name = phrase.text
        if singular(name.lower()) in lexicon.PLACES:
            return None
        # "Tom the cat", "Mai, a girl"
        if follows and between and set(between) <= {"the", "a", "an", ","} and follows.head in lexicon.ANIMATE:
            used |= {index, index + 1}
            return _made(name, follows.head, follows.text, named=True)
        if phrase.before in {"in", "at", "from", "to", "near", "of"}:
            return None
        used.add(index)
        return _made(name, _kind_of_name(name, words), name, named=True)
    if phrase.head not in lexicon.ANIMATE:
        return None
    used.add(index)
    if follows and between and between[-1] in {"named", "called"}:
        used.add(index + 1)
        return _made(follows.text, phrase.head, phrase.text, named=True)
    return _named(phrase, rng, taken)


def _named(phrase: _Phrase, rng: random.Random, taken: set[str]) -> Character:
    text = " ".join((phrase.words[0].lower() if phrase.words[0].lower() in lexicon.DETERMINERS else phrase.words[0], *phrase.words[1:]))
    if phrase.head != phrase.noun.lower():  # several of them: they need no name
        return Character(name=f"the {phrase.noun}", kind=phrase.head, phrase=text, pronoun="they", plural=True)
    pronoun = "she" if phrase.head in lexicon.SHE else "he" if phrase.head in lexicon.HE else rng.choice(("he", "she"))
    name = rng.choice([name for name in lexicon.NAMES[pronoun] if name not in taken])
    return Character(name, phrase.head, text, pronoun)


def _made(name: str, kind: str, phrase: str, *, named: bool) -> Character:
    pronoun = "she" if kind in lexicon.SHE else "he" if kind in lexicon.HE else "it"
    return Character(name, kind, phrase, pronoun, named_by_person=named)


def _kind_of_name(_name: str, words: list[str]) -> str:
    """What somebody is of whom the idea says only the name: a girl or a boy by the pronouns around, else a child."""
    lower = {word.lower() for word in words}
    return "girl" if lower & {"she", "her", "hers"} else "boy" if lower & {"he", "his", "him"} else "child"


_PLACES_AT_HAND = (
    "in a small village by the river",
    "at the edge of a quiet forest",
    "in a little house on a green hill",
    "in a town by the sea",
    "in a valley full of flowers",
)
_HOMES: dict[str, str] = (
    dict.fromkeys("whale dolphin shark octopus squid jellyfish starfish fish goldfish mermaid seal crab lobster".split(), "in the deep blue sea")
    | dict.fromkeys("cloud star moon sun raindrop snowflake angel phoenix".split(), "high up in the sky")
    | dict.fromkeys("king queen prince princess knight".split(), "in a castle on a high hill")
    | dict.fromkeys("sailor pirate captain fisherman parrot".split(), "in a town by the sea")
    | dict.fromkeys("fox bear wolf deer squirrel hedgehog owl rabbit hare badger elf gnome dragon unicorn".split(), "at the edge of a quiet forest")
    | dict.fromkeys("frog duck duckling beaver otter swan turtle toad dragonfly".split(), "at a quiet pond")
    | dict.fromkeys("robot android machine inventor".split(), "in a workshop at the end of the street")
    | dict.fromkeys("cow horse sheep hen rooster pig goat lamb farmer pony donkey".split(), "on a small farm")
    | dict.fromkeys("penguin yeti".split(), "in the land of snow and ice")
    | dict.fromkeys("lion elephant monkey tiger giraffe zebra".split(), "in a wide green land")
    | dict.fromkeys("camel".split(), "in the desert")
)
"""Where somebody is at home when the idea doesn't say."""
_PREPOSITIONS = frozenset("in on at near under inside behind by beside above below beneath across through".split())


def _place(phrases: list[_Phrase], used: set[int], rng: random.Random, kind: str) -> tuple[str, int | None]:
    for index, phrase in enumerate(phrases):
        if index not in used and (phrase.head in lexicon.PLACES or phrase.head in _OF_PLACE and len(phrase.words) > 1) and phrase.before in _PREPOSITIONS:
            if phrase.noun[0].isupper():
                return f"{phrase.before} {phrase.text}", index
            return f"{phrase.before} {f'{phrase.article} {phrase.text}' if phrase.article else 'the ' + phrase.text}", index
    return _HOMES.get(kind) or rng.choice(_PLACES_AT_HAND), None


def _event(words: list[str], phrases: list[_Phrase], characters: list[Character]) -> tuple[str, tuple[int, int]]:
    """The first clause after a hero, in the past, and the words it spans. ("", (0, 0)) when the idea has none."""
    heads = {character.kind for character in characters} | {character.name.lower() for character in characters}
    ends = [phrase.end for phrase in phrases if phrase.head in heads or phrase.text.lower() in heads]
    if not ends:
        return "", (0, 0)
    subject_end = ends[0]
    if (
        len(ends) > 1
        and "and" in words[ends[0] : ends[1]]
        and not any(_is_verb(i, words) or words[i].lower() in {"who", "that", "is", "was"} for i in range(ends[0], ends[1]))
    ):
        subject_end = ends[1]  # "an old sailor and his parrot are caught"
    start = next(
        (
            i
            for i in range(subject_end, len(words))
            if _is_verb(i, words) and words[i].lower() in lexicon.PAST_OF or words[i].lower() in {"is", "are", "has", "can"}
        ),
        None,
    )
    if start is None:
        start = next((i for i in range(subject_end, len(words)) if words[i].lower() in lexicon.PAST_FORMS and words[i].lower() not in {"called"}), None)
    if start is None or start > 0 and words[start - 1].lower() in lexicon.DETERMINERS | {"to"}:
        return "", (0, 0)
    said: list[str] = []
    end = start
    for position in range(start, len(words)):
        word = words[position]
        if word in {".", "!", "?", ";"}:
            break
        if word.lower() == "and" and any(phrase.start - position in (1, 2) and phrase.head in heads for phrase in phrases):
            break  # another hero, who is introduced by a sentence of their own
        lower = word.lower()
        before = words[position - 1].lower() if position else ""
        convert = position == start or (
            lower in lexicon.PAST_OF
            and before not in (lexicon.DETERMINERS - {"that"}) | {"to", "can", "could", "must", "will"}
            and (lower in lexicon.THIRD_PERSON or lower in {"is", "are", "has", "can"})
            and not before.endswith("'s")
        )
        said.append(lexicon.PAST_OF.get(lower, word) if convert else word)
        end = position + 1
    text = re.sub(r"\s+([,:])", r"\1", " ".join(said)).strip(" ,:-")
    if len(text.split()) > 22:  # a whole plot: the model would lose itself, and a voice its breath
        text = " ".join(text.split()[:22]).rsplit(",", 1)[0]
    return text, (start, end)


def _owned(phrase: _Phrase) -> str:
    """With its possessive: "her magic bicycle"."""
    return f"{phrase.article} {phrase.text}" if phrase.article in {"his", "her", "their", "its"} else phrase.text


def _said(phrase: _Phrase, covered: str, span: tuple[int, int]) -> bool:
    return phrase.text.lower() in covered and span[0] <= phrase.start < span[1]


def _title(characters: list[Character], things: tuple[str, ...], place: str, event: str, rng: random.Random) -> str:
    def named(character: Character) -> str:
        if character.plural:
            return title_case(character.phrase)
        return character.name if character.named_by_person and character.phrase == character.name else f"{character.name} the {title_case(character.kind)}"

    if len(characters) >= 2:
        second = characters[1]
        return (
            f"{characters[0].name if not characters[0].plural else title_case(characters[0].phrase)} and the {title_case(second.phrase)}"
            if second.phrase != second.name
            else f"{named(characters[0])} and {second.name}"
        )
    if things:
        thing = things[0].split(" ", 1)[-1] if things[0].split()[0] in lexicon.DETERMINERS else things[0]
        return f"{named(characters[0])} and the {title_case(thing)}"
    last = re.search(r"(?:the|a|an)\s+((?:[\w'-]+\s?){1,3})$", event)
    if last:
        return f"{named(characters[0])} and the {title_case(last.group(1).strip())}"
    return rng.choice(("The Adventure of {name}", "The Story of {name}")).format(name=named(characters[0]))


def title_case(text: str) -> str:
    """Capitals as in English titles."""
    small = {"of", "the", "a", "an", "and", "in", "on", "to"}
    words = text.split()
    return " ".join(word if word.lower() in small and index else word[:1].upper() + word[1:] for index, word in enumerate(words))
