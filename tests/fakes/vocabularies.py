"""GGUF files that hold a vocabulary and nothing else, of each kind that llama.cpp knows how to read and with every trap we know of."""

from __future__ import annotations

from tests.fakes.gguf_files import ARRAY, BOOL, F32, I32, STRING, U32, array, gguf, pair

assert ARRAY  # the arrays below
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)  # llama.h, enum llama_token_type

CONTROLS = (
    "<|im_start|>", "<|im_end|>", "<start_of_turn>", "<end_of_turn>", "[INST]", "[/INST]", "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>",
    "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "[TOOL_CALLS]",
)  # fmt: skip
DEFINED = ("<tool_call>", "</tool_call>", "<think>", "</think>", "<|user|>", "  ", "\n\n", "<h1>", "</h1>", "🐉🐉")
LETTERS = [chr(code) for code in range(33, 127)] + list("ạặẹđươỡịếề｜▁")


def _pairs(model: str, tokens: list[tuple[str, int]], *more: bytes, bos: int, eos: int, pre: str = "default") -> list[bytes]:
    return [
        pair("general.architecture", STRING, "llama"),
        pair("tokenizer.ggml.model", STRING, model),
        pair("tokenizer.ggml.pre", STRING, pre),
        array("tokenizer.ggml.tokens", STRING, [text for text, _kind in tokens]),
        array("tokenizer.ggml.token_type", I32, [kind for _text, kind in tokens]),
        pair("tokenizer.ggml.bos_token_id", U32, bos),
        pair("tokenizer.ggml.eos_token_id", U32, eos),
        *more,
    ]


def _special() -> list[tuple[str, int]]:
    return [(text, CONTROL) for text in CONTROLS] + [(text, USER_DEFINED) for text in DEFINED]


def sentencepiece(*, adds_space: bool = True) -> bytes:
    """Merges that go from letters to `<s>` and `</s>`, which are control tokens: plain text becomes them even with parse_special off."""
    tokens = [("<unk>", UNKNOWN), ("<s>", CONTROL), ("</s>", CONTROL), *((f"<0x{byte:02X}>", BYTE) for byte in range(256))]
    words = ["<s", "</", "</s", "im", "end", "us", "er", "user", "he", "ll", "hell", "hello", "▁h", "▁a", "th", "the", "▁the", "[I", "NST", "INST", "[INS"]
    tokens += [(letter, NORMAL) for letter in LETTERS] + [(word, NORMAL) for word in words] + _special()
    tokens = list(dict(tokens).items())
    # The longer, the sooner: merges reach whatever they can.
    scores = array("tokenizer.ggml.scores", F32, [float(len(text)) for text, _kind in tokens])
    return gguf(
        _pairs(
            "llama", tokens, scores, pair("tokenizer.ggml.add_space_prefix", BOOL, adds_space), pair("tokenizer.ggml.add_bos_token", BOOL, True), bos=1, eos=2
        )
    )


def _byte_letters() -> dict[int, str]:
    """GPT-2's letters for bytes (Radford et al. 2019, encoder.py): printable ones stand for themselves, the others from U+0100 on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = (byte for byte in range(256) if byte not in plain)
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + number) for number, byte in enumerate(others)}


def byte_pairs(pre: str = "gpt-2") -> bytes:
    """Merges that end at `<s>`, a control token here."""
    letters = _byte_letters()
    merges = ["< s", "<s >", "h e", "l l", "he ll", "i m", "e n", "en d", "u s", "e r", "us er", "< |", "| >", "Ġ t", "Ġt he", "Ċ Ċ"]
    tokens = [("<s>", CONTROL), ("</s>", CONTROL), *((letter, NORMAL) for letter in letters.values())]
    tokens += [(merge.replace(" ", ""), NORMAL) for merge in merges] + _special()
    tokens = list(dict(reversed(tokens)).items())[::-1]  # the first mention counts
    known = {text: number for number, (text, _kind) in enumerate(tokens)}
    return gguf(_pairs("gpt2", tokens, array("tokenizer.ggml.merges", STRING, merges), bos=known["<s>"], eos=known["</s>"], pre=pre))


def word_pieces() -> bytes:
    """BERT's kind: whole words and their ends, no white space."""
    tokens = [("[PAD]", CONTROL), ("[UNK]", UNKNOWN), ("[CLS]", CONTROL), ("[SEP]", CONTROL), ("[MASK]", CONTROL)]
    tokens += [(f"▁{letter}", NORMAL) for letter in LETTERS] + [(letter, NORMAL) for letter in LETTERS]
    tokens += [(word, NORMAL) for word in ("▁hello", "▁the", "▁user", "▁cls", "▁inst")] + _special()
    tokens = list(dict(reversed(tokens)).items())[::-1]
    return gguf(_pairs("bert", tokens, pair("tokenizer.ggml.token_type_count", U32, 2), bos=2, eos=3))


ALL = {
    "spm": sentencepiece(),
    "spm without a space": sentencepiece(adds_space=False),
    "bpe": byte_pairs(),
    "bpe of llama 3": byte_pairs("llama-bpe"),
    "wpm": word_pieces(),
}
