"""Chapter 6's judge: its own arithmetic against other people's."""

from __future__ import annotations

from statistics import stdev
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pytest
from keras import layers

from chapters.ch06_efficientnet.answers import (
    compounds,
    costs,
    dropped,
    excited,
    rounded,
    standard_error,
)
from chapters.ch06_efficientnet.exercises import layout, mbconv_outputs

Array = npt.NDArray[Any]


def test_cost_is_counted_on_a_network_of_keras() -> None:
    inputs = keras.Input((16, 16, 3))
    x, total = inputs, 0
    for filters, size in ((6, 16), (6, 16), (10, 8), (10, 8)):
        layer = layers.Conv2D(filters, 3, strides=x.shape[1] // size, padding="same", use_bias=False)
        x = layer(x)
        total += layer.count_params() * x.shape[1] * x.shape[2]

    assert costs([(3, 8), (5, 4)], 2, 2, 2)["right"] == total


@pytest.mark.parametrize(
    ("channels", "width", "right"),
    [(32, 1.1, 32), (16, 1.1, 16), (320, 1.8, 576), (1280, 1.1, 1408), (40, 2, 80)],
)
def test_channels_are_rounded_as_in_the_published_networks(channels: int, width: float, right: int) -> None:
    assert rounded(channels, width, 8)["right"] == right


def test_cost_of_a_step_follows_from_its_factors() -> None:
    depth, width, resolution, cost = compounds(3, 1.2, 1.1, 1.15)["right"]

    assert cost == pytest.approx(depth * width**2 * resolution**2)


def test_squeeze_and_excitation_is_that_of_keras_layers() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1, (3, 4, 5, 6)).astype("float32")
    w1, b1, w2, b2 = (rng.normal(0, 1, shape) for shape in ((6, 2), 2, (2, 6), 6))
    inner, outer = layers.Dense(2, activation="swish"), layers.Dense(6, activation="sigmoid")
    gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
    outer(inner(gate))
    inner.set_weights([w1, b1])
    outer.set_weights([w2, b2])

    right = x * np.array(outer(inner(gate)))

    np.testing.assert_allclose(excited(x, w1, b1, w2, b2)["right"], right, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_block_in_numpy_is_that_of_keras_layers(stride: int) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(0, 1, (2, 6, 8, 3)).astype("float32")
    model = keras.Sequential(
        [
            layers.Conv2D(6, 1, use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("swish"),
            layers.DepthwiseConv2D(3, strides=stride, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("swish"),
            layers.Conv2D(5, 1, use_bias=False),
            layers.BatchNormalization(),
        ]
    )
    model(x)
    w = {
        name: rng.uniform(0.5, 1.5, shape)
        for name, shape in layout(3, 5, 2, 1, expands=True, excites=False).items()
    }
    model.set_weights([a.reshape(b.shape) for a, b in zip(w.values(), model.get_weights(), strict=True)])

    np.testing.assert_allclose(mbconv_outputs(x, w, stride), np.array(model(x)), rtol=1e-4, atol=1e-4)


def test_dropped_branches_keep_their_mean() -> None:
    x, branch = np.zeros((40_000, 1)), np.ones((40_000, 1))
    survives = np.random.default_rng(3).random(40_000) < 0.8

    assert dropped(x, branch, 0.8, survives)["right"].mean() == pytest.approx(1, abs=0.01)


def test_standard_error_is_that_of_the_mean() -> None:
    values = np.random.default_rng(4).normal(0, 1, 5)

    assert standard_error(values) == pytest.approx(stdev(values) / 5**0.5)
