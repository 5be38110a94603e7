"""Values that say what changed and how far slow work is, and the hub that tells who listens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one stage of slow work is.

    `stage` is a marked English message ("Loading the model"), worded where it is shown. `done` of `of` are in any one
    unit; `of` 0 means nobody knows. `note` is free text for people (a file name), never translated.
    """

    stage: str
    done: float = 0.0
    of: float = 0.0
    note: str = ""

    @property
    def share(self) -> float | None:
        """Between 0 and 1, or None when unknown."""
        return min(1.0, max(0.0, self.done / self.of)) if self.of > 0 else None


@dataclass(frozen=True, slots=True)
class Changed:
    """Something in the store changed: `what` is a word like "chats", `ids` the rows, `origin` who did it."""

    what: str
    ids: tuple[int, ...] = ()
    origin: str = ""


class Hub:
    """Passes events to listeners, in order, on the thread that publishes. A listener that raises stops nobody else."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Any], None]] = []
        self._lock = threading.Lock()

    def listen(self, listener: Callable[[Any], None]) -> Callable[[], None]:
        """Call `listener(event)` for every event from now on; returns the function that ends it."""
        with self._lock:
            self._listeners.append(listener)

        def stop() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop

    def publish(self, event: object) -> None:
        """Tell every listener. The first error of a listener is raised after all were told."""
        with self._lock:
            listeners = list(self._listeners)
        trouble: Exception | None = None
        for listener in listeners:
            try:
                listener(event)
            except Exception as error:  # one broken listener must not keep the others in the dark
                trouble = trouble or error
        if trouble is not None:
            raise trouble
