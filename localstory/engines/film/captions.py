"""Captions from spoken words: short blocks that begin with their first word. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import pysubs2

from localstory.engines.base import Caption, SpokenSentence, SpokenWord

LINE_CHARS = 42
LINES = 2
MOST_SECONDS = 6.5
LEAST_SECONDS = 1.0
GAP_SECONDS = 2 / 24
_CLAUSE_ENDS = (",", ";", ":", "—", "–", "…")


def captions_of(sentences: Sequence[SpokenSentence], offset_s: float) -> tuple[Caption, ...]:
    """Captions of what is spoken, `offset_s` being where its sound starts in the film.

    At most two lines of 42 characters and 6.5 seconds; a block ends with its sentence, or at a clause when it must.
    A caption starts with its first word and stays until the last one ends, a second at least where there is room.
    """
    blocks = [block for sentence in sentences for block in _blocks(sentence.words)]
    captions: list[Caption] = []
    for index, block in enumerate(blocks):
        start = block[0].start_s
        after = blocks[index + 1][0].start_s - GAP_SECONDS if index + 1 < len(blocks) else float("inf")
        end = min(max(block[-1].end_s + 0.25, start + LEAST_SECONDS), max(after, block[0].start_s + 0.1))
        captions.append(Caption(wrap(" ".join(word.text for word in block)), round(start + offset_s, 3), round(end + offset_s, 3)))
    return tuple(captions)


def _blocks(words: Sequence[SpokenWord]) -> list[list[SpokenWord]]:
    blocks: list[list[SpokenWord]] = []
    rest = list(words)
    while rest:
        room = _fitting(rest)
        if room < len(rest):
            # Break after a clause if that leaves a block worth reading; otherwise in even parts.
            clause = next((at for at in range(room, max(1, room // 2), -1) if rest[at - 1].text.endswith(_CLAUSE_ENDS)), 0)
            room = clause or min(room, -(-len(rest) // -(-len(rest) // room)))
        blocks.append(rest[:room])
        rest = rest[room:]
    return blocks


def _fitting(words: Sequence[SpokenWord]) -> int:
    """How many words from the start fit into one caption; at least one."""
    count = 0
    for number in range(1, len(words) + 1):
        text = " ".join(word.text for word in words[:number])
        if (
            wrap(text).count("\n") >= LINES
            or any(len(line) > LINE_CHARS for line in wrap(text).split("\n"))
            or words[number - 1].end_s - words[0].start_s > MOST_SECONDS
        ):
            break
        count = number
    return max(1, count)


def wrap(text: str) -> str:
    """One line, or two of about the same length with the break at a space; more only when it can't be helped."""
    if len(text) <= LINE_CHARS:
        return text
    spaces = [at for at, char in enumerate(text) if char == " "]
    fits = [at for at in spaces if at <= LINE_CHARS and len(text) - at - 1 <= LINE_CHARS]
    if fits:
        at = min(fits, key=lambda at: abs(len(text) - 2 * at) - (8 if text[at - 1] in ",;:—–…" else 0))
        return text[:at] + "\n" + text[at + 1 :]
    first = max((at for at in spaces if at <= LINE_CHARS), default=0)
    return text if not first else text[:first] + "\n" + wrap(text[first + 1 :])


def srt(captions: Sequence[Caption]) -> str:
    """SubRip text."""
    return str(_subtitles(captions).to_string("srt"))


def vtt(captions: Sequence[Caption]) -> str:
    """WebVTT text."""
    return str(_subtitles(captions).to_string("vtt"))


def _subtitles(captions: Sequence[Caption]) -> pysubs2.SSAFile:
    file = pysubs2.SSAFile()
    for caption in captions:
        event = pysubs2.SSAEvent(start=round(caption.start_s * 1000), end=round(caption.end_s * 1000))
        # Braces and angle brackets would be read as markup by one player or another.
        event.plaintext = caption.text.translate(str.maketrans("{}<>", "()()")).replace("\\", "/").replace("-->", "→")
        file.append(event)
    return file
