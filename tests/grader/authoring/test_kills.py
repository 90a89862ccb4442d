from pathlib import Path

import pytest

from grader.authoring.kills import Tally, survey
from tests.grader.question_course import write_question_course
from tests.grader.toy_course import ANSWERS, EXERCISES, write_course


def tallies(root: Path, most: int | None = None, **replaced: str) -> dict[str, Tally]:
    chapter = write_course(root, **replaced)
    return {tally.id: tally for tally in survey([chapter], most=most)}


def test_good_checks_kill_every_mutant(tmp_path: Path) -> None:
    tally = tallies(tmp_path)["ch01.double"]
    assert tally.made == tally.judged == tally.visible > 10
    assert (tally.hidden, tally.survivors, tally.faults) == (0, [], [])


def test_weak_check_lets_mutants_through_and_the_tally_names_them(tmp_path: Path) -> None:
    exercises = EXERCISES.replace('y, 2 * x, "double(x)"', 'np.abs(y), np.abs(2 * x), "double(x)"')
    exercises = exercises.replace("from grader.compare", "import numpy as np\nfrom grader.compare")
    answers = ANSWERS.replace("return x + x", "return -(-2 * x)").replace("0.375), 0.75,", "0.0), 0.0,")
    tally = tallies(tmp_path, exercises=exercises, answers=answers)["ch01.double"]
    assert "return -(-2 * x)  →  return (-2 * x)" in tally.survivors
    assert tally.judged == tally.visible + tally.hidden + len(tally.survivors)


def test_hidden_check_kills_what_the_visible_one_lets_through(tmp_path: Path) -> None:
    exercises = EXERCISES.replace("answer.rng.normal(size=3)", "2.0")
    tally = tallies(tmp_path, exercises=exercises)["ch01.double"]
    assert tally.hidden > 0
    assert tally.survivors == []


@pytest.mark.parametrize(
    ("end", "most"),
    [("any(iter(int, 1))", 4), ("[0] * 2**40", None), ("__import__('os')._exit(0)", None)],
    ids=["never ends", "takes all memory", "ends its process"],
)
def test_mutant_that_never_ends_or_takes_its_process_along_is_killed(
    tmp_path: Path, end: str, most: int | None
) -> None:
    answers = ANSWERS.replace("return x + x", f"if type(x) is not float: {end}\\n    return x + x")
    exercises = EXERCISES.replace("answer.rng.normal(size=3)", "1.0")
    tally = tallies(tmp_path, most, exercises=exercises, answers=answers)["ch01.double"]
    assert tally.visible + tally.hidden >= 3
    assert not [line for line in tally.survivors if "→  if type(x) is float" in line]


def test_equivalent_mutants_are_left_out_and_entries_must_be_true(tmp_path: Path) -> None:
    entries = {"return x + x + 0": "nothing", "2 * x, 1": "nothing", "return 0": "not true"}
    answers = ANSWERS.replace("return x + x", "return x + x - 0").replace(
        "hidden=hidden_double", f"hidden=hidden_double, equivalent={entries}"
    )
    tally = tallies(tmp_path, answers=answers)["ch01.double"]
    assert (tally.equivalent, tally.made) == (1, tally.judged + 1)
    assert tally.survivors == []
    assert any("'2 * x, 1'" in fault for fault in tally.faults)
    assert any("not equivalent, as 'return 0' says" in fault for fault in tally.faults)


def test_where_only_the_outcome_counts_each_mutant_that_passes_is_right(tmp_path: Path) -> None:
    answers = ANSWERS.replace("return x + x", "return x + x - 0")
    answers = answers.replace("hidden=hidden_double", "hidden=hidden_double, equivalent={'*': 'free'}")
    tally = tallies(tmp_path, answers=answers)["ch01.double"]
    assert (tally.equivalent, tally.visible + tally.hidden, tally.survivors, tally.faults) == (
        1,
        tally.made - 1,
        [],
        [],
    )


def test_some_of_many_are_taken_evenly(tmp_path: Path) -> None:
    tally = tallies(tmp_path, most=5)["ch01.double"]
    assert (tally.judged, tally.made > 10) == (5, True)


def test_reference_that_fails_and_check_that_fails_in_itself_are_faults(tmp_path: Path) -> None:
    answers = ANSWERS.replace("return 2 * x\\n", "return 3 * x\\n")
    exercises = EXERCISES.replace("    expect_close(y, 2 * x", "    len(y)\n    expect_close(y, 2 * x")
    faults = tallies(tmp_path, exercises=exercises, answers=answers)["ch01.double"].faults
    assert faults[0] == "ch01.double: the reference itself is killed by the visible check"
    assert any("the check itself fails" in fault for fault in faults)


def test_questions_are_left_out(tmp_path: Path) -> None:
    found = [tally.id for tally in survey([write_question_course(tmp_path)], most=1)]
    assert found == ["ch01.double", "ch01.area_and_name"]
