"""Chapter 4's blocks: what they give, and that the networks are of one size."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from chapters.ch04_mobilenet_densenet_wavenet import blocks, tables


@pytest.mark.parametrize("name", blocks.NETWORKS)
def test_networks_map_images_to_logits(name: str) -> None:
    model = blocks.NETWORKS[name](7)

    assert model.input.shape == (None, 32, 32, 3)
    assert model.output.shape == (None, 7)


@pytest.mark.parametrize("classes", [5, 10])
def test_three_networks_have_as_many_parameters_within_three_per_cent(classes: int) -> None:
    counts = [tables.trainable_parameters(blocks.NETWORKS[name](classes)) for name in blocks.EQUAL]

    assert max(counts) / min(counts) < 1.03


def test_dense_layer_keeps_what_it_read() -> None:
    inputs = keras.Input((5, 5, 3))
    model = keras.Model(inputs, blocks.dense_layer(inputs, 2))
    x = np.random.default_rng(0).normal(size=(2, 5, 5, 3)).astype("float32")

    y = model.predict(x, verbose=0)

    assert y.shape == (2, 5, 5, 5)
    np.testing.assert_array_equal(y[..., :3], x)


def test_transition_halves_channels_and_map() -> None:
    assert blocks.transition(keras.Input((8, 8, 10))).shape == (None, 4, 4, 5)


def test_separable_block_has_no_convolution_over_places_and_channels_at_once() -> None:
    inputs = keras.Input((8, 8, 4))
    model = keras.Model(inputs, blocks.separable_block(inputs, 6, stride=2))
    normal = [layer for layer in model.layers if type(layer) is layers.Conv2D]

    assert model.output.shape == (None, 4, 4, 6)
    assert [layer.kernel_size for layer in normal] == [(1, 1)]
    assert sum(isinstance(layer, layers.DepthwiseConv2D) for layer in model.layers) == 1
