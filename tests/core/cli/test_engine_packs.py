"""`localstory engines list|add|remove|use`, as a person types it and as programs read it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from localstory.cli import main
from localstory.paths import Home, HomeLock, open_home
from localstory.settings import read_settings
from tests.conftest import OLD_PACK

MODEL = "SmolLM2-135M-Instruct"


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = main([*arguments, "--json"])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return code, answer


@pytest.fixture
def with_pack(home: Path, engines_folder: Path) -> Home:
    """A home in which the pack is."""
    opened = open_home(home)
    shutil.copytree(engines_folder / OLD_PACK, opened.engines / OLD_PACK)
    return opened


def test_a_pack_is_added_listed_with_its_devices_and_removed(capsys: pytest.CaptureFixture[str], home: Path, baseline_pack: Path) -> None:
    code, added = ask(capsys, "engines", "add", str(baseline_pack), "--name", "gói của Mai")
    assert code == 0 and added["added"]["name"] == "gói của Mai" and added["added"]["devices"][0]["kind"] == "cpu"
    code, listed = ask(capsys, "engines", "list")
    (row,) = listed["packs"]
    assert code == 0 and (row["name"], row["version"], row["backend"], row["problem"]) == ("gói của Mai", "0.3.36", "cpu", None)
    assert row["devices"] == added["added"]["devices"] and row["default"] is False and row["size_bytes"] > 5_000_000
    assert listed["engines"][0]["name"] == "llama_cpp"
    assert ask(capsys, "engines", "remove", "gói của Mai") == (0, {"removed": "gói của Mai"})
    assert ask(capsys, "engines", "list")[1]["packs"] == [] and list((home / "engines").iterdir()) == []


def test_alone_it_prints_what_it_always_did(capsys: pytest.CaptureFixture[str], with_pack: Home) -> None:
    assert main(["engines"]) == 0
    alone = capsys.readouterr().out
    assert OLD_PACK not in alone and alone.startswith("Text ")
    assert "packs" not in ask(capsys, "engines")[1]
    assert main(["engines", "list"]) == 0
    listed = capsys.readouterr().out
    assert listed.startswith(alone) and OLD_PACK in listed[len(alone) :]


def test_a_choice_is_kept_for_one_model_or_for_all(capsys: pytest.CaptureFixture[str], with_pack: Home) -> None:
    code, used = ask(capsys, "engines", "use", OLD_PACK)
    assert (code, used) == (0, {"pack": OLD_PACK, "model": None})
    path = ask(capsys, "engines", "use", "builtin", "--model", MODEL)[1]["model"]
    kept = read_settings(with_pack.settings_file)
    assert kept.engine_pack == OLD_PACK and kept.engine_packs == {path: "builtin"} and path.endswith(".gguf")
    (row,) = ask(capsys, "engines", "list")[1]["packs"]
    assert row["default"] is True and row["models"] == []
    ask(capsys, "engines", "use", OLD_PACK, "--model", MODEL)
    ask(capsys, "engines", "use", "builtin")
    (row,) = ask(capsys, "engines", "list")[1]["packs"]
    assert row["default"] is False and row["models"] == [path]
    assert ask(capsys, "engines", "remove", OLD_PACK)[0] == 0
    assert read_settings(with_pack.settings_file).engine_packs == {}


def test_a_chosen_pack_that_is_gone_is_told(capsys: pytest.CaptureFixture[str], with_pack: Home) -> None:
    ask(capsys, "engines", "use", OLD_PACK)
    shutil.rmtree(with_pack.engines / OLD_PACK)
    (row,) = ask(capsys, "engines", "list")[1]["packs"]
    assert row["name"] == OLD_PACK and "never added" in row["problem"]
    assert main(["engines", "list"]) == 0
    assert "portable build runs instead" in capsys.readouterr().out


def test_a_pack_that_was_changed_has_its_problem_told(capsys: pytest.CaptureFixture[str], with_pack: Home) -> None:
    library = with_pack.engines / OLD_PACK / "llama_cpp/lib/libllama.so"
    content = bytearray(library.read_bytes())
    content[1000] ^= 1
    library.unlink()
    library.write_bytes(content)
    (row,) = ask(capsys, "engines", "list")[1]["packs"]
    assert "libllama.so" in row["problem"] and row["devices"] is None


def test_what_is_refused(capsys: pytest.CaptureFixture[str], with_pack: Home, tmp_path: Path) -> None:
    missing = str(tmp_path / "không có")
    for code, arguments in (
        ("no_such_pack", ("use", "không có")), ("no_such_pack", ("remove", "../engines")), ("bad_request", ("remove", "builtin")),
        ("pack_refused", ("add", str(tmp_path))), ("file_trouble", ("add", missing)), ("bad_request", ("add", str(tmp_path), "--name", "../x")),
    ):  # fmt: skip
        exit_code, answer = ask(capsys, "engines", *arguments)
        assert exit_code == 1 and answer["error"]["code"] == code, arguments
        assert answer["error"]["title"] and "{" not in "".join(answer["error"].values())


def test_beside_an_open_window_nothing_is_changed(capsys: pytest.CaptureFixture[str], with_pack: Home, tmp_path: Path) -> None:
    with HomeLock(with_pack):
        for arguments in (("use", OLD_PACK), ("remove", OLD_PACK), ("add", str(tmp_path))):
            code, answer = ask(capsys, "engines", *arguments)
            assert (code, answer["error"]["code"]) == (1, "home_in_use")
        assert ask(capsys, "engines", "list")[0] == 0
    assert not with_pack.settings_file.exists() and (with_pack.engines / OLD_PACK).is_dir()


def test_the_fit_check_speaks_for_the_chosen_pack(capsys: pytest.CaptureFixture[str], with_pack: Home) -> None:
    code, portable = ask(capsys, "fit", MODEL, "--no-words", "--method", "formula")
    assert code == 0 and portable["engine_pack"] is None
    ask(capsys, "engines", "use", OLD_PACK)
    code, old = ask(capsys, "fit", MODEL, "--no-words", "--method", "formula")
    assert code == 0 and old["engine_pack"] == OLD_PACK
    assert old["speed"]["prompt_tps"][1] < portable["speed"]["prompt_tps"][1]  # without AVX2 a prompt is read far slower
    shutil.rmtree(with_pack.engines / OLD_PACK)
    code, gone = ask(capsys, "fit", MODEL, "--no-words", "--method", "formula")
    assert code == 0 and gone["engine_pack"] is None


def test_probe_names_the_pack_that_sees_a_device(capsys: pytest.CaptureFixture[str], with_pack: Home) -> None:
    code, told = ask(capsys, "probe", "--measure")
    devices = told["engine"]["devices"]
    assert code == 0 and [(device["kind"], device.get("pack")) for device in devices] == [("cpu", None), ("cpu", OLD_PACK)]
    assert with_pack.engines.is_dir()
