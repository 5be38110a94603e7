"""What stands between us and a server, each kind with its own code. Servers are named by host only: addresses can hold keys."""

from __future__ import annotations

from localstory.errors import CannotContinue, Size, mark
from localstory.net.addresses import shown_address


class NetTrouble(CannotContinue):
    """A server could not be asked, or its answer could not be used. All errors of `net` are of this kind."""

    code = "net_trouble"
    server_code: str = ""
    """What the server itself calls the error (X-Error-Code of the hub); "" when it doesn't say."""


class Offline(NetTrouble):
    """The offline switch forbids the connection; nothing was sent."""

    code = "offline"

    def __init__(self, host: str) -> None:
        super().__init__(
            title=mark("localstory is offline"),
            detail=mark("Nothing was asked of {host}: the offline switch is on."),
            hint=mark("Turn it off in Settings, or unset LOCALSTORY_OFFLINE."),
            host=host,
        )


class HostNotFound(NetTrouble):
    """The name of the server has no address (DNS)."""

    code = "host_not_found"

    def __init__(self, host: str) -> None:
        super().__init__(
            title=mark("{host} was not found"),
            detail=mark("The name has no address. Most often there is no connection to the internet."),
            hint=mark("Check the connection and the address."),
            host=host,
        )


class NoConnection(NetTrouble):
    """The server has an address, and no connection came about, or it broke."""

    code = "no_connection"

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(
            title=mark("{host} can't be reached"), detail=mark("{reason}."), hint=mark("Check the connection and try again."), host=host, reason=reason
        )


class NotSecure(NetTrouble):
    """The encrypted connection (TLS) failed: nothing was sent."""

    code = "not_secure"

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(
            title=mark("The connection to {host} is not secure"),
            detail=mark("{reason}."),
            hint=mark("Check the date of this computer; a company's network may need its certificate in SSL_CERT_FILE."),
            host=host,
            reason=reason,
        )


class ProxyTrouble(NetTrouble):
    """The proxy of the environment refused, or is of a kind we don't speak."""

    code = "proxy_trouble"

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(
            title=mark("The proxy {host} can't be used"), detail=mark("{reason}."), hint=mark("Check HTTPS_PROXY and NO_PROXY."), host=host, reason=reason
        )


class TooSlow(NetTrouble):
    """The server stalled, or sent so little for so long that it will not end."""

    code = "server_too_slow"

    def __init__(self, host: str) -> None:
        super().__init__(
            title=mark("{host} does not answer"), detail=mark("It sent nothing, or almost nothing, for too long."), hint=mark("Try again later."), host=host
        )


class NeedsToken(NetTrouble):
    """401: the server wants to know who asks."""

    code = "needs_token"

    def __init__(self, host: str) -> None:
        super().__init__(
            title=mark("{host} wants you to sign in"),
            detail=mark("What was asked for is private, does not exist, or needs an accepted licence."),
            hint=mark("Check the name. If you have access, put your token into the variable HF_TOKEN."),
            host=host,
        )


class Forbidden(NetTrouble):
    """403."""

    code = "forbidden"

    def __init__(self, host: str) -> None:
        super().__init__(
            title=mark("{host} does not give this out"), detail=mark("You have no access to it."), hint=mark("Accept its licence on its page first."), host=host
        )


class NotOnServer(NetTrouble):
    """404 or 410."""

    code = "not_on_server"

    def __init__(self, host: str, what: str) -> None:
        super().__init__(title=mark("{host} has no {what}"), hint=mark("Check the name for typing errors."), host=host, what=what)


class RangeNotThere(NetTrouble):
    """416: the file ends before the part that was asked for. `total_bytes` when the server said how long it is."""

    code = "range_not_there"

    def __init__(self, host: str, total_bytes: int | None) -> None:
        super().__init__(title=mark("The file on {host} is shorter than it should be"), hint=mark("It may have changed a moment ago: try again."), host=host)
        self.total_bytes = total_bytes


class TooManyRequests(NetTrouble):
    """429: asked too often. `retry_after_seconds` when the server said how long to wait."""

    code = "too_many_requests"

    def __init__(self, host: str, retry_after_seconds: int | None) -> None:
        known = retry_after_seconds is not None
        super().__init__(
            title=mark("{host} wants a pause"),
            detail=mark("It was asked too often."),
            hint=mark("Try again in {seconds} seconds.") if known else mark("Try again in a few minutes."),
            host=host,
            seconds=retry_after_seconds,
        )
        self.retry_after_seconds = retry_after_seconds


class ServerTrouble(NetTrouble):
    """5xx, or another status nobody can act on."""

    code = "server_trouble"

    def __init__(self, host: str, status: int) -> None:
        super().__init__(
            title=mark("{host} has trouble"), detail=mark("It answered with error {status}."), hint=mark("Try again later."), host=host, status=status
        )


class BadAnswer(NetTrouble):
    """The server broke the rules: a range that was not asked for, too little, too much, no sense. `reason` is a marked template."""

    code = "bad_answer"

    def __init__(self, host: str, reason: str, **values: object) -> None:
        super().__init__(
            title=mark("{host} answered with something else"),
            detail=reason,
            hint=mark("Try again; if it stays so, the server or a proxy on the way is broken."),
            **(values | {"host": host}),
        )


class CutOff(BadAnswer):
    """The connection ended before everything was there."""

    code = "cut_off"

    def __init__(self, host: str, have_bytes: int) -> None:
        super().__init__(host, mark("The connection ended after {have}."), have=Size(have_bytes))


class BadAddress(NetTrouble):
    """No http or https address, or one that can't be read."""

    code = "bad_address"

    def __init__(self, address: str) -> None:
        super().__init__(
            title=mark("“{address}” is no address"),
            hint=mark("An address begins with https:// or http:// and a name, such as https://example.com."),
            address=shown_address(address)[:200],
        )


class BadKey(NetTrouble):
    """A key with characters that no key has: line breaks, spaces, letters beyond ASCII. It was sent nowhere."""

    code = "bad_key"

    def __init__(self, host: str) -> None:
        super().__init__(
            title=mark("The key for {host} can't be used"),
            detail=mark("It has characters that no key has, such as spaces or line breaks."),
            hint=mark("Copy the key again, whole and without anything around it."),
            host=host,
        )


class Stopped(Exception):
    """The caller's `stop` was set: not an error."""
