"""Frames from pictures: a slow camera with sub-pixel steps, and crossfades. Pure but for reading the picture.

Pillow's `resize(box=…)` takes a box of floats, so a zoom moves by thousandths of a pixel; cropping to whole pixels, as
most recipes do, trembles by a third of a pixel and moves backwards in most steps.
"""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from localstory.engines.base import Camera

Frame = np.ndarray[Any, np.dtype[np.uint8]]


def ease(share: float) -> float:
    """A cosine from 0 to 1: the camera starts and stops gently."""
    return (1 - math.cos(math.pi * min(1.0, max(0.0, share)))) / 2


def box_at(camera: Camera, share: float) -> tuple[float, float, float]:
    """(left, top, width) of the camera's box at a share of its move, each as a share of the picture."""
    at = ease(share)
    left, top, width = (start + (end - start) * at for start, end in zip(camera.start, camera.end, strict=True))
    return left, top, width


class FrameSource:
    """The frames of one shot: `frames` RGB images of `width` x `height`, made one at a time."""

    def __init__(self, picture: Path, frames: int, camera: Camera, width: int, height: int) -> None:
        """Raises OSError when the picture can't be read."""
        self.frames = frames
        self._camera = camera
        self._size = (width, height)
        self._still: Image.Image | None = None
        # A master in which the nearest view is about one to one: sharp when near, and small enough to be quick.
        nearest = min(camera.start[2], camera.end[2])
        with Image.open(picture) as file:
            file.load()
            master = _filling(file.convert("RGB"), width, height)
        wanted = (math.ceil(width / nearest), math.ceil(height / nearest))
        self._master = master if master.size == wanted else master.resize(wanted, Image.Resampling.LANCZOS)

    def image(self, index: int) -> Image.Image:
        """Frame `index` (from 0) of the shot."""
        if self._still is not None:
            return self._still
        share = index / (self.frames - 1) if self.frames > 1 else 0.0
        left, top, size = box_at(self._camera, share)
        width, height = self._master.size
        box = (left * width, top * height, (left + size) * width, (top + size) * height)
        frame = self._master.resize(self._size, Image.Resampling.BICUBIC, box=box)
        if self._camera.start == self._camera.end:
            self._still = frame
        return frame


def _filling(image: Image.Image, width: int, height: int) -> Image.Image:
    """The middle of the picture in the film's shape; a picture of another shape loses its edges, not its proportions."""
    have, want = image.width / image.height, width / height
    if abs(have - want) * height < 1:
        return image
    if have > want:
        cut = image.height * want
        box = ((image.width - cut) / 2, 0.0, (image.width + cut) / 2, float(image.height))
    else:
        cut = image.width / want
        box = (0.0, (image.height - cut) / 2, float(image.width), (image.height + cut) / 2)
    return image.resize((width, height), Image.Resampling.LANCZOS, box=box)


class SegmentSource:
    """The frames of a segment: a run of one shot, or its crossfade into the beginning of the next."""

    def __init__(self, shot: FrameSource, first: int, count: int, into: FrameSource | None = None) -> None:
        self._shot, self._first, self._count, self._into = shot, first, count, into
        self.frame = lru_cache(maxsize=2)(self._frame)  # MoviePy asks for the first frame twice

    def _frame(self, index: int) -> Frame:
        """Frame `index` (from 0) as (height, width, 3) bytes."""
        index = min(max(index, 0), self._count - 1)
        image = self._shot.image(self._first + index)
        if self._into is not None:
            image = Image.blend(image, self._into.image(index), (index + 1) / (self._count + 1))
        return np.asarray(image)
