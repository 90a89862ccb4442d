from benchmarks.attacks_on_exercises import Tally, lie, page
from grader.course.chapters import load_chapters
from grader.exercise import Status


def test_page_sums_what_was_tried() -> None:
    one, other = Tally(attacks=2, lies=1, crooked=3, seconds=0.5), Tally(attacks=4, crooked=5, seconds=1.25)
    one.note("ch01.double: frames", Status.PASSED)
    one.note("ch01.double: zeros", Status.GRADER_FAULT)
    one.note("ch01.double: ones", Status.WRONG_VALUE)
    lines = page({"ch01.double": one, "ch01.area": other}).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    assert cells[2] == ["ch01.double", "2", "1", "3", "1", "1", "0.50"]
    assert cells[4] == ["**2 exercises**", "6", "1", "8", "1", "1", "1.25"]


def test_lies_about_a_real_exercise_gain_nothing() -> None:
    chapter = load_chapters()[0]
    exercise = next(iter(chapter.exercises.values()))
    tally = Tally()
    lie(chapter, exercise, tally)
    assert tally.crooked > 20
    assert (tally.gained, tally.faults) == ((), ())
