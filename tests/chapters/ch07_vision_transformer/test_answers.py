"""Chapter 7's judge: its own arithmetic against other people's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
import tensorflow as tf
from keras import layers

from chapters.ch07_vision_transformer.answers import (
    ANSWERS,
    block_of,
    crossings_of,
    draw_accuracies,
    draw_block,
    parameters_of,
    patches_of,
    resized_of,
    rollout_of,
    shifted_of,
)
from chapters.ch07_vision_transformer.exercises import BLOCK_SHAPES, block_weights
from grader.course.chapters import find_exercise
from grader.exercise import Status
from grader.judging.checks import judge_exercise
from grader.learner.local import LocalAnswer
from grader.learner.notebook import probes_of

from ..answering import defined

Array = npt.NDArray[Any]

FAILED = {Status.WRONG_VALUE, Status.WRONG_SHAPE, Status.WRONG_TYPE, Status.RAISED}

RIGHT_TO_LEFT = """def find_crossings(a, b, margin):
    verdicts, crossings, later = {}, [], None
    for n in sorted(a, reverse=True):
        ahead = sum(x > y for x, y in zip(a[n], b[n]))
        behind = sum(x < y for x, y in zip(a[n], b[n]))
        gap = (sum(a[n]) - sum(b[n])) / len(a[n])
        verdicts[n] = "?"
        if len(a[n]) > 2 and abs(gap) >= margin and len(a[n]) in (ahead, behind):
            verdicts[n] = "A" if ahead else "B"
            if later and verdicts[later] != verdicts[n]:
                crossings.insert(0, (n, later))
            later = n
    return verdicts, crossings
"""


def test_patches_are_those_of_tensorflow() -> None:
    images = np.random.default_rng(1).normal(0, 1, (2, 6, 9, 2)).astype("float32")
    found = tf.image.extract_patches(images, [1, 3, 3, 1], [1, 3, 3, 1], [1, 1, 1, 1], "VALID")

    np.testing.assert_array_equal(patches_of(images, 3), tf.reshape(found, (2, 6, 18)))


def test_block_is_that_of_keras_layers() -> None:
    rng = np.random.default_rng(2)
    weights, x = draw_block(rng, dim=6, mlp=9), rng.normal(0, 2, (2, 5, 6)).astype("float32")
    inputs = keras.Input((5, 6))
    normed = layers.LayerNormalization(epsilon=1e-6)
    attend = layers.MultiHeadAttention(3, 2)
    middle = layers.LayerNormalization(epsilon=1e-6)
    expand, shrink = layers.Dense(9, activation="gelu"), layers.Dense(6)
    z = normed(inputs)
    between = inputs + attend(z, z)
    model = keras.Model(inputs, between + shrink(expand(middle(between))))
    normed.set_weights([weights["gamma1"], weights["beta1"]])
    middle.set_weights([weights["gamma2"], weights["beta2"]])
    split = [
        part
        for name in ("query", "key", "value")
        for part in (weights[name].reshape(6, 3, 2), np.zeros((3, 2)))
    ]
    attend.set_weights([*split, weights["output"].reshape(3, 2, 6), weights["output_bias"]])
    expand.set_weights([weights["expand"], weights["expand_bias"]])
    shrink.set_weights([weights["shrink"], weights["shrink_bias"]])

    np.testing.assert_allclose(block_of(x, weights, 3), model.predict(x, verbose=0), rtol=1e-3, atol=1e-4)


def test_weights_of_the_visible_check_have_their_shapes() -> None:
    sizes = {"dim": 4, "mlp": 3}

    weights = block_weights(**sizes)

    assert {name: list(array.shape) for name, array in weights.items()} == {
        name: [sizes[side] for side in shape] for name, shape in BLOCK_SHAPES.items()
    }
    assert all(0 < np.abs(array).max() <= 1.25 for array in weights.values())


def test_parameters_are_the_papers() -> None:
    assert parameters_of(224, 16, 768, 12, 3072, 1000) == 86_567_656
    assert parameters_of(224, 16, 192, 12, 768, 1000) == 5_717_416
    assert parameters_of(224, 16, 384, 12, 1536, 1000) == 22_050_664


def test_shifted_copies_are_rolled_where_no_border_is_near() -> None:
    images = np.zeros((1, 16, 16, 2))
    images[:, 4:12, 4:12] = np.random.default_rng(3).normal(0, 1, (1, 8, 8, 2))
    shifts = [(0, 0), (2, 2), (2, -2), (-2, 2), (-2, -2)]
    rolled = np.concatenate([np.roll(images, shift, axis=(1, 2)) for shift in shifts], axis=-1)

    np.testing.assert_array_equal(shifted_of(images, 4), patches_of(rolled, 4))


def test_shifted_copies_are_black_at_the_border() -> None:
    patches = shifted_of(np.ones((1, 8, 8, 1)), 4).reshape(1, 2, 2, 4, 4, 5)

    assert patches[..., 0].all()
    assert [int(patches[..., k].sum()) for k in range(1, 5)] == 4 * [36]
    assert not patches[0, 0, 0, :2, :, 1].any()
    assert not patches[0, 1, 1, :, 2:, 4].any()


@pytest.mark.parametrize("margin", [0.0, 1 / 32, 1 / 8])
def test_crossings_are_those_found_from_right_to_left(margin: float) -> None:
    names = defined("ch07.crossing", RIGHT_TO_LEFT)
    rng = np.random.default_rng(4)
    for _ in range(50):
        a, b = draw_accuracies(rng)

        assert crossings_of(a, b, margin) == names["find_crossings"](a, b, margin)


def test_drawn_accuracies_hold_each_verdict_and_crossings_across_unknown_ones() -> None:
    rng, seen, across = np.random.default_rng(5), set(), 0
    for _ in range(30):
        a, b = draw_accuracies(rng)
        verdicts, crossings = crossings_of(a, b, 1 / 16)
        seen |= set(verdicts.values())
        across += sum(verdicts[n] == "?" for low, high in crossings for n in verdicts if low < n < high)

    assert seen == {"A", "B", "?"}
    assert across > 0


@pytest.mark.parametrize(("old", "new"), [((3, 4), (5, 6)), ((6, 5), (2, 3)), ((1, 3), (4, 1))])
def test_positions_are_resized_as_tensorflow_does(old: tuple[int, int], new: tuple[int, int]) -> None:
    positions = np.random.default_rng(6).normal(0, 1, (1 + old[0] * old[1], 3)).astype("float32")
    found = tf.image.resize(positions[1:].reshape(1, *old, 3), new, method="bilinear", antialias=False)

    given = resized_of(positions, old, new)

    np.testing.assert_array_equal(given[0], positions[0])
    np.testing.assert_allclose(given[1:], tf.reshape(found, (-1, 3)), rtol=1e-4, atol=1e-5)


def test_rollout_is_the_product_of_the_paper() -> None:
    rng = np.random.default_rng(7)
    attentions = [rng.dirichlet(np.ones(10), (4, 10)) for _ in range(3)]
    mixed = [0.5 * attention.mean(axis=0) + 0.5 * np.eye(10) for attention in attentions]

    total = np.linalg.multi_dot(mixed[::-1])

    np.testing.assert_allclose(total.sum(axis=1), 1)
    np.testing.assert_allclose(rollout_of(attentions), total[0, 1:].reshape(3, 3))


@pytest.mark.parametrize("name", [name for name, answers in ANSWERS.items() if answers.right is None])
def test_hidden_check_alone_finds_every_known_mistake(name: str) -> None:
    chapter, exercise = find_exercise(name)
    hidden = ANSWERS[name].hidden
    assert hidden is not None
    missed = set()
    for what, mistake in ANSWERS[name].mistakes.items():
        answer = LocalAnswer(defined(name, mistake.code), probes_of(chapter), seed=8)
        if judge_exercise(answer, replace(exercise, check=hidden)).status not in FAILED:
            missed.add(what)

    assert not missed
