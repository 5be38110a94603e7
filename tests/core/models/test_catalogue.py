from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from localstory import paths
from localstory.errors import CannotContinue
from localstory.models.catalogue import BadCatalogue, Catalogue, TextEntry, header_of, load_catalogue, read_catalogue, shipped_catalogue
from localstory.models.catalogue_rules import LICENCES
from localstory.models.toml_lines import lines_of
from localstory.paths import Home
from localstory.words import fill, tell

SHIPPED = paths.shipped_models_file().read_text("utf-8")
CATALOGUE = shipped_catalogue()

SMALL = """\
# A list of one.
format = 1
checked = "2026-11-22"

[[text]]
id = "tiny-1b"
title = "Tiny 1B"
family = "Tiny"
repo = "somebody/Tiny-1B-GGUF"
licence = "Apache-2.0"
parameters = 1_235_814_400
context_length = 131072
languages = ["en", "vi"]
purposes = ["chat", "story"]
released = "2026-01"
thinking = "never"
files = [
    { file = "Tiny-1B-Q4_K_M.gguf", quantisation = "Q4_K_M", size_bytes = 807_694_464 },
    { file = "Tiny-1B-Q8_0.gguf", quantisation = "Q8_0", size_gb_about = 1.3 },
]
score = { value = 40.5, test = "MMLU-Pro", source = "its model card" }
tokens_per_word = { vi = 1.38 }
sources = [
    "hub listing",
]

[text.shape]
architecture = "llama"
block_count = 16
embedding_length = 2048
feed_forward_length = 8192
"attention.head_count" = 32
"attention.head_count_kv" = 8
"attention.key_length" = 64
"attention.value_length" = 64
vocab_size = 128_256
tied_embeddings = true
rope_factors = 32

[[voice]]
id = "en_US-tiny-medium"
title = "Tiny"
language = "en"
repo = "somebody/voices"
file = "en/en_US-tiny-medium.onnx"
config_file = "en/en_US-tiny-medium.onnx.json"
size_bytes = 63_201_294
sample_rate = 22050
quality = "medium"
licence = "CC0-1.0"
commercial_use = true
sources = ["the voice's card"]
"""


def mistake(text: str) -> BadCatalogue:
    with pytest.raises(BadCatalogue) as caught:
        read_catalogue(text, "models.toml")
    assert str(caught.value.line) in tell(caught.value).detail or caught.value.line == 1
    return caught.value


def line_of(text: str, piece: str) -> int:
    return text[: text.index(piece)].count("\n") + 1


# -- the shipped list -------------------------------------------------------------------------------------------------


def test_there_are_enough_models_of_every_kind() -> None:
    assert len(CATALOGUE.texts) >= 25
    assert {entry.family for entry in CATALOGUE.texts} >= {"Llama", "Qwen", "Gemma", "Mistral", "DeepSeek", "Phi", "StarCoder"}
    assert CATALOGUE.text("gemma-3-27b-it-qat-q4_0") is not None
    assert sum(entry.is_moe for entry in CATALOGUE.texts) >= 2
    assert {entry.tier for entry in CATALOGUE.images} == {"sketch", "standard", "best", "characters"}
    assert {entry.language for entry in CATALOGUE.voices} >= {"en", "vi"}


def test_sizes_are_spread_from_netbooks_to_large_laptops() -> None:
    gigabytes = sorted(entry.default.size_bytes / 1e9 for entry in CATALOGUE.texts)
    for low, high in ((0, 1), (1, 2), (2, 3), (4, 6), (6, 10), (12, 17), (17, 23)):
        assert sum(low <= size < high for size in gigabytes) >= 2, (low, high)


def test_several_models_for_vietnamese_can_be_ranked_at_every_size() -> None:
    ranked = [entry for entry in CATALOGUE.texts_for("story", "vi") if entry.rank_of(entry.default) is not None]
    for limit_gb in (1, 2, 3, 6, 10, 24):
        assert any(entry.default.size_bytes <= limit_gb * 1e9 for entry in ranked), limit_gb
    assert len(ranked) >= 8


@pytest.mark.parametrize("entry", CATALOGUE.texts, ids=lambda entry: entry.id)
def test_an_entry_is_consistent(entry: TextEntry) -> None:
    assert entry.sources and entry.licence in LICENCES and entry.licence != "unknown"
    assert entry.active_parameters <= entry.parameters
    for file in entry.files:
        assert file.file.endswith(".gguf") and file.repo.count("/") == 1
        bits = file.size_bytes * 8 / entry.parameters
        lowest, highest = {"Q8": (8.0, 9.2), "Q6": (6.4, 7.2), "Q5": (5.4, 6.3)}.get(file.quantisation[:2], (4.2, 6.6))
        assert lowest < bits < highest, f"{file.file}: {bits:.2f} bits for each parameter"


@pytest.mark.parametrize("entry", CATALOGUE.texts, ids=lambda entry: entry.id)
def test_a_header_can_be_made_of_every_entry_without_the_network(entry: TextEntry) -> None:
    for file in entry.files:
        header = header_of(entry, file)
        assert header is not None
        assert abs(header.parameters / entry.parameters - 1) < 0.03
        assert header.data_offset + header.data_bytes == pytest.approx(file.size_bytes, abs=32)
        assert header.architecture == (entry.shape or {})["architecture"]
        assert header.context_length == entry.context_length or header.context_length


def test_the_names_of_files_agree_with_their_quantisation() -> None:
    for entry in CATALOGUE.texts:
        for file in entry.files:
            assert file.quantisation.replace("UD-", "").lower() in file.file.lower(), file.file


def test_hashes_and_revisions_are_not_mixed_up() -> None:
    hashes = [file.sha256 for entry in CATALOGUE.texts for file in entry.files if file.sha256]
    assert len(hashes) == len(set(hashes)) and len(hashes) > 30


def test_a_text_encoder_that_is_a_language_model_is_the_same_file() -> None:
    image = next(entry for entry in CATALOGUE.images if entry.id == "z-image-turbo")
    encoder = next(part for part in image.parts if part.role == "text_encoder")
    found = CATALOGUE.file_named(encoder.repo, encoder.file)
    assert found is not None
    assert (found[1].size_bytes, found[1].sha256) == (encoder.size_bytes, encoder.sha256)


def test_the_starter_voice_and_model_are_the_installed_files(smollm2: Path, joe: Path) -> None:
    import hashlib

    model, voice = CATALOGUE.text("smollm2-135m"), next(entry for entry in CATALOGUE.voices if entry.package)
    assert model is not None
    assert (smollm2.stat().st_size, hashlib.sha256(smollm2.read_bytes()).hexdigest()) == (model.default.size_bytes, model.default.sha256)
    onnx = joe if joe.suffix == ".onnx" else next(joe.rglob("*.onnx"))
    assert (onnx.stat().st_size, hashlib.sha256(onnx.read_bytes()).hexdigest()) == (voice.size_bytes, voice.sha256)


# -- the reader -------------------------------------------------------------------------------------------------------


def test_a_list_is_read_as_it_is_written() -> None:
    entry = read_catalogue(SMALL, "models.toml").texts[0]
    assert (entry.id, entry.default.size_bytes, entry.active_parameters) == ("tiny-1b", 807_694_464, 1_235_814_400)
    assert entry.default.name == "hf:somebody/Tiny-1B-GGUF/Tiny-1B-Q4_K_M.gguf"
    assert entry.files[1].size_bytes == 1_300_000_000 and not entry.files[1].size_is_exact
    assert entry.score is not None and entry.score.value == 40.5
    assert entry.tokens_per_word == (("vi", 1.38),)
    assert read_catalogue(SMALL, "models.toml").voices[0].config_file.endswith(".onnx.json")


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('title = "Tiny 1B"', 'titel = "Tiny 1B"', "unknown"),
        ("context_length = 131072", 'context_length = "long"', "must be"),
        ("context_length = 131072", "context_length = true", "must be"),
        ('languages = ["en", "vi"]', 'languages = ["en", "xx"]', "must be"),
        ('languages = ["en", "vi"]', "languages = []", "must be"),
        ('purposes = ["chat", "story"]', 'purposes = ["chat", "chat"]', "must be"),
        ('purposes = ["chat", "story"]', 'purposes = ["win"]', "must be"),
        ('licence = "Apache-2.0"', 'licence = "Apache"', "must be"),
        ('repo = "somebody/Tiny-1B-GGUF"', 'repo = "somebody/../x"', "must be"),
        ('repo = "somebody/Tiny-1B-GGUF"', 'repo = "Tiny"', "must be"),
        ("size_bytes = 807_694_464", "size_bytes = 807_694", "bits"),
        ("size_bytes = 807_694_464", "size_bytes = 807_694_464_000", "bits"),
        ("size_bytes = 807_694_464", "size_bytes = -3", "must be"),
        ("size_bytes = 807_694_464", "size_gb_about = 0.8, size_bytes = 807_694_464", "either"),
        ("Tiny-1B-Q8_0.gguf", "Tiny-1B-Q8_0.bin", "must be"),
        ("Tiny-1B-Q8_0.gguf", "Tiny-1B-Q4_K_M.gguf", "there already"),
        ("value = 40.5", "value = 140.5", "must be"),
        ("value = 40.5", "valu = 40.5", "unknown"),
        ("block_count = 16", "block_count = 0", "must be"),
        ("block_count = 16", "blocks = 16", "unknown"),
        ('architecture = "llama"', 'architecture = "lama"', "must be"),
        ('"attention.head_count" = 32', '"attention.head_count" = [32, 32]', "must be"),
        ('released = "2026-01"', 'released = "January"', "must be"),
        ("sample_rate = 22050", "sample_rate = 22", "must be"),
        ("commercial_use = true", 'commercial_use = "yes"', "must be"),
        ("format = 1", "format = 2", "must be"),
    ],
)
def test_a_mistake_is_told_with_its_line(before: str, after: str, reason: str) -> None:
    assert SMALL.count(before) == 1
    error = mistake(SMALL.replace(before, after))
    expected = line_of(SMALL, before)
    assert error.line == expected
    assert reason in fill(error.detail, error.values)


def test_a_missing_key_is_told_with_the_line_of_its_entry() -> None:
    error = mistake(SMALL.replace('title = "Tiny 1B"\n', ""))
    assert (error.line, error.entry) == (line_of(SMALL, "[[text]]"), "tiny-1b")
    assert "title" in fill(error.detail, error.values)


def test_an_id_that_is_there_twice_is_told_with_both_lines() -> None:
    entry = SMALL[SMALL.index("[[text]]") : SMALL.index("[[voice]]")]
    doubled = SMALL + "\n" + entry
    error = mistake(doubled)
    assert error.line == doubled[: doubled.rindex('id = "tiny-1b"')].count("\n") + 1
    assert str(line_of(SMALL, 'id = "tiny-1b"')) in fill(error.detail, error.values)


def test_the_first_of_several_mistakes_is_told() -> None:
    broken = SMALL.replace('family = "Tiny"', "family = 3").replace("sample_rate = 22050", "sample_rate = 1")
    assert mistake(broken).line == line_of(SMALL, 'family = "Tiny"')


def test_what_is_no_toml_is_told_with_its_line() -> None:
    error = mistake(SMALL.replace('family = "Tiny"', "family = = Tiny"))
    assert error.line == line_of(SMALL, 'family = "Tiny"')
    assert error.code == "bad_catalogue"


@pytest.mark.parametrize(
    "text", ["", "format = 1\ntext = 3\n", "format = 1\n[text]\nid = 'a'\n", "[[[[", "format = " + "[" * 5000, "\0", 'a = "' + "x" * 100_000]
)
def test_odd_texts_end_in_a_sentence_or_an_empty_list(text: str) -> None:
    try:
        assert read_catalogue(text, "models.toml") == Catalogue((), (), ())
    except CannotContinue as error:
        assert tell(error).detail


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_broken_line_of_the_shipped_list_is_the_line_that_is_named(data: st.DataObject) -> None:
    """Break the value of any one key with a value on its own line: the reader names that line."""
    lines = SHIPPED.splitlines()
    keyed = [index for index, line in enumerate(lines) if line and not line.startswith(("#", "[", " ", "]", "format")) and line.rstrip()[-1] not in "[{"]
    index = data.draw(st.sampled_from(keyed))
    key = lines[index].split(" = ")[0]
    how = data.draw(st.sampled_from(("key", "type", "syntax")))
    lines[index] = {"key": f"odd_{key.strip(chr(34))} = 1", "type": f'{key} = [[{{ a = "?" }}]]', "syntax": f"{key} = = 1"}[how]
    with pytest.raises(BadCatalogue) as caught:
        read_catalogue("\n".join(lines), "models.toml")
    assert caught.value.line == index + 1


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_a_cut_or_scrambled_list_never_ends_in_a_traceback(data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(SMALL)))
    again = data.draw(st.integers(0, len(SMALL)))
    middle = data.draw(st.text(max_size=5))
    try:
        read_catalogue(SMALL[:cut] + middle + SMALL[again:], "models.toml")
    except BadCatalogue as error:
        assert 1 <= error.line <= SMALL.count("\n") * 2 + 6


# -- a person's own list ----------------------------------------------------------------------------------------------


def test_a_persons_entries_come_last_and_take_the_place_of_ours(home: Path) -> None:
    folder = Home(home)
    home.mkdir(parents=True, exist_ok=True)
    own = SMALL + "\n" + SMALL[SMALL.index("[[text]]") : SMALL.index("[[voice]]")].replace("tiny-1b", "qwen3-8b").replace("Tiny 1B", "Mô hình của tôi 🦊")
    (home / "models.toml").write_text("\ufeff" + own, "utf-8")
    merged = load_catalogue(folder)
    assert merged.texts[-1].id == "tiny-1b" and merged.texts[-1].is_own
    replaced = merged.text("qwen3-8b")
    assert replaced is not None and replaced.title == "Mô hình của tôi 🦊" and replaced.is_own
    assert [entry.id for entry in merged.texts[:-1]] == [entry.id for entry in CATALOGUE.texts]


def test_a_mistake_in_a_persons_list_names_their_file(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "models.toml").write_text("format = 1\nfoo = 2\n")
    with pytest.raises(BadCatalogue) as caught:
        load_catalogue(Home(home))
    assert caught.value.line == 2 and str(home) in tell(caught.value).title


def test_a_list_that_is_not_utf8_is_told_with_its_line(home: Path) -> None:
    home.mkdir(parents=True, exist_ok=True)
    (home / "models.toml").write_bytes(b"format = 1\n# caf\xe9\n")
    with pytest.raises(BadCatalogue) as caught:
        load_catalogue(Home(home))
    assert caught.value.line == 2


def test_without_a_list_of_their_own_there_is_only_ours(home: Path) -> None:
    assert load_catalogue(Home(home)) == CATALOGUE


# -- lines ------------------------------------------------------------------------------------------------------------


def test_every_key_of_the_shipped_list_has_the_line_it_stands_on() -> None:
    lines = SHIPPED.splitlines()
    places = lines_of(SHIPPED)

    def walk(value: object, path: tuple[str | int, ...]) -> int:
        count = 0
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
            place = (*path, key)
            if isinstance(key, str):
                assert key in lines[places[place] - 1], place
                count += 1
            count += walk(inner, place)
        return count

    assert walk(tomllib.loads(SHIPPED), ()) > 1000


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ('a = """\nx = 1\n"""\nb = 2', ("b",), 4),
        ("a = '''\n]'''\nb = 2", ("b",), 3),
        ("a = [ # ]\n  1,\n  2 ]\nb = 2", ("b",), 4),
        ("a = [ # ]\n  1,\n  2 ]\nb = 2", ("a", 1), 3),
        ('"a.b" = 1\n"c\\u0064" = 2', ("cd",), 2),
        ("[[t]]\nx = 1\n[[t]]\nx = { y = [\n 1, 2] }\n[t.u.v]\nz = 1", ("t", 1, "u", "v", "z"), 7),
        ("a.b.c = 1\na.b.d = 2", ("a", "b", "d"), 2),
        ('a = "\\"#[{"\nb = 2', ("b",), 2),
        ("a = 1979-05-27T07:32:00Z\r\nb = 2", ("b",), 2),
    ],
)
def test_lines_survive_what_toml_allows(text: str, path: tuple[str | int, ...], line: int) -> None:
    tomllib.loads(text)
    assert lines_of(text)[path] == line
