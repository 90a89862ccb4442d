import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from grader.exchange.marks import Export
from grader.exchange.moodle import feedback, moodle_csv
from grader.exchange.roster import ExportError
from grader.exercise import Status
from tests.grader.graded import exercise, graded, scored, ungraded

ENGLISH = """\
Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed",\
"Last modified (submission)","Last modified (grade)","Feedback comments"
"Participant 11","Ann Lee",lee@example.jp,"Submitted for grading",,100.00,Yes,"Monday, 2 November 2026",-,
"Participant 12","山田 太郎",yamada@example.jp,"No submission",,100.00,Yes,-,-,<p>See me.</p>
"Participant 13","Min Kim",kim@example.jp,Submitted,55.00,100.00,Yes,-,"Monday, 2 November 2026",Good
"""
JAPANESE = (
    ENGLISH.replace("Identifier", "ID")
    .replace("Full name", "氏名")
    .replace("Email address", "メールアドレス")
    .replace("Status", "ステータス")
    .replace("Maximum Grade", "最大評点")
    .replace("Grade can be changed", "評点変更可")
    .replace(",Grade,", ",評点,")
    .replace("Last modified (submission)", "最終更新日時 (提出)")
    .replace("Last modified (grade)", "最終更新日時 (評定)")
    .replace("Feedback comments", "フィードバックコメント")
    .replace("Participant ", "参加者")
)


@pytest.fixture
def worksheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_LANG", "en")
    path = tmp_path / "worksheet.csv"
    path.write_text(ENGLISH, "utf-8-sig", newline="")
    return path


def table(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def filled(export: Export) -> list[tuple[str, str]]:
    """Grade and feedback of every line."""
    return [(row[4], row[9]) for row in table(export.text)[1:]]


def test_grade_and_feedback_are_filled_and_nothing_else(worksheet: Path) -> None:
    result = scored("Ann Lee_11_assignsubmission_file_/01_numbers.ipynb", 3)
    export = moodle_csv([result], worksheet)
    before, after = table(ENGLISH), table(export.text)
    assert after[1][4] == "75"
    assert after[1][9] == feedback(result)
    for row in after:
        row[4] = row[9] = ""
    for row in before:
        row[4] = row[9] = ""
    assert after == before
    assert filled(export)[1:] == [("", "<p>See me.</p>"), ("55.00", "Good")]
    assert export.encoding == "utf-8-sig"


def test_a_japanese_worksheet_is_filled_too(worksheet: Path) -> None:
    worksheet.write_text(JAPANESE, "utf-8", newline="")
    export = moodle_csv([scored("山田 太郎_12_assignsubmission_file/x.ipynb", 4)], worksheet)
    assert table(export.text)[0][:6] == ["ID", "氏名", "メールアドレス", "ステータス", "評点", "最大評点"]
    assert [grade for grade, _comment in filled(export)] == ["", "100", "55.00"]


@pytest.mark.parametrize(
    "name", ["Ann Lee.ipynb", "annlee.ipynb", "lee.ipynb", "lee@example.jp/01_numbers.ipynb"]
)
def test_people_are_known_by_name_and_address_too(worksheet: Path, name: str) -> None:
    assert filled(moodle_csv([scored(name, 4)], worksheet))[0][0] == "100"


def test_what_a_teacher_wrote_stays_and_an_earlier_feedback_of_ours_goes(worksheet: Path) -> None:
    first = moodle_csv([scored("yamada.ipynb", 1)], worksheet)
    worksheet.write_text(first.text, first.encoding, newline="")
    result = scored("yamada.ipynb", 4)
    assert filled(moodle_csv([result], worksheet))[1] == ("100", "<p>See me.</p>" + feedback(result))


def test_feedback_tells_what_a_learner_may_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "en")
    result = graded(
        "x",
        exercise(1, Status.PASSED),
        exercise(2, Status.WRONG_VALUE, "<b>3 倍</b> & 違います。"),
        exercise(3, Status.NOT_ATTEMPTED),
    )
    assert feedback(result) == (
        '<div class="grader">2 of 6 points<br>✓ 問題 1 (2/2)'
        "<br>✗ 問題 2 (0/2) wrong value: &lt;b&gt;3 倍&lt;/b&gt; &amp; 違います。"
        "<br>– 問題 3 (0/2) not attempted</div>"
    )


def test_whoever_gets_no_mark_is_named_once(worksheet: Path) -> None:
    names = ["No One_99_assignsubmission_file_/x.ipynb", "lee.ipynb", "kim.ipynb"]
    results = [*(scored(name, 4) for name in names), ungraded("yamada.ipynb")]
    export = moodle_csv(results, worksheet)
    assert [grade for grade, _comment in filled(export)] == ["100", "", "100"]
    assert export.notices == (
        "No One_99_assignsubmission_file_/x.ipynb: 99 No One is not in the roster.",
        "yamada.ipynb was not graded: 空です。",
        "山田 太郎 handed in nothing, says the worksheet, but there is yamada.ipynb.",
        "ch01_numbers: 4 points here, 100 there; the marks were scaled.",
    )


def test_a_worksheet_without_feedback_gets_grades(worksheet: Path) -> None:
    rows = [line.rpartition(",")[0] for line in ENGLISH.splitlines()]
    worksheet.write_text("\n".join(rows), "utf-8")
    export = moodle_csv([scored("lee.ipynb", 4)], worksheet)
    assert table(export.text)[1][4] == "100"
    assert "feedback" in export.notices[-1]


def test_a_worksheet_that_hides_who_is_who_is_filled_by_number(worksheet: Path) -> None:
    worksheet.write_text("Identifier,Status,Grade,Maximum grade\nParticipant 7,Submitted,,4\n", "utf-8")
    export = moodle_csv([scored("Participant_7_assignsubmission_file_/x.ipynb", 3)], worksheet)
    assert table(export.text)[1] == ["Participant 7", "Submitted", "3", "4"]


def test_without_a_worksheet_there_is_nothing_to_fill(worksheet: Path) -> None:
    with pytest.raises(ExportError, match="--roster"):
        moodle_csv([scored("lee.ipynb", 4)], None)


def test_one_worksheet_takes_one_chapter(worksheet: Path) -> None:
    with pytest.raises(ExportError, match="--chapter"):
        moodle_csv([scored("lee.ipynb", 4), scored("kim.ipynb", 4, chapter="ch02_shapes")], worksheet)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("Name,Mark", "worksheet"),
        ("Identifier,Full name,Status,Grade,Scale,Feedback comments", "points"),
        ("Maximum grade,Grade,Status", "worksheet"),
        ("Identifier,Full name,Status,Group,Grade,Maximum grade", "groups"),
    ],
)
def test_tables_that_cannot_be_filled_are_refused(worksheet: Path, header: str, said: str) -> None:
    worksheet.write_text(f"{header}\n", "utf-8")
    with pytest.raises(ExportError, match=said):
        moodle_csv([], worksheet)


def test_who_the_worksheet_says_handed_in_nothing_is_told(worksheet: Path) -> None:
    results = [scored("Ann Lee_11_assignsubmission_file_/x.ipynb", 4), scored("yamada.ipynb", 4)]
    for text, nothing in ((ENGLISH, "No submission"), (JAPANESE, "提出なし - 期限超過")):
        worksheet.write_text(text.replace("No submission", nothing), "utf-8")
        told = [notice for notice in moodle_csv(results, worksheet).notices if "says the worksheet" in notice]
        assert told == [
            "山田 太郎 handed in nothing, says the worksheet, but there is yamada.ipynb.",
            "Min Kim handed in something, says the worksheet, but there is nothing here.",
        ]


def test_a_worksheet_without_names_is_told(worksheet: Path) -> None:
    worksheet.write_text("Identifier,Status,Grade,Maximum grade\nParticipant 7,Submitted,,4\n", "utf-8")
    export = moodle_csv([scored("Ann Lee_7_assignsubmission_file_/x.ipynb", 3)], worksheet)
    assert table(export.text)[1][2] == "3"
    assert "numbers alone" in export.notices[0]


def test_feedback_tells_what_was_not_graded(worksheet: Path) -> None:
    noted = replace(scored("lee.ipynb", 4), note="Also handed in, not graded: <a>.pdf.")
    assert feedback(noted).endswith("<br>Also handed in, not graded: &lt;a&gt;.pdf.</div>")
