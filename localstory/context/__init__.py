"""What a model is sent, and an honest account of it: texts with places and budgets -> messages and a report. Pure.

`fit_into` decides, `Counts` asks an engine for exact token counts around it. Chats and stories use the same function.
"""

from localstory.context.counting import Counts, assemble
from localstory.context.fit import fit_into
from localstory.context.items import (
    Assembled,
    DraftTooLong,
    Fits,
    Full,
    Item,
    Kind,
    Line,
    MustAsk,
    NextStep,
    Outcome,
    PinnedTooLong,
    Policy,
    Report,
    Shortened,
    Template,
    Window,
)  # fmt: skip
from localstory.context.reasoning import split_reasoning
from localstory.context.summaries import Checkpoint, SummaryDue

__all__ = [
    "Assembled", "Checkpoint", "Counts", "DraftTooLong", "Fits", "Full", "Item", "Kind", "Line", "MustAsk", "NextStep", "Outcome", "PinnedTooLong",
    "Policy", "Report", "Shortened", "SummaryDue", "Template", "Window", "assemble", "fit_into", "split_reasoning",
]  # fmt: skip
