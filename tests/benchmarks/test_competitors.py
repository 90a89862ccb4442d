import sqlite3
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from benchmarks import assignments
from benchmarks.competitors import Competitor, Nbgrader, Otter


def source_of(competitor: Competitor, course: Path) -> NotebookNode:
    """The notebook from which a grader makes the learners' version of the target."""
    course.mkdir()
    competitor._prepare(assignments.target(), course)
    return nbformat.read(next(course.rglob("*.ipynb")), as_version=4)


def test_nbgrader_is_given_the_points_and_the_hidden_tests(tmp_path: Path) -> None:
    cells = source_of(Nbgrader(), tmp_path / "course").cells
    graded = [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("grade")]
    assert [(cell.metadata.nbgrader.grade_id, cell.metadata.nbgrader.points) for cell in graded] == [
        ("standardise", 4),
        ("collatz_steps", 3),
        ("build_head", 5),
    ]
    assert all(cell.source.count("### BEGIN HIDDEN TESTS") == 1 for cell in graded)


def test_otter_is_given_the_points_and_the_hidden_tests(tmp_path: Path) -> None:
    cells = source_of(Otter(), tmp_path / "course").cells
    questions = [cell.source for cell in cells if cell.source.startswith("# BEGIN QUESTION")]
    assert questions[1] == '# BEGIN QUESTION\nname: "collatz_steps"\npoints: 3\nall_or_nothing: true'
    assert sum(cell.source.startswith("# HIDDEN\n") for cell in cells) == 3


@pytest.mark.parametrize("competitor", [Nbgrader(), Otter()], ids=lambda competitor: competitor.name)
def test_jobs_share_the_submissions_out(competitor: Competitor, tmp_path: Path) -> None:
    (tmp_path / "course").mkdir()
    notebooks = {f"learner{number}": new_notebook() for number in range(5)}
    commands = competitor.hand_in(tmp_path / "course", tmp_path / "run", notebooks, 2)
    shares = [len(list(command.folder.rglob("*.ipynb"))) for command in commands]
    assert shares == [3, 2]


def test_points_of_otter_come_from_its_results(tmp_path: Path) -> None:
    for job, learner in enumerate(["ann", "ben"]):
        folder = tmp_path / f"job{job}" / "results"
        folder.mkdir(parents=True)
        (folder / f"{learner}.json").write_text('{"standardise": 4.0}', "utf-8")
    assert Otter().points(tmp_path) == {"ann": {"standardise": 4.0}, "ben": {"standardise": 4.0}}


def test_gradebook_that_an_attack_has_broken_is_an_error_of_sqlite(tmp_path: Path) -> None:
    (tmp_path / "job0").mkdir()
    (tmp_path / "job0" / "gradebook.db").write_text("broken", "utf-8")
    with pytest.raises(sqlite3.Error):
        Nbgrader().points(tmp_path)
