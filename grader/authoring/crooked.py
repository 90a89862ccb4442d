"""Workers that are right but for one reply, which is crooked: of another kind, form or size, or no number.

What a check makes of such a reply is a wrong answer. Where the check itself fails instead, its verdict is a
fault of the grader, which is not held against the learner: a learner could choose it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from grader.compare import kind_of
from grader.exercise import Handle
from grader.protocol.exchange import ProtocolAnswer
from grader.protocol.wire import MAX_ELEMENTS, MAX_NODES, MAX_STRING

FAR_TOO_LARGE = np.broadcast_to(np.uint8(1), (MAX_ELEMENTS, MAX_ELEMENTS))
"""Takes no memory as long as nobody copies or converts it, and more than there is then."""

LARGEST = np.broadcast_to(np.uint8(1), (MAX_ELEMENTS,))
"""As many elements as one reply may hold."""

Replies = Mapping[tuple[str, str], list[Any]]
"""By operation and name, the results of an honest worker in order."""


def crooked(honest: Any) -> Iterator[tuple[str, Any]]:
    """Yields what may stand in the place of a reply, each with what it is.

    Args:
        honest: The reply.
    """
    value: Any
    for value in (None, True, -1, 0.5, float("nan"), float("inf"), "x", [], {}, [[1], [2, 3]]):
        yield repr(value), value
    yield "a number of 300 digits", 10**299
    yield "a far too large array", FAR_TOO_LARGE
    yield "many far too large arrays", [FAR_TOO_LARGE] * 15
    yield "the largest array", LARGEST
    yield "the longest list", [0.5] * (MAX_NODES - 2)
    yield "the longest text", "9" * MAX_STRING
    yield "an object", Handle(99, ("Thing", "object"))
    yield "a model", Handle(99, ("Functional", "Model", "Layer", "object"))
    yield "an array of two numbers", np.array([1.0, -1.68])
    match honest:
        case np.ndarray():
            yield from _crooked_arrays(honest)
        case list() | tuple():
            kind = type(honest)
            yield "one less", kind(honest[:-1])
            yield "one more", kind([*honest, None])
            for place, value in _of_elements(list(enumerate(honest))):
                yield f"{_named(value)} at {place}", kind([*honest[:place], value, *honest[place + 1 :]])
        case dict():
            for key, value in _of_elements(list(honest.items())):
                yield f"{_named(value)} as {key!r}", honest | {key: value}
            for key in honest:
                yield f"no {key!r}", {other: honest[other] for other in honest if other != key}


def _crooked_arrays(honest: np.ndarray[Any, Any]) -> Iterator[tuple[str, Any]]:
    numbers = honest.astype("float64")
    for value in (np.nan, np.inf, -1e300, 0.0):
        yield f"all {value}", np.full_like(numbers, value)
    yield "an axis more", honest[np.newaxis]
    yield "axes turned", honest.T
    yield "none", honest[:0] if honest.ndim else np.zeros(0)
    yield "whole numbers", np.nan_to_num(numbers).clip(-9, 9).astype("int8")
    yield "booleans", honest != 0
    yield "a list", honest.tolist()
    yield "a list of its rows", [*honest] if honest.ndim else [honest]


def _of_elements(entries: list[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    """Yields crooked values for the first element and the last, each with where it belongs."""
    for place, _value in [*entries[:1], *entries[1:][-1:]]:
        for value in (None, "x", float("nan"), np.zeros((2, 3)), FAR_TOO_LARGE):
            yield place, value


def _named(value: Any) -> str:
    return kind_of(value) if isinstance(value, np.ndarray) else repr(value)


class CrookedAnswer(ProtocolAnswer):
    """An answer whose replies are an honest worker's but for one."""

    def __init__(self, replies: Replies, seed: int, place: tuple[tuple[str, str], int], reply: Any) -> None:
        """Creates an answer.

        Args:
            replies: What an honest worker said in the same checks with the same seed.
            seed: That seed.
            place: Which reply is another: operation and name, and how many such came before it.
            reply: What it is.
        """
        super().__init__(lambda _payload: b"", seed)
        self._replies, self._place, self._reply = replies, place, reply
        self._asked = defaultdict[tuple[str, str], int](int)

    def _ask(self, op: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        key = op, name
        number = self._asked[key]
        self._asked[key] += 1
        if (key, number) == self._place:
            return self._reply
        known = self._replies.get(key, [None])
        return known[min(number, len(known) - 1)]


def crooked_answers(replies: Replies, seed: int) -> Iterator[tuple[str, CrookedAnswer]]:
    """Yields answers with one reply crooked, the first or the last of its kind, each with what it is.

    Args:
        replies: What an honest worker said in the same checks with the same seed.
        seed: That seed.
    """
    for key, results in replies.items():
        for turn, (label, reply) in enumerate(crooked(results[0])):
            number = 0 if turn % 2 else len(results) - 1
            name = f"{' '.join(key)} {number + 1}: {label}"
            yield name, CrookedAnswer(replies, seed, (key, number), reply)
