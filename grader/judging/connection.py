"""The worker as the judge sees it: its fork server, and the process of one exercise."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from grader.exercise import Status
from grader.judging.checks import Unjudged
from grader.messages import _
from grader.protocol import wire
from grader.protocol.exchange import (
    KILL,
    REAP,
    AnswerFault,
    Failure,
    malformed,
    memory_reason,
    pieces,
    refused_reason,
)
from grader.sandbox.launch import launch
from grader.sandbox.limits import Limits
from grader.sandbox.staging import Sandbox

if TYPE_CHECKING:
    from grader.course.chapters import Chapter

START_SECONDS = 180.0
REPLY_SECONDS = 30.0
_WORKED, _WAITED = 0.9, 0.1
"""Shares of its time below and above which an exercise has worked and waited for a processor."""
_SIGKILL, _SIGXCPU = 9, 24  # as the worker's system has them; Windows, where the judge may run, has neither


class ServerError(Unjudged):
    """The worker's server could not be started or does not answer; no fault of a learner's code."""


class Interrupted(Unjudged):
    """The process of an exercise was killed for no limit of its own; it can be judged again."""


class Starved(Unjudged):
    """The time was over while others had the processor: judge it again when they have not."""

    def __init__(self, fault: AnswerFault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


class Server:
    """The fork server, as the judge sees it.

    Attributes:
        usable: False once it has not answered.
    """

    def __init__(self, sandbox: Sandbox, chapter: Chapter, limits: Limits) -> None:
        """Starts it.

        Raises:
            ServerError: If it does not come up; with the end of what it wrote to its standard error.
        """
        arguments = ["--preload", *chapter.lesson_imports]
        if (chapter.folder / "probes.py").is_file():
            arguments += ["--probes", f"chapters.{chapter.name}.probes"]
        self._worker = launch(sandbox, arguments, limits)
        self._control = self._worker.control
        self.usable = True
        try:
            self._receive(START_SECONDS)
        except ServerError as error:
            said = self._worker.said()
            self.stop()
            raise ServerError(f"the worker did not start: {said}") from error

    def fork(self, limits: Mapping[str, int]) -> socket.socket:
        """Forks a child.

        Args:
            limits: What it may use, as :meth:`~grader.sandbox.limits.Limits.of_exercise` says it.

        Returns:
            The connection to it.

        Raises:
            ServerError: If the server is gone.
        """
        try:
            self._control.settimeout(REPLY_SECONDS)
            child = self._worker.open_child()
        except OSError as error:
            self.usable = False
            raise ServerError("the worker's server is gone") from error
        try:
            wire.send(self._control, wire.encode(dict(limits)))
            if wire.decode(wire.receive(child, time.monotonic() + REPLY_SECONDS)) == "ready":
                return child
        except (wire.WireError, EOFError, OSError) as error:
            self.usable = False
            child.close()
            raise ServerError(f"the worker's child did not start: {self._worker.said()}") from error
        raise ServerError("the worker's child did not say that it is ready")

    def end_child(self, command: bytes) -> Ending:
        """Ends the child.

        Args:
            command: :data:`~grader.protocol.exchange.KILL` or :data:`~grader.protocol.exchange.REAP`.

        Returns:
            How it ended.

        Raises:
            ServerError: If the server is gone too.
        """
        try:
            self._control.settimeout(REPLY_SECONDS)
            self._control.sendall(command)
            ending = self._receive(REPLY_SECONDS)
            return Ending(**ending)
        except (ServerError, OSError) as error:
            self.usable = False
            raise ServerError("the worker's server is gone") from error

    def stop(self) -> None:
        """Stops it and everything that it has started."""
        self.usable = False
        self._worker.stop()

    def _receive(self, seconds: float) -> Any:
        try:
            return wire.decode(wire.receive(self._control, time.monotonic() + seconds))
        except (wire.WireError, EOFError, OSError) as error:
            raise ServerError("the worker's server does not answer") from error


class Child:
    """The process of one exercise, as the judge sees it.

    Attributes:
        server: The server that forked it.
    """

    def __init__(self, server: Server, connection: socket.socket, seconds: float) -> None:
        self.server = server
        self._connection = connection
        self._deadline = time.monotonic() + seconds
        self._seconds = seconds
        self._ended = False

    def run(self, cells: tuple[str, ...]) -> list[tuple[int, Failure]]:
        """Runs the cells.

        Returns:
            Index and failure of each cell that failed.

        Raises:
            AnswerFault: If the process did not survive it, or answered with something else.
        """
        try:
            report = wire.decode(self.exchange(wire.encode([pieces(cell) for cell in cells])))
            return _failures(report, len(cells))
        except wire.WireError as error:
            raise AnswerFault(Status.REFUSED, refused_reason(str(error))) from error

    def exchange(self, payload: bytes) -> bytes:
        """Sends a request and waits for the reply.

        Raises:
            AnswerFault: If the time is over or the process has ended.
            Starved: If the time is over, and others had the processor for much of it.
            WireError: If the reply is longer than a frame may be.
        """
        try:
            wire.send(self._connection, payload, self._deadline)
            return wire.receive(self._connection, self._deadline)
        except TimeoutError as error:
            raise self._too_late() from error
        except (EOFError, OSError) as error:
            raise self._death() from error

    def close(self) -> None:
        """Kills the process, if it still runs."""
        self._connection.close()
        if not self._ended:
            with contextlib.suppress(ServerError):
                self.server.end_child(KILL)

    def _too_late(self) -> AnswerFault:
        """Says that the time is over.

        Raises:
            Starved: If others had the processor for much of it.
            ServerError: If the server is gone.
        """
        self._ended = True
        fault = _time_limit(self._seconds)
        if self.server.end_child(KILL).starved(self._seconds):
            raise Starved(fault)
        return fault

    def _death(self) -> AnswerFault:
        """Says why the process ended.

        Raises:
            Interrupted: If it was killed from outside.
            ServerError: If the server is gone too.
        """
        self._ended = True
        ending = self.server.end_child(REAP)
        if ending.exceeded == "memory":
            return AnswerFault(Status.MEMORY_LIMIT, memory_reason())
        if ending.exceeded == "cpu" or ending.exit == -_SIGXCPU:
            return AnswerFault(Status.TIME_LIMIT, _processor_time_reason())
        if ending.exceeded == "machine" or (ending.exit == -_SIGKILL and not ending.killed):
            raise Interrupted
        return AnswerFault(
            Status.WORKER_DIED,
            _("The process that ran your code ended. Do not end it (exit, os._exit), and watch its memory."),
        )


@dataclass(frozen=True)
class Ending:
    """How a child ended.

    Attributes:
        killed: Whether the server had to kill it.
        exit: As :func:`os.waitstatus_to_exitcode` says it.
        exceeded: The limit for which the server ended it: ``memory``, ``cpu``, ``machine`` (it had no memory
            left, whoever took it) or empty.
        cpu: Processor time of all its processes, in seconds.
        memory: The most memory that they held, in bytes.
        waited: For how many seconds one of its threads was ready and had no processor: the worst one's.
    """

    killed: bool
    exit: int
    exceeded: str
    cpu: float = 0.0
    memory: int = 0
    waited: float = 0.0

    def starved(self, seconds: float) -> bool:
        """Says whether it would have got further in its time on a machine of its own.

        It has not worked all that time, and not for want of work. What keeps itself busy in many processes
        has used the time up; what sleeps has not waited for a processor.

        Args:
            seconds: The time that it had.
        """
        return self.cpu < _WORKED * seconds and self.waited > _WAITED * seconds


def _processor_time_reason() -> str:
    return _(
        "Your code was stopped because it used too much processor time. Compute less, in fewer processes."
    )


def _time_limit(seconds: float) -> AnswerFault:
    reason = _("Your code was stopped after {seconds:g} seconds. Look for an endless loop, or compute less.")
    return AnswerFault(Status.TIME_LIMIT, reason.format(seconds=seconds))


def _failures(report: Any, cells: int) -> list[tuple[int, Failure]]:
    if not isinstance(report, list):
        raise malformed()
    failures = []
    for entry in report:
        match entry:
            case (int(number), data) if type(number) is int and 0 <= number < cells:
                failures.append((number, Failure.from_data(data)))
            case _unknown:
                raise malformed()
    return failures
