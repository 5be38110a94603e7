"""JSON schemas held by the real grammar of llama.cpp, over SmolLM2's own vocabulary; pydantic, which has a mind of its own, is the judge."""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from localstory.children.worker import Refused
from localstory.engines.text.grammar import from_schema
from localstory.engines.text.json_schema import gbnf_of


class Grammar:
    """What a schema's grammar lets through, a token at a time."""

    def __init__(self, vocab: Any, schema: Any) -> None:
        from llama_cpp import llama_cpp as L

        self._L, self._vocab = L, vocab
        self._sampler, self.not_held = from_schema(L, vocab, json.dumps(schema), [])

    def free(self) -> None:
        self._L.llama_sampler_free(self._sampler)

    def allowed(self, tokens: list[int]) -> list[int]:
        """Those of `tokens` that may come next."""
        L = self._L
        row = (L.llama_token_data * len(tokens))(*(L.llama_token_data(token, 0.0, 0.0) for token in tokens))
        array = L.llama_token_data_array(row, len(tokens), -1, False)
        L.llama_sampler_apply(self._sampler, L.ctypes.byref(array))
        return [row[at].id for at in range(array.size) if row[at].logit > -math.inf]

    def takes(self, text: str) -> bool:
        """Whether the whole text may be written, and the reply may end behind it. Leaves the grammar as new."""
        self._L.llama_sampler_reset(self._sampler)
        for token in self._ids(text):
            if not self.allowed([token]):
                return False
            self._L.llama_sampler_accept(self._sampler, token)
        return bool(self.allowed([self._L.llama_vocab_eos(self._vocab)]))

    def walk(self, draw: random.Random, tokens: list[int], most: int = 400) -> str | None:
        """A text written by chance; None when it did not end."""
        L, text = self._L, b""
        L.llama_sampler_reset(self._sampler)
        end = L.llama_vocab_eos(self._vocab)
        for _step in range(most):
            may = self.allowed([*tokens, end])
            assert may, text  # the model would stand before a wall
            # Ends where it may more often than not: random texts would go on and on.
            closing = [one for one in may if one == end or self._bytes(one) in (b'"', b"}", b"]")]
            token = draw.choice(closing if closing and draw.random() < 0.4 else may)
            if token == end:
                return text.decode()
            text += self._bytes(token)
            L.llama_sampler_accept(self._sampler, token)
        return None

    def _ids(self, text: str) -> list[int]:
        raw = text.encode()
        room = (self._L.llama_token * (len(raw) + 8))()
        count = self._L.llama_tokenize(self._vocab, raw, len(raw), room, len(room), False, False)
        assert count >= 0
        return list(room[:count])

    def _bytes(self, token: int) -> bytes:
        room = self._L.ctypes.create_string_buffer(64)
        count = self._L.llama_token_to_piece(self._vocab, token, room, 64, 0, False)
        return bytes(room.raw[:count])


@pytest.fixture(scope="module")
def vocab(smollm2: Path) -> Iterator[Any]:
    from llama_cpp import llama_cpp as L

    params = L.llama_model_default_params()
    params.vocab_only = True
    model = L.llama_model_load_from_file(str(smollm2).encode(), params)
    assert model
    yield L.llama_model_get_vocab(model)
    L.llama_model_free(model)


@pytest.fixture
def grammar(vocab: Any) -> Iterator[Callable[[Any], Grammar]]:
    made: list[Grammar] = []

    def make(schema: Any) -> Grammar:
        made.append(Grammar(vocab, schema))
        return made[-1]

    yield make
    for one in made:
        one.free()


HOSTILE: tuple[Any, ...] = (
    {"type": "nonsense"},
    {"type": {"a": 1}},
    {"type": "string", "pattern": "^(a"},
    {"type": "string", "pattern": "^[a"},
    {"type": "string", "pattern": "(?=a)b"},
    {"type": "string", "pattern": "a{1,1000000}"},
    {"$ref": "#/$defs/gone"},
    {"$ref": "#"},
    {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
    {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}], "type": "string"}}},
    {"anyOf": [{"$ref": "#"}, {"type": "null"}]},
    {"$ref": "https://localhost/schema"},
    {"type": "object", "properties": 5},
    {"type": "array", "items": {"type": "string"}, "minItems": 1.5},
    {"type": "array", "items": {"type": "string"}, "minItems": 10**6},
    {"type": "array", "items": {"type": "string"}, "minItems": 3, "maxItems": 2},
    {"type": "string", "minLength": 10**6},
    {"type": "integer", "minimum": 5, "maximum": 4},
    {"type": "integer", "minimum": "a"},
    {"allOf": [{"type": "string"}, {"type": "null"}]},
    {"allOf": [{"anyOf": [{"const": number + 100 * group} for number in range(60)]} for group in range(3)]},
    {"type": "string", "enum": [5]},
    {"enum": 5},
    {"enum": []},
    {"anyOf": []},
    {"anyOf": [False]},
    {"properties": {"a": False}, "required": ["a"]},
    False,
    [],
    "text",
    None,
)


@pytest.mark.parametrize("schema", HOSTILE, ids=lambda schema: json.dumps(schema)[:40])
def test_a_schema_that_makes_no_sense_is_refused_and_ends_nothing(vocab: Any, schema: Any) -> None:
    """Anything but Refused would end the child, and with it the model."""
    with pytest.raises(Refused) as refused:
        Grammar(vocab, schema)
    assert refused.value.code == "bad_schema"
    assert 0 < len(str(refused.value.values["reason"])) <= 300


def test_schemas_too_deep_and_too_large_are_refused(vocab: Any) -> None:
    from llama_cpp import llama_cpp as L

    deep = '{"items":' * 20_000 + "{}" + "}" * 20_000
    large = json.dumps({"properties": {f"p{number}": {"enum": [f"{number} {other}" for other in range(40)]} for number in range(600)}})
    for text in (deep, large, "{", "", "nonsense"):
        with pytest.raises(Refused):
            from_schema(L, vocab, text, [])


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


EXAMPLES: tuple[tuple[Any, tuple[str, ...], tuple[str, ...]], ...] = (
    (True, ("5", '"a"', "[1, {}]", "null", '{"a": [true]}'), ("", "nul", "'a'", "[1,]", "01")),
    ({"title": "Any"}, ("5", '"a"', "[]"), ("+1",)),
    ({"type": "string"}, ('"a"', '""', '"\\n \\u00e9 \\" \\\\"', '"đ 🌱 漢"'), ('"a', '"a\nb"', '"\\x"', '"\t"', "5", '"\\ud83d"', '"\\ud83c\\udf31"')),
    ({"const": '🌱 "\\\n'}, ('"🌱 \\"\\\\\\n"',), ('"🌱"', '"\\ud83c\\udf31"')),
    (
        {"enum": ["đúng", "sai", 5, None, True, 1.5, [1, "a"], {"k": []}]},
        ('"đúng"', "5", "null", "true", "1.5", '[1, "a"]', '{"k": []}'),
        ('"dung"', "6", "false", "[1]"),
    ),
    (
        {"type": "object", "properties": {'a"b\\c': {"type": "null"}, "🌱 đ": {}}, "required": ['a"b\\c']},
        ('{"a\\"b\\\\c": null}', '{"a\\"b\\\\c":null,"🌱 đ":[]}'),
        ("{}", '{"🌱 đ": 1}'),
    ),
    (
        obj(a={"type": "integer"}, b={"type": "boolean"}),
        ('{"a": 1, "b": true}', '{\n  "a": -10,\n  "b": false\n}'),
        ('{"a": 1}', '{"b": true, "a": 1}', '{"a": 1, "b": true, "c": 2}', '{"a": 1.5, "b": true}', '{"a": 1 "b": true}'),
    ),
    (
        {"properties": {"a": {"type": "null"}, "b": {"type": "null"}, "c": {"type": "null"}}, "required": ["b"]},
        ('{"b": null}', '{"a": null, "b": null}', '{"b": null, "c": null}', '{"a":null,"b":null,"c":null}'),
        ("{}", '{"a": null}', '{"c": null}', '{"b": null,}', '{, "b": null}'),
    ),
    (
        {"properties": {"a": {"type": "null"}, "b": {"type": "null"}}},
        ("{}", '{"a": null}', '{"b": null}', '{"a": null, "b": null}'),
        ('{"c": null}', '{"a": null "b": null}'),
    ),
    (
        {"properties": {"a": {"type": "null"}}, "additionalProperties": {"type": "integer"}},
        ("{}", '{"a": null}', '{"x": 1}', '{"a": null, "x": 1, "y": 2}'),
        ('{"x": "1"}',),
    ),
    ({"type": "object", "additionalProperties": {"type": "integer"}}, ("{}", '{"x": 1}', '{"x": 1, "y": 2}'), ('{"x": null}',)),
    ({"type": "object", "additionalProperties": False}, ("{}",), ('{"x": 1}',)),
    ({"type": "object", "required": ["x"]}, ('{"x": [1]}',), ("{}",)),
    ({"type": "object"}, ("{}", '{"x": {"y": 1}}'), ("[]", "5")),
    ({"type": ["object", "null"], "properties": {"a": {"type": "integer"}}, "required": ["a"]}, ("null", '{"a": 1}'), ("{}", '{"a": null}')),
    ({"type": ["string", "integer"], "maxLength": 2, "minimum": 5}, ('"ab"', "5"), ('"abc"', "4", "null")),
    ({"type": "array", "items": {"type": "integer"}}, ("[]", "[1]", "[1, 2,3]"), ("[1, ]", '["a"]', "[1 2]")),
    (
        {"type": "array", "items": {"type": "null"}, "minItems": 2, "maxItems": 3},
        ("[null, null]", "[null, null, null]"),
        ("[]", "[null]", "[null, null, null, null]"),
    ),
    ({"type": "array", "items": {"type": "null"}, "maxItems": 0}, ("[]",), ("[null]",)),
    ({"type": "array", "minItems": 1}, ("[5]", '["a", {}]'), ("[]",)),
    ({"prefixItems": [{"type": "integer"}, {"type": "string"}]}, ('[1, "a"]',), ('["a", 1]', "[1]", '[1, "a", 2]')),
    ({"items": [{"type": "integer"}, {"type": "string"}]}, ('[1, "a"]',), ("[1]",)),
    ({"prefixItems": [{"type": "integer"}], "items": {"type": "null"}, "maxItems": 3}, ("[1]", "[1, null, null]"), ("[]", "[1, null, null, null]")),
    ({"type": "string", "minLength": 2, "maxLength": 3}, ('"ab"', '"đ🌱"', '"abc"'), ('"a"', '"abcd"')),
    ({"type": "string", "maxLength": 0}, ('""',), ('"a"',)),
    ({"type": "string", "pattern": "^[a-c]+\\d{2}$"}, ('"a12"', '"abc00"'), ('"12"', '"a1"', '"a123"', '"d12"')),
    ({"type": "string", "pattern": "\\d"}, ('"5"', '"a5b"', '"đ5🌱"'), ('"a"', '""')),
    ({"type": "string", "pattern": "^a$|^(?:b|c)?\\.$"}, ('"a"', '"b."', '"."'), ('"b"', '"a."', '"bc."')),
    ({"type": "string", "pattern": '^["\\\\\\n]$'}, ('"\\""', '"\\\\"', '"\\n"'), ('"\n"', '"""', '"n"')),
    ({"type": "string", "pattern": "^[^0-9]$"}, ('"a"', '"🌱"', '"\\""', '"\\t"'), ('"5"', '"""', '"\t"')),
    ({"type": "string", "pattern": "^\\+?[\\d\\s-]{3,5}$"}, ('"+12 "', '"1-2-3"'), ('"12"', '"a12"')),
    ({"type": "string", "pattern": "^\\u0111\\x41.$"}, ('"đA🌱"', '"đA\\""'), ('"đA\\n"', '"dA1"')),
    ({"type": "string", "format": "date"}, ('"2026-11-23"',), ('"2026-13-23"', '"2026-1-2"')),
    ({"type": "string", "format": "date-time"}, ('"2026-11-23T06:00:00Z"', '"2026-11-23T23:59:59.5+07:00"'), ('"2026-11-23T24:00:00Z"', '"2026-11-23"')),
    ({"type": "string", "format": "uuid"}, ('"123e4567-e89b-12d3-a456-426614174000"',), ('"123e4567"',)),
    ({"type": "number", "minimum": 0}, ("0.5", "1e5", "12", "0"), ("-1", ".5", "1.")),
    ({"type": "number"}, ("-0.5", "1E-5", "12"), ("--1", "1e", "01")),
    ({"anyOf": [{"type": "integer"}, {"type": "null"}], "title": "X"}, ("5", "null"), ('"a"',)),
    ({"type": "object", "anyOf": [obj(a={"type": "null"}), obj(b={"type": "null"})]}, ('{"a": null}', '{"b": null}'), ("{}", '{"a": null, "b": null}')),
    (
        {"allOf": [{"properties": {"a": {"type": "integer"}}, "required": ["a"]}, {"properties": {"a": {"minimum": 5}, "b": {"type": "null"}}}]},
        ('{"a": 5}', '{"a": 7, "b": null}'),
        ('{"a": 4}', '{"b": null}'),
    ),
    (
        {
            "$defs": {"n": {"properties": {"v": {"type": "integer"}, "k": {"type": "array", "items": {"$ref": "#/$defs/n"}}}, "required": ["v"]}},
            "$ref": "#/$defs/n",
        },
        ('{"v": 1}', '{"v": 1, "k": [{"v": 2, "k": []}]}'),
        ('{"k": []}', '{"v": 1, "k": [1]}'),
    ),
    (
        {"properties": {"a~b/c": {"type": "null"}, "x": {"$ref": "#/properties/a~0b~1c", "description": "d"}}, "required": ["x"]},
        ('{"x": null}',),
        ('{"x": 1}',),
    ),
    ({"type": "array", "items": {"$ref": "#"}}, ("[]", "[[], [[]]]"), ("[1]",)),
)


@pytest.mark.parametrize(("schema", "good", "bad"), EXAMPLES, ids=lambda value: json.dumps(value)[:50] if not isinstance(value, tuple) else "")
def test_what_satisfies_a_schema_can_be_written_and_nothing_else(
    grammar: Callable[[Any], Grammar], schema: Any, good: tuple[str, ...], bad: tuple[str, ...]
) -> None:
    one = grammar(schema)
    for text in good:
        json.loads(text)
        assert one.takes(text), text
    for text in bad:
        assert not one.takes(text), text


@pytest.mark.parametrize(
    ("low", "high", "inside", "outside"),
    [
        (999, 2500, (999, 1000, 1999, 2000, 2500), (998, 2501)),
        (0, 3456, (0, 1, 3456), (3457,)),
        (2001, 2001, (2001,), (2000, 2002)),
        (1500, 99_000, (1500, 2500, 98_999, 99_000), (1499, 99_001)),
        (3000, None, (3000, 5000), (2999,)),
    ],
)
def test_long_texts_are_counted_to_the_letter(
    grammar: Callable[[Any], Grammar], low: int, high: int | None, inside: tuple[int, ...], outside: tuple[int, ...]
) -> None:
    one = grammar({"type": "string", "minLength": low, **({} if high is None else {"maxLength": high})})
    # As a text of so many letters: 30,000 tokens would take minutes.
    rule = gbnf_of(json.dumps({"type": "string", "minLength": low, **({} if high is None else {"maxLength": high})}))[0]
    expression = as_regular_expression(rule)
    for length in inside:
        assert expression.fullmatch('"' + "a" * length + '"'), length
    for length in outside:
        assert not expression.fullmatch('"' + "a" * length + '"'), length
    if max(inside) <= 3456:
        assert one.takes('"' + "a" * inside[-1] + '"') and not one.takes('"' + "a" * outside[-1] + '"')


def as_regular_expression(grammar: str) -> re.Pattern[str]:
    """Of a grammar of counted letters alone."""
    rules = dict(line.split(" ::= ", 1) for line in grammar.splitlines())

    def written(body: str) -> str:
        return re.sub(r"\br\d+\b", lambda name: f"(?:{written(rules[name[0]])})", body).replace('"\\""', '"').replace("char", "a").replace(" ", "")

    return re.compile(written(rules["root"]))


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_whole_numbers_between_bounds(vocab: Any, data: st.DataObject) -> None:
    edge = st.integers(-1200, 1200) | st.integers(-(10**15), 10**15)
    low, high = sorted((data.draw(edge), data.draw(edge)))
    name_low, name_high = data.draw(st.sampled_from(["minimum", "exclusiveMinimum"])), data.draw(st.sampled_from(["maximum", "exclusiveMaximum"]))
    schema = {"type": "integer", name_low: low - (name_low != "minimum"), name_high: high + (name_high != "maximum")}
    one = Grammar(vocab, schema)
    try:
        near = [low - 1, low, low + 1, high - 1, high, high + 1, (low + high) // 2, 0, low * 10, -high, data.draw(edge)]
        for number in near:
            assert one.takes(str(number)) == (low <= number <= high), number
        assert not one.takes("-0") and not one.takes("00")
    finally:
        one.free()


# -- what is written by chance -----------------------------------------------------------------------------------------------


class Mood(Enum):
    calm = "êm đềm"
    wild = "dữ dội 🌊"
    quoted = 'say "hi"\\'


class Person(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=12)]
    age: Annotated[int, Field(ge=0, lt=130)]
    mood: Mood
    email: str | None = None


class Place(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["place"]
    at: tuple[float, float]
    code: Annotated[str, Field(pattern=r"^[A-Z]{2}-\d{1,3}$")]


class Tale(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str
    people: Annotated[list[Person], Field(min_length=1, max_length=2)]
    where: Place | Person | None
    notes: dict[str, int] = {}
    inner: Tale | None = None
    anything: Any = None


def test_whatever_is_written_by_chance_is_what_pydantic_takes(vocab: Any, grammar: Callable[[Any], Grammar]) -> None:
    one = grammar(Tale.model_json_schema())
    # Single characters, of which every text can be made; of some, their bytes.
    letters = [token for text in [*map(chr, range(32, 127)), *"\nêđềữộ🌊"] for token in one._ids(text)]
    ended = 0
    for seed in range(12):
        text = one.walk(random.Random(seed), letters)
        if text is not None:
            ended += 1
            Tale.model_validate_json(text)
    assert ended >= 4  # the others went on and on


def test_what_a_grammar_cannot_hold_is_named() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "array", "uniqueItems": True}, "b": {"type": "number", "maximum": 3}}, "not": {}, "title": "t"}
    assert gbnf_of(json.dumps(schema))[1] == ("maximum", "not", "uniqueItems")
    assert gbnf_of(json.dumps({"type": "integer", "minimum": 3, "description": "d", "default": 4}))[1] == ()
