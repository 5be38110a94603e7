"""What servers do with tools that they should not: each ends in time, with calls that can be trusted, with words, or in a sentence."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import psutil
import pytest

from localstory.engines.base import Reply, TextEngine, TextPiece
from localstory.engines.text.ollama import OllamaEngine
from localstory.engines.text.openai_endpoint import OpenAIEndpoint
from localstory.errors import CannotContinue
from localstory.net.live import LivePatience
from tests.contracts.text_contract import reply_to
from tests.contracts.tools_contract import warned
from tests.core.engines.text.endpoints.test_endpoint_tools import ASK
from tests.fakes.odd_text_server import USAGE, OddServer, Script, data, head, plays, repeats, resets, says, stalls

PATIENCE = LivePatience(connect_seconds=1.0, first_seconds=0.8, idle_seconds=0.6, total_seconds=6.0)
H, N = head(), head("200 OK", "application/x-ndjson")
WORDS = says("The sea ") + says("is wide")
WHOLE = "The sea is wide"


def calls(*pieces: Any, finish: str | None = None) -> str:
    return data({"choices": [{"index": 0, "delta": {"tool_calls": list(pieces)}, "finish_reason": finish}]})


def piece(index: int | None = 0, name: str | None = None, arguments: Any = None, id: str | None = None) -> dict[str, Any]:
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {key: value for key, value in (("index", index), ("id", id), ("type", "function"), ("function", function)) if value is not None}


ENDS = says(None, "tool_calls") + USAGE + data("[DONE]")
LAMP_CALL = calls(piece(0, "lamp", "", "a")) + calls(piece(0, None, '{"on"')) + calls(piece(0, None, ": true}"))


@dataclass(frozen=True)
class Case:
    name: str
    script: Script
    ends: str
    """The code of the error, or "ok"."""
    text: str = ""
    calls: tuple[tuple[str, Any], ...] = ()
    warns: str = ""


ON = (("lamp", {"on": True}),)
DEEP = '{"a":' * 1000 + "1" + "}" * 1000
CASES = [
    Case("a call in pieces", plays(H, LAMP_CALL, ENDS), "ok", calls=ON),
    Case("words before a call", plays(H, WORDS, LAMP_CALL, ENDS), "ok", WHOLE, ON),
    Case("words behind a call", plays(H, LAMP_CALL, WORDS, ENDS), "ok", WHOLE, ON),
    Case("white space before a call", plays(H, says("\n"), says("\n"), LAMP_CALL, ENDS), "ok", calls=ON),
    Case("words, white space and a call", plays(H, WORDS, says(" \n"), LAMP_CALL, ENDS), "ok", WHOLE, ON),
    Case("a call between words", plays(H, says("The sea "), LAMP_CALL, says("is wide"), ENDS), "ok", WHOLE, ON),
    Case("white space and no call", plays(H, says(" \n"), WORDS, says("\n "), says(None, "stop"), USAGE, data("[DONE]")), "ok", " \n" + WHOLE + "\n "),
    Case("a call that ends as words do", plays(H, LAMP_CALL, says(None, "stop"), USAGE, data("[DONE]")), "ok", calls=ON),
    Case("a call and no end at all", plays(H, LAMP_CALL, data("[DONE]")), "ok", calls=ON, warns="without saying why"),
    Case("everything at once instead of a stream", plays(head("200 OK", "application/json"), json.dumps(
        {"choices": [{"message": {"content": None, "tool_calls": [{"id": "a", "type": "function", "function": {"name": "lamp", "arguments": '{"on": true}'}},
                                                                  {"id": "b", "function": {"name": "clock", "arguments": {}}}]},
                      "finish_reason": "tool_calls"}]})),
         "ok", calls=(*ON, ("clock", {}))),
    Case("OpenAI's older word", plays(H, data({"choices": [{"delta": {"function_call": {"name": "lamp", "arguments": '{"on": true}'}}}]}),
         says(None, "function_call"), USAGE), "ok", calls=ON),
    Case("both words", plays(H, data({"choices": [{"delta": {"function_call": {"name": "lamp", "arguments": '{"on": true}'},
         "tool_calls": [piece(0, "lamp", '{"on": true}', "a")]}}]}), ENDS), "ok", calls=ON),
    Case("arguments that are an object", plays(H, calls(piece(0, "lamp", {"on": True}, "a")), ENDS), "ok", calls=ON),
    Case("no arguments", plays(H, calls(piece(0, "clock")), ENDS), "ok", calls=(("clock", {}),)),
    Case("an index that jumps", plays(H, calls(piece(7, "lamp", '{"on": ', "a")), calls(piece(-2, "clock", "{}", "b")), calls(piece(7, None, "true}")), ENDS),
         "ok", calls=(*ON, ("clock", {}))),
    Case("an index beyond all numbers", plays(H, calls(piece(1 << 70, "lamp", '{"on": true}', "a")), ENDS), "ok", calls=ON),
    Case("no index at all", plays(H, calls(piece(None, "lamp", '{"on": ', "a")), calls(piece(None, None, "true}")), ENDS), "ok", calls=ON),
    Case("tool_calls: null and []", plays(H, data({"choices": [{"delta": {"content": WHOLE, "tool_calls": None}}]}), calls(), says(None, "stop"), USAGE),
         "ok", WHOLE),
    Case("a call without a name", plays(H, WORDS, calls(piece(0, None, "{}", "a")), ENDS), "ok",
         WHOLE + '\n{"name": "", "arguments": {}}', warns="can't be read"),
    Case("arguments that are no JSON", plays(H, calls(piece(0, "lamp", '{"on": yes}', "a")), ENDS), "ok", '{"name": "lamp", "arguments": {"on": yes}}',
         warns="can't be read"),
    Case("arguments that are a list", plays(H, calls(piece(0, "lamp", "[1]", "a")), ENDS), "ok", '{"name": "lamp", "arguments": [1]}', warns="can't be read"),
    Case("arguments with NaN", plays(H, calls(piece(0, "lamp", '{"on": NaN}', "a")), ENDS), "ok",
         '{"name": "lamp", "arguments": {"on": NaN}}', warns="can't be"),
    Case("arguments beyond all numbers", plays(H, calls(piece(0, "lamp", '{"on": 1e400}', "a")), ENDS), "ok",
         '{"name": "lamp", "arguments": {"on": 1e400}}', warns="can't be"),
    Case("a call of what nobody offered", plays(H, calls(piece(0, "rm -rf", '{"path": "/"}', "a")), ENDS), "ok",
         '{"name": "rm -rf", "arguments": {"path": "/"}}', warns="not offered (rm -rf)"),
    Case("one good call and one of what nobody offered", plays(H, LAMP_CALL, calls(piece(1, "rm", "{}", "b")), ENDS), "ok",
         '{"name": "lamp", "arguments": {"on": true}}\n{"name": "rm", "arguments": {}}', warns="not offered (rm)"),
    Case("a call cut off by the length", plays(H, calls(piece(0, "lamp", '{"on', "a")), says(None, "length"), USAGE, data("[DONE]")), "ok",
         '{"name": "lamp", "arguments": {"on}'),
    Case("ends for tools and calls none", plays(H, WORDS, ENDS), "bad_answer", WHOLE),
    Case("arguments nested 1,000 deep", plays(H, calls(piece(0, "lamp", DEEP, "a")), ENDS), "ok",
         '{"name": "lamp", "arguments": ' + DEEP + "}", warns="can't be read"),
    Case("arguments nested 65 deep", plays(H, calls(piece(0, "lamp", '{"a":' * 65 + "1" + "}" * 65, "a")), ENDS), "ok",
         '{"name": "lamp", "arguments": ' + '{"a":' * 65 + "1" + "}" * 66, warns="can't be read"),
    Case("arguments without end", repeats(calls(piece(0, None, "la ")), H, WORDS, calls(piece(0, "lamp", '{"a": "', "a"))), "bad_answer", WHOLE),
    Case("arguments of a megabyte at once", plays(H, WORDS, calls(piece(0, "lamp", "x" * 900_000, "a")), ENDS), "bad_answer", WHOLE),
    Case("a name without end", repeats(calls(piece(0, "la"), piece(0, "mp")), H, WORDS), "bad_answer", WHOLE),
    Case("10,000 calls at once", plays(H, WORDS, calls(*(piece(index, "clock", "{}", f"c{index}") for index in range(10_000))), ENDS), "bad_answer", WHOLE),
    Case("10,000 calls one by one", repeats(calls(piece(None, "clock", "{}")), H, WORDS), "bad_answer", WHOLE),
    Case("calls with nothing in them for ever", repeats(calls(piece(0, "lamp", "", "a")), H, WORDS, pause=0.005), "server_too_slow", WHOLE),
    Case("tool_calls that are no list", plays(H, WORDS, data({"choices": [{"delta": {"tool_calls": {"0": {}}}}]})), "bad_answer", WHOLE),
    Case("a call that is a text", plays(H, WORDS, calls("lamp")), "bad_answer", WHOLE),
    Case("arguments that are a number", plays(H, WORDS, calls(piece(0, "lamp", 7))), "bad_answer", WHOLE),
    Case("stalls in the middle of a call", stalls(H, WORDS, calls(piece(0, "lamp", '{"on'))), "server_too_slow", WHOLE),
    Case("resets in the middle of a call", resets(H, WORDS, calls(piece(0, "lamp", '{"on'))), "cut_off", WHOLE),
    Case("an error in the middle of a call", plays(H, WORDS, calls(piece(0, "lamp", '{"on')), data({"error": {"message": "oh"}})), "server_said", WHOLE),
    Case("tools need another switch", plays(head("500 Internal Server Error", "application/json"),
         json.dumps({"error": {"message": "tools param requires --jinja flag"}})), "server_said"),
]  # fmt: skip


def line(*called: Any, content: str = "") -> str:
    return json.dumps({"message": {"role": "assistant", "content": content, "tool_calls": list(called)}, "done": False}) + "\n"


def native(name: Any = "lamp", arguments: Any = None, **more: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments if arguments is not None else {"on": True}}} | more


DONE = json.dumps({"message": {"content": ""}, "done": True, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 3}) + "\n"
SAID = json.dumps({"message": {"content": WHOLE}, "done": False}) + "\n"
OLLAMA_CASES = [
    Case("a call", plays(N, line(native()), DONE), "ok", calls=ON),
    Case("two calls in two lines, both number 0", plays(N, line(native(index=0)), line(native("clock", {}, index=0)), DONE), "ok", calls=(*ON, ("clock", {}))),
    Case("two calls of one tool", plays(N, line(native(), native()), DONE), "ok", calls=(*ON, *ON)),
    Case("a call in the last line",
         plays(N, SAID, json.dumps(json.loads(DONE) | {"message": {"content": "", "tool_calls": [native()]}}) + "\n"), "ok", WHOLE, ON),
    Case("arguments that are a text", plays(N, line(native("lamp", '{"on": true}')), DONE), "ok", calls=ON),
    Case("arguments that are no JSON", plays(N, line(native("lamp", "on!")), DONE), "ok", '{"name": "lamp", "arguments": on!}', warns="can't be read"),
    Case("what nobody offered", plays(N, SAID, line(native("rm")), DONE), "ok", WHOLE + '\n{"name": "rm", "arguments": {"on": true}}', warns="(rm)"),
    Case("no name", plays(N, line({"function": {"arguments": {}}}), DONE), "ok", '{"name": "", "arguments": {}}', warns="can't be read"),
    Case("a name that is a number", plays(N, SAID, line(native(7)), DONE), "bad_answer", WHOLE),
    Case("calls that are no list", plays(N, SAID, json.dumps({"message": {"tool_calls": "lamp"}}) + "\n"), "bad_answer", WHOLE),
    Case("10,000 calls", repeats(line(native()), N, SAID), "bad_answer", WHOLE),
    Case("closes behind a call", plays(N, SAID, line(native())), "cut_off", WHOLE),
    Case("does not support tools",
         plays(head("400 Bad Request", "application/json"), json.dumps({"error": "registry.ollama.ai/library/m does not support tools"})),
         "not_offered"),
]  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[OddServer]:
    importlib.import_module("openai")
    with OddServer() as server:
        yield server


async def _check(case: Case, engine: TextEngine) -> None:
    process = psutil.Process()
    before, began, said = process.memory_info().rss, time.monotonic(), ""
    code, end = "", None
    try:
        async with contextlib.aclosing(engine.reply(ASK)) as events, asyncio.timeout(10):
            async for event in events:
                said += event.text if isinstance(event, TextPiece) else ""
                end = event if isinstance(event, Reply) else end
        code = "ok"
    except CannotContinue as trouble:
        code = trouble.code
    assert time.monotonic() - began < 3.0 and process.memory_info().rss - before < 20 << 20
    assert code == case.ends
    if end is None:
        assert said.startswith(case.text) and "{" not in said  # half a call is no words
        return
    assert isinstance(end, Reply) and said == end.text == case.text
    assert tuple((call.name, json.loads(call.arguments)) for call in end.tool_calls) == case.calls
    assert case.warns in warned(end) if case.warns else "call" not in warned(end)
    assert end.stop_reason == ("length" if "length" in case.name else "end")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_server_of_openai_kind_that(case: Case, server: OddServer) -> None:
    server.do(case.script)
    await _check(case, OpenAIEndpoint(server.url, "m", context_length=4096, patience=PATIENCE))


@pytest.mark.parametrize("case", OLLAMA_CASES, ids=lambda case: case.name)
async def test_an_ollama_that(case: Case, server: OddServer) -> None:
    server.do(case.script)
    await _check(case, OllamaEngine(server.url, "m", context_length=4096, patience=PATIENCE))


async def test_calls_behind_a_stop_text_or_cut_by_it_are_none(server: OddServer) -> None:
    for script in (plays(H, WORDS, LAMP_CALL, ENDS), plays(H, calls(piece(0, "lamp", '{"on')), WORDS, ENDS)):
        server.do(script)
        reply = await reply_to(OpenAIEndpoint(server.url, "m", context_length=4096), replace(ASK, stop=("sea",)))
        assert (reply.text, reply.tool_calls, reply.stop_reason) == ("The ", (), "stop")


async def test_a_call_that_was_demanded_and_did_not_come_is_told(server: OddServer) -> None:
    server.do(plays(H, WORDS, says(None, "stop"), USAGE, data("[DONE]")))
    reply = await reply_to(OpenAIEndpoint(server.url, "m", context_length=4096), replace(ASK, tool_choice="lamp", stop=("no such text",)))
    assert reply.text == WHOLE and "called none" in warned(reply)
