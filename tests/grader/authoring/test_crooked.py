from typing import Any

import numpy as np
import pytest

from grader.authoring.crooked import FAR_TOO_LARGE, crooked, crooked_answers
from grader.compare import expect_close, expect_parts
from grader.exercise import Answer, Check, Exercise, Status
from grader.judging.checks import judge_exercise

SEED = 3
RIGHT = {("call", "pair"): [(2.0, np.ones(3)), (2.0, np.ones(3))]}


def judged(check: Check) -> dict[str, Status]:
    exercise = Exercise(id="ch98.x", title="", points=1, symbols=(), template="", check=check)
    answers = crooked_answers(RIGHT, SEED)
    return {label: judge_exercise(answer, exercise).status for label, answer in answers}


def careful(answer: Answer) -> None:
    for _ in range(2):
        number, array = expect_parts(answer.call("pair"), 2, "a pair")
        expect_close(number, 2.0, "number")
        expect_close(array, np.ones(3), "array")


def unpacks(answer: Answer) -> None:
    for _ in range(2):
        number, array = answer.call("pair")
        expect_close(number, 2.0, "number")
        expect_close(array, np.ones(3), "array")


def converts(answer: Answer) -> None:
    for _ in range(2):
        number, array = expect_parts(answer.call("pair"), 2, "a pair")
        expect_close(number, 2.0, "number")
        expect_close(np.ravel(array), np.ones(3), "array")


def test_a_careful_check_never_fails_in_itself() -> None:
    statuses = judged(careful)

    assert Status.GRADER_FAULT not in statuses.values()
    assert statuses["call pair 2: None"] is Status.WRONG_TYPE


@pytest.mark.parametrize("check", [unpacks, converts])
def test_a_careless_check_is_found(check: Check, caplog: pytest.LogCaptureFixture) -> None:
    assert Status.GRADER_FAULT in judged(check).values()


@pytest.mark.parametrize(
    "honest", [None, 1.0, "x", [1, 2], (np.ones(2),), {"a": 1}, np.eye(3), np.array(2), []]
)
def test_crooked_replies_have_names_of_their_own(honest: Any) -> None:
    names = [name for name, _reply in crooked(honest)]

    assert len(names) == len(set(names)) > 15
    assert max(map(len, names)) < 80


def test_the_far_too_large_array_takes_no_memory() -> None:
    assert FAR_TOO_LARGE.strides == (0, 0)
