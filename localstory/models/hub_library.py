"""huggingface_hub, held to our rules: it knows the hub's API and the meaning of its errors, Net does the talking.

By itself it follows redirects, sends the token it finds in the person's home and the versions of installed libraries, asks for
a list of AI agents and keeps that in ~/.cache, and knows neither our offline switch nor our log. With a client of ours
(`set_client_factory`, documented in its "HTTP backend") and two of its constants none of this is left.
Importing it takes 0.2 to 0.4 s, so it waits for the first question.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from localstory.errors import BadRequest, mark
from localstory.net import Net
from localstory.net.errors import BadAnswer, Offline

if TYPE_CHECKING:
    import httpx2
    from huggingface_hub import HfApi

_Value = TypeVar("_Value")
_lock = threading.Lock()
_is_set_up = False


def ask(
    question: Callable[[HfApi], _Value],
    net: Net,
    endpoint: str,
    token: str,
    *,
    purpose: str,
    limit_bytes: int = 32 << 20,
    most_answers: int = 20,
    stop: threading.Event | None = None,
) -> _Value:
    """What `question` gets from the library, which reaches `endpoint` through `net` only; `token` "" for none at all.

    Answers that come bit by bit (lists) must be read to their end inside `question`. `limit_bytes` is for each answer.
    Raises the library's HfHubHTTPError for 401, 403 and 404, HFValidationError for names it refuses, NetTrouble, and
    BadRequest when a variable of the library's own keeps it from starting.
    """
    _set_up()
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    from localstory.net.transport import through

    host = urlsplit(endpoint).hostname or ""
    try:
        with through(net, endpoint, purpose=purpose, limit_bytes=limit_bytes, most_answers=most_answers, stop=stop):
            return question(HfApi(endpoint, token or False))
    except OfflineModeIsEnabled as error:
        raise Offline(host) from error
    except (HfHubHTTPError, HFValidationError):
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, httpx2.InvalidURL) as error:
        # The library takes for granted that the server keeps to its format.
        raise BadAnswer(host, mark("It is a web page or a text, not the list that was asked for.")) from error


def _set_up() -> None:
    """Import the library and give it our client, once for the process: its client is global, what is ours in it is not (`through`)."""
    global _is_set_up
    with _lock:
        if _is_set_up:
            return
        try:
            # First: imported behind HfApi, its mistakes would be printed to stdout.
            import huggingface_hub.constants as constants
            from huggingface_hub import set_client_factory
        except ValueError as error:  # it reads numbers from HF_HUB_DOWNLOAD_TIMEOUT and the like
            raise BadRequest(
                title=mark("A variable of huggingface_hub can't be used"),
                detail=mark("{reason}."),
                hint=mark("Look at the variables that begin with HF_ and unset those with a mistake."),
                reason=str(error),
            ) from error
        # Else it looks for torch and for AI agents, to tell the hub.
        constants.HF_HUB_DISABLE_TELEMETRY = True
        constants.HF_HUB_DISABLE_IMPLICIT_TOKEN = True
        # It writes to stderr by itself; what matters reaches us as an error.
        logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
        set_client_factory(_client)
        _is_set_up = True


def _client() -> httpx2.Client:
    import httpx2

    from localstory.net.transport import NetTransport

    return httpx2.Client(transport=NetTransport(), trust_env=False)
