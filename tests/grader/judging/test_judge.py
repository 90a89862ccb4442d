import dataclasses
import math
import os
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from grader import compare, messages
from grader.course.chapters import Chapter
from grader.exercise import Answer, Check, Exercise, Handle, Key, Status
from grader.judging.checks import Verdict, judge_exercise
from grader.judging.connection import Child, Starved
from grader.judging.judge import Judge
from grader.judging.results import ExerciseResult
from grader.learner.local import LocalAnswer
from grader.protocol.exchange import AnswerFault, Failure, changed_reason
from grader.sandbox.limits import Isolation, Limits
from grader.sandbox.staging import bubblewrap_available
from tests.grader.engine_course import code, keras_chapter, toy_chapter

RIGHT = "def double(x): return 2 * x"
IS_LINUX = sys.platform == "linux"

pytestmark = pytest.mark.skipif(not IS_LINUX, reason="the worker needs Linux")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Chapter:
    return toy_chapter(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module", params=["process", "bubblewrap"])
def judge(request: pytest.FixtureRequest, toy: Chapter) -> Iterator[Judge]:
    isolation: Isolation = request.param
    if isolation == "bubblewrap" and not bubblewrap_available():
        pytest.skip("bubblewrap does not work on this machine")
    with Judge(toy, isolation=isolation, limits=Limits(memory=512 * 2**20)) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    before = messages.language()
    messages.set_language("en")
    yield
    messages.set_language(before)


def grade(judge: Judge, *cells: str, exercise: str = "ch98.double") -> ExerciseResult:
    (result,) = judge.grade({exercise: code(*cells)}, {exercise})
    assert (result.score > 0) == (result.status is Status.PASSED)
    return result


def test_right_answer_passes_with_all_points(judge: Judge) -> None:
    result = grade(judge, RIGHT)
    assert (result.status, result.score, result.reason) == (Status.PASSED, 5, "")
    assert result.seconds > 0


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("def double(x): return 3 * x", Status.WRONG_VALUE),
        ("def double(x): return [x, x]", Status.WRONG_SHAPE),
        ("def double(x): return 'twice'", Status.WRONG_TYPE),
        ("def double(x): return set()", Status.WRONG_TYPE),
        ("def double(x): return 0.0 if isinstance(x, float) else 2 * x", Status.WRONG_VALUE),
        ("def double(x): raise NotImplementedError", Status.NOT_ATTEMPTED),
        ("double = None", Status.NOT_ATTEMPTED),
        ("pass", Status.NOT_ATTEMPTED),
        ("raise NotImplementedError", Status.NOT_ATTEMPTED),
        ("def double(x): return undefined_name", Status.RAISED),
        ("def double(): return 1", Status.RAISED),
        ("double = 3", Status.RAISED),
        ("def double(x) return 2 * x", Status.RAISED),
        ("import sys\ndef double(x): sys.exit(0)", Status.RAISED),
        ("def double(x): return 2 * x, 10 ** 400", Status.REFUSED),
        ("def double(x):\n y = []\n for _ in range(100): y = [y]\n return y", Status.REFUSED),
        ("def double(x):\n y = []\n y.append(y)\n return y", Status.REFUSED),
        ("import os\ndef double(x): os._exit(0)", Status.WORKER_DIED),
        ("import os\nos._exit(0)", Status.WORKER_DIED),
        ("import ctypes\ndef double(x): ctypes.string_at(1)", Status.WORKER_DIED),
        ("def double(x): raise KeyboardInterrupt", Status.WORKER_DIED),
        ("def double(x): return [0] * 10**9", Status.MEMORY_LIMIT),
        ("import numpy as np\ndouble = np.ones(10**9)", Status.MEMORY_LIMIT),
    ],
)
def test_every_outcome_has_its_name(judge: Judge, answer: str, status: Status) -> None:
    assert grade(judge, answer).status is status


@pytest.mark.parametrize("answer", ["def double(x):\n    while True: pass", "while True: pass"])
def test_endless_loop_meets_the_time_limit(judge: Judge, answer: str) -> None:
    result = grade(judge, answer, exercise="ch98.quick")
    assert result.status is Status.TIME_LIMIT
    assert "1.5 seconds" in result.reason
    assert result.seconds < 10


def test_value_is_judged(judge: Judge) -> None:
    assert grade(judge, "limit = 3", exercise="ch98.limit").status is Status.PASSED
    assert grade(judge, "limit = 4", exercise="ch98.limit").status is Status.WRONG_VALUE
    assert grade(judge, "limit = True", exercise="ch98.limit").status is Status.WRONG_TYPE


def test_reason_of_an_exception_names_error_line_and_source(judge: Judge) -> None:
    reason = grade(judge, "\n\ndef double(x):\n    return x + undefined_name\n").reason
    for part in ("NameError", "undefined_name", "line 4", "return x + undefined_name"):
        assert part in reason


def test_reason_is_one_printable_line(judge: Judge) -> None:
    reason = grade(judge, "def double(x): raise ValueError('a\\nb\\x1b[31m' + 'c' * 10**6)").reason
    assert reason.isprintable()
    assert len(reason) <= 600


def test_failing_cell_is_noted_and_does_not_stop_the_answer(judge: Judge) -> None:
    assert grade(judge, "1 / 0", RIGHT).status is Status.PASSED
    assert grade(judge, RIGHT + "\nprint(double(missing_image))").status is Status.PASSED


def test_failing_cell_is_blamed_where_the_answer_is_missing(judge: Judge) -> None:
    result = grade(judge, "def double(x): raise NotImplementedError", "import no_such_module\n" + RIGHT)
    assert result.status is Status.RAISED
    assert "no_such_module" in result.reason


def test_earlier_failure_is_told_beside_a_later_one(judge: Judge) -> None:
    reason = grade(judge, "factor = 1 / 0", "def double(x): return factor * x").reason
    assert "NameError" in reason
    assert "ZeroDivisionError" in reason


def test_lines_of_colab_leave_what_stands_below_them(judge: Judge) -> None:
    cell = """
        from google.colab import drive
        drive.mount("/content/drive")
        await __import__("asyncio").sleep(0)
        get_ipython().run_line_magic("cd", "/content")
        def double(x): return 2 * x
    """
    (result,) = judge.grade({"ch98.double": code(cell)}, ["ch98.double"])
    assert result.status is Status.PASSED


def test_cells_run_as_in_a_notebook(judge: Judge) -> None:
    cells = (
        "from grader import check, hint\nfrom grader.learner.notebook import score\ncheck('ch98.double')",
        "import matplotlib.pyplot as plt\nassert plt.get_backend().lower() == 'agg'",
        "display(1); print('noise' * 99); assert __name__ == '__main__'; shown = True",
        "class Doubler:\n    def __call__(self, x): return 2 * x",
        "import pickle\ndoubler = pickle.loads(pickle.dumps(Doubler()))",
        "import inspect\ndef twice(x): return doubler(x)\nassert 'doubler(x)' in inspect.getsource(twice)",
        "assert shown and plt\ndouble = twice",
    )
    result = grade(judge, *cells)
    assert (result.status, result.reason) == (Status.PASSED, "")


def test_exercises_do_not_share_a_process(judge: Judge) -> None:
    results = judge.grade(
        {"ch98.double": code(RIGHT), "ch98.silent": code("pass"), "ch98.limit": code("limit = 3")}
    )
    assert [(result.id, str(result.status)) for result in results] == [
        ("ch98.double", "passed"),
        ("ch98.quick", "not attempted"),
        ("ch98.limit", "passed"),
        ("ch98.broken", "not attempted"),
        ("ch98.silent", "not attempted"),
    ]


def test_faulty_check_is_a_grader_fault(judge: Judge) -> None:
    for exercise in ("ch98.broken", "ch98.silent"):
        result = grade(judge, RIGHT, exercise=exercise)
        assert result.status is Status.GRADER_FAULT
        assert "not held against you" in result.reason


def test_death_of_the_server_costs_only_its_exercise(judge: Judge) -> None:
    kill_server = (
        "import os, signal\ndef double(x):\n    os.kill(os.getppid(), signal.SIGKILL)\n    os._exit(1)"
    )
    results = judge.grade({"ch98.double": code(kill_server), "ch98.limit": code("limit = 3")})
    assert results[0].status in (Status.WORKER_DIED, Status.RAISED)
    assert results[2].status is Status.PASSED


HOSTILE = {
    "patches what a grader would use": """
        import numpy as np, numpy.testing, grader.compare, grader.protocol.wire, grader.worker.workspace
        for module in (np.testing, np, grader.compare, grader.protocol.wire, grader.worker.workspace):
            for name in dir(module):
                if name.startswith(("assert_", "expect", "allclose", "_hold", "Finding")):
                    setattr(module, name, lambda *args, **kwargs: True)
        def double(x): return 3 * x
    """,
    "equals everything": """
        class Equal(float):
            def __eq__(self, other): return True
            def __ne__(self, other): return False
            def __array__(self, *args, **kwargs): return 2 * self
            def __sub__(self, other): return 0.0
            __rsub__ = __sub__
            __hash__ = float.__hash__
        class Everything:
            def __eq__(self, other): return True
            @property
            def __class__(self): return float
        def double(x):
            return Everything() if isinstance(x, float) else [Equal(1.0), Equal(2.0), Equal(3.0)]
    """,
    "array subclass that lies": """
        import numpy as np
        class Lie(np.ndarray):
            def __array_ufunc__(self, *args, **kwargs): return True
            def astype(self, *args, **kwargs): return self
        def double(x): return np.zeros(np.shape(x)).view(Lie)
    """,
    "writes garbage to every descriptor": """
        import os
        def double(x):
            for descriptor in range(3, 64):
                try: os.write(descriptor, os.urandom(4096))
                except OSError: pass
            return 3 * x
    """,
    "claims a pass on every descriptor": """
        import os, struct
        from grader.protocol import wire
        def double(x):
            for claim in ({"status": "passed"}, {"result": True}, {"passed": True}, "passed", [], None):
                payload = wire.encode(claim)
                for descriptor in range(3, 64):
                    try: os.write(descriptor, struct.pack("!Q", len(payload)) + payload)
                    except OSError: pass
            return 3 * x
    """,
    "claims a pass while its cells run": """
        import os, struct
        from grader.protocol import wire
        for claim in ([], {"result": 0.0}, {"result": 0.0}):
            payload = wire.encode(claim)
            for descriptor in range(3, 64):
                try: os.write(descriptor, struct.pack("!Q", len(payload)) + payload)
                except OSError: pass
        def double(x): return 3 * x
    """,
    "announces a giant frame": """
        import os, struct
        def double(x):
            for descriptor in range(3, 64):
                try: os.write(descriptor, struct.pack("!Q", 2**63))
                except OSError: pass
            return 3 * x
    """,
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_answer_earns_nothing_and_harms_no_other(judge: Judge, attack: str) -> None:
    result = grade(judge, HOSTILE[attack])
    assert result.status in (
        Status.WRONG_VALUE,
        Status.WRONG_SHAPE,
        Status.WRONG_TYPE,
        Status.REFUSED,
        Status.WORKER_DIED,
        Status.RAISED,
    )
    assert grade(judge, RIGHT).status is Status.PASSED


def test_inputs_are_drawn_anew_and_differ_between_checks() -> None:
    drawn: list[float] = []

    def check(answer: Answer) -> None:
        drawn.append(float(answer.rng.normal()))
        compare.expect(True, "")

    exercise = _exercise(check)
    key = Key(reference="", hidden=check)
    for seed in (1, 1, 2, None, None):
        assert judge_exercise(LocalAnswer({}, seed=seed), exercise, key).status is Status.PASSED
    assert drawn[0:2] == drawn[2:4]
    assert len(set(drawn)) == len(drawn) - 2


def hidden_verdict(hidden: Check, sentences: Collection[str] = ()) -> Verdict:
    def visible(answer: Answer) -> None:
        compare.expect(True, "")

    answer = LocalAnswer({"leak": _raise_what_was_given}, seed=1)
    return judge_exercise(answer, _exercise(visible), Key(reference="", hidden=hidden), sentences)


def _raise_what_was_given(x: float) -> None:
    raise ValueError(f"the hidden input is {x}")


@pytest.mark.parametrize(
    "hidden",
    [
        lambda answer: compare.expect_close(1.0, 8125.0, "f(8125)"),
        lambda answer: compare.expect_equal(1, 8125, "f", known={f"{8125} is not it": 1}),
        lambda answer: compare.expect(False, f"the value {8125}"),
        lambda answer: compare.expect_shape([1.0], (8125,), "f(x)"),
        lambda answer: answer.call("leak", 8125.0),
    ],
)
def test_learner_is_told_nothing_of_a_hidden_input_but_the_instructor_is(hidden: Check) -> None:
    verdict = hidden_verdict(hidden)
    assert verdict.status is not Status.PASSED
    assert "8125" in verdict.detail
    assert "8125" not in verdict.reason + verdict.given + verdict.expected
    assert verdict.reason


def test_sentence_of_the_chapter_is_told_even_by_a_hidden_check() -> None:
    told = "Twice, not thrice."
    verdict = hidden_verdict(lambda answer: compare.expect(False, told), {told})
    assert verdict.reason == told


def test_what_was_given_and_expected_is_shown_of_a_visible_check() -> None:
    verdict = judge_exercise(
        LocalAnswer({}), _exercise(lambda answer: compare.expect_close([1, 2], [1, 3], "f"))
    )
    assert (verdict.check, verdict.given, verdict.expected) == ("visible", "[1., 2.]", "[1, 3]")


def test_hidden_check_must_compare_too() -> None:
    def visible(answer: Answer) -> None:
        compare.expect(True, "")

    def silent(answer: Answer) -> None:
        answer.rng.normal()

    verdict = judge_exercise(LocalAnswer({}), _exercise(visible), Key(reference="", hidden=silent))
    assert (verdict.status, verdict.check) == (Status.GRADER_FAULT, "hidden")


def test_finding_cannot_have_the_status_of_a_pass() -> None:
    def check(answer: Answer) -> None:
        compare.expect(False, "", Status.PASSED)

    assert judge_exercise(LocalAnswer({}), _exercise(check)).status is Status.GRADER_FAULT


def test_worker_that_does_not_start_is_a_grader_fault(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chapter = toy_chapter(tmp_path)
    (chapter.folder / "probes.py").write_text("raise ValueError('broken probes')", encoding="utf-8")
    with Judge(chapter, isolation="process") as judge:
        result = grade(judge, RIGHT)
    assert result.status is Status.GRADER_FAULT
    assert "broken probes" in caplog.text


def test_keras_answers_are_judged_by_behaviour(tmp_path: Path) -> None:
    head = """
        import keras
        def head(features):
            return keras.Sequential([keras.Input((features,)), keras.layers.Dense({units})])
    """
    graph = """
        import tensorflow as tf
        @tf.function
        def collatz_steps(number):
            steps = tf.constant(0)
            number = tf.constant(number)
            while number != 1:
                number = tf.where(number % 2 == 0, number // 2, 3 * number + 1)
                steps += 1
            return steps
    """
    isolation: Isolation = "bubblewrap" if bubblewrap_available() else "process"
    with Judge(keras_chapter(tmp_path), isolation=isolation, seed=3) as judge:
        right = judge.grade({"ch97.head": code(head.replace("{units}", "2")), "ch97.graph": code(graph)})
        wrong = judge.grade({"ch97.head": code(head.replace("{units}", "3"))}, {"ch97.head"})
    assert [(result.status, result.reason) for result in right] == [(Status.PASSED, "")] * 2
    assert wrong[0].status is Status.WRONG_VALUE


def test_judging_imports_neither_tensorflow_nor_what_windows_lacks() -> None:
    script = """if True:
        import sys
        sys.modules |= dict.fromkeys(("resource", "fcntl", "pwd"))
        import grader.judging.judge, grader.learner.local, grader.exercise, grader.compare
        print(*sys.modules)
    """
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "grader.judging.judge" in loaded
    assert not {"tensorflow", "keras", "h5py", "IPython"} & set(loaded)


def _exercise(check: Check) -> Exercise:
    return Exercise(id="ch98.x", title="", points=1, symbols=(), template="", check=check)


def test_arguments_are_copies() -> None:
    def check(answer: Answer) -> None:
        x = np.ones(3)
        compare.expect_close(answer.call("spoil", x), [0, 0, 0], "spoil(x)")
        compare.expect_close(x, [1, 1, 1], "x")

    def spoil(x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        x[:] = 0
        return x

    verdict = judge_exercise(LocalAnswer({"spoil": spoil}), _exercise(check))
    assert verdict.status is Status.WRONG_VALUE
    assert verdict.reason == changed_reason("1")


def _doubled(x: Any) -> Any:
    return 2 * x


def _sorted_in_place(values: Any) -> Any:
    values.sort()
    return values[0]


def _added_to(table: Any) -> Any:
    table["new"] = 1
    return len(table) - 1


def _nested(pair: Any) -> Any:
    pair[0][1][0, 0] += 1
    return 0


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "changed"),
    [
        (_doubled, (np.ones(2),), {}, ""),
        (_sorted_in_place, ([3, 1],), {}, "1"),
        (_sorted_in_place, ([1, 3],), {}, ""),
        (_sorted_in_place, (np.array([3.0, np.nan]),), {}, ""),
        (_sorted_in_place, ([3.0, math.nan],), {}, ""),
        (_added_to, (), {"table": {"old": 1}}, "table"),
        (_nested, (([1, np.eye(2)],),), {}, "1"),
        (lambda x, y: y.fill(2), (1, np.ones(1)), {}, "2"),
        (lambda x: x.clear(), ({1: 2},), {}, "1"),
        (lambda x: setattr(x, "shape", (1, 4)), (np.ones((2, 2)),), {}, "1"),
        (lambda model: model.update(fitted=True), (Handle(0),), {}, ""),
    ],
)
@pytest.mark.parametrize("hidden", [False, True])
def test_argument_changed_in_place_is_told(
    function: Any, args: Any, kwargs: Any, changed: str, hidden: bool
) -> None:
    def use(answer: Answer) -> None:
        given = [answer.call("model") if isinstance(each, Handle) else each for each in args]
        answer.call("f", *given, **kwargs)
        compare.expect(True, "")

    def look(_answer: Answer) -> None:
        compare.expect(True, "")

    answer = LocalAnswer({"f": function, "model": Fitted})
    exercise, key = _exercise(look if hidden else use), Key(reference="", hidden=use)
    verdict = judge_exercise(answer, exercise, key if hidden else None)
    assert (verdict.status is Status.PASSED) == (not changed)
    assert verdict.reason == (changed_reason(changed) if changed else "")


class Fitted:
    """Stays behind a handle, and may change."""

    def update(self, *, fitted: bool) -> None:
        self.fitted = fitted


def test_input_that_the_answer_leaves_out_is_no_missing_answer_in_the_hidden_check() -> None:
    def only_positive(x: float) -> float:
        if x < 0:
            raise NotImplementedError
        return 2 * x

    def check(x: float) -> Check:
        return lambda answer: compare.expect_close(answer.call("double", x), 2 * x, "double(x)")

    answer = LocalAnswer({"double": only_positive})
    verdict = judge_exercise(answer, _exercise(check(1.0)), Key(reference="", hidden=check(-1.0)))
    assert (verdict.status, verdict.check) == (Status.RAISED, "hidden")
    assert "表示していない入力" in verdict.reason or "not shown" in verdict.reason
    assert judge_exercise(answer, _exercise(check(-1.0))).status is Status.NOT_ATTEMPTED


def test_argument_may_change_where_the_exercise_says_so() -> None:
    def check(answer: Answer) -> None:
        compare.expect_equal(answer.call("f", [2, 1]), 1, "f")

    exercise = dataclasses.replace(_exercise(check), may_change_arguments=True)
    assert judge_exercise(LocalAnswer({"f": _sorted_in_place}), exercise).status is Status.PASSED


def test_known_mistake_comes_before_a_changed_argument() -> None:
    def check(answer: Answer) -> None:
        compare.expect_equal(answer.call("f", [2, 1]), [1, 2], "f", known={"逆順です。": [2, 1]})

    verdict = judge_exercise(LocalAnswer({"f": lambda x: x.sort(reverse=True) or x}), _exercise(check))
    assert verdict.reason == "逆順です。"


def test_folders_of_killed_graders_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ended = subprocess.Popen(["true"])
    ended.wait()
    for name in (f"grader-{ended.pid}-abc", f"grader-{os.getpid()}-abc", "grader-x-abc", "other-1-abc"):
        (tmp_path / name / "course").mkdir(parents=True)
    with Judge(toy_chapter(tmp_path / "course"), isolation="process"):
        left = {path.name for path in tmp_path.iterdir()}
    assert f"grader-{ended.pid}-abc" not in left
    assert {f"grader-{os.getpid()}-abc", "grader-x-abc", "other-1-abc"} <= left


def test_answer_that_kills_itself_again_and_again_costs_its_exercise_only(tmp_path: Path) -> None:
    kill = "import os\ndef double(x): os.kill(os.getpid(), 9)"
    with Judge(toy_chapter(tmp_path / "course"), isolation="process") as judge:
        results = judge.grade({"ch98.double": code(kill), "ch98.limit": code("limit = 3")})
    assert results[0].status is Status.MEMORY_LIMIT
    assert results[2].status is Status.PASSED


def starved_times(times: int, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Lets the process of an exercise find no processor so often; returns who was alone, call by call."""
    alone = list[bool]()
    starved = iter([True] * times)
    run = Child.run

    def run_or_starve(child: Child, cells: tuple[str, ...]) -> list[tuple[int, Failure]]:
        if next(starved, False):
            raise Starved(AnswerFault(Status.TIME_LIMIT, "late"))
        return run(child, cells)

    def judge_alone(judge: Judge, *arguments: Any) -> Verdict:
        alone.append(judge._machine._alone.locked() and not judge._machine._users)
        return original(judge, *arguments)

    original = Judge._judge_alone
    monkeypatch.setattr(Child, "run", run_or_starve)
    monkeypatch.setattr(Judge, "_judge_alone", judge_alone)
    return alone


def test_who_found_no_processor_is_judged_again_alone(judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = starved_times(1, monkeypatch)
    assert grade(judge, RIGHT).status is Status.PASSED
    assert (alone, judge.starved) == ([True], False)


def test_who_found_no_processor_alone_either_gets_a_verdict_that_does_not_stay(
    judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = starved_times(2, monkeypatch)
    result = grade(judge, RIGHT)
    assert (result.status, result.reason, alone, judge.starved) == (Status.TIME_LIMIT, "late", [True], True)
    assert grade(judge, RIGHT).status is Status.PASSED
    assert not judge.starved
