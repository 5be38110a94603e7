"""From the bytes of a server that speaks OpenAI's interface to the pieces of a reply. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from localstory.engines.base import TextPiece, TokenChoice, TokenLogprob
from localstory.engines.text.endpoint import ServerSaid, said_in, too_long
from localstory.engines.text.endpoint_reply import Writing
from localstory.engines.text.endpoint_stream import MOST_LINE_BYTES, Events, Lines, count_in, number_in, object_in, other_kind, text_in, token_in, value_of
from localstory.net.errors import BadAnswer, CutOff
from localstory.words import mark


class Reader:
    """From bytes to the pieces of a reply: streams of events, and whole answers of servers that can't stream."""

    def __init__(self, host: str, writing: Writing) -> None:
        self._host, self._writing = host, writing
        self._lines, self._events = Lines(host), Events()
        self._plain: list[str] = []
        self._plain_length = 0
        self._bytes = 0
        self._saw_event = False
        self.is_done = False

    def feed(self, part: bytes) -> Iterator[TextPiece]:
        """The pieces that these bytes end."""
        self._bytes += len(part)
        for line in self._lines.feed(part):
            yield from self._line(line)
            if self.is_done or self._writing.is_stopped:
                return

    def end(self) -> Iterator[TextPiece]:
        """The connection is at its end. Raises CutOff when the reply is not."""
        writing = self._writing
        if not self.is_done and not writing.is_stopped:
            for line in self._lines.end():
                yield from self._line(line)
            event = self._events.end()
            if event is not None:
                yield from self._event(*event)
            if not self._saw_event and any(line.strip() for line in self._plain):
                yield from self._take(value_of("\n".join(self._plain), self._host))
        if not writing.finish and not writing.is_stopped and not (self.is_done and writing.has_words):
            yield from writing.rest()
            if self.is_done:
                raise BadAnswer(self._host, mark("It ended without a word and without a reason."))
            raise CutOff(self._host, self._bytes)
        yield from writing.rest()

    def _line(self, line: str) -> Iterator[TextPiece]:
        if line and not self._saw_event and not line.startswith(("data:", ":", "event:", "id:", "retry:")):
            if not self._plain and line.lstrip().startswith("<"):
                raise BadAnswer(self._host, mark("It is a web page, not a model's answer."))
            self._plain.append(line)  # a whole answer at once, from a server that can't stream, or an error
            self._plain_length += len(line)
            if self._plain_length > MOST_LINE_BYTES:
                raise BadAnswer(self._host, mark("A line of its answer never ends."))
            return
        event = self._events.line(line)
        if event is not None:
            yield from self._event(*event)
        elif self._events.is_too_large:
            raise BadAnswer(self._host, mark("A line of its answer never ends."))

    def _event(self, name: str, data: str) -> Iterator[TextPiece]:
        self._saw_event = True
        if data.startswith("[DONE]"):
            self.is_done = True
            return
        value = value_of(data, self._host)
        if name == "error" and "error" not in value:
            value = {"error": value}
        yield from self._take(value)

    def _take(self, value: Mapping[str, Any]) -> Iterator[TextPiece]:
        writing, host = self._writing, self._host
        if value.get("error"):
            said = said_in(value)
            raise too_long(value, said, 0, None) or ServerSaid(host, said)
        _take_numbers(value, writing, host)
        choices = value.get("choices")
        if choices is None:
            choices = []
        if not isinstance(choices, list):
            raise other_kind(host)
        for choice in choices:
            if not isinstance(choice, dict):
                raise other_kind(host)
            if choice.get("index") not in (0, None):
                raise BadAnswer(host, mark("It wrote several answers where one was asked for."))
            if writing.finish and self._saw_event:
                continue  # nothing belongs behind the end
            new = object_in(choice, "delta", host) or object_in(choice, "message", host)
            text = text_in(new, "content", host) or text_in(choice, "text", host)
            reasoning = text_in(new, "reasoning_content", host) or text_in(new, "reasoning", host)
            tokens = _tokens(object_in(choice, "logprobs", host), host) if choice.get("logprobs") else ()
            yield from writing.words(text, reasoning, tokens)
            if new.get("tool_calls"):
                writing.calls(new["tool_calls"])
            elif new.get("function_call"):  # OpenAI's older word; some servers say both
                writing.calls([{"index": 0, "function": new["function_call"]}])
            finish = choice.get("finish_reason")
            if finish is not None:
                if not isinstance(finish, str):
                    raise other_kind(host)
                writing.finish = finish
            if isinstance(choice.get("stop_reason"), str):  # vLLM: the stop text itself
                writing.is_stop_text = True


def _take_numbers(value: Mapping[str, Any], writing: Writing, host: str) -> None:
    usage = value.get("usage")
    if isinstance(usage, dict):
        prompt, generated = count_in(usage, "prompt_tokens"), count_in(usage, "completion_tokens")
        writing.prompt_tokens = prompt if prompt is not None else writing.prompt_tokens
        writing.generated_tokens = generated if generated is not None else writing.generated_tokens
        writing.reused_tokens = count_in(usage.get("prompt_tokens_details"), "cached_tokens") or writing.reused_tokens
    timings = value.get("timings")  # llama-server
    if isinstance(timings, dict):
        writing.reused_tokens = count_in(timings, "cache_n") or writing.reused_tokens
        milliseconds = number_in(timings, "prompt_ms")
        writing.prompt_s = milliseconds / 1000 if milliseconds is not None else writing.prompt_s
    stats = value.get("stats")  # LM Studio
    if isinstance(stats, dict) and isinstance(stats.get("stop_reason"), str):
        writing.is_stop_text = stats["stop_reason"] == "stopStringFound"
        if stats["stop_reason"] == "contextLengthReached":
            writing.finish = "contextLengthReached"


def _tokens(value: Mapping[str, Any], host: str) -> list[TokenLogprob]:
    """`logprobs` of a choice: of chats (`content`), or of completions (`tokens`, `token_logprobs`, `top_logprobs`)."""
    content = value.get("content")
    if isinstance(content, list):
        if not all(isinstance(one, dict) for one in content):
            raise other_kind(host)
        return [token_in(one, host) for one in content]
    texts, numbers, others = value.get("tokens"), value.get("token_logprobs"), value.get("top_logprobs")
    if texts is None:
        return []
    if not isinstance(texts, list) or not isinstance(numbers, list) or len(texts) != len(numbers):
        raise other_kind(host)
    found = []
    for at, (text, number) in enumerate(zip(texts, numbers, strict=True)):
        one: dict[str, Any] = {"token": text, "logprob": number if number is not None else 0.0}
        beside = others[at] if isinstance(others, list) and at < len(others) else None
        own = token_in(one, host)
        if isinstance(beside, dict):
            choices = [token_in({"token": word, "logprob": its}, host) for word, its in beside.items()]
            choices.sort(key=lambda choice: -choice.logprob)
            own = TokenLogprob(own.token, own.logprob, tuple(TokenChoice(choice.token, choice.logprob) for choice in choices))
        found.append(own)
    return found
