"""`localstory serve` as a person or a script starts it: a child process of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from localstory import keys
from localstory.app import open_app
from localstory.cli import main
from localstory.errors import FileTrouble
from tests.fakes.served import chat


class Command:
    """A running `localstory serve --json`; `facts` is what it printed when it was ready."""

    def __init__(self, *arguments: str, env: dict[str, str] | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "localstory", "serve", "--port", "0", "--json", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", env={**os.environ, **(env or {})},
        )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(self.process.communicate()[1])
        self.facts: dict[str, Any] = json.loads(line)

    def ask(self, method: str, path: str, key: str = "", body: Any = None, timeout: float = 60.0) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.facts["port"], timeout=timeout)
        with contextlib.closing(connection):
            headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
            connection.request(method, path, json.dumps(body).encode() if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

    def children(self) -> list[psutil.Process]:
        return [one for one in psutil.Process(self.process.pid).children(recursive=True) if one.status() != psutil.STATUS_ZOMBIE]

    def end(self, kind: signal.Signals) -> tuple[int, str, str]:
        self.process.send_signal(kind)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@contextlib.contextmanager
def serving(*arguments: str, env: dict[str, str] | None = None) -> Iterator[Command]:
    command = Command(*arguments, env=env)
    try:
        yield command
    finally:
        if command.process.poll() is None:
            command.process.kill()
        command.process.communicate()


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The code of the error that it ends with, before it listens."""
    capsys.readouterr()
    assert main(["serve", "--json", "--port", "0", *arguments]) == 1
    code: str = json.loads(capsys.readouterr().out)["error"]["code"]
    return code


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_and_ends_cleanly(kind: signal.Signals, home: Path) -> None:
    """Nothing is loaded before it is asked for; the end leaves no child, also in the middle of an answer."""
    with open_app(home), serving() as command:  # beside an open window
        assert command.children() == []
        key = keys.serve_key(home)[0]
        assert command.facts["key"] is None and command.facts["url"].startswith("http://127.0.0.1:") and command.facts["models"] == ["SmolLM2-135M-Instruct"]
        assert command.ask("GET", "/v1/models")[0] == 401
        status, said = command.ask("POST", "/v1/chat/completions", key, chat(max_tokens=4))
        assert status == 200 and said["usage"]["completion_tokens"] <= 4, said
        children = command.children()
        assert len(children) == 1
        longer = threading.Thread(target=_ask_long, args=(command, key))
        longer.start()
        time.sleep(0.5)
        began = time.monotonic()
        code, out, err = command.end(kind)
        assert (code, out, err) == (0, "", "")
        assert time.monotonic() - began < 6.0
        longer.join(10)
        _gone, alive = psutil.wait_procs(children, timeout=3)
        assert not alive


def _ask_long(command: Command, key: str) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
        command.ask("POST", "/v1/chat/completions", key, chat("Tell me a very long story."))


def test_the_key_is_made_once_kept_for_the_person_alone_and_never_told_unasked(home: Path) -> None:
    run = [sys.executable, "-m", "localstory", "serve", "--show-key"]
    first = subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip()
    assert len(first) > 40 and subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip() == first
    if (home / "serve.key").exists():
        assert (home / "serve.key").stat().st_mode & 0o777 == 0o600
    with serving() as command:
        assert first not in json.dumps(command.facts)
        assert first not in " ".join(psutil.Process(command.process.pid).cmdline())
        assert first not in psutil.Process(command.process.pid).environ().values()
        assert command.ask("GET", "/v1/models", first)[0] == 200
    second = subprocess.run([*run[:-1], "--new-key"], capture_output=True, text=True, check=True).stdout.strip()
    assert second != first and subprocess.run(run, capture_output=True, text=True, check=True).stdout.strip() == second


def test_a_key_of_one_s_own_comes_from_the_variable() -> None:
    with serving(env={keys.SERVE_VARIABLE: "my-own-key"}) as command:
        assert command.facts["key_kept_in"] == "variable"
        assert command.ask("GET", "/v1/models", "my-own-key")[0] == 200
        assert command.ask("GET", "/v1/models", "my-own-kez")[0] == 401


def test_for_the_network_the_key_is_shown() -> None:
    with serving("--lan") as command:
        assert len(command.facts["key"]) > 40 and command.facts["urls"]
        assert command.ask("GET", "/v1/models")[0] == 401
        assert command.ask("GET", "/v1/models", command.facts["key"])[0] == 200


def test_without_a_key_everybody_here_may_ask() -> None:
    with serving("--no-key", "--model", "starter") as command:
        assert len(command.children()) == 1  # it was named, so it is loaded already
        assert command.ask("GET", "/v1/models")[0] == 200


def test_what_cannot_be_served_is_told(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(capsys, "--host", "0.0.0.0") == "bad_request"
    assert refused(capsys, "--lan", "--no-key") == "bad_request"
    assert refused(capsys, "--cors", "*") == "bad_request"
    assert refused(capsys, "--port", "70000") == "bad_request"
    assert refused(capsys, "--model", "no such model") == "model_not_found"
    with open_socket() as taken:
        assert refused(capsys, "--port", str(taken.getsockname()[1])) == "port_taken"
    monkeypatch.setenv(keys.SERVE_VARIABLE, "short")
    assert refused(capsys, "--lan") == "bad_request"
    assert refused(capsys, "--no-key") == "bad_request"


def open_socket() -> socket.socket:
    """Another program's."""
    return socket.create_server(("127.0.0.1", 0))


def test_a_key_that_cannot_be_kept_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "serve.key").mkdir(parents=True)
    monkeypatch.setattr(keys, "_from_keyring", lambda _name: "")
    monkeypatch.setattr(keys, "_into_keyring", lambda _name, _value: False)
    with pytest.raises(FileTrouble):
        keys.serve_key(home)


def test_a_keyring_that_comes_and_goes_changes_no_key(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[str, str] = {}
    monkeypatch.delenv(keys.SERVE_VARIABLE, raising=False)
    home.mkdir(parents=True)
    monkeypatch.setattr(keys, "_from_keyring", lambda name: kept.get(name, ""))
    monkeypatch.setattr(keys, "_into_keyring", lambda name, value: kept.update({name: value}) is None)
    first = keys.serve_key(home)
    assert first[1] == "keyring" and keys.serve_key(home) == first and not (home / "serve.key").exists()
    kept.clear()
    monkeypatch.setattr(keys, "_into_keyring", lambda _name, _value: False)
    second = keys.serve_key(home)
    assert second[1] == "file" and (home / "serve.key").stat().st_mode & 0o777 == 0o600
    monkeypatch.setattr(keys, "_into_keyring", lambda name, value: kept.update({name: value}) is None)
    assert keys.serve_key(home) == second
