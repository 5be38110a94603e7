"""Where a model's thoughts begin and end: the marks that models use, found in their own chat templates. Pure.

To add a model's marks: one line in `KNOWN`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Marks:
    """What stands before and after a thought; `between` may follow and is no part of the answer."""

    open: str
    close: str
    between: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """All of them."""
        return (self.open, self.close, *self.between)


THINK = Marks("<think>", "</think>")
"""DeepSeek-R1, Qwen3, QwQ, SmolLM3, GLM, MiniMax and most fine-tunes; looked for when a template names nothing."""

KNOWN = (
    # gpt-oss ("harmony"): channels. A reply without a thought begins with the last text.
    Marks("<|channel|>analysis<|message|>", "<|end|>", ("<|start|>assistant", "<|channel|>final<|message|>")),
    THINK,
    Marks("[THINK]", "[/THINK]"),  # Magistral
    Marks("<seed:think>", "</seed:think>"),  # Seed-OSS
    Marks("<|START_THINKING|>", "<|END_THINKING|>", ("<|START_RESPONSE|>",)),  # Command A, Command R7B
    Marks("<|channel>thought", "<channel|>"),  # Gemma 4
    Marks("<|inner_prefix|>", "<|inner_suffix|>"),  # Apertus
    Marks("<|begin_of_thought|>", "<|end_of_thought|>", ("<|begin_of_solution|>",)),  # OpenThinker
    Marks("◁think▷", "◁/think▷"),  # Kimi-VL
    Marks("<thought>", "</thought>"),  # EXAONE Deep
    Marks("<thinking>", "</thinking>"),
    Marks("<reasoning>", "</reasoning>"),
)


def marks_of(template: str) -> Marks:
    """The marks that stand in a chat template; `THINK` when it names none."""
    for marks in KNOWN:
        if marks.open in template or marks.close in template:
            return marks
    return THINK


def opens_thought(text: str, marks: Marks) -> bool:
    """Whether what stands before the reply ends inside a thought: opened and not closed again."""
    return text.rfind(marks.open) > text.rfind(marks.close)
