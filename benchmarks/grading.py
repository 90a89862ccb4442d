"""What grading costs: ours, nbgrader and Otter, on the same answers, in turn, in one run.

    python benchmarks/grading.py --sizes 1 10 --jobs 1 2
    python benchmarks/grading.py --sizes 1 10 100 1000

One small exercise in Keras (``benchmarks/course``), made for each grader in its own way. No two submissions
have the same text, so that no cache helps; one in ten is wrong, and after each run the points must be right.

How it is measured:

- *Seconds* are wall-clock, of the whole command that an instructor types, from its start to its end: its own
  imports, starting its servers, reading the files and writing the results included. Making the assignment
  and handing in are not.
- *CPU* is user and system time of every process of the command.
- *Largest* is the peak resident memory of the largest process, *together* the peak of all processes at one
  time, shared memory counted once (sampled twice a second).
- Up to ten submissions are graded in several rounds, the graders in turn, and medians are shown; more, once.
- A grader that would need longer than ``--budget`` seconds gets fewer submissions, as many as fit; where
  that is no more than in a smaller size, there is no figure. No result is extrapolated.
- The learner's *own code* (``benchmarks/bare.py``) is what defining and calling the answer takes, with the
  same tests, in a process forked from one that has imported Keras: no grader can save that. Overhead is
  seconds x jobs / submissions, less the median of the own code; *further submission* leaves the start-up
  out: the difference between two sizes instead of the whole. Jobs share two cores, so that with two of them
  the own code itself takes longer, and that counts as overhead too.

Seconds belong to a machine, and to one that does nothing else meanwhile; ratios within one run carry over.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from nbformat import NotebookNode

from benchmarks import assignments
from benchmarks.competitors import Nbgrader, Otter
from benchmarks.graders import ROOT, Grader, Ours, answered
from benchmarks.measure import Usage, measure
from benchmarks.tables import table

FEW = 10
"""Up to so many submissions are graded in several rounds."""
BARE_ANSWERS = 20
WORK = ROOT / "build" / "benchmarks" / "grading"


@dataclass(frozen=True)
class Run:
    """One grader over one set of submissions.

    Attributes:
        grader: Name of the grader.
        size: How many submissions were asked for.
        jobs: How many at a time.
        count: How many it was given.
        usage: What it used.
    """

    grader: str
    size: int
    jobs: int
    count: int
    usage: Usage

    @property
    def seconds(self) -> float:
        """Wall-clock seconds a submission."""
        return self.usage.wall / self.count

    @property
    def cpu(self) -> float:
        """Processor seconds a submission."""
        return self.usage.cpu / self.count


class Bench:
    """Runs graders over submissions and keeps what they used."""

    def __init__(self, graders: Sequence[Grader], work: Path, budget: float) -> None:
        self.graders = graders
        self.runs: list[Run] = []
        self._work = work
        self._budget = budget
        self._released: dict[str, NotebookNode] = {}

    def release(self) -> None:
        """Installs the graders and makes the assignment in each."""
        for grader in self.graders:
            say(f"{grader.name}: installing, and making the assignment")
            grader.install()
            self._released[grader.name] = grader.release(
                assignments.small_network(), self._work / grader.name / "course"
            )

    def run(self, grader: Grader, size: int, jobs: int) -> None:
        """Runs a grader, on fewer submissions where all would take too long, or not at all."""
        count = self._affordable(grader, size, jobs)
        if count == 0:
            say(f"{grader.name}: {size} submissions would take longer than {self._budget:.0f} s")
            return
        folder = self._work / grader.name / "run"
        exercise = assignments.small_network().questions[0]
        notebooks = {
            learner(number): answered(
                self._released[grader.name], {exercise.id: assignments.distinct_answer(number)}
            )
            for number in range(count)
        }
        commands = grader.hand_in(self._work / grader.name / "course", folder, notebooks, jobs)
        usage = measure(commands, limit=3 * self._budget)
        expect_points(grader.points(folder), exercise.name, exercise.points, count)
        shutil.rmtree(folder)
        self.runs.append(Run(grader.name, size, jobs, count, usage))
        say(f"{grader.name}: {count} submissions, {jobs} at a time: {usage.wall:.1f} s")

    def _affordable(self, grader: Grader, size: int, jobs: int) -> int:
        before = [run for run in self.runs if run.grader == grader.name and run.jobs == jobs]
        return affordable(size, [(run.count, run.size, run.usage.wall) for run in before], self._budget)


def affordable(size: int, before: Iterable[tuple[int, int, float]], budget: float) -> int:
    """Decides how many submissions a grader gets, by what its largest run took beyond a smaller one.

    Args:
        size: How many are asked for.
        before: Count, size and seconds of its earlier runs with as many jobs.
        budget: Seconds that it may take.

    Returns:
        ``size``, or as many as fit, or 0 where a smaller size has shown as many.
    """
    smaller = sorted((count, seconds) for count, asked, seconds in before if asked < size)
    if not smaller:
        return size
    largest, seconds = smaller[-1]
    few = [(count, taken) for count, taken in smaller if count < largest and taken < seconds]
    count, taken = few[-1] if few else (0, 0.0)
    each = (seconds - taken) / (largest - count)
    fitting = min(size, largest + int((budget - seconds) / each))
    return fitting if fitting == size or fitting > largest else 0


def learner(number: int) -> str:
    """Returns a learner's name."""
    return f"learner{number:05d}"


def expect_points(points: dict[str, dict[str, float]], name: str, full: float, count: int) -> None:
    """Checks that a grader did its work.

    Args:
        points: What it gave.
        name: Name of the question.
        full: Points for a right answer.
        count: How many submissions it was given.

    Raises:
        SystemExit: If a submission has no result or a wrong one.
    """
    for number in range(count):
        right = full if assignments.is_right(number) else 0
        given = points.get(learner(number), {}).get(name)
        if given != right:
            raise SystemExit(f"{learner(number)} must get {right} points, but got {given}")


def own_code_seconds(environment: dict[str, str]) -> list[float]:
    """Returns what the learner's own code takes, of as many answers as is worth while."""
    assignment = assignments.small_network()
    tests = assignment.questions[0].tests
    cells = [
        [assignment.setup, assignments.distinct_answer(number), tests.visible, tests.hidden]
        for number in range(BARE_ANSWERS)
    ]
    path = WORK / "answers.json"
    path.write_text(json.dumps(cells), "utf-8")
    bare = [sys.executable, str(ROOT / "benchmarks" / "bare.py"), str(path)]
    finished = subprocess.run(bare, env=environment, capture_output=True, check=True, text=True)
    seconds: list[float] = json.loads(finished.stdout)
    return seconds


def say(line: str) -> None:
    """Prints a line of progress."""
    print(line, file=sys.stderr, flush=True)


def middle(runs: Sequence[Run]) -> Run:
    """Returns the run of median wall-clock time (of two, the quicker)."""
    return sorted(runs, key=lambda run: run.usage.wall)[(len(runs) - 1) // 2]


def summary(runs: Sequence[Run]) -> list[Run]:
    """Returns one run for each grader, size and number of jobs, in the order of the first."""
    groups = dict.fromkeys((run.size, run.jobs, run.grader) for run in runs)
    return [middle([run for run in runs if (run.size, run.jobs, run.grader) == group]) for group in groups]


def cost_table(runs: Sequence[Run], names: Sequence[str]) -> str:
    """Returns the table of costs, and of each grader's seconds over ours."""
    shown = {(run.size, run.jobs, run.grader): run for run in runs}
    rows = []
    for size, jobs in dict.fromkeys((run.size, run.jobs) for run in runs):
        ours = shown.get((size, jobs, Ours.name))
        for name in names:
            run = shown.get((size, jobs, name))
            rows.append([name, str(size), str(jobs), *_costs(run, ours)])
    headings = [
        "grader",
        "submissions",
        "jobs",
        "graded",
        "s each",
        "CPU s each",
        "largest MB",
        "together MB",
    ]
    headings += ["s / ours", "CPU s / ours"]
    return table(headings, rows)


def _costs(run: Run | None, ours: Run | None) -> list[str]:
    if run is None:
        return ["–"] * 7
    return [
        str(run.count),
        f"{run.seconds:.2f}",
        f"{run.cpu:.2f}",
        f"{run.usage.largest / 1e6:.0f}",
        f"{run.usage.together / 1e6:.0f}",
        f"{run.seconds / ours.seconds:.1f}" if ours else "–",
        f"{run.cpu / ours.cpu:.1f}" if ours else "–",
    ]


def overhead_table(runs: Sequence[Run], own_code: float) -> str:
    """Returns the table of our overhead, with the start-up shared out and without it."""
    rows = []
    for jobs in sorted({run.jobs for run in runs}):
        before: Run | None = None
        for run in (run for run in runs if run.jobs == jobs and run.grader == Ours.name):
            further = "–" if before is None else f"{marginal(before, run) - own_code:.2f}"
            rows.append([str(run.size), str(jobs), f"{run.seconds * jobs - own_code:.2f}", further])
            before = run
    return table(["submissions", "jobs", "overhead s each", "of a further submission"], rows, left=0)


def marginal(few: Run, many: Run) -> float:
    """Returns the seconds of a slot that each submission takes which one run has more than another."""
    return (many.usage.wall - few.usage.wall) * many.jobs / (many.count - few.count)


def machine() -> str:
    """Returns a line on where this runs."""
    versions = " ".join(f"{name} {importlib.metadata.version(name)}" for name in ("tensorflow", "keras"))
    cores = len(os.sched_getaffinity(0))
    system = f"{platform.system()} {platform.machine()}"
    return f"{system}, {cores} cores, Python {platform.python_version()}, {versions}"


def options() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 10], help="numbers of submissions")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2], help="how many at a time")
    parser.add_argument("--rounds", type=int, default=3, help=f"for up to {FEW} submissions")
    parser.add_argument("--budget", type=float, default=600.0, help="seconds that one run may take")
    parser.add_argument("--graders", nargs="+", default=["ours", "nbgrader", "otter"])
    parser.add_argument("--json", type=Path, help="write every run to this file")
    return parser.parse_args()


def main() -> None:
    """Measures and prints."""
    chosen = options()
    every: list[Grader] = [Ours(), Nbgrader(), Otter()]
    graders = [grader for grader in every if grader.name in chosen.graders]
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    bench = Bench(graders, WORK, chosen.budget)
    bench.release()
    environment = dict(Nbgrader().command(WORK, "python").environment)
    own_code = own_code_seconds(environment)
    for size in sorted(chosen.sizes):
        for jobs in (jobs for jobs in chosen.jobs if jobs <= size):
            for _ in range(chosen.rounds if size <= FEW else 1):
                for grader in graders:
                    bench.run(grader, size, jobs)
    own_code += own_code_seconds(environment)
    print(machine())
    for grader in graders:
        print(f"- {grader.name}: {grader.mode}")
    shown = summary(bench.runs)
    print(f"\n{cost_table(shown, [grader.name for grader in graders])}\n")
    middle_own = statistics.median(own_code)
    print(f"the learner's own code: median {middle_own:.2f} s, {len(own_code)} runs\n")
    print(overhead_table(shown, middle_own))
    if chosen.json:
        data = {"machine": machine(), "own_code": own_code, "runs": [asdict(run) for run in bench.runs]}
        chosen.json.write_text(json.dumps(data, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
