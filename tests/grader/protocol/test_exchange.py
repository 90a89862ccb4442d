from typing import Any

import pytest

from grader.exercise import Status
from grader.protocol import wire
from grader.protocol.exchange import AnswerFault, Failure, ProtocolAnswer, one_line

FAILURE = Failure("ValueError", "bad", 3, "f(x)").to_dict()


def answer_that_replies(reply: Any) -> ProtocolAnswer:
    return ProtocolAnswer(lambda _request: wire.encode(reply))


def test_request_names_operation_and_arguments() -> None:
    requests: list[Any] = []

    def exchange(request: bytes) -> bytes:
        requests.append(wire.decode(request))
        return wire.encode({"result": 1})

    answer = ProtocolAnswer(exchange)
    assert [answer.call("f", 1, k=2), answer.value("v"), answer.probe("p", "a")] == [1, 1, 1]
    assert requests == [
        {"op": "call", "name": "f", "args": (1,), "kwargs": {"k": 2}},
        {"op": "value", "name": "v", "args": (), "kwargs": {}},
        {"op": "probe", "name": "p", "args": ("a",), "kwargs": {}},
    ]


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ({"missing": "f"}, Status.NOT_ATTEMPTED),
        ({"raised": FAILURE}, Status.RAISED),
        ({"raised": FAILURE | {"limit": "memory"}}, Status.MEMORY_LIMIT),
        ({"raised": FAILURE | {"limit": "processes"}}, Status.RESOURCE_LIMIT),
        ({"raised": FAILURE | {"limit": "patience"}}, Status.RAISED),
        ({"raised": FAILURE | {"limit": 1}}, Status.REFUSED),
        ({"refused": "too large"}, Status.REFUSED),
        ("passed", Status.REFUSED),
        (None, Status.REFUSED),
        ({}, Status.REFUSED),
        ({"status": "passed"}, Status.REFUSED),
        ({"result": 1, "missing": "f"}, Status.REFUSED),
        ({"missing": 1}, Status.REFUSED),
        ({"raised": "text"}, Status.REFUSED),
        ({"raised": FAILURE | {"extra": 1}}, Status.REFUSED),
        ({"raised": FAILURE | {"line": "1"}}, Status.REFUSED),
        ({"raised": FAILURE | {"message": 1}}, Status.REFUSED),
    ],
)
def test_every_reply_but_a_result_is_a_fault(reply: Any, status: Status) -> None:
    with pytest.raises(AnswerFault) as caught:
        answer_that_replies(reply).call("f")
    assert caught.value.status is status
    assert caught.value.reason


@pytest.mark.parametrize("changed", ["0", "2", "y", "the hidden input is 0.5", 1, None, ["1"]])
def test_only_an_argument_that_was_sent_can_be_said_to_have_changed(changed: Any) -> None:
    answer = answer_that_replies({"result": 1, "changed": changed})
    with pytest.raises(AnswerFault) as caught:
        answer.call("f", 0.5, x=1)
    assert (caught.value.status, answer.changed) == (Status.REFUSED, "")


@pytest.mark.parametrize("changed", ["1", "x"])
def test_first_argument_that_changed_is_kept_until_the_next_check(changed: str) -> None:
    answer = answer_that_replies({"result": 1, "changed": changed})
    assert answer.call("f", 0.5, x=1) == 1
    assert answer.changed == changed
    answer.begin("ch98.x", "hidden")
    assert answer.changed == ""


def test_reply_that_is_no_payload_is_refused() -> None:
    with pytest.raises(AnswerFault) as caught:
        ProtocolAnswer(lambda _request: b"garbage").call("f")
    assert caught.value.status is Status.REFUSED


def test_misuse_is_the_checks_own_error_where_the_other_side_is_trusted() -> None:
    answer = answer_that_replies({"misused": "there is no probe"})
    with pytest.raises(AnswerFault) as caught:
        answer.probe("p")
    assert caught.value.status is Status.REFUSED
    answer.trusted = True
    with pytest.raises(LookupError, match="no probe"):
        answer.probe("p")


@pytest.mark.parametrize(
    ("text", "line"),
    [("a\nb\t c", "a b c"), ("\x1b[31mred\x00", "[31mred"), ("正しい", "正しい"), ("a" * 30, "a" * 9 + "…")],
)
def test_one_line_is_printable_and_short(text: str, line: str) -> None:
    assert one_line(text, 10) == line
