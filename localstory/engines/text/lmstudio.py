"""LM Studio: its own interface tells and loads models; replies come through its OpenAI interface.

Its own chat question can't hold what the assistant said before, so it serves no chat that was edited or branched. Versions: v1 since
0.4, v0 since 0.3.6; older ones know only OpenAI's list. Source: LM Studio's REST documentation (2026-04).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from localstory.engines.base import OnProgress
from localstory.engines.text.dialects import LMSTUDIO
from localstory.engines.text.endpoint import Capabilities, NoSuchModel, NotFoundThere, NotOffered, ServerModel, ServerSaid
from localstory.engines.text.endpoint_stream import count_in
from localstory.engines.text.ollama import root_of
from localstory.engines.text.openai_endpoint import OpenAIEndpoint
from localstory.engines.text.openai_endpoint import listed as openai_listed
from localstory.events import Progress
from localstory.net import Net
from localstory.net.errors import BadAnswer, ServerTrouble
from localstory.words import mark

DEFAULT_URL = "http://127.0.0.1:1234"
_LOADING = mark("Loading a model in LM Studio")
_TOO_OLD = mark("This LM Studio is older than 0.4: load and unload in its own window.")
_UNKNOWN = (NotFoundThere, NoSuchModel, ServerTrouble, ServerSaid, BadAnswer)
"""What another version answers to a question that it does not know (some answer 200 with an error inside)."""


class LMStudioEngine(OpenAIEndpoint):
    """One model of one LM Studio. It loads the model itself at the first need, or by `load` with a context length."""

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        model: str = "",
        key: str = "",
        *,
        context_length: int | None = None,
        net: Net | None = None,
        patience: Any = None,
    ) -> None:
        super().__init__(root_of(base_url) + "/v1", model, key, dialect=LMSTUDIO, net=net, patience=patience)
        self._wanted_length = context_length
        self.interface = ""
        """Which of its interfaces lists models: "v1", "v0" or "openai"; "" before the first look."""

    def capabilities(self) -> Capabilities:
        """What it can do; loading only where the version can."""
        return capabilities_of(self.interface)

    async def models(self) -> list[ServerModel]:
        """What is there, with state, context length and quantisation where the version says. Raises NetTrouble (KeyNeeded)."""
        for interface, path in (("v1", "/api/v1/models"), ("v0", "/api/v0/models")):
            try:
                found = listed(interface, await self._ask(path, at_root=True))
            except _UNKNOWN:
                continue
            if found is not None:
                self.interface = interface
                return found
        found = openai_listed(await self._ask("/models"))
        if found is None:
            raise BadAnswer(self.host, mark("It is another list than agreed."))
        self.interface = "openai"
        return found

    async def load(self, report: OnProgress | None = None) -> None:
        """Load the model with the context length asked for. Raises NotOffered (too old), NoSuchModel, ServerSaid, NetTrouble."""
        await self._need("load")
        if report is not None:
            report(Progress(_LOADING))
        body: dict[str, Any] = {"model": self._model, "echo_load_config": True}
        if self._wanted_length:
            body["context_length"] = self._wanted_length
        value = await self._ask("/api/v1/models/load", body, at_root=True, is_slow=True)
        if not isinstance(value, dict) or value.get("status") != "loaded":
            raise BadAnswer(self.host, mark("It does not say that the model is loaded."))
        self._context_length = count_in(value.get("load_config"), "context_length") or self._wanted_length

    async def unload(self) -> None:
        """Free the memory of the model; one that is not loaded is fine. Raises NotOffered (too old), NetTrouble."""
        await self._need("unload")
        chosen = next((one for one in await self.models() if one.name == self._model), None)
        for instance in chosen.instances if chosen is not None else ():
            await self._ask("/api/v1/models/unload", {"instance_id": instance}, at_root=True)
        self._context_length = None
        self._has_looked = False

    async def _need(self, feature: str) -> None:
        await self._look_closely()
        if self.interface != "v1":
            raise NotOffered(self.host, feature, _TOO_OLD)


def capabilities_of(interface: str) -> Capabilities:
    """What an LM Studio with this newest interface ("" for not known yet) can do. Pure."""
    full = LMSTUDIO.capabilities()
    if interface in ("", "v1"):
        return full
    return replace(full, features=full.features - {"load", "unload"}, reasons={**full.reasons, "load": _TOO_OLD, "unload": _TOO_OLD})


def listed(interface: str, value: object) -> list[ServerModel] | None:
    """The models that can write in a list of v1 or v0; None for what is no such list. Pure."""
    entries = value.get("models" if interface == "v1" else "data") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        return None
    read = _of_v1 if interface == "v1" else _of_v0
    found = [read(one) for one in entries[:2000] if isinstance(one, dict)]
    if entries and not any(found):
        # OpenAI's list has the same frame as v0's; an empty one tells nothing.
        types = {one.get("type") for one in entries if isinstance(one, dict)}
        return [] if types & {"embedding", "embeddings"} else None
    return [one for one in found if one is not None]


def _of_v1(one: Mapping[str, Any]) -> ServerModel | None:
    if one.get("type") != "llm" or not isinstance(one.get("key"), str) or not isinstance(one.get("loaded_instances"), list):
        return None
    instances = [instance for instance in one["loaded_instances"] if isinstance(instance, dict) and isinstance(instance.get("id"), str)]
    quantisation = one.get("quantization")
    return ServerModel(
        one["key"][:300],
        str(one.get("display_name") or "")[:300],
        loaded=bool(instances),
        context_length=next((count_in(instance.get("config"), "context_length") for instance in instances), None),
        max_context_length=count_in(one, "max_context_length"),
        quantisation=str(quantisation.get("name") or "")[:40] if isinstance(quantisation, dict) else "",
        architecture=str(one.get("architecture") or "")[:80],
        size_bytes=count_in(one, "size_bytes"),
        instances=tuple(instance["id"][:300] for instance in instances),
    )


def _of_v0(one: Mapping[str, Any]) -> ServerModel | None:
    if one.get("type") not in ("llm", "vlm") or not isinstance(one.get("id"), str) or one.get("state") not in ("loaded", "not-loaded"):
        return None
    loaded = one["state"] == "loaded"
    return ServerModel(
        one["id"][:300],
        loaded=loaded,
        context_length=count_in(one, "loaded_context_length"),
        max_context_length=count_in(one, "max_context_length"),
        quantisation=str(one.get("quantization") or "")[:40],
        architecture=str(one.get("arch") or "")[:80],
        instances=(one["id"][:300],) if loaded else (),
    )
