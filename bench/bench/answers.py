"""What contestants found, made comparable: of every cell, what each target showed.

A target passed, failed, or was not built. A cell that was refused as a whole (by its lock, its
toolchain) has no targets; a loop may find the same by failing to build each of them.
"""

import json
from pathlib import Path
from typing import Dict, List, Tuple

Answers = Dict[str, Dict[str, str]]

BUILD_CLASSES = {"compile", "lint", "link", "msrv", "resolve", "drift"}


def of_peers(file: Path) -> Answers:
    """What a loop wrote."""
    if not file.exists():
        return {}
    return {answer["cell"]: answer["targets"] for answer in json.loads(file.read_text())}


def of_tool(run_json: Path) -> Tuple[Answers, Dict[str, int]]:
    """What stands in run.json, and how many cells ran, were known, were inferred, are in doubt."""
    answers: Answers = {}
    counts = {"ran": 0, "known": 0, "inferred": 0, "inconclusive": 0}
    if not run_json.exists():
        return answers, counts
    for cell in json.loads(run_json.read_text())["cells"]:
        if cell["state"] == "ended":
            counts["known" if cell["reused"] else "ran"] += 1
            outcome = cell["outcome"]
            if outcome["status"] == "inconclusive":
                counts["inconclusive"] += 1
            answers[cell["id"]] = {
                f"{t['package']} {t['kind']}:{t['name']}": shown(t)
                for t in outcome.get("targets", [])
                if t["status"] in ("passed", "failed")
            }
        elif cell["state"] == "skipped" and cell["reason"] == "inferred":
            counts["inferred"] += 1
    return answers, counts


def shown(target: dict) -> str:
    """A target's status in a loop's words."""
    if target["status"] == "passed":
        return "passed"
    return "not built" if target.get("class") in BUILD_CLASSES else "failed"


def differences(ours: Answers, theirs: Answers) -> List[str]:
    """Where two contestants say something else of a cell that both ran."""
    found = []
    for cell in sorted(ours.keys() & theirs.keys()):
        left, right = ours[cell], theirs[cell]
        if was_refused(left) and was_refused(right):
            continue
        for target in sorted(left.keys() | right.keys()):
            a, b = left.get(target, "not there"), right.get(target, "not there")
            if a != b and not (is_missing(a) and is_missing(b)):
                found.append(f"{cell} {target}: {a}, not {b}")
    return found


def was_refused(targets: Dict[str, str]) -> bool:
    """True for a cell of which nothing was built."""
    return all(is_missing(shown) for shown in targets.values())


def is_missing(shown: str) -> bool:
    """Not built, or not even listed."""
    return shown in ("not built", "not there")
