"""JSON schemas as GBNF: every text that the grammar allows is JSON, and satisfies what is held of the schema. Pure.

The converter of llama-cpp-python is not used: it lets line breaks into texts (which is no JSON), breaks names with quotes and emoji,
reads `{}` and lists of types too widely or too narrowly, knows no bounds of numbers, and ends the process with `assert`.

Held: type, const, enum, properties, required, additionalProperties, items, prefixItems, minItems, maxItems, minLength, maxLength,
pattern, formats date, time, date-time and uuid, bounds of whole numbers, $ref within the schema, allOf, anyOf. An object with named
properties has no others unless additionalProperties allows them, and names them in the order of the schema; oneOf is taken as anyOf.
Everything else (not, if, contains, uniqueItems, multipleOf, bounds of fractions, other formats, …) a grammar can't hold: it is left to
the model, and `not_held` names it.

Sources: json-schema.org draft 2020-12 (core, validation) and draft 7 (lists in items, definitions); llama.cpp grammars/README.md for GBNF
and its limited white space.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from localstory.engines.text.json_numbers import LARGEST, whole_between
from localstory.engines.text.json_pattern import MOST_REPEATS, BadSchema, literal, pattern_body

_MOST_NODES = 20_000
_MOST_CHOICES = 512
_NEVER_SO_LONG = 100_000
"""A reply never gets there: a longer limit is none."""

_BUILTIN: Mapping[str, str] = {
    "ws": r'| " " | "\n"{1,2} [ \t]{0,20}',
    "hex": "[0-9a-fA-F]",
    # No control characters, and no half letters (\ud800 to \udfff).
    "char": r'[^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | "u" ([0-9a-cA-CefEF] hex{3} | [dD] [0-7] hex{2}))',
    "string": r'"\"" char* "\""',
    "whole": '"0" | [1-9] [0-9]{0,15}',
    "integer": '"-"? whole',
    "positive": 'whole ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?',
    "number": '"-"? positive',
    "boolean": '"true" | "false"',
    "null": '"null"',
    "value": "object | array | string | number | boolean | null",
    "object": '"{" ws (string ":" ws value ("," ws string ":" ws value)* ws)? "}"',
    "array": '"[" ws (value ("," ws value)* ws)? "]"',
    "date": '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [1-2] [0-9] | "3" [0-1])',
    "time": '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,9})? ("Z" | [+-] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9])',
    "date-time": 'date "T" time',
    "uuid": 'hex{8} "-" hex{4} "-" hex{4} "-" hex{4} "-" hex{12}',
}
_COMMA = '"," ws'
_FORMATS = frozenset(("date", "time", "date-time", "uuid"))
_SAYS_NOTHING = frozenset((
    "title", "description", "default", "example", "examples", "deprecated", "readOnly", "writeOnly", "$schema", "$id", "$comment", "$anchor", "$defs",
    "definitions", "id", "contentMediaType", "contentEncoding", "discriminator",
))  # fmt: skip
_KINDS: Mapping[str, frozenset[str]] = {
    "object": frozenset(("properties", "required", "additionalProperties")),
    "array": frozenset(("items", "prefixItems", "minItems", "maxItems", "additionalItems")),
    "string": frozenset(("pattern", "minLength", "maxLength", "format")),
    "integer": frozenset(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")),
}
_KINDS_OF_NUMBER = _KINDS["integer"]
_COMBINED = frozenset(("allOf", "anyOf", "oneOf", "$ref"))
_HELD = frozenset().union(*_KINDS.values()) | {"type", "const", "enum"} | _COMBINED
_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")


def gbnf_of(schema: str) -> tuple[str, tuple[str, ...]]:
    """(grammar with the rule `root`, what of the schema it does not hold). Raises BadSchema, and ValueError for what is no JSON."""
    try:
        writer = _Writer(json.loads(schema))
        return writer.grammar(), tuple(sorted(writer.not_held))
    except RecursionError as error:
        raise BadSchema("too deep") from error


class _Writer:
    def __init__(self, root: Any) -> None:
        self._root = root
        self._rules: dict[str, str] = {}
        self._refs: dict[str, str] = {}
        self._known: dict[str, str] = {}
        self._nodes = 0
        self.not_held: set[str] = set()

    def grammar(self) -> str:
        body = self._of(self._root)
        used: dict[str, str] = {}
        texts = [body, *self._rules.values()]
        while texts:
            for name in set(texts.pop().replace("(", " ").replace(")", " ").split()):
                name = name.rstrip("*+?").split("{")[0]
                if name in _BUILTIN and name not in used:
                    used[name] = _BUILTIN[name]
                    texts.append(_BUILTIN[name])
        return "".join(f"{name} ::= {rule}\n" for name, rule in {"root": body, **self._rules, **used}.items())

    def _rule(self, body: str) -> str:
        name = f"r{len(self._rules)}"
        self._rules[name] = body
        return name

    def _of(self, schema: Any) -> str:
        """An expression for the values of a schema; it may stand in a sequence."""
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise BadSchema("too large")
        if schema is True:
            return "value"
        if schema is False:
            raise BadSchema("false allows nothing")
        said = _meaning(schema)
        if not said:
            return "value"
        if set(said) == {"$ref"}:
            return self._reference(said["$ref"])
        if not _COMBINED & set(said):
            return self._of_kind(said)
        same = json.dumps(said, sort_keys=True)
        if same not in self._known:
            self._known[same] = self._rule("")  # before its body: it may lead to itself
            if len(said) == 1 and (name := next(iter(said))) != "allOf":
                alternatives = [self._of(one) for one in _list(said, name) if one is not False]  # each keeps its references
            else:
                alternatives = [self._of_kind(one) for one in self._plain(said)]
            if not alternatives:
                raise BadSchema("nothing satisfies all of it")
            self._rules[self._known[same]] = " | ".join(dict.fromkeys(alternatives))
        return self._known[same]

    # -- references and combinations ----------------------------------------------------------------------------------------

    def _reference(self, ref: object) -> str:
        target = self._target(ref)
        name = str(ref)
        if name not in self._refs:
            self._refs[name] = self._rule("")  # before its body: it may lead to itself
            self._rules[self._refs[name]] = self._of(target)
        return self._refs[name]

    def _target(self, ref: object) -> Any:
        """What a reference leads to, which is no mere reference itself."""
        seen: set[str] = set()
        while True:
            if not isinstance(ref, str) or not (ref == "#" or ref.startswith("#/")):
                raise BadSchema(f"$ref {str(ref)[:80]}: only references within the schema are followed")
            if ref in seen:
                raise BadSchema(f"$ref {ref[:80]} leads to itself")
            seen.add(ref)
            target = self._root
            for step in ref.split("/")[1:]:
                step = unquote(step).replace("~1", "/").replace("~0", "~")
                if isinstance(target, dict) and step in target:
                    target = target[step]
                elif isinstance(target, list) and step.isdigit() and int(step) < len(target):
                    target = target[int(step)]
                else:
                    raise BadSchema(f"$ref {ref[:80]} leads nowhere")
            said = _meaning(target) if isinstance(target, dict) else {}
            if set(said) != {"$ref"}:
                return target
            ref = said["$ref"]

    def _plain(self, said: dict[str, Any], depth: int = 0) -> list[dict[str, Any]]:
        """The same without $ref, allOf, anyOf and oneOf: one of these holds."""
        if depth > 64:
            raise BadSchema("references within allOf lead to themselves")
        found = [{name: value for name, value in said.items() if name not in ("$ref", "allOf", "anyOf", "oneOf")}]
        groups: list[list[Any]] = [[self._target(said["$ref"])]] if "$ref" in said else []
        groups += [[one] for one in _list(said, "allOf")]
        groups += [_list(said, name) for name in ("anyOf", "oneOf") if name in said]
        for group in groups:
            choices = [plain for one in group if one is not False for plain in ([{}] if one is True else self._plain(_meaning(one), depth + 1))]
            found = [together for before in found for choice in choices if (together := self._both(before, choice)) is not None]
            if len(found) > _MOST_CHOICES:
                raise BadSchema("too many alternatives")
            if not found:
                raise BadSchema("nothing satisfies all of it")
        return found

    def _both(self, one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any] | None:
        """What satisfies both; None when nothing does."""
        made = dict(one)
        for name, value in other.items():
            if name not in made or made[name] == value:
                made[name] = value
                continue
            mine = made[name]
            match name:
                case "type":
                    types = _common(_types(mine), _types(value))
                    if not types:
                        return None
                    made[name] = types
                case "properties":
                    made[name] = {**mine, **{key: {"allOf": [mine[key], inner]} if key in mine else inner for key, inner in value.items()}}
                case "required":
                    made[name] = [*mine, *value]
                case "enum":
                    made[name] = [kept for kept in mine if kept in value]
                    if not made[name]:
                        return None
                case "additionalProperties":
                    made[name] = False if False in (mine, value) else value if mine is True else mine if value is True else {"allOf": [mine, value]}
                case "items":
                    made[name] = {"allOf": [mine, value]}
                case "minimum" | "exclusiveMinimum" | "minItems" | "minLength":
                    made[name] = max(mine, value)
                case "maximum" | "exclusiveMaximum" | "maxItems" | "maxLength":
                    made[name] = min(mine, value)
                case "const":
                    return None
                case _ if name not in _HELD:
                    pass  # said to be not held, whichever it is
                case _:
                    raise BadSchema(f"two different {name} for one value")
        return made

    # -- kinds of values ------------------------------------------------------------------------------------------------------

    def _of_kind(self, said: dict[str, Any]) -> str:
        self.not_held |= {name for name in said if name not in _HELD and said[name] is not False}
        types = _types(said["type"]) if "type" in said else None
        if "const" in said or "enum" in said:
            values = [said["const"]] if "const" in said else _list(said, "enum")
            values = [value for value in values if (types is None or any(_is(value, kind) for kind in types)) and value in said.get("enum", [value])]
            if not values:
                raise BadSchema("an enum or const that nothing satisfies")
            return self._choice([self._constant(value) for value in values])
        if types is None:
            types = [kind for kind, names in _KINDS.items() if names & set(said)]
            types = ["number" if kind == "integer" else kind for kind in types]
            if not types:
                return "value"
        return self._choice([self._typed(kind, said) for kind in types])

    def _choice(self, alternatives: Sequence[str]) -> str:
        different = list(dict.fromkeys(alternatives))
        return different[0] if len(different) == 1 else f"({' | '.join(different)})"

    def _typed(self, kind: str, said: dict[str, Any]) -> str:
        match kind:
            case "object":
                return self._object(said)
            case "array":
                return self._array(said)
            case "string":
                return self._string(said)
            case "integer":
                low, high = _bounds(said)
                if low is None and high is None:
                    return "integer"
                return self._rule(whole_between(low, high))
            case "number":
                lowest = max((said[name] for name in ("minimum", "exclusiveMinimum") if _is_number(said.get(name))), default=-math.inf)
                self.not_held |= {name for name in _KINDS_OF_NUMBER & set(said) if (name, said[name]) != ("minimum", 0)}
                return "positive" if lowest >= 0 else "number"
        return kind

    def _object(self, said: dict[str, Any]) -> str:
        properties = said.get("properties", {})
        more = said.get("additionalProperties", not properties)
        required = said.get("required", [])
        if not isinstance(properties, dict) or not isinstance(required, list) or not all(isinstance(name, str) for name in required):
            raise BadSchema("properties must be an object, required a list of names")
        if properties or required:
            # A required name without a schema of its own is of the others'.
            wanted = {**properties, **{name: True if more is False else more for name in required if name not in properties}}
            more = said.get("additionalProperties", False)
            return self._named(wanted, set(required), more)
        if more is True:
            return "object"
        if more is False:
            return self._rule('"{" ws "}"')
        pair = f'string ":" ws {self._of(more)}'
        return self._rule(f'"{{" ws ({pair} ({_COMMA} {pair})* ws)? "}}"')

    def _named(self, properties: Mapping[str, Any], required: set[str], more: Any) -> str:
        pairs = [(self._rule(f'{literal(_json(name))} ":" ws {self._of(inner)}'), name in required) for name, inner in properties.items()]
        # From the end: what may follow when something stands before it already, so that each begins with its comma.
        following = ""
        if more is not False:
            pair = self._rule(f'string ":" ws {self._of(more)}')
            following = self._rule(f"({_COMMA} {pair})*")
        firsts: list[str] = [f"{pair} {following}"] if more is not False else []
        may_be_empty = True
        for rule, is_required in reversed(pairs):
            first = f"{rule} {following}".strip()
            firsts = [first] if is_required else [first, *firsts]
            may_be_empty = may_be_empty and not is_required
            following = self._rule(f"{_COMMA} {rule} {following}".strip() if is_required else f"({_COMMA} {rule})? {following}".strip())
        inside = " | ".join(firsts)
        return self._rule(f'"{{" ws ({inside}) ws "}}"' if not may_be_empty else f'"{{" ws (({inside}) ws)? "}}"')

    def _array(self, said: dict[str, Any]) -> str:
        items, first = said.get("items", True), said.get("prefixItems", [])
        if isinstance(items, list):  # draft 7
            first, items = items, said.get("additionalItems", False)
        elif "prefixItems" in said and "items" not in said:
            items = False
        low, high = _count(said, "minItems") or 0, _count(said, "maxItems")
        if not isinstance(first, list):
            raise BadSchema("prefixItems must be a list")
        if high is not None and high < max(low, len(first)):
            raise BadSchema("maxItems is smaller than what must be there")
        if high == 0:
            return self._rule('"[" ws "]"')
        if not first and items is True and (low, high) == (0, None):
            return "array"
        begin = f" {_COMMA} ".join(self._of(one) for one in first)
        if items is False:
            if low > len(first):
                raise BadSchema("minItems is larger than what may be there")
            return self._rule(f'"[" ws {begin} ws "]"' if begin else '"[" ws "]"')
        item = self._of(items)
        next_one = self._rule(f"{_COMMA} {item}")
        if begin:
            low, high = max(0, low - len(first)), None if high is None else high - len(first)
            return self._rule(f'"[" ws {begin} {self._times(next_one, low, high)} ws "]"')
        rest = f"{item} {self._times(next_one, max(0, low - 1), None if high is None else high - 1)} ws"
        return self._rule(f'"[" ws {rest} "]"' if low else f'"[" ws ({rest})? "]"')

    def _string(self, said: dict[str, Any]) -> str:
        low, high = _count(said, "minLength") or 0, _count(said, "maxLength")
        if high is not None and high < low:
            raise BadSchema("maxLength is smaller than minLength")
        if "pattern" in said:
            self.not_held |= {name for name in ("minLength", "maxLength", "format") if name in said}
            return self._rule(f'"\\"" {pattern_body(_text(said["pattern"], "pattern"), "char")} "\\""')
        if "format" in said:
            if said["format"] in _FORMATS:
                return self._rule(f'"\\"" {said["format"]} "\\""')
            self.not_held.add("format")
        if (low, high) == (0, None):
            return "string"
        return self._rule(f'"\\"" {self._times("char", low, high)} "\\""')

    def _times(self, rule: str, low: int, high: int | None) -> str:
        """`rule` so many times. llama.cpp writes a count out, and refuses large ones: those are made of blocks."""
        if low > _NEVER_SO_LONG:
            raise BadSchema(f"at least {low}: no reply is so long")
        if high is not None and high > _NEVER_SO_LONG:
            high = None
        parts: list[str] = []
        block = ""
        if low > MOST_REPEATS or (high is not None and high - low > 2 * MOST_REPEATS):
            block = self._rule(f"{rule}{{{MOST_REPEATS}}}")
        if low > MOST_REPEATS:
            parts.append(f"{block}{{{low // MOST_REPEATS}}}")
            low, high = low % MOST_REPEATS, None if high is None else high - low + low % MOST_REPEATS
        if high is None:
            return " ".join([*parts, f"{rule}{{{low},}}" if low else f"{rule}*"])
        if low:
            parts.append(f"{rule}{{{low}}}")
        spare = high - low
        if spare > 2 * MOST_REPEATS:
            # Any number: some whole blocks, and a rest that is at least a block less one.
            blocks = spare // MOST_REPEATS - 1
            parts.append(f"{block}{{0,{blocks}}}")
            spare -= blocks * MOST_REPEATS
        for part in (min(spare, MOST_REPEATS), max(0, spare - MOST_REPEATS)):
            if part:
                parts.append(f"{rule}{{0,{part}}}")
        return " ".join(parts) or '""'

    def _constant(self, value: Any) -> str:
        match value:
            case dict() if value:
                pairs = f" {_COMMA} ".join(f'{literal(_json(name))} ":" ws {self._constant(inner)}' for name, inner in value.items())
                return f'"{{" ws {pairs} ws "}}"'
            case list() if value:
                return f'"[" ws {f" {_COMMA} ".join(self._constant(one) for one in value)} ws "]"'
            case dict() | list():
                return '"{" ws "}"' if isinstance(value, dict) else '"[" ws "]"'
            case float() if not math.isfinite(value):
                raise BadSchema("a number that JSON can't hold")
        return literal(_json(value))


# -- reading a schema ---------------------------------------------------------------------------------------------------------


def _meaning(schema: Any) -> dict[str, Any]:
    """Without what says nothing of values."""
    if not isinstance(schema, dict):
        raise BadSchema(f"a schema must be an object, not {str(schema)[:40]}")
    return {name: value for name, value in schema.items() if name not in _SAYS_NOTHING}


def _types(value: Any) -> list[str]:
    types = value if isinstance(value, list) else [value]
    if not types or not all(isinstance(one, str) and one in _TYPES for one in types):
        raise BadSchema(f"there is no type {str(value)[:40]}")
    return types


def _common(one: Iterable[str], other: Sequence[str]) -> list[str]:
    return [kind for kind in one if kind in other or (kind == "integer" and "number" in other)] + (
        ["integer"] if "integer" in other and "number" in one and "integer" not in one else []
    )


def _list(said: Mapping[str, Any], name: str) -> list[Any]:
    value = said.get(name, [])
    if not isinstance(value, list) or (name in said and not value):
        raise BadSchema(f"{name} must be a list with something in it")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise BadSchema(f"{name} must be a text")
    return value


def _count(said: Mapping[str, Any], name: str) -> int | None:
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1 or value < 0:
        raise BadSchema(f"{name} must be a whole number")
    return int(value)


def _bounds(said: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """(smallest, largest) whole number; bounds beyond 16 digits are none."""
    low: list[int] = []
    high: list[int] = []
    for name in _KINDS_OF_NUMBER & set(said):
        value = said[name]
        if isinstance(value, bool):  # draft 4: a flag beside the bound
            raise BadSchema(f"{name} must be a number")
        if not _is_number(value):
            raise BadSchema(f"{name} must be a number")
        if not -LARGEST < value < LARGEST:
            continue
        match name:
            case "minimum":
                low.append(math.ceil(value))
            case "exclusiveMinimum":
                low.append(math.floor(value) + 1)
            case "maximum":
                high.append(math.floor(value))
            case _:
                high.append(math.ceil(value) - 1)
    return max(low, default=None), min(high, default=None)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is(value: Any, kind: str) -> bool:
    match kind:
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "string":
            return isinstance(value, str)
        case "boolean":
            return isinstance(value, bool)
        case "null":
            return value is None
        case "integer":
            return _is_number(value) and value == value // 1
    return _is_number(value)


def _json(value: Any) -> str:
    """As JSON writes it: letters as they are, half letters escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return text if text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text) else json.dumps(value)
