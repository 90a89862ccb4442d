import threading

import pytest

from grader.judging.machine import Machine

PATIENCE = 30.0
"""Seconds after which a test that hangs has failed; none waits for so long."""


def test_many_share_it() -> None:
    machine = Machine()
    together = threading.Barrier(3, timeout=PATIENCE)

    def use() -> None:
        with machine.shared():
            together.wait()

    threads = [threading.Thread(target=use) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert not together.broken


def test_one_is_alone_and_comes_before_whoever_asks_later() -> None:
    machine = Machine()
    order = list[str]()
    first_is_in, first_may_go, one_waits = threading.Event(), threading.Event(), threading.Event()

    def first() -> None:
        with machine.shared():
            first_is_in.set()
            first_may_go.wait(PATIENCE)
            order.append("first")

    def one() -> None:
        first_is_in.wait(PATIENCE)
        one_waits.set()
        with machine.alone():
            order.append("alone")

    def later() -> None:
        one_waits.wait(PATIENCE)
        while not machine._alone.locked():
            pass
        first_may_go.set()
        with machine.shared():
            order.append("later")

    threads = [threading.Thread(target=each) for each in (first, one, later)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)

    assert order == ["first", "alone", "later"]


@pytest.mark.parametrize("way", ["shared", "alone"])
def test_it_is_free_again_after_an_error(way: str) -> None:
    machine = Machine()
    with pytest.raises(ValueError, match="mine"), getattr(machine, way)():
        raise ValueError("mine")

    with machine.alone():
        assert machine._users == 0
