"""What a model is asked: a page to go on with (very small models), or a plan and scenes through the chat template. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from localstory.context import Item
from localstory.engines.base import Message
from localstory.story.bible import Bible, Character, clean_idea, make_bible, nouns_of
from localstory.story.openers import Opener

CHAT_PARAMETERS = 3_000_000_000
"""From this size on, models follow instructions well enough to plan in JSON and write scenes on request."""

_LANGUAGES = {"en": "English", "vi": "Vietnamese"}


KIND = "A short story for little children, told in simple words."
BIBLE_TOKENS, PLAN_TOKENS = 800, 1600
"""The most that characters and places, and the plan, take of a model's context: a long plan must not push out the story."""


def page(bible: Bible, told: Sequence[str], opener: Opener) -> list[Item]:
    """A story page that ends where the model is to go on: title, what is told so far, and the opener of the next scene.

    For `context.assemble` with `page=True`, which joins them to one text. Where it gets too long, the oldest scenes go.
    """
    return [
        Item("system", bible.title, "user", "title", pinned=True),
        Item("system", KIND, "user", "kind", pinned=True),
        *_told(told),
        Item("draft", f"{opener.sentence} {opener.lead}", "user", "opener"),
    ]


def _told(told: Sequence[str]) -> list[Item]:
    return [Item("memory", text, "user", f"scene {number}", order=number, trim="start") for number, text in enumerate(told, 1)]


def plan_messages(idea: str, scenes: int, language: str) -> tuple[Message, ...]:
    """Ask for the plan of a story."""
    return (
        Message("system", "You plan short picture stories for children. You answer with one JSON object and nothing else."),
        Message(
            "user",
            f"The idea: {clean_idea(idea)}\n\nPlan a story of exactly {scenes} scenes in {_LANGUAGES.get(language, language)}. Keep every person, animal, place and thing of the "
            "idea. Give each character a name, a kind (one English noun such as girl, fox, dragon), a pronoun (he, she, it or they), a look in a few words that can be "
            "drawn, and two colours as #rrggbb. Each scene is one sentence that says what happens. The last scene ends the story well.",
        ),
    )


def plan_schema(scenes: int) -> str:
    """The JSON schema of the plan."""
    text = {"type": "string", "maxLength": 300}
    character = {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 40},
            "kind": {"type": "string", "maxLength": 30},
            "pronoun": {"enum": ["he", "she", "it", "they"]},
            "look": text,
            "colours": {"type": "array", "items": {"type": "string", "maxLength": 7}, "maxItems": 3},
        },
        "required": ["name", "kind", "pronoun", "look", "colours"],
    }
    return json.dumps(
        {
            "type": "object",
            "properties": {
                "title": {"type": "string", "maxLength": 80},
                "place": {"type": "string", "maxLength": 80},
                "characters": {"type": "array", "items": character, "minItems": 1, "maxItems": 4},
                "scenes": {"type": "array", "items": text, "minItems": scenes, "maxItems": scenes},
            },
            "required": ["title", "place", "characters", "scenes"],
        }
    )


def read_plan(answer: str, idea: str, scenes: int, *, seed: int, language: str) -> tuple[Bible, list[str]] | None:
    """The bible and one beat a scene from a model's answer; None when it is not a plan or lost something of the idea."""
    try:
        table: Any = json.loads(answer[answer.index("{") : answer.rindex("}") + 1])
        characters = tuple(
            Character(
                name=str(one["name"]).strip(), kind=str(one["kind"]).strip().lower(), phrase=str(one["kind"]).strip(), pronoun=str(one["pronoun"]),
                look=str(one["look"]), colours=tuple(str(colour) for colour in one["colours"] if _is_colour(str(colour))),
            )
            for one in table["characters"]
        )  # fmt: skip
        beats = [str(beat).strip() for beat in table["scenes"]]
        title, place = str(table["title"]).strip(), str(table["place"]).strip()
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if len(beats) != scenes or not all(beats) or not title or not characters or not all(one.name and one.kind for one in characters):
        return None
    said = json.dumps(table, ensure_ascii=False).lower()
    if language == "en" and any(noun.lower() not in said for noun in nouns_of(idea)):
        return None
    base = make_bible(idea, seed=seed, language=language)
    return Bible(
        idea=base.idea, title=title, characters=characters, place=place, event=base.event, things=base.things, language=language, written_by="model"
    ), beats


def _is_colour(text: str) -> bool:
    return len(text) == 7 and text[0] == "#" and all(char in "0123456789abcdefABCDEF" for char in text[1:])


def scene(bible: Bible, beats: Sequence[str], number: int, told: Sequence[str], at_most: int) -> list[Item]:
    """Ask for the text of one scene (`number` from 0). For `context.assemble` with `strict=True`: one message of each role."""
    cast = "; ".join(f"{one.name}, {one.kind} ({one.pronoun}), {one.look}".rstrip(", ") for one in bible.characters)
    plan = "\n".join(f"{index + 1}. {beat}" for index, beat in enumerate(beats))
    about = f"Title: {bible.title}\nLanguage: {_LANGUAGES.get(bible.language, bible.language)}\nPlace: {bible.place}\nCharacters: {cast}"
    wish = f"Write scene {number + 1} ({beats[number]}) in two to four sentences, at most {at_most} words. Do not repeat what was told. No title, no comment."
    rules = "You tell stories to children: simple words, short sentences, past tense, no violence. You write only the story's text."
    return [
        Item("system", rules, id="rules", pinned=True),
        Item("persona", about, "user", "bible", order=1001, budget=BIBLE_TOKENS, trim="end"),
        Item("document", f"Scenes:\n{plan}", "user", "plan", order=1000, budget=PLAN_TOKENS, trim="end"),
        Item("memory", "Told so far:" if told else "Told so far:\n(nothing yet)", "user", "told", pinned=True),
        *_told(told),
        Item("draft", wish, "user", "wish"),
    ]
