"""The grader in a real container, for ``make containers``, which sets ``COURSE_ISOLATION``; else skipped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.authoring.demo import MISTAKEN, REFERENCE, UNTOUCHED, shortcomings, write_submissions
from grader.course.chapters import load_chapter
from grader.exercise import Status
from grader.judging.results import ExerciseResult, SubmissionResult
from grader.sandbox import container

ISOLATION = os.environ.get("COURSE_ISOLATION", "")

pytestmark = pytest.mark.skipif(ISOLATION not in ("docker", "podman"), reason="for make containers")

WHAT_IT_IS = """
import json, os, pathlib
status = dict(line.split(":\\t", 1) for line in pathlib.Path("/proc/self/status").read_text().splitlines())
def writable(path):
    try:
        pathlib.Path(path, "x").touch()
        return True
    except OSError:
        return False
started = 0
try:
    while started < 1000:
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "60"])
        started += 1
except OSError:
    pass
print(json.dumps({
    "devices": os.listdir("/sys/class/net"),
    "capabilities": status["CapBnd"].strip(),
    "no new privileges": status["NoNewPrivs"].strip(),
    "seccomp": status["Seccomp"].strip(),
    "writable": [*filter(writable, ("/", "/usr", "/etc", "/var/tmp", "/run", "/sys", "/proc/sys"))],
    "scratch": {path: os.statvfs(path).f_blocks * os.statvfs(path).f_frsize
                for path in ("/tmp", "/dev/shm", "/home/learner")},
    "environment": sorted({*os.environ} - {"PATH", "HOME", "HOSTNAME", "TERM", "LC_CTYPE", "container"}),
    "started": started,
}))
"""
TOO_MUCH = "held = bytearray(2**30); held[::4096] = b'x' * len(held[::4096])"


def listed() -> str:
    """Returns the ids of all of the grader's containers, running or not."""
    command = [ISOLATION, "ps", "--all", "--quiet", "--filter", "name=grader-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture(autouse=True)
def _no_container_is_left() -> Iterator[None]:
    before = listed()
    yield
    assert listed() == before


def run_inside(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in a container that has the grader's options, 2**29 bytes of memory and 64 processes.

    Podman's client leaves a file in its folder when memory runs out.
    """
    options = container._options(ISOLATION, container.new_name(), 2**29, 2**20, 64)
    whole = [ISOLATION, "run", *options, container.image(), *command]
    return subprocess.run(
        whole, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )


def test_engine_keeps_every_limit_that_it_is_told(tmp_path: Path) -> None:
    ran = run_inside(tmp_path, "python3", "-c", WHAT_IT_IS)
    told: dict[str, Any] = json.loads(ran.stdout)
    assert 40 < told.pop("started") < 64
    assert told == {
        "devices": ["lo"],
        "capabilities": f"{1 << 5 | 1 << 6 | 1 << 7:016x}",  # KILL, SETGID, SETUID
        "no new privileges": "1",
        "seccomp": "2",
        "writable": [],
        "scratch": {"/tmp": 2**20, "/dev/shm": 2**20, "/home/learner": 2**20},
        "environment": [],
    }, ran.stderr


def test_engine_ends_what_takes_too_much_memory(tmp_path: Path) -> None:
    assert run_inside(tmp_path, "python3", "-c", TOO_MUCH).returncode == 137


GRADE = [sys.executable, "-m", "grader", "grade", "submissions", "--out", "out", "--isolation", ISOLATION]


def test_three_sample_submissions_are_graded_as_they_must_be(tmp_path: Path) -> None:
    chapter = load_chapter(5)
    write_submissions(chapter, tmp_path / "submissions")
    subprocess.run(GRADE, cwd=tmp_path, check=True)
    graded = json.loads((tmp_path / "out" / "grades.json").read_text("utf-8"))
    results = {Path(each["submission"]).name: result_of(each) for each in graded}
    assert shortcomings(chapter, results) == []
    assert {result.isolation for result in results.values()} == {ISOLATION}
    full = sum(exercise.points for exercise in chapter.exercises.values())
    assert {name: result.score for name, result in results.items()} == {
        REFERENCE: full,
        UNTOUCHED: 0,
        MISTAKEN: 0,
    }


def test_killed_grader_leaves_no_container(tmp_path: Path) -> None:
    write_submissions(load_chapter(5), tmp_path / "submissions")
    before = listed()
    with subprocess.Popen(GRADE, cwd=tmp_path, stdout=subprocess.DEVNULL) as grading:
        assert within(60, lambda: listed() != before)
        time.sleep(1)
        assert grading.poll() is None  # it is in the midst of it
        grading.kill()
    assert within(20, lambda: listed() == before)


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Waits until something holds, and tells whether it does."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def result_of(entry: dict[str, Any]) -> SubmissionResult:
    """Reads an entry of ``grades.json``."""
    exercises = [ExerciseResult(**each | {"status": Status(each["status"])}) for each in entry["exercises"]]
    return SubmissionResult(**entry | {"exercises": exercises})
