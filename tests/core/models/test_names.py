"""What a person may call a model, and what a file's name tells. Names become paths and addresses, so odd ones are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localstory.models.names import (
    HubName,
    OllamaName,
    is_safe_inside,
    parse_hub_address,
    parse_hub_name,
    parse_ollama_name,
    part_in,
    part_names,
    quantisation_in,
    without_part,
)

HUB = "https://hub.example"


@pytest.mark.parametrize(
    ("name", "quantisation"),
    [
        ("gemma-3-27b-it-qat-q4_0.gguf", "Q4_0"), ("Qwen3-30B-A3B-UD-Q4_K_XL.gguf", "UD-Q4_K_XL"), ("Meta-Llama-3.1-8B-Instruct-IQ3_XXS.gguf", "IQ3_XXS"),
        ("llama-2-7b-chat.Q4_K_M.gguf", "Q4_K_M"), ("SmolLM2.q8_0.gguf", "Q8_0"), ("gpt-oss-20b-mxfp4.gguf", "MXFP4"), ("model-fp16.gguf", "F16"),
        ("model-BF16-00001-of-00002.gguf", "BF16"), ("model-f32.gguf", "F32"), ("BitNet-TQ2_0.gguf", "TQ2_0"), ("x-Q4_0_4_4.gguf", "Q4_0_4_4"),
        ("Q8_0", "Q8_0"), ("IQ4_NL", "IQ4_NL"), ("rồng 🐉 Q5_K_S.gguf", "Q5_K_S"), ("Qwen2.5-7B-Instruct.gguf", ""), ("Q4.gguf", "Q4"), ("", ""),
        ("q2-model-Q6_K.gguf", "Q6_K"), ("FAQ4_bot.gguf", ""), ("Mistral-7B-NVFP4.GGUF", "NVFP4"),
    ],
)  # fmt: skip
def test_the_quantisation_in_a_name(name: str, quantisation: str) -> None:
    assert quantisation_in(name) == quantisation


def test_parts_of_a_split_model() -> None:
    assert part_in("m-00002-of-00003.gguf") == (2, 3) and part_in("m.gguf") is None and part_in("m-00004-of-00003.gguf") is None
    assert part_in("m-00000-of-00003.gguf") is None
    assert part_names("m-00002-of-00003.gguf") == [f"m-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    assert part_names("m.gguf") == ["m.gguf"]
    assert without_part("rồng-00002-of-00003.gguf") == "rồng" and without_part("rồng.GGUF") == "rồng"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("owner/repo", HubName("owner/repo")),
        ("owner/repo@v1.0", HubName("owner/repo", revision="v1.0")),
        ("owner/repo/file.gguf", HubName("owner/repo", "file.gguf")),
        ("owner/repo/Q4/mẫu 🐉.gguf", HubName("owner/repo", "Q4/mẫu 🐉.gguf")),
        ("repo", None), ("", None), ("/", None), ("owner/", None), ("owner/re po", None), ("owner/repo/../x.gguf", None),
        ("owner/..", None), ("../owner", None),
        ("owner/repo//x", None), ("owner/repo/a\\b.gguf", None), ("owner/repo@", HubName("owner/repo")),
        ("owner/repo@a/b", HubName("owner/repo", "b", "a")), ("chủ/repo", None),
        ("owner/repo@../x", None), ("owner/repo?x=1", None), ("owner/repo#x", None),
    ],
)  # fmt: skip
def test_names_on_the_hub(text: str, name: HubName | None) -> None:
    assert parse_hub_name(text) == name


@pytest.mark.parametrize(
    ("url", "name"),
    [
        (f"{HUB}/owner/repo", HubName("owner/repo")),
        (f"{HUB}/owner/repo/", HubName("owner/repo")),
        (f"{HUB}/owner/repo/tree/main", HubName("owner/repo")),
        (f"{HUB}/owner/repo/blob/main/a/x.gguf", HubName("owner/repo", "a/x.gguf")),
        (f"{HUB}/owner/repo/resolve/abc/x%20%C3%B4.gguf?download=true#top", HubName("owner/repo", "x ô.gguf", "abc")),
        (f"{HUB}/owner/repo/blob/main/..%2F..%2Fx.gguf", None),
        (f"{HUB}/owner/repo/discussions", None), (f"{HUB}/owner", None), (f"{HUB}/api/models", None), (f"{HUB}/datasets/a/b", None),
        ("https://hub.example.evil/owner/repo", None), ("https://other.example/owner/repo/blob/main/x.gguf", None),
    ],
)  # fmt: skip
def test_pages_of_the_hub(url: str, name: HubName | None) -> None:
    assert parse_hub_address(url, [HUB, "https://mirror.example/"]) == name


@pytest.mark.parametrize(
    ("text", "name", "shown"),
    [
        ("llama3.2", OllamaName("llama3.2"), "llama3.2:latest"),
        ("llama3.2:3b", OllamaName("llama3.2", "3b"), "llama3.2:3b"),
        ("mai/rong:q4_K_M", OllamaName("rong", "q4_K_M", "mai"), "mai/rong:q4_K_M"),
        ("127.0.0.1:5000/mai/rong", OllamaName("rong", "latest", "mai", "127.0.0.1:5000"), "127.0.0.1:5000/mai/rong:latest"),
        ("hf.co/owner/repo:Q8_0", OllamaName("repo", "Q8_0", "owner", "hf.co"), "hf.co/owner/repo:Q8_0"),
    ],
)
def test_names_at_ollama(text: str, name: OllamaName, shown: str) -> None:
    assert parse_ollama_name(text) == name and str(name) == shown
    assert parse_ollama_name(shown) == name


@pytest.mark.parametrize(
    "text",
    ["", ":", "a:", ":b", "a:b:c", "../x", "a/../b", "a/b/c/d", "a/..:b", "a:..", "a:.", ".a", "a b", "a:b/../../c", "x" * 200, "a\\b", "a\0", "rồng", "/a",
     "a//b", "evil host/a/b", "a:b\n"],
)  # fmt: skip
def test_what_is_no_name_at_ollama(text: str) -> None:
    assert parse_ollama_name(text) is None


@given(st.text(alphabet=st.sampled_from("aZ0._-/:@\\ \0\nô🐉%?#"), max_size=30))
def test_no_text_becomes_a_path_that_leaves_its_folder(text: str) -> None:
    name = parse_ollama_name(text)
    if name is not None:
        for word in (name.namespace, name.model, name.tag, name.host):
            assert word not in ("", ".", "..") and "/" not in word and "\\" not in word and "\0" not in word
    hub = parse_hub_name(text)
    if hub is not None and hub.file:
        assert is_safe_inside(hub.file) and ".." not in hub.file.split("/")
