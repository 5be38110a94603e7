"""The real `python -m llama_cpp.server`, in a process of its own, with a model from this disk.

with LlamaCppServer(path) as server:
    OpenAIEndpoint(server.url, server.model_name)
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

START_SECONDS = 60.0
_ENDS_WITH_US = """
import os, runpy, sys, threading
def watch():
    sys.stdin.buffer.read()
    os._exit(0)
threading.Thread(target=watch, daemon=True).start()
sys.argv[0] = "llama_cpp.server"
runpy.run_module("llama_cpp.server", run_name="__main__", alter_sys=True)
"""
"""`-m llama_cpp.server` that ends when its standard input does: nothing stays behind, even when the tests are killed."""


class LlamaCppServer:
    """As people start it, but for a key, the vectors, and that a second request does not break off the first."""

    model_name = "the-real-thing"
    key = "sk-of-the-real-server"

    def __init__(self, model: Path, *, context_length: int = 2048) -> None:
        self.context_length = context_length
        self.hang_ups: list[float] = []
        """When it said that a client had gone (time.monotonic)."""
        self.lines: list[str] = []
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._command = [
            sys.executable, "-u", "-W", "ignore", "-c", _ENDS_WITH_US, "--model", str(model), "--model_alias", self.model_name, "--host", "127.0.0.1",
            "--port", str(self.port), "--n_ctx", str(context_length), "--api_key", self.key, "--interrupt_requests", "false", "--embedding", "true",
            "--verbose", "false", "--n_threads", "1", "--n_threads_batch", "1",
        ]  # fmt: skip

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def process_id(self) -> int:
        return self._process.pid

    def __enter__(self) -> LlamaCppServer:
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=os.environ | {"PYTHONUTF8": "1"}
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._listener.join(5)

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            request = urllib.request.Request(f"{self.url}/v1/models", headers={"Authorization": f"Bearer {self.key}"})
            with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(request, timeout=5):
                return
            time.sleep(0.1)
        raise AssertionError("the server did not start:\n" + "\n".join(self.lines[-30:]))

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as output:
            for raw in output:
                line = raw.decode("utf-8", "replace").rstrip()
                if line.startswith("Disconnected from client"):
                    self.hang_ups.append(time.monotonic())
                self.lines = [*self.lines[-200:], line]
