"""A voice's bytes: what is added, and what is refused."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from localstory.engines.speech import voice_model
from localstory.engines.speech.voice_model import NotAVoice, prepare


def field(number: int, value: bytes) -> bytes:
    return voice_model._bytes_field(number, value)


def node(kind: str, sources: list[str], result: str, extra: bytes = b"") -> bytes:
    parts = [field(1, source.encode()) for source in sources] + [field(2, result.encode()), field(4, kind.encode())]
    return field(1, b"".join(parts) + extra)


INPUTS = b"".join(field(11, field(1, name)) for name in (b"input", b"input_lengths", b"scales"))
OUTPUT = field(12, field(1, b"output"))
OPSET = field(8, b"\x10\x0f")


def model(graph: bytes) -> bytes:
    return b"\x08\x08" + field(7, graph) + OPSET


TINY = model(node("RandomNormalLike", ["x"], "noise") + node("Ceil", ["w"], "w_ceil") + INPUTS + OUTPUT)


def test_durations_and_noise_are_added() -> None:
    prepared = prepare(TINY)
    assert prepared.durations == "w_ceil"
    assert prepared.noise == ("localstory_noise_0",)
    assert b"RandomNormalLike" not in prepared.content
    again = prepare(prepared.content)
    assert (again.noise, again.durations) == ((), "w_ceil")


def test_a_voice_that_hides_its_durations_is_still_a_voice() -> None:
    assert prepare(model(node("Ceil", ["a"], "b") + node("Ceil", ["c"], "d") + INPUTS + OUTPUT)).durations is None


@pytest.mark.parametrize(
    "graph",
    [
        field(5, field(13, b"\x0a\x08location\x12\x0b/etc/passwd")) + INPUTS + OUTPUT,
        field(5, b"\x70\x01") + INPUTS + OUTPUT,
        node("Constant", [], "c", field(5, field(5, b"\x70\x01"))) + INPUTS + OUTPUT,
        node("If", [], "c", field(5, field(6, field(5, field(13, b"x"))))) + INPUTS + OUTPUT,
        node("If", [], "c", field(5, field(6, node("Constant", [], "c", field(5, field(5, b"\x70\x01")))))) + INPUTS + OUTPUT,
    ],
    ids=["external_data", "data_location", "in an attribute", "in a graph of an attribute", "in a node of a graph of an attribute"],
)
def test_what_reads_other_files_is_refused(graph: bytes) -> None:
    with pytest.raises(NotAVoice, match="other files"):
        prepare(model(graph))


@pytest.mark.parametrize(
    "content",
    [b"", b"GGUF" + bytes(100), b"\x00" * 50, b"\xff" * 50, b"PK\x03\x04zip", model(OUTPUT), model(INPUTS), TINY + field(7, b""), b"<html></html>"],
)
def test_what_is_no_voice_is_refused(content: bytes) -> None:
    with pytest.raises(NotAVoice):
        prepare(content)


def test_every_cut_of_a_voice_is_refused_or_whole_and_never_crashes() -> None:
    for cut in range(len(TINY)):
        try:
            prepare(TINY[:cut])
        except NotAVoice:
            continue
        assert TINY[cut:] == OPSET[: len(TINY) - cut] or cut >= len(TINY) - len(OPSET)


def test_a_thousand_damaged_voices_never_crash() -> None:
    chance = random.Random(5)
    for _round in range(1000):
        content = bytearray(TINY)
        for _hit in range(chance.randint(1, 4)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        try:
            prepare(bytes(content))
        except NotAVoice:
            continue


def test_the_starter_voice_has_both(joe: Path) -> None:
    prepared = prepare(joe.read_bytes())
    assert prepared.durations is not None and len(prepared.noise) == len(prepared.taken) == 2
