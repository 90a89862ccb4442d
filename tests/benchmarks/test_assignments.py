from typing import Any

import pytest

from benchmarks import assignments
from benchmarks.assignments import Question


def passes(question: Question, setup: str, answer: str) -> bool:
    """Whether an answer passes all tests of a question, in the way of a notebook."""
    namespace: dict[str, Any] = {}
    exec(setup, namespace)
    exec(answer, namespace)
    try:
        exec(question.tests.visible, namespace)
        exec(question.tests.hidden, namespace)
    except AssertionError:
        return False
    return True


def test_no_two_answers_have_the_same_text() -> None:
    texts = [assignments.distinct_answer(number) for number in range(1000)]
    assert len(set(texts)) == 1000
    assert len({"".join(letter for letter in text if not letter.isdigit()) for text in texts}) == 5


def test_one_answer_in_ten_is_wrong() -> None:
    assert [number for number in range(30) if not assignments.is_right(number)] == [9, 19, 29]


@pytest.mark.parametrize("number", [0, 1, 2, 3, 9])
def test_tests_agree_with_what_the_answers_are_said_to_be(number: int) -> None:
    assignment = assignments.small_network()
    answer = assignments.distinct_answer(number)
    assert passes(assignment.questions[0], assignment.setup, answer) == assignments.is_right(number)


@pytest.mark.parametrize(
    "assignment", [assignments.small_network(), assignments.target()], ids=lambda a: a.name
)
def test_references_pass_and_mistakes_fail(assignment: assignments.Assignment) -> None:
    for question in assignment.questions:
        assert passes(question, assignment.setup, question.reference), question.id
        assert not passes(question, assignment.setup, question.mistake), question.id


def test_name_of_a_question_is_its_id_without_the_chapter() -> None:
    assert [question.name for question in assignments.target().questions] == [
        "standardise",
        "collatz_steps",
        "build_head",
    ]
