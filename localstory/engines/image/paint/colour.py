"""Colours as (red, green, blue), each 0 to 255, and the few things one does to them."""

from __future__ import annotations

import colorsys
import re
from typing import TypeAlias

Colour: TypeAlias = tuple[int, int, int]

_HEX = re.compile(r"#?([0-9a-fA-F]{6})")


def parse(text: str) -> Colour | None:
    """`#rrggbb` as a colour; None for anything else."""
    found = _HEX.fullmatch(text.strip())
    if found is None:
        return None
    value = int(found.group(1), 16)
    return (value >> 16, value >> 8 & 255, value & 255)


def rgb(text: str) -> Colour:
    """A `#rrggbb` literal of ours."""
    colour = parse(text)
    if colour is None:
        raise ValueError(text)
    return colour


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """From `first` (share 0) to `second` (share 1)."""
    share = min(1.0, max(0.0, share))
    return (
        round(first[0] + (second[0] - first[0]) * share),
        round(first[1] + (second[1] - first[1]) * share),
        round(first[2] + (second[2] - first[2]) * share),
    )


def tone(colour: Colour, lightness: float = 0.0, saturation: float = 1.0, turn: float = 0.0) -> Colour:
    """`colour` made lighter or darker (added to its HLS lightness), more or less saturated (factor), its hue turned (0 to 1)."""
    hue, light, strong = colorsys.rgb_to_hls(colour[0] / 255, colour[1] / 255, colour[2] / 255)
    red, green, blue = colorsys.hls_to_rgb((hue + turn) % 1.0, min(1.0, max(0.0, light + lightness)), min(1.0, max(0.0, strong * saturation)))
    return (round(red * 255), round(green * 255), round(blue * 255))


def brightness(colour: Colour) -> float:
    """Relative luminance, 0 to 1 (weights of ITU-R BT.709, without linearising: good enough to compare papers)."""
    return (0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]) / 255


def readable_on(ground: Colour) -> Colour:
    """A warm white or a deep ink, whichever reads better on `ground`."""
    return (255, 250, 240) if brightness(ground) < 0.55 else (44, 36, 52)
