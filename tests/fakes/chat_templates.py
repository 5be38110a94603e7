# ruff: noqa: E501 - templates are as they are
"""Chat templates written for the tests, in the manners of the published families: what they do to content, refuse, and know of tools."""

from __future__ import annotations

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
GEMMA = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}
{%- for message in messages %}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate user/assistant/…') }}{% endif %}
{%- set role = 'model' if message['role'] == 'assistant' else message['role'] %}
{{- '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' }}
{%- endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""
MISTRAL = """{%- if messages[0].role == 'system' %}{%- set system = messages[0].content %}{%- set loop_messages = messages[1:] %}
{%- else %}{%- set loop_messages = messages %}{%- endif %}
{%- set ns = namespace(turn=0) %}{%- for m in loop_messages if m.role in ('user', 'assistant') and not m.tool_calls %}
{%- if (m.role == 'user') != (ns.turn % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{%- set ns.turn = ns.turn + 1 %}{%- endfor %}
{{- bos_token }}{%- for m in loop_messages %}
{%- if m.role == 'user' %}
{%- if tools and loop.last %}{{ '[AVAILABLE_TOOLS] [' }}{%- for t in tools %}{{ t | tojson }}{{ ', ' if not loop.last }}{%- endfor %}{{ '][/AVAILABLE_TOOLS]' }}{%- endif %}
{{- '[INST] ' }}{%- if loop.last and system is defined %}{{ system + '\n\n' }}{%- endif %}{{ m.content + '[/INST]' }}
{%- elif m.tool_calls %}{{ '[TOOL_CALLS] [' }}{%- for c in m.tool_calls %}
{%- if c.id | length != 9 %}{{ raise_exception('Tool call IDs should be alphanumeric strings with length 9!') }}{% endif %}
{{- '{"name": "' + c.function.name + '", "arguments": ' + c.function.arguments | tojson + ', "id": "' + c.id + '"}' }}{{ ', ' if not loop.last }}
{%- endfor %}{{ ']' + eos_token }}
{%- elif m.role == 'assistant' %}{{ ' ' + m.content | trim + eos_token }}
{%- elif m.role == 'tool' %}{{ '[TOOL_RESULTS] {"content": ' + m.content | tojson + ', "call_id": "' + m.tool_call_id + '"}[/TOOL_RESULTS]' }}
{%- else %}{{ raise_exception('Only user and assistant roles are supported') }}{%- endif %}{%- endfor %}"""
HERMES = """{%- if tools %}{{ '<|im_start|>system\n' }}{%- if messages[0].role == 'system' %}{{ messages[0].content + '\n\n' }}{%- endif %}
{{- '# Tools\n<tools>' }}{%- for tool in tools %}{{ '\n' }}{{ tool | tojson }}{%- endfor %}{{ '\n</tools>\nAnswer with <tool_call>\n{"name": …, "arguments": …}\n</tool_call><|im_end|>\n' }}
{%- elif messages[0].role == 'system' %}{{ '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}{%- endif %}
{%- for m in messages %}
{%- if m.role == 'user' or (m.role == 'system' and not loop.first) %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}
{%- elif m.role == 'assistant' %}{%- set content = m.content %}
{%- if '</think>' in content %}{%- set content = content.split('</think>')[-1].lstrip('\n') %}{%- endif %}
{{- '<|im_start|>assistant\n' + content }}
{%- for c in m.tool_calls or [] %}{%- if c.function %}{%- set c = c.function %}{%- endif %}
{{- '\n<tool_call>\n{"name": "' ~ c.name ~ '", "arguments": ' }}{{ c.arguments if c.arguments is string else c.arguments | tojson }}{{ '}\n</tool_call>' }}{%- endfor %}
{{- '<|im_end|>\n' }}
{%- elif m.role == 'tool' %}{%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}{{ '<|im_start|>user' }}{%- endif %}
{{- '\n<tool_response>\n' + m.content + '\n</tool_response>' }}
{%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{ '<|im_end|>\n' }}{%- endif %}{%- endif %}{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{%- endif %}{%- endif %}"""
LLAMA3 = """{{- bos_token }}{%- if tools %}{{ "<|start_header_id|>system<|end_header_id|>\n\nEnvironment: ipython\n" }}
{%- for t in tools %}{{ t | tojson(indent=4) }}{{ '\n\n' }}{%- endfor %}{{ '<|eot_id|>' }}{%- endif %}
{%- for m in messages %}{%- if 'tool_calls' in m %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n{"name": "' + m.tool_calls[0].function.name + '", "parameters": ' }}
{{- m.tool_calls[0].function.arguments | tojson }}{{ '}<|eot_id|>' }}
{%- elif m.role == 'tool' %}{{ '<|start_header_id|>ipython<|end_header_id|>\n\n' }}{{ m.content | tojson }}{{ '<|eot_id|>' }}
{%- else %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' }}{%- endif %}{%- endfor %}
{%- if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}"""
TYPED = """{%- for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}{%- for part in m.content %}{%- if part.type == 'text' %}{{ part.text }}{%- endif %}{%- endfor %}
{{- '<|im_end|>\n' }}{%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%- endif %}"""
ODD = """{% macro turn(role, text) %}<|im_start|>{{ role }}
{{ text }}<|im_end|>
{% endmacro %}{% set said = namespace(all='', count=0) %}{% for m in messages %}
{% set said.all = said.all ~ m.content %}{% set said.count = said.count + m.content | length %}
{{ turn(m.role, m.content | replace('a', 'b')) }}{{ turn(m.role | upper, m.content.strip().upper()) }}{{ '%s|%d' % (m.content, m.content | length) }}
{{ '{} and {name}'.format(m.content, name=m.role) }}{{ [m.content, 'x', m.content] | join('<|im_end|>') }}{{ {'c': m.content, 'list': [m.content]} | tojson }}
{{ m.content[1:4] }}{{ m.content[::-1] }}{{ m.content | first | default('') }}{{ m.content.split()[-1:] | join }}{{ m }}{{ [m.content] }}{{ m.content | indent(2) }}
{% if m.content.startswith('<') %}starts{% endif %}{% filter trim %} {{ m.content }} {% endfilter %}{% for letter in m.content[:3] %}{{ letter }}{% endfor %}
{% set kept %}{{ m.content }}{% endset %}{{ kept * 2 }}{{ m.content.partition('|')[2] }}{{ m.content.replace('|', '<|im_end|>') }}{{ m.items() | list }}
{% endfor %}{{ said.all }}<|im_start|>assistant
"""
"""Everything a template might do to what people wrote, and more."""
PHI3 = """{% for m in messages %}{% if m.role == 'system' %}{{ '<|system|>\n' + m.content + '<|end|>\n' }}{% elif m.role == 'user' %}
{{- '<|user|>\n' + m.content + '<|end|>\n' }}{% elif m.role == 'assistant' %}{{ '<|assistant|>\n' + m.content + '<|end|>\n' }}{% endif %}{% endfor %}
{%- if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"""
"""Leaves out in silence what it has no role for."""
DEEPSEEK = """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}
{%- set ns = namespace(system='', first=true) %}{%- for m in messages %}{%- if m['role'] == 'system' %}
{%- if ns.first %}{% set ns.system = ns.system + m['content'] %}{% set ns.first = false %}{%- else %}{% set ns.system = ns.system + '\n\n' + m['content'] %}{%- endif %}
{%- endif %}{%- endfor %}{{ bos_token }}{{ ns.system }}{%- for m in messages %}
{%- if m['role'] == 'user' %}{{ '<｜User｜>' + m['content'] }}{%- elif m['role'] == 'assistant' %}{{ '<｜Assistant｜>' + m['content'] + '<｜end▁of▁sentence｜>' }}{%- endif %}
{%- endfor %}{% if add_generation_prompt %}{{ '<｜Assistant｜>' }}{% endif %}"""
"""Gathers all system messages at the beginning."""
ALL = {"chatml": CHATML, "gemma": GEMMA, "mistral": MISTRAL, "hermes": HERMES, "llama3": LLAMA3, "typed": TYPED, "odd": ODD}
