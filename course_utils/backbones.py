"""Pretrained image networks that ship with the course, and how to load them.

:func:`load_backbone` returns small residual networks, without a head, that this project pretrained:
preprocessed images ``(batch, height, width, 3)`` go in, pooled features ``(batch, channels)`` come out.
:func:`load_efficientnet_lite0` returns a published classifier of ImageNet's 1,000 classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers
from safetensors import SafetensorError
from safetensors.numpy import load_file

from course_utils.paths import shipped_data


@dataclass(frozen=True)
class BackboneSpec:
    """Architecture of a shipped backbone.

    Attributes:
        widths: Channels of each stage; the last is the number of features.
        blocks_per_stage: Residual blocks in each stage.
    """

    widths: tuple[int, ...]
    blocks_per_stage: int = 2


BACKBONES: dict[str, BackboneSpec] = {
    "resnet_small_cifar10": BackboneSpec(widths=(32, 64, 96)),
    "resnet_wide_cifar10": BackboneSpec(widths=(64, 128, 192)),
    "resnet_small_fractal": BackboneSpec(widths=(32, 64, 96)),
}

DETECTION_TRUNK = shipped_data() / "detectors" / "trunk.npz"
DETECTOR_STEPS = 2000
"""Training steps, of 16 scenes each, of every detector of chapters 8 to 10."""

BATCH_NORM_MOMENTUM = 0.9
"""Keras' default of 0.99 needs hundreds of steps to follow a small data set."""


def residual_block(inputs: keras.KerasTensor, filters: int, stride: int = 1) -> keras.KerasTensor:
    """Adds one basic residual block, ``relu(shortcut(x) + F(x))``.

    Args:
        inputs: Feature map of shape ``(batch, height, width, channels)``.
        filters: Channels of the output.
        stride: Stride of the first convolution; above 1 the map shrinks by it.

    Returns:
        Feature map of shape ``(batch, ceil(height / stride), ceil(width / stride), filters)``.

    Source: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, Fig. 2 and option B.
    """
    shortcut = inputs
    x = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x)
    x = layers.ReLU()(x)
    x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x)
    if stride != 1 or inputs.shape[-1] != filters:
        shortcut = layers.Conv2D(filters, 1, stride, use_bias=False)(inputs)
        shortcut = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(shortcut)
    return layers.ReLU()(layers.Add()([shortcut, x]))


def build_residual_network(
    widths: Sequence[int], blocks_per_stage: int = 2, name: str = "resnet"
) -> keras.Model:
    """Builds a residual feature extractor with random weights.

    Args:
        widths: Channels of each stage; every stage after the first halves the map.
        blocks_per_stage: Residual blocks in each stage.
        name: Name of the model.

    Returns:
        A model from images ``(batch, height, width, 3)``, preprocessed by
        :func:`preprocess`, to features ``(batch, widths[-1])``.
    """
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(widths[0], 3, 2, padding="same", use_bias=False)(inputs)
    x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x)
    x = layers.ReLU()(x)
    for stage, filters in enumerate(widths):
        for block in range(blocks_per_stage):
            x = residual_block(x, filters, stride=2 if stage > 0 and block == 0 else 1)
    features = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(inputs, features, name=name)


def build_detection_trunk(widths: Sequence[int] = (16, 32, 48, 64)) -> keras.Model:
    """Builds the trunk with random weights that all detectors of chapters 8 to 10 share.

    Args:
        widths: Channels of the maps with strides 2, 4, 8 and 16.

    Returns:
        A model from images ``(batch, height, width, 3)``, values in [-1, 1], to three maps
        ``(batch, height / stride, width / stride, channels)``, with strides 4, 8 and 16.
    """
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(widths[0], 3, 2, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM)(x))
    maps = []
    for filters in widths[1:]:
        x = residual_block(x, filters, stride=2)
        maps.append(x)
    return keras.Model(inputs, maps, name="trunk")


def start_from_trunk(model: keras.Model) -> keras.Model:
    """Gives a network's trunk the shipped weights that all detectors of chapters 8 to 10 start from.

    They have learnt to classify the pixels of chapter 8's scenes, as the papers' trunks have seen ImageNet.

    Args:
        model: A model with a layer that :func:`build_detection_trunk` built.

    Returns:
        The same model.
    """
    load_weights(model.get_layer("trunk"), DETECTION_TRUNK)
    return model


def load_weights(model: keras.Model, path: Path) -> keras.Model:
    """Puts weights that :func:`save_backbone` wrote into a model of the same architecture.

    Args:
        model: Any Keras model.
        path: The ``.npz`` file.

    Returns:
        The same model.

    Raises:
        ValueError: If the file's arrays do not fit the model.
    """
    with np.load(path, allow_pickle=False) as archive:
        arrays = [archive[key].astype("float32") for key in sorted(archive.files)]
    if [a.shape for a in arrays] != [w.shape for w in model.get_weights()]:
        raise ValueError(
            f"{path.name} の重みは {model.name} の構造に合いません。 / "
            f"The weights in {path.name} do not fit the architecture of {model.name}."
        )
    model.set_weights(arrays)
    return model


def multiply_adds(function: Callable[..., Any], *shapes: Sequence[int]) -> int:
    """Counts multiplications with an addition in the convolutions and matrix products of a function.

    Args:
        function: A Keras model, or any function of float32 tensors.
        *shapes: Shape of each argument, batch included, all known.

    Returns:
        The count; other operations are left out.
    """
    import tensorflow as tf

    arguments = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    total = 0
    for operation in tf.function(function).get_concrete_function(*arguments).graph.get_operations():
        if operation.type not in ("Conv2D", "MatMul", "BatchMatMulV2", "DepthwiseConv2dNative"):
            continue
        first, second = (value.shape for value in operation.inputs)
        outputs = int(np.prod(operation.outputs[0].shape))
        if operation.type == "Conv2D":
            total += outputs * int(np.prod(second[:3]))
        elif operation.type == "DepthwiseConv2dNative":
            total += outputs * int(np.prod(second[:2]))
        else:
            flipped = operation.get_attr("transpose_a" if operation.type == "MatMul" else "adj_x")
            total += outputs * int(first[-2 if flipped else -1])
    return total


def preprocess(images: np.ndarray) -> np.ndarray:
    """Converts RGB images to what the shipped backbones and Keras' ResNet50 expect.

    The channels are reordered to BGR and ImageNet's mean is subtracted ("caffe" mode);
    nothing is divided by 255.

    Args:
        images: RGB values in [0, 255], shape ``(..., 3)``, any real dtype.

    Returns:
        A new float32 array of the same shape.
    """
    copy = np.array(images, dtype="float32")
    return np.asarray(keras.applications.resnet.preprocess_input(copy, data_format="channels_last"))


def save_backbone(model: keras.Model, path: Path) -> None:
    """Writes a backbone's weights as float16, half the size of a Keras weights file.

    Args:
        model: Any Keras model.
        path: File to write, ending in ``.npz``.
    """
    arrays = {f"{i:03d}": w.astype("float16") for i, w in enumerate(model.get_weights())}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, **arrays)


def load_backbone(name: str, weights: str | Path | None = "shipped") -> keras.Model:
    """Builds a shipped backbone and, by default, loads its pretrained weights.

    Args:
        name: A key of :data:`BACKBONES`.
        weights: ``"shipped"`` for the pretrained weights, ``None`` for random ones, or an ``.npz`` file.

    Returns:
        A model from preprocessed images ``(batch, height, width, 3)`` to features ``(batch, channels)``.

    Raises:
        ValueError: If the name is unknown or the file's arrays do not fit the architecture.
    """
    if name not in BACKBONES:
        known = ", ".join(BACKBONES)
        raise ValueError(
            f"バックボーン {name!r} はありません。次のどれかを指定してください: {known} / "
            f"Unknown backbone {name!r}; choose one of: {known}"
        )
    spec = BACKBONES[name]
    model = build_residual_network(spec.widths, spec.blocks_per_stage, name=name)
    if weights is None:
        return model
    path = shipped_data() / "pretrained" / f"{name}.npz" if weights == "shipped" else Path(weights)
    return load_weights(model, path)


class MBConvGroup(NamedTuple):
    """Equal blocks in a row, one stage of EfficientNet.

    Attributes:
        repeats: How many blocks.
        kernel: Width and height of the depthwise convolution.
        stride: Stride of the first block; the others have 1.
        expansion: How many times as many channels as the input the depthwise convolution has.
        filters: Channels of the output.
    """

    repeats: int
    kernel: int
    stride: int
    expansion: int
    filters: int


EFFICIENTNET_LITE0 = (
    MBConvGroup(1, 3, 1, 1, 16),
    MBConvGroup(2, 3, 2, 6, 24),
    MBConvGroup(2, 5, 2, 6, 40),
    MBConvGroup(3, 3, 2, 6, 80),
    MBConvGroup(3, 5, 1, 6, 112),
    MBConvGroup(4, 5, 2, 6, 192),
    MBConvGroup(1, 3, 1, 6, 320),
)
"""Tan and Le, "EfficientNet", ICML 2019, Table 1, as EfficientNet-Lite keeps it."""

LITE0_FILE = "efficientnet_lite0.safetensors"
LITE0_EPSILON = 1e-3


def build_efficientnet_lite0(classes: int = 1000) -> keras.Model:
    """Builds EfficientNet-Lite0 with random weights.

    EfficientNet-B0 for phones: ReLU6 in place of swish, no squeeze-and-excitation.

    Args:
        classes: Number of classes.

    Returns:
        A model from images ``(batch, height, width, 3)`` of any size, preprocessed by
        :func:`preprocess_lite0`, to logits ``(batch, classes)``. The layers ``top_activation``
        ``(batch, ceil(height / 32), ceil(width / 32), 1280)``, ``avg_pool`` and ``logits`` are its end.

    Source: Liu, "Higher accuracy on vision models with EfficientNet-Lite", TensorFlow Blog, 2020.
    """

    def convolve(x: keras.KerasTensor, layer: layers.Layer, norm: str, active: bool) -> keras.KerasTensor:
        x = layers.BatchNormalization(epsilon=LITE0_EPSILON, name=norm)(layer(x))
        return layers.ReLU(6, name=norm.replace("bn", "activation"))(x) if active else x

    def convolution(filters: int, kernel: int, stride: int, name: str) -> layers.Layer:
        return layers.Conv2D(filters, kernel, stride, padding="same", use_bias=False, name=name)

    inputs = keras.Input((None, None, 3))
    x = convolve(inputs, convolution(32, 3, 2, "stem_conv"), "stem_bn", True)
    for stage, group in enumerate(EFFICIENTNET_LITE0, 1):
        for block in range(group.repeats):
            name = f"block{stage}{chr(ord('a') + block)}"
            shortcut, stride, channels = x, group.stride if block == 0 else 1, x.shape[-1]
            if group.expansion > 1:
                expand = convolution(channels * group.expansion, 1, 1, f"{name}_expand_conv")
                x = convolve(x, expand, f"{name}_expand_bn", True)
            depthwise = layers.DepthwiseConv2D(
                group.kernel, stride, padding="same", use_bias=False, name=f"{name}_dwconv"
            )
            x = convolve(x, depthwise, f"{name}_bn", True)
            project = convolution(group.filters, 1, 1, f"{name}_project_conv")
            x = convolve(x, project, f"{name}_project_bn", False)
            if stride == 1 and channels == group.filters:
                x = layers.Add(name=f"{name}_add")([x, shortcut])
    x = convolve(x, convolution(1280, 1, 1, "top_conv"), "top_bn", True)
    x = layers.GlobalAveragePooling2D(name="avg_pool")(x)
    return keras.Model(inputs, layers.Dense(classes, name="logits")(x), name="efficientnet_lite0")


def preprocess_lite0(images: np.ndarray) -> np.ndarray:
    """Converts RGB images to what EfficientNet-Lite0 was trained on, ``(x - 127) / 128``.

    Args:
        images: RGB values in [0, 255], shape ``(..., 3)``, any real dtype.

    Returns:
        A new float32 array of the same shape.
    """
    return (np.asarray(images, dtype="float32") - 127) / 128


def load_efficientnet_lite0(weights: str | Path | None = "shipped") -> keras.Model:
    """Builds EfficientNet-Lite0 and, by default, loads the weights that were trained on ImageNet.

    Args:
        weights: ``"shipped"`` for the published weights, ``None`` for random ones, or a file in the same
            format.

    Returns:
        The model of :func:`build_efficientnet_lite0` with 1,000 classes, in the order of
        :mod:`course_utils.imagenet`.

    Raises:
        ValueError: If the file is damaged or its arrays do not fit the architecture.
    """
    model = build_efficientnet_lite0()
    if weights is None:
        return model
    path = shipped_data() / "imagenet" / LITE0_FILE if weights == "shipped" else Path(weights)
    try:
        arrays = load_file(path)
    except SafetensorError as error:
        raise ValueError(
            f"{path.name} は壊れています({error})。取り直してください。 / "
            f"{path.name} is damaged ({error}); get it again."
        ) from error
    if {path: array.shape for path, array in arrays.items()} != {v.path: v.shape for v in model.variables}:
        raise ValueError(
            f"{path.name} の重みは EfficientNet-Lite0 の構造に合いません。 / "
            f"The weights in {path.name} do not fit the architecture of EfficientNet-Lite0."
        )
    for variable in model.variables:
        variable.assign(arrays[variable.path].astype("float32"))
    return model
