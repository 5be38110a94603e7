"""What a wheel needs beside the sources: the compiled words (.po is kept in git, .mo is not) and the list of models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WordsHook(BuildHookInterface):  # type: ignore[type-arg,misc,unused-ignore]
    """Called by hatchling before it builds a wheel."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        for source in sorted(Path(self.root, "localstory", "locale").glob("*/LC_MESSAGES/*.po")):
            with open(source, "rb") as file:
                catalogue = read_po(file)
            with open(source.with_suffix(".mo"), "wb") as file:
                write_mo(file, catalogue)
        # Git ignores them, so hatchling would leave them out.
        build_data["artifacts"].append("localstory/locale/**/*.mo")
        if version != "editable":
            # An editable install reads the one at the top of the sources (paths.shipped_models_file).
            build_data["force_include"][str(Path(self.root, "models.toml"))] = "localstory/models.toml"
