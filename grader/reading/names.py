"""Whose a file is, as far as its name tells: what a learning management system wrote in front decides.

A learner chooses the name of a file, and of the folders in an archive, so these can look like anything. Read
is therefore from the outside in, and the first part that a system wrote ends the search.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

System = Literal["canvas", "moodle"]

# Moodle's "Download all submissions": a folder for each person, or flat files. The first number counts.
_MOODLE = re.compile(r"(?P<name>.*?)_(?P<id>[0-9]+)_assignsubmission_[a-z]+(?:_(?P<rest>.*))?", re.DOTALL)
# Canvas' "Download Submissions": flat. The name never holds "_<digits>_".
_CANVAS = re.compile(
    r"(?P<name>.*?)_(?P<late>LATE_)?(?P<id>[0-9]+)_(?P<upload>[0-9]+_)?(?P<rest>.+)", re.DOTALL
)
_CANVAS_TEXT = re.compile(r"(?:text|link)\.html")
_CANVAS_QUIZ = re.compile(r"(?P<name>.*?)(?P<id>[0-9]+)_question_[0-9]+_[0-9]+_(?P<rest>.+)", re.DOTALL)
_CANVAS_ANONYMOUS = re.compile(
    r"(?:LATE_)?(?P<id>anon_[0-9A-Za-z]{5})_(?P<rest>[0-9]+_.+|(?:text|link)\.html)", re.DOTALL
)
_LONGEST_PART = 400
"""No system writes a longer name for a file."""
_DATE = re.compile(r"(?:19|20)[0-9]{2}_(?:0?[1-9]|1[0-2])_(?:0?[1-9]|[12][0-9]|3[01])(?![0-9])")
_NBGRADER_STEPS = ("submitted", "autograded")
_ENDING = re.compile(
    r"(?:7z|docx|download|html?|ipynb|json|md|pdf|py|rar|txt|zip)(?:\s*\([0-9]+\))?", re.IGNORECASE
)
_COPY = re.compile(r"\s*\([0-9]+\)$")
_NOISE = re.compile(
    r"__macosx|__pycache__|\.ds_store|\.git|\.ipynb_checkpoints|\.virtual_documents|desktop\.ini|thumbs\.db|"
    r"(?:\._|~\$).*",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Student:
    """Who handed in a file, as far as its name tells.

    Attributes:
        key: Number within the system that named the file, else the name of the file or its folder.
        name: Full name, where the system wrote it.
        system: The system that named the file; ``None`` for a person or nbgrader.
        anonymous: Whether the system hid who it is.
        place: Equal for all files that a system or nbgrader keeps for this one; empty where none did.
        folders: The folders around it, outermost first, up to what the system wrote.
        file: What the system wrote, or the file's own name, without its ending.
        prefix: What must stand in front of a file that goes back to the system; empty where none named it.
        rest: What stands behind what the system wrote.
    """

    key: str
    name: str = ""
    system: System | None = None
    anonymous: bool = False
    place: str = ""
    folders: tuple[str, ...] = ()
    file: str = ""
    prefix: str = ""
    rest: str = ""


def student_of(submission: str, chapter: str | None = None) -> Student:
    """Tells whose a file is by its name.

    Args:
        submission: The path of the file within what was handed over; an archive counts as a folder.
        chapter: Name of the chapter that it answers, where that is known.

    Returns:
        The student: whom Canvas or Moodle wrote in front; the folder below ``submitted`` in nbgrader's
        layout; else the file's own name, unless that is the published notebook's: then its folder's.
    """
    parts = PurePosixPath(unicodedata.normalize("NFC", submission)).parts or ("",)
    folders = tuple(_stem(part) if part.lower().endswith(".zip") else part for part in parts[:-1])
    for position, part in enumerate(parts):
        flat = position == len(parts) - 1 or part.lower().endswith(".zip")
        if student := _written_by_a_system(part, folders[:position], parts[position + 1 :], flat=flat):
            return student
        named = _MOODLE.fullmatch(parts[position + 1]) if position + 1 < len(parts) else None
        if is_step(part) and position + 3 < len(parts) and not named:
            return Student(
                parts[position + 1],
                place="/".join(parts[: position + 3]),
                folders=folders,
                file=_stem(parts[-1]),
            )
    if chapter in parts[1:-1]:
        key = parts[parts.index(chapter, 1) - 1]
    else:
        key = _own_name(_stem(parts[-1]), folders, chapter)
    return Student(key, folders=folders, file=_stem(parts[-1]))


def is_step(folder: str) -> bool:
    """Tells whether a folder is called as nbgrader calls one that holds a folder for each learner."""
    return folder in _NBGRADER_STEPS


def is_noise(submission: str) -> bool:
    """Tells whether an operating system or a tool left a file behind, so that it is nobody's work."""
    parts = PurePosixPath(submission).parts
    if parts[-1:] == ("timestamp.txt",) and any(map(is_step, parts)):
        return True
    return any(_NOISE.fullmatch(part) for part in parts)


def letters(text: str) -> str:
    """Returns the letters, digits and combining marks of any script, without regard to case and width."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFC", "".join(each for each in plain if is_of_a_word(each)))


def is_of_a_word(character: str) -> bool:
    """Tells whether a character is a letter, digit or combining mark of any script."""
    return unicodedata.category(character)[0] in "LMN"


def repaired(text: str) -> str:
    """Returns a name as it was before UTF-8 or Shift_JIS was taken for the code page of old archives."""
    if text.isascii():
        return text
    try:
        content = text.encode("cp437")
    except UnicodeEncodeError:
        return text
    for encoding in ("utf-8", "cp932"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    return text


def _written_by_a_system(
    part: str, folders: tuple[str, ...], inside: Sequence[str], *, flat: bool
) -> Student | None:
    """Reads a part of a path as a system writes it; ``None`` where none did.

    Args:
        part: The file, or a folder.
        folders: The folders around it.
        inside: What follows.
        flat: Whether it is one file that was handed in: systems without folders write such names only.
    """
    if len(part) > _LONGEST_PART:
        return None
    if found := _MOODLE.fullmatch(part):
        written = f"{found['name']}_{found['id']}_"
        return Student(
            found["id"],
            repaired(found["name"]),
            "moodle",
            place="/".join([*folders, written]),
            folders=folders,
            file=_stem(part),
            prefix=f"{written}assignsubmission_file_",
            rest="/".join(filter(None, [found["rest"], *inside])),
        )
    if not flat:
        return None
    if found := _CANVAS_ANONYMOUS.fullmatch(part):
        place = "/".join([*folders, found["id"]])
        return Student(
            found["id"],
            system="canvas",
            anonymous=True,
            place=place,
            folders=folders,
            file=_stem(part),
            prefix=f"{found['id']}_",
            rest="/".join([found["rest"], *inside]),
        )
    found = _CANVAS_QUIZ.fullmatch(part) or _CANVAS.fullmatch(part)
    if found is None or not all(is_of_a_word(each) or each == "_" for each in found["name"]):
        return None
    of_quiz = found.re is _CANVAS_QUIZ
    if not of_quiz and (
        _DATE.match(part, found.start("id")) or not (found["upload"] or _CANVAS_TEXT.fullmatch(found["rest"]))
    ):
        return None
    return Student(
        found["id"],
        found["name"],
        "canvas",
        place="/".join([*folders, f"{found['name']}_{found['id']}"]),
        folders=folders,
        file=_stem(part),
        prefix=part[: found.start("rest")],
        rest="/".join([found["rest"], *inside]),
    )


def _stem(name: str) -> str:
    """Returns a file's name without its endings, of which browsers add some, and without a copy's number."""
    stem, dot, ending = name.rpartition(".")
    while dot and stem and _ENDING.fullmatch(ending):
        name = stem
        stem, dot, ending = name.rpartition(".")
    return _COPY.sub("", name) or name


def _own_name(stem: str, folders: Sequence[str], chapter: str | None) -> str:
    """Returns the file's name, or its folder's where the file is called like the published notebook."""
    published = re.escape((chapter or "").removeprefix("ch"))
    copy = re.compile(rf"(?:copy of )?{published}(?:[ _-]*(?:\(\d+\)|\d+|copy))?", re.IGNORECASE)
    return folders[-1] if folders and published and copy.fullmatch(stem) else stem
