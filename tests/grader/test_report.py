import csv
import json
import re
from pathlib import Path

import pytest

from grader.exercise import Status
from grader.report import grades_csv, page_names, status_word, write_report
from grader.results import ExerciseResult, SubmissionResult


def exercise(number: int, status: Status, reason: str = "") -> ExerciseResult:
    score = 2 if status == Status.PASSED else 0
    return ExerciseResult(f"ch05.part{number}", f"問題 {number}", status, score, 2, reason, 0.123)


def result(name: str, *exercises: ExerciseResult, problem: str = "") -> SubmissionResult:
    score = sum(each.score for each in exercises)
    chapter = None if problem else "ch05_resnet_transfer"
    return SubmissionResult(name, chapter, score, 2 * len(exercises), list(exercises), "bubblewrap", problem)


RESULTS = [
    result("b.ipynb", exercise(1, Status.PASSED), exercise(2, Status.WRONG_VALUE, "<b>x</b> & y")),
    result("a.ipynb", exercise(1, Status.NOT_ATTEMPTED), exercise(2, Status.PASSED)),
    result("bad.ipynb", problem="空です。"),
]


def test_files_are_written_whole_and_sorted(tmp_path: Path) -> None:
    write_report(RESULTS, tmp_path / "out")
    grades = json.loads((tmp_path / "out/grades.json").read_text("utf-8"))
    assert [entry["submission"] for entry in grades] == ["a.ipynb", "b.ipynb", "bad.ipynb"]
    assert grades[1]["exercises"][1] == {
        "id": "ch05.part2",
        "title": "問題 2",
        "status": "wrong value",
        "score": 0,
        "max_score": 2,
        "reason": "<b>x</b> & y",
        "seconds": 0.123,
    }
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "grades.json",
        "grades.csv",
        "index.html",
        "pages",
    }


def test_pages_link_to_each_other_and_to_nothing_outside(tmp_path: Path) -> None:
    write_report(RESULTS, tmp_path)
    index = (tmp_path / "index.html").read_text("utf-8")
    links = re.findall(r'href="([^"]+)"', index)
    assert len(links) == 3
    for link in links:
        page = (tmp_path / link).read_text("utf-8")
        assert 'href="../index.html"' in page
        assert "http" not in page + index
        assert "bubblewrap" in page


def test_learners_text_is_escaped(tmp_path: Path) -> None:
    write_report(
        [result("<script>alert(1)</script>.ipynb", exercise(1, Status.RAISED, "<img onerror=x>"))], tmp_path
    )
    pages = "".join(path.read_text("utf-8") for path in tmp_path.rglob("*.html"))
    assert "<script" not in pages
    assert "<img" not in pages


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_formulas_are_plain_text_in_the_table(name: str) -> None:
    rows = list(csv.reader(grades_csv([result(name, exercise(1, Status.PASSED))]).splitlines(keepends=True)))
    assert rows[1][0] == f"'{name}"
    assert rows[1][2:6] == ["2", "2", "2", "passed"]


def test_table_opens_in_excel(tmp_path: Path) -> None:
    write_report(RESULTS, tmp_path)
    content = (tmp_path / "grades.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in content
    assert b"\r\r\n" not in content


def test_page_names_are_safe_and_never_alike() -> None:
    names = page_names(["a.ipynb", "A.ipynb", "../../etc/passwd", "山田.ipynb", "x" * 300, "a\0b", ""])
    assert len({name.lower() for name in names}) == len(names)
    assert all(re.fullmatch(r"[0-9A-Za-z_]+\.html", name) for name in names)
    assert max(map(len, names)) < 80


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_status_has_a_word(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", language)
    words = [status_word(status) for status in Status]
    assert len(set(words)) == len(words)
    assert language == "en" or not any(word.isascii() for word in words)


@pytest.mark.parametrize(("language", "heading"), [("ja", "採点結果"), ("en", "Grading report")])
def test_report_speaks_the_chosen_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, heading: str
) -> None:
    monkeypatch.setenv("COURSE_LANG", language)
    write_report(RESULTS, tmp_path)
    index = (tmp_path / "index.html").read_text("utf-8")
    assert f"<h1>{heading}</h1>" in index
    assert f'lang="{language}"' in index
