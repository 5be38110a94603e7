"""What set-up needs from outside: system libraries, uv, and the packages uv installs. A part of dev.py.

Runs with nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
from localstory.hardware.libraries import (  # noqa: E402 - standard library only
    ENGINE_LIBRARIES,
    SOUND_LIBRARIES,
    WINDOW_LIBRARIES,
    apt_command,
    apt_names,
    missing_libraries,
    missing_packages,
    read_system,
)
from localstory.system import WINDOWS, end_group  # noqa: E402 - standard library only

OWN = ROOT / ".uv"
UV_PINS = ROOT / "packaging/requirements-uv.txt"
UV_AT_LEAST = (0, 9)
"""`extra-build-variables` in pyproject.toml, which keeps the engines' builds portable, is not in older ones."""

TEST_TOOLS = ("xvfb", "xauth")
BUILD_SECONDS = {"llama-cpp-python": 330.0, "stable-diffusion-cpp-python": 150.0}
"""Measured on two cores; only the first guess, then the builds' own progress counts."""


class Stop(Exception):
    """Set-up can't go on; the text says why and what to do."""


def say(text: str) -> None:
    print(text, flush=True)


# -- system libraries -------------------------------------------------------------------------------------------------


def apt_install(packages: Sequence[str], *, sudo: bool = False) -> list[str]:
    """Install without a question: nobody may be there to answer."""
    command = ["apt-get", "install", "-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=120", "-o", "Dpkg::Use-Pty=0", *packages]
    return [*(["sudo", "-n"] if sudo else []), "env", "DEBIAN_FRONTEND=noninteractive", *command]


def install_packages(packages: Sequence[str]) -> bool:
    """Try to install by apt; True when it worked."""
    root = not WINDOWS and os.geteuid() == 0
    if not root and not _quiet(["sudo", "-n", "true"]):
        return False
    say(f"Installing system packages: {' '.join(packages)}")
    if _quiet(apt_install(packages, sudo=not root)):
        return True
    # A fresh image has no lists, or old ones.
    _quiet([*([] if root else ["sudo", "-n"]), "apt-get", "update", "-q"])
    return _quiet(apt_install(packages, sudo=not root))


def check_system_libraries(*, tests: bool, builds: bool) -> None:
    """See that the libraries are there, or install them. Only what the engines need is worth stopping for."""
    if sys.platform != "linux":
        if builds and not WINDOWS and not shutil.which("c++"):
            raise Stop("A C++ compiler is missing. Run: xcode-select --install")
        return
    needed = [*ENGINE_LIBRARIES.values(), *(["g++"] if builds and not shutil.which("c++") and not shutil.which("g++") else [])]
    nice = [*WINDOW_LIBRARIES.values(), *SOUND_LIBRARIES.values(), *(TEST_TOOLS if tests else ())]
    system = read_system(_text(Path("/etc/os-release")))
    if not system.has_apt or not shutil.which("dpkg-query"):
        _check_without_apt(builds=builds)
        return
    wanted = apt_names([*needed, *nice], system)
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *wanted, "libglib2.0-0t64"], capture_output=True, text=True, check=False
    )
    missing = missing_packages(wanted, asked.stdout)
    if not missing or install_packages(missing):
        return
    essential = [package for package in missing if package in needed]
    text = f"System packages are missing and could not be installed from here. Run:\n  {apt_command(missing)}"
    if essential:
        raise Stop(f"{text}\nthen start again.")
    say(f"{text}\nIt goes on without them: {'the window and some tests need' if tests else 'only the window needs'} them.")


def _check_without_apt(*, builds: bool) -> None:
    """Another Linux: name the libraries, its own package manager knows where they are."""
    cache = subprocess.run([shutil.which("ldconfig") or "/sbin/ldconfig", "-p"], capture_output=True, text=True, check=False).stdout if _has_ldconfig() else ""
    if builds and not shutil.which("c++") and not shutil.which("g++"):
        raise Stop("A C++ compiler is missing. Install gcc-c++ (Fedora, openSUSE) or gcc (Arch) and start again.")
    missing = missing_libraries([*ENGINE_LIBRARIES, *WINDOW_LIBRARIES, *SOUND_LIBRARIES], cache)
    if cache and missing:
        say(f"These system libraries were not found; the window may not start without them: {', '.join(missing)}")


def _has_ldconfig() -> bool:
    return bool(shutil.which("ldconfig")) or Path("/sbin/ldconfig").exists()


# -- uv ---------------------------------------------------------------------------------------------------------------


def find_uv() -> Path:
    """uv from the PATH if it is new enough, else our own; installs that when need be. Raises Stop."""
    own = [OWN / "env" / ("Scripts" if WINDOWS else "bin") / "uv", OWN / "lib/bin/uv"]
    on_path = shutil.which("uv")
    for place in [*([Path(on_path)] if on_path else []), *own]:
        place = place.with_suffix(".exe") if WINDOWS else place
        if place.exists() and uv_version(place) >= UV_AT_LEAST:
            return place
    say("Installing uv (a program that fetches and builds Python packages) into .uv/")
    for attempt in (_uv_by_venv, _uv_by_pip, _uv_by_apt):
        with contextlib.suppress(subprocess.CalledProcessError, OSError):
            attempt()
        for place in own:
            place = place.with_suffix(".exe") if WINDOWS else place
            if place.exists() and uv_version(place) >= UV_AT_LEAST:
                return place
    raise Stop(
        "uv is missing, and this Python has neither venv nor pip to fetch it with. Run:\n"
        f"  {apt_command(['python3-venv'])}\n(or install uv any other way), then start again."
    )


def uv_version(uv: Path) -> tuple[int, ...]:
    """(0, 9, 1); () when it doesn't run."""
    try:
        answer = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError):
        return ()
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", answer.stdout)
    return tuple(int(part) for part in found.groups()) if found else ()


def _uv_by_venv() -> None:
    environment = OWN / "env"
    _log_run([sys.executable, "-m", "venv", "--clear", environment])
    python = environment / ("Scripts/python.exe" if WINDOWS else "bin/python")
    _log_run([python, "-m", "pip", "install", "-q", *_pinned_uv()])


def _uv_by_pip() -> None:
    _log_run([sys.executable, "-m", "pip", "install", "-q", "--upgrade", "--target", OWN / "lib", *_pinned_uv()])


def _pinned_uv() -> list[str]:
    # Only `pins` itself can be without its list.
    return ["--require-hashes", "-r", str(UV_PINS)] if UV_PINS.exists() else ["uv"]


def _uv_by_apt() -> None:
    if shutil.which("apt-get") and install_packages(["python3-venv"]):
        _uv_by_venv()


def _log_run(command: Sequence[str | Path]) -> None:
    with open(OWN / "setup.log", "ab") as log:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


# -- progress of a set-up ---------------------------------------------------------------------------------------------


class BuildProgress:
    """How far a run of `uv -v` is, from the lines it prints. Pure but for the clock it is given.

    Two builds may overlap; a compiler's line belongs to the one whose name is in its paths.
    """

    _BUILDING = re.compile(r"^(?:DEBUG )?\s*Building:? ([a-z0-9-]+)==")
    _BUILT = re.compile(r"^\s*Built ([a-z0-9-]+)==")
    _STEP = re.compile(r"^DEBUG \[\s*(\d+)(?:/(\d+)|%)\](.*)")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: float | None = None
        self.stage = "Looking for what is needed"
        self._shares: dict[str, float] = {}

    def line(self, text: str) -> bool:
        """Take a line; True when there is news."""
        if (building := self._BUILDING.match(text)) and building[1] in BUILD_SECONDS:
            self._began = self._clock() if self._began is None else self._began
            self._shares.setdefault(building[1], 0.0)
            self.stage = "Building the engines for this computer"
            return True
        if (built := self._BUILT.match(text)) and built[1] in self._shares:
            self._shares[built[1]] = 1.0
            if min(self._shares.values()) == 1.0:
                self.stage = "Fetching packages"
            return True
        if step := self._STEP.match(text):
            engine = next((name for name in self._shares if f"/{name}/" in step[3].replace("\\", "/")), "")
            if engine and step[2] != "2":  # [1/2] are two small steps before the compilers start
                self._shares[engine] = max(self._shares[engine], min(0.99, int(step[1]) / int(step[2] or 100)))
            return bool(engine)
        for start, stage in (("Resolved", "Fetching packages"), ("Prepared", "Installing packages"), ("Installed", "Installing packages")):
            if text.startswith(start) and not self.is_building:
                self.stage = stage
                return True
        return False

    @property
    def is_building(self) -> bool:
        return any(share < 1.0 for share in self._shares.values())

    @property
    def share(self) -> float | None:
        """Part of the engines' builds that is done; None while none is built."""
        whole = sum(BUILD_SECONDS[name] for name in self._shares)
        return sum(BUILD_SECONDS[name] * share for name, share in self._shares.items()) / whole if self.is_building else None

    @property
    def seconds_left(self) -> float | None:
        """About how long the engines still take, at the pace so far; None when it is too early to say."""
        share = self.share
        if share is None or share < 0.03 or self._began is None:
            return None
        return (self._clock() - self._began) * (1 - share) / share

    def words(self) -> str:
        """ "Building the engines for this computer: 42 %, about 3 min left"."""
        if self.share is None:
            return self.stage
        left = self.seconds_left
        return f"{self.stage}: {round(self.share * 100)} %, " + (
            f"about {in_words(left)} left" if left is not None else "the first time this takes some minutes"
        )


def in_words(seconds: float) -> str:
    """ "40 s", "3 min"."""
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{round(seconds / 60)} min"


def run_uv(uv: Path, arguments: Sequence[str | Path]) -> None:
    """Run uv with our progress instead of its own; its full output goes to .uv/setup.log. Raises Stop with its last words."""
    environment = os.environ | {"UV_NO_PROGRESS": "1", "UV_CONCURRENT_BUILDS": "1", "UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1"}
    environment.pop("VIRTUAL_ENV", None)
    command = [str(uv), "-v", *map(str, arguments)]
    progress, terminal = BuildProgress(), sys.stdout.isatty()
    last_words: list[str] = []
    shown, shown_at = "", 0.0
    # A group of its own: Ctrl+C must end the compilers too, in order.
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, encoding="utf-8", errors="replace", **({} if WINDOWS else {"start_new_session": True}))  # type: ignore[call-overload]  # fmt: skip
    try:
        with open(OWN / "setup.log", "a", encoding="utf-8") as log:
            log.write(f"$ {' '.join(command)}\n")
            for line in process.stdout:
                log.write(line)
                if not line.startswith("DEBUG") or "error" in line.lower():
                    last_words = [*last_words[-39:], line[:300].rstrip()]
                if not progress.line(line):
                    continue
                words, now = progress.words(), time.monotonic()
                if terminal and words != shown:
                    print(f"\r\x1b[K{words}", end="", flush=True)
                    shown = words
                elif not terminal and (words.split(":")[0] != shown.split(":")[0] or (words != shown and now - shown_at >= 15)):
                    say(words)
                    shown, shown_at = words, now
        code = process.wait()
    except BaseException:
        end_group(process.pid)
        process.wait()
        raise
    finally:
        if terminal and shown:
            print("\r\x1b[K", end="", flush=True)
    if code:
        raise Stop("\n".join([*last_words[-25:], "", why_uv_failed("\n".join(last_words)), f"Everything it said: {OWN / 'setup.log'}"]))


def why_uv_failed(text: str) -> str:
    """What to do about a failed installation."""
    if "No space left" in text or "os error 28" in text or "os error 112" in text:
        return "The disk is full. Some 4 GB are needed for the packages and the builds."
    if "CMAKE_CXX_COMPILER" in text or "CMAKE_C_COMPILER" in text or "No CMAKE_" in text:
        return f"A C++ compiler is missing. Run: {apt_command(['g++'])}"
    if "Hash mismatch" in text:
        return "A package is not the one that was pinned, so it was refused. Try again; if it stays so, tell the makers of localstory."
    if any(sign in text for sign in ("dns error", "error sending request", "tunnel error", "Connection refused", "timed out")):
        return "The network did not answer. Check the connection and start again: what is done is kept."
    if "Killed" in text or "cc1plus" in text:
        return "The compiler was ended, most likely because memory ran out. Close other programs and start again: what is done is kept."
    return "Setting up failed. Start again to go on from here."


def _quiet(command: Sequence[str]) -> bool:
    """Run it with its output in the log; True when it succeeds."""
    OWN.mkdir(exist_ok=True)
    try:
        with open(OWN / "setup.log", "ab") as log:
            return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=False).returncode == 0
    except OSError:
        return False


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
