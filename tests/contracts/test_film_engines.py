"""The film engines we have, held to the contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localstory.engines.base import FilmEngine, SegmentRequest
from localstory.engines.film.checks import FilmFailed
from localstory.engines.film.fake import NOT_A_FILM, FakeFilmMaker
from localstory.engines.film.film import FilmMaker
from tests.contracts.film_contract import FilmEngineContract, collect, filmed


class TestFakeFilmMaker(FilmEngineContract):
    @pytest.fixture
    async def engine(self) -> AsyncIterator[FilmEngine]:
        yield FakeFilmMaker(work_seconds=0.4)

    async def test_it_never_passes_for_a_film(self, engine: FilmEngine, run: SegmentRequest) -> None:
        await filmed(engine.segment(run))
        assert run.out.read_text("utf-8").startswith(NOT_A_FILM)

    async def test_a_chosen_call_fails(self, run: SegmentRequest) -> None:
        engine = FakeFilmMaker(trouble={("segment", 1): FilmFailed("torn")})
        await filmed(engine.segment(run))
        with pytest.raises(FilmFailed):
            await collect(engine.segment(run))
        await filmed(engine.segment(run))
        assert len(engine.requests) == 3


class TestFilmMaker(FilmEngineContract):
    @pytest.fixture
    async def engine(self, tmp_path: Path) -> AsyncIterator[FilmEngine]:
        jobs = tmp_path / "việc 🛠"
        jobs.mkdir()
        engine = FilmMaker(jobs_folder=jobs)
        yield engine
        await engine.close()
        assert list(jobs.iterdir()) == []
