"""A native library from another folder: the start of a child that takes `llama_cpp` from an engine pack.

Only the named package comes from there. The folder is not put on `sys.path`, where whatever else lies in it would stand
before the program's own libraries; and in a frozen program the packed copy would win over `sys.path`, but not over this.
"""

from __future__ import annotations

import importlib.machinery
import re
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path
from types import ModuleType
from typing import Any

PACKAGE = "llama_cpp"
_DISTRIBUTION = "llama-cpp-python"
_VERSION = re.compile(r"""^__version__\s*=\s*["']([0-9][0-9A-Za-z.+-]{0,40})["']""", re.MULTILINE)


def package_version(folder: Path) -> str:
    """The version that the package in `folder` says of itself, read without running it; "" when it says none or isn't there."""
    try:
        found = _VERSION.search((folder / PACKAGE / "__init__.py").read_text("utf-8", "replace"))
    except OSError:
        return ""
    return found[1] if found else ""


def take_from(folder: Path) -> None:
    """From now on `import llama_cpp` means the one in `folder`, and `importlib.metadata` tells its version. Call it first."""
    sys.meta_path.insert(0, _Finder(folder))


class _Finder(DistributionFinder):
    """Answers for the package and its modules, and for nothing else."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> importlib.machinery.ModuleSpec | None:
        if name == PACKAGE:
            spec = importlib.machinery.PathFinder.find_spec(name, [str(self._folder)], target)
            if spec is None or spec.origin is None:
                raise ModuleNotFoundError(f"no {PACKAGE} in {self._folder}", name=name)  # never another one instead
            return spec
        if name.startswith(f"{PACKAGE}."):
            return importlib.machinery.PathFinder.find_spec(name, path, target)
        return None

    def find_distributions(self, context: DistributionFinder.Context = DistributionFinder.Context()) -> Iterable[Distribution]:  # noqa: B008 - as the base class has it
        if context.name is None or re.sub(r"[-_.]+", "-", context.name).lower() == _DISTRIBUTION:
            yield _Told(package_version(self._folder))


class _Told(Distribution):
    """The least a distribution must tell: its name and version."""

    def __init__(self, version: str) -> None:
        self._version = version

    def read_text(self, filename: str) -> str | None:
        return f"Metadata-Version: 2.1\nName: {_DISTRIBUTION}\nVersion: {self._version}\n" if filename == "METADATA" else None

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError(path)
