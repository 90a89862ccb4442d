"""The assignments of the benchmarks, as other graders want them.

Points, templates and reference answers are those of the courses that this project's grader grades. Only the
tests are written a second time, as plain assertions for the learner's own kernel, with the same inputs and
tolerances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from grader.course.chapters import load_chapters

HERE = Path(__file__).resolve().parent
SMALL_COURSE = HERE / "course"
TARGET_COURSE = HERE.parent / "tests" / "attacks" / "target"


@dataclass(frozen=True)
class Tests:
    """The tests of one question as code: the first that fails ends it."""

    visible: str
    hidden: str


@dataclass(frozen=True)
class Question:
    """One question of an assignment.

    Attributes:
        id: As in this project's course, such as ``ch91.small_network``.
        points: For an answer that passes all tests; none otherwise.
        template: What the learner starts from.
        reference: A right answer.
        mistake: A wrong one.
        tests: Its tests.
    """

    id: str
    points: int
    template: str
    reference: str
    mistake: str
    tests: Tests

    @property
    def name(self) -> str:
        """The id without the chapter, such as ``small_network``."""
        return self.id.partition(".")[2]


@dataclass(frozen=True)
class Assignment:
    """Questions about one course.

    Attributes:
        course: Folder with the course's ``chapters``, as this project's grader wants it.
        name: Name of the assignment.
        setup: Code that the notebook begins with.
        questions: Its questions.
    """

    course: Path
    name: str
    setup: str
    questions: tuple[Question, ...]


SMALL_NETWORK_TESTS = Tests(
    visible="""\
model = small_network(3, 2, 1)
assert model.count_params() == 11
kernel = np.array([[1.0, -1.0], [0.5, 0.0], [0.0, 2.0]])
model.set_weights([kernel, np.array([0.0, -1.0]), np.array([[2.0], [3.0]]), np.array([0.5])])
output = model(np.array([[1.0, 2.0, 0.0], [0.0, -4.0, 1.5]])).numpy()
np.testing.assert_allclose(output, [[4.5], [6.5]], rtol=1e-4, atol=1e-5)
""",
    hidden="""\
rng = np.random.default_rng()
features, hidden, outputs = (int(size) for size in rng.integers(2, 9, 3))
model = small_network(features, hidden, outputs)
first, second = rng.normal(size=(features, hidden)), rng.normal(size=(hidden, outputs))
bias, offset = rng.normal(size=hidden), rng.normal(size=outputs)
model.set_weights([first, bias, second, offset])
x = rng.normal(size=(6, features))
right = np.maximum(x @ first + bias, 0) @ second + offset
np.testing.assert_allclose(model(x).numpy(), right, rtol=1e-3, atol=1e-3)
""",
)

TARGET_TESTS = {
    "ch90.standardise": Tests(
        visible="""\
given = np.array([[1.0, 10.0], [3.0, 10.5], [5.0, 12.5]])
right = [[-1.22474487, -0.9258201], [0.0, -0.46291005], [1.22474487, 1.38873015]]
np.testing.assert_allclose(standardise(given), right, rtol=1e-4, atol=1e-5)
""",
        hidden="""\
for rows, columns in ((5, 3), (40, 1)):
    x = np.random.default_rng().normal(3, 2, (rows, columns))
    np.testing.assert_allclose(standardise(x), (x - x.mean(0)) / x.std(0), rtol=1e-4, atol=1e-4)
""",
    ),
    "ch90.collatz_steps": Tests(
        visible="""\
assert collatz_steps(1) == 0
assert collatz_steps(6) == 8
assert collatz_steps(27) == 111
""",
        hidden="""\
for number in np.random.default_rng().integers(2, 10_000, 5).tolist():
    n, steps = number, 0
    while n != 1:
        n, steps = (n // 2 if n % 2 == 0 else 3 * n + 1), steps + 1
    assert collatz_steps(number) == steps
""",
    ),
    "ch90.build_head": Tests(
        visible="""\
model = build_head(3, 2)
assert model.count_params() == 8
model.set_weights([np.ones((3, 2)), np.array([0.5, -7.5])])
output = model(np.array([[1.0, 2.0, 4.0]])).numpy()
np.testing.assert_allclose(output, [[7.5, 0.0]], rtol=1e-4, atol=1e-5)
""",
        hidden="""\
rng = np.random.default_rng()
features, units = (int(n) for n in rng.integers(2, 9, 2))
model = build_head(features, units)
kernel, bias = rng.normal(0, 1, (features, units)), rng.normal(0, 1, units)
model.set_weights([kernel, bias])
x = rng.normal(0, 1, (6, features))
right = np.maximum(x @ kernel + bias, 0)
np.testing.assert_allclose(model(x).numpy(), right, rtol=1e-3, atol=1e-3)
""",
    ),
}

_STYLES = (
    '''\
def small_network(features, hidden, outputs):
    """学生番号 {n:05d}"""
    inputs_{n} = keras.Input((features,))
    x{n} = keras.layers.Dense(hidden, activation="relu", name="hidden_{n}")(inputs_{n})
    return keras.Model(inputs_{n}, keras.layers.Dense(outputs)(x{n}))
''',
    """\
def small_network(features, hidden, outputs):
    network_{n} = keras.Sequential(name="network_{n}")
    network_{n}.add(keras.Input((features,)))
    network_{n}.add(keras.layers.Dense(hidden, activation="relu"))
    network_{n}.add(keras.layers.Dense(outputs))
    return network_{n}
""",
    """\
from keras import layers

def small_network(features, hidden, outputs):
    stack_{n} = [layers.Dense(hidden), layers.ReLU(), layers.Dense(outputs)]  # {n}
    return keras.Sequential([keras.Input((features,)), *stack_{n}])
""",
    """\
import tensorflow as tf

SIZE_{n} = {n}

def small_network(features, hidden, outputs):
    entry = tf.keras.Input((features,), name="entry_{n}")
    inner = tf.keras.layers.Dense(hidden, activation=tf.nn.relu)(entry)
    return tf.keras.Model(entry, tf.keras.layers.Dense(outputs)(inner), name="student_{n}")
""",
)
_MISTAKEN = """\
def small_network(features, hidden, outputs):
    inputs_{n} = keras.Input((features,))
    x{n} = keras.layers.Dense(hidden)(inputs_{n})
    return keras.Model(inputs_{n}, keras.layers.Dense(outputs)(x{n}))
"""


def small_network() -> Assignment:
    """Returns the assignment whose grading is timed."""
    setup = "import keras\nimport numpy as np\n"
    return _assignment(SMALL_COURSE, "small_network", setup, {"ch91.small_network": SMALL_NETWORK_TESTS})


def target() -> Assignment:
    """Returns the assignment that the attacks aim at."""
    return _assignment(TARGET_COURSE, "target", "import numpy as np\n", TARGET_TESTS)


def is_right(number: int) -> bool:
    """Tells whether an answer of :func:`distinct_answer` is right: nine in ten are."""
    return number % 10 != 9


def distinct_answer(number: int) -> str:
    """Returns one learner's answer to ``ch91.small_network``; no two have the same text.

    Args:
        number: Number of the learner, from 0.

    Returns:
        Its code.
    """
    style = _STYLES[number % len(_STYLES)] if is_right(number) else _MISTAKEN
    return style.format(n=number)


def _assignment(course: Path, name: str, setup: str, tests: Mapping[str, Tests]) -> Assignment:
    (chapter,) = load_chapters(course)
    questions = []
    for exercise in chapter.exercises.values():
        key = chapter.key(exercise.id)
        assert key is not None, "the benchmarks' courses have their answers beside them"
        mistake = next(iter(key.mistakes.values())).code
        questions.append(
            Question(
                exercise.id, exercise.points, exercise.template, key.reference, mistake, tests[exercise.id]
            )
        )
    return Assignment(course, name, setup, tuple(questions))
