"""Reads the header of a GGUF file (version 2 and 3): what the model is, and where each tensor lies. Never the weights.

The file is not trusted: every length and count is checked before anything of that size is read, arrays are counted and
passed over unless they are small or asked for, and the header may be 64 MiB at most. What llama.cpp would refuse when it
loads the file is refused here, in words and before a child is risked. Format: ggml's docs/gguf.md; what is refused
beyond it follows ggml/src/gguf.cpp.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

from localstory.errors import CannotContinue, FileTrouble, Size, mark
from localstory.gguf.types import FILE_TYPES, REMOVED_TENSOR_TYPES, TENSOR_TYPES, TensorType

HEADER_LIMIT_BYTES = 64 << 20
"""No known model comes near: a vocabulary of 262,144 tokens makes 6.5 to 13 MiB."""
_MAX_PAIRS = 1 << 16
_MAX_TENSORS = 1 << 17
_MAX_ARRAY = 1 << 24
_MAX_KEY_BYTES = 65_535  # the format's own limit
_MAX_STRING_BYTES = 16 << 20
_MAX_TENSOR_NAME_BYTES = 63  # GGML_MAX_NAME - 1
_MAX_DIMENSIONS = 4
_MAX_ELEMENTS = (1 << 63) - 1
_KEEP_NUMBERS = 4096
_KEEP_STRINGS = 256
_KEEP_IN_ALL = 1 << 18
_KEEP_TEXT_BYTES = 32 << 20
"""All texts that are kept, together: a tokenizer as JSON takes 10 to 17 MB, a chat template 100 kB."""
_CHUNK_BYTES = 1 << 18

_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS: dict[int, struct.Struct] = {
    number: struct.Struct("<" + letter)
    for number, letter in {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", _BOOL: "B", 10: "Q", 11: "q", 12: "d"}.items()
}
_U32, _U64 = struct.Struct("<I"), struct.Struct("<Q")

KeepArrays: TypeAlias = Collection[str] | Literal["small", "all"]


class BadGguf(CannotContinue):
    """The file is meant to be a GGUF and is not usable: `reason` says why, as a template that `values` fill."""

    code = "bad_model"

    def __init__(self, reason: str, hint: str = "", **values: object) -> None:
        super().__init__(
            title=mark("This model file can't be used"),
            detail=reason,
            hint=hint or mark("Download the file again, or choose another model."),
            **values,
        )


class NotGguf(BadGguf):
    """The file is something else altogether, or empty."""


@dataclass(frozen=True, slots=True)
class Array:
    """An array in the metadata: its length always, its values when they were few or asked for."""

    length: int
    values: tuple[Any, ...] | None


Value: TypeAlias = int | float | bool | str | Array


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: `shape` with the row length first, `offset` in bytes from the start of the data."""

    name: str
    shape: tuple[int, ...]
    type: TensorType
    offset: int
    size_bytes: int

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        product = 1
        for length in self.shape:
            product *= length
        return product


@dataclass(frozen=True, slots=True)
class Header:
    """All a GGUF file says about itself. Unknown facts are None (or "" for words)."""

    version: int
    metadata: dict[str, Value]
    tensors: tuple[Tensor, ...]
    alignment: int
    data_offset: int
    """Where the tensors' data begins, in bytes from the start of the file."""

    def text(self, key: str) -> str:
        """A word from the metadata; "" when it is missing or no word."""
        value = self.metadata.get(key)
        return value.strip() if isinstance(value, str) else ""

    def whole(self, key: str) -> int | None:
        """A whole number from the metadata; None when it is missing or something else."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def texts(self, key: str) -> tuple[str, ...]:
        """A short list of words from the metadata; empty when it is missing or something else."""
        value = self.metadata.get(key)
        if not isinstance(value, Array) or value.values is None:
            return ()
        return tuple(item for item in value.values if isinstance(item, str))

    @property
    def architecture(self) -> str:
        return self.text("general.architecture")

    @property
    def name(self) -> str:
        """The model's own name; often missing, sometimes odd."""
        return self.text("general.name")

    @property
    def licence(self) -> str:
        return self.text("general.license")

    @property
    def languages(self) -> tuple[str, ...]:
        """Language codes the file claims, lower case; empty when it claims none."""
        return tuple(code.lower() for code in self.texts("general.languages"))

    @property
    def context_length(self) -> int | None:
        """Tokens the model was made for."""
        return self.whole(f"{self.architecture}.context_length") or None

    @property
    def has_chat_template(self) -> bool:
        return bool(self.text("tokenizer.chat_template"))

    @property
    def parameters(self) -> int:
        """Numbers in all tensors of this file, as llama.cpp counts them."""
        return sum(tensor.elements for tensor in self.tensors)

    @property
    def data_bytes(self) -> int:
        """How long the data must be: up to the end of the last tensor."""
        return max((tensor.offset + tensor.size_bytes for tensor in self.tensors), default=0)

    @property
    def quantisation(self) -> str:
        """ "Q4_K_M" and the like: from general.file_type, else the type that most of the bytes have."""
        number = self.whole("general.file_type")
        if number is not None and number in FILE_TYPES:
            return FILE_TYPES[number]
        by_type: dict[str, int] = {}
        for tensor in self.tensors:
            by_type[tensor.type.name] = by_type.get(tensor.type.name, 0) + tensor.size_bytes
        return max(by_type, key=lambda name: by_type[name], default="")

    @property
    def part(self) -> tuple[int, int] | None:
        """(number, count), from 1, when the model is split over several files; None when it is whole."""
        count = self.whole("split.count")
        return None if count is None or count < 2 else ((self.whole("split.no") or 0) + 1, count)


def read_header(file: BinaryIO, *, keep: KeepArrays = "small", file_bytes: int | None = None) -> Header:
    """Read the header from the current position of `file`, which must be its start.

    `keep`: which arrays keep their values: "small" ones (up to 4,096 numbers or 256 words), "all", or also those named.
    `file_bytes`: the size of the whole file, if known; then the tensors must lie inside it.
    Raises NotGguf, BadGguf, and OSError from the file. A source that ends inside the header is a BadGguf.
    """
    reader = HeaderReader(file)
    version, tensor_count, pair_count = reader.begin()

    metadata: dict[str, Value] = {}
    for _pair in range(pair_count):
        key = reader.name(_MAX_KEY_BYTES)
        if key in metadata:
            raise BadGguf(mark("The fact “{key}” stands in it twice."), key=key)
        metadata[key] = reader.value(key, keep)

    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or isinstance(alignment, bool) or alignment <= 0 or alignment & (alignment - 1) or alignment > 1 << 20:
        raise BadGguf(mark("Its alignment is {alignment}, which makes no sense."), alignment=str(alignment)[:40])

    tensors: list[Tensor] = []
    names: set[str] = set()
    end = 0
    for _number in range(tensor_count):
        tensor = reader.tensor()
        if tensor.name in names:
            raise BadGguf(mark("The tensor “{name}” stands in it twice."), name=tensor.name)
        if tensor.offset != end:
            raise BadGguf(mark("The tensor “{name}” lies at {offset} instead of {expected}."), name=tensor.name, offset=tensor.offset, expected=end)
        names.add(tensor.name)
        tensors.append(tensor)
        end += -(-tensor.size_bytes // alignment) * alignment
        if end > _MAX_ELEMENTS:
            raise BadGguf(mark("The tensor “{name}” is larger than any file."), name=tensor.name)

    data_offset = -(-reader.position // alignment) * alignment
    header = Header(version, metadata, tuple(tensors), alignment, data_offset)
    if file_bytes is not None:
        refuse_cut_off(header, file_bytes)
    return header


def refuse_cut_off(header: Header, file_bytes: int) -> None:
    """Raises BadGguf when a file of that size can't hold all the tensors."""
    missing = header.data_offset + header.data_bytes - file_bytes
    if missing > 0 and header.tensors:
        raise BadGguf(
            mark("The file is cut off: {missing} of {whole} are missing."),
            mark("The download was probably interrupted. Download the file again."),
            missing=Size(missing),
            whole=Size(header.data_offset + header.data_bytes),
            missing_bytes=missing,
        )


def check_file(path: Path, *, keep: KeepArrays = "small") -> Header:
    """The header of the model at `path`, after checking that all its tensors are inside the file.

    Raises FileTrouble when it can't be opened, NotGguf or BadGguf when it can't be used.
    """
    try:
        with open(path, "rb") as file:
            header = read_header(file, keep=keep, file_bytes=os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise FileTrouble(
            title=mark("The model file can't be opened"),
            detail=mark("{path}: {reason}."),
            hint=mark("Check that the file is there and that you may read it."),
            path=str(path),
            reason=error.strerror or str(error),
        ) from error
    if not header.architecture:
        raise BadGguf(mark("It does not say what kind of model it is (general.architecture)."))
    return header


def _what_it_is_instead(start: bytes) -> tuple[str, str]:
    """Reason and hint for a file that begins with `start` instead of "GGUF"."""
    if not start:
        return mark("The file is empty."), mark("The download probably never began. Download the file again.")
    if start in (b"ggml", b"lmgg", b"ggjt", b"tjgg", b"ggmf", b"fmgg", b"ggla"):
        return mark("It is a GGML file, the format before GGUF."), mark("Look for a GGUF file of the same model.")
    if start[:2] == b"PK":
        return mark("It is a ZIP or PyTorch file, not a GGUF."), mark("Look for a GGUF file of the same model.")
    if start.lstrip()[:1] in (b"<", b"{"):
        return mark("It is a web page or a text, not a GGUF."), mark("The server probably answered with an error. Download the file again.")
    if start == b"vers":
        return mark("It is a Git LFS pointer, not the model itself."), mark("Download the file itself, not the text that stands for it.")
    if not start.strip(b"\0"):
        return mark("The file begins with zeros."), mark("The download was probably interrupted. Download the file again.")
    return mark("It is not a GGUF file."), mark("Choose a file whose name ends in .gguf.")


class HeaderReader:
    """Takes values off a file in order, through one small buffer. For this package: others call `read_header`."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._buffer = b""
        self._at = 0
        self._before = 0
        """Bytes of the header that are no longer in the buffer."""
        self._kept = 0
        """Entries of small arrays kept so far: many small ones must not fill the memory either."""
        self._texts = 0
        """Bytes of texts kept so far."""
        self._tape: list[bytes] | None = None
        self._tape_at = 0

    @property
    def position(self) -> int:
        """Bytes taken so far."""
        return self._before + self._at

    def begin(self) -> tuple[int, int, int]:
        """The first 24 bytes: version, number of tensors, number of facts."""
        magic = self.take(4, at_start=True)
        if magic != b"GGUF":
            raise NotGguf(*_what_it_is_instead(magic))
        version = self.u32()
        if version in (1, 0x0100_0000):
            raise BadGguf(mark("It is a GGUF of version 1, which today's engine no longer reads."), mark("Look for a newer file of the same model."))
        if version in (0x0200_0000, 0x0300_0000):
            raise BadGguf(mark("It is made for big-endian processors."), mark("Look for a little-endian file of the same model."))
        if version not in (2, 3):
            raise BadGguf(
                mark("It is a GGUF of version {version}, newer than this engine, which reads 2 and 3."),
                mark("A newer localstory may read it."),
                version=version,
            )
        tensor_count, pair_count = self.u64(), self.u64()
        if tensor_count > _MAX_TENSORS or pair_count > _MAX_PAIRS:
            raise BadGguf(mark("It claims {tensors} tensors and {pairs} facts, which no model has."), tensors=tensor_count, pairs=pair_count)
        return version, tensor_count, pair_count

    def record(self) -> None:
        """From here on remember the bytes that are taken, until `recorded`."""
        self._tape, self._tape_at = [], self._at

    def recorded(self) -> bytes:
        """The bytes taken since `record`."""
        parts = self._tape or []
        parts.append(self._buffer[self._tape_at : self._at])
        self._tape = None
        return b"".join(parts)

    def forget(self) -> None:
        """Record no more: what comes now is not wanted."""
        self._tape = None

    def _want(self, count: int, *, at_start: bool = False) -> None:
        """See that `count` bytes are in the buffer."""
        if len(self._buffer) - self._at >= count:
            return
        if self.position + count > HEADER_LIMIT_BYTES:
            raise BadGguf(mark("Its header is larger than {limit}."), limit=Size(HEADER_LIMIT_BYTES))
        if self._tape is not None:
            self._tape.append(self._buffer[self._tape_at : self._at])
            self._tape_at = 0
        rest = self._buffer[self._at :]
        self._before += self._at
        self._at = 0
        parts, have = [rest], len(rest)
        while have < count:
            part = self._file.read(max(_CHUNK_BYTES, count - have))
            if not part:
                break
            parts.append(part)
            have += len(part)
        self._buffer = b"".join(parts)
        if have < count and not at_start:
            raise BadGguf(
                mark("The file is cut off inside its header, after {have}."),
                mark("The download was probably interrupted. Download the file again."),
                have=Size(self._before + have),
            )

    def take(self, count: int, *, at_start: bool = False) -> bytes:
        self._want(count, at_start=at_start)
        taken = self._buffer[self._at : self._at + count]
        self._at += len(taken)
        return taken

    def u32(self) -> int:
        return int(_U32.unpack(self.take(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack(self.take(8))[0])

    def string(self) -> str:
        untrusted_length = self.u64()
        if untrusted_length > _MAX_STRING_BYTES:
            raise BadGguf(mark("A text in it claims a length of {length}."), length=Size(untrusted_length))
        self._texts += untrusted_length
        if self._texts > _KEEP_TEXT_BYTES:
            raise BadGguf(mark("Its texts take more than {limit}."), limit=Size(_KEEP_TEXT_BYTES))
        # Some files hold names in broken UTF-8; llama.cpp takes them as they are.
        return self.take(untrusted_length).decode("utf-8", "replace")

    def name(self, limit: int) -> str:
        untrusted_length = self.u64()
        if not 0 < untrusted_length <= limit:
            raise BadGguf(mark("A name in it claims a length of {length}."), length=Size(untrusted_length))
        try:
            return self.take(untrusted_length).decode("utf-8")
        except UnicodeDecodeError as error:
            raise BadGguf(mark("A name in it is not UTF-8.")) from error

    def scalar(self, kind: int, key: str) -> int | float | bool:
        form = _SCALARS.get(kind)
        if form is None:
            raise BadGguf(mark("The fact “{key}” is of an unknown kind ({kind})."), key=key, kind=kind)
        number: int | float = form.unpack(self.take(form.size))[0]
        if kind == _BOOL:
            if number not in (0, 1):
                raise BadGguf(mark("The fact “{key}” is neither yes nor no."), key=key)
            return bool(number)
        return number

    def value(self, key: str, keep: KeepArrays) -> Value:
        kind = self.u32()
        if kind in _SCALARS:
            return self.scalar(kind, key)
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            raise BadGguf(mark("The fact “{key}” is of an unknown kind ({kind})."), key=key, kind=kind)
        inner, untrusted_count = self.array_head(key)
        asked = keep == "all" or (not isinstance(keep, str) and key in keep)
        if untrusted_count <= (_KEEP_STRINGS if inner == _STRING else _KEEP_NUMBERS) and self._kept + untrusted_count <= _KEEP_IN_ALL:
            self._kept += untrusted_count
            asked = True
        if inner == _STRING:
            if asked:
                return Array(untrusted_count, tuple(self.string() for _item in range(untrusted_count)))
            self._pass_strings(untrusted_count)
            return Array(untrusted_count, None)
        form = _SCALARS[inner]
        if asked:
            content = self.take(untrusted_count * form.size)
            values = tuple(item[0] for item in form.iter_unpack(content))
            return Array(untrusted_count, tuple(bool(item) for item in values) if inner == _BOOL else values)
        self._pass(untrusted_count * form.size)
        return Array(untrusted_count, None)

    def array_head(self, key: str) -> tuple[int, int]:
        """The kind of the entries of an array, and how many there are; 8 is a text."""
        inner, untrusted_count = self.u32(), self.u64()
        if inner == _ARRAY:
            raise BadGguf(mark("The fact “{key}” is a list of lists, which no engine reads."), key=key)
        if inner not in _SCALARS and inner != _STRING:
            raise BadGguf(mark("The fact “{key}” is of an unknown kind ({kind})."), key=key, kind=inner)
        if untrusted_count > _MAX_ARRAY:
            raise BadGguf(mark("The list “{key}” claims {count} entries."), key=key, count=untrusted_count)
        return inner, untrusted_count

    def pass_array(self, kind: int, count: int) -> None:
        """Go on behind the entries of an array."""
        if kind == _STRING:
            self._pass_strings(count)
        else:
            self._pass(count * _SCALARS[kind].size)

    def jump(self, count: int) -> None:
        """Go on by `count` bytes that are not wanted, by `seek`: the source need not even fetch them."""
        if self.position + count > HEADER_LIMIT_BYTES:
            raise BadGguf(mark("Its header is larger than {limit}."), limit=Size(HEADER_LIMIT_BYTES))
        here = len(self._buffer) - self._at
        if count <= here:
            self._at += count
            return
        self._file.seek(count - here, os.SEEK_CUR)
        self._before += len(self._buffer) + count - here
        self._buffer, self._at = b"", 0

    def _pass(self, count: int) -> None:
        """Go on by `count` bytes without keeping them."""
        while count > 0:
            step = min(count, _CHUNK_BYTES)
            self._want(step)
            self._at += step
            count -= step

    def _pass_strings(self, count: int) -> None:
        # The hot loop: two vocabularies of 50,000 and more texts. Local names, one unpack a text.
        length_at = _U64.unpack_from
        buffer, at, end = self._buffer, self._at, len(self._buffer)
        for _item in range(count):
            if at + 8 > end:
                self._at = at
                self._want(8)
                buffer, at, end = self._buffer, self._at, len(self._buffer)
            untrusted_length = length_at(buffer, at)[0]
            at += 8 + untrusted_length
            if at > end:
                self._at = at - untrusted_length
                if untrusted_length > _MAX_STRING_BYTES:
                    raise BadGguf(mark("A text in it claims a length of {length}."), length=Size(untrusted_length))
                self._pass(untrusted_length)
                buffer, at, end = self._buffer, self._at, len(self._buffer)
        self._at = at

    def tensor(self) -> Tensor:
        name = self.name(_MAX_TENSOR_NAME_BYTES)
        dimensions = self.u32()
        if dimensions > _MAX_DIMENSIONS:
            raise BadGguf(mark("The tensor “{name}” claims {count} dimensions."), name=name, count=dimensions)
        shape = tuple(self.u64() for _dimension in range(dimensions))
        number, offset = self.u32(), self.u64()
        if number in REMOVED_TENSOR_TYPES:
            raise BadGguf(
                mark("It stores its numbers in a way (type {type}) that today's engine no longer reads."),
                mark("Look for a newer file of the same model."),
                type=number,
            )
        kind = TENSOR_TYPES.get(number)
        if kind is None:
            raise BadGguf(
                mark("It stores its numbers in a way (type {type}) that is newer than this engine."), mark("A newer localstory may read it."), type=number
            )
        row = shape[0] if shape else 1
        elements = 1
        for length in shape:
            elements *= length
            if length == 0 or elements > _MAX_ELEMENTS:
                raise BadGguf(mark("The tensor “{name}” has an impossible shape."), name=name)
        if row % kind.block_length:
            raise BadGguf(mark("The tensor “{name}” has rows of {row} numbers, which {type} can't hold."), name=name, row=row, type=kind.name)
        size = elements // kind.block_length * kind.block_bytes
        return Tensor(name, shape, kind, offset, size)
