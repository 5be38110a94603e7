"""A library's own HTTP client on top of Net: nothing goes round the switch, the log and the limits."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx2
import pytest

from localstory.net import Net, Patience, errors
from localstory.net.transport import NetTransport, through
from tests.fakes import hub_server as fake
from tests.fakes.hub_server import Content, FakeHub

HASTY = Patience(connect_seconds=0.5, window_seconds=0.3, window_bytes=1000, total_seconds=0.9)
FACTS = "/api/models/owner/repo"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as server:
        server.add("owner/repo", {f"{number}.gguf": Content(b"GGUF") for number in range(3 * fake.PAGE)})
        yield server


@pytest.fixture
def net() -> Iterator[Net]:
    with Net(patience=HASTY) as client:
        yield client


@pytest.fixture
def library() -> Iterator[httpx2.Client]:
    with httpx2.Client(transport=NetTransport(), trust_env=False, headers={"User-Agent": "library/1.0; torch/9"}) as client:
        yield client


def test_an_answer_comes_by_the_net_and_into_its_log(hub: FakeHub, net: Net, library: httpx2.Client) -> None:
    with through(net, hub.address, purpose="Test"):
        assert library.get(hub.address + FACTS).json()["id"] == "owner/repo"
    (line,) = net.connections()
    assert (line.host, line.purpose, line.outcome) == ("127.0.0.1", "Test", "ok") and line.received_bytes > 100


def test_of_the_headers_only_the_token_goes_out(hub: FakeHub, net: Net, library: httpx2.Client) -> None:
    hub.misbehave("first", lambda handler: handler.json({}, {"Set-Cookie": "who=me"}))
    own = {"Authorization": "Bearer hf_good", "X-Amzn-Trace-Id": "1", "X-HF-Download-Counter": "1"}
    with through(net, hub.address, purpose="Test"):
        library.get(hub.address + "/first", headers=own)
        library.get(hub.address + FACTS, headers=own)
    assert len(library.cookies) == 0
    for asked in hub.requests:
        assert asked.headers["authorization"] == "Bearer hf_good" and asked.headers["user-agent"] == "localstory"
        assert set(asked.headers) == {"host", "user-agent", "accept", "accept-encoding", "authorization"}


def test_offline_nothing_is_sent(hub: FakeHub, library: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localstory.net.client.is_loopback", lambda _host: False)
    with Net(offline=True) as net, through(net, hub.address, purpose="Test"), pytest.raises(errors.Offline):
        library.get(hub.address + FACTS)
    assert hub.requests == []


def test_another_server_is_not_asked_and_hears_no_token(hub: FakeHub, net: Net, library: httpx2.Client) -> None:
    with through(net, hub.address, purpose="Test"):
        for url in (hub.content_address + "/x", hub.address.replace("127.0.0.1", "localhost") + "/x", hub.address.replace("http", "https") + "/x"):
            with pytest.raises(errors.BadAnswer, match="another server"):
                library.get(url, headers={"Authorization": "Bearer hf_secret"})
    assert hub.requests == []


@pytest.mark.parametrize("target", ["{content}/files/owner/repo/x", "{hub}/elsewhere"])
def test_a_redirect_takes_the_token_along_only_at_home(hub: FakeHub, net: Net, library: httpx2.Client, target: str) -> None:
    hub.misbehave(FACTS, fake.redirects_to(target.format(content=hub.content_address, hub=hub.address)))
    with through(net, hub.address, purpose="Test"):
        assert library.get(hub.address + FACTS, headers={"Authorization": "Bearer hf_good"}).status_code == 404
    assert len(hub.requests) == 2
    assert ("authorization" in hub.requests[1].headers) == (hub.requests[1].server == "hub")


def test_outside_of_a_call_nothing_goes_out(hub: FakeHub, net: Net, library: httpx2.Client) -> None:
    with through(net, hub.address, purpose="Test"):
        pass
    with pytest.raises(RuntimeError, match="offline switch"):
        library.get(hub.address + FACTS)
    with through(net, hub.address, purpose="Test"), pytest.raises(RuntimeError, match="POST"):
        library.post(hub.address + FACTS, content=b"what the person wrote")
    assert hub.requests == []


@pytest.mark.parametrize(("behaviour", "status"), [(fake.status(401), 401), (fake.status(403), 403), (fake.status(404), 404), (fake.status(410), 404)])
def test_a_no_of_the_server_is_the_librarys_to_read(hub: FakeHub, net: Net, library: httpx2.Client, behaviour: object, status: int) -> None:
    hub.misbehave(FACTS, behaviour)  # type: ignore[arg-type]
    with through(net, hub.address, purpose="Test"):
        assert library.get(hub.address + FACTS).status_code == status
    hub.misbehave(FACTS, fake.status(404, X_Error_Code="RevisionNotFound"))
    with through(net, hub.address, purpose="Test"):
        assert library.get(hub.address + FACTS).headers["x-error-code"] == "RevisionNotFound"


@pytest.mark.parametrize(
    ("code", "error"), [(429, errors.TooManyRequests), (500, errors.ServerTrouble), (503, errors.ServerTrouble), (400, errors.ServerTrouble)]
)
def test_what_libraries_would_wait_for_is_raised(hub: FakeHub, net: Net, library: httpx2.Client, code: int, error: type[Exception]) -> None:
    hub.misbehave(FACTS, fake.status(code, Retry_After="3600"))
    with through(net, hub.address, purpose="Test"), pytest.raises(error):
        library.get(hub.address + FACTS)


def test_an_answer_that_is_too_large_is_refused(hub: FakeHub, net: Net, library: httpx2.Client) -> None:
    with through(net, hub.address, purpose="Test", limit_bytes=50), pytest.raises(errors.BadAnswer, match="larger"):
        library.get(hub.address + FACTS)


def test_a_list_in_pages_ends_with_the_last_answer_allowed(hub: FakeHub, net: Net, library: httpx2.Client) -> None:
    hub.misbehave("/list", lambda handler: handler.json([], {"Link": '<?cursor=2>; rel="next"'}))
    with through(net, hub.address, purpose="Test", most_answers=2):
        assert library.get(hub.address + "/list").links["next"]["url"] == hub.address + "/list?cursor=2"
        assert "next" not in library.get(hub.address + "/list?cursor=2").links


def test_a_call_that_was_stopped_ends(hub: FakeHub, net: Net, library: httpx2.Client) -> None:
    stop = threading.Event()
    stop.set()
    with through(net, hub.address, purpose="Test", stop=stop), pytest.raises(errors.Stopped):
        library.get(hub.address + FACTS)


def test_calls_of_several_threads_keep_to_their_own_net(hub: FakeHub, library: httpx2.Client) -> None:
    """The client is one for the process."""
    start = threading.Barrier(4)
    seen: list[list[str]] = []

    def ask(number: int) -> None:
        with Net(patience=HASTY) as own, through(own, hub.address, purpose=f"Test {number}"):
            start.wait(5)
            for _time in range(10):
                library.get(hub.address + FACTS)
            seen.append([line.purpose for line in own.connections()])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == [[f"Test {number}"] * 10 for number in range(4)]


def test_an_address_that_is_none_is_told(net: Net) -> None:
    with pytest.raises(errors.BadAddress), through(net, "http://[::1", purpose="Test"):
        pass
