"""``grader mutate``."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from grader.authoring.kills import Tally, mutable, survey
from grader.cli.common import (
    ChaptersArgument,
    JobsOption,
    LanguageOption,
    app,
    chosen_chapters,
    console,
    errors,
    plain,
    print_faults,
    progress_bar,
    said_plainly,
    speak,
)
from grader.messages import _
from grader.reports.spreadsheet import write_whole

GOAL, GOAL_VISIBLE = 98, 90
"""Percent of a chapter's mutants that must be killed, and by the visible checks alone."""


@app.command(help=_("Change right answers by machine and see which changes no check notices. On Linux."))
def mutate(
    chapters: ChaptersArgument = None,
    jobs: JobsOption = None,
    most: Annotated[
        int | None,
        typer.Option(
            min=1, help=_("Mutants of an exercise at the most (default: all); a quarter where they train.")
        ),
    ] = None,
    table: Annotated[
        Path | None, typer.Option("--json", help=_("Write the table to this file too."), show_default=False)
    ] = None,
    lang: LanguageOption = None,
) -> None:
    """Change right answers by machine and see which changes no check notices."""
    with said_plainly():
        speak(lang)
        chosen = chosen_chapters(chapters)
        if sys.platform != "linux":
            errors.print(_("This works on Linux alone."), style="red")
            raise typer.Exit(2)
        tallies: list[Tally] = []
        with progress_bar(auto_refresh=False) as progress:  # a thread that draws would be forked along
            task = progress.add_task(_("Mutating"), total=sum(len(mutable(chapter)) for chapter in chosen))
            for tally in survey(chosen, jobs=jobs or os.cpu_count() or 1, most=most):
                tallies.append(tally)
                progress.update(task, advance=1, description=tally.id, refresh=True)
                if not errors.is_terminal:
                    errors.print(f"{tally.id}  {tally.seconds:.1f} s", highlight=False)
        console.print(_table(tallies))
        for tally in tallies:
            for survivor in tally.survivors:
                console.print(plain(f"{tally.id}  {survivor}"), soft_wrap=True)
        if table is not None:
            write_whole(table, json.dumps([asdict(tally) for tally in tallies], ensure_ascii=False, indent=1))
        faults = [fault for tally in tallies for fault in tally.faults]
        print_faults(faults)
        if faults or not all(_is_good(list(group)) for _name, group in _by_chapter(tallies)):
            raise typer.Exit(1)


def _by_chapter(tallies: Sequence[Tally]) -> itertools.groupby[str, Tally]:
    return itertools.groupby(tallies, key=lambda tally: tally.chapter)


def _percent(tallies: Sequence[Tally]) -> tuple[float, float]:
    """Returns what share is killed, and by the visible check alone."""
    judged = max(sum(tally.judged for tally in tallies), 1)
    visible = sum(tally.visible for tally in tallies)
    return 100 * (visible + sum(tally.hidden for tally in tallies)) / judged, 100 * visible / judged


def _is_good(tallies: Sequence[Tally]) -> bool:
    killed, visible = _percent(tallies)
    return killed >= GOAL and visible >= GOAL_VISIBLE


def _table(tallies: Sequence[Tally]) -> Table:
    """Makes the table of all exercises, with the sum of each chapter."""
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column(
        _("exercise"), overflow="fold", min_width=max((len(tally.id) for tally in tallies), default=0)
    )
    for heading in (
        _("made"),
        _("equal"),
        _("judged"),
        _("visible"),
        _("hidden"),
        _("left"),
        _("all %"),
        _("visible %"),
    ):
        table.add_column(heading, justify="right", overflow="fold", min_width=len(heading))
    for chapter, group in _by_chapter(tallies):
        members = list(group)
        for tally in members:
            table.add_row(*_cells(tally.id, [tally]))
        table.add_row(*_cells(chapter.partition("_")[0], members), style="bold", end_section=True)
    return table


def _cells(name: str, tallies: Sequence[Tally]) -> list[str | Text]:
    sums = [
        sum(figures)
        for figures in zip(
            *((t.made, t.equivalent, t.judged, t.visible, t.hidden, len(t.survivors)) for t in tallies),
            strict=True,
        )
    ]
    colour = "green" if _is_good(tallies) else "red"
    shares = [Text(f"{share:.1f}", style=colour) for share in _percent(tallies)]
    return [name, *map(str, sums), *shares]
