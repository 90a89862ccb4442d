"""Answers that take no thought: the course's own functions and those of the lesson, given as they are.

A learner can import a public function of the course, or copy one from the lesson, under the name that an
exercise asks for. What such an answer proves is that its owner found the function.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import pkgutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import Any

from grader.course import notebooks
from grader.course.chapters import Chapter
from grader.reading.cells import defining_statements, read_cell
from grader.worker.workspace import run_cells

_COMMON = ("course_utils", "grader.probes")
_WAITS = 40  # of 0.05 s, for TensorFlow to come to an end
_NOT_FOR_LEARNERS = ("__init__", "answers", "exercises", "lesson")

Function = Callable[..., Any]
Call = tuple[tuple[Any, ...], Mapping[str, Any]]


class TooSlow(BaseException):
    """A function took its processor time; nothing that it calls is to catch this."""


@dataclass(frozen=True)
class Candidate:
    """A function that is at hand.

    Attributes:
        origin: The module it is in, or ``the lesson``.
        name: Its name there.
        function: The function or class itself.
    """

    origin: str
    name: str
    function: Function

    def __str__(self) -> str:
        """Names it in a message."""
        return f"{self.origin}.{self.name}" if "." in self.origin else f"{self.name} of {self.origin}"

    def takes(self, calls: Sequence[Call]) -> bool:
        """Tells whether it can be called as the right function was, for all that its signature says."""
        try:
            signature = inspect.signature(self.function)
        except (TypeError, ValueError):
            return False
        try:
            for args, kwargs in calls:
                signature.bind(*args, **kwargs)
        except TypeError:
            return False
        return True


def modules_of(chapter: Chapter) -> list[ModuleType]:
    """Imports the public modules of the course, and the chapter's own of which learners have a copy."""
    stems = sorted({path.stem for path in chapter.folder.glob("*.py")} - {*_NOT_FOR_LEARNERS})
    names = [*_COMMON, *(f"chapters.{chapter.name}.{stem}" for stem in stems)]
    return [module for name in names for module in _with_submodules(importlib.import_module(name))]


def candidates_of(chapter: Chapter) -> list[Candidate]:
    """Lists the public functions of the course, and those that the lesson's cells define.

    Args:
        chapter: The chapter.

    Returns:
        The candidates.
    """
    public = [
        Candidate(module.__name__, name, value)
        for module in modules_of(chapter)
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]
    found = [*public, *(Candidate("the lesson", *each) for each in _lesson_functions(chapter))]
    return [candidate for candidate in found if callable(candidate.function)]


@contextlib.contextmanager
def stopped_after(seconds: float) -> Iterator[None]:
    """Stops what runs in it by :class:`TooSlow` once it has used some seconds of processor time.

    TensorFlow is given up to two seconds more, to come to the end of what it does.

    It runs in an empty folder, which is removed, and its figures are closed. Where the system cannot measure,
    or in a thread that gets no signals, nothing is stopped.
    """

    waits = iter(range(_WAITS))

    def stop(_signal: int, frame: FrameType | None) -> None:
        if _in_tensorflow(frame) and next(waits, None) is not None:
            return
        raise TooSlow

    stoppable = sys.platform != "win32" and threading.current_thread() is threading.main_thread()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(stack.enter_context(tempfile.TemporaryDirectory())))
        stack.callback(_close_figures)
        if stoppable:
            stack.callback(signal.signal, signal.SIGPROF, signal.signal(signal.SIGPROF, stop))
            stack.callback(signal.setitimer, signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_PROF, seconds, 0.05)  # again, should a finalizer swallow the first
        yield


def _in_tensorflow(frame: FrameType | None) -> bool:
    """Tells whether TensorFlow is at work, which an exception may leave in a state that crashes."""
    while frame is not None:
        if str(frame.f_globals.get("__name__")).partition(".")[0] == "tensorflow":
            return True
        frame = frame.f_back
    return False


def _close_figures() -> None:
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


def _with_submodules(module: ModuleType) -> Iterator[ModuleType]:
    yield module
    for each in pkgutil.iter_modules(getattr(module, "__path__", [])):
        yield importlib.import_module(f"{module.__name__}.{each.name}")


def _lesson_functions(chapter: Chapter) -> Iterator[tuple[str, Any]]:
    """Runs what the lesson's cells define, import and set without a call; yields functions and classes."""
    sources = [cell.source for cell in notebooks.build(chapter, "").cells if cell.cell_type == "code"]
    cells = [cell for cell in map(read_cell, sources) if not cell.markers]
    names: dict[str, Any] = {"__name__": "__main__", "display": print}
    run_cells([cell.code for cell in cells if cell.is_setup], names)
    for cell in cells:
        if cell.is_setup:
            continue
        statements: dict[int, tuple[str, frozenset[str]]] = {}
        for name in cell.binds:
            statements |= defining_statements(cell, name)
        run_cells([code for _line, (code, _uses) in sorted(statements.items())], names)
        for name in sorted(cell.binds - cell.imports):
            if getattr(names.get(name), "__module__", "") == "__main__":
                yield name, names[name]
