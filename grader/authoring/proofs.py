"""Proves many exercises, several at a time: TensorFlow is imported once, and no core waits for work."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

from grader.authoring import pasting
from grader.authoring.verify import SEEDS, Part, Proof, Verifier, parts_of
from grader.course.chapters import Chapter
from grader.messages import language, set_language
from grader.sandbox.limits import Isolation

_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3"} | dict.fromkeys(
    ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"
)
"""What each of several processes is to keep to: one core, and no chatter."""


KINDS = ("reference", "template", "alternatives", "mistakes", "guesses")


@dataclass
class Row:
    """What became of one exercise.

    Attributes:
        chapter: Name of its chapter's folder.
        id: Its id.
        points: Its points.
        held: By kind of :data:`KINDS`, how many things were as they must be, of how many.
        agreed: How many codes got one verdict in both places, of how many.
        verdicts: How many verdicts on codes that was, each code's under all its seeds.
        seconds: Wall-clock time of all its parts together.
        faults: One line for each thing that is wrong.
    """

    chapter: str
    id: str
    points: int
    held: dict[str, tuple[int, int]] = field(default_factory=lambda: dict.fromkeys(KINDS, (0, 0)))
    agreed: tuple[int, int] = (0, 0)
    verdicts: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)

    def add(self, proof: Proof) -> None:
        """Adds what became of one part."""
        kind = proof.part.kind
        self.held[kind] = _sum(self.held[kind], proof.held)
        self.agreed = _sum(self.agreed, proof.agreed)
        self.verdicts += proof.verdicts
        self.seconds += proof.seconds
        self.faults += proof.faults


def verify(
    chapters: Sequence[Chapter],
    isolation: Isolation,
    *,
    seeds: int = SEEDS,
    jobs: int = 1,
    soak: bool = False,
) -> Iterator[Row]:
    """Proves all exercises of some chapters. Reasons are compared in Japanese.

    Args:
        chapters: The chapters.
        isolation: Where the grader's verdicts are made.
        seeds: Under how many seeds right answers are judged; see :class:`~grader.authoring.verify.Verifier`.
        jobs: How many parts at a time; more than one where processes can be forked.
        soak: Whether to judge the reference and one other right answer alone.

    Yields:
        A row per exercise, as soon as it is whole.
    """
    schedule = _Schedule(chapters, soak)
    rows, open_parts = dict[str, Row](), dict[str, int]()
    for chapter in chapters:
        for exercise in chapter.exercises.values():
            row = rows[exercise.id] = Row(chapter.name, exercise.id, exercise.points)
            open_parts[exercise.id] = len(parts_of(chapter, exercise, soak=soak))
            if not open_parts[exercise.id]:
                row.faults.append(f"{exercise.id}: there is no answers.py, so nothing can be verified")
                yield row
    spoken = language()
    set_language("ja")
    try:
        forks = jobs > 1 and "fork" in multiprocessing.get_all_start_methods()
        proofs = (
            _side_by_side(schedule, isolation, seeds, jobs) if forks else _in_turn(schedule, isolation, seeds)
        )
        for proof in proofs:
            name = proof.part.exercise
            rows[name].add(proof)
            open_parts[name] -= 1
            if not open_parts[name]:
                yield rows[name]
    finally:
        set_language(spoken)


def _sum(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    return one[0] + other[0], one[1] + other[1]


class _Schedule:
    """The parts that are still to be proved: the longest chapter first, and in it the longest parts.

    How long they take is not known: the more so, the higher an exercise's time limit.

    Attributes:
        chapters: All chapters, by name.
    """

    def __init__(self, chapters: Sequence[Chapter], soak: bool) -> None:
        self.chapters = {chapter.name: chapter for chapter in chapters}
        self._open = {chapter.name: _longest_last(chapter, soak) for chapter in chapters}
        self._taken = set[str]()

    def next(self, chapter: str | None) -> Part | None:
        """Takes the next part: of the chapter at hand, else of one that nobody has, else of any."""
        left = {name: sum(map(self._limit, parts)) for name, parts in self._open.items() if parts}
        if chapter not in left:
            chapter = max(left, key=lambda name: (name not in self._taken, left[name]), default=None)
        if chapter is None:
            return None
        self._taken.add(chapter)
        return self._open[chapter].pop()

    def _limit(self, part: Part) -> float:
        return self.chapters[part.chapter].exercises[part.exercise].time_limit


def _longest_last(chapter: Chapter, soak: bool) -> list[Part]:
    exercises = sorted(chapter.exercises.values(), key=lambda exercise: exercise.time_limit)
    return [part for exercise in exercises for part in parts_of(chapter, exercise, soak=soak)]


class _Bench(contextlib.ExitStack):
    """Holds the verifier of one chapter until another chapter's turn."""

    def __init__(self, schedule: _Schedule, isolation: Isolation, seeds: int) -> None:
        super().__init__()
        self._chapters, self._isolation, self._seeds = schedule.chapters, isolation, seeds
        self._verifier: Verifier | None = None

    def prove(self, part: Part) -> Proof:
        """Proves a part, of whichever chapter."""
        if self._verifier is None or self._verifier.chapter.name != part.chapter:
            self.close()
            verifier = Verifier(self._chapters[part.chapter], self._isolation, self._seeds)
            self._verifier = self.enter_context(verifier)
        return self._verifier.prove(part)


def _in_turn(schedule: _Schedule, isolation: Isolation, seeds: int) -> Iterator[Proof]:
    with _Bench(schedule, isolation, seeds) as bench:
        part = schedule.next(None)
        while part is not None:
            yield bench.prove(part)
            part = schedule.next(part.chapter)


def _side_by_side(schedule: _Schedule, isolation: Isolation, seeds: int, jobs: int) -> Iterator[Proof]:
    """Gives each of some forked processes its next part; this one runs no TensorFlow operation."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for chapter in schedule.chapters.values():
        pasting.modules_of(chapter)
    slots = dict[Connection, _Slot]()

    def start() -> None:
        if part := schedule.next(None):
            slot = _fork(_Bench(schedule, isolation, seeds), [*slots], part)
            slots[slot.connection] = slot

    for _job in range(jobs):
        start()
    try:
        while slots:
            for connection in wait([*slots]):
                assert isinstance(connection, Connection)
                slot = slots[connection]
                try:
                    yield connection.recv()
                except EOFError:
                    del slots[connection]
                    yield Proof(slot.part, faults=[f"{slot.part}: the process that proves it ended"])
                    start()
                    continue
                part = schedule.next(slot.part.chapter)
                connection.send(part)
                if part is None:
                    del slots[connection]
                    slot.process.join()
                else:
                    slot.part = part
    finally:
        for slot in slots.values():
            slot.process.terminate()


@dataclass
class _Slot:
    """A process that proves one part after another.

    Attributes:
        process: The process.
        connection: The pipe to it: parts go in, proofs come back; ``None`` ends it.
        part: What it is at.
    """

    process: BaseProcess
    connection: Connection
    part: Part


def _fork(bench: _Bench, others: Sequence[Connection], part: Part) -> _Slot:
    """Starts a process with its first part; it closes what it inherits of the others' pipes."""
    ours, theirs = multiprocessing.Pipe()

    def serve() -> None:
        for connection in (ours, *others):
            connection.close()
        with bench:
            while task := theirs.recv():
                theirs.send(bench.prove(task))

    process = multiprocessing.get_context("fork").Process(target=serve)
    process.start()
    theirs.close()
    ours.send(part)
    return _Slot(process, ours, part)
