"""What each lesson exports is committed as it stands there, explained, and used."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from grader.course import taught
from grader.course.chapters import Chapter, load_chapters

COURSE = Path(__file__).resolve().parents[2]
CHAPTERS = load_chapters(COURSE)
TAUGHT = [taught.taught_path(chapter) for chapter in CHAPTERS if taught.taught_path(chapter).is_file()]
in_each_taught = pytest.mark.parametrize("path", TAUGHT, ids=lambda path: path.parent.name)


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.name)
def test_taught_code_is_that_of_the_lesson(chapter: Chapter) -> None:
    assert taught.faults(chapter) == []  # raises where an exported cell does more than import and define


@in_each_taught
def test_taught_functions_and_classes_have_docstrings(path: Path) -> None:
    definitions = [node for node in ast.parse(path.read_text("utf-8")).body if hasattr(node, "body")]
    assert definitions
    silent = [node.name for node in definitions if not ast.get_docstring(node)]
    assert not silent


@in_each_taught
def test_taught_code_is_imported_by_its_chapter_or_its_tests(path: Path) -> None:
    folders = [path.parent, COURSE / "tests" / "chapters" / path.parent.name]
    others = [each for folder in folders for each in folder.glob("*.py") if each != path]
    package = f"chapters.{path.parent.name}"
    imported = {
        name
        for each in others
        for node in ast.walk(ast.parse(each.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom)
        for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    }
    assert f"{package}.taught" in imported
