"""Judges mutants of right answers: what share of them do the checks of an exercise tell from a right one?

TensorFlow is imported once, and then a process is forked for each mutant: one that never ends, takes all
memory or kills itself ends alone, and counts as killed. Each is judged as a notebook would, with the hidden
check.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from grader.authoring.mutants import Mutant, mutants_of
from grader.authoring.verify import SLOW
from grader.course.chapters import Chapter
from grader.exercise import Exercise, Status
from grader.judging.checks import judge_exercise
from grader.learner.local import LocalAnswer
from grader.learner.notebook import probes_of
from grader.reading.submission import answer_for
from grader.worker.workspace import run_cells

_SEED = 11
_ANY = "*"
_MEMORY = 3 * 2**30
"""Bytes of address space for a mutant on top of what it is forked with."""


@dataclass
class Tally:
    """What became of an exercise's mutants.

    Attributes:
        chapter: Name of its chapter's folder.
        id: Its id.
        made: How many mutants there are.
        equivalent: How many of those that were judged are right, as the answers say.
        visible: How many others the visible check killed.
        hidden: How many the hidden check killed after that.
        survivors: The others, a line each.
        seconds: Wall-clock time.
        faults: One line for each thing that is wrong.
    """

    chapter: str
    id: str
    made: int = 0
    equivalent: int = 0
    visible: int = 0
    hidden: int = 0
    survivors: list[str] = field(default_factory=list)
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    @property
    def judged(self) -> int:
        """How many mutants were judged that are not equivalent."""
        return self.visible + self.hidden + len(self.survivors)


def survey(chapters: Sequence[Chapter], *, jobs: int = 1, most: int | None = None) -> Iterator[Tally]:
    """Judges the mutants of every exercise of some chapters, on a system that can fork.

    Questions are left out: a mutant of an option or a number is another option or number, which
    ``grader verify`` judges.

    Args:
        chapters: The chapters, with their answers.
        jobs: How many mutants at a time.
        most: How many of an exercise's mutants to judge, taken evenly from all; by default all. A quarter of
            that where the time limit says that answers train.

    Yields:
        A tally per exercise.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name in (
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
    ):
        os.environ.setdefault(name, "1")
    for chapter in chapters:
        for module in chapter.lesson_imports:
            importlib.import_module(module)
        probes_of(chapter)
        gc.freeze()
        for exercise in mutable(chapter):
            yield _tally(chapter, exercise, jobs, most)


def mutable(chapter: Chapter) -> list[Exercise]:
    """Returns the exercises of a chapter that code answers."""
    return [exercise for exercise in chapter.exercises.values() if exercise.question is None]


def _tally(chapter: Chapter, exercise: Exercise, jobs: int, most: int | None) -> Tally:
    started = time.monotonic()
    tally = Tally(chapter.name, exercise.id)
    key = chapter.key(exercise.id)
    if key is None:
        tally.faults.append(f"{exercise.id}: there is no answers.py, so nothing can be mutated")
        return tally
    codes = [key.reference, *key.alternatives.values()]
    _cells(chapter, exercise, key.reference)  # read once, before anything is forked
    seconds = exercise.time_limit
    for _code, outcome in _judged(chapter, exercise, codes[:1], exercise.time_limit, 1):
        seconds = 2 + 4 * outcome.seconds
        if outcome.killed_by:
            tally.faults.append(
                f"{exercise.id}: the reference itself is killed by the {outcome.killed_by} check"
            )
    found = mutants_of(codes)
    tally.made = len(found)
    if most is not None and exercise.time_limit > SLOW:
        most = max(most // 4, 1)
    chosen = (
        found if most is None or most >= len(found) else [found[n * len(found) // most] for n in range(most)]
    )
    by_code = {mutant.code: mutant for mutant in chosen}
    used = set[str]()
    survivors = set[str]()
    for code, outcome in _judged(chapter, exercise, by_code, seconds, jobs):
        mutant = by_code[code]
        entries = _entries(mutant, key.equivalent)
        used.update(entries)
        if outcome.fault:
            tally.faults.append(f"{exercise.id}: the check itself fails: {outcome.fault}: {mutant}")
        elif outcome.killed_by and entries not in ([], [_ANY]):
            tally.faults.append(f"{exercise.id}: not equivalent, as {entries[0]!r} says: {mutant}")
        if entries and not outcome.killed_by:
            tally.equivalent += 1
        elif outcome.killed_by == "visible":
            tally.visible += 1
        elif outcome.killed_by:
            tally.hidden += 1
        else:
            survivors.add(code)
    tally.survivors = [str(mutant) for mutant in chosen if mutant.code in survivors]
    if len(chosen) == len(found):
        unused = [entry for entry in key.equivalent if entry not in used]
        tally.faults += [
            f"{exercise.id}: no mutant is what the answers call equivalent: {each!r}" for each in unused
        ]
    tally.seconds = time.monotonic() - started
    return tally


def _entries(mutant: Mutant, equivalent: Mapping[str, str]) -> list[str]:
    """Returns the entries that speak of a mutant: its changed lines, or text that only these hold."""
    return [
        text
        for text in equivalent
        if text in (mutant.after, _ANY) or (text in mutant.after and text not in mutant.before)
    ]


@dataclass(frozen=True)
class _Outcome:
    """What became of a code.

    Attributes:
        killed_by: ``visible`` or ``hidden``; empty for a survivor.
        seconds: Processor time.
        fault: What failed in the check itself.
    """

    killed_by: str
    seconds: float = 0.0
    fault: str = ""


@dataclass
class _Running:
    """A process that judges a code.

    Attributes:
        code: The code.
        process: The process.
        deadline: When it is ended.
        check: The check it is at.
        outcome: What it says in the end.
    """

    code: str
    process: BaseProcess
    deadline: float
    check: str = "visible"
    outcome: _Outcome | None = None

    def hear(self, connection: Connection) -> None:
        """Takes what the process says; one that ended without an outcome is killed by the check it was at."""
        try:
            said = connection.recv()
        except EOFError:
            said = _Outcome(self.check)
        if isinstance(said, _Outcome):
            self.outcome = said
        else:
            self.check = said

    def end(self, connection: Connection) -> None:
        """Ends the process, whatever it is at."""
        self.process.kill()
        self.process.join()
        connection.close()


def _judged(
    chapter: Chapter, exercise: Exercise, codes: Iterable[str], seconds: float, jobs: int
) -> Iterator[tuple[str, _Outcome]]:
    """Judges each code in a process of its own, some at a time, each with so many processor seconds."""
    fork = multiprocessing.get_context("fork")
    waiting = iter(codes)
    running = dict[Connection, _Running]()
    try:
        while True:
            for code in _first(waiting, jobs - len(running)):
                ours, theirs = fork.Pipe(duplex=False)
                process = fork.Process(
                    target=_judge, args=(theirs, chapter, exercise, code, seconds), daemon=True
                )
                process.start()
                theirs.close()
                running[ours] = _Running(code, process, time.monotonic() + 10 * seconds)
            if not running:
                return
            ready = wait([*running], timeout=1.0)
            for connection, one in [*running.items()]:
                if connection in ready:
                    one.hear(connection)
                if one.outcome is not None or time.monotonic() > one.deadline:
                    one.end(connection)
                    del running[connection]
                    yield one.code, one.outcome or _Outcome(one.check)
    finally:
        for connection, one in running.items():
            one.end(connection)


def _first(waiting: Iterator[str], count: int) -> list[str]:
    return [code for _number, code in zip(range(count), waiting, strict=False)]


class _Local(LocalAnswer):
    """An answer in this process that says which check begins, for whom its process does not survive."""

    def __init__(self, told: Connection, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._told = told

    def begin(self, exercise: str, check: str) -> None:
        super().begin(exercise, check)
        self._told.send(check)


def _judge(told: Connection, chapter: Chapter, exercise: Exercise, code: str, seconds: float) -> None:
    """Judges a code, in a process of its own that keeps to its limits."""
    from grader.worker import confine  # of Linux alone, as is this

    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    confine.limit({"RLIMIT_CPU": int(seconds) + 1, "RLIMIT_AS": _MEMORY, "RLIMIT_CORE": 0})
    names: dict[str, Any] = {"__name__": "__main__", "display": print}
    if run_cells(_cells(chapter, exercise, code), names):
        told.send(_Outcome("visible"))
        return
    local = _Local(told, names, probes_of(chapter), _SEED)
    verdict = judge_exercise(local, exercise, chapter.key(exercise.id))
    fault = verdict.detail if verdict.status is Status.GRADER_FAULT else ""
    killed_by = "" if verdict.status is Status.PASSED else verdict.check
    told.send(_Outcome(killed_by, time.process_time(), fault))


def _cells(chapter: Chapter, exercise: Exercise, code: str) -> tuple[str, ...]:
    references = {name: key.reference for name, key in (chapter.keys or {}).items()}
    return answer_for(chapter, exercise, code, references).cells
