"""What attacks gain, those of ``tests/attacks/corpus`` that other graders know too: ours, nbgrader, Otter.

    python benchmarks/attacks.py
    python benchmarks/attacks.py --only patched_asserts integer_that_equals_everything --markdown

An attack is a submission whose answer is wrong: whatever points it gets, it gained. The same answer cell goes
into each grader's own notebook of the same assignment (``tests/attacks/target``), its visible tests public,
its hidden tests hidden, and each grader runs in its normal way, one attack at a time. Two honest submissions
are the controls: all answers wrong, and all right.

nbgrader and Otter run learners' code as the user who grades. Here they do so under bubblewrap, so that an
attack harms nothing: the machine is read-only but for the folder of that one run, which is the instructor's
course folder; ``/tmp`` and the home are empty; there is no network and no other process; this project's own
files, which hold the answers a second time, are not there.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks import assignments
from benchmarks.assignments import Assignment
from benchmarks.competitors import INSTALLED, Competitor, Nbgrader, Otter
from benchmarks.graders import MARKER, ROOT, Grader, Ours, answered
from benchmarks.measure import Command, CommandFailed, measure
from benchmarks.tables import table

CORPUS = ROOT / "tests" / "attacks" / "corpus"
WORK = ROOT / "build" / "benchmarks" / "attacks"
LIMIT = 120.0
"""Seconds for one attack in nbgrader and Otter together, which run at the same time."""
OURS_LIMIT = 3600.0
WRONG, RIGHT = "(honest, all wrong)", "(honest, all right)"
NOT_APPLICABLE, NO_RESULT = "–", "no result"


@dataclass(frozen=True)
class Attack:
    """One submission.

    Attributes:
        name: File name of the attack, or what the control is.
        applies_to: Names of the other graders that it applies to.
        answers: Its answers by exercise id.
        others: Code cells of its own, to run before the answers.
        honest: Whether it is a control.
    """

    name: str
    applies_to: frozenset[str]
    answers: Mapping[str, str]
    others: tuple[str, ...] = ()
    honest: bool = False


def read_attack(path: Path) -> Attack | None:
    """Reads an attack notebook; ``None`` for one that applies to no other grader or is no whole notebook."""
    try:
        applies_to = frozenset(json.loads(path.read_bytes())["metadata"]["attack"]["applies_to"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if not applies_to:
        return None
    notebook = nbformat.read(path, as_version=4)
    answers: dict[str, str] = {}
    others = []
    for source in (cell.source for cell in notebook.cells if cell.cell_type == "code"):
        first, _, rest = source.partition("\n")
        if first.startswith(MARKER):
            answers[first.removeprefix(MARKER).strip()] = rest
        elif not first.startswith(("# SETUP", "check(")):
            others.append(source)
    return Attack(path.stem, applies_to, answers, tuple(others))


def controls(assignment: Assignment) -> list[Attack]:
    """Returns the two honest submissions."""
    everywhere = frozenset({Nbgrader.name, Otter.name})
    wrong = {question.id: question.mistake for question in assignment.questions}
    right = {question.id: question.reference for question in assignment.questions}
    return [
        Attack(WRONG, everywhere, wrong, honest=True),
        Attack(RIGHT, everywhere, right, honest=True),
    ]


def submission(released: NotebookNode, attack: Attack) -> NotebookNode:
    """Returns a grader's notebook with an attack in the place of the answers."""
    notebook = answered(released, attack.answers)
    first = next(n for n, cell in enumerate(notebook.cells) if cell.source.startswith(MARKER))
    notebook.cells[first:first] = [new_code_cell(source) for source in attack.others]
    return notebook


def confined(command: Command) -> Command:
    """Returns a command that runs under bubblewrap and can write to its own folder alone."""
    python = Path(sys.prefix)
    options = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--ro-bind", "/", "/"]
    options += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--dir", "/tmp/home"]
    options += ["--setenv", "HOME", "/tmp/home", "--tmpfs", str(ROOT)]
    options += ["--ro-bind", str(python), str(python), "--ro-bind", str(INSTALLED), str(INSTALLED)]
    options += ["--bind", str(command.folder), str(command.folder), "--chdir", str(command.folder), "--"]
    return replace(command, arguments=[*options, *command.arguments])


class Range:
    """Where attacks are tried, with the assignment made for each grader."""

    def __init__(self, assignment: Assignment, work: Path) -> None:
        self._work = work
        self._ours = Ours()
        self._competitors: tuple[Competitor, ...] = (Nbgrader(), Otter())
        self._released = {
            grader.name: self._release(grader, assignment) for grader in (self._ours, *self._competitors)
        }

    def _release(self, grader: Grader, assignment: Assignment) -> NotebookNode:
        grader.install()
        return grader.release(assignment, self._work / grader.name / "course")

    def ours(self, attacks: Sequence[Attack]) -> dict[str, float | None]:
        """Grades all attacks with this project's grader, in one command, and returns their points."""
        folder = self._work / self._ours.name
        notebooks = {
            f"{n:03d}": submission(self._released[self._ours.name], attack)
            for n, attack in enumerate(attacks)
        }
        commands = self._ours.hand_in(folder / "course", folder / "run", notebooks, jobs=2)
        measure(commands, OURS_LIMIT)
        points = self._ours.points(folder / "run")
        return {
            attack.name: sum(points[f"{n:03d}"].values()) if f"{n:03d}" in points else None
            for n, attack in enumerate(attacks)
        }

    def competitors(self, attack: Attack) -> dict[str, float | None]:
        """Tries an attack on the graders that it applies to, at the same time, and returns its points."""
        graders = [grader for grader in self._competitors if grader.name in attack.applies_to]
        runs = {grader: self._work / grader.name / "run" for grader in graders}
        commands = []
        for grader, run in runs.items():
            notebook = submission(self._released[grader.name], attack)
            commands += grader.hand_in(
                self._work / grader.name / "course", run, {"learner": notebook}, jobs=1
            )
        try:
            measure([confined(command) for command in commands], LIMIT, check=False)
        except CommandFailed as failed:
            print(f"{attack.name}: {failed}", file=sys.stderr)
        found = {grader.name: self._points(grader, run) for grader, run in runs.items()}
        for run in runs.values():
            shutil.rmtree(run)
        return found

    def _points(self, grader: Grader, run: Path) -> float | None:
        try:
            points = grader.points(run).get("learner")
        except (OSError, ValueError, TypeError, sqlite3.Error) as error:  # an attack may have broken the file
            print(f"{grader.name}: {error}", file=sys.stderr)
            return None
        return None if points is None else sum(points.values())


Row = tuple[Attack, dict[str, float | None]]
"""An attack and its points by grader; None where there was no result."""


def summary(rows: Sequence[Row], names: Sequence[str]) -> list[str]:
    """Returns one line for each grader: how many attacks gained points there."""
    lines = []
    for name in names:
        tried = [points[name] for attack, points in rows if not attack.honest and name in points]
        gained = sum(bool(points) for points in tried)
        lines.append(f"{name}: {gained} of {len(tried)} attacks gained points")
    return lines


def broken_controls(rows: Sequence[Row], full: float) -> list[str]:
    """Says where an honest submission did not get what it must."""
    expected = {WRONG: 0.0, RIGHT: full}
    return [
        f"{name} gave {attack.name} {given} points instead of {expected[attack.name]:g}"
        for attack, points in rows
        if attack.honest
        for name, given in points.items()
        if given != expected[attack.name]
    ]


def cells(rows: Sequence[Row], names: Sequence[str]) -> list[list[str]]:
    """Returns the table's texts."""
    return [
        [attack.name.replace("_", " "), *(_cell(points, name) for name in names)] for attack, points in rows
    ]


def _cell(points: Mapping[str, float | None], name: str) -> str:
    if name not in points:
        return NOT_APPLICABLE
    given = points[name]
    return NO_RESULT if given is None else f"{given:g}"


def print_table(headings: Sequence[str], texts: Sequence[Sequence[str]]) -> None:
    """Prints the table for a terminal, with what was gained in red."""
    shown = Table(box=box.SIMPLE_HEAD)
    for number, heading in enumerate(headings):
        shown.add_column(heading, justify="right" if number else "left", no_wrap=True)
    for name, *points in texts:
        colour = "red" if name not in (WRONG, RIGHT) else "default"
        quiet = ("0", NOT_APPLICABLE, NO_RESULT)
        shown.add_row(name, *(text if text in quiet else f"[{colour}]{text}[/]" for text in points))
    Console().print(shown)


def main() -> None:
    """Tries and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="names of attacks, without .ipynb")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--json", type=Path, help="write the points to this file")
    options = parser.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    assignment = assignments.target()
    attacks = controls(assignment)
    attacks += [
        attack
        for path in sorted(CORPUS.glob("*.ipynb"))
        if (not options.only or path.stem in options.only) and (attack := read_attack(path)) is not None
    ]
    grounds = Range(assignment, WORK)
    ours = grounds.ours(attacks)
    rows: list[Row] = []
    for attack in attacks:
        print(attack.name, file=sys.stderr, flush=True)
        rows.append((attack, {Ours.name: ours[attack.name], **grounds.competitors(attack)}))
    names = [Ours.name, Nbgrader.name, Otter.name]
    headings = ["points gained by", "ours", Nbgrader.requirement, Otter.requirement]
    if options.markdown:
        print(table(headings, cells(rows, names)))
    else:
        print_table(headings, cells(rows, names))
    full = sum(question.points for question in assignment.questions)
    print("\n" + "\n".join(summary(rows, names)))
    if options.json:
        data = {attack.name: points for attack, points in rows}
        options.json.write_text(json.dumps(data, indent=2) + "\n", "utf-8")
    if faults := broken_controls(rows, full):
        raise SystemExit("\n".join(faults))


if __name__ == "__main__":
    main()
