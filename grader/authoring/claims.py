"""All claims of the course on one page: what its notebooks measured, beside what they state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from grader.authoring.coverage import coverage_table
from grader.course import notebooks
from grader.course.chapters import Chapter
from grader.messages import _

MIME_SUFFIX = ".claims+json"
VERDICTS = (
    "成り立つ",
    "条件つきで成り立つ",
    "この規模では成り立たない",
    "この規模では分からない",
    "成り立たない",
)
HEAD = """\
# 主張と測定の一覧

<!-- Written by `grader claims` from the notebooks. Do not edit. -->

*Every statement of the report and of the papers that the notebooks check: who states it, the exact value or
the band that was set before measuring, what was measured, and the verdict. A notebook whose measured value
leaves the band does not run through, so continuous integration checks all of this anew.*

「想定した範囲」は、この講座が測定の前に決めた値か範囲です。理論から決まるか、論文や予備の実験をもとに決めました。測定がそこから外れると、
ノートブックは止まります。判定は、主張についてこの測定から言えることです。「成り立たない」「分からない」は、主張に反する範囲や、
差がつかない範囲を置いて、測定がそこに入ったという意味です。「この規模では」とあるものは、小さなデータとネットワークでの結果です。
"""


class ClaimsError(Exception):
    """The notebooks do not give a page of claims."""


def claims_path(chapters: Sequence[Chapter]) -> Path:
    """Returns where the page lies: ``docs/claims.md`` beside ``chapters/``."""
    return chapters[0].folder.parent.parent / "docs" / "claims.md"


def claims_page(chapters: Sequence[Chapter]) -> str:
    """Writes the page of all chapters' claims.

    Args:
        chapters: The chapters, whose notebooks are built and executed.

    Returns:
        Markdown: a table of verdicts, then a table of claims for each chapter.

    Raises:
        ClaimsError: If a notebook has no table of claims, or claims whose ids are not its chapter's own.
    """
    titles, claims = [], []
    for chapter in chapters:
        path = notebooks.notebook_path(chapter)
        if not path.is_file():
            raise ClaimsError(_("{path} is missing: run `grader build`.").format(path=path))
        notebook = notebooks.read(path)
        titles.append(_link(notebook, chapter))
        claims.append(_claims_of(notebook, chapter))
    parts = [HEAD, _summary(titles, claims)]
    for chapter, title, found in zip(chapters, titles, claims, strict=True):
        parts.append(f"## {title}\n\n{_table(found)}")
        if (chapter.folder / "report.toml").is_file():
            parts.append(f"### レポートのどの文を、どこで扱うか\n\n{coverage_table(chapter)}")
    return "\n".join(parts)


def _claims_of(notebook: NotebookNode, chapter: Chapter) -> list[dict[str, str]]:
    """Reads the claims from the last output that holds them as data."""
    found: list[dict[str, str]] = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            for kind, data in output.get("data", {}).items():
                if kind.endswith(MIME_SUFFIX):
                    found = list(data)
    if not found:
        raise ClaimsError(
            _("{notebook} has no table of claims: end it with claims_table() and build it.").format(
                notebook=chapter.notebook_name
            )
        )
    prefix = f"ch{chapter.number:02d}."
    if foreign := [claim["id"] for claim in found if not claim["id"].startswith(prefix)]:
        raise ClaimsError(
            _("{notebook}: {claims} must begin with {prefix}").format(
                notebook=chapter.notebook_name, claims=", ".join(foreign), prefix=prefix
            )
        )
    return found


def _link(notebook: NotebookNode, chapter: Chapter) -> str:
    heading = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
    return f"[{heading}](../notebooks/{chapter.notebook_name})"


def _summary(titles: Sequence[str], claims: Sequence[list[dict[str, str]]]) -> str:
    counts = [Counter(claim["verdict"] for claim in found) for found in claims]
    rows: list[list[Any]] = [
        [title, sum(count.values()), *(count[verdict] for verdict in VERDICTS)]
        for title, count in zip(titles, counts, strict=True)
    ]
    rows.append(["合計", *(sum(row[column] for row in rows) for column in range(1, len(VERDICTS) + 2))])
    return _markdown(["章", "主張", *VERDICTS], rows, ":--|" + "--:|" * (len(VERDICTS) + 1))


def _table(claims: Sequence[dict[str, str]]) -> str:
    rows = [
        [claim[key] for key in ("statement", "source", "stated", "measured", "verdict")]
        + [f"`{claim['id']}`"]
        for claim in claims
    ]
    return _markdown(["主張", "出典", "想定した範囲", "測定", "判定", "名前"], rows, ":--|" * 6)


def _markdown(head: Sequence[str], rows: Sequence[Sequence[Any]], rule: str) -> str:
    lines = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in [head, *rows]]
    return "\n".join([lines[0], f"|{rule}", *lines[1:]]) + "\n"
