"""Draw the twenty labelled scenes on one sheet, to be looked at: python -m tests.bench.contact_sheet OUT.png [seed]"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from PIL import Image

from localstory.engines.base import ImageRequest
from localstory.engines.image.builtin import illustrate
from tests.core.engines.image.twenty import TWENTY


def sheet(seed: int = 0, width: int = 640, height: int = 360, columns: int = 4) -> Image.Image:
    """All twenty scenes, each `width` x `height` pixels (drawn at twice the size), in a frame of paper."""
    gap = width // 32
    rows = -(-len(TWENTY) // columns)
    whole = Image.new("RGB", (columns * (width + gap) + gap, rows * (height + gap) + gap), (244, 238, 226))
    seconds = []
    for number, scene in enumerate(TWENTY):
        began = time.perf_counter()
        picture, _made_of = illustrate(ImageRequest(scene.text, Path("unused.png"), width * 2, height * 2, seed + number, scene.cast))
        seconds.append(time.perf_counter() - began)
        small = picture.resize((width, height), Image.Resampling.LANCZOS)
        whole.paste(small, (gap + number % columns * (width + gap), gap + number // columns * (height + gap)))
    seconds.sort()
    print(f"{len(seconds)} pictures of {width * 2}x{height * 2}: median {seconds[len(seconds) // 2]:.2f} s, slowest {seconds[-1]:.2f} s")
    return whole


def main() -> int:
    if len(sys.argv) < 2:
        print("usage: python -m tests.bench.contact_sheet OUT.png [seed]", file=sys.stderr)
        return 2
    sheet(int(sys.argv[2]) if len(sys.argv) > 2 else 0).save(sys.argv[1])
    return 0


if __name__ == "__main__":
    sys.exit(main())
