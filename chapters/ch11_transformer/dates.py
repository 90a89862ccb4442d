"""Japanese ways to write a date, and the one way that machines agree on: data whose right answer is known.

A date is written in one of :data:`STYLES` and is to be turned into ISO 8601, ``2021-05-07``. A program of
a dozen rules does that too; it is learnt here because every answer can be checked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

ERAS = (
    ("令和", "R", date(2019, 5, 1)),
    ("平成", "H", date(1989, 1, 8)),
    ("昭和", "S", date(1926, 12, 25)),
    ("大正", "T", date(1912, 7, 30)),
    ("明治", "M", date(1868, 1, 25)),
)
"""Name, initial and first day of each era, the newest first."""

FIRST_DAY = date(1873, 1, 1)
"""明治 6 年 1 月 1 日: before it Japan counted by a lunisolar calendar."""
LAST_DAY = date(2049, 12, 31)

WEEKDAYS = "月火水木金土日"
KANJI_DIGITS = "〇一二三四五六七八九"

PAD, START, END = 0, 1, 2
_SPECIAL = ("·", "^", "$")

Ids = npt.NDArray[np.int32]


def era_of(day: date) -> tuple[str, str, int]:
    """Finds the era of a day.

    Args:
        day: A day of the Gregorian calendar, from :data:`FIRST_DAY` on.

    Returns:
        Name, initial and year of the era, such as ``("令和", "R", 3)``.

    Raises:
        ValueError: If the day lies before :data:`FIRST_DAY`.
    """
    if day < FIRST_DAY:
        raise ValueError(
            f"明治 6 年 1 月 1 日より前の日付は、暦が違うので扱えません: {day} / "
            f"Days before 1873-01-01 follow another calendar: {day}"
        )
    name, initial, first = next(era for era in ERAS if era[2] <= day)
    return name, initial, day.year - first.year + 1


def kanji_number(number: int) -> str:
    """Writes a number from 1 to 99 as one says it: 21 is 二十一."""
    tens, ones = divmod(number, 10)
    head = "" if tens == 0 else ("" if tens == 1 else KANJI_DIGITS[tens]) + "十"
    return head + (KANJI_DIGITS[ones] if ones else "")


def kanji_digits(number: int) -> str:
    """Writes a number digit by digit: 2021 is 二〇二一."""
    return "".join(KANJI_DIGITS[int(digit)] for digit in str(number))


def full_width(text: str) -> str:
    """Makes ASCII digits as wide as kanji."""
    return text.translate({ord("0") + digit: ord("０") + digit for digit in range(10)})


def _era_date(day: date, number: Callable[[int], str]) -> str:
    name, _, year = era_of(day)
    return f"{name}{'元' if year == 1 else number(year)}年{number(day.month)}月{number(day.day)}日"


def _short_era_date(day: date, form: str, separator: str) -> str:
    _, initial, year = era_of(day)
    return initial + separator.join(format(part, form) for part in (year, day.month, day.day))


def _western_date(day: date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def _with_weekday(text: str, day: date) -> str:
    return f"{text}({WEEKDAYS[day.weekday()]})"


STYLES: dict[str, Callable[[date], str]] = {
    "和暦": lambda day: _era_date(day, str),
    "和暦・全角": lambda day: full_width(_era_date(day, str)),
    "和暦・漢数字": lambda day: _era_date(day, kanji_number),
    "和暦・曜日つき": lambda day: _with_weekday(_era_date(day, str), day),
    "略記・点": lambda day: _short_era_date(day, "d", "."),
    "略記・2 桁": lambda day: _short_era_date(day, "02d", "."),
    "略記・斜線": lambda day: _short_era_date(day, "d", "/"),
    "西暦": _western_date,
    "西暦・全角": lambda day: full_width(_western_date(day)),
    "西暦・漢数字": lambda day: (
        f"{kanji_digits(day.year)}年{kanji_number(day.month)}月{kanji_number(day.day)}日"
    ),
    "西暦・曜日つき": lambda day: _with_weekday(_western_date(day), day),
    "斜線": lambda day: f"{day.year}/{day.month}/{day.day}",
    "斜線・2 桁": lambda day: f"{day.year}/{day.month:02}/{day.day:02}",
    "点": lambda day: f"{day.year}.{day.month}.{day.day}",
}
"""Ways to write a date, by name."""

ERA_STYLES = tuple(style for style in STYLES if style.startswith(("和暦", "略記")))

CHARACTERS = _SPECIAL + tuple(
    "0123456789-"
    + "年月日./()"
    + "".join(name + initial for name, initial, _ in ERAS)
    + "元"
    + KANJI_DIGITS
    + "十"
    + full_width("0123456789")
    + WEEKDAYS.replace("月", "").replace("日", "")
)
"""The vocabulary, shared by both sides: padding, start, end, then every character."""
VOCABULARY = tuple(dict.fromkeys(CHARACTERS))
SOURCE_LENGTH = 14
TARGET_LENGTH = 11
"""Ten characters of an ISO date and the end."""

_ID = {character: index for index, character in enumerate(VOCABULARY)}


def encode(texts: Sequence[str], length: int = SOURCE_LENGTH) -> Ids:
    """Turns texts into rows of ids, padded on the right.

    Args:
        texts: Made of characters of :data:`VOCABULARY`.
        length: Of a row.

    Returns:
        Shape ``(len(texts), length)``, int32.

    Raises:
        ValueError: If a text is too long or has a character that the vocabulary lacks.
    """
    rows = np.full((len(texts), length), PAD, dtype=np.int32)
    for row, text in zip(rows, texts, strict=True):
        unknown = sorted(set(text) - set(_ID))
        if unknown or len(text) > length:
            what = f"使えない文字 {''.join(unknown)}" if unknown else f"{length} 字より長い"
            raise ValueError(
                f"この文字列は読めません ({what}): {text!r} / Cannot encode {text!r}: "
                + (f"unknown characters {unknown}" if unknown else f"longer than {length}")
            )
        row[: len(text)] = [_ID[character] for character in text]
    return rows


def encode_targets(texts: Sequence[str]) -> Ids:
    """Turns ISO dates into rows ``start, ten characters, end``, shape ``(n, TARGET_LENGTH + 1)``."""
    return encode([f"^{text}$" for text in texts], TARGET_LENGTH + 1)


def decode(rows: npt.ArrayLike) -> list[str]:
    """Turns rows of ids into texts, each up to its end; start and padding are left out."""
    texts = []
    for row in np.asarray(rows):
        ends = np.flatnonzero(row == END)
        kept = row[: ends[0]] if len(ends) else row
        texts.append("".join(VOCABULARY[index] for index in kept if index not in (PAD, START)))
    return texts


@dataclass(frozen=True)
class Pairs:
    """Dates, as written and as wanted.

    Attributes:
        days: The dates.
        styles: Names of the styles in which they are written.
        texts: The dates as written.
        wanted: The same in ISO 8601.
    """

    days: tuple[date, ...]
    styles: tuple[str, ...]

    @property
    def texts(self) -> list[str]:
        return [STYLES[style](day) for day, style in zip(self.days, self.styles, strict=True)]

    @property
    def wanted(self) -> list[str]:
        return [day.isoformat() for day in self.days]

    def __len__(self) -> int:
        return len(self.days)


@dataclass(frozen=True)
class Dates:
    """Pairs to learn from and pairs to be tested on; no date is in two of the three, in whatever style."""

    train: Pairs
    validation: Pairs
    test: Pairs


def make_dates(seed: int, train: int = 24_000, validation: int = 500, test: int = 2_000) -> Dates:
    """Draws dates and writes them.

    The days from :data:`FIRST_DAY` to :data:`LAST_DAY` are shuffled and dealt out first: those of the test
    data and of the validation data are set aside, one pair each, and training pairs come from the others.

    Args:
        seed: Of days and styles.
        train: Number of training pairs; a day may come several times.
        validation: Number of validation pairs.
        test: Number of test pairs.

    Returns:
        The pairs.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation((LAST_DAY - FIRST_DAY).days + 1)
    kept = order[validation + test :]
    return Dates(
        train=_write(kept[rng.integers(0, len(kept), train)], rng),
        validation=_write(order[:validation], rng),
        test=_write(order[validation : validation + test], rng),
    )


def _write(offsets: npt.NDArray[Any], rng: np.random.Generator) -> Pairs:
    days = tuple(FIRST_DAY + timedelta(days=int(offset)) for offset in offsets)
    styles = list(STYLES)
    return Pairs(days, tuple(styles[index] for index in rng.integers(0, len(styles), len(days))))


def copy_rule(text: str) -> str:
    """Normalises without knowing eras or kanji: three groups of digits, in their order, made long enough.

    Args:
        text: A date as written.

    Returns:
        An ISO date, or an empty text where there are not three groups of digits.
    """
    groups = re.findall(r"\d+", unicodedata.normalize("NFKC", text))
    return f"{groups[0]:0>4}-{groups[1]:0>2}-{groups[2]:0>2}" if len(groups) == 3 else ""


def exact_match(answers: Sequence[str], wanted: Sequence[str]) -> float:
    """Computes the share of answers that are right to the last character."""
    return float(np.mean([answer == right for answer, right in zip(answers, wanted, strict=True)]))
