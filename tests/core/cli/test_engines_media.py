"""`localstory engines` says which servers speak and draw, and how to take them."""

from __future__ import annotations

import io

import pytest

from localstory.cli import engines
from localstory.cli.screen import Screen
from localstory.engines.text import discovery
from tests.fakes.media_server import MediaServer


def test_a_server_that_speaks_and_draws_is_listed_with_the_way_to_use_it(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    screen = Screen(stdout=out)
    with MediaServer() as server:
        monkeypatch.setattr(discovery, "find_servers", lambda net, find=discovery.find_servers: find(net, {server.port: ""}, 5.0))
        (told,) = engines._servers(screen)
    assert (told["speech"], told["images"]) == (["kokoro-tts"], ["sd-turbo"])
    said = out.getvalue()
    assert f"--voice {server.url}#kokoro-tts/" in said and f"--images {server.url}#sd-turbo" in said
