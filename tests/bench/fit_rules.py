"""Other tools' published rules and ours, on the same 84 plans of llama.cpp (tests/data/fit/memory.csv, "LOCAL dry-run").

usage: python -m tests.bench.fit_rules [--json]
The rules as their sources state them (facts/fit.md, §1): llama.cpp's own page and Hugging Face's panel go by the file's size,
Ollama's estimate before a load adds a cache for full attention, llmfit goes by parameters and bytes a parameter. Ours: the
closed formulas. The exact method is not in the table: it gives llama.cpp's own plan, by asking it.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from localstory.fit.context_params import LoadSettings, context_params
from localstory.fit.estimate import formula_need
from localstory.fit.shape import ModelShape, shape_of
from localstory.gguf.header import Header
from tests.fakes.model_headers import model

DATA = Path(__file__).parents[1] / "data" / "fit" / "memory.csv"
MIB = 1 << 20
_ELEMENT = {"f16": 2.0, "q8_0": 1.0625}
Rule = Callable[[Header, ModelShape, int, str], float]


def _file(header: Header) -> int:
    return sum(tensor.size_bytes for tensor in header.tensors)


def by_file(header: Header, _shape: ModelShape, _ctx: int, _kv: str) -> float:
    return _file(header)


def by_file_and_a_bit(header: Header, _shape: ModelShape, _ctx: int, _kv: str) -> float:
    return 1.05 * _file(header)


def ollama(header: Header, shape: ModelShape, ctx: int, _kv: str) -> float:
    """llm/llama_server.go, PredictServerVRAM: file + 2 · layers · least kv heads · (E / H) · ctx · 2 bytes."""
    return _file(header) + 2 * shape.layers * min(shape.kv_heads) * (shape.embedding / max(shape.heads)) * ctx * 2


def llmfit(header: Header, shape: ModelShape, ctx: int, _kv: str) -> float:
    """0.58 bytes a parameter at Q4_K_M + a full-attention cache + 0.5 GB."""
    return header.parameters * 0.58 + 2 * shape.layers * max(shape.kv_heads) * shape.key_length * ctx * 2 + 0.5e9


RULES: Mapping[str, Rule] = {
    "file size (Hugging Face's panel)": by_file,
    "file size x 1.05 (llama.cpp's page)": by_file_and_a_bit,
    "file + full cache (Ollama, before a load)": ollama,
    "parameters x 0.58 + full cache + 0.5 GB (llmfit)": llmfit,
}


def errors() -> dict[str, list[float]]:
    """Relative errors of the whole need (weights, cache, compute) for every rule, row by row."""
    found: dict[str, list[float]] = {name: [] for name in (*RULES, "localstory's formulas")}
    for row in csv.DictReader(DATA.read_text("utf-8").splitlines()):
        if not row["source"].startswith("LOCAL dry") or "n_outputs_max=1;" not in row["notes"] or row["flash_attn"] != "on" or "swa_full=True" in row["notes"]:
            continue  # settings no program would choose
        header = model(row["model"]).header()
        shape = shape_of(header)
        ctx, ubatch = int(row["n_ctx"]), int(row["n_batch/ubatch"].split("/")[1])
        real = (float(row["model_buffer_MiB"].split()[0]) + float(row["kv_buffer_MiB"]) + float(row["compute_buffer_MiB"])) * MIB
        for name, rule in RULES.items():
            found[name].append(rule(header, shape, ctx, row["kv_type"]) / real - 1)
        settings = LoadSettings(ctx, row["kv_type"], ubatch=ubatch, sequences=1)
        need = formula_need(header, shape, replace(context_params(shape, settings), n_batch=2048))
        found["localstory's formulas"].append((need.weights_bytes + need.kv_bytes + need.compute_bytes) / real - 1)
    return found


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    found = errors()
    told = {name: {"rows": len(all_), "median": statistics.median(map(abs, all_)), "lowest": min(all_), "highest": max(all_)} for name, all_ in found.items()}
    if options.json:
        print(json.dumps(told))
        return 0
    for name, row in told.items():
        print(f"{name:<50} {row['rows']} plans: median error {row['median']:6.1%}, from {row['lowest']:+.0%} to {row['highest']:+.0%}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
