"""Replies of a worker to a judge: honest ones for answers that are wrong, mutated ones, and invented ones."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grader.exercise import Handle
from grader.protocol import wire
from grader.protocol.exchange import Failure

Mutation = Callable[[bytes], bytes]


def wrong_answer(request: bytes) -> dict[str, Any]:
    """Returns what an honest worker replies for answers that are all wrong."""
    asked = wire.decode(request)
    results: dict[str, Any] = {
        "double": lambda x: x * 3 + 7,
        "pair": lambda number, word: {word[::-1]: [-7 * number, False]},
        "word": lambda number, word: ["?", -number, word],
        "limit": lambda: 1e6,
        "head": lambda _units: Handle(0, ("Functional", "Model", "Layer")),
        "set_weights": lambda _model, _weights: None,
        "predict": lambda _model, x, **_training: np.full((len(x), 2), -1e6),
    }
    answer = results.get(asked["name"], _first_argument)
    return {"result": answer(*asked["args"], **asked["kwargs"])}


def _first_argument(*args: Any, **kwargs: Any) -> Any:
    return next(iter([*args, *kwargs.values()]), -7)


def payload_of(*parts: bytes) -> bytes:
    """Builds a payload of any parts."""
    return struct.pack("!I", len(parts)) + struct.pack(f"!{len(parts)}Q", *map(len, parts)) + b"".join(parts)


def parts_of(payload: bytes) -> list[bytes]:
    """Returns the parts of a payload that is whole, none of any other."""
    try:
        return wire._split(payload)
    except wire.WireError:
        return []


@dataclass(frozen=True)
class Flip:
    """Flips a bit; ``at`` is a share of the length."""

    at: float
    bit: int

    def __call__(self, payload: bytes) -> bytes:
        if not payload:
            return payload
        flipped = bytearray(payload)
        flipped[int(self.at * len(payload))] ^= 1 << self.bit
        return bytes(flipped)


@dataclass(frozen=True)
class Edit:
    """Replaces some bytes."""

    at: float
    span: int
    put: bytes

    def __call__(self, payload: bytes) -> bytes:
        start = int(self.at * len(payload))
        return payload[:start] + self.put + payload[start + self.span :]


@dataclass(frozen=True)
class Cut:
    """Leaves out the end."""

    at: float

    def __call__(self, payload: bytes) -> bytes:
        return payload[: int(self.at * len(payload))]


@dataclass(frozen=True)
class Lengths:
    """Says other lengths of the parts, or another number of them; ``None`` for what is true."""

    count: int | None
    lengths: tuple[int | None, ...]

    def __call__(self, payload: bytes) -> bytes:
        parts = parts_of(payload)
        said = [*self.lengths, *[None] * len(parts)][: len(parts)]
        true = [len(part) if length is None else length for part, length in zip(parts, said, strict=True)]
        count = len(parts) if self.count is None else self.count
        return struct.pack("!I", count) + struct.pack(f"!{len(true)}Q", *true) + b"".join(parts)


@dataclass(frozen=True)
class Shuffle:
    """Puts the parts in another order, some twice, some not at all."""

    order: tuple[int, ...]

    def __call__(self, payload: bytes) -> bytes:
        parts = parts_of(payload)
        return payload_of(*[parts[number % len(parts)] for number in self.order]) if parts else payload


@dataclass(frozen=True)
class Replace:
    """Writes one text for another, as a type or a shape in the header of an array."""

    before: bytes
    after: bytes

    def __call__(self, payload: bytes) -> bytes:
        return payload_of(*[part.replace(self.before, self.after) for part in parts_of(payload)])


DTYPES = ["|b1", "|i1", "|u1", "<i2", "<i8", "<u8", "<f2", "<f4", "<f8", ">f8", "<f16", "<b1", "f8"]
DTYPES += ["|O", "<U4", "|S8", "<c16", "|V8", "<M8[s]"]
SHAPES = ["(3, 2)", "()", "(6,)", "(-1,)", "(4294967296,)", "(16777217,)", "(16777216, 0)", "(0,)", "(2, 3,)"]
SHAPES += ["(" + "1, " * 33 + ")", "(99999999999999999999,)", "( , )", "3", "(3, 2", "(3, 2, 1)"]
PIECES = [
    b"NaN",
    b"1e999",
    b"Infinity",
    b'"result"',
    b"[" * 2000,
    b'{"tuple":[' * 500,
    b"9" * 400,
    b"\xff" * 9,
]
TAGS = ["float", "tuple", "dict", "array", "handle"]

shares = st.floats(0, 1, exclude_max=True)
sizes = st.sampled_from([0, 1, 7, 8, 2**16, 2**31, 2**32 - 1, 2**63, 2**64 - 1])
counts = st.none() | st.sampled_from([0, 1, 2, 4097, 2**31])
flips = st.builds(Flip, shares, st.integers(0, 7))
mutations: st.SearchStrategy[Mutation] = st.one_of(
    flips,
    flips,
    st.builds(Edit, shares, st.integers(0, 12), st.binary(max_size=6) | st.sampled_from(PIECES)),
    st.builds(Cut, shares),
    st.builds(Lengths, counts, st.lists(st.none() | sizes, max_size=2).map(tuple)),
    st.builds(Shuffle, st.lists(st.integers(0, 3), max_size=5).map(tuple)),
    st.builds(Replace, st.just(b"<f8"), st.sampled_from(DTYPES).map(str.encode)),
    st.builds(Replace, st.sampled_from([b"(3, 2)", b"(5, 2)"]), st.sampled_from(SHAPES).map(str.encode)),
    st.builds(Replace, st.just(b"False"), st.just(b"True ")),
    st.builds(Replace, st.sampled_from([b"result", b"array", b"dict", b"handle"]), st.sampled_from(PIECES)),
)

texts = st.text(max_size=8) | st.sampled_from(["result", "passed", "Layer", "memory", "\0", "x" * 2000])
numbers = st.none() | st.booleans() | st.integers(-(2**70), 2**70)
arrays = hnp.arrays(
    st.sampled_from(["bool", "int8", "uint64", "float16", "float32", "float64"]),
    st.sampled_from([(), (3, 2), (5, 2), (6,), (2, 3), (0,), (3, 2, 1)]),
)
handles = st.builds(Handle, st.integers(0, 2), st.sampled_from([(), ("Layer",), ("Model", "Layer"), ("",)]))
values: st.SearchStrategy[Any] = st.recursive(
    numbers | st.floats() | texts | arrays | handles,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from(["result", "total", "a"]) | st.integers(0, 3), inner, max_size=3),
    ),
    max_leaves=6,
)
failures = st.fixed_dictionaries(
    dict.fromkeys(["error", "message", "source", "limit"], texts | values) | {"line": st.integers() | values}
)
honest_failures = st.builds(
    lambda error, message, line, limit: Failure(error, message, line, "x", limit).to_dict(),
    texts,
    texts,
    st.integers(-3, 2**40),
    st.sampled_from(["", "memory", "processes", "patience"]),
)
messages: st.SearchStrategy[Any] = st.one_of(
    st.builds(lambda value: {"result": value}, values),
    st.builds(lambda failure: {"raised": failure}, failures | honest_failures),
    st.dictionaries(st.sampled_from(["missing", "refused", "misused", "passed"]), texts | values, max_size=2),
    st.builds(lambda failure: [(0, failure)], failures | honest_failures),
    values,
)
trees: st.SearchStrategy[Any] = st.recursive(
    numbers | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(TAGS) | texts, inner, max_size=2),
        st.fixed_dictionaries({"float": st.sampled_from(["nan", "inf", "-inf", "1.0"])}),
        st.fixed_dictionaries({"tuple": st.lists(inner, max_size=3)}),
        st.fixed_dictionaries({"dict": st.lists(st.tuples(texts | st.integers(), inner), max_size=3)}),
        st.fixed_dictionaries({"array": st.integers(-1, 2)}),
        st.fixed_dictionaries({"handle": st.lists(texts | st.integers(-1, 3), max_size=3)}),
    ),
    max_leaves=8,
)


def npy(dtype: str, shape: str, data: bytes, order: bool) -> bytes:
    """Builds an ``.npy`` whose header says anything."""
    header = f"{{'descr': '{dtype}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


blobs = st.binary(max_size=80) | st.builds(
    npy, st.sampled_from(DTYPES), st.sampled_from(SHAPES), st.binary(max_size=64), st.booleans()
)


def encoded(value: Any) -> bytes:
    """Encodes a value; one that may not be sent, as a text that tells it."""
    try:
        return wire.encode(value)
    except wire.WireError:
        return wire.encode(ascii(value))


def written(tree: Any, wrapped: bool, blobs: Sequence[bytes]) -> bytes:
    """Writes a JSON tree as it stands, tags and all, with arrays behind it."""
    return payload_of(json.dumps({"dict": [["result", tree]]} if wrapped else tree).encode(), *blobs)


@dataclass(frozen=True)
class Reply:
    """What comes back for a request.

    Attributes:
        fixed: The payload; ``None`` for that of a wrong answer.
        mutations: What is done to it.
    """

    fixed: bytes | None = None
    mutations: tuple[Mutation, ...] = ()

    def to(self, request: bytes) -> bytes:
        """Returns the payload of the reply to a request."""
        payload = wire.encode(wrong_answer(request)) if self.fixed is None else self.fixed
        for mutation in self.mutations:
            payload = mutation(payload)
        return payload


mutated = st.builds(Reply, st.none(), st.lists(mutations, min_size=1, max_size=3).map(tuple))
replies = st.one_of(
    st.just(Reply()),
    mutated,
    mutated,
    st.builds(Reply, messages.map(encoded)),
    st.builds(Reply, messages.map(encoded), st.lists(mutations, min_size=1, max_size=2).map(tuple)),
    st.builds(Reply, st.builds(written, trees, st.booleans(), st.lists(blobs, max_size=2))),
    st.builds(Reply, st.binary(max_size=40)),
)
