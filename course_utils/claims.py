"""Statements of the report and of the papers, each checked against what this run measured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from course_utils.tables import Table, result_table

Verdict = Literal["成り立つ", "成り立たない", "条件つき"]

CLAIMS_MIME = "application/vnd.deep-learning-day4.claims+json"
"""Type under which a notebook's table of claims holds them as data, for ``grader claims``."""

_HEADINGS = {
    "statement": "主張",
    "measured": "測定",
    "stated": "述べた値",
    "verdict": "判定",
    "source": "出典",
}


@dataclass(frozen=True)
class Claim:
    """A statement, and what was measured for it.

    Attributes:
        id: ``chNN.name``.
        statement: The statement, in Japanese.
        source: Who states it: the report, or a paper with its table or figure.
        measured: What this run measured.
        stated: The exact value or the band that was stated beforehand, formatted.
        holds: Whether the measured value is the exact value, or lies within the band.
        verdict: What that says about the statement at this scale.
        unit: Unit of the measured value.
    """

    id: str
    statement: str
    source: str
    measured: Any
    stated: str
    holds: bool
    verdict: Verdict
    unit: str = ""

    def __str__(self) -> str:
        mark = "✔" if self.holds else "✘"
        return (
            f"{mark} {self.statement} — 測定 {_number(self.measured, self.unit)}({self.stated})"
            f" → {self.verdict if self.holds else '確認できませんでした'} [{self.source}]"
        )

    def texts(self) -> dict[str, str]:
        """Formats the claim: ``id``, ``statement``, ``measured``, ``stated``, ``verdict``, ``source``."""
        return {
            "id": self.id,
            "statement": self.statement,
            "measured": _number(self.measured, self.unit),
            "stated": self.stated,
            "verdict": self.verdict if self.holds else "✘",
            "source": self.source,
        }


@dataclass(frozen=True, repr=False)
class ClaimsTable(Table):
    """A table of claims that a notebook keeps as data too.

    Attributes:
        claims: :meth:`Claim.texts` of each.
    """

    claims: tuple[dict[str, str], ...] = ()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {
            "text/html": self._repr_html_(),
            "text/plain": repr(self),
            CLAIMS_MIME: list(self.claims),
        }


_claims: dict[str, Claim] = {}


def claim(
    id: str,
    statement: str,
    source: str,
    measured: Any,
    *,
    expected: Any = None,
    band: tuple[float, float] | None = None,
    unit: str = "",
    verdict: Verdict = "成り立つ",
) -> None:
    """Checks a statement against a measured value, prints one line and remembers it.

    State the band before measuring. Where the statement does not hold at this scale, give the band
    that shows it and ``verdict="成り立たない"``: then the line says so, and the check still guards it.

    Args:
        id: ``chNN.name``; the same id again replaces the earlier claim.
        statement: The statement, in Japanese.
        source: Who states it.
        measured: What this run measured.
        expected: The exact value; for integers, booleans and text.
        band: Lowest and highest value that agree, both included; for real numbers.
        unit: Unit of the measured value.
        verdict: What it says about the statement when the check holds.

    Raises:
        AssertionError: If the measured value is not the exact value, or lies outside the band.
        ValueError: If not exactly one of ``expected`` and ``band`` is given, or a real number has no band.
    """
    if (expected is None) == (band is None):
        raise ValueError(
            f"{id}: expected か band のどちらか一方を指定してください。 / "
            f"{id}: give exactly one of expected and band."
        )
    measured = measured.item() if hasattr(measured, "item") else measured
    if band is None and isinstance(measured, float):
        raise ValueError(
            f"{id}: 実数は expected ではなく band=(下限, 上限) で確かめてください。 / "
            f"{id}: check a real number by band=(low, high), not by expected."
        )
    if band is None:
        holds, stated = bool(measured == expected), f"期待 {_number(expected, unit)}"
    else:
        low, high = band
        holds, stated = bool(low <= measured <= high), f"範囲 {_number(low)}〜{_number(high, unit)}"
    result = Claim(id, statement, source, measured, stated, holds, verdict, unit)
    _claims[id] = result
    print(result)
    if not holds:
        raise AssertionError(
            f"{id}: 測定値 {_number(measured, unit)} は、述べた値({stated})に合いません。 / "
            f"{id}: measured {_number(measured, unit)}, which does not agree with what was stated."
        )


def recorded_claims() -> list[Claim]:
    """Returns the claims of this run, in the order in which they were first checked."""
    return list(_claims.values())


def claims_table() -> ClaimsTable:
    """Builds a table of this run's claims.

    Returns:
        One row per claim; as a cell's last line it is shown.

    Raises:
        ValueError: If no claim was checked yet.
    """
    claims = tuple(each.texts() for each in recorded_claims())
    table = result_table([{title: texts[key] for key, title in _HEADINGS.items()} for texts in claims])
    return ClaimsTable(table.columns, table.cells, table.numeric, table.caption, claims)


def _number(value: Any, unit: str = "") -> str:
    if isinstance(value, bool):
        return "はい" if value else "いいえ"
    if isinstance(value, int):
        text = f"{value:,}"
    elif isinstance(value, float):
        text = f"{value:.4g}"
    else:
        text = str(value)
    return f"{text} {unit}" if unit else text
