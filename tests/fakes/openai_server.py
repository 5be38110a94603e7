"""A server on this machine that speaks OpenAI's interface as its API reference documents it (chat/completions, completions, models;
unknown fields are refused, at most four stop texts, every call of a tool must be answered), as llama-server does (more samplers, /props,
/tokenize, /apply-template, /lora-adapters; a tool_choice that is an object means "auto"), or as KoboldCpp does (calls come whole, and
nothing counts their tokens)."""

from __future__ import annotations

import json
import math
import time
from typing import Any

from tests.fakes.text_server import Asked, Handler, ServedModel, TextServer, Written, calls_of, embedded, page_of, tokens_of

_COMMON = {
    "model", "max_tokens", "max_completion_tokens", "stream", "stream_options", "temperature", "top_p", "frequency_penalty", "presence_penalty",
    "seed", "stop", "n", "user", "logit_bias",
}  # fmt: skip
_CHAT = _COMMON | {"messages", "response_format", "logprobs", "top_logprobs", "tools", "tool_choice", "reasoning_effort"}
_COMPLETION = _COMMON | {"prompt", "echo", "suffix", "logprobs", "best_of"}


class OpenAIServer(TextServer):
    """`is_llama_server`, `is_kobold`: speaks as that one does."""

    def __init__(self, model: ServedModel | None = None, *, key: str = "", is_llama_server: bool = False, is_kobold: bool = False) -> None:
        super().__init__(model, key=key)
        self.is_llama_server, self.is_kobold = is_llama_server, is_kobold
        self.adapters: list[str] = []
        """Paths of the adapters that it was started with (llama-server)."""

    def answer(self, handler: Handler, asked: Asked) -> None:
        if self.key and asked.headers.get("authorization") != f"Bearer {self.key}":
            return _refuse(handler, 401, "Incorrect API key provided.", "invalid_api_key")
        match asked.method, asked.path:
            case "GET", "/v1/models":
                entry: dict[str, Any] = {"id": self.model_name, "object": "model", "created": 1700000000, "owned_by": "owner"}
                if self.is_llama_server:
                    entry["meta"] = {"n_ctx_train": 32768, "n_params": 1_000_000_000, "size": 700_000_000, "n_vocab": 32000, "n_embd": 2048}
                else:
                    entry["max_model_len"] = self.model.context_length  # as vLLM does
                return handler.json({"object": "list", "data": [entry]})
            case "POST", "/v1/chat/completions":
                return self._write(handler, asked.body, is_chat=True)
            case "POST", "/v1/completions":
                return self._write(handler, asked.body, is_chat=False)
            case "POST", "/v1/embeddings":
                return self._embed(handler, asked.body)
        if self.is_llama_server:
            match asked.method, asked.path:
                case "GET", "/props":
                    return handler.json(
                        {
                            "default_generation_settings": {"n_ctx": self.model.context_length},
                            "total_slots": 4, "model_path": "/models/the-sea.gguf", "chat_template": "{{ messages }}", "build_info": "b11800-0c1e57098",
                        }
                    )  # fmt: skip
                case "POST", "/tokenize":
                    special = 1 if asked.body.get("add_special") else 0
                    return handler.json({"tokens": list(range(len(tokens_of(str(asked.body["content"]))) + special))})
                case "POST", "/apply-template":
                    # Its template is two tokens long; the third of `ServedModel.count` is the one that begins every text.
                    return handler.json({"prompt": "<|chat|> " + page_of(asked.body) + " <|reply|>"})
                case "GET", "/lora-adapters":
                    return handler.json([{"id": number, "path": path, "scale": 1.0} for number, path in enumerate(self.adapters)])
        return _refuse(handler, 404, f"Invalid URL ({asked.method} {asked.path})", None)

    def _embed(self, handler: Handler, body: dict[str, Any]) -> None:
        unknown = sorted(set(body) - {"model", "input", "encoding_format", "dimensions", "user"})
        if unknown:
            return _refuse(handler, 400, f"Unrecognized request argument supplied: {unknown[0]}", None)
        if body.get("model") != self.model_name and not self.is_llama_server:
            return _refuse(handler, 404, f"The model `{body.get('model')}` does not exist or you do not have access to it.", "model_not_found")
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        counts = [len(tokens_of(text)) for text in texts]
        if max(counts) > self.model.context_length:
            said = f"This model's maximum context length is {self.model.context_length} tokens, however you requested {max(counts)} tokens."
            return _refuse(handler, 400, said, "context_length_exceeded")
        time.sleep(self.model.seconds_per_token * sum(counts))
        rows = [{"object": "embedding", "index": number, "embedding": embedded(text)} for number, text in enumerate(texts)]
        usage = {"prompt_tokens": sum(counts), "total_tokens": sum(counts)}
        # The order of the list is not promised; the index is.
        return handler.json({"object": "list", "data": rows[::-1], "model": self.model_name, "usage": usage})

    def _write(self, handler: Handler, body: dict[str, Any], *, is_chat: bool) -> None:
        unknown = sorted(set(body) - (_CHAT if is_chat else _COMPLETION))
        if unknown and not self.is_llama_server and not self.is_kobold:
            _refuse(handler, 400, f"Unrecognized request argument supplied: {unknown[0]}", None)
            return
        wrong = _wrong_about_tools(body) if is_chat and not self.is_kobold else ""
        if wrong:
            _refuse(handler, 400, wrong, None)
            return
        if body.get("model") != self.model_name and not self.is_llama_server:
            _refuse(handler, 404, f"The model `{body.get('model')}` does not exist or you do not have access to it.", "model_not_found")
            return
        stops = body.get("stop") or []
        stops = [stops] if isinstance(stops, str) else stops
        if len(stops) > 4 and not self.is_llama_server:
            _refuse(handler, 400, "'stop' has more than 4 elements", None)
            return
        prompt = page_of(body) if is_chat else str(body["prompt"])
        counted, window = self.model.count(prompt), self.model.context_length
        if counted >= window:
            if self.is_llama_server:
                said = f"the request exceeds the available context size ({window} tokens), try increasing it"
                error = {"code": 400, "message": said, "type": "exceed_context_size_error", "n_prompt_tokens": counted, "n_ctx": window}
                handler.json({"error": error}, 400)
                return
            said = f"This model's maximum context length is {window} tokens. However, your messages resulted in {counted} tokens. Please reduce the length."
            _refuse(handler, 400, said, "context_length_exceeded")
            return
        cached = self.model.cached(prompt)
        limit = min(int(body.get("max_tokens") or body.get("max_completion_tokens") or 16), window - counted)
        kind = "chat.completion.chunk" if is_chat else "text_completion"
        base = {"id": "c-1", "object": kind, "created": 1700000000, "model": self.model_name}

        def send(delta: dict[str, Any], reason: str | None, logprobs: Any = None) -> None:
            choice: dict[str, Any] = {"index": 0, "finish_reason": reason, "logprobs": logprobs}
            choice |= {"delta": delta} if is_chat else {"text": delta.get("content", "")}
            handler.chunk(f"data: {json.dumps(base | {'choices': [choice]}, ensure_ascii=False)}\n\n".encode())

        out = Written()
        calls = self._calls(body) if is_chat else []
        handler.begin("text/event-stream; charset=utf-8")
        if calls:
            self.model.seen.append(prompt)
            named = isinstance(body.get("tool_choice"), dict)
            send({"role": "assistant", "content": None}, None)
            for delta in _call_deltas(calls, are_whole=self.is_kobold):
                time.sleep(self.model.seconds_per_token * (len(json.dumps(delta)) / 3 if self.is_kobold else 1))
                out.tokens += 1
                send(delta, None)
            send({}, "stop" if named and not self.is_kobold else "tool_calls")  # OpenAI ends a named call so
            if self.is_kobold:
                handler.chunk(b"data: [DONE]\n\n")
                handler.end()
            else:
                self._end(handler, body, base, counted, cached, out)
            return
        if is_chat:
            send({"role": "assistant", "content": ""}, None)
        for token in self.model.write(prompt, seed=body.get("seed"), limit=limit, stops=stops, out=out):
            send({"content": token}, None, _logprobs(token, body, is_chat) if body.get("logprobs") else None)
        send({}, out.reason)
        self._end(handler, body, base, counted, cached, out)

    def _calls(self, body: dict[str, Any]) -> list[tuple[str, Any]]:
        choice = body.get("tool_choice", "auto")
        if choice == "none":
            return []
        if isinstance(choice, dict) and not self.is_llama_server:
            return calls_of(body, is_forced=True, only=choice["function"]["name"])
        return calls_of(body, is_forced=choice == "required")

    def _end(self, handler: Handler, body: dict[str, Any], base: dict[str, Any], counted: int, cached: int, out: Written) -> None:
        if (body.get("stream_options") or {}).get("include_usage"):
            usage = {"prompt_tokens": counted, "completion_tokens": out.tokens, "total_tokens": counted + out.tokens}
            last = base | {"choices": [], "usage": usage | {"prompt_tokens_details": {"cached_tokens": cached}}}
            if self.is_llama_server:
                last["timings"] = {"cache_n": cached, "prompt_n": counted - cached, "prompt_ms": 12.5, "predicted_n": out.tokens, "predicted_ms": 30.0}
            handler.chunk(f"data: {json.dumps(last)}\n\n".encode())
        handler.chunk(b"data: [DONE]\n\n")
        handler.end()


def _logprobs(token: str, body: dict[str, Any], is_chat: bool) -> dict[str, Any]:
    half = math.log(0.5)
    if is_chat:
        others = [{"token": token, "logprob": half, "bytes": list(token.encode())}, {"token": " no", "logprob": math.log(0.25), "bytes": list(b" no")}]
        own = {"token": token, "logprob": half, "bytes": list(token.encode()), "top_logprobs": others[: body.get("top_logprobs") or 0]}
        return {"content": [own]}
    return {"tokens": [token], "token_logprobs": [half], "top_logprobs": [{token: half, " no": math.log(0.25)}], "text_offset": [0]}


def _call_deltas(calls: list[tuple[str, Any]], *, are_whole: bool) -> list[dict[str, Any]]:
    """A call's first piece has its name, the others a few letters of its arguments each; all know their index."""
    written = [json.dumps(arguments, ensure_ascii=False) for _name, arguments in calls]
    if are_whole:
        entries = [
            {"index": index, "id": f"call_{index + 10000}", "type": "function", "function": {"name": name, "arguments": text}}
            for index, ((name, _given), text) in enumerate(zip(calls, written, strict=True))
        ]
        return [{"role": "assistant", "content": None, "tool_calls": entries}]
    deltas = []
    for index, (name, _given) in enumerate(calls):
        deltas.append({"tool_calls": [{"index": index, "id": f"call_{name}_{index}", "type": "function", "function": {"name": name, "arguments": ""}}]})
        text = written[index]
        deltas += [{"tool_calls": [{"index": index, "function": {"arguments": text[at : at + 3]}}]} for at in range(0, len(text), 3)]
    return deltas


def _wrong_about_tools(body: dict[str, Any]) -> str:
    """What OpenAI's server refuses."""
    if "tool_choice" in body and not body.get("tools"):
        return "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified."
    for number, tool in enumerate(body.get("tools") or ()):
        if tool.get("type") != "function" or set(tool["function"]) - {"name", "description", "parameters", "strict"}:
            return f"Unknown parameter: 'tools[{number}]'."
        if tool["function"]["parameters"].get("type") != "object":
            return f"Invalid schema for function '{tool['function']['name']}': schema must be a JSON Schema of 'type: \"object\"'."
    waiting: set[str] = set()
    for number, message in enumerate(body["messages"]):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in waiting:
                return f"Invalid parameter: messages[{number}]: messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
            waiting.discard(message["tool_call_id"])
            continue
        if waiting:
            return "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'."
        for call in message.get("tool_calls") or ():
            if call.get("type") != "function" or not call.get("id") or not isinstance(call["function"].get("arguments"), str):
                return f"Invalid parameter: messages[{number}].tool_calls."
            waiting.add(call["id"])
    return ""


def _refuse(handler: Handler, status: int, said: str, code: str | None) -> None:
    handler.json({"error": {"message": said, "type": "invalid_request_error", "param": None, "code": code}}, status)
