from pathlib import Path

import pytest
from toy_course import write_course

from grader.chapters import Chapter


@pytest.fixture
def chapter(tmp_path: Path) -> Chapter:
    """The toy chapter, in a course of its own."""
    return write_course(tmp_path / "course")


@pytest.fixture
def installed(chapter: Chapter, monkeypatch: pytest.MonkeyPatch) -> Chapter:
    """The toy chapter, as the only one that is installed."""
    monkeypatch.setattr("grader.chapters._importable_chapters", lambda: [chapter.folder.parent])
    return chapter
