from pathlib import Path

import pytest

from grader.course.chapters import Chapter
from grader.reading.cells import MAX_ANALYSED_CHARS
from grader.reading.submission import read_submission
from grader.reading.unanswered import other_names_reason
from tests.grader.toy_course import DOUBLE, write_notebook

MARKED = f"# EXERCISE ch01.double\n{DOUBLE}"
TEMPLATE = "# EXERCISE ch01.double\ndef double(x):\n    raise NotImplementedError\n"


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "en")


def told(tmp_path: Path, chapter: Chapter, *cells: tuple[str, str]) -> dict[str, str]:
    written = [{"cell_type": kind, "metadata": {}, "source": source} for kind, source in cells]
    path = write_notebook(tmp_path / "homework.ipynb", [], cells=written)
    return dict(read_submission(path, [chapter]).misplaced)


@pytest.mark.parametrize(
    ("kind", "source", "said"),
    [
        ("markdown", MARKED, "a Markdown cell (cell 2 of the notebook)"),
        ("raw", MARKED, "a raw cell (cell 2 of the notebook)"),
        ("markdown", f"答え\n```python\n{DOUBLE}\n```", "a Markdown cell (cell 2 of the notebook)"),
        ("code", f"%%writefile answer.py\n{MARKED}", "starts with %%writefile (cell 2 of the notebook)"),
    ],
)
def test_answer_in_a_cell_that_is_never_run_is_named(
    tmp_path: Path, chapter: Chapter, kind: str, source: str, said: str
) -> None:
    found = told(tmp_path, chapter, ("code", "print(1)"), (kind, source))
    assert found.keys() == {"ch01.double"}
    assert said in found["ch01.double"]


def test_code_cell_that_answers_makes_any_other_cell_a_remark(tmp_path: Path, chapter: Chapter) -> None:
    assert not told(tmp_path, chapter, ("markdown", MARKED), ("code", MARKED))


def test_cell_with_the_marker_is_named_before_one_with_the_function(tmp_path: Path, chapter: Chapter) -> None:
    found = told(tmp_path, chapter, ("raw", DOUBLE), ("markdown", MARKED), ("markdown", MARKED))
    assert "cell 2" in found["ch01.double"]


def test_prose_and_what_is_too_long_is_no_answer(tmp_path: Path, chapter: Chapter) -> None:
    prose = "問題 ch01.double では double(x) を書きます。`# EXERCISE ch01.double` は消しません。"
    long = MARKED + "\n" * MAX_ANALYSED_CHARS
    assert not told(tmp_path, chapter, ("code", TEMPLATE), ("markdown", prose), ("raw", long))


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (["# EXERCISE ch01.double\ndef dobule(x): return 2 * x"], "defines `dobule`, but"),
        ([f"{TEMPLATE}\ndef my_double(x): return 2 * x"], "defines `my_double`, but"),
        (["# EXERCISE ch01.double\nclass Double: ..."], "asks for `double`. "),
        ([MARKED, "# EXERCISE ch01.double\ndef last(x): return 2 * x"], ""),
        ([TEMPLATE], ""),
        (["# EXERCISE ch01.double\nx = 1"], ""),
        (["# EXERCISE ch01.double\ndef double(:"], ""),
        (["def dobule(x): return 2 * x"], ""),
        (["# EXERCISE ch01.double\ndef helper(x): return x\ndef double(x): return helper(x) * 2"], ""),
        (
            [
                "# EXERCISE ch01.area_and_name\ndef double(x): ...\n"
                "# EXERCISE ch01.double\ndef dobule(x): ...\n"
            ],
            "",
        ),
        (
            ["# EXERCISE ch01.area_and_name\ndef area(r): ...\n# EXERCISE ch01.double\ndef dobule(x): ..."],
            "defines `dobule`, but",
        ),
    ],
)
def test_answer_under_another_name_is_named(chapter: Chapter, sources: list[str], said: str) -> None:
    reason = other_names_reason(chapter.exercises["ch01.double"], sources)
    assert said in reason
    assert bool(said) == bool(reason)


def test_names_that_are_defined_elsewhere_are_not_missing(chapter: Chapter) -> None:
    sources = ["# EXERCISE ch01.area_and_name\ndef surface(x): ..."]
    reason = other_names_reason(chapter.exercises["ch01.area_and_name"], sources, {"shape_name"})
    assert "asks for `area`. " in reason
