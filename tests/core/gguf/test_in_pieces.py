"""A header read in pieces is the header read whole; a sibling's layout saves reading, and never makes a header wrong."""

from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.gguf.header import BadGguf, read_header
from localstory.gguf.in_pieces import Layout, NotAlike, read_in_pieces
from localstory.gguf.stripped import strip, strip_header
from tests.fakes.gguf_files import F32, I32, STRING, TINY, U32, array, gguf, pair, tensor
from tests.fakes.quantisations import quantised

TENSORS = [tensor("token_embd.weight", (256, 4), 12, 0), tensor("norm", (10,), 0, 576), tensor("blk.0.q", (32, 2, 2), 2, 640)]
COUNT = 5000


def made(name: str = "Q4_K_M", words: list[str] | None = None, *, behind: bytes = b"", kinds: int = COUNT) -> bytes:
    """A header with a vocabulary of 5,000 tokens: two big arrays side by side, facts, a third one."""
    words = [f"từ{number}" for number in range(COUNT)] if words is None else words
    pairs = [
        pair("general.architecture", STRING, "llama"),
        pair("general.name", STRING, name),
        array("tokenizer.ggml.tokens", STRING, words),
        array("tokenizer.ggml.token_type", I32, [1] * kinds),
        pair("tokenizer.ggml.bos_token_id", U32, 1),
        array("tokenizer.ggml.scores", F32, [0.5] * COUNT),
        *([behind] if behind else []),
        pair("tokenizer.chat_template", STRING, "{{ messages }}"),
    ]
    return gguf(pairs, TENSORS, 640 + 72)


class Sparse(io.BytesIO):
    """Gives 512 bytes at a time, and remembers where."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.read_at: list[tuple[int, int]] = []

    def read(self, size: int | None = -1) -> bytes:
        at = self.tell()
        content = super().read(512 if size is None or size < 0 else min(size, 512))
        self.read_at.append((at, at + len(content)))
        return content

    @property
    def read_bytes(self) -> int:
        return sum(end - start for start, end in self.read_at)


def layout_of(content: bytes) -> Layout:
    return read_in_pieces(io.BytesIO(content)).layout


@pytest.mark.parametrize("content", [TINY, made(), quantised("Q4_K_M", "gemma3-1b").start], ids=["tiny", "made", "gemma"])
def test_pieces_make_the_same_header(content: bytes) -> None:
    pieces = read_in_pieces(io.BytesIO(content))
    truth = read_header(io.BytesIO(content))
    assert pieces.header == truth
    assert list(pieces.header.metadata) == list(truth.metadata)  # in the file's order
    assert pieces.layout.tensors_end <= truth.data_offset < pieces.layout.tensors_end + 32
    assert strip(pieces.raw) == strip_header(io.BytesIO(content))
    assert pieces.jumped_bytes == 0


def test_a_sibling_saves_the_vocabulary_and_changes_nothing() -> None:
    known = layout_of(made("Q4_K_M"))
    other = made("Q6_K ❤ longer")
    source = Sparse(other)
    pieces = read_in_pieces(source, [known], file_bytes=len(other))
    assert pieces.header == read_header(io.BytesIO(other))
    assert pieces.header.name == "Q6_K ❤ longer"
    assert strip(pieces.raw) == strip_header(io.BytesIO(other))
    big = [place for place in pieces.layout.places if place.kind >= 0]
    assert pieces.layout == layout_of(other)
    inside = (big[0].start + 2000, big[1].end - 2000)
    assert not any(start < inside[1] and end > inside[0] for start, end in source.read_at)
    # The two arrays side by side and the third are jumped over; what is read is a few of the 512-byte blocks.
    assert pieces.jumped_bytes > 100_000 and source.read_bytes < 5000


def test_a_layout_taken_by_jumping_serves_the_next_one() -> None:
    second = read_in_pieces(io.BytesIO(made("Q6_K")), [layout_of(made("Q4_K_M"))]).layout
    third = made("IQ2_XXS and more")
    assert read_in_pieces(io.BytesIO(third), [second]).header == read_header(io.BytesIO(third))


@pytest.mark.parametrize(
    "words",
    [
        [f"từ{number}" for number in range(COUNT - 1)] + ["từ4999 longer"],
        [f"w{number}" for number in range(COUNT)],
        [""] * COUNT,
        ["x" * 40] * COUNT,
    ],
)
def test_another_vocabulary_of_the_same_length_is_noticed(words: list[str]) -> None:
    with pytest.raises(NotAlike):
        read_in_pieces(io.BytesIO(made(words=words)), [layout_of(made())])


def test_a_vocabulary_of_another_length_goes_by_another_sibling_or_none() -> None:
    words = [f"từ{number}" for number in range(COUNT + 1)]
    other, brother = made(words=words), made("Q2_K", words=words)
    with pytest.raises(NotAlike):
        read_in_pieces(io.BytesIO(other), [layout_of(made())])
    chosen: list[Layout] = []
    known = [layout_of(made()), layout_of(brother)]
    pieces = read_in_pieces(io.BytesIO(other), known, on_sibling=chosen.append)
    assert pieces.header == read_header(io.BytesIO(other)) and chosen == [known[1]]


def test_a_small_list_is_read_whatever_is_known() -> None:
    assert read_in_pieces(io.BytesIO(TINY), [layout_of(made())]).header == read_header(io.BytesIO(TINY))


def test_another_fact_behind_the_vocabulary_is_noticed_or_read() -> None:
    other = made(behind=pair("tokenizer.ggml.eos_token_id", U32, 2))
    with pytest.raises(NotAlike):
        read_in_pieces(io.BytesIO(other), [layout_of(made())])


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(0, 40), min_size=COUNT // 100, max_size=COUNT // 100), name=st.text(max_size=40))
def test_a_wrong_guess_is_never_a_wrong_header(lengths: list[int], name: str) -> None:
    words = ["x" * length for length in lengths] * 100
    other = made(name, words)
    with contextlib.suppress(NotAlike):
        assert read_in_pieces(io.BytesIO(other), [layout_of(made())]).header == read_header(io.BytesIO(other))


def test_a_sibling_cut_anywhere_is_refused() -> None:
    known, other = layout_of(made()), made("Q6_K")
    for cut in [*range(400), *range(400, len(other) - 712, 997), *range(len(other) - 1200, len(other) - 752)]:
        with pytest.raises((BadGguf, NotAlike)):
            read_in_pieces(io.BytesIO(other[:cut]), [known], file_bytes=cut)


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, 3000), byte=st.integers(0, 255), end=st.booleans())
def test_a_damaged_sibling_is_refused_or_read_as_it_is(at: int, byte: int, end: bool) -> None:
    other = bytearray(made("Q6_K"))
    other[-at - 1 if end else at] = byte
    try:
        pieces = read_in_pieces(io.BytesIO(other), [layout_of(made())])
        truth = read_header(io.BytesIO(other))
    except (BadGguf, NotAlike):
        return
    assert pieces.header == truth


def test_a_fact_that_stands_twice_is_refused() -> None:
    with pytest.raises(BadGguf, match="twice"):
        read_in_pieces(io.BytesIO(made(behind=array("tokenizer.ggml.scores", F32, [0.5] * COUNT))))


def test_an_unknown_kind_is_refused() -> None:
    content = gguf([pair("general.architecture", STRING, "llama"), b"\1\0\0\0\0\0\0\0x\x0d\0\0\0\0"])
    for read in (read_in_pieces, read_header):
        with pytest.raises(BadGguf, match="unknown kind"):
            read(io.BytesIO(content))
