from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from localstory.chats import Chats
from localstory.db import Database
from localstory.events import Hub


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
async def chats(tmp_path: Path, hub: Hub) -> AsyncGenerator[Chats]:
    service = Chats(Database(tmp_path / "Những câu chuyện 🐉.db"), hub)
    await service.open()
    yield service
    await service.close()
