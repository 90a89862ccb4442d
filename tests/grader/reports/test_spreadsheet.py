import csv
import io
import json
from pathlib import Path

import pytest

from grader.reports.spreadsheet import csv_text, plain_text, write_whole


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1+1", "＋1", "－1", "＠x"]
)
def test_no_text_is_a_formula(cell: str) -> None:
    plain = plain_text(cell)
    assert isinstance(plain, str)
    assert plain.startswith("'")
    assert plain.replace("'", "") == cell


@pytest.mark.parametrize("cell", ["", "x=1", " 1", "山田", "[1, -2]", "a; b", -1, 0.5, None])
def test_other_cells_stay_as_they_are(cell: object) -> None:
    assert plain_text(cell) == cell


def test_csv_keeps_cells_that_hold_the_delimiter() -> None:
    rows = [["a;b", 'say "x"', "two\nlines"], ["1", "", "山田, 太郎"]]
    assert list(csv.reader(io.StringIO(csv_text(rows, ";"), newline=""), delimiter=";")) == rows


@pytest.mark.parametrize("parting", [",", ";", "\t", "|"])
@pytest.mark.parametrize("cell", ["a;=1+1", "a\t=1+1", 'x";=1+1', "a,=1", "a|=1", "a\n=1"])
def test_no_program_sees_a_second_cell_in_a_text(cell: str, parting: str) -> None:
    text = csv_text([["山田", plain_text(cell), ""]])
    for line in csv.reader(io.StringIO(text, newline=""), delimiter=parting):
        assert not [each for each in line if each.startswith("=")]
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["山田", plain_text(cell), ""]]


def test_only_cells_that_need_it_are_quoted() -> None:
    assert csv_text([["a", 1, 0.5, None, "山田 太郎", "x,y"]]) == 'a,1,0.5,,山田 太郎,"x,y"\r\n'


def test_file_appears_whole_in_a_folder_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "new" / "x.csv"
    write_whole(path, "a\r\nb\n", "utf-8-sig")
    assert path.read_bytes() == b"\xef\xbb\xbfa\r\nb\n"
    assert [each.name for each in path.parent.iterdir()] == ["x.csv"]


def test_a_name_that_is_no_text_can_be_written(tmp_path: Path) -> None:
    write_whole(tmp_path / "x.json", json.dumps("caf\udce9.ipynb", ensure_ascii=False))
    assert json.loads((tmp_path / "x.json").read_text("utf-8")) == "caf\udce9.ipynb"


def test_nothing_is_left_of_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(tmp_path / "folder", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
