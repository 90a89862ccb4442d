"""The exercises that the attacks aim at: a NumPy function, a plain Python function, a Keras model."""

from __future__ import annotations

import numpy as np

from grader.compare import expect_close, expect_equal, expect_model
from grader.exercise import Answer, Exercise


def check_standardise(answer: Answer) -> None:
    given = np.array([[1.0, 10.0], [3.0, 10.5], [5.0, 12.5]])
    expect_close(
        answer.call("standardise", given),
        [[-1.22474487, -0.9258201], [0.0, -0.46291005], [1.22474487, 1.38873015]],
        "standardise(x)",
    )


def check_collatz_steps(answer: Answer) -> None:
    for number, steps in {1: 0, 6: 8, 27: 111}.items():
        expect_equal(answer.call("collatz_steps", number), steps, f"collatz_steps({number})")


def check_build_head(answer: Answer) -> None:
    model = expect_model(answer.call("build_head", 3, 2), "build_head(3, 2)")
    expect_equal(
        answer.probe("parameter_counts", model),
        {"total": 8, "trainable": 8},
        "build_head(3, 2) のパラメータ数",
    )
    answer.probe("set_weights", model, [np.ones((3, 2)), np.array([0.5, -7.5])])
    expect_close(
        answer.probe("predict", model, np.array([[1.0, 2.0, 4.0]])), [[7.5, 0.0]], "build_head(3, 2) の出力"
    )


EXERCISES = [
    Exercise(
        id="ch90.standardise",
        title="標準化",
        points=4,
        symbols=("standardise",),
        template='''def standardise(x):
    """各列を、平均 0、標準偏差 1 にして返します。"""
    raise NotImplementedError
''',
        check=check_standardise,
        hints=("列ごとの平均は x.mean(axis=0) です。",),
        time_limit=20.0,
    ),
    Exercise(
        id="ch90.collatz_steps",
        title="コラッツの歩数",
        points=3,
        symbols=("collatz_steps",),
        template='''def collatz_steps(n):
    """n が 1 になるまでの歩数を返します。偶数なら n // 2、奇数なら 3 * n + 1 に進みます。"""
    raise NotImplementedError
''',
        check=check_collatz_steps,
        time_limit=3.0,
    ),
    Exercise(
        id="ch90.build_head",
        title="ReLU の全結合層",
        points=5,
        symbols=("build_head",),
        template='''def build_head(features, units):
    """features 個の特徴を受け取り、units 個を返す、ReLU の全結合層 1 つのモデルを返します。"""
    raise NotImplementedError
''',
        check=check_build_head,
        time_limit=30.0,
    ),
]
