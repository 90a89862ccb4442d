"""The first process of a container: starts the worker, and carries its sockets over the standard streams.

A container inherits no socket from the judge and can be handed none, so its command line runs this module
with the worker's arguments, and it and :mod:`grader.sandbox.container` pass bytes to each other as
:mod:`grader.protocol.multiplex` says. The bridge ends with its standard input, that is, when the judge or the
engine's client is gone, or with the worker; the container ends with the bridge.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import threading

from grader.protocol.exchange import FORK
from grader.protocol.multiplex import CONTROL, Multiplexer

_END_SECONDS = 5.0


def main() -> None:
    """Serves one judge until it is gone."""
    control, theirs = socket.socketpair()
    command = [sys.executable, "-P", "-m", "grader.worker.server", "--connection", str(theirs.fileno())]
    with theirs:
        worker = subprocess.Popen(
            [*command, *sys.argv[1:]],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    threading.Thread(target=_end_with, args=(worker,), daemon=True).start()
    multiplexer = Multiplexer(sys.stdin.buffer, sys.stdout.buffer)
    multiplexer.attach(CONTROL, control)

    def fork(number: int) -> None:
        """Hands the worker a socket for a child; the child's limits follow on the control channel."""
        ours, theirs = socket.socketpair()
        with theirs, contextlib.suppress(OSError):
            socket.send_fds(control, [FORK], [theirs.fileno()])
        multiplexer.attach(number, ours)

    multiplexer.run(fork)
    with contextlib.suppress(subprocess.TimeoutExpired):
        worker.wait(_END_SECONDS)
    worker.kill()
    os._exit(0)


def _end_with(worker: subprocess.Popen[bytes]) -> None:
    worker.wait()
    os._exit(0)


if __name__ == "__main__":
    main()
