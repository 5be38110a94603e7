"""Saved states: what comes back is what was written, and nothing else is ever handed on."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import stat
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstory.engines.text.kv_files import Saved, Snapshot, Stopped, find_states, read_state, thin_out, write_state
from localstory.engines.text.kv_folder import forget_all, states_bytes
from localstory.engines.text.kv_home import KvHome, read_key
from localstory.engines.text.kv_shelf import Shelf, deciding_settings, file_fingerprint, identity_of
from localstory.hardware.cgroups import MemoryLimit

SECRET = b"k" * 32
IDENTITY = identity_of("file", "engine", {"kv": "f16"})


def state(seed: int = 1, tokens: int = 100, key: str = "", size: int = 5000) -> Saved:
    rng = random.Random(seed)
    points = (Snapshot(tokens // 2, True, rng.randbytes(700)),) if seed % 2 else ()
    return Saved(np.array([rng.randrange(9000) for _ in range(tokens)], np.int32), key, tokens // 2, rng.randbytes(size), points)


def same(one: Saved, other: Saved) -> bool:
    points = [(point.length, point.exact, bytes(point.content)) for point in one.points]
    others = [(point.length, point.exact, bytes(point.content)) for point in other.points]
    whole = bytes(one.whole) == bytes(other.whole) and points == others
    return whole and np.array_equal(one.tokens, other.tokens) and (one.key, one.exact) == (other.key, other.exact)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "nhà của Bé 🐉" / "kv"


@given(seed=st.integers(0, 1000), tokens=st.integers(1, 400), key=st.text(max_size=30), size=st.integers(1, 3000))
@settings(max_examples=30, deadline=None)
def test_what_is_written_comes_back(tmp_path_factory: pytest.TempPathFactory, seed: int, tokens: int, key: str, size: int) -> None:
    folder = tmp_path_factory.mktemp("kv")
    key = key.encode("utf-8", "replace").decode()
    saved = state(seed, tokens, key, size)
    write_state(folder, SECRET, IDENTITY, saved)
    (told,) = find_states(folder, SECRET, IDENTITY)
    back = read_state(told, SECRET, IDENTITY)
    assert back is not None and same(saved, back)


def test_only_its_owner_may_read_it(folder: Path) -> None:
    told = write_state(folder, SECRET, IDENTITY, state())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700 and stat.S_IMODE(told.path.stat().st_mode) == 0o600
    read_key(folder)
    assert stat.S_IMODE((folder / "key").stat().st_mode) == 0o600


def test_every_flipped_byte_is_seen_and_the_file_goes(folder: Path) -> None:
    whole = write_state(folder, SECRET, IDENTITY, state(tokens=30, size=400))
    good = whole.path.read_bytes()
    for at in range(len(good)):
        whole.path.write_bytes(good[:at] + bytes([good[at] ^ 0x41]) + good[at + 1 :])
        found = find_states(folder, SECRET, IDENTITY)
        # The head is wrong at once; the state when it is wanted.
        assert not found or read_state(found[0], SECRET, IDENTITY) is None, at
        assert not whole.path.exists(), at


@pytest.mark.parametrize("change", [lambda raw, cut: raw[:cut], lambda raw, cut: raw[:cut] + raw, lambda raw, cut: raw + raw[:cut]])
def test_a_file_of_another_length_is_not_read(folder: Path, change: object) -> None:
    told = write_state(folder, SECRET, IDENTITY, state(tokens=30, size=400))
    good = told.path.read_bytes()
    for cut in [*range(1, 200), *range(200, len(good), 37)]:
        told.path.write_bytes(change(good, cut))  # type: ignore[operator]
        assert not find_states(folder, SECRET, IDENTITY) and not told.path.exists()


def test_a_huge_length_in_the_header_costs_no_memory(folder: Path) -> None:
    told = write_state(folder, SECRET, IDENTITY, state(tokens=30, size=400))
    good = told.path.read_bytes()
    for old, new in ((b'"whole":400', b'"whole":4e9'), (b'"tokens":30', b'"tokens":9\x30'), (b'"points":[[15', b'"points":[[-5')):
        assert old in good
        told.path.write_bytes(good.replace(old, new))
        assert not find_states(folder, SECRET, IDENTITY)


def test_files_that_took_each_others_names_are_not_believed(folder: Path) -> None:
    one, other = write_state(folder, SECRET, IDENTITY, state(1)), write_state(folder, SECRET, IDENTITY, state(2))
    first, second = one.path.read_bytes(), other.path.read_bytes()
    one.path.write_bytes(second)
    other.path.write_bytes(first)
    assert read_state(one, SECRET, IDENTITY) is None and read_state(other, SECRET, IDENTITY) is None
    assert not find_states(folder, SECRET, IDENTITY) and not list(folder.glob("*.kv"))


def test_another_models_state_is_not_believed_under_any_name(folder: Path) -> None:
    foreign = identity_of("another file", "engine", {"kv": "f16"})
    theirs = write_state(folder, SECRET, foreign, state(1))
    ours = write_state(folder, SECRET, IDENTITY, state(1))
    ours.path.write_bytes(theirs.path.read_bytes())
    assert not find_states(folder, SECRET, IDENTITY) and not ours.path.exists()
    assert len(find_states(folder, SECRET, foreign)) == 1


def test_another_key_signed_nothing_of_ours(folder: Path) -> None:
    told = write_state(folder, b"x" * 32, IDENTITY, state())
    assert read_state(told, SECRET, IDENTITY) is None
    write_state(folder, b"x" * 32, IDENTITY, state())
    assert not find_states(folder, SECRET, IDENTITY) and not list(folder.glob("*.kv"))


def test_a_full_disk_leaves_nothing_behind(folder: Path) -> None:
    write_state(folder, SECRET, IDENTITY, state(2))
    before = sorted(folder.iterdir())
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard))  # write() fails as on a full disk
    try:
        with pytest.raises(OSError):
            write_state(folder, SECRET, IDENTITY, state(4))
        shelf = Shelf({"folder": str(folder), "secret": SECRET.hex(), "memory_bytes": 0, "disk_bytes": 1 << 20}, IDENTITY)
        shelf.put(state(6), private=False)  # silently not saved
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)
    assert sorted(folder.iterdir()) == before


def test_a_folder_that_cant_be_made_means_no_saving(tmp_path: Path) -> None:
    (tmp_path / "kv").write_text("a file stands here")
    args = KvHome(tmp_path / "kv").load_args()
    assert args["disk_bytes"] == 0 and not args["folder"]
    shelf = Shelf({"folder": str(tmp_path / "kv"), "secret": SECRET.hex(), "memory_bytes": 0, "disk_bytes": 1 << 20}, IDENTITY)
    shelf.put(state(), private=False)
    assert not shelf.candidates(state().tokens, "", 1 << 20)


def _write_for_ever(folder: str) -> None:
    number = 0
    while True:
        number += 1
        write_state(Path(folder), SECRET, IDENTITY, state(number % 40, size=3_000_000))


def test_a_killed_writer_leaves_no_half_state(folder: Path) -> None:
    method = multiprocessing.get_context("spawn")
    for _round in range(3):
        child = method.Process(target=_write_for_ever, args=(str(folder),))
        child.start()
        until = time.monotonic() + 20
        while not list(folder.glob("*.kv")) and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(random.random() * 0.05)
        child.kill()
        child.join()
        found = find_states(folder, SECRET, IDENTITY)
        assert found and all(read_state(one, SECRET, IDENTITY) is not None for one in found)
    for part in folder.glob(".*.part"):
        os.utime(part, (0, 0))
    thin_out(folder, 1 << 40)
    assert not list(folder.glob(".*.part"))


def test_two_processes_in_one_home_do_not_hurt_each_other(folder: Path) -> None:
    """Writing, reading and thinning at once: a reader gets a whole state or none."""
    ends = time.monotonic() + 1.5
    troubles: list[object] = []
    read = [0]

    def work(seed: int) -> None:
        try:
            while time.monotonic() < ends:
                write_state(folder, SECRET, IDENTITY, state(seed % 6, size=200_000))
                for one in find_states(folder, SECRET, IDENTITY):
                    back = read_state(one, SECRET, IDENTITY)
                    if back is not None:
                        read[0] += 1
                        if not any(same(back, state(number, size=200_000)) for number in range(6)):
                            troubles.append(one.path)
                thin_out(folder, 500_000)
                seed += 1
        except Exception as error:
            troubles.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles and read[0] > 3


def test_the_key_is_made_once_however_many_ask(folder: Path) -> None:
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(read_key(folder))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 16 and len(set(keys)) == 1 and len(keys[0]) == 32 and os.listdir(folder) == ["key"]  # noqa: PTH208


def test_a_damaged_key_is_replaced(folder: Path) -> None:
    first = read_key(folder)
    (folder / "key").write_bytes(first[:7])
    assert len(read_key(folder)) == 32 and read_key(folder) != first


def test_the_least_used_go_first_and_so_does_what_nobody_used_for_a_month(folder: Path) -> None:
    files = [write_state(folder, SECRET, IDENTITY, state(seed, size=10_000)) for seed in (2, 4, 6, 8)]
    now = time.time()
    for age, file in enumerate(files):
        os.utime(file.path, (now - 1000 * age,) * 2)
    os.utime(files[1].path, (now - 31 * 86400,) * 2)
    assert read_state(files[3], SECRET, IDENTITY) is not None  # used: now the newest
    assert thin_out(folder, 25_000) == 2
    assert {told.path for told in find_states(folder, SECRET, IDENTITY)} == {files[0].path, files[3].path}


def test_forgetting_takes_all_of_it(folder: Path) -> None:
    for seed in range(5):
        write_state(folder, SECRET, IDENTITY, state(seed))
    (folder / ".abc.part").write_bytes(b"half")
    home = KvHome(folder)
    assert home.taken()[0] == 5 and home.taken()[1] > 25_000
    assert home.forget() == 6 and home.taken() == (0, 0)
    assert forget_all(folder / "nowhere") == 0 and states_bytes(folder / "nowhere") == (0, 0)


def test_a_writer_that_is_told_to_stop_leaves_nothing(folder: Path) -> None:
    asked = iter([False, False, True])
    with pytest.raises(Stopped):
        write_state(folder, SECRET, IDENTITY, state(1), lambda: next(asked))
    assert os.listdir(folder) == []  # noqa: PTH208


def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    told = write_state(folder, SECRET, IDENTITY, state(1))
    elsewhere = tmp_path / "elsewhere"
    told.path.rename(elsewhere)
    told.path.symlink_to(elsewhere)
    assert not find_states(folder, SECRET, IDENTITY) and elsewhere.exists()


def test_a_changed_model_file_is_another_model(tmp_path: Path) -> None:
    model = tmp_path / "rồng 🐉.gguf"
    content = random.Random(1).randbytes(3_000_000)
    model.write_bytes(content)
    facts = model.stat()
    first = file_fingerprint(model)
    assert file_fingerprint(model) == first
    for at in (10, 1_100_000, len(content) - 1):  # header, a sample, the end; size and time are made to look the same
        model.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        os.utime(model, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        assert file_fingerprint(model) != first or at == 1_100_000
    model.write_bytes(random.Random(2).randbytes(3_000_000))
    os.utime(model, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert file_fingerprint(model) != first
    model.write_bytes(content)
    assert file_fingerprint(model) != first  # the time of change


def test_every_setting_that_decides_makes_another_identity() -> None:
    context = {"n_ctx": 8192, "n_batch": 512, "n_ubatch": 512, "n_seq_max": 8, "flash_attn": "auto", "type_k": "f16", "type_v": "f16", "swa_full": False}
    base = {"context": context, "model": {"gpu_layers": 0, "devices": []}, "context_length": 8192}
    same_numbers = base | {"context": context | {"n_ctx": 4096, "n_seq_max": 4}, "context_length": 4096}
    assert deciding_settings(base) == deciding_settings(same_numbers)
    for name, value in (("type_k", "q8_0"), ("flash_attn", "off"), ("swa_full", True), ("n_ubatch", 256), ("rope_freq_scale", 0.5), ("anything_new", 1)):
        assert deciding_settings(base | {"context": context | {name: value}}) != deciding_settings(base)
    assert deciding_settings(base | {"model": {"gpu_layers": 8}}) != deciding_settings(base)
    scaled = base | {"context": context | {"rope_scaling": "yarn"}}
    assert deciding_settings(scaled) != deciding_settings(scaled | {"context_length": 16384})
    assert len({identity_of(file, engine, {}) for file in ("a", "b") for engine in ("1", "2")}) == 4


def test_budgets_come_from_what_is_free_and_zero_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Memory:
        total, available = 16 << 30, 4 << 30

    class Disk:
        free = 10 << 30

    monkeypatch.setattr("psutil.virtual_memory", Memory)
    monkeypatch.setattr("shutil.disk_usage", lambda _place: Disk)
    args = KvHome(tmp_path / "kv").load_args()
    assert args["memory_bytes"] == (4 << 30) // 16 and args["disk_bytes"] == 1 << 30
    off = KvHome(tmp_path / "off", 0, 0).load_args()
    monkeypatch.setattr("localstory.hardware.cgroups.memory_limit", lambda *_places: MemoryLimit(2 << 30, 1 << 30))
    assert KvHome(tmp_path / "kv").load_args()["memory_bytes"] == (1 << 30) // 16, "the container's limit counts, not the computer's memory"
    assert (off["memory_bytes"], off["disk_bytes"], off["folder"], off["secret"]) == (0, 0, "", "") and not (tmp_path / "off").exists()


def shelf_of(folder: Path, memory_bytes: int = 0, disk_bytes: int = 1 << 20) -> Shelf:
    return Shelf({"folder": str(folder), "secret": SECRET.hex(), "memory_bytes": memory_bytes, "disk_bytes": disk_bytes}, IDENTITY)


def test_a_checkpoint_that_stays_does_not_keep_the_whole_state_in_memory(folder: Path) -> None:
    back = read_state(write_state(folder, SECRET, IDENTITY, state(1)), SECRET, IDENTITY)
    assert back is not None and [len(memoryview(point.content).obj) for point in back.points] == [700]  # type: ignore[arg-type]


def test_stop_ends_reading_and_writing_and_loses_nothing(folder: Path) -> None:
    told = write_state(folder, SECRET, IDENTITY, state(1))
    with pytest.raises(Stopped):
        read_state(told, SECRET, IDENTITY, lambda: True)
    shelf = shelf_of(folder, memory_bytes=6000)
    with pytest.raises(Stopped):
        shelf.take(1, lambda: True)
    shelf.put(state(2), False, lambda: True)
    shelf.put(state(4), False, lambda: True)  # too much for memory, and nothing may be written now
    assert all(shelf.holds(state(seed).tokens, "") for seed in (1, 2, 4)) and len(list(folder.glob("*.kv"))) == 1
    shelf.put(state(6), False)
    assert shelf.memory_bytes <= 6000 and all(shelf.holds(state(seed).tokens, "") for seed in (1, 2, 4, 6)) and len(list(folder.glob("*.kv"))) == 3


def test_a_state_from_a_longer_context_is_not_offered_and_stays(folder: Path) -> None:
    write_state(folder, SECRET, IDENTITY, state(1, 100))
    shelf = shelf_of(folder)
    assert not shelf.candidates(state(1, 100).tokens, "", 99)
    (kept,) = shelf.candidates(state(1, 100).tokens, "", 100)
    shelf.set_aside(kept.name)
    assert not shelf.candidates(state(1, 100).tokens, "", 100) and len(find_states(folder, SECRET, IDENTITY)) == 1


def grown(tokens: int, points: tuple[Snapshot, ...] = ()) -> Saved:
    return Saved(np.arange(tokens, dtype=np.int32), "", 0, bytes(1000), points)


@pytest.mark.parametrize(("can_cut", "points", "files"), [
    (True, (), 1), (False, (), 2), (False, (Snapshot(80, True, b"p"),), 2), (False, (Snapshot(60, True, b"p"),), 1),
])  # fmt: skip
def test_a_file_goes_when_a_longer_branch_can_be_brought_back_to_its_length(folder: Path, can_cut: bool, points: tuple[Snapshot, ...], files: int) -> None:
    shelf = shelf_of(folder)
    shelf.can_cut = can_cut
    assert shelf.save(grown(60), lambda: False) and shelf.save(grown(100, points), lambda: False)
    assert len(list(folder.glob("*.kv"))) == files


def test_a_file_that_somebody_deleted_is_written_again(folder: Path) -> None:
    shelf = shelf_of(folder, memory_bytes=10_000)
    shelf.put(state(2), False)
    shelf.save_memory(lambda: False)
    assert shelf.on_disk(state(2).tokens, "")
    forget_all(folder)
    assert not shelf.on_disk(state(2).tokens, "") and shelf.holds(state(2).tokens, "")
    shelf.save_memory(lambda: False)
    assert shelf.on_disk(state(2).tokens, "") and len(list(folder.glob("*.kv"))) == 1
