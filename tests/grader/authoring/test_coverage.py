"""The table of what a chapter treats of the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.authoring.coverage import coverage_table
from grader.course.report import ReportError
from tests.grader.toy_course import LESSON, write_course

REPORT = """\
title = "数"
about = "この章は、レポートの「数」の節を扱います。"

[[statement]]
says = "和 a | b は 45 です。"
section = "和"
claims = ["ch01.sum", "ch01.order"]
exercises = "ch01.double"

[[statement]]
says = "積もあります。"
whose = "record"
open = "積がありません。"
"""


SECTIONS = '\n# %% [markdown]\n# ## 1. 和\n\n# %%\nclaim("ch01.sum", 45)\nclaim("ch01.order", 0)\n'


def test_table_has_a_row_for_each_statement_and_counts_those_treated(tmp_path: Path) -> None:
    chapter = write_course(tmp_path / "course", lesson=LESSON + SECTIONS)
    (chapter.folder / "report.toml").write_text(REPORT, "utf-8")

    assert coverage_table(chapter).splitlines() == [
        "レポートの「数」について挙げた 2 件のうち、1 件を扱っています。",
        "",
        "| 述べていること | だれの言葉か | 扱う場所 | 主張 |",
        "|:--|:--|:--|:--|",
        "| 和 a \\| b は 45 です。 | レポート | → 1. 和 / 問題 1 2 倍にする | `ch01.sum` `ch01.order` |",
        "| 積もあります。 | 別の学習者の記録 | **まだ扱っていないこと**: 積がありません。 |  |",
    ]


@pytest.mark.parametrize(
    ("name", "wrong"),
    [("ch01.order", "ch01.total"), ("ch01.double", "ch01.triple"), ('"和"', '"差"')],
)
def test_name_that_the_lesson_does_not_have_is_named(tmp_path: Path, name: str, wrong: str) -> None:
    chapter = write_course(tmp_path / "course", lesson=LESSON + SECTIONS)
    (chapter.folder / "report.toml").write_text(REPORT.replace(name, wrong), "utf-8")

    with pytest.raises(ReportError, match=wrong.strip('"')):
        coverage_table(chapter)
