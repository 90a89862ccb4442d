from pathlib import Path

import nbformat
import pytest

from grader.course.chapters import Chapter
from grader.course.notebooks import (
    NotebookError,
    build,
    execute,
    faults,
    notebook_path,
    repository_url,
    save,
    strip_volatile,
)
from tests.grader.toy_course import LESSON, write_course

URL = "https://github.com/OWNER/REPO"


def course_of(chapter: Chapter) -> Path:
    return chapter.folder.parent.parent


def executed(chapter: Chapter) -> nbformat.NotebookNode:
    """The toy notebook as if it had been run."""
    notebook = build(chapter, URL)
    for number, cell in enumerate((c for c in notebook.cells if c.cell_type == "code"), start=1):
        cell.execution_count = number
        cell.outputs = [nbformat.v4.new_output("stream", text="42\n")]
    return notebook


def test_answer_cell_is_marker_and_template(chapter: Chapter) -> None:
    sources = [cell.source for cell in build(chapter, URL).cells]
    assert "# EXERCISE ch01.double\ndef double(x):\n    raise NotImplementedError" in sources


def test_placeholders_become_badge_and_url(chapter: Chapter) -> None:
    text = "\n".join(cell.source for cell in build(chapter, URL).cells)
    assert "colab.research.google.com/github/OWNER/REPO/blob/main/notebooks/01_numbers.ipynb" in text
    assert "git+https://github.com/OWNER/REPO" in text
    assert "{{" not in text


def test_repository_comes_from_one_setting(chapter: Chapter) -> None:
    assert repository_url(chapter) == URL
    (course_of(chapter) / "pyproject.toml").write_text("[project]\n")
    with pytest.raises(NotebookError, match="Repository"):
        repository_url(chapter)


def test_same_lesson_gives_the_same_valid_notebook(chapter: Chapter) -> None:
    notebook = build(chapter, URL)
    nbformat.validate(notebook)
    assert nbformat.writes(notebook) == nbformat.writes(build(chapter, URL))
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("# EXERCISE ch01.double\n", "# EXERCISE ch01.doubel\n", r"ch01\.doubel"),
        ('check("ch01.double")', "", r'check\("ch01\.double"\)'),
        ("# EXERCISE ch01.double\n", "# EXERCISE ch01.area_and_name\n", r"# EXERCISE ch01\.double"),
    ],
)
def test_lesson_and_exercises_must_fit_together(tmp_path: Path, old: str, new: str, named: str) -> None:
    chapter = write_course(tmp_path, lesson=LESSON.replace(old, new))
    with pytest.raises(NotebookError, match=named):
        build(chapter, URL)


def test_fresh_notebook_has_no_faults(chapter: Chapter) -> None:
    save(executed(chapter), notebook_path(chapter))
    assert faults(chapter, URL) == []


def test_missing_notebook_is_a_fault(chapter: Chapter) -> None:
    assert len(faults(chapter, URL)) == 1


def test_stale_cell_is_named(chapter: Chapter) -> None:
    notebook = executed(chapter)
    notebook.cells[2].source = "edited_by_hand = 1"
    save(notebook, notebook_path(chapter))
    (fault,) = faults(chapter, URL)
    assert "3" in fault
    assert "from math import tau" in fault


def test_missing_cell_is_stale(chapter: Chapter) -> None:
    notebook = executed(chapter)
    del notebook.cells[-1]
    save(notebook, notebook_path(chapter))
    assert len(faults(chapter, URL)) == 1


def test_notebook_that_never_ran_is_a_fault(chapter: Chapter) -> None:
    save(build(chapter, URL), notebook_path(chapter))
    assert len(faults(chapter, URL)) == 1


def test_error_output_and_size_are_faults(chapter: Chapter) -> None:
    notebook = executed(chapter)
    notebook.cells[3].outputs = [nbformat.v4.new_output("error", ename="E", evalue="bad", traceback=[])]
    notebook.cells[4].outputs = [nbformat.v4.new_output("stream", text="x" * 1_500_000)]
    save(notebook, notebook_path(chapter))
    assert len(faults(chapter, URL)) == 2


def test_places_and_addresses_are_stripped(chapter: Chapter) -> None:
    course = course_of(chapter)
    notebook = executed(chapter)
    text = f"{course}/chapters/x.py:3: UserWarning <Model at 0x7f3c2d1e0> {Path.home()}/data\n"
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text=text)]
    notebook.cells[1].metadata["execution"] = {"iopub.execute_input": "2020-01-01T00:00:00Z"}
    strip_volatile(notebook, course)
    stripped = notebook.cells[1].outputs[0].text
    assert stripped.startswith("chapters/x.py:3: UserWarning <Model at 0x…>")
    assert str(Path.home()) not in stripped
    assert "execution" not in notebook.cells[1].metadata


RUNNABLE = "# %%\n# SETUP\nanswer = 6 * 7\n\n# %%\nprint(answer)\n\n"
NO_EXERCISES = {"exercises": "EXERCISES = []\n", "answers": "ANSWERS = {}\n"}


def test_execution_fills_outputs_and_reports_progress(tmp_path: Path) -> None:
    chapter = write_course(tmp_path, lesson=RUNNABLE, **NO_EXERCISES)
    notebook = build(chapter, URL)
    seen: list[tuple[int, int, str]] = []
    seconds = execute(notebook, tmp_path, progress=lambda *step: seen.append(step))
    assert notebook.cells[1].outputs[0].text == "42\n"
    assert seen == [(0, 2, "# SETUP"), (1, 2, "print(answer)"), (2, 2, "")]
    assert seconds > 0
    save(notebook, notebook_path(chapter))
    assert faults(chapter, URL) == []


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("raise ValueError('too small')", "ValueError: too small"),
        ("import time; time.sleep(60)", "import time"),
    ],
)
def test_failing_cell_is_named(tmp_path: Path, cell: str, said: str) -> None:
    chapter = write_course(
        tmp_path, lesson=f"{RUNNABLE}# %%\n{cell}\n\n# %%\nprint('never')\n", **NO_EXERCISES
    )
    with pytest.raises(NotebookError, match=said) as caught:
        execute(build(chapter, URL), tmp_path, cell_timeout=2)
    assert "3" in str(caught.value)
