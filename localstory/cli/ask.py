"""`localstory ask`: one question to a model, the answer as it is written."""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localstory.cli.screen import Screen
from localstory.errors import FileTrouble
from localstory.events import Progress
from localstory.net.errors import BadAddress
from localstory.words import _, fill, mark

if TYPE_CHECKING:
    from localstory.app import App
    from localstory.engines.base import TextEngine

SUMMARY = mark("ask a model one question")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", metavar=_("PROMPT"), help=_('what to ask; "-" reads it from standard input'))
    parser.add_argument("--model", default="", help=_("a path or title; default: the best model there is"))
    parser.add_argument(
        "--engine", default="", metavar=_("NAME|URL"), help=_('a server instead of the built-in engine: "ollama", "lmstudio", or an address')
    )
    parser.add_argument("--system", default="", help=_("a system prompt"))
    parser.add_argument("--json-schema", type=Path, metavar=_("FILE"), help=_("a JSON schema that the answer must satisfy"))
    parser.add_argument("--max-tokens", type=int, default=512, help=_("the longest answer, in tokens (default 512)"))
    parser.add_argument("--temperature", type=float, default=0.8, help=_("0 always takes the likeliest word (default 0.8)"))
    parser.add_argument("--seed", type=int, help=_("same seed, same question, same machine: same answer"))


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    from localstory.app import open_app
    from localstory.engines.base import Message, Reply, Sampling, TextPiece, TextRequest
    from localstory.models.library import best_text_model, resolve_text_model
    from localstory.models.names import NoStarter

    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    messages = ((Message("system", options.system),) if options.system else ()) + (Message("user", prompt),)
    schema = _read(options.json_schema) if options.json_schema else None
    request = TextRequest(messages, max_tokens=options.max_tokens, sampling=Sampling(temperature=options.temperature, seed=options.seed), json_schema=schema)
    with open_app(writes=False) as app:
        if options.engine:
            engine = _server(options.engine, options.model, app)
        else:
            model = resolve_text_model(options.model, app.home) if options.model else best_text_model(app.home)
            if model is None:
                raise NoStarter
            engine = app.text_engine(model)

        async def answer() -> Reply:
            reply: Reply | None = None
            async with contextlib.aclosing(engine.reply(request)) as events:
                async for event in events:
                    if isinstance(event, TextPiece):
                        screen.write(event.text)
                    elif isinstance(event, Progress):
                        screen.progress(event)
                    else:
                        reply = event
            assert reply is not None
            return reply

        reply = app.runtime.run(answer())
    screen.say()
    warnings = [fill(warned.template, warned.values) for warned in getattr(reply, "warnings", ())]
    for warning in warnings:
        screen.say(warning)
    return {
        "text": reply.text,
        "usage": asdict(reply.usage),
        "timing": asdict(reply.timing),
        "stop_reason": reply.stop_reason,
        "model": reply.model,
        "engine": reply.engine,
        "seed": reply.seed,
        **({"warnings": warnings} if options.engine else {}),
    }


def _server(name: str, model: str, app: App) -> TextEngine:
    """The engine of a server by its name or address. Raises BadRequest, NetTrouble."""
    from localstory.engines.registry import open_server_engine
    from localstory.engines.text.discovery import ADDRESSES, identify
    from localstory.keys import key_for
    from localstory.net import typed_address

    typed = ADDRESSES.get(name.strip().lower().replace("-", "_"), name.strip())
    url = typed_address(typed if "://" in typed else f"http://{typed}")
    try:
        key = key_for(url)
    except ValueError as error:
        raise BadAddress(name) from error
    found = app.runtime.run(identify(app.net, url, key))
    # A path that a person typed ("/v1", "/openai/api") is kept for servers that speak OpenAI's interface.
    return open_server_engine(found.kind, url if found.kind == "openai" else found.url, model, key=key, net=app.net)


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileTrouble(title=mark("The schema can't be read"), detail=mark("{path}: {reason}."), path=str(path), reason=reason) from error
    except UnicodeDecodeError as error:
        raise FileTrouble(title=mark("The schema can't be read"), detail=mark("{path} is not a text in UTF-8."), path=str(path)) from error
