"""The learner's side: runs cells, answers the judge's requests, and turns results into plain data."""

from __future__ import annotations

import ast
import asyncio
import errno
import importlib
import inspect
import itertools
import linecache
import os
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import CodeType, ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.exercise import Handle
from grader.messages import _
from grader.protocol import wire
from grader.protocol.exchange import Failure, one_line

_CELL = "<answer cell {number}>"
_CELL_PREFIX = "<answer cell "


class Missing(Exception):
    """A symbol is not defined, or is ``None``."""


class Misuse(Exception):
    """The check asked for a probe or a handle that does not exist."""


def run_cells(cells: Iterable[str], namespace: dict[str, Any]) -> list[tuple[int, Failure]]:
    """Runs code cells as a notebook would; one that fails does not stop those after it.

    Args:
        cells: Python code.
        namespace: Where they run.

    Returns:
        Index and failure of each cell that failed. A cell that raised ``NotImplementedError`` itself did not
        fail: it is an exercise not yet done.
    """
    failures = []
    for number, code in enumerate(cells):
        try:
            _run(_compile(code, number), namespace)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - learners' code raises anything
            if not _says_that_nothing_is_there(error):
                failures.append((number, failure_of(error)))
    return failures


def failure_of(error: BaseException) -> Failure:
    """Describes an exception from the learner's code.

    Args:
        error: The exception, caught.

    Returns:
        Its description, with the last line of the learner's own code that it passed through.
    """
    line, source = _place(error)
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - its __str__ is the learner's
        message = ""
    return Failure(
        error=one_line(type(error).__name__, 60),
        message=one_line(message, 300),
        line=line,
        source=one_line(source, 80),
        limit=_limit_met(error),
    )


class Workspace:
    """The learner's namespace and the objects that the judge holds handles of."""

    def __init__(self, namespace: dict[str, Any], probes: Sequence[ModuleType] = ()) -> None:
        """Creates a workspace.

        Args:
            namespace: The learner's names.
            probes: Modules in which probes are looked for before :mod:`grader.probes`.
        """
        self._namespace = namespace
        self._probes = probes
        self._objects: list[Any] = []

    def answer(self, payload: bytes) -> bytes:
        """Answers one request; see :mod:`grader.protocol.exchange`.

        Args:
            payload: The request.

        Returns:
            The reply.
        """
        request, sent = wire.decode(payload), wire.decode(payload)
        try:
            function = self._function(request["op"], request["name"])
            args, kwargs = self._revived(request["args"]), self._revived(request["kwargs"])
            reply = {"result": self._plain(function(*args, **kwargs))}
            if request["op"] == "call" and (changed := _changed(sent, args, kwargs)):
                reply["changed"] = changed
            return wire.encode(reply)
        except Missing:
            return wire.encode({"missing": request["name"]})
        except wire.WireError as error:
            return wire.encode({"refused": one_line(str(error), 200)})
        except Misuse as error:
            return wire.encode({"misused": str(error)})
        except (Exception, SystemExit) as error:  # noqa: BLE001 - learners' code raises anything
            if _says_that_nothing_is_there(error):
                return wire.encode({"missing": request["name"]})
            return wire.encode({"raised": failure_of(error).to_dict()})

    def _function(self, op: str, name: str) -> Callable[..., Any]:
        if op == "probe":
            return self._probe(name)
        value = self._namespace.get(name)
        if value is None:
            raise Missing(name)
        return value if op == "call" else lambda: value

    def _probe(self, name: str) -> Callable[..., Any]:
        for module in self._probes:
            if hasattr(module, name):
                return getattr(module, name)
        common = importlib.import_module("grader.probes")
        if not hasattr(common, name):
            raise Misuse(f"there is no probe {name!r}")
        return getattr(common, name)

    def _revived(self, value: Any) -> Any:
        """Returns plain data with handles replaced by their objects."""
        if isinstance(value, Handle):
            if not 0 <= value.key < len(self._objects):
                raise Misuse(f"there is no object {value.key}")
            return self._objects[value.key]
        if isinstance(value, list):
            return [self._revived(item) for item in value]
        if isinstance(value, tuple):
            return tuple(self._revived(item) for item in value)
        if isinstance(value, dict):
            return {key: self._revived(item) for key, item in value.items()}
        return value

    def _plain(self, value: Any) -> Any:
        return _Plain(self._keep).convert(value)

    def _keep(self, value: Any) -> Handle:
        self._objects.append(value)
        names = [one_line(cls.__name__, 100) for cls in type(value).__mro__]
        return Handle(len(self._objects) - 1, tuple(names[: wire.MAX_HANDLE_CLASSES]))


def _changed(sent: Mapping[str, Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    """Names the first argument that is no longer what was sent: by number, from 1, or by keyword."""
    numbered = enumerate(zip(sent["args"], args, strict=True), 1)
    named = ((name, (value, kwargs[name])) for name, value in sent["kwargs"].items())
    pairs = itertools.chain(numbered, named)
    return next((str(which) for which, (before, now) in pairs if not _is_same(before, now)), "")


def _is_same(sent: Any, now: Any) -> bool:
    """Tells whether plain data is what was sent; an object behind a handle may change."""
    if isinstance(sent, Handle):
        return True
    if type(sent) is not type(now):
        return False
    if isinstance(sent, np.ndarray):
        return (sent.dtype, sent.shape, sent.tobytes()) == (now.dtype, now.shape, now.tobytes())
    if isinstance(sent, dict):
        return sent.keys() == now.keys() and all(_is_same(sent[key], now[key]) for key in sent)
    if isinstance(sent, (list, tuple)):
        return len(sent) == len(now) and all(map(_is_same, sent, now))
    return bool(sent == now or now != now)  # or NaN


class _Plain:
    """Turns a learner's result into plain data.

    Subclasses become their base, tensors arrays, NumPy scalars Python's; any other object is kept and
    becomes a handle. Base classes' own methods are used, whatever a subclass overrides.
    """

    def __init__(self, keep: Callable[[Any], Handle]) -> None:
        self._keep = keep
        self._nodes = 0

    def convert(self, value: Any, depth: int = 0) -> Any:
        self._nodes += 1
        if self._nodes > wire.MAX_NODES:
            raise wire.WireError(_("there is more text and numbers than may be sent"))
        if depth > wire.MAX_DEPTH:
            raise wire.WireError(_("it is nested more than {depth} deep").format(depth=wire.MAX_DEPTH))
        kind = type(value)
        if value is None or kind is bool:
            return value
        for base, converted in ((int, int.__int__), (float, float.__float__), (str, str.__str__)):
            if issubclass(kind, base):
                return converted(value)
        if issubclass(kind, list):
            return [self.convert(item, depth + 1) for item in list.__iter__(value)]
        if issubclass(kind, tuple):
            return tuple(self.convert(item, depth + 1) for item in tuple.__iter__(value))
        if issubclass(kind, dict):
            return {self._key(key): self.convert(item, depth + 1) for key, item in dict.items(value)}
        if issubclass(kind, np.ndarray):
            return self._array(np.ndarray.view(value, np.ndarray), depth)
        if issubclass(kind, np.generic) or callable(getattr(value, "numpy", None)):
            return self._numpy(value, depth)
        return self._keep(value)

    def _key(self, key: Any) -> Any:
        if issubclass(type(key), str):
            return str.__str__(key)
        if issubclass(type(key), (int, np.integer)) and not isinstance(key, bool):
            return int(key)
        return key

    def _numpy(self, value: Any, depth: int) -> Any:
        """Converts a NumPy scalar to Python's, a tensor to an array."""
        array = _real(np.asarray(value if isinstance(value, np.generic) else value.numpy()))
        if isinstance(value, np.generic) and array.dtype.kind not in "biufU":
            return self._keep(value)
        plain = self._array(array, depth)
        return plain.item() if isinstance(value, np.generic) and isinstance(plain, np.ndarray) else plain

    def _array(self, array: npt.NDArray[Any], depth: int) -> Any:
        """Returns an array that may be sent; one of texts or objects becomes nested lists."""
        array = _real(array)
        if array.dtype.kind in "OU":
            return self.convert(array.tolist(), depth + 1)
        if array.dtype.name == "bfloat16":
            return array.astype("float32")
        if array.dtype.kind == "f" and array.dtype.itemsize > 8:
            return array.astype("float64")
        return array if array.dtype.kind in "biuf" else self._keep(array)


def _real(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Returns complex numbers that are real as real ones: NumPy 2.5's ``eig`` always gives complex ones."""
    return array.real if array.dtype.kind == "c" and not array.imag.any() else array


_LIMIT_OF_ERRNO = {
    errno.ENOMEM: "memory",
    errno.EFBIG: "file size",
    errno.ENOSPC: "scratch",
    errno.EMFILE: "open files",
}


def _limit_met(error: BaseException) -> str:
    """Returns the limit that an exception speaks of; empty for none."""
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return "memory"
    no_process = isinstance(error, BlockingIOError) and error.errno == errno.EAGAIN
    if no_process or (isinstance(error, RuntimeError) and error.args == ("can't start new thread",)):
        return "processes"
    return _LIMIT_OF_ERRNO.get(error.errno or 0, "") if isinstance(error, OSError) else ""


def _compile(code: str, number: int) -> CodeType:
    """Compiles a cell so that tracebacks and ``inspect`` find its text (Keras and TensorFlow look for it)."""
    name = _CELL.format(number=number)
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    return compile(code, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)


def _run(code: CodeType, namespace: dict[str, Any]) -> None:
    """Runs a cell, one that awaits something at its top level too."""
    awaited = eval(code, namespace)
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(awaited)


def _place(error: BaseException) -> tuple[int, str]:
    if isinstance(error, SyntaxError) and (error.filename or "").startswith(_CELL_PREFIX):
        return error.lineno or 0, (error.text or "").strip()
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _is_learners(frame.filename)]
    return (own[-1].lineno or 0, own[-1].line or "") if own else (0, "")


def _says_that_nothing_is_there(error: BaseException) -> bool:
    """Tells a template's ``NotImplementedError`` from one that a library raises when the answer calls it."""
    if not isinstance(error, NotImplementedError):
        return False
    raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
    return not raised_in.startswith(("<frozen ", sys.prefix + os.sep, sys.base_prefix + os.sep))


def _is_learners(filename: str) -> bool:
    """Tells a cell run here, or in a Jupyter kernel, from installed code."""
    return filename.startswith(_CELL_PREFIX) or "ipykernel_" in filename or "ipython-input" in filename
