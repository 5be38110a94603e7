"""What servers do that they should not (facts/reliability.md, row 15): each ends in time, in a sentence or in a whole reply, with the
words that came before kept, and costs no memory."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import importlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from localstory.chats import Chats
from localstory.db import Database
from localstory.engines.base import Message, Reply, Sampling, TextEngine, TextPiece, TextRequest
from localstory.engines.text.lmstudio import LMStudioEngine
from localstory.engines.text.ollama import OllamaEngine
from localstory.engines.text.openai_endpoint import OpenAIEndpoint
from localstory.errors import CannotContinue
from localstory.events import Hub
from localstory.net import Net
from localstory.net.errors import TooManyRequests
from localstory.net.live import LivePatience
from tests.fakes.odd_text_server import END, USAGE, OddServer, Script, data, drips, head, plays, repeats, resets, says, stalls

PATIENCE = LivePatience(connect_seconds=1.0, first_seconds=0.8, idle_seconds=0.6, total_seconds=6.0)
ASK = TextRequest(messages=(Message("user", "Hello 🐉"),), max_tokens=50, sampling=Sampling(seed=1))
H = head()
HTML = "<!DOCTYPE html>\n<html><body>Sign in to the guest network</body></html>"
CHUNKED = head("200 OK", "text/event-stream", "Transfer-Encoding: chunked")
WORDS = says("The sea ") + says("is wide")
MEGABYTE = b"x" * (1 << 20)


def chunk(text: str) -> str:
    return f"{len(text.encode()):x}\r\n{text}\r\n"


def refuses(status: str, body: object, *more: str) -> Script:
    text = body if isinstance(body, str) else json.dumps(body)
    kind = "text/html" if text.startswith("<") else "application/json"
    return plays(head(status, kind, f"Content-Length: {len(text.encode())}", *more), text)


def error(said: str, **more: object) -> dict[str, object]:
    return {"error": {"message": said, **more}}


@dataclass(frozen=True)
class Case:
    name: str
    script: Script
    ends: str
    """The code of the error, or "ok"."""
    text: str = ""
    """What is kept, or the reply."""


WHOLE = "The sea is wide"
CASES = [
    Case("closes before it answers", plays(), "cut_off"),
    Case("resets before it answers", resets(), "cut_off"),
    Case("stalls before it answers", stalls(), "server_too_slow"),
    Case("stalls inside the headers", stalls("HTTP/1.1 200 OK\r\nContent-"), "server_too_slow"),
    Case("stalls behind the headers", stalls(H), "server_too_slow"),
    Case("stalls in the middle", stalls(H, WORDS), "server_too_slow", WHOLE),
    Case("stalls behind the end", stalls(H, WORDS, says(None, "stop")), "ok", WHOLE),
    Case("stalls before [DONE] with its numbers said", stalls(H, WORDS, says(None, "stop"), USAGE), "ok", WHOLE),
    Case("closes in the middle", plays(H, WORDS), "cut_off", WHOLE),
    Case("closes inside an event", plays(H, WORDS, 'data: {"choices":[{"index'), "bad_answer", WHOLE),
    Case("closes inside a chunk", plays(CHUNKED, chunk(WORDS), "ff\r\ndata: {"), "cut_off", WHOLE),
    Case("ends the chunks without an end of the reply", plays(CHUNKED, chunk(WORDS), "0\r\n\r\n"), "cut_off", WHOLE),
    Case("sends less than its Content-Length", plays(head("200 OK", "text/event-stream", "Content-Length: 9000"), WORDS), "cut_off", WHOLE),
    Case("resets in the middle", resets(H, WORDS), "cut_off", WHOLE),
    Case("resets behind the end", resets(H, WORDS, says(None, "stop")), "ok", WHOLE),
    Case("no [DONE]", plays(H, WORDS, says(None, "stop"), USAGE), "ok", WHOLE),
    Case("[DONE] without a reason", plays(H, WORDS, data("[DONE]")), "ok", WHOLE),
    Case("[DONE] and not a word", plays(H, data("[DONE]")), "bad_answer"),
    Case("an empty answer", plays(H), "cut_off"),
    Case("an empty reply", plays(H, END), "ok", ""),
    Case("a chunk with a length that is none", plays(CHUNKED, "zz\r\n", WORDS), "bad_answer"),
    Case("no HTTP at all", plays("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "bad_answer"),
    Case("headers without end", repeats(b"X-Pad: " + b"y" * 8000 + b"\r\n", "HTTP/1.1 200 OK\r\n"), "bad_answer"),
    Case("100 Continue for ever", repeats("HTTP/1.1 100 Continue\r\n\r\n", pause=0.01), "server_too_slow"),
    Case("500 with a sentence", refuses("500 Internal Server Error", error("CUDA out of memory")), "server_said"),
    Case("500 with a page", refuses("500 Internal Server Error", HTML), "server_trouble"),
    Case("502 without a body", refuses("502 Bad Gateway", ""), "server_trouble"),
    Case("503 that stalls", stalls(head("503 Service Unavailable", "application/json", "Content-Length: 100")), "server_trouble"),
    Case("500 with a body without end", repeats(MEGABYTE, head("500 Internal Server Error")), "server_said"),
    Case("400", refuses("400 Bad Request", error("unknown field `seed`")), "server_said"),
    Case("401", refuses("401 Unauthorized", error("Incorrect API key provided")), "key_needed"),
    Case("403", refuses("403 Forbidden", ""), "forbidden"),
    Case("404 for the model", refuses("404 Not Found", error("The model `m` does not exist", code="model_not_found")), "no_such_model"),
    Case("404 with a page", refuses("404 Not Found", HTML), "not_a_model_server"),
    Case("413", refuses("413 Payload Too Large", ""), "server_trouble"),
    Case("429", refuses("429 Too Many Requests", error("slow down"), "Retry-After: 7"), "too_many_requests"),
    Case("429 with nonsense", refuses("429 Too Many Requests", error("slow down"), "Retry-After: next tuesday"), "too_many_requests"),
    Case("too long", refuses("400 Bad Request", error("…", type="exceed_context_size_error", n_prompt_tokens=9000, n_ctx=4096)), "prompt_too_long"),
    Case("a web page", plays(head("200 OK", "text/html"), HTML), "bad_answer"),
    Case("a web page that calls itself a stream", plays(H, HTML), "bad_answer"),
    Case("a good stream that calls itself a text", plays(head("200 OK", "text/plain"), WORDS, END), "ok", WHOLE),
    Case("everything at once instead of a stream",
         plays(head("200 OK", "application/json"), json.dumps({"choices": [{"message": {"content": WHOLE}, "finish_reason": "stop"}]})), "ok", WHOLE),
    Case("an error inside a 200", plays(head("200 OK", "application/json"), json.dumps(error("model not loaded"))), "server_said"),
    Case("an error inside the stream", plays(H, WORDS, data(error("the model crashed"))), "server_said", WHOLE),
    Case("an error that is a text", plays(H, WORDS, data({"error": "the model crashed"})), "server_said", WHOLE),
    Case("an event called error", plays(H, WORDS, "event: error\n" + data({"message": "the model crashed"})), "server_said", WHOLE),
    Case("too long, said inside the stream", plays(H, data(error("the request exceeds the available context size (4096 tokens)"))), "prompt_too_long"),
    Case("no JSON", plays(H, WORDS, data("{oh")), "bad_answer", WHOLE),
    Case("JSON of another kind", plays(H, WORDS, data([1, 2])), "bad_answer", WHOLE),
    Case("NaN", plays(H, WORDS, 'data: {"choices":[{"delta":{"content":"!"},"logprobs":{"content":[{"token":"!","logprob":NaN}]}}]}\n\n'), "bad_answer", WHOLE),
    Case("Infinity in the usage", plays(H, WORDS, 'data: {"choices":[],"usage":{"prompt_tokens":Infinity}}\n\n'), "bad_answer", WHOLE),
    Case("a number of 5,000 digits", plays(H, WORDS, 'data: {"choices":[],"created":' + "9" * 5000 + "}\n\n"), "bad_answer", WHOLE),
    Case("nested 100,000 deep", plays(H, WORDS, "data: " + "[" * 100_000 + "\n\n"), "bad_answer", WHOLE),
    Case("choices: []", plays(H, data({"choices": []}), WORDS, END), "ok", WHOLE),
    Case("choices: null", plays(H, data({"choices": None}), WORDS, END), "ok", WHOLE),
    Case("no choices", plays(H, data({"id": "x"}), WORDS, END), "ok", WHOLE),
    Case("choices that are no list", plays(H, WORDS, data({"choices": {"0": 1}})), "bad_answer", WHOLE),
    Case("a choice that is a text", plays(H, WORDS, data({"choices": ["a"]})), "bad_answer", WHOLE),
    Case("no delta", plays(H, data({"choices": [{"index": 0}]}), WORDS, END), "ok", WHOLE),
    Case("delta: null", plays(H, data({"choices": [{"index": 0, "delta": None}]}), WORDS, END), "ok", WHOLE),
    Case("a delta that is a list", plays(H, WORDS, data({"choices": [{"index": 0, "delta": [1]}]})), "bad_answer", WHOLE),
    Case("content: null", plays(H, says(None), WORDS, END), "ok", WHOLE),
    Case("content: 7", plays(H, WORDS, data({"choices": [{"delta": {"content": 7}}]})), "bad_answer", WHOLE),
    Case("no index", plays(H, data({"choices": [{"delta": {"content": WHOLE}}]}), END), "ok", WHOLE),
    Case("another index", plays(H, WORDS, data({"choices": [{"index": 1, "delta": {"content": "?"}}]})), "bad_answer", WHOLE),
    Case("words behind the end", plays(H, WORDS, says(None, "stop"), says(" and more"), USAGE, data("[DONE]")), "ok", WHOLE),
    Case("two ends", plays(H, WORDS, says(None, "stop"), says(None, "length"), data("[DONE]")), "ok", WHOLE),
    Case("a reason that is a number", plays(H, WORDS, data({"choices": [{"delta": {}, "finish_reason": 3}]})), "bad_answer", WHOLE),
    Case("withheld by a filter", plays(H, WORDS, says(None, "content_filter"), data("[DONE]")), "server_said", WHOLE),
    Case("tools that nobody offered",
         plays(H, WORDS, data({"choices": [{"delta": {"tool_calls": [{"function": {"name": "rm", "arguments": "{}"}}]}}]}), END), "bad_answer", WHOLE),
    Case("ends for a tool", plays(H, WORDS, says(None, "tool_calls"), data("[DONE]")), "bad_answer", WHOLE),
    Case("usage of nonsense", plays(H, WORDS, says(None, "stop"), data({"usage": {"prompt_tokens": -4, "completion_tokens": "many"}})), "ok", WHOLE),
    Case("usage: null in every event", plays(H, data({"choices": [{"delta": {"content": WHOLE}}], "usage": None}), END), "ok", WHOLE),
    Case("a line of 50 MB", repeats(MEGABYTE, H, WORDS, "data: "), "bad_answer", WHOLE),
    Case("an event of lines without end", repeats("data: " + "x" * 1000 + "\n", H, WORDS), "bad_answer", WHOLE),
    Case("a text without end that is no stream", repeats("hello " * 200 + "\n", H), "bad_answer"),
    Case("writes on for ever", repeats(says("la "), H), "bad_answer"),
    Case("one word of a megabyte", plays(H, WORDS, says("x" * 900_000), END), "bad_answer", WHOLE),
    Case("empty words for ever", repeats(says(""), H, WORDS, pause=0.005), "server_too_slow", WHOLE),
    Case("comments for ever", repeats(": still here\n\n", H, WORDS, pause=0.005), "server_too_slow", WHOLE),
    Case("unknown events for ever", repeats("event: execute\n" + data({"code": "alert(1)"}), H, WORDS, pause=0.005), "server_too_slow", WHOLE),
    Case("drips byte by byte", drips(says("and deep") * 9, 0.05, (H, WORDS)), "server_too_slow"),
    Case("CRLF", plays(H, (WORDS + END).replace("\n", "\r\n")), "ok", WHOLE),
    Case("CR", plays(H, (WORDS + END).replace("\n", "\r")), "ok", WHOLE),
    Case("a byte order mark", plays(H, "\ufeff" + WORDS + END), "ok", WHOLE),
    Case("no space behind data:", plays(H, (WORDS + END).replace("data: ", "data:")), "ok", WHOLE),
    Case("no line break at the very end", plays(H, WORDS, says(None, "stop").rstrip()), "ok", WHOLE),
    Case("ids, retries and other names", plays(H, "id: 1\nretry: 5\nevent: message\nfoo: bar\n", WORDS, END), "ok", WHOLE),
    Case("letters cut in two", drips(data({"choices": [{"delta": {"content": "đẹp 🐉"}}]}) + END, 0.0, (H,)), "ok", "đẹp 🐉"),
    Case("raw letters cut in two", drips('data: {"choices":[{"delta":{"content":"đẹp 🐉"}}]}\n\n' + END, 0.0, (H,)), "ok", "đẹp 🐉"),
    Case("no UTF-8", plays(H, WORDS, b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n'), "bad_answer", WHOLE),
    Case("half a letter", plays(H, 'data: {"choices":[{"delta":{"content":"The sea is wide\\ud83d"}}]}\n\n', END), "ok", WHOLE + "\ufffd"),
    Case("a bomb", plays(head("200 OK", "text/event-stream", "Content-Encoding: gzip"), gzip.compress(b"\0" * (10 << 20))), "bad_answer"),
    Case("compressed, and not said", plays(H, gzip.compress((WORDS + END).encode())), "bad_answer"),
    Case("sends on to another server", plays(head("307 Temporary Redirect", "text/plain", "Location: http://localhost:9/v1/chat/completions")), "bad_answer"),
    Case("sends on to itself", plays(head("302 Found", "text/plain", "Location: /v1/chat/completions")), "bad_answer"),
    Case("sends on to nowhere", plays(head("301 Moved Permanently", "text/plain")), "bad_answer"),
]  # fmt: skip


def line(**value: object) -> str:
    return json.dumps(value) + "\n"


def told(text: str, **more: object) -> str:
    return line(message={"role": "assistant", "content": text}, done=False, **more)


N = head("200 OK", "application/x-ndjson")
SAID = told("The sea ") + told("is wide")
DONE = line(message={"content": ""}, done=True, done_reason="stop", prompt_eval_count=9, eval_count=3)
OLLAMA_CASES = [
    Case("stalls in the middle", stalls(N, SAID), "server_too_slow", WHOLE),
    Case("stalls behind the end", stalls(N, SAID, DONE), "ok", WHOLE),
    Case("closes in the middle", plays(N, SAID), "cut_off", WHOLE),
    Case("closes inside a line", plays(N, SAID, '{"message":'), "bad_answer", WHOLE),
    Case("resets in the middle", resets(N, SAID), "cut_off", WHOLE),
    Case("no line break at the end", plays(N, SAID, DONE.rstrip()), "ok", WHOLE),
    Case("CRLF and empty lines", plays(N, (SAID + DONE).replace("\n", "\r\n\r\n")), "ok", WHOLE),
    Case("an error inside the stream", plays(N, SAID, line(error="an error was encountered while running the model")), "server_said", WHOLE),
    Case("an error with 500", refuses("500 Internal Server Error", {"error": "llama runner process has terminated"}), "server_said"),
    Case("a full queue", refuses("503 Service Unavailable", {"error": "server busy, please try again"}), "server_said"),
    Case("no such model", refuses("404 Not Found", {"error": "model 'm' not found"}), "no_such_model"),
    Case("too long", refuses("400 Bad Request", {"error": "the prompt is longer than the context length currently available to the model; shorten the prompt"}),
         "prompt_too_long"),
    Case("wants to sign in", refuses("401 Unauthorized", {"error": "unauthorized", "signin_url": "https://example.com"}), "key_needed"),
    Case("a web page", plays(head("200 OK", "text/html"), HTML), "bad_answer"),
    Case("null in every field", plays(N, line(message=None, done=None, response=None, logprobs=None), SAID, DONE), "ok", WHOLE),
    Case("content: 7", plays(N, SAID, line(message={"content": 7})), "bad_answer", WHOLE),
    Case("NaN", plays(N, SAID, '{"message":{"content":"!"},"x":NaN}\n'), "bad_answer", WHOLE),
    Case("done: 1 is not done", plays(N, SAID, line(done=1)), "cut_off", WHOLE),
    Case("no numbers", plays(N, SAID, line(done=True)), "ok", WHOLE),
    Case("tools", plays(N, SAID, line(message={"tool_calls": [{"function": {"name": "rm"}}]}), DONE), "bad_answer", WHOLE),
    Case("no UTF-8", plays(N, SAID, b'{"message":{"content":"\xff"}}\n'), "bad_answer", WHOLE),
    Case("a line without end", repeats(MEGABYTE, N, SAID), "bad_answer", WHOLE),
    Case("writes on for ever", repeats(told("la "), N), "bad_answer"),
    Case("empty lines for ever", repeats("\n", N, SAID, pause=0.005), "server_too_slow", WHOLE),
    Case("sends on", plays(head("307 Temporary Redirect", "text/plain", "Location: http://localhost:9/")), "bad_answer"),
    Case("a bomb", plays(head("200 OK", "application/x-ndjson", "Content-Encoding: gzip"), gzip.compress(b"\0" * (10 << 20))), "bad_answer"),
]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[OddServer]:
    importlib.import_module("openai")  # 34 MB that no server is to blame for
    with OddServer() as server:
        yield server


def openai_engine(server: OddServer, net: Net | None = None) -> TextEngine:
    return OpenAIEndpoint(server.url, "m", "sk-canary-of-the-test", context_length=4096, patience=PATIENCE, net=net)


def ollama_engine(server: OddServer) -> TextEngine:
    return OllamaEngine(server.url, "m", context_length=4096, patience=PATIENCE)


def lmstudio_engine(server: OddServer) -> TextEngine:
    return LMStudioEngine(server.url, "m", "sk-canary-of-the-test", patience=PATIENCE)


LISTED = {"models": [{"type": "llm", "key": "m", "loaded_instances": [{"id": "m", "config": {"context_length": 4096}}], "max_context_length": 4096}]}


def behind_a_good_list(server: OddServer, script: Script) -> Script:
    """Its list of models is as it should be, what it writes is not."""
    good = plays(head("200 OK", "application/json"), json.dumps(LISTED))
    return lambda odd: (good if server.requests[-1].startswith("GET") else script)(odd)


async def outcome(engine: TextEngine) -> tuple[str, str, CannotContinue | Reply]:
    """(code or "ok", what was said, the error or the reply)."""
    said = ""
    try:
        async with contextlib.aclosing(engine.reply(ASK)) as events:
            async for event in events:
                if isinstance(event, TextPiece):
                    said += event.text
                elif isinstance(event, Reply):
                    return "ok", said, event
    except CannotContinue as trouble:
        return trouble.code, said, trouble
    raise AssertionError("a reply ends with its Reply, or raises")


async def _check(case: Case, engine: TextEngine) -> None:
    process = psutil.Process()
    before, began = process.memory_info().rss, time.monotonic()
    code, said, end = await asyncio.wait_for(outcome(engine), 10)
    assert time.monotonic() - began < 3.0  # far below `total_seconds`: silence, drips and empty words end by the other limits
    assert code == case.ends, str(end)
    assert process.memory_info().rss - before < 20 << 20
    if case.ends == "ok":
        assert isinstance(end, Reply) and said == end.text == case.text
    else:
        assert isinstance(end, CannotContinue)
        assert "sk-canary" not in f"{end} {end.values}" and "{" not in str(end).replace("{}", "")
        assert said.startswith(case.text)
        if case.text:
            assert said


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_server_of_openai_kind_that(case: Case, server: OddServer) -> None:
    server.do(case.script)
    await _check(case, openai_engine(server))


@pytest.mark.parametrize("case", OLLAMA_CASES, ids=lambda case: case.name)
async def test_an_ollama_that(case: Case, server: OddServer) -> None:
    server.do(case.script)
    await _check(case, ollama_engine(server))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_an_lm_studio_that(case: Case, server: OddServer) -> None:
    server.do(behind_a_good_list(server, case.script))
    await _check(case, lmstudio_engine(server))


async def test_a_cancelled_lm_studio_ends_in_half_a_second(server: OddServer) -> None:
    for case in CASES:
        server.do(behind_a_good_list(server, case.script))
        task = asyncio.create_task(outcome(lmstudio_engine(server)))
        await asyncio.sleep(0.03)
        began = time.monotonic()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 0.5, case.name


IN_A_CHAT = (
    "closes in the middle", "resets in the middle", "an error inside the stream", "no JSON", "NaN", "a line of 50 MB", "no UTF-8", "stalls in the middle",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["openai", "ollama", "lmstudio"])
async def test_in_a_chat_the_words_so_far_are_kept_and_marked(kind: str, server: OddServer, tmp_path: Path) -> None:
    """Failed with its reason, or stopped by the person: the words stand in the database, and the next reply works."""
    cases = [case for case in (OLLAMA_CASES if kind == "ollama" else CASES) if case.name in IN_A_CHAT]
    make = {"openai": openai_engine, "ollama": ollama_engine, "lmstudio": lmstudio_engine}[kind]
    whole = (N, SAID, DONE) if kind == "ollama" else (H, WORDS, END)

    def do(script: Script) -> None:
        server.do(behind_a_good_list(server, script) if kind == "lmstudio" else script)

    database = Database(tmp_path / "a.db")
    chats = Chats(database, Hub())
    await chats.open()
    try:
        assert len(cases) >= 5
        for case in cases:
            chat, _said = await chats.say(None, "Hello 🐉")
            do(case.script)
            with pytest.raises(CannotContinue) as trouble:
                await chats.reply(chat, make(server))
            (reply,) = [one for one in chats.tree(chat).path(chats.get(chat).tip_id) if one.role == "assistant"]  # type: ignore[union-attr]
            assert (reply.state, reply.text, trouble.value.code) == ("failed", case.text, case.ends), case.name
            assert reply.trouble is not None and reply.trouble["code"] == case.ends
            do(plays(*whole))
            again = await chats.regenerate(reply.id, make(server))
            assert next(one for one in chats.tree(chat).path(again) if one.id == again).state == "finished"
        chat, _said = await chats.say(None, "Hello 🐉")
        do(stalls(*whole[:2]))
        writing = asyncio.create_task(chats.reply(chat, make(server)))
        for _attempt in range(200):
            await asyncio.sleep(0.01)
            if any(one.text == WHOLE for one in chats.tree(chat).path(chats.get(chat).tip_id)):  # type: ignore[union-attr]
                break
        await chats.stop(chat)
        with contextlib.suppress(asyncio.CancelledError):
            await writing
        stopped = chats.tree(chat).path(chats.get(chat).tip_id)[-1]  # type: ignore[union-attr]
        assert (stopped.state, stopped.text) == ("stopped", WHOLE)
    finally:
        await chats.close()


@pytest.mark.parametrize("case", [*CASES, *OLLAMA_CASES], ids=lambda case: case.name)
async def test_a_cancel_ends_it_in_half_a_second(case: Case, server: OddServer) -> None:
    server.do(case.script)
    task = asyncio.create_task(outcome(ollama_engine(server) if case in OLLAMA_CASES else openai_engine(server)))
    await asyncio.sleep(0.03)
    began = time.monotonic()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 0.5


def test_there_are_at_least_sixty() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 60


async def test_a_429_says_how_long_to_wait(server: OddServer) -> None:
    for header, seconds in (("Retry-After: 7", 7), ("Retry-After: soon", None), ("Retry-After: 99999999", 86_400), ("X: y", None)):
        server.do(refuses("429 Too Many Requests", error("slow down"), header))
        _code, _said, end = await outcome(openai_engine(server))
        assert isinstance(end, TooManyRequests) and end.retry_after_seconds == seconds


async def test_no_key_follows_a_redirect_and_nothing_of_the_library_goes_out(server: OddServer) -> None:
    with OddServer() as other:
        server.requests.clear()
        server.do(plays(head("307 Temporary Redirect", "text/plain", f"Location: {other.url}/v1/chat/completions")))
        with Net() as net:
            code, _said, _end = await outcome(openai_engine(server, net))
            assert [(line.host, line.outcome) for line in net.connections()] == [("127.0.0.1", "bad_answer")]
        assert code == "bad_answer" and other.requests == []
    (asked,) = server.requests
    names = {line.split(":")[0].lower() for line in asked.split("\r\n")[1:]}
    assert names == {"host", "user-agent", "accept", "accept-encoding", "connection", "authorization", "content-type", "content-length"}
    assert "Authorization: Bearer sk-canary-of-the-test" in asked and "User-Agent: localstory\r\n" in asked
