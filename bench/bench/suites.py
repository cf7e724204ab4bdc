"""The suites that hold contestants side by side: which subject, pins, toolchains and case."""

import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Optional

from . import members
from .config import Config, UserError
from .contestants import Ground, Peer, base_env
from .machine import said
from .trees import Tree

REPOSITORY = Path(__file__).resolve().parents[2]
REGISTRY = "tests/fixtures/registry"


@dataclass
class Suite:
    """A subject, and what is asked of it unless flags say otherwise."""

    config: str
    pins: List[str]  # empty: all that the local registry has
    toolchains: List[str]
    case: str
    target: str = ""  # where several have such a case
    beside: List[str] = field(default_factory=list)
    offline: bool = False
    # Writes the subject and its config, where they are made for this suite.
    make: Optional[Callable[[Path, Path], None]] = None


SUITES = {
    "real": Suite(
        config="matrix.toml",
        pins=["24.0.5", "28.0.1", "32.0.1", "36.0.3"],
        toolchains=["stable", "1.85"],
        case="with_override::host_is_forbidden",
        target="wasi-http-headers test:before",
    ),
    "members": Suite(
        config="matrix.toml",
        pins=["24.0.5", "36.0.3"],
        toolchains=["stable"],
        case="with_override::host_is_forbidden",
        target="wasi-http-headers test:before",
        make=members.make,
    ),
    "fixtures": Suite(
        config="tests/fixtures/subjects/long_history/matrix.toml",
        pins=[],
        toolchains=["stable", "1.78"],
        case="odd_ratio_is_rounded_down",
        beside=[REGISTRY],
        offline=True,
    ),
}
# What `--short` looks at: a pin that is inferred, and one behind each change of the fixture.
SHORT_PINS = ["1.0.0", "2.0.0", "3.0.0", "6.0.0", "10.0.0"]


def ground(name: str, tool: Path, work: Path, options) -> Ground:
    """Everything that the contestants of a suite share, looked up and checked."""
    suite = SUITES[name]
    root = REPOSITORY
    if suite.make:
        root = work / "made"
        suite.make(root, REPOSITORY)
    path = root / (options.config or suite.config)
    config = Config(path)
    pins = options.pins or suite.pins or local_versions(config.crates[0])
    tree = Tree(root, path, pins, suite.beside)
    wanted = options.toolchains or suite.toolchains
    unknown = [label for label in wanted if label not in config.labels()]
    if unknown:
        raise UserError(f"{path} has no toolchain {', '.join(unknown)}")
    found = toolchains(tool, path)
    missing = [label for label in wanted if label not in found]
    for label in missing:
        print(f"toolchain {label} is not on this machine and takes no part", flush=True)
    tree.toolchains = [label for label in wanted if label in found]
    if not tree.toolchains:
        raise UserError("none of the toolchains is on this machine")
    cells = []
    for label in tree.toolchains:
        for pin in pins:
            cell = f"{label}@{config.family}-{pin}"
            cells.append({**found[label], "id": cell, "version": pin, "lock": tree.lock_of(cell)})
    versions = {}
    for label in tree.toolchains:
        rustc = f"{found[label]['sysroot']}/bin/rustc"
        versions[rustc] = said([rustc, "-V"], env=with_libraries(found[label]["sysroot"])) or rustc
    return Ground(
        suite=name,
        tool=tool,
        work=work,
        tree=tree,
        cells=cells,
        rustc_versions=versions,
        phases=options.phases,
        case=options.case or suite.case,
        target=options.target or (suite.target if not options.case else ""),
        extrapolate=options.extrapolate,
        offline=options.offline or suite.offline,
    )


def with_libraries(sysroot: str) -> Dict[str, str]:
    """The environment in which a toolchain's programs find their libraries."""
    return {**base_env(), "LD_LIBRARY_PATH": f"{sysroot}/lib"}


def toolchains(tool: Path, config: Path) -> Dict[str, dict]:
    """The toolchains of a config that are on this machine, by label, as the tool finds them."""
    command = [str(tool), "matrix", "toolchains", "--format", "json", "--config", str(config)]
    told = said(command, env=base_env())
    if told is None:
        raise UserError(f"`{' '.join(command)}` fails")
    found = {}
    for one in json.loads(told):
        if not one["source"]:
            continue
        kind, place = one["source"].split(" ", 1)
        sysroot: Optional[str] = place
        if kind == "rustup":
            rustc = said(["rustup", "which", "--toolchain", place, "rustc"])
            sysroot = str(Path(rustc).parent.parent) if rustc else None
        if sysroot:
            version = [int(part) for part in one["cargo"].split()[1].split("-")[0].split(".")]
            found[one["label"]] = {"label": one["label"], "sysroot": sysroot, "cargo": version}
    return found


def local_versions(name: str) -> List[str]:
    """The versions of a crate in the fixtures' registry that count for a ladder."""
    folder = {1: "1", 2: "2", 3: f"3/{name[0]}"}.get(len(name), f"{name[:2]}/{name[2:4]}")
    index = REPOSITORY / REGISTRY / "index" / folder / name
    try:
        told = [json.loads(line) for line in index.read_text().splitlines()]
    except OSError as error:
        raise UserError(f"which pins? {error}") from error
    return [one["vers"] for one in told if not one["yanked"] and "-" not in one["vers"]]


def fetch(ground: Ground, log: Path) -> None:
    """Downloads what the cells need, so that no contestant pays for it. Not measured."""
    folder = ground.work / "fetch"
    peer = Peer("shared", folder, ground)
    ground.tree.copy(folder / "input")
    ground.tree.lay_out_beside(folder / "work")
    spec = folder / "spec.json"
    spec.write_text(json.dumps(peer.spec(only_fetch=True)))
    script = Path(__file__).resolve().parent / "peers.py"
    with open(log, "ab") as out:
        command = [sys.executable, "-B", str(script), str(spec), str(folder / "answers.json")]
        subprocess.run(command, env=peer.env, cwd=folder, stdout=out, stderr=out, check=True)
