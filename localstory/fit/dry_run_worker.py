"""The child that asks llama.cpp what a model would take: it loads the header of a file that is a hole after it.

With `no_alloc` llama.cpp plans every buffer and reserves none of them but the recurrent state. The model stays loaded, so
that the next context costs milliseconds. Broken files may make it abort: then this child dies, and nobody else.
"""

from __future__ import annotations

import base64
import os
import sys
from collections import deque
from pathlib import Path
from typing import Any

from localstory import system
from localstory.children.worker import Job, Refused, serve
from localstory.fit.llama_params import NoSuchDevice, set_context_params, set_model_params
from localstory.gguf.header import BadGguf, read_header

MEMORY_LIMIT_BYTES = 4 << 30
"""A plan takes under 200 MB; a hostile header may ask for the recurrent state of a million layers."""
_DEBUG, _WARNING, _ERROR, _CONTINUED = 1, 3, 4, 5  # enum ggml_log_level
_LINES_KEPT = 4000

# What the fit check reads from the log; the rest (a thousand lines a load) is not sent. Debug lines: only which device has a layer's cache.
_WANTED = (b"buffer size", b"size =", b"Flash Attention", b"flash_attn", b"offloaded", b"load_tensors: loading", b"constructing", b"dev = ")


class DryRunWorker:
    """One model at a time, without its weights."""

    def __init__(self) -> None:
        system.limit_own_memory(MEMORY_LIMIT_BYTES)
        try:
            import llama_cpp.llama_cpp as L
        except (ImportError, OSError, RuntimeError) as error:
            self._L: Any = None
            self._why = str(error)
            return
        self._L = L
        self._lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._errors: deque[str] = deque(maxlen=20)
        self._model: Any = None
        self._keep: list[object] = []
        self._files: list[Path] = []
        self._numbers = 0
        self._known_tokenizers: set[bytes] = set()

        @L.llama_log_callback  # type: ignore[untyped-decorator]
        def listen(level: int, text: bytes, _user: object) -> None:
            if level == _CONTINUED:
                return
            if level in (_WARNING, _ERROR) and text.strip():
                line = text.decode("utf-8", "replace").strip()[:500]
                if level == _ERROR:
                    self._errors.append(line)
                print(line, file=sys.stderr, flush=True)
            if (level != _DEBUG or b": dev = " in text) and any(word in text for word in _WANTED):
                self._lines.append(text.decode("utf-8", "replace").rstrip()[:500])

        self._listen = listen  # ctypes callbacks must outlive their use
        L.llama_log_set(listen, None)
        L.llama_backend_init()

    def facts(self) -> dict[str, object]:
        """`system_info`: what the engine was built with ("CPU : AVX2 = 1 | … | REPACK = 1"); "" where there is none."""
        return {"library": "llama-cpp-python", "system_info": self._L.llama_print_system_info().decode("utf-8", "replace") if self._L else ""}

    def run(self, op: str, args: dict[str, Any], job: Job) -> dict[str, object]:
        """`load` {files: [{name, header (base64), file_bytes}], probe (base64), …model_args} -> {lines}
        `need` {…ContextParams.as_args()} -> {lines}: the log of a context made and freed again
        `count` {path, texts} -> {tokens: [numbers]}, with the file's own vocabulary."""
        if self._L is None:
            raise Refused("no_engine", why=self._why)
        self._lines.clear()
        self._errors.clear()
        match op:
            case "load":
                return self._load(args, job)
            case "need":
                return self._need(args)
            case "count":
                return self._count(Path(str(args["path"])), [str(text) for text in args["texts"]], job)
            case _:
                raise Refused("unknown_op", op=op)

    def _load(self, args: dict[str, Any], job: Job) -> dict[str, object]:
        L = self._L
        self._free()
        # A folder of its own for each load: a split model's files keep the names that llama.cpp looks for.
        self._ask_about_tokenizer(base64.b64decode(str(args.get("probe") or "")), job)
        self._numbers += 1
        folder = job.folder / f"model-{self._numbers}"
        folder.mkdir()
        try:
            for file in args["files"]:
                path = folder / Path(str(file["name"])).name
                self._files.append(path)
                system.write_sparse(path, base64.b64decode(file["header"]), int(file["file_bytes"]))
        except OSError as error:
            self._remove_files()
            raise Refused("no_sparse_files", folder=str(folder.parent), reason=error.strerror or str(error)) from error
        params = L.llama_model_default_params()
        params.no_alloc = True
        params.load_mode = L.LLAMA_LOAD_MODE_NONE  # a mapped file asserts that its tensors are reserved
        try:
            self._keep = set_model_params(L, params, args)
        except NoSuchDevice as error:
            raise Refused("no_device", device=str(error)) from error
        callback = L.llama_progress_callback(lambda _share, _user: not job.cancelled)
        params.progress_callback = callback
        self._keep.append(callback)
        self._model = L.llama_model_load_from_file(os.fsencode(str(self._files[0])), params)
        if not self._model:
            self._model = None
            self._remove_files()
            job.check()
            raise Refused("load_failed", reason=self._reason())
        return {"lines": list(self._lines)}

    def _ask_about_tokenizer(self, probe: bytes, job: Job) -> None:
        """Load a tiny vocabulary of the model's kind. What else may be odd about it is no matter: only a name unknown here is."""
        if not probe or probe in self._known_tokenizers:
            return
        path = job.folder / "tokenizer.gguf"
        path.write_bytes(probe)
        self._files.append(path)
        params = self._L.llama_model_default_params()
        params.vocab_only = True
        model = self._L.llama_model_load_from_file(os.fsencode(str(path)), params)
        reason = self._reason()
        if model:
            self._L.llama_model_free(model)
        elif "unknown pre-tokenizer" in reason or "unknown tokenizer" in reason:
            raise Refused("load_failed", reason=reason)
        self._known_tokenizers.add(probe)
        self._remove_files()
        self._lines.clear()
        self._errors.clear()

    def _need(self, args: dict[str, Any]) -> dict[str, object]:
        L = self._L
        if self._model is None:
            raise Refused("not_loaded")
        params = L.llama_context_default_params()
        set_context_params(L, params, args)
        context = L.llama_init_from_model(self._model, params)
        if not context:
            raise Refused("no_context", reason=self._reason())
        lines = list(self._lines)
        L.llama_free(context)
        return {"lines": lines}

    def _count(self, path: Path, texts: list[str], job: Job) -> dict[str, object]:
        L = self._L
        self._free()
        path = self._long_enough(path, job)
        params = L.llama_model_default_params()
        params.vocab_only = True
        params.load_mode = L.LLAMA_LOAD_MODE_NONE
        model = L.llama_model_load_from_file(os.fsencode(path), params)
        if not model:
            raise Refused("load_failed", reason=self._reason())
        try:
            vocabulary = L.llama_model_get_vocab(model)
            if L.llama_vocab_type(vocabulary) == L.LLAMA_VOCAB_TYPE_NONE:
                raise Refused("no_vocabulary")  # llama.cpp would abort
            counts = []
            for text in texts:
                raw = text.encode("utf-8", "replace")
                room = len(raw) + 8
                # Negative: the room was too small, and this many are needed.
                counts.append(abs(int(L.llama_tokenize(vocabulary, raw, len(raw), (L.llama_token * room)(), room, False, False))))
            return {"tokens": counts}
        finally:
            L.llama_model_free(model)
            self._remove_files()

    def _long_enough(self, path: Path, job: Job) -> Path:
        """The file, or a stand-in of the true size for one that is a header alone: llama.cpp looks for the tensors even then."""
        try:
            with open(path, "rb") as file:
                header = read_header(file)
                size = os.fstat(file.fileno()).st_size
                true_size = header.data_offset + header.data_bytes
                if size >= true_size:
                    return path
                file.seek(0)
                content = file.read(header.data_offset)
        except BadGguf as error:
            raise Refused("load_failed", reason=error.detail.format(**error.values)) from error
        stand_in = job.folder / "vocabulary.gguf"
        self._files.append(stand_in)
        try:
            system.write_sparse(stand_in, content, true_size)
        except OSError as error:
            raise Refused("no_sparse_files", folder=str(job.folder), reason=error.strerror or str(error)) from error
        return stand_in

    def _reason(self) -> str:
        """What the engine said was wrong: the most telling of its error lines, without its own function names."""
        # "failed to load model from <our temporary file>" follows a line that says why.
        lines = [line for line in self._errors if "failed to load model" not in line and "failed to read" not in line] or list(self._errors)
        for line in lines:
            for cry in ("error loading model vocabulary: ", "error loading model hyperparameters: ", "error loading model: ", "initialize the context: "):
                if cry in line:
                    return line.split(cry, 1)[1]
        return lines[0].split(": ", 1)[-1] if lines else ""

    def _free(self) -> None:
        if self._model is not None:
            self._L.llama_model_free(self._model)
            self._model = None
        self._keep = []
        self._remove_files()

    def _remove_files(self) -> None:
        for path in self._files:
            path.unlink(missing_ok=True)
        self._files = []


def main() -> None:
    serve(DryRunWorker)
