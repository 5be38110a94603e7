from __future__ import annotations

import pytest

from localstory.models.quality import quality_of, quality_words, rank

ABOUT_8B = 8_030_261_248

# facts/fit.md section 6: quantisation, added perplexity (Llama 3 8B), word.
TABLE = (
    ("Q8_0", 0.003, "as good as the original"), ("Q6_K", 0.022, "as good as the original"), ("Q5_K_M", 0.057, "excellent"), ("Q5_K_S", 0.105, "excellent"),
    ("Q4_K_M", 0.175, "very good"), ("IQ4_XS", 0.228, "very good"), ("Q4_K_S", 0.269, "good"), ("Q4_0", 0.469, "good"), ("Q3_K_L", 0.56, "fair"),
    ("Q3_K_M", 0.66, "fair"), ("IQ3_M", 0.67, "fair"), ("IQ3_XXS", 1.23, "poor"), ("Q3_K_S", 1.63, "poor"), ("IQ2_M", 2.37, "poor"), ("Q2_K", 3.52, "bad"),
    ("IQ2_XXS", 7.9, "broken"), ("IQ1_M", 19.0, "broken"), ("IQ1_S", 52.0, "broken"),
)  # fmt: skip


@pytest.mark.parametrize(("quantisation", "added", "word"), TABLE)
def test_words_and_losses_are_those_of_the_table(quantisation: str, added: float, word: str) -> None:
    found = quality_of(quantisation, ABOUT_8B)
    assert found.words == word
    assert found.kept == pytest.approx(6.2332 / (6.2332 + added), rel=0.02)


@pytest.mark.parametrize(("quantisation", "times"), [("Q8_0", 98), ("Q6_K", 96), ("Q4_K_M", 92), ("Q2_K", 71)])
def test_the_share_of_equal_words_is_told_where_it_was_measured(quantisation: str, times: int) -> None:
    assert quality_of(quantisation, ABOUT_8B).same_word_times == times
    assert quality_of(quantisation, 70_000_000_000).same_word_times is None


def test_a_model_of_70b_loses_what_was_measured_on_one() -> None:
    assert 1 - (quality_of("Q4_K_M", 68_976_648_192).kept or 0) == pytest.approx(0.012, abs=0.001)


def test_small_models_lose_more() -> None:
    kept = [quality_of("Q4_K_M", parameters).kept or 0 for parameters in (500_000_000, 2_000_000_000, 8_000_000_000, 70_000_000_000)]
    assert kept == sorted(kept) and len(set(kept)) == 4
    assert quality_words("Q4_K_M", 1_000_000_000) == "good"
    assert quality_words("Q6_K", 1_000_000_000) in ("as good as the original", "excellent")


def test_a_model_trained_for_its_quantisation_counts_as_q6() -> None:
    assert quality_of("Q4_0", ABOUT_8B, trained_for_it=True).kept == quality_of("Q6_K", ABOUT_8B).kept
    assert quality_of("MXFP4", ABOUT_8B).kept == quality_of("MXFP4_MOE", ABOUT_8B).kept == quality_of("Q6_K", ABOUT_8B).kept


OTHER_NAMES = (
    ("UD-Q4_K_XL", "Q4_K_M"), ("q4_k_m", "Q4_K_M"), ("UD-Q4_K_M", "Q4_K_M"), ("Q4_K_L", "Q4_K_M"), ("Q6_K_L", "Q6_K"), ("UD-IQ2_M", "IQ2_M"),
    ("Q3_K_XL", "Q3_K_M"),
)  # fmt: skip


@pytest.mark.parametrize(("name", "as_if"), OTHER_NAMES)
def test_names_of_other_makers_are_understood(name: str, as_if: str) -> None:
    assert quality_of(name, ABOUT_8B).kept == quality_of(as_if, ABOUT_8B).kept


def test_of_an_unknown_quantisation_nothing_is_claimed() -> None:
    assert quality_of("X9_Z", ABOUT_8B) == quality_of("", ABOUT_8B)
    assert quality_of("X9_Z", ABOUT_8B).kept is None and rank(50, "X9_Z", ABOUT_8B) is None and rank(None, "Q8_0", ABOUT_8B) is None


def test_a_bigger_model_at_q4_beats_a_smaller_at_q8_down_to_q3() -> None:
    """Gemma 3 12B and 4B, scores of the technical report: the rank rule of facts/fit.md section 6."""
    small = rank(43.6, "Q8_0", 3_880_263_168) or 0
    assert (rank(60.6, "Q4_K_M", 11_766_034_176) or 0) > small and (rank(60.6, "Q3_K_M", 11_766_034_176) or 0) > small
    assert (rank(60.6, "IQ1_M", 11_766_034_176) or 0) < small
