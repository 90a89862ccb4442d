"""Writes ``mutants.md``: which share of mutated right answers the checks kill.

    python benchmarks/mutants.py FILE…

The files are what ``grader mutate CHAPTER --json FILE`` wrote.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.tables import table

HEAD = """# Mutants

Right answers, the reference and the others, each changed in one place by `grader mutate`, and judged as a
notebook would, with the hidden check after the visible one. *Equivalent* are those that are right all the
same, with a reason in `answers.py`; the percentages are of the others. The goal is 98 % of each chapter, 90
% by the visible checks. Survivors are printed by the command alone: they are lines of answers. Where fewer
were judged than made, they were taken evenly from all.

    for chapter in 01 04 05 06 07 08 09 10 11 12 22 23; do
        grader mutate $chapter --most 80 --json build/mutants/$chapter.json
    done
    python benchmarks/mutants.py build/mutants/*.json
"""
HEADINGS = (
    "exercise",
    "made",
    "equivalent",
    "judged",
    "visible",
    "hidden",
    "survived",
    "killed %",
    "visible %",
)


def row(name: str, tallies: Sequence[dict[str, Any]]) -> list[str]:
    """Returns a line of the table: an exercise, or a chapter's sum."""
    made, equivalent, visible, hidden = (
        sum(tally[key] for tally in tallies) for key in ("made", "equivalent", "visible", "hidden")
    )
    survived = sum(len(tally["survivors"]) for tally in tallies)
    judged = visible + hidden + survived
    shares = (100 * part / max(judged, 1) for part in (visible + hidden, visible))
    figures = (made, equivalent, judged, visible, hidden, survived)
    return [name, *map(str, figures), *(f"{share:.1f}" for share in shares)]


def page(tallies: Sequence[dict[str, Any]]) -> str:
    """Returns the page of all exercises."""
    rows = []
    for chapter, group in itertools.groupby(tallies, key=lambda tally: tally["chapter"]):
        members = list(group)
        rows += [row(tally["id"], [tally]) for tally in members]
        rows.append(row(f"**{chapter.partition('_')[0]}**", members))
    return "\n".join([HEAD, table(HEADINGS, rows)]) + "\n"


if __name__ == "__main__":
    files = sorted(map(Path, sys.argv[1:]))
    tallies = [tally for file in files for tally in json.loads(file.read_text("utf-8"))]
    Path(__file__).with_suffix(".md").write_text(page(tallies), "utf-8")
