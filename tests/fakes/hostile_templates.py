"""Chat templates that want all time, all memory, or more than a template may have; and a process of its own that renders each of them.

`python -m tests.fakes.hostile_templates` prints, one line of JSON for each: its name, what became of it, seconds of processor, the bytes that
the process's peak grew by, what of the machine it reached for.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time

from localstory.engines.text.foreign import Foreign
from localstory.engines.text.sandbox import Sandbox, TemplateFailed
from localstory.system import limit_own_memory, peak_memory_bytes

MEMORY_LIMIT_BYTES = 2 << 30
"""Only so that a hole fails the test and not the machine."""


def doubled(made: str, first: str, used: str) -> str:
    """A value made of two of itself, forty times, and then used."""
    return "{% set ns = namespace(x=" + first + ") %}{% for i in range(40) %}{% set ns.x = " + made + " %}{% endfor %}" + used


LIST = "[ns.x, ns.x]"
LETTERS = "{% set big = 'đ' * 4000000 %}"

HOSTILE = {
    "loops": "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "times": "{{ 'a' * 10**10 }}",
    "center": "{{ 'x'.center(3000000000) }}",
    "center filter": "{{ 'x' | center(3000000000) }}",
    "doubled text": doubled("ns.x + ns.x", "'a' * 1000", ""),
    "doubled text with tilde": doubled("ns.x ~ ns.x", "'a' * 1000", ""),
    "doubled list": doubled("ns.x + ns.x", "[1]", ""),
    "doubled tuple by times": doubled("ns.x * 2", "(1,)", ""),
    "doubled by join": doubled("[ns.x, ns.x] | join", "'aa'", ""),
    "doubled by format": doubled("'{0}{0}'.format(ns.x)", "'aa'", ""),
    "doubled by percent": doubled("'%s%s' % (ns.x, ns.x)", "'aa'", ""),
    "doubled by replace": doubled("ns.x.replace('a', 'aa')", "'aa'", ""),
    "doubled by a block": "{% set ns = namespace(x='aa') %}{% for i in range(40) %}{% set t %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = t %}{% endfor %}",
    "doubled by json": doubled("[ns.x, ns.x] | tojson", "'a'", ""),
    "nested printed": doubled(LIST, "'x'", "{{ ns.x }}"),
    "nested compared": doubled(LIST, "'x'", "") + doubled("[ns.y, ns.y]", "1, y='x'", "{{ ns.x == ns.y }}"),
    "nested compared in twins": "{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}"
    "{% endfor %}{% if ns.x == ns.y %}{% endif %}",
    "nested sought": doubled(LIST, "'x'", "{{ 1 in ns.x }}{{ [ns.x] in [[ns.x]] }}"),
    "nested as json": doubled(LIST, "'x'", "{{ ns.x | tojson }}"),
    "nested as text": doubled(LIST, "'x'", "{{ ns.x | string | length }}"),
    "nested joined": doubled(LIST, "'x'", "{{ [ns.x] | join }}{{ ns.x ~ '' }}"),
    "nested sorted": doubled(LIST, "'x'", "{{ [ns.x, ns.x] | sort }}"),
    "nested formatted": doubled(LIST, "'x'", "{{ '{}'.format(ns.x) }}"),
    "nested in percent": doubled(LIST, "'x'", "{{ '%s' % (ns.x,) }}"),
    "nested raised": doubled(LIST, "'x'", "{{ raise_exception(ns.x) }}"),
    "tuple hashed": doubled("(ns.x, ns.x)", "('x',)", "{{ {ns.x: 1} | length }}"),
    "tuple unique": doubled("(ns.x, ns.x)", "('x',)", "{{ [ns.x, ns.x] | unique | list | length }}"),
    "tuple as a key": doubled("(ns.x, ns.x)", "('x',)", "{{ messages[0].get(ns.x) }}{{ messages[0][ns.x] }}"),
    "object": doubled("{'a': ns.x, 'b': ns.x}", "'x'", "{{ ns.x }}"),
    "object by dict": doubled("dict(a=ns.x, b=ns.x)", "'x'", "{{ ns.x }}"),
    "object's items": doubled("{'a': ns.x, 'b': ns.x}.items()", "'x'", "{{ ns.x }}"),
    "object's values": doubled("{'a': ns.x, 'b': ns.x}.values() | list", "'x'", "{{ ns.x }}"),
    "namespaces": doubled("namespace(a=ns.x, b=ns.x)", "'x'", "{{ ns.x }}"),
    "namespace in itself": "{% set ns = namespace() %}{% set ns.x = [ns, ns] %}{{ ns.x }}",
    "batches": doubled("[ns.x] | batch(2, ns.x) | list", "'x'", "{{ ns.x }}"),
    "slices of lists": doubled("([ns.x, ns.x, 1])[:2]", "'x'", "{{ ns.x }}"),
    "varargs": "{% macro f(n) %}{% if n %}{{ f(n - 1, varargs, varargs) }}{% else %}{{ varargs }}{% endif %}{% endmacro %}{{ f(60, 1, 1) }}",
    "kwargs": "{% macro f(n) %}{% if n %}{{ f(n - 1, a=kwargs, b=kwargs) }}{% else %}{{ kwargs }}{% endif %}{% endmacro %}{{ f(60, a=1, b=1) }}",
    "cycler": doubled("cycler(ns.x, ns.x).items", "'x'", "{{ ns.x }}"),
    "deep": "{% set ns = namespace(x=1) %}{% for i in range(90000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
    "many of a large text": "{% set big = 'a' * 4000000 %}{{ ([big] * 1000) | string | length }}",
    "named in percent": "{{ ('%(a)s' * 100000) % {'a': 'x' * 4000000} }}",
    "macro": "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}",
    "recursive loop": "{% for a in [1, 2] recursive %}{{ loop([1, 2]) }}{% endfor %}",
    "blocks in themselves": "{% block a %}{{ self.a() }}{{ self.a() }}{% endblock %}",
    "caller": "{% macro f() %}{{ caller() }}{{ caller() }}{% endmacro %}{% macro g() %}{% call f() %}{{ g() }}{% endcall %}{% endmacro %}{{ g() }}",
    "power": "{{ 9 ** 9999999 }}",
    "tower": "{{ 9 ** (9 ** 9) }}",
    "squares": "{% set ns = namespace(x=3) %}{% for i in range(1000) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
    "percent": "{{ '%1000000000d' % 1 }}",
    "percent with a name": "{{ '%(a)1000000000d' % {'a': 1} }}",
    "percent with a star": "{{ '%*d' % (1000000000, 1) }}",
    "percent filter": "{{ '%1000000000d' | format(1) }}",
    "percent precision": "{{ '%.1000000000f' % 1 }}",
    "format": "{{ '{:1000000000}'.format(1) }}",
    "format filled": "{{ '{:>999999999}'.format('x') }}",
    "format nested": "{{ '{:{}}'.format(1, 1000000000) }}",
    "format's classes": "{{ '{0.__class__.__mro__}'.format('x') }}",
    "format map": "{{ '{a:1000000000}'.format_map({'a': 1}) }}",
    "classes": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "classes by attr": "{{ ('' | attr('__class__')).mro() }}{{ ['' ] | map(attribute='__class__') | list }}{{ 1 / 0 }}",
    "type": "{{ dict.mro()[1] }}",
    "type that changes": "{% set d = {} %}{{ dict.update(d, a=d) }}{{ d }}",
    "globals": "{{ cycler.__init__.__globals__.os.system('touch pwned') }}",
    "globals of ours": "{{ raise_exception.__func__.__globals__ }}",
    "import": "{{ self.__init__.__globals__['__builtins__'].__import__('socket') }}",
    "import tag": "{% import 'os' as os %}",
    "from": "{% from '/etc/passwd' import x %}",
    "include": "{% include '/etc/passwd' %}",
    "extends": "{% extends '/etc/passwd' %}",
    "lipsum": "{{ lipsum(100000) }}",
    "autoescape": "{% autoescape true %}{{ messages[0].content }}{% endautoescape %}",
    "output": "{% for a in range(100000) %}{% for b in range(1000) %}xxxxxxxxxxxxxxxx{% endfor %}{% endfor %}",
    "brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "lists in the text": "{{ " + "[" * 5000 + "1" + "]" * 5000 + " }}",
    "sum": "{{ " + "1+" * 20000 + "1 }}",
    "lists": "{% for i in range(100000) %}{{ range(100000) | list | length }}{% endfor %}",
    "kept lists": "{% set ns = namespace(x=1) %}{% for i in range(150) %}{% set ns.x = [ns.x, range(100000) | list] %}{% endfor %}{{ 1 / 0 }}",
    "kept slices": "{% set t = 'a' * 4000000 %}{% set ns = namespace(x=1) %}{% for i in range(150) %}{% set ns.x = [ns.x, t[1:]] %}{% endfor %}{{ 1 / 0 }}",
    "kept slices of lists": "{% set t = range(100000) | list %}{% set ns = namespace(x=1) %}{% for i in range(150) %}{% set ns.x = [ns.x, t[1:]] %}{% endfor %}"
    "{{ 1 / 0 }}",
    "range": "{{ range(10**9) | list }}",
    "a thousand ranges": "{{ range(100000) | map('string') | list | map('list') | list | string }}" * 9 + "{{ 1 / 0 }}",
    "letters": LETTERS + "{{ big | list | length }}{{ 1 / 0 }}",
    "letters joined": LETTERS + "{{ ','.join(big) }}{{ big | join('đđ') }}{{ 1 / 0 }}",
    "letters split": "{% set big = 'ađ' * 2000000 %}{{ big.split('a') | length }}{{ 1 / 0 }}",
    "words": "{% set big = 'đ ' * 2000000 %}{{ big.split() | length }}{{ 1 / 0 }}",
    "words counted": "{% set big = 'đ ' * 2000000 %}{{ big | wordcount }}{{ 1 / 0 }}",
    "lines": "{% set big = 'đ\n' * 2000000 %}{{ big.splitlines() | length }}{{ 1 / 0 }}",
    "letters as arguments": LETTERS + "{{ cycler(*big).next() }}{{ 1 / 0 }}",
    "batch": "{{ [1] | batch(1000000000, 'x') | list }}",
    "slice": "{{ [1] | slice(1000000000) | list }}",
    "indent": "{{ ('a\n' * 1000000) | indent(1000000) }}",
    "indent of json": "{{ (range(100000) | list) | tojson(indent=1000000) }}",
    "indent of deep json": doubled("[ns.x]", "range(100000) | list", "{{ ns.x | tojson(indent=16) }}") + "{{ 1 / 0 }}",
    "separators of json": "{{ (range(100000) | list) | tojson(separators=('a' * 100000, 'b')) }}",
    "replace": "{{ ('a' * 4000000).replace('a', 'b' * 4000000) }}",
    "replace of nothing": "{{ ('a' * 4000000).replace('', 'b' * 4000) }}",
    "replace filter": "{{ ('a' * 4000000) | replace('a', 'b' * 4000000) }}",
    "sought from the right": "{{ ('a' * 4000000).rfind('ab' + 'a' * 2000000) }}{{ 1 / 0 }}",
    "cut from the right": "{{ ('a' * 4000000).rpartition('ab' + 'a' * 2000000) }}{{ 1 / 0 }}",
    "split from the right": "{{ ('a' * 4000000).rsplit('ab' + 'a' * 2000000) }}{{ 1 / 0 }}",
    "stripped of a long set": "{{ ('a' * 4000000).strip('b' * 3999999 + 'a') }}{{ 1 / 0 }}",
    "trimmed of a long set": "{{ ('a' * 4000000) | trim('b' * 3999999 + 'a') }}{{ 1 / 0 }}",
    "joiner": doubled("joiner(ns.x)", "'x'", "{{ ns.x() }}{{ ns.x }}{{ 1 / 0 }}"),
    "digits as a number": "{{ ('9' * 4000000) | int }}{{ ('9' * 4000000) | float }}{{ ('f' * 4000000) | int(base=16) }}{{ 1 / 0 }}",
    "capitals that grow": "{{ ('ΐ' * 4000000).upper().upper() | length }}{{ 1 / 0 }}",
    "odd letters": "{{ ('👨‍👩‍👧‍👦\u0301\u202e\ufdfa' * 400000).casefold() | title | tojson(ensure_ascii=true) | length }}{{ 1 / 0 }}",
    "syntax": "{% if %}",
    "too long": "x" * 200_000,
    "many tags": "{% if 1 %}" * 9000,
    "many filters": "{{ 1" + "|string" * 9000 + " }}",
    "spaces": "{{ 1" + " " * 120_000 + "% }}",
    "date": "{{ strftime_now('%100000000d') }}",
    "digits": "{{ 1" + "0" * 100_000 + " }}",
}  # fmt: skip
"""Each must fail. What could be rendered in bounded time and memory ends with a division by zero, so that it fails, too."""


def measure(names: list[str]) -> None:
    """Render each in this process and print what it cost."""
    limit_own_memory(MEMORY_LIMIT_BYTES)
    reached: list[str] = []
    watching: list[bool] = []

    def watch(event: str, _args: object) -> None:
        if watching and event in ("open", "os.system", "subprocess.Popen", "socket.connect", "os.exec", "os.posix_spawn", "import"):
            reached.append(event)

    sys.addaudithook(watch)
    sandbox = Sandbox()
    values = {"messages": [{"role": "user", "content": Foreign("hi")}]}
    for warm_up in ("{{ 1 / 0 }}", "{{ 'x' | upper }}"):  # Jinja loads its own module for errors at the first one
        with contextlib.suppress(TemplateFailed):
            sandbox.run(warm_up, values, written_chars=2)
    for name in names:
        reached.clear()
        before, began = peak_memory_bytes() or 0, time.perf_counter()
        watching.append(True)
        try:
            became = "rendered " + sandbox.run(HOSTILE[name], values, written_chars=2, seconds=0.5)[:50]
        except TemplateFailed as failure:
            became = f"failed: {failure}"
        except BaseException as error:
            became = f"{type(error).__name__}: {error}"[:200]
        watching.clear()
        seconds, grown = time.perf_counter() - began, (peak_memory_bytes() or 0) - before
        print(json.dumps({"name": name, "became": became, "seconds": seconds, "grown_bytes": grown, "reached": reached}), flush=True)


if __name__ == "__main__":
    measure(sys.argv[1:] or list(HOSTILE))
