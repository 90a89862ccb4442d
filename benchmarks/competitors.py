"""nbgrader and Otter: installed for the benchmarks only, and run as their instructors run them.

Each gets a virtual environment of its own under ``build/competitors/``, which sees this project's environment
behind its own packages: both graders run with the same TensorFlow, the same Jupyter, the same Python.

An assignment becomes a source notebook of theirs, their own command makes the learners' version of it, and
answers are written there, as a learner would. What is timed is the grading alone:

- nbgrader: ``nbgrader autograde``, one process for all submissions. It has no parallel mode; several at a
  time are several processes, each with a course folder and a gradebook of its own.
- Otter: ``otter.api.grade_submission`` for one submission after another in one process. ``otter grade`` needs
  Docker, and ``otter run`` does the same for a single file, with Otter's own import each time.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from benchmarks.assignments import Assignment, Question
from benchmarks.graders import MARKER, ROOT, Grader, Points, write
from benchmarks.measure import Command, measure

INSTALLED = ROOT / "build" / "competitors"
RELEASE_SECONDS = 300.0


class Competitor(Grader):
    """A grader in an environment of its own.

    Attributes:
        requirement: What pip installs.
    """

    requirement: str

    @property
    def environment_folder(self) -> Path:
        """Its virtual environment."""
        return INSTALLED / self.name

    def install(self) -> None:
        stamp = self.environment_folder / self.requirement
        if stamp.exists():
            return
        subprocess.run(
            [sys.executable, "-m", "venv", "--clear", "--without-pip", str(self.environment_folder)],
            check=True,
        )
        site = next(self.environment_folder.glob("lib/python*/site-packages"))
        ours = [entry for entry in sys.path if entry.endswith("site-packages")]
        (site / "zz_tensorflow.pth").write_text("\n".join(ours) + "\n", "utf-8")
        python = str(self.environment_folder / "bin" / "python")
        pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "-qq", self.requirement], check=True)
        (self.environment_folder / "home").mkdir()
        stamp.touch()

    def release(self, assignment: Assignment, course: Path) -> NotebookNode:
        course.mkdir(parents=True)
        path, command = self._prepare(assignment, course)
        measure([command], RELEASE_SECONDS)
        return nbformat.read(course / path, as_version=4)

    def hand_in(
        self, course: Path, run: Path, notebooks: Mapping[str, NotebookNode], jobs: int
    ) -> list[Command]:
        commands = []
        learners = list(notebooks)
        for job in range(jobs):
            folder = run / f"job{job}"
            shutil.copytree(course, folder)
            commands.append(self._grading(folder, {name: notebooks[name] for name in learners[job::jobs]}))
        return commands

    def points(self, run: Path) -> dict[str, Points]:
        return {
            learner: points
            for folder in sorted(run.glob("job*"))
            for learner, points in self._points(folder).items()
        }

    def command(self, folder: Path, *arguments: str) -> Command:
        """Returns a command of its environment, TensorFlow set as in this project's workers."""
        programs = self.environment_folder / "bin"
        environment = {
            "PATH": f"{programs}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.environment_folder / "home"),
            "LANG": "C.UTF-8",
            "MPLBACKEND": "Agg",
            "KERAS_BACKEND": "tensorflow",
            "CUDA_VISIBLE_DEVICES": "-1",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "TF_NUM_INTRAOP_THREADS": "1",
            "TF_NUM_INTEROP_THREADS": "1",
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        program = str(programs / arguments[0])
        return Command((program, *arguments[1:]), folder, environment, folder / "log.txt")

    @abstractmethod
    def _prepare(self, assignment: Assignment, course: Path) -> tuple[str, Command]:
        """Writes the source; returns where the released notebook will be, and the command that releases."""

    @abstractmethod
    def _grading(self, folder: Path, notebooks: Mapping[str, NotebookNode]) -> Command:
        """Hands in notebooks by learner, and returns the command that grades them."""

    @abstractmethod
    def _points(self, folder: Path) -> dict[str, Points]:
        """Reads the result of one folder."""


class Nbgrader(Competitor):
    """nbgrader, with its own generate_assignment and autograde."""

    name = "nbgrader"
    requirement = "nbgrader==0.9.6"
    mode = "nbgrader autograde, a process for each job, each with a gradebook of its own"
    _ASSIGNMENT = "assignment"

    def _prepare(self, assignment: Assignment, course: Path) -> tuple[str, Command]:
        cells = [new_code_cell(assignment.setup)]
        for question in assignment.questions:
            cells += [self._solution(question), self._tests(question)]
        write(new_notebook(cells=cells), course / "source" / self._ASSIGNMENT / "notebook.ipynb")
        release = self.command(course, "nbgrader", "generate_assignment", self._ASSIGNMENT, "--create")
        return f"release/{self._ASSIGNMENT}/notebook.ipynb", release

    def _solution(self, question: Question) -> NotebookNode:
        lines = [MARKER + question.id, "### BEGIN SOLUTION", question.reference.strip(), "### END SOLUTION"]
        metadata = self._metadata(f"answer-{question.name}", solution=True)
        return new_code_cell("\n".join(lines), metadata={"nbgrader": metadata})

    def _tests(self, question: Question) -> NotebookNode:
        hidden = ["### BEGIN HIDDEN TESTS", question.tests.hidden.strip(), "### END HIDDEN TESTS"]
        metadata = self._metadata(question.name, grade=True, locked=True, points=question.points)
        return new_code_cell(
            "\n".join([question.tests.visible.strip(), *hidden]), metadata={"nbgrader": metadata}
        )

    def _metadata(self, grade_id: str, **flags: Any) -> dict[str, Any]:
        usual = {"grade": False, "locked": False, "solution": False, "task": False, "schema_version": 3}
        return {**usual, "grade_id": grade_id, "cell_type": "code", **flags}

    def _grading(self, folder: Path, notebooks: Mapping[str, NotebookNode]) -> Command:
        for learner, notebook in notebooks.items():
            write(notebook, folder / "submitted" / learner / self._ASSIGNMENT / "notebook.ipynb")
        return self.command(folder, "nbgrader", "autograde", self._ASSIGNMENT, "--create")

    def _points(self, folder: Path) -> dict[str, Points]:
        query = """
            SELECT student.id, base_cell.name, coalesce(grade.manual_score, grade.auto_score, 0)
            FROM grade
            JOIN base_cell ON base_cell.id = grade.cell_id
            JOIN submitted_notebook ON submitted_notebook.id = grade.notebook_id
            JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
            JOIN student ON student.id = submitted_assignment.student_id
        """
        found: dict[str, Points] = {}
        connection = sqlite3.connect(folder / "gradebook.db")
        try:
            for learner, name, score in connection.execute(query):
                found.setdefault(learner, {})[name] = score
        finally:
            connection.close()
        return found


_OTTER_LOOP = """\
import json, pathlib, sys
from otter.api import grade_submission

autograder, = pathlib.Path("dist/autograder").glob("*.zip")
for submission in sorted(pathlib.Path("submissions").glob("*.ipynb")):
    graded = grade_submission(str(submission), str(autograder), quiet=True)
    points = {name: result.score for name, result in graded.results.items()}
    pathlib.Path("results", submission.stem + ".json").write_text(json.dumps(points))
"""


class Otter(Competitor):
    """Otter-Grader, with its own assign and its API for grading without containers."""

    name = "otter"
    requirement = "otter-grader==7.0.0"
    mode = "otter.api.grade_submission in a loop, a process for each job (otter grade needs Docker)"

    def _prepare(self, assignment: Assignment, course: Path) -> tuple[str, Command]:
        config = {"name": assignment.name, "export_cell": False}
        cells = [_raw("ASSIGNMENT CONFIG", config), new_code_cell(assignment.setup)]
        for question in assignment.questions:
            cells += self._question(question)
        write(new_notebook(cells=cells), course / "source.ipynb")
        release = self.command(course, "otter", "assign", "source.ipynb", "dist")
        return "dist/student/source.ipynb", release

    def _question(self, question: Question) -> list[NotebookNode]:
        config = {"name": question.name, "points": question.points, "all_or_nothing": True}
        answer = [MARKER + question.id, "# BEGIN SOLUTION", question.reference.strip(), "# END SOLUTION"]
        return [
            _raw("BEGIN QUESTION", config),
            new_markdown_cell(question.name),
            _raw("BEGIN SOLUTION"),
            new_code_cell("\n".join(answer)),
            _raw("END SOLUTION"),
            _raw("BEGIN TESTS"),
            new_code_cell(question.tests.visible),
            new_code_cell("# HIDDEN\n" + question.tests.hidden),
            _raw("END TESTS"),
            _raw("END QUESTION"),
        ]

    def _grading(self, folder: Path, notebooks: Mapping[str, NotebookNode]) -> Command:
        for learner, notebook in notebooks.items():
            write(notebook, folder / "submissions" / f"{learner}.ipynb")
        (folder / "results").mkdir()
        (folder / "grade.py").write_text(_OTTER_LOOP, "utf-8")
        return self.command(folder, "python", "grade.py")

    def _points(self, folder: Path) -> dict[str, Points]:
        return {
            path.stem: json.loads(path.read_text("utf-8")) for path in (folder / "results").glob("*.json")
        }


def _raw(line: str, config: Mapping[str, Any] | None = None) -> NotebookNode:
    settings = [f"{name}: {json.dumps(value)}" for name, value in (config or {}).items()]
    return new_raw_cell("\n".join([f"# {line}", *settings]))
