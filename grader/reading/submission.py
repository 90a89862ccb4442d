"""What to run for each exercise of a submitted notebook, decided from its text alone.

The official set-up cell, the cells that answer the exercise, and what these use: cells that the
learner added, and definitions, imports and constants of the lesson. The lesson's demonstrations,
training and all, never run.
"""

from __future__ import annotations

import builtins
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from grader.course import notebooks
from grader.course.chapters import Chapter, load_chapters
from grader.exercise import Exercise
from grader.messages import _
from grader.reading.cells import (
    Cell,
    defining_statements,
    read_cell,
    split_at_markers,
    without_notebook_calls,
)
from grader.reading.files import SourceCell, SubmissionError, read_cells
from grader.reading.unanswered import misplaced, misplaced_reason

__all__ = [
    "AnswerCode",
    "Submission",
    "SubmissionError",
    "answer_codes",
    "answer_for",
    "answers_of",
    "read_submission",
]


@dataclass(frozen=True)
class AnswerCode:
    """What to run for one exercise.

    Attributes:
        cells: Python code, one entry per cell, in order: set-up, what the answer needs, the answer.
        attempted: False where no cell answers the exercise, or only its untouched template.
    """

    cells: tuple[str, ...]
    attempted: bool


@dataclass(frozen=True)
class Submission:
    """A submitted notebook.

    Attributes:
        chapter: Name of its chapter, such as ``ch05_resnet_transfer``.
        codes: What to run, by exercise id, in the chapter's order.
        misplaced: What to tell of an exercise that is not attempted, by its id, where its answer stands in a
            cell that is never run.
    """

    chapter: str
    codes: dict[str, AnswerCode]
    misplaced: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Lesson:
    """The code cells of a published notebook.

    Attributes:
        setup: The set-up cell.
        cells: The lesson's cells without answers.
        fingerprints: Of all but the cells for answers.
        templates: Fingerprints of the cells for answers.
        pieces: What each source was read as: most cells of a class's notebooks are these.
    """

    setup: Cell
    cells: tuple[Cell, ...]
    fingerprints: frozenset[str]
    templates: frozenset[str]
    pieces: Mapping[str, tuple[Cell, ...]]


def read_submission(path: Path, chapters: Sequence[Chapter] | None = None) -> Submission:
    """Reads a submitted notebook; nothing of it is executed.

    Args:
        path: The file; its name does not matter, unless nothing in it tells its chapter.
        chapters: The course's chapters; by default all that are installed.

    Returns:
        What to run for each exercise of its chapter.

    Raises:
        SubmissionError: If it is not a notebook that can be graded.
    """
    chapters = load_chapters() if chapters is None else chapters
    cells = read_cells(path)
    sources = [cell.source for cell in cells if cell.kind == "code"]
    chapter = _chapter_of(path, cells, chapters)
    codes = answer_codes(chapter, sources)
    unanswered = [each for each in chapter.exercises.values() if not codes[each.id].attempted]
    elsewhere = misplaced(cells, unanswered)
    return Submission(chapter.name, codes, {name: misplaced_reason(each) for name, each in elsewhere.items()})


def answer_codes(chapter: Chapter, sources: Iterable[str]) -> dict[str, AnswerCode]:
    """Decides what to run for each exercise of a chapter.

    Args:
        chapter: The chapter.
        sources: The code cells of the learner's notebook.

    Returns:
        What to run, by exercise id.
    """
    notebook = _LearnerNotebook(chapter, sources)
    return {exercise.id: notebook.code_for(exercise) for exercise in chapter.exercises.values()}


def answers_of(chapter: Chapter, answers: Mapping[str, str]) -> list[str]:
    """Returns the code cells of the published notebook with answers filled in.

    Args:
        chapter: The chapter.
        answers: Code by exercise id; the other exercises keep their templates.

    Returns:
        One source per code cell.
    """
    return [
        filled_in(cell.source, answers)
        for cell in notebooks.build(chapter, "").cells
        if cell.cell_type == "code"
    ]


def answer_for(chapter: Chapter, exercise: Exercise, answer: str, others: Mapping[str, str]) -> AnswerCode:
    """Decides what to run for an answer that is at hand as code, be it the template itself.

    Args:
        chapter: The chapter.
        exercise: The exercise.
        answer: The code that answers it.
        others: Answers of the chapter's other exercises, which this one may use.

    Returns:
        What to run.
    """
    notebook = _LearnerNotebook(chapter, answers_of(chapter, {**others, exercise.id: answer}))
    return notebook.code_for(exercise, even_template=True)


def filled_in(source: str, answers: Mapping[str, str]) -> str:
    """Returns an answer cell of the published notebook with its answer, any other cell as it is."""
    marker = notebooks.EXERCISE_LINE.match(source)
    return f"{marker[0]}\n{answers[marker[1]].strip()}" if marker and marker[1] in answers else source


class _LearnerNotebook:
    """The cells of one submission, sorted into set-up, lesson, templates and the learner's own."""

    def __init__(self, chapter: Chapter, sources: Iterable[str]) -> None:
        self._chapter = chapter
        self._lesson = _published(chapter)
        pieces = self._lesson.pieces
        self._cells = [cell for source in sources for cell in pieces.get(source) or _pieces(source)]
        seen = self._lesson.fingerprints | self._lesson.templates
        self._own = [number for number, cell in enumerate(self._cells) if cell.fingerprint not in seen]
        self._setups = [number for number in self._own if self._cells[number].is_setup]
        self._setup_names = self._lesson.setup.binds.union(*(self._cells[n].binds for n in self._setups))
        self._binding, self._changing = defaultdict[str, set[int]](set), defaultdict[str, set[int]](set)
        for number in self._own:
            for name in self._cells[number].binds:
                self._binding[name].add(number)
            for name in self._cells[number].changes:
                self._changing[name].add(number)
        self._binders = {exercise.id: self._answer_cells(exercise) for exercise in chapter.exercises.values()}
        self._owner = {
            symbol: exercise.id for exercise in chapter.exercises.values() for symbol in exercise.symbols
        }

    def code_for(self, exercise: Exercise, *, even_template: bool = False) -> AnswerCode:
        """Decides what to run for one exercise."""
        answers = self._binders[exercise.id]
        if not answers and even_template:
            answers = {
                number for number, cell in enumerate(self._cells) if exercise.id.lower() in cell.markers
            }
        if not answers:
            return AnswerCode((), attempted=False)
        definitions, helpers = self._needed_by(exercise, answers)
        return AnswerCode(
            (
                self._lesson.setup.code,
                *(self._cells[number].code for number in self._setups),
                *definitions,
                *(self._cells[number].code for number in sorted(answers | helpers)),
            ),
            attempted=True,
        )

    def _answer_cells(self, exercise: Exercise) -> set[int]:
        """Chooses the cells that answer an exercise, by its marker line and its symbols."""
        others = {other.lower() for other in self._chapter.exercises} - {exercise.id.lower()}
        marked = [number for number in self._own if exercise.id.lower() in self._cells[number].markers]
        binding = [number for number in self._own if self._cells[number].binds.intersection(exercise.symbols)]
        unclaimed = [
            number for number in binding if number in marked or not others & {*self._cells[number].markers}
        ]
        candidates = unclaimed if any(self._cells[number].binds for number in unclaimed) else binding
        chosen = {
            bound[-1]
            for symbol in exercise.symbols
            if (bound := [number for number in candidates if symbol in self._cells[number].binds])
        }
        complete = all(
            any(symbol in self._cells[number].binds for number in chosen) for symbol in exercise.symbols
        )
        for number in marked:
            cell = self._cells[number]
            if cell.tree is None:
                chosen |= set() if complete else {number}
            elif cell.tree.body and number not in binding:
                chosen.add(number)
        return chosen

    def _needed_by(self, exercise: Exercise, answers: set[int]) -> tuple[list[str], set[int]]:
        """Finds what an answer uses: statements of the lesson, and cells of the learner's own."""
        helpers: set[int] = set()
        from_lesson: dict[tuple[int, int], str] = {}
        bound_here = {name for number in answers for name in self._cells[number].binds}
        pending = {name for number in answers for name in self._cells[number].uses} - bound_here
        known, unresolved = {*bound_here, *dir(builtins)}, set()
        while pending:
            name = pending.pop()
            if name in known:
                continue
            known.add(name)
            cells = self._cells_binding(name, exercise) - answers
            helpers |= cells
            pending |= {used for number in cells for used in self._cells[number].uses}
            if not cells and name not in self._setup_names:
                found = self._lesson_statements(name)
                from_lesson |= {place: code for place, (code, _uses) in found.items()}
                pending |= {used for _code, uses in found.values() for used in uses}
                unresolved |= set() if found else {name}
        if unresolved:
            helpers |= {number for number in self._own if self._cells[number].imports_all} - answers
        return [from_lesson[place] for place in sorted(from_lesson)], helpers - {*self._setups}

    def _cells_binding(self, name: str, exercise: Exercise) -> set[int]:
        """Returns the cells of a learner's own that bind a name or change its object in place."""
        owner = self._owner.get(name, exercise.id)
        if owner != exercise.id and self._binders[owner]:
            return {number for number in self._binders[owner] if name in self._cells[number].binds}
        if owner != exercise.id:
            return {
                number
                for number, cell in enumerate(self._cells)
                if cell.fingerprint in self._lesson.templates and name in cell.binds
            }
        binding = {
            number
            for number in self._binding.get(name, ())
            if not (name in self._cells[number].imports and name in self._setup_names)
        }
        if binding and not all(name in self._cells[number].imports for number in binding):
            binding |= self._changing.get(name, set())
        return binding

    def _lesson_statements(self, name: str) -> dict[tuple[int, int], tuple[str, frozenset[str]]]:
        return {
            (number, line): statement
            for number, cell in enumerate(self._lesson.cells)
            for line, statement in defining_statements(cell, name).items()
        }


@cache
def _published(chapter: Chapter) -> _Lesson:
    pieces = {source: _pieces(source) for source in answers_of(chapter, {})}
    cells = [cell for read in pieces.values() for cell in read]
    setups = [cell for cell in cells if cell.is_setup]
    if len(setups) != 1:
        raise notebooks.NotebookError(
            _("{path} must hold {what} once, but holds it {count} times.").format(
                path=chapter.lesson, what=notebooks.SETUP_MARKER, count=len(setups)
            )
        )
    lesson = tuple(cell for cell in cells if not cell.markers)
    return _Lesson(
        setups[0],
        tuple(cell for cell in lesson if not cell.is_setup),
        frozenset(cell.fingerprint for cell in lesson),
        frozenset(cell.fingerprint for cell in cells if cell.markers),
        pieces,
    )


def _pieces(source: str) -> tuple[Cell, ...]:
    """Reads a cell of a notebook, split where several answers were merged into it."""
    return tuple(_without_calls(read_cell(piece)) for piece in split_at_markers(source))


def _without_calls(cell: Cell) -> Cell:
    code = without_notebook_calls(cell)
    return cell if code == cell.code else read_cell(code)


def _chapter_of(path: Path, cells: Sequence[SourceCell], chapters: Sequence[Chapter]) -> Chapter:
    """Tells a notebook's chapter by its markers, else by its symbols, else by its file name."""
    read = [read_cell(cell.source) for cell in cells if cell.kind == "code"]
    votes = Counter[str]()
    for chapter in chapters:
        ids = {exercise_id.lower() for exercise_id in chapter.exercises}
        votes[chapter.name] = len(ids.intersection(marker for cell in read for marker in cell.markers))
    if not any(votes.values()):
        bound = {name for cell in read for name in cell.binds}
        for chapter in chapters:
            votes[chapter.name] = sum(bound.issuperset(each.symbols) for each in chapter.exercises.values())
    if not any(votes.values()):
        for chapter in chapters:
            votes[chapter.name] = len(misplaced(cells, chapter.exercises.values()))
    if not any(votes.values()) and (digits := re.match(r"\D*?0*(\d+)\D", path.name)):
        votes.update(chapter.name for chapter in chapters if chapter.number == int(digits[1]))
    name, count = max(votes.items(), key=lambda vote: vote[1], default=("", 0))
    if count == 0:
        raise SubmissionError(_("The notebook holds no exercise of this course."))
    return next(chapter for chapter in chapters if chapter.name == name)
