"""Conversations that a template would refuse or spoil, compared with what Jinja itself renders for the legal conversation that they stand for."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import jinja2.ext
import llama_cpp.llama_cpp as L
import pytest
from jinja2.sandbox import ImmutableSandboxedEnvironment

from localstory.engines.text.loaded import LoadedModel, start_engine
from localstory.engines.text.prompt_tokens import Prompts
from localstory.engines.text.template_quirks import START_OF_CHAT
from tests.fakes import chat_templates

TEMPLATES = {
    "gemma": chat_templates.GEMMA,
    "mistral": chat_templates.MISTRAL,
    "llama3": chat_templates.LLAMA3,
    "chatml": chat_templates.CHATML,
    "hermes": chat_templates.HERMES,
    "phi3": chat_templates.PHI3,
    "deepseek": chat_templates.DEEPSEEK,
}
STRICT = {"gemma", "mistral"}


class Vocabulary(LoadedModel):
    """A model of which only the vocabulary is loaded."""

    def __init__(self, path: Path) -> None:
        self.context = None
        self._piece_of: dict[int, bytes] = {}
        params = L.llama_model_default_params()
        params.vocab_only = True
        self.model = L.llama_model_load_from_file(os.fsencode(path), params)
        self.vocab = L.llama_model_get_vocab(self.model)
        self.n_vocab = int(L.llama_vocab_n_tokens(self.vocab))
        self.bos, self.eos = int(L.llama_vocab_bos(self.vocab)), int(L.llama_vocab_eos(self.vocab))
        self.add_bos, self.template = bool(L.llama_vocab_get_add_bos(self.vocab)), None


@pytest.fixture(scope="module")
def prompts(smollm2: Path) -> Iterator[Prompts]:
    start_engine()
    vocabulary = Vocabulary(smollm2)
    yield Prompts(vocabulary)
    vocabulary.free()


def said_by_jinja(template: str, messages: list[dict[str, Any]], prompts: Prompts) -> str:
    """Rendered as the transformers library does: its environment, its `tojson`, and none of our code."""

    def refuse(message: str) -> None:
        raise jinja2.TemplateError(message)

    bare = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols])
    bare.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    bare.globals["raise_exception"] = refuse
    bos, eos = (prompts._loaded.text_of(token) for token in (prompts._loaded.bos, prompts._loaded.eos))
    return bare.from_string(template).render(messages=messages, add_generation_prompt=True, bos_token=bos, eos_token=eos, tools=None)


def ours(name: str, messages: list[dict[str, Any]], prompts: Prompts) -> tuple[str, list[str]]:
    prompts.use_template(TEMPLATES[name])
    assert not prompts.trouble
    turn = prompts._turn(messages, "", (), {})
    assert "template" not in turn.made_with, turn.made_with
    changed = turn.made_with.get("conversation_changed", [])
    assert isinstance(changed, list)
    return turn.marked.text, changed


def talk(*turns: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"role": role, "content": text} for role, text in turns]


KIND, NOTE, ONE, TWO, YES = ("system", "Be kind. 🐉"), ("system", "Note: đêm."), ("user", "One."), ("user", "Hai."), ("assistant", "Yes.")
NOTED, KIND_ONE = ("user", "Note: đêm.\n\nHai."), ("user", "Be kind. 🐉\n\nOne.")
RESULT = {"role": "tool", "content": "30 °C", "name": "weather", "tool_call_id": "abcdefghi"}
ODD: dict[str, tuple[list[dict[str, Any]], dict[str, list[dict[str, Any]]]]] = {
    "the assistant begins": (talk(YES, ONE), dict.fromkeys(STRICT, talk(("user", START_OF_CHAT), YES, ONE))),
    "the assistant begins after the system": (
        talk(KIND, YES, ONE),
        {"gemma": talk(("user", f"Be kind. 🐉\n\n{START_OF_CHAT}"), YES, ONE), "mistral": talk(KIND, ("user", START_OF_CHAT), YES, ONE)},
    ),
    "two of the person": (talk(ONE, TWO), dict.fromkeys(STRICT, talk(("user", "One.\n\nHai.")))),
    "two of the assistant": (talk(ONE, YES, YES, TWO), dict.fromkeys(STRICT, talk(ONE, ("assistant", "Yes.\n\nYes."), TWO))),
    "a system message in the middle": (
        talk(KIND, ONE, YES, NOTE, TWO),
        {"gemma": talk(KIND_ONE, YES, NOTED), "mistral": talk(KIND, ONE, YES, NOTED)},
    ),
    "a system message at the end": (
        talk(ONE, YES, TWO, NOTE),
        dict.fromkeys(STRICT, talk(ONE, YES, ("user", "Hai.\n\nNote: đêm."))),
    ),
    "an empty message of the person": (talk(("user", ""), YES, ONE), {}),
    "an empty message of the assistant": (talk(ONE, ("assistant", ""), TWO), {}),
    "an empty message and another": (talk(("user", ""), ONE), dict.fromkeys(STRICT, talk(ONE))),
    "an answer without a call": (
        [*talk(ONE), RESULT, *talk(TWO)],
        {
            name: talk(("user", "One.\n\nResult of weather: 30 °C\n\nHai."))
            for name in ("gemma", "mistral", "chatml", "phi3", "deepseek")
        },
    ),
    "a call that nobody answered": (
        [*talk(ONE), {"role": "assistant", "content": "", "tool_calls": [{"id": "abcdefghi", "name": "weather", "arguments": '{"a": "đ"}'}]}, *talk(TWO)],
        {
            name: talk(ONE, ("assistant", '{"name": "weather", "arguments": {"a": "đ"}}'), TWO)
            for name in ("gemma", "mistral", "chatml", "phi3", "deepseek")
        },
    ),
}  # fmt: skip
"""What comes, and for templates that don't take it as it is, the conversation it stands for."""


def as_openai(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Calls in the shape that templates expect."""
    made = []
    for message in messages:
        calls = [
            {"id": call["id"], "type": "function", "function": {"name": call["name"], "arguments": json.loads(call["arguments"])}}
            for call in message.get("tool_calls", ())
        ]
        made.append({**message, "tool_calls": calls} if calls else dict(message))
    return made


@pytest.mark.parametrize("name", TEMPLATES, ids=str)
@pytest.mark.parametrize("case", ODD, ids=str)
def test_an_odd_conversation_is_the_legal_one_that_it_stands_for(prompts: Prompts, case: str, name: str) -> None:
    given, legal = ODD[case]
    text, changed = ours(name, given, prompts)
    assert text == said_by_jinja(TEMPLATES[name], as_openai(legal.get(name, given)), prompts)
    assert bool(changed) == (name in legal)


def called(first: str, second: str) -> list[dict[str, Any]]:
    """Two calls and their answers, the second answered first."""
    calls = [{"id": first, "name": "weather", "arguments": '{"city": "Huế"}'}, {"id": second, "name": "clock", "arguments": "{}"}]
    answers = [{"role": "tool", "content": f"{number} giờ", "tool_call_id": one} for number, one in ((9, second), (30, first))]
    return [*talk(ONE), {"role": "assistant", "content": "", "tool_calls": calls}, *answers, *talk(YES, TWO)]


@pytest.mark.parametrize("ids", [("call_wMJxZ0pYTq7sH2", "call_🐉"), ("a", "ab"), ("đđđđđđđđđ", "0123456789"), ("abcdefghi", "call_1")], ids=str)
def test_ids_that_a_template_refuses_are_renamed_and_still_fit_each_other(prompts: Prompts, ids: tuple[str, str]) -> None:
    text, changed = ours("mistral", called(*ids), prompts)
    assert changed == ["tool_ids_shortened"]
    first, second = re.findall(r'"id": "([^"]*)"', text)
    assert all(re.fullmatch("[a-zA-Z0-9]{9}", one) for one in (first, second)) and first != second
    assert ("abcdefghi" in ids) == (first == "abcdefghi")
    assert text == said_by_jinja(chat_templates.MISTRAL, as_openai(called(first, second)), prompts)
    assert ours("mistral", called(*ids), prompts)[0] == text


def test_ids_of_nine_letters_and_those_of_other_templates_stay(prompts: Prompts) -> None:
    assert ours("mistral", called("abcdefghi", "ABC456789"), prompts)[1] == []
    assert ours("hermes", called("call_1", "call_2"), prompts)[1] == []
    prompts.use_template(chat_templates.MISTRAL.replace("c.id | length != 9", "false"))
    assert prompts.can.tool_calls and not prompts.can.short_ids


def test_answers_without_ids_are_those_of_the_calls_in_their_order(prompts: Prompts) -> None:
    given = called("", "")
    text, _changed = ours("mistral", given, prompts)
    named = re.findall(r'"id": "([^"]*)"', text)
    answered = re.findall(r'"content": "([^"]*)", "call_id": "([^"]*)"', text)
    assert answered == [("9 giờ", named[0]), ("30 giờ", named[1])] and named[0] != named[1]
