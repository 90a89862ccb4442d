"""Notebooks from lessons, one way: ``chapters/chNN_name/lesson.py`` to ``notebooks/NN_name.ipynb``."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from grader.course.chapters import Chapter
from grader.course.report import ReportError, report_box
from grader.messages import _

SETUP_MARKER = "# SETUP"
REPORT_PLACEHOLDER = "{{report}}"
EXERCISE_LINE = re.compile(r"# EXERCISE (ch\d\d\.\w+)")
CHECK_CALL = re.compile(r"""^check\(["'](ch\d\d\.\w+)["']\)""", re.MULTILINE)
MAX_BYTES = 1_500_000
METADATA = {
    "colab": {"provenance": [], "toc_visible": True},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

Progress = Callable[[int, int, str], None]


class NotebookError(Exception):
    """A lesson cannot become a notebook, or a notebook does not run."""


def notebook_path(chapter: Chapter) -> Path:
    """Returns where a chapter's generated notebook lives: ``notebooks/`` beside ``chapters/``."""
    return chapter.folder.parent.parent / "notebooks" / chapter.notebook_name


def repository_url(chapter: Chapter) -> str:
    """Returns the URL of this copy of the course: ``[project.urls] Repository`` in ``pyproject.toml``.

    Raises:
        NotebookError: If the setting is missing.
    """
    path = chapter.folder.parent.parent / "pyproject.toml"
    try:
        return str(tomllib.loads(path.read_text("utf-8"))["project"]["urls"]["Repository"]).rstrip("/")
    except (OSError, KeyError) as error:
        raise NotebookError(
            _("{path} must say where the course lives: [project.urls] Repository.").format(path=path)
        ) from error


def read_lesson(chapter: Chapter) -> NotebookNode:
    """Reads a chapter's lesson as cells.

    Raises:
        NotebookError: If it is missing.
    """
    import jupytext

    if not chapter.lesson.is_file():
        raise NotebookError(_("{path} is missing.").format(path=chapter.lesson))
    lesson: NotebookNode = jupytext.reads(chapter.lesson.read_text("utf-8"), fmt="py:percent")
    return lesson


def build(chapter: Chapter, repository: str) -> NotebookNode:
    """Builds a chapter's notebook, without outputs, from its lesson.

    The same lesson always gives the same notebook. A cell that is only ``# EXERCISE chNN.name``
    becomes that marker line and the exercise's template. ``{{report}}`` becomes a folded box of what the
    report states (:mod:`grader.course.report`).

    Args:
        chapter: The chapter.
        repository: URL of the course's repository, for the Colab badge and the install line.

    Returns:
        The notebook.

    Raises:
        NotebookError: If the lesson is missing, or does not fit ``exercises.py`` or ``report.toml``.
    """
    lesson = read_lesson(chapter)
    placeholders = {
        "{{colab_badge}}": _colab_badge(repository, chapter.notebook_name),
        "{{repository}}": repository,
    }
    if any(REPORT_PLACEHOLDER in cell.source for cell in lesson.cells):
        try:
            placeholders[REPORT_PLACEHOLDER] = report_box(chapter)
        except ReportError as error:
            raise NotebookError(str(error)) from error
    cells, seen = [], Counter[str]()
    for cell in lesson.cells:
        source = cell.source
        for placeholder, text in placeholders.items():
            source = source.replace(placeholder, text)
        if cell.cell_type == "code" and (marker := EXERCISE_LINE.fullmatch(source.strip())):
            source = _answer_cell(chapter, marker[1])
        digest = hashlib.sha256(f"{cell.cell_type}\n{source}".encode()).hexdigest()[:12]
        seen[digest] += 1
        cells.append(_new_cell(cell.cell_type, source, f"{digest}-{seen[digest]}", cell.metadata.get("tags")))
    _expect_each_exercise_once(chapter, [cell.source for cell in cells if cell.cell_type == "code"])
    notebook: NotebookNode = nbformat.v4.new_notebook(cells=cells, metadata=nbformat.from_dict(METADATA))
    return notebook


def execute(
    notebook: NotebookNode,
    root: Path,
    *,
    cell_timeout: float = 300.0,
    progress: Progress | None = None,
) -> float:
    """Runs a notebook in place, top to bottom, and strips what would differ from machine to machine.

    Args:
        notebook: The notebook; its outputs are replaced.
        root: Root of the course; the kernel imports from it and starts in its ``notebooks`` folder.
        cell_timeout: Seconds that one cell may take.
        progress: Called before each code cell with its number, the number of cells and its first line,
            and once at the end.

    Returns:
        Wall-clock seconds.

    Raises:
        NotebookError: If a cell fails or takes too long; the message names the cell.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    folder = root / "notebooks"
    folder.mkdir(exist_ok=True)
    code_cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    position = {cell.id: number for number, cell in enumerate(code_cells, start=1)}

    def on_start(cell: NotebookNode, cell_index: int) -> None:
        if progress is not None and cell.cell_type == "code":
            progress(position[cell.id] - 1, len(code_cells), _first_line(cell.source))

    client = NotebookClient(
        notebook,
        timeout=cell_timeout,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        on_cell_execute=on_start,
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(folder)}},
    )
    python_path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH", "")]))
    started = time.monotonic()
    try:
        interactive = {"JPY_SESSION_NAME"}  # nobody answers here, be it run from a notebook
        inherited = {name: value for name, value in os.environ.items() if name not in interactive}
        client.execute(env={**inherited, "PYTHONPATH": python_path})
    except CellExecutionError as error:
        raise NotebookError(_failure(code_cells, f"{error.ename}: {error.evalue}")) from error
    except CellTimeoutError as error:
        raise NotebookError(_failure(code_cells, _("it took too long"))) from error
    except DeadKernelError as error:
        raise NotebookError(_failure(code_cells, _("the kernel died, perhaps for want of memory"))) from error
    seconds = time.monotonic() - started
    if progress is not None:
        progress(len(code_cells), len(code_cells), "")
    strip_volatile(notebook, root)
    return seconds


def strip_volatile(notebook: NotebookNode, root: Path) -> None:
    """Removes from a notebook what says where and when it ran: timings, folders, addresses in memory."""
    places = {str(root) + os.sep: "", str(root): ".", sys.prefix + os.sep: "", str(Path.home()): "~"}

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            for place, short in places.items():
                value = value.replace(place, short)
            value = re.sub(rf"{re.escape(tempfile.gettempdir())}/ipykernel_\d+/\d+\.py", "<cell>", value)
            return re.sub(r"\bat 0x[0-9a-f]{6,}", "at 0x…", value)
        if isinstance(value, list):
            return [clean(item) for item in value]
        if isinstance(value, dict):
            for key, item in value.items():
                if key != "image/png":
                    value[key] = clean(item)
        return value

    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            clean(cell.outputs)


def read(path: Path) -> NotebookNode:
    """Reads a notebook of the course."""
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    return notebook


def save(notebook: NotebookNode, path: Path) -> None:
    """Writes a notebook; a file that is there already is replaced in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(nbformat.writes(notebook) + "\n", "utf-8")
    part.replace(path)


def faults(chapter: Chapter, repository: str, path: Path | None = None) -> list[str]:
    """Says what is wrong with a committed notebook: stale, not executed, with errors, or too large.

    Args:
        chapter: The chapter.
        repository: URL of the course's repository.
        path: The notebook; by default the chapter's own.

    Returns:
        One line for each fault; empty when there is none.
    """
    path = path or notebook_path(chapter)
    if not path.is_file():
        return [_("{path} is missing: run `grader build`.").format(path=path)]
    committed = read(path)
    found = []
    if difference := _first_difference(build(chapter, repository), committed):
        found.append(_("stale: {difference}; run `grader build`.").format(difference=difference))
    code_cells = [cell for cell in committed.cells if cell.cell_type == "code" and cell.source.strip()]
    if not any(cell.outputs for cell in code_cells) or any(not cell.execution_count for cell in code_cells):
        found.append(_("not executed: a committed notebook carries its outputs."))
    for number, cell in enumerate(code_cells, start=1):
        if any(output.output_type == "error" for output in cell.outputs):
            found.append(
                _("code cell {number} ({line}) has an error output.").format(
                    number=number, line=_first_line(cell.source)
                )
            )
    size = path.stat().st_size
    if size >= MAX_BYTES:
        found.append(
            _("{size:.2f} MB: a notebook stays under {cap:.1f} MB.").format(
                size=size / 1e6, cap=MAX_BYTES / 1e6
            )
        )
    return found


def _colab_badge(repository: str, notebook_name: str) -> str:
    github = re.fullmatch(r"https://github\.com/([^/]+/[^/]+?)(?:\.git)?", repository)
    if github is None:  # Colab opens notebooks from GitHub only
        return ""
    return (
        "[![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)]"
        f"(https://colab.research.google.com/github/{github[1]}/blob/main/notebooks/{notebook_name})"
    )


def _new_cell(cell_type: str, source: str, cell_id: str, tags: list[str] | None) -> NotebookNode:
    cell = {
        "cell_type": cell_type,
        "id": cell_id,
        "metadata": {"tags": tags} if tags else {},
        "source": source,
    }
    code: dict[str, Any] = {"execution_count": None, "outputs": []} if cell_type == "code" else {}
    notebook_cell: NotebookNode = nbformat.from_dict(cell | code)
    return notebook_cell


def _answer_cell(chapter: Chapter, exercise_id: str) -> str:
    exercise = chapter.exercises.get(exercise_id)
    if exercise is None:
        raise NotebookError(
            _("{path} names an exercise {exercise} that exercises.py does not define.").format(
                path=chapter.lesson, exercise=exercise_id
            )
        )
    return f"# EXERCISE {exercise_id}\n{exercise.template.strip()}"


def _expect_each_exercise_once(chapter: Chapter, sources: list[str]) -> None:
    answers = Counter(marker for source in sources for marker in EXERCISE_LINE.findall(source))
    checks = Counter(call for source in sources for call in CHECK_CALL.findall(source))
    for exercise_id in chapter.exercises:
        for what, count in (
            (f"# EXERCISE {exercise_id}", answers[exercise_id]),
            (f'check("{exercise_id}")', checks[exercise_id]),
        ):
            if count != 1:
                raise NotebookError(
                    _("{path} must hold {what} once, but holds it {count} times.").format(
                        path=chapter.lesson, what=what, count=count
                    )
                )


def _first_difference(fresh: NotebookNode, committed: NotebookNode) -> str:
    pairs = [[(cell.cell_type, cell.source) for cell in notebook.cells] for notebook in (fresh, committed)]
    for number, (new, old) in enumerate(zip(*pairs, strict=False), start=1):
        if new != old:
            return _("cell {number} differs from the lesson ({line})").format(
                number=number, line=_first_line(new[1])
            )
    if len(pairs[0]) != len(pairs[1]):
        return _("the lesson has {fresh} cells, the notebook {committed}").format(
            fresh=len(pairs[0]), committed=len(pairs[1])
        )
    return ""


def _failure(code_cells: list[NotebookNode], what: str) -> str:
    unfinished = [number for number, cell in enumerate(code_cells, start=1) if not _ran_well(cell)]
    number = unfinished[0] if unfinished else len(code_cells)
    return _("Code cell {number} ({line}) failed: {what}").format(
        number=number, line=_first_line(code_cells[number - 1].source), what=what
    )


def _ran_well(cell: NotebookNode) -> bool:
    if not cell.source.strip():
        return True
    tolerated = "raises-exception" in cell.metadata.get("tags", [])
    errors = any(output.output_type == "error" for output in cell.outputs)
    return bool(cell.execution_count) and (tolerated or not errors)


def _first_line(source: str) -> str:
    return next((line.strip() for line in source.splitlines() if line.strip()), "")[:60]
