from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grader.course.chapters import Chapter
from grader.reading.submission import AnswerCode, SubmissionError, answer_codes, answers_of, read_submission
from tests.grader.toy_course import ANSWERS, AREA, DOUBLE, EXERCISES, LESSON, write_course, write_notebook

BOTH = {"ch01.double": DOUBLE, "ch01.area_and_name": AREA}


def run(code: AnswerCode) -> dict[str, Any]:
    """Runs the cells as the worker would, short of isolation."""
    namespace: dict[str, Any] = {}
    for cell in code.cells:
        exec(cell, namespace)
    return namespace


def answer_of(chapter: Chapter, sources: list[str], exercise_id: str = "ch01.double") -> AnswerCode:
    return answer_codes(chapter, sources)[exercise_id]


def lesson_with(chapter: Chapter, *cells: str, answers: dict[str, str] | None = None) -> list[str]:
    return [*answers_of(chapter, answers or {}), *cells]


def test_answers_are_found_where_the_lesson_asked_for_them(chapter: Chapter) -> None:
    codes = answer_codes(chapter, answers_of(chapter, BOTH))
    assert list(codes) == ["ch01.double", "ch01.area_and_name"]
    assert run(codes["ch01.double"])["double"](4) == 8
    assert run(codes["ch01.area_and_name"])["shape_name"] == "circle"


def test_untouched_notebook_is_not_attempted(chapter: Chapter) -> None:
    codes = answer_codes(chapter, answers_of(chapter, {}))
    assert not any(code.attempted for code in codes.values())


def test_demonstrations_never_run(chapter: Chapter) -> None:
    code = "\n".join(answer_of(chapter, answers_of(chapter, BOTH)).cells)
    assert "training" not in code
    assert "print" not in code
    assert "check(" not in code


def test_setup_comes_first_without_magics(chapter: Chapter) -> None:
    setup = answer_of(chapter, answers_of(chapter, BOTH)).cells[0]
    assert setup.startswith("# SETUP")
    assert "pip" not in setup


def test_learners_own_setup_runs_after_the_official_one(chapter: Chapter) -> None:
    sources = answers_of(chapter, BOTH)
    sources[0] += "\nmine = 1"
    cells = answer_of(chapter, sources).cells
    assert len(cells) == 3
    assert cells[1].endswith("mine = 1")


def test_deleted_setup_is_still_run(chapter: Chapter) -> None:
    assert run(answer_of(chapter, answers_of(chapter, BOTH)[1:]))["np"] is np


@pytest.mark.parametrize("marker", ["#exercise ＣＨ01.double", "# EXERCISE 'ch01.double'"])
def test_retyped_marker(chapter: Chapter, marker: str) -> None:
    assert run(answer_of(chapter, [f"{marker}\n{DOUBLE}"]))["double"](1) == 2


def test_lost_marker(chapter: Chapter) -> None:
    assert run(answer_of(chapter, [DOUBLE]))["double"](1) == 2


def test_moved_cells(chapter: Chapter) -> None:
    code = answer_of(chapter, list(reversed(answers_of(chapter, BOTH))))
    assert run(code)["double"](1) == 2


@pytest.mark.parametrize("template_first", [True, False])
def test_copied_cell_beside_the_untouched_template(chapter: Chapter, template_first: bool) -> None:
    template = next(source for source in answers_of(chapter, {}) if "ch01.double" in source)
    cells = [template, f"# EXERCISE ch01.double\n{DOUBLE}"]
    code = answer_of(chapter, cells if template_first else cells[::-1])
    assert run(code)["double"](1) == 2


def test_last_of_two_attempts_counts(chapter: Chapter) -> None:
    first = "# EXERCISE ch01.double\nraise SystemExit\ndef double(x): return 3 * x"
    assert run(answer_of(chapter, [first, DOUBLE]))["double"](1) == 2


def test_broken_first_attempt_is_dropped(chapter: Chapter) -> None:
    cells = answer_of(
        chapter, ["# EXERCISE ch01.double\ndef double(:", f"# EXERCISE ch01.double\n{DOUBLE}"]
    ).cells
    assert cells[1:] == (f"# EXERCISE ch01.double\n{DOUBLE}",)


def test_answer_with_a_syntax_error_is_kept(chapter: Chapter) -> None:
    code = answer_of(chapter, ["# EXERCISE ch01.double\ndef double(:"])
    assert code.attempted
    assert "def double(:" in code.cells[-1]


def test_split_answer(chapter: Chapter) -> None:
    name = "# EXERCISE ch01.area_and_name\nshape_name = 'circle'"
    area = "def area(radius):\n    return np.pi * radius**2"
    namespace = run(answer_of(chapter, [name, area], "ch01.area_and_name"))
    assert namespace["area"](0) == 0
    assert namespace["shape_name"] == "circle"


def test_merged_answers_are_run_apart(chapter: Chapter) -> None:
    merged = f"# EXERCISE ch01.double\n{DOUBLE}\n# EXERCISE ch01.area_and_name\nraise ValueError"
    codes = answer_codes(chapter, [merged])
    assert run(codes["ch01.double"])["double"](1) == 2
    assert codes["ch01.area_and_name"].attempted


def test_answer_that_uses_another_answer(chapter: Chapter) -> None:
    area = "def area(radius):\n    return double(np.pi * radius**2) / 2\nshape_name = 'circle'"
    sources = lesson_with(chapter, answers={"ch01.double": DOUBLE, "ch01.area_and_name": area})
    assert run(answer_of(chapter, sources, "ch01.area_and_name"))["area"](1) == pytest.approx(np.pi)


def test_another_exercises_cell_does_not_take_over_a_symbol(chapter: Chapter) -> None:
    area = f"{AREA}\ndef double(x): return 'mine'"
    sources = answers_of(chapter, {"ch01.double": DOUBLE, "ch01.area_and_name": area})
    assert run(answer_of(chapter, sources))["double"](1) == 2


def test_lesson_function_and_constant_are_taken_without_their_demonstration(
    chapter: Chapter, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = "def double(x):\n    return stretch(x)"
    assert run(answer_of(chapter, answers_of(chapter, {"ch01.double": answer})))["double"](3) == 6
    assert capsys.readouterr().out == ""


def test_helpers_of_helpers_are_taken(chapter: Chapter) -> None:
    helpers = [
        "factor = 1",
        "factor = factor + one",
        "one = 1\ndef twice(x): return x * factor",
        "print(unrelated)",
    ]
    helpers[0], helpers[2] = helpers[0], helpers[2].removeprefix("one = 1\n")
    sources = lesson_with(
        chapter, "one = 1", *helpers, answers={"ch01.double": "def double(x):\n    return twice(x)"}
    )
    code = answer_of(chapter, sources)
    assert run(code)["double"](4) == 8
    assert not any("unrelated" in cell for cell in code.cells)


def test_change_in_place_is_taken(chapter: Chapter) -> None:
    answer = "def double(x):\n    return factors['two'] * x"
    sources = lesson_with(chapter, "factors = {}", "factors['two'] = 2", answers={"ch01.double": answer})
    assert run(answer_of(chapter, sources))["double"](4) == 8


def test_scratch_that_only_uses_a_module_is_left_out(chapter: Chapter) -> None:
    sources = lesson_with(
        chapter, "import numpy as np\nnp.load('big')", answers={"ch01.double": "double = np.double"}
    )
    assert run(answer_of(chapter, sources))["double"] is np.double


def test_star_import_is_taken_when_a_name_is_missing(chapter: Chapter) -> None:
    sources = lesson_with(
        chapter, "from operator import *", answers={"ch01.double": "def double(x): return add(x, x)"}
    )
    assert run(answer_of(chapter, sources))["double"](2) == 4


def test_marker_alone_is_not_attempted(chapter: Chapter) -> None:
    assert not answer_of(chapter, ["# EXERCISE ch01.double\n# あとでやる"]).attempted


def test_chapter_is_told_by_markers_then_symbols_then_file_name(tmp_path: Path, chapter: Chapter) -> None:
    for name, sources in {
        "別名 (1).ipynb": answers_of(chapter, {}),
        "no_markers.ipynb": [DOUBLE],
        "01_numbers のコピー.ipynb": ["print(1)"],
    }.items():
        path = write_notebook(tmp_path / name, sources, metadata={"colab": {"name": name}})
        assert read_submission(path, [chapter]).chapter == "ch01_numbers"


def test_notebook_of_another_course_is_refused(tmp_path: Path, chapter: Chapter) -> None:
    path = write_notebook(tmp_path / "homework.ipynb", ["print(1)"])
    with pytest.raises(SubmissionError):
        read_submission(path, [chapter])


def test_majority_of_markers_tells_the_chapter(tmp_path: Path, chapter: Chapter) -> None:
    parts = {"lesson": LESSON, "exercises": EXERCISES, "answers": ANSWERS}
    second = {part: text.replace("ch01", "ch02") for part, text in parts.items()}
    other = write_course(tmp_path / "other", "ch02_others", **second)
    sources = [*answers_of(chapter, {}), "# EXERCISE ch02.double\ndef double(x): ..."]
    path = write_notebook(tmp_path / "02_mixed.ipynb", sources)
    assert read_submission(path, [other, chapter]).chapter == chapter.name
