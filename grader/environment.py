"""What a verdict depends on, beside the answer: the checks, and all that runs them."""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import platform
from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path

from grader.cells import read_cell
from grader.chapters import Chapter
from grader.gradebook import Environment, digest
from grader.messages import language
from grader.sandbox import COURSE, Isolation, Limits

_PACKAGES = ("tensorflow", "keras", "numpy")
_ENGINE = ("compare", "confine", "judge", "probes", "protocol", "sandbox", "wire", "worker", "workspace")


def environment_of(isolation: Isolation, limits: Limits, seed: int | None) -> Environment:
    """Describes where answers are judged.

    Args:
        isolation: What keeps learners' code apart.
        limits: What it may use.
        seed: Seed of the checks' inputs; ``None`` for a secret one.

    Returns:
        The environment; its key changes with everything in it that can change a verdict or its words.
    """
    versions = {"python": platform.python_version()} | _versions()
    engine = [COURSE / "grader" / f"{name}.py" for name in _ENGINE]
    course = sorted((COURSE / "course_utils").glob("*.py"))
    key = digest(isolation, asdict(limits), seed, language(), versions, _contents([*engine, *course]))
    return Environment(key, isolation, versions)


@cache
def checks_digest(chapter: Chapter, exercise_id: str) -> str:
    """Digests what judges one exercise.

    A change of another exercise's checks, of an answer or of a hint does not change it.

    Args:
        chapter: The chapter.
        exercise_id: Id of one of its exercises.

    Returns:
        The digest in hexadecimal.
    """
    exercise, key = chapter.exercises[exercise_id], chapter.key(exercise_id)
    hidden = key.hidden if key is not None else None
    roots = {check.__name__ for check in (exercise.check, hidden) if check is not None}
    mistakes = [(name, mistake.reason) for name, mistake in key.mistakes.items()] if key is not None else []
    return digest(
        [
            exercise.id,
            exercise.title,
            exercise.points,
            exercise.symbols,
            exercise.time_limit,
            exercise.hints[:1],
        ],
        mistakes,
        sorted(_reachable(_statements(chapter.folder), roots)),
        _contents([chapter.folder / "probes.py"]),
    )


@cache
def _statements(folder: Path) -> tuple[tuple[str, frozenset[str], frozenset[str]], ...]:
    """Returns code, bound names and used names of each top-level statement of a chapter's checks."""
    found = []
    for path in (folder / "exercises.py", folder / "answers.py"):
        source = path.read_text("utf-8") if path.is_file() else ""
        for statement in ast.parse(source).body:
            code = ast.unparse(statement)
            cell = read_cell(code)
            if not cell.binds & {"EXERCISES", "ANSWERS"}:
                found.append((code, cell.binds, cell.uses))
    return tuple(found)


def _reachable(
    statements: Iterable[tuple[str, frozenset[str], frozenset[str]]], roots: Iterable[str]
) -> set[str]:
    """Returns the code of the statements that some names are made of, directly or not."""
    pending, known, reached = set(roots), set[str](), set[str]()
    while pending:
        name = pending.pop()
        known.add(name)
        for code, binds, uses in statements:
            if name in binds:
                reached.add(code)
                pending |= uses - known
    return reached


def _contents(paths: Iterable[Path]) -> list[str]:
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths if path.is_file()]


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = ""
    return found
