"""Class folders as Moodle and Canvas give them, written as a folder or as the system's zip."""

from __future__ import annotations

import io
import json
import unicodedata
import zipfile
from collections.abc import Mapping
from pathlib import Path

from grader.course.chapters import Chapter
from grader.reading.submission import answers_of
from tests.grader.toy_course import AREA, DOUBLE

RIGHT = {"ch01.double": DOUBLE, "ch01.area_and_name": AREA}
HALF = {"ch01.double": DOUBLE}
TRIPLED = RIGHT | {"ch01.double": "def double(x):\n    return 3 * x"}

Files = Mapping[str, bytes]


def notebook(chapter: Chapter, answers: Mapping[str, str]) -> bytes:
    """A notebook of the published lesson with answers filled in."""
    cells = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        for source in answers_of(chapter, answers)
    ]
    document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    return json.dumps(document, ensure_ascii=False).encode()


def zipped(files: Files) -> bytes:
    """A zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def written(folder: Path, files: Files) -> Path:
    """Writes files below a folder."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def moodle_class(chapter: Chapter) -> dict[str, bytes]:
    """What "Download all submissions" of Moodle holds, with folders."""
    right, half, untouched = (notebook(chapter, answers) for answers in (RIGHT, HALF, {}))

    def of(name: str, number: int, file: str, kind: str = "file_") -> str:
        return f"{name}_{number}_assignsubmission_{kind}/{file}"

    return {
        of("Ann Lee", 201, "01_numbers.ipynb"): right,
        of("Ann Lee", 201, "01_numbers (1).ipynb"): untouched,
        of("Ann Lee", 201, ".DS_Store"): b"\0",
        of("山田 太郎", 202, "01_numbers.ipynb.txt"): right,
        of("Min Kim", 203, "01_numbers.ipynb.json"): right,
        of("佐藤 花子", 204, "01_numbers.IPYNB"): half,
        of("สมชาย ใจดี", 205, "01_numbers (1).ipynb"): right,
        of("अनिल कुमार", 206, "hw.zip"): zipped(
            {"hw/01_numbers.ipynb": right, "__MACOSX/hw/._01_numbers.ipynb": b"\0", "hw/plot.png": b"\x89PNG"}
        ),
        of(unicodedata.normalize("NFD", "がが だい"), 207, "x_202_assignsubmission_file_.ipynb"): half,
        of("Bo Py", 208, "answers.py"): b"def double(x): return 2 * x\n",
        of("Pat Pdf", 209, "report.pdf"): b"%PDF-1.7",
        of("Tex Online", 210, "onlinetext.html", "onlinetext"): b"<p>https://colab.example/x</p>",
        of("Eve Both", 211, "01_numbers.ipynb"): right,
        of("Eve Both", 211, "onlinetext.html", "onlinetext"): b"<p>I hand in a file.</p>",
        of("Jay Son", 212, "01_numbers.json"): right,
        of("Ra Rar", 213, "hw.rar"): b"Rar!",
        of("Co Py", 214, "Copy of 01_numbers.ipynb"): right,
        of("Du Ble", 215, "01_numbers.ipynb.ipynb"): right,
        of("Bro Ken", 216, "01_numbers.ipynb"): b'{"cells": [',
        of("O'Brien Pat", 217, "deep/er/Kim_203_assignsubmission_file_/x.ipynb"): half,
        "__MACOSX/Ann Lee_201_assignsubmission_file_/._01_numbers.ipynb": b"\0",
    }


MOODLE_NAMES = {
    **{201: "Ann Lee", 202: "山田 太郎", 203: "Min Kim", 204: "佐藤 花子", 205: "สมชาย ใจดี"},
    **{206: "अनिल कुमार", 207: "がが だい", 208: "Bo Py", 209: "Pat Pdf", 210: "Tex Online"},
    **{211: "Eve Both", 212: "Jay Son", 213: "Ra Rar", 214: "Co Py", 215: "Du Ble", 216: "Bro Ken"},
    **{217: "O'Brien Pat", 218: "Lazy Bones"},
}
MOODLE_MARKS = {
    **dict.fromkeys((201, 202, 203, 205, 206, 211, 212, 214, 215), "7"),
    **dict.fromkeys((204, 207, 217), "3"),
}
"""What the people get, of 7 points; the others get none."""


def moodle_worksheet(names: Mapping[int, str] = MOODLE_NAMES, lazy: tuple[int, ...] = (218,)) -> str:
    """The grading worksheet of the assignment."""
    header = "Identifier,Full name,Status,Grade,Maximum grade,Feedback comments"
    lines = [
        f"Participant {number},{name},{'No submission' if number in lazy else 'Submitted for grading'},,7.00,"
        for number, name in names.items()
    ]
    return "\n".join([header, *lines, ""])


def canvas_class(chapter: Chapter) -> dict[str, bytes]:
    """What "Download Submissions" of Canvas holds."""
    right, half, untouched = (notebook(chapter, answers) for answers in (RIGHT, HALF, {}))
    return {
        "leeann_301_7001_01_numbers.ipynb": right,
        "山田太郎_LATE_302_7002_01_numbers-1.ipynb": right,
        "kimmin_303_7003_01_numbers.ipynb.txt": half,
        "ใจดีสมชาย_304_7004_01_numbers.ipynb": right,
        "कुमारअनिल_305_7005_homework.zip": zipped({"01_numbers.ipynb": right}),
        "parkjun_306_7006_answers.py": b"pass",
        "wonge_307_text.html": b"<p>My answers</p>",
        "linkli_308_link.html": b"<a href='https://colab.example'>x</a>",
        "twofiles_309_7009_01_numbers.ipynb": untouched,
        "twofiles_309_7010_01_numbers.ipynb": right,
        "excusedx_310_7011_01_numbers.ipynb": half,
        "otherperson_311_7012_01_numbers.ipynb": right,
        "._leeann_301_7001_01_numbers.ipynb": b"\0",
    }


CANVAS_GRADEBOOK = """\
Student,ID,SIS User ID,SIS Login ID,Section,01_numbers (901)
,,,,,Manual Posting
    Points Possible,,,,,7.00
"Lee, Ann",301,s1,lee,A,
"山田, 太郎",302,s2,yamada,"A and B",
"Kim, Min",303,s3,kim,A,
"ใจดี, สมชาย",304,s4,jaidee,A,
"कुमार, अनिल",305,s5,kumar,A,
"Park, Jun",306,s6,park,A,
"Wong, E",307,s7,wong,A,
"Link, Li",308,s8,link,A,
"Two, Files",309,s9,two,A,
"Two, Files",309,s9,two,B,
"Excused, X",310,s10,excused,A,EX
"Right, Person",311,s11,right,A,
"Student, Test",399,,test,A,
"""
