"""What is recommended: quality that can be had, golden first picks for recorded machines, and reasons that are true."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localstory.fit.context_params import LoadSettings
from localstory.fit.report import Subject
from localstory.hardware.machine import Cpu, Disk, Gpu, Machine, Memory
from localstory.hardware.saved import read_machine
from localstory.models.fitting import Fitting
from localstory.models.recommend import Candidate, pace, patience, recommend
from localstory.net import Net
from localstory.paths import Home
from tests.fakes.model_headers import model

GIB = 1 << 30
MACHINES = Path(__file__).parents[2] / "data" / "fit" / "machines"
GOLDEN = json.loads((MACHINES.parent / "golden_picks.json").read_text("utf-8"))


def computer(total: float, free: float, *gpus: Gpu, read_gbps: float = 45.0, cores: int = 8) -> Machine:
    cpu = Cpu("X", "x86_64", cores, cores, 2 * cores, ("avx2", "fma", "f16c"))
    return Machine("Linux", cpu, Memory(int(total * GIB), int(free * GIB), None, read_gbps), gpus, Disk("/m", None))


def candidate(name: str, quality: float, *, languages: tuple[str, ...] = ("en",), purposes: tuple[str, ...] = ("chat",), here: bool = False) -> Candidate:
    header = model(name).header()
    subject = Subject(header, name, header.data_offset + header.data_bytes)
    return Candidate(name, name, "x", quality, header.parameters, languages, purposes, "MIT", subject, on_disk=here)


LADDER = [candidate("llama3.2-1b", 25), candidate("llama3.2-3b", 40), candidate("llama3.1-8b", 55), candidate("qwen3-14b", 66), candidate("qwen3-32b", 74)]


@pytest.mark.parametrize(
    ("machine", "first"),
    [
        (computer(8, 5), "llama3.2-3b"),
        (computer(16, 12, read_gbps=90.0), "llama3.1-8b"),
        (computer(64, 56, Gpu("RTX 4090", "nvidia", "cuda", 24 * GIB, 23 * GIB, False, 1008.0, True)), "qwen3-32b"),
        (computer(32, 26, Gpu("RTX 3060", "nvidia", "cuda", 12 * GIB, 11 * GIB + GIB // 2, False, 360.0, True)), "qwen3-14b"),
        (computer(3, 2.2, read_gbps=10.0, cores=2), "llama3.2-1b"),
    ],
)
def test_the_best_that_runs_comfortably_comes_first(machine: Machine, first: str) -> None:
    found = recommend(LADDER, machine)
    assert found.first is not None and found.first.candidate.model == first


def test_a_better_model_that_crawls_is_not_put_first_and_the_reason_says_so() -> None:
    found = recommend(LADDER, computer(64, 56, read_gbps=45.0))
    assert found.first is not None and found.first.candidate.model in ("llama3.1-8b", "llama3.2-3b")
    assert "would be better but" in found.reason()
    assert any(pick.candidate.quality > found.first.candidate.quality for pick in found.comparison)


def test_one_place_in_the_list_for_each_model_however_many_files_it_has() -> None:
    smaller = replace(LADDER[2], quality=50.0, subject=replace(LADDER[1].subject, quantisation="Q2_K"))
    found = recommend([*LADDER, smaller], computer(16, 12))
    assert len({pick.candidate.model for pick in found.picks}) == len(found.picks)


def test_languages_and_purposes_are_asked_of_every_model() -> None:
    speaker = candidate("llama3.2-3b", 30, languages=("en", "vi"))
    coder = candidate("llama3.1-8b", 70, purposes=("code",))
    found = recommend([LADDER[1], speaker, coder], computer(16, 12), language="vi")
    assert [pick.candidate for pick in found.picks] == [speaker]
    assert recommend([speaker], computer(16, 12), purpose="code").first is None


def test_what_is_here_already_wins_between_equals() -> None:
    there, here = candidate("llama3.2-3b", 40), replace(candidate("llama3.2-3b", 40, here=True), model="same")
    found = recommend([there, here], computer(16, 12))
    assert found.first is not None and found.first.candidate.on_disk


def test_where_nothing_fits_it_says_so() -> None:
    found = recommend([LADDER[4]], computer(4, 3))
    assert found.first is None
    assert found.reason()
    assert found.left_out == 1


def test_a_full_memory_is_told_to_be_emptied_first() -> None:
    found = recommend(LADDER, computer(16, 1.2))
    assert found.programs_closed
    assert found.first is not None and found.first.candidate.quality >= 40
    assert "Close other programs" in found.reason()


def test_a_shorter_context_is_better_than_nothing_and_is_said() -> None:
    big_cache = candidate("llama2-7b", 40)  # 4 GiB of cache at 8,192 tokens
    found = recommend([big_cache], computer(8, 7.2))
    assert found.first is not None and found.first.report.params.n_ctx < 8192
    assert "context of" in found.reason()
    asked = recommend([big_cache], computer(8, 7.2), settings=LoadSettings(context_length=8192))
    assert asked.first is None


@given(st.floats(0.01, 500), st.floats(0.01, 500))
def test_faster_is_never_worth_less(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= pace(low) <= pace(high) <= 1
    assert 0 < patience(high) <= patience(low) <= 1


# -- the shipped catalogue on recorded machines -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> list[Candidate]:
    home = Home(tmp_path_factory.mktemp("home"))
    return [one for one in Fitting(home, Net(offline=True)).candidates() if not one.on_disk]


def test_every_recorded_machine_has_its_golden_pick() -> None:
    assert {path.stem for path in MACHINES.glob("*.json")} == set(GOLDEN)
    assert len(GOLDEN) >= 12


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_golden_first_picks(name: str, shipped: list[Candidate]) -> None:
    """Read by a person, machine by machine (the file says on what day). A changed pick is to be read again, then written there."""
    machine = read_machine(MACHINES / f"{name}.json")
    for what, expected in GOLDEN[name].items():
        purpose, language = what.split("-")
        found = recommend(shipped, machine, purpose=purpose, language=language)
        first = found.first
        assert first is not None, what
        assert {"pick": first.candidate.name, "verdict": first.report.verdict.code, "closed": found.programs_closed} == expected, what


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_what_is_recommended_fits_and_no_model_that_is_better_runs_as_well(name: str, shipped: list[Candidate]) -> None:
    """The rule itself, whatever the golden file says."""
    found = recommend(shipped, read_machine(MACHINES / f"{name}.json"))
    first = found.first
    assert first is not None
    assert first.report.verdict.runs
    for pick in found.picks[1:]:
        better = pick.candidate.quality > first.candidate.quality + 0.01 and not pick.candidate.thinks
        comfortable = pick.report.verdict.code == "runs_well" and pick.tokens_per_second >= 15 and pick.report.speed.first_word_seconds <= 10
        assert not (better and comfortable), pick.candidate.name
