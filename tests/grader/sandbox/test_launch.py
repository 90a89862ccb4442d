import os
import sys
import time
from pathlib import Path

import pytest

from grader.protocol import wire
from grader.protocol.exchange import KILL
from grader.sandbox import container
from grader.sandbox.container import ContainerWorker
from grader.sandbox.launch import LocalWorker, Worker, launch
from grader.sandbox.limits import Isolation, Limits
from grader.sandbox.staging import Sandbox
from tests.grader.engine_course import toy_chapter
from tests.grader.fake_engine import write_engine

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the worker needs Linux")

LIMITS = Limits(memory=2**29)


@pytest.fixture(params=[("process", LocalWorker), ("docker", ContainerWorker)], ids=lambda kind: kind[0])
def worker(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """A worker that has been launched, of either kind."""
    isolation: Isolation
    isolation, kind = request.param
    container.problem.cache_clear()
    write_engine(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "scratch").mkdir()
    box = Sandbox.stage(isolation, toy_chapter(tmp_path / "course").folder, tmp_path / "scratch")
    launched = launch(box, ["--preload", "no_such_module"], LIMITS)
    assert isinstance(launched, kind)
    return launched


def ready(worker: Worker) -> bool:
    return wire.decode(wire.receive(worker.control, time.monotonic() + 60)) == "ready"


def test_worker_serves_children_over_the_sockets_that_it_gives(worker: Worker) -> None:
    assert ready(worker)
    for _child in range(2):
        with worker.open_child() as child:
            limits = LIMITS.of_exercise("process", 10)
            wire.send(worker.control, wire.encode(limits))
            assert wire.decode(wire.receive(child, time.monotonic() + 60)) == "ready"
        worker.control.sendall(KILL)
        assert wire.decode(wire.receive(worker.control, time.monotonic() + 60))["exceeded"] == ""
    worker.stop()
    assert worker.control.fileno() == -1


def test_last_words_of_a_worker_can_be_read(worker: Worker) -> None:
    assert ready(worker)
    worker.control.sendall(b"?")
    with pytest.raises((EOFError, ConnectionError)):
        wire.receive(worker.control, time.monotonic() + 60)
    assert worker.said() == ""
    worker.stop()
