"""`localstory engines`: what can write, draw, speak and film here, and on what it runs."""

from __future__ import annotations

import argparse
import asyncio
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from localstory import __version__
from localstory.cli.screen import Screen
from localstory.errors import CannotContinue
from localstory.keys import VARIABLE
from localstory.words import _, mark, number, size

if TYPE_CHECKING:
    from localstory.engines.text.endpoint import ServerModel

SUMMARY = mark("list the engines that are installed and what they run on")


def arguments(_parser: argparse.ArgumentParser) -> None:
    """None of its own."""


def run(_options: argparse.Namespace, screen: Screen) -> dict[str, Any]:
    """`{"engines": [{kind, name, version, installed, runs_on, devices, models, problem}], "servers": [{kind, title, url, version,
    needs_key, models[{name, title, loaded, context_length, max_context_length, quantisation, size_bytes, remote}], cannot{what: why}}]}`;
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
            "cannot": {what: _(server.capabilities.why_not(what)) for what in _FEATURES if server.capabilities.why_not(what)},
        }
        for server in found
    ]  # fmt: skip


_FEATURES = ("json_schema", "grammar", "logprobs", "seed", "prefill", "continue_last", "thinking", "load", "unload", "token_count")


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
        memory = device["memory_total_bytes"]
        lines.append(_("runs on: {device}").format(device=device["description"] + (f", {size(memory)}" if memory else "")))
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
        devices = [
            {"name": device.name, "description": device.description, "kind": device.kind, "memory_total_bytes": device.memory_total_bytes}
            for device in engine.devices
        ]
        row["runs_on"] = ", ".join(device.description for device in engine.devices)
    return row | {"devices": devices, "problem": problem or None}


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
