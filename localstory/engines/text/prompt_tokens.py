"""A request becomes tokens: the chat template's scaffold may hold control tokens, what people wrote may not. Child only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from localstory.children.worker import Refused
from localstory.engines.text.loaded import LoadedModel
from localstory.engines.text.reasoning import Marks, marks_of, opens_thought
from localstory.engines.text.template import CHATML, Part, TemplateFailed, render


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
    notice: str = ""


class Prompts:
    """Turns requests into tokens for one loaded model."""

    def __init__(self, loaded: LoadedModel) -> None:
        self._loaded = loaded
        self.use_template(loaded.template or CHATML)

    def use_template(self, template: str) -> None:
        """Chats go through `template`; the marks it frames thoughts with become visible text when they are control tokens."""
        self.template = template
        self.marks = marks_of(template)
        for text in self.marks.texts:
            for token in self._loaded.tokenise(text, special=True):
                if not self._loaded.piece(token):
                    self._loaded.make_visible(token)

    def start_of(self, args: dict[str, Any]) -> Start:
        """The request as tokens, and what is known of the reply's beginning."""
        if args.get("prompt") is not None:
            return Start(self._tokens_of([Part(str(args["prompt"]), False)], self._loaded.add_bos))
        messages = list(args["messages"])
        before = str(args.get("prefill") or "")
        if args.get("continue_last"):
            before = str(messages[-1]["content"])
        elif before:
            messages.append({"role": "assistant", "content": before})
        thinking = args.get("thinking")
        extra = {} if thinking is None else {"enable_thinking": bool(thinking), "thinking": bool(thinking)}
        bos, eos = self._loaded.text_of(self._loaded.bos), self._loaded.text_of(self._loaded.eos)
        notice, marks = "", self.marks
        try:
            parts = self._turn(self.template, messages, before, bos, eos, extra)
        except TemplateFailed as failure:
            notice = f"template: {failure}"
            parts = self._turn(CHATML, messages, before, bos, eos, extra)
        if opens_thought(_tail(parts), marks) and (args.get("grammar") or args.get("json_schema")) and not before:
            parts.append(Part(f"\n{marks.close}\n\n", True))  # what must keep to a grammar is the answer
        seen = before.rstrip(" ")
        if before:
            parts[-1] = Part(seen, False)
        # Many templates write the beginning-of-text token themselves; twice would be wrong.
        add_bos = self._loaded.add_bos and not (parts and bos and parts[0].text.startswith(bos))
        in_thought = opens_thought(_tail(parts[:-1] if before else parts), marks)
        return Start(self._tokens_of(parts, add_bos), marks, in_thought, before, len(before) - len(seen), notice)

    def _turn(self, template: str, messages: list[dict[str, str]], before: str, bos: str, eos: str, extra: dict[str, bool]) -> list[Part]:
        """The conversation up to where the model goes on. With `before`, the text of the last message, that is the last part."""
        parts = render(template, messages, bos=bos, eos=eos, extra=extra)
        if not before:
            return parts
        while parts and parts[-1].scaffold:
            parts.pop()
        if parts and parts[-1].text.strip() == before.strip():
            return parts
        # The template has no place for the assistant's words at the end: its own beginning of a turn, then the words.
        parts = render(template, messages[:-1], bos=bos, eos=eos, extra=extra)
        if opens_thought(_tail(parts), self.marks):
            parts.append(Part(f"\n{self.marks.close}\n\n", True))
        return [*parts, Part(before, False)]

    def _tokens_of(self, parts: list[Part], add_bos: bool) -> list[int]:
        tokens = [self._loaded.bos] if add_bos and self._loaded.bos >= 0 else []
        for part in parts:
            tokens += self._loaded.tokenise(part.text, special=part.scaffold)
        if not tokens:
            start = self._loaded.bos if self._loaded.bos >= 0 else self._loaded.eos
            if start < 0:
                raise Refused("empty_prompt")
            tokens = [start]
        return tokens


def _tail(parts: list[Part]) -> str:
    """The template's own text at the end."""
    return parts[-1].text if parts and parts[-1].scaffold else ""
