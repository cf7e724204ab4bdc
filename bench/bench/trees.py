"""The part of the repository that a contestant works on: copied, narrowed, and never the original."""

import shutil
from pathlib import Path
from typing import List, Optional

from . import pinning
from .config import Config, UserError


class Tree:
    """A config, its subject, and what these need beside them, all below one root."""

    def __init__(self, root: Path, config: Path, pins: List[str], beside: List[str]):
        self.root = root.resolve()
        self.config = Config(config.resolve())
        self.pins = pins
        self.toolchains = self.config.labels()
        self.beside = beside  # folders below the root that the subject leads to
        self.folder = self.config.path.parent
        self.subject = (self.folder / self.config.subject).resolve()

    def config_in(self, copy: Path) -> Path:
        """The config of a copy."""
        return copy / self.config.path.relative_to(self.root)

    def subject_in(self, copy: Path) -> Path:
        """The subject of a copy."""
        return copy / self.subject.relative_to(self.root)

    def lock_of(self, cell: str) -> Optional[str]:
        """The committed lock of a cell."""
        if not self.config.locks:
            return None
        lock = self.folder / self.config.locks / f"{cell}.lock"
        return str(lock) if lock.is_file() else None

    def copy(self, to: Path) -> Path:
        """Copies all of it; returns the subject of the copy."""
        subject = self.subject_in(to)
        for source in pinning.files(self.subject):
            target = subject / source.relative_to(self.subject)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
        self.lay_out_beside(to)
        if self.config.locks:
            locks = self.folder / self.config.locks
            shutil.copytree(locks, to / locks.resolve().relative_to(self.root))
        config = self.config_in(to)
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text(self.config.narrowed(self.pins, self.toolchains))
        return subject

    def lay_out_beside(self, to: Path) -> None:
        """Puts in place what the subject leads to."""
        for name in self.beside:
            if not (to / name).exists():
                shutil.copytree(self.root / name, to / name)

    def touch(self, subject: Path) -> Path:
        """Changes one test file of a copy, in a way that changes no answer."""
        tests = [p for p in pinning.files(subject) if p.parent.name == "tests" and p.suffix == ".rs"]
        if not tests:
            raise UserError(f"{self.subject} has no test file to change")
        with open(tests[0], "a", encoding="utf-8") as file:
            file.write("\n// Changed.\n")
        return tests[0]
