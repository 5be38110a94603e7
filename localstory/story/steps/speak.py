"""Read every shot aloud: the title, the scenes, the ending."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localstory.engines.base import Speech, SpeechRequest, SpokenSentence, SpokenWord
from localstory.events import Progress
from localstory.story import plan
from localstory.story.assets import Made
from localstory.story.project import Story
from localstory.words import mark

if TYPE_CHECKING:
    from localstory.story.build import Builder

SPEAKING = mark("Speaking")


async def speak(builder: Builder, story: Story) -> dict[str, Made]:
    """The voice of each shot by its key. Raises what the voice raises: without narration there is no film."""
    keys = plan.keys(story)
    voices: dict[str, Made] = {}
    engine = builder.tools.voice()
    try:
        for number, key in enumerate(keys):
            recipe = plan.speech_recipe(story, key, builder.tools.voice_facts)

            def report(progress: Progress, number: int = number) -> None:
                builder.report(Progress(SPEAKING, number + (progress.share or 0.0), len(keys)))

            async def work(out: Path, recipe: plan.Recipe = recipe, report: Any = report) -> dict[str, Any]:
                request = SpeechRequest(recipe["text"], out, recipe["language"], recipe["speed"], recipe["seed"])
                speech = await builder.stream(engine.speak(request), Speech, report=report)
                return {"seconds": speech.seconds, "sample_rate": speech.sample_rate, "sentences": [asdict(one) for one in speech.sentences]}

            builder.report(Progress(SPEAKING, number, len(keys)))
            voices[key] = await builder.step(f"speech {key}", recipe, work)
        builder.report(Progress(SPEAKING, len(keys), len(keys)))
    finally:
        await engine.close()
    return voices


def sentences_of(voice: Made) -> tuple[SpokenSentence, ...]:
    """The sentences with their word timings, from an asset's facts."""
    return tuple(
        SpokenSentence(one["text"], one["start_s"], one["end_s"], tuple(SpokenWord(**word) for word in one["words"])) for one in voice.facts["sentences"]
    )
