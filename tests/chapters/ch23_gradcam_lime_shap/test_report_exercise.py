"""The report's own procedure: each of its faults, shown where nothing else can be the cause."""

from __future__ import annotations

import cv2
import keras
import numpy as np
import pytest

from chapters.ch23_gradcam_lime_shap import methods, taught


def network(head: list[float], bias: list[float]) -> keras.Model:
    """One map that is the image's blue channel, pooled, and a score for each weight of the head."""
    inputs = keras.Input((4, 4, 3))
    maps = keras.layers.Conv2D(1, 1, use_bias=False, name="maps")(inputs)
    scores = keras.layers.Dense(len(head), name="logits")(keras.layers.GlobalAveragePooling2D()(maps))
    model = keras.Model(inputs, scores)
    model.get_layer("maps").set_weights([np.array([1, 0, 0], "float32").reshape(1, 1, 3, 1)])
    model.get_layer("logits").set_weights([np.array([head]), np.array(bias)])
    return model


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(1).integers(1, 256, (4, 4, 3)).astype("uint8")


def test_map_is_that_of_the_likeliest_class_scaled_to_one(image: np.ndarray) -> None:
    found = taught.report_map(network([1.0, -1.0], [1.0, 0.0]), "maps", image)

    np.testing.assert_allclose(found, image[..., 0] / image[..., 0].max(), rtol=1e-5)


def test_map_without_evidence_is_nothing_but_nan(image: np.ndarray) -> None:
    found = taught.report_map(network([-1.0, 0.0], [100.0, 0.0]), "maps", image)

    assert np.isnan(found).all()


def test_hottest_place_is_written_in_blue() -> None:
    pixel = taught.report_overlay(np.ones((7, 7), "float32"), np.zeros((224, 224, 3)))[0, 0]

    assert pixel.argmax() == 0  # OpenCV writes blue first


def test_sum_runs_over_on_a_bright_image() -> None:
    ramp = np.tile(np.linspace(0, 1, 14, dtype="float32"), (14, 1))

    summed = taught.report_overlay(ramp, np.full((224, 224, 3), 200, "uint8"))

    assert np.mean(summed.max(axis=2) > 255) > 0.3


def test_colouring_before_enlarging_makes_colours_that_the_map_lacks() -> None:
    coarse = np.random.default_rng(2).integers(0, 256, (7, 7)).astype("uint8")

    colours = cv2.resize(cv2.applyColorMap(coarse, cv2.COLORMAP_JET), (96, 96))
    values = cv2.applyColorMap(cv2.resize(coarse, (96, 96)), cv2.COLORMAP_JET)

    assert methods.share_off_the_colour_map(colours) > 0.05
    assert methods.share_off_the_colour_map(values) == 0


def test_probability_of_a_sure_answer_has_next_to_no_gradient(image: np.ndarray) -> None:
    model = network([1.0, -1.0], [9.0, 0.0])
    sure = keras.Model(model.input, keras.ops.softmax(model.output))
    inputs, classes = image[None].astype("float32") / 255, np.array([0])

    by_score = taught.gradcam_maps(model, "maps", inputs, classes)
    by_chance = taught.gradcam_maps(sure, "maps", inputs, classes)

    assert by_chance.max() < 0.05 * by_score.max()
