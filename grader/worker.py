"""The worker: a fork server that runs learners' code, one child per exercise.

The judge starts it as ``python -m grader.worker`` with one end of a socket pair. It imports the chapter's
public probes once, runs no TensorFlow operation, and then does what single bytes on that socket tell it:

- ``FORK``, with a socket attached: fork a child that serves the judge over that socket.
- ``KILL``: kill the child. ``REAP``: let it end by itself for a moment first. Both are
  answered with how it ended (a frame of :mod:`grader.wire`).

A chapter without ``probes.py`` imports nothing beforehand; one whose answers use Keras should have it,
or every child pays for the import.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from grader import wire
from grader.protocol import FORK, KILL, REAP
from grader.workspace import Workspace, run_cells

REAP_SECONDS = 2.0


class _Notebook(ModuleType):
    """Stands in for ``grader.notebook``: calls of ``check`` in a learner's cells do nothing here."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *args, **kwargs: None


def main() -> None:
    """Serves one judge until it closes the connection."""
    parser = argparse.ArgumentParser(prog="python -m grader.worker", description="Serves the grader's judge.")
    parser.add_argument("--connection", type=int, required=True, help="descriptor of a socket to the judge")
    parser.add_argument("--probes", help="module of the chapter's probes")
    arguments = parser.parse_args()
    judge = socket.socket(fileno=arguments.connection)
    probes = [importlib.import_module(name) for name in _probe_modules(arguments.probes)]
    gc.collect()
    gc.freeze()
    wire.send(judge, wire.encode("ready"))
    _serve(judge, probes)


def _probe_modules(chapter_probes: str | None) -> list[str]:
    return [chapter_probes, "grader.probes"] if chapter_probes else []


def _serve(judge: socket.socket, probes: Sequence[ModuleType]) -> None:
    child = 0
    while True:
        command, descriptors, _flags, _address = socket.recv_fds(judge, 1, 1)
        if command == FORK:
            connection = socket.socket(fileno=descriptors[0])
            child = os.fork()
            if child == 0:
                judge.close()
                _run_child(connection, probes)
            connection.close()
        elif command in (KILL, REAP):
            wire.send(judge, wire.encode(_end(child, REAP_SECONDS if command == REAP else 0.0)))
            child = 0
        else:
            break
    if child:
        _end(child, 0.0)


def _end(child: int, patience: float) -> dict[str, Any]:
    """Waits for a child, kills it when it does not end, and says how it ended."""
    deadline = time.monotonic() + patience
    ended, status = os.waitpid(child, os.WNOHANG)
    while not ended and time.monotonic() < deadline:
        time.sleep(0.02)
        ended, status = os.waitpid(child, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    if not ended:
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        _pid, status = os.waitpid(child, 0)
    return {"killed": not ended, "exit": os.waitstatus_to_exitcode(status)}


def _run_child(connection: socket.socket, probes: Sequence[ModuleType]) -> None:
    """Serves one exercise in a child process; never returns."""
    try:
        os.setsid()
        _silence()
        _serve_exercise(connection, probes)
    except (EOFError, OSError):
        os._exit(0)
    finally:
        os._exit(1)


def _serve_exercise(connection: socket.socket, probes: Sequence[ModuleType]) -> None:
    job = wire.decode(wire.receive(connection))
    _limit(job["limits"])
    namespace = _notebook_namespace()
    failures = run_cells(job["cells"], namespace)
    report = [(number, failure.to_dict()) for number, failure in failures]
    wire.send(connection, wire.encode(report))
    workspace = Workspace(namespace, probes)
    while True:
        wire.send(connection, workspace.answer(wire.receive(connection)))


def _notebook_namespace() -> dict[str, Any]:
    """Returns the names that a notebook's first cell finds."""
    sys.modules["grader.notebook"] = _Notebook("grader.notebook")
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    module.__dict__["display"] = print
    return module.__dict__


def _silence() -> None:
    """Sends what learners' code prints nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)


def _limit(limits: dict[str, int]) -> None:
    """Sets resource limits, by the name that :mod:`resource` gives them; memory is on top of what is used."""
    limits["RLIMIT_AS"] += _address_space()
    for name, value in limits.items():
        kind = getattr(resource, name)
        _soft, hard = resource.getrlimit(kind)
        ceiling = value if hard == resource.RLIM_INFINITY else min(value, hard)
        warned = max(ceiling - 5, 1) if kind == resource.RLIMIT_CPU else ceiling
        resource.setrlimit(kind, (warned, ceiling))


def _address_space() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


if __name__ == "__main__":
    main()
