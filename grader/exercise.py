"""The exercise model: what a chapter's ``exercises.py`` and ``answers.py`` are written with.

``question``, ``number_question``, ``chosen`` and ``estimated`` are here, too, for exercises that are answered
without writing code; they are defined in :mod:`grader.questions`.

A check is a plain function over an :class:`Answer`. It calls the learner's code, receives plain
data, and compares it with the functions of :mod:`grader.compare`; the first comparison that does
not hold ends it. In the notebook the answer is the learner's own function; in the grader the
call crosses to another process. The check cannot tell the difference.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from grader.questions import Question, Right, chosen, estimated, number_question, question

__all__ = [
    "Answer",
    "Check",
    "Exercise",
    "Handle",
    "Key",
    "Mistake",
    "Status",
    "changed",
    "chosen",
    "estimated",
    "number_question",
    "question",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("grader.questions"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Status(StrEnum):
    """What became of an exercise. Only :attr:`PASSED` earns points."""

    PASSED = "passed"
    WRONG_VALUE = "wrong value"
    WRONG_SHAPE = "wrong shape"
    WRONG_TYPE = "wrong type"
    NOT_ATTEMPTED = "not attempted"
    RAISED = "raised"
    TIME_LIMIT = "time limit"
    MEMORY_LIMIT = "memory limit"
    RESOURCE_LIMIT = "resource limit"
    WORKER_DIED = "worker died"
    REFUSED = "refused"
    GRADER_FAULT = "grader fault"


@dataclass(frozen=True)
class Handle:
    """An object that stays on the learner's side, such as a Keras model.

    It can be passed back as an argument of :meth:`Answer.call` and :meth:`Answer.probe`.

    Attributes:
        key: Number of the object on its side.
        kind: Names of the object's classes, most derived first, such as ``("Functional", "Model", "Layer")``.
            Said by the learner's side: good for a message, no proof of anything.
    """

    key: int
    kind: tuple[str, ...] = ()


class Answer(Protocol):
    """A learner's answer to one exercise.

    Arguments and results are plain data: ``None``, ``bool``, ``int``, ``float``, ``str``, NumPy
    arrays, lists, tuples and dicts (keys: text or integers) of these, and :class:`Handle`. Tensors come
    back as NumPy arrays. Any other result comes back as a handle.
    """

    @property
    def rng(self) -> np.random.Generator:
        """Source of the inputs that a check draws; in the grader its seed is secret."""
        ...

    def call(self, symbol: str, /, *args: Any, **kwargs: Any) -> Any:
        """Calls the learner's function ``symbol``."""
        ...

    def value(self, symbol: str, /) -> Any:
        """Returns the learner's variable ``symbol``; ``None`` means not attempted."""
        ...

    def probe(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        """Calls a public helper beside the learner's code.

        Args:
            name: Name of a function in :mod:`grader.probes` or in the chapter's ``probes.py``.
            *args: Plain data and handles.
            **kwargs: Plain data and handles.

        Returns:
            Plain data or a handle. A probe runs in the learner's process: what it returns is a
            claim of that process. Let the judge choose the inputs and weights and compare outputs.
        """
        ...


Check = Callable[[Answer], None]


@dataclass(frozen=True, kw_only=True)
class Exercise:
    """The public part of an exercise.

    Attributes:
        id: ``chNN.name``; the notebook cell that answers it holds the line ``# EXERCISE chNN.name``.
        title: Title in Japanese.
        points: Points for a pass.
        symbols: Names that the answer must define.
        template: Code that the learner starts from. It runs, and its functions raise
            ``NotImplementedError`` or its variables are ``None``: that is "not attempted".
        check: The visible check.
        hints: From a nudge to almost the answer, in Japanese.
        time_limit: Seconds for the answer and all its checks.
        may_change_arguments: Whether the answer may change what it is given in place, as its text says.
        question: What is asked, where a choice or a number answers it; ``None`` where code does.
    """

    id: str
    title: str
    points: int
    symbols: tuple[str, ...]
    template: str
    check: Check
    hints: tuple[str, ...] = ()
    time_limit: float = 30.0
    may_change_arguments: bool = False
    question: Question | None = None


@dataclass(frozen=True)
class Mistake:
    """A known wrong answer.

    Attributes:
        code: The wrong code.
        reason: A part of the message that it must be told, and no other mistake of the exercise.
    """

    code: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Key:
    """The private part of an exercise.

    Attributes:
        reference: Code that passes; shown by ``solution`` where the answers are at hand.
        explanation: Why it is right, in Japanese.
        alternatives: Other code that must pass, by what is different about it.
        mistakes: Code that must fail, by what is wrong with it.
        hidden: A check that the learner does not see; runs after the visible one.
        results_used_up: Whether what the answer returns is of use once, as a model that is then trained. What
            the visible check was given cannot pass it a second time then.
        may_be_pasted: Why a function of the course or of the lesson may answer the exercise as it is; empty
            where none does.
        equivalent: Why a mutant that ``grader mutate`` makes of right answers is right too, by its changed
            lines, or by text that stands in these and not in those before. ``"*"`` is each that passes: where
            only what comes out counts, as how well a model learned.
        right: The right answer of a question; the chapter's loader makes reference, alternatives, mistakes
            and the hidden check of it.
    """

    reference: str
    explanation: str = ""
    alternatives: Mapping[str, str] = field(default_factory=dict)
    mistakes: Mapping[str, Mistake] = field(default_factory=dict)
    hidden: Check | None = None
    results_used_up: bool = False
    may_be_pasted: str = ""
    equivalent: Mapping[str, str] = field(default_factory=dict)
    right: Right | None = None


def changed(code: str, old: str, new: str) -> str:
    """Makes a known mistake or another right answer out of a longer one, by changing one place.

    Args:
        code: The longer answer.
        old: What stands there, exactly once.
        new: What stands there instead.

    Returns:
        The changed code.

    Raises:
        ValueError: If ``old`` does not occur exactly once.
    """
    if code.count(old) != 1:
        raise ValueError(f"{old!r} must occur once in:\n{code}")
    return code.replace(old, new)
