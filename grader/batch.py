"""Grades submitted files: each with a judge of its own, several at a time."""

from __future__ import annotations

import logging
import threading
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
        """
        stop = stop or threading.Event()
        with ThreadPoolExecutor(max_workers=jobs) as executor:
            pending = [
                executor.submit(self._grade_safely, name, path, stop) for name, path in submissions.items()
            ]
            for future in as_completed(pending):
                if (result := future.result()) is not None:
                    yield result

    def _grade_safely(self, name: str, path: Path, stop: threading.Event) -> SubmissionResult | None:
        if stop.is_set():
            return None
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
