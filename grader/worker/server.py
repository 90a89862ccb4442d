"""The worker: a fork server that runs learners' code, one child per exercise.

The judge starts it as ``python -m grader.worker`` with one end of a socket pair. It imports the chapter's
public probes once, runs no TensorFlow operation, and then does what single bytes on that socket tell it:

- ``FORK``, with a socket attached and followed by a frame with the child's limits: fork a child that serves
  the judge over that socket. The child says ``"ready"`` there before any of the learner's code runs.
- ``KILL``: end the child. ``REAP``: let it end by itself for a moment first. Both are answered with how it
  ended and what it used (a frame of :mod:`grader.protocol.wire`).

While a child runs, the server adds up the memory and the processor time of all its processes, and ends it
when it uses more than its job allows. The server survives submissions: nothing of a child is left when it
has ended (``confined``: its PID namespace ends with it), and no child can look into the server's memory.

A chapter without ``probes.py`` imports nothing beforehand; one whose answers use Keras should have it,
or every child pays for the import.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import os
import re
import resource
import select
import shutil
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from grader.protocol import wire
from grader.protocol.exchange import FORK, KILL, REAP
from grader.worker import sweep
from grader.worker.kernel import main_namespace
from grader.worker.workspace import Workspace, run_cells

if sys.platform == "linux":
    from grader.worker import confine

REAP_SECONDS = 2.0
CLEAN_SECONDS = 5.0
WATCH_SECONDS = 0.1
SPARE_MEMORY = 0.04
"""Share of the machine's memory at which an exercise is ended, whoever took the rest."""
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Confinement:
    """How children are kept apart.

    Attributes:
        namespaces: Whether each enters namespaces of its own and gets a private scratch folder.
        readable: Folders that it may read, where the kernel has Landlock.
        scratch: Bytes of the private scratch folder.
        kept: Folders that this scratch folder would cover, and that stay as they are.
        user: User and group that each becomes, where the server is root and there are no namespaces.
    """

    namespaces: bool
    readable: tuple[Path, ...]
    scratch: int
    kept: tuple[Path, ...] = ()
    user: int | None = None


@dataclass
class Child:
    """The process of one exercise and what it has used.

    Attributes:
        pid: Its process id.
        limits: What all its processes together may use: bytes of ``memory``, seconds of ``cpu``.
        baseline: Bytes of anonymous memory that it shares with the server from the start.
        memory: The most memory seen, in bytes.
        cpu: Processor time seen, in seconds.
        sockets: Sockets that its network namespace held before it, where it shares the server's; ``None``
            where others share that too.
        exceeded: The limit that ended it, empty for none; ``machine`` where it was within its own limits, but
            the machine had no memory left.
    """

    pid: int
    limits: Mapping[str, float]
    baseline: int = 0
    sockets: int | None = None
    memory: int = 0
    cpu: float = 0.0
    exceeded: str = ""

    def watch(self) -> None:
        """Measures it, and kills it when it uses more than it may."""
        if self.exceeded:
            return
        memory, cpu = self._in_sockets(), 0.0
        for pid in descendants(self.pid):
            with contextlib.suppress(OSError, ValueError, IndexError, KeyError):
                memory += max(_anonymous(pid) - self.baseline, 0)
                cpu += _cpu_seconds(pid)
        self.memory, self.cpu = max(self.memory, memory), max(self.cpu, cpu)
        over = [name for name, used in (("memory", memory), ("cpu", cpu)) if used > self.limits[name]]
        over += ["machine"] if _available_memory() < SPARE_MEMORY else []
        if over:
            self.exceeded = over[0]
            _kill_tree(self.pid)

    def waited(self) -> float:
        """Returns for how many seconds a thread of it was ready and had no processor: the worst one's."""
        waits = [0.0]
        for pid in descendants(self.pid):
            with contextlib.suppress(OSError, ValueError, IndexError):
                waits += [
                    int((task / "schedstat").read_text(encoding="ascii").split()[1]) / 1e9
                    for task in Path(f"/proc/{pid}/task").iterdir()
                ]
        return max(waits)

    def _in_sockets(self) -> int:
        """Returns the bytes that its sockets may hold: no process is charged for them."""
        if self.sockets is None:
            return 0
        with contextlib.suppress(OSError):
            return (_sockets(self.pid) - self.sockets) * _buffer_size()
        return 0


def main() -> None:
    """Serves one judge until it closes the connection."""
    parser = argparse.ArgumentParser(prog="python -m grader.worker", description="Serves the grader's judge.")
    parser.add_argument("--connection", type=int, required=True, help="descriptor of a socket to the judge")
    parser.add_argument("--probes", help="module of the chapter's probes")
    parser.add_argument("--preload", nargs="*", default=[], help="modules to import, where they are there")
    parser.add_argument("--user", type=int, help="user and group to become, when started as root")
    parser.add_argument("--child-user", type=int, help="user and group of its own for each child")
    parser.add_argument("--namespaces", action="store_true", help="namespaces of its own for each child")
    parser.add_argument("--readable", nargs="*", default=[], type=Path, help="folders that a child may read")
    parser.add_argument("--scratch", type=int, default=0, help="bytes of a child's scratch folder")
    parser.add_argument("--keep", nargs="*", default=[], type=Path, help="folders below it that stay")
    arguments = parser.parse_args()
    if sys.platform == "linux":
        if arguments.user is not None:
            confine.become_user(arguments.user, arguments.user)
        if arguments.child_user is not None:
            sweep.prepare(arguments.child_user)
            Path.home().chmod(0o1777)
        if arguments.namespaces:
            confine.hide_memory(False)
            confine.enter_user_namespace()
        confine.adopt_orphans()
    judge = socket.socket(fileno=arguments.connection)
    judge.set_inheritable(False)
    for name in arguments.preload:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    probes = [importlib.import_module(name) for name in _probe_modules(arguments.probes)]
    if sys.platform == "linux":
        confine.hide_memory(True)
    gc.collect()
    gc.freeze()
    wire.send(judge, wire.encode("ready"))
    confinement = Confinement(
        arguments.namespaces,
        tuple(arguments.readable),
        arguments.scratch,
        tuple(arguments.keep),
        arguments.child_user,
    )
    _Server(judge, probes, confinement).serve()


def descendants(pid: int) -> Iterator[int]:
    """Yields a process and all that it has started and that still run, as the kernel tells them."""
    yield pid
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text(encoding="ascii").split():
                yield from descendants(int(child))


def _probe_modules(chapter_probes: str | None) -> list[str]:
    return [chapter_probes, "grader.probes"] if chapter_probes else []


class _Server:
    """Forks children one at a time, watches and ends them."""

    def __init__(self, judge: socket.socket, probes: Sequence[ModuleType], confinement: Confinement) -> None:
        self._judge = judge
        self._probes = probes
        self._confinement = confinement
        self._child: Child | None = None
        self._baseline = _anonymous(os.getpid()) if sys.platform == "linux" else 0

    def serve(self) -> None:
        """Does what the judge says until it is gone."""
        while True:
            while self._child and not select.select([self._judge], [], [], WATCH_SECONDS)[0]:
                self._watch(self._child)
            message, descriptors, _flags, _address = socket.recv_fds(self._judge, 1, 1)
            if message == FORK:
                limits = wire.decode(wire.receive(self._judge))
                with socket.socket(fileno=descriptors[0]) as connection:
                    self._child = self._fork(connection, limits)
            elif message in (KILL, REAP) and self._child:
                ending = self._end(REAP_SECONDS if message == REAP else 0.0)
                clean = self._clean()
                wire.send(self._judge, wire.encode(ending))
                if not clean:
                    break
            else:
                break
        if self._child:
            self._end(0.0)
            self._clean()

    def _watch(self, child: Child) -> None:
        """Watches the child; with a user of its own, nothing may outlive it, as in a PID namespace."""
        child.watch()
        if self._confinement.user is not None and _has_ended(child.pid):
            sweep.kill_processes(self._confinement.user)

    def _end(self, patience: float) -> dict[str, Any]:
        assert self._child is not None
        ending = _end(self._child, patience, self._confinement.user)
        self._child = None
        return ending

    def _clean(self) -> bool:
        """Removes the files of the child that has ended; says whether none is left."""
        if self._confinement.user is not None:
            return sweep.remove_files(self._confinement.user, [Path.home(), *_SHARED, _QUEUES], CLEAN_SECONDS)
        if not self._confinement.namespaces:
            shutil.rmtree(_homes(), ignore_errors=True)
        return True

    def _fork(self, connection: socket.socket, limits: dict[str, int]) -> Child:
        """Forks a child, with namespaces from a thread of its own: a thread can start one PID namespace."""

        def fork() -> int:
            if self._confinement.namespaces:
                confine.start_pid_namespace()
            pid = os.fork()
            if pid == 0:
                self._become_child(connection, limits)
            return pid

        if self._confinement.namespaces:
            with ThreadPoolExecutor(1) as thread:
                return Child(thread.submit(fork).result(), limits, self._baseline, sockets=0)
        shared = self._confinement.user is None or sys.platform != "linux"
        sockets = None if shared else _sockets(os.getpid())
        return Child(fork(), limits, self._baseline, sockets)

    def _become_child(self, connection: socket.socket, limits: dict[str, int]) -> None:
        """Turns a forked process into the one that serves an exercise."""
        with _exiting():
            os.setsid()
            self._judge.close()
            _confine(self._confinement, limits)
            wire.send(connection, wire.encode("ready"))
            _silence()
            _serve_exercise(connection, self._probes)


@contextlib.contextmanager
def _exiting() -> Iterator[None]:
    """Ends this forked process after the block, with the status of how the block ended."""
    try:
        yield
        os._exit(0)
    except (EOFError, ConnectionError):
        os._exit(0)
    except BaseException:  # noqa: BLE001 - this process ends here, whatever it is
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(1)


def _confine(confinement: Confinement, limits: dict[str, int]) -> None:
    """Puts every layer in place that this system has; see :mod:`grader.worker.confine`."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    resources = {name: value for name, value in limits.items() if name.startswith("RLIMIT_")}
    if sys.platform != "linux":
        _limit_elsewhere(resources)
        return
    writable = [*_SHARED]
    if confinement.namespaces:
        confine.hide_memory(False)
        confine.enter_namespaces()
        confine.mount_privately(Path.home(), confinement.scratch, confinement.kept)
        confine.drop_capabilities()
    elif confinement.user is not None:
        confine.die_first()
        confine.become_user(confinement.user, confinement.user)
        confine.hide_memory(False)
        confine.drop_capabilities()
        os.chdir(Path.home())
    else:
        writable = [_own_home()]
    confine.limit(resources)
    confine.restrict_files(confinement.readable, [Path.home(), *writable, *map(Path, _DEVICES)])
    confine.filter_system_calls()


def _own_home() -> Path:
    """Gives this process a home of its own below the server's; the server removes it."""
    home = Path(tempfile.mkdtemp(dir=_homes()))
    os.environ |= {"HOME": str(home), "TMPDIR": str(home)}
    tempfile.tempdir = None
    os.chdir(home)
    return home


def _homes() -> Path:
    homes = Path.home() / "children"
    homes.mkdir(exist_ok=True)
    return homes


def _limit_elsewhere(limits: dict[str, int]) -> None:
    """Sets what limits this system knows: macOS refuses some, and has no others."""
    for name, value in limits.items():
        with contextlib.suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, name), (value, value))


_SHARED = (Path("/tmp"), Path("/dev/shm"))
_QUEUES = Path("/dev/mqueue")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


def _end(child: Child, patience: float, user: int | None) -> dict[str, Any]:
    """Waits for a child, kills it and all its processes (and its user's), and says how it ended."""
    deadline = time.monotonic() + patience
    while not (ended := _has_ended(child.pid)) and time.monotonic() < deadline:
        child.watch()
        time.sleep(0.02)
    killed = not ended and not child.exceeded
    waited = 0.0
    if killed:
        child.watch()
        waited = child.waited()
    if user is not None:
        sweep.kill_processes(user)
    _kill_tree(child.pid)
    _pid, status, used = os.wait4(child.pid, 0)
    _reap_orphans()
    return {
        "killed": killed,
        "exit": os.waitstatus_to_exitcode(status),
        "exceeded": child.exceeded,
        "cpu": max(child.cpu, used.ru_utime + used.ru_stime),
        "memory": child.memory,
        "waited": waited,
    }


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _kill_tree(pid: int) -> None:
    """Kills a process and its descendants; those that moved to other groups and sessions too."""
    for each in [*descendants(pid)]:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(each, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _reap_orphans() -> None:
    """Kills and reaps what a child left behind; all of it has become the server's."""
    while True:
        left = [pid for pid in descendants(os.getpid()) if pid != os.getpid()]
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
        if not left:
            return
        time.sleep(0.01)


def _serve_exercise(connection: socket.socket, probes: Sequence[ModuleType]) -> None:
    cells = ["".join(pieces) for pieces in wire.decode(wire.receive(connection))]
    namespace = main_namespace()
    failures = run_cells(cells, namespace)
    report = [(number, failure.to_dict()) for number, failure in failures]
    wire.send(connection, wire.encode(report))
    workspace = Workspace(namespace, probes)
    while True:
        wire.send(connection, workspace.answer(wire.receive(connection)))


def _silence() -> None:
    """Sends what learners' code prints nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _anonymous(pid: int) -> int:
    """Returns the bytes of a process's memory that no file on a disk backs."""
    fields = _fields(Path(f"/proc/{pid}/status"))
    return fields["RssAnon"] + fields["RssShmem"]


def _sockets(pid: int) -> int:
    """Returns how many Unix sockets there are in a process's network namespace."""
    return Path(f"/proc/{pid}/net/unix").read_bytes().count(b"\n") - 1


def _buffer_size() -> int:
    """Returns the bytes that one socket may have on their way; no process may set more."""
    return int(Path("/proc/sys/net/core/wmem_default").read_text(encoding="ascii"))


def _available_memory() -> float:
    """Returns the share of the machine's memory that can still be used."""
    fields = _fields(Path("/proc/meminfo"))
    return fields["MemAvailable"] / fields["MemTotal"]


def _fields(path: Path) -> dict[str, int]:
    """Reads the sizes in a file of ``/proc``, in bytes."""
    found = re.findall(
        r"^(\w+):\s+(\d+) kB$", path.read_text(encoding="ascii", errors="replace"), re.MULTILINE
    )
    return {name: int(size) * 1024 for name, size in found}


def _cpu_seconds(pid: int) -> float:
    """Returns the processor time of a process and of the children it has waited for."""
    fields = (
        Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
    )
    return sum(map(int, fields[11:15])) / _TICKS


if __name__ == "__main__":
    main()
