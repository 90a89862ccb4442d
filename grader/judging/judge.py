"""The judge: runs the checks here, on answers that live in the worker."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from grader.exercise import Exercise, Key, Status
from grader.judging.checks import Verdict, grader_fault, judge_exercise
from grader.judging.connection import Child, Interrupted, Server, ServerError, Starved
from grader.judging.machine import Machine
from grader.judging.results import ExerciseResult
from grader.messages import _
from grader.protocol.exchange import (
    AnswerFault,
    Failure,
    ProtocolAnswer,
    memory_reason,
    not_attempted_reason,
    one_line,
)
from grader.sandbox.limits import Isolation, Limits
from grader.sandbox.staging import Sandbox

if TYPE_CHECKING:
    from grader.course.chapters import Chapter
    from grader.reading.submission import AnswerCode

TRIES = 3
"""How often an exercise is judged anew when its process was killed from outside."""

_logger = logging.getLogger(__name__)


class Judge:
    """Judges the answers of one submission, each in a process of its own.

    Use it in a ``with`` statement, within one thread.

    Attributes:
        starved: Whether the last verdict is a time limit that was met while others had the processor, judged
            alone too: it says nothing for good.
    """

    def __init__(
        self,
        chapter: Chapter,
        *,
        isolation: Isolation,
        seed: int | None = None,
        limits: Limits | None = None,
        machine: Machine | None = None,
    ) -> None:
        """Creates a judge.

        Args:
            chapter: The chapter; its keys, where present, are never copied to the worker.
            isolation: What keeps answers apart: see :mod:`grader.sandbox.staging`.
            seed: Seed of the checks' inputs, to repeat a verdict; by default a secret one.
            limits: What an answer's process may use.
            machine: What it shares with the judges that work beside it; by default there are none.
        """
        self.starved = False
        self._chapter = chapter
        self._isolation: Isolation = isolation
        self._seed = seed
        self._limits = limits or Limits()
        self._machine = machine or Machine()
        self._resources = contextlib.ExitStack()
        self._server: Server | None = None

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
            self._server = Server(self._sandbox, self._chapter, self._limits)

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
        self.starved = False
        started = time.monotonic()
        if code is None or not code.attempted:
            verdict = Verdict(Status.NOT_ATTEMPTED, not_attempted_reason())
        elif budget.seconds <= 0:
            verdict = Verdict(Status.TIME_LIMIT, _submission_time_reason(self._limits.submission_seconds))
        else:
            with contextlib.suppress(ServerError):
                self.start()
            started = time.monotonic()
            try:
                with self._machine.shared():
                    verdict = self._judge_again(exercise, code, budget)
            except Starved:
                with self._machine.alone():
                    started = time.monotonic()
                    verdict = self._judge_alone(exercise, code, budget)
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
        return grader_fault(fault) if fault else Verdict(Status.MEMORY_LIMIT, memory_reason())

    def _judge_alone(self, exercise: Exercise, code: AnswerCode, budget: Budget) -> Verdict:
        """Judges anew where others had the processor; while it does, no other judge of this machine works."""
        try:
            return self._judge_again(exercise, code, budget)
        except Starved as starved:
            self.starved = True
            return Verdict(starved.fault.status, starved.fault.reason)

    def _judge(self, exercise: Exercise, code: AnswerCode, seconds: float) -> Verdict:
        with self._child(exercise, seconds) as child:
            try:
                failures = child.run(code.cells)
            except AnswerFault as fault:
                return Verdict(fault.status, fault.reason)
            answer = ProtocolAnswer(child.exchange, self._seed)
            key = self._chapter.key(exercise.id)
            verdict = judge_exercise(answer, exercise, key, self._chapter.sentences)
            if exercise.question is not None and key is None and verdict.status is Status.PASSED:
                verdict = grader_fault("a question cannot be judged without answers.py")
            return _with_failures(verdict, exercise, code, failures)

    @contextlib.contextmanager
    def _child(self, exercise: Exercise, seconds: float) -> Iterator[Child]:
        limits = self._limits.of_exercise(self._isolation, exercise.time_limit)
        self.start()
        assert self._server is not None
        child = Child(self._server, self._server.fork(limits), seconds)
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


def _submission_time_reason(seconds: float) -> str:
    reason = _("The other exercises have used up the {seconds:g} seconds that one submission may take.")
    return reason.format(seconds=seconds)
