"""Chapter 4's judge: its own arithmetic against Keras'."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from chapters.ch04_mobilenet_densenet_wavenet import probes
from chapters.ch04_mobilenet_densenet_wavenet.answers import (
    causal,
    counts,
    depthwise,
    grown,
    output_size,
    sampled,
    weight_count,
)
from chapters.ch04_mobilenet_densenet_wavenet.exercises import LIMIT, WARM_UP, draw_signals


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_counts_are_weights_times_places_of_keras_layers(stride: int, padding: str) -> None:
    ordinary = layers.Conv2D(6, 3, stride, padding=padding, use_bias=False)
    spatial = layers.DepthwiseConv2D(3, stride, padding=padding, use_bias=False)
    mixing = layers.Conv2D(6, 1, use_bias=False)
    images = keras.Input((11, 8, 4))
    pairs = [(ordinary, ordinary(images)), (spatial, spatial(images)), (mixing, mixing(spatial.output))]

    expected = [layer.count_params() * output.shape[1] * output.shape[2] for layer, output in pairs]

    height, width = (output_size(size, 3, stride, padding) for size in (11, 8))
    assert list(counts(height, width, 4, 6, 3)) == expected


@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_is_that_of_keras_after_padding_both_sides(stride: int) -> None:
    rng = np.random.default_rng(1)
    images, kernels = rng.normal(0, 1, (2, 8, 7, 3)), rng.normal(0, 1, (5, 5, 3))
    padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0))).astype("float32")
    expected = tf.nn.depthwise_conv2d(
        padded, kernels[..., None].astype("float32"), [1, stride, stride, 1], "VALID"
    )

    np.testing.assert_allclose(depthwise(images, kernels, stride), expected, rtol=1e-4, atol=1e-4)


def test_densenet121_has_these_channels_and_weights() -> None:
    model = keras.applications.DenseNet121(weights=None)
    kernels = [layer.kernel for layer in model.layers if isinstance(layer, layers.Conv2D)]
    joined = {name: model.get_layer(name).output.shape[-1] for name in ("conv2_block6_concat", "pool2_conv")}
    case = (64, 32, [6, 12, 24, 16], 0.5)

    assert grown(*case)[:2] == list(joined.values())
    assert grown(*case)[-1] == model.get_layer("conv5_block16_concat").output.shape[-1]
    assert weight_count(*case) == sum(int(np.prod(kernel.shape)) for kernel in kernels[1:])


@pytest.mark.parametrize("dilation", [1, 3])
def test_causal_convolution_is_that_of_keras(dilation: int) -> None:
    rng = np.random.default_rng(2)
    signal, kernel = rng.normal(0, 1, (2, 10, 3)), rng.normal(0, 1, (3, 3, 4))
    layer = layers.Conv1D(4, 3, padding="causal", dilation_rate=dilation, use_bias=False)
    layer.build(signal.shape)
    layer.set_weights([kernel])

    expected = layer(signal.astype("float32"))

    np.testing.assert_allclose(causal(signal, kernel, dilation), expected, rtol=1e-4, atol=1e-4)


def test_chances_of_the_sampled_codes_are_those_of_the_model() -> None:
    uniforms = (np.arange(2000) + 0.5) / 2000
    drawn = [sampled([3, 1], [20, 70], [uniform])[0] for uniform in uniforms]

    share = np.bincount(drawn, minlength=256) / len(drawn)

    np.testing.assert_allclose(share, probes.code_model([3, 1])([20, 70]), atol=1e-3)


@pytest.mark.parametrize("delays", [(13, 29), (9, 31), (14, 22)])
def test_only_who_knows_both_echoes_predicts_the_waveform(delays: tuple[int, int]) -> None:
    signals = draw_signals(np.random.default_rng(3), 40, 400, delays).astype("float64")
    windows = np.lib.stride_tricks.sliding_window_view(signals[:, :-1], WARM_UP, axis=1)[:, 1:]
    target = signals[:, WARM_UP + 1 :]
    rows = np.concatenate([windows, np.ones((*windows.shape[:2], 1))], axis=-1).reshape(-1, WARM_UP + 1)
    taps = np.linalg.lstsq(rows, target.ravel(), rcond=None)[0]
    first, second = (windows[..., -delay] for delay in delays)

    def share(prediction: np.ndarray[Any, Any]) -> float:
        return float(np.mean((prediction - target) ** 2) / np.mean(target**2))

    assert share(0.6 * np.cos(4 * first) + 0.6 * np.sin(3 * second)) < 0.5 * LIMIT
    assert share((rows @ taps).reshape(target.shape)) > 3 * LIMIT
    assert share(windows[..., -1]) > 1


@pytest.mark.parametrize("window", [[1, 2], [1, 2, 3, 4], 5, [[1, 2, 3]]])
def test_model_of_codes_refuses_another_number_of_codes(window: Any) -> None:
    with pytest.raises(ValueError, match="ちょうど 3 個"):
        probes.code_model([1, 2, 3])(window)


@pytest.mark.parametrize("window", [[1, 2, 256], [-1, 2, 3], [0.5, 1, 2]])
def test_model_of_codes_refuses_what_is_no_code(window: list[float]) -> None:
    with pytest.raises(ValueError, match="0〜255 の整数"):
        probes.code_model([1, 2, 3])(window)
