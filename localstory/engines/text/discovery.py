"""Which model servers run on this computer: their usual ports, on loopback only, all at once.

Each is recognised by what it answers, not by its port: KoboldCpp can sit on Ollama's and speaks Ollama's interface there. No key is
sent to what was not named by a person.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from localstory.engines.media import NO_MEDIA, Media, media_of
from localstory.engines.text import dialects, lmstudio, ollama
from localstory.engines.text.endpoint import Capabilities, ServerModel, host_of
from localstory.engines.text.endpoint_stream import count_in
from localstory.engines.text.openai_endpoint import listed as openai_listed
from localstory.net import Net, is_loopback
from localstory.net.errors import NetTrouble
from localstory.words import mark

SEARCH_SECONDS = 0.5
PORTS: Mapping[int, str] = {
    1234: "LM Studio", 11434: "Ollama", 8080: "llama-server", 5001: "KoboldCpp", 1337: "Jan", 4891: "GPT4All", 8000: "llama-cpp-python, vLLM",
    11711: "localstory",
}  # fmt: skip
"""Usual port -> who usually sits there."""
TITLES = {
    "lmstudio": "LM Studio", "ollama": "Ollama", "llama_server": "llama-server", "koboldcpp": "KoboldCpp", "localstory": "localstory", "openai": "OpenAI API",
}  # fmt: skip
ADDRESSES = {
    "ollama": ollama.DEFAULT_URL, "lmstudio": lmstudio.DEFAULT_URL, "llama_server": "http://127.0.0.1:8080", "koboldcpp": "http://127.0.0.1:5001",
    "localstory": "http://127.0.0.1:11711",
}  # fmt: skip
"""A name that a person can type instead of an address."""

_QUESTIONS = (
    "/api/extra/version", "/api/v1/models", "/api/v0/models", "/props", "/api/version", "/api/tags", "/api/ps", "/v1/models",
)  # fmt: skip
_LOOKING = mark("Looking for model servers")


class _Refused(str):
    """In the place of an answer: what was said with a 401 or 403."""


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A server that answered."""

    kind: str
    """ "lmstudio", "ollama", "llama_server", "koboldcpp", "localstory" (another one's `serve`), or "openai" for others."""
    url: str
    """Its root."""
    version: str
    models: tuple[ServerModel, ...]
    capabilities: Capabilities
    needs_key: bool = False
    media: Media = NO_MEDIA
    """What it offers for speech and pictures."""

    @property
    def title(self) -> str:
        """Its name for people."""
        return TITLES[self.kind]


async def find_servers(net: Net, ports: Mapping[int, str] = PORTS, seconds: float = SEARCH_SECONDS) -> list[FoundServer]:
    """Every model server on the usual ports of this computer, in the order of the ports. Never raises for what it meets there."""
    await asyncio.to_thread(__import__, "localstory.net.live")  # the first import takes longer than the search
    addresses = [f"http://127.0.0.1:{port}" for port in dict.fromkeys([*ports, *_port_of_environment()])]
    found = await asyncio.gather(*(_look_at(net, url, seconds) for url in addresses))
    return [one for one in found if one is not None]


async def identify(net: Net, url: str, key: str = "", seconds: float = 15.0) -> FoundServer:
    """What kind of server a person named. One that answers nothing we know is taken for one with OpenAI's interface.

    Raises NetTrouble when it can't be reached.
    """
    root = ollama.root_of(url)
    answers, trouble = await _ask_all(net, root, key, seconds)
    if trouble is not None and not answers:
        raise trouble
    return recognise(root, answers) or FoundServer("openai", root, "", (), dialects.OPENAI.capabilities())


def recognise(url: str, answers: Mapping[str, Any]) -> FoundServer | None:
    """Who answered so (question -> JSON value), and what it offers; None for no model server. Pure."""
    found = _recognised(url, answers)
    if found is None or found.kind in ("ollama", "lmstudio"):  # neither speaks nor draws
        return found
    return replace(found, media=media_of((model.name for model in found.models), answers.get("/api/extra/version")))


def _recognised(url: str, answers: Mapping[str, Any]) -> FoundServer | None:
    host = host_of(url)
    listed = openai_listed(answers.get("/v1/models"))
    extra = answers.get("/api/extra/version")
    if isinstance(extra, dict) and extra.get("result") == "KoboldCpp":
        return FoundServer("koboldcpp", url, _short(extra.get("version")), tuple(listed or ()), dialects.KOBOLDCPP.capabilities())
    for interface in ("v1", "v0"):
        models = lmstudio.listed(interface, answers.get(f"/api/{interface}/models"))
        if models is not None and (models or interface == "v1"):
            return FoundServer("lmstudio", url, _of_lmstudio(interface), tuple(models), lmstudio.capabilities_of(interface))
    props = answers.get("/props")
    settings = props.get("default_generation_settings") if isinstance(props, dict) else None
    if isinstance(props, dict) and isinstance(settings, dict):
        window = count_in(settings, "n_ctx")
        models = [_with_window(one, window) for one in listed or ()]
        return FoundServer("llama_server", url, _short(props.get("build_info")), tuple(models), dialects.LLAMA_SERVER.capabilities())
    version = answers.get("/api/version")
    if isinstance(version, dict) and isinstance(version.get("version"), str) and "/api/tags" in answers:
        try:
            models = ollama.listed(answers["/api/tags"], answers.get("/api/ps", {"models": []}), host)
        except NetTrouble:
            models = []
        return FoundServer("ollama", url, _short(version["version"]), tuple(models), ollama.CAPABILITIES)
    if listed and _is_ours(answers["/v1/models"]):
        return FoundServer("localstory", url, "", tuple(listed), dialects.LOCALSTORY.capabilities())
    if listed is not None:
        return FoundServer("openai", url, "", tuple(listed), dialects.OPENAI.capabilities())
    refusal = answers.get("/v1/models")
    if isinstance(refusal, _Refused):
        # By its words: others too want a key for every question.
        words = refusal.lower()
        kind = "lmstudio" if "lm studio" in words else "localstory" if "localstory" in words else "openai"
        return FoundServer(kind, url, "", (), dialects.DIALECTS[kind].capabilities(), needs_key=True)
    return None


def _is_ours(value: Any) -> bool:
    """Whether every model of this list says that a localstory server owns it."""
    return all(isinstance(one, dict) and one.get("owned_by") == "localstory" for one in value["data"])


async def _look_at(net: Net, url: str, seconds: float) -> FoundServer | None:
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(seconds):
            # Most ports are closed: one look is cheaper than eight questions.
            _reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
            writer.close()
    except (OSError, TimeoutError):
        return None
    answers, _trouble = await _ask_all(net, url, "", seconds * 0.8)
    return recognise(url, answers)


async def _ask_all(net: Net, url: str, key: str, seconds: float) -> tuple[dict[str, Any], NetTrouble | None]:
    """What the server says to all questions within `seconds`, and why it can't be reached if it can't."""
    from localstory.net.live import HttpRefusal, LivePatience, ask_json

    patience = LivePatience(seconds, seconds, seconds, seconds)
    path = urlsplit(url).path
    answers: dict[str, Any] = {}
    troubles: list[NetTrouble] = []

    async def ask(question: str) -> None:
        try:
            answers[question] = await ask_json(net, url, path + question, purpose=_LOOKING, key=key, patience=patience, limit_bytes=4 << 20)
        except HttpRefusal as refusal:
            if refusal.status in (401, 403):
                answers[question] = _Refused(refusal.body[:2000].decode("utf-8", "replace"))
            else:
                answers.setdefault("", refusal.status)
        except NetTrouble as trouble:
            troubles.append(trouble)

    await asyncio.wait([asyncio.create_task(ask(question)) for question in _QUESTIONS])
    return answers, troubles[0] if troubles else None


def _with_window(model: ServerModel, window: int | None) -> ServerModel:
    return replace(model, context_length=window, loaded=True if model.loaded is None else model.loaded)


def _of_lmstudio(interface: str) -> str:
    return {"v1": "≥ 0.4", "v0": "≥ 0.3.6"}[interface]


def _short(text: object) -> str:
    return str(text)[:60] if isinstance(text, str | int | float) else ""


def _port_of_environment() -> list[int]:
    """Where OLLAMA_HOST says that Ollama listens, when it is on this computer."""
    told = os.environ.get("OLLAMA_HOST", "").strip()
    try:
        parts = urlsplit(told if "://" in told else f"http://{told}")
        host, port = parts.hostname or "127.0.0.1", parts.port
    except ValueError:
        return []
    return [port] if port and (is_loopback(host) or host == "0.0.0.0") else []
