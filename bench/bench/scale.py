"""The tool's own cost: plans of many cells, and runs of many cells with stubs for cargo and rustc."""

import json
import shutil
from pathlib import Path
from typing import List

from . import stubs
from .contestants import base_env
from .measure import Measured, measure
from .report import Results, duration

PLAN_SIZES = [10_000, 100_000, 1_000_000]
RUN_SIZES = [100, 1_000, 10_000]
WARM_SIZE = 1_000
COUNTED = 10


def run(tool: Path, work: Path, options, results: Results) -> None:
    """All of it, the small sizes first."""
    results.data["scale"] = []
    for size in options.sizes:
        plans(tool, work / f"plan-{size}", size, results)
    if options.run_sizes:
        own = stub_cost(tool, work / "stubs")
        warm = max((s for s in options.run_sizes if s <= WARM_SIZE), default=None)
        for size in options.run_sizes:
            runs(tool, work / f"run-{size}", size, own, size == warm, results)


def plans(tool: Path, folder: Path, size: int, results: Results) -> None:
    """A plan of all cells and one of a single one, for people and for programs."""
    shutil.rmtree(folder, ignore_errors=True)
    n_cells = stubs.lay_out(folder, size)
    _, n_versions = stubs.shape(size)
    one = f"one@cog-1.{n_versions - 1}.0+f000"
    ways = {
        "plan": [],
        "plan --format json": ["--format", "json"],
        "plan --cell ONE": ["--cell", one],
    }
    for what, flags in ways.items():
        measured = call(tool, folder, ["plan", *flags], "plan")
        failed = measured.code != 0
        if what.endswith("json") and not failed:
            failed = planned(folder / "plan.log") != n_cells
        add(results, what, n_cells, measured, failed)
    shutil.rmtree(folder, ignore_errors=True)


def planned(log: Path) -> int:
    """How many cells the plan holds, whose first lines are the command itself."""
    with open(log, encoding="utf-8") as file:
        return sum(1 for line in file if line.startswith('      "id": '))


def runs(tool: Path, folder: Path, size: int, own: float, warm: bool, results: Results) -> None:
    """A run of all cells from nothing, and the same again where that is asked for."""
    shutil.rmtree(folder, ignore_errors=True)
    n_cells = stubs.lay_out(folder, size)
    measured = call(tool, folder, ["run", "--full"], "cold")
    failed = measured.code != 0 or passed(folder) != n_cells
    add(results, "run --full", n_cells, measured, failed, measured.wall / n_cells - own)
    if warm:
        measured = call(tool, folder, ["run", "--full"], "warm")
        failed = measured.code != 0 or passed(folder, reused=True) != n_cells
        add(results, "run --full, all known", n_cells, measured, failed)
    shutil.rmtree(folder, ignore_errors=True)


def stub_cost(tool: Path, folder: Path) -> float:
    """What the stubs take of a cell, in seconds: their calls counted in a run of a few cells, and
    each call measured by itself."""
    shutil.rmtree(folder, ignore_errors=True)
    n_cells = stubs.lay_out(folder, COUNTED, counting=True)
    call(tool, folder, ["run", "--full"], "counted")
    calls = stubs.counted(folder, n_cells)
    stubs.lay_out(folder, COUNTED)
    own = stubs.cost(folder, calls)
    told = ", ".join(f"{times:g} × {call}" for call, times in sorted(calls.items()))
    print(f"  the stubs take {own * 1000:.1f} ms of a cell: {told}", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    return own


def call(tool: Path, folder: Path, args: List[str], log: str) -> Measured:
    """The tool on the made-up matrix."""
    cache, out = folder / "cache", folder / "out"
    env = {**base_env(), "PINMATRIX_CACHE": str(cache)}
    command = [str(tool), "matrix", *args, "--offline", "--config", "subject/matrix.toml"]
    command += ["--out", str(out)]
    return measure(command, env, folder, folder / f"{log}.log", [cache, out])


def passed(folder: Path, reused: bool = False) -> int:
    """How many cells passed, of those that ran or, with `reused`, of those that were known."""
    file = folder / "out" / "run.json"
    cells = json.loads(file.read_text())["cells"] if file.exists() else []
    ended = [c for c in cells if c["state"] == "ended" and c["reused"] == reused]
    return sum(1 for cell in ended if cell["outcome"]["status"] == "passed")


def add(results: Results, what: str, n: int, measured: Measured, failed: bool, own=None) -> None:
    """Takes in a row."""
    row = {
        "what": what,
        "cells": n,
        "wall": round(measured.wall, 3),
        "cpu": round(measured.cpu, 3),
        "memory": measured.memory,
        "disk": measured.disk,
        "load": measured.load,
        "own": own,
        "failed": failed,
    }
    results.data["scale"].append(row)
    results.write()
    print(f"  {what}, {n} cells: {duration(measured.wall)}{', FAILED' if failed else ''}", flush=True)
