"""JSON schemas held by the real grammar of llama.cpp, over SmolLM2's own vocabulary."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from localstory.children.worker import Refused
from localstory.engines.text.grammar import from_schema


@pytest.fixture(scope="module")
def vocab(smollm2: Path) -> Iterator[Any]:
    from llama_cpp import llama_cpp as L

    params = L.llama_model_default_params()
    params.vocab_only = True
    model = L.llama_model_load_from_file(str(smollm2).encode(), params)
    assert model
    yield L.llama_model_get_vocab(model)
    L.llama_model_free(model)


HOSTILE: tuple[Any, ...] = (
    {"type": "nonsense"},
    {"type": {"a": 1}},
    {"type": "string", "pattern": "^(a"},
    {"type": "string", "pattern": "^[a"},
    {"$ref": "#/$defs/gone"},
    {"$ref": "https://localhost/schema"},
    {"type": "object", "properties": 5},
    {"type": "array", "items": {"type": "string"}, "minItems": 1.5},
    {"type": "array", "items": {"type": "string"}, "maxItems": 10**6},
    {"type": "string", "minLength": 10**6},
    {"type": "string", "pattern": "^a{1,1000000}$"},
    {"enum": 5},
    [],
    "text",
    None,
)


@pytest.mark.parametrize("schema", HOSTILE, ids=lambda schema: json.dumps(schema)[:40])
def test_a_schema_that_makes_no_sense_is_refused_and_ends_nothing(vocab: Any, schema: Any) -> None:
    """Anything but Refused would end the child, and with it the model."""
    from llama_cpp import llama_cpp as L

    with pytest.raises(Refused) as refused:
        from_schema(L, vocab, json.dumps(schema), [])
    assert refused.value.code == "bad_schema"
    assert 0 < len(str(refused.value.values["reason"])) <= 300
