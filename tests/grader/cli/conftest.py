from pathlib import Path

import pytest

from grader.course.chapters import Chapter
from grader.exercise import Exercise
from grader.judging.judge import Budget, Judge
from grader.judging.results import ExerciseResult
from grader.reading.submission import AnswerCode, answers_of
from tests.grader.cli.commands import BOTH
from tests.grader.toy_course import write_notebook


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "en")
    monkeypatch.setattr("grader.messages._chosen", None)
    monkeypatch.setattr("grader.cli.common.bubblewrap_available", lambda: False)


@pytest.fixture
def submitted(installed: Chapter, tmp_path: Path) -> Path:
    folder = tmp_path / "submitted"
    folder.mkdir()
    write_notebook(folder / "good.ipynb", answers_of(installed, BOTH))
    (folder / "broken.ipynb").write_text("{")
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The exercises that were judged."""
    calls: list[str] = []
    grade_one = Judge.grade_one

    def noted(judge: Judge, exercise: Exercise, code: AnswerCode, budget: Budget) -> ExerciseResult:
        calls.append(exercise.id)
        return grade_one(judge, exercise, code, budget)

    monkeypatch.setattr(Judge, "grade_one", noted)
    return calls
