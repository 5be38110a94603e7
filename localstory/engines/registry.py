"""The only list of engines and of their children.

To add an engine: 1. its file beside the others; 2. its factory below; 3. its child, if it has one, in `WORKERS`;
4. a test class in tests/contracts. Modules are named as text and imported when needed, so that neither the window nor a
child loads engines it doesn't use.
"""

from __future__ import annotations

import importlib

WORKERS: dict[str, str] = {
    "text": "localstory.engines.text.llama_worker",
    "speech": "localstory.engines.speech.piper_worker",
    "film": "localstory.engines.film.film_worker",
}
"""A child's name -> the module whose `main()` it runs."""


def run_worker(name: str) -> int:
    """Be the child `name`; returns when the conversation is over. An unknown name is a usage error (exit 2)."""
    if name not in WORKERS:
        return 2
    importlib.import_module(WORKERS[name]).main()
    return 0
