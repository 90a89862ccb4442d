"""Makes the copy of the course that learners get: everything but the answers."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from grader.course.chapters import Chapter
from grader.exercise import Key
from grader.messages import _
from grader.reading.files import SubmissionError, read_code_cells

PRIVATE = "*answers*"
_NOT_OURS = (
    ".*",
    "__pycache__",
    "*.egg-info",
    "build",
    "dist",
    "venv",
)
_KEPT_HIDDEN = (".ci", ".github", ".gitignore", ".gitattributes")


class ReleaseError(Exception):
    """The copy cannot be made, or an answer was found in it."""


def release(root: Path, out: Path, chapters: Sequence[Chapter]) -> int:
    """Copies the course without answers, and proves that no answer is in the copy.

    Args:
        root: Root of the course.
        out: An empty or new folder; it is left empty when an answer is found.
        chapters: The chapters whose answers are looked for.

    Returns:
        Number of files copied.

    Raises:
        ReleaseError: If ``out`` holds something, or the copy holds an answer.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ReleaseError(_("{folder} is not empty: choose a new folder.").format(folder=out))
    files = public_files(root, out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".release-") as scratch:
        copy = Path(scratch) / "course"
        for file in files:
            (copy / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / file, copy / file)
        if leaks := find_answers(copy, chapters):
            raise ReleaseError("\n".join([_("Answers were found, so nothing was released:"), *leaks]))
        copy.rename(out)
    return len(files)


def public_files(root: Path, out: Path) -> list[Path]:
    """Returns the files that learners may have, relative to the root.

    In a git checkout they are among the tracked ones; elsewhere hidden files and build products are left out.
    """
    candidates = _tracked_files(root) or _present_files(root, out)
    return [file for file in candidates if not any(Path(part).match(PRIVATE) for part in file.parts)]


def find_answers(copy: Path, chapters: Sequence[Chapter]) -> list[str]:
    """Looks for the source of reference answers, other right answers and known mistakes.

    Lines are compared without blanks and comments; code of a single line is not looked for. Of a question,
    its variable set to the right answer is looked for, and the sentences that say what is right and wrong.

    Args:
        copy: A folder.
        chapters: Chapters with their keys.

    Returns:
        One line for each find.
    """
    wanted = {
        normalised: f"{exercise_id}, {label}"
        for chapter in chapters
        for exercise_id, key in (chapter.keys or {}).items()
        for label, code in [
            ("reference", key.reference),
            *((f"alternative {name!r}", code) for name, code in key.alternatives.items()),
            *((f"mistake {name!r}", mistake.code) for name, mistake in key.mistakes.items()),
        ]
        if (normalised := _normalised(code)).count("\n") > 2
    }
    told = {
        sentence: f"{exercise_id}, what is right or wrong"
        for chapter in chapters
        for exercise_id, key in (chapter.keys or {}).items()
        if key.right is not None
        for sentence in _told_by(key)
    }
    return [
        f"{file.relative_to(copy)}: {what}"
        for file in sorted(path for path in copy.rglob("*") if path.is_file())
        for text in _texts(file)
        for what in [
            *(what for normalised, what in wanted.items() if normalised in text),
            *dict.fromkeys(what for sentence, what in told.items() if sentence in _unquoted(text)),
        ]
    ]


def _told_by(key: Key) -> list[str]:
    """Returns what gives the answer to a question away, as :func:`_unquoted` writes it."""
    answers = [key.reference.partition("#")[0], *key.alternatives.values()]
    sentences = [key.explanation, *(mistake.reason for mistake in key.mistakes.values())]
    return [_unquoted(text) for text in (*answers, *sentences) if text]


def _texts(file: Path) -> Iterator[str]:
    try:
        text = file.read_text("utf-8")
    except UnicodeDecodeError:
        return
    yield _normalised(text)
    if file.suffix == ".ipynb":
        with contextlib.suppress(SubmissionError):
            yield from map(_normalised, read_code_cells(file))


def _normalised(code: str) -> str:
    """Returns a text's lines without blanks, empty lines and comments, each between line ends."""
    lines = ("".join(line.split()) for line in code.splitlines())
    return "\n" + "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))


def _unquoted(text: str) -> str:
    return "".join(text.split()).translate(str.maketrans("", "", "\"'\\"))


def _tracked_files(root: Path) -> list[Path]:
    try:
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "--cached", "--", "."], capture_output=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return []
    files = [Path(name) for name in listed.stdout.decode().split("\0") if name]
    return sorted(file for file in files if (root / file).is_file())


def _present_files(root: Path, out: Path) -> list[Path]:
    def ours(path: Path) -> bool:
        return path.name in _KEPT_HIDDEN or not any(path.match(pattern) for pattern in _NOT_OURS)

    found, pending = [], [root]
    while pending:
        for path in pending.pop().iterdir():
            if path.is_dir() and not path.is_symlink():
                if ours(path) and path.resolve() != out.resolve():
                    pending.append(path)
            elif path.is_file() and ours(path):
                found.append(path.relative_to(root))
    return sorted(found)
