"""What the person is told when the embedded engine refuses: a request that makes no sense, and what the child says."""

from __future__ import annotations

from pathlib import Path

from localstory.children.host import WorkFailed
from localstory.engines.base import PromptTooLong, TextRequest
from localstory.engines.text.conversation import ToolsNotKnown, check_tools
from localstory.engines.text.logprobs import MOST_ALTERNATIVES
from localstory.engines.text.lora import adapter_trouble
from localstory.engines.text.samplers import check_sampling
from localstory.errors import BadRequest, CannotContinue, FileTrouble
from localstory.words import mark, tell


class ModelRefused(CannotContinue):
    """The engine will not load this file."""

    code = "bad_model"

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(
            title=mark("The engine could not load this model"),
            detail=mark("{path}: {reason}"),
            hint=mark("Download the file again, or choose another model."),
            path=path,
            reason=reason,
        )


class DraftRefused(ModelRefused):
    """The engine will not load the draft model. The model itself is not to blame."""

    def __init__(self, path: str, reason: str) -> None:
        CannotContinue.__init__(
            self,
            title=mark("The engine could not load the draft model"),
            detail=mark("{path}: {reason}"),
            hint=mark("Download the file again, choose another draft model, or none."),
            path=path,
            reason=reason,
        )


class NotEnoughMemory(CannotContinue):
    """Not enough memory for the context."""

    code = "out_of_memory"

    def __init__(self, context_length: int) -> None:
        super().__init__(
            title=mark("Not enough memory for this model"),
            detail=mark("The engine could not reserve memory for a context length of {context_length} tokens."),
            hint=mark("Choose a shorter context length or a smaller model, or close other programs."),
            context_length=context_length,
        )


class NoMemoryForDraft(NotEnoughMemory):
    """Enough for the model, not for its draft model beside it."""

    def __init__(self, context_length: int) -> None:
        CannotContinue.__init__(
            self,
            title=mark("Not enough memory for the draft model"),
            detail=mark("The engine could not reserve memory for a context length of {context_length} tokens."),
            hint=mark("Choose a shorter context length, a smaller draft model, or none."),
            context_length=context_length,
        )


class NothingAllowed(CannotContinue):
    """Grammar, logit bias and banned phrases together leave no token to go on with."""

    code = "nothing_allowed"

    def __init__(self) -> None:
        super().__init__(
            title=mark("The reply can't go on"),
            detail=mark("Grammar, forbidden tokens and banned phrases leave no next word."),
            hint=mark("Take one of them away."),
        )


def check_request(request: TextRequest) -> None:
    """Refuse what makes no sense before any work. Raises BadRequest."""
    if (request.prompt is None) == (not request.messages):
        raise BadRequest(title=mark("Nothing to answer"), detail=mark("A request needs either messages or a text to go on with."))
    if request.max_tokens < 1:
        raise BadRequest(title=mark("The length must be at least one token"), detail=mark("{given} was asked for."), given=request.max_tokens)
    if not 0 <= request.logprobs <= MOST_ALTERNATIVES:
        raise BadRequest(
            title=mark("A setting is out of range"),
            detail=mark("{field} must be between {low} and {high}; {given} was asked for."),
            field="logprobs",
            low=0,
            high=MOST_ALTERNATIVES,
            given=request.logprobs,
        )
    if request.grammar and request.json_schema:
        raise BadRequest(title=mark("Two forms for one reply"), detail=mark("A request takes a grammar or a JSON schema, not both."))
    if request.continue_last and (not request.messages or request.messages[-1].role != "assistant" or not request.messages[-1].text or request.prefill):
        raise BadRequest(
            title=mark("There is nothing to go on with"), detail=mark("The last message must be the assistant's, with a text and without a prefill.")
        )
    if request.prefill and request.prompt is not None:
        raise BadRequest(title=mark("A prefill needs messages"), detail=mark("A text to go on with has its beginning already."))
    check_tools(request)
    check_sampling(request.sampling)


def error_of(failure: WorkFailed, path: Path, title: str, context_length: int) -> CannotContinue:
    """What a refusal of the child means to the person; `context_length` is the one that was asked for."""
    values = failure.reason_values
    match failure.reason:
        case "prompt_too_long":
            return PromptTooLong(int(values["prompt_tokens"]), int(values["context_length"]))
        case "load_failed":
            return ModelRefused(str(path), str(values.get("reason", "")))
        case "no_context":
            return NotEnoughMemory(int(values["context_length"]))
        case "out_of_memory":
            return NotEnoughMemory(context_length)
        case "bad_schema":
            return BadRequest(
                title=mark("This JSON schema can't be used"),
                detail=mark("{reason}"),
                hint=mark("Check the schema; references to other files are not followed."),
                reason=values.get("reason", ""),
            )
        case "bad_grammar":
            return BadRequest(
                title=mark("This grammar can't be used"),
                detail=mark("{reason}"),
                hint=mark("It must be GBNF, with a rule named root."),
                reason=values.get("reason", ""),
            )
        case "bad_token":
            return BadRequest(
                title=mark("There is no such token"),
                detail=mark("logit_bias: {token}; this model's tokens are numbered below {tokens}."),
                field="logit_bias",
                token=values.get("token"),
                tokens=values.get("tokens"),
            )
        case "no_tools":
            return ToolsNotKnown(title)
        case "nothing_allowed":
            return NothingAllowed()
        case "lora_missing" | "lora_refused" | "lora_partial":
            return adapter_trouble(failure.reason, values)
        case "other_vocabulary":
            return BadRequest(
                title=mark("The draft model does not fit this model"),
                detail=mark("{path} has another vocabulary."),
                hint=mark("Choose a smaller model of the same family, or none."),
                path=values.get("path", ""),
            )
        case "ranks_only":
            return BadRequest(
                title=mark("This model makes no vectors"),
                detail=mark("{model} only says how well an answer fits a question."),
                hint=mark("Choose a model for embeddings."),
                model=title,
            )
        case "file_trouble":
            return FileTrouble(title=mark("The model's file can't be read"), detail=mark("{path}: {reason}"), path=str(path), reason=values.get("reason", ""))
        case _:
            return failure


def draft_error_of(failure: WorkFailed, path: Path, title: str, context_length: int) -> CannotContinue:
    """What a refusal of the draft model in `path` means to the person."""
    match failure.reason:
        case "load_failed":
            return DraftRefused(str(path), str(failure.reason_values.get("reason", "")))
        case "no_context" | "out_of_memory":
            return NoMemoryForDraft(context_length)
        case _:
            return error_of(failure, path, title, context_length)


def failure_words(trouble: CannotContinue) -> str:
    """What was wrong, for the reason of another error: its detail in the person's language, or its title."""
    told = tell(trouble)
    return told.detail or told.title
