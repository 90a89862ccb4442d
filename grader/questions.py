"""Questions: exercises that a choice or a number answers, without writing code.

The visible check takes an answer and does not know which is right: the learner predicts, then sees. What is
right, and why the rest is not, stands in ``answers.py`` alone.
"""

from __future__ import annotations

import itertools
import json
import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grader.compare import Finding, expect, kind_of
from grader.exercise import Answer, Exercise, Key, Mistake, Status
from grader.messages import _

POINTS = 1
MAX_REASON = 600
"""Characters of a reason that reach the learner."""
_MAX_TEXT = 500
"""Characters of an answer that are looked at."""
_AROUND = "「」『』【】()[]\"'`“”‘’.,:;、。"
_KATAKANA = {code: code + 0x60 for code in range(ord("ぁ"), ord("ゖ") + 1)}
_MINUS = str.maketrans(dict.fromkeys("−‐‑–—", "-"))
_QUOTES = "「」『』()[]\"'`“”‘’"
_NUMBER = re.compile(r"[+-]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,3})?")
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Choice:
    """One of some options.

    Attributes:
        symbol: The variable that holds the answer.
        options: Their texts, by letter.
    """

    symbol: str
    options: Mapping[str, str]

    @property
    def template(self) -> str:
        """The cell that the learner starts from; Colab makes a drop-down list of it."""
        return f'{self.symbol} = ""  # @param {json.dumps(["", *self.options], ensure_ascii=False)}\n'

    def words(self) -> list[str]:
        """Returns what the lesson says of it, too: letters and texts."""
        return [each for pair in self.options.items() for each in pair]

    def code(self, answer: str) -> str:
        """Returns the line that gives an answer."""
        return f"{self.symbol} = {json.dumps(answer, ensure_ascii=False)}"

    def how(self) -> str:
        """Says how the question is answered."""
        return _(
            "Write one of {options} between the quotes of the answer cell, and run it and the check."
        ).format(options=self._letters)

    def shown(self, answer: str) -> str:
        """Returns an answer as it was understood: letter and text."""
        return f"{answer}: {self.options[answer]}"

    def read(self, given: Any) -> str:
        """Understands an answer: an option's letter, its text or both, in any width, case and kana.

        Args:
            given: What the learner's variable holds.

        Returns:
            The option's letter.

        Raises:
            Finding: If nothing is there, or none of the options.
        """
        given = _scalar(given)
        if isinstance(given, (int, float)) and not isinstance(given, bool):
            given = _plain_number(given)
        text = _bare(given) if isinstance(given, str) and len(given) <= _MAX_TEXT else None
        if text == "":
            raise Finding(Status.NOT_ATTEMPTED, self.how())
        found = [letter for letter in self.options if text in self._spellings(letter)]
        expect(len(found) == 1, self._not_taken(given))
        return found[0]

    def understood(self, given: Any) -> str:
        """Returns what :meth:`read` makes of an answer, in words."""
        return self.shown(self.read(given))

    def check(self, answer: Answer) -> None:
        """Takes an answer; knows nothing of right and wrong."""
        self.read(answer.value(self.symbol))

    def faults(self) -> Iterator[str]:
        """Yields what is wrong with the question itself."""
        if len(self.options) < 2:
            yield "a question has two options at least"
        if not all(_bare(each) for pair in self.options.items() for each in pair):
            yield "an option needs a letter and a text"
        for one, other in itertools.combinations(self.options, 2):
            if both := self._spellings(one) & self._spellings(other):
                yield f"{min(both)!r} may mean {one} and {other}"

    @property
    def _letters(self) -> str:
        return "・".join(self.options)

    def _spellings(self, letter: str) -> set[str]:
        both = [_bare(letter), _bare(self.options[letter])]
        return {*both, *(separator.join(both) for separator in ("", ":", ".", ",", "、", ")"))}

    def _not_taken(self, given: Any) -> str:
        return _("`{name}` must be one of {options}, written between the quotes, but it is {given}.").format(
            name=self.symbol, options=self._letters, given=_named(given)
        )


@dataclass(frozen=True, eq=False)
class Number:
    """A number within bounds.

    Attributes:
        symbol: The variable that holds the answer.
        unit: What it is counted in; may be empty.
        low: The smallest that is taken.
        high: The largest that is taken.
    """

    symbol: str
    unit: str
    low: float
    high: float

    @property
    def template(self) -> str:
        """The cell that the learner starts from; Colab makes a field for a number of it."""
        return f'{self.symbol} = None  # @param {{type: "number"}}\n'

    def words(self) -> list[str]:
        """Returns what the lesson says of it, too: the unit."""
        return [self.unit]

    def code(self, answer: float) -> str:
        """Returns the line that gives an answer."""
        return f"{self.symbol} = {_plain_number(answer)}"

    def how(self) -> str:
        """Says how the question is answered."""
        return _("Write {number} in the place of None in the answer cell, and run it and the check.").format(
            number=self._asked
        )

    def shown(self, answer: float) -> str:
        """Returns an answer as it was understood."""
        return f"{_plain_number(answer)} {self.unit}".strip()

    def read(self, given: Any) -> float:
        """Understands an answer: a number, or a text that is one, with the unit or without.

        Args:
            given: What the learner's variable holds.

        Returns:
            The number.

        Raises:
            Finding: If nothing is there, or no number within the bounds.
        """
        given = number = _scalar(given)
        if isinstance(given, str) and len(given) <= _MAX_TEXT:
            text = (
                _folded(given.translate(_MINUS)).strip(_QUOTES + " ").removesuffix(_folded(self.unit)).strip()
            )
            if not text:
                raise Finding(Status.NOT_ATTEMPTED, self.how())
            number = float(text.replace(",", "")) if _NUMBER.fullmatch(text) else None
        taken = isinstance(number, (int, float)) and not isinstance(number, bool)
        expect(taken and self.low <= number <= self.high, self._not_taken(given))
        return float(number)

    def understood(self, given: Any) -> str:
        """Returns what :meth:`read` makes of an answer, in words."""
        return self.shown(self.read(given))

    def check(self, answer: Answer) -> None:
        """Takes an answer; knows nothing of right and wrong."""
        self.read(answer.value(self.symbol))

    def faults(self) -> Iterator[str]:
        """Yields what is wrong with the question itself."""
        if not -math.inf < self.low < self.high < math.inf:
            yield "the lower bound must be below the upper one"

    @property
    def _asked(self) -> str:
        low, high = _plain_number(self.low), _plain_number(self.high)
        if not self.unit:
            return _("a number from {low} to {high}").format(low=low, high=high)
        return _("a number from {low} to {high} (unit: {unit})").format(low=low, high=high, unit=self.unit)

    def _not_taken(self, given: Any) -> str:
        return _("`{name}` must be {number}, but it is {given}.").format(
            name=self.symbol, number=self._asked, given=_named(given)
        )


Question = Choice | Number


@dataclass(frozen=True)
class Chosen:
    """The right option, and why each other one is wrong.

    Attributes:
        letter: The right one's letter.
        wrong: Reasons by letter.
    """

    letter: str
    wrong: Mapping[str, str]

    def faults(self, question: Question) -> Iterator[str]:
        """Yields what does not fit the question."""
        if not isinstance(question, Choice):
            yield "a number answers it, so its key is made with estimated(…)"
            return
        others = question.options.keys() - {self.letter}
        if self.letter not in question.options:
            yield f"{self.letter!r} is none of its options"
        if without := sorted(others - self.wrong.keys()):
            yield f"no reason says why {', '.join(without)} is wrong"
        if extra := sorted(self.wrong.keys() - others):
            yield f"there is a reason for {', '.join(extra)}, which is no wrong option"
        yield from _faults_of_reasons(self.wrong)

    def completed(self, question: Question, key: Key) -> Key:
        """Returns the key with all that judges and proves the question."""
        assert isinstance(question, Choice)
        text = question.options[self.letter]
        code = question.code

        def hidden(answer: Answer) -> None:
            given = question.read(answer.value(question.symbol))
            expect(given == self.letter, _in_one_line(self.wrong.get(given, "")))

        return replace(
            key,
            reference=f"{code(self.letter)}  # {text}\n",
            alternatives={"its text": code(text), "letter and text": code(question.shown(self.letter))},
            mistakes={
                question.shown(letter): Mistake(code(letter), _in_one_line(self.wrong[letter]))
                for letter in question.options
                if letter != self.letter
            },
            hidden=hidden,
        )


@dataclass(frozen=True)
class Estimated:
    """The right number, and what to tell who is too low or too high.

    Attributes:
        value: The number.
        within: How far off is still right.
        low: The reason for a number that is too small; empty where the bounds leave none.
        high: The reason for one that is too large; empty where the bounds leave none.
    """

    value: float
    within: float
    low: str
    high: str

    def faults(self, question: Question) -> Iterator[str]:
        """Yields what does not fit the question."""
        if not isinstance(question, Number):
            yield "an option answers it, so its key is made with chosen(…)"
            return
        if not question.low <= self.value <= question.high:
            yield f"{self.value!r} is out of its bounds"
        if not 0 <= self.within < math.inf:
            yield "within= is no distance"
        for side, reason, wrong in (
            ("low", self.low, self._wrong_below(question)),
            ("high", self.high, self._wrong_above(question)),
        ):
            if wrong is None and reason:
                yield f"{side}= is a reason for numbers that its bounds do not take"
            if wrong is not None and not reason:
                yield f"no {side}= says why {_plain_number(wrong)} is wrong"
        if not [*question.faults()] and not self._reasons(question):
            yield "every number within its bounds is right"
        yield from _faults_of_reasons(self._reasons(question))

    def completed(self, question: Question, key: Key) -> Key:
        """Returns the key with all that judges and proves the question."""
        assert isinstance(question, Number)
        least = max(self.value - self.within, question.low)
        most = min(self.value + self.within, question.high)
        code = question.code

        def hidden(answer: Answer) -> None:
            given = question.read(answer.value(question.symbol))
            off = abs(given - self.value)
            reason = self.low if given < self.value else self.high
            expect(
                off <= self.within or math.isclose(off, self.within, rel_tol=_ROUNDING),
                _in_one_line(reason),
            )

        wrong = {"too small": self._wrong_below(question), "too large": self._wrong_above(question)}
        reasons = {"too small": self.low, "too large": self.high}
        return replace(
            key,
            reference=f"{code(self.value)}  # {question.unit}".removesuffix("  # ") + "\n",
            alternatives={
                "a text with the unit": f"{question.symbol} = {question.shown(self.value)!r}",
                "the least that is right": code(least),
                "the most that is right": code(most),
            },
            mistakes={
                label: Mistake(code(number), _in_one_line(reasons[label]))
                for label, number in wrong.items()
                if number is not None
            },
            hidden=hidden,
        )

    def _reasons(self, question: Number) -> dict[str, str]:
        below, above = self._wrong_below(question), self._wrong_above(question)
        return ({} if below is None else {"low=": self.low}) | ({} if above is None else {"high=": self.high})

    def _wrong_below(self, question: Number) -> float | None:
        """Returns a number that is just too small, where the bounds take one."""
        room = self.value - self.within - question.low
        return _beyond(self.value - self.within, -room, question) if room > 0 else None

    def _wrong_above(self, question: Number) -> float | None:
        """Returns a number that is just too large, where the bounds take one."""
        room = question.high - self.value - self.within
        return _beyond(self.value + self.within, room, question) if room > 0 else None


Right = Chosen | Estimated


def question(*, id: str, title: str, options: Mapping[str, str], hints: tuple[str, ...] = ()) -> Exercise:
    """Makes an exercise that is answered by choosing one of some options; worth one point.

    Args:
        id: ``chNN.name``; the variable ``name`` holds the answer.
        title: Title in Japanese.
        options: Texts by letter, such as ``{"ア": "…", "イ": "…"}``; they stand in the lesson, too.
        hints: As of any exercise.
    """
    return _exercise(id, title, hints, Choice(id.partition(".")[2], dict(options)))


def number_question(
    *, id: str, title: str, unit: str, low: float, high: float, hints: tuple[str, ...] = ()
) -> Exercise:
    """Makes an exercise that is answered by a number; worth one point.

    Args:
        id: ``chNN.name``; the variable ``name`` holds the answer.
        title: Title in Japanese.
        unit: What the number counts, such as ``"%"``; may be empty.
        low: The smallest number that is taken.
        high: The largest.
        hints: As of any exercise.
    """
    return _exercise(id, title, hints, Number(id.partition(".")[2], unit, low, high))


def chosen(letter: str, /, *, explanation: str, wrong: Mapping[str, str]) -> Key:
    """Makes the key of a question.

    Args:
        letter: The right option's letter.
        explanation: Why it is right, in Japanese.
        wrong: For each other option's letter, why it is wrong: a sentence or two that the learner is told.
    """
    return Key(reference="", explanation=explanation, right=Chosen(letter, dict(wrong)))


def estimated(value: float, /, *, within: float, explanation: str, low: str = "", high: str = "") -> Key:
    """Makes the key of a question for a number.

    Args:
        value: The right number.
        within: How far off is still right.
        explanation: Why it is right, in Japanese.
        low: What the learner is told of a number that is too small.
        high: What the learner is told of a number that is too large.
    """
    return Key(reference="", explanation=explanation, right=Estimated(value, within, low, high))


def faults(exercise: Exercise, key: Key | None) -> list[str]:
    """Says what is wrong with a question, or that an exercise and its key are of two kinds.

    Args:
        exercise: Any exercise.
        key: Its key, where it is at hand.

    Returns:
        One line for each fault.
    """
    asked, right = exercise.question, key.right if key is not None else None
    if asked is None:
        return [] if right is None else [f"{exercise.id} is no question, but its key is one's"]
    found = [*asked.faults()]
    if not asked.symbol.isidentifier():
        found.append(f"{asked.symbol!r} cannot be a variable")
    if right is not None:
        found += right.faults(asked)
    elif key is not None:
        found.append("its key is made with chosen(…) or estimated(…)")
    return [f"{exercise.id}: {fault}" for fault in found]


def completed(exercise: Exercise, key: Key) -> Key:
    """Returns a key with all that judges and proves the exercise.

    Args:
        exercise: Any exercise, without :func:`faults`.
        key: Its key; only a question's gains something.
    """
    if exercise.question is None or key.right is None:
        return key
    return key.right.completed(exercise.question, key)


def _exercise(exercise_id: str, title: str, hints: tuple[str, ...], asked: Question) -> Exercise:
    return Exercise(
        id=exercise_id,
        title=title,
        points=POINTS,
        symbols=(asked.symbol,),
        template=asked.template,
        check=asked.check,
        hints=hints,
        question=asked,
    )


def _faults_of_reasons(reasons: Mapping[str, str]) -> Iterator[str]:
    texts = {name: _in_one_line(reason) for name, reason in reasons.items()}
    for name, text in texts.items():
        if not text:
            yield f"the reason for {name} is empty"
        if len(text) > MAX_REASON:
            yield f"the reason for {name} is longer than {MAX_REASON} characters"
    for one, other in itertools.permutations(texts, 2):
        if texts[one] and texts[one] in texts[other]:
            yield f"the reason for {one} stands in that for {other}, too"


def _beyond(edge: float, room: float, question: Number) -> float:
    """Returns a number a little beyond an edge, within the bounds."""
    step = min(abs(room), (question.high - question.low) / 100)
    return edge + math.copysign(step, room)


def _scalar(given: Any) -> Any:
    return given.item() if isinstance(given, (np.ndarray, np.generic)) and given.shape == () else given


def _bare(text: str) -> str:
    """Returns a text in one width, case and kana, without blanks and the signs that stand around it."""
    return "".join(_folded(text).split()).strip(_AROUND)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().translate(_KATAKANA).strip()


def _in_one_line(text: str) -> str:
    return " ".join(text.split())


def _plain_number(number: float) -> str:
    whole = isinstance(number, int) or (math.isfinite(number) and number == int(number))
    return str(int(number)) if whole and abs(number) < 1e15 else repr(number)


def _named(given: Any) -> str:
    """Names what was given in a message, shortly."""
    if isinstance(given, str):
        return repr(given if len(given) <= 40 else given[:39] + "…")
    if isinstance(given, (bool, float)):
        return repr(given)
    return str(given) if isinstance(given, int) and abs(given) < 1e15 else kind_of(given)
