"""One small exercise in Keras, whose grading is timed."""

from __future__ import annotations

import numpy as np

from grader.compare import expect_close, expect_equal, expect_model
from grader.exercise import Answer, Exercise


def check_small_network(answer: Answer) -> None:
    model = expect_model(answer.call("small_network", 3, 2, 1), "small_network(3, 2, 1)")
    expect_equal(
        answer.probe("parameter_counts", model),
        {"total": 11, "trainable": 11},
        "small_network(3, 2, 1) のパラメータ数",
    )
    kernel = np.array([[1.0, -1.0], [0.5, 0.0], [0.0, 2.0]])
    answer.probe(
        "set_weights", model, [kernel, np.array([0.0, -1.0]), np.array([[2.0], [3.0]]), np.array([0.5])]
    )
    expect_close(
        answer.probe("predict", model, np.array([[1.0, 2.0, 0.0], [0.0, -4.0, 1.5]])),
        [[4.5], [6.5]],
        "small_network(3, 2, 1) の出力",
    )


EXERCISES = [
    Exercise(
        id="ch91.small_network",
        title="隠れ層が 1 つのネットワーク",
        points=10,
        symbols=("small_network",),
        template='''def small_network(features, hidden, outputs):
    """ReLU の隠れ層 1 つと、活性化関数のない出力層からなるモデルを返します。"""
    raise NotImplementedError
''',
        check=check_small_network,
    )
]
