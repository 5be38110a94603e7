"""Lets a library that brings its own HTTP client (httpx2) ask its server through a Net instead.

    client = httpx2.Client(transport=NetTransport(), trust_env=False)
    with through(net, "https://hub.example", purpose=LISTING):
        client.get(…)  # Net's offline switch, log, redirects, limits of time and size

Imported at the first use, for httpx2's sake.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from urllib.parse import urljoin

import httpx2

from localstory.errors import mark
from localstory.net import errors
from localstory.net.client import Net

_STATUS = {errors.NeedsToken: 401, errors.Forbidden: 403, errors.NotOnServer: 404}


@dataclass(slots=True)
class _Call:
    """What the library's question, which knows nothing of us, belongs to."""

    net: Net
    server: httpx2.URL
    purpose: str
    limit_bytes: int
    stop: threading.Event | None
    answers_left: int


# A library has one client for the whole process, while a Net, its purpose and its stop belong to one call. A call runs in one
# thread from its beginning to its end, so the client's transport finds them here: nothing stays behind when the call ends.
_current: ContextVar[_Call | None] = ContextVar("_current", default=None)


@contextlib.contextmanager
def through(net: Net, server: str, *, purpose: str, limit_bytes: int = 32 << 20, most_answers: int = 20, stop: threading.Event | None = None) -> Iterator[None]:
    """What a NetTransport is asked inside, in this thread, goes through `net` and to `server` only.

    After `most_answers` a list in pages is at its end. Raises BadAddress.
    """
    try:
        call = _Call(net, httpx2.URL(server), purpose, limit_bytes, stop, most_answers)
    except httpx2.InvalidURL as error:
        raise errors.BadAddress(server) from error
    before = _current.set(call)
    try:
        yield
    finally:
        _current.reset(before)


class NetTransport(httpx2.BaseTransport):
    """Sends what its client asks by the Net of the current `through`.

    Of the client's headers only the token goes out: no versions, no trace numbers, no cookies. 401, 403 and 404 come back as
    answers, since a library knows what its server means by them. All else that goes wrong is raised as Net raises it, and
    not answered: libraries sleep and ask again after a 429 or 5xx, for as long as the server likes and deaf to `stop`.
    """

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        call = _current.get()
        if call is None or request.method != "GET":
            raise RuntimeError(f"{request.method} outside of net.transport.through: it would go round the offline switch")
        url = request.url
        if (url.scheme, url.host, url.port) != (call.server.scheme, call.server.host, call.server.port):  # the token must not follow it
            raise errors.BadAnswer(url.host, mark("Its list goes on at another server."))
        call.answers_left -= 1
        kind, _space, token = request.headers.get("authorization", "").partition(" ")
        try:
            answer = call.net.get(
                str(url),
                purpose=call.purpose,
                limit_bytes=call.limit_bytes,
                headers={"Accept": "application/json"},
                token=token if kind == "Bearer" else "",
                stop=call.stop,
            )
        except (errors.NeedsToken, errors.Forbidden, errors.NotOnServer) as error:
            return httpx2.Response(_STATUS[type(error)], headers={"X-Error-Code": error.server_code})
        headers = {"Content-Type": answer.headers.get("content-type", "")}
        if call.answers_left > 0 and "link" in answer.headers:
            headers["Link"] = re.sub(r"<([^<>]*)>", lambda found: f"<{urljoin(answer.url, found[1])}>", answer.headers["link"])
        return httpx2.Response(answer.status, headers=headers, content=answer.body)
