"""The page of all claims: what it shows, and what it refuses."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from typer.testing import CliRunner

from course_utils.claims import CLAIMS_MIME, VERDICTS
from grader import cli
from grader.authoring import claims as page_of_claims
from grader.authoring.claims import ClaimsError, claims_page, claims_path
from grader.course import notebooks
from grader.course.chapters import Chapter
from tests.grader.toy_course import write_course

CLAIM = {
    "id": "ch01.sum",
    "statement": "和 a | b は 45",
    "measured": "45 個",
    "stated": "ちょうど 45 個",
    "verdict": "成り立つ",
    "source": "レポート",
}


def write_notebook(chapter: Chapter, claims: list[dict[str, str]]) -> None:
    """Writes a chapter's notebook as if it had been run and ended with these claims."""
    notebook = notebooks.build(chapter, "https://github.com/OWNER/REPO")
    data: dict[str, Any] = {"text/plain": "表"} | ({CLAIMS_MIME: claims} if claims else {})
    notebook.cells[-1].outputs = [nbformat.v4.new_output("display_data", data=data)]
    notebooks.save(notebook, notebooks.notebook_path(chapter))


def test_page_has_a_row_for_each_claim_and_counts_verdicts(chapter: Chapter) -> None:
    other = {**CLAIM, "id": "ch01.rate", "statement": "速い", "verdict": "この規模では成り立たない"}
    write_notebook(chapter, [CLAIM, other])

    page = claims_page([chapter])

    assert "| 和 a \\| b は 45 | レポート | ちょうど 45 個 | 45 個 | 成り立つ | `ch01.sum` |" in page
    assert "| [数のおけいこ](../notebooks/01_numbers.ipynb) | 2 | 1 | 0 | 1 | 0 | 0 |" in page
    assert "| 合計 | 2 | 1 | 0 | 1 | 0 | 0 |" in page
    assert len(re.findall(r"^## ", page, re.MULTILINE)) == 1


@pytest.mark.parametrize(
    ("claims", "fault"),
    [([], "01_numbers.ipynb"), ([{**CLAIM, "id": "ch02.sum"}], r"ch02\.sum.*ch01\.")],
)
def test_notebook_without_claims_of_its_own_is_named(
    chapter: Chapter, claims: list[dict[str, str]], fault: str
) -> None:
    write_notebook(chapter, claims)

    with pytest.raises(ClaimsError, match=fault):
        claims_page([chapter])


def test_missing_notebook_is_named(chapter: Chapter) -> None:
    notebooks.notebook_path(chapter).unlink(missing_ok=True)

    with pytest.raises(ClaimsError, match=r"01_numbers\.ipynb"):
        claims_page([chapter])


def test_command_writes_the_page_and_notices_when_it_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chapter = write_course(tmp_path / "course")
    write_notebook(chapter, [CLAIM])
    path = claims_path([chapter])
    path.parent.mkdir(exist_ok=True)
    monkeypatch.setattr("grader.cli.claims.load_chapters", lambda: [chapter])
    run = CliRunner().invoke

    assert run(cli.app, ["claims", "--check"]).exit_code == 2
    assert run(cli.app, ["claims"]).exit_code == 0
    assert path.read_text("utf-8") == claims_page([chapter])
    assert run(cli.app, ["claims", "--check"]).exit_code == 0

    write_notebook(chapter, [{**CLAIM, "measured": "46 個"}])
    stale = run(cli.app, ["claims", "--check"])
    assert stale.exit_code == 2
    assert "grader claims" in stale.output


def test_page_counts_every_verdict_that_a_notebook_can_give() -> None:
    assert page_of_claims.VERDICTS == VERDICTS
