import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest

from grader.exchange.canvas import canvas_csv
from grader.exchange.marks import Export
from grader.exchange.roster import ExportError
from tests.grader.graded import scored, ungraded

# As Canvas exports it: titles with numbers, a line for manual posting, one of points, read-only totals.
GRADEBOOK = """\
Student,ID,SIS User ID,SIS Login ID,Section,Notes,01_numbers (901),Quiz (902),Final Score
,,,,,,Manual Posting,,
    Points Possible,,,,,,10.00,5.00,(read only)
"Lee, Ann",101,S1,lee@example.jp,A,,2.00,5.00,70.0
"山田, 太郎",102,S2,yamada,"A and B",late,,4.00,
"Kim, Min",103,S3,kim,A,,7.00,,
"Student, Test",104,,test,A,,,,
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    monkeypatch.setenv("COURSE_LANG", "en")

    def gradebook(text: str) -> Path:
        path = tmp_path / "gradebook.csv"
        path.write_text(text, "utf-8", newline="")
        return path

    return gradebook


def table(export: Export, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(export.text, newline=""), delimiter=delimiter))


def test_people_get_their_marks_in_the_chapters_column(write: Write) -> None:
    results = [
        scored("leeann_101_1_01_numbers.ipynb", 3),
        scored("山田太郎_LATE_102_2_01_numbers.ipynb", 4),
    ]
    export = canvas_csv(results, write(GRADEBOOK))
    assert table(export) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "01_numbers (901)"],
        ["    Points Possible", "", "", "", "", "10"],
        ["Lee, Ann", "101", "S1", "lee@example.jp", "A", "7.5"],
        ["山田, 太郎", "102", "S2", "yamada", "A and B", "10"],
    ]
    assert export.notices == ("ch01_numbers: 4 points here, 10 there; the marks were scaled.",)


def test_people_without_a_mark_and_other_assignments_are_left_out(write: Write) -> None:
    results = [scored("lee.ipynb", 3), ungraded("kim.ipynb"), scored("nobody.ipynb", 4)]
    export = canvas_csv(results, write(GRADEBOOK))
    assert [row[1] for row in table(export)[2:]] == ["101"]
    assert "Quiz" not in export.text
    assert [notice.partition(" ")[0] for notice in export.notices] == [
        "kim.ipynb",
        "nobody.ipynb:",
        "ch01_numbers:",
    ]


def test_a_chapter_without_a_column_gets_one(write: Write) -> None:
    results = [scored("lee.ipynb", 3), scored("2/kim.ipynb", 5, of=8, chapter="ch02_shapes")]
    rows = table(canvas_csv(results, write(GRADEBOOK)))
    assert [row[5:] for row in rows] == [
        ["01_numbers (901)", "ch02_shapes"],
        ["10", "8"],
        ["7.5", ""],
        ["7.00", "5"],  # what Canvas had for chapter 1 stays
    ]


@pytest.mark.parametrize("title", ["ch01_numbers (901)", "CH01_numbers", "01_numbers"])
def test_a_column_is_known_by_the_chapters_name(write: Write, title: str) -> None:
    header = table(canvas_csv([scored("lee.ipynb", 3)], write(GRADEBOOK.replace("01_numbers (901)", title))))[
        0
    ]
    assert header[5:] == [title]


@pytest.mark.parametrize("title", ["01_numbers quiz (901)", "Chapter 1 (901)", "Total 01_numbers (901)"])
def test_a_column_with_another_title_is_never_written_to(write: Write, title: str) -> None:
    header = table(canvas_csv([scored("lee.ipynb", 3)], write(GRADEBOOK.replace("01_numbers (901)", title))))[
        0
    ]
    assert header[5:] == ["ch01_numbers"]


def test_an_assignment_can_be_named(write: Write) -> None:
    rows = table(canvas_csv([scored("lee.ipynb", 3)], write(GRADEBOOK), "quiz"))
    assert [row[5:] for row in rows] == [["Quiz (902)"], ["5"], ["3.75"]]


def test_a_named_assignment_takes_one_chapter(write: Write) -> None:
    results = [scored("lee.ipynb", 3), scored("2/lee.ipynb", 1, chapter="ch02_shapes")]
    with pytest.raises(ExportError, match="--chapter"):
        canvas_csv(results, write(GRADEBOOK), "Quiz")


def test_two_columns_of_one_title_are_asked_about(write: Write) -> None:
    gradebook = GRADEBOOK.replace("Quiz (902)", "ch01_numbers (902)")
    with pytest.raises(ExportError, match=r"01_numbers \(901\), ch01_numbers \(902\).*--assignment"):
        canvas_csv([scored("lee.ipynb", 3)], write(gradebook))
    header = table(canvas_csv([scored("lee.ipynb", 3)], write(gradebook), "ch01_numbers (902)"))[0]
    assert header[5:] == ["ch01_numbers (902)"]


def test_an_assignment_without_points_is_refused(write: Write) -> None:
    with pytest.raises(ExportError, match="01_numbers"):
        canvas_csv([scored("lee.ipynb", 3)], write(GRADEBOOK.replace("10.00", "")))


def test_student_names_in_two_columns_are_kept(write: Write) -> None:
    gradebook = "LastName,FirstName,ID,SIS Login ID,Section\nLee,Ann,101,lee,A\n"
    rows = table(canvas_csv([scored("lee.ipynb", 3)], write(gradebook)))
    assert rows == [
        ["LastName", "FirstName", "ID", "SIS Login ID", "Section", "ch01_numbers"],
        ["    Points Possible", "", "", "", "", "4"],
        ["Lee", "Ann", "101", "lee", "A", "3"],
    ]


def test_semicolons_and_encoding_stay(write: Write) -> None:
    gradebook = "Student;ID;SIS Login ID;Section\nLee, Ann;101;lee;A\n"
    export = canvas_csv([scored("lee.ipynb", 3)], write("\ufeff" + gradebook))
    assert table(export, ";")[2] == ["Lee, Ann", "101", "lee", "A", "3"]
    assert export.encoding == "utf-8-sig"
    assert canvas_csv([scored("lee.ipynb", 3)], write(gradebook)).encoding == "utf-8"


def test_without_a_gradebook_the_file_names_tell_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "en")
    results = [scored("leeann_101_1_x.ipynb", 3), scored("kim.ipynb", 4), scored("leeann_101_2_y.ipynb", 1)]
    export = canvas_csv(results)
    assert table(export) == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "ch01_numbers"],
        ["    Points Possible", "", "", "", "", "4"],
        ["leeann", "101", "", "", "", "3"],
    ]
    assert [notice.split()[0] for notice in export.notices] == ["kim.ipynb:", "101", "Without"]


@pytest.mark.parametrize("cell", ["EX", "ex", "N/A"])
def test_an_excused_person_stays_excused_and_is_told(write: Write, cell: str) -> None:
    gradebook = GRADEBOOK.replace('"A and B",late,,4.00', f'"A and B",late,{cell},4.00')
    results = [scored("yamada.ipynb", 4), scored("lee.ipynb", 4)]
    export = canvas_csv(results, write(gradebook))
    assert [row[1] for row in table(export)[2:]] == ["101"]
    told = f"山田, 太郎 has {cell} for 01_numbers (901) in Canvas, so yamada.ipynb gives no mark."
    assert told in export.notices
    both = canvas_csv([*results, scored("2/yamada.ipynb", 5, of=8, chapter="ch02_shapes")], write(gradebook))
    assert table(both)[3][5:] == [cell, "5"]


def test_a_column_that_would_be_made_is_told(write: Write) -> None:
    (notice,) = canvas_csv([scored("lee.ipynb", 3, chapter="ch02_shapes")], write(GRADEBOOK)).notices
    assert "ch02_shapes is no assignment of Canvas' gradebook" in notice
    assert "--assignment" in notice


def test_a_number_with_two_names_gives_no_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "en")
    results = [
        scored("leeann_101_1_x.ipynb", 3),
        scored("parkjun_101_2_x.ipynb", 4),
        scored("kim_102_3_x.ipynb", 2),
    ]
    export = canvas_csv(results)
    assert [row[:2] for row in table(export)[2:]] == [["kim", "102"]]
    assert sum("gives no mark: its number is that of" in notice for notice in export.notices) == 2


@pytest.mark.parametrize(
    ("header", "missing"),
    [("Student,SIS Login ID,Section", "ID"), ("Name,ID,Section", "Student"), ("Student,ID,Login", "Section")],
)
def test_another_table_is_refused(write: Write, header: str, missing: str) -> None:
    with pytest.raises(ExportError, match=f"no column {missing}"):
        canvas_csv([], write(header + "\n"))
