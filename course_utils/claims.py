"""Statements of the report and of the papers, each checked against what this run measured.

What a chapter claims stands in its ``claims.toml``, a table for each claim::

    ["ch05.parameters.resnet20"]
    statement = "ResNet-20 の学習できるパラメータは 269,722 個"
    source = "He et al. 2016、表 6 (0.27M)"
    value = 269722

``value`` is exact, for integers, booleans and text; a real number has a ``band = [low, high]`` instead, whose
ends belong to it and may be ``inf``. ``unit`` is optional, and so is ``verdict``, by default 成り立つ.

The same file holds the alternative texts of the chapter's figures, by the name that the lesson gives::

    [figures]
    "ch05.gradients" = "横軸は層の番号、縦軸は勾配の大きさ。…"
"""

from __future__ import annotations

import functools
import html
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils.runtime import PROFILES
from course_utils.tables import Table, result_table

VERDICTS = (
    "成り立つ",
    "条件つきで成り立つ",
    "この規模では成り立たない",
    "この規模では分からない",
    "成り立たない",
)
"""What a check can say of a statement; the last is for what no scale would change."""

CLAIMS_MIME = "application/vnd.deep-learning-day4.claims+json"
"""Type under which a notebook's table of claims holds them as data, for ``grader claims``."""

CHAPTERS = Path(__file__).resolve().parent.parent / "chapters"
"""Where the chapters' folders lie."""

WIDEST = 100.0
"""How many times its lower end a positive band's upper end may be; a wider one says next to nothing."""

FIGURES = "figures"
"""The table of ``claims.toml`` that holds alternative texts instead of a claim."""

_KEYS = {"statement", "source", "value", "band", "unit", "verdict", "profile"}
_FIGURE = re.compile(r"(ch\d\d)\.\w+")
_QUESTION = re.compile(r"(か|どれだけ|何倍|いくつ)[。?？]?(\s*[(（].*[)）])?$")
_HEADINGS = {
    "statement": "主張",
    "measured": "測定",
    "stated": "想定した範囲",
    "verdict": "判定",
    "source": "出典",
}


@dataclass(frozen=True)
class Declared:
    """A claim as ``claims.toml`` states it.

    Attributes:
        id: ``chNN.name``.
        statement: A sentence that can be true or false, in Japanese.
        source: Who states it: the report, or a paper with its table or figure.
        value: The exact value; ``None`` where there is a band.
        band: Lowest and highest value that agree, both included; ``None`` where there is a value.
        unit: Unit of the value or the band.
        verdict: What it says of the statement when the measured value agrees.
        profile: The smallest profile that checks it, ``"quick"`` or ``"full"``.
    """

    id: str
    statement: str
    source: str
    value: Any = None
    band: tuple[float, float] | None = None
    unit: str = ""
    verdict: str = VERDICTS[0]
    profile: str = "quick"

    def agrees(self, measured: Any) -> bool:
        """Tells whether a measured value is the exact value, or lies within the band."""
        if self.band is None:
            return bool(measured == self.value)
        return bool(self.band[0] <= measured <= self.band[1])

    @property
    def stated(self) -> str:
        """The exact value or the band, formatted."""
        if self.band is None or self.band[0] == self.band[1]:
            value = self.value if self.band is None else self.band[0]
            return f"ちょうど {_number(value, self.unit)}" if _is_number(value) else _number(value)
        low, high = self.band
        if math.isinf(high):
            return f"{_number(low, self.unit)} 以上"
        if math.isinf(low):
            return f"{_number(high, self.unit)} 以下"
        return f"{_number(low)}〜{_number(high, self.unit)}"


@dataclass(frozen=True)
class Claim:
    """A claim, and what was measured for it.

    Attributes:
        declared: What was stated beforehand.
        measured: What this run measured.
    """

    declared: Declared
    measured: Any

    @property
    def holds(self) -> bool:
        """Whether the measured value agrees with what was stated beforehand."""
        return self.declared.agrees(self.measured)

    def __str__(self) -> str:
        texts = self.texts()
        return (
            f"【{texts['verdict']}】{texts['statement']} — 測定 {texts['measured']} "
            f"(想定 {texts['stated']}) {'✔' if self.holds else '✘'}"
        )

    def texts(self) -> dict[str, str]:
        """Formats the claim: ``id``, ``statement``, ``measured``, ``stated``, ``verdict``, ``source``."""
        declared = self.declared
        return {
            "id": declared.id,
            "statement": declared.statement,
            "measured": _number(self.measured, declared.unit),
            "stated": declared.stated,
            "verdict": declared.verdict if self.holds else "確認できませんでした",
            "source": declared.source,
        }


@dataclass(frozen=True, repr=False)
class ClaimsTable(Table):
    """A table of claims that a notebook shows folded, and keeps as data too.

    Attributes:
        claims: :meth:`Claim.texts` of each.
    """

    claims: tuple[dict[str, str], ...] = ()

    def _repr_html_(self) -> str:
        summary = html.escape(f"この章で確かめた主張 {len(self.claims)} 件と、その測定")
        return f"<details><summary>{summary}</summary>{super()._repr_html_()}</details>"

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            "text/html": self._repr_html_(),
            "text/plain": repr(self),
            CLAIMS_MIME: list(self.claims),
        }


_claims: dict[str, Claim] = {}


def claim(id: str, measured: Any) -> None:
    """Checks a statement of the chapter's ``claims.toml`` against a measured value, and prints one line.

    Args:
        id: ``chNN.name``; the same id again replaces what was measured before.
        measured: What this run measured.

    Raises:
        AssertionError: If the measured value is not the exact value, or lies outside the band.
        KeyError: If the chapter declares no such claim.
    """
    chapter = id.partition(".")[0]
    known = {name: each for path in _declarations(chapter) for name, each in read(path).items()}
    if id not in known:
        raise KeyError(
            f"{id} は chapters/{chapter}_…/claims.toml にありません。 / "
            f"{id} is not in chapters/{chapter}_…/claims.toml."
        )
    measured = measured.item() if hasattr(measured, "item") else measured
    _claims[id] = result = Claim(known[id], measured)
    print(result)
    if not result.holds:
        texts = result.texts()
        raise AssertionError(
            f"{id}: 測定値 {texts['measured']} は、想定 ({texts['stated']}) に合いません。 / "
            f"{id}: measured {texts['measured']}, which does not agree with what was stated."
        )


@functools.cache
def read(path: Path) -> Mapping[str, Declared]:
    """Reads the claims of a chapter.

    Args:
        path: Its ``claims.toml``.

    Returns:
        The claims by id, in the order of the file.

    Raises:
        ValueError: If a claim is not one that can be checked, or that could fail.
    """
    chapter = path.parent.name.partition("_")[0]
    return {id: _declared(id, table, chapter) for id, table in _tables(path).items() if id != FIGURES}


def read_figures(path: Path) -> Mapping[str, str]:
    """Reads the alternative texts of a chapter's figures.

    Args:
        path: Its ``claims.toml``.

    Returns:
        The texts by name.
    """
    return dict(_tables(path).get(FIGURES, {}))


def alternative_text(text: str) -> str:
    """Looks up a figure's alternative text where only its name is given.

    Args:
        text: The text itself, or its name ``chNN.name`` in the chapter's ``claims.toml``.

    Returns:
        The text.

    Raises:
        KeyError: If the chapter has no figure of that name.
    """
    named = _FIGURE.fullmatch(text)
    if named is None:
        return text
    known = {name: each for path in _declarations(named[1]) for name, each in read_figures(path).items()}
    if text not in known:
        raise KeyError(
            f"図の説明 {text} が chapters/{named[1]}_…/claims.toml の [figures] にありません。 / "
            f"{text} is not among [figures] in chapters/{named[1]}_…/claims.toml."
        )
    return known[text]


def _declarations(chapter: str) -> list[Path]:
    return [*CHAPTERS.glob(f"{chapter}_*/claims.toml")]


@functools.cache
def _tables(path: Path) -> Mapping[str, Mapping[str, Any]]:
    return tomllib.loads(path.read_text("utf-8"))


def _declared(id: str, table: Mapping[str, Any], chapter: str) -> Declared:
    def require(truth: bool, japanese: str, english: str) -> None:
        if not truth:
            raise ValueError(f"claims.toml, {id}: {japanese} / {english}")

    require(
        id.startswith(f"{chapter}."), f"名前は {chapter}. で始めます。", f"its name begins with {chapter}."
    )
    require(
        {"statement", "source"} <= table.keys() <= _KEYS,
        f"キーは {', '.join(sorted(_KEYS))} で、statement と source は必ず要ります。",
        f"its keys are of {', '.join(sorted(_KEYS))}, with a statement and a source.",
    )
    require(
        ("value" in table) != ("band" in table),
        "value か band のどちらか一方を書きます。",
        "give exactly one of value and band.",
    )
    require(
        not isinstance(table.get("value"), float),
        "実数は value ではなく band = [下限, 上限] で確かめます。",
        "check a real number by band = [low, high], not by value.",
    )
    require(
        not _QUESTION.search(table["statement"]),
        "主張は、正しいか正しくないかが言える文にします。問いには判定が付きません。",
        "a statement is a sentence that can be true or false, not a question.",
    )
    verdict = table.get("verdict", VERDICTS[0])
    require(
        verdict in VERDICTS,
        f"判定は {'、'.join(VERDICTS)} のどれかです。",
        f"the verdict is none of {VERDICTS}.",
    )
    band = None
    if "band" in table:
        low, high = (float(end) for end in table["band"])
        require(low <= high, "band の下限が上限より大きくなっています。", "the band is empty.")
        wide = math.isinf(low) and math.isinf(high)
        wide = wide or (low > 0 and not math.isinf(high) and high > WIDEST * low)
        require(
            not wide,
            "この band に収まらない値は、まずありません。狭めるか、片側を inf にします。",
            "hardly any value lies outside this band: narrow it, or let one end be inf.",
        )
        band = (low, high)
    profile = table.get("profile", "quick")
    require(profile in PROFILES, "profile は quick か full です。", "its profile is quick or full.")
    return Declared(
        id,
        table["statement"],
        table["source"],
        table.get("value"),
        band,
        table.get("unit", ""),
        verdict,
        profile,
    )


def recorded_claims() -> list[Claim]:
    """Returns the claims of this run, in the order in which they were first checked."""
    return list(_claims.values())


def claims_table() -> ClaimsTable:
    """Builds a table of this run's claims.

    Returns:
        One row per claim; as a cell's last line it is shown, folded.

    Raises:
        ValueError: If no claim was checked yet.
    """
    claims = tuple(each.texts() for each in recorded_claims())
    table = result_table([{title: texts[key] for key, title in _HEADINGS.items()} for texts in claims])
    return ClaimsTable(table.columns, table.cells, table.numeric, table.caption, claims)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _number(value: Any, unit: str = "") -> str:
    if isinstance(value, bool):
        return "はい" if value else "いいえ"
    if isinstance(value, int):
        text = f"{value:,}"
    elif isinstance(value, float):
        text = f"{value:z.4g}"
    else:
        text = str(value)
    return f"{text} {unit}" if unit else text
