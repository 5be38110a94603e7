"""Servers on this computer are found by what they answer, fast, without a key going anywhere."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from localstory.cli import main as cli
from localstory.engines.text import discovery
from localstory.engines.text.discovery import find_servers, identify, recognise
from localstory.net import Net
from localstory.net.errors import NoConnection, Offline
from tests.fakes.lmstudio_server import LMStudioServer
from tests.fakes.odd_text_server import OddServer, head, plays, stalls
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.openai_server import OpenAIServer
from tests.fakes.text_server import Asked, Handler, TextServer


class KoboldServer(OllamaServer):
    """KoboldCpp: speaks Ollama's interface too, and OpenAI's."""

    def answer(self, handler: Handler, asked: Asked) -> None:
        if asked.path == "/api/extra/version":
            handler.json({"result": "KoboldCpp", "version": "1.123", "protected": False, "txt2img": False})
        elif asked.path == "/v1/models":
            handler.json({"object": "list", "data": [{"id": "koboldcpp/the-sea", "object": "model", "owned_by": "koboldcpp"}]})
        else:
            super().answer(handler, asked)


@pytest.fixture
def net() -> Iterator[Net]:
    with Net() as net:
        yield net


def ports(*servers: TextServer | OddServer) -> dict[int, str]:
    return {int(server.url.rsplit(":", 1)[1]): "" for server in servers}


async def test_each_kind_is_known_by_its_answers_with_its_models_and_their_state(net: Net) -> None:
    with OllamaServer() as ollama, LMStudioServer() as lmstudio, OpenAIServer(is_llama_server=True) as llama, KoboldServer() as kobold, OpenAIServer() as other:
        ollama.window, lmstudio.loaded_length = 4096, 8192
        here = ports(other, kobold, llama, lmstudio, ollama)
        await find_servers(net, here)  # the first look imports things
        began = time.monotonic()
        found = await find_servers(net, here)
        assert time.monotonic() - began < discovery.SEARCH_SECONDS
        assert [one.kind for one in found] == ["openai", "koboldcpp", "llama_server", "lmstudio", "ollama"]
        of_openai, of_kobold, of_llama, of_lmstudio, of_ollama = found
        assert [one.name for one in of_openai.models] == ["the-sea-1b"]
        assert (of_kobold.version, of_kobold.models[0].name) == ("1.123", "koboldcpp/the-sea")
        assert (of_llama.version, of_llama.models[0].context_length, of_llama.models[0].loaded) == ("b11800-0c1e57098", 8192, True)
        (sea,) = of_lmstudio.models
        assert (sea.loaded, sea.context_length, sea.max_context_length, sea.quantisation) == (True, 8192, 131072, "Q4_K_M")
        cloud, own = of_ollama.models
        assert of_ollama.version == "0.19.2" and cloud.remote and not own.remote
        assert (own.loaded, own.context_length, own.max_context_length, own.quantisation, own.size_on_card_bytes) == (True, 4096, 131072, "Q4_K_M", 500_000_000)
        for one in found:
            assert one.capabilities.why_not("banned_phrases") and one.capabilities.why_not("seed") == ""


async def test_an_older_lmstudio_says_what_it_cannot_do(net: Net) -> None:
    with LMStudioServer(newest="v0") as server:
        (found,) = await find_servers(net, ports(server))
        assert (found.kind, found.models[0].loaded) == ("lmstudio", False)
        assert "older than 0.4" in found.capabilities.why_not("load")


async def test_one_that_wants_a_key_is_found_and_gets_none(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALSTORY_KEY", "sk-canary")
    with LMStudioServer(key="lm-secret") as server:
        (found,) = await find_servers(net, ports(server))
        assert found.needs_key and found.kind == "lmstudio" and not found.models
        assert not any("authorization" in asked.headers for asked in server.requests)
    with OpenAIServer(key="sk-secret") as server:
        (found,) = await find_servers(net, ports(server))
        assert found.needs_key and found.kind == "openai"


async def test_what_is_no_model_server_is_passed_over_in_time(net: Net) -> None:
    page = "<html>My router</html>"
    with OddServer() as router, OddServer() as silent, OddServer() as odd, OllamaServer() as ollama:
        router.do(plays(head("200 OK", "text/html", f"Content-Length: {len(page)}"), page))
        silent.do(stalls())
        odd.do(plays(head("200 OK", "application/json"), json.dumps({"models": 7, "data": {"x": 1}, "version": [1], "default_generation_settings": None})))
        began = time.monotonic()
        found = await find_servers(net, ports(router, silent, odd, ollama))
        assert time.monotonic() - began < 2 * discovery.SEARCH_SECONDS
        assert [one.kind for one in found] == ["ollama"]


async def test_closed_ports_cost_nothing(net: Net) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    began = time.monotonic()
    assert await find_servers(net, {port: ""}) == []
    assert time.monotonic() - began < 0.5
    with pytest.raises(NoConnection):
        await identify(net, f"http://127.0.0.1:{port}")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue of connections refuses them at once")
async def test_a_port_that_lets_nobody_in_is_not_waited_for(net: Net) -> None:
    """A program that hangs takes no connections; when its queue is full, the next one gets no answer at all."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as stuck, contextlib.ExitStack() as open_ones, OllamaServer() as ollama:
        address = stuck.getsockname()
        for _number in range(4):
            one = open_ones.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(address)
        begun = time.monotonic()
        found = await find_servers(net, {address[1]: "", ollama.port: ""})
        assert [server.kind for server in found] == ["ollama"]
        assert time.monotonic() - begun < 3


async def test_offline_only_this_computer_is_asked() -> None:
    with Net(offline=True) as net, OllamaServer() as server:
        assert (await identify(net, server.url)).kind == "ollama"
        with pytest.raises(Offline):
            await identify(net, "http://192.0.2.7:11434")


@pytest.mark.parametrize("value", [None, 7, [], {}, {"models": None}, {"data": [None, 7, {"id": 3}]}, {"models": [{"key": 1}]}, {"version": None}, "text"])
def test_strange_answers_are_no_server_or_an_empty_one(value: Any) -> None:
    for question in ("/v1/models", "/api/v1/models", "/api/v0/models", "/api/tags", "/api/ps", "/props", "/api/version", "/api/extra/version"):
        found = recognise("http://127.0.0.1:1", {question: value})
        assert found is None or not found.models


def test_ask_reaches_a_server_by_its_address(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with OllamaServer() as ollama, OpenAIServer(key="sk-of-the-test") as other:
        assert cli(["ask", "Hello 🐉", "--engine", ollama.url, "--seed", "3", "--max-tokens", "9", "--json"]) == 0
        answer = json.loads(capsys.readouterr().out)
        assert (answer["engine"], answer["model"], answer["usage"]["generated_tokens"], answer["stop_reason"]) == ("ollama", "the-sea:1b", 9, "length")
        monkeypatch.setitem(discovery.ADDRESSES, "ollama", ollama.url)
        assert cli(["ask", "Hello 🐉", "--engine", "ollama", "--seed", "3", "--max-tokens", "9", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["text"] == answer["text"] != ""
        assert cli(["ask", "Hello", "--engine", other.url, "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "key_needed"
        monkeypatch.setenv("LOCALSTORY_KEY", "sk-of-the-test")
        assert cli(["ask", "Hello", "--engine", other.url + "/v1", "--max-tokens", "5", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["model"] == "the-sea-1b"
        assert cli(["ask", "Hello", "--engine", "ftp://x", "--json"]) == 1
        assert json.loads(capsys.readouterr().out)["error"]["code"] == "bad_address"


def test_engines_lists_what_it_finds(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with OllamaServer() as ollama, LMStudioServer(key="k") as locked:
        ollama.window = 4096
        monkeypatch.setattr(discovery, "PORTS", ports(ollama, locked))
        monkeypatch.setattr(discovery.find_servers, "__defaults__", (discovery.PORTS, discovery.SEARCH_SECONDS))
        assert cli(["engines", "--json"]) == 0
        servers = json.loads(capsys.readouterr().out)["servers"]
        assert [(one["kind"], one["needs_key"]) for one in servers] == [("ollama", False), ("lmstudio", True)]
        assert servers[0]["models"][1]["loaded"] and "grammar" in servers[0]["cannot"]
        assert cli(["engines"]) == 0
        said = capsys.readouterr()
        assert "the-sea:1b, Q4_K_M, 763 MiB, loaded, 4,096 tokens of context" in said.out + said.err
        assert "It wants a key" in said.out + said.err
