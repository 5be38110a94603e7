"""Engine packs: what is added is whole and runs, what can't run is refused with its reason, and nothing half-made stays."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import os
import platform
import shutil
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localstory.engines import packs
from localstory.engines.pack_shelf import add_pack, remove_pack, sweep
from localstory.engines.packs import NoSuchPack, PackRefused
from localstory.engines.text import devices
from localstory.errors import BadRequest, CannotContinue, FileTrouble
from localstory.events import Progress
from localstory.settings import Settings, read_settings, write_settings
from localstory.words import tell

ROOT = Path(__file__).parents[3]
NAME = "cũ 2012"


@pytest.fixture
def engines(tmp_path: Path) -> Path:
    return tmp_path / "nhà 🐉" / "engines"


@pytest.fixture
def copy(baseline_pack: Path, tmp_path: Path) -> Path:
    """A pack in a folder of its own that a test may break."""
    folder = tmp_path / "gói của Mai"
    shutil.copytree(baseline_pack / "llama_cpp", folder / "llama_cpp", ignore=shutil.ignore_patterns("server", "libmtmd*", "*.so.0.*"))
    for about in baseline_pack.glob("*.dist-info"):
        shutil.copytree(about, folder / about.name)
    return folder


def wheel_of(folder: Path, out: Path) -> Path:
    with zipfile.ZipFile(out, "w") as wheel:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                wheel.write(path, path.relative_to(folder).as_posix())
    return out


def left_in(engines: Path) -> list[str]:
    return sorted(place.name for place in engines.iterdir()) if engines.is_dir() else []


def test_our_workers_are_written_for_the_version_that_is_pinned() -> None:
    pins = [line for line in (ROOT / "packaging/requirements.txt").read_text().splitlines() if line.startswith("llama-cpp-python==")]
    assert [line.split()[0] for line in pins] == [f"llama-cpp-python=={packs.WRITTEN_FOR}"]


async def test_what_is_added_is_described_by_its_own_files(copy: Path, engines: Path) -> None:
    added = await add_pack(copy, engines, name=NAME)
    folder = engines / NAME
    assert left_in(engines) == [NAME] and added.pack == packs.open_pack(engines, NAME)
    told = json.loads((folder / "pack.json").read_text("utf-8"))
    assert (told["version"], told["backend"], told["licence"], told["arch"]) == (packs.WRITTEN_FOR, "cpu", "MIT", platform.machine())
    hashes = {row["file"]: row["sha256"] for row in told["libraries"]}
    expected = {f"llama_cpp/lib/{path.name}": hashlib.sha256(path.read_bytes()).hexdigest() for path in (copy / "llama_cpp/lib").iterdir()}
    assert hashes == expected and len(hashes) >= 4
    assert [device.kind for device in added.devices] == ["cpu"]
    packs.check_pack(added.pack, whole=True)


async def test_the_devices_are_asked_of_the_pack_itself(copy: Path, engines: Path) -> None:
    """The two builds differ in what they were compiled with: the portable one has AVX2, the pack has not."""
    added = await add_pack(copy, engines)
    assert added.pack.name == "cpu"  # by what it is for, since nobody named it
    portable = await devices.ask_build(None)
    assert "SSE3 = 1" in portable.system_info
    assert ("AVX2 = 1" in portable.system_info, "AVX2 = 1" in added.pack.system_info) == (True, False)


async def test_a_wheel_is_as_good_as_a_folder(copy: Path, engines: Path, tmp_path: Path) -> None:
    wheel = wheel_of(copy, tmp_path / "llama_cpp_python-0.3.36+cũ-py3-none-linux_x86_64.whl")
    added = await add_pack(wheel, engines, name="từ bánh xe")
    assert {one.sha256 for one in added.pack.libraries} == {hashlib.sha256(path.read_bytes()).hexdigest() for path in (copy / "llama_cpp/lib").iterdir()}
    assert added.pack.licence == "MIT"


async def test_a_library_under_three_names_takes_room_once(copy: Path, engines: Path) -> None:
    library = copy / "llama_cpp/lib/libllama.so"
    shutil.copy(library, library.with_name("libllama.so.0.5.0"))
    await add_pack(copy, engines, name=NAME)
    names = sorted((engines / NAME / "llama_cpp/lib").glob("libllama.so*"))
    assert len(names) == 3 and len({path.stat().st_ino for path in names}) == 1


def other_version(folder: Path) -> None:
    init = folder / "llama_cpp/__init__.py"
    init.write_text(init.read_text().replace(packs.WRITTEN_FOR, "0.3.99"))


def no_version(folder: Path) -> None:
    (folder / "llama_cpp/__init__.py").write_text("from .llama_cpp import *\n")


def no_library(folder: Path) -> None:
    shutil.rmtree(folder / "llama_cpp/lib")


def other_processor(folder: Path) -> None:
    for library in (folder / "llama_cpp/lib").iterdir():
        content = bytearray(library.read_bytes())
        struct.pack_into("<H", content, 18, 183)  # EM_AARCH64 (elf.h)
        library.write_bytes(content)


def other_system(folder: Path) -> None:
    # A 64-bit Mach-O for Apple's processors (mach-o/loader.h).
    (folder / "llama_cpp/lib/libggml-metal.dylib").write_bytes(struct.pack("<II", 0xFEEDFACF, 0x0100000C) + bytes(100))


def no_library_at_all(folder: Path) -> None:
    (folder / "llama_cpp/lib/libggml-base.so.0").write_bytes("đây là thơ".encode())


def cut_library(folder: Path) -> None:
    library = folder / "llama_cpp/lib/libllama.so"
    library.write_bytes(library.read_bytes()[:100_000])


def crashes(folder: Path) -> None:
    init = folder / "llama_cpp/__init__.py"
    init.write_text(init.read_text() + "\nimport os, sys\nprint('GGML_ASSERT: no 🐉 here', file=sys.stderr, flush=True)\nos.abort()\n")


def lies(folder: Path) -> None:
    """What it says when it is read is not what it says when it runs."""
    init = folder / "llama_cpp/__init__.py"
    init.write_text(init.read_text() + "\n__version__ += '.post1'\n")


def without_a_function(folder: Path) -> None:
    """Bindings of another llama.cpp than the library beside them."""
    bindings = folder / "llama_cpp/llama_cpp.py"
    bindings.write_text(bindings.read_text().replace('"llama_backend_init"', '"llama_backend_begin"'))


def points_out(folder: Path) -> None:
    (folder / "llama_cpp/lib/libsecret.so").symlink_to("/etc/passwd")


@pytest.mark.parametrize(("breaks", "reason"), [
    (other_version, "0.3.99"), (no_version, "no package"), (no_library, "no library"), (other_processor, "linux aarch64"), (other_system, "macos aarch64"),
    (no_library_at_all, "? ?"), (cut_library, "crashed"), (crashes, "GGML_ASSERT: no 🐉 here"), (lies, "0.3.36.post1"),
    (without_a_function, "could not be loaded"), (points_out, "leads out"),
])  # fmt: skip
async def test_what_can_not_run_is_refused_with_its_reason(breaks: Callable[[Path], None], reason: str, copy: Path, engines: Path) -> None:
    breaks(copy)
    with pytest.raises(PackRefused) as refused:
        await add_pack(copy, engines, name=NAME)
    assert reason in tell(refused.value).detail
    assert left_in(engines) == []


async def test_a_pack_that_never_answers_is_refused(copy: Path, engines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "ANSWER_SECONDS", 1.5)
    init = copy / "llama_cpp/__init__.py"
    init.write_text(init.read_text() + "\nimport time\ntime.sleep(60)\n")
    with pytest.raises(PackRefused, match="did not answer"):
        await add_pack(copy, engines, name=NAME)
    assert left_in(engines) == []


@pytest.mark.parametrize("entry", ["../evil.py", "/evil.py", "llama_cpp/../../evil.py", "C:evil.py", "llama_cpp\\..\\evil.py"])
async def test_a_wheel_can_not_write_outside(entry: str, copy: Path, engines: Path, tmp_path: Path) -> None:
    wheel = wheel_of(copy, tmp_path / "evil.whl")
    with zipfile.ZipFile(wheel, "a") as file:
        file.writestr(entry, "boom")
    before = sorted(tmp_path.rglob("*evil.py"))
    with pytest.raises(PackRefused, match="leads out"):
        await add_pack(wheel, engines, name=NAME)
    assert sorted(tmp_path.rglob("*evil.py")) == before == [] and left_in(engines) == []


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a wheel", bytes(5000)])
async def test_other_files_are_no_packs(content: bytes, engines: Path, tmp_path: Path) -> None:
    file = tmp_path / "thơ 🐉.whl"
    file.write_bytes(content)
    with pytest.raises(PackRefused, match="neither a folder nor a wheel"):
        await add_pack(file, engines)
    with pytest.raises(FileTrouble):
        await add_pack(tmp_path / "không có", engines)
    assert left_in(engines) == []


async def test_a_full_disk_leaves_nothing(copy: Path, engines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def full(_descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == 9:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("localstory.engines.pack_shelf.os.fsync", full)
    with pytest.raises(FileTrouble, match="No space left"):
        await add_pack(copy, engines, name=NAME)
    assert left_in(engines) == []


async def test_cancelled_in_the_middle_of_copying_nothing_stays(copy: Path, engines: Path) -> None:
    began = asyncio.Event()
    loop = asyncio.get_running_loop()

    def copying(_progress: Progress) -> None:
        loop.call_soon_threadsafe(began.set)

    adding = asyncio.create_task(add_pack(copy, engines, name=NAME, report=copying))
    await began.wait()
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    assert left_in(engines) == []


async def test_a_name_is_there_once_whatever_its_case(copy: Path, engines: Path) -> None:
    await add_pack(copy, engines, name="Cũ")
    with pytest.raises(BadRequest, match="already"):
        await add_pack(copy, engines, name="cŨ")
    remove_pack(engines, "Cũ")
    assert left_in(engines) == []
    with pytest.raises(NoSuchPack):
        remove_pack(engines, "Cũ")


def test_names_that_can_not_be_folders_are_refused() -> None:
    good = ["cpu", "CUDA 12.4", "gói cũ", "a", "vulkan_1.3+x", "中文"]
    bad = [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "builtin",
        "BUILTIN",
        "con",
        "NUL",
        "nul.txt",
        "com1",
        " a",
        "a ",
        "a.",
        ".part",
        "x" * 41,
        "a\nb",
        "a:b",
        "🐉",
        "-x",
    ]
    assert [name for name in good if not packs.is_name(name)] == []
    assert [name for name in bad if packs.is_name(name)] == []


async def test_what_a_crash_left_is_swept_and_never_listed(copy: Path, engines: Path) -> None:
    await add_pack(copy, engines, name=NAME)
    shutil.copytree(engines / NAME, engines / ".incoming.part")
    (engines / NAME).rename(engines / f".{NAME}.gone")
    assert packs.pack_names(engines) == []
    sweep(engines)
    assert left_in(engines) == []


# -- one that is here -------------------------------------------------------------------------------------------------


@pytest.fixture
async def pack(copy: Path, engines: Path) -> packs.Pack:
    return (await add_pack(copy, engines, name=NAME)).pack


async def test_a_library_that_changed_is_noticed(pack: packs.Pack) -> None:
    library = pack.folder / "llama_cpp/lib/libggml-cpu.so"
    content = bytearray(library.read_bytes())
    content[-1] ^= 1
    library.unlink()  # its other names stay as they were
    library.write_bytes(content)
    packs.check_pack(pack)  # the size alone tells nothing
    with pytest.raises(PackRefused, match=r"libggml-cpu\.so is not the file that was added"):
        packs.check_pack(pack, whole=True)
    library.write_bytes(content[:-1])
    with pytest.raises(PackRefused, match=r"libggml-cpu\.so"):
        packs.check_pack(pack)
    library.unlink()
    with pytest.raises(PackRefused, match="No such file"):
        packs.check_pack(pack)


@pytest.mark.parametrize(("field", "value", "reason"), [("arch", "riscv64", "riscv64"), ("os", "beos", "beos"), ("version", "0.3.35", "0.3.35")])
async def test_a_pack_from_another_computer_is_refused(pack: packs.Pack, field: str, value: str, reason: str) -> None:
    description = pack.folder / "pack.json"
    description.write_text(json.dumps(json.loads(description.read_text()) | {field: value}))
    with pytest.raises(PackRefused, match=reason):
        packs.open_pack(pack.folder.parent, pack.name)


_FIELDS = st.sampled_from(("format", "libraries", "version", "os", "arch", "backend", "file", "size_bytes", "sha256", "licence"))
_VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=9)
_TREES = st.recursive(_VALUES, lambda one: st.lists(one, max_size=3) | st.dictionaries(_FIELDS, one, max_size=8), max_leaves=20)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=300) | _TREES.map(lambda told: json.dumps(told).encode()))
def test_no_description_breaks_more_than_its_pack(raw: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "engines" / "odd"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pack.json").write_bytes(raw)
    with pytest.raises(PackRefused):
        packs.open_pack(folder.parent, "odd")


def test_a_library_outside_the_folder_is_no_part_of_a_pack(tmp_path: Path) -> None:
    folder = tmp_path / "engines" / "x"
    folder.mkdir(parents=True)
    about = packs.Pack("x", folder, packs.WRITTEN_FOR, "cpu", *packs.this_system(), (packs.Library("../../secret.so", 1, "0"),), "", "")
    (folder / "pack.json").write_text(json.dumps(about.as_json()))
    with pytest.raises(PackRefused, match="damaged"):
        packs.read_pack(folder)


# -- the choice -------------------------------------------------------------------------------------------------------


def test_a_models_own_choice_comes_before_the_default(tmp_path: Path) -> None:
    one, other, third = (tmp_path / f"mô hình {number}.gguf" for number in range(3))
    chosen = Settings(engine_pack="nhanh", engine_packs={str(one): "cũ", str(other): "builtin"})
    assert [packs.chosen_name(chosen, model) for model in (one, other, third, None)] == ["cũ", "", "nhanh", "nhanh"]
    assert packs.chosen_name(Settings(), one) == ""
    with pytest.raises(NoSuchPack):
        packs.chosen_pack(tmp_path, chosen, one)
    assert packs.chosen_pack(tmp_path, chosen, other) is None


def test_choices_survive_a_restart_and_keep_a_persons_comments(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text('# của Mai\ntheme = "dark"\n[engine_packs]\n# chậm nhưng chắc\n"/mô hình/🐉.gguf" = "cũ"\nodd = 3\n', "utf-8")
    read = read_settings(path)
    assert read.engine_packs == {"/mô hình/🐉.gguf": "cũ"}
    write_settings(path, replace(read, language="vi"))
    assert "chậm nhưng chắc" in path.read_text("utf-8") and read_settings(path) == replace(read, language="vi")
    more = read.engine_packs | {'/a "b" \\ c.gguf': "nhanh"}
    write_settings(path, replace(read, engine_packs=more, engine_pack="nhanh"))
    assert read_settings(path).engine_packs == more and read_settings(path).engine_pack == "nhanh"
    write_settings(path, Settings())
    assert read_settings(path) == Settings()


@pytest.mark.parametrize("text", ['engine_packs = "x"', "engine_packs = 3", "engine_pack = {}", "engine_packs = [1]"])
def test_choices_that_make_no_sense_are_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(text, "utf-8")
    assert read_settings(path) == Settings()


def test_refusals_are_words_for_people() -> None:
    for error in (PackRefused("x", "why"), NoSuchPack("x"), packs.wrong_system("x", ("macos", "aarch64"))):
        assert isinstance(error, CannotContinue) and "x" in tell(error).title and tell(error).hint
