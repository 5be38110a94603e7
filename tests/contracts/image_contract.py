"""What every illustrator promises. Subclass it and give it an `engine` fixture."""

from __future__ import annotations

import asyncio
import contextlib
import time
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from localstory.engines.base import Figure, ImageEngine, ImageEvent, ImageRequest, Picture
from localstory.errors import BadRequest, CannotContinue, FileTrouble
from localstory.events import Progress

MIA = Figure("Mia", "girl", ("#d94f45", "#f3c55b"), "lantern")


async def collect(engine: ImageEngine, request: ImageRequest) -> list[ImageEvent]:
    async with contextlib.aclosing(engine.draw(request)) as events:
        return [event async for event in events]


async def picture_of(engine: ImageEngine, request: ImageRequest) -> Picture:
    last = (await collect(engine, request))[-1]
    assert isinstance(last, Picture)
    return last


class ImageEngineContract:
    """A whole PNG of the asked size or none, same request same bytes, stops soon, says clearly what is in the way."""

    @pytest.fixture
    def request_(self, tmp_path: Path) -> ImageRequest:
        return ImageRequest("Mia walked through the forest at night with a lantern.", tmp_path / "ảnh đẹp 🎨.png", 320, 192, 7, (MIA,), title="Chuyện của Mia")

    async def test_the_last_event_is_a_picture_of_the_asked_size(self, engine: ImageEngine, request_: ImageRequest) -> None:
        events = await collect(engine, request_)
        last = events[-1]
        assert isinstance(last, Picture) and last.path == request_.out
        assert all(isinstance(event, Progress) for event in events[:-1])
        with Image.open(last.path) as image:
            image.load()
            assert image.format == "PNG" and image.mode == "RGB" and image.size == (320, 192)

    async def test_it_says_what_the_picture_is_made_of(self, engine: ImageEngine, request_: ImageRequest) -> None:
        made_of = (await picture_of(engine, request_)).made_of
        assert made_of["engine"] == engine.describe().name
        assert made_of["label"] and made_of["alt"]
        x, y = made_of["focus"]
        assert 0 <= x <= 1 and 0 <= y <= 1

    async def test_the_same_request_gives_the_same_bytes(self, engine: ImageEngine, request_: ImageRequest, tmp_path: Path) -> None:
        first = (await picture_of(engine, request_)).path.read_bytes()
        again = (await picture_of(engine, replace(request_, out=tmp_path / "again.png"))).path.read_bytes()
        assert first == again

    async def test_a_portrait_and_a_square_are_drawn_too(self, engine: ImageEngine, request_: ImageRequest, tmp_path: Path) -> None:
        for width, height in ((180, 320), (256, 256), (64, 64), (64, 400)):
            picture = await picture_of(engine, replace(request_, width=width, height=height, out=tmp_path / f"{width}.png"))
            with Image.open(picture.path) as image:
                assert image.size == (width, height)

    @pytest.mark.parametrize(("width", "height"), [(0, 720), (-5, 720), (1280, 63), (4097, 720), (1280, 10**9), (True, 100), (640.5, 360)])
    async def test_nonsense_sizes_are_refused(self, engine: ImageEngine, request_: ImageRequest, width: int, height: int) -> None:
        with pytest.raises(BadRequest):
            await collect(engine, replace(request_, width=width, height=height))
        assert not request_.out.exists()

    async def test_a_folder_that_is_not_there_is_said_and_nothing_is_left(self, engine: ImageEngine, request_: ImageRequest, tmp_path: Path) -> None:
        with pytest.raises(FileTrouble) as trouble:
            await collect(engine, replace(request_, out=tmp_path / "nowhere" / "a.png"))
        assert isinstance(trouble.value, CannotContinue)
        assert list(tmp_path.iterdir()) == []

    async def test_a_name_that_is_a_folder_is_said_and_left_alone(self, engine: ImageEngine, request_: ImageRequest, tmp_path: Path) -> None:
        (tmp_path / "a.png").mkdir()
        with pytest.raises(FileTrouble):
            await collect(engine, replace(request_, out=tmp_path / "a.png"))
        assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]

    async def test_a_cancelled_drawing_ends_soon_and_leaves_nothing(self, engine: ImageEngine, request_: ImageRequest, tmp_path: Path) -> None:
        # Large enough that it could not be done before the cancel.
        big = replace(request_, width=4096, height=4096)
        drawing = asyncio.create_task(collect(engine, big))
        await asyncio.sleep(0.2)
        began = time.perf_counter()
        drawing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drawing
        # Half a second on an idle machine; the tests' machine is shared.
        assert time.perf_counter() - began < 1.5
        assert list(tmp_path.iterdir()) == []

    async def test_a_cancelled_drawing_leaves_the_old_picture_alone(self, engine: ImageEngine, request_: ImageRequest, tmp_path: Path) -> None:
        old = (await picture_of(engine, request_)).path.read_bytes()
        drawing = asyncio.create_task(collect(engine, replace(request_, width=1920, height=1080)))
        await asyncio.sleep(0.05)
        drawing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await drawing
        assert request_.out.read_bytes() == old
        assert len(list(tmp_path.iterdir())) == 1

    async def test_closing_the_stream_early_leaves_nothing(self, engine: ImageEngine, request_: ImageRequest, tmp_path: Path) -> None:
        async with contextlib.aclosing(engine.draw(request_)) as events:
            async for _event in events:
                break
        assert list(tmp_path.iterdir()) == []

    async def test_it_draws_again_after_a_cancel_and_closing_twice_is_harmless(self, engine: ImageEngine, request_: ImageRequest) -> None:
        drawing = asyncio.create_task(collect(engine, request_))
        await asyncio.sleep(0)
        drawing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await drawing
        assert (await picture_of(engine, request_)).path.exists()
        await engine.close()
        await engine.close()
