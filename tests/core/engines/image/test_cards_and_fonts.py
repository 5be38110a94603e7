"""Letters: every Vietnamese one is there, none is cut, none becomes a box; cards hold what is put on them."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from localstory.engines.base import ImageRequest
from localstory.engines.image.cards import card
from localstory.engines.image.fonts import FOLDER, Face, drawable, fit, font, font_path, glyphs_missing, line_height, width_of, wrap

HARD = "ếộữẵẶĐễỖỨỢẬằẩỳỵỹẺờởđỐựữ"
FACES: tuple[Face, ...] = ("Regular", "Bold", "Italic", "BoldItalic")


def test_the_licence_lies_beside_the_fonts() -> None:
    assert "SIL OPEN FONT LICENSE" in (FOLDER / "OFL.txt").read_text()
    for face in FACES:
        assert 20_000 < font_path(face).stat().st_size < 150_000


@pytest.mark.parametrize("face", FACES)
def test_every_vietnamese_letter_is_there(face: Face) -> None:
    vietnamese = {chr(code) for code in range(0x1EA0, 0x1EFA)} | set("ăâđêôơưĂÂĐÊÔƠƯ₫“”‘’–—…•°")
    assert glyphs_missing("".join(sorted(vietnamese)), face) == set()
    assert glyphs_missing("Zoë ñ ß œ ł č 🦊 狐", face) == {"🦊", "狐"}


@pytest.mark.parametrize("sign", sorted(set(HARD)))
def test_hard_letters_look_different_from_a_missing_one_and_fit_into_the_line(sign: str) -> None:
    size = 64
    letter, box = font("Bold", size).getmask(sign), font("Bold", size).getmask("\uffff")
    assert bytes(letter) != bytes(box)
    image = Image.new("L", (200, line_height("Bold", size)))
    ImageDraw.Draw(image).text((20, 0), sign, font=font("Bold", size), fill=255)
    rows = np.flatnonzero(np.asarray(image).max(axis=1))
    whole = Image.new("L", (200, 4 * line_height("Bold", size)))
    ImageDraw.Draw(whole).text((20, line_height("Bold", size)), sign, font=font("Bold", size), fill=255)
    all_rows = np.flatnonzero(np.asarray(whole).max(axis=1))
    assert len(rows) == len(all_rows), "ink above or below its line"


def test_decomposed_letters_are_composed_before_they_are_drawn() -> None:
    assert drawable(unicodedata.normalize("NFD", "Tiếng Việt")) == "Tiếng Việt"


def test_signs_without_a_glyph_are_dropped() -> None:
    assert drawable("A fox 🦊 and\u200b a 狐 star ★!\x07") == "A fox and a star !"


@given(st.text(alphabet=st.sampled_from("ab ễW\n-"), max_size=120), st.integers(30, 600), st.integers(8, 40))
@settings(max_examples=80, deadline=None)
def test_wrapping_keeps_every_letter_and_the_width(text: str, width: int, size: int) -> None:
    lines = wrap(text, "Regular", size, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(width_of(line, "Regular", size) <= width or len(line) == 1 for line in lines)


@pytest.mark.parametrize("text", ["Ặ", "The fox", "Một câu chuyện rất dài về con cáo nhỏ và chiếc đèn lồng " * 6, "Donaudampfschifffahrtsgesellschaft" * 3])
def test_what_is_fitted_fits(text: str) -> None:
    size, lines = fit(text, "Bold", 500, 200, 90, 8)
    assert lines and len(lines) * line_height("Bold", size) <= 200
    assert all(width_of(line, "Bold", size) <= 500 for line in lines)


def test_a_short_title_is_set_large() -> None:
    assert fit("Mia", "Bold", 800, 300, 150, 8)[0] == 150


def inside(image: Image.Image, ink: tuple[int, int, int]) -> tuple[int, int, int, int]:
    near = np.abs(np.asarray(image).astype(int) - ink).max(axis=2) < 40
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]), int(rows[-1])


@pytest.mark.parametrize(("width", "height"), [(640, 360), (360, 640), (400, 400)])
def test_the_words_of_a_card_stay_off_its_edges(width: int, height: int) -> None:
    request = ImageRequest("Viết bởi SmolLM2\nĐọc bởi Joe", Path("unused"), width, height, 0, title="Ặ Ễ Ộ Con cáo và ngọn đèn")
    image, made_of = card(request)
    left, top, right, bottom = inside(image, (253, 243, 220))
    assert left > width * 0.08 and right < width * 0.92 and top > height * 0.08 and bottom < height * 0.92
    assert made_of["title"].startswith("Ặ Ễ Ộ") and made_of["alt"]


def test_a_card_for_a_scene_without_a_title_shows_its_words() -> None:
    with_words, made_of = card(ImageRequest("The fox found the lantern 🦊.", Path("unused"), 640, 360))
    without_words, _m = card(ImageRequest("", Path("unused"), 640, 360))
    assert made_of["text"] == "The fox found the lantern ."
    difference = np.abs(np.asarray(with_words).astype(int) - np.asarray(without_words).astype(int)).max(axis=2) > 60
    assert difference.mean() > 0.006
