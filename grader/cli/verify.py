"""``grader verify``."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from grader.authoring.proofs import KINDS, Row
from grader.authoring.proofs import verify as verify_exercises
from grader.authoring.verify import SEEDS
from grader.cli.common import (
    ChaptersArgument,
    JobsOption,
    LanguageOption,
    app,
    best_isolation,
    chosen_chapters,
    console,
    errors,
    print_faults,
    progress_bar,
    said_plainly,
    speak,
)
from grader.course.chapters import Chapter
from grader.messages import _
from grader.reports.spreadsheet import write_whole
from grader.sandbox.limits import Isolation
from grader.sandbox.staging import require


@app.command(help=_("Prove every exercise: right answers pass, known mistakes fail for their own reason."))
def verify(
    chapters: ChaptersArgument = None,
    seeds: Annotated[
        int, typer.Option(min=1, help=_("Seeds for right answers; a tenth where they train."))
    ] = SEEDS,
    jobs: JobsOption = None,
    isolation: Annotated[Isolation | None, typer.Option(help=_("Default: the best that works here."))] = None,
    table: Annotated[
        Path | None, typer.Option("--json", help=_("Write the table to this file too."), show_default=False)
    ] = None,
    soak: Annotated[
        bool, typer.Option("--soak", help=_("Judge the reference and one other right answer alone."))
    ] = False,
    lang: LanguageOption = None,
) -> None:
    """Prove every exercise: right answers pass, known mistakes fail for their own reason."""
    with said_plainly():
        speak(lang)
        chosen = chosen_chapters(chapters)
        if not verify_all(chosen, isolation or best_isolation(), seeds, jobs, table, soak=soak):
            raise typer.Exit(1)


def verify_all(
    chapters: Sequence[Chapter],
    isolation: Isolation,
    seeds: int = SEEDS,
    jobs: int | None = None,
    table: Path | None = None,
    *,
    soak: bool = False,
) -> bool:
    """Proves chapters, prints a table and what is wrong, and says whether nothing is.

    Args:
        chapters: The chapters.
        isolation: Where the grader's verdicts are made.
        seeds: Under how many seeds right answers are judged.
        jobs: How many exercises at a time; by default one per processor core.
        table: File for the rows as JSON.
        soak: Whether to judge the reference and one other right answer alone.
    """
    require(isolation)
    rows: list[Row] = []
    total = sum(len(chapter.exercises) for chapter in chapters)
    started = time.monotonic()
    with progress_bar(auto_refresh=False) as progress:  # a thread that draws would be forked along
        task = progress.add_task(_("Verifying"), total=total)
        jobs = jobs or os.cpu_count() or 1
        for row in verify_exercises(chapters, isolation, seeds=seeds, jobs=jobs, soak=soak):
            rows.append(row)
            progress.update(task, advance=1, description=row.id, refresh=True)
            if not errors.is_terminal:
                errors.print(f"{row.id}  {row.seconds:.1f} s", highlight=False)
    order = [exercise for chapter in chapters for exercise in chapter.exercises]
    rows.sort(key=lambda row: order.index(row.id))
    console.print(_table(rows, isolation, time.monotonic() - started))
    if table is not None:
        write_whole(table, json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1))
    faults = [fault for row in rows for fault in row.faults]
    print_faults(faults)
    return not faults


def _table(rows: Sequence[Row], isolation: Isolation, seconds: float) -> Table:
    """Makes the table of all exercises, with the sum of each chapter's seconds and the slowest exercises."""
    table = Table(title=isolation, title_justify="left", box=box.SIMPLE_HEAD, padding=0)
    table.add_column(_("exercise"), overflow="fold", min_width=max(len(row.id) for row in rows))
    for heading in (
        _("points"),
        _("reference"),
        _("template"),
        _("others"),
        _("mistakes"),
        _("guesses"),
        _("agree"),
        _("seconds"),
    ):
        table.add_column(heading, justify="right", overflow="fold", min_width=len(heading))
    for row, after in itertools.zip_longest(rows, rows[1:]):
        shares = map(_share, (*(row.held[kind] for kind in KINDS), row.agreed))
        last = after is not None and after.chapter != row.chapter
        table.add_row(row.id, str(row.points), *shares, f"{row.seconds:.0f}", end_section=last)
    slowest = sorted(rows, key=lambda row: row.seconds, reverse=True)[:3]
    named = ", ".join(f"{row.id} {row.seconds:.0f} s" for row in slowest)
    told = _("{count} exercises in {seconds:.0f} s; the slowest: {slowest}")
    table.caption = told.format(count=len(rows), seconds=seconds, slowest=named)
    return table


def _share(share: tuple[int, int]) -> str:
    part, whole = share
    return f"[{'green' if part == whole else 'red'}]{part}/{whole}[/]"
