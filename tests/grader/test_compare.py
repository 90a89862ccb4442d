import resource
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from grader import compare, messages
from grader.compare import Finding, comparisons_held
from grader.exercise import Handle, Status


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    before = messages.language()
    messages.set_language("en")
    yield
    messages.set_language(before)


def finding(comparison: Callable[..., Any], *arguments: Any, **options: Any) -> Finding:
    held = comparisons_held()
    with pytest.raises(Finding) as caught:
        comparison(*arguments, **options)
    assert comparisons_held() <= held + 1  # the shape may have held, the values not
    return caught.value


def test_what_holds_is_counted() -> None:
    held = comparisons_held()
    compare.expect(True, "")
    compare.expect_close([1.0, 2.0], [1.0, 2.0 + 1e-7], "f")
    compare.expect_equal({"a": [1, (2, 3)]}, {"a": [1, [2, 3]]}, "f")
    compare.expect_number(np.float64(3), "f")
    compare.expect_model(Handle(0, ("Functional", "Model", "Layer")), "f")
    assert comparisons_held() == held + 6  # shape and values of expect_close


@pytest.mark.parametrize(
    ("actual", "status"),
    [
        ([1.0, 2.5], Status.WRONG_VALUE),
        ([1.0, np.nan], Status.WRONG_VALUE),
        ([1.0, np.inf], Status.WRONG_VALUE),
        ([[1.0, 2.0]], Status.WRONG_SHAPE),
        (np.zeros((0, 3)), Status.WRONG_SHAPE),
        ([[1.0], 2.0], Status.WRONG_TYPE),
        ("1 2", Status.WRONG_TYPE),
        (None, Status.WRONG_TYPE),
        ({"a": 1}, Status.WRONG_TYPE),
        (Handle(0, ("set",)), Status.WRONG_TYPE),
    ],
)
def test_numbers_are_checked_for_type_then_shape_then_value(actual: Any, status: Status) -> None:
    assert finding(compare.expect_close, actual, [1.0, 2.0], "f").status is status


def test_wrong_number_is_shown_beside_the_right_one() -> None:
    wrong = finding(compare.expect_close, [1.0, 2.5], [1.0, 2.0], "f(x)")
    assert "2.5 was given, 2 is right" in wrong.reason
    assert (wrong.given, wrong.expected) == ("[1. , 2.5]", "[1., 2.]")


def test_right_value_can_be_kept_back() -> None:
    for wrong in (
        finding(compare.expect_close, [1.0], [8125.0], "f", show=False),
        finding(compare.expect_equal, 1, 8125, "f", show=False),
    ):
        assert "8125" not in wrong.reason + wrong.expected
        assert wrong.given


def test_known_mistake_has_its_own_reason() -> None:
    wrong = finding(compare.expect_close, [2.0, 4.0], [1.0, 2.0], "f", known={"Twice.": [2.0, 4.0]})
    assert wrong.reason == "Twice."
    wrong = finding(compare.expect_equal, 4, 2, "f", known={"Three.": 3, "Squared.": 4})
    assert wrong.reason == "Squared."


def test_mistake_that_gives_the_right_value_here_tells_nothing() -> None:
    """An answer just outside the tolerance may be within it of a wrong value that is hardly off."""
    nearly = finding(compare.expect_close, 1.018, 1.0, "f", atol=0.01, known={"Halved.": 1.009})
    assert "off" in nearly.reason
    another_kind = finding(compare.expect_equal, True, 1, "f", known={"One.": 1})
    assert another_kind.status is Status.WRONG_TYPE


@pytest.mark.parametrize(("actual", "shape"), [(2, ()), ([[1, 2]], (1, 2)), (np.zeros((3, 0)), (3, 0))])
def test_shape_is_that_of_numbers(actual: Any, shape: tuple[int, ...]) -> None:
    assert compare.shape_of(actual, "f") == shape


@pytest.mark.parametrize("actual", [None, "12", [[1, 2], [3]], {"a": 1}, np.array(["a"])])
def test_what_is_not_numeric_has_no_shape(actual: Any) -> None:
    assert finding(compare.shape_of, actual, "f").status is Status.WRONG_TYPE


@pytest.mark.parametrize(
    ("actual", "expected", "status"),
    [
        (3, 4, Status.WRONG_VALUE),
        (True, 1, Status.WRONG_TYPE),
        ("3", 3, Status.WRONG_TYPE),
        ([1, 2], [1, 2, 3], Status.WRONG_VALUE),
        (np.zeros(2_000_000), 3, Status.WRONG_SHAPE),
    ],
)
def test_equality_is_of_type_and_value(actual: Any, expected: Any, status: Status) -> None:
    assert finding(compare.expect_equal, actual, expected, "f").status is status


def test_model_is_known_by_its_classes() -> None:
    assert finding(compare.expect_model, Handle(0, ("Model", "object")), "m").status is Status.WRONG_TYPE
    assert finding(compare.expect_model, np.zeros(3), "m").status is Status.WRONG_TYPE


@pytest.mark.parametrize(
    ("array", "shown"),
    [
        (np.float64(3.25), "3.25"),
        (np.eye(2), "[[1., 0.], [0., 1.]]"),
        (np.arange(100.0), "[0., 1., 2., ..., 97., 98., 99.]"),
        (np.arange(120.0).reshape(2, 4, 5, 3), "[0., 1., 2., ..., 117., 118., 119.] (2, 4, 5, 3)"),
    ],
)
def test_arrays_are_shown_short(array: Any, shown: str) -> None:
    assert finding(compare.expect_close, array, array + 1, "f").given == shown


@pytest.mark.parametrize(("given", "reason"), [(3, "3 倍です。"), (4, "is not right")])
def test_value_that_two_known_mistakes_give_is_told_neither(given: int, reason: str) -> None:
    messages.set_language("en")
    known = {"3 倍です。": 3, "2 乗です。": 4, "2 を足しています。": 4}
    for expecting in (
        lambda: compare.expect_equal(given, 2, "y", known=known),
        lambda: compare.expect_close(given, 2, "y", known=known),
    ):
        with pytest.raises(compare.Finding) as caught:
            expecting()
        assert reason.replace("is not right", "y") in caught.value.reason
        assert caught.value.reason not in {"2 乗です。", "2 を足しています。"}


@pytest.mark.parametrize(
    "given",
    [
        [np.zeros(2**24, "uint8")] * 15,
        ([np.zeros(2**24, "uint8")], {"a": [np.zeros(2**24, "uint8")]}),
        np.zeros(2**24, "uint8"),
    ],
)
def test_large_results_are_turned_away_before_anything_is_made_of_them(given: Any) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for expecting in (
        lambda: compare.expect_equal(given, [1, 2], "y"),
        lambda: compare.expect_close(given, [1, 2], "y"),
        lambda: compare.expect_number(given, "y"),
    ):
        with pytest.raises(compare.Finding):
            expecting()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 300_000  # kilobytes; the lists would take gigabytes


FAR_TOO_LARGE = np.broadcast_to(np.uint8(1), (2**24, 2**24))
"""Cannot be copied, converted or counted one by one in this machine."""


@pytest.mark.parametrize(
    "comparison",
    [
        lambda given: compare.expect_number(given, "x"),
        lambda given: compare.expect_shape(given, (2,), "x"),
        lambda given: compare.expect_close(given, [1, 2], "x", known={"one": [1, 1]}),
        lambda given: compare.expect_equal(given, [1, 2], "x"),
        lambda given: compare.expect_model(given, "x"),
        lambda given: compare.expect_parts(given, 2, "two"),
        lambda given: compare.expect_arrays(given, "x"),
        lambda given: compare.expect_weights([given], {"w": np.ones(2)}, {}, lost="lost", others="others"),
    ],
)
def test_nothing_is_made_of_an_array_that_is_far_too_large(comparison: Callable[[Any], Any]) -> None:
    with pytest.raises(compare.Finding):
        comparison(FAR_TOO_LARGE)


@pytest.mark.parametrize("parts", [(1, "a"), [1, "a"], np.array([1, 2.5]), np.ones((2, 3))])
def test_parts_come_from_lists_tuples_and_arrays(parts: Any) -> None:
    first, second = compare.expect_parts(parts, 2, "two")

    assert not isinstance(first, np.generic)
    assert np.array_equal(second, parts[1])


@pytest.mark.parametrize(
    "given", [None, 1.0, "ab", {1: 2, 3: 4}, (1,), [1, 2, 3], np.float64(1), np.ones(())]
)
def test_other_things_are_not_two_parts(given: Any) -> None:
    with pytest.raises(compare.Finding, match="two"):
        compare.expect_parts(given, 2, "two")


@pytest.mark.parametrize("given", [None, 3, np.ones(2), ["a"], [None], {"w": 1}])
def test_other_things_are_no_arrays(given: Any) -> None:
    with pytest.raises(compare.Finding):
        compare.expect_arrays(given, "weights")
