from pathlib import Path

import pytest

from grader.authoring.verify import Proof, Verifier, parts_of
from grader.course.chapters import Chapter, load_chapter
from grader.messages import set_language
from tests.grader.question_course import DEPTH, QUESTIONS, SHARE, TOO_FEW, write_question_course
from tests.grader.toy_course import ANSWERS, EXERCISES, write_course


@pytest.fixture(autouse=True)
def _japanese() -> None:
    set_language("ja")


def proofs_of(chapter: Chapter, exercise_id: str = "ch01.double") -> dict[tuple[str, str], Proof]:
    """Proves every part of an exercise, by kind and label."""
    with Verifier(chapter, "process") as verifier:
        proofs = [verifier.prove(part) for part in parts_of(chapter, chapter.exercises[exercise_id])]
    return {(proof.part.kind, proof.part.label): proof for proof in proofs}


def faults_of(root: Path, **replaced: str) -> list[str]:
    proofs = proofs_of(write_course(root, **replaced)).values()
    return [fault for proof in proofs for fault in proof.faults]


def test_sound_exercise_has_no_faults(tmp_path: Path) -> None:
    proofs = proofs_of(write_course(tmp_path))
    assert [fault for proof in proofs.values() for fault in proof.faults] == []
    assert {name: (proof.held, proof.agreed) for name, proof in proofs.items() if name[0] != "guesses"} == {
        ("reference", ""): ((1, 1), (1, 1)),
        ("template", ""): ((1, 1), (1, 1)),
        ("alternatives", "adds"): ((1, 1), (1, 1)),
        ("mistakes", "triples"): ((1, 1), (1, 1)),
        ("mistakes", "adds two"): ((1, 1), (1, 1)),
    }
    held, guesses = proofs["guesses", ""].held
    assert held == guesses > 80


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            'reference="def double(x):\\n    return 2 * x\\n"',
            'reference="double = abs"',
            "reference: must pass",
        ),
        ("return x + x", "return x * x", "alternative 'adds': must pass"),
        ("return 3 * x", "return 2 * x", "mistake 'triples': must fail, but is passed"),
        ('"3 倍"),', '"三倍"),', "mistake 'triples': must be told '三倍'"),
        ("return x + 2", "return 3 * x", "mistake 'adds two': must be told"),
        ('"2 を足して"', '"。"', "mistake 'triples': is told the reason of another mistake too: '。'"),
        ("0.375), 0.75,", "0.5), 1.0,", "guesses, the visible results, then 1.0: must fail, but passes"),
        (
            'return 3 * x\\n", "3 倍"',
            'raise OSError\\n\\n\\nraise OSError", ""',
            "mistake 'triples': its cell fails",
        ),
    ],
)
def test_fault_in_the_answers_is_named(tmp_path: Path, old: str, new: str, fault: str) -> None:
    assert old in ANSWERS
    faults = faults_of(tmp_path, answers=ANSWERS.replace(old, new))
    assert any(line.startswith("ch01.double, " + fault) for line in faults), faults


def test_right_answer_that_fails_for_other_inputs_is_a_fault(tmp_path: Path) -> None:
    exercises = EXERCISES.replace("answer.rng.normal(size=3)", "answer.rng.integers(1, 4, size=(1,))")
    answers = ANSWERS.replace("return x + x", "return {1: 2, 2: 4}.get(int(np.max(x)), 0) + 0 * x")
    assert faults_of(tmp_path, exercises=exercises, answers=answers)


@pytest.mark.parametrize(
    ("check", "fault"),
    [
        ("expect_close(len(y), 3, 'n')", "always 0: must fail, but the check itself fails"),
        (
            "expect_close(0 if y is None else 1, 1, 'y')",
            "always True: must fail in the visible check",
        ),
    ],
)
def test_check_that_guesses_break_or_pass_is_a_fault(tmp_path: Path, check: str, fault: str) -> None:
    head, _comparison, tail = EXERCISES.partition("    expect_close(y, 2 * x")
    exercises = head + f"    {check}\n" + tail[tail.index("\n") + 1 :]
    faults = faults_of(tmp_path, exercises=exercises)
    assert any(line.startswith("ch01.double, guesses, " + fault) for line in faults), faults


@pytest.mark.parametrize("used_up", [False, True])
def test_results_that_are_of_use_once_are_said_to_be(tmp_path: Path, used_up: bool) -> None:
    exercises = EXERCISES.replace(
        "    expect_close(y, 2 * x",
        "    expect(not answer.call('used', y), 'used up')\n    expect_close(y, 2 * x",
    ).replace("import expect_close,", "import expect, expect_close,")
    exercises = exercises.replace('symbols=("double",)', 'symbols=("double", "used")')
    answers = ANSWERS.replace("return 2 * x", "return 2 * x\\n\\n\\ndef used(y):\\n    return False")
    answers = answers.replace('    "ch01.double": Key(', f'    "ch01.double": Key(results_used_up={used_up},')
    proof = proofs_of(write_course(tmp_path, exercises=exercises, answers=answers))["guesses", ""]
    assert (
        any("then the last one: must fail in the visible check" in line for line in proof.faults) == used_up
    )


def test_template_that_answers_is_a_fault(tmp_path: Path) -> None:
    exercises = EXERCISES.replace(
        "def double(x):\\n    raise NotImplementedError", "def double(x):\\n    return x"
    )
    assert "template: must be not attempted" in faults_of(tmp_path, exercises=exercises)[0]


def test_check_that_compares_nothing_is_a_fault(tmp_path: Path) -> None:
    exercises = EXERCISES.replace(
        '    expect_close(y, 2 * x, "double(x)"', '    dict(y=y, x=x, name="double(x)"'
    )
    proofs = proofs_of(write_course(tmp_path, exercises=exercises))
    assert proofs["reference", ""].held == (0, 1)
    assert proofs["mistakes", "triples"].held == (0, 1)
    assert proofs["guesses", ""].held[0] == 0


def test_places_that_disagree_are_a_fault(tmp_path: Path) -> None:
    answers = ANSWERS.replace(
        "return x + x", "import sys\\n    return (2 if 'pytest' in sys.modules else 3) * x"
    )
    proof = proofs_of(write_course(tmp_path, answers=answers))["alternatives", "adds"]
    assert proof.agreed == (0, 1)
    assert any("the notebook says passed, the grader says wrong value" in fault for fault in proof.faults)


def test_released_copy_has_nothing_to_prove(tmp_path: Path) -> None:
    chapter = write_course(tmp_path / "a")
    released = chapter.folder.parent.parent.rename(tmp_path / "b")
    (released / "chapters/ch01_numbers/answers.py").unlink()
    chapter = load_chapter(1, released)
    assert [parts_of(chapter, exercise) for exercise in chapter.exercises.values()] == [[], []]


def test_question_is_proved_by_its_options(tmp_path: Path) -> None:
    proofs = proofs_of(write_question_course(tmp_path), DEPTH)
    assert [fault for proof in proofs.values() for fault in proof.faults] == []
    assert {name: (proof.held, proof.agreed) for name, proof in proofs.items() if name[0] != "guesses"} == {
        ("reference", ""): ((1, 1), (1, 1)),
        ("template", ""): ((1, 1), (1, 1)),
        ("alternatives", "its text"): ((1, 1), (1, 1)),
        ("alternatives", "letter and text"): ((1, 1), (1, 1)),
        ("mistakes", "ア: 5 層"): ((1, 1), (1, 1)),
        ("mistakes", "ウ: どちらも同じ"): ((1, 1), (1, 1)),
    }
    assert proofs["guesses", ""].held[1] > 10  # crooked replies, and nothing that was guessed


def test_number_is_proved_at_the_bounds_of_what_is_right(tmp_path: Path) -> None:
    proofs = proofs_of(write_question_course(tmp_path), SHARE)
    assert [fault for proof in proofs.values() for fault in proof.faults] == []
    assert [label for kind, label in proofs if kind == "mistakes"] == ["too small", "too large"]
    assert [label for kind, label in proofs if kind == "alternatives"] == [
        "a text with the unit",
        "the least that is right",
        "the most that is right",
    ]


def test_visible_check_that_knows_the_answer_to_a_question_is_a_fault(tmp_path: Path) -> None:
    telling = f"""
from dataclasses import replace
from grader.compare import expect

def check_depth(answer):
    expect(answer.value("predict_depth") != "ア", "{TOO_FEW}")

EXERCISES[2] = replace(EXERCISES[2], check=check_depth)
"""
    chapter = write_question_course(tmp_path, questions=QUESTIONS + telling)
    (fault,) = proofs_of(chapter, DEPTH)["mistakes", "ア: 5 層"].faults
    assert "found wrong by the visible check" in fault
