from pathlib import Path

import pytest

from grader.course.chapters import Chapter
from tests.grader.toy_course import write_course


@pytest.fixture(autouse=True)
def no_language_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keeps a test's choice of language from the next test."""
    monkeypatch.setattr("grader.messages._chosen", None)


@pytest.fixture
def chapter(tmp_path: Path) -> Chapter:
    """The toy chapter, in a course of its own."""
    return write_course(tmp_path / "course")


@pytest.fixture
def installed(chapter: Chapter, monkeypatch: pytest.MonkeyPatch) -> Chapter:
    """The toy chapter, as the only one that is installed."""
    monkeypatch.setattr("grader.course.chapters._importable_chapters", lambda: [chapter.folder.parent])
    return chapter
