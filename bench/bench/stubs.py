"""The made-up matrix of suite scale: stub toolchains, a generated index, and a subject over it."""

import json
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Dict

from .contestants import HERE

STUBS = HERE.parent / "stub" / "bin"
TOOLCHAINS = {"one": "1.90.0", "two": "1.91.0"}
MOST_VERSIONS = 1000
CHECKSUM = "0" * 64


def shape(n_cells: int):
    """How many feature sets and published versions make about so many cells on two toolchains."""
    n_each = max(1, n_cells // len(TOOLCHAINS))
    n_versions = min(MOST_VERSIONS, n_each)
    return max(1, round(n_each / n_versions)), n_versions


def lay_out(folder: Path, n_cells: int, counting: bool = False) -> int:
    """Writes a matrix of about so many cells; returns how many they are."""
    n_features, n_versions = shape(n_cells)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "calls").touch()
    for label, release in TOOLCHAINS.items():
        stubs(folder / label / "bin", release, folder / "calls" if counting else None)
    index = folder / "registry" / "index" / "3" / "c" / "cog"
    index.parent.mkdir(parents=True, exist_ok=True)
    with open(index, "w", encoding="utf-8") as file:
        for at in range(n_versions):
            entry = {"name": "cog", "vers": f"1.{at}.0", "deps": [], "cksum": CHECKSUM}
            file.write(json.dumps({**entry, "features": {}, "yanked": False}) + "\n")
    subject = folder / "subject"
    labels = [f"f{at:03}" for at in range(n_features)]
    write(subject / "Cargo.toml", manifest(labels))
    write(subject / "Cargo.lock", 'version = 3\n\n[[package]]\nname = "cog"\nversion = "1.0.0"\n')
    write(subject / "src" / "lib.rs", "//! Nothing.\n")
    write(subject / "tests" / "works.rs", "#[test]\nfn passes() {}\n")
    source = '[source.crates-io]\nreplace-with = "made-up"\n\n[source.made-up]\n'
    write(subject / ".cargo" / "config.toml", source + 'local-registry = "../registry"\n')
    write(subject / "matrix.toml", matrix(labels, n_versions))
    return n_features * n_versions * len(TOOLCHAINS)


def write(path: Path, text: str) -> None:
    """Writes a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def manifest(labels) -> str:
    """The subject's Cargo.toml."""
    features = "".join(f"{label} = []\n" for label in labels)
    return (
        '[package]\nname = "many"\nversion = "0.1.0"\nedition = "2021"\nrust-version = "1.63"\n\n'
        "[lib]\ntest = false\ndoctest = false\n\n"
        f'[dependencies]\ncog = "1.0.0"\n\n[features]\n{features}\n[workspace]\n'
    )


def matrix(labels, n_versions: int) -> str:
    """The subject's matrix.toml."""
    text = '[subject]\npath = "."\n\n[sandbox]\nwrite = ["../calls"]\n'
    for label in TOOLCHAINS:
        text += f'\n[[toolchain]]\nlabel = "{label}"\ndir = "../{label}"\n'
    for label in labels:
        text += f'\n[[features]]\nlabel = "{label}"\nfeatures = ["{label}"]\n'
    pins = ", ".join(f'"1.{at}.0"' for at in range(n_versions))
    return text + f'\n[[family]]\nname = "cog"\ncrates = ["cog"]\npins = [{pins}]\n'


def stubs(folder: Path, release: str, calls=None) -> None:
    """Copies the stubs, as a toolchain of that release; `calls` is where each call is written."""
    folder.mkdir(parents=True, exist_ok=True)
    for stub in STUBS.iterdir():
        text = stub.read_text().replace("1.90.0", release)
        if calls:
            # The words up to the first that differs from cell to cell say which call it is.
            text = text.replace("#@count@", f'echo "${{0##*/}} $1" >> \'{calls}\'', 1)
        write(folder / stub.name, text)
        (folder / stub.name).chmod(0o755)


def cost(folder: Path, calls: Dict[str, float], n: int = 100) -> float:
    """What the stubs alone take for these calls, in seconds: each run over and over by a shell,
    which starts programs as cheaply as anything does."""
    total = 0.0
    for call, times in calls.items():
        program, word = call.split(" ", 1)
        script = f'i=0; while [ $i -lt {n} ]; do "$1" {word} > /dev/null; i=$((i+1)); done'
        path = folder / "one" / "bin" / program
        started = time.perf_counter()
        command = ["sh", "-c", script, "sh", str(path)]
        subprocess.run(command, cwd=folder / "subject", check=True)
        total += (time.perf_counter() - started) / n * times
    return total


def counted(folder: Path, n_cells: int) -> Dict[str, float]:
    """The calls that a cell makes, on average, from what counting stubs wrote. Those by which the
    tool asks what is there once a run are in it too; they make no difference."""
    counts = Counter((folder / "calls").read_text().splitlines())
    return {call: times / n_cells for call, times in counts.items() if not call.endswith(" -V")}
