"""Jinja in a box: a template that came with a model's file can use little time, little memory, and nothing else.

Why not a process of its own: it would cost each loaded model 13 MB and 0.3 s (measured with CPython 3.11). Instead nothing is there
that could be long or large in one call into C: only the methods and filters listed here exist, what they make is measured before it is
made where its size can be known, all that is made is charged to a budget, no value can be larger than can be walked, compared or
printed (`_size`), and between such calls a watchdog thread can end the template. Templates have no loader (no files), no modules, no
attributes that begin with "_". All this, with the origin of each letter, costs about a millisecond a render: 101 messages of 300 letters
take 1.3 to 2.8 ms in the families' manners, where Jinja alone takes 0.04 to 1.3.
"""

from __future__ import annotations

import ctypes
import functools
import re
import threading
import time
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from sys import getsizeof
from typing import Any

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from localstory.engines.text import foreign
from localstory.engines.text.foreign import Foreign, has_foreign, joined, plain
from localstory.engines.text.template_nodes import GenerationTags, Measured
from localstory.engines.text.template_nodes import TemplateFailed as TemplateFailed

TEMPLATE_LIMIT_CHARS = 128 * 1024
"""The largest published templates have about 30 KiB."""
TIME_LIMIT_SECONDS = 2.0
OUTPUT_LIMIT_CHARS = 4 << 20
"""Beside what people wrote."""
_VALUE_LIMIT = 4 << 20
_BUDGET_BYTES = 96 << 20
"""That one render may make in all, beside a multiple of what people wrote."""
_ENTRY = 8
"""What an entry of a list counts beside its letters."""
_SMALL_TEXT_BYTES = 160
"""A text of one letter that keeps its origin, and its place in a list: 142 bytes with CPython 3.11."""
_NOTE_BYTES = 256
"""To remember how large a list is."""
_DEEPEST = 200
_LARGEST_ARGUMENT = 1_000_000
_LARGEST_FILTER_ARGUMENT = 1_000
_LARGEST_INDENT = 16
_LARGEST_SET = 256
_MOST_STEPS = 100_000_000
_LARGEST_WIDTH = 999
_PLACE = re.compile(r"%(?:\([\w .-]*\))?[-+ #0]{0,5}\d{0,3}(?:\.\d{0,3})?[a-zA-Z]|%%")
_LINE_ENDS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
_CONTAINERS = (list, tuple, dict, KeysView, ValuesView, ItemsView)
_MOST_BITS = 4096
_KEPT_TEMPLATES = 8


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
_LISTING = frozenset("batch dictsort groupby items list map max min random reject rejectattr reverse select selectattr slice sort unique".split())
"""Those that may make a list of the letters of a text."""
_COUNTING = frozenset(("batch", "slice", "round"))
_NUMBERS = frozenset(("int", "float"))


class Sandbox(ImmutableSandboxedEnvironment):
    """One render at a time."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "%", "**"))

    def __init__(self) -> None:
        # The optimiser would work out constants such as 'a' * 10**10 while compiling.
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, optimized=False, cache_size=0, finalize=self._shown, extensions=[GenerationTags, jinja2.ext.loopcontrols]
        )
        self._left = 0
        self._own = 0
        self._sizes: dict[int, tuple[object, int, int]] = {}
        self.concat = self._written  # type: ignore[method-assign]
        self.globals = {name: self.globals[name] for name in ("range", "dict", "namespace", "cycler", "joiner")}
        self.globals |= {"raise_exception": self._raise_exception, "strftime_now": _strftime_now}
        own: dict[str, Callable[..., Any]] = {
            "_join_all": lambda parts: self._concat(self._text(part) for part in parts),
            "_made": lambda value: value,
            "_part": self._part,
            "_few": _few,
            "trim": lambda text, chars=None: self._text_method(self._text(text), "strip", (chars,), {}),
            "upper": lambda text: foreign.recased(self._text(text), str.upper),
            "lower": lambda text: foreign.recased(self._text(text), str.lower),
            "title": lambda text: foreign.recased(self._text(text), str.title),
            "capitalize": lambda text: foreign.recased(self._text(text), str.capitalize),
            "replace": lambda text, old, new, count=None: self._replace(self._text(text), self._text(old), self._text(new), -1 if count is None else count),
            "join": self._join_filter,
            "tojson": self._to_json,
            "safe": self._text,
            "string": self._text,
            "format": lambda text, *values, **named: self._percent(self._text(text), named or values),
            "indent": self._indent,
            "sum": _sum,
            "wordcount": lambda text: len(self._text_method(self._text(text), "split", (), {})),
        }
        self.filters = {name: self._charged(FILTERS[name], name) for name in _PASSED_ON} | {name: self._charged(one, name) for name, one in own.items()}
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
        if isinstance(obj, type):
            return False  # dict.update(x, …) would change x behind our back
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
            if isinstance(one, _CONTAINERS):
                __self._size(one)
        if len(args) + len(kwargs) > 1:
            __self._together((*args, *kwargs.values()), may_hold_namespaces=True)  # a macro may keep them as one list
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
                    self._will_make(len(one) * max(0, count) * (1 if isinstance(one, str) else _ENTRY))
        if isinstance(left, int) and isinstance(right, int):
            size = abs(left).bit_length() * abs(right) if operator == "**" else abs(left).bit_length() + abs(right).bit_length()
            if size > _MOST_BITS:
                raise TemplateFailed("a number in it is too large")
        made = super().call_binop(context, operator, left, right)
        if operator == "+" and isinstance(left, list | tuple):
            # Known from its parts: a template that gathers its messages one by one would otherwise walk all of them for each.
            (size, depth), (other, deeper) = self._size(left), self._size(right)
            self._note(made, size + other, max(depth, deeper))
        return self._charge(made)

    # -- texts --------------------------------------------------------------------------------------------------------------

    def _text_method(self, text: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._check_cost(text, name, args, kwargs)
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

    def _check_cost(self, text: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """What these calls cost at worst. Raises TemplateFailed: they can't be interrupted, and C's own search from the right is quadratic."""
        first = args[0] if args else kwargs.get("sep")
        if name in ("strip", "lstrip", "rstrip") and isinstance(first, str) and len(first) > _LARGEST_SET:
            raise TemplateFailed("a set of letters in it is too large")
        from_right = name in ("rfind", "rindex", "rsplit", "rpartition")
        if from_right and isinstance(first, str) and len(first) > _LARGEST_SET and len(first) * len(text) > _MOST_STEPS:
            raise TemplateFailed("what it looks for is too long")
        if name == "split" or name == "rsplit":
            most = args[1] if len(args) > 1 else kwargs.get("maxsplit", -1)
            parts = text.count(first) if isinstance(first, str) and first else len(text) // 2
            self._will_hold(parts if not isinstance(most, int) or most < 0 else min(parts, most))
        if name == "splitlines":
            self._will_hold(sum(map(text.count, _LINE_ENDS)))

    def _replace(self, text: str, old: str, new: str, most: int = -1) -> str:
        times = text.count(old) if old else len(text) + 1
        self._will_make(len(text) + (times if most < 0 else min(times, most)) * len(new))
        return foreign.replace(text, old, new, most)

    def _join(self, separator: str, parts: Any) -> str:
        whole = self._entries(parts)
        self._will_make(sum(len(part) for part in whole if isinstance(part, str)) + len(separator) * len(whole))
        return foreign.joined_by(separator, whole)

    def _join_filter(self, parts: Any, d: str = "", attribute: str | None = None) -> str:
        if attribute is not None:
            parts = [self.getattr(part, attribute) for part in self._entries(parts)]
        return self._join(self._text(d), [self._text(part) for part in self._entries(parts)])

    def _entries(self, values: Any) -> list[Any]:
        if isinstance(values, str):
            self._will_hold(len(values))
        return list(values)

    def _part(self, value: Any, start: Any, stop: Any, step: Any) -> Any:
        return value[start:stop:step]

    def _to_json(self, value: Any, ensure_ascii: bool = False, indent: int | str | None = None, separators: Any = None, sort_keys: bool = False) -> str:
        if isinstance(indent, str) and len(indent) > _LARGEST_INDENT or isinstance(indent, int) and indent > _LARGEST_INDENT:
            raise TemplateFailed("an indent in it is too wide")
        if separators is not None and any(not isinstance(one, str) or len(one) > _LARGEST_INDENT for one in separators):
            raise TemplateFailed("a separator in it is too long")
        if isinstance(value, _CONTAINERS):
            size, depth = self._size(value)
            # At worst every entry stands on a line of its own, as deep as the deepest.
            self._will_make(size + (size // _ENTRY * depth * (indent if isinstance(indent, int) else len(indent)) if indent else 0))
        return foreign.to_json(value, ensure_ascii, indent, separators, sort_keys)

    def _indent(self, text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
        space = width if isinstance(width, str) else " " * min(max(0, width), 64)
        lines = self._text_method(self._text(text), "splitlines", (), {})
        self._will_make(len(text) + len(lines) * (len(space) + 1))
        made: list[str] = []
        for number, line in enumerate(lines):
            made += ["\n"] * bool(number) + [space] * bool((number or first) and (line or blank)) + [line]
        return joined(made)

    def _percent(self, text: str, values: Any) -> str:
        places = len(_PLACE.findall(plain(text)))
        if "%" in _PLACE.sub("", plain(text)):
            raise TemplateFailed("a format in it is too wide or too odd")
        listed = list(values) if isinstance(values, list | tuple) else list(values.values()) if isinstance(values, Mapping) else [values]
        self._will_make(len(text) + _LARGEST_WIDTH * places + places * max([self._size(values)[0], *(self._size(one)[0] for one in listed)], default=0))
        if isinstance(text, Foreign):
            return Foreign(plain(text) % values)
        return foreign.formatted(lambda given: text % given, values) if has_foreign(values) else text % values

    def _format(self, text: str, values: tuple[Any, ...], named: dict[str, Any]) -> str:
        bare = plain(text)
        # Widths, attributes and items inside a format: no template needs them, and widths can be as large as memory.
        if re.search(r"\{[^{}]*[:.\[{]", bare.replace("{{", "").replace("}}", "")):
            raise TemplateFailed("a format in it has more than names and numbers")
        self._will_make(len(bare) + bare.count("{") * max([self._size(one)[0] for one in (*values, *named.values())], default=0))
        made = foreign.formatted(lambda given: bare.format(*given[0], **given[1]), (list(values), named))
        return Foreign(made) if isinstance(text, Foreign) else made

    def _concat(self, parts: Any) -> str:
        whole = list(parts)
        self._will_make(sum(map(len, whole)))
        return joined(whole)

    def _shown(self, value: Any) -> Any:
        """What is written out for a value: a list or an object may hold people's words, and its text is then theirs."""
        if value is None or isinstance(value, str | int | float | jinja2.Undefined):
            return value
        self._will_make(self._size(value)[0])
        return Foreign(str(value))

    def _text(self, value: Any) -> str:
        shown = self._shown(value)
        return shown if isinstance(shown, str) else str(shown)

    def _raise_exception(self, message: object) -> None:
        raise jinja2.TemplateError(plain(self._text(message)))

    def _written(self, parts: Any) -> str:
        """What a macro or a block wrote."""
        whole = self._concat(parts)
        self._pay(_bytes_of(whole))
        return whole

    # -- the budget -----------------------------------------------------------------------------------------------------------

    def _size(self, value: Any) -> tuple[int, int]:
        """(how long the value is when all of it is walked, compared or written; how deep). Raises TemplateFailed when it is too large.

        A list that holds a list twice has it twice, so that doubling thirty times makes a value that nothing could print. Nothing in a
        template can change a list, so that what was measured once stays so.
        """
        if isinstance(value, str):
            return len(value), 0
        if isinstance(value, Namespace):
            raise TemplateFailed("a namespace can't be part of a value")
        if not isinstance(value, _CONTAINERS):
            return _ENTRY, 0
        known = self._sizes.get(id(value))
        if known is None:
            size, depth = self._together((*value.keys(), *value.values()) if isinstance(value, Mapping) else value, may_hold_namespaces=False)
            known = self._note(value, size, depth + 1)
        return known[1:]

    def _note(self, value: Any, size: int, depth: int) -> tuple[object, int, int]:
        self._check(size, depth)
        self._pay(_NOTE_BYTES)
        # The value is kept, so that no other can get its id.
        noted = self._sizes[id(value)] = (value, size, depth)
        return noted

    def _check(self, size: int, depth: int) -> None:
        if size > _VALUE_LIMIT + 16 * self._own:
            raise TemplateFailed("a value in it is too large")
        if depth > _DEEPEST:
            raise TemplateFailed("a value in it is too deep")

    def _together(self, values: Iterable[Any], *, may_hold_namespaces: bool) -> tuple[int, int]:
        total = deepest = 0
        for one in values:
            if isinstance(one, str):
                total += len(one)
            elif isinstance(one, _CONTAINERS):
                size, depth = self._size(one)
                total += size
                deepest = max(deepest, depth)
            elif isinstance(one, Namespace) and not may_hold_namespaces:
                raise TemplateFailed("a namespace can't be part of a value")
            total += _ENTRY
        self._check(total, deepest)
        return total, deepest

    def _will_make(self, letters: int) -> None:
        """Refuse a text before it is made."""
        if letters > _VALUE_LIMIT + self._own or letters > self._left:
            raise TemplateFailed("the template wants too much memory")

    def _will_hold(self, texts: int) -> None:
        """Refuse a list of new texts before it is made."""
        if texts * _SMALL_TEXT_BYTES > _VALUE_LIMIT + 64 * self._own or texts * _SMALL_TEXT_BYTES > self._left:
            raise TemplateFailed("the template wants too much memory")

    def _pay(self, size_bytes: int) -> None:
        self._left -= size_bytes
        if self._left < 0:
            raise TemplateFailed("the template wants too much memory")

    def _charge(self, made: Any, entry_bytes: int = 0, *, is_part: bool = False) -> Any:
        if isinstance(made, str):
            self._pay(_bytes_of(made))
        elif isinstance(made, _CONTAINERS):
            self._pay(getsizeof(made) + len(made) * entry_bytes)
            if not is_part:  # of what was measured, or came from people
                self._size(made)
        return made

    def _charged(self, work: Callable[..., Any], name: str) -> Callable[..., Any]:
        @functools.wraps(work)
        def call(*args: Any, **kwargs: Any) -> Any:
            # Jinja gives some filters its own object first.
            given = args[1:] if args and isinstance(args[0], jinja2.Environment | jinja2.nodes.EvalContext | jinja2.runtime.Context) else args
            entry = 0
            if name in _COUNTING:
                for one in (*given[1:], *kwargs.values()):
                    if isinstance(one, int) and abs(one) > _LARGEST_FILTER_ARGUMENT:
                        raise TemplateFailed("a number in it is too large")
            if given and name in _LISTING:
                if isinstance(given[0], str):
                    self._will_hold(len(given[0]))
                    entry = _SMALL_TEXT_BYTES
                elif isinstance(given[0], range | Mapping):
                    entry = _SMALL_TEXT_BYTES // 2
            elif given and name in _NUMBERS and isinstance(given[0], str) and len(given[0]) > _LARGEST_FILTER_ARGUMENT:
                raise TemplateFailed("a number in it is too large")
            return self._charge(work(*args, **kwargs), entry, is_part=name == "_part")

        return call

    # -- rendering --------------------------------------------------------------------------------------------------------------

    def compiled(self, template: str) -> jinja2.Template:
        """Ready to run; kept for the next time. Raises what Jinja raises."""
        known = self._compiled.get(template)
        if known is None:
            if len(template) > TEMPLATE_LIMIT_CHARS:
                raise TemplateFailed("the template is larger than 128 KiB")
            tree = Measured().visit(self.parse(template))
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
            with self._turn, self._notes(), _time_limit(seconds):
                self._own = 2 * written_chars
                self._left = _BUDGET_BYTES + 256 * written_chars
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

    @contextmanager
    def _notes(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._sizes.clear()


def _bytes_of(text: str) -> int:
    return getsizeof(text) + (len(text) if isinstance(text, Foreign) else 0)


def _few(values: Any) -> Any:
    """What stands behind a star in a call."""
    if isinstance(values, Mapping):
        return values
    listed = list(islice(values, _LARGEST_FILTER_ARGUMENT + 1))
    if len(listed) > _LARGEST_FILTER_ARGUMENT:
        raise TemplateFailed("a call in it has too many arguments")
    return listed


def _sum(values: Any, attribute: Any = None, start: float = 0) -> float:
    if attribute is not None or not isinstance(start, int | float):
        raise TemplateFailed("sum takes numbers only")
    return sum((one for one in values if isinstance(one, int | float)), start)


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
