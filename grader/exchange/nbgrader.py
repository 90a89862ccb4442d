"""A chapter as an assignment of nbgrader: its notebook with nbgrader's cells, and the configuration for it.

The answer cell holds the template and, between nbgrader's marks, the reference; the cell that calls ``check``
becomes a read-only cell of tests worth the exercise's points. nbgrader runs it in the learner's own kernel.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grader.course import notebooks
from grader.course.chapters import Chapter
from grader.exchange.roster import ExportError
from grader.exercise import Exercise
from grader.messages import _
from grader.reports.spreadsheet import write_whole

METADATA_VERSION = 3
CONFIGURATION = """\
# What nbgrader needs to know of this course. Written by `grader export --to nbgrader`.
c = get_config()  # noqa: F821

# The answer cells hold their template already: nothing stands in for the solution that is cut out.
c.ClearSolutions.code_stub = {"python": ""}

# Seconds that one cell may take: the lessons train small networks.
c.Execute.timeout = 300
"""
README = """\
# 深層学習 DAY4: nbgrader

`grader export --to nbgrader` が書き出した、nbgrader の講座フォルダです。
This is a course folder for nbgrader, written by `grader export --to nbgrader`.

```sh
nbgrader generate_assignment NAME     # source/NAME -> release/NAME, without answers and hidden tests
nbgrader autograde NAME               # submitted/STUDENT/NAME -> autograded/STUDENT/NAME
nbgrader generate_feedback NAME
nbgrader export                       # grades.csv
```

- nbgrader を動かす環境に、解答 (`answers.py`) つきのこの講座が要ります。隠しテストが使います。
  The environment that nbgrader runs in needs the course with its answers: hidden tests use them.
- `source/` には解答があります。受講者に渡すのは `release/` だけです。
  `source/` holds the answers; learners get `release/` and nothing else.
- テストは受講者のコードと同じプロセスで動くので、成績は書き換えられます。
  `grader grade submitted/` は、同じノートブックを別のプロセスで採点します。
  nbgrader runs tests in the process of the learner's code, which can forge marks. `grader grade submitted/`
  grades the same notebooks apart from it.
"""


def export_nbgrader(chapter: Chapter, out: Path) -> list[str]:
    """Writes a chapter into a course folder of nbgrader: ``source/<chapter>/<notebook>``.

    ``nbgrader_config.py`` and ``README.md`` are written where they are missing; the notebook is always anew.

    Args:
        chapter: The chapter, with its answers.
        out: The course folder; several chapters may share one.

    Returns:
        One sentence for each thing that the one who exports should know.

    Raises:
        ExportError: If the chapter's answers are not at hand.
        NotebookError: If its lesson cannot become a notebook.
    """
    notebook = nbgrader_notebook(chapter, notebooks.repository_url(chapter))
    notebooks.save(notebook, out / "source" / chapter.name / chapter.notebook_name)
    if not (out / "README.md").exists():
        write_whole(out / "README.md", README)
    configuration = out / "nbgrader_config.py"
    if not configuration.exists():
        write_whole(configuration, CONFIGURATION)
    elif configuration.read_text("utf-8") != CONFIGURATION:
        settings = "; ".join(line for line in CONFIGURATION.splitlines() if line.startswith("c."))
        return [
            _("{path} was there and stays as it is; it must hold: {settings}").format(
                path=configuration, settings=settings
            )
        ]
    return []


def nbgrader_notebook(chapter: Chapter, repository: str) -> NotebookNode:
    """Returns a chapter's notebook as nbgrader's instructor version.

    Args:
        chapter: The chapter, with its answers.
        repository: URL of the course's repository, for the Colab badge and the install line.

    Raises:
        ExportError: If the chapter's answers are not at hand.
        NotebookError: If its lesson cannot become a notebook.
    """
    if chapter.keys is None:
        raise ExportError(
            _("This copy of the course has no answers.py, which nbgrader's instructor version needs.")
        )
    notebook = notebooks.build(chapter, repository)
    notebook.cells = [new for cell in notebook.cells for new in _cells(chapter, cell)]
    return notebook


def _cells(chapter: Chapter, cell: NotebookNode) -> list[NotebookNode]:
    """Returns what a cell of the published notebook becomes."""
    if cell.cell_type != "code":
        return [cell]
    if marker := notebooks.EXERCISE_LINE.match(cell.source):
        return [_answer_cell(chapter, chapter.exercises[marker[1]], cell)]
    checked = notebooks.CHECK_CALL.findall(cell.source)
    if not checked:
        return [cell]
    tests = [_tests_cell(chapter, chapter.exercises[exercise_id]) for exercise_id in checked]
    cell.source = notebooks.CHECK_CALL.sub("", cell.source).strip()
    return [cell, *tests] if cell.source else tests


def _answer_cell(chapter: Chapter, exercise: Exercise, cell: NotebookNode) -> NotebookNode:
    key = chapter.key(exercise.id)
    assert key is not None
    cell.source = f"{cell.source}\n### BEGIN SOLUTION\n{key.reference.strip()}\n### END SOLUTION"
    cell.metadata["nbgrader"] = _metadata(_grade_id(exercise), solution=True)
    return cell


def _tests_cell(chapter: Chapter, exercise: Exercise) -> NotebookNode:
    key = chapter.key(exercise.id)
    lines = ["from grader import require", "", f'require("{exercise.id}")']
    if key is not None and key.hidden is not None:
        lines += ["### BEGIN HIDDEN TESTS", f'require("{exercise.id}", hidden=True)', "### END HIDDEN TESTS"]
    metadata = _metadata(f"{_grade_id(exercise)}-tests", grade=True, locked=True, points=exercise.points)
    tests: NotebookNode = nbformat.v4.new_code_cell("\n".join(lines), metadata={"nbgrader": metadata})
    tests.id = metadata["grade_id"]
    return tests


def _grade_id(exercise: Exercise) -> str:
    return exercise.id.replace(".", "-")


def _metadata(
    grade_id: str,
    *,
    grade: bool = False,
    solution: bool = False,
    locked: bool = False,
    points: int | None = None,
) -> dict[str, bool | int | str]:
    metadata: dict[str, bool | int | str] = {
        "schema_version": METADATA_VERSION,
        "grade_id": grade_id,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "task": False,
    }
    return metadata if points is None else metadata | {"points": points}
