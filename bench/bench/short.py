"""`--short`: few cells, small sizes, and a check of what must hold whatever the machine."""

from typing import List

from . import suites

CONTESTANTS = ["loop", "full", "default", "bisect"]


def choose(options) -> None:
    """The flags that --short stands for; what was given stays."""
    options.suites = ["fixtures", "scale"]
    options.pins = options.pins or suites.SHORT_PINS
    options.contestants = options.contestants or CONTESTANTS
    options.sizes = options.sizes or [500, 2000]
    options.run_sizes = options.run_sizes or [10, 40]


def check(data: dict) -> int:
    """Says what does not hold; 0 when all does."""
    broken = list(promises(data))
    for promise in broken:
        print(f"bench/run: broken: {promise}")
    if not broken:
        print("bench/run: all promises hold")
    return int(bool(broken))


def promises(data: dict):
    """What is broken, in words."""
    rows = data["suites"]["fixtures"]["rows"]
    for name, phases in rows.items():
        for phase, row in phases.items():
            if row["failed"]:
                yield f"{name}, {phase}: it failed"
            yield from row.get("differences") or []
    for name in ("full", "default"):
        for phase, row in rows.get(name, {}).items():
            if row["twice"]:
                yield f"{name}, {phase}: compiled twice: {row['repeated']}"
    full = rows.get("full", {})
    if full.get("cold") and not full["cold"]["units"]:
        yield "full, cold: the compile wrapper saw no compile"
    if full.get("warm", {}).get("units"):
        yield "full, warm: something was compiled though nothing had changed"
    if full.get("touch") and not 0 < full["touch"]["units"] < full["cold"]["units"]:
        yield "full, touch: one changed test must compile something, and not everything"
    yield from (f"scale: {row['what']} failed" for row in data["scale"] if row["failed"])
