import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from grader.exercise import Handle, Status
from grader.judging.checks import judge_exercise
from grader.judging.judge import Judge
from grader.learner.local import LocalAnswer
from tests.grader.engine_course import code, toy_chapter

ANSWERS = {
    "def double(x): return 2 * x": Status.PASSED,
    "def double(x): return 3 * x": Status.WRONG_VALUE,
    "def double(x): return [x, x]": Status.WRONG_SHAPE,
    "def double(x): return print": Status.WRONG_TYPE,
    "def double(x): return undefined_name": Status.RAISED,
    "def double(x): raise SystemExit": Status.RAISED,
    "def double(x): raise MemoryError": Status.MEMORY_LIMIT,
    "def double(x): return 10 ** 400": Status.REFUSED,
    "def double(x): raise NotImplementedError": Status.NOT_ATTEMPTED,
    "double = None": Status.NOT_ATTEMPTED,
    "pass": Status.NOT_ATTEMPTED,
}


@pytest.mark.skipif(sys.platform != "linux", reason="the worker needs Linux")
def test_notebook_and_worker_come_to_the_same_verdict(tmp_path: Any) -> None:
    chapter = toy_chapter(tmp_path)
    exercise, key = chapter.exercises["ch98.double"], chapter.key("ch98.double")
    with Judge(chapter, isolation="process", seed=5) as judge:
        for source, status in ANSWERS.items():
            namespace: dict[str, Any] = {}
            exec(compile(source, "<answer cell 0>", "exec"), namespace)
            here = judge_exercise(LocalAnswer(namespace, seed=5), exercise, key)
            (there,) = judge.grade({exercise.id: code(source)}, {exercise.id})
            assert here.status is status, source
            if status is Status.RAISED:
                assert there.status is status
            else:
                assert (there.status, there.reason) == (here.status, here.reason), source


def test_chapter_probes_come_first() -> None:
    probes = ModuleType("probes")
    probes.__dict__["predict"] = lambda model, x: x + 1
    assert LocalAnswer({}, [probes]).probe("predict", None, 1) == 2


def test_result_is_plain_data_and_objects_stay() -> None:
    answer = LocalAnswer({"f": lambda: (np.float32(1), object()), "g": lambda thing: type(thing).__name__})
    number, thing = answer.call("f")
    assert number == 1.0
    assert isinstance(thing, Handle)
    assert answer.call("g", thing) == "object"


def test_interruption_by_the_learner_is_not_swallowed() -> None:
    def wait() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LocalAnswer({"wait": wait}).call("wait")
