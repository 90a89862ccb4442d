import json
from pathlib import Path

import pytest

from grader.reading.files import SubmissionError, read_code_cells


def said_of(path: Path) -> str:
    with pytest.raises(SubmissionError) as caught:
        read_code_cells(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "en")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b'{"cells": [{"cell_type": "code", "source": ["x = ', "cut off"),
        (b'{"cells": [{"cell_type": "code"', "cut off"),
        (b"print('hello')\n", "not JSON"),
        (b"\x89HDF\xff\xfe", "UTF-8"),
        (b"PK\x03\x04\xff\xfe", "zip archive"),
        (b"%PDF-1.7\n\xff", "PDF"),
        (b"\n<!DOCTYPE html><html lang='ja'>", "web page"),
        (b"\xef\xbb\xbf<html>", "web page"),
        ('{"cells": []}'.encode("utf-16"), "UTF-16"),
        ('{"cells": []}'.encode("utf-16-le"), "UTF-16"),
        (
            b'{\n "cells": [\n<<<<<<< HEAD\n  {},\n=======\n  []\n>>>>>>> theirs\n ]\n}',
            "Line 3 marks a merge conflict",
        ),
        (b'{"name": "package", "version": 1}', "not a Jupyter notebook"),
        (b"[1, 2]", "not a Jupyter notebook"),
        (b'{"cells": ' + b"[" * 100_000, "nested"),
        (b'{"cells": ' + b"9" * 10_000 + b"}", "malformed"),
    ],
)
def test_file_that_is_no_notebook_gets_one_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "submitted.ipynb"
    path.write_bytes(content)
    assert said in said_of(path)


def test_missing_file_and_folder_get_one_line(tmp_path: Path) -> None:
    assert "cannot be read" in said_of(tmp_path / "nothing.ipynb")
    assert "not a file" in said_of(tmp_path)


def test_size_is_judged_before_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.ipynb"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    monkeypatch.setattr(Path, "read_bytes", lambda _path: pytest.fail("it was read"))
    message = said_of(path)
    assert "50.0 MB" in message
    assert "20 MB" in message


def test_byte_order_mark_line_ends_and_split_sources(tmp_path: Path) -> None:
    path = tmp_path / "windows.ipynb"
    cells = [
        {"cell_type": "code", "source": ["a = 1\r\n", "b = 2"]},
        {"cell_type": "markdown", "source": "c"},
    ]
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"cells": cells}).encode())
    assert read_code_cells(path) == ["a = 1\nb = 2"]


def test_format_3(tmp_path: Path) -> None:
    path = tmp_path / "old.ipynb"
    cells = [{"cell_type": "code", "language": "python", "input": "a = 1", "prompt_number": 1}]
    path.write_text(json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}))
    assert read_code_cells(path) == ["a = 1"]


def test_malformed_cells_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "odd.ipynb"
    cells = [None, 3, {"cell_type": "code"}, {"cell_type": "code", "source": ["a", 7, " = 1"]}]
    path.write_text(json.dumps({"cells": cells}))
    assert read_code_cells(path) == ["", "a = 1"]


def test_lone_surrogate_does_not_survive(tmp_path: Path) -> None:
    path = tmp_path / "surrogate.ipynb"
    path.write_text('{"cells": [{"cell_type": "code", "source": "a = \'\\ud800\'"}]}')
    assert read_code_cells(path) == ["a = '?'"]


def test_code_has_a_cap_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "long.ipynb"
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": "x = 1\n" * 200_000}]}))
    assert "1,000,000 characters" in said_of(path)
