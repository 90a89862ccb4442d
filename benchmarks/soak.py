"""Grades many submissions while everything that can break is broken, and proves that nothing is lost.

    python benchmarks/soak.py --submissions 1000 --chapter 23 --every 30

Submissions with known outcomes (right answers, known mistakes, untouched templates, each text of its own so
that no result can be used twice) are graded by ``grader grade`` while this script, at random moments,

- kills with SIGKILL the grader, the process of an answer, or the server that these are forked from,
- fills the disk that the gradebook lies on (a small file system of its own; needs root),
- overwrites parts of the gradebook with noise,

and runs the same command again. At the end the gradebook must hold every submission once, with the outcome
that was known. The last part of the batch runs undisturbed, to see whether memory stays flat.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import random
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from grader.authoring.demo import answered
from grader.course import notebooks
from grader.course.chapters import Chapter, load_chapter
from grader.exercise import Status
from grader.records.gradebook import FILE, Gradebook

DISK = 256 * 2**20
PAGE = 4096
WORKER = "grader.worker.server"


@dataclass
class Class:
    """A class's submissions and what must come out.

    Attributes:
        folder: Where the notebooks lie.
        expected: By submission and exercise, the status that it must have, or ``wrong`` for any but a pass,
            and the words that it must be told.
    """

    folder: Path
    expected: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)


@dataclass
class Log:
    """What was done to the grader, and what it took."""

    broken: collections.Counter[str] = field(default_factory=collections.Counter)
    memory: list[tuple[int, float, float]] = field(default_factory=list)
    runs: int = 0


def main() -> None:
    """Runs the soak and exits with 1 when anything was lost or wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--submissions", type=int, default=1000)
    parser.add_argument("--chapter", default="5")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument(
        "--calm", type=float, default=0.4, help="share that is graded undisturbed, at the end"
    )
    parser.add_argument("--every", type=float, default=8.0, help="mean seconds between two disturbances")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    chapter = load_chapter(arguments.chapter)
    log = Log()
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as scratch,
        small_disk(Path(scratch) / "out") as (out, full),
    ):
        made = make_class(chapter, Path(scratch) / "class", arguments.submissions, rng)
        stages = ["disk", "noise", "header"] if full else ["noise", "header"]
        command = [sys.executable, "-m", "grader", "grade", str(made.folder)]
        command += ["--out", str(out), "--jobs", str(arguments.jobs)]
        disturbed = int(arguments.submissions * (1 - arguments.calm))
        while not finished(run(command, out, disturbed, arguments.every, stages, rng, log), log):
            say(f"{count_done(out)} of {arguments.submissions} done; {dict(log.broken)}")
        wrong = shortcomings(made, out)
        seconds = time.monotonic() - started
    say(f"{arguments.submissions} submissions of {chapter.name}, {log.runs} runs, {seconds:.0f} s")
    say(f"broken: {dict(sorted(log.broken.items()))}")
    say(memory_words(log))
    for line in wrong[:20]:
        say(line)
    say(f"submissions without exactly one right result: {len({line.partition(':')[0] for line in wrong})}")
    sys.exit(bool(wrong))


def make_class(chapter: Chapter, folder: Path, size: int, rng: random.Random) -> Class:
    """Writes the submissions of a class.

    Args:
        chapter: The chapter, with its answers.
        folder: Where to write them.
        size: How many.
        rng: Source of chance.

    Returns:
        The class.
    """
    folder.mkdir(parents=True)
    made = Class(folder)
    published = notebooks.read(notebooks.notebook_path(chapter))
    for cell in published.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    for number in range(size):
        name = f"learner_{number:05d}.ipynb"
        answers, made.expected[name] = draw_answers(chapter, number, rng)
        notebooks.save(answered(published, answers), folder / name)
    return made


def draw_answers(
    chapter: Chapter, number: int, rng: random.Random
) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Draws an answer to each exercise, or none; returns code and expected outcome by exercise."""
    answers, expected = {}, {}
    for exercise_id, key in (chapter.keys or {}).items():
        kind = rng.choices(["right", "mistake", "untouched"], [0.6, 0.3, 0.1])[0]
        if kind == "untouched":
            expected[exercise_id] = (str(Status.NOT_ATTEMPTED), "")
            continue
        if kind == "right" or not key.mistakes:
            code = rng.choice([key.reference, *key.alternatives.values()])
            expected[exercise_id] = (str(Status.PASSED), "")
        else:
            mistake = rng.choice([*key.mistakes.values()])
            code = mistake.code
            expected[exercise_id] = ("wrong", mistake.reason)
        answers[exercise_id] = f"# answer of learner {number}\n{code}"
    return answers, expected


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Gives a folder, on a small file system of its own where that can be made, and says whether it could."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, check=False).returncode == 0
    try:
        yield folder, mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)


def run(
    command: list[str],
    out: Path,
    disturbed: int,
    every: float,
    stages: list[str],
    rng: random.Random,
    log: Log,
) -> int:
    """Runs the grader once, disturbing it as long as fewer than ``disturbed`` submissions are done.

    Returns:
        Its exit code.
    """
    if stages and log.runs and count_done(out) * 4 > disturbed and stages[0] != "disk":
        damage(out / FILE, stages.pop(0), rng, log)
    log.runs += 1
    ballast = out / "ballast"
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
        watched = psutil.Process(process.pid)
        strike = time.monotonic() + rng.expovariate(1 / every) + 2
        while process.poll() is None:
            time.sleep(0.5)
            done = count_done(out)
            with contextlib.suppress(psutil.Error):
                log.memory.append((done, *resident(watched)))
            if done >= disturbed or time.monotonic() < strike:
                continue
            strike = time.monotonic() + rng.expovariate(1 / every) + 1
            if stages and stages[0] == "disk" and done * 5 > disturbed:
                fill(ballast)
                stages.pop(0)
                log.broken["disk filled"] += 1
            else:
                kill_something(watched, rng, log)
        ballast.unlink(missing_ok=True)
        said.seek(0)
        text = said.read().decode(errors="replace")
    if process.returncode not in (0, 2, -signal.SIGKILL):
        say(text[-3000:])
        raise SystemExit(f"the grader ended with {process.returncode}, which it never should")
    if process.returncode == 2:
        log.broken["grader said that the disk is full, or the like"] += 1
    return process.returncode


def finished(exit_code: int, log: Log) -> bool:
    """Says whether the batch came to its end."""
    return exit_code == 0 and log.runs > 0


def kill_something(grader: psutil.Process, rng: random.Random, log: Log) -> None:
    """Kills the grader, a server, or the process of an answer."""
    with contextlib.suppress(psutil.Error):
        workers = [each for each in grader.children(recursive=True) if WORKER in each.cmdline()]
        servers = [each for each in workers if each.name() != "bwrap" and not _is_worker(each.parent())]
        answers = [each for each in workers if each.name() != "bwrap" and _is_worker(each.parent())]
        what, victims = rng.choice([("grader", [grader]), ("server", servers), ("answer", answers)])
        if victims:
            rng.choice(victims).kill()
            log.broken[f"{what} killed"] += 1


def _is_worker(process: psutil.Process | None) -> bool:
    return process is not None and process.name() != "bwrap" and WORKER in process.cmdline()


def fill(ballast: Path) -> None:
    """Fills a file system to its last byte."""
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(2**20))
    with contextlib.suppress(OSError), ballast.open("ab", buffering=0) as file:
        while True:
            file.write(b"\0")


def damage(gradebook: Path, where: str, rng: random.Random, log: Log) -> None:
    """Overwrites the gradebook's header, or three of its pages, with noise."""
    size = gradebook.stat().st_size
    pages = [0] if where == "header" else [rng.randrange(1, max(size // PAGE, 2)) for _page in range(3)]
    with gradebook.open("r+b") as file:
        for page in pages:
            file.seek(page * PAGE)
            file.write(rng.randbytes(min(PAGE, size)))
    log.broken[f"gradebook damaged ({where})"] += 1


def count_done(out: Path) -> int:
    """Counts the submissions recorded so far, without disturbing the one who writes."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{out / FILE}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM submissions").fetchone()[0])
    except sqlite3.Error:
        return 0


def resident(grader: psutil.Process) -> tuple[float, float]:
    """Returns MB of resident memory: of the grader itself, and of its largest worker."""
    own = grader.memory_info().rss / 1e6
    workers = [each.memory_info().rss / 1e6 for each in grader.children(recursive=True)]
    return own, max(workers, default=0.0)


def shortcomings(made: Class, out: Path) -> list[str]:
    """Compares the gradebook with what must come out; one line for each difference."""
    with Gradebook(out / FILE) as gradebook:
        results = gradebook.current()
    counted = collections.Counter(result.submission for result in results)
    wrong = [f"{name}: {counted[name]} results" for name in made.expected if counted[name] != 1]
    for result in results:
        expected = made.expected.get(result.submission, {})
        if {exercise.id for exercise in result.exercises} != set(expected):
            wrong.append(f"{result.submission}: not its exercises; {result.problem}")
        for exercise in result.exercises:
            status, reason = expected.get(exercise.id, ("", ""))
            right = (
                exercise.status not in (Status.PASSED, Status.GRADER_FAULT) and reason in exercise.detail
                if status == "wrong"
                else exercise.status == status
            )
            if not right:
                wrong.append(f"{result.submission}: {exercise.id} is {exercise.status}, not {status}")
    return wrong


def memory_words(log: Log) -> str:
    """Says how memory went over the last, undisturbed run."""
    last = log.memory[-1][0] if log.memory else 0
    calm = [entry for entry in log.memory if entry[0] >= last * 0.65]
    if len(calm) < 8:
        return "memory: too short to say"
    quarter = len(calm) // 4
    words = []
    for number, who in ((1, "grader"), (2, "largest worker")):
        first = statistics.median(entry[number] for entry in calm[:quarter])
        final = statistics.median(entry[number] for entry in calm[-quarter:])
        words.append(f"{who} {first:.0f} MB -> {final:.0f} MB")
    return "memory, first and last quarter of the undisturbed part: " + ", ".join(words)


def say(text: str) -> None:
    """Prints at once."""
    print(text, flush=True)


if __name__ == "__main__":
    main()
