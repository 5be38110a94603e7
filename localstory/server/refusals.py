"""What a client hears when something is in the way: an HTTP status and OpenAI's error shape. Pure.

`{"error": {"message", "type", "code", "param"}}`; `type` is "invalid_request_error" where the client must change something,
"authentication_error", "not_found_error" or "server_error" otherwise (OpenAI's API reference, "Error codes").
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from localstory.children.last_words import ChildDied, ChildHung
from localstory.engines.base import PromptTooLong
from localstory.engines.text.llama_errors import NotEnoughMemory, NothingAllowed
from localstory.errors import BadRequest, CannotContinue
from localstory.models.names import ModelNotFound
from localstory.net.errors import NetTrouble, TooManyRequests, TooSlow
from localstory.words import mark, tell


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer that is no answer."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str] = field(default_factory=dict)


class NotAllowed(CannotContinue):
    """The request was turned away before anything of it was done. `status` is HTTP's."""

    code = "not_allowed"

    def __init__(self, status: int, code: str, *, title: str, detail: str = "", hint: str = "", **values: object) -> None:
        super().__init__(title=title, detail=detail, hint=hint, **values)
        self.status = status
        self.own_code = code


class BadField(BadRequest):
    """A field of the request is unknown, of the wrong kind, or asks for what this server can't do."""

    code = "bad_request"

    def __init__(self, param: str, what: object, code: str = "") -> None:
        super().__init__(title=mark("{param}: {what}"), param=param[:100], what=what)
        self.param = param[:100]
        self.own_code = code or "invalid_value"


class TooBusy(CannotContinue):
    """As many requests wait as may wait. Nothing was started."""

    code = "too_busy"

    def __init__(self, waiting: int, retry_seconds: int) -> None:
        super().__init__(
            title=mark("Too many requests are waiting"), detail=mark("{waiting} are in the queue."), hint=mark("Try again in a moment."), waiting=waiting
        )
        self.retry_seconds = retry_seconds


def no_such_model(name: str) -> NotAllowed:
    """404: nothing here answers to the name."""
    return NotAllowed(
        404,
        "model_not_found",
        title=mark("There is no model “{name}” here"),
        hint=mark("GET /v1/models lists the models; “default” is the one that the server was started with, or the best one."),
        name=name[:200],
    )


def sentence(error: CannotContinue) -> str:
    """An error as one text, in the language of the person who runs the server."""
    told = tell(error)
    parts = [part if part.endswith((".", "!", "?", "…")) else part + "." for part in (told.title, told.detail, told.hint) if part]
    return " ".join(parts)


def refusal(error: CannotContinue) -> Refusal:
    """The status and body for an error. Total: what is not known here is a 500 with its code and words."""
    status, kind, code = _kind_of(error)
    said: dict[str, Any] = {"message": sentence(error), "type": kind, "param": None, "code": code}
    headers: dict[str, str] = {}
    match error:
        case BadField():
            said["param"] = error.param
        case BadRequest():
            field_name = error.values.get("field")
            said["param"] = field_name if isinstance(field_name, str) else None
        case PromptTooLong():
            said |= {"param": "messages", "n_prompt_tokens": error.prompt_tokens, "n_ctx": error.context_length}
        case TooBusy():
            headers["Retry-After"] = str(error.retry_seconds)
        case TooManyRequests():
            wait = getattr(error, "retry_after_seconds", None)
            headers |= {"Retry-After": str(wait)} if wait else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status >= 500 and not isinstance(error, TooBusy | ChildDied | ChildHung | NetTrouble):
        headers["x-should-retry"] = "false"  # OpenAI's clients try twice more at a 5xx: a model that can't be loaded stays so
    return Refusal(status, {"error": said}, headers)


def our_bug() -> Refusal:
    """500 for what is no `CannotContinue`. What it was stands in the log, not in the answer."""
    error = CannotContinue(title=mark("Something went wrong inside localstory"), hint=mark("Its log says more."))
    return Refusal(500, {"error": {"message": sentence(error), "type": "server_error", "param": None, "code": "internal_error"}}, {"x-should-retry": "false"})


def _kind_of(error: CannotContinue) -> tuple[int, str, str]:
    match error:
        case NotAllowed():
            kinds = {401: "authentication_error", 403: "permission_error", 404: "not_found_error"}
            return error.status, kinds.get(error.status, "invalid_request_error"), error.own_code
        case PromptTooLong():
            return 400, "invalid_request_error", "context_length_exceeded"
        case BadField():
            return 400, "invalid_request_error", error.own_code
        case BadRequest() | NothingAllowed():
            return 400, "invalid_request_error", error.code
        case ModelNotFound():
            return 404, "not_found_error", error.code
        case TooBusy() | NotEnoughMemory():
            return 503, "server_error", error.code
        case TooManyRequests():
            return 429, "rate_limit_error", error.code
        case ChildHung() | TooSlow():
            return 504, "server_error", error.code
        case NetTrouble():
            return 502, "server_error", error.code
        case _:
            return 500, "server_error", error.code
