"""Chat templates: a conversation becomes the text a model was trained on. Pure but for its clock; used in the child.

What people wrote never meets the template's own text in one string that is tokenised: the template is rendered with
placeholders, and the result is cut into scaffold (may hold control tokens) and content (may not).
"""

from __future__ import annotations

import ctypes
import json
import threading
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import jinja2
import jinja2.ext
import jinja2.meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

if TYPE_CHECKING:
    from collections.abc import Iterator

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
"""What most instruction-tuned models understand; used when a model brings no template or one that fails."""

_TEMPLATE_LIMIT_CHARS = 256 * 1024
_OUTPUT_LIMIT_CHARS = 4 << 20
_TIME_LIMIT_SECONDS = 2.0


class TemplateFailed(Exception):
    """The template has a mistake, refuses this conversation, or takes too long."""


class _TooSlow(BaseException):
    """Raised inside a running template from outside. A BaseException, so that no template machinery swallows it."""


@dataclass(frozen=True, slots=True)
class Part:
    """A run of text to tokenise: the template's own (`scaffold`, control tokens allowed) or a person's (not)."""

    text: str
    scaffold: bool


class _GenerationTags(jinja2.ext.Extension):
    """`{% generation %}` marks the assistant's text for training; here it is passed through."""

    tags = {"generation"}  # noqa: RUF012 - the base class declares it so

    def parse(self, parser: jinja2.parser.Parser) -> Any:
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _tojson(value: Any, ensure_ascii: bool = False, indent: int | None = None, separators: Any = None, sort_keys: bool = False) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise_exception(message: str) -> None:
    raise jinja2.TemplateError(message)


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Interrupt Python code of this thread after `seconds`. A single long call into C is not interrupted."""
    thread = threading.get_ident()
    over = threading.Event()

    def strike() -> None:
        if not over.wait(seconds):
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_TooSlow))

    watcher = threading.Thread(target=strike, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        # If it struck while we left, take the pending blow back.
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), None)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[_GenerationTags, jinja2.ext.loopcontrols])
    environment.filters["tojson"] = _tojson
    return environment


def knows_thinking_switch(template: str) -> bool:
    """Whether the template asks `enable_thinking`, or `thinking` as DeepSeek-V3.1 and Granite call it."""
    if len(template) > _TEMPLATE_LIMIT_CHARS or "thinking" not in template:
        return False
    try:
        names = jinja2.meta.find_undeclared_variables(_environment().parse(template))
    except (jinja2.TemplateError, RecursionError):
        return False
    return not names.isdisjoint({"enable_thinking", "thinking"})


def _render(template: str, messages: Sequence[Mapping[str, str]], bos: str, eos: str, extra: Mapping[str, object]) -> str:
    if len(template) > _TEMPLATE_LIMIT_CHARS:
        raise TemplateFailed("the template is larger than 256 KiB")
    environment = _environment()
    try:
        with _time_limit(_TIME_LIMIT_SECONDS):
            pieces: list[str] = []
            length = 0
            values: dict[str, Any] = {
                **extra,
                "messages": [dict(message) for message in messages],
                "add_generation_prompt": True,
                "bos_token": bos,
                "eos_token": eos,
                "raise_exception": _raise_exception,
                "strftime_now": lambda form: datetime.now().strftime(form),
                "tools": None,
                "documents": None,
            }
            for piece in environment.from_string(template).generate(values):
                length += len(piece)
                if length > _OUTPUT_LIMIT_CHARS:
                    raise TemplateFailed("the template writes without end")
                pieces.append(piece)
            return "".join(pieces)
    except _TooSlow:
        raise TemplateFailed("the template takes too long") from None
    except (jinja2.TemplateError, TypeError, ValueError, KeyError, AttributeError, RecursionError, OverflowError, MemoryError, ZeroDivisionError) as error:
        raise TemplateFailed(str(error) or type(error).__name__) from error


def render(template: str, messages: Sequence[Mapping[str, str]], *, bos: str, eos: str, extra: Mapping[str, object] | None = None) -> list[Part]:
    """The conversation as parts to tokenise, ending where the assistant begins to speak. Raises TemplateFailed.

    `messages` have `role` and `content`. A template that has no place for a system message gets it at the head of the
    first user message. `extra`: variables that some templates know (`enable_thinking`).
    """
    try:
        return _parts(template, messages, bos, eos, extra or {})
    except TemplateFailed:
        if not messages or messages[0]["role"] != "system":
            raise
        return _parts(template, _without_system(messages), bos, eos, extra or {})


def _without_system(messages: Sequence[Mapping[str, str]]) -> list[Mapping[str, str]]:
    system, *rest = messages
    for index, message in enumerate(rest):
        if message["role"] == "user":
            rest[index] = {"role": "user", "content": f"{system['content']}\n\n{message['content']}"}
            return rest
    return [{"role": "user", "content": system["content"]}, *rest]


def _parts(template: str, messages: Sequence[Mapping[str, str]], bos: str, eos: str, extra: Mapping[str, object]) -> list[Part]:
    # Private-use characters frame each placeholder; what people wrote keeps its own private-use characters, because
    # only the rendering of the placeholders is searched.
    marks = [f"\ue0f0{index}\ue0f1" for index in range(len(messages))]
    skeleton = _render(template, [dict(message) | {"content": mark} for message, mark in zip(messages, marks, strict=True)], bos, eos, extra)
    contents = [message["content"] for message in messages]
    # Many templates trim what people wrote. The real rendering tells whether this one does.
    try:
        real = _render(template, messages, bos, eos, extra)
    except TemplateFailed:
        real = ""
    trimmed = [content.strip() for content in contents]
    if real and real == _fill(skeleton, marks, trimmed):
        contents = trimmed
    parts: list[Part] = []
    rest = skeleton
    for mark, content in zip(marks, contents, strict=True):
        before, found, after = rest.partition(mark)
        if not found:
            continue  # the template leaves this message out (an old reasoning block, say)
        parts += [Part(before, True), Part(content, False)]
        rest = after
    parts.append(Part(rest, True))
    return [part for part in parts if part.text]


def _fill(skeleton: str, marks: Sequence[str], contents: Sequence[str]) -> str:
    for mark, content in zip(marks, contents, strict=True):
        skeleton = skeleton.replace(mark, content)
    return skeleton
