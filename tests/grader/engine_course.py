"""Courses of one chapter for the engine's tests, written into a test's own folder."""

from __future__ import annotations

import textwrap
from pathlib import Path

from grader.course.chapters import Chapter, load_chapter
from grader.reading.submission import AnswerCode

EXERCISES = """
import numpy as np

from grader.compare import expect, expect_close, expect_equal
from grader.exercise import Exercise


def check_double(answer):
    x = answer.rng.normal(size=3)
    expect_close(answer.call("double", x), 2 * x, "double(x)")


def check_limit(answer):
    expect_equal(answer.value("limit"), 3, "limit")


def check_broken(answer):
    raise ZeroDivisionError


def check_silent(answer):
    answer.call("double", 1.0)


def exercise(name, symbol, check, time_limit=20.0):
    return Exercise(
        id=f"ch98.{name}",
        title=name,
        points=5,
        symbols=(symbol,),
        template="",
        check=check,
        time_limit=time_limit,
    )


EXERCISES = [
    exercise("double", "double", check_double),
    exercise("quick", "double", check_double, time_limit=1.5),
    exercise("limit", "limit", check_limit),
    exercise("broken", "double", check_broken),
    exercise("silent", "double", check_silent),
]
"""

ANSWERS = """
from grader.compare import expect_close
from grader.exercise import Key


def hidden_double(answer):
    expect_close(answer.call("double", -7.0), -14.0, "double(-7)", show=False)


ANSWERS = {
    "ch98.double": Key(reference="SECRET_REFERENCE", hidden=hidden_double),
    "ch98.quick": Key(reference=""),
    "ch98.limit": Key(reference=""),
    "ch98.broken": Key(reference=""),
    "ch98.silent": Key(reference=""),
}
"""

KERAS_EXERCISES = """
import numpy as np

from grader.compare import expect, expect_close, expect_equal, expect_model
from grader.exercise import Exercise


def check_head(answer):
    model = expect_model(answer.call("head", 4), "head(4)")
    kernel = answer.rng.normal(size=(4, 2)).astype("float32")
    bias = answer.rng.normal(size=2).astype("float32")
    expect_equal(answer.probe("parameter_counts", model), {"total": 10, "trainable": 10}, "parameters")
    expect_equal(answer.probe("output_shape", model), (None, 2), "output shape")
    expect_equal(answer.probe("trainable_flags", model), [True], "trainable")
    answer.probe("set_weights", model, [kernel, bias])
    x = answer.rng.normal(size=(5, 4)).astype("float32")
    expect_close(answer.probe("predict", model, x), x @ kernel + bias, "head(4)(x)")
    answer.probe("compile", model, "sgd", 0.1, "mean_squared_error")
    y = answer.rng.normal(size=(5, 2)).astype("float32")
    answer.probe("train_steps", model, x, y, 1, 5)
    error = x @ kernel + bias - y
    expect_close(answer.probe("weights", model)[1], bias - 0.1 * error.mean(axis=0), "bias after a step")
    expect_equal(answer.probe("layers_of", model), 1, "layers")
    expect(answer.probe("trainable_weights", model)[0].shape == (4, 2), "shape of the kernel")


def check_graph(answer):
    expect_close(answer.call("collatz_steps", 6), 8, "collatz_steps(6)")


def exercise(name, symbol, check):
    return Exercise(
        id=f"ch97.{name}", title=name, points=4, symbols=(symbol,), template="", check=check, time_limit=120.0
    )


EXERCISES = [exercise("head", "head", check_head), exercise("graph", "collatz_steps", check_graph)]
"""

KERAS_PROBES = """
import keras


def layers_of(model):
    assert isinstance(model, keras.Model)
    return len(model.layers)
"""


def toy_chapter(root: Path) -> Chapter:
    """Writes a chapter that needs neither probes nor TensorFlow."""
    return _write(root, "ch98_toy", {"exercises.py": EXERCISES, "answers.py": ANSWERS})


def keras_chapter(root: Path) -> Chapter:
    """Writes a chapter whose answers are Keras models and ``tf.function``."""
    return _write(root, "ch97_keras", {"exercises.py": KERAS_EXERCISES, "probes.py": KERAS_PROBES})


def code(*cells: str) -> AnswerCode:
    """Returns an attempted answer of some cells, written with any indentation."""
    return AnswerCode(tuple(textwrap.dedent(cell) for cell in cells), attempted=True)


def _write(root: Path, name: str, files: dict[str, str]) -> Chapter:
    folder = root / "chapters" / name
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
    return load_chapter(name, root)
