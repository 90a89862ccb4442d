"""Frames of plain data between judge and worker: JSON and ``.npy`` bytes, with caps on everything.

A frame is its length and a payload. A payload is the lengths of its parts, then the parts: strict JSON,
then one ``.npy`` per array. Nothing in it is ever unpickled, imported or evaluated, and whatever breaks a
rule, sent or received, raises :class:`WireError`.

Plain data is ``None``, ``bool``, ``int``, ``float`` (NaN and infinity too), ``str``, NumPy arrays of real
numbers or booleans, :class:`~grader.exercise.Handle`, and lists, tuples and dicts (keys ``str`` or ``int``)
of these. Integers may have :data:`MAX_INT_DIGITS` digits. NumPy scalars are sent as Python's.
"""

from __future__ import annotations

import io
import json
import math
import re
import socket
import struct
import time
from typing import Any

import numpy as np
import numpy.typing as npt

from grader.exercise import Handle
from grader.messages import _

MAX_BYTES = 256 * 2**20
MAX_JSON_BYTES = 8 * 2**20
MAX_NODES = 500_000
MAX_DEPTH = 32
MAX_STRING = 100_000
MAX_INT_DIGITS = 300
MAX_ARRAYS = 4096
MAX_ELEMENTS = 2**24
MAX_HANDLE_CLASSES = 32

_MAX_INT = 10**MAX_INT_DIGITS
_MAX_NPY_HEADER = 1024
_FRAME = struct.Struct("!Q")
_PARTS = struct.Struct("!I")
_CHUNK = 2**20
_NPY = re.compile(
    rb"\x93NUMPY\x01\x00(?P<length>[\x00-\xff]{2})"
    rb"\{'descr': '(?P<dtype>\|b1|\|[iu]1|<[iu][248]|<f[248])', 'fortran_order': False, "
    rb"'shape': \((?P<shape>[0-9, ]{0,400})\), \} *\n",
    re.DOTALL,
)


class WireError(Exception):
    """Data that may not cross between judge and worker; the message says which rule it breaks."""


def encode(value: Any) -> bytes:
    """Encodes plain data.

    Args:
        value: Plain data; a subclass of a plain type is not plain, nor is a tensor.

    Returns:
        The payload of a frame.

    Raises:
        WireError: If it is not plain data, or larger than a cap.
    """
    packer = _Packer()
    tree = packer.pack(value, 0)
    text = json.dumps(tree, allow_nan=False, separators=(",", ":")).encode("ascii")
    if len(text) > MAX_JSON_BYTES:
        raise WireError(_("there is more text and numbers than may be sent"))
    parts = [text, *packer.blobs]
    payload = b"".join([_PARTS.pack(len(parts)), *(_FRAME.pack(len(part)) for part in parts), *parts])
    if len(payload) > MAX_BYTES:
        raise WireError(_("there are more bytes than may be sent"))
    return payload


def decode(payload: bytes) -> Any:
    """Decodes plain data.

    Args:
        payload: What :func:`encode` gave, or anything else.

    Returns:
        The data; arrays are new and writable.

    Raises:
        WireError: If it is not a payload, or breaks a cap.
    """
    text, *blobs = _split(payload)
    if len(text) > MAX_JSON_BYTES:
        raise WireError(_("there is more text and numbers than may be sent"))
    try:
        tree = json.loads(
            text.decode("ascii"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_int=_int,
        )
    except (ValueError, RecursionError) as error:
        raise WireError(_("the data is malformed")) from error
    unpacker = _Unpacker(blobs)
    value = unpacker.unpack(tree, 0)
    if unpacker.blobs:
        raise WireError(_("the data is malformed"))
    return value


def send(connection: socket.socket, payload: bytes, deadline: float | None = None) -> None:
    """Sends one frame.

    Args:
        connection: A stream socket.
        payload: What :func:`encode` gave.
        deadline: Time on :func:`time.monotonic`'s clock after which to give up.

    Raises:
        TimeoutError: If the deadline passed.
        OSError: If the other side is gone.
    """
    connection.settimeout(_remaining(deadline))
    connection.sendall(_FRAME.pack(len(payload)) + payload)


def receive(connection: socket.socket, deadline: float | None = None) -> bytes:
    """Receives one frame.

    Args:
        connection: A stream socket.
        deadline: Time on :func:`time.monotonic`'s clock after which to give up.

    Returns:
        The payload, not yet decoded.

    Raises:
        WireError: If the frame is longer than :data:`MAX_BYTES`.
        EOFError: If the other side closed the connection.
        TimeoutError: If the deadline passed.
        OSError: If the other side is gone.
    """
    (length,) = _FRAME.unpack(_receive_exactly(connection, _FRAME.size, deadline))
    if length > MAX_BYTES:
        raise WireError(_("there are more bytes than may be sent"))
    return _receive_exactly(connection, length, deadline)


def _receive_exactly(connection: socket.socket, length: int, deadline: float | None) -> bytes:
    received = bytearray()
    while len(received) < length:
        connection.settimeout(_remaining(deadline))
        chunk = connection.recv(min(_CHUNK, length - len(received)))
        if not chunk:
            raise EOFError
        received += chunk
    return bytes(received)


def _remaining(deadline: float | None) -> float | None:
    if deadline is None:
        return None
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise TimeoutError
    return remaining


class _Packer:
    """Turns plain data into a JSON tree and the ``.npy`` bytes of its arrays."""

    def __init__(self) -> None:
        self.blobs: list[bytes] = []
        self._nodes = 0
        self._bytes = 0

    def pack(self, value: Any, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise WireError(_("there is more text and numbers than may be sent"))
        if depth > MAX_DEPTH:
            raise WireError(_("it is nested more than {depth} deep").format(depth=MAX_DEPTH))
        if isinstance(value, np.generic):
            value = value.item()
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is int:
            return _checked_int(value)
        if kind is float:
            return value if math.isfinite(value) else {"float": str(value)}
        if kind is str:
            return _checked_str(value)
        if kind is list:
            return [self.pack(item, depth + 1) for item in value]
        if kind is tuple:
            return {"tuple": [self.pack(item, depth + 1) for item in value]}
        if kind is dict:
            return {"dict": [[_key(key), self.pack(item, depth + 1)] for key, item in value.items()]}
        if kind is np.ndarray:
            return {"array": self._add_array(value)}
        if kind is Handle:
            return {"handle": [_checked_int(value.key), *map(_checked_str, value.kind)]}
        raise WireError(_("objects of the type {kind} cannot be sent").format(kind=kind.__name__))

    def _add_array(self, array: npt.NDArray[Any]) -> int:
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise WireError(_("arrays of the type {dtype} cannot be sent").format(dtype=array.dtype))
        self._bytes += array.nbytes
        if array.size > MAX_ELEMENTS or self._bytes > MAX_BYTES or len(self.blobs) >= MAX_ARRAYS:
            raise WireError(_("the arrays are larger, or more, than may be sent"))
        little = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
        buffer = io.BytesIO()
        np.lib.format.write_array(buffer, little, version=(1, 0), allow_pickle=False)
        self.blobs.append(buffer.getvalue())
        return len(self.blobs) - 1


class _Unpacker:
    """Turns a JSON tree and ``.npy`` bytes, both untrusted, into plain data."""

    def __init__(self, blobs: list[bytes]) -> None:
        self.blobs = dict(enumerate(blobs))
        self._nodes = 0

    def unpack(self, tree: Any, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise WireError(_("there is more text and numbers than may be sent"))
        if depth > MAX_DEPTH:
            raise WireError(_("it is nested more than {depth} deep").format(depth=MAX_DEPTH))
        if isinstance(tree, str):
            return _checked_str(tree)
        if isinstance(tree, list):
            return [self.unpack(item, depth + 1) for item in tree]
        if isinstance(tree, _Object):
            return self._tagged(tree, depth)
        return tree

    def _tagged(self, tree: _Object, depth: int) -> Any:
        match tree.pairs:
            case [("float", "nan" | "inf" | "-inf" as name)]:
                return float(name)
            case [("tuple", list(items))]:
                return tuple(self.unpack(item, depth + 1) for item in items)
            case [("dict", list(pairs))]:
                return self._dict(pairs, depth)
            case [("array", int(index))] if type(index) is int and index in self.blobs:
                return _read_array(self.blobs.pop(index))
            case [("handle", [int(key), *names])] if type(key) is int:
                return _handle(key, names)
        raise WireError(_("the data is malformed"))

    def _dict(self, pairs: list[Any], depth: int) -> dict[str | int, Any]:
        unpacked: dict[str | int, Any] = {}
        for pair in pairs:
            if not isinstance(pair, list) or len(pair) != 2 or type(pair[0]) not in (str, int):
                raise WireError(_("the data is malformed"))
            key = _key(pair[0])
            if key in unpacked:
                raise WireError(_("the data is malformed"))
            unpacked[key] = self.unpack(pair[1], depth + 1)
        return unpacked


class _Object:
    """A JSON object as it was read, so that no key hides another."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        self.pairs = pairs


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    return _Object(pairs)


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _int(digits: str) -> int:
    if len(digits) > MAX_INT_DIGITS + 1:
        raise ValueError(digits)
    return int(digits)


def _checked_int(value: int) -> int:
    if abs(value) >= _MAX_INT:
        raise WireError(_("an integer has more than {digits} digits").format(digits=MAX_INT_DIGITS))
    return value


def _checked_str(value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_STRING:
        raise WireError(_("a text is longer than {length} characters").format(length=MAX_STRING))
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise WireError(_("a text is not valid Unicode")) from error
    return value


def _key(value: Any) -> str | int:
    if type(value) is int:
        return _checked_int(value)
    if type(value) is not str:
        raise WireError(_("the keys of a dict must be text or integers"))
    return _checked_str(value)


def _handle(key: int, names: list[Any]) -> Handle:
    if key < 0 or len(names) > MAX_HANDLE_CLASSES:
        raise WireError(_("the data is malformed"))
    return Handle(key, tuple(map(_checked_str, names)))


def _split(payload: bytes) -> list[bytes]:
    if not _PARTS.size < len(payload) <= MAX_BYTES:
        raise WireError(_("the data is malformed"))
    (count,) = _PARTS.unpack_from(payload)
    position = _PARTS.size + count * _FRAME.size
    if not 1 <= count <= MAX_ARRAYS + 1 or position > len(payload):
        raise WireError(_("the data is malformed"))
    lengths = struct.unpack_from(f"!{count}Q", payload, _PARTS.size)
    if position + sum(lengths) != len(payload):
        raise WireError(_("the data is malformed"))
    parts = []
    for length in lengths:
        parts.append(payload[position : position + length])
        position += length
    return parts


def _read_array(blob: bytes) -> npt.NDArray[Any]:
    """Reads one ``.npy`` whose header says exactly what :func:`encode` would have written."""
    header = _NPY.match(blob, 0, _MAX_NPY_HEADER)
    if header is None or int.from_bytes(header["length"], "little") != header.end() - 10:
        raise WireError(_("the data is malformed"))
    dtype = np.dtype(header["dtype"].decode("ascii"))
    try:
        shape = [int(size) for size in header["shape"].split(b",") if size.strip()]
        if math.prod(max(size, 1) for size in shape) > MAX_ELEMENTS:
            raise WireError(_("the arrays are larger, or more, than may be sent"))
        if math.prod(shape) * dtype.itemsize != len(blob) - header.end():
            raise WireError(_("the data is malformed"))
        array = np.lib.format.read_array(
            io.BytesIO(blob), allow_pickle=False, max_header_size=_MAX_NPY_HEADER
        )
    except ValueError as error:
        raise WireError(_("the data is malformed")) from error
    return np.asarray(array.view("uint8") != 0) if array.dtype == bool else array
