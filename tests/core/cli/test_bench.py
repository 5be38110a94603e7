"""`localstory bench` on the real engine: what it measures is kept for the fit check, and nothing when it is stopped."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from localstory.cli import main
from localstory.paths import open_home
from tests.core.cli.test_bad_input import refused
from tests.fakes.ollama_server import OllamaServer

MODEL = "SmolLM2-135M-Instruct"


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main([*arguments, "--json"])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, answer


@pytest.mark.slow
def test_after_a_bench_the_fit_check_says_measured_here(capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # One thread: two wait for each other where other programs run beside.
    monkeypatch.setattr("localstory.engines.text.llama_cpp.worker_threads", lambda: 1)
    code, told = ask(capsys, "bench", "--model", MODEL, "--runs", "3", "--prompt", "40", "--generate", "34", "--branch", "180")
    assert code == 0 and told["kept"] == 4
    (speed,) = told["speeds"]
    for figure in (speed["prompt_tps"], speed["generate_tps"], told["load_s"], told["switch"]["cold_s"], told["switch"]["switch_s"]):
        assert 0 < figure["low"] <= figure["median"] <= figure["high"]
    assert told["switch"]["reused_tokens"] >= 130 and told["switch"]["ratio"] < 1
    memory = told["memory"]
    assert memory["rss_bytes"] > memory["anonymous_bytes"] > 0 and memory["engine_bytes"] > 200 << 20  # 92 of weights, 180 of cache
    inbox = [json.loads(file.read_text()) for file in (home / "inbox").glob("*.json")]
    assert sorted(one["kind"] for one in inbox) == ["load", "reply", "reply", "reply"]
    rates = sorted(one["figures"]["generate_tps"] for one in inbox if one["kind"] == "reply")
    assert [rates[0], rates[1], rates[2]] == [speed["generate_tps"][name] for name in ("low", "median", "high")]
    code, fit = ask(capsys, "fit", MODEL, "--no-words", "--method", "formula")
    assert fit["speed"]["confidence"] == "measured" and fit["method"] == "measured"
    low, high = fit["speed"]["generate_tps"]
    assert low <= speed["generate_tps"]["median"] <= high


@pytest.mark.skipif(os.name == "nt", reason="Ctrl+C is sent otherwise there")
def test_stopped_it_keeps_nothing_and_leaves_nothing(home: Path) -> None:
    open_home(home)
    command = [sys.executable, "-m", "localstory", "bench", "--model", MODEL, "--runs", "1000", "--prompt", "32", "--generate", "36", "--json"]
    bench = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        process, until = psutil.Process(bench.pid), time.monotonic() + 60

        def works(child: psutil.Process) -> bool:
            with contextlib.suppress(psutil.Error):  # those that look at the devices come and go
                return child.cmdline()[-2:] == ["--worker", "text"] and sum(child.cpu_times()[:2]) > 2.0
            return False

        def is_working() -> bool:
            return any(works(child) for child in process.children(recursive=True))

        while not is_working() and time.monotonic() < until:
            time.sleep(0.1)
        assert is_working()
        bench.send_signal(signal.SIGINT)
        stdout, stderr = bench.communicate(timeout=30)
    finally:
        bench.kill()
        bench.wait()
    assert bench.returncode == 1 and json.loads(stdout)["error"]["code"] == "interrupted" and "Traceback" not in stderr
    assert list((home / "inbox").iterdir()) == []


def test_a_server_is_measured_too_and_teaches_the_fit_check_nothing(capsys: pytest.CaptureFixture[str], home: Path) -> None:
    with OllamaServer() as server:
        code, told = ask(capsys, "bench", "--engine", server.url, "--runs", "2", "--generate", "32", "--branch", "300")
    assert code == 0 and (told["engine"], told["model"], told["kept"]) == ("ollama", server.model_name, 0)
    assert told["memory"] is None and told["load_s"] is None
    assert told["speeds"][0]["prompt_tps"]["median"] > 0 and told["switch"]["cold_s"]["median"] > 0
    assert list((home / "inbox").iterdir()) == []


def test_for_people_it_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    with OllamaServer() as server:
        assert main(["bench", "--engine", server.url, "--runs", "1", "--generate", "32", "--branch", "300"]) == 0
    told = capsys.readouterr().out
    assert "tokens/s" in told and "sibling branch" in told and "{" not in told and "measured here" not in told


@pytest.mark.parametrize(("arguments", "code"), [
    (("--runs", "0"), "bad_request"), (("--prompt", "-1"), "bad_request"), (("--depth", "-3"), "bad_request"), (("--ctx", "100"), "bad_request"),
    (("--depth", "5000", "--ctx", "4096"), "bad_request"), (("--pack", "không có"), "no_such_pack"), (("--model", "không có 🐉"), ""),
])  # fmt: skip
def test_what_can_not_be_measured_is_refused(arguments: tuple[str, ...], code: str, capsys: pytest.CaptureFixture[str]) -> None:
    exit_code, answer = ask(capsys, "bench", *arguments)
    assert exit_code == 1 and answer["error"]["title"] and (not code or answer["error"]["code"] == code)


def test_nobody_measures_two_engines_at_once() -> None:
    with pytest.raises(SystemExit) as usage:
        main(["bench", "--engine", "ollama", "--pack", "x"])
    assert usage.value.code == 2


def test_a_server_that_is_away_is_told() -> None:
    refused("no_connection", "bench", "--engine", "http://127.0.0.1:9")
