"""The picture in one or two plain sentences, for those who can't see it. English: it goes into recipes and files, not on screen."""

from __future__ import annotations

from typing import Any

from localstory.engines.image.reading import Brief

PLACES = {
    "meadow": "on a meadow",
    "forest": "in a forest",
    "jungle": "in a jungle",
    "mountains": "in the mountains",
    "village": "in a village",
    "town": "in a town",
    "market": "at a market",
    "castle": "before a castle",
    "sea": "on the sea",
    "beach": "on a beach",
    "island": "on an island",
    "underwater": "under water",
    "river": "by a river",
    "lake": "by a lake",
    "desert": "in a desert",
    "snow land": "in a land of snow",
    "cave": "in a cave",
    "garden": "in a garden",
    "farm": "on a farm",
    "space": "in space",
    "moon": "on the moon",
    "sky": "up in the sky",
    "road": "on a road",
    "bedroom": "in a bedroom",
    "kitchen": "in a kitchen",
    "living room": "in a living room",
    "school": "in a classroom",
    "library": "in a library",
    "workshop": "in a workshop",
}
_TIMES = {"night": "at night", "evening": "in the evening", "dawn": "at dawn", "morning": "in the morning", "day": "by day"}
_WEATHERS = {
    "rain": "It rains.",
    "storm": "There is a thunderstorm.",
    "snow": "It snows.",
    "fog": "There is fog.",
    "wind": "The wind blows.",
    "rainbow": "There is a rainbow in the sky.",
    "clouds": "The sky is cloudy.",
    "clear": "",
}
_DOING = {
    "stand": "stands",
    "walk": "walks",
    "run": "runs",
    "sit": "sits",
    "sleep": "sleeps",
    "fly": "flies",
    "swim": "swims",
    "jump": "jumps",
    "wave": "waves",
    "hold": "holds something",
    "read": "reads",
}


def a(noun: str) -> str:
    """The noun with its article."""
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def describe(brief: Brief, figures: list[dict[str, Any]], props: list[dict[str, Any]]) -> str:
    """One sentence for who does what where and when, one for the things, one for the weather."""
    where, when = PLACES[brief.setting], _TIMES[brief.time]
    people: list[str] = []
    for figure in figures:
        kind = "round friendly creature" if not figure["known"] else figure["kind"]
        who = f"{figure['name']} the {kind}" if figure["name"] else a(kind)
        people.append(f"{who} {_DOING.get(figure['pose'], 'stands')}")
    start = f"{_and(people)} {where} {when}." if people else f"A view {where} {when}."
    things = sorted({prop["kind"] for prop in props})
    parts = [
        start[0].upper() + start[1:],
        f"There {'is' if len(things) == 1 else 'are'} {_and([a(thing) for thing in things])}." if things else "",
        "" if brief.indoors else _WEATHERS[brief.weather],
    ]
    return " ".join(part for part in parts if part)


def _and(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
