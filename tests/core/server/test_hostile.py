"""Row 16 of the goal table: slow, large and many clients. Others are served, memory stays, and each hears why."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import threading
import time
from typing import Any

import psutil
import pytest

from localstory.engines.text.fake import FakeTextEngine
from localstory.server.connection import Limits
from tests.fakes.served import KEY, Served, chat

QUICK = Limits(header_seconds=1.0, body_seconds=1.0, read_seconds=1.0, discard_seconds=1.0)
HEAD = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\n"


def rss() -> int:
    return int(psutil.Process(os.getpid()).memory_info().rss)


def said_by(line: socket.socket, seconds: float = 8.0) -> bytes:
    """What comes until the server closes, or the time is over."""
    line.settimeout(seconds)
    said = b""
    with contextlib.suppress(OSError):
        while part := line.recv(65536):
            said += part
    return said


def test_two_hundred_half_open_connections_and_others_are_served() -> None:
    with Served({"sea": FakeTextEngine()}, limits=QUICK) as served:
        lines = [served.connect() for _number in range(200)]
        for number, line in enumerate(lines):
            line.sendall((b"", b"GET /v1/mod", b"POST /v1/chat/completions HTTP/1.1\r\nHost: local", HEAD.encode())[number % 4])
        began = time.monotonic()
        assert served.post("/v1/chat/completions", chat(max_tokens=3))[0] == 200
        assert time.monotonic() - began < 2.0
        answers = [said_by(line) for line in lines]
        assert all(answer.startswith(b"HTTP/1.1 408 ") for answer in answers), {answer[:20] for answer in answers}
        assert json.loads(answers[0].split(b"\r\n\r\n", 1)[1])["error"]["code"] == "request_timeout"
        for line in lines:
            line.close()
        assert len(served.engine.requests) == 1


def test_a_drop_at_a_time_does_not_keep_a_connection() -> None:
    """Each byte starts no clock anew: the headers as a whole have their time."""
    with Served({"sea": FakeTextEngine()}, limits=QUICK) as served, served.connect() as line:
        began = time.monotonic()
        with contextlib.suppress(OSError):
            for letter in HEAD * 10:
                line.sendall(letter.encode())
                if select.select([line], [], [], 0.05)[0]:
                    break
        assert said_by(line).startswith(b"HTTP/1.1 408 ")
        assert time.monotonic() - began < 4.0


def test_a_body_that_never_ends_coming_is_cut_off() -> None:
    with Served({"sea": FakeTextEngine()}, limits=QUICK) as served, served.connect() as line:
        line.sendall(f"{HEAD}Content-Length: 100\r\n\r\n".encode() + b'{"messages"')
        assert said_by(line).startswith(b"HTTP/1.1 408 ")
        assert not served.engine.requests


def test_headers_of_ten_megabytes() -> None:
    with Served({"sea": FakeTextEngine()}, limits=QUICK) as served, served.connect() as line:
        before = rss()
        line.sendall(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n")
        with contextlib.suppress(OSError):
            for _number in range(160):
                line.sendall(b"X-Long: " + b"a" * 65_000 + b"\r\n")
        assert said_by(line).startswith(b"HTTP/1.1 431 ")
        assert rss() - before < 20 << 20
        assert served.get("/v1/models")[0] == 200


@pytest.mark.parametrize("framing", ["content-length", "chunked", "no key"])
def test_a_body_of_a_hundred_megabytes(framing: str) -> None:
    with Served({"sea": FakeTextEngine()}, limits=QUICK) as served, served.connect() as line:
        before, peak = rss(), 0
        head = HEAD.replace(KEY, "wrong") if framing == "no key" else HEAD
        chunked = framing == "chunked"
        line.sendall(f"{head}{'Transfer-Encoding: chunked' if chunked else 'Content-Length: 104857600'}\r\n\r\n".encode())
        part = b" " * (1 << 20)
        with contextlib.suppress(OSError):
            for _number in range(100):
                line.sendall(b"100000\r\n%s\r\n" % part if chunked else part)
                peak = max(peak, rss())
        assert said_by(line).startswith(b"HTTP/1.1 401 " if framing == "no key" else b"HTTP/1.1 413 ")
        assert peak - before < 30 << 20
        assert not served.engine.requests
        assert served.post("/v1/chat/completions", chat(max_tokens=2))[0] == 200


def test_bodies_of_many_clients_together_are_bounded() -> None:
    limits = Limits(body_seconds=5.0, all_bodies_bytes=4 << 20)
    with Served({"sea": FakeTextEngine()}, limits=limits) as served:
        lines = [served.connect() for _number in range(6)]
        for line in lines:
            line.sendall(f"{HEAD}Content-Length: 4000000\r\n\r\n".encode() + b" " * 1_000_000)
        answered: list[bytes] = []
        for _attempt in range(100):
            ready = select.select(lines, [], [], 0.1)[0]
            answered += [line.recv(100)[:12] for line in ready]
            if answered:
                break
        assert answered and set(answered) == {b"HTTP/1.1 503"}
        for line in lines:
            line.close()
        time.sleep(0.2)
        assert served.post("/v1/chat/completions", chat(max_tokens=2))[0] == 200


def test_one_who_reads_nothing_is_cut_off_and_keeps_nobody_waiting() -> None:
    """The answer is written to its end while the reader sleeps: the model is free for the next."""
    words = "x" * 2000 + " "
    with Served({"sea": FakeTextEngine(words * 8000, context_length=100_000)}, limits=QUICK) as served, served.connect() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        body = json.dumps(chat(stream=True, max_tokens=8000)).encode()
        line.sendall(f"{HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        time.sleep(0.3)
        assert served.post("/v1/chat/completions", chat(max_tokens=2), timeout=20)[0] == 200
        for _attempt in range(100):
            if served.hang_ups:
                break
            time.sleep(0.1)
        assert served.hang_ups


def test_more_connections_than_there_is_room_for() -> None:
    """The oldest that asks nothing makes room; the one that is being answered stays."""
    with Served({"sea": FakeTextEngine("a " * 400, seconds_per_token=0.005)}, limits=Limits(connections=20)) as served:
        got: list[Any] = []
        working = threading.Thread(target=lambda: got.append(served.post("/v1/chat/completions", chat(max_tokens=300))))
        working.start()
        time.sleep(0.3)
        lines = [served.connect() for _number in range(60)]
        time.sleep(0.3)
        assert len(served.serving._server.server_state.connections) <= 20
        assert served.get("/v1/models")[0] == 200
        working.join(20)
        assert got[0][0] == 200
        for line in lines:
            line.close()


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # somebody speaks TLS to us
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x00" * 100 + b"\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_http(raw: bytes) -> None:
    with Served({"sea": FakeTextEngine()}, limits=QUICK) as served:
        with served.connect() as line:
            line.sendall(raw)
            assert line.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 401", b"HTTP/1.1 408", b"HTTP/1.1 403"), raw
        assert served.get("/v1/models")[0] == 200


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "invalid_json"), (b"{", "invalid_json"), (b"[]", "invalid_json"), (b"null", "invalid_json"), (b"\xff\xfe{}", "invalid_json"),
        (b'{"temperature": NaN}', "invalid_json"), (b"[" * 100_000, "invalid_json"), (b'{"a":' * 50_000, "invalid_json"),
        (b'{"max_tokens": 1' + b"0" * 6000 + b"}", "invalid_json"), (b"{}", "missing_required_parameter"),
    ],
)  # fmt: skip
def test_bodies_that_are_no_request(content: bytes, code: str) -> None:
    with Served({"sea": FakeTextEngine()}) as served:
        status, _headers, said = served.post("/v1/chat/completions", content)
        assert (status, said["error"]["code"]) == (400, code)
        assert said["error"]["message"].endswith(".")


def test_half_letters_and_every_kind_of_text_pass() -> None:
    with Served({"sea": FakeTextEngine(lambda request: request.messages[-1].text)}) as served:
        for raw, seen in ((r"\ud83d", "\ufffd"), (r"\udc09 x", "\ufffd x"), (r"\ud83d\udc09", "🐉"), ("Ặ ỡ 👩‍👩‍👧", "Ặ ỡ 👩‍👩‍👧"), (r"\u0000end", "\x00end")):
            body = '{"messages": [{"role": "user", "content": "RAW"}], "user": "\\udfff"}'.replace("RAW", raw)
            status, _headers, said = served.post("/v1/chat/completions", body.encode())
            assert status == 200 and said["choices"][0]["message"]["content"] == seen
        for where in (
            b'{"model": "\\ud83d", "messages": [{"role": "user", "content": "a"}]}',
            b'{"\\udfff": 1, "messages": [{"role": "user", "content": "a"}]}',
        ):
            status, _headers, said = served.post("/v1/chat/completions", where)
            assert status in (400, 404) and "\ufffd" in said["error"]["message"]


def test_a_request_in_a_compressed_coat_is_not_opened() -> None:
    with Served({"sea": FakeTextEngine()}) as served:
        assert served.post("/v1/chat/completions", b"\x1f\x8b" * 50, served.headers(Content_Encoding="gzip"))[0] == 415
