"""Writes ``references.md``: right answers judged under many seeds, of which none may fail.

    python benchmarks/references.py FILE…

The files are what ``grader verify --soak --seeds 500 --json FILE`` wrote.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.tables import table

HEAD = """# Right answers under many seeds

The reference of every exercise and one other right answer, judged by the visible and the hidden check under
500 seeds, under 50 where the time limit says that an answer trains. A right answer that fails once in a class
of 500 costs a learner points for nothing, so none may. *Verdicts* are those of both answers, *failed* are
answers that any of them refused. Seconds are those of all its parts, two at a time.

    make soak-exercises
    python benchmarks/references.py build/soak-exercises.json
"""
HEADINGS = ("exercise", "answers", "verdicts", "failed", "seconds")


def page(rows: Sequence[dict[str, Any]]) -> str:
    """Returns the page of all exercises, and their sum."""
    lines = []
    sums = [0, 0, 0, 0.0]
    for row in sorted(rows, key=lambda row: row["chapter"]):
        held, answers = map(sum, zip(row["held"]["reference"], row["held"]["alternatives"], strict=True))
        figures = [answers, row["verdicts"], answers - held, row["seconds"]]
        sums = [total + figure for total, figure in zip(sums, figures, strict=True)]
        lines.append([row["id"], *map(_figure, figures)])
    lines.append([f"**{len(rows)} exercises**", *map(_figure, sums)])
    return "\n".join([HEAD, table(HEADINGS, lines)]) + "\n"


def _figure(value: float) -> str:
    return f"{value:,.0f}"


if __name__ == "__main__":
    rows = [row for file in map(Path, sys.argv[1:]) for row in json.loads(file.read_text("utf-8"))]
    Path(__file__).with_suffix(".md").write_text(page(rows), "utf-8")
