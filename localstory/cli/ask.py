"""`localstory ask`: one question to a model, the answer as it is written."""

from __future__ import annotations

import argparse
import contextlib
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localstory.cli.screen import Screen
from localstory.engines.text.load_settings import SETTINGS
from localstory.errors import FileTrouble
from localstory.events import Progress
from localstory.words import _, fill, mark

if TYPE_CHECKING:
    from localstory.app import App
    from localstory.engines.base import Lora, TextEngine

SUMMARY = mark("ask a model one question")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("prompt", metavar=_("PROMPT"), help=_('what to ask; "-" reads it from standard input'))
    parser.add_argument("--model", default="", metavar=_("MODEL"), help=_("a path or title; default: the best model there is"))
    parser.add_argument("--engine", default="", metavar=_("NAME|URL"), help=_('a server instead of the built-in engine: "ollama", "lmstudio", or an address'))
    parser.add_argument("--system", default="", metavar=_("TEXT"), help=_("a system prompt"))
    parser.add_argument("--json-schema", type=Path, metavar=_("FILE"), help=_("a JSON schema that the answer must satisfy"))
    parser.add_argument("--max-tokens", type=int, default=512, metavar=_("N"), help=_("the longest answer, in tokens (default 512)"))
    parser.add_argument("--temperature", type=float, default=0.8, metavar=_("N"), help=_("0 always takes the likeliest word (default 0.8)"))
    parser.add_argument("--seed", type=int, metavar=_("N"), help=_("same seed, same question, same machine: same answer"))
    parser.add_argument("--top-k", type=int, metavar=_("N"), help=_("choose among the N likeliest words only"))
    parser.add_argument("--top-p", type=float, metavar=_("P"), help=_("choose among the likeliest words that make up this probability"))
    parser.add_argument("--min-p", type=float, metavar=_("P"), help=_("leave out words less likely than this share of the likeliest"))
    parser.add_argument("--repeat-penalty", type=float, metavar=_("X"), help=_("above 1, words that were just written become less likely"))
    parser.add_argument("--grammar", type=Path, metavar=_("FILE"), help=_("a GBNF grammar that the answer must satisfy"))
    parser.add_argument("--stop", action="append", default=[], metavar=_("TEXT"), help=_("end the answer before this text; may be given again"))
    parser.add_argument("--ban", action="append", default=[], metavar=_("TEXT"), help=_("a text that must not appear in the answer; may be given again"))
    parser.add_argument("--begin", default="", metavar=_("TEXT"), help=_("the answer begins with this text"))
    parser.add_argument("--think", action=argparse.BooleanOptionalAction, help=_("let the model think first, or not, where it knows the difference"))
    parser.add_argument("--lora", action="append", default=[], metavar=_("FILE[:STRENGTH]"), help=_("an adapter over the model's weights; may be given again"))
    parser.add_argument("--lookup", action=argparse.BooleanOptionalAction, help=_("guess next words from the text itself, or not (default: when it pays)"))
    parser.add_argument("--private", action="store_true", help=_("keep nothing of this on the disk"))
    for name, words in SETTINGS.items():
        parser.add_argument(f"--{name}", metavar=_("VALUE"), help=_(words))


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    from localstory.app import open_app
    from localstory.engines.base import Message, Reply, Sampling, TextPiece, TextRequest
    from localstory.models.library import best_text_model, resolve_text_model
    from localstory.models.names import NoStarter

    prompt = sys.stdin.read() if options.prompt == "-" else options.prompt
    messages = ((Message("system", options.system),) if options.system else ()) + (Message("user", prompt),)
    chosen = {name: value for name in ("top_k", "top_p", "min_p", "repeat_penalty") if (value := getattr(options, name)) is not None}
    request = TextRequest(
        messages,
        max_tokens=options.max_tokens,
        sampling=Sampling(temperature=options.temperature, seed=options.seed, banned_phrases=tuple(options.ban), **chosen),
        stop=tuple(options.stop),
        json_schema=_read(options.json_schema, mark("The schema can't be read")) if options.json_schema else None,
        grammar=_read(options.grammar, mark("The grammar can't be read")) if options.grammar else None,
        prefill=options.begin,
        thinking=options.think,
        loras=tuple(_lora(text) for text in options.lora),
        lookup=options.lookup,
        private=options.private,
    )
    settings = {name: value for name in SETTINGS if (value := getattr(options, name.replace("-", "_"))) is not None}
    with open_app(writes=False) as app:
        if options.engine:
            engine = server_engine(options.engine, options.model, app)
        else:
            model = resolve_text_model(options.model, app.home) if options.model else best_text_model(app.home)
            if model is None:
                raise NoStarter
            engine = app.text_engine(model, settings)

        async def answer() -> Reply:
            reply: Reply | None = None
            async with contextlib.aclosing(engine.reply(request)) as events:
                async for event in events:
                    if isinstance(event, TextPiece) and event.kind == "reasoning":
                        screen.progress(Progress(mark("Thinking")))
                    elif isinstance(event, TextPiece):
                        screen.write(event.text)
                    elif isinstance(event, Progress):
                        screen.progress(event)
                    else:
                        reply = event
            assert reply is not None
            return reply

        reply = app.runtime.run(answer())
    screen.say()
    warnings = [fill(warned.template, warned.values) for warned in reply.warnings]
    for warning in warnings:
        screen.note(warning)
    return {
        "text": reply.text,
        "reasoning": reply.reasoning,
        "usage": asdict(reply.usage),
        "timing": asdict(reply.timing),
        "stop_reason": reply.stop_reason,
        "model": reply.model,
        "engine": reply.engine,
        "seed": reply.seed,
        "made_with": reply.made_with,
        **({"warnings": warnings} if warnings or options.engine else {}),
    }


def server_engine(name: str, model: str, app: App) -> TextEngine:
    """The engine of a server by its name or address. Raises BadAddress, BadRequest, NetTrouble."""
    return app.runtime.run(app.engine_of_server(name, model))


def _lora(text: str) -> Lora:
    """`FILE` or `FILE:STRENGTH`. A drive's letter is no file: `C:\\a.gguf` is whole."""
    from localstory.engines.base import Lora

    file, colon, strength = text.rpartition(":")
    if colon and file:
        try:
            return Lora(Path(file), float(strength))
        except ValueError:
            pass
    return Lora(Path(text))


def _read(path: Path, trouble: str) -> str:
    try:
        return path.read_text("utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise FileTrouble(title=trouble, detail=mark("{path}: {reason}."), path=str(path), reason=reason) from error
    except UnicodeDecodeError as error:
        raise FileTrouble(title=trouble, detail=mark("{path} is not a text in UTF-8."), path=str(path)) from error
