"""Joining: the argument lists and files for ffmpeg, and what it answers. Pure; the worker runs it.

Titles, tags and captions never stand in an argument list: they travel in files, escaped as those files want it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

from localstory.engines.base import Chapter
from localstory.engines.film.ffmpeg import INPUT_GUARD, QUIET

# ISO 639-1 -> 639-2/T, as MP4 wants it: the languages Piper has voices for.
_LANGUAGES = dict(
    pair.split(":")
    for pair in "ar:ara bg:bul ca:cat cs:ces cy:cym da:dan de:deu el:ell en:eng es:spa et:est eu:eus fa:fas fi:fin fr:fra he:heb hi:hin hu:hun "
    "id:ind is:isl it:ita ja:jpn ka:kat kk:kaz ko:kor lb:ltz lv:lav ml:mal ne:nep nl:nld no:nor nb:nob pl:pol pt:por ro:ron ru:rus sk:slk sl:slv "
    "sq:sqi sr:srp sv:swe sw:swa te:tel th:tha tr:tur uk:ukr ur:urd vi:vie zh:zho".split()
)


def language_code(language: str) -> str:
    """Three letters for "en", "vi-VN" or "eng"; "und" for what is no language."""
    short = re.split(r"[-_]", language.strip().lower())[0]
    if short in _LANGUAGES:
        return _LANGUAGES[short]
    return short if re.fullmatch(r"[a-z]{3}", short) else "und"


def quoted_name(path: Path) -> str:
    """A file's name for the concat demuxer (ffmpeg-utils, "Quoting and escaping"). Raises ValueError for a line break in it."""
    name = str(path)
    if "\n" in name or "\r" in name or "\0" in name:
        raise ValueError(name)
    return "'" + name.replace("'", "'\\''") + "'"


def concat_list(segments: Sequence[Path]) -> str:
    """What the concat demuxer reads."""
    return "ffconcat version 1.0\n" + "".join(f"file {quoted_name(segment)}\n" for segment in segments)


def clean_text(text: str) -> str:
    """Text as it can stand in an MP4: no control characters but line breaks, no lone surrogates.

    A backslash at the end of a line gets a space: ffmpeg 9 (ffmetadec.c) takes an escaped one there for an escaped line break.
    """
    text = "".join(c for c in text.replace("\r\n", "\n").replace("\r", "\n") if c == "\n" or unicodedata.category(c) not in ("Cc", "Cs"))
    return re.sub(r"\\(?=\n|\Z)", r"\\ ", text)


def escaped(text: str) -> str:
    """A key or value for ffmpeg's metadata file: `=`, `;`, `#`, backslash and line breaks carry a backslash."""
    return re.sub(r"([=;#\\\n])", r"\\\1", clean_text(text))


def metadata_file(tags: Mapping[str, str], chapters: Sequence[Chapter]) -> str:
    """The film's tags and chapters in ffmpeg's own format, times in milliseconds."""
    lines = [";FFMETADATA1"]
    lines += [f"{escaped(name)}={escaped(value)}" for name, value in tags.items() if re.fullmatch(r"[A-Za-z_]+", name) and clean_text(value)]
    for chapter in chapters:
        start = round(chapter.start_s * 1000)
        # TIMEBASE is always written: versions of ffmpeg disagree on what it is without.
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", f"START={start}", f"END={max(start + 1, round(chapter.end_s * 1000))}", f"title={escaped(chapter.title)}"]
    return "\n".join(lines) + "\n"


def join_arguments(*, concat: Path, sound: Path, metadata: Path, captions: Path | None, cover: Path | None, language: str, out: Path) -> list[str]:
    """ffmpeg's arguments: pictures copied, AAC sound, a caption track that is on by itself, chapters, tags, a cover, faststart."""
    inputs = [*INPUT_GUARD, "-f", "concat", "-safe", "0", "-i", str(concat), *INPUT_GUARD, "-f", "wav", "-i", str(sound)]
    inputs += [*INPUT_GUARD, "-f", "ffmetadata", "-i", str(metadata)]
    maps = ["-map", "0:v:0", "-map", "1:a:0"]
    code = language_code(language)
    streams = ["-c:v", "copy", "-c:a", "aac", "-b:a", "160k", "-metadata:s:a:0", f"language={code}", "-disposition:a:0", "default"]
    number = 3
    if captions is not None:
        inputs += [*INPUT_GUARD, "-f", "srt", "-i", str(captions)]
        maps += ["-map", f"{number}:s:0"]
        streams += ["-c:s", "mov_text", "-metadata:s:s:0", f"language={code}", "-disposition:s:0", "default"]
        number += 1
    if cover is not None:
        inputs += [*INPUT_GUARD, "-f", "image2", "-pattern_type", "none", "-i", str(cover)]
        maps += ["-map", f"{number}:v:0"]
        streams += ["-disposition:v:1", "attached_pic"]
    return [
        *QUIET, "-y", "-progress", "pipe:1", *inputs, *maps, "-map_metadata", "2", "-map_chapters", "2", *streams,
        # Left alone it becomes the least common multiple of the tracks' timescales, 192 million here, and chapters over 11 s overflow.
        "-movflags", "+faststart", "-movie_timescale", "48000", "-f", "mp4", str(out),
    ]  # fmt: skip


def parse_frame(line: str) -> int | None:
    """The frame in a line of `-progress`, None in its other lines."""
    found = re.fullmatch(r"frame=\s*(\d+)", line.strip())
    return int(found[1]) if found else None
