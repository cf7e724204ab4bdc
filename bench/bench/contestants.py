"""Who takes part, and how each is called.

A contestant is a row of phases, each one child process: `cold` from empty folders, `warm` again
with nothing changed, `touch` again with one test file of the subject changed.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Optional

from . import trees
from .answers import Answers, of_peers, of_tool
from .machine import said
from .measure import Measured, measure
from .units import Units, read

HERE = Path(__file__).resolve().parent
# What cargo and rustup leave behind in the environment of a child, and what bends a build.
UNSET_PREFIXES = ("CARGO_", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN", "PINMATRIX_")
KEPT = {"CARGO_HOME", "CARGO_NET_OFFLINE"}
KEPT_PREFIXES = ("CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_SOURCE_")

# name -> what it is, for --help and the table
KNOWN = {
    "loop": "a script: a target folder a cell, the subject's own profile",
    "shared": "the script with one target folder a toolchain",
    "lean": "the script as `shared`, with lines for the subject's own packages as all debug info, and without incremental compilation",
    "hack": "cargo-hack's --version-range, in a script that sets the pins",
    "sccache": "the script as `loop`, with sccache",
    "full": "pinmatrix --full",
    "default": "pinmatrix, its default strategy",
    "bisect": "pinmatrix bisect, one case over every published version",
}
PEERS = ("loop", "shared", "lean", "hack", "sccache")


@dataclass
class Row:
    """One measured phase of one contestant."""

    contestant: str
    phase: str
    measured: Optional[Measured] = None
    units: Units = field(default_factory=Units)
    n_cells: int = 0  # cells that ran in this phase
    n_answers: int = 0  # cells that there is an answer for, run, known or inferred
    answers: Answers = field(default_factory=dict)
    note: str = ""  # what else is to be known, or why there is nothing
    scale: float = 1.0  # by how much it was extrapolated
    failed: bool = False  # the contestant itself failed


@dataclass
class Ground:
    """What all contestants of a suite share."""

    suite: str
    tool: Path
    work: Path
    tree: trees.Tree
    cells: List[dict]  # id, version, label, sysroot, cargo, lock
    rustc_versions: Dict[str, str]
    phases: List[str]
    case: Optional[str] = None
    target: str = ""
    extrapolate: int = 0
    offline: bool = False


def base_env() -> Dict[str, str]:
    """This environment without what would bend a build."""

    def is_kept(name: str) -> bool:
        bends = name.startswith(UNSET_PREFIXES)
        return not bends or name in KEPT or name.startswith(KEPT_PREFIXES)

    env = {name: value for name, value in os.environ.items() if is_kept(name)}
    return {**env, "NO_COLOR": "1", "CARGO_TERM_COLOR": "never"}


def wrapper(to: Path, log: Path, rustc: str = "") -> Path:
    """A copy of `timed` with the log's path in it, and a rustc's where it stands in for one."""
    text = (HERE.parent / "timed").read_text()
    text = text.replace("@LOG@", str(log), 1)
    if rustc:
        text = text.replace("rustc=@RUSTC@", f"rustc='{rustc}'", 1)
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(text)
    to.chmod(0o755)
    return to


def compete(name: str, ground: Ground):
    """Measures a contestant, phase after phase; yields each row as soon as it is there. Its folders
    go when it is done, however it ends."""
    folder = ground.work / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    why_not = cannot(name, ground)
    if why_not:
        yield Row(name, "cold", note=why_not)
        return
    try:
        subject = ground.tree.copy(folder / "input")
        run = Peer(name, folder, ground) if name in PEERS else Tool(name, folder, ground)
        offset = 0
        for phase in ground.phases if name != "bisect" else ["cold"]:
            if phase == "touch":
                ground.tree.touch(subject)
            row = run.phase(phase)
            row.units, offset = read(run.log, offset, lambda r: ground.rustc_versions.get(r, r))
            yield row
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def cannot(name: str, ground: Ground) -> str:
    """Why a contestant cannot take part, in words for the table."""
    if name == "sccache" and not shutil.which("sccache"):
        return "not installed"
    if name == "hack":
        if said(["cargo", "hack", "--version"]) is None:
            return "cannot express pins; not installed for what is left"
        if hack_range(ground) is None:
            return "cannot express: these toolchains are no range of rustup's own"
    return ""


def hack_range(ground: Ground) -> Optional[str]:
    """The toolchains as a `--version-range`, which goes over every minor version of rustup's."""
    labels = sorted({cell["label"] for cell in ground.cells})
    known = said(["rustup", "toolchain", "list"]) or ""
    if not all(l.startswith("1.") and any(k.startswith(l + "-") for k in known.split()) for l in labels):
        return None
    minors = sorted(int(label.split(".")[1]) for label in labels)
    is_range = minors == list(range(minors[0], minors[-1] + 1))
    return f"1.{minors[0]}..=1.{minors[-1]}" if is_range else None


class Peer:
    """The script, in one of its forms."""

    def __init__(self, name: str, folder: Path, ground: Ground):
        self.name, self.folder, self.ground = name, folder, ground
        self.log = folder / "compiles.jsonl"
        self.env = base_env()
        self.cells = ground.cells
        if name == "hack":  # One call does all toolchains of a pin.
            first = ground.cells[0]["label"]
            self.cells = [cell for cell in ground.cells if cell["label"] == first]
        self.scale = 1.0
        n = ground.extrapolate
        # Only where each cell starts from nothing does one cost what any other does.
        if name == "loop" and 0 < n < len(self.cells):
            step = len(self.cells) / n
            self.cells = [self.cells[int((at + 0.5) * step)] for at in range(n)]
            self.scale = len(ground.cells) / n
        self.timed = wrapper(folder / "bin" / "timed", self.log)

    def cell(self, cell: dict) -> dict:
        """A cell with its target folder and variables."""
        shares = self.name in ("shared", "lean")
        place = cell["label"] if shares else cell["id"]
        env, flags = {"RUSTC_WRAPPER": str(self.timed)}, []
        if self.name == "lean":
            # As much debug info as the tool has by default.
            env.update(CARGO_PROFILE_DEV_DEBUG="line-tables-only", CARGO_INCREMENTAL="0")
            flags = ['--config=profile.dev.package."*".debug=0']
        if self.name == "sccache":
            # sccache asks for a program that is called rustc, and runs it on a miss only.
            rustc = self.folder / "bin" / cell["label"] / "rustc"
            wrapper(rustc, self.log, f"{cell['sysroot']}/bin/rustc")
            # What is incremental is not cached. https://github.com/mozilla/sccache#known-caveats
            env = {"RUSTC": str(rustc), "RUSTC_WRAPPER": "sccache", "CARGO_INCREMENTAL": "0"}
        target = str(self.folder / "targets" / place)
        return {**cell, "target": target, "env": env, "flags": flags}

    def spec(self, only_fetch: bool = False) -> dict:
        """What the script is told."""
        tree = self.ground.tree
        return {
            "cells": [self.cell(cell) for cell in self.cells],
            "subject": str(tree.subject_in(self.folder / "input")),
            "work": str(tree.subject_in(self.folder / "work")),
            "crates": tree.config.crates,
            "companions": tree.config.companions,
            "resolver": f"{self.ground.cells[0]['sysroot']}/bin/cargo",
            "only_fetch": only_fetch,
            "hack": hack_range(self.ground) if self.name == "hack" else "",
        }

    def phase(self, phase: str) -> Row:
        """One run over all its cells."""
        spec, found = self.folder / "spec.json", self.folder / f"answers-{phase}.json"
        spec.write_text(json.dumps(self.spec()))
        tree = self.ground.tree
        tree.lay_out_beside(self.folder / "work")
        command = [sys.executable, "-B", str(HERE / "peers.py"), str(spec), str(found)]
        folders = [self.folder / "targets", self.folder / "work", self.folder / "sccache"]
        log = self.ground.work / f"{self.name}.log"
        server = Server(self.folder, self.env, log) if self.name == "sccache" else None
        try:
            also = [server.child.pid] if server else []
            measured = measure(command, self.env, self.folder, log, folders, also)
        finally:
            cpu = server.stop() if server else 0.0
        measured.cpu += cpu
        row = Row(self.name, phase, measured, scale=self.scale, failed=measured.code != 0)
        row.answers = of_peers(found)
        row.n_cells = row.n_answers = len(row.answers)
        if self.scale != 1.0:
            measured.wall *= self.scale
            measured.cpu *= self.scale
            measured.disk = int(measured.disk * self.scale)
            row.note = f"extrapolated from {len(self.cells)} of {len(self.ground.cells)} cells"
        if self.name == "hack":
            row.n_cells = row.n_answers = len(self.ground.cells)
            row.note = "a loop over the pins around it; no answer for single targets"
        return row


class Server:
    """sccache's server as a child of ours: as a daemon its compiles would be no one's."""

    def __init__(self, folder: Path, env: Dict[str, str], log: Path):
        env["SCCACHE_DIR"] = str(folder / "sccache")
        env["SCCACHE_SERVER_UDS"] = str(folder / "sccache.sock")
        env["SCCACHE_IDLE_TIMEOUT"] = "0"
        self.env = env
        started = {**env, "SCCACHE_START_SERVER": "1", "SCCACHE_NO_DAEMON": "1"}
        out = open(log, "ab")
        self.child = subprocess.Popen(["sccache"], env=started, stdout=out, stderr=out)

    def stop(self) -> float:
        """Ends the server; the CPU time of it and all it compiled."""
        subprocess.run(
            ["sccache", "--stop-server"],
            env=self.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, status, usage = os.wait4(self.child.pid, 0)
        self.child.returncode = status
        return usage.ru_utime + usage.ru_stime


class Tool:
    """pinmatrix itself."""

    def __init__(self, name: str, folder: Path, ground: Ground):
        self.name, self.folder, self.ground = name, folder, ground
        self.log = folder / "compiles.jsonl"
        self.env = base_env()
        self.env["PINMATRIX_CACHE"] = str(folder / "cache")
        self.env["RUSTC_WRAPPER"] = str(wrapper(folder / "bin" / "timed", self.log))
        self.out = folder / "out"
        # `timed` writes from within the sandbox of a cell.
        self.log.touch()
        with open(ground.tree.config_in(folder / "input"), "a", encoding="utf-8") as config:
            allow = f'for = "build"\nwrite = ["{self.log}"]\nreason = "what compiles take"\n'
            config.write(f"\n[[sandbox.allow]]\n{allow}")

    def command(self) -> List[str]:
        """The tool with its flags."""
        tree = self.ground.tree
        config = tree.config_in(self.folder / "input")
        command = [str(self.ground.tool), "matrix"]
        if self.name == "bisect":
            command += ["bisect", "--case", self.ground.case or ""]
            command += ["--target", self.ground.target] if self.ground.target else []
        else:
            command += ["run"] + (["--full"] if self.name == "full" else [])
        command += ["--config", str(config), "--out", str(self.out)]
        return command + (["--offline"] if self.ground.offline else [])

    def phase(self, phase: str) -> Row:
        """One run of the tool."""
        folders = [self.folder / "cache", self.out]
        log = self.ground.work / f"{self.name}.log"
        measured = measure(self.command(), self.env, self.folder, log, folders)
        row = Row(self.name, phase, measured)
        if self.name == "bisect":
            return self.bisected(row)
        row.answers, counts = of_tool(self.out / "run.json")
        row.n_cells = counts["ran"]
        row.n_answers = counts["ran"] + counts["known"] + counts["inferred"]
        # 0 and 1 are answers; anything else says that the run itself went wrong.
        row.failed = measured.code not in (0, 1) or row.n_answers != len(self.ground.cells)
        if counts["inconclusive"]:
            row.failed = True
            row.note = f"{counts['inconclusive']} cells inconclusive"
        elif counts["inferred"]:
            row.note = f"{counts['inferred']} of {len(self.ground.cells)} cells inferred"
        return row

    def bisected(self, row: Row) -> Row:
        """The row of a bisection."""
        file = self.out / "bisection.json"
        told = json.loads(file.read_text()) if file.exists() else {}
        row.note, row.n_cells = bisection(told)
        row.n_answers = row.n_cells
        row.failed = row.measured.code != 0
        return row


def bisection(told: dict):
    """What a bisection found, in words, and how many points it asked."""
    asked = {asked["point"]: asked["answer"] for asked in told.get("asked", [])}
    along = [point for point in told.get("points", []) if asked.get(point) in ("good", "bad")]
    changes = [f"{a} / {b}" for a, b in zip(along, along[1:]) if asked[a] != asked[b]]
    found = f"changes between {', '.join(changes)}; " if changes else ""
    return f"{found}asked {len(asked)} of {len(told.get('points', []))} points", len(asked)
