"""The last veil over a picture: glowing lights, the darker edge, and the grain of the paper."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from localstory.engines.image.paint.canvas import Scene


@lru_cache(maxsize=4)
def _paper(width: int, height: int, seed: int) -> NDArray[np.int16]:
    """The grain: fine noise, fibres and a slow mottling, about -8 to 8, for a whole picture."""
    noise = np.random.default_rng(seed)
    tile_h, tile_w = min(height, 512), min(width, 512)
    fine = noise.normal(0, 1.9, (tile_h, tile_w))
    fibre = noise.normal(0, 1.0, (tile_h, tile_w))
    fibre = (fibre + np.roll(fibre, 1, 1) + np.roll(fibre, 2, 1) + np.roll(fibre, 3, 1)) * 0.8
    tile = fine + fibre
    grain = np.tile(tile, (-(-height // tile_h), -(-width // tile_w)))[:height, :width]
    coarse = Image.fromarray(noise.normal(0, 1.4, (max(2, height // 48 + 2), max(2, width // 48 + 2))).astype(np.float32)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    whole: NDArray[np.int16] = np.round(grain + np.asarray(coarse)).astype(np.int16)
    return whole


def glow_mask(width: int, height: int, x: float, y: float, radius: float) -> NDArray[np.float32]:
    """How bright a light is around it, 0 to 1: a soft bell that is 0 at `radius`."""
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    distance = np.sqrt((xx - np.float32(x)) ** 2 + (yy - np.float32(y)) ** 2) / np.float32(max(1.0, radius))
    bell: NDArray[np.float32] = np.clip(1.0 - distance, 0.0, 1.0) ** 2
    return bell


def finish(scene: Scene, *, vignette: float = 0.26, grain_seed: int = 0, strength: float = 1.0) -> None:
    """Add the scene's lights (by screening), darken the corners by `vignette`, and lay the paper's grain over everything."""
    w, h = scene.width, scene.height
    small = max(1, min(8, min(w, h) // 32))
    sw, sh = -(-w // small), -(-h // small)
    light = np.zeros((sh, sw, 3), np.float32)
    for x, y, radius, colour, power in scene.glows:
        bell = glow_mask(sw, sh, x / small, y / small, radius / small) * np.float32(power * strength)
        light += bell[:, :, None] * (np.asarray(colour, np.float32) / 255)
    yy, xx = np.mgrid[0:sh, 0:sw].astype(np.float32)
    corner = ((xx / sw - 0.5) * 2) ** 2 * 0.6 + ((yy / sh - 0.5) * 2) ** 2 * 0.55
    shade = 1.0 - np.float32(vignette) * np.clip(corner - 0.25, 0, 1)
    both = np.concatenate([np.clip(light, 0, 0.92), shade[:, :, None]], 2)
    up = [np.asarray(Image.fromarray(both[:, :, i].astype(np.float32)).resize((w, h), Image.Resampling.BILINEAR)) for i in range(4)]
    pixels = np.asarray(scene.image, np.float32)
    grain = _paper(w, h, grain_seed % 16)
    out = np.empty((h, w, 3), np.uint8)
    lit = bool(scene.glows)
    for channel in range(3):
        value = pixels[:, :, channel]
        if lit:
            value = 255 - (255 - value) * (1 - up[channel])
        out[:, :, channel] = np.clip(value * up[3] + grain, 0, 255)
    scene.image = Image.fromarray(out)
