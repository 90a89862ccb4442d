"""What each chapter's ``report.toml`` lists is what its lesson treats; nothing of the lesson is left out."""

from __future__ import annotations

import pytest

from grader.authoring.coverage import coverage_table
from grader.course.chapters import Chapter, load_chapters
from grader.course.notebooks import REPORT_PLACEHOLDER, build
from grader.course.report import faults, read_report

CHAPTERS = load_chapters()
in_each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)


@in_each_chapter
def test_report_and_lesson_agree_in_both_directions(chapter: Chapter) -> None:
    assert faults(chapter) == []


@in_each_chapter
def test_what_is_open_stands_in_the_table_with_its_reason(chapter: Chapter) -> None:
    statements, table = read_report(chapter).statements, coverage_table(chapter)
    open_ones = [statement for statement in statements if statement.open]
    rows = [line for line in table.splitlines() if "まだ扱っていないこと" in line]
    assert len(rows) == len(open_ones)
    for row, statement in zip(rows, open_ones, strict=True):
        assert statement.open in row


@in_each_chapter
def test_notebook_shows_the_statements_before_its_first_section(chapter: Chapter) -> None:
    assert chapter.lesson.read_text("utf-8").count(REPORT_PLACEHOLDER) == 1
    prose = [cell.source for cell in build(chapter, "").cells if cell.cell_type == "markdown"]
    (box,) = (number for number, text in enumerate(prose) if text.startswith("<details>"))
    first = next(number for number, text in enumerate(prose) if text.startswith("## "))
    assert box < first
    for statement in read_report(chapter).statements:
        assert statement.says in prose[box]
