"""Grades submitted files: each with a judge of its own, several at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from grader.chapters import Chapter
from grader.judge import Judge
from grader.messages import _
from grader.results import SubmissionResult
from grader.sandbox import Isolation
from grader.submission import SubmissionError, read_submission

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Grading:
    """How to grade.

    Attributes:
        chapters: The course's chapters.
        isolation: What keeps learners' code apart.
        seed: Seed of the checks' inputs; ``None`` for a secret one.
    """

    chapters: Sequence[Chapter]
    isolation: Isolation
    seed: int | None = None

    def grade(self, name: str, path: Path) -> SubmissionResult:
        """Grades one file; whatever is in it, there is a result.

        Args:
            name: What the report calls it.
            path: The file.

        Returns:
            Its result.
        """
        try:
            submission = read_submission(path, self.chapters)
        except SubmissionError as error:
            return self._ungraded(name, str(error))
        chapter = next(chapter for chapter in self.chapters if chapter.name == submission.chapter)
        with Judge(chapter, isolation=self.isolation, seed=self.seed) as judge:
            exercises = judge.grade(submission.codes)
        return SubmissionResult(
            submission=name,
            chapter=chapter.name,
            score=sum(exercise.score for exercise in exercises),
            max_score=sum(exercise.max_score for exercise in exercises),
            exercises=exercises,
            isolation=self.isolation,
        )

    def grade_all(self, submissions: Mapping[str, Path], jobs: int) -> Iterator[SubmissionResult]:
        """Grades files in parallel and yields each result as it comes.

        When the caller stops early, files not yet begun are left out and those under way are finished.

        Args:
            submissions: Files by the names that the report uses.
            jobs: How many at a time.

        Yields:
            One result per file.
        """
        executor = ThreadPoolExecutor(max_workers=jobs)
        try:
            pending = [executor.submit(self._grade_safely, name, path) for name, path in submissions.items()]
            for future in as_completed(pending):
                yield future.result()
        finally:
            executor.shutdown(wait=True, cancel_futures=True)

    def _grade_safely(self, name: str, path: Path) -> SubmissionResult:
        try:
            return self.grade(name, path)
        except Exception:
            _logger.exception("grading %s failed", name)
            return self._ungraded(name, _("The grader itself failed on this file: grade it again."))

    def _ungraded(self, name: str, problem: str) -> SubmissionResult:
        return SubmissionResult(name, None, 0, 0, isolation=self.isolation, problem=problem)


def find_submissions(paths: Sequence[Path]) -> dict[str, Path]:
    """Finds the notebooks to grade.

    Args:
        paths: Files, taken whatever they are called, and folders, searched for ``.ipynb`` files.

    Returns:
        Files by a name that tells them apart: the file's own, or its path within the folder.
    """
    found: dict[str, Path] = {}
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*.ipynb")):
                if ".ipynb_checkpoints" not in file.parts and not file.name.startswith("._"):
                    found.setdefault(_free_name(found, file.relative_to(path).as_posix(), file), file)
        else:
            found.setdefault(_free_name(found, path.name, path), path)
    return found


def _free_name(found: Mapping[str, Path], name: str, path: Path) -> str:
    return name if found.get(name, path) == path else path.as_posix()
