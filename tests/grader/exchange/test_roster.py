from pathlib import Path

import pytest

from grader.exchange.roster import Columns, ExportError, Lookup, Roster, is_called, read_roster
from grader.reading.names import student_of


def locate(header: list[str]) -> Columns:
    name, login = header.index("Name"), header.index("Login")
    return Columns("canvas", header.index("ID"), [name, login], [name])


def roster(tmp_path: Path, content: bytes) -> Roster:
    path = tmp_path / "roster.csv"
    path.write_bytes(content)
    return read_roster(path, locate)


def rows_of(people: Roster, name: str, *others: str) -> list[int]:
    """The lines that a file fits, where ``others`` were handed in, too."""
    student, *more = (student_of(each, "ch05_resnet_transfer") for each in (name, *others))
    return Lookup(people, [student, *more]).rows_of(student)


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
        ("lee/yamada.ipynb", [1]),
        ("nobody.ipynb", []),
    ],
)
def test_a_student_fits_by_number_or_exact_name(tmp_path: Path, name: str, rows: list[int]) -> None:
    assert rows_of(roster(tmp_path, TABLE.encode()), name) == rows


def test_a_plain_name_that_looks_like_canvas_is_found_by_the_name(tmp_path: Path) -> None:
    people = roster(tmp_path, b"Name,ID,Login\nx,1,kim_2024_05_a\n")
    assert rows_of(people, "kim_2024_05_a.ipynb") == [0]


@pytest.mark.parametrize(
    ("name", "others", "rows"),
    [
        ("lee/yamada.ipynb", [], [1]),
        ("A/yamada.ipynb", [], [0]),
        ("A/yamada.ipynb", ["lee/x.ipynb"], []),
        ("A/lee/yamada.ipynb", [], [1]),
        ("lee/yamada/x.ipynb", [], [1]),
        ("submitted/lee/ps5/yamada.ipynb", [], [1]),
        ("lee/lee_22_7_x.ipynb", [], [1]),
        ("lee/山田太郎_1_7_x.ipynb", [], [0, 1]),
        ("Lee_11_assignsubmission_file_/yamada.ipynb", [], []),
        ("lee_22_5_hw.zip/yamada/x.ipynb", [], [1]),
        ("anon_yamad_1_x.ipynb", [], []),
    ],
)
def test_a_file_never_decides_where_a_folder_does(
    tmp_path: Path, name: str, others: list[str], rows: list[int]
) -> None:
    assert rows_of(roster(tmp_path, TABLE.encode()), name, *others) == rows


def test_a_number_counts_only_with_its_name(tmp_path: Path) -> None:
    people = roster(tmp_path, TABLE.encode())
    assert rows_of(people, "kim_22_5_x.ipynb") == []
    assert Lookup(people, []).disagreeing(student_of("kim_22_5_x.ipynb")) == [1]
    assert Lookup(people, []).disagreeing(student_of("lee_22_5_x.ipynb")) == []


@pytest.mark.parametrize(
    ("written", "name", "same"),
    [
        *[("leeann", "Lee, Ann", True), ("leeann", "Ann Lee", True), ("annlee", "Lee, Ann", True)],
        *[("山田太郎", "山田, 太郎", True), ("Group A-山田 太郎", "山田 太郎", True)],
        *[("s1234 山田 太郎", "山田 太郎", True), ("OBrien Pat", "O'Brien Pat", True)],
        *[("ใจดีสมชาย", "ใจดี, สมชาย", True), ("कुमारअनिल", "कुमार, अनिल", True)],
        *[("ガガ", "カ\u3099カ\u3099", True), ("Participant", "Ann Lee", True), ("参加者", "山田", True)],
        *[("anyone", "", True), ("", "Ann Lee", False)],
        *[("leeann", "Lee, Anna", False), ("Hanna Lee", "Anna Lee", False), ("lee", "Ann Lee", False)],
        *[("ใจดีสมชาย", "ใจดี, สมชย", False), ("カカ", "ガガ", False), ("homework", "Sato", False)],
    ],
)
def test_names_are_compared_as_systems_write_them(written: str, name: str, same: bool) -> None:
    assert is_called(written, name) == same


def test_zeros_that_excel_dropped_are_no_matter(tmp_path: Path) -> None:
    people = roster(tmp_path, b"Name,ID,Login\nLee,1,123\nKim,2,0123\n")
    assert rows_of(people, "00123/x.ipynb") == [0]
    assert rows_of(people, "0123/x.ipynb") == [1]
    assert rows_of(people, "002/x.ipynb") == []


def test_a_person_of_two_sections_is_one_person(tmp_path: Path) -> None:
    people = roster(tmp_path, b"Name,ID,Login\nLee,1,lee\nLee,1,lee\nKim,,kim\n")
    assert rows_of(people, "lee_1_5_x.ipynb") == rows_of(people, "lee.ipynb") == [0]
    assert rows_of(people, "kim.ipynb") == []
