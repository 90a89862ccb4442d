from pathlib import Path

import pytest
from toy_course import write_course

from grader.chapters import Chapter


@pytest.fixture
def chapter(tmp_path: Path) -> Chapter:
    """The toy chapter, in a course of its own."""
    return write_course(tmp_path / "course")
