from typing import Any

import numpy as np
import pytest

from grader import compare
from grader.authoring.impostors import Impostor, Transcript, impostors
from grader.exercise import Answer, Check, Exercise, Status
from grader.judging.checks import judge_exercise
from grader.protocol.exchange import ProtocolAnswer
from grader.worker.workspace import Workspace

SEED = 3


class Model:
    """A model of the learner's side, whose weights a check may set and ask for."""

    def __init__(self) -> None:
        self.scale = np.ones(2)


class Probes:
    """What a chapter's probes may be."""

    @staticmethod
    def predict(model: Model, x: Any) -> Any:
        return x * model.scale

    @staticmethod
    def set_scale(model: Model, scale: Any) -> None:
        model.scale = scale

    @staticmethod
    def scale(model: Model) -> Any:
        return model.scale

    @staticmethod
    def count(_model: Model) -> int:
        return 2


def takes_a_claim_for_the_right_value(answer: Answer) -> None:
    model = answer.call("build")
    x = answer.rng.normal(size=(3, 2))
    compare.expect_close(answer.call("apply", model, x), answer.probe("predict", model, x), "apply(model, x)")


def believes_that_weights_are_what_was_set(answer: Answer) -> None:
    model = answer.call("build")
    scale = answer.rng.normal(size=2)
    answer.probe("set_scale", model, scale)
    compare.expect_close(answer.probe("scale", model), scale, "scale")


def believes_that_something_changed(answer: Answer) -> None:
    model = answer.call("build")
    before = answer.probe("scale", model)
    answer.probe("set_scale", model, before + 1)
    compare.expect(not np.allclose(answer.probe("scale", model), before), "changes")


def believes_a_count(answer: Answer) -> None:
    compare.expect_equal(answer.probe("count", answer.call("build")), 2, "count")


def computes_the_right_value(answer: Answer) -> None:
    model = answer.call("build")
    scale, x = answer.rng.normal(size=2), answer.rng.normal(size=(3, 2))
    answer.probe("set_scale", model, scale)
    compare.expect_close(answer.probe("predict", model, x), x * scale, "model(x)")


def _transcript(check: Check) -> tuple[Exercise, Transcript]:
    exercise = Exercise(id="ch98.x", title="", points=1, symbols=(), template="", check=check)
    names = {"build": Model, "apply": Probes.predict, "double": lambda x: 2 * x}
    transcript = Transcript(Workspace(names, [Probes]).answer)  # type: ignore[list-item]
    assert judge_exercise(ProtocolAnswer(transcript.exchange, SEED), exercise).status is Status.PASSED
    return exercise, transcript


def passing(check: Check) -> set[str]:
    """Names the impostors that pass a check."""
    exercise, transcript = _transcript(check)
    verdicts = {
        label: judge_exercise(ProtocolAnswer(impostor.exchange, SEED), exercise).status
        for label, impostor in impostors(transcript)
    }
    assert Status.GRADER_FAULT not in verdicts.values()
    return {label for label, status in verdicts.items() if status is Status.PASSED}


@pytest.mark.parametrize(
    ("check", "passes"),
    [
        (takes_a_claim_for_the_right_value, "zeros everywhere"),
        (believes_that_weights_are_what_was_set, "what it was sent"),
        (believes_that_something_changed, "random numbers, new ones each time"),
        (believes_a_count, "ones everywhere"),
    ],
)
def test_check_that_believes_claims_is_passed_by_an_impostor(check: Check, passes: str) -> None:
    assert passes in passing(check)


def test_check_that_computes_what_it_expects_is_passed_by_none() -> None:
    assert passing(computes_the_right_value) == set()


def test_transcript_says_whether_claims_were_asked_for() -> None:
    def asks_for_none(answer: Answer) -> None:
        compare.expect_equal(answer.call("double", 2), 4, "double(2)")

    assert not _transcript(asks_for_none)[1].has_probes
    assert _transcript(believes_a_count)[1].has_probes


def test_results_are_lied_about_in_every_number_and_keep_their_form() -> None:
    def asks(answer: Answer) -> None:
        answer.call("apply", answer.call("build"), np.ones((3, 2), "float32"))
        answer.call("double", 2)
        compare.expect(True, "")

    _exercise, transcript = _transcript(asks)
    zeros: Impostor = dict(impostors(transcript))["zeros everywhere"]
    answer = ProtocolAnswer(zeros.exchange)
    model = answer.call("build")
    assert model.kind[0] == "Model"
    applied = answer.call("apply", model, np.ones((3, 2), "float32"))
    assert (applied.shape, applied.dtype, applied.any()) == ((3, 2), np.float64, np.False_)
    assert answer.call("double", 2) == 0
    assert answer.probe("never_asked_before", 1) is None
