"""What you see as sent is on disk: twenty kills (-9) at random moments lose no acknowledged message."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from localstory.chats import Chats
from localstory.chats.service import FLUSH_SECONDS
from localstory.chats.tree import ChatId
from localstory.db import Database
from localstory.events import Hub

KILLS = 20
WRITER = """
import asyncio, itertools, sys
from pathlib import Path
from localstory.chats import Chats
from localstory.chats.service import Wrote
from localstory.db import Database
from localstory.engines.text.fake import FakeTextEngine
from localstory.events import Hub

def tell(*words):
    print(*words, flush=True)

async def main(path):
    hub = Hub()
    chats = Chats(Database(Path(path)), hub)
    hub.listen(lambda event: tell("wrote", event.message_id, event.at + len(event.text)) if isinstance(event, Wrote) else None)
    await chats.open()
    tell("open")
    for turn in itertools.count():
        chat_id, message_id = await chats.say(None, f"Câu hỏi {turn} 🐉")
        tell("said", chat_id, message_id, turn)
        reply = await chats.reply(chat_id, FakeTextEngine("chữ " * 40, seconds_per_token=0.002))
        tell("replied", reply)
        again = await chats.regenerate(reply, FakeTextEngine("khác " * 10))
        tell("replied", again)
        await chats.keep_draft(chat_id, f"nháp {turn}")
        tell("draft", chat_id, turn)

asyncio.run(main(sys.argv[1]))
"""


@pytest.mark.slow
def test_twenty_kills_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "chats của Mai 🐉.db"
    chance = random.Random(20261122)
    said: dict[tuple[int, int], str] = {}
    replied: set[int] = set()
    drafts: dict[int, str] = {}
    streamed: dict[int, list[tuple[float, int]]] = {}
    for kill in range(KILLS):
        process = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUTF8": "1"})
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "open"
        end = time.monotonic() + chance.uniform(0.0, 0.9)
        killed = False
        for line in process.stdout:
            what, *values = line.split()
            if what == "said":
                said[int(values[0]), int(values[1])] = f"Câu hỏi {values[2]} 🐉"
            elif what == "replied":
                replied.add(int(values[0]))
            elif what == "draft":
                drafts[int(values[0])] = f"nháp {values[1]}"
            elif what == "wrote":
                streamed.setdefault(int(values[0]), []).append((time.monotonic(), int(values[1])))
            if not killed and time.monotonic() >= end:
                process.send_signal(signal.SIGKILL)
                killed = True
        process.wait()
        process.stdout.close()
        assert killed, kill
        chats = Chats(Database(path), Hub())
        asyncio.run(chats.open())
        messages = {message.id: message for chat in chats.all() for message in chats.tree(chat.id).messages.values()}
        for (chat_id, message_id), text in said.items():
            assert messages[message_id].text == text  # type: ignore[index]
            assert messages[message_id].chat_id == chat_id  # type: ignore[index]
        assert all(messages[number].state == "finished" for number in replied)  # type: ignore[index]
        assert all(message.state != "streaming" for message in messages.values())
        for chat_id, draft in drafts.items():
            chat = chats.get(ChatId(chat_id))
            assert chat is not None
            assert chat.draft == draft
        for number, heard in streamed.items():
            # All but what came in the last half second before the kill (and a little for this machine's other work).
            old = [at for when, at in heard if when < heard[-1][0] - FLUSH_SECONDS - 0.3]
            assert len(messages[number].text) >= max(old, default=0)  # type: ignore[index]
        streamed.clear()
        assert chats._database.read(lambda connection: connection.execute("PRAGMA integrity_check").fetchone()) == ("ok",)
        assert chats._database.read(lambda connection: connection.execute("PRAGMA foreign_key_check").fetchall()) == []
        asyncio.run(chats.close())
    assert len(said) > KILLS
