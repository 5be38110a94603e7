"""What a wheel carries beside the modules."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

from localstory import paths

ROOT = Path(__file__).parents[3]


def test_a_wheel_carries_the_list_of_models_and_an_installed_program_finds_it(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("localstory/models.toml") == (ROOT / "models.toml").read_bytes()
        archive.extractall(tmp_path / "installed")
    ask = "import localstory, sys; from localstory.models.catalogue import shipped_catalogue; print(localstory.__file__, len(shipped_catalogue().texts))"
    found = subprocess.run(
        [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(tmp_path / 'installed')!r}); {ask}"],
        cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60,
    ).stdout.split()  # fmt: skip
    assert found[0].startswith(str(tmp_path)) and int(found[1]) >= 25


def test_the_sources_find_the_list_at_their_top() -> None:
    assert paths.shipped_models_file() == ROOT / "models.toml"
