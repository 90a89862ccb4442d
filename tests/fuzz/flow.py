"""The other side of a socket: scripts of what it sends, when, and in which pieces."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hypothesis import strategies as st

from grader.judging.connection import Ending
from grader.protocol import wire
from tests.fuzz.replies import Reply, encoded, messages, replies

MIB = 2**20
LATE = 5.0
"""Seconds after which something hangs."""


class Step(Protocol):
    """A step of a script."""

    def __call__(self, connection: socket.socket) -> None:
        """Does it."""


def run(script: Sequence[Step], connection: socket.socket) -> None:
    """Does the steps, then keeps silent until the judge is gone."""
    with contextlib.suppress(OSError, EOFError, wire.WireError), connection:
        connection.settimeout(LATE)
        for step in script:
            step(connection)
        while connection.recv(2**16):
            pass


def hear(connection: socket.socket) -> bytes:
    """Waits for a request."""
    return wire.receive(connection, time.monotonic() + LATE)


def framed(payload: bytes) -> bytes:
    """Returns a payload with its length before it."""
    return struct.pack("!Q", len(payload)) + payload


@dataclass(frozen=True)
class Report:
    """Reports, as it should, that the cells ran."""

    def __call__(self, connection: socket.socket) -> None:
        hear(connection)
        connection.sendall(framed(wire.encode([])))


@dataclass(frozen=True)
class Respond:
    """Replies to a request: so often, so much of it, in so many pieces."""

    reply: Reply
    times: int = 1
    share: float = 1.0
    pieces: int = 1

    def __call__(self, connection: socket.socket) -> None:
        request = hear(connection)
        if not isinstance(wire.decode(request), dict):
            request = wire.encode({"name": "limit", "args": (), "kwargs": {}})
        data = framed(self.reply.to(request)) * self.times
        data = data[: int(len(data) * self.share)]
        size = -(-len(data) // self.pieces) or 1
        for start in range(0, len(data), size):
            connection.sendall(data[start : start + size])


@dataclass(frozen=True)
class Send:
    """Sends something that nobody has asked for."""

    data: bytes

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(self.data)


@dataclass(frozen=True)
class Flood:
    """Announces a length and sends megabytes."""

    length: int
    piece: bytes

    def __call__(self, connection: socket.socket) -> None:
        connection.sendall(struct.pack("!Q", self.length))
        for _time in range(4 * MIB // len(self.piece)):
            connection.sendall(self.piece)


@dataclass(frozen=True)
class Wait:
    """Lets time pass."""

    seconds: float

    def __call__(self, connection: socket.socket) -> None:
        time.sleep(self.seconds)


@dataclass(frozen=True)
class Close:
    """Closes the connection; ``None``, or a half of it."""

    how: int | None = None

    def __call__(self, connection: socket.socket) -> None:
        if self.how is None:
            connection.close()
        else:
            connection.shutdown(self.how)


PIECES = [b"\0" * 2**16, b"[" * 2**16, framed(wire.encode({"result": 1})) * 100]
LENGTHS = [0, 1, 100, 2 * MIB, wire.MAX_BYTES - 1, wire.MAX_BYTES + 1, 2**63, 2**64 - 1]
HALVES = [None, socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR]
EXITS = [0, 1, -6, -9, -11, -24]

shares = st.sampled_from([1.0, 0.99, 0.5])
steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(Respond, replies),
    st.builds(Respond, replies, st.just(1), shares, st.sampled_from([1, 7])),
    st.builds(Respond, st.just(Reply()), st.sampled_from([1, 2, 50]), shares, st.sampled_from([1, 3, 40])),
    st.builds(Send, messages.map(lambda message: framed(encoded(message))) | st.binary(max_size=30)),
    st.builds(Flood, st.sampled_from(LENGTHS), st.sampled_from(PIECES)),
    st.builds(Wait, st.sampled_from([0.001, 0.02, 0.2])),
    st.builds(Close, st.sampled_from(HALVES)),
)
beginnings: st.SearchStrategy[list[Step]] = st.sampled_from([[], [Report()], [Report(), Respond(Reply())]])
scripts = st.builds(lambda begin, rest: [*begin, *rest], beginnings, st.lists(steps, max_size=4))
endings = st.builds(
    Ending, st.booleans(), st.sampled_from(EXITS), st.sampled_from(["", "", "", "memory", "cpu"])
)


class ScriptedServer:
    """A fork server, as a judge sees it, whose children do what a script says."""

    usable = True

    def __init__(self, script: Sequence[Step], ending: Ending) -> None:
        self._script = script
        self._ending = ending
        self._threads: list[threading.Thread] = []

    def fork(self, _limits: Mapping[str, int]) -> socket.socket:
        """Starts a child."""
        ours, theirs = socket.socketpair()
        self._threads.append(threading.Thread(target=run, args=(self._script, theirs), daemon=True))
        self._threads[-1].start()
        return ours

    def end_child(self, _command: bytes) -> Ending:
        """Tells how it ended."""
        return self._ending

    def stop(self) -> None:
        """Waits for the children.

        Raises:
            AssertionError: If one hangs.
        """
        for thread in self._threads:
            thread.join(2 * LATE)
            assert not thread.is_alive()
