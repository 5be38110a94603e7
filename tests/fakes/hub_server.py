"""A hub on this machine: a real HTTP server that speaks the documented API of the hub and of Ollama's registry, and can misbehave.

    with FakeHub() as hub:
        hub.add("owner/repo", {"tiny.Q4_K_M.gguf": Content(header, size=4 << 30)}, licence="mit")
        Hub(net, hub.address).repo("owner/repo")
        hub.misbehave("tiny", stalls)      # every request whose path holds "tiny" from now on
        hub.requests                       # what was asked, with the bytes of each answer

Files may be far larger than what stands in memory: behind `start` they are zeros. `resolve/` sends on to a second server
(another host to the client: "localhost" instead of 127.0.0.1), as the hub does to its content network.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PAGE = 20


@dataclass(frozen=True)
class Content:
    """A file: `start`, then zeros up to `size`."""

    start: bytes
    size: int = -1
    in_lfs: bool = True

    @property
    def size_bytes(self) -> int:
        return len(self.start) if self.size < 0 else self.size

    @property
    def digest(self) -> str:
        """Stands for the SHA-256: the true one only where nothing is left out."""
        return hashlib.sha256(self.start if self.size < 0 else self.start + str(self.size).encode()).hexdigest()

    def part(self, first: int, end: int) -> bytes:
        end = min(end, self.size_bytes)
        piece = self.start[first:end]
        return piece + b"\0" * max(0, end - max(first, len(self.start)))


@dataclass
class Repository:
    files: dict[str, Content]
    licence: str = "apache-2.0"
    languages: list[str] = field(default_factory=lambda: ["en"])
    base_model: str = ""
    gated: str | bool = False
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    path: str
    headers: Mapping[str, str]
    server: str
    """ "hub" or "content"."""
    sent_bytes: list[int]
    """Bytes of bodies written, one number."""

    @property
    def range(self) -> str:
        return self.headers.get("range", "")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    hub: FakeHub
    asked: Asked

    def log_message(self, *_arguments: Any) -> None:
        return

    def do_GET(self) -> None:
        name = "content" if self.server is self.hub.content else "hub"
        self.asked = Asked(self.path, {key.lower(): value for key, value in self.headers.items()}, name, [0])
        self.hub.requests.append(self.asked)
        path = unquote(urlsplit(self.path).path)
        try:
            for part, behaviour in reversed(self.hub.behaviours):
                if part in unquote(self.path):
                    behaviour(self)
                    return
            self.answer(path)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, path: str) -> None:
        words = path.strip("/").split("/")
        if words[:2] == ["api", "models"]:
            self._api(words[2:])
        elif words[:1] == ["v2"] and "manifests" in words:
            manifest = self.hub.manifests.get("/".join(words[1:]).replace("/manifests/", ":"))
            self.whole(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}') if manifest is None else self.whole(200, manifest, "application/json")
        elif words[:1] == ["v2"] and "blobs" in words:
            self.send(307, b"", {"Location": self.hub.content_address + "/by-digest/" + words[-1].removeprefix("sha256:") + "?signature=secret"})
        elif len(words) > 4 and words[2] == "resolve":
            self._resolve("/".join(words[:2]), words[3], "/".join(words[4:]))
        elif words[0] in ("by-digest", "files"):
            content = self.hub.contents.get("/".join(words[1:]))
            self.whole(404, b"gone") if content is None else self.ranged(content)
        else:
            self.whole(404, b"Not Found")

    def _api(self, words: list[str]) -> None:
        query = parse_qs(urlsplit(self.path).query)
        if not words:
            found = [{"id": name} for name in self.hub.repositories if query["search"][0].lower()[:4] in name.lower()]
            self.json(found)
            return
        name = "/".join(words[:2])
        repository = self._may_see(name)
        if repository is None:
            return
        if len(words) == 2 or words[2] == "revision":
            if len(words) > 3 and words[3] not in ("main", COMMIT):
                self.send(404, b'{"error":"Invalid rev id"}', {"X-Error-Code": "RevisionNotFound"})
                return
            tags = ["gguf", f"license:{repository.licence}", f"base_model:{repository.base_model}", f"base_model:quantized:{repository.base_model}"]
            card = {"license": repository.licence, "language": repository.languages, "base_model": repository.base_model}
            facts = {"id": name, "sha": COMMIT, "private": False, "gated": repository.gated, "tags": tags, "cardData": card} | repository.extra
            expand = query.get("expand")  # "id", and of the rest only what was asked for
            self.json({key: value for key, value in facts.items() if key == "id" or expand is None or key in expand})
        elif words[2] == "tree":
            entries: list[dict[str, Any]] = []
            folders = sorted({path.split("/")[0] for path in repository.files if "/" in path})
            entries += [{"type": "directory", "oid": "d" * 40, "size": 0, "path": folder} for folder in folders]
            for path, content in repository.files.items():
                entry: dict[str, Any] = {"type": "file", "oid": "f" * 40, "size": content.size_bytes, "path": path}
                if content.in_lfs:
                    entry["lfs"] = {"oid": content.digest, "size": content.size_bytes, "pointerSize": 134}
                entries.append(entry)
            at = int(query.get("cursor", ["0"])[0])
            more = {}
            if at + PAGE < len(entries):
                more = {"Link": f'<{self.hub.address}{urlsplit(self.path).path}?recursive=true&cursor={at + PAGE}>; rel="next"'}
            self.json(entries[at : at + PAGE], more)
        else:
            self.whole(404, b"Not Found")

    def _may_see(self, name: str) -> Repository | None:
        repository = self.hub.repositories.get(name)
        if repository is None:
            self.send(401, b'{"error":"Invalid username or password."}', {"X-Error-Code": "RepoNotFound"})
        return repository

    def _resolve(self, name: str, revision: str, path: str) -> None:
        repository = self._may_see(name)
        if repository is None:
            return
        if repository.gated and self.asked.headers.get("authorization") != "Bearer hf_good":
            code = 401 if "authorization" not in self.asked.headers else 403
            self.send(code, b'{"error":"Access to model is restricted."}', {"X-Error-Code": "GatedRepo"})
            return
        content = repository.files.get(path)
        if content is None or revision not in ("main", COMMIT):
            self.send(404, b"Entry not found", {"X-Error-Code": "EntryNotFound"})
            return
        where = f"{self.hub.content_address}/files/{quote(name + '/' + path)}?signature=secret"
        extra = {"Location": where, "X-Repo-Commit": COMMIT, "X-Linked-Size": str(content.size_bytes), "X-Linked-Etag": f'"{content.digest}"'}
        self.send(302, b"Found. Redirecting", extra)

    # -- answers, good ones and parts of bad ones ---------------------------------------------------------------------

    def json(self, value: Any, extra: Mapping[str, str] | None = None) -> None:
        self.send(200, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8", **(extra or {})})

    def whole(self, status: int, body: bytes, kind: str = "text/plain") -> None:
        self.send(status, body, {"Content-Type": kind})

    def send(self, status: int, body: bytes, headers: Mapping[str, str], *, length: int | None = None) -> None:
        """`length`: the Content-Length to claim; -1 for none at all."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length != -1:
            self.send_header("Content-Length", str(len(body) if length is None else length))
        else:
            self.close_connection = True
        self.end_headers()
        self.write(body)

    def write(self, body: bytes) -> None:
        self.wfile.write(body)
        self.wfile.flush()
        self.asked.sent_bytes[0] += len(body)

    def wanted(self) -> tuple[int, int]:
        """(first, last) of the Range header."""
        first, _dash, last = self.asked.range.removeprefix("bytes=").partition("-")
        return int(first or 0), int(last or 0)

    def ranged(self, content: Content) -> None:
        etag = {"ETag": f'"{content.digest[:32]}"', "Accept-Ranges": "bytes"}
        if not self.asked.range:
            self.send(200, content.part(0, content.size_bytes), etag)
            return
        first, last = self.wanted()
        if first >= content.size_bytes:
            self.send(416, b"", {"Content-Range": f"bytes */{content.size_bytes}"})
            return
        body = content.part(first, last + 1)
        self.send(206, body, etag | {"Content-Range": f"bytes {first}-{first + len(body) - 1}/{content.size_bytes}"})

    def content_asked(self) -> Content:
        """The file this request is about, whatever is done with it."""
        key = unquote(urlsplit(self.path).path).strip("/").split("/", 1)[1]
        return self.hub.contents[key]


class FakeHub:
    """The two servers. Use as a context manager."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.manifests: dict[str, bytes] = {}
        self.contents: dict[str, Content] = {}
        self.requests: list[Asked] = []
        self.behaviours: list[tuple[str, Callable[[Handler], None]]] = []
        self.over = threading.Event()
        """Set when the test ends: misbehaviours that wait, wait for this."""
        handler = type("BoundHandler", (Handler,), {"hub": self})
        self.servers = [_Server(("127.0.0.1", 0), handler) for _number in range(2)]
        self.content = self.servers[1]
        self.address = f"http://127.0.0.1:{self.servers[0].server_port}"
        self.content_address = f"http://localhost:{self.servers[1].server_port}"
        self._threads = [threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in self.servers]

    def __enter__(self) -> FakeHub:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.over.set()
        for server in self.servers:
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def add(self, name: str, files: dict[str, Content], **facts: Any) -> None:
        self.repositories[name] = Repository(files, **facts)
        for path, content in files.items():
            self.contents[f"{name}/{path}"] = content

    def add_ollama(self, name: str, content: Content) -> None:
        """`name` as in "library/tiny:latest"."""
        layer = {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{content.digest}", "size": content.size_bytes}
        licence = {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:" + "0" * 64, "size": 10}
        self.manifests[name] = json.dumps({"schemaVersion": 2, "layers": [licence, layer]}).encode()
        self.contents[content.digest] = content

    def misbehave(self, part_of_path: str, how: Callable[[Handler], None]) -> None:
        self.behaviours.append((part_of_path, how))

    def sent_bytes(self) -> int:
        """Of all bodies so far."""
        return sum(asked.sent_bytes[0] for asked in self.requests)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up on a misbehaving server is what the tests want."""


# -- misbehaviours ----------------------------------------------------------------------------------------------------


def stalls(handler: Handler) -> None:
    """Takes the request and says nothing."""
    handler.hub.over.wait(30)
    handler.close_connection = True


def stalls_in_the_middle(handler: Handler) -> None:
    first, last = handler.wanted()
    content = handler.content_asked()
    handler.send(206, content.part(first, first + 100), {"Content-Range": f"bytes {first}-{last}/{content.size_bytes}"}, length=last + 1 - first)
    stalls(handler)


def drips(handler: Handler) -> None:
    """One byte at a time, forever, headers first."""
    handler.close_connection = True
    for letter in b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000:
        handler.connection.sendall(bytes([letter]))
        if handler.hub.over.wait(0.05):
            return


def never_ends(handler: Handler) -> None:
    """A chunked 206 that goes on and on."""
    first, last = handler.wanted()
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes {first}-{last}/{1 << 40}")
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.close_connection = True
    while not handler.hub.over.is_set():
        handler.wfile.write(b"10000\r\n" + b"G" * 65536 + b"\r\n")
        handler.asked.sent_bytes[0] += 65536


def never_ends_whole(handler: Handler) -> None:
    """The same with status 200."""
    handler.send(200, b"", {"Content-Type": "text/plain"}, length=-1)
    while not handler.hub.over.is_set():
        handler.write(b"G" * 65536)


def sends_everything(handler: Handler) -> None:
    """Knows no ranges: 200 and the whole file."""
    content = handler.content_asked()
    handler.send_response(200)
    handler.send_header("Content-Length", str(content.size_bytes))
    handler.end_headers()
    handler.close_connection = True
    for first in range(0, content.size_bytes, 1 << 16):
        handler.write(content.part(first, first + (1 << 16)))


def wrong_range(handler: Handler) -> None:
    """Says, truthfully, that it sent another part."""
    first, last = handler.wanted()
    content = handler.content_asked()
    handler.send(206, content.part(first + 1, last + 2), {"Content-Range": f"bytes {first + 1}-{last + 1}/{content.size_bytes}"})


def wrong_range_without_length(handler: Handler) -> None:
    """The last bytes of what was asked, and says so, in a body whose end only the connection tells."""
    first, last = handler.wanted()
    content = handler.content_asked()
    handler.send(206, content.part(first + 1, last + 1), {"Content-Range": f"bytes {first + 1}-{last}/{content.size_bytes}"}, length=-1)


def no_content_range(handler: Handler) -> None:
    first, last = handler.wanted()
    handler.send(206, handler.content_asked().part(first, last + 1), {})


def sends_less(handler: Handler) -> None:
    """Claims the whole range, in both headers, and hangs up early."""
    first, last = handler.wanted()
    content = handler.content_asked()
    extra = {"Content-Range": f"bytes {first}-{last}/{content.size_bytes}"}
    handler.send(206, content.part(first, (first + last) // 2), extra, length=last + 1 - first)
    handler.close_connection = True
    handler.connection.shutdown(socket.SHUT_RDWR)


def wrong_length(handler: Handler) -> None:
    """Content-Range for what was asked, Content-Length for half of it."""
    first, last = handler.wanted()
    content = handler.content_asked()
    handler.send(206, content.part(first, (first + last) // 2), {"Content-Range": f"bytes {first}-{last}/{content.size_bytes}"})


def another_size(handler: Handler) -> None:
    """The file has another length than the list said."""
    first, last = handler.wanted()
    content = handler.content_asked()
    handler.send(206, content.part(first, last + 1), {"Content-Range": f"bytes {first}-{last}/{content.size_bytes + 1}"})


def gzipped(handler: Handler) -> None:
    handler.send(206, b"\x1f\x8b" + b"\0" * 100, {"Content-Encoding": "gzip", "Content-Range": "bytes 0-1/2"})


def html(handler: Handler) -> None:
    """A hotel's log-in page, with status 200."""
    handler.send(200, b"<!doctype html><title>Welcome</title>" * 50, {"Content-Type": "text/html"})


def status(code: int, **headers: str) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.send(code, b"no", {name.replace("_", "-"): value for name, value in headers.items()})

    return answer


def redirects_to(target: str, code: int = 302) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.send(code, b"", {"Location": target})

    return answer


def redirects_round(handler: Handler) -> None:
    """Always to itself with another number: a loop that no set of seen addresses finds."""
    handler.send(302, b"", {"Location": f"{urlsplit(handler.path).path}?n={time.monotonic_ns()}"})
