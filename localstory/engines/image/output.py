"""What our painters share: sizes they accept, drawing in a thread that stops soon, and a PNG that is there whole or not at all."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from localstory import system
from localstory.engines.base import ImageEvent, ImageRequest, Picture, Stream
from localstory.errors import BadRequest, FileTrouble
from localstory.events import Progress
from localstory.words import mark

SMALLEST, LARGEST = 64, 4096
LABEL = "drawn by the built-in illustrator, not an AI image model"

Painter = Callable[[ImageRequest, Callable[[float], None]], tuple[Image.Image, dict[str, Any]]]
"""Paints a request: gets a function to report its share done (it raises `Stopped`), gives the picture and what it is made of."""


class BadPictureSize(BadRequest):
    """A picture of this size can't be drawn."""

    code = "bad_picture_size"

    def __init__(self, width: object, height: object) -> None:
        super().__init__(
            title=mark("This picture size doesn't work"),
            detail=mark("Width and height must be whole numbers from {smallest} to {largest}; asked for was {width} x {height}."),
            hint=mark("Choose a size such as 1280x720."),
            smallest=SMALLEST,
            largest=LARGEST,
            width=width,
            height=height,
        )


class PictureNotSaved(FileTrouble):
    """The finished picture could not be written."""

    code = "picture_not_saved"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            title=mark("The picture could not be saved"),
            detail=mark("Writing {path} failed: {reason}."),
            hint=mark("Check that the folder exists, may be written to, and that the disk is not full."),
            path=str(path),
            reason=reason,
        )


class Stopped(Exception):
    """Nobody wants the picture any more. Never leaves this module."""


def check_size(width: object, height: object) -> None:
    """Raise `BadPictureSize` unless both are whole numbers from 64 to 4096."""
    for length in (width, height):
        if isinstance(length, bool) or not isinstance(length, int) or not SMALLEST <= length <= LARGEST:
            raise BadPictureSize(width, height)


def png(image: Image.Image, description: str, label: str = LABEL) -> bytes:
    """A picture as PNG bytes: the same for the same picture, with who drew it (`label`) inside and no time stamp."""
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Software", "localstory")
    notes.add_text("Description", f"{label[0].upper()}{label[1:]} (localstory). {description}"[:2000].encode("latin-1", "replace").decode("latin-1"))
    file = io.BytesIO()
    # Level 3 costs a third of level 6's time for about a tenth more bytes.
    image.save(file, "PNG", pnginfo=notes, compress_level=3)
    return file.getvalue()


async def draw_with(paint: Painter, request: ImageRequest, label: str = LABEL) -> Stream[ImageEvent]:
    """Paint in a thread, stream how far it is, and put the file in its place at the very end, in one step.

    When the task is cancelled, or the stream closed, the thread ends at its next report and nothing is left.
    """
    check_size(request.width, request.height)
    stop = threading.Event()
    done = 0.0

    def report(share: float) -> None:
        nonlocal done
        done = share
        if stop.is_set():
            raise Stopped

    if not request.out.name:
        raise PictureNotSaved(request.out, "it names no file")
    # Short, and with no word of the picture's own name: that may already be as long as the system allows.
    part = request.out.with_name(f".{os.getpid()}.{id(stop):x}.part")

    def work() -> dict[str, Any]:
        image, made_of = paint(request, report)
        report(0.95)
        content = png(image, str(made_of.get("alt", "")), label)
        report(0.97)
        try:
            with open(part, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise PictureNotSaved(request.out, error.strerror or str(error)) from error
        return made_of

    yield Progress(mark("Drawing"), 0.0, 1.0)
    thread = asyncio.create_task(asyncio.to_thread(work))
    try:
        while not thread.done():
            await asyncio.wait({thread}, timeout=0.15)
            if not thread.done():
                yield Progress(mark("Drawing"), done, 1.0)
        made_of = thread.result()
        try:
            part.replace(request.out)
            system.sync_folder(request.out.parent)
        except OSError as error:
            raise PictureNotSaved(request.out, error.strerror or str(error)) from error
    finally:
        stop.set()
        while not thread.done():
            # The thread ends at its next report; a second cancel must not leave its part file behind.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait({thread})
        if not thread.cancelled():
            thread.exception()
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    yield Picture(request.out, made_of)
