"""The judge: runs the checks here, on answers that live in the worker, and turns outcomes into verdicts.

A pass needs a comparison that held, in each check. Everything else has a name of its own.
"""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from grader import wire
from grader.compare import Finding, comparisons_held
from grader.exercise import Check, Exercise, Key, Status
from grader.launch import launch
from grader.messages import _
from grader.protocol import (
    KILL,
    REAP,
    AnswerFault,
    Failure,
    ProtocolAnswer,
    malformed,
    memory_reason,
    not_attempted_reason,
    one_line,
    pieces,
    refused_reason,
)
from grader.results import ExerciseResult
from grader.sandbox import Isolation, Limits, Sandbox

if TYPE_CHECKING:
    from grader.chapters import Chapter
    from grader.submission import AnswerCode

START_SECONDS = 180.0
REPLY_SECONDS = 30.0
_SIGKILL, _SIGXCPU = 9, 24  # as the worker's system has them; Windows, where the judge may run, has neither
TRIES = 3
"""How often an exercise is judged anew when its process was killed from outside."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verdict:
    """What became of an answer; the fields are those of :class:`~grader.results.ExerciseResult`."""

    status: Status
    reason: str = ""
    check: str = ""
    detail: str = ""
    given: str = ""
    expected: str = ""


class ServerError(Exception):
    """The worker's server could not be started or does not answer; no fault of a learner's code."""


class Interrupted(Exception):
    """The process of an exercise was killed for no limit of its own; it can be judged again."""


def judge_exercise(
    answer: ProtocolAnswer,
    exercise: Exercise,
    key: Key | None = None,
    sentences: Collection[str] = (),
) -> Verdict:
    """Judges one answer: the visible check, then the hidden one.

    Args:
        answer: The answer, here or in a worker.
        exercise: The exercise.
        key: Its private part; without one only the visible check runs.
        sentences: What the learner may be told of a hidden check, word for word. Anything else, made at run
            time, might hold a hidden input or a right value and is for the instructor alone.

    Returns:
        The verdict; the reason of a pass is empty.
    """
    checks = {"visible": exercise.check}
    if key is not None and key.hidden is not None:
        checks["hidden"] = key.hidden
    for name, check in checks.items():
        answer.begin(exercise.id, name)
        verdict = replace(_run_check(check, answer), check=name)
        if verdict.status is not Status.PASSED:
            return _hiding(verdict, sentences) if name == "hidden" else verdict
    return verdict


def _run_check(check: Check, answer: ProtocolAnswer) -> Verdict:
    held_before = comparisons_held()
    try:
        check(answer)
    except Finding as finding:
        if finding.status is not Status.PASSED:
            texts = map(one_line, (finding.reason, finding.reason, finding.given, finding.expected))
            reason, detail, given, expected = texts
            return Verdict(finding.status, reason, "", detail, given, expected)
        _logger.error("a check raised a finding with the status of a pass")
        return _grader_fault("the check raised a finding with the status of a pass")
    except AnswerFault as fault:
        return Verdict(fault.status, one_line(fault.reason), "", one_line(fault.reason))
    except (ServerError, Interrupted):
        raise
    except Exception as error:
        _logger.exception("a check failed in itself")
        return _grader_fault(f"the check raised {type(error).__name__}: {error}")
    if comparisons_held() == held_before:
        _logger.error("a check ended without comparing anything")
        return _grader_fault("the check ended without comparing anything")
    return Verdict(Status.PASSED)


def _hiding(verdict: Verdict, sentences: Collection[str]) -> Verdict:
    """Leaves of a hidden check's verdict only what cannot tell its inputs or right values."""
    said = {
        Status.RAISED: _(
            "Your code raised an error for an input that is not shown. Try inputs of other kinds."
        ),
        Status.REFUSED: _("For an input that is not shown, your result is nothing that can be judged."),
        Status.NOT_ATTEMPTED: not_attempted_reason(),
    }
    always_told = {Status.TIME_LIMIT, Status.MEMORY_LIMIT, Status.RESOURCE_LIMIT, Status.WORKER_DIED}
    reason = verdict.reason
    if verdict.status in said:
        reason = said[verdict.status]
    elif verdict.status not in always_told | {Status.GRADER_FAULT} and reason not in sentences:
        reason = _("Right for the inputs that are shown, but not for others. Try inputs of other sizes.")
    return replace(verdict, reason=reason, given="", expected="")


def _grader_fault(detail: str) -> Verdict:
    reason = _("The grader itself failed here. This is not held against you: please tell your instructor.")
    return Verdict(Status.GRADER_FAULT, reason, detail=one_line(detail))


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
            isolation: What keeps answers apart: see :mod:`grader.sandbox`.
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
            _remove_leftovers()
            folder = tempfile.TemporaryDirectory(prefix=f"grader-{os.getpid()}-", ignore_cleanup_errors=True)
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

    def start(self) -> None:
        """Starts the worker now, not when the first answer comes.

        Raises:
            ServerError: If it does not come up.
        """
        if self._server is None:
            self._server = _Server(self._sandbox, self._chapter, self._limits)

    def stop(self) -> None:
        """Stops the worker; the next answer starts it anew."""
        self._stop_server()

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
        budget = Budget(self._limits.submission_seconds)
        return [
            self.grade_one(exercise, codes.get(exercise.id), budget)
            for exercise in self._chapter.exercises.values()
            if exercises is None or exercise.id in exercises
        ]

    def grade_one(self, exercise: Exercise, code: AnswerCode | None, budget: Budget) -> ExerciseResult:
        """Judges the answer to one exercise.

        Args:
            exercise: The exercise.
            code: What to run; ``None`` where nothing answers it.
            budget: What is left of its submission's time; it is charged.

        Returns:
            The result.
        """
        started = time.monotonic()
        if code is None or not code.attempted:
            verdict = Verdict(Status.NOT_ATTEMPTED, not_attempted_reason())
        elif budget.seconds <= 0:
            verdict = Verdict(Status.TIME_LIMIT, _submission_time_reason(self._limits.submission_seconds))
        else:
            with contextlib.suppress(ServerError):
                self.start()
            started = time.monotonic()
            verdict = self._judge_again(exercise, code, budget)
        seconds = time.monotonic() - started
        budget.seconds -= seconds
        return self._result(exercise, verdict, seconds)

    def _result(self, exercise: Exercise, verdict: Verdict, seconds: float) -> ExerciseResult:
        passed = verdict.status is Status.PASSED
        key = self._chapter.key(exercise.id)
        return ExerciseResult(
            id=exercise.id,
            title=exercise.title,
            status=verdict.status,
            score=exercise.points if passed else 0,
            max_score=exercise.points,
            reason=verdict.reason,
            seconds=seconds,
            check=verdict.check,
            detail=verdict.detail or verdict.reason,
            given=verdict.given,
            expected=verdict.expected,
            hint="" if passed or not exercise.hints else exercise.hints[0],
            mistake="" if passed or key is None else _known_mistake(key, verdict),
        )

    def _judge_again(self, exercise: Exercise, code: AnswerCode, budget: Budget) -> Verdict:
        """Judges, and judges anew where the process was killed from outside, by nothing that it did."""
        fault = ""
        for _try in range(TRIES):
            try:
                return self._judge(exercise, code, min(exercise.time_limit, budget.seconds))
            except Interrupted:
                _logger.warning("the process of %s was killed from outside", exercise.id)
                fault = ""
            except ServerError as error:
                _logger.warning("the worker's server failed: %s", error)
                fault = str(error)
                self._stop_server()
        return _grader_fault(fault) if fault else Verdict(Status.MEMORY_LIMIT, memory_reason())

    def _judge(self, exercise: Exercise, code: AnswerCode, seconds: float) -> Verdict:
        with self._child(exercise, seconds) as child:
            try:
                failures = child.run(code.cells)
            except AnswerFault as fault:
                return Verdict(fault.status, fault.reason)
            answer = ProtocolAnswer(child.exchange, self._seed)
            key = self._chapter.key(exercise.id)
            verdict = judge_exercise(answer, exercise, key, self._chapter.sentences)
            return _with_failures(verdict, exercise, code, failures)

    @contextlib.contextmanager
    def _child(self, exercise: Exercise, seconds: float) -> Iterator[_Child]:
        limits = self._limits.of_exercise(self._isolation, exercise.time_limit)
        self.start()
        assert self._server is not None
        child = _Child(self._server, self._server.fork(limits), seconds)
        try:
            yield child
        finally:
            child.close()
            if not child.server.usable:
                self._stop_server()

    def _stop_server(self) -> None:
        if self._server is not None:
            self._server.stop()
            self._server = None


def _remove_leftovers() -> None:
    """Removes the folders of graders that were killed before they could do it themselves."""
    for folder in Path(tempfile.gettempdir()).glob("grader-*-*"):
        owner = folder.name.split("-")[1]
        if sys.platform == "linux" and owner.isdecimal() and not Path("/proc", owner).exists():
            shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Budget:
    """What is left of a submission's time.

    Attributes:
        seconds: Wall-clock seconds.
    """

    seconds: float


def _known_mistake(key: Key, verdict: Verdict) -> str:
    """Returns the name of the known mistake whose reason an answer is told."""
    told = verdict.detail or verdict.reason
    return next((name for name, mistake in key.mistakes.items() if mistake.reason in told), "")


def _with_failures(
    verdict: Verdict, exercise: Exercise, code: AnswerCode, failures: list[tuple[int, Failure]]
) -> Verdict:
    """Blames a cell that failed, where that is why an answer is missing or raises."""
    if not failures or verdict.status not in (Status.NOT_ATTEMPTED, Status.RAISED):
        return verdict
    if verdict.status is Status.RAISED:
        before = _("Before that: {reason}").format(reason=failures[0][1].reason())
        return replace(
            verdict,
            reason=one_line(f"{verdict.reason} {before}"),
            detail=one_line(f"{verdict.detail} {before}"),
        )
    names = (exercise.id, *exercise.symbols)
    own = [failure for number, failure in failures if any(name in code.cells[number] for name in names)]
    if not own:
        return verdict
    fault = own[-1].fault()
    return Verdict(fault.status, one_line(fault.reason))


class _Server:
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
            limits: What it may use, as :meth:`~grader.sandbox.Limits.of_exercise` says it.

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
            command: :data:`~grader.protocol.KILL` or :data:`~grader.protocol.REAP`.

        Returns:
            How it ended.

        Raises:
            ServerError: If the server is gone too.
        """
        try:
            self._control.settimeout(REPLY_SECONDS)
            self._control.sendall(command)
            ending = self._receive(REPLY_SECONDS)
            return Ending(ending["killed"], ending["exit"], ending["exceeded"])
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


class _Child:
    """The process of one exercise, as the judge sees it.

    Attributes:
        server: The server that forked it.
    """

    def __init__(self, server: _Server, connection: socket.socket, seconds: float) -> None:
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
            with contextlib.suppress(ServerError):
                self.server.end_child(KILL)

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
    """

    killed: bool
    exit: int
    exceeded: str


def _processor_time_reason() -> str:
    return _(
        "Your code was stopped because it used too much processor time. Compute less, in fewer processes."
    )


def _submission_time_reason(seconds: float) -> str:
    reason = _("The other exercises have used up the {seconds:g} seconds that one submission may take.")
    return reason.format(seconds=seconds)


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
