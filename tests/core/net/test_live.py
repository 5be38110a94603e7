"""The streaming way to a server: encrypted, through a proxy, under the offline switch and the log."""

from __future__ import annotations

import asyncio
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from localstory.errors import mark
from localstory.net import Net
from localstory.net.errors import BadAddress, BadAnswer, HostNotFound, NotSecure, Offline, ProxyTrouble, TooSlow
from localstory.net.live import LivePatience, ask_json, live_client

PURPOSE = mark("A test")
QUICK = LivePatience(connect_seconds=2.0, first_seconds=1.0, idle_seconds=1.0, total_seconds=3.0)
ANSWER = json.dumps({"data": ["đẹp"]}).encode()


class Seen:
    def __init__(self) -> None:
        self.heads: list[str] = []
        self.port = 0


@asynccontextmanager
async def serving(seen: Seen, context: ssl.SSLContext | None = None, connect_to: int = 0, status: str = "200 OK") -> AsyncIterator[None]:
    """A server that answers every request with `ANSWER`; as a proxy, CONNECT leads to `connect_to`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        seen.heads.append(head)
        if head.startswith("CONNECT") and status == "200 OK":
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", connect_to)
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

            async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
                while part := await source.read(65536):
                    sink.write(part)
                sink.close()

            await asyncio.gather(pump(reader, other_writer), pump(other_reader, writer), return_exceptions=True)
            return
        writer.write(f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(ANSWER)}\r\n\r\n".encode() + ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    seen.port = int(server.sockets[0].getsockname()[1])
    async with server:
        yield


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    if shutil.which("openssl") is None:
        pytest.skip("makes its certificate with openssl")
    folder = tmp_path_factory.mktemp("tls")
    key, made = folder / "key.pem", folder / "certificate.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=model.invalid"]
    names = "subjectAltName=IP:127.0.0.1,DNS:model.invalid"
    subprocess.run([*make, "-addext", names, "-keyout", str(key), "-out", str(made)], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made, key)
    return made, context


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


async def test_encrypted_when_the_certificate_is_known_and_nothing_sent_when_not(
    certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, context = certificate
    seen = Seen()
    async with serving(seen, context):
        url = f"https://127.0.0.1:{seen.port}"
        with Net() as net:
            with pytest.raises(NotSecure):
                await ask_json(net, url, "/v1/models", purpose=PURPOSE, key="sk-canary", patience=QUICK)
            assert seen.heads == []
            monkeypatch.setenv("SSL_CERT_FILE", str(made))
            assert await ask_json(net, url, "/v1/models", purpose=PURPOSE, key="sk-canary", patience=QUICK) == {"data": ["đẹp"]}
            assert "Authorization: Bearer sk-canary\r\n" in seen.heads[0]
            assert [line.outcome for line in net.connections()] == ["not_secure", "ok"]


async def test_through_a_proxy_plain_and_encrypted(certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> None:
    made, context = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(made))
    inside, proxy = Seen(), Seen()
    async with serving(inside, context):
        async with serving(proxy, connect_to=inside.port):
            monkeypatch.setenv("HTTP_PROXY", f"http://mai:pass@127.0.0.1:{proxy.port}")
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            with Net() as net:
                assert await ask_json(net, "http://model.invalid", "/v1/models", purpose=PURPOSE, key="sk-canary", patience=QUICK) == {"data": ["đẹp"]}
                assert proxy.heads[0].startswith("GET http://model.invalid/v1/models HTTP/1.1\r\n") and "Proxy-Authorization: Basic " in proxy.heads[0]
                assert await ask_json(net, "https://model.invalid", "/v1/models", purpose=PURPOSE, key="sk-canary", patience=QUICK) == {"data": ["đẹp"]}
                # The proxy of an encrypted connection never sees the key.
                assert proxy.heads[1].startswith("CONNECT model.invalid:443 ") and "sk-canary" not in proxy.heads[1]
                assert "Authorization: Bearer sk-canary\r\n" in inside.heads[0]
                assert [line.host for line in net.connections()] == ["model.invalid"] * 2
        async with serving(proxy, status="407 Proxy Authentication Required"):
            monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
            with Net() as net, pytest.raises(ProxyTrouble):
                await ask_json(net, "https://model.invalid", "/v1/models", purpose=PURPOSE, patience=QUICK)


async def test_offline_stops_before_the_proxy_and_before_the_name_is_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = Seen()
    async with serving(seen):
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{seen.port}")
        with Net(offline=True) as net, pytest.raises(Offline):
            await ask_json(net, "http://model.invalid", "/", purpose=PURPOSE, patience=QUICK)
        assert seen.heads == []


async def test_names_that_are_none() -> None:
    with Net() as net:
        with pytest.raises(HostNotFound):
            await ask_json(net, "http://no-such-host.invalid", "/", purpose=PURPOSE, patience=QUICK)
        for url in ("ftp://x", "http://", "http://user:pass@host", "http://[::1", "nonsense"):
            with pytest.raises(BadAddress):
                await ask_json(net, url, "/", purpose=PURPOSE, patience=QUICK)


async def test_a_list_without_end_and_a_list_that_drips() -> None:
    ended = asyncio.Semaphore(0)

    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n[")
        try:
            while True:
                writer.write(b"1," * (20_000 if b"/fast" in head else 1))
                await writer.drain()
                await asyncio.sleep(0 if b"/fast" in head else 0.05)
        except OSError:
            writer.close()
            ended.release()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        with Net() as net:
            with pytest.raises(BadAnswer):
                await ask_json(net, url, "/fast", purpose=PURPOSE, patience=QUICK, limit_bytes=1 << 20)
            with pytest.raises(TooSlow):
                await ask_json(net, url, "/slow", purpose=PURPOSE, patience=QUICK)
        for _connection in range(2):  # both servers saw that nobody listens any more
            await asyncio.wait_for(ended.acquire(), 2)


async def test_a_client_asks_no_other_server() -> None:
    seen, other = Seen(), Seen()
    async with serving(seen), serving(other):
        with Net() as net:
            async with live_client(net, f"http://127.0.0.1:{seen.port}", purpose=PURPOSE, key="sk-canary", patience=QUICK) as client:
                with pytest.raises(BadAnswer):
                    await client.get(f"http://127.0.0.1:{other.port}/")
        assert other.heads == []
