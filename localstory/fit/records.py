"""What real loads, replies and rehearsals took on this machine: kept, shown beside the estimate, and learnt from.

Only the process that holds the home and has its database open writes there; any other leaves a file in `inbox`, which
the next one that opens the database takes in.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import statistics
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias

from localstory.db import Database
from localstory.db.connection import DatabaseTrouble
from localstory.fit.context_params import ContextParams
from localstory.fit.estimate import Placement
from localstory.fit.need import DeviceNeed, MemoryNeed
from localstory.fit.report import Subject
from localstory.fit.speed import Calibration
from localstory.gguf.header import Header
from localstory.system import write_whole

log = logging.getLogger(__name__)

Kind: TypeAlias = Literal["load", "reply", "rehearsal"]
_INBOX_LIMIT_BYTES = 1 << 16
_INBOX_FILES = 1000
_KEPT = 2000
"""Measurements kept; older ones go."""
_GUARD = (0.25, 4.0)
"""A reply that was this much off tells of a busy machine or a bug, not of the model (llmfit guards with 0.5 to 2)."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One thing that was seen. `figures` by kind: load {devices, load_s, predicted_bytes}; reply and rehearsal {generate_tps, prompt_tps,
    tokens, tokens_in_cache, predicted_tps}; a rehearsal has devices too."""

    kind: Kind
    model_key: str
    model: str
    settings: str
    figures: dict[str, Any]
    made_at: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    """Milliseconds since 1970, UTC."""
    uid: str = field(default_factory=lambda: uuid.uuid4().hex)


def model_key(header: Header) -> str:
    """The same for every file of one shape and quantisation: a hash of the tensor table and the model's hyper-parameters."""
    digest = hashlib.sha256()
    prefix = header.architecture + "."
    for key in sorted(header.metadata):
        if key.startswith(prefix):
            digest.update(f"{key}={header.metadata[key]!r}\n".encode())
    for tensor in header.tensors:
        digest.update(f"{tensor.name} {tensor.shape} {tensor.type.name}\n".encode())
    return digest.hexdigest()[:32]


def settings_key(params: ContextParams, placement: Placement) -> str:
    """Settings as one text; equal settings, equal text."""
    where: dict[str, Any] = {
        "gpu_layers": placement.gpu_layers, "processor_experts": placement.processor_experts, "gpus": [slot.name for slot in placement.gpus],
    }  # fmt: skip
    if placement.engine:
        where["engine"] = placement.engine
    return json.dumps(params.as_args() | where, sort_keys=True, separators=(",", ":"))


def need_of(measurement: Measurement) -> MemoryNeed | None:
    """The memory a load or rehearsal took; None when it doesn't say, or says it in a way we don't read."""
    rows = measurement.figures.get("devices")
    if not isinstance(rows, list) or not rows:
        return None
    numbers = [one.name for one in fields(DeviceNeed) if one.name != "name"]
    try:
        devices = tuple(DeviceNeed(str(row["name"]), **{name: int(row.get(name, 0)) for name in numbers}) for row in rows)
    except (TypeError, ValueError, AttributeError, KeyError):
        return None
    return MemoryNeed(devices, "rehearsed" if measurement.kind == "rehearsal" else "measured")


def calibration_of(replies: Sequence[Measurement]) -> Calibration | None:
    """The running median of measured / predicted over the last replies; None below two."""
    ratios = []
    for reply in replies:
        seen, predicted = reply.figures.get("generate_tps"), reply.figures.get("predicted_tps")
        if isinstance(seen, (int, float)) and isinstance(predicted, (int, float)) and predicted > 0 and _GUARD[0] <= seen / predicted <= _GUARD[1]:
            ratios.append(seen / predicted)
    # One reply alone may have met a busy machine.
    return Calibration(statistics.median(ratios), len(ratios)) if len(ratios) >= 2 else None


class Records:
    """The measurements of one home."""

    def __init__(self, database: Database, inbox: Path) -> None:
        self._database = database
        self._inbox = inbox
        self._snapshot: list[Measurement] | None = None
        self._index: _Index | None = None
        self._added: list[Measurement] = []
        """By this process; the writer may still have them in its queue when somebody reads."""

    def add(self, measurement: Measurement) -> None:
        """Keep it: in the database when this process writes it (queued, not waited for), else in the inbox. A measurement
        that can't be kept is logged and forgotten: it must never stop a reply."""
        self._added.append(measurement)
        self._snapshot = self._index = None
        try:
            if self._database.is_writing:
                self._database.submit(lambda connection: _insert(connection, [measurement]))
            else:
                self._inbox.mkdir(parents=True, exist_ok=True)
                write_whole(self._inbox / f"{measurement.uid}.json", json.dumps(asdict(measurement)).encode())
        except (DatabaseTrouble, OSError, RuntimeError) as error:
            log.warning("a measurement was not kept: %s", error)

    def take_in(self) -> int:
        """Take the inbox into the database (the process that writes it); returns how many. Files that make no sense go."""
        taken, files = [], sorted(self._inbox.glob("*.json"))[:_INBOX_FILES] if self._inbox.is_dir() else []
        for file in files:
            if (one := _read(file)) is not None:
                taken.append(one)
        if taken:
            self._database.submit(lambda connection: _insert(connection, taken)).result()
        for file in files:
            file.unlink(missing_ok=True)
        self._snapshot = self._index = None
        return len(taken)

    def all(self) -> list[Measurement]:
        """Every measurement, newest first, with those that still wait in the inbox. Reads a few milliseconds, once."""
        if self._snapshot is None:
            waiting = [one for file in sorted(self._inbox.glob("*.json"))[:_INBOX_FILES] if (one := _read(file)) is not None] if self._inbox.is_dir() else []
            by_uid = {one.uid: one for one in [*self._added, *waiting, *self._stored()]}
            self._snapshot = sorted(by_uid.values(), key=lambda one: -one.made_at)[:_KEPT]
        return self._snapshot

    def _stored(self) -> list[Measurement]:
        if not self._database.path.is_file():
            return []
        try:
            return self._database.read(_select)
        except (DatabaseTrouble, sqlite3.Error) as error:
            log.info("no measurements are read: %s", error)
            return []

    def __call__(self, subject: Subject, params: ContextParams, placement: Placement) -> tuple[MemoryNeed | None, Calibration | None]:
        """What was measured for exactly this model and these settings, and the correction of the speed: this model's own
        replies if there are any, else those of every model whose layers lay on the same kind of device."""
        if self._index is None:
            self._index = _Index(self.all())
        index = self._index
        if not index.loads and not index.replies:
            return None, None
        key, where = subject.key or model_key(subject.header), _place(placement)
        load = index.loads.get((key, settings_key(params, placement)))
        own, other = index.of_model.get((key, where), [])[:9], index.replies.get(where, [])[:15]
        return (need_of(load) if load is not None else None), _own_pace(own) or calibration_of(own) or _carefully(calibration_of(other))

    def rehearsal(self, subject: Subject, params: ContextParams, placement: Placement) -> Measurement | None:
        """A rehearsal of this shape, quantisation and settings, if there was one."""
        key, settings = subject.key or model_key(subject.header), settings_key(params, placement)
        return next((one for one in self.all() if one.kind == "rehearsal" and (one.model_key, one.settings) == (key, settings)), None)


def _own_pace(own: Sequence[Measurement]) -> Calibration | None:
    """This model's own speed here, as the median of three replies or more: what was seen needs no prediction."""
    seen = [float(one.figures["generate_tps"]) for one in own if isinstance(one.figures.get("generate_tps"), (int, float))]
    return Calibration(1.0, len(seen), statistics.median(seen)) if len(seen) >= 3 else None


def _carefully(calibration: Calibration | None) -> Calibration | None:
    """Other models' replies correct the figure and don't make it "measured"."""
    return None if calibration is None else Calibration(calibration.factor, min(calibration.samples, 2))


_Place: TypeAlias = tuple[bool, tuple[str, ...], str]
"""Whether layers lay on graphics, on which cards, and which engine pack ran it."""


def _place(placement: Placement) -> _Place:
    return placement.gpu_layers > 0, tuple(slot.name for slot in placement.gpus), placement.engine


class _Index:
    """Measurements by what is asked for; newest first in every list."""

    def __init__(self, everything: Sequence[Measurement]) -> None:
        self.loads: dict[tuple[str, str], Measurement] = {}
        self.replies: dict[_Place, list[Measurement]] = {}
        self.of_model: dict[tuple[str, _Place], list[Measurement]] = {}
        for one in everything:
            if one.kind == "load" and need_of(one) is not None:
                self.loads.setdefault((one.model_key, one.settings), one)
            elif one.kind == "reply" and (where := _told_place(one.settings)) is not None:
                self.replies.setdefault(where, []).append(one)
                self.of_model.setdefault((one.model_key, where), []).append(one)


def _told_place(settings: str) -> _Place | None:
    try:
        told = json.loads(settings)
        return bool(told["gpu_layers"]), tuple(told["gpus"]), str(told.get("engine", ""))
    except (ValueError, KeyError, TypeError):
        return None


def _read(file: Path) -> Measurement | None:
    try:
        if file.stat().st_size > _INBOX_LIMIT_BYTES:
            return None
        told = json.loads(file.read_text("utf-8"))
        one = Measurement(**told)
        sound = one.kind in ("load", "reply", "rehearsal") and isinstance(one.figures, dict) and isinstance(one.made_at, int)
        return one if sound and all(isinstance(value, str) for value in (one.model_key, one.model, one.settings, one.uid)) else None
    except (OSError, ValueError, TypeError, RecursionError):
        return None


def _insert(connection: sqlite3.Connection, many: Sequence[Measurement]) -> None:
    rows = [(one.uid, one.kind, one.model_key, one.model, one.settings, json.dumps(one.figures), one.made_at) for one in many]
    connection.executemany("INSERT OR IGNORE INTO measurement (uid, kind, model_key, model, settings, figures, made_at) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.execute("DELETE FROM measurement WHERE id <= (SELECT max(id) FROM measurement) - ?", (_KEPT,))


def _select(connection: sqlite3.Connection) -> list[Measurement]:
    query = "SELECT kind, model_key, model, settings, figures, made_at, uid FROM measurement ORDER BY id DESC LIMIT ?"
    return [Measurement(row[0], row[1], row[2], row[3], json.loads(row[4]), row[5], row[6]) for row in connection.execute(query, (_KEPT,))]
