"""Answers that know nothing of an exercise: constants of every kind, and the visible results replayed.

None may pass, and none may make a check fail in itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

CONSTANTS: tuple[Any, ...] = (
    *(None, True, 0, -1, 0.5, 1.0, 10**30, float("nan"), float("-inf"), 1j, "0", b"0", len),
    *([], [None], [[]], ["[UNK]"], [[1, 2], [3]], ["a", 1], {}, {"a": [1]}, [{}, {}]),
    *((0, 0, 0), (64, 1), ([2, 1], -1.6766), (None, None), (np.zeros(2), 0.0), (len, len, len)),
    (np.zeros((1, 2, 2)), np.zeros((1, 2, 3))),
    *(np.zeros(shape) for shape in ((), 0, 3, 10, 180, (3, 0), (15, 12), (1, 6, 1), (2, 3, 4), (1, 2, 2, 1))),
    *(np.eye(3), np.full((2, 2), np.nan), np.zeros(10, "int64"), np.zeros(3, complex), np.array(["a", "b"])),
)
"""What careless code returns: nothing, numbers, texts; nested, ragged, empty data, or none that is finite."""

Names = dict[str, Any]


def constant_answers(symbols: tuple[str, ...]) -> Iterator[tuple[str, Names]]:
    """Yields answers whose functions return a constant, whatever they are given.

    Args:
        symbols: Names that the exercise asks for.

    Yields:
        What the answer is, and its names.
    """
    for constant in CONSTANTS:
        yield f"always {constant!r}", dict.fromkeys(symbols, _always(constant))


class Recorder:
    """Right answers' functions, with all that they return kept.

    Attributes:
        right: The names of the right answer.
        names: What a check is to judge.
        calls: How each function was called.
    """

    def __init__(self, right: Mapping[str, Any]) -> None:
        """Creates a recorder.

        Args:
            right: The names of a right answer; those that are not functions are taken as they are.
        """
        self.right = dict(right)
        self._results: dict[str, list[Any]] = {name: [] for name, value in right.items() if callable(value)}
        self.calls: dict[str, list[tuple[tuple[Any, ...], Names]]] = {name: [] for name in self._results}
        self.names = {name: self._recorded(name) if name in self._results else right[name] for name in right}

    def replays(self, *, with_constants: bool) -> Iterator[tuple[str, Names]]:
        """Yields answers that give the kept results one by one and then know nothing.

        Args:
            with_constants: Whether to follow them by each of :data:`CONSTANTS` too, not by the last alone.

        Yields:
            What the answer is, and its names.
        """
        last = {name: results[-1] for name, results in self._results.items() if results}
        yield "the visible results, then the last one", self._replayed(last)
        for constant in CONSTANTS if with_constants else ():
            then = dict.fromkeys(last, constant)
            yield f"the visible results, then {constant!r}", self._replayed(then)

    def _recorded(self, name: str) -> Callable[..., Any]:
        def record(*args: Any, **kwargs: Any) -> Any:
            self.calls[name].append((args, kwargs))
            self._results[name].append(self.right[name](*args, **kwargs))
            return self._results[name][-1]

        return record

    def _replayed(self, then: Names) -> Names:
        return self.right | {name: _one_by_one(self._results[name], then[name]) for name in then}


def _always(constant: Any) -> Callable[..., Any]:
    return lambda *_args, **_kwargs: constant


def _one_by_one(results: list[Any], then: Any) -> Callable[..., Any]:
    left = iter(results)
    return lambda *_args, **_kwargs: next(left, then)
