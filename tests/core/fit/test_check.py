"""The whole report: verdicts, the longest context, suggestions that are real, what was measured."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from localstory.db import Database
from localstory.fit import check as module
from localstory.fit import rehearsal
from localstory.fit.check import FitCheck, NotExact, formula_report
from localstory.fit.context_params import LoadSettings
from localstory.fit.dry_run import DryRunner
from localstory.fit.need import DeviceNeed, MemoryNeed
from localstory.fit.records import Records
from localstory.fit.rehearsal import RehearsalRefused
from localstory.fit.report import Subject
from localstory.fit.speed import Calibration
from localstory.gguf.stripped import StrippedModel, strip_files, strip_header
from localstory.hardware.machine import Cpu, Disk, Gpu, Machine, Memory
from localstory.hardware.probe import processor
from localstory.models.library import starter_text_model
from tests.fakes.model_headers import MODELS, model

GIB = 1 << 30
MIB = 1 << 20


def computer(total: float, free: float, *gpus: Gpu, read_gbps: float | None = 45.0, cores: int = 8) -> Machine:
    cpu = Cpu("X", "x86_64", cores, cores, 2 * cores, ("avx2", "fma", "f16c"))
    return Machine("Linux", cpu, Memory(int(total * GIB), int(free * GIB), None, read_gbps), gpus, Disk("/m", None))


def nvidia(gib: float, gbps: float = 360.0) -> Gpu:
    return Gpu("NVIDIA GeForce RTX 3060", "nvidia", "cuda", int(gib * GIB), int((gib - 0.4) * GIB), False, gbps, True)


def subject(name: str, quantisation: str = "Q4_K_M") -> Subject:
    made = model(name, quantisation)
    header = made.header()
    return Subject(header, name, header.data_offset + header.data_bytes, quantisation=quantisation)


OFFICE = computer(16, 12)
NETBOOK = computer(4, 2.6, read_gbps=8.0, cores=2)


def test_a_model_with_room_and_speed_runs_well_on_the_processor() -> None:
    report = formula_report(subject("llama3.2-1b"), OFFICE)
    assert report.verdict.code == "runs_well"
    assert report.gpu_layers == 0
    assert report.max_context == 131072
    assert report.suggestions == ()


def test_an_8b_writes_about_as_fast_on_a_laptop_as_people_measured() -> None:
    """8840U, processor only: 9.63 tokens a second from 44 GB/s (facts/fit.md, §4)."""
    report = formula_report(subject("llama3.1-8b"), computer(32, 28, read_gbps=52.0))
    low, high = report.speed.generate_tps
    assert low <= 9.63 <= high


def test_a_12b_does_not_fit_a_netbook_and_says_with_what_numbers() -> None:
    report = formula_report(subject("gemma3-12b"), NETBOOK)
    assert report.verdict.code in ("does_not_fit", "from_disk")
    assert report.verdict.need_bytes > (report.verdict.have_bytes or 0)
    assert not report.verdict.runs
    assert report.verdict.why()


def test_more_weights_than_memory_would_be_read_from_the_disk_but_a_conversation_must_fit() -> None:
    from_disk = formula_report(subject("gemma3-12b"), computer(8, 7.2), LoadSettings(context_length=4096))
    assert from_disk.verdict.code == "from_disk"
    never = formula_report(subject("llama2-7b"), computer(8, 7), LoadSettings(context_length=32768))
    assert never.verdict.code == "does_not_fit"


def test_whole_on_the_card_partly_or_not_at_all_depends_on_its_memory() -> None:
    whole = formula_report(subject("llama3.1-8b"), computer(32, 28, nvidia(12)))
    assert (whole.verdict.code, whole.gpu_layers) == ("runs_well", 33)
    partly = formula_report(subject("qwen3-14b"), computer(32, 28, nvidia(8)))
    assert partly.verdict.code == "partly"
    assert partly.verdict.layers is not None and 0 < partly.verdict.layers[0] < 40
    none = formula_report(subject("qwen3-14b"), replace(computer(32, 28), gpus=(replace(nvidia(8), usable=False, why_not="x"),)))
    assert none.gpu_layers == 0
    assert whole.speed.middle_tps > partly.speed.middle_tps * 1.5 > none.speed.middle_tps


def test_layers_of_a_partly_loaded_model_fit_and_one_more_would_not() -> None:
    machine = computer(32, 28, nvidia(8))
    partly = formula_report(subject("qwen3-14b"), machine)
    one_more = formula_report(subject("qwen3-14b"), machine, gpu_layers=partly.gpu_layers + 1)
    assert one_more.verdict.code == "does_not_fit"
    assert one_more.verdict.where == "graphics"


def test_a_mixture_of_experts_keeps_its_layers_on_the_card() -> None:
    report = formula_report(subject("qwen3-30b-a3b"), computer(32, 28, nvidia(8)))
    assert report.verdict.code == "partly"
    assert report.placement.processor_experts > 0
    assert report.gpu_layers == report.shape.layers_all + 1
    # 33.7 tokens a second were measured with an 8 GB card (facts/fit.md, §4).
    assert report.speed.generate_tps[0] < 33.7 < report.speed.generate_tps[1] * 1.3


def test_every_suggestion_keeps_its_promise() -> None:
    """Whatever a suggestion says it saves and solves is what the check says when it is followed."""
    followed = 0
    for name in ("llama3.1-8b", "gemma3-12b", "qwen3-14b", "llama2-7b"):
        for free in (5.0, 7.0, 9.0, 11.0):
            machine = computer(16, free)
            report = formula_report(subject(name), machine, LoadSettings(context_length=16384))
            for one in report.suggestions:
                if one.code == "close_programs":
                    continue
                after = formula_report(subject(name), machine, one.settings, brief=True)
                assert report.need.total_bytes - after.need.total_bytes == one.saves_bytes
                if one.solves:
                    assert after.verdict.runs
                    assert after.verdict.code != report.verdict.code
                followed += 1
    assert followed > 10


def test_a_smaller_quantisation_of_the_same_model_is_suggested() -> None:
    machine = computer(8, 7)
    big, small = subject("llama3.1-8b", "Q8_0"), subject("llama3.1-8b", "Q4_K_M")
    another_model = replace(subject("llama3.2-1b"), quantisation="Q2_K")
    report = formula_report(big, machine, LoadSettings(context_length=8192), siblings=[another_model, big, small])
    (one,) = [one for one in report.suggestions if one.code == "smaller_quantisation"]
    assert one.solves
    assert one.after == "Q4_K_M"
    assert one.saves_bytes > GIB
    assert "Q4_K_M" in one.text()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_longest_context_fits_and_the_next_does_not(name: str) -> None:
    machine = computer(16, 9)
    report = formula_report(subject(name), machine)
    if report.max_context:
        assert formula_report(subject(name), machine, LoadSettings(context_length=report.max_context), brief=True).verdict.level in ("good", "fair", "poor")
        assert formula_report(subject(name), machine, LoadSettings(context_length=report.max_context), brief=True).verdict.code != "from_disk"
    if report.max_context < (report.shape.context_length or 0) // 256 * 256:
        longer = formula_report(subject(name), machine, LoadSettings(context_length=report.max_context + 256), brief=True)
        assert longer.verdict.code in ("does_not_fit", "from_disk")


def test_more_memory_is_a_question_one_can_ask() -> None:
    now, then = formula_report(subject("gemma3-12b"), computer(8, 5)), formula_report(subject("gemma3-12b"), computer(8, 5), extra_memory_bytes=24 * GIB)
    assert not now.verdict.runs
    assert then.verdict.runs


def test_the_longest_context_leaves_the_layers_where_they_are() -> None:
    machine = computer(32, 28, nvidia(12))
    report = formula_report(subject("llama3.1-8b"), machine)
    longest = formula_report(subject("llama3.1-8b"), machine, LoadSettings(context_length=report.max_context), brief=True)
    assert (report.gpu_layers, longest.gpu_layers) == (33, 33)
    assert report.max_context < 131072


def test_a_full_context_is_slower_and_said_to_be() -> None:
    """Llama 3.1 8B: 128 KiB a token, so 32k tokens read 4.3 GB more: half the speed (facts/fit.md, §4)."""
    report = formula_report(subject("llama3.1-8b"), computer(64, 56, nvidia(24, 1008.0)), LoadSettings(context_length=32768))
    assert report.speed.full_tps is not None
    assert 0.45 < report.speed.full_tps / report.speed.middle_tps < 0.62


def test_the_wait_for_the_first_word_knows_what_a_word_costs() -> None:
    cheap = replace(subject("llama3.2-1b"), tokens_per_word={"en": 1.2})
    dear = replace(cheap, tokens_per_word={"en": 3.6})
    waits = [formula_report(one, OFFICE).speed.first_word_seconds for one in (cheap, dear)]
    assert waits[1] == pytest.approx(3 * waits[0])


def test_the_sum_adds_up() -> None:
    report = formula_report(subject("llama3.1-8b"), OFFICE)
    need = report.need
    assert need.total_bytes == need.weights_bytes + need.kv_bytes + need.recurrent_bytes + need.compute_bytes + need.output_bytes + need.overhead_bytes
    told = report.as_json()
    assert told["need"]["total_bytes"] == sum(device["total_bytes"] for device in told["need"]["by_device"].values())
    assert told["model"]["parameters"] == pytest.approx(8.03e9, rel=0.01)
    assert [line for line in report.sum_lines() if "8.0" in line[1] and "4.9" in line[1]]


def test_what_was_measured_is_shown_and_the_estimate_stays_beside_it() -> None:
    measured = MemoryNeed((DeviceNeed("CPU", weights_bytes=5 * GIB, kv_bytes=GIB),), "measured")
    report = formula_report(subject("llama3.1-8b"), OFFICE, measured=lambda _subject, _params, _placement: (measured, Calibration(0.5, 5)))
    assert report.need.method == "measured"
    assert report.computed is not None and report.computed.method == "computed"
    plain = formula_report(subject("llama3.1-8b"), OFFICE)
    assert report.speed.middle_tps == pytest.approx(plain.speed.middle_tps / 2, rel=0.02)
    assert report.speed.confidence == "measured"


def test_a_machine_that_says_nothing_of_its_memory_gets_no_verdict() -> None:
    machine = replace(OFFICE, memory=Memory(None, None, None))
    assert formula_report(subject("llama3.2-1b"), machine).verdict.code == "unknown"


# -- asking the engine --------------------------------------------------------------------------------------------------


@pytest.fixture
def starter() -> Subject:
    found = starter_text_model()
    assert found is not None
    stripped = strip_files([found.path])
    return Subject(stripped.header, found.title, found.size_bytes, stripped=stripped)


async def test_auto_asks_llama_cpp_where_it_can(starter: Subject) -> None:
    check = FitCheck()
    try:
        report = await check.report(starter, OFFICE)
    finally:
        await check.close()
    assert report.need.method == "exact"
    assert report.computed is not None
    assert report.need.kv_bytes == report.computed.kv_bytes
    assert report.notes == ()


async def test_one_of_many_is_asked_for_its_need_alone(starter: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    need = DryRunner.need

    async def counted(self: DryRunner, *arguments: Any, **options: Any) -> MemoryNeed:
        asked.append(1)
        return await need(self, *arguments, **options)

    monkeypatch.setattr(DryRunner, "need", counted)
    check = FitCheck()
    try:
        brief = await check.report(starter, OFFICE, one_of_many=True)
        assert len(asked) == 1
        whole = await check.report(starter, OFFICE)
    finally:
        await check.close()
    assert len(asked) > 2
    assert (brief.need, brief.need.method, brief.verdict) == (whole.need, "exact", whole.verdict)
    assert brief.max_context == whole.max_context


async def test_for_a_card_that_is_not_here_figures_are_computed_and_it_says_so(starter: Subject) -> None:
    check = FitCheck()
    try:
        machine = computer(32, 28, nvidia(12))
        report = await check.report(starter, machine)
        assert report.need.method == "computed"
        assert len(report.notes) == 1
        with pytest.raises(NotExact):
            await check.report(starter, machine, method="exact")
    finally:
        await check.close()


async def test_a_rehearsal_of_what_would_not_fit_is_refused(starter: Subject) -> None:
    check = FitCheck()
    try:
        with pytest.raises(RehearsalRefused):
            await check.report(starter, computer(1.4, 1.1), method="rehearse")
    finally:
        await check.close()


async def bare_loop(model: Path) -> dict[str, float]:
    """What the real file does here in llama.cpp's own calls, none of our code around them."""
    script = Path(__file__).parents[2] / "data/baselines/bare_text.py"
    options = ("--threads", "1", "--prompt", "128", "--generate", "24", "--runs", "1")
    process = await asyncio.create_subprocess_exec(sys.executable, str(script), str(model), *options, stdout=asyncio.subprocess.PIPE)
    said, _nothing = await process.communicate()
    figures: dict[str, float] = json.loads(said)
    return figures


async def test_a_rehearsal_measures_here_and_is_not_played_twice(starter: Subject, smollm2: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Two threads that wait for each other say nothing of a speed while other tests run.
    monkeypatch.setattr(rehearsal, "worker_threads", lambda: 1)
    records = Records(Database(tmp_path / "none.db"), tmp_path / "inbox")
    check = FitCheck(records)
    settings = LoadSettings(context_length=1024)
    crawling = computer(16, 12, read_gbps=0.01, cores=1)  # so that this one is quicker than computed, however busy it is
    try:
        report = await check.report(starter, crawling, settings, method="rehearse")
        assert report.speed.confidence == "rehearsed"
        assert report.need.method == "rehearsed"
        # The real file in the bare loop, right after: the stand-in must be as fast as what it stands for, within what a busy computer does.
        bare = await bare_loop(smollm2)
        assert bare["generate_tps"] / 3 < report.speed.middle_tps < bare["generate_tps"] * 3
        assert bare["prompt_tps"] / 3 < sum(report.speed.prompt_tps) / 2 < bare["prompt_tps"] * 3
        # What llama.cpp said when it loaded the real file (tests/data/fit/logs/smollm2-135m-q4_1-real.log): 90 MiB for 4,096 cells.
        (device,) = report.need.devices
        assert device.weights_bytes / MIB == pytest.approx(92.10, abs=0.1)
        assert device.kv_bytes / MIB == pytest.approx(90.00 / 4, abs=0.01)

        async def never(*_args: object, **_named: object) -> None:
            raise AssertionError("played again")

        monkeypatch.setattr(module, "rehearse", never)
        again = await check.report(starter, crawling, settings, method="rehearse")
        assert again.speed == report.speed
        assert asdict(again.need) == asdict(report.need)
    finally:
        await check.close()


async def test_a_rehearsal_on_a_busy_computer_is_shown_and_not_kept(starter: Subject, tmp_path: Path) -> None:
    records = Records(Database(tmp_path / "none.db"), tmp_path / "inbox")
    check = FitCheck(records)
    flying = computer(64, 56, read_gbps=2000.0, cores=64)  # what is computed for it can't be reached here
    try:
        report = await check.report(starter, flying, LoadSettings(context_length=1024), method="rehearse")
    finally:
        await check.close()
    assert report.speed.confidence == "rehearsed"
    assert any("busy" in note for note in report.notes)
    assert records.all() == []


async def test_a_rehearsed_need_counts_what_the_engine_repacked() -> None:
    """Copied into memory of its own, the log tells of repacked weights and of the others apart."""
    made = model("qwen3-0.6b")
    stripped = StrippedModel((strip_header(BytesIO(made.header_bytes())),))
    machine = replace(OFFICE, cpu=processor())
    check = FitCheck()
    try:
        settings = LoadSettings(context_length=512, sequences=1)
        asked = await check.report(Subject(stripped.header, "q", 1, stripped=stripped), machine, settings, method="exact")
        played = await check.report(Subject(stripped.header, "q", 1, stripped=stripped), machine, settings, method="rehearse")
    finally:
        await check.close()
    assert played.need.method == "rehearsed"
    assert played.need.repacked_bytes > 0
    assert played.need.weights_bytes == asked.need.weights_bytes
    assert played.need.total_bytes == pytest.approx(asked.need.total_bytes, rel=0.02)
