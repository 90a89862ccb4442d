from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grader.compare import Finding
from grader.course.chapters import Chapter, ChapterError
from grader.exercise import Exercise, Handle, Status, estimated, number_question, question
from grader.judging.checks import Verdict, judge_exercise
from grader.judging.judge import Judge
from grader.messages import set_language
from grader.protocol import wire
from grader.protocol.exchange import ProtocolAnswer
from grader.questions import Choice, Number, completed
from grader.reading.submission import answer_codes, answers_of
from grader.sandbox.staging import Sandbox, bubblewrap_available
from grader.worker.workspace import Workspace
from tests.grader.question_course import (
    CHOSEN,
    DEPTH,
    ESTIMATED,
    HIGH,
    KEYS,
    LOW,
    OPTIONS,
    QUESTIONS,
    SAME,
    SHARE,
    TOO_FEW,
    write_question_course,
)

CHOICE = Choice("predict_depth", OPTIONS)
NUMBER = Number("predict_share", "%", 0, 100)


@pytest.fixture(autouse=True)
def _japanese() -> None:
    set_language("ja")


@pytest.fixture
def asking(tmp_path: Path) -> Chapter:
    """The toy chapter with its questions."""
    return write_question_course(tmp_path / "course")


def judged(chapter: Chapter, exercise_id: str, value: Any, *, hidden: bool = True) -> Verdict:
    exercise = chapter.exercises[exercise_id]
    workspace = Workspace({exercise.symbols[0]: value})
    key = chapter.key(exercise_id) if hidden else None
    return judge_exercise(ProtocolAnswer(workspace.answer, 1), exercise, key)


def names_after(exercise: Exercise) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(exercise.template, names)
    return names


def test_question_is_an_exercise_worth_one_point_that_its_name_answers() -> None:
    exercise = question(id="ch05.predict_depth", title="深さ", options=OPTIONS, hints=("考えて。",))
    assert (exercise.id, exercise.title, exercise.points) == ("ch05.predict_depth", "深さ", 1)
    assert (exercise.symbols, exercise.hints) == (("predict_depth",), ("考えて。",))
    number = number_question(id="ch05.predict_share", title="割合", unit="%", low=0, high=100)
    assert (number.points, number.symbols) == (1, ("predict_share",))


def test_template_is_a_form_of_colab_and_says_nothing_yet() -> None:
    choice = question(id="ch05.predict_depth", title="深さ", options=OPTIONS)
    assert choice.template == 'predict_depth = ""  # @param ["", "ア", "イ", "ウ"]\n'
    assert names_after(choice)["predict_depth"] == ""
    number = number_question(id="ch05.predict_share", title="割合", unit="%", low=0, high=100)
    assert number.template == 'predict_share = None  # @param {type: "number"}\n'
    assert names_after(number)["predict_share"] is None


@pytest.mark.parametrize(
    "given",
    [
        *("イ", " イ ", "ｲ", "い", "「イ」", "イ.", "(イ)", "イ)", "“イ”"),
        *("10 層", "１０層", "10層", "イ 10 層", "イ: 10 層", "イ：１０層", "イ) 10 層"),
        *(np.str_("イ"), np.array("イ")),
    ],
)
def test_option_is_understood_however_it_is_written(given: Any) -> None:
    assert CHOICE.read(given) == "イ"


@pytest.mark.parametrize("given", ["b", "Ｂ", "ｂ", " B ", "Second", "SECOND"])
def test_latin_letters_are_understood_in_any_case_and_width(given: str) -> None:
    assert Choice("x", {"A": "first", "B": "second"}).read(given) == "B"


@pytest.mark.parametrize("given", [2, 2.0, "2", "２", np.array(2)])
def test_numbered_options_may_be_given_as_numbers(given: Any) -> None:
    assert Choice("x", {"1": "one", "2": "two"}).read(given) == "2"


@pytest.mark.parametrize(
    "given",
    [
        *("エ", "アイ", "ア イ", "層", 3, 2.5, True, [], ["イ"], {}, len, float("nan"), 10**200, "イ" * 9999),
        *(np.zeros(3), np.array(["イ"]), Handle(3, ("Thing", "object"))),
    ],
)
def test_what_is_no_option_is_answered_with_the_options(given: Any) -> None:
    with pytest.raises(Finding, match="`predict_depth` には ア・イ・ウ のどれか 1 つを") as caught:
        CHOICE.read(given)
    assert caught.value.status == Status.WRONG_VALUE
    assert len(caught.value.reason) < 200


@pytest.mark.parametrize(
    ("given", "right"),
    [
        *((12, 12), (12.5, 12.5), (0, 0), (100, 100), (np.array(12.5), 12.5), (np.float32(12.5), 12.5)),
        *(("12.5", 12.5), ("12.5%", 12.5), ("１２．５ ％", 12.5), (".5", 0.5), ("12.", 12), ("「3」", 3)),
        *(("1e1", 10), ("+3", 3), ("−0", 0)),
    ],
)
def test_number_is_understood_however_it_is_written(given: Any, right: float) -> None:
    assert NUMBER.read(given) == right


def test_digits_may_be_grouped_and_signs_be_of_any_kind() -> None:
    number = Number("x", "枚", -5000, 5000)
    assert [number.read(text) for text in ("1,234 枚", "－３", "−3", "－1,000")] == [1234, -3, -3, -1000]


@pytest.mark.parametrize(
    "given",
    [
        *(
            -1,
            101,
            True,
            "x",
            "12,5",
            "1,0",
            "1 2",
            "3 %%",
            ".",
            "+",
            "e5",
            "1e999",
            "9" * 9999,
            "nan",
            "inf",
        ),
        *(float("nan"), float("inf"), 10**299, [12.5], {}, len, np.zeros(1), 1j, Handle(3, ("Thing",))),
    ],
)
def test_what_is_no_number_within_the_bounds_is_answered_with_bounds_and_unit(given: Any) -> None:
    with pytest.raises(Finding, match=r"`predict_share` には 0 から 100 までの数 \(単位は %\) を") as caught:
        NUMBER.read(given)
    assert caught.value.status == Status.WRONG_VALUE
    assert len(caught.value.reason) < 200


@pytest.mark.parametrize("asked", [CHOICE, NUMBER])
@pytest.mark.parametrize("given", ["", "  ", "　", "「」"])
def test_nothing_written_is_not_attempted(asked: Choice | Number, given: str) -> None:
    with pytest.raises(Finding) as caught:
        asked.read(given)
    assert caught.value.status == Status.NOT_ATTEMPTED


def test_messages_come_in_english_too() -> None:
    set_language("en")
    with pytest.raises(
        Finding, match="must be one of ア・イ・ウ, written between the quotes, but it is 'エ'"
    ):
        CHOICE.read("エ")
    with pytest.raises(Finding, match=r"must be a number from 0 to 100 \(unit: %\), but it is 300"):
        NUMBER.read(300)
    with pytest.raises(Finding, match=r"must be a number from 0 to 1, but"):
        Number("x", "", 0, 1).read(2)


@pytest.mark.parametrize("value", ["ア", "イ", "ウ"])
def test_visible_check_takes_every_option_alike(asking: Chapter, value: str) -> None:
    verdict = judged(asking, DEPTH, value, hidden=False)
    assert (verdict.status, verdict.reason) == (Status.PASSED, "")


@pytest.mark.parametrize(
    ("exercise_id", "value", "reason"),
    [
        *((DEPTH, "イ", ""), (DEPTH, "い", ""), (DEPTH, "ア", TOO_FEW), (DEPTH, "どちらも同じ", SAME)),
        *((SHARE, 12, ""), (SHARE, 9.5, ""), (SHARE, 15.5, ""), (SHARE, "15.5 %", "")),
        *((SHARE, 9.4, LOW), (SHARE, 15.6, HIGH), (SHARE, 0, LOW), (SHARE, 100, HIGH)),
    ],
)
def test_hidden_check_tells_each_wrong_answer_its_own_reason(
    asking: Chapter, exercise_id: str, value: Any, reason: str
) -> None:
    verdict = judged(asking, exercise_id, value)
    assert verdict.status == (Status.WRONG_VALUE if reason else Status.PASSED)
    assert (verdict.check, verdict.reason, verdict.detail) == ("hidden", reason, reason)


@pytest.mark.parametrize("exercise_id", [DEPTH, SHARE])
@pytest.mark.parametrize("value", [None, "", " "])
def test_unanswered_question_is_not_attempted(asking: Chapter, exercise_id: str, value: Any) -> None:
    assert judged(asking, exercise_id, value).status == Status.NOT_ATTEMPTED


def test_bounds_of_what_is_right_survive_rounding() -> None:
    number = number_question(id="ch05.p", title="p", unit="", low=0, high=1)
    key = completed(number, estimated(0.3, within=0.1, explanation="", low="low", high="high"))
    for value, status in ((0.4, Status.PASSED), (0.2, Status.PASSED), (0.41, Status.WRONG_VALUE)):
        verdict = judge_exercise(ProtocolAnswer(Workspace({"p": value}).answer), number, key)
        assert verdict.status == status, value


def test_reason_is_told_even_where_it_is_put_together_at_run_time(tmp_path: Path) -> None:
    keys = KEYS.replace(f"'{TOO_FEW}'", "'5 層では'\n + str('足り ません。')")
    assert keys != KEYS
    verdict = judged(write_question_course(tmp_path, keys=keys), DEPTH, "ア")
    assert verdict.reason == "5 層では足り ません。"


def faults_in(root: Path, old: str, new: str) -> str:
    """What the loader says of the toy chapter's questions or keys with a change."""
    assert (QUESTIONS + KEYS).count(old) == 1
    with pytest.raises(ChapterError) as caught:
        write_question_course(root, QUESTIONS.replace(old, new), KEYS.replace(old, new))
    return str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (f", 'ウ': '{SAME}'", "", f"{DEPTH}: no reason says why ウ is wrong"),
        (
            f"'ウ': '{SAME}'",
            f"'ウ': '{SAME}', 'エ': 'x'",
            "there is a reason for エ, which is no wrong option",
        ),
        (
            f"'ウ': '{SAME}'",
            f"'ウ': '{SAME}', 'イ': 'x'",
            "there is a reason for イ, which is no wrong option",
        ),
        (SAME, " ", "the reason for ウ is empty"),
        (SAME, TOO_FEW, "the reason for ア stands in that for ウ, too"),
        (SAME, "長" * 601, "the reason for ウ is longer than 600"),
        ('chosen("イ"', 'chosen("エ"', "'エ' is none of its options"),
        (CHOSEN, ESTIMATED, "an option answers it"),
        (CHOSEN, "__import__('grader.exercise').exercise.Key(reference='')", "its key is made with chosen"),
        (ESTIMATED, CHOSEN, "a number answers it"),
        (f', high="{HIGH}"', "", "no high= says why 16.5 is wrong"),
        (f', low="{LOW}"', "", "no low= says why 8.5 is wrong"),
        ("estimated(12.5, within=3.0", "estimated(2, within=3.0", "low= is a reason for numbers"),
        ("estimated(12.5, within=3.0", "estimated(99, within=3.0", "high= is a reason for numbers"),
        ("within=3.0", "within=100", "every number within its bounds is right"),
        ("within=3.0", "within=-1", "within= is no distance"),
        ("estimated(12.5", "estimated(112.5", "112.5 is out of its bounds"),
        ("low=0, high=100", "low=100, high=0", "the lower bound must be below the upper one"),
        (", 'イ': '10 層', 'ウ': 'どちらも同じ'", "", "a question has two options at least"),
        ("'10 層'", "'５層'", "'5層' may mean ア and イ"),
        ("'10 層'", "' '", "an option needs a letter and a text"),
    ],
)
def test_question_that_does_not_fit_its_key_is_refused(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    assert fault in faults_in(tmp_path, old, new)


def test_key_of_a_question_is_refused_for_code(tmp_path: Path) -> None:
    keys = KEYS + f'ANSWERS["ch01.double"] = {CHOSEN}\n'
    with pytest.raises(ChapterError, match=r"ch01\.double is no question, but its key is one's"):
        write_question_course(tmp_path, keys=keys)


def test_name_that_cannot_be_a_variable_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ChapterError, match="'1st' cannot be a variable"):
        write_question_course(tmp_path, QUESTIONS.replace(DEPTH, "ch01.1st"), KEYS.replace(DEPTH, "ch01.1st"))


@pytest.mark.parametrize("exercise_id", [DEPTH, SHARE])
def test_learners_process_is_asked_for_the_variable_and_told_nothing(
    asking: Chapter, exercise_id: str
) -> None:
    exercise = asking.exercises[exercise_id]
    workspace = Workspace({exercise.symbols[0]: "ア" if exercise_id == DEPTH else 50})
    requests = []

    def exchange(payload: bytes) -> bytes:
        requests.append(wire.decode(payload))
        return workspace.answer(payload)

    judge_exercise(ProtocolAnswer(exchange, 1), exercise, asking.key(exercise_id))
    assert len(requests) == 2
    assert all(
        request == {"op": "value", "name": exercise.symbols[0], "args": (), "kwargs": {}}
        for request in requests
    )


def test_copy_beside_the_learners_process_holds_no_answer(asking: Chapter, tmp_path: Path) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    sandbox = Sandbox.stage("process", asking.folder, scratch)
    files = [path for path in sandbox.staged.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files for secret in (TOO_FEW, LOW) if secret in path.read_text("utf-8")]


PEEKING = """predict_depth = "ア"
import gc, sys
for each in gc.get_objects():
    if type(each).__name__ in ("Chosen", "Key"):
        predict_depth = each.letter if type(each).__name__ == "Chosen" else each.right.letter
"""


@pytest.mark.parametrize("isolation", ["process", "bubblewrap"])
@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (
            {DEPTH: 'predict_depth = "ｲ"  # @param ["", "ア"]', SHARE: "predict_share = 14"},
            {DEPTH: (Status.PASSED, 1, "", ""), SHARE: (Status.PASSED, 1, "", "")},
        ),
        (
            {DEPTH: 'predict_depth = "ウ"', SHARE: "predict_share = 50"},
            {
                DEPTH: (Status.WRONG_VALUE, 0, SAME, "ウ: どちらも同じ"),
                SHARE: (Status.WRONG_VALUE, 0, HIGH, "too large"),
            },
        ),
        ({DEPTH: PEEKING}, {DEPTH: (Status.WRONG_VALUE, 0, TOO_FEW, "ア: 5 層")}),
        ({}, {DEPTH: (Status.NOT_ATTEMPTED, 0, None, ""), SHARE: (Status.NOT_ATTEMPTED, 0, None, "")}),
    ],
    ids=["right", "wrong", "peeking", "unanswered"],
)
def test_questions_are_graded_in_the_sandbox(
    asking: Chapter,
    isolation: Any,
    answers: dict[str, str],
    expected: dict[str, tuple[Status, int, str | None, str]],
) -> None:
    if isolation == "bubblewrap" and not bubblewrap_available():
        pytest.skip("bubblewrap does not work on this machine")
    codes = answer_codes(asking, answers_of(asking, answers))
    with Judge(asking, isolation=isolation) as judge:
        results = {result.id: result for result in judge.grade(codes, expected)}
    for exercise_id, (status, score, reason, mistake) in expected.items():
        result = results[exercise_id]
        assert (result.status, result.score, result.max_score) == (status, score, 1)
        assert reason is None or result.reason == reason
        assert result.mistake == mistake


def test_question_earns_nothing_where_nothing_says_what_is_right(asking: Chapter) -> None:
    released = replace(asking, keys=None)
    codes = answer_codes(
        released, answers_of(asking, {DEPTH: 'predict_depth = "ア"', SHARE: "predict_share = -1"})
    )
    with Judge(released, isolation="process") as judge:
        results = {result.id: result for result in judge.grade(codes, codes)}
    assert results[DEPTH].status == Status.GRADER_FAULT
    assert "answers.py" in results[DEPTH].detail
    assert results[SHARE].status == Status.WRONG_VALUE


def test_functions_are_offered_where_chapters_look() -> None:
    import grader.exercise

    makers: list[Callable[..., Any]] = [grader.exercise.question, grader.exercise.chosen]
    assert all(maker.__module__ == "grader.questions" for maker in makers)
    with pytest.raises(AttributeError):
        _ = grader.exercise.nothing
