"""packaging/packs.py: a pack is built by uv with its own flags, once; afterwards uv's cache has it, for every clone."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
PINS = ROOT / "packaging/requirements-dev.txt"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"localstory_{name}", ROOT / f"packaging/{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


packs = load("packs")


class UvFailed(Exception):
    pass


class Uv:
    """Writes a package where it is told, or fails."""

    def __init__(self, *outcomes: bool) -> None:
        self.outcomes = list(outcomes)
        self.commands: list[list[str]] = []

    def __call__(self, command: Sequence[str | Path]) -> None:
        parts = [str(part) for part in command]
        self.commands.append(parts)
        target = Path(parts[parts.index("--target") + 1])
        (target / "llama_cpp").mkdir(parents=True)
        if not self.outcomes.pop(0):
            raise UvFailed


def build(uv: Uv, out: Path) -> Path:
    made: Path = packs.build("baseline", out, python=Path("python"), requirements=PINS, run_uv=uv, failure=UvFailed)
    return made


def test_only_the_engine_is_taken_from_the_list_with_its_hash() -> None:
    wanted = packs.pinned(PINS.read_text("utf-8"))
    assert wanted.startswith("llama-cpp-python==0.3.36 \\\n") and wanted.count("==") == 1 and wanted.count("--hash=sha256:") >= 1
    assert packs.pinned("a==1\nllama-cpp-python==9 \\\n    --hash=sha256:00") == "llama-cpp-python==9 \\\n    --hash=sha256:00\n"
    with pytest.raises(ValueError, match="not in the list"):
        packs.pinned("numpy==2\n")


def test_what_uv_has_kept_comes_first_and_the_second_call_needs_no_uv(tmp_path: Path) -> None:
    uv = Uv(True)
    made = build(uv, tmp_path / "gói 🐉")
    (command,) = uv.commands
    assert "--offline" in command and "--require-hashes" in command and "--no-deps" in command
    assert command[command.index("--config-file") + 1] == str(ROOT / "packaging/packs/baseline/uv.toml")
    assert build(Uv(), tmp_path / "gói 🐉") == made and (made / "llama_cpp").is_dir()
    (made / "made-of.txt").write_text("other flags")
    uv = Uv(False, True)
    build(uv, tmp_path / "gói 🐉")
    assert ["--offline" in command for command in uv.commands] == [True, False]


def test_a_failed_build_leaves_the_old_pack(tmp_path: Path) -> None:
    made = build(Uv(True), tmp_path)
    (made / "made-of.txt").write_text("other flags")
    with pytest.raises(UvFailed):
        build(Uv(False, False), tmp_path)
    assert [place.name for place in tmp_path.iterdir()] == ["baseline"] and (made / "llama_cpp").is_dir()


def test_the_flags_are_those_of_an_old_processor() -> None:
    assert packs.names() == ["baseline"]
    flags = (ROOT / "packaging/packs/baseline/uv.toml").read_text("utf-8")
    assert all(f"-DGGML_{name}=OFF" in flags for name in ("NATIVE", "AVX", "AVX2", "FMA", "F16C", "BMI2"))


def test_for_another_clone_uv_has_the_built_pack_in_its_cache(tmp_path: Path, baseline_pack: Path) -> None:
    """The real uv, without a network: it would fail if it had to fetch, and take minutes if it had to build."""
    dev = load("dev")
    uv = dev.getting.find_uv()

    def run(command: Sequence[str | Path]) -> None:
        ended = subprocess.run([uv, *map(str, command)], capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
        if ended.returncode:
            raise UvFailed(ended.stderr)

    made = packs.build("baseline", tmp_path / "bản khác", python=dev.venv_python(), requirements=PINS, run_uv=run, failure=UvFailed)
    libraries = [(folder / "llama_cpp/lib/libggml-cpu.so").read_bytes() for folder in (made, baseline_pack)]
    assert hashlib.sha256(libraries[0]).digest() == hashlib.sha256(libraries[1]).digest()
