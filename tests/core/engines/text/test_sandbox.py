"""Hostile templates: each ends in time, in bounded memory, without a file, a process or a connection."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from localstory.engines.text.foreign import Foreign, origins_of, plain
from localstory.engines.text.sandbox import Sandbox, TemplateFailed
from localstory.system import peak_memory_bytes
from tests.fakes import chat_templates

HOSTILE = {
    "loops": "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "times": "{{ 'a' * 10**10 }}",
    "center": "{{ 'x'.center(3000000000) }}",
    "center filter": "{{ 'x' | center(3000000000) }}",
    "doubled text": "{% set ns = namespace(x='a' * 1000) %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "doubled list": "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "macro": "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
    "power": "{{ 9 ** 9999999 }}",
    "squares": "{% set ns = namespace(x=3) %}{% for i in range(1000) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
    "percent": "{{ '%1000000000d' % 1 }}",
    "format": "{{ '{:1000000000}'.format(1) }}",
    "classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "globals": "{{ cycler.__init__.__globals__.os.system('touch pwned') }}",
    "import": "{{ self.__init__.__globals__['__builtins__'].__import__('socket') }}",
    "include": "{% include '/etc/passwd' %}",
    "output": "{% for a in range(100000) %}{% for b in range(1000) %}xxxxxxxxxxxxxxxx{% endfor %}{% endfor %}",
    "brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "sum": "{{ " + "1+" * 20000 + "1 }}",
    "lists": "{% for i in range(100000) %}{{ range(100000) | list | length }}{% endfor %}",
    "batch": "{{ [1] | batch(1000000000, 'x') | list }}",
    "indent": "{{ ('a\n' * 1000000) | indent(1000000) }}",
    "replace": "{{ ('a' * 4000000).replace('a', 'b' * 4000000) }}",
    "syntax": "{% if %}",
    "too long": "x" * 200_000,
    "date": "{{ strftime_now('%100000000d') }}",
    "digits": "{{ 1" + "0" * 100_000 + " }}",
}


@pytest.mark.parametrize("template", HOSTILE, ids=str)
def test_a_hostile_template_ends_in_time_and_memory(template: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reached: list[str] = []

    def watch(event: str, _args: object) -> None:
        if watching and event in ("open", "os.system", "subprocess.Popen", "socket.connect", "os.exec", "os.posix_spawn", "import"):
            reached.append(event)

    watching: list[bool] = []
    sys.addaudithook(watch)
    sandbox = Sandbox()
    with pytest.raises(TemplateFailed):
        sandbox.run("{{ 1 / 0 }}", {}, written_chars=0)  # Jinja loads its own module for errors at the first one
    before = peak_memory_bytes() or 0
    began = time.process_time()
    watching.append(True)
    try:
        with pytest.raises(TemplateFailed):
            sandbox.run(HOSTILE[template], {"messages": [{"role": "user", "content": "hi"}]}, written_chars=2, seconds=1.0)
    finally:
        watching.clear()
    assert time.process_time() - began < 4
    assert (peak_memory_bytes() or 0) - before < 200 << 20
    assert not reached and not list(tmp_path.iterdir())


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
