"""Chapter 23's judge: its own arithmetic against other people's."""

from __future__ import annotations

from typing import Any

import cv2
import keras
import numpy as np
import pytest
import tensorflow as tf
from skimage import transform

from chapters.ch23_gradcam_lime_shap import methods, photos, probes, taught
from chapters.ch23_gradcam_lime_shap.answers import INSERTION, draw_steady_case, gradients_of
from chapters.ch23_gradcam_lime_shap.exercises import draw_pooled_case, enlarged
from course_utils.backbones import load_efficientnet_lite0, preprocess_lite0
from course_utils.photos import load_photo


@pytest.mark.parametrize("hidden", [0, 5])
@pytest.mark.parametrize("layer", ["conv1", "conv2"])
def test_gradients_are_those_of_tensorflow(layer: str, hidden: int) -> None:
    network, image, _ = draw_steady_case(np.random.default_rng(1), (6, 8), (4, 5), 3, hidden)
    model = probes.small_cnn(6, 8, [4, 5], 3, hidden)
    model.set_weights(network.arrays)
    model.layers[-1].activation = keras.activations.linear
    both = keras.Model(model.input, [model.get_layer(layer).output, model.output])

    with tf.GradientTape(persistent=True) as tape:
        features, scores = both(image[np.newaxis])
        each = [scores[0, k] for k in range(3)]
    expected = np.stack([tape.gradient(score, features)[0] for score in each])

    np.testing.assert_allclose(gradients_of(network, image, layer), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("seed", range(30))
def test_class_is_predicted_by_its_bias_alone_and_is_not_0(seed: int) -> None:
    network, image, predicted = draw_pooled_case(np.random.default_rng(seed), (8, 12), (3, 4), 3)
    model = probes.small_cnn(8, 12, [3, 4], 3)
    model.set_weights(network.arrays)
    without = probes.small_cnn(8, 12, [3, 4], 3)
    without.set_weights([*network.arrays[:-1], 0 * network.arrays[-1]])

    best, best_without = (int(np.argmax(each(image[np.newaxis]))) for each in (model, without))

    assert (best, best_without) == (predicted, 3 - predicted)
    assert predicted > 0


def test_enlarging_is_that_of_the_libraries() -> None:
    cam = np.random.default_rng(2).uniform(0, 1, (5, 7)).astype("float32")
    rows = np.stack([np.interp(np.linspace(0, 6, 30), np.arange(7), row) for row in cam])
    corners = np.stack([np.interp(np.linspace(0, 4, 18), np.arange(5), column) for column in rows.T]).T
    mirrored = transform.resize(cam, (18, 30), order=1)  # type: ignore[no-untyped-call]

    for convention, expected in [
        ("edge", cv2.resize(cam, (30, 18), interpolation=cv2.INTER_LINEAR)),
        ("edge", tf.image.resize(cam[..., np.newaxis], (18, 30))[..., 0]),
        ("mirror", mirrored),
        ("corners", corners),
    ]:
        np.testing.assert_allclose(enlarged(cam, (18, 30), convention), expected, atol=1e-5)


@pytest.mark.parametrize("mask", [{0, 2}, [0, 1], [0, 1, 2], 5])
def test_game_refuses_what_is_no_mask(mask: Any) -> None:
    game = probes.coalition_game([0.0] * 8)

    with pytest.raises(ValueError, match="3 個並べたマスク"):
        game(mask)


def test_game_reads_a_mask_of_any_kind() -> None:
    game = probes.coalition_game([float(n) for n in range(8)])

    assert [game(mask) for mask in ((1, 0, 0), [0, 1, 0], np.array([False, False, True]))] == [1, 2, 4]


def test_scorer_refuses_a_single_image() -> None:
    score = probes.pixel_scorer(np.ones((2, 3, 1)))

    assert score(np.ones((4, 2, 3, 1))).tolist() == [6, 6, 6, 6]
    with pytest.raises(ValueError, match=r"\(枚数, 2, 3, 1\)"):
        score(np.ones((2, 3, 1)))


def test_edges_beat_grad_cam_on_the_rocket_alone() -> None:
    """What ``ch23.decide_edges`` asks, measured as the lesson says, with the reference answer."""
    namespace: dict[str, Any] = {}
    exec(INSERTION, namespace)
    network = load_efficientnet_lite0()
    ask = tf.function(network, input_signature=[tf.TensorSpec((None, 224, 224, 3))])
    ahead = []
    for name, label in zip(photos.FILES, photos.CLASSES, strict=True):
        image = load_photo(name)
        maps = taught.gradcam_maps(network, "top_activation", preprocess_lite0(image[None]), [label])

        def score(images: Any, label: int = label) -> Any:
            return tf.nn.softmax(ask(preprocess_lite0(images))).numpy()[:, label]

        ways = (methods.enlarge(maps, 224)[0], methods.edges(image[None])[0])
        by_map, by_edges = (
            namespace["insertion_curve"](score, image, taught.mean_colour(image), heat, 14)[1]
            for heat in ways
        )
        assert abs(by_map - by_edges) > 0.005  # the same on every machine
        ahead.append(bool(by_edges > by_map))

    assert ahead == [False, False, False, True]
