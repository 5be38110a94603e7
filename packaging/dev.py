#!/usr/bin/env python3
"""Set up, run and check localstory from its sources. Needs nothing but Python 3.11 or newer; run it with that Python.

    python3 packaging/dev.py demo [...]        set up, then `localstory demo`: a narrated, illustrated video story
    python3 packaging/dev.py run [...]         set up, then open the window
    python3 packaging/dev.py test [...]        set up, then every check; further arguments go to pytest
    python3 packaging/dev.py bench NAME [...]  set up, then tests/bench/NAME.py
    python3 packaging/dev.py setup [--again]   set up for development, nothing else; --again puts every package in anew
    python3 packaging/dev.py pack [NAME]       build an engine pack: the text engine with other flags (some minutes, once)
    python3 packaging/dev.py words             collect new words into the catalogues and compile them
    python3 packaging/dev.py pins              choose the versions of all libraries anew

Set-up: `uv` from the PATH or in `.uv/`, the few system libraries by apt (as root or with sudo; else the exact command is
printed), `.venv` from the pinned lists beside this file (every file checked by its hash), the two engines built for
this computer's kind of processor, the project itself. A stamp in `.venv` makes the next call quick.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the first thing a person with an old system meets
    sys.exit("localstory needs Python 3.11 or newer; this is %d.%d. Try: python3.12 packaging/dev.py" % sys.version_info[:2])  # noqa: UP031

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
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
from localstory.system import WINDOWS, FileLock, end_group  # noqa: E402 - standard library only

VENV, OWN = ROOT / ".venv", ROOT / ".uv"
STAMP = VENV / "localstory-setup.json"
PINS = {"run": ROOT / "packaging/requirements.txt", "dev": ROOT / "packaging/requirements-dev.txt"}
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


# -- the environment --------------------------------------------------------------------------------------------------


def venv_python() -> Path:
    return VENV / ("Scripts/python.exe" if WINDOWS else "bin/python")


def fingerprint(kind: str) -> str:
    """What an environment of that kind is made of: the pins, how the project is built, and this Python."""
    digest = hashlib.sha256()
    for path in (PINS[kind], ROOT / "pyproject.toml", ROOT / "packaging/hatch_build.py"):
        digest.update(path.read_bytes())
    digest.update(f"{sys.version_info[:2]} {sys.platform} {ROOT}".encode())
    return digest.hexdigest()


def read_stamp() -> dict[str, str]:
    """kind and fingerprint of the environment that stands; empty when there is none or it is half made."""
    try:
        stamp = json.loads(STAMP.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return stamp if isinstance(stamp, dict) and venv_python().exists() else {}


def kind_to_make(wanted: str, stamp: dict[str, str]) -> str:
    """An environment for development stays one: `demo` after `test` must not take pytest away."""
    return "dev" if "dev" in (wanted, stamp.get("kind")) else "run"


def is_ready(wanted: str, stamp: dict[str, str]) -> bool:
    """True when nothing has to be done."""
    kind = stamp.get("kind", "")
    return kind in PINS and (kind == "dev" or wanted == "run") and stamp.get("fingerprint") == fingerprint(kind)


def set_up(wanted: str, *, again: bool = False) -> None:
    """Make the environment fit for "run" or "dev". Quick when it is; one at a time. Raises Stop."""
    if is_ready(wanted, read_stamp()) and not again:
        compile_words()
        return
    OWN.mkdir(exist_ok=True)
    with one_at_a_time(OWN / "dev.lock"):
        stamp = read_stamp()
        if is_ready(wanted, stamp) and not again:  # another one did it while we waited
            return
        kind = kind_to_make(wanted, stamp)
        started = time.monotonic()
        (OWN / "setup.log").write_text("", "utf-8")
        say(f"Setting up localstory in {VENV}" + (" (with the tools for development)" if kind == "dev" else ""))
        check_system_libraries(tests=kind == "dev", builds=not _engines_are_built())
        uv = find_uv()
        STAMP.unlink(missing_ok=True)
        if not venv_python().exists() or not _is_this_python():
            run_uv(uv, ["venv", "--clear", "--python", sys.executable, VENV])
        sync: list[str | Path] = ["pip", "sync", "--python", venv_python(), "--require-hashes", *(["--reinstall"] if again else []), PINS[kind]]
        # What uv has kept comes first: it needs no network, and no engine is built again because a server's answer grew old.
        try:
            run_uv(uv, [*sync, "--offline"])
        except Stop:
            run_uv(uv, sync)
        # Built with the pinned hatchling and babel of the list: nothing unpinned is fetched.
        run_uv(uv, ["pip", "install", "--python", venv_python(), "--no-deps", "--no-build-isolation", "--editable", ROOT])
        compile_words()
        STAMP.write_text(json.dumps({"kind": kind, "fingerprint": fingerprint(kind)}), "utf-8")
        say(f"Set up in {in_words(time.monotonic() - started)}.")


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Wait for another dev.py that is setting up."""
    lock, told = FileLock(path), False
    while not lock.acquire():
        if not told:
            say("Another dev.py is setting up; waiting for it.")
            told = True
        time.sleep(0.2)
    try:
        yield
    finally:
        lock.release()


def _engines_are_built() -> bool:
    return all(any(VENV.glob(f"**/site-packages/{name}")) for name in ("llama_cpp", "stable_diffusion_cpp")) if VENV.exists() else False


def _is_this_python() -> bool:
    """True when the environment runs and is of this Python's version; a system upgrade leaves ones that don't."""
    try:
        asked = subprocess.run(
            [venv_python(), "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError):
        return False
    return asked.stdout.split() == [str(part) for part in sys.version_info[:2]]


# -- words ------------------------------------------------------------------------------------------------------------

LOCALE = ROOT / "localstory/locale"
CATALOGUE = LOCALE / "localstory.pot"


def compile_words() -> None:
    """Compile catalogues that are newer than what was made of them."""
    stale = [po for po in LOCALE.glob("*/LC_MESSAGES/*.po") if not po.with_suffix(".mo").exists() or po.with_suffix(".mo").stat().st_mtime < po.stat().st_mtime]
    for po in stale:
        _babel("compile", "-i", po, "-o", po.with_suffix(".mo"))


def collect_words() -> None:
    """Bring the catalogues up to date with the code: new words come in empty, gone ones go to the end."""
    LOCALE.mkdir(exist_ok=True)
    _babel(
        "extract", "--no-default-keywords", "-k", "_", "-k", "mark", "-k", "ngettext:1,2", "--no-wrap", "--sort-by-file", "--add-location=file",
        "--project=localstory", "--copyright-holder=the localstory authors", "-o", CATALOGUE, "localstory", "ui",
    )  # fmt: skip
    po = LOCALE / "vi/LC_MESSAGES/localstory.po"
    if not po.exists():
        po.parent.mkdir(parents=True)
        _babel("init", "-i", CATALOGUE, "-o", po, "-l", "vi", "--no-wrap")
    else:
        _babel("update", "-i", CATALOGUE, "-o", po, "-l", "vi", "--no-fuzzy-matching", "--no-wrap", "--ignore-pot-creation-date")
    compile_words()


def _babel(*arguments: str | Path) -> None:
    code = "from babel.messages.frontend import main; main()"
    done = subprocess.run([venv_python(), "-c", code, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise Stop(f"Babel could not {arguments[0]} the words:\n{done.stderr.strip()}")


# -- commands ---------------------------------------------------------------------------------------------------------


def demo(arguments: Sequence[str]) -> int:
    set_up("run")
    return become([venv_python(), "-m", "localstory", "demo", *arguments])


def run(arguments: Sequence[str]) -> int:
    set_up("run")
    return become([venv_python(), "-m", "localstory", "ui", *arguments])


def bench(arguments: Sequence[str]) -> int:
    names = sorted(path.stem for path in (ROOT / "tests/bench").glob("[a-z]*.py"))
    if not arguments or arguments[0] not in names:
        raise Stop(f"Which one? python3 packaging/dev.py bench {'|'.join(names)}")
    set_up("dev")
    os.chdir(ROOT)
    return become([venv_python(), "-m", f"tests.bench.{arguments[0]}", *arguments[1:]])


def pack(arguments: Sequence[str]) -> int:
    """For `localstory engines add`, and for the tests."""
    sys.path.insert(0, str(ROOT / "packaging"))
    import packs  # type: ignore[import-not-found]  # our neighbour: this folder is no package

    name = arguments[0] if arguments else "baseline"
    if name not in packs.names():
        raise Stop(f"Which one? python3 packaging/dev.py pack {'|'.join(packs.names())}")
    set_up("dev")
    with one_at_a_time(OWN / "dev.lock"):
        made = packs.build(name, OWN / "packs", python=venv_python(), requirements=PINS["dev"], run_uv=lambda command: run_uv(find_uv(), command), failure=Stop)
    say(f"The pack is in {made}. Add it with: localstory engines add {made} --name {name}")
    return 0


def words(_arguments: Sequence[str]) -> int:
    set_up("dev")
    collect_words()
    return 0


def setup(arguments: Sequence[str]) -> int:
    set_up("dev", again="--again" in arguments)
    compile_words()
    say("Ready. Open the window with: python3 packaging/dev.py run")
    return 0


def pins(_arguments: Sequence[str]) -> int:
    """Both lists from pyproject.toml, the small one a part of the large one; versions that are still right stay."""
    OWN.mkdir(exist_ok=True)
    uv = find_uv()
    common = ["--universal", "--generate-hashes", "--no-header", "--no-annotate", "--python-version", "3.11", "--group", "build"]
    project = ["pip", "compile", "-q", "pyproject.toml"]
    for choice, out in ((("--extra", "starter", "--extra", "dev"), PINS["dev"]), (("--extra", "starter", "-c", str(PINS["dev"])), PINS["run"])):
        subprocess.run([str(uv), *project, *choice, *common, "-o", str(out)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    own = ["pip", "compile", "-q", "-", "--universal", "--generate-hashes", "--no-header", "--no-annotate", "--python-version", "3.11", "-o", str(UV_PINS)]
    subprocess.run([str(uv), *own], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, input=f"uv>={'.'.join(map(str, UV_AT_LEAST))}\n", text=True)
    return 0


CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("ruff check", ("-m", "ruff", "check", "--quiet", ".")),
    ("ruff format", ("-m", "ruff", "format", "--check", "--quiet", ".")),
    ("mypy", ("-m", "mypy", "--no-error-summary")),
    ("import-linter", ("-c", "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())")),
)


def test(arguments: Sequence[str]) -> int:
    """Every check to its end, then pytest, whose closing line is the last thing printed."""
    pack(["baseline"])  # sets up, and is the second engine that some tests run on
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "PYTHONUTF8": "1"}
    failed = []
    for name, command in CHECKS:
        started = time.monotonic()
        done = subprocess.run([venv_python(), *command], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        say(f"{name}: {'fine' if not done.returncode else 'FAILED'} ({time.monotonic() - started:.0f} s)")
        if done.returncode:
            failed.append(name)
            say((done.stdout + done.stderr).rstrip())
    if arguments:
        codes = [_pytest(arguments, environment)]
    else:
        with x_server() as display:
            if display:
                windows = environment | {"QT_QPA_PLATFORM": "xcb", "DISPLAY": display}
                codes = [_pytest(["-m", "xcb"], windows)]
            else:
                say("No Xvfb here: tests that need a real X server are left out.")
                codes = []
        codes.append(_pytest(["-m", "not xcb and not slow", "-n", "2", "--dist", "loadfile"], environment))
        # One at a time: two models that write side by side on two cores wait for each other more than they write.
        codes.append(_pytest(["-m", "slow"], environment))
    # 5: pytest found no test of that kind.
    if any(code not in (0, 5) for code in codes):
        failed.append("pytest")
    if failed:
        print(f"Failed: {', '.join(failed)}", file=sys.stderr, flush=True)
    return 1 if failed else 0


def _pytest(arguments: Sequence[str], environment: dict[str, str]) -> int:
    return subprocess.run([venv_python(), "-m", "pytest", *arguments], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


@contextlib.contextmanager
def x_server() -> Iterator[str]:
    """An Xvfb of our own on a free display; yields ":99" and the like, or "" where there is no Xvfb."""
    program = shutil.which("Xvfb")
    if program is None or WINDOWS:
        yield ""
        return
    number, other_end = os.pipe()
    command = [program, "-displayfd", str(other_end), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=[other_end], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(other_end)
    try:
        with open(number, "rb") as answer:
            display = answer.readline().strip().decode()
        yield f":{display}" if display else ""
    finally:
        server.terminate()
        server.wait()


def become(command: Sequence[str | Path]) -> int:
    """Go on as another program: it gets the terminal, Ctrl+C and the exit code."""
    sys.stdout.flush()
    parts = [str(part) for part in command]
    if not WINDOWS:  # there execv returns to the shell at once
        os.execv(parts[0], parts)
    return subprocess.run(parts, check=False).returncode


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "demo": demo, "test": test, "run": run, "bench": bench, "words": words, "setup": setup, "pins": pins, "pack": pack,
}  # fmt: skip


def main(argv: Sequence[str]) -> int:
    if not argv or argv[0] not in COMMANDS:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    # Ended from outside, it must end what it started: a compiler that goes on for minutes is a nuisance.
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, _frame: sys.exit(128 + number))
    try:
        return COMMANDS[argv[0]](argv[1:])
    except Stop as reason:
        print(f"\n{reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. What is done is kept; the same command goes on.", file=sys.stderr)
        return 1


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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
