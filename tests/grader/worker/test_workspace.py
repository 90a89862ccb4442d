import codecs
import sys
from collections import OrderedDict, namedtuple
from enum import IntEnum
from types import ModuleType
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from grader.exercise import Handle
from grader.protocol import wire
from grader.worker.workspace import Workspace, run_cells

Point = namedtuple("Point", "x y")


class Colour(IntEnum):
    RED = 1


class Tensor:
    """Something that is a tensor by having ``numpy``."""

    def __init__(self, array: Any) -> None:
        self._array = np.asarray(array)

    def numpy(self) -> Any:
        return self._array


class Sly(list):  # type: ignore[type-arg]
    def __iter__(self) -> Any:
        return iter(["replaced"])

    def __len__(self) -> int:
        return 99


class Lie(np.ndarray):
    """An array that answers every operation with ``True``."""

    def __new__(cls, values: Any) -> Any:
        return np.array(values).view(cls)

    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        return True

    def tolist(self) -> Any:
        return True


class Model:
    pass


def ask(namespace: dict[str, Any], op: str, name: str, *args: Any) -> Any:
    return reply_of(Workspace(namespace), op, name, *args)


def reply_of(workspace: Workspace, op: str, name: str, *args: Any) -> Any:
    request = wire.encode({"op": op, "name": name, "args": args, "kwargs": {}})
    return wire.decode(workspace.answer(request))


@pytest.mark.parametrize(
    ("result", "plain"),
    [
        (Colour.RED, 1),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.int8(3), 3),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (Point(1, [2]), (1, [2])),
        (OrderedDict(a=np.int64(1)), {"a": 1}),
        ({np.int64(3): "three", Colour.RED: 1}, {3: "three", 1: 1}),
        (Sly([1, 2]), [1, 2]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array([1, "a", None], dtype=object), [1, "a", None]),
        (Tensor("text"), "text"),
        ([None, True, 1.5, "é"], [None, True, 1.5, "é"]),
    ],
)
def test_results_become_plain_data(result: Any, plain: Any) -> None:
    (converted,) = ask({"f": lambda: result}, "call", "f").values()
    assert converted == plain
    assert type(converted) is type(plain)


@pytest.mark.parametrize(("result", "sent"), [(np.complex128(2.0), 2.0), (np.complex128(2 + 1j), None)])
def test_complex_number_is_sent_where_it_is_real(result: Any, sent: float | None) -> None:
    reply = ask({"f": lambda: result}, "call", "f")
    assert (reply["result"] == sent) == (sent is not None)


@pytest.mark.parametrize(
    ("result", "dtype"),
    [
        (Lie([[1, 2]]), "int64"),
        (np.ma.array([[1, 2]], mask=[[True, False]]), "int64"),
        (Tensor(np.array([[1, 2]], "float16")), "float16"),
        (np.array([[1, 2]], "longdouble"), "float64"),
        (np.array([[1, 2]], ml_dtypes.bfloat16), "float32"),
        (np.array([[1, 2]], "complex64"), "float32"),
        (Tensor(np.array([[1, 2]], "complex128")), "float64"),
    ],
)
def test_arrays_and_tensors_become_plain_arrays(result: Any, dtype: str) -> None:
    array = ask({"f": lambda: result}, "call", "f")["result"]
    assert type(array) is np.ndarray
    assert (array.dtype, array.tolist()) == (np.dtype(dtype), [[1, 2]])


@pytest.mark.parametrize("result", [{1}, b"bytes", 1j, range(3), np.datetime64("2020-01-01"), len, int])
def test_other_objects_become_handles(result: Any) -> None:
    handle = ask({"f": lambda: result}, "call", "f")["result"]
    assert isinstance(handle, Handle)
    assert handle.kind[0] == type(result).__name__


def test_handle_stands_for_the_same_object_in_later_requests() -> None:
    model = Model()
    workspace = Workspace({"build": lambda: [model], "is_it": lambda models: models["m"][0] is model})
    (handle,) = reply_of(workspace, "call", "build")["result"]
    assert handle == Handle(0, ("Model", "object"))
    assert reply_of(workspace, "call", "is_it", {"m": (handle,)}) == {"result": True}


def test_handles_and_probes_that_do_not_exist_are_misuse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grader.probes", ModuleType("grader.probes"))
    assert "misused" in ask({"f": print}, "call", "f", Handle(0))
    assert "misused" in ask({}, "probe", "no_such_probe")


@pytest.mark.parametrize(
    ("namespace", "op"),
    [({}, "call"), ({}, "value"), ({"f": None}, "call"), ({"f": None}, "value")],
)
def test_missing_and_none_are_missing(namespace: dict[str, Any], op: str) -> None:
    assert ask(namespace, op, "f") == {"missing": "f"}


def test_not_implemented_is_missing() -> None:
    def template() -> None:
        raise NotImplementedError

    assert ask({"f": template}, "call", "f") == {"missing": "f"}


def test_not_implemented_of_a_library_is_an_error() -> None:
    lazy = "codecs.Codec().encode('')"
    names: dict[str, Any] = {"codecs": codecs}
    ((_number, failure),) = run_cells(
        [lazy, f"def f(): {lazy}", "raise NotImplementedError('書きましょう')"], names
    )
    assert failure.error == "NotImplementedError"
    assert ask(names, "call", "f")["raised"]["error"] == "NotImplementedError"


def test_doubling_structure_ends_at_the_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_NODES", 1000)
    nested: list[Any] = []
    for _level in range(30):
        nested = [nested, nested]
    assert "refused" in ask({"f": lambda: nested}, "call", "f")


def test_exception_whose_text_raises_is_described() -> None:
    class Rude(Exception):
        def __str__(self) -> str:
            raise ValueError

    def rude() -> None:
        raise Rude

    assert ask({"f": rude}, "call", "f")["raised"]["error"] == "Rude"


def test_object_whose_attributes_raise_is_described() -> None:
    class Trap:
        def __getattr__(self, name: str) -> Any:
            raise OSError(name)

    assert ask({"f": Trap}, "call", "f")["raised"]["error"] == "OSError"


def test_failing_cells_are_noted_with_their_line() -> None:
    namespace: dict[str, Any] = {}
    failures = run_cells(["x = 1", "\n1 / 0", "y = x + 1", "def f(:", "raise NotImplementedError"], namespace)
    assert [(number, failure.error, failure.line, failure.source) for number, failure in failures] == [
        (1, "ZeroDivisionError", 2, "1 / 0"),
        (3, "SyntaxError", 1, "def f(:"),
    ]
    assert namespace["y"] == 2


def test_line_is_the_learners_own_where_a_library_raises() -> None:
    code = "import numpy as np\ndef f():\n    return np.ones(2) @ np.ones(3)"
    namespace: dict[str, Any] = {}
    assert run_cells([code], namespace) == []
    raised = ask(namespace, "call", "f")["raised"]
    assert (raised["line"], raised["source"]) == (3, "return np.ones(2) @ np.ones(3)")
