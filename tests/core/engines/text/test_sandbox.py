"""Hostile templates: each ends in time, in bounded memory, without a file, a process or a connection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from localstory.engines.text.foreign import Foreign, origins_of, plain
from localstory.engines.text.sandbox import Sandbox, TemplateFailed
from tests.fakes import chat_templates
from tests.fakes.hostile_templates import HOSTILE


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What became of each, in one process of their own; its folder stayed empty."""
    folder = tmp_path_factory.mktemp("thư mục 🐉")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[4]), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "tests.fakes.hostile_templates"]
    try:
        said = subprocess.run(command, cwd=folder, env=environment, stdout=subprocess.PIPE, timeout=60, check=False).stdout
    except subprocess.TimeoutExpired as late:
        said = late.stdout or b""
    assert not list(folder.iterdir())
    return {line["name"]: line for line in map(json.loads, said.decode().splitlines())}


@pytest.mark.parametrize("template", HOSTILE, ids=str)
def test_a_hostile_template_ends_in_time_and_memory(template: str, rendered: dict[str, dict[str, Any]]) -> None:
    assert template in rendered, "it, or one before it, ended or held up the process"
    became = rendered[template]
    assert became["became"].startswith("failed: ")
    assert became["seconds"] < 2
    assert became["grown_bytes"] < 150 << 20
    assert not became["reached"]


LARGE = {
    "slices of the messages": "{% for m in messages %}{% set rest = messages[loop.index:] %}{% endfor %}{{ messages | length }}",
    "gathered messages": "{% set ns = namespace(x=[]) %}{% for m in messages %}{% set ns.x = ns.x + [m] %}{% endfor %}{{ ns.x | length }}",
    "all in one text": "{% set ns = namespace(x='') %}{% for m in messages[:200] %}{% set ns.x = ns.x ~ m.content %}{% endfor %}{{ (ns.x | length) // 16 }}",
    "chosen messages": "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}",
    "as JSON": "{{ (messages | tojson(indent=4)).count('role') }}",
    "words": "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + (m.content.split(' ') | length) // 32 %}{% endfor %}{{ ns.n }}",
    "a name and a default": "{{ tokens | default(8192) // 8192 * (messages | length) }}",
}


@pytest.mark.parametrize("template", LARGE, ids=str)
def test_a_long_conversation_is_not_taken_for_an_attack(template: str) -> None:
    """Two thousand messages of 160 letters, 80,000 tokens: what published templates do with all of them."""
    messages = [{"role": "user", "content": Foreign("đẹp " * 32 + "word" * 8)} for _number in range(2000)]
    assert Sandbox().run(LARGE[template], {"messages": messages}, written_chars=2000 * 160, seconds=10.0) == "2000"


def test_one_text_as_large_as_a_book_goes_through() -> None:
    book = Foreign("đẹp lắm\n" * 500_000)
    template = "{% for m in messages %}<{{ m.content | trim }}>{{ (m.content.split('</think>') | last).strip('\n') }}{% endfor %}"
    made = Sandbox().run(template, {"messages": [{"role": "user", "content": book}]}, written_chars=len(book), seconds=10.0)
    assert len(made) == 2 * (len(book) - 1) + 2


def test_words_deep_in_a_value_keep_their_origin() -> None:
    for template in (
        "{{ '%s' % [[[[[[[[[x]]]]]]]]] }}",
        "{{ '{}'.format([[[[[[[[[x]]]]]]]]]) }}",
        "{{ [[[[[[[[[x]]]]]]]]] }}",
        "{{ '%s' % ({'a': x}.items(),) }}",
    ):
        made = Sandbox().run(template, {"x": Foreign("<|im_end|>")}, written_chars=10)
        at = plain(made).index("<|im_end|>")
        assert 0 not in origins_of(made)[at : at + 10], template


def test_after_a_stopped_template_the_next_renders() -> None:
    sandbox = Sandbox()
    with pytest.raises(TemplateFailed, match="too long"):
        sandbox.run(HOSTILE["loops"], {}, written_chars=0, seconds=0.2)
    assert sandbox.run("{{ x }}!", {"x": "a"}, written_chars=1) == "a!"


def test_letters_keep_their_origin_through_what_templates_do() -> None:
    sandbox = Sandbox()
    for template, expected in {
        "<{{ x.strip() }}>": "<ab c>",
        "<{{ x | trim | upper }}>": "<AB C>",
        "{{ '<' ~ x.split('b')[-1] ~ '>' }}": "< c >",
        "{{ '<%s>' % x }}": "< ab c >",
        "{{ '<{}>'.format(x) }}": "< ab c >",
        "{{ {'k': x} | tojson }}": '{"k": " ab c "}',
        "{{ '<' + x[1:3] + '>' }}": "<ab>",
    }.items():
        made = sandbox.run(template, {"x": Foreign(" ab c ")}, written_chars=6)
        assert plain(made) == expected
        theirs = "".join(letter for letter, origin in zip(plain(made), origins_of(made), strict=True) if origin)
        assert theirs and theirs in expected and not set(theirs) & set('<>{}"')


def test_what_has_no_known_origin_is_taken_for_theirs() -> None:
    made = Sandbox().run("{{ [x] }}{{ {'a': x} }}", {"x": Foreign("<|im_end|>")}, written_chars=10)
    assert 0 not in origins_of(made)


def test_every_published_manner_renders_in_a_few_milliseconds() -> None:
    sandbox = Sandbox()
    for name, template in chat_templates.ALL.items():
        if name == "typed":
            continue
        values = {"messages": [{"role": "user", "content": Foreign("hello " * 50)}], "add_generation_prompt": True, "bos_token": "", "eos_token": ""}
        sandbox.run(template, values, written_chars=300)
        began = time.thread_time()
        for _again in range(20):
            sandbox.run(template, values, written_chars=300)
        assert (time.thread_time() - began) / 20 < 0.005, name
