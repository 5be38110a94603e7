"""`localstory serve`: the models of this computer behind OpenAI's interface, for scripts and other programs."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from localstory.cli.screen import Screen
from localstory.errors import BadRequest
from localstory.words import _, mark

if TYPE_CHECKING:
    from localstory.app import App
    from localstory.server.guard import Rules
    from localstory.server.serving import Listening, Serving
    from localstory.server.shelf import Shelf

SUMMARY = mark("let scripts and other programs use the models, over OpenAI's interface")


def arguments(parser: argparse.ArgumentParser) -> None:
    from localstory.server.port import PORT

    parser.add_argument(
        "--model", default="", metavar=_("MODEL"), help=_("load this one now, and use it where a request names none; default: the best model there is")
    )
    parser.add_argument("--engine", default="", metavar=_("NAME|URL"), help=_('pass on to a server instead: "ollama", "lmstudio", or an address'))
    parser.add_argument(
        "--port", type=int, default=PORT, metavar=_("N"), help=_("where to listen (default {port}); 0 takes any that is free").format(port=PORT)
    )
    parser.add_argument("--host", default="", metavar=_("ADDRESS"), help=_("listen on this address only; one of the network needs --lan"))
    parser.add_argument("--lan", action="store_true", help=_("let other computers in the local network ask, with the key"))
    parser.add_argument("--no-key", action="store_true", help=_("let every program on this computer ask without a key"))
    parser.add_argument("--show-key", action="store_true", help=_("show the key and end"))
    parser.add_argument("--new-key", action="store_true", help=_("make another key, show it and end; the old one no longer works"))
    parser.add_argument(
        "--cors", action="append", default=[], metavar=_("ORIGIN"), help=_("let pages of this origin ask, such as https://example.com; may be given again")
    )
    parser.add_argument("--allow-host", action="append", default=[], metavar=_("NAME"), help=_("another name of this computer; may be given again"))


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any] | None:
    """With --json one object when the server answers: `{url, urls[], lan_urls[], port, key, key_kept_in, models[], default_model, pid}`.

    `key` is null unless --lan shows it. Ends with SIGINT or SIGTERM, exit code 0.
    """
    from localstory.app import open_app
    from localstory.keys import SERVE_VARIABLE, serve_key
    from localstory.paths import open_home

    home = open_home()
    if options.show_key or options.new_key:
        shown, place = serve_key(home.root, new=options.new_key)
        screen.say(shown)
        return {"key": shown, "key_kept_in": place}
    if options.no_key and os.environ.get(SERVE_VARIABLE, "").strip():
        raise BadRequest(title=mark("A key and no key"), detail=mark("--no-key was given, and the variable {variable} holds a key."), variable=SERVE_VARIABLE)
    key, kept_in = ("", None) if options.no_key else serve_key(home.root)
    with open_app(writes=False) as app:
        from localstory.server.serving import Serving

        shelf, rules = _shelf(options, app), _rules(options, key)
        serving = Serving(shelf, rules, host=options.host, port=options.port)
        try:
            if options.model:
                app.runtime.run(_preload(shelf, screen))
            models = app.runtime.run(_ids(shelf))
        except BaseException:
            serving.close()
            raise

        def ready() -> None:
            told = serving.listening
            _tell(told, rules, models, screen)
            if options.json:
                facts = {
                    "url": told.url + "/v1", "urls": [f"{url}/v1" for url in told.local_urls], "lan_urls": [f"{url}/v1" for url in told.lan_urls],
                    "port": told.port, "key": key if rules.lan else None, "key_kept_in": kept_in, "models": models,
                    "default_model": models[0] if models else None, "pid": os.getpid(),
                }  # fmt: skip
                print(json.dumps(facts, ensure_ascii=False), flush=True)

        _serve(serving, app, ready)
    screen.say(_("Stopped."))
    return None


def _shelf(options: argparse.Namespace, app: App) -> Shelf:
    from localstory.models.library import resolve_text_model
    from localstory.server.shelf import OwnModels, ServersModels

    if options.engine:
        from localstory.keys import key_for
        from localstory.models.servers import named_address

        url = named_address(options.engine)
        return ServersModels(app, url, key_for(url), options.model)
    return OwnModels(app, resolve_text_model(options.model, app.home) if options.model else None)


def _rules(options: argparse.Namespace, key: str) -> Rules:
    from localstory.server.guard import Rules

    for origin in options.cors:
        if origin == "*" or "://" not in origin or origin.rstrip("/") != origin or origin.count("/") != 2:
            raise BadRequest(
                title=mark("“{origin}” is no origin"),
                detail=mark("An origin is a scheme, a name and maybe a port, such as https://example.com:8443; each is named by itself."),
                origin=origin,
            )
    return Rules(key, options.lan, frozenset(name.lower().rstrip(".") for name in options.allow_host), frozenset(options.cors))


async def _ids(shelf: Shelf) -> list[str]:
    return [entry.id for entry in await shelf.entries()]


async def _preload(shelf: Shelf, screen: Screen) -> None:
    """Counting is the smallest thing that needs the model in memory."""
    engine = await shelf.engine(await shelf.find(""))
    await engine.count_many(["a"], screen.progress)
    screen.end_progress()


def _tell(told: Listening, rules: Rules, models: list[str], screen: Screen) -> None:
    for url in told.local_urls[:1]:
        screen.say(_("Listening on {url}/v1").format(url=url))
    for url in told.lan_urls:
        screen.say(_("In the local network: {url}/v1").format(url=url))
    if rules.lan:
        screen.say(_("Key: {key}").format(key=rules.key))
        screen.say(_("Others in this network can use the models with this key. What they send is not encrypted on its way."))
    elif rules.key:
        screen.say(_("A key is needed: “localstory serve --show-key” shows it."))
    else:
        screen.say(_("No key is needed: every program on this computer can ask."))
    screen.say(_("Models: {models}").format(models=", ".join(models)) if models else _("There is no model on this computer yet."))
    key = ' -H "Authorization: Bearer $(localstory serve --show-key)"' if rules.key else ""
    body = json.dumps({"messages": [{"role": "user", "content": _("Hello!")}]}, ensure_ascii=False)
    screen.say(_("Try it:"))
    screen.say(f"  curl {told.url}/v1/chat/completions{key} -H \"Content-Type: application/json\" -d '{body}'")
    screen.say(_("Ctrl+C ends it."))


def _serve(serving: Serving, app: App, ready: Any) -> None:
    """Answer until a signal comes; a second one does not make the end less tidy."""
    stopping = threading.Event()

    async def answer(_job: Any) -> None:
        await serving.run(ready)

    with _signals(stopping):
        job = app.runtime.start("", answer)
        while not job.wait(0.1):
            if stopping.is_set():
                app.runtime.call_soon(serving.stop)
                job.wait(5.0)
                break
    if job.error is not None:
        raise job.error


@contextlib.contextmanager
def _signals(stopping: threading.Event) -> Iterator[None]:
    kinds = [signal.SIGINT, signal.SIGTERM]
    # Who closes the terminal ends the server, unless it was started with `nohup`.
    others = [getattr(signal, name) for name in ("SIGHUP", "SIGBREAK") if hasattr(signal, name)]
    kinds += [kind for kind in others if signal.getsignal(kind) is not signal.SIG_IGN]
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {kind: signal.signal(kind, lambda _number, _frame: stopping.set()) for kind in kinds}
    try:
        yield
    finally:
        # What comes while everything is being closed must not cut that short.
        for kind, handler in before.items():
            signal.signal(kind, handler if kind is signal.SIGINT else signal.SIG_IGN if stopping.is_set() else handler)
