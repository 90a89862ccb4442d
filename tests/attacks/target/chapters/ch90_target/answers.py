"""What the attacks are after."""

from __future__ import annotations

import numpy as np

from grader.compare import expect_close, expect_equal, expect_model
from grader.exercise import Answer, Key, Mistake


def hidden_standardise(answer: Answer) -> None:
    for rows, columns in ((5, 3), (40, 1)):
        x = answer.rng.normal(3, 2, (rows, columns))
        expect_close(answer.call("standardise", x), (x - x.mean(0)) / x.std(0), "standardise(x)", atol=1e-4)


def hidden_collatz_steps(answer: Answer) -> None:
    for number in answer.rng.integers(2, 10_000, 5).tolist():
        n, steps = number, 0
        while n != 1:
            n, steps = (n // 2 if n % 2 == 0 else 3 * n + 1), steps + 1
        expect_equal(answer.call("collatz_steps", number), steps, f"collatz_steps({number})")


def hidden_build_head(answer: Answer) -> None:
    for features, units in answer.rng.integers(2, 9, (2, 2)).tolist():
        hidden_build_head_at(answer, features + 3, units)


def hidden_build_head_at(answer: Answer, features: int, units: int) -> None:
    model = expect_model(answer.call("build_head", features, units), "build_head")
    kernel = answer.rng.normal(0, 1, (features, units))
    bias = answer.rng.normal(0, 1, units)
    answer.probe("set_weights", model, [kernel, bias])
    x = answer.rng.normal(0, 1, (6, features))
    expect_close(
        answer.probe("predict", model, x), np.maximum(x @ kernel + bias, 0), "output", rtol=1e-3, atol=1e-3
    )


ANSWERS = {
    "ch90.standardise": Key(
        reference="""def standardise(x):
    x = np.asarray(x, dtype="float64")
    return (x - x.mean(axis=0)) / x.std(axis=0)
""",
        explanation="列ごとに平均を引き、標準偏差で割ります。",
        mistakes={
            "全体の平均": Mistake(
                "def standardise(x):\n    return (x - x.mean()) / x.std()\n", "standardise(x)"
            ),
        },
        hidden=hidden_standardise,
    ),
    "ch90.collatz_steps": Key(
        reference="""def collatz_steps(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps
""",
        explanation="1 になるまで数えます。",
        mistakes={"1 つ多い": Mistake("def collatz_steps(n):\n    return 1\n", "collatz_steps")},
        hidden=hidden_collatz_steps,
    ),
    "ch90.build_head": Key(
        reference="""import keras

def build_head(features, units):
    inputs = keras.Input((features,))
    outputs = keras.layers.Dense(units, activation="relu")(inputs)
    return keras.Model(inputs, outputs)
""",
        explanation="入力と Dense をつなぐだけです。",
        mistakes={
            "ReLU がない": Mistake(
                """import keras

def build_head(features, units):
    inputs = keras.Input((features,))
    outputs = keras.layers.Dense(units)(inputs)
    return keras.Model(inputs, outputs)
""",
                "出力",
            )
        },
        hidden=hidden_build_head,
    ),
}
