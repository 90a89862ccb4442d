"""Judges wrong answers whose replies are mutated: payloads, and the flow of frames on a socket."""

from __future__ import annotations

import contextlib
import logging
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from grader import messages
from grader.compare import expect, expect_close, expect_equal, expect_model, expect_number, expect_shape
from grader.course.chapters import Chapter, load_chapters
from grader.exercise import Answer, Exercise, Key, Status
from grader.judging.checks import judge_exercise
from grader.judging.connection import Ending
from grader.judging.judge import Budget, Judge
from grader.protocol.exchange import MAX_REASON, ProtocolAnswer
from grader.reading.submission import AnswerCode
from tests.fuzz.budget import fuzzed
from tests.fuzz.flow import LATE, MIB, Close, ScriptedServer, Step, endings, scripts
from tests.fuzz.replies import Reply, replies

SECONDS = 0.15
MEMORY = 64 * MIB

# Nothing that is right can be guessed: it is made of what is drawn.


def check_array(answer: Answer) -> None:
    x = answer.rng.normal(size=(3, 2))
    expect_close(answer.call("double", x), 2 * x, "double(x)", known={"3 倍です。": 3 * x, "x です。": x})


def check_plain(answer: Answer) -> None:
    number, word = int(answer.rng.integers(10**6, 10**9)), answer.rng.bytes(8).hex()
    known = {"数です。": number}
    expect_equal(answer.call("pair", number, word), {word: [number, True, None]}, "pair", known=known)
    expect_equal(answer.call("word", number, word=word), f"{word} {number}", "word", show=False)


def check_word(answer: Answer) -> None:
    number, word = int(answer.rng.integers(10**6, 10**9)), answer.rng.bytes(8).hex()
    expect_equal(answer.call("word", number, word=word), f"{word} {number}", "word")


def check_value(answer: Answer) -> None:
    right = float(answer.rng.normal())
    expect(abs(expect_number(answer.value("limit"), "limit") - right) < 1e-6, "limit が違います。")


def check_model(answer: Answer) -> None:
    model = expect_model(answer.call("head", 4), "head(4)")
    kernel, x = answer.rng.normal(size=(4, 2)), answer.rng.normal(size=(5, 4))
    answer.probe("set_weights", model, [kernel])
    output = expect_shape(answer.probe("predict", model, x), (5, 2), "head(4)(x)")
    expect_close(output, x @ kernel, "head(4)(x)")


def exercise(name: str, check: Callable[[Answer], None]) -> Exercise:
    return Exercise(
        id=f"ch94.{name}", title="", points=1, symbols=(name,), template="", check=check, time_limit=SECONDS
    )


CHECKS = {
    "array": check_array,
    "model": check_model,
    "plain": check_plain,
    "value": check_value,
    "word": check_word,
}
EXERCISES = {f"ch94.{name}": exercise(name, check) for name, check in CHECKS.items()}
KEYS = {each.id: Key(reference="", hidden=each.check) for each in EXERCISES.values()}
CHAPTER = Chapter(94, "ch94_replies", Path("no folder"), EXERCISES, KEYS)
ids = st.sampled_from(sorted(EXERCISES))

REAL = {chapter.name: chapter for chapter in load_chapters()}
# A question can be answered by chance.
real_ids = st.sampled_from(
    [
        (name, each.id)
        for name, chapter in REAL.items()
        for each in chapter.exercises.values()
        if not each.question
    ]
)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Keeps the log of the many faults that are asked for out of a report."""
    messages.set_language("ja")
    with caplog.at_level(logging.CRITICAL + 1):
        yield


@contextlib.contextmanager
def bounded_memory() -> Iterator[None]:
    """Fails where more memory is taken meanwhile than what is sent can explain."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def inspect(status: Status, *texts: str) -> None:
    """Fails where wrong answers pass, where the grader failed, or where more than short lines are told."""
    assert status not in (Status.PASSED, Status.GRADER_FAULT), texts
    assert all(len(text) <= MAX_REASON and text.isprintable() for text in texts), texts
    event(str(status))


@fuzzed(3.0)
@given(which=ids, drawn=st.lists(replies, min_size=1, max_size=4), seed=st.integers(0, 9))
def test_mutated_replies_get_a_verdict_and_no_pass(which: str, drawn: list[Reply], seed: int) -> None:
    to_come = iter(drawn)

    def exchange(request: bytes) -> bytes:
        return next(to_come, drawn[-1]).to(request)

    with bounded_memory():
        verdict = judge_exercise(ProtocolAnswer(exchange, seed), EXERCISES[which], KEYS[which])
    inspect(verdict.status, verdict.reason, verdict.detail, verdict.given, verdict.expected)


@fuzzed(1.0)
@given(which=real_ids, drawn=st.lists(replies, min_size=1, max_size=4), seed=st.integers(0, 9))
def test_mutated_replies_to_the_real_exercises_get_no_pass(
    which: tuple[str, str], drawn: list[Reply], seed: int
) -> None:
    to_come = iter(drawn)
    name, exercise_id = which
    chapter = REAL[name]

    def exchange(request: bytes) -> bytes:
        return next(to_come, drawn[-1]).to(request)

    answer = ProtocolAnswer(exchange, seed)
    verdict = judge_exercise(answer, chapter.exercises[exercise_id], chapter.key(exercise_id))
    inspect(verdict.status, verdict.reason, verdict.detail, verdict.given, verdict.expected)


@fuzzed(0.5)
@given(which=ids, script=scripts, ending=endings)
@example(which="ch94.array", script=[Close()], ending=Ending(False, -9, ""))
def test_mutated_flow_gets_a_verdict_and_no_pass(which: str, script: list[Step], ending: Ending) -> None:
    judge = Judge(CHAPTER, isolation="process", seed=1)
    server: Any = ScriptedServer(script, ending)
    judge._server = server
    started = time.monotonic()
    with bounded_memory():
        result = judge.grade_one(EXERCISES[which], AnswerCode(("x = 1",), attempted=True), Budget(60.0))
    assert time.monotonic() - started < LATE
    judge.stop()
    assert result.score == 0
    inspect(result.status, result.reason, result.detail, result.given, result.expected)
