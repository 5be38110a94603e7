"""How the known families of models are spoken to, for a model whose own template is missing or fails. Pure.

Written by us from the formats that the models' makers publish. Chosen by the architecture and by the control tokens that the
vocabulary really has. To add one: a line in `FORMATS`, before those that need fewer control tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from localstory.engines.text.foreign import LAST, QUESTION, SYSTEM, WRITTEN
from localstory.engines.text.template import Marked


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """What stands around each turn. `system` None: a system message goes to the head of the person's first turn."""

    name: str
    user: tuple[str, str]
    assistant: tuple[str, str]
    system: tuple[str, str] | None = None
    begin: str = ""
    """Before everything (not the beginning-of-text token, which is added apart)."""
    tokens: tuple[str, ...] = ()
    """Control tokens that the vocabulary must have."""
    architectures: tuple[str, ...] = ()
    """`general.architecture`; empty for a format that fits wherever its tokens are."""
    stops: tuple[str, ...] = ()
    """Texts at which the reply ends, where no control token ends it."""
    eos_after_reply: bool = False
    sentencepiece: bool | None = None
    """Only for vocabularies that put a space before a text (SentencePiece), or only for the others; None for both."""


def _even(
    name: str,
    frame: str,
    end: str,
    *,
    roles: tuple[str, str, str] = ("user", "assistant", "system"),
    begin: str = "",
    tokens: tuple[str, ...] = (),
    architectures: tuple[str, ...] = (),
    stops: tuple[str, ...] = (),
) -> ChatFormat:
    """A format that frames all three roles alike; `*` is the role."""
    user, assistant, system = ((frame.replace("*", role), end) for role in roles)
    return ChatFormat(name, user, assistant, system, begin, tokens, architectures, stops)


_LLAMA2_SYSTEM = ("<<SYS>>\n", "\n<</SYS>>\n\n")

FORMATS: tuple[ChatFormat, ...] = (
    _even("phi4", "<|im_start|>*<|im_sep|>", "<|im_end|>", tokens=("<|im_start|>", "<|im_sep|>", "<|im_end|>")),
    _even("chatml", "<|im_start|>*\n", "<|im_end|>\n", tokens=("<|im_start|>", "<|im_end|>")),
    _even("llama3", "<|start_header_id|>*<|end_header_id|>\n\n", "<|eot_id|>",
        tokens=("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    ),
    _even("llama4", "<|header_start|>*<|header_end|>\n\n", "<|eot|>",
        tokens=("<|header_start|>", "<|header_end|>", "<|eot|>"),
    ),
    ChatFormat("gemma4", ("<|turn>user\n", "<turn|>\n"), ("<|turn>model\n", "<turn|>\n"), ("<|turn>system\n", "<turn|>\n"), tokens=("<|turn>", "<turn|>")),
    ChatFormat(
        "gemma", ("<start_of_turn>user\n", "<end_of_turn>\n"), ("<start_of_turn>model\n", "<end_of_turn>\n"), tokens=("<start_of_turn>", "<end_of_turn>")
    ),
    # Mistral's spaces are those of SentencePiece; since NeMo and Small 3 the vocabulary is Tekken and there are none.
    ChatFormat("mistral_v7_tekken", ("[INST]", "[/INST]"), ("", ""), ("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"),
        tokens=("[INST]", "[/INST]", "[SYSTEM_PROMPT]"), eos_after_reply=True, sentencepiece=False),
    ChatFormat("mistral_v3_tekken", ("[INST]", "[/INST]"), ("", ""), tokens=("[INST]", "[/INST]"), eos_after_reply=True, sentencepiece=False),
    ChatFormat("mistral_v7", ("[INST] ", "[/INST]"), (" ", ""), ("[SYSTEM_PROMPT] ", "[/SYSTEM_PROMPT]"), tokens=("[INST]", "[/INST]", "[SYSTEM_PROMPT]"),
        eos_after_reply=True),
    ChatFormat("mistral_v3", ("[INST] ", "[/INST]"), (" ", ""), tokens=("[INST]", "[/INST]"), eos_after_reply=True),
    ChatFormat(
        "deepseek3",
        ("<｜User｜>", ""), ("<｜Assistant｜>", "<｜end▁of▁sentence｜>"), ("", ""),
        tokens=("<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>"),
    ),
    _even(
        "command_r", "<|START_OF_TURN_TOKEN|><|*_TOKEN|>", "<|END_OF_TURN_TOKEN|>", roles=("USER", "CHATBOT", "SYSTEM"),
        tokens=("<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>", "<|USER_TOKEN|>"),
    ),
    _even("granite", "<|start_of_role|>*<|end_of_role|>", "<|end_of_text|>\n",
        tokens=("<|start_of_role|>", "<|end_of_role|>"),
    ),
    # gpt-oss: what a person sets stands in the developer's message; a reply begins in the channel that people see.
    ChatFormat("harmony", ("<|start|>user<|message|>", "<|end|>"), ("<|start|>assistant<|channel|>final<|message|>", "<|end|>"),
        ("<|start|>developer<|message|># Instructions\n\n", "<|end|>"), tokens=("<|start|>", "<|message|>", "<|end|>", "<|channel|>")),
    _even("glm4", "<|*|>\n", "", begin="[gMASK]<sop>", tokens=("[gMASK]", "<|user|>", "<|assistant|>"), stops=("<|user|>",)),
    _even("phi3", "<|*|>\n", "<|end|>\n", tokens=("<|user|>", "<|assistant|>", "<|end|>")),
    _even("exaone4", "[|*|]\n", "[|endofturn|]\n", tokens=("[|endofturn|]",), architectures=("exaone4",)),
    ChatFormat("exaone", ("[|user|]", "\n"), ("[|assistant|]", "[|endofturn|]\n"), ("[|system|]", "[|endofturn|]\n"), tokens=("[|endofturn|]",)),
    ChatFormat("openchat", ("GPT4 Correct User: ", "<|end_of_turn|>"), ("GPT4 Correct Assistant: ", "<|end_of_turn|>"), tokens=("<|end_of_turn|>",)),
    _even("zephyr", "<|*|>\n", "<|endoftext|>\n", tokens=("<|endoftext|>",), architectures=("stablelm",)),
    ChatFormat("falcon3", ("<|user|>\n", "\n"), ("<|assistant|>\n", "<|endoftext|>\n"), ("<|system|>\n", "\n"), tokens=("<|user|>", "<|assistant|>"),
        stops=("<|user|>",)),
    ChatFormat("deepseek", ("User: ", "\n\n"), ("Assistant: ", ""), ("", "\n\n"), architectures=("deepseek", "deepseek2"), stops=("User:",),
        eos_after_reply=True),
    # Llama 2 and the first Mistral spell their marks with letters; Mixtral says "llama" too.
    ChatFormat("llama2", ("[INST] ", " [/INST]"), (" ", " "), architectures=("llama",), eos_after_reply=True, stops=("[INST]",)),
    ChatFormat("falcon", ("User: ", "\n\n"), ("Falcon: ", "\n\n"), ("", "\n\n"), architectures=("falcon",), stops=("\nUser:",)),
    ChatFormat("alpaca", ("### Instruction:\n", "\n\n"), ("### Response:\n", "\n\n"), ("", "\n\n"), architectures=("gptneox", "mpt", "gptj", "gpt2"),
        stops=("### Instruction:",)),
    ChatFormat("vicuna", ("USER: ", "\n"), ("ASSISTANT: ", "\n"), ("", "\n\n"), stops=("\nUSER:", "USER:")),
)  # fmt: skip
"""In the order in which they are tried. The last one needs nothing."""
BY_NAME = {one.name: one for one in FORMATS}


def format_for(architecture: str, has_token: Callable[[str], bool], *, sentencepiece: bool = False) -> ChatFormat:
    """The first format whose control tokens are all there, and whose architecture and kind of vocabulary fit."""
    for one in FORMATS:
        fits = (not one.architectures or architecture in one.architectures) and one.sentencepiece in (None, sentencepiece)
        if fits and all(map(has_token, one.tokens)):
            return one
    return FORMATS[-1]


def written_in(form: ChatFormat, messages: Sequence[Mapping[str, Any]], *, eos: str = "", ends_in_reply: bool = False) -> Marked:
    """The conversation in this format, ending where the assistant begins to speak, or with its words (`ends_in_reply`)."""
    last_user = max((number for number, message in enumerate(messages) if message["role"] == "user"), default=-1)
    made = Marked.of(form.begin)
    waiting = ""
    for number, message in enumerate(messages):
        text = str(message.get("content") or "")
        goes_on = ends_in_reply and number == len(messages) - 1
        match message["role"]:
            case "system" if form.system is None:
                waiting += text + "\n\n"
                continue
            case "system":
                frame, origin = form.system or ("", ""), SYSTEM
            case "assistant":
                frame, origin = form.assistant, LAST if goes_on else WRITTEN
            case _:
                frame, origin = form.user, QUESTION if number == last_user else WRITTEN
        made += Marked.of(frame[0])
        if waiting and message["role"] == "user":
            if form.name == "llama2":
                made += Marked.of(_LLAMA2_SYSTEM[0]) + Marked.of(waiting.strip(), SYSTEM) + Marked.of(_LLAMA2_SYSTEM[1])
            else:
                made += Marked.of(waiting, SYSTEM)
            waiting = ""
        made += Marked.of(text, origin)
        if not goes_on:
            made += Marked.of(frame[1] + (eos if form.eos_after_reply and message["role"] == "assistant" else ""))
    if waiting:
        made += Marked.of(form.user[0]) + Marked.of(waiting.strip(), SYSTEM) + Marked.of(form.user[1])
    return made if ends_in_reply else made + Marked.of(form.assistant[0].rstrip(" "))
