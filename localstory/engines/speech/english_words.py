"""The English reading table: abbreviations, units, money, months, names of kings. Data for `english.py`."""

from __future__ import annotations

from localstory.engines.speech.written import words_of

TITLES: dict[str, str] = {
    "mr": "Mister", "mrs": "Missus", "ms": "Miz", "mx": "Mix", "dr": "Doctor", "prof": "Professor", "capt": "Captain", "col": "Colonel",
    "gen": "General", "lt": "Lieutenant", "sgt": "Sergeant", "cpl": "Corporal", "cmdr": "Commander", "adm": "Admiral", "maj": "Major",
    "rev": "Reverend", "hon": "Honorable", "gov": "Governor", "sen": "Senator", "rep": "Representative", "pres": "President", "fr": "Father",
    "messrs": "Messers",
}  # fmt: skip
"""Read so with or without their full stop, when a name follows."""

ABBREVIATIONS: dict[str, str] = {
    "e.g": "for example", "eg": "for example", "i.e": "that is", "ie": "that is", "etc": "et cetera", "vs": "versus", "viz": "namely",
    "cf": "compare", "approx": "approximately", "a.k.a": "also known as", "aka": "also known as", "jr": "Junior", "sr": "Senior",
    "inc": "Incorporated", "ltd": "Limited", "co": "Company", "corp": "Corporation", "bros": "Brothers", "dept": "Department",
    "est": "established", "ave": "Avenue", "blvd": "Boulevard", "rd": "Road", "ln": "Lane", "hwy": "Highway", "mt": "Mount",
    "st": "Saint", "fig": "figure", "figs": "figures", "vol": "volume", "al": "al", "w/o": "without", "w/": "with",
    "jan": "January", "feb": "February", "mar": "March", "apr": "April", "jun": "June", "jul": "July", "aug": "August", "sep": "September",
    "sept": "September", "oct": "October", "nov": "November", "dec": "December", "mon": "Monday", "tue": "Tuesday", "tues": "Tuesday",
    "wed": "Wednesday", "thu": "Thursday", "thur": "Thursday", "thurs": "Thursday", "fri": "Friday", "sat": "Saturday", "sun": "Sunday",
}  # fmt: skip
"""Read so only with a full stop after them or in them ("sun." is Sunday only with a capital; "w/" needs none)."""

NEED_NO_STOP = words_of("e.g i.e eg ie etc vs aka a.k.a w/o w/")
NEED_CAPITAL = words_of("jan mar jun jul aug sep oct nov dec mon tue wed thu fri sat sun co st mt ave rd ln est")
NEVER_AT_THE_END = words_of("mar sun sat wed jun fig al est mon")
"""Full words too: "in the sun." stays."""

BEFORE_NUMBERS: dict[str, str] = {
    "no": "number", "nos": "numbers", "p": "page", "pp": "pages", "ch": "chapter", "fig": "figure", "vol": "volume", "c": "circa", "ca": "circa",
    "sec": "section", "art": "article", "op": "opus",
}  # fmt: skip

MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
MONTH_WORDS: dict[str, str] = {month.lower(): month for month in MONTHS} | {
    short: full for short, full in ABBREVIATIONS.items() if full in MONTHS and short in {month[:3].lower() for month in MONTHS} | {"sept"}
}

UNITS: dict[str, tuple[str, str]] = {
    "km": ("kilometer", "kilometers"), "m": ("meter", "meters"), "cm": ("centimeter", "centimeters"), "mm": ("millimeter", "millimeters"),
    "nm": ("nanometer", "nanometers"), "mi": ("mile", "miles"), "yd": ("yard", "yards"), "yds": ("yard", "yards"), "ft": ("foot", "feet"),
    "kg": ("kilogram", "kilograms"), "g": ("gram", "grams"), "mg": ("milligram", "milligrams"), "t": ("ton", "tons"), "lb": ("pound", "pounds"),
    "lbs": ("pound", "pounds"), "oz": ("ounce", "ounces"), "l": ("liter", "liters"), "ml": ("milliliter", "milliliters"),
    "mph": ("mile per hour", "miles per hour"), "km/h": ("kilometer per hour", "kilometers per hour"), "kmh": ("kilometer per hour", "kilometers per hour"),
    "kph": ("kilometer per hour", "kilometers per hour"), "m/s": ("meter per second", "meters per second"), "h": ("hour", "hours"),
    "hr": ("hour", "hours"), "hrs": ("hour", "hours"), "min": ("minute", "minutes"), "mins": ("minute", "minutes"), "s": ("second", "seconds"),
    "secs": ("second", "seconds"), "ms": ("millisecond", "milliseconds"), "w": ("watt", "watts"), "kw": ("kilowatt", "kilowatts"),
    "v": ("volt", "volts"), "hz": ("hertz", "hertz"), "khz": ("kilohertz", "kilohertz"), "mhz": ("megahertz", "megahertz"),
    "ghz": ("gigahertz", "gigahertz"), "kb": ("kilobyte", "kilobytes"), "mb": ("megabyte", "megabytes"), "gb": ("gigabyte", "gigabytes"),
    "tb": ("terabyte", "terabytes"), "m²": ("square meter", "square meters"), "km²": ("square kilometer", "square kilometers"),
    "m2": ("square meter", "square meters"), "km2": ("square kilometer", "square kilometers"), "m³": ("cubic meter", "cubic meters"),
    "°c": ("degree Celsius", "degrees Celsius"), "°f": ("degree Fahrenheit", "degrees Fahrenheit"), "°": ("degree", "degrees"),
    "℃": ("degree Celsius", "degrees Celsius"), "℉": ("degree Fahrenheit", "degrees Fahrenheit"), "%": ("percent", "percent"),
}  # fmt: skip
"""Unit (lower case) -> one, many. Read so only after a number."""

CURRENCIES: dict[str, tuple[str, str, str, str]] = {
    "$": ("dollar", "dollars", "cent", "cents"), "£": ("pound", "pounds", "penny", "pence"), "€": ("euro", "euros", "cent", "cents"),
    "¥": ("yen", "yen", "", ""), "₫": ("dong", "dong", "", ""), "₹": ("rupee", "rupees", "paisa", "paise"),
}  # fmt: skip
MAGNITUDES: dict[str, str] = {
    "k": "thousand", "m": "million", "mn": "million", "bn": "billion", "b": "billion", "tn": "trillion",
    "hundred": "hundred", "thousand": "thousand", "million": "million", "billion": "billion", "trillion": "trillion",
}  # fmt: skip

SIGNS: dict[str, str] = {
    "&": "and", "@": "at", "+": "plus", "=": "equals", "×": "times", "÷": "divided by", "%": "percent", "°": "degrees", "§": "section", "~": "about",
    "$": "dollars", "£": "pounds", "€": "euros", "/": "slash", "#": "number",
}  # fmt: skip

SPELLED = frozenset(
    [
        "USA",
        "US",
        "UK",
        "EU",
        "UN",
        "UFO",
        "UFOS",
        "FBI",
        "CIA",
        "AI",
        "ID",
        "IQ",
        "TV",
        "CEO",
        "AD",
        "BC",
        "BCE",
        "CE",
        "ATM",
        "IOU",
        "VIP",
        "SUV",
        "ISS",
        "ESA",
        "DIY",
        "ETA",
        "EMI",
        "AKA",
        "RIP",
        "RIA",
        "UAE",
        "PIN_",
        "URL",
        "API",
        "IT_",
        "GPS",
        "HQ",
    ]
)
"""Words in capitals that are said letter by letter although they could be read; without a vowel all are."""

ROMAN_AFTER = words_of("chapter part book volume act scene section phase war canto stage level type appendix episode lesson page verse")
REGNAL = frozenset(
    [
        "louis",
        "henry",
        "charles",
        "george",
        "edward",
        "richard",
        "william",
        "james",
        "elizabeth",
        "mary",
        "john",
        "francis",
        "philip",
        "napoleon",
        "alexander",
        "nicholas",
        "peter",
        "paul",
        "pius",
        "leo",
        "benedict",
        "gregory",
        "frederick",
        "wilhelm",
        "ferdinand",
        "alfonso",
        "christian",
        "gustav",
        "catherine",
        "ivan",
        "ramses",
        "ramesses",
        "otto",
        "victoria",
        "innocent",
        "clement",
        "urban",
        "boniface",
        "juan",
        "carlos",
        "felipe",
        "haakon",
        "olav",
        "harald",
        "robert",
        "david",
        "malcolm",
    ]
)
RULERS = words_of("king queen pope emperor empress tsar czar prince princess pharaoh")

PEOPLE = words_of("people men women children soldiers sheep years days words times steps miles feet meters metres pounds dollars euros")
NOT_PLURALS = words_of("was is as has this its his thus us yes does perhaps always across less")
STREET_BEFORE_NOT = words_of("the a an and to in at of on from near by with")
