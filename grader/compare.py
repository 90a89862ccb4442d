"""Comparisons for checks: missing, type, shape, values, in that order, and a reason that teaches.

Each function returns quietly when the expectation holds and raises :class:`Finding` when not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.exercise import Handle, Status
from grader.messages import _

_MAX_EQUAL = 1_000_000
"""Elements that are compared one by one."""
_MAX_NUMBERS = 4_000_000
"""Numbers in lists that are made an array of; no exercise asks for so many."""

_held: ContextVar[int] = ContextVar("comparisons that held", default=0)


class Finding(Exception):
    """A comparison did not hold.

    Attributes:
        status: The kind of fault.
        reason: One or two sentences for the learner.
        given: What the answer gave, shortened; empty where that says nothing.
        expected: What is right, shortened; empty where it may not be shown.
    """

    def __init__(self, status: Status, reason: str, given: str = "", expected: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.given = given
        self.expected = expected


def comparisons_held() -> int:
    """Returns how many comparisons have held in this context; a pass needs at least one."""
    return _held.get()


def _hold() -> None:
    _held.set(_held.get() + 1)


def expect(condition: bool, reason: str, status: Status = Status.WRONG_VALUE) -> None:
    """Expects a condition.

    Args:
        condition: What must be true.
        reason: What the learner is told when it is not.
        status: The kind of fault.

    Raises:
        Finding: If the condition is false.
    """
    if not condition:
        raise Finding(status, reason)
    _hold()


def expect_model(actual: Any, name: str) -> Handle:
    """Expects a Keras model or layer, which stays on the learner's side.

    Args:
        actual: What the answer returned.
        name: What it is called in the message.

    Returns:
        The handle.

    Raises:
        Finding: If it is plain data or another kind of object.
    """
    if not isinstance(actual, Handle) or "Layer" not in actual.kind:
        raise Finding(
            Status.WRONG_TYPE,
            _("{name} must be a Keras model, but it is {kind}.").format(name=name, kind=kind_of(actual)),
        )
    _hold()
    return actual


def expect_number(actual: Any, name: str) -> float:
    """Expects a real number (a scalar array counts).

    Returns:
        The number.

    Raises:
        Finding: If it is not one.
    """
    array = _array(actual, name)
    if array.shape != ():
        raise Finding(
            Status.WRONG_SHAPE,
            _("{name} must be one number, but its shape is {shape}.").format(name=name, shape=array.shape),
        )
    _hold()
    return float(array)


def shape_of(actual: Any, name: str) -> tuple[int, ...]:
    """Gives the shape of numbers, so that a known wrong one can be told its reason.

    Returns:
        The shape.

    Raises:
        Finding: If it is not numeric.
    """
    return _array(actual, name).shape


def expect_shape(actual: Any, shape: tuple[int, ...], name: str) -> npt.NDArray[Any]:
    """Expects a numeric array of a shape.

    Returns:
        The array.

    Raises:
        Finding: If it is not numeric or has another shape.
    """
    array = _array(actual, name)
    if array.shape != tuple(shape):
        raise Finding(
            Status.WRONG_SHAPE,
            _("{name} must have shape {expected}, but it has {actual}.").format(
                name=name, expected=tuple(shape), actual=array.shape
            ),
        )
    _hold()
    return array.astype("float64")


def expect_parts(actual: Any, count: int, reason: str) -> list[Any]:
    """Expects so many things: in a list, a tuple, or along the first axis of an array.

    Args:
        actual: What the answer returned, or what a probe is said to have returned.
        count: How many.
        reason: What the learner is told when it is something else.

    Returns:
        The things.

    Raises:
        Finding: If it is something else.
    """
    parts = isinstance(actual, (list, tuple)) or (isinstance(actual, np.ndarray) and actual.ndim > 0)
    expect(parts and len(actual) == count, reason, Status.WRONG_TYPE)
    return [part.item() if isinstance(part, np.generic) else part for part in actual]


def expect_arrays(actual: Any, name: str) -> list[npt.NDArray[Any]]:
    """Expects a list of numeric arrays, such as the weights of a model.

    Args:
        actual: What the answer returned, or what a probe is said to have returned.
        name: What it is called in the message.

    Returns:
        The arrays, of whatever sizes: bound them before making anything of them.

    Raises:
        Finding: If it is not one.
    """
    if not isinstance(actual, list):
        raise Finding(
            Status.WRONG_TYPE,
            _("{name} must be {expected}, but it is {actual}.").format(
                name=name, expected=kind_of([]), actual=kind_of(actual)
            ),
        )
    _hold()
    return [_array(array, name) for array in actual]


def expect_close(
    actual: Any,
    expected: npt.ArrayLike,
    name: str,
    *,
    rtol: float = 1e-4,
    atol: float = 1e-5,
    known: Mapping[str, npt.ArrayLike] | None = None,
    show: bool = True,
) -> None:
    """Expects numbers within ``atol + rtol * |expected|``.

    Args:
        actual: What the answer returned.
        expected: The right values.
        name: What it is called in the message.
        rtol: Relative tolerance.
        atol: Absolute tolerance.
        known: Wrong values that a known mistake gives, by the reason to tell then. Those that are right here,
            or that several mistakes give, tell nothing.
        show: Whether the message may show the first wrong number beside the right one.

    Raises:
        Finding: If type, shape or values are wrong.
    """
    right = np.asarray(expected)
    array = expect_shape(actual, right.shape, name)
    if np.allclose(array, right, rtol=rtol, atol=atol):
        _hold()
        return
    values = (_numbers(array), _numbers(right)) if show else (_numbers(array), "")
    same_shape = {reason: wrong for reason, wrong in (known or {}).items() if np.shape(wrong) == array.shape}
    _tell_cause(
        [
            reason
            for reason, wrong in same_shape.items()
            if np.allclose(array, wrong, rtol=rtol, atol=atol)
            and not np.allclose(wrong, right, rtol=rtol, atol=atol)
        ],
        values,
    )
    if not np.isfinite(array).all():
        raise Finding(Status.WRONG_VALUE, _("{name} contains NaN or infinity.").format(name=name), *values)
    reason = _("{name} is off: its largest error is {error:.3g} (rtol {rtol:g}, atol {atol:g}).").format(
        name=name, error=float(np.max(np.abs(array - right))), rtol=rtol, atol=atol
    )
    if show:
        worst = np.unravel_index(np.argmax(np.abs(array - right)), right.shape)
        reason += " " + _("There {actual:.6g} was given, {expected:.6g} is right.").format(
            actual=float(array[worst]), expected=float(right[worst])
        )
    raise Finding(Status.WRONG_VALUE, reason, *values)


def expect_equal(
    actual: Any, expected: Any, name: str, *, known: Mapping[str, Any] | None = None, show: bool = True
) -> None:
    """Expects plain data of the same type family and exactly the same value.

    Args:
        actual: What the answer returned.
        expected: The right value: a bool, int, str, None, or lists, tuples and dicts of these.
        name: What it is called in the message.
        known: Wrong values that a known mistake gives, by the reason to tell then. Those that are right here,
            or that several mistakes give, tell nothing.
        show: Whether the message may show both values.

    Raises:
        Finding: If the type or the value is wrong.
    """
    _expect_at_most(_MAX_EQUAL, actual, name)
    plain = _to_plain(actual)
    right = _to_plain(expected)
    if plain == right and type(plain) is type(right):
        _hold()
        return
    values = (_short(plain), _short(right)) if show else (_short(plain), "")
    _tell_cause(
        [reason for reason, wrong in (known or {}).items() if plain == _to_plain(wrong) != right], values
    )
    if type(plain) is not type(right):
        raise Finding(
            Status.WRONG_TYPE,
            _("{name} must be {expected}, but it is {actual}.").format(
                name=name, expected=kind_of(expected), actual=kind_of(actual)
            ),
            *values,
        )
    reason = _("{name} is not right.").format(name=name)
    if show:
        reason += " " + _("Given: {actual}. Right: {expected}.").format(
            actual=_short(plain), expected=_short(right)
        )
    raise Finding(Status.WRONG_VALUE, reason, *values)


def _tell_cause(reasons: Sequence[str], values: tuple[str, str]) -> None:
    """Tells why a value is wrong, where just one known mistake gives it: of several, one would be a guess.

    Raises:
        Finding: If there is just one.
    """
    if len(reasons) == 1:
        raise Finding(Status.WRONG_VALUE, reasons[0], *values)


def expect_weights(
    given: Any,
    chosen: Mapping[str, npt.ArrayLike],
    added: Mapping[str, tuple[int, ...]],
    lost: str,
    others: str,
) -> list[str]:
    """Expects the weights of a model that was built around one whose weights the judge chose, in any order.

    Args:
        given: What :func:`grader.probes.weights` says of the model.
        chosen: Weights that must be in it, by name; they are known by their values.
        added: Shapes of the other weights, by name, no two alike; they are known by their shapes.
        lost: What the learner is told when a chosen weight is not there.
        others: What the learner is told when an added one is not there, or anything else is.

    Returns:
        The name of each weight.

    Raises:
        Finding: If they are others.
    """
    expect(isinstance(given, list), lost, Status.WRONG_TYPE)
    left = {name: np.asarray(array) for name, array in chosen.items()}
    names = []
    for array in given:
        numbers = _array(array, "weights")
        found = (
            name
            for name, right in left.items()
            if right.shape == numbers.shape and np.allclose(numbers, right, rtol=1e-5, atol=1e-6)
        )
        name = next(found, "")
        left.pop(name, None)
        names.append(name or next((key for key, shape in added.items() if shape == numbers.shape), ""))
    expect(not left, lost)
    expect(sorted(names) == sorted([*chosen, *added]), others, Status.WRONG_SHAPE)
    return names


def kind_of(value: Any) -> str:
    """Names the kind of a value for a message."""
    if isinstance(value, Handle):
        return value.kind[0] if value.kind else "object"
    if isinstance(value, np.ndarray):
        return f"array{list(value.shape)}"
    return type(value).__name__


def _expect_at_most(most: int, actual: Any, name: str) -> None:
    """Expects no more elements than may be looked at, before anything is made of them."""
    if (count := _elements(actual)) > most:
        raise Finding(
            Status.WRONG_SHAPE,
            _("{name} is far too large: it has {count} elements.").format(name=name, count=count),
        )


def _elements(value: Any) -> int:
    """Counts the elements of plain data, those of arrays in it too."""
    if isinstance(value, np.ndarray):
        return value.size
    if isinstance(value, dict):
        return sum(map(_elements, value.values()))
    return sum(map(_elements, value)) if isinstance(value, (list, tuple)) else 1


def _array(actual: Any, name: str) -> npt.NDArray[Any]:
    """Takes numbers as an array. What is an array already is not copied: it may be far too large."""
    if not isinstance(actual, np.ndarray):
        _expect_at_most(_MAX_NUMBERS, actual, name)
    if isinstance(actual, (bool, int, float, np.ndarray, list, tuple)):
        try:
            array = np.asarray(actual)
        except ValueError:
            array = np.asarray(None)
        if array.dtype.kind in "biuf":
            return array
    raise Finding(
        Status.WRONG_TYPE,
        _("{name} must be numbers, but it is {kind}.").format(name=name, kind=kind_of(actual)),
    )


def _to_plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return _to_plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _to_plain(item) for key, item in value.items()}
    return value


def _numbers(array: npt.NDArray[Any]) -> str:
    """Writes an array's first and last numbers; one of many axes as one row, with its shape."""
    flat = array.ndim > 2
    text = np.array2string(
        array.ravel() if flat else array,
        precision=5,
        threshold=8 if flat else 24,
        edgeitems=3,
        separator=", ",
        suppress_small=True,
    )
    return re.sub(r"(?<=\[) | (?=\])", "", " ".join(text.split())) + (f" {array.shape}" if flat else "")


def _short(value: Any, limit: int = 120) -> str:
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
