"""Deaths on record, explained."""

from __future__ import annotations

import pytest

from localstory.children.last_words import ChildDied, telling_line


@pytest.mark.parametrize(
    ("exit_code", "stderr", "why", "what_to_do"),
    [
        (-6, ["llama-vocab.cpp:2544: GGML_ASSERT(id != LLAMA_TOKEN_NULL) failed"], "refused this file", "download it again"),
        (134, ["terminate called after throwing an instance of 'nlohmann::detail::type_error'"], "gave up", "choose another"),
        (-9, [], "memory ran out", "smaller model"),
        (1, ["MemoryError"], "memory ran out", "smaller model"),
        (-7, [], "changed or could not be read", "Check the disk"),
        (-11, [], "crashed", "choose another"),
        (0xC0000005, [], "crashed", "choose another"),
        (-6, ["CUDA error: out of memory", "GGML_ABORT"], "graphics driver", "on the processor"),
        (-4, [], "lacks an instruction", "dev.py"),
        (3, [], "gave up", "Try again"),
        (None, ["Traceback", "ValueError: x"], "ended early: ValueError: x", "log"),
    ],
)
def test_a_death_says_why_and_what_to_do(exit_code: int | None, stderr: list[str], why: str, what_to_do: str) -> None:
    death = ChildDied("text", exit_code, stderr)
    assert why in str(death)
    assert what_to_do in str(death)


def test_the_most_telling_line_wins_over_the_last() -> None:
    assert telling_line(["a", "x.cpp:1: GGML_ASSERT(y) failed", "bye"]) == "x.cpp:1: GGML_ASSERT(y) failed"
    assert telling_line(["a", "bye"]) == "bye"
    assert telling_line([]) == ""
