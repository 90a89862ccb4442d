import subprocess
import sys
from pathlib import Path

import pytest

from grader.course import taught
from grader.course.chapters import Chapter
from grader.course.notebooks import NotebookError
from tests.grader.toy_course import LESSON, write_course

STRETCH = '''\
# %% tags=["export"]
from math import tau

# %% tags=["nbval-check-output", "export"]
SCALE = 2.0


def stretch(x):
    """Returns twice x."""
    return SCALE * x


# %%
print(stretch(tau))

# %% tags=["export"]
# The other way round.
def shrink(x):
    """Returns half of x."""
    return x / SCALE


'''
TAUGHT = '''\
"""Taught in lesson.py; written by `grader build`. Do not edit."""

from math import tau


SCALE = 2.0


def stretch(x):
    """Returns twice x."""
    return SCALE * x


# The other way round.
def shrink(x):
    """Returns half of x."""
    return x / SCALE
'''


@pytest.fixture
def exporting(tmp_path: Path) -> Chapter:
    return write_course(tmp_path / "course", lesson=STRETCH + LESSON)


def test_exported_cells_are_copied_in_order(exporting: Chapter) -> None:
    assert taught.source(exporting) == TAUGHT


def test_written_file_has_no_faults_and_no_part_is_left(exporting: Chapter) -> None:
    taught.write(exporting)
    taught.write(exporting)
    assert taught.taught_path(exporting).read_text("utf-8") == TAUGHT
    assert taught.faults(exporting) == []
    assert not [*exporting.folder.glob("*.part")]


def test_lesson_without_exported_cells_has_no_file(chapter: Chapter) -> None:
    taught.write(chapter)
    assert not taught.taught_path(chapter).exists()
    assert taught.faults(chapter) == []
    taught.taught_path(chapter).write_text("left = 1\n")
    assert len(taught.faults(chapter)) == 1
    taught.write(chapter)
    assert not taught.taught_path(chapter).exists()


def test_missing_and_stale_files_are_named(exporting: Chapter) -> None:
    path = taught.taught_path(exporting)
    (missing,) = taught.faults(exporting)
    taught.write(exporting)
    path.write_text(path.read_text("utf-8") + "edited_by_hand = 1\n", "utf-8")
    (stale,) = taught.faults(exporting)
    assert str(path) in missing
    assert str(path) in stale
    assert missing != stale


@pytest.mark.parametrize(
    "first",
    ["import json", "from math import tau", "SCALE = 2.0", "def f():\n    pass", "class A:\n    x = 1"],
)
@pytest.mark.parametrize(
    "second",
    ["import json", "SCALE: float = 2.0", "# Why.\ndef g():\n    pass", "@staticmethod\ndef h():\n    pass"],
)
def test_it_is_formatted_as_ruff_does(tmp_path: Path, first: str, second: str) -> None:
    lesson = f'# %% tags=["export"]\n{first}\n\n# %% tags=["export"]\n{second}\n\n{LESSON}'
    text = taught.source(write_course(tmp_path, lesson=lesson))
    command = [Path(sys.executable).with_name("ruff"), "format", "--isolated", "-"]
    assert subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout == text


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("print(1)", r"print\(1\)"),
        ("scale = max(1, 2)", r"scale = max\(1, 2\)"),
        ("scale = 1\nscale += 1", r"scale \+= 1"),
        ("store['x'] = 1", "store"),
        ("def f(:", "line 1"),
    ],
)
def test_cell_that_does_more_than_define_is_refused(tmp_path: Path, cell: str, said: str) -> None:
    chapter = write_course(tmp_path, lesson=f'# %% tags=["export"]\n{cell}\n\n{LESSON}')
    with pytest.raises(NotebookError, match=said):
        taught.write(chapter)
    assert not taught.taught_path(chapter).exists()
