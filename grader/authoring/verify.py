"""Proves an exercise: what must pass passes, what must fail fails for its own reason, guesses earn nothing.

Every code is judged in the grader's sandbox and, under other seeds, as a notebook would; the visible check
says the same in both.

A question is proved its own way. Its right answers pass, and each wrong one is taken by the visible check and
told its own reason by the hidden one. Guesses and replays are left out: anyone can guess one option of three,
and the point is for having thought. So are functions that are pasted: a question asks for none.
"""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any, Protocol, Self

from grader.authoring import crooked, guesses, impostors, pasting
from grader.course.chapters import Chapter
from grader.exercise import Exercise, Key, Mistake, Status
from grader.judging.checks import Verdict, judge_exercise
from grader.judging.judge import Judge
from grader.judging.results import ExerciseResult
from grader.learner.local import LocalAnswer
from grader.learner.notebook import probes_of
from grader.protocol.exchange import ProtocolAnswer
from grader.reading.submission import AnswerCode, answer_for
from grader.sandbox.limits import Isolation
from grader.worker.workspace import Workspace, run_cells

SEED = 20240501
SEEDS = 10
SLOW = 30.0
"""Seconds of time limit above which an answer trains, and right answers are judged under fewer seeds."""
_GUESSED_WITH = 7
_PASTED_SECONDS = 1.0
"""Processor time of a function of the course that is tried as an answer, beside thrice the reference's."""
_ONLY_SEEN_FROM_OUTSIDE = {Status.TIME_LIMIT, Status.MEMORY_LIMIT, Status.WORKER_DIED}


class Outcome(Protocol):
    """What a verdict and a result have in common."""

    @property
    def status(self) -> Status: ...

    @property
    def reason(self) -> str: ...

    @property
    def detail(self) -> str: ...

    @property
    def check(self) -> str: ...


Expectation = Callable[[Outcome], str]
"""Says what is wrong with an outcome; nothing where it is as expected."""


@dataclass(frozen=True)
class Part:
    """A part of a proof, the least that is done in one go.

    Attributes:
        chapter: Name of the chapter's folder.
        exercise: Id of the exercise.
        kind: ``reference``, ``template``, ``alternatives``, ``mistakes`` or ``guesses``.
        label: Which of its kind; empty where there is one alone.
    """

    chapter: str
    exercise: str
    kind: str
    label: str = ""

    def __str__(self) -> str:
        """Names it in a message."""
        one = {"alternatives": "alternative", "mistakes": "mistake"}
        return (
            f"{self.exercise}, {one[self.kind]} {self.label!r}"
            if self.label
            else f"{self.exercise}, {self.kind}"
        )


@dataclass
class Proof:
    """What became of a part.

    Attributes:
        part: The part.
        held: How many things were as they must be, of how many.
        agreed: How many codes got one verdict in both places, of how many.
        verdicts: How many verdicts on codes there were: one in the sandbox, one as a notebook for each seed.
        seconds: Wall-clock time.
        faults: One line for each thing that is wrong.
    """

    part: Part
    held: tuple[int, int] = (0, 1)
    agreed: tuple[int, int] = (0, 0)
    verdicts: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def parts_of(chapter: Chapter, exercise: Exercise, *, soak: bool = False) -> list[Part]:
    """Lists the parts of an exercise's proof; none where there are no answers.

    Args:
        chapter: The chapter.
        exercise: One of its exercises.
        soak: Whether to list the reference and one other right answer alone.
    """
    key = chapter.key(exercise.id)
    if key is None:
        return []
    if soak:
        others = [("alternatives", label) for label in list(key.alternatives)[:1]]
        kinds = [("reference", ""), *others]
        return [Part(chapter.name, exercise.id, kind, label) for kind, label in kinds]
    kinds = [("reference", ""), ("template", ""), ("guesses", "")]
    kinds += [("alternatives", label) for label in key.alternatives]
    kinds += [("mistakes", label) for label in key.mistakes]
    return [Part(chapter.name, exercise.id, kind, label) for kind, label in kinds]


class Verifier:
    """Proves the exercises of one chapter, part by part. Use it in a ``with`` statement."""

    def __init__(self, chapter: Chapter, isolation: Isolation, seeds: int = SEEDS) -> None:
        """Creates a verifier.

        Args:
            chapter: The chapter, with its answers.
            isolation: Where the grader's verdict is made.
            seeds: Under how many seeds right answers are judged, 2 at least: the grader's own and 1, 2, …;
                under a tenth, but 3 at least, where an exercise's time limit says that it is slow.
        """
        self.chapter = chapter
        self._judge = Judge(chapter, isolation=isolation, seed=SEED)
        self._seeds = seeds

    def __enter__(self) -> Self:
        """Prepares the sandbox.

        Raises:
            IsolationUnavailable: If the isolation does not work on this machine.
        """
        self._judge.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Removes the sandbox."""
        self._judge.__exit__(kind, error, trace)

    def prove(self, part: Part) -> Proof:
        """Proves one part. Reasons are compared in the language of messages, so that must be Japanese.

        Args:
            part: One of the chapter's.

        Returns:
            What became of it.
        """
        proof = Proof(part)
        started = time.monotonic()
        exercise, key = self.chapter.exercises[part.exercise], (self.chapter.keys or {})[part.exercise]
        seeds = self._seeds if exercise.time_limit <= SLOW else min(self._seeds, max(self._seeds // 10, 3))
        match part.kind:
            case "reference":
                self._prove_code(proof, exercise, key.reference, _passes, range(1, max(seeds, 2)))
            case "template":
                self._prove_code(proof, exercise, exercise.template, _is_not_attempted, [SEED])
            case "alternatives":
                self._prove_code(
                    proof, exercise, key.alternatives[part.label], _passes, range(1, max(seeds, 2))
                )
            case "mistakes":
                mistake = key.mistakes[part.label]
                seed = 1 + [*key.mistakes].index(part.label)
                expected = _fails_as(mistake, key, hidden=exercise.question is not None)
                self._prove_code(proof, exercise, mistake.code, expected, [seed])
            case _guesses:
                problems = self._told_otherwise(exercise, key)
                if exercise.question is None:
                    problems = self._guessed(exercise, key) | problems
                found = {label: problem for label, problem in problems.items() if problem}
                proof.held = (len(problems) - len(found), len(problems))
                proof.faults += [f"{proof.part}, {label}: {problem}" for label, problem in found.items()]
        proof.seconds = time.monotonic() - started
        return proof

    def _prove_code(
        self, proof: Proof, exercise: Exercise, answer: str, expected: Expectation, seeds: Iterable[int]
    ) -> None:
        """Judges one code in the sandbox, and as a notebook would under each of some seeds."""
        code = self._code(exercise, answer)
        (result,) = self._judge.grade({exercise.id: code}, [exercise.id])
        problems = [expected(result)]
        if result.status not in _ONLY_SEEN_FROM_OUTSIDE:
            differences = set[str]()
            for seed in seeds:
                names, failed = _names_after(code)
                verdict = self._judged_here(exercise, names, seed, hidden=True)
                problems.append("its cell fails" if failed else expected(verdict))
                differences.add("" if failed else _difference(verdict, result))
            differences.discard("")
            proof.agreed = (int(not differences), 1)
            proof.faults += [f"{proof.part}: {difference}" for difference in sorted(differences)]
        proof.verdicts = len(problems)
        found = [problem for problem in dict.fromkeys(problems) if problem]
        proof.held = (int(not found), 1)
        proof.faults += [f"{proof.part}: {problem}" for problem in found]

    def _guessed(self, exercise: Exercise, key: Key) -> dict[str, str]:
        """Judges answers that know nothing; none may pass."""
        names, _failed = _names_after(self._code(exercise, key.reference))
        recorder = guesses.Recorder({symbol: names.get(symbol) for symbol in exercise.symbols})
        started = time.process_time()
        problems = {
            "the reference, noted": _passes(self._judged_here(exercise, recorder.names, _GUESSED_WITH))
        }
        seconds = _PASTED_SECONDS + 3 * (time.process_time() - started)
        problems |= self._pasted(exercise, key, recorder, seconds)
        if key.hidden is not None and not problems["the reference, noted"]:
            once = key.results_used_up
            for label, answer in recorder.replays(with_constants=not once):
                verdict = self._judged_here(exercise, answer, _GUESSED_WITH, hidden=True)
                problems[label] = _fails_in("visible" if once else "hidden", verdict)
        for label, answer in guesses.constant_answers(exercise.symbols):
            verdict = self._judged_here(exercise, answer, _GUESSED_WITH, hidden=True)
            problems[label] = _fails_in("visible", verdict)
        return problems

    def _pasted(
        self, exercise: Exercise, key: Key, recorder: guesses.Recorder, seconds: float
    ) -> dict[str, str]:
        """Judges the course's own functions in the place of each of a right answer's."""

        def passes(symbol: str, candidate: pasting.Candidate) -> bool:
            if not candidate.takes(recorder.calls[symbol]):
                return False
            names = recorder.right | {symbol: candidate.function}
            try:
                with pasting.stopped_after(seconds):
                    verdict = self._judged_here(exercise, names, _GUESSED_WITH, hidden=True)
            except pasting.TooSlow:
                return False
            return verdict.status is Status.PASSED

        found = list[str]()
        for symbol in recorder.calls:
            by = next((each for each in self._candidates if passes(symbol, each)), None)
            if by is None:
                break
            found.append(f"{by} as {symbol}")
        if found and len(found) == len(recorder.calls):
            return {", ".join(found): "" if key.may_be_pasted else "must fail, but passes"}
        stale = f"may_be_pasted says {key.may_be_pasted!r}, but none passes" if key.may_be_pasted else ""
        return {"a function of the course or the lesson": stale}

    @cached_property
    def _candidates(self) -> list[pasting.Candidate]:
        with _silence():
            return pasting.candidates_of(self.chapter)

    def _told_otherwise(self, exercise: Exercise, key: Key) -> dict[str, str]:
        """Judges workers that lie, where a check asks for claims, and those with one crooked reply."""
        names, _failed = _names_after(self._code(exercise, key.reference))
        workspace = Workspace(names, probes_of(self.chapter))
        transcript = impostors.Transcript(workspace.answer)
        with _silence():
            judge_exercise(ProtocolAnswer(transcript.exchange, _GUESSED_WITH), exercise, key)
            liars = impostors.impostors(transcript) if transcript.has_probes else []
            problems = {
                label: _fails(judge_exercise(ProtocolAnswer(liar.exchange, _GUESSED_WITH), exercise, key))
                for label, liar in liars
            }
            for label, answer in crooked.crooked_answers(transcript.results, _GUESSED_WITH):
                problems[label] = _is_judged(judge_exercise(answer, exercise, key))
        return problems

    def _code(self, exercise: Exercise, answer: str) -> AnswerCode:
        references = {name: key.reference for name, key in (self.chapter.keys or {}).items()}
        return answer_for(self.chapter, exercise, answer, references)

    def _judged_here(
        self, exercise: Exercise, names: dict[str, Any], seed: int, *, hidden: bool = False
    ) -> Verdict:
        """Judges names as ``check`` in a notebook would, with the hidden check or without."""
        answer = LocalAnswer(names, probes_of(self.chapter), seed)
        key = self.chapter.key(exercise.id) if hidden else None
        with _silence():
            return judge_exercise(answer, exercise, key)


def _difference(here: Verdict, there: ExerciseResult) -> str:
    """Compares what the visible check says in a notebook and in the grader; ``""`` where it is the same."""
    in_notebook, in_grader = (Status.PASSED if v.check == "hidden" else v.status for v in (here, there))
    return "" if in_notebook == in_grader else f"the notebook says {in_notebook}, the grader says {in_grader}"


def _names_after(code: AnswerCode) -> tuple[dict[str, Any], bool]:
    """Runs a code as a notebook would; returns its names, and whether a cell raised."""
    names: dict[str, Any] = {"__name__": "__main__", "display": print}
    with _silence():
        failures = run_cells(code.cells, names)
    return names, bool(failures)


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def _passes(outcome: Outcome) -> str:
    right = outcome.status == Status.PASSED
    return "" if right else f"must pass, but is {outcome.status}: {outcome.detail or outcome.reason}"


def _is_not_attempted(outcome: Outcome) -> str:
    right = outcome.status == Status.NOT_ATTEMPTED
    return "" if right else f"must be not attempted, but is {outcome.status}: {outcome.reason}"


def _fails_as(mistake: Mistake, key: Key, *, hidden: bool = False) -> Expectation:
    others = {other.reason for other in key.mistakes.values()} - {mistake.reason}

    def expected(outcome: Outcome) -> str:
        if outcome.status in (Status.PASSED, Status.NOT_ATTEMPTED, Status.GRADER_FAULT):
            return f"must fail, but is {outcome.status}: {outcome.detail or outcome.reason}"
        if mistake.reason not in outcome.detail:
            return f"must be told {mistake.reason!r}, but is told {outcome.detail!r}"
        if hidden and outcome.check != "hidden":
            return "is found wrong by the visible check, which must not know what is right"
        confused = [reason for reason in sorted(others) if reason in outcome.detail]
        return f"is told the reason of another mistake too: {confused[0]!r}" if confused else ""

    return expected


def _is_judged(verdict: Verdict) -> str:
    fault = verdict.status is Status.GRADER_FAULT
    return f"the check itself fails: {verdict.detail}" if fault else ""


def _fails(verdict: Verdict) -> str:
    if verdict.status is Status.GRADER_FAULT:
        return f"must fail, but the check itself fails: {verdict.detail}"
    return "must fail, but passes" if verdict.status is Status.PASSED else ""


def _fails_in(check: str, verdict: Verdict) -> str:
    if problem := _fails(verdict):
        return problem
    if verdict.check != check:
        return f"must fail in the {check} check, but fails in the {verdict.check} one: {verdict.detail}"
    return ""
