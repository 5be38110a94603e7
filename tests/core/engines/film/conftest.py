"""A film maker in a folder whose name breaks careless programs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localstory.engines.film.film import FilmMaker


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[FilmMaker]:
    jobs = tmp_path / "việc 🛠"
    jobs.mkdir()
    engine = FilmMaker(jobs_folder=jobs)
    yield engine
    await engine.close()
    assert list(jobs.iterdir()) == []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "phim 'của' Mai\n🦊 [1] 100%d"
    folder.mkdir()
    return folder
