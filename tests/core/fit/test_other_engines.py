"""The fit check for Ollama and LM Studio: what differs from our own engine, what is assumed, and the window asked of Ollama."""

from __future__ import annotations

from dataclasses import replace

import pytest

from localstory.fit.check import formula_report
from localstory.fit.context_params import LoadSettings
from localstory.fit.other_engines import assumptions, default_window, machine_for, spoken_for, window_that_fits
from tests.core.fit.test_check import GIB, NETBOOK, OFFICE, computer, nvidia, subject


def test_other_programs_keep_the_logits_of_a_whole_batch() -> None:
    """llama.cpp's own default (facts/fit.md, §2.9): vocabulary x batch x 4 bytes instead of one token's, 512 MiB for Gemma's."""
    one = subject("gemma3-1b")
    ours = formula_report(one, OFFICE, LoadSettings(context_length=4096, sequences=1))
    theirs = formula_report(one, OFFICE, assumptions("ollama", LoadSettings(context_length=4096), OFFICE).settings)
    more = theirs.need.total_bytes - ours.need.total_bytes
    assert 0.9 * 262_144 * 511 * 4 < more < 1.1 * 262_144 * 512 * 4
    assert (theirs.need.weights_bytes, theirs.need.kv_bytes) == (ours.need.weights_bytes, ours.need.kv_bytes)


@pytest.mark.parametrize(("gib", "window"), [((), 4096), ((12,), 4096), ((24,), 32_768), ((24, 24), 262_144)])
def test_ollamas_own_window_follows_the_memory_of_the_cards(gib: tuple[int, ...], window: int) -> None:
    machine = computer(32, 28, *(nvidia(one) for one in gib))
    assert default_window("ollama", machine) == window
    told = [one.text() for one in assumptions("ollama", LoadSettings(), machine).assumed]
    assert any(f"{window:,}" in text for text in told)
    assert default_window("lmstudio", machine) is None


def test_a_card_that_our_build_cannot_use_counts_for_a_program_with_libraries_of_its_own() -> None:
    card = replace(nvidia(12), usable=False, why_not="The installed text engine is built for the processor only.")
    machine = computer(16, 12, card)
    chosen = assumptions("ollama", LoadSettings(context_length=4096), machine)
    assert formula_report(subject("llama3.1-8b"), machine, chosen.settings).gpu_layers == 0
    assert formula_report(subject("llama3.1-8b"), machine_for("ollama", machine), chosen.settings).gpu_layers > 30
    assert any("card" in one.text() for one in chosen.assumed)
    assert machine_for("llama_cpp", machine) is machine


def test_a_loaded_model_keeps_its_window_unless_another_is_asked_for() -> None:
    loaded = assumptions("ollama", LoadSettings(), OFFICE, loaded_window=20_480)
    assert loaded.settings.context_length == 20_480 and "20,480" in loaded.assumed[0].text()
    assert assumptions("ollama", LoadSettings(context_length=2048), OFFICE, loaded_window=20_480).settings.context_length == 2048


@pytest.mark.parametrize(("engine", "words"), [("ollama", "OLLAMA_KV_CACHE_TYPE=q8_0"), ("lmstudio", "LM Studio's own window")])
def test_what_cannot_be_set_from_outside_is_said(engine: str, words: str) -> None:
    chosen = assumptions(engine, LoadSettings(kv_type="q8_0"), OFFICE)  # type: ignore[arg-type]
    assert chosen.settings.kv_type == "q8_0" and any(words in one.text() for one in chosen.assumed)
    assert not any(words in one.text() for one in assumptions(engine, LoadSettings(context_length=8192), OFFICE).assumed)  # type: ignore[arg-type]


def test_our_own_engine_assumes_nothing() -> None:
    asked = LoadSettings(context_length=4096)
    chosen = assumptions("llama_cpp", asked, OFFICE)
    assert (chosen.settings, chosen.assumed, chosen.cannot) == (asked, (), ())


def test_no_advice_that_cannot_be_followed_there() -> None:
    one, machine = subject("llama3.1-8b"), computer(8, 6.2)
    chosen = assumptions("ollama", LoadSettings(context_length=16_384), machine)
    report = formula_report(one, machine, chosen.settings)
    assert "kv_q8_0" in {each.code for each in report.suggestions}
    told = spoken_for(report, chosen)
    assert "kv_q8_0" not in {each.code for each in told.suggestions} and "shorter_context" in {each.code for each in told.suggestions}
    assert told.as_json()["engine"] == "ollama" and report.as_json()["engine"] == "llama_cpp"


def test_the_window_asked_of_ollama_is_what_fits() -> None:
    small, large = subject("llama3.2-1b"), subject("llama3.1-8b")
    assert window_that_fits(small, OFFICE) == 8192
    assert window_that_fits(small, OFFICE, wanted=65_536) == 65_536
    tight = next(window for free in range(60, 90) if 2048 < (window := window_that_fits(large, computer(16, free / 10))) < 8192)
    assert tight % 1024 == 0
    assert window_that_fits(large, NETBOOK) == 2048
    assert window_that_fits(large, NETBOOK, reclaimable_bytes=64 * GIB) >= 2048


def test_a_window_that_fits_does_fit_and_the_next_does_not() -> None:
    one = subject("llama3.1-8b")
    for free in (6.4, 6.6, 6.8, 7.0):
        machine = computer(16, free)
        window = window_that_fits(one, machine)
        if 2048 < window < 8192:
            longest = formula_report(one, machine, assumptions("ollama", LoadSettings(context_length=window), machine).settings).max_context
            assert window <= longest < window + 1024
