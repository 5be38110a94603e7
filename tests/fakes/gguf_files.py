"""Small GGUF files made by hand, straight from the format's description: no code shared with the reader."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
_FORMS = {U8: "<B", I8: "<b", U16: "<H", I16: "<h", U32: "<I", I32: "<i", F32: "<f", BOOL: "<?", U64: "<Q", I64: "<q", F64: "<d"}


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def plain(kind: int, value: Any) -> bytes:
    return text(value) if kind == STRING else struct.pack(_FORMS[kind], value)


def pair(key: str | bytes, kind: int, value: Any) -> bytes:
    return text(key) + struct.pack("<I", kind) + plain(kind, value)


def array(key: str, kind: int, values: list[Any]) -> bytes:
    return text(key) + struct.pack("<IIQ", ARRAY, kind, len(values)) + b"".join(plain(kind, value) for value in values)


def tensor(name: str | bytes, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape) + struct.pack("<IQ", kind, offset)


def gguf(pairs: list[bytes], tensors: list[bytes] = [], data_bytes: int = 0, *, version: int = 3, alignment: int = 32, magic: bytes = b"GGUF") -> bytes:  # noqa: B006
    head = magic + struct.pack("<IQQ", version, len(tensors), len(pairs)) + b"".join(pairs) + b"".join(tensors)
    return head + b"\0" * (-len(head) % alignment) + b"\0" * data_bytes


TINY_PAIRS = [
    pair("general.architecture", STRING, "llama"),
    pair("general.name", STRING, "Rồng nhỏ 🐉"),
    pair("general.file_type", U32, 15),
    pair("general.license", STRING, "mit"),
    array("general.languages", STRING, ["VI", "en"]),
    pair("llama.context_length", U32, 4096),
    array("tokenizer.ggml.tokens", STRING, [f"<{number}>" for number in range(300)]),
    array("llama.attention.head_count_kv", U32, [4, 0, 4]),
    pair("tokenizer.chat_template", STRING, "{{ messages }}"),
    pair("flag", BOOL, True),
]
TINY_TENSORS = [tensor("token_embd.weight", (256, 4), 12, 0), tensor("norm", (10,), 0, 576), tensor("blk.0.q", (32, 2, 2), 2, 640)]
TINY = gguf(TINY_PAIRS, TINY_TENSORS, 640 + 72)
"""Q4_K: 4 rows of one block of 144 bytes; ten F32, padded to 64; four Q4_0 blocks of 18 bytes. 1,162 parameters."""


def with_chat_template(model: Path, out: Path, template: str) -> Path:
    """A copy of the model with another chat template; filled up by a comment, so that all that stands behind it moves by whole 32 bytes."""
    content = model.read_bytes()
    begin = content.index(text("tokenizer.chat_template") + struct.pack("<I", STRING)) + 8 + len("tokenizer.chat_template") + 4
    (old,) = struct.unpack_from("<Q", content, begin)
    fill = (old - len(template.encode()) - len("{##}")) % 32
    out.write_bytes(content[:begin] + text(template + "{#" + " " * fill + "#}") + content[begin + 8 + old :])
    return out
