"""Which system libraries the program needs on Linux, and by what names Debian and Ubuntu know them.

Standard library only: `packaging/dev.py` reads this before anything is installed. The list was found by installing one
missing library at a time into an empty Debian 12.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

ENGINE_LIBRARIES = {"libgomp.so.1": "libgomp1", "libstdc++.so.6": "libstdc++6"}
"""What the engines load -> Debian's package."""
WINDOW_LIBRARIES = {
    "libglib-2.0.so.0": "libglib2.0-0", "libGL.so.1": "libgl1", "libEGL.so.1": "libegl1", "libfontconfig.so.1": "libfontconfig1",
    "libxkbcommon.so.0": "libxkbcommon0", "libdbus-1.so.3": "libdbus-1-3", "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libxcb-cursor.so.0": "libxcb-cursor0", "libxcb-icccm.so.4": "libxcb-icccm4", "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-shape.so.0": "libxcb-shape0",
}  # fmt: skip
SOUND_LIBRARIES = {"libpulse.so.0": "libpulse0", "libXrandr.so.2": "libxrandr2"}
"""Without them the window opens and plays nothing."""


@dataclass(frozen=True)
class System:
    """What /etc/os-release says."""

    id: str
    like: tuple[str, ...]
    version: tuple[int, ...]

    @property
    def has_apt(self) -> bool:
        return "debian" in (self.id, *self.like) or "ubuntu" in (self.id, *self.like)


def read_system(os_release: str) -> System:
    """Parse /etc/os-release; unknown parts are empty."""
    values = dict(re.findall(r"^([A-Z_]+)=[\"']?([^\"'\n]*)[\"']?\s*$", os_release, re.MULTILINE))
    version = tuple(int(part) for part in values.get("VERSION_ID", "").split(".") if part.isdigit())
    return System(values.get("ID", ""), tuple(values.get("ID_LIKE", "").split()), version)


def apt_names(packages: Sequence[str], system: System) -> list[str]:
    """The packages by this release's names: Debian 13 and Ubuntu 24.04 renamed some for 64-bit time."""
    renamed = (system.id == "debian" and system.version >= (13,)) or (system.id == "ubuntu" and system.version >= (24, 4))
    return ["libglib2.0-0t64" if package == "libglib2.0-0" and renamed else package for package in packages]


def missing_packages(wanted: Sequence[str], dpkg_output: str) -> list[str]:
    """Those of `wanted` that `dpkg-query -W -f '${Package} ${db:Status-Status}\\n'` does not list as installed, under either name."""
    installed = {line.split()[0].removesuffix("t64") for line in dpkg_output.splitlines() if line.endswith(" installed")}
    return [package for package in wanted if package.removesuffix("t64") not in installed]


def apt_command(packages: Sequence[str]) -> str:
    """What a person types to install them."""
    return "sudo apt-get update && sudo apt-get install -y --no-install-recommends " + " ".join(packages)


def missing_libraries(wanted: Sequence[str], ldconfig_output: str) -> list[str]:
    """Those of `wanted` that `ldconfig -p` does not list."""
    known = {line.split()[0] for line in ldconfig_output.splitlines() if line.strip()}
    return [name for name in wanted if name not in known]
