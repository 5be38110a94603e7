"""The embedded engine on an engine pack, a second build of llama.cpp, keeps the contract too: the part in which the build takes part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from localstory.engines.base import TextEngine
from localstory.engines.packs import open_pack
from localstory.engines.text.llama_cpp import LlamaCppEngine
from tests.conftest import OLD_PACK, worker_processes
from tests.contracts.text_contract import ASK, TextEngineContract, reply_to


class TestSmolLM2OnAPack:
    @pytest.fixture
    async def engine(self, smollm2: Path, engines_folder: Path) -> AsyncIterator[TextEngine]:
        # One thread: two wait for each other where other tests run beside.
        engine = LlamaCppEngine(smollm2, threads=1, pack=lambda: open_pack(engines_folder, OLD_PACK))
        yield engine
        assert engine.pack_trouble is None
        await engine.close()
        assert not worker_processes()

    test_the_pieces_in_order_are_the_reply = TextEngineContract.test_the_pieces_in_order_are_the_reply
    test_usage_counts_what_was_written = TextEngineContract.test_usage_counts_what_was_written
    test_answers_again_after_a_cancel = TextEngineContract.test_answers_again_after_a_cancel
    test_the_same_seed_gives_the_same_text = TextEngineContract.test_the_same_seed_gives_the_same_text
    test_vietnamese_and_emoji_pass_whole = TextEngineContract.test_vietnamese_and_emoji_pass_whole
    test_a_stop_text_ends_the_reply_and_is_not_in_it = TextEngineContract.test_a_stop_text_ends_the_reply_and_is_not_in_it
    test_closing_twice_is_harmless = TextEngineContract.test_closing_twice_is_harmless

    async def test_the_reply_says_that_the_pack_wrote_it(self, engine: TextEngine) -> None:
        assert (await reply_to(engine, ASK)).made_with["engine_pack"] == OLD_PACK
