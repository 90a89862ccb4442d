"""What the judge and the learner's side say to each other, and what the judge makes of it.

A request is a dict with ``op`` (``call``, ``value`` or ``probe``), ``name``, ``args`` and ``kwargs``. A reply
is a dict with one key: ``result``; ``missing`` (the symbol is not defined, is ``None``, or raised
``NotImplementedError``); ``raised`` (a :class:`Failure`); ``refused`` (the result is not plain data); or
``misused`` (the check asked for something that does not exist; believed in the notebook alone). Beside a
``result``, ``changed`` says which argument a call has changed in place.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from grader.exercise import Status
from grader.messages import _
from grader.protocol import wire

MAX_REASON = 600
FORK, KILL, REAP = b"F", b"K", b"R"
"""What the judge tells the worker on the socket that starts and ends children."""


class AnswerFault(Exception):
    """The answer did not come to a value, so there is nothing to compare.

    Attributes:
        status: What happened.
        reason: What the learner is told.
    """

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Failure:
    """An exception in the learner's code, as data.

    Attributes:
        error: Name of its type.
        message: Its message, shortened.
        line: Line in the cell, from 1; 0 where it is not known.
        source: Text of that line, shortened.
        limit: Limit that it ran into: a key of :func:`limit_words`, or empty.
    """

    error: str
    message: str = ""
    line: int = 0
    source: str = ""
    limit: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Returns the failure as plain data."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Any) -> Failure:
        """Reads a failure that an untrusted side reports.

        Raises:
            WireError: If it is not one.
        """
        if not isinstance(data, dict) or set(data) != set(cls.__dataclass_fields__):
            raise malformed()
        failure = cls(**data)
        texts = (failure.error, failure.message, failure.source, failure.limit)
        if not all(isinstance(text, str) for text in texts) or type(failure.line) is not int:
            raise malformed()
        return failure

    def fault(self) -> AnswerFault:
        """Returns the verdict on an answer that failed so."""
        if self.limit == "memory":
            return AnswerFault(Status.MEMORY_LIMIT, memory_reason())
        if limit := limit_words().get(self.limit):
            return AnswerFault(Status.RESOURCE_LIMIT, limit_reason(limit))
        return AnswerFault(Status.RAISED, self.reason())

    def reason(self) -> str:
        """Tells the learner what happened, where, and what to do."""
        error = f"{self.error}: {self.message}" if self.message else self.error
        if not self.line:
            return _("Your code stopped with {error}. Run it by hand and mend it.").format(error=error)
        return _(
            "Your code stopped with {error} at line {line} of its cell (`{source}`). "
            "Run the cell by hand and mend that line."
        ).format(error=error, line=self.line, source=self.source)


class ProtocolAnswer:
    """An :class:`~grader.exercise.Answer` over an exchange of payloads.

    Attributes:
        rng: Source of the inputs of the check that runs.
        changed: The first argument that a call of this check changed in place: its number, from 1, or its
            keyword; empty for none.
        trusted: Whether the other side is believed when it says that the check asked for something that does
            not exist. A learner's process is not: it could say so to have a wrong answer excused.
    """

    trusted = False

    def __init__(self, exchange: Callable[[bytes], bytes], seed: int | None = None) -> None:
        """Creates an answer.

        Args:
            exchange: Takes a request to the learner's side and gives its reply.
            seed: Seed of the checks' inputs; by default a secret one.
        """
        self._exchange = exchange
        self._seed = secrets.randbits(128) if seed is None else seed
        self.rng = np.random.default_rng(self._seed)
        self.changed = ""

    def begin(self, exercise_id: str, check: str) -> None:
        """Gives a check its own random stream.

        Args:
            exercise_id: Id of the exercise.
            check: Name of the check within it.
        """
        names = [zlib.crc32(name.encode()) for name in (exercise_id, check)]
        self.rng = np.random.default_rng([self._seed, *names])
        self.changed = ""

    def call(self, symbol: str, /, *args: Any, **kwargs: Any) -> Any:
        """Calls the learner's function; see :meth:`grader.exercise.Answer.call`."""
        return self._ask("call", symbol, args, kwargs)

    def value(self, symbol: str, /) -> Any:
        """Returns the learner's variable; see :meth:`grader.exercise.Answer.value`."""
        return self._ask("value", symbol, (), {})

    def probe(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Calls a public helper; see :meth:`grader.exercise.Answer.probe`."""
        return self._ask("probe", name, args, kwargs)

    def _ask(self, op: str, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        request = wire.encode({"op": op, "name": name, "args": args, "kwargs": dict(kwargs)})
        try:
            reply = wire.decode(self._exchange(request))
            if self.trusted and isinstance(reply, dict) and "misused" in reply:
                raise LookupError(reply["misused"])
            self.changed = self.changed or _changed_argument(reply, args, kwargs)
            return _result(reply)
        except wire.WireError as error:
            raise AnswerFault(Status.REFUSED, refused_reason(str(error))) from error


def malformed() -> wire.WireError:
    """Returns the error for a message that is no part of this protocol."""
    return wire.WireError(_("the data is malformed"))


def not_attempted_reason() -> str:
    """Tells the learner that there is nothing to judge yet."""
    return _("There is no answer yet. Write it in the cell of this exercise and run the cell.")


def memory_reason() -> str:
    """Tells the learner that memory ran out."""
    return _("Your code used more memory than it may. Work on smaller arrays or batches.")


def pieces(text: str) -> list[str]:
    """Splits a text into pieces that may be sent."""
    return [text[start : start + wire.MAX_STRING] for start in range(0, len(text), wire.MAX_STRING)]


def limit_words() -> dict[str, str]:
    """Names what learners' code can run out of, other than time and memory."""
    return {
        "file size": _("the size of one file"),
        "scratch": _("the space for files"),
        "processes": _("the number of processes and threads"),
        "open files": _("the number of open files"),
    }


def limit_reason(limit: str) -> str:
    """Tells the learner which limit was met.

    Args:
        limit: One of the words of :func:`limit_words`.
    """
    return _("Your code went beyond what an exercise may use: {limit}. Use less of it.").format(limit=limit)


def changed_reason(argument: str) -> str:
    """Tells the learner that a function changed what it was given.

    Args:
        argument: The argument's number, from 1, or its keyword.
    """
    return _(
        "Your function changes its argument ({argument}) in place. Leave what it is given as it is: copy it, "
        "or compute something new."
    ).format(argument=argument)


def refused_reason(problem: str) -> str:
    """Tells the learner that a result cannot be judged."""
    return _("Your result cannot be judged: {problem}.").format(problem=problem)


def one_line(text: str, limit: int = MAX_REASON) -> str:
    """Returns text as one printable line of limited length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * limit]).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _changed_argument(reply: Any, args: Collection[Any], kwargs: Mapping[str, Any]) -> str:
    """Returns which argument the other side says that a call changed: one that there is, and nothing else."""
    changed = reply.get("changed", "") if isinstance(reply, dict) else ""
    if not isinstance(changed, str) or changed not in ("", *map(str, range(1, len(args) + 1)), *kwargs):
        raise malformed()
    return changed


def _result(reply: Any) -> Any:
    match list(reply.items()) if isinstance(reply, dict) else None:
        case [("result", result)] | [("result", result), ("changed", _)]:
            return result
        case [("missing", str())]:
            raise AnswerFault(Status.NOT_ATTEMPTED, not_attempted_reason())
        case [("raised", failure)]:
            raise Failure.from_data(failure).fault()
        case [("refused", str(problem))]:
            raise AnswerFault(Status.REFUSED, refused_reason(one_line(problem, 200)))
    raise malformed()
