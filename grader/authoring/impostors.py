"""Workers that lie: right in form wherever a right answer's would be, and in no number.

What the learner's side says, probes included, is a claim. A check that takes a claim for the right value is
passed by a worker whose claims agree with each other: these here. None may pass.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.exercise import Handle
from grader.protocol import wire

Array = npt.NDArray[Any]
Exchange = Callable[[bytes], bytes]


class Transcript:
    """Passes requests on to an honest worker, and keeps what it says.

    Attributes:
        results: By operation and name, the results in order.
    """

    def __init__(self, honest: Exchange) -> None:
        """Creates a transcript.

        Args:
            honest: Answers requests as :mod:`grader.protocol.exchange` says.
        """
        self._honest = honest
        self.results: dict[tuple[str, str], list[Any]] = defaultdict(list)

    def exchange(self, payload: bytes) -> bytes:
        """Answers one request."""
        request, reply = wire.decode(payload), self._honest(payload)
        self.results[request["op"], request["name"]].append(wire.decode(reply).get("result"))
        return reply

    @property
    def has_probes(self) -> bool:
        """Whether a check has asked the learner's side for anything but results."""
        return any(op == "probe" for op, _name in self.results)


class Impostor:
    """Answers every request in the form of an honest worker's reply, with numbers of its own."""

    def __init__(self, transcript: Transcript) -> None:
        """Creates an impostor.

        Args:
            transcript: What an honest worker said in the same checks with the same seed.
        """
        self._left = {key: iter(results) for key, results in transcript.results.items()}
        self._last = {key: results[-1] for key, results in transcript.results.items()}
        self._asked = 0

    def exchange(self, payload: bytes) -> bytes:
        """Answers one request."""
        request = wire.decode(payload)
        key = request["op"], request["name"]
        self._asked += 1
        honest = next(self._left[key], self._last[key]) if key in self._left else None
        self.hear([*request["args"], *request["kwargs"].values()])
        truth_of_form = request["op"] == "probe"
        return wire.encode({"result": self._forged(honest, [*request["args"]], truth_of_form)})

    def hear(self, args: list[Any]) -> None:
        """Learns from what it is sent, where it does."""

    def number(self, shape: tuple[int, ...], args: list[Any]) -> Array:
        """Returns the numbers that it gives for an array.

        Args:
            shape: Shape of the honest worker's array.
            args: What was asked about.
        """
        raise NotImplementedError

    def _forged(self, honest: Any, args: list[Any], truth_of_form: bool) -> Any:
        if isinstance(honest, np.ndarray):
            lie = self.number(honest.shape, args)
            return (lie > 0.5) if honest.dtype == bool else lie.astype(honest.dtype)
        if isinstance(honest, (list, tuple)):
            return type(honest)(self._forged(each, args, truth_of_form) for each in honest)
        if isinstance(honest, dict):
            return {key: self._forged(each, args, truth_of_form) for key, each in honest.items()}
        if isinstance(honest, float) or (isinstance(honest, int) and not truth_of_form):
            return type(honest)(self.number((), args))
        return honest


class Constant(Impostor):
    """The same number everywhere."""

    def __init__(self, transcript: Transcript, value: float) -> None:
        super().__init__(transcript)
        self._value = value

    def number(self, shape: tuple[int, ...], args: list[Any]) -> Array:
        """See :meth:`Impostor.number`."""
        return np.full(shape, self._value)


class Noise(Impostor):
    """Random numbers: for the same question the same ones or, where it is restless, new ones each time."""

    def __init__(self, transcript: Transcript, *, restless: bool) -> None:
        super().__init__(transcript)
        self._restless = restless

    def number(self, shape: tuple[int, ...], args: list[Any]) -> Array:
        """See :meth:`Impostor.number`."""
        asked = [each for each in args if not isinstance(each, Handle)]
        seed = [zlib.crc32(wire.encode(asked)), *shape, self._asked if self._restless else 0]
        return np.random.default_rng(seed).normal(size=shape)


class Memory(Impostor):
    """Gives back what it has been sent: weights that were set, targets for inputs that it was trained on."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__(transcript)
        self._sent: list[Array] = []

    def hear(self, args: list[Any]) -> None:
        """See :meth:`Impostor.hear`."""
        self._sent += list(_arrays(args))

    def number(self, shape: tuple[int, ...], args: list[Any]) -> Array:
        """See :meth:`Impostor.number`."""
        asked = [array.tobytes() for array in _arrays(args)]
        known = [array for array in self._sent if array.shape == shape and array.tobytes() not in asked]
        return known[-1] if known else np.zeros(shape)


def impostors(transcript: Transcript) -> Iterator[tuple[str, Impostor]]:
    """Yields impostors, each with what it does.

    Args:
        transcript: What an honest worker said in the same checks with the same seed.
    """
    yield "zeros everywhere", Constant(transcript, 0.0)
    yield "ones everywhere", Constant(transcript, 1.0)
    yield "random numbers", Noise(transcript, restless=False)
    yield "random numbers, new ones each time", Noise(transcript, restless=True)
    yield "what it was sent", Memory(transcript)


def _arrays(value: Any) -> Iterator[Array]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _arrays(each)
    elif isinstance(value, dict):
        yield from _arrays([*value.values()])
