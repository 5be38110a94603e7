"""An LM Studio on this machine, written from its REST documentation (2026-04): v1 (0.4), v0 (0.3.6) or neither; questions it does
not know get 200 with an error inside, as the real one answers them."""

from __future__ import annotations

from typing import Any

from tests.fakes.openai_server import OpenAIServer
from tests.fakes.text_server import Asked, Handler, ServedModel

_EXTRA = {"top_k", "repeat_penalty", "ttl", "draft_model", "logit_bias"}


class LMStudioServer(OpenAIServer):
    """`newest`: the newest interface it has, "v1", "v0" or "openai"."""

    def __init__(self, model: ServedModel | None = None, *, key: str = "", newest: str = "v1") -> None:
        super().__init__(model or ServedModel("owner/the-sea-1b"), key=key)
        self.newest = newest
        self.loaded_length: int | None = None
        """None: not in memory."""

    def answer(self, handler: Handler, asked: Asked) -> None:
        if self.key and asked.headers.get("authorization") != f"Bearer {self.key}":
            handler.json({"error": {"message": "Malformed LM Studio API token provided.", "type": "invalid_request", "code": "invalid_api_key"}}, 401)
            return
        has_v1, has_v0 = self.newest == "v1", self.newest in ("v1", "v0")
        match asked.method, asked.path:
            case "GET", "/api/v1/models" if has_v1:
                handler.json({"models": [self._of_v1(), {"type": "embedding", "key": "nomic-embed", "loaded_instances": [], "max_context_length": 2048}]})
            case "GET", "/api/v0/models" if has_v0:
                handler.json({"object": "list", "data": [self._of_v0()]})
            case "POST", "/api/v1/models/load" if has_v1:
                if asked.body.get("model") != self.model_name:
                    handler.json({"error": {"type": "model_not_found", "message": f"Model {asked.body.get('model')} not found"}}, 404)
                    return
                self.loaded_length = int(asked.body.get("context_length") or self.model.context_length)
                self.model.context_length = self.loaded_length
                answer = {"type": "llm", "instance_id": self.model_name, "load_time_seconds": 0.2, "status": "loaded"}
                handler.json(answer | ({"load_config": {"context_length": self.loaded_length}} if asked.body.get("echo_load_config") else {}))
            case "POST", "/api/v1/models/unload" if has_v1:
                assert asked.body["instance_id"] == self.model_name
                self.loaded_length = None
                handler.json({"instance_id": self.model_name})
            case "GET", "/v1/models":
                handler.json({"object": "list", "data": [{"id": self.model_name, "object": "model", "owned_by": "organization_owner"}]})
            case "POST", "/v1/chat/completions" | "/v1/completions":
                self.loaded_length = self.loaded_length or self.model.context_length
                if not isinstance(asked.body.get("tool_choice", ""), str):
                    handler.json({"error": "Invalid tool_choice type: 'object'. Supported string values: none, auto, required"}, 400)
                    return
                own = {name: value for name, value in asked.body.items() if name not in _EXTRA}
                self._write(handler, own, is_chat=asked.path.endswith("chat/completions"))
            case "POST", "/v1/embeddings":
                self._embed(handler, asked.body)
            case _:
                handler.json({"error": f"Unexpected endpoint or method. ({asked.method} {asked.path})"})

    def _of_v1(self) -> dict[str, Any]:
        config = {"context_length": self.loaded_length, "eval_batch_size": 512, "parallel": 4, "flash_attention": True, "offload_kv_cache_to_gpu": True}
        return {
            "type": "llm", "publisher": "owner", "key": self.model_name, "display_name": "The Sea 1B", "architecture": "llama",
            "quantization": {"name": "Q4_K_M", "bits_per_weight": 4.5}, "size_bytes": 800_000_000, "params_string": "1B",
            "loaded_instances": [{"id": self.model_name, "config": config}] if self.loaded_length else [], "max_context_length": 131072, "format": "gguf",
            "capabilities": {"vision": False, "trained_for_tool_use": False}, "description": None,
        }  # fmt: skip

    def _of_v0(self) -> dict[str, Any]:
        entry: dict[str, Any] = {
            "id": self.model_name, "object": "model", "type": "llm", "publisher": "owner", "arch": "llama", "compatibility_type": "gguf",
            "quantization": "Q4_K_M", "state": "loaded" if self.loaded_length else "not-loaded", "max_context_length": 131072,
        }  # fmt: skip
        return entry | ({"loaded_context_length": self.loaded_length} if self.loaded_length else {})
