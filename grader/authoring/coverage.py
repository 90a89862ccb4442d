"""How much of the report a chapter treats: a table of its statements for the page of claims."""

from __future__ import annotations

from grader.course.chapters import Chapter
from grader.course.report import WHOSE, fitting_report, where_treated


def coverage_table(chapter: Chapter) -> str:
    """Writes what the report's section states and where a chapter treats it.

    Args:
        chapter: The chapter, which has a ``report.toml``.

    Returns:
        Markdown: the number of statements treated, then a table with a row for each.

    Raises:
        ReportError: If ``report.toml`` cannot be read, or names what the lesson does not have.
    """
    report, places = fitting_report(chapter)
    rows = [
        [
            statement.says,
            WHOSE[statement.whose],
            where_treated(chapter, places, statement),
            " ".join(f"`{claim}`" for claim in statement.claims),
        ]
        for statement in report.statements
    ]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    of = f"レポートの「{report.title}」について挙げた {len(rows)} 件"
    count = f"{of}のうち、{report.treated} 件を扱っています。"
    return (
        "\n".join(
            [count, "", "| 述べていること | だれの言葉か | 扱う場所 | 主張 |", "|:--|:--|:--|:--|", *lines]
        )
        + "\n"
    )
