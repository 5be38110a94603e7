"""Headers over byte ranges: right to the last tensor, cheap, kept, and calm whatever the server does."""

from __future__ import annotations

import io
import os
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstory.errors import CannotContinue
from localstory.gguf.header import BadGguf, NotGguf, read_header
from localstory.gguf.stripped import strip, strip_header
from localstory.models.hub import Hub
from localstory.models.remote_header import RemoteFile, RemoteHeader, read_remote_headers
from localstory.net import Net, Patience, errors
from tests.bench import fit_hub
from tests.fakes import hub_server as fake
from tests.fakes.gguf_files import F32, STRING, U64, array, gguf, pair, tensor, text
from tests.fakes.hub_server import COMMIT, Content, FakeHub
from tests.fakes.quantisations import quantised

HASTY = Patience(connect_seconds=0.5, window_seconds=0.3, window_bytes=1000, total_seconds=0.9, slowest_bytes_per_second=8 << 20)
REPO = "owner/mô-hình"
NAMES = [f"rồng 🐉-{name}.gguf" for name in ("Q2_K", "Q4_K_M", "Q8_0")]
FILES = {name: quantised(name.split("-")[1][:-5], "gemma3-1b") for name in NAMES}
HEADERS = {name: read_header(io.BytesIO(content.start)) for name, content in FILES.items()}


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as server:
        server.add(REPO, dict(FILES))
        yield server


@pytest.fixture
def net() -> Iterator[Net]:
    with Net(patience=HASTY) as client:
        yield client


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "bộ nhớ" / "headers"


def remote(hub: FakeHub, name: str, *, version: str = COMMIT, token: str = "") -> RemoteFile:
    size = hub.repositories[REPO].files[name].size_bytes
    return RemoteFile(Hub(Net(), hub.address).address(REPO, COMMIT, name), size, REPO, version, name, token)


def read(hub: FakeHub, net: Net, cache: Path | None, *names: str) -> list[RemoteHeader | CannotContinue]:
    return read_remote_headers([remote(hub, name) for name in names], net, cache)


def one(result: RemoteHeader | CannotContinue) -> RemoteHeader:
    assert isinstance(result, RemoteHeader), result
    return result


def test_a_remote_header_is_the_local_one(hub: FakeHub, net: Net, cache: Path) -> None:
    results = [one(result) for result in read(hub, net, cache, *NAMES)]
    for name, result in zip(NAMES, results, strict=True):
        assert result.header == HEADERS[name]
        assert strip(result.raw) == strip_header(io.BytesIO(FILES[name].start))
        assert result.size_bytes == FILES[name].size_bytes
    content_bytes = sum(asked.sent_bytes[0] for asked in hub.requests if asked.server == "content")
    assert sum(result.bytes_read for result in results) == content_bytes  # what is reported is what was sent


def test_a_second_quantisation_costs_its_tensor_table(hub: FakeHub, net: Net, cache: Path) -> None:
    first, second, third = (one(result) for result in read(hub, net, cache, *NAMES))
    assert first.bytes_read < len(FILES[NAMES[0]].start) + (1 << 20) + (128 << 10)
    for result, name in ((second, NAMES[1]), (third, NAMES[2])):
        table = result.layout.tensors_end - result.layout.tensors_start
        assert result.bytes_read < table + 8_000
        assert result.shared_bytes + result.bytes_read > len(FILES[name].start) - 100
    assert first.shared_bytes == 0


def test_a_sibling_with_a_shorter_name_costs_no_more(hub: FakeHub, net: Net, cache: Path) -> None:
    """Everything in it lies a few bytes earlier than in the file that was read whole."""
    _first, second = (one(result) for result in read(hub, net, cache, NAMES[1], NAMES[2]))
    assert second.bytes_read < second.layout.tensors_end - second.layout.tensors_start + 8_000


def test_a_later_quantisation_goes_by_what_is_kept(hub: FakeHub, net: Net, cache: Path) -> None:
    read(hub, net, cache, NAMES[0])
    before = hub.sent_bytes()
    both = read(hub, net, cache, NAMES[0], NAMES[1])
    assert one(both[0]).bytes_read == 0 and one(both[1]).shared_bytes > 0
    assert hub.sent_bytes() - before < 60_000


def test_a_second_question_costs_no_network(hub: FakeHub, net: Net, cache: Path) -> None:
    first = [one(result) for result in read(hub, net, cache, *NAMES)]
    asked = len(hub.requests)
    second = [one(result) for result in read(hub, net, cache, *NAMES)]
    assert len(hub.requests) == asked
    for before, after in zip(first, second, strict=True):
        assert (after.header, after.raw, after.layout, after.size_bytes) == (before.header, before.raw, before.layout, before.size_bytes)
        assert (after.bytes_read, after.requests, after.shared_bytes) == (0, 0, before.shared_bytes)


def test_a_whole_header_is_kept_for_its_vocabulary(hub: FakeHub, net: Net, cache: Path) -> None:
    for _time in range(2):
        for result in read(hub, net, cache, *NAMES):
            path = one(result).whole_header
            assert path is not None
            with open(path, "rb") as file:
                tokens = read_header(file, keep=["tokenizer.ggml.tokens"]).metadata["tokenizer.ggml.tokens"]
            assert tokens.length == 262_144 and tokens.values is not None  # type: ignore[union-attr]


def test_another_commit_is_read_anew(hub: FakeHub, net: Net, cache: Path) -> None:
    read(hub, net, cache, NAMES[0])
    (result,) = read_remote_headers([remote(hub, NAMES[0], version="f" * 40)], net, cache)
    assert one(result).bytes_read > 0


def test_without_a_version_nothing_is_kept(hub: FakeHub, net: Net, cache: Path) -> None:
    for _time in range(2):
        (result,) = read_remote_headers([remote(hub, NAMES[0], version="")], net, cache)
        assert one(result).bytes_read > 0
    assert not cache.exists()


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "garbage", "old", "json"])
def test_a_damaged_cache_is_read_anew(hub: FakeHub, net: Net, cache: Path, damage: str) -> None:
    read(hub, net, cache, NAMES[0])
    (path,) = cache.glob("*.header")
    content = bytearray(path.read_bytes())
    match damage:
        case "cut":
            del content[len(content) // 2 :]
        case "empty":
            content.clear()
        case "flipped":
            content[len(content) // 2] ^= 1
        case "garbage":
            content[:] = b"\xff\n" * 1000
        case "old":
            content[:] = content.replace(b'"format": 1', b'"format": 0')
        case "json":
            content[:] = b"[1, 2]\n"
    path.write_bytes(content)
    (result,) = read(hub, net, cache, NAMES[0])
    assert one(result).header == HEADERS[NAMES[0]] and one(result).bytes_read > 0
    (again,) = read(hub, net, cache, NAMES[0])
    assert one(again).bytes_read == 0


def test_a_folder_that_can_not_be_written_is_no_trouble(hub: FakeHub, net: Net, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("in the way")
    (result,) = read(hub, net, tmp_path / "a file" / "headers", NAMES[0])
    assert one(result).header == HEADERS[NAMES[0]] and one(result).whole_header is None


def test_a_full_disk_leaves_no_half_files(hub: FakeHub, net: Net, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        real(path, content[: len(content) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    (result,) = read(hub, net, cache, NAMES[0])
    assert one(result).header == HEADERS[NAMES[0]]
    assert list(cache.iterdir()) == []


def test_the_cache_does_not_grow_for_ever(hub: FakeHub, net: Net, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.mkdir(parents=True)
    old = cache / "old.whole"
    old.write_bytes(b"x" * 300_000)
    os.utime(old, (1, 1))
    monkeypatch.setattr("localstory.models.remote_header._CACHE_LIMIT_BYTES", len(FILES[NAMES[0]].start) + 200_000)
    read(hub, net, cache, *NAMES)
    assert not old.exists()
    assert sum(path.stat().st_size for path in cache.iterdir()) <= len(FILES[NAMES[0]].start) + 200_000


# -- files that are not alike, or no files ------------------------------------------------------------------------------


def other_vocabulary(word: str = "x") -> Content:
    pairs = [
        pair("general.architecture", STRING, "llama"),
        array("tokenizer.ggml.tokens", STRING, [word * (number % 7) for number in range(262_144)]),
        array("tokenizer.ggml.scores", F32, [0.0] * 262_144),
        pair("tokenizer.chat_template", STRING, "{{ messages }}"),
    ]
    head = gguf(pairs, [tensor("token_embd.weight", (256, 4), 12, 0)])
    return Content(head, size=len(head) + 576)


def test_a_file_with_another_vocabulary_is_read_whole(hub: FakeHub, net: Net, cache: Path) -> None:
    hub.add(REPO, {**FILES, "a.gguf": other_vocabulary("a"), "b.gguf": other_vocabulary("bb")})
    results = read(hub, net, cache, "a.gguf", "b.gguf", NAMES[0])
    for name, result in zip(("a.gguf", "b.gguf", NAMES[0]), results, strict=True):
        assert one(result).header == read_header(io.BytesIO(hub.contents[f"{REPO}/{name}"].start))
        assert one(result).shared_bytes == 0


def test_two_models_in_one_repository_are_read_whole_once_each(hub: FakeHub, net: Net, cache: Path) -> None:
    """Two vocabularies of the same count and other lengths: each costs its own vocabulary once, in whatever order."""
    more = {f"other-{number}.gguf": other_vocabulary("ab") for number in range(3)}
    hub.add(REPO, {**FILES, **more})
    names = [NAMES[0], "other-0.gguf", NAMES[1], "other-1.gguf", "other-2.gguf", NAMES[2]]
    results = [one(result) for result in read(hub, net, cache, *names)]
    for name, result in zip(names, results, strict=True):
        assert result.header == read_header(io.BytesIO(hub.contents[f"{REPO}/{name}"].start))
    assert [result.shared_bytes > 0 for result in results] == [False, False, True, True, True, True]
    for name, result in zip(names, results, strict=True):
        model = next(each for each in names if each[:5] == name[:5])  # the one of its kind that was read whole
        truth = hub.contents[f"{REPO}/{model}"].start
        assert result.whole_header is not None and truth.startswith(result.whole_header.read_bytes())


def test_one_broken_file_does_not_stop_the_others(hub: FakeHub, net: Net, cache: Path) -> None:
    hub.add(REPO, {"empty.gguf": Content(b""), "page.gguf": Content(b"<!doctype html>" * 9), "cut.gguf": Content(FILES[NAMES[0]].start[:100_000]), **FILES})
    results = read(hub, net, cache, "empty.gguf", "page.gguf", "cut.gguf", *NAMES)
    assert [type(result) for result in results[:3]] == [NotGguf, NotGguf, BadGguf]
    assert "interrupted" in str(results[2])
    assert [one(result).header for result in results[3:]] == [HEADERS[name] for name in NAMES]


def test_a_file_too_short_for_its_tensors_is_refused(hub: FakeHub, net: Net, cache: Path) -> None:
    whole = FILES[NAMES[0]]
    hub.add(REPO, {"short.gguf": Content(whole.start, size=whole.size - 1_000_000)})
    (result,) = read(hub, net, cache, "short.gguf")
    assert isinstance(result, BadGguf) and "cut off" in str(result)
    assert not list(cache.glob("*")) if cache.exists() else True


@pytest.mark.parametrize("start", ["numbers", "texts", "name"])
def test_a_header_that_grows_past_the_limit_is_given_up(hub: FakeHub, net: Net, cache: Path, start: str) -> None:
    """Zeros as far as one likes to read: numbers without end, one text after the other, a name of 2^60 bytes."""
    began = b"GGUF" + struct.pack("<IQQ", 3, 1, 60_000)
    match start:
        case "numbers":
            began += text("long") + struct.pack("<IIQ", 9, U64, 1 << 24)
        case "texts":
            began += text("long") + struct.pack("<IIQ", 9, STRING, 1 << 24)
        case "name":
            began += struct.pack("<Q", 1 << 60)
    hub.add(REPO, {"endless.gguf": Content(began, size=1 << 40)})
    at = time.monotonic()
    (result,) = read(hub, net, cache, "endless.gguf")
    assert isinstance(result, BadGguf), result
    assert time.monotonic() - at < 6
    assert hub.sent_bytes() <= 66 << 20


# -- servers that misbehave -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (fake.stalls, errors.TooSlow),
        (fake.stalls_in_the_middle, errors.TooSlow),
        (fake.drips, errors.TooSlow),
        (fake.never_ends, errors.BadAnswer),
        (fake.wrong_range, errors.BadAnswer),
        (fake.no_content_range, errors.BadAnswer),
        (fake.wrong_length, errors.BadAnswer),
        (fake.another_size, errors.BadAnswer),
        (fake.sends_less, errors.CutOff),
        (fake.gzipped, errors.BadAnswer),
        (fake.html, errors.BadAnswer),
        (fake.status(404), errors.NotOnServer),
        (fake.status(429, Retry_After="7"), errors.TooManyRequests),
        (fake.status(500), errors.ServerTrouble),
        (fake.redirects_round, errors.BadAnswer),
    ],
)
def test_a_hostile_server_is_a_value_in_bounded_time(hub: FakeHub, net: Net, cache: Path, behaviour: object, error: type[CannotContinue]) -> None:
    hub.misbehave("/files/", behaviour)  # type: ignore[arg-type]
    at = time.monotonic()
    results = read(hub, net, cache, *NAMES)
    assert [type(result) for result in results] == [error] * 3, results
    assert time.monotonic() - at < 6
    assert sum(line.received_bytes for line in net.connections()) < 4 << 20


def test_a_server_without_ranges_costs_more_and_gives_the_same(hub: FakeHub, cache: Path) -> None:
    hub.misbehave("/files/", fake.sends_everything)
    with Net() as net:
        first, second = (one(result) for result in read(hub, net, cache, *NAMES[:2]))
    assert (first.header, second.header) == (HEADERS[NAMES[0]], HEADERS[NAMES[1]])
    assert first.bytes_read < 4 * len(FILES[NAMES[0]].start) and second.bytes_read < 1.2 * len(FILES[NAMES[0]].start)


def test_when_nobody_answers_it_is_not_tried_for_every_file(hub: FakeHub, net: Net, cache: Path) -> None:
    hub.misbehave("resolve", fake.stalls)
    at = time.monotonic()
    results = read(hub, net, cache, *NAMES)
    assert [type(result) for result in results] == [errors.TooSlow] * 3
    assert len(hub.requests) == 1 and time.monotonic() - at < 0.8


def test_an_address_that_lasted_only_a_while_is_asked_for_again(hub: FakeHub, net: Net, cache: Path) -> None:
    served = [0]

    def expires(handler: fake.Handler) -> None:
        served[0] += 1
        if served[0] == 3:
            handler.whole(403, b"expired")
        else:
            handler.answer("/files/" + REPO + "/" + NAMES[0])

    hub.misbehave("/files/", expires)
    (result,) = read(hub, net, cache, NAMES[0])
    assert one(result).header == HEADERS[NAMES[0]]
    assert sum(asked.server == "hub" for asked in hub.requests) == 2


def test_the_token_stays_with_the_hub(hub: FakeHub, net: Net, cache: Path) -> None:
    hub.add(REPO, dict(FILES), gated="auto")
    (refused,) = read_remote_headers([remote(hub, NAMES[0])], net, None)
    assert isinstance(refused, errors.NeedsToken) and refused.server_code == "GatedRepo"
    (result,) = read_remote_headers([remote(hub, NAMES[0], token="hf_good")], net, cache)
    assert one(result).header == HEADERS[NAMES[0]]
    assert all(("authorization" in asked.headers) == (asked.server == "hub") for asked in hub.requests[1:])
    assert all(b"hf_good" not in path.read_bytes() for path in cache.iterdir())


def test_a_file_that_changes_between_two_pieces_is_noticed(hub: FakeHub, net: Net, cache: Path) -> None:
    def changes(handler: fake.Handler) -> None:
        handler.answer("/files/" + REPO + "/" + NAMES[0])
        hub.contents[f"{REPO}/{NAMES[0]}"] = Content(FILES[NAMES[0]].start[:-1] + b"\1", size=FILES[NAMES[0]].size)

    hub.misbehave("/files/", changes)
    (result,) = read(hub, net, cache, NAMES[0])
    assert isinstance(result, errors.BadAnswer) and "changed" in str(result)


def test_offline_what_is_kept_still_answers(hub: FakeHub, net: Net, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(hub, net, cache, NAMES[0])
    monkeypatch.setenv("LOCALSTORY_OFFLINE", "1")
    with Net(patience=HASTY) as offline:
        outside = [RemoteFile("https://hub.example/a", 5, REPO, COMMIT, "a"), remote(hub, NAMES[0])]
        results = read_remote_headers(outside, offline, cache)
    assert isinstance(results[0], errors.Offline) and one(results[1]).bytes_read == 0


def test_stop_ends_it(hub: FakeHub, cache: Path) -> None:
    hub.misbehave("/files/", fake.stalls)
    stop = threading.Event()
    threading.Timer(0.2, stop.set).start()
    with Net() as patient, pytest.raises(errors.Stopped):
        read_remote_headers([remote(hub, name) for name in NAMES], patient, cache, stop=stop)


def test_each_result_is_told_as_it_comes(hub: FakeHub, net: Net, cache: Path) -> None:
    came: dict[int, RemoteHeader | CannotContinue] = {}
    results = read_remote_headers([remote(hub, name) for name in NAMES], net, cache, on_read=came.__setitem__)
    assert [came[index] for index in range(3)] == results


def test_25_quantisations_of_a_262k_vocabulary_stay_within_the_bar(tmp_path: Path) -> None:
    first, again = fit_hub.measure(tmp_path / "nhà")
    assert first.files == 25 and first.read_bytes <= fit_hub.MOST_BYTES and first.sent_bytes <= fit_hub.MOST_BYTES + 100_000
    assert first.seconds < 2 * fit_hub.MOST_SECONDS  # twice: tests share the machine
    assert (again.read_bytes, again.requests) == (0, 0)
