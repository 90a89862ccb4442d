import pytest

from benchmarks.grading import (
    Run,
    affordable,
    cost_table,
    expect_points,
    learner,
    marginal,
    overhead_table,
    summary,
)
from benchmarks.measure import Usage


def run(grader: str, size: int, jobs: int, wall: float, count: int | None = None) -> Run:
    """A run that took so many seconds."""
    usage = Usage(wall=wall, cpu=2 * wall, largest=700_000_000, together=900_000_000)
    return Run(grader, size, jobs, size if count is None else count, usage)


def test_first_size_is_tried_whatever_it_takes() -> None:
    assert affordable(1000, [], budget=1.0) == 1000


def test_as_many_are_graded_as_fit_into_the_budget() -> None:
    before = [(1, 1, 10.0), (10, 10, 70.0)]
    assert affordable(50, before, budget=600.0) == 50
    assert affordable(100, before, budget=600.0) == 89


def test_size_that_shows_no_more_than_a_smaller_one_is_left_out() -> None:
    assert affordable(1000, [(10, 10, 70.0), (85, 100, 595.0)], budget=600.0) == 0


def test_rounds_of_one_size_do_not_count_as_a_smaller_one() -> None:
    assert affordable(10, [(1, 1, 10.0), (10, 10, 7000.0)], budget=600.0) == 10


def test_costs_are_of_each_submission_and_ratios_to_ours() -> None:
    runs = [run("ours", 10, 1, 5.0), run("nbgrader", 10, 1, 100.0), run("ours", 100, 1, 40.0)]
    lines = cost_table(runs, ["ours", "nbgrader"]).splitlines()
    assert [text.strip() for text in lines[3].split("|")[1:-1]] == [
        *("nbgrader", "10", "1", "10", "10.00", "20.00", "700", "900", "20.0", "20.0")
    ]
    assert [text.strip() for text in lines[5].split("|")[1:-1]] == ["nbgrader", "100", "1", *["–"] * 7]


def test_summary_is_the_round_of_median_time() -> None:
    rounds = [run("ours", 10, 1, wall) for wall in (9.0, 5.0, 6.0)]
    assert summary([*rounds, run("ours", 10, 2, 1.0)]) == [rounds[2], run("ours", 10, 2, 1.0)]


def test_further_submission_leaves_the_start_out() -> None:
    assert marginal(run("ours", 10, 2, 10.0), run("ours", 110, 2, 30.0)) == pytest.approx(0.4)


def test_overhead_is_what_the_own_code_does_not_take() -> None:
    runs = [run("ours", 1, 1, 5.0), run("ours", 11, 1, 8.0), run("otter", 1, 1, 9.0)]
    lines = overhead_table(runs, own_code=0.2).splitlines()
    assert [text.strip() for text in lines[2].split("|")[1:-1]] == ["1", "1", "4.80", "–"]
    assert [text.strip() for text in lines[3].split("|")[1:-1]] == ["11", "1", "0.53", "0.10"]


def test_grader_that_gives_wrong_points_has_not_done_its_work() -> None:
    right = {learner(number): {"q": 10.0 if number != 9 else 0.0} for number in range(10)}
    expect_points(right, "q", 10, 10)
    with pytest.raises(SystemExit, match="learner00009 must get 0"):
        expect_points(right | {learner(9): {"q": 10.0}}, "q", 10, 10)
    with pytest.raises(SystemExit, match="learner00010 must get 10"):
        expect_points(right, "q", 10, 11)
