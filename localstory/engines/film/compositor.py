"""Frames from a picture and a camera: an eased, sub-pixel move, and blends of two moves.

Pillow's `resize(box=floats)` resamples at exact fractions of a pixel (0.001 px jitter), where cropping at whole pixels
trembles by a third of one. The picture is brought once, with Lanczos, to the size at which the narrowest box of the
move is one master pixel to one film pixel; each frame then shrinks a little from it, which never blurs.

The master is turned into BT.709 once, luma and half-size chroma apart, as H.264 wants them: resampling and fading are
linear, so doing them afterwards gives the same colours with half the bytes per frame, and no conversion per frame.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

Box = tuple[float, float, float, float]
Place = tuple[float, float, float]
"""(left, top, width) as shares, as in `engines.base.Camera`."""

PIXELS_LIMIT = 120_000_000
"""A picture with more is not opened: it would take more memory than the film's child may have."""
_LARGEST_MASTER = 2.0
"""A master is at most this many times as wide as the film; a camera that goes closer sees it enlarged."""


# Full-range RGB to studio-range Y'CbCr, rows of (R, G, B, offset): ITU-R BT.709-6, items 3.2 to 3.5, scaled to 8 bits.
_RED, _GREEN, _BLUE = 0.2126, 0.7152, 0.0722
_LUMA, _CHROMA = 219 / 255, 224 / 255
_TO_BT709 = (
    _RED * _LUMA, _GREEN * _LUMA, _BLUE * _LUMA, 16.0,
    -_RED / 1.8556 * _CHROMA, -_GREEN / 1.8556 * _CHROMA, (1 - _BLUE) / 1.8556 * _CHROMA, 128.0,
    (1 - _RED) / 1.5748 * _CHROMA, -_GREEN / 1.5748 * _CHROMA, -_BLUE / 1.5748 * _CHROMA, 128.0,
)  # fmt: skip
_PADDING = 1
"""Columns added to the left of the chroma planes: H.264's chroma samples lie half a pixel to the left of the middle."""


class PictureBroken(Exception):
    """The picture can't be read; the message says why."""


def ease(share: float) -> float:
    """A cosine from 0 to 1: starts and ends at rest."""
    return (1.0 - math.cos(math.pi * min(1.0, max(0.0, share)))) / 2.0


def place_at(start: Place, end: Place, frame: int, frames: int) -> Place:
    """Where the camera is in frame `frame` of `frames`."""
    share = ease(frame / (frames - 1)) if frames > 1 else 0.0
    return (start[0] + (end[0] - start[0]) * share, start[1] + (end[1] - start[1]) * share, start[2] + (end[2] - start[2]) * share)


def cover_box(picture: tuple[int, int], film: tuple[int, int]) -> Box:
    """The largest middle part of a picture (width, height) that has the film's shape."""
    width, height = picture
    shape = film[0] / film[1]
    if width / height > shape:
        kept = height * shape
        return ((width - kept) / 2, 0.0, (width + kept) / 2, float(height))
    kept = width / shape
    return (0.0, (height - kept) / 2, float(width), (height + kept) / 2)


def master_size(start: Place, end: Place, film: tuple[int, int]) -> tuple[int, int]:
    """Pixels of the master for a move between two places."""
    scale = min(_LARGEST_MASTER, 1.0 / min(start[2], end[2]))
    return (math.ceil(film[0] * scale), math.ceil(film[1] * scale))


def open_picture(path: Path) -> Image.Image:
    """The picture as RGB, upright, on white where it is transparent. Raises FileNotFoundError, PictureBroken."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit stands below
            opened = Image.open(path)
        with opened:
            if opened.width * opened.height > PIXELS_LIMIT:
                raise PictureBroken(f"{opened.width}x{opened.height}")
            upright = ImageOps.exif_transpose(opened)
            if upright.mode.startswith("I"):  # 16 bits of grey, which Pillow would cut off at 255
                upright = upright.convert("I").point(lambda value: value / 257).convert("L")
            if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                layer = upright.convert("RGBA")
                ground = Image.new("RGBA", layer.size, (255, 255, 255, 255))
                return Image.alpha_composite(ground, layer).convert("RGB")
            return upright.convert("RGB")
    except FileNotFoundError:
        raise
    except IsADirectoryError as error:
        raise FileNotFoundError(str(path)) from error
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError, OverflowError, KeyError, IndexError, TypeError) as error:
        # Pillow's readers raise all of these on broken files.
        raise PictureBroken(str(error)) from error


def make_master(path: Path, size: tuple[int, int], film: tuple[int, int]) -> Image.Image:
    """The picture's middle part in the film's shape, `size` pixels large."""
    picture = open_picture(path)
    return picture.resize(size, Image.Resampling.LANCZOS, box=cover_box(picture.size, film))


@dataclass(frozen=True, slots=True)
class Move:
    """What a `FrameSource` shows: a camera over one picture, for so many frames."""

    start: Place
    end: Place
    frames: int

    @property
    def is_still(self) -> bool:
        return self.start == self.end or self.frames < 2


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture as H.264 has it: 8-bit Y', and Cb and Cr of half its width and height (4:2:0), BT.709 in studio range."""

    luma: Image.Image
    blue: Image.Image
    red: Image.Image

    def tobytes(self) -> bytes:
        """As ffmpeg's yuv420p: one plane after the other, without padding."""
        return self.luma.tobytes() + self.blue.tobytes() + self.red.tobytes()

    def blended(self, other: Planes, share: float) -> Planes:
        """This picture with a share of another one on top; both of one size."""
        pairs = ((self.luma, other.luma), (self.blue, other.blue), (self.red, other.red))
        return Planes(*(Image.blend(one, another, share) for one, another in pairs))


def planes_of(picture: Image.Image) -> Planes:
    """An RGB picture as a master: its chroma planes have half its size (rounded up) and one column more on the left."""
    luma, blue, red = picture.convert("RGB", _TO_BT709).split()
    return Planes(luma, _half(blue), _half(red))


def _half(plane: Image.Image) -> Image.Image:
    width, height = (plane.width + 1) // 2, (plane.height + 1) // 2
    half = plane.resize((width, height), Image.Resampling.LANCZOS)
    padded = Image.new("L", (width + _PADDING, height))
    padded.paste(half, (_PADDING, 0))
    padded.paste(half.crop((0, 0, _PADDING, height)), (0, 0))
    return padded


class FrameSource:
    """The frames of one shot, from the `planes_of` its master. A camera at rest is resampled once."""

    def __init__(self, master: Planes, move: Move, film: tuple[int, int]) -> None:
        self._master = master
        self._move = move
        self._film = film
        self._still: Planes | None = None

    def frame(self, number: int) -> Planes:
        """Frame `number`, as large as the film."""
        if self._still is not None:
            return self._still
        planes = self._resample(self.box(number))
        if self._move.is_still:
            self._still = planes
        return planes

    def box(self, number: int) -> Box:
        """What frame `number` shows, in pixels of the master."""
        left, top, width = place_at(self._move.start, self._move.end, number, self._move.frames)
        across, down = self._master.luma.size
        x, y = left * across, top * down
        return (x, y, min(float(across), x + width * across), min(float(down), y + width * down))

    def _resample(self, box: Box) -> Planes:
        left, top, right, bottom = box
        width, height = self._film
        half = self._master.blue
        across, down = (half.width - _PADDING) / self._master.luma.width, half.height / self._master.luma.height
        step = (right - left) / width
        # Film chroma j lies on film luma 2j, not between 2j and 2j+1 (H.264, figure E-1, type 0): half a film pixel to the left.
        shifted = (_PADDING + (left - step / 2) * across, top * down, _PADDING + (right - step / 2) * across, min(float(half.height), bottom * down))
        return Planes(
            self._master.luma.resize(self._film, Image.Resampling.BICUBIC, box=box),
            *(plane.resize((width // 2, height // 2), Image.Resampling.BICUBIC, box=shifted) for plane in (self._master.blue, self._master.red)),
        )


def crossfade(one: Callable[[int], Planes], other: Callable[[int], Planes], first: int, count: int) -> Callable[[int], Planes]:
    """Frame i blends frame `first + i` of `one` with frame i of `other`; no frame is all of either."""

    def frame(number: int) -> Planes:
        return one(first + number).blended(other(number), ease((number + 1) / (count + 1)))

    return frame
