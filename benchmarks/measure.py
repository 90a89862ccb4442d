"""What commands cost: wall-clock seconds, processor seconds of all their processes, and memory. On Linux."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SAMPLE_SECONDS = 0.5
POLL_SECONDS = 0.02
_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
_JOIN = 'echo $$ > "$0" && exec "$@"'


class CommandFailed(Exception):
    """A command did not end well, or not in time; the message says where its output is."""


@dataclass(frozen=True)
class Command:
    """A command to measure.

    Attributes:
        arguments: Program and arguments.
        folder: Where it is started.
        environment: Its whole environment.
        log: File that its output is appended to.
    """

    arguments: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    log: Path


@dataclass
class Usage:
    """What commands used.

    Attributes:
        wall: Seconds from the start of the first to the end of the last.
        cpu: Processor seconds, user and system, of all their processes. Where this user may not make a
            control group (cgroup v2), of those alone that their parents waited for.
        largest: Peak of the largest process in bytes, memory shared with others included.
        together: Peak of all processes together in bytes, shared memory counted once; sampled.
        codes: Exit codes, in the order of the commands.
    """

    wall: float = 0.0
    cpu: float = 0.0
    largest: int = 0
    together: int = 0
    codes: list[int] = field(default_factory=list)


def measure(commands: Sequence[Command], limit: float, *, check: bool = True) -> Usage:
    """Runs commands at the same time and measures them together.

    This process adopts what they leave behind, so that no process goes uncounted; it must have no other
    children meanwhile.

    Args:
        commands: The commands.
        limit: Seconds after which they are killed.
        check: Whether every exit code must be 0.

    Returns:
        What they used.

    Raises:
        CommandFailed: If they took too long or, with ``check``, ended with another exit code.
    """
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    usage = Usage()
    with _control_group() as group:
        started = time.perf_counter()
        processes = [_start(command, group) for command in commands]
        codes: dict[int, int] = {}
        try:
            _watch(usage, codes, {process.pid for process in processes}, started + limit)
            usage.wall = time.perf_counter() - started
        finally:
            _kill_the_rest(usage, codes)
            for process in processes:
                process.returncode = codes.get(process.pid, -1)
        if group is not None:
            usage.cpu = _processor_seconds(group)
    if usage.wall >= limit:
        raise CommandFailed(f"not done after {limit:.0f} s; see {commands[0].log}")
    usage.codes = [codes[process.pid] for process in processes]
    for command, code in zip(commands, usage.codes, strict=True):
        if check and code != 0:
            raise CommandFailed(f"{' '.join(command.arguments)} ended with {code}; see {command.log}")
    return usage


@contextlib.contextmanager
def _control_group() -> Iterator[Path | None]:
    """Makes a control group that counts the processor time of all that is in it; ``None`` where it may not.

    The kernel counts no time of a process that ends together with its PID namespace, so that waiting for
    processes would miss what ran in a sandbox.
    """
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()]
    places = [mount[1] for mount in mounts if mount[2] == "cgroup2"]
    own = [
        line[3:] for line in Path("/proc/self/cgroup").read_text("utf-8").splitlines() if line[:3] == "0::"
    ]
    group = Path(places[0] + own[0]) / f"measured-{os.getpid()}" if places and own else None
    try:
        if group is not None:
            group.mkdir()
    except OSError:
        group = None
    try:
        yield group
    finally:
        if group is not None:
            group.rmdir()


def _processor_seconds(group: Path) -> float:
    statistics = dict(line.split() for line in (group / "cpu.stat").read_text("ascii").splitlines())
    return int(statistics["usage_usec"]) / 1e6


def _start(command: Command, group: Path | None) -> subprocess.Popen[bytes]:
    joining = [] if group is None else ["/bin/sh", "-c", _JOIN, str(group / "cgroup.procs")]
    with command.log.open("ab") as log:
        return subprocess.Popen(
            [*joining, *command.arguments],
            cwd=command.folder,
            env=dict(command.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def _watch(usage: Usage, codes: dict[int, int], pids: set[int], deadline: float) -> None:
    """Waits for processes, not longer than until a deadline, and looks at their memory."""
    sampled = time.perf_counter()
    while not pids <= codes.keys() and (now := time.perf_counter()) < deadline:
        if now - sampled >= SAMPLE_SECONDS:
            _sample(usage)
            sampled = now
        time.sleep(POLL_SECONDS)
        _reap(usage, codes)


def _reap(usage: Usage, codes: dict[int, int]) -> None:
    """Collects every child that has ended, adopted ones too, and what it and its own children used."""
    while True:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        codes[pid] = os.waitstatus_to_exitcode(status)
        usage.cpu += used.ru_utime + used.ru_stime
        usage.largest = max(usage.largest, used.ru_maxrss * 1024)


def _kill_the_rest(usage: Usage, codes: dict[int, int]) -> None:
    """Ends what the commands left running; the processor seconds of these count too."""
    deadline = time.monotonic() + 10
    while (left := list(descendants(os.getpid()))) and time.monotonic() < deadline:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        time.sleep(POLL_SECONDS)
        _reap(usage, codes)


def descendants(pid: int) -> Iterator[int]:
    """Yields the children of a process, their children, and so on."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in children:
        yield child
        yield from descendants(child)


def _sample(usage: Usage) -> None:
    """Looks at the memory of every process that runs now."""
    together = 0
    for pid in descendants(os.getpid()):
        usage.largest = max(usage.largest, _bytes(pid, "status", "VmHWM"))
        together += _bytes(pid, "smaps_rollup", "Pss")  # a page that n processes share counts 1/n in each
    usage.together = max(usage.together, together)


def _bytes(pid: int, file: str, name: str) -> int:
    """Returns a figure that the kernel gives on a process in kB; 0 where the process has just ended."""
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text("utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), 0)
