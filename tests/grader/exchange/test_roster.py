import unicodedata
from pathlib import Path

import pytest

from grader.exchange.roster import ExportError, Lookup, Roster, Student, System, read_roster, student_of
from tests.grader.graded import scored


def student(name: str, chapter: str = "ch05_resnet_transfer") -> Student:
    return student_of(scored(name, 1, chapter=chapter))


@pytest.mark.parametrize(
    ("name", "key", "full_name"),
    [
        ("yamadataro_12345_678_05_resnet_transfer.ipynb", "12345", "yamadataro"),
        ("yamadataro_LATE_12345_678_05_resnet_transfer-1.ipynb", "12345", "yamadataro"),
        ("山田太郎_12345_678_x.ipynb", "12345", "山田太郎"),
        ("submissions/leeann_12345_678_x y.ipynb", "12345", "leeann"),
    ],
)
def test_canvas_files_tell_canvas_number(name: str, key: str, full_name: str) -> None:
    found = student(name)
    assert (found.system, found.key, found.name) == ("canvas", key, full_name)


@pytest.mark.parametrize(
    "name",
    [
        "山田 太郎_123_assignsubmission_file_/x.ipynb",
        "山田 太郎_123_assignsubmission_file/x.ipynb",
        "山田 太郎_123_assignsubmission_file/folder of mine/x.ipynb",
        "course-assignment-77/山田 太郎_123_assignsubmission_file_/x.ipynb",
        "山田 太郎_123_assignsubmission_file_x.ipynb",
    ],
)
def test_moodle_files_tell_the_participants_number(name: str) -> None:
    found = student(name)
    assert (found.system, found.key, found.name) == ("moodle", "123", "山田 太郎")


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("submitted/yamada/ps5/05_resnet_transfer.ipynb", "yamada"),
        ("course/autograded/yamada/ps5/05_resnet_transfer.ipynb", "yamada"),
        ("yamada/ch05_resnet_transfer/05_resnet_transfer.ipynb", "yamada"),
        ("yamada.ipynb", "yamada"),
        ("class A/yamada.ipynb", "yamada"),
        ("yamada/05_resnet_transfer.ipynb", "yamada"),
        ("yamada/05_resnet_transfer (1).ipynb", "yamada"),
        ("yamada/05_resnet_transfer-2.ipynb", "yamada"),
        ("yamada/Copy of 05_resnet_transfer.ipynb", "yamada"),
        ("05_resnet_transfer_yamada.ipynb", "05_resnet_transfer_yamada"),
        ("05_resnet_transfer.ipynb", "05_resnet_transfer"),
        ("yamada.txt", "yamada.txt"),
    ],
)
def test_other_files_tell_the_student_by_folder_or_name(name: str, key: str) -> None:
    found = student(name)
    assert (found.system, found.key) == (None, key)


def test_a_decomposed_name_is_read_as_it_looks() -> None:
    found = student(unicodedata.normalize("NFD", "やまだたろう_12345_678_ガ.ipynb"))
    assert (found.system, found.key, found.name) == ("canvas", "12345", "やまだたろう")


def locate(header: list[str]) -> tuple[System, int, list[int]]:
    return "canvas", header.index("ID"), [header.index("Name"), header.index("Login")]


def roster(tmp_path: Path, content: bytes) -> Roster:
    path = tmp_path / "roster.csv"
    path.write_bytes(content)
    return read_roster(path, locate)


TABLE = 'Name,ID,Login\r\n"山田, 太郎",1,yamada@example.jp\r\nLee,22,lee\r\n'


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TABLE.encode(), "utf-8"),
        (TABLE.encode("utf-8-sig"), "utf-8-sig"),
        (TABLE.encode("cp932"), "utf-8-sig"),
        (TABLE.replace(",", ";").replace('"山田;', '"山田,').encode(), "utf-8"),
    ],
    ids=["UTF-8", "with a byte order mark", "Shift_JIS", "semicolons"],
)
def test_rosters_are_read_as_excel_and_the_system_write_them(
    tmp_path: Path, content: bytes, encoding: str
) -> None:
    people = roster(tmp_path, content)
    assert people.rows == [["山田, 太郎", "1", "yamada@example.jp"], ["Lee", "22", "lee"]]
    assert people.encoding == encoding
    (tmp_path / "again.csv").write_text(people.text(), people.encoding, newline="")
    assert read_roster(tmp_path / "again.csv", locate).rows == people.rows


def test_short_lines_are_filled_up(tmp_path: Path) -> None:
    assert roster(tmp_path, b"Name,ID,Login\nLee,22\n\n").rows == [["Lee", "22", ""]]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x81", b"\n\n"])
def test_what_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ExportError, match="roster"):
        roster(tmp_path, content)


def test_a_missing_roster_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="nowhere"):
        read_roster(tmp_path / "nowhere.csv", locate)


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("lee_22_5_x.ipynb", [1]),
        ("lee_2_5_x.ipynb", []),
        ("lee_22_assignsubmission_file_/x.ipynb", []),
        ("yamada.ipynb", [0]),
        ("YAMADA@example.jp.ipynb", [0]),
        ("ＬＥＥ.ipynb", [1]),
        ("lee/x.ipynb", [1]),
        ("lee/yamada.ipynb", [0, 1]),
        ("nobody.ipynb", []),
    ],
)
def test_a_student_fits_by_number_or_exact_name(tmp_path: Path, name: str, rows: list[int]) -> None:
    assert Lookup(roster(tmp_path, TABLE.encode())).rows_of(student(name)) == rows


def test_a_plain_name_that_looks_like_canvas_is_found_by_the_name(tmp_path: Path) -> None:
    people = roster(tmp_path, b"Name,ID,Login\nx,1,kim_2024_05_a\n")
    assert Lookup(people).rows_of(student("kim_2024_05_a.ipynb")) == [0]
