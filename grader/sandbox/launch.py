"""Starts a worker and gives the judge its sockets, whatever lies between the two."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from typing import BinaryIO, Protocol

from grader.protocol.exchange import FORK
from grader.sandbox import container
from grader.sandbox.limits import Limits
from grader.sandbox.staging import Sandbox


class Worker(Protocol):
    """A running :mod:`grader.worker.server`, as the judge holds it."""

    @property
    def control(self) -> socket.socket:
        """The judge's end of the worker's socket."""

    def open_child(self) -> socket.socket:
        """Says :data:`~grader.protocol.exchange.FORK`; the child's limits are to follow on ``control``.

        Returns:
            The judge's end of the child's socket.

        Raises:
            OSError: If the worker is gone.
        """

    def said(self) -> str:
        """Returns the end of what it wrote to its standard error."""

    def stop(self) -> None:
        """Closes ``control``, and ends it with all that it has started."""


def launch(sandbox: Sandbox, arguments: Sequence[str], limits: Limits) -> Worker:
    """Starts a worker.

    Args:
        sandbox: Where it runs.
        arguments: Its arguments, but for the connection and the confinement.
        limits: What learners' code may use.
    """
    arguments = [*arguments, *sandbox.confinement(limits)]
    if sandbox.isolation in container.ENGINES:
        name = container.new_name()
        engine, environment = sandbox.isolation, sandbox.environment()
        command = container.command(engine, name, limits, environment, arguments)
        course = container.pack(sandbox.staged, sandbox.linked)
        return container.ContainerWorker(engine, command, name, course, sandbox.home)
    return LocalWorker(sandbox, arguments)


class LocalWorker:
    """A worker that is a process of this machine and inherits its socket; see :class:`Worker`.

    Attributes:
        control: The judge's end of the worker's socket.
    """

    def __init__(self, sandbox: Sandbox, arguments: Sequence[str]) -> None:
        """Starts it.

        Args:
            sandbox: Where it runs.
            arguments: Its arguments, but for the connection.
        """
        self.control, theirs = socket.socketpair()
        self._log: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        connection = ["-m", "grader.worker.server", "--connection", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                sandbox.command([*connection, *arguments]),
                env=sandbox.environment(),
                cwd=sandbox.home,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                start_new_session=True,
            )

    def open_child(self) -> socket.socket:
        """Hands the worker one end of a socket pair; see :meth:`Worker.open_child`."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self.control, [FORK], [theirs.fileno()])
            except OSError:
                ours.close()
                raise
        return ours

    def said(self) -> str:
        """Returns the end of what it wrote to its standard error."""
        self._log.seek(0)
        return self._log.read()[-2000:].decode(errors="replace")

    def stop(self) -> None:
        """Stops it and everything in its process group."""
        self.control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()
