"""The command line: thin, one file per command; it calls the same services as the window.

To add a command: 1. a file here with `SUMMARY`, `arguments(parser)` and `run(options, screen) -> dict`; 2. its name below.
Exit codes: 0 done, 1 cannot (the reason on stderr, or as `{"error": …}` with --json), 2 usage.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import sys
from collections.abc import Sequence
from typing import Any

from localstory import __version__, paths, settings, words
from localstory.cli.screen import Screen
from localstory.errors import CannotContinue
from localstory.words import _, mark

COMMANDS = ("ui", "demo", "probe", "fit", "recommend", "ask", "story", "chats", "models", "engines", "serve", "bench", "doctor")


class Interrupted(CannotContinue):
    """Ctrl+C."""

    code = "interrupted"

    def __init__(self) -> None:
        super().__init__(
            title=mark("Stopped"),
            detail=mark("You pressed Ctrl+C. What was finished is kept."),
            hint=mark("Run the same command again to go on."),
        )


class CommandFailed(CannotContinue):
    """A command that ran to its end with a bad outcome: its result is printed as usual, the exit code is 1."""

    code = "command_failed"

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__(title=mark("Not everything is in order"))
        self.result = result


# argparse's own words, so that they stand in our catalogue (argparse.py of Python 3.11 to 3.14).
_ARGPARSE = (
    mark("usage: "), mark("positional arguments"), mark("options"), mark("show this help message and exit"), mark("%(prog)s: error: %(message)s\n"),
    mark("argument %(argument_name)s: %(message)s"), mark("the following arguments are required: %s"), mark("unrecognized arguments: %s"),
    mark("invalid choice: %(value)r (choose from %(choices)s)"), mark("invalid %(type)s value: %(value)r"), mark("expected one argument"),
    mark("expected at least one argument"), mark("expected at most one argument"), mark("not allowed with argument %s"),
    mark("one of the arguments %s is required"), mark("ignored explicit argument %r"), mark("unexpected option string: %s"),
    mark("ambiguous option: %(option)s could match %(matches)s"), mark("unknown parser %(parser_name)r (choices: %(choices)s)"),
)  # fmt: skip


def _speak_in_argparse() -> None:
    # WORKAROUND: argparse takes its words from gettext's default domain, in which there is no Vietnamese; it looks them
    # up by its module's `_`. Remove when argparse can be given a catalogue (python/cpython, Lib/argparse.py).
    vars(argparse)["_"] = _argparse_word


def _argparse_word(message: str) -> str:
    return _(message) if message in _ARGPARSE else message


def make_parser() -> argparse.ArgumentParser:
    """The whole command line. Modules of commands are light: what is heavy they import when they run."""
    _speak_in_argparse()
    parser = argparse.ArgumentParser(prog="localstory", description=_("Language models on your own computer, and stories told with them."))
    parser.add_argument("--version", action="version", version=f"localstory {__version__}", help=_("show the program's version number and exit"))
    commands = parser.add_subparsers(dest="command", metavar=_("COMMAND"))
    for name in COMMANDS:
        module = importlib.import_module(f"localstory.cli.{name}")
        command = commands.add_parser(name, help=_(module.SUMMARY), description=_(module.SUMMARY))
        command.add_argument("--json", action="store_true", help=_("print one JSON object"))
        command.set_defaults(run=module.run)
        module.arguments(command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A Windows console may not be UTF-8; a missing letter is better than a crash.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    words.use_language(_chosen_language())
    given = list(sys.argv[1:] if argv is None else argv)
    options = make_parser().parse_args(given or ["ui"])
    if not hasattr(options, "run"):
        make_parser().print_usage(sys.stderr)
        return 2
    screen = Screen(quiet=options.json)
    try:
        result, code = options.run(options, screen), 0
    except CommandFailed as failed:
        result, code = failed.result, 1
    except CannotContinue as error:
        result, code = _tell(error, screen), 1
    except KeyboardInterrupt:
        result, code = _tell(Interrupted(), screen), 1
    except BrokenPipeError:
        return _nobody_listens()
    screen.end_progress()
    if options.json and result is not None:  # `serve` printed its object when it was ready
        try:
            print(json.dumps(result, ensure_ascii=False, indent=None), flush=True)
        except BrokenPipeError:
            return _nobody_listens()
    return code


def _nobody_listens() -> int:
    # The reader went away (`localstory … | head`): nobody is left to tell, and Python's own complaint at the end helps nobody.
    sys.stderr.close()
    return 1


def _tell(error: CannotContinue, screen: Screen) -> dict[str, Any]:
    told = words.tell(error)
    if not screen.quiet:
        screen.note("\n".join(part for part in (told.title, told.detail, told.hint) if part))
    return {"error": {"code": error.code, "title": told.title, "detail": told.detail, "hint": told.hint}}


def _chosen_language() -> str:
    try:
        return settings.read_settings(paths.Home(paths.home_folder()).settings_file).language
    except (CannotContinue, OSError):
        return "system"
