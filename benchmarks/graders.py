"""What the benchmarks ask of a grader, and this project's own."""

from __future__ import annotations

import json
import os
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from benchmarks.assignments import Assignment
from benchmarks.measure import Command

ROOT = Path(__file__).resolve().parent.parent
MARKER = "# EXERCISE "

Points = dict[str, float]
"""Points by the name of the question."""


class Grader(ABC):
    """A grader that an assignment is made for in its own way.

    Attributes:
        name: What the tables call it.
        mode: How it is run, in one line.
    """

    name: str
    mode: str

    @abstractmethod
    def install(self) -> None:
        """Makes it ready to run, unless it is."""

    @abstractmethod
    def release(self, assignment: Assignment, course: Path) -> NotebookNode:
        """Makes an assignment.

        Args:
            assignment: What to ask.
            course: Folder to make, in the grader's own layout.

        Returns:
            The notebook that learners get.
        """

    @abstractmethod
    def hand_in(
        self, course: Path, run: Path, notebooks: Mapping[str, NotebookNode], jobs: int
    ) -> list[Command]:
        """Hands in learners' notebooks.

        Args:
            course: Folder that :meth:`release` made; stays as it is.
            run: Folder to make, with all that this run reads and writes.
            notebooks: Learners' notebooks by name.
            jobs: How many submissions to grade at a time.

        Returns:
            The commands that grade them, to be run at the same time.
        """

    @abstractmethod
    def points(self, run: Path) -> dict[str, Points]:
        """Reads the result of a run.

        Args:
            run: Its folder.

        Returns:
            Points by learner; one whom the grader gave no result is left out.
        """


class Ours(Grader):
    """This project's grader: the command that an instructor types."""

    name = "ours"
    mode = "grader grade FOLDER --out OUT --jobs JOBS, with an empty gradebook"

    def install(self) -> None:
        pass

    def release(self, assignment: Assignment, course: Path) -> NotebookNode:
        shutil.copytree(assignment.course, course, ignore=shutil.ignore_patterns("__pycache__"))
        (course / "chapters" / "__init__.py").touch()  # so that this course comes before the real one
        cells = [new_code_cell(f"# SETUP\n{assignment.setup}\nfrom grader import check")]
        for question in assignment.questions:
            cells.append(new_code_cell(f"{MARKER}{question.id}\n{question.template.strip()}"))
            cells.append(new_code_cell(f'check("{question.id}")'))
        return new_notebook(cells=cells)

    def hand_in(
        self, course: Path, run: Path, notebooks: Mapping[str, NotebookNode], jobs: int
    ) -> list[Command]:
        shutil.copytree(course, run)
        for learner, notebook in notebooks.items():
            write(notebook, run / "submissions" / f"{learner}.ipynb")
        grading = [
            sys.executable,
            "-m",
            "grader",
            "grade",
            "submissions",
            "--out",
            "out",
            "--jobs",
            str(jobs),
        ]
        return [Command(grading, run, os.environ, run / "log.txt")]

    def points(self, run: Path) -> dict[str, Points]:
        results = json.loads((run / "out" / "grades.json").read_text("utf-8"))
        return {
            result["submission"].removesuffix(".ipynb"): {
                exercise["id"].partition(".")[2]: exercise["score"] for exercise in result["exercises"]
            }
            for result in results
        }


def answered(notebook: NotebookNode, answers: Mapping[str, str]) -> NotebookNode:
    """Returns a learner's notebook with answers written into the cells that ask for them.

    Args:
        notebook: The notebook that learners get.
        answers: Code by exercise id; other cells stay as they are.
    """
    filled = nbformat.from_dict(notebook)
    for cell in filled.cells:
        first, _, _ = cell.source.partition("\n")
        exercise_id = first.removeprefix(MARKER).strip()
        if cell.cell_type == "code" and first.startswith(MARKER) and exercise_id in answers:
            cell.source = f"{first}\n{answers[exercise_id].strip()}"
    return filled


def write(notebook: NotebookNode, path: Path) -> None:
    """Saves a notebook for Python 3, and makes the folder for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata.setdefault("kernelspec", kernel)
    nbformat.write(notebook, path)
