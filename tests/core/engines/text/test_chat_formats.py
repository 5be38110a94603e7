"""The formats for models without a template, letter by letter as the models' makers publish them, and which model gets which."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from localstory.engines.text.chat_formats import BY_NAME, FORMATS, format_for, written_in

TALK = [
    {"role": "system", "content": "Be kind. 🐉"},
    {"role": "user", "content": "Chào!"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "Why?"},
]
PUBLISHED = {
    "phi4": "<|im_start|>system<|im_sep|>Be kind. 🐉<|im_end|><|im_start|>user<|im_sep|>Chào!<|im_end|>"
    "<|im_start|>assistant<|im_sep|>Hello.<|im_end|><|im_start|>user<|im_sep|>Why?<|im_end|><|im_start|>assistant<|im_sep|>",
    "chatml": "<|im_start|>system\nBe kind. 🐉<|im_end|>\n<|im_start|>user\nChào!<|im_end|>\n"
    "<|im_start|>assistant\nHello.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n",
    "llama3": "<|start_header_id|>system<|end_header_id|>\n\nBe kind. 🐉<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nChào!<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\nHello.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nWhy?<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "llama4": "<|header_start|>system<|header_end|>\n\nBe kind. 🐉<|eot|><|header_start|>user<|header_end|>\n\nChào!<|eot|>"
    "<|header_start|>assistant<|header_end|>\n\nHello.<|eot|><|header_start|>user<|header_end|>\n\nWhy?<|eot|><|header_start|>assistant<|header_end|>\n\n",
    "gemma4": "<|turn>system\nBe kind. 🐉<turn|>\n<|turn>user\nChào!<turn|>\n<|turn>model\nHello.<turn|>\n<|turn>user\nWhy?<turn|>\n<|turn>model\n",
    "gemma": "<start_of_turn>user\nBe kind. 🐉\n\nChào!<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n"
    "<start_of_turn>user\nWhy?<end_of_turn>\n<start_of_turn>model\n",
    "mistral_v7_tekken": "[SYSTEM_PROMPT]Be kind. 🐉[/SYSTEM_PROMPT][INST]Chào![/INST]Hello.</s>[INST]Why?[/INST]",
    "mistral_v3_tekken": "[INST]Be kind. 🐉\n\nChào![/INST]Hello.</s>[INST]Why?[/INST]",
    "mistral_v7": "[SYSTEM_PROMPT] Be kind. 🐉[/SYSTEM_PROMPT][INST] Chào![/INST] Hello.</s>[INST] Why?[/INST]",
    "mistral_v3": "[INST] Be kind. 🐉\n\nChào![/INST] Hello.</s>[INST] Why?[/INST]",
    "deepseek3": "Be kind. 🐉<｜User｜>Chào!<｜Assistant｜>Hello.<｜end▁of▁sentence｜><｜User｜>Why?<｜Assistant｜>",
    "command_r": "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>Be kind. 🐉<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>Chào!<|END_OF_TURN_TOKEN|>"
    "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>Hello.<|END_OF_TURN_TOKEN|><|START_OF_TURN_TOKEN|><|USER_TOKEN|>Why?<|END_OF_TURN_TOKEN|>"
    "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>",
    "granite": "<|start_of_role|>system<|end_of_role|>Be kind. 🐉<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>Chào!<|end_of_text|>\n"
    "<|start_of_role|>assistant<|end_of_role|>Hello.<|end_of_text|>\n<|start_of_role|>user<|end_of_role|>Why?<|end_of_text|>\n"
    "<|start_of_role|>assistant<|end_of_role|>",
    "harmony": "<|start|>developer<|message|># Instructions\n\nBe kind. 🐉<|end|><|start|>user<|message|>Chào!<|end|>"
    "<|start|>assistant<|channel|>final<|message|>Hello.<|end|><|start|>user<|message|>Why?<|end|><|start|>assistant<|channel|>final<|message|>",
    "glm4": "[gMASK]<sop><|system|>\nBe kind. 🐉<|user|>\nChào!<|assistant|>\nHello.<|user|>\nWhy?<|assistant|>\n",
    "phi3": "<|system|>\nBe kind. 🐉<|end|>\n<|user|>\nChào!<|end|>\n<|assistant|>\nHello.<|end|>\n<|user|>\nWhy?<|end|>\n<|assistant|>\n",
    "exaone4": "[|system|]\nBe kind. 🐉[|endofturn|]\n[|user|]\nChào![|endofturn|]\n[|assistant|]\nHello.[|endofturn|]\n[|user|]\nWhy?[|endofturn|]\n"
    "[|assistant|]\n",
    "exaone": "[|system|]Be kind. 🐉[|endofturn|]\n[|user|]Chào!\n[|assistant|]Hello.[|endofturn|]\n[|user|]Why?\n[|assistant|]",
    "openchat": "GPT4 Correct User: Be kind. 🐉\n\nChào!<|end_of_turn|>GPT4 Correct Assistant: Hello.<|end_of_turn|>GPT4 Correct User: Why?<|end_of_turn|>"
    "GPT4 Correct Assistant:",
    "zephyr": "<|system|>\nBe kind. 🐉<|endoftext|>\n<|user|>\nChào!<|endoftext|>\n<|assistant|>\nHello.<|endoftext|>\n<|user|>\nWhy?<|endoftext|>\n"
    "<|assistant|>\n",
    "falcon3": "<|system|>\nBe kind. 🐉\n<|user|>\nChào!\n<|assistant|>\nHello.<|endoftext|>\n<|user|>\nWhy?\n<|assistant|>\n",
    "deepseek": "Be kind. 🐉\n\nUser: Chào!\n\nAssistant: Hello.</s>User: Why?\n\nAssistant:",
    # Llama 2 has a new <s> before each turn, the first Mistral, which is told by nothing from it, has none.
    "llama2": "[INST] <<SYS>>\nBe kind. 🐉\n<</SYS>>\n\nChào! [/INST] Hello. </s>[INST] Why? [/INST]",
    "falcon": "Be kind. 🐉\n\nUser: Chào!\n\nFalcon: Hello.\n\nUser: Why?\n\nFalcon:",
    "alpaca": "Be kind. 🐉\n\n### Instruction:\nChào!\n\n### Response:\nHello.\n\n### Instruction:\nWhy?\n\n### Response:\n",
    "vicuna": "Be kind. 🐉\n\nUSER: Chào!\nASSISTANT: Hello.\nUSER: Why?\nASSISTANT:",
}
"""Written out by hand from the model cards, not by our code. Without the beginning-of-text token, which is added apart."""


@pytest.mark.parametrize("name", BY_NAME, ids=str)
def test_a_format_is_what_the_makers_publish(name: str) -> None:
    assert written_in(BY_NAME[name], TALK, eos="</s>").text == PUBLISHED[name]


@pytest.mark.parametrize("name", BY_NAME, ids=str)
def test_a_reply_that_is_begun_stays_open(name: str) -> None:
    """Where the conversation ends with the assistant's words, nothing stands behind them, and what is before is as ever."""
    begun = written_in(BY_NAME[name], [*TALK, {"role": "assistant", "content": "Because "}], eos="</s>", ends_in_reply=True).text
    before = written_in(BY_NAME[name], TALK, eos="</s>").text
    assert begun.startswith(before) and begun.removeprefix(before).strip(" ") == "Because" and begun.endswith("Because ")


GEMMA = ("<start_of_turn>", "<end_of_turn>")
MISTRAL = ("[INST]", "[/INST]", "<s>", "</s>")
CHOICES: list[tuple[str, Sequence[str], bool, str]] = [
    ("phi3", ("<|im_start|>", "<|im_sep|>", "<|im_end|>"), False, "phi4"),  # Phi-4 says phi3
    ("phi3", ("<|user|>", "<|assistant|>", "<|end|>", "<|endoftext|>"), True, "phi3"),
    *((one, ("<|im_start|>", "<|im_end|>", "<|endoftext|>"), False, "chatml") for one in ("qwen2", "qwen3", "qwen35moe", "llama", "smollm3", "no such")),
    ("llama", ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|begin_of_text|>"), False, "llama3"),
    ("llama4", ("<|header_start|>", "<|header_end|>", "<|eot|>"), False, "llama4"),
    *((one, GEMMA, True, "gemma") for one in ("gemma", "gemma2", "gemma3", "gemma3n")),
    ("gemma4", ("<|turn>", "<turn|>"), True, "gemma4"),
    ("llama", (*MISTRAL, "[SYSTEM_PROMPT]"), False, "mistral_v7_tekken"),
    ("llama", MISTRAL, False, "mistral_v3_tekken"),
    ("llama", (*MISTRAL, "[SYSTEM_PROMPT]"), True, "mistral_v7"),
    ("llama", MISTRAL, True, "mistral_v3"),
    ("llama", ("<s>", "</s>", "<unk>"), True, "llama2"),
    ("deepseek2", ("<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>"), False, "deepseek3"),
    ("deepseek2", ("<｜end▁of▁sentence｜>",), False, "deepseek"),
    ("deepseek", ("<｜end▁of▁sentence｜>",), False, "deepseek"),
    ("cohere2", ("<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|USER_TOKEN|>"), False, "command_r"),
    ("granite", ("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"), False, "granite"),
    ("gpt-oss", ("<|start|>", "<|message|>", "<|end|>", "<|channel|>", "<|return|>"), False, "harmony"),
    ("chatglm", ("[gMASK]", "<sop>", "<|user|>", "<|assistant|>"), False, "glm4"),
    ("glm4", ("[gMASK]", "<sop>", "<|user|>", "<|assistant|>"), False, "glm4"),
    ("exaone", ("[|endofturn|]",), False, "exaone"),
    ("exaone4", ("[|endofturn|]",), False, "exaone4"),
    ("llama", ("<|end_of_turn|>", "<s>"), True, "openchat"),
    ("llama", ("<|user|>", "<|assistant|>", "<|endoftext|>"), False, "falcon3"),
    ("stablelm", ("<|endoftext|>",), False, "zephyr"),
    ("stablelm", ("<|user|>", "<|assistant|>", "<|endoftext|>"), False, "zephyr"),
    ("falcon", ("<|endoftext|>",), False, "falcon"),
    *((one, ("<|endoftext|>",), False, "alpaca") for one in ("gptneox", "mpt", "gptj", "gpt2")),
    ("no such architecture 🐉", (), False, "vicuna"),
    ("", ("<s>",), True, "vicuna"),
    ("qwen3", (), False, "vicuna"),  # a vocabulary without its marks
    ("mamba", ("<im_start>", "<|IM_END|>"), False, "vicuna"),  # nearly is not there
]


@pytest.mark.parametrize(("architecture", "tokens", "sentencepiece", "name"), CHOICES, ids=lambda value: str(value)[:24])
def test_a_model_gets_the_format_of_its_family(architecture: str, tokens: Sequence[str], sentencepiece: bool, name: str) -> None:
    assert format_for(architecture, frozenset(tokens).__contains__, sentencepiece=sentencepiece).name == name


def test_every_format_can_be_chosen_and_is_known_by_its_text() -> None:
    assert {choice[3] for choice in CHOICES} == set(BY_NAME) == set(PUBLISHED)
    assert len(BY_NAME) == len(FORMATS) and len(set(PUBLISHED.values())) == len(PUBLISHED)
    named = {architecture for one in FORMATS for architecture in one.architectures}
    assert named <= {choice[0] for choice in CHOICES}
