import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pytest

from grader.exercise import Status
from grader.judging.results import ExerciseResult, SubmissionResult
from grader.reports.report import chapter_page_name, grades_csv, grades_json, page_name, write_report
from grader.reports.spreadsheet import plain_text


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
NAMES = [page_name(name) for name in ("a.ipynb", "b.ipynb", "bad.ipynb")]


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_report_is_these_files_and_no_other(tmp_path: Path) -> None:
    write_report(RESULTS, tmp_path / "out")
    assert files(tmp_path / "out") == {
        "grades.json",
        "grades.csv",
        "index.html",
        "class/ch05_resnet_transfer.html",
        *(f"submissions/{name}" for name in NAMES),
        *(f"learners/{name}" for name in NAMES),
    }


def test_grades_are_sorted_and_hold_every_field(tmp_path: Path) -> None:
    write_report(RESULTS, tmp_path)
    grades = json.loads((tmp_path / "grades.json").read_text("utf-8"))
    assert [entry["submission"] for entry in grades] == ["a.ipynb", "b.ipynb", "bad.ipynb"]
    assert grades == [each.to_dict() for each in sorted(RESULTS, key=lambda each: each.submission)]


def test_every_link_leads_to_a_page_of_the_report(tmp_path: Path) -> None:
    write_report(RESULTS, tmp_path)
    links = [
        (page, unquote(link))
        for page in tmp_path.rglob("*.html")
        for link in re.findall(r'href="([^"#]+)"', page.read_text("utf-8"))
    ]
    assert all((page.parent / link).is_file() for page, link in links)
    reached = {
        (page.parent / link).resolve().relative_to(tmp_path.resolve()).as_posix() for page, link in links
    }
    assert reached == {name for name in files(tmp_path) if name.endswith(".html")}


def test_report_of_nothing_is_written(tmp_path: Path) -> None:
    write_report([], tmp_path)
    assert files(tmp_path) == {"grades.json", "grades.csv", "index.html"}


def test_every_page_names_the_isolation(tmp_path: Path) -> None:
    write_report(RESULTS, tmp_path)
    for folder in ("submissions", "learners"):
        assert all("bubblewrap" in page.read_text("utf-8") for page in (tmp_path / folder).iterdir())
    assert "bubblewrap" in (tmp_path / "index.html").read_text("utf-8")


def test_learners_page_names_nobody_else(tmp_path: Path) -> None:
    write_report([result("sato.ipynb", exercise(1, Status.PASSED)), result("kato.ipynb")], tmp_path)
    page = (tmp_path / "learners" / page_name("sato.ipynb")).read_text("utf-8")
    assert "sato.ipynb" in page
    assert "kato" not in page


def test_pages_of_submissions_that_are_gone_are_removed(tmp_path: Path) -> None:
    write_report(RESULTS, tmp_path)
    write_report(RESULTS[:1], tmp_path)
    name = page_name("b.ipynb")
    assert {each for each in files(tmp_path) if "/" in each} == {
        f"submissions/{name}",
        f"learners/{name}",
        "class/ch05_resnet_transfer.html",
    }
    write_report(RESULTS[2:], tmp_path)
    assert not list((tmp_path / "class").iterdir())


def test_no_file_of_anybody_else_is_removed(tmp_path: Path) -> None:
    others = ["submissions/a.ipynb", "learners/notes.html", "class/seating.html", "submissions/old/page.html"]
    for other in others:
        (tmp_path / other).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / other).write_bytes(b"\xff not a page of ours")
    write_report(RESULTS, tmp_path)
    write_report([], tmp_path)
    assert set(others) <= files(tmp_path)


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_formulas_are_plain_text_in_the_table(name: str) -> None:
    rows = list(csv.reader(grades_csv([result(name, exercise(1, Status.PASSED))]).splitlines(keepends=True)))
    assert rows[1][0] == plain_text(name)
    assert rows[1][0].startswith("'")
    assert rows[1][2:6] == ["2", "2", "2", "passed"]


def test_table_opens_in_excel(tmp_path: Path) -> None:
    write_report(RESULTS, tmp_path)
    content = (tmp_path / "grades.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert b"\r\n" in content
    assert b"\r\r\n" not in content


def test_odd_names_of_files_lose_no_grades(tmp_path: Path) -> None:
    names = ["a\udcff.ipynb", "b\0.ipynb", "\u202ec.ipynb", "<script>.ipynb", "{{ d }}.ipynb", "e\r\n.ipynb"]
    write_report([result(name, exercise(1, Status.PASSED)) for name in names], tmp_path)
    grades = json.loads((tmp_path / "grades.json").read_text("utf-8"))
    assert {entry["submission"] for entry in grades} == set(names)
    assert len(list((tmp_path / "learners").iterdir())) == len(names)
    with (tmp_path / "grades.csv").open(encoding="utf-8-sig", newline="") as table:
        assert len(list(csv.reader(table))) == 1 + len(names)


def test_json_is_a_list_of_submissions() -> None:
    assert json.loads(grades_json(RESULTS))[0] == RESULTS[0].to_dict()


def test_page_names_are_safe_and_never_alike() -> None:
    submissions = ["a.ipynb", "A.ipynb", "a", "../../etc/passwd", "山田.ipynb", "鈴木.ipynb", "x" * 300]
    submissions += ["x" * 301, "a\0b", "", "CON.ipynb", "a\udcff"]
    names = [page_name(each) for each in submissions]
    assert len({name.lower() for name in names}) == len(names)
    assert all(re.fullmatch(r"(?:\w+-)?[0-9a-f]{16}\.html", name) for name in names)
    assert max(len(name.encode()) for name in names) < 120


@pytest.mark.parametrize(
    ("submission", "beginning"),
    [
        (
            "山田 太郎_12_assignsubmission_file_/01_numbers.ipynb",
            "山田 太郎_12_assignsubmission_file_01_numbers",
        ),
        ("hw1/สมชาย_13_assignsubmission_file_/hw.zip/x.ipynb", "สมชาย_13_assignsubmission_file_hw_zip_x"),
        (
            "Tex_14_assignsubmission_onlinetext/onlinetext.html",
            "Tex_14_assignsubmission_file_onlinetext_html",
        ),
        ("कुमारअनिल_LATE_305_7005_課題.ipynb", "कुमारअनिल_LATE_305_7005_課題"),
        ("linkli_308_link.html", "linkli_308_link_html"),
        ("山田/課題 (1).ipynb", "山田_課題_1"),
        ("か\u3099き.ipynb", "がき"),
    ],
)
def test_page_names_keep_letters_and_what_systems_wrote(submission: str, beginning: str) -> None:
    assert re.fullmatch(rf"{re.escape(beginning)}-[0-9a-f]{{16}}\.html", page_name(submission))


@pytest.mark.parametrize("wild", ["/../", "a\0", "\u202e", '<>:"|?*\\', "#%", ".~ ", "あ" * 80])
def test_page_names_of_wild_names_are_safe(wild: str) -> None:
    for submission in (
        f"{wild}_12_assignsubmission_file_/{wild}.ipynb",
        f"{wild}.ipynb",
        f"a_1_2_{wild}.ipynb",
    ):
        name = page_name(submission)
        assert not re.search(r'[<>:"/\\|?*#%]', name)
        assert name.isprintable()
        assert name[0] not in ".~ "
        assert len(name.encode()) < 255


def test_what_was_not_graded_is_on_every_page(tmp_path: Path) -> None:
    noted = replace(RESULTS[0], note="Also handed in: <a>.pdf")
    write_report([noted], tmp_path)
    pages = [path.read_text("utf-8") for path in tmp_path.rglob("*.html") if path.parent.name != "class"]
    assert len(pages) == 3
    assert all("Also handed in: &lt;a&gt;.pdf" in page for page in pages)
    assert "Also handed in: <a>.pdf" in (tmp_path / "grades.csv").read_text("utf-8-sig")


def test_page_name_can_be_read_and_is_the_same_in_every_report(tmp_path: Path) -> None:
    write_report(RESULTS[:1], tmp_path / "one")
    write_report(RESULTS, tmp_path / "more")
    assert files(tmp_path / "one" / "learners") < files(tmp_path / "more" / "learners")
    assert page_name("tanaka-taro (2).ipynb").startswith("tanaka_taro_2-")


def test_class_page_goes_by_its_chapter_whatever_that_is_called() -> None:
    assert chapter_page_name("ch05_resnet_transfer") == "ch05_resnet_transfer.html"
    assert re.fullmatch(r"[0-9A-Za-z_-]+\.html", chapter_page_name("../../x"))
    assert re.fullmatch(r"[0-9A-Za-z_-]+\.html", chapter_page_name(""))


@pytest.mark.parametrize(("language", "heading"), [("ja", "採点結果"), ("en", "Grading report")])
def test_report_speaks_the_chosen_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, heading: str
) -> None:
    monkeypatch.setenv("COURSE_LANG", language)
    write_report(RESULTS, tmp_path)
    index = (tmp_path / "index.html").read_text("utf-8")
    assert f"<h1>{heading}</h1>" in index
    assert f'lang="{language}"' in index
