import sys
from pathlib import Path

import pytest

from grader.course.chapters import Chapter, ChapterError, find_exercise, load_chapter, load_chapters
from tests.grader.toy_course import EXERCISES, write_course


def test_chapter_holds_its_exercises_in_order(chapter: Chapter) -> None:
    assert (chapter.number, chapter.name) == (1, "ch01_numbers")
    assert list(chapter.exercises) == ["ch01.double", "ch01.area_and_name"]
    assert chapter.notebook_name == "01_numbers.ipynb"
    assert chapter.key("ch01.double") is not None


@pytest.mark.parametrize("which", [1, "1", "01", "ch01", "ch01_numbers"])
def test_chapter_is_found_by_number_and_name(chapter: Chapter, which: int | str) -> None:
    assert load_chapter(which, chapter.folder.parent.parent) is chapter


def test_released_copy_has_no_keys(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course").folder.parent.parent
    released = tmp_path / "released"
    course.rename(released)
    (released / "chapters/ch01_numbers/answers.py").unlink()
    chapter = load_chapter(1, released)
    assert chapter.keys is None
    assert chapter.key("ch01.double") is None


def test_unknown_exercise_lists_the_known_ones(chapter: Chapter) -> None:
    with pytest.raises(ChapterError, match=r"ch01\.doubel.*ch01\.double, ch01\.area_and_name"):
        find_exercise("ch01.doubel", chapter.folder.parent.parent)


@pytest.mark.parametrize("typed", ["ch01.double", "CH01.Double", " ch01.double ", "ｃｈ０１．ｄｏｕｂｌｅ"])
def test_exercise_and_chapter_are_found_by_id(chapter: Chapter, typed: str) -> None:
    found, exercise = find_exercise(typed, chapter.folder.parent.parent)
    assert found is chapter
    assert exercise.points == 3


def test_empty_folder_has_no_chapters(tmp_path: Path) -> None:
    with pytest.raises(ChapterError):
        load_chapters(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('id="ch01.double"', 'id="ch02.double"', "ch02.double"),
        ('id="ch01.double"', 'id="ch01.area_and_name"', "share an id"),
    ],
)
def test_broken_grammar_is_named(tmp_path: Path, old: str, new: str, fault: str) -> None:
    with pytest.raises(ChapterError, match=fault):
        write_course(tmp_path, exercises=EXERCISES.replace(old, new))


def test_answers_must_match_exercises(tmp_path: Path) -> None:
    with pytest.raises(ChapterError, match=r"answers\.py"):
        write_course(tmp_path, answers="ANSWERS = {}\n")


def test_exercises_may_hold_a_dataclass(tmp_path: Path) -> None:
    dataclass = "from __future__ import annotations\nfrom dataclasses import dataclass\n\n"
    dataclass += "@dataclass\nclass Point:\n    x: float\n\n"
    before = set(sys.modules)

    chapter = write_course(tmp_path / "course", exercises=dataclass + EXERCISES)

    assert "ch01.double" in chapter.exercises
    assert not {name for name in set(sys.modules) - before if name.startswith("chapters.ch01_numbers")}


def test_broken_chapter_does_not_hinder_another(tmp_path: Path) -> None:
    course = write_course(tmp_path / "course").folder.parent.parent
    broken = course / "chapters/ch02_broken"
    broken.mkdir()
    (broken / "exercises.py").write_text("EXERCISES = [\n")

    assert load_chapter(1, course).number == 1
    assert find_exercise("ch01.double", course)[1].id == "ch01.double"
    with pytest.raises(SyntaxError):
        load_chapters(course)
