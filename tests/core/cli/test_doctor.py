"""doctor, engines and probe on the command line: with everything here, and with parts made missing for real."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from localstory import words
from localstory.cli import doctor, main
from localstory.cli.doctor import Check
from localstory.hardware import linux
from localstory.paths import Home, HomeLock, open_home
from tests.fakes.gguf_files import TINY


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main([*arguments, "--json"])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, answer


def checks_of(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in answer["checks"]}


def run_cli(*arguments: str, **environment: str) -> tuple[int, dict[str, Any], str]:
    """The real program in a process of its own, for faults that sit in the environment."""
    ended = subprocess.run(
        [sys.executable, "-m", "localstory", *arguments, "--json"], capture_output=True, text=True, check=False, timeout=60, env=os.environ | environment
    )
    answer: dict[str, Any] = json.loads(ended.stdout)
    return ended.returncode, answer, ended.stderr


def test_where_nothing_is_missing_doctor_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = ask(capsys, "doctor")
    essential = {name: check for name, check in checks_of(answer).items() if check["essential"]}
    assert [name for name, check in essential.items() if not check["ok"]] == []
    assert (code, answer["ok"]) == (0, True)
    assert {"text_engine", "speech_engine", "film_engine", "ffmpeg", "text_model", "voice", "home", "disk"} <= set(essential)


def test_every_check_that_fails_has_a_fix_or_a_detail(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "find_spec", lambda _name: None)
    for check in checks_of(ask(capsys, "doctor")[1]).values():
        assert check["ok"] or (check["detail"] and (check["fix"] or check["name"] == "lock")), check


def test_for_people_there_is_a_line_each_and_the_fix_below_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "all_checks", lambda _home: [Check("a", "Good part", True), Check("b", "Bad part", False, True, "gone", "do this")])
    assert main(["doctor"]) == 1
    told = capsys.readouterr().out.splitlines()
    assert told[:3] == ["✓ Good part", "✗ Bad part: gone", "    do this"]


def test_what_is_not_essential_does_not_fail_it(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "all_checks", lambda _home: [Check("window", "The window", False, False, "gone", "do this")])
    assert ask(capsys, "doctor")[0] == 0


@pytest.mark.parametrize(
    ("module", "name"), [("llama_cpp", "text_engine"), ("piper", "speech_engine"), ("moviepy", "film_engine"), ("stable_diffusion_cpp", "image_engine")]
)
def test_a_missing_package_is_found_and_its_fix_told(module: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from localstory.engines.text import devices

    real = importlib.util.find_spec
    for place in (doctor, devices):
        monkeypatch.setattr(place, "find_spec", lambda wanted, *more: None if wanted == module else real(wanted, *more))
    look = {
        "text_engine": doctor._text_engine,
        "speech_engine": doctor._speech_engine,
        "film_engine": doctor._film_engine,
        "image_engine": doctor._image_engine,
    }
    check = look[name]()
    assert not check.ok
    assert "packaging/dev.py setup --again" in check.fix
    assert check.essential is (name != "image_engine")


def test_an_engine_that_does_not_load_is_found_in_a_real_child(tmp_path: Path) -> None:
    (tmp_path / "llama_cpp").mkdir()
    (tmp_path / "llama_cpp/__init__.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    code, answer, _err = run_cli("doctor", PYTHONPATH=str(tmp_path))
    engine = checks_of(answer)["text_engine"]
    assert (code, answer["ok"], engine["ok"]) == (1, False, False)
    assert "libgomp.so.1" in engine["detail"]


def test_an_ffmpeg_that_does_not_run_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "ffmpeg"
    broken.write_text("#!/bin/sh\nexit 3\n")
    for make_it, mode in (("not executable", 0o644), ("failing", 0o755)):
        broken.chmod(mode)
        monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(broken))
        check = doctor._ffmpeg()
        assert not check.ok and "IMAGEIO_FFMPEG_EXE" in check.fix, make_it
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
    assert not doctor._ffmpeg().ok


def test_without_the_starter_and_any_model_the_command_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from localstory.models import library

    monkeypatch.setattr(library, "find_spec", lambda _name: None)
    place = open_home(home)
    for check in (doctor._text_model(place), doctor._voice(place)):
        assert not check.ok and check.essential and "dev.py" in check.fix
    (place.models / "hỏng.gguf").write_bytes(TINY[:-10])
    assert "hỏng.gguf: The file is cut off: 10 bytes" in doctor._text_model(place).detail
    (place.models / "rồng 🐉.gguf").write_bytes(TINY)
    assert doctor._text_model(place).ok


def test_an_unwritable_home_is_found(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file where a folder should be")
    check = doctor._home(Home(tmp_path / "file" / "home"))
    assert not check.ok and "LOCALSTORY_HOME" in check.fix and str(tmp_path) in check.detail
    fine = doctor._home(Home(tmp_path / "nhà"))
    assert fine.ok and list((tmp_path / "nhà").iterdir()) == []


def test_a_home_on_a_read_only_disk_is_found() -> None:
    if not Path("/proc/sys").exists():
        pytest.skip("needs a place that even root can't write")
    code, answer, _err = run_cli("doctor", LOCALSTORY_HOME="/proc/sys/localstory")
    assert code == 1 and not checks_of(answer)["home"]["ok"]


def test_a_disk_almost_full_is_a_warning_and_a_full_one_is_essential(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from localstory.hardware import probe

    for free, ok, essential in ((10 << 30, True, True), (900 << 20, False, False), (10 << 20, False, True)):
        monkeypatch.setattr(probe, "free_bytes", lambda _folder, free=free: free)
        check = doctor._disk(Home(home))
        assert (check.ok, check.essential) == (ok, essential)


def test_another_localstory_at_work_is_told_and_nothing_is_disturbed(home: Path) -> None:
    place = open_home(home)
    assert doctor._lock(place).ok
    with HomeLock(place):
        check = doctor._lock(place)
        assert not check.ok and not check.essential
    with HomeLock(place):
        pass
    assert doctor._lock(place).ok


def test_settings_that_cannot_be_read_are_told_with_the_line(home: Path) -> None:
    place = open_home(home)
    place.settings_file.write_text("language = [")
    check = doctor._settings(place)
    assert not check.ok and "settings.toml" in check.detail and check.fix


def test_the_pair_that_ends_the_program_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda _package: "6.12.0")
    for python, ok in (((3, 11, 7), False), ((3, 12, 1), True)):
        monkeypatch.setattr(sys, "version_info", python)
        assert doctor._window_pair().ok is ok
    monkeypatch.setattr(doctor, "_version", lambda _package: "6.11.3")
    monkeypatch.setattr(sys, "version_info", (3, 11, 7))
    assert doctor._window_pair().ok


def test_missing_system_libraries_are_told_with_the_apt_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "ldconfig"
    fake.write_text("#!/bin/sh\nprintf '1 libs\\n\\tlibGL.so.1 (libc6) => /x\\n'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for check, package in ((doctor._window_libraries(), "libegl1"), (doctor._sound_libraries(), "libpulse0")):
        assert not check.ok and not check.essential
        if Path("/etc/debian_version").exists():
            assert "apt-get install" in check.fix and package in check.fix and "libgl1 " not in check.fix


def test_an_old_processor_is_told_how_to_build_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(linux, "processor_features", lambda: ("sse3", "avx"))
    check = doctor._processor()
    if check.ok:
        pytest.skip("not an x86 processor")
    assert not check.essential and "GGML_NATIVE=ON" in check.fix


def test_without_a_screen_only_the_window_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    for display, ok in ((":0", True), ("", False)):
        monkeypatch.setenv("DISPLAY", display)
        check = doctor._display()
        assert check.ok is ok and not check.essential


def test_it_speaks_vietnamese_without_falling(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "vi_VN.UTF-8")
    assert main(["doctor"]) == 0
    assert words.language() == "vi"
    assert "{" not in capsys.readouterr().out


# -- engines ----------------------------------------------------------------------------------------------------------


def test_engines_lists_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    code, answer = ask(capsys, "engines")
    rows = {row["name"]: row for row in answer["engines"]}
    assert code == 0 and list(rows) == ["llama_cpp", "builtin", "stable_diffusion_cpp", "piper", "film"]
    assert rows["llama_cpp"]["version"] == "0.3.36" and rows["llama_cpp"]["devices"][0]["kind"] == "cpu"
    assert rows["llama_cpp"]["models"] == ["SmolLM2-135M-Instruct"] and rows["piper"]["models"] == ["en_US-joe-medium"]
    assert all(row["installed"] and row["runs_on"] and row["problem"] is None for row in rows.values())


def test_an_engine_that_does_not_load_has_its_problem_told(tmp_path: Path) -> None:
    (tmp_path / "llama_cpp").mkdir()
    (tmp_path / "llama_cpp/__init__.py").write_text("raise ImportError('broken')")
    code, answer, _err = run_cli("engines", PYTHONPATH=str(tmp_path))
    assert code == 0
    assert "broken" in answer["engines"][0]["problem"] and answer["engines"][0]["devices"] is None


# -- probe ------------------------------------------------------------------------------------------------------------


def test_probe_measures_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    code, quick = ask(capsys, "probe")
    assert (code, quick["memory"]["read_gbps"], quick["engine"]["devices"]) == (0, None, None)
    code, whole = ask(capsys, "probe", "--measure")
    assert code == 0 and whole["memory"]["read_gbps"] > 0.5
    assert whole["engine"]["devices"][0]["kind"] == "cpu"


def test_probe_changes_nothing_on_the_disk(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    ask(capsys, "probe")
    ask(capsys, "engines")
    assert not home.exists()


def test_probe_for_people_is_a_few_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["probe"]) == 0
    told = capsys.readouterr().out
    assert "Memory" in told and "Processor" in told and "{" not in told
