#!/usr/bin/env python3
"""The loop that a person would write: pin, lock, build, run every test executable; for every cell.

A program of its own, so that it is measured as any other contestant is.
usage: peers.py SPEC.json ANSWERS.json
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Dict, List

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from bench import pinning

KEEP_GOING_SINCE = (1, 74)
KINDS = {"lib", "rlib", "dylib", "cdylib", "staticlib", "proc-macro"}


def main(spec_file: str, answers_file: str) -> None:
    spec = json.loads(Path(spec_file).read_text())
    answers = []
    for cell in spec["cells"]:
        started = time.perf_counter()
        targets, refused = run_cell(cell, spec)
        answers.append(
            {
                "cell": cell["id"],
                "seconds": round(time.perf_counter() - started, 3),
                "targets": targets,
                "refused": refused,
            }
        )
        Path(answers_file).write_text(json.dumps(answers, indent=1))


def run_cell(cell: dict, spec: dict):
    """What became of each target of a cell, or why there is none."""
    print(f"== {cell['id']}", flush=True)
    work, env = Path(spec["work"]), environment(cell, spec)
    pinning.stage(Path(spec["subject"]), work, spec["crates"], cell["version"])
    trouble = pinning.lock(cell, spec, work, env)
    if trouble:
        return {}, trouble
    if spec["hack"]:
        return hack(cell, spec, work, env)
    cargo = f"{cell['sysroot']}/bin/cargo"
    if spec["only_fetch"]:
        subprocess.run([cargo, "fetch"], cwd=work, env=env)
        return {}, ""
    metadata = pinning.graph(cargo, work, env, no_deps=True)
    if isinstance(metadata, str):
        return {}, metadata
    targets = list(test_targets(metadata))
    made = build(cargo, cell, targets, work, env)
    results = {}
    for target in targets:
        executable = made.get((target["id"], target["kind"], target["name"]))
        results[target["shown"]] = "not built"
        if executable:
            ended = run_test(executable, target, env)
            results[target["shown"]] = "passed" if ended == 0 else "failed"
    if made:
        command = [cargo, "test", "--doc"] + cell["flags"] + ["--target-dir", cell["target"]]
        doc_tests(command, metadata, work, env, results)
    return results, ""


def environment(cell: dict, spec: dict) -> Dict[str, str]:
    """A person's environment, with the cell's toolchain first. The target folder is no part of it:
    sccache takes CARGO_TARGET_DIR for something that decides what a compile gives."""
    sysroot = cell["sysroot"]
    own = {
        "PATH": f"{sysroot}/bin:{os.environ['PATH']}",
        "LD_LIBRARY_PATH": f"{sysroot}/lib:{os.environ.get('LD_LIBRARY_PATH', '')}".rstrip(":"),
    }
    return {**os.environ, **own, **cell["env"]}


def test_targets(metadata: dict):
    """The targets that `cargo build --tests` makes a test executable of."""
    members = set(metadata["workspace_members"])
    for package in metadata["packages"]:
        for target in package["targets"]:
            if package["id"] in members and target["test"]:
                kind = kind_of(target)
                yield {
                    "id": package["id"],
                    "package": package["name"],
                    "folder": str(Path(package["manifest_path"]).parent),
                    "kind": kind,
                    "name": target["name"],
                    "shown": shown(package["name"], kind, target["name"]),
                }


def kind_of(target: dict) -> str:
    """A target's kind, the kinds of libraries as one."""
    return "lib" if target["kind"][0] in KINDS else target["kind"][0]


def shown(package: str, kind: str, name: str) -> str:
    """A target as reports of the tool name it."""
    return f"{package} {kind}:{name.replace('-', '_') if kind in ('lib', 'doc') else name}"


def build(cargo: str, cell: dict, targets: List[dict], work: Path, env: Dict[str, str]):
    """Compiles all targets as far as each goes; the executables that came of it."""
    made = {}

    def listen(args: List[str]) -> int:
        command = [cargo] + args + cell["flags"]
        command += ["--target-dir", cell["target"], "--message-format=json"]
        done = subprocess.run(command, cwd=work, env=env, stdout=subprocess.PIPE)
        for line in done.stdout.splitlines():
            message = json.loads(line) if line.startswith(b"{") else {}
            if message.get("executable") and message["profile"]["test"]:
                target = message["target"]
                name = (message["package_id"], kind_of(target), target["name"])
                made[name] = message["executable"]
        return done.returncode

    every = ["build", "--workspace", "--tests"]
    if tuple(cell["cargo"][:2]) >= KEEP_GOING_SINCE:
        listen(every + ["--keep-going"])
    elif listen(every) != 0:
        for target in targets:
            choice = ["--lib"] if target["kind"] == "lib" else [f"--{target['kind']}", target["name"]]
            listen(["test", "--no-run", "--package", target["package"]] + choice)
    return made


def run_test(executable: str, target: dict, env: Dict[str, str]) -> int:
    """One test executable, where cargo would run it."""
    folder = target["folder"]
    return subprocess.run(
        [executable], cwd=folder, env={**env, "CARGO_MANIFEST_DIR": folder}
    ).returncode


def doc_tests(
    command: List[str], metadata: dict, work: Path, env: Dict[str, str], results: dict
) -> None:
    """The doc tests of every library that has them and builds."""
    members = set(metadata["workspace_members"])
    for package in metadata["packages"]:
        for target in package["targets"]:
            if package["id"] not in members or kind_of(target) != "lib" or not target["doctest"]:
                continue
            if results.get(shown(package["name"], "lib", target["name"])) == "not built":
                continue
            asked = command + ["--package", package["name"]]
            done = subprocess.run(asked, cwd=work, env=env, stdout=subprocess.PIPE)
            # A library without any is no answer.
            if done.returncode != 0 or b" ... " in done.stdout:
                results[shown(package["name"], "doc", target["name"])] = (
                    "passed" if done.returncode == 0 else "failed"
                )


def hack(cell: dict, spec: dict, work: Path, env: Dict[str, str]):
    """One pin with cargo-hack, on all toolchains of its range. It says no more than whether all
    went well."""
    command = ["cargo", "hack", "--version-range", spec["hack"], "--keep-going", "test"]
    command += ["--workspace", "--no-fail-fast", "--target-dir", cell["target"]]
    subprocess.run(command, cwd=work, env=env)
    return {}, "cargo-hack tells no single targets"


if __name__ == "__main__":
    main(*sys.argv[1:])
