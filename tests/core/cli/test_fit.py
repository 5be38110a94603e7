"""`localstory fit` and `recommend`, as programs read them: a local file, a repository behind a local hub, another machine."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localstory.models.library import starter_text_model
from tests.core.cli.test_bad_input import cli, refused
from tests.fakes.gguf_files import TINY
from tests.fakes.hub_server import Content, FakeHub
from tests.fakes.model_headers import model

MACHINES = Path(__file__).parents[2] / "data" / "fit" / "machines"


@pytest.fixture
def starter() -> Path:
    found = starter_text_model()
    assert found is not None
    return found.path


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as one:
        yield one


def stand_in(name: str, quantisation: str = "Q4_K_M") -> Content:
    """A header of a real model, and nothing but zeros behind it."""
    made = model(name, quantisation)
    start = made.header_bytes(vocabulary=True)
    return Content(start, size=-(-len(start) // 32) * 32 + made.header().data_bytes)


def fit(*arguments: str | Path, env: dict[str, str] | None = None) -> dict[str, Any]:
    code, table, stderr = cli("fit", *arguments, env=env)
    assert code == 0, table or stderr
    return table


def test_a_local_file_is_asked_about_exactly(starter: Path, tmp_path: Path) -> None:
    there = tmp_path / "mô hình 🐉.gguf"
    shutil.copy(starter, there)
    told = fit(there, "--ctx", "4096", "--sequences", "1")
    assert told["method"] == "exact"
    assert told["model"]["architecture"] == "llama"
    assert told["model"]["file_size_bytes"] == there.stat().st_size
    # Facts of the real load (tests/data/fit/memory.csv): 92.10 and 90.00 MiB.
    assert told["need"]["weights_bytes"] / 2**20 == pytest.approx(92.10, abs=0.02)
    assert told["need"]["kv_bytes"] / 2**20 == pytest.approx(90.0, abs=0.01)
    assert told["bytes_read"] == 0
    assert told["verdict"]["code"] == "runs_well"
    assert told["max_context"] == 8192
    assert 1.0 < told["pages"]["en"] / told["pages"]["vi"] < 4.0


def test_context_type_and_batch_change_the_sum_as_they_should(starter: Path) -> None:
    base = fit(starter, "--method", "formula", "--no-words")
    double = fit(starter, "--method", "formula", "--no-words", "--ctx", "16384")
    assert double["need"]["kv_bytes"] == 2 * base["need"]["kv_bytes"]
    small = fit(starter, "--method", "formula", "--no-words", "--kv-type", "q8_0")
    assert small["need"]["kv_bytes"] / base["need"]["kv_bytes"] == pytest.approx(1.0625 / 2)
    assert fit(starter, "--method", "formula", "--no-words", "--ubatch", "128")["need"]["compute_bytes"] < base["need"]["compute_bytes"]
    assert fit(starter, "--method", "formula", "--no-words", "--flash-attn", "off")["need"]["compute_bytes"] > 3 * base["need"]["compute_bytes"]


def test_a_whole_repository_behind_a_local_hub_costs_only_headers(hub: FakeHub) -> None:
    files = {"nhỏ 🐉/llama3.2-1b.Q4_K_M.gguf": stand_in("llama3.2-1b"), "nhỏ 🐉/llama3.2-1b.F16.gguf": stand_in("llama3.2-1b", "F16")}
    files |= {"llama3.1-8b.Q4_K_M.gguf": stand_in("llama3.1-8b"), "llama3.1-8b.Q8_0.gguf": stand_in("llama3.1-8b", "Q8_0")}
    hub.add("ai/truyen-GGUF", files, licence="mit")
    told = fit("hf:ai/truyen-GGUF", "--machine", MACHINES / "office-laptop-8gb-i5-8250u.json", "--no-words", env={"HF_ENDPOINT": hub.address})
    small, large = told["fits"][0], told["fits"][-1]
    assert small["model"]["licence"] == "mit"
    assert small["model"]["file_size_bytes"] < large["model"]["file_size_bytes"]
    assert small["verdict"]["level"] in ("good", "fair")
    assert large["verdict"]["code"] in ("from_disk", "does_not_fit")
    assert 0 < told["bytes_read"] < 6_000_000
    # The 8B at 4 bits does not run here either, and the 1B is another model.
    assert not any(one["code"] == "smaller_quantisation" and one["solves"] for one in large["suggestions"])
    assert large["speed"]["generate_tps"] is None


def test_a_broken_file_in_a_repository_leaves_the_others_their_answer(hub: FakeHub) -> None:
    hub.add("a/b", {"llama3.2-1b.Q4_K_M.gguf": stand_in("llama3.2-1b"), "broken.Q8_0.gguf": Content(b"<html>no</html>", size=2 << 30)})
    told = fit("hf:a/b", "--method", "formula", "--no-words", env={"HF_ENDPOINT": hub.address})
    assert [one["model"]["quantisation"] for one in told["fits"]] == ["Q4_K_M"]
    (refused_one,) = told["refused"]
    assert "broken" in refused_one["name"] and refused_one["error"]["code"] == "bad_model"


def test_one_file_of_a_repository_and_a_card_of_another_computer(hub: FakeHub) -> None:
    hub.add("a/b", {"qwen3-14b.Q4_K_M.gguf": stand_in("qwen3-14b")})
    told = fit("hf:a/b/qwen3-14b.Q4_K_M.gguf", "--machine", MACHINES / "desktop-32gb-rtx-3060.json", "--no-words", env={"HF_ENDPOINT": hub.address})
    assert told["gpu_layers"] > 30
    assert told["method"] == "computed"
    assert told["notes"]
    graphics = [name for name in told["need"]["by_device"] if name != "CPU"]
    assert len(graphics) == 1
    assert told["need"]["by_device"][graphics[0]]["weights_bytes"] > 7 << 30


def test_offline_a_hub_is_not_asked(hub: FakeHub) -> None:
    # Loopback is no network; any other place is refused before a connection is made.
    error = refused("offline", "fit", "hf:a/b", env={"HF_ENDPOINT": "https://hub.invalid", "LOCALSTORY_OFFLINE": "1"})
    assert error["hint"]


def test_a_model_too_new_for_this_engine_says_so(tmp_path: Path) -> None:
    from tests.fakes.gguf_files import STRING, TINY_TENSORS, U32, array, gguf, pair

    pairs = [
        pair("general.architecture", STRING, "zebra9"), pair("zebra9.block_count", U32, 2), pair("zebra9.context_length", U32, 512),
        pair("zebra9.embedding_length", U32, 256), pair("zebra9.feed_forward_length", U32, 512), pair("zebra9.attention.head_count", U32, 4),
        array("tokenizer.ggml.tokens", STRING, ["a", "b"]),
    ]  # fmt: skip
    path = tmp_path / "mới.gguf"
    path.write_bytes(gguf(pairs, TINY_TENSORS, 712))
    error = refused("bad_model", "fit", path)
    assert "zebra9" in error["detail"] and "newer" in error["hint"]


@pytest.mark.parametrize("content", [b"", b"GGUF", b"<html>", TINY[:100], b"\0" * 4096])
def test_a_broken_file_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hỏng.gguf"
    path.write_bytes(content)
    code, table, _stderr = cli("fit", path)
    assert code == 1
    assert table["error"]["title"] and table["error"]["detail"]


@pytest.mark.parametrize(
    "arguments",
    [("--ctx", "-5"), ("--ubatch", "0"), ("--sequences", "0"), ("--gpu-layers", "many"), ("--kv-type", "q8_0", "--flash-attn", "off")],
)
def test_settings_that_make_no_sense(starter: Path, arguments: tuple[str, ...]) -> None:
    refused("bad_request", "fit", starter, *arguments)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"memory": {"total_bytes": "much"}}', '{"memory": {"total_bytes": -1}}'])
def test_a_machine_file_that_is_none(starter: Path, tmp_path: Path, content: str) -> None:
    path = tmp_path / "máy.json"
    path.write_text(content, "utf-8")
    refused("bad_machine", "fit", starter, "--machine", path)


def test_a_rehearsal_does_not_speak_for_another_computer(starter: Path) -> None:
    refused("bad_request", "fit", starter, "--machine", MACHINES / "netbook-4gb-n4020.json", "--method", "rehearse")


def test_recommend_for_another_machine_names_one_to_take_with_the_reason() -> None:
    code, told, _stderr = cli("recommend", "--machine", MACHINES / "laptop-16gb-rtx-4060.json", "--language", "vi")
    assert code == 0
    assert told["recommended"].startswith("hf:") or told["recommended"]
    assert told["reason"]
    first, *others = told["ranked"]
    assert first["fit"]["verdict"]["level"] in ("good", "fair")
    assert [one["worth"] for one in told["ranked"]] == sorted((one["worth"] for one in told["ranked"]), reverse=True)
    assert len(others) > 5
    assert told["comparison"][0]["id"] == first["id"]


def test_more_memory_never_makes_the_choice_worse() -> None:
    machine = MACHINES / "office-laptop-8gb-i5-8250u.json"
    worths = []
    for more in ("0", "8", "24"):
        _code, told, _stderr = cli("recommend", "--machine", machine, "--more-memory", more)
        worths.append(told["ranked"][0]["worth"])
    assert worths == sorted(worths)


@pytest.mark.parametrize("purpose", ["image", "speech"])
def test_pictures_and_voices_are_recommended_too(purpose: str) -> None:
    code, told, _stderr = cli("recommend", "--for", purpose, "--machine", MACHINES / "desktop-32gb-rtx-3060.json")
    assert code == 0
    assert told["recommended"]
    assert told["ranked"]


def test_the_figures_of_another_engine_say_whose_they_are_and_what_they_rest_on(starter: Path) -> None:
    ours = fit(starter, "--ctx", "4096", "--sequences", "1", "--no-words", "--method", "formula")
    theirs = fit(starter, "--ctx", "4096", "--no-words", "--method", "formula", "--engine", "ollama")
    assert (ours["engine"], theirs["engine"]) == ("llama_cpp", "ollama") and "assumed" not in ours
    # Logits of a whole batch instead of one: vocabulary x 511 x 4 bytes, less what the same memory served for at another moment.
    assert 0.7 * 49_152 * 511 * 4 < theirs["need"]["total_bytes"] - ours["need"]["total_bytes"] <= 49_152 * 511 * 4
    assert theirs["in_its_store"] is False and any("OLLAMA_NUM_PARALLEL" in one for one in theirs["assumed"]) and theirs["engine_cannot"]
    another = fit(starter, "--engine", "lmstudio", "--no-words", "--method", "formula", "--machine", next(MACHINES.glob("*.json")))
    assert another["engine"] == "lmstudio" and another["engine_running"] is None and another["loaded"] is None
    refused("bad_request", "fit", starter, "--engine", "ollama", "--method", "rehearse")


def test_a_recommendation_for_another_engine_says_so() -> None:
    code, told, stderr = cli("recommend", "--engine", "ollama", "--machine", next(MACHINES.glob("*.json")))
    assert code == 0, stderr
    assert told["engine"] == "ollama" and told["assumed"] and all(one["fit"]["engine"] == "ollama" for one in told["ranked"])
