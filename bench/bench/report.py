"""What was measured, kept as JSON and shown as Markdown."""

import json
from pathlib import Path
from typing import Dict, List, Optional

from . import answers
from .config import UserError
from .contestants import KNOWN, Ground, Row

SCHEMA = 1


class Results:
    """All rows so far; written again after each, so that an interruption loses none."""

    def __init__(self, machine: dict, file: Optional[Path], merge: Optional[Path]):
        self.file = file
        self.data = {"schema": SCHEMA, "machine": machine, "suites": {}, "scale": []}
        if merge:
            old = json.loads(merge.read_text())
            if old.get("schema") != SCHEMA:
                raise UserError(f"{merge} is of another schema")
            for fact in ("cores", "cpu", "memory"):
                if old["machine"].get(fact) != machine.get(fact):
                    raise UserError(f"{merge} was measured on another machine ({fact} differs)")
            self.data.update(suites=old["suites"], scale=old["scale"])

    def open_suite(self, ground: Ground) -> None:
        """Makes room for a suite, or goes on with one that asks for the same."""
        rustc = lambda cell: ground.rustc_versions[f"{cell['sysroot']}/bin/rustc"]
        toolchains = {cell["label"]: rustc(cell) for cell in ground.cells}
        asked = {
            "pins": ground.tree.pins,
            "toolchains": toolchains,
            "n_cells": len(ground.cells),
        }
        suite = self.data["suites"].setdefault(ground.suite, {**asked, "rows": {}, "units": {}})
        if any(suite[key] != value for key, value in asked.items()):
            raise UserError(f"the merged results of {ground.suite} are of other pins or toolchains")

    def add(self, suite_name: str, row: Row) -> None:
        """Takes in a row and writes the file."""
        suite = self.data["suites"][suite_name]
        phases = suite["rows"].setdefault(row.contestant, {})
        if row.phase == "cold":
            phases.clear()
        phases[row.phase] = as_json(row)
        if row.contestant == "full" and row.phase == "cold":
            for name, cpu in row.units.least.items():
                suite["units"][name] = min(cpu, suite["units"].get(name, cpu))
        self.judge(suite)
        self.write()

    def judge(self, suite: dict) -> None:
        """Holds every contestant against the limit, and against the tool's own answers."""
        cores = self.data["machine"]["cores"]
        limit = sum(suite["units"].values()) / cores
        suite["limit"] = round(limit, 3)
        reference = suite["rows"].get("full", {}).get("cold", {}).get("answers")
        for name, phases in suite["rows"].items():
            for row in phases.values():
                row["ratio"] = round(row["wall"] / limit, 2) if limit and row.get("wall") else None
                row["differences"] = []
                if reference and row["answers"] and name != "full":
                    row["differences"] = answers.differences(row["answers"], reference)

    def write(self) -> None:
        """Writes the JSON file, where one is wanted."""
        if self.file:
            self.file.write_text(json.dumps(self.data, indent=1) + "\n")


def as_json(row: Row) -> dict:
    """A row as it is kept."""
    kept = {
        "cells": row.n_cells,
        "answered": row.n_answers,
        "note": row.note,
        "failed": row.failed,
        "scale": row.scale,
        "answers": row.answers,
    }
    if row.measured:
        m = row.measured
        kept.update(wall=round(m.wall, 3), cpu=round(m.cpu, 3), disk=m.disk, memory=m.memory)
        kept.update(load=m.load, code=m.code)
    u = row.units
    scaled = lambda n: round(n * row.scale)
    kept.update(
        units=scaled(u.compiled),
        twice=u.twice,
        failed_again=u.failed_again,
        units_cpu=round(u.cpu * row.scale, 3),
        repeated=u.repeated,
    )
    return kept


def markdown(data: dict) -> str:
    """All of it, as README.md can show it."""
    machine = data["machine"]
    lines = [
        f"{machine['cores']} cores ({machine['cpu']}), {size(machine['memory'])} of memory, "
        f"Linux {machine['kernel']}; compile wrapper {machine['wrapper'] * 1000:.1f} ms a unit.",
    ]
    for name, suite in data["suites"].items():
        lines += [""] + of_suite(name, suite)
    if data["scale"]:
        lines += [""] + of_scale(data["scale"])
    return "\n".join(lines) + "\n"


def of_suite(name: str, suite: dict) -> List[str]:
    """The table of one suite."""
    rustcs = ", ".join(f"{label} ({rustc})" for label, rustc in suite["toolchains"].items())
    lines = [
        f"**{name}**: {suite['n_cells']} cells, {len(suite['pins'])} pins × {rustcs}. "
        + (f"Limit {duration(suite['limit'])}." if suite.get("limit") else "No limit measured."),
        "",
        "| | cells run | answers | cold | × limit | CPU | disk | memory | compiled | twice | warm | one test changed |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    notes = []
    for contestant in KNOWN:
        phases = suite["rows"].get(contestant)
        if not phases:
            continue
        cold = phases.get("cold", {})
        if "wall" not in cold:
            lines.append(f"| `{contestant}` | {cold.get('note') or 'not measured'} |" + " |" * 10)
            continue
        about = "≈ " if cold["scale"] != 1 else ""
        cells = [
            f"`{contestant}`",
            str(cold["cells"]),
            str(cold["answered"]),
            about + duration(cold["wall"]),
            about + f"{cold['ratio']:.2f}" if cold.get("ratio") and contestant != "bisect" else "",
            about + duration(cold["cpu"]),
            about + size(cold["disk"]),
            size(cold["memory"]),
            about + str(cold["units"]),
            # What one cell compiles again depends on how many were before it.
            str(cold["twice"]) if cold["scale"] == 1 else "",
        ]
        for phase in ("warm", "touch"):
            wall = phases.get(phase, {}).get("wall")
            cells.append(about + duration(wall) if wall is not None else "")
        lines.append("| " + " | ".join(cells) + " |")
        notes += notes_on(contestant, phases)
    return lines + ([""] + notes if notes else [])


def notes_on(contestant: str, phases: Dict[str, dict]) -> List[str]:
    """What a reader of the table must know of a contestant."""
    notes = []
    for phase, row in phases.items():
        where = f"`{contestant}`, {phase}"
        if row["failed"]:
            notes.append(f"- **{where}: it failed (exit {row.get('code')}); its figures say nothing**")
        if row["note"] and (phase == "cold" or row["note"] != phases["cold"]["note"]):
            notes.append(f"- {where}: {row['note']}")
        if row["failed_again"]:
            notes.append(f"- {where}: {row['failed_again']} units were tried again that had failed")
        differences = row.get("differences") or []
        if differences:
            notes.append(
                f"- **{where}: {len(differences)} answers differ from `full`**: {differences[0]}"
            )
    return notes


def of_scale(rows: List[dict]) -> List[str]:
    """The table of the tool's own cost."""
    lines = [
        "**scale**: the tool's own cost; cargo and rustc are stubs.",
        "",
        "| | cells | wall | a cell | memory | a cell, without the stubs |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        n = row["cells"]
        own = f"{row['own'] * 1000:.1f} ms" if row.get("own") is not None else ""
        failed = " **failed**" if row["failed"] else ""
        each = row["wall"] / n * 1000
        each = f"{each:.1f} ms" if each >= 1 else f"{each * 1000:.1f} µs"
        lines.append(
            f"| {row['what']}{failed} | {n:,} | {duration(row['wall'])} | {each} "
            f"| {size(row['memory'])} | {own} |"
        )
    return lines


def duration(seconds: Optional[float]) -> str:
    """Seconds as people read them."""
    if seconds is None:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


def size(n: Optional[int]) -> str:
    """Bytes as people read them."""
    if n is None:
        return ""
    return f"{n / 1e9:.1f} GB" if n >= 1e9 else f"{n / 1e6:.0f} MB"
