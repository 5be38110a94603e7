"""Rows 16 and 17 of the goal table, second half: who is let in. Every combination of Host, Origin and key is really asked."""

from __future__ import annotations

import http.client
import itertools
import json
import socket
from pathlib import Path

import psutil
import pytest

from localstory.engines.text.fake import FakeTextEngine
from localstory.errors import BadRequest
from localstory.server.guard import Rules, may_be_host, own_names
from localstory.server.serving import CannotListen, PortTaken, check_rules, open_sockets, reached_at
from tests.fakes.served import KEY, Served, chat

HOSTS = {
    "127.0.0.1:{port}": True, "localhost:{port}": True, "[::1]:{port}": True,
    "evil.example": False, "127.0.0.1.evil.example:{port}": False, "0.0.0.0:{port}": False, "localhost.evil.example": False, "192.168.1.7:{port}": False,
}  # fmt: skip
ORIGINS = {
    None: True, "https://evil.example": False, "null": False, "http://127.0.0.1:3000": False, "http://localhost:{port}": False, "https://friend.example": True,
}  # fmt: skip
KEYS = {f"Bearer {KEY}": True, None: False, "Bearer wrong": False, f"Basic {KEY}": False}


def asked(served: Served, host: str, origin: str | None, key: str | None, kind: str = "application/json") -> int:
    """The status; the headers are sent as they stand here and no others."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=10)
    body = json.dumps(chat(max_tokens=2)).encode()
    connection.putrequest("POST", "/v1/chat/completions", skip_host=True, skip_accept_encoding=True)
    for name, value in (("Host", host), ("Origin", origin), ("Authorization", key), ("Content-Type", kind), ("Content-Length", str(len(body)))):
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def test_eight_hosts_six_origins_four_keys() -> None:
    """Only what is right in all three reaches the engine; the rest does nothing."""
    with Served({"sea": FakeTextEngine()}, rules=Rules(origins=frozenset({"https://friend.example"}))) as served:
        right = 0
        for (host, host_ok), (origin, origin_ok), (key, key_ok) in itertools.product(HOSTS.items(), ORIGINS.items(), KEYS.items()):
            where = host.format(port=served.port)
            status = asked(served, where, origin.format(port=served.port) if origin else None, key)
            expected = 403 if not (host_ok and origin_ok) else 401 if not key_ok else 200
            assert status == expected, (where, origin, key)
            right += expected == 200
        assert right == 3 * 2 * 1
        assert len(served.engine.requests) == right
        assert len(HOSTS) * len(ORIGINS) * len(KEYS) == 192


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "application/jsonp"])
def test_what_a_page_can_send_without_asking_is_refused(kind: str) -> None:
    with Served({"sea": FakeTextEngine()}, key="") as served:
        assert asked(served, "localhost", None, None, kind) == 415
        assert not served.engine.requests
        assert asked(served, "localhost", None, None, "application/json; charset=utf-8") == 200


def test_a_request_of_another_site_without_an_origin_is_refused() -> None:
    """An <img> of a page: browsers send no Origin with it, but say where it comes from."""
    with Served({"sea": FakeTextEngine()}, key="") as served:
        for site, status in (("cross-site", 403), ("same-site", 403), ("none", 200), ("same-origin", 200)):
            assert served.get("/v1/models", {"Sec-Fetch-Site": site})[0] == status


def test_two_hosts_or_two_keys_are_none() -> None:
    with Served({"sea": FakeTextEngine()}) as served:
        for lines in (
            "Host: localhost\r\nHost: evil.example\r\n",
            "Host: localhost\r\nOrigin: https://evil.example\r\nOrigin: https://evil.example\r\n",
            "",
        ):
            with served.connect() as line:
                line.sendall(f"GET /v1/models HTTP/1.1\r\n{lines}Authorization: Bearer {KEY}\r\n\r\n".encode())
                assert line.recv(100).split()[1] in (b"400", b"403")
        with served.connect() as line:  # HTTP/1.0 needs no Host; we do
            line.sendall(f"GET /v1/models HTTP/1.0\r\nAuthorization: Bearer {KEY}\r\n\r\n".encode())
            assert line.recv(100).split()[1] == b"403"


def test_health_needs_no_key_and_tells_nothing_of_the_models() -> None:
    with Served({"secret-model": FakeTextEngine()}) as served:
        for path in ("/health", "/healthz"):
            status, _headers, said = served.get(path, {})
            assert status == 200 and said["status"] == "ok" and "secret" not in json.dumps(said)
        assert served.get("/v1/models", {})[0] == 401
        assert served.get("/no/such/page", {})[0] == 401  # nobody learns what there is


def test_the_wrong_key_is_told_in_openai_s_shape_and_nothing_of_it_comes_back() -> None:
    with Served({"sea": FakeTextEngine()}) as served:
        status, headers, said = served.post("/v1/chat/completions", chat(), served.headers(Authorization="Bearer sk-someone-else-s"))
        assert status == 401 and headers["www-authenticate"] == "Bearer"
        assert said["error"]["code"] == "invalid_api_key" and said["error"]["type"] == "authentication_error"
        assert "sk-someone" not in json.dumps(said) and KEY not in json.dumps(said)


def test_pages_get_no_permission_unless_their_origin_was_named() -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type, x-stainless-os, bad header"}
    with Served({"sea": FakeTextEngine()}, rules=Rules(origins=frozenset({"https://friend.example"}))) as served:
        status, headers, _said = served.ask("OPTIONS", "/v1/chat/completions", None, {"Origin": "https://friend.example"} | asks)
        assert status == 204 and headers["access-control-allow-origin"] == "https://friend.example" and "Origin" in headers["vary"]
        assert headers["access-control-allow-headers"] == "authorization, content-type, x-stainless-os"
        status, headers, _said = served.ask("OPTIONS", "/v1/chat/completions", None, {"Origin": "https://evil.example"} | asks)
        assert status == 403 and not any(name.startswith("access-control") for name in headers)
        _status, headers, _said = served.get("/v1/models")
        assert not any(name.startswith("access-control") for name in headers) and headers["cross-origin-resource-policy"] == "same-origin"
        status, headers, _said = served.get("/v1/models", served.headers(Origin="https://friend.example"))
        assert status == 200 and headers["access-control-allow-origin"] == "https://friend.example"


def listeners(pid: int) -> set[tuple[str, int]]:
    """(address, port) of the listening sockets of this process, from /proc/net/tcp and tcp6 by their inodes."""
    own = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = entry.readlink().name
        except OSError:
            continue
        if target.startswith("socket:["):
            own.add(target[8:-1])
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in own:
                address, port = fields[1].split(":")
                raw = b"".join(bytes.fromhex(address[at : at + 8])[::-1] for at in range(0, len(address), 8))
                found.add((socket.inet_ntop(family, raw), int(port, 16)))
    return found


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="only Linux has this list")
def test_it_listens_on_loopback_only() -> None:
    pid = psutil.Process().pid
    before = listeners(pid)
    with Served({"sea": FakeTextEngine()}) as served:
        mine = listeners(pid) - before
        assert {address for address, _port in mine} <= {"127.0.0.1", "::1"} and ("127.0.0.1", served.port) in mine
        assert {port for _address, port in mine} == {served.port}
        if socket.has_ipv6 and len(mine) == 2:
            assert served.serving.listening.local_urls[1] == f"http://[::1]:{served.port}"


def test_in_the_local_network_our_own_addresses_and_names_are_hosts_and_others_are_not() -> None:
    name = next(iter(sorted(own_names())))
    lan = Rules("k" * 20, lan=True, names=own_names())
    assert may_be_host("192.168.1.7:11711", lan, address="192.168.1.7")
    assert may_be_host("[fd00::7]", lan, address="fd00::7")
    assert may_be_host(f"{name}:1", lan, address="192.168.1.7") and may_be_host(name.upper(), lan, address="x")
    assert not may_be_host("192.168.1.8", lan, address="192.168.1.7")
    assert not may_be_host("0.0.0.0", lan, address="0.0.0.0")
    assert not may_be_host("evil.example", lan, address="192.168.1.7")
    assert not may_be_host("192.168.1.7", Rules("k"), address="192.168.1.7")
    assert may_be_host("my-box", Rules("k", names=frozenset({"my-box"})), address="127.0.0.1")


@pytest.mark.parametrize(
    "host", ["", "localhost:", "localhost:http", "local host", "localhost/x", "a@localhost", "[::1", "::1", "127.1", "2130706433", "\x00", "localhost:1:2"]
)
def test_odd_hosts(host: str) -> None:
    assert not may_be_host(host, Rules("k"), address="127.0.0.1")


def test_nothing_is_opened_to_the_network_by_mistake() -> None:
    good = "k" * 20
    for host, rules in (("", Rules(good)), ("127.0.0.1", Rules("")), ("0.0.0.0", Rules(good, lan=True))):
        check_rules(host, rules)
    for host, rules in (
        ("0.0.0.0", Rules(good)),
        ("192.168.1.7", Rules(good)),
        ("", Rules("", lan=True)),
        ("", Rules("short", lan=True)),
        ("", Rules("two words")),
    ):
        with pytest.raises(BadRequest):
            check_rules(host, rules)


def test_a_taken_port_is_told_and_both_families_have_the_same_one() -> None:
    first = open_sockets("", 0, lan=False)
    try:
        port = reached_at(first).port
        assert {one.getsockname()[1] for one in first} == {port}
        with pytest.raises(PortTaken) as taken:
            open_sockets("", port, lan=False)
        assert str(port) in str(taken.value)
        # Another program on ::1 alone would get what is meant for us under the name localhost.
        for one in [one for one in first if one.family == socket.AF_INET]:
            one.close()
        if len(first) == 2:
            with pytest.raises(PortTaken):
                open_sockets("", port, lan=False)
    finally:
        for one in first:
            one.close()
    with pytest.raises(CannotListen):
        open_sockets("no such name .invalid", 0, lan=True)
    with pytest.raises(BadRequest):
        open_sockets("", 70_000, lan=False)
