"""Grades notebooks with wrong answers, mutated: the tree that they are, and the bytes of their files."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, example, given

from grader import messages
from grader.exercise import Status
from grader.judging.results import SubmissionResult
from grader.protocol.exchange import MAX_REASON
from grader.reading.submission import answers_of
from grader.records.batch import Grading, Slot
from grader.records.gradebook import FILE, Gradebook
from grader.reports.report import grades_csv, grades_json
from grader.sandbox.limits import Limits
from grader.sandbox.staging import bubblewrap_available
from tests.fuzz.budget import SEED, fuzzed
from tests.fuzz.mutations import mutated_bytes, mutated_trees
from tests.grader.toy_course import EXERCISES, write_course

HELPER = """import numpy as np

倍率 = "三"


def helper(x):
    return [f"{x} の{倍率}倍"] * 4
"""
EXTRA = """%matplotlib inline
!ls
class Circle:
    def __init__(self, radius):
        self.radius = radius


circles = [Circle(radius) for radius in range(3)]
"""
# No small edit makes these right.
WRONG = {
    "ch01.double": "def double(x):\n    return helper(x)",
    "ch01.area_and_name": 'def area(radius):\n    return {"円": [radius, circles]}\n\n\nshape_name = "楕円"',
}
READING_SECONDS = 5.0
"""Processor time of the grader itself, which nothing limits; without the learner's code."""
FAST = EXERCISES.replace("symbols=", "time_limit=3.0, symbols=")


@cache
def notebook() -> dict[str, Any]:
    """Returns a learner's notebook: the course's cells, a helper, an extra, wrong answers."""
    with tempfile.TemporaryDirectory() as folder:
        sources = answers_of(write_course(Path(folder) / "course"), WRONG)
    sources[2:2] = [HELPER, EXTRA]
    output = {"output_type": "stream", "name": "stdout", "text": ["1\n", "2\n"]}
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "execution_count": number,
            "id": f"cell-{number}",
            "metadata": {"tags": ["a"]},
            "outputs": [output],
            "source": source if number % 2 else source.splitlines(keepends=True),
        }
        for number, source in enumerate(sources)
    ]
    cells.insert(1, {"cell_type": "markdown", "metadata": {}, "source": ["# 数のおけいこ"]})
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    return {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}


def with_cell(source: str) -> bytes:
    """Returns the file of a notebook that holds a wrong answer and one more cell."""
    sources = ("# EXERCISE ch01.double\ndouble = 1", source)
    cells = [{"cell_type": "code", "metadata": {}, "outputs": [], "source": each} for each in sources]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()


class Fuzzer:
    """Grades files in one slot and records them, as a batch does."""

    def __init__(self, folder: Path, grading: Grading, gradebook: Gradebook, slot: Slot) -> None:
        self._file = folder / "submission.ipynb"
        self._grading = grading
        self._gradebook = gradebook
        self._slot = slot

    def grade(self, content: bytes) -> SubmissionResult:
        """Grades a file whose answers are wrong; fails where more comes of it than that."""
        self._file.write_bytes(content)
        before = time.process_time()
        result = self._grading.grade("submission.ipynb", self._file, self._slot)
        assert time.process_time() - before < READING_SECONDS
        assert result.score == 0, result
        assert bool(result.problem) == (not result.exercises)
        assert self._gradebook.current() == [result]
        assert json.loads(grades_json([result]))[0]["score"] == 0
        assert grades_csv([result]).encode()
        assert result.problem.isprintable()
        for each in result.exercises:
            assert each.status not in (Status.PASSED, Status.GRADER_FAULT), each
            for text in (each.reason, each.detail, each.given, each.expected):
                assert len(text) <= MAX_REASON
                assert text.isprintable()
        return result


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzer]:
    if not bubblewrap_available():
        pytest.skip("mutated code runs in the sandbox alone, and bubblewrap does not work on this machine")
    print(f"FUZZ_SEED={SEED}")
    messages.set_language("ja")
    folder = tmp_path_factory.mktemp("fuzz")
    chapter = write_course(folder / "course", exercises=FAST)
    with Gradebook(folder / FILE) as gradebook:
        grading = Grading([chapter], "bubblewrap", gradebook=gradebook, limits=Limits(memory=512 * 2**20))
        with Slot(grading) as slot:
            yield Fuzzer(folder, grading, gradebook, slot)


@fuzzed()
@given(content=mutated_trees(notebook))
@example(content=with_cell("x\n" + " " * 30_000 + "(("))
@example(content=with_cell(f"# EXERCISE {' ' * 180}\n" * 1000))
def test_mutated_tree_gets_a_verdict_and_no_pass(fuzzer: Fuzzer, content: bytes) -> None:
    count(fuzzer.grade(content))


@fuzzed()
@given(content=mutated_bytes(notebook))
@example(content=b'{"cells": [')
def test_mutated_file_gets_a_verdict_and_no_pass(fuzzer: Fuzzer, content: bytes) -> None:
    count(fuzzer.grade(content))


def count(result: SubmissionResult) -> None:
    """Counts what became of a file, for ``--hypothesis-show-statistics``."""
    event("turned away" if result.problem else "graded")
    for each in result.exercises:
        event(f"{each.id} {each.status}")


def test_notebook_that_is_mutated_is_whole(fuzzer: Fuzzer) -> None:
    result = fuzzer.grade(json.dumps(notebook()).encode())
    assert [each.status for each in result.exercises] == [Status.WRONG_TYPE, Status.WRONG_TYPE]
