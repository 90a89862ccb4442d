"""The verdict on one answer: runs its checks and turns what comes of them into a :class:`Verdict`.

A pass needs a comparison that held, in each check. Everything else has a name of its own. The same code
judges in the grader and in a learner's notebook.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace

from grader.compare import Finding, comparisons_held
from grader.exercise import Check, Exercise, Key, Status
from grader.messages import _
from grader.protocol.exchange import (
    AnswerFault,
    ProtocolAnswer,
    changed_reason,
    one_line,
)

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Verdict:
    """What became of an answer; the fields are those of :class:`~grader.judging.results.ExerciseResult`."""

    status: Status
    reason: str = ""
    check: str = ""
    detail: str = ""
    given: str = ""
    expected: str = ""


class Unjudged(Exception):
    """The answer's process could not be asked, for no fault of the answer: there is no verdict yet."""


def judge_exercise(
    answer: ProtocolAnswer,
    exercise: Exercise,
    key: Key | None = None,
    sentences: Collection[str] = (),
) -> Verdict:
    """Judges one answer: the visible check, then the hidden one.

    Args:
        answer: The answer, here or in a worker.
        exercise: The exercise.
        key: Its private part; without one only the visible check runs.
        sentences: What the learner may be told of a hidden check, word for word. Anything else, made at run
            time, might hold a hidden input or a right value and is for the instructor alone.

    Returns:
        The verdict; the reason of a pass is empty.
    """
    checks = {"visible": exercise.check}
    if key is not None and key.hidden is not None:
        checks["hidden"] = key.hidden
    for name, check in checks.items():
        answer.begin(exercise.id, name)
        verdict = _run_check(check, answer)
        if verdict.status is Status.PASSED and answer.changed and not exercise.may_change_arguments:
            verdict = Verdict(Status.WRONG_VALUE, changed_reason(answer.changed))
        verdict = replace(verdict, check=name)
        if verdict.status is not Status.PASSED:
            harmless = {*sentences, changed_reason(answer.changed)}
            if exercise.question is not None and key is not None:
                harmless |= {mistake.reason for mistake in key.mistakes.values()}
            return _hiding(verdict, harmless) if name == "hidden" else verdict
    return verdict


def _run_check(check: Check, answer: ProtocolAnswer) -> Verdict:
    held_before = comparisons_held()
    try:
        check(answer)
    except Finding as finding:
        if finding.status is not Status.PASSED:
            texts = map(one_line, (finding.reason, finding.reason, finding.given, finding.expected))
            reason, detail, given, expected = texts
            return Verdict(finding.status, reason, "", detail, given, expected)
        _logger.error("a check raised a finding with the status of a pass")
        return grader_fault("the check raised a finding with the status of a pass")
    except AnswerFault as fault:
        return Verdict(fault.status, one_line(fault.reason), "", one_line(fault.reason))
    except Unjudged:
        raise
    except Exception as error:
        _logger.exception("a check failed in itself")
        return grader_fault(f"the check raised {type(error).__name__}: {error}")
    if comparisons_held() == held_before:
        _logger.error("a check ended without comparing anything")
        return grader_fault("the check ended without comparing anything")
    return Verdict(Status.PASSED)


def _hiding(verdict: Verdict, sentences: Collection[str]) -> Verdict:
    """Leaves of a hidden check's verdict only what cannot tell its inputs or right values."""
    said = {
        Status.RAISED: _(
            "Your code raised an error for an input that is not shown. Try inputs of other kinds."
        ),
        Status.REFUSED: _("For an input that is not shown, your result is nothing that can be judged."),
    }
    always_told = {Status.TIME_LIMIT, Status.MEMORY_LIMIT, Status.RESOURCE_LIMIT, Status.WORKER_DIED}
    reason = verdict.reason
    if verdict.status is Status.NOT_ATTEMPTED:  # the visible check has passed, so something is there
        verdict = replace(verdict, status=Status.RAISED)
    if verdict.status in said:
        reason = said[verdict.status]
    elif verdict.status not in always_told | {Status.GRADER_FAULT} and reason not in sentences:
        reason = _("Right for the inputs that are shown, but not for others. Try inputs of other sizes.")
    return replace(verdict, reason=reason, given="", expected="")


def grader_fault(detail: str) -> Verdict:
    """Returns the verdict where the check itself is wrong; it is never held against the learner.

    Args:
        detail: What failed, for the instructor.
    """
    reason = _("The grader itself failed here. This is not held against you: please tell your instructor.")
    return Verdict(Status.GRADER_FAULT, reason, detail=one_line(detail))
