"""packaging/dev.py: what it reads from systems and builds, and how it decides. The set-up itself runs before these tests."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from localstory.hardware.libraries import System, apt_names, missing_libraries, missing_packages, read_system

ROOT = Path(__file__).parents[3]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("localstory_dev", ROOT / "packaging/dev.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


dev = load()

BOOKWORM = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n'
NOBLE = 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n'


@pytest.mark.parametrize(("text", "system", "apt"), [
    (BOOKWORM, System("debian", (), (12,)), True), (NOBLE, System("ubuntu", ("debian",), (24, 4)), True),
    ("ID=linuxmint\nID_LIKE='ubuntu debian'\nVERSION_ID=21.3\n", System("linuxmint", ("ubuntu", "debian"), (21, 3)), True),
    ("ID=fedora\nVERSION_ID=42\n", System("fedora", (), (42,)), False), ("ID=arch\n", System("arch", (), ()), False), ("", System("", (), ()), False),
])  # fmt: skip
def test_a_system_is_told_by_its_release_file(text: str, system: System, apt: bool) -> None:
    assert read_system(text) == system
    assert system.has_apt is apt


@pytest.mark.parametrize(("system", "name"), [
    (System("debian", (), (12,)), "libglib2.0-0"), (System("debian", (), (13,)), "libglib2.0-0t64"), (System("ubuntu", ("debian",), (22, 4)), "libglib2.0-0"),
    (System("ubuntu", ("debian",), (24, 4)), "libglib2.0-0t64"), (System("ubuntu", ("debian",), (25, 10)), "libglib2.0-0t64"),
])  # fmt: skip
def test_packages_have_the_names_of_the_release(system: System, name: str) -> None:
    assert apt_names(["libglib2.0-0", "libgl1"], system) == [name, "libgl1"]


def test_what_dpkg_does_not_call_installed_is_missing() -> None:
    output = "libgl1 installed\nlibegl1 config-files\nlibglib2.0-0t64 installed\n"
    assert missing_packages(["libgl1", "libegl1", "libpulse0", "libglib2.0-0"], output) == ["libegl1", "libpulse0"]
    assert missing_packages(["libgl1"], "") == ["libgl1"]


def test_libraries_are_looked_up_by_their_whole_name() -> None:
    listed = "123 libs found in cache\n\tlibGL.so.1 (libc6,x86-64) => /lib/libGL.so.1\n\tlibGLX.so.0 (libc6) => /x\n"
    assert missing_libraries(["libGL.so.1", "libGL.so", "libEGL.so.1"], listed) == ["libGL.so", "libEGL.so.1"]


def test_apt_asks_nobody() -> None:
    command = dev.getting.apt_install(["libgl1"], sudo=True)
    assert command[:2] == ["sudo", "-n"] and "DEBIAN_FRONTEND=noninteractive" in command and "-y" in command and "--no-install-recommends" in command
    assert dev.getting.apt_install(["libgl1"])[0] == "env"


# -- progress ---------------------------------------------------------------------------------------------------------

LOG = """DEBUG Searching for a compatible version of numpy
Resolved 62 packages in 1.2s
   Building stable-diffusion-cpp-python==0.4.7
DEBUG [0/2] /usr/bin/cmake -P /c/sdists/pypi/stable-diffusion-cpp-python/0.4.7/x/VerifyGlobs.cmake
DEBUG [10/50] /usr/bin/g++ -c /c/pypi/stable-diffusion-cpp-python/0.4.7/src/a.cpp
   Building llama-cpp-python==0.3.36
DEBUG [25/50] /usr/bin/g++ -c /c/pypi/stable-diffusion-cpp-python/0.4.7/src/b.cpp
      Built stable-diffusion-cpp-python==0.4.7
DEBUG [1/2] /usr/bin/g++ -c /c/pypi/llama-cpp-python/0.3.36/src/a.cpp
DEBUG [ 50/200] /usr/bin/g++ -c /c/pypi/llama-cpp-python/0.3.36/src/b.cpp
DEBUG [ 60%] Building CXX object /c/pypi/llama-cpp-python/0.3.36/src/c.cpp
      Built llama-cpp-python==0.3.36
Prepared 2 packages in 6m
Installed 62 packages in 400ms
""".splitlines()


def follow(lines: list[str]) -> tuple[list[float | None], list[str]]:
    now = [0.0]
    progress = dev.getting.BuildProgress(lambda: now[0])
    shares, words = [], []
    for line in lines:
        now[0] += 10
        progress.line(line)
        shares.append(progress.share)
        words.append(progress.words())
    return shares, words


def test_two_builds_that_overlap_are_told_apart_and_never_go_back_within_one() -> None:
    shares, words = follow(LOG)
    weight = dev.getting.BUILD_SECONDS
    whole = sum(weight.values())
    assert shares[4] == pytest.approx(0.2)
    assert shares[6] == pytest.approx(0.5 * weight["stable-diffusion-cpp-python"] / whole)
    assert shares[9] == pytest.approx((weight["stable-diffusion-cpp-python"] + 0.25 * weight["llama-cpp-python"]) / whole)
    assert shares[10] == pytest.approx((weight["stable-diffusion-cpp-python"] + 0.6 * weight["llama-cpp-python"]) / whole)
    assert shares[-1] is None
    assert words[1] == "Fetching packages" and words[-1] == "Installing packages"


def test_the_time_left_comes_from_the_builds_own_pace() -> None:
    _shares, words = follow(LOG)
    assert words[2].endswith("the first time this takes some minutes")
    assert words[4] == "Building the engines for this computer: 20 %, about 80 s left"


def test_lines_that_say_nothing_are_no_news() -> None:
    progress = dev.getting.BuildProgress()
    assert not progress.line("DEBUG Found a cached response for: numpy")
    assert not progress.line("DEBUG [3/9] something of another package")


@pytest.mark.parametrize(("text", "what_to_do"), [
    ("error: No space left on device (os error 28)", "disk is full"), ("CMake Error: CMAKE_CXX_COMPILER not set", "apt-get install"),
    ("error: Hash mismatch for numpy", "refused"), ("  Caused by: dns error: failed to lookup", "network"),
    ("g++: fatal error: Killed, program cc1plus", "memory"),
    ("?", "Start again"),
])  # fmt: skip
def test_a_failure_says_what_to_do(text: str, what_to_do: str) -> None:
    assert what_to_do in dev.getting.why_uv_failed(text)


# -- decisions --------------------------------------------------------------------------------------------------------


def test_an_environment_for_development_stays_one() -> None:
    assert dev.kind_to_make("run", {}) == "run"
    assert dev.kind_to_make("run", {"kind": "dev"}) == "dev"
    assert dev.kind_to_make("dev", {"kind": "run"}) == "dev"


def test_only_an_environment_of_these_very_pins_is_ready() -> None:
    runs, develops = ({"kind": kind, "fingerprint": dev.fingerprint(kind)} for kind in ("run", "dev"))
    assert dev.is_ready("run", runs) and dev.is_ready("run", develops) and dev.is_ready("dev", develops)
    assert not dev.is_ready("dev", runs)
    assert not dev.is_ready("run", {}) and not dev.is_ready("run", {"kind": "run", "fingerprint": "0"}) and not dev.is_ready("run", {"kind": "odd"})


def test_the_run_pins_are_a_part_of_the_development_pins() -> None:
    def pinned(name: str) -> set[str]:
        return {line for line in (ROOT / "packaging" / name).read_text().splitlines() if "==" in line}

    run, whole = pinned("requirements.txt"), pinned("requirements-dev.txt")
    assert run < whole
    assert not any("gemma3" in line or line.startswith("pytest") for line in run)


def test_the_pins_name_no_host_and_hash_every_file() -> None:
    for path in (ROOT / "packaging").glob("requirements*.txt"):
        text = path.read_text()
        assert "://" not in text and "index-url" not in text
        entries = text.replace("\\\n", " ").splitlines()
        assert entries and all("--hash=sha256:" in entry for entry in entries if entry.strip())


def test_every_dependency_of_the_project_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    text = (ROOT / "packaging/requirements-dev.txt").read_text()
    wanted = [*project["project"]["dependencies"], *project["project"]["optional-dependencies"]["dev"], *project["dependency-groups"]["build"]]
    for requirement in wanted:
        name = requirement.split(";")[0].split("=")[0].split(">")[0].split("<")[0].strip().lower()
        assert f"\n{name}==" in f"\n{text}", name


def test_it_needs_nothing_but_python() -> None:
    """Isolated: no site-packages, no environment of ours."""
    answer = subprocess.run([sys.executable, "-I", "-S", str(ROOT / "packaging/dev.py")], capture_output=True, text=True, check=False, timeout=30)
    assert answer.returncode == 2 and "demo" in answer.stderr


def test_ended_from_outside_it_ends_what_it_started(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("signals")
    uv = tmp_path / "uv"
    uv.write_text(f"#!/bin/sh\nsleep 300 & echo $! > {tmp_path}/pid\necho 'Resolved 1 package'\nwait\n")
    uv.chmod(0o755)
    code = f"""
import importlib.util, sys
from pathlib import Path
spec = importlib.util.spec_from_file_location("dev", {str(ROOT / "packaging/dev.py")!r}); dev = importlib.util.module_from_spec(spec)
spec.loader.exec_module(dev)
dev.getting.OWN = Path({str(tmp_path)!r})
dev.COMMANDS["setup"] = lambda _arguments: dev.run_uv(Path({str(uv)!r}), [])
sys.exit(dev.main(["setup"]))
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "Fetching packages"
        sleeper = int((tmp_path / "pid").read_text())
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 128 + signal.SIGTERM
        ends = time.monotonic() + 5
        while Path(f"/proc/{sleeper}").exists() and time.monotonic() < ends:
            time.sleep(0.02)
        with pytest.raises(ProcessLookupError):
            os.kill(sleeper, 0)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
