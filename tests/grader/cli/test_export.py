"""Whole classes as Moodle and Canvas give them, graded and exported by the commands."""

import csv
import io
import json
import re
from pathlib import Path

import pytest

from grader.course.chapters import Chapter
from tests.grader.classes import (
    CANVAS_GRADEBOOK,
    HALF,
    MOODLE_MARKS,
    MOODLE_NAMES,
    RIGHT,
    Files,
    canvas_class,
    moodle_class,
    moodle_worksheet,
    notebook,
    written,
    zipped,
)
from tests.grader.cli.commands import grade, run


def given(folder: Path, files: Files, as_zip: bool) -> Path:
    """The class as a folder, or as the system's zip."""
    if not as_zip:
        return written(folder / "class", files)
    path = folder / "submissions.zip"
    path.write_bytes(zipped(files))
    return path


def exported(to: str, roster: str, out: Path) -> tuple[list[list[str]], str]:
    """The table that a system gets, and what was told."""
    path = out.parent / f"{to}_roster.csv"
    path.write_text(roster, "utf-8-sig")
    table = out.parent / f"{to}.csv"
    code, output = run("export", out, "--to", to, "--roster", path, "--out", table)
    assert code == 0, output
    return list(csv.reader(io.StringIO(table.read_text("utf-8-sig"), newline=""))), output


def told_of(out: Path) -> dict[str, str]:
    """What the report says of each submission besides its marks."""
    entries = json.loads((out / "grades.json").read_text("utf-8"))
    return {entry["submission"]: f"{entry['problem']} {entry['note']}".strip() for entry in entries}


@pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])
def test_nobody_of_a_moodle_class_is_missing(
    installed: Chapter, tmp_path: Path, out: Path, as_zip: bool
) -> None:
    code, output = grade(given(tmp_path, moodle_class(installed), as_zip), out)
    assert code == 0
    assert "Files that came in: 23 (12 graded, 1 could not be graded, 1 not used" in output
    assert "6 no notebooks, 3 left behind" in output
    told = told_of(out)
    assert len(told) == len(MOODLE_NAMES) - 1
    table, _notices = exported("moodle", moodle_worksheet(), out)
    assert {int(row[0].split()[1]): row[3] for row in table[1:] if row[3]} == MOODLE_MARKS


def test_what_is_not_graded_is_named_everywhere_with_what_to_do(
    installed: Chapter, tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grader.cli.common.console._width", 500)
    _code, output = grade(given(tmp_path, moodle_class(installed), False), out)
    _table, notices = exported("moodle", moodle_worksheet(), out)
    told = told_of(out)
    said = {
        "Bo Py_208_assignsubmission_file_/answers.py": "A Python script is not graded",
        "Pat Pdf_209_assignsubmission_file_/report.pdf": "A document or a picture cannot be run",
        "Tex Online_210_assignsubmission_onlinetext/onlinetext.html": "A text, a web page or a link",
        "Ra Rar_213_assignsubmission_file_/hw.rar": "Of archives, only a zip is opened",
        "Bro Ken_216_assignsubmission_file_/01_numbers.ipynb": "cut off in the middle",
    }
    index = (out / "index.html").read_text("utf-8")
    table = (out / "grades.csv").read_text("utf-8-sig")
    for name, sentence in said.items():
        assert sentence in told[name]
        assert f"{name} was not graded: {told[name]}" in notices
        assert sentence in index
        assert sentence in table
        assert sentence in output
    beside = {
        "Ann Lee_201_assignsubmission_file_/01_numbers.ipynb": "01_numbers (1).ipynb (0 of 2",
        "अनिल कुमार_206_assignsubmission_file_/hw.zip/hw/01_numbers.ipynb": "not graded: hw.zip/hw/plot.png.",
        "Eve Both_211_assignsubmission_file_/01_numbers.ipynb": "not graded: onlinetext.html.",
    }
    for name, words in beside.items():
        assert words in told[name]
        assert f"{name}: {told[name]}" in notices
        assert words in output
    assert "Lazy Bones" not in notices
    with_status = moodle_worksheet(lazy=(201,))
    _table, notices = exported("moodle", with_status, out)
    assert "Ann Lee handed in nothing, says the worksheet, but there is Ann Lee_201" in notices
    assert "Lazy Bones handed in something, says the worksheet, but there is nothing here." in notices


def test_the_worksheet_of_another_assignment_gives_nobody_a_mark(
    installed: Chapter, tmp_path: Path, out: Path
) -> None:
    grade(given(tmp_path, moodle_class(installed), False), out)
    names = list(MOODLE_NAMES.values())
    shifted = dict(zip(MOODLE_NAMES, [*names[1:], names[0]], strict=True))
    table, notices = exported("moodle", moodle_worksheet(shifted), out)
    assert [row[3] for row in table[1:]] == [""] * len(shifted)
    assert notices.count("gives no mark: its number is that of line") == len(MOODLE_MARKS)
    assert "Is this the roster of the same assignment?" in notices


@pytest.mark.parametrize("as_zip", [False, True], ids=["folder", "zip"])
def test_nobody_of_a_canvas_class_is_missing(
    installed: Chapter, tmp_path: Path, out: Path, as_zip: bool
) -> None:
    code, output = grade(given(tmp_path, canvas_class(installed), as_zip), out)
    assert code == 0
    assert "Files that came in: 13 (8 graded, 1 not used" in output
    told = told_of(out)
    assert len(told) == 11
    assert "A text, a web page or a link" in told["wonge_307_text.html"]
    assert "A text, a web page or a link" in told["linkli_308_link.html"]
    assert "A Python script" in told["parkjun_306_7006_answers.py"]
    assert "01_numbers.ipynb (0 of 2" in told["twofiles_309_7010_01_numbers.ipynb"]
    table, notices = exported("canvas", CANVAS_GRADEBOOK, out)
    assert {row[1]: row[5] for row in table[2:]} == {
        **{"301": "7", "302": "7", "303": "3", "304": "7", "305": "7", "309": "7"}
    }
    assert "Excused, X has EX for 01_numbers (901) in Canvas" in notices
    assert "otherperson_311_7012_01_numbers.ipynb gives no mark" in notices
    assert "line 15 (Right, Person)" in notices


def test_a_learners_own_file_name_never_decides(installed: Chapter, tmp_path: Path, out: Path) -> None:
    right, half = notebook(installed, RIGHT), notebook(installed, HALF)
    files = {
        "anon_Ab3dE_7002_05_resnet.ipynb": right,
        "homework_2026_11_28.ipynb": right,
        "kimmin_303_1_01_numbers.ipynb": half,
    }
    grade(written(tmp_path / "class", files), out)
    roster = CANVAS_GRADEBOOK + '"Year, New",2026,y,year,A,\n"Nobody, At All",7002,n,nobody,A,\n'
    table, notices = exported("canvas", roster, out)
    assert {row[1]: row[5] for row in table[2:]} == {"303": "3"}
    assert "anon_Ab3dE_7002_05_resnet.ipynb names nobody" in notices
    assert "homework_2026_11_28 is not in the roster" in notices


def test_learners_pages_go_back_by_bulk_upload(installed: Chapter, tmp_path: Path, out: Path) -> None:
    files = {**moodle_class(installed), **canvas_class(installed)}
    grade(written(tmp_path / "class", files), out)
    pages = [path.name for path in (out / "learners").iterdir()]
    # What Moodle and Canvas look for in the name of a file that is uploaded.
    moodle = {
        (parts[0], parts[1])
        for page in pages
        if (parts := page.split("_", 4))[2:4] == ["assignsubmission", "file"]
    }
    canvas = {
        tuple(each for each in page.split("_") if re.fullmatch("[0-9]+", each))[:2]
        for page in pages
        if "assignsubmission" not in page
    }
    assert {("山田 太郎", "202"), ("สมชาย ใจดี", "205"), ("Tex Online", "210")} <= moodle
    assert len(moodle) == len(MOODLE_NAMES) - 1
    assert {("301", "7001"), ("302", "7002"), ("305", "7005"), ("307",)} <= canvas
    assert all(re.fullmatch(r"[^<>:\"/\\|?*\x00-\x1f]+", page) and len(page.encode()) < 256 for page in pages)


def test_a_steering_name_is_printed_as_text(installed: Chapter, tmp_path: Path, out: Path) -> None:
    written(tmp_path / "class", {"\x1b[2Jlee.ipynb": notebook(installed, RIGHT), "k\x1b]0;x\x07.py": b""})
    _code, output = grade(tmp_path / "class", out)
    assert "\x1b[2J" not in output
    assert "\x1b]0" not in output
    assert "\\x1b[2Jlee.ipynb" in output
    _code, output = run("export", out, "--to", "canvas", "--out", tmp_path / "x.csv")
    assert "\x1b" not in output


def test_results_in_the_folder_of_the_class_are_not_taken_for_submissions(
    installed: Chapter, tmp_path: Path
) -> None:
    folder = written(tmp_path / "class", {"lee.ipynb": notebook(installed, RIGHT)})
    grade(folder, folder / "out")
    grade(folder, folder / "out")
    assert list(told_of(folder / "out")) == ["lee.ipynb"]


def test_a_folder_without_any_notebook_is_told(installed: Chapter, tmp_path: Path, out: Path) -> None:
    code, output = grade(written(tmp_path / "class", {"a.txt": b"x", "b.py": b""}), out)
    assert code == 2
    assert "There is no notebook" in output
