"""The voices we have, held to the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localstory.engines.base import SpeechEngine
from localstory.engines.speech.fake import FakeVoice
from localstory.engines.speech.piper import PiperEngine
from tests.contracts.speech_contract import SpeechEngineContract


class TestFakeVoice(SpeechEngineContract):
    @pytest.fixture
    def engine(self) -> SpeechEngine:
        return FakeVoice(work_seconds=0.01)


class TestPiper(SpeechEngineContract):
    @pytest.fixture
    async def engine(self, joe: Path) -> AsyncIterator[SpeechEngine]:
        engine = PiperEngine(joe)
        yield engine
        await engine.close()
