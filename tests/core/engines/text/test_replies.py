"""What the settings of a request do to a real model's reply: the worker itself, in this process, with SmolLM2."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from localstory.children.protocol import Message
from localstory.children.worker import Job, Refused
from localstory.engines.base import Sampling
from localstory.engines.text.conversation import warnings_of
from localstory.fit.context_params import LoadSettings
from localstory.gguf.header import check_file
from localstory.words import fill

PLAIN = Sampling(temperature=0.0, seed=1)
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] | trim + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and not enable_thinking %}{{ '<think>\n\n</think>\n\n' }}{% else %}{{ '<think>\n' }}{% endif %}{% endif %}"
)
"""Opens a thought for the model, and knows the switch."""


@dataclass
class Answer:
    result: dict[str, Any]
    pieces: list[Message] = field(default_factory=list)

    @property
    def text(self) -> str:
        return str(self.result["text"])


class Asked:
    """The worker, and how to ask it."""

    def __init__(self, worker: Any, folder: Path) -> None:
        self.worker = worker
        self._folder = folder

    def __call__(self, *messages: tuple[str, str], prompt: str | None = None, sampling: Sampling = PLAIN, max_tokens: int = 12, **more: Any) -> Answer:
        sent: list[Message] = []
        args = {
            "prompt": prompt,
            "messages": [{"role": role, "content": text} for role, text in messages],
            "sampling": json.loads(json.dumps(asdict(sampling))) | {"seed": sampling.seed or 1},  # as it comes through the pipe
            "max_tokens": max_tokens,
            "exact": True,
            **more,
        }
        result = self.worker.run("reply", args, Job(1, self._folder, sent.append))
        return Answer(result, [message for message in sent if message["type"] == "piece"])

    def ids(self, text: str) -> list[int]:
        return list(self.worker.ready.model.tokenise(text, special=False))


@pytest.fixture(scope="module")
def ask(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    from localstory.engines.text.llama_cpp import engine_params
    from localstory.engines.text.llama_worker import LlamaWorker

    worker = LlamaWorker()
    folder = tmp_path_factory.mktemp("job")
    params = engine_params(check_file(smollm2), LoadSettings(context_length=1024, flash_attention="off"))
    # One thread: two that wait for each other are slow while other tests run.
    args: dict[str, Any] = {"path": str(smollm2), "context_length": 1024, "context": params.as_args(), "threads": 1}
    args["model"] = {"gpu_layers": 0, "devices": [], "split": [], "processor_experts": []}
    worker.run("load", args, Job(0, folder, lambda _message: None))
    yield Asked(worker, folder)
    worker.free()


@pytest.fixture
def thinking(ask: Asked) -> Iterator[Asked]:
    before = ask.worker.ready.prompts.template
    ask.worker.ready.prompts.use_template(TEMPLATE)
    yield ask
    ask.worker.ready.prompts.use_template(before)


SEA = ("user", "Tell me about the sea.")
PAGE = "The sea is a very large body of"


# -- banned phrases -----------------------------------------------------------------------------------------------------


def test_a_banned_phrase_is_gone_in_every_spelling(ask: Asked) -> None:
    free = ask(prompt=PAGE).text
    assert "water" in free
    for phrase in ("water", " WATER", free[3:9]):
        said = ask(prompt=PAGE, sampling=Sampling(temperature=0.0, banned_phrases=(phrase,)))
        assert phrase.lower() not in said.text.lower()
        assert said.text and said.result["generated_tokens"] == 12
        assert "".join(piece["text"] for piece in said.pieces) == said.text


@pytest.mark.parametrize("spelling", ["water", "w|ater", "wat|er", "w|a|t|e|r"])
def test_a_phrase_forced_through_any_cut_of_its_tokens_is_caught(ask: Asked, spelling: str) -> None:
    """Biases drive the model through one way of cutting the word; only the ban can stop it."""
    bias = tuple((token, 30.0) for part in spelling.split("|") for token in ask.ids(part))
    forced = Sampling(temperature=0.0, logit_bias=bias)
    letters = set("".join(ask(prompt=PAGE, sampling=forced, max_tokens=12).text))
    assert letters <= set("water")  # so strong that nothing else is written
    banned = Sampling(temperature=1.0, seed=3, logit_bias=bias, banned_phrases=("water", "wa", "er", "aa"))
    said = ask(prompt=PAGE, sampling=banned, max_tokens=12).text
    assert not any(phrase in said for phrase in ("water", "wa", "er", "aa"))


def test_after_a_take_back_the_cache_is_that_of_a_cold_run(ask: Asked) -> None:
    """Tokens were evaluated, taken back and replaced: the next token's logits are those of the text that stayed."""
    import numpy as np

    from localstory.engines.text.ahead import Ahead

    free = ask(prompt=PAGE).text
    phrase = " ".join(free.split()[2:5])
    assert phrase in free and len(ask.ids(phrase)) >= 3
    reply = ask(prompt=PAGE, sampling=Sampling(temperature=0.0, banned_phrases=(phrase,)), logprobs=1)
    said = reply.text
    assert "".join(token for piece in reply.pieces for token, _own, _others in piece["tokens"]) == said  # none of those taken back
    assert said != free and said.split()[:2] == free.split()[:2]
    ready = ask.worker.ready
    warm, tokens = ready.model.logits(0).copy(), list(ready.cache.tokens)
    assert tokens == ready.model.tokenise(PAGE + said, special=False)[: len(tokens)]
    prompt = len(ready.model.tokenise(PAGE, special=False))
    ready.cache._empty()
    ready.cache.evaluate(tokens[:prompt], Job(2, Path(), lambda _message: None), True)
    cold = Ahead(ready.model, ready.cache, tokens[:prompt], lambda _tokens: None, lookup=False, drafter=None, timed=False)
    for token in tokens[prompt:]:
        cold.write(token, 100)
    np.testing.assert_array_equal(ready.model.logits(cold.row), warm)


def test_penalties_remember_only_what_stayed(ask: Asked) -> None:
    said = ask(prompt=PAGE, sampling=Sampling(seed=5, temperature=1.0, repeat_penalty=1.3, banned_phrases=("the", "a", "of")), max_tokens=12)
    assert not re.search("the|a|of", said.text.lower())
    again = ask(prompt=PAGE, sampling=Sampling(seed=5, temperature=1.0, repeat_penalty=1.3, banned_phrases=("the", "a", "of")), max_tokens=12)
    assert again.text == said.text


def test_a_grammar_that_knows_only_a_banned_phrase_has_no_next_word(ask: Asked) -> None:
    with pytest.raises(Refused) as refusal:
        ask(SEA, grammar='root ::= "No"', sampling=Sampling(banned_phrases=("no",), seed=1), max_tokens=8)
    assert refusal.value.code == "nothing_allowed"
    assert ask(SEA).text  # and the worker lives


# -- bias, loops, seeds -------------------------------------------------------------------------------------------------


def test_a_bias_forces_and_forbids(ask: Asked) -> None:
    (water,) = ask.ids(" water")
    assert " water" not in ask(prompt=PAGE, sampling=Sampling(temperature=0.0, logit_bias=((" water", -math.inf),))).text
    assert set(ask(prompt=PAGE, sampling=Sampling(temperature=0.0, logit_bias=((water, 100.0),)), max_tokens=4).text.split()) == {"water"}
    with pytest.raises(Refused, match="bad_token"):
        ask(prompt=PAGE, sampling=Sampling(logit_bias=((10_000_000, 1.0),), seed=1))


def test_dry_breaks_a_loop(ask: Asked) -> None:
    line = "round and round we go, up and down we go, "
    assert line.strip() in ask(prompt=line * 6, max_tokens=16).text
    assert "round we go" not in ask(prompt=line * 6, max_tokens=16, sampling=Sampling(temperature=0.0, dry_multiplier=1.5)).text


def test_the_same_seed_gives_the_same_text_with_every_sampler_on(ask: Asked) -> None:
    everything = {"repeat_penalty": 1.1, "dry_multiplier": 0.8, "top_n_sigma": 2.0, "typical_p": 0.95, "xtc_probability": 0.5, "dynatemp_range": 0.3}
    texts = {ask(SEA, sampling=Sampling(seed=seed, **everything)).text for seed in (7, 7, 7)}  # type: ignore[arg-type]
    assert len(texts) == 1
    assert ask(SEA, sampling=Sampling(seed=8, **everything)).text not in texts  # type: ignore[arg-type]


# -- grammar ------------------------------------------------------------------------------------------------------------


def test_a_grammar_forbids_what_the_model_wants(ask: Asked) -> None:
    assert "sea" in ask(SEA).text.lower()
    said = ask(SEA, grammar='root ::= "[" num ("," num){2} "]"\nnum ::= [0-9]{3}', max_tokens=60)
    assert re.fullmatch(r"\[\d{3},\d{3},\d{3}\]", said.text) and said.result["stop_reason"] == "end"


@pytest.mark.parametrize(
    ("grammar", "reason"),
    [
        ('root ::= "a" | missing', "Undefined rule identifier 'missing'"),
        ("start ::= [a-z]", "root"),
        ('root ::= ("a"', "expecting ')'"),
        ('root ::= "a', "end of input"),
        ("root ::= root [a-z]", "left recursion"),
        ("root ::= " + "(" * 5000 + '"a"' + ")" * 5000, "brackets"),
        ('root ::= "a\0b"', "NUL"),
        ('root ::= "a"{1000000000}', "repetitions"),
        ("root ::= [a-z]+ # " + "x" * 300_000, "256 KiB"),
        ("Kể chuyện 🐉", "expecting"),
    ],
)
def test_a_broken_grammar_is_told_with_the_reason(ask: Asked, grammar: str, reason: str) -> None:
    with pytest.raises(Refused) as refusal:
        ask(SEA, grammar=grammar)
    assert refusal.value.code == "bad_grammar"
    assert reason in str(refusal.value.values["reason"])


# -- continue and prefill -----------------------------------------------------------------------------------------------


def prompt_of(ask: Asked, **args: Any) -> str:
    """The text that the model sees."""
    start = ask.worker.ready.prompts.start_of({"prompt": None, **args})
    return "".join(piece.decode() if (piece := ask.worker.ready.model.piece(token)) else ask.worker.ready.model.text_of(token) for token in start.tokens)


CHAT = [{"role": "user", "content": "Tell me about the sea."}]
SAID = {"role": "assistant", "content": "The sea is full of"}


def test_a_prefill_begins_the_reply_inside_the_assistants_turn(ask: Asked) -> None:
    said = ask(SEA, prefill="Arr, matey! The sea is")
    assert said.text.startswith("Arr, matey! The sea is ") and said.text.count("Arr") == 1
    assert said.pieces[0]["text"].startswith("Arr, matey! The sea is")
    assert "".join(piece["text"] for piece in said.pieces) == said.text
    seen = prompt_of(ask, messages=CHAT, prefill="Arr, matey! The sea is")
    assert seen.endswith("Tell me about the sea.<|im_end|>\n<|im_start|>assistant\nArr, matey! The sea is")
    assert seen.count("<|im_start|>assistant") == 1


def test_going_on_gives_only_what_is_new(ask: Asked) -> None:
    said = ask(SEA, ("assistant", SAID["content"]), continue_last=True)
    assert said.text.startswith(" ") and not said.text.strip().startswith("The sea is full of")
    assert prompt_of(ask, messages=[*CHAT, SAID], continue_last=True).endswith("<|im_start|>assistant\nThe sea is full of")


def test_what_goes_on_is_seen_as_the_model_wrote_it(ask: Asked) -> None:
    written = ask(SEA, max_tokens=9)
    before = ask.worker.ready.prompts.start_of({"prompt": None, "messages": CHAT}).tokens
    assert ask.worker.ready.cache.tokens[: len(before)] == before  # the cache holds what was asked and all that was written but its last token
    start = ask.worker.ready.prompts.start_of({"prompt": None, "messages": [*CHAT, {"role": "assistant", "content": written.text}], "continue_last": True})
    assert start.tokens[:-1] == ask.worker.ready.cache.tokens


def test_a_space_at_the_end_is_not_doubled(ask: Asked) -> None:
    without = ask(SEA, prefill="The sea is").text
    assert ask(SEA, prefill="The sea is ").text == without
    assert "  " not in without


def test_a_template_that_drops_the_assistants_last_words_is_met_halfway(ask: Asked) -> None:
    before = ask.worker.ready.prompts.template
    try:
        ask.worker.ready.prompts.use_template(
            "{% for m in messages %}{% if m['role'] == 'user' %}<|im_start|>user\n{{ m['content'] }}<|im_end|>\n{% endif %}{% endfor %}"
            "<|im_start|>assistant\n<think>\n"
        )
        assert prompt_of(ask, messages=[*CHAT, SAID], continue_last=True).endswith("<|im_start|>assistant\n<think>\n</think>\n\nThe sea is full of")
    finally:
        ask.worker.ready.prompts.use_template(before)


# -- thoughts -----------------------------------------------------------------------------------------------------------

THOUGHT = 'root ::= "<think>" [a-z ]{8} "</think>\\n\\nYes" '


def test_a_thought_that_the_model_frames_is_no_part_of_the_text(ask: Asked) -> None:
    said = ask(SEA, grammar=THOUGHT, stop=["<think>"], max_tokens=60)
    assert said.text == "Yes"
    assert re.fullmatch("[a-z ]{1,8}", said.result["reasoning"])
    assert said.pieces[0]["kind"] == "reasoning" and said.pieces[-1].get("kind", "answer") == "answer"


def test_a_page_to_go_on_with_has_no_thoughts(ask: Asked) -> None:
    assert ask(prompt="Write a tag: ", grammar=THOUGHT, max_tokens=60).text.startswith("<think>")


def test_a_thought_opened_by_the_template_streams_as_one_even_unfinished(thinking: Asked) -> None:
    said = thinking(SEA, max_tokens=8)
    assert said.text == "" and said.result["reasoning"] and said.result["stop_reason"] == "length"
    assert {piece["kind"] for piece in said.pieces} == {"reasoning"}


def test_thinking_is_switched_off_through_the_template(thinking: Asked) -> None:
    assert prompt_of(thinking, messages=CHAT, thinking=True).endswith("assistant\n<think>\n")
    assert prompt_of(thinking, messages=CHAT, thinking=False).endswith("assistant\n<think>\n\n</think>\n\n")
    said = thinking(SEA, thinking=False, max_tokens=8)
    assert said.text and not said.result["reasoning"]


def told_of(said: Answer) -> str:
    return " ".join(fill(one.template, one.values) for one in warnings_of(said.result["notices"], bool(said.result["reasoning"])))


def test_a_model_that_cannot_be_told_to_think_is_named_when_it_did_otherwise(ask: Asked) -> None:
    assert "no switch" in told_of(ask(SEA, thinking=True)) and "no switch" in told_of(ask(prompt="Write: ", thinking=True))
    assert told_of(ask(SEA)) == told_of(ask(SEA, thinking=False)) == ""
    thought = ask(SEA, thinking=False, grammar=THOUGHT, max_tokens=60)
    assert thought.result["reasoning"] and "no switch" in told_of(thought)
    assert told_of(ask(SEA, thinking=True, grammar=THOUGHT, max_tokens=60)) == ""


def test_a_model_that_can_be_told_is_not(thinking: Asked) -> None:
    assert told_of(thinking(SEA, thinking=True)) == told_of(thinking(SEA, thinking=False)) == ""


def test_what_must_keep_to_a_grammar_is_the_answer(thinking: Asked) -> None:
    said = thinking(SEA, grammar='root ::= "yes" | "no"')
    assert said.text in ("yes", "no") and not said.result["reasoning"]


# -- probabilities ------------------------------------------------------------------------------------------------------


def test_logprobs_are_those_of_the_model_before_samplers(ask: Asked) -> None:
    import numpy as np

    said = ask(prompt=PAGE, logprobs=5, max_tokens=1, sampling=Sampling(temperature=2.0, top_k=3, seed=4))
    ((token, logprob, others),) = (record for piece in said.pieces for record in piece["tokens"])
    logits = ask.worker.ready.model.logits().astype(np.float64)  # one token: the prompt's are still there
    probs = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    order = np.argsort(-probs)[:5]
    np.testing.assert_allclose([value for _text, value in others], np.log(probs[order]), atol=1e-4)
    assert [text for text, _value in others] == [ask.worker.ready.model.piece(int(one)).decode("latin-1") for one in order]
    assert (token, pytest.approx(logprob)) in [(text, value) for text, value in others[:3]]


def test_every_token_comes_with_the_piece_that_shows_it(ask: Asked) -> None:
    said = ask(("user", "Repeat: Ặ ỡ 🐉 đẹp"), logprobs=2, max_tokens=30, stop=["zzz", " an"], sampling=Sampling(seed=3, banned_phrases=("repeat",)))
    tokens = [record for piece in said.pieces for record in piece["tokens"]]
    text = b"".join(token.encode("latin-1") for token, _own, _others in tokens).decode("utf-8", "replace")
    assert text.startswith(said.text)
    if said.result["stop_reason"] != "stop":
        assert text == said.text
    assert all(len(others) == 2 and others[0][1] >= others[1][1] and own <= others[0][1] + 1e-6 for _token, own, others in tokens)


def test_the_score_is_the_mean_of_the_logprobs(ask: Asked) -> None:
    said = ask(prompt=PAGE, logprobs=1, score=True, max_tokens=10)
    own = [record[1] for piece in said.pieces for record in piece["tokens"]]
    assert len(own) == 10
    assert said.result["mean_logprob"] == pytest.approx(sum(own) / 10)


def test_what_a_grammar_cannot_hold_of_a_schema_is_told(ask: Asked) -> None:
    open_end = {"type": "array", "items": {"enum": [1, 2]}, "maxItems": 3}
    said = ask(SEA, json_schema=json.dumps(open_end | {"uniqueItems": True, "title": "t"}), max_tokens=40)
    assert set(json.loads(said.text)) <= {1, 2}
    assert [(name, values) for name, values in said.result["notices"]] == [("schema_not_held", {"keywords": "uniqueItems"})]
    (warned,) = warnings_of(said.result["notices"])
    assert fill(warned.template, warned.values).endswith("uniqueItems.")
    assert ask(SEA, json_schema=json.dumps(open_end), max_tokens=40).result["notices"] == []
    assert ask(SEA).result["notices"] == []
