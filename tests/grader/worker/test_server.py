import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grader.protocol import wire
from grader.protocol.exchange import FORK, KILL, REAP

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the worker needs Linux")

CHILD_USER = 2_000_000 + 2 * os.getpid()
LIMITS = {"memory": 2**29, "cpu": 20, "RLIMIT_AS": 2**29, "RLIMIT_CPU": 30, "RLIMIT_CORE": 0}


@contextlib.contextmanager
def serving(home: Path, *options: str) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    ours, theirs = socket.socketpair()
    command = [
        sys.executable,
        "-m",
        "grader.worker.server",
        "--connection",
        str(theirs.fileno()),
        "--readable",
        "/",
    ]
    with theirs:
        process = subprocess.Popen(
            [*command, *options], pass_fds=[theirs.fileno()], env={**os.environ, "HOME": str(home)}
        )
    with ours:
        assert receive(ours) == "ready"
        yield process, ours
    assert process.wait(20) == 0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket]]:
    with serving(tmp_path) as served:
        yield served


def receive(connection: socket.socket) -> Any:
    return wire.decode(wire.receive(connection, time.monotonic() + 20))


def fork(control: socket.socket, *cells: str) -> socket.socket:
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(control, [FORK], [theirs.fileno()])
        wire.send(control, wire.encode(LIMITS))
    assert receive(ours) == "ready"
    wire.send(ours, wire.encode([[cell] for cell in cells]))
    return ours


def end(control: socket.socket, command: bytes) -> Any:
    control.sendall(command)
    return receive(control)


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_child_runs_cells_then_answers(server: tuple[subprocess.Popen[bytes], socket.socket]) -> None:
    _process, control = server
    with fork(control, "x = 20", "1 / 0", "def f(y): return x + y") as child:
        ((number, failure),) = receive(child)
        assert (number, failure["error"]) == (1, "ZeroDivisionError")
        wire.send(child, wire.encode({"op": "call", "name": "f", "args": (3,), "kwargs": {}}))
        assert receive(child) == {"result": 23}
        ending = end(control, KILL)
        assert (ending["killed"], ending["exit"], ending["exceeded"]) == (True, -9, "")


@pytest.mark.parametrize(
    ("cell", "code"), [("import os; os._exit(7)", 7), ("import os; os.kill(os.getpid(), 11)", -11)]
)
def test_how_a_child_ended_is_told(
    server: tuple[subprocess.Popen[bytes], socket.socket], cell: str, code: int
) -> None:
    _process, control = server
    with fork(control, cell) as child:
        with pytest.raises(EOFError):
            receive(child)
        ending = end(control, REAP)
        assert (ending["killed"], ending["exit"], ending["exceeded"]) == (False, code, "")


def test_children_inherit_nothing_from_one_another(
    server: tuple[subprocess.Popen[bytes], socket.socket],
) -> None:
    _process, control = server
    with fork(control, "import math; math.pi = 3; leftover = 1") as child:
        assert receive(child) == []
    end(control, REAP)
    with fork(control, "import math; found = (math.pi > 3, 'leftover' in globals())") as child:
        assert receive(child) == []
        wire.send(child, wire.encode({"op": "value", "name": "found", "args": (), "kwargs": {}}))
        assert receive(child) == {"result": (True, False)}
        end(control, KILL)


def test_limits_hold_in_the_child(server: tuple[subprocess.Popen[bytes], socket.socket]) -> None:
    _process, control = server
    with fork(control, "too_much = bytearray(2**30)") as child:
        ((_number, failure),) = receive(child)
        assert failure["limit"] == "memory"
        end(control, KILL)


@pytest.mark.parametrize("command", [KILL, b""], ids=["killed", "judge gone"])
def test_nothing_of_a_child_is_left(
    server: tuple[subprocess.Popen[bytes], socket.socket], tmp_path: Path, command: bytes
) -> None:
    loop = """
import os
child = os.fork()
if child == 0: os.setsid()
with open("pids", "a") as file: print(os.getpid(), file=file, flush=True)
while True: pass
"""
    _process, control = server

    def noted() -> list[int]:
        return [int(pid) for file in tmp_path.glob("children/*/pids") for pid in file.read_text().split()]

    with fork(control, loop):
        assert eventually(lambda: len(noted()) == 2)
        pids = noted()
        assert all(is_running(pid) for pid in pids)
        if command:
            end(control, command)
        else:
            control.close()
        assert eventually(lambda: not any(is_running(pid) for pid in pids))


@pytest.mark.skipif(os.getuid() != 0, reason="only root may start children as another user")
def test_children_of_a_user_of_their_own_cannot_touch_the_server_and_leave_nothing(tmp_path: Path) -> None:
    home = Path(tempfile.mkdtemp(dir="/tmp"))
    home.chmod(0o755)
    mischief = """
import os, signal
pids = []
pid = os.fork()
if pid == 0:
    os.setsid()
    while True: signal.pause()
open("left", "w").write(str(pid))
open("/dev/shm/left-%d" % os.getpid(), "w").close()
refused = []
for target in (os.getppid(), 1):
    try: os.kill(target, signal.SIGKILL)
    except PermissionError: refused.append(target == 1)
open("/proc/self/environ", "rb").read(1)
ids = os.getresuid(), os.getresgid(), os.getgroups(), os.getcwd()
"""
    with serving(home, "--child-user", str(CHILD_USER)) as (_process, control):
        with fork(control, mischief) as child:
            assert receive(child) == []
            left = int((home / "left").read_text())
            assert is_running(left)
            found = []
            for name in ("refused", "ids"):
                wire.send(child, wire.encode({"op": "value", "name": name, "args": (), "kwargs": {}}))
                found.append(receive(child)["result"])
        end(control, KILL)
        assert found == [[False, True], ((CHILD_USER,) * 3, (CHILD_USER,) * 3, [], str(home))]
        assert not is_running(left)
        assert not [*home.iterdir(), *Path("/dev/shm").glob("left-*")]
        with fork(control, "import os\nif os.fork():\n    os._exit(3)\nwhile True: pass") as child:
            with pytest.raises(EOFError):
                receive(child)
            assert end(control, REAP)["exit"] == 3
    home.rmdir()


def test_worker_module_needs_no_learner_facing_imports() -> None:
    script = "import sys, grader.worker.server; print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment
    ).stdout.split()
    assert not {"keras", "grader.judging", "grader.course", "grader.learner"} & set(loaded)
