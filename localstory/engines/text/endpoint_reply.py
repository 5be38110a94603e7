"""How the words of a server become the pieces of a reply and, at the end, the reply. Pure, but for the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from localstory.engines.base import StopReason, TextPiece, TextRequest, Timing, TokenLogprob, ToolCall, Usage, Warned
from localstory.engines.text.endpoint import EndpointReply, ServerSaid
from localstory.engines.text.endpoint_stream import whole_letters
from localstory.engines.text.endpoint_tools import Calls, is_demanded, offered
from localstory.engines.text.reasoning import THINK
from localstory.engines.text.streaming import Shown, Streamer
from localstory.net.errors import BadAnswer
from localstory.words import mark

_ENDS: dict[str, StopReason] = {
    "stop": "end", "eos": "end", "eos_token": "end", "end_turn": "end", "eosFound": "end",
    "stop_sequence": "stop", "stopStringFound": "stop",
    "length": "length", "max_tokens": "length", "maxPredictedTokensReached": "length",
    "contextLengthReached": "context", "model_length": "context",
}  # fmt: skip
_FOR_TOOLS = ("tool_calls", "function_call", "toolCalls")
_CUT = ("length", "max_tokens", "maxPredictedTokensReached", "contextLengthReached", "model_length")
"""Ends before the end: a call may be there in part, and that is nobody's mistake."""


class Writing:
    """Turns what a server sends into the pieces of a reply and, at the end, into the `EndpointReply`.

    Stop texts are looked for here too: many servers cut at them and don't say so, some take only four, some none.
    """

    def __init__(self, request: TextRequest, host: str, warnings: Sequence[Warned] = (), *, has_wedges: bool = False) -> None:
        """`has_wedges`: control strings in the tools went out with an invisible sign (`control_strings`)."""
        self.request, self.host = request, host
        self._calls = Calls(host, offered(request), has_wedges=has_wedges)
        self._tool_calls: tuple[ToolCall, ...] = ()
        self._unread = ""  # what was meant as calls and is none
        self._space = ""  # at the end of the words, where a call may follow
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
        self._wants_tools = False

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
        text, reasoning = whole_letters(text), whole_letters(reasoning)
        self._count(len(text) + len(reasoning))
        for token in tokens:
            self._scored += 1
            self._logprob_sum += token.logprob
            if self.request.logprobs:
                self._tokens.append(token)
        if reasoning:
            self._own_reasoning.append(reasoning)
            yield TextPiece(reasoning, "reasoning")
        if offered(self.request):  # white space before a call is no part of the text
            text = self._space + text
            self._space = text[len(text.rstrip()) :]
            text = text.rstrip()
        if text:
            yield from self._pieces(self._streamer.feed(text.encode()))

    def calls(self, value: object, *, are_whole: bool = False) -> None:
        """`tool_calls` of the server, or a part of them (`Calls.take`). Raises BadAnswer."""
        if not offered(self.request):
            self._wants_tools = True
            return
        letters = self._calls.take(value, are_whole=are_whole)
        if letters:
            self._count(letters)

    def _count(self, letters: int) -> None:
        """Something new came. Raises BadAnswer for one who never ends."""
        self._last = time.perf_counter()
        self._first = self._first or self._last
        self.events += 1
        self._characters += letters
        if self.events > 4 * self.request.max_tokens + 64 or self._characters > 64 * self.request.max_tokens + 4096:
            raise BadAnswer(self.host, mark("It wrote on and on, far beyond the length that was asked for."))

    def end_of_calls(self) -> Iterator[TextPiece]:
        """The reply is whole, its words are out: what was meant as calls and is none becomes words, as from our own engine."""
        self._tool_calls, unread = self._calls.end()
        if not unread or self.is_stopped:
            return
        if self.finish not in _CUT:
            strangers = self._calls.strangers()
            if strangers:
                values: dict[str, object] = {"host": self.host, "names": ", ".join(strangers)[:200]}
                self.warnings.append(Warned(mark("{host} called a tool that was not offered ({names}). Its call stands in the text, as words."), values))
            else:
                self.warnings.append(Warned(mark("{host} called a tool in a way that can't be read. What it wrote stands in the text."), {"host": self.host}))
        self._unread = ("\n" if self._streamer.text else "") + unread
        yield TextPiece(self._unread)

    def rest(self) -> Iterator[TextPiece]:
        """What was held back as the possible beginning of a stop text. A second call has nothing more."""
        if not self._streamer.stopped and not self._is_at_end:
            self._is_at_end = True
            if self._space and not self._calls:
                yield from self._pieces(self._streamer.feed(self._space.encode()))
            if not self._streamer.stopped:
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
        is_for_tools = self.finish in _FOR_TOOLS
        if self._wants_tools or (is_for_tools and not offered(self.request)):
            raise BadAnswer(self.host, mark("It wants to use tools, and was offered none."))
        if is_for_tools and not self._calls and not self.is_stopped:
            raise BadAnswer(self.host, mark("It wants to use a tool, and does not say which."))
        if is_demanded(self.request) and not self._tool_calls and not self._unread and self.finish not in _CUT:
            self.warnings.append(Warned(mark("{host} was told to call a tool, and called none."), {"host": self.host}))
        generated = self.generated_tokens if self.generated_tokens is not None else self.events
        if self.generated_tokens is None or self.prompt_tokens is None:
            self.warnings.append(Warned(mark("{host} does not say how many tokens it read and wrote: the numbers are estimates."), {"host": self.host}))
        prompt = self.prompt_tokens if self.prompt_tokens is not None else counted
        seconds = self._last - self._first
        first = max(0.0, (self._first or self._last or time.perf_counter()) - self._began)
        return EndpointReply(
            text=self.request.prefill + self._streamer.text + self._unread,
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
            tool_calls=self._tool_calls,
            warnings=tuple(self.warnings),
        )

    def _reason(self, prompt: int, generated: int, context_length: int | None) -> StopReason:
        if self._streamer.stopped or self.is_stop_text:
            return "stop"
        reason = _ENDS.get(self.finish, "end")
        if reason == "length" and generated < self.request.max_tokens and context_length is not None and prompt + generated >= context_length - 1:
            return "context"
        if self._tool_calls and reason == "end":
            return reason
        # Most servers call both "stop". With stop texts in the request, what ended it is not known better than this.
        return "stop" if reason == "end" and self.request.stop and self.is_stop_text is None and self.finish == "stop" else reason
