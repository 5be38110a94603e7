"""How written English is read aloud. Pure: words taken apart in, what is said for each out.

Rules look at a word and its neighbours; the first that knows what to do answers for one or more words at once.
To add a rule: write `_name(words, at) -> list[str] | None` and put it in `_RULES` (earlier ones win).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from localstory.engines.speech import english_words as table
from localstory.engines.speech.english_numbers import cardinal, decade, decimal, digits, fraction, ordinal, year
from localstory.engines.speech.written import Written

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|\.\d+"
_ROMAN = re.compile(r"^(?=[IVXLC])(?:C{0,3})(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})$")
_VULGAR = {"½": (1, 2), "⅓": (1, 3), "⅔": (2, 3), "¼": (1, 4), "¾": (3, 4), "⅕": (1, 5), "⅛": (1, 8)}


def say(words: list[Written]) -> list[str]:
    """What is said for each of `words`, without closing marks; "" for what is not spoken."""
    said: list[str] = []
    shouting = _all_shout(words)
    while len(said) < len(words):
        at = len(said)
        for rule in _RULES:
            answer = rule(words, at)
            if answer is not None:
                said += answer
                break
        else:
            said.append(_word(words[at].core, shouting))
    return said


# -- dates ------------------------------------------------------------------------------------------------------------


def _year_token(word: Written) -> str | None:
    match = re.fullmatch(r"([12]\d{3})('s)?", word.core)
    return year(int(match.group(1))) + (match.group(2) or "") if match else None


def _day(core: str) -> int | None:
    match = re.fullmatch(r"(\d{1,2})(?:st|nd|rd|th)?", core.lower())
    return int(match.group(1)) if match and 1 <= int(match.group(1)) <= 31 else None


def _month(word: Written) -> str | None:
    name = table.MONTH_WORDS.get(word.low)
    return name if name and word.core[0].isupper() else None


def _date(words: list[Written], at: int) -> list[str] | None:
    core = words[at].core
    if iso := re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", core):
        in_year, month, of_month = (int(part) for part in iso.groups())
        if 1 <= month <= 12 and 1 <= of_month <= 31:
            return [f"{table.MONTHS[month - 1]} {ordinal(of_month)}, {year(in_year)}"]
    if slashed := re.fullmatch(r"(\d{1,2})[/.](\d{1,2})[/.](\d{4}|\d{2})", core):
        return [_slashed_date(*(int(part) for part in slashed.groups()), short=len(slashed.group(3)) == 2)]
    following = words[at + 1] if at + 1 < len(words) else None
    if following is not None and not words[at].ends_clause:
        day = _day(core)
        month_name = _month(following)
        if day is not None and month_name is not None:
            the = "" if at and words[at - 1].low == "the" else "the "
            after = _year_after(words, at + 2)
            return [f"{the}{ordinal(day)} of", month_name, *after]
        month_name = _month(words[at])
        day = _day(following.core)
        if month_name is not None and day is not None:
            return [month_name, ordinal(day), *_year_after(words, at + 2)]
        if month_name is not None and (said := _year_token(following)) is not None:
            return [month_name, said]
    return None


def _year_after(words: list[Written], at: int) -> list[str]:
    said = _year_token(words[at]) if at < len(words) else None
    return [said] if said is not None else []


def _slashed_date(first: int, second: int, last: int, *, short: bool) -> str:
    """A date in figures: which is the day is certain only above twelve, else it is read as it stands."""
    in_words = (f"oh {cardinal(last)}" if last < 10 else cardinal(last)) if short else year(last)
    if 12 < first <= 31 and 1 <= second <= 12:
        return f"the {ordinal(first)} of {table.MONTHS[second - 1]}, {in_words}"
    if 12 < second <= 31 and 1 <= first <= 12:
        return f"{table.MONTHS[first - 1]} {ordinal(second)}, {in_words}"
    return f"{cardinal(first)}, {cardinal(second)}, {in_words}"


def _lone_year(words: list[Written], at: int) -> list[str] | None:
    """A four-digit number is a year unless things are counted: "in 1905", but "1500 soldiers"."""
    core = words[at].core
    if decades := re.fullmatch(r"'?(\d{4}|\d0)'?s", core):
        number = int(decades.group(1))
        return [decade(number)] if number % 10 == 0 else None
    if short := re.fullmatch(r"'(\d\d)", core):
        number = int(short.group(1))
        return [f"oh {cardinal(number)}" if number < 10 else cardinal(number)]
    if not re.fullmatch(r"(1[1-9]|20)\d\d(?:'s)?", core):
        return None
    if at + 1 < len(words) and not words[at].ends_clause:
        low = words[at + 1].low
        if low in table.UNITS or low in table.PEOPLE or low in table.MAGNITUDES:
            return None
        if words[at + 1].core.islower() and low.endswith("s") and low not in table.NOT_PLURALS:
            return None
    return [_year_token(words[at]) or ""]


# -- times ------------------------------------------------------------------------------------------------------------


def _half_of_day(word: str) -> str | None:
    """ "PM" and "a.m": the forms that espeak spells out after a number."""
    plain = word.replace(".", "").lower()
    return {"am": "a m", "pm": "p m"}.get(plain)


def _time(words: list[Written], at: int) -> list[str] | None:
    core = words[at].core
    match = re.fullmatch(r"(\d{1,2})(?:[:.h](\d{2})(?::(\d{2}))?)?\s?([ap]\.?m\.?)?", core, re.IGNORECASE)
    if not match:
        return None
    hour, minute, second, half = match.groups()
    following = words[at + 1] if at + 1 < len(words) and not words[at].ends_clause else None
    half_follows = following is not None and _half_of_day(following.core) is not None and (following.core != "am" or ":" in core or _am_is_time(words, at + 1))
    colon = minute is not None and ":" in core
    if not (half or half_follows or colon) or int(hour) > 24 or int(minute or 0) > 59:
        return None
    said = cardinal(int(hour))
    has_half = bool(half or half_follows)
    if minute is not None:
        if int(minute) == 0:
            said += "" if has_half else " o'clock" if 1 <= int(hour) <= 12 else " hundred"
        else:
            said += f" oh {cardinal(int(minute))}" if int(minute) < 10 else f" {cardinal(int(minute))}"
    if second is not None:
        said += f" and {cardinal(int(second))} {'second' if int(second) == 1 else 'seconds'}"
    if half:
        said += f" {_letters(half)}"
    if half_follows and following is not None:
        return [said, _letters(following.core)]
    if colon and at + 1 < len(words) and words[at + 1].low == "o'clock":
        said = said.removesuffix(" o'clock")
    return [said]


def _am_is_time(words: list[Written], at: int) -> bool:
    """ "at 7 am" is a time; "all 7 am I" would be a verb: nobody writes that."""
    return at + 1 == len(words) or words[at + 1].core[:1].islower() or bool(words[at].after) or words[at + 1].core != "I"


def _score(words: list[Written], at: int) -> list[str] | None:
    match = re.fullmatch(r"(\d+):(\d+)", words[at].core)
    return [f"{cardinal(int(match.group(1)))} to {cardinal(int(match.group(2)))}"] if match else None


# -- money, measures, numbers -----------------------------------------------------------------------------------------


def _money(words: list[Written], at: int) -> list[str] | None:
    core = words[at].core
    signs = "".join(re.escape(sign) for sign in table.CURRENCIES)
    before = re.fullmatch(rf"([-−]?)(?:US|A|C)?([{signs}])({_NUMBER})([a-zA-Z]*)", core)
    after = re.fullmatch(rf"([-−]?)({_NUMBER})([{signs}])", core)
    following = words[at + 1] if at + 1 < len(words) and not words[at].ends_clause else None
    spaced = following is not None and following.core in table.CURRENCIES and re.fullmatch(_NUMBER, core)
    if before:
        minus, sign, amount, suffix = before.groups()
    elif after:
        minus, amount, sign = after.groups()
        suffix = ""
    elif spaced and following is not None:
        return [_amount("", core, following.core), ""]
    else:
        return None
    prefix = "minus " if minus else ""
    if suffix.lower() in table.MAGNITUDES:
        return [f"{prefix}{decimal(amount)} {table.MAGNITUDES[suffix.lower()]} {table.CURRENCIES[sign][1]}"]
    if suffix:
        return None
    if following is not None and following.low in ("hundred", "thousand", "million", "billion", "trillion"):
        return [prefix + decimal(amount), f"{following.low} {table.CURRENCIES[sign][1]}"]
    return [_amount(prefix, amount, sign)]


def _amount(prefix: str, amount: str, sign: str) -> str:
    one, many, cent, cents = table.CURRENCIES[sign]
    whole, _point, rest = amount.replace(",", "").partition(".")
    if cent and len(rest) == 2:
        big, small = int(whole or 0), int(rest)
        parts = [f"{cardinal(big)} {one if big == 1 else many}"] if big or not small else []
        parts += [f"{cardinal(small)} {cent if small == 1 else cents}"] if small else []
        return prefix + " and ".join(parts)
    return f"{prefix}{decimal(amount)} {one if amount == '1' else many}"


def _measure(words: list[Written], at: int) -> list[str] | None:
    """A number with its unit, joined ("5kg") or apart ("5 kg")."""
    core = words[at].core
    joined = re.fullmatch(rf"([-−+±]?)({_NUMBER})-?([a-zA-Z°℃℉%][a-zA-Z/°²³2]*)", core)
    if joined and joined.group(3).lower() in table.UNITS and joined.group(3).lower() not in ("t", "s", "v"):
        sign, amount, unit = joined.groups()
        return [f"{_sign(sign)}{decimal(amount)} {_unit(amount, unit)}"]
    alone = re.fullmatch(rf"([-−+±]?)({_NUMBER})", core)
    if not alone or at + 1 >= len(words) or words[at].ends_clause:
        return None
    following = words[at + 1]
    low = following.low
    if low == "°" and at + 2 < len(words) and words[at + 2].core in ("C", "F"):
        return [_sign(alone.group(1)) + decimal(alone.group(2)), "degrees", {"C": "Celsius", "F": "Fahrenheit"}[words[at + 2].core]]
    if low not in table.UNITS or (following.core.isupper() and len(low) == 1 and low not in "wvl"):
        return None
    return [_sign(alone.group(1)) + decimal(alone.group(2)), _unit(alone.group(2), low)]


def _unit(amount: str, unit: str) -> str:
    one, many = table.UNITS[unit.lower()]
    return one if amount == "1" else many


def _sign(sign: str) -> str:
    return {"": "", "+": "plus ", "±": "plus or minus "}.get(sign, "minus ")


def _numbers(words: list[Written], at: int) -> list[str] | None:
    """Numbers of every other shape."""
    core = words[at].core
    low = words[at].low
    before = words[at - 1] if at else None
    if core in _VULGAR:
        joiner = "and " if before is not None and before.core.isdecimal() else ""
        return [joiner + fraction(*_VULGAR[core])]
    if mixed := re.fullmatch(rf"(\d+)([{''.join(_VULGAR)}])", core):
        return [f"{cardinal(int(mixed.group(1)))} and {fraction(*_VULGAR[mixed.group(2)])}"]
    if nth := re.fullmatch(r"(\d[\d,]*)(?:st|nd|rd|th)(?:-([a-z-]+))?", low):
        return [ordinal(int(nth.group(1).replace(",", ""))) + (f"-{nth.group(2)}" if nth.group(2) else "")]
    if slashed := re.fullmatch(r"(\d{1,3})/(\d{1,4})", core):
        above, below = int(slashed.group(1)), int(slashed.group(2))
        if 0 < above < below <= 100 and below >= 2:
            joiner = "and " if before is not None and before.core.isdecimal() else ""
            return [joiner + fraction(above, below)]
        return [f"{cardinal(above)} {cardinal(below)}"]
    if re.fullmatch(r"\+?\d{1,4}(?:[-.]\d{2,4})+|\(\d{3}\)\d{3}-\d{4}|\d{3,4}\)", core) and _is_phone(core):
        groups = re.findall(r"\d+", core)
        return [("plus " if core.startswith("+") else "") + ", ".join(digits(group) for group in groups)]
    if ranged := re.fullmatch(rf"({_NUMBER})[-–—]({_NUMBER})(%?)", core):
        first, last, percent = ranged.groups()
        years = all(re.fullmatch(r"1[1-9]\d\d|20\d\d", part) for part in (first, last))
        worded = [year(int(part)) if years else decimal(part) for part in (first, last)]
        return [f"{worded[0]} to {worded[1]}{' percent' if percent else ''}"]
    if numbered := re.fullmatch(r"#(\d+)", core):
        return [f"number {cardinal(int(numbered.group(1)))}"]
    if re.fullmatch(r"\d+(?:\.\d+){2,}", core):
        return [" point ".join(cardinal(int(part)) for part in core.split("."))]
    if plain := re.fullmatch(rf"([-−+±~]?)({_NUMBER})('s)?", core):
        sign, number, ending = plain.groups()
        said = "about " if sign == "~" else _sign(sign)
        return [said + decimal(number) + (ending or "")]
    if compound := re.fullmatch(r"(\d[\d,]*)-([A-Za-z][A-Za-z-]*)", core):
        return [f"{decimal(compound.group(1))}-{compound.group(2)}"]
    if times := re.fullmatch(r"(\d+(?:\.\d+)?)[x×](\d*)", low):
        return [f"{decimal(times.group(1))} {'by ' + cardinal(int(times.group(2))) if times.group(2) else 'times'}"]
    if re.search(r"\d", core) and re.search(r"[A-Za-z]", core) and not re.search(r"[@/]|\.\w", core):
        return [_mixed(core)]
    return None


def _is_phone(core: str) -> bool:
    groups = re.findall(r"\d+", core)
    shape = [len(group) for group in groups]
    if shape == [4, 4] or ("." in core and len(groups) < 3):
        return False
    return core.startswith("+") or len(groups) >= 3 or shape == [3, 4]


def _phone(words: list[Written], at: int) -> list[str] | None:
    """A telephone number written in groups: "+44 20 7946 0958", or one long run that starts with 0."""
    core = words[at].core
    if re.fullmatch(r"0\d{6,}", core):
        return [digits(core)]
    if not re.fullmatch(r"\+\d{1,3}", core):
        return None
    count = 1
    while at + count < len(words) and re.fullmatch(r"\(?\d{1,4}\)?(?:-\d{2,4})*", words[at + count].core) and not words[at + count - 1].after:
        count += 1
    if count == 1:
        return None
    return ["plus " + digits(core)] + [digits(word.core) for word in words[at + 1 : at + count]]


def _mixed(core: str) -> str:
    """Letters and figures: "R2D2", "B12", "mp3"."""
    parts = re.findall(r"\d+|[A-Za-z']+|[^\dA-Za-z']+", core)
    said = []
    for part in parts:
        if part.isdecimal():
            said.append(decimal(part))
        elif part.isalpha() and len(part) <= 2:
            said.append(_letters(part))
        elif part.isalpha() or "'" in part:
            said.append(part)
    return " ".join(said)


# -- abbreviations, signs, letters ------------------------------------------------------------------------------------


def _abbreviation(words: list[Written], at: int) -> list[str] | None:
    word = words[at]
    low = word.low
    stop = word.after.startswith(".") and not word.after.startswith("..")
    following = words[at + 1] if at + 1 < len(words) else None
    before = words[at - 1] if at else None
    capital = word.core[:1].isupper()
    if low in table.BEFORE_NUMBERS and (stop or low in ("pp",)) and following is not None and re.match(r"[\d#]", following.core):
        return [table.BEFORE_NUMBERS[low]]
    if low == "p" and stop and following is not None and following.core.lower() == "s":
        return None
    if low in ("st", "dr") and capital and (stop or low == "dr" or following is not None):
        named = before is not None and before.core[:1].isupper() and before.low not in table.STREET_BEFORE_NOT and not before.after
        if named and (following is None or not following.core[:1].isupper() or word.ends_clause):
            return ["Street" if low == "st" else "Drive"]
    if low in table.TITLES and capital and following is not None and (stop or following.core[:1].isupper()):
        return [table.TITLES[low]] if stop or low in ("mr", "mrs", "ms", "dr", "prof") else None
    if low in ("mr", "mrs", "dr", "ms") and capital and stop:
        return [table.TITLES[low]]
    if low in table.ABBREVIATIONS and (stop or low in table.NEED_NO_STOP):
        last = following is None
        if low in table.NEED_CAPITAL and not capital:
            return None
        if last and low in table.NEVER_AT_THE_END and word.after == ".":
            return None
        return [table.ABBREVIATIONS[low]]
    if low == "ph.d":
        return ["P H D"]
    if re.fullmatch(r"(?:[A-Za-z]\.)+[A-Za-z]", word.core):
        return [_letters(word.core)]
    if len(word.core) == 1 and capital and stop and word.core != "I":
        return [_letters(word.core)]
    return None


def _roman(words: list[Written], at: int) -> list[str] | None:
    core = words[at].core
    possessive = core.removesuffix("'s")
    if not at or not _ROMAN.match(possessive):
        return None
    before = words[at - 1]
    if before.ends_clause or not possessive:
        return None
    value = _roman_value(possessive)
    ending = "'s" if core != possessive else ""
    following = words[at + 1] if at + 1 < len(words) else None
    if before.low in table.ROMAN_AFTER and before.core[:1].isupper():
        return [cardinal(value) + ending]
    ruler = at >= 2 and words[at - 2].low in table.RULERS
    if before.core[:1].isupper() and (before.low in table.REGNAL or ruler):
        verb = following is not None and not words[at].after and following.core.islower() and following.low not in ("of", "was", "and", "the", "ruled", "had")
        if possessive == "I" and verb and not ruler:
            return None
        return [f"the {ordinal(value)}{ending}"]
    if len(possessive) >= 2 and before.core[:1].isupper() and possessive not in ("XL", "CC", "CV", "CD", "IX", "CI", "LI", "XI", "MI", "CL"):
        # "Rocky III", "World War II", "Apollo XIII"
        return [cardinal(value) + ending]
    return None


def _roman_value(text: str) -> int:
    values = [{"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}[letter] for letter in text]
    return sum(-value if value < max(values[index:]) else value for index, value in enumerate(values))


def _signs(words: list[Written], at: int) -> list[str] | None:
    word = words[at]
    core = word.core
    if core in table.SIGNS:
        if core in ("#", "~", "=") and len(words) > 1 and at == 0:
            return [""]  # Markdown, not speech
        return [table.SIGNS[core]]
    if not core and word.whole.strip("*_`~#>|=-") == "":
        return [""]
    if match := re.fullmatch(r"(?:https?://)?(?:www\.)?((?:[\w-]+\.)+[A-Za-z]{2,})(/\S*)?", core):
        host, path = match.groups()
        if core.startswith(("http", "www.")) or re.search(r"\.(com|org|net|io|dev|edu|gov|vn|uk|de|fr|app|info)$", host):
            return [_address(host, path or "")]
    if match := re.fullmatch(r"([\w.+-]+)@((?:[\w-]+\.)+\w+)", core):
        return [f"{match.group(1).replace('.', ' dot ')} at {_address(match.group(2), '')}"]
    if match := re.fullmatch(r"([#@])([A-Za-z]\w*)", core):
        return [f"{'hashtag' if match.group(1) == '#' else 'at'} {match.group(2).replace('_', ' ')}"]
    if "/" in core and re.fullmatch(r"[A-Za-z']+(?:/[A-Za-z']+)+", core):
        return [" ".join(core.replace("/", " or ").split())]
    if "&" in core and re.fullmatch(r"[A-Za-z]+&[A-Za-z]+", core):
        left, right = core.split("&")
        return [f"{_letters(left) if left.isupper() else left} and {_letters(right) if right.isupper() else right}"]
    return None


def _address(host: str, path: str) -> str:
    """A web address as a person would say it: without its protocol, and without what follows the first step."""
    step = path.strip("/").split("/")[0].split("?")[0].split("#")[0]
    said = " dot ".join(host.split("."))
    return f"{said} slash {re.sub(r'[^A-Za-z0-9]+', ' ', step)}" if step else said


def _letters(text: str) -> str:
    """Letter by letter. espeak reads a lone "A" as the article, so its name is written out."""
    return " ".join("eh" if letter in "Aa" else letter.upper() for letter in text if letter.isalpha())


def _all_shout(words: list[Written]) -> bool:
    """True when the whole stretch is in capitals (a heading): then capitals mean nothing."""
    cores = [word.core for word in words if sum(letter.isalpha() for letter in word.core) > 1]
    return len(cores) >= 3 and all(core.isupper() for core in cores)


def _word(core: str, shouting: bool) -> str:
    """Everything else: a word."""
    core = _fold(core)
    # Words joined by a dash or dots: two words with a breath between them.
    core = re.sub(r"\s*(?:[—–]|--+)\s*", "; ", core)
    core = re.sub(r"(?<=\w)(?:\.{2,}|…)(?=\w)", ", ", core)
    if stammer := re.fullmatch(r"([A-Za-z]{1,2})-(?:\1-)*(\1\w+)", core, re.IGNORECASE):
        return stammer.group(2)
    return " ".join(_part(part, shouting) for part in core.split())


def _part(part: str, shouting: bool) -> str:
    stem = part.rstrip(";,")
    tail = part[len(stem) :]
    if stem.isupper() and len(stem) > 1:
        plain = stem.removesuffix("'S")
        if not shouting and (plain in table.SPELLED or not re.search(r"[AEIOUY]", plain)) and plain.isalpha() and len(plain) <= 5 and len(set(plain)) > 1:
            return _letters(plain) + tail
        return stem.lower() + tail
    if re.fullmatch(r"[A-Z]{2,4}s", stem) and (stem[:-1] in table.SPELLED or not re.search(r"[AEIOUY]", stem[:-1])):
        return stem + tail
    return part


def _fold(text: str) -> str:
    """Letters that English doesn't know, without their marks: espeak would spell out "Nguyễn". Latin-1 it knows."""
    text = unicodedata.normalize("NFC", text)
    folded = []
    for letter in text.replace("đ", "d").replace("Đ", "D"):
        if ord(letter) > 0xFF and letter.isalpha():
            letter = "".join(part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part))
        folded.append(letter)
    return "".join(folded)


_RULES: tuple[Callable[[list[Written], int], list[str] | None], ...] = (
    _phone, _date, _time, _score, _money, _measure, _roman, _lone_year, _numbers, _abbreviation, _signs,
)  # fmt: skip
