"""The judge: runs the checks here, on answers that live in the worker, and turns outcomes into verdicts.

A pass needs a comparison that held, in each check. Everything else has a name of its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from grader import wire
from grader.compare import Finding, comparisons_held
from grader.exercise import Check, Exercise, Key, Status
from grader.messages import _
from grader.protocol import (
    FORK,
    KILL,
    REAP,
    AnswerFault,
    Failure,
    ProtocolAnswer,
    malformed,
    memory_reason,
    not_attempted_reason,
    one_line,
    refused_reason,
)
from grader.results import ExerciseResult
from grader.sandbox import Isolation, Limits, Sandbox

if TYPE_CHECKING:
    from grader.chapters import Chapter
    from grader.submission import AnswerCode

START_SECONDS = 180.0
REPLY_SECONDS = 30.0

_logger = logging.getLogger(__name__)

Verdict = tuple[Status, str]


class ServerError(Exception):
    """The worker's server could not be started or does not answer; no fault of a learner's code."""


def judge_exercise(answer: ProtocolAnswer, exercise: Exercise, key: Key | None = None) -> Verdict:
    """Judges one answer: the visible check, then the hidden one.

    Args:
        answer: The answer, here or in a worker.
        exercise: The exercise.
        key: Its private part; without one only the visible check runs.

    Returns:
        Status and the reason to tell; the reason of a pass is empty.
    """
    checks = {"visible": exercise.check}
    if key is not None and key.hidden is not None:
        checks["hidden"] = key.hidden
    for name, check in checks.items():
        answer.begin(exercise.id, name)
        status, reason = _run_check(check, answer)
        if status is not Status.PASSED:
            return status, one_line(reason)
    return Status.PASSED, ""


def _run_check(check: Check, answer: ProtocolAnswer) -> Verdict:
    held_before = comparisons_held()
    try:
        check(answer)
    except (Finding, AnswerFault) as fault:
        if fault.status is not Status.PASSED:
            return fault.status, fault.reason
        _logger.error("a check raised a finding with the status of a pass")
        return _grader_fault()
    except Exception:
        _logger.exception("a check failed in itself")
        return _grader_fault()
    if comparisons_held() == held_before:
        _logger.error("a check ended without comparing anything")
        return _grader_fault()
    return Status.PASSED, ""


def _grader_fault() -> Verdict:
    return Status.GRADER_FAULT, _(
        "The grader itself failed here. This is not held against you: please tell your instructor."
    )


class Judge:
    """Judges the answers of one submission, each in a process of its own.

    Use it in a ``with`` statement, within one thread.
    """

    def __init__(
        self,
        chapter: Chapter,
        *,
        isolation: Isolation,
        seed: int | None = None,
        limits: Limits | None = None,
    ) -> None:
        """Creates a judge.

        Args:
            chapter: The chapter; its keys, where present, are never copied to the worker.
            isolation: ``"bubblewrap"`` or ``"process"``.
            seed: Seed of the checks' inputs, to repeat a verdict; by default a secret one.
            limits: What an answer's process may use.
        """
        self._chapter = chapter
        self._isolation: Isolation = isolation
        self._seed = seed
        self._limits = limits or Limits()
        self._resources = contextlib.ExitStack()
        self._server: _Server | None = None

    def __enter__(self) -> Self:
        """Makes the public copy of the chapter.

        Raises:
            IsolationUnavailable: If the isolation does not work on this machine.
        """
        with contextlib.ExitStack() as stack:
            folder = tempfile.TemporaryDirectory(prefix="grader-", ignore_cleanup_errors=True)
            scratch = Path(stack.enter_context(folder))
            self._sandbox = Sandbox.stage(self._isolation, self._chapter.folder, scratch)
            self._resources = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stops the worker and removes the copy."""
        self._stop_server()
        self._resources.close()

    def grade(
        self, codes: Mapping[str, AnswerCode], exercises: Collection[str] | None = None
    ) -> list[ExerciseResult]:
        """Judges answers, one by one: whatever becomes of one leaves the others as they are.

        Args:
            codes: What to run, by exercise id; an exercise without an entry is not attempted.
            exercises: Ids of the exercises to judge; by default all of the chapter.

        Returns:
            A result for each, in the chapter's order; its seconds leave out the start of the worker.
        """
        chosen = [
            exercise
            for exercise in self._chapter.exercises.values()
            if exercises is None or exercise.id in exercises
        ]
        if self._server is None and any(codes[each.id].attempted for each in chosen if each.id in codes):
            with contextlib.suppress(ServerError):
                self._server = _Server(self._sandbox, self._chapter)
        return [self._grade_one(exercise, codes.get(exercise.id)) for exercise in chosen]

    def _grade_one(self, exercise: Exercise, code: AnswerCode | None) -> ExerciseResult:
        started = time.monotonic()
        if code is not None and code.attempted:
            status, reason = self._judge(exercise, code)
        else:
            status, reason = Status.NOT_ATTEMPTED, not_attempted_reason()
        return ExerciseResult(
            id=exercise.id,
            title=exercise.title,
            status=status,
            score=exercise.points if status is Status.PASSED else 0,
            max_score=exercise.points,
            reason=reason,
            seconds=time.monotonic() - started,
        )

    def _judge(self, exercise: Exercise, code: AnswerCode) -> Verdict:
        try:
            with self._child(exercise) as child:
                try:
                    failures = child.run(code.cells)
                except AnswerFault as fault:
                    return fault.status, fault.reason
                key = self._chapter.key(exercise.id)
                verdict = judge_exercise(ProtocolAnswer(child.exchange, self._seed), exercise, key)
                return _with_failures(verdict, exercise, code, failures)
        except ServerError:
            _logger.exception("the worker's server failed")
            self._stop_server()
            return _grader_fault()

    @contextlib.contextmanager
    def _child(self, exercise: Exercise) -> Iterator[_Child]:
        limits = self._limits.resources(self._isolation, exercise.time_limit)
        child = _Child(*self._fork(), exercise.time_limit, limits)
        try:
            yield child
        finally:
            child.close()
            if not child.server.usable:
                self._stop_server()

    def _fork(self) -> tuple[_Server, socket.socket]:
        """Forks a child, of a new server if the one that runs is gone."""
        if self._server is not None:
            with contextlib.suppress(ServerError):
                return self._server, self._server.fork()
            self._stop_server()
        self._server = _Server(self._sandbox, self._chapter)
        return self._server, self._server.fork()

    def _stop_server(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None


def _with_failures(
    verdict: Verdict, exercise: Exercise, code: AnswerCode, failures: list[tuple[int, Failure]]
) -> Verdict:
    """Blames a cell that failed, where that is why an answer is missing or raises."""
    status, reason = verdict
    if not failures or status not in (Status.NOT_ATTEMPTED, Status.RAISED):
        return verdict
    if status is Status.RAISED:
        before = _("Before that: {reason}").format(reason=failures[0][1].reason())
        return status, one_line(f"{reason} {before}")
    names = (exercise.id, *exercise.symbols)
    own = [failure for number, failure in failures if any(name in code.cells[number] for name in names)]
    if not own:
        return verdict
    fault = own[-1].fault()
    return fault.status, one_line(fault.reason)


class _Server:
    """The fork server, as the judge sees it.

    Attributes:
        usable: False once it has not answered.
    """

    def __init__(self, sandbox: Sandbox, chapter: Chapter) -> None:
        """Starts it.

        Raises:
            ServerError: If it does not come up; with the end of what it wrote to its standard error.
        """
        self._control, theirs = socket.socketpair()
        self._log: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed in stop()
        self.usable = True
        arguments = ["-m", "grader.worker", "--connection", str(theirs.fileno())]
        if (chapter.folder / "probes.py").is_file():
            arguments += ["--probes", f"chapters.{chapter.name}.probes"]
        with theirs:
            self._process = subprocess.Popen(
                sandbox.command(arguments),
                env=sandbox.environment(),
                cwd=sandbox.home,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._log,
                start_new_session=True,
            )
        try:
            self._receive(START_SECONDS)
        except ServerError as error:
            self._log.seek(0)
            said = self._log.read()[-2000:].decode(errors="replace")
            self.stop()
            raise ServerError(f"the worker did not start: {said}") from error

    def fork(self) -> socket.socket:
        """Forks a child.

        Returns:
            The connection to it.

        Raises:
            ServerError: If the server is gone.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [FORK], [theirs.fileno()])
            except OSError as error:
                self.usable = False
                ours.close()
                raise ServerError("the worker's server is gone") from error
        return ours

    def end_child(self, command: bytes) -> int | None:
        """Ends the child.

        Args:
            command: :data:`~grader.protocol.KILL` or :data:`~grader.protocol.REAP`.

        Returns:
            How it ended by itself, as :func:`os.waitstatus_to_exitcode` says it; ``None`` if it was killed,
            or the server is gone too.
        """
        try:
            self._control.settimeout(REPLY_SECONDS)
            self._control.sendall(command)
            ending = self._receive(REPLY_SECONDS)
        except (ServerError, OSError):
            self.usable = False
            return None
        match ending:
            case {"killed": False, "exit": int(code)}:
                return code
        return None

    def stop(self) -> None:
        """Stops it and everything in its process group."""
        self.usable = False
        self._control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2.0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._log.close()

    def _receive(self, seconds: float) -> Any:
        try:
            return wire.decode(wire.receive(self._control, time.monotonic() + seconds))
        except (wire.WireError, EOFError, OSError) as error:
            raise ServerError("the worker's server does not answer") from error


class _Child:
    """The process of one exercise, as the judge sees it.

    Attributes:
        server: The server that forked it.
    """

    def __init__(
        self, server: _Server, connection: socket.socket, seconds: float, limits: Mapping[str, int]
    ) -> None:
        self.server = server
        self._connection = connection
        self._deadline = time.monotonic() + seconds
        self._seconds = seconds
        self._limits = dict(limits)
        self._ended = False

    def run(self, cells: tuple[str, ...]) -> list[tuple[int, Failure]]:
        """Runs the cells.

        Returns:
            Index and failure of each cell that failed.

        Raises:
            AnswerFault: If the process did not survive it, or answered with something else.
        """
        try:
            job = wire.encode({"cells": cells, "limits": self._limits})
            report = wire.decode(self.exchange(job))
            return _failures(report, len(cells))
        except wire.WireError as error:
            raise AnswerFault(Status.REFUSED, refused_reason(str(error))) from error

    def exchange(self, payload: bytes) -> bytes:
        """Sends a request and waits for the reply.

        Raises:
            AnswerFault: If the time is over or the process has ended.
            WireError: If the reply is longer than a frame may be.
        """
        try:
            wire.send(self._connection, payload, self._deadline)
            return wire.receive(self._connection, self._deadline)
        except TimeoutError as error:
            raise _time_limit(self._seconds) from error
        except (EOFError, OSError) as error:
            raise self._death() from error

    def close(self) -> None:
        """Kills the process, if it still runs."""
        self._connection.close()
        if not self._ended:
            self.server.end_child(KILL)

    def _death(self) -> AnswerFault:
        self._ended = True
        code = self.server.end_child(REAP)
        if code == -signal.SIGXCPU:
            return _time_limit(self._seconds)
        if code == -signal.SIGKILL:
            return AnswerFault(Status.MEMORY_LIMIT, memory_reason())
        return AnswerFault(
            Status.WORKER_DIED,
            _("The process that ran your code ended. Do not end it (exit, os._exit), and watch its memory."),
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
            case (int(number), data) if 0 <= number < cells:
                failures.append((number, Failure.from_data(data)))
            case _unknown:
                raise malformed()
    return failures
