"""Voices and illustrators of servers, held to the contracts of all voices and illustrators."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from localstory.engines.base import ImageEngine, SpeechEngine
from localstory.engines.registry import open_image_engine, open_server_speech
from tests.contracts.image_contract import ImageEngineContract
from tests.contracts.speech_contract import SpeechEngineContract
from tests.fakes.media_server import MediaServer


class TestServerVoice(SpeechEngineContract):
    @pytest.fixture
    def engine(self) -> Iterator[SpeechEngine]:
        with MediaServer(key="sk-of-the-test") as server:
            yield open_server_speech(f"{server.url}#af_bella", key="sk-of-the-test", language="en")


class TestServerIllustrator(ImageEngineContract):
    @pytest.fixture
    def engine(self) -> Iterator[ImageEngine]:
        with MediaServer(key="sk-of-the-test") as server:
            yield open_image_engine(server.url, key="sk-of-the-test")


class TestStrictServerIllustrator(ImageEngineContract):
    """It offers three sizes, and answers with an address."""

    @pytest.fixture
    def engine(self) -> Iterator[ImageEngine]:
        with MediaServer() as server:
            server.sizes = ["1024x1024", "1536x1024", "1024x1536"]
            server.answers_with = "{own}/generated/1.png"
            server.seconds_per_megapixel = 0.3
            yield open_image_engine(f"{server.url}#sd-turbo")
