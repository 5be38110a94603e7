"""Which language a text is in, as far as its letters tell, and which voice to fetch for one. Pure and cheap."""

from __future__ import annotations

import unicodedata

# Letters that Vietnamese has and its neighbours in Latin script don't: breve, horn, and the double marks of
# U+1EA0-U+1EF9. (â ê ô and simple accents are French and Portuguese too; đ is Croatian, ă Romanian.)
_VIETNAMESE = frozenset("ăĂơƠưƯđĐ") | {chr(point) for point in range(0x1EA0, 0x1EFA)}

_SCRIPTS: tuple[tuple[int, int, str], ...] = (
    (0x0370, 0x03FF, "el"),
    (0x0400, 0x052F, "ru"),
    (0x0590, 0x05FF, "he"),
    (0x0600, 0x06FF, "ar"),
    (0x0900, 0x097F, "hi"),
    (0x0C00, 0x0C7F, "te"),
    (0x0D00, 0x0D7F, "ml"),
    (0x0E00, 0x0E7F, "th"),
    (0x10A0, 0x10FF, "ka"),
    (0x3040, 0x30FF, "ja"),
    (0xAC00, 0xD7AF, "ko"),
    (0x4E00, 0x9FFF, "zh"),
)
"""Ranges of code points and the language that stands for the script."""

_SAME_SCRIPT: dict[str, frozenset[str]] = {
    "ru": frozenset({"ru", "uk", "bg", "sr", "mk", "be", "kk", "ky", "mn", "tg"}),
    "ar": frozenset({"ar", "fa", "ur", "ps", "ku"}),
    "hi": frozenset({"hi", "ne", "mr", "sa"}),
    "zh": frozenset({"zh", "ja", "ko", "yue"}),
    "he": frozenset({"he", "yi"}),
}

_VOICE_TO_FETCH: dict[str, str] = {
    "ar": "ar_JO-kareem-medium",
    "cs": "cs_CZ-jirka-medium",
    "de": "de_DE-thorsten-medium",
    "en": "en_US-joe-medium",
    "es": "es_ES-davefx-medium",
    "fr": "fr_FR-siwis-medium",
    "it": "it_IT-paola-medium",
    "nl": "nl_NL-mls-medium",
    "pl": "pl_PL-darkman-medium",
    "pt": "pt_BR-faber-medium",
    "ru": "ru_RU-irina-medium",
    "uk": "uk_UA-ukrainian_tts-medium",
    "vi": "vi_VN-vais1000-medium",
    "zh": "zh_CN-huayan-medium",
}
"""One voice of each language by its published name. For Vietnamese the one under CC BY 4.0: others there are
non-commercial or of unknown licence."""


def base(language: str) -> str:
    """The language without its country: "en_US" and "en-GB" are "en"."""
    return language.strip().replace("-", "_").split("_")[0].lower()


def looks_like(text: str) -> str | None:
    """The language the letters of `text` give away, None when they don't.

    "vi" when half of the words carry marks and some are only Vietnamese; "en" when nearly all letters are ASCII (which
    German without its umlauts is too: take it as "nothing speaks against English"); for another script the language
    that stands for it ("ru" for all of Cyrillic).
    """
    text = unicodedata.normalize("NFC", text)
    letters = [letter for letter in text if letter.isalpha()]
    if not letters:
        return None
    foreign: dict[str, int] = {}
    for letter in letters:
        script = _script(letter)
        if script:
            foreign[script] = foreign.get(script, 0) + 1
    if sum(foreign.values()) * 2 > len(letters):
        # Japanese is written with many Chinese characters: some kana among them decide.
        return "ja" if "ja" in foreign and max(foreign, key=lambda code: foreign[code]) == "zh" else max(foreign, key=lambda code: foreign[code])
    words = [word for word in text.split() if any(letter.isalpha() for letter in word)]
    marked = sum(any(ord(letter) > 127 and letter.isalpha() for letter in word) for word in words)
    only_vietnamese = sum(any(letter in _VIETNAMESE for letter in word) for word in words)
    # Two words may be the name of somebody in an English story.
    if len(words) >= 3 and marked * 2 >= len(words) and only_vietnamese * 5 >= len(words):
        return "vi"
    if sum(ord(letter) < 128 for letter in letters) * 20 >= len(letters) * 19:
        return "en"
    return None


def contradicts(text: str, language: str) -> str | None:
    """The language that `text` clearly is in when that is not `language`, else None. ASCII contradicts nothing."""
    seen = looks_like(text)
    if seen is None or seen == "en":
        return None
    return None if base(language) in _SAME_SCRIPT.get(seen, frozenset({seen})) | {seen} else seen


def voice_to_fetch(language: str) -> str | None:
    """The published name of a voice that speaks `language`, None when we know none."""
    return _VOICE_TO_FETCH.get(base(language))


def _script(letter: str) -> str:
    point = ord(letter)
    if point < 0x0370:
        return ""
    for first, last, language in _SCRIPTS:
        if first <= point <= last:
            return language
    return ""
