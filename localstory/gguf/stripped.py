"""A model's header without its vocabulary: under 200 kB, and still all that llama.cpp needs to plan its memory.

The vocabulary is most of a header (6.5 of 6.6 MB in Gemma 3) and decides nothing but its own length, which llama.cpp also
takes from `{architecture}.vocab_size` when `tokenizer.ggml.model` is "no_vocab" (src/llama-vocab.cpp). The tensor table
stays byte for byte.

For a file here: `strip_files`. From the hub: `take_apart` on a stream of the header. A second quantisation of the same
repository shares the vocabulary, so its stream need not bring it: build its `RawHeader` with `dataclasses.replace` from the
first one (new `tensors` and `tensor_count`, and the pairs that differ, such as general.file_type).
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from localstory import system
from localstory.errors import CannotContinue, FileTrouble, mark
from localstory.gguf.header import Array, BadGguf, Header, HeaderReader, read_header

STRIPPED_LIMIT_BYTES = 8 << 20
"""Far more than any tensor table: DeepSeek 671B has 1,025 tensors, about 80 kB."""
_VOCABULARY_LIMIT = 1 << 24
_TOKENS = "tokenizer.ggml.tokens"
_U32, _STRING = 4, 8
_LONG_FACT_BYTES = 4096

_MODEL, _PRE = "tokenizer.ggml.model", "tokenizer.ggml.pre"
TOKENIZER = "localstory.tokenizer"
"""The fact that keeps the name of the tokenizer that was left out, for `DryRunner`: an engine may not know it yet."""

# token_type_count shapes the model itself (BERT has a table with as many rows).
_KEPT_TOKENIZER_FACTS = ("tokenizer.ggml.token_type_count", _MODEL, _PRE)


class NoSparseFiles(CannotContinue):
    """The disk can't hold a file that is mostly holes: the caller falls back on formulas. Nothing is left there."""

    code = "no_sparse_files"

    def __init__(self, folder: str, reason: str) -> None:
        super().__init__(
            title=mark("This disk can't hold a stand-in for the model"),
            detail=mark("{folder}: {reason}."),
            hint=mark("The needs are computed by formulas instead."),
            folder=folder,
            reason=reason,
        )


@dataclass(frozen=True, slots=True)
class RawHeader:
    """A header taken apart into the bytes it was made of, without the vocabulary."""

    version: int
    pairs: Mapping[str, bytes]
    """Key -> its whole encoding (key, kind, value), in the file's order."""
    vocabulary: int | None
    """Tokens in the vocabulary that was left out; None when the file brings none."""
    tensor_count: int
    tensors: bytes
    """The tensor table."""


@dataclass(frozen=True)
class StrippedHeader:
    """A small GGUF header; followed by `data_bytes` of anything it is a whole model file to llama.cpp."""

    content: bytes
    """Up to where the data begins."""
    data_bytes: int
    header: Header

    @property
    def file_bytes(self) -> int:
        """How long the stand-in file must be."""
        return len(self.content) + self.data_bytes


@dataclass(frozen=True)
class StrippedModel:
    """The stripped headers of a model: one, or one for each file of a split model, in their order."""

    parts: tuple[StrippedHeader, ...]

    @cached_property
    def key(self) -> str:
        """The same for the same content."""
        digest = hashlib.sha256()
        for part in self.parts:
            digest.update(len(part.content).to_bytes(8, "little") + part.data_bytes.to_bytes(8, "little") + part.content)
        return digest.hexdigest()

    @cached_property
    def header(self) -> Header:
        """One header for the whole model: the first part's facts, every part's tensors (offsets count from their own part)."""
        return join_headers([part.header for part in self.parts])

    def file_names(self) -> tuple[str, ...]:
        """What llama.cpp wants the files to be called: it finds the others of a split model by the name of the first."""
        count = len(self.parts)
        return ("model.gguf",) if count == 1 else tuple(f"model-{number:05d}-of-{count:05d}.gguf" for number in range(1, count + 1))


def join_headers(headers: Sequence[Header]) -> Header:
    """One header for a split model. `headers` are those of all its parts, in order. Raises BadGguf when they are not."""
    first = headers[0]
    expected = first.part
    if expected is None and len(headers) == 1:
        return first
    if expected is None or expected[1] != len(headers) or any(header.part != (number, len(headers)) for number, header in enumerate(headers, 1)):
        raise BadGguf(
            mark("It is one part of a model that is split over {count} files."),
            mark("All parts are needed, side by side in one folder."),
            count=expected[1] if expected else len(headers),
        )
    return replace(first, tensors=tuple(tensor for header in headers for tensor in header.tensors))


def take_apart(file: BinaryIO) -> RawHeader:
    """Read a whole header from the start of `file` and keep what planning needs. Raises BadGguf, NotGguf, OSError."""
    reader = HeaderReader(file)
    version, tensor_count, pair_count = reader.begin()
    pairs: dict[str, bytes] = {}
    seen: set[str] = set()
    vocabulary: int | None = None
    for _pair in range(pair_count):
        reader.record()
        key = reader.name(65_535)
        if key in seen:
            raise BadGguf(mark("The fact “{key}” stands in it twice."), key=key)
        seen.add(key)
        kept = _is_kept(key)
        if not kept:
            reader.forget()
        value = reader.value(key, ())
        if kept:
            pairs[key] = reader.recorded()
        elif key == _TOKENS and isinstance(value, Array):
            vocabulary = value.length
    reader.record()
    for _tensor in range(tensor_count):
        reader.tensor()
    return RawHeader(version, pairs, vocabulary, tensor_count, reader.recorded())


def _is_kept(key: str) -> bool:
    if key.startswith("tokenizer."):
        return key in _KEPT_TOKENIZER_FACTS
    return not key.startswith("quantize.")


def strip(raw: RawHeader) -> StrippedHeader:
    """Put a header together again, with the length of the vocabulary in its place. Raises BadGguf when it makes no sense."""
    pairs = {
        key: encoded
        for key, encoded in raw.pairs.items()
        if _is_kept(key) and not (key.startswith(("general.", "tokenizer.")) and len(encoded) > _LONG_FACT_BYTES)
    }
    architecture = _text_of(pairs.get("general.architecture", b""))
    if raw.vocabulary is not None and architecture:
        if raw.vocabulary > _VOCABULARY_LIMIT:
            raise BadGguf(mark("It claims a vocabulary of {count} tokens."), count=raw.vocabulary)
        size_key = f"{architecture}.vocab_size"
        pairs[size_key] = _encoded(size_key, raw.vocabulary)
    if (tokenizer := _text_of(pairs.get(_MODEL, b""))) not in ("", "no_vocab"):
        pairs[TOKENIZER] = _encoded(TOKENIZER, tokenizer)
    pairs[_MODEL] = _encoded(_MODEL, "no_vocab")
    content = b"GGUF" + struct.pack("<IQQ", raw.version, raw.tensor_count, len(pairs)) + b"".join(pairs.values()) + raw.tensors
    if len(content) > STRIPPED_LIMIT_BYTES:
        raise BadGguf(mark("Its facts are larger than any model's."))
    header = read_header(io.BytesIO(content))
    claimed = header.whole(f"{header.architecture}.vocab_size")
    if claimed is not None and not 0 <= claimed <= _VOCABULARY_LIMIT:
        raise BadGguf(mark("It claims a vocabulary of {count} tokens."), count=claimed)
    return StrippedHeader(content.ljust(header.data_offset, b"\0"), header.data_bytes, header)


def strip_header(file: BinaryIO) -> StrippedHeader:
    """`take_apart` and `strip`: for a stream of a whole header."""
    return strip(take_apart(file))


def strip_files(paths: Sequence[Path]) -> StrippedModel:
    """The stripped headers of a model on the disk: all its files, in order. Raises FileTrouble, BadGguf."""
    parts: list[StrippedHeader] = []
    for path in paths:
        try:
            with open(path, "rb") as file:
                parts.append(strip_header(file))
        except OSError as error:
            raise FileTrouble(
                title=mark("The model file can't be opened"),
                detail=mark("{path}: {reason}."),
                hint=mark("Check that the file is there and that you may read it."),
                path=str(path),
                reason=error.strerror or str(error),
            ) from error
    model = StrippedModel(tuple(parts))
    _ = model.header  # refuses a split model that is not whole
    return model


_TOKENIZERS = frozenset({"no_vocab", "none", "llama", "bert", "gpt2", "t5", "rwkv", "plamo2", "gemma4", "hybriddna", "whitespace", "test"})
"""Names every engine we ship knows (llama.cpp src/llama-vocab.cpp, as of llama-cpp-python 0.3.36)."""


def tokenizer_probe(header: Header) -> bytes:
    """A tiny GGUF with nothing but a vocabulary of this header's kind: does the engine know it? b"" when that is no question.

    Only the names matter: most vocabularies are byte-pair ones ("gpt2") that differ in how they cut a text beforehand, and
    each new family of models brings a new name for that, which an older engine refuses.
    """
    name, pre = header.text(TOKENIZER), header.text(_PRE)
    if not (name == "gpt2" and pre) and name in (*_TOKENIZERS, ""):
        return b""
    facts = {"general.architecture": "llama", _MODEL: name, _PRE: pre}
    numbers = {"context_length": 8, "embedding_length": 8, "block_count": 1, "feed_forward_length": 8, "attention.head_count": 1, "vocab_size": 4}
    pairs = [_encoded(key, value) for key, value in facts.items()] + [_encoded(f"llama.{key}", value) for key, value in numbers.items()]
    epsilon = b"llama.attention.layer_norm_rms_epsilon"
    pairs.append(struct.pack("<Q", len(epsilon)) + epsilon + struct.pack("<If", 6, 1e-5))
    for key, texts in ((_TOKENS, ("a", "b", "ab", "Ċ")), ("tokenizer.ggml.merges", ("a b",))):
        items = b"".join(struct.pack("<Q", len(text.encode())) + text.encode() for text in texts)
        pairs.append(struct.pack("<Q", len(key)) + key.encode() + struct.pack("<IIQ", 9, _STRING, len(texts)) + items)
    content = b"GGUF" + struct.pack("<IQQ", 3, 0, len(pairs)) + b"".join(pairs)
    return content.ljust(-(-len(content) // 32) * 32, b"\0")


def write_stand_in(model: StrippedModel, folder: Path) -> Path:
    """Write files of the true size that hold nothing but the headers, and return the first. They take a few blocks.

    Raises NoSparseFiles when the disk would fill them with real zeros or can't hold such lengths: nothing stays behind.
    """
    paths = [folder / name for name in model.file_names()]
    try:
        for path, part in zip(paths, model.parts, strict=True):
            system.write_sparse(path, part.content, part.file_bytes)
    except OSError as error:
        for path in paths:
            path.unlink(missing_ok=True)
        raise NoSparseFiles(str(folder), error.strerror or str(error)) from error
    return paths[0]


def _encoded(key: str, value: int | str) -> bytes:
    """A fact as GGUF writes it (docs/gguf.md): the key, the kind, the value."""
    raw_key = key.encode()
    head = struct.pack("<Q", len(raw_key)) + raw_key
    if isinstance(value, int):
        return head + struct.pack("<II", _U32, value)
    raw = value.encode()
    return head + struct.pack("<IQ", _STRING, len(raw)) + raw


def _text_of(encoded: bytes) -> str:
    """The word in an encoded fact; "" when it is none."""
    if not encoded:
        return ""
    reader = HeaderReader(io.BytesIO(encoded))
    value = reader.value(reader.name(65_535), ())
    return value if isinstance(value, str) else ""
