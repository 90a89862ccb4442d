"""The export to nbgrader. Its own run takes a minute and is opt-in: NBGRADER=/path/of/nbgrader pytest …

That nbgrader's Python must see this project and what it needs; docs/exports.md says how to set it up.
"""

import os
import re
import sqlite3
import subprocess
from pathlib import Path

import nbformat
import pytest

from grader.course.chapters import Chapter
from grader.exchange.nbgrader import export_nbgrader, nbgrader_notebook
from grader.exchange.roster import ExportError
from grader.exercise import Status
from grader.reading.submission import read_submission
from grader.records.batch import Grading
from tests.grader.question_course import DEPTH, RIGHT, SAME, write_question_course
from tests.grader.toy_course import AREA, DOUBLE, write_course

NBGRADER = str(Path(os.environ["NBGRADER"]).absolute()) if os.environ.get("NBGRADER") else ""
TRIPLE = "def double(x):\n    return 3 * x"
ANSWER_IDS = {"ch01-double": DOUBLE, "ch01-area_and_name": AREA}

needs_nbgrader = pytest.mark.skipif(not NBGRADER, reason="set NBGRADER to the path of nbgrader")


def graded_cells(notebook: nbformat.NotebookNode) -> dict[str, nbformat.NotebookNode]:
    cells = [cell for cell in notebook.cells if "nbgrader" in cell.metadata]
    return {cell.metadata.nbgrader.grade_id: cell for cell in cells}


def cut_out(source: str, what: str) -> str:
    """Removes what nbgrader removes between its marks."""
    return re.sub(rf"### BEGIN {what}\n.*?### END {what}", "", source, flags=re.DOTALL)


def released(chapter: Chapter) -> nbformat.NotebookNode:
    """The learner's version, as nbgrader makes it with our configuration."""
    notebook = nbgrader_notebook(chapter, "")
    for cell in notebook.cells:
        cell.source = cut_out(cut_out(cell.source, "SOLUTION"), "HIDDEN TESTS")
    return notebook


def answered(notebook: nbformat.NotebookNode, answers: dict[str, str]) -> nbformat.NotebookNode:
    """A notebook whose answer cells hold what a learner wrote."""
    for grade_id, answer in answers.items():
        cell = graded_cells(notebook)[grade_id]
        cell.source = cell.source.splitlines()[0] + "\n" + answer
    return notebook


def write(notebook: nbformat.NotebookNode, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, path)
    return path


def test_answer_cells_hold_template_and_reference_and_the_marker(chapter: Chapter) -> None:
    cells = graded_cells(nbgrader_notebook(chapter, ""))
    source = cells["ch01-double"].source
    assert source.startswith("# EXERCISE ch01.double\ndef double(x):\n    raise NotImplementedError\n")
    assert "### BEGIN SOLUTION\ndef double(x):\n    return 2 * x\n### END SOLUTION" in source
    assert cells["ch01-double"].metadata.nbgrader == {
        "schema_version": 3,
        "grade_id": "ch01-double",
        "grade": False,
        "solution": True,
        "locked": False,
        "task": False,
    }


def test_tests_follow_their_answer_and_are_worth_its_points(chapter: Chapter) -> None:
    cells = graded_cells(nbgrader_notebook(chapter, ""))
    assert list(cells) == [
        "ch01-double",
        "ch01-double-tests",
        "ch01-area_and_name",
        "ch01-area_and_name-tests",
    ]
    tests = cells["ch01-double-tests"]
    assert tests.metadata.nbgrader.items() >= {"grade": True, "locked": True, "points": 3}.items()
    assert '### BEGIN HIDDEN TESTS\nrequire("ch01.double", hidden=True)\n### END HIDDEN TESTS' in tests.source
    assert "HIDDEN" not in cells["ch01-area_and_name-tests"].source


def test_other_cells_are_those_of_the_published_notebook(chapter: Chapter) -> None:
    notebook = nbgrader_notebook(chapter, "https://github.com/OWNER/REPO")
    nbformat.validate(notebook)
    assert not any("check(" in cell.source for cell in notebook.cells)
    assert any("git+https://github.com/OWNER/REPO" in cell.source for cell in notebook.cells)
    assert any("trained = sum(range(10))" in cell.source for cell in notebook.cells)


def test_a_cell_keeps_what_it_holds_beside_the_check(tmp_path: Path) -> None:
    lesson = """# %%
# SETUP

# %%
# EXERCISE ch01.double

# %%
# EXERCISE ch01.area_and_name

# %%
check("ch01.double")
check("ch01.area_and_name")
print("well done")
"""
    cells = nbgrader_notebook(write_course(tmp_path, lesson=lesson), "").cells[-3:]
    assert cells[0].source == 'print("well done")'
    assert [cell.metadata.nbgrader.points for cell in cells[1:]] == [3, 4]
    assert len({cell.id for cell in cells}) == 3


def test_course_folder_has_configuration_and_readme(chapter: Chapter, tmp_path: Path) -> None:
    assert export_nbgrader(chapter, tmp_path / "out") == []
    assert {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*")} == {
        "README.md",
        "nbgrader_config.py",
        "source/ch01_numbers/01_numbers.ipynb",
    }
    assert export_nbgrader(chapter, tmp_path / "out") == []


def test_a_configuration_that_was_there_stays(chapter: Chapter, tmp_path: Path) -> None:
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()\n")
    notices = export_nbgrader(chapter, tmp_path)
    assert (tmp_path / "nbgrader_config.py").read_text() == "c = get_config()\n"
    assert len(notices) == 1
    assert "ClearSolutions.code_stub" in notices[0]


def test_without_answers_there_is_no_instructor_version(tmp_path: Path) -> None:
    chapter = write_course(tmp_path / "course")
    (chapter.folder / "answers.py").unlink()
    learner = Chapter(chapter.number, chapter.name, chapter.folder, chapter.exercises, None)
    with pytest.raises(ExportError, match=r"answers\.py"):
        export_nbgrader(learner, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_released_notebook_is_not_attempted(chapter: Chapter, tmp_path: Path) -> None:
    path = write(released(chapter), tmp_path / "x.ipynb")
    assert not any(code.attempted for code in read_submission(path, [chapter]).codes.values())


def test_answers_from_nbgrader_are_graded_as_ours(chapter: Chapter, tmp_path: Path) -> None:
    grading = Grading([chapter], "process", seed=1)
    for name, answers, statuses in [
        ("right", {"ch01-double": DOUBLE, "ch01-area_and_name": AREA}, [Status.PASSED, Status.PASSED]),
        ("wrong", {"ch01-double": TRIPLE, "ch01-area_and_name": AREA}, [Status.WRONG_VALUE, Status.PASSED]),
        ("empty", {}, [Status.NOT_ATTEMPTED, Status.NOT_ATTEMPTED]),
    ]:
        path = write(answered(released(chapter), answers), tmp_path / f"{name}.ipynb")
        assert [each.status for each in grading.grade(name, path).exercises] == statuses


def test_reference_version_passes_here_too(chapter: Chapter, tmp_path: Path) -> None:
    path = write(nbgrader_notebook(chapter, ""), tmp_path / "source.ipynb")
    result = Grading([chapter], "process", seed=1).grade("source", path)
    assert result.score == result.max_score == 7


class Course:
    """A course folder of nbgrader, with the nbgrader that runs on it."""

    def __init__(self, chapter: Chapter, folder: Path) -> None:
        self.name, self.notebook = chapter.name, chapter.notebook_name
        self.folder = folder
        export_nbgrader(chapter, folder)
        self._environment = {
            **os.environ,
            # nbgrader calls alembic, which is beside it.
            "PATH": os.pathsep.join([str(Path(NBGRADER).parent), os.environ["PATH"]]),
            "HOME": str(folder),
            "PYTHONPATH": str(chapter.folder.parent.parent),
            "COURSE_LANG": "en",
        }

    def run(self, command: str, *arguments: str) -> str:
        done = subprocess.run(
            [NBGRADER, command, *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        return done.stderr

    def submit(self, student: str, answers: dict[str, str]) -> Path:
        learner = nbformat.read(self.folder / "release" / self.name / self.notebook, as_version=4)
        return write(
            answered(learner, answers), self.folder / "submitted" / student / self.name / self.notebook
        )

    def scores(self) -> dict[tuple[str, str], float]:
        """Points by student and name of the tests' cell."""
        with sqlite3.connect(self.folder / "gradebook.db") as database:
            rows = database.execute(
                "SELECT submitted_assignment.student_id, base_cell.name, grade.auto_score FROM grade"
                " JOIN base_cell ON base_cell.id = grade.cell_id"
                " JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id"
                " JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id"
            ).fetchall()
        return {(student, cell): score for student, cell, score in rows}


@needs_nbgrader
def test_nbgrader_generates_and_grades_it(chapter: Chapter, tmp_path: Path) -> None:
    course = Course(chapter, tmp_path / "nbgrader")
    course.run("generate_assignment", chapter.name)
    release = course.folder / "release" / chapter.name / chapter.notebook_name
    text = release.read_text("utf-8")
    assert "return 2 * x" not in text
    assert "hidden=True" not in text
    assert "YOUR CODE HERE" not in text

    references = {
        each.id.replace(".", "-"): chapter.keys[each.id].reference for each in chapter.exercises.values()
    }
    right = course.submit("right", references)
    wrong = course.submit("wrong", {"ch01-double": TRIPLE, "ch01-area_and_name": AREA})
    fitted = course.submit(
        "fitted",
        {"ch01-double": "def double(x):\n    return 2 * x if np.ndim(x) else 7", "ch01-area_and_name": AREA},
    )
    empty = course.submit("empty", {})
    course.run("autograde", chapter.name)
    assert course.scores() == {
        ("right", "ch01-double-tests"): 3,
        ("right", "ch01-area_and_name-tests"): 4,
        ("wrong", "ch01-double-tests"): 0,
        ("wrong", "ch01-area_and_name-tests"): 4,
        ("fitted", "ch01-double-tests"): 0,
        ("fitted", "ch01-area_and_name-tests"): 4,
        ("empty", "ch01-double-tests"): 0,
        ("empty", "ch01-area_and_name-tests"): 0,
    }

    grading = Grading([chapter], "process", seed=1)
    ours = {path: grading.grade(path.name, path).score for path in (right, wrong, fitted, empty)}
    assert list(ours.values()) == [7, 4, 4, 0]


def test_question_keeps_its_template_and_its_hidden_test_tells_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chapter = write_question_course(tmp_path)
    monkeypatch.setattr("grader.course.chapters._importable_chapters", lambda: [chapter.folder.parent])
    marker, template = f"# EXERCISE {DEPTH}", chapter.exercises[DEPTH].template.strip()
    assert graded_cells(released(chapter))["ch01-predict_depth"].source.strip() == f"{marker}\n{template}"
    cells = graded_cells(nbgrader_notebook(chapter, ""))
    assert RIGHT[DEPTH] in cells["ch01-predict_depth"].source
    tests = cells["ch01-predict_depth-tests"]
    assert tests.metadata.nbgrader.points == 1
    exec(f"{cells['ch01-predict_depth'].source}\n{tests.source}", {})
    with pytest.raises(AssertionError, match=SAME):
        exec(f'predict_depth = "ウ"\n{tests.source}', {})
