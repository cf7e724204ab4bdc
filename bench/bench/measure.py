"""One child process with all it starts: how long it took, how much CPU time, disk and memory.

Every contestant is such a child, so that all are measured in the same way.
"""

import os
import resource
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, Iterable, List, Set

from . import machine

DISK_EVERY = 2.0
MEMORY_EVERY = 1.0
# How much longer than a look at the disk the pause after it is, so that looking stays cheap.
PAUSE = 20
# How long a child may take to end once it was asked to.
PATIENCE = 30.0


@dataclass
class Measured:
    """What a child took."""

    wall: float  # seconds
    cpu: float  # seconds, user and system, of the child and all it waited for
    disk: int  # bytes, the most that its folders held
    memory: int  # bytes, the most that its process tree held
    load: float  # of the machine, as it ended
    code: int  # exit code, or minus the signal


class Interrupted(Exception):
    """The person asked to stop; the child has ended."""


def measure(
    command: List[str],
    env: Dict[str, str],
    cwd: Path,
    log: Path,
    folders: Iterable[Path],
    servers: Iterable[int] = (),
) -> Measured:
    """Runs a child to its end. What it prints goes to a log. The memory of servers that work for
    it counts as its own."""
    folders = list(folders)
    with open(log, "ab") as out:
        out.write(("$ " + " ".join(command) + "\n").encode())
        out.flush()
        # Linux counts what this process held as the child's, up to the child's exec.
        floor = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        child = subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    ended = threading.Event()
    result = {}

    def wait() -> None:
        _, status, usage = os.wait4(child.pid, 0)
        result.update(wall=time.perf_counter() - started, status=status, usage=usage)
        ended.set()

    memory = Memory(child.pid, servers)
    disk = Disk(folders)
    threads = [
        threading.Thread(target=run, daemon=True)
        for run in (wait, lambda: memory.watch(ended), lambda: disk.watch(ended))
    ]
    for thread in threads:
        thread.start()
    interrupted = False
    try:
        while not ended.wait(0.5):
            pass
    except KeyboardInterrupt:
        interrupted = True
        stop(child.pid, ended, memory)
    for thread in threads:
        thread.join()
    disk.look()
    status, usage = result["status"], result["usage"]
    child.returncode = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    if interrupted:
        raise Interrupted()
    return Measured(
        wall=result["wall"],
        cpu=usage.ru_utime + usage.ru_stime,
        disk=disk.peak,
        # Between two looks the largest single process may have been and gone.
        memory=max(memory.peak, usage.ru_maxrss * 1024 if usage.ru_maxrss > floor else 0),
        load=machine.load(),
        code=child.returncode,
    )


def stop(pid: int, ended: threading.Event, memory: "Memory") -> None:
    """Asks a child to end as Ctrl-C would, and ends what is left of its tree if it does not."""
    os.killpg(pid, signal.SIGINT)
    try:
        if ended.wait(PATIENCE):
            return
    except KeyboardInterrupt:
        pass
    for one in memory.tree() | {pid}:
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            pass
    ended.wait()


class Memory:
    """The memory of a process tree: what each process has, with shared pages split (PSS)."""

    def __init__(self, root: int, servers: Iterable[int] = ()):
        self.root = root
        self.servers = set(servers)
        self.peak = 0

    def watch(self, ended: threading.Event) -> None:
        """Looks now and then until the child has ended."""
        pause = 0.02  # Some children end within a second.
        while not ended.wait(pause):
            self.peak = max(self.peak, sum(map(memory_of, self.tree(self.servers))))
            pause = min(1.5 * pause, MEMORY_EVERY)

    def tree(self, roots: Iterable[int] = ()) -> Set[int]:
        """The child and all below it, and what has lost its parent but not its session; other
        roots too, where they are given."""
        parents, tree = {}, set(roots)
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    fields = file.read().rsplit(b")", 1)[1].split()
            except (OSError, IndexError):
                continue
            parents[int(name)] = int(fields[1])
            if int(fields[3]) == self.root:
                tree.add(int(name))
        for pid in parents:
            line, at = [], pid
            while at in parents and at != self.root and at not in tree:
                line.append(at)
                at = parents[at]
            if at == self.root or at in tree:
                tree.update(line)
        return tree


def memory_of(pid: int) -> int:
    """PSS in bytes, else RSS; 0 for a process that has ended."""
    for path, key in ((f"/proc/{pid}/smaps_rollup", b"Pss:"), (f"/proc/{pid}/status", b"VmRSS:")):
        try:
            with open(path, "rb") as file:
                for line in file:
                    if line.startswith(key):
                        return int(line.split()[1]) * 1024
        except OSError:
            continue
    return 0


class Disk:
    """The disk space of folders: each file once, however many names it has."""

    def __init__(self, folders: List[Path]):
        self.folders = folders
        self.peak = 0

    def watch(self, ended: threading.Event) -> None:
        """Looks now and then until the child has ended."""
        pause = DISK_EVERY
        while not ended.wait(pause):
            started = time.perf_counter()
            self.look()
            pause = max(DISK_EVERY, PAUSE * (time.perf_counter() - started))

    def look(self) -> None:
        """One look."""
        seen: Dict[tuple, int] = {}
        open_folders = [str(folder) for folder in self.folders]
        while open_folders:
            try:
                with os.scandir(open_folders.pop()) as entries:
                    for entry in entries:
                        info = entry.stat(follow_symlinks=False)
                        seen[info.st_dev, info.st_ino] = info.st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            open_folders.append(entry.path)
            except OSError:
                continue  # It was removed while we looked.
        self.peak = max(self.peak, sum(seen.values()))
