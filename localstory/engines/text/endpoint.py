"""What all servers have in common: what they can and cannot do, how their streams are cut into lines, and how their answers
become the events of a reply. Pure, but for the clock."""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

from localstory.engines.base import (
    Message,
    PromptTooLong,
    Reply,
    Sampling,
    StopReason,
    TextPiece,
    TextRequest,
    Timing,
    TokenChoice,
    TokenLogprob,
    Usage,
    Warned,
)
from localstory.engines.text.reasoning import THINK
from localstory.engines.text.streaming import Shown, Streamer
from localstory.errors import BadRequest, CannotContinue, Word
from localstory.net.errors import BadAnswer, Forbidden, NetTrouble, ServerTrouble, TooManyRequests
from localstory.words import mark

MOST_LINE_BYTES = 1 << 20
_MOST_SAID = 300

Feature: TypeAlias = Literal["json_schema", "grammar", "logprobs", "seed", "prefill", "continue_last", "thinking", "load", "unload", "token_count"]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server can do. What it cannot is greyed out, with the reason."""

    features: frozenset[Feature]
    samplers: frozenset[str]
    """Fields of `Sampling` that it takes."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """For a feature or sampler that is missing, why: a marked template. `why_not` has one for the others."""

    def why_not(self, what: str) -> str:
        """Why it cannot do this (a feature, or a field of `Sampling`): a marked template; "" when it can."""
        if what in self.features or what in self.samplers:
            return ""
        return self.reasons.get(what) or mark("This server's interface does not offer it.")


@dataclass(frozen=True, slots=True)
class ServerModel:
    """A model that a server offers. None: the server does not say."""

    name: str
    """What the server calls it in requests."""
    title: str = ""
    loaded: bool | None = None
    context_length: int | None = None
    """Of the loaded model as it stands in memory; see `max_context_length` for what it could be."""
    max_context_length: int | None = None
    quantisation: str = ""
    architecture: str = ""
    size_bytes: int | None = None
    size_on_card_bytes: int | None = None
    """How much of a loaded model is in the graphics card's memory."""
    instances: tuple[str, ...] = ()
    """Ids of what is loaded of it, for unloading."""
    remote: bool = False
    """It runs on somebody else's computer: the words leave this machine."""


@dataclass(frozen=True, slots=True)
class EndpointReply(Reply):
    """A reply of a server; its `warnings` are what the server did otherwise than asked."""


# -- errors -----------------------------------------------------------------------------------------------------------


class KeyNeeded(NetTrouble):
    """401: the server wants a key, or another one."""

    code = "key_needed"

    def __init__(self, host: str) -> None:
        super().__init__(
            title=mark("{host} wants a key"),
            detail=mark("None was given, or it was not accepted."),
            hint=mark("Enter the server's key in Settings, or put it into the variable LOCALSTORY_KEY."),
            host=host,
        )


class NoSuchModel(NetTrouble):
    """The server has no model of this name."""

    code = "no_such_model"

    def __init__(self, host: str, model: str) -> None:
        super().__init__(title=mark("{host} has no model “{model}”"), hint=mark("`localstory engines` lists what it has."), host=host, model=model[:200])


class NotFoundThere(NetTrouble):
    """404 for another reason: what was asked is no model server, or an older one."""

    code = "not_a_model_server"

    def __init__(self, host: str) -> None:
        super().__init__(
            title=mark("{host} does not know this question"),
            detail=mark("It may be another kind of server, or its address needs a path such as /v1."),
            hint=mark("Check the address."),
            host=host,
        )


class ServerSaid(NetTrouble):
    """The server refused or failed, with a sentence of its own."""

    code = "server_said"

    def __init__(self, host: str, said: str, status: int | None = None) -> None:
        super().__init__(
            title=mark("{host} could not answer"),
            detail=mark("It says: {said}") if said else mark("It gives no reason."),
            hint=mark("Look into the server's own log if the reason is not clear."),
            host=host,
            said=said,
        )
        self.status = status


class NotOffered(BadRequest):
    """The request needs something that this server cannot do; nothing was sent."""

    code = "not_offered"

    def __init__(self, host: str, feature: str, reason: str) -> None:
        super().__init__(
            title=mark("{host} can't do this: {feature}"),
            detail=mark("{reason}"),
            hint=mark("Leave it out, or use the built-in engine."),
            host=host,
            feature=Word(FEATURE_WORDS[feature]) if feature in FEATURE_WORDS else feature,
            reason=Word(reason),
        )


FEATURE_WORDS: dict[str, str] = {
    "json_schema": mark("answers after a JSON schema"),
    "grammar": mark("answers after a grammar"),
    "logprobs": mark("probabilities of tokens"),
    "prefill": mark("a given beginning of the reply"),
    "continue_last": mark("going on with the last reply"),
    "load": mark("loading a model"),
    "unload": mark("unloading a model"),
}


def host_of(url: str) -> str:
    """The server as people call it: `localhost:1234`, `api.example.com`. "" for what is no address."""
    try:
        parts = urlsplit(url)
        return (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    except ValueError:
        return ""


def one_line(text: object) -> str:
    """A server's words as they may stand in a sentence: one line, no control characters, not long."""
    words = "".join(letter if letter.isprintable() else " " for letter in str(text)[: _MOST_SAID * 4])
    return " ".join(words.split())[:_MOST_SAID]


def said_in(value: object) -> str:
    """The sentence inside an error of OpenAI's shape (`{"error": {"message"}}`), of Ollama's (`{"error": "…"}`), or of FastAPI's (`detail`)."""
    for _depth in range(3):
        if not isinstance(value, dict):
            break
        value = next((value[name] for name in ("error", "message", "detail") if value.get(name)), "")
    return one_line(value) if isinstance(value, str | int | float) else ""


_ABOUT_CONTEXT = re.compile(r"context[ _-]?(length|size|window)|context the overflows|n_ctx|context overflow|exceed_context", re.IGNORECASE)
_ABOUT_TOO_LONG = re.compile(r"exceed|longer|greater|larger|maximum|too (long|large|many)|overflow|shorten|does not fit|trying to keep", re.IGNORECASE)


def too_long(value: object, said: str, counted: int, context_length: int | None) -> PromptTooLong | None:
    """The refusal of a prompt that does not fit, with both numbers as the server gave them; ours where it gave none.

    llama-server: `exceed_context_size_error` with n_prompt_tokens and n_ctx. OpenAI, vLLM, llama-cpp-python: `context_length_exceeded`
    with the numbers in the sentence. Ollama and LM Studio: a sentence.
    """
    error = value.get("error") if isinstance(value, dict) else None
    inner = error if isinstance(error, dict) else {}
    kind = f"{inner.get('code')} {inner.get('type')}"
    is_named = "context_length_exceeded" in kind or "exceed_context_size" in kind
    if not is_named and not (_ABOUT_CONTEXT.search(said) and _ABOUT_TOO_LONG.search(said)):
        return None
    numbers = [int(text) for text in re.findall(r"(?<![\d.])\d{2,9}(?![\d.]\d)", said)]
    window = _count(inner.get("n_ctx"))
    if window is None:
        near = re.search(r"context[ _-]?(?:length|size|window)\D{0,24}?(\d{2,9})", said, re.IGNORECASE)
        window = context_length or (int(near[1]) if near else None) or (min(numbers) if len(numbers) > 1 else 0)
    prompt = _count(inner.get("n_prompt_tokens")) or max((number for number in numbers if number > window), default=max(counted, window + 1))
    return PromptTooLong(prompt, window)


def refused(
    host: str, status: int, headers: Mapping[str, str], body: bytes, *, model: str = "", counted: int = 0, context_length: int | None = None
) -> CannotContinue:
    """What an HTTP status of 400 or more means to the person."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    said = said_in(value) or ("" if b"<html" in body[:2000].lower() or b"<!doctype" in body[:200].lower() else one_line(body[:2000].decode("utf-8", "replace")))
    match status:
        case 401:
            return KeyNeeded(host)
        case 403:
            return Forbidden(host) if not said else ServerSaid(host, said, status)
        case 404 | 410:
            return NoSuchModel(host, model) if model and "model" in said.lower() else NotFoundThere(host)
        case 429:
            wait = headers.get("retry-after", "")
            return TooManyRequests(host, min(int(wait), 86_400) if wait.isascii() and wait.isdigit() and len(wait) < 9 else None)
    long = too_long(value, said, counted, context_length) if status in (400, 413, 422, 500) else None
    if long is not None:
        return long
    if said:
        return ServerSaid(host, said, status)
    return ServerTrouble(host, status)


def check_offered(request: TextRequest, can: Capabilities, host: str) -> list[Warned]:
    """Refuse what the reply would be wrong without; warn of samplers that are left out. Raises NotOffered."""
    asked = {
        "json_schema": bool(request.json_schema),
        "grammar": bool(request.grammar),
        "logprobs": bool(request.logprobs),
        "prefill": bool(request.prefill),
        "continue_last": request.continue_last,
    }
    for feature, wanted in asked.items():
        if wanted and feature not in can.features:
            raise NotOffered(host, feature, can.why_not(feature))
    usual = Sampling()
    left_out = [
        one.name
        for one in fields(Sampling)
        if one.name != "seed" and one.name not in can.samplers and getattr(request.sampling, one.name) != getattr(usual, one.name)
    ]
    warnings: list[Warned] = []
    if left_out:
        warnings.append(Warned(mark("{host} does not know these settings, they were left out: {names}."), {"host": host, "names": ", ".join(left_out)}))
    if request.thinking is not None and "thinking" not in can.features:
        warnings.append(Warned(mark("{host} can't be told whether to think first."), {"host": host}))
    if request.sampling.seed is not None and "seed" not in can.features:
        warnings.append(Warned(mark("{host} takes no seed: the same question may get another answer."), {"host": host}))
    return warnings


def sendable(text: str) -> str:
    """Without lone surrogates, which no JSON in UTF-8 can hold."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text


# -- lines, events, values --------------------------------------------------------------------------------------------


class Lines:
    """Cuts bytes into lines (\\n, \\r\\n or \\r) of at most `MOST_LINE_BYTES`. Raises BadAnswer for longer ones and for what is no UTF-8."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._rest = b""
        self._first = True
        self._after_cr = False

    def feed(self, part: bytes) -> Iterator[str]:
        """The lines that are whole now, those before a bad one first."""
        if b"\r" in part or self._after_cr:
            if self._after_cr and part.startswith(b"\n"):
                part = part[1:]
            self._after_cr = part.endswith(b"\r")
            part = part.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if b"\n" not in part:
            self._rest += part
            self._check(self._rest)
            return
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in lines:
            yield self._text(line)
        self._check(self._rest)

    def end(self) -> list[str]:
        """What stands behind the last line break."""
        rest, self._rest = self._rest, b""
        return [self._text(rest)] if rest else []

    def _check(self, line: bytes) -> None:
        if len(line) > MOST_LINE_BYTES:
            raise BadAnswer(self._host, mark("A line of its answer never ends."))

    def _text(self, line: bytes) -> str:
        self._check(line)
        if self._first:
            self._first = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadAnswer(self._host, mark("Its answer is not text in UTF-8.")) from error


class Events:
    """Server-sent events: the data of each, and whether it is called an error. What the standard has besides is skipped."""

    def __init__(self) -> None:
        self._data: list[str] = []
        self._bytes = 0
        self._name = ""

    def line(self, line: str) -> tuple[str, str] | None:
        """(name, data) when this line ends an event."""
        if not line:
            return self.end()
        if line.startswith("data:"):
            self._data.append(line[6:] if line.startswith("data: ") else line[5:])
            self._bytes += len(line)
        elif line.startswith("event:"):
            self._name = line[6:].strip()
        return None

    @property
    def is_too_large(self) -> bool:
        return self._bytes > MOST_LINE_BYTES

    def end(self) -> tuple[str, str] | None:
        """The event that stands here, if there is one."""
        name, data = self._name, "\n".join(self._data)
        has = bool(self._data)
        self._data, self._bytes, self._name = [], 0, ""
        return (name, data) if has else None


def _no_number(_text: str) -> object:
    raise ValueError("no number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


def value_of(text: str, host: str) -> dict[str, Any]:
    """The JSON object that a line holds. Raises BadAnswer for anything else, NaN and endless nesting included."""
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        page = text.lstrip()[:1] == "<"
        raise BadAnswer(host, mark("It is a web page, not a model's answer.") if page else mark("A part of its answer is no JSON.")) from error
    if not isinstance(value, dict):
        raise BadAnswer(host, mark("A part of its answer is of another kind than agreed."))
    return value


def other_kind(host: str) -> BadAnswer:
    """A field has a type it must not have."""
    return BadAnswer(host, mark("A part of its answer is of another kind than agreed."))


def text_in(value: Mapping[str, Any], name: str, host: str) -> str:
    """A text field; missing and null are empty. Raises BadAnswer for other kinds."""
    found = value.get(name)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise other_kind(host)
    return found


def object_in(value: Mapping[str, Any], name: str, host: str) -> dict[str, Any]:
    """A field with an object; missing and null are empty. Raises BadAnswer for other kinds."""
    found = value.get(name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise other_kind(host)
    return found


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 40 else None


def count_in(value: object, name: str) -> int | None:
    """A number of things; None when it is missing or makes no sense."""
    return _count(value.get(name)) if isinstance(value, dict) else None


def number_in(value: object, name: str) -> float | None:
    """A finite number from 0; None when it is missing or makes no sense."""
    found = value.get(name) if isinstance(value, dict) else None
    return float(found) if isinstance(found, int | float) and not isinstance(found, bool) and math.isfinite(found) and found >= 0 else None


# -- counting without a tokeniser ---------------------------------------------------------------------------------------


def careful_count(text: str) -> int:
    """More tokens than this text has for nearly every vocabulary: for budgets, where too few would be cut off.

    Byte-level vocabularies need at most one token a byte; English takes a token for 4.4 characters, code and Vietnamese for 2 to 3.
    Counted is a token for 3 ASCII characters that are letters or spaces, for each other ASCII character, and for 1.25 bytes of the rest.
    """
    if not text:
        return 0
    letters = len(_LETTERS.sub("", text))
    ascii_rest = sum(1 for letter in text if letter < "\x80") - (len(text) - letters)
    rest_bytes = len(text.encode("utf-8", "surrogatepass")) - (len(text) - letters) - ascii_rest
    runs = len(_LETTERS.findall(text))
    return max(runs, math.ceil((len(text) - letters) / 3)) + ascii_rest + math.ceil(rest_bytes / 1.25)


_LETTERS = re.compile(r" ?[A-Za-z]+| +")
_TURN_TOKENS = 10
_BEGIN_TOKENS = 48
"""What a chat template adds to a turn, and at the beginning (some put a system prompt of their own there)."""


def careful_prompt_count(messages: Sequence[Message]) -> int:
    """`careful_count` of a conversation, with what its template adds."""
    return _BEGIN_TOKENS + sum(careful_count(message.text) + _TURN_TOKENS for message in messages)


def least_count(texts: Sequence[str]) -> int:
    """Fewer tokens than these texts have: vocabularies don't reach across words, and no token has 16 bytes on average."""
    return sum(max(len(text.split()), len(text.encode("utf-8", "surrogatepass")) // 16) for text in texts)


# -- a reply as it comes -----------------------------------------------------------------------------------------------

_ENDS: dict[str, StopReason] = {
    "stop": "end", "eos": "end", "eos_token": "end", "end_turn": "end", "eosFound": "end",
    "stop_sequence": "stop", "stopStringFound": "stop",
    "length": "length", "max_tokens": "length", "maxPredictedTokensReached": "length",
    "contextLengthReached": "context", "model_length": "context",
}  # fmt: skip


class Writing:
    """Turns what a server sends into the pieces of a reply and, at the end, into the `EndpointReply`.

    Stop texts are looked for here too: many servers cut at them and don't say so, some take only four, some none.
    """

    def __init__(self, request: TextRequest, host: str, warnings: Sequence[Warned] = ()) -> None:
        self.request, self.host = request, host
        self.warnings = list(warnings)
        self._streamer = Streamer(request.stop, marks=THINK, in_thought=False)
        self._own_reasoning: list[str] = []
        self._is_at_end = False
        self._tokens: list[TokenLogprob] = []
        self._tokens_given = 0
        self._logprob_sum = 0.0
        self._scored = 0
        self._began = time.perf_counter()
        self._first = self._last = 0.0
        self.events = 0
        """Pieces with words in them: about one a token."""
        self._characters = 0
        self.finish = ""
        """What the server calls the end; "" while it goes on."""
        self.is_stop_text: bool | None = None
        """Whether a stop text ended it, where the server says so."""
        self.prompt_tokens: int | None = None
        self.generated_tokens: int | None = None
        self.reused_tokens = 0
        self.load_s = 0.0
        self.prompt_s: float | None = None
        self.wants_tools = False

    @property
    def is_stopped(self) -> bool:
        """A stop text was met: the rest need not be waited for."""
        return self._streamer.stopped

    @property
    def has_words(self) -> bool:
        return self.events > 0

    def words(self, text: str, reasoning: str = "", tokens: Sequence[TokenLogprob] = ()) -> Iterator[TextPiece]:
        """The pieces that can be shown after these words. Raises BadAnswer for one who never ends."""
        if not text and not reasoning:
            return
        text, reasoning = _whole(text), _whole(reasoning)
        self._last = time.perf_counter()
        self._first = self._first or self._last
        self.events += 1
        self._characters += len(text) + len(reasoning)
        if self.events > 4 * self.request.max_tokens + 64 or self._characters > 64 * self.request.max_tokens + 4096:
            raise BadAnswer(self.host, mark("It wrote on and on, far beyond the length that was asked for."))
        for token in tokens:
            self._scored += 1
            self._logprob_sum += token.logprob
            if self.request.logprobs:
                self._tokens.append(token)
        if reasoning:
            self._own_reasoning.append(reasoning)
            yield TextPiece(reasoning, "reasoning")
        if text:
            yield from self._pieces(self._streamer.feed(text.encode()))

    def rest(self) -> Iterator[TextPiece]:
        """What was held back as the possible beginning of a stop text. A second call has nothing more."""
        if not self._streamer.stopped and not self._is_at_end:
            self._is_at_end = True
            yield from self._pieces(self._streamer.end())

    def _pieces(self, shown: Sequence[Shown]) -> Iterator[TextPiece]:
        for number, one in enumerate(shown):
            tokens: tuple[TokenLogprob, ...] = ()
            if self._tokens_given < len(self._tokens) and number == len(shown) - 1:
                tokens = tuple(self._tokens[self._tokens_given :])
                self._tokens_given = len(self._tokens)
            yield TextPiece(one.text, one.kind, tokens)

    def reply(self, *, model: str, engine: str, seed: int, counted: int, context_length: int | None) -> EndpointReply:
        """The last event. Raises ServerSaid or BadAnswer for an end that is none."""
        match self.finish:
            case "content_filter":
                raise ServerSaid(self.host, "content_filter")
            case "error" | "failed" | "modelUnloaded":
                raise ServerSaid(self.host, "")
        if self.wants_tools:
            raise BadAnswer(self.host, mark("It wants to use tools, and was offered none."))
        generated = self.generated_tokens if self.generated_tokens is not None else self.events
        if self.generated_tokens is None or self.prompt_tokens is None:
            self.warnings.append(Warned(mark("{host} does not say how many tokens it read and wrote: the numbers are estimates."), {"host": self.host}))
        prompt = self.prompt_tokens if self.prompt_tokens is not None else counted
        seconds = self._last - self._first
        first = max(0.0, (self._first or self._last or time.perf_counter()) - self._began)
        return EndpointReply(
            text=self.request.prefill + self._streamer.text,
            usage=Usage(prompt, min(self.reused_tokens, max(0, prompt - 1)), generated),
            timing=Timing(
                self.load_s,
                self.prompt_s if self.prompt_s is not None else max(0.0, first - self.load_s),
                seconds,
                first,
                (generated - 1) / seconds if generated > 1 and seconds > 0 else None,
            ),
            stop_reason=self._reason(prompt, generated, context_length),
            model=model,
            engine=engine,
            seed=seed,
            mean_logprob=self._logprob_sum / self._scored if self._scored and self.request.score else None,
            reasoning="".join(self._own_reasoning) + self._streamer.reasoning,
            warnings=tuple(self.warnings),
        )

    def _reason(self, prompt: int, generated: int, context_length: int | None) -> StopReason:
        if self._streamer.stopped or self.is_stop_text:
            return "stop"
        reason = _ENDS.get(self.finish, "end")
        if reason == "length" and generated < self.request.max_tokens and context_length is not None and prompt + generated >= context_length - 1:
            return "context"
        # Most servers call both "stop". With stop texts in the request, what ended it is not known better than this.
        return "stop" if reason == "end" and self.request.stop and self.is_stop_text is None and self.finish == "stop" else reason


def _whole(text: str) -> str:
    """Half letters, which JSON can hold as `\\ud83d`, become U+FFFD, one each."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def token_in(value: Mapping[str, Any], host: str) -> TokenLogprob:
    """One entry of OpenAI's `logprobs.content` (Ollama's is the same): token, logprob, bytes, top_logprobs."""

    def choice(one: object) -> TokenChoice:
        if not isinstance(one, dict):
            raise other_kind(host)
        logprob = one.get("logprob")
        if not isinstance(logprob, int | float) or isinstance(logprob, bool) or not math.isfinite(logprob):
            raise other_kind(host)
        raw = one.get("bytes")
        if isinstance(raw, list) and all(isinstance(byte, int) and 0 <= byte < 256 for byte in raw):
            return TokenChoice(bytes(raw), float(logprob))
        return TokenChoice(text_in(one, "token", host).encode("utf-8", "surrogatepass"), float(logprob))

    others = value.get("top_logprobs") or ()
    if not isinstance(others, list | tuple) or len(others) > 100:
        raise other_kind(host)
    own = choice(value)
    return TokenLogprob(own.token, own.logprob, tuple(choice(one) for one in others))
