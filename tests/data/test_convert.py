"""The script that converts the network trained on ImageNet."""

from __future__ import annotations

import importlib.util
import io
import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from course_utils.backbones import LITE0_FILE, build_efficientnet_lite0
from course_utils.paths import shipped_data

SCRIPT = Path(__file__).resolve().parents[2] / "data" / "imagenet" / "convert.py"


@pytest.fixture(scope="module")
def convert() -> ModuleType:
    spec = importlib.util.spec_from_file_location("convert", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Named:
    """Pickles as the call of a function of a module that is not installed."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call


class Pickler(pickle.Pickler):
    """Writes storages the way PyTorch does, as persistent ids."""

    def persistent_id(self, value: Any) -> Any:
        return value.pid if isinstance(value, StorageId) else None


class StorageId:
    def __init__(self, *pid: Any) -> None:
        self.pid = pid


@pytest.fixture
def torch_file(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, np.ndarray]], bytes]:
    """Writes arrays as ``torch.save`` did before version 1.6, each in a storage of its own, transposed."""

    def stand_in(module: str, *names: str) -> ModuleType:
        made = ModuleType(module)
        for name in names:
            entry = type(name, (), {})
            entry.__module__, entry.__qualname__ = module, name
            setattr(made, name, entry)
        monkeypatch.setitem(sys.modules, module, made)
        return made

    torch: Any = stand_in("torch", "FloatStorage", "LongStorage")
    utils: Any = stand_in("torch._utils", "_rebuild_tensor_v2")

    def write(arrays: Mapping[str, np.ndarray], **changes: Any) -> bytes:
        file, tensors, storages = io.BytesIO(), OrderedDict(), {}
        for number, (name, array) in enumerate(arrays.items()):
            kind = torch.LongStorage if array.dtype == np.int64 else torch.FloatStorage
            padded = np.concatenate([[7, 7, 7], array.T.ravel()]).astype(array.dtype)
            strides = tuple(stride // array.itemsize for stride in np.asfortranarray(array).strides)
            storages[str(number)] = padded
            storage = StorageId("storage", kind, str(number), "cpu", padded.size, None)
            tensors[name] = Named(
                utils._rebuild_tensor_v2,
                storage,
                changes.get("offset", 3),
                array.shape,
                strides,
                False,
                OrderedDict(),
            )
        for part in (changes.get("magic", 0x1950A86A20F9469CFC6C), 1001, {}, tensors, list(storages)):
            Pickler(file, protocol=2).dump(part)
        for padded in storages.values():
            file.write(padded.size.to_bytes(8, "little") + padded.tobytes())
        return file.getvalue()

    return write


ARRAYS = {
    "conv.weight": np.arange(2 * 3 * 4 * 5, dtype="<f4").reshape(2, 3, 4, 5),
    "norm.bias": np.array([0.5, -1.5], "<f4"),
    "norm.num_batches_tracked": np.array([12], "<i8"),
}


def test_strides_and_offsets_are_followed(convert: ModuleType, torch_file: Callable[..., bytes]) -> None:
    read = convert.read_checkpoint(torch_file(ARRAYS))

    assert list(read) == list(ARRAYS)
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype


def test_a_tensor_that_leaves_its_storage_is_refused(
    convert: ModuleType, torch_file: Callable[..., bytes]
) -> None:
    for offset in (4, -1, 10**12):
        with pytest.raises(ValueError, match="leaves its storage"):
            convert.read_checkpoint(torch_file(ARRAYS, offset=offset))


def test_a_file_that_is_cut_short_is_refused(convert: ModuleType, torch_file: Callable[..., bytes]) -> None:
    with pytest.raises(ValueError, match=r"leaves its storage|buffer size"):
        convert.read_checkpoint(torch_file(ARRAYS)[:-8])


def test_another_format_is_refused(convert: ModuleType, torch_file: Callable[..., bytes]) -> None:
    with pytest.raises(ValueError, match=r"no file of torch\.save"):
        convert.read_checkpoint(torch_file(ARRAYS, magic=1))


@pytest.mark.parametrize("function", [print, exec, Path.unlink])
def test_nothing_that_a_file_names_is_called(
    convert: ModuleType, function: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    file = io.BytesIO()
    pickle.dump(Named(function, "called"), file)

    with pytest.raises(pickle.UnpicklingError, match="which no weights need"):
        convert.read_checkpoint(file.getvalue())

    assert "called" not in capsys.readouterr().out


def test_every_variable_of_the_network_has_a_name_in_pytorch(convert: ModuleType) -> None:
    state = {}
    shapes = {variable.path: tuple(variable.shape) for variable in build_efficientnet_lite0().variables}
    norm = {
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
    for ours, theirs in convert.names_in_pytorch():
        for path, shape in shapes.items():
            layer, variable = path.split("/")
            if layer != ours:
                continue
            name = norm.get(variable, "weight" if variable == "kernel" else "bias")
            if layer == "logits":
                shape = shape[::-1]
            elif variable == "kernel":
                order = (2, 3, 0, 1) if layer.endswith("dwconv") else (3, 2, 0, 1)
                shape = tuple(shape[axis] for axis in order)
            state[f"{theirs}.{name}"] = np.zeros(shape, "f4")
        if ours.endswith("bn"):
            state[f"{theirs}.num_batches_tracked"] = np.zeros((), "i8")

    arrays = convert.to_keras(state)

    assert {path: array.shape for path, array in arrays.items()} == shapes
    with pytest.raises(ValueError, match=r"no layer takes extra\.weight"):
        convert.to_keras({**state, "extra.weight": np.zeros(1)})


def test_other_weights_than_the_published_ones_are_refused(convert: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"other")

    with pytest.raises(ValueError, match="its SHA-256 differs"):
        convert.main([str(tmp_path / "weights.pth"), "--output", str(tmp_path / "out.safetensors")])

    assert not (tmp_path / "out.safetensors").exists()


def test_the_shipped_file_holds_half_precision(convert: ModuleType) -> None:
    path = shipped_data() / "imagenet" / LITE0_FILE

    assert path.stat().st_size < 9.5e6
    assert {array.dtype for array in load_file(path).values()} == {np.dtype("float16")}
