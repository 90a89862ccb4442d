"""Writes ``attacks_on_exercises.md``: what attacks gain on the real exercises, and what they cost the judge.

    python benchmarks/attacks_on_exercises.py
    python benchmarks/attacks_on_exercises.py 5 12

Three kinds, for every exercise:

- the notebooks of ``tests/attacks/corpus`` that can be turned on any exercise, each in the sandbox as an
  answer beside right answers to all other exercises;
- workers that lie: what they say is right in form and agrees with itself (``grader/authoring/impostors.py``);
- workers that are right but for one crooked reply (``grader/authoring/crooked.py``), among these the largest
  that a worker may send.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.progress import track

from benchmarks.tables import table
from grader.authoring.crooked import crooked_answers
from grader.authoring.impostors import Transcript, impostors
from grader.course.chapters import Chapter, load_chapters
from grader.exercise import Exercise, Key, Status
from grader.judging.checks import judge_exercise
from grader.judging.judge import Judge
from grader.learner.notebook import probes_of
from grader.protocol.exchange import ProtocolAnswer
from grader.reading.submission import AnswerCode, answer_for
from grader.worker.workspace import Workspace, run_cells
from tests.attacks.attacks import load_portable, turned_on

SEED = 2024
HEAD = """# Attacks on the real exercises

What each gains where it is turned on every exercise of the course: the {portable} notebooks of
`tests/attacks/corpus` that can be turned on any exercise, workers that lie consistently, and workers that are
right but for one crooked reply, among these the largest that may be sent. *Gained* counts passes, *faults*
what would be taken for the grader's own failure; both must be 0. The last column is the most processor time,
in seconds, that the judge itself spent on one of these workers.

    python benchmarks/attacks_on_exercises.py
"""
HEADINGS = ("exercise", "attacks", "lies", "crooked replies", "gained", "faults", "judge, s")


@dataclass
class Tally:
    """What became of the attacks on an exercise.

    Attributes:
        attacks: How many notebooks were tried.
        lies: How many workers that lie.
        crooked: How many crooked replies.
        gained: Names of those that passed.
        faults: Names of those that look like a failure of the grader.
        seconds: The most processor time that the judge took for one.
    """

    attacks: int = 0
    lies: int = 0
    crooked: int = 0
    gained: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    seconds: float = 0.0

    def note(self, name: str, status: Status) -> None:
        """Notes what became of one."""
        self.gained += (name,) * (status is Status.PASSED)
        self.faults += (name,) * (status is Status.GRADER_FAULT)


def attack(chapter: Chapter, tallies: dict[str, Tally]) -> None:
    """Turns the notebooks of the corpus on every exercise of a chapter, in the sandbox.

    Args:
        chapter: The chapter, with its answers.
        tallies: By exercise, what to note it in.
    """
    with Judge(chapter, isolation="bubblewrap", seed=SEED) as judge:
        for name, code in load_portable().items():
            codes = {
                exercise.id: _code(chapter, exercise, turned_on(exercise, code))
                for exercise in chapter.exercises.values()
            }
            for exercise in chapter.exercises.values():
                (result,) = judge.grade(codes, [exercise.id])
                tallies[exercise.id].attacks += 1
                tallies[exercise.id].note(f"{exercise.id}: {name}", result.status)


def lie(chapter: Chapter, exercise: Exercise, tally: Tally) -> None:
    """Judges workers that lie, and workers with one crooked reply, without a sandbox.

    Args:
        chapter: The exercise's chapter, with its answers.
        exercise: The exercise.
        tally: What to note it in.
    """
    key = (chapter.keys or {})[exercise.id]
    names: dict[str, Any] = {"__name__": "__main__", "display": print}
    run_cells(_code(chapter, exercise, key.reference).cells, names)
    transcript = Transcript(Workspace(names, probes_of(chapter)).answer)
    honest = judge_exercise(ProtocolAnswer(transcript.exchange, SEED), exercise, key)
    assert honest.status is Status.PASSED, honest

    for label, liar in impostors(transcript) if transcript.has_probes else ():
        tally.lies += 1
        tally.note(
            f"{exercise.id}: {label}", _status(tally, ProtocolAnswer(liar.exchange, SEED), exercise, key)
        )
    for label, answer in crooked_answers(transcript.results, SEED):
        tally.crooked += 1
        status = _status(tally, answer, exercise, key)
        if status is Status.GRADER_FAULT:  # some crooked replies are right: the same numbers as a list, say
            tally.note(f"{exercise.id}: {label}", status)


def _status(tally: Tally, answer: ProtocolAnswer, exercise: Exercise, key: Key) -> Status:
    """Judges an answer, and notes how long it took."""
    started = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        verdict = judge_exercise(answer, exercise, key)
    tally.seconds = max(tally.seconds, time.process_time() - started)
    return verdict.status


def _code(chapter: Chapter, exercise: Exercise, answer: str) -> AnswerCode:
    references = {name: key.reference for name, key in (chapter.keys or {}).items()}
    return answer_for(chapter, exercise, answer, references)


def page(tallies: Mapping[str, Tally]) -> str:
    """Returns the page of all exercises, and their sum."""
    rows = [_row(name, [tally]) for name, tally in tallies.items()]
    rows.append(_row(f"**{len(tallies)} exercises**", list(tallies.values())))
    return "\n".join([HEAD.format(portable=len(load_portable())), table(HEADINGS, rows)]) + "\n"


def _row(name: str, tallies: Sequence[Tally]) -> list[str]:
    counts = (
        sum(tally.attacks for tally in tallies),
        sum(tally.lies for tally in tallies),
        sum(tally.crooked for tally in tallies),
        sum(len(tally.gained) for tally in tallies),
        sum(len(tally.faults) for tally in tallies),
    )
    return [name, *(f"{count:,}" for count in counts), f"{max(tally.seconds for tally in tallies):.2f}"]


def main() -> None:
    """Runs the attacks, writes the page if they were turned on all chapters, exits with 1 if one gained."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("chapters", nargs="*", type=int, help="numbers; by default all")
    options = parser.parse_args()
    chapters = [each for each in load_chapters() if not options.chapters or each.number in options.chapters]
    tallies = {name: Tally() for chapter in chapters for name in chapter.exercises}
    with ThreadPoolExecutor(2) as pool:
        [*track(pool.map(lambda chapter: attack(chapter, tallies), chapters), "sandbox", total=len(chapters))]
    for chapter, exercise in track([(c, e) for c in chapters for e in c.exercises.values()], "lies"):
        lie(chapter, exercise, tallies[exercise.id])
    text = page(tallies)
    print(text)
    if not options.chapters:
        Path(__file__).with_suffix(".md").write_text(text, "utf-8")
    for name in [name for tally in tallies.values() for name in (*tally.gained, *tally.faults)]:
        print(f"gained or at fault: {name}", file=sys.stderr)
    sys.exit(any(tally.gained or tally.faults for tally in tallies.values()))


if __name__ == "__main__":
    main()
