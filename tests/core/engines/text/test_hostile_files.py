"""A model's file with a template that loops, eats or refuses: the real child still answers, in a format of ours, and says so."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import psutil
import pytest

from localstory.cli import main
from localstory.engines.base import Message, Sampling, TextRequest
from localstory.engines.text.llama_cpp import LlamaCppEngine
from localstory.words import fill
from tests.contracts.text_contract import reply_to

KEY = b"tokenizer.chat_template"
ASK = TextRequest((Message("user", "Say hello. 🐉"),), max_tokens=8, sampling=Sampling(temperature=0.0, seed=1))
LOOPS = "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"
EATS = "{% set ns = namespace(x='x') %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}"
RAISES = "{{ raise_exception('đừng 🐉') }}"
REFUSES_SOME = (
    "{% for m in messages %}{% if 'đặc biệt' in m.content %}{{ raise_exception('đừng 🐉') }}{% endif %}"
    "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
)
"""Fails only when the conversation comes."""


def with_template(model: Path, template: str, into: Path) -> Path:
    """A copy of the model whose chat template is another, filled up to the length that the old one had."""
    made = into / "mẫu độc 🐉.gguf"
    shutil.copyfile(model, made)
    with open(made, "r+b") as file:
        head = file.read(8 << 20)
        at = head.index(KEY) + len(KEY) + 4
        (length,) = struct.unpack_from("<Q", head, at)
        content = template.encode()
        assert len(content) + 4 <= length
        file.seek(at + 8)
        file.write(content + b"{#" + b" " * (length - len(content) - 4) + b"#}")
    return made


@pytest.fixture
def hostile(smollm2: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return with_template(smollm2, request.param, tmp_path)


@pytest.mark.parametrize(("hostile", "why"), [(LOOPS, "takes too long"), (EATS, "too large"), (RAISES, "đừng 🐉")], indirect=["hostile"])
async def test_a_file_with_a_hostile_template_is_answered_in_a_format_of_ours(hostile: Path, why: str) -> None:
    engine = LlamaCppEngine(hostile, context_length=512, threads=1)
    try:
        reply = await reply_to(engine, ASK)
        workers = psutil.Process().children(recursive=True)
        assert max(worker.memory_info().rss for worker in workers) < 700 << 20  # the model itself takes 250 MB
        again = await reply_to(engine, ASK)
    finally:
        await engine.close()
    assert reply.text.strip() and again.text == reply.text
    assert reply.made_with["template"] == "chatml" and why in str(reply.made_with["template_trouble"])
    (notice,) = [fill(warned.template, warned.values) for warned in reply.warnings if "template" in warned.template]
    assert "chatml" in notice and why in notice


@pytest.mark.parametrize("hostile", [REFUSES_SOME], indirect=True)
async def test_a_template_that_fails_at_one_conversation_still_serves_the_others(hostile: Path) -> None:
    engine = LlamaCppEngine(hostile, context_length=512, threads=1)
    try:
        special = TextRequest((Message("user", "Điều đặc biệt?"),), max_tokens=8, sampling=ASK.sampling)
        assert "template" not in (await reply_to(engine, ASK)).made_with
        refused = await reply_to(engine, special)
        assert refused.text.strip() and refused.made_with["template"] == "chatml"
        usual = await reply_to(engine, ASK)
        assert "template" not in usual.made_with and not usual.warnings
    finally:
        await engine.close()


@pytest.mark.parametrize("hostile", [RAISES], indirect=True)
def test_ask_answers_on_stdout_and_tells_on_stderr(hostile: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ask", "Say hello.", "--model", str(hostile), "--max-tokens", "6", "--seed", "1", "--ctx", "512", "--threads", "1"]) == 0
    said = capsys.readouterr()
    assert "chatml" in said.err and "đừng 🐉" in said.err
    assert said.out.strip() and "template" not in said.out
