"""Finds what an attack has left behind on this machine: processes, files, sockets, shared memory, keys.

Linux only.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import site
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

EVIDENCE = "attack_evidence"
"""What the names of everything that an attack leaves behind begin with."""

GRACE_SECONDS = 3.0
PORT, SOCKET = 47390, "attack_answers"
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)


@contextlib.contextmanager
def adopting_orphans() -> Iterator[None]:
    """Makes this process the parent of every process that its descendants leave behind."""
    libc = ctypes.CDLL(None)
    libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(_SUBREAPER, 0, 0, 0, 0)


def descendants(root: int) -> dict[int, str]:
    """Returns the processes below one, zombies left out: their names by number."""
    parents: dict[int, tuple[int, str]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            status = (folder / "stat").read_text("utf-8", "replace")
            name, _paren, rest = status.partition("(")[2].rpartition(")")
            state, parent = rest.split()[:2]
            if state != "Z":
                parents[int(folder.name)] = int(parent), name
    found: dict[int, str] = {}
    pending = {root}
    while pending:
        pending = {pid for pid, (parent, _name) in parents.items() if parent in pending and pid not in found}
        found |= {pid: parents[pid][1] for pid in pending}
    return found


@dataclass
class Colleague:
    """A server on this machine that gives the right answer to whoever reaches it.

    Attributes:
        visits: What reached it.
    """

    visits: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def serving(self, answer: str) -> Iterator[None]:
        """Serves by TCP and UDP on the loopback, and on sockets of this machine with and without a file.

        Waits while another does so on this machine.

        Args:
            answer: The code to give.
        """
        file = Path("/tmp") / SOCKET
        with contextlib.ExitStack() as stack:
            fcntl.flock(stack.enter_context(file.with_suffix(".lock").open("w")), fcntl.LOCK_EX)
            file.unlink(missing_ok=True)
            addresses: list[tuple[int, str | tuple[str, int]]] = [
                (socket.AF_INET, ("127.0.0.1", PORT)),
                (socket.AF_UNIX, str(file)),
                (socket.AF_UNIX, f"\0{SOCKET}"),
            ]
            for family, address in addresses:
                server = stack.enter_context(socket.socket(family))
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                server.bind(address)
                server.listen()
                threading.Thread(target=self._give, args=(server, answer), daemon=True).start()
            letters = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            letters.bind(("127.0.0.1", PORT))
            threading.Thread(target=self._reply, args=(letters, answer), daemon=True).start()
            stack.callback(file.unlink, missing_ok=True)
            yield

    def _give(self, server: socket.socket, answer: str) -> None:
        with contextlib.suppress(OSError):
            while True:
                visitor, _address = server.accept()
                with visitor:
                    self.visits.append(f"a connection to {server.getsockname()!r}")
                    visitor.sendall(answer.encode())

    def _reply(self, letters: socket.socket, answer: str) -> None:
        with contextlib.suppress(OSError):
            while True:
                _question, sender = letters.recvfrom(1000)
                self.visits.append("a datagram")
                letters.sendto(answer.encode(), sender)


class Watch:
    """What is to be as it was after an attack."""

    def __init__(self, course: Path, folders: list[str], temporary: Path) -> None:
        """Creates a watch; what is there now is its norm.

        Args:
            course: Folder of the course.
            folders: Folders in it that nothing may change.
            temporary: The folder in which the grader makes its own, with names that begin with ``grader``.
        """
        self._roots = [course / name for name in folders]
        self._temporary = temporary
        shared = map(Path, ("/", "/tmp", "/var/tmp", "/dev/shm", "/dev/mqueue", "/run"))
        own = [Path.home(), Path.cwd(), Path(site.getusersitepackages()), course, course / "out"]
        imported = map(Path, [*sys.path, *site.getsitepackages()])
        self._places = {*shared, *own, *imported, *course.parents, *temporary.parents}
        self._files = self._stamps()
        self._processes = len(descendants(os.getpid()))
        self._shared = self._shared_by_the_kernel()

    def complaints(self) -> list[str]:
        """Tells what differs from the norm, each change once; what is about to end is given a moment."""
        deadline = time.monotonic() + GRACE_SECONDS
        while len(running := descendants(os.getpid())) > self._processes and time.monotonic() < deadline:
            time.sleep(0.05)
        files, shared = self._stamps(), self._shared_by_the_kernel()
        found = []
        if len(running) > self._processes:
            found.append(f"more processes are left than the {self._processes} of before: {running}")
        found += [f"{path} was changed" for path in sorted({path for path, _stamp in files ^ self._files})]
        found += [f"{path} was left" for path in self._evidence()]
        found += [f"{entry} was left" for entry in sorted(shared - self._shared)]
        self._files, self._shared = files, shared
        return found

    def _stamps(self) -> set[tuple[Path, tuple[int, int]]]:
        return {
            (path, (status.st_mtime_ns, status.st_size))
            for root in self._roots
            for path in root.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
            for status in [path.stat()]
        }

    def _evidence(self) -> Iterator[Path]:
        for place in sorted(self._places):
            with contextlib.suppress(OSError):
                yield from (path for path in place.iterdir() if path.name.startswith(EVIDENCE))
        for root in self._roots:
            yield from root.rglob(f"{EVIDENCE}*")
        yield from (path for path in self._temporary.iterdir() if not path.name.startswith("grader"))

    def _shared_by_the_kernel(self) -> set[str]:
        found = set()
        for name in ("sysvipc/shm", "sysvipc/sem", "sysvipc/msg", "net/unix", "keys"):
            with contextlib.suppress(OSError):
                lines = Path("/proc", name).read_text("utf-8", "replace").splitlines()
                ours = (
                    lines[1:] if name.startswith("sysvipc") else [each for each in lines if EVIDENCE in each]
                )
                found |= {f"{name}: {line}" for line in ours}
        return found
