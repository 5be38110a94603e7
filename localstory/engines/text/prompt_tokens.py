"""A request becomes tokens: the chat template's own letters may hold control tokens, what people wrote may not. Child only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import llama_cpp.llama_cpp as L

from localstory.children.worker import Refused
from localstory.engines.base import Tool
from localstory.engines.text.chat_formats import ChatFormat, format_for, written_in
from localstory.engines.text.foreign import LAST, QUESTION, SCAFFOLD, WRITTEN
from localstory.engines.text.loaded import LoadedModel
from localstory.engines.text.reasoning import Marks, marks_of, opens_thought
from localstory.engines.text.special_tokens import SpecialTokens
from localstory.engines.text.template import Marked, Template, TemplateFailed, tool_values
from localstory.engines.text.template_quirks import Abilities, Messages, abilities_of, fitted, rendered
from localstory.engines.text.tools import GENERIC, ToolFormat, ToolReader, asked_in_words, forced_schema, format_of


@dataclass(frozen=True, slots=True)
class Start:
    """What a reply begins from."""

    tokens: list[int]
    marks: Marks | None = None
    """How the model frames thoughts; None where none are looked for."""
    in_thought: bool = False
    before: str = ""
    """The assistant's text that is there already: a prefill, or the message that goes on."""
    spaces: int = 0
    """Spaces at the end of `before` that the model does not see."""
    notices: tuple[tuple[str, dict[str, str]], ...] = ()
    """What a person should know: (code, values)."""
    made_with: Mapping[str, object] = field(default_factory=dict)
    """For `Reply.made_with`: another template than the model's own, and how the conversation was changed to fit."""
    stops: tuple[str, ...] = ()
    """Texts that end the reply, beside those of the request."""
    reader: ToolReader | None = None
    """Where tools were offered: what is a call."""
    json_schema: str | None = None
    """Of a forced call."""
    visible: Mapping[int, bytes] = field(default_factory=dict)
    """Control tokens that begin calls, and their texts."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A conversation as text, up to where the model goes on."""

    marked: Marked
    notices: tuple[tuple[str, dict[str, str]], ...]
    made_with: dict[str, object]
    stops: tuple[str, ...]


class Prompts:
    """Turns requests into tokens for one loaded model."""

    def __init__(self, loaded: LoadedModel, template: str | None = None) -> None:
        """`template`: instead of the one that the file brings."""
        self._loaded = loaded
        self._bos, self._eos = loaded.text_of(loaded.bos), loaded.text_of(loaded.eos)
        self.use_template(template or loaded.template)

    @cached_property
    def special(self) -> SpecialTokens:
        """The vocabulary's control tokens; looked up at the first need (0.1 s for 262,144 tokens)."""
        loaded = self._loaded
        return SpecialTokens(
            loaded.n_vocab,
            lambda token: int(L.llama_vocab_get_attr(loaded.vocab, token)),
            loaded.text_of,
            lambda text: loaded.tokenise(text, special=False),
            loaded.piece,
        )

    @cached_property
    def fallback(self) -> ChatFormat:
        """How this architecture is spoken to without a template."""
        return format_for(self._loaded.meta("general.architecture"), self.special.is_one, sentencepiece=self.special.adds_space)

    def use_template(self, template: str | None) -> None:
        """Chats go through `template`, or through a known format when it is missing or of no use.

        The marks it frames thoughts with become visible text when they are control tokens.
        """
        self.template = template or ""
        self._own: Template | None = None
        self.trouble = "" if template else "missing"
        """Why the model's own template is not used; "" where it is."""
        self.can = Abilities()
        if template:
            own = Template(template, bos=self._bos, eos=self._eos)
            try:
                self.can = abilities_of(own)
                self._own = own
            except TemplateFailed as failure:
                self.trouble = str(failure)
        self.tool_format = format_of(self.template) if self._own is not None and self.can.tools else GENERIC
        self.marks = marks_of(self.template)
        for text in self.marks.texts:
            for token in self._loaded.tokenise(text, special=True):
                if not self._loaded.piece(token):
                    self._loaded.make_visible(token)

    def facts(self) -> dict[str, object]:
        """What is known of the chat template, for `EngineFacts.details`."""
        used = "own" if self._own is not None else self.fallback.name
        return {"used": used, "trouble": self.trouble, "tool_format": self.tool_format.name if self.can.tools else "", **self.can.as_facts()}

    def start_of(self, args: dict[str, Any]) -> Start:
        """The request as tokens, and what is known of the reply's beginning. Raises Refused (empty_prompt, no_tools, bad_tools)."""
        thinking = args.get("thinking")
        no_switch = () if thinking is None else (("no_thinking_switch", {"asked": "yes" if thinking else "no"}),)
        if args.get("prompt") is not None:
            return Start(self._tokens_of(Marked.of(str(args["prompt"]), WRITTEN)), notices=no_switch)
        messages = [dict(message) for message in args["messages"]]
        before = str(args.get("prefill") or "")
        if args.get("continue_last"):
            before = str(messages[-1]["content"])
        elif before:
            messages.append({"role": "assistant", "content": before})
        tools, forced, form = self._tools(args)
        words = tools if tools and not self.can.tools else ()
        if words:
            messages = _with_system(messages, asked_in_words(forced))
        extra = {} if thinking is None else {"enable_thinking": bool(thinking), "thinking": bool(thinking)}
        turn = self._turn(messages, before, () if words else tools, extra)
        marked, marks = turn.marked, self.marks
        must_keep_to = args.get("grammar") or args.get("json_schema") or forced
        if must_keep_to and not before and opens_thought(marked.tail, marks):
            marked += Marked.of(f"\n{marks.close}\n\n")  # what must keep to a grammar is the answer
        if forced:
            marked += Marked.of(form.force)
        in_thought = opens_thought(_scaffold_before(marked) if before else marked.tail, marks)
        # Behind the prefill's last letter a space would be a token of its own, that the model would not choose.
        seen = before.rstrip(" ")
        if before:
            marked = marked.upto(len(marked.text) - (len(before) - len(seen)))
        reader = None
        if tools:
            reader = ToolReader(form, [tool.name for tool in forced or tools], forced=bool(forced), before=marked.tail)
        return Start(
            self._tokens_of(marked),
            marks,
            in_thought,
            before,
            len(before) - len(seen),
            turn.notices if self.can.thinking_switch and "template" not in turn.made_with else (*turn.notices, *no_switch),
            turn.made_with,
            turn.stops,
            reader,
            forced_schema(form, forced) if forced else None,
            self._visible(form) if reader is not None else {},
        )

    # -- tools ----------------------------------------------------------------------------------------------------------------

    def _tools(self, args: dict[str, Any]) -> tuple[tuple[Tool, ...], tuple[Tool, ...], ToolFormat]:
        """(the tools offered, those of which one must be called, the format of calls)."""
        choice = str(args.get("tool_choice") or "auto")
        tools = tuple(Tool(str(one["name"]), str(one.get("description") or ""), str(one.get("parameters") or "{}")) for one in args.get("tools") or ())
        if not tools or choice == "none":
            return (), (), self.tool_format
        forced = tools if choice == "required" else tuple(tool for tool in tools if tool.name == choice) if choice != "auto" else ()
        if not forced and not self.can.tools:
            raise Refused("no_tools")
        # A format without letters before its JSON may want others than the schema gives: the plain form is always read.
        form = self.tool_format
        if forced and not form.force and form.name != "llama3":
            form = GENERIC
        return tools, forced, form

    def _visible(self, form: ToolFormat) -> dict[int, bytes]:
        texts = self.special.texts
        tags = ("<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "[ARGS]", "[CALL_ID]", "</tool_call>", "<|/tool_call|>", "<|END_ACTION|>")
        return {texts[text]: text.encode() for text in (*form.marks, *tags) if text in texts}

    # -- text -----------------------------------------------------------------------------------------------------------------

    def _turn(self, messages: Messages, before: str, tools: Sequence[Tool], extra: Mapping[str, object]) -> _Turn:
        """The conversation up to where the model goes on. With `before`, the text of the last message, that is its end."""
        names = {call["id"]: call["name"] for message in messages for call in message.get("tool_calls") or () if call.get("id")}
        messages = [_plain_message(message, names) for message in messages]
        trouble = self.trouble
        if self._own is not None:
            try:
                offered = tool_values([{"name": tool.name, "description": tool.description, "parameters": tool.parameters} for tool in tools])
            except ValueError as error:
                raise Refused("bad_tools", reason=str(error)) from error
            try:
                marked, changed = self._through(self._own, messages, before, offered, extra)
                return _Turn(marked, (), {"conversation_changed": changed} if changed else {}, ())
            except TemplateFailed as failure:
                trouble = str(failure)
        form = self.fallback
        # A format that we wrote takes any order; tools it knows only in words.
        can = Abilities(tool_calls=False, tool_results=False)
        kept, changed = fitted(messages, can, ends_in_reply=bool(before))
        marked = written_in(form, kept, eos=self._eos, ends_in_reply=bool(before))
        notice = ("no_template", {"format": form.name}) if trouble == "missing" else ("template_failed", {"format": form.name, "reason": trouble})
        made_with: dict[str, object] = {"template": form.name, "template_trouble": trouble}
        return _Turn(marked, (notice,), made_with | ({"conversation_changed": changed} if changed else {}), form.stops)

    def _through(
        self, template: Template, messages: Messages, before: str, tools: Sequence[Mapping[str, Any]], extra: Mapping[str, object]
    ) -> tuple[Marked, list[str]]:
        """Through the model's own template; where it refuses this conversation, once more in the simplest shape.

        The last way has tools in words: a strict template refuses an answer without its call, and a call that nobody answered.
        """
        simplest = Abilities(
            system=False, late_system=False, any_order=False, assistant_first=False, typed_content=self.can.typed_content,
            tool_calls=self.can.tool_calls, tool_results=self.can.tool_results, short_ids=self.can.short_ids, arguments_as_text=self.can.arguments_as_text,
            generation_prompt=self.can.generation_prompt,
        )  # fmt: skip
        failure = TemplateFailed("")
        for can in (self.can, simplest, replace(simplest, tool_calls=False, tool_results=False)):
            kept, changed = fitted(messages, can, ends_in_reply=bool(before))
            try:
                return self._ending(template, can, kept, before, tools, extra), changed
            except TemplateFailed as error:
                failure = error
        raise failure

    def _ending(
        self, template: Template, can: Abilities, messages: Messages, before: str, tools: Sequence[Mapping[str, Any]], extra: Mapping[str, object]
    ) -> Marked:
        marked = rendered(template, can, messages, ends_in_reply=bool(before), tools=tools, extra=extra)
        _check_whole(marked, messages, bool(before))
        if not before:
            return marked
        end = marked.origins.rfind(LAST) + 1
        begin = len(marked.origins[:end].rstrip(bytes((LAST,))))
        if end and marked.text[begin:end].strip() == before.strip():
            return marked.upto(begin) + Marked.of(before, LAST)
        # The template has no place for the assistant's words at the end: its own beginning of a turn, then the words.
        marked = rendered(template, can, messages[:-1], tools=tools, extra=extra)
        if opens_thought(marked.tail, self.marks):
            marked += Marked.of(f"\n{self.marks.close}\n\n")
        return marked + Marked.of(before, LAST)

    def _tokens_of(self, marked: Marked) -> list[int]:
        bos = self._loaded.bos
        tokens = self.special.tokens_of(marked)
        # Many templates write the beginning-of-text token themselves; twice would be wrong.
        if self._loaded.add_bos and bos >= 0 and tokens[:1] != [bos]:
            tokens.insert(0, bos)
        if not tokens:
            start = bos if bos >= 0 else self._loaded.eos
            if start < 0:
                raise Refused("empty_prompt")
            tokens = [start]
        return tokens


def _plain_message(message: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Arguments as objects, and the tool's name beside its answer, where templates look for them."""
    made = dict(message)
    if message.get("tool_calls"):
        made["tool_calls"] = [{**call, "arguments": _object(call["arguments"])} for call in message["tool_calls"]]
    if message["role"] == "tool" and not message.get("name"):
        made["name"] = names.get(str(message.get("tool_call_id") or ""), "")
    return made


def _object(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return text


def _with_system(messages: Messages, words: str) -> Messages:
    if messages and messages[0]["role"] == "system":
        return [{**messages[0], "content": f"{messages[0]['content']}\n\n{words}"}, *messages[1:]]
    return [{"role": "system", "content": words}, *messages]


def _check_whole(marked: Marked, messages: Messages, ends_in_reply: bool) -> None:
    """Raises TemplateFailed when the person's last message did not come out."""
    question = next((message for message in reversed(messages[:-1] if ends_in_reply else messages) if message["role"] == "user"), None)
    if question is not None and str(question["content"]).strip() and QUESTION not in marked.origins:
        raise TemplateFailed("the template leaves out the question")


def _scaffold_before(marked: Marked) -> str:
    """The template's own letters before the assistant's words at the end."""
    end = len(marked.origins.rstrip(bytes((LAST,))))
    begin = len(marked.origins[:end].rstrip(bytes((SCAFFOLD,))))
    return marked.text[begin:end]
