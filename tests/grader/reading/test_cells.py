import ast
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.reading.cells import (
    defining_statements,
    marker_of,
    plain_python,
    read_cell,
    split_at_markers,
    without_notebook_calls,
)


@pytest.mark.parametrize(
    "line",
    [
        "# EXERCISE ch05.head",
        "#EXERCISE ch05.head",
        "  ##  exercise   CH05.Head  (my answer)",
        "＃　ＥＸＥＲＣＩＳＥ　ｃｈ０５．ｈｅａｄ",
        "# EXERCISE: 'ch05.head'",
        "# EXERCISE “ch05.head”",
        "# EXERCISE 「ch05.head」",
        "# EXERCISE ch5 . head",
    ],
)
def test_marker_is_matched_tolerantly(line: str) -> None:
    assert marker_of(line) == "ch05.head"


@pytest.mark.parametrize(
    "line", ["", "EXERCISE ch05.head", "# see EXERCISE ch05.head", "x = 1  # EXERCISE ch05.head"]
)
def test_other_lines_are_no_markers(line: str) -> None:
    assert marker_of(line) == ""


@pytest.mark.parametrize(
    ("source", "python"),
    [
        ("x = (1\n% 2)", "x = (1\n% 2)"),
        ("%matplotlib inline\nx = 1", "pass\nx = 1"),
        ("!pip install \\\n  thing\nx = 1", "pass\n\nx = 1"),
        ("if colab:\n    !pip install thing\n", "if colab:\n    pass\n"),
        ("%%time\nx = 1", "\nx = 1"),
        ("%%bash\nrm -rf x", ""),
        ("files = !ls\nx = 1", "pass\nx = 1"),
        ("keras.Model?\nx = 1", "pass\nx = 1"),
        ("  x = 1\n  y = 2", "x = 1\ny = 2"),
        ("def broken(:", "def broken(:"),
    ],
)
def test_magics_are_taken_out(source: str, python: str) -> None:
    assert plain_python(source) == python


def test_names_are_told_by_scope() -> None:
    cell = read_cell(
        "import numpy as np\nclass Net(Base):\n    def call(self, x):\n        return helper(x) + np.pi\n"
    )
    assert cell.binds == {"np", "Net"}
    assert cell.imports == {"np"}
    assert cell.uses == {"Base", "helper", "np"}


def test_changes_in_place_are_told() -> None:
    cell = read_cell("sizes[0] = 3\nconfig.rate = 1\nlayers.append(4)\nstep += 1\nprint(other)")
    assert cell.changes == {"sizes", "config", "layers"}


@pytest.mark.parametrize(
    "source", ["def f(:", "x = \0", "(" * 300, "-" * 100_000 + "1", "a." * 150_000 + "b"]
)
def test_what_is_not_python_is_kept_as_text(source: str) -> None:
    cell = read_cell(source)
    assert cell.tree is None
    assert cell.code == source


@pytest.mark.parametrize("terms", [100, 900, 2_000, 5_000, 50_000])
def test_deeply_nested_python_is_read_without_failing(terms: int) -> None:
    source = "total = " + "+".join("1" * terms)
    assert read_cell(source).code == source
    assert read_cell(f"x = {'a.' * terms}b").fingerprint


@given(st.text())
def test_any_text_can_be_read(source: str) -> None:
    assert read_cell(source).binds is not None
    assert "".join(split_at_markers(source)) is not None


def test_comments_do_not_change_the_fingerprint() -> None:
    assert read_cell("x = 1  # one").fingerprint == read_cell("# one\nx   = 1").fingerprint
    assert read_cell("x = 1").fingerprint != read_cell("x = 2").fingerprint


def test_merged_answers_are_split() -> None:
    pieces = split_at_markers("import a\n# EXERCISE ch01.f\nf = 1\n# EXERCISE ch01.g\ng = 2")
    assert pieces == ["import a", "\n# EXERCISE ch01.f\nf = 1", "\n\n\n# EXERCISE ch01.g\ng = 2"]


def test_cell_is_not_split_inside_a_statement() -> None:
    source = "if True:\n    # EXERCISE ch01.f\n    f = 1\n    # EXERCISE ch01.g\n    g = 2"
    assert split_at_markers(source) == [source]


def test_calls_of_check_are_taken_out() -> None:
    cell = read_cell("名 = '値'; check('ch01.f'); x = 1\nsolution(\n    'ch01.f'\n)\ny = check")
    assert without_notebook_calls(cell) == "名 = '値'; None; x = 1\nNone\ny = check"


LESSON_CELL = """
RATE = 0.1
@decorated
def f(x):
    return g(x) * RATE
model = train(f)
f = train(f)
"""


def test_only_definitions_and_constants_are_picked() -> None:
    cell = read_cell(LESSON_CELL)
    assert [code for code, _uses in defining_statements(cell, "RATE").values()] == ["RATE = 0.1"]
    ((code, uses),) = defining_statements(cell, "f").values()
    assert code.startswith("@decorated\ndef f(x):")
    assert uses == {"decorated", "g", "RATE"}
    assert defining_statements(cell, "model") == {}


@pytest.mark.parametrize(
    "line", ["pip install -q lime", "cd /content/drive/My Drive", "ls", "    pip3 list", "mkdir -p a b"]
)
def test_line_that_ipython_takes_for_a_magic_is_left_out(line: str) -> None:
    cell = read_cell(f"{line}\nx = 1" if not line.startswith(" ") else f"if True:\n{line}\nx = 1")
    assert cell.tree is not None
    assert cell.binds == {"x"}


@pytest.mark.parametrize("code", ["cat = 1\ncat", "ls = [3]\nls[0]", "rm(3)", "cp.x = 4", "mv: int = 3"])
def test_name_that_is_also_a_magic_stays_python(code: str) -> None:
    assert read_cell(code).code == code


def test_integer_too_long_to_be_written_is_read() -> None:
    cell = read_cell("x = 0x" + "f" * 8000)
    assert cell.binds == {"x"}
    assert cell.fingerprint


def test_one_thread_at_a_time_parses(monkeypatch: pytest.MonkeyPatch) -> None:
    parsing: list[int] = []
    at_once: list[int] = []
    parse = ast.parse

    def counting(code: str) -> ast.Module:
        parsing.append(1)
        at_once.append(len(parsing))
        time.sleep(0.001)
        parsing.pop()
        return parse(code)

    monkeypatch.setattr("ast.parse", counting)
    with ThreadPoolExecutor(8) as threads:
        cells = list(threads.map(read_cell, [f"x = {number}" for number in range(40)]))
    assert len(cells) == 40
    assert len(at_once) >= 40
    assert set(at_once) == {1}
