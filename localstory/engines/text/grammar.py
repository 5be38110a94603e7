"""Grammars in the child: GBNF as written, or made from a JSON schema; refused with llama.cpp's own reason.

`log` is where the worker keeps what the engine logs. `L` is `llama_cpp.llama_cpp`, imported by the worker: this module loads no engine.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, Any

from localstory.children.worker import Refused
from localstory.engines.text.json_schema import gbnf_of

_LIMIT_BYTES = 256 * 1024
_DEEPEST = 500
"""Brackets within brackets; llama.cpp's parser calls itself for each."""


def from_schema(L: Any, vocab: Any, schema: str, log: Sequence[str]) -> tuple[Any, tuple[str, ...]]:
    """(a grammar sampler for texts that satisfy a JSON schema, what of the schema it does not hold). Raises Refused("bad_schema")."""
    try:
        text, not_held = gbnf_of(schema)
    except Exception as error:  # whatever a schema can do to its reader must not end the child, and with it the model
        raise Refused("bad_schema", reason=_sentence(str(error))) from error
    reason = _too_much(text)
    if not reason:
        grammar, reason = _make(L, vocab, text, log)
        if grammar is not None:
            return grammar, not_held
    raise Refused("bad_schema", reason=_sentence(reason))


def from_gbnf(L: Any, vocab: Any, text: str, log: Sequence[str]) -> Any:
    """A grammar sampler for a GBNF text whose first rule is `root`. Raises Refused("bad_grammar")."""
    reason = _too_much(text)
    if not reason:
        grammar, reason = _make(L, vocab, text, log)
        if grammar is not None:
            return grammar
    raise Refused("bad_grammar", reason=reason)


def _sentence(reason: str) -> str:
    return reason[:1].upper() + reason[1:300]


def _too_much(text: str) -> str:
    """Why llama.cpp's parser must not see this text; "" when it may."""
    if len(text.encode("utf-8", "replace")) > _LIMIT_BYTES:
        return "longer than 256 KiB"
    if "\0" in text:
        return "a NUL character"
    return f"more than {_DEEPEST} brackets within each other" if _depth(text) > _DEEPEST else ""


def _depth(text: str) -> int:
    """The deepest nesting of round brackets; those in quotes count too."""
    depth = deepest = 0
    for char in text:
        if char == "(":
            depth += 1
            deepest = max(deepest, depth)
        elif char == ")":
            depth = max(0, depth - 1)
    return deepest


def _make(L: Any, vocab: Any, text: str, log: Sequence[str]) -> tuple[Any, str]:
    """The sampler, or None and the reason."""
    before = len(log)
    with tempfile.TemporaryFile() as said:
        with _fd_2_into(said):
            grammar = L.llama_sampler_init_grammar(vocab, text.encode("utf-8", "replace"), b"root")
        if grammar:
            return grammar, ""
        said.seek(0)
        lines = [line.strip() for line in said.read(1 << 16).decode("utf-8", "replace").splitlines()]
    told = [line for line in lines if "error parsing grammar" in line] or list(log)[before:] or ["not a grammar"]
    # "parse: error parsing grammar: expecting name at …": what comes after is the rest of the text.
    return None, told[0].split("grammar: ", 1)[-1][:300]


@contextlib.contextmanager
def _fd_2_into(file: IO[bytes]) -> Iterator[None]:
    """What is written to fd 2 goes into `file` meanwhile: llama.cpp's parser tells its reason only there, not in the log."""
    sys.stderr.flush()
    kept = os.dup(2)
    os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
