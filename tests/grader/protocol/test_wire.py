import json
import math
import socket
import struct
import threading
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grader.exercise import Handle
from grader.protocol import wire
from grader.protocol.wire import WireError

DTYPES = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
DTYPES += ["float16", "float32", "float64"]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
arrays = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
handles = st.builds(Handle, st.integers(0, 2**40), st.lists(texts, max_size=4).map(tuple))
integers = st.integers(-(10**wire.MAX_INT_DIGITS) + 1, 10**wire.MAX_INT_DIGITS - 1)
plain = st.recursive(
    st.none() | st.booleans() | integers | st.floats() | texts | arrays | handles,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(texts | st.integers(), inner, max_size=4)
    ),
    max_leaves=12,
)


def payload_of(text: bytes | str, *blobs: bytes) -> bytes:
    """Builds a payload as :func:`wire.encode` does, of any parts."""
    parts = [text.encode() if isinstance(text, str) else text, *blobs]
    return struct.pack("!I", len(parts)) + struct.pack(f"!{len(parts)}Q", *map(len, parts)) + b"".join(parts)


def npy(header: str, data: bytes = b"", version: bytes = b"\x01\x00") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


def assert_same(left: Any, right: Any) -> None:
    assert type(left) is type(right)
    if isinstance(left, np.ndarray):
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    elif isinstance(left, dict):
        assert list(left) == list(right)
        assert_same(list(left.values()), list(right.values()))
    elif isinstance(left, float) and math.isnan(left):
        assert math.isnan(right)
    else:
        assert left == right


@given(plain)
@settings(max_examples=200, deadline=None)
def test_plain_data_comes_back_as_it_was(value: Any) -> None:
    assert_same(wire.decode(wire.encode(value)), value)


@given(plain, st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_payload_is_data_or_a_wire_error(value: Any, data: st.DataObject) -> None:
    payload = bytearray(wire.encode(value))
    for _mutation in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(payload) - 1))
        match data.draw(st.sampled_from(["set", "cut", "insert"])):
            case "set":
                payload[position] = data.draw(st.integers(0, 255))
            case "cut":
                del payload[position:]
                payload = payload or bytearray(b"\0")
            case "insert":
                payload[position:position] = data.draw(st.binary(max_size=8))
    try:
        decoded = wire.decode(bytes(payload))
    except WireError:
        return
    assert_same(wire.decode(wire.encode(decoded)), decoded)


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_random_bytes_are_data_or_a_wire_error(payload: bytes) -> None:
    try:
        wire.decode(payload)
    except WireError:
        return


def test_arrays_come_back_writable_and_whatever_their_layout() -> None:
    grid = np.arange(12, dtype=">i4").reshape(3, 4)
    for array in (grid, grid.T, grid[::2, ::-1], np.array(2.5), np.array(True), np.zeros((0, 3))):
        back = wire.decode(wire.encode(array))
        assert isinstance(back, np.ndarray)
        np.testing.assert_array_equal(back, array)
        assert back.dtype == array.dtype.newbyteorder("=")
        assert back.flags.writeable


def test_numpy_scalars_are_sent_as_pythons() -> None:
    assert_same(wire.decode(wire.encode([np.float32(0.5), np.int64(3), np.bool_(True)])), [0.5, 3, True])


class Text(str):
    pass


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {1, 2},
        b"bytes",
        1j,
        Text("subclass"),
        {None: 1},
        {True: 1},
        {(1, 2): 1},
        10**wire.MAX_INT_DIGITS,
        -(10**wire.MAX_INT_DIGITS),
        "\ud800",
        "a" * (wire.MAX_STRING + 1),
        np.array([object()]),
        np.array(["text"]),
        np.array([1j]),
        np.zeros(2, "longdouble"),
        np.zeros(2, [("a", "i4")]),
        np.zeros(2, "datetime64[s]"),
        np.broadcast_to(np.int8(0), (wire.MAX_ELEMENTS + 1,)),
        np.ma.array([1.0]),
        [np.zeros(0)] * (wire.MAX_ARRAYS + 1),
        [np.broadcast_to(0.0, (2**24,))] * 3,
        [0] * (wire.MAX_NODES + 1),
        ["a" * wire.MAX_STRING] * 100,
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_not_plain_or_too_large_is_refused(value: Any) -> None:
    with pytest.raises(WireError):
        wire.encode(value)


def test_nesting_is_limited() -> None:
    value: Any = 0
    for _level in range(wire.MAX_DEPTH):
        value = [value]
    assert wire.decode(wire.encode(value)) == value
    with pytest.raises(WireError):
        wire.encode([value])
    cycle: list[Any] = []
    cycle.append(cycle)
    with pytest.raises(WireError):
        wire.encode(cycle)


DEEP = {
    "lists": "[" * 10_000 + "]" * 10_000,
    "open lists": "[" * 100_000,
    "objects": '{"tuple":[' * 10_000 + "]}" * 10_000,
    "one level too many": "[" * (wire.MAX_DEPTH + 2) + "]" * (wire.MAX_DEPTH + 2),
}

MALFORMED = {
    "not JSON": "nonsense",
    "empty": "",
    "NaN literal": "NaN",
    "infinity literal": "[Infinity]",
    "two values": "1 2",
    "not ASCII": b'"\xe3\x81\x82"',
    "UTF-16": '"a"'.encode("utf-16"),
    "unknown tag": '{"eval":"1"}',
    "no tag": "{}",
    "two tags": '{"tuple":[],"dict":[]}',
    "duplicate tag": '{"tuple":[],"tuple":[]}',
    "duplicate key": '{"dict":[["a",1],["a",2]]}',
    "pair of three": '{"dict":[["a",1,2]]}',
    "key is a list": '{"dict":[[[],1]]}',
    "key is a boolean": '{"dict":[[true,1]]}',
    "tuple of an object": '{"tuple":{}}',
    "finite tagged float": '{"float":"1.0"}',
    "array without bytes": '{"array":0}',
    "array of a boolean": '{"array":false}',
    "negative array": '{"array":-1}',
    "handle without a number": '{"handle":[]}',
    "handle with a boolean": '{"handle":[true]}',
    "negative handle": '{"handle":[-1]}',
    "handle of numbers": '{"handle":[1,2]}',
    "handle of many classes": '{"handle":[1' + ',"a"' * 33 + "]}",
    "integer of many digits": "1" * 400,
    "integer of a million digits": "1" * 1_000_000,
    "lone surrogate": '"\\ud800"',
    "long text": json.dumps("a" * (wire.MAX_STRING + 1)),
    "many nodes": "[" + "0," * wire.MAX_NODES + "0]",
    "much JSON": '"' + " " * wire.MAX_JSON_BYTES + '"',
}


@pytest.mark.parametrize("text", [*DEEP.values(), *MALFORMED.values()], ids=[*DEEP, *MALFORMED])
def test_malformed_json_is_refused(text: str | bytes) -> None:
    with pytest.raises(WireError):
        wire.decode(payload_of(text))


GOOD = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", bytes(8))
BAD_ARRAYS = {
    "empty": b"",
    "pickle": b"\x80\x04K\x01.",
    "cut": GOOD[:-1],
    "longer": GOOD + b"\0",
    "version 2": b"\x93NUMPY\x02" + GOOD[7:],
    "object": npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", bytes(8)),
    "structured": npy("{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,), }", bytes(4)),
    "complex": npy("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", bytes(8)),
    "text": npy("{'descr': '<U2', 'fortran_order': False, 'shape': (1,), }", bytes(8)),
    "giant": npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({2**60},), }}"),
    "giant beside zero": npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': (0, {2**60}), }}"),
    "negative": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", bytes(8)),
    "code": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (print(1),), }"),
    "no comma": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2 1), }", bytes(8)),
    "leading zero": npy("{'descr': '<f4', 'fortran_order': False, 'shape': (02,), }", bytes(8)),
    "many axes": npy(f"{{'descr': '|i1', 'fortran_order': False, 'shape': ({'1, ' * 70}), }}", bytes(1)),
    "nested": npy("(" * 5000),
    "header cut": GOOD[:20],
    "header length": GOOD[:8] + b"\xff\xff" + GOOD[10:],
}


@pytest.mark.parametrize("blob", BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_malformed_array_is_refused(blob: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode(payload_of('{"array":0}', blob))


def test_arrays_of_the_header_checks_are_read_when_right() -> None:
    assert wire.decode(payload_of('{"array":0}', GOOD)).tolist() == [0, 0]


def test_array_is_named_once_and_none_is_left_over() -> None:
    with pytest.raises(WireError):
        wire.decode(payload_of('[{"array":0},{"array":0}]', GOOD))
    with pytest.raises(WireError):
        wire.decode(payload_of("[]", GOOD))


def test_booleans_are_zero_or_one() -> None:
    blob = npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", b"\x00\x01\x07")
    assert wire.decode(payload_of('{"array":0}', blob)).view("uint8").tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\0",
        struct.pack("!I", 0),
        struct.pack("!I", 2**32 - 1) + bytes(100),
        struct.pack("!IQ", 1, 2**64 - 1) + b"1",
        struct.pack("!IQ", 1, 0),
        struct.pack("!IQQ", 2, 2**63, 2**63) + b"1",
        payload_of("1") + b"1",
        payload_of("1")[:-1],
    ],
)
def test_lengths_that_do_not_add_up_are_refused(payload: bytes) -> None:
    with pytest.raises(WireError):
        wire.decode(payload)


def test_frames_cross_a_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        payload = wire.encode(np.arange(200_000))
        sender = threading.Thread(target=wire.send, args=(theirs, payload))
        sender.start()
        assert wire.receive(ours) == payload
        sender.join()


def test_giant_frame_is_refused_before_it_is_read() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(struct.pack("!Q", 2**63))
        with pytest.raises(WireError):
            wire.receive(ours)


def test_frame_that_ends_early_is_an_end() -> None:
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            theirs.sendall(struct.pack("!Q", 100) + b"only this")
        with pytest.raises(EOFError):
            wire.receive(ours)


@pytest.mark.parametrize("drip", [b"", struct.pack("!Q", 100) + b"only this"])
def test_silence_meets_the_deadline(drip: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(drip)
        with pytest.raises(TimeoutError):
            wire.receive(ours, time.monotonic() + 0.05)
        with pytest.raises(TimeoutError):
            wire.receive(ours, time.monotonic() - 1)


def test_sending_to_one_who_does_not_read_meets_the_deadline() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(TimeoutError):
        wire.send(ours, bytes(10**7), time.monotonic() + 0.05)
