"""Discovery of the course's chapters: folders ``chNN_name`` that hold an ``exercises.py``."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
import unicodedata
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import ModuleType

from grader import questions
from grader.course.parsing import parse
from grader.exercise import Exercise, Key
from grader.messages import _

FOLDER_NAME = re.compile(r"ch(\d\d)_\w+")


class ChapterError(Exception):
    """A chapter is missing or does not keep to its grammar."""


@dataclass(frozen=True, eq=False)
class Chapter:
    """One chapter and its exercises.

    Attributes:
        number: Number of the chapter, such as 5.
        name: Name of its folder, such as ``ch05_resnet_transfer``.
        folder: The folder.
        exercises: Exercises by id, in the order of the lesson.
        keys: Answers by id; ``None`` in a copy of the course without ``answers.py``.
    """

    number: int
    name: str
    folder: Path
    exercises: dict[str, Exercise]
    keys: dict[str, Key] | None

    @property
    def lesson(self) -> Path:
        """The notebook's source."""
        return self.folder / "lesson.py"

    @property
    def notebook_name(self) -> str:
        """File name of the generated notebook, such as ``05_resnet_transfer.ipynb``."""
        return self.name.removeprefix("ch") + ".ipynb"

    @cached_property
    def sentences(self) -> frozenset[str]:
        """Every text that stands as it is in ``exercises.py`` and ``answers.py``."""
        sources = (self.folder / name for name in ("exercises.py", "answers.py"))
        trees = [parse(path.read_text("utf-8")) for path in sources if path.is_file()]
        return frozenset(
            node.value
            for tree in trees
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        )

    @cached_property
    def lesson_imports(self) -> list[str]:
        """Modules that the lesson imports, in the order of the alphabet."""
        if not self.lesson.is_file():
            return []
        nodes = [*ast.walk(parse(self.lesson.read_text("utf-8")))]
        plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        return sorted(
            plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
        )

    def key(self, exercise_id: str) -> Key | None:
        """Returns an exercise's answers, where this copy of the course has them."""
        return (self.keys or {}).get(exercise_id)


def load_chapters(root: Path | None = None) -> list[Chapter]:
    """Loads every chapter, by number.

    Args:
        root: Folder that holds the folder ``chapters``; by default that of the importable package.

    Returns:
        The chapters.

    Raises:
        ChapterError: If there is no such folder, or a chapter does not keep to the grammar.
    """
    return [_load_folder(folder) for folder in _chapter_folders(root)]


def load_chapter(which: int | str, root: Path | None = None) -> Chapter:
    """Loads one chapter.

    Args:
        which: Its number (``5``, ``"5"``, ``"ch05"``) or its full name.
        root: As for :func:`load_chapters`.

    Returns:
        The chapter.

    Raises:
        ChapterError: If there is none.
    """
    folders = _chapter_folders(root)
    digits = re.fullmatch(r"(?:ch)?0*(\d+)", str(which))
    for folder in folders:
        if folder.name == which or (digits and _number(folder) == int(digits[1])):
            return _load_folder(folder)
    raise ChapterError(
        _("There is no chapter {which!r}. Known: {known}.").format(
            which=which, known=", ".join(folder.name for folder in folders)
        )
    )


def find_exercise(exercise_id: str, root: Path | None = None) -> tuple[Chapter, Exercise]:
    """Finds an exercise by its id, in any case and with blanks or full-width characters.

    Args:
        exercise_id: Such as ``ch05.head``.
        root: As for :func:`load_chapters`.

    Returns:
        The chapter and the exercise.

    Raises:
        ChapterError: If there is none; the message lists the known ids.
    """
    folders = _chapter_folders(root)
    exercise_id = "".join(unicodedata.normalize("NFKC", exercise_id).lower().split())
    prefix = exercise_id.partition(".")[0]
    nearest = [folder for folder in folders if f"ch{_number(folder):02d}" == prefix] or folders
    chapters = [_load_folder(folder) for folder in nearest]
    for chapter in chapters:
        if exercise_id in chapter.exercises:
            return chapter, chapter.exercises[exercise_id]
    known = ", ".join(known_id for chapter in chapters for known_id in chapter.exercises)
    raise ChapterError(
        _("There is no exercise {exercise!r}. Known: {known}.").format(exercise=exercise_id, known=known)
    )


def _chapter_folders(root: Path | None) -> list[Path]:
    """Finds the chapters' folders, by number, without loading any."""
    parents = [root / "chapters"] if root is not None else _importable_chapters()
    folders = [
        folder.resolve()
        for parent in parents
        if parent.is_dir()
        for folder in parent.iterdir()
        if FOLDER_NAME.fullmatch(folder.name) and (folder / "exercises.py").is_file()
    ]
    if not folders:
        raise ChapterError(
            _("No chapter was found in {folder}.").format(folder=", ".join(map(str, parents)) or "chapters")
        )
    return sorted(folders, key=lambda folder: folder.name)


def _number(folder: Path) -> int:
    return int(folder.name[2:4])


def _importable_chapters() -> list[Path]:
    spec = importlib.util.find_spec("chapters")
    return [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []


@cache
def _load_folder(folder: Path) -> Chapter:
    number = _number(folder)
    exercises: list[Exercise] = _load_module(folder / "exercises.py").EXERCISES
    keys: dict[str, Key] | None = None
    if (folder / "answers.py").is_file():
        keys = _load_module(folder / "answers.py").ANSWERS
    by_id = {exercise.id: exercise for exercise in exercises}
    faults = [
        f"{exercise.id} does not start with ch{number:02d}."
        for exercise in exercises
        if not re.fullmatch(rf"ch{number:02d}\.\w+", exercise.id)
    ]
    if len(by_id) < len(exercises):
        faults.append("two exercises share an id")
    if keys is not None and set(keys) != set(by_id):
        faults.append(f"exercises.py and answers.py differ in {sorted(set(keys) ^ set(by_id))}")
    for exercise in exercises:
        faults += questions.faults(exercise, (keys or {}).get(exercise.id))
    if faults:
        raise ChapterError(f"{folder.name}: {'; '.join(faults)}")
    if keys is not None:
        keys = {
            exercise_id: questions.completed(by_id[exercise_id], key) for exercise_id, key in keys.items()
        }
    return Chapter(number, folder.name, folder, by_id, keys)


def _load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"chapters.{path.parent.name}.{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # A dataclass looks its module up there. Another course's chapter of that name keeps its place.
    kept = sys.modules.get(spec.name)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    finally:
        if kept is None:
            del sys.modules[spec.name]
        else:
            sys.modules[spec.name] = kept
    return module
