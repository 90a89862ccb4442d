import inspect
import time
from pathlib import Path

import pytest

from grader.authoring.pasting import Candidate, TooSlow, candidates_of, stopped_after
from grader.authoring.verify import Verifier, parts_of
from grader.course.chapters import Chapter
from grader.messages import set_language
from tests.grader.toy_course import ANSWERS, EXERCISES, LESSON, write_course

NO_REASON = ANSWERS.replace('        may_be_pasted="the lesson stretches",\n', "")
OTHER_LESSON = LESSON.replace("return SCALE * x", "return SCALE + x")


def work(seconds: float) -> None:
    """Uses processor time."""
    began = time.process_time()
    while time.process_time() - began < seconds:
        pass


def faults_of(chapter: Chapter, exercise_id: str = "ch01.double") -> list[str]:
    """What is said of guesses, answers from the course among them."""
    set_language("ja")
    (part,) = [each for each in parts_of(chapter, chapter.exercises[exercise_id]) if each.kind == "guesses"]
    with Verifier(chapter, "process") as verifier:
        return verifier.prove(part).faults


def test_function_of_the_lesson_that_answers_is_a_fault_unless_the_key_says_why(tmp_path: Path) -> None:
    assert not faults_of(write_course(tmp_path / "said"))
    (fault,) = faults_of(write_course(tmp_path / "unsaid", answers=NO_REASON))
    assert fault == "ch01.double, guesses, stretch of the lesson as double: must fail, but passes"


def test_reason_for_what_does_not_happen_is_a_fault(tmp_path: Path) -> None:
    (fault,) = faults_of(write_course(tmp_path, lesson=OTHER_LESSON))
    assert "may_be_pasted says 'the lesson stretches', but none passes" in fault


@pytest.mark.parametrize("other", ["x / 2", "x / 3"])
def test_exercise_with_several_symbols_is_answered_by_a_function_for_each(tmp_path: Path, other: str) -> None:
    exercises = EXERCISES.replace('symbols=("double",)', 'symbols=("double", "half")').replace(
        "\n\n\ndef check_area",
        "\n    expect_close(answer.call('half', 3.0), 1.5, 'half(3)')\n\n\ndef check_area",
    )
    answers = NO_REASON.replace("return 2 * x", "return 2 * x\\n\\n\\ndef half(x):\\n    return x / 2")
    lesson = LESSON.replace("def stretch", f"def shrink(x):\n    return {other}\n\n\ndef stretch")
    faults = faults_of(write_course(tmp_path, lesson=lesson, exercises=exercises, answers=answers))
    named = [
        fault for fault in faults if "stretch of the lesson as double, shrink of the lesson as half" in fault
    ]
    assert len(named) == (other == "x / 2")


def test_function_that_never_returns_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grader.authoring.verify._PASTED_SECONDS", 0.2)
    monkeypatch.setattr(
        "grader.authoring.pasting._COMMON", ()
    )  # whose networks take longer to build than that
    lesson = LESSON.replace("return SCALE * x", "while True:\n        open('left', 'w').close()")
    began = time.process_time()
    assert not faults_of(write_course(tmp_path, lesson=lesson, answers=NO_REASON))
    assert time.process_time() - began < 20
    assert not Path("left").exists()


def test_candidates_are_those_of_the_course_and_of_the_lesson_and_no_others(
    chapter: Chapter, capsys: pytest.CaptureFixture[str]
) -> None:
    found = candidates_of(chapter)
    names = {str(candidate) for candidate in found}
    assert {"stretch of the lesson", "course_utils.backbones.preprocess", "grader.probes.predict"} <= names
    assert not {candidate.name for candidate in found} & {"np", "tau", "Path", "double", "check"}
    assert "training" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("calls", "taken"),
    [
        ([((1, 2), {})], True),
        ([((1, 2), {"c": 3})], True),
        ([((1,), {})], False),
        ([((1, 2), {}), ((), {})], False),
    ],
)
def test_only_what_can_be_called_alike_is_tried(
    calls: list[tuple[tuple[int, ...], dict[str, int]]], taken: bool
) -> None:
    def sum_of(a: int, b: int, c: int = 0) -> int:
        return a + b + c

    assert Candidate("here", "sum_of", sum_of).takes(calls) == taken


def test_what_has_no_signature_is_not_tried() -> None:
    with pytest.raises(ValueError, match="signature"):
        inspect.signature(dict)
    assert not Candidate("builtins", "dict", dict).takes([((), {})])


def test_stopping_is_over_with_the_block() -> None:
    with pytest.raises(TooSlow), stopped_after(0.05):
        work(1.0)
    with stopped_after(0.05):
        work(0.01)
    work(0.2)


def test_tensorflow_comes_to_an_end_before_it_is_stopped() -> None:
    done: list[str] = []
    inside = {"__name__": "tensorflow.python", "work": work, "done": done}
    exec("def op():\n    work(0.3)\n    done.append('op')", inside)

    def goes_on() -> None:
        inside["op"]()
        work(1.0)
        done.append("all")

    with pytest.raises(TooSlow), stopped_after(0.05):
        goes_on()
    assert done == ["op"]


def test_tensorflow_without_an_end_is_stopped() -> None:
    inside = {"__name__": "tensorflow.python", "work": work}
    exec("def op():\n    work(30.0)", inside)
    began = time.process_time()
    with pytest.raises(TooSlow), stopped_after(0.05):
        inside["op"]()
    assert time.process_time() - began < 10
