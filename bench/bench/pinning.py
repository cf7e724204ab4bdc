"""A cell as a person's script would set it up: the subject's files, the family's requirements at
`=X`, and a lock that holds the family there."""

import json
import re
import subprocess
from pathlib import Path
from typing import Dict, List

SECTION = re.compile(r"^\s*\[+\s*(.*?)\s*\]+\s*(#.*)?$")
DEPENDENCIES = re.compile(r"(^|\.)(dev-|build-)?dependencies(\.(?P<key>.+))?$")
VERSION = re.compile(r"""(\bversion\s*=\s*)(["'])[^"']*\2""")
PACKAGE = re.compile(r"""\bpackage\s*=\s*["']([^"']+)["']""")
LINE = re.compile(r"""^(\s*["']?)(?P<key>[\w-]+)(["']?)(?P<dot>\.version)?\s*=\s*(?P<value>.*)$""")
IGNORED = {"target", ".git", "rust-toolchain", "rust-toolchain.toml"}


def pinned(manifest: str, crates: List[str], version: str) -> str:
    """A manifest that requires exactly this version of some crates."""
    section, lines, table_key, table = None, [], None, []

    def close_table() -> None:
        text = "\n".join(table)
        package = PACKAGE.search(text)
        if (package.group(1) if package else table_key) in crates:
            text = VERSION.sub(rf"\g<1>\g<2>={version}\g<2>", text)
        lines.extend(text.split("\n") if table else [])

    for line in manifest.split("\n"):
        header = SECTION.match(line)
        if header and "=" not in line.split("]")[-1]:
            if table_key:
                close_table()
            section, table_key, table = DEPENDENCIES.search(header.group(1)), None, []
            if section and section.group("key"):
                table_key = section.group("key").strip("\"'")
            lines.append(line)
        elif table_key:
            table.append(line)
        elif section:
            lines.append(pinned_line(line, crates, version))
        else:
            lines.append(line)
    if table_key:
        close_table()
    return "\n".join(lines)


def pinned_line(line: str, crates: List[str], version: str) -> str:
    """One `key = ...` of a table of dependencies. A table in it may go on over several lines, of
    which only the first holds the version in practice."""
    found = LINE.match(line)
    if not found:
        return line
    value, start = found.group("value"), found.start("value")
    package = PACKAGE.search(value)
    if (package.group(1) if package else found.group("key")) not in crates:
        return line
    if value[:1] in "\"'":
        quote = value[0]
        rest = value[1:].split(quote, 1)[1]
        return f"{line[:start]}{quote}={version}{quote}{rest}"
    return line[:start] + VERSION.sub(rf"\g<1>\g<2>={version}\g<2>", value)


def stage(subject: Path, work: Path, crates: List[str], version: str) -> None:
    """Brings the working copy up to date, pinned. Only what differs is written: cargo goes by the
    time of a file, and a person's checkout leaves alone what a branch does not change."""
    for source in files(subject):
        path = source.relative_to(subject)
        content = source.read_bytes()
        if path.name == "Cargo.toml":
            content = pinned(content.decode(), crates, version).encode()
        target = work / path
        if target.exists() and target.read_bytes() == content and path.name != "Cargo.lock":
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(source.stat().st_mode | 0o200)


def files(folder: Path) -> List[Path]:
    """All files of a subject, without what builds leave in it."""
    found = []
    for path in sorted(folder.iterdir()):
        if path.name in IGNORED:
            continue
        found.extend(files(path) if path.is_dir() else [path])
    return found


def lock(cell: dict, spec: dict, work: Path, env: Dict[str, str]) -> str:
    """Gives the working copy the cell's lock: the committed one, else the subject's own, moved as
    far as the pin needs, and companions put back to the pin. Returns what went wrong, if it did."""
    if cell["lock"]:
        (work / "Cargo.lock").write_bytes(Path(cell["lock"]).read_bytes())
        return ""
    if not spec["companions"]:
        return ""  # The build moves the lock by itself.
    cargo = spec["resolver"]
    metadata = graph(cargo, work, env)
    if isinstance(metadata, str):
        return metadata
    # Moving one companion can free another that something of its was holding.
    for _ in range(3):
        moved = False
        for package in metadata["packages"]:
            name, version = package["name"], package["version"]
            if package["source"] is None or version == cell["version"]:
                continue
            if not any(Path(name).match(glob) for glob in spec["companions"]):
                continue
            update = ["update", "--package", f"{name}@{version}", "--precise", cell["version"]]
            moved |= subprocess.run([cargo] + update, cwd=work, env=env).returncode == 0
        if not moved:
            return ""
        metadata = graph(cargo, work, env)
        if isinstance(metadata, str):
            return metadata
    return ""


def graph(cargo: str, work: Path, env: Dict[str, str], no_deps: bool = False):
    """Cargo's metadata, or its words where it has none. Moves the lock, but for `no_deps`."""
    command = [cargo, "metadata", "--format-version", "1"] + (["--no-deps"] if no_deps else [])
    done = subprocess.run(command, cwd=work, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        return done.stderr.decode(errors="replace").strip() or "cargo metadata failed"
    return json.loads(done.stdout)
