"""The answer, and what is checked without showing it."""

from __future__ import annotations

import numpy as np

from grader.compare import expect_close, expect_model
from grader.exercise import Answer, Key, Mistake


def hidden_small_network(answer: Answer) -> None:
    features, hidden, outputs = (int(size) for size in answer.rng.integers(2, 9, 3))
    model = expect_model(answer.call("small_network", features, hidden, outputs), "small_network")
    first, second = answer.rng.normal(size=(features, hidden)), answer.rng.normal(size=(hidden, outputs))
    bias, offset = answer.rng.normal(size=hidden), answer.rng.normal(size=outputs)
    answer.probe("set_weights", model, [first, bias, second, offset])
    x = answer.rng.normal(size=(6, features))
    expect_close(
        answer.probe("predict", model, x),
        np.maximum(x @ first + bias, 0) @ second + offset,
        "small_network の出力",
        rtol=1e-3,
        atol=1e-3,
    )


ANSWERS = {
    "ch91.small_network": Key(
        reference="""def small_network(features, hidden, outputs):
    inputs = keras.Input((features,))
    x = keras.layers.Dense(hidden, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(outputs)(x))
""",
        explanation="Dense を 2 つつなぎ、1 つめだけに ReLU を使います。",
        alternatives={
            "Sequential": """def small_network(features, hidden, outputs):
    first = keras.layers.Dense(hidden, activation="relu")
    return keras.Sequential([keras.Input((features,)), first, keras.layers.Dense(outputs)])
"""
        },
        mistakes={
            "ReLU がない": Mistake(
                """def small_network(features, hidden, outputs):
    inputs = keras.Input((features,))
    x = keras.layers.Dense(hidden)(inputs)
    return keras.Model(inputs, keras.layers.Dense(outputs)(x))
""",
                "出力",
            )
        },
        hidden=hidden_small_network,
    )
}
