"""The illustrators we have, held to the contract."""

from __future__ import annotations

import pytest

from localstory.engines.base import ImageEngine
from localstory.engines.registry import open_image_engine
from tests.contracts.image_contract import ImageEngineContract


class TestBuiltinIllustrator(ImageEngineContract):
    @pytest.fixture
    def engine(self) -> ImageEngine:
        return open_image_engine("builtin")


class TestCardPainter(ImageEngineContract):
    @pytest.fixture
    def engine(self) -> ImageEngine:
        return open_image_engine("none")
