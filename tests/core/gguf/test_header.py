"""What the header reader says, and that nothing a file holds can make it crash, hang or fill the memory."""

from __future__ import annotations

import contextlib
import io
import json
import math
import random
import struct
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.errors import FileTrouble
from localstory.gguf.header import Array, BadGguf, NotGguf, check_file, read_header
from localstory.gguf.types import FILE_TYPES, REMOVED_TENSOR_TYPES, TENSOR_TYPES
from tests.fakes.gguf_files import ARRAY, BOOL, F32, I32, STRING, TINY, TINY_PAIRS, TINY_TENSORS, U8, U32, U64, array, gguf, pair, tensor, text
from tests.fakes.model_headers import model as made

REAL = made("qwen3-0.6b").header_bytes()


def test_a_small_file_is_read_as_it_was_made() -> None:
    header = read_header(io.BytesIO(TINY), file_bytes=len(TINY))
    assert (header.architecture, header.name, header.quantisation, header.licence) == ("llama", "Rồng nhỏ 🐉", "Q4_K_M", "mit")
    assert (header.context_length, header.languages, header.has_chat_template, header.parameters) == (4096, ("vi", "en"), True, 1162)
    assert header.metadata["llama.attention.head_count_kv"] == Array(3, (4, 0, 4))
    assert header.metadata["flag"] is True
    assert [tensor.size_bytes for tensor in header.tensors] == [576, 40, 72]
    assert header.data_offset % 32 == 0
    assert header.data_offset + header.data_bytes == len(TINY)


def test_long_lists_are_counted_and_kept_only_when_asked_for() -> None:
    assert read_header(io.BytesIO(TINY)).metadata["tokenizer.ggml.tokens"] == Array(300, None)
    for keep in ("all", ["tokenizer.ggml.tokens"]):
        tokens = read_header(io.BytesIO(TINY), keep=keep).metadata["tokenizer.ggml.tokens"]
        assert isinstance(tokens, Array) and tokens.values is not None and tokens.values[299] == "<299>"


def test_without_a_file_type_the_quantisation_is_what_most_bytes_are() -> None:
    pairs = [one for one in TINY_PAIRS if b"file_type" not in one]
    assert read_header(io.BytesIO(gguf(pairs, TINY_TENSORS))).quantisation == "Q4_K"


@pytest.mark.parametrize("version", [2, 3])
def test_versions_two_and_three_are_read(version: int) -> None:
    assert read_header(io.BytesIO(gguf(TINY_PAIRS, version=version))).version == version


@settings(deadline=None)
@given(cut=st.integers(0, len(TINY) - 1))
def test_a_file_cut_anywhere_is_refused(cut: int) -> None:
    with pytest.raises(BadGguf):
        read_header(io.BytesIO(TINY[:cut]), file_bytes=cut)


def test_every_single_cut_is_refused_and_says_how_much_is_missing() -> None:
    data_offset = read_header(io.BytesIO(TINY)).data_offset
    for cut in range(len(TINY)):
        with pytest.raises(BadGguf) as refused:
            read_header(io.BytesIO(TINY[:cut]), file_bytes=cut)
        if cut >= data_offset:
            assert refused.value.values["missing_bytes"] == len(TINY) - cut


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(TINY) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_file_with_wrong_bytes_is_read_or_refused_but_never_crashes(changes: list[tuple[int, int]]) -> None:
    broken = bytearray(TINY)
    for place, value in changes:
        broken[place] = value
    try:
        read_header(io.BytesIO(bytes(broken)), file_bytes=len(broken))
    except BadGguf as refused:
        assert "{" not in str(refused).replace("{{", "")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_noise_after_the_magic_is_read_or_refused(noise: bytes) -> None:
    with contextlib.suppress(BadGguf):
        read_header(io.BytesIO(b"GGUF\x03\0\0\0" + noise), file_bytes=8 + len(noise))


REFUSED = {
    "empty": b"",
    "a web page": b"<!DOCTYPE html><html>",
    "JSON": b'{"error": "not found"}',
    "a ZIP": b"PK\x03\x04....",
    "an old GGML": b"tjgg\x01\0\0\0",
    "an LFS pointer": b"version https://git-lfs.github.com/spec/v1\n",
    "zeros": b"\0" * 4096,
    "noise": b"\x93\x12\x88\x01 hello",
    "version 1": gguf([], version=1),
    "version 9": gguf([], version=9),
    "big-endian": b"GGUF\0\0\0\x03" + b"\0" * 16,
    "too many pairs": b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 40),
    "too many tensors": b"GGUF" + struct.pack("<IQQ", 3, 1 << 40, 0),
    "a giant key": b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 62),
    "an empty key": gguf([pair("", U32, 1)]),
    "a key that is not UTF-8": gguf([pair(b"\xff\xfe", U32, 1)]),
    "a giant text": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IQ", STRING, 1 << 60),
    "an unknown kind": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<I", 99),
    "a list of lists": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", ARRAY, ARRAY, 1),
    "a giant list": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", ARRAY, U32, 1 << 50),
    "a list that ends early": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", ARRAY, STRING, 1 << 20),
    "a giant text in a list": b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", ARRAY, STRING, 1000) + struct.pack("<Q", (1 << 64) - 1),
    "a yes that is 7": gguf([text("a") + struct.pack("<IB", BOOL, 7)]),
    "a fact twice": gguf([pair("a", U32, 1), pair("a", U32, 1)]),
    "alignment 0": gguf([pair("general.alignment", U32, 0)]),
    "alignment 12": gguf([pair("general.alignment", U32, 12)]),
    "alignment as text": gguf([pair("general.alignment", STRING, "32")]),
    "a tensor twice": gguf([], [tensor("a", (8,), 0, 0), tensor("a", (8,), 0, 32)]),
    "a long tensor name": gguf([], [tensor("a" * 64, (8,), 0, 0)]),
    "five dimensions": gguf([], [tensor("a", (1, 1, 1, 1, 1), 0, 0)]),
    "a removed type": gguf([], [tensor("a", (32,), 4, 0)]),
    "an unknown type": gguf([], [tensor("a", (32,), 77, 0)]),
    "a row no block fits": gguf([], [tensor("a", (33,), 2, 0)]),
    "a shape of nothing": gguf([], [tensor("a", (0, 3), 0, 0)]),
    "a shape beyond all": gguf([], [tensor("a", (1 << 40, 1 << 40), 0, 0)]),
    "a wrong offset": gguf([], [tensor("a", (8,), 0, 32)]),
    "a gap between tensors": gguf([], [tensor("a", (8,), 0, 0), tensor("b", (8,), 0, 64)], 4096),
    "an overlapping tensor": gguf([], [tensor("a", (16,), 0, 0), tensor("b", (8,), 0, 32)], 96),
}


@pytest.mark.parametrize("content", REFUSED.values(), ids=REFUSED.keys())
def test_what_the_engine_would_refuse_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(BadGguf) as refused:
        read_header(io.BytesIO(content), file_bytes=len(content))
    words = str(refused.value)
    assert refused.value.code == "bad_model"
    assert len(words) > 40 and "{" not in words and refused.value.hint


@pytest.mark.parametrize("name", ["empty", "a web page", "JSON", "a ZIP", "an old GGML", "an LFS pointer", "zeros", "noise"])
def test_what_is_something_else_is_called_so(name: str) -> None:
    with pytest.raises(NotGguf):
        read_header(io.BytesIO(REFUSED[name]))


def test_a_download_cut_off_says_how_much_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "mô hình 🐉.gguf"
    file.write_bytes(TINY[:-100])
    with pytest.raises(BadGguf, match="100 bytes of"):
        try:
            check_file(file)
        except BadGguf as refused:
            from localstory.words import tell

            raise type(refused)(tell(refused).detail) from refused


def test_a_missing_file_a_folder_and_a_file_without_architecture_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileTrouble):
        check_file(tmp_path / "none.gguf")
    with pytest.raises(FileTrouble):
        check_file(tmp_path)
    (tmp_path / "x.gguf").write_bytes(gguf([pair("a", U32, 1)]))
    with pytest.raises(BadGguf, match="architecture"):
        check_file(tmp_path / "x.gguf")


def test_the_worst_header_costs_little_time_and_memory() -> None:
    """64 MiB of empty texts in one list: the slowest thing the limits let in."""
    count = (63 << 20) // 8
    worst = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + text("a") + struct.pack("<IIQ", ARRAY, STRING, count) + bytes(8 * count)
    started = time.perf_counter()
    read_header(io.BytesIO(worst))
    assert time.perf_counter() - started < 8.0  # 1 s on an idle core
    many = b"GGUF" + struct.pack("<IQQ", 3, 0, 60_000) + b"".join(array(f"k{number}", U32, [number] * 60) for number in range(60_000))
    tracemalloc.start()
    read_header(io.BytesIO(many))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 << 20


_PLAIN_FACTS = st.one_of(
    st.tuples(st.just(U32), st.integers(0, (1 << 32) - 1)),
    st.tuples(st.just(I32), st.integers(-(1 << 31), (1 << 31) - 1)),
    st.tuples(st.just(U64), st.integers(0, (1 << 64) - 1)),
    st.tuples(st.just(U8), st.integers(0, 255)),
    st.tuples(st.just(F32), st.floats(width=32, allow_nan=False)),
    st.tuples(st.just(BOOL), st.booleans()),
    st.tuples(st.just(STRING), st.text(max_size=40)),
)
_KEYS = st.text("abc.xyz_ệ🐉", min_size=1, max_size=20).filter(lambda key: key != "general.alignment")


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(_KEYS, _PLAIN_FACTS | st.tuples(st.just(ARRAY), st.lists(st.integers(0, (1 << 32) - 1), max_size=50)), max_size=12), st.data())
def test_whatever_is_written_is_read(facts: dict[str, tuple[int, object]], data: st.DataObject) -> None:
    pairs = [array(key, U32, value) if kind == ARRAY else pair(key, kind, value) for key, (kind, value) in facts.items()]  # type: ignore[arg-type]
    shapes = data.draw(st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=4), max_size=5))
    tensors, start, end = [], 0, 0
    for number, shape in enumerate(shapes):
        tensors.append(tensor(f"t{number}", tuple(shape), 0, start))
        end = start + math.prod(shape) * 4  # the last one needs no padding after it
        start += -(-math.prod(shape) * 4 // 32) * 32
    content = gguf(pairs, tensors, end)
    header = read_header(io.BytesIO(content), file_bytes=len(content))
    assert header.metadata == {key: Array(len(value), tuple(value)) if kind == ARRAY else value for key, (kind, value) in facts.items()}  # type: ignore[arg-type]
    assert [list(one.shape) for one in header.tensors] == shapes
    for cut in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=5)):
        with pytest.raises(BadGguf):
            if read_header(io.BytesIO(content[:cut]), file_bytes=cut).data_bytes == 0:
                raise BadGguf("without tensors, padding at the end may be missing")


class _Dribble(io.RawIOBase):
    """A source that gives a byte or three at a time, as a socket may."""

    def __init__(self, content: bytes) -> None:
        self._file, self._dice = io.BytesIO(content), random.Random(1)

    def read(self, _size: int = -1) -> bytes:
        return self._file.read(self._dice.randrange(1, 4))


def test_a_source_that_dribbles_is_read_the_same() -> None:
    assert read_header(_Dribble(TINY)) == read_header(io.BytesIO(TINY))  # type: ignore[arg-type]


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_a_real_header_with_wrong_numbers_is_read_or_refused_soon(dice: random.Random) -> None:
    broken = bytearray(REAL)
    for _change in range(dice.randrange(1, 5)):
        at = dice.randrange(len(broken) - 8)
        struct.pack_into("<Q", broken, at, dice.choice((0, 1, 255, 1 << 24, 1 << 31, 1 << 32, 1 << 62, (1 << 64) - 1)))
    began = time.process_time()
    with contextlib.suppress(BadGguf):
        read_header(io.BytesIO(bytes(broken)), file_bytes=len(broken))
    assert time.process_time() - began < 2.0


BOMBS = {
    "texts that grow fourfold": [pair(f"k{number}", STRING, b"\xff" * (1 << 20) + "🐉".encode()) for number in range(60)],
    "many short lists of long texts": [array(f"k{number}", STRING, [b"\xff" * 4096] * 200) for number in range(80)],
    "many short lists of short texts": [array(f"k{number}", STRING, ["ab"] * 250) for number in range(5_000)],
    "many short lists of numbers": [array(f"k{number}", U8, [1] * 200) for number in range(60_000)],
    "long keys": [pair("k" * 60_000 + str(number), U8, 1) for number in range(1000)],
}


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_header_that_swells_costs_little_memory(bomb: list[bytes]) -> None:
    content = gguf(bomb)
    tracemalloc.start()
    with contextlib.suppress(BadGguf):
        read_header(io.BytesIO(content))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 160 << 20


def test_a_tokenizer_as_one_text_is_no_bomb() -> None:
    assert len(read_header(io.BytesIO(gguf([pair("tokenizer.huggingface.json", STRING, "x" * (15 << 20))]))).text("tokenizer.huggingface.json")) == 15 << 20


def test_more_header_than_any_model_has_is_refused() -> None:
    endless = random.Random(1).randbytes(16) * (5 << 20)
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 9) + b"".join(text(f"k{number}") + struct.pack("<I", STRING) + text(endless[: 15 << 20]) for number in range(9))
    with pytest.raises(BadGguf, match="take more than"):
        read_header(io.BytesIO(head))
    numbers = b"".join(text(f"k{number}") + struct.pack("<IIQ", ARRAY, U8, 15 << 20) + bytes(15 << 20) for number in range(5))
    with pytest.raises(BadGguf, match="larger than"):
        read_header(io.BytesIO(b"GGUF" + struct.pack("<IQQ", 3, 0, 5) + numbers))


# -- against the engine itself ----------------------------------------------------------------------------------------

_ASK_LLAMA = """
import ctypes, json, sys, llama_cpp
quiet = llama_cpp.llama_log_callback(lambda *a: None)
llama_cpp.llama_log_set(quiet, None)
p = llama_cpp.llama_model_default_params(); p.vocab_only = False; p.use_extra_bufts = False
m = llama_cpp.llama_model_load_from_file(sys.argv[1].encode(), p)
def s(key):
    b = ctypes.create_string_buffer(1 << 16)
    return b.value.decode() if llama_cpp.llama_model_meta_val_str(m, key.encode(), b, len(b)) >= 0 else None
b = ctypes.create_string_buffer(256); llama_cpp.llama_model_desc(m, b, 256)
keys = ["general.architecture", "general.name", "general.license", "general.file_type", "tokenizer.chat_template"]
print(json.dumps({"meta": {k: s(k) for k in keys}, "params": llama_cpp.llama_model_n_params(m),
  "size": llama_cpp.llama_model_size(m),
  "vocab": llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(m)), "desc": b.value.decode(),
  "context": llama_cpp.llama_model_n_ctx_train(m), "pairs": llama_cpp.llama_model_meta_count(m)}))
"""


@pytest.mark.parametrize("model", ["smollm2", "gemma3"])
def test_a_real_model_is_read_as_llama_cpp_reads_it(model: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(model)
    answer = subprocess.run([sys.executable, "-c", _ASK_LLAMA, str(path)], capture_output=True, text=True, check=True, timeout=60)
    truth = json.loads(answer.stdout.strip().splitlines()[-1])
    header = check_file(path)
    for key, value in truth["meta"].items():
        assert value is None or str(header.metadata[key]) == value, key
    assert header.parameters == truth["params"]
    assert sum(tensor.size_bytes for tensor in header.tensors) == truth["size"]
    assert header.quantisation.split("_")[0] in truth["desc"]
    tokens = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, Array) and tokens.length == truth["vocab"]
    assert header.context_length == truth["context"]
    assert truth["pairs"] <= len(header.metadata)


def test_the_starter_model_takes_less_than_50_milliseconds(smollm2: Path) -> None:
    best = min(_seconds(smollm2) for _attempt in range(5))
    assert best < 0.05  # 10 ms on an idle core


def _seconds(path: Path) -> float:
    started = time.process_time()
    check_file(path)
    return time.process_time() - started


_ASK_TYPES = """
import ctypes, json, pathlib, llama_cpp
folder = pathlib.Path(llama_cpp.__file__).parent / "lib"
base = ctypes.CDLL(str(next(iter([*folder.glob("*ggml-base.so"), *folder.glob("*ggml-base.dylib"), *folder.glob("*ggml-base.dll")]))))
base.ggml_type_name.restype = ctypes.c_char_p
base.ggml_type_size.restype = ctypes.c_size_t
base.ggml_blck_size.restype = ctypes.c_int64
print(json.dumps({n: [base.ggml_type_name(n).decode(), base.ggml_blck_size(n), base.ggml_type_size(n)] for n in range(llama_cpp.GGML_TYPE_COUNT)}))
print(json.dumps({k: v for k, v in vars(llama_cpp).items() if k.startswith("LLAMA_FTYPE_") and isinstance(v, int)}))
"""


def test_the_tables_of_types_are_those_of_the_installed_engine() -> None:
    answer = subprocess.run([sys.executable, "-c", _ASK_TYPES], capture_output=True, text=True, check=True, timeout=60)
    sizes, files = (json.loads(line) for line in answer.stdout.strip().splitlines()[-2:])
    for number, (name, length, size) in sizes.items():
        if int(number) in REMOVED_TENSOR_TYPES:
            assert length == 0 or "removed" in name.lower() or "deprecated" in name.lower(), name
        else:
            ours = TENSOR_TYPES[int(number)]
            assert (ours.name.casefold(), ours.block_length, ours.block_bytes) == (name.casefold(), length, size)
    for constant, number in files.items():
        if "GUESSED" not in constant:
            assert FILE_TYPES[number] == constant.removeprefix("LLAMA_FTYPE_").removeprefix("MOSTLY_").removeprefix("ALL_")
