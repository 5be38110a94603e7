"""`localstory engines`: what can write, draw, speak and film here, on what it runs, and the engine packs."""

from __future__ import annotations

import argparse
import asyncio
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from localstory import __version__
from localstory.cli.screen import Screen
from localstory.errors import CannotContinue
from localstory.keys import VARIABLE
from localstory.words import _, mark, number, size

if TYPE_CHECKING:
    from localstory.engines.text.discovery import FoundServer
    from localstory.engines.text.endpoint import ServerModel
    from localstory.hardware.machine import EngineDevice

SUMMARY = mark("list the engines that are installed and what they run on")


def arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=False, metavar=_("ACTION"))
    actions.add_parser("list", help=_("the same, with the engine packs and the devices each of them sees"))
    add = actions.add_parser("add", help=_("add an engine pack: llama.cpp built for a graphics card, or for another processor"))
    add.add_argument("source", type=Path, metavar=_("FOLDER|WHEEL"), help=_("a folder with the package llama_cpp in it, or a wheel of llama-cpp-python"))
    add.add_argument("--name", default="", metavar=_("NAME"), help=_("what to call it; default: what it was built for"))
    remove = actions.add_parser("remove", help=_("remove an engine pack"))
    remove.add_argument("name", metavar=_("NAME"))
    use = actions.add_parser("use", help=_("choose the engine pack that models run on"))
    use.add_argument("name", metavar=_("NAME"), help=_('the pack, or "builtin": the portable build'))
    use.add_argument("--model", default="", metavar=_("MODEL"), help=_("for this model alone: a path or title"))
    actions.add_parser("forget", help=_("delete what is kept of chats on the disk so that answers begin sooner; no chat is lost"))
    for action in actions.choices.values():
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help=_("print one JSON object"))


def run(options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """One function an action; alone it is `list` without the packs."""
    match options.action:
        case "add":
            return _add(options.source, options.name, screen)
        case "remove":
            return _remove(options.name, screen)
        case "use":
            return _use(options.name, options.model, screen)
        case "forget":
            return _forget(screen)
        case "list":
            return _overview(screen) | {"packs": _packs(screen)}
        case _:
            return _overview(screen)


def _forget(screen: Screen) -> dict[str, Any]:
    """`{"states", "freed_bytes", "left_bytes"}`. No lock: the window may stand open; what its models hold in memory stays."""
    from localstory import paths
    from localstory.engines.registry import kv_home

    kept = kv_home(paths.Home(paths.home_folder().absolute()).kv)
    _states, before = kept.taken()
    gone = kept.forget()
    _left, after = kept.taken()
    screen.say(_("Deleted: {size} of saved states. Chats are untouched.").format(size=size(before - after)))
    return {"states": gone, "freed_bytes": before - after, "left_bytes": after}


def _overview(screen: Screen) -> dict[str, Any]:
    """`{"engines": [{kind, name, version, installed, runs_on, devices, models, problem}], "servers": [{kind, title, url, version,
    needs_key, models[{name, title, loaded, context_length, max_context_length, quantisation, size_bytes, remote}],
    speech[], images[], cannot{what: why}}]}`;
    no lock, nothing is changed. Servers are looked for on this computer only."""
    from localstory import paths
    from localstory.hardware.probe import processor
    from localstory.models.library import text_models, voices

    home = paths.Home(paths.home_folder().absolute())
    processor_name = processor().name or _("processor")
    rows = [
        _text(processor_name, [model.title for model in text_models(home) if model.usable]),
        _row("image", "builtin", __version__, processor_name),
        _row("image", "stable_diffusion_cpp", _version("stable-diffusion-cpp-python"), processor_name),
        _row("speech", "piper", _version("piper-tts"), processor_name, [voice.name for voice in voices(home) if voice.usable]),
        _row("film", "film", _version("moviepy"), processor_name),
    ]
    for row in rows:
        state = row["version"] if row["installed"] else _("not installed")
        screen.say(f"{_KINDS[row['kind']]():<10} {row['name']} ({state})")
        for line in _details(row):
            screen.say(f"{'':<10} {line}")
    return {"engines": rows, "servers": _servers(screen)}


_KINDS = {"text": lambda: _("Text"), "image": lambda: _("Pictures"), "speech": lambda: _("Speech"), "film": lambda: _("Film")}


def _servers(screen: Screen) -> list[dict[str, Any]]:
    from localstory.engines.text.discovery import find_servers
    from localstory.net import Net

    with Net() as net:
        found = asyncio.run(find_servers(net))
    for server in found:
        kind, version = _("Server"), f" ({server.version})" if server.version else ""
        screen.say(f"{kind:<10} {server.title}{version}, {server.url}")
        if server.needs_key:
            wanted = _("It wants a key: put it into the variable {variable}.").format(variable=VARIABLE)
            screen.say(f"{'':<10} {wanted}")
        for model in server.models:
            screen.say(f"{'':<10} {_model(model)}")
        _tell_media(server, screen)
    return [
        {
            "kind": server.kind, "title": server.title, "url": server.url, "version": server.version or None, "needs_key": server.needs_key,
            "models": [
                {
                    "name": model.name, "title": model.title or None, "loaded": model.loaded, "context_length": model.context_length,
                    "max_context_length": model.max_context_length, "quantisation": model.quantisation or None, "size_bytes": model.size_bytes,
                    "remote": model.remote,
                }
                for model in server.models
            ],
            "speech": [name or None for name in server.media.speech], "images": [name or None for name in server.media.images],
            "cannot": {what: _(server.capabilities.why_not(what)) for what in _FEATURES if server.capabilities.why_not(what)},
        }
        for server in found
    ]  # fmt: skip


def _tell_media(server: FoundServer, screen: Screen) -> None:
    """What it offers for stories, and how to take it."""
    for names, words, option in ((server.media.speech, _("reads aloud"), "--voice"), (server.media.images, _("makes pictures"), "--images")):
        if names:
            with_model = f"{server.url}#{names[0]}" + ("/" if option == "--voice" and names[0] else "") if names[0] else server.url
            told = _("{what}: localstory story new … {option} {address}").format(what=words, option=option, address=with_model)
            screen.say(f"{'':<10} {told}")


_FEATURES = (
    "json_schema", "grammar", "logprobs", "seed", "prefill", "continue_last", "thinking", "tools", "tool_choice", "loras", "load", "unload", "token_count",
)  # fmt: skip


def _model(model: ServerModel) -> str:
    facts = [model.name]
    if model.quantisation:
        facts.append(model.quantisation)
    if model.size_bytes:
        facts.append(size(model.size_bytes))
    if model.loaded:
        window = model.context_length
        facts.append(_("loaded, {tokens} tokens of context").format(tokens=number(window)) if window else _("loaded"))
    if model.remote:
        facts.append(_("runs on another computer"))
    return ", ".join(facts)


def _details(row: dict[str, Any]) -> list[str]:
    lines = []
    for device in row["devices"] or ():
        lines.append(_("runs on: {device}").format(device=_device_words(device)))
    if row["models"]:
        lines.append(_("has: {models}").format(models=", ".join(row["models"])))
    if row["problem"]:
        lines.append(row["problem"])
    return lines


def _text(processor_name: str, models: list[str]) -> dict[str, Any]:
    from localstory.engines.text.devices import ask_devices, installed_engine

    engine, problem = installed_engine(), ""
    if engine.version is not None:
        try:
            engine = asyncio.run(ask_devices())
        except CannotContinue as error:
            from localstory.words import tell

            told = tell(error)
            problem = " ".join(part for part in (told.title, told.detail, told.hint) if part)
    row = _row("text", engine.name, engine.version, processor_name, models)
    devices = None
    if engine.devices is not None:
        devices = [_device(device) for device in engine.devices]
        row["runs_on"] = ", ".join(device.description for device in engine.devices)
    return row | {"devices": devices, "problem": problem or None}


def _device(device: EngineDevice) -> dict[str, Any]:
    return {"name": device.name, "description": device.description, "kind": device.kind, "memory_total_bytes": device.memory_total_bytes}


def _device_words(device: dict[str, Any]) -> str:
    memory = device["memory_total_bytes"]
    return f"{device['description']}, {size(memory)}" if memory else str(device["description"])


def _row(kind: str, name: str, number: str | None, runs_on: str, models: list[str] | None = None) -> dict[str, Any]:
    return {
        "kind": kind, "name": name, "version": number, "installed": number is not None, "runs_on": runs_on if number else None,
        "devices": None, "models": models or [], "problem": None,
    }  # fmt: skip


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


# -- engine packs -----------------------------------------------------------------------------------------------------


def _packs(screen: Screen) -> list[dict[str, Any]]:
    """`[{name, version, backend, os, arch, licence, size_bytes, devices, default, models, problem}]`; each pack is asked in a child of its own,
    and its files are compared with what was added."""
    from localstory import paths
    from localstory.engines import packs
    from localstory.engines.text.devices import ask_pack
    from localstory.settings import read_settings
    from localstory.words import tell

    home = paths.Home(paths.home_folder().absolute())
    settings = read_settings(home.settings_file)
    here = packs.pack_names(home.engines)
    missing = {settings.engine_pack, *settings.engine_packs.values()} - {"", packs.BUILTIN, *here}
    rows: list[dict[str, Any]] = []
    for name in [*here, *sorted(missing)]:
        row: dict[str, Any] = {
            "name": name, "version": None, "backend": None, "os": None, "arch": None, "licence": None, "size_bytes": None, "devices": None,
            "default": settings.engine_pack == name, "models": sorted(path for path, pack in settings.engine_packs.items() if pack == name), "problem": None,
        }  # fmt: skip
        rows.append(row)
        try:
            if name not in here:
                raise packs.NoSuchPack(name)
            pack = packs.read_pack(home.engines / name)
            row |= {
                "version": pack.version, "backend": pack.backend, "os": pack.os, "arch": pack.arch, "licence": pack.licence or None,
                "size_bytes": sum({one.sha256: one.size_bytes for one in pack.libraries}.values()),
            }  # fmt: skip
            packs.check_pack(pack, whole=True)
            answer = asyncio.run(ask_pack(pack))
            row["devices"] = [_device(device) for device in answer.devices or ()]
        except (CannotContinue, TimeoutError) as error:
            told = tell(error if isinstance(error, CannotContinue) else packs.PackRefused(name, mark("It did not answer when it was asked for its devices.")))
            row["problem"] = " ".join(part for part in (told.title, told.detail) if part)
        _tell_pack(row, screen)
    return rows


def _tell_pack(row: dict[str, Any], screen: Screen) -> None:
    kind, facts = _("Pack"), [row["version"], row["backend"], size(row["size_bytes"]) if row["size_bytes"] else "", row["licence"]]
    told = ", ".join(fact for fact in facts if fact)
    screen.say(f"{kind:<10} {row['name']}" + (f" ({told})" if told else ""))
    lines = [_("runs on: {device}").format(device=_device_words(device)) for device in row["devices"] or ()]
    if row["default"]:
        lines.append(_("used for every model without a choice of its own"))
    if row["models"]:
        lines.append(_("used for: {models}").format(models=", ".join(Path(model).name for model in row["models"])))
    if row["problem"]:
        lines.append(row["problem"])
        if row["default"] or row["models"]:
            lines.append(_("Until that is mended, the portable build runs instead."))
    for line in lines:
        screen.say(f"{'':<10} {line}")


def _add(source: Path, name: str, screen: Screen) -> dict[str, Any]:
    """`{"added": {name, version, backend, licence, devices}}`."""
    from localstory.app import open_app
    from localstory.engines.pack_shelf import add_pack, sweep

    with open_app() as app:
        sweep(app.home.engines)
        added = app.runtime.run(add_pack(source.absolute(), app.home.engines, name=name, report=screen.progress))
    pack = added.pack
    screen.say(_("Added: {pack}. Run a model on it with: {command}").format(pack=pack.name, command=f'localstory engines use "{pack.name}"'))
    for device in added.devices:
        screen.say(_("runs on: {device}").format(device=_device_words(_device(device))))
    return {
        "added": {
            "name": pack.name, "version": pack.version, "backend": pack.backend, "licence": pack.licence or None,
            "devices": [_device(device) for device in added.devices],
        }
    }  # fmt: skip


def _remove(name: str, screen: Screen) -> dict[str, Any]:
    """`{"removed": name}`."""
    from localstory.app import open_app
    from localstory.engines.packs import BUILTIN
    from localstory.errors import BadRequest

    if name == BUILTIN:
        raise BadRequest(title=mark("The portable build always stays"), detail=mark("It is what runs where no pack can."))
    with open_app() as app:
        app.remove_pack(name)
    screen.say(_("Removed: {pack}. What ran on it runs on the portable build again.").format(pack=name))
    return {"removed": name}


def _use(name: str, model: str, screen: Screen) -> dict[str, Any]:
    """`{"pack": name, "model": path or null}`."""
    from localstory.app import open_app
    from localstory.models.library import resolve_text_model

    with open_app() as app:
        chosen = resolve_text_model(model, app.home) if model else None
        app.use_pack(name, chosen.path if chosen is not None else None)
    if chosen is not None:
        screen.say(_("{model} runs on: {pack}").format(model=chosen.title, pack=name))
    else:
        screen.say(_("Models without a choice of their own run on: {pack}").format(pack=name))
    return {"pack": name, "model": str(chosen.path) if chosen is not None else None}
