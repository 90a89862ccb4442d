"""Grades every attack: none gains a point, harms another submission, tells a secret or leaves a trace.

With ``COURSE_ISOLATION=podman`` (or ``docker``) in the environment, in a real container, not in bubblewrap.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from grader import messages
from grader.course.chapters import Chapter, load_chapter, load_chapters
from grader.exercise import Handle, Status
from grader.judging.checks import judge_exercise
from grader.judging.judge import Judge
from grader.judging.results import ExerciseResult, SubmissionResult
from grader.protocol.exchange import MAX_REASON, ProtocolAnswer
from grader.reading.submission import answer_for, answers_of
from grader.records.batch import Grading, Slot
from grader.sandbox.limits import Isolation, Limits
from grader.sandbox.staging import bubblewrap_available, require
from tests.attacks.attacks import (
    CORPUS,
    KINDS,
    MADE_ON_THE_SPOT,
    RIGHT_ANSWER,
    TARGET,
    Attack,
    load_corpus,
    load_portable,
    notebook,
    turned_on,
    write,
)
from tests.attacks.traces import EVIDENCE, Colleague, Watch, adopting_orphans, descendants

COURSE = Path(__file__).resolve().parents[2]
FOLDERS = ["chapters", "course_utils", "data", "grader", "tests/attacks/target"]
SEED, OTHER_SEED = 2024, 1989
LIMITS = Limits(memory=2**30)
ISOLATION = cast(Isolation, os.environ.get("COURSE_ISOLATION", "bubblewrap"))
READING_SECONDS = 10.0
"""Processor time that a submission may cost the grader itself, beside what its exercises take."""
EVERY = 10
"""How many attacks lie between two gradings of all right answers; after each attack one is graded."""

IN_A_CONTAINER: dict[str, tuple[str, ...]] = {
    "covers_unmounted_in_a_new_namespace": ("raised",),  # of the container's /proc/1 its root is not readable
    "many_tiny_files": ("wrong value",),  # memory alone bounds the number of files
    "stopped_by_itself": ("time limit",),  # what is not the first process of a namespace can be stopped
}
"""Other statuses that are right where a container isolates: attacks that fail there in another way."""


def here(attack: Attack) -> Attack:
    """Returns an attack with the statuses that are right under this isolation."""
    if ISOLATION == "bubblewrap" or attack.name not in IN_A_CONTAINER:
        return attack
    return dataclasses.replace(attack, expect=dict.fromkeys(attack.expect, IN_A_CONTAINER[attack.name]))


CORPUS_ATTACKS = [*map(here, load_corpus())]
ATTACKS = [*CORPUS_ATTACKS, *MADE_ON_THE_SPOT]
BOMBS = (
    "fork_bomb",
    "memory_hog_spread_over_children",
    "disk_flood",
    "file_descriptor_flood",
    "everyone_killed",
)
LEAKS = [attack for attack in CORPUS_ATTACKS if attack.kind == "leaking hidden inputs"]


class RightAnswer(ProtocolAnswer):
    """Answers every check of the target right, in this process, and notes what the hidden checks ask.

    Attributes:
        hidden: Numbers that hidden checks gave or wanted.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(lambda payload: payload, seed)
        self.hidden: list[float] = []
        self._notes = False
        self._weights = [np.zeros((0, 0)), np.zeros(0)]

    def begin(self, exercise_id: str, check: str) -> None:
        super().begin(exercise_id, check)
        self._notes = check == "hidden"

    def call(self, symbol: str, /, *args: Any, **kwargs: Any) -> Any:
        solve: dict[str, Callable[..., Any]] = {
            "standardise": _standardise,
            "collatz_steps": _collatz_steps,
            "build_head": self._build_head,
        }
        return self._noted(args, solve[symbol](*args))

    def probe(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        if name == "set_weights":
            self._weights = args[1]
            return self._noted(args[1], None)
        if name == "predict":
            kernel, bias = self._weights
            return self._noted(args[1], np.maximum(args[1] @ kernel + bias, 0))
        count = sum(weights.size for weights in self._weights)
        return {"total": count, "trainable": count}

    def _build_head(self, features: int, units: int) -> Handle:
        self._weights = [np.zeros((features, units)), np.zeros(units)]
        return Handle(0, ("Functional", "Model", "Layer"))

    def _noted(self, given: Any, right: Any) -> Any:
        for value in (*given, right) if self._notes else ():
            if isinstance(value, (int, float, np.ndarray)):
                self.hidden += np.asarray(value, dtype=float).ravel().tolist()
        return right


def _standardise(x: Any) -> Any:
    return (x - x.mean(axis=0)) / x.std(axis=0)


def _collatz_steps(n: int) -> int:
    return 0 if n == 1 else 1 + _collatz_steps(3 * n + 1 if n % 2 else n // 2)


def hidden_numbers(chapter: Chapter, seed: int) -> list[float]:
    """Returns the inputs and right values of a chapter's hidden checks under a seed."""
    answer = RightAnswer(seed)
    for exercise in chapter.exercises.values():
        verdict = judge_exercise(answer, exercise, chapter.key(exercise.id))
        assert verdict.status is Status.PASSED, verdict
    return answer.hidden


WINNERS_ELSEWHERE = (
    "patched_asserts",
    "patched_numpy_comparisons",
    "integer_that_equals_everything",
    "object_that_claims_to_be_an_integer",
    "array_subclass_that_agrees",
    "array_subclass_that_hijacks_the_other_side",
    "frames_searched_for_the_right_value",
    "import_hook_gives_false_modules",
    "builtins_patched",
    "answers_read_beside_the_course",
    "hidden_tests_read_from_disk",
)
TESTS_BESIDE_THE_ANSWER = """
x = np.array([[1.0, 10.0], [3.0, 10.5], [5.0, 12.5], [7.0, 1.0]])
expected = (x - x.mean(axis=0)) / x.std(axis=0)
if "standardise" in globals():
    import numpy.testing
    numpy.testing.assert_allclose(standardise(x), expected, rtol=1e-4)
else:
    assert collatz_steps(97) == 118
print("all tests passed")
"""


@dataclasses.dataclass
class Examiner:
    """Grades attacks one after another in one slot, and looks around after each.

    Attributes:
        grading: How it grades.
        slot: Where.
        watch: What must not change.
        colleague: A server that nobody may reach.
        hidden: Numbers that nobody may be told.
        honest: A submission with one right answer.
        all_right: A submission with right answers alone.
        graded: How many attacks were graded.
    """

    grading: Grading
    slot: Slot
    watch: Watch
    colleague: Colleague
    hidden: list[float]
    honest: Path
    all_right: Path
    graded: int = 0

    def complaints(self, attack: Attack, folder: Path) -> list[str]:
        """Grades an attack, and tells everything that is not as it must be.

        Args:
            attack: The attack.
            folder: An empty folder for what is made on the spot.
        """
        path = attack.file(folder)
        found = []
        for _run in range(attack.runs):
            started = time.process_time()
            result = self.grading.grade(attack.name, path, self.slot)
            seconds = time.process_time() - started
            found += [*verdict_complaints(attack, result), *text_complaints(result, self.hidden)]
            found += [f"kept the grader busy for {seconds:.0f} seconds"] if seconds > READING_SECONDS else []
        self.graded += 1
        return [*found, *self.harm(), *self.watch.complaints(), *self._visits()]

    def harm(self) -> list[str]:
        """Grades right answers, and tells what is not given full marks."""
        path, score = (self.all_right, 12) if self.graded % EVERY == 0 else (self.honest, 3)
        result = self.grading.grade("honest", path, self.slot)
        if result.score == score:
            return []
        return [f"an honest submission was given {result.score} of {score} points: {_told(result)}"]

    def _visits(self) -> list[str]:
        visits, self.colleague.visits = self.colleague.visits, []
        return [f"{visit} came out of the sandbox" for visit in visits]


def verdict_complaints(attack: Attack, result: SubmissionResult) -> list[str]:
    """Tells where a verdict is not the one that an attack must get."""
    if attack.make and result.problem and not result.exercises and result.score == 0:
        return []
    if not attack.expect:
        return [f"was graded: {_told(result)}"]
    found = [f"gained {result.score} points: {_told(result)}"] if result.score else []
    for exercise in result.exercises:
        allowed = attack.expect.get(exercise.id, (str(Status.NOT_ATTEMPTED),))
        if str(exercise.status) not in allowed:
            found.append(
                f"{exercise.id} is {exercise.status!s}, not {' or '.join(allowed)}: {exercise.reason}"
            )
    missing = set(attack.expect) - {exercise.id for exercise in result.exercises}
    return [*found, *(f"{exercise} has no result: {result.problem}" for exercise in missing)]


def text_complaints(result: SubmissionResult, hidden: list[float]) -> list[str]:
    """Tells what a learner could read that is not for them, or that is not one printable line."""
    found = []
    for exercise in result.exercises:
        for text in (exercise.reason, exercise.given, exercise.expected, exercise.hint, exercise.mistake):
            if len(text) > MAX_REASON or not (text.isprintable() or not text):
                found.append(f"{exercise.id} tells no short, printable line: {text!r}")
            found += [f"{exercise.id} tells the hidden {number}: {text}" for number in told(text, hidden)]
    return found


def told(text: str, hidden: list[float]) -> list[float]:
    """Returns the hidden numbers that a text tells with four digits or more."""
    known = {f"{number:.{digits}g}": number for number in hidden for digits in range(4, 18)}
    words = re.findall(r"-?\d+(?:\.\d+)?(?:e-?\d+)?", text)
    return [known[word] for word in words if word in known and len(re.sub(r"\D|^0+", "", word)) >= 4]


def _told(result: SubmissionResult) -> str:
    verdicts = [f"{each.id} {each.status!s} {each.reason}" for each in result.exercises]
    return result.problem or "; ".join(verdicts)


@pytest.fixture(scope="module")
def target() -> Chapter:
    return load_chapter(90, TARGET)


@pytest.fixture(scope="module")
def sandbox() -> None:
    """Skips what runs attacks on a machine that cannot hold them."""
    if sys.platform != "linux" or (ISOLATION == "bubblewrap" and not bubblewrap_available()):
        pytest.skip("attacks run in the sandbox alone, and bubblewrap (bwrap) does not work on this machine")
    require(ISOLATION)


@pytest.fixture(scope="module")
def examiner(target: Chapter, tmp_path_factory: pytest.TempPathFactory, sandbox: None) -> Iterator[Examiner]:
    folder, temporary = tmp_path_factory.mktemp("honest"), tmp_path_factory.mktemp("temporary")
    right = {exercise: key.reference for exercise, key in (target.keys or {}).items()}
    one = {"ch90.collatz_steps": right["ch90.collatz_steps"]}
    honest = write(folder / "one_right.ipynb", notebook(*answers_of(target, one)))
    all_right = write(folder / "all_right.ipynb", notebook(*answers_of(target, right)))
    grading = Grading([target], ISOLATION, SEED, limits=LIMITS)
    colleague = Colleague()
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(tempfile, "tempdir", str(temporary))
        patch.setattr(messages, "_chosen", "en")
        stack.enter_context(adopting_orphans())
        stack.enter_context(colleague.serving(RIGHT_ANSWER))
        before = descendants(os.getpid())
        with Slot(grading) as slot:
            assert grading.grade("honest", all_right, slot).score == 12
            watch = Watch(COURSE, FOLDERS, temporary)
            yield Examiner(grading, slot, watch, colleague, hidden_numbers(target, SEED), honest, all_right)
        assert len(descendants(os.getpid())) <= len(before)
        assert not [*temporary.iterdir()]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_fails_and_harms_nobody(attack: Attack, examiner: Examiner, tmp_path: Path) -> None:
    assert examiner.complaints(attack, tmp_path) == []


def test_right_answers_earn_full_marks_after_all_attacks(examiner: Examiner) -> None:
    examiner.graded = 0
    assert examiner.harm() == []


def test_learner_is_told_the_same_whatever_the_hidden_inputs_are(target: Chapter, examiner: Examiner) -> None:
    other_hidden = hidden_numbers(target, OTHER_SEED)
    assert len({*other_hidden} & {*examiner.hidden}) < len(other_hidden) / 10
    other = Grading([target], ISOLATION, OTHER_SEED, limits=LIMITS)
    with Slot(other) as other_slot:
        for attack in LEAKS:
            path = attack.file(CORPUS)
            views = [
                [learners_view(exercise) for exercise in grading.grade(attack.name, path, slot).exercises]
                for grading, slot in ((examiner.grading, examiner.slot), (other, other_slot))
            ]
            assert views[0] == views[1], attack.name


def learners_view(result: ExerciseResult) -> dict[str, Any]:
    """Returns what a learner may read of a result, the seconds aside."""
    return {key: value for key, value in result.to_dict().items() if key not in ("seconds", "detail")}


def test_attacks_on_resources_leave_other_slots_alone(target: Chapter, examiner: Examiner) -> None:
    mixed: dict[str, Path] = {}
    for name in BOMBS:
        mixed |= {name: CORPUS / f"{name}.ipynb", f"honest beside {name}": examiner.honest}
    grading = Grading([target], ISOLATION, SEED, limits=LIMITS)
    scores = {result.submission: result.score for result in grading.grade_all(mixed, jobs=2)}
    assert scores == {name: 3 if name.startswith("honest") else 0 for name in mixed}


@pytest.mark.parametrize("name", WINNERS_ELSEWHERE)
def test_attack_wins_where_tests_run_beside_the_answer(name: str) -> None:
    (cell,) = json.loads((CORPUS / f"{name}.ipynb").read_text("utf-8"))["cells"]
    kernel = "\n".join(["import numpy as np", "".join(cell["source"]), TESTS_BESIDE_THE_ANSWER])
    ran = subprocess.run(
        [sys.executable, "-c", kernel], cwd=TARGET, capture_output=True, text=True, check=False
    )
    assert ran.stdout.endswith("all tests passed\n"), ran.stderr


def test_attacks_gain_nothing_on_the_real_exercises(sandbox: None) -> None:
    attacks = iter([*load_portable().items()][::2])  # benchmarks/attacks_on_exercises.py turns each on each
    for chapter in load_chapters():
        with Judge(chapter, isolation=ISOLATION, seed=SEED, limits=LIMITS) as judge:
            for exercise, (name, attack) in zip(chapter.exercises.values(), attacks, strict=False):
                code = answer_for(chapter, exercise, turned_on(exercise, attack), {})
                (result,) = judge.grade({exercise.id: code}, [exercise.id])
                assert result.status not in (Status.PASSED, Status.GRADER_FAULT), (name, exercise.id)


def test_every_kind_of_attack_is_there() -> None:
    assert {attack.kind for attack in ATTACKS} == set(KINDS)


def test_corpus_is_well_formed(target: Chapter) -> None:
    statuses = {str(status) for status in Status} - {"passed", "grader fault"}
    assert len(CORPUS_ATTACKS) >= 50
    assert len({attack.what for attack in ATTACKS}) == len(ATTACKS)
    for attack in CORPUS_ATTACKS:
        assert re.fullmatch(r"[a-z0-9_]+", attack.name), attack.name
        assert re.fullmatch(r"[A-Z].*\.", attack.what), attack.name
        assert attack.expect, attack.name
        assert set(attack.expect) <= set(target.exercises), attack.name
        assert all(allowed and set(allowed) <= statuses for allowed in attack.expect.values()), attack.name
        assert set(attack.applies_to) <= {"nbgrader", "otter"}, attack.name


def test_gain_is_noticed(examiner: Examiner, tmp_path: Path) -> None:
    expect = {"ch90.collatz_steps": ("wrong value",)}
    fake = Attack(
        "fake", "", "", expect, make=lambda folder: write(folder / "x.ipynb", notebook(RIGHT_ANSWER))
    )
    complaints = examiner.complaints(fake, tmp_path)
    assert [complaint.partition(":")[0] for complaint in complaints] == [
        "gained 3 points",
        "ch90.collatz_steps is passed, not wrong value",
    ]


def test_unexpected_file_is_noticed(examiner: Examiner, tmp_path: Path) -> None:
    fake = Attack("fake", "", "", {}, make=lambda folder: write(folder / "x.ipynb", notebook(RIGHT_ANSWER)))
    assert [complaint.partition(":")[0] for complaint in examiner.complaints(fake, tmp_path)] == [
        "was graded"
    ]


def test_harm_is_noticed(examiner: Examiner, tmp_path: Path) -> None:
    wrong = write(tmp_path / "x.ipynb", notebook("# EXERCISE ch90.collatz_steps\ncollatz_steps = len"))
    harmed = dataclasses.replace(examiner, honest=wrong, graded=1)
    assert harmed.harm()[0].startswith("an honest submission was given 0 of 3 points: ")


def test_visit_is_noticed(examiner: Examiner) -> None:
    script = "import socket; print(socket.create_connection(('127.0.0.1', 47390)).recv(1000).decode())"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "def collatz_steps" in ran.stdout
    assert examiner._visits() == ["a connection to ('127.0.0.1', 47390) came out of the sandbox"]


def test_process_left_behind_is_noticed(examiner: Examiner) -> None:
    with subprocess.Popen(["sh", "-c", "(setsid sleep 30 &)"]) as shell:
        shell.wait()
        (complaint,) = examiner.watch.complaints()
        (left,) = [pid for pid, name in descendants(os.getpid()).items() if name == "sleep"]
        os.kill(left, 9)
        os.waitpid(left, 0)
    assert complaint.startswith("more processes are left")
    assert "sleep" in complaint
    assert examiner.watch.complaints() == []


def test_file_left_behind_is_noticed(examiner: Examiner) -> None:
    left = [Path(tempfile.gettempdir()) / "forgotten", Path("/tmp") / f"{EVIDENCE}_of_a_test"]
    for path in left:
        path.touch()
    complaints = examiner.watch.complaints()
    for path in left:
        path.unlink()
    assert sorted(complaints) == sorted(f"{path} was left" for path in left)


def test_changed_file_is_noticed(tmp_path: Path) -> None:
    course, temporary = tmp_path / "course", tmp_path / "temporary"
    (course / "grader").mkdir(parents=True)
    temporary.mkdir()
    judge = write(course / "grader" / "judge.py", "verdict = False")
    watch = Watch(course, ["grader"], temporary)
    assert watch.complaints() == []
    write(judge, "verdict = True")
    assert watch.complaints() == [f"{judge} was changed"]


@pytest.mark.parametrize("text", ["x is {:.6g}", "[{!r}]", "Error{:.4g}", "off by {:.3e}"])
def test_hidden_number_in_a_text_is_noticed(text: str, target: Chapter) -> None:
    hidden = hidden_numbers(target, SEED)
    secret = next(number for number in hidden if 1 < abs(number) < 10)
    assert told(text.format(secret), hidden) == [secret]
    assert told("Given: 0. Right: 8. Line 12, error 1.23, 16777216 items", hidden) == []
    assert not any(map(math.isnan, hidden))
