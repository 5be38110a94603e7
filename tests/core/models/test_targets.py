"""What the fit check may be asked about: every kind of name, what it costs, and what is said when there is nothing."""

from __future__ import annotations

import io
import json
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstory.errors import BadRequest, CannotContinue, FileTrouble
from localstory.gguf.header import BadGguf, read_header
from localstory.models.hub import FileNotInRepo, Hub, RepoNotFound
from localstory.models.names import BadModelFile, ModelNotFound
from localstory.models.ollama_store import BadOllamaManifest, OllamaModelNotFound, installed, ollama_folders
from localstory.models.targets import FitTarget, TargetHeader, read_targets, resolve
from localstory.net import Net, Patience, errors
from localstory.paths import Home, open_home
from tests.fakes import hub_server as fake
from tests.fakes.gguf_files import TINY, TINY_PAIRS, U16, pair, tensor
from tests.fakes.hub_server import Content, FakeHub
from tests.fakes.quantisations import quantised

HASTY = Patience(connect_seconds=0.5, window_seconds=0.3, window_bytes=1000, total_seconds=0.9, slowest_bytes_per_second=8 << 20)
REPO = "owner/Rong-GGUF"


def part(number: int, count: int) -> bytes:
    """One file of a split model: the first has the facts, each has a tensor of its own."""
    pairs = [pair("split.no", U16, number - 1), pair("split.count", U16, count), *(TINY_PAIRS if number == 1 else [])]
    head = b"GGUF" + struct.pack("<IQQ", 3, 1, len(pairs)) + b"".join(pairs) + tensor(f"blk.{number}.q", (256, 4), 12, 0)
    return head + b"\0" * (-len(head) % 32) + b"\0" * 576


FILES = {
    "rồng 🐉-Q2_K.gguf": quantised("Q2_K", "gemma3-1b"),
    "rồng 🐉-Q4_K_M.gguf": quantised("Q4_K_M", "gemma3-1b"),
    "split/rồng-Q8_0-00001-of-00002.gguf": Content(part(1, 2)),
    "split/rồng-Q8_0-00002-of-00002.gguf": Content(part(2, 2)),
    "mmproj-rồng-F16.gguf": Content(TINY),
    "README.md": Content(b"hello", in_lfs=False),
}


@pytest.fixture
def server() -> Iterator[FakeHub]:
    with FakeHub() as running:
        running.add(REPO, dict(FILES), licence="gemma", languages=["vi"], base_model="owner/rong")
        yield running


@pytest.fixture
def hub(server: FakeHub) -> Iterator[Hub]:
    with Net(patience=HASTY) as net:
        yield Hub(net, server.address)


@pytest.fixture
def nest(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "person"))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "ollama ô"))
    return open_home(home)


def one(targets: list[FitTarget]) -> FitTarget:
    (target,) = targets
    return target


def header(target: FitTarget, nest: Home, hub: Hub) -> TargetHeader:
    (result,) = read_targets([target], nest, hub.net)
    assert isinstance(result, TargetHeader), result
    return result


# -- files here -----------------------------------------------------------------------------------------------------------


def test_a_file_here(nest: Home, hub: Hub, server: FakeHub, tmp_path: Path) -> None:
    path = tmp_path / "rồng 🐉-Q4_K_M.gguf"
    path.write_bytes(TINY)
    target = one(resolve(str(path), nest, hub))
    assert (target.source, target.title, target.quantisation, target.size_bytes, target.paths) == ("file", "rồng 🐉-Q4_K_M", "Q4_K_M", len(TINY), (path,))
    read = header(target, nest, hub)
    assert read.header == read_header(io.BytesIO(TINY)) and (read.bytes_read, read.requests, read.vocabulary) == (0, 0, path)
    assert read.stripped.header.tensors == read.header.tensors
    assert not server.requests


@pytest.mark.parametrize("named", [1, 2, 3])
def test_a_split_model_by_any_of_its_parts(nest: Home, hub: Hub, tmp_path: Path, named: int) -> None:
    for number in (1, 2, 3):
        (tmp_path / f"ngựa-{number:05d}-of-00003.gguf").write_bytes(part(number, 3))
    target = one(resolve(str(tmp_path / f"ngựa-{named:05d}-of-00003.gguf"), nest, hub))
    assert len(target.paths) == 3 and target.title == "ngựa"
    read = header(target, nest, hub)
    assert [one.name for one in read.header.tensors] == ["blk.1.q", "blk.2.q", "blk.3.q"]
    assert read.size_bytes == target.size_bytes == sum(path.stat().st_size for path in target.paths)
    assert len(read.stripped.parts) == 3


def test_a_split_model_that_lacks_a_part(nest: Home, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "m-00001-of-00002.gguf").write_bytes(part(1, 2))
    with pytest.raises(BadModelFile, match="m-00002-of-00002"):
        resolve(str(tmp_path / "m-00001-of-00002.gguf"), nest, hub)


def test_a_split_model_whose_second_part_is_cut_or_another(nest: Home, hub: Hub, tmp_path: Path) -> None:
    first, second = tmp_path / "m-00001-of-00002.gguf", tmp_path / "m-00002-of-00002.gguf"
    first.write_bytes(part(1, 2))
    for content in (part(2, 2)[:-1], part(1, 2), TINY, b""):
        second.write_bytes(content)
        (result,) = read_targets(resolve(str(first), nest, hub), nest, hub.net)
        assert isinstance(result, BadGguf)


def test_a_file_that_is_gone_when_it_is_read(nest: Home, hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(TINY)
    targets = resolve(str(tmp_path / "a.gguf"), nest, hub)
    (tmp_path / "a.gguf").unlink()
    (result,) = read_targets(targets, nest, hub.net)
    assert isinstance(result, FileTrouble)


def test_the_starter_and_titles_of_our_library(nest: Home, hub: Hub, smollm2: Path) -> None:
    starter = one(resolve("starter", nest, hub))
    assert (starter.source, starter.paths) == ("starter", (smollm2,))
    (nest.models / "rong.gguf").write_bytes(TINY)
    mine = one(resolve("rồng nhỏ 🐉", nest, hub))
    assert (mine.source, mine.title, mine.licence, mine.quantisation) == ("library", "Rồng nhỏ 🐉", "mit", "Q4_K_M")


@pytest.mark.parametrize("name", ["", "  ", "hf:", "hf:repo", "hf:../x", "hf:owner/repo/../x.gguf", "ollama:", "ollama:../x", "ollama:a/../b"])
def test_what_names_nothing_is_told_before_anything_is_asked(nest: Home, hub: Hub, server: FakeHub, name: str) -> None:
    with pytest.raises(BadRequest):
        resolve(name, nest, hub)
    assert not server.requests


def test_a_name_that_looks_like_a_repository_is_pointed_to_the_hub(nest: Home, hub: Hub) -> None:
    with pytest.raises(ModelNotFound, match="hf:owner/Rong-GGUF"):
        resolve("owner/Rong-GGUF", nest, hub)


def test_a_title_that_is_not_there_names_near_ones(nest: Home, hub: Hub) -> None:
    (nest.models / "rong.gguf").write_bytes(TINY)
    with pytest.raises(ModelNotFound, match="Rồng nhỏ"):
        resolve("rong nho 🐉", nest, hub)


# -- the hub --------------------------------------------------------------------------------------------------------------


def test_a_whole_repository(nest: Home, hub: Hub) -> None:
    targets = resolve(f"hf:{REPO}", nest, hub)
    assert [(target.quantisation, target.size_bytes) for target in targets] == [
        ("Q8_0", sum(content.size_bytes for path, content in FILES.items() if path.startswith("split"))),
        ("Q2_K", FILES["rồng 🐉-Q2_K.gguf"].size_bytes),
        ("Q4_K_M", FILES["rồng 🐉-Q4_K_M.gguf"].size_bytes),
    ]
    assert {(target.licence, target.languages, target.base_models, target.repo) for target in targets} == {("gemma", ("vi",), ("owner/rong",), REPO)}
    split, small, large = read_targets(targets, nest, hub.net)
    assert isinstance(split, TargetHeader) and isinstance(small, TargetHeader) and isinstance(large, TargetHeader)
    assert [tensor.name for tensor in split.header.tensors] == ["blk.1.q", "blk.2.q"] and len(split.stripped.parts) == 2
    assert small.header == read_header(io.BytesIO(FILES["rồng 🐉-Q2_K.gguf"].start))
    assert large.header == read_header(io.BytesIO(FILES["rồng 🐉-Q4_K_M.gguf"].start))
    assert large.bytes_read < 60_000 < small.bytes_read
    assert small.vocabulary == large.vocabulary is not None


def test_every_target_names_itself(nest: Home, hub: Hub) -> None:
    for target in resolve(f"hf:{REPO}", nest, hub):
        assert one(resolve(target.name, nest, hub)) == target


@pytest.mark.parametrize(
    "name",
    [
        f"hf:{REPO}/rồng 🐉-Q4_K_M.gguf",
        f"hf:{REPO}@main/rồng 🐉-Q4_K_M.gguf",
        f"HF:{REPO}:Q4_K_M",
        f"hf:{REPO}:q4_k_m",
        "{hub}/" + REPO + "/blob/main/r%E1%BB%93ng%20%F0%9F%90%89-Q4_K_M.gguf",
        "{hub}/" + REPO + "/resolve/main/r%E1%BB%93ng%20%F0%9F%90%89-Q4_K_M.gguf?download=true",
    ],
)
def test_one_file_of_a_repository(nest: Home, hub: Hub, server: FakeHub, name: str) -> None:
    target = one(resolve(name.replace("{hub}", server.address), nest, hub))
    assert target.name == f"hf:{REPO}/rồng 🐉-Q4_K_M.gguf" and target.sha256 == FILES["rồng 🐉-Q4_K_M.gguf"].digest


@pytest.mark.parametrize("name", [f"hf:{REPO}/split/rồng-Q8_0-00002-of-00002.gguf", f"hf:{REPO}/rồng-Q8_0-00001-of-00002.gguf"])
def test_a_split_file_by_any_part_and_without_its_folder(nest: Home, hub: Hub, name: str) -> None:
    try:
        target = one(resolve(name, nest, hub))
    except FileNotInRepo:
        pytest.fail("not found")
    assert [file.name for file in target.remote] == [path for path in FILES if path.startswith("split")]


def test_what_a_repository_does_not_hold(nest: Home, hub: Hub, server: FakeHub) -> None:
    with pytest.raises(FileNotInRepo, match="rồng 🐉-Q4_K_M"):
        resolve(f"hf:{REPO}/rồng-Q4_KM.gguf", nest, hub)
    with pytest.raises(FileNotInRepo, match="Q4_K_M"):
        resolve(f"hf:{REPO}:Q5_K_M", nest, hub)
    server.add("owner/words", {"README.md": Content(b"hi", in_lfs=False)})
    with pytest.raises(FileNotInRepo, match="holds no model"):
        resolve("hf:owner/words", nest, hub)
    with pytest.raises(RepoNotFound):
        resolve("hf:owner/Rong-GUF", nest, hub)


def test_a_second_question_about_a_repository_asks_nobody(nest: Home, hub: Hub, server: FakeHub) -> None:
    read_targets(resolve(f"hf:{REPO}", nest, hub), nest, hub.net)
    asked = len(server.requests)
    again = read_targets(resolve(f"hf:{REPO}", nest, hub), nest, hub.net)
    assert len(server.requests) == asked and all(isinstance(one, TargetHeader) and one.bytes_read == 0 for one in again)


def test_a_file_that_is_broken_is_a_value_among_the_others(nest: Home, hub: Hub, server: FakeHub) -> None:
    server.add(REPO, {**FILES, "broken-Q5_K_M.gguf": Content(b"<html>" * 50)})
    results = read_targets(resolve(f"hf:{REPO}", nest, hub), nest, hub.net)
    assert sorted(isinstance(result, CannotContinue) for result in results) == [False, False, False, True]


def test_a_part_that_can_not_be_had_is_told_for_its_model(nest: Home, hub: Hub, server: FakeHub) -> None:
    server.misbehave("00002-of", fake.status(500))
    told: dict[int, object] = {}
    results = read_targets(resolve(f"hf:{REPO}", nest, hub), nest, hub.net, on_read=told.__setitem__)
    assert [type(result) for result in results] == [errors.ServerTrouble, TargetHeader, TargetHeader]
    assert [told[index] for index in range(3)] == results


def test_the_token_is_not_shown(nest: Home, server: FakeHub) -> None:
    with Net(patience=HASTY) as net:
        for target in resolve(f"hf:{REPO}", nest, Hub(net, server.address, token="hf_secret")):
            assert "hf_secret" not in repr(target)


# -- any address ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["r%E1%BB%93ng%20%F0%9F%90%89-Q4_K_M.gguf", "rồng 🐉-Q4_K_M.gguf"])
def test_a_file_at_any_address(nest: Home, hub: Hub, server: FakeHub, file: str) -> None:
    url = f"{server.content_address}/files/{REPO}/{file}"
    target = one(resolve(url, nest, hub))
    content = FILES["rồng 🐉-Q4_K_M.gguf"]
    assert (target.source, target.title, target.quantisation, target.size_bytes) == ("url", "rồng 🐉-Q4_K_M", "Q4_K_M", content.size_bytes)
    assert header(target, nest, hub).header == read_header(io.BytesIO(content.start))
    again = header(one(resolve(url, nest, hub)), nest, hub)
    assert again.bytes_read == 0  # by its ETag


def test_a_split_model_at_any_address(nest: Home, hub: Hub, server: FakeHub) -> None:
    target = one(resolve(f"{server.content_address}/files/{REPO}/split/r%E1%BB%93ng-Q8_0-00001-of-00002.gguf", nest, hub))
    assert [one.name for one in header(target, nest, hub).header.tensors] == ["blk.1.q", "blk.2.q"]


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [(fake.stalls, errors.TooSlow), (fake.html, errors.BadAnswer), (fake.status(404), errors.NotOnServer), (fake.redirects_round, errors.BadAnswer)],
)
def test_an_address_that_does_not_answer_well(nest: Home, hub: Hub, server: FakeHub, behaviour: object, error: type[CannotContinue]) -> None:
    server.misbehave("/files/", behaviour)  # type: ignore[arg-type]
    with pytest.raises(error):
        resolve(f"{server.content_address}/files/x.gguf", nest, hub)


# -- Ollama -----------------------------------------------------------------------------------------------------------------


def ollama_here(folder: Path, name: str, content: bytes, *, digest: str = "", layers: object = None, claimed: int = -1) -> Path:
    """Write what `ollama pull` leaves: a manifest and a blob. `name` is host/namespace/model/tag."""
    blob_digest = digest or "sha256:" + Content(content).digest
    if layers is None:
        layers = [
            {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:" + "1" * 64, "size": 5},
            {"mediaType": "application/vnd.ollama.image.model", "digest": blob_digest, "size": len(content) if claimed < 0 else claimed},
        ]
    manifest = folder / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))
    blob = folder / "blobs" / blob_digest.replace(":", "-").replace("/", "_")
    blob.parent.mkdir(exist_ok=True)
    blob.write_bytes(content)
    return blob


def test_a_model_that_ollama_has_here(nest: Home, hub: Hub, server: FakeHub, tmp_path: Path) -> None:
    blob = ollama_here(tmp_path / "ollama ô", "registry.ollama.ai/library/rong/3b-q4_K_M", TINY)
    for name in ("ollama:rong:3b-q4_K_M", "ollama:library/rong:3b-q4_K_M", "rong:3b-q4_K_M"):
        target = one(resolve(name, nest, hub))
        assert (target.source, target.paths, target.title, target.quantisation) == ("ollama", (blob,), "rong:3b-q4_K_M", "Q4_K_M")
    assert header(target, nest, hub).header.architecture == "llama"
    assert [str(name) for name in installed()] == ["rong:3b-q4_K_M"]
    assert not server.requests


def test_the_folders_of_ollama(nest: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = ollama_folders()
    assert folders[:2] == [tmp_path / "ollama ô", tmp_path / "person" / ".ollama" / "models"]
    assert Path("/usr/share/ollama/.ollama/models") in folders
    ollama_here(tmp_path / "person" / ".ollama" / "models", "registry.ollama.ai/library/mine/latest", TINY)
    assert "mine:latest" in [str(name) for name in installed()]


@pytest.mark.parametrize(
    "layers",
    [
        [], {}, [{"mediaType": "application/vnd.ollama.image.model"}], [{"mediaType": "application/vnd.ollama.image.model", "digest": 5}],
        [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../../../etc/passwd"}],
        [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + "a" * 63}],
        [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + "A" * 64}],
        [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + "a" * 64, "size": 5}],  # not there
        [5], "x",
    ],
)  # fmt: skip
def test_a_manifest_that_makes_no_sense(nest: Home, hub: Hub, tmp_path: Path, layers: object) -> None:
    ollama_here(tmp_path / "ollama ô", "registry.ollama.ai/library/rong/latest", TINY, layers=[] if layers is None else layers)
    with pytest.raises(BadOllamaManifest) as caught:
        resolve("ollama:rong", nest, hub)
    assert str(caught.value)


def test_a_blob_of_another_length_is_refused(nest: Home, hub: Hub, tmp_path: Path) -> None:
    ollama_here(tmp_path / "ollama ô", "registry.ollama.ai/library/rong/latest", TINY, claimed=5)
    with pytest.raises(BadOllamaManifest, match="long"):
        resolve("ollama:rong", nest, hub)


def test_a_model_in_the_registry_costs_its_header(nest: Home, hub: Hub, server: FakeHub) -> None:
    content = quantised("Q4_K_M", "gemma3-1b")
    server.add_ollama("library/rong:3b", content)
    target = one(resolve(f"ollama:{server.address.removeprefix('http://')}/library/rong:3b", nest, hub))
    assert (target.source, target.size_bytes, target.sha256) == ("ollama_registry", content.size_bytes, content.digest)
    read = header(target, nest, hub)
    assert read.header == read_header(io.BytesIO(content.start)) and read.bytes_read < len(content.start) + (2 << 20)
    assert header(one(resolve(target.name, nest, hub)), nest, hub).bytes_read == 0


def test_a_model_nobody_has_names_near_ones(nest: Home, hub: Hub, server: FakeHub, tmp_path: Path) -> None:
    host = server.address.removeprefix("http://")
    ollama_here(tmp_path / "ollama ô", f"{host}/library/rong/3b", TINY)
    with pytest.raises(OllamaModelNotFound, match="rong:3b"):
        resolve(f"ollama:{host}/library/rong:3c", nest, hub)


@pytest.mark.parametrize(
    "manifest",
    [b"", b"<html>", b"[]", b'{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../x", "size": 5}]}', b'{"layers": []}',
     b'{"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:' + b"a" * 64 + b'"}]}'],
)  # fmt: skip
def test_a_registry_that_answers_nonsense(nest: Home, hub: Hub, server: FakeHub, manifest: bytes) -> None:
    server.manifests["library/rong:latest"] = manifest
    with pytest.raises((BadOllamaManifest, errors.BadAnswer)):
        resolve(f"ollama:{server.address.removeprefix('http://')}/library/rong", nest, hub)


def test_stop_reaches_the_list_too(nest: Home, server: FakeHub) -> None:
    server.misbehave("/api/", fake.stalls)
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with Net() as patient, pytest.raises(errors.Stopped):
        resolve(f"hf:{REPO}", nest, Hub(patient, server.address), stop=stop)
