"""English numbers in words. Pure. American style: "one hundred five", which both sides of the ocean understand."""

from __future__ import annotations

_SMALL = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen",
    "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = ((10**15, "quadrillion"), (10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth", "twelve": "twelfth",
}  # fmt: skip
_PARTS = {2: ("half", "halves"), 4: ("quarter", "quarters")}


def cardinal(number: int) -> str:
    """42 -> "forty-two". From 10^18 on the digits are said one by one: nobody counts that far aloud."""
    if number < 0:
        return f"minus {cardinal(-number)}"
    if number >= 10**18:
        return digits(str(number))
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return _TENS[tens] + (f"-{_SMALL[ones]}" if ones else "")
    for scale, name in _SCALES:
        if number >= scale:
            many, rest = divmod(number, scale)
            return f"{cardinal(many)} {name}" + (f" {cardinal(rest)}" if rest else "")
    raise AssertionError("unreachable")


def ordinal(number: int) -> str:
    """21 -> "twenty-first"."""
    words = cardinal(number)
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    head, last = words[:cut], words[cut:]
    if last in _ORDINALS:
        return head + _ORDINALS[last]
    return head + (last[:-1] + "ieth" if last.endswith("y") else last + "th")


def year(number: int) -> str:
    """1999 -> "nineteen ninety-nine", 1905 -> "nineteen oh five", 2005 -> "two thousand five", 2024 -> "twenty twenty-four"."""
    century, rest = divmod(number, 100)
    if number < 1000 or number > 9999 or (century % 10 == 0 and rest < 10):
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(century)} hundred"
    return f"{cardinal(century)} {f'oh {_SMALL[rest]}' if rest < 10 else cardinal(rest)}"


def decade(number: int) -> str:
    """1990 -> "nineteen nineties", 80 -> "eighties", 2000 -> "two thousands"."""
    words = "hundred" if number == 100 else year(number) if number >= 100 else cardinal(number)
    return words[:-1] + "ies" if words.endswith("y") else words + "s"


def digits(text: str) -> str:
    """ "007" -> "zero zero seven"."""
    return " ".join(_SMALL[int(digit)] for digit in text if digit.isdecimal())


def decimal(text: str) -> str:
    """Digits with or without a point and thousands commas: "1,234.5" -> "one thousand two hundred thirty-four point five"."""
    text = text.replace(",", "")
    whole, point, rest = text.partition(".")
    read_out = len(whole) > 1 and whole.startswith("0")
    said = digits(whole) if read_out else cardinal(int(whole)) if whole else ""
    if point and rest:
        said = f"{said} point {digits(rest)}".strip()
    return said


def fraction(above: int, below: int) -> str:
    """3/4 -> "three quarters", 1/2 -> "one half", 2/3 -> "two thirds"."""
    one, many = _PARTS.get(below, (ordinal(below), ordinal(below) + "s"))
    return f"{cardinal(above)} {one if above == 1 else many}"
