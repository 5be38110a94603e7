"""Pictures of the real window: `python -m tests.bench.screenshots OUTDIR`. Look at them.

The conversation in them is scripted (model "Fake") to show every kind of text. With `--starter FILE` one picture is made
instead, of a conversation that the starter model really wrote.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtGui import QCursor
from PySide6.QtWidgets import QApplication, QDialog

from localstory.app import App, open_app
from localstory.chats import Chats
from localstory.chats.organise import Organiser
from localstory.chats.tree import ChatId
from localstory.db import Database
from localstory.engines.base import PromptTooLong
from localstory.engines.text.fake import FakeTextEngine
from localstory.errors import CannotContinue
from localstory.events import Hub
from localstory.paths import open_home
from localstory.settings import Settings, write_settings
from ui.pages.chat.page import ChatPage

QUESTION = "My daughter wants a bedtime story about a fox who is afraid of the dark. How do I begin?"
ANSWER = """Begin *small*, with one thing she can see. A fox, a hill, an evening that comes a little too early.

## Three ways in

1. **In the middle.** "The lantern had gone out, and Minh the fox did not know which way was home."
2. **With a sound.** Let the night speak before anybody else does.
3. **With a question** she can answer: *What do you think lives in the dark?*

| Opening | Good for | Length |
|---|---|---|
| In the middle | listeners of six and older | short |
| With a sound | falling asleep | long |

> Keep the dark friendly by the third page.

If you like, keep the beats in a small list, so that you can tell it again tomorrow:

```python
beats = ["dusk", "the lantern goes out", "a firefly", "home"]
for number, beat in enumerate(beats, 1):
    print(f"{number}. {beat}")
```
"""
SECOND = "Lovely. And a first sentence with a firefly?"
SECOND_ANSWER = (
    "At the edge of the hill, where the grass was already blue, a firefly blinked once, as if it had forgotten something and only now remembered the fox."
)


async def fill(root: Path) -> None:
    """A home with a few chats."""
    home = open_home(root)
    database, hub = Database(home.database), Hub()
    chats = Chats(database, hub)
    await chats.open()
    for title in ("A packing list for the mountains", "Names for a small boat", "Thư gửi bà nội", "What the moon is made of", "Bánh xèo for eight people"):
        chat_id, _message = await chats.say(None, title)
        await chats.reply(chat_id, FakeTextEngine("Yes."))
    engine = FakeTextEngine(["An older try.", ANSWER, SECOND_ANSWER], seconds_per_token=0.002)
    chat_id, _message = await chats.say(None, QUESTION)
    first = await chats.reply(chat_id, engine)
    await chats.regenerate(first, engine)
    await chats.say(chat_id, SECOND)
    await chats.reply(chat_id, engine)
    await organise(chats, Organiser(database, hub, chats.stop), chat_id)
    chat_id, _message = await chats.say(None, "A very long letter that does not fit")
    with contextlib.suppress(CannotContinue):
        await chats.reply(chat_id, FakeTextEngine([PromptTooLong(9132, 8192)]))
    await chats.close()


async def organise(chats: Chats, organiser: Organiser, story: ChatId) -> None:
    """Folders, tags, a pinned chat, one in the trash, and branches of the story with names and marks."""
    by_title = {chat.title: chat.id for chat in chats.all()}
    night = await organiser.add_folder("Truyện đêm khuya")
    await organiser.add_folder("Kitchen")
    await organiser.add_folder("Foxes", night)
    await organiser.move([story, by_title["Thư gửi bà nội"]], night)
    await organiser.pin([by_title["Names for a small boat"]], True)
    await organiser.tag([by_title["What the moon is made of"], story], "đêm")
    path = chats.tree(story).path(next(chat.tip_id for chat in chats.all() if chat.id == story))
    await organiser.name_branch(chats.tree(story).children(path[0].id)[0], "Bản đầu tiên")
    await organiser.mark(path[-1].id, "good")
    await organiser.edit(path[-1].id, SECOND_ANSWER.replace("a firefly blinked once", "two fireflies blinked, one after the other"))
    await organiser.delete([by_title["A packing list for the mountains"]])


def wait(application: QApplication, until: Callable[[], bool], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        application.processEvents()
        time.sleep(0.005)
    for _turn in range(20):
        application.processEvents()
        time.sleep(0.01)


def main(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    application = QApplication(sys.argv[:1])
    QCursor.setPos(2000, 2000)
    from ui.app import Window

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "home"
        asyncio.run(fill(root))
        for language, theme in (("en", "light"), ("en", "dark"), ("vi", "light"), ("vi", "dark"), ("en", "contrast")):
            write_settings(root / "settings.toml", Settings(language=language, theme=theme, level="developer" if theme == "dark" else "user"))
            app = open_app(root)
            window = Window(application, app)
            main_window = window.window
            for width, height in ((1024, 640), (1440, 900)):
                main_window.resize(width, height)
                window.show()
                wait(application, lambda app=app: app.chats.is_open)  # type: ignore[misc]
                wait(application, lambda app=app: not app.runtime.jobs)  # type: ignore[misc]
                for room in ("home", "chat", "trouble", "story", "models", "machine", "settings"):
                    chat = main_window.pages["chat"]
                    assert isinstance(chat, ChatPage)
                    if room in ("chat", "trouble"):
                        main_window.frame.fold(1, width < 1200)
                        main_window.go("chat", app.chats.all()[0 if room == "trouble" else 1].id)
                        chat.view.verticalScrollBar().setValue(0)
                    else:
                        main_window.go(room)
                    wait(application, lambda app=app: not app.runtime.jobs)  # type: ignore[misc]
                    if (language, theme, width) != ("en", "light", 1440) and room in ("story", "models", "machine", "trouble"):
                        continue
                    main_window.grab().save(str(out / f"{room}-{language}-{theme}-{width}.png"))
                    if room == "chat" and width >= 1200:
                        parts_of_the_chat(application, app, chat, out, f"{language}-{theme}")
                        chat.account.open()
                        assert chat.account.dialog is not None
                        chat.account.dialog.tabs.setCurrentIndex(1)
                        chat.account.dialog.grab().save(str(out / f"context-{language}-{theme}.png"))
                        chat.account.dialog.reject()
            window.close()
            application.processEvents()


def parts_of_the_chat(application: QApplication, app: App, chat: ChatPage, out: Path, name: str) -> None:
    """The list with open folders, the search, the branches, two of them side by side, and the trash."""
    window, part = chat.place.window(), chat.list
    part._change(open_folders=frozenset(folder.id for folder in app.organiser.folders()))
    wait(application, lambda: not app.runtime.jobs)
    window.grab().save(str(out / f"list-{name}.png"))
    part.pane.search.setText("fox hill" if name.startswith("en") else "doi")
    wait(application, lambda: part.pane.stack.currentWidget() is part.pane.hits)
    part.pane.hits.opened.emit(len(part.pane.hits.hits.lines) - 1)
    wait(application, lambda: not app.runtime.jobs)
    window.grab().save(str(out / f"search-{name}.png"))
    part.pane.search.clear()
    chat.panel.branches.compare_current()
    wait(application, lambda: not app.runtime.jobs)
    for title, open_it in (("compare", None), ("trash", part.acts.trash), ("tags", part.acts.tags)):
        if open_it is not None:
            open_it()
        wait(application, lambda: not app.runtime.jobs)
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QDialog):
            dialog.grab().save(str(out / f"{title}-{name}.png"))
            dialog.reject()
            wait(application, lambda: not app.runtime.jobs)


def with_starter(file: Path, seed: int) -> None:
    """One picture of a chat that SmolLM2 really wrote: for the README."""
    application = QApplication(sys.argv[:1])
    QCursor.setPos(2000, 2000)
    from ui.app import Window

    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "home"
        write_settings(open_home(root).settings_file, Settings(language="en", theme="light"))
        app = open_app(root)
        window = Window(application, app)
        window.window.resize(1280, 800)
        window.show()
        wait(application, lambda: app.chats.is_open and not app.runtime.jobs)
        chat = window.window.pages["chat"]
        assert isinstance(chat, ChatPage)
        for conversation in STARTER_QUESTIONS:
            window.window.go("chat", "new")
            chat._change_chat({"parameters": {"seed": seed, "max_tokens": 200}})
            wait(application, lambda: not app.runtime.jobs)
            for number, question in enumerate(conversation, 1):
                chat.box.input.setPlainText(question)
                chat.send()
                wait(application, lambda number=number: answered(chat) == number, 240)  # type: ignore[misc]
        window.window.frame.fold(1, False)
        wait(application, lambda: not app.runtime.jobs)
        chat.view.scroll_to_end()
        wait(application, lambda: not app.runtime.jobs)
        window.window.grab().save(str(file))
        window.close()


def answered(chat: ChatPage) -> int:
    """How many finished replies stand in the chat on the screen."""
    if chat.chat_id is None or chat.desk.app.runtime.jobs:
        return 0
    tree = chat.desk.app.chats.tree(ChatId(chat.chat_id))
    return sum(message.role == "assistant" and message.state == "finished" for message in tree.messages.values())


STARTER_QUESTIONS = (
    ("Names for a small boat",),
    ("What is the moon made of?",),
    ("Write a short story about a fox who finds a lantern in the forest.", "What is a good title for it?"),
)


if __name__ == "__main__":
    if sys.argv[1] == "--starter":
        with_starter(Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 7)
    else:
        main(Path(sys.argv[1]))
