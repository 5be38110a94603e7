"""What may stand in a models.toml, and on which line it does not: the strict half of the reader.

tomllib gives the values, a scan of our own the line of each key; a mistake is told with both.
To add a key: its line in one of the tables of rules below, its place in `catalogue.py`, a word at the head of models.toml.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from localstory.errors import CannotContinue, Word, mark
from localstory.models.outline import ARCHITECTURES, Shape, header_from_shape
from localstory.models.toml_lines import Path, lines_of

FORMAT = 1

LICENCES: dict[str, str] = {
    "Apache-2.0": "Apache License 2.0", "MIT": "MIT License", "BSD-3-Clause": "BSD 3-Clause", "CC0-1.0": "CC0 1.0", "CC-BY-4.0": "CC BY 4.0",
    "CC-BY-SA-4.0": "CC BY-SA 4.0", "CC-BY-NC-4.0": "CC BY-NC 4.0", "CC-BY-NC-SA-4.0": "CC BY-NC-SA 4.0", "gemma": "Gemma Terms of Use",
    "llama2": "Llama 2 Community License", "llama3": "Llama 3 Community License", "llama3.1": "Llama 3.1 Community License",
    "llama3.2": "Llama 3.2 Community License", "llama3.3": "Llama 3.3 Community License", "lfm1.0": "LFM Open License 1.0",
    "qwen-research": "Qwen Research License", "bigcode-openrail-m": "BigCode OpenRAIL-M", "bigscience-openrail-m": "BigScience OpenRAIL-M",
    "creativeml-openrail-m": "CreativeML OpenRAIL-M", "openrail++": "OpenRAIL++", "stabilityai-community": "Stability AI Community License",
    "seallms": "SeaLLMs Terms of Use", "public-domain": "Public domain", "jenny-dioco": "Jenny (Dioco) licence", "unknown": "not told",
}  # fmt: skip
"""SPDX names, and the hub's own where SPDX has none -> the licence as people know it."""

LANGUAGES = frozenset((
    "af am ar as az be bg bn bo br bs ca ceb ckb cs cy da de dz el en eo es et eu fa fi fil fo fr fy ga gd gl gu ha he hi hr ht hu hy id ig is it ja jv ka "
    "kk km kn ko ku ky la lb lo lt lv mg mi mk ml mn mr ms mt my nb ne nl nn no oc om or pa pl ps pt ro ru sa sd si sk sl sn so sq sr st su sv sw ta te tg "
    "th ti tk tl tn tr ts tt ug uk ur uz vi wo xh yi yo yue zh zu"
).split())  # fmt: skip
"""Codes of ISO 639-1, and a few of three letters that model cards use."""

PURPOSES = ("chat", "story", "code", "translate", "reason", "vision", "tools")
THINKING = ("never", "optional", "always")
TIERS = ("sketch", "standard", "best", "characters")
PART_ROLES = ("model", "vae", "text_encoder", "decoder", "lora")
VOICE_QUALITIES = ("x_low", "low", "medium", "high")


class BadCatalogue(CannotContinue):
    """A list of models breaks the rules; `line` and `entry` say where."""

    code = "bad_catalogue"

    def __init__(self, file: str, line: int, entry: str, reason: str, **values: object) -> None:
        super().__init__(
            title=mark("There is a mistake in {file}"),
            detail=reason,
            hint=mark("Mend the line, or take it out."),
            file=file,
            line=line,
            entry=entry or Word(mark("the head of the file")),
            **values,
        )
        self.line = line
        self.entry = entry


@dataclass(frozen=True, slots=True)
class _Mistake:
    line: int
    entry: str
    reason: str
    values: Mapping[str, object]


_Check: TypeAlias = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a key's value must be, in words, and the test for it."""

    wanted: str
    fits: _Check
    required: bool = True
    inside: Mapping[str, _Rule] | None = None
    """The rules of the tables in a list of tables."""


# -- kinds of values --------------------------------------------------------------------------------------------------

_REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{1,79}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_REVISION = re.compile(r"[0-9a-f]{7,40}")
_MONTH = re.compile(r"20[12][0-9]-(0[1-9]|1[0-2])")
_DAY = re.compile(r"20[2-9][0-9]-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])")
_QUANTISATION = re.compile(r"[A-Z][A-Z0-9_-]{1,23}")
_IMAGE_SIZE = re.compile(r"[1-9][0-9]{2,3}x[1-9][0-9]{2,3}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _text(required: bool = True) -> _Rule:
    return _Rule(mark("a text"), lambda value: isinstance(value, str) and bool(value.strip()) and "\n" not in value, required)


def _like(form: re.Pattern[str], wanted: str, required: bool = True) -> _Rule:
    return _Rule(wanted, lambda value: isinstance(value, str) and form.fullmatch(value) is not None, required)


def _path_ending(*endings: str) -> _Rule:
    return _Rule(
        mark("the name of a file in the repository"),
        lambda value: isinstance(value, str) and value.lower().endswith(endings) and not value.startswith("/") and ".." not in value and "\\" not in value,
    )


def _whole(lowest: int, highest: int, required: bool = True) -> _Rule:
    return _Rule(mark("a whole number that makes sense here"), lambda value: _is_whole(value) and lowest <= value <= highest, required)


def _number(lowest: float, highest: float, required: bool = True) -> _Rule:
    return _Rule(mark("a number that makes sense here"), lambda value: _is_number(value) and lowest <= value <= highest, required)


def _flag(required: bool = False) -> _Rule:
    return _Rule(mark("true or false"), lambda value: isinstance(value, bool), required)


def _one_of(known: Any, wanted: str, required: bool = True) -> _Rule:
    return _Rule(wanted, lambda value: isinstance(value, str) and value in known, required)


def _texts(fits: _Check, wanted: str) -> _Rule:
    return _Rule(wanted, lambda value: isinstance(value, list) and bool(value) and len({*map(repr, value)}) == len(value) and all(map(fits, value)))


def _tables(inside: Mapping[str, _Rule], required: bool = True) -> _Rule:
    return _Rule(
        mark("a list of tables in braces"),
        lambda value: isinstance(value, list) and bool(value) and all(isinstance(each, dict) for each in value),
        required,
        inside,
    )


def _table(inside: Mapping[str, _Rule]) -> _Rule:
    return _Rule(mark("a table in braces"), lambda value: isinstance(value, dict), False, inside)


_SOURCES = _texts(lambda each: isinstance(each, str) and len(each.strip()) > 3, mark("a list of sources"))
_LICENCE = _one_of(LICENCES, mark("one of the licences that catalogue_rules.py lists"))
_REPO_RULE = _like(_REPO, mark("the repository as owner/name"))
_OWN_REPO = _like(_REPO, mark("the repository as owner/name"), False)
_SHA = _like(_SHA256, mark("64 hexadecimal digits in lower case"), False)
_SIZE = {"size_bytes": _whole(10_000, 2 << 40, False), "size_gb_about": _number(0.01, 2000, False)}
_ID_RULE = _like(_ID, mark("small letters, digits, dots and dashes"))
_MONTH_RULE = _like(_MONTH, mark("a month as 2025-04"))

# -- the rules --------------------------------------------------------------------------------------------------------

_FILE_RULES: dict[str, _Rule] = {
    "file": _path_ending(".gguf"),
    "quantisation": _like(_QUANTISATION, mark("a quantisation such as Q4_K_M")),
    **_SIZE,
    "sha256": _SHA,
    "repo": _OWN_REPO,
    "revision": _like(_REVISION, mark("a commit of the repository"), False),
    "trained_for_it": _flag(),
    "embedding_type": _one_of(("F16", "BF16", "Q8_0", "Q6_K", "Q5_K", "Q4_K", "Q4_0"), mark("a tensor type such as Q8_0"), False),
}
_SCORE_RULES: dict[str, _Rule] = {"value": _number(1, 100), "test": _text(), "source": _text(), "with_thinking": _flag()}

_TEXT_RULES: dict[str, _Rule] = {
    "id": _ID_RULE,
    "title": _text(),
    "family": _text(),
    "repo": _REPO_RULE,
    "licence": _LICENCE,
    "parameters": _whole(10_000_000, 2_000_000_000_000),
    "active_parameters": _whole(10_000_000, 2_000_000_000_000, False),
    "context_length": _whole(512, 20_000_000),
    "languages": _texts(lambda each: isinstance(each, str) and each in LANGUAGES, mark("a list of language codes such as [\"en\", \"vi\"]")),
    "purposes": _texts(lambda each: isinstance(each, str) and each in PURPOSES, mark("a list out of: chat, story, code, translate, reason, vision, tools")),
    "released": _MONTH_RULE,
    "thinking": _one_of(THINKING, mark("never, optional or always")),
    "files": _tables(_FILE_RULES),
    "sources": _SOURCES,
    "score": _table(_SCORE_RULES),
    "shape": _Rule(mark("a table of GGUF's own keys"), lambda value: isinstance(value, dict), False),
    "tokens_per_word": _Rule(
        mark("a table of languages and numbers"),
        lambda value: isinstance(value, dict) and all(key in LANGUAGES and _is_number(each) and 0.5 <= each <= 20 for key, each in value.items()),
        False,
    ),
    "note": _text(False),
}  # fmt: skip

_PART_RULES: dict[str, _Rule] = {
    "role": _one_of(PART_ROLES, mark("model, vae, text_encoder, decoder or lora")),
    "repo": _REPO_RULE,
    "file": _path_ending(".gguf", ".safetensors"),
    **_SIZE,
    "sha256": _SHA,
}
_IMAGE_RULES: dict[str, _Rule] = {
    "id": _ID_RULE,
    "title": _text(),
    "tier": _one_of(TIERS, mark("sketch, standard, best or characters")),
    "licence": _LICENCE,
    "commercial_use": _flag(required=True),
    "steps": _whole(1, 200),
    "sizes": _texts(lambda each: isinstance(each, str) and _IMAGE_SIZE.fullmatch(each) is not None, mark('a list of sizes such as ["512x512"]')),
    "parts": _tables(_PART_RULES),
    "released": _MONTH_RULE,
    "sources": _SOURCES,
    "note": _text(False),
}

_VOICE_RULES: dict[str, _Rule] = {
    "id": _like(re.compile(r"[a-z]{2,3}_[A-Z]{2}-[A-Za-z0-9_]+-(x_low|low|medium|high)"), mark("the voice's name, such as en_US-joe-medium")),
    "title": _text(),
    "language": _one_of(LANGUAGES, mark("a language code such as vi")),
    "repo": _REPO_RULE,
    "file": _path_ending(".onnx"),
    "config_file": _path_ending(".onnx.json"),
    **_SIZE,
    "sha256": _SHA,
    "sample_rate": _whole(8000, 48_000),
    "quality": _one_of(VOICE_QUALITIES, mark("x_low, low, medium or high")),
    "licence": _LICENCE,
    "commercial_use": _flag(required=True),
    "attribution": _text(False),
    "sources": _SOURCES,
    "package": _text(False),
    "note": _text(False),
}

_TOP_RULES: dict[str, _Rule] = {
    "format": _Rule(mark("1, the only format there is"), lambda value: value == FORMAT and _is_whole(value)),
    "checked": _like(_DAY, mark("a day as 2026-11-22"), False),
}
_KINDS: dict[str, dict[str, _Rule]] = {"text": _TEXT_RULES, "image": _IMAGE_RULES, "voice": _VOICE_RULES}

_SHAPE_NUMBERS = frozenset((
    "block_count", "context_length", "embedding_length", "feed_forward_length", "vocab_size", "attention.head_count", "attention.head_count_kv",
    "attention.key_length", "attention.value_length", "attention.key_length_swa", "attention.value_length_swa", "attention.sliding_window",
    "attention.sliding_window_pattern", "attention.shared_kv_layers", "expert_count", "expert_used_count", "expert_feed_forward_length",
    "expert_shared_feed_forward_length", "leading_dense_block_count", "full_attention_interval", "ssm.conv_kernel", "ssm.inner_size", "ssm.state_size",
    "ssm.time_step_rank", "ssm.group_count", "embedding_length_per_layer_input", "rope.dimension_count", "rope_factors", "nextn_predict_layers",
))  # fmt: skip
_SHAPE_MUST = ("architecture", "block_count", "embedding_length", "vocab_size", "attention.head_count")


class Table:
    """A checked table: its keys are known and of their type, so these only fetch; what is missing is empty."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content

    def text(self, key: str) -> str:
        return str(self._content.get(key, "")).strip()

    def texts(self, key: str) -> tuple[str, ...]:
        return tuple(self._content.get(key, ()))

    def whole(self, key: str) -> int:
        return int(self._content.get(key, 0))

    def number(self, key: str) -> float:
        return float(self._content.get(key, 0))

    def flag(self, key: str) -> bool:
        return bool(self._content.get(key, False))

    def tables(self, key: str) -> tuple[Table, ...]:
        value = self._content.get(key, [])
        return tuple(Table(each) for each in (value if isinstance(value, list) else [value]))

    def numbers(self, key: str) -> tuple[tuple[str, float], ...]:
        return tuple((name, float(value)) for name, value in self._content.get(key, {}).items())

    def free(self, key: str) -> Shape | None:
        content = self._content.get(key)
        return None if content is None else {name: tuple(value) if isinstance(value, list) else value for name, value in content.items()}


def checked_tables(text: str, name: str) -> Table:
    """Read `text` and check everything; raises BadCatalogue with the mistake that stands first in the file."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        line = int(found[1]) if found else max(1, text.rstrip("\n").count("\n") + 1)
        raise BadCatalogue(name, line, "", mark("Line {line} is not TOML: {what}."), what=re.sub(r" \(at .*", "", str(error))) from error
    except RecursionError as error:
        raise BadCatalogue(name, 1, "", mark("It is nested too deeply to be a list of models.")) from error
    if any(True for _mistake in _Checker({}).mistakes(content)):
        # The lines are looked up only now: a sound list, the usual case, is read at every start.
        first = min(_Checker(lines_of(text)).mistakes(content), key=lambda mistake: mistake.line)
        raise BadCatalogue(name, first.line, first.entry, first.reason, **first.values)
    return Table(content)


class _Checker:
    def __init__(self, lines: Mapping[Path, int]) -> None:
        self._lines = lines
        self._entry = ""

    def mistakes(self, content: Mapping[str, Any]) -> Iterator[_Mistake]:
        yield from self._keys({key: value for key, value in content.items() if key not in _KINDS}, _TOP_RULES, ())
        for kind, rules in _KINDS.items():
            entries = content.get(kind, [])
            if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
                yield self._mistake((kind,), mark("Line {line}: write [[{kind}]] above each entry."), kind=kind)
                continue
            seen: dict[str, int] = {}
            for index, entry in enumerate(entries):
                path: Path = (kind, index)
                self._entry = str(entry.get("id") or entry.get("title") or "?")
                yield from self._keys(entry, rules, path)
                yield from self._whole_entry(kind, entry, path)
                identity = entry.get("id")
                if isinstance(identity, str) and identity in seen:
                    yield self._mistake((*path, "id"), mark("Line {line}: “{entry}” is there already, on line {first}."), first=seen[identity])
                elif isinstance(identity, str):
                    seen[identity] = self._line((*path, "id"))
                self._entry = ""

    def _line(self, path: Path) -> int:
        while path:
            if path in self._lines:
                return self._lines[path]
            path = path[:-1]
        return 1

    def _mistake(self, path: Path, reason: str, **values: object) -> _Mistake:
        return _Mistake(self._line(path), self._entry, reason, values)

    def _keys(self, table: Mapping[str, Any], rules: Mapping[str, _Rule], path: Path) -> Iterator[_Mistake]:
        unknown = [key for key in table if key not in rules]
        for key in unknown:
            yield self._unknown((*path, key), key, rules)
        for key, value in table.items():
            rule = rules.get(key)
            if rule is None:
                continue
            if not rule.fits(value):
                yield self._mistake((*path, key), mark("Line {line} ({entry}): “{key}” must be {wanted}."), key=key, wanted=Word(rule.wanted))
            elif rule.inside is not None:
                if isinstance(value, list):
                    for index, each in enumerate(value):
                        yield from self._keys(each, rule.inside, (*path, key, index))
                else:
                    yield from self._keys(value, rule.inside, (*path, key))
        for key, rule in rules.items():
            # Beside an unknown key it is most likely that one, mistyped: its line says more.
            if rule.required and key not in table and not unknown:
                yield self._mistake(path, mark("Line {line} ({entry}): the key “{key}” is missing."), key=key)

    def _unknown(self, path: Path, key: str, known: Iterable[str]) -> _Mistake:
        near = difflib.get_close_matches(key, list(known), n=1)
        if near:
            return self._mistake(path, mark("Line {line} ({entry}): the key “{key}” is unknown. Is “{near}” meant?"), key=key, near=near[0])
        return self._mistake(path, mark("Line {line} ({entry}): the key “{key}” is unknown."), key=key)

    def _whole_entry(self, kind: str, entry: Mapping[str, Any], path: Path) -> Iterator[_Mistake]:
        """What only shows when several keys are looked at together."""
        files = {"text": "files", "image": "parts"}.get(kind)
        tables = [(path, entry)] if files is None else [((*path, files, index), each) for index, each in _dicts(entry.get(files))]
        for where, table in tables:
            if ("size_bytes" in table) == ("size_gb_about" in table):
                yield self._mistake(where, mark("Line {line} ({entry}): give either size_bytes or size_gb_about."))
        if kind == "text":
            yield from self._text_entry(entry, path)

    def _text_entry(self, entry: Mapping[str, Any], path: Path) -> Iterator[_Mistake]:
        parameters, active = entry.get("parameters"), entry.get("active_parameters")
        if not _is_whole(parameters) or not parameters or parameters <= 0:
            return
        if _is_whole(active) and active is not None and active > parameters:
            yield self._mistake((*path, "active_parameters"), mark("Line {line} ({entry}): more parameters are active than there are."))
        names: set[tuple[object, object]] = set()
        for index, file in _dicts(entry.get("files")):
            where: Path = (*path, "files", index)
            bits = _file_bytes(file) * 8 / parameters
            if bits and not 1.0 <= bits <= 34.0:
                yield self._mistake(where, mark("Line {line} ({entry}): this size means {bits} bits for each parameter."), bits=round(bits, 2))
            name = (file.get("repo"), file.get("file"))
            if name in names:
                yield self._mistake(where, mark("Line {line} ({entry}): the file is there already."))
            names.add(name)
        if isinstance(entry.get("shape"), dict):
            yield from self._shape(entry["shape"], (*path, "shape"))

    def _shape(self, shape: Mapping[str, Any], path: Path) -> Iterator[_Mistake]:
        sound = True
        for key, value in shape.items():
            if key == "architecture":
                fits, wanted = value in ARCHITECTURES, mark("an architecture that outline.py knows")
            elif key == "tied_embeddings":
                fits, wanted = isinstance(value, bool), mark("true or false")
            elif key in _SHAPE_MUST:
                # Without a layer there is no model; the counts that may differ by layer are judged below.
                fits, wanted = (_is_count(value) and value > 0) or _is_per_layer(value, shape.get("block_count")), mark("a whole number above zero")
            elif key in _SHAPE_NUMBERS:
                fits, wanted = _is_count(value) or _is_per_layer(value, shape.get("block_count")), mark("a whole number, or one for each layer")
            else:
                sound = False
                yield self._unknown((*path, key), key, (*_SHAPE_NUMBERS, "architecture", "tied_embeddings"))
                continue
            if not fits:
                sound = False
                yield self._mistake((*path, key), mark("Line {line} ({entry}): “{key}” must be {wanted}."), key=key, wanted=Word(wanted))
        for key in _SHAPE_MUST:
            if key not in shape and sound:
                sound = False
                yield self._mistake(path, mark("Line {line} ({entry}): the key “{key}” is missing."), key=key)
        if sound and not _makes_a_header(shape):
            yield self._mistake(path, mark("Line {line} ({entry}): no model can be built from this shape."))


def _dicts(value: Any) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, each in enumerate(value if isinstance(value, list) else ()):
        if isinstance(each, dict):
            yield index, each


def _file_bytes(file: Mapping[str, Any]) -> float:
    exact, about = file.get("size_bytes"), file.get("size_gb_about")
    return float(exact) if _is_number(exact) and exact else float(about) * 1e9 if _is_number(about) and about else 0.0


def _is_count(value: Any) -> bool:
    return _is_whole(value) and 0 <= value <= 1 << 32


def _is_per_layer(value: Any, layers: Any) -> bool:
    return isinstance(value, list) and len(value) == layers and all(isinstance(each, int) and 0 <= each <= 1 << 32 for each in value)


def _makes_a_header(shape: Mapping[str, Any]) -> bool:
    if not 0 < shape["block_count"] <= 1000:
        return False
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in shape.items()}
    try:
        return header_from_shape(plain, "Q8_0", 1 << 30) is not None
    except (KeyError, IndexError, ZeroDivisionError, TypeError):
        return False
