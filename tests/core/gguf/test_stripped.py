"""Headers without their vocabulary: small, the same to llama.cpp, refused like the whole ones; stand-ins that take no room."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstory import system
from localstory.gguf.header import BadGguf, check_file, read_header
from localstory.gguf.header_cache import HeaderCache, file_key
from localstory.gguf.stripped import TOKENIZER, NoSparseFiles, StrippedModel, strip, strip_files, strip_header, take_apart, write_stand_in
from tests.fakes.gguf_files import STRING, TINY, TINY_TENSORS, U16, U32, array, gguf, pair, tensor
from tests.fakes.model_headers import model as made


@pytest.mark.parametrize("name", ["smollm2", "gemma3"])
def test_a_real_header_without_its_vocabulary_is_small_and_has_the_same_tensors(name: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(name)
    whole, (part,) = check_file(path), strip_files([path]).parts
    assert len(part.content) < 40_000
    assert part.header.tensors == whole.tensors
    assert part.data_bytes == whole.data_bytes
    kept = dict(part.header.metadata)
    assert kept.pop(TOKENIZER) == whole.metadata["tokenizer.ggml.model"]
    kept = {key: value for key, value in kept.items() if key != "tokenizer.ggml.model" and not key.endswith(".vocab_size")}
    assert kept == {key: value for key, value in whole.metadata.items() if key in kept}
    assert {key for key in whole.metadata if key.startswith(f"{whole.architecture}.")} <= {*part.header.metadata}
    assert part.header.metadata["tokenizer.ggml.model"] == "no_vocab"
    tokens = whole.metadata["tokenizer.ggml.tokens"]
    assert part.header.whole(f"{whole.architecture}.vocab_size") == tokens.length  # type: ignore[union-attr]


def test_the_kinds_of_numbers_stay_as_they_were() -> None:
    """llama.cpp refuses a fact whose kind is not the expected one."""
    raw = gguf([pair("general.architecture", STRING, "llama"), pair("llama.block_count", U16, 7), array("llama.x", U32, [1, 2])], [])
    assert pair("llama.block_count", U16, 7) in strip_header(io.BytesIO(raw)).content


def test_the_length_of_the_vocabulary_replaces_what_the_file_claims() -> None:
    raw = gguf([pair("general.architecture", STRING, "llama"), pair("llama.vocab_size", U32, 5), array("tokenizer.ggml.tokens", STRING, ["a"] * 300)], [])
    assert strip_header(io.BytesIO(raw)).header.whole("llama.vocab_size") == 300


def test_a_stripped_header_stripped_again_is_itself() -> None:
    once = strip_header(io.BytesIO(made("gemma3-4b").header_bytes(vocabulary=True)))
    assert strip_header(io.BytesIO(once.content)).content == once.content
    assert len(once.content) < 60_000 < 5_000_000 < len(made("gemma3-4b").header_bytes(vocabulary=True))


def test_a_second_quantisation_is_made_from_the_first_without_its_vocabulary() -> None:
    """What the hub does: the other file's tensor table and its few own facts, never its vocabulary."""
    first = take_apart(io.BytesIO(made("gemma3-4b", "Q4_K_M").header_bytes(vocabulary=True)))
    other = take_apart(io.BytesIO(made("gemma3-4b", "Q8_0").header_bytes()))
    pairs = {**first.pairs, "general.file_type": other.pairs["general.file_type"]}
    built = strip(replace(first, pairs=pairs, tensors=other.tensors, tensor_count=other.tensor_count))
    whole = strip_header(io.BytesIO(made("gemma3-4b", "Q8_0").header_bytes(vocabulary=True)))
    assert (built.header, built.data_bytes) == (whole.header, whole.data_bytes)
    assert built.header.quantisation == "Q8_0"


def shard(number: int, count: int) -> bytes:
    facts = [pair("split.no", U16, number), pair("split.count", U16, count)]
    if number == 0:
        facts += [pair("general.architecture", STRING, "llama"), array("tokenizer.ggml.tokens", STRING, ["a"] * 300)]
    return gguf(facts, [tensor(f"blk.{number}.weight", (8,), 0, 0)], 32)


def test_the_parts_of_a_split_model_are_one_model(tmp_path: Path) -> None:
    paths = [tmp_path / f"rồng-{number + 1:05d}-of-00003.gguf" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(shard(number, 3))
    model = strip_files(paths)
    assert [one.name for one in model.header.tensors] == ["blk.0.weight", "blk.1.weight", "blk.2.weight"]
    assert model.file_names() == ("model-00001-of-00003.gguf", "model-00002-of-00003.gguf", "model-00003-of-00003.gguf")
    for wrong in (paths[:1], paths[:2], [paths[1], paths[0], paths[2]]):
        with pytest.raises(BadGguf, match="3 files"):
            strip_files(wrong)


def test_what_the_reader_refuses_is_refused_here() -> None:
    two = gguf([pair("a", U32, 1), pair("a", U32, 1)])
    gap = gguf([], [tensor("a", (8,), 0, 0), tensor("b", (8,), 0, 64)], 4096)
    huge = gguf([pair("general.architecture", STRING, "llama"), pair("llama.vocab_size", U32, (1 << 32) - 1)])
    for raw in (two, gap, huge, b"", b"GGUF"):
        with pytest.raises(BadGguf):
            strip_header(io.BytesIO(raw))


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(TINY) - 1), st.integers(0, 255)), min_size=1, max_size=6), st.integers(0, len(TINY)))
def test_broken_bytes_are_refused_or_make_a_header_that_reads(changes: list[tuple[int, int]], cut: int) -> None:
    broken = bytearray(TINY)
    for place, value in changes:
        broken[place] = value
    for content in (bytes(broken), bytes(broken[:cut])):
        try:
            part = strip_header(io.BytesIO(content))
        except BadGguf:
            continue
        assert read_header(io.BytesIO(part.content)) == part.header


def test_a_long_fact_does_not_make_it_long() -> None:
    facts = [
        pair("general.architecture", STRING, "llama"),
        pair("general.description", STRING, "x" * 300_000),
        pair("quantize.imatrix.file", STRING, "y" * 9000),
    ]
    assert len(strip_header(io.BytesIO(gguf([*facts, pair("tokenizer.chat_template", STRING, "z" * 9000)], TINY_TENSORS))).content) < 1000


# -- the stand-in -----------------------------------------------------------------------------------------------------


def test_a_stand_in_has_the_true_size_and_takes_no_room(tmp_path: Path) -> None:
    folder = tmp_path / "kho của Mai 🐉"
    folder.mkdir()
    model = StrippedModel((strip_header(io.BytesIO(made("gemma3-27b").header_bytes())),))
    path = write_stand_in(model, folder)
    assert path.stat().st_size == model.parts[0].file_bytes > 15 << 30
    assert system.taken_bytes(path) < 200_000
    assert check_file(path).tensors == model.header.tensors


def test_a_disk_that_would_fill_the_hole_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A FAT disk writes real zeros where we ask for a hole: tried on 8 MiB first, and never on the whole."""
    truncated: list[int] = []

    class FatFile(io.FileIO):
        def truncate(self, size: int | None = None) -> int:
            assert size is not None
            truncated.append(size)
            self.write(b"\0" * (min(size, 64 << 20) - self.tell()))
            return size

    monkeypatch.setattr(system, "open", lambda path, _mode: FatFile(path, "wb"), raising=False)
    model = StrippedModel((strip_header(io.BytesIO(made("qwen3-32b").header_bytes())),))
    with pytest.raises(NoSparseFiles, match="sparse"):
        write_stand_in(model, tmp_path)
    assert len(truncated) == 1 and truncated[0] < 16 << 20
    assert not list(tmp_path.iterdir())


def test_a_length_no_disk_can_hold_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    part = replace(strip_header(io.BytesIO(TINY)), data_bytes=1 << 62)
    for data_bytes in (1 << 62, 1 << 70):
        with pytest.raises(NoSparseFiles):
            write_stand_in(StrippedModel((replace(part, data_bytes=data_bytes),)), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoSparseFiles, match="No such file"):
        write_stand_in(StrippedModel((strip_header(io.BytesIO(TINY)),)), tmp_path / "none")


# -- the cache --------------------------------------------------------------------------------------------------------


def test_a_cached_header_comes_back_the_same(tmp_path: Path, gemma3: Path) -> None:
    cache = HeaderCache(tmp_path / "cache" / "headers")
    first = cache.of_files([gemma3])
    again = HeaderCache(tmp_path / "cache" / "headers").get(file_key([gemma3]))
    assert again == first and again.key == first.key
    assert [path.stat().st_size < 40_000 for path in (tmp_path / "cache" / "headers").iterdir()] == [True]


def test_a_cached_header_takes_milliseconds(tmp_path: Path, gemma3: Path) -> None:
    cache = HeaderCache(tmp_path)
    cache.of_files([gemma3])

    def seconds() -> float:
        began = time.process_time()
        cache.of_files([gemma3])
        return time.process_time() - began

    assert min(seconds() for _try in range(5)) < 0.02  # 2 ms on an idle core


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    cache, file = HeaderCache(tmp_path / "cache"), tmp_path / "rồng.gguf"
    file.write_bytes(TINY)
    before = cache.of_files([file])
    file.write_bytes(gguf([pair("general.architecture", STRING, "gemma3")], TINY_TENSORS, 712))
    assert cache.of_files([file]).header.architecture == "gemma3" != before.header.architecture


def test_what_is_damaged_in_the_cache_is_forgotten(tmp_path: Path) -> None:
    cache, file = HeaderCache(tmp_path / "cache"), tmp_path / "a.gguf"
    file.write_bytes(TINY)
    model = cache.of_files([file])
    (entry,) = (tmp_path / "cache").iterdir()
    content = entry.read_bytes()
    for at in range(0, len(content), 7):
        entry.write_bytes(content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :])
        assert cache.get(file_key([file])) in (None, model)
        entry.write_bytes(content[:at])
        assert cache.get(file_key([file])) is None
        assert not entry.exists()
    assert cache.of_files([file]) == model


def test_a_cache_that_can_not_be_written_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    (tmp_path / "a.gguf").write_bytes(TINY)
    assert HeaderCache(tmp_path / "cache").of_files([tmp_path / "a.gguf"]).header.architecture == "llama"
