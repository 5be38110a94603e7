"""Every word a person sees, in their language: gettext, one catalogue for core, command line and window.

Write `_("Stories in {folder}").format(folder=folder)`, never `_(f"…")`: an f-string is never translated.
To add or change words: edit the code, run `python3 packaging/dev.py words`, fill `locale/vi/LC_MESSAGES/localstory.po`,
run it again. The tests fail while a Vietnamese line is missing, fuzzy or a copy of the English one.
"""

from __future__ import annotations

import gettext as _gettext
from dataclasses import dataclass
from pathlib import Path

from localstory import system
from localstory.errors import CannotContinue, Size, Word, mark

__all__ = [
    "LANGUAGES", "Told", "_", "duration", "english_of", "fill", "language", "mark", "ngettext", "number", "percent", "size", "system_language", "system_reason",
    "tell", "use_language",
]  # fmt: skip

LANGUAGES = ("en", "vi")
"""The languages the program speaks. A story can be in others: see the voices."""

_LOCALE = Path(__file__).parent / "locale"


# What the C library says of a file that can't be used (errno.h): the only foreign sentences a person meets often.
_SYSTEM_REASONS = frozenset((
    mark("No such file or directory"), mark("Permission denied"), mark("Operation not permitted"), mark("No space left on device"), mark("File exists"),
    mark("Is a directory"), mark("Not a directory"), mark("Directory not empty"), mark("Read-only file system"), mark("File name too long"),
    mark("File too large"), mark("Input/output error"), mark("Disk quota exceeded"), mark("Too many open files"), mark("Device or resource busy"),
    mark("Cannot allocate memory"), mark("Broken pipe"), mark("Invalid argument"), mark("Exec format error"), mark("Too many levels of symbolic links"),
))  # fmt: skip


class _Current:
    translations: _gettext.NullTranslations = _gettext.NullTranslations()
    language: str = "en"
    back: tuple[_gettext.NullTranslations, dict[str, str]] | None = None


def system_language() -> str:
    """The first language of this person's system that we speak, or English."""
    for wanted in system.interface_languages():
        short = wanted.split("_")[0].split("-")[0].lower()
        if short in LANGUAGES:
            return short
    return "en"


def use_language(choice: str = "system") -> str:
    """Speak `choice` ("en", "vi" or "system") from now on, in the whole process; returns the language in use."""
    language = choice if choice in LANGUAGES else system_language()
    _Current.language = language
    _Current.translations = _gettext.translation("localstory", _LOCALE, [language], fallback=True)
    return language


def language() -> str:
    """The language in use, "en" or "vi"."""
    return _Current.language


def _(message: str) -> str:
    """The words for `message` in the language in use. Placeholders stay: format the result."""
    # In a catalogue the empty message is the header.
    return _Current.translations.gettext(message) if message else ""


def english_of(text: str) -> str:
    """The message whose words in the language in use are `text`; "" when that is English or nobody knows.

    Somebody who knows a program in English finds things by their English names. The table is made at the first question.
    """
    translations = _Current.translations
    if _Current.language == "en":
        return ""
    if _Current.back is None or _Current.back[0] is not translations:
        known = getattr(translations, "_catalog", {})
        _Current.back = translations, {there: here for here, there in known.items() if isinstance(here, str)}
    return _Current.back[1].get(text, "")


def ngettext(singular: str, plural: str, count: int) -> str:
    """The words for `count` things, with `{count}` still to be filled."""
    return _Current.translations.ngettext(singular, plural, count)


def number(value: float, decimals: int = 0) -> str:
    """`12,345.6` in English, `12.345,6` in Vietnamese."""
    text = f"{value:,.{decimals}f}"
    if _Current.language == "vi":
        text = text.translate(str.maketrans(",.", ".,"))
    return text


def size(size_bytes: int) -> str:
    """Bytes as a person reads them: GiB with one decimal, MiB and KiB whole."""
    for unit, factor, decimals in (("GiB", 1 << 30, 1), ("MiB", 1 << 20, 0), ("KiB", 1 << 10, 0)):
        if size_bytes >= factor:
            return f"{number(size_bytes / factor, decimals)} {unit}"
    return ngettext("{count} byte", "{count} bytes", size_bytes).format(count=number(size_bytes))


def percent(share: float) -> str:
    """0.5 -> "50 %" ("50%" in Vietnamese)."""
    return _("{number} %").format(number=number(share * 100))


def duration(seconds: float) -> str:
    """A length of time in the largest two units: "8 s", "2 min 5 s", "1 h 20 min"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return _("{seconds} s").format(seconds=whole)
    if whole < 3600:
        return _("{minutes} min {seconds} s").format(minutes=whole // 60, seconds=whole % 60)
    return _("{hours} h {minutes} min").format(hours=whole // 3600, minutes=whole % 3600 // 60)


@dataclass(frozen=True, slots=True)
class Told:
    """An error in the words of the person: what happened, why, what to do. The last two may be empty."""

    title: str
    detail: str
    hint: str


def fill(template: str, values: dict[str, object]) -> str:
    """Translate a marked template and fill it; sizes, marked words and the system's reasons inside are worded too."""
    return _(template).format(**{name: _worded(value) for name, value in values.items()}) if template else ""


def _worded(value: object) -> object:
    match value:
        case Size():
            return size(value.bytes)
        case Word():
            return _(value.message)
        case str():
            return system_reason(value)
        case _:
            return value


def system_reason(reason: OSError | str) -> str:
    """What the system said is wrong with a file, in the language in use; as it is when it is none of the common reasons."""
    text = reason if isinstance(reason, str) else reason.strerror or str(reason)
    return _(text) if text in _SYSTEM_REASONS else text


def tell(error: CannotContinue) -> Told:
    """Word an error in the language in use."""
    return Told(*(fill(part, error.values) for part in (error.title, error.detail, error.hint)))
