"""A written word taken apart: what opens it, its core, what closes it. Pure; the tables of the languages work on this."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_OPENING = re.compile(r"^[\"“”„«»(\[{*_~`‘¿¡…]+|^'+(?=[\"“])|^\.{2,}")
_CLOSING = re.compile(r"[\"“”»«)\]}*_~`’',;:.!?…—–。！？，、]+$|--+$")


def words_of(text: str) -> frozenset[str]:
    """The words of a table written as one text."""
    return frozenset(text.split())


_KEPT_APOSTROPHES = words_of("'tis 'twas 'em 'cause 'til 'round 'bout 'n' o' ol' th' goin' nothin' somethin' comin' doin' lookin'")


@dataclass(frozen=True, slots=True)
class Written:
    """`whole` as written (NFC), and the same without the punctuation around it."""

    whole: str
    core: str
    after: str
    """Closing punctuation, in order: `,` `.` `!”` `—` …"""

    @property
    def low(self) -> str:
        """The core in lower case."""
        return self.core.lower()

    @property
    def ends_clause(self) -> bool:
        """True when a mark other than a bracket or quote stands after it: patterns of several words stop here."""
        return any(mark in ",;:!?…—–" for mark in self.after)


def take_apart(word: str) -> Written:
    """The parts of one written word. Emoji and other pictures are taken off."""
    whole = unicodedata.normalize("NFC", word)
    shown = "".join(letter for letter in whole if not _is_picture(letter))
    shown = shown.replace("\u2011", "-").replace("\u2212", "-").replace("\u00ad", "").replace("’", "'").replace("‘", "'")
    core = _OPENING.sub("", shown)
    if core.startswith("'") and core.lower() not in _KEPT_APOSTROPHES and not re.match(r"'\d0s|'\d\d$|'(?:tis|twas|em)\b", core.lower()):
        core = core.lstrip("'")
        core = _OPENING.sub("", core)
    found = _CLOSING.search(core)
    after = ""
    if found:
        cut = found.start()
        if core.lower().rstrip(',;:.!?…—–"”') in _KEPT_APOSTROPHES and core[cut] == "'":
            cut += 1
        after, core = core[cut:], core[:cut]
    if core in ("-", "--", "---"):
        after, core = "—", ""
    return Written(whole, core, after)


def _is_picture(letter: str) -> bool:
    """Emoji, dingbats, arrows, box drawings, private use: nothing that is read aloud. ° % $ + = and their like stay."""
    if letter in "©®™°":
        return letter != "°"
    if unicodedata.category(letter) in ("So", "Cs", "Co", "Cn", "Cc", "Cf", "Sk"):
        return letter not in "^`"
    return 0x1F000 <= ord(letter) <= 0x1FAFF or letter in "\ufe0f\u20e3"
