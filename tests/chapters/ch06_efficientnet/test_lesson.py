"""Chapter 6's lesson: its blocks against Keras' own, and what it says in passing."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers

from chapters.ch06_efficientnet import experiment, tables
from chapters.ch06_efficientnet.taught import efficientnet, mbconv, multiply_adds, se_block
from course_utils.backbones import EFFICIENTNET_LITE0, load_efficientnet_lite0, preprocess_lite0
from course_utils.imagenet import top_classes
from course_utils.photos import PHOTOS, load_photo


def drawn_weights(model: keras.Model) -> list[np.ndarray]:
    """Draws weights that keep the signal: kernels by their inputs, variances around 1."""
    rng = np.random.default_rng(0)
    drawn = []
    for variable in model.weights:
        shape = tuple(variable.shape)
        if len(shape) > 1:
            inputs = np.prod(shape[:2]) if "depthwise" in variable.path else np.prod(shape[:-1])
            drawn.append(rng.normal(0, (2 / inputs) ** 0.5, shape))
        elif "variance" in variable.path or "gamma" in variable.path:
            drawn.append(rng.uniform(0.5, 1.5, shape))
        else:
            drawn.append(rng.normal(0, 0.1, shape))
    return drawn


def test_b0_is_keras_own_under_copied_weights() -> None:
    theirs = keras.applications.EfficientNetB0(weights=None, classifier_activation=None)
    ours = efficientnet(EFFICIENTNET_LITE0, 224)
    weights = drawn_weights(ours)
    ours.set_weights(weights)
    theirs.set_weights([*theirs.get_weights()[:3], *weights])
    images = np.random.default_rng(1).uniform(0, 255, (2, 224, 224, 3)).astype("float32")

    given, wanted = np.array(ours(images / 255)), np.array(theirs(images))

    assert wanted.std() > 0.1
    np.testing.assert_allclose(given, wanted, rtol=1e-3, atol=1e-3 * wanted.std())
    assert ours.count_params() + 7 == theirs.count_params() == 5_330_571
    assert multiply_adds(ours) == multiply_adds(theirs)


def test_a_gate_lies_between_0_and_1_and_scales_whole_channels() -> None:
    inputs = keras.Input((5, 5, 6))
    model = keras.Model(inputs, se_block(inputs, 2))
    x = np.random.default_rng(0).uniform(1, 2, (3, 5, 5, 6)).astype("float32")

    gate = model.predict(x, verbose=0) / x

    assert ((gate > 0) & (gate < 1)).all()
    np.testing.assert_allclose(gate, np.broadcast_to(gate[:, :1, :1], gate.shape), rtol=1e-5)


@pytest.mark.parametrize(("filters", "stride", "adds"), [(8, 1, True), (12, 1, False), (8, 2, False)])
def test_only_a_block_that_keeps_the_form_has_a_shortcut(filters: int, stride: int, adds: bool) -> None:
    inputs = keras.Input((8, 8, 8))
    model = keras.Model(inputs, mbconv(inputs, filters, stride=stride, drop=0.5))
    last = [layer for layer in model.layers if isinstance(layer, layers.BatchNormalization)][-1]
    last.gamma.assign(np.zeros(filters))
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 8)).astype("float32")

    y = model.predict(x, verbose=0)

    assert y.shape == (2, 8 // stride, 8 // stride, filters)
    np.testing.assert_allclose(y, x if adds else np.zeros_like(y), atol=1e-6)


def test_stochastic_depth_drops_whole_branches_and_keeps_their_mean() -> None:
    keras.utils.set_random_seed(0)
    dropped = np.array(
        layers.Dropout(0.25, noise_shape=(None, 1, 1, 1))(np.ones((4000, 2, 2, 3)), training=True)
    )

    values = dropped.reshape(4000, -1)
    np.testing.assert_array_equal(values, np.broadcast_to(values[:, :1], values.shape))
    assert set(np.unique(values.round(4))) == {0.0, np.float32(1.3333)}
    assert abs(dropped.mean() - 1) < 0.05


def test_the_count_without_building_is_the_count_of_the_layers() -> None:
    for direction, factor in (("depth", 1), ("compound", 4), ("width", 2), ("resolution", 2)):
        scaled = experiment.scaled_to(direction, factor)
        with keras.StatelessScope():
            model = efficientnet(*experiment.arguments(scaled), classes=5)
        assert experiment.cost(scaled) == multiply_adds(model)


def test_the_scaled_networks_cost_what_they_are_compared_at() -> None:
    small = experiment.cost(experiment.SMALL)

    for direction in experiment.DIRECTIONS:
        assert abs(experiment.cost(experiment.scaled_to(direction, 2)) / small / 2 - 1) < 0.05


def test_the_published_accuracies_rise_and_by_less_and_less() -> None:
    accuracies = [each.accuracy for each in tables.PUBLISHED.values()]

    assert accuracies == sorted(accuracies)
    assert accuracies[1] - accuracies[0] > accuracies[-1] - accuracies[-2]


def test_the_rocket_is_taken_for_something_else_at_128_pixels() -> None:
    network = load_efficientnet_lite0()
    pictures = np.stack([load_photo("rocket", 128), load_photo("coffee", 128)])

    rocket, coffee = network.predict(preprocess_lite0(pictures), verbose=0)

    assert set(PHOTOS) >= {"rocket", "coffee"}
    assert top_classes(rocket, 1)[0].index == 540
    assert top_classes(rocket, 1)[0].probability > 0.9
    assert top_classes(coffee, 1)[0].index == 967
