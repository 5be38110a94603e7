"""Keys live in the system's keyring, belong to one origin, and are never told."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoBackend
from keyring.backends.null import Keyring as NullBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

from localstory import keys
from localstory.children.host import worker_environment

CANARY = "sk-canary-8f2e"


class Memory(KeyringBackend):
    priority = 1.0

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.is_locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.is_locked:
            raise KeyringLocked(f"no access to {username}")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.is_locked:
            raise KeyringLocked("locked")
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.kept:
            raise PasswordDeleteError("not found")
        del self.kept[service, username]


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Iterator[Memory]:
    monkeypatch.delenv(keys.VARIABLE, raising=False)
    monkeypatch.delenv(keys.FOR_VARIABLE, raising=False)
    before, ring = keyring.get_keyring(), Memory()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


def test_a_key_is_kept_for_one_origin_and_forgotten(ring: Memory) -> None:
    keys.keep_key("https://API.example.com:443/v1/", f" {CANARY}\n")
    assert ring.kept == {("localstory", "https://api.example.com"): CANARY}
    assert keys.key_for("https://api.example.com/other") == CANARY
    for other in ("http://api.example.com", "https://api.example.com:8443", "https://api.example.com.evil.example", "https://example.com"):
        assert keys.key_for(other) == ""
    keys.keep_key("https://api.example.com", "  ")
    assert ring.kept == {}
    keys.forget_key("https://api.example.com")


def test_without_a_keyring_the_hint_names_the_variable() -> None:
    before = keyring.get_keyring()
    try:
        for backend in (NoBackend(), NullBackend()):  # type: ignore[no-untyped-call]
            keyring.set_keyring(backend)
            with pytest.raises(keys.NoKeyring) as refusal:
                keys.keep_key("https://api.example.com", CANARY)
            assert refusal.value.code == "no_keyring"
            assert "LOCALSTORY_KEY" in str(refusal.value) and CANARY not in f"{refusal.value} {refusal.value.values} {refusal.value.__context__}"
            assert keys.key_for("https://api.example.com") == ""
    finally:
        keyring.set_keyring(before)


def test_a_locked_keyring_is_one_without_a_key_and_says_nothing_of_it(ring: Memory, caplog: pytest.LogCaptureFixture) -> None:
    keys.keep_key("https://api.example.com", CANARY)
    ring.is_locked = True
    with caplog.at_level(logging.DEBUG):
        assert keys.key_for("https://api.example.com") == ""
    with pytest.raises(keys.NoKeyring):
        keys.keep_key("https://api.example.com", CANARY)
    assert CANARY not in caplog.text


def test_the_variable_can_be_meant_for_one_server(ring: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.VARIABLE, CANARY)
    assert keys.key_for("http://127.0.0.1:1234") == CANARY
    monkeypatch.setenv(keys.FOR_VARIABLE, "https://api.example.com/v1")
    assert keys.key_for("https://api.example.com") == CANARY
    assert keys.key_for("http://127.0.0.1:1234") == ""
    monkeypatch.setenv(keys.FOR_VARIABLE, "nonsense")
    assert keys.key_for("https://api.example.com") == ""


def test_children_never_see_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: os.PathLike[str]) -> None:
    from pathlib import Path

    monkeypatch.setenv(keys.VARIABLE, CANARY)
    assert CANARY not in str(worker_environment(Path(tmp_path)))


@pytest.mark.parametrize("url", ["", "api.example.com", "ftp://x", "http://", "file:///etc/passwd"])
def test_what_is_no_address_has_no_key(url: str, ring: Memory) -> None:
    with pytest.raises(ValueError):
        keys.key_for(url)
