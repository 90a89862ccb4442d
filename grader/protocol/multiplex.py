"""Several byte streams over one, each at its own pace: what a container's standard streams carry.

Judge and container have one stream between them, the pipes of ``docker run -i``. Both ends hold a
:class:`Multiplexer`, which ties sockets on its own side to numbered channels. It never looks into what they
carry, holds at most :data:`WINDOW` bytes of each in either direction, and always reads on, so a channel that
nobody empties holds up no other.

A message is a kind, a channel and a number; :data:`DATA` is followed by as many bytes as the number says.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import struct
import threading
from collections.abc import Callable
from typing import BinaryIO

CONTROL = 0
"""The channel of the worker's own socket; the others are numbered from 1, one for each child."""

WINDOW = 2 * 2**20
_CHUNK = 2**16

_HEAD = struct.Struct("!BII")
DATA, CREDIT, OPEN, CLOSE = range(4)
"""Bytes; that more may be sent, and how many; a new channel; the end of a channel, in both directions."""


class MultiplexError(Exception):
    """The other side breaks the rules of the stream."""


class Multiplexer:
    """One end of a stream that carries channels."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        """Creates an end; nothing moves yet.

        Args:
            source: Where the other end's messages are read, buffered.
            sink: Where messages to it are written, buffered.
        """
        self._source = source
        self._sink = sink
        self._sending = threading.Lock()
        self._channels: dict[int, _Channel] = {}

    def attach(self, number: int, connection: socket.socket) -> None:
        """Ties a socket to a channel, until one of the two is closed.

        Args:
            number: The channel.
            connection: This side's end of a socket pair; it now belongs to the channel.
        """
        channel = _Channel(number, connection, self._send)
        self._channels[number] = channel
        threading.Thread(target=self._serve, args=(number, channel), daemon=True).start()

    def open(self, number: int) -> None:
        """Asks the other end for a new channel.

        Args:
            number: A number that was not used before.
        """
        self._send(OPEN, number)

    def run(self, on_open: Callable[[int], None] | None = None) -> None:
        """Reads messages until the stream ends, then closes every channel.

        Args:
            on_open: Called with the number of each channel that the other end asks for.

        Raises:
            MultiplexError: If the other end breaks the rules.
        """
        try:
            while head := self._read(_HEAD.size):
                kind, number, amount = _HEAD.unpack(head)
                self._take(kind, number, amount, on_open)
        finally:
            for channel in [*self._channels.values()]:
                channel.finish()

    def _take(self, kind: int, number: int, amount: int, on_open: Callable[[int], None] | None) -> None:
        """Does what a message says; what still comes for a closed channel is dropped."""
        channel = self._channels.get(number)
        if kind == DATA:
            if amount > _CHUNK:
                raise MultiplexError("a message is too long")
            data = self._read(amount)
            if channel:
                channel.deliver(data)
        elif kind == CREDIT:
            if channel:
                channel.allow(amount)
        elif kind == CLOSE:
            if channel:
                channel.finish()
        elif kind == OPEN and on_open and not channel:
            on_open(number)
        else:
            raise MultiplexError("a message has no meaning")

    def _read(self, size: int) -> bytes:
        """Reads exactly so many bytes; none where the stream has ended."""
        with contextlib.suppress(OSError, ValueError):
            data = self._source.read(size)
            return data if len(data) == size else b""
        return b""

    def _send(self, kind: int, number: int, amount: int = 0, data: bytes = b"") -> None:
        """Writes a message; when the stream is gone, ``run`` finds that out too."""
        with self._sending, contextlib.suppress(OSError, ValueError):
            self._sink.write(_HEAD.pack(kind, number, amount) + data)
            self._sink.flush()

    def _serve(self, number: int, channel: _Channel) -> None:
        channel.serve()
        self._channels.pop(number, None)


class _Channel:
    """A socket of this side, and what is on its way between it and the stream."""

    def __init__(self, number: int, connection: socket.socket, send: Callable[..., None]) -> None:
        self._number = number
        self._connection = connection
        self._send = send
        self._arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._waiting = 0  # bytes that have arrived and that the socket has not taken
        self._credit = WINDOW  # bytes that the other end will still take
        self._finished = False

    def deliver(self, data: bytes) -> None:
        """Takes bytes for the socket."""
        with self._changed:
            self._waiting += len(data)
            if self._waiting > WINDOW:
                raise MultiplexError("a channel holds more than it may")
        if data:
            self._arrived.put(data)

    def allow(self, amount: int) -> None:
        """Lets so many more bytes be sent."""
        with self._changed:
            self._credit = min(self._credit + amount, WINDOW)
            self._changed.notify_all()

    def finish(self) -> None:
        """Closes the socket, once it has taken what has arrived."""
        with self._changed:
            self._finished = True
            self._changed.notify_all()
        self._arrived.put(b"")

    def serve(self) -> None:
        """Moves bytes both ways until the channel is closed on either side."""
        self._connection.settimeout(None)
        inwards = threading.Thread(target=self._move_inwards, daemon=True)
        inwards.start()
        self._move_outwards()
        self._send(CLOSE, self._number)
        self._arrived.put(b"")
        inwards.join()
        self._connection.close()

    def _move_outwards(self) -> None:
        while room := self._room():
            try:
                data = self._connection.recv(min(room, _CHUNK))
            except OSError:
                return
            if not data:
                return
            with self._changed:
                self._credit -= len(data)
            self._send(DATA, self._number, len(data), data)

    def _room(self) -> int:
        """Waits until something may be sent; returns how many bytes, 0 where the channel is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._credit or self._finished)
            return 0 if self._finished else self._credit

    def _move_inwards(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._arrived.get():
                self._connection.sendall(data)
                with self._changed:
                    self._waiting -= len(data)
                self._send(CREDIT, self._number, len(data))
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Returns two connected sockets, on systems whose pairs are TCP connections too."""
    pair = socket.socketpair()
    for end in pair:
        if end.family == socket.AF_INET:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return pair
