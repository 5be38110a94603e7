"""What goes out to each server, and what its answers become: beyond the contract that all engines share."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from localstory.engines.base import Message, PromptTooLong, Sampling, TextEngine, TextPiece, TextRequest
from localstory.engines.registry import SERVERS, open_server_engine
from localstory.engines.text.dialects import LLAMA_SERVER, LOCALSTORY
from localstory.engines.text.endpoint import EndpointReply, NotOffered, host_of, refused, too_long
from localstory.engines.text.endpoint_counting import careful_count, least_count
from localstory.engines.text.endpoint_stream import Events, Lines
from localstory.engines.text.fake import FakeTextEngine
from localstory.engines.text.lmstudio import LMStudioEngine
from localstory.engines.text.ollama import OllamaEngine, root_of
from localstory.engines.text.openai_endpoint import OpenAIEndpoint, server_url
from localstory.errors import BadRequest, CannotContinue
from localstory.net import Net
from localstory.net.errors import BadKey, CutOff, NoConnection, Offline
from localstory.words import fill
from tests.contracts.text_contract import ASK, collect, reply_to
from tests.fakes.lmstudio_server import LMStudioServer
from tests.fakes.odd_text_server import OddServer, data, head, plays, says
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.served import Served

SCHEMA = json.dumps({"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": False})


async def endpoint_reply(engine: TextEngine, request: TextRequest = ASK) -> EndpointReply:
    reply = await reply_to(engine, request)
    assert isinstance(reply, EndpointReply)
    return reply


def warned(reply: EndpointReply) -> str:
    return " ".join(fill(one.template, one.values) for one in reply.warnings)


# -- OpenAI's interface -------------------------------------------------------------------------------------------------


async def test_a_strict_server_gets_only_fields_of_the_standard() -> None:
    with OpenAIServer() as server:
        request = replace(ASK, json_schema=SCHEMA, logprobs=2, stop=("\n\n",), sampling=Sampling(seed=3, frequency_penalty=0.5))
        reply = await endpoint_reply(OpenAIEndpoint(server.url, server.model_name), request)
        body = server.requests[-1].body
        assert body["response_format"]["json_schema"]["schema"] == json.loads(SCHEMA)
        assert (body["seed"], body["frequency_penalty"], body["stop"], body["logprobs"], body["top_logprobs"]) == (3, 0.5, ["\n\n"], True, 2)
        assert "presence_penalty" not in body and reply.seed == 3 and not reply.warnings


async def test_what_a_server_does_not_know_is_left_out_and_said() -> None:
    with OpenAIServer() as server:
        engine = OpenAIEndpoint(server.url, server.model_name)
        reply = await endpoint_reply(engine, replace(ASK, sampling=Sampling(seed=1, dry_multiplier=0.8, min_p=0.2), thinking=True))
        assert "dry_multiplier" in warned(reply) and "min_p" in warned(reply) and "think" in warned(reply)
        asked = len(server.requests)
        goes_on = TextRequest((*ASK.messages, Message("assistant", "So")), continue_last=True)
        for request in (replace(ASK, grammar='root ::= "a"'), replace(ASK, prefill="Well, "), goes_on):
            with pytest.raises(NotOffered):
                await collect(engine, request)
        assert len(server.requests) == asked


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_schema_that_is_no_json_or_can_not_be_sent_is_refused(kind: str) -> None:
    for schema in ("{", "NaN", '{"maximum": 1e400}', "[" * 100_000):
        with pytest.raises(BadRequest):
            await collect(open_server_engine(kind, "http://127.0.0.1:9", "m", context_length=99), replace(ASK, json_schema=schema))


async def test_logprobs_come_with_their_pieces() -> None:
    with OpenAIServer() as server:
        engine = OpenAIEndpoint(server.url, server.model_name)
        for request in (replace(ASK, logprobs=2, max_tokens=5), TextRequest(prompt="Once", logprobs=2, max_tokens=5, sampling=ASK.sampling)):
            pieces = [event for event in await collect(engine, request) if isinstance(event, TextPiece)]
            tokens = [token for piece in pieces for token in piece.tokens]
            assert len(tokens) == 5
            assert b"".join(token.token for token in tokens).decode() == "".join(piece.text for piece in pieces)
            assert tokens[0].logprob == pytest.approx(math.log(0.5))
            assert [other.token for other in tokens[0].alternatives] == [tokens[0].token, b" no"]
        reply = await reply_to(engine, replace(ASK, score=True))
        assert reply.mean_logprob == pytest.approx(math.log(0.5))


async def test_llama_server_gets_every_sampler_by_its_own_name() -> None:
    with OpenAIServer(is_llama_server=True) as server:
        sampling = Sampling(
            seed=1, top_k=7, min_p=0.1, typical_p=0.9, dry_multiplier=0.8, dry_last_n=99, dry_breakers=("\n",), xtc_probability=0.5, mirostat=True,
            logit_bias=((5, -math.inf), (" sea", 1.5)), order=("top_k", "typical", "temperature"),
        )  # fmt: skip
        engine = OpenAIEndpoint(server.url, server.model_name, dialect=LLAMA_SERVER)
        reply = await endpoint_reply(engine, replace(ASK, sampling=sampling, grammar='root ::= "a"'))
        body = server.requests[-1].body
        assert (body["top_k"], body["min_p"], body["typical_p"], body["dry_penalty_last_n"], body["dry_sequence_breakers"]) == (7, 0.1, 0.9, 99, ["\n"])
        assert (body["mirostat"], body["logit_bias"], body["samplers"]) == (2, [[5, False], [" sea", 1.5]], ["top_k", "typ_p", "temperature"])
        assert body["grammar"] == 'root ::= "a"' and not reply.warnings


async def test_llama_server_goes_on_with_a_given_beginning_and_tells_what_it_reused() -> None:
    with OpenAIServer(is_llama_server=True) as server:
        engine = OpenAIEndpoint(server.url, dialect=LLAMA_SERVER)
        events = await collect(engine, replace(ASK, prefill="Well, "))
        assert isinstance(events[1], TextPiece) and events[1].text == "Well, "
        assert server.requests[-1].body["messages"][-1] == {"role": "assistant", "content": "Well, "}
        other = replace(ASK, messages=(Message("user", "Quite another question."),))
        assert (await endpoint_reply(engine, other)).usage.reused_tokens == 0
        again = await endpoint_reply(engine, other)
        assert again.usage.reused_tokens == again.usage.prompt_tokens - 3
        assert again.timing.prompt_s == 0.0125
        facts = engine.describe()
        assert (facts.name, facts.model, facts.context_length, facts.version) == ("llama_server", "the-sea-1b", 8192, "b11800-0c1e57098")


async def test_thoughts_are_kept_apart_however_a_server_sends_them() -> None:
    with OddServer() as server:
        fields = data({"choices": [{"delta": {"reasoning_content": "Hm."}}]}) + data({"choices": [{"delta": {"reasoning": " So."}}]}) + says("Yes", "stop")
        for script in (fields, says("<think>Hm.") + says(" So.</think>\n\nYes", "stop")):
            server.do(plays(head(), script))
            events = await collect(OpenAIEndpoint(server.url, "m", context_length=99), ASK)
            reply = events[-1]
            assert isinstance(reply, EndpointReply)
            assert (reply.reasoning, reply.text) == ("Hm. So.", "Yes")
            assert [(event.kind, event.text) for event in events if isinstance(event, TextPiece)][-1] == ("answer", "Yes")


async def test_a_reply_without_numbers_has_estimates_and_says_so() -> None:
    with OddServer() as server:
        server.do(plays(head(), says("a b"), says(" c", "stop"), data("[DONE]")))
        reply = await endpoint_reply(OpenAIEndpoint(server.url, "m", context_length=99))
        assert reply.usage.generated_tokens == 2 and reply.usage.prompt_tokens > 0 and "estimates" in warned(reply)


async def test_a_server_that_hangs_up_on_a_long_prompt_is_understood() -> None:
    with OddServer() as server:
        server.do(plays())
        engine = OpenAIEndpoint(server.url, "m", context_length=100)
        with pytest.raises(PromptTooLong):
            await collect(engine, TextRequest(prompt="word " * 100))
        with pytest.raises(CutOff):
            await collect(engine, TextRequest(prompt="word " * 50))


async def test_the_context_that_ends_first_is_told_from_the_length() -> None:
    with OllamaServer() as server:
        reply = await endpoint_reply(OllamaEngine(server.url, server.model_name, context_length=40), replace(ASK, max_tokens=500))
        assert reply.stop_reason == "context"


async def test_a_key_with_a_line_break_is_sent_nowhere_and_offline_means_offline() -> None:
    with OpenAIServer() as server:
        for key in ("sk\r\nX-Evil: 1", "sk 1", "khóa"):
            with pytest.raises(BadKey) as refusal:
                await collect(OpenAIEndpoint(server.url, server.model_name, key, context_length=99), ASK)
            assert key not in str(refusal.value)
        assert server.requests == []
        with Net(offline=True) as net:
            assert (await reply_to(OpenAIEndpoint(server.url, server.model_name, net=net), ASK)).text
            for engine in (OpenAIEndpoint("https://192.0.2.7/v1", "m", "k", net=net), OllamaEngine("http://192.0.2.7:11434", "m", net=net)):
                with pytest.raises(Offline):
                    await collect(engine, ASK)
        assert [line.outcome for line in net.connections()][-2:] == ["offline", "offline"]


async def test_nobody_there_is_said_at_once() -> None:
    with OddServer() as server:
        url = server.url
    for kind in SERVERS:
        with pytest.raises(NoConnection):
            await collect(open_server_engine(kind, url, "m"), ASK)


async def test_our_own_server_hears_what_is_private_and_whether_to_guess() -> None:
    with Served({"the-sea": FakeTextEngine("The sea is wide.")}) as served:
        engine = OpenAIEndpoint(served.url, "the-sea", served.key, dialect=LOCALSTORY)
        for asked in (replace(ASK, private=True, lookup=False), TextRequest(prompt="Once", private=True, lookup=True)):
            assert (await reply_to(engine, asked)).text
            heard = served.engine.requests[-1]
            assert (heard.private, heard.lookup) == (True, asked.lookup)


# -- Ollama -------------------------------------------------------------------------------------------------------------


async def test_ollama_is_told_the_window_and_never_to_cut() -> None:
    with OllamaServer() as server:
        engine = OllamaEngine(server.url, server.model_name, context_length=2048, keep_alive="10m")
        await reply_to(engine, replace(ASK, json_schema=SCHEMA, thinking=False))
        body = next(asked.body for asked in server.requests if asked.path == "/api/chat")
        assert (body["truncate"], body["shift"], body["options"]["num_ctx"], body["keep_alive"]) == (False, False, 2048, "10m")
        assert body["format"] == json.loads(SCHEMA) and body["think"] is False
        assert engine.describe().context_length == 2048


async def test_an_ollama_that_cuts_in_silence_is_found_out() -> None:
    long = replace(ASK, messages=(Message("user", "word " * 3000),))
    with OllamaServer(cuts_in_silence=True) as server:
        reply = await endpoint_reply(OllamaEngine(server.url, server.model_name, context_length=1024), long)
        assert "read only 512 tokens of at least 3000" in warned(reply)
    with OllamaServer() as server:
        engine = OllamaEngine(server.url, server.model_name, context_length=1024)
        with pytest.raises(PromptTooLong) as refusal:
            await collect(engine, long)
        assert refusal.value.context_length == 1024
        assert not (await endpoint_reply(OllamaEngine(server.url, server.model_name, context_length=8192), long)).warnings


async def test_ollama_chooses_its_own_model_never_one_of_the_cloud_and_loads_and_unloads() -> None:
    with OllamaServer() as server:
        engine = OllamaEngine(server.url, context_length=2048)
        await engine.load()
        assert (server.window, engine.describe().model, engine.describe().context_length) == (2048, "the-sea:1b", 2048)
        reply = await endpoint_reply(engine)
        assert reply.timing.load_s == 0.001 and server.loads == 1
        await engine.unload()
        assert server.window is None
        shown = await engine.show("the-sea:1b")
        assert (shown.max_context_length, shown.quantisation, shown.architecture) == (131072, "Q4_K_M", "llama")
        with pytest.raises(CannotContinue) as refusal:
            await engine.show("none")
        assert refusal.value.code == "no_such_model"


# -- LM Studio ----------------------------------------------------------------------------------------------------------


async def test_lmstudio_loads_with_a_context_length_and_unloads() -> None:
    with LMStudioServer(key="k") as server:
        engine = LMStudioEngine(server.url, server.model_name, "k", context_length=3000)
        await engine.load()
        assert (server.loaded_length, engine.describe().context_length) == (3000, 3000)
        assert [one.loaded for one in await engine.models()] == [True]
        await engine.unload()
        assert server.loaded_length is None
        await engine.unload()
        with pytest.raises(CannotContinue) as refusal:
            await LMStudioEngine(server.url, "no/such", "k").load()
        assert refusal.value.code == "no_such_model"


@pytest.mark.parametrize("newest", ["v0", "openai"])
async def test_an_older_lmstudio_lists_and_writes_and_says_that_it_cannot_load(newest: str) -> None:
    with LMStudioServer(newest=newest) as server:
        engine = LMStudioEngine(server.url)
        (model,) = await engine.models()
        assert (engine.interface, model.name, model.loaded) == (newest, server.model_name, False if newest == "v0" else None)
        assert (await reply_to(engine, ASK)).model == server.model_name
        with pytest.raises(NotOffered) as refusal:
            await engine.load()
        assert "0.4" in str(refusal.value) and "older" in engine.capabilities().why_not("unload")


# -- pure ---------------------------------------------------------------------------------------------------------------


def test_addresses_as_people_type_them() -> None:
    assert server_url("localhost:8080") == "http://localhost:8080/v1"
    assert server_url("https://example.com/openai/api/") == "https://example.com/openai/api"
    assert root_of("localhost:11434/v1/") == root_of("http://localhost:11434/api") == "http://localhost:11434"
    assert (host_of("https://user:pass@example.com:8443/x"), host_of("http://[::1")) == ("example.com:8443", "")


@pytest.mark.parametrize(
    ("said", "prompt", "window"),
    [
        # OpenAI; vLLM; llama-cpp-python; LM Studio; Ollama: sentences as their sources have them.
        ("This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens.", 9001, 8192),
        ("This model's maximum context length is 512 tokens, however you requested 1000 tokens (984 in your prompt; 16 for the completion).", 1000, 512),
        ("Requested tokens (1024) exceed context window of 512", 1024, 512),
        ("Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens", 5000, 4096),
        ("the prompt is longer than the context length currently available to the model; shorten the prompt", 777, 0),
    ],
)
def test_prompts_that_are_too_long_are_known_in_every_accent(said: str, prompt: int, window: int) -> None:
    found = too_long({"error": {"message": said}}, said, 777, None)
    assert found is not None and (found.prompt_tokens, found.context_length) == (prompt, window)


@pytest.mark.parametrize("said", ["context canceled", "The maximum number of requests is exceeded", "invalid model", "", "max_tokens is too large: 5"])
def test_other_sentences_are_not(said: str) -> None:
    assert too_long({"error": {"message": said}}, said, 777, 4096) is None


def test_what_a_server_says_becomes_one_calm_line() -> None:
    body = json.dumps({"error": {"message": "bad\n\x1b[31mthing\u202e " + "x" * 5000}}).encode()
    text = str(refused("h", 500, {}, body))
    assert "\n" not in text and "\x1b" not in text and "\u202e" not in text and len(text) < 500
    assert "<" not in str(refused("h", 500, {}, b"<html><script>alert(1)</script>"))


def test_lines_and_events_are_the_same_however_the_bytes_are_cut() -> None:
    stream = "\ufeff: hi\r\nevent: x\rdata: đẹp\r\ndata: 🐉\n\r\ndata:z\n\n".encode()
    for size in range(1, len(stream) + 1):
        lines, events = Lines("h"), Events()
        found = [event for at in range(0, len(stream), size) for line in lines.feed(stream[at : at + size]) if (event := events.line(line)) is not None]
        assert found == [("x", "đẹp\n🐉"), ("", "z")]


def test_estimates_stand_on_the_safe_side_of_real_counts() -> None:
    # Counted by SmolLM2's tokeniser (49k tokens, one of the smaller ones), on 2026-11-23.
    for text, tokens in _COUNTED:
        assert least_count([text]) <= tokens <= careful_count(text) <= 4 * tokens + 8, text
    assert careful_count("") == 0


_COUNTED = (
    ("The sea is wide, and the little boat sails on.", 12),
    ("Con đường về nhà đẹp như một giấc mơ, Mai nói.", 40),
    ("def main() -> int:\n    return {x: x**2 for x in range(10)}\n", 23),
    ("🐉👩‍👩‍👧 ok", 17),
    ("大海很宽广，小船继续航行。", 24),
    ("<|im_start|>user\n\n\n", 9),
    ("https://example.com/a?b=1&c=%20#x", 18),
    ("aaaaaaaaaaaaaaaaaaaaaaaa", 6),
    ("1234567890 3.14159", 18),
    ("supercalifragilisticexpialidocious antidisestablishmentarianism", 16),
)
