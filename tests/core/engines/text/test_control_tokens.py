"""What people write never becomes a control token: every template, every kind of vocabulary, every place of a message."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llama_cpp.llama_cpp as L
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from localstory.chats.summarising import request_for
from localstory.context.fit import fit_into
from localstory.context.items import Item, Kind, Policy, WhenFull, Window
from localstory.context.items import Template as TemplateCost
from localstory.context.summaries import Checkpoint, fingerprint_of
from localstory.engines.base import Message
from localstory.engines.text.conversation import message_args
from localstory.engines.text.foreign import WRITTEN
from localstory.engines.text.loaded import LoadedModel, start_engine
from localstory.engines.text.prompt_tokens import Prompts
from localstory.engines.text.template import Marked
from tests.fakes import chat_templates, vocabularies

CASES = int(os.environ.get("LOCALSTORY_CASES", "40"))
"""For each vocabulary and property, over all templates (seven vocabularies: 280 of each); `LOCALSTORY_CASES=5000 pytest …` for more."""
KINDS = (*vocabularies.ALL, "smollm2", "gemma3")


class Vocabulary(LoadedModel):
    """A model of which only the vocabulary is loaded."""

    def __init__(self, path: Path) -> None:
        self.context = None
        self._piece_of: dict[int, bytes] = {}
        params = L.llama_model_default_params()
        params.vocab_only = True
        self.model = L.llama_model_load_from_file(os.fsencode(path), params)
        assert self.model
        self.vocab = L.llama_model_get_vocab(self.model)
        self.n_vocab = int(L.llama_vocab_n_tokens(self.vocab))
        self.bos, self.eos = int(L.llama_vocab_bos(self.vocab)), int(L.llama_vocab_eos(self.vocab))
        self.add_bos = bool(L.llama_vocab_get_add_bos(self.vocab))
        self.template = None

    def special_by_attribute(self) -> set[int]:
        """Straight from llama.cpp, without our code: control tokens, and user-defined ones that are more than white space or a tag of HTML."""
        found = set()
        for token in range(self.n_vocab):
            attributes = L.llama_vocab_get_attr(self.vocab, token)
            text = self.text_of(token)
            words = text.strip("</>")
            plain = len(text) < 2 or not text.strip(" \n\t▁") or (text[0] == "<" and words.isalnum() and words.lower() in HTML)
            if attributes & L.LLAMA_TOKEN_ATTR_CONTROL or (attributes & L.LLAMA_TOKEN_ATTR_USER_DEFINED and not plain):
                found.add(token)
        return found


HTML = {
    "a", "b", "blockquote", "br", "caption", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre", "span",
    "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
}  # fmt: skip


@dataclass
class Known:
    vocabulary: Vocabulary
    prompts: Prompts
    special: set[int]
    texts: list[str]


@pytest.fixture(scope="module", params=KINDS)
def known(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Known]:
    start_engine()
    if request.param in vocabularies.ALL:
        path = tmp_path_factory.mktemp("vocabulary") / "từ vựng 🐉.gguf"
        path.write_bytes(vocabularies.ALL[request.param])
    else:
        path = request.getfixturevalue(request.param)
    vocabulary = Vocabulary(path)
    special = vocabulary.special_by_attribute()
    texts = sorted({vocabulary.text_of(token) for token in special})
    # Gemma alone has thousands that are alike ("<unused123>").
    texts = [text for number, text in enumerate(texts) if "unused" not in text or number % 50 == 0]
    yield Known(vocabulary, Prompts(vocabulary), special, texts)
    vocabulary.free()


def written(texts: list[str]) -> st.SearchStrategy[str]:
    """Control tokens whole, cut, nested and doubled, among letters of all kinds and our own marks of other days."""
    whole = st.sampled_from(texts)
    cut = st.builds(lambda text, at, first: text[:at] if first else text[at:], whole, st.integers(1, 12), st.booleans())
    nested = st.builds(lambda outer, inner, at: outer[:at] + inner + outer[at:], whole, whole, st.integers(0, 12))
    plain = ["hello ", "<", "<|", "|>", ">", "[", "]", "/", " ", "\n", "\n\n", "im_end", "s", "user\n", "🐉", "đẹp", "\0", '"', "\\"]
    odd = ["\ue0f00\ue0f1", "\U000f0000", "</think>", "{{ x }}"]
    others = st.sampled_from(plain + odd)
    return st.lists(st.one_of(whole, whole, cut, nested, others, st.text(max_size=4)), max_size=6).map("".join)


def conversation(texts: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(written(texts), min_size=10, max_size=10)


def request_with(words: list[str], *, prefill: bool, tools: bool) -> dict[str, Any]:
    """A request with words in every place that words can be."""
    system, first, said, second, result, name, about, key, value, begun = words
    call = {"id": "abcdefghi", "name": name, "arguments": {key: value, "deep": [{key: value}]}}
    used: list[dict[str, Any]] = [
        {"role": "assistant", "content": said, "tool_calls": [call]},
        {"role": "tool", "content": result, "tool_call_id": "abcdefghi"},
    ]
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}, {"role": "user", "content": first}]
    messages += used if tools else [{"role": "assistant", "content": said}]
    messages += [{"role": "assistant", "content": value}] if tools else []
    messages.append({"role": "user", "content": second})
    schema = json.dumps({"type": "object", "properties": {key: {"type": "string", "description": about}}})
    offered = [{"name": name, "description": about, "parameters": schema}] if tools else []
    return {"messages": messages, "prefill": begun if prefill else "", "tools": offered}


def control_tokens(known: Known, args: dict[str, Any]) -> list[int]:
    return [token for token in known.prompts.start_of(args).tokens if token in known.special]


HARMLESS = ["s", "f", "a", "q", "r", "n", "d", "k", "v", "b"]
"""The skeleton: the same conversation with nothing in it that could be taken for more."""


@pytest.mark.parametrize("template", chat_templates.ALL, ids=str)
def test_the_control_tokens_are_those_of_the_skeleton(known: Known, template: str) -> None:
    known.prompts.use_template(chat_templates.ALL[template])
    assert not known.prompts.trouble

    @settings(max_examples=max(5, CASES // len(chat_templates.ALL)), deadline=None)
    @given(words=conversation(known.texts), prefill=st.booleans(), tools=st.booleans())
    def check(words: list[str], prefill: bool, tools: bool) -> None:
        # Empty places may take another path through a template: what is empty stays so.
        empty = [not word.strip() for word in words]
        tools = tools and known.prompts.can.tools
        skeleton = ["" if is_empty else harmless for is_empty, harmless in zip(empty, HARMLESS, strict=True)]
        words = ["" if is_empty else word for is_empty, word in zip(empty, words, strict=True)]
        if template == "odd":  # it asks `startswith`, splits and counts: the scaffold's own tokens stay, their number may not
            mine = control_tokens(known, request_with(words, prefill=prefill, tools=tools))
            allowed = set(control_tokens(known, request_with(skeleton, prefill=prefill, tools=tools)))
            assert set(mine) <= allowed
            return
        expected = control_tokens(known, request_with(skeleton, prefill=prefill, tools=tools))
        assert control_tokens(known, request_with(words, prefill=prefill, tools=tools)) == expected

    check()


AROUND: tuple[Kind, ...] = ("system", "persona", "memory", "lore", "document", "authors_note")


def as_chats_send_it(words: list[str], *, room: int, when_full: WhenFull, strict: bool) -> list[tuple[Message, ...]]:
    """Every kind of text that chats and stories put into a context, a summary in its place, and what the next summary is asked with."""
    around = [Item(kind, word, position=("top", "bottom", 1)[number % 3], trim="end") for number, (kind, word) in enumerate(zip(AROUND, words, strict=False))]
    said = [Item("history", word, role=("user", "assistant")[number % 2], id=str(number)) for number, word in enumerate([*words, *words[:4]])]
    covered = said[:4]
    summary = Checkpoint(words[9], tuple(item.id for item in covered), fingerprint_of(covered))
    items = [*around, *said, Item("draft", words[8] or "end", role="user", id="draft")]
    made = fit_into(
        items, Window(room), Policy(when_full, summarise_at=0.1), lambda text: len(text) // 3 + 1, TemplateCost(4, 4, strict=strict), checkpoints=[summary]
    )
    sent = [made.messages] if made.messages else []
    if made.summary_due is not None:
        sent.append(request_for(made.summary_due, words[0], {}, room).messages)
    return sent


@pytest.mark.parametrize("template", ["chatml", "gemma", "mistral", "llama3", ""], ids=str)
def test_persona_lore_documents_and_summaries_have_none_as_chats_send_them(known: Known, template: str) -> None:
    known.prompts.use_template(chat_templates.ALL[template] if template else None)
    kinds_sent: set[int] = set()

    @settings(max_examples=max(6, CASES // 4), deadline=None)
    @given(words=conversation(known.texts), room=st.sampled_from([100, 300, 10_000]), when_full=st.sampled_from(["drop_oldest", "summarise"]))
    @example(words=[text * 2 for text in (known.texts * 10)[:10]], room=10_000, when_full="drop_oldest")
    @example(words=[text * 2 for text in (known.texts * 10)[-10:]], room=300, when_full="summarise")
    def check(words: list[str], room: int, when_full: WhenFull) -> None:
        for messages in as_chats_send_it(words, room=room, when_full=when_full, strict=template in ("gemma", "mistral")):
            kinds_sent.add(len(messages))
            plainly = [{"role": one.role, "content": "k" if one.text.strip() else ""} for one in messages]
            expected = control_tokens(known, {"messages": plainly})
            assert control_tokens(known, {"messages": message_args(messages)}) == expected

    check()
    assert len(kinds_sent) > 1  # not all refused


def test_formats_of_our_own_keep_to_it_too(known: Known) -> None:
    known.prompts.use_template(None)

    @settings(max_examples=CASES // 4, deadline=None)
    @given(words=conversation(known.texts), prefill=st.booleans())
    def check(words: list[str], prefill: bool) -> None:
        skeleton = ["" if not word.strip() else harmless for word, harmless in zip(words, HARMLESS, strict=True)]
        words = ["" if not word.strip() else word for word in words]
        expected = control_tokens(known, request_with(skeleton, prefill=prefill, tools=False))
        assert control_tokens(known, request_with(words, prefill=prefill, tools=False)) == expected

    check()


def test_a_page_has_none_at_all(known: Known) -> None:
    @settings(max_examples=CASES // 4, deadline=None)
    @given(words=written(known.texts))
    def check(words: str) -> None:
        tokens = known.prompts.start_of({"prompt": words}).tokens
        assert known.special.isdisjoint(tokens[1:] if tokens[:1] == [known.vocabulary.bos] else tokens) or not words

    check()


def test_clean_text_has_the_tokens_of_the_whole_string(known: Known) -> None:
    """llama.cpp's own tokeniser, over the whole text in one call, is the judge."""
    known.prompts.use_template(chat_templates.CHATML)
    letters = "abc hello the user\n đẹp, 12."

    @settings(max_examples=CASES // 4, deadline=None)
    @given(texts=st.lists(st.text(letters, min_size=1, max_size=30).filter(str.strip), min_size=3, max_size=3))
    def check(texts: list[str]) -> None:
        roles = ("system", "user", "assistant", "user")
        messages = [{"role": role, "content": text} for role, text in zip(roles, [*texts, "end"], strict=True)]
        whole = "".join(f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n" for message in messages) + "<|im_start|>assistant\n"
        mine = known.prompts.special.tokens_of(Marked.of(whole))
        assert mine == known.vocabulary.tokenise(whole, special=True)
        sent = known.prompts.start_of({"messages": messages}).tokens
        assert (sent[1:] if known.vocabulary.add_bos else sent) == mine

    check()


def test_what_is_written_can_still_be_read(known: Known) -> None:
    """Cutting a control token apart loses no letter."""
    if L.llama_vocab_type(known.vocabulary.vocab) == L.LLAMA_VOCAB_TYPE_WPM:
        return  # it has no white space to give back
    for text in (*known.texts, "a<|im_end|>b </s> <s>", "<think>đẹp</think>"):
        if "▁" in text:
            continue  # SentencePiece's letter for a space
        tokens = known.prompts.special.tokens_of(Marked.of(text, WRITTEN))
        said = b"".join(known.vocabulary.piece(token) for token in tokens).decode("utf-8", "replace")
        assert said.removeprefix(" ") == text.removeprefix(" "), text
