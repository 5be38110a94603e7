"""What the servers made for the tests have in common: a small model that writes the same words for the same seed, and HTTP.

with OpenAIServer() as server:
    OpenAIEndpoint(server.url, server.model_name)
    server.requests      # (method, path, headers, body) as they came
    server.hang_ups      # when a client closed the connection before its answer was whole (time.monotonic)
"""

from __future__ import annotations

import json
import random
import re
import select
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WORDS = "the sea is wide and deep Mai 🐉 said it sings of ships con đường về nhà đẹp under a blue moon while waves roll on".split()


def tokens_of(text: str) -> list[str]:
    """This model's vocabulary: words with the space before them."""
    return re.findall(r"\s*\S+|\s+$", text)


@dataclass
class Written:
    """What came out: the text so far, how it ended, and how many tokens it were."""

    text: str = ""
    tokens: int = 0
    reason: str = ""
    stop_text: str = ""


@dataclass
class ServedModel:
    name: str = "the-sea-1b"
    context_length: int = 8192
    seconds_per_token: float = 0.001
    seen: list[str] = field(default_factory=list)
    """Prompts evaluated before: what the cache holds."""

    def count(self, prompt: str) -> int:
        return len(tokens_of(prompt)) + 3  # what its template adds

    def cached(self, prompt: str) -> int:
        """How many tokens at the beginning were evaluated for an earlier prompt."""
        best = 0
        for old in self.seen:
            pairs = zip(tokens_of(old), tokens_of(prompt), strict=False)
            same = next((number for number, (left, right) in enumerate(pairs) if left != right), min(len(tokens_of(old)), len(tokens_of(prompt))))
            best = max(best, same)
        return min(best, self.count(prompt) - 1)

    def write(self, prompt: str, *, seed: int | None, limit: int, stops: list[str], out: Written) -> Iterator[str]:
        """The tokens of a reply; stop texts end it before they are given out, as servers do it."""
        self.seen.append(prompt)
        draw = random.Random(f"{seed if seed is not None else time.perf_counter_ns()} {prompt}")
        held = ""
        while out.tokens < limit:
            time.sleep(self.seconds_per_token)
            out.tokens += 1
            held += (" " if out.tokens > 1 else "") + draw.choice(WORDS)
            cut = min((at for stop in stops if stop and (at := held.find(stop)) >= 0), default=-1)
            if cut >= 0:
                out.reason, out.stop_text = "stop", next(stop for stop in stops if held.find(stop) == cut)
                out.text += held[:cut]
                if held[:cut]:
                    yield held[:cut]
                return
            keep = max((length for stop in stops for length in range(1, len(stop)) if held.endswith(stop[:length])), default=0)
            give, held = held[: len(held) - keep], held[len(held) - keep :]
            out.text += give
            if give:
                yield give
        out.text += held
        out.reason = "length"
        if held:
            yield held


def sample_of(schema: dict[str, Any]) -> Any:
    """A value that keeps to a JSON schema of the simple kind."""
    if "enum" in schema:
        return schema["enum"][-1]
    match schema.get("type"):
        case "object":
            return {name: sample_of(one) for name, one in schema.get("properties", {}).items()}
        case "array":
            return [sample_of(schema.get("items", {"type": "string"}))]
        case "integer" | "number":
            return 7
        case "boolean":
            return True
        case _:
            return "Huế 🐉" + "x" * int(schema.get("minLength", 0))


def calls_of(body: dict[str, Any], *, is_forced: bool, only: str = "") -> list[tuple[str, Any]]:
    """(name, arguments) of what this model calls: the tools whose names the person's last words hold; one of them, when it must.

    `only`: of those it may call, the one that was named.
    """
    tools = [one["function"] for one in body.get("tools") or () if only in ("", one["function"]["name"])]
    last = body["messages"][-1]
    meant = [tool for tool in tools if last["role"] == "user" and tool["name"] in str(last["content"])]
    if is_forced and not meant:
        meant = tools[:1]
    return [(tool["name"], sample_of(tool["parameters"])) for tool in meant]


def page_of(body: dict[str, Any]) -> str:
    """The conversation and the tools as a template writes them down."""
    parts = [json.dumps(body["tools"], ensure_ascii=False)] if body.get("tools") else []
    for message in body["messages"]:
        parts.append(str(message["content"]))
        parts += [json.dumps(one["function"], ensure_ascii=False) for one in message.get("tool_calls") or ()]
    return " ".join(parts)


def embedded(text: str) -> list[float]:
    """A vector that is the same for the same text, not of length 1, nearer for texts that share words."""
    vector = [0.0] * 24
    for word in text.casefold().split():
        vector[sum(word.encode("utf-8", "replace")) % 24] += 1.5
    return vector


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class TextServer:
    """Subclass: `answer(handler, asked)`."""

    def __init__(self, model: ServedModel | None = None, *, key: str = "") -> None:
        self.model = model or ServedModel()
        self.key = key
        self.requests: list[Asked] = []
        self.hang_ups: list[float] = []
        outer = self

        class _Here(Handler):
            owner = outer

        self._server = _Server(("127.0.0.1", 0), _Here)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def model_name(self) -> str:
        return self.model.name

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def answer(self, handler: Handler, asked: Asked) -> None:
        raise NotImplementedError


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: TextServer

    def log_message(self, *_arguments: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length) if length else b""
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            self.json({"error": {"message": "invalid JSON", "type": "invalid_request_error"}}, 400)
            return
        asked = Asked(self.command, self.path.split("?")[0], headers, body)
        self.owner.requests.append(asked)
        try:
            self.owner.answer(self, asked)
        except (BrokenPipeError, ConnectionResetError):
            self.owner.hang_ups.append(time.monotonic())
            self.close_connection = True

    def json(self, value: Any, status: int = 200) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def begin(self, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, content: bytes) -> None:
        """A part of a stream; notices when nobody listens any more, as Go's and Node's servers do."""
        if select.select([self.connection], [], [], 0)[0] and self.connection.recv(1, socket.MSG_PEEK) == b"":
            raise ConnectionResetError
        self.wfile.write(b"%x\r\n%s\r\n" % (len(content), content))

    def end(self) -> None:
        self.wfile.write(b"0\r\n\r\n")
