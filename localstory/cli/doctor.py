"""`localstory doctor`: what is missing here, and the exact command that mends it.

To add a check: a function that returns a `Check`, and its line in `all_checks`. A check never raises for what it looks for.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import localstory
from localstory.cli.screen import Screen
from localstory.errors import CannotContinue
from localstory.paths import Home
from localstory.words import _, mark, size, system_reason, tell

SUMMARY = mark("find what is missing and tell how to mend it")

_ROOM_BYTES = 1 << 30
"""A five-scene film takes some 60 MB; its pieces, models and logs more."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `fix` is a command or a sentence; empty when all is well. `essential`: no story without it."""

    name: str
    title: str
    ok: bool
    essential: bool = True
    detail: str = ""
    fix: str = ""


def arguments(_parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(_options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """`{"ok", "checks": [{name, title, ok, essential, detail, fix}]}`; exit 1 when something essential is missing."""
    from localstory import paths
    from localstory.cli import CommandFailed

    checks = all_checks(Home(paths.home_folder().absolute()))
    for check in checks:
        sign = "✓" if check.ok else "✗" if check.essential else "–"
        screen.say(f"{sign} {check.title}" + (f": {check.detail}" if check.detail else ""))
        if check.fix:
            screen.say(f"    {check.fix}")
    ok = all(check.ok for check in checks if check.essential)
    result = {"ok": ok, "checks": [asdict(check) for check in checks]}
    screen.say()
    if not ok:
        screen.say(_("Something that stories need is missing."))
        raise CommandFailed(result)
    screen.say(
        _("Everything that stories need is here.") if all(check.ok for check in checks) else _("Stories can be made; see what is marked with – for the rest.")
    )
    return result


def all_checks(home: Home) -> list[Check]:
    """Every check in order, essential ones first."""
    checks: list[Callable[[], Check]] = [
        _processor, _text_engine, _speech_engine, _film_engine, _ffmpeg,
        lambda: _text_model(home), lambda: _voice(home), lambda: _home(home), lambda: _disk(home), _fonts,
        _words, _image_engine, _window, _window_pair, _window_libraries, _sound_libraries, _display, lambda: _lock(home), lambda: _settings(home),
    ]  # fmt: skip
    return [check() for check in checks]


# -- engines ----------------------------------------------------------------------------------------------------------


def _processor() -> Check:
    from localstory.hardware.probe import processor

    cpu = processor()
    title = _("Processor")
    if cpu.arch == "x86_64" and cpu.features is not None and "avx2" not in cpu.features:
        packages = f"llama-cpp-python=={_version('llama-cpp-python') or '0.3.36'}"
        fix = f"CMAKE_ARGS=-DGGML_NATIVE=ON {sys.executable} -m pip install --force-reinstall --no-deps --no-cache-dir --no-binary :all: {packages}"
        return Check("processor", title, False, False, _("it lacks AVX2, which the engines are built with; build them for it:"), fix)
    return Check("processor", title, True, detail=cpu.name or "")


def _text_engine() -> Check:
    from localstory.engines.text.devices import ask_devices

    title = _("Text engine (llama.cpp)")
    try:
        engine = asyncio.run(ask_devices())
    except CannotContinue as error:
        return Check("text_engine", title, False, detail=tell(error).detail, fix=_setup_command("llama-cpp-python==0.3.36"))
    return Check("text_engine", title, True, detail=f"{engine.version}, {', '.join(device.description for device in engine.devices or ())}")


def _speech_engine() -> Check:
    return _packages("speech_engine", _("Speech engine (Piper)"), {"piper": "piper-tts", "onnxruntime": "onnxruntime"}, essential=True)


def _film_engine() -> Check:
    return _packages("film_engine", _("Film engine (MoviePy)"), {"moviepy": "moviepy", "imageio_ffmpeg": "imageio-ffmpeg", "PIL": "pillow"}, essential=True)


def _image_engine() -> Check:
    packages = {"stable_diffusion_cpp": "stable-diffusion-cpp-python"}
    return _packages("image_engine", _("Image models (stable-diffusion.cpp)"), packages, essential=False)


def _packages(name: str, title: str, packages: dict[str, str], *, essential: bool) -> Check:
    """Modules that must be there, by the packages that bring them. They are looked for, not imported."""
    missing = [package for module, package in packages.items() if find_spec(module) is None]
    if missing:
        return Check(name, title, False, essential, _("missing: {packages}").format(packages=", ".join(missing)), _setup_command(*missing))
    return Check(name, title, True, essential, ", ".join(f"{package} {_version(package) or '?'}" for package in packages.values()))


def _ffmpeg() -> Check:
    from localstory.children.tool import run_tool
    from localstory.engines.film.ffmpeg import find_ffmpeg

    title, program = "ffmpeg", find_ffmpeg()
    fix = _("{command} (or install ffmpeg and set IMAGEIO_FFMPEG_EXE to its path)").format(command=_setup_command("imageio-ffmpeg"))
    if program is None:
        return Check("ffmpeg", title, False, detail=_("none found"), fix=fix)
    try:
        answer = run_tool([program, "-version"], timeout_seconds=20, own_group=True)
    except OSError as error:
        return Check("ffmpeg", title, False, detail=f"{program}: {system_reason(error)}", fix=fix)
    first = answer.stdout.decode("utf-8", "replace").split("\n")[0]
    if answer.exit_code or not first.startswith("ffmpeg version"):
        return Check("ffmpeg", title, False, detail=_("{program} does not run").format(program=program), fix=fix)
    return Check("ffmpeg", title, True, detail=first.split(" Copyright")[0])


# -- models -----------------------------------------------------------------------------------------------------------


def _text_model(home: Home) -> Check:
    from localstory.models.library import text_models

    title, models = _("Language model"), text_models(home)
    usable = [model.title for model in models if model.usable]
    broken = [f"{model.path.name}: {tell(model.trouble).detail}" for model in models if model.trouble is not None]
    if not usable:
        return Check("text_model", title, False, detail="; ".join(broken) or _("none installed"), fix=_starter_command())
    return Check("text_model", title, True, detail=", ".join([*usable, *broken]))


def _voice(home: Home) -> Check:
    from localstory.models.library import voices

    title, known = _("Voice"), voices(home)
    usable = [voice.name for voice in known if voice.usable]
    broken = [f"{voice.path.name}: {tell(voice.trouble).detail}" for voice in known if voice.trouble is not None]
    if not usable:
        return Check("voice", title, False, detail="; ".join(broken) or _("none installed"), fix=_starter_command())
    return Check("voice", title, True, detail=", ".join([*usable, *broken]))


# -- home -------------------------------------------------------------------------------------------------------------


def _home(home: Home) -> Check:
    """Try it: permissions alone don't tell (a read-only disk, a full one, root)."""
    title = _("Home folder")
    fix = _("Make {folder} writable, or set LOCALSTORY_HOME to another folder.").format(folder=home.root)
    try:
        home.root.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=home.root, prefix=".doctor-") as file:
            file.write(b"x" * 4096)
            file.flush()
    except OSError as error:
        return Check("home", title, False, detail=f"{home.root}: {system_reason(error)}", fix=fix)
    return Check("home", title, True, detail=str(home.root))


def _disk(home: Home) -> Check:
    from localstory.hardware.probe import free_bytes

    title, free = _("Disk space"), free_bytes(home.root)
    if free is not None and free < _ROOM_BYTES:
        fix = _("Free some space, or set LOCALSTORY_HOME to a folder on another disk.")
        return Check("disk", title, False, free < _ROOM_BYTES // 8, _("only {size} free").format(size=size(free)), fix)
    return Check("disk", title, True, detail=_("{size} free").format(size=size(free)) if free is not None else "")


def _lock(home: Home) -> Check:
    from localstory.system import FileLock

    title = _("No other localstory at work")
    if not home.lock_file.exists():
        return Check("lock", title, True, False)
    lock = FileLock(home.lock_file)
    try:
        if not lock.acquire():
            return Check(
                "lock", title, False, False, _("the home folder is in use"), _("Close the other localstory before you make stories from the command line.")
            )
    except OSError as error:
        return Check("lock", title, False, False, f"{home.lock_file}: {system_reason(error)}")
    lock.release()
    return Check("lock", title, True, False)


def _settings(home: Home) -> Check:
    from localstory.settings import read_settings

    title = _("Settings")
    try:
        read_settings(home.settings_file)
    except CannotContinue as error:
        told = tell(error)
        return Check("settings", title, False, False, told.detail, told.hint)
    except OSError as error:
        return Check("settings", title, False, False, f"{home.settings_file}: {system_reason(error)}")
    return Check("settings", title, True, False)


# -- what is shipped --------------------------------------------------------------------------------------------------


def _fonts() -> Check:
    folder = Path(localstory.__file__).parent / "fonts"
    missing = [name for name in ("NotoSans-Regular.ttf", "NotoSans-Bold.ttf") if not (folder / name).is_file()]
    title = _("Fonts for title cards")
    return Check("fonts", title, not missing, True, ", ".join(missing), _setup_command("localstory") if missing else "")


def _words() -> Check:
    folder = Path(localstory.__file__).parent / "locale/vi/LC_MESSAGES"
    compiled, source = folder / "localstory.mo", folder / "localstory.po"
    title = _("Vietnamese words")
    if not compiled.is_file() or (source.is_file() and compiled.stat().st_mtime < source.stat().st_mtime):
        return Check("words", title, False, False, _("not compiled"), _setup_command("localstory"))
    return Check("words", title, True, False)


# -- the window -------------------------------------------------------------------------------------------------------


def _window() -> Check:
    return _packages("window", _("The window (Qt)"), {"PySide6": "PySide6-Addons"}, essential=False)


def _window_pair() -> Check:
    """PySide6 6.12 drops a reference to None a call on Python 3.11 and ends the program after some thousand calls."""
    title, number = _("Qt and Python get along"), _version("PySide6-Essentials")
    if number is not None and number.startswith("6.12.") and sys.version_info < (3, 12):
        detail = _("PySide6 {version} ends the program on Python {python}").format(version=number, python=platform.python_version())
        return Check("window_pair", title, False, False, detail, _setup_command("PySide6-Addons==6.11.3"))
    return Check("window_pair", title, True, False, f"PySide6 {number}, Python {platform.python_version()}" if number else "")


def _window_libraries() -> Check:
    from localstory.hardware.libraries import ENGINE_LIBRARIES, WINDOW_LIBRARIES

    return _libraries("window_libraries", _("System libraries of the window"), ENGINE_LIBRARIES | WINDOW_LIBRARIES)


def _sound_libraries() -> Check:
    from localstory.hardware.libraries import SOUND_LIBRARIES

    return _libraries("sound_libraries", _("System libraries for sound"), SOUND_LIBRARIES)


def _libraries(name: str, title: str, wanted: dict[str, str]) -> Check:
    from localstory.children.tool import run_tool
    from localstory.hardware.libraries import apt_command, apt_names, missing_libraries, read_system

    ldconfig = shutil.which("ldconfig") or "/sbin/ldconfig"
    if sys.platform != "linux" or not Path(ldconfig).exists():
        return Check(name, title, True, False)
    listed = run_tool([ldconfig, "-p"], timeout_seconds=20, own_group=True).stdout.decode("utf-8", "replace")
    missing = missing_libraries(list(wanted), listed)
    if not missing:
        return Check(name, title, True, False)
    try:
        system = read_system(Path("/etc/os-release").read_text("utf-8", "replace"))
    except OSError:
        system = read_system("")
    fix = apt_command(apt_names([wanted[library] for library in missing], system)) if system.has_apt else _("Install them with your system's package manager.")
    return Check(name, title, False, False, _("missing: {packages}").format(packages=", ".join(missing)), fix)


def _display() -> Check:
    title = _("A screen for the window")
    if sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")):
        return Check("display", title, True, False)
    return Check("display", title, False, False, _("none (DISPLAY and WAYLAND_DISPLAY are empty)"), _("Start it from a desktop; stories can be made without."))


# -- how to mend ------------------------------------------------------------------------------------------------------


def _from_sources() -> bool:
    return (Path(localstory.__file__).parents[1] / "packaging/dev.py").is_file()


def _setup_command(*packages: str) -> str:
    if _from_sources():
        return f"python3 {Path(localstory.__file__).parents[1] / 'packaging/dev.py'} setup --again"
    return f"{sys.executable} -m pip install --force-reinstall {' '.join(packages)}"


def _starter_command() -> str:
    if _from_sources():
        return f"python3 {Path(localstory.__file__).parents[1] / 'packaging/dev.py'} setup --again"
    return f"{sys.executable} -m pip install 'localstory[starter]'"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
