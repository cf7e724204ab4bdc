"""matrix.toml as far as the benchmark needs it: a few values read, and a smaller copy written.

Python has a TOML reader from 3.11 only, and never a writer. So this works on lines: tables that
start at a line's beginning, keys that start a line, and lists of strings over one or many lines.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

HEADER = re.compile(r"^\[\[?([A-Za-z-]+)\]\]?\s*(#.*)?$")
STRING = re.compile(r'"([^"]*)"')


class UserError(Exception):
    """Something a person has to put right: a flag, a config, a program that is missing."""


@dataclass
class Table:
    """One table: its name, and its lines with the header."""

    name: str
    lines: List[str]

    def value(self, key: str) -> Optional[str]:
        """What stands behind `key =`, comments left out; None where it is not written."""
        span = self.span(key)
        if span is None:
            return None
        text = "\n".join(without_comment(line) for line in self.lines[span[0] : span[1]])
        return text.split("=", 1)[1].strip()

    def string(self, key: str) -> Optional[str]:
        """A key's string."""
        strings = self.strings(key)
        return strings[0] if strings else None

    def strings(self, key: str) -> List[str]:
        """All strings of a key's list, or its one string."""
        return STRING.findall(self.value(key) or "")

    def span(self, key: str):
        """The lines of a key, from its first to behind its last."""
        for first, line in enumerate(self.lines):
            if not re.match(rf"\s*{re.escape(key)}\s*=", line):
                continue
            depth, last = 0, first
            while True:
                code = STRING.sub("", without_comment(self.lines[last]))
                depth += sum(code.count(c) for c in "[{") - sum(code.count(c) for c in "]}")
                last += 1
                if depth <= 0 or last == len(self.lines):
                    return first, last
        return None

    def replace(self, key: str, line: Optional[str]) -> None:
        """Puts a line in a key's place, or nothing; a key that is not written is added."""
        span = self.span(key)
        new = [] if line is None else [line]
        if span:
            self.lines[span[0] : span[1]] = new
        else:
            self.lines[1:1] = new


def without_comment(line: str) -> str:
    """A line up to its comment; a # in a string is none."""
    quoted = False
    for at, char in enumerate(line):
        if char == '"':
            quoted = not quoted
        elif char == "#" and not quoted:
            return line[:at]
    return line


class Config:
    """A matrix.toml."""

    def __init__(self, path: Path):
        self.path = path
        self.tables = [Table("", [])]
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise UserError(f"read {path}: {error}") from error
        for line in text.splitlines():
            header = HEADER.match(line)
            if header:
                self.tables.append(Table(header.group(1), [line]))
            else:
                self.tables[-1].lines.append(line)
        families = self.all("family")
        if len(families) != 1:
            raise UserError(f"{path} has {len(families)} families; the benchmark takes one")
        family = families[0]
        self.family = family.string("name") or ""
        self.crates = family.strings("crates")
        self.companions = family.strings("companions")
        self.subject = (self.one("subject").string("path")) or "."
        self.locks = self.one("run").string("locks")

    def all(self, name: str) -> List[Table]:
        """All tables of a name."""
        return [table for table in self.tables if table.name == name]

    def one(self, name: str) -> Table:
        """The table of that name, or an empty one."""
        tables = self.all(name)
        return tables[0] if tables else Table(name, [])

    def labels(self) -> List[str]:
        """The labels of the toolchains."""
        return [table.string("label") or "" for table in self.all("toolchain")]

    def pins(self) -> List[str]:
        """The pins, where they are written out and not chosen."""
        value = self.one("family").value("pins") or ""
        return STRING.findall(value) if value.startswith("[") else []

    def narrowed(self, pins: List[str], toolchains: List[str]) -> str:
        """The same config with these pins and rows only. Claims and the baseline go, since they
        are about the whole matrix; so does `exact`, which asks for more pins than these."""
        dropped = {"claim", "exclude", "include", "source", "features", "adjust"}
        kept = []
        for table in self.tables:
            table = Table(table.name, list(table.lines))
            if table.name in dropped:
                continue
            if table.name == "toolchain" and table.string("label") not in toolchains:
                continue
            if table.name == "family":
                listed = ", ".join(f'"{pin}"' for pin in pins)
                table.replace("pins", f"pins = [{listed}]")
            if table.name == "run":
                for key in ("exact", "baseline"):
                    table.replace(key, None)
            kept.extend(table.lines)
        return "\n".join(kept) + "\n"
