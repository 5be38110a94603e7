"""The HTTP client against a real server that tells the truth, and against ones that don't. Nothing leaves this machine."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from localstory.errors import CannotContinue
from localstory.net import Net, Patience, errors, is_loopback, typed_address
from localstory.net.client import _next_address, _Response
from tests.fakes import hub_server as fake
from tests.fakes.hub_server import Content, FakeHub

PURPOSE = "Test"
HASTY = Patience(connect_seconds=0.5, window_seconds=0.3, window_bytes=1000, total_seconds=0.9, slowest_bytes_per_second=1 << 20)
LETTERS = Content(bytes(range(256)) * 4096)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as server:
        server.add("owner/repo", {"letters.bin": LETTERS, "mẫu 🐉.gguf": Content(b"GGUF", size=3 << 30)})
        yield server


@pytest.fixture
def net() -> Iterator[Net]:
    with Net(patience=HASTY) as client:
        yield client


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """Whatever a server does, it is over soon."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 5


@pytest.fixture
def file(hub: FakeHub) -> str:
    return f"{hub.content_address}/files/owner/repo/letters.bin"


def test_a_range_is_just_those_bytes(net: Net, file: str) -> None:
    piece = net.get_range(file, 1000, 3000, purpose=PURPOSE)
    assert piece.content == LETTERS.start[1000:3000]
    assert (piece.total_bytes, piece.is_whole_file_server, piece.read_bytes) == (1 << 20, False, 2000)
    assert piece.etag


def test_a_range_over_the_end_is_what_there_is(net: Net, file: str) -> None:
    assert net.get_range(file, (1 << 20) - 10, 1 << 21, purpose=PURPOSE).content == LETTERS.start[-10:]


def test_a_range_behind_the_end_is_not_there(net: Net, file: str) -> None:
    with pytest.raises(errors.RangeNotThere) as caught:
        net.get_range(file, 1 << 20, 1 << 21, purpose=PURPOSE)
    assert caught.value.total_bytes == 1 << 20


def test_a_connection_serves_many_ranges(net: Net, file: str, hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    real = socket.create_connection

    def counted(*arguments: Any, **named: Any) -> socket.socket:
        made.append(arguments)
        return real(*arguments, **named)

    monkeypatch.setattr(socket, "create_connection", counted)
    for start in range(0, 50_000, 1000):
        net.get_range(file, start, start + 1000, purpose=PURPOSE)
    assert len(hub.requests) == 50 and len(made) == 1


def test_a_connection_the_server_closed_while_it_rested_is_opened_anew(net: Net) -> None:
    """A server that hangs up after each answer without saying so."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        served: list[int] = []

        def serve() -> None:
            for _number in range(2):
                connection, _address = server.accept()
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                if not served:
                    time.sleep(0.05)
                connection.close()
                served.append(1)

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        assert net.get_json(url, purpose=PURPOSE)[0] == {}
        time.sleep(0.1)
        assert net.get_json(url, purpose=PURPOSE)[0] == {}
        thread.join()


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (fake.stalls, errors.TooSlow),
        (fake.stalls_in_the_middle, errors.TooSlow),
        (fake.drips, errors.TooSlow),
        (fake.never_ends, errors.BadAnswer),
        (fake.wrong_range, errors.BadAnswer),
        (fake.wrong_range_without_length, errors.BadAnswer),
        (fake.no_content_range, errors.BadAnswer),
        (fake.wrong_length, errors.BadAnswer),
        (fake.sends_less, errors.CutOff),
        (fake.gzipped, errors.BadAnswer),
        (fake.html, errors.BadAnswer),
        (fake.status(401), errors.NeedsToken),
        (fake.status(403), errors.Forbidden),
        (fake.status(404), errors.NotOnServer),
        (fake.status(410), errors.NotOnServer),
        (fake.status(416), errors.RangeNotThere),
        (fake.status(418), errors.ServerTrouble),
        (fake.status(500), errors.ServerTrouble),
        (fake.status(503), errors.ServerTrouble),
        (fake.status(204), errors.ServerTrouble),
        (fake.redirects_round, errors.BadAnswer),
        (fake.redirects_to(""), errors.BadAnswer),
        (fake.redirects_to("ftp://127.0.0.1/x"), errors.BadAddress),
        (fake.redirects_to("file:///etc/passwd"), errors.BadAddress),
        (fake.redirects_to("http://127.0.0.1:99999/"), errors.BadAddress),
        (fake.redirects_to("http://user:secret@127.0.0.1/"), errors.BadAddress),
        (fake.redirects_to("http://127.0.0.1:1/"), errors.NoConnection),
    ],
)
def test_a_server_that_breaks_the_rules_ends_in_its_own_error(net: Net, hub: FakeHub, file: str, behaviour: object, error: type[CannotContinue]) -> None:
    hub.misbehave("letters", behaviour)  # type: ignore[arg-type]
    with pytest.raises(errors.NetTrouble) as caught:
        net.get_range(file, 1000, 300_000, purpose=PURPOSE)
    assert type(caught.value) is error, caught.value
    assert str(caught.value)  # the templates can be filled
    assert net.connections()[-1].outcome in (error.code, "redirect")


def test_a_drip_is_noticed_long_before_the_whole_time_is_over(hub: FakeHub, file: str) -> None:
    """One byte every 50 ms, headers and all: each read succeeds, and the answer would take hours."""
    hub.misbehave("letters", fake.drips)
    began = time.monotonic()
    with Net(patience=Patience(window_seconds=0.4)) as net, pytest.raises(errors.TooSlow):
        net.get(file, purpose=PURPOSE)
    assert time.monotonic() - began < 1


def test_a_slow_line_that_keeps_going_is_not_given_up(hub: FakeHub, file: str) -> None:
    def slowly(handler: fake.Handler) -> None:
        handler.send(200, b"", {}, length=20_000)
        for _number in range(20):
            time.sleep(0.04)
            handler.write(b"x" * 1000)

    hub.misbehave("letters", slowly)
    with Net(patience=Patience(window_seconds=0.3, window_bytes=2000)) as net:
        assert len(net.get(file, purpose=PURPOSE).body) == 20_000


def test_an_endless_answer_is_not_read_to_its_end(net: Net, hub: FakeHub, file: str) -> None:
    hub.misbehave("letters", fake.never_ends)
    with pytest.raises(errors.BadAnswer):
        net.get_range(file, 0, 100_000, purpose=PURPOSE)
    assert sum(line.received_bytes for line in net.connections()) < 400_000


def test_a_server_without_ranges_is_cut_off_behind_the_piece(net: Net, hub: FakeHub, file: str) -> None:
    hub.misbehave("letters", fake.sends_everything)
    piece = net.get_range(file, 5000, 6000, purpose=PURPOSE)
    assert piece.content == LETTERS.start[5000:6000]
    assert piece.is_whole_file_server and piece.total_bytes == 1 << 20
    assert sum(line.received_bytes for line in net.connections()) < 200_000


def test_a_server_without_ranges_is_not_read_over_for_a_gigabyte(net: Net, hub: FakeHub) -> None:
    hub.misbehave("gguf", fake.sends_everything)
    with pytest.raises(errors.BadAnswer, match="parts"):
        net.get_range(f"{hub.content_address}/files/owner/repo/m%E1%BA%ABu%20%F0%9F%90%89.gguf", 1 << 30, (1 << 30) + 10, purpose=PURPOSE)


def test_what_was_cut_off_is_asked_for_once_more(net: Net, hub: FakeHub, file: str) -> None:
    def first_time_only(handler: fake.Handler) -> None:
        hub.behaviours.clear()
        fake.sends_less(handler)

    hub.misbehave("letters", first_time_only)
    assert net.get_range(file, 0, 100_000, purpose=PURPOSE).content == LETTERS.start[:100_000]
    assert [line.outcome for line in net.connections()] == ["cut_off", "ok"]


def test_a_file_that_changed_between_two_pieces_is_noticed(net: Net, hub: FakeHub, file: str) -> None:
    first = net.get_range(file, 0, 100, purpose=PURPOSE)
    hub.contents["owner/repo/letters.bin"] = Content(b"other" * 1000)
    with pytest.raises(errors.BadAnswer, match="changed"):
        net.get_range(file, 100, 200, purpose=PURPOSE, etag=first.etag)


def test_429_says_how_long_to_wait(net: Net, hub: FakeHub, file: str) -> None:
    hub.misbehave("letters", fake.status(429, Retry_After="120"))
    with pytest.raises(errors.TooManyRequests, match="120 seconds") as caught:
        net.get(file, purpose=PURPOSE)
    assert caught.value.retry_after_seconds == 120
    hub.misbehave("letters", fake.status(429, Retry_After="Wed, 21 Oct 2026 07:28:00 GMT"))
    with pytest.raises(errors.TooManyRequests) as caught:
        net.get(file, purpose=PURPOSE)
    assert caught.value.retry_after_seconds is None


def test_an_answer_larger_than_allowed_is_refused(net: Net, hub: FakeHub, file: str) -> None:
    with pytest.raises(errors.BadAnswer, match="larger"):
        net.get(file, purpose=PURPOSE, limit_bytes=1000)
    hub.misbehave("letters", fake.never_ends_whole)
    with pytest.raises(errors.BadAnswer, match="larger"):
        net.get(file, purpose=PURPOSE, limit_bytes=100_000)


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"a":', b"[" * 200_000])
def test_what_is_no_json_is_a_bad_answer(net: Net, hub: FakeHub, file: str, body: bytes) -> None:
    hub.misbehave("letters", lambda handler: handler.whole(200, body, "application/json"))
    with pytest.raises(errors.BadAnswer):
        net.get_json(file, purpose=PURPOSE)


# -- keys -----------------------------------------------------------------------------------------------------------------


def test_a_token_goes_to_the_first_host_and_to_no_other(net: Net, hub: FakeHub) -> None:
    piece = net.get_range(f"{hub.address}/owner/repo/resolve/main/letters.bin", 0, 10, purpose=PURPOSE, token="hf_secret")
    assert piece.content == LETTERS.start[:10]
    first, second = hub.requests
    assert first.server == "hub" and first.headers["authorization"] == "Bearer hf_secret"
    assert second.server == "content" and "authorization" not in second.headers


def test_a_token_does_not_come_back_by_way_of_another_host(net: Net, hub: FakeHub) -> None:
    """hub -> other host -> a hub-like name there: only the very first origin may see it."""
    hub.misbehave("resolve", fake.redirects_to(f"{hub.content_address}/again"))
    hub.misbehave("again", fake.redirects_to(f"{hub.content_address}/files/owner/repo/letters.bin"))
    net.get_range(f"{hub.address}/owner/repo/resolve/main/letters.bin", 0, 10, purpose=PURPOSE, token="hf_secret")
    assert ["authorization" in asked.headers for asked in hub.requests] == [True, False, False]


def test_the_log_names_hosts_and_never_addresses_or_keys(net: Net, hub: FakeHub) -> None:
    net.get_range(f"{hub.address}/owner/repo/resolve/main/letters.bin", 0, 1000, purpose=PURPOSE, token="hf_secret")
    lines = net.connections()
    assert [(line.host, line.outcome) for line in lines] == [("127.0.0.1", "redirect"), ("localhost", "ok")]
    assert lines[1].received_bytes >= 1000 and abs(lines[1].when - time.time()) < 5
    assert all("secret" not in repr(line) and "letters" not in repr(line) for line in lines)


def test_nothing_but_what_is_needed_is_said_about_us(net: Net, hub: FakeHub, file: str) -> None:
    net.get_range(file, 0, 10, purpose=PURPOSE)
    assert set(hub.requests[0].headers) == {"host", "user-agent", "accept", "accept-encoding", "range"}
    assert hub.requests[0].headers["user-agent"] == "localstory"


@pytest.mark.parametrize(
    ("start", "target"),
    [
        ("https://hub.example/a", "http://hub.example/a"),  # from encrypted to plain
        ("https://hub.example/a", "https://127.0.0.1:11434/api/tags"),  # from outside into this machine
        ("http://hub.example/a", "http://localhost/"),
        ("http://hub.example/a", "http://[::1]:80/"),
        ("http://hub.example/a", "http://[::ffff:127.0.0.1]/"),
    ],
)
def test_a_redirect_never_leads_to_where_it_is_less_safe(start: str, target: str) -> None:
    response = _Response(start, 302, {"location": target}, iter(()))
    with pytest.raises(errors.BadAnswer, match="not safe"):
        _next_address(urlsplit(start), response)


def test_a_redirect_may_be_relative_and_hold_letters_of_its_language() -> None:
    response = _Response("https://hub.example/a/b", 302, {"location": "../mẫu".encode().decode("latin-1")}, iter(()))
    assert _next_address(urlsplit("https://hub.example/a/b"), response).geturl() == "https://hub.example/m%E1%BA%ABu"


# -- offline --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every attempt to look up a name or to connect, none of which goes through."""
    tried: list[object] = []

    def refuse(*arguments: object, **_named: object) -> None:
        tried.append(arguments)
        raise OSError("no")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    return tried


@pytest.mark.parametrize("switch", ["settings", "environment"])
def test_offline_not_even_the_name_is_looked_up(no_sockets: list[object], switch: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if switch == "environment":
        monkeypatch.setenv("LOCALSTORY_OFFLINE", "1")
    with Net(offline=lambda: switch == "settings", patience=HASTY) as net, pytest.raises(errors.Offline) as caught:
        net.get("https://hub.example/x", purpose=PURPOSE)
    assert caught.value.code == "offline" and not no_sockets
    assert [(line.host, line.outcome, line.received_bytes) for line in net.connections()] == [("hub.example", "offline", 0)]


def test_offline_this_machine_is_still_there(hub: FakeHub, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALSTORY_OFFLINE", "1")
    with Net(patience=HASTY) as net:
        assert net.get_range(file, 0, 5, purpose=PURPOSE).content == LETTERS.start[:5]


def test_offline_a_redirect_leads_nowhere(hub: FakeHub, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALSTORY_OFFLINE", "1")
    hub.misbehave("letters", fake.redirects_to("https://hub.example/x"))
    with Net(patience=HASTY) as net, pytest.raises(errors.Offline):
        net.get(file, purpose=PURPOSE)


def test_offline_a_proxy_on_this_machine_is_no_way_out(no_sockets: list[object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALSTORY_OFFLINE", "1")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:8080")
    with Net(patience=HASTY) as net, pytest.raises(errors.Offline):
        net.get("https://hub.example/x", purpose=PURPOSE)
    assert not no_sockets


@pytest.mark.parametrize(("value", "offline"), [("1", True), ("yes", True), ("0", False), ("", False), ("false", False)])
def test_the_variable_says_it(value: str, offline: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALSTORY_OFFLINE", value)
    assert Net().is_offline is offline


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("LOCALHOST.", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("[::1]", True), ("::ffff:127.0.0.1", True),
     ("localhost.example", False), ("127.0.0.1.example", False), ("10.0.0.1", False), ("0.0.0.0", False), ("2130706433", False), ("", False)],
)  # fmt: skip
def test_which_hosts_are_this_machine(host: str, here: bool) -> None:
    assert is_loopback(host) is here


# -- the way there --------------------------------------------------------------------------------------------------------


def test_a_name_without_an_address_is_told_as_such(net: Net, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_known(*_arguments: object, **_named: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", not_known)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(errors.HostNotFound) as caught:
        net.get("http://hub.invalid/x", purpose=PURPOSE)
    assert caught.value.code == "host_not_found" and "hub.invalid" in str(caught.value)


@pytest.fixture
def without_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


def test_a_look_up_that_hangs_is_given_up(net: Net, monkeypatch: pytest.MonkeyPatch, without_proxy: None) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_named: over.wait(5) and [])
    began = time.monotonic()
    with pytest.raises(errors.TooSlow):
        net.get("http://hub.example/x", purpose=PURPOSE)
    assert time.monotonic() - began < 1
    over.set()


def test_where_ipv6_leads_nowhere_ipv4_has_its_turn(hub: FakeHub, net: Net, monkeypatch: pytest.MonkeyPatch, without_proxy: None) -> None:
    """Eight IPv6 addresses that swallow everything before one that answers, as behind a broken router."""
    port = urlsplit(hub.address).port
    answer = [(socket.AF_INET6, 1, 6, "", (f"2001:db8::{number}", port, 0, 0)) for number in range(8)] + [(socket.AF_INET, 1, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr("localstory.net.wire._NEXT_ADDRESS_SECONDS", 0.1)
    real = socket.create_connection
    tried: list[str] = []

    def connect(address: tuple[str, int], timeout: float, **named: Any) -> socket.socket:
        tried.append(address[0])
        if ":" in address[0]:
            time.sleep(timeout)
            raise TimeoutError
        return real(address, timeout, **named)

    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **named: [(socket.AF_INET, 1, 6, "", (host, port))] if host == "127.0.0.1" else answer)
    assert net.get_json(f"http://hub.example:{port}/api/models?search=owner", purpose=PURPOSE)[0] == [{"id": "owner/repo"}]
    assert tried == ["2001:db8::0", "127.0.0.1"]


def test_a_closed_port_is_told_as_such(net: Net) -> None:
    with pytest.raises(errors.NoConnection, match="refused"):
        net.get("http://127.0.0.1:1/x", purpose=PURPOSE)


def test_a_server_that_speaks_no_tls_is_not_secure(net: Net, hub: FakeHub) -> None:
    with pytest.raises(errors.NotSecure):
        net.get(hub.address.replace("http:", "https:"), purpose=PURPOSE)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
def test_a_certificate_nobody_vouches_for_is_refused(net: Net, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    subprocess.run([*make, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        received: list[bytes] = []

        def serve() -> None:
            connection, _address = server.accept()
            connection.settimeout(2)
            try:
                with context.wrap_socket(connection, server_side=True) as secure:
                    received.append(secure.recv(10))
            except OSError:
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(errors.NotSecure, match=r"self.signed"):
            net.get(f"https://127.0.0.1:{server.getsockname()[1]}/", purpose=PURPOSE, token="hf_secret")
        thread.join()
        assert not received


@pytest.mark.parametrize(
    "address", ["", "hub.example/x", "ftp://a/b", "http://", "https://a b/", "https://a/\r\nX: y", "http://a:b/", "http://[::1/x", "http://a/ẫ"]
)
def test_what_is_no_address_is_refused(net: Net, address: str) -> None:
    with pytest.raises(errors.BadAddress):
        net.get(address, purpose=PURPOSE)


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("https://hub.example/rồng 🐉.gguf?a=ô#top", "https://hub.example/r%E1%BB%93ng%20%F0%9F%90%89.gguf?a=%C3%B4"),
        ("https://hub.example/r%E1%BB%93ng.gguf", "https://hub.example/r%E1%BB%93ng.gguf"),
        ("HTTPS://bücher.example:8443/x", "https://xn--bcher-kva.example:8443/x"),
        ("http://[::1]:80/a:b@c", "http://[::1]:80/a:b@c"),
        ("http://[::1", "http://[::1"),
    ],
)
def test_an_address_as_people_paste_it(typed: str, address: str) -> None:
    assert typed_address(typed) == address


def test_a_proxy_is_used_but_never_for_this_machine(hub: FakeHub, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fake hub plays the proxy: it sees the whole address of the other server."""
    monkeypatch.setenv("http_proxy", hub.address)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    hub.misbehave("hub.example", lambda handler: handler.json({"by": "proxy"}))
    with Net(patience=HASTY) as net:
        assert net.get_json("http://hub.example/x", purpose=PURPOSE)[0] == {"by": "proxy"}
        assert hub.requests[-1].path == "http://hub.example/x"
        net.get_range(file, 0, 5, purpose=PURPOSE)
        assert hub.requests[-1].server == "content"


def test_a_kind_of_proxy_we_do_not_speak_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://127.0.0.1:1080")
    with Net(patience=HASTY) as net, pytest.raises(errors.ProxyTrouble):
        net.get("https://hub.example/", purpose=PURPOSE)


def test_stop_ends_a_wait_at_once() -> None:
    with FakeHub() as hub, Net() as net:  # patient: it would wait for 20 seconds
        hub.misbehave("x", fake.stalls)
        stop = threading.Event()
        threading.Timer(0.2, stop.set).start()
        began = time.monotonic()
        with pytest.raises(errors.Stopped):
            net.get(f"{hub.address}/x", purpose=PURPOSE, stop=stop)
        assert time.monotonic() - began < 1.2


def test_many_threads_may_ask_at_once(net: Net, hub: FakeHub, file: str) -> None:
    wrong: list[int] = []

    def ask(number: int) -> None:
        for start in range(number * 100, 20_000, 2000):
            if net.get_range(file, start, start + 50, purpose=PURPOSE).content != LETTERS.start[start : start + 50]:
                wrong.append(start)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and len(hub.requests) == 80
