"""localstory without its window: language models on your own computer, and stories told with them.

    import localstory

    with localstory.open_model() as model:
        print(model.ask("Name three rivers.").text)

The names below are for scripts and stay. They are imported when they are first used: `import localstory` itself costs nothing.
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from localstory.app import App as App
    from localstory.app import open_app as open_app
    from localstory.engines.base import Message as Message
    from localstory.engines.base import Reply as Reply
    from localstory.engines.base import Sampling as Sampling
    from localstory.engines.base import TextRequest as TextRequest
    from localstory.engines.base import Tool as Tool
    from localstory.errors import CannotContinue as CannotContinue
    from localstory.scripting import Model as Model
    from localstory.scripting import open_model as open_model

_PUBLIC = {
    "App": "app", "open_app": "app", "Model": "scripting", "open_model": "scripting", "CannotContinue": "errors",
    "Message": "engines.base", "Reply": "engines.base", "Sampling": "engines.base", "TextRequest": "engines.base", "Tool": "engines.base",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'localstory' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"localstory.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
