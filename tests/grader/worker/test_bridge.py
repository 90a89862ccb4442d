import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grader.protocol import wire
from grader.protocol.exchange import KILL, REAP
from grader.protocol.multiplex import CONTROL, Multiplexer, socket_pair

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the worker needs Linux")

LIMITS = {"memory": 2**29, "cpu": 20, "RLIMIT_AS": 2**29, "RLIMIT_CPU": 30, "RLIMIT_CORE": 0}


class Bridge:
    """A bridge that runs here, and the judge's side of it."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "grader.worker.bridge", "--readable", "/"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdin
        assert self.process.stdout
        self.input = self.process.stdin
        self._multiplexer = Multiplexer(self.process.stdout, self.input)  # type: ignore[arg-type]
        self.control, theirs = socket_pair()
        self._multiplexer.attach(CONTROL, theirs)
        self._children = 0
        threading.Thread(target=self._multiplexer.run, daemon=True).start()
        assert receive(self.control) == "ready"

    def fork(self, *cells: str) -> socket.socket:
        """Starts a child and sends it its cells."""
        self._children += 1
        ours, theirs = socket_pair()
        self._multiplexer.attach(self._children, theirs)
        self._multiplexer.open(self._children)
        wire.send(self.control, wire.encode(LIMITS))
        assert receive(ours) == "ready"
        wire.send(ours, wire.encode(cells))
        return ours

    def end(self, command: bytes) -> Any:
        """Ends the child; returns how it ended."""
        self.control.sendall(command)
        return receive(self.control)

    def workers(self) -> list[int]:
        """Returns the ids of the processes that the bridge has started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text(encoding="ascii").split()]


@pytest.fixture
def bridge() -> Iterator[Bridge]:
    made = Bridge()
    yield made
    made.control.close()
    with contextlib.suppress(OSError):
        made.input.close()
    assert made.process.wait(20) in (0, -signal.SIGKILL)


def receive(connection: socket.socket) -> Any:
    return wire.decode(wire.receive(connection, time.monotonic() + 20))


def test_children_are_started_and_ended_one_after_another(bridge: Bridge) -> None:
    for number in range(5):
        with bridge.fork(f"def f(y): return {number} + y") as child:
            assert receive(child) == []
            wire.send(child, wire.encode({"op": "call", "name": "f", "args": (3,), "kwargs": {}}))
            assert receive(child) == {"result": number + 3}
        assert bridge.end(KILL)["exceeded"] == ""


def test_tens_of_megabytes_cross_both_ways(bridge: Bridge) -> None:
    large = np.random.default_rng(0).integers(0, 256, size=(4, 2**20))
    with bridge.fork("def f(x): return 255 - x") as child:
        assert receive(child) == []
        wire.send(child, wire.encode({"op": "call", "name": "f", "args": (large,), "kwargs": {}}))
        assert np.array_equal(receive(child)["result"], 255 - large)
    bridge.end(KILL)


def test_end_of_a_child_is_seen_and_told(bridge: Bridge) -> None:
    with bridge.fork("import os; os._exit(7)") as child, pytest.raises(EOFError):
        receive(child)
    assert bridge.end(REAP)["exit"] == 7


def test_child_that_takes_nothing_does_not_keep_the_judge_from_ending_it(bridge: Bridge) -> None:
    with bridge.fork("while True: pass") as child:
        with pytest.raises(TimeoutError):
            wire.send(child, bytes(2**25), time.monotonic() + 1)
        assert bridge.end(KILL)["killed"] is True


def test_flood_that_nobody_reads_does_not_keep_the_judge_from_ending_it(bridge: Bridge) -> None:
    flood = """
import os
while True:
    for descriptor in range(3, 64):
        try: os.write(descriptor, bytes(2 ** 20))
        except OSError: pass
"""
    with bridge.fork(flood):
        time.sleep(1)
        assert bridge.end(KILL)["killed"] is True
    with bridge.fork("pass") as child:
        assert receive(child) == []
    bridge.end(KILL)


def test_bridge_ends_with_its_worker(bridge: Bridge) -> None:
    (worker,) = bridge.workers()
    os.kill(worker, signal.SIGKILL)
    assert bridge.process.wait(20) == 0
    with pytest.raises(EOFError):
        receive(bridge.control)


def test_worker_ends_with_the_bridges_input(bridge: Bridge) -> None:
    (worker,) = bridge.workers()
    with bridge.fork("while True: pass"):
        bridge.input.close()
        assert bridge.process.wait(20) == 0
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)
