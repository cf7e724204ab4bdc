"""Compile units, from what `timed` wrote down: how many, how many more than once, at what cost."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict


@dataclass
class Units:
    """The units of one measured run."""

    compiled: int = 0  # compiles that succeeded or failed
    twice: int = 0  # compiles of a registry's unit that had been compiled with success before
    failed_again: int = 0  # compiles of a unit that had failed before; no cargo keeps a failure
    cpu: float = 0.0  # seconds
    least: Dict[str, float] = field(default_factory=dict)  # of each unit, the least CPU time
    repeated: Dict[str, int] = field(default_factory=dict)  # crates compiled twice, how often


def read(log: Path, offset: int, version_of: Callable[[str], str]):
    """The units that a log tells of from an offset on, and the offset of its end."""
    units = Units()
    done, failed, repeated = set(), set(), Counter()
    least = defaultdict(lambda: float("inf"))
    if not log.exists():
        return units, 0
    with open(log, "rb") as file:
        file.seek(offset)
        for line in file:
            try:
                unit = json.loads(line)
            except ValueError:
                continue  # A compile that was killed while it wrote.
            cpu = seconds(unit["user"]) + seconds(unit["sys"])
            name = identity(unit, version_of(unit["rustc"]))
            units.compiled += 1
            units.cpu += cpu
            # A cell compiles the subject's own packages from nothing, as a fresh checkout does.
            if name in done and unit["hash"] == "-":
                units.twice += 1
                repeated[unit["crate"]] += 1
            elif name in failed:
                units.failed_again += 1
            (done if unit["code"] == 0 else failed).add(name)
            least[name] = min(least[name], cpu)
        end = file.tell()
    units.least = {name: round(cpu, 4) for name, cpu in least.items()}
    units.repeated = dict(repeated.most_common(20))
    return units, end


def identity(unit: dict, version: str) -> str:
    """What makes a compile the same as another: cargo's own hash holds package, pin, features,
    profile and dependencies. The target folder has no part in it. Where the sources are the
    subject's, their place and the content of the root count too."""
    in_registry = unit["hash"] == "-"
    place = "" if in_registry else f"{unit['folder']}/{unit['source']}#{unit['hash']}"
    test = "test" if unit["test"] else ""
    return "|".join(
        (version, unit["crate"], unit["metadata"], unit["extra"], unit["types"], test, place)
    )


def seconds(told: str) -> float:
    """`1m2.003s`, as a shell's `times` tells it."""
    minutes, rest = told.split("m")
    return int(minutes) * 60 + float(rest.rstrip("s").replace(",", "."))
