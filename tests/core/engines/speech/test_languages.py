"""Which language a text's letters give away."""

from __future__ import annotations

import pytest

from localstory.engines.speech.languages import base, contradicts, looks_like, voice_to_fetch


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Once upon a time there was a fox.", "en"),
        ("Ngày xửa ngày xưa có một con cáo nhỏ.", "vi"),
        ("Ngày xửa ngày xưa có một con cáo nhỏ.", "vi"),
        ("Xin chào các bạn", "vi"),
        ("Nguyễn Thị Ánh lived by the sea with her brother and two dogs.", None),
        ("Nguyễn Ánh", None),
        ("Où est le café de la forêt, là-bas près du château ?", None),
        ("Đã đến lúc phải về nhà rồi, Mai ơi!", "vi"),
        ("Жил-был у бабушки серенький козлик", "ru"),
        ("从前有一只狐狸", "zh"),
        ("むかしむかし、あるところに", "ja"),
        ("昔々、山村老夫婦住おじい", "ja"),
        ("", None),
        ("123 🦊 …", None),
    ],
)
def test_a_text_looks_like(text: str, language: str | None) -> None:
    assert looks_like(text) == language


def test_decomposed_letters_count_too() -> None:
    import unicodedata

    assert looks_like(unicodedata.normalize("NFD", "Ngày xửa ngày xưa có một con cáo nhỏ.")) == "vi"


def test_ascii_contradicts_no_language() -> None:
    assert contradicts("Es war einmal ein Fuchs.", "de") is None


def test_a_script_contradicts_only_languages_of_other_scripts() -> None:
    assert contradicts("Жив-був собі козлик і баба", "uk_UA") is None
    assert contradicts("Жив-був собі козлик і баба", "en") == "ru"
    assert contradicts("Ngày xửa ngày xưa có một con cáo", "vi") is None
    assert contradicts("Ngày xửa ngày xưa có một con cáo", "en_GB") == "vi"


def test_a_voice_to_fetch() -> None:
    assert base("EN-us") == "en"
    assert voice_to_fetch("vi_VN") == "vi_VN-vais1000-medium"
    assert voice_to_fetch("tlh") is None
