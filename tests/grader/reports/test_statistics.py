from itertools import pairwise

import pytest

from grader.exercise import Status
from grader.judging.results import ExerciseResult, SubmissionResult
from grader.reports.statistics import Bin, Outcome, Times, class_figures, histogram, outcome, ticks, times


def exercise(name: str, status: Status, seconds: float = 1.0, mistake: str = "") -> ExerciseResult:
    score = 2 if status == Status.PASSED else 0
    return ExerciseResult(
        f"ch01.{name}", name.title(), status, score, 2, "", seconds, mistake=mistake, check="visible"
    )


def submission(name: str, *exercises: ExerciseResult) -> SubmissionResult:
    score = sum(each.score for each in exercises)
    return SubmissionResult(name, "ch01_toy", score, 2 * len(exercises), list(exercises))


CLASS = [
    submission("a", exercise("add", Status.PASSED, 1.0), exercise("mean", Status.PASSED, 4.0)),
    submission("b", exercise("add", Status.PASSED, 2.0), exercise("mean", Status.WRONG_VALUE, 4.0, "sum")),
    submission("c", exercise("add", Status.RAISED, 3.0), exercise("mean", Status.WRONG_VALUE, 4.0, "sum")),
    submission("d", exercise("add", Status.NOT_ATTEMPTED, 0.0), exercise("mean", Status.GRADER_FAULT, 4.0)),
    submission("e", exercise("add", Status.WRONG_SHAPE, 9.0, "list"), exercise("mean", Status.PASSED, 4.0)),
]


def test_scores_are_summed_up() -> None:
    figures = class_figures(CLASS)
    assert (figures.submissions, figures.max_score, figures.full_marks) == (5, 4, 1)
    assert figures.mean == pytest.approx(8 / 5)
    assert figures.median == 2
    assert [(each.low, each.high, each.count) for each in figures.bins] == [
        (0, 0, 2),
        (1, 1, 0),
        (2, 2, 2),
        (3, 3, 0),
        (4, 4, 1),
    ]


def test_exercises_keep_the_chapters_order_and_count_every_outcome() -> None:
    add, mean = class_figures(CLASS).exercises
    assert (add.number, add.id, add.title) == (1, "ch01.add", "Add")
    assert dict(add.outcomes) == {"passed": 2, "wrong": 1, "stopped": 1, "open": 1, "fault": 0}
    assert dict(mean.outcomes) == {"passed": 2, "wrong": 2, "stopped": 0, "open": 0, "fault": 1}


def test_share_passed_leaves_out_the_graders_own_faults() -> None:
    add, mean = class_figures(CLASS).exercises
    assert (add.passed, add.judged, add.share) == (2, 5, 0.4)
    assert (mean.passed, mean.judged, mean.share) == (2, 4, 0.5)


def test_hardest_comes_first_and_what_was_never_judged_not_at_all() -> None:
    only_faults = [submission(each.submission, *each.exercises) for each in CLASS]
    for each in only_faults:
        each.exercises.append(exercise("broken", Status.GRADER_FAULT))
    figures = class_figures(only_faults)
    assert [each.id for each in figures.hardest] == ["ch01.add", "ch01.mean"]
    assert figures.exercises[2].share == 0
    assert figures.faults == 6


def test_mistakes_are_counted_by_name_the_most_common_first() -> None:
    figures = class_figures(CLASS)
    found = [(each.name, each.exercise.id, each.count) for each in figures.mistakes]
    assert found == [("sum", "ch01.mean", 2), ("list", "ch01.add", 1)]
    assert figures.to_be_mended == 4


def test_times_leave_out_what_never_ran() -> None:
    figures = class_figures(CLASS)
    assert figures.exercises[0].times == Times(2.5, pytest.approx(7.2), 9.0)
    assert figures.times == Times(6.0, pytest.approx(10.6), 13.0)


def test_class_that_answered_nothing_has_figures() -> None:
    figures = class_figures([submission("a", exercise("add", Status.NOT_ATTEMPTED))])
    assert figures.mean == 0
    assert figures.exercises[0].times is None
    assert not figures.mistakes


def test_submissions_of_an_older_chapter_may_lack_an_exercise() -> None:
    figures = class_figures([submission("a", exercise("add", Status.PASSED)), CLASS[0]])
    assert [each.passed for each in figures.exercises] == [2, 1]


def test_no_times_of_nothing() -> None:
    assert times([]) is None


@pytest.mark.parametrize("max_score", [0, 1, 13, 19, 20, 100, 101, 999])
def test_histogram_counts_every_score_once(max_score: int) -> None:
    bins = histogram(range(max_score + 1), max_score)
    assert len(bins) <= 20
    assert bins[0].low == 0
    assert bins[-1].high == max_score
    assert all(left.high + 1 == right.low for left, right in pairwise(bins))
    assert all(each.count == each.high - each.low + 1 for each in bins)


def test_histogram_has_a_bar_for_each_score_where_they_fit() -> None:
    assert histogram([0, 2, 2], 2) == [Bin(0, 0, 1), Bin(1, 1, 0), Bin(2, 2, 2)]


@pytest.mark.parametrize(
    ("highest", "expected"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (7, [0, 2, 4, 6, 8]),
        (16, [0, 5, 10, 15, 20]),
        (214, [0, 100, 200, 300]),
    ],
)
def test_ticks_are_round_and_reach_the_highest(highest: int, expected: list[int]) -> None:
    assert ticks(highest) == expected


def test_every_status_has_its_outcome() -> None:
    assert outcome(Status.PASSED) is Outcome.PASSED
    passing = [status for status in Status if outcome(status) is Outcome.PASSED]
    assert passing == [Status.PASSED]
    assert outcome(Status.REFUSED) is Outcome.WRONG
    assert outcome(Status.TIME_LIMIT) is Outcome.STOPPED
    assert outcome(Status.NOT_ATTEMPTED) is Outcome.OPEN
    assert outcome(Status.GRADER_FAULT) is Outcome.FAULT
