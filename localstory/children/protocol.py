"""The language between the program and its children: one JSON object a line, UTF-8, at most 1 MiB.

To the child:   hello {folder} · load {id, args} · run {id, op, args} · cancel {id} · close
From the child: ready {worker, facts} · progress {id, stage, done, of, note} · alive · piece {id, …} ·
                done {id, result} · failed {id, code, values}
Each load and run has exactly one end: done or failed (cancelled work fails with the code "cancelled").
What is larger than 256 kB travels as a file in the job's private folder, named by `args_file` or `result_file`.
Unknown messages are ignored. `subprocess` and JSON, never `multiprocessing`: unpickling would be a way back in.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

LINE_LIMIT_BYTES = 1 << 20
INLINE_LIMIT_BYTES = 256_000
CANCELLED = "cancelled"

Message = dict[str, Any]


class BadLine(ValueError):
    """A line that is not one of our messages."""


def encode(message: Message, folder: Path, payload: str) -> bytes:
    """One line for `message`; its field `payload` ("args" or "result") moves to a file in `folder` when it is large."""
    line = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    if len(line) > INLINE_LIMIT_BYTES and payload in message:
        name = f"{payload}-{message.get('id', 0)}-{os.getpid()}.json"
        content = json.dumps(message[payload], ensure_ascii=False).encode("utf-8", "surrogatepass")
        (folder / name).write_bytes(content)
        small = {key: value for key, value in message.items() if key != payload} | {f"{payload}_file": name}
        line = json.dumps(small, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return line + b"\n"


def decode(line: bytes, folder: Path, payload: str) -> Message:
    """The message on one line, with its `payload` fetched from its file. Raises BadLine."""
    try:
        message = json.loads(line.decode("utf-8", "surrogatepass"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise BadLine(str(error)) from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise BadLine("not a message")
    name = message.pop(f"{payload}_file", None)
    if name is not None:
        if not isinstance(name, str) or Path(name).name != name:
            raise BadLine("a file outside the job's folder")
        try:
            message[payload] = json.loads((folder / name).read_bytes().decode("utf-8", "surrogatepass"))
        except (OSError, UnicodeDecodeError, ValueError) as error:
            raise BadLine(str(error)) from error
        (folder / name).unlink(missing_ok=True)
    return message
