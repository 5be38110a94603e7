"""`models check` against a hub on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from localstory.cli import main
from localstory.events import Progress
from localstory.models.catalogue import Catalogue, read_catalogue
from localstory.models.catalogue_check import CatalogueCheck, check_catalogue
from localstory.models.hub import Hub
from localstory.net import Net, Patience
from tests.fakes.hub_server import Content, FakeHub

FILE = "Tiny-1B-Q4_K_M.gguf"
CONTENT = Content(b"GGUF tiny", 807_694_464)
LIST = """\
format = 1

[[text]]
id = "tiny-1b"
title = "Tiny 1B"
family = "Tiny"
repo = "somebody/Tiny-1B-GGUF"
licence = "Apache-2.0"
parameters = 1_235_814_400
context_length = 131072
languages = ["en"]
purposes = ["chat"]
released = "2026-01"
thinking = "never"
files = [
    { file = "Tiny-1B-Q4_K_M.gguf", quantisation = "Q4_K_M", size_bytes = 807_694_464, sha256 = "DIGEST" },
    { file = "Tiny-1B-Q8_0.gguf", quantisation = "Q8_0", size_gb_about = 1.3, repo = "else/Tiny" },
]
sources = ["hub listing"]
""".replace("DIGEST", CONTENT.digest)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        hub.add("somebody/Tiny-1B-GGUF", {FILE: CONTENT}, licence="apache-2.0")
        hub.add("else/Tiny", {"Tiny-1B-Q8_0.gguf": Content(b"GGUF", 1_321_079_200)}, licence="other")
        yield hub


def checked(hub: FakeHub, text: str = LIST, offline: bool = False) -> CatalogueCheck:
    catalogue: Catalogue = read_catalogue(text, "models.toml")
    with closing(Net(offline=offline, patience=Patience(connect_seconds=2, total_seconds=5))) as net:
        return check_catalogue(catalogue, Hub(net, hub.address))


def test_a_list_that_says_what_the_hub_says_has_no_findings(hub: FakeHub) -> None:
    found = checked(hub)
    assert (found.findings, found.files_compared, found.files_in_all, found.unreached) == ((), 2, 2, None)


def test_a_repository_is_asked_once_however_many_files_it_has(hub: FakeHub) -> None:
    checked(hub, LIST.replace(', repo = "else/Tiny"', ""))
    assert sum("/tree/" in asked.path for asked in hub.requests) == 1


@pytest.mark.parametrize(
    ("before", "after", "what", "expected"),
    [
        ("807_694_464", "807_694_465", "size_bytes", "807694465"),
        (CONTENT.digest, "0" * 64, "sha256", "0" * 64),
        (FILE, "Tiny-1B-v2-Q4_K_M.gguf", "file", "Tiny-1B-v2-Q4_K_M.gguf"),
        ('repo = "somebody/Tiny-1B-GGUF"', 'repo = "somebody/Gone"', "repo", "somebody/Gone"),
        ('licence = "Apache-2.0"', 'licence = "MIT"', "licence", "MIT"),
        ("size_gb_about = 1.3", "size_gb_about = 1.5", "size_bytes", "1500000000"),
    ],
)
def test_what_is_otherwise_on_the_hub_is_found(hub: FakeHub, before: str, after: str, what: str, expected: str) -> None:
    found = checked(hub, LIST.replace(before, after))
    assert [(finding.what, finding.expected, finding.entry) for finding in found.mistakes] == [(what, expected, "tiny-1b")]


def test_a_login_is_told_and_no_mistake(hub: FakeHub) -> None:
    hub.repositories["else/Tiny"].gated = "manual"
    found = checked(hub)
    assert [finding.what for finding in found.findings] == ["gated"] and not found.mistakes


def test_without_a_network_the_check_ends_at_the_first_question(hub: FakeHub) -> None:
    steps: list[Progress] = []
    catalogue = read_catalogue(LIST, "models.toml")
    with closing(Net(patience=Patience(connect_seconds=1))) as net:
        found = check_catalogue(catalogue, Hub(net, "http://127.0.0.1:9"), steps.append)
    assert found.unreached is not None and found.files_compared == 0 and len(steps) == 1


# -- the command ------------------------------------------------------------------------------------------------------


def test_the_command_is_calm_without_a_network(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> None:
    monkeypatch.setenv("LOCALSTORY_OFFLINE", "1")
    assert main(["models", "check", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert (result["compared"], result["findings"], result["hub"]["reached"]) == (0, [], False)
    assert result["texts"] >= 25 and result["hub"]["why"]


def test_the_command_names_a_persons_mistake(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> None:
    monkeypatch.setenv("LOCALSTORY_OFFLINE", "1")
    home.mkdir(parents=True, exist_ok=True)
    (home / "models.toml").write_text(LIST.replace('family = "Tiny"', "family = 3"), "utf-8")
    assert main(["models", "check", "--json"]) == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "bad_catalogue" and "Line 6" in error["detail"] and "tiny-1b" in error["detail"]


def test_the_command_lists_what_differs_and_fails(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    assert main(["models", "check", "--json"]) == 1
    result = json.loads(capsys.readouterr().out)
    assert result["compared"] == result["files"] and {finding["what"] for finding in result["findings"]} == {"repo"}
    assert main(["models", "check"]) == 1
    assert "qwen3-8b" in capsys.readouterr().out
