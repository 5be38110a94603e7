"""An Ollama on this machine, written from its documented interface (api/types.go, docs/api, 2026-08): one model at a time in memory,
`num_ctx` reloads it, prompts that don't fit are cut in silence unless `truncate` and `shift` are false, calls of tools come whole and
with arguments that are objects, and nothing makes it call one."""

from __future__ import annotations

import json
import math
import time
from typing import Any

from tests.fakes.text_server import Asked, Handler, ServedModel, TextServer, Written, calls_of, embedded, page_of, tokens_of

_TOO_LONG = (
    "the prompt is longer than the context length currently available to the model; shorten the prompt, adjust the context length in settings, "
    "or use a model with a longer context length"
)
_OPTIONS = {
    "num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread", "draft_num_predict", "num_keep", "seed", "num_predict", "top_k", "top_p", "min_p",
    "typical_p", "repeat_last_n", "temperature", "repeat_penalty", "presence_penalty", "frequency_penalty", "stop",
}  # fmt: skip
_DEFAULT_WINDOW = 4096


class OllamaServer(TextServer):
    """`cuts_in_silence`: cuts whatever is asked, as old versions and some models do. `knows_tools`: its model's template has a place for them.
    `gives_ids`: calls have ids, as in newer versions."""

    def __init__(self, model: ServedModel | None = None, *, cuts_in_silence: bool = False, knows_tools: bool = True, gives_ids: bool = True) -> None:
        super().__init__(model or ServedModel("the-sea:1b"))
        self.cuts_in_silence, self.knows_tools, self.gives_ids = cuts_in_silence, knows_tools, gives_ids
        self.window: int | None = None
        """Of the loaded model; None when nothing is loaded."""
        self.loads = 0

    def answer(self, handler: Handler, asked: Asked) -> None:
        match asked.method, asked.path:
            case "GET", "/api/version":
                handler.json({"version": "0.19.2"})
            case "GET", "/api/tags":
                cloud = {"name": "big:cloud", "model": "big:cloud", "size": 400, "digest": "ab", "remote_host": "https://ollama.com:443", "details": {}}
                handler.json({"models": [cloud, self._entry()]})
            case "GET", "/api/ps":
                running = self._entry() | {"expires_at": "2026-11-22T12:00:00Z", "size_vram": 500_000_000, "context_length": self.window}
                handler.json({"models": [running] if self.window else []})
            case "POST", "/api/show":
                if asked.body.get("model") != self.model_name:
                    handler.json({"error": f"model '{asked.body.get('model')}' not found"}, 404)
                else:
                    facts = {"general.architecture": "llama", "llama.context_length": 131072}
                    details = self._entry()["details"]
                    handler.json({"modelfile": "FROM /blobs/sha256-0", "details": details, "model_info": facts, "capabilities": ["completion"]})
            case "POST", "/api/chat" | "/api/generate":
                self._write(handler, asked.body, is_chat=asked.path == "/api/chat")
            case "POST", "/api/embed":
                self._embed(handler, asked.body)
            case _:
                handler.json({"error": "not found"}, 404)

    def _entry(self) -> dict[str, Any]:
        details = {"format": "gguf", "family": "llama", "parameter_size": "1.2B", "quantization_level": "Q4_K_M", "context_length": 131072}
        return {"name": self.model_name, "model": self.model_name, "size": 800_000_000, "digest": "0" * 64, "details": details}

    def _embed(self, handler: Handler, body: dict[str, Any]) -> None:
        if body.get("model") != self.model_name:
            handler.json({"error": f"model '{body.get('model')}' not found"}, 404)
            return
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        self._load(body.get("options") or {})
        window = self.window or _DEFAULT_WINDOW
        counts = [len(tokens_of(text)) for text in texts]
        if max(counts) > window and body.get("truncate") is False:
            handler.json({"error": "the input length exceeds the context length"}, 400)
            return
        time.sleep(self.model.seconds_per_token * sum(min(count, window) for count in counts))
        vectors = [embedded(" ".join(text.split()[:window])) for text in texts]
        handler.json({"model": self.model_name, "embeddings": vectors, "total_duration": 14143917, "load_duration": 1019500, "prompt_eval_count": sum(counts)})

    def _write(self, handler: Handler, body: dict[str, Any], *, is_chat: bool) -> None:
        if body.get("model") != self.model_name:
            handler.json({"error": f"model '{body.get('model')}' not found"}, 404)
            return
        options = body.get("options") or {}
        assert set(options) <= _OPTIONS, "Ollama would log this and go on"
        base = {"model": self.model_name, "created_at": "2026-11-22T12:00:00Z"}
        empty: dict[str, Any] = {"message": {"role": "assistant", "content": ""}} if is_chat else {"response": ""}
        if not body.get("messages" if is_chat else "prompt"):
            if body.get("keep_alive") in (0, "0"):
                self.window = None
                handler.json(base | empty | {"done": True, "done_reason": "unload"})
                return
            self._load(options)
            handler.json(base | empty | {"done": True, "done_reason": "load"})
            return
        loaded_now = self._load(options)
        assert self.window is not None
        if body.get("tools") and not self.knows_tools:
            handler.json({"error": f"registry.ollama.ai/library/{self.model_name} does not support tools"}, 400)
            return
        if is_chat and not all(_is_known(message) for message in body["messages"]):
            handler.json({"error": "json: cannot unmarshal into Go struct field ChatRequest.messages"}, 400)
            return
        prompt = page_of(body) if is_chat else str(body["prompt"])
        counted = self.model.count(prompt)
        if counted >= self.window:
            if not self.cuts_in_silence and body.get("truncate") is False and body.get("shift") is False:
                handler.json({"error": _TOO_LONG}, 400)
                return
            counted = self.window // 2
        limit = int(options.get("num_predict", -1))
        limit = min(limit if limit > 0 else 1 << 30, self.window - counted)
        handler.begin("application/x-ndjson")
        out = Written()
        for index, (name, arguments) in enumerate(calls_of(body, is_forced=False) if is_chat else ()):
            call: dict[str, Any] = {"function": {"index": index, "name": name, "arguments": arguments}} | ({"id": f"call_{index}x"} if self.gives_ids else {})
            out.tokens, out.reason = out.tokens + 9, "stop"
            handler.chunk(json.dumps(base | {"message": {"role": "assistant", "content": "", "tool_calls": [call]}, "done": False}).encode() + b"\n")
        writing = self.model.write(prompt, seed=options.get("seed"), limit=limit, stops=options.get("stop") or [], out=out) if not out.reason else ()
        for token in writing:
            said: dict[str, Any] = {"message": {"role": "assistant", "content": token}} if is_chat else {"response": token}
            if body.get("logprobs"):
                own = {"token": token, "logprob": math.log(0.5), "bytes": list(token.encode())}
                said["logprobs"] = [own | {"top_logprobs": [own][: body.get("top_logprobs") or 0]}]
            handler.chunk(json.dumps(base | said | {"done": False}, ensure_ascii=False).encode() + b"\n")
        numbers = {
            "total_duration": 40_000_000, "load_duration": 30_000_000 if loaded_now else 1_000_000, "prompt_eval_count": counted,
            "prompt_eval_duration": 5_000_000, "eval_count": out.tokens, "eval_duration": 9_000_000,
        }  # fmt: skip
        handler.chunk(json.dumps(base | empty | {"done": True, "done_reason": out.reason} | numbers).encode() + b"\n")
        handler.end()

    def _load(self, options: dict[str, Any]) -> bool:
        wanted = options.get("num_ctx") or self.window or _DEFAULT_WINDOW
        if self.window == wanted:
            return False
        self.window = wanted
        self.loads += 1
        return True


def _is_known(message: dict[str, Any]) -> bool:
    """Whether Go's types take it: arguments are objects there."""
    return isinstance(message["content"], str) and all(isinstance(call["function"]["arguments"], dict) for call in message.get("tool_calls") or ())
