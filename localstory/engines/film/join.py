"""Segments, sound, captions, chapters and tags in one MP4, without encoding the pictures again. Pure argument lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from localstory.engines.base import Chapter
from localstory.engines.film.ffmpeg import SAFE

_ISO_639_2 = {"en": "eng", "vi": "vie", "de": "deu", "fr": "fra", "es": "spa", "it": "ita", "pt": "por", "nl": "nld", "ja": "jpn", "zh": "zho", "ru": "rus"}


def iso_639_2(language: str) -> str:
    """The three-letter code that MP4 tracks carry; "und" when unknown."""
    return _ISO_639_2.get(language.split("_")[0].split("-")[0].lower(), "und")


def concat_list(segments: Sequence[Path]) -> str:
    """The list for ffmpeg's concat demuxer. A quote ends the quoted name and is escaped outside of it."""
    lines = ["ffconcat version 1.0"]
    for segment in segments:
        quoted = segment.absolute().as_posix().replace("'", "'\\''")
        lines.append(f"file '{quoted}'")
    return "\n".join(lines) + "\n"


def metadata(tags: Mapping[str, str], chapters: Sequence[Chapter]) -> str:
    """An FFMETADATA file. TIMEBASE is always written: versions of its documentation disagree on the default."""
    lines = [";FFMETADATA1"]
    lines += [f"{_escaped(name)}={_escaped(value)}" for name, value in tags.items() if value]
    for chapter in chapters:
        lines += [
            "[CHAPTER]",
            "TIMEBASE=1/1000",
            f"START={round(chapter.start_s * 1000)}",
            f"END={round(chapter.end_s * 1000)}",
            f"title={_escaped(chapter.title)}",
        ]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """As FFMETADATA wants it: = ; # \\ and line ends behind a backslash; what can't be printed goes."""
    text = "".join(char for char in text if char == "\n" or ord(char) >= 32 and not 0xD800 <= ord(char) <= 0xDFFF)
    for char in ("\\", "=", ";", "#", "\n"):
        text = text.replace(char, "\\" + char)
    return text


def join_arguments(listing: Path, sound: Path, facts: Path, captions: Path | None, cover: Path | None, out: Path, language: str) -> list[str | Path]:
    """ffmpeg's arguments. Inputs: 0 pictures, 1 sound, 2 tags and chapters, then captions, then the cover."""
    code = iso_639_2(language)
    arguments: list[str | Path] = [*SAFE, "-y", "-f", "concat", "-safe", "0", "-i", listing, "-i", sound, "-f", "ffmetadata", "-i", facts]
    number = 3
    maps: list[str | Path] = ["-map", "0:v:0", "-map", "1:a:0"]
    extra: list[str | Path] = []
    if captions is not None:
        arguments += ["-f", "srt", "-i", captions]
        maps += ["-map", f"{number}:s:0"]
        extra += ["-c:s", "mov_text", "-metadata:s:s:0", f"language={code}", "-disposition:s:0", "default"]
        number += 1
    if cover is not None:
        arguments += ["-i", cover]
        maps += ["-map", f"{number}:v:0"]
        extra += ["-c:v:1", "mjpeg", "-q:v:1", "3", "-filter:v:1", "scale=640:-2,format=yuvj420p", "-disposition:v:1", "attached_pic"]
    return [
        *arguments, *maps, "-map_metadata", "2", "-map_chapters", "2", "-c:v:0", "copy", "-c:a", "aac", "-b:a", "160k", *extra,
        "-metadata:s:a:0", f"language={code}", "-metadata:s:v:0", f"language={code}", "-movflags", "+faststart",
        # Left alone it becomes the least common multiple of the tracks' timescales, 192 million here, and chapters over 11 s overflow.
        "-movie_timescale", "48000", "-f", "mp4", out,
    ]  # fmt: skip
