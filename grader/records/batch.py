"""Grades submitted files, several at a time, and keeps every result as soon as it is known."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import queue
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TypeVar

from grader.course.chapters import Chapter
from grader.exercise import Exercise, Status
from grader.judging.judge import Budget, Judge
from grader.judging.machine import Machine
from grader.judging.results import ExerciseResult, SubmissionResult
from grader.messages import _
from grader.reading.submission import AnswerCode, SubmissionError, read_submission
from grader.reading.unanswered import other_names_reason
from grader.records.environment import checks_digest, environment_of
from grader.records.gradebook import Gradebook, GradebookError, digest, result_key
from grader.sandbox.limits import Isolation, Limits

_logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Grading:
    """How to grade.

    Attributes:
        chapters: The course's chapters.
        isolation: What keeps learners' code apart.
        seed: Seed of the checks' inputs; ``None`` for a secret one.
        gradebook: Where results are kept and looked up; ``None`` for nowhere.
        limits: What learners' code may use.
        problems: Why a submission cannot be graded, by its name, where that is known beforehand.
        notes: What else its owner handed in, by its name.
        machine: What its slots share.
    """

    chapters: Sequence[Chapter]
    isolation: Isolation
    seed: int | None = None
    gradebook: Gradebook | None = None
    limits: Limits = field(default_factory=Limits)
    problems: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    machine: Machine = field(default_factory=Machine)

    def grade(self, name: str, path: Path, slot: Slot | None = None) -> SubmissionResult:
        """Grades one file; whatever is in it, there is a result.

        Args:
            name: What the report calls it.
            path: The file.
            slot: The worker slot to use; by default one of its own.

        Returns:
            Its result.
        """
        if slot is None:
            with Slot(self) as own:
                return self.grade(name, path, own)
        if problem := self.problems.get(name):
            return self._recorded(self._ungraded(name, "", slot, problem), [], slot)
        try:
            submission = read_submission(path, self.chapters)
        except SubmissionError as error:
            return self._recorded(self._ungraded(name, _sha256(path), slot, str(error)), [], slot)
        chapter = next(chapter for chapter in self.chapters if chapter.name == submission.chapter)
        budget = Budget(self.limits.submission_seconds)
        judged = [
            self.judged(
                name,
                chapter,
                exercise,
                submission.codes[exercise.id],
                slot,
                budget,
                misplaced=submission.misplaced.get(exercise.id, ""),
            )
            for exercise in chapter.exercises.values()
        ]
        exercises = [result for _key, result in judged]
        result = SubmissionResult(
            submission=name,
            chapter=chapter.name,
            score=sum(exercise.score for exercise in exercises),
            max_score=sum(exercise.max_score for exercise in exercises),
            exercises=exercises,
            isolation=self.isolation,
            note=self.notes.get(name, ""),
            notebook=_sha256(path),
            versions=slot.environment.versions,
        )
        return self._recorded(result, [key for key, _result in judged], slot)

    def judged(
        self,
        name: str,
        chapter: Chapter,
        exercise: Exercise,
        code: AnswerCode,
        slot: Slot,
        budget: Budget,
        *,
        misplaced: str = "",
    ) -> tuple[str, ExerciseResult]:
        """Gives the result of an answer: the one that is kept, or a new one, which is kept at once.

        Args:
            name: The submission.
            chapter: The chapter.
            exercise: One of its exercises.
            code: What to run.
            slot: The worker slot.
            budget: What is left of the submission's time.
            misplaced: What to tell where nothing answers the exercise; by default the usual.

        Returns:
            The key under which the result is kept, and the result. A fault of the grader is judged anew.
        """
        key = slot.key(chapter, exercise, code, misplaced)
        kept = self.gradebook.find(key) if self.gradebook else None
        if kept is not None and kept.status is not Status.GRADER_FAULT:
            return key, kept
        short_of_time = budget.seconds < exercise.time_limit
        result = slot.grade_one(chapter, exercise, code, budget, misplaced)
        if short_of_time and result.status is Status.TIME_LIMIT:
            key = digest(key, name)  # no other submission with this answer was short of time
        if slot.judge(chapter).starved:
            key = digest(key, secrets.token_hex())  # nobody finds it: the next time it is judged anew
        if self.gradebook:
            self.gradebook.keep(key, code, result, slot.environment)
        return key, result

    def grade_all(
        self, submissions: Mapping[str, Path], jobs: int, stop: threading.Event | None = None
    ) -> Iterator[SubmissionResult]:
        """Grades files in parallel and yields each result as it comes.

        Args:
            submissions: Files by the names that the report uses.
            jobs: How many at a time.
            stop: Once set, files not yet begun are left out; those under way are finished.

        Yields:
            One result per file.

        Raises:
            GradebookError: If the gradebook can no longer be written.
            OSError: If the disk is full.
        """
        work = (partial(self._grade_safely, name, path) for name, path in submissions.items())
        return self.in_parallel(work, jobs, stop)

    def in_parallel(
        self, work: Iterable[Callable[[Slot], T]], jobs: int, stop: threading.Event | None = None
    ) -> Iterator[T]:
        """Does pieces of work in slots, several at a time, and yields what each gives as it comes.

        Args:
            work: Each takes the slot that it may use.
            jobs: How many at a time.
            stop: Once set, work not yet begun is left out; that under way is finished.

        Yields:
            What the work gives.
        """
        stop = stop or threading.Event()
        slots: queue.SimpleQueue[Slot] = queue.SimpleQueue()

        def in_a_slot(piece: Callable[[Slot], T]) -> T:
            slot = slots.get()
            try:
                return piece(slot)
            finally:
                slots.put(slot)

        with contextlib.ExitStack() as stack:
            for _number in range(jobs):
                slots.put(stack.enter_context(Slot(self)))
            executor = stack.enter_context(ThreadPoolExecutor(max_workers=jobs))
            waiting = iter(work)
            pending: set[Future[T]] = set()
            while True:
                if not stop.is_set():
                    pending |= {
                        executor.submit(in_a_slot, piece) for piece in islice(waiting, jobs - len(pending))
                    }
                if not pending:
                    break
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()

    def _grade_safely(self, name: str, path: Path, slot: Slot) -> SubmissionResult:
        try:
            return self.grade(name, path, slot)
        except GradebookError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            _logger.exception("grading %r failed", name)
            problem = _("The grader itself failed on this file: grade it again.")
            return self._recorded(self._ungraded(name, _sha256(path), slot, problem), [], slot)

    def _recorded(self, result: SubmissionResult, keys: Sequence[str], slot: Slot) -> SubmissionResult:
        return self.gradebook.record(result, keys, slot.environment) if self.gradebook else result

    def _ungraded(self, name: str, notebook: str, slot: Slot, problem: str) -> SubmissionResult:
        return SubmissionResult(
            submission=name,
            chapter=None,
            score=0,
            max_score=0,
            isolation=self.isolation,
            problem=problem,
            note=self.notes.get(name, ""),
            notebook=notebook,
            versions=slot.environment.versions,
        )


class Slot:
    """One place where submissions are judged, one after another, by a server that stays.

    Use it in a ``with`` statement, within one thread at a time.
    """

    def __init__(self, grading: Grading) -> None:
        """Creates a slot; nothing runs yet.

        Args:
            grading: How to grade.
        """
        self.environment = environment_of(grading.isolation, grading.limits, grading.seed)
        self._grading = grading
        self._judges: dict[str, Judge] = {}
        self._resources = contextlib.ExitStack()

    def __enter__(self) -> Slot:
        """Returns itself."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Stops its servers."""
        self._resources.close()

    def key(self, chapter: Chapter, exercise: Exercise, code: AnswerCode, misplaced: str = "") -> str:
        """Returns the key under which the result of an answer is kept; see :meth:`Grading.judged`."""
        key = result_key(exercise.id, code, checks_digest(chapter, exercise.id), self.environment.key)
        return digest(key, misplaced) if misplaced else key

    def grade_one(
        self, chapter: Chapter, exercise: Exercise, code: AnswerCode, budget: Budget, misplaced: str = ""
    ) -> ExerciseResult:
        """Judges an answer, and says why nothing is there where that shows; see :meth:`Grading.judged`."""
        result = self.judge(chapter).grade_one(exercise, code, budget)
        if result.status is not Status.NOT_ATTEMPTED:
            return result
        told = other_names_reason(exercise, code.cells) if code.attempted else misplaced
        return replace(result, reason=told, detail=told) if told else result

    def judge(self, chapter: Chapter) -> Judge:
        """Returns the judge of a chapter; the server of another chapter is stopped."""
        for name, other in self._judges.items():
            if name != chapter.name:
                other.stop()
        if chapter.name not in self._judges:
            grading = self._grading
            judge = Judge(
                chapter,
                isolation=grading.isolation,
                seed=grading.seed,
                limits=grading.limits,
                machine=grading.machine,
            )
            self._judges[chapter.name] = self._resources.enter_context(judge)
        return self._judges[chapter.name]


def _sha256(path: Path) -> str:
    """Returns the digest of an ordinary file; empty where it cannot be read."""
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
