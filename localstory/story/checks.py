"""What makes a try at a scene good enough to keep, and which of several to take. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from localstory.story.bible import Bible, Character, singular
from localstory.story.lexicon import ANIMATE

_SENTENCE = re.compile(r".+?[.!?…]+[\"'”’)]*(?=\s|$)", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")

# Not for a story told to a child, whatever the idea; a first and cheap net.
_UNSAFE = re.compile(
    r"\b(kill\w*|murder\w*|blood\w*|dead|die[ds]?|dying|death|lost (?:their|his|her|its) li(?:fe|ves)|corpse\w*|suicid\w*|gun|guns|shot|shoot\w*|stab\w*|knife|knives|drug\w*|drunk\w*|alcohol|beer|whiskey|"
    r"cigarette\w*|sex\w*|naked|nude|kissed him|kissed her|rape\w*|breast\w*|hell|damn\w*|devil|satan|racis\w*|slave\w*|nazi\w*|terroris\w*|war|bomb\w*|prison\w*|cancer|"
    r"abus\w*|tortur\w*|hate[ds]?|stupid|idiot\w*|bastard\w*|bitch\w*|shit\w*|fuck\w*|ass|phone number|e-?mail|password)\b",
    re.IGNORECASE,
)
# The model talks about stories, or about itself, instead of telling one.
_META = re.compile(
    r"https?:|www\.|[<>{}\[\]#*_|\\]|\b(chapter|the story so far|story continues|this story|the author|author|written by|prompt|readers?|paragraph|sentence|narrator|the end|to be continued|"
    r"copyright|figure \d|exercise|question|answer key|the plot|protagonist|fiction|novel|the moral)\b",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(r"\b(I|I'm|I've|I'd|my|we|our|us|me|mine|myself)\b")
_SECOND_PERSON = re.compile(r"\b(you|your|yours)\b", re.IGNORECASE)
_ALLOWED_CAPITALS = frozenset(
    "I I'm I'll I've I'd Mr Mrs Miss Dr God Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August "
    "September October November December Christmas Easter Mom Mum Mama Mother Dad Papa Father Grandma Grandpa Earth Sun Moon".split()
)
_HE, _SHE = frozenset("he him his himself".split()), frozenset("she her hers herself".split())
_COMMON = frozenset(
    "the a an and or but of to in on at for with from by as it its he him his she her they them their was were is are be been had has have did do not so that this "
    "there then when who which what one very all up out into over down again could would".split()
)


@dataclass(frozen=True, slots=True)
class Judged:
    """A try: the text that may be kept (whole sentences, "" when none), what is wrong with it, and how good it is."""

    text: str
    problems: tuple[str, ...]
    score: float


def sentences(text: str) -> list[str]:
    """The whole sentences at the beginning of a text; a rest that breaks off is left out."""
    return [match.group().strip() for match in _SENTENCE.finditer(text)]


def words(text: str) -> list[str]:
    """The words of a text, as written."""
    return _WORD.findall(text)


def cut(text: str, *, at_least: int, at_most: int) -> str:
    """The longest run of whole sentences from the start with at most `at_most` words; "" if that is under `at_least`."""
    kept: list[str] = []
    for sentence in sentences(text):
        if len(words(" ".join([*kept, sentence]))) > at_most:
            break
        kept.append(sentence)
    taken = " ".join(kept)
    return taken if len(words(taken)) >= at_least else ""


def judge(attempt: str, *, beat: str, lead: str, before: str, scene: str, bible: Bible, mean_logprob: float | None, at_least: int, at_most: int) -> Judged:
    """Judge a continuation of `lead`, in a scene that began with `scene`, after the story `before`.

    The checks name what they reject: "empty", "unfinished", "repeats", "loops", "stranger", "lost hero", "unsafe",
    "meta", "first person", "quotes", "odd characters", "sad end" (or one that opens a new story), "early end".
    """
    raw = " ".join(attempt.split())
    if not words(raw):
        return Judged("", ("empty",), -99.0)
    whole = " ".join(f"{lead} {raw}".split()) if lead else raw
    text = cut(whole, at_least=at_least, at_most=at_most)
    if not text:
        return Judged("", ("unfinished",), -90.0)
    problems = list(_problems(text, beat=beat, before=before, scene=scene, bible=bible))
    return Judged(text, tuple(problems), _score(text, before, scene, bible, mean_logprob) - 10.0 * len(problems))


def _problems(text: str, *, beat: str, before: str, scene: str, bible: Bible) -> Iterable[str]:
    spoken = re.sub(r"[\"“][^\"”]*[\"”]", " ", text)
    told = f"{before} {scene}"
    if _UNSAFE.search(text) and not _UNSAFE.search(bible.idea):
        yield "unsafe"
    if _META.search(text):
        yield "meta"
    if _FIRST_PERSON.search(spoken) or _SECOND_PERSON.search(spoken):
        yield "first person"
    if (text.count('"') % 2) or text.count("“") != text.count("”") or text.count("(") != text.count(")"):
        yield "quotes"
    if any(ord(char) < 32 or 0xE000 <= ord(char) <= 0xF8FF or char == "\ufffd" for char in text) or re.search(r"\d{3,}|[=+%$@/]|\.\.\.\.|--", text):
        yield "odd characters"
    own = [_plain(sentence) for sentence in sentences(text)]
    earlier = {_plain(sentence) for sentence in sentences(told)}
    if len(set(own)) < len(own) or earlier & set(own) or _shared_run(text, told) >= 6:
        yield "repeats"
    if _loops(text):
        yield "loops"
    if strangers(text, bible):
        yield "stranger"
    if _lost(text, scene, bible) or _turned_into(text, bible):
        yield "lost hero"
    if beat == "end" and (_SAD.search(text) or re.search(r"\bbut one day\b", text, re.IGNORECASE) or sentences(text)[-1].startswith("But ")):
        yield "sad end"
    if beat != "end" and _OVER.search(text):
        yield "early end"


def strangers(text: str, bible: Bible) -> set[str]:
    """Names in the text that neither the bible nor the idea knows."""
    known = (
        {word for one in bible.characters for word in words(f"{one.name} {one.phrase}")}
        | set(words(bible.idea))
        | set(words(bible.title))
        | set(words(bible.place))
    )
    known = {word.removesuffix("'s").removesuffix("’s") for word in known}
    found: set[str] = set()
    for sentence in sentences(text) or [text]:
        for match in list(_WORD.finditer(sentence))[1:]:
            word = match.group().removesuffix("'s").removesuffix("’s")
            if word[0].isupper() and word not in known and word not in _ALLOWED_CAPITALS and word.lower() not in {one.kind for one in bible.characters}:
                start = sentence[: match.start()].rstrip()
                if start and start[-1] in "\"“.!?…:‘'" and (word.lower() in _CRIES or not sentence[match.end() :].startswith((",", "!"))):
                    continue  # the first word of somebody's speech, and not a name that is called
                found.add(word)
    return found


def _lost(text: str, scene: str, bible: Bible) -> bool:
    """Whether a hero changed into somebody else: a "she" that is a "he" now, with nobody around it could be."""
    around = [one for one in bible.characters if one.name in scene or one.name in text or one.kind in f"{scene} {text}".lower()] or list(bible.characters[:1])
    spoken = {word.lower() for word in words(re.sub(r"[\"“][^\"”]*[\"”]", " ", text))}
    others = bool(
        spoken
        & {
            "mother",
            "father",
            "boy",
            "girl",
            "man",
            "woman",
            "king",
            "queen",
            "grandmother",
            "grandfather",
            "mom",
            "dad",
            "brother",
            "sister",
            "friend",
            "lady",
        }
    )
    if others or any(one.pronoun in {"it", "they"} for one in around):
        return False
    pronouns = {one.pronoun for one in around}
    return bool(spoken & _HE and "he" not in pronouns) or bool(spoken & _SHE and "she" not in pronouns)


def _turned_into(text: str, bible: Bible) -> bool:
    """ "I am a man named Finn", "Finn became a dragon": somebody is said to be what the bible says they are not."""
    kinds = {one.kind for one in bible.characters}
    for match in re.finditer(
        r"\b(?:am|i'm|was|is|are|were|became|become)\s+(?:not\s+)?(?:just\s+)?(?:an?|the)\s+((?:[\w'-]+\s+){0,2}[\w'-]+)\b", text, re.IGNORECASE
    ):
        said = [singular(word.lower()) for word in match.group(1).split()]
        if any(word in ANIMATE and word not in kinds and word not in _FRIENDLY for word in said):
            return True
    # Nobody of ours turns into anything, whatever it is: "would be a little dragon", "made her into a queen".
    return any(
        singular(word.lower()) in ANIMATE and word.lower() not in _FRIENDLY
        for match in re.finditer(r"\b(?:be|into|becoming|became|become)\s+(?:an?|the)\s+((?:[\w'-]+\s+){0,2}[\w'-]+)\b", text, re.IGNORECASE)
        for word in match.group(1).split()
    )


_FRIENDLY = frozenset("friend hero heroine kid child animal creature person baby".split())
_OVER = re.compile(r"\b(forevermore|ever after|for ever|forever|the last time|once upon a time)\b", re.IGNORECASE)
_SAD = re.compile(r"\b(sad|sadly|cried|crying|cry|afraid|angry|lonely|never|alone|lost|sorry|worried|scared)\b", re.IGNORECASE)
_KIN = re.compile(
    r"\b(mom|mommy|mum|mummy|mother|dad|daddy|father|parents|children|brothers?|sisters?|grandmother|grandfather|boys|girls|humans?|people|someone|somebody|man|woman)\b",
    re.IGNORECASE,
)
_CRIES = frozenset(
    "oh yes no well hello hey hi please look come thank thanks wait stop let what where why who how good dear my the it that this there we you they he she i if so do don't".split()
)


def _plain(sentence: str) -> str:
    return " ".join(word.lower() for word in words(sentence))


def _shared_run(text: str, told: str) -> int:
    """The longest run of words of the text that stands in what was told before."""
    own, earlier = _plain(text).split(), f" {_plain(told)} "
    longest = 0
    for start in range(len(own)):
        while start + longest < len(own) and f" {' '.join(own[start : start + longest + 1])} " in earlier:
            longest += 1
    return longest


def _loops(text: str) -> bool:
    """The same three words twice, or one telling word four times."""
    plain = _plain(text).split()
    runs = [tuple(plain[i : i + 3]) for i in range(len(plain) - 2)]
    telling = [word for word in plain if word not in _COMMON and len(word) > 3]
    return len(set(runs)) < len(runs) or any(telling.count(word) >= 4 for word in set(telling))


def _score(text: str, before: str, scene: str, bible: Bible, mean_logprob: float | None) -> float:
    """Likely, about the heroes, and new: what reads best in practice (weights from reading some hundred tries)."""
    telling = {word.lower() for word in words(text)} - _COMMON
    old = {word.lower() for word in words(before)}
    named = sum(_mentions(text, one) for one in bible.characters)
    fresh = len(telling - old) / max(1, len(telling))
    on_topic = len(telling & ({word.lower() for word in words(scene)} - _COMMON))
    known = {singular(word.lower()) for word in words(f"{bible.idea} {scene} {before}")} | {one.kind for one in bible.characters} | _FRIENDLY
    newcomers = len({one for word in words(text) if (one := singular(word.lower())) in ANIMATE or _KIN.fullmatch(word)} - known)
    sweet = len(re.findall(r"\blov(?:e|ed|es|ing)\b|\beach other\b", text, re.IGNORECASE))
    likely = mean_logprob if mean_logprob is not None else -2.0
    return likely + 0.15 * min(named, 2) + 0.4 * fresh + 0.1 * min(on_topic, 3) - 0.35 * newcomers - 0.2 * max(0, sweet - 1) + 0.02 * min(len(words(text)), 34)


def _mentions(text: str, one: Character) -> bool:
    return one.name.lower() in text.lower() or one.kind in text.lower()
