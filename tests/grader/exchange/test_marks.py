from dataclasses import replace

import pytest

from grader.exchange.marks import expect_one_chapter, mark, maximum_of, number, scaled, scaling_notice
from grader.exchange.roster import Columns, ExportError, Roster
from grader.exercise import Status
from tests.grader.graded import CHAPTER, exercise, graded, scored, ungraded


@pytest.fixture(autouse=True)
def _in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_LANG", "en")


def people() -> Roster:
    rows = [["Lee", "1", "lee"], ["Kim", "2", "kim"], ["Kim", "3", "kim2"]]
    return Roster(Columns("canvas", 1, [0, 2], [0]), ["Name", "ID", "Login"], rows)


def test_everybody_gets_their_mark_in_each_chapter() -> None:
    results = [scored("lee.ipynb", 3), scored("kim2.ipynb", 1), scored("x/lee.ipynb", 2, chapter="ch02_b")]
    marks = mark(people(), results)
    assert {place: result.score for place, result in marks.results.items()} == {
        (0, CHAPTER): 3,
        (2, CHAPTER): 1,
        (0, "ch02_b"): 2,
    }
    assert marks.notices == []
    assert marks.chapters == [CHAPTER, "ch02_b"]


def test_of_several_files_the_best_counts_and_the_others_are_named() -> None:
    results = [scored("lee.ipynb", 1), scored("b/lee.ipynb", 3), scored("c/lee.ipynb", 2)]
    marks = mark(people(), results)
    assert marks.results[0, CHAPTER].submission == "b/lee.ipynb"
    assert marks.notices == [
        "Lee has several files for ch01_numbers: b/lee.ipynb (3) counts, not lee.ipynb (1), c/lee.ipynb (2)."
    ]


def test_of_several_files_the_one_with_most_answers_counts() -> None:
    half = graded("lee.ipynb", exercise(1, Status.PASSED, points=3), exercise(2, Status.NOT_ATTEMPTED))
    wrong = graded("b/lee.ipynb", exercise(1, Status.PASSED), exercise(2, Status.WRONG_VALUE))
    assert mark(people(), [half, wrong]).results[0, CHAPTER].submission == "b/lee.ipynb"


def test_who_handed_in_is_known_whatever_became_of_it() -> None:
    noted = replace(scored("kim2.ipynb", 3), note="Also handed in, not graded: a.pdf.")
    marks = mark(people(), [ungraded("lee.ipynb"), noted, scored("park.ipynb", 4)])
    assert marks.handed_in == {0: "lee.ipynb", 2: "kim2.ipynb"}
    assert marks.notices[1] == "kim2.ipynb: Also handed in, not graded: a.pdf."


def test_who_is_not_in_the_roster_is_named_and_the_others_get_their_marks() -> None:
    names = ("park.ipynb", "parkjun_9_8_x.ipynb", "lee.ipynb")
    marks = mark(people(), [scored(name, 4) for name in names])
    assert list(marks.results) == [(0, CHAPTER)]
    assert marks.notices == [
        "park.ipynb: park is not in the roster.",
        "parkjun_9_8_x.ipynb: 9 parkjun is not in the roster.",
    ]


def test_who_fits_two_lines_gets_no_mark() -> None:
    marks = mark(people(), [scored("Kim.ipynb", 4)])
    assert marks.results == {}
    assert marks.notices == ["Kim.ipynb fits several people of the roster: line 3 (Kim), line 4 (Kim)."]


def test_a_file_that_could_not_be_graded_gives_no_mark() -> None:
    marks = mark(people(), [ungraded("lee.ipynb")])
    assert marks.results == {}
    assert marks.notices == ["lee.ipynb was not graded: 空です。"]


def test_a_fault_of_the_grader_lowers_no_mark() -> None:
    faulty = graded("lee.ipynb", exercise(1, Status.PASSED), exercise(2, Status.GRADER_FAULT, "故障"))
    marks = mark(people(), [faulty])
    assert marks.results == {}
    assert len(marks.notices) == 1
    assert "ch01.part2" in marks.notices[0]
    assert "故障" not in marks.notices[0]


@pytest.mark.parametrize(
    ("score", "maximum", "text"), [(3, 4, "3"), (3, 100, "75"), (1, 10, "2.5"), (0, 4, "0")]
)
def test_scores_are_scaled_to_the_systems_maximum(score: int, maximum: float, text: str) -> None:
    assert scaled(scored("x", score), maximum) == text


def test_numbers_have_two_decimals_at_the_most() -> None:
    assert [number(value) for value in (100.0, 1 / 3, 0.5, 0.0, 66.666)] == [
        "100",
        "0.33",
        "0.5",
        "0",
        "66.67",
    ]
    assert scaled(graded("nothing to earn"), 10) == "0"


def test_scaling_is_told_where_the_maxima_differ() -> None:
    assert scaling_notice(CHAPTER, 4, 4.0) == ""
    assert (
        scaling_notice(CHAPTER, 4, 100.0) == "ch01_numbers: 4 points here, 100 there; the marks were scaled."
    )


@pytest.mark.parametrize("cell", ["", "0", "(read only)", "nan", "-5"])
def test_a_maximum_that_is_none_is_refused(cell: str) -> None:
    with pytest.raises(ExportError, match="Quiz"):
        maximum_of(cell, "Quiz")


def test_maxima_are_read_with_a_decimal_comma_too() -> None:
    assert maximum_of("12,5", "Quiz") == maximum_of("12.50", "Quiz") == 12.5


def test_one_assignment_takes_one_chapter() -> None:
    expect_one_chapter([])
    expect_one_chapter([CHAPTER])
    with pytest.raises(ExportError, match=r"ch01_numbers, ch02_b.*--chapter"):
        expect_one_chapter([CHAPTER, "ch02_b"])
