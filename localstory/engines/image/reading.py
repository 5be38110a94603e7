"""From the words of a scene to a brief for the illustrator: where, when, in which weather, who does what, with what. Pure.

The words may come from a very small model: plurals, pronouns, half sentences and other people's metaphors are expected.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from localstory.engines.base import Figure
from localstory.engines.image.lexicon import COLOUR_NAMES, Lexicon, Meaning, language_of, lexicon, normal, singular, tokens
from localstory.engines.image.looks import kind_of

MOST_LETTERS = 12_000
"""A scene is a few sentences; of a longer text only this much is read."""
MOST_FIGURES = 5
MOST_PROPS = 5

INDOORS = frozenset({"bedroom", "kitchen", "living room", "school", "library", "workshop"})
WATER = frozenset({"sea", "underwater"})


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody in the picture, and what they do."""

    figure: Figure
    pose: str = "stand"
    count: int = 1
    """How many of them (three ducks); 1 for everybody with a name."""


@dataclass(frozen=True, slots=True)
class Prop:
    """A thing in the picture; `colour` is a word of `COLOUR_NAMES` or empty."""

    kind: str
    colour: str = ""
    count: int = 1
    held: bool = False


@dataclass(frozen=True, slots=True)
class Brief:
    """Everything the illustrator needs to know about a scene."""

    setting: str = "meadow"
    time: str = "day"
    weather: str = "clear"
    season: str = "summer"
    mood: str = "calm"
    actors: tuple[Actor, ...] = ()
    props: tuple[Prop, ...] = ()
    reasons: tuple[str, ...] = ()
    """How it was decided where the text doesn't say, in plain English."""

    @property
    def indoors(self) -> bool:
        return self.setting in INDOORS


@dataclass(frozen=True, slots=True)
class _Hit:
    at: int
    end: int
    sentence: int
    meaning: Meaning
    words: tuple[str, ...]


def read_scene(text: str, cast: tuple[Figure, ...] = (), place: str = "") -> Brief:
    """Read a scene. `place` counts where the text names none; the first of the cast shows when nobody is mentioned."""
    scene = normal(text[:MOST_LETTERS])
    book = lexicon(language_of(scene))
    words = tokens(scene)
    hits, named, sentences = _find(words, book, cast)
    reasons: list[str] = []
    actors = _actors(words, hits, named, sentences, cast, book, reasons)
    props = _props(words, hits, book, actors, cast)
    setting = _setting(words, hits, place, actors, props, reasons)
    scores = {about: _score(hits, about) for about in ("time", "weather", "season", "mood")}
    weather = _weather(hits)
    time = _best(scores["time"], hits, "time")
    if time is None:
        time = "night" if setting in ("space", "moon") else "day"
        reasons.append("no time named")
    season = _best(scores["season"], hits, "season") or ("winter" if weather == "snow" or setting == "snow land" else "summer")
    if weather is None:
        weather = "snow" if setting == "snow land" and "snow" in words else "clear"
    mood = _best(scores["mood"], hits, "mood")
    if mood is None:
        mood = "calm" if time in ("night", "evening") else "happy" if "!" in scene else "calm"
    return Brief(setting, time, weather, season, mood, tuple(actors), tuple(props), tuple(reasons))


def _find(words: list[str], book: Lexicon, cast: tuple[Figure, ...]) -> tuple[list[_Hit], list[tuple[int, int, int]], list[int]]:
    """All meanings in order, where the cast is named (word, end, which of the cast), and each word's sentence."""
    names: dict[tuple[str, ...], int] = {}
    for index, figure in enumerate(cast):
        parts = tuple(tokens(normal(figure.name)))
        if parts:
            names.setdefault(parts, index)
            # "Captain Mia" is also found as Mia; a lone "the" or "old" is not a name.
            last = parts[-1]
            if len(parts) > 1 and len(last) > 2 and kind_of(last) is None and (last,) not in book.meanings:
                names.setdefault((last,), index)
    longest_name = max((len(parts) for parts in names), default=0)
    hits: list[_Hit] = []
    named: list[tuple[int, int, int]] = []
    sentences: list[int] = []
    sentence = 0
    for word in words:
        sentences.append(sentence)
        if word[0] in ".!?;:\n…":
            sentence += 1
    at = 0
    while at < len(words):
        step = 1
        for length in range(min(longest_name, len(words) - at), 0, -1):
            who = names.get(tuple(words[at : at + length]))
            if who is not None:
                named.append((at, at + length, who))
                step = length
                break
        else:
            for length in range(min(book.longest, len(words) - at), 0, -1):
                part = tuple(words[at : at + length])
                one = (*part[:-1], singular(part[-1]))
                found = book.meanings.get(part, ()) + (book.meanings.get(one, ()) if one != part else ())
                if found:
                    if not _denied(words, at, sentences, book) and not _compared(words, at, book) and not _verb(words, at, length, book):
                        hits += [_Hit(at, at + length, sentences[at], meaning, part) for meaning in found]
                        if length > 1:
                            # "flew over": a place, but the verb and the weather in a phrase still count.
                            hits += [
                                _Hit(at + k, at + k + 1, sentences[at], inner, (word,))
                                for k, word in enumerate(part)
                                for inner in book.meanings.get((word,), book.meanings.get((singular(word),), ()))
                                if inner.about in ("pose", "weather")
                            ]
                    step = length
                    break
        at += step
    return hits, named, sentences


def _denied(words: list[str], at: int, sentences: list[int], book: Lexicon) -> bool:
    """ "no rain", "without a big lantern", "there was not a single cloud"."""
    for back in range(1, 5):
        before = at - back
        if before < 0 or sentences[before] != sentences[at] or words[before] in (",", "but", "and", "nhưng"):
            return False
        if words[before] in book.negations or (before > 0 and f"{words[before - 1]} {words[before]}" in book.negations):
            # "did not stop the rain": a verb in between takes the "not" for itself.
            between = words[before + 1 : at]
            return all(word in book.determiners or word in ("single", "more", "any", "been", "be", "see", "have", "much", "afraid", "có") for word in between)
    return False


def _compared(words: list[str], at: int, book: Lexicon) -> bool:
    """ "as brave as a lion", "shone like stars"; not "they like apples"."""
    for back in range(1, 5):
        before = at - back
        if before < 0 or words[before][0] in ".!?;:\n…,":
            return False
        if words[before] in book.likes:
            if words[before] == "like" and before > 0 and words[before - 1] in _LIKING:
                return False
            if words[before] == "as" and not (before + 1 < len(words) and words[before + 1] in ("a", "an", "the", "if", "though")):
                return False
            return not (words[before] == "than" and before > 0 and words[before - 1] in ("rather", "other", "more"))
    return False


_LIKING = frozenset("i you we they would 'd to really not don't didn't also who children did do does doesn't and".split())


def _verb(words: list[str], at: int, length: int, book: Lexicon) -> bool:
    """Whether a word that is also a verb stands here as one."""
    if length > 1 or words[at] not in book.verbs_too:
        return False
    return not (at > 0 and (words[at - 1] in book.determiners or words[at - 1] in COLOUR_NAMES or words[at - 1].endswith(("y", "en", "ful", "ous"))))


def _score(hits: list[_Hit], about: str) -> Counter[str]:
    score: Counter[str] = Counter()
    for hit in hits:
        if hit.meaning.about == about:
            score[hit.meaning.what] += hit.meaning.weight
    return score


def _best(score: Counter[str], hits: list[_Hit], about: str) -> str | None:
    """The concept with the most weight; of equals the one named first."""
    if not score:
        return None
    most = max(score.values())
    if most < 1:
        return None
    return next(hit.meaning.what for hit in hits if hit.meaning.about == about and score[hit.meaning.what] == most)


def _weather(hits: list[_Hit]) -> str | None:
    score = _score(hits, "weather")
    for strong in ("rainbow", "storm", "snow", "rain", "fog", "wind", "clear", "clouds"):
        if score[strong] >= 3:
            return strong
    for weak in ("snow", "rain", "wind", "fog"):
        if score[weak] >= 1:
            return weak
    return None


_PLACE_OF_KIND = {
    "whale": "sea",
    "dolphin": "sea",
    "shark": "underwater",
    "octopus": "underwater",
    "fish": "underwater",
    "mermaid": "underwater",
    "crab": "beach",
    "seal": "snow land",
    "penguin": "snow land",
    "polar bear": "snow land",
    "pirate": "sea",
    "sailor": "sea",
    "captain": "sea",
    "fisherman": "sea",
    "knight": "castle",
    "king": "castle",
    "queen": "castle",
    "princess": "castle",
    "prince": "castle",
    "farmer": "farm",
    "cow": "farm",
    "hen": "farm",
    "pig": "farm",
    "sheep": "farm",
    "camel": "desert",
    "monkey": "jungle",
    "tiger": "jungle",
    "parrot": "jungle",
    "elephant": "jungle",
    "fox": "forest",
    "bear": "forest",
    "wolf": "forest",
    "owl": "forest",
    "squirrel": "forest",
    "hedgehog": "forest",
    "deer": "forest",
    "frog": "lake",
    "duck": "lake",
    "swan": "lake",
    "astronaut": "space",
    "cook": "kitchen",
    "teacher": "school",
    "wizard": "castle",
    "bat": "cave",
    "robot": "workshop",
}


_INTO = frozenset("in into to at inside reached entered through under on trong vào đến tới trên ở".split())
_FROM = frozenset("from along near left beyond rời từ".split())


def _setting(words: list[str], hits: list[_Hit], place: str, actors: list[Actor], props: list[Prop], reasons: list[str]) -> str:
    score = _score(hits, "setting")
    strong = [hit for hit in hits if hit.meaning.about == "setting" and hit.meaning.weight == 3]
    if strong:
        # Where they go to counts for more than where they come from, and what is named first for more than what comes later.
        for rank, hit in enumerate(strong):
            before = words[max(0, hit.at - 3) : hit.at]
            score[hit.meaning.what] += (2 if rank == 0 else 1) + (2 if _INTO & set(before) else 0) - (2 if _FROM & set(before) else 0)
        most = max(score[hit.meaning.what] for hit in strong)
        return next(hit.meaning.what for hit in strong if score[hit.meaning.what] == most)
    if place:
        there = read_scene(place) if place else None
        if there is not None and "no place named" not in there.reasons:
            reasons.append("the story's place")
            return there.setting
    if score:
        reasons.append("guessed from things named")
        most = max(score.values())
        return next(hit.meaning.what for hit in hits if hit.meaning.about == "setting" and score[hit.meaning.what] == most)
    for actor in actors:
        kind = kind_of(actor.figure.kind) or ""
        if kind in _PLACE_OF_KIND:
            reasons.append("no place named: where such figures live")
            return _PLACE_OF_KIND[kind]
    reasons.append("no place named")
    return "meadow"


def _actors(
    words: list[str], hits: list[_Hit], named: list[tuple[int, int, int]], sentences: list[int], cast: tuple[Figure, ...], book: Lexicon, reasons: list[str]
) -> list[Actor]:
    kinds = [kind_of(figure.kind) for figure in cast]
    seen: dict[int, list[int]] = {}
    others: dict[str, list[tuple[int, str, int]]] = {}
    for at, _end, who in named:
        seen.setdefault(who, []).append(at)
    name_spans = {index for at, end, _who in named for index in range(at, end)}
    for hit in hits:
        if hit.meaning.about != "figure" or hit.at in name_spans:
            continue
        kind = hit.meaning.what
        same = [index for index, known in enumerate(cast) if kinds[index] == kind or normal(known.kind) == " ".join(hit.words)]
        if same:
            # Of several of one kind: the one whom this text names, else the first.
            who = next((index for index in same if index in seen), same[0])
            seen.setdefault(who, []).append(hit.at)
            continue
        colour, count = _before(words, hit.at, book)
        # "The hero", "the man": an apposition to somebody of the cast is not one more person.
        if kind in ("man", "woman", "child", "boy", "girl") and cast and any(_same_sort(kind, known) for known in kinds):
            continue
        plural = bool(hit.words) and singular(hit.words[-1]) != hit.words[-1]
        others.setdefault(kind, []).append((hit.at, colour, max(count, 3 if plural and count == 1 else count)))
    for index, word in enumerate(words):
        # Unknown kinds of the cast are found by their own word ("the zorbl").
        for who, figure in enumerate(cast):
            if kinds[who] is None and index not in name_spans and word and singular(word) == singular(normal(figure.kind).strip()):
                seen.setdefault(who, []).append(index)
    if not seen and cast:
        _by_pronoun(words, sentences, seen, kinds, book, reasons, alone=not others)
    if not seen and not others and cast:
        seen[0] = [0]
        reasons.append("nobody mentioned: the first of the cast")
    # Figures that share a name come together: "the robots" are two.
    for who in list(seen):
        for index, figure in enumerate(cast):
            if figure.name and figure.name == cast[who].name:
                seen.setdefault(index, seen[who])
    found: list[tuple[int, Actor]] = []
    for who, places in seen.items():
        found.append((min(places) - 10_000, Actor(cast[who], _pose(words, hits, sentences, places, book))))
    for kind, mentions in others.items():
        at, colour, count = mentions[0]
        count = max(count for _at, _colour, count in mentions)
        figure = Figure("", kind, (COLOUR_NAMES[colour],) if colour else ())
        found.append((at, Actor(figure, _pose(words, hits, sentences, [place for place, _c, _n in mentions], book), min(count, 3))))
    found.sort(key=lambda entry: entry[0])
    return [actor for _at, actor in found][:MOST_FIGURES]


def _same_sort(kind: str, other: str | None) -> bool:
    male, female = (
        {"boy", "man", "king", "prince", "father", "old man", "knight", "wizard"},
        {"girl", "woman", "queen", "princess", "mother", "old woman", "witch"},
    )
    if kind in ("child",):
        return other in ("boy", "girl")
    return (kind in ("man", "boy") and other in male) or (kind in ("woman", "girl") and other in female)


_MALE = frozenset("boy man king prince father wizard knight pirate sailor captain farmer fisherman soldier giant dwarf".split()) | {"old man"}
_FEMALE = frozenset("girl woman queen princess mother witch fairy mermaid teacher".split()) | {"old woman"}


def _by_pronoun(
    words: list[str], sentences: list[int], seen: dict[int, list[int]], kinds: list[str | None], book: Lexicon, reasons: list[str], *, alone: bool
) -> None:
    """Whom "she" and "he" mean; "they" and an "it" that begins a sentence only when nobody else is there."""
    for at, word in enumerate(words):
        pronoun = book.pronouns.get(word)
        if pronoun is None or (pronoun in ("it", "they") and not alone) or (pronoun == "it" and at > 0 and sentences[at - 1] == sentences[at]):
            continue
        if pronoun == "they":
            for who in range(min(2, len(kinds))):
                seen.setdefault(who, []).append(at)
        else:
            wanted = {"she": _FEMALE, "he": _MALE}.get(pronoun, frozenset())
            who_found = next((who for who, kind in enumerate(kinds) if (kind in wanted if wanted else kind not in _MALE | _FEMALE)), None)
            if who_found is not None:
                seen.setdefault(who_found, []).append(at)
    if seen:
        reasons.append("somebody meant by a pronoun")


def _before(words: list[str], at: int, book: Lexicon) -> tuple[str, int]:
    """The colour word and the number shortly before a noun."""
    colour, count = "", 1
    for back in range(1, 4):
        if at - back < 0 or words[at - back][0] in ".!?;:\n…,":
            break
        word = words[at - back]
        for meaning in book.meanings.get((word,), ()):
            if meaning.about == "colour" and not colour:
                colour = meaning.what
            elif meaning.about in ("figure", "prop"):
                return colour, count
        count = max(count, book.numbers.get(word, 1))
    return colour, count


def _after_colour(words: list[str], end: int, book: Lexicon) -> str:
    """Vietnamese says the colour after the noun."""
    for word in words[end : end + 3]:
        for meaning in book.meanings.get((word,), ()):
            if meaning.about == "colour":
                return meaning.what
            if meaning.about in ("figure", "prop"):
                return ""
    return ""


def _pose(words: list[str], hits: list[_Hit], sentences: list[int], places: list[int], book: Lexicon) -> str:
    """What somebody mentioned at `places` does.

    The first verb soon after a mention, else the next sentence's when that begins with a pronoun, else any in the same sentence.
    """
    poses = [hit for hit in hits if hit.meaning.about == "pose"]
    for place in places:
        sentence = sentences[place] if place < len(sentences) else 0
        after = [hit for hit in poses if hit.sentence == sentence and 0 <= hit.at - place <= 8]
        if after:
            return after[0].meaning.what
        following = [index for index, number in enumerate(sentences) if number == sentence + 1]
        if following and book.pronouns.get(words[following[0]]):
            later = [hit for hit in poses if hit.sentence == sentence + 1]
            if later:
                return later[0].meaning.what
    inside = [hit for hit in poses if any(place < len(sentences) and hit.sentence == sentences[place] for place in places)]
    # What one of them holds, the others don't.
    return next((hit.meaning.what for hit in inside if hit.meaning.what != "hold"), "stand")


_SCENERY = {
    "tree": ("forest", "jungle"),
    "house": ("village", "town"),
    "leaf": (),
    "bed": ("bedroom",),
    "book": ("library",),
    "fire": (),
    "tower": ("castle",),
    "window": (),
    "music": (),
    "heart": (),
}
"""Things that some settings bring along anyway."""


def _props(words: list[str], hits: list[_Hit], book: Lexicon, actors: list[Actor], cast: tuple[Figure, ...]) -> list[Prop]:
    held_words = {hit.at for hit in hits if hit.meaning.about == "pose" and hit.meaning.what == "hold"}
    found: dict[str, Prop] = {}
    names = {part for figure in cast for part in tokens(normal(figure.name))}
    for hit in hits:
        if hit.meaning.about != "prop" or hit.words[0] in names and len(hit.words) == 1:
            continue
        if hit.meaning.weight < 3:
            continue
        colour, count = _before(words, hit.at, book)
        if not colour and book is not lexicon("en"):
            colour = _after_colour(words, hit.end, book)
        plural = singular(hit.words[-1]) != hit.words[-1]
        held = any(0 < hit.at - at <= 6 for at in held_words)
        count = max(count, 3 if plural and count == 1 else count)
        old = found.get(hit.meaning.what)
        if old is None:
            found[hit.meaning.what] = Prop(hit.meaning.what, colour, min(3, count), held)
        else:
            found[hit.meaning.what] = Prop(old.kind, old.colour or colour, max(old.count, min(3, count)), old.held or held)
    return list(found.values())[:MOST_PROPS]
