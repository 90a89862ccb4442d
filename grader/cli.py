"""The command ``grader``: build, claims, verify, release, grade, report, regrade, export, demo."""

from __future__ import annotations

import errno
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Literal

import typer
from nbformat import NotebookNode
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from grader import demo as demonstration
from grader import notebooks
from grader import regrade as regrading
from grader import release as releasing
from grader.batch import Grading, find_submissions
from grader.chapters import Chapter, ChapterError, find_exercise, load_chapter, load_chapters
from grader.claims import ClaimsError, claims_page, claims_path
from grader.exercise import Exercise, Status
from grader.export import GradeFormat, export_grades
from grader.gradebook import FILE, Gradebook, GradebookError
from grader.messages import Language, _, set_language
from grader.nbgrader_export import export_nbgrader
from grader.regrade import Regraded
from grader.report import isolation_words, status_word, symbol, write_report
from grader.results import ExerciseResult, SubmissionResult
from grader.roster import ExportError
from grader.sandbox import Isolation, IsolationUnavailable, bubblewrap_available, require
from grader.verify import Row
from grader.verify import verify as verify_chapter

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
_console = Console()
_errors = Console(stderr=True)
FEW = 5  # submissions whose reasons are printed; of more, one line each

Destination = Literal["csv", "json", "canvas", "moodle", "nbgrader"]
OutOption = Annotated[Path, typer.Option("--out", help=_("Folder for the results."), show_default=False)]
IsolationOption = Annotated[Isolation, typer.Option(help=_("What keeps learners' code apart."))]
LanguageOption = Annotated[
    Language | None,
    typer.Option("--lang", help=_("Language of messages and reports (default: from the environment).")),
]
JobsOption = Annotated[
    int | None, typer.Option(min=1, help=_("How many at a time (default: one per processor core)."))
]
GradesArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help=_("Folder that grade wrote to."), show_default=False)
]
ChapterArgument = Annotated[str | None, typer.Argument(help=_("Number or name (default: every chapter)."))]


@app.command(help=_("Grade submitted notebooks: grades.json, grades.csv and a page for each."))
def grade(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="FILES|DIR", help=_("Notebooks, or folders of them."), show_default=False),
    ],
    out: OutOption,
    jobs: JobsOption = None,
    isolation: IsolationOption = "bubblewrap",
    lang: LanguageOption = None,
    seed: Annotated[int | None, typer.Option(help=_("Repeat a verdict (default: secret)."))] = None,
) -> None:
    """Grade submitted notebooks: grades.json, grades.csv and a page for each."""
    with _said_plainly():
        _speak(lang)
        require(isolation)
        submissions = find_submissions(paths)
        if not submissions:
            raise ChapterError(
                _("There is no .ipynb file in {paths}.").format(paths=", ".join(map(str, paths)))
            )
        with _open_gradebook(out) as gradebook:
            grading = Grading(load_chapters(), isolation, seed, gradebook)
            complete = _grade(grading, submissions, jobs)
            results = _report(gradebook, out)
        _print_results([result for result in results if result.submission in submissions], out)
        if not complete:
            raise typer.Exit(130)


@app.command(help=_("Write the report anew, from the gradebook alone."))
def report(folder: GradesArgument, lang: LanguageOption = None) -> None:
    """Write the report anew, from the gradebook alone."""
    with _said_plainly():
        _speak(lang)
        with _open_gradebook(folder, new=False) as gradebook:
            results = _report(gradebook, folder)
        _print_results(results, folder)


@app.command(
    help=_("Judge one exercise of all submissions anew, show what changes, and keep it if you agree.")
)
def regrade(
    exercise: Annotated[str, typer.Argument(metavar="chNN.name", help=_("Id of the exercise."))],
    folder: GradesArgument,
    jobs: JobsOption = None,
    isolation: IsolationOption = "bubblewrap",
    yes: Annotated[bool, typer.Option("--yes", help=_("Keep the new results without asking."))] = False,
    lang: LanguageOption = None,
) -> None:
    """Judge one exercise of all submissions anew, show what changes, and keep it if you agree."""
    with _said_plainly():
        _speak(lang)
        require(isolation)
        chapter, found = find_exercise(exercise)
        with _open_gradebook(folder, new=False) as gradebook:
            regraded = _regrade(Grading([chapter], isolation, gradebook=gradebook), chapter, found, jobs)
            changed = _print_changes(regraded)
            if not changed:
                _console.print(_("Nothing changes."))
                return
            if not yes and not typer.confirm(_("Keep the new results?")):
                _console.print(_("Nothing was changed."))
                raise typer.Exit(1)
            regrading.keep(gradebook, found, regraded)
            _report(gradebook, folder)
        _console.print(_("Kept. Report: {path}").format(path=folder / "index.html"), soft_wrap=True)


@app.command(help=_("Take marks out: CSV, JSON, Canvas, Moodle; or a chapter to nbgrader."))
def export(
    to: Annotated[Destination, typer.Option(help=_("What for."), show_default=False)],
    out: Annotated[
        Path, typer.Option("--out", help=_("The file; for nbgrader, the folder."), show_default=False)
    ],
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="DIR", help=_("Folder that grade wrote to; none for nbgrader.")),
    ] = None,
    roster: Annotated[
        Path | None,
        typer.Option(help=_("Canvas: the exported gradebook. Moodle: the grading worksheet.")),
    ] = None,
    chapter: Annotated[str | None, typer.Option(help=_("Number or name (default: every chapter)."))] = None,
    assignment: Annotated[
        str | None,
        typer.Option(help=_("Canvas: the assignment's title, where it is not the chapter's name.")),
    ] = None,
    lang: LanguageOption = None,
) -> None:
    """Take marks out: CSV, JSON, Canvas, Moodle; or a chapter to nbgrader."""
    with _said_plainly():
        _speak(lang)
        if to == "nbgrader":
            notices = [notice for each in _chosen(chapter) for notice in export_nbgrader(each, out)]
        elif folder is None:
            raise ExportError(_("Name the folder that grade wrote to."))
        else:
            notices = _export_grades(folder, to, out, roster, chapter, assignment)
        for notice in notices:
            _errors.print(Text(notice, style="yellow"), soft_wrap=True)
        _console.print(_("Written: {path}").format(path=out), soft_wrap=True)


@app.command(help=_("Generate the notebooks from the chapters' lesson.py, and run them."))
def build(
    chapter: ChapterArgument = None,
    execute: Annotated[bool, typer.Option(help=_("Run the notebook and keep its outputs."))] = True,
    check: Annotated[bool, typer.Option("--check", help=_("Only say which notebooks are stale."))] = False,
    cell_timeout: Annotated[float, typer.Option(help=_("Seconds that one cell may take."))] = 300.0,
) -> None:
    """Generate the notebooks from the chapters' lesson.py, and run them."""
    with _said_plainly():
        found = [fault for each in _chosen(chapter) for fault in _build(each, execute, check, cell_timeout)]
        if found:
            raise typer.Exit(1)


@app.command(help=_("Collect all claims that the notebooks check on one page, docs/claims.md."))
def claims(
    check: Annotated[bool, typer.Option("--check", help=_("Only say whether the page is stale."))] = False,
) -> None:
    """Collect all claims that the notebooks check on one page, docs/claims.md."""
    with _said_plainly():
        chapters = load_chapters()
        path, page = claims_path(chapters), claims_page(chapters)
        if not check:
            path.write_text(page, "utf-8")
        elif not path.is_file() or path.read_text("utf-8") != page:
            raise ClaimsError(_("{path} is stale: run `grader claims`.").format(path=path))
        _console.print(Text(_("{notebook}: up to date").format(notebook=path.name)))


@app.command(help=_("Prove every exercise: right answers pass, known mistakes fail for their own reason."))
def verify(
    chapter: ChapterArgument = None,
    isolation: Annotated[Isolation | None, typer.Option(help=_("Default: the best that works here."))] = None,
    lang: LanguageOption = None,
) -> None:
    """Prove every exercise: right answers pass, known mistakes fail for their own reason."""
    with _said_plainly():
        _speak(lang)
        chosen = isolation or _best_isolation()
        faults = [fault for each in _chosen(chapter) for fault in _verify(each, chosen)]
        if faults:
            raise typer.Exit(1)


@app.command(help=_("Make the copy of the course that learners get, without answers."))
def release(
    out: OutOption,
    skip_verify: Annotated[bool, typer.Option("--skip-verify", help=_("Do not verify first."))] = False,
    lang: LanguageOption = None,
) -> None:
    """Make the copy of the course that learners get, without answers."""
    with _said_plainly():
        _speak(lang)
        chapters = load_chapters()
        if not skip_verify:
            faults = [fault for each in chapters for fault in _verify(each, _best_isolation())]
            if faults:
                raise typer.Exit(1)
        root = chapters[0].folder.parent.parent
        count = releasing.release(root, out, chapters)
        told = _("{count} files in {folder}, and no answer among them.").format(count=count, folder=out)
        _console.print(told, soft_wrap=True)


@app.command(help=_("Run a chapter's notebook, answer it in three ways, grade these, and write the report."))
def demo(
    out: OutOption,
    chapter: Annotated[str, typer.Option(help=_("Number or name."))] = "5",
    execute: Annotated[bool, typer.Option(help=_("Run the notebook first."))] = True,
    lang: LanguageOption = None,
) -> None:
    """Run a chapter's notebook, answer it in three ways, grade these, and write the report."""
    with _said_plainly():
        _speak(lang)
        loaded = load_chapter(chapter)
        if execute:
            _run_copy(loaded, out / loaded.notebook_name)
        submissions = demonstration.write_submissions(loaded, out / "submissions")
        isolation = _best_isolation()
        with _open_gradebook(out) as gradebook:
            complete = _grade(Grading([loaded], isolation, gradebook=gradebook), submissions, None)
            results = [each for each in _report(gradebook, out) if each.submission in submissions]
        _print_results(results, out)
        if not complete:
            raise typer.Exit(130)
        wrong = demonstration.shortcomings(loaded, {result.submission: result for result in results})
        _print_faults(wrong)
        if wrong:
            raise typer.Exit(1)
        _console.print(
            _("As it must be: full marks, nothing attempted, and every mistake told for what it is."),
            style="green",
        )


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Turns what the user can mend into one message and exit code 2."""
    try:
        yield
    except (
        ChapterError,
        ClaimsError,
        ExportError,
        GradebookError,
        IsolationUnavailable,
        notebooks.NotebookError,
        releasing.ReleaseError,
    ) as error:
        _errors.print(Text(str(error), style="red"), soft_wrap=True)
        raise typer.Exit(2) from error
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        told = _("The disk is full. Make room and run the same command again: what is done is kept.")
        _errors.print(Text(told, style="red"))
        raise typer.Exit(2) from error


def _speak(lang: Language | None) -> None:
    if lang is not None:
        set_language(lang)


def _chosen(chapter: str | None) -> list[Chapter]:
    return load_chapters() if chapter is None else [load_chapter(chapter)]


def _best_isolation() -> Isolation:
    if bubblewrap_available():
        return "bubblewrap"
    _errors.print(
        _("bubblewrap does not work here; the course's own answers run without it."), style="yellow"
    )
    return "process"


def _open_gradebook(folder: Path, *, new: bool = True) -> Gradebook:
    """Opens the gradebook of a folder of grades.

    Args:
        folder: The folder.
        new: Whether to make one where there is none.

    Raises:
        GradebookError: If it cannot be used, or there is no sound one and none may be made.
    """
    path = folder / FILE
    if not new and not path.is_file():
        raise GradebookError(
            _("There is no gradebook in {folder}: grade into it first.").format(folder=folder)
        )
    gradebook = Gradebook(path, mend=new)
    if gradebook.set_aside is not None:
        told = _(
            "The gradebook was damaged. It is kept as {path}; what cannot be proved right is graded again."
        )
        _errors.print(Text(told.format(path=gradebook.set_aside), style="yellow"), soft_wrap=True)
    return gradebook


def _grade(grading: Grading, submissions: Mapping[str, Path], jobs: int | None) -> bool:
    """Grades with a progress bar; says whether all was done, which it is not after Ctrl-C."""
    done = 0
    with _stopped_by_ctrl_c() as stop, _progress() as progress:
        task = progress.add_task(_("Grading"), total=len(submissions))
        for _result in grading.grade_all(submissions, jobs or os.cpu_count() or 1, stop):
            done += 1
            progress.advance(task)
    return done == len(submissions)


def _report(gradebook: Gradebook, out: Path) -> list[SubmissionResult]:
    """Writes the report of all that the gradebook holds."""
    results = gradebook.current()
    write_report(results, out)
    return results


def _export_grades(
    folder: Path, to: GradeFormat, out: Path, roster: Path | None, chapter: str | None, assignment: str | None
) -> list[str]:
    """Exports what a gradebook holds, of one chapter or of all; returns what is to be told."""
    chapters = _chosen(chapter)
    wanted = {None, *(each.name for each in chapters)}
    with _open_gradebook(folder, new=False) as gradebook:
        results = [each for each in gradebook.current() if chapter is None or each.chapter in wanted]
    course = notebooks.repository_url(chapters[0])
    return export_grades(results, to, out, course=course, roster=roster, assignment=assignment)


def _regrade(grading: Grading, chapter: Chapter, exercise: Exercise, jobs: int | None) -> list[Regraded]:
    assert grading.gradebook is not None
    regraded = []
    with _progress() as progress:
        different = len({answer.code for answer in grading.gradebook.answers(exercise.id)})
        task = progress.add_task(exercise.id, total=different)
        for each in regrading.regrade(grading, chapter, exercise, jobs or os.cpu_count() or 1):
            regraded.append(each)
            progress.advance(task)
    return regraded


def _print_changes(regraded: Sequence[Regraded]) -> int:
    """Prints each submission that changes; returns how many."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    for heading in (_("Submission"), _("Recorded"), _("New"), _("Reason")):
        table.add_column(heading, overflow="fold")
    changes = sorted((name, before, each.after) for each in regraded for name, before in each.changed)
    for name, before, after in changes:
        table.add_row(Text(name), _outcome(before), _outcome(after), Text(after.detail))
    if changes:
        _console.print(table)
    total = sum(len(each.submissions) for each in regraded)
    told = _("{changed} of {total} submissions change.").format(changed=len(changes), total=total)
    _console.print(told)
    return len(changes)


def _outcome(result: ExerciseResult) -> Text:
    return Text(f"{symbol(result.status)} {status_word(result.status)} {result.score}/{result.max_score}")


@contextmanager
def _stopped_by_ctrl_c() -> Iterator[threading.Event]:
    """Gives an event that the first Ctrl-C sets; the second one interrupts as usual."""
    stop = threading.Event()

    def on_interrupt(_signal: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(signal.SIGINT, usual)
        _errors.print(
            _("Stopping: what is under way is finished, and the report holds what is done."), style="yellow"
        )

    usual = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, usual)


def _build(chapter: Chapter, execute: bool, check: bool, cell_timeout: float) -> list[str]:
    path = notebooks.notebook_path(chapter)
    repository = notebooks.repository_url(chapter)
    if not check:
        notebook = notebooks.build(chapter, repository)
        if execute:
            _execute(notebook, chapter, cell_timeout)
        notebooks.save(notebook, path)
        if not execute:
            _console.print(Text(_("{notebook}: built, not executed").format(notebook=path.name)))
            return []
    faults = notebooks.faults(chapter, repository, path)
    _print_faults([f"{path.name}: {fault}" for fault in faults])
    if not faults:
        _console.print(Text(_("{notebook}: up to date").format(notebook=path.name)))
    return faults


def _run_copy(chapter: Chapter, path: Path) -> None:
    """Executes the committed notebook and saves the result elsewhere."""
    committed = notebooks.notebook_path(chapter)
    if not committed.is_file():
        raise notebooks.NotebookError(_("{path} is missing: run `grader build`.").format(path=committed))
    notebook = notebooks.read(committed)
    _execute(notebook, chapter, 300.0)
    notebooks.save(notebook, path)


def _execute(notebook: NotebookNode, chapter: Chapter, cell_timeout: float) -> None:
    with _progress() as progress:
        task = progress.add_task(chapter.notebook_name, total=None)

        def on_cell(done: int, total: int, line: str) -> None:
            progress.update(
                task, completed=done, total=total, description=f"{chapter.notebook_name} {line[:32]}"
            )

        root = chapter.folder.parent.parent
        seconds = notebooks.execute(notebook, root, cell_timeout=cell_timeout, progress=on_cell)
    _console.print(
        _("{notebook}: executed in {seconds:.0f} s").format(notebook=chapter.notebook_name, seconds=seconds)
    )


def _verify(chapter: Chapter, isolation: Isolation) -> list[str]:
    rows: list[Row] = []
    started = time.monotonic()
    for row in verify_chapter(chapter, isolation):
        rows.append(row)
        _errors.print(Text(f"{row.id}  {row.seconds:.1f} s"), style="dim")
    table = Table(title=f"{chapter.name} · {isolation}", title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    table.add_column(_("exercise"), overflow="fold", min_width=max(len(row.id) for row in rows))
    for heading in (
        _("points"),
        _("reference"),
        _("others"),
        _("template"),
        _("mistakes"),
        _("agree"),
        _("seconds"),
    ):
        table.add_column(heading, justify="right", overflow="fold", min_width=6)
    for row in rows:
        table.add_row(
            row.id,
            str(row.points),
            _mark(row.reference),
            _share(row.alternatives),
            _mark(row.template),
            _share(row.mistakes),
            _share(row.agreed),
            f"{row.seconds:.1f}",
        )
    table.caption = f"{time.monotonic() - started:.1f} s"
    _console.print(table)
    faults = [fault for row in rows for fault in row.faults]
    _print_faults(faults)
    return faults


def _mark(right: bool) -> str:
    return "[green]✓[/]" if right else "[red]✗[/]"


def _share(share: tuple[int, int]) -> str:
    part, whole = share
    return f"[{'green' if part == whole else 'red'}]{part}/{whole}[/]"


def _print_faults(faults: Sequence[str]) -> None:
    for fault in faults:
        _errors.print(Text(f"✗ {fault}", style="red"))


def _print_results(results: Sequence[SubmissionResult], out: Path) -> None:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0))
    table.add_column(_("Submission"), overflow="fold")
    table.add_column(_("Score"), justify="right")
    table.add_column(_("Exercises"), overflow="fold")
    for result in results:
        score = "–" if result.problem else f"{result.score} / {result.max_score}"
        exercises = _statuses(result) if len(results) <= FEW else _symbols(result)
        table.add_row(Text(result.submission), score, Text(result.problem or exercises))
    _console.print(table)
    for isolation in dict.fromkeys(result.isolation for result in results):
        _console.print(isolation_words(isolation), style="dim", highlight=False)
    _console.print(_("Report: {path}").format(path=out / "index.html"), soft_wrap=True)


def _statuses(result: SubmissionResult) -> str:
    told = {Status.PASSED: "", Status.NOT_ATTEMPTED: ""}
    return "\n".join(
        f"{symbol(each.status)} {each.id}: {status_word(each.status)} {told.get(each.status, each.reason)}"
        for each in result.exercises
    )


def _symbols(result: SubmissionResult) -> str:
    return " ".join(symbol(each.status) for each in result.exercises)


class _RateColumn(TextColumn):
    """How many are done a minute."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{60 * speed:.1f}/min" if speed else "", style="dim")


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
        console=_errors,
    )
