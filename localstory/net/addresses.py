"""What can be told from an address alone."""

from __future__ import annotations

import ipaddress
from urllib.parse import quote, urlsplit, urlunsplit


def is_loopback(host: str) -> bool:
    """True for this machine itself: "localhost" and the loopback addresses. Asks no name server."""
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def shown_address(text: str) -> str:
    """An address as it may be shown, logged and put out: without a name and password, and without what follows "?", which may be a key."""
    before, question, _query = text.partition("?")
    scheme, slashes, rest = before.rpartition("://")
    server, slash, path = rest.partition("/")
    _secret, at, host = server.rpartition("@")
    return f"{scheme}{slashes}{'…@' if at else ''}{host}{slash}{path}{'?…' if question else ''}"


def typed_address(text: str) -> str:
    """An address as a person pastes it, with letters of their language and spaces, as it goes over the wire. Checks nothing."""
    kept = "%/:@!$&'()*+,;=~"
    try:
        parts = urlsplit(text.strip())
        host = parts.netloc if parts.netloc.isascii() else parts.netloc.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        return text
    return urlunsplit((parts.scheme.lower(), host, quote(parts.path, safe=kept), quote(parts.query, safe=kept + "?"), ""))
