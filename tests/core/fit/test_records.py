"""Measurements: kept by the process that writes, left in the inbox by any other, and learnt from."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from localstory.db import Database
from localstory.fit.context_params import ContextParams
from localstory.fit.estimate import ON_PROCESSOR, GraphicsSlot, Placement
from localstory.fit.need import DeviceNeed
from localstory.fit.records import Measurement, Records, calibration_of, model_key, need_of, settings_key
from localstory.fit.report import Subject
from localstory.gguf.header import read_header
from tests.fakes.gguf_files import TINY, TINY_PAIRS, TINY_TENSORS, U32, gguf, pair

PARAMS = ContextParams(4096, 512, 512, 8, True, 8, "auto", "f16", "f16", False)
SUBJECT = Subject(read_header(io.BytesIO(TINY)), "Rồng nhỏ 🐉", len(TINY))
KEY = model_key(SUBJECT.header)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    base = Database(tmp_path / "localstory.db")
    base.open()
    yield base
    base.close()


def reply(tps: float, predicted: float, *, key: str = KEY, placement: Placement = ON_PROCESSOR) -> Measurement:
    return Measurement("reply", key, "Rồng nhỏ 🐉", settings_key(PARAMS, placement), {"generate_tps": tps, "predicted_tps": predicted})


def load(megabytes: int, params: ContextParams = PARAMS) -> Measurement:
    devices = [asdict(DeviceNeed("CPU", weights_bytes=megabytes << 20, kv_bytes=7))]
    return Measurement("load", KEY, "Rồng nhỏ 🐉", settings_key(params, ON_PROCESSOR), {"devices": devices, "load_s": 0.2})


def test_what_was_measured_is_there_after_the_program_was_closed(tmp_path: Path) -> None:
    for _start in range(2):
        base = Database(tmp_path / "localstory.db")
        base.open()
        records = Records(base, tmp_path / "inbox")
        if not records.all():
            records.add(load(300))
        base.close()
    base = Database(tmp_path / "localstory.db")
    (kept,) = Records(base, tmp_path / "inbox").all()
    base.close()
    need = need_of(kept)
    assert need is not None and need.method == "measured"
    assert (need.weights_bytes, need.kv_bytes) == (300 << 20, 7)


def test_a_process_that_does_not_write_leaves_it_in_the_inbox_and_the_next_writer_takes_it_in(tmp_path: Path, database: Database) -> None:
    beside = Records(Database(tmp_path / "localstory.db"), tmp_path / "inbox")
    beside.add(load(300))
    assert [one.kind for one in Records(Database(tmp_path / "none.db"), tmp_path / "inbox").all()] == ["load"]
    writer = Records(database, tmp_path / "inbox")
    assert writer.take_in() == 1
    assert list((tmp_path / "inbox").iterdir()) == []
    assert [one.figures for one in writer.all()] == [load(300).figures]
    assert writer.take_in() == 0


def test_taking_the_same_one_twice_keeps_it_once(tmp_path: Path, database: Database) -> None:
    one = load(300)
    for _time in range(2):
        (tmp_path / "inbox").mkdir(exist_ok=True)
        (tmp_path / "inbox" / "x.json").write_text(json.dumps(asdict(one)), "utf-8")
        Records(database, tmp_path / "inbox").take_in()
    assert len(Records(database, tmp_path / "inbox").all()) == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '{"kind":"load"}', '{"kind":"x","model_key":"","model":"","settings":"","figures":{}}', "[" * 100_000])
def test_nonsense_in_the_inbox_is_thrown_away(tmp_path: Path, database: Database, content: str) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "bad.json").write_text(content, "utf-8")
    records = Records(database, tmp_path / "inbox")
    assert records.take_in() == 0
    assert list((tmp_path / "inbox").iterdir()) == []
    assert records.all() == []


def test_a_full_or_missing_place_never_stops_a_reply(tmp_path: Path) -> None:
    (tmp_path / "inbox").write_text("a file where the folder should be", "utf-8")
    Records(Database(tmp_path / "none.db"), tmp_path / "inbox").add(load(1))


def test_memory_is_remembered_for_exactly_these_settings(tmp_path: Path, database: Database) -> None:
    records = Records(database, tmp_path / "inbox")
    records.add(load(300))
    need, _calibration = records(SUBJECT, PARAMS, ON_PROCESSOR)
    assert need is not None and need.weights_bytes == 300 << 20
    assert records(SUBJECT, replace(PARAMS, n_ctx=8192), ON_PROCESSOR)[0] is None
    other = Subject(read_header(io.BytesIO(gguf([*TINY_PAIRS, pair("llama.block_count", U32, 3)], TINY_TENSORS, 712))), "x", 1)
    assert records(other, PARAMS, ON_PROCESSOR)[0] is None


def test_the_newest_load_counts(tmp_path: Path, database: Database) -> None:
    records = Records(database, tmp_path / "inbox")
    records.add(replace(load(300), made_at=1))
    records.add(replace(load(310), made_at=2))
    need, _calibration = records(SUBJECT, PARAMS, ON_PROCESSOR)
    assert need is not None and need.weights_bytes == 310 << 20


def test_three_replies_of_a_model_make_its_speed_measured_and_others_only_correct_it(tmp_path: Path, database: Database) -> None:
    records = Records(database, tmp_path / "inbox")
    for _time in range(3):
        records.add(reply(8.0, 10.0))
    _need, own = records(SUBJECT, PARAMS, ON_PROCESSOR)
    assert own is not None and (own.tps, own.samples) == (8.0, 3)
    stranger = Subject(read_header(io.BytesIO(gguf([*TINY_PAIRS, pair("llama.block_count", U32, 3)], TINY_TENSORS, 712))), "x", 1)
    _need, other = records(stranger, PARAMS, ON_PROCESSOR)
    assert other is not None and (other.factor, other.samples) == (0.8, 2)


def test_what_a_processor_taught_says_nothing_of_a_graphics_card(tmp_path: Path, database: Database) -> None:
    records = Records(database, tmp_path / "inbox")
    records.add(reply(8.0, 10.0))
    records.add(reply(8.0, 10.0))
    assert records(SUBJECT, PARAMS, ON_PROCESSOR)[1] is not None
    assert records(SUBJECT, PARAMS, Placement((GraphicsSlot("GPU0", "cuda"),), 33))[1] is None


def test_one_reply_alone_teaches_nothing() -> None:
    assert calibration_of([reply(3.0, 10.0)]) is None


def test_a_reply_that_was_far_off_teaches_nothing() -> None:
    assert calibration_of([reply(1.0, 100.0)]) is None
    found = calibration_of([reply(9.0, 10.0), reply(11.0, 10.0), reply(500.0, 10.0), reply(10.0, 10.0)])
    assert found is not None and (found.factor, found.samples) == (1.0, 3)


def test_only_so_many_are_kept(tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localstory.fit.records._KEPT", 5)
    records = Records(database, tmp_path / "inbox")
    for number in range(9):
        records.add(replace(load(number), made_at=number))
    database.submit(lambda _connection: None).result()
    assert [one.made_at for one in Records(database, tmp_path / "inbox").all()] == [8, 7, 6, 5, 4]
