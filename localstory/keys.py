"""Keys of servers, in the system's keyring and nowhere else: not in settings, arguments, logs, or the environment of a child.

A key belongs to an *origin* (scheme, host and port), so that one for a server is never sent to another behind the same name.
Our own server (`localstory serve`) has a key, too: made once for a home folder, in the keyring or, where there is none, in a file
that only the person may read.
The variable LOCALSTORY_KEY is used where there is no keyring, and only for the origin in LOCALSTORY_KEY_FOR, if that is set;
without it for whatever server the command line named.
"""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from localstory.errors import CannotContinue, FileTrouble
from localstory.system import write_private
from localstory.words import mark

_SERVICE = "localstory"
VARIABLE = "LOCALSTORY_KEY"
FOR_VARIABLE = "LOCALSTORY_KEY_FOR"
SERVE_VARIABLE = "LOCALSTORY_SERVE_KEY"

log = logging.getLogger(__name__)


class NoKeyring(CannotContinue):
    """This system has no keyring that can be used; nothing was kept."""

    code = "no_keyring"

    def __init__(self, reason: str) -> None:
        super().__init__(
            title=mark("There is no place to keep a key safe"),
            detail=mark("The system's keyring can't be used: {reason}."),
            hint=mark("Unlock or install a keyring, or put the key into the variable {variable} before you start localstory."),
            reason=reason,
            variable=VARIABLE,
        )


def origin_of(url: str) -> str:
    """`https://api.example.com:8443/v1` -> `https://api.example.com:8443`; the usual port is left out. Raises ValueError."""
    parts = urlsplit(url.strip())
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("no http address")
    host = f"[{host}]" if ":" in host else host
    port = parts.port
    return f"{parts.scheme}://{host}" + (f":{port}" if port not in (None, {"http": 80, "https": 443}[parts.scheme]) else "")


def key_for(url: str, *, named: bool = True) -> str:
    """The key of the server at `url`: from the variable when it is meant for this server, else from the keyring; "" when there is none.

    `named`: a person gave this address. A server that was only found gets no key that was not put there for it.

    A keyring that can't be read counts as one without a key: a server that needs one says so itself. May block while the system
    asks the person to unlock it: call it in a thread.
    """
    origin = origin_of(url)
    given = os.environ.get(VARIABLE, "").strip()
    if given and _is_meant_for(origin) and (named or os.environ.get(FOR_VARIABLE, "").strip()):
        return given
    return _from_keyring(origin)


def keep_key(url: str, key: str) -> None:
    """Keep the key of the server at `url`; an empty one forgets it. Raises NoKeyring. May block: call it in a thread."""
    origin = origin_of(url)
    if not key.strip():
        forget_key(url)
        return
    try:
        import keyring

        keyring.set_password(_SERVICE, origin, key.strip())
        kept = keyring.get_password(_SERVICE, origin) == key.strip()
    except Exception as error:  # backends raise what they like; the message of some holds the key's name, never the key
        raise NoKeyring(type(error).__name__) from None
    if not kept:  # the null backend swallows everything
        raise NoKeyring(type(keyring.get_keyring()).__name__)


def forget_key(url: str) -> None:
    """Take the key out of the keyring; none there is fine. Raises NoKeyring."""
    origin = origin_of(url)
    try:
        import keyring

        if keyring.get_password(_SERVICE, origin) is not None:
            keyring.delete_password(_SERVICE, origin)
    except Exception as error:
        raise NoKeyring(type(error).__name__) from None


def _is_meant_for(origin: str) -> bool:
    wanted = os.environ.get(FOR_VARIABLE, "").strip()
    if not wanted:
        return True
    try:
        return origin_of(wanted) == origin
    except ValueError:
        return False


# -- the key of our own server ------------------------------------------------------------------------------------------


def serve_key(home: Path, *, new: bool = False) -> tuple[str, Literal["variable", "keyring", "file"]]:
    """The key of `localstory serve` in this home folder, and where it is kept. Made at the first call; `new` makes another.

    The variable LOCALSTORY_SERVE_KEY goes before both. May block: call it in a thread. Raises FileTrouble.
    """
    given = os.environ.get(SERVE_VARIABLE, "").strip()
    if given and not new:
        return given, "variable"
    file, name = home / "serve.key", f"serve {home}"
    try:
        kept = file.read_text("ascii").strip() if file.is_file() else ""  # first: a keyring may come and go
        if kept and not new:
            return kept, "file"
        kept = "" if kept else _from_keyring(name)
        if kept and not new:
            return kept, "keyring"
        made = "ls-" + secrets.token_urlsafe(32)
        if not file.exists() and _into_keyring(name, made):
            return made, "keyring"
        write_private(file, made.encode() + b"\n")
    except (OSError, UnicodeDecodeError) as error:
        raise FileTrouble(
            title=mark("The key of the server can't be kept"),
            detail=mark("{path}: {reason}."),
            hint=mark("Put a key of your own into the variable {variable}."),
            path=str(file),
            reason=getattr(error, "strerror", "") or str(error),
            variable=SERVE_VARIABLE,
        ) from error
    return made, "file"


def _from_keyring(name: str) -> str:
    try:
        import keyring

        return keyring.get_password(_SERVICE, name) or ""
    except Exception as error:  # backends raise what they like
        log.info("the keyring can't be read: %s", type(error).__name__)
        return ""


def _into_keyring(name: str, value: str) -> bool:
    try:
        import keyring

        keyring.set_password(_SERVICE, name, value)
        return keyring.get_password(_SERVICE, name) == value  # the null backend swallows everything
    except Exception as error:  # backends raise what they like
        log.info("the keyring can't be written: %s", type(error).__name__)
        return False
