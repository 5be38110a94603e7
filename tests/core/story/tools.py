"""Engines for story tests: a scripted writer, the real illustrator, a hum and a note in place of voice and film."""

from __future__ import annotations

from dataclasses import replace

from localstory.engines.base import EngineFacts, ImageEngine, ImageEvent, ImageRequest, Stream
from localstory.engines.film.fake import FakeFilmMaker
from localstory.engines.image.builtin import BuiltinIllustrator
from localstory.engines.image.cards import CardPainter
from localstory.engines.speech.fake import FakeVoice
from localstory.engines.text.fake import FakeTextEngine
from localstory.errors import CannotContinue
from localstory.story.build import Tools

CONTINUATIONS = [
    " to walk by the river and listen to the water. The little boats were dancing there until the evening came.",
    " looked at the tall trees for a while. A bird sang high above them and the wind smelled of honey and grass.",
    " carried a lantern through the fog. Its warm light danced over wet stones, and nobody was tired any more.",
    " found a bridge made of old wood. It creaked and swayed, but it held, and everybody laughed on the other side.",
    " drank hot tea with plenty of sugar. Outside, the first stars came out and the moon rose over quiet roofs.",
]


class Illustrator:
    """The real one, which can be told to fail for chosen seeds."""

    def __init__(self, trouble: dict[int, CannotContinue] | None = None) -> None:
        self._engine = BuiltinIllustrator()
        self.trouble = trouble or {}
        self.requests: list[ImageRequest] = []

    def describe(self) -> EngineFacts:
        return self._engine.describe()

    async def draw(self, request: ImageRequest) -> Stream[ImageEvent]:
        self.requests.append(request)
        if request.seed in self.trouble:
            raise self.trouble[request.seed]
        async for event in self._engine.draw(request):
            yield event

    async def close(self) -> None:
        await self._engine.close()


class Kit:
    """The fakes of one story, to look at afterwards, and the tools made of them."""

    def __init__(self, *, language: str = "en") -> None:
        self.writer = FakeTextEngine(lambda _request: CONTINUATIONS[(len(self.writer.requests) - 1) // 5 % 5])
        self.images = Illustrator()
        self.voice = FakeVoice(language)
        self.film = FakeFilmMaker()

    @property
    def tools(self) -> Tools:
        images: ImageEngine = self.images
        return Tools(
            writer=lambda: self.writer,
            writer_facts=replace(self.writer.describe(), model_sha256="0" * 64),
            images=lambda: images,
            cards=CardPainter,
            voice=lambda: self.voice,
            voice_facts=self.voice.describe(),
            film=lambda: self.film,
        )
