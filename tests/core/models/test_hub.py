"""What the hub says of a repository, and what we make of it when it lies, is away or says no."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from localstory.errors import CannotContinue
from localstory.models.hub import Difference, FileNotInRepo, Hub, HubFile, Repo, RepoGated, RepoNotFound, differences, group, listed
from localstory.net import Net, Patience, errors
from tests.fakes import hub_server as fake
from tests.fakes.hub_server import COMMIT, Content, FakeHub

HASTY = Patience(connect_seconds=0.5, window_seconds=0.3, window_bytes=1000, total_seconds=0.9)
REPO = "owner/Mô-hình-GGUF".replace("ô", "o").replace("ì", "i")


def size(count: int) -> Content:
    return Content(b"GGUF", size=count)


FILES = {
    "README.md": Content(b"hello", in_lfs=False),
    "rồng 🐉-Q4_K_M.gguf": size(4_000_000_001),
    "rồng 🐉-Q2_K.gguf": size(2_000),
    "UD-Q4_K_XL/rồng-UD-Q4_K_XL-00001-of-00002.gguf": size(30_000),
    "UD-Q4_K_XL/rồng-UD-Q4_K_XL-00002-of-00002.gguf": size(20_000),
    "BF16/rồng-00001-of-00003.gguf": size(10),
    "BF16/rồng-00003-of-00003.gguf": size(10),
    "mmproj-rồng-f16.gguf": size(800),
    "imatrix_rồng.gguf": size(700),
    "rồng.imatrix": size(600),
}


@pytest.fixture
def server() -> Iterator[FakeHub]:
    with FakeHub() as running:
        running.add(REPO, dict(FILES), licence="gemma", languages=["VI", "en", "not a language!"], base_model="owner/rong")
        yield running


@pytest.fixture
def hub(server: FakeHub) -> Iterator[Hub]:
    with Net(patience=HASTY) as net:
        yield Hub(net, server.address)


def test_a_repository_is_what_it_holds(hub: Hub) -> None:
    repo = hub.repo(REPO)
    assert (repo.commit, repo.licence, repo.base_models, repo.languages, repo.gated) == (COMMIT, "gemma", ("owner/rong",), ("vi", "en"), False)
    assert [(model.title, model.quantisation, model.size_bytes) for model in repo.models] == [
        ("rồng 🐉-Q2_K", "Q2_K", 2_000),
        ("rồng-UD-Q4_K_XL", "UD-Q4_K_XL", 50_000),
        ("rồng 🐉-Q4_K_M", "Q4_K_M", 4_000_000_001),
    ]  # the BF16 lacks its second part
    assert [file.path for file in repo.models[1].files] == [name for name in FILES if name.startswith("UD")]
    assert [file.path for file in repo.projectors] == ["mmproj-rồng-f16.gguf"]
    assert repo.file("rồng 🐉-Q4_K_M.gguf") == HubFile("rồng 🐉-Q4_K_M.gguf", 4_000_000_001, FILES["rồng 🐉-Q4_K_M.gguf"].digest)
    assert repo.file("README.md") == HubFile("README.md", 5, "")


def test_a_long_list_comes_in_pages(hub: Hub, server: FakeHub) -> None:
    server.add("owner/many", {f"m-{number:03}-Q8_0.gguf": size(number) for number in range(3 * fake.PAGE + 1)})
    assert [model.size_bytes for model in hub.repo("owner/many").models] == list(range(3 * fake.PAGE + 1))
    assert sum("/tree/" in asked.path for asked in server.requests) == 4


def test_a_list_that_goes_on_at_another_server_is_refused(hub: Hub, server: FakeHub) -> None:
    link = {"Link": f'<{server.content_address}/api/models/x/tree/main?cursor=1>; rel="next"'}
    server.misbehave("/tree/", lambda handler: handler.json([], link))
    with pytest.raises(errors.BadAnswer, match="another server"):
        Hub(hub.net, server.address, token="hf_secret").repo(REPO)
    assert all(asked.server == "hub" for asked in server.requests)


def test_a_list_without_end_ends(hub: Hub, server: FakeHub) -> None:
    again = {"Link": f'<{server.address}/api/models/x/tree/main?cursor=1>; rel="next"'}
    server.misbehave("/tree/", lambda handler: handler.json([], again))
    assert hub.repo(REPO).files == ()
    assert len(server.requests) < 30


def test_a_missing_repository_names_near_ones(hub: Hub) -> None:
    with pytest.raises(RepoNotFound) as caught:
        hub.repo(REPO + "s")
    assert caught.value.code == "repo_not_found" and REPO in str(caught.value)


def test_a_missing_repository_without_near_ones(hub: Hub) -> None:
    with pytest.raises(RepoNotFound, match="owner/repository"):
        hub.repo("somebody/quite-else")


def test_a_repository_behind_a_licence_says_what_to_do(hub: Hub, server: FakeHub) -> None:
    server.misbehave("/api/models/", fake.status(401, X_Error_Code="GatedRepo"))
    with pytest.raises(RepoGated, match="HF_TOKEN") as caught:
        hub.repo(REPO)
    assert f"{server.address}/{REPO}" in str(caught.value)


def test_a_repository_whose_files_are_behind_a_licence_can_be_listed(hub: Hub, server: FakeHub) -> None:
    server.repositories[REPO].gated = "manual"
    assert hub.repo(REPO).gated


def test_an_unknown_revision_is_not_a_missing_repository(hub: Hub) -> None:
    with pytest.raises(CannotContinue) as caught:
        hub.repo(REPO, "no-such-branch")
    assert caught.value.code in ("revision_not_found",)


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (fake.html, errors.BadAnswer),
        (fake.stalls, errors.TooSlow),
        (fake.drips, errors.TooSlow),
        (fake.gzipped, errors.BadAnswer),
        (fake.status(500), errors.ServerTrouble),
        (fake.status(429, Retry_After="60"), errors.TooManyRequests),
        (fake.redirects_round, errors.BadAnswer),
        (lambda handler: handler.json([1, 2]), errors.BadAnswer),
        (lambda handler: handler.json("x"), errors.BadAnswer),
    ],
)
def test_a_hub_that_misbehaves_ends_in_words(hub: Hub, server: FakeHub, behaviour: object, error: type[CannotContinue]) -> None:
    server.misbehave("/api/models/", behaviour)  # type: ignore[arg-type]
    with pytest.raises(error):
        hub.repo(REPO)


@pytest.mark.parametrize(
    "facts",
    [
        {"cardData": None, "tags": None, "sha": None},
        {"cardData": [], "tags": {"a": 1}, "sha": 5, "gated": None},
        {"cardData": {"license": ["mit", 5], "language": {"a": 1}, "base_model": 7}, "tags": [5, None]},
    ],
)
def test_facts_of_the_wrong_kind_are_unknown(hub: Hub, server: FakeHub, facts: dict[str, object]) -> None:
    server.repositories[REPO].extra = facts
    repo = hub.repo(REPO)
    assert len(repo.models) == 3 and isinstance(repo.licence, str) and repo.languages in ((), ("vi", "en"))


def test_the_licence_stands_in_the_tags_too(hub: Hub, server: FakeHub) -> None:
    server.repositories[REPO].extra = {"cardData": {}}
    assert hub.repo(REPO).licence == "gemma" and hub.repo(REPO).base_models == ("owner/rong",)
    server.repositories[REPO].extra = {"cardData": {"license": "other", "license_name": "qwen-research"}}
    assert hub.repo(REPO).licence == "qwen-research"


@pytest.mark.parametrize(
    "entry",
    [
        {"path": "../../.ssh/authorized_keys"}, {"path": "/etc/passwd"}, {"path": "a\\..\\b.gguf"}, {"path": "C:/x.gguf"}, {"path": "a//b.gguf"},
        {"path": "a/./b.gguf"}, {"path": "x\0.gguf"}, {"path": "x\n.gguf"}, {"path": "x\u202efugg.gguf"}, {"path": "x. /y.gguf"}, {"path": ""}, {"path": None},
        {"path": "x.gguf", "size": -1}, {"path": "x.gguf", "size": True}, {"path": "x.gguf", "size": "5"}, {"path": "x.gguf", "size": 1 << 60},
        {"path": "x.gguf", "type": "directory"}, {"path": "y" * 2000 + ".gguf"},
    ],
)  # fmt: skip
def test_entries_that_would_leave_a_folder_or_make_no_sense_are_left_out(hub: Hub, server: FakeHub, entry: dict[str, object]) -> None:
    common = {"type": "file", "oid": "f" * 40, "size": 1}
    good = common | {"path": "good.gguf", "lfs": {"oid": "not a hash", "size": 8, "pointerSize": 134}}
    server.misbehave("/tree/", lambda handler: handler.json([common | entry, good]))
    assert hub.repo(REPO).files == (HubFile("good.gguf", 8, ""),)


@pytest.mark.parametrize("entry", ["x", None, 5, {}, {"type": "file", "path": "a.gguf"}, {"type": "file", "path": "a.gguf", "size": 1, "oid": "f", "lfs": []}])
def test_a_list_that_is_not_in_the_hubs_format_is_refused(hub: Hub, server: FakeHub, entry: object) -> None:
    server.misbehave("/tree/", lambda handler: handler.json([entry]))
    with pytest.raises(errors.BadAnswer):
        hub.repo(REPO)


def test_an_endpoint_and_a_token_come_from_the_environment(server: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", server.address + "/")
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    with Net(patience=HASTY) as net:
        Hub(net).repo(REPO)
        assert all(asked.headers["authorization"] == "Bearer hf_good" for asked in server.requests)
        assert Hub(net, "http://mirror.example").token == ""  # never unencrypted over a network
        assert Hub(net, "https://mirror.example").token == "hf_good"
        monkeypatch.delenv("HF_ENDPOINT")
        assert Hub(net).endpoint.startswith("https://")


def test_nothing_is_written_outside_the_home(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "person").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "person"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "person" / "cache"))
    listed(hub, tmp_path / "cache", REPO)
    assert list((tmp_path / "person").iterdir()) == []


# -- kept ---------------------------------------------------------------------------------------------------------------


def test_a_list_is_kept_for_a_while(hub: Hub, server: FakeHub, tmp_path: Path) -> None:
    first = listed(hub, tmp_path, REPO)
    asked = len(server.requests)
    assert listed(hub, tmp_path, REPO) == first and len(server.requests) == asked
    server.add(REPO, {"new-Q8_0.gguf": size(5)})
    assert [model.title for model in listed(hub, tmp_path, REPO, fresh_seconds=0).models] == ["new-Q8_0"]


def test_without_a_network_the_kept_list_answers_whatever_its_age(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = listed(hub, tmp_path, REPO)
    (place,) = tmp_path.iterdir()
    old = json.loads(place.read_text())
    place.write_text(json.dumps(old | {"when": 5.0}))
    monkeypatch.setattr(hub, "endpoint", hub.endpoint)
    hub.net._offline = True
    monkeypatch.setattr("localstory.net.client.is_loopback", lambda _host: False)
    assert listed(hub, tmp_path, REPO) == first
    with pytest.raises(errors.Offline):
        listed(hub, tmp_path, "owner/another")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 1}', b'{"format": 1, "when": 1e12, "repo": {"files": [{"path": "../x"}]}}', b"\xff" * 100])
def test_a_damaged_list_is_asked_for_anew(hub: Hub, tmp_path: Path, content: bytes) -> None:
    first = listed(hub, tmp_path, REPO)
    (place,) = tmp_path.iterdir()
    place.write_bytes(content)
    assert listed(hub, tmp_path, REPO) == first


# -- the catalogue's check --------------------------------------------------------------------------------------------------


def test_an_entry_that_is_right_has_no_differences(hub: Hub) -> None:
    name = "rồng 🐉-Q4_K_M.gguf"
    assert hub.check_entry(REPO, name, 4_000_000_001, FILES[name].digest.upper(), "Gemma") == []
    assert hub.check_entry(REPO, name) == []
    assert hub.check_entry(REPO, "UD-Q4_K_XL/rồng-UD-Q4_K_XL-00001-of-00002.gguf", 50_000) == []


def test_each_difference_is_named(hub: Hub, server: FakeHub) -> None:
    name = "rồng 🐉-Q4_K_M.gguf"
    server.repositories[REPO].gated = "auto"
    assert hub.check_entry(REPO, name, 4_000_000_000, "0" * 64, "mit") == [
        Difference("size_bytes", "4000000000", "4000000001"),
        Difference("sha256", "0" * 64, FILES[name].digest),
        Difference("licence", "mit", "gemma"),
        Difference("gated", "", REPO),
    ]
    assert hub.check_entry(REPO, "gone.gguf", 5) == [Difference("file", "gone.gguf", "")]
    assert hub.check_entry("owner/gone", "x.gguf") == [Difference("repo", "owner/gone", "")]


def test_a_missing_part_is_a_difference() -> None:
    files = (HubFile("m-00001-of-00002.gguf", 5, ""),)
    repo = Repo("o/r", COMMIT, "mit", (), (), False, files, *group(files))
    assert differences(repo, "m-00001-of-00002.gguf", 5) == [Difference("file", "m-00002-of-00002.gguf", "")]
    assert repo.models == ()


def test_a_missing_file_is_told_with_near_names() -> None:
    assert "model-Q4_K_M.gguf" in str(FileNotInRepo("o/r", "model-Q4_KM.gguf", ["model-Q4_K_M.gguf", "zzz"]))
    assert "no GGUF" in str(FileNotInRepo("o/r", "x.gguf", []))
