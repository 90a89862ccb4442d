import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import BinaryIO

import pytest

from grader.protocol.multiplex import (
    CLOSE,
    CREDIT,
    DATA,
    OPEN,
    WINDOW,
    Multiplexer,
    MultiplexError,
    socket_pair,
)

HEAD = struct.Struct("!BII")
BIG = os.urandom(2**20) * 20


class Ends:
    """Two multiplexers, joined by pipes; ``near`` may open channels, which ``far`` keeps in ``opened``."""

    def __init__(self) -> None:
        to_far, to_near = os.pipe(), os.pipe()
        self.streams: list[BinaryIO] = [
            os.fdopen(descriptor, mode)
            for pair in (to_far, to_near)
            for descriptor, mode in zip(pair, ("rb", "wb"), strict=True)
        ]
        far_source, near_sink, near_source, far_sink = self.streams
        self.near, self.far = Multiplexer(near_source, near_sink), Multiplexer(far_source, far_sink)
        self.opened: dict[int, socket.socket] = {}
        self.runs = [
            threading.Thread(target=self.near.run, daemon=True),
            threading.Thread(target=self.far.run, args=(self._on_open,), daemon=True),
        ]
        for run in self.runs:
            run.start()

    def channel(self, number: int) -> tuple[socket.socket, socket.socket]:
        """Opens a channel; returns its two ends."""
        ours, theirs = socket_pair()
        self.near.attach(number, theirs)
        self.near.open(number)
        eventually(lambda: number in self.opened)
        for end in (ours, self.opened[number]):
            end.settimeout(20)
        return ours, self.opened[number]

    def cut(self) -> None:
        """Ends the stream from the near side."""
        self.streams[1].close()

    def _on_open(self, number: int) -> None:
        ours, theirs = socket_pair()
        self.opened[number] = ours
        self.far.attach(number, theirs)


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.cut()
    made.runs[1].join(20)
    made.streams[3].close()
    made.runs[0].join(20)
    assert not any(run.is_alive() for run in made.runs)


def eventually(condition: Callable[[], bool]) -> None:
    event = threading.Event()
    for _try in range(1000):
        if condition():
            return
        event.wait(0.02)
    raise AssertionError("it did not come about")


def received(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (chunk := connection.recv(2**20)):
        data += chunk
    return bytes(data)


def fill(connection: socket.socket) -> int:
    """Sends until nothing more is taken for half a second; returns how many bytes that was."""
    connection.settimeout(0.5)
    sent = 0
    try:
        while True:
            sent += connection.send(bytes(2**16))
    except TimeoutError:
        return sent


def test_tens_of_megabytes_cross_both_ways_on_several_channels_at_once(ends: Ends) -> None:
    pairs = [ends.channel(number) for number in (1, 2)]
    directions = [(a, b) for pair in pairs for a, b in (pair, pair[::-1])]
    senders = [threading.Thread(target=source.sendall, args=(BIG,)) for source, _sink in directions]
    got: dict[int, bytes] = {}

    def receive(index: int) -> None:
        got[index] = received(directions[index][1], len(BIG))

    receivers = [threading.Thread(target=receive, args=(index,)) for index in range(len(directions))]
    for thread in (*senders, *receivers):
        thread.start()
    for thread in (*senders, *receivers):
        thread.join(60)
    assert [got[index] == BIG for index in range(4)] == [True] * 4


@pytest.mark.parametrize("flooding", [0, 1], ids=["near", "far"])
def test_channel_that_nobody_reads_is_held_and_holds_up_no_other(ends: Ends, flooding: int) -> None:
    full, other = ends.channel(1), ends.channel(2)
    assert fill(full[flooding]) < WINDOW + 2 * 2**20
    for source, sink in (other, other[::-1]):
        source.sendall(b"passes")
        assert received(sink, 6) == b"passes"


@pytest.mark.parametrize("closing", [0, 1], ids=["near", "far"])
def test_what_was_sent_before_the_end_arrives_before_it(ends: Ends, closing: int) -> None:
    pair = ends.channel(1)
    pair[closing].sendall(BIG[: 2**20])
    pair[closing].close()
    assert received(pair[1 - closing], 2**21) == BIG[: 2**20]
    with pytest.raises(OSError, match=r"pipe|reset"):
        fill(pair[1 - closing])


def test_closed_channel_drops_what_still_comes_and_lets_others_pass(ends: Ends) -> None:
    near, far = ends.channel(1)
    fill(far)
    near.close()
    other_near, other_far = ends.channel(2)
    other_far.sendall(BIG[: 2**20])
    assert received(other_near, 2**20) == BIG[: 2**20]


def test_end_of_the_stream_closes_every_channel(ends: Ends) -> None:
    _near, far = ends.channel(1)
    ends.cut()
    assert received(far, 1) == b""


def run(messages: bytes) -> Multiplexer:
    """Runs a multiplexer with a channel 1 on messages from outside."""
    multiplexer = Multiplexer(BytesIO(messages), BytesIO())
    ours, theirs = socket_pair()
    with ours:
        multiplexer.attach(1, theirs)
        multiplexer.run()
    return multiplexer


@pytest.mark.parametrize(
    "message",
    [
        HEAD.pack(7, 1, 0),
        HEAD.pack(OPEN, 2, 0),
        HEAD.pack(DATA, 1, 2**31),
        (HEAD.pack(DATA, 1, 2**16) + bytes(2**16)) * 200,
    ],
    ids=["unknown kind", "channel that it may not open", "giant message", "more than the window"],
)
def test_broken_rule_ends_the_stream(message: bytes) -> None:
    with pytest.raises(MultiplexError):
        run(message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0\0",
        HEAD.pack(DATA, 1, 100) + b"half",
        HEAD.pack(DATA, 9, 4) + b"late",
        HEAD.pack(CREDIT, 9, 4),
        HEAD.pack(CLOSE, 9, 0),
        HEAD.pack(CREDIT, 1, 2**32 - 1),
    ],
    ids=[
        "nothing",
        "half a head",
        "half a message",
        "late data",
        "late credit",
        "late end",
        "endless credit",
    ],
)
def test_broken_off_and_late_messages_do_no_harm(message: bytes) -> None:
    run(message)
