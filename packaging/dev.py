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
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "packaging")]
import getting  # type: ignore[import-not-found]  # noqa: E402 - our neighbour: this folder is no package
import packs  # type: ignore[import-not-found]  # noqa: E402

from localstory.system import WINDOWS, FileLock  # noqa: E402 - standard library only

VENV, OWN = ROOT / ".venv", getting.OWN
STAMP = VENV / "localstory-setup.json"
PINS = {"run": ROOT / "packaging/requirements.txt", "dev": ROOT / "packaging/requirements-dev.txt"}
Stop, say, run_uv = getting.Stop, getting.say, getting.run_uv


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
        getting.check_system_libraries(tests=kind == "dev", builds=not _engines_are_built())
        uv = getting.find_uv()
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
        say(f"Set up in {getting.in_words(time.monotonic() - started)}.")


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

    name = arguments[0] if arguments else "baseline"
    if name not in packs.names():
        raise Stop(f"Which one? python3 packaging/dev.py pack {'|'.join(packs.names())}")
    set_up("dev")
    with one_at_a_time(OWN / "dev.lock"):
        made = packs.build(
            name, OWN / "packs", python=venv_python(), requirements=PINS["dev"], run_uv=lambda command: run_uv(getting.find_uv(), command), failure=Stop
        )
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
    uv = getting.find_uv()
    common = ["--universal", "--generate-hashes", "--no-header", "--no-annotate", "--python-version", "3.11", "--group", "build"]
    project = ["pip", "compile", "-q", "pyproject.toml"]
    for choice, out in ((("--extra", "starter", "--extra", "dev"), PINS["dev"]), (("--extra", "starter", "-c", str(PINS["dev"])), PINS["run"])):
        subprocess.run([str(uv), *project, *choice, *common, "-o", str(out)], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    own = [
        "pip",
        "compile",
        "-q",
        "-",
        "--universal",
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        "--python-version",
        "3.11",
        "-o",
        str(getting.UV_PINS),
    ]
    subprocess.run([str(uv), *own], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, input=f"uv>={'.'.join(map(str, getting.UV_AT_LEAST))}\n", text=True)
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
