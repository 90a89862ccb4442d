"""What a chapter may take of a reader's time: the budget in docs/CONTRIBUTING.md, where it can be counted."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

import pytest

from course_utils.claims import read
from grader.course.notebooks import EXERCISE_LINE

COURSE = Path(__file__).resolve().parents[2]
CHAPTERS = sorted((COURSE / "chapters").glob("ch*"))
OLDER = {"ch01", "ch11", "ch12"}
"""Chapters that were written before there was a budget."""
MAX_CELLS = 110
MAX_CODE_LINES = 8
MAX_CLAIMS = 15


def excess(folder: Path) -> dict[str, float]:
    """Returns what of a chapter is over the budget, by what it is."""
    (path,) = (COURSE / "notebooks").glob(f"{folder.name[2:4]}_*.ipynb")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    claims = [each for each in read(folder / "claims.toml").values() if each.profile == "quick"]
    counted = {
        "cells": (len(cells), MAX_CELLS),
        "lines of half of the code cells": (statistics.median(map(lines, taught(cells))), MAX_CODE_LINES),
        "claims": (len(claims), MAX_CLAIMS),
    }
    return {name: count for name, (count, most) in counted.items() if count > most}


def taught(cells: list[dict[str, Any]]) -> list[str]:
    """Returns the code of a notebook, without the templates of exercises."""
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return [source for source in sources if not EXERCISE_LINE.match(source)]


def lines(source: str) -> int:
    """Counts the lines of a cell that are not blank."""
    return sum(bool(line.strip()) for line in source.splitlines())


@pytest.mark.parametrize("folder", CHAPTERS, ids=lambda folder: folder.name)
def test_chapter_keeps_to_its_budget_unless_it_is_older(folder: Path) -> None:
    older = folder.name[:4] in OLDER
    assert bool(excess(folder)) == older, excess(folder)
