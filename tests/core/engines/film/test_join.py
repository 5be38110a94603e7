"""The finished film: every frame once, tags and chapters as given, captions that are on, a file that starts at once."""

from __future__ import annotations

import itertools
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from localstory.engines.base import Caption, Chapter, FilmRequest, SegmentRequest, Shot, Sound, SoundRequest
from localstory.engines.film.film import FilmMaker
from localstory.engines.film.join import clean_text, concat_list, escaped, language_code, metadata_file
from localstory.errors import BadRequest, FileTrouble
from tests.contracts.film_contract import filmed
from tests.core.engines.film import probe

WIDE, HIGH = 160, 90
COUNTS = [30, 12, 250, 12, 5, 71]
NASTY = [
    "It's \"quoted\"", "line one\nline two", "a=b;c#d\\e", "\\", "\\\\", "=", ";", "#", "-leading", "--help", "ends with \\", "Cô bé và con cáo 🦊",
    "日本語", "[CHAPTER]", "TIMEBASE=1/1000", ";FFMETADATA1", "%d %s {x} $HOME `id`", "é NFD", "a" * 3000, " spaces around ", "tab\there", "\u200fעברית",
    "a\r\nb", "'", "''", '"', "\n\nx", "=;#\\\n=;#\\", "http://a.b/?c=d&e", "🧑‍🚀🏴‍☠️",
]  # fmt: skip


@pytest.fixture
async def parts(engine: FilmMaker, folder: Path) -> FilmRequest:
    """Six segments, two pictures in turn, 380 frames, and a sound."""
    for number, name in enumerate(("a.png", "b.png")):
        probe.patches(folder / name, [(40 + 150 * number, 90, 120)], WIDE, HIGH)
    segments = []
    for number, count in enumerate(COUNTS):
        out = folder / f"phần '{number}' 🦊\n.mp4"
        await filmed(engine.segment(SegmentRequest(Shot(folder / f"{'ab'[number % 2]}.png", count), 0, count, out, width=WIDE, height=HIGH)))
        segments.append(out)
    voice = probe.write_wav(folder / "voice.wav", probe.babble(12), 22_050)
    await filmed(engine.sound(SoundRequest((Sound(voice, 12),), sum(COUNTS), folder / "sound.wav")))
    return FilmRequest(tuple(segments), folder / "sound.wav", folder / "phim 'hay'.mp4")


async def test_a_film_has_every_frame_once_at_steady_times(engine: FilmMaker, parts: FilmRequest) -> None:
    out = (await filmed(engine.join(parts))).path
    shown = probe.packets(out)
    assert len(shown) == sum(COUNTS)
    assert {after[0] - before[0] for before, after in itertools.pairwise(shown)} == {1000}
    # Not only as many: the right ones, in order.
    red = probe.frames(out, WIDE, HIGH)[:, 40, 80, 0]
    changes = [0, *(np.flatnonzero(np.abs(np.diff(red.astype(int))) > 60) + 1).tolist(), len(red)]
    assert list(np.diff(changes)) == COUNTS


async def test_a_full_film_says_all_there_is_to_say(engine: FilmMaker, parts: FilmRequest, folder: Path) -> None:
    seconds = sum(COUNTS) / 24
    chapters = tuple(Chapter(f"Chương {n}: \"a=b;\" \\ 'c' 🦊", n * seconds / 4, (n + 1) * seconds / 4) for n in range(4))
    captions = (Caption("Xin chào <b>bạn</b>\nhai dòng", 0.5, 2.0), Caption("the end 🦊", 13.0, 15.0))
    made = await filmed(engine.join(replace(parts, language="vi", chapters=chapters, captions=captions, tags={"title": "Mai & cáo"}, cover=folder / "a.png")))
    said = probe.described(made.path)
    assert re.search(r"Stream #0:0.*\(vie\).*h264 \(High\).*yuv420p\(tv, bt709", said) or re.search(r"Stream #0:0.*h264 \(High\).*yuv420p\(tv, bt709", said)
    assert re.search(r"Stream #0:1.*\(vie\).*aac \(LC\).*48000 Hz", said)
    assert re.search(r"Stream #0:2.*\(vie\).*mov_text.*\(default\)", said)
    assert "attached pic" in said
    found = re.findall(r"Chapter #0:\d+: start ([\d.]+), end ([\d.]+)\s+Metadata:\s+title\s+: (.*)", said)
    assert [title for _start, _end, title in found] == [chapter.title for chapter in chapters]
    for (start, end, _title), chapter in zip(found, chapters, strict=True):
        assert float(start) == pytest.approx(chapter.start_s, abs=0.002)
        assert float(end) == pytest.approx(chapter.end_s, abs=0.002)
    text = probe.ffmpeg("-i", made.path, "-map", "0:s:0", "-f", "srt", "-")[0].decode("utf-8")
    assert "00:00:00,500 --> 00:00:02,000" in text and "00:00:13,000 --> 00:00:15,000" in text and "hai dòng" in text
    kinds = probe.top_boxes(made.path)
    assert kinds.index("moov") < kinds.index("mdat")
    assert made.facts["frames"] == sum(COUNTS) and made.seconds == pytest.approx(seconds)
    assert len(probe.packets(made.path)) == sum(COUNTS)


async def test_tags_come_back_as_they_went_in(engine: FilmMaker, parts: FilmRequest) -> None:
    short = replace(parts, segments=parts.segments[4:5])
    names = ["title", "artist", "album", "comment", "description", "genre", "date", "copyright"]
    for at in range(0, len(NASTY), len(names)):
        tags = dict(zip(names, NASTY[at : at + len(names)], strict=False))
        out = (await filmed(engine.join(replace(short, tags=tags)))).path
        read = probe.tags_of(out)
        for name, value in tags.items():
            assert read.get(name) == clean_text(value), name


@given(name=st.text(alphabet=st.characters(codec="utf-8"), min_size=1), value=st.text(alphabet=st.characters(codec="utf-8")))
def test_escaping_keeps_every_text_in_its_line(name: str, value: str) -> None:
    line = f"{escaped(name)}={escaped(value)}\n"
    (entry,) = probe._entries(line)
    before, _equals, after = probe._partition(entry)
    assert (probe._unescaped(before), probe._unescaped(after)) == (clean_text(name), clean_text(value))


@given(st.dictionaries(st.text(), st.text(), max_size=4), st.lists(st.text(), max_size=3))
def test_no_text_adds_a_chapter(tags: dict[str, str], titles: list[str]) -> None:
    chapters = [Chapter(title, number, number + 1) for number, title in enumerate(titles)]
    entries = probe._entries(metadata_file(tags, chapters))
    assert entries.count("[CHAPTER]") == len(titles)


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\n\r\0/"), min_size=1).filter(lambda name: name not in (".", "..")))
def test_a_name_in_the_list_of_parts_is_one_line(name: str) -> None:
    text = concat_list([Path("/x") / name])
    assert text.count("\n") == 2
    assert text.split("\n")[1].replace("'\\''", "’").count("'") == 2


@pytest.mark.parametrize(("language", "code"), [("en", "eng"), ("vi_VN", "vie"), ("en-GB", "eng"), ("deu", "deu"), ("x", "und"), ("", "und"), ("'; rm", "und")])
def test_languages_in_three_letters(language: str, code: str) -> None:
    assert language_code(language) == code


async def test_parts_that_do_not_fit_together_are_refused(engine: FilmMaker, parts: FilmRequest, folder: Path) -> None:
    other = folder / "other.mp4"
    await filmed(engine.segment(SegmentRequest(Shot(folder / "a.png", 5), 0, 5, other, width=WIDE * 2, height=HIGH * 2)))
    slow = folder / "slow.mp4"
    await filmed(engine.segment(SegmentRequest(Shot(folder / "a.png", 5), 0, 5, slow, width=WIDE, height=HIGH, fps=12)))
    for odd in (other, slow):
        with pytest.raises(BadRequest):
            await filmed(engine.join(replace(parts, segments=(parts.segments[0], odd))))
    assert not parts.out.exists()


async def test_a_broken_part_is_named_and_no_film_is_left(engine: FilmMaker, parts: FilmRequest, folder: Path) -> None:
    whole = parts.segments[2].read_bytes()
    torn = folder / "rách 💔.mp4"
    for content in (b"", b"not a film", whole[:200], whole[: len(whole) // 2], b"\0" * 4000):
        torn.write_bytes(content)
        with pytest.raises(FileTrouble) as trouble:
            await filmed(engine.join(replace(parts, segments=(parts.segments[0], torn))))
        assert "rách" in str(trouble.value)
    for field, name in (("sound", "no.wav"), ("cover", "no.png")):
        (folder / name).write_bytes(b"RIFF torn")
        with pytest.raises(Exception) as refusal:
            await filmed(engine.join(replace(parts, **{field: folder / name})))  # type: ignore[arg-type]
        assert getattr(refusal.value, "code", "") in ("file_trouble", "film_failed")
    assert not parts.out.exists()
    assert not [path for path in folder.iterdir() if "part" in path.suffix]


async def test_a_film_replaces_the_old_one_only_when_it_is_whole(engine: FilmMaker, parts: FilmRequest, folder: Path) -> None:
    parts.out.write_text("old")
    shutil.copy(parts.sound, folder / "torn.wav")
    (folder / "torn.wav").write_bytes(b"nothing")
    with pytest.raises(Exception, match=r"torn"):
        await filmed(engine.join(replace(parts, sound=folder / "torn.wav")))
    assert parts.out.read_text() == "old"
    await filmed(engine.join(parts))
    assert probe.top_boxes(parts.out)[0] == "ftyp"


async def test_a_cover_of_any_kind_becomes_a_picture(engine: FilmMaker, parts: FilmRequest, folder: Path) -> None:
    Image.new("RGBA", (300, 700), (200, 10, 10, 90)).save(folder / "bìa %03d.webp")
    out = (await filmed(engine.join(replace(parts, segments=parts.segments[4:5], cover=folder / "bìa %03d.webp")))).path
    assert "attached pic" in probe.described(out)
