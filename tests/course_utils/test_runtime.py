import ast
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import course_utils
from course_utils.runtime import Course, profile

TRAIN_THREE_TIMES = """
from course_utils import start

print(start(chapter=5))
import keras

def losses():
    model = keras.Sequential([keras.layers.Conv2D(4, 3), keras.layers.Flatten(),
                              keras.layers.Dropout(0.5), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    images = keras.random.normal((32, 8, 8, 3))
    history = model.fit(images, images[:, 0, 0], epochs=2, verbose=0)
    return [float(value).hex() for value in history.history["loss"]]

first = losses()
start(chapter=5)
assert losses() == first
start(chapter=5, seed=7)
assert losses() != first
print(first)
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**{k: v for k, v in os.environ.items() if k != "COURSE_PROFILE"}, **environment},
        check=False,
    )


def test_start_says_what_can_be_shown() -> None:
    done = run("from course_utils import start; start(chapter=5)", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "? 5 ?" in done.stdout


def test_start_is_quiet_and_repeatable() -> None:
    done = run(TRAIN_THREE_TIMES)

    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert lines[0].startswith("第 5 章 · プロファイル quick")
    assert "2026" in lines[1]
    assert [name in lines[2] for name in ("Python", "NumPy", "Keras", "TensorFlow")] == [True] * 4
    assert lines[3] == "Course(chapter=5, profile='quick', seed=2026)"
    assert run(TRAIN_THREE_TIMES).stdout == done.stdout


def test_stderr_is_shown_when_the_preparation_fails() -> None:
    code = (
        "import os\nfrom course_utils import runtime\n"
        "with runtime._silent_stderr():\n    os.write(2, b'why it failed')\n    raise OSError('failed')"
    )

    assert "why it failed" in run(code).stderr


def test_import_of_the_package_is_light() -> None:
    done = run("import sys, course_utils\nprint({'numpy', 'keras', 'tensorflow', 'cv2'} & set(sys.modules))")

    assert done.stdout.strip() == "set()"


def test_no_module_imports_tensorflow_before_it_is_needed() -> None:
    modules = sorted(Path(course_utils.__file__).parent.glob("*.py"))
    imported = {
        alias
        for module in modules
        for statement in ast.parse(module.read_text(encoding="utf-8")).body
        for alias in imported_names(statement)
    }

    assert "keras" in imported
    assert not imported & {"tensorflow", "tensorflow_hub"}


def imported_names(statement: ast.stmt) -> set[str]:
    """Returns the top-level packages that a statement imports."""
    if isinstance(statement, ast.Import):
        return {alias.name.split(".")[0] for alias in statement.names}
    return {(statement.module or "").split(".")[0]} if isinstance(statement, ast.ImportFrom) else set()


@pytest.mark.parametrize(("value", "expected"), [(None, "quick"), ("", "quick"), ("full", "full")])
def test_profile(monkeypatch: pytest.MonkeyPatch, value: str | None, expected: str) -> None:
    monkeypatch.delenv("COURSE_PROFILE", raising=False)
    if value is not None:
        monkeypatch.setenv("COURSE_PROFILE", value)

    assert profile() == expected


def test_unknown_profile_is_one_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_PROFILE", "fast")

    with pytest.raises(ValueError, match=r"'fast' は使えません。quick か full .* set it to quick or full"):
        profile()


def test_course_cannot_be_changed() -> None:
    course = Course(chapter=5, profile="quick", seed=1)

    with pytest.raises(AttributeError):
        course.seed = 2  # type: ignore[misc]


def test_course_says_what_it_has_cost() -> None:
    course = Course(chapter=5, profile="quick", seed=1, started=time.perf_counter() - 61)

    assert re.fullmatch(r"ここまで 6[1-3] 秒 \(\d+ コア\)(、最大メモリ \d+\.\d GB)?", course.cost())
