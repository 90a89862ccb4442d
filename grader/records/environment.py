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

from grader.course.chapters import Chapter
from grader.course.parsing import parse
from grader.exercise import Check
from grader.messages import language
from grader.reading.cells import read_cell
from grader.records.gradebook import Environment, digest
from grader.sandbox import container
from grader.sandbox.container import COURSE
from grader.sandbox.limits import Isolation, Limits

_Statement = tuple[str, frozenset[str], frozenset[str]]
_PACKAGES = ("tensorflow", "keras", "numpy")
"""What the reports name."""
_ENGINE = ("*.py", "judging/*.py", "protocol/*.py", "sandbox/*.py", "worker/*.py")
"""What takes part in a verdict, below ``grader/``."""


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
    engine = sorted(path for pattern in _ENGINE for path in (COURSE / "grader").glob(pattern))
    course = sorted((COURSE / "course_utils").glob("*.py"))
    words = sorted((COURSE / "grader" / "locale").rglob("*.mo"))
    contents = _contents([*engine, *course, *words])
    image = container.image() if isolation in container.ENGINES else ""
    key = digest(image, isolation, asdict(limits), seed, language(), versions, _installed(), contents)
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
    if exercise.question is not None:  # all that judges it is data
        code = [repr(exercise.question), repr(key.right if key is not None else None)]
    else:
        hidden = key.hidden if key is not None else None
        checks = [check for check in (exercise.check, hidden) if check is not None]
        code = sorted(_code_of(checks, _statements(chapter.folder)))
    mistakes = [(name, mistake.reason) for name, mistake in key.mistakes.items()] if key is not None else []
    return digest(
        [
            exercise.id,
            exercise.title,
            exercise.points,
            exercise.symbols,
            exercise.time_limit,
            exercise.may_change_arguments,
            exercise.hints[:1],
        ],
        mistakes,
        code,
        _contents([chapter.folder / "probes.py"]),
    )


@cache
def _statements(folder: Path) -> tuple[_Statement, ...]:
    """Returns code, names bound or changed, and names used of each top-level statement of the checks."""
    found = []
    for path in (folder / "exercises.py", folder / "answers.py"):
        source = path.read_text("utf-8") if path.is_file() else ""
        for statement in parse(source).body:
            code = ast.unparse(statement)
            cell = read_cell(code)
            found.append((code, cell.binds | cell.changes, cell.uses))
    return tuple(found)


def _code_of(checks: Iterable[Check], statements: Iterable[_Statement]) -> set[str]:
    """Returns the code that checks are made of; all of it where they are not functions of the top level."""
    names = {getattr(check, "__qualname__", "") for check in checks}
    bound = {name for _code, binds, _uses in statements for name in binds}
    if not names <= bound:
        return {code for code, _binds, _uses in statements}
    return _reachable([each for each in statements if not each[1] & {"EXERCISES", "ANSWERS"}], names)


def _reachable(statements: Iterable[_Statement], roots: Iterable[str]) -> set[str]:
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


@cache
def _installed() -> list[str]:
    """Lists all that is installed here with its version: an answer may import any of it."""
    found = importlib.metadata.distributions()
    return sorted({f"{each.metadata['Name']}=={each.version}" for each in found})


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = ""
    return found
