"""What holds for every exercise of every chapter, whatever its checks draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from grader.chapters import find_exercise, load_chapters
from grader.exercise import Status
from tests.chapters.answering import defined, judged, key, reference

EVERY = [exercise_id for chapter in load_chapters() for exercise_id in chapter.exercises]
# Their results are of use once: a model that has been trained since, a loss whose gradients are gone.
USED_UP = {"ch01.policy_gradient", "ch05.fine_tuning", "ch11.transformer_block", "ch12.classifier"}
CONSTANTS: list[Any] = [
    *(None, True, 0, -1, 0.5, 1.0, 10**30, float("nan"), float("-inf"), 1j, "0", b"0", len),
    *([], [None], [[]], ["[UNK]"], [[1, 2], [3]], ["a", 1], {}, {"a": [1]}, [{}, {}]),
    *((0, 0, 0), (64, 1), ([2, 1], -1.6766), (None, None), (np.zeros(2), 0.0), (len, len, len)),
    (np.zeros((1, 2, 2)), np.zeros((1, 2, 3))),
    *(np.zeros(shape) for shape in ((), 0, 3, 10, 180, (3, 0), (15, 12), (1, 6, 1), (2, 3, 4), (1, 2, 2, 1))),
    *(np.eye(3), np.full((2, 2), np.nan), np.zeros(10, "int64"), np.zeros(3, complex), np.array(["a", "b"])),
]
AGAIN = object()
"""The last result of the visible check, over and over."""

Function = Callable[..., Any]


@pytest.mark.parametrize("exercise_id", EVERY)
@pytest.mark.parametrize("seed", range(3))
def test_right_answers_pass(exercise_id: str, seed: int) -> None:
    answers = key(exercise_id)
    for code in (answers.reference, *answers.alternatives.values()):
        verdict = judged(exercise_id, defined(exercise_id, code), seed)

        assert verdict.status is Status.PASSED, (code, verdict.detail)


@pytest.mark.parametrize("exercise_id", EVERY)
def test_mistakes_are_told_their_reason(exercise_id: str) -> None:
    for seed, (label, mistake) in enumerate(key(exercise_id).mistakes.items()):
        verdict = judged(exercise_id, defined(exercise_id, mistake.code), seed)

        assert verdict.status not in (Status.PASSED, Status.NOT_ATTEMPTED, Status.GRADER_FAULT), label
        assert mistake.reason in verdict.detail, (label, verdict.detail)


@pytest.mark.parametrize("exercise_id", EVERY)
def test_answer_that_knows_the_visible_check_alone_fails_the_hidden_one(exercise_id: str) -> None:
    functions = of_symbols(exercise_id, reference(exercise_id))
    results: dict[str, list[Any]] = {symbol: [] for symbol in functions}

    def recorded(symbol: str) -> Function:
        def record(*args: Any, **kwargs: Any) -> Any:
            results[symbol].append(functions[symbol](*args, **kwargs))
            return results[symbol][-1]

        return record

    visible = judged(exercise_id, {symbol: recorded(symbol) for symbol in functions}, seed=7, hidden=False)
    assert visible.status is Status.PASSED

    for other in [AGAIN] if exercise_id in USED_UP else [AGAIN, *CONSTANTS]:

        def replayed(symbol: str, then: Any = other) -> Function:
            left = iter(results[symbol])
            last = results[symbol][-1] if then is AGAIN else then
            return lambda *_, **__: next(left, last)

        verdict = judged(exercise_id, {symbol: replayed(symbol) for symbol in functions}, seed=7)

        where = "visible" if exercise_id in USED_UP else "hidden"
        assert (verdict.status is Status.PASSED, verdict.check) == (False, where), other
        assert verdict.status is not Status.GRADER_FAULT, (other, verdict.detail)


@pytest.mark.parametrize("exercise_id", EVERY)
def test_constant_answer_fails_the_visible_check(exercise_id: str) -> None:
    for constant in CONSTANTS:
        answer = dict.fromkeys(of_symbols(exercise_id, {}), lambda *_, **__: constant)  # noqa: B023
        verdict = judged(exercise_id, answer, seed=7)

        assert (verdict.status is Status.PASSED, verdict.check) == (False, "visible"), constant
        assert verdict.status is not Status.GRADER_FAULT, (constant, verdict.detail)


def of_symbols(exercise_id: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """What the learner's names stand for."""
    return {symbol: namespace.get(symbol) for symbol in find_exercise(exercise_id)[1].symbols}
