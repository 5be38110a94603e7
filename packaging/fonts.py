"""Make the bundled fonts: Noto Sans, cut down to the Latin and Vietnamese letters that cards and captions need.

    python packaging/fonts.py FOLDER_WITH_NOTO_TTF      # writes localstory/fonts/NotoSans-*.ttf

The sources are the static NotoSans-{Regular,Bold,Italic,BoldItalic}.ttf of Debian's package fonts-noto-core (20201225-1,
/usr/share/fonts/truetype/noto). Hinting is dropped, kerning and mark positioning stay. The licence (SIL OFL 1.1) lies beside
the fonts; it reserves no font name, so the subsets may be called Noto Sans. To let in more letters: add their range to
`RANGES`, run this, and check the file sizes.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset

FACES = ("Regular", "Bold", "Italic", "BoldItalic")

RANGES = (
    (0x20, 0x7E),  # Basic Latin
    (0xA0, 0x17F),  # Latin-1, Latin Extended-A
    (0x1A0, 0x1A1),  # Ơ ơ
    (0x1AF, 0x1B0),  # Ư ư
    (0x218, 0x21B),  # Romanian
    (0x2B9, 0x2BC),
    (0x2C6, 0x2DD),
    (0x300, 0x304),
    (0x306, 0x30C),
    (0x31B, 0x31B),
    (0x323, 0x323),
    (0x326, 0x328),
    (0x1E80, 0x1E85),
    (0x1E9E, 0x1E9E),
    (0x1EA0, 0x1EF9),  # Vietnamese
    (0x2002, 0x200D),
    (0x2010, 0x2027),  # dashes, quotes, bullets, ellipsis
    (0x202F, 0x203A),
    (0x2044, 0x2044),
    (0x20A0, 0x20BF),  # currency, with the dong
    (0x2116, 0x2116),
    (0x2122, 0x2122),
    (0x2190, 0x2193),
    (0x2212, 0x2212),
    (0x221E, 0x221E),
    (0x2260, 0x2265),
    (0x25CA, 0x25CC),
)


def cut(source: Path, target: Path) -> None:
    """Write the subset of one face."""
    options = subset.Options()
    options.hinting = False
    options.layout_features = ["kern", "mark", "mkmk", "ccmp", "locl", "liga"]
    options.name_IDs = ["*"]
    options.notdef_outline = True
    options.drop_tables += ["DSIG"]
    font = subset.load_font(str(source), options)
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=[code for first, last in RANGES for code in range(first, last + 1)])
    cutter.subset(font)
    font["head"].modified = font["head"].created  # the same bytes on every run
    font.recalcTimestamp = False
    subset.save_font(font, str(target), options)


def main() -> int:
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        print("usage: python packaging/fonts.py FOLDER_WITH_NOTO_TTF", file=sys.stderr)
        return 2
    folder = Path(__file__).parent.parent / "localstory" / "fonts"
    for face in FACES:
        target = folder / f"NotoSans-{face}.ttf"
        cut(Path(sys.argv[1]) / target.name, target)
        print(f"{target.name}: {target.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
