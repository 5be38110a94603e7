"""What a quantisation costs in quality, in words and as a number that compares files across models.

Measured: llama.cpp tools/perplexity/README.md, Llama 3 8B on wikitext, perplexity 6.2332 at F16; the row with an
importance matrix where there is no other. The share of equal words is from the second table there; where that table is
silent it is left out, not guessed.

Two rules are ours, not measured for each model:
- Size. On Llama 2 70B the same Q4_K_M loses 1.2 %, where Llama 3 8B loses 2.8 % (same page and the README of
  llama-quantize): the loss falls as parameters ** -0.39. Small models lose more by the same curve, which agrees with
  the advice to take Q5 or Q6 below 2B.
- A model trained for its quantisation (Gemma's QAT at Q4_0, gpt-oss at MXFP4) counts as Q6_K: its makers report no
  measurable loss against their own full-precision figures.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from localstory.errors import mark

REFERENCE_PARAMETERS = 8_030_261_248
"""Llama 3 8B, on which the table was measured."""
_REFERENCE_PERPLEXITY = 6.233160
_SIZE_EXPONENT = 0.39
_TRAINED_FOR_IT_AS = "Q6_K"

_ADDED_PERPLEXITY: dict[str, float] = {
    "F32": 0.0, "BF16": 0.0, "F16": 0.001524, "Q8_0": 0.002650, "Q6_K": 0.021748, "Q5_K_M": 0.056974, "Q5_K_S": 0.104964, "Q5_1": 0.106223,
    "Q5_0": 0.131591, "Q4_K_M": 0.175482, "IQ4_NL": 0.223959, "IQ4_XS": 0.228071, "Q4_K_S": 0.268895, "Q4_1": 0.451103, "Q4_0": 0.468514,
    "Q3_K_L": 0.556242, "Q3_K_M": 0.656864, "IQ3_M": 0.666694, "IQ3_S": 0.733867, "IQ3_XS": 0.931409, "IQ3_XXS": 1.226803, "Q3_K_S": 1.632152,
    "IQ2_M": 2.369166, "Q2_K_S": 3.092145, "IQ2_S": 3.419148, "Q2_K": 3.519934, "IQ2_XS": 4.529791, "IQ2_XXS": 7.860148, "IQ1_M": 19.262089,
    "IQ1_S": 51.866126,
}  # fmt: skip
"""Perplexity added to the reference model, by quantisation."""

_SAME_WORD = {"Q8_0": 97.674, "Q6_K": 96.031, "Q4_K_M": 91.901, "Q2_K": 71.138}
"""Of 100 words, how many times the reference model picks the same most likely word as at F16."""

_WORDS: tuple[tuple[float, str], ...] = (
    (0.004, mark("as good as the original")),
    (0.018, mark("excellent")),
    (0.037, mark("very good")),
    (0.076, mark("good")),
    (0.15, mark("fair")),
    (0.40, mark("poor")),
    (0.60, mark("bad")),
)
"""Up to which relative loss a word is used; the limits stand between the table's rows."""
_BROKEN = mark("broken")
UNKNOWN = mark("quality unknown")
SAME_WORD_LINE = mark("Picks the same word as the original {times} times of 100.")


@dataclass(frozen=True, slots=True)
class QuantisationQuality:
    """What is known of one quantisation of a model of one size."""

    words: str
    """A marked message: "very good"."""
    kept: float | None
    """Share of the original's quality that stays, 0 to 1: the rank number. None: nothing is known of this quantisation."""
    same_word_times: int | None
    """Of 100 words, how many are the original's; only where it was measured, on a model of about 8B."""


def plain_name(quantisation: str) -> str:
    """ "UD-Q4_K_XL" -> "Q4_K_M", "q8_0" -> "Q8_0", "MXFP4_MOE" -> "MXFP4": the name under which the table knows it."""
    name = quantisation.strip().upper().replace("-", "_").removeprefix("UD_").removeprefix("I1_")
    if name.startswith("MXFP4"):
        return "MXFP4"
    # XL keeps some tensors at more bits than M: at least as good.
    larger = re.fullmatch(r"(Q[2-6]_K)_(?:X?L|M)", name)
    if larger and name not in _ADDED_PERPLEXITY:
        return larger[1] + "_M" if larger[1] + "_M" in _ADDED_PERPLEXITY else larger[1]
    return name


def quality_of(quantisation: str, parameters: int | None, *, trained_for_it: bool = False) -> QuantisationQuality:
    """What `quantisation` keeps of a model with so many parameters; `trained_for_it`: quantisation-aware training."""
    name = plain_name(quantisation)
    if trained_for_it or name == "MXFP4":
        name = _TRAINED_FOR_IT_AS
    added = _ADDED_PERPLEXITY.get(name)
    if added is None:
        return QuantisationQuality(UNKNOWN, None, None)
    scale = (REFERENCE_PARAMETERS / parameters) ** _SIZE_EXPONENT if parameters and parameters > 0 else 1.0
    loss = added / _REFERENCE_PERPLEXITY * scale
    words = next((word for limit, word in _WORDS if loss <= limit), _BROKEN)
    near_reference = parameters is None or REFERENCE_PARAMETERS / 2 <= parameters <= REFERENCE_PARAMETERS * 2
    times = _SAME_WORD.get(name) if near_reference and not trained_for_it else None
    return QuantisationQuality(words, 1 / (1 + loss), None if times is None else round(times))


def quality_words(quantisation: str, parameters: int | None, *, trained_for_it: bool = False) -> str:
    """The word for it, as a marked message: "as good as the original", "very good" … "broken"."""
    return quality_of(quantisation, parameters, trained_for_it=trained_for_it).words


def rank(score: float | None, quantisation: str, parameters: int | None, *, trained_for_it: bool = False) -> float | None:
    """A number that compares files across models: the model's score times what the quantisation keeps of it.

    A bigger model at Q4 beats a smaller one at Q8 of equal memory as long as its score is higher by more than the
    quantisation takes; below Q3 the taking wins. None when the score or the quantisation is unknown.
    """
    kept = quality_of(quantisation, parameters, trained_for_it=trained_for_it).kept
    return None if score is None or kept is None else score * kept
