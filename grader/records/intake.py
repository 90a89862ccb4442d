"""What came in: every file of a class, whose it is, and which notebook of each learner is graded.

Nobody who handed in something is left out, and no file disappears: what is not graded is named, with what to
do.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path, PurePosixPath

from grader.course.chapters import Chapter
from grader.messages import _
from grader.reading.archives import OF_A_CLASS, OF_A_LEARNER, names_in, unpack
from grader.reading.files import is_notebook, may_be_notebook, what_to_do
from grader.reading.names import is_noise, is_step, student_of
from grader.reading.submission import SubmissionError, read_submission

MOST_NAMED = 20
"""Files that one note names; of more, it says how many."""


@dataclass
class Intake:
    """What came in.

    Attributes:
        files: What gets a line of its own, by the name that the report uses.
        problems: Why one of these cannot be graded, where that is known by now.
        notes: What else its owner handed in, for some of them.
        notebooks: How many notebooks are to be graded.
        unused: How many are not, because their owner handed in a better one.
        others: How many files are no notebooks.
        noise: How many files an operating system or a tool left behind.
    """

    files: dict[str, Path] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    notebooks: int = 0
    unused: int = 0
    others: int = 0
    noise: int = 0

    @property
    def is_of_a_class(self) -> bool:
        """Whether there is a notebook, or a file that a system says somebody handed in."""
        named = (name for name in self.files if student_of(name).place)
        return self.notebooks > 0 or next(named, None) is not None

    @property
    def total(self) -> int:
        """How many files came in."""
        return self.notebooks + self.unused + self.others + self.noise


@dataclass(frozen=True)
class _Source:
    """Where files came from.

    Attributes:
        within: The folder or archive whose files belong together.
        front: What stands in front of their names to tell whose they are: nbgrader's folder, if it is that.
    """

    within: Path
    front: str = ""


@dataclass(frozen=True)
class _File:
    """A file that came in.

    Attributes:
        name: Its name for the report.
        path: Where it lies.
        owner: Equal for all files that a system keeps for one learner; ``None`` where none named it.
        problem: Why it is no notebook to be graded; empty for one.
    """

    name: str
    path: Path
    owner: tuple[Path, str] | None
    problem: str

    @property
    def order(self) -> tuple[object, ...]:
        """Its place among files of one learner: numbers count as such, ``x`` stands before ``x (1)``."""
        path = PurePosixPath(self.name)
        return tuple(
            (0, int(piece), "") if piece.isdecimal() else (1, 0, piece)
            for piece in re.split(r"([0-9]+)", path.with_suffix("").as_posix())
        )


def find_submissions(
    paths: Sequence[Path], unpacked: Path, chapters: Sequence[Chapter], skip: Path | None = None
) -> Intake:
    """Finds what is to be graded, and what to say of everything else.

    Of several notebooks that a learning management system or nbgrader keeps for one learner, the one that
    answers most exercises of a chapter is graded, of equals the last.

    Args:
        paths: Notebooks, taken whatever they are called; folders; zip archives.
        unpacked: Empty folder for what is in archives. It must stay until all is graded.
        chapters: The course's chapters.
        skip: A folder that is left out: the one for the results.

    Returns:
        What came in; names are those of files, or paths within the folder or archive. What is no text in them
        is escaped.
    """
    intake = Intake()
    files = list(_Search(unpacked, skip, intake).files(paths))
    owned: defaultdict[tuple[Path, str], list[_File]] = defaultdict(list)
    for file in files:
        if file.owner is None:
            _take(intake, file)
        else:
            owned[file.owner].append(file)
    for together in owned.values():
        _choose(intake, together, chapters)
    intake.files = {file.name: intake.files[file.name] for file in files if file.name in intake.files}
    return intake


class _Search:
    """Looks through files, folders and archives."""

    def __init__(self, unpacked: Path, skip: Path | None, intake: Intake) -> None:
        self._unpacked = unpacked
        self._skip = skip.resolve() if skip is not None else None
        self._intake = intake
        self._archives = count(1)
        self._names: dict[str, Path] = {}

    def files(self, paths: Sequence[Path]) -> Iterator[_File]:
        """Yields every file but noise."""
        for path in paths:
            if path.is_dir():
                yield from self._folder(path if path.name else path.resolve())
            elif _is_archive(path.name) and path.is_file():
                yield from self._archive(path.name, path, _Source(path), asked_for=True)
            else:
                yield self._found(path.name, path, _Source(path.parent), asked_for=True)

    def _folder(self, folder: Path) -> Iterator[_File]:
        """Yields the files in a folder, under names from there; a learner's own folder keeps its name."""
        within = folder.parent if student_of(f"{folder.name}/x").place else folder
        front = f"{folder.name}/" if is_step(folder.name) else ""
        for file in self._below(folder):
            yield from self._file(file.relative_to(within).as_posix(), file, _Source(within, front))

    def _below(self, folder: Path) -> Iterator[Path]:
        """Yields all files below a folder, and links and folders that cannot be looked into."""
        unreadable: list[OSError] = []
        for root, folders, names in os.walk(folder, onerror=unreadable.append):
            here = Path(root)
            links = [name for name in folders if (here / name).is_symlink()]
            folders[:] = sorted(
                name for name in folders if name not in links and (here / name).resolve() != self._skip
            )
            for name in sorted([*names, *links]):
                yield here / name
        yield from (Path(error.filename) for error in unreadable)

    def _file(self, name: str, path: Path, source: _Source, *, open_archives: bool = True) -> Iterator[_File]:
        """Yields a file, or the files in it where it is an archive."""
        if is_noise(f"{source.front}{name}"):
            self._intake.noise += 1
        elif open_archives and _is_archive(name) and path.is_file() and not path.is_symlink():
            yield from self._archive(name, path, source)
        else:
            yield self._found(name, path, source)

    def _archive(self, name: str, path: Path, source: _Source, *, asked_for: bool = False) -> Iterator[_File]:
        """Yields the files in an archive. One that was asked for may be a class's, with others in it."""
        into = self._unpacked / str(next(self._archives))
        try:
            of_a_class = asked_for and any(student_of(each).place for each in names_in(path, OF_A_CLASS))
            bounds = OF_A_CLASS if of_a_class else OF_A_LEARNER
            members = list(unpack(path, into, bounds, lambda each: _is_wanted(each, archives=of_a_class)))
        except SubmissionError as error:
            yield self._found(name, path, source, problem=str(error))
            return
        for member in members:
            inside = member.name if of_a_class else f"{name}/{member.name}"
            if is_noise(member.name):
                self._intake.noise += 1
            elif member.path is None:
                problem = member.problem or what_to_do(member.name)
                yield self._found(inside, path / member.name, source, problem=problem)
            else:
                yield from self._file(inside, member.path, source, open_archives=of_a_class)

    def _found(
        self, name: str, path: Path, source: _Source, *, problem: str = "", asked_for: bool = False
    ) -> _File:
        """Makes a file known, under a name that tells it apart."""
        missing = asked_for and not path.exists()
        if not problem and not missing and not is_notebook(name, path):
            if path.is_symlink():
                problem = _("This is a link to another file: hand in the file itself.")
            elif path.is_dir():
                problem = _("This folder cannot be read.")
            else:
                problem = what_to_do(name)
        place = student_of(f"{source.front}{name}").place
        return _File(self._free_name(name, path), path, (source.within, place) if place else None, problem)

    def _free_name(self, name: str, path: Path) -> str:
        plain, full = (each.encode(errors="backslashreplace").decode() for each in (name, path.as_posix()))
        if path.is_relative_to(self._unpacked):
            full = plain
        free = plain if self._names.get(plain, path) == path else full
        numbered = count(2)
        while self._names.setdefault(free, path) != path:
            free = f"{full} [{next(numbered)}]"
        return free


def _is_archive(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() == ".zip"


def _is_wanted(name: str, *, archives: bool) -> bool:
    """Tells whether a member of an archive must be unpacked."""
    return not is_noise(name) and (may_be_notebook(name) or (archives and _is_archive(name)))


def _take(intake: Intake, file: _File, note: str = "") -> None:
    """Gives a file a line of its own."""
    intake.files[file.name] = file.path
    if file.problem:
        intake.problems[file.name] = file.problem
        intake.others += 1
    else:
        intake.notebooks += 1
    if note:
        intake.notes[file.name] = note


def _choose(intake: Intake, files: Sequence[_File], chapters: Sequence[Chapter]) -> None:
    """Chooses what is graded of one learner's files, one for each chapter, and names the rest."""
    notebooks = sorted((file for file in files if not file.problem), key=lambda file: file.order)
    others = [file for file in files if file.problem]
    if not notebooks:
        first, *more = others
        told = {file.problem for file in others}
        note = _also(more) if len(told) == 1 else _each_told(more)
        _take(intake, first, note)
        intake.others += len(more)
        return
    chosen, unused = ([notebooks[0]], {}) if len(notebooks) == 1 else _best(notebooks, chapters)
    notes = [_not_used(unused)] if unused else []
    notes += [_also(others)] if others else []
    for position, file in enumerate(chosen):
        _take(intake, file, " ".join(notes) if position == 0 else "")
    intake.unused += len(unused)
    intake.others += len(others)


def _best(notebooks: Sequence[_File], chapters: Sequence[Chapter]) -> tuple[list[_File], dict[str, str]]:
    """Returns the notebooks to be graded, and what to say of each that is not."""
    answered: dict[str, tuple[int, int]] = {}
    by_chapter: defaultdict[str, list[_File]] = defaultdict(list)
    unused: dict[str, str] = {}
    for file in notebooks:
        try:
            submission = read_submission(file.path, chapters)
        except SubmissionError as error:
            unused[file.name] = str(error)
            continue
        by_chapter[submission.chapter].append(file)
        codes = submission.codes.values()
        answered[file.name] = sum(code.attempted for code in codes), len(codes)
    if not by_chapter:
        last = notebooks[-1]
        return [last], {name: told for name, told in unused.items() if name != last.name}
    chosen = [max(reversed(files), key=lambda file: answered[file.name]) for files in by_chapter.values()]
    names = {file.name for file in chosen}
    for name, (done, all_) in answered.items():
        if name not in names:
            unused[name] = _("{done} of {all} exercises answered").format(done=done, all=all_)
    return chosen, unused


def _not_used(unused: Mapping[str, str]) -> str:
    files = [f"{_last(name)} ({told})" for name, told in unused.items()]
    return _(
        "Of several notebooks, the one with most answers is graded, of equals the last; not used: {files}."
    ).format(files=_listed(files))


def _also(files: Sequence[_File]) -> str:
    """Names files that were handed in, too."""
    if not files:
        return ""
    return _("Also handed in, not graded: {files}.").format(
        files=_listed([_last(file.name) for file in files])
    )


def _each_told(files: Iterable[_File]) -> str:
    """Names files that were handed in, too, with what is to be said of each."""
    told = [f"{_last(file.name)} ({file.problem})" for file in files]
    return _("Also handed in, not graded: {files}.").format(files=_listed(told))


def _last(name: str) -> str:
    """Returns a file's own name: what its owner knows it by."""
    student = student_of(name)
    return student.rest or PurePosixPath(name).name


def _listed(files: Sequence[str]) -> str:
    """Lists files, of many the first ones."""
    if len(files) <= MOST_NAMED:
        return ", ".join(files)
    return _("{files} and {count} more").format(
        files=", ".join(files[:MOST_NAMED]), count=len(files) - MOST_NAMED
    )
