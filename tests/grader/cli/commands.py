"""Runs the commands, and reads what they wrote."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grader.cli import app
from grader.judging.results import SubmissionResult
from grader.records.batch import Grading, Slot
from grader.records.gradebook import FILE
from tests.grader.toy_course import AREA, DOUBLE

BOTH = {"ch01.double": DOUBLE, "ch01.area_and_name": AREA}


def run(*arguments: str | Path, typed: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], input=typed)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output


def interrupt_after(monkeypatch: pytest.MonkeyPatch, submission: str) -> None:
    """Presses Ctrl-C when a submission is graded."""
    grade = Grading.grade

    def grade_then_interrupt(grading: Grading, name: str, path: Path, slot: Slot) -> SubmissionResult:
        result = grade(grading, name, path, slot)
        if name == submission:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.5)
        return result

    monkeypatch.setattr(Grading, "grade", grade_then_interrupt)


def grade(submitted: Path, out: Path) -> tuple[int, str]:
    return run("grade", submitted, "--out", out, "--isolation", "process", "--jobs", "1")


def grades(out: Path) -> dict[str, int]:
    return {
        entry["submission"]: entry["score"] for entry in json.loads((out / "grades.json").read_text("utf-8"))
    }


def files(out: Path) -> dict[str, bytes]:
    """All that was written, but the gradebook."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and not path.name.startswith(FILE)
    }
