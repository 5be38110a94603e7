"""Builds every service once and closes them in reverse: what the window and the command line share."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from localstory import models, words
from localstory.chats import Chats
from localstory.chats.exchange import Exchange
from localstory.chats.organise import Organiser
from localstory.chats.search import ChatSearch
from localstory.chats.several import Several, only
from localstory.chats.titles import Titles
from localstory.db import Database
from localstory.db.safety import Safety
from localstory.engines.base import TextEngine
from localstory.engines.packs import BUILTIN, chosen_pack, open_pack
from localstory.engines.registry import kv_home, open_server_engine, open_text_engine
from localstory.engines.text.load_settings import SETTINGS, EngineSettings, from_line, kept_line
from localstory.engines.text.load_settings import read_settings as read_settings_of
from localstory.errors import CannotContinue
from localstory.events import Hub
from localstory.fit.build import PORTABLE, EngineBuild
from localstory.fit.records import Measurement, Records, model_key, settings_key
from localstory.gguf.header import BadGguf, Header
from localstory.hardware.machine import Machine
from localstory.keys import key_for
from localstory.models.library import TextModel
from localstory.models.servers import Servers, named_address
from localstory.net import Net
from localstory.paths import Home, HomeLock, open_home
from localstory.runtime import Job, Runtime
from localstory.settings import Settings, read_settings, write_settings

if TYPE_CHECKING:
    from localstory.engines.text.endpoint import ServerModel
    from localstory.engines.text.llama_cpp import Measured
    from localstory.fit.estimate import Placement
    from localstory.models.fitting import Fitting
    from localstory.models.recommend import Candidate

# What looks at the machine and works out fits is imported where it is used: the window is up 0.2 s sooner.

log = logging.getLogger(__name__)


async def machine_now(home: Home, *, again: bool = False, measure: bool = True) -> Machine:
    """As `engines.text.devices.machine_now`."""
    from localstory.engines.text import devices

    return await devices.machine_now(home, again=again, measure=measure)


class App:
    """The program without its window. Make it with `open_app`, use it as a context manager."""

    def __init__(self, home: Home, lock: HomeLock | None) -> None:
        self.home = home
        self.hub = Hub()
        self.runtime = Runtime()
        self.settings: Settings = read_settings(home.settings_file)
        self._lock = lock
        self._closed = False
        self._database = Database(home.database, salvages=True)
        self.chats = Chats(self._database, self.hub)
        """`await open_data()` first; it needs the right to write (`open_app(writes=True)`)."""
        self.search = ChatSearch(self._database)
        self.hub.listen(self.search.heard)
        self.organiser = Organiser(self._database, self.hub, self.chats.stop, home.root / "trash_days.json")
        self.safety = Safety(self._database, self.hub, is_busy=lambda: bool(self.runtime.jobs), is_writing=self._is_any_written)
        """Copies of the chats by day, and what to warn of."""
        self.organiser.before_purge = self.safety.back_up_if_due
        self.chats.when_made = self.organiser.use_memory
        self.exchange = Exchange(self._database, self.hub)
        """Chats out into a file, and back."""
        self.exchange.before_import = self.safety.back_up_if_due
        self.titles = Titles(self._database, self.hub, self.chats, lambda: self.settings.automatic_titles)
        self._text_engines: dict[Path, TextEngine] = {}
        self.records = Records(self._database, home.inbox)
        """What loads and replies took on this machine."""
        self.several = Several(self._database, self.hub, self.chats, lambda kept: only(list(self._text_engines.values()), kept), self.records.all)
        self.net = Net(offline=lambda: self.settings.offline)
        self.servers = Servers(self.net, lambda: self.settings, self.hub)
        self._server_engines: dict[tuple[str, str, str], tuple[str, TextEngine]] = {}
        self._machine: Machine | None = None
        self._asked_settings: dict[Path, dict[str, str]] = {}

    @cached_property
    def fitting(self) -> Fitting:
        """The fit check of models that are not here."""
        from localstory.models.fitting import Fitting

        return Fitting(self.home, self.net)

    def change_settings(self, settings: Settings) -> None:
        """Keep new settings, on disk first."""
        write_settings(self.home.settings_file, settings)
        self.settings = settings

    def text_models(self) -> list[TextModel]:
        """Every language model on this computer that we know of."""
        return models.library.text_models(self.home)

    def text_engine(self, model: TextModel, settings: Mapping[str, str] | None = None) -> TextEngine:
        """The engine for a model; the same one as long as the app is open. It loads itself at the first need.

        `settings` go over those kept for the model as long as the app is open (see `load_settings.SETTINGS`). Raises BadRequest.
        """
        if settings:
            read_settings_of(settings)
            self._asked_settings[model.path] = dict(settings)
        if self._machine is None:
            # What is learnt from a reply is what we would have said beside it; nothing is measured for that.
            self.runtime.start("", self._look_around)
        if model.path not in self._text_engines:
            self._text_engines[model.path] = open_text_engine(
                model.path,
                title=model.title,
                on_measured=self.keep_measured,
                pack=lambda: chosen_pack(self.home.engines, self.settings, model.path),
                kept=kv_home(self.home.kv, self.settings.branch_memory_mb, self.settings.branch_disk_mb),
                choose=lambda header: self.load_settings(header, model.path),
                place=lambda header, chosen: self._place(header, chosen, model.path),
            )
        return self._text_engines[model.path]

    # -- how a model is loaded ------------------------------------------------------------------------------------------

    def kept_settings(self, header: Header) -> dict[str, str]:
        """What the person chose for this model (all files of its shape and quantisation): name -> value, see `load_settings.SETTINGS`."""
        return from_line(self.settings.model_settings.get(model_key(header), ""))

    def keep_settings(self, header: Header, given: Mapping[str, str], *, reset: bool = False) -> dict[str, str]:
        """Keep these for the model from its next reply on, `reset`: and forget all others; returns what is kept. Raises BadRequest.

        An empty value forgets that setting.
        """
        whole = ({} if reset else self.kept_settings(header)) | dict(given)
        kept = {name: value.strip() for name, value in whole.items() if value.strip() or name not in SETTINGS}
        read_settings_of(kept)
        lines = {key: line for key, line in self.settings.model_settings.items() if key != model_key(header)}
        self.change_settings(replace(self.settings, model_settings=lines | ({model_key(header): kept_line(kept)} if kept else {})))
        return kept

    def load_settings(self, header: Header, path: Path | None = None) -> EngineSettings:
        """How this model is loaded now: our defaults, what is kept for it, what was asked for with `text_engine`. Raises BadRequest."""
        asked = self._asked_settings.get(path, {}) if path is not None else {}
        return read_settings_of(self.kept_settings(header) | asked)

    async def _place(self, header: Header, chosen: EngineSettings, path: Path) -> Placement:
        """Where the layers go: the fit check's plan for the build of the engine that will run them. The portable build has no devices."""
        from localstory.fit.budget import budget_of
        from localstory.fit.context_params import context_params
        from localstory.fit.estimate import ON_PROCESSOR, formula_need
        from localstory.fit.place import best_placement
        from localstory.fit.shape import shape_of

        try:
            build = self.engine_build(path)
            if build == PORTABLE:
                return ON_PROCESSOR
            shape = shape_of(header)
        except CannotContinue as trouble:  # the portable build will run it, or its shape can't be read
            log.info("on the processor: %s", trouble)
            return ON_PROCESSOR
        if self._machine is None:
            self._machine = await machine_now(self.home, measure=False)
        machine = build.on(self._machine)
        features = build.features(machine.cpu.features)
        params = context_params(shape, chosen.load)
        return best_placement(shape, budget_of(machine), lambda one: formula_need(header, shape, params, one, features=features), gpu_layers=chosen.gpu_layers)

    def saved_states(self) -> tuple[int, int]:
        """How many branches of chats are saved for faster answers, and their bytes on the disk."""
        taken: tuple[int, int] = kv_home(self.home.kv).taken()
        return taken

    def forget_saved_states(self) -> int:
        """Delete them; returns how many went. No chat is lost: the next answer in each takes longer to begin.

        A model that is loaded still holds its last chats in memory, and saves them again when it closes.
        """
        return int(kv_home(self.home.kv).forget())

    # -- engine packs ---------------------------------------------------------------------------------------------------

    def use_pack(self, name: str, model: Path | None = None) -> None:
        """Run `model`, or all models without a choice of their own, on this engine pack from the next reply on; "builtin" is the
        portable build. Raises NoSuchPack, PackRefused."""
        if name != BUILTIN:
            open_pack(self.home.engines, name)
        if model is None:
            self.change_settings(replace(self.settings, engine_pack="" if name == BUILTIN else name))
        else:
            self.change_settings(replace(self.settings, engine_packs=self.settings.engine_packs | {str(model.absolute()): name}))

    def engine_build(self, model: Path | None) -> EngineBuild:
        """What the fit check speaks for: the build that will run the model in this file, or any that is not here yet.
        Raises NoSuchPack, PackRefused: then the portable build will."""
        pack = chosen_pack(self.home.engines, self.settings, model)
        return EngineBuild(pack.name, pack.folder, pack.system_info) if pack is not None else PORTABLE

    def build_for(self, candidate: Candidate) -> EngineBuild:
        """What the fit check speaks for: the build that will run this file; the portable one where the chosen pack can't."""
        try:
            return self.engine_build(Path(candidate.source) if candidate.on_disk else None)
        except CannotContinue:
            return PORTABLE

    def _build(self, name: str) -> EngineBuild:
        """The build of this name, if it is still here."""
        try:
            pack = open_pack(self.home.engines, name) if name else None
        except CannotContinue:
            return EngineBuild(name)
        return EngineBuild(pack.name, pack.folder, pack.system_info) if pack is not None else PORTABLE

    def remove_pack(self, name: str) -> None:
        """Take an engine pack away; what ran on it runs on the portable build again. Raises NoSuchPack, FileTrouble."""
        from localstory.engines.pack_shelf import remove_pack

        remove_pack(self.home.engines, name)
        kept = {path: pack for path, pack in self.settings.engine_packs.items() if pack != name}
        default = "" if self.settings.engine_pack == name else self.settings.engine_pack
        if (default, kept) != (self.settings.engine_pack, self.settings.engine_packs):
            self.change_settings(replace(self.settings, engine_pack=default, engine_packs=kept))

    async def server_engine(self, kind: str, url: str, model: str) -> TextEngine:
        """A model of a server (`kind` as in `registry.SERVERS`); the same engine while its key is. Nothing is asked of the server yet.

        The key comes from the keyring, which may ask the person to unlock it.
        """
        server = self.servers.at(url)
        named = url in self.settings.servers or (server is not None and server.is_named)
        key = await asyncio.to_thread(key_for, url, named=named)
        known = self._server_engines.get((kind, url, model))
        if known is None or known[0] != key:
            window = await self.server_window(kind, url, server.model(model) if server is not None else None, server.models if server is not None else ())
            known = key, open_server_engine(kind, url, model, key=key, context_length=window, net=self.net)
            self._server_engines[kind, url, model] = known
        return known[1]

    async def engine_of_server(self, name: str, model: str = "") -> TextEngine:
        """One of the models of a server that a person named ("ollama", or an address); without `model` the one that the server has loaded,
        or its own choice. Raises BadAddress, BadRequest, NetTrouble."""
        discovery = await asyncio.to_thread(import_module, "localstory.engines.text.discovery")
        url = named_address(name)
        key = await asyncio.to_thread(key_for, url)
        found = await discovery.identify(self.net, url, key)
        window = None
        if found.kind == "ollama":
            own = [one for one in found.models if not one.remote]
            chosen = next((one for one in found.models if one.name in (model, f"{model}:latest")), None) if model else None
            if not model:
                chosen = next((one for one in own if one.loaded), next(iter(own), None))
                model = chosen.name if chosen is not None else ""
            window = await self.server_window(found.kind, found.url, chosen, found.models)
        # A path that a person typed ("/v1", "/openai/api") is kept for servers that speak OpenAI's interface.
        return open_server_engine(found.kind, url if found.kind == "openai" else found.url, model, key=key, context_length=window, net=self.net)

    async def server_window(self, kind: str, url: str, model: ServerModel | None, models: tuple[ServerModel, ...] = ()) -> int | None:
        """The context length to ask of a server for one of its `models`, from our own fit check where it can tell; None leaves it to the
        server. Reads the file that it would load, asks nothing of it."""
        from localstory.models.engine_view import window_at

        if kind == "ollama" and self._machine is None:
            self._machine = await machine_now(self.home, measure=False)
        return await window_at(kind, url, model, self._machine, self.home, models)

    # -- the machine, and what was measured on it -----------------------------------------------------------------------

    async def machine(self, *, again: bool = False) -> Machine:
        """This computer with the speed of its memory, measured once (about a second) and kept for a month.

        What is free is looked up at every call; `again` measures anew. Quick after the first time: some 0.1 s.
        """
        self._machine = await machine_now(self.home, again=again)
        return self._machine

    async def _look_around(self, _job: Job[None]) -> None:
        if self._machine is None:
            self._machine = await machine_now(self.home, measure=False)

    def _is_any_written(self) -> bool:
        return any(self.chats.is_writing(chat.id) for chat in self.chats.all())

    async def open_data(self) -> None:
        """Open the database and take in what other processes measured. Raises DatabaseTrouble."""
        await self.chats.open()
        self.search.begin_filling()
        self.safety.begin()
        if self.chats.read_only_because is None:
            await self.organiser.purge()
        try:
            await asyncio.to_thread(self.records.take_in)
        except (CannotContinue, OSError) as trouble:
            log.warning("measurements were not taken in: %s", trouble)

    def keep_measured(self, seen: Measured) -> None:
        """A load or reply has ended: keep what it took, beside what we would have said."""
        from localstory.fit.budget import budget_of
        from localstory.fit.check import cards_of
        from localstory.fit.estimate import formula_need
        from localstory.fit.shape import shape_of
        from localstory.fit.speed import speed

        try:
            key, figures = model_key(seen.header), dict(seen.figures)
            build = self._build(seen.placement.engine)
            if seen.kind == "reply" and self._machine is not None:
                shape, machine = shape_of(seen.header), build.on(self._machine)
                cards = cards_of(seen.placement, budget_of(machine))
                told = speed(seen.header, shape, seen.params, seen.placement, machine, cards, tokens_in_cache=int(figures["tokens_in_cache"]))
                if told.confidence != "guessed":  # a correction of a guess would be taken for one of a figure
                    figures["predicted_tps"] = told.middle_tps
            if seen.kind == "load":
                features = build.features(self._machine.cpu.features) if self._machine is not None else None
                need = formula_need(seen.header, shape_of(seen.header), seen.params, seen.placement, features=features)
                # Without the engine's own overhead: its log, which the measured figures are read from, doesn't tell it.
                figures["predicted_bytes"] = need.total_bytes - need.overhead_bytes
            self.records.add(Measurement(seen.kind, key, seen.title, settings_key(seen.params, seen.placement), figures))
        except BadGguf as trouble:
            log.info("nothing is learnt from this model: %s", trouble)

    def close(self) -> None:
        """End the children, the jobs and the loop, give the lock back. Closing twice is harmless."""
        if self._closed:
            return
        self._closed = True
        # Chats first: a reply that is being written keeps its words only while the database is open.
        self.runtime.run(self.search.end_filling())
        self.runtime.run(self.safety.end())
        self.runtime.run(self.titles.make_way())
        self.runtime.run(self.chats.close())
        for engine in self._text_engines.values():
            self.runtime.run(engine.close())
        self._text_engines.clear()
        for _key, server in self._server_engines.values():
            self.runtime.run(server.close())
        self._server_engines.clear()
        if "fitting" in self.__dict__:
            self.runtime.run(self.fitting.close())
        self.runtime.close()
        self.net.close()
        if self._lock is not None:
            self._lock.__exit__()
            self._lock = None

    def __enter__(self) -> App:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.close()


def open_app(root: Path | None = None, *, writes: bool = True) -> App:
    """Open the home folder and everything in it. `writes` takes the lock: raises HomeInUse when another has it.

    Commands that change nothing in the home (`probe`, `ask`) open with `writes=False` beside an open window.
    """
    home = open_home(root)
    lock = HomeLock(home).__enter__() if writes else None
    try:
        app = App(home, lock)
    except BaseException:
        if lock is not None:
            lock.__exit__()
        raise
    words.use_language(app.settings.language)
    return app
