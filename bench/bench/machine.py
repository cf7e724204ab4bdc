"""What the figures were measured on, and the programs they were measured with."""

import os
import platform
import shutil
import subprocess
import time
from pathlib import Path
from typing import Dict, List, Optional

from .config import UserError


def said(command: List[str], **more) -> Optional[str]:
    """What a program prints; None where it is missing or fails."""
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True, **more
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.decode(errors="replace").strip()


def facts() -> Dict[str, object]:
    """The machine, in a few words."""
    memory = None
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemTotal:"):
                memory = int(line.split()[1]) * 1024
    except OSError:
        pass
    cpu = None
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next((l.split(":", 1)[1].strip() for l in lines if l.startswith("model name")), None)
    except OSError:
        pass
    return {
        "cores": n_cores(),
        "cpu": cpu,
        "memory": memory,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "cargo-hack": said(["cargo", "hack", "--version"]),
        "sccache": said(["sccache", "--version"]),
    }


def n_cores() -> int:
    """The cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def load() -> float:
    """How busy the machine was in the last minute."""
    return round(os.getloadavg()[0], 2)


def build_tool(repository: Path, release: bool) -> Path:
    """The tool, built from the repository as it stands. Its build is not measured."""
    import json

    command = ["cargo", "build", "--quiet", "--locked", "--package", "xtask", "--bin", "xtask"]
    command += ["--message-format=json"] + (["--release"] if release else [])
    done = subprocess.run(command, cwd=repository, stdout=subprocess.PIPE)
    if done.returncode != 0:
        raise UserError("the tool does not build")
    for line in done.stdout.decode().splitlines():
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "xtask":
            return Path(message["executable"])
    raise UserError("cargo built the tool and did not say where")


def timed_overhead(timed: Path, scratch: Path, n: int = 40) -> float:
    """What the compile wrapper adds to one compile, in seconds: measured on a program that does
    nothing, with and without it, on a source that no registry holds (the dearer case)."""
    true = shutil.which("true") or "/bin/true"
    source = scratch / "nothing.rs"
    source.write_text("")
    args = ["--crate-name", "nothing", "-C", "metadata=0", str(source)]
    took = []
    for command in ([true], [str(timed), true]):
        started = time.perf_counter()
        for _ in range(n):
            subprocess.run(command + args, check=True)
        took.append(time.perf_counter() - started)
    return max(0.0, (took[1] - took[0]) / n)
