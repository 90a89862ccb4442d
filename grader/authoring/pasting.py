"""Answers that take no thought: the course's own functions and those of the lesson, given as they are.

A learner can import a public function of the course, or copy one from the lesson, under the name that an
exercise asks for. What such an answer proves is that its owner found the function.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import inspect
import pkgutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType, ModuleType
from typing import Any

from grader.course import notebooks
from grader.course.chapters import Chapter
from grader.reading.cells import defining_statements, read_cell
from grader.worker.workspace import run_cells

_COMMON = ("course_utils", "grader.probes")
_TICK = 0.05
"""Seconds between two looks at the time that was used."""
_WAITS = 40
"""Looks at most for which TensorFlow may go on."""
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
    """Stops what runs in it by :class:`TooSlow` once this process has used some seconds of processor time.

    TensorFlow is given up to two seconds more, to come to the end of what it does. All runs in an empty
    folder, which is removed, and figures are closed.

    A thread watches, and raises the exception in the one that runs. A signal will not do: it may reach any of
    TensorFlow's threads, and on some processors (seen with AVX-512 and AMX) that corrupts the memory.
    """
    here, limit = threading.get_ident(), time.process_time() + seconds
    over, turn = threading.Event(), threading.Lock()

    def watch() -> None:
        waits = iter(range(_WAITS))
        while not over.wait(_TICK):  # again and again, should a finalizer swallow the first exception
            if time.process_time() < limit:
                continue
            if _in_tensorflow(sys._current_frames().get(here)) and next(waits, None) is not None:
                continue
            with turn:
                if not over.is_set():
                    _raise_in(here, TooSlow)

    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(stack.enter_context(tempfile.TemporaryDirectory())))
        stack.callback(_close_figures)
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            while not over.is_set():
                with contextlib.suppress(TooSlow), turn:  # which may come as late as this
                    over.set()
                    _raise_in(here, None)
            watcher.join()


def _raise_in(thread: int, exception: type[BaseException] | None) -> None:
    """Lets a thread raise an exception at its next step of Python; ``None`` takes back one yet to come."""
    what = ctypes.py_object(exception) if exception is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), what)


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
