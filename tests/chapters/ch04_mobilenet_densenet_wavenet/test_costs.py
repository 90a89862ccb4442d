"""Chapter 4's costs: counted on layers by their Jacobian, by their shapes and by TensorFlow's profiler."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from chapters.ch04_mobilenet_densenet_wavenet import costs
from chapters.ch04_mobilenet_densenet_wavenet.taught import products_in


def small_model() -> keras.Model:
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, 2, padding="same", name="normal")(inputs)
    x = layers.DepthwiseConv2D(3, padding="same", name="depthwise")(x)
    x = layers.Conv2D(6, 1, name="pointwise")(x)
    x = layers.GlobalAveragePooling2D()(layers.BatchNormalization()(x))
    return keras.Model(inputs, layers.Dense(5, name="dense")(x))


COUNTED = {"normal": 4 * 4 * 27 * 4, "depthwise": 4 * 4 * 9 * 4, "pointwise": 4 * 4 * 4 * 6, "dense": 30}


def test_jacobian_counts_every_product_of_a_convolution_without_padding() -> None:
    assert products_in(layers.Conv2D(5, 3), (6, 7, 2)) == 4 * 5 * 9 * 2 * 5
    assert products_in(layers.DepthwiseConv2D(3), (6, 7, 2)) == 4 * 5 * 9 * 2


def test_jacobian_has_no_products_with_padding() -> None:
    padded = products_in(layers.Conv2D(1, 3, padding="same"), (4, 4, 1))

    assert padded == 4 * 4 + 8 * 6 + 4 * 9


@pytest.mark.parametrize("name", COUNTED)
def test_multiply_adds_of_each_kind_of_layer(name: str) -> None:
    assert costs.multiply_adds(small_model().get_layer(name)) == COUNTED[name]


def test_kinds_add_up_to_the_model() -> None:
    model = small_model()
    kinds = costs.by_kind(model)

    assert {name: kinds[name][0] for name in ("3×3", "depthwise", "1×1", "dense", "other")} == {
        "3×3": COUNTED["normal"],
        "depthwise": COUNTED["depthwise"],
        "1×1": COUNTED["pointwise"],
        "dense": COUNTED["dense"],
        "other": 0,
    }
    assert costs.total_multiply_adds(model) == sum(COUNTED.values())
    assert sum(parameters for _, parameters in kinds.values()) == model.count_params()


def test_profiler_counts_the_same() -> None:
    assert costs.profiled_multiply_adds(small_model()) == sum(COUNTED.values())


def test_peak_of_a_chain_is_its_largest_input_and_output() -> None:
    inputs = keras.Input((4, 4, 1))
    x = layers.Conv2D(8, 1)(inputs)
    x = layers.Conv2D(2, 1)(x)

    assert costs.peak_activations(keras.Model(inputs, x)) == 16 * 8 + 16 * 2


def test_peak_keeps_what_a_later_layer_reads() -> None:
    inputs = keras.Input((4, 4, 1))
    kept = layers.Conv2D(8, 1)(inputs)
    x = layers.Conv2D(8, 1)(layers.Conv2D(8, 1)(kept))
    x = layers.Concatenate()([kept, x])

    assert costs.peak_activations(keras.Model(inputs, x)) == 16 * (8 + 8 + 16)


def test_latencies_are_measured_for_every_model() -> None:
    model = small_model()

    measured = costs.latencies({"a": model, "b": model}, np.zeros((1, 8, 8, 3), "float32"), repeats=2)

    assert list(measured) == ["a", "b"]
    assert all(milliseconds > 0 for milliseconds in measured.values())
