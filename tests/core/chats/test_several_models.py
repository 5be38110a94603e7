"""Several real models of the built-in engine: never two children of the engine at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from localstory.app import open_app
from localstory.chats.several import Contender
from localstory.chats.tree import ChatId
from localstory.engines.base import TextEngine
from localstory.models.library import TextModel, starter_text_model
from tests.conftest import worker_processes


def engine_children() -> int:
    return sum("text" in process.cmdline() for process in worker_processes() if process.is_running())


def test_two_real_models_answer_and_only_one_child_is_alive_at_any_moment(home: Path, gemma3: Path) -> None:
    starter = starter_text_model()
    assert starter is not None
    base = replace(starter, path=gemma3, title="Gemma 3 270M", architecture="gemma3")
    seen: list[int] = []
    with open_app(home) as app:

        def contender(model: TextModel) -> Contender:
            async def open_engine() -> TextEngine:
                return app.text_engine(model)

            return Contender("", "", str(model.path), model.title, open_engine)

        async def work() -> ChatId:
            await app.open_data()
            chat_id, _question = await app.chats.say(None, "Once upon a time there was a fox. 🐉")
            await app.chats.change(chat_id, parameters={"max_tokens": 12, "temperature": 0.0})
            await app.chats.reply(chat_id, app.text_engine(starter))
            assert await asyncio.to_thread(engine_children) == 1
            over = asyncio.Event()

            async def watch() -> None:
                while not over.is_set():
                    seen.append(await asyncio.to_thread(engine_children))
                    await asyncio.sleep(0.01)

            watching = asyncio.create_task(watch())
            await app.several.ask(chat_id, [contender(base), contender(starter)])
            over.set()
            await watching
            return chat_id

        chat_id = app.runtime.run(work())
        assert max(seen) == 1 and len(seen) > 10
        assert engine_children() == 0  # neither was loaded for the round's sake alone
        tree = app.chats.tree(chat_id)
        answers = [message for message in tree.messages.values() if message.role == "assistant"]
        assert [(one.model, one.made_of["file"], one.state) for one in answers] == [
            (starter.title, starter.path.name, "finished"),
            ("Gemma 3 270M", gemma3.name, "finished"),
            (starter.title, starter.path.name, "finished"),
        ]
        assert answers[0].text == answers[2].text  # greedy, and loaded anew in between
        (vote,) = app.several.votes(chat_id)
        app.runtime.run(app.several.give(vote.id, answers[1].id))
        second, first = app.several.leaderboard()  # too few votes for places: the one with more replies first
        assert (first.who.model, first.who.file, first.wins, second.losses) == ("Gemma 3 270M", gemma3.name, 1, 1)
        assert all(line.tokens_per_second and line.first_token_s and line.memory_bytes for line in (first, second))
        assert first.memory_bytes and first.memory_bytes > base.path.stat().st_size
        assert second.memory_bytes and starter.size_bytes < second.memory_bytes < first.memory_bytes
        assert second.replies == 2
