"""Jinja in a box: a template that came with a model's file can use little time, little memory, and nothing else.

Why not a process of its own: it would cost each loaded model 25 MB and 0.2 s, and a render through its pipe more than the render.
Instead nothing is there that could be long or large in one call into C: only the methods and filters listed here exist, what they
make is measured before it is made where its size can be known, all that is made is charged to a budget, and between such calls a
watchdog thread can end the template. Templates have no loader (no files), no modules, no attributes that begin with "_".
"""

from __future__ import annotations

import ctypes
import functools
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.visitor
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment

from localstory.engines.text import foreign
from localstory.engines.text.foreign import Foreign, has_foreign, joined, plain

TEMPLATE_LIMIT_CHARS = 128 * 1024
"""The largest published templates have about 30 KiB."""
TIME_LIMIT_SECONDS = 2.0
OUTPUT_LIMIT_CHARS = 4 << 20
"""Beside what people wrote."""
_VALUE_LIMIT = 4 << 20
_BUDGET = 32 << 20
"""Letters and list entries that one render may make, beside a multiple of what people wrote."""
_LARGEST_ARGUMENT = 1_000_000
_LARGEST_FILTER_ARGUMENT = 1_000
_MOST_BITS = 4096
_KEPT_TEMPLATES = 8


class TemplateFailed(Exception):
    """The template has a mistake, refuses this conversation, or wants too much time or memory."""


class _TooSlow(BaseException):
    """Raised inside a running template from outside. A BaseException, so that no template machinery swallows it."""


_TEXT_METHODS = frozenset(
    "strip lstrip rstrip split rsplit splitlines partition rpartition replace startswith endswith upper lower title capitalize swapcase casefold "
    "find rfind index rindex count join format removeprefix removesuffix center ljust rjust zfill "
    "isdigit isalpha isalnum isspace isupper islower isnumeric isdecimal isidentifier istitle isascii".split()
)
_MAPPING_METHODS = frozenset(("get", "items", "keys", "values", "copy"))
_LIST_METHODS = frozenset(("index", "count", "copy"))
_CASES: Mapping[str, Callable[[str], str]] = {
    "upper": str.upper, "lower": str.lower, "title": str.title, "capitalize": str.capitalize, "swapcase": str.swapcase, "casefold": str.casefold,
}  # fmt: skip
_PASSED_ON = (
    "abs attr batch count d default dictsort first float groupby int items last length list map max min random reject rejectattr reverse round "
    "select selectattr slice sort unique"
).split()
"""Jinja's own filters that hand on what they get, or numbers; no text of theirs is new."""


class _GenerationTags(jinja2.ext.Extension):
    """`{% generation %}` marks the assistant's text for training; here it is passed through."""

    tags = {"generation"}  # noqa: RUF012 - the base class declares it so

    def parse(self, parser: jinja2.parser.Parser) -> Any:
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _TildeAsFilter(jinja2.visitor.NodeTransformer):
    """`a ~ b` is compiled to a function that makes plain strings; ours keeps their origin."""

    def visit_Concat(self, node: jinja2.nodes.Concat) -> jinja2.nodes.Filter:
        self.generic_visit(node)
        parts = jinja2.nodes.List(node.nodes, lineno=node.lineno)
        made = jinja2.nodes.Filter(parts, "_join_all", [], [], None, None, lineno=node.lineno)
        assert node.environment is not None
        made.set_environment(node.environment)
        return made


class Sandbox(ImmutableSandboxedEnvironment):
    """One render at a time."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(self) -> None:
        # The optimiser would work out constants such as 'a' * 10**10 while compiling.
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, optimized=False, cache_size=0, finalize=_shown, extensions=[_GenerationTags, jinja2.ext.loopcontrols]
        )
        self._left = 0
        self.concat = self._concat  # type: ignore[method-assign]
        self.globals = {name: self.globals[name] for name in ("range", "dict", "namespace", "cycler", "joiner")}
        self.globals |= {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
        own: dict[str, Callable[..., Any]] = {
            "_join_all": lambda parts: self._concat(_text(part) for part in parts),
            "trim": lambda text, chars=None: foreign.strip(_text(text), chars),
            "upper": lambda text: foreign.recased(_text(text), str.upper),
            "lower": lambda text: foreign.recased(_text(text), str.lower),
            "title": lambda text: foreign.recased(_text(text), str.title),
            "capitalize": lambda text: foreign.recased(_text(text), str.capitalize),
            "replace": lambda text, old, new, count=None: self._replace(_text(text), _text(old), _text(new), -1 if count is None else count),
            "join": self._join_filter,
            "tojson": foreign.to_json,
            "safe": _text,
            "string": _text,
            "format": lambda text, *values, **named: self._percent(_text(text), named or values),
            "indent": self._indent,
            "sum": _sum,
            "wordcount": lambda text: len(plain(_text(text)).split()),
        }
        self.filters = {name: self._charged(FILTERS[name]) for name in _PASSED_ON} | {name: self._charged(one) for name, one in own.items()}
        self._compiled: dict[str, jinja2.Template] = {}
        self._turn = threading.Lock()

    # -- what may be reached ----------------------------------------------------------------------------------------------

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str):
            return attr in _TEXT_METHODS
        if isinstance(obj, Mapping):
            return attr in _MAPPING_METHODS
        if isinstance(obj, list | tuple):
            return attr in _LIST_METHODS
        return super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        if super().wrap_str_format(value) is None:
            return None
        if value.__name__ != "format":
            raise SecurityError("format_map is not offered")
        text: str = value.__self__

        def call(*values: Any, **named: Any) -> str:
            return self._format(text, values, named)

        return call

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:
        for one in (*args, *kwargs.values()):
            if isinstance(one, int) and abs(one) > _LARGEST_ARGUMENT:
                raise TemplateFailed("a number in it is too large")
        owner = getattr(__obj, "__self__", None)
        if isinstance(owner, str):
            kwargs = {name: one for name, one in kwargs.items() if name not in ("_loop_vars", "_block_vars")}  # Jinja's own, for what takes a context
            return __self._charge(__self._text_method(owner, __obj.__name__, args, kwargs))
        return __self._charge(super().call(__context, __obj, *args, **kwargs))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "%" and isinstance(left, str):
            return self._charge(self._percent(left, right))
        if operator == "+" and isinstance(left, str | list | tuple) and isinstance(right, str | list | tuple):
            self._will_make(len(left) + len(right))
        if operator == "*":
            for one, count in ((left, right), (right, left)):
                if isinstance(one, str | list | tuple) and isinstance(count, int):
                    self._will_make(len(one) * max(0, count))
        if isinstance(left, int) and isinstance(right, int):
            size = abs(left).bit_length() * abs(right) if operator == "**" else abs(left).bit_length() + abs(right).bit_length()
            if size > _MOST_BITS:
                raise TemplateFailed("a number in it is too large")
        return super().call_binop(context, operator, left, right)

    # -- texts --------------------------------------------------------------------------------------------------------------

    def _text_method(self, text: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        match name:
            case "strip" | "lstrip" | "rstrip":
                return foreign.strip(text, *args, left=name != "rstrip", right=name != "lstrip")
            case "split" | "rsplit":
                separator = args[0] if args else kwargs.get("sep")
                most = args[1] if len(args) > 1 else kwargs.get("maxsplit", -1)
                return foreign.split(text, separator, most, from_right=name == "rsplit")
            case "splitlines":
                return foreign.splitlines(text, *args, **kwargs)
            case "partition" | "rpartition":
                return foreign.partition(text, *args, from_right=name == "rpartition")
            case "replace":
                return self._replace(text, *args)
            case "join":
                return self._join(text, *args)
            case "removeprefix":
                return text[len(args[0]) :] if text.startswith(args[0]) else text
            case "removesuffix":
                return text[: len(text) - len(args[0])] if args[0] and text.endswith(args[0]) else text
        if name in _CASES:
            return foreign.recased(text, _CASES[name])
        if name not in _TEXT_METHODS:
            raise SecurityError(f"{name} is not offered")
        made = getattr(plain(text), name)(*args, **kwargs)
        return Foreign(made) if isinstance(made, str) and (isinstance(text, Foreign) or has_foreign(args)) else made

    def _replace(self, text: str, old: str, new: str, most: int = -1) -> str:
        times = text.count(old) if old else len(text) + 1
        self._will_make(len(text) + (times if most < 0 else min(times, most)) * len(new))
        return foreign.replace(text, old, new, most)

    def _join(self, separator: str, parts: Any) -> str:
        whole = list(parts)
        self._will_make(sum(len(part) for part in whole if isinstance(part, str)) + len(separator) * len(whole))
        return foreign.joined_by(separator, whole)

    def _join_filter(self, parts: Any, d: str = "", attribute: str | None = None) -> str:
        if attribute is not None:
            parts = [self.getattr(part, attribute) for part in parts]
        return self._join(_text(d), [_text(part) for part in parts])

    def _indent(self, text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
        space = width if isinstance(width, str) else " " * min(max(0, width), 64)
        lines = foreign.splitlines(_text(text))
        self._will_make(len(text) + len(lines) * (len(space) + 1))
        made: list[str] = []
        for number, line in enumerate(lines):
            made += ["\n"] * bool(number) + [space] * bool((number or first) and (line or blank)) + [line]
        return joined(made)

    def _percent(self, text: str, values: Any) -> str:
        if re.search(r"%[^a-zA-Z%]*(\d{4,}|\*)", plain(text)):
            raise TemplateFailed("a format in it is too wide")
        self._will_make(len(text) + sum(len(one) for one in (values if isinstance(values, list | tuple) else [values]) if isinstance(one, str)))
        if isinstance(text, Foreign):
            return Foreign(plain(text) % values)
        return foreign.formatted(lambda given: text % given, values) if has_foreign(values) else text % values

    def _format(self, text: str, values: tuple[Any, ...], named: dict[str, Any]) -> str:
        bare = plain(text)
        # Widths, attributes and items inside a format: no template needs them, and widths can be as large as memory.
        if re.search(r"\{[^{}]*[:.\[{]", bare.replace("{{", "").replace("}}", "")):
            raise TemplateFailed("a format in it has more than names and numbers")
        self._will_make(len(bare) + bare.count("{") * max([len(str(one)) for one in (*values, *named.values())], default=0))
        made = foreign.formatted(lambda given: bare.format(*given[0], **given[1]), (list(values), named))
        return Foreign(made) if isinstance(text, Foreign) else made

    def _concat(self, parts: Any) -> str:
        whole = list(parts)
        self._will_make(sum(map(len, whole)))
        return joined(whole)

    # -- the budget -----------------------------------------------------------------------------------------------------------

    def _will_make(self, size: int) -> None:
        if size > _VALUE_LIMIT + self._own or size > self._left:
            raise TemplateFailed("the template wants too much memory")
        self._left -= size

    def _charge(self, made: Any) -> Any:
        if isinstance(made, str | list | tuple | dict):
            self._left -= len(made)
            if self._left < 0:
                raise TemplateFailed("the template wants too much memory")
        return made

    def _charged(self, work: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(work)
        def call(*args: Any, **kwargs: Any) -> Any:
            for one in (*args, *kwargs.values()):
                if isinstance(one, int) and not isinstance(one, bool) and abs(one) > _LARGEST_FILTER_ARGUMENT and one is not args[0]:
                    raise TemplateFailed("a number in it is too large")
            return self._charge(work(*args, **kwargs))

        return call

    _own = 0

    # -- rendering --------------------------------------------------------------------------------------------------------------

    def compiled(self, template: str) -> jinja2.Template:
        """Ready to run; kept for the next time. Raises what Jinja raises."""
        known = self._compiled.get(template)
        if known is None:
            if len(template) > TEMPLATE_LIMIT_CHARS:
                raise TemplateFailed("the template is larger than 128 KiB")
            tree = _TildeAsFilter().visit(self.parse(template))
            known = jinja2.Template.from_code(self, self.compile(tree), self.globals)
            if len(self._compiled) >= _KEPT_TEMPLATES:
                del self._compiled[next(iter(self._compiled))]
            self._compiled[template] = known
        return known

    def run(self, template: str, values: Mapping[str, Any], *, written_chars: int, seconds: float = TIME_LIMIT_SECONDS) -> str:
        """The template's text, Foreign where people's words are in it. Raises TemplateFailed.

        `written_chars`: how long all that people wrote is together; the limits grow with it.
        """
        try:
            with self._turn, _time_limit(seconds):
                self._own = 2 * written_chars
                self._left = _BUDGET + 64 * written_chars
                pieces: list[str] = []
                length = 0
                for piece in self.compiled(template).generate(values):
                    length += len(piece)
                    if length > OUTPUT_LIMIT_CHARS + 4 * written_chars:
                        raise TemplateFailed("the template writes without end")
                    pieces.append(piece)
                return joined(pieces)
        except _TooSlow:
            raise TemplateFailed("the template takes too long") from None
        except (jinja2.TemplateError, SyntaxError, TypeError, ValueError, LookupError, AttributeError, RecursionError, ArithmeticError, MemoryError) as error:
            raise TemplateFailed((str(error) or type(error).__name__)[:300]) from error


def _shown(value: Any) -> Any:
    """What is written out for a value: a list or an object may hold people's words, and its text is then theirs."""
    plainly = value is None or isinstance(value, str | int | float | jinja2.Undefined)
    return value if plainly else Foreign(str(value))


def _text(value: Any) -> str:
    shown = _shown(value)
    return shown if isinstance(shown, str) else str(shown)


def _sum(values: Any, attribute: Any = None, start: float = 0) -> float:
    if attribute is not None or not isinstance(start, int | float):
        raise TemplateFailed("sum takes numbers only")
    return sum((one for one in values if isinstance(one, int | float)), start)


def _raise_exception(message: object) -> None:
    raise jinja2.TemplateError(plain(str(message)))


def _strftime_now(form: str) -> str:
    if len(form) > 100 or re.search(r"%[^a-zA-Z%]*\d", form):
        raise TemplateFailed("a format of a date in it is too wide")
    return datetime.now().strftime(plain(form))


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Interrupt Python code of this thread after `seconds`."""
    thread = threading.get_ident()
    over = threading.Event()
    began = time.monotonic()
    has_struck: list[bool] = []

    def strike() -> None:
        if over.wait(seconds):
            return
        # Again and again: a blow that lands in a destructor is lost.
        while not over.wait(0.1):
            has_struck.append(True)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_TooSlow))
            if time.monotonic() - began > 10 * seconds:
                return

    watcher = threading.Thread(target=strike, name="template watchdog", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        while True:
            try:
                over.set()
                watcher.join()
                # A blow that fell while we left lands here. Not taken back with a NULL exception: that leaves CPython 3.11's "look up
                # from your work" flag set for ever, and with a tracer or profiler on the program then stands still.
                for _moment in range(100 if has_struck else 0):
                    pass
                break
            except _TooSlow:
                continue
