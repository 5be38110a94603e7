"""What a language costs: tokens per word, counted with the model's own vocabulary on a sample text.

A vocabulary that saw little Vietnamese cuts it into three times as many tokens: the same context holds a third of the
pages, and the same speed writes a third of the words.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from localstory.fit.dry_run import DryRunner

SAMPLES: Mapping[str, str] = {
    "en": (
        "The ferry was late again, so Ruth sat down on a coil of rope and opened the letter a second time. Her uncle wrote as he talked, in short "
        "sentences with too many commas. The roof leaked, he said, but only in the pantry; the dog had learned to open the gate; and the pear trees "
        "were heavier than in any year since the war. He never asked her to come home. He only listed what there was to do, week by week, until "
        "October. Across the harbour a man was painting the hull of a small boat in bright green, and two children argued about which of them had "
        "seen the dolphin first. When the horn finally sounded, she folded the paper into her coat, counted her bags, and found that she had "
        "already decided. Pears do not wait, she thought, and neither, it seemed, would she. By noon the island was a thin blue line behind them, "
        "and nobody on deck was looking back."
    ),
    "vi": (
        "Sáng sớm, chợ nổi đã rộn ràng tiếng máy thuyền và tiếng người gọi nhau. Ông Tư chèo chiếc xuồng cũ chở đầy khoai lang, len qua những ghe lớn "
        "treo lủng lẳng bầu, bí trên cây sào. Năm nay nước về muộn, cá ít, nhưng vườn nhà ai cũng được mùa. Cô bé Lan ngồi trước mũi, tay cầm quyển "
        "vở toán, miệng lẩm nhẩm tính tiền giúp ông nội. Hễ có khách hỏi mua, em ngẩng lên cười, đọc giá thật nhanh rồi lại cúi xuống giải tiếp bài "
        "còn dở. Gần trưa, mặt sông lấp lánh nắng, khoai chỉ còn vài củ dưới đáy giỏ. Ông ghé vào quán cà phê nhỏ bên bờ, gọi cho cháu một tô bún "
        "nóng, còn mình thì nhâm nhi ly trà đá, kể chuyện ngày xưa đi học phải bơi qua ba con rạch. Lan bật cười, bảo rằng mai mốt lớn lên em sẽ xây "
        "cho xóm mình một cây cầu thật vững."
    ),
}
"""About 150 words each, of our own: everyday prose with names, speech and punctuation. Not translations of each other."""


def word_count(text: str) -> int:
    """Words as they are written, between spaces: in Vietnamese those are syllables, as every word processor counts them."""
    return len(text.split())


async def language_costs(header_file: Path, *, runner: DryRunner | None = None) -> dict[str, float]:
    """Tokens per word for every language in SAMPLES.

    `header_file`: a model, or its whole header with the vocabulary and nothing after it. `runner`: a dry runner to use
    along; without one a child is started for this call. Raises EngineRefuses when the vocabulary can't be used (or there
    is none), and what else `DryRunner.need` raises.
    """
    if runner is None:
        own = DryRunner()
        try:
            return await language_costs(header_file, runner=own)
        finally:
            await own.close()
    counts = await runner.count_tokens(header_file, list(SAMPLES.values()))
    return {language: count / word_count(text) for (language, text), count in zip(SAMPLES.items(), counts, strict=True)}


async def tokens_per_word(header_file: Path, language: str, *, runner: DryRunner | None = None) -> float:
    """Tokens per word in one language of SAMPLES; see `language_costs`. Raises KeyError for another language."""
    if language not in SAMPLES:
        raise KeyError(language)
    return (await language_costs(header_file, runner=runner))[language]
