"""huggingface_hub under our rules, in processes of its own: what it reads, writes and sends there nobody has set up before."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localstory.models.hub import Hub, RepoNotFound
from localstory.net import Net, errors
from tests.fakes import hub_server as fake
from tests.fakes.hub_server import Content, FakeHub

ASKS = """
import json, sys
opened = []
def watch(event, arguments):
    if event in ("open", "os.mkdir", "os.rename", "os.remove"):
        opened.append([event, str(arguments[0]), str(arguments[1]) if len(arguments) > 1 else ""])
sys.addaudithook(watch)
from localstory.errors import CannotContinue
from localstory.models.hub import Hub, listed
from localstory.net import Net
from pathlib import Path
early = sorted(name for name in sys.modules if name.split(".")[0] in ("huggingface_hub", "httpx2"))
try:
    with Net() as net:
        found = listed(Hub(net), Path(sys.argv[1]), "owner/repo")
        result = [model.title for model in found.models]
        try:
            Hub(net).repo("owner/repos")
        except CannotContinue as error:
            result.append(error.code)
except CannotContinue as error:
    result = error.code
print(json.dumps({"early": early, "opened": opened, "result": result}))
"""


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as server:
        server.add("owner/repo", {"rồng 🐉-Q4_K_M.gguf": Content(b"GGUF", size=5_000)})
        yield server


def ask(hub: FakeHub, person: Path, **variables: str) -> tuple[dict[str, Any], str]:
    """(what the process says, its stderr), run with a home that holds a token and much else of the library's."""
    kept = person / ".cache" / "huggingface"
    kept.mkdir(parents=True)
    (kept / "token").write_text("hf_of_the_person")
    (kept / "stored_tokens").write_text("[me]\nhf_token = hf_of_the_person\n")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING", "XDG_"))}
    environment = clean | {"HOME": str(person), "USERPROFILE": str(person), "HF_ENDPOINT": hub.address, "AI_AGENT": "somebody"} | variables
    done = subprocess.run([sys.executable, "-c", ASKS, str(person / "ours")], env=environment, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(done.stdout), done.stderr


def test_it_reads_no_token_writes_nothing_and_sends_only_the_question(hub: FakeHub, tmp_path: Path) -> None:
    person = tmp_path / "Mai 🐉"
    said, told = ask(hub, person)
    assert said["result"] == ["rồng 🐉-Q4_K_M", "repo_not_found"] and told == ""
    ours = str(person / "ours")
    mine = [line for line in said["opened"] if line[1].startswith(str(person)) and not line[1].startswith(ours)]
    assert mine == []
    assert any(line[1].startswith(ours) for line in said["opened"])  # the watch sees
    assert sorted(path.name for path in (person / ".cache" / "huggingface").iterdir()) == ["stored_tokens", "token"]
    assert [asked.path.split("?")[0] for asked in hub.requests] == [
        "/api/models/owner/repo",
        f"/api/models/owner/repo/tree/{fake.COMMIT}",
        "/api/models/owner/repos",
        "/api/models",
    ]
    for asked in hub.requests:
        assert set(asked.headers) == {"host", "user-agent", "accept", "accept-encoding"} and asked.headers["user-agent"] == "localstory"


def test_it_waits_for_the_first_question(hub: FakeHub, tmp_path: Path) -> None:
    said, _told = ask(hub, tmp_path / "Mai")
    assert said["early"] == []


def test_its_own_variables_change_nothing(hub: FakeHub, tmp_path: Path) -> None:
    odd = {"HF_HUB_OFFLINE": "1", "HF_DEBUG": "1", "HF_HUB_VERBOSITY": "debug", "HF_HOME": str(tmp_path / "x"), "HUGGINGFACE_CO_STAGING": "1"}
    said, told = ask(hub, tmp_path / "Mai", HUGGING_FACE_HUB_TOKEN="hf_old", HF_HUB_USER_AGENT_ORIGIN="me", **odd)
    assert said["result"] == ["rồng 🐉-Q4_K_M", "repo_not_found"] and told == ""
    assert not (tmp_path / "x").exists()
    assert all("authorization" not in asked.headers and asked.headers["user-agent"] == "localstory" for asked in hub.requests)


def test_a_variable_it_stumbles_over_is_told(hub: FakeHub, tmp_path: Path) -> None:
    said, told = ask(hub, tmp_path / "Mai", HF_HUB_DOWNLOAD_TIMEOUT="thirty")
    assert said["result"] == "bad_request" and told == ""


def test_the_offline_switch_holds_it(hub: FakeHub, tmp_path: Path) -> None:
    said, _told = ask(hub, tmp_path / "Mai", HF_ENDPOINT="http://hub.example", LOCALSTORY_OFFLINE="1")
    assert said["result"] == "offline"


@pytest.mark.parametrize("name", ["owner/a--b", "owner/a..b", "owner/x.git", "a/b/c", "owner/văn", "-x", ""])
def test_a_name_the_library_refuses_is_a_repository_that_is_not_there(hub: FakeHub, name: str) -> None:
    with Net() as net, pytest.raises(RepoNotFound):
        Hub(net, hub.address).repo(name)
    assert hub.requests == []


@pytest.mark.parametrize("link", ['<http://[::1>; rel="next"', '<http://127.0.0.1:99999/x>; rel="next"', '<\x7f>; rel="next"', "<>;;;", 'x"; rel=next, <'])
def test_a_link_that_makes_no_sense_ends_in_words(hub: FakeHub, link: str) -> None:
    hub.misbehave("/tree/", lambda handler: handler.json([], {"Link": link}))
    with Net() as net, contextlib.suppress(errors.NetTrouble):
        assert Hub(net, hub.address).repo("owner/repo").files == ()


@pytest.mark.parametrize(
    "card", ['{"get": 5, "license": "mit"}', '{"ignore_metadata_errors": 1}', '{"model-index": [{"x": 1}]}', '{"a": ' + "[" * 400 + "]" * 400 + "}"]
)
def test_a_hostile_card_ends_in_words_or_is_unknown(hub: FakeHub, card: str, capfd: pytest.CaptureFixture[str]) -> None:
    hub.repositories["owner/repo"].extra = {"cardData": json.loads(card)}
    with Net() as net:
        try:
            assert Hub(net, hub.address).repo("owner/repo").licence in ("mit", "apache-2.0")
        except errors.BadAnswer:
            assert "ignore_metadata_errors" in card
    assert capfd.readouterr().err == ""
