"""The words a person sees: all of them in the catalogue, all of them in Vietnamese, every template fillable."""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import os
import pkgutil
import re
import string
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from babel.messages import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

import localstory
from localstory import words
from localstory.chats.kept import record, told
from localstory.children.last_words import ChildDied
from localstory.cli import story
from localstory.cli.screen import Screen
from localstory.engines.base import EngineFacts
from localstory.engines.image.output import PictureNotSaved
from localstory.errors import CannotContinue, FileTrouble, Size, Word
from localstory.story.build import Built, Tools
from localstory.system import WINDOWS

ROOT = Path(localstory.__file__).resolve().parent.parent
PO = ROOT / "localstory/locale/vi/LC_MESSAGES/localstory.po"
SOURCES = sorted([*(ROOT / "localstory").rglob("*.py"), *(ROOT / "ui").rglob("*.py")])
KEYWORDS = ("_", "mark", "ngettext")

SAME_IN_BOTH = {
    "P": "a probability, as in top-p",
    "X": "a number",
    "{number} GB/s": "a unit",
    "{number} Hz": "a unit",
    "{count} byte": "a unit",
    "{count} token": "is said so in Vietnamese",
    "Top-p": "the name of a method",
    "OK": "is said so in Vietnamese",
    "Card": "is said so in Vietnamese",
    "llama.cpp": "a name",
}

NOT_LITERAL = {
    # What was marked elsewhere is worded where it is shown.
    ("localstory/words.py", "template"),
    ("localstory/words.py", "value.message"),
    ("localstory/words.py", "text"),
    ("localstory/cli/__init__.py", "module.SUMMARY"),
    ("localstory/cli/chats.py", "about"),  # marked in the modules of its actions
    ("localstory/cli/chats_exchange.py", "one.why"),  # marked in chats/exchange_*.py
    ("ui/main_window.py", "room.title"),  # marked in ROOMS
    ("ui/pages/chat/leaderboard.py", "head"),  # marked in several_state.HEADS
    ("ui/pages/chat/several_state.py", "head"),
    ("localstory/cli/__init__.py", "message"),  # argparse's own, each marked in _ARGPARSE
    ("localstory/cli/ask.py", "words"),  # marked in engines/text/load_settings.py
    ("localstory/cli/bench.py", "note"),  # marked in engines/text/bench.py
    ("localstory/cli/screen.py", "progress.stage"),
    ("localstory/cli/engines.py", "server.capabilities.why_not(what)"),  # marked in engines/text/dialects.py, ollama.py
    ("localstory/cli/fit.py", "note"),  # marked in fit/check.py
    ("localstory/cli/fit.py", "_METHODS[report.need.method]"),
    ("localstory/cli/fit.py", "_CONFIDENCE[report.speed.confidence]"),
    ("localstory/cli/models.py", "_WHAT.get(finding.what, _WHAT['trouble'])"),
    ("localstory/cli/model_settings.py", "words"),
    ("localstory/cli/recommend.py", "one.quality_words"),  # marked in models/quality.py
    ("localstory/fit/report.py", "note"),
    ("localstory/hardware/machine.py", "found"),  # a source, marked where the number was read
    ("ui/pages/home/state.py", "pick.candidate.quality_words"),  # marked in models/quality.py
    ("ui/pages/models/state.py", "pick.candidate.quality_words"),
    ("localstory/cli/story.py", "_STAGES[stage]"),
    ("localstory/hardware/machine.py", "gpu.why_not"),
    ("localstory/hardware/plain_words.py", "gpu.why_not"),
    ("ui/job_rows.py", "job.progress.stage"),
    ("ui/pages/chat/choices.py", "reason"),  # marked in engines/text/dialects.py, ollama.py
    ("ui/pages/chat/context_dialog.py", "head"),
    ("ui/pages/chat/context_dialog.py", "title"),
    ("ui/pages/chat/context_state.py", "name"),
    ("ui/pages/chat/context_state.py", "meaning"),
    ("ui/pages/chat/context_state.py", "_KINDS.get(kind, kind)"),
    ("ui/pages/chat/context_state.py", "_KINDS.get(line.kind, line.kind)"),
    ("ui/pages/chat/context_state.py", "_KINDS.get(row['kind'], row['kind'])"),
    ("ui/pages/chat/context_state.py", "_KINDS['template']"),
    ("ui/pages/chat/context_state.py", "_WHY.get(why, why)"),
    ("ui/pages/chat/context_state.py", "_WHY['fits']"),
    ("ui/pages/chat/state.py", "progress.stage"),
    ("ui/pages/chat/state.py", "_ENDINGS.get(made_of.get('stop_reason', ''), '–')"),
    ("ui/pages/chat/state.py", "_MADE_WITH[name]"),
    ("ui/pages/chat/state.py", "_SERVERS[message.engine]"),
    ("ui/pages/machine/state.py", "gpu.why_not"),
    ("ui/pages/models/state.py", "_LANGUAGES.get(voice.language, voice.language)"),
    ("ui/qt_words.py", "plain"),
}


def catalogue() -> list[Message]:
    with PO.open("rb") as file:
        return [message for message in read_po(file, locale="vi") if message.id]


def english(message: Message) -> tuple[str, ...]:
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def vietnamese(message: Message) -> tuple[str, ...]:
    return (message.string,) if isinstance(message.string, str) else tuple(message.string or ())


MESSAGES = catalogue()


def placeholders(text: str) -> Counter[tuple[str, ...]]:
    braces = [(name, spec or "", conversion or "") for _text, name, spec, conversion in string.Formatter().parse(text) if name is not None]
    return Counter([*braces, *((found,) for found in re.findall(r"%(?:\(\w+\))?[srd]", text))])


# -- the catalogue ----------------------------------------------------------------------------------------------------


def test_the_catalogue_holds_exactly_what_the_code_says() -> None:
    """To mend it: `python3 packaging/dev.py words`, fill the new lines, once more."""
    said = set()
    for folder in ("localstory", "ui"):
        found = extract_from_dir(ROOT / folder, keywords={"_": None, "mark": None, "ngettext": (1, 2)})
        said |= {message for _file, _line, message, _comments, _context in found}
    assert len(said) > 500
    known = {english(message) if len(english(message)) > 1 else english(message)[0] for message in MESSAGES}
    assert sorted(map(str, said - known)) == []
    assert sorted(map(str, known - said)) == []
    with PO.open("rb") as file:
        assert not read_po(file).obsolete


def what_is_wrong(original: str, ours: str) -> str:
    """Of one message, in a word; "" when nothing is."""
    if not ours.strip():
        return "empty"
    if placeholders(original) != placeholders(ours):
        return "other placeholders"
    if re.findall(r"^\s*|\s*$", original) != re.findall(r"^\s*|\s*$", ours):
        return "other space around it"
    last = original.rstrip()[-1]
    if last in ".…:?" and ours.rstrip()[-1] != last:
        return "another end of the sentence"
    return "" if unicodedata.is_normalized("NFC", ours) else "not NFC"


def test_every_message_is_finished_and_fits_its_english() -> None:
    wrong = []
    for message in MESSAGES:
        ours = vietnamese(message)
        if message.fuzzy or len(ours) != 1:  # Vietnamese has one form for all numbers
            wrong.append((message.id, "unfinished"))
            continue
        wrong += [(message.id, why) for original in english(message) if (why := what_is_wrong(original, ours[0]))]
    assert wrong == []


def test_the_comparison_sees_what_is_wrong() -> None:
    pairs = [("{a} of {b}.", "{a} {c}."), ("usage: ", "dùng:"), ("Done.", "Xong"), ("Wait…", "Chờ..."), ("a %s", "a %r"), ("x", " "), ("{n} %", "{n:d}%"),
             ("{a}", "{a} {a}"), ("caf\u00e9", "cafe\u0301")]  # fmt: skip
    assert all(what_is_wrong(*pair) for pair in pairs)
    assert what_is_wrong("{count} step done", "Đã làm {count} bước") == ""


def test_nothing_is_a_copy_of_the_english() -> None:
    copies = set()
    for message in MESSAGES:
        bare = re.sub(r"\{\w*\}", "", vietnamese(message)[0])
        if vietnamese(message)[0] in english(message) and any(letter.isalpha() for letter in bare):
            copies.add(vietnamese(message)[0])
    assert copies == set(SAME_IN_BOTH)


# -- the code ---------------------------------------------------------------------------------------------------------


def name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def word_calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Calls of _, mark and ngettext, also as words._"""
    for call in calls(tree):
        base = call.func.value if isinstance(call.func, ast.Attribute) else None
        if name_of(call.func) in KEYWORDS and (base is None or (isinstance(base, ast.Name) and base.id == "words")):
            yield call


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def test_only_literals_are_translated() -> None:
    """An f-string is never found in the catalogue, and neither is what was put together before."""
    odd, counted = set(), 0
    for path in SOURCES:
        for call in word_calls(parsed(path)):
            for argument in call.args[: 2 if name_of(call.func) == "ngettext" else 1]:
                counted += 1
                if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
                    odd.add((path.relative_to(ROOT).as_posix(), ast.unparse(argument)))
    assert counted > 700
    assert odd - {("localstory/words.py", "singular"), ("localstory/words.py", "plural")} == NOT_LITERAL


def test_no_words_hide_inside_an_f_string() -> None:
    """Babel reads an f-string as one piece of text before Python 3.12, and misses the words in its braces."""
    hidden, looked_at = set(), 0
    for path in SOURCES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.JoinedStr):
                looked_at += 1
                literals = (argument for call in word_calls(node) for argument in call.args if isinstance(argument, ast.Constant))
                hidden |= {(path.relative_to(ROOT).as_posix(), literal.value) for literal in literals}
    assert hidden == set()
    assert looked_at > 300


def at_import(node: ast.AST) -> Iterator[ast.AST]:
    """What runs when a module is imported: everything but the bodies of functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield child
        yield from at_import(child)


def test_nothing_is_translated_when_a_module_is_imported() -> None:
    """The language is chosen later, and may change."""
    early = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in SOURCES
        for node in at_import(parsed(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "ngettext")
    ]
    assert early == []


# -- errors -----------------------------------------------------------------------------------------------------------

NAMES_OF_ITS_OWN = {
    "BadAdapter": {"path"}, "BadStory": {"path"}, "VoiceUnusable": {"voice"}, "BadVoiceFile": {"file", "path"}, "BadCatalogue": {"file", "line", "entry"},
}  # fmt: skip
"""Errors that take a template: the names they fill themselves."""


def error_classes() -> list[type[CannotContinue]]:
    for module in pkgutil.walk_packages(localstory.__path__, "localstory."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found: list[type[CannotContinue]] = []
    waiting = [CannotContinue]
    while waiting:
        for one in waiting.pop().__subclasses__():
            if one not in found and one.__module__.startswith("localstory"):
                found.append(one)
                waiting.append(one)
    return sorted(found, key=lambda one: one.__qualname__)


def marked(node: ast.AST) -> list[str]:
    return [
        call.args[0].value
        for call in word_calls(node)
        if name_of(call.func) == "mark" and isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)
    ]


def test_every_error_gets_the_values_its_words_need() -> None:
    classes = {one.__name__ for one in error_classes()}
    checked, wrong = 0, []
    for path in SOURCES:
        for call in calls(parsed(path)):
            is_super = isinstance(call.func, ast.Attribute) and ast.unparse(call.func) == "super().__init__"
            name = name_of(call.func)
            given = {keyword.arg for keyword in call.keywords}
            if not (is_super or name in classes) or None in given:
                continue
            for template in [text for part in (*call.args, *(keyword.value for keyword in call.keywords)) for text in marked(part)]:
                checked += 1
                missing = {one[0] for one in placeholders(template)} - given - NAMES_OF_ITS_OWN.get(name, set())
                if missing:
                    wrong.append(f"{path.name}:{call.lineno}: {template!r} lacks {missing}")
    assert wrong == []
    assert checked > 150


VALUES: dict[str, Any] = {
    "CannotContinue": FileTrouble(title="No {path}.", path="x"),
    "Sequence": ("one", "two"),
    "Path": Path("thư mục/tệp"),
    "OSError": OSError(13, "Permission denied"),
    "dict": {},
    "float": 2.5,
    "bool": True,
    "int": 7,
}
"""Something of each kind that errors are made of."""


def a_value(parameter: inspect.Parameter) -> Any:
    """Something of the parameter's kind."""
    kind = str(parameter.annotation)
    if parameter.name in ("what", "kind") and kind == "str":
        return "voice"
    for sign, value in VALUES.items():
        if sign in kind:
            return value
    return "one"


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_error_can_be_worded(language: str) -> None:
    words.use_language(language)
    built = 0
    for one in error_classes():
        if one.__init__ is CannotContinue.__init__:
            continue
        wanted = [parameter for parameter in inspect.signature(one).parameters.values() if parameter.kind is not parameter.VAR_KEYWORD]
        by_place = [a_value(parameter) for parameter in wanted if parameter.kind is not parameter.KEYWORD_ONLY]
        by_name = {parameter.name: a_value(parameter) for parameter in wanted if parameter.kind is parameter.KEYWORD_ONLY}
        if one.__name__ in NAMES_OF_ITS_OWN:
            by_place[1] = " ".join(f"{{{name}}}" for name in NAMES_OF_ITS_OWN[one.__name__])
        said = words.tell(one(*by_place, **by_name))
        assert said.title and "{" not in said.title + said.detail + said.hint, one
        built += 1
    assert built >= 20


@pytest.mark.parametrize("exit_code", [-6, -9, -7, -11, -4, 1, 3, None])
@pytest.mark.parametrize("line", ["", "GGML_ASSERT(x) failed", "CUDA error: out of memory", "std::bad_alloc"])
def test_every_death_of_a_child_can_be_worded(exit_code: int | None, line: str) -> None:
    words.use_language("vi")
    said = words.tell(ChildDied("text", exit_code, [line]))
    assert said.title == "Phần viết của localstory dừng đột ngột"
    assert said.detail and said.hint and "{" not in said.detail


def test_values_inside_an_error_are_worded_too() -> None:
    error = CannotContinue(title="{size} – {word} – {reason} – {name}", size=Size(3 << 29), word=Word("film"), reason="No space left on device", name="film")
    words.use_language("vi")
    assert words.tell(error).title == "1,5 GiB – làm phim – Thiết bị hết chỗ trống – film"
    words.use_language("en")
    assert words.tell(error).title == "1.5 GiB – film – No space left on device – film"
    assert "film" in str(error)


def test_an_error_kept_with_a_message_speaks_the_language_of_the_reader() -> None:
    kept = record(ChildDied("speech", -9, []))
    words.use_language("vi")
    assert told(kept).title == "Phần đọc của localstory dừng đột ngột"
    words.use_language("en")
    assert told(kept).title == "The speech part of localstory stopped unexpectedly"


def test_what_the_system_says_is_told_in_vietnamese(tmp_path: Path) -> None:
    words.use_language("vi")
    with pytest.raises(OSError) as trouble:
        (tmp_path / "nothing here").read_bytes()
    assert words.system_reason(trouble.value) == "Không có tệp hoặc thư mục này"
    assert words.system_reason("Something rare") == "Something rare"


# -- the language -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(WINDOWS, reason="Windows is asked, not the environment")
@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LANG": "vi_VN.UTF-8"}, "vi"), ({"LANG": "de_DE.UTF-8"}, "en"), ({"LANG": "C"}, "en"), ({"LANG": "POSIX"}, "en"), ({"LANG": ""}, "en"),
        ({"LANGUAGE": "de:vi", "LANG": "de_DE.UTF-8"}, "vi"), ({"LANGUAGE": "en:vi", "LANG": "vi_VN"}, "en"), ({"LANGUAGE": "", "LANG": "vi_VN"}, "vi"),
        ({"LC_ALL": "vi_VN.UTF-8", "LANG": "en_US.UTF-8"}, "vi"), ({"LC_MESSAGES": "vi_VN", "LANG": "en_US.UTF-8"}, "vi"),
        ({"LC_ALL": "en_US.UTF-8", "LC_MESSAGES": "vi_VN"}, "en"), ({"LANG": "VI_vn@x"}, "vi"), ({"LANG": "vietnamese"}, "en"),
    ],
)  # fmt: skip
def test_the_systems_language_is_followed(environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANG")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", "linux")
    assert words.use_language("system") == expected == words.language()
    assert words._("Settings") == {"en": "Settings", "vi": "Cài đặt"}[expected]


def test_a_chosen_language_goes_before_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "vi")
    assert words.use_language("en") == "en"
    assert words._("Settings") == "Settings"


def test_no_message_is_the_catalogues_header() -> None:
    words.use_language("vi")
    assert words._("") == ""


def test_sizes_numbers_shares_and_times() -> None:
    english = [words.size(0), words.size(1), words.size(1023), words.size(1 << 10), words.size(94 << 20), words.size(int(23.5 * (1 << 30)))]
    assert english == ["0 bytes", "1 byte", "1,023 bytes", "1 KiB", "94 MiB", "23.5 GiB"]
    assert [words.number(12345.67, 1), words.number(8192), words.percent(0.5), words.percent(1)] == ["12,345.7", "8,192", "50 %", "100 %"]
    assert [words.duration(seconds) for seconds in (-1, 8.4, 59.6, 125, 4800)] == ["0 s", "8 s", "1 min 0 s", "2 min 5 s", "1 h 20 min"]
    words.use_language("vi")
    assert [words.size(1), words.size(1023), words.size(int(23.5 * (1 << 30)))] == ["1 byte", "1.023 byte", "23,5 GiB"]
    assert [words.number(12345.67, 1), words.number(8192), words.percent(0.5)] == ["12.345,7", "8.192", "50%"]
    assert [words.duration(seconds) for seconds in (8.4, 125, 4800)] == ["8 giây", "2 phút 5 giây", "1 giờ 20 phút"]
    assert words.ngettext("{count} job", "{count} jobs", 1) == words.ngettext("{count} job", "{count} jobs", 5) == "{count} việc"


# -- the command line -------------------------------------------------------------------------------------------------


def run(*arguments: str, language: str = "vi") -> tuple[int, str, str]:
    command = [sys.executable, "-m", "localstory", *arguments]
    environment = os.environ | {"LANGUAGE": language, "COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, env=environment, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def test_the_command_line_says_in_vietnamese_what_is_wrong(tmp_path: Path) -> None:
    code, out, said = run("story", "new", "", "--out", str(tmp_path / "truyện"))
    assert (code, out) == (1, "")
    assert said.splitlines()[:2] == ["Chưa có ý tưởng nào để kể", "Văn bản không có từ nào."]


def test_a_picture_that_failed_is_told_in_the_readers_language() -> None:
    built = Built(failed={"picture s2": PictureNotSaved(Path("cáo.png"), "No space left on device")}, seconds={"draw": 2.0})
    facts = EngineFacts("x", "1", model="m")
    nobody: Any = None
    tools = Tools(nobody, facts, nobody, nobody, nobody, facts, nobody)
    words.use_language("vi")
    out, err = io.StringIO(), io.StringIO()
    story.tell(built, tools, Screen(stdout=out, stderr=err))
    expected = "Không vẽ được hình s2 nên thay bằng thẻ chữ; lần làm sau sẽ thử lại: Không lưu được hình. Ghi cáo.png không thành: Thiết bị hết chỗ trống."
    assert err.getvalue().startswith(expected)
    assert "  vẽ: 2 giây" in out.getvalue()
    assert story.as_json(Path("x"), "", built, tools)["failed"] == {"picture s2": {"code": "picture_not_saved", "title": "Không lưu được hình"}}


def test_help_is_in_vietnamese_down_to_argparses_own_words() -> None:
    code, out, _said = run("--help")
    assert code == 0
    for expected in ("cách dùng: localstory", "tham số theo vị trí:", "tuỳ chọn:", "hiện phần trợ giúp này rồi thoát", "LỆNH", "hỏi mô hình một câu"):
        assert expected in out
    for english in ("usage", "positional", "options", "show", "COMMAND"):
        assert english not in out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["story", "new", "x"], "localstory story new: lỗi: còn thiếu các tham số bắt buộc: --out"),
        (["sing"], "localstory: lỗi: tham số LỆNH: không có lựa chọn 'sing' (hãy chọn trong "),
        (["ask", "x", "--seed", "many"], "localstory ask: lỗi: tham số --seed: 'many' không phải giá trị kiểu int"),
        (["ask", "x", "--sing"], "localstory: lỗi: không hiểu các tham số: --sing"),
        (["ask", "x", "--model"], "localstory ask: lỗi: tham số --model: cần một giá trị"),
    ],
)
def test_a_mistake_in_the_command_is_told_in_vietnamese(arguments: list[str], expected: str) -> None:
    code, _out, said = run(*arguments)
    assert code == 2
    assert said.startswith("cách dùng: localstory") and expected in said


def test_english_stays_english() -> None:
    code, out, _said = run("--help", language="de")
    assert code == 0 and out.startswith("usage: localstory") and "show this help message and exit" in out
