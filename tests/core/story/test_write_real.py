"""The starter model writes: the promise about whose words they are, kept with real ones."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from localstory.engines.text.llama_cpp import LlamaCppEngine
from localstory.story.checks import words
from localstory.story.steps import write
from localstory.story.steps.write import WrittenScene, make_plan, model_share, write_scene
from tests.core.story.ideas import IDEAS

TEN = list(IDEAS.items())[:10]


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_over_ten_ideas_most_words_are_the_models_and_every_noun_is_told(smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Half the usual tries: what holds with fewer to choose from holds with more, and takes half the time.
    monkeypatch.setattr(write, "TRIES", 3)
    monkeypatch.setattr(write, "MORE_TRIES", 3)
    engine = LlamaCppEngine(smollm2, parameters=134_515_008)
    written: list[WrittenScene] = []
    try:
        for seed, (idea, nouns) in enumerate(TEN):
            plan = await make_plan(engine, idea, 3, seed=seed, language="en", report=lambda _progress: None)
            told: list[str] = []
            for number in range(3):
                written.append(await write_scene(engine, plan, number, "\n\n".join(told), seed=seed, report=lambda _progress: None))
                told.append(written[-1].text)
            story = " ".join(told)
            assert [noun for noun in nouns if not re.search(rf"\b{noun}\b", story, re.IGNORECASE)] == [], story
            assert all(text[-1] in '.!?"”’' for text in told), story
            assert len({text for text in told}) == 3
    finally:
        await engine.close()
    assert model_share(written) >= 0.6
    # A scene is told in about ten to fifteen seconds: at least twenty words, at most some sixty.
    assert all(15 <= len(words(scene.text)) <= 75 for scene in written)
